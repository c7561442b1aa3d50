//! What must hold for every network.

use longlead_network::{
    ActivityIndex, At, CalendarIndex, CorrelationGroup, Effect, Estimate, GroupIndex, Impact, Lag,
    Link, LinkKind, Network, Rework, Risk, Simulation, SimulationRequest, Span, TargetRequest,
};
use proptest::prelude::*;

use crate::build::{gate, network, simulate};

fn estimate() -> impl Strategy<Value = Estimate> {
    let length = 0.5..9.0_f64;
    prop_oneof![
        length.clone().prop_map(Estimate::Fixed),
        (length.clone(), 0.0..3.0_f64, 0.1..9.0_f64).prop_map(|(a, m, b)| Estimate::Pert {
            a,
            m: a + m,
            b: a + m + b
        }),
        (length.clone(), 0.0..3.0_f64, 0.1..9.0_f64).prop_map(|(a, m, b)| Estimate::Triangular {
            a,
            m: a + m,
            b: a + m + b
        }),
        (length.clone(), 1.01..2.5_f64)
            .prop_map(|(p50, ratio)| Estimate::Lognormal { p50, p90: p50 * ratio }),
        prop::collection::vec(length, 1..5).prop_map(Estimate::Empirical),
    ]
}

fn link(count: usize) -> impl Strategy<Value = Link> {
    let kinds = prop_oneof![
        4 => Just(LinkKind::FinishToStart),
        1 => Just(LinkKind::StartToStart),
        1 => Just(LinkKind::FinishToFinish),
        1 => Just(LinkKind::StartToFinish),
    ];
    (0..count - 1, 0..count, kinds, -2..6_i32, 0..3_u32).prop_map(
        move |(from, gap, kind, amount, calendar)| {
            let to = from + 1 + gap % (count - 1 - from);
            let lag = Lag { amount: f64::from(amount), calendar: CalendarIndex::new(calendar) };
            let (from, to) = (ActivityIndex::from(from), ActivityIndex::from(to));
            Link { kind, lag, ..Link::finish_to_start(from, to) }
        },
    )
}

prop_compose! {
    fn networks()(count in 4..14_usize)(
        activities in prop::collection::vec((estimate(), 0..3_u32, any::<u8>()), count),
        links in prop::collection::vec(link(count), 1..2 * count),
        rho in 0.0..=1.0_f64,
        probability in 0.0..=1.0_f64,
    ) -> Network {
        let mut network = network(2_000);
        network.status = At::start_of(5);
        network.groups = vec![CorrelationGroup { name: "group".to_owned(), rho }];
        let mut effects = Vec::new();
        for (index, (estimate, calendar, traits)) in activities.into_iter().enumerate() {
            let calendar = CalendarIndex::new(calendar);
            let index = ActivityIndex::from(index);
            crate::build::add(&mut network, &format!("activity {}", index.index()), calendar, estimate);
            let activity = &mut network.activities[index.index()];
            if traits & 3 == 0 {
                activity.group = Some(GroupIndex::new(0));
            }
            if traits & 12 == 0 {
                let estimate = Estimate::Uniform { a: 1.0, b: 3.0 };
                activity.rework = Some(Rework { first_pass: 0.7, estimate, rounds_max: 2 });
            }
            if traits & 48 == 0 {
                let impact = Impact::Multiply(Estimate::Uniform { a: 1.0, b: 2.0 });
                effects.push(Effect { activity: index, impact });
            }
        }
        network.risks = vec![Risk { name: "risk".to_owned(), probability, effects }];
        network.links = links;
        network
    }
}

/// All activities as targets, and a decision before the first.
fn everything(network: &Network) -> SimulationRequest {
    let count = network.activities.len();
    let targets = (0..count).map(|index| TargetRequest {
        activity: ActivityIndex::from(index),
        deadline: Some(At::start_of(40)),
        sensitivity: index + 1 == count,
    });
    let last = ActivityIndex::from(count - 1);
    SimulationRequest {
        seed: 3,
        samples: 600,
        threads: 1,
        targets: targets.collect(),
        gates: vec![gate(&[ActivityIndex::new(0)], last, At::start_of(60))],
    }
}

/// Finishes by name, of the targets that both have.
fn finishes<'a>(network: &'a Network, simulation: &'a Simulation) -> Vec<(&'a str, &'a [i32])> {
    let mut finishes: Vec<_> = simulation
        .targets
        .iter()
        .map(|target| {
            (network.activities[target.activity.index()].name.as_str(), target.finishes())
        })
        .collect();
    finishes.sort();
    finishes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_outcome_is_the_same_on_any_number_of_threads(network in networks()) {
        let mut request = everything(&network);
        let single = simulate(&network, &request);
        for threads in [2, 3, 0] {
            request.threads = threads;
            prop_assert_eq!(&simulate(&network, &request), &single);
        }
    }

    #[test]
    fn another_link_never_makes_anything_earlier(network in networks(), seed in any::<u64>()) {
        let request = everything(&network);
        let before = simulate(&network, &request);
        let mut linked = network.clone();
        let count = network.activities.len() as u64;
        let from = ActivityIndex::from((seed % (count - 1)) as usize);
        let to = ActivityIndex::from(count as usize - 1);
        linked.links.push(Link::finish_to_start(from, to));
        let after = simulate(&linked, &request);
        for (before, after) in before.targets.iter().zip(&after.targets) {
            for (before, after) in before.finishes().iter().zip(after.finishes()) {
                prop_assert!(after >= before);
            }
        }
    }

    #[test]
    fn a_change_to_one_activity_leaves_all_other_draws_alone(network in networks()) {
        let mut network = network;
        network.links.clear();
        let request = everything(&network);
        let before = simulate(&network, &request);
        let mut changed = network.clone();
        changed.activities[0].estimate = Estimate::Uniform { a: 50.0, b: 60.0 };
        changed.activities[0].name = "renamed".to_owned();
        let after = simulate(&changed, &request);
        for (before, after) in before.targets.iter().zip(&after.targets).skip(1) {
            prop_assert_eq!(before.finishes(), after.finishes());
        }
        prop_assert!(before.targets[0].finishes() != after.targets[0].finishes());
    }

    #[test]
    fn the_order_of_the_input_has_no_influence(network in networks()) {
        let simulation = simulate(&network, &everything(&network));
        let mut reversed = network.clone();
        let last = network.activities.len() - 1;
        let turned = |index: ActivityIndex| ActivityIndex::from(last - index.index());
        reversed.activities.reverse();
        reversed.links.reverse();
        for link in &mut reversed.links {
            (link.from, link.to) = (turned(link.from), turned(link.to));
        }
        for effect in &mut reversed.risks[0].effects {
            effect.activity = turned(effect.activity);
        }
        let mut request = everything(&network);
        for target in &mut request.targets {
            target.activity = turned(target.activity);
        }
        for gate in &mut request.gates {
            gate.target = turned(gate.target);
            gate.activities = gate.activities.iter().map(|it| turned(*it)).collect();
        }
        let permuted = simulate(&reversed, &request);
        prop_assert_eq!(finishes(&network, &simulation), finishes(&reversed, &permuted));
        let day = Span::from_slots(1.0);
        prop_assert_eq!(simulation.gates[0].curve(day), permuted.gates[0].curve(day));
        let named = |network: &Network, simulation: &Simulation| -> Vec<(String, f64, f64, f64)> {
            let drivers = &simulation.targets[last].drivers;
            drivers.iter().map(|it| {
                let name = network.activities[it.activity.index()].name.clone();
                (name, it.criticality, it.contribution, it.cruciality)
            }).collect()
        };
        prop_assert_eq!(named(&network, &simulation), named(&reversed, &permuted));
    }

    #[test]
    fn percentiles_of_an_activity_agree_with_its_samples(network in networks()) {
        let simulation = simulate(&network, &everything(&network));
        for (target, activity) in simulation.targets.iter().zip(&simulation.activities) {
            let range = (target.percentile(1.0) - target.percentile(0.0)).slots();
            let spread = activity.finish;
            for (p, binned) in [(0.1, spread.p10), (0.5, spread.p50), (0.8, spread.p80), (0.9, spread.p90)] {
                // A bin is a 64th of the range of a block, and may lie astride a
                // gap of the calendar, of which the longest has eleven days.
                let miss = (binned - target.percentile(p)).slots().abs();
                prop_assert!(miss <= range / 64.0 + 11.0, "P{p}: {miss} of {range}");
            }
        }
    }
}

#[test]
fn a_network_without_activities_has_an_outcome_without_activities() {
    let request =
        SimulationRequest { seed: 1, samples: 10, threads: 0, targets: vec![], gates: vec![] };
    assert_eq!(simulate(&network(100), &request).activities, []);
}

/// Figures that `Network::compile` accepts and no plan has: the passes say that the plan is too
/// long, the simulation counts every sample as beyond the horizon.
#[test]
fn absurd_estimates_come_out_as_too_long_and_never_as_nothing() {
    let huge = 1e300;
    let estimates = [
        Estimate::Fixed(huge),
        Estimate::Pert { a: 1e298, m: 1e299, b: huge },
        Estimate::Triangular { a: 1e298, m: 1e299, b: huge },
        Estimate::Uniform { a: 1e299, b: huge },
        Estimate::Lognormal { p50: 1e299, p90: huge },
        Estimate::Normal { mean: huge, std_dev: 1.0 },
        Estimate::Empirical(vec![huge, 1e299]),
    ];
    for grouped in [None, Some(GroupIndex::new(0))] {
        for estimate in &estimates {
            let mut network = network(100);
            network.groups = vec![CorrelationGroup { name: "group".to_owned(), rho: 0.5 }];
            let first =
                crate::build::add(&mut network, "first", CalendarIndex::new(1), estimate.clone());
            let last = crate::build::milestone(&mut network, "last", &[first]);
            network.activities[first.index()].group = grouped;
            let factor = Impact::Multiply(Estimate::Lognormal { p50: 1e-200, p90: huge });
            let effects = vec![Effect { activity: last, impact: factor }];
            network.risks = vec![Risk { name: "risk".to_owned(), probability: 1.0, effects }];
            let target = crate::build::target(last);
            let simulation = simulate(&network, &crate::build::request(300, vec![target]));
            assert_eq!(simulation.targets[0].beyond_horizon, 300, "{estimate:?}");
            let compiled = network.compile().unwrap();
            assert!(compiled.schedule(longlead_network::Planning::MostLikely).is_err());
        }
    }
}
