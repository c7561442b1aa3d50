//! Decide-by against a closed form and against brute force.

use longlead_network::{
    ActivityIndex, At, Estimate, Lag, Link, Network, Progress, Simulation, Span, TICKS_PER_SLOT,
};

use crate::{
    build::{ELAPSED, SIX_DAYS, WEEK, add, check_within, gate, network, request, simulate},
    naive,
};

/// Two development paths on different calendars that meet in a lab, with a
/// decision before one of them. Returns the gated activity as well.
pub(crate) fn lab_network() -> (Network, ActivityIndex) {
    let mut network = network(600);
    network.status = At::start_of(3);
    let lognormal = |p50, p90| Estimate::Lognormal { p50, p90 };
    let survey = add(&mut network, "survey", WEEK, lognormal(4.0, 7.0));
    let board = add(&mut network, "board", WEEK, Estimate::Pert { a: 8.0, m: 12.0, b: 30.0 });
    let sensor = add(&mut network, "sensor", ELAPSED, lognormal(30.0, 55.0));
    let firmware =
        add(&mut network, "firmware", SIX_DAYS, Estimate::Pert { a: 10.0, m: 14.0, b: 40.0 });
    let assembly = add(&mut network, "assembly", SIX_DAYS, Estimate::Uniform { a: 3.0, b: 6.0 });
    let lab = add(&mut network, "lab", WEEK, Estimate::Triangular { a: 5.0, m: 6.0, b: 14.0 });
    let shipping = add(&mut network, "shipping", ELAPSED, lognormal(9.0, 14.0));
    let links = [
        (survey, board),
        (survey, firmware),
        (board, assembly),
        (sensor, assembly),
        (assembly, lab),
        (firmware, lab),
        (lab, shipping),
    ];
    network.links = links.map(|(from, to)| Link::finish_to_start(from, to)).to_vec();
    network.links[3].lag = Lag { amount: 2.0, calendar: ELAPSED };
    network.links[4].lag = Lag { amount: 1.5, calendar: SIX_DAYS };
    (network, board)
}

fn decided(network: &Network, gated: &[ActivityIndex], deadline: At, samples: u32) -> Simulation {
    let last = ActivityIndex::from(network.activities.len() - 1);
    let mut request = request(samples, vec![]);
    request.gates = vec![gate(gated, last, deadline)];
    simulate(network, &request)
}

/// Every slot of the curve, against a forward pass in which the gated work
/// can't start before that slot.
#[track_caller]
fn check_brute_force(network: &Network, gated: &[ActivityIndex], deadline: At) {
    let samples = 600;
    let simulation = decided(network, gated, deadline, samples);
    let outcome = &simulation.gates[0];
    let works = naive::works(network, &request(samples, vec![]));
    for slot in 3..150 {
        let decision = At::start_of(slot);
        let in_time = (0..samples as usize)
            .filter(|&sample| {
                let earliest = |index: usize| {
                    if gated.iter().any(|it| it.index() == index) { decision.ticks() } else { 0 }
                };
                let finishes = naive::finishes(network, &works, sample, earliest);
                *finishes.last().unwrap() <= deadline.ticks()
            })
            .count();
        let share = in_time as f64 / f64::from(samples);
        assert_eq!(outcome.confidence_at(decision), share, "decision on slot {slot}");
    }
}

#[test]
fn the_curve_agrees_with_brute_force_on_every_day() {
    let (network, board) = lab_network();
    check_brute_force(&network, &[board], At::start_of(110));
}

#[test]
fn a_decision_that_gates_two_activities_waits_for_the_tighter_one() {
    let (network, board) = lab_network();
    let sensor = ActivityIndex::new(2);
    check_brute_force(&network, &[board, sensor], At::start_of(105));
}

#[test]
fn a_chain_agrees_with_the_closed_form() {
    // Two lognormals in series by day 60: P(in time | decided on s) is the
    // distribution of their sum at 60 − s, by integration over the first.
    let (one, two) = (
        Estimate::Lognormal { p50: 12.0, p90: 20.0 },
        Estimate::Lognormal { p50: 15.0, p90: 22.0 },
    );
    let mut network = network(400);
    let first = add(&mut network, "first", ELAPSED, one.clone());
    let second = add(&mut network, "second", ELAPSED, two.clone());
    network.links = vec![Link::finish_to_start(first, second)];
    let samples = 50_000;
    let simulation = decided(&network, &[first], At::start_of(60), samples);
    for day in [0, 10, 20, 25, 30, 35, 40] {
        let expect = sum_below(&one, &two, f64::from(60 - day));
        let confidence = simulation.gates[0].confidence_at(At::start_of(day));
        let error = (expect * (1.0 - expect) / f64::from(samples)).sqrt().max(1e-4);
        check_within(&format!("day {day}"), confidence, expect, error);
    }
}

/// P(one + two ≤ limit), averaging over the quantiles of `one`.
fn sum_below(one: &Estimate, two: &Estimate, limit: f64) -> f64 {
    let steps = 20_000;
    let sum: f64 = (0..steps)
        .map(|step| limit - one.quantile((f64::from(step) + 0.5) / f64::from(steps)))
        .map(|left| probability_below(two, left))
        .sum();
    sum / f64::from(steps)
}

/// The p whose quantile is `value`, by bisection.
pub(crate) fn probability_below(estimate: &Estimate, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if estimate.quantile(middle) <= value {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[test]
fn decide_by_is_the_last_day_that_keeps_the_confidence() {
    let (network, board) = lab_network();
    let simulation = decided(&network, &[board], At::start_of(110), 2_000);
    let outcome = &simulation.gates[0];
    assert!(outcome.best_confidence > 0.8);
    let decide_by = outcome.decide_by(0.8).unwrap();
    assert_eq!(decide_by.at.ticks() % TICKS_PER_SLOT, 0);
    assert!(decide_by.confidence >= 0.8);
    let day = Span::from_slots(1.0);
    assert!(outcome.confidence_at(decide_by.at + day) < 0.8);
    assert_eq!(outcome.decide_by(outcome.best_confidence + 0.01), None);
}

#[test]
fn the_curve_falls_from_the_best_confidence_to_nothing() {
    let (network, board) = lab_network();
    let simulation = decided(&network, &[board], At::start_of(110), 2_000);
    let outcome = &simulation.gates[0];
    let curve = outcome.curve(Span::from_slots(1.0));
    assert_eq!(curve[0], (At::start_of(3), outcome.best_confidence));
    assert!(curve.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    assert_eq!(curve.last().unwrap().1, 0.0);
}

#[test]
fn what_limits_a_hopeless_decision_is_what_the_late_samples_wait_for() {
    let (network, board) = lab_network();
    let simulation = decided(&network, &[board], At::start_of(45), 2_000);
    let outcome = &simulation.gates[0];
    assert!(outcome.best_confidence < 0.05);
    assert_eq!(outcome.decide_by(0.8), None);
    let share = |name: &str| {
        let found = |(activity, _): &&(ActivityIndex, f64)| {
            network.activities[activity.index()].name == name
        };
        outcome.limited_by.iter().find(found).map_or(0.0, |(_, share)| *share)
    };
    // The lab and the shipping are on every path, the sensor on the longest.
    assert_eq!((share("lab"), share("shipping")), (1.0, 1.0));
    assert!(share("sensor") > share("firmware") && share("sensor") < 1.0);
}

#[test]
fn an_activity_that_does_not_lead_to_the_target_never_limits_the_decision() {
    let (mut network, _) = lab_network();
    let shipping = ActivityIndex::from(network.activities.len() - 1);
    let brochure = add(&mut network, "brochure", WEEK, Estimate::Fixed(5.0));
    let mut request = request(500, vec![]);
    request.gates = vec![gate(&[brochure], shipping, At::start_of(110))];
    let simulation = simulate(&network, &request);
    let outcome = &simulation.gates[0];
    assert_eq!(outcome.confidence_at(At::start_of(599)), outcome.best_confidence);
}

#[test]
fn a_decision_that_nothing_limits_can_wait_until_the_end_of_the_horizon() {
    let (mut network, board) = lab_network();
    network.status = At::start_of(20);
    let started = Progress::Started { start: At::start_of(7), remaining: None };
    network.activities[board.index()].progress = started;
    let simulation = decided(&network, &[board], At::start_of(130), 500);
    let outcome = &simulation.gates[0];
    assert!(outcome.best_confidence > 0.9);
    let decide_by = outcome.decide_by(0.9).unwrap();
    assert_eq!((decide_by.at, decide_by.confidence), (At::start_of(600), outcome.best_confidence));
}
