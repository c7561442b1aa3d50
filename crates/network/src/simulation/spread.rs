//! How the dates of each activity spread over the samples.
//!
//! Storing every date would take 800 MB for ten thousand activities, so dates
//! are counted in 256 bins. The bins are laid around the dates of the first
//! block: half of them over its range, the rest beyond it on both sides. What
//! lies outside is counted in the outermost bins, which no percentile between
//! P10 and P90 reaches: that would take 256 samples without one of the lowest
//! or highest tenth, a chance of 2·10⁻¹².

use crate::{
    draw::{BLOCK, Row},
    statistics::RANK_SLACK,
};

const BINS: usize = 256;

/// Dates that are binned together.
const LANES: usize = 16;

/// Where the bins of an event lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bins {
    first: i32,
    /// log₂ of the width in ticks.
    shift: u32,
}

/// Dates of one event, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spread {
    counts: [u32; BINS],
    sum: i64,
}

impl Bins {
    /// Bins around the dates of a block.
    pub(super) fn around(dates: &[i32]) -> Bins {
        let low = dates.iter().copied().min().unwrap_or(0);
        let high = dates.iter().copied().max().unwrap_or(0);
        let half = BINS as i32 / 2;
        let mut shift = 0;
        while (high - low) >> shift >= half {
            shift += 1;
        }
        Bins { first: low - ((half / 2) << shift), shift }
    }

    /// The bins of a handful of dates.
    #[inline(always)]
    fn numbers(self, dates: &[i32; LANES]) -> [u8; LANES] {
        let mut numbers = [0_i16; LANES];
        for (number, date) in numbers.iter_mut().zip(dates) {
            let bin = (date - self.first) >> self.shift;
            *number = bin.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
        // In two steps, since processors have an instruction for each.
        numbers.map(|number| number.clamp(0, BINS as i16 - 1) as u8)
    }

    /// The date below which a share `p` of the counted dates lies; within a bin
    /// they are taken to be even.
    pub(super) fn percentile(self, spread: &Spread, p: f64) -> i32 {
        let total: u32 = spread.counts.iter().sum();
        let rank = (p * f64::from(total) - RANK_SLACK).ceil().max(1.0);
        let mut below = 0.0;
        for (bin, &count) in (0..).zip(&spread.counts) {
            let count = f64::from(count);
            if below + count >= rank {
                let share = (rank - below - 0.5) / count;
                let width = f64::from((1_u32 << self.shift) - 1);
                return self.first + (bin << self.shift) + (share * width).round() as i32;
            }
            below += count;
        }
        self.first
    }
}

impl Default for Spread {
    fn default() -> Spread {
        Spread { counts: [0; BINS], sum: 0 }
    }
}

impl Spread {
    /// Counts the first `length` dates of a row.
    #[inline]
    pub(super) fn add(&mut self, bins: Bins, dates: &Row<i32>, length: usize) {
        let mut numbers = [0_u8; BLOCK];
        let lanes = numbers.as_chunks_mut::<LANES>().0.iter_mut().zip(dates.as_chunks().0);
        for (numbers, dates) in lanes {
            *numbers = bins.numbers(dates);
        }
        // Whole slots and ticks apart, so that the sums of a row fit 32 bits.
        let (mut slots, mut ticks) = (0, 0);
        for date in &dates[..length] {
            slots += date >> 16;
            ticks += date & 0xFFFF;
        }
        self.sum += (i64::from(slots) << 16) + i64::from(ticks);
        for number in &numbers[..length] {
            self.counts[usize::from(*number)] += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Spread) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count += other;
        }
        self.sum += other.sum;
    }

    /// The mean date of `samples` counted ones.
    pub(super) fn mean(&self, samples: u32) -> i64 {
        self.sum.div_euclid(i64::from(samples.max(1)))
    }
}
