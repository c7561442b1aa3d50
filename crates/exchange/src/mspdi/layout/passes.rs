//! The networks of the two passes.
//!
//! Forward, what keeps its dates stands still and pushes what follows; backward, it gives way
//! like anything else, since MS Project tells how far it could slip.

use std::collections::BTreeSet;

use longlead_network::{
    Activity, At, Bound, CalendarIndex, Constraint, ConstraintKind as Kind, Estimate, Lag, Link,
    Network, Placement, Progress, Side, Span,
};

use super::super::ConstraintKind;
use super::Layout;
use super::calendars::ELAPSED;
use super::link::{NodeLink, Source};
use super::node::{Node, Role, State, worked};

/// Which dates a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Pass {
    /// Early dates.
    Forward,
    /// Late dates.
    Backward,
}

/// What was found out by earlier rounds of the forward pass.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Fixes {
    /// Nodes whose imposed date wins over the links that would push them past it.
    pub(in super::super) clamped: BTreeSet<usize>,
    /// For each awaited start the node that starts first.
    pub(in super::super) earliest: Vec<usize>,
    /// The start of a project that is scheduled from its finish.
    pub(in super::super) project_start: Option<At>,
    /// Whether started tasks wait no more for their predecessors.
    pub(in super::super) overrides_links: bool,
}

impl Layout {
    pub(in super::super) fn network(&self, pass: Pass, fixes: &Fixes) -> Network {
        let mut network = Network::new(self.horizon_slots, At::ZERO);
        network.calendars = self.calendars.clone();
        network.activities = self
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| self.activity(index, node, pass, fixes))
            .collect();
        network.links = self.links.iter().filter_map(|it| self.link(it, pass, fixes)).collect();
        network
    }

    fn activity(&self, index: usize, node: &Node, pass: Pass, fixes: &Fixes) -> Activity {
        let calendar = self.calendar_of(node, pass);
        let mut activity =
            Activity::new(&node.name, CalendarIndex::from(calendar), Estimate::Fixed(node.work));
        match node.state {
            State::Open => {
                activity.constraints = self.constraints(index, node, fixes);
                if node.is_late {
                    activity.placement = Placement::AsLateAsPossible;
                }
            }
            State::Started { start, resume, remaining } => {
                let remaining_estimate = Some(Estimate::Fixed(remaining));
                activity.progress = Progress::Started { start, remaining: remaining_estimate };
                activity.constraints.extend(self.resumption(node, resume, remaining));
            }
            State::Finished { start, finish } => {
                activity.progress = Progress::Finished { start, finish };
            }
            State::Kept { start, finish, .. } => {
                let table = self.calendars.get(calendar);
                let work = table.map_or(Span::ZERO, |table| worked(table, start, finish));
                activity.estimate = Estimate::Fixed(work.slots());
                if pass == Pass::Forward {
                    let kind = Kind::StartNoEarlierThan;
                    activity.constraints.push(Constraint { kind, at: start });
                }
            }
        }
        activity
    }

    /// The calendar that a node has in a pass.
    fn calendar_of(&self, node: &Node, pass: Pass) -> usize {
        match node.state {
            // What stands still does so to the minute, also at night.
            State::Kept { .. } if pass == Pass::Forward => ELAPSED,
            State::Kept { .. } => node.slack_calendar,
            State::Open if node.work == 0.0 && node.role == Role::Task => ELAPSED,
            _ => node.calendar,
        }
    }

    /// What is left of a task is done from the instant at which it resumes.
    fn resumption(&self, node: &Node, resume: At, remaining: f64) -> Option<Constraint> {
        let calendar = self.calendars.get(node.calendar)?;
        let finish = calendar.work(resume) + Span::from_slots(remaining);
        let at = calendar.at(finish, Side::Finish);
        Some(Constraint { kind: Kind::FinishNoEarlierThan, at: self.within(at) })
    }

    fn constraints(&self, index: usize, node: &Node, fixes: &Fixes) -> Vec<Constraint> {
        let is_clamped = fixes.clamped.contains(&index);
        let mut constraints = Vec::new();
        if !is_clamped && !node.is_fixed() {
            let at = self.within(fixes.project_start.unwrap_or(self.project_start));
            constraints.push(Constraint { kind: Kind::StartNoEarlierThan, at });
        }
        for &(kind, at) in &node.constraints {
            let kinds: &[Kind] = match kind {
                ConstraintKind::AsSoonAsPossible | ConstraintKind::AsLateAsPossible => &[],
                ConstraintKind::MustStartOn => &[Kind::MustStartOn],
                ConstraintKind::MustFinishOn => &[Kind::MustFinishOn],
                ConstraintKind::StartNoEarlierThan => &[Kind::StartNoEarlierThan],
                ConstraintKind::FinishNoEarlierThan => &[Kind::FinishNoEarlierThan],
                ConstraintKind::StartNoLaterThan if is_clamped => &[Kind::MustStartOn],
                ConstraintKind::FinishNoLaterThan if is_clamped => &[Kind::MustFinishOn],
                ConstraintKind::StartNoLaterThan => &[Kind::StartNoLaterThan],
                ConstraintKind::FinishNoLaterThan => &[Kind::FinishNoLaterThan],
            };
            let at = self.within(at);
            constraints.extend(kinds.iter().map(|&kind| Constraint { kind, at }));
        }
        constraints
    }

    /// Dates are inside the horizon by the way it is chosen; this guards what was computed.
    fn within(&self, at: At) -> At {
        let end = i32::try_from(self.horizon_slots).map_or(At::ZERO, At::start_of);
        at.clamp(At::ZERO, end)
    }

    fn link(&self, link: &NodeLink, pass: Pass, fixes: &Fixes) -> Option<Link> {
        let from = match link.from {
            Source::Node(node) => node,
            Source::EarliestOf(place) => {
                let first = self.awaited_starts.get(place).and_then(|it| it.first());
                *fixes.earliest.get(place).or(first)?
            }
        };
        let (source, target) = (self.nodes.get(from)?, self.nodes.get(link.to)?);
        let counts = from != link.to
            && match pass {
                Pass::Forward => {
                    let is_fixed = target.is_fixed() || fixes.clamped.contains(&link.to);
                    let has_begun = matches!(target.state, State::Started { .. });
                    !(is_fixed || has_begun && fixes.overrides_links)
                }
                // MS Project lets a task that is scheduled by hand start as late as it likes:
                // only links from its finish hold its late dates.
                Pass::Backward => !(source.is_by_hand() && link.kind.leaves_start()),
            };
        counts.then(|| Link {
            from: from.into(),
            to: link.to.into(),
            kind: link.kind,
            lag: Lag { amount: link.lag, calendar: CalendarIndex::from(link.lag_calendar) },
            bound: Bound::Minimum,
        })
    }
}

impl Node {
    /// Whether nothing but its own date moves it.
    fn is_fixed(&self) -> bool {
        let must =
            |kind| matches!(kind, ConstraintKind::MustStartOn | ConstraintKind::MustFinishOn);
        matches!(self.state, State::Kept { .. })
            || self.is_open() && self.constraints.iter().any(|(kind, _)| must(*kind))
    }

    fn is_by_hand(&self) -> bool {
        matches!(self.state, State::Kept { .. }) && self.role == Role::Task
    }
}
