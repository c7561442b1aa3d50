//! Sensors that stick: runs of the same value that chance doesn't explain.

/// Runs that chance would bring more often than this in a series aren't told.
const CHANCE_MAX: f64 = 0.001;

/// A run is told only if it is this many times as long as nearly all others.
const TIMES_OTHERS: usize = 3;

/// A shorter run tells nothing.
const LENGTH_MIN: usize = 6;

/// Readings in a row that have the same value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// The place of the first of them.
    pub at: usize,
    /// How many there are.
    pub length: usize,
    /// Their value.
    pub value: f64,
    /// How many runs at least this long chance would bring in a series of this length.
    pub expected: f64,
}

/// What the runs of a series tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Stuck {
    /// Too few readings to tell anything.
    TooFew,
    /// The value never changed: the quantity may be constant, or the sensor dead. The runs alone
    /// can't tell.
    Constant(f64),
    /// The runs that chance doesn't explain; none, as a rule.
    Runs(Vec<Run>),
}

/// Finds runs of the same value that the resolution of a sensor doesn't explain. Values come in
/// the order in which they were taken.
///
/// Rule: a coarse sensor of a slow quantity repeats itself often, and long runs are normal there.
/// How often is taken from the series itself: p is the share of readings that equal the one before
/// them, the run in question left out. If repeating is a matter of chance, a series of N readings
/// has about N (1 − p) p^(n − 1) runs of n or more. A run is told if fewer than one in a thousand
/// would be expected, and if it is also at least three times as long as nineteen of twenty other
/// runs, since slow quantities repeat themselves more in calm hours than chance would.
pub fn stuck_runs(values: &[f64]) -> Stuck {
    let runs = runs(values);
    let Some(first) = values.first().filter(|_| values.len() >= 2 * LENGTH_MIN) else {
        return Stuck::TooFew;
    };
    if runs.len() == 1 {
        return Stuck::Constant(*first);
    }
    let mut lengths: Vec<usize> = runs.iter().map(|run| run.length).collect();
    lengths.sort_unstable();
    let told = runs.into_iter().filter_map(|run| {
        let expected = expected_by_chance(run.length, values.len(), lengths.len());
        let usual = usual_length(&lengths, run.length);
        let is_long = run.length >= LENGTH_MIN.max(TIMES_OTHERS * usual);
        (is_long && expected < CHANCE_MAX).then_some(Run { expected, ..run })
    });
    Stuck::Runs(told.collect())
}

fn runs(values: &[f64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        match runs.last_mut() {
            // The very same bits: a sensor that sticks repeats itself exactly.
            Some(run) if run.value.to_bits() == value.to_bits() => run.length += 1,
            _ => runs.push(Run { at, length: 1, value: *value, expected: f64::NAN }),
        }
    }
    runs
}

/// How many runs of a length or more chance would bring.
fn expected_by_chance(length: usize, readings: usize, runs: usize) -> f64 {
    // Each reading after the first either starts a run or repeats; the run in question is left
    // out, and one of each is added, so that a short series is certain of nothing.
    let repeats = (readings - runs) - (length - 1);
    let starts = runs - 1;
    let repeating = (repeats + 1) as f64 / (repeats + starts + 2) as f64;
    let chance = repeating.powi(i32::try_from(length - 1).unwrap_or(i32::MAX));
    readings as f64 * (1.0 - repeating) * chance
}

/// The length that nineteen of twenty other runs don't pass. One of `length` is left out.
fn usual_length(sorted: &[usize], length: usize) -> usize {
    let others = sorted.len() - 1;
    let rank = (others * 19).div_ceil(20).saturating_sub(1);
    // Leaving one out moves those behind it down by one.
    let left_out = sorted.partition_point(|it| *it < length);
    let rank = if rank >= left_out { rank + 1 } else { rank };
    sorted.get(rank).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random and are the same each time.
    fn noise(count: usize, mut state: u64) -> Vec<f64> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn a_sensor_that_sticks_is_told_with_place_and_length() {
        let mut values = noise(500, 7);
        values[200..230].fill(21.5);
        let Stuck::Runs(runs) = stuck_runs(&values) else { panic!() };
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].at, runs[0].length, runs[0].value), (200, 30, 21.5));
        assert!(runs[0].expected < 1e-9);
    }

    #[test]
    fn a_coarse_sensor_repeats_itself_and_is_not_stuck() {
        // Whole degrees of a slow daily swing: runs of up to 40.
        let swing = |it: usize| (20.0 + 5.0 * (it as f64 * 0.01).sin()).round();
        let values: Vec<f64> = (0..3000).map(swing).collect();
        assert_eq!(stuck_runs(&values), Stuck::Runs(Vec::new()));
        // One of two values: runs of ten are chance.
        let coarse: Vec<f64> = noise(2000, 3).into_iter().map(f64::round).collect();
        assert_eq!(stuck_runs(&coarse), Stuck::Runs(Vec::new()));
        // A sensor that really sticks for a day stands out even there.
        let mut stuck = values;
        stuck[1000..1400].fill(22.0);
        assert!(matches!(stuck_runs(&stuck), Stuck::Runs(runs) if runs.len() == 1));
    }

    #[test]
    fn what_never_changes_is_constant_and_a_few_readings_tell_nothing() {
        assert_eq!(stuck_runs(&[4.0; 100]), Stuck::Constant(4.0));
        assert_eq!(stuck_runs(&[4.0; 11]), Stuck::TooFew);
        assert_eq!(stuck_runs(&[]), Stuck::TooFew);
        assert!(matches!(stuck_runs(&[f64::NAN; 50]), Stuck::Constant(_)));
    }

    #[test]
    fn the_run_in_question_is_left_out_of_what_is_usual() {
        for (sorted, length, expected) in [
            (vec![1, 2, 3], 3, 2),
            (vec![1, 2, 3], 1, 3),
            (vec![5, 5], 5, 5),
            ((1..=21).collect(), 21, 19),
        ] {
            assert_eq!(usual_length(&sorted, length), expected, "{sorted:?} without {length}");
        }
    }
}
