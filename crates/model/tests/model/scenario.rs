//! A scenario changes a copy, says what it can't change, and is held against the rest.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use longlead_model::{Bundle, Kind, Source};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::diagnostics::told;
use crate::sample;

const FACTS: &str = r#"
product = { id = "tracker", title = "Tracker" }
capability = [
    { id = "ram", title = "RAM", unit = "KiB" },
    { id = "ble", title = "Bluetooth" },
]
part = [
    { id = "modem", title = "Modem", mpn = "X-1", provides = { ram = "64 KiB", ble = true } },
    { id = "sensor", title = "Sensor" },
]
supplier = { id = "acme", title = "Acme" }
team = [{ id = "lab", title = "Lab" }, { id = "line", title = "Line", capacity = 2 }]
offer = { supplier = "acme", part = "modem", lead_time = { pert = [10, 12, 20], unit = "wk" } }
bom_line = { revision = "c", part = "modem" }
revision = { id = "c", product = "tracker", title = "Rev C" }
activity = [
    { id = "first", title = "First", work = { estimate = "5 d", team = "lab", teams = { line = 1 } } },
    { id = "second", title = "Second", work = { estimate = "5 d" }, after = ["first"] },
]
milestone = { id = "end", title = "End", after = ["second"] }
"#;

/// Diagnostics of the facts with a scenario `s` that makes `changes`, then what the bundle is
/// under it, in the files that differ.
fn check(changes: &str, expect: Expect) {
    let text =
        format!("{FACTS}\n[[scenario]]\nid = \"s\"\ntitle = \"S\"\nchanges = [\n{changes}]\n");
    let (bundle, diagnostics) = Bundle::load(&[Source { name: "it.toml".into(), text }]);
    let facts = bundle.export();
    let mut result = told(&diagnostics);
    if diagnostics.is_empty() {
        let (changed, _) = bundle.under(bundle.scenario("s").expect("it is written above"));
        let changed = changed.export().into_iter();
        result.extend(changed.filter(|file| !facts.contains(file)).map(|file| file.text));
    }
    assert_eq!(bundle.export(), facts, "the original stays as it is");
    expect.assert_eq(&result);
}

#[test]
fn fields_are_set_and_emptied() {
    check(
        r#"{ kind = "part", id = "modem", set = { title = "Better modem" }, unset = ["mpn"] },"#,
        expect![[r#"
            [[part]]
            id = "modem"
            title = "Better modem"
            provides = { ble = true, ram = "64 KiB" }

            [[part]]
            id = "sensor"
            title = "Sensor"
        "#]],
    );
}

#[test]
fn maps_are_joined_and_estimates_are_replaced() {
    check(
        r#"
        { kind = "part", id = "modem", set = { provides = { ram = "128 KiB" } } },
        { kind = "offer", id = "acme.modem", set = { lead_time = { uniform = [4, 5] } } },
        { kind = "activity", id = "first", set = { work = { first_pass = 0.5, rework = "1 d", teams = { lab = 1 } } } },
        "#,
        expect![[r#"
            [[activity]]
            id = "first"
            title = "First"
            work = { estimate = "5 d", team = "lab", teams = { lab = 1, line = 1 }, first_pass = 0.5, rework = "1 d" }

            [[activity]]
            id = "second"
            title = "Second"
            work = { estimate = "5 d" }
            after = ["first"]
            [[part]]
            id = "modem"
            title = "Modem"
            mpn = "X-1"
            provides = { ble = true, ram = "128 KiB" }

            [[part]]
            id = "sensor"
            title = "Sensor"
            [[offer]]
            supplier = "acme"
            part = "modem"
            lead_time = { uniform = [4, 5], unit = "d" }
        "#]],
    );
}

#[test]
fn records_are_added_and_removed() {
    check(
        r#"
        { kind = "offer", id = "acme.sensor", set = { supplier = "acme", part = "sensor", lead_time = "8 wk" } },
        { kind = "milestone", id = "end", remove = true },
        { kind = "team", id = "other", set = { title = "Other", capacity = 3 } },
        "#,
        expect![[r#"
            [[team]]
            id = "lab"
            title = "Lab"

            [[team]]
            id = "line"
            title = "Line"
            capacity = 2

            [[team]]
            id = "other"
            title = "Other"
            capacity = 3
            [[offer]]
            supplier = "acme"
            part = "modem"
            lead_time = { pert = [10, 12, 20], unit = "wk" }

            [[offer]]
            supplier = "acme"
            part = "sensor"
            lead_time = "8 wk"
        "#]],
    );
}

#[test]
fn what_cannot_be_changed_is_told_with_the_change() {
    check(
        r#"
        { kind = "ofer", id = "acme.modem", remove = true },
        { kind = "offer", id = "acme.moden", remove = true },
        { kind = "offer", id = "nothing-like-it", unset = ["stock"] },
        { kind = "offer", id = "acme.moden", set = { stock = 5 } },
        { kind = "offer", id = "acme.sensor", set = { stock = 5 } },
        { kind = "part", id = "modem", set = { titel = "x", lifecycle = "old" } },
        { kind = "part", id = "modem", set = { id = "other" } },
        { kind = "part", id = "modem", unset = ["mnp", "colour", "title"] },
        { kind = "part", id = "modem", unset = ["title"] },
        { kind = "part", id = "modem", set = { title = "x" }, remove = true },
        { kind = "part", id = "modem" },
        { kind = "part", id = "modem", set = "x" },
        { kind = "part", id = "modem", set = { provides = [1, nan] } },
        "#,
        expect![[r#"
            it.toml:38:46: error[wrong-value]: a table of fields is expected here, not a text
              help: write, for example, { lead_time = "12 wk" }
            it.toml:39:63: error[out-of-range]: NaN is not a number to plan with
              help: write a finite number
        "#]],
    );
    check(
        r#"
        { kind = "ofer", id = "acme.modem", remove = true },
        { kind = "offer", id = "acme.moden", remove = true },
        { kind = "offer", id = "nothing-like-it", unset = ["stock"] },
        { kind = "offer", id = "acme.moden", set = { stock = 5 } },
        { kind = "offer", id = "acme.sensor", set = { stock = 5 } },
        { kind = "part", id = "modem", set = { titel = "x", lifecycle = "old" } },
        { kind = "part", id = "modem", set = { id = "other" } },
        { kind = "part", id = "modem", unset = ["mnp", "colour", "title"] },
        { kind = "part", id = "modem", unset = ["title"] },
        { kind = "part", id = "modem", set = { title = "x" }, remove = true },
        { kind = "part", id = "modem" },
        "#,
        expect![[r#"
            it.toml:27:9: error[unknown-kind]: in scenario `s`: there is no kind of record called `ofer`
              help: did you mean "offer"?
            it.toml:28:9: error[unknown-reference]: in scenario `s`: there is no offer `acme.moden` to change
              help: did you mean `acme.modem`?
            it.toml:29:9: error[unknown-reference]: in scenario `s`: there is no offer `nothing-like-it` to change
              help: give all its fields under `set` to add it
            it.toml:30:9: error[unknown-reference]: in scenario `s`: there is no offer `acme.moden` to change
              help: did you mean `acme.modem`?
            it.toml:31:53: error[missing-field]: in scenario `s`: offer `acme.sensor` lacks `supplier`
              help: add `supplier = "some-id"`
            it.toml:31:53: error[missing-field]: in scenario `s`: offer `acme.sensor` lacks `part`
              help: add `part = "some-id"`
            it.toml:31:53: error[missing-field]: in scenario `s`: offer `acme.sensor` lacks `lead_time`
              help: add `lead_time = { pert = [5, 8, 14], unit = "d" }`
            it.toml:32:56: error[unknown-field]: in scenario `s`: part `modem` has no field `titel`
              help: did you mean `title`?
            it.toml:32:73: error[wrong-value]: in scenario `s`: "old" is not one of active, not-recommended, last-time-buy, obsolete
              help: write "active"
            it.toml:33:9: error[contradiction]: in scenario `s`: the change of part `modem` gives it another id
              help: remove the record and add another
            it.toml:34:9: error[unknown-field]: in scenario `s`: the change of part `modem` empties `mnp`, which it doesn't have
              help: did you mean `mpn`?
            it.toml:34:9: error[unknown-field]: in scenario `s`: the change of part `modem` empties `colour`, which it doesn't have
              help: its fields are id, title, manufacturer, mpn, provides, lifecycle, last_time_buy
            it.toml:35:9: error[missing-field]: in scenario `s`: part `modem` lacks `title`
              help: add `title = "…"`
            it.toml:36:9: error[contradiction]: in scenario `s`: the change of part `modem` removes it and sets fields of it
              help: keep `remove`, or `set` and `unset`
            it.toml:37:9: error[missing-field]: in scenario `s`: the change of part `modem` changes nothing
              help: add `set = { … }`, `unset = […]` or `remove = true`
        "#]],
    );
}

#[test]
fn a_reference_that_a_scenario_breaks_is_told_once() {
    check(
        r#"{ kind = "part", id = "modem", remove = true },"#,
        expect![[r#"
        it.toml:13:37: error[unknown-reference]: in scenario `s`: offer `acme.modem` refers to part `modem` in `part`, which doesn't exist
          help: add a `[[part]]` with that id, or name one that exists
          it.toml:22:1: scenario `s`
        it.toml:14:37: error[unknown-reference]: in scenario `s`: BOM line `c.modem` refers to part `modem` in `part`, which doesn't exist
          help: add a `[[part]]` with that id, or name one that exists
          it.toml:22:1: scenario `s`
    "#]],
    );
    check(
        r#"{ kind = "bom_line", id = "c.modem", set = { part = "modme" } },"#,
        expect![[r#"
        it.toml:26:53: error[unknown-reference]: in scenario `s`: BOM line `c.modem` refers to part `modme` in `part`, which doesn't exist
          help: did you mean `modem`?
          it.toml:22:1: scenario `s`
    "#]],
    );
    check(
        r#"{ kind = "milestone", id = "end", set = { after = ["sceond"] } },"#,
        expect![[r#"
        it.toml:26:52: error[unknown-reference]: in scenario `s`: milestone `end` refers to activity `sceond` in `after[0]`, which doesn't exist
          help: did you mean `second`?
          it.toml:22:1: scenario `s`
    "#]],
    );
}

#[test]
fn consequences_for_other_records_are_told() {
    check(
        r#"{ kind = "capability", id = "ram", set = { unit = "V" } },"#,
        expect![[r#"
        it.toml:8:70: error[unit-mismatch]: in scenario `s`: 64 KiB can't be told in V, the unit of `ram`
          help: KiB measures information, V measures electric potential: write an amount in V
          it.toml:22:1: scenario `s`
    "#]],
    );
    check(
        r#"{ kind = "team", id = "line", set = { capacity = 0 } },"#,
        expect![[r#"
        it.toml:17:96: error[out-of-range]: in scenario `s`: 1 of `line` are needed, but its capacity is 0
          help: ask for less, or raise the team's capacity
          it.toml:22:1: scenario `s`
        it.toml:26:50: error[out-of-range]: in scenario `s`: team `line` has no capacity
          help: write how much it can do at once, at least 1
          it.toml:22:1: scenario `s`
    "#]],
    );
    check(
        r#"{ kind = "activity", id = "first", set = { after = "end" } },"#,
        expect![[r#"
        it.toml:20:13: error[cycle]: in scenario `s`: activities form a circle: `end` comes after `second` comes after `first` comes after `end`
          help: take one of these steps away
          it.toml:18:5: `second` stands here
          it.toml:26:42: `first` stands here
          it.toml:22:1: scenario `s`
    "#]],
    );
    check(
        r#"{ kind = "activity", id = "end", set = { title = "End", work.estimate = "1 d" } },"#,
        expect![[r#"
            it.toml:20:20: error[duplicate-id]: in scenario `s`: `end` is both an activity and a milestone
              help: give one of them another id
              it.toml:26:40: the activity
              it.toml:22:1: scenario `s`
        "#]],
    );
    check(
        r#"{ kind = "link", id = "l", set = { from = "second", to = "first", lag = "1 d" } },"#,
        expect![[r#"
            it.toml:18:5: error[cycle]: in scenario `s`: activities form a circle: `second` comes after `first` comes after `second`
              help: take one of these steps away
              it.toml:17:5: `first` stands here
              it.toml:22:1: scenario `s`
        "#]],
    );
}

#[test]
fn a_rate_that_a_scenario_removes_is_missed() {
    let text = r#"
settings.currency = "USD"
rate = { id = "eur", from = "EUR", to = "USD", rate = 1.1 }
regime = { id = "r", title = "R", work = { estimate = "1 d", cost = "5 EUR" } }
scenario = { id = "s", title = "S", changes = { kind = "rate", id = "eur", remove = true } }
"#;
    let (_, diagnostics) = Bundle::load(&[Source { name: "it.toml".into(), text: text.into() }]);
    expect![[r#"
        it.toml:4:69: error[missing-rate]: in scenario `s`: an amount is in EUR, but sums are told in USD, and no rate joins the two
          help: add a rate: rate = [{ id = "eur-usd", from = "EUR", to = "USD", rate = … }]
          it.toml:5:12: scenario `s`
    "#]].assert_eq(&told(&diagnostics));
}

#[test]
fn what_is_wrong_without_the_scenario_is_not_told_again() {
    let text = r#"
part = { id = "p", title = "P" }
offer = [
    { supplier = "gone", part = "p", lead_time = "1 wk" },
    { id = "broken", stok = 1 },
]
milestone = { id = "m", title = "M", after = ["m"] }
scenario = { id = "s", title = "S", changes = [
    { kind = "part", id = "p", set = { title = "Q" } },
    { kind = "milestone", id = "m", set = { title = "N" } },
    { kind = "offer", id = "broken", set = { stock = 5 } },
] }
"#;
    let (_, diagnostics) = Bundle::load(&[Source { name: "it.toml".into(), text: text.into() }]);
    expect![[r#"
        it.toml:4:18: error[unknown-reference]: offer `gone.p` refers to supplier `gone` in `supplier`, which doesn't exist
          help: add a `[[supplier]]` with that id, or name one that exists
        it.toml:5:5: error[missing-field]: offer `broken` lacks `supplier`
          help: add `supplier = "some-id"`
        it.toml:5:5: error[missing-field]: offer `broken` lacks `part`
          help: add `part = "some-id"`
        it.toml:5:5: error[missing-field]: offer `broken` lacks `lead_time`
          help: add `lead_time = { pert = [5, 8, 14], unit = "d" }`
        it.toml:5:22: error[unknown-field]: offer `broken` has no field `stok`
          help: did you mean `stock`?
        it.toml:7:13: error[cycle]: activities form a circle: `m` comes after `m`
          help: take one of these steps away
    "#]]
    .assert_eq(&told(&diagnostics));
}

#[test]
fn a_scenario_is_found_by_name() {
    let bundle = sample::bundle();
    assert!(bundle.scenario("no-light").is_ok());
    let told = |name: &str| bundle.scenario(name).unwrap_err().to_string();
    expect![[r#"
        error[unknown-reference]: there is no scenario `no-ligth`
          help: did you mean `no-light`?"#]]
    .assert_eq(&told("no-ligth"));
    expect![[r#"
        error[unknown-reference]: there is no scenario `No Light`
          help: the scenarios are add-nfc, courier, japan-later, mild-year, no-light, no-poe, sea-freight, second-modem, soft-tool, two-labs"#]].assert_eq(&told("No Light"));
}

#[test]
fn checking_scenarios_on_load_and_on_use_agree() {
    let bundle = sample::bundle();
    let before = bundle.export();
    for scenario in bundle.records.scenarios.values() {
        let (changed, diagnostics) = bundle.under(scenario);
        assert!(diagnostics.is_empty(), "{}: {}", scenario.id, told(&diagnostics));
        assert!(changed != bundle, "{} changes something", scenario.id);
    }
    assert_eq!(bundle.export(), before);
}

/// A change of some record of the sample, often one that does harm.
fn change(bundle: &Bundle, kind: Index, record: Index, how: usize, other: Index) -> Option<String> {
    let kind = *kind.get(Kind::ALL);
    let ids = bundle.records.ids(kind);
    let id = (!ids.is_empty()).then(|| *record.get(&ids))?;
    let nodes = [bundle.records.ids(Kind::Activity), bundle.records.ids(Kind::Milestone)].concat();
    let node = other.get(&nodes);
    let set = match (how, kind) {
        (0, _) => "remove = true".to_owned(),
        (1, Kind::Activity | Kind::Milestone) => format!("set = {{ after = [\"{node}\"] }}"),
        (1, Kind::Link) => format!("set = {{ from = \"{node}\" }}"),
        (1, Kind::Capability) => "set = { unit = \"V\" }".to_owned(),
        (1, Kind::Team) => "set = { capacity = 0 }".to_owned(),
        (1, Kind::Rate) => "set = { from = \"JPY\" }".to_owned(),
        (1, Kind::BomLine) => format!("set = {{ part = \"{node}\" }}"),
        (1, Kind::Build) => "set = { fixed_cost = \"5 CHF\", order_after = [\"none\"] }".to_owned(),
        (1, Kind::Feature | Kind::Release) => {
            let ids = bundle.records.ids(kind);
            format!("set = {{ after = [\"{}\"] }}", other.get(&ids))
        }
        _ => "set = { title = \"Another\" }".to_owned(),
    };
    Some(format!("{{ kind = \"{kind}\", id = \"{id}\", {set} }}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// On load only what a scenario touches is checked; on use, everything.
    #[test]
    fn checking_a_part_and_checking_the_whole_agree(
        edits in proptest::collection::vec(
            (any::<Index>(), any::<Index>(), 0..3_usize, any::<Index>()), 1..5),
    ) {
        let facts = sample::bundle();
        let changes: Vec<String> = edits
            .into_iter()
            .filter_map(|(kind, record, how, other)| change(&facts, kind, record, how, other))
            .filter(|change| !change.contains("kind = \"scenario\""))
            .collect();
        let text = format!(
            "[[scenario]]\nid = \"probe\"\ntitle = \"\"\nchanges = [\n{}\n]\n",
            changes.join(",\n")
        );
        let mut sources = sample::sources();
        sources.push(Source { name: "probe.toml".into(), text: text.clone() });
        let (bundle, on_load) = Bundle::load(&sources);
        let (_, on_use) = bundle.under(bundle.scenario("probe").unwrap());
        let on_load: BTreeSet<(String, _)> =
            on_load.into_iter().map(|it| (it.message.replace("in scenario `probe`: ", ""), it.place)).collect();
        let on_use: BTreeSet<(String, _)> = on_use
            .into_iter()
            .map(|it| {
                let scenario = bundle.place(Kind::Scenario, "probe", &[]);
                (it.message, it.place.or(scenario))
            })
            .collect();
        prop_assert_eq!(on_load, on_use, "{}", text);
    }
}
