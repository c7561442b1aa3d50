//! Which of several equal reasons is told for a date.
//!
//! Names decide, never places in the input: the same plan stated in another order is
//! explained alike.

use super::{Early, pushed_start};
use crate::{
    compile::{Compiled, Driver, Edge},
    index::LinkIndex,
    link::Bound,
    time::Span,
};

/// What links are compared by: who pushes, along which events, and how far.
pub(super) fn key(compiled: &Compiled, link: LinkIndex) -> (&str, u8, i64) {
    let network = compiled.network();
    let link = &network.links[link.index()];
    let pusher = match link.bound {
        Bound::Minimum => link.from,
        Bound::Maximum => link.to,
    };
    let lag = Span::from_slots(link.lag.amount).ticks();
    (&network.activities[pusher.index()].name, link.kind as u8, lag)
}

/// Finds the drivers of a settled plan with maximum lags anew, from the dates that nothing
/// pushed along the links that arrive exactly. So every chain of drivers is as short as it can
/// be and ends, also where a circle of lags adds no time.
pub(super) fn trace(compiled: &Compiled, work: &[Span], early: &mut Early, floors: Early) {
    // How many pushes lie between a position and a date that nothing pushed.
    let mut distance: Vec<Option<usize>> = vec![None; early.start.len()];
    let mut pushing = Vec::new();
    for (position, driver) in floors.driver.into_iter().enumerate() {
        if floors.start[position] == early.start[position] {
            distance[position] = Some(0);
            early.driver[position] = driver;
            pushing.push(position);
        }
    }
    let mut maximum: Vec<&Edge> = compiled.maximum_edges().iter().collect();
    maximum.sort_by_key(|edge| edge.from);
    let mut turn = 0;
    while !pushing.is_empty() {
        turn += 1;
        let mut pushed = Vec::new();
        for edge in pushing.iter().flat_map(|&position| leaving(compiled, &maximum, position)) {
            let to = edge.to as usize;
            if pushed_start(compiled, edge, work, &early.start) != early.start[to] {
                continue;
            }
            match (distance[to], early.driver[to]) {
                (None, _) => pushed.push(to),
                (Some(found), Driver::Link(present))
                    if found == turn && key(compiled, edge.link) < key(compiled, present) => {}
                (Some(_), _) => continue,
            }
            distance[to] = Some(turn);
            early.driver[to] = Driver::Link(edge.link);
        }
        pushing = pushed;
    }
}

/// The links by which an activity pushes others; `maximum` by who pushes.
fn leaving<'a>(
    compiled: &'a Compiled,
    maximum: &'a [&'a Edge],
    position: usize,
) -> impl Iterator<Item = &'a Edge> {
    let minimum = compiled.outgoing(position).iter().map(|&edge| &compiled.edges()[edge as usize]);
    let first = maximum.partition_point(|edge| (edge.from as usize) < position);
    let maximum = maximum[first..].iter().take_while(move |edge| edge.from as usize == position);
    minimum.chain(maximum.copied())
}
