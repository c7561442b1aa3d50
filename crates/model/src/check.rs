//! Holds the records against each other: references, units, intervals, cycles, currencies.

mod cycle;
mod fact;
mod reference;

use crate::bundle::Bundle;
use crate::diagnostic::Diagnostic;
use crate::kind::Kind;

/// Everything that is wrong between the records of a bundle.
pub(crate) fn check(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut diagnostics = check_facts(bundle);
    diagnostics.extend(scenarios(bundle));
    diagnostics
}

/// What is wrong with the facts, scenarios aside.
pub(crate) fn check_facts(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut diagnostics = reference::check(bundle);
    diagnostics.extend(fact::check(bundle));
    diagnostics.extend(cycle::check(bundle));
    diagnostics
}

/// A scenario must apply, and must leave nothing wrong that wasn't wrong before.
fn scenarios(bundle: &Bundle) -> Vec<Diagnostic> {
    let before = check_facts(bundle);
    let mut diagnostics = Vec::new();
    for scenario in bundle.records.scenarios.values() {
        let (_, told) = bundle.under(scenario);
        let place = bundle.place(Kind::Scenario, scenario.id.as_str(), &[]);
        for diagnostic in told {
            if before.contains(&diagnostic) {
                continue;
            }
            let message = format!("in scenario `{}`: {}", scenario.id, diagnostic.message);
            let place = diagnostic.place.clone().or_else(|| place.clone());
            diagnostics.push(Diagnostic { message, ..diagnostic }.at(place));
        }
    }
    diagnostics
}
