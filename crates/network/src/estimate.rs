//! Estimates: how long something takes, as a distribution.
//!
//! Every estimate is in *slots* of the calendar of the activity that it
//! belongs to (working days for a plan in days), except where it is the factor
//! of a multiplying risk, which has no unit.

mod beta;

pub(crate) use beta::ln_beta;

use thiserror::Error;

use crate::normal;

/// A duration that is not known exactly.
///
/// Values are never negative. Build the plain data and call
/// [`Estimate::validate`]; [`Network::compile`](crate::Network::compile) does
/// so for every estimate of a network.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimate {
    /// Known exactly.
    Fixed(f64),
    /// PERT-beta with λ = 4: a beta distribution on `[a, b]` with
    /// α = 1 + 4(m−a)/(b−a) and β = 1 + 4(b−m)/(b−a) (Malcolm et al. 1959;
    /// Vose 2008). Mean (a + 4m + b)/6 and the exact variance
    /// (μ−a)(b−μ)/7, not the rule of thumb ((b−a)/6)².
    Pert {
        /// Optimistic: the least possible value.
        a: f64,
        /// Most likely value.
        m: f64,
        /// Pessimistic: the greatest possible value.
        b: f64,
    },
    /// Triangular on `[a, b]` with its peak at `m`.
    Triangular {
        /// Least possible value.
        a: f64,
        /// Most likely value.
        m: f64,
        /// Greatest possible value.
        b: f64,
    },
    /// Lognormal, given by its median and its 90th percentile.
    Lognormal {
        /// Median: half of the outcomes lie below.
        p50: f64,
        /// Nine of ten outcomes lie below.
        p90: f64,
    },
    /// Any value of `[a, b]` equally likely.
    Uniform {
        /// Least possible value.
        a: f64,
        /// Greatest possible value.
        b: f64,
    },
    /// Normal with the given mean and standard deviation; negative values
    /// count as zero (censored, so keep the mean well above the deviation).
    Normal {
        /// Mean before negative values are replaced by zero.
        mean: f64,
        /// Standard deviation before negative values are replaced by zero.
        std_dev: f64,
    },
    /// Observed values, each equally likely.
    Empirical(Vec<f64>),
}

/// Why an estimate is impossible, and how to mend it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EstimateError {
    /// A figure is infinite or not a number.
    #[error("{field} is {value}; give a finite number")]
    NotFinite {
        /// Which figure.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A figure that must not be negative is.
    #[error("{field} is {value}; a duration can't be negative")]
    Negative {
        /// Which figure.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// Two figures stand in the wrong order.
    #[error("{low_field} ({low}) is greater than {high_field} ({high}); exchange or correct them")]
    OutOfOrder {
        /// The figure that should be the lesser.
        low_field: &'static str,
        /// Its value.
        low: f64,
        /// The figure that should be the greater.
        high_field: &'static str,
        /// Its value.
        high: f64,
    },
    /// A lognormal's median must be positive.
    #[error("p50 is {0}; a lognormal needs a median above zero (use a fixed estimate for zero)")]
    MedianNotPositive(f64),
    /// An empirical estimate without a single observation.
    #[error("no observed values; give at least one")]
    NoObservations,
}

/// z of the 90th percentile.
const Z90: f64 = 1.281_551_565_544_600_4;

impl Estimate {
    /// Checks that the figures make a distribution of durations.
    ///
    /// # Errors
    /// The first figure that is impossible.
    pub fn validate(&self) -> Result<(), EstimateError> {
        match self {
            Self::Fixed(value) => duration("duration", *value),
            Self::Pert { a, m, b } | Self::Triangular { a, m, b } => {
                duration("a", *a)?;
                duration("m", *m)?;
                duration("b", *b)?;
                ordered(("a", *a), ("m", *m))?;
                ordered(("m", *m), ("b", *b))
            }
            Self::Lognormal { p50, p90 } => {
                finite("p50", *p50)?;
                finite("p90", *p90)?;
                if *p50 <= 0.0 {
                    return Err(EstimateError::MedianNotPositive(*p50));
                }
                ordered(("p50", *p50), ("p90", *p90))
            }
            Self::Uniform { a, b } => {
                duration("a", *a)?;
                duration("b", *b)?;
                ordered(("a", *a), ("b", *b))
            }
            Self::Normal { mean, std_dev } => {
                duration("mean", *mean)?;
                duration("std_dev", *std_dev)
            }
            Self::Empirical(values) if values.is_empty() => Err(EstimateError::NoObservations),
            Self::Empirical(values) => {
                values.iter().try_for_each(|value| duration("an observed value", *value))
            }
        }
    }

    /// Mean.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Pert { a, m, b } => (a + 4.0 * m + b) / 6.0,
            Self::Triangular { a, m, b } => (a + m + b) / 3.0,
            Self::Lognormal { p50, .. } => {
                let sigma = self.log_sigma();
                p50 * libm::exp(0.5 * sigma * sigma)
            }
            Self::Uniform { a, b } => 0.5 * (a + b),
            Self::Normal { mean, std_dev } => censored_moments(*mean, *std_dev).0,
            Self::Empirical(values) => values.iter().sum::<f64>() / count(values),
        }
    }

    /// Standard deviation (of the whole population for an empirical estimate).
    pub fn std_dev(&self) -> f64 {
        let variance = match self {
            Self::Fixed(_) => 0.0,
            Self::Pert { a, b, .. } => (self.mean() - a) * (b - self.mean()) / 7.0,
            Self::Triangular { a, m, b } => (a * a + m * m + b * b - a * m - a * b - m * b) / 18.0,
            Self::Lognormal { .. } => {
                let sigma = self.log_sigma();
                self.mean().powi(2) * libm::expm1(sigma * sigma)
            }
            Self::Uniform { a, b } => (b - a).powi(2) / 12.0,
            Self::Normal { mean, std_dev } => censored_moments(*mean, *std_dev).1,
            Self::Empirical(values) => {
                let mean = self.mean();
                values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count(values)
            }
        };
        variance.max(0.0).sqrt()
    }

    /// The single most likely value. For observed values, which have no peak,
    /// their median; for a uniform estimate its middle.
    pub fn most_likely(&self) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Pert { m, .. } | Self::Triangular { m, .. } => *m,
            Self::Lognormal { p50, .. } => p50 * libm::exp(-self.log_sigma().powi(2)),
            Self::Uniform { a, b } => 0.5 * (a + b),
            Self::Normal { mean, .. } => *mean,
            Self::Empirical(_) => self.quantile(0.5),
        }
    }

    /// The value that a share `p` of the outcomes does not exceed. `p` is
    /// clamped to `[0, 1]`; where the distribution has no upper end, the
    /// quantile of 1 is infinite.
    pub fn quantile(&self, p: f64) -> f64 {
        let p = p.clamp(0.0, 1.0);
        match self {
            Self::Fixed(value) => *value,
            Self::Pert { a, m, b } => a + (b - a) * pert_unit_quantile(*a, *m, *b, p),
            Self::Triangular { a, m, b } => triangular_quantile(*a, *m, *b, p),
            Self::Lognormal { p50, .. } => match self.log_sigma() {
                sigma if sigma > 0.0 => p50 * libm::exp(sigma * unbounded_z(p)),
                _ => *p50,
            },
            Self::Uniform { a, b } => a + (b - a) * p,
            Self::Normal { mean, std_dev } if *std_dev > 0.0 => {
                (mean + std_dev * unbounded_z(p)).max(0.0)
            }
            Self::Normal { mean, .. } => *mean,
            Self::Empirical(values) => observed_quantile(values, p),
        }
    }

    /// Whether every draw is the same value.
    pub fn is_certain(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Pert { a, b, .. } | Self::Triangular { a, b, .. } | Self::Uniform { a, b } => {
                a == b
            }
            Self::Lognormal { p50, p90 } => p50 == p90,
            Self::Normal { std_dev, .. } => *std_dev == 0.0,
            Self::Empirical(values) => values.windows(2).all(|pair| pair[0] == pair[1]),
        }
    }

    /// σ of the logarithm, for a lognormal estimate; zero for any other.
    pub(crate) fn log_sigma(&self) -> f64 {
        match self {
            Self::Lognormal { p50, p90 } => libm::log(p90 / p50) / Z90,
            _ => 0.0,
        }
    }
}

/// The two parameters of the beta distribution of a PERT estimate.
pub(crate) fn pert_shape(a: f64, m: f64, b: f64) -> (f64, f64) {
    let peak = (m - a) / (b - a);
    (1.0 + 4.0 * peak, 1.0 + 4.0 * (1.0 - peak))
}

fn pert_unit_quantile(a: f64, m: f64, b: f64, p: f64) -> f64 {
    if a == b {
        return 0.0;
    }
    let (alpha, beta) = pert_shape(a, m, b);
    beta::quantile(alpha, beta, p)
}

fn triangular_quantile(a: f64, m: f64, b: f64, p: f64) -> f64 {
    if a == b {
        return a;
    }
    let below_peak = (m - a) / (b - a);
    if p <= below_peak {
        a + (p * (b - a) * (m - a)).sqrt()
    } else {
        b - ((1.0 - p) * (b - a) * (b - m)).sqrt()
    }
}

fn unbounded_z(p: f64) -> f64 {
    match p {
        p if p <= 0.0 => f64::NEG_INFINITY,
        p if p >= 1.0 => f64::INFINITY,
        p => normal::quantile(p),
    }
}

fn observed_quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (p * count(values)).ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 ≤ rank ≤ len")]
    let index = rank as usize - 1;
    sorted.get(index).or(sorted.last()).copied().unwrap_or(0.0)
}

/// Mean and variance of max(0, N(mean, std_dev)).
fn censored_moments(mean: f64, std_dev: f64) -> (f64, f64) {
    if std_dev <= 0.0 {
        return (mean, 0.0);
    }
    let z = mean / std_dev;
    let (above, peak) = (normal::probability_below(z), normal::density(z));
    let first = mean * above + std_dev * peak;
    let second = (mean * mean + std_dev * std_dev) * above + mean * std_dev * peak;
    (first, second - first * first)
}

#[expect(clippy::cast_precision_loss, reason = "a list of observations is far shorter than 2^52")]
fn count(values: &[f64]) -> f64 {
    values.len() as f64
}

fn finite(field: &'static str, value: f64) -> Result<(), EstimateError> {
    if value.is_finite() { Ok(()) } else { Err(EstimateError::NotFinite { field, value }) }
}

fn duration(field: &'static str, value: f64) -> Result<(), EstimateError> {
    finite(field, value)?;
    if value < 0.0 { Err(EstimateError::Negative { field, value }) } else { Ok(()) }
}

fn ordered(low: (&'static str, f64), high: (&'static str, f64)) -> Result<(), EstimateError> {
    let ((low_field, low), (high_field, high)) = (low, high);
    if low <= high {
        return Ok(());
    }
    Err(EstimateError::OutOfOrder { low_field, low, high_field, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(estimate: &Estimate, mean: f64, std_dev: f64) {
        estimate.validate().unwrap();
        let figures = (estimate.mean(), estimate.std_dev());
        assert!((figures.0 - mean).abs() < 5e-4, "mean {} expected {mean}", figures.0);
        assert!((figures.1 - std_dev).abs() < 5e-5, "σ {} expected {std_dev}", figures.1);
    }

    #[test]
    fn moments_agree_with_published_values() {
        // The classic PERT example (2, 5, 14).
        check(&Estimate::Pert { a: 2.0, m: 5.0, b: 14.0 }, 6.0, 2.138_09);
        check(&Estimate::Triangular { a: 2.0, m: 5.0, b: 14.0 }, 7.0, 2.549_51);
        check(&Estimate::Uniform { a: 0.0, b: 12.0 }, 6.0, 3.464_10);
        check(&Estimate::Empirical(vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 5.0, 2.0);
        check(&Estimate::Normal { mean: 20.0, std_dev: 2.0 }, 20.0, 2.0);
        // Half-normal: mean 1/√(2π), variance 1/2 − 1/(2π).
        check(&Estimate::Normal { mean: 0.0, std_dev: 1.0 }, 0.398_94, 0.583_81);
    }

    #[test]
    fn a_lognormal_is_given_by_its_median_and_p90() {
        let estimate = Estimate::Lognormal { p50: 12.0, p90: 20.0 };
        assert!((estimate.mean() - 12.992).abs() < 5e-4);
        assert!((estimate.quantile(0.8) - 16.783).abs() < 5e-4);
        assert!((estimate.quantile(0.95) - 23.116).abs() < 5e-4);
        assert!((estimate.quantile(0.9) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn the_mean_is_the_average_of_the_quantiles() {
        let estimates = [
            Estimate::Pert { a: 2.0, m: 5.0, b: 14.0 },
            Estimate::Pert { a: 1.0, m: 1.0, b: 9.0 },
            Estimate::Triangular { a: 1.0, m: 9.0, b: 9.0 },
            Estimate::Lognormal { p50: 12.0, p90: 20.0 },
            Estimate::Uniform { a: 3.0, b: 4.0 },
            Estimate::Normal { mean: 1.0, std_dev: 1.0 },
            Estimate::Empirical(vec![3.0, 1.0, 2.0, 2.0]),
        ];
        for estimate in estimates {
            let steps = 20_000;
            let sum: f64 = (0..steps)
                .map(|step| estimate.quantile((f64::from(step) + 0.5) / f64::from(steps)))
                .sum();
            let average = sum / f64::from(steps);
            assert!((average - estimate.mean()).abs() < 1e-3, "{estimate:?}: {average}");
        }
    }

    #[test]
    fn impossible_figures_are_refused_with_their_values() {
        let error = Estimate::Pert { a: 5.0, m: 2.0, b: 9.0 }.validate().unwrap_err();
        assert_eq!(error.to_string(), "a (5) is greater than m (2); exchange or correct them");
        assert!(Estimate::Fixed(f64::NAN).validate().is_err());
        assert!(Estimate::Uniform { a: -1.0, b: 1.0 }.validate().is_err());
        assert!(Estimate::Lognormal { p50: 0.0, p90: 1.0 }.validate().is_err());
        assert!(Estimate::Empirical(vec![]).validate().is_err());
    }
}
