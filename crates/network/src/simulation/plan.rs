//! The blocks of a simulation, shared out to threads.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread,
};

use super::{
    ProgressCallback, SimulationRequest, block_count,
    critical::{AIMS_PER_SWEEP, Aim, Marks, Share},
    forward::Block,
    latest::{GatePass, LatestRows},
    recipe::Recipe,
    spread::{Bins, Spread},
    thread_count,
};
use crate::{
    draw::{BLOCK, Row},
    quantile::TICKS_MAX,
    time::At,
};

/// What is wanted of every block.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) samples: u32,
    pub(super) threads: usize,
    /// Positions of the targets.
    pub(super) targets: Vec<usize>,
    pub(super) aims: Vec<Aim>,
    pub(super) gates: Vec<GatePass>,
    pub(super) bins: Vec<EventBins>,
    /// Positions whose durations are ranked afterwards.
    pub(super) ranked: Vec<usize>,
}

/// Bins of the start and the finish of an activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventBins {
    pub(super) start: Bins,
    pub(super) finish: Bins,
}

/// What the blocks came to.
#[derive(Debug)]
pub(super) struct Tally {
    /// By position.
    pub(super) starts: Vec<Spread>,
    /// By position.
    pub(super) finishes: Vec<Spread>,
    /// By aim and position.
    pub(super) shares: Vec<Vec<Share>>,
    /// By target and sample, in elapsed ticks.
    pub(super) target_finishes: Vec<Vec<i32>>,
    /// By gate and sample, in elapsed ticks.
    pub(super) latest: Vec<Vec<i32>>,
    pub(super) contradicted: u32,
}

/// Rows of one block that are kept.
#[derive(Debug)]
struct Kept {
    block: u32,
    target_finishes: Vec<Row<i32>>,
    latest: Vec<Row<i32>>,
}

impl Plan {
    pub(super) fn new(recipe: &Recipe<'_>, request: &SimulationRequest) -> Plan {
        let position = |activity| recipe.compiled.position(activity);
        let gates = request.gates.iter().map(|gate| {
            let gated = gate.activities.iter().map(|&activity| position(activity)).collect();
            GatePass::new(recipe, position(gate.target), gate.deadline, gated)
        });
        Plan {
            samples: request.samples,
            threads: request.threads,
            targets: request.targets.iter().map(|target| position(target.activity)).collect(),
            aims: aims(recipe, request),
            gates: gates.collect(),
            bins: bins(recipe, request.samples),
            ranked: super::sensitivity::ranked(recipe, request),
        }
    }

    /// Simulates every block.
    pub(super) fn run(&self, recipe: &Recipe<'_>, progress: &Progress<'_>) -> Tally {
        let blocks = block_count(self.samples);
        let next = AtomicU32::new(0);
        let kept = Mutex::new(Vec::with_capacity(blocks as usize));
        let work = || {
            let mut worker = Worker::new(recipe, self);
            let mut own = Vec::new();
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= blocks {
                    break;
                }
                own.push(worker.run(block));
                progress.add(recipe.len() as u64 * u64::from(self.length(block)));
            }
            // A poisoned lock means that another worker panicked; the scope
            // passes that on.
            if let Ok(mut kept) = kept.lock() {
                kept.extend(own);
            }
            worker.tally
        };
        let tallies = run_on(thread_count(self.threads, blocks as usize, recipe.len()), &work);
        let kept = kept.into_inner().unwrap_or_default();
        self.merge(recipe, tallies, kept)
    }

    /// Samples of a block that count.
    pub(super) fn length(&self, block: u32) -> u32 {
        (self.samples - block * BLOCK as u32).min(BLOCK as u32)
    }

    fn merge(&self, recipe: &Recipe<'_>, tallies: Vec<Tally>, mut kept: Vec<Kept>) -> Tally {
        let mut tallies = tallies.into_iter();
        let mut total = tallies.next().unwrap_or_else(|| self.tally(recipe));
        for tally in tallies {
            total.merge(&tally);
        }
        kept.sort_by_key(|kept| kept.block);
        for kept in &kept {
            let length = self.length(kept.block) as usize;
            for (samples, row) in total.target_finishes.iter_mut().zip(&kept.target_finishes) {
                samples.extend(&row[..length]);
            }
            for (samples, row) in total.latest.iter_mut().zip(&kept.latest) {
                samples.extend(&row[..length]);
            }
        }
        total
    }

    fn tally(&self, recipe: &Recipe<'_>) -> Tally {
        Tally {
            starts: vec![Spread::default(); recipe.len()],
            finishes: vec![Spread::default(); recipe.len()],
            shares: vec![vec![Share::default(); recipe.len()]; self.aims.len()],
            target_finishes: vec![Vec::new(); self.targets.len()],
            latest: vec![Vec::new(); self.gates.len()],
            contradicted: 0,
        }
    }
}

/// Runs `work` on `count` threads, of which the caller's is one.
pub(super) fn run_on<T: Send>(count: usize, work: &(impl Fn() -> T + Sync)) -> Vec<T> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..count).map(|_| scope.spawn(work)).collect();
        let mut results = vec![work()];
        for other in others {
            match other.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}

/// The targets whose drivers are asked for, and those that limit a decision,
/// each once.
fn aims(recipe: &Recipe<'_>, request: &SimulationRequest) -> Vec<Aim> {
    let position = |activity| recipe.compiled.position(activity);
    let targets = request.targets.iter().filter(|target| target.sensitivity);
    let targets =
        targets.map(|target| Aim { position: position(target.activity), later_than: None });
    let gates = request.gates.iter().map(|gate| late_aim(position(gate.target), gate.deadline));
    let mut aims: Vec<Aim> = targets.chain(gates).collect();
    aims.sort_unstable();
    aims.dedup();
    aims
}

/// The aim of a target in the samples that miss a deadline.
pub(super) fn late_aim(position: usize, deadline: At) -> Aim {
    let later_than = deadline.ticks().clamp(0, i64::from(TICKS_MAX)) as i32;
    Aim { position, later_than: Some(later_than) }
}

/// Bins around the dates of the first block.
fn bins(recipe: &Recipe<'_>, samples: u32) -> Vec<EventBins> {
    let mut block = Block::new(recipe);
    block.simulate(recipe, 0);
    let length = BLOCK.min(samples as usize);
    block
        .starts
        .iter()
        .zip(&block.finishes)
        .map(|(starts, finishes)| EventBins {
            start: Bins::around(&starts[..length]),
            finish: Bins::around(&finishes[..length]),
        })
        .collect()
}

impl Tally {
    fn merge(&mut self, other: &Tally) {
        for (spread, other) in self.starts.iter_mut().zip(&other.starts) {
            spread.merge(other);
        }
        for (spread, other) in self.finishes.iter_mut().zip(&other.finishes) {
            spread.merge(other);
        }
        let shares = self.shares.iter_mut().flatten();
        for (share, other) in shares.zip(other.shares.iter().flatten()) {
            share.samples += other.samples;
            share.duration += other.duration;
        }
        self.contradicted += other.contradicted;
    }
}

/// One thread's rows and counts.
struct Worker<'a> {
    recipe: &'a Recipe<'a>,
    plan: &'a Plan,
    block: Block,
    marks: Option<Marks>,
    latest: Option<LatestRows>,
    tally: Tally,
}

impl<'a> Worker<'a> {
    fn new(recipe: &'a Recipe<'a>, plan: &'a Plan) -> Worker<'a> {
        Worker {
            recipe,
            plan,
            block: Block::new(recipe),
            marks: (!plan.aims.is_empty()).then(|| Marks::new(recipe)),
            latest: (!plan.gates.is_empty()).then(|| LatestRows::new(recipe)),
            tally: plan.tally(recipe),
        }
    }

    fn run(&mut self, block: u32) -> Kept {
        let length = self.plan.length(block) as usize;
        self.block.simulate(self.recipe, block);
        self.count_dates(length);
        if let Some(marks) = &mut self.marks {
            let shares = self.tally.shares.chunks_mut(AIMS_PER_SWEEP);
            for (aims, shares) in self.plan.aims.chunks(AIMS_PER_SWEEP).zip(shares) {
                marks.count(self.recipe, &self.block, length, aims, shares);
            }
        }
        Kept { block, target_finishes: self.target_finishes(), latest: self.latest_decisions() }
    }

    fn count_dates(&mut self, length: usize) {
        for (position, bins) in self.plan.bins.iter().enumerate() {
            self.tally.starts[position].add(bins.start, &self.block.starts[position], length);
            self.tally.finishes[position].add(bins.finish, &self.block.finishes[position], length);
        }
        let contradicted = self.block.contradicted[..length].iter().filter(|it| **it).count();
        self.tally.contradicted += contradicted as u32;
    }

    fn target_finishes(&self) -> Vec<Row<i32>> {
        let finishes = |&position: &usize| {
            let mut finishes = self.block.finishes[position];
            let side = self.recipe.sides[position].finish;
            self.recipe.to_elapsed(position).carry_row(&mut finishes, side);
            for (finish, contradicted) in finishes.iter_mut().zip(&self.block.contradicted) {
                if *contradicted {
                    *finish = TICKS_MAX;
                }
            }
            finishes
        };
        self.plan.targets.iter().map(finishes).collect()
    }

    fn latest_decisions(&mut self) -> Vec<Row<i32>> {
        let Some(rows) = &mut self.latest else {
            return Vec::new();
        };
        let mut latest = vec![[0; BLOCK]; self.plan.gates.len()];
        for (gate, latest) in self.plan.gates.iter().zip(&mut latest) {
            gate.run(self.recipe, &self.block, rows, latest);
        }
        latest
    }
}

/// Counts what is done, in activity-samples.
pub(super) struct Progress<'a> {
    done: AtomicU64,
    total: u64,
    callback: ProgressCallback<'a>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(plan: &Plan, callback: ProgressCallback<'a>) -> Progress<'a> {
        let activities = plan.bins.len() + plan.ranked.len();
        let total = activities as u64 * u64::from(plan.samples);
        Progress { done: AtomicU64::new(0), total, callback }
    }

    pub(super) fn add(&self, activity_samples: u64) {
        let before = self.done.fetch_add(activity_samples, Ordering::Relaxed);
        (self.callback)(before + activity_samples, self.total);
    }
}
