//! What the times of one device's readings tell: freshness, gaps, clocks that step back, and
//! counters that start again.

/// How old the newest reading is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Freshness {
    /// Microseconds since it was taken; below zero if the device's clock is ahead.
    pub age: i64,
    /// The same in cadences, where there is one.
    pub cadences: Option<f64>,
}

impl Freshness {
    /// Whether the newest reading is younger than `cadences_max` cadences. A stream without a
    /// cadence is never stale.
    pub fn is_fresh(&self, cadences_max: f64) -> bool {
        self.cadences.is_none_or(|cadences| cadences <= cadences_max)
    }
}

/// How old the newest reading is: `now` less the latest captured time, whatever came last.
pub fn freshness(captured: &[i64], now: i64, cadence: Option<i64>) -> Option<Freshness> {
    let age = now.saturating_sub(*captured.iter().max()?);
    let cadence = cadence.filter(|cadence| *cadence > 0);
    Some(Freshness { age, cadences: cadence.map(|cadence| age as f64 / cadence as f64) })
}

/// A time in which readings were due and none is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When the reading before it was taken.
    pub from: i64,
    /// When the reading after it was taken.
    pub to: i64,
    /// How many readings are missing in it.
    pub missing: u64,
}

/// The times in which readings are missing: wherever two readings, in the order in which they were
/// taken, are more than `times` cadences apart. With 1.5, one missing reading is a gap.
pub fn gaps(captured: &[i64], cadence: i64, times: f64) -> Vec<Gap> {
    if cadence <= 0 {
        return Vec::new();
    }
    let mut captured = captured.to_vec();
    captured.sort_unstable();
    let pairs = captured.iter().zip(captured.iter().skip(1));
    pairs
        .filter_map(|(from, to)| {
            let apart = to.saturating_sub(*from) as f64 / cadence as f64;
            let missing = (apart.round() - 1.0).max(0.0) as u64;
            (apart > times).then_some(Gap { from: *from, to: *to, missing })
        })
        .collect()
}

/// A clock that went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBack {
    /// The place of the first reading after it.
    pub at: usize,
    /// What the clock showed last before.
    pub from: i64,
    /// What it showed first after.
    pub to: i64,
}

impl StepBack {
    /// How far it went back, in microseconds.
    pub fn by(&self) -> i64 {
        self.from.saturating_sub(self.to)
    }
}

/// Where a device's clock went back: its readings come in the order in which it took them (by boot
/// and sequence), and one shows an earlier time than the one before it. In order of arrival, late
/// readings would look the same.
pub fn clock_steps_back(captured: &[i64]) -> Vec<StepBack> {
    let pairs = captured.iter().zip(captured.iter().skip(1)).enumerate();
    pairs
        .filter(|(_, (from, to))| to < from)
        .map(|(place, (from, to))| StepBack { at: place + 1, from: *from, to: *to })
        .collect()
}

/// A counter that started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// When the first reading after it was taken.
    pub at: i64,
    /// What the counter showed last before.
    pub from: i64,
    /// What it showed first after.
    pub to: i64,
}

/// Where a counter started again: in the order in which readings were taken, it shows less than
/// before. Readings come as captured time and count, in any order.
pub fn counter_resets(readings: &[(i64, i64)]) -> Vec<Reset> {
    let mut readings = readings.to_vec();
    readings.sort_by_key(|(captured, _)| *captured);
    let pairs = readings.iter().zip(readings.iter().skip(1));
    pairs
        .filter(|((_, from), (_, to))| to < from)
        .map(|((_, from), (at, to))| Reset { at: *at, from: *from, to: *to })
        .collect()
}

/// By how much a counter rose between the first and the last reading. Where it started again, it
/// is taken to have started from zero, as Prometheus does; what it counted between the last
/// reading before and the restart isn't known. Nothing of fewer than two readings.
pub fn counter_increase(readings: &[(i64, i64)]) -> Option<u64> {
    if readings.len() < 2 {
        return None;
    }
    let mut readings = readings.to_vec();
    readings.sort_by_key(|(captured, _)| *captured);
    let pairs = readings.iter().zip(readings.iter().skip(1));
    let rises = pairs.map(
        |((_, from), (_, to))| {
            if to < from { to.max(&0).unsigned_abs() } else { to.abs_diff(*from) }
        },
    );
    Some(rises.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_reading_is_the_one_that_was_taken_last() {
        let found = freshness(&[30, 70, 50], 100, Some(10)).unwrap();
        assert_eq!((found.age, found.cadences), (30, Some(3.0)));
        assert!(found.is_fresh(3.0) && !found.is_fresh(2.9));
        assert!(freshness(&[30], 100, None).is_some_and(|it| it.is_fresh(0.0)));
        assert_eq!(freshness(&[], 100, Some(10)), None);
    }

    #[test]
    fn gaps_tell_how_many_are_missing() {
        assert_eq!(gaps(&[0, 20, 10, 31, 60], 10, 1.5), [Gap { from: 31, to: 60, missing: 2 }]);
        assert_eq!(gaps(&[0, 14], 10, 1.5), []);
        assert_eq!(gaps(&[0, 16], 10, 1.5), [Gap { from: 0, to: 16, missing: 1 }]);
        assert_eq!(gaps(&[i64::MIN, i64::MAX], 1, 1.5).len(), 1);
    }

    #[test]
    fn counters_and_clocks_that_fall_are_told() {
        let counts = [(3, 7), (1, 5), (2, 6), (4, 0), (5, 2), (6, 2)];
        assert_eq!(counter_resets(&counts), [Reset { at: 4, from: 7, to: 0 }]);
        assert_eq!(counter_increase(&counts), Some(2 + 2));
        assert_eq!(counter_increase(&counts[..1]), None);
        let steps = clock_steps_back(&[1, 5, 3, 4, 4]);
        assert_eq!(steps, [StepBack { at: 2, from: 5, to: 3 }]);
        assert_eq!(steps[0].by(), 2);
    }
}
