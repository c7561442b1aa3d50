//! Quality of real readings, by figures that were counted independently. The data comes from
//! outside; the folder is named by `LONGLEAD_SHARED_DATA`, and without it the cases are left out.

#![expect(clippy::expect_used, reason = "a test that cannot read its data has failed")]

mod lorawan;
mod nab;

use std::path::PathBuf;

/// A folder of the shared data, or a note that there is none.
#[expect(clippy::disallowed_methods, reason = "a test finds its data by the environment")]
#[expect(clippy::print_stdout, reason = "a case that was left out says so")]
fn shared(folder: &str) -> Option<PathBuf> {
    let found = std::env::var("LONGLEAD_SHARED_DATA").ok();
    if found.is_none() {
        println!("skipped: LONGLEAD_SHARED_DATA isn't set");
    }
    found.map(|root| PathBuf::from(root).join("telemetry").join(folder))
}

/// Microseconds since 1970 of `2026-01-14T21:38:57.638224079+00:00` or `2014-01-07 02:55:00`,
/// both UTC.
fn micros(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| -> i64 {
        text.get(range).and_then(|digits| digits.parse().ok()).expect("a time")
    };
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since 1970 by the civil calendar, years starting in March.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    let seconds = days * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    let fraction = text.get(19..).and_then(|rest| rest.strip_prefix('.')).unwrap_or("");
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).take(6).collect();
    seconds * 1_000_000 + format!("{digits:0<6}").parse::<i64>().expect("a fraction")
}

#[test]
fn times_are_read_as_they_are_written() {
    assert_eq!(micros("1970-01-01 00:00:00"), 0);
    assert_eq!(micros("2016-02-29T12:00:00.25+00:00"), 1_456_747_200_250_000);
}
