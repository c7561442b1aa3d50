//! Figures drawn from samples.

/// The value that a share `p` of the samples does not exceed: the smallest one
/// whose rank reaches `p` times their number (the inverse of the empirical
/// distribution function, type 1 of Hyndman & Fan 1996). `sorted` must rise;
/// `None` without samples.
pub(crate) fn percentile(sorted: &[i32], p: f64) -> Option<i32> {
    let last = sorted.len().checked_sub(1)?;
    let rank = (p * sorted.len() as f64 - RANK_SLACK).ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 ≤ rank")]
    sorted.get((rank as usize - 1).min(last)).copied()
}

/// Keeps 0.8 × 10,000, which no float hits exactly, from being rank 8,001.
pub(crate) const RANK_SLACK: f64 = 1e-9;

/// Mean and standard deviation (with n − 1) of the samples; zero for none.
///
/// Sums integers, so the order of the samples has no influence.
pub(crate) fn mean_and_std_dev(samples: &[i32]) -> (f64, f64) {
    if samples.is_empty() {
        return (0.0, 0.0);
    }
    let count = samples.len() as f64;
    let sum: i64 = samples.iter().map(|&sample| i64::from(sample)).sum();
    let mean = sum as f64 / count;
    // Around a nearby integer the squares stay small and the difference exact.
    let pivot = sum / samples.len() as i64;
    let (mut squares, mut shifted) = (0_i128, 0_i128);
    for &sample in samples {
        let difference = i128::from(i64::from(sample) - pivot);
        squares += difference * difference;
        shifted += difference;
    }
    let variance = (squares as f64 - (shifted * shifted) as f64 / count) / (count - 1.0).max(1.0);
    (mean, variance.max(0.0).sqrt())
}

/// Ranks of samples, kept so that many can be correlated with one another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranks {
    /// Twice the rank less the mean rank, so that the average rank of a tie is
    /// an integer and the ranks sum to zero.
    doubled: Vec<i32>,
    squares: f64,
}

impl Ranks {
    /// Ranks the samples; equal ones share the average of their ranks.
    pub(crate) fn new(samples: &[i32]) -> Ranks {
        let mut ranks = Ranks::default();
        ranks.assign(samples, &mut RankScratch::default());
        ranks
    }

    /// Ranks the samples in buffers that already exist.
    pub(crate) fn assign(&mut self, samples: &[i32], scratch: &mut RankScratch) {
        scratch.sort(samples);
        self.doubled.clear();
        self.doubled.resize(samples.len(), 0);
        let centre = samples.len() as i64 + 1;
        let mut first = 0;
        while let Some(&(key, _)) = scratch.sorted.get(first) {
            let tied =
                scratch.sorted[first..].iter().take_while(|(other, _)| *other == key).count();
            let doubled = (2 * first + tied + 1) as i64 - centre;
            for &(_, sample) in &scratch.sorted[first..first + tied] {
                self.doubled[sample as usize] = doubled as i32;
            }
            first += tied;
        }
        self.squares = dot(&self.doubled, &self.doubled);
    }

    /// Spearman's ρ: the correlation of the ranks. Zero if either has no spread.
    pub(crate) fn spearman(&self, other: &Ranks) -> f64 {
        let norm = self.squares.sqrt() * other.squares.sqrt();
        if norm > 0.0 { dot(&self.doubled, &other.doubled) / norm } else { 0.0 }
    }
}

/// The sum of the products. Ranks are integers and so are the partial sums: with up to 300,000
/// samples they stay below 2^53 and nothing is rounded. Beyond that the order of the additions,
/// which is always the same, decides the last bits.
fn dot(left: &[i32], right: &[i32]) -> f64 {
    // Several sums side by side, which a processor adds at once.
    let mut sums = [0.0_f64; LANES];
    let (left, right) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest = left.remainder().iter().zip(right.remainder());
    let rest: f64 = rest.map(|(&left, &right)| f64::from(left) * f64::from(right)).sum();
    for (left, right) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += f64::from(left[lane]) * f64::from(right[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

const LANES: usize = 8;

/// Buffers for ranking.
#[derive(Debug, Clone, Default)]
pub(crate) struct RankScratch {
    /// (key, sample), sorted by key.
    sorted: Vec<(u32, u32)>,
    other: Vec<(u32, u32)>,
}

const DIGIT_BITS: u32 = 11;
const DIGITS: usize = 1 << DIGIT_BITS;

impl RankScratch {
    /// Sorts the samples by least significant digits first, over no more digits
    /// than their spread needs.
    fn sort(&mut self, samples: &[i32]) {
        let low = samples.iter().copied().min().unwrap_or(0);
        let high = samples.iter().copied().max().unwrap_or(0);
        self.sorted.clear();
        self.sorted.extend(
            samples.iter().zip(0..).map(|(sample, index)| (sample.wrapping_sub(low) as u32, index)),
        );
        self.other.resize(samples.len(), (0, 0));
        let spread = high.wrapping_sub(low) as u32;
        let mut shift = 0;
        while shift < u32::BITS && spread >> shift > 0 {
            sort_digit(&self.sorted, &mut self.other, shift);
            std::mem::swap(&mut self.sorted, &mut self.other);
            shift += DIGIT_BITS;
        }
    }
}

fn sort_digit(from: &[(u32, u32)], to: &mut [(u32, u32)], shift: u32) {
    let digit = |key: u32| (key >> shift) as usize % DIGITS;
    let mut next = [0_u32; DIGITS];
    for &(key, _) in from {
        next[digit(key)] += 1;
    }
    let mut total = 0;
    for slot in &mut next {
        total += std::mem::replace(slot, total);
    }
    for &(key, sample) in from {
        let slot = &mut next[digit(key)];
        to[*slot as usize] = (key, sample);
        *slot += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_percentile_is_the_sample_whose_rank_reaches_it() {
        let sorted: Vec<i32> = (1..=10).collect();
        for (p, expect) in [(0.0, 1), (0.1, 1), (0.11, 2), (0.5, 5), (0.8, 8), (1.0, 10)] {
            assert_eq!(percentile(&sorted, p), Some(expect), "P{p}");
        }
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn mean_and_deviation_agree_with_a_worked_example() {
        // NIST/SEMATECH e-Handbook's definition on 2, 4, 4, 4, 5, 5, 7, 9.
        let (mean, std_dev) = mean_and_std_dev(&[2, 4, 4, 4, 5, 5, 7, 9]);
        assert!((mean - 5.0).abs() < 1e-12);
        assert!((std_dev - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn spearman_agrees_with_a_worked_example() {
        // IQ and hours of television: ρ = −29/165 (Wikipedia, "Spearman's rank
        // correlation coefficient").
        let iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110];
        let hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17];
        let rho = Ranks::new(&iq).spearman(&Ranks::new(&hours));
        assert!((rho + 29.0 / 165.0).abs() < 1e-12);
    }

    fn naive_ranks(samples: &[i32]) -> Vec<f64> {
        samples
            .iter()
            .map(|sample| {
                let below = samples.iter().filter(|other| *other < sample).count() as f64;
                let equal = samples.iter().filter(|other| *other == sample).count() as f64;
                below + (equal + 1.0) / 2.0
            })
            .collect()
    }

    proptest! {
        #[test]
        fn ranks_agree_with_counting(samples in prop::collection::vec(prop_oneof![any::<i32>(), 0..9_i32], 1..60)) {
            let expect = naive_ranks(&samples);
            let centre = (samples.len() as f64 + 1.0) / 2.0;
            let ranks = Ranks::new(&samples);
            for (doubled, rank) in ranks.doubled.iter().zip(expect) {
                prop_assert_eq!(f64::from(*doubled) / 2.0 + centre, rank);
            }
        }
    }
}
