//! A project as records.

mod calendar;
mod progress;

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, DateTime};
use longlead_model::{
    Activity, ActivityId, Bound, Bundle, CalendarId, Distribution, Estimate, Lag, Link,
    LinkKind as ModelLinkKind, Milestone, MilestoneId, Team, TeamId, TimeUnit, Work,
};

use crate::ids::{Ids, link_id};
use crate::report::{Loss, Subject};

use super::layout::{Outline, subject};
use super::working_time::WorkingTime;
use super::{Assignment, ConstraintKind, LinkKind, PredecessorLink, Project, Resource, Task};

/// What a project file became.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Activities, milestones, links, calendars, teams and actuals.
    pub bundle: Bundle,
    /// What these can't say.
    pub losses: Vec<Loss>,
}

/// Turns a project into records.
///
/// Plans count whole days: hours of the day are given up, a duration of four hours becomes half
/// a day. Ids are made from names. Every task becomes an activity or, if it takes no time and no
/// date is imposed on it, a milestone; a summary's links and dates go to its tasks.
pub fn to_records(project: &Project) -> Imported {
    let outline = Outline::new(project);
    let mut importer = Importer::new(project, &outline);
    importer.calendars();
    importer.teams();
    importer.name_tasks();
    for place in 0..project.tasks.len() {
        importer.task(place);
    }
    importer.settings();
    Imported { bundle: importer.bundle, losses: importer.losses }
}

struct Importer<'a> {
    project: &'a Project,
    outline: &'a Outline,
    /// Ids of activities and milestones, which must differ from each other.
    ids: Ids,
    team_names: Ids,
    calendar_names: Ids,
    bundle: Bundle,
    losses: Vec<Loss>,
    calendar_ids: BTreeMap<i64, CalendarId>,
    team_ids: BTreeMap<i64, TeamId>,
    assignments: HashMap<i64, Vec<&'a Assignment>>,
    /// By place; none for rows that become no activity.
    activity_ids: Vec<Option<ActivityId>>,
    place_of_uid: HashMap<i64, usize>,
    /// Places of the tasks below each summary.
    below: HashMap<usize, Vec<usize>>,
}

impl<'a> Importer<'a> {
    fn new(project: &'a Project, outline: &'a Outline) -> Importer<'a> {
        let places = project.tasks.iter().enumerate().rev();
        let mut assignments: HashMap<i64, Vec<&Assignment>> = HashMap::new();
        for assignment in &project.assignments {
            assignments.entry(assignment.task_uid).or_default().push(assignment);
        }
        // `elapsed` is a calendar of every bundle.
        let mut calendar_names = Ids::default();
        calendar_names.make("elapsed");
        Importer {
            project,
            outline,
            ids: Ids::default(),
            team_names: Ids::default(),
            calendar_names,
            bundle: Bundle::default(),
            losses: Vec::new(),
            calendar_ids: BTreeMap::new(),
            team_ids: BTreeMap::new(),
            assignments,
            activity_ids: Vec::new(),
            place_of_uid: places.map(|(place, task)| (task.uid, place)).collect(),
            below: HashMap::new(),
        }
    }

    fn lose(&mut self, task: &Task, what: impl Into<String>, instead: impl Into<String>) {
        self.losses.push(Loss::new(subject(task), what, instead));
    }

    fn settings(&mut self) {
        let day = self.project.status_date.or(self.project.start).map(DateTime::date);
        self.bundle.settings.as_of = day;
        if self.project.status_date.is_none() && day.is_some() {
            let instead = "the project's start is taken as the as-of day";
            self.losses.push(Loss::new(Subject::File, "no status date", instead));
        }
        let own = self.project.calendar_uid.and_then(|uid| self.calendar_ids.get(&uid));
        self.bundle.settings.calendar = own.cloned();
    }

    fn teams(&mut self) {
        for resource in &self.project.resources {
            let is_used = self.project.assignments.iter().any(|it| it.resource_uid == resource.uid);
            if resource.is_null || !is_used {
                continue;
            }
            let of = Subject::Resource { uid: resource.uid, name: resource.name.clone() };
            if resource.kind != 1 {
                self.losses.push(Loss::new(of, "material or cost, not people", "left out"));
                continue;
            }
            let units = resource.units_max.unwrap_or(1.0);
            let capacity = whole_units(units);
            if f64::from(capacity) != units {
                let what = format!("{units} units");
                self.losses.push(Loss::new(of, what, format!("taken as {capacity}")));
            }
            self.team(resource, capacity);
        }
    }

    fn team(&mut self, resource: &Resource, capacity: u32) {
        let Ok(id) = TeamId::try_from(self.team_names.make(&resource.name)) else {
            return;
        };
        let calendar = resource.calendar_uid.and_then(|uid| self.calendar_ids.get(&uid)).cloned();
        self.team_ids.insert(resource.uid, id.clone());
        let team = Team {
            id: id.clone(),
            title: resource.name.clone(),
            capacity,
            calendar,
            discipline: None,
        };
        self.bundle.records.teams.insert(id, team);
    }

    /// Gives every task its id before links are followed, and finds what is below what.
    fn name_tasks(&mut self) {
        let mut summaries = 0;
        for (place, task) in self.project.tasks.iter().enumerate() {
            let is_summary = self.outline.is_summary(place);
            summaries += usize::from(is_summary && task.outline_level > 0);
            if task.is_null || is_summary {
                self.activity_ids.push(None);
                continue;
            }
            if task.is_inactive {
                self.lose(task, "inactive", "left out");
                self.activity_ids.push(None);
                continue;
            }
            let name = if task.name.trim().is_empty() {
                format!("task {}", task.uid)
            } else {
                task.name.clone()
            };
            self.activity_ids.push(ActivityId::try_from(self.ids.make(&name)).ok());
            for above in self.outline.above(place) {
                self.below.entry(above).or_default().push(place);
            }
        }
        if summaries > 0 {
            let what = format!("the grouping under {summaries} summary tasks");
            self.losses.push(Loss::new(Subject::File, what, "their tasks are taken one by one"));
        }
    }

    fn id_of(&self, place: usize) -> Option<&ActivityId> {
        self.activity_ids.get(place)?.as_ref()
    }

    fn task(&mut self, place: usize) {
        let project = self.project;
        let Some(task) = project.tasks.get(place).filter(|it| !it.is_null && !it.is_inactive)
        else {
            return;
        };
        if self.outline.is_summary(place) {
            self.summary(place, task);
            return;
        }
        let Some(id) = self.id_of(place).cloned() else { return };
        self.tell_what_is_given_up(task);
        let mut activity = self.activity(id, task);
        self.impose(place, task, &mut activity);
        self.actual(task, &activity);
        let mut after = self.predecessors(place, task);
        for above in self.outline.above(place) {
            if let Some(summary) = project.tasks.get(above) {
                after.extend(self.inherited(place, summary));
            }
        }
        after.sort();
        after.dedup();
        activity.after = after;
        self.file(task, activity);
    }

    /// What no record has a place for.
    fn tell_what_is_given_up(&mut self, task: &Task) {
        if task.constraint == ConstraintKind::AsLateAsPossible {
            self.lose(task, "as late as possible", "placed as soon as possible");
        }
        if task.is_external || task.is_subproject {
            self.lose(task, "stands for another file", "taken as work of its own");
        }
        if task.leveling_delay_tenths > 0 {
            self.lose(task, "a levelling delay", "left out; plans are levelled anew");
        }
        if !task.notes.trim().is_empty() {
            self.lose(task, "notes", "left out");
        }
        if self.is_split(task) {
            self.lose(task, "a split", "taken in one piece");
        }
        if self.has_own_effort(task) {
            self.lose(task, "effort that is not its duration", "the duration is taken");
        }
        let is_uneven = self.duration_days(task).is_some_and(|days| days.fract() != 0.0);
        if is_uneven {
            self.lose(task, "a part of a day", "taken as a fraction of a day");
        }
    }

    /// Whether its effort is another than that of its resources over its duration.
    fn has_own_effort(&self, task: &Task) -> bool {
        let duration = task.duration_seconds.unwrap_or_default() as f64;
        let assignments = self.assignments.get(&task.uid).into_iter().flatten();
        assignments.filter(|it| it.resource_uid >= 0).any(|it| {
            let expected = duration * it.units.unwrap_or(1.0);
            it.work_seconds.is_some_and(|work| (work as f64 - expected).abs() > 60.0)
        })
    }

    /// Whether nothing is worked on a working day between days of work.
    fn is_split(&self, task: &Task) -> bool {
        let stretches = || {
            let assignments = self.assignments.get(&task.uid).into_iter().flatten();
            assignments.flat_map(|it| &it.timephased)
        };
        let working = || stretches().filter(|it| it.work_seconds > 0);
        let first = working().map(|it| it.start).min();
        let last = working().map(|it| it.finish).max();
        let Some((first, last)) = first.zip(last) else { return false };
        let calendar = task.calendar_uid.or(self.project.calendar_uid);
        let times = WorkingTime::new(self.project, calendar);
        stretches().any(|it| {
            it.work_seconds == 0
                && first <= it.start
                && it.finish <= last
                && !times.hours(it.start.date()).is_empty()
                && !working().any(|other| other.start < it.finish && it.start < other.finish)
        })
    }

    /// Days of its calendar, or elapsed.
    fn duration_days(&self, task: &Task) -> Option<f64> {
        let seconds = task.duration_seconds?.max(0) as f64;
        let day = if task.duration_format.is_elapsed() {
            86_400.0
        } else {
            f64::from(self.project.minutes_per_day) * 60.0
        };
        Some(rounded(seconds / day))
    }

    fn activity(&mut self, id: ActivityId, task: &Task) -> Activity {
        let days = self.duration_days(task).unwrap_or_else(|| {
            self.lose(task, "no duration", "taken as no time");
            0.0
        });
        let teams = self.team_units(task);
        let calendar = self.work_calendar(task, &teams);
        let single = match teams.iter().next() {
            Some((team, 1)) if teams.len() == 1 => Some(team.clone()),
            _ => None,
        };
        let teams = if single.is_some() { BTreeMap::new() } else { teams };
        Activity {
            id,
            title: task.name.clone(),
            product: None,
            work: Work {
                estimate: days_estimate(days),
                calendar,
                team: single,
                teams,
                first_pass: None,
                rework: None,
                rework_rounds_max: 5,
                cost: None,
            },
            after: Vec::new(),
            band: None,
            start_no_earlier_than: None,
            start_no_later_than: None,
            finish_no_earlier_than: None,
            finish_no_later_than: None,
            must_start_on: None,
            must_finish_on: None,
        }
    }

    fn team_units(&mut self, task: &Task) -> BTreeMap<TeamId, u32> {
        let mut teams: BTreeMap<TeamId, u32> = BTreeMap::new();
        for assignment in self.assignments.get(&task.uid).cloned().unwrap_or_default() {
            let Some(team) = self.team_ids.get(&assignment.resource_uid).cloned() else { continue };
            let units = assignment.units.unwrap_or(1.0);
            let whole = whole_units(units);
            if f64::from(whole) != units {
                let what = format!("{units} units of {team}");
                self.lose(task, what, format!("taken as {whole}"));
            }
            let total = teams.entry(team).or_default();
            *total = total.saturating_add(whole);
        }
        for (team, units) in &teams {
            if let Some(team) = self.bundle.records.teams.get_mut(team)
                && team.capacity < *units
            {
                let what = format!("{units} units of {}, which has {}", team.id, team.capacity);
                team.capacity = *units;
                self.losses.push(Loss::new(subject(task), what, "its capacity is raised"));
            }
        }
        teams
    }

    /// The task's own calendar; that of its team follows from the team.
    fn work_calendar(&mut self, task: &Task, teams: &BTreeMap<TeamId, u32>) -> Option<CalendarId> {
        if task.duration_format.is_elapsed() {
            return CalendarId::try_from("elapsed").ok();
        }
        let own = task.calendar_uid.and_then(|uid| self.calendar_ids.get(&uid)).cloned();
        if own.is_some() && !teams.is_empty() && !task.ignores_resource_calendars {
            self.lose(task, "a calendar together with those of its teams", "its own is taken");
        }
        own
    }

    /// Files it as a milestone if it is one, and a date that it should hold beside it.
    fn file(&mut self, task: &Task, activity: Activity) {
        let is_imposed = [
            activity.start_no_earlier_than,
            activity.start_no_later_than,
            activity.finish_no_earlier_than,
            activity.finish_no_later_than,
            activity.must_start_on,
            activity.must_finish_on,
        ];
        let takes_time = activity.work.estimate != days_estimate(0.0);
        let target = task.deadline.map(|it| self.finish_day(task.calendar_uid, it));
        let milestone_id = MilestoneId::try_from(activity.id.as_str());
        if let (false, true, Ok(id)) =
            (takes_time, is_imposed.iter().all(Option::is_none), milestone_id)
        {
            self.milestone(id, &activity.title, activity.after, target);
            return;
        }
        if let Some(target) = target {
            self.due(task, &activity.title, vec![activity.id.clone()], target);
        }
        self.bundle.records.activities.insert(activity.id.clone(), activity);
    }

    fn milestone(
        &mut self,
        id: MilestoneId,
        title: &str,
        after: Vec<ActivityId>,
        target: Option<Date>,
    ) {
        let milestone = Milestone {
            id: id.clone(),
            title: title.to_owned(),
            after,
            target,
            confidence: None,
            stakeholders: Vec::new(),
        };
        self.bundle.records.milestones.insert(id, milestone);
    }

    /// A deadline of work is a milestone after it.
    fn due(&mut self, task: &Task, title: &str, after: Vec<ActivityId>, target: Date) {
        let Ok(id) = MilestoneId::try_from(self.ids.make(&format!("{title} due"))) else { return };
        self.lose(task, format!("the deadline {target}"), format!("milestone `{id}` holds it"));
        self.milestone(id, &format!("{title} due"), after, Some(target));
    }

    fn summary(&mut self, place: usize, task: &Task) {
        let ids = |places: &Vec<usize>| {
            places.iter().filter_map(|it| self.id_of(*it).cloned()).collect::<Vec<_>>()
        };
        let below = self.below.get(&place).map(ids).unwrap_or_default();
        if let Some(deadline) = task.deadline.filter(|_| !below.is_empty()) {
            let target = self.finish_day(None, deadline);
            self.due(task, &task.name, below, target);
        }
        if task.is_manual && task.outline_level > 0 {
            self.lose(task, "a summary scheduled by hand", "its tasks are scheduled");
        }
    }

    /// What a task waits for because its summary does.
    fn inherited(&mut self, place: usize, summary: &Task) -> Vec<ActivityId> {
        let mut after = Vec::new();
        for link in &summary.predecessors {
            after.extend(self.predecessor(place, summary, link));
        }
        after
    }

    fn predecessors(&mut self, place: usize, task: &Task) -> Vec<ActivityId> {
        let mut after = Vec::new();
        for link in &task.predecessors {
            after.extend(self.predecessor(place, task, link));
        }
        after
    }

    /// Plain links are returned; others become records.
    fn predecessor(
        &mut self,
        place: usize,
        task: &Task,
        link: &PredecessorLink,
    ) -> Vec<ActivityId> {
        let project = self.project;
        let found = self.place_of_uid.get(&link.predecessor_uid).copied();
        let found = found.and_then(|it| Some((it, project.tasks.get(it)?)));
        let Some((from, predecessor)) = found else {
            let what = format!("a link from task {}, which isn't here", link.predecessor_uid);
            self.lose(task, what, "left out");
            return Vec::new();
        };
        let sources = match self.below.get(&from) {
            Some(below) => below.clone(),
            None => vec![from],
        };
        let sources: Vec<ActivityId> = sources
            .into_iter()
            .filter(|it| *it != place)
            .filter_map(|it| self.id_of(it).cloned())
            .collect();
        if sources.len() > 1
            && matches!(link.kind, LinkKind::StartToStart | LinkKind::StartToFinish)
        {
            let what = format!("a link from the start of summary `{}`", predecessor.name);
            self.lose(task, what, "waits for the start of each of its tasks");
        }
        if link.kind == LinkKind::FinishToStart && link.lag == 0 {
            return sources;
        }
        let lag = self.lag(task, link, predecessor);
        if let Some(to) = self.id_of(place).cloned() {
            for from in sources {
                self.link(from, to.clone(), link.kind, lag.clone());
            }
        }
        Vec::new()
    }

    fn lag(
        &mut self,
        task: &Task,
        link: &PredecessorLink,
        predecessor: &Task,
    ) -> (Option<Lag>, Option<CalendarId>) {
        if link.lag == 0 {
            return (None, None);
        }
        let mut minutes = link.lag as f64 / 10.0;
        let mut is_elapsed = link.lag_format.is_elapsed();
        if link.lag_format.is_percent() {
            let seconds = predecessor.duration_seconds.unwrap_or_default() as f64;
            minutes = seconds / 60.0 * link.lag as f64 / 100.0;
            is_elapsed |= predecessor.duration_format.is_elapsed();
            let what = format!("a lag of {} % of the predecessor's duration", link.lag);
            self.lose(task, what, "taken as that many days, which stay when the duration changes");
        }
        let day = if is_elapsed { 1440.0 } else { f64::from(self.project.minutes_per_day) };
        let lag = Lag { amount: rounded(minutes / day), unit: TimeUnit::Day };
        let uid = task.calendar_uid.filter(|uid| self.calendar_ids.contains_key(uid));
        let uid = uid.or(self.project.calendar_uid);
        let calendar = uid.and_then(|uid| self.calendar_ids.get(&uid)).cloned();
        (Some(lag), calendar.filter(|_| !is_elapsed))
    }

    fn link(
        &mut self,
        from: ActivityId,
        to: ActivityId,
        kind: LinkKind,
        (lag, lag_calendar): (Option<Lag>, Option<CalendarId>),
    ) {
        let kind = match kind {
            LinkKind::FinishToFinish => ModelLinkKind::FinishToFinish,
            LinkKind::FinishToStart => ModelLinkKind::FinishToStart,
            LinkKind::StartToFinish => ModelLinkKind::StartToFinish,
            LinkKind::StartToStart => ModelLinkKind::StartToStart,
        };
        let Some(id) = link_id(&self.bundle, &from, &to) else { return };
        let bound = Bound::Minimum;
        let link = Link { id: id.clone(), from, to, kind, lag, lag_calendar, bound };
        self.bundle.records.links.insert(id, link);
    }
}

fn days_estimate(days: f64) -> Estimate {
    Estimate { distribution: Distribution::Fixed(days), unit: TimeUnit::Day }
}

/// Thousandths of a day are finer than anybody plans.
fn rounded(days: f64) -> f64 {
    (days * 1e4).round() / 1e4
}

/// Whole people, at least one.
fn whole_units(units: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float casts saturate, and the value is clamped"
    )]
    let whole = units.ceil().clamp(1.0, 1e6) as u32;
    whole
}
