//! The hours that a calendar works on a day.

use std::collections::{BTreeSet, HashMap};

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use super::{Calendar, Exception, Hours, Project, Week, WorkWeek};

/// A chain of base calendars longer than this leads in a circle.
const CHAIN_MAX: usize = 16;

/// The most days of an exception that are looked at: more than a century.
const EXCEPTION_DAYS_MAX: usize = 40_000;

/// Hours of a working day where no calendar says any.
pub(super) const DEFAULT_HOURS: [Hours; 2] =
    [Hours { from: 480, to: 720 }, Hours { from: 780, to: 1020 }];

/// The hours that the calendar `calendar_uid` works on `date`, from first to last.
///
/// A calendar's own exceptions win over those of the calendar that it is derived from, these
/// over alternative weeks, and these over the usual week. A calendar that isn't there works
/// Monday to Friday from 8 to 12 and from 13 to 17.
pub fn working_times(project: &Project, calendar_uid: Option<i64>, date: Date) -> Vec<Hours> {
    WorkingTime::new(project, calendar_uid).hours(date).to_vec()
}

/// A calendar with the calendars that it is derived from, ready to be asked for many days.
#[derive(Debug)]
pub(super) struct WorkingTime<'a> {
    /// Its own first.
    chain: Vec<&'a Calendar>,
    exceptions: HashMap<Date, &'a [Hours]>,
}

impl<'a> WorkingTime<'a> {
    pub(super) fn new(project: &'a Project, calendar_uid: Option<i64>) -> WorkingTime<'a> {
        let mut chain: Vec<&Calendar> = Vec::new();
        let mut next = calendar_uid.and_then(|uid| project.calendar(uid));
        while let Some(calendar) = next {
            if chain.len() == CHAIN_MAX {
                break;
            }
            chain.push(calendar);
            next = calendar.base_uid.and_then(|uid| project.calendar(uid));
        }
        let mut exceptions = HashMap::new();
        for exception in chain.iter().flat_map(|calendar| &calendar.exceptions) {
            for date in exception.dates() {
                exceptions.entry(date).or_insert(exception.hours.as_slice());
            }
        }
        WorkingTime { chain, exceptions }
    }

    /// The hours of the usual week, Monday first.
    pub(super) fn plain_week(&self) -> Vec<Vec<Hours>> {
        let usual = |weekday: usize| {
            let stated = self.chain.iter().find_map(|it| it.week.get(weekday)?.as_deref());
            match stated {
                Some(hours) => hours.to_vec(),
                None if weekday < 5 => DEFAULT_HOURS.to_vec(),
                None => Vec::new(),
            }
        };
        (0..7).map(usual).collect()
    }

    /// Days that may differ from the usual week, in order; of alternative weeks at most
    /// `work_week_days_max` each.
    pub(super) fn special_dates(&self, work_week_days_max: usize) -> Vec<Date> {
        let mut dates: BTreeSet<Date> = self.exceptions.keys().copied().collect();
        for week in self.chain.iter().flat_map(|calendar| &calendar.work_weeks) {
            let days = week.from.series(1.day()).take_while(|date| *date <= week.to);
            dates.extend(days.take(work_week_days_max));
        }
        dates.into_iter().collect()
    }

    /// The hours of a day, in order and without overlaps only if the file has none.
    pub(super) fn hours(&self, date: Date) -> &'a [Hours] {
        if let Some(hours) = self.exceptions.get(&date) {
            return hours;
        }
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        let of = |week: &'a Week| week.get(weekday).and_then(Option::as_deref);
        let covers = |it: &&WorkWeek| it.from <= date && date <= it.to;
        let stated = self.chain.iter().find_map(|calendar| {
            let in_work_week = calendar.work_weeks.iter().find(covers);
            in_work_week.and_then(|it| of(&it.week)).or_else(|| of(&calendar.week))
        });
        match stated {
            Some(hours) => hours,
            None if weekday < 5 => &DEFAULT_HOURS,
            None => &[],
        }
    }
}

impl Exception {
    /// The days on which it holds.
    pub(super) fn dates(&self) -> Vec<Date> {
        let days = || {
            let series = self.from.series(1.day());
            series.take_while(|date| *date <= self.to).take(EXCEPTION_DAYS_MAX)
        };
        let dates: Vec<Date> = match self.recurrence.kind {
            1 => days().collect(),
            7 => days().step_by(self.period()).collect(),
            8 => days().filter(|it| is_weekday(*it)).step_by(self.period()).collect(),
            6 => days().filter(|it| self.is_in_week(*it)).collect(),
            2 | 3 => days().filter(|it| self.is_in_year(*it)).collect(),
            _ => days().filter(|it| self.is_in_month(*it)).collect(),
        };
        let count = self.recurrence.occurrences.map_or(usize::MAX, |it| it as usize);
        // Counted single days end with their count; an unbroken period ends with its last day.
        let count = if self.recurrence.kind == 1 { usize::MAX } else { count };
        dates.into_iter().take(count).collect()
    }

    fn period(&self) -> usize {
        (self.recurrence.period as usize).max(1)
    }

    fn is_in_week(&self, date: Date) -> bool {
        let bit = 1_u8 << (date.weekday().to_sunday_zero_offset() & 7);
        if self.recurrence.days_of_week & bit == 0 {
            return false;
        }
        // Weeks are counted from the one in which the exception begins.
        let lead = i64::from(self.from.weekday().to_sunday_zero_offset());
        let days = days_between(self.from, date) + lead;
        usize::try_from(days / 7).is_ok_and(|week| week.is_multiple_of(self.period()))
    }

    fn is_in_year(&self, date: Date) -> bool {
        let month = i16::from(self.recurrence.month) + 1;
        i16::from(date.month()) == month && self.is_day_of_month(date, self.recurrence.kind == 2)
    }

    fn is_in_month(&self, date: Date) -> bool {
        let months = (i32::from(date.year()) - i32::from(self.from.year())) * 12
            + i32::from(date.month())
            - i32::from(self.from.month());
        usize::try_from(months).is_ok_and(|it| it.is_multiple_of(self.period()))
            && self.is_day_of_month(date, self.recurrence.kind == 4)
    }

    fn is_day_of_month(&self, date: Date, by_day: bool) -> bool {
        if by_day {
            return u8::try_from(date.day()) == Ok(self.recurrence.month_day);
        }
        let is_counted = |it: Date| match self.recurrence.month_item {
            0 => true,
            1 => is_weekday(it),
            2 => !is_weekday(it),
            item => u8::try_from(it.weekday().to_sunday_zero_offset()) == Ok(item - 3),
        };
        let first = date.first_of_month();
        let counted: BTreeSet<Date> = first
            .series(1.day())
            .take_while(|it| it.month() == first.month())
            .filter(|it| is_counted(*it))
            .collect();
        let chosen = match self.recurrence.month_position {
            position @ 0..=3 => counted.iter().nth(usize::from(position)),
            _ => counted.last(),
        };
        chosen == Some(&date)
    }
}

fn is_weekday(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from((to - from).get_days())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mspdi::Recurrence;

    fn check(recurrence: Recurrence, from: &str, to: &str, expect: &[&str]) {
        let exception = Exception {
            name: String::new(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            recurrence,
            hours: Vec::new(),
        };
        let dates: Vec<String> = exception.dates().iter().map(Date::to_string).collect();
        assert_eq!(dates, expect);
    }

    const EVERY: Recurrence = Recurrence::EVERY_DAY;

    #[test]
    fn an_exception_holds_on_every_day_of_its_period() {
        check(EVERY, "2026-12-24", "2026-12-26", &["2026-12-24", "2026-12-25", "2026-12-26"]);
    }

    #[test]
    fn every_third_day_begins_with_the_first() {
        let third = Recurrence { kind: 7, period: 3, ..EVERY };
        check(third, "2026-01-01", "2026-01-08", &["2026-01-01", "2026-01-04", "2026-01-07"]);
        let counted = Recurrence { occurrences: Some(2), ..third };
        check(counted, "2026-01-01", "2026-01-08", &["2026-01-01", "2026-01-04"]);
    }

    #[test]
    fn every_second_friday_counts_weeks_from_the_first_one() {
        // 2 January 2026 is a Friday; bit 5 is Friday.
        let fridays = Recurrence { kind: 6, period: 2, days_of_week: 1 << 5, ..EVERY };
        check(fridays, "2026-01-01", "2026-01-31", &["2026-01-02", "2026-01-16", "2026-01-30"]);
    }

    #[test]
    fn a_yearly_day_comes_each_year() {
        let christmas = Recurrence { kind: 2, month: 11, month_day: 25, ..EVERY };
        check(christmas, "2025-01-01", "2026-12-31", &["2025-12-25", "2026-12-25"]);
    }

    #[test]
    fn the_fourth_thursday_of_november_is_found_by_position() {
        let thanksgiving =
            Recurrence { kind: 3, month: 10, month_item: 7, month_position: 3, ..EVERY };
        check(thanksgiving, "2026-01-01", "2027-12-31", &["2026-11-26", "2027-11-25"]);
    }

    #[test]
    fn the_last_weekday_of_every_second_month_is_found() {
        let last = Recurrence { kind: 5, period: 2, month_item: 1, month_position: 4, ..EVERY };
        check(last, "2026-01-01", "2026-05-31", &["2026-01-30", "2026-03-31", "2026-05-29"]);
    }

    #[test]
    fn a_derived_calendar_takes_what_it_does_not_say_from_its_base() {
        let short = Hours { from: 480, to: 720 };
        let mut base = Calendar { uid: 1, is_base: true, ..Calendar::default() };
        base.week[0] = Some(vec![Hours { from: 540, to: 600 }]);
        base.exceptions.push(Exception {
            name: "Labour Day".into(),
            from: Date::constant(2026, 5, 1),
            to: Date::constant(2026, 5, 1),
            recurrence: EVERY,
            hours: Vec::new(),
        });
        let mut derived = Calendar { uid: 2, base_uid: Some(1), ..Calendar::default() };
        derived.week[4] = Some(vec![short]);
        let project = Project { calendars: vec![base, derived], ..Project::default() };
        let hours = |date: &str| working_times(&project, Some(2), date.parse().unwrap());
        assert_eq!(hours("2026-05-04"), [Hours { from: 540, to: 600 }], "the base's Monday");
        assert_eq!(hours("2026-05-05"), DEFAULT_HOURS, "nobody's Tuesday");
        assert_eq!(hours("2026-05-08"), [short], "its own Friday");
        assert_eq!(hours("2026-05-01"), [], "the base's holiday, on its own Friday");
        assert_eq!(hours("2026-05-02"), [], "nobody's Saturday");
    }

    #[test]
    fn calendars_derived_from_each_other_end() {
        let derived = |uid, base| Calendar { uid, base_uid: Some(base), ..Calendar::default() };
        let project =
            Project { calendars: vec![derived(1, 2), derived(2, 1)], ..Project::default() };
        assert_eq!(working_times(&project, Some(1), Date::constant(2026, 5, 5)), DEFAULT_HOURS,);
    }
}
