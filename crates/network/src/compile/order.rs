//! Topological order of the minimum links, or the cycle that forbids one.

use crate::{
    index::ActivityIndex,
    link::Bound,
    network::{Network, NetworkError},
};

/// Successors of each activity by minimum links, as one flat list with offsets.
struct Successors {
    offsets: Vec<usize>,
    targets: Vec<usize>,
}

pub(super) fn topological_order(network: &Network) -> Result<Vec<ActivityIndex>, NetworkError> {
    let count = network.activities.len();
    let successors = Successors::of(network);
    let mut waiting_for = vec![0_u32; count];
    for &target in &successors.targets {
        waiting_for[target] += 1;
    }
    let mut order: Vec<usize> = (0..count).filter(|&index| waiting_for[index] == 0).collect();
    let mut done = 0;
    while done < order.len() {
        let index = order[done];
        done += 1;
        for &target in successors.of_activity(index) {
            waiting_for[target] -= 1;
            if waiting_for[target] == 0 {
                order.push(target);
            }
        }
    }
    if order.len() < count {
        return Err(cycle(network, &successors, &waiting_for));
    }
    Ok(order.into_iter().map(ActivityIndex::from).collect())
}

impl Successors {
    fn of(network: &Network) -> Successors {
        let minimum = || network.links.iter().filter(|link| link.bound == Bound::Minimum);
        let mut offsets = vec![0; network.activities.len() + 1];
        for link in minimum() {
            offsets[link.from.index() + 1] += 1;
        }
        for place in 1..offsets.len() {
            offsets[place] += offsets[place - 1];
        }
        let mut next = offsets.clone();
        let mut targets = vec![0; minimum().count()];
        for link in minimum() {
            targets[next[link.from.index()]] = link.to.index();
            next[link.from.index()] += 1;
        }
        Successors { offsets, targets }
    }

    fn of_activity(&self, index: usize) -> &[usize] {
        &self.targets[self.offsets[index]..self.offsets[index + 1]]
    }
}

/// Among the activities that still wait, each has a predecessor that waits too, so walking
/// backwards must come round. The walk spelled forwards is the cycle.
fn cycle(network: &Network, successors: &Successors, waiting_for: &[u32]) -> NetworkError {
    let mut waits_for = vec![None; waiting_for.len()];
    for from in (0..waiting_for.len()).rev().filter(|&from| waiting_for[from] > 0) {
        for &to in successors.of_activity(from) {
            waits_for[to] = Some(from);
        }
    }
    let mut seen_at = vec![None; waiting_for.len()];
    let mut walk = Vec::new();
    let mut current = waiting_for.iter().position(|&count| count > 0);
    while let Some(index) = current {
        if let Some(first) = seen_at[index] {
            walk.drain(..first);
            break;
        }
        seen_at[index] = Some(walk.len());
        walk.push(index);
        current = waits_for[index];
    }
    walk.reverse();
    NetworkError::Cycle {
        activities: walk.into_iter().map(|index| network.activities[index].name.clone()).collect(),
    }
}
