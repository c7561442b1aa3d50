//! The identities against a plain map, through flushes, evictions, failures and restarts.

use std::collections::BTreeMap;

use arrow::array::UInt64Array;

use super::intervals::Intervals;
use super::{Cold, DAY, Identities, Keys, Kind, Place, Verdict, in_order};
use crate::disk::simulated::Dice;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    device: u64,
    boot: Option<u64>,
    sequence: Option<u64>,
    captured: i64,
    content: u64,
}

type Name = (u64, Option<(Option<u64>, u64)>, i64);

impl Row {
    fn name(&self) -> Name {
        match self.sequence {
            Some(sequence) => (self.device, Some((self.boot, sequence)), 0),
            None => (self.device, None, self.captured),
        }
    }

    fn random(dice: &mut Dice) -> Row {
        let device = dice.below(3);
        let has_sequence = device == 0;
        Row {
            device,
            boot: (has_sequence && dice.one_in(2)).then(|| dice.below(2)),
            sequence: has_sequence.then(|| dice.below(3_000)),
            captured: dice.below(60) as i64 * (DAY / 20) - DAY,
            content: dice.below(12) / 11,
        }
    }
}

struct Owned {
    device: Vec<u32>,
    captured: Vec<i64>,
    boot: UInt64Array,
    sequence: UInt64Array,
    content: Vec<u64>,
}

impl Owned {
    fn of(identities: &mut Identities, stream: u32, rows: &[Row]) -> Owned {
        let mut device = |row: &Row| identities.device(stream, &format!("device {}", row.device));
        Owned {
            device: rows.iter().map(&mut device).collect(),
            captured: rows.iter().map(|it| it.captured).collect(),
            boot: rows.iter().map(|it| it.boot).collect(),
            sequence: rows.iter().map(|it| it.sequence).collect(),
            content: rows.iter().map(|it| it.content).collect(),
        }
    }

    fn keys(&self) -> Keys<'_> {
        let Owned { device, captured, boot, sequence, content } = self;
        Keys { device, captured, boot, sequence, content }
    }
}

/// What the tables would answer.
fn answer(
    identities: &Identities,
    stream: u32,
    place: Place,
    all: &[(u64, Row)],
) -> Vec<(u64, u64)> {
    let (first, last) = place.range();
    let device = identities.device_name(stream, place.device);
    let rows =
        all.iter().map(|(_, row)| row).filter(|it| format!("device {}", it.device) == device);
    match place.kind {
        Kind::Captured => rows
            .filter(|it| it.sequence.is_none() && (first..=last).contains(&it.captured))
            .map(|it| (in_order(it.captured), it.content))
            .collect(),
        Kind::Sequence { boot } => rows
            .filter(|it| it.boot == boot)
            .filter_map(|it| Some((it.sequence?, it.content)))
            .filter(|it| (first..=last).contains(&(it.0 as i64)))
            .collect(),
    }
}

#[test]
fn every_verdict_is_that_of_a_plain_map() {
    let (mut colds, mut duplicates, mut conflicts) = (0, 0, 0);
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let mut identities = Identities::default();
        let stream = identities.stream("climate");
        let mut plain: BTreeMap<Name, u64> = BTreeMap::new();
        let mut all: Vec<(u64, Row)> = Vec::new();
        let mut flushed = 0;
        for group in 1..60 {
            let rows: Vec<Row> = (0..dice.below(20)).map(|_| Row::random(&mut dice)).collect();
            let owned = Owned::of(&mut identities, stream, &rows);
            let verdicts = loop {
                let evictions = identities.evictions();
                match identities.admit(stream, owned.keys(), group) {
                    Ok(verdicts) => break verdicts,
                    Err(cold) => {
                        colds += cold.len();
                        load(&mut identities, stream, &cold, &all, evictions, group);
                    }
                }
            };
            let mut after = plain.clone();
            for (row, verdict) in rows.iter().zip(&verdicts) {
                let expected = match after.get(&row.name()) {
                    None => Verdict::Fresh,
                    Some(content) if *content == row.content => Verdict::Duplicate,
                    Some(_) => Verdict::Conflict,
                };
                assert_eq!(*verdict, expected, "seed {seed}, group {group}, {row:?}");
                after.entry(row.name()).or_insert(row.content);
                duplicates += usize::from(expected == Verdict::Duplicate);
                conflicts += usize::from(expected == Verdict::Conflict);
            }
            if dice.one_in(8) {
                identities.undo();
                continue;
            }
            identities.commit();
            plain = after;
            let fresh = rows.iter().zip(&verdicts).filter(|(_, it)| **it == Verdict::Fresh);
            all.extend(fresh.map(|(row, _)| (group, *row)));
            if dice.one_in(5) {
                flushed = group;
                identities.evict(dice.below(3_000) as usize, flushed);
            }
            if dice.one_in(10) {
                identities = restart(&mut dice, &identities, &all, flushed, group);
            }
        }
    }
    assert!(
        colds > 500 && duplicates > 1_000 && conflicts > 100,
        "{colds} {duplicates} {conflicts}"
    );
}

fn load(
    identities: &mut Identities,
    stream: u32,
    cold: &Cold,
    all: &[(u64, Row)],
    evictions: u64,
    group: u64,
) {
    for place in cold {
        let rows = answer(identities, stream, *place, all);
        identities.load(stream, *place, &rows, evictions, group);
    }
}

/// From a snapshot of now, and the log since the last flush.
fn restart(
    dice: &mut Dice,
    identities: &Identities,
    all: &[(u64, Row)],
    flushed: u64,
    group: u64,
) -> Identities {
    let bytes = identities.to_bytes(group);
    for _ in 0..3 {
        let mut damaged = bytes.clone();
        let place = dice.below(bytes.len() as u64) as usize;
        damaged[place] ^= 1 << dice.below(8);
        assert!(Identities::from_bytes(&damaged).is_err());
    }
    let (mut again, through) = Identities::from_bytes(&bytes).expect("it was just written");
    assert_eq!(through, group);
    let stream = again.stream("climate");
    for group in flushed + 1..=group {
        let rows: Vec<Row> = all.iter().filter(|it| it.0 == group).map(|it| it.1).collect();
        let owned = Owned::of(&mut again, stream, &rows);
        again.learn(stream, owned.keys(), group);
    }
    again
}

#[test]
fn intervals_are_the_set_that_was_put_in() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut intervals = Intervals::default();
        let mut plain = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let number = match dice.below(20) {
                0 => u64::MAX - dice.below(3),
                _ => dice.below(60),
            };
            if dice.one_in(3) {
                intervals.remove(number);
                plain.remove(&number);
            } else {
                assert_eq!(intervals.insert(number), plain.insert(number), "seed {seed}");
            }
            assert_eq!(intervals.contains(number), plain.contains(&number));
        }
        let parts = intervals.parts().to_vec();
        let listed: Vec<u64> = parts.iter().flat_map(|(first, last)| *first..=*last).collect();
        assert_eq!(listed, plain.into_iter().collect::<Vec<_>>(), "seed {seed}");
        assert!(parts.windows(2).all(|it| it[0].1 + 1 < it[1].0), "neighbours are joined");
        assert_eq!(Intervals::of(parts.into_iter().rev()), intervals);
    }
}
