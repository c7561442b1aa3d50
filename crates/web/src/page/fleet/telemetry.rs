//! What one device sent, on its page: a chart for each number of each of its streams, and how
//! complete each is.

use std::ops::Range;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use longlead_records::devices::{Attribute, DeviceVersion};
use longlead_stream::quality::{DeviceRows, Figures, device_figures};
use longlead_stream::{Clock, Contract};
use maud::{Markup, html};
use plotly::common::{DashType, Mode};
use plotly::layout::{Axis, AxisType, Margin, Shape, ShapeLine, ShapeType};
use plotly::{Layout, Scatter, Trace};

use crate::chart;
use crate::page::data::contracts;
use crate::page::hardware::figure::count;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::rights::Needs;
use crate::telemetry::{DevicesOf, Telemetry, problem};
use crate::ui;

/// Readings of one stream that are looked at: the newest.
const ROWS_MAX: usize = 20_000;
/// Stretches of time that a chart tells apart: of each, the lowest and the highest value.
const STRETCHES: i64 = 500;
/// Lines of the table under a chart: the newest.
const LINES: usize = 60;
/// Readings further apart than this many cadences aren't joined by a line.
const GAP_CADENCES: f64 = 1.5;

/// How far back charts reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Span {
    #[default]
    Day,
    Week,
    All,
}

impl Span {
    const ALL: [(Span, &'static str, &'static str); 3] =
        [(Span::Day, "day", "24 hours"), (Span::Week, "week", "7 days"), (Span::All, "all", "All")];

    pub(crate) fn named(word: Option<&str>) -> Span {
        let named = Span::ALL.into_iter().find(|(_, name, _)| Some(*name) == word);
        named.map_or(Span::Day, |(span, ..)| span)
    }

    fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Span::Day => now.checked_sub(24.hours()).unwrap_or(now),
            Span::Week => now.checked_sub((7 * 24).hours()).unwrap_or(now),
            Span::All => Timestamp::UNIX_EPOCH,
        }
    }
}

/// What a device sent of one stream.
struct Sent {
    contract: Arc<Contract>,
    rows: DeviceRows,
    figures: Figures,
    is_part: bool,
    /// What charts reach from and to, in microseconds since 1970.
    window: Range<i64>,
}

/// Charts of a device, for those who may read what devices send.
pub(crate) async fn of_device(
    seen: &Seen,
    serial: &str,
    span: Span,
    versions: &[DeviceVersion],
) -> Result<Markup, Problem> {
    let keeper = seen.app.settings().telemetry.as_deref();
    let keeper = keeper.filter(|_| Needs::ReadTelemetry.met_by(seen.reader.user.role));
    let Some(keeper) = keeper else { return Ok(html! {}) };
    let mut all = Vec::new();
    for contract in contracts(seen).iter() {
        all.extend(sent(seen, keeper, contract, serial, span).await?);
    }
    let path = format!("/fleet/devices/{serial}");
    Ok(html! {
        section #telemetry aria-labelledby="sent" {
            div.section-head {
                h2 #sent { "What it sent" }
                nav.chips aria-label="How far back" {
                    @for (of, name, title) in Span::ALL {
                        a.chip href={ (path) "?window=" (name) "#telemetry" } aria-current=[(of == span).then_some("true")] { (title) }
                    }
                }
            }
            @if all.is_empty() { p.muted { "No reading of it is kept from this time." } }
            @for sent in &all { (stream(sent, versions)) }
        }
    })
}

async fn sent(
    seen: &Seen,
    keeper: &dyn Telemetry,
    contract: &Arc<Contract>,
    serial: &str,
    span: Span,
) -> Result<Option<Sent>, Problem> {
    let now = seen.app.now();
    let window = span.from(now).as_microsecond()..now.as_microsecond();
    let rows =
        keeper.rows_of(Arc::clone(contract), serial.to_owned(), window.clone(), ROWS_MAX).await;
    let DevicesOf { devices, part_from } = rows.map_err(|error| problem(&error))?;
    let Some((_, rows)) = devices.into_iter().next() else { return Ok(None) };
    // Of all time, what was due is reckoned from the first reading on; of a part, from its begin.
    let first = rows.captured.iter().zip(&rows.clock).filter(|(_, clock)| is_trusted(**clock));
    let first = first.map(|(at, _)| *at).min().unwrap_or(window.start);
    let from = match (part_from, span) {
        (Some(from), _) => from,
        (None, Span::All) => first,
        (None, _) => window.start,
    };
    let window = from..window.end;
    let figures = device_figures(contract, &rows, window.clone(), window.end);
    Ok(Some(Sent {
        contract: Arc::clone(contract),
        rows,
        figures,
        is_part: part_from.is_some(),
        window,
    }))
}

fn is_trusted(clock: Clock) -> bool {
    !matches!(clock, Clock::Unset | Clock::Future)
}

fn stream(sent: &Sent, versions: &[DeviceVersion]) -> Markup {
    let contract = &sent.contract;
    let untrusted = sent.rows.clock.iter().filter(|it| !is_trusted(**it)).count() as u64;
    html! {
        section.card {
            h3 { a href={ "/data/" (contract.stream()) } { (contract.record().title) } }
            p.muted {
                (completeness(&sent.figures))
                @if sent.is_part { " There are more readings: these are the newest " (count(sent.figures.rows)) "." }
                @if untrusted > 0 { " " (count(untrusted)) " have a time that can't be trusted, and aren't drawn." }
            }
            div.device-charts {
                @for (name, values) in sent.rows.fields.iter().filter(|it| has_any(it)) {
                    (field(sent, name, values, versions))
                }
            }
            @let untold: Vec<&str> = sent.rows.fields.iter().filter(|it| !has_any(it)).map(|it| it.0.as_str()).collect();
            @if !untold.is_empty() { p.muted { "In no reading: " (untold.join(", ")) "." } }
        }
    }
}

fn has_any((_, values): &(String, Vec<Option<f64>>)) -> bool {
    values.iter().any(Option::is_some)
}

/// How much of what was due is there.
fn completeness(figures: &Figures) -> Markup {
    let rows = count(figures.rows);
    html! {
        @match figures.completeness.filter(|it| it.expected > 0) {
            Some(told) => {
                (count(told.received)) " of " (count(told.expected)) " readings that were due are there: "
                (ui::maybe_percent(told.share())) "."
            }
            None => { (rows) " readings; nothing tells how many were due." }
        }
    }
}

fn field(sent: &Sent, name: &str, values: &[Option<f64>], versions: &[DeviceVersion]) -> Markup {
    let contract = &sent.contract;
    let times = sent.rows.captured.iter().zip(&sent.rows.clock);
    let mut points: Vec<(i64, f64)> = times
        .zip(values)
        .filter(|((_, clock), _)| is_trusted(**clock))
        .filter_map(|((at, _), value)| Some((*at, (*value)?)))
        .collect();
    points.sort_by_key(|(at, _)| *at);
    let has = values.iter().flatten().count() as u64;
    let unit = contract.columns().iter().find(|it| it.name == name);
    let unit = unit.and_then(|it| it.unit.as_ref()).map(|it| it.code().to_owned());
    let title = match unit.filter(|it| !it.is_empty()) {
        Some(unit) => format!("{name}, {unit}"),
        None => name.to_owned(),
    };
    let share = sent.figures.completeness.and_then(|it| it.share());
    html! {
        div.device-chart {
            h4 { (title) }
            p.muted {
                "In " (count(has)) " of " (count(values.len() as u64)) " readings"
                @if let Some(share) = share { ", which are " (longlead_horizon::percent(share)) " of what was due" }
                "."
            }
            @if points.is_empty() { p.muted { "Nothing to draw." } }
            @else { (drawn(sent, &title, &points, versions)) }
        }
    }
}

fn drawn(sent: &Sent, title: &str, points: &[(i64, f64)], versions: &[DeviceVersion]) -> Markup {
    let id: String = format!("{}-{title}", sent.contract.stream());
    let id: String =
        id.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let thinned = thinned(points);
    // Where points were left out, two of them are further apart than readings are.
    let is_whole = thinned.len() == points.len();
    let gap = sent.contract.cadence().map(|cadence| (cadence as f64 * GAP_CADENCES) as i64);
    let line = joined(&thinned, gap.filter(|_| is_whole));
    let (x, y): (Vec<String>, Vec<Option<f64>>) =
        line.into_iter().map(|(at, value)| (instant(at), value)).unzip();
    let mode = if points.len() <= 100 { Mode::LinesMarkers } else { Mode::Lines };
    let traces: Vec<Box<dyn Trace>> = vec![Scatter::new(x, y).name(title).mode(mode)];
    // The whole window, so that what is missing before and after is seen to be.
    let Range { start: from, end: to } = sent.window;
    let layout = Layout::new()
        .show_legend(false)
        .x_axis(Axis::new().type_(AxisType::Date).range(vec![instant(from), instant(to)]))
        .margin(Margin::new().left(48).right(12).top(8).bottom(36))
        .shapes(marks(versions, &sent.window));
    let label = format!("{title} over time; a dotted line where firmware or revision changed");
    let shown = points.iter().rev().take(LINES);
    let table = html! {
        @if points.len() > LINES { p { "The newest " (LINES) " of " (count(points.len() as u64)) "." } }
        table.data {
            thead { tr { th scope="col" { "When (UTC)" } th.num scope="col" { (title) } } }
            tbody { @for (at, value) in shown { tr { td.nowrap { (instant(*at)) } td.num { (value) } } } }
        }
    };
    html! { div.short-chart { (chart::chart(&id, &label, &traces, &layout, &table)) } }
}

fn instant(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |it| it.to_string())
}

/// A line where firmware or revision changed.
fn marks(versions: &[DeviceVersion], within: &Range<i64>) -> Vec<Shape> {
    let changes = changes(versions);
    let drawn = changes.iter().filter(|it| within.contains(&it.at.as_microsecond()));
    drawn
        .map(|it| {
            let at = it.at.to_string();
            Shape::new()
                .shape_type(ShapeType::Line)
                .x_ref("x")
                .y_ref("paper")
                .x0(at.clone())
                .x1(at)
                .y0(0.0)
                .y1(1.0)
                .line(ShapeLine::new().color("var(--ink-3)").width(1.5).dash(DashType::Dot))
        })
        .collect()
}

/// A change of what a device is that its readings may show.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) at: Timestamp,
    pub(crate) attribute: Attribute,
    pub(crate) from: Option<&'a str>,
    pub(crate) version: &'a DeviceVersion,
}

/// Changes of firmware and revision, the newest first, as versions are.
pub(crate) fn changes(versions: &[DeviceVersion]) -> Vec<Change<'_>> {
    let true_ones: Vec<&DeviceVersion> = versions.iter().filter(|it| !it.is_superseded).collect();
    let mut changes = Vec::new();
    for pair in true_ones.windows(2) {
        let [version, before] = pair else { continue };
        for attribute in [Attribute::Firmware, Attribute::Revision] {
            let (from, to) = (before.facts.get(attribute), version.facts.get(attribute));
            if from != to {
                changes.push(Change { at: version.since, attribute, from, version });
            }
        }
    }
    changes
}

/// Fewer points of the same shape: of each stretch of time the lowest and the highest.
fn thinned(points: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() as i64 <= 2 * STRETCHES {
        return points.to_vec();
    }
    let stretch = (last.0 - first.0) / STRETCHES + 1;
    let mut thinned: Vec<(i64, f64)> = Vec::new();
    for some in
        points.chunk_by(|one, other| (one.0 - first.0) / stretch == (other.0 - first.0) / stretch)
    {
        let by = |one: &&(i64, f64), other: &&(i64, f64)| one.1.total_cmp(&other.1);
        let ends = [some.iter().min_by(by), some.iter().max_by(by)];
        let mut ends: Vec<(i64, f64)> = ends.into_iter().flatten().copied().collect();
        ends.sort_by_key(|(at, _)| *at);
        ends.dedup_by_key(|(at, _)| *at);
        thinned.extend(ends);
    }
    thinned
}

/// Points with nothing between two that are further apart than a gap, so that no line joins them.
fn joined(points: &[(i64, f64)], gap: Option<i64>) -> Vec<(i64, Option<f64>)> {
    let mut line: Vec<(i64, Option<f64>)> = Vec::with_capacity(points.len());
    for (at, value) in points {
        if let (Some(gap), Some((before, Some(_)))) = (gap, line.last())
            && at - before > gap
        {
            line.push((before + gap / 2, None));
        }
        line.push((*at, Some(*value)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_readings_are_missing() {
        let line = joined(&[(0, 1.0), (10, 2.0), (40, 3.0)], Some(15));
        assert_eq!(line, [(0, Some(1.0)), (10, Some(2.0)), (17, None), (40, Some(3.0))]);
        assert_eq!(joined(&[(0, 1.0), (40, 3.0)], None).len(), 2);
    }

    #[test]
    fn fewer_points_keep_the_lowest_and_the_highest() {
        let mut points: Vec<(i64, f64)> = (0..20_000).map(|at| (at, (at % 7) as f64)).collect();
        points[12_345].1 = 99.0;
        points[54].1 = -99.0;
        let thinned = thinned(&points);
        assert!(thinned.len() <= 2 * STRETCHES as usize + 2, "{}", thinned.len());
        assert!(thinned.contains(&(12_345, 99.0)) && thinned.contains(&(54, -99.0)));
        assert!(thinned.is_sorted_by_key(|(at, _)| *at));
    }
}
