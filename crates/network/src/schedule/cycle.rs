//! Circles of lags that contradict each other.

use crate::{
    compile::{Compiled, Driver, Edge},
    index::LinkIndex,
    link::Bound,
    schedule::{CycleStep, ScheduleError},
    time::Span,
};

/// A circle among drivers, if there is one: the links in the order in which they push.
pub(super) fn driver_cycle(compiled: &Compiled, drivers: &[Driver]) -> Option<Vec<LinkIndex>> {
    // Each position is walked from once; meeting a mark of the same walk closes a circle.
    let mut walk_of = vec![usize::MAX; drivers.len()];
    for first in 0..drivers.len() {
        let mut position = first;
        while walk_of[position] == usize::MAX {
            walk_of[position] = first;
            let Some((_, pusher)) = pusher(compiled, drivers[position]) else {
                break;
            };
            position = pusher;
            if walk_of[position] == first {
                return Some(collect(compiled, drivers, position));
            }
        }
    }
    None
}

fn collect(compiled: &Compiled, drivers: &[Driver], on_cycle: usize) -> Vec<LinkIndex> {
    let mut links = Vec::new();
    let mut position = on_cycle;
    while let Some((link, from)) = pusher(compiled, drivers[position]) {
        links.push(link);
        position = from;
        if position == on_cycle {
            break;
        }
    }
    links.reverse();
    links
}

/// The link that a driver is, and the position that pushes along it.
fn pusher(compiled: &Compiled, driver: Driver) -> Option<(LinkIndex, usize)> {
    let Driver::Link(index) = driver else {
        return None;
    };
    let link = &compiled.network().links[index.index()];
    let activity = match link.bound {
        Bound::Minimum => link.from,
        Bound::Maximum => link.to,
    };
    // A link from a known event is folded into a floor: it pushes, but nothing pushes it.
    let pusher = compiled.position(activity);
    let is_open = edge_of(compiled, index).is_some();
    is_open.then_some((index, pusher))
}

/// The edge of a link between open events.
fn edge_of(compiled: &Compiled, index: LinkIndex) -> Option<&Edge> {
    let link = &compiled.network().links[index.index()];
    match link.bound {
        Bound::Minimum => {
            compiled.incoming(compiled.position(link.to)).iter().find(|edge| edge.link == index)
        }
        Bound::Maximum => {
            let edges = compiled.maximum_edges();
            let place = edges.binary_search_by_key(&index, |edge| edge.link).ok()?;
            edges.get(place)
        }
    }
}

/// Whether no link of the circle crosses calendars, so that every turn adds the same.
pub(super) fn is_of_one_calendar(compiled: &Compiled, cycle: &[LinkIndex]) -> bool {
    cycle
        .iter()
        .filter_map(|&link| edge_of(compiled, link))
        .all(|edge| edge.route.first.is_none() && edge.route.second.is_none())
}

pub(super) fn positive_cycle(
    compiled: &Compiled,
    work: &[Span],
    cycle: &[LinkIndex],
) -> ScheduleError {
    let mut length = Span::ZERO;
    let mut steps = Vec::with_capacity(cycle.len());
    for &index in cycle {
        let link = &compiled.network().links[index.index()];
        let mut push = Span::from_slots(link.lag.amount);
        if !link.kind.leaves_start() {
            push = push + work[compiled.position(link.from)];
        }
        if link.kind.enters_finish() {
            push = push - work[compiled.position(link.to)];
        }
        let (activity, push) = match link.bound {
            Bound::Minimum => (link.from, push),
            Bound::Maximum => (link.to, -push),
        };
        length = length + push;
        steps.push(CycleStep {
            activity,
            name: compiled.network().activities[activity.index()].name.clone(),
            link: index,
            kind: link.kind,
            bound: link.bound,
            lag_slots: link.lag.amount,
        });
    }
    ScheduleError::PositiveCycle { steps, length }
}

/// The circle in symbols: ``` `a` –[SS ≥ 3]→ `b` –[SS ≤ 2]→ `a` ```.
pub(super) fn spell(steps: &[CycleStep]) -> String {
    let mut text = String::new();
    for step in steps {
        let bound = match step.bound {
            Bound::Minimum => "≥",
            Bound::Maximum => "≤",
        };
        let kind = step.kind.abbreviation();
        text.push_str(&format!("`{}` –[{kind} {bound} {}]→ ", step.name, step.lag_slots));
    }
    if let Some(first) = steps.first() {
        text.push_str(&format!("`{}`", first.name));
    }
    text
}
