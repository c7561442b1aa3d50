//! Calendar crossings of whole rows: the tables of [`Conversion`] in 32 bits.

use crate::{
    calendar::Conversion,
    draw::Row,
    quantile::TICKS_MAX,
    time::{SLOT_BITS, Side, TICKS_PER_SLOT},
};

/// Entries: one for each slot that an i32 coordinate can name, so that no index
/// needs a check. Negative ones wrap round to the upper half.
const ENTRIES: usize = 1 << 15;

/// Coordinates that are converted together.
const LANES: usize = 16;

/// A conversion between two working coordinates.
///
/// An entry holds the offset in slots above a lowest bit that says whether time
/// passes on the target calendar too (see [`Conversion`]).
#[derive(Debug, Clone)]
pub(super) struct CrossingTable {
    entries: Box<[i32; ENTRIES]>,
}

/// What is added before the slot of a coordinate is taken: a finish belongs to
/// the slot that it ends.
fn bias(side: Side) -> i32 {
    match side {
        Side::Start => TICKS_PER_SLOT as i32,
        Side::Finish => TICKS_PER_SLOT as i32 - 1,
    }
}

impl CrossingTable {
    pub(super) fn new(conversion: &Conversion) -> CrossingTable {
        let source = conversion.entries();
        let packed = |index: usize| {
            let entry = source[index.min(source.len() - 1)];
            (entry.offset_slots << SLOT_BITS) | (entry.mask & 1)
        };
        let mut entries = Box::new([packed(0); ENTRIES]);
        for (index, entry) in entries[..=ENTRIES / 2].iter_mut().enumerate() {
            *entry = packed(index);
        }
        CrossingTable { entries }
    }

    /// The converted coordinate, and all ones or zero as time passes or stands.
    #[inline(always)]
    fn read(&self, work: i32, bias: i32) -> (i32, i32) {
        let entry = self.entries[((work + bias) >> SLOT_BITS) as usize & (ENTRIES - 1)];
        let mask = -(entry & 1);
        ((entry & !1) + (work & mask), mask)
    }

    /// Where a handful of coordinates lie on the target. The table reads stand in
    /// a loop of their own, so that the arithmetic around them vectorises.
    #[inline(always)]
    fn carry_lanes(&self, works: &[i32; LANES], bias: i32) -> [i32; LANES] {
        let mut slots = [0_i32; LANES];
        for lane in 0..LANES {
            slots[lane] = (works[lane] + bias) >> SLOT_BITS;
        }
        let mut entries = [0_i32; LANES];
        for lane in 0..LANES {
            entries[lane] = self.entries[slots[lane] as usize & (ENTRIES - 1)];
        }
        let mut carried = [0_i32; LANES];
        for lane in 0..LANES {
            let mask = -(entries[lane] & 1);
            carried[lane] = ((entries[lane] & !1) + (works[lane] & mask)).min(TICKS_MAX);
        }
        carried
    }

    /// Carries a whole row.
    pub(super) fn carry_row(&self, row: &mut Row<i32>, side: Side) {
        let bias = bias(side);
        for works in row.as_chunks_mut::<LANES>().0 {
            *works = self.carry_lanes(works, bias);
        }
    }

    /// Raises `bounds` to where `events` lie on the target, plus a lag.
    #[inline]
    pub(super) fn raise_row(&self, events: &Row<i32>, side: Side, lag: i32, bounds: &mut Row<i32>) {
        let bias = bias(side);
        let events = events.as_chunks::<LANES>().0;
        for (events, bounds) in events.iter().zip(bounds.as_chunks_mut::<LANES>().0) {
            let carried = self.carry_lanes(events, bias);
            for lane in 0..LANES {
                bounds[lane] = (carried[lane] + lag).max(bounds[lane]);
            }
        }
    }

    /// Replaces bounds on the source by the latest coordinates on the target
    /// that are carried back to no later than the bound; `self` leads back.
    pub(super) fn latest_before_row(&self, row: &mut Row<i32>, side: Side) {
        // A start can't lie inside a gap, so it must come strictly before it.
        let strictly = if side == Side::Start { -1 } else { 0 };
        for work in row {
            let (value, mask) = self.read(*work, TICKS_PER_SLOT as i32);
            *work = (value + (!mask & strictly)).min(TICKS_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calendar::Calendar, draw::BLOCK, time::Work};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_convert_as_single_coordinates_do(
            from in prop::collection::vec(any::<bool>(), 40),
            to in prop::collection::vec(any::<bool>(), 40),
            works in prop::collection::vec(-3_i32 << 16..45 << 16, BLOCK),
        ) {
            let calendar = |pattern: &[bool]| {
                Calendar::from_pattern(41, |slot| *pattern.get(slot as usize).unwrap_or(&true)).unwrap()
            };
            let conversion = Conversion::between(&calendar(&from), &calendar(&to));
            let table = CrossingTable::new(&conversion);
            let row: Row<i32> = works.try_into().unwrap();
            for side in [Side::Start, Side::Finish] {
                let (mut there, mut latest) = (row, row);
                table.carry_row(&mut there, side);
                table.latest_before_row(&mut latest, side);
                for sample in 0..BLOCK {
                    let work = Work::from_ticks(i64::from(row[sample]));
                    prop_assert_eq!(i64::from(there[sample]), conversion.convert(work, side).ticks());
                    prop_assert_eq!(i64::from(latest[sample]), conversion.latest_before(work, side).ticks());
                }
            }
        }
    }
}
