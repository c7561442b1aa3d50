//! What the numbers tell that devices give their readings.

use std::collections::BTreeMap;

use super::completeness::{Basis, Completeness};

/// The readings of one boot by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The lowest number that arrived.
    pub first: u64,
    /// The highest number that arrived.
    pub last: u64,
    /// How many numbers arrived, each counted once.
    pub distinct: u64,
    /// How many readings arrived under a number that was there already.
    pub repeated: u64,
}

impl Boot {
    fn of(numbers: &mut [u64]) -> Option<Boot> {
        numbers.sort_unstable();
        let (first, last) = (*numbers.first()?, *numbers.last()?);
        let rises = numbers.windows(2).filter(|pair| matches!(pair, [a, b] if a != b)).count();
        let distinct = rises as u64 + 1;
        Some(Boot { first, last, distinct, repeated: numbers.len() as u64 - distinct })
    }

    /// How many numbers lie between the lowest and the highest, both counted.
    fn span(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// Completeness of one device's readings by boot and sequence.
///
/// Method: within a boot, every number between the lowest and the highest that arrived was given
/// to a reading, so what is missing between them is known exactly. What was lost before the first
/// or after the last of a boot leaves no trace here, nor does a boot of which nothing arrived;
/// freshness and cadence tell of those. The order of arrival doesn't matter.
pub fn completeness_by_sequence(readings: &[(u64, u64)]) -> Completeness {
    let mut boots: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (boot, sequence) in readings {
        boots.entry(*boot).or_default().push(*sequence);
    }
    of_boots(boots.values_mut().filter_map(|numbers| Boot::of(numbers)))
}

fn of_boots(boots: impl Iterator<Item = Boot>) -> Completeness {
    let none = Completeness { expected: 0, received: 0, extra: 0, basis: Basis::Sequence };
    boots.fold(none, |sum, boot| Completeness {
        expected: sum.expected.saturating_add(boot.span()),
        received: sum.received + boot.distinct,
        extra: sum.extra + boot.repeated,
        basis: Basis::Sequence,
    })
}

/// Splits numbers into boots, for a device that counts its readings and doesn't tell its boots.
///
/// `numbers` come in the order in which they were received. Rule: a number that is lower than the
/// highest before it starts a boot, unless it is a late or repeated one: at most `reorder_max`
/// below the highest, and not zero. A boot that ends within its first `reorder_max` numbers can so
/// be taken for late ones unless zero is among what arrived; a device that tells its boot is
/// always right.
///
/// For each number, the boot that it belongs to, counted from zero.
pub fn split_boots(numbers: &[u64], reorder_max: u64) -> Vec<u64> {
    let mut boot = 0;
    let mut highest: Option<u64> = None;
    let mut boots = Vec::with_capacity(numbers.len());
    for number in numbers {
        match highest {
            Some(high) if *number < high => {
                if *number == 0 || high - number > reorder_max {
                    boot += 1;
                    highest = Some(*number);
                }
            }
            _ => highest = Some(*number),
        }
        boots.push(boot);
    }
    boots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_between_the_first_and_the_last_of_a_boot_are_due() {
        let readings = [(1, 10), (1, 13), (1, 11), (1, 13), (2, 0), (2, 1), (7, 500)];
        let found = completeness_by_sequence(&readings);
        assert_eq!((found.expected, found.received, found.extra), (4 + 2 + 1, 3 + 2 + 1, 1));
        let none = completeness_by_sequence(&[]);
        assert_eq!((none.expected, none.share()), (0, None));
        let wide = completeness_by_sequence(&[(0, 0), (0, u64::MAX), (1, 5)]);
        assert_eq!((wide.expected, wide.received), (u64::MAX, 3));
    }

    #[test]
    fn a_fall_starts_a_boot_and_a_late_number_does_not() {
        for (numbers, expected) in [
            (vec![5, 6, 8, 7, 9], vec![0, 0, 0, 0, 0]),
            (vec![5, 6, 0, 1, 2], vec![0, 0, 1, 1, 1]),
            (vec![900, 901, 3, 4], vec![0, 0, 1, 1]),
            (vec![3, 3, 4, 4], vec![0, 0, 0, 0]),
            (vec![1, 0, 0, 1], vec![0, 1, 1, 1]),
            (vec![], vec![]),
        ] {
            assert_eq!(split_boots(&numbers, 8), expected, "{numbers:?}");
        }
    }
}
