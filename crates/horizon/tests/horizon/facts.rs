//! What follows from single facts: each test changes one of the sample's.

use longlead_horizon::{ActivityForecast, Carrier, Forecast, MilestoneForecast, Plan, State};
use longlead_model::Date;

use crate::support::{TRACKER, ask, load, planned};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// The sample with more facts.
fn with(facts: &str) -> Plan {
    planned(&load(&format!("{TRACKER}\n{facts}")))
}

fn activity<'a>(forecast: &'a Forecast, id: &str) -> &'a ActivityForecast {
    forecast.activities.iter().find(|it| it.id.as_str() == id).unwrap()
}

fn milestone<'a>(forecast: &'a Forecast, id: &str) -> &'a MilestoneForecast {
    forecast.milestones.iter().find(|it| it.id.as_str() == id).unwrap()
}

#[test]
fn a_part_on_two_lines_is_bought_once_for_both() {
    let plan = with(
        r#"
        [[bom_line]]
        id = "second-modem"
        revision = "tracker-c"
        part = "modem"
    "#,
    );
    let node = plan.derivation.nodes.iter().find(|it| it.id.as_str() == "procure:c-mp:modem");
    assert!(format!("{:?}", node.unwrap().because).contains("quantity: \"20000\""));
}

#[test]
fn quantities_beyond_any_stock_are_planned_without_a_panic() {
    let plan = with(
        r#"
        [[bom_line]]
        id = "absurd"
        revision = "tracker-c"
        part = "opt3001"
        quantity = "79228162514264337593543950335"
    "#,
    );
    assert!(plan.forecast.activities.len() > 10);
}

#[test]
fn a_market_named_twice_counts_once() {
    let plan = planned(&load(&TRACKER.replace("markets = [\"eu\"]", "markets = [\"eu\", \"eu\"]")));
    let approvals =
        plan.forecast.activities.iter().filter(|it| it.id.as_str() == "approve:tracker-c:eu");
    assert_eq!(approvals.count(), 1);
}

#[test]
fn a_promised_part_arrives_at_the_end_of_the_promised_day() {
    let plan = with(
        r#"
        [[order]]
        id = "o1"
        supplier = "acme"
        part = "modem"
        build = "c-evt"
        quantity = 50
        placed = 2026-11-02
        promised = 2026-12-10
    "#,
    );
    let procured = activity(&plan.forecast, "procure:c-evt:modem");
    assert_eq!(procured.early_finish, day("2026-12-10"));
}

#[test]
fn the_order_that_comes_last_counts_and_a_small_one_is_told() {
    let plan = with(
        r#"
        [[order]]
        id = "o1"
        supplier = "acme"
        part = "modem"
        build = "c-mp"
        quantity = 1
        placed = 2026-11-02
        received = 2026-11-10

        [[order]]
        id = "o2"
        supplier = "acme"
        part = "modem"
        build = "c-mp"
        quantity = 5000
        placed = 2026-11-02
        promised = 2027-09-01
    "#,
    );
    let procured = activity(&plan.forecast, "procure:c-mp:modem");
    assert_eq!(procured.early_finish, day("2027-09-01"));
    assert!(plan.warnings.iter().any(|it| it.message.contains("5001 of `modem` are on order")));
}

#[test]
fn what_remains_is_counted_on_the_calendar_of_the_activity() {
    let plan = with(
        r#"
        [[activity]]
        id = "burn-in"
        title = "Burn-in"
        work = { estimate = "10 wk", calendar = "elapsed" }

        [[actual]]
        id = "burn-in"
        started = 2026-11-02
        remaining = "4 wk"
    "#,
    );
    // Elapsed weeks have seven days: 28 days from the start of 23 Nov on.
    assert_eq!(activity(&plan.forecast, "burn-in").early_finish, day("2026-12-20"));
}

#[test]
fn a_release_that_may_not_come_yet_has_not_come() {
    let text = TRACKER.replace(
        "title = \"Firmware 1\"\nwork = { estimate = \"10 d\", team = \"firmware\" }",
        "title = \"Firmware 1\"\nstart_no_earlier_than = 2027-06-01",
    );
    assert_ne!(text, TRACKER);
    let actual =
        "[[actual]]\nid = \"develop:geofence\"\nstarted = 2026-10-01\nfinished = 2026-11-02\n";
    let plan = planned(&load(&format!("{text}\n{actual}")));
    let release = milestone(&plan.forecast, "release:fw-1");
    assert_ne!(release.state, State::Done);
    assert!(release.p50 >= day("2027-05-31"));
}

#[test]
fn facts_from_after_the_as_of_day_are_not_known_on_it() {
    let facts = r#"
        [[actual]]
        id = "develop:geofence"
        started = 2026-11-01
        finished = 2027-01-15

        [[order]]
        id = "o1"
        supplier = "acme"
        part = "modem"
        build = "c-evt"
        quantity = 50
        placed = 2027-02-20
        promised = 2027-03-10
    "#;
    let text = TRACKER.replace("as_of = 2026-11-23", "as_of = 2027-12-31");
    let bundle = load(&format!("{text}\n{facts}"));
    let earlier = longlead_horizon::Ask { as_of: day("2026-11-23"), ..ask(&bundle) };
    let plan = longlead_horizon::plan(&bundle, &earlier, &|_, _| {}).unwrap();
    assert!(!activity(&plan.forecast, "develop:geofence").finished);
    assert!(activity(&plan.forecast, "procure:c-evt:modem").early_finish > day("2027-03-10"));
}

#[test]
fn features_wait_for_what_they_build_on_even_without_work_between() {
    let plan = with(
        r#"
        [[feature]]
        id = "aa"
        product = "tracker"
        title = "A"
        work = { estimate = "100 d" }

        [[feature]]
        id = "bb"
        product = "tracker"
        title = "B"
        after = ["aa"]

        [[feature]]
        id = "cc"
        product = "tracker"
        title = "C"
        after = ["bb"]
        work = { estimate = "1 d" }
    "#,
    );
    let first = activity(&plan.forecast, "develop:aa").early_finish;
    assert!(activity(&plan.forecast, "develop:cc").early_start > first);
}

#[test]
fn a_feature_for_a_market_waits_for_hardware_that_is_sold_there() {
    let text = TRACKER.replace(
        "requires = { ram = \"64 KiB\" }",
        "requires = { ram = \"64 KiB\" }\nmarkets = [\"us\"]",
    );
    let market = "[[market]]\nid = \"us\"\ntitle = \"United States\"\n";
    let text = text.replace(
        "specification_freeze = 2027-01-18\nmarkets = [\"eu\"]",
        "specification_freeze = 2027-01-18\nmarkets = [\"eu\", \"us\"]",
    );
    let plan = planned(&load(&format!("{text}\n{market}")));
    let carrier = plan.derivation.carriers.get("geofence").unwrap();
    assert!(matches!(carrier, Carrier::Revision { revision } if revision.as_str() == "tracker-c"));
}

#[test]
fn the_first_hardware_is_first_after_all_that_holds_it_up() {
    let plan = with(
        r#"
        [[activity]]
        id = "tooling"
        title = "Tooling"
        work = { estimate = "1000 d" }

        [[link]]
        from = "tooling"
        to = "build:c-mp"

        [[revision]]
        id = "tracker-d"
        product = "tracker"
        title = "Tracker rev D"
        provides = { ram = "256 KiB", light = true }

        [[build]]
        id = "d-mp"
        revision = "tracker-d"
        stage = "mp"
        quantity = 10
        work = { estimate = "200 d" }
    "#,
    );
    let carrier = plan.derivation.carriers.get("door").unwrap();
    assert!(matches!(carrier, Carrier::Revision { revision } if revision.as_str() == "tracker-d"));
}

#[test]
fn a_capability_that_is_denied_triggers_no_rules() {
    let text = TRACKER.replace(
        "title = \"Tracker rev C\"\nfollows = \"tracker-b\"\nprovides = { ram",
        "title = \"Tracker rev C\"\nfollows = \"tracker-b\"\nprovides = { ble = false, ram",
    );
    assert_ne!(text, TRACKER);
    let plan = planned(&load(&text));
    assert!(!plan.forecast.activities.iter().any(|it| it.id.as_str() == "certify:tracker-c:red"));
}

#[test]
fn what_waits_for_a_launch_that_can_never_be_is_lost_and_not_safe() {
    let plan = planned(&load(&TRACKER.replace("stage = \"mp\"", "stage = \"pvt\"")));
    let summer = milestone(&plan.forecast, "summer");
    assert!(summer.unreachable);
    assert_eq!((summer.state, summer.on_time), (State::Lost, Some(0.0)));
    assert!(plan.warnings.iter().any(|it| it.message.contains("no MP build of it is planned")));
}

#[test]
fn the_finish_of_the_plan_is_the_last_work_whatever_starts_with_it() {
    let plan = with(
        r#"
        [[activity]]
        id = "long"
        title = "Long"
        work = { estimate = "800 d" }

        [[activity]]
        id = "short"
        title = "Short"
        work = { estimate = "5 d" }

        [[link]]
        from = "long"
        to = "short"
        kind = "SS"
    "#,
    );
    let long = activity(&plan.forecast, "long");
    assert!(long.critical && long.criticality > 0.99);
    assert!(!activity(&plan.forecast, "short").critical);
}

#[test]
fn what_has_finished_is_told_with_the_day_on_which_it_did() {
    let plan = with(
        r#"
        [[actual]]
        id = "release:fw-1"
        started = 2026-11-16
        finished = 2026-11-21
    "#,
    );
    // A Saturday, on which the team's calendar doesn't work.
    assert_eq!(milestone(&plan.forecast, "release:fw-1").p50, day("2026-11-21"));
    let release = activity(&plan.forecast, "release:fw-1");
    assert_eq!((release.start_p50, release.finish_p50), (day("2026-11-16"), day("2026-11-21")));
}

#[test]
fn a_tested_build_was_built() {
    let plan =
        with("[[actual]]\nid = \"test:c-evt\"\nstarted = 2026-11-02\nfinished = 2026-11-15\n");
    assert!(!plan.forecast.activities.iter().any(|it| it.id.as_str() == "build:c-evt"));
    assert!(activity(&plan.forecast, "test:c-evt").finished);
}

#[test]
fn a_chain_of_calendars_that_is_too_long_is_told_and_not_cut_off() {
    let calendar = |number: usize| {
        format!("[[calendar]]\nid = \"c{number}\"\ntitle = \"C\"\nextends = \"c{}\"\n", number + 1)
    };
    let chain: String = (0..20).map(calendar).collect();
    let last = "[[calendar]]\nid = \"c20\"\ntitle = \"C\"\n";
    let bundle = load(&format!("{TRACKER}\n{chain}{last}"));
    let told = longlead_horizon::plan(&bundle, &ask(&bundle), &|_, _| {}).unwrap_err();
    assert!(told.iter().any(|it| it.message.contains("`c0` extends more than 16 others")));
}

#[test]
fn the_first_production_build_is_the_one_that_has_happened() {
    let plan = with(
        r#"
        [[build]]
        id = "c-again"
        revision = "tracker-c"
        stage = "mp"
        quantity = 10
        work = { estimate = "5 d" }

        [[actual]]
        id = "build:c-mp"
        started = 2026-11-02
        finished = 2026-11-13
    "#,
    );
    // `c-again` has no date and the smaller id, and still comes second.
    let units = activity(&plan.forecast, "units:tracker-c");
    assert_eq!((units.finished, units.finish_p50), (true, day("2026-11-13")));
}

#[test]
fn an_activity_in_two_correlation_groups_is_told() {
    let plan = with(
        r#"
        [[correlation]]
        id = "hands"
        title = "Same people"
        rho = 0.5
        teams = ["firmware"]

        [[correlation]]
        id = "protocol"
        title = "Same protocol"
        rho = 0.3
        activities = ["develop:door"]
    "#,
    );
    let told = plan.warnings.iter().filter(|it| it.message.contains("correlation groups"));
    let told: Vec<String> = told.map(|it| it.message.clone()).collect();
    assert_eq!(
        told,
        ["`develop:door` is in the correlation groups `hands` and `protocol`; only `hands` counts"]
    );
}
