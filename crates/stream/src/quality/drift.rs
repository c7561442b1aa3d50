//! Sensors that drift: a slope that chance doesn't explain.

/// More points than this are thinned before pairs are formed, since pairs grow with the square.
const POINTS_MAX: usize = 600;

/// Fewer days or blocks than this tell nothing.
const POINTS_MIN: usize = 8;

/// A trend that chance brings more often than this isn't a drift.
const P_MAX: f64 = 0.01;

/// The 97.5 % quantile of the normal distribution, for an interval of 95 %.
const Z_95: f64 = 1.959_963_984_540_054;

/// A trend over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// By how much the value rises in a day: the Theil–Sen slope.
    pub slope_per_day: f64,
    /// The 95 % interval of the slope.
    pub slope_interval: (f64, f64),
    /// By how much it rose over the whole span, by that slope.
    pub change: f64,
    /// How likely chance alone brings so clear a trend: two-sided Mann–Kendall.
    pub p: f64,
    /// How far values usually lie from the line: the median of the distances.
    pub scatter: f64,
    /// How many blocks the test is made on.
    pub blocks: usize,
    /// Whether it is to be told: see [`drift`].
    pub is_drift: bool,
}

/// The trend of readings, as captured time in microseconds and value, in any order.
///
/// Method: readings are first put together in blocks of `block` microseconds, each standing for
/// itself by the medians of its times and values. With a block of a day, the daily swing cancels. The slope is
/// Theil and Sen's: the median of the slopes between all pairs of blocks, which up to 29 % of
/// outliers don't move far. Whether there is a trend at all is tested by Mann and Kendall: the
/// number of pairs that rise less those that fall, its variance corrected for ties, and widened
/// by (1 + r) / (1 − r) where what is left after the slope repeats itself from block to block with
/// a correlation r above zero. The interval of the slope is Sen's, from the same variance.
///
/// Rule: it is a drift if chance brings such a trend in fewer than one of a hundred cases, and if
/// the change over the span is also more than the usual scatter around the line. The second keeps
/// a trend that is certain and does not matter from being told.
///
/// Nothing if there are fewer than eight blocks. More than 600 are thinned evenly.
pub fn drift(readings: &[(i64, f64)], block: i64) -> Option<Drift> {
    let points = thinned(blocks(readings, block));
    if points.len() < POINTS_MIN {
        return None;
    }
    let mut slopes = pair_slopes(&points);
    let slope = median(&mut slopes)?;
    let offsets: Vec<f64> = points.iter().map(|(day, value)| value - slope * day).collect();
    let offset = median(&mut offsets.clone())?;
    let residuals: Vec<f64> = offsets.iter().map(|it| it - offset).collect();
    let scatter = median(&mut residuals.iter().map(|it| it.abs()).collect::<Vec<_>>())?;
    let spread = spread(&points, &residuals);
    let p = two_sided_p(rise_count(&points), spread);
    let span = points.last()?.0 - points.first()?.0;
    let change = slope * span;
    Some(Drift {
        slope_per_day: slope,
        slope_interval: interval(&slopes, spread)?,
        change,
        p,
        scatter,
        blocks: points.len(),
        is_drift: p < P_MAX && change.abs() > scatter,
    })
}

/// The medians of time, in days since the first reading, and value of each block.
fn blocks(readings: &[(i64, f64)], block: i64) -> Vec<(f64, f64)> {
    const DAY: f64 = 86_400e6;
    let mut readings: Vec<(i64, f64)> =
        readings.iter().copied().filter(|(_, value)| value.is_finite()).collect();
    readings.sort_by_key(|(captured, _)| *captured);
    let Some(origin) = readings.first().map(|(captured, _)| *captured) else { return Vec::new() };
    let number = |captured: i64| captured.saturating_sub(origin) / block.max(1);
    let chunks = readings.chunk_by(|a, b| number(a.0) == number(b.0));
    chunks
        .filter_map(|chunk| {
            let days = chunk.iter().map(|it| it.0.saturating_sub(origin) as f64 / DAY);
            let mut days: Vec<f64> = days.collect();
            let mut values: Vec<f64> = chunk.iter().map(|it| it.1).collect();
            Some((median(&mut days)?, median(&mut values)?))
        })
        .collect()
}

fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    points.into_iter().step_by(step).collect()
}

/// The slopes between all pairs, unsorted.
fn pair_slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (place, (day, value)) in points.iter().enumerate() {
        let later = points.iter().skip(place + 1);
        slopes.extend(later.map(|(day2, value2)| (value2 - value) / (day2 - day)));
    }
    slopes.retain(|slope| slope.is_finite());
    slopes
}

/// The median; the slice is sorted by it.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(lower + (upper - lower) / 2.0)
}

/// How many pairs rise, less those that fall.
fn rise_count(points: &[(f64, f64)]) -> f64 {
    let mut count = 0_i64;
    for (place, (_, value)) in points.iter().enumerate() {
        for (_, later) in points.iter().skip(place + 1) {
            count += i64::from(later > value) - i64::from(later < value);
        }
    }
    count as f64
}

/// The standard deviation of that count if there were no trend.
fn spread(points: &[(f64, f64)], residuals: &[f64]) -> f64 {
    let term = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let ties = values.chunk_by(|a, b| a == b).map(|tied| term(tied.len() as f64));
    let variance = (term(values.len() as f64) - ties.sum::<f64>()) / 18.0;
    let repeating = autocorrelation(residuals).clamp(0.0, 0.95);
    (variance.max(0.0) * (1.0 + repeating) / (1.0 - repeating)).sqrt()
}

/// Correlation of each residual with the one before it.
fn autocorrelation(residuals: &[f64]) -> f64 {
    let mean = residuals.iter().sum::<f64>() / residuals.len() as f64;
    let power: f64 = residuals.iter().map(|it| (it - mean) * (it - mean)).sum();
    let pairs = residuals.iter().zip(residuals.iter().skip(1));
    let product: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
    if power > 0.0 { product / power } else { 0.0 }
}

/// The two-sided p of a count, with the correction for being whole.
fn two_sided_p(count: f64, spread: f64) -> f64 {
    if spread <= 0.0 || count == 0.0 {
        return 1.0;
    }
    let z = (count.abs() - 1.0) / spread;
    libm::erfc(z / std::f64::consts::SQRT_2)
}

/// Sen's interval of 95 %: so many slopes from the middle, on both sides.
fn interval(sorted: &[f64], spread: f64) -> Option<(f64, f64)> {
    let half = Z_95 * spread;
    let count = sorted.len() as f64;
    let low = ((count - half) / 2.0).floor().max(0.0) as usize;
    let high = ((count + half) / 2.0).ceil().min(count - 1.0).max(0.0) as usize;
    Some((*sorted.get(low)?, *sorted.get(high)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn daily(values: &[f64]) -> Vec<(i64, f64)> {
        values.iter().enumerate().map(|(day, value)| (day as i64 * DAY, *value)).collect()
    }

    #[test]
    fn slope_and_test_agree_with_an_independent_count() {
        // By the plain definitions in a Python script: 45 pairs, S = 34, the variance with one tie
        // 124; what is left repeats itself with r = -0.39, which widens nothing; z = 33 / √124.
        let values = [2.1, 2.0, 3.1, 2.9, 3.6, 4.4, 4.4, 5.0, 4.1, 5.9];
        let found = drift(&daily(&values), DAY).unwrap();
        let (low, high) = found.slope_interval;
        for (told, expected) in [
            (found.slope_per_day, 0.422_222_222),
            (found.p, 0.003_041_744),
            (low, 0.266_666_667),
            (high, 0.5),
            (found.scatter, 0.2),
            (found.change, 3.8),
        ] {
            assert!((told - expected).abs() < 1e-9, "{told} for {expected}");
        }
        assert!(found.is_drift);
    }

    #[test]
    fn a_sensor_that_drifts_is_told_in_spite_of_its_daily_swing() {
        let swing = |hour: i64| 5.0 * (hour as f64 * std::f64::consts::TAU / 24.0).sin();
        let reading = |hour: i64, slope: f64| {
            let day = hour as f64 / 24.0;
            (hour * DAY / 24, 20.0 + swing(hour) + slope * day + ((hour * 37) % 11) as f64 * 0.05)
        };
        let drifting: Vec<_> = (0..60 * 24).map(|hour| reading(hour, 0.05)).collect();
        let found = drift(&drifting, DAY).unwrap();
        assert!(found.is_drift && found.p < 1e-9, "{found:?}");
        assert!((found.slope_per_day - 0.05).abs() < 0.002, "{found:?}");
        let (low, high) = found.slope_interval;
        assert!(low <= 0.05 && 0.05 <= high + 1e-3, "{found:?}");
        let steady: Vec<_> = (0..60 * 24).map(|hour| reading(hour, 0.0)).collect();
        assert!(drift(&steady, DAY).is_some_and(|it| !it.is_drift));
    }

    #[test]
    fn outliers_and_a_slow_wander_are_no_drift() {
        let mut values: Vec<f64> = (0..60).map(|it| 20.0 + f64::from(it * 7 % 5) * 0.1).collect();
        values[50..58].fill(80.0);
        assert!(drift(&daily(&values), DAY).is_some_and(|it| !it.is_drift));
        // Half a slow wave rises for weeks; its rest repeats itself so much that it proves little.
        let wave: Vec<f64> = (0..24).map(|it| (f64::from(it) * 0.5).sin()).collect();
        assert!(drift(&daily(&wave), DAY).is_some_and(|it| !it.is_drift));
    }

    #[test]
    fn a_few_days_tell_nothing_and_odd_values_do_no_harm() {
        assert_eq!(drift(&daily(&[1.0; 7]), DAY), None);
        assert!(drift(&daily(&[1.0; 30]), DAY).is_some_and(|it| !it.is_drift && it.p == 1.0));
        let odd = [(i64::MIN, 1.0), (i64::MAX, f64::NAN), (0, f64::INFINITY), (i64::MAX, 2.0)];
        assert_eq!(drift(&odd, 0), None);
    }
}
