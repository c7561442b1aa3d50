//! Priority values.

use crate::{
    compile::{Compiled, NodeState},
    index::ActivityIndex,
    level::PriorityRule,
    schedule::{ActivityDates, Schedule},
};

/// The order in which activities are preferred, by position: the least goes first.
pub(super) struct Priorities {
    rank: Vec<u32>,
}

impl Priorities {
    /// Work that has begun goes before all else; equal values are ordered by name, so that
    /// the order of the input doesn't matter.
    pub(super) fn of(compiled: &Compiled, schedule: &Schedule, rule: PriorityRule) -> Priorities {
        let values = values(compiled, schedule, rule);
        let key = |position: &usize| {
            let open = compiled.nodes()[*position].state == NodeState::Open;
            (open, values[*position], compiled.name(*position))
        };
        let mut positions: Vec<usize> = (0..values.len()).collect();
        positions.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut rank = vec![0; values.len()];
        for (place, &position) in positions.iter().enumerate() {
            rank[position] = place as u32;
        }
        Priorities { rank }
    }

    /// Where an activity stands; no two stand in one place.
    pub(super) fn rank(&self, position: usize) -> u32 {
        self.rank[position]
    }
}

fn values(compiled: &Compiled, schedule: &Schedule, rule: PriorityRule) -> Vec<i64> {
    let dates = |activity: ActivityIndex| &schedule.activities[activity.index()];
    let of_dates = |value: fn(&ActivityDates) -> i64| {
        compiled.nodes().iter().map(|node| value(dates(node.activity))).collect()
    };
    match rule {
        PriorityRule::LatestFinishTime => of_dates(|dates| dates.late_finish.ticks()),
        PriorityRule::LatestStartTime => of_dates(|dates| dates.late_start.ticks()),
        PriorityRule::MinimumSlack => of_dates(|dates| dates.total_float.ticks()),
        PriorityRule::ShortestDuration => of_dates(|dates| dates.work.ticks()),
        PriorityRule::MostTotalSuccessors => total_successors(compiled),
        PriorityRule::GreatestRankPositionalWeight => {
            let mut weight: Vec<i64> = of_dates(|dates| -dates.work.ticks());
            for edge in compiled.edges() {
                let successor = compiled.nodes()[edge.to as usize].activity;
                weight[edge.from as usize] -= dates(successor).work.ticks();
            }
            weight
        }
    }
}

/// Minus the number of activities that each is followed by, directly or not.
fn total_successors(compiled: &Compiled) -> Vec<i64> {
    let count = compiled.nodes().len();
    let words = count.div_ceil(64);
    // One row of bits for each position: the positions after it.
    let mut after = vec![0_u64; count * words];
    let mut values = vec![0; count];
    for position in (0..count).rev() {
        for &edge in compiled.outgoing(position) {
            let to = compiled.edges()[edge as usize].to as usize;
            let (before, rest) = after.split_at_mut(to * words);
            let row = &mut before[position * words..(position + 1) * words];
            row[to / 64] |= 1 << (to % 64);
            for (word, other) in row.iter_mut().zip(&rest[..words]) {
                *word |= other;
            }
        }
        let row = &after[position * words..(position + 1) * words];
        values[position] = -row.iter().map(|word| i64::from(word.count_ones())).sum::<i64>();
    }
    values
}
