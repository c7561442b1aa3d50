//! Serial schedule generation.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{level::Task, time::Work};

/// Starts by position: of all activities whose predecessors are placed, the one that is
/// preferred is put where it first fits.
pub(super) fn generate(task: &Task) -> Vec<Work> {
    let compiled = task.compiled;
    let count = compiled.nodes().len();
    let mut profiles = task.profiles();
    let mut starts = vec![Work::ZERO; count];
    let mut waiting_for: Vec<usize> =
        (0..count).map(|position| compiled.incoming(position).len()).collect();
    let mut eligible: BinaryHeap<Reverse<(u32, usize)>> = (0..count)
        .filter(|&position| waiting_for[position] == 0)
        .map(|position| Reverse((task.priorities.rank(position), position)))
        .collect();
    while let Some(Reverse((_, position))) = eligible.pop() {
        let mut start = task.earliest(position, &starts);
        if !task.needs_no_team(position) {
            let node = &compiled.nodes()[position];
            let calendar = &compiled.network().calendars[node.calendar.index()];
            let demands = &compiled.network().activities[node.activity.index()].demands;
            start = profiles.first_fit(calendar, start, task.work[position], demands);
            profiles.reserve(calendar, start, task.work[position], demands);
        }
        starts[position] = start;
        for &edge in compiled.outgoing(position) {
            let to = compiled.edges()[edge as usize].to as usize;
            waiting_for[to] -= 1;
            if waiting_for[to] == 0 {
                eligible.push(Reverse((task.priorities.rank(to), to)));
            }
        }
    }
    starts
}
