//! Civil days as slots of the network, and back.

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_network::At;

/// How far plans reach past the as-of day: no board lives that long without a new plan.
const YEARS_AHEAD: i32 = 25;

/// How far back actual dates are kept apart; earlier ones count as this old.
const YEARS_BEHIND: i32 = 15;

/// Where slot 0 lies, and how many slots there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    origin: Date,
    slots: u32,
}

impl Timeline {
    /// A timeline that holds `earliest` and reaches years past `as_of`.
    pub fn new(as_of: Date, earliest: Date) -> Timeline {
        // History before that can't move what is still to come.
        let earliest = earliest.max(as_of.saturating_sub(YEARS_BEHIND.years()));
        // A margin before the first day, so that a late start there is still a date.
        let origin = earliest.min(as_of).saturating_sub(60.days());
        let end = as_of.saturating_add(YEARS_AHEAD.years());
        let slots = u32::try_from(days_between(origin, end)).unwrap_or(0);
        Timeline { origin, slots }
    }

    /// How many days there are.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// The day that slot 0 stands for.
    pub fn origin(&self) -> Date {
        self.origin
    }

    /// The slot of a day; days outside the timeline are moved to its ends.
    pub fn slot(&self, date: Date) -> i32 {
        days_between(self.origin, date).clamp(0, self.slots as i32)
    }

    /// The day on which something that starts at this instant starts.
    pub fn start_date(&self, at: At) -> Date {
        self.date(at.slot())
    }

    /// The last day of something that finishes at this instant.
    pub fn finish_date(&self, at: At) -> Date {
        self.date(at.last_slot())
    }

    /// The day of a slot.
    pub fn date(&self, slot: i64) -> Date {
        self.origin.saturating_add(slot.clamp(-36_500, 365_000).days())
    }
}

/// Days from one date to another, negative if the other comes first.
pub(crate) fn days_between(from: Date, to: Date) -> i32 {
    // Dates span fewer days than an i32 holds, and a span between dates in days never fails.
    from.until(to).map_or(0, |span| span.get_days())
}
