//! The latest instant at which decided work can start and its target still
//! finishes by a deadline, in each sample.

use super::{
    forward::Block,
    recipe::{Recipe, Way, coordinate},
};
use crate::{
    compile::{Compiled, NodeState},
    draw::{BLOCK, Row},
    quantile::TICKS_MAX,
    time::{At, Side, Span},
};

/// The outcome of a sample in which no start is early enough.
pub(super) const NONE: i32 = i32::MIN;

/// Below every coordinate that matters, and far enough from the end of `i32`.
const EARLIEST: i32 = -(1 << 29);

/// A backward pass over what lies between some activities and a target.
#[derive(Debug)]
pub(super) struct GatePass {
    target: usize,
    /// The latest finish that is in time, on the target's calendar.
    deadline: i32,
    /// What a decision that nothing limits is told as: the end of the horizon, in elapsed
    /// ticks.
    unlimited: i32,
    gates: Vec<usize>,
    /// Positions on a path from a gated activity to the target, rising.
    between: Vec<usize>,
    is_between: Vec<bool>,
}

/// Rows of the pass, by position.
#[derive(Debug)]
pub(super) struct LatestRows {
    starts: Vec<Row<i32>>,
    finishes: Vec<Row<i32>>,
}

impl LatestRows {
    pub(super) fn new(recipe: &Recipe<'_>) -> LatestRows {
        let rows = || vec![[0; BLOCK]; recipe.len()];
        LatestRows { starts: rows(), finishes: rows() }
    }
}

impl GatePass {
    pub(super) fn new(
        recipe: &Recipe<'_>,
        target: usize,
        deadline: At,
        gates: Vec<usize>,
    ) -> GatePass {
        let before_target = reached(recipe, &[target], Direction::Backward);
        let after_gates = reached(recipe, &gates, Direction::Forward);
        let is_between: Vec<bool> = before_target
            .iter()
            .zip(&after_gates)
            .map(|(before, after)| *before && *after)
            .collect();
        let compiled: &Compiled = recipe.compiled;
        let horizon = At::start_of(compiled.network().horizon_slots as i32);
        let is_open = |gate: &usize| compiled.nodes()[*gate].state == NodeState::Open;
        GatePass {
            target,
            deadline: latest_finish(recipe, target, deadline),
            unlimited: horizon.ticks().min(i64::from(TICKS_MAX)) as i32,
            gates: gates.into_iter().filter(is_open).collect(),
            between: (0..recipe.len()).filter(|&position| is_between[position]).collect(),
            is_between,
        }
    }

    /// The position of the target.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// The latest decision of each sample in elapsed ticks, or [`NONE`].
    pub(super) fn run(
        &self,
        recipe: &Recipe<'_>,
        block: &Block,
        rows: &mut LatestRows,
        latest: &mut Row<i32>,
    ) {
        for &position in &self.between {
            rows.starts[position] = [TICKS_MAX; BLOCK];
            rows.finishes[position] = [TICKS_MAX; BLOCK];
        }
        if let Some(finishes) = rows.finishes.get_mut(self.target) {
            *finishes = [self.deadline; BLOCK];
        }
        self.sweep(recipe, block, rows);
        for _ in 0..recipe.maximum_edges.len() {
            if !self.pull_forward(recipe, rows) {
                break;
            }
            self.sweep(recipe, block, rows);
        }
        self.collect(recipe, block, rows, latest);
    }

    fn sweep(&self, recipe: &Recipe<'_>, block: &Block, rows: &mut LatestRows) {
        for &position in self.between.iter().rev() {
            let (starts, finishes) = (&block.starts[position], &block.finishes[position]);
            for sample in 0..BLOCK {
                let work = finishes[sample] - starts[sample];
                let by_finish = rows.finishes[position][sample] - work;
                let start = rows.starts[position][sample].min(by_finish).max(EARLIEST);
                rows.starts[position][sample] = start;
                rows.finishes[position][sample] = (start + work).min(TICKS_MAX);
            }
            for way in recipe.incoming(position) {
                self.pull(recipe, way, rows);
            }
        }
    }

    /// Lets every maximum lag hold back what pushes; whether any did.
    fn pull_forward(&self, recipe: &Recipe<'_>, rows: &mut LatestRows) -> bool {
        let mut pulled = false;
        for way in &recipe.maximum_edges {
            pulled |= self.is_between[way.to] && self.pull(recipe, way, rows);
        }
        pulled
    }

    /// Holds the predecessor back far enough for its successor; whether that
    /// changed anything.
    fn pull(&self, recipe: &Recipe<'_>, way: &Way, rows: &mut LatestRows) -> bool {
        if !self.is_between[way.from] {
            return false;
        }
        let late = if way.enters_finish { &rows.finishes } else { &rows.starts };
        let mut bounds = late[way.to];
        way.latest_before(&recipe.tables, &mut bounds);
        let before = if way.leaves_start { &mut rows.starts } else { &mut rows.finishes };
        lower(&mut before[way.from], &bounds)
    }

    fn collect(
        &self,
        recipe: &Recipe<'_>,
        block: &Block,
        rows: &LatestRows,
        latest: &mut Row<i32>,
    ) {
        *latest = [self.unlimited; BLOCK];
        for &gate in self.gates.iter().filter(|gate| self.is_between[**gate]) {
            let mut starts = rows.starts[gate];
            recipe.to_elapsed(gate).carry_row(&mut starts, Side::Start);
            lower(latest, &starts);
        }
        let finishes = block.finishes[self.target].iter().zip(&block.contradicted);
        for (latest, (finish, contradicted)) in latest.iter_mut().zip(finishes) {
            if *finish > self.deadline || *contradicted {
                *latest = NONE;
            }
        }
    }
}

/// The latest coordinate at which the target is said to finish by `deadline`.
fn latest_finish(recipe: &Recipe<'_>, target: usize, deadline: At) -> i32 {
    let compiled = recipe.compiled;
    let work = compiled.work(target, deadline);
    let is_in_time = compiled.at(target, work, recipe.sides[target].finish) <= deadline;
    // Where the deadline lies in a gap after which the target would be said to finish, it
    // must finish before the gap.
    coordinate(if is_in_time { work } else { work - Span::from_ticks(1) })
}

/// Lowers each value to its bound; whether any was above it.
fn lower(values: &mut Row<i32>, bounds: &Row<i32>) -> bool {
    let mut lowered = false;
    for (value, bound) in values.iter_mut().zip(bounds) {
        lowered |= *bound < *value;
        *value = (*value).min(*bound);
    }
    lowered
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// Which positions the links lead to from `from`, itself included, in the
/// direction in which they push.
pub(super) fn reached(recipe: &Recipe<'_>, from: &[usize], direction: Direction) -> Vec<bool> {
    Reach::of(recipe, direction).from(from)
}

/// Where links lead from each position, for asking more than once.
pub(super) struct Reach {
    neighbours: Vec<Vec<usize>>,
}

impl Reach {
    pub(super) fn of(recipe: &Recipe<'_>, direction: Direction) -> Reach {
        let mut neighbours = vec![Vec::new(); recipe.len()];
        for way in recipe.edges.iter().chain(&recipe.maximum_edges) {
            match direction {
                Direction::Forward => neighbours[way.from].push(way.to),
                Direction::Backward => neighbours[way.to].push(way.from),
            }
        }
        Reach { neighbours }
    }

    pub(super) fn from(&self, from: &[usize]) -> Vec<bool> {
        let mut is_reached = vec![false; self.neighbours.len()];
        let mut open = from.to_vec();
        while let Some(position) = open.pop() {
            if !std::mem::replace(&mut is_reached[position], true) {
                open.extend(&self.neighbours[position]);
            }
        }
        is_reached
    }
}
