//! Small networks and requests.

use longlead_network::{
    Activity, ActivityIndex, At, Calendar, CalendarIndex, Estimate, GateRequest, Link, Network,
    Simulation, SimulationRequest, TargetRequest, WeekPattern,
};

pub(crate) const ELAPSED: CalendarIndex = CalendarIndex::new(0);
pub(crate) const WEEK: CalendarIndex = CalendarIndex::new(1);
pub(crate) const SIX_DAYS: CalendarIndex = CalendarIndex::new(2);

/// A network with three calendars and no activities; slot 0 is a Monday.
pub(crate) fn network(horizon_slots: u32) -> Network {
    let mut network = Network::new(horizon_slots, At::ZERO);
    let week = |working_weekdays| WeekPattern {
        working_weekdays,
        weekday_of_slot_zero: 0,
        non_working: (0..i64::from(horizon_slots) / 100)
            .map(|hundred| longlead_network::SlotRange {
                first: hundred * 100 + 40,
                end: hundred * 100 + 49,
            })
            .collect(),
        working: vec![],
    };
    let five = [true, true, true, true, true, false, false];
    let six = [true, true, true, true, true, true, false];
    network.calendars = vec![
        Calendar::elapsed(horizon_slots).unwrap(),
        Calendar::from_week(horizon_slots, &week(five)).unwrap(),
        Calendar::from_week(horizon_slots, &week(six)).unwrap(),
    ];
    network
}

pub(crate) fn add(
    network: &mut Network,
    name: &str,
    calendar: CalendarIndex,
    estimate: Estimate,
) -> ActivityIndex {
    let index = ActivityIndex::from(network.activities.len());
    network.activities.push(Activity::new(name, calendar, estimate));
    index
}

pub(crate) fn milestone(
    network: &mut Network,
    name: &str,
    after: &[ActivityIndex],
) -> ActivityIndex {
    let index = add(network, name, ELAPSED, Estimate::Fixed(0.0));
    for &before in after {
        network.links.push(Link::finish_to_start(before, index));
    }
    index
}

pub(crate) fn target(activity: ActivityIndex) -> TargetRequest {
    TargetRequest { activity, deadline: None, sensitivity: true }
}

pub(crate) fn request(samples: u32, targets: Vec<TargetRequest>) -> SimulationRequest {
    SimulationRequest { seed: 7, samples, threads: 0, targets, gates: vec![] }
}

pub(crate) fn gate(
    activities: &[ActivityIndex],
    target: ActivityIndex,
    deadline: At,
) -> GateRequest {
    GateRequest { activities: activities.to_vec(), target, deadline }
}

pub(crate) fn simulate(network: &Network, request: &SimulationRequest) -> Simulation {
    network.clone().compile().unwrap().simulate(request, &|_, _| {}).unwrap()
}

/// A value that must lie within four of its standard errors.
#[track_caller]
pub(crate) fn check_within(what: &str, value: f64, expect: f64, standard_error: f64) {
    let miss = (value - expect) / standard_error;
    assert!(
        miss.abs() < 4.0,
        "{what}: {value}, expected {expect}; off by {miss:.2} standard errors"
    );
}
