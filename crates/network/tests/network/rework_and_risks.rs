//! Rework, risks, drivers and what has happened already.

use longlead_network::{
    ActivityIndex, At, Effect, Estimate, Impact, Network, Progress, Rework, Risk, Simulation,
};

use crate::build::{ELAPSED, add, check_within, milestone, network, request, simulate, target};

const SAMPLES: u32 = 50_000;

fn simulated(network: &Network, activity: ActivityIndex) -> Simulation {
    simulate(network, &request(SAMPLES, vec![target(activity)]))
}

fn risk(name: &str, probability: f64, effects: Vec<(ActivityIndex, Impact)>) -> Risk {
    let effects = effects.into_iter().map(|(activity, impact)| Effect { activity, impact });
    Risk { name: name.to_owned(), probability, effects: effects.collect() }
}

#[test]
fn rework_adds_a_round_for_each_failure() {
    let mut network = network(400);
    let lab = add(&mut network, "lab", ELAPSED, Estimate::Fixed(10.0));
    network.activities[0].rework =
        Some(Rework { first_pass: 0.6, estimate: Estimate::Fixed(4.0), rounds_max: 3 });
    let simulation = simulated(&network, lab);
    let outcome = &simulation.targets[0];
    for (rounds, expect) in [(0.0, 0.6), (1.0, 0.84), (2.0, 0.936), (3.0, 1.0)] {
        let by_then = At::ZERO + longlead_network::Span::from_slots(10.0 + 4.0 * rounds);
        let share = outcome.probability_by(by_then);
        let error = (expect * (1.0 - expect) / f64::from(SAMPLES)).sqrt().max(1e-9);
        check_within(&format!("{rounds} rounds"), share, expect, error);
    }
}

#[test]
fn an_adding_risk_occurs_with_its_probability() {
    let mut network = network(400);
    let build = add(&mut network, "build", ELAPSED, Estimate::Fixed(10.0));
    let impact = Impact::Add(Estimate::Uniform { a: 20.0, b: 40.0 });
    network.risks = vec![risk("flood", 0.3, vec![(build, impact)])];
    let simulation = simulated(&network, build);
    let outcome = &simulation.targets[0];
    let unharmed = outcome.probability_by(At::start_of(10));
    check_within("unharmed", unharmed, 0.7, (0.21 / f64::from(SAMPLES)).sqrt());
    check_within("mean", outcome.mean.slots(), 19.0, outcome.std_dev / f64::from(SAMPLES).sqrt());
}

#[test]
fn a_risk_driver_multiplies_all_that_it_hits_alike() {
    let mut network = network(400);
    let one = add(&mut network, "one", ELAPSED, Estimate::Fixed(10.0));
    let two = add(&mut network, "two", ELAPSED, Estimate::Fixed(30.0));
    let factor = Impact::Multiply(Estimate::Triangular { a: 1.0, m: 1.2, b: 2.0 });
    network.risks = vec![risk("one supplier", 0.5, vec![(one, factor.clone()), (two, factor)])];
    let targets = vec![target(one), target(two)];
    let simulation = simulate(&network, &request(2_000, targets));
    let (one, two) = (simulation.targets[0].finishes(), simulation.targets[1].finishes());
    let mut hits = 0;
    for (one, two) in one.iter().zip(two) {
        let factor = f64::from(*one) / 655_360.0;
        assert!((f64::from(*two) / 655_360.0 - 3.0 * factor).abs() < 1e-5);
        hits += i32::from(factor > 1.0);
    }
    check_within("hits", f64::from(hits), 1_000.0, 500_f64.sqrt());
}

#[test]
fn observed_values_are_drawn_equally_often() {
    let mut network = network(100);
    let observed = Estimate::Empirical(vec![9.0, 3.0, 5.0, 3.0]);
    let delivery = add(&mut network, "delivery", ELAPSED, observed);
    let simulation = simulated(&network, delivery);
    for (days, expect) in [(2, 0.0), (3, 0.5), (4, 0.5), (5, 0.75), (8, 0.75), (9, 1.0)] {
        let share = simulation.targets[0].probability_by(At::start_of(days));
        let error = (expect * (1.0 - expect) / f64::from(SAMPLES)).sqrt().max(1e-9);
        check_within(&format!("{days} days"), share, expect, error);
    }
}

#[test]
fn what_has_happened_is_certain_and_the_rest_starts_from_today() {
    let mut network = network(400);
    network.status = At::start_of(20);
    let done = add(&mut network, "done", ELAPSED, Estimate::Uniform { a: 1.0, b: 90.0 });
    let begun = add(&mut network, "begun", ELAPSED, Estimate::Uniform { a: 1.0, b: 90.0 });
    let end = milestone(&mut network, "end", &[done, begun]);
    network.activities[done.index()].progress =
        Progress::Finished { start: At::start_of(2), finish: At::start_of(12) };
    network.activities[begun.index()].progress = Progress::Started {
        start: At::start_of(5),
        remaining: Some(Estimate::Uniform { a: 4.0, b: 6.0 }),
    };
    let simulation = simulated(&network, end);
    let outcome = &simulation.targets[0];
    assert!((outcome.mean.slots() - 25.0).abs() < 0.02);
    assert!(
        outcome.percentile(0.0) >= At::start_of(24) && outcome.percentile(1.0) <= At::start_of(26)
    );
    assert_eq!(simulation.activities[done.index()].finish.p10, At::start_of(12));
    assert_eq!(simulation.activities[done.index()].finish.p90, At::start_of(12));
}

#[test]
fn a_maximum_lag_holds_in_every_sample() {
    use longlead_network::{Bound, Lag, Link};
    let mut network = network(400);
    let bake = add(&mut network, "bake", ELAPSED, Estimate::Uniform { a: 2.0, b: 8.0 });
    let parts = add(&mut network, "parts", ELAPSED, Estimate::Uniform { a: 10.0, b: 40.0 });
    let mount = add(&mut network, "mount", ELAPSED, Estimate::Fixed(3.0));
    let within = Link {
        lag: Lag { amount: 2.0, calendar: ELAPSED },
        bound: Bound::Maximum,
        ..Link::finish_to_start(bake, mount)
    };
    network.links =
        vec![Link::finish_to_start(bake, mount), Link::finish_to_start(parts, mount), within];
    let targets = vec![target(bake), target(parts), target(mount)];
    let simulation = simulate(&network, &request(1_000, targets));
    assert_eq!(simulation.contradicted, 0);
    let finishes = |index: usize| simulation.targets[index].finishes();
    for sample in 0..1_000 {
        let mounted = finishes(2)[sample] - (3 << 16);
        assert!(mounted >= finishes(0)[sample] && mounted >= finishes(1)[sample]);
        assert!(mounted <= finishes(0)[sample] + (2 << 16), "sample {sample}");
    }
    // The baking waits for the parts, so they drive even its own finish.
    let driver = &simulation.targets[0].drivers;
    assert!(driver.iter().any(|it| it.activity == parts && it.criticality > 0.9));
}

#[test]
fn lags_that_contradict_each_other_in_some_samples_are_counted() {
    use longlead_network::{Bound, Lag, Link, LinkKind};
    let mut network = network(400);
    let one = add(&mut network, "one", ELAPSED, Estimate::Uniform { a: 1.0, b: 3.0 });
    let two = add(&mut network, "two", ELAPSED, Estimate::Fixed(1.0));
    let within = Link {
        kind: LinkKind::StartToStart,
        lag: Lag { amount: 2.0, calendar: ELAPSED },
        bound: Bound::Maximum,
        ..Link::finish_to_start(one, two)
    };
    network.links = vec![Link::finish_to_start(one, two), within];
    let simulation = simulate(&network, &request(4_000, vec![target(two)]));
    check_within("contradicted", f64::from(simulation.contradicted), 2_000.0, 1_000_f64.sqrt());
}
