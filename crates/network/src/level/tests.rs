use proptest::prelude::*;

use super::*;
use crate::{
    activity::{ConstraintKind, Demand, Progress},
    compile::Planning,
    estimate::Estimate,
    index::{ActivityIndex, CalendarIndex, TeamIndex},
    link::{Bound, Lag, LinkKind},
    network::{Network, Team},
    sketch::{ANY_HORIZON, ELAPSED, FS, Sketch, WEEKDAYS, any_network},
};

const LAB: TeamIndex = TeamIndex::new(0);

/// Activities that all want the lab: name, slots, units.
fn in_lab(capacity: u32, activities: &[(&str, f64, u32)]) -> Sketch {
    let mut sketch = Sketch::new();
    sketch.network.teams.push(Team { name: "lab".to_owned(), capacity });
    for &(name, slots, units) in activities {
        sketch = sketch.activity(name, slots);
        sketch.edit(name).demands.push(Demand { team: LAB, units });
    }
    sketch
}

fn level(sketch: Sketch, scheme: Scheme) -> (Compiled, Levelled) {
    let compiled = sketch.compile();
    let work = compiled.planned_work(Planning::MostLikely);
    let levelled = compiled.level(&work, scheme, PriorityRule::LatestFinishTime).unwrap();
    (compiled, levelled)
}

/// Start slots by activity, and resource links as pairs of names.
fn check(sketch: Sketch, starts: &[i64], links: &[(&str, &str)]) {
    for scheme in [Scheme::Serial, Scheme::Parallel] {
        let (compiled, levelled) = level(sketch.clone(), scheme);
        let found: Vec<i64> = levelled.activities.iter().map(|it| it.start.slot()).collect();
        assert_eq!(found, starts, "{scheme:?}");
        let name = |index: ActivityIndex| compiled.network().activities[index.index()].name.clone();
        let found: Vec<(String, String)> =
            levelled.resource_links.iter().map(|it| (name(it.from), name(it.to))).collect();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        assert_eq!(found, links, "{scheme:?}");
    }
}

#[test]
fn one_lab_works_in_turn_and_the_urgent_goes_first() {
    let sketch = in_lab(1, &[("a", 2.0, 1), ("b", 3.0, 1)]).activity("after b", 9.0);
    check(sketch.link("b", FS, "after b"), &[3, 0, 3], &[("b", "a")]);
}

#[test]
fn a_lab_for_two_takes_two() {
    let sketch = in_lab(2, &[("a", 2.0, 1), ("b", 2.0, 1), ("c", 1.0, 2)]);
    check(sketch, &[0, 0, 2], &[("a", "c"), ("b", "c")]);
}

#[test]
fn the_lab_is_free_while_its_user_rests() {
    // The weekend job starts once Friday is over and is done before Monday.
    let mut sketch = in_lab(1, &[("weekdays", 8.0, 1)])
        .activity_on(ELAPSED, "weekend", 2.0)
        .constraint("weekend", ConstraintKind::StartNoEarlierThan, At::start_of(5));
    sketch.edit("weekend").demands.push(Demand { team: LAB, units: 1 });
    check(sketch, &[0, 5], &[]);
}

#[test]
fn a_team_already_linked_needs_no_resource_link() {
    let sketch = in_lab(1, &[("a", 2.0, 1), ("b", 2.0, 1)]).link("a", FS, "b");
    check(sketch, &[0, 2], &[]);
}

#[test]
fn a_maximum_lag_moves_the_predecessor_along() {
    let lag = Lag { amount: 1.0, calendar: WEEKDAYS };
    let sketch = in_lab(1, &[("mould", 1.0, 1), ("urgent", 4.0, 1)])
        .activity("mix", 1.0)
        .activity("after urgent", 9.0)
        .link("urgent", FS, "after urgent")
        .link("mix", FS, "mould")
        .bounded(Bound::Maximum, "mix", FS, "mould", lag);
    let (_, levelled) = level(sketch, Scheme::Serial);
    let starts: Vec<i64> = levelled.activities.iter().map(|it| it.start.slot()).collect();
    assert_eq!(starts, [4, 0, 2, 4]);
    assert_eq!(levelled.broken_maximum_lags, []);
}

#[test]
fn a_maximum_lag_that_a_team_makes_impossible_is_reported() {
    // Both must start within a day of each other, but share the lab for four days each.
    let lag = Lag { amount: 1.0, calendar: WEEKDAYS };
    let sketch = in_lab(1, &[("a", 4.0, 1), ("b", 4.0, 1)])
        .bounded(Bound::Maximum, "a", LinkKind::StartToStart, "b", lag)
        .bounded(Bound::Maximum, "b", LinkKind::StartToStart, "a", lag);
    let compiled = sketch.compile();
    let work = compiled.planned_work(Planning::MostLikely);
    let levelled = compiled.level(&work, Scheme::Serial, PriorityRule::LatestFinishTime).unwrap();
    assert_eq!(levelled.broken_maximum_lags, [crate::index::LinkIndex::new(0)]);
    assert_eq!(levelled.finish, At::end_of(9));
}

#[test]
fn two_demands_for_one_team_add_up() {
    let mut sketch = in_lab(2, &[("a", 2.0, 1), ("b", 2.0, 1)]);
    sketch.edit("b").demands.push(Demand { team: LAB, units: 1 });
    check(sketch, &[0, 2], &[("a", "b")]);
}

#[test]
fn a_team_that_has_shrunk_since_is_no_error_for_work_that_is_done() {
    let done = Progress::Finished { start: At::start_of(0), finish: At::end_of(1) };
    let sketch = in_lab(1, &[("a", 2.0, 3), ("b", 2.0, 1)]).progress("a", done);
    check(sketch, &[0, 0], &[]);
}

#[test]
fn units_come_from_who_has_been_done_the_longest() {
    let sketch = in_lab(2, &[("b", 1.0, 1), ("c", 4.0, 1), ("d", 2.0, 1), ("e", 2.0, 1)])
        .constraint("d", ConstraintKind::StartNoEarlierThan, At::start_of(4))
        .constraint("e", ConstraintKind::StartNoEarlierThan, At::start_of(4));
    check(sketch, &[0, 0, 4, 4], &[("b", "d"), ("c", "e")]);
}

#[test]
fn a_resource_link_passes_a_team_on_at_the_weekend() {
    // Soldering ends on Friday evening, the burn-in, which runs every day, starts then, and
    // the rework of Monday morning waits for it.
    let mut sketch = in_lab(1, &[("solder", 5.0, 1), ("rework", 1.0, 1)])
        .activity_on(ELAPSED, "burn-in", 2.0)
        .constraint("burn-in", ConstraintKind::StartNoEarlierThan, At::start_of(5))
        .link("solder", FS, "rework");
    sketch.edit("burn-in").demands.push(Demand { team: LAB, units: 1 });
    let (compiled, levelled) = level(sketch, Scheme::Parallel);
    let starts: Vec<f64> = levelled.activities.iter().map(|it| it.start.slots()).collect();
    assert_eq!(starts, [0.0, 7.0, 5.0]);
    assert_eq!(levelled.resource_links.len(), 2);
    let mut network = compiled.into_network();
    network.links.extend(levelled.resource_links);
    let schedule = network.compile().unwrap().schedule(Planning::MostLikely).unwrap();
    let linked: Vec<f64> = schedule.activities.iter().map(|it| it.early_start.slots()).collect();
    assert_eq!(linked, starts);
}

#[test]
fn a_demand_that_no_team_can_meet_is_an_error() {
    let compiled = in_lab(2, &[("a", 4.0, 3)]).compile();
    let work = compiled.planned_work(Planning::MostLikely);
    let error = compiled.level(&work, Scheme::Serial, PriorityRule::MinimumSlack).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a` needs 3 of team `lab`, which has 2; lower the demand or raise the capacity"
    );
}

fn scheme() -> impl Strategy<Value = Scheme> {
    prop_oneof![Just(Scheme::Serial), Just(Scheme::Parallel)]
}

/// The units of a team in use at an instant, counted from the placed activities alone.
fn units_in_use(network: &Network, placed: &[Placed], team: usize, at: At) -> u32 {
    let in_use = network.activities.iter().zip(placed).filter(|(activity, placed)| {
        placed.start <= at
            && at < placed.finish
            && network.calendars[activity.calendar.index()].works(at.slot())
    });
    in_use.map(|(activity, _)| activity.demands[team].units).sum()
}

/// Half slots, shifted off the boundaries.
fn instants() -> impl Iterator<Item = At> {
    (0..i64::from(ANY_HORIZON) * 2).map(|half| At::from_ticks(half * 32_768 + 16_384))
}

proptest! {
    #[test]
    fn no_team_is_asked_for_more_than_it_has(
        network in any_network(), scheme in scheme(), rule in 0_usize..6,
    ) {
        let compiled = network.compile().unwrap();
        let work = compiled.planned_work(Planning::MostLikely);
        let levelled = compiled.level(&work, scheme, PriorityRule::ALL[rule]).unwrap();
        let network = compiled.network();
        for team in 0..network.teams.len() {
            for at in instants() {
                let used = units_in_use(network, &levelled.activities, team, at);
                prop_assert!(used <= network.teams[team].capacity, "{used} at {at:?}");
            }
        }
    }

    #[test]
    fn levelling_never_starts_an_activity_before_its_early_start(
        network in any_network(), scheme in scheme(),
    ) {
        let compiled = network.compile().unwrap();
        let work = compiled.planned_work(Planning::MostLikely);
        let schedule = compiled.schedule(Planning::MostLikely).unwrap();
        let levelled = compiled.level(&work, scheme, PriorityRule::MinimumSlack).unwrap();
        for (placed, dates) in levelled.activities.iter().zip(&schedule.activities) {
            // A milestone is shown at one end of a gap by its driver.
            let milestone = dates.work == Span::ZERO;
            prop_assert!(milestone || placed.start >= dates.early_start);
            prop_assert!(milestone || placed.finish >= dates.early_finish);
        }
        prop_assert!(levelled.finish >= schedule.finish);
    }

    /// With the resource links added, the plan of the network is within capacity by itself
    /// (as long as no team is used in the gaps of another activity's calendar) and no later.
    #[test]
    fn resource_links_carry_the_levelled_order(network in any_network(), scheme in scheme()) {
        let mut network = network;
        for activity in &mut network.activities {
            activity.calendar = CalendarIndex::new(0);
        }
        network.links.retain(|link| link.kind == FS && link.lag.amount >= 0.0);
        let compiled = network.compile().unwrap();
        let work = compiled.planned_work(Planning::MostLikely);
        let rule = PriorityRule::LatestFinishTime;
        let levelled = compiled.level(&work, scheme, rule).unwrap();
        let mut network = compiled.into_network();
        network.links.extend(levelled.resource_links);
        let linked = network.compile().unwrap();
        let schedule = linked.schedule(Planning::MostLikely).unwrap();
        prop_assert!(schedule.finish <= levelled.finish);
        let placed: Vec<Placed> = schedule
            .activities
            .iter()
            .map(|dates| Placed { start: dates.early_start, finish: dates.early_finish })
            .collect();
        for at in instants() {
            for team in 0..2 {
                prop_assert!(units_in_use(linked.network(), &placed, team, at) <= 2);
            }
        }
    }

    /// Whatever the activities turn out to take, a plan that keeps the resource links keeps
    /// the capacities.
    #[test]
    fn resource_links_keep_the_capacities_whatever_the_work_takes(
        network in any_network(),
        scheme in scheme(),
        half_slots in proptest::collection::vec(1_u32..40, 14),
    ) {
        let mut network = network;
        network.links.retain(|link| link.kind == FS && link.lag.amount >= 0.0);
        for activity in &mut network.activities {
            activity.calendar = CalendarIndex::new(0);
            // Work that takes no time takes no team, and so hands none on.
            activity.estimate = Estimate::Fixed(activity.estimate.mean().max(0.5));
        }
        let compiled = network.compile().unwrap();
        let work = compiled.planned_work(Planning::MostLikely);
        let levelled = compiled.level(&work, scheme, PriorityRule::MinimumSlack).unwrap();
        let mut network = compiled.into_network();
        network.links.extend(levelled.resource_links);
        for (activity, half_slots) in network.activities.iter_mut().zip(half_slots) {
            activity.estimate = Estimate::Fixed(f64::from(half_slots) / 2.0);
        }
        let linked = network.compile().unwrap();
        let schedule = linked.schedule(Planning::MostLikely).unwrap();
        let dates = schedule.activities.iter();
        let placed: Vec<Placed> = dates
            .map(|dates| Placed { start: dates.early_start, finish: dates.early_finish })
            .collect();
        for at in instants() {
            for team in 0..2 {
                let used = units_in_use(linked.network(), &placed, team, at);
                prop_assert!(used <= 2, "{used} at {at:?}");
            }
        }
    }

    /// The levelled plan itself keeps its resource links on any mix of calendars and links,
    /// so with them nothing waits longer than levelling made it wait.
    #[test]
    fn resource_links_add_no_waits_to_the_levelled_plan(
        network in any_network(), scheme in scheme(), rule in 0_usize..6,
    ) {
        let compiled = network.compile().unwrap();
        let work = compiled.planned_work(Planning::MostLikely);
        let levelled = compiled.level(&work, scheme, PriorityRule::ALL[rule]).unwrap();
        let mut network = compiled.into_network();
        network.links.extend(levelled.resource_links);
        let schedule = network.compile().unwrap().schedule(Planning::MostLikely).unwrap();
        for (dates, placed) in schedule.activities.iter().zip(&levelled.activities) {
            // A milestone is shown at one end of a gap by its driver.
            let milestone = dates.work == Span::ZERO;
            prop_assert!(milestone || dates.early_start <= placed.start);
        }
        prop_assert!(schedule.finish <= levelled.finish);
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(network in any_network(), scheme in scheme()) {
        let count = network.activities.len();
        let mut turned = network.clone();
        turned.activities.reverse();
        turned.links.reverse();
        for link in &mut turned.links {
            let turn = |index: ActivityIndex| ActivityIndex::from(count - 1 - index.index());
            (link.from, link.to) = (turn(link.from), turn(link.to));
        }
        let plan = |network: Network| {
            let compiled = network.compile().unwrap();
            let work = compiled.planned_work(Planning::Mean);
            let rule = PriorityRule::GreatestRankPositionalWeight;
            compiled.level(&work, scheme, rule).unwrap()
        };
        let (straight, turned) = (plan(network), plan(turned));
        let turned: Vec<Placed> = turned.activities.into_iter().rev().collect();
        prop_assert_eq!(straight.activities, turned);
    }
}
