//! What came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How a fleet was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sendings, each counted once however often it was tried.
    pub sent: u64,
    /// Sendings that the server acknowledged.
    pub acknowledged: u64,
    /// Sendings that were tried again, counted each time.
    pub redelivered: u64,
    /// Sendings that are neither acknowledged nor refused for good after every attempt.
    pub given_up: u64,
    /// Answers that were no acknowledgement, and connections that broke, by what was said.
    pub refused: BTreeMap<String, u64>,
    /// Rows that HTTP receipts tell of.
    pub rows: u64,
    /// Rows that were there already, by HTTP receipts.
    pub duplicates: u64,
    /// Readings that went to quarantine, by HTTP receipts.
    pub quarantined: u64,
    /// How long it took.
    pub took: Duration,
    /// Microseconds from a payload to its acknowledgement, one for each payload.
    latencies: Vec<u32>,
}

impl Report {
    pub(super) fn refuse(&mut self, reason: impl Into<String>) {
        *self.refused.entry(reason.into()).or_default() += 1;
    }

    pub(super) fn answered_in(&mut self, latency: Duration) {
        self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(super) fn with(mut self, other: Report) -> Report {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.redelivered += other.redelivered;
        self.given_up += other.given_up;
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.quarantined += other.quarantined;
        self.latencies.extend(other.latencies);
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
        self
    }

    /// The time within which such a share of payloads, from 0 to 1, was acknowledged: the smallest
    /// that holds for at least that share.
    pub fn latency(&self, share: f64) -> Option<Duration> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a place in a list"
        )]
        let place = (libm::ceil(share * sorted.len() as f64) as usize).saturating_sub(1);
        let micros = sorted.get(place.min(sorted.len().saturating_sub(1)))?;
        Some(Duration::from_micros(u64::from(*micros)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = self.acknowledged as f64 / seconds.max(1e-9);
        writeln!(f, "sent          {:>12}", self.sent)?;
        writeln!(f, "acknowledged  {:>12}   {rate:.0} a second", self.acknowledged)?;
        writeln!(f, "redelivered   {:>12}", self.redelivered)?;
        writeln!(f, "given up      {:>12}", self.given_up)?;
        if self.rows + self.duplicates + self.quarantined > 0 {
            let (rows, duplicates) = (self.rows, self.duplicates);
            let quarantined = self.quarantined;
            writeln!(
                f,
                "by HTTP       {rows:>12} rows, {duplicates} there already, {quarantined} in quarantine"
            )?;
        }
        for (reason, count) in &self.refused {
            writeln!(f, "not taken     {count:>12}   {reason}")?;
        }
        for (name, share) in [("P50", 0.5), ("P95", 0.95), ("P99", 0.99)] {
            if let Some(latency) = self.latency(share) {
                let milliseconds = latency.as_secs_f64() * 1000.0;
                writeln!(f, "latency {name}   {milliseconds:>12.2} ms")?;
            }
        }
        write!(f, "took          {seconds:>12.1} s")
    }
}

#[cfg(test)]
mod tests {
    use super::Report;
    use std::time::Duration;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut report = Report::default();
        assert_eq!(report.latency(0.5), None);
        (1..=100).rev().for_each(|it| report.answered_in(Duration::from_micros(it)));
        for (share, micros) in [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)] {
            assert_eq!(report.latency(share), Some(Duration::from_micros(micros)), "{share}");
        }
    }
}
