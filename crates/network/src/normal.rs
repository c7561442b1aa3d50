//! The standard normal distribution.
//!
//! Built on `libm` rather than on the platform's mathematics library, so that
//! a forecast is the same, bit for bit, on every machine.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Density at `z`.
pub(crate) fn density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (2.0 * PI).sqrt()
}

/// P(Z ≤ z). Keeps its relative precision in the lower tail; for the upper
/// tail ask for `probability_below(-z)`.
pub(crate) fn probability_below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The z with P(Z ≤ z) = `p`, for 0 < `p` < 1.
pub(crate) fn quantile(p: f64) -> f64 {
    if p > 0.5 { -lower_quantile(1.0 - p) } else { lower_quantile(p) }
}

/// Quantile for `p` ≤ 1/2: the first guess of Hastings (Abramowitz & Stegun
/// 26.2.22, good to 0.003), sharpened by Halley's method, which triples the
/// number of correct digits with each round.
fn lower_quantile(p: f64) -> f64 {
    let t = (-2.0 * libm::log(p)).sqrt();
    let mut z = (2.30753 + 0.27061 * t) / (1.0 + 0.99229 * t + 0.04481 * t * t) - t;
    for _ in 0..3 {
        let newton = (probability_below(z) - p) / density(z);
        z -= newton / (1.0 + 0.5 * z * newton);
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(p: f64, expect: f64) {
        let z = quantile(p);
        assert!((z - expect).abs() < 1e-12, "quantile({p}) = {z}, expected {expect}");
    }

    #[test]
    fn quantiles_agree_with_published_values() {
        // Abramowitz & Stegun, table 26.6, and Wichura (1988), AS 241.
        check(0.5, 0.0);
        check(0.9, 1.281_551_565_544_600_4);
        check(0.025, -1.959_963_984_540_054);
        check(1e-10, -6.361_340_902_404_056);
    }

    #[test]
    fn the_quantile_inverts_the_probability() {
        for step in 1..200 {
            let z = f64::from(step) * 0.04 - 4.0;
            assert!((quantile(probability_below(z)) - z).abs() < 1e-10);
        }
    }
}
