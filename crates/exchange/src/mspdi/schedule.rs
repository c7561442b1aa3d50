//! What MS Project would compute: early and late dates, slack and what is critical.
//!
//! The network does the arithmetic. What is MS Project's own is here: which dates links may not
//! move, what a summary's start is, at which end of a gap an event is told, and how slack is
//! counted.

mod forward;
mod slack;

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use longlead_network::{
    At, CalendarError, Compiled, Deadlines, FinishBy, NetworkError, Planning, Schedule,
    ScheduleError,
};
use thiserror::Error;

use crate::report::Loss;

use super::layout::{Fixes, Layout, MARGIN_DAYS, Pass, Role, State};
use super::{Direction, Project};

/// The dates of a project.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// When the first task starts that MS Project schedules.
    pub start: DateTime,
    /// When the last task finishes.
    pub finish: DateTime,
    /// By UID, every task that has no tasks below it, empty and inactive rows left out.
    pub tasks: BTreeMap<i64, TaskDates>,
    /// What could not be scheduled as it stands.
    pub losses: Vec<Loss>,
}

/// Dates of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskDates {
    /// How the dates came about.
    pub basis: Basis,
    /// Start.
    pub start: DateTime,
    /// Finish.
    pub finish: DateTime,
    /// The latest start that doesn't delay the project or break a deadline.
    pub late_start: DateTime,
    /// The latest such finish.
    pub late_finish: DateTime,
    /// Tenths of a minute of its calendar.
    pub total_slack_tenths: i64,
    /// Tenths of a minute of its calendar.
    pub free_slack_tenths: i64,
    /// Unfinished, and without more slack than the project's limit.
    pub is_critical: bool,
}

/// How the dates of a task came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Computed.
    Scheduled,
    /// Computed, except for what has happened.
    Started,
    /// It is done; these are its actual dates.
    Finished,
    /// The file's own dates, since MS Project doesn't compute them or the network can't: why.
    Kept(&'static str),
}

/// Why a project can't be scheduled.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScheduleFailure {
    /// There is nothing to begin with.
    #[error("the project has neither a start nor a dated task")]
    NoDates,
    /// Minutes of the project are more than a calendar counts.
    #[error("the dates from {first} to {last} are more than the thirty years that are scheduled")]
    TooLong {
        /// First date of the file.
        first: Date,
        /// Last date of the file.
        last: Date,
    },
    /// A calendar can't be made.
    #[error("a calendar can't be made")]
    Calendar(#[source] CalendarError),
    /// The network makes no sense, for example because links form a circle.
    #[error("the tasks can't be put in order")]
    Network(#[source] NetworkError),
    /// The network has no schedule.
    #[error("the tasks can't be dated")]
    Schedule(#[source] ScheduleError),
}

/// Schedules a project as MS Project does.
///
/// Imposed dates win over links, as they do unless someone unchecks "Tasks will always honor
/// their constraint dates"; the file's flag for it isn't consulted, because MS Project writes 0
/// for its own default. Tasks scheduled by hand keep the dates of the file.
///
/// # Errors
/// A project without dates, of more than thirty years, or whose links form a circle.
pub fn schedule(project: &Project) -> Result<Scheduled, ScheduleFailure> {
    let mut margin_days = MARGIN_DAYS;
    loop {
        match Scheduler::new(project, margin_days)?.schedule() {
            // Calendars are as long as they must be, and a plan may be longer than the file's
            // own dates; calendars that are too long end the search.
            Err(ScheduleFailure::Schedule(ScheduleError::BeyondHorizon { .. })) => {
                margin_days *= 3;
            }
            outcome => return outcome,
        }
    }
}

struct Scheduler<'a> {
    project: &'a Project,
    layout: Layout,
}

/// Dates of a node, at the end of a gap that MS Project tells.
#[derive(Clone, Copy, Debug)]
struct Dates {
    start: At,
    finish: At,
}

/// A compiled network with its schedule.
struct Run {
    compiled: Compiled,
    schedule: Schedule,
}

impl<'a> Scheduler<'a> {
    fn new(project: &'a Project, margin_days: i64) -> Result<Scheduler<'a>, ScheduleFailure> {
        Ok(Scheduler { project, layout: Layout::new(project, margin_days)? })
    }

    fn schedule(self) -> Result<Scheduled, ScheduleFailure> {
        let mut fixes =
            Fixes { overrides_links: !self.project.splits_in_progress_tasks, ..Fixes::default() };
        let imposed_finish = self.imposed_finish();
        if let Some(finish) = imposed_finish {
            fixes.project_start = self.start_for(finish, &fixes)?;
        }
        let early = self.early(&mut fixes, imposed_finish)?;
        let dates = self.told_dates(&early);
        let tasks = || self.layout.nodes.iter().zip(&dates).filter(|it| it.0.role == Role::Task);
        let finish = tasks().map(|(_, it)| it.finish).max().unwrap_or(self.layout.project_start);
        let start = tasks().map(|(_, it)| it.start).min().unwrap_or(self.layout.project_start);
        let deadlines = self.deadlines(FinishBy::Date(imposed_finish.unwrap_or(finish)), &dates);
        let late = self.run(Pass::Backward, &fixes, &deadlines)?;
        let slack = slack::Slack::new(&self.layout, &dates, finish, &fixes.earliest);
        let tasks = self.task_dates(&dates, &late.schedule, &slack);
        let clock = self.layout.clock;
        Ok(Scheduled {
            start: clock.civil(start),
            finish: clock.civil(finish),
            tasks,
            losses: self.layout.losses,
        })
    }

    /// The finish of a project that is scheduled from there.
    fn imposed_finish(&self) -> Option<At> {
        let is_imposed = self.project.direction == Direction::FromFinish;
        self.project.finish.filter(|_| is_imposed).map(|it| self.layout.clock.at(it))
    }

    /// The latest start with which a project still makes its finish.
    fn start_for(&self, finish: At, fixes: &Fixes) -> Result<Option<At>, ScheduleFailure> {
        let run = self.run(Pass::Backward, fixes, &self.deadlines(FinishBy::Date(finish), &[]))?;
        let dates = self.layout.nodes.iter().zip(&run.schedule.activities);
        Ok(dates.filter(|(node, _)| node.is_open()).map(|(_, it)| it.late_start).min())
    }

    fn run(
        &self,
        pass: Pass,
        fixes: &Fixes,
        deadlines: &Deadlines,
    ) -> Result<Run, ScheduleFailure> {
        let network = self.layout.network(pass, fixes);
        let compiled = network.compile().map_err(ScheduleFailure::Network)?;
        let work = compiled.planned_work(Planning::MostLikely);
        let schedule =
            compiled.schedule_with(&work, deadlines).map_err(ScheduleFailure::Schedule)?;
        Ok(Run { compiled, schedule })
    }

    /// Deadlines of tasks and, where each chain has a critical path of its own, the finish of
    /// its last task.
    fn deadlines(&self, finish: FinishBy, dates: &[Dates]) -> Deadlines {
        let mut deadlines = Deadlines { finish, ..Deadlines::default() };
        for (index, node) in self.layout.nodes.iter().enumerate() {
            if let Some(deadline) = node.deadline {
                deadlines.by_activity.push((index.into(), deadline));
            }
        }
        if self.project.multiple_critical_paths {
            let mut is_last = vec![true; self.layout.nodes.len()];
            for node in self.layout.links.iter().flat_map(|link| self.sources(link)) {
                if let Some(flag) = is_last.get_mut(node) {
                    *flag = false;
                }
            }
            let last = dates.iter().enumerate().zip(is_last).filter(|(_, is_last)| *is_last);
            let own = last.map(|((index, dates), _)| (index.into(), dates.finish));
            deadlines.by_activity.extend(own);
        }
        deadlines
    }

    fn task_dates(
        &self,
        dates: &[Dates],
        late: &Schedule,
        slack: &slack::Slack<'_>,
    ) -> BTreeMap<i64, TaskDates> {
        let limit = self.project.critical_slack_limit_days;
        let limit = limit.saturating_mul(i64::from(self.project.minutes_per_day) * 10);
        let clock = self.layout.clock;
        let mut tasks = BTreeMap::new();
        for (index, node) in self.layout.nodes.iter().enumerate() {
            let task = node.task.and_then(|place| self.project.tasks.get(place));
            let (Some(task), Some(dates), Some(late)) =
                (task, dates.get(index), late.activities.get(index))
            else {
                continue;
            };
            let basis = basis(node.state);
            let total = slack.total(index, late);
            let is_done = basis == Basis::Finished || task.percent_complete == 100;
            let dates = TaskDates {
                basis,
                start: clock.civil(dates.start),
                finish: clock.civil(dates.finish),
                late_start: clock.civil(late.late_start),
                late_finish: clock.civil(late.late_finish),
                total_slack_tenths: total,
                free_slack_tenths: slack.free(index),
                is_critical: !is_done && total <= limit,
            };
            tasks.entry(task.uid).or_insert(dates);
        }
        tasks
    }
}

fn basis(state: State) -> Basis {
    match state {
        State::Open => Basis::Scheduled,
        State::Started { .. } => Basis::Started,
        State::Finished { .. } => Basis::Finished,
        State::Kept { reason, .. } => Basis::Kept(reason),
    }
}

#[cfg(test)]
mod tests;
