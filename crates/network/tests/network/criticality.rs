//! Drivers of a target's date.

use longlead_network::{ActivityIndex, DriverShare, Estimate, Lag, Link, LinkKind, Network};

use crate::build::{
    ELAPSED, WEEK, add, check_within, milestone, network, request, simulate, target,
};

fn drivers(network: &Network, activity: ActivityIndex, samples: u32) -> Vec<DriverShare> {
    simulate(network, &request(samples, vec![target(activity)])).targets.remove(0).drivers
}

fn driver(drivers: &[DriverShare], activity: ActivityIndex) -> DriverShare {
    *drivers.iter().find(|driver| driver.activity == activity).unwrap()
}

#[test]
fn of_two_equal_paths_each_is_critical_half_of_the_time() {
    let mut network = network(400);
    let estimate = Estimate::Lognormal { p50: 20.0, p90: 30.0 };
    let one = add(&mut network, "one", ELAPSED, estimate.clone());
    let two = add(&mut network, "two", ELAPSED, estimate);
    let end = milestone(&mut network, "end", &[one, two]);
    let drivers = drivers(&network, end, 20_000);
    let (one, two) = (driver(&drivers, one), driver(&drivers, two));
    check_within("one", one.criticality, 0.5, 0.5 / 20_000_f64.sqrt());
    // A tie, in which both are critical, is rarer than one in a million.
    assert!((one.criticality + two.criticality - 1.0).abs() < 1e-3);
    assert!(one.cruciality > 0.5 && two.cruciality > 0.5);
}

#[test]
fn contributions_on_a_chain_add_up_to_its_length() {
    let mut network = network(900);
    let mut before: Option<ActivityIndex> = None;
    for index in 0..8 {
        let calendar = if index % 3 == 0 { ELAPSED } else { WEEK };
        let estimate = Estimate::Pert { a: 2.0, m: 4.0, b: 11.0 };
        let activity = add(&mut network, &format!("step {index}"), calendar, estimate);
        network.links.extend(before.map(|before| Link::finish_to_start(before, activity)));
        before = Some(activity);
    }
    let last = before.unwrap();
    let simulation = simulate(&network, &request(3_000, vec![target(last)]));
    let outcome = &simulation.targets[0];
    let mut total = 0.0;
    for driver in &outcome.drivers {
        assert_eq!(driver.criticality, 1.0);
        total += driver.contribution;
    }
    assert_eq!(outcome.drivers.len(), 8);
    // What is missing is the waiting from the end of an elapsed step to Monday.
    let length = outcome.mean.slots();
    assert!(total <= length && total > length - 8.0, "{total} of {length}");
}

#[test]
fn an_activity_that_never_drives_the_target_contributes_nothing() {
    let mut network = network(400);
    let long = add(&mut network, "long", ELAPSED, Estimate::Uniform { a: 50.0, b: 60.0 });
    let short = add(&mut network, "short", ELAPSED, Estimate::Uniform { a: 5.0, b: 6.0 });
    let end = milestone(&mut network, "end", &[long, short]);
    let drivers = drivers(&network, end, 5_000);
    assert_eq!(driver(&drivers, long).criticality, 1.0);
    assert!((driver(&drivers, long).contribution - 55.0).abs() < 0.2);
    assert!((driver(&drivers, long).sensitivity - 1.0).abs() < 1e-6);
    assert!((driver(&drivers, long).cruciality - 1.0).abs() < 1e-6);
    // Only chance correlates the short one with the end.
    assert!(drivers.iter().all(|it| it.activity != short || it.criticality == 0.0));
    assert!(
        drivers
            .iter()
            .all(|it| it.activity != short || it.cruciality.abs() < 4.0 / 5_000_f64.sqrt())
    );
}

#[test]
fn work_that_ends_in_a_gap_is_still_what_the_next_work_waits_for() {
    // The wait ends on Saturday in every sample; the work starts on Monday.
    let mut network = network(100);
    let wait = add(&mut network, "wait", ELAPSED, Estimate::Uniform { a: 5.1, b: 5.9 });
    let work = add(&mut network, "work", WEEK, Estimate::Fixed(3.0));
    network.links = vec![Link::finish_to_start(wait, work)];
    let drivers = drivers(&network, work, 500);
    assert_eq!(driver(&drivers, wait).criticality, 1.0);
}

#[test]
fn a_start_to_start_link_makes_only_the_start_critical() {
    let mut network = network(200);
    let before = add(&mut network, "before", ELAPSED, Estimate::Fixed(7.0));
    let lead = add(&mut network, "lead", ELAPSED, Estimate::Uniform { a: 20.0, b: 30.0 });
    let follow = add(&mut network, "follow", ELAPSED, Estimate::Uniform { a: 1.0, b: 2.0 });
    let lag = Lag { amount: 3.0, calendar: ELAPSED };
    network.links = vec![
        Link::finish_to_start(before, lead),
        Link { kind: LinkKind::StartToStart, lag, ..Link::finish_to_start(lead, follow) },
    ];
    let drivers = drivers(&network, follow, 500);
    assert_eq!(driver(&drivers, before).criticality, 1.0);
    assert_eq!(driver(&drivers, before).contribution, 7.0);
    let lead = driver(&drivers, lead);
    assert_eq!((lead.criticality, lead.contribution), (1.0, 0.0));
}

#[test]
fn what_fixes_a_finish_drives_what_follows_the_start() {
    // `pack` must end with `assemble`, and `book` follows the start of `pack`.
    let mut network = network(200);
    let assemble = add(&mut network, "assemble", ELAPSED, Estimate::Uniform { a: 20.0, b: 30.0 });
    let pack = add(&mut network, "pack", ELAPSED, Estimate::Fixed(4.0));
    let book = add(&mut network, "book", ELAPSED, Estimate::Fixed(1.0));
    network.links = vec![
        Link { kind: LinkKind::FinishToFinish, ..Link::finish_to_start(assemble, pack) },
        Link { kind: LinkKind::StartToStart, ..Link::finish_to_start(pack, book) },
    ];
    let drivers = drivers(&network, book, 500);
    assert_eq!(driver(&drivers, assemble).criticality, 1.0);
    // Packing sets the date by its length, backwards, but takes no time on the path.
    let pack = driver(&drivers, pack);
    assert_eq!((pack.criticality, pack.contribution), (1.0, 0.0));
}
