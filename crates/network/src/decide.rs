//! Decide-by: how late a decision may fall and its target still be in time.
//!
//! Let F be the finish of the target in a sample, T its deadline, and LS the
//! latest start of the gated work for which the target still finishes by T. If
//! the decision falls on s, the sample is in time exactly if F ≤ T and s ≤ LS.
//! Delaying a decision never makes anything earlier, so F ≤ T already says that
//! every path that avoids the gated work is in time too; and F ≤ T means that
//! the gated work can start no later than LS after its own predecessors, so a
//! predecessor that is late on its own counts as well. With O the finish through
//! the paths that avoid the gated work and ES its own earliest start this is the
//! share of samples with O ≤ T, ES ≤ LS and s ≤ LS.
//!
//! That share falls as s grows. The latest s at which it still reaches the wanted
//! confidence is the decide-by.

use crate::{
    activity::Activity,
    index::ActivityIndex,
    statistics::RANK_SLACK,
    time::{At, Span},
};

/// A decision against its target's deadline.
#[derive(Debug, Clone, PartialEq)]
pub struct GateOutcome {
    /// The deadline.
    pub deadline: At,
    /// Share of the samples that are in time if the decision is made at once.
    pub best_confidence: f64,
    /// What the target waits for in the samples that miss: the activity, and
    /// the share of those samples in which it is critical; most often first.
    pub limited_by: Vec<(ActivityIndex, f64)>,
    status: At,
    samples: usize,
    /// The latest decision of each sample that is in time, in elapsed ticks, falling.
    latest: Vec<i32>,
}

/// The latest time for a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecideBy {
    /// The start of the last slot at which the confidence holds.
    pub at: At,
    /// Share of the samples in time if the decision falls then; at least what
    /// was asked for.
    pub confidence: f64,
}

impl GateOutcome {
    /// `latest` is the latest decision of each sample, in elapsed ticks, or
    /// `i32::MIN` in a sample that misses; `critical` counts the missing samples
    /// in which each activity is critical.
    pub(crate) fn new(
        status: At,
        deadline: At,
        mut latest: Vec<i32>,
        critical: Vec<(ActivityIndex, u32)>,
        activities: &[Activity],
    ) -> GateOutcome {
        let samples = latest.len();
        latest.retain(|latest| *latest != i32::MIN);
        latest.sort_unstable_by(|one, other| other.cmp(one));
        let missing = (samples - latest.len()) as f64;
        let mut limited_by: Vec<(ActivityIndex, f64)> = critical
            .into_iter()
            .map(|(activity, samples)| (activity, f64::from(samples) / missing))
            .collect();
        limited_by.sort_by(|one, other| {
            let name = |index: ActivityIndex| activities[index.index()].name.as_str();
            other.1.total_cmp(&one.1).then_with(|| name(one.0).cmp(name(other.0)))
        });
        GateOutcome {
            deadline,
            best_confidence: latest.len() as f64 / samples as f64,
            limited_by,
            status,
            samples,
            latest,
        }
    }

    /// Share of the samples in time if the decision falls on `at`.
    pub fn confidence_at(&self, at: At) -> f64 {
        let in_time = self.latest.partition_point(|latest| i64::from(*latest) >= at.ticks());
        in_time as f64 / self.samples as f64
    }

    /// The latest slot on which the decision can fall with the given
    /// confidence, or `None` where even an immediate one falls short.
    pub fn decide_by(&self, confidence: f64) -> Option<DecideBy> {
        let needed = (confidence * self.samples as f64 - RANK_SLACK).ceil().max(1.0);
        let latest = *self.latest.get(needed as usize - 1)?;
        let exact = At::from_ticks(i64::from(latest));
        // A start in the status slot itself can only be floored to the status.
        let at = floor_to_slot(exact).max(self.status.min(exact));
        Some(DecideBy { at, confidence: self.confidence_at(at) })
    }

    /// The confidence over time of decision: from the status date in steps, each
    /// a point, until nothing is in time any more.
    pub fn curve(&self, step: Span) -> Vec<(At, f64)> {
        let step = step.ticks().max(1);
        let last = self.latest.first().map_or(self.status.ticks(), |latest| i64::from(*latest));
        let count = ((last - self.status.ticks()).max(0) / step).min(CURVE_POINTS_MAX) + 1;
        (0..=count)
            .map(|index| {
                let at = At::from_ticks(self.status.ticks() + index * step);
                (at, self.confidence_at(at))
            })
            .collect()
    }
}

/// Keeps a step of a tick over a horizon of years from filling the memory.
const CURVE_POINTS_MAX: i64 = 100_000;

fn floor_to_slot(at: At) -> At {
    At::from_ticks(at.ticks() >> crate::time::SLOT_BITS << crate::time::SLOT_BITS)
}
