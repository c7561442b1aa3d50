//! One product, followed through every answer.

use expect_test::{Expect, expect};
use longlead_horizon::{Carrier, Comparison, Plan, State, Vocabulary, compare};
use longlead_model::Bundle;

use crate::support::{TRACKER, load, planned, tracker, under};

/// The chain of an explanation as sentences.
fn check_explained(bundle: &Bundle, plan: &Plan, id: &str, expected: &Expect) {
    let explanation = plan.explain(bundle, id).unwrap();
    let vocabulary = Vocabulary::new(bundle, &plan.derivation, None);
    let mut told = String::new();
    for step in &explanation.steps {
        told.push_str(&format!("{} {}..{}\n", step.activity, step.from, step.to));
        for reason in &step.because {
            told.push_str(&format!("    {}\n", vocabulary.sentence(reason)));
        }
    }
    expected.assert_eq(&told);
}

#[test]
fn a_launch_is_explained_back_to_the_facts_that_hold_it() {
    let bundle = tracker();
    check_explained(
        &bundle,
        &planned(&bundle),
        "door",
        &expect![[r#"
        launch:door 2027-09-24..2027-09-24
            Door-open alerts needs Light sensor
            Door-open alerts needs Free RAM: 100 KiB
            no device in the field can run it; Tracker rev C is the first hardware that can
            Tracker rev B lacks Light sensor
            waits until “Tracker rev C: on sale in European Union” is done on 24 Sep 2027
        available:tracker-c:eu 2027-09-24..2027-09-24
            waits until “Tracker rev C: ship to European Union” is done on 24 Sep 2027
        ship:tracker-c:eu 2027-09-15..2027-09-24
            shipping to European Union takes 5 / 7 / 20 d
            waits until “Tracker rev C: first units” is done on 15 Sep 2027
        units:tracker-c 2027-09-15..2027-09-15
            waits until “Tracker rev C MP: build 10000” is done on 15 Sep 2027
        build:c-mp 2027-08-28..2027-09-15
            MP of 10000 units comes after EVT
            takes 10 / 15 / 25 d, on the calendar Contract manufacturer
            waits until “LTE-M modem for c-mp” is done on 28 Aug 2027
        procure:c-mp:modem 2027-06-05..2027-08-28
            10000 × LTE-M modem are on the BOM of Tracker rev C for c-mp
            Bolt delivers LTE-M modem in P50 12, P90 26 wk (lead time), the soonest of 2 offers
            waits until “Tracker rev C EVT: build 50” is done on 5 Jun 2027
        build:c-evt 2027-05-25..2027-06-05
            EVT of 50 units is the first build
            takes 10 d, on the calendar Contract manufacturer
            waits until “LTE-M modem for c-evt” is done on 25 May 2027
        procure:c-evt:modem 2027-03-02..2027-05-25
            50 × LTE-M modem are on the BOM of Tracker rev C for c-evt
            Bolt delivers LTE-M modem in P50 12, P90 26 wk (lead time), the soonest of 2 offers
            waits until “Tracker rev C: specification and layout” is done on 2 Mar 2027
        design:tracker-c 2027-01-18..2027-03-02
            the specification freeze of Tracker rev C is on 18 Jan 2027
            takes 20 / 30 / 50 d by Hardware team, on the calendar Monday to Friday
            starts no earlier than 18 Jan 2027
    "#]],
    );
}

#[test]
fn each_feature_launches_on_the_first_hardware_that_can_run_it() {
    let bundle = tracker();
    let plan = planned(&bundle);
    let carrier = |feature: &str| plan.derivation.carriers.get(feature).unwrap();
    assert!(matches!(carrier("geofence"), Carrier::Field { .. }));
    assert!(matches!(carrier("door"), Carrier::Revision { .. }));
    assert!(matches!(carrier("shock"), Carrier::Supposed { .. }));
}

#[test]
fn a_need_that_nobody_planned_is_foreseen_with_the_day_by_which_to_decide() {
    let plan = planned(&tracker());
    let orphans = &plan.forecast.foresight.orphan_needs;
    assert_eq!(orphans.len(), 1);
    assert_eq!(orphans[0].feature.as_str(), "shock");
    assert_eq!(orphans[0].capability.as_str(), "ram");
    assert_eq!(orphans[0].best.as_ref().unwrap().1, "256 KiB");
    let carry =
        plan.forecast.decisions.iter().find(|it| it.id.as_str() == "carry:tracker-c:ram").unwrap();
    assert_eq!(orphans[0].decide_by, carry.decide_by);
    assert!(carry.derived && carry.decide_by.is_some());
}

#[test]
fn nothing_can_be_decided_once_the_specification_has_frozen() {
    let plan = planned(&tracker());
    let freeze = "2027-01-18".parse().unwrap();
    let carry =
        plan.forecast.decisions.iter().find(|it| it.id.as_str() == "carry:tracker-c:ram").unwrap();
    assert!(carry.decide_by.unwrap() <= freeze);
    let last = carry.curve.last().unwrap();
    assert_eq!((last.0, last.1), ("2027-01-19".parse().unwrap(), 0.0));
}

#[test]
fn hardware_that_no_feature_needs_is_told_with_its_cost() {
    let plan = planned(&tracker());
    let idle = &plan.forecast.foresight.idle_capabilities;
    let buzzer = idle.iter().find(|it| it.capability.as_str() == "buzzer").unwrap();
    assert_eq!(buzzer.revision.as_str(), "tracker-c");
    assert_eq!(buzzer.units, 10_050);
    assert_eq!(buzzer.total_cost.unwrap().to_string(), "5025.00 USD");
    assert!(buzzer.can_be_left_out);
}

#[test]
fn coverage_starts_with_the_fleet_and_grows_with_production() {
    let plan = planned(&tracker());
    let points = |feature: &str| {
        let coverage = &plan.forecast.coverage_over_time;
        coverage.iter().find(|it| it.feature.as_str() == feature).unwrap().points.clone()
    };
    // 40,000 devices on 1 Nov, 22 days of 5 % yearly loss, 90 % take updates.
    let now = points("geofence")[0];
    assert_eq!(now.devices, 39_877);
    assert!((now.share - 0.9).abs() < 1e-9);
    let door = points("door");
    assert!(door[0].share.abs() < 1e-9);
    assert!(door.windows(2).all(|pair| pair[0].share <= pair[1].share + 0.01));
    assert!(door.last().unwrap().share > 0.15);
}

#[test]
fn a_scenario_moves_only_what_its_facts_move() {
    let bundle = tracker();
    let before = planned(&bundle).forecast;
    let after = planned(&under(&bundle, "stock")).forecast;
    let comparison = compare(&before, &after);
    let moved: Vec<&str> = comparison.milestones.iter().map(|it| it.id.as_str()).collect();
    assert!(moved.contains(&"launch:door"), "{moved:?}");
    assert!(!moved.contains(&"launch:geofence"), "{moved:?}");
    assert!(comparison.milestones.iter().all(|it| it.moved_days.unwrap() <= 0));
    assert!(!comparison.activities.iter().any(|it| it.id.as_str() == "procure:c-evt:opt3001"
        && it.finish_p50.before != it.finish_p50.after
        && it.start_p50.before == it.start_p50.after));
    assert_eq!(compare(&before, &before), Comparison::default());
}

#[test]
fn leaving_a_part_out_takes_the_feature_off_the_hardware() {
    let bundle = tracker();
    let before = planned(&bundle).forecast;
    let after = planned(&under(&bundle, "no-light")).forecast;
    let comparison = compare(&before, &after);
    assert_eq!(comparison.coverage.len(), 1);
    assert_eq!(comparison.coverage[0].feature.as_str(), "door");
    assert_eq!(comparison.coverage[0].supported.after, Some(false));
    assert_eq!(comparison.orphan_needs.len(), 1);
}

#[test]
fn an_actual_moves_what_follows_and_closes_the_specification() {
    let started = format!(
        "{TRACKER}\n[[actual]]\nid = \"design:tracker-c\"\nstarted = 2026-10-01\nfinished = 2026-11-20\n"
    );
    let before = planned(&tracker()).forecast;
    let bundle = load(&started);
    let after = planned(&bundle).forecast;
    let date = |forecast: &longlead_horizon::Forecast| {
        forecast.milestones.iter().find(|it| it.id.as_str() == "launch:door").unwrap().p80
    };
    assert!(date(&after) < date(&before));
    // What nobody can carry any more can't launch, and nobody is asked to decide it.
    assert!(!after.decisions.iter().any(|it| it.id.as_str().starts_with("carry:")));
    assert!(!after.milestones.iter().any(|it| it.id.as_str() == "launch:shock"));
    assert_eq!(after.foresight.orphan_needs[0].could_carry, None);
}

#[test]
fn economic_decide_by_weighs_delay_against_waiting() {
    let plan = planned(&tracker());
    let freeze = plan.forecast.decisions.iter().find(|it| it.id.as_str() == "freeze-c").unwrap();
    // c_d / (c_d + c_w) = 30 / (30 + 10).
    assert!((freeze.economic.as_ref().unwrap().confidence - 0.75).abs() < 1e-9);
    assert_eq!(freeze.state, State::Lost);
    assert!(freeze.best_confidence.unwrap() < 0.8);
}

#[test]
fn a_decision_about_nothing_that_exists_is_told_with_its_place() {
    let wrong = TRACKER.replace("design:tracker-c\"]\ntarget", "design:tracker-cc\"]\ntarget");
    let bundle = load(&wrong);
    let plan = longlead_horizon::plan(&bundle, &crate::support::ask(&bundle), &|_, _| {});
    let told = plan.unwrap_err();
    expect![[r#"
        product.toml:199:10: error[unknown-reference]: decision `freeze-c` names `design:tracker-cc`, which nothing derives
          help: did you mean `design:tracker-c`?"#]].assert_eq(&crate::support::listed(&told));
}

#[test]
fn activities_that_wait_for_each_other_are_spelled_out() {
    let circle =
        format!("{TRACKER}\n[[link]]\nfrom = \"launch:door\"\nto = \"design:tracker-c\"\n");
    let bundle = load(&circle);
    let told =
        longlead_horizon::plan(&bundle, &crate::support::ask(&bundle), &|_, _| {}).unwrap_err();
    assert!(
        told.iter().any(|it| it.code == longlead_model::Code::Cycle
            && it.message.contains("`design:tracker-c`"))
    );
}
