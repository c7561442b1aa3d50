//! The forward pass: earliest starts, and what drives each.

mod reason;

use crate::{
    activity::Placement,
    compile::{Compiled, Driver, Edge, NodeState},
    schedule::{ScheduleError, cycle},
    time::{Span, Work},
};

/// Earliest starts, by position.
#[derive(Clone, Debug)]
pub(crate) struct Early {
    pub(crate) start: Vec<Work>,
    pub(crate) driver: Vec<Driver>,
}

/// The least starts that satisfy floors, minimum links and maximum lags. Given latest
/// finishes, activities that are placed late don't start before their latest start.
///
/// Without maximum lags one sweep in topological order is enough. A maximum lag pushes
/// backwards, from its successor to its predecessor, so sweeps are repeated until nothing
/// moves; values only ever rise, and a driver changes only with its value, so a circle of
/// drivers is a circle of lags that adds time at every turn.
pub(crate) fn earliest_starts(
    compiled: &Compiled,
    work: &[Span],
    latest_finish: Option<&[Work]>,
) -> Result<Early, ScheduleError> {
    let mut early = floors(compiled, work, latest_finish);
    sweep(compiled, work, &mut early);
    let mut rounds_left = rounds_max(compiled);
    while push_back(compiled, work, &mut early) {
        sweep(compiled, work, &mut early);
        if let Some(cycle) = cycle::driver_cycle(compiled, &early.driver) {
            rounds_left -= 1;
            // Lags that cross calendars can push each other for a while and then settle;
            // lags of one calendar never do.
            if rounds_left == 0 || cycle::is_of_one_calendar(compiled, &cycle) {
                return Err(cycle::positive_cycle(compiled, work, &cycle));
            }
        }
    }
    if !compiled.maximum_edges().is_empty() {
        let floors = floors(compiled, work, latest_finish);
        reason::trace(compiled, work, &mut early, floors);
    }
    Ok(early)
}

/// How long lags that cross calendars may go on pushing each other in a circle. They settle
/// when a gap of one of the calendars takes up what a turn adds, which it does within a few
/// turns or never; a circle that outlasts this count is taken for a contradiction.
fn rounds_max(compiled: &Compiled) -> usize {
    compiled.maximum_edges().len() + compiled.network().horizon_slots.min(10_000) as usize
}

fn floors(compiled: &Compiled, work: &[Span], latest_finish: Option<&[Work]>) -> Early {
    let count = compiled.nodes().len();
    let mut early = Early { start: Vec::with_capacity(count), driver: Vec::with_capacity(count) };
    for (position, node) in compiled.nodes().iter().enumerate() {
        let (mut start, mut driver) = (node.start_floor, node.start_floor_driver);
        if let Some((finish, finish_driver)) = node.finish_floor
            && finish - work[position] > start
        {
            (start, driver) = (finish - work[position], finish_driver);
        }
        if let Some(latest_finish) = latest_finish
            && is_placed_late(compiled, position)
            && latest_finish[position] - work[position] > start
        {
            (start, driver) = (latest_finish[position] - work[position], Driver::Placement);
        }
        early.start.push(start);
        early.driver.push(driver);
    }
    early
}

fn is_placed_late(compiled: &Compiled, position: usize) -> bool {
    let node = &compiled.nodes()[position];
    let activity = &compiled.network().activities[node.activity.index()];
    node.state == NodeState::Open && activity.placement == Placement::AsLateAsPossible
}

fn sweep(compiled: &Compiled, work: &[Span], early: &mut Early) {
    for position in 0..compiled.nodes().len() {
        let mut start = early.start[position];
        let mut driver = early.driver[position];
        for edge in compiled.incoming(position) {
            let candidate = pushed_start(compiled, edge, work, &early.start);
            if candidate > start || (candidate == start && is_better_reason(compiled, edge, driver))
            {
                (start, driver) = (candidate, Driver::Link(edge.link));
            }
        }
        early.start[position] = start;
        early.driver[position] = driver;
    }
}

/// The start that an edge asks of the activity it pushes.
pub(crate) fn pushed_start(
    compiled: &Compiled,
    edge: &Edge,
    work: &[Span],
    start: &[Work],
) -> Work {
    let (from, to) = (edge.from as usize, edge.to as usize);
    let event = if edge.kind.leaves_start() { start[from] } else { start[from] + work[from] };
    let arrival = edge.route.carry(compiled.conversions(), event);
    if edge.kind.enters_finish() { arrival - work[to] } else { arrival }
}

/// Between equal dates a link explains more than a date of the activity's own, and of two
/// links the one that comes first by names. Where maximum lags push too, reasons are traced
/// when all dates are known: exchanging one before could close a circle that adds no time.
fn is_better_reason(compiled: &Compiled, edge: &Edge, present: Driver) -> bool {
    if !compiled.maximum_edges().is_empty() {
        return false;
    }
    match present {
        Driver::Status | Driver::Constraint(_) => true,
        Driver::Actual | Driver::Placement => false,
        Driver::Link(present) => reason::key(compiled, edge.link) < reason::key(compiled, present),
    }
}

/// Lets every maximum lag push; whether any did.
fn push_back(compiled: &Compiled, work: &[Span], early: &mut Early) -> bool {
    let mut pushed = false;
    for edge in compiled.maximum_edges() {
        let to = edge.to as usize;
        let candidate = pushed_start(compiled, edge, work, &early.start);
        if candidate > early.start[to] {
            early.start[to] = candidate;
            early.driver[to] = Driver::Link(edge.link);
            pushed = true;
        }
    }
    pushed
}
