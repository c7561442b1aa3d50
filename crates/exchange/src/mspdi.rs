//! MS Project XML (MSPDI): read, written, scheduled as MS Project schedules, and turned to and
//! from records.
//!
//! [`Project`] says what a file says, in plain data and without judgement. It is the neutral
//! middle: [`read`] and [`write()`] face the file, [`to_records`] and [`from_records`] face the
//! bundle, and [`schedule`] computes what MS Project would.
//!
//! Times are civil: a file has no time zone. Durations are in seconds, slacks and lags in tenths
//! of a minute, as in the file.

mod duration;
mod export;
mod import;
mod layout;
mod read;
mod schedule;
mod working_time;
mod write;

use jiff::civil::{Date, DateTime, Time};

pub use duration::DurationFormat;
pub use export::{DatedActivity, from_records};
pub use import::{Imported, to_records};
pub use layout::{NetworkPlan, network};
pub use read::{ReadError, read};
pub use schedule::{Basis, ScheduleFailure, Scheduled, TaskDates, schedule};
pub use working_time::working_times;
pub use write::write;

/// A project file.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Name of the file, as the file says.
    pub name: String,
    /// Name of the project.
    pub title: String,
    /// When the project starts; no automatically scheduled task without an actual start is before.
    pub start: Option<DateTime>,
    /// When it finishes.
    pub finish: Option<DateTime>,
    /// From which end tasks are scheduled.
    pub direction: Direction,
    /// The instant for which progress is told.
    pub status_date: Option<DateTime>,
    /// "Today", when the file was written.
    pub current_date: Option<DateTime>,
    /// The calendar of tasks that name none.
    pub calendar_uid: Option<i64>,
    /// The time of day that a date typed as a start gets.
    pub default_start: Time,
    /// The time of day that a date typed as a finish gets.
    pub default_finish: Time,
    /// What a day of duration is worth.
    pub minutes_per_day: u32,
    /// What a week of duration is worth.
    pub minutes_per_week: u32,
    /// What a month of duration is worth.
    pub days_per_month: u32,
    /// Tasks with this many days of slack or less are critical.
    pub critical_slack_limit_days: i64,
    /// The file's own flag for dates that links contradict; see [`schedule`].
    pub honor_constraints: bool,
    /// Each chain of tasks has a critical path of its own.
    pub multiple_critical_paths: bool,
    /// What is left of a task that began out of order waits for its predecessors.
    pub splits_in_progress_tasks: bool,
    /// New tasks are scheduled by hand.
    pub new_tasks_are_manual: bool,
    /// Calendars in the order of the file.
    pub calendars: Vec<Calendar>,
    /// Tasks in the order of the file, which with [`Task::outline_level`] makes the outline.
    pub tasks: Vec<Task>,
    /// People and things that do the work.
    pub resources: Vec<Resource>,
    /// Who does what.
    pub assignments: Vec<Assignment>,
}

/// From which end tasks are scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Forward from the project's start.
    #[default]
    FromStart,
    /// Backward from the project's finish.
    FromFinish,
}

impl Default for Project {
    fn default() -> Self {
        Project {
            name: String::new(),
            title: String::new(),
            start: None,
            finish: None,
            direction: Direction::FromStart,
            status_date: None,
            current_date: None,
            calendar_uid: None,
            default_start: Time::constant(8, 0, 0, 0),
            default_finish: Time::constant(17, 0, 0, 0),
            minutes_per_day: 480,
            minutes_per_week: 2400,
            days_per_month: 20,
            critical_slack_limit_days: 0,
            honor_constraints: false,
            multiple_critical_paths: false,
            splits_in_progress_tasks: true,
            new_tasks_are_manual: false,
            calendars: Vec::new(),
            tasks: Vec::new(),
            resources: Vec::new(),
            assignments: Vec::new(),
        }
    }
}

/// When work is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Its number.
    pub uid: i64,
    /// Its name.
    pub name: String,
    /// Whether others may be derived from it.
    pub is_base: bool,
    /// The calendar from which it is derived.
    pub base_uid: Option<i64>,
    /// The usual week.
    pub week: Week,
    /// Holidays and other days that differ.
    pub exceptions: Vec<Exception>,
    /// Periods with another usual week.
    pub work_weeks: Vec<WorkWeek>,
}

/// Hours of each day, Monday first. `None` is what the base calendar says.
pub type Week = [Option<Vec<Hours>>; 7];

/// A stretch of working time within a day, in minutes after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours {
    /// First minute worked.
    pub from: u16,
    /// The minute after the last, up to 1440.
    pub to: u16,
}

/// Days that differ from the usual week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Why.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Which of the days between.
    pub recurrence: Recurrence,
    /// The hours on these days; none on a day off.
    pub hours: Vec<Hours>,
}

/// Which days of a period an [`Exception`] holds on, in the numbers that the file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// 1 every day, 2 and 3 yearly by day or by position, 4 and 5 monthly likewise, 6 weekly,
    /// 7 every n-th day, 8 every n-th weekday.
    pub kind: u8,
    /// The n of "every n-th".
    pub period: u32,
    /// How many there are, if that ends it.
    pub occurrences: Option<u32>,
    /// Bit 0 is Sunday.
    pub days_of_week: u8,
    /// What is counted: 0 days, 1 weekdays, 2 weekend days, 3 Sundays … 9 Saturdays.
    pub month_item: u8,
    /// Which of them: 0 the first … 3 the fourth, 4 the last.
    pub month_position: u8,
    /// Month, January is 0.
    pub month: u8,
    /// Day of the month.
    pub month_day: u8,
}

impl Recurrence {
    /// Every day of the period.
    pub const EVERY_DAY: Recurrence = Recurrence {
        kind: 1,
        period: 1,
        occurrences: None,
        days_of_week: 0,
        month_item: 0,
        month_position: 0,
        month: 0,
        month_day: 0,
    };
}

/// A period with another usual week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkWeek {
    /// Its name.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// The week.
    pub week: Week,
}

/// A task, a milestone, a summary of tasks or an empty row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Its number for good.
    pub uid: i64,
    /// Its row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Depth in the outline; 0 is the project itself.
    pub outline_level: u32,
    /// Whether the file calls it a summary.
    pub is_summary: bool,
    /// Whether it is shown as a milestone.
    pub is_milestone: bool,
    /// An empty row.
    pub is_null: bool,
    /// Scheduled by hand: it keeps the dates that it has.
    pub is_manual: bool,
    /// Left out of the plan.
    pub is_inactive: bool,
    /// Belongs to another file and is shown here.
    pub is_external: bool,
    /// Stands for another file.
    pub is_subproject: bool,
    /// 0 fixed units, 1 fixed duration, 2 fixed work.
    pub kind: u8,
    /// 0 to 1000.
    pub priority: Option<u32>,
    /// Its dates.
    pub start: Option<DateTime>,
    /// Its dates.
    pub finish: Option<DateTime>,
    /// Working time, or elapsed time where the format says so.
    pub duration_seconds: Option<i64>,
    /// How the duration was typed.
    pub duration_format: DurationFormat,
    /// Effort.
    pub work_seconds: Option<i64>,
    /// Where work stopped.
    pub stop: Option<DateTime>,
    /// Where it goes on.
    pub resume: Option<DateTime>,
    /// What the file says of its slack.
    pub is_critical: Option<bool>,
    /// Computed by the program that wrote the file.
    pub early_start: Option<DateTime>,
    /// Computed by the program that wrote the file.
    pub early_finish: Option<DateTime>,
    /// Computed by the program that wrote the file.
    pub late_start: Option<DateTime>,
    /// Computed by the program that wrote the file.
    pub late_finish: Option<DateTime>,
    /// Tenths of a minute.
    pub free_slack_tenths: Option<i64>,
    /// Tenths of a minute.
    pub total_slack_tenths: Option<i64>,
    /// 0 to 100.
    pub percent_complete: u32,
    /// When it really started.
    pub actual_start: Option<DateTime>,
    /// When it really finished.
    pub actual_finish: Option<DateTime>,
    /// What is left of the duration.
    pub remaining_seconds: Option<i64>,
    /// An imposed date.
    pub constraint: ConstraintKind,
    /// The date of the constraint.
    pub constraint_date: Option<DateTime>,
    /// A date that should not be missed.
    pub deadline: Option<DateTime>,
    /// A calendar of its own.
    pub calendar_uid: Option<i64>,
    /// Whether calendars of resources don't matter.
    pub ignores_resource_calendars: bool,
    /// A delay put in by levelling, in tenths of a minute.
    pub leveling_delay_tenths: i64,
    /// How the delay is counted; elapsed unless the format is a working one.
    pub leveling_delay_format: DurationFormat,
    /// Anything else to say.
    pub notes: String,
    /// What it waits for.
    pub predecessors: Vec<PredecessorLink>,
}

/// What a task's dates are held by, in the order of the file's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConstraintKind {
    /// 0
    #[default]
    AsSoonAsPossible,
    /// 1
    AsLateAsPossible,
    /// 2
    MustStartOn,
    /// 3
    MustFinishOn,
    /// 4
    StartNoEarlierThan,
    /// 5
    StartNoLaterThan,
    /// 6
    FinishNoEarlierThan,
    /// 7
    FinishNoLaterThan,
}

impl ConstraintKind {
    const ALL: [ConstraintKind; 8] = [
        ConstraintKind::AsSoonAsPossible,
        ConstraintKind::AsLateAsPossible,
        ConstraintKind::MustStartOn,
        ConstraintKind::MustFinishOn,
        ConstraintKind::StartNoEarlierThan,
        ConstraintKind::StartNoLaterThan,
        ConstraintKind::FinishNoEarlierThan,
        ConstraintKind::FinishNoLaterThan,
    ];

    fn from_number(number: i64) -> Option<ConstraintKind> {
        ConstraintKind::ALL.get(usize::try_from(number).ok()?).copied()
    }

    fn number(self) -> usize {
        ConstraintKind::ALL.iter().position(|kind| *kind == self).unwrap_or_default()
    }
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredecessorLink {
    /// The other task.
    pub predecessor_uid: i64,
    /// Which ends.
    pub kind: LinkKind,
    /// Tenths of a minute; with a percentage format, per cent of the predecessor's duration.
    pub lag: i64,
    /// How the lag is counted.
    pub lag_format: DurationFormat,
    /// The other task is in another file.
    pub crosses_projects: bool,
}

/// Which ends a link joins, in the order of the file's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkKind {
    /// 0
    FinishToFinish,
    /// 1
    #[default]
    FinishToStart,
    /// 2
    StartToFinish,
    /// 3
    StartToStart,
}

impl LinkKind {
    const ALL: [LinkKind; 4] = [
        LinkKind::FinishToFinish,
        LinkKind::FinishToStart,
        LinkKind::StartToFinish,
        LinkKind::StartToStart,
    ];

    fn from_number(number: i64) -> Option<LinkKind> {
        LinkKind::ALL.get(usize::try_from(number).ok()?).copied()
    }

    fn number(self) -> usize {
        LinkKind::ALL.iter().position(|kind| *kind == self).unwrap_or_default()
    }
}

/// Someone or something that does work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Its number.
    pub uid: i64,
    /// Its row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// 0 material, 1 work, 2 cost.
    pub kind: u8,
    /// An empty row.
    pub is_null: bool,
    /// How much of it there is; 1.0 is one person.
    pub units_max: Option<f64>,
    /// Its calendar.
    pub calendar_uid: Option<i64>,
}

/// A resource on a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    /// Its number.
    pub uid: i64,
    /// The task.
    pub task_uid: i64,
    /// The resource; some writers put −65535 for none.
    pub resource_uid: i64,
    /// How much of the resource; 1.0 is all of one person.
    pub units: Option<f64>,
    /// Effort.
    pub work_seconds: Option<i64>,
    /// How the work lies in time. A stretch without work between others is a split.
    pub timephased: Vec<Timephased>,
}

/// Work in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timephased {
    /// 1 work left, 2 work done.
    pub kind: u8,
    /// From.
    pub start: DateTime,
    /// To.
    pub finish: DateTime,
    /// How much.
    pub work_seconds: i64,
}

impl Project {
    /// The calendar of a number.
    pub fn calendar(&self, uid: i64) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.uid == uid)
    }

    /// What tasks sum up: for each task the position of its summary in the outline. Empty rows
    /// have none and are none.
    pub fn parents(&self) -> Vec<Option<usize>> {
        let mut open: Vec<usize> = Vec::new();
        let mut parents = Vec::with_capacity(self.tasks.len());
        for (position, task) in self.tasks.iter().enumerate() {
            if task.is_null {
                parents.push(None);
                continue;
            }
            while open.last().is_some_and(|&above| {
                self.tasks.get(above).is_none_or(|it| it.outline_level >= task.outline_level)
            }) {
                open.pop();
            }
            parents.push(open.last().copied());
            open.push(position);
        }
        parents
    }
}
