//! Where the pieces of a table lie, and the nodes at which a distribution is
//! looked at within each. The same for all tables, so it is made once.

use super::{DISTANCE_OFFSET, PIECES_LOG2, Z_LIMIT, Z_PIECES};
use crate::normal;

/// Both layouts of tables.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(super) by_probability: Half,
    pub(super) by_z: Half,
}

/// The pieces of the lower half of a table, outermost first. The upper half is
/// its mirror image.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) cells: Vec<Cell>,
    pub(super) coordinate: Coordinate,
}

/// What the pieces of a table are a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinate {
    /// Distance to the nearer end, as [`super::locate`] makes it.
    Distance,
    /// A standard normal value.
    Z,
}

/// One piece of the lower half.
#[derive(Debug)]
pub(super) struct Cell {
    /// Probability below the lower and the upper edge.
    pub(super) tail: [f64; 2],
    /// Mean of the coordinate within the piece.
    pub(super) mean: f64,
    /// Standard deviation of the coordinate within the piece.
    pub(super) std_dev: f64,
    pub(super) nodes: [Node; 4],
}

/// A point of a quadrature over the outcomes within a piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Share of the piece's probability; the weights of a piece sum to 1.
    pub(super) weight: f64,
    /// Probability below.
    pub(super) tail: f64,
    /// Standard normal quantile of `tail`.
    pub(super) z: f64,
}

/// Nodes on [−1, 1] and weights, summing to 1, of Gauss and Legendre's rule.
const GAUSS: [(f64, f64); 4] = [
    (-0.861_136_311_594_052_6, 0.173_927_422_568_726_93),
    (-0.339_981_043_584_856_26, 0.326_072_577_431_273_07),
    (0.339_981_043_584_856_26, 0.326_072_577_431_273_07),
    (0.861_136_311_594_052_6, 0.173_927_422_568_726_93),
];

impl Layout {
    pub(crate) fn new() -> Layout {
        Layout {
            by_probability: Half { cells: by_probability(), coordinate: Coordinate::Distance },
            by_z: Half { cells: by_z(), coordinate: Coordinate::Z },
        }
    }
}

fn by_probability() -> Vec<Cell> {
    let offset = f64::from(DISTANCE_OFFSET);
    let end = 2f64.powi(30) + offset;
    let mut cells = Vec::with_capacity(128);
    let (mut lower, mut octave) = (offset, offset);
    while lower < end {
        for piece in 1..=1_u32 << PIECES_LOG2 {
            let upper = octave * (1.0 + f64::from(piece) / f64::from(1_u32 << PIECES_LOG2));
            if lower < end {
                cells.push(probability_cell(lower, upper.min(end)));
            }
            lower = upper;
        }
        octave *= 2.0;
    }
    cells
}

/// The piece between two distances; the lower half of the draws takes 2^30 of
/// them, so a distance of 2^31 stands for a probability of 1.
fn probability_cell(lower: f64, upper: f64) -> Cell {
    let tail = |distance: f64| (distance - f64::from(DISTANCE_OFFSET)) / 2f64.powi(31);
    let (mean, half) = (0.5 * (lower + upper), 0.5 * (upper - lower));
    let tails = if lower > f64::from(DISTANCE_OFFSET) {
        GAUSS.map(|(node, weight)| (weight, tail(mean + node * half)))
    } else {
        outermost_tails(tail(upper))
    };
    let nodes = tails.map(|(weight, tail)| Node { weight, tail, z: normal::quantile(tail) });
    Cell { tail: [tail(lower), tail(upper)], mean, std_dev: half / 3f64.sqrt(), nodes }
}

/// Weights and tail probabilities from zero to `edge`. A heavy tail is infinite
/// at zero, so the nodes are drawn toward it: tail = edge·t⁵.
fn outermost_tails(edge: f64) -> [(f64, f64); 4] {
    let mut tails = GAUSS.map(|(node, weight)| {
        let t = 0.5 * (1.0 + node);
        (weight * t.powi(4), edge * t.powi(5))
    });
    let total: f64 = tails.iter().map(|(weight, _)| weight).sum();
    tails.iter_mut().for_each(|(weight, _)| *weight /= total);
    tails
}

fn by_z() -> Vec<Cell> {
    (0..128_u32)
        .map(|piece| {
            let lower = f64::from(piece) / f64::from(Z_PIECES) - f64::from(Z_LIMIT);
            let mut cell = z_cell(lower, lower + 1.0 / f64::from(Z_PIECES));
            if piece == 0 {
                // What lies below the table is drawn from its outermost piece.
                cell.tail[0] = 0.0;
            }
            cell
        })
        .collect()
}

fn z_cell(lower: f64, upper: f64) -> Cell {
    let (middle, half) = (0.5 * (lower + upper), 0.5 * (upper - lower));
    let mut nodes = GAUSS.map(|(node, weight)| {
        let z = middle + node * half;
        Node { weight: weight * normal::density(z), tail: normal::probability_below(z), z }
    });
    let total: f64 = nodes.iter().map(|node| node.weight).sum();
    nodes.iter_mut().for_each(|node| node.weight /= total);
    let mean: f64 = nodes.iter().map(|node| node.weight * node.z).sum();
    let variance: f64 = nodes.iter().map(|node| node.weight * (node.z - mean).powi(2)).sum();
    Cell {
        tail: [normal::probability_below(lower), normal::probability_below(upper)],
        mean,
        std_dev: variance.sqrt(),
        nodes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_cover_the_lower_half_without_gaps() {
        let layout = Layout::new();
        for (half, slack) in [(&layout.by_probability, 1e-12), (&layout.by_z, 1e-12)] {
            assert!(half.cells.len() <= 128);
            assert_eq!(half.cells[0].tail[0], 0.0);
            for pair in half.cells.windows(2) {
                assert_eq!(pair[0].tail[1], pair[1].tail[0]);
            }
            assert!((half.cells.last().unwrap().tail[1] - 0.5).abs() < slack);
        }
    }
}
