use expect_test::{Expect, expect};

use super::*;
use crate::{
    activity::{Demand, Progress, Rework},
    calendar::Calendar,
    estimate::Estimate,
    index::{GroupIndex, TeamIndex},
    link::{Lag, Link},
    risk::{CorrelationGroup, Effect, Impact, Risk},
    sketch::{ELAPSED, FS, SS, Sketch, WEEKDAYS},
};

/// The error with its source, as a reader sees it.
fn check(sketch: Sketch, expect: Expect) {
    let error = sketch.network.compile().unwrap_err();
    let source = std::error::Error::source(&error).map(|it| format!(": {it}"));
    expect.assert_eq(&format!("{error}{}", source.unwrap_or_default()));
}

fn two() -> Sketch {
    Sketch::new().activity("a", 1.0).activity("b", 2.0)
}

#[test]
fn a_cycle_is_spelled_out_in_order() {
    let sketch = two().activity("before", 1.0).activity("after", 1.0).activity("c", 1.0);
    let sketch = sketch.link("a", FS, "b").link("b", SS, "c").link("c", FS, "a");
    check(
        sketch.link("before", FS, "a").link("c", FS, "after"),
        expect![
            "these activities wait for each other: `b` → `c` → `a` → `b`; remove one of the links"
        ],
    );
    check(
        two().link("a", FS, "a"),
        expect!["these activities wait for each other: `a` → `a`; remove one of the links"],
    );
}

#[test]
fn names_that_key_draws_must_differ() {
    check(
        two().activity("a", 3.0),
        expect!["two activities are named `a`; names key random draws, so give each its own"],
    );
    let mut sketch = two();
    let risk = Risk { name: "strike".to_owned(), probability: 0.1, effects: vec![] };
    sketch.network.risks = vec![risk.clone(), risk];
    check(
        sketch,
        expect!["two risks are named `strike`; names key random draws, so give each its own"],
    );
}

#[test]
fn an_index_past_its_list_is_named() {
    let mut sketch = two();
    sketch.network.links.push(Link::finish_to_start(ActivityIndex::new(0), ActivityIndex::new(7)));
    check(sketch, expect!["links[0] refers to activities[7], of which there are 2"]);
    check(
        two().activity_on(CalendarIndex::new(9), "c", 1.0),
        expect!["activity `c` refers to calendars[9], of which there are 2"],
    );
    let mut sketch = two();
    sketch.edit("a").demands.push(Demand { team: TeamIndex::new(0), units: 1 });
    check(sketch, expect!["activity `a` refers to teams[0], of which there are 0"]);
    let mut sketch = two();
    sketch.edit("b").group = Some(GroupIndex::new(3));
    check(sketch, expect!["activity `b` refers to groups[3], of which there are 0"]);
}

#[test]
fn impossible_figures_are_named_with_their_owner() {
    let mut sketch = two();
    sketch.edit("b").estimate = Estimate::Pert { a: 5.0, m: 3.0, b: 9.0 };
    check(
        sketch,
        expect![
            "the estimate of activity `b` is impossible: a (5) is greater than m (3); exchange or correct them"
        ],
    );
    let mut sketch = two();
    let estimate = Estimate::Fixed(1.0);
    sketch.edit("a").rework = Some(Rework { first_pass: 0.0, estimate, rounds_max: 3 });
    check(
        sketch,
        expect![
            "the first-pass probability of activity `a` is 0; it must be above 0 and at most 1"
        ],
    );
    check(
        two().lagged("a", FS, "b", f64::NAN, WEEKDAYS),
        expect!["the lag of FS `a` → `b` is NaN slots; it must be a number within ±84"],
    );
    let mut sketch = two();
    let impact = Impact::Multiply(Estimate::Fixed(f64::INFINITY));
    let effects = vec![Effect { activity: ActivityIndex::new(1), impact }];
    sketch.network.risks.push(Risk { name: "strike".to_owned(), probability: 0.5, effects });
    check(
        sketch,
        expect![
            "the estimate of the impact of risk `strike` is impossible: duration is inf; give a finite number"
        ],
    );
    let mut sketch = two();
    sketch.network.groups.push(CorrelationGroup { name: "supplier".to_owned(), rho: 1.5 });
    check(
        sketch,
        expect!["the correlation of group `supplier` is 1.5; it must be between 0 and 1"],
    );
}

#[test]
fn dates_must_lie_within_the_horizon_and_in_order() {
    let not_before = ConstraintKind::StartNoEarlierThan;
    check(
        two().constraint("a", not_before, At::start_of(90)),
        expect![
            "a constraint of activity `a` is at slot 90.00, outside the horizon of 84 slots; move the date or lengthen the horizon"
        ],
    );
    check(
        Sketch::with_status(At::start_of(-1)),
        expect![
            "the status date is at slot -1.00, outside the horizon of 84 slots; move the date or lengthen the horizon"
        ],
    );
    let backwards = Progress::Finished { start: At::start_of(4), finish: At::start_of(3) };
    check(
        two().progress("a", backwards),
        expect!["`a` is said to finish before it starts; exchange its actual dates"],
    );
}

#[test]
fn a_calendar_made_for_another_horizon_is_refused() {
    let mut sketch = two();
    sketch.network.calendars.push(Calendar::elapsed(7).unwrap());
    check(
        sketch,
        expect![
            "calendars[2] covers 7 slots but the horizon has 84; make every calendar for the network's horizon"
        ],
    );
}

#[test]
fn positions_follow_the_links() {
    let compiled = two().activity("c", 1.0).link("c", FS, "b").link("b", SS, "a").compile();
    let names: Vec<&str> = (0..3).map(|position| compiled.name(position)).collect();
    assert_eq!(names, ["c", "b", "a"]);
    assert_eq!(compiled.incoming(2).len(), 1);
    assert_eq!(compiled.outgoing(0), [0]);
    assert_eq!(compiled.position(ActivityIndex::new(0)), 2);
}

#[test]
fn only_links_that_cross_calendars_convert() {
    let mut sketch = two().activity_on(ELAPSED, "c", 1.0);
    // A calendar with the same days is the same calendar.
    let same = sketch.network.calendars[0].clone();
    sketch.network.calendars.push(same);
    sketch.edit("b").calendar = CalendarIndex::new(2);
    let compiled = sketch.link("a", FS, "b").link("a", FS, "c").compile();
    let crossings = |position| compiled.incoming(position)[0].route.first.is_some();
    let position = |index| compiled.position(ActivityIndex::new(index));
    assert!(!crossings(position(1)));
    assert!(crossings(position(2)));
    assert_eq!(compiled.conversions().len(), 2);
}

#[test]
fn a_maximum_lag_is_laid_out_as_what_it_pushes() {
    let lag = Lag { amount: 3.0, calendar: WEEKDAYS };
    let compiled = two().bounded(crate::link::Bound::Maximum, "a", FS, "b", lag).compile();
    let edge = compiled.maximum_edges()[0];
    assert_eq!(compiled.name(edge.from as usize), "b");
    assert_eq!(compiled.name(edge.to as usize), "a");
    assert_eq!(edge.kind, LinkKind::StartToFinish);
    assert_eq!(edge.route.lag, Span::from_slots(-3.0));
}

#[test]
fn planned_work_counts_expected_rework_only_in_the_mean() {
    let mut sketch = Sketch::new().activity("test", 0.0);
    sketch.edit("test").estimate = Estimate::Triangular { a: 2.0, m: 2.0, b: 8.0 };
    let estimate = Estimate::Fixed(4.0);
    sketch.edit("test").rework = Some(Rework { first_pass: 0.5, estimate, rounds_max: 2 });
    let compiled = sketch.compile();
    let work = |planning| compiled.planned_work(planning)[0].slots();
    // One half of the samples need a round, one quarter a second one.
    assert_eq!(work(Planning::Mean), 4.0 + 0.75 * 4.0);
    assert_eq!(work(Planning::MostLikely), 2.0);
    assert_eq!(work(Planning::Quantile(1.0)), 8.0);
}
