//! Calendars of a project file.

use jiff::civil::Date;

use super::super::{Calendar, Exception, Hours, Recurrence, Week, WorkWeek};
use super::markup::Markup;

pub(super) fn calendars(markup: &mut Markup, calendars: &[Calendar]) {
    markup.group("Calendars", calendars, |markup, calendar| {
        markup.open("Calendar");
        markup.value("UID", calendar.uid);
        markup.filled("Name", &calendar.name);
        markup.flag("IsBaseCalendar", calendar.is_base);
        markup.value("BaseCalendarUID", calendar.base_uid.unwrap_or(-1));
        week(markup, &calendar.week, &calendar.exceptions);
        markup.group("Exceptions", &calendar.exceptions, exception);
        markup.group("WorkWeeks", &calendar.work_weeks, work_week);
        markup.close("Calendar");
    });
}

/// The week, with exceptions once more as programs before 2007 look for them.
fn week(markup: &mut Markup, week: &Week, exceptions: &[Exception]) {
    let plain: Vec<&Exception> =
        exceptions.iter().filter(|it| it.recurrence == Recurrence::EVERY_DAY).collect();
    if week.iter().all(Option::is_none) && plain.is_empty() {
        return;
    }
    markup.open("WeekDays");
    week_days(markup, week);
    for exception in plain {
        markup.open("WeekDay");
        markup.value("DayType", 0);
        markup.flag("DayWorking", !exception.hours.is_empty());
        time_period(markup, exception.from, exception.to);
        working_times(markup, &exception.hours);
        markup.close("WeekDay");
    }
    markup.close("WeekDays");
}

fn week_days(markup: &mut Markup, week: &Week) {
    // The file's week begins on Sunday, which is day 1.
    for number in 1..=7_usize {
        let Some(Some(hours)) = week.get((number + 5) % 7) else { continue };
        markup.open("WeekDay");
        markup.value("DayType", number);
        markup.flag("DayWorking", !hours.is_empty());
        working_times(markup, hours);
        markup.close("WeekDay");
    }
}

fn working_times(markup: &mut Markup, hours: &[Hours]) {
    markup.group("WorkingTimes", hours, |markup, hours| {
        markup.open("WorkingTime");
        markup.value("FromTime", time_of_day(hours.from));
        markup.value("ToTime", time_of_day(hours.to));
        markup.close("WorkingTime");
    });
}

/// Midnight at the end of a day is written as the one at its beginning.
fn time_of_day(minute: u16) -> String {
    let minute = minute % 1440;
    format!("{:02}:{:02}:00", minute / 60, minute % 60)
}

fn time_period(markup: &mut Markup, from: Date, to: Date) {
    markup.open("TimePeriod");
    markup.value("FromDate", from.at(0, 0, 0, 0));
    markup.value("ToDate", to.at(23, 59, 0, 0));
    markup.close("TimePeriod");
}

fn exception(markup: &mut Markup, exception: &Exception) {
    let recurrence = &exception.recurrence;
    markup.open("Exception");
    markup.flag("EnteredByOccurrences", recurrence.occurrences.is_some());
    time_period(markup, exception.from, exception.to);
    markup.some("Occurrences", recurrence.occurrences);
    markup.filled("Name", &exception.name);
    markup.value("Type", recurrence.kind);
    markup.value("Period", recurrence.period);
    markup.value("DaysOfWeek", recurrence.days_of_week);
    markup.value("MonthItem", recurrence.month_item);
    markup.value("MonthPosition", recurrence.month_position);
    markup.value("Month", recurrence.month);
    markup.value("MonthDay", recurrence.month_day);
    markup.flag("DayWorking", !exception.hours.is_empty());
    working_times(markup, &exception.hours);
    markup.close("Exception");
}

fn work_week(markup: &mut Markup, work_week: &WorkWeek) {
    markup.open("WorkWeek");
    time_period(markup, work_week.from, work_week.to);
    markup.filled("Name", &work_week.name);
    if work_week.week.iter().any(Option::is_some) {
        markup.open("WeekDays");
        week_days(markup, &work_week.week);
        markup.close("WeekDays");
    }
    markup.close("WorkWeek");
}
