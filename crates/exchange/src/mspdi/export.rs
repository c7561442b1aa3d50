//! Records as a project.

mod calendar;

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, DateTime};
use longlead_model::{
    Activity, ActivityId, Actual, Bound, Bundle, CalendarId, Distribution, Estimate, Kind, Link,
    LinkKind as ModelLinkKind, Milestone, TeamId, TimeUnit, Work,
};

use crate::report::{Loss, Subject};

use super::{
    Assignment, ConstraintKind, DurationFormat, LinkKind, PredecessorLink, Project, Resource, Task,
    schedule,
};
use calendar::Calendars;

/// An activity with the dates of a forecast: a derived one, or an authored one whose dates are
/// known better than its estimate alone would tell.
#[derive(Clone, Debug, PartialEq)]
pub struct DatedActivity {
    /// Its id.
    pub id: ActivityId,
    /// Its name.
    pub title: String,
    /// First day of work.
    pub start: Date,
    /// Last day of work; for a milestone, its day.
    pub finish: Date,
    /// Whether it is a point in time.
    pub is_milestone: bool,
    /// The date that it should hold.
    pub target: Option<Date>,
    /// What it follows.
    pub after: Vec<ActivityId>,
}

/// What keeps a working day's worth in a file.
const MINUTES_PER_DAY: f64 = 480.0;

/// Turns records into a project that starts on `start`.
///
/// Authored activities become tasks that MS Project schedules; derived ones, which MS Project
/// can't derive, become tasks with the dates of `dated`, scheduled by hand. A distribution is
/// told by its most likely value (the median, where that is what was estimated).
pub fn from_records(bundle: &Bundle, dated: &[DatedActivity], start: Date) -> (Project, Vec<Loss>) {
    let mut exporter = Exporter::new(bundle, dated, start);
    exporter.teams();
    exporter.authored();
    exporter.derived(dated);
    exporter.links();
    exporter.tell_what_is_left_out();
    exporter.date();
    (exporter.project, exporter.losses)
}

struct Exporter<'a> {
    bundle: &'a Bundle,
    calendars: Calendars<'a>,
    project: Project,
    losses: Vec<Loss>,
    team_uids: BTreeMap<&'a TeamId, i64>,
    /// Places of tasks in the project.
    places: HashMap<ActivityId, usize>,
    dates: HashMap<&'a ActivityId, &'a DatedActivity>,
    /// What waits for what, to be linked once all tasks are there.
    after: Vec<(ActivityId, ActivityId)>,
}

impl<'a> Exporter<'a> {
    fn new(bundle: &'a Bundle, dated: &'a [DatedActivity], start: Date) -> Exporter<'a> {
        let calendars = Calendars::new(bundle);
        let project = Project {
            start: Some(morning(start)),
            status_date: bundle.settings.as_of.map(morning),
            calendar_uid: Some(calendars.default_uid()),
            calendars: calendars.in_file(),
            ..Project::default()
        };
        Exporter {
            bundle,
            calendars,
            project,
            losses: Vec::new(),
            team_uids: BTreeMap::new(),
            places: HashMap::new(),
            dates: dated.iter().map(|it| (&it.id, it)).collect(),
            after: Vec::new(),
        }
    }

    fn lose(&mut self, id: &dyn std::fmt::Display, what: impl Into<String>, instead: &str) {
        self.losses.push(Loss::new(Subject::Record(id.to_string()), what, instead));
    }

    fn teams(&mut self) {
        for (uid, team) in (1..).zip(self.bundle.records.teams.values()) {
            self.team_uids.insert(&team.id, uid);
            self.project.resources.push(Resource {
                uid,
                id: uid,
                name: team.title.clone(),
                kind: 1,
                is_null: false,
                units_max: Some(f64::from(team.capacity)),
                calendar_uid: team.calendar.as_ref().and_then(|id| self.calendars.uid(id)),
            });
        }
    }

    fn authored(&mut self) {
        let records = &self.bundle.records;
        for activity in records.activities.values() {
            let task = self.activity(activity);
            self.add(activity.id.clone(), task);
            self.assign(activity);
            let after = activity.after.iter().map(|it| (it.clone(), activity.id.clone()));
            self.after.extend(after);
        }
        for milestone in records.milestones.values() {
            let id = ActivityId::from(&milestone.id);
            let task = self.milestone(milestone);
            self.add(id.clone(), task);
            self.after.extend(milestone.after.iter().map(|it| (it.clone(), id.clone())));
        }
    }

    fn add(&mut self, id: ActivityId, mut task: Task) {
        let place = self.project.tasks.len();
        task.uid = i64::try_from(place).unwrap_or(i64::MAX).saturating_add(1);
        task.id = task.uid;
        task.outline_level = 1;
        task.priority = Some(500);
        self.progress(&id, &mut task);
        self.places.insert(id, place);
        self.project.tasks.push(task);
    }

    fn activity(&mut self, activity: &Activity) -> Task {
        let work = &activity.work;
        let calendar = self.calendar_of(work);
        let is_elapsed = calendar.is_some_and(|id| id.as_str() == "elapsed");
        self.tell_estimate(activity);
        let seconds = self.seconds(&work.estimate, calendar);
        let mut task = Task {
            name: activity.title.clone(),
            duration_seconds: Some(seconds),
            duration_format: format(work.estimate.unit, is_elapsed),
            calendar_uid: calendar.and_then(|id| self.calendars.uid(id)),
            is_milestone: seconds == 0,
            kind: 1,
            ..Task::default()
        };
        self.impose(activity, &mut task);
        task
    }

    /// The calendar that a task needs to name: its own, or that of its only team.
    fn calendar_of<'b>(&self, work: &'b Work) -> Option<&'b CalendarId>
    where
        'a: 'b,
    {
        work.calendar.as_ref().or_else(|| {
            let team = self.bundle.records.teams.get(work.team.as_ref()?)?;
            team.calendar.as_ref()
        })
    }

    /// Slots of the file: seconds of working time, or elapsed.
    fn seconds(&self, estimate: &Estimate, calendar: Option<&CalendarId>) -> i64 {
        let is_elapsed = calendar.is_some_and(|id| id.as_str() == "elapsed");
        let days = planning_value(&estimate.distribution)
            * match estimate.unit {
                TimeUnit::Day => 1.0,
                TimeUnit::Week if is_elapsed => 7.0,
                TimeUnit::Week => self.calendars.week_length(calendar),
            };
        let minutes = if is_elapsed { 1_440.0 } else { MINUTES_PER_DAY };
        #[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
        let seconds = (days * minutes * 60.0).round().clamp(0.0, 1e11) as i64;
        seconds
    }

    fn tell_estimate(&mut self, activity: &Activity) {
        let work = &activity.work;
        if !matches!(work.estimate.distribution, Distribution::Fixed(_)) {
            let what = format!("the estimate {}", work.estimate);
            self.lose(&activity.id, what, "its most likely value is told");
        }
        if work.first_pass.is_some() || work.rework.is_some() {
            self.lose(&activity.id, "rework after a failed pass", "left out");
        }
        if work.cost.is_some() {
            self.lose(&activity.id, "its cost", "left out");
        }
        if activity.product.is_some() || activity.band.is_some() {
            self.lose(&activity.id, "its product and band", "left out");
        }
    }

    /// A task has one imposed date; the first of these is told.
    fn impose(&mut self, activity: &Activity, task: &mut Task) {
        let imposed = [
            (activity.must_start_on, ConstraintKind::MustStartOn),
            (activity.must_finish_on, ConstraintKind::MustFinishOn),
            (activity.start_no_earlier_than, ConstraintKind::StartNoEarlierThan),
            (activity.finish_no_later_than, ConstraintKind::FinishNoLaterThan),
            (activity.start_no_later_than, ConstraintKind::StartNoLaterThan),
            (activity.finish_no_earlier_than, ConstraintKind::FinishNoEarlierThan),
        ];
        let mut imposed = imposed.into_iter().filter_map(|(date, kind)| Some((date?, kind)));
        if let Some((date, kind)) = imposed.next() {
            let is_finish = matches!(
                kind,
                ConstraintKind::MustFinishOn
                    | ConstraintKind::FinishNoEarlierThan
                    | ConstraintKind::FinishNoLaterThan
            );
            task.constraint = kind;
            task.constraint_date = Some(if is_finish { evening(date) } else { morning(date) });
        }
        for (date, kind) in imposed {
            let what = format!("a second imposed date, {kind:?} {date}");
            self.lose(&activity.id, what, "left out; a task has one");
        }
    }

    fn assign(&mut self, activity: &Activity) {
        let Some(place) = self.places.get(&activity.id) else { return };
        let Some(task) = self.project.tasks.get(*place) else { return };
        let (task_uid, seconds) = (task.uid, task.duration_seconds.unwrap_or_default());
        let single = activity.work.team.iter().map(|team| (team, 1));
        let several = activity.work.teams.iter().map(|(team, units)| (team, *units));
        for (team, units) in single.chain(several) {
            let Some(&resource_uid) = self.team_uids.get(team) else { continue };
            let uid = i64::try_from(self.project.assignments.len()).unwrap_or_default() + 1;
            self.project.assignments.push(Assignment {
                uid,
                task_uid,
                resource_uid,
                units: Some(f64::from(units)),
                work_seconds: Some(seconds.saturating_mul(i64::from(units))),
                timephased: Vec::new(),
            });
        }
    }

    fn milestone(&mut self, milestone: &Milestone) -> Task {
        if milestone.confidence.is_some() {
            self.lose(&milestone.id, "the confidence of its target", "left out");
        }
        Task {
            name: milestone.title.clone(),
            duration_seconds: Some(0),
            is_milestone: true,
            deadline: milestone.target.map(evening),
            ..Task::default()
        }
    }

    /// Activities that the bundle doesn't have, at their dates.
    fn derived(&mut self, dated: &[DatedActivity]) {
        for dated in dated {
            let is_known = self.places.contains_key(&dated.id);
            let after = dated.after.iter().map(|it| (it.clone(), dated.id.clone()));
            if is_known {
                continue;
            }
            self.after.extend(after);
            let start =
                if dated.is_milestone { evening(dated.start) } else { morning(dated.start) };
            let finish = evening(dated.finish).max(start);
            let days = self.calendars.days_between(dated.start, dated.finish);
            let seconds = if dated.is_milestone { 0 } else { days.max(1) * 480 * 60 };
            let task = Task {
                name: dated.title.clone(),
                is_manual: true,
                is_milestone: dated.is_milestone,
                start: Some(start),
                finish: Some(finish),
                duration_seconds: Some(seconds),
                deadline: dated.target.map(evening),
                ..Task::default()
            };
            self.add(dated.id.clone(), task);
        }
    }

    fn progress(&mut self, id: &ActivityId, task: &mut Task) {
        let Some(actual) = self.bundle.records.actuals.get(id.as_str()) else { return };
        let Actual { started, finished, remaining, note, .. } = actual;
        task.actual_start =
            started.map(|it| if task.is_milestone { evening(it) } else { morning(it) });
        task.actual_finish = finished.map(evening);
        if note.is_some() {
            self.lose(id, "the note on its progress", "left out");
        }
        if let Some(finished) = finished {
            task.percent_complete = 100;
            task.remaining_seconds = Some(0);
            task.actual_start = task.actual_start.or(Some(morning(*finished)));
        } else if let Some(remaining) = remaining {
            let calendar = self.bundle.records.activities.get(id.as_str());
            let calendar = calendar.and_then(|it| self.calendar_of(&it.work));
            let left = self.seconds(remaining, calendar);
            let whole = task.duration_seconds.unwrap_or_default().max(left);
            task.duration_seconds = Some(whole);
            task.remaining_seconds = Some(left);
            let done = (whole - left).saturating_mul(100).checked_div(whole).unwrap_or_default();
            task.percent_complete = u32::try_from(done.clamp(0, 99)).unwrap_or_default();
        }
    }

    fn links(&mut self) {
        for (from, to) in std::mem::take(&mut self.after) {
            self.link(&from, &to, LinkKind::FinishToStart, 0, DurationFormat::DAYS);
        }
        for link in self.bundle.records.links.values() {
            if link.bound == Bound::Maximum {
                self.lose(&link.id, "a greatest lag", "left out");
                continue;
            }
            let kind = match link.kind {
                ModelLinkKind::FinishToStart => LinkKind::FinishToStart,
                ModelLinkKind::StartToStart => LinkKind::StartToStart,
                ModelLinkKind::FinishToFinish => LinkKind::FinishToFinish,
                ModelLinkKind::StartToFinish => LinkKind::StartToFinish,
            };
            let (tenths, format) = self.lag(link);
            self.link(&link.from, &link.to, kind, tenths, format);
        }
    }

    fn lag(&mut self, link: &Link) -> (i64, DurationFormat) {
        let Some(lag) = link.lag else { return (0, DurationFormat::DAYS) };
        let calendar = link.lag_calendar.as_ref().filter(|id| id.as_str() != "elapsed");
        let days = match (lag.unit, calendar) {
            (TimeUnit::Day, _) => lag.amount,
            (TimeUnit::Week, None) => lag.amount * 7.0,
            (TimeUnit::Week, calendar) => lag.amount * self.calendars.week_length(calendar),
        };
        if let Some(calendar) = calendar {
            let own = self.places.get(&link.to).and_then(|it| self.project.tasks.get(*it));
            let own = own.and_then(|it| it.calendar_uid).or(self.project.calendar_uid);
            if own != self.calendars.uid(calendar) {
                let what = format!("a lag on calendar `{calendar}`");
                self.lose(&link.id, what, "counted on the calendar of what waits");
            }
        }
        let minutes = if calendar.is_some() { MINUTES_PER_DAY } else { 1_440.0 };
        #[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
        let tenths = (days * minutes * 10.0).round().clamp(-1e12, 1e12) as i64;
        (tenths, format(lag.unit, calendar.is_none()))
    }

    fn link(
        &mut self,
        from: &ActivityId,
        to: &ActivityId,
        kind: LinkKind,
        lag: i64,
        lag_format: DurationFormat,
    ) {
        let places = (self.places.get(from).copied(), self.places.get(to).copied());
        let (Some(from_place), Some(to_place)) = places else {
            let what = format!("a link from `{from}`, which has no task");
            return self.lose(to, what, "left out");
        };
        let predecessor_uid = self.project.tasks.get(from_place).map_or(0, |it| it.uid);
        if let Some(task) = self.project.tasks.get_mut(to_place) {
            let link =
                PredecessorLink { predecessor_uid, kind, lag, lag_format, crosses_projects: false };
            if !task.predecessors.contains(&link) {
                task.predecessors.push(link);
            }
        }
    }

    /// Kinds of records that a project file has no place for.
    fn tell_what_is_left_out(&mut self) {
        let records = &self.bundle.records;
        let told =
            [Kind::Activity, Kind::Milestone, Kind::Link, Kind::Actual, Kind::Calendar, Kind::Team];
        for kind in Kind::ALL.iter().filter(|kind| !told.contains(kind)) {
            let count = records.ids(*kind).len();
            if count > 0 {
                let what = format!("{count} records of kind {kind}");
                self.losses.push(Loss::new(Subject::File, what, "left out"));
            }
        }
    }

    /// Dates: those of the forecast, and for the rest what MS Project would compute, so that a
    /// program that doesn't schedule shows them too.
    fn date(&mut self) {
        for (id, place) in &self.places {
            let (Some(task), Some(dated)) =
                (self.project.tasks.get_mut(*place), self.dates.get(id))
            else {
                continue;
            };
            if !task.is_manual {
                task.start = Some(morning(dated.start));
                task.finish = Some(evening(dated.finish).max(morning(dated.start)));
            }
        }
        let Ok(scheduled) = schedule(&self.project) else { return };
        self.project.finish = Some(scheduled.finish);
        for task in &mut self.project.tasks {
            if let Some(dates) = scheduled.tasks.get(&task.uid) {
                task.start = task.start.or(Some(dates.start));
                task.finish = task.finish.or(Some(dates.finish));
            }
        }
    }
}

/// The value by which a distribution is told where there is room for one.
fn planning_value(distribution: &Distribution) -> f64 {
    match distribution {
        Distribution::Fixed(value) => *value,
        Distribution::Pert { likely, .. } | Distribution::Triangular { likely, .. } => *likely,
        Distribution::Lognormal { p50, .. } => *p50,
        Distribution::Uniform { low, high } => f64::midpoint(*low, *high),
        Distribution::Observed(values) => {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            sorted.get(sorted.len() / 2).copied().unwrap_or_default()
        }
    }
}

fn format(unit: TimeUnit, is_elapsed: bool) -> DurationFormat {
    match (unit, is_elapsed) {
        (TimeUnit::Day, false) => DurationFormat::DAYS,
        (TimeUnit::Day, true) => DurationFormat::ELAPSED_DAYS,
        (TimeUnit::Week, false) => DurationFormat::WEEKS,
        (TimeUnit::Week, true) => DurationFormat::ELAPSED_WEEKS,
    }
}

fn morning(date: Date) -> DateTime {
    date.at(8, 0, 0, 0)
}

fn evening(date: Date) -> DateTime {
    date.at(17, 0, 0, 0)
}
