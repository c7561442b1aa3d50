use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::{
    activity::{Constraint, Progress},
    estimate::Estimate,
    index::CalendarIndex,
    link::{Lag, Link},
    network::Network,
    sketch::{ELAPSED, FF, FS, SF, SS, Sketch, WEEKDAYS, any_network},
};

/// Day of a start and day of a finish as people name them; `|` marks an instant, `*` a
/// critical activity.
fn render(compiled: &Compiled, schedule: &Schedule) -> String {
    let mut text = String::new();
    for (activity, dates) in compiled.network().activities.iter().zip(&schedule.activities) {
        let driver = match dates.driver {
            Driver::Link(link) => {
                compiled.network().spell_link(&compiled.network().links[link.index()])
            }
            other => format!("{other:?}"),
        };
        text.push_str(&format!(
            "{}{} {}..{} late {}..{} float {} free {} by {driver}\n",
            activity.name,
            if dates.critical { "*" } else { "" },
            dates.early_start.slots(),
            dates.early_finish.slots(),
            dates.late_start.slots(),
            dates.late_finish.slots(),
            dates.total_float.slots(),
            dates.free_float.slots(),
        ));
    }
    text
}

fn check(sketch: Sketch, expect: Expect) {
    let compiled = sketch.compile();
    let schedule = compiled.schedule(Planning::MostLikely).unwrap();
    expect.assert_eq(&render(&compiled, &schedule));
}

fn check_error(sketch: Sketch, expect: Expect) {
    let error = sketch.compile().schedule(Planning::MostLikely).unwrap_err();
    expect.assert_eq(&error.to_string());
}

#[test]
fn the_longest_of_two_ways_is_critical() {
    let sketch = Sketch::new()
        .activity("design", 3.0)
        .activity("board", 5.0)
        .activity("firmware", 2.0)
        .activity("test", 1.0)
        .link("design", FS, "board")
        .link("design", FS, "firmware")
        .link("board", FS, "test")
        .link("firmware", FS, "test");
    check(
        sketch,
        expect![[r#"
        design* 0..3 late 0..3 float 0 free 0 by Status
        board* 3..10 late 3..10 float 0 free 0 by FS `design` → `board`
        firmware 3..5 late 8..10 float 3 free 3 by FS `design` → `firmware`
        test* 10..11 late 10..11 float 0 free 0 by FS `board` → `test`
    "#]],
    );
}

#[test]
fn all_four_kinds_of_link_hold_with_their_lags() {
    let sketch = Sketch::new()
        .activity("a", 10.0)
        .activity("fs", 2.0)
        .activity("ss", 2.0)
        .activity("ff", 2.0)
        .activity("sf", 2.0)
        .lagged("a", FS, "fs", -3.0, WEEKDAYS)
        .lagged("a", SS, "ss", 4.0, WEEKDAYS)
        .lagged("a", FF, "ff", 1.0, WEEKDAYS)
        .lagged("a", SF, "sf", 6.0, WEEKDAYS);
    check(
        sketch,
        expect![[r#"
        a* 0..12 late 0..12 float 0 free 0 by Status
        fs 9..11 late 11..15 float 2 free 2 by FS `a` → `fs`
        ss 4..8 late 11..15 float 5 free 5 by SS `a` → `ss`
        ff* 11..15 late 11..15 float 0 free 0 by FF `a` → `ff`
        sf 4..8 late 11..15 float 5 free 5 by SF `a` → `sf`
    "#]],
    );
}

#[test]
fn an_elapsed_wait_over_a_weekend_costs_no_working_day() {
    let sketch = Sketch::new()
        .activity("pour", 5.0)
        .activity_on(ELAPSED, "cure", 2.0)
        .activity("grind", 1.0)
        .link("pour", FS, "cure")
        .link("cure", FS, "grind");
    check(
        sketch,
        expect![[r#"
        pour* 0..5 late 0..5 float 0 free 0 by Status
        cure* 5..7 late 5..7 float 0 free 0 by FS `pour` → `cure`
        grind* 7..8 late 7..8 float 0 free 0 by FS `cure` → `grind`
    "#]],
    );
}

#[test]
fn a_lag_is_counted_on_its_own_calendar() {
    let sketch = Sketch::new()
        .activity("order", 4.0)
        .activity("elapsed lag", 1.0)
        .activity("working lag", 1.0)
        .activity_on(ELAPSED, "ship", 1.0)
        .lagged("order", FS, "elapsed lag", 3.0, ELAPSED)
        .lagged("order", FS, "working lag", 3.0, WEEKDAYS)
        .lagged("order", FS, "ship", 3.0, WEEKDAYS);
    check(
        sketch,
        expect![[r#"
        order* 0..4 late 0..4 float 0 free 0 by Status
        elapsed lag 7..8 late 9..10 float 2 free 2 by FS `order` → `elapsed lag`
        working lag* 9..10 late 9..10 float 0 free 0 by FS `order` → `working lag`
        ship* 9..10 late 9..10 float 0 free 0 by FS `order` → `ship`
    "#]],
    );
}

#[test]
fn a_milestone_takes_the_end_of_the_gap_that_drives_it() {
    let monday = At::start_of(7);
    let sketch = Sketch::new()
        .activity("work", 5.0)
        .activity("done", 0.0)
        .activity("not before Saturday", 0.0)
        .link("work", FS, "done")
        .constraint("not before Saturday", ConstraintKind::StartNoEarlierThan, At::start_of(5));
    let compiled = sketch.compile();
    let schedule = compiled.schedule(Planning::MostLikely).unwrap();
    assert_eq!(schedule.activities[1].early_start, At::end_of(4));
    assert_eq!(schedule.activities[1].early_finish, At::end_of(4));
    assert_eq!(schedule.activities[2].early_start, monday);
    assert_eq!(schedule.activities[2].early_finish, monday);
}

#[test]
fn a_date_that_links_make_impossible_shows_as_negative_float() {
    let sketch = Sketch::new()
        .activity("a", 5.0)
        .activity("b", 3.0)
        .activity("c", 1.0)
        .link("a", FS, "b")
        .constraint("b", ConstraintKind::MustFinishOn, At::end_of(7))
        .constraint("c", ConstraintKind::MustStartOn, At::start_of(2));
    check(
        sketch,
        expect![[r#"
        a* 0..5 late -2..3 float -2 free 0 by Status
        b* 7..10 late 3..8 float -2 free 0 by FS `a` → `b`
        c* 2..3 late 2..3 float 0 free 5 by Constraint(MustStartOn)
    "#]],
    );
}

#[test]
fn a_finish_constraint_moves_the_start_with_it() {
    let sketch = Sketch::new()
        .activity("a", 2.0)
        .activity("b", 1.0)
        .constraint("a", ConstraintKind::FinishNoEarlierThan, At::end_of(3))
        .constraint("b", ConstraintKind::StartNoLaterThan, At::start_of(1))
        .link("a", SS, "b");
    check(
        sketch,
        expect![[r#"
        a* 2..4 late 1..3 float -1 free 0 by Constraint(FinishNoEarlierThan)
        b* 2..3 late 1..2 float -1 free 1 by SS `a` → `b`
    "#]],
    );
}

#[test]
fn what_has_happened_stands_and_the_rest_waits_for_the_status_date() {
    let started = |start, remaining| Progress::Started { start: At::start_of(start), remaining };
    let sketch = Sketch::with_status(At::start_of(7))
        .activity("done", 9.0)
        .activity("begun", 6.0)
        .activity("overdue", 2.0)
        .activity("estimated", 6.0)
        .activity("next", 1.0)
        .activity("along", 1.0)
        .progress("done", Progress::Finished { start: At::start_of(0), finish: At::end_of(5) })
        .progress("begun", started(2, None))
        .progress("overdue", started(0, None))
        .progress("estimated", started(2, Some(Estimate::Fixed(4.0))))
        .link("begun", FS, "next")
        .lagged("begun", SS, "along", 6.0, WEEKDAYS)
        .link("done", FS, "next");
    check(
        sketch,
        expect![[r#"
        done 0..6 late 0..6 float 0 free 0 by Actual
        begun* 2..10 late 2..10 float 0 free 0 by Status
        overdue 0..7 late 0..11 float 4 free 4 by Status
        estimated* 2..11 late 2..11 float 0 free 0 by Status
        next* 10..11 late 10..11 float 0 free 0 by FS `begun` → `next`
        along* 10..11 late 10..11 float 0 free 0 by SS `begun` → `along`
    "#]],
    );
}

#[test]
fn work_begun_out_of_sequence_resumes_after_its_predecessor() {
    let sketch = Sketch::with_status(At::start_of(2))
        .activity("first", 3.0)
        .activity("eager", 4.0)
        .link("first", FS, "eager")
        .progress("eager", Progress::Started { start: At::start_of(0), remaining: None });
    check(
        sketch,
        expect![[r#"
        first* 2..5 late 2..5 float 0 free 0 by Status
        eager* 0..9 late 0..9 float 0 free 0 by FS `first` → `eager`
    "#]],
    );
}

#[test]
fn a_maximum_lag_holds_the_predecessor_back() {
    let sketch = Sketch::new()
        .activity("long", 10.0)
        .activity("mix", 1.0)
        .activity("mould", 2.0)
        .link("long", FS, "mould")
        .link("mix", FS, "mould")
        .bounded(Bound::Maximum, "mix", FS, "mould", Lag { amount: 1.0, calendar: WEEKDAYS });
    check(
        sketch,
        expect![[r#"
        long* 0..12 late 0..12 float 0 free 0 by Status
        mix 10..11 late 11..12 float 1 free 1 by FS `mix` → `mould`
        mould* 14..16 late 14..16 float 0 free 0 by FS `long` → `mould`
    "#]],
    );
}

#[test]
fn a_maximum_lag_is_kept_across_calendars() {
    let sketch = Sketch::new()
        .activity("long", 5.0)
        .activity_on(ELAPSED, "ship", 1.0)
        .activity("use", 1.0)
        .link("long", FS, "use")
        .bounded(Bound::Maximum, "ship", FS, "use", Lag { amount: 1.0, calendar: ELAPSED });
    check(
        sketch,
        expect![[r#"
        long* 0..5 late 0..5 float 0 free 0 by Status
        ship 5..6 late 7..8 float 2 free 2 by FS `ship` → `use`
        use* 7..8 late 7..8 float 0 free 0 by FS `long` → `use`
    "#]],
    );
}

#[test]
fn contradicting_lags_are_spelled_out() {
    let sketch = Sketch::new()
        .activity("a", 4.0)
        .activity("b", 3.0)
        .activity("c", 2.0)
        .link("a", FS, "b")
        .link("b", FS, "c")
        .bounded(Bound::Maximum, "a", SS, "c", Lag { amount: 6.0, calendar: WEEKDAYS });
    check_error(
        sketch,
        expect![
            "these lags contradict each other: `a` –[FS ≥ 0]→ `b` –[FS ≥ 0]→ `c` –[SS ≤ 6]→ `a`; going round once adds 1.00 slots, so lower a minimum lag or raise a maximum lag by that much"
        ],
    );
}

#[test]
fn contradicting_lags_across_calendars_are_found_too() {
    let sketch = Sketch::new()
        .activity_on(ELAPSED, "a", 10.0)
        .activity("b", 3.0)
        .link("a", FS, "b")
        .bounded(Bound::Maximum, "a", SS, "b", Lag { amount: 6.0, calendar: ELAPSED });
    check_error(
        sketch,
        expect![
            "these lags contradict each other: `a` –[FS ≥ 0]→ `b` –[SS ≤ 6]→ `a`; going round once adds 4.00 slots, so lower a minimum lag or raise a maximum lag by that much"
        ],
    );
}

#[test]
fn a_circle_of_lags_that_adds_no_time_is_no_contradiction() {
    let sketch = Sketch::new()
        .activity("a", 1.0)
        .activity("b", 1.0)
        .activity("late", 9.0)
        .lagged("a", SS, "b", 5.0, WEEKDAYS)
        .bounded(Bound::Maximum, "a", SS, "b", Lag { amount: 5.0, calendar: WEEKDAYS })
        .link("late", FS, "b");
    check(
        sketch,
        expect![[r#"
        a* 4..5 late 4..5 float 0 free 0 by SS `a` → `b`
        b* 11..12 late 11..12 float 0 free 0 by FS `late` → `b`
        late* 0..11 late 0..11 float 0 free 0 by Status
    "#]],
    );
}

/// The drivers told, by name of the activity and of who drives it.
fn told_drivers(network: Network) -> Vec<(String, String)> {
    let compiled = network.compile().unwrap();
    let schedule = compiled.schedule(Planning::MostLikely).unwrap();
    let activities = compiled.network().activities.iter().zip(&schedule.activities);
    let mut told: Vec<(String, String)> = activities
        .map(|(activity, dates)| {
            let driver = match dates.driver {
                Driver::Link(link) => {
                    compiled.network().spell_link(&compiled.network().links[link.index()])
                }
                other => format!("{other:?}"),
            };
            (activity.name.clone(), driver)
        })
        .collect();
    told.sort();
    told
}

#[test]
fn equal_reasons_are_told_alike_in_any_order_of_the_input() {
    let lag = Lag { amount: 9.0, calendar: WEEKDAYS };
    let plain = Sketch::new()
        .activity("x", 3.0)
        .activity("y", 3.0)
        .activity("z", 1.0)
        .link("y", FS, "z")
        .lagged("x", SS, "z", 3.0, WEEKDAYS)
        .link("x", FS, "z");
    let with_maximum_lag = plain.clone().bounded(Bound::Maximum, "y", SS, "z", lag);
    for sketch in [plain, with_maximum_lag] {
        let mut reversed = sketch.network.clone();
        reversed.links.reverse();
        let told = told_drivers(sketch.network);
        assert_eq!(told[2], ("z".to_owned(), "FS `x` → `z`".to_owned()));
        assert_eq!(told_drivers(reversed), told);
    }
}

#[test]
fn a_deadline_for_an_activity_that_is_not_there_is_an_error() {
    let compiled = Sketch::new().activity("a", 3.0).compile();
    let deadlines = Deadlines {
        by_activity: vec![(ActivityIndex::new(4), At::end_of(7))],
        ..Deadlines::default()
    };
    let work = compiled.planned_work(Planning::Mean);
    assert_eq!(
        compiled.schedule_with(&work, &deadlines),
        Err(ScheduleError::UnknownActivity { index: 4, count: 1 })
    );
}

#[test]
fn a_plan_longer_than_the_horizon_is_an_error() {
    let sketch = Sketch::new().activity("a", 50.0).activity("b", 50.0).link("a", FS, "b");
    check_error(
        sketch,
        expect![
            "`b` finishes beyond the horizon of 84 slots, at slot 124.00 or later; lengthen the horizon"
        ],
    );
    check_error(
        Sketch::new().activity("endless", 1e300),
        expect![
            "`endless` finishes beyond the horizon of 84 slots, at slot 109.00 or later; lengthen the horizon"
        ],
    );
}

#[test]
fn an_activity_placed_late_uses_its_float_up() {
    let mut sketch = Sketch::new()
        .activity("a", 6.0)
        .activity("late", 2.0)
        .activity("end", 1.0)
        .link("a", FS, "end")
        .link("late", FS, "end");
    sketch.edit("late").placement = Placement::AsLateAsPossible;
    check(
        sketch,
        expect![[r#"
        a* 0..8 late 0..8 float 0 free 0 by Status
        late* 4..8 late 4..8 float 0 free 0 by Placement
        end* 8..9 late 8..9 float 0 free 0 by FS `a` → `end`
    "#]],
    );
}

#[test]
fn deadlines_replace_the_finish_of_the_last_activity() {
    let sketch = Sketch::new().activity("a", 3.0).activity("b", 4.0).activity("other", 9.0);
    let compiled = sketch.link("a", FS, "b").compile();
    let work = compiled.planned_work(Planning::Mean);
    let deadlines = Deadlines {
        finish: FinishBy::Horizon,
        by_activity: vec![(ActivityIndex::new(1), At::end_of(7))],
        critical_float_max: Span::ZERO,
    };
    let schedule = compiled.schedule_with(&work, &deadlines).unwrap();
    let floats: Vec<f64> = schedule.activities.iter().map(|it| it.total_float.slots()).collect();
    // b may finish on the second Monday, a day before its early finish.
    assert_eq!(floats, [-1.0, -1.0, 51.0]);
}

#[test]
fn durations_for_another_network_are_refused() {
    let compiled = Sketch::new().activity("a", 3.0).compile();
    assert_eq!(
        compiled.schedule_with(&[], &Deadlines::default()),
        Err(ScheduleError::WorkCount { given: 0, expected: 1 })
    );
}

#[test]
fn the_longest_path_follows_the_drivers() {
    let compiled = Sketch::new()
        .activity("a", 3.0)
        .activity("b", 4.0)
        .activity("c", 5.0)
        .activity("d", 1.0)
        .link("a", FS, "d")
        .link("b", FS, "c")
        .link("c", FS, "d")
        .compile();
    let schedule = compiled.schedule(Planning::Mean).unwrap();
    let path = schedule.longest_path(&compiled, ActivityIndex::new(3));
    assert_eq!(path, [1, 2, 3].map(ActivityIndex::new));
}

fn plan(network: Network) -> Schedule {
    network.compile().unwrap().schedule(Planning::MostLikely).unwrap()
}

/// The plan when one activity is held back until `at`.
fn plan_delayed(network: &Network, activity: usize, at: At) -> Schedule {
    let mut network = network.clone();
    let kind = ConstraintKind::StartNoEarlierThan;
    network.activities[activity].constraints.push(Constraint { kind, at });
    plan(network)
}

const TICK: Span = Span::from_ticks(1);

proptest! {
    #[test]
    fn more_precedence_never_shortens(
        network in any_network(), from in any::<proptest::sample::Index>(),
        to in any::<proptest::sample::Index>(), kind in 0_usize..4, lag in -2_i32..4,
    ) {
        let before = plan(network.clone());
        let count = network.activities.len();
        let (from, to) = (from.index(count), to.index(count));
        prop_assume!(from != to);
        let mut network = network;
        network.links.push(Link {
            from: from.min(to).into(),
            to: from.max(to).into(),
            kind: [FS, SS, FF, SF][kind],
            lag: Lag { amount: f64::from(lag), calendar: CalendarIndex::new(2) },
            bound: Bound::Minimum,
        });
        let after = plan(network);
        for (after, before) in after.activities.iter().zip(&before.activities) {
            // A milestone is shown at one end of a gap by its driver.
            let milestone = before.work == Span::ZERO;
            prop_assert!(milestone || after.early_start >= before.early_start);
            prop_assert!(milestone || after.early_finish >= before.early_finish);
        }
        prop_assert!(after.finish >= before.finish);
    }

    /// The late start is exact to the tick, on any mix of calendars.
    #[test]
    fn total_float_is_what_can_be_lost_without_moving_the_finish(
        network in any_network(), activity in any::<proptest::sample::Index>(),
    ) {
        let before = plan(network.clone());
        let activity = activity.index(network.activities.len());
        let calendar = &network.calendars[network.activities[activity].calendar.index()];
        let dates = &before.activities[activity];
        let late = calendar.work(dates.late_start);
        prop_assert!(dates.total_float >= Span::ZERO);
        prop_assert_eq!(late - calendar.work(dates.early_start), dates.total_float);
        let on_time = plan_delayed(&network, activity, calendar.start_at(late));
        prop_assert_eq!(on_time.finish, before.finish);
        let too_late = plan_delayed(&network, activity, calendar.start_at(late) + TICK);
        prop_assert!(too_late.finish > before.finish);
    }

    #[test]
    fn free_float_is_what_can_be_lost_without_moving_anything_else(
        network in any_network(), activity in any::<proptest::sample::Index>(),
    ) {
        let before = plan(network.clone());
        let activity = activity.index(network.activities.len());
        let calendar = &network.calendars[network.activities[activity].calendar.index()];
        let dates = &before.activities[activity];
        prop_assert!(dates.free_float <= dates.total_float);
        let free = calendar.work(dates.early_start) + dates.free_float;
        let others = |schedule: &Schedule| -> Vec<Work> {
            let others = schedule.activities.iter().zip(&network.activities).enumerate();
            let starts = others.filter(|(index, _)| *index != activity).map(|(_, (dates, it))| {
                network.calendars[it.calendar.index()].work(dates.early_start)
            });
            starts.collect()
        };
        let delayed = plan_delayed(&network, activity, calendar.start_at(free));
        prop_assert_eq!(others(&delayed), others(&before));
        let too_late = plan_delayed(&network, activity, calendar.start_at(free) + TICK);
        prop_assert!(others(&too_late) != others(&before) || too_late.finish > before.finish);
    }

    /// Every early date is explained by its chain of drivers, back to a date.
    #[test]
    fn the_longest_path_alone_gives_the_same_date(
        network in any_network(), activity in any::<proptest::sample::Index>(),
    ) {
        let before = plan(network.clone());
        let activity = activity.index(network.activities.len());
        let dates = &before.activities[activity];
        let path = before.longest_path(
            &network.clone().compile().unwrap(), ActivityIndex::from(activity),
        );
        let first = before.activities[path[0].index()].driver;
        prop_assert!(!matches!(first, Driver::Link(_)));
        let mut alone = network;
        alone.links.retain(|link| path.contains(&link.from) && path.contains(&link.to));
        // Only what is on the path, and the activity is where it was.
        prop_assert_eq!(plan(alone).activities[activity].early_finish, dates.early_finish);
    }
}
