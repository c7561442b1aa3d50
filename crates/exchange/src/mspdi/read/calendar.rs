//! Calendars of a project file.

use jiff::civil::Date;
use roxmltree::Node;

use crate::report::Subject;

use super::super::{Calendar, Exception, Hours, Recurrence, Week, WorkWeek};
use super::fields::{Reader, elements, subject_of, text_of};
use super::named;

pub(super) fn calendar(node: Node<'_, '_>, reader: &mut Reader) -> Calendar {
    let subject = subject_of(node, |_, name| Subject::Calendar(name));
    let at = &subject;
    let mut calendar = Calendar::default();
    let mut old_exceptions = Vec::new();
    for field in elements(node) {
        match field.tag_name().name() {
            "UID" => calendar.uid = reader.integer(at, field).unwrap_or_default(),
            "Name" => calendar.name = text_of(field),
            "IsBaseCalendar" => reader.assign_flag(at, field, &mut calendar.is_base),
            "BaseCalendarUID" => calendar.base_uid = reader.reference(at, field),
            "WeekDays" => {
                calendar.week = week(field, at, reader);
                old_exceptions = dated_week_days(field, at, reader);
            }
            "Exceptions" => {
                calendar.exceptions =
                    named(field, "Exception").filter_map(|it| exception(it, at, reader)).collect();
            }
            "WorkWeeks" => {
                calendar.work_weeks =
                    named(field, "WorkWeek").filter_map(|it| work_week(it, at, reader)).collect();
            }
            _ => {}
        }
    }
    // Since 2007 exceptions are written in both ways, the older for programs that know no other.
    if calendar.exceptions.is_empty() {
        calendar.exceptions = old_exceptions;
    }
    // A file that says "derived from 0" of a base calendar means "from none".
    if calendar.is_base {
        calendar.base_uid = None;
    }
    calendar
}

fn week(node: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Week {
    let mut week = Week::default();
    for day in named(node, "WeekDay") {
        let number = field(day, "DayType").and_then(|it| reader.small(at, it));
        // 1 is Sunday; the week here begins on Monday.
        let place = number.filter(|it| (1..=7).contains(it)).map(|it| usize::from((it + 5) % 7));
        if let Some(slot) = place.and_then(|it| week.get_mut(it)) {
            *slot = day_hours(day, at, reader);
        }
    }
    week
}

/// The hours of a day: none on a day off, `None` if the file leaves them to the default.
fn day_hours(day: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Option<Vec<Hours>> {
    let works = field(day, "DayWorking").and_then(|it| reader.flag(at, it)).unwrap_or(false);
    if !works {
        return Some(Vec::new());
    }
    let hours = working_times(day, at, reader);
    (!hours.is_empty()).then_some(hours)
}

fn working_times(day: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Vec<Hours> {
    let times = field(day, "WorkingTimes").into_iter().flat_map(|it| named(it, "WorkingTime"));
    let mut hours: Vec<Hours> = times
        .filter_map(|time| {
            let from = minute(field(time, "FromTime")?, at, reader)?;
            let to = match minute(field(time, "ToTime")?, at, reader)? {
                // Midnight ends a day, it doesn't begin the same one again.
                0 => 1440,
                to => to,
            };
            (from < to).then_some(Hours { from, to })
        })
        .collect();
    hours.sort();
    hours
}

/// Minutes after midnight, to the nearest.
fn minute(node: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Option<u16> {
    let time = reader.time(at, node)?;
    let seconds =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    u16::try_from((seconds + 30) / 60).ok()
}

/// Exceptions as they were written before 2007: week days of type 0 with a period.
fn dated_week_days(node: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Vec<Exception> {
    named(node, "WeekDay")
        .filter(|day| field(*day, "DayType").is_none_or(|it| text_of(it).trim() == "0"))
        .filter_map(|day| {
            let (from, to) = period(day, at, reader)?;
            let hours = exception_hours(day, at, reader);
            Some(Exception {
                name: String::new(),
                from,
                to,
                recurrence: Recurrence::EVERY_DAY,
                hours,
            })
        })
        .collect()
}

fn exception_hours(day: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Vec<Hours> {
    let works = field(day, "DayWorking").and_then(|it| reader.flag(at, it));
    if works == Some(false) { Vec::new() } else { working_times(day, at, reader) }
}

fn period(node: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Option<(Date, Date)> {
    let period = field(node, "TimePeriod")?;
    let from = reader.date_time(at, field(period, "FromDate")?)?.date();
    let to = reader.date_time(at, field(period, "ToDate")?)?.date();
    Some((from, to))
}

fn exception(node: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Option<Exception> {
    let (from, to) = period(node, at, reader)?;
    let mut small = |name| field(node, name).and_then(|it| reader.small(at, it));
    let mut recurrence = Recurrence {
        kind: small("Type").filter(|it| (1..=8).contains(it)).unwrap_or(1),
        days_of_week: small("DaysOfWeek").unwrap_or_default(),
        month_item: small("MonthItem").unwrap_or_default(),
        month_position: small("MonthPosition").unwrap_or_default(),
        month: small("Month").unwrap_or_default(),
        month_day: small("MonthDay").unwrap_or_default(),
        ..Recurrence::EVERY_DAY
    };
    let mut count = |name| field(node, name).and_then(|it| reader.count(at, it));
    recurrence.period = count("Period").filter(|it| *it > 0).unwrap_or(1);
    let occurrences = count("Occurrences");
    let is_counted = field(node, "EnteredByOccurrences").and_then(|it| reader.flag(at, it));
    recurrence.occurrences = occurrences.filter(|_| is_counted == Some(true));
    let name = field(node, "Name").map(text_of).unwrap_or_default();
    let hours = exception_hours(node, at, reader);
    Some(Exception { name, from, to, recurrence, hours })
}

fn work_week(node: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Option<WorkWeek> {
    let (from, to) = period(node, at, reader)?;
    let name = field(node, "Name").map(text_of).unwrap_or_default();
    let week = field(node, "WeekDays").map(|it| week(it, at, reader)).unwrap_or_default();
    Some(WorkWeek { name, from, to, week })
}

fn field<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> Option<Node<'a, 'input>> {
    named(node, name).next()
}
