//! Histories of crashes and faults, each from a seed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use super::{AppendError, Found, Log, LogError};
use crate::disk::simulated::{Dice, Simulated};

type Groups = Vec<(u64, Vec<u8>)>;

fn open(disk: &Simulated, at_least: u64) -> Result<(Log, Found, Groups), LogError<Infallible>> {
    let mut groups = Groups::new();
    let disk = Arc::new(disk.clone());
    let (log, found) = Log::open(disk, 2_000, at_least, |_, group, payload| {
        groups.push((group, payload.to_vec()));
        Ok(())
    })?;
    Ok((log, found, groups))
}

fn payload(dice: &mut Dice) -> Vec<u8> {
    let length = match dice.below(8) {
        0 => 0,
        1 => dice.below(3_000),
        _ => dice.below(200),
    };
    (0..length).map(|_| dice.next() as u8).collect()
}

/// What the world outside knows of a log.
#[derive(Default)]
struct Known {
    /// Each group that was ever sent under a number, the last one sent.
    sent: BTreeMap<u64, Vec<u8>>,
    acknowledged: u64,
    trimmed: u64,
}

impl Known {
    /// Recovered are all that were acknowledged and not trimmed, none that wasn't sent, in order.
    fn check(&mut self, seed: u64, groups: &Groups) {
        let numbers: Vec<u64> = groups.iter().map(|(group, _)| *group).collect();
        if let (Some(first), Some(last)) = (numbers.first(), numbers.last()) {
            assert!(*first <= self.trimmed + 1, "seed {seed}: groups before {first} are lost");
            assert!(*last >= self.acknowledged, "seed {seed}: groups after {last} are lost");
            assert_eq!(numbers, (*first..=*last).collect::<Vec<_>>(), "seed {seed}");
            self.acknowledged = *last;
        } else {
            assert_eq!(self.acknowledged, self.trimmed, "seed {seed}: all is lost");
        }
        for (group, payload) in groups {
            assert_eq!(self.sent.get(group), Some(payload), "seed {seed}: group {group}");
        }
    }
}

/// Appends and trims until the process dies, or stops trusting its disk.
fn live(disk: &Simulated, dice: &mut Dice, log: &mut Log, known: &mut Known) {
    for _ in 0..dice.below(60) {
        if dice.one_in(12) {
            let through = known.trimmed + dice.below(known.acknowledged - known.trimmed + 1);
            known.trimmed = through;
            if log.trim(through).is_err() {
                return;
            }
            continue;
        }
        if dice.one_in(20) {
            let used = u64::MAX - disk_free(disk);
            disk.set_capacity(used + dice.below(400));
        }
        let sent = payload(dice);
        let group = log.next();
        known.sent.insert(group, sent.clone());
        match log.append(&sent) {
            Ok(number) => {
                assert_eq!(number, group);
                known.acknowledged = group;
            }
            Err(AppendError::Full(_)) => disk.set_capacity(u64::MAX),
            Err(AppendError::Failed(_)) => {
                assert!(matches!(log.append(b"more"), Err(AppendError::Stopped)));
                return;
            }
            Err(AppendError::Stopped) => panic!("it says so only after it failed"),
        }
    }
}

fn disk_free(disk: &Simulated) -> u64 {
    disk.set_capacity(u64::MAX);
    crate::disk::Disk::free(disk).expect("it is told")
}

#[test]
fn acknowledged_groups_survive_every_crash_once_and_whole() {
    let histories = if cfg!(debug_assertions) { 3_000 } else { 20_000 };
    let (mut recovered, mut torn) = (0, 0);
    for seed in 0..histories {
        let mut dice = Dice(seed);
        let disk = Simulated::new(seed ^ 0xd15c);
        let mut known = Known::default();
        for _ in 0..6 {
            if dice.one_in(3) {
                // Death in the middle of a recovery.
                disk.die_after(dice.below(12));
                drop(open(&disk, known.trimmed));
                disk.crash();
            }
            let (mut log, found, groups) = open(&disk, known.trimmed).expect("only torn ends");
            assert_eq!(found.missing, [], "seed {seed}");
            known.check(seed, &groups);
            recovered += found.groups;
            torn += u64::from(found.torn.is_some());
            if dice.one_in(2) {
                disk.die_after(dice.below(150));
            }
            if dice.one_in(4) {
                disk.fail_one_sync_in(15);
            }
            live(&disk, &mut dice, &mut log, &mut known);
            drop(log);
            // Often the machine lives on and only the process is new.
            if dice.one_in(3) {
                disk.fail_one_sync_in(0);
                disk.die_after(u64::MAX);
                disk.set_capacity(u64::MAX);
            } else {
                disk.crash();
            }
        }
    }
    assert!(recovered > histories * 20, "{recovered} groups were recovered");
    assert!(torn > histories / 20, "{torn} ends were torn");
}

fn filled() -> (Simulated, Vec<String>) {
    let disk = Simulated::new(1);
    let (mut log, ..) = open(&disk, 0).expect("it is empty");
    for group in 1..=60_u8 {
        log.append(&[group; 100]).expect("there is room");
    }
    let mut names = crate::disk::Disk::list(&disk).expect("it lists");
    names.sort();
    assert!(names.len() > 2);
    (disk, names)
}

#[test]
fn damage_that_later_groups_follow_is_refused_with_its_place() {
    for place in [0, 17, 20, 30, 39, 60, 300] {
        for segment in 0..2 {
            let (disk, names) = filled();
            let name = if segment == 0 { &names[0] } else { &names[names.len() - 1] };
            disk.flip(name, place);
            match open(&disk, 0) {
                Err(LogError::Damaged { segment, offset, .. }) => {
                    assert_eq!(&segment, name);
                    assert!(offset as usize <= place, "{offset} for {place}");
                }
                other => panic!("{place} in {name}: {:?}", other.map(|it| it.1)),
            }
        }
    }
}

#[test]
fn a_missing_segment_is_told() {
    let (disk, names) = filled();
    crate::disk::Disk::remove(&disk, &names[1]).expect("it is there");
    let (log, found, groups) = open(&disk, 0).expect("what is left can be read");
    let [(first, last)] = found.missing[..] else { panic!("{:?}", found.missing) };
    assert_eq!(groups.len() as u64, 60 - (last - first + 1));
    assert_eq!(log.next(), 61);
}

#[test]
fn a_full_disk_refuses_and_takes_again_when_there_is_room() {
    let disk = Simulated::new(7);
    let (mut log, ..) = open(&disk, 0).expect("it is empty");
    log.append(b"first").expect("there is room");
    disk.set_capacity(u64::MAX - disk_free(&disk) + 40);
    assert!(matches!(log.append(&[1; 100]), Err(AppendError::Full(_))));
    assert!(!log.has_stopped());
    disk.set_capacity(u64::MAX);
    assert_eq!(log.append(b"second").expect("there is room again"), 2);
    drop(log);
    disk.crash();
    let (_, _, groups) = open(&disk, 0).expect("it opens");
    assert_eq!(groups, [(1, b"first".to_vec()), (2, b"second".to_vec())]);
}

#[test]
fn a_log_with_a_torn_end_opens_on_a_full_disk() {
    let (disk, names) = filled();
    let last = names.last().expect("there are some").clone();
    let mut torn = crate::disk::Disk::read(&disk, &last).expect("it is there");
    let whole = torn.len();
    torn.truncate(whole - 40);
    crate::disk::Disk::rewrite(&disk, &last, &torn).expect("it is written");
    let used = u64::MAX - disk_free(&disk);
    disk.set_capacity(used + 10);
    let (mut log, found, groups) = open(&disk, 0).expect("it opens without room");
    assert_eq!((found.groups, groups.len()), (59, 59));
    assert!(found.torn.is_some());
    disk.set_capacity(u64::MAX);
    assert_eq!(log.append(b"next").expect("there is room again"), 60);
    drop(log);
    disk.crash();
    assert_eq!(open(&disk, 0).expect("it opens").1.groups, 60);
}

#[test]
fn groups_continue_after_what_is_in_tables() {
    let (disk, _) = filled();
    let (mut log, ..) = open(&disk, 60).expect("it opens");
    log.trim(60).expect("it trims");
    assert_eq!(log.bytes(), 0);
    drop(log);
    let (mut log, ..) = open(&disk, 60).expect("it opens");
    assert_eq!(log.append(b"next").expect("there is room"), 61);
}

#[test]
fn one_group_costs_one_sync() {
    let disk = Simulated::new(3);
    let (mut log, ..) = open(&disk, 0).expect("it is empty");
    log.append(b"begins a segment").expect("there is room");
    let before = disk.syncs();
    log.append(b"more").expect("there is room");
    assert_eq!(disk.syncs(), before + 1);
}
