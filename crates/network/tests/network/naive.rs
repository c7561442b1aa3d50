//! An independent forward pass, one sample and one day at a time.

use longlead_network::{
    ActivityIndex, At, CalendarIndex, Constraint, ConstraintKind, Estimate, Link, Network,
    SimulationRequest, TICKS_PER_SLOT, TargetRequest,
};

use crate::build::{WEEK, simulate};

/// The work of every activity in every sample, by activity and sample: the
/// finish of each alone on an elapsed calendar. Draws depend on names alone.
pub(crate) fn works(network: &Network, request: &SimulationRequest) -> Vec<Vec<i64>> {
    let mut alone = network.clone();
    alone.links.clear();
    alone.status = At::ZERO;
    for activity in &mut alone.activities {
        activity.calendar = CalendarIndex::new(0);
    }
    let targets = (0..alone.activities.len())
        .map(|index| TargetRequest {
            activity: ActivityIndex::from(index),
            deadline: None,
            sensitivity: false,
        })
        .collect();
    let request = SimulationRequest { targets, gates: vec![], ..request.clone() };
    let targets = simulate(&alone, &request).targets;
    targets
        .iter()
        .map(|target| target.finishes().iter().map(|finish| i64::from(*finish)).collect())
        .collect()
}

/// The first instant from `at` on at which the calendar works, walking days.
fn next_work(network: &Network, calendar: CalendarIndex, at: i64) -> i64 {
    let mut at = at;
    while !network.calendars[calendar.index()].works(at.div_euclid(TICKS_PER_SLOT)) {
        at = (at.div_euclid(TICKS_PER_SLOT) + 1) * TICKS_PER_SLOT;
    }
    at
}

/// When work that starts at `at` is done, walking days.
fn finish_of(network: &Network, calendar: CalendarIndex, at: i64, work: i64) -> i64 {
    let (mut at, mut left) = (next_work(network, calendar, at), work);
    loop {
        let end_of_slot = (at.div_euclid(TICKS_PER_SLOT) + 1) * TICKS_PER_SLOT;
        if left <= end_of_slot - at {
            return at + left;
        }
        left -= end_of_slot - at;
        at = next_work(network, calendar, end_of_slot);
    }
}

/// Finishes of all activities in one sample, if each starts no earlier than
/// `earliest` says. Finish-to-start links with lags only; activities must stand
/// after their predecessors.
pub(crate) fn finishes(
    network: &Network,
    works: &[Vec<i64>],
    sample: usize,
    earliest: impl Fn(usize) -> i64,
) -> Vec<i64> {
    let mut finishes: Vec<i64> = Vec::new();
    for (index, activity) in network.activities.iter().enumerate() {
        let arrivals = network
            .links
            .iter()
            .filter(|link| link.to.index() == index)
            .map(|link| arrival(network, link, finishes[link.from.index()]));
        let start = arrivals.fold(earliest(index).max(network.status.ticks()), i64::max);
        let work = works[index][sample];
        let finish =
            if work == 0 { start } else { finish_of(network, activity.calendar, start, work) };
        finishes.push(finish);
    }
    finishes
}

fn arrival(network: &Network, link: &Link, finish: i64) -> i64 {
    let lag = (link.lag.amount * TICKS_PER_SLOT as f64).round() as i64;
    assert!(lag >= 0, "the naive pass knows no negative lags");
    if lag == 0 { finish } else { finish_of(network, link.lag.calendar, finish, lag) }
}

#[test]
fn the_simulation_agrees_with_the_naive_pass_in_every_sample() {
    let (network, _) = crate::decide::lab_network();
    let last = ActivityIndex::from(network.activities.len() - 1);
    let request = crate::build::request(700, vec![crate::build::target(last)]);
    let works = works(&network, &request);
    let simulation = simulate(&network, &request);
    for (sample, finish) in simulation.targets[0].finishes().iter().enumerate() {
        let naive = finishes(&network, &works, sample, |_| 0);
        assert_eq!(i64::from(*finish), naive[last.index()], "sample {sample}");
    }
}

#[test]
fn fixed_estimates_give_the_deterministic_schedule() {
    let (mut network, _) = crate::decide::lab_network();
    for (index, activity) in network.activities.iter_mut().enumerate() {
        activity.estimate = Estimate::Fixed(1.25 + 0.75 * index as f64);
    }
    let compiled = network.clone().compile().unwrap();
    let schedule = compiled.schedule(longlead_network::Planning::Mean).unwrap();
    let simulation = simulate(&network, &crate::build::request(3, vec![]));
    for (dates, outcome) in schedule.activities.iter().zip(&simulation.activities) {
        assert_eq!(dates.early_start, outcome.start.p50);
        assert_eq!(dates.early_finish, outcome.finish.p90);
        assert_eq!(dates.early_finish, outcome.finish.mean);
    }
}

/// A milestone is one instant in the simulation too, at the end of the gap that the
/// deterministic pass gives it.
#[test]
fn milestones_fall_on_the_same_side_of_a_gap_as_in_the_schedule() {
    let mut network = crate::build::network(100);
    let work = crate::build::add(&mut network, "work", WEEK, Estimate::Fixed(5.0));
    let after = crate::build::add(&mut network, "after", WEEK, Estimate::Fixed(0.0));
    let imposed = crate::build::add(&mut network, "imposed", WEEK, Estimate::Fixed(0.0));
    network.links = vec![Link::finish_to_start(work, after)];
    let saturday = Constraint { kind: ConstraintKind::StartNoEarlierThan, at: At::start_of(5) };
    network.activities[imposed.index()].constraints.push(saturday);
    let targets = [work, after, imposed].map(crate::build::target).to_vec();
    let simulation = simulate(&network, &crate::build::request(3, targets));
    let schedule = network.compile().unwrap().schedule(longlead_network::Planning::Mean).unwrap();
    let starts = schedule.activities.iter().map(|dates| dates.early_start.slots());
    assert_eq!(starts.collect::<Vec<f64>>(), [0.0, 5.0, 7.0]);
    for (index, dates) in schedule.activities.iter().enumerate() {
        assert_eq!(simulation.activities[index].start.p50, dates.early_start);
        assert_eq!(simulation.activities[index].finish.p50, dates.early_finish);
        assert_eq!(simulation.targets[index].percentile(0.5), dates.early_finish);
    }
}
