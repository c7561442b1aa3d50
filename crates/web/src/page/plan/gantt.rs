//! The bars of the Gantt chart: each row draws its own on one scale, in per cent of its width.

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_horizon::{State, day, month};
use longlead_model::Band;
use maud::{Markup, html};

use crate::page::plan::Asked;
use crate::page::plan::row::{Progress, Row};

/// The days that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    from: Date,
    to: Date,
    as_of: Date,
}

/// Days of the past that are shown unless others are asked for.
const PAST_DAYS: i32 = 30;

/// The height of a row's drawing.
const HEIGHT: u32 = 24;

impl Scale {
    /// The days that are asked for, else those of the rows.
    pub(crate) fn of(rows: &[Row<'_>], as_of: Date, asked: &Asked) -> Scale {
        let earliest = rows.iter().map(|row| row.start).min().unwrap_or(as_of);
        let latest = rows.iter().map(|row| row.finish_p80).max().unwrap_or(as_of);
        let past = as_of.saturating_sub(PAST_DAYS.days());
        // A plan that is over is shown from its first day; the past of others matters little.
        let earliest = if latest < as_of { earliest } else { earliest.max(past) };
        let from = asked.from.parse().unwrap_or(earliest).first_of_month();
        let to: Date = asked.to.parse().unwrap_or_else(|_| latest.saturating_add(10.days()));
        Scale { from, to: to.max(from.saturating_add(28.days())), as_of }
    }

    fn days(&self) -> f64 {
        days(self.from, self.to).max(1.0)
    }

    /// Where a day begins, in per cent.
    fn x(&self, date: Date) -> f64 {
        (days(self.from, date) / self.days() * 100.0).clamp(-5.0, 105.0)
    }

    /// The first days of months, quarters or years, so that their names don't collide.
    fn ticks(&self) -> Vec<Date> {
        let months = match self.days() {
            0.0..=250.0 => 1,
            250.0..=800.0 => 3,
            800.0..=2000.0 => 6,
            _ => 12,
        };
        let mut ticks = Vec::new();
        let mut tick = self.from;
        while tick <= self.to && ticks.len() < 60 {
            let is_due = (i32::from(tick.month()) - 1) % months == 0;
            // A name at the very edge would be cut off.
            if is_due && self.x(tick) < 96.0 {
                ticks.push(tick);
            }
            tick = tick.saturating_add(1.month());
        }
        ticks
    }
}

fn days(from: Date, to: Date) -> f64 {
    from.until(to).map_or(0.0, |span| f64::from(span.get_days()))
}

/// A length in per cent, short enough for a page with hundreds of them.
fn at(percent: f64) -> String {
    format!("{percent:.2}%")
}

/// The scale above the bars, with what the bars share.
pub(crate) fn axis(scale: &Scale) -> Markup {
    let today = at(scale.x(scale.as_of));
    html! {
        span.visually-hidden { "From " (day(scale.from)) " to " (day(scale.to)) }
        svg.hz.gantt-axis width="100%" height="20" aria-hidden="true" {
            defs {
                pattern #gantt-critical width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect.hatch width="2.5" height="6" {}
                }
                g #gantt-grid {
                    @for tick in scale.ticks() {
                        @let x = at(scale.x(tick));
                        line.gantt-tick.year[tick.month() == 1] x1=(x) x2=(x) y1="0" y2=(HEIGHT) {}
                    }
                    line.gantt-today x1=(today) x2=(today) y1="0" y2=(HEIGHT) {}
                }
            }
            g.axis {
                @for tick in scale.ticks() {
                    text.major[tick.month() == 1] x=(at(scale.x(tick))) y="14" { (tick_name(tick)) }
                }
            }
        }
    }
}

fn tick_name(tick: Date) -> String {
    format!("{} {:02}", month(tick), tick.year().rem_euclid(100))
}

fn state_class(row: &Row<'_>) -> &'static str {
    match (row.progress, row.milestone.map(|it| it.state)) {
        (Progress::Finished, _) => "state-done",
        (_, Some(State::Safe)) => "state-safe",
        (_, Some(State::AtRisk)) => "state-risk",
        (_, Some(State::Lost)) => "state-lost",
        _ => "state-open",
    }
}

/// The bar of an activity, or the point of a milestone.
pub(crate) fn bar(row: &Row<'_>, scale: &Scale) -> Markup {
    let band = match row.activity.band {
        Band::Hardware => "band-hardware",
        Band::Software => "band-software",
    };
    html! {
        svg.hz.gantt-row width="100%" height=(HEIGHT) aria-hidden="true" {
            title { (told(row)) }
            use href="#gantt-grid" {}
            g class=(band) {
                g class={ (state_class(row)) @if row.activity.critical { " critical" } } {
                    @if row.activity.role.has_work() { (work(row, scale)) } @else { (point(row, scale)) }
                }
            }
        }
    }
}

/// What the bar says, in words.
fn told(row: &Row<'_>) -> String {
    let activity = row.activity;
    if activity.finished {
        return format!("{}: finished {}", activity.title, day(row.finish_p50));
    }
    let float = match activity.critical {
        true => "critical".to_owned(),
        false => format!("{:.0} days of float", activity.total_float.max(0.0)),
    };
    format!(
        "{}: from {}, finished {} (P50), {} (P80), {float}",
        activity.title,
        day(row.start),
        day(row.finish_p50),
        day(row.finish_p80),
    )
}

fn work(row: &Row<'_>, scale: &Scale) -> Markup {
    let (start, finish) = (scale.x(row.start), scale.x(next(row.finish_p50)));
    let p80 = scale.x(next(row.finish_p80));
    let float = float_end(row).map(|end| scale.x(next(end)));
    html! {
        @if let Some(float) = float.filter(|float| *float > finish) {
            line.float x1=(at(finish)) x2=(at(float)) y1="20" y2="20" {}
            line.float x1=(at(float)) x2=(at(float)) y1="17" y2="22" {}
        }
        @if p80 > finish {
            rect.spread-bar x=(at(finish)) y="8" width=(at(p80 - finish)) height="8" rx="2" {}
        }
        rect.bar x=(at(start)) y="6" width=(at((finish - start).max(0.3))) height="12" rx="2" {}
        @if row.activity.critical {
            rect.hatched x=(at(start)) y="6" width=(at((finish - start).max(0.3))) height="12" rx="2" fill="url(#gantt-critical)" {}
        }
    }
}

fn point(row: &Row<'_>, scale: &Scale) -> Markup {
    let (p50, p80) = (at(scale.x(row.finish_p50)), at(scale.x(row.finish_p80)));
    html! {
        @if row.finish_p80 > row.finish_p50 { line.spread x1=(p50) x2=(p80) y1="12" y2="12" {} }
        svg.point x=(p50) overflow="visible" width="1" height=(HEIGHT) {
            path.decision.outline[!row.activity.critical] d="M0 6L6 12L0 18L-6 12Z" {}
        }
    }
}

/// The last day to which it can slip without delaying the plan.
fn float_end(row: &Row<'_>) -> Option<Date> {
    let activity = row.activity;
    let slack = activity.early_finish.until(activity.late_finish).ok()?;
    let is_open = !activity.finished && !activity.critical && slack.get_days() > 0;
    is_open.then(|| row.finish_p50.saturating_add(slack))
}

fn next(date: Date) -> Date {
    date.saturating_add(1.day())
}

/// What the signs mean.
pub(crate) fn legend() -> Markup {
    let sample =
        |drawing: Markup| html! { svg.hz width="28" height="16" aria-hidden="true" { (drawing) } };
    html! {
        ul.legend.gantt-legend {
            li { (sample(html! { g.band-hardware { g.state-open { rect.bar x="1" y="3" width="26" height="10" rx="2" {} } } })) "hardware" }
            li { (sample(html! { g.band-software { g.state-open { rect.bar x="1" y="3" width="26" height="10" rx="2" {} } } })) "software" }
            li { (sample(html! { g.band-hardware { g.state-open { rect.bar x="1" y="3" width="12" height="10" rx="2" {} rect.spread-bar x="13" y="4" width="14" height="8" rx="2" {} } } })) "P50 to P80" }
            li { (sample(html! { g.band-hardware { g.state-open.critical { rect.bar x="1" y="3" width="26" height="10" rx="2" {} rect.hatched x="1" y="3" width="26" height="10" rx="2" fill="url(#gantt-critical)" {} } } })) "critical" }
            li { (sample(html! { g.state-open { line.float x1="1" x2="26" y1="8" y2="8" {} line.float x1="26" x2="26" y1="4" y2="12" {} } })) "float" }
            li { (sample(html! { g.state-open { path.decision.outline d="M14 2L20 8L14 14L8 8Z" {} } })) "milestone" }
            li { (sample(html! { line.today x1="14" x2="14" y1="1" y2="15" {} })) "today" }
        }
    }
}
