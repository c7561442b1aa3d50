//! Links between activities.

use crate::index::{ActivityIndex, CalendarIndex};

/// A bound between an event of one activity and an event of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The activity whose event is waited for.
    pub from: ActivityIndex,
    /// The activity that waits.
    pub to: ActivityIndex,
    /// Which events.
    pub kind: LinkKind,
    /// How long lies between them.
    pub lag: Lag,
    /// Whether the lag is the least or the most.
    pub bound: Bound,
}

impl Link {
    /// `to` starts when `from` has finished.
    pub fn finish_to_start(from: ActivityIndex, to: ActivityIndex) -> Link {
        Link {
            from,
            to,
            kind: LinkKind::FinishToStart,
            // No lag needs no calendar; any that exists will do.
            lag: Lag { amount: 0.0, calendar: CalendarIndex::new(0) },
            bound: Bound::Minimum,
        }
    }
}

/// The two events of a link, named from the predecessor to the successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// FS
    FinishToStart,
    /// SS
    StartToStart,
    /// FF
    FinishToFinish,
    /// SF
    StartToFinish,
}

impl LinkKind {
    /// Whether the link waits for the start of its predecessor.
    pub const fn leaves_start(self) -> bool {
        matches!(self, LinkKind::StartToStart | LinkKind::StartToFinish)
    }

    /// Whether the link holds back the finish of its successor.
    pub const fn enters_finish(self) -> bool {
        matches!(self, LinkKind::FinishToFinish | LinkKind::StartToFinish)
    }

    /// The same two events named from the successor to the predecessor.
    pub const fn reversed(self) -> LinkKind {
        match self {
            LinkKind::FinishToStart => LinkKind::StartToFinish,
            LinkKind::StartToFinish => LinkKind::FinishToStart,
            LinkKind::StartToStart | LinkKind::FinishToFinish => self,
        }
    }

    /// FS, SS, FF or SF.
    pub const fn abbreviation(self) -> &'static str {
        match self {
            LinkKind::FinishToStart => "FS",
            LinkKind::StartToStart => "SS",
            LinkKind::FinishToFinish => "FF",
            LinkKind::StartToFinish => "SF",
        }
    }
}

/// Time between two events, on a calendar of its own.
///
/// A positive lag ends, and a negative one begins, inside working time of its calendar:
/// one working day after Saturday noon is the end of Monday, one working day before it
/// the start of Friday.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Slots of `calendar`; negative lets the successor overlap.
    pub amount: f64,
    /// The calendar on which the lag is counted.
    pub calendar: CalendarIndex,
}

/// Whether a link says "not before" or "not after".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bound {
    /// The successor's event is at least the lag after the predecessor's.
    #[default]
    Minimum,
    /// The successor's event is at most the lag after the predecessor's.
    Maximum,
}
