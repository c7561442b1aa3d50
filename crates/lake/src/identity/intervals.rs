//! A set of numbers, as intervals.

/// Disjoint intervals in order, first and last number of each; neighbours are joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Intervals {
    intervals: Vec<(u64, u64)>,
}

impl Intervals {
    /// From parts in any order.
    pub(super) fn of(parts: impl IntoIterator<Item = (u64, u64)>) -> Intervals {
        let mut parts: Vec<(u64, u64)> = parts.into_iter().filter(|(a, b)| a <= b).collect();
        parts.sort_unstable();
        let mut intervals: Vec<(u64, u64)> = Vec::with_capacity(parts.len());
        for (first, last) in parts {
            match intervals.last_mut() {
                Some(before) if before.1 == u64::MAX || first <= before.1 + 1 => {
                    before.1 = before.1.max(last);
                }
                _ => intervals.push((first, last)),
            }
        }
        Intervals { intervals }
    }

    pub(super) fn parts(&self) -> &[(u64, u64)] {
        &self.intervals
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let after = self.after(number);
        after.checked_sub(1).and_then(|it| self.intervals.get(it)).is_some_and(|it| it.1 >= number)
    }

    /// Adds a number, and tells whether it wasn't there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let after = self.after(number);
        let joins_next = self.intervals.get(after).is_some_and(|it| it.0 - 1 == number);
        let before = after.checked_sub(1).and_then(|it| self.intervals.get_mut(it));
        match before {
            Some(before) if before.1 >= number => return false,
            Some(before) if before.1 + 1 == number => {
                before.1 = number;
                if joins_next {
                    let (_, last) = self.intervals.remove(after);
                    if let Some(before) = self.intervals.get_mut(after - 1) {
                        before.1 = last;
                    }
                }
            }
            _ if joins_next => {
                if let Some(next) = self.intervals.get_mut(after) {
                    next.0 = number;
                }
            }
            _ => self.intervals.insert(after, (number, number)),
        }
        true
    }

    /// Takes a number out.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(place) = self.after(number).checked_sub(1) else { return };
        let Some((first, last)) = self.intervals.get(place).copied() else { return };
        if last < number {
            return;
        }
        let left = (first < number).then(|| (first, number - 1));
        let right = (number < last).then(|| (number + 1, last));
        self.intervals.splice(place..=place, left.into_iter().chain(right));
    }

    /// The place of the first interval that starts after a number.
    fn after(&self, number: u64) -> usize {
        // Numbers mostly come in order: look at the end first.
        if self.intervals.last().is_none_or(|it| it.0 <= number) {
            return self.intervals.len();
        }
        self.intervals.partition_point(|it| it.0 <= number)
    }
}
