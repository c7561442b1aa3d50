//! Links of a project as links between nodes.

use std::collections::HashMap;

use longlead_network::LinkKind;

use crate::report::Loss;

use super::super::{ConstraintKind, PredecessorLink, Project, Task};
use super::calendars::{ELAPSED, Shop};
use super::node::{Node, State};
use super::{Clock, Outline, subject};

/// The longest lag that is believed, in minutes: a century.
const LAG_MAX: f64 = 100.0 * 366.0 * 1440.0;

/// A link between nodes.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct NodeLink {
    pub(in super::super) from: Source,
    pub(in super::super) to: usize,
    pub(in super::super) kind: LinkKind,
    /// Slots of the lag's calendar.
    pub(in super::super) lag: f64,
    pub(in super::super) lag_calendar: usize,
}

/// Where a link begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Source {
    /// At a node.
    Node(usize),
    /// At whichever node of a summary starts first, by place in `Layout::awaited_starts`.
    EarliestOf(usize),
}

/// Lays links out.
pub(super) struct Linker<'a> {
    clock: Clock,
    project: &'a Project,
    outline: &'a Outline,
    of_task: &'a [Option<usize>],
    place_of_uid: HashMap<i64, usize>,
    /// The nodes below each summary.
    below: HashMap<usize, Vec<usize>>,
    /// Where links that hold a node's start lead to.
    entries: HashMap<usize, usize>,
    finish_hubs: HashMap<usize, usize>,
    awaited: HashMap<usize, usize>,
    linked: Linked,
}

/// What comes of it.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<NodeLink>,
    pub(super) awaited_starts: Vec<Vec<usize>>,
    pub(super) losses: Vec<Loss>,
}

impl<'a> Linker<'a> {
    pub(super) fn new(
        clock: Clock,
        project: &'a Project,
        outline: &'a Outline,
        nodes: Vec<Node>,
        of_task: &'a [Option<usize>],
    ) -> Linker<'a> {
        let places = project.tasks.iter().enumerate().rev();
        let place_of_uid = places.map(|(place, task)| (task.uid, place)).collect();
        let mut below: HashMap<usize, Vec<usize>> = HashMap::new();
        for (place, node) in of_task.iter().enumerate() {
            let Some(node) = node else { continue };
            for above in outline.above(place) {
                below.entry(above).or_default().push(*node);
            }
        }
        let linked =
            Linked { nodes, links: Vec::new(), awaited_starts: Vec::new(), losses: Vec::new() };
        Linker {
            clock,
            project,
            outline,
            of_task,
            place_of_uid,
            below,
            entries: HashMap::new(),
            finish_hubs: HashMap::new(),
            awaited: HashMap::new(),
            linked,
        }
    }

    pub(super) fn finish(self) -> Linked {
        self.linked
    }

    pub(super) fn add_links(&mut self, shop: &mut Shop<'_>) {
        for node in 0..self.linked.nodes.len() {
            self.delay(node);
        }
        for (place, task) in self.project.tasks.iter().enumerate() {
            if task.is_null || task.is_inactive {
                continue;
            }
            let targets = match self.node_of(place) {
                Some(node) => vec![node],
                None => self.below.get(&place).cloned().unwrap_or_default(),
            };
            for link in &task.predecessors {
                self.link(place, task, link, &targets, shop);
            }
        }
    }

    fn node_of(&self, place: usize) -> Option<usize> {
        self.of_task.get(place).copied().flatten()
    }

    fn lose(&mut self, task: &Task, what: impl Into<String>, instead: &str) {
        self.linked.losses.push(Loss::new(subject(task), what, instead));
    }

    /// A levelling delay counts from the instant at which the task could start: an anchor on the
    /// task's own calendar finds that instant, a wait follows it, and the task follows the wait.
    fn delay(&mut self, node: usize) {
        let Some(delayed) = self.linked.nodes.get(node) else { return };
        let Some(task) = delayed.task.and_then(|place| self.project.tasks.get(place)) else {
            return;
        };
        if task.leveling_delay_tenths <= 0 || !delayed.is_open() {
            return;
        }
        let is_floor =
            |(kind, _): &(ConstraintKind, _)| *kind == ConstraintKind::StartNoEarlierThan;
        let anchor = Node {
            calendar: delayed.calendar,
            constraints: delayed.constraints.iter().copied().filter(is_floor).collect(),
            ..Node::helper(format!("could start {}", delayed.name))
        };
        let elapsed = task.leveling_delay_format.is_elapsed();
        let wait = Node {
            calendar: if elapsed { ELAPSED } else { delayed.calendar },
            work: (task.leveling_delay_tenths as f64 / 10.0).min(LAG_MAX),
            ..Node::helper(format!("levelling of {}", delayed.name))
        };
        let anchor = self.add(anchor);
        let wait = self.add(wait);
        self.entries.insert(node, anchor);
        self.join(Source::Node(anchor), wait, LinkKind::StartToStart);
        self.join(Source::Node(wait), node, LinkKind::FinishToStart);
    }

    fn add(&mut self, node: Node) -> usize {
        self.linked.nodes.push(node);
        self.linked.nodes.len() - 1
    }

    fn join(&mut self, from: Source, to: usize, kind: LinkKind) {
        self.linked.links.push(NodeLink { from, to, kind, lag: 0.0, lag_calendar: ELAPSED });
    }

    fn link(
        &mut self,
        place: usize,
        task: &Task,
        link: &PredecessorLink,
        targets: &[usize],
        shop: &mut Shop<'_>,
    ) {
        let from = self.place_of_uid.get(&link.predecessor_uid).copied();
        let predecessor = from.and_then(|it| Some((it, self.project.tasks.get(it)?)));
        let Some((from, predecessor)) = predecessor else {
            return self.keep(task, link, targets);
        };
        if predecessor.is_null || predecessor.is_inactive {
            return;
        }
        let is_family = from == place
            || self.outline.above(place).any(|it| it == from)
            || self.outline.above(from).any(|it| it == place);
        if is_family {
            return self.lose(task, "a link between a summary and its own task", "left out");
        }
        let kind = kind_of(link);
        let Some(source) = self.source(from, predecessor, kind) else { return };
        let Some((lag, lag_calendar)) = lag_of(link, predecessor, task, shop) else {
            return self.lose(
                task,
                format!("a lag of {} tenths of a minute", link.lag),
                "left out",
            );
        };
        let joined = |to| NodeLink { from: source, to, kind, lag, lag_calendar };
        match targets {
            [_, _, ..] if !kind.enters_finish() => {
                let hub = self.add(Node::helper(format!(
                    "start of {}, held by {} ({})",
                    task.uid,
                    link.predecessor_uid,
                    self.linked.nodes.len(),
                )));
                self.linked.links.push(joined(hub));
                for target in targets {
                    self.enter(Source::Node(hub), *target);
                }
            }
            targets => {
                for target in targets {
                    let to = if kind.enters_finish() { *target } else { self.entry(*target) };
                    self.linked.links.push(joined(to));
                }
            }
        }
    }

    fn entry(&self, node: usize) -> usize {
        self.entries.get(&node).copied().unwrap_or(node)
    }

    fn enter(&mut self, from: Source, to: usize) {
        let to = self.entry(to);
        self.join(from, to, LinkKind::FinishToStart);
    }

    /// What waits for something that the file doesn't have keeps its dates.
    fn keep(&mut self, task: &Task, link: &PredecessorLink, targets: &[usize]) {
        let reason = if link.crosses_projects {
            "waits for a task of another file"
        } else {
            "waits for a task that the file doesn't have"
        };
        for target in targets {
            let node = self.linked.nodes.get_mut(*target);
            let Some(node) = node.filter(|node| node.is_open()) else { continue };
            let own = node.task.and_then(|place| self.project.tasks.get(place));
            let dates = own.and_then(|task| task.start.zip(task.finish));
            if let Some((start, finish)) = dates {
                let (start, finish) = (self.clock.at(start), self.clock.at(finish));
                node.state = State::Kept { start, finish: finish.max(start), reason };
            }
        }
        self.lose(task, reason, "kept at its dates");
    }

    fn source(&mut self, from: usize, task: &Task, kind: LinkKind) -> Option<Source> {
        if let Some(node) = self.node_of(from) {
            return Some(Source::Node(node));
        }
        let below = self.below.get(&from).filter(|below| !below.is_empty())?.clone();
        if let [only] = below.as_slice() {
            return Some(Source::Node(*only));
        }
        if kind.leaves_start() {
            let next = self.linked.awaited_starts.len();
            let place = *self.awaited.entry(from).or_insert(next);
            if place == next {
                self.linked.awaited_starts.push(below);
            }
            return Some(Source::EarliestOf(place));
        }
        if let Some(hub) = self.finish_hubs.get(&from) {
            return Some(Source::Node(*hub));
        }
        let hub = self.add(Node::helper(format!("finish of {} ({from})", task.uid)));
        self.finish_hubs.insert(from, hub);
        for node in below {
            self.join(Source::Node(node), hub, LinkKind::FinishToStart);
        }
        Some(Source::Node(hub))
    }
}

fn kind_of(link: &PredecessorLink) -> LinkKind {
    match link.kind {
        super::super::LinkKind::FinishToFinish => LinkKind::FinishToFinish,
        super::super::LinkKind::FinishToStart => LinkKind::FinishToStart,
        super::super::LinkKind::StartToFinish => LinkKind::StartToFinish,
        super::super::LinkKind::StartToStart => LinkKind::StartToStart,
    }
}

/// The lag in slots and the calendar on which it is counted: elapsed, or the successor's, or the
/// project's where the successor has none. `None` for a lag that no plan has.
fn lag_of(
    link: &PredecessorLink,
    predecessor: &Task,
    successor: &Task,
    shop: &mut Shop<'_>,
) -> Option<(f64, usize)> {
    let format = link.lag_format;
    let mut lag = link.lag as f64 / 10.0;
    let mut is_elapsed = format.is_elapsed();
    if format.is_percent() {
        let duration = predecessor.duration_seconds.unwrap_or_default() as f64 / 60.0;
        lag = duration * link.lag as f64 / 100.0;
        // A share of elapsed time is elapsed time.
        is_elapsed |= predecessor.duration_format.is_elapsed();
    }
    if lag.abs() > LAG_MAX {
        return None;
    }
    let calendar = if is_elapsed { ELAPSED } else { shop.of_task(successor.calendar_uid) };
    Some((lag, calendar))
}
