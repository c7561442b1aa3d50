//! The fleet as the registry knows it.

use std::collections::{BTreeMap, BTreeSet};

use longlead_simfleet::LOTS;

use super::{day, fleet};

fn cells(line: &str) -> Vec<&str> {
    line.split(',').collect()
}

#[test]
fn a_file_names_a_device_once_and_the_first_file_names_each() {
    let fleet = fleet(21, 500);
    let files = fleet.device_files(day(83));
    assert!(files.len() > 1, "some devices had an update");
    for file in &files {
        let serials: Vec<&str> = file.lines().skip(1).map(|line| cells(line)[0]).collect();
        let once: BTreeSet<&str> = serials.iter().copied().collect();
        assert_eq!(serials.len(), once.len());
        assert!(file.lines().all(|line| cells(line).len() == 9));
    }
    let named = files[0].lines().skip(1).map(|line| cells(line)[0]);
    assert!(named.eq(fleet.serials()));
    let shares = |revision: &str| files[0].lines().filter(|it| cells(it)[2] == revision).count();
    assert!((140..156).contains(&shares("tracker-a")), "{}", shares("tracker-a"));
    assert!((320..335).contains(&shares("tracker-b")), "{}", shares("tracker-b"));
    assert!(shares("gateway-a") > 10 && shares("gateway-b") > 3);
}

#[test]
fn nothing_is_known_before_it_happens() {
    let fleet = fleet(22, 500);
    let (early, late) = (fleet.events_csv(day(-200)), fleet.events_csv(day(83)));
    assert!(early.lines().count() < late.lines().count());
    for file in [&early, &late] {
        for line in file.lines().skip(1) {
            let cells = cells(line);
            let at: jiff::Timestamp = cells[2].parse().unwrap();
            assert!(at <= if file == &early { day(-200) } else { day(83) });
            assert_eq!(cells[1] == "failed", !cells[3].is_empty(), "{line}");
        }
    }
}

#[test]
fn one_lot_fails_earlier_than_the_others() {
    let fleet = fleet(23, 6000);
    let files = fleet.device_files(day(83));
    let lots: BTreeMap<&str, &str> =
        files[0].lines().skip(1).map(|line| (cells(line)[0], cells(line)[4])).collect();
    let events = fleet.events_csv(day(83));
    let failed = |lot: &str| {
        let failed = events.lines().filter(|line| cells(line)[1] == "failed");
        let failed = failed.filter(|line| lots.get(cells(line)[0]) == Some(&lot)).count();
        failed as f64 / lots.values().filter(|it| **it == lot).count() as f64
    };
    let bad = failed("B-2620");
    for lot in LOTS.iter().filter(|lot| lot.id.starts_with("B-") && lot.id != "B-2620") {
        assert!(3.0 * failed(lot.id) < bad, "{}: {} of {bad}", lot.id, failed(lot.id));
    }
}
