//! Which rows are there already: exact, across restarts, and however late a row comes again.
//!
//! A row with a sequence is (device, boot, sequence) of its stream: the numbers that were seen lie
//! as intervals, which stay few where little is lost. A row without one is (device, captured): what
//! is captured after anything seen before is new without a look; for the rest the times of a device
//! and day are needed, in memory while they are hot and else loaded from the tables.
//!
//! A row that comes again with the same content is a duplicate; with other content it is a
//! conflict, and nobody but a person can tell which is right.

mod blocks;
mod intervals;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use arrow::array::{Array, UInt64Array};

use blocks::Block;
use intervals::Intervals;

/// A map that is asked for every row.
pub(crate) type Map<K, V> = HashMap<K, V, ahash::RandomState>;

/// Microseconds of a day, by which captured times are kept together.
const DAY: i64 = 86_400_000_000;
/// Sequence numbers that are kept together: 2 to the power of this.
const SEQUENCE_BLOCK_BITS: u32 = 10;

/// What is said of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fresh,
    Duplicate,
    Conflict,
}

/// The identities of rows of one stream, one entry a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys<'a> {
    /// By [`Identities::device`].
    pub(crate) device: &'a [u32],
    pub(crate) captured: &'a [i64],
    pub(crate) boot: &'a UInt64Array,
    pub(crate) sequence: &'a UInt64Array,
    /// A hash of what the row says.
    pub(crate) content: &'a [u64],
}

/// Rows of a device that are kept together: those of a day, or of a stretch of sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) device: u32,
    pub(crate) kind: Kind,
    /// Days since 1970, or the first sequence number shifted right.
    pub(crate) block: i64,
}

/// What a row's identity is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Captured,
    Sequence { boot: Option<u64> },
}

impl Place {
    /// The captured times, or the sequence numbers, that belong there: first and last.
    pub(crate) fn range(&self) -> (i64, i64) {
        match self.kind {
            Kind::Captured => {
                let first = self.block.saturating_mul(DAY);
                (first, first.saturating_add(DAY - 1))
            }
            Kind::Sequence { .. } => {
                let first = self.block << SEQUENCE_BLOCK_BITS;
                (first, first + (1 << SEQUENCE_BLOCK_BITS) - 1)
            }
        }
    }
}

/// What must be loaded before rows can be judged.
pub(crate) type Cold = BTreeSet<Place>;

/// What is known of a device in a stream for good.
#[derive(Debug, Default)]
struct Series {
    /// Sequence numbers seen, by boot.
    boots: Vec<(Option<u64>, Intervals)>,
    /// The latest captured time of rows without sequence.
    newest: Option<i64>,
    /// Days that have rows without sequence.
    days: Intervals,
}

#[derive(Debug, Default)]
struct Stream {
    devices: Map<Box<str>, u32>,
    names: Vec<Box<str>>,
    series: Vec<Series>,
    blocks: Map<Place, Block>,
}

/// A row that was admitted, so that it can be taken back.
#[derive(Debug)]
struct Admitted {
    stream: u32,
    place: Place,
    key: u64,
}

/// The identities of all rows.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    by_name: Map<Box<str>, u32>,
    names: Vec<Box<str>>,
    streams: Vec<Stream>,
    /// Rows since the last `commit`.
    pending: Vec<Admitted>,
    /// Rows in blocks.
    hot_rows: usize,
    /// How often blocks were dropped: what was asked of the tables before is void after.
    evictions: u64,
}

impl Identities {
    /// The number of a stream.
    pub(crate) fn stream(&mut self, name: &str) -> u32 {
        if let Some(stream) = self.by_name.get(name) {
            return *stream;
        }
        let stream = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        self.by_name.insert(name.into(), stream);
        self.names.push(name.into());
        self.streams.push(Stream::default());
        stream
    }

    /// The number of a device in a stream.
    pub(crate) fn device(&mut self, stream: u32, name: &str) -> u32 {
        let Some(of) = self.streams.get_mut(stream as usize) else { return 0 };
        if let Some(device) = of.devices.get(name) {
            return *device;
        }
        let device = u32::try_from(of.names.len()).unwrap_or(u32::MAX);
        of.devices.insert(name.into(), device);
        of.names.push(name.into());
        of.series.push(Series::default());
        device
    }

    pub(crate) fn stream_name(&self, stream: u32) -> &str {
        self.names.get(stream as usize).map_or("", |it| it)
    }

    /// The name of a device in a stream.
    pub(crate) fn device_name(&self, stream: u32, device: u32) -> &str {
        let stream = self.streams.get(stream as usize);
        stream.and_then(|it| it.names.get(device as usize)).map_or("", |it| it)
    }

    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Judges rows and remembers the fresh ones, until `commit` or `undo`. If something has to be
    /// loaded first, nothing is remembered.
    pub(crate) fn admit(
        &mut self,
        stream: u32,
        keys: Keys<'_>,
        group: u64,
    ) -> Result<Vec<Verdict>, Cold> {
        let pending = self.pending.len();
        let mut verdicts = Vec::with_capacity(keys.captured.len());
        let mut cold = Cold::new();
        let Some(of) = self.streams.get_mut(stream as usize) else { return Ok(verdicts) };
        for row in 0..keys.captured.len() {
            let Some((place, key, content)) = keys.at(row) else { continue };
            match of.admit(place, key, content, group) {
                Some(verdict) => {
                    if verdict == Verdict::Fresh {
                        self.pending.push(Admitted { stream, place, key });
                        self.hot_rows += 1;
                    }
                    verdicts.push(verdict);
                }
                None => {
                    cold.insert(place);
                }
            }
        }
        if cold.is_empty() {
            return Ok(verdicts);
        }
        self.undo_to(pending);
        Err(cold)
    }

    /// Remembers rows that are there: read from the log at start.
    pub(crate) fn learn(&mut self, stream: u32, keys: Keys<'_>, group: u64) {
        let Some(of) = self.streams.get_mut(stream as usize) else { return };
        for row in 0..keys.captured.len() {
            if let Some((place, key, content)) = keys.at(row) {
                self.hot_rows += usize::from(of.learn(place, key, content, group));
            }
        }
    }

    /// Takes up what the tables hold of a place. `evictions` is what it was when they were asked:
    /// if blocks were dropped since, the answer may lack rows, and is not taken.
    pub(crate) fn load(
        &mut self,
        stream: u32,
        place: Place,
        rows: &[(u64, u64)],
        evictions: u64,
        group: u64,
    ) {
        if evictions != self.evictions {
            return;
        }
        if let Some(of) = self.streams.get_mut(stream as usize) {
            let block = of.blocks.entry(place).or_insert_with(Block::unknown);
            self.hot_rows += block.load(rows);
            block.touched = block.touched.max(group);
        }
    }

    /// What was admitted is durable.
    pub(crate) fn commit(&mut self) {
        self.pending.clear();
    }

    /// What was admitted since the last `commit` isn't to be.
    pub(crate) fn undo(&mut self) {
        self.undo_to(0);
    }

    /// How much is admitted and not committed: to come back to by `undo_to`.
    pub(crate) fn mark(&self) -> usize {
        self.pending.len()
    }

    /// Takes back what was admitted after a mark.
    pub(crate) fn undo_to(&mut self, mark: usize) {
        while self.pending.len() > mark {
            let Some(Admitted { stream, place, key }) = self.pending.pop() else { return };
            let Some(of) = self.streams.get_mut(stream as usize) else { continue };
            if let Some(block) = of.blocks.get_mut(&place) {
                self.hot_rows -= usize::from(block.remove(key));
            }
            if let Kind::Sequence { boot } = place.kind
                && let Some(series) = of.series.get_mut(place.device as usize)
            {
                series.sequences(boot).remove(key);
            }
        }
    }

    /// Drops what hasn't been touched for longest, if too much is in memory. Only what is in the
    /// tables can go: groups up to `flushed`.
    pub(crate) fn evict(&mut self, bytes_max: usize, flushed: u64) {
        if self.bytes() <= bytes_max {
            return;
        }
        let mut old: Vec<(u64, usize, Place)> = Vec::new();
        for (index, stream) in self.streams.iter().enumerate() {
            let blocks = stream.blocks.iter().filter(|(_, it)| it.touched <= flushed);
            old.extend(blocks.map(|(place, block)| (block.touched, index, *place)));
        }
        old.sort_unstable();
        for (_, index, place) in old {
            if self.bytes() <= bytes_max / 4 * 3 {
                break;
            }
            if let Some(block) = self.streams.get_mut(index).and_then(|it| it.blocks.remove(&place))
            {
                self.hot_rows -= block.len();
            }
        }
        self.evictions += 1;
    }

    /// About how many bytes the hot rows take.
    pub(crate) fn bytes(&self) -> usize {
        let blocks: usize = self.streams.iter().map(|it| it.blocks.len()).sum();
        blocks * 128 + self.hot_rows * 20
    }
}

impl Keys<'_> {
    /// Where a row belongs, its key there, and its content.
    pub(crate) fn at(&self, row: usize) -> Option<(Place, u64, u64)> {
        let device = *self.device.get(row)?;
        let content = *self.content.get(row)?;
        let captured = *self.captured.get(row)?;
        if self.sequence.is_valid(row) {
            let sequence = self.sequence.value(row);
            let boot = self.boot.is_valid(row).then(|| self.boot.value(row));
            let block = (sequence >> SEQUENCE_BLOCK_BITS).cast_signed();
            let place = Place { device, kind: Kind::Sequence { boot }, block };
            return Some((place, sequence, content));
        }
        let place = Place { device, kind: Kind::Captured, block: captured.div_euclid(DAY) };
        Some((place, in_order(captured), content))
    }
}

/// A signed number as an unsigned one that sorts alike.
pub(crate) fn in_order(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

impl Series {
    fn sequences(&mut self, boot: Option<u64>) -> &mut Intervals {
        let place = match self.boots.iter().rposition(|(it, _)| *it == boot) {
            Some(place) => place,
            None => {
                self.boots.push((boot, Intervals::default()));
                self.boots.len() - 1
            }
        };
        &mut self.boots[place].1
    }
}

impl Stream {
    /// Judges a row; nothing if it can't be judged before its place is loaded.
    fn admit(&mut self, place: Place, key: u64, content: u64, group: u64) -> Option<Verdict> {
        let series = self.series.get_mut(place.device as usize)?;
        let known = self.blocks.entry(place);
        let (block, at) = match known {
            Entry::Occupied(block) => {
                let block = block.into_mut();
                match block.find(key) {
                    Ok(known) => {
                        block.touched = group;
                        let is_same = known == content;
                        return Some(if is_same { Verdict::Duplicate } else { Verdict::Conflict });
                    }
                    Err(at) => (Some(block), at),
                }
            }
            Entry::Vacant(_) => (None, 0),
        };
        if let Kind::Sequence { boot } = place.kind
            && !series.sequences(boot).insert(key)
        {
            // It was there. What it said is in the tables, unless retention took it.
            return block.is_some_and(|it| it.covers(0)).then_some(Verdict::Duplicate);
        }
        let block = match block {
            Some(block) => block,
            None => {
                let new = match place.kind {
                    Kind::Sequence { .. } => Block::unknown(),
                    Kind::Captured => Block::known_from(series.known_from(place, key)?),
                };
                self.blocks.entry(place).or_insert(new)
            }
        };
        if place.kind == Kind::Captured {
            if !block.covers(key) {
                return None;
            }
            series.note(place, key);
        }
        block.insert_at(at, key, content);
        block.touched = group;
        Some(Verdict::Fresh)
    }

    /// Remembers a row that is there, and tells whether it was new.
    fn learn(&mut self, place: Place, key: u64, content: u64, group: u64) -> bool {
        let Some(series) = self.series.get_mut(place.device as usize) else { return false };
        match place.kind {
            Kind::Sequence { boot } => {
                series.sequences(boot).insert(key);
            }
            Kind::Captured => {
                let from = || series.known_from(place, key).unwrap_or(u64::MAX);
                self.blocks.entry(place).or_insert_with(|| Block::known_from(from()));
                series.note(place, key);
            }
        }
        let block = self.blocks.entry(place).or_insert_with(Block::unknown);
        block.touched = block.touched.max(group);
        match block.find(key) {
            Ok(_) => false,
            Err(at) => {
                block.insert_at(at, key, content);
                true
            }
        }
    }
}

impl Series {
    /// From which key on a day that isn't in memory is known to have no rows; nothing if it may
    /// have the key.
    fn known_from(&self, place: Place, key: u64) -> Option<u64> {
        if !self.days.contains(in_order(place.block)) {
            return Some(0);
        }
        self.newest.is_none_or(|newest| key > in_order(newest)).then_some(key)
    }

    fn note(&mut self, place: Place, key: u64) {
        self.days.insert(in_order(place.block));
        let captured = (key ^ (1 << 63)).cast_signed();
        self.newest = Some(self.newest.map_or(captured, |it| it.max(captured)));
    }
}
