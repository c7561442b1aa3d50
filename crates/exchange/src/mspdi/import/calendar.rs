//! Calendars of minutes as calendars of days.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use longlead_model::{Calendar, CalendarId, Closure, Weekday};

use crate::report::{Loss, Subject};

use super::super::working_time::{DEFAULT_HOURS, WorkingTime};
use super::super::{Calendar as FileCalendar, Hours};
use super::Importer;

/// Monday first.
const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// The most days of alternative weeks that are written out one by one.
const WORK_WEEK_DAYS_MAX: usize = 4_000;

impl Importer<'_> {
    /// Calendars that something refers to.
    pub(super) fn calendars(&mut self) {
        let project = self.project;
        let of_tasks = project.tasks.iter().filter_map(|task| task.calendar_uid);
        let of_resources = project.resources.iter().filter_map(|it| it.calendar_uid);
        let used: BTreeSet<i64> =
            project.calendar_uid.into_iter().chain(of_tasks).chain(of_resources).collect();
        let known: Vec<&FileCalendar> =
            project.calendars.iter().filter(|it| used.contains(&it.uid)).collect();
        for calendar in known {
            // A resource's calendar that changes nothing is no calendar of its own.
            let is_plain = calendar.week.iter().all(Option::is_none)
                && calendar.exceptions.is_empty()
                && calendar.work_weeks.is_empty();
            if let (true, Some(base)) = (is_plain, calendar.base_uid)
                && let Some(id) = self.calendar_ids.get(&base).cloned()
            {
                self.calendar_ids.insert(calendar.uid, id);
                continue;
            }
            if !self.calendar_ids.contains_key(&calendar.uid) {
                self.calendar(calendar);
            }
        }
    }

    fn calendar(&mut self, file: &FileCalendar) {
        let name = if file.name.trim().is_empty() { "calendar" } else { file.name.as_str() };
        let Ok(id) = CalendarId::try_from(self.calendar_names.make(name)) else { return };
        let times = WorkingTime::new(self.project, Some(file.uid));
        let plain = times.plain_week();
        let works = |date: Date| {
            let weekday = usize::try_from(date.weekday().to_monday_zero_offset());
            weekday.ok().and_then(|it| plain.get(it)).is_some_and(|hours| !hours.is_empty())
        };
        let mut days = times.special_dates(WORK_WEEK_DAYS_MAX);
        days.retain(|date| works(*date) == times.hours(*date).is_empty());
        let (off, worked): (Vec<Date>, Vec<Date>) = days.into_iter().partition(|it| works(*it));
        let (holidays, shutdowns) = closures(&off);
        let week = WEEKDAYS.iter().zip(&plain).filter(|(_, hours)| !hours.is_empty());
        let calendar = Calendar {
            id: id.clone(),
            title: name.to_owned(),
            week: week.map(|(weekday, _)| *weekday).collect(),
            holidays,
            shutdowns,
            worked,
            extends: None,
        };
        self.tell_hours(name, &plain);
        self.calendar_ids.insert(file.uid, id.clone());
        self.bundle.records.calendars.insert(id, calendar);
    }

    fn tell_hours(&mut self, name: &str, week: &[Vec<Hours>]) {
        let minutes = |hours: &Vec<Hours>| {
            hours.iter().map(|it| u32::from(it.to.saturating_sub(it.from))).sum::<u32>()
        };
        let lengths: BTreeSet<u32> = week.iter().map(minutes).filter(|it| *it > 0).collect();
        let of = Subject::Calendar(name.to_owned());
        if lengths.len() > 1 {
            let instead = "each counts as a whole day";
            self.losses.push(Loss::new(of, "working days of different length", instead));
        } else if week.iter().any(|hours| !hours.is_empty() && hours.as_slice() != DEFAULT_HOURS) {
            self.losses.push(Loss::new(of, "hours of the day", "whole days are counted"));
        }
    }

    /// The day of a start: the next one, if nothing is worked after that time of day.
    pub(super) fn start_day(&self, calendar_uid: Option<i64>, at: DateTime) -> Date {
        let times = WorkingTime::new(self.project, calendar_uid.or(self.project.calendar_uid));
        let minute = i64::from(at.hour()) * 60 + i64::from(at.minute());
        let hours = times.hours(at.date());
        let is_over = !hours.is_empty() && hours.iter().all(|it| i64::from(it.to) <= minute);
        if is_over { at.date().tomorrow().unwrap_or(at.date()) } else { at.date() }
    }

    /// The day of a finish: the one before, if nothing is worked until that time of day.
    pub(super) fn finish_day(&self, calendar_uid: Option<i64>, at: DateTime) -> Date {
        let times = WorkingTime::new(self.project, calendar_uid.or(self.project.calendar_uid));
        let minute = i64::from(at.hour()) * 60 + i64::from(at.minute());
        let hours = times.hours(at.date());
        let is_before = !hours.is_empty() && hours.iter().all(|it| i64::from(it.from) >= minute);
        if is_before { at.date().yesterday().unwrap_or(at.date()) } else { at.date() }
    }
}

/// Single days off, and runs of them.
fn closures(off: &[Date]) -> (Vec<Date>, Vec<Closure>) {
    let mut runs: Vec<(Date, Date)> = Vec::new();
    for &date in off {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1.day()).is_ok_and(|next| next == date) => {
                *last = date;
            }
            _ => runs.push((date, date)),
        }
    }
    let (single, long): (Vec<_>, Vec<_>) = runs.into_iter().partition(|(from, to)| from == to);
    let closure = |(from, to)| Closure { title: "closed".to_owned(), from, to };
    (single.into_iter().map(|(from, _)| from).collect(), long.into_iter().map(closure).collect())
}
