//! Nodes with their fixed bounds, and edges between the events that are still open.

use std::collections::HashMap;

use crate::{
    activity::{Activity, ConstraintKind, Progress, Rework},
    calendar::{Calendar, Conversion},
    estimate::Estimate,
    index::{ActivityIndex, CalendarIndex, LinkIndex},
    link::{Bound, Link},
    network::Network,
    time::{At, Side, Span, Work},
};

use super::{Crossing, Driver, Edge, Node, NodeState, Route};

pub(super) struct Folded {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) maximum_edges: Vec<Edge>,
    pub(super) conversions: Vec<Conversion>,
}

pub(super) fn fold(network: &Network, order: &[ActivityIndex], position: &[u32]) -> Folded {
    let mut nodes: Vec<Node> = order.iter().map(|&index| node(network, index)).collect();
    let mut tables = Tables::new(&network.calendars);
    let (mut edges, mut maximum_edges) = (Vec::new(), Vec::new());
    for (index, link) in network.links.iter().enumerate() {
        let (from, to) = (position[link.from.index()], position[link.to.index()]);
        let link_index = LinkIndex::from(index);
        let lag = FixedLag::of(network, link);
        match (from_event(network, link), to_event(network, link)) {
            (Some(_), Some(_)) => {}
            (Some(event), None) => {
                bound_successor(&mut nodes[to as usize], network, link_index, lag.after(event));
            }
            (None, Some(event)) if link.bound == Bound::Maximum => {
                bound_predecessor(
                    &mut nodes[from as usize],
                    network,
                    link_index,
                    lag.before(event),
                );
            }
            (None, Some(_)) => {}
            (None, None) => {
                let list = match link.bound {
                    Bound::Minimum => &mut edges,
                    Bound::Maximum => &mut maximum_edges,
                };
                list.push(tables.edge(network, link_index, position));
            }
        }
    }
    edges.sort_by_key(|edge| (edge.to, edge.link));
    Folded { nodes, edges, maximum_edges, conversions: tables.conversions }
}

fn node(network: &Network, index: ActivityIndex) -> Node {
    let activity = &network.activities[index.index()];
    let calendar = &network.calendars[activity.calendar.index()];
    let status = calendar.work(network.status);
    let mut node = Node {
        activity: index,
        calendar: activity.calendar,
        start_floor: status,
        start_floor_driver: Driver::Status,
        finish_floor: None,
        start_ceiling: None,
        finish_ceiling: None,
        state: NodeState::Open,
    };
    match &activity.progress {
        Progress::NotStarted => {}
        Progress::Started { start, remaining } => {
            let start = calendar.work(*start);
            node.raise_start(start, Driver::Actual);
            let done = if remaining.is_some() { Span::ZERO } else { node.start_floor - start };
            node.state = NodeState::Started { start, done };
        }
        Progress::Finished { start, finish } => {
            node.start_floor = calendar.work(*start);
            node.start_floor_driver = Driver::Actual;
            node.state = NodeState::Finished { work: calendar.work(*finish) - node.start_floor };
        }
    }
    constrain(&mut node, activity, calendar);
    node
}

fn constrain(node: &mut Node, activity: &Activity, calendar: &Calendar) {
    if matches!(node.state, NodeState::Finished { .. }) {
        return;
    }
    let has_started = matches!(node.state, NodeState::Started { .. });
    for constraint in &activity.constraints {
        let date = calendar.work(constraint.at);
        let driver = Driver::Constraint(constraint.kind);
        let (start, finish) = match constraint.kind {
            ConstraintKind::StartNoEarlierThan => (Some((true, false)), None),
            ConstraintKind::StartNoLaterThan => (Some((false, true)), None),
            ConstraintKind::MustStartOn => (Some((true, true)), None),
            ConstraintKind::FinishNoEarlierThan => (None, Some((true, false))),
            ConstraintKind::FinishNoLaterThan => (None, Some((false, true))),
            ConstraintKind::MustFinishOn => (None, Some((true, true))),
        };
        if let (Some((floor, ceiling)), false) = (start, has_started) {
            if floor {
                node.raise_start(date, driver);
            }
            if ceiling {
                lower(&mut node.start_ceiling, date);
            }
        }
        if let Some((floor, ceiling)) = finish {
            if floor {
                node.raise_finish(date, driver);
            }
            if ceiling {
                lower(&mut node.finish_ceiling, date);
            }
        }
    }
}

impl Node {
    fn raise_start(&mut self, floor: Work, driver: Driver) {
        if floor > self.start_floor {
            (self.start_floor, self.start_floor_driver) = (floor, driver);
        }
    }

    fn raise_finish(&mut self, floor: Work, driver: Driver) {
        if self.finish_floor.is_none_or(|(present, _)| floor > present) {
            self.finish_floor = Some((floor, driver));
        }
    }
}

fn lower(ceiling: &mut Option<Work>, bound: Work) {
    *ceiling = Some(ceiling.map_or(bound, |present| present.min(bound)));
}

/// The event that the link leaves, if it has happened.
fn from_event(network: &Network, link: &Link) -> Option<At> {
    let activity = &network.activities[link.from.index()];
    match (&activity.progress, link.kind.leaves_start()) {
        (Progress::NotStarted, _) | (Progress::Started { .. }, false) => None,
        (Progress::Started { start, .. } | Progress::Finished { start, .. }, true) => Some(*start),
        (Progress::Finished { finish, .. }, false) => Some(*finish),
    }
}

/// The event that the link enters, if it has happened.
///
/// Work that began out of sequence still waits for the finish of its predecessors before
/// it resumes (retained logic), so a finish-to-start link into it stays open.
fn to_event(network: &Network, link: &Link) -> Option<At> {
    let activity = &network.activities[link.to.index()];
    match (&activity.progress, link.kind.enters_finish()) {
        (Progress::Finished { finish, .. }, true) => Some(*finish),
        (Progress::Finished { start, .. }, false) => Some(*start),
        (Progress::Started { start, .. }, false)
            if link.kind.leaves_start() || link.bound == Bound::Maximum =>
        {
            Some(*start)
        }
        (Progress::Started { .. } | Progress::NotStarted, _) => None,
    }
}

/// The link's lag, for instants that are known.
struct FixedLag<'a> {
    calendar: &'a Calendar,
    span: Span,
}

impl FixedLag<'_> {
    fn of<'a>(network: &'a Network, link: &Link) -> FixedLag<'a> {
        FixedLag {
            calendar: &network.calendars[link.lag.calendar.index()],
            span: Span::from_slots(link.lag.amount),
        }
    }

    fn after(&self, event: At) -> At {
        self.shift(event, self.span)
    }

    fn before(&self, event: At) -> At {
        self.shift(event, -self.span)
    }

    fn shift(&self, event: At, span: Span) -> At {
        match side_after(span) {
            None => event,
            Some(side) => self.calendar.at(self.calendar.work(event) + span, side),
        }
    }
}

/// A positive lag ends in working time, a negative one begins in it.
fn side_after(lag: Span) -> Option<Side> {
    match lag.cmp(&Span::ZERO) {
        std::cmp::Ordering::Less => Some(Side::Start),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Side::Finish),
    }
}

fn bound_successor(node: &mut Node, network: &Network, link_index: LinkIndex, at: At) {
    let link = &network.links[link_index.index()];
    let bound = network.calendars[node.calendar.index()].work(at);
    let driver = Driver::Link(link_index);
    match (link.bound, link.kind.enters_finish()) {
        (Bound::Minimum, false) => node.raise_start(bound, driver),
        (Bound::Minimum, true) => node.raise_finish(bound, driver),
        (Bound::Maximum, false) => lower(&mut node.start_ceiling, bound),
        (Bound::Maximum, true) => lower(&mut node.finish_ceiling, bound),
    }
}

fn bound_predecessor(node: &mut Node, network: &Network, link_index: LinkIndex, at: At) {
    let link = &network.links[link_index.index()];
    let bound = network.calendars[node.calendar.index()].work(at);
    let driver = Driver::Link(link_index);
    if link.kind.leaves_start() {
        node.raise_start(bound, driver);
    } else {
        node.raise_finish(bound, driver);
    }
}

/// Conversion tables, one for each ordered pair of distinct calendars in use.
struct Tables {
    /// For each calendar the first one that is equal to it.
    canonical: Vec<u32>,
    of_pair: HashMap<(u32, u32), u32>,
    conversions: Vec<Conversion>,
}

impl Tables {
    fn new(calendars: &[Calendar]) -> Tables {
        let mut first = HashMap::new();
        let canonical = calendars
            .iter()
            .enumerate()
            .map(|(index, calendar)| *first.entry(calendar).or_insert(index as u32))
            .collect();
        Tables { canonical, of_pair: HashMap::new(), conversions: Vec::new() }
    }

    fn edge(&mut self, network: &Network, index: LinkIndex, position: &[u32]) -> Edge {
        let link = &network.links[index.index()];
        let lag = Span::from_slots(link.lag.amount);
        let (from, to, kind, lag) = match link.bound {
            Bound::Minimum => (link.from, link.to, link.kind, lag),
            Bound::Maximum => (link.to, link.from, link.kind.reversed(), -lag),
        };
        let calendar_of = |index: ActivityIndex| network.activities[index.index()].calendar;
        let event = if kind.leaves_start() { Side::Start } else { Side::Finish };
        let (leaving, entering) = (calendar_of(from), calendar_of(to));
        let calendars = &network.calendars;
        let route = match side_after(lag) {
            None => Route {
                first: self.crossing(calendars, leaving, entering, event),
                lag,
                second: None,
            },
            Some(side) => Route {
                first: self.crossing(calendars, leaving, link.lag.calendar, event),
                lag,
                second: self.crossing(calendars, link.lag.calendar, entering, side),
            },
        };
        Edge { from: position[from.index()], to: position[to.index()], link: index, kind, route }
    }

    fn crossing(
        &mut self,
        calendars: &[Calendar],
        from: CalendarIndex,
        to: CalendarIndex,
        side: Side,
    ) -> Option<Crossing> {
        let (from, to) = (self.canonical[from.index()], self.canonical[to.index()]);
        (from != to).then(|| Crossing {
            there: self.table(calendars, from, to),
            back: self.table(calendars, to, from),
            side,
        })
    }

    fn table(&mut self, calendars: &[Calendar], from: u32, to: u32) -> u32 {
        *self.of_pair.entry((from, to)).or_insert_with(|| {
            let (from, to) = (&calendars[from as usize], &calendars[to as usize]);
            self.conversions.push(Conversion::between(from, to));
            self.conversions.len() as u32 - 1
        })
    }
}

impl Rework {
    /// The expected work of all further rounds: round k happens when k passes failed.
    pub(super) fn expected_slots(&self) -> f64 {
        let fail = 1.0 - self.first_pass;
        let rounds = f64::from(self.rounds_max);
        // Sum of a geometric series, f + f² + … + f^rounds.
        let expected_rounds = fail * (1.0 - libm::pow(fail, rounds)) / self.first_pass;
        expected_rounds * self.estimate.mean()
    }
}

impl Activity {
    /// The estimate from which the work that is left is drawn.
    pub fn work_left(&self) -> &Estimate {
        match &self.progress {
            Progress::Started { remaining: Some(remaining), .. } => remaining,
            _ => &self.estimate,
        }
    }
}
