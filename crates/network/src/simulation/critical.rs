//! Which activities lie on a driving path to a target, in each sample.
//!
//! From the target backwards, an event is critical if it fixes a critical one:
//! a link from it arrives exactly when the critical event happens. Within one
//! calendar that is the same as having no float. Across calendars it is the
//! more useful notion: something that ends during a shutdown has float until
//! the shutdown is over, so nothing before a shutdown would ever be critical
//! by float, although ending a week earlier would have avoided it.
//!
//! One bit for each aim makes one sweep serve 32 aims.

use super::{
    forward::{Block, NEVER},
    recipe::{Recipe, Way},
};
use crate::draw::{BLOCK, Row};

/// Aims that share a sweep.
pub(super) const AIMS_PER_SWEEP: usize = u32::BITS as usize;

/// A target whose critical activities are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Aim {
    pub(super) position: usize,
    /// Count only the samples in which the target finishes after this, in
    /// elapsed ticks.
    pub(super) later_than: Option<i32>,
}

/// How often an activity is critical for an aim, and how long it takes then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) samples: u32,
    /// Elapsed time on the path over all samples, in units of 2^−8 slots.
    pub(super) duration: i64,
}

/// Rows of marks, by position: which aims an event is critical for.
#[derive(Debug)]
pub(super) struct Marks {
    start: Vec<Row<u32>>,
    finish: Vec<Row<u32>>,
}

impl Marks {
    pub(super) fn new(recipe: &Recipe<'_>) -> Marks {
        let count = recipe.len();
        Marks { start: vec![[0; BLOCK]; count], finish: vec![[0; BLOCK]; count] }
    }

    /// Marks what is critical for up to 32 aims and adds it to their shares
    /// (by aim, then by position), over the first `length` samples.
    pub(super) fn count(
        &mut self,
        recipe: &Recipe<'_>,
        block: &Block,
        length: usize,
        aims: &[Aim],
        shares: &mut [Vec<Share>],
    ) {
        self.start.fill([0; BLOCK]);
        self.finish.fill([0; BLOCK]);
        for (bit, aim) in aims.iter().enumerate() {
            self.seed(recipe, block, length, *aim, 1 << bit);
        }
        self.sweep(recipe, block);
        // Every repetition sets a bit that was clear, so there is an end.
        while self.follow_maximum_lags(recipe, block) {
            self.sweep(recipe, block);
        }
        for position in 0..recipe.len() {
            self.add_shares(recipe, block, position, shares);
        }
    }

    fn seed(&mut self, recipe: &Recipe<'_>, block: &Block, length: usize, aim: Aim, bit: u32) {
        let mut finishes = block.finishes[aim.position];
        let side = recipe.sides[aim.position].finish;
        recipe.to_elapsed(aim.position).carry_row(&mut finishes, side);
        let later_than = aim.later_than.unwrap_or(i32::MIN);
        let marks = &mut self.finish[aim.position][..length];
        for (mark, finish) in marks.iter_mut().zip(&finishes) {
            if *finish > later_than {
                *mark |= bit;
            }
        }
    }

    fn sweep(&mut self, recipe: &Recipe<'_>, block: &Block) {
        for position in (0..recipe.len()).rev() {
            if any(&self.start[position]) | any(&self.finish[position]) == 0 {
                continue;
            }
            let through = self.through(recipe, block, position);
            for (start, through) in self.start[position].iter_mut().zip(&through) {
                *start |= through;
            }
            for way in recipe.incoming(position) {
                self.follow(recipe, block, way);
            }
        }
    }

    /// The aims for which an activity's duration is on the path: its finish is
    /// critical, and fixed by its start.
    fn through(&self, recipe: &Recipe<'_>, block: &Block, position: usize) -> Row<u32> {
        let mut through = self.finish[position];
        if !recipe.bounded_finish[position] {
            return through;
        }
        let mut start = [recipe.floors[position].start; BLOCK];
        let pushing = recipe.maximum_edges.iter().filter(|way| way.to == position);
        for way in recipe.incoming(position).iter().chain(pushing).filter(|way| !way.enters_finish)
        {
            let events = if way.leaves_start { &block.starts } else { &block.finishes };
            way.raise(&recipe.tables, &events[way.from], &mut start);
        }
        for ((mark, start), actual) in through.iter_mut().zip(&start).zip(&block.starts[position]) {
            if start < actual {
                *mark = 0;
            }
        }
        through
    }

    /// Passes marks on along the maximum lags; whether any mark is new.
    fn follow_maximum_lags(&mut self, recipe: &Recipe<'_>, block: &Block) -> bool {
        let mut changed = false;
        for way in &recipe.maximum_edges {
            let before =
                if way.leaves_start { self.start[way.from] } else { self.finish[way.from] };
            self.follow(recipe, block, way);
            let after = if way.leaves_start { &self.start } else { &self.finish };
            changed |= before != after[way.from];
        }
        changed
    }

    /// Passes the marks of an event on to the one that fixed it. A link that fixes a
    /// finish fixes the start with it, since work is not interrupted.
    fn follow(&mut self, recipe: &Recipe<'_>, block: &Block, way: &Way) {
        let (marks, events) = if way.enters_finish {
            (joined(&self.finish[way.to], &self.start[way.to]), &block.finishes[way.to])
        } else {
            (self.start[way.to], &block.starts[way.to])
        };
        let (causes, causing) = if way.leaves_start {
            (&block.starts[way.from], &self.start[way.from])
        } else {
            (&block.finishes[way.from], &self.finish[way.from])
        };
        let mut arrivals = [NEVER; BLOCK];
        way.raise(&recipe.tables, causes, &mut arrivals);
        let passed = merged(causing, &marks, &arrivals, events);
        if way.leaves_start {
            self.start[way.from] = passed;
        } else {
            self.finish[way.from] = passed;
        }
    }

    fn add_shares(
        &self,
        recipe: &Recipe<'_>,
        block: &Block,
        position: usize,
        shares: &mut [Vec<Share>],
    ) {
        let present = any(&self.start[position]) | any(&self.finish[position]);
        if present == 0 {
            return;
        }
        let durations = elapsed_durations(recipe, block, position);
        let through = self.through(recipe, block, position);
        let marks = joined(&self.start[position], &self.finish[position]);
        for (bit, shares) in
            shares.iter_mut().enumerate().filter(|(bit, _)| present >> bit & 1 == 1)
        {
            let (mut samples, mut duration) = (0_u32, 0_u32);
            for ((mark, through), elapsed) in marks.iter().zip(&through).zip(&durations) {
                samples += mark >> bit & 1;
                duration += elapsed & (through >> bit & 1).wrapping_neg();
            }
            shares[position].samples += samples;
            shares[position].duration += i64::from(duration);
        }
    }
}

/// The marks of a cause, joined by those of what it caused exactly.
#[inline]
fn merged(
    causing: &Row<u32>,
    marks: &Row<u32>,
    arrivals: &Row<i32>,
    events: &Row<i32>,
) -> Row<u32> {
    let mut passed = [0; BLOCK];
    for sample in 0..BLOCK {
        let tight = u32::from(arrivals[sample] == events[sample]).wrapping_neg();
        passed[sample] = causing[sample] | (marks[sample] & tight);
    }
    passed
}

fn joined(one: &Row<u32>, other: &Row<u32>) -> Row<u32> {
    let mut joined = *one;
    for (mark, other) in joined.iter_mut().zip(other) {
        *mark |= other;
    }
    joined
}

fn any(marks: &Row<u32>) -> u32 {
    marks.iter().fold(0, |all, mark| all | mark)
}

/// Elapsed time from start to finish in 2^−8 slots, so that a block's sum fits
/// 32 bits.
fn elapsed_durations(recipe: &Recipe<'_>, block: &Block, position: usize) -> Row<u32> {
    let (mut starts, mut finishes) = (block.starts[position], block.finishes[position]);
    let sides = recipe.sides[position];
    recipe.to_elapsed(position).carry_row(&mut starts, sides.start);
    recipe.to_elapsed(position).carry_row(&mut finishes, sides.finish);
    let mut durations = [0; BLOCK];
    for ((duration, start), finish) in durations.iter_mut().zip(&starts).zip(&finishes) {
        // In a sample in which nothing is left to do, the start lies after a gap and the
        // finish before it.
        *duration = (finish - start + 128).max(0).cast_unsigned() >> 8;
    }
    durations
}
