//! Calendars, compiled to tables, and the conversion between two of them.
//!
//! An activity lives in the working coordinate of its calendar, in which durations,
//! floats and lags of that calendar are plain integers. Only a link that crosses
//! calendars converts, and then by one table read.
//!
//! Outside the horizon every slot counts as working, on every calendar. So a
//! coordinate that runs over either end (negative float against an early deadline, a
//! sample that overshoots) stays comparable instead of sticking to the edge.

use thiserror::Error;

use crate::time::{At, SLOT_BITS, Side, TICKS_PER_SLOT, Work};

/// Why a calendar can't be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// No slot works.
    #[error(
        "no working time in the {horizon_slots} slots of the horizon; give the calendar a \
         working weekday or shorten its shutdowns"
    )]
    NoWorkingTime {
        /// Length of the horizon.
        horizon_slots: u32,
    },
    /// The horizon is empty, or longer than a coordinate can count.
    #[error("a horizon of {horizon_slots} slots is outside 1..={max}", max = Calendar::HORIZON_SLOTS_MAX)]
    Horizon {
        /// Length of the horizon.
        horizon_slots: u32,
    },
}

/// Which slots of the horizon are worked, as a compiled table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Calendar {
    /// Working slots before each slot; one more entry than slots.
    work_before: Vec<i32>,
    /// The slot of each unit of work, in order.
    slot_of_work: Vec<i32>,
}

impl Calendar {
    /// The longest horizon, in slots: 2^24 minutes are 31 years.
    pub const HORIZON_SLOTS_MAX: u32 = 1 << 24;

    /// A calendar on which `works` says whether a slot is worked.
    pub fn from_pattern(
        horizon_slots: u32,
        mut works: impl FnMut(u32) -> bool,
    ) -> Result<Calendar, CalendarError> {
        if horizon_slots == 0 || horizon_slots > Calendar::HORIZON_SLOTS_MAX {
            return Err(CalendarError::Horizon { horizon_slots });
        }
        let mut work_before = Vec::with_capacity(horizon_slots as usize + 1);
        let mut slot_of_work = Vec::with_capacity(horizon_slots as usize);
        for slot in 0..horizon_slots {
            work_before.push(slot_of_work.len() as i32);
            if works(slot) {
                slot_of_work.push(slot as i32);
            }
        }
        work_before.push(slot_of_work.len() as i32);
        if slot_of_work.is_empty() {
            return Err(CalendarError::NoWorkingTime { horizon_slots });
        }
        Ok(Calendar { work_before, slot_of_work })
    }

    /// The calendar that works always: lead times, shipping, waiting.
    pub fn elapsed(horizon_slots: u32) -> Result<Calendar, CalendarError> {
        Calendar::from_pattern(horizon_slots, |_| true)
    }

    /// Slots in the horizon.
    pub fn horizon_slots(&self) -> u32 {
        self.work_before.len() as u32 - 1
    }

    /// Working slots in the horizon.
    pub fn working_slots(&self) -> u32 {
        self.slot_of_work.len() as u32
    }

    /// Whether every slot works, so that coordinates are instants.
    pub fn is_elapsed(&self) -> bool {
        self.working_slots() == self.horizon_slots()
    }

    /// Whether `slot` works; outside the horizon every slot does.
    pub fn works(&self, slot: i64) -> bool {
        let Ok(slot) = usize::try_from(slot) else {
            return true;
        };
        match (self.work_before.get(slot), self.work_before.get(slot + 1)) {
            (Some(before), Some(after)) => before < after,
            _ => true,
        }
    }

    /// Working time before `at`. Every instant of a gap has the coordinate of the gap.
    pub fn work(&self, at: At) -> Work {
        let slot = at.slot();
        let fraction = at.ticks() & (TICKS_PER_SLOT - 1);
        Work::from_ticks(
            (self.work_before_slot(slot) << SLOT_BITS)
                + if self.works(slot) { fraction } else { 0 },
        )
    }

    /// The instant of a coordinate, as a start or as a finish.
    pub fn at(&self, work: Work, side: Side) -> At {
        // Counting the units of work so that unit k covers [k, k+1) for a start and
        // (k, k+1] for a finish picks the right or the left limit at a gap.
        let unit = match side {
            Side::Start => work.ticks() >> SLOT_BITS,
            Side::Finish => (work.ticks() - 1) >> SLOT_BITS,
        };
        let shift = match usize::try_from(unit) {
            Err(_) => 0,
            Ok(index) => match self.slot_of_work.get(index) {
                Some(&slot) => i64::from(slot) - unit,
                None => i64::from(self.horizon_slots()) - i64::from(self.working_slots()),
            },
        };
        At::from_ticks(work.ticks() + (shift << SLOT_BITS))
    }

    /// The instant at which something with this coordinate starts.
    pub fn start_at(&self, work: Work) -> At {
        self.at(work, Side::Start)
    }

    /// The instant at which something with this coordinate finishes.
    pub fn finish_at(&self, work: Work) -> At {
        self.at(work, Side::Finish)
    }

    /// The stretches of uninterrupted working time between two coordinates, in order.
    pub(crate) fn working_runs(&self, from: Work, until: Work) -> impl Iterator<Item = (At, At)> {
        let end = self.finish_at(until);
        let mut next = (from < until).then(|| self.start_at(from));
        std::iter::from_fn(move || {
            let start = next?;
            let run_end = self.run_end(start).min(end);
            next = (run_end < end).then(|| self.start_at(self.work(run_end)));
            Some((start, run_end))
        })
    }

    /// The first instant after `start` at which work stops; `start` lies in working time.
    fn run_end(&self, start: At) -> At {
        if self.is_elapsed() || start < At::ZERO {
            return At::from_ticks(i64::MAX);
        }
        let mut unit = usize::try_from(self.work(start).ticks() >> SLOT_BITS).unwrap_or(0);
        while let (Some(slot), Some(next)) =
            (self.slot_of_work.get(unit), self.slot_of_work.get(unit + 1))
        {
            if slot + 1 < *next {
                return At::end_of(*slot);
            }
            unit += 1;
        }
        match self.slot_of_work.get(unit) {
            Some(&slot) if slot as u32 + 1 < self.horizon_slots() => At::end_of(slot),
            _ => At::from_ticks(i64::MAX),
        }
    }

    fn work_before_slot(&self, slot: i64) -> i64 {
        let horizon = i64::from(self.horizon_slots());
        match usize::try_from(slot) {
            Err(_) => slot,
            Ok(index) => match self.work_before.get(index) {
                Some(&before) => i64::from(before),
                None => i64::from(self.working_slots()) + slot - horizon,
            },
        }
    }
}

/// A half-open range of slots, `first..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRange {
    /// The first slot of the range.
    pub first: i64,
    /// The slot after the last one.
    pub end: i64,
}

impl SlotRange {
    /// Whether `slot` lies in the range.
    pub fn contains(&self, slot: i64) -> bool {
        self.first <= slot && slot < self.end
    }
}

/// A repeating week with exceptions, from which a day-slot calendar is made.
///
/// ```
/// use longlead_network::{At, Calendar, SlotRange, WeekPattern};
///
/// // Slot 0 is a Friday; the factory closes for three days from slot 3.
/// let week = WeekPattern {
///     working_weekdays: [true, true, true, true, true, false, false],
///     weekday_of_slot_zero: 4,
///     non_working: vec![SlotRange { first: 3, end: 6 }],
///     working: vec![],
/// };
/// let calendar = Calendar::from_week(30, &week)?;
/// let friday_evening = calendar.work(At::end_of(0));
/// assert_eq!(calendar.finish_at(friday_evening), At::end_of(0));
/// assert_eq!(calendar.start_at(friday_evening), At::start_of(6));
/// # Ok::<(), longlead_network::CalendarError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekPattern {
    /// Monday to Sunday.
    pub working_weekdays: [bool; 7],
    /// Monday is 0; taken modulo 7.
    pub weekday_of_slot_zero: u8,
    /// Holidays and shutdowns.
    pub non_working: Vec<SlotRange>,
    /// Days that are worked in spite of weekday and holiday, such as make-up Saturdays.
    pub working: Vec<SlotRange>,
}

impl Calendar {
    /// A calendar of day slots from a week with exceptions. A working exception wins
    /// over a non-working one, which wins over the weekday.
    pub fn from_week(horizon_slots: u32, week: &WeekPattern) -> Result<Calendar, CalendarError> {
        let first_weekday = usize::from(week.weekday_of_slot_zero);
        let mut weekdays = week.working_weekdays.iter().copied().cycle().skip(first_weekday % 7);
        Calendar::from_pattern(horizon_slots, |slot| {
            let slot = i64::from(slot);
            let weekday_works = weekdays.next().unwrap_or(true);
            if week.working.iter().any(|range| range.contains(slot)) {
                true
            } else if week.non_working.iter().any(|range| range.contains(slot)) {
                false
            } else {
                weekday_works
            }
        })
    }
}

/// One unit of work of the source calendar in a [`Conversion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConversionEntry {
    /// What to add, in slots of the target calendar.
    pub(crate) offset_slots: i32,
    /// −1 where the target works too and time passes in both, 0 where it stands still.
    pub(crate) mask: i32,
}

/// The composite table from the working coordinate of calendar A to that of calendar B.
///
/// With bias = 2^16 for a start and 2^16 − 1 for a finish, coordinate w of A reads
/// entry `(w + bias) >> 16`, clamped to the table, and maps to
/// `(offset_slots << 16) + (w & mask)`. The first and last entries stand for the time
/// before and after the horizon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    entries: Vec<ConversionEntry>,
}

impl Conversion {
    /// The table from `from` to `to`; both must have the same horizon.
    pub(crate) fn between(from: &Calendar, to: &Calendar) -> Conversion {
        let mut entries = Vec::with_capacity(from.slot_of_work.len() + 2);
        entries.push(ConversionEntry { offset_slots: 0, mask: -1 });
        for (unit, &slot) in from.slot_of_work.iter().enumerate() {
            let before = to.work_before_slot(i64::from(slot)) as i32;
            entries.push(if to.works(i64::from(slot)) {
                ConversionEntry { offset_slots: before - unit as i32, mask: -1 }
            } else {
                ConversionEntry { offset_slots: before, mask: 0 }
            });
        }
        let shift = i64::from(to.working_slots()) - i64::from(from.working_slots());
        entries.push(ConversionEntry { offset_slots: shift as i32, mask: -1 });
        Conversion { entries }
    }

    /// The table itself, for loops that convert many coordinates.
    pub(crate) fn entries(&self) -> &[ConversionEntry] {
        &self.entries
    }

    /// Where the instant that `work` means on the source calendar lies on the target.
    #[inline]
    pub(crate) fn convert(&self, work: Work, side: Side) -> Work {
        let bias = match side {
            Side::Start => TICKS_PER_SLOT,
            Side::Finish => TICKS_PER_SLOT - 1,
        };
        let (value, _) = self.read(work.ticks(), bias);
        Work::from_ticks(value)
    }

    /// The latest coordinate w of calendar A with `convert(w, side) <= bound`, where
    /// `self` is the table from B *back to* A and `bound` lies on B: the exact upper
    /// adjoint of the conversion A → B, which the backward pass needs.
    #[inline]
    pub(crate) fn latest_before(&self, bound: Work, side: Side) -> Work {
        let (value, mask) = self.read(bound.ticks(), TICKS_PER_SLOT);
        // A start can't lie inside a gap of A, so it must come strictly before the gap.
        let strictly_before = match side {
            Side::Start => !mask,
            Side::Finish => 0,
        };
        Work::from_ticks(value + strictly_before)
    }

    #[inline]
    fn read(&self, ticks: i64, bias: i64) -> (i64, i64) {
        let last = self.entries.len() as i64 - 1;
        let index = ((ticks + bias) >> SLOT_BITS).clamp(0, last);
        // Never out of range: `index` is clamped, and a table has at least three entries.
        let entry = self.entries[index as usize];
        let mask = i64::from(entry.mask);
        ((i64::from(entry.offset_slots) << SLOT_BITS) + (ticks & mask), mask)
    }
}

#[cfg(test)]
mod tests;
