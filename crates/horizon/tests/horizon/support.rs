use longlead_horizon::{Ask, Plan, plan};
use longlead_model::{Bundle, Diagnostic, Source};

pub(crate) const TRACKER: &str = include_str!("tracker.toml");

pub(crate) fn listed(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub(crate) fn load(text: &str) -> Bundle {
    let source = Source { name: "product.toml".into(), text: text.to_owned() };
    let (bundle, diagnostics) = Bundle::load(&[source]);
    assert!(!diagnostics.iter().any(Diagnostic::is_error), "{}", listed(&diagnostics));
    bundle
}

pub(crate) fn tracker() -> Bundle {
    load(TRACKER)
}

pub(crate) fn ask(bundle: &Bundle) -> Ask {
    Ask::of(bundle, bundle.settings.as_of.unwrap())
}

pub(crate) fn planned(bundle: &Bundle) -> Plan {
    plan(bundle, &ask(bundle), &|_, _| {}).unwrap_or_else(|told| panic!("{}", listed(&told)))
}

/// The bundle under one of its scenarios.
pub(crate) fn under(bundle: &Bundle, scenario: &str) -> Bundle {
    let scenario = bundle.scenario(scenario).unwrap();
    let (changed, told) = bundle.under(scenario);
    assert!(told.is_empty(), "{}", listed(&told));
    changed
}
