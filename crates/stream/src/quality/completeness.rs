//! How much of what was due is there.

use std::ops::Range;

/// What a completeness was counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// By the numbers that devices give their readings: what is missing is known exactly.
    Sequence,
    /// By the cadence that was agreed: what is missing is reckoned from gaps.
    Cadence,
    /// Some by the one and some by the other.
    Mixed,
}

/// How many of the readings due are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completeness {
    /// How many readings were due.
    pub expected: u64,
    /// How many of these are there, each counted once. Never more than `expected`.
    pub received: u64,
    /// Readings beyond those due: received again under the same number, or between two due ones.
    pub extra: u64,
    /// What it was counted by.
    pub basis: Basis,
}

impl Completeness {
    /// The share of what was due that is there; nothing if nothing was due.
    pub fn share(&self) -> Option<f64> {
        (self.expected > 0).then(|| self.received as f64 / self.expected as f64)
    }

    /// How many are missing.
    pub fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    /// Both together: of several devices, or of several spans of time.
    pub fn with(self, other: Completeness) -> Completeness {
        Completeness {
            expected: self.expected + other.expected,
            received: self.received + other.received,
            extra: self.extra + other.extra,
            basis: if self.basis == other.basis { self.basis } else { Basis::Mixed },
        }
    }
}

/// Completeness of one device's readings against the cadence, in a window.
///
/// Method: from each reading that counts, the next is due one cadence later. A gap to the next
/// reading of n cadences, rounded, means n − 1 missing; one that rounds to none is extra, and the
/// next gap is counted from the reading before it. So a clock that wanders by less than half a
/// cadence between two readings costs nothing, and a burst after a gap doesn't make up for the
/// gap. Whole cadences before the first reading and after the last are missing. Captured times may
/// come in any order; those outside the window don't count.
///
/// ```
/// use longlead_stream::quality::completeness_by_cadence;
///
/// // Due every 10: there are 10, 21, 29 and twice 61. Those of 0, 40, 50 and 70 are missing.
/// let found = completeness_by_cadence(&[10, 21, 29, 61, 61], 0..80, 10).unwrap();
/// assert_eq!((found.expected, found.received, found.extra), (8, 4, 1));
/// ```
///
/// Nothing if the cadence isn't above zero.
pub fn completeness_by_cadence(
    captured: &[i64],
    window: Range<i64>,
    cadence: i64,
) -> Option<Completeness> {
    if cadence <= 0 {
        return None;
    }
    let steps = |span: i64| span.max(0).unsigned_abs() / cadence.unsigned_abs();
    let mut times: Vec<i64> = captured.iter().copied().filter(|it| window.contains(it)).collect();
    times.sort_unstable();
    let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
        let expected = steps(window.end.saturating_sub(window.start));
        return Some(Completeness { expected, received: 0, extra: 0, basis: Basis::Cadence });
    };
    let (mut received, mut missing, mut extra) = (1_u64, 0_u64, 0_u64);
    let mut counted = first;
    for time in times.iter().skip(1) {
        let gap = time.saturating_sub(counted);
        match steps(gap.saturating_add(cadence / 2)) {
            0 => extra += 1,
            apart => {
                received += 1;
                missing += apart - 1;
                counted = *time;
            }
        }
    }
    missing += steps(first.saturating_sub(window.start));
    // A reading that is due right at the end isn't due within the window.
    missing += steps(window.end.saturating_sub(last).saturating_sub(1));
    // A device that sends more often than agreed earns no more than the window has room for.
    let room = steps(window.end.saturating_sub(window.start).saturating_add(cadence - 1));
    let excess = (received + missing).saturating_sub(room).min(received);
    Some(Completeness {
        expected: received + missing - excess,
        received: received - excess,
        extra: extra + excess,
        basis: Basis::Cadence,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(captured: &[i64], window: Range<i64>, expected: (u64, u64, u64)) {
        let found = completeness_by_cadence(captured, window, 10).unwrap();
        assert_eq!((found.expected, found.received, found.extra), expected, "{captured:?}");
    }

    #[test]
    fn gaps_are_counted_in_cadences() {
        check(&[0, 10, 20, 30], 0..40, (4, 4, 0));
        check(&[0, 10, 30], 0..40, (4, 3, 0));
        check(&[], 0..40, (4, 0, 0));
        check(&[35], 0..40, (4, 1, 0));
        check(&[30, 0, 20, 10], 0..40, (4, 4, 0));
        check(&[-10, 0, 10, 40], 0..40, (4, 2, 0));
    }

    #[test]
    fn a_clock_that_wanders_loses_nothing_and_a_burst_makes_up_for_nothing() {
        check(&[3, 9, 22, 28, 41], 0..50, (5, 5, 0));
        check(&[0, 40, 41, 42, 43], 0..50, (5, 2, 3));
        let often: Vec<i64> = (0..400).collect();
        check(&often, 0..400, (40, 40, 360));
    }

    #[test]
    fn times_at_the_ends_of_time_are_no_trouble() {
        check(&[i64::MIN, i64::MAX - 1], 0..40, (4, 0, 0));
        let all = completeness_by_cadence(&[i64::MIN, i64::MAX - 1], i64::MIN..i64::MAX, i64::MAX);
        assert!(all.is_some_and(|it| it.missing() == 0));
        assert_eq!(completeness_by_cadence(&[1], 0..40, 0), None);
    }
}
