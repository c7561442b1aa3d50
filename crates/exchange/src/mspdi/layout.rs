//! A project laid out as nodes and links between them, from which networks are made.
//!
//! One slot is one minute. Tasks of no length live on the elapsed calendar, where the end of
//! Friday and the start of Monday are two instants: a milestone keeps the one that it was driven
//! to. Summaries become *hubs*: events of no length that its tasks lead to.

mod calendars;
mod link;
mod node;
mod passes;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use longlead_network::{ActivityIndex, At, Calendar, Network, TICKS_PER_SLOT};

use crate::report::{Loss, Subject};

use super::schedule::ScheduleFailure;
use super::{Project, Task};

pub(super) use calendars::ELAPSED;
pub(super) use link::{NodeLink, Source};
pub(super) use node::{Node, Role, State, worked};
pub(super) use passes::{Fixes, Pass};

/// Days that the horizon reaches beyond the dates of the file, at first.
pub(super) const MARGIN_DAYS: i64 = 400;

/// The deepest outline that is followed: deeper than any plan, shallow enough for a file that is
/// made to hurt.
const DEPTH_MAX: usize = 200;

/// A project as a network in minutes.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// One activity for each task that has no tasks below it, and some helpers of no length for
    /// summaries and levelling delays.
    pub network: Network,
    /// The instant at which slot 0 begins.
    pub origin: DateTime,
    /// The activity of a task, by the task's UID.
    pub activities: BTreeMap<i64, ActivityIndex>,
    /// What the network can't say.
    pub losses: Vec<Loss>,
}

/// The network of a project: what MS Project's forward pass works on.
///
/// Tasks that MS Project doesn't schedule itself keep the dates that the file has.
///
/// # Errors
/// A project without dates, or one that is longer than a calendar of minutes can be.
pub fn network(project: &Project) -> Result<NetworkPlan, ScheduleFailure> {
    let layout = Layout::new(project, MARGIN_DAYS)?;
    let network = layout.network(Pass::Forward, &Fixes::default());
    let activities = layout
        .nodes
        .iter()
        .enumerate()
        .filter_map(|(index, node)| Some((node.task?, index)))
        .filter_map(|(task, index)| Some((project.tasks.get(task)?.uid, index.into())))
        .collect();
    Ok(NetworkPlan { network, origin: layout.clock.origin, activities, losses: layout.losses })
}

/// Between civil instants and those of the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) origin: DateTime,
}

impl Clock {
    pub(super) fn at(self, instant: DateTime) -> At {
        let seconds = instant.duration_since(self.origin).as_secs();
        At::from_ticks((seconds * TICKS_PER_SLOT).div_euclid(60))
    }

    /// The civil instant, to the nearest second. What lies beyond the calendar's last year is
    /// its last instant.
    pub(super) fn civil(self, at: At) -> DateTime {
        let seconds = (i128::from(at.ticks()) * 60 + i128::from(TICKS_PER_SLOT / 2))
            .div_euclid(i128::from(TICKS_PER_SLOT));
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.origin.saturating_add(SignedDuration::from_secs(seconds))
    }
}

/// The project, laid out.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) clock: Clock,
    pub(super) horizon_slots: u32,
    /// The first one works always.
    pub(super) calendars: Vec<Calendar>,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<NodeLink>,
    pub(super) project_start: At,
    pub(super) losses: Vec<Loss>,
    /// Summaries whose start is waited for, with the nodes of which it is the earliest.
    pub(super) awaited_starts: Vec<Vec<usize>>,
}

impl Layout {
    pub(super) fn new(project: &Project, margin_days: i64) -> Result<Layout, ScheduleFailure> {
        let (origin, horizon_slots) = horizon(project, margin_days)?;
        let clock = Clock { origin };
        let mut shop = calendars::Shop::new(project, origin.date(), horizon_slots);
        let outline = Outline::new(project);
        let start = project_start(project).ok_or(ScheduleFailure::NoDates)?;
        let mut draft = node::Draft::new(project, &outline, clock);
        draft.add_tasks(&mut shop);
        let (nodes, of_task, mut losses) = draft.finish();
        let mut linker = link::Linker::new(clock, project, &outline, nodes, &of_task);
        linker.add_links(&mut shop);
        let link::Linked { nodes, links, awaited_starts, losses: more } = linker.finish();
        losses.extend(more);
        losses.append(&mut shop.losses);
        Ok(Layout {
            clock,
            horizon_slots,
            calendars: shop.finish()?,
            nodes,
            links,
            project_start: clock.at(start),
            losses,
            awaited_starts,
        })
    }
}

/// Who is whose summary.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) parents: Vec<Option<usize>>,
    is_summary: Vec<bool>,
}

impl Outline {
    pub(super) fn new(project: &Project) -> Outline {
        let parents = project.parents();
        let mut is_summary = vec![false; parents.len()];
        for parent in parents.iter().flatten() {
            if let Some(flag) = is_summary.get_mut(*parent) {
                *flag = true;
            }
        }
        Outline { parents, is_summary }
    }

    pub(super) fn is_summary(&self, task: usize) -> bool {
        self.is_summary.get(task).copied().unwrap_or(false)
    }

    /// The summaries above a task, nearest first.
    pub(super) fn above(&self, task: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.parent(task), |above| self.parent(*above)).take(DEPTH_MAX)
    }

    fn parent(&self, task: usize) -> Option<usize> {
        self.parents.get(task).copied().flatten()
    }
}

pub(super) fn subject(task: &Task) -> Subject {
    Subject::Task { uid: task.uid, name: task.name.clone() }
}

/// The project's start, or where the file has none, its first date.
fn project_start(project: &Project) -> Option<DateTime> {
    project.start.or_else(|| project.tasks.iter().filter_map(|task| task.start).min())
}

/// Where slot 0 lies and how many slots there are, for every date of the file to be inside.
fn horizon(project: &Project, margin_days: i64) -> Result<(DateTime, u32), ScheduleFailure> {
    let of_task = |task: &Task| {
        [
            task.start,
            task.finish,
            task.actual_start,
            task.actual_finish,
            task.stop,
            task.resume,
            task.constraint_date,
            task.deadline,
        ]
    };
    let known = || project.tasks.iter().filter(|task| !task.is_null && !task.is_inactive);
    let dates =
        || [project.start, project.finish].into_iter().chain(known().flat_map(of_task)).flatten();
    let (first, last) = dates().min().zip(dates().max()).ok_or(ScheduleFailure::NoDates)?;
    let longest = known().filter_map(|task| task.duration_seconds).max().unwrap_or_default();
    let too_long = || ScheduleFailure::TooLong { first: first.date(), last: last.date() };
    let shifted = |date: Date, days: i64| {
        date.checked_add(SignedDuration::from_hours(days.saturating_mul(24))).ok()
    };
    let origin = shifted(first.date(), -margin_days).ok_or_else(too_long)?;
    let days = last.date().duration_since(origin).as_hours() / 24 + margin_days;
    // A working day has eight hours or so, a day of the horizon has twenty-four.
    let days = days.saturating_add(longest / 86_400 * 4);
    let slots = u32::try_from(days.saturating_mul(1440)).map_err(|_| too_long())?;
    if slots > Calendar::HORIZON_SLOTS_MAX {
        return Err(too_long());
    }
    Ok((origin.at(0, 0, 0, 0), slots))
}
