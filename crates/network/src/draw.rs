//! Counter-based draws.
//!
//! A draw is a pure function of (seed, role, name, sample): SplitMix64 (Steele,
//! Lea & Flood, "Fast splittable pseudorandom number generators", 2014) started
//! at a hash of the first three and stepped by the fourth. So the samples can be
//! drawn in any order, on any number of threads, or a second time instead of
//! being stored; and what is drawn for one name never depends on another.

/// Samples that are simulated together: long enough to hide what an activity
/// costs apart from its samples, short enough for the rows of a thousand
/// activities to stay in a core's cache.
pub(crate) const BLOCK: usize = 256;

/// One figure for each sample of a block.
pub(crate) type Row<T> = [T; BLOCK];

/// Two samples share a 64-bit block of the generator.
const PAIRS: usize = BLOCK / 2;

/// What a draw decides. Each role has a stream of its own, so that adding
/// rework to an activity leaves its base duration as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The duration of an activity before rework and risks.
    Work,
    /// How many rounds of rework an activity needs.
    Rounds,
    /// The duration of one round of rework, counted from 1.
    Rework(u32),
    /// Whether a risk occurs.
    Occurrence,
    /// How hard a risk hits.
    Impact,
    /// The common cause of a correlation group.
    Group,
}

impl Role {
    fn code(self) -> u64 {
        match self {
            Role::Work => 1,
            Role::Rounds => 2,
            Role::Occurrence => 3,
            Role::Impact => 4,
            Role::Group => 5,
            Role::Rework(round) => (1 << 32) | u64::from(round),
        }
    }
}

/// A stream of uniform 32-bit draws, one per sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    key: u64,
}

/// SplitMix64's increment: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stream {
    pub(crate) fn new(seed: u64, role: Role, name: &str) -> Stream {
        let keyed = mix(seed.wrapping_add(role.code().wrapping_mul(GOLDEN)));
        Stream { key: mix(keyed ^ hash(name)) }
    }

    /// The draws of the samples of block `block`, each the probability of its
    /// sample in units of 2^−32.
    #[inline]
    pub(crate) fn fill(self, block: u32, row: &mut Row<u32>) {
        let first = u64::from(block) * PAIRS as u64;
        let mut state = self.key.wrapping_add(first.wrapping_mul(GOLDEN));
        for pair in row.as_chunks_mut::<2>().0 {
            state = state.wrapping_add(GOLDEN);
            let bits = mix(state);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves are two draws")]
            {
                pair[0] = bits as u32;
                pair[1] = (bits >> 32) as u32;
            }
        }
    }
}

/// SplitMix64's output function (Stafford's variant 13 of the MurmurHash3
/// finaliser).
#[inline]
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// FNV-1a.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(seed: u64, role: Role, name: &str, block: u32) -> Row<u32> {
        let mut row = [0; BLOCK];
        Stream::new(seed, role, name).fill(block, &mut row);
        row
    }

    #[test]
    fn the_output_function_is_that_of_splitmix64() {
        // The first outputs of the reference implementation for seed 1234567.
        let seed = 1_234_567_u64;
        assert_eq!(mix(seed.wrapping_add(GOLDEN)), 6_457_827_717_110_365_317);
        let second = seed.wrapping_add(GOLDEN.wrapping_mul(2));
        assert_eq!(mix(second), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_of_different_keys_differ() {
        let base = draws(1, Role::Work, "board", 0);
        assert_eq!(base, draws(1, Role::Work, "board", 0));
        assert_ne!(base, draws(2, Role::Work, "board", 0));
        assert_ne!(base, draws(1, Role::Rounds, "board", 0));
        assert_ne!(base, draws(1, Role::Work, "boards", 0));
        assert_ne!(base, draws(1, Role::Work, "board", 1));
    }

    #[test]
    fn draws_are_uniform_and_streams_uncorrelated() {
        let blocks = 400;
        let samples = f64::from(blocks) * BLOCK as f64;
        let (mut sum, mut product) = (0.0, 0.0);
        for block in 0..blocks {
            let one = draws(7, Role::Work, "one", block);
            let two = draws(7, Role::Work, "two", block);
            for (left, right) in one.iter().zip(&two) {
                let (left, right) =
                    (f64::from(*left) / 2f64.powi(32), f64::from(*right) / 2f64.powi(32));
                sum += left - 0.5;
                product += (left - 0.5) * (right - 0.5);
            }
        }
        // Four standard errors: 1/√12 and 1/12 are the deviations of one term.
        assert!((sum / samples).abs() < 4.0 / 12f64.sqrt() / samples.sqrt());
        assert!((product / samples).abs() < 4.0 / 12.0 / samples.sqrt());
    }
}
