//! The forward pass over a block of samples.

use super::{recipe::Recipe, work::CauseRows};
use crate::{
    draw::{BLOCK, Row},
    quantile::TICKS_MAX,
};

/// When everything starts and finishes in each sample of a block, by position,
/// each on the calendar of its activity.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) starts: Vec<Row<i32>>,
    pub(super) finishes: Vec<Row<i32>>,
    causes: CauseRows,
    /// Lower bounds on starts that maximum lags impose; empty without any.
    lifts: Vec<Row<i32>>,
    /// Samples whose lags contradict each other.
    pub(super) contradicted: Row<bool>,
}

/// Below every coordinate, and still a number from which work can be taken off.
pub(super) const NEVER: i32 = i32::MIN / 2;

impl Block {
    pub(super) fn new(recipe: &Recipe<'_>) -> Block {
        let lifts = if recipe.maximum_edges.is_empty() { 0 } else { recipe.len() };
        Block {
            starts: vec![[0; BLOCK]; recipe.len()],
            finishes: vec![[0; BLOCK]; recipe.len()],
            causes: recipe.causes.rows(),
            lifts: vec![[NEVER; BLOCK]; lifts],
            contradicted: [false; BLOCK],
        }
    }

    /// Draws block `block` and finds its dates.
    pub(super) fn simulate(&mut self, recipe: &Recipe<'_>, block: u32) {
        recipe.causes.draw(block, &mut self.causes);
        self.lifts.fill([NEVER; BLOCK]);
        for position in 0..recipe.len() {
            let mut work = [0; BLOCK];
            recipe.works[position].draw(&recipe.causes, &self.causes, block, &mut work);
            self.place(recipe, position, &work);
        }
        if !self.lifts.is_empty() {
            self.settle(recipe);
        }
    }

    /// The earliest dates of one activity, given those of its predecessors.
    #[inline]
    fn place(&mut self, recipe: &Recipe<'_>, position: usize, work: &Row<i32>) {
        let floors = recipe.floors[position];
        let (starts, present) = self.starts.split_at_mut(position);
        let Some(start) = present.first_mut() else {
            return;
        };
        *start = match self.lifts.get(position) {
            Some(lift) => lift.map(|lift| lift.max(floors.start)),
            None => [floors.start; BLOCK],
        };
        for way in recipe.incoming(position).iter().filter(|way| !way.enters_finish) {
            let events =
                if way.leaves_start { &starts[way.from] } else { &self.finishes[way.from] };
            way.raise(&recipe.tables, events, start);
        }
        if recipe.bounded_finish[position] {
            let mut finish = [floors.finish; BLOCK];
            for way in recipe.incoming(position).iter().filter(|way| way.enters_finish) {
                let events =
                    if way.leaves_start { &starts[way.from] } else { &self.finishes[way.from] };
                way.raise(&recipe.tables, events, &mut finish);
            }
            for ((start, finish), work) in start.iter_mut().zip(&finish).zip(work) {
                *start = (*start).max(finish - work);
            }
        }
        let finishes = &mut self.finishes[position];
        for ((start, finish), work) in start.iter_mut().zip(finishes).zip(work) {
            *start = (*start).min(TICKS_MAX);
            *finish = (*start + *work).min(TICKS_MAX);
        }
    }

    /// Repeats the pass until every maximum lag holds. A maximum lag pushes an
    /// earlier position from a later one. Where lags don't contradict each other
    /// a chain of pushes uses each once; calendar gaps can add turns.
    fn settle(&mut self, recipe: &Recipe<'_>) {
        let dates = self.starts.iter().zip(&self.finishes);
        let works: Vec<Row<i32>> = dates.map(|(start, finish)| difference(finish, start)).collect();
        for _ in 0..recipe.maximum_edges.len() + SPARE_ROUNDS {
            if !self.push_back(recipe, &works) {
                return;
            }
            for (position, work) in works.iter().enumerate() {
                self.place(recipe, position, work);
            }
        }
        self.push_back(recipe, &works);
    }

    /// Lets every maximum lag push; whether any did, and which samples are still
    /// moving.
    fn push_back(&mut self, recipe: &Recipe<'_>, works: &[Row<i32>]) -> bool {
        self.contradicted = [false; BLOCK];
        for way in &recipe.maximum_edges {
            let events = if way.leaves_start { &self.starts } else { &self.finishes };
            let mut least = events[way.from];
            way.carry(&recipe.tables, &mut least);
            if way.enters_finish {
                least = difference(&least, &works[way.to]);
            }
            let starts = &self.starts[way.to];
            let lifts = self.lifts[way.to].iter_mut().zip(&mut self.contradicted);
            for ((lift, moves), (least, start)) in lifts.zip(least.iter().zip(starts)) {
                if least > start {
                    *lift = (*lift).max(*least);
                    *moves = true;
                }
            }
        }
        self.contradicted.contains(&true)
    }
}

/// Extra rounds for pushes that settle only after crossing calendar gaps.
const SPARE_ROUNDS: usize = 64;

/// One row less another.
pub(super) fn difference(one: &Row<i32>, other: &Row<i32>) -> Row<i32> {
    let mut difference = *one;
    for (difference, other) in difference.iter_mut().zip(other) {
        *difference -= other;
    }
    difference
}
