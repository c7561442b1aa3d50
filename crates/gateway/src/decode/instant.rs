//! Times as payloads write them.

use jiff::Timestamp;
use longlead_stream::Captured;

use super::tree::Node;
use super::writer::Fault;

/// A time since 1970 by its size: seconds below 10¹¹ (until the year 5138), milliseconds below
/// 10¹⁴, microseconds below 10¹⁷, else nanoseconds.
pub(super) fn captured(node: &Node<'_>) -> Result<Captured, Fault> {
    match node {
        Node::Null => Ok(Captured::Untold),
        Node::Text(text) => parse(text).map(Captured::At),
        Node::Integer(number) => Ok(Captured::At(microseconds_by_size(*number))),
        Node::Unsigned(number) => {
            let number = i64::try_from(*number).map_err(|_| out_of_range())?;
            Ok(Captured::At(microseconds_by_size(number)))
        }
        Node::Float(seconds) if seconds.abs() < 1e11 => microseconds(*seconds).map(Captured::At),
        Node::Float(number) if number.abs() < 9.2e18 => {
            // Beyond 2⁵³ a float has no fraction, and below it none that is worth a microsecond.
            Ok(Captured::At(microseconds_by_size(whole(*number))))
        }
        Node::Bool(_) | Node::Float(_) | Node::Bytes(_) | Node::List(_) | Node::Map(_) => {
            Err("a time is a number or a text such as 2026-01-14T18:59:53Z".into())
        }
    }
}

/// A time in the form of RFC 3339.
pub(super) fn parse(text: &str) -> Result<i64, Fault> {
    text.parse::<Timestamp>()
        .map(Timestamp::as_microsecond)
        .map_err(|_| format!("{text:?} is no time such as 2026-01-14T18:59:53Z").into())
}

fn microseconds_by_size(number: i64) -> i64 {
    match number.unsigned_abs() {
        0..100_000_000_000 => number.saturating_mul(1_000_000),
        100_000_000_000..100_000_000_000_000 => number.saturating_mul(1000),
        100_000_000_000_000..100_000_000_000_000_000 => number,
        100_000_000_000_000_000.. => number.div_euclid(1000),
    }
}

/// Seconds, with a fraction, in whole microseconds.
pub(super) fn microseconds(seconds: f64) -> Result<i64, Fault> {
    let microseconds = (seconds * 1e6).round();
    if microseconds.abs() < 9.2e18 { Ok(whole(microseconds)) } else { Err(out_of_range()) }
}

fn out_of_range() -> Fault {
    "the time is out of range".into()
}

#[expect(clippy::cast_possible_truncation, reason = "callers hold it below 2⁶³")]
fn whole(number: f64) -> i64 {
    number as i64
}
