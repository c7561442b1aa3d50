//! The beta distribution on [0, 1], for parameters of at least 1.

/// ln B(α, β).
pub(crate) fn ln_beta(alpha: f64, beta: f64) -> f64 {
    libm::lgamma(alpha) + libm::lgamma(beta) - libm::lgamma(alpha + beta)
}

/// The x below which a share `p` lies: Newton's method, kept inside a bracket
/// that halves whenever a step would leave it.
pub(super) fn quantile(alpha: f64, beta: f64, p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return p;
    }
    let ln_norm = ln_beta(alpha, beta);
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = alpha / (alpha + beta);
    for _ in 0..100 {
        let miss = probability_below(alpha, beta, ln_norm, x) - p;
        if miss > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let ln_density = (alpha - 1.0) * libm::log(x) + (beta - 1.0) * libm::log1p(-x) - ln_norm;
        let newton = x - miss / libm::exp(ln_density);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - x).abs() <= 1e-15 {
            return next;
        }
        x = next;
    }
    x
}

/// The regularised incomplete beta function I_x(α, β), by the continued
/// fraction 8.17.22 of the NIST Digital Library of Mathematical Functions,
/// which converges fast below the mean; above it the symmetry
/// I_x(α, β) = 1 − I_{1−x}(β, α) is used.
fn probability_below(alpha: f64, beta: f64, ln_norm: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = libm::exp(alpha * libm::log(x) + beta * libm::log1p(-x) - ln_norm);
    if x < (alpha + 1.0) / (alpha + beta + 2.0) {
        front / alpha / continued_fraction(alpha, beta, x)
    } else {
        1.0 - front / beta / continued_fraction(beta, alpha, 1.0 - x)
    }
}

/// 1 + d₁/(1 + d₂/(1 + …)), evaluated by Steed's forward recurrence of the
/// convergents A/B.
fn continued_fraction(alpha: f64, beta: f64, x: f64) -> f64 {
    let (mut a_before, mut b_before) = (1.0, 0.0);
    let (mut a, mut b) = (1.0, 1.0);
    let mut value = 1.0;
    for index in 1..=400_u32 {
        let m = f64::from(index / 2);
        let d = if index % 2 == 0 {
            m * (beta - m) * x / ((alpha + 2.0 * m - 1.0) * (alpha + 2.0 * m))
        } else {
            -(alpha + m) * (alpha + beta + m) * x / ((alpha + 2.0 * m) * (alpha + 2.0 * m + 1.0))
        };
        (a, a_before) = (a + d * a_before, a);
        (b, b_before) = (b + d * b_before, b);
        // Only the ratio counts; rescaling keeps both in range.
        (a, a_before, b, b_before) = (a / b, a_before / b, 1.0, b_before / b);
        if (a - value).abs() <= 1e-16 * a.abs() {
            return a;
        }
        value = a;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_agrees_with_the_closed_form_of_small_integers() {
        // I_x(2, 3) = 6x² − 8x³ + 3x⁴.
        for step in 1..100 {
            let x = f64::from(step) / 100.0;
            let expect = 6.0 * x.powi(2) - 8.0 * x.powi(3) + 3.0 * x.powi(4);
            let value = probability_below(2.0, 3.0, ln_beta(2.0, 3.0), x);
            assert!((value - expect).abs() < 1e-14, "I_{x} = {value}, expected {expect}");
        }
    }

    #[test]
    fn the_quantile_inverts_the_probability() {
        for (alpha, beta) in [(1.0, 5.0), (5.0, 1.0), (2.0, 4.0), (3.0, 3.0)] {
            for p in [1e-9, 1e-3, 0.1, 0.5, 0.9, 0.999] {
                let x = quantile(alpha, beta, p);
                let back = probability_below(alpha, beta, ln_beta(alpha, beta), x);
                assert!((back - p).abs() < 1e-13, "α {alpha} β {beta} p {p}: {back}");
            }
        }
    }
}
