//! A network, checked and laid out in flat arrays.
//!
//! *Position* means place in a topological order of the minimum links, so one loop over
//! positions is a forward pass. What has happened already is folded in: a link from a
//! known event becomes a fixed bound on its successor, a link to one disappears.

mod check;
mod fold;
mod order;

use std::ops::Range;

use crate::{
    activity::ConstraintKind,
    calendar::Conversion,
    index::{ActivityIndex, CalendarIndex, LinkIndex},
    link::LinkKind,
    network::{Network, NetworkError},
    time::{At, Side, Span, Work},
};

/// A checked network in the layout that passes, levelling and simulation run on.
#[derive(Clone, Debug)]
pub struct Compiled {
    network: Network,
    /// By activity.
    position: Vec<u32>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// `edges[incoming[p]..incoming[p + 1]]` enter position p.
    incoming: Vec<u32>,
    /// `outgoing_edges[outgoing[p]..outgoing[p + 1]]` leave position p.
    outgoing: Vec<u32>,
    outgoing_edges: Vec<u32>,
    maximum_edges: Vec<Edge>,
    conversions: Vec<Conversion>,
}

/// What fixed the date of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Driver {
    /// The status date: nothing else holds it back.
    Status,
    /// Its own constraint.
    Constraint(ConstraintKind),
    /// It has happened.
    Actual,
    /// A link from a predecessor; for a maximum lag, from a successor.
    Link(LinkIndex),
    /// It waits for its late dates ([`Placement::AsLateAsPossible`](crate::Placement)).
    Placement,
}

/// An activity with all that is fixed about it. Coordinates are on its own calendar.
///
/// The start that a forward pass finds is the instant from which the rest of the work
/// is done: of work that has begun, the instant at which it resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Which activity this is.
    pub activity: ActivityIndex,
    /// Its calendar.
    pub(crate) calendar: CalendarIndex,
    /// The start is not before this.
    pub(crate) start_floor: Work,
    /// What sets `start_floor`.
    pub(crate) start_floor_driver: Driver,
    /// The finish is not before this, with what sets it.
    pub(crate) finish_floor: Option<(Work, Driver)>,
    /// The start should not be after this.
    pub(crate) start_ceiling: Option<Work>,
    /// The finish should not be after this.
    pub(crate) finish_ceiling: Option<Work>,
    /// What is known of it.
    pub(crate) state: NodeState,
}

/// What is known of an activity at the status date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeState {
    /// Start and work are open.
    Open,
    /// It has started at `start`; of its work (the `remaining` estimate if it has one,
    /// otherwise its estimate) `done` is done. No more than the work can be done.
    Started {
        /// The actual start.
        start: Work,
        /// To be taken off the work, not below zero.
        done: Span,
    },
    /// It is done: it starts at `start_floor` and takes exactly `work`.
    Finished {
        /// From actual start to actual finish.
        work: Span,
    },
}

/// A link between two open events, in the direction in which it pushes, with how to carry a
/// coordinate along it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// Position of the activity that pushes.
    pub(crate) from: u32,
    /// Position of the activity that is pushed.
    pub(crate) to: u32,
    /// The link it stands for.
    pub(crate) link: LinkIndex,
    /// Which events.
    pub(crate) kind: LinkKind,
    /// From one calendar to the other.
    pub(crate) route: Route,
}

/// The way of a coordinate from the predecessor's calendar to the successor's: cross to
/// the lag's calendar, add the lag, cross to the successor's. Crossings between equal
/// calendars are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Before the lag.
    pub(crate) first: Option<Crossing>,
    /// The lag in ticks.
    pub(crate) lag: Span,
    /// After the lag.
    pub(crate) second: Option<Crossing>,
}

/// A change of calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    /// The [`Conversion`] to use, in [`Compiled::conversions`].
    pub(crate) there: u32,
    /// The conversion the other way, for the adjoints.
    pub(crate) back: u32,
    /// Which end of a gap the coordinate means.
    pub(crate) side: Side,
}

/// The value of a deterministic plan that an estimate stands for.
///
/// Risks are left out: they are events that may not happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Planning {
    /// The mean, with the expected rework.
    Mean,
    /// The most likely value, at the first pass.
    MostLikely,
    /// A quantile, such as 0.5 for P50, at the first pass.
    Quantile(f64),
}

impl Network {
    /// Checks everything and lays the network out.
    ///
    /// # Errors
    /// The first thing found that makes the network meaningless; see [`NetworkError`].
    pub fn compile(self) -> Result<Compiled, NetworkError> {
        check::check(&self)?;
        let order = order::topological_order(&self)?;
        let mut position = vec![0; order.len()];
        for (place, activity) in order.iter().enumerate() {
            position[activity.index()] = place as u32;
        }
        let folded = fold::fold(&self, &order, &position);
        let (incoming, outgoing, outgoing_edges) = adjacency(order.len(), &folded.edges);
        Ok(Compiled {
            network: self,
            position,
            nodes: folded.nodes,
            edges: folded.edges,
            incoming,
            outgoing,
            outgoing_edges,
            maximum_edges: folded.maximum_edges,
            conversions: folded.conversions,
        })
    }
}

/// Offsets by successor and by predecessor of edges sorted by successor.
fn adjacency(node_count: usize, edges: &[Edge]) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let mut incoming = vec![0_u32; node_count + 1];
    let mut outgoing = vec![0_u32; node_count + 1];
    for edge in edges {
        incoming[edge.to as usize + 1] += 1;
        outgoing[edge.from as usize + 1] += 1;
    }
    for place in 0..node_count {
        incoming[place + 1] += incoming[place];
        outgoing[place + 1] += outgoing[place];
    }
    let mut next = outgoing.clone();
    let mut outgoing_edges = vec![0; edges.len()];
    for (index, edge) in edges.iter().enumerate() {
        let slot = &mut next[edge.from as usize];
        outgoing_edges[*slot as usize] = index as u32;
        *slot += 1;
    }
    (incoming, outgoing, outgoing_edges)
}

impl Compiled {
    /// The network as it was stated.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network back, to change and compile again.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// All nodes, in topological order of the minimum links.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where an activity stands in [`Compiled::nodes`]. The activity must be one of the
    /// network's.
    pub(crate) fn position(&self, activity: ActivityIndex) -> usize {
        self.position[activity.index()] as usize
    }

    /// All minimum links between open events, sorted by the position of the successor.
    pub(crate) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The edges that enter a position.
    pub(crate) fn incoming(&self, position: usize) -> &[Edge] {
        &self.edges[self.incoming_range(position)]
    }

    /// Where the edges that enter a position stand in [`Compiled::edges`].
    pub(crate) fn incoming_range(&self, position: usize) -> Range<usize> {
        self.incoming[position] as usize..self.incoming[position + 1] as usize
    }

    /// The indices in [`Compiled::edges`] of the edges that leave a position.
    pub(crate) fn outgoing(&self, position: usize) -> &[u32] {
        &self.outgoing_edges[self.outgoing[position] as usize..self.outgoing[position + 1] as usize]
    }

    /// All maximum lags between open events, in the order of their links.
    ///
    /// "At most x after" is "at least −x before", so each is laid out as the minimum edge
    /// that it amounts to: from the link's successor to its predecessor, against the order
    /// of positions, with the kind that names the events in that direction.
    pub(crate) fn maximum_edges(&self) -> &[Edge] {
        &self.maximum_edges
    }

    /// The tables that [`Crossing`]s refer to.
    pub(crate) fn conversions(&self) -> &[Conversion] {
        &self.conversions
    }

    /// The instant of a coordinate of the activity at `position`.
    pub(crate) fn at(&self, position: usize, work: Work, side: Side) -> At {
        self.network.calendars[self.nodes[position].calendar.index()].at(work, side)
    }

    /// The coordinate of an instant on the calendar of the activity at `position`.
    pub(crate) fn work(&self, position: usize, at: At) -> Work {
        self.network.calendars[self.nodes[position].calendar.index()].work(at)
    }

    /// The name of the activity at `position`.
    pub(crate) fn name(&self, position: usize) -> &str {
        &self.network.activities[self.nodes[position].activity.index()].name
    }
}

impl Route {
    /// Where a coordinate of the predecessor arrives on the successor's calendar.
    #[inline]
    pub(crate) fn carry(&self, conversions: &[Conversion], work: Work) -> Work {
        let mut work = work;
        if let Some(crossing) = &self.first {
            work = conversions[crossing.there as usize].convert(work, crossing.side);
        }
        work = work + self.lag;
        if let Some(crossing) = &self.second {
            work = conversions[crossing.there as usize].convert(work, crossing.side);
        }
        work
    }

    /// The latest coordinate of the predecessor that arrives no later than `bound`.
    #[inline]
    pub(crate) fn latest_before(&self, conversions: &[Conversion], bound: Work) -> Work {
        let mut work = bound;
        if let Some(crossing) = &self.second {
            work = conversions[crossing.back as usize].latest_before(work, crossing.side);
        }
        work = work - self.lag;
        if let Some(crossing) = &self.first {
            work = conversions[crossing.back as usize].latest_before(work, crossing.side);
        }
        work
    }
}

impl Compiled {
    /// The work of each activity, by position, when every estimate has its planning
    /// value: what is left of it where it has begun, exactly what it took where it is done.
    pub fn planned_work(&self, planning: Planning) -> Vec<Span> {
        self.nodes.iter().map(|node| self.node_work(node, planning)).collect()
    }

    fn node_work(&self, node: &Node, planning: Planning) -> Span {
        let activity = &self.network.activities[node.activity.index()];
        let (estimate, done) = match node.state {
            NodeState::Finished { work } => return work,
            NodeState::Started { done, .. } => (activity.work_left(), done),
            NodeState::Open => (&activity.estimate, Span::ZERO),
        };
        let mut slots = planning.value(estimate);
        if let (Planning::Mean, Some(rework)) = (planning, &activity.rework) {
            slots += rework.expected_slots();
        }
        self.clamp(Span::from_slots(slots) - done)
    }

    /// No activity can take longer than the horizon, so nothing later can overflow.
    fn clamp(&self, work: Span) -> Span {
        let horizon = At::end_of(self.network.horizon_slots as i32) - At::ZERO;
        work.clamp(Span::ZERO, horizon)
    }
}

impl Planning {
    fn value(self, estimate: &crate::estimate::Estimate) -> f64 {
        match self {
            Planning::Mean => estimate.mean(),
            Planning::MostLikely => estimate.most_likely(),
            Planning::Quantile(p) => estimate.quantile(p),
        }
    }
}

#[cfg(test)]
mod tests;
