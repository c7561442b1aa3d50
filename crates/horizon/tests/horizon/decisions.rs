//! Decisions and what rests on them: each test changes one of the sample's facts.

use longlead_horizon::{DecisionForecast, Plan, Reason, State, Vocabulary};
use longlead_model::{Bundle, Date};

use crate::support::{TRACKER, load, planned};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn frozen_on(date: &str) -> String {
    let text = TRACKER
        .replace("specification_freeze = 2027-01-18", &format!("specification_freeze = {date}"));
    // A target far enough away that nothing but the freeze is in doubt.
    text.replace("target = 2027-12-31", "target = 2029-12-31")
}

fn decision<'a>(plan: &'a Plan, id: &str) -> &'a DecisionForecast {
    plan.forecast.decisions.iter().find(|it| it.id.as_str() == id).unwrap()
}

fn warned(plan: &Plan, part: &str) -> bool {
    plan.warnings.iter().any(|it| it.message.contains(part))
}

/// Every reason of every node and decision, and of each step to the node `id`, as sentences.
fn told(bundle: &Bundle, plan: &Plan, id: &str) -> String {
    let vocabulary = Vocabulary::new(bundle, &plan.derivation, None);
    let explanation = plan.explain(bundle, id).unwrap();
    let nodes = plan.derivation.nodes.iter().flat_map(|node| &node.because);
    let decisions = plan.forecast.decisions.iter().flat_map(|it| &it.because);
    let steps = explanation.steps.iter().flat_map(|step| &step.because);
    let sentences = nodes.chain(decisions).chain(steps).map(|reason| vocabulary.sentence(reason));
    sentences.collect::<Vec<_>>().join("\n")
}

const PARTY: &str = r#"
[[activity]]
id = "party"
title = "Launch party"
work = { estimate = "5 d" }
"#;

#[test]
fn a_gate_that_does_not_lead_to_its_target_has_no_decide_by_and_says_why() {
    let text = TRACKER.replace("gates = [\"design:tracker-c\"]", "gates = [\"party\"]");
    let plan = planned(&load(&format!("{text}{PARTY}")));
    let freeze = decision(&plan, "freeze-c");
    assert_eq!((freeze.decide_by, freeze.best_confidence), (None, None));
    assert_eq!(freeze.state, State::Open);
    assert!(warned(&plan, "`freeze-c` has no decide-by: what it gates doesn't lead to its target"));
}

#[test]
fn a_gate_through_a_maximum_lag_leads_to_what_it_pulls() {
    // The party holds the design back: that starts at most ten days before the party ends.
    let link = "[[link]]\nfrom = \"design:tracker-c\"\nto = \"party\"\nkind = \"SF\"\n\
                lag = \"10 d\"\nbound = \"maximum\"\n";
    let text = TRACKER.replace("gates = [\"design:tracker-c\"]", "gates = [\"party\"]");
    let plan = planned(&load(&format!("{text}{PARTY}{link}")));
    assert!(decision(&plan, "freeze-c").best_confidence.is_some());
}

#[test]
fn a_gate_whose_work_has_begun_has_no_decide_by_and_says_why() {
    let text = format!("{TRACKER}\n[[actual]]\nid = \"design:tracker-c\"\nstarted = 2026-11-02\n");
    let plan = planned(&load(&text));
    let freeze = decision(&plan, "freeze-c");
    assert_eq!((freeze.decide_by, freeze.best_confidence), (None, None));
    assert!(warned(&plan, "`freeze-c` has no decide-by: what it gates has begun"));
}

#[test]
fn after_the_freeze_nothing_is_left_to_decide() {
    let bundle = load(&frozen_on("2026-11-10"));
    let plan = planned(&bundle);
    let freeze = decision(&plan, "freeze-c");
    assert_eq!((freeze.decide_by, freeze.best_confidence), (None, Some(0.0)));
    assert_eq!(freeze.economic.as_ref().unwrap().decide_by, None);
    assert_eq!(freeze.state, State::Lost);
    assert_eq!(freeze.curve, [(day("2026-11-23"), 0.0)]);
    assert!(freeze.limited_by.is_empty());
    assert!(told(&bundle, &plan, "summer").contains("of Tracker rev C froze on 10 Nov 2026"));
}

#[test]
fn waiting_past_the_freeze_costs_all_of_it() {
    let plan = planned(&load(&frozen_on("2026-12-01")));
    let freeze = decision(&plan, "freeze-c");
    assert_eq!(freeze.decide_by, Some(day("2026-12-01")));
    let costs = freeze.because.iter().find_map(|reason| match reason {
        Reason::WaitingCosts { now, then, .. } => Some((*now, *then)),
        _ => None,
    });
    let (now, then) = costs.unwrap();
    assert!(now > 0.8 && then == 0.0, "{now} {then}");
}

#[test]
fn the_freeze_day_itself_can_still_be_decided_on() {
    let plan = planned(&load(&frozen_on("2026-11-23")));
    let freeze = decision(&plan, "freeze-c");
    assert_eq!(freeze.decide_by, Some(day("2026-11-23")));
    assert!(freeze.best_confidence.unwrap() > 0.8);
}

#[test]
fn each_feature_with_the_same_need_has_a_day_of_its_own() {
    let crash = r#"
        [[feature]]
        id = "crash"
        product = "tracker"
        title = "Crash alerts"
        requires = { ram = "512 KiB" }
        work = { estimate = "20 d", team = "firmware" }
        release = "fw-2"
        target = 2028-06-01
    "#;
    // It is too late for shock alerts by then, but not for crash alerts.
    let text = TRACKER.replace("target = 2028-03-01", "target = 2027-06-01");
    let plan = planned(&load(&format!("{text}{crash}")));
    let orphans = &plan.forecast.foresight.orphan_needs;
    let of =
        |feature: &str| orphans.iter().find(|it| it.feature.as_str() == feature).unwrap().decide_by;
    assert_eq!((of("shock"), of("crash")), (None, Some(day("2027-01-18"))));
    let carry = decision(&plan, "carry:tracker-c:ram");
    assert_eq!(carry.decide_by, None);
    assert_eq!(carry.needed_by.get("crash"), Some(&Some(day("2027-01-18"))));
}

#[test]
fn a_target_that_no_hardware_reaches_is_told_as_such() {
    let text = frozen_on("2026-11-10")
        .replace("target = \"summer\"", "target = \"launch:shock\"\ntarget_date = 2028-03-01");
    let plan = planned(&load(&text));
    assert!(warned(&plan, "`freeze-c` has no decide-by: its target can't be reached"));
    assert_eq!(decision(&plan, "freeze-c").best_confidence, None);
}

#[test]
fn a_respin_that_costs_nothing_has_no_threshold() {
    let case = "include_or_respin = { unit_cost = \"1 USD\", units = 1000, cost_now = \"0 USD\", \
                probability = 0.5, respin_cost = \"0 USD\", respin_in = \"1 a\", \
                value = \"0 USD\", value_left = 0.5 }\n\n[[risk]]";
    let plan = planned(&load(&TRACKER.replace("[[risk]]", case)));
    let freeze = decision(&plan, "freeze-c");
    let value = freeze.option_value.as_ref().unwrap();
    assert!(!value.include);
    assert_eq!(value.threshold, None);
    assert!(serde_json::to_string(freeze).unwrap().contains("\"threshold\":null"));
}

#[test]
fn sentences_read_as_people_would_write_them() {
    let order = r#"
        [[order]]
        id = "o2"
        build = "c-evt"
        part = "opt3001"
        supplier = "acme"
        quantity = 50
        placed = 2026-10-01
        received = 2026-11-20
    "#;
    let text = TRACKER.replace("quantity = 50\n", "quantity = 1\n");
    let bundle = load(&format!("{text}{order}"));
    let told = told(&bundle, &planned(&bundle), "door");
    for expected in [
        "order o2 was placed on 1 Oct 2026 and arrived on 20 Nov 2026",
        "1 × LTE-M modem is on the BOM of Tracker rev C for c-evt",
        "no planned hardware has enough Free RAM; it is supposed that Tracker rev C will carry it",
    ] {
        assert!(told.contains(expected), "{expected:?} isn't in\n{told}");
    }
}

#[test]
fn what_a_revision_lacks_or_must_keep_up_with_is_said_plainly() {
    let bundle = load(TRACKER);
    let plan = planned(&bundle);
    let vocabulary = Vocabulary::new(&bundle, &plan.derivation, None);
    let lacks = |need: &str, has: &str| Reason::Lacks {
        revision: "tracker-c".try_into().unwrap(),
        capability: "ram".try_into().unwrap(),
        need: need.to_owned(),
        has: Some(has.to_owned()),
    };
    let too_little = vocabulary.sentence(&lacks("512 KiB", "256 KiB")).to_owned();
    assert_eq!(too_little, "Tracker rev C has 256 KiB of Free RAM, 512 KiB is needed");
    assert_eq!(vocabulary.sentence(&lacks("yes", "no")), "Tracker rev C lacks Free RAM");
    let keeps_up = |link: &str, lag: Option<&str>| Reason::KeepsUp {
        activity: "design:tracker-c".try_into().unwrap(),
        successor: "build:c-evt".try_into().unwrap(),
        link: link.to_owned(),
        lag: lag.map(str::to_owned),
        on: day("2027-05-25"),
    };
    assert_eq!(
        vocabulary.sentence(&keeps_up("FS", Some("5 d elapsed"))),
        "is done so late that no more than 5 d elapsed lie between it and the start of \
         “Tracker rev C EVT: build 50” on 25 May 2027",
    );
    assert_eq!(
        vocabulary.sentence(&keeps_up("SF", None)),
        "starts so late that no time lies between it and the end of \
         “Tracker rev C EVT: build 50” on 25 May 2027",
    );
}

#[test]
fn a_running_build_goes_on_with_its_next_week() {
    let text = TRACKER.replace(
        "provides = { ram = \"256 KiB\" }\n",
        "provides = { ram = \"256 KiB\" }\nfleet = { units = 3000, on = 2026-11-01, annual_loss = 0, \
         update_reach = 1 }\n",
    );
    let actual = "\n[[actual]]\nid = \"build:c-mp\"\nstarted = 2026-10-01\nfinished = 2026-10-29\n";
    let plan = planned(&load(&format!("{text}{actual}")));
    let coverage = &plan.forecast.coverage_over_time[0];
    // 39,877 of rev B and 3,000 of rev C, and 1,000 more on each of 5, 12 and 19 Nov.
    assert_eq!(coverage.points[0].devices, 45_877);
}

#[test]
fn a_part_with_two_idle_capabilities_costs_once() {
    let text =
        TRACKER.replace("provides = { buzzer = true }", "provides = { buzzer = true, led = true }");
    let plan = planned(&load(&format!("{text}\n[[capability]]\nid = \"led\"\ntitle = \"LED\"\n")));
    let idle = plan.forecast.foresight.idle_capabilities.iter();
    let of_buzz: Vec<_> =
        idle.filter(|it| it.parts.iter().any(|it| it.as_str() == "buzz")).collect();
    assert_eq!(of_buzz.len(), 2);
    let costs: Vec<String> =
        of_buzz.iter().filter_map(|it| Some(it.total_cost?.to_string())).collect();
    assert_eq!(costs, ["5025.00 USD"]);
}

#[test]
fn shares_are_told_to_a_thousandth() {
    let plan = planned(&load(&TRACKER.replace("samples = 4000", "samples = 3001")));
    for decision in &plan.forecast.decisions {
        let text = decision.best_confidence.unwrap().to_string();
        assert!(text.len() <= "0.123".len(), "{}: {text}", decision.id);
    }
}

#[test]
fn work_that_a_maximum_lag_holds_back_says_what_it_keeps_up_with() {
    let link = "[[link]]\nfrom = \"party\"\nto = \"build:c-evt\"\nlag = \"10 d\"\n\
                bound = \"maximum\"\n";
    let bundle = load(&format!("{TRACKER}{PARTY}{link}"));
    let told = told(&bundle, &planned(&bundle), "party");
    let expected = "is done so late that no more than 10 d";
    assert!(told.contains(expected), "{told}");
    assert!(
        told.contains("between it and the start of “Tracker rev C EVT: build 50” on 25 May 2027")
    );
    assert!(!told.contains("waits until “Tracker rev C EVT: build 50” is done on 5 Jun 2027\nis"));
}
