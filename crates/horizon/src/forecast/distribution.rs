//! When a milestone is reached, day by day.

use jiff::civil::Date;
use longlead_network::{At, TargetOutcome};

use crate::forecast::rounded_share;
use crate::timeline::Timeline;

/// How many days are told at most.
const POINTS_MAX: usize = 60;

/// The share of samples that finish by the end of each of some days, the last of all of them.
pub(super) fn distribution(
    timeline: &Timeline,
    as_of: Date,
    outcome: &TargetOutcome,
) -> Vec<(Date, f64)> {
    let shares = shares().map(|share| timeline.finish_date(outcome.percentile(share)).max(as_of));
    let mut days: Vec<Date> = shares.collect();
    days.dedup();
    let Some(last) = days.pop() else {
        return Vec::new();
    };
    let by = |day: Date| outcome.probability_by(At::end_of(timeline.slot(day)));
    let mut points: Vec<(Date, f64)> =
        days.into_iter().map(|day| (day, rounded_share(by(day)))).collect();
    points.push((last, 1.0));
    points
}

/// Shares that lie even, but for one half of a per cent at either end, where the tails are.
fn shares() -> impl Iterator<Item = f64> {
    const TAIL: f64 = 0.005;
    let between = POINTS_MAX - 3;
    let step = (1.0 - 2.0 * TAIL) / between as f64;
    let even = (0..=between).map(move |number| TAIL + number as f64 * step);
    std::iter::once(0.0).chain(even).chain(std::iter::once(1.0))
}
