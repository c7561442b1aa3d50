//! Calendars by which a plan counts days.

use std::fmt;

use longlead_model::CalendarId;

/// Which days count for some work or lag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlanCalendar {
    /// Every day counts.
    Elapsed,
    /// Monday to Friday, where the bundle names no calendar.
    MondayToFriday,
    /// The days of a calendar of the bundle.
    Named(CalendarId),
}

impl PlanCalendar {
    /// The calendar as text: an id, or the name of one that is always there.
    pub fn as_str(&self) -> &str {
        match self {
            PlanCalendar::Elapsed => "elapsed",
            PlanCalendar::MondayToFriday => "Monday to Friday",
            PlanCalendar::Named(id) => id.as_str(),
        }
    }

    /// The record of it, unless it is one that is always there.
    pub fn id(&self) -> Option<&CalendarId> {
        match self {
            PlanCalendar::Named(id) => Some(id),
            PlanCalendar::Elapsed | PlanCalendar::MondayToFriday => None,
        }
    }
}

impl fmt::Display for PlanCalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for PlanCalendar {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
