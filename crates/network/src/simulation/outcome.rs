//! What a simulation found.

use super::{
    SimulationRequest,
    critical::{Aim, Share},
    plan::{EventBins, Plan, Progress, Tally, late_aim},
    recipe::Recipe,
    sensitivity::{self, Sensitivity},
    spread::{Bins, Spread},
};
use crate::{
    decide::GateOutcome,
    index::ActivityIndex,
    statistics::{mean_and_std_dev, percentile},
    time::{At, Side, TICKS_PER_SLOT, Work},
};

/// The outcome of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// Of the draws.
    pub seed: u64,
    /// How many there were.
    pub samples: u32,
    /// In the order of the request.
    pub targets: Vec<TargetOutcome>,
    /// In the order of the request.
    pub gates: Vec<GateOutcome>,
    /// By activity.
    pub activities: Vec<ActivityOutcome>,
    /// Samples whose durations make minimum and maximum lags contradict each
    /// other. They count as never finishing.
    pub contradicted: u32,
}

/// When a target finishes.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetOutcome {
    /// Which one.
    pub activity: ActivityIndex,
    /// The date that was asked for.
    pub deadline: Option<At>,
    /// Mean finish.
    pub mean: At,
    /// Standard deviation of the finish, in elapsed slots.
    pub std_dev: f64,
    /// Share of the samples that finish by the deadline.
    pub p_on_time: Option<f64>,
    /// Samples that finish after the end of the horizon, where every day counts
    /// as worked: a longer horizon would make them later.
    pub beyond_horizon: u32,
    /// What drives the date, most days first; empty unless asked for.
    pub drivers: Vec<DriverShare>,
    finishes: Vec<i32>,
    sorted: Vec<i32>,
}

/// What an activity does to a target's date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriverShare {
    /// Which activity.
    pub activity: ActivityIndex,
    /// Criticality index: share of the samples in which it lies on a driving
    /// path to the target.
    pub criticality: f64,
    /// Schedule sensitivity index: criticality × σ of its duration ÷ σ of the
    /// target's finish.
    pub sensitivity: f64,
    /// Cruciality: Spearman's ρ of its duration and the target's finish; zero if no links lead from
    /// it to the target.
    pub cruciality: f64,
    /// Elapsed days (slots) that it occupies on the driving path, averaged over
    /// all samples. On a path without gaps they add up to its length.
    pub contribution: f64,
}

/// When an activity starts and finishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityOutcome {
    /// Its start; of work that has begun, the instant at which it resumes.
    pub start: EventSpread,
    /// Its finish.
    pub finish: EventSpread,
}

/// How the date of an event spreads. Percentiles are read from bins of at most
/// a 64th of the range that the first 256 samples have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSpread {
    /// One in ten is earlier.
    pub p10: At,
    /// Half are earlier.
    pub p50: At,
    /// Eight in ten are earlier.
    pub p80: At,
    /// Nine in ten are earlier.
    pub p90: At,
    /// The mean in working time of the activity's calendar.
    pub mean: At,
}

impl TargetOutcome {
    fn new(
        activity: ActivityIndex,
        deadline: Option<At>,
        horizon: At,
        finishes: Vec<i32>,
    ) -> TargetOutcome {
        let mut sorted = finishes.clone();
        sorted.sort_unstable();
        let (mean, std_dev) = mean_and_std_dev(&finishes);
        let by = |at: At| sorted.partition_point(|finish| i64::from(*finish) <= at.ticks());
        TargetOutcome {
            activity,
            deadline,
            mean: At::from_ticks(mean.round() as i64),
            std_dev: std_dev / TICKS_PER_SLOT as f64,
            p_on_time: deadline.map(|deadline| by(deadline) as f64 / sorted.len() as f64),
            beyond_horizon: (sorted.len() - by(horizon)) as u32,
            drivers: Vec::new(),
            finishes,
            sorted,
        }
    }

    /// The finish that a share `p` of the samples does not exceed.
    pub fn percentile(&self, p: f64) -> At {
        At::from_ticks(i64::from(percentile(&self.sorted, p).unwrap_or_default()))
    }

    /// Share of the samples that finish by `at`.
    pub fn probability_by(&self, at: At) -> f64 {
        let count = self.sorted.partition_point(|finish| i64::from(*finish) <= at.ticks());
        count as f64 / self.sorted.len() as f64
    }

    /// The finish of every sample in elapsed ticks, in the order of the samples.
    pub fn finishes(&self) -> &[i32] {
        &self.finishes
    }
}

pub(super) fn assemble(
    recipe: &Recipe<'_>,
    plan: &Plan,
    request: &SimulationRequest,
    tally: Tally,
    progress: &Progress<'_>,
) -> Simulation {
    let sensitivities = sensitivity::run(recipe, plan, request, &tally.target_finishes, progress);
    let horizon = At::start_of(recipe.compiled.network().horizon_slots as i32);
    let shares_of = |aim: Aim| {
        plan.aims.iter().position(|other| *other == aim).map(|index| tally.shares[index].as_slice())
    };
    let gates =
        request.gates.iter().zip(&plan.gates).zip(tally.latest).map(|((gate, pass), latest)| {
            let shares = shares_of(late_aim(pass.target(), gate.deadline)).unwrap_or_default();
            gate_outcome(recipe, gate.deadline, latest, shares)
        });
    let gates = gates.collect();
    let targets = request.targets.iter().zip(tally.target_finishes).enumerate();
    let targets = targets.map(|(index, (target, finishes))| {
        let mut outcome = TargetOutcome::new(target.activity, target.deadline, horizon, finishes);
        if target.sensitivity {
            let aim = Aim { position: plan.targets[index], later_than: None };
            let shares = shares_of(aim).unwrap_or_default();
            outcome.drivers = drivers(recipe, &outcome, index, shares, &sensitivities);
        }
        outcome
    });
    Simulation {
        seed: request.seed,
        samples: request.samples,
        targets: targets.collect(),
        gates,
        activities: activities(recipe, plan, &tally.starts, &tally.finishes),
        contradicted: tally.contradicted,
    }
}

fn gate_outcome(
    recipe: &Recipe<'_>,
    deadline: At,
    latest: Vec<i32>,
    shares: &[Share],
) -> GateOutcome {
    let nodes = recipe.compiled.nodes();
    let critical = nodes.iter().zip(shares).map(|(node, share)| (node.activity, share.samples));
    GateOutcome::new(
        recipe.compiled.network().status,
        deadline,
        latest,
        critical.filter(|(_, samples)| *samples > 0).collect(),
        &recipe.compiled.network().activities,
    )
}

fn drivers(
    recipe: &Recipe<'_>,
    target: &TargetOutcome,
    target_index: usize,
    shares: &[Share],
    sensitivities: &[Sensitivity],
) -> Vec<DriverShare> {
    let samples = target.finishes.len() as f64;
    let mut drivers: Vec<DriverShare> = sensitivities
        .iter()
        .map(|found| {
            let share = shares.get(found.position).copied().unwrap_or_default();
            let criticality = f64::from(share.samples) / samples;
            let sigma = found.std_dev / TICKS_PER_SLOT as f64;
            DriverShare {
                activity: recipe.compiled.nodes()[found.position].activity,
                criticality,
                sensitivity: if target.std_dev > 0.0 {
                    criticality * sigma / target.std_dev
                } else {
                    0.0
                },
                cruciality: found.spearman[target_index],
                contribution: share.duration as f64 / 256.0 / samples,
            }
        })
        .filter(|driver| driver.criticality > 0.0 || driver.cruciality != 0.0)
        .collect();
    let activities = &recipe.compiled.network().activities;
    let name = |driver: &DriverShare| activities[driver.activity.index()].name.as_str();
    drivers.sort_by(|one, other| {
        let by_days = other.contribution.total_cmp(&one.contribution);
        let by_criticality = other.criticality.total_cmp(&one.criticality);
        by_days.then(by_criticality).then_with(|| name(one).cmp(name(other)))
    });
    drivers
}

fn activities(
    recipe: &Recipe<'_>,
    plan: &Plan,
    starts: &[Spread],
    finishes: &[Spread],
) -> Vec<ActivityOutcome> {
    let outcome = |index: usize| {
        let position = recipe.compiled.position(ActivityIndex::from(index));
        let EventBins { start, finish } = plan.bins[position];
        let event = |bins, spread, side| event_spread(recipe, plan, position, bins, spread, side);
        ActivityOutcome {
            start: event(start, &starts[position], recipe.sides[position].start),
            finish: event(finish, &finishes[position], recipe.sides[position].finish),
        }
    };
    (0..recipe.len()).map(outcome).collect()
}

/// Conversions to elapsed time keep the order of dates, so percentiles may be
/// converted instead of every sample.
fn event_spread(
    recipe: &Recipe<'_>,
    plan: &Plan,
    position: usize,
    bins: Bins,
    spread: &Spread,
    side: Side,
) -> EventSpread {
    let at = |ticks| recipe.compiled.at(position, Work::from_ticks(ticks), side);
    let percentile = |p| at(i64::from(bins.percentile(spread, p)));
    EventSpread {
        p10: percentile(0.1),
        p50: percentile(0.5),
        p80: percentile(0.8),
        p90: percentile(0.9),
        mean: at(spread.mean(plan.samples)),
    }
}
