//! Spans and instants in whole microseconds, as the fleet's rows have them.

/// A second.
pub(crate) const SECOND: i64 = 1_000_000;
/// A minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// An hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// A Julian year.
pub(crate) const YEAR: i64 = 365 * DAY + 6 * HOUR;

/// A span in whole microseconds.
#[expect(clippy::cast_possible_truncation, reason = "a float beyond 64 bits becomes the bound")]
pub(crate) fn whole(microseconds: f64) -> i64 {
    microseconds as i64
}

/// A span as a float.
#[expect(clippy::cast_precision_loss, reason = "a century of microseconds has 52 bits")]
pub(crate) fn float(microseconds: i64) -> f64 {
    microseconds as f64
}

/// How often a span fits into another.
pub(crate) fn times(span: i64, unit: i64) -> f64 {
    float(span) / float(unit)
}

/// Midnight UTC of a civil date.
pub(crate) const fn midnight(year: i64, month: i64, day: i64) -> i64 {
    // Days since 1970 by years that begin in March, so that a leap day is the last of its year
    // (Hinnant, "chrono-compatible low-level date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * DAY
}

#[cfg(test)]
mod tests {
    use super::midnight;

    #[test]
    fn midnights_are_those_of_the_calendar() {
        for (year, month, day) in [(1970, 1, 1), (2024, 2, 29), (2026, 11, 23), (2000, 12, 31)] {
            let text = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
            let instant: jiff::Timestamp = text.parse().unwrap();
            assert_eq!(midnight(year, month, day), instant.as_microsecond(), "{text}");
        }
    }
}
