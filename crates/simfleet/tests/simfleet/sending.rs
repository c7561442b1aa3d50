//! What is sent, in which order, and what is not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use longlead_simfleet::{Key, Loss, Sending};

use super::{day, fleet};

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let run = |seed| fleet(seed, 30).run(day(10), day(12)).collect::<Vec<Sending>>();
    let first = run(1);
    assert!(first.len() > 2000, "{}", first.len());
    assert!(first == run(1));
    assert!(first != run(2));
}

#[test]
fn a_larger_fleet_has_the_same_first_devices() {
    let small: Vec<Sending> = fleet(3, 8).run(day(10), day(11)).collect();
    let large: Vec<Sending> = fleet(3, 40).run(day(10), day(11)).collect();
    let serials: BTreeSet<String> = fleet(3, 8).serials().map(str::to_owned).collect();
    let shared = large.into_iter().filter(|it| serials.contains(&*it.key.device));
    assert!(small == shared.collect::<Vec<Sending>>());
}

#[test]
fn sendings_come_in_order_and_within_the_run() {
    for seed in 0..4 {
        let sent: Vec<Sending> = fleet(seed, 25).run(day(20), day(24)).collect();
        assert!(sent.is_sorted_by_key(|sending| sending.at));
        assert!(sent.iter().all(|it| day(20) <= it.at && it.at < day(24)));
        assert!(sent.iter().all(|it| it.taken < it.at));
    }
}

#[test]
fn runs_one_after_the_other_send_what_one_run_sends() {
    for seed in 0..4 {
        let fleet = fleet(seed, 25);
        let whole: Vec<Sending> = fleet.run(day(20), day(29)).collect();
        let parts = [(20, 21), (21, 25), (25, 29)];
        let parts = parts.into_iter().flat_map(|(from, to)| fleet.run(day(from), day(to)));
        assert!(whole == parts.collect::<Vec<Sending>>(), "seed {seed}");
    }
}

#[test]
fn what_is_measured_is_sent_or_lost_or_stored() {
    let mut losses: BTreeMap<Loss, usize> = BTreeMap::new();
    for seed in 0..2 {
        let fleet = fleet(seed, 40);
        let measured: BTreeSet<Key> = fleet.measured(day(0), day(60)).collect();
        let mut run = fleet.run(day(0), day(60));
        let taken_in_time = run.by_ref().filter(|sending| sending.taken >= day(0));
        let sent: BTreeSet<Key> = taken_in_time.map(|sending| sending.key).collect();
        let lost: BTreeSet<Key> =
            run.lost().iter().filter(|it| it.taken >= day(0)).map(|it| it.key.clone()).collect();
        let stored: BTreeSet<Key> = run.stored().filter(|key| !sent.contains(key)).collect();
        assert!(sent.is_disjoint(&lost) && lost.is_disjoint(&stored));
        assert!(sent.len() > measured.len() * 9 / 10);
        let all: BTreeSet<Key> = [sent, lost, stored].into_iter().flatten().collect();
        let difference: Vec<&Key> = all.symmetric_difference(&measured).take(3).collect();
        assert!(difference.is_empty(), "seed {seed}: {difference:?}");
        for lost in run.lost() {
            *losses.entry(lost.loss).or_default() += 1;
        }
    }
    assert!(losses.contains_key(&Loss::Overflow), "{losses:?}");
}

#[test]
fn readings_are_numbered_from_each_boot_without_a_gap() {
    let fleet = fleet(5, 120);
    let mut next: HashMap<(String, _, u64), u64> = HashMap::new();
    // From before the first device was made, so that every boot is seen from its begin.
    for key in fleet.measured(day(-1000), day(20)) {
        let count = next.entry((key.device.to_string(), key.stream, key.boot)).or_default();
        assert_eq!(key.sequence, *count, "{key:?}");
        *count += 1;
    }
    let boots: BTreeSet<u64> = next.keys().map(|(_, _, boot)| *boot).collect();
    assert!(boots.len() > 5 && boots.first() == Some(&1), "{boots:?}");
}

#[test]
fn some_readings_arrive_twice_with_the_same_bytes() {
    let mut first: HashMap<Key, Vec<u8>> = HashMap::new();
    let (mut all, mut again) = (0, 0);
    for sending in fleet(6, 40).run(day(20), day(26)) {
        all += 1;
        if sending.attempt == 1 {
            let earlier = first.insert(sending.key, sending.payload);
            assert!(earlier.is_none());
        } else if let Some(payload) = first.get(&sending.key) {
            // The first of a pair may have arrived before the run began.
            assert_eq!(*payload, sending.payload);
            again += 1;
        }
    }
    assert!(again * 500 > all && again * 20 < all, "{again} of {all}");
}

#[test]
fn bursts_after_a_time_without_network_send_the_oldest_first_and_some_overtake() {
    let mut last: HashMap<(String, _), Sending> = HashMap::new();
    let (mut bursts, mut overtaken) = (0, 0);
    for sending in fleet(7, 40).run(day(20), day(26)).filter(|it| it.attempt == 1) {
        let key = (sending.key.device.to_string(), sending.key.stream);
        if let Some(before) = last.insert(key, sending.clone()) {
            let late = |it: &Sending| it.at.duration_since(it.taken).as_secs() > 1800;
            overtaken += usize::from(before.taken > sending.taken);
            if late(&before) && late(&sending) && before.taken != sending.taken {
                assert!(before.taken < sending.taken, "{before:?} {sending:?}");
                bursts += 1;
            }
        }
    }
    assert!(bursts > 100, "{bursts}");
    assert!(overtaken > 0);
}
