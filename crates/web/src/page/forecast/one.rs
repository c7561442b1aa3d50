//! `/forecast/…`: one date: its distribution, how it drifted, and what moves it.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use longlead_horizon::{DriverForecast, MilestoneForecast, State, day, percent};
use longlead_model::{Kind, nearest};
use longlead_records::{LoggedDate, LoggedForecast};
use maud::{Markup, html};
use plotly::common::{AxisSide, DashType, Line, LineShape, Marker};
use plotly::layout::{Axis, AxisType};
use plotly::{Bar, Layout, Trace};

use super::figure::{self, Mark};
use super::role_word;
use crate::chart;
use crate::layout::{self, Page};
use crate::naming::{self, days_between};
use crate::page::explain;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

pub(crate) async fn show(seen: Seen, Path(id): Path<String>) -> Result<Response, Problem> {
    let forecast = seen.forecast()?;
    let Some(milestone) = forecast.milestones.iter().find(|it| meant(it, &id)) else {
        let near = nearest(&id, forecast.milestones.iter().map(|it| it.id.as_str()));
        return Ok(explain::nowhere(&seen, "/forecast", &id, near));
    };
    let past = seen.app.journal().forecast_of(milestone.id.as_str()).await?;
    let drift = drift(&past);
    let page = Page {
        title: &milestone.title,
        section: "/forecast",
        lede: Some(lede(milestone)),
        tools: html! {
            (ui::badge(milestone.state))
            a.button href=(ui::explain_href(milestone.id.as_str())) { "Why this date" }
        },
        main: main(&seen, milestone, &drift),
        live: true,
    };
    Ok(layout::page(&seen, &page).into_response())
}

/// A date goes by its own id, or by that of the feature or release behind it.
fn meant(milestone: &MilestoneForecast, id: &str) -> bool {
    let own = milestone.id.as_str();
    own == id || own.strip_prefix("launch:") == Some(id) || own.strip_prefix("release:") == Some(id)
}

fn lede(milestone: &MilestoneForecast) -> Markup {
    let what = role_word(milestone.role);
    if milestone.state == State::Done {
        return html! { "This " (what) " was reached on " (ui::date(milestone.p50)) "." };
    }
    html! {
        "As likely as not by " (ui::date(milestone.p50)) ", and with 80 % by "
        (ui::date(milestone.p80)) "."
        @match (milestone.target, milestone.on_time) {
            (Some(target), Some(on_time)) => {
                " Its target, " (ui::date(target)) ", holds with " strong { (percent(on_time)) }
                "; " (percent(milestone.confidence)) " is asked for."
            }
            _ => { " It has no target." }
        }
    }
}

fn main(seen: &Seen, milestone: &MilestoneForecast, drift: &[Told]) -> Markup {
    html! {
        div.stack {
            (figures(milestone))
            (warnings(seen, milestone))
            @if milestone.state != State::Done { (distribution_card(milestone)) }
            (drift_card(milestone, drift))
            (drivers(seen, milestone))
            (decisions(seen, milestone))
        }
    }
}

fn figures(milestone: &MilestoneForecast) -> Markup {
    let figure = |label: &str, value: Markup, hint: &str| {
        html! {
            div.card.stat {
                p.label { (label) } p.value { (value) } p.hint { (hint) }
            }
        }
    };
    html! {
        div.cards.stats {
            @if milestone.state == State::Done {
                (figure("Reached", ui::date(milestone.p50), "as recorded"))
                (figure("Target", ui::maybe_date(milestone.target), "last day on time"))
            } @else {
                (figure("P10", ui::date(milestone.p10), "one in ten is as early"))
                (figure("P50", ui::date(milestone.p50), "half are as early"))
                (figure("P80", ui::date(milestone.p80), "eight in ten are"))
                (figure("P90", ui::date(milestone.p90), "nine in ten are"))
                (figure("Target", ui::maybe_date(milestone.target), "last day on time"))
                (figure("On time", ui::maybe_percent(milestone.on_time), "share of samples that hold it"))
            }
        }
    }
}

fn warnings(seen: &Seen, milestone: &MilestoneForecast) -> Markup {
    html! {
        @if milestone.unreachable {
            p.notice.bad { span {
                "It waits for something that can't happen as planned; these dates leave that out. "
                a href=(ui::explain_href(milestone.id.as_str())) { "See what it waits for" } "."
            } }
        }
        @if !milestone.supposed.is_empty() {
            div.notice.warn {
                p {
                    "These dates suppose hardware that nobody has planned: "
                    @for (number, (revision, capability)) in milestone.supposed.iter().enumerate() {
                        @if number > 0 { ", " }
                        (naming::record(seen, Kind::Capability, capability.as_str())) " on "
                        (naming::record(seen, Kind::Revision, revision.as_str()))
                        " (" a href={ "/decisions/carry:" (revision) ":" (capability) } { "decide" } ")"
                    }
                    "."
                }
            }
        }
    }
}

/// The probability that it comes within each span of days, from the points of the distribution.
fn densities(distribution: &[(Date, f64)], span_days: i32) -> Vec<(Date, f64)> {
    let (Some((first, _)), Some((last, _))) = (distribution.first(), distribution.last()) else {
        return Vec::new();
    };
    let mut densities = Vec::new();
    let mut from = first.yesterday().unwrap_or(*first);
    let mut below = 0.0;
    while from < *last {
        let to = from.saturating_add(span_days.days());
        let by = reached_by(distribution, to);
        densities.push((from.saturating_add((span_days / 2).days()), (by - below).max(0.0)));
        (from, below) = (to, by);
    }
    densities
}

/// The probability that it has come by a day, straight between the points.
fn reached_by(distribution: &[(Date, f64)], day: Date) -> f64 {
    let mut before: Option<(Date, f64)> = None;
    for &(on, share) in distribution {
        if on > day {
            let Some((from, below)) = before else { return 0.0 };
            let whole = f64::from(days_between(from, on)).max(1.0);
            return below + (share - below) * f64::from(days_between(from, day)) / whole;
        }
        before = Some((on, share));
    }
    before.map_or(0.0, |(_, share)| share)
}

/// Bars are a day wide, a week or four where there would be too many.
fn bar_days(distribution: &[(Date, f64)]) -> i32 {
    let (first, last) = (distribution.first(), distribution.last());
    let days = first.zip(last).map_or(0, |(first, last)| days_between(first.0, last.0));
    match days {
        ..=40 => 1,
        41..=400 => 7,
        _ => 28,
    }
}

fn span_words(days: i32) -> &'static str {
    match days {
        1 => "day",
        7 => "week",
        _ => "four weeks",
    }
}

fn distribution_card(milestone: &MilestoneForecast) -> Markup {
    let span = bar_days(&milestone.distribution);
    let per = span_words(span);
    let bars = densities(&milestone.distribution, span);
    let most = bars.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    let (x, y): (Vec<String>, Vec<f64>) =
        bars.iter().map(|(on, share)| (on.to_string(), *share)).unzip();
    let bar = Bar::new(x, y)
        .name(format!("in the {per}"))
        .marker(Marker::new().color("var(--line-strong)"));
    let points = milestone.distribution.iter().map(|(on, share)| (on.to_string(), *share));
    let line = Line::new().color("var(--accent)").width(2.0);
    let curve = figure::curve("reached by then", points, line).y_axis("y2");
    let traces: Vec<Box<dyn Trace>> = vec![bar, curve];
    let hidden = Axis::new()
        .show_grid(false)
        .show_tick_labels(false)
        .zero_line(false)
        .hover_format(".1%")
        .range(vec![0.0, most * 3.0]);
    // The curve lies above the bars.
    let shares = figure::shares().overlaying("y").side(AxisSide::Left);
    let layout = Layout::new().y_axis(hidden).y_axis2(shares);
    let mut marks = vec![
        Mark::new(milestone.p50, format!("P50 {}", day(milestone.p50)), "var(--ink-2)"),
        Mark::new(milestone.p80, format!("P80 {}", day(milestone.p80)), "var(--ink)"),
    ];
    if let Some(target) = milestone.target {
        marks.push(Mark::new(target, format!("target {}", day(target)), "var(--risk)"));
    }
    let table = html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Probability that it is reached by each day" }
                thead { tr { th scope="col" { "By" } th.num scope="col" { "Probability" } } }
                tbody { @for (on, share) in &milestone.distribution {
                    tr { td { (ui::date(*on)) } td.num { (percent(*share)) } }
                } }
            }
        }
    };
    let drawn = milestone.distribution.iter().map(|(on, _)| *on);
    let layout = figure::marked(layout, &marks, drawn);
    let label = format!("Probability that {} is reached by each day", milestone.title);
    html! {
        section.card {
            h2 { "When it comes" }
            p.muted { "Line: the probability that it is reached by a day. Bars: the probability that it comes in that " (per) "." }
            (chart::chart("distribution", &label, &traces, &layout, &table))
        }
    }
}

/// What a past forecast said.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    /// The day that it took for today.
    as_of: Date,
    said: LoggedDate,
}

/// One line for each day: the last that was said.
fn drift(past: &[LoggedForecast]) -> Vec<Told> {
    let mut drift: Vec<Told> = Vec::new();
    for forecast in past {
        let Some(said) = forecast.items.first() else { continue };
        let on = forecast.at.to_zoned(TimeZone::UTC).date().max(forecast.as_of);
        // Two of a day are one point: the later holds.
        if drift.last().is_some_and(|last| last.as_of == on) {
            drift.pop();
        }
        drift.push(Told { as_of: on, said: said.clone() });
    }
    drift
}

fn drift_card(milestone: &MilestoneForecast, drift: &[Told]) -> Markup {
    html! {
        section.card {
            h2 { "How it drifted" }
            @if drift.len() < 2 {
                p.muted {
                    "Each forecast that says something new is kept. "
                    @if let Some(only) = drift.first() {
                        "So far there is one, of " (ui::date(only.as_of)) "; the line begins with the next."
                    } @else {
                        "None has been kept yet."
                    }
                }
            } @else {
                p.muted { (drift_words(drift)) }
                (drift_chart(milestone, drift))
            }
        }
    }
}

fn drift_words(drift: &[Told]) -> String {
    let p80 = |told: &Told| told.said.p80;
    let (Some(first), Some(last)) = (drift.first(), drift.last()) else {
        return String::new();
    };
    let moved = p80(first).zip(p80(last)).map(|(from, to)| days_between(from, to));
    let since = day(first.as_of);
    match moved {
        None => format!("{} forecasts since {since}.", drift.len()),
        Some(0) => format!("Since {since} the P80 date has come back to where it was."),
        Some(days) if days > 0 => {
            format!("Since {since} the P80 date has moved {days} days later.")
        }
        Some(days) => format!("Since {since} the P80 date has moved {} days earlier.", -days),
    }
}

fn drift_chart(milestone: &MilestoneForecast, drift: &[Told]) -> Markup {
    let line =
        |name: &str, colour: &'static str, dash: DashType, date: fn(&Told) -> Option<Date>| {
            let points = drift
                .iter()
                .filter_map(move |told| Some((told.as_of.to_string(), date(told)?.to_string())));
            let line = Line::new().color(colour).width(2.0).dash(dash).shape(LineShape::Hv);
            figure::curve(name, points, line) as Box<dyn Trace>
        };
    let traces = vec![
        line("target", "var(--risk)", DashType::Dot, |told| told.said.target),
        line("P80", "var(--accent)", DashType::Solid, |told| told.said.p80),
        line("P50", "var(--ink-3)", DashType::Solid, |told| told.said.p50),
    ];
    let dates = Axis::new().type_(AxisType::Date).hover_format("%-d %b %Y");
    let layout = Layout::new().x_axis(figure::days()).y_axis(dates).show_legend(true);
    let table = html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "What was forecast, the latest first" }
                thead { tr {
                    th scope="col" { "Said on" } th.num scope="col" { "P50" } th.num scope="col" { "P80" }
                    th.num scope="col" { "Target" } th.num scope="col" { "On time" }
                } }
                tbody { @for told in drift.iter().rev() {
                    tr {
                        td { (ui::date(told.as_of)) }
                        td.num { (ui::maybe_date(told.said.p50)) }
                        td.num { (ui::maybe_date(told.said.p80)) }
                        td.num { (ui::maybe_date(told.said.target)) }
                        td.num { (ui::maybe_percent(told.said.on_time)) }
                    }
                } }
            }
        }
    };
    let label = format!("P50 and P80 of {} as they were forecast over time", milestone.title);
    chart::chart("drift", &label, &traces, &layout, &table)
}

fn drivers(seen: &Seen, milestone: &MilestoneForecast) -> Markup {
    let most = milestone.drivers.iter().map(|it| it.contribution_days).fold(0.0, f64::max);
    html! {
        section.stack aria-labelledby="drivers" {
            div.section-head {
                h2 #drivers { "What moves it" }
                p.muted { "The twelve strongest at most. Shorten one that drives often and adds many days." }
            }
            @if milestone.drivers.is_empty() {
                p.muted { "Nothing that you can see moves it any more." }
            } @else {
                div.scroll {
                    table.data data-sortable {
                        caption.visually-hidden { "Activities that drive the date, most days first" }
                        thead { tr {
                            th scope="col" { "Activity" }
                            th scope="col" { "Adds on average" }
                            th.num scope="col" title="The share of samples in which it is on the path that drives the date" { "Drives in" }
                            th.num scope="col" title="Rank correlation of its duration with the date" { "Cruciality" }
                            th.num scope="col" title="Schedule sensitivity index: how far its spread moves the date" { "SSI" }
                        } }
                        tbody { @for driver in &milestone.drivers { (driver_row(seen, driver, most)) } }
                    }
                }
                p.muted {
                    "Drives in: the share of samples in which it is on the path that drives the date; at 50 % and more it is critical. "
                    "Cruciality: rank correlation of its duration with the date. "
                    "SSI: schedule sensitivity index, which weighs how often it drives by how far it spreads."
                }
            }
        }
    }
}

fn driver_row(seen: &Seen, driver: &DriverForecast, most: f64) -> Markup {
    let share = driver.contribution_days / most.max(1.0);
    html! {
        tr {
            th.wide scope="row" { (naming::activity(seen, &driver.activity)) small.id { (driver.activity) } }
            td data-value=(format!("{:.3}", driver.contribution_days)) {
                span.tornado style=(format!("--share:{share:.3}")) { (format!("{:.0} d", driver.contribution_days)) }
            }
            td.num data-value=(driver.criticality) {
                (percent(driver.criticality))
                @if driver.criticality >= 0.5 { small { "critical" } }
            }
            td.num { (format!("{:.2}", driver.cruciality)) }
            td.num { (format!("{:.2}", driver.ssi)) }
        }
    }
}

/// Decisions that this date waits for.
fn decisions(seen: &Seen, milestone: &MilestoneForecast) -> Markup {
    let all = seen.forecast().map(|it| it.decisions.as_slice()).unwrap_or_default();
    let waiting: Vec<_> = all
        .iter()
        .filter(|it| it.decided.is_none() && it.target.as_ref() == Some(&milestone.id))
        .collect();
    html! {
        @if !waiting.is_empty() {
            section.card {
                h2 { "Decisions that it waits for" }
                table.plain {
                    caption.visually-hidden { "Open decisions with this target" }
                    thead { tr { th scope="col" { "Decision" } th.num scope="col" { "Decide by" } th scope="col" { "State" } } }
                    tbody { @for decision in waiting {
                        tr {
                            th scope="row" { a href={ "/decisions/" (decision.id) } { (decision.title) } }
                            td.num { (ui::maybe_date(decision.decide_by)) }
                            td { (ui::badge(decision.state)) }
                        }
                    } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn the_bars_add_up_to_the_whole_and_lie_where_the_curve_is_steep() {
        let points = [("2027-03-01", 0.01), ("2027-03-08", 0.5), ("2027-03-29", 1.0)];
        let points: Vec<(Date, f64)> = points.map(|(on, share)| (date(on), share)).to_vec();
        let bars = densities(&points, 7);
        let sum: f64 = bars.iter().map(|(_, share)| share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{bars:?}");
        let steepest = bars.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        assert!(steepest.0 < date("2027-03-08"), "{bars:?}");
        assert!(densities(&[], 7).is_empty());
    }

    #[test]
    fn between_two_points_the_probability_rises_evenly() {
        let points = [(date("2027-03-01"), 0.2), (date("2027-03-11"), 0.4)];
        for (on, expect) in
            [("2027-02-28", 0.0), ("2027-03-01", 0.2), ("2027-03-06", 0.3), ("2027-04-01", 0.4)]
        {
            assert!((reached_by(&points, date(on)) - expect).abs() < 1e-9, "{on}");
        }
    }
}
