//! How the duration of each activity and the finish of each target go together.
//!
//! Durations are not kept: a draw is a function of its key, so they are drawn a
//! second time, one activity after the other.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    SimulationRequest, block_count,
    latest::{Direction, Reach, reached},
    plan::{Plan, Progress, run_on},
    recipe::Recipe,
    thread_count,
};
use crate::{
    draw::BLOCK,
    statistics::{RankScratch, Ranks, mean_and_std_dev},
};

/// What the durations of one activity show.
#[derive(Debug, Clone)]
pub(super) struct Sensitivity {
    pub(super) position: usize,
    /// Standard deviation of the duration in ticks of its calendar.
    pub(super) std_dev: f64,
    /// Spearman's ρ with the finish of each target that it leads to, else 0.
    pub(super) spearman: Vec<f64>,
}

/// The positions that lead to a target whose drivers are asked for.
pub(super) fn ranked(recipe: &Recipe<'_>, request: &SimulationRequest) -> Vec<usize> {
    let targets = request.targets.iter().filter(|target| target.sensitivity);
    let targets: Vec<usize> =
        targets.map(|target| recipe.compiled.position(target.activity)).collect();
    let is_reached = reached(recipe, &targets, Direction::Backward);
    (0..recipe.len()).filter(|&position| is_reached[position]).collect()
}

/// A target's finishes, and the positions that lead to it.
struct Aim {
    ranks: Ranks,
    is_led_to_from: Vec<bool>,
}

/// Correlates the durations of `plan.ranked` with the finishes of the targets that they lead to:
/// with others they go together by chance, or through a cause that both share.
pub(super) fn run(
    recipe: &Recipe<'_>,
    plan: &Plan,
    request: &SimulationRequest,
    target_finishes: &[Vec<i32>],
    progress: &Progress<'_>,
) -> Vec<Sensitivity> {
    let backward = Reach::of(recipe, Direction::Backward);
    let aims: Vec<Aim> = (request.targets.iter().zip(target_finishes))
        .map(|(target, finishes)| Aim {
            ranks: Ranks::new(finishes),
            is_led_to_from: backward.from(&[recipe.compiled.position(target.activity)]),
        })
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut worker = Worker::new(recipe, plan);
        let mut own = Vec::new();
        while let Some(&position) = plan.ranked.get(next.fetch_add(1, Ordering::Relaxed)) {
            own.push(worker.run(position, &aims));
            progress.add(u64::from(plan.samples));
        }
        own
    };
    let threads = thread_count(plan.threads, plan.ranked.len(), 0);
    let mut sensitivities: Vec<Sensitivity> =
        run_on(threads, &work).into_iter().flatten().collect();
    sensitivities.sort_by_key(|sensitivity| sensitivity.position);
    sensitivities
}

struct Worker<'a> {
    recipe: &'a Recipe<'a>,
    plan: &'a Plan,
    causes: super::work::CauseRows,
    durations: Vec<i32>,
    ranks: Ranks,
    scratch: RankScratch,
}

impl<'a> Worker<'a> {
    fn new(recipe: &'a Recipe<'a>, plan: &'a Plan) -> Worker<'a> {
        Worker {
            recipe,
            plan,
            causes: recipe.causes.rows(),
            durations: Vec::new(),
            ranks: Ranks::default(),
            scratch: RankScratch::default(),
        }
    }

    fn run(&mut self, position: usize, aims: &[Aim]) -> Sensitivity {
        let work = &self.recipe.works[position];
        if work.is_certain() {
            return Sensitivity { position, std_dev: 0.0, spearman: vec![0.0; aims.len()] };
        }
        self.durations.clear();
        for block in 0..block_count(self.plan.samples) {
            let mut row = [0; BLOCK];
            work.draw_alone(&self.recipe.causes, &mut self.causes, block, &mut row);
            self.durations.extend(&row[..self.plan.length(block) as usize]);
        }
        self.ranks.assign(&self.durations, &mut self.scratch);
        Sensitivity {
            position,
            std_dev: mean_and_std_dev(&self.durations).1,
            spearman: aims
                .iter()
                .map(|aim| match aim.is_led_to_from[position] {
                    true => self.ranks.spearman(&aim.ranks),
                    false => 0.0,
                })
                .collect(),
        }
    }
}
