//! The backward pass: latest finishes and free floats.

use crate::{
    compile::{Compiled, Edge, NodeState},
    schedule::Early,
    time::{At, Span, Work},
};

/// The greatest finishes, by position, that keep `limits`, minimum links and maximum lags.
pub(crate) fn latest_finishes(compiled: &Compiled, work: &[Span], limits: Vec<Work>) -> Vec<Work> {
    let mut late = limits;
    sweep(compiled, work, &mut late);
    // The forward pass has found the lags free of contradiction, so this settles as that
    // did. Limits that can't be kept across calendars could go on sinking; what such
    // limits are worth is plain long before the count runs out.
    let mut rounds_left = compiled.maximum_edges().len() + 64;
    while rounds_left > 0 && pull_back(compiled, work, &mut late) {
        sweep(compiled, work, &mut late);
        rounds_left -= 1;
    }
    late
}

fn sweep(compiled: &Compiled, work: &[Span], late: &mut [Work]) {
    for position in (0..compiled.nodes().len()).rev() {
        let mut finish = late[position];
        for &edge in compiled.outgoing(position) {
            let edge = &compiled.edges()[edge as usize];
            finish = finish.min(bounded_finish(compiled, edge, work, late));
        }
        late[position] = finish;
    }
}

/// The finish that an edge allows the activity that pushes along it.
fn bounded_finish(compiled: &Compiled, edge: &Edge, work: &[Span], late: &[Work]) -> Work {
    let (from, to) = (edge.from as usize, edge.to as usize);
    let event = if edge.kind.enters_finish() { late[to] } else { late[to] - work[to] };
    let bound = edge.route.latest_before(compiled.conversions(), event);
    if edge.kind.leaves_start() { bound + work[from] } else { bound }
}

/// Lets every maximum lag hold back; whether any did.
fn pull_back(compiled: &Compiled, work: &[Span], late: &mut [Work]) -> bool {
    let mut pulled = false;
    for edge in compiled.maximum_edges() {
        let bound = bounded_finish(compiled, edge, work, late);
        if bound < late[edge.from as usize] {
            late[edge.from as usize] = bound;
            pulled = true;
        }
    }
    pulled
}

/// How far each activity can slip without moving an early date, or the finish of all.
pub(super) fn free_floats(
    compiled: &Compiled,
    work: &[Span],
    early: &Early,
    finish: At,
) -> Vec<Span> {
    let start = &early.start;
    let mut free: Vec<Span> = (0..work.len())
        .map(|position| compiled.work(position, finish) - (start[position] + work[position]))
        .collect();
    for edge in compiled.edges().iter().chain(compiled.maximum_edges()) {
        let (from, to) = (edge.from as usize, edge.to as usize);
        let to_event = if edge.kind.enters_finish() { start[to] + work[to] } else { start[to] };
        let from_event =
            if edge.kind.leaves_start() { start[from] } else { start[from] + work[from] };
        let bound = edge.route.latest_before(compiled.conversions(), to_event);
        free[from] = free[from].min(bound - from_event);
    }
    for (position, node) in compiled.nodes().iter().enumerate() {
        if matches!(node.state, NodeState::Finished { .. }) {
            free[position] = Span::ZERO;
        }
    }
    free
}
