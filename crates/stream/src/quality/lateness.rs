//! How long readings took to arrive.

/// Buckets to each doubling. A quantile so tells a span at most one sixteenth too long.
const BUCKETS_PER_DOUBLING: u32 = 16;

/// Spans below this many microseconds (16 µs) have a bucket each.
const EXACT_MAX: u64 = 16;

/// How long readings took from being taken to being received, as a histogram that can be added to
/// others: of devices to that of a cohort, of days to that of a month.
///
/// Method: buckets grow by a sixteenth of a doubling, from a microsecond to 292,000 years. A
/// quantile is the upper end of the bucket in which it lies, at most 6.25 % more than the exact
/// one, and never more than the longest span. Readings that claim to have been taken after they
/// were received are counted apart, and as zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// By bucket, as far as there are any.
    counts: Vec<u64>,
    count: u64,
    ahead: u64,
    longest: u64,
}

impl Lateness {
    /// Adds a reading by its times.
    pub fn add(&mut self, captured: i64, received: i64) {
        let ahead = captured > received;
        let span = if ahead { 0 } else { received.abs_diff(captured) };
        let bucket = bucket(span);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.ahead += u64::from(ahead);
        self.longest = self.longest.max(span);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Lateness) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.ahead += other.ahead;
        self.longest = self.longest.max(other.longest);
    }

    /// How many readings there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many claim to have been taken after they were received.
    pub fn ahead(&self) -> u64 {
        self.ahead
    }

    /// The longest span, exactly, in microseconds.
    pub fn longest(&self) -> Option<u64> {
        (self.count > 0).then_some(self.longest)
    }

    /// The span, in microseconds, within which a share of the readings arrived: 0.5, 0.95, 0.99.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (share.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut before = 0;
        let found = self.counts.iter().position(|count| {
            before += count;
            before >= rank
        })?;
        Some(upper(found).min(self.longest))
    }

    /// The share of readings that took no longer than this many microseconds. Exact where the span
    /// is the end of a bucket, else that of the bucket's lower end: it never says that more was in
    /// time than was.
    pub fn share_within(&self, span: u64) -> Option<f64> {
        if span >= self.longest {
            return (self.count > 0).then_some(1.0);
        }
        let whole = (0..self.counts.len()).take_while(|bucket| upper(*bucket) <= span).count();
        let within: u64 = self.counts.iter().take(whole).sum();
        (self.count > 0).then(|| within as f64 / self.count as f64)
    }

    /// The histogram: the upper end of each bucket in microseconds, and how many lie in it. Empty
    /// buckets are left out.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let buckets = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        buckets.map(|(bucket, count)| (upper(bucket), *count))
    }
}

/// The bucket of a span.
fn bucket(span: u64) -> usize {
    if span < EXACT_MAX {
        return span as usize;
    }
    // Within a doubling, the four bits behind the highest tell the bucket.
    let doubling = span.ilog2() - EXACT_MAX.ilog2();
    let within = (span >> doubling) - EXACT_MAX;
    (EXACT_MAX + u64::from(doubling * BUCKETS_PER_DOUBLING) + within) as usize
}

/// The longest span of a bucket.
fn upper(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT_MAX {
        return bucket;
    }
    let steps = bucket - EXACT_MAX;
    let doubling = steps / u64::from(BUCKETS_PER_DOUBLING);
    let within = steps % u64::from(BUCKETS_PER_DOUBLING);
    // The last bucket ends at the largest number.
    let end = u128::from(EXACT_MAX + within + 1) << doubling;
    u64::try_from(end - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another_without_a_hole() {
        for bucket_number in 0..bucket(u64::MAX) {
            let end = upper(bucket_number);
            assert_eq!((bucket(end), bucket(end + 1)), (bucket_number, bucket_number + 1));
        }
        assert_eq!(upper(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_are_at_most_a_sixteenth_above_the_exact_ones() {
        let spans: Vec<i64> = (1..=10_000).map(|it| it * it).collect();
        let mut lateness = Lateness::default();
        for span in &spans {
            lateness.add(1_000, 1_000 + span);
        }
        for share in [0.01, 0.5, 0.95, 0.99, 1.0] {
            let exact = spans[(share * 10_000.0) as usize - 1] as f64;
            let told = lateness.quantile(share).unwrap() as f64;
            assert!(told >= exact && told <= exact * 1.0625, "{share}: {told} for {exact}");
        }
        assert_eq!(lateness.longest(), Some(100_000_000));
        let within = lateness.share_within(25_000_000).unwrap();
        assert!((0.48..=0.5).contains(&within), "{within}");
    }

    #[test]
    fn what_is_added_together_is_as_if_it_had_been_added_one_by_one() {
        let (mut one, mut other, mut all) =
            (Lateness::default(), Lateness::default(), Lateness::default());
        for span in [0, 5, 17, 1_000, 86_400_000_000] {
            one.add(0, span);
            all.add(0, span);
        }
        for span in [-3, 40, i64::MAX] {
            other.add(0, span);
            all.add(0, span);
        }
        one.merge(&other);
        assert_eq!(one, all);
        assert_eq!((all.count(), all.ahead()), (8, 1));
        assert_eq!(Lateness::default().quantile(0.5), None);
    }
}
