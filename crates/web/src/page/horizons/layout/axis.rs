//! Quarters, months and weeks along the top.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use longlead_horizon::month;

use super::text::width;
use crate::page::horizons::view::{View, days_between};

/// The size of the figures on an axis, in pixels.
pub(crate) const SIZE: f64 = 11.0;

/// The letters of quarters are bold.
const BOLD: f64 = 1.1;

/// A line of the grid with its label, if there is room for one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Pixels from the left.
    pub(crate) x: f64,
    pub(crate) label: String,
    pub(crate) labelled_to: f64,
}

/// The units of time that axes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Quarter,
    Month,
    Week,
}

/// Ticks of a unit over a window that is so many pixels wide.
pub(crate) fn ticks(unit: Unit, view: &View, pixels: f64) -> Vec<Tick> {
    let scale = pixels / f64::from(view.days());
    let (step, form) = form(unit, scale);
    let mut ticks: Vec<Tick> = Vec::new();
    let mut labelled_to = f64::NEG_INFINITY;
    let mut date = floor(unit, view.from);
    while date <= view.to {
        let next = following(unit, date);
        if next <= date {
            break;
        }
        let x = f64::from(days_between(view.from, date)) * scale;
        let (at, end) =
            (x.max(0.0), (f64::from(days_between(view.from, next)) * scale).min(pixels));
        let label = if is_labelled(unit, date, step) { named(form, date) } else { String::new() };
        let to = at + PAD + width(&label, SIZE) * if unit == Unit::Quarter { BOLD } else { 1.0 };
        // A label that spans several weeks may run past its own.
        let room = if step > 1 { pixels } else { end };
        let fits = !label.is_empty() && to <= room && at >= labelled_to + 2.0;
        if fits {
            labelled_to = to;
        }
        if x >= 0.0 || fits {
            let label = if fits { label } else { String::new() };
            ticks.push(Tick { x: at, label, labelled_to: if fits { to } else { at } });
        }
        date = next;
    }
    ticks
}

/// From a line to its label.
pub(crate) const PAD: f64 = 4.0;

/// True if a unit is wide enough for its lines to help.
pub(crate) fn has_lines(unit: Unit, view: &View, pixels: f64) -> bool {
    let days = match unit {
        Unit::Quarter => 91.0,
        Unit::Month => 30.0,
        Unit::Week => 7.0,
    };
    days * pixels / f64::from(view.days()) >= 14.0
}

/// How labels are written.
#[derive(Clone, Copy, Debug)]
enum Form {
    QuarterOfYear,
    QuarterOfShortYear,
    Quarter,
    Month,
    Letter,
    DayAndWeek,
    Day,
    Week,
    WeekNumber,
}

/// Every how many units a label stands, and how it is written, for pixels per day.
fn form(unit: Unit, scale: f64) -> (i8, Form) {
    let fits = |text: &str, days: f64| width(text, SIZE) * BOLD + PAD + 2.0 <= days * scale;
    match unit {
        Unit::Quarter if fits("Q4 2027", 90.0) => (1, Form::QuarterOfYear),
        Unit::Quarter if fits("Q4 ’27", 90.0) => (1, Form::QuarterOfShortYear),
        Unit::Quarter => (1, Form::Quarter),
        Unit::Month if fits("Mar", 28.0) => (1, Form::Month),
        Unit::Month => (1, Form::Letter),
        Unit::Week if fits("24 Mar · week 48", 7.0) => (1, Form::DayAndWeek),
        Unit::Week if fits("24 Mar", 7.0) => (1, Form::Day),
        Unit::Week if fits("W48", 7.0) => (1, Form::Week),
        Unit::Week if fits("48", 7.0) => (1, Form::WeekNumber),
        Unit::Week if fits("W48", 14.0) => (2, Form::Week),
        Unit::Week if fits("W48", 28.0) => (4, Form::Week),
        Unit::Week => (13, Form::Week),
    }
}

fn is_labelled(unit: Unit, date: Date, step: i8) -> bool {
    let week = date.iso_week_date().week();
    // Only some years have a week 53: it would stand in the way of the next year's first.
    unit != Unit::Week || step == 1 || (week % step == 1 && week < 53)
}

fn named(form: Form, date: Date) -> String {
    let week = date.iso_week_date().week();
    let quarter = (date.month() - 1) / 3 + 1;
    match form {
        Form::QuarterOfYear => format!("Q{quarter} {}", date.year()),
        Form::QuarterOfShortYear => format!("Q{quarter} ’{:02}", date.year().rem_euclid(100)),
        Form::Quarter => format!("Q{quarter}"),
        Form::Month => month(date).to_owned(),
        Form::Letter => month(date).chars().take(1).collect(),
        Form::DayAndWeek => format!("{} {} · week {week}", date.day(), month(date)),
        Form::Day => format!("{} {}", date.day(), month(date)),
        Form::Week => format!("W{week:02}"),
        Form::WeekNumber => format!("{week:02}"),
    }
}

/// The first day of the unit that a day lies in.
fn floor(unit: Unit, date: Date) -> Date {
    match unit {
        Unit::Quarter => {
            let first = (date.month() - 1) / 3 * 3 + 1;
            Date::new(date.year(), first, 1).unwrap_or(date)
        }
        Unit::Month => date.first_of_month(),
        Unit::Week => {
            let back = i32::from(date.weekday().since(Weekday::Monday));
            date.saturating_sub(back.days())
        }
    }
}

/// The first day of the unit that follows the one which begins on a day.
fn following(unit: Unit, date: Date) -> Date {
    match unit {
        Unit::Quarter => date.saturating_add(3.months()),
        Unit::Month => date.saturating_add(1.month()),
        Unit::Week => date.saturating_add(1.week()),
    }
}
