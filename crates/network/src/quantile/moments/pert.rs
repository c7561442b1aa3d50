//! Moments of a beta distribution within the pieces of a table.
//!
//! The beta quantile has no closed form, and inverting the incomplete beta
//! function at a thousand nodes would make the tables the slowest part of a
//! large plan. Instead the pieces are walked from the end inward. In each the
//! density is a power series around the outer edge, whose coefficients follow
//! from x(1−x) f′ = ((α−1) − (α+β−2) x) f; integrating the series gives the next
//! edge by Newton's method, and the moments.

use super::{Cell, Moments};
use crate::estimate::ln_beta;

/// Terms of the series.
const TERMS: usize = 6;

/// Pieces, counted from the end, that are wide compared with their distance
/// from it, where the series is not good enough to carry the density along.
const WIDE_PIECES: usize = 32;

struct Density {
    alpha: f64,
    beta: f64,
    ln_norm: f64,
}

/// The density near `edge`, by powers of the distance from it.
struct Series {
    edge: f64,
    terms: [f64; TERMS],
}

/// The moments, on [0, 1], of Beta(α, β) within the pieces below its median.
pub(super) fn lower_moments(cells: &[Cell], alpha: f64, beta: f64) -> Vec<Moments> {
    let density = Density { alpha, beta, ln_norm: ln_beta(alpha, beta) };
    let mut found = Vec::with_capacity(cells.len());
    let (mut edge, mut value) = (0.0, 0.0);
    for (index, cell) in cells.iter().enumerate() {
        let probability = cell.tail[1] - cell.tail[0];
        if index == 0 {
            let (width, moments) = density.outermost(probability);
            found.push(moments);
            edge = width;
        } else {
            let series = density.series(edge, value);
            let width = series.width(probability);
            found.push(series.moments(width));
            edge += width;
            value = series.at(width);
        }
        if index < WIDE_PIECES {
            value = density.at(edge);
        }
    }
    found
}

impl Density {
    fn at(&self, x: f64) -> f64 {
        let ln = (self.alpha - 1.0) * libm::log(x) + (self.beta - 1.0) * libm::log1p(-x);
        libm::exp(ln - self.ln_norm)
    }

    /// The first piece, where the density is its leading power x^(α−1).
    fn outermost(&self, probability: f64) -> (f64, Moments) {
        let alpha = self.alpha;
        let ln_width = (libm::log(probability * alpha) + self.ln_norm) / alpha;
        let width = libm::exp(ln_width);
        let mean = alpha / (alpha + 1.0);
        let variance = alpha / (alpha + 2.0) - mean * mean;
        (width, Moments { mean: width * mean, std_dev: width * variance.sqrt() })
    }

    fn series(&self, edge: f64, value: f64) -> Series {
        let sum = self.alpha + self.beta - 2.0;
        let slope = (self.alpha - 1.0) - sum * edge;
        let (skew, scale) = (1.0 - 2.0 * edge, 1.0 / (edge * (1.0 - edge)));
        let mut terms = [0.0; TERMS];
        terms[0] = value;
        let mut before = 0.0;
        for power in 0..TERMS - 1 {
            let (present, k) = (terms[power], power as f64);
            let next = (slope - skew * k) * present + (k - 1.0 - sum) * before;
            terms[power + 1] = next * scale * RECIPROCALS[power + 1];
            before = present;
        }
        Series { edge, terms }
    }
}

/// 1/n.
const RECIPROCALS: [f64; TERMS + 3] = {
    let mut reciprocals = [0.0; TERMS + 3];
    let mut n = 1;
    while n < reciprocals.len() {
        reciprocals[n] = 1.0 / n as f64;
        n += 1;
    }
    reciprocals
};

impl Series {
    fn at(&self, distance: f64) -> f64 {
        self.terms.iter().rev().fold(0.0, |sum, term| sum * distance + term)
    }

    /// ∫ xᵐ f(edge + x) dx from 0 to `width`, divided by widthᵐ⁺¹.
    fn integral(&self, moment: usize, width: f64) -> f64 {
        let terms = self.terms.iter().zip(&RECIPROCALS[moment + 1..]);
        terms.rev().fold(0.0, |sum, (term, reciprocal)| sum * width + term * reciprocal)
    }

    /// The distance within which lies the given probability.
    fn width(&self, probability: f64) -> f64 {
        let linear = probability / self.terms[0];
        let bend = (0.5 * self.terms[1] * linear / self.terms[0]).clamp(-0.5, 0.5);
        // Where the density rises fast the first step would overshoot.
        let mut width = (linear * (1.0 - bend + 2.0 * bend * bend)).min(self.edge);
        for _ in 0..20 {
            let miss = self.integral(0, width) * width - probability;
            let step = miss / self.at(width);
            width = (width - step).max(0.25 * width);
            // Newton's method squares the error, so this leaves 10⁻¹⁰.
            if step.abs() <= 1e-5 * width {
                break;
            }
        }
        width
    }

    fn moments(&self, width: f64) -> Moments {
        let probability = self.integral(0, width);
        let first = self.integral(1, width) / probability;
        let second = self.integral(2, width) / probability;
        let std_dev = (second - first * first).max(0.0).sqrt() * width;
        Moments { mean: self.edge + first * width, std_dev }
    }
}
