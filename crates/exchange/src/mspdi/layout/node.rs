//! Tasks as nodes.

use std::collections::{HashMap, HashSet};

use longlead_network::{At, Calendar, Side, Span};

use crate::report::Loss;

use super::super::{Assignment, ConstraintKind, Project, Task};
use super::calendars::{ELAPSED, Shop};
use super::{Clock, Outline, subject};

/// A node of the network: a task that has no tasks below it, or a helper.
#[derive(Clone, Debug)]
pub(in super::super) struct Node {
    pub(in super::super) name: String,
    pub(in super::super) role: Role,
    /// Place in `Project::tasks`; none for helpers.
    pub(in super::super) task: Option<usize>,
    /// On which it is worked.
    pub(in super::super) calendar: usize,
    /// On which its slack is counted: a resource's calendar says when there is work, not what
    /// slack is worth.
    pub(in super::super) slack_calendar: usize,
    /// Slots of work.
    pub(in super::super) work: f64,
    pub(in super::super) state: State,
    /// Its own and those inherited from summaries.
    pub(in super::super) constraints: Vec<(ConstraintKind, At)>,
    pub(in super::super) is_late: bool,
    pub(in super::super) deadline: Option<At>,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Role {
    /// A task.
    Task,
    /// An event of a summary, or part of a levelling delay.
    Helper,
}

/// What is known of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum State {
    /// MS Project schedules it.
    Open,
    /// It has begun; `remaining` slots are left, to be done from `resume` at the earliest.
    Started { start: At, resume: At, remaining: f64 },
    /// It is done.
    Finished { start: At, finish: At },
    /// It keeps its dates, for a reason.
    Kept { start: At, finish: At, reason: &'static str },
}

impl Node {
    /// A node on the elapsed calendar that takes no time.
    pub(super) fn helper(name: String) -> Node {
        Node {
            name,
            role: Role::Helper,
            task: None,
            calendar: ELAPSED,
            slack_calendar: ELAPSED,
            work: 0.0,
            state: State::Open,
            constraints: Vec::new(),
            is_late: false,
            deadline: None,
        }
    }

    pub(in super::super) fn is_open(&self) -> bool {
        self.state == State::Open
    }
}

/// Makes nodes of tasks.
pub(super) struct Draft<'a> {
    project: &'a Project,
    outline: &'a Outline,
    clock: Clock,
    assignments: Vec<Vec<&'a Assignment>>,
    nodes: Vec<Node>,
    /// By place in `Project::tasks`.
    of_task: Vec<Option<usize>>,
    uids: HashSet<i64>,
    losses: Vec<Loss>,
}

type Drafted = (Vec<Node>, Vec<Option<usize>>, Vec<Loss>);

impl<'a> Draft<'a> {
    pub(super) fn new(project: &'a Project, outline: &'a Outline, clock: Clock) -> Draft<'a> {
        let place: HashMap<i64, usize> =
            project.tasks.iter().enumerate().rev().map(|(place, task)| (task.uid, place)).collect();
        let mut assignments = vec![Vec::new(); project.tasks.len()];
        for assignment in &project.assignments {
            let of = place.get(&assignment.task_uid).and_then(|it| assignments.get_mut(*it));
            if let Some(of) = of {
                of.push(assignment);
            }
        }
        let of_task = vec![None; project.tasks.len()];
        Draft {
            project,
            outline,
            clock,
            assignments,
            nodes: Vec::new(),
            of_task,
            uids: HashSet::new(),
            losses: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Drafted {
        (self.nodes, self.of_task, self.losses)
    }

    pub(super) fn add_tasks(&mut self, shop: &mut Shop<'_>) {
        for (place, task) in self.project.tasks.iter().enumerate() {
            let is_summary = self.outline.is_summary(place);
            // A summary scheduled by hand has dates of its own, whatever is below it.
            let has_node = !is_summary || (task.is_manual && task.outline_level > 0);
            if task.is_null || task.is_inactive || !has_node {
                continue;
            }
            if let Some(node) = self.node(place, task, shop) {
                if let Some(of_task) = self.of_task.get_mut(place) {
                    *of_task = Some(self.nodes.len());
                }
                self.nodes.push(node);
            }
        }
    }

    fn node(&mut self, place: usize, task: &Task, shop: &mut Shop<'_>) -> Option<Node> {
        let is_elapsed = task.duration_format.is_elapsed();
        let own = if is_elapsed { ELAPSED } else { shop.of_task(task.calendar_uid) };
        let mut reason = kept_reason(task);
        let mut calendar = own;
        if !is_elapsed {
            match self.assigned_calendar(place, task, own, shop) {
                Ok(assigned) => calendar = assigned,
                Err(several) => reason = reason.or(Some(several)),
            }
        }
        let table = shop.calendar(calendar)?;
        let work = self.work(place, task, table);
        let state = self.state(task, table, work, reason)?;
        let mut node = Node {
            name: self.name(task),
            task: Some(place),
            role: Role::Task,
            calendar,
            slack_calendar: own,
            work,
            state,
            ..Node::helper(String::new())
        };
        self.hold(place, task, &mut node);
        Some(node)
    }

    /// Names key nodes, so a UID that is given twice is told apart.
    fn name(&mut self, task: &Task) -> String {
        let is_new = self.uids.insert(task.uid);
        if is_new { task.uid.to_string() } else { format!("{}#{}", task.uid, self.nodes.len()) }
    }

    /// The calendar on which its resources work, or why there isn't one.
    fn assigned_calendar(
        &self,
        place: usize,
        task: &Task,
        own: usize,
        shop: &mut Shop<'_>,
    ) -> Result<usize, &'static str> {
        if task.ignores_resource_calendars {
            return Ok(own);
        }
        let mut chosen: Option<usize> = None;
        for assignment in self.assignments.get(place).into_iter().flatten() {
            let resource =
                self.project.resources.iter().find(|it| it.uid == assignment.resource_uid);
            let Some(resource) = resource.filter(|it| it.kind == 1) else { continue };
            let known = |uid: &i64| self.project.calendar(*uid).is_some();
            let calendar = match resource.calendar_uid.filter(known) {
                Some(uid) => shop.of_assignment(task.calendar_uid, uid),
                None => own,
            };
            match chosen {
                Some(chosen) if !shop.are_same(chosen, calendar) => {
                    return Err("its resources have different calendars");
                }
                _ => chosen = Some(calendar),
            }
        }
        Ok(chosen.map_or(own, |it| if shop.are_same(it, own) { own } else { it }))
    }

    /// Slots of work, with the pauses of a split task, which move along with it.
    fn work(&mut self, place: usize, task: &Task, calendar: &Calendar) -> f64 {
        let dates = task.start.zip(task.finish);
        let Some(seconds) = task.duration_seconds else {
            let instead = "taken as the working time between its dates";
            self.losses.push(Loss::new(subject(task), "no duration", instead));
            return dates.map_or(0.0, |(start, finish)| {
                worked(calendar, self.clock.at(start), self.clock.at(finish)).slots().max(0.0)
            });
        };
        let pauses = self.pauses(place, calendar, &[1, 2]);
        seconds.max(0) as f64 / 60.0 + pauses.slots()
    }

    /// Working time without work between stretches of work.
    fn pauses(&self, place: usize, calendar: &Calendar, kinds: &[u8]) -> Span {
        let assignments = self.assignments.get(place).into_iter().flatten();
        let mut stretches: Vec<(At, At)> = assignments
            .flat_map(|assignment| &assignment.timephased)
            .filter(|it| kinds.contains(&it.kind) && it.work_seconds > 0)
            .map(|it| (self.clock.at(it.start), self.clock.at(it.finish)))
            .collect();
        stretches.sort();
        let mut pauses = Span::ZERO;
        let mut end: Option<At> = None;
        for (start, finish) in stretches {
            if let Some(end) = end.filter(|end| *end < start) {
                pauses = pauses + worked(calendar, end, start);
            }
            end = Some(end.map_or(finish, |end| end.max(finish)));
        }
        pauses
    }

    fn state(
        &self,
        task: &Task,
        calendar: &Calendar,
        work: f64,
        reason: Option<&'static str>,
    ) -> Option<State> {
        let at = |date: Option<_>| date.map(|it| self.clock.at(it));
        let dates = at(task.start).zip(at(task.finish));
        if let (Some(reason), Some((start, finish))) = (reason, dates) {
            return Some(State::Kept { start, finish: finish.max(start), reason });
        }
        let finish = at(task.actual_finish)
            .or_else(|| at(task.finish).filter(|_| task.percent_complete == 100));
        let has_begun = task.actual_start.is_some() || task.percent_complete > 0;
        let start = at(task.actual_start).or_else(|| at(task.start).filter(|_| has_begun));
        match (start, finish) {
            (Some(start), Some(finish)) => {
                Some(State::Finished { start, finish: finish.max(start) })
            }
            (None, Some(finish)) => Some(State::Finished { start: finish, finish }),
            (Some(start), None) => Some(started(task, calendar, start, at(task.resume), work)),
            (None, None) => Some(State::Open),
        }
    }

    /// Imposed dates: the task's own, and those that summaries hand down.
    fn hold(&mut self, place: usize, task: &Task, node: &mut Node) {
        let at = |date| self.clock.at(date);
        node.is_late = task.constraint == ConstraintKind::AsLateAsPossible;
        node.deadline = task.deadline.map(at);
        let dated = |task: &Task| task.constraint_date.map(|date| (task.constraint, at(date)));
        node.constraints.extend(dated(task).filter(|(kind, _)| has_date(*kind)));
        for above in self.outline.above(place) {
            let Some(above) = self.project.tasks.get(above) else { continue };
            let inherited = dated(above).filter(|(kind, _)| {
                matches!(
                    kind,
                    ConstraintKind::StartNoEarlierThan | ConstraintKind::FinishNoLaterThan
                )
            });
            node.constraints.extend(inherited);
            let deadline = above.deadline.map(at);
            node.deadline = node.deadline.into_iter().chain(deadline).min();
        }
    }
}

fn has_date(kind: ConstraintKind) -> bool {
    !matches!(kind, ConstraintKind::AsSoonAsPossible | ConstraintKind::AsLateAsPossible)
}

/// Why MS Project doesn't schedule a task, if it doesn't.
fn kept_reason(task: &Task) -> Option<&'static str> {
    if task.is_manual {
        Some("scheduled by hand")
    } else if task.is_external {
        Some("belongs to another file")
    } else if task.is_subproject {
        Some("stands for another file")
    } else {
        None
    }
}

/// Working time between two instants.
pub(in super::super) fn worked(calendar: &Calendar, from: At, to: At) -> Span {
    calendar.work(to) - calendar.work(from)
}

fn started(task: &Task, calendar: &Calendar, start: At, resume: Option<At>, work: f64) -> State {
    let left = 1.0 - f64::from(task.percent_complete) / 100.0;
    let remaining =
        task.remaining_seconds.map_or(work * left, |it| it.max(0) as f64 / 60.0).min(work);
    let done = Span::from_slots(work - remaining);
    let usual = calendar.at(calendar.work(start) + done, Side::Start);
    let has_work_done = done > Span::ZERO;
    let resume = resume.filter(|it| has_work_done && *it > start).unwrap_or(usual);
    State::Started { start, resume, remaining }
}
