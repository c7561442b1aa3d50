//! Durations as MSPDI writes them: `PT7H30M0S`, with a number that tells the unit they were
//! typed in.

/// The unit in which a duration or lag was typed, by the file's number.
///
/// The number alone decides whether the time is working time or elapsed, and whether a lag is a
/// share of the predecessor's duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationFormat(u8);

impl Default for DurationFormat {
    fn default() -> Self {
        DurationFormat::DAYS
    }
}

impl DurationFormat {
    /// Working days.
    pub const DAYS: DurationFormat = DurationFormat(7);
    /// Elapsed days.
    pub const ELAPSED_DAYS: DurationFormat = DurationFormat(8);
    /// Working weeks.
    pub const WEEKS: DurationFormat = DurationFormat(9);
    /// Elapsed weeks.
    pub const ELAPSED_WEEKS: DurationFormat = DurationFormat(10);

    /// The format of a number, whatever it means.
    pub const fn from_number(number: u8) -> DurationFormat {
        DurationFormat(number)
    }

    /// The file's number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The number without the mark for estimated durations.
    fn unit(self) -> u8 {
        match self.0 {
            35..=44 | 51 | 52 => self.0 - 32,
            number => number,
        }
    }

    /// Whether nights and weekends count.
    pub fn is_elapsed(self) -> bool {
        matches!(self.unit(), 4 | 6 | 8 | 10 | 12 | 20)
    }

    /// Whether a lag is a share of the predecessor's duration.
    pub fn is_percent(self) -> bool {
        matches!(self.unit(), 19 | 20)
    }

    /// Whether it was typed in weeks.
    pub fn is_weeks(self) -> bool {
        matches!(self.unit(), 9 | 10)
    }
}

/// The longest time that is believed: about three thousand years.
const SECONDS_MAX: f64 = 1e11;

/// Reads `PT7H30M0S`, `P1DT2.5H` or `-PT4H`; `None` for anything else.
///
/// Years and months have no length in seconds, and no writer of plans uses them.
pub(crate) fn parse_seconds(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, times) = rest.split_once('T').map_or((rest, None), |(days, it)| (days, Some(it)));
    if days.is_empty() && times.is_none_or(str::is_empty) {
        return None;
    }
    let mut seconds = parts(days, &[('W', 604_800.0), ('D', 86_400.0)])?;
    seconds += parts(times.unwrap_or(""), &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)])?;
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked above")]
    let seconds = seconds.round() as i64;
    Some(if negative { -seconds } else { seconds })
}

/// Sums `7H30M0S`, whose units must come in the given order.
fn parts(mut text: &str, mut units: &[(char, f64)]) -> Option<f64> {
    let mut sum = 0.0;
    while !text.is_empty() {
        let end = text.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, rest) = text.split_at(end);
        let letter = rest.chars().next()?;
        let place = units.iter().position(|(unit, _)| *unit == letter)?;
        let (_, factor) = units.get(place)?;
        sum += number.parse::<f64>().ok()? * factor;
        units = units.get(place + 1..)?;
        text = rest.get(1..)?;
    }
    Some(sum)
}

/// Writes `PT7H30M0S`, the one form that MS Project writes.
pub(crate) fn write_seconds(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let length = seconds.unsigned_abs();
    format!("{sign}PT{}H{}M{}S", length / 3600, length / 60 % 60, length % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_form_that_writers_use() {
        let check = |text: &str, expect: Option<i64>| {
            assert_eq!(parse_seconds(text), expect, "{text:?}");
        };
        check("PT7H30M0S", Some(27_000));
        check("PT0H0M0S", Some(0));
        check("-PT4H0M0S", Some(-14_400));
        check("P1DT2.5H", Some(95_400));
        check("P2W", Some(1_209_600));
        check("PT90M", Some(5_400));
        for text in ["", "P", "PT", "8H", "PT8", "PT8X", "PTH", "P1Y", "PT1M1H", "PT1..5H"] {
            check(text, None);
        }
        check("PT99999999999999999999999999H", None);
        check("PT1\u{e9}", None);
    }

    #[test]
    fn what_is_written_reads_back() {
        for seconds in [0, 1, 59, 60, 3_600, 27_000, 86_399, -14_400, 99_999_999_999] {
            assert_eq!(parse_seconds(&write_seconds(seconds)), Some(seconds));
        }
    }

    #[test]
    fn formats_tell_elapsed_from_working_even_when_estimated() {
        let elapsed: Vec<u8> =
            (0..=60).filter(|it| DurationFormat::from_number(*it).is_elapsed()).collect();
        assert_eq!(elapsed, [4, 6, 8, 10, 12, 20, 36, 38, 40, 42, 44, 52]);
    }
}
