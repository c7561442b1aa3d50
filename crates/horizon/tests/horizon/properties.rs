//! What must hold for any product.

use longlead_horizon::{Ask, plan};
use longlead_model::{Bundle, Source};
use proptest::prelude::*;

use crate::support::{TRACKER, ask, load, planned, tracker};

/// The records of the sample, each as a text of its own.
fn blocks() -> Vec<String> {
    let mut blocks = Vec::new();
    for line in TRACKER.lines() {
        if line.starts_with('[') {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks
}

fn forecast_text(bundle: &Bundle) -> String {
    serde_json::to_string(&planned(bundle).forecast).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn order_and_layout_of_files_mean_nothing(
        order in Just(blocks()).prop_shuffle(),
        cut in 0_usize..30,
    ) {
        let cut = cut.min(order.len());
        let source = |name: &str, blocks: &[String]| Source {
            name: name.to_owned(),
            text: blocks.concat(),
        };
        let (bundle, told) = Bundle::load(&[source("z.toml", &order[..cut]), source("a/b.toml", &order[cut..])]);
        prop_assert!(told.is_empty());
        prop_assert_eq!(forecast_text(&bundle), forecast_text(&tracker()));
    }

    #[test]
    fn one_more_link_makes_nothing_earlier(from in 0_usize..200, to in 0_usize..200) {
        let bundle = tracker();
        let before = planned(&bundle);
        let names: Vec<&str> = before.derivation.index.keys().map(|id| id.as_str()).collect();
        let (from, to) = (names[from % names.len()], names[to % names.len()]);
        prop_assume!(from != to);
        let linked = load(&format!("{TRACKER}\n[[link]]\nfrom = \"{from}\"\nto = \"{to}\"\n"));
        let unlevelled = |bundle: &Bundle| {
            let ask = Ask { levelled: false, samples: 500, ..ask(bundle) };
            plan(bundle, &ask, &|_, _| {})
        };
        // A link that closes a circle is refused, which another test holds.
        let (Ok(before), Ok(after)) = (unlevelled(&bundle), unlevelled(&linked)) else { return Ok(()) };
        for (before, after) in before.forecast.milestones.iter().map(|it| (&it.id, it)).filter_map(
            |(id, it)| Some((it, after.forecast.milestones.iter().find(|other| other.id == *id)?)),
        ) {
            prop_assert!(before.p10 <= after.p10 && before.p90 <= after.p90, "{}", before.id);
        }
    }
}

#[test]
fn export_then_import_is_identity_and_plans_the_same() {
    let bundle = tracker();
    let exported = bundle.export();
    let (again, told) = Bundle::load(&exported);
    assert!(told.is_empty());
    assert_eq!(again, bundle);
    assert_eq!(again.export(), exported);
    assert_eq!(forecast_text(&again), forecast_text(&bundle));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bundle = tracker();
    let with = |threads: usize| {
        let ask = Ask { threads, ..ask(&bundle) };
        serde_json::to_string(&plan(&bundle, &ask, &|_, _| {}).unwrap().forecast).unwrap()
    };
    assert_eq!(with(1), with(7));
}
