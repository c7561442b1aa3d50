//! Instants, working coordinates and spans, in fixed point.
//!
//! A *slot* is the smallest unit that a calendar marks as working or not: a civil
//! day in a plan, a minute in an MS Project file. One slot has 2^16 *ticks*, so a
//! coordinate is an integer, addition is exact, and two machines agree bit for bit.

use std::ops::{Add, Neg, Sub};

/// log₂ of the ticks in a slot.
pub(crate) const SLOT_BITS: u32 = 16;

/// Ticks in one slot.
pub const TICKS_PER_SLOT: i64 = 1 << SLOT_BITS;

/// An instant: elapsed ticks since the start of slot 0.
///
/// The end of one slot and the start of the next are the same instant. Which day a
/// person would name depends on the event: [`At::slot`] for a start, [`At::last_slot`]
/// for a finish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(i64);

impl At {
    /// The start of slot 0.
    pub const ZERO: At = At(0);

    /// The instant at which `slot` begins.
    pub const fn start_of(slot: i32) -> At {
        At((slot as i64) << SLOT_BITS)
    }

    /// The instant at which `slot` ends.
    pub const fn end_of(slot: i32) -> At {
        At((slot as i64 + 1) << SLOT_BITS)
    }

    /// The instant `ticks` after the start of slot 0.
    pub const fn from_ticks(ticks: i64) -> At {
        At(ticks)
    }

    /// Elapsed ticks since the start of slot 0.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// Elapsed slots since the start of slot 0, with their fraction.
    pub fn slots(self) -> f64 {
        Span(self.0).slots()
    }

    /// The slot that begins at, or contains, this instant: the day of a start.
    pub const fn slot(self) -> i64 {
        self.0 >> SLOT_BITS
    }

    /// The slot that ends at, or contains, this instant: the day of a finish.
    pub const fn last_slot(self) -> i64 {
        (self.0 - 1) >> SLOT_BITS
    }

    /// How much of [`At::slot`] has passed, in `0.0..1.0`.
    pub fn fraction(self) -> f64 {
        Span(self.0 & (TICKS_PER_SLOT - 1)).slots()
    }
}

/// A coordinate on one calendar: ticks of its working time since the start of slot 0.
///
/// It has a meaning only together with its calendar. At a gap in the calendar one
/// coordinate stands for every instant of the gap; see [`Side`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(i64);

impl Work {
    /// The coordinate of the start of slot 0.
    pub const ZERO: Work = Work(0);

    /// The coordinate after `ticks` of working time.
    pub const fn from_ticks(ticks: i64) -> Work {
        Work(ticks)
    }

    /// Ticks of working time since the start of slot 0.
    pub const fn ticks(self) -> i64 {
        self.0
    }
}

/// A length of time in ticks: of one calendar's working time, or elapsed. Signed,
/// since lags and floats can be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of `ticks`.
    pub const fn from_ticks(ticks: i64) -> Span {
        Span(ticks)
    }

    /// The nearest span to `slots`. What does not fit saturates, and NaN becomes zero;
    /// both are refused by [`Network::compile`](crate::Network::compile) long before.
    #[expect(clippy::cast_possible_truncation, reason = "float casts saturate, which is meant")]
    pub fn from_slots(slots: f64) -> Span {
        Span((slots * TICKS_PER_SLOT as f64).round() as i64)
    }

    /// The span in ticks.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// The span in slots.
    pub fn slots(self) -> f64 {
        self.0 as f64 / TICKS_PER_SLOT as f64
    }
}

impl Add<Span> for At {
    type Output = At;
    fn add(self, span: Span) -> At {
        At(self.0 + span.0)
    }
}

impl Sub for At {
    type Output = Span;
    fn sub(self, other: At) -> Span {
        Span(self.0 - other.0)
    }
}

impl Add<Span> for Work {
    type Output = Work;
    fn add(self, span: Span) -> Work {
        Work(self.0 + span.0)
    }
}

impl Sub<Span> for Work {
    type Output = Work;
    fn sub(self, span: Span) -> Work {
        Work(self.0 - span.0)
    }
}

impl Sub for Work {
    type Output = Span;
    fn sub(self, other: Work) -> Span {
        Span(self.0 - other.0)
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0 + other.0)
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0 - other.0)
    }
}

impl Neg for Span {
    type Output = Span;
    fn neg(self) -> Span {
        Span(-self.0)
    }
}

/// Which end of a gap a working coordinate means.
///
/// Work that ends on Friday evening and work that begins on Monday morning share a
/// coordinate on a Monday-to-Friday calendar. As the *finish* of something it is Friday
/// evening, as the *start* of something Monday morning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The right limit: the end of the gap.
    Start,
    /// The left limit: the beginning of the gap.
    Finish,
}
