//! Quantile functions as tables, so that a draw costs a few instructions
//! whatever the distribution.
//!
//! A table has 256 straight pieces. Each piece keeps the exact mean and standard
//! deviation that the distribution has within it, so the table has the mean and,
//! since the parts add up, the variance of the distribution itself; what it
//! loses is only the curvature within a piece. Pieces are a and b of a + b·y.
//!
//! There are two layouts. *By probability*: y is the distance to the nearer end
//! of (0, 1), and the pieces get finer toward both ends, eight to each halving,
//! down to 2^−19. The piece is read off the exponent and the first three
//! mantissa bits of y as a float. *By z*: for correlated activities, whose draw
//! is a standard normal value; pieces are 1/16 wide from −8 to 8.

mod layout;
mod moments;

pub(crate) use layout::Layout;

use crate::{
    draw::{BLOCK, Row},
    estimate::Estimate,
    normal,
    time::TICKS_PER_SLOT,
};

/// One straight piece: a, b.
type Piece = [f32; 2];

/// How uniform draws become values.
#[derive(Debug, Clone)]
pub(crate) enum Sampler {
    Certain(f32),
    Table(UniformTable),
    /// Observed values in rising order.
    Observed(Box<[f32]>),
}

/// How standard normal draws become values.
#[derive(Debug, Clone)]
pub(crate) enum NormalSampler {
    Table(NormalTable),
    /// Observed values in rising order, each with the z above which it starts.
    Observed(Box<[(f32, f32)]>),
}

/// A sampler of durations: its values are counted in 2^`shift` ticks.
#[derive(Debug, Clone)]
pub(crate) struct InTicks<S> {
    sampler: S,
    shift: u32,
}

/// A quantile function over uniform draws.
#[derive(Debug, Clone)]
pub(crate) struct UniformTable {
    pieces: Box<[Piece; 256]>,
}

/// A quantile function over standard normal draws.
#[derive(Debug, Clone)]
pub(crate) struct NormalTable {
    pieces: Box<[Piece; 256]>,
}

/// The greatest duration and coordinate of the simulation, in ticks: two of
/// them still add up within an `i32`.
pub(crate) const TICKS_MAX: i32 = (1 << 30) - 1;

/// log₂ of the pieces per halving of the distance to an end.
const PIECES_LOG2: u32 = 3;
/// Added to the 30-bit distance, so that the pieces stop getting finer at 2^−19.
const DISTANCE_OFFSET: i32 = 1 << 15;
/// Mantissa bits below the piece number.
const PIECE_SHIFT: u32 = 23 - PIECES_LOG2;
/// Piece number of distance zero, before it is moved to zero.
const FIRST_PIECE: u32 = (127 + 15) << PIECES_LOG2;
/// Width of a piece in z.
const Z_PIECES: f32 = 16.0;
const Z_LIMIT: f32 = 8.0;

/// Where a uniform draw lies: the piece and the distance as a float.
#[inline]
fn locate(draw: u32) -> (u32, f32) {
    // 0 in the lower half, all ones in the upper, where the complement is the
    // distance to the upper end; so the value rises with the draw.
    let upper = (draw.cast_signed() >> 31).cast_unsigned();
    let distance = ((draw ^ upper) >> 1).cast_signed() + DISTANCE_OFFSET;
    #[expect(clippy::cast_precision_loss, reason = "24 bits of the distance are enough")]
    let y = distance as f32;
    let piece = (y.to_bits() >> PIECE_SHIFT) - FIRST_PIECE + (upper & 128);
    (piece & 255, y)
}

/// Where a normal draw lies.
#[inline]
fn locate_z(z: f32) -> u32 {
    let piece = (z + Z_LIMIT) * Z_PIECES;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ piece ≤ 255")]
    {
        piece.clamp(0.0, 255.0) as u32
    }
}

/// Samples that pass through the stages of a lookup together, so that each
/// stage's loop is of a fixed, small length and vectorises.
const LANES: usize = 16;

impl Sampler {
    /// A sampler whose unit is `unit` times that of the estimate.
    fn new(layout: &Layout, estimate: &Estimate, unit: f64) -> Sampler {
        match estimate {
            Estimate::Empirical(values) => Sampler::Observed(observed(values, unit)),
            _ if estimate.is_certain() => Sampler::Certain((estimate.mean() * unit) as f32),
            _ => Sampler::Table(UniformTable::new(layout, estimate, unit)),
        }
    }

    /// A sampler of factors, which have no unit.
    pub(crate) fn of_factors(layout: &Layout, estimate: &Estimate) -> Sampler {
        Sampler::new(layout, estimate, 1.0)
    }

    /// The value of each draw.
    pub(crate) fn read(&self, draws: &Row<u32>, values: &mut Row<f32>) {
        match self {
            Sampler::Certain(value) => values.fill(*value),
            Sampler::Table(table) => table.read(draws, values),
            Sampler::Observed(observed) => {
                for (value, draw) in values.iter_mut().zip(draws) {
                    *value = observed[((u64::from(*draw) * observed.len() as u64) >> 32) as usize];
                }
            }
        }
    }
}

impl InTicks<Sampler> {
    pub(crate) fn new(layout: &Layout, estimate: &Estimate) -> InTicks<Sampler> {
        let shift = tick_shift(estimate);
        InTicks { sampler: Sampler::new(layout, estimate, tick_unit(shift)), shift }
    }

    /// The duration of each draw.
    #[inline]
    pub(crate) fn read(&self, draws: &Row<u32>, ticks: &mut Row<i32>) {
        let mut values = [0.0; BLOCK];
        self.sampler.read(draws, &mut values);
        to_ticks(&values, self.shift, ticks);
    }
}

impl InTicks<NormalSampler> {
    pub(crate) fn new(layout: &Layout, estimate: &Estimate) -> InTicks<NormalSampler> {
        let shift = tick_shift(estimate);
        let unit = tick_unit(shift);
        let sampler = match estimate {
            Estimate::Empirical(values) => NormalSampler::observed(&observed(values, unit)),
            _ => NormalSampler::Table(NormalTable::new(layout, estimate, unit)),
        };
        InTicks { sampler, shift }
    }

    /// The duration of each draw.
    pub(crate) fn read(&self, draws: &Row<f32>, ticks: &mut Row<i32>) {
        let mut values = [0.0; BLOCK];
        self.sampler.read(draws, &mut values);
        to_ticks(&values, self.shift, ticks);
    }
}

impl NormalSampler {
    fn observed(sorted: &[f32]) -> NormalSampler {
        let count = sorted.len() as f64;
        let above = (0..sorted.len()).map(|index| match index {
            0 => f32::NEG_INFINITY,
            index => normal::quantile(index as f64 / count) as f32,
        });
        NormalSampler::Observed(above.zip(sorted.iter().copied()).collect())
    }

    fn read(&self, draws: &Row<f32>, values: &mut Row<f32>) {
        match self {
            NormalSampler::Table(table) => table.read(draws, values),
            NormalSampler::Observed(observed) => {
                for (value, z) in values.iter_mut().zip(draws) {
                    let index = observed.partition_point(|(above, _)| above <= z);
                    *value = observed[index.max(1) - 1].1;
                }
            }
        }
    }
}

fn observed(values: &[f64], unit: f64) -> Box<[f32]> {
    let mut observed: Box<[f32]> = values.iter().map(|&value| (value * unit) as f32).collect();
    observed.sort_by(f32::total_cmp);
    observed
}

/// Bits of the whole numbers that [`to_ticks`] makes.
const WHOLE_BITS: u32 = 23;

/// How many low bits a duration must do without so that its greatest value has
/// 23: none up to 128 slots, three at a thousand slots.
fn tick_shift(estimate: &Estimate) -> u32 {
    let greatest = match estimate {
        // No draw comes nearer to certainty than this.
        Estimate::Lognormal { .. } | Estimate::Normal { .. } => {
            estimate.quantile(1.0 - 2f64.powi(-32))
        }
        _ => estimate.quantile(1.0),
    };
    let greatest = (greatest * TICKS_PER_SLOT as f64).clamp(0.0, f64::from(TICKS_MAX)) as u32;
    (u32::BITS - greatest.leading_zeros()).saturating_sub(WHOLE_BITS)
}

fn tick_unit(shift: u32) -> f64 {
    (TICKS_PER_SLOT >> shift) as f64
}

/// Rounds to whole numbers and shifts these up. Adding 2^23 to a smaller float
/// leaves its rounded value in the mantissa; a cast, which must mind every
/// float there is, would not vectorise.
#[inline]
fn to_ticks(values: &Row<f32>, shift: u32, ticks: &mut Row<i32>) {
    const MASK: u32 = (1 << WHOLE_BITS) - 1;
    const OFFSET: f32 = (1 << WHOLE_BITS) as f32;
    for (tick, &value) in ticks.iter_mut().zip(values) {
        let value = if value > 0.0 { value } else { 0.0 };
        let value = if value < MASK as f32 { value } else { MASK as f32 };
        *tick = (((value + OFFSET).to_bits() & MASK) << shift).cast_signed();
    }
}

impl UniformTable {
    fn new(layout: &Layout, estimate: &Estimate, unit: f64) -> UniformTable {
        UniformTable { pieces: moments::pieces(&layout.by_probability, estimate, unit) }
    }

    /// The table of the standard normal distribution.
    pub(crate) fn standard_normal(layout: &Layout) -> UniformTable {
        UniformTable { pieces: moments::normal_pieces(&layout.by_probability) }
    }

    /// The value of each draw.
    #[inline]
    pub(crate) fn read(&self, draws: &Row<u32>, values: &mut Row<f32>) {
        let draws = draws.as_chunks::<LANES>().0;
        for (draws, values) in draws.iter().zip(values.as_chunks_mut::<LANES>().0) {
            *values = self.read_lanes(draws);
        }
    }

    #[inline(always)]
    fn read_lanes(&self, draws: &[u32; LANES]) -> [f32; LANES] {
        let mut numbers = [0_u32; LANES];
        let mut distances = [0_f32; LANES];
        for lane in 0..LANES {
            (numbers[lane], distances[lane]) = locate(draws[lane]);
        }
        let mut pieces = [[0_f32; 2]; LANES];
        for lane in 0..LANES {
            pieces[lane] = self.pieces[(numbers[lane] & 255) as usize];
        }
        let mut values = [0_f32; LANES];
        for lane in 0..LANES {
            values[lane] = pieces[lane][0] + pieces[lane][1] * distances[lane];
        }
        values
    }
}

impl NormalTable {
    fn new(layout: &Layout, estimate: &Estimate, unit: f64) -> NormalTable {
        NormalTable { pieces: moments::pieces(&layout.by_z, estimate, unit) }
    }

    fn read(&self, draws: &Row<f32>, values: &mut Row<f32>) {
        for (value, z) in values.iter_mut().zip(draws) {
            let [a, b] = self.pieces[(locate_z(*z) & 255) as usize];
            *value = a + b * z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimates() -> Vec<Estimate> {
        vec![
            Estimate::Pert { a: 2.0, m: 5.0, b: 14.0 },
            Estimate::Pert { a: 1.0, m: 1.0, b: 9.0 },
            Estimate::Pert { a: 0.0, m: 9.0, b: 9.0 },
            Estimate::Pert { a: 5.0, m: 5.5, b: 6.0 },
            Estimate::Triangular { a: 1.0, m: 3.0, b: 9.0 },
            Estimate::Triangular { a: 1.0, m: 1.0, b: 9.0 },
            Estimate::Lognormal { p50: 12.0, p90: 20.0 },
            Estimate::Lognormal { p50: 5.0, p90: 30.0 },
            Estimate::Uniform { a: 0.0, b: 4.0 },
            Estimate::Normal { mean: 20.0, std_dev: 2.0 },
        ]
    }

    /// Mean and deviation of the lines themselves, weighted by the pieces'
    /// probabilities.
    fn moments(half: &layout::Half, pieces: &[Piece; 256]) -> (f64, f64) {
        let (mut first, mut second) = (0.0, 0.0);
        for (index, cell) in half.cells.iter().enumerate() {
            let mirrored = match half.coordinate {
                layout::Coordinate::Distance => (128 + index, cell.mean),
                layout::Coordinate::Z => (255 - index, -cell.mean),
            };
            for (number, coordinate) in [(index, cell.mean), mirrored] {
                let [a, b] = pieces[number].map(f64::from);
                let (mean, deviation) = (a + b * coordinate, b * cell.std_dev);
                let probability = cell.tail[1] - cell.tail[0];
                first += probability * mean;
                second += probability * (mean * mean + deviation * deviation);
            }
        }
        (first, (second - first * first).sqrt())
    }

    #[test]
    fn tables_keep_mean_and_deviation() {
        let layout = Layout::new();
        for estimate in estimates() {
            let uniform = UniformTable::new(&layout, &estimate, 1.0);
            let normal = NormalTable::new(&layout, &estimate, 1.0);
            for (mean, std_dev) in [
                moments(&layout.by_probability, &uniform.pieces),
                moments(&layout.by_z, &normal.pieces),
            ] {
                // A million samples have a standard error of σ/1000 and σ/1400 or more.
                let miss = (mean - estimate.mean()).abs() / estimate.std_dev();
                assert!(miss < 1e-6, "{estimate:?}: mean {mean}, off by {miss} σ");
                let miss = (std_dev / estimate.std_dev() - 1.0).abs();
                assert!(miss < 1e-6, "{estimate:?}: σ {std_dev}, off by {miss}");
            }
        }
    }

    #[test]
    fn tables_follow_the_quantiles() {
        let layout = Layout::new();
        for estimate in estimates() {
            let uniform = UniformTable::new(&layout, &estimate, 1.0);
            let normal = NormalTable::new(&layout, &estimate, 1.0);
            let (mut draws, mut z) = ([0; BLOCK], [0.0; BLOCK]);
            for sample in 0..BLOCK {
                draws[sample] = (sample as u32) * (1 << 24) + (1 << 23);
                z[sample] = normal::quantile((sample as f64 + 0.5) / BLOCK as f64) as f32;
            }
            let (mut by_uniform, mut by_normal) = ([0.0; BLOCK], [0.0; BLOCK]);
            uniform.read(&draws, &mut by_uniform);
            normal.read(&z, &mut by_normal);
            for sample in 0..BLOCK {
                let expect = estimate.quantile((sample as f64 + 0.5) / BLOCK as f64);
                for value in [by_uniform[sample], by_normal[sample]] {
                    let miss = (f64::from(value) - expect).abs();
                    assert!(
                        miss < 4e-3 * estimate.std_dev(),
                        "{estimate:?}, sample {sample}: {value} for {expect}"
                    );
                }
            }
        }
    }

    #[test]
    fn values_rise_with_the_draw() {
        let layout = Layout::new();
        let table = UniformTable::new(&layout, &Estimate::Uniform { a: 0.0, b: 1.0 }, 1.0);
        let (mut draws, mut values) = ([0; BLOCK], [0.0; BLOCK]);
        for (sample, draw) in draws.iter_mut().enumerate() {
            *draw = (sample as u32) << 24;
        }
        draws[BLOCK - 1] = u32::MAX;
        table.read(&draws, &mut values);
        assert!(values.is_sorted());
        assert!(values[0].abs() < 1e-6 && (values[BLOCK - 1] - 1.0).abs() < 1e-6);
    }
}
