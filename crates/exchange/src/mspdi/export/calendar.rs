//! Calendars of days as calendars of a file.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_model::{Bundle, Calendar, CalendarId, Weekday};

use super::super::working_time::DEFAULT_HOURS;
use super::super::{Calendar as FileCalendar, Exception, Hours, Recurrence};

/// Calendars that extend each other more than this lead in a circle.
const CHAIN_MAX: usize = 16;

/// The longest closure that is told: more than a century.
const CLOSURE_DAYS_MAX: usize = 40_000;

/// Number of the calendar that is there in every project.
const STANDARD_UID: i64 = 1;

/// The calendars of a bundle by number.
#[derive(Debug)]
pub(super) struct Calendars<'a> {
    bundle: &'a Bundle,
    uids: BTreeMap<&'a str, i64>,
}

impl<'a> Calendars<'a> {
    pub(super) fn new(bundle: &'a Bundle) -> Calendars<'a> {
        let ids = bundle.records.calendars.keys().map(CalendarId::as_str);
        Calendars { bundle, uids: ids.zip(STANDARD_UID + 1..).collect() }
    }

    pub(super) fn uid(&self, id: &CalendarId) -> Option<i64> {
        self.uids.get(id.as_str()).copied()
    }

    /// The bundle's own, or Monday to Friday.
    pub(super) fn default_uid(&self) -> i64 {
        let own = self.bundle.settings.calendar.as_ref();
        own.and_then(|id| self.uid(id)).unwrap_or(STANDARD_UID)
    }

    pub(super) fn in_file(&self) -> Vec<FileCalendar> {
        let standard = FileCalendar {
            uid: STANDARD_UID,
            name: "Standard".to_owned(),
            is_base: true,
            week: week(&Weekday::MONDAY_TO_FRIDAY),
            ..FileCalendar::default()
        };
        let own = self.bundle.records.calendars.values().map(|calendar| FileCalendar {
            uid: self.uid(&calendar.id).unwrap_or(STANDARD_UID),
            name: calendar.title.clone(),
            is_base: true,
            base_uid: None,
            week: week(&calendar.week),
            exceptions: self.exceptions(calendar),
            work_weeks: Vec::new(),
        });
        std::iter::once(standard).chain(own).collect()
    }

    /// Working days in a plain week.
    pub(super) fn week_length(&self, id: Option<&CalendarId>) -> f64 {
        let id = id.or(self.bundle.settings.calendar.as_ref());
        let calendar = id.and_then(|id| self.bundle.records.calendars.get(id));
        calendar.map_or(5.0, |it| it.week.len() as f64)
    }

    /// Weekdays from `start` to `finish`, both counted.
    pub(super) fn days_between(&self, start: Date, finish: Date) -> i64 {
        let days = start.series(1.day()).take_while(|date| *date <= finish).take(40_000);
        let worked = days.filter(|date| date.weekday().to_monday_zero_offset() < 5).count();
        i64::try_from(worked).unwrap_or_default()
    }

    /// Worked days win over days off, as they do in a plan.
    fn exceptions(&self, calendar: &Calendar) -> Vec<Exception> {
        let mut chain = Vec::new();
        let mut next = Some(calendar);
        while let Some(calendar) = next.filter(|_| chain.len() < CHAIN_MAX) {
            chain.push(calendar);
            let extended = calendar.extends.as_ref();
            next = extended.and_then(|id| self.bundle.records.calendars.get(id));
        }
        let worked: BTreeSet<Date> =
            chain.iter().flat_map(|it| it.worked.iter().copied()).collect();
        let mut off: BTreeMap<Date, &str> = BTreeMap::new();
        for closure in chain.iter().flat_map(|it| &it.shutdowns) {
            let days = closure.from.series(1.day()).take_while(|date| *date <= closure.to);
            off.extend(days.take(CLOSURE_DAYS_MAX).map(|date| (date, closure.title.as_str())));
        }
        let holidays = chain.iter().flat_map(|it| it.holidays.iter().copied());
        off.extend(holidays.map(|date| (date, "holiday")));
        off.retain(|date, _| !worked.contains(date));
        let worked = worked.into_iter().map(|day| exception("worked", day, day, &DEFAULT_HOURS));
        worked.chain(runs(off)).collect()
    }
}

/// Days off in a row under one name. MS Project refuses exceptions that overlap.
fn runs(off: BTreeMap<Date, &str>) -> Vec<Exception> {
    let mut runs: Vec<Exception> = Vec::new();
    for (date, title) in off {
        match runs.last_mut() {
            Some(run) if run.name == title && run.to.tomorrow().is_ok_and(|next| next == date) => {
                run.to = date
            }
            _ => runs.push(exception(title, date, date, &[])),
        }
    }
    runs
}

fn exception(name: &str, from: Date, to: Date, hours: &[Hours]) -> Exception {
    Exception {
        name: name.to_owned(),
        from,
        to,
        recurrence: Recurrence::EVERY_DAY,
        hours: hours.to_vec(),
    }
}

fn week(worked: &[Weekday]) -> super::super::Week {
    const WEEKDAYS: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    WEEKDAYS
        .map(|day| Some(if worked.contains(&day) { DEFAULT_HOURS.to_vec() } else { Vec::new() }))
}
