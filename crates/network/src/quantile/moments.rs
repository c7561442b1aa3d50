//! Fitting the pieces of a table to a distribution.

use super::{
    Piece,
    layout::{Cell, Coordinate, Half, Node},
};
use crate::estimate::{Estimate, pert_shape};

mod pert;

/// Which half of the outcomes: below or above the median.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Lower,
    Upper,
}

/// Mean and standard deviation of a distribution within one piece.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moments {
    mean: f64,
    std_dev: f64,
}

/// Above every duration and factor that makes a difference, and far from where floats
/// overflow: an estimate of 10^300 days must come out as too long, not as none.
const VALUE_MAX: f64 = 4_294_967_296.0;

impl Moments {
    fn scaled(self, unit: f64) -> Moments {
        let mean = self.mean * unit;
        if mean < VALUE_MAX && mean.is_finite() {
            Moments { mean, std_dev: (self.std_dev * unit).min(VALUE_MAX) }
        } else {
            Moments { mean: VALUE_MAX, std_dev: 0.0 }
        }
    }
}

/// The table of an estimate, times `unit`.
pub(super) fn pieces(half: &Half, estimate: &Estimate, unit: f64) -> Box<[Piece; 256]> {
    table(half, |side| {
        let moments = estimate_moments(half, estimate, side);
        moments.into_iter().map(|moments| moments.scaled(unit)).collect()
    })
}

/// The table of the standard normal distribution.
pub(super) fn normal_pieces(half: &Half) -> Box<[Piece; 256]> {
    table(half, |side| quadrature(half, |node| signed_z(node, side)))
}

fn table(half: &Half, moments: impl Fn(Side) -> Vec<Moments>) -> Box<[Piece; 256]> {
    let mut pieces = Box::new([[0.0; 2]; 256]);
    for side in [Side::Lower, Side::Upper] {
        let moments = moments(side);
        let mut last = [0.0; 2];
        let mut fitted = half
            .cells
            .iter()
            .zip(&moments)
            .map(|(cell, &moments)| fit(cell, half.coordinate, side, moments));
        for index in 0..128 {
            last = fitted.next().unwrap_or(last);
            pieces[number(half.coordinate, side, index)] = last;
        }
    }
    pieces
}

/// Where piece `index`, counted inward from the end of a half, stands.
fn number(coordinate: Coordinate, side: Side, index: usize) -> usize {
    match (coordinate, side) {
        (_, Side::Lower) => index,
        (Coordinate::Distance, Side::Upper) => 128 + index,
        (Coordinate::Z, Side::Upper) => 255 - index,
    }
}

/// The straight line with the given mean and deviation over the piece.
fn fit(cell: &Cell, coordinate: Coordinate, side: Side, moments: Moments) -> Piece {
    let (mean, direction) = match (coordinate, side) {
        (_, Side::Lower) => (cell.mean, 1.0),
        (Coordinate::Distance, Side::Upper) => (cell.mean, -1.0),
        (Coordinate::Z, Side::Upper) => (-cell.mean, 1.0),
    };
    let slope = direction * moments.std_dev / cell.std_dev;
    #[expect(clippy::cast_possible_truncation, reason = "24 bits are the precision of a draw")]
    {
        [(moments.mean - slope * mean) as f32, slope as f32]
    }
}

fn estimate_moments(half: &Half, estimate: &Estimate, side: Side) -> Vec<Moments> {
    match estimate {
        Estimate::Pert { a, m, b } if a < b => {
            let (alpha, beta) = pert_shape(*a, *m, *b);
            let scaled = |from: f64, to: f64, moments: Moments| Moments {
                mean: from + (to - from) * moments.mean,
                std_dev: (b - a) * moments.std_dev,
            };
            let (alpha, beta, from, to) = match side {
                Side::Lower => (alpha, beta, *a, *b),
                Side::Upper => (beta, alpha, *b, *a),
            };
            let unit = pert::lower_moments(&half.cells, alpha, beta);
            unit.into_iter().map(|moments| scaled(from, to, moments)).collect()
        }
        Estimate::Triangular { a, m, b } if a < b => {
            quadrature(half, |node| triangular(*a, *m, *b, node.tail, side))
        }
        Estimate::Uniform { a, b } => quadrature(half, |node| match side {
            Side::Lower => a + (b - a) * node.tail,
            Side::Upper => b - (b - a) * node.tail,
        }),
        Estimate::Lognormal { p50, .. } => {
            let sigma = estimate.log_sigma();
            quadrature(half, |node| p50 * libm::exp(sigma * signed_z(node, side)))
        }
        Estimate::Normal { mean, std_dev } => {
            quadrature(half, |node| (mean + std_dev * signed_z(node, side)).max(0.0))
        }
        // A single value, or observed ones, which are drawn without a table.
        Estimate::Pert { .. }
        | Estimate::Triangular { .. }
        | Estimate::Fixed(_)
        | Estimate::Empirical(_) => quadrature(half, |_| estimate.mean()),
    }
}

fn signed_z(node: &Node, side: Side) -> f64 {
    match side {
        Side::Lower => node.z,
        Side::Upper => -node.z,
    }
}

/// The value with a share `tail` below it (or above it, on the upper side).
fn triangular(a: f64, m: f64, b: f64, tail: f64, side: Side) -> f64 {
    let (near, far, direction) = match side {
        Side::Lower => (m - a, b - m, 1.0),
        Side::Upper => (b - m, m - a, -1.0),
    };
    let width = b - a;
    let from_end = if tail * width <= near {
        (tail * width * near).sqrt()
    } else {
        width - ((1.0 - tail) * width * far).sqrt()
    };
    if direction > 0.0 { a + from_end } else { b - from_end }
}

fn quadrature(half: &Half, value: impl Fn(&Node) -> f64) -> Vec<Moments> {
    half.cells
        .iter()
        .map(|cell| {
            let values = cell.nodes.map(|node| value(&node));
            let weighted = || cell.nodes.iter().map(|node| node.weight).zip(values);
            let mean: f64 = weighted().map(|(weight, value)| weight * value).sum();
            let variance: f64 =
                weighted().map(|(weight, value)| weight * (value - mean).powi(2)).sum();
            Moments { mean, std_dev: variance.sqrt() }
        })
        .collect()
}
