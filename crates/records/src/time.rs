//! Instants as the database keeps them: microseconds since the Unix epoch, rounded down.

use jiff::{SignedDuration, Timestamp};

/// The instant in microseconds.
pub(crate) fn to_us(at: Timestamp) -> i64 {
    // Timestamps end in the year 9999, so their microseconds fit.
    i64::try_from(at.as_nanosecond().div_euclid(1_000)).unwrap_or(i64::MAX)
}

/// The instant of so many microseconds; one that is out of range is the nearest there is.
pub(crate) fn from_us(at_us: i64) -> Timestamp {
    Timestamp::from_microsecond(at_us).unwrap_or(if at_us < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// An instant later by so many seconds, in microseconds.
pub(crate) fn later_us(at: Timestamp, seconds: i64) -> i64 {
    let later = at.saturating_add(SignedDuration::from_secs(seconds));
    to_us(later.unwrap_or(Timestamp::MAX))
}
