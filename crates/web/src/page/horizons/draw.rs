//! The layout as markup: an SVG that stretches with its canvas while text keeps its size.
//!
//! Positions across are percentages; only ties are drawn in a coordinate system that is stretched
//! as a whole, with strokes that keep their width.

mod gutter;
mod legend;
mod table;

use std::collections::BTreeSet;

use jiff::civil::Date;
use longlead_horizon::{State, day};
use longlead_model::Band;
use maud::{Markup, html};

use super::layout::{Label, Layout, Part, Placed, PlacedMark, Strip, Tick, WIDTH, place};
use super::scene::{SegmentKind, TieKind};
use super::view::View;
use crate::ui;
pub(crate) use gutter::gutter;
pub(crate) use legend::{legend, symbols};
pub(crate) use table::table;

/// The height of the axis above the bands.
pub(crate) const HEAD: f64 = 40.0;

/// A position across, as a share of the canvas.
struct Across(f64);

impl std::fmt::Display for Across {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}%", self.0 / WIDTH * 100.0)
    }
}

/// A number of pixels, without needless digits.
struct Pixels(f64);

impl std::fmt::Display for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", (self.0 * 10.0).round() / 10.0)
    }
}

/// The whole timeline: lanes' names on the left, the axis on top, all else in between.
pub(crate) fn timeline(layout: &Layout<'_>, as_of: Date, view: &View) -> Markup {
    let density = if layout.density.is_compact { "hz compact" } else { "hz" };
    html! {
        div.timeline tabindex="0" role="region" aria-label="Timeline" {
            div.hz-canvas {
                div.hz-head {
                    div.hz-corner { small { "Today " (day(as_of)) } }
                    (head(layout))
                }
                div.hz-body {
                    (gutter(layout, view))
                    svg class=(density) height=(Pixels(layout.height)) width="100%" role="group"
                        aria-label="Bars from hardware to software, with decisions between them" {
                        (symbols())
                        (grounds(layout))
                        (grid(layout))
                        (ties(layout))
                        (band(layout, Band::Hardware))
                        (decisions(layout))
                        (band(layout, Band::Software))
                        @if let Some(x) = layout.today {
                            line.today x1=(Across(x)) x2=(Across(x)) y1="0" y2=(Pixels(layout.height)) {}
                        }
                    }
                }
            }
        }
    }
}

/// Quarters and months, which stay in sight.
fn head(layout: &Layout<'_>) -> Markup {
    html! {
        svg.hz height=(Pixels(HEAD)) width="100%" aria-hidden="true" {
            g.grid {
                @for tick in &layout.quarters {
                    line.major x1=(Across(tick.x)) x2=(Across(tick.x)) y1="0" y2=(Pixels(HEAD)) {}
                }
            }
            (axis(&layout.quarters, 15.0, "axis major"))
            (axis(&layout.months, 32.0, "axis"))
            @if let Some(x) = layout.today {
                svg x=(Across(x)) y="0" {
                    path.today-sign d="M-5 33h10l-5 7z" {
                        title { "Today" }
                    }
                }
            }
        }
    }
}

fn axis(ticks: &[Tick], y: f64, class: &str) -> Markup {
    html! {
        g class=(class) {
            @for tick in ticks.iter().filter(|it| !it.label.is_empty()) {
                text x=(Across(tick.x)) dx="4" y=(Pixels(y)) { (tick.label) }
            }
        }
    }
}

/// What lies behind everything: bands and closed seasons.
fn grounds(layout: &Layout<'_>) -> Markup {
    html! {
        @for panel in &layout.panels {
            @if panel.part == Part::Decisions {
                rect.decisions-ground x="0" width="100%" y=(Pixels(panel.y)) height=(Pixels(panel.height)) {}
            }
            @if panel.part == Part::Hardware {
                @for shade in &layout.shades {
                    rect.shutdown x=(Across(shade.from)) width=(Across(shade.to - shade.from))
                        y=(Pixels(panel.y)) height=(Pixels(panel.height)) {
                        title { (shade.title) }
                    }
                }
                g.axis {
                    @for shade in layout.shades.iter().filter(|it| !it.label.is_empty()) {
                        text x=(Across(shade.from)) dx="4" y=(Pixels(panel.y + 15.0)) { (shade.label) }
                    }
                }
            }
            @if panel.part == Part::Software {
                (axis(&layout.weeks, panel.y + 15.0, "axis"))
            }
        }
        @for heading in &layout.headings {
            line.group-line x1="0" x2="100%" y1=(Pixels(heading.y)) y2=(Pixels(heading.y)) {}
            @if !heading.group.note.is_empty() {
                text.group-note x="6" y=(Pixels(heading.y + 15.0)) { (heading.group.note) }
            }
        }
    }
}

/// Lines between quarters everywhere, between months above, between weeks below.
fn grid(layout: &Layout<'_>) -> Markup {
    html! {
        g.grid {
            @for panel in &layout.panels {
                @let (y1, y2) = (Pixels(panel.y), Pixels(panel.y + panel.height));
                @let ticks = match panel.part {
                    Part::Software if layout.has_week_lines => &layout.weeks[..],
                    _ if layout.has_month_lines => &layout.months[..],
                    _ => &[],
                };
                @for tick in ticks {
                    line.minor x1=(Across(tick.x)) x2=(Across(tick.x)) y1=(y1) y2=(y2) {}
                }
                line.separator x1="0" x2="100%" y1=(y1) y2=(y1) {}
            }
            @for tick in &layout.quarters {
                line.major x1=(Across(tick.x)) x2=(Across(tick.x)) y1="0" y2=(Pixels(layout.height)) {}
            }
        }
    }
}

/// Curves from what is waited for to what waits.
fn ties(layout: &Layout<'_>) -> Markup {
    html! {
        svg.ties width="100%" height=(Pixels(layout.height))
            viewBox=(format!("0 0 {WIDTH} {}", Pixels(layout.height))) preserveAspectRatio="none" {
            @for curve in &layout.curves {
                @let class = match curve.tie.kind {
                    TieKind::Carries => "link carries",
                    TieKind::Gates => "link gates",
                    TieKind::Precedes => "link hover-only",
                };
                path class=(class) data-from=(curve.tie.from) data-to=(curve.tie.to)
                    d=(bent(curve.from, curve.to)) vector-effect="non-scaling-stroke" {
                    @if !curve.tie.told.is_empty() {
                        title { (curve.tie.told) }
                    }
                }
            }
        }
    }
}

/// A curve that leaves and arrives upright, or level where both ends share a row.
fn bent(from: (f64, f64), to: (f64, f64)) -> String {
    let (x1, y1) = (Pixels(from.0), Pixels(from.1));
    let (x2, y2) = (Pixels(to.0), Pixels(to.1));
    let middle = Pixels((from.1 + to.1) / 2.0);
    format!("M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}")
}

fn band(layout: &Layout<'_>, band: Band) -> Markup {
    let class = match band {
        Band::Hardware => "band-hardware",
        Band::Software => "band-software",
    };
    let of_band: BTreeSet<&str> = layout
        .headings
        .iter()
        .filter(|it| it.group.band == band)
        .flat_map(|it| &it.group.lanes)
        .flat_map(|it| &it.items)
        .map(|it| it.id.as_str())
        .collect();
    html! {
        g class=(class) {
            @for placed in layout.items.iter().filter(|it| of_band.contains(it.item.id.as_str())) {
                (item(placed, layout))
            }
        }
    }
}

fn item(placed: &Placed<'_>, layout: &Layout<'_>) -> Markup {
    let density = layout.density;
    let item = placed.item;
    let top = placed.y + place::TOP;
    let middle = top + density.bar / 2.0;
    html! {
        g class=(format!("state-{}", ui::state_words(item.state).0)) {
            a href=(ui::explain_href(&item.id)) data-node=(item.id) aria-label=(item.told) {
                title { (item.told) }
                (thread(placed, middle))
                @for strip in &placed.strips {
                    (bar(strip, top, layout))
                }
                @if item.state == State::AtRisk && placed.point.is_none() {
                    (cap(placed, top, density.bar))
                }
                @if let Some((low, high)) = placed.spread {
                    (spread((low, high), placed.p50, top + density.bar + SPREAD))
                }
                (target(placed, top, density.bar))
                @if let Some(x) = placed.point {
                    (sign(x, middle, item.state))
                }
                @if let Some(label) = &placed.label {
                    (self::label(label, middle, item.state))
                }
            }
        }
    }
}

/// A line through the gaps between the steps of an item, which holds them together.
fn thread(placed: &Placed<'_>, y: f64) -> Markup {
    let mut steps: Vec<(f64, f64)> = placed.strips.iter().map(|it| (it.from, it.to)).collect();
    steps.extend(placed.point.map(|x| (x, x)));
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let gaps = steps.windows(2).filter_map(|pair| match pair {
        [(_, end), (start, _)] if end + 1.0 < *start => Some((*end, *start)),
        _ => None,
    });
    html! {
        @for (from, to) in gaps {
            line.thread x1=(Across(from)) x2=(Across(to)) y1=(Pixels(y)) y2=(Pixels(y)) {}
        }
    }
}

/// The flag of a target, its pole down to the spread: what of the spread lies right of it is too
/// late, and what lies between is slack.
fn target(placed: &Placed<'_>, top: f64, height: f64) -> Markup {
    let foot = top + height + SPREAD;
    let slack_from = placed.spread.map(|it| it.1).or(placed.point);
    html! {
        @if let Some(x) = placed.target {
            @if let Some(from) = slack_from.filter(|from| *from < x) {
                line.target-line x1=(Across(from)) x2=(Across(x)) y1=(Pixels(foot)) y2=(Pixels(foot)) {}
            }
            svg x=(Across(x)) y=(Pixels(top - 1.0)) {
                path.target d=(format!("M0 {}V0h7l-2 3 2 3H0", Pixels(height + SPREAD + 3.0))) {}
            }
        }
    }
}

/// From a bar to the spread below it.
const SPREAD: f64 = 3.5;

fn bar(strip: &Strip, top: f64, layout: &Layout<'_>) -> Markup {
    let class = match strip.kind {
        SegmentKind::Work => "bar",
        SegmentKind::Next => "bar next",
        SegmentKind::Wait => "wait",
    };
    let height = layout.density.bar;
    let is_worked = strip.kind != SegmentKind::Wait;
    let elapsed = layout.today.filter(|x| is_worked && strip.from < *x && *x < strip.to);
    html! {
        rect class=(class) x=(Across(strip.from)) width=(Across(strip.to - strip.from))
            y=(Pixels(top)) height=(Pixels(height)) rx="3" {}
        @if let Some(x) = elapsed {
            rect.progress x=(Across(strip.from)) width=(Across(x - strip.from)) y=(Pixels(top))
                height=(Pixels(height)) rx="3" {}
        }
        @if !strip.label.is_empty() {
            text.label.when x=(Across(strip.from)) dx="5"
                y=(Pixels(top + height / 2.0 + layout.density.text * 0.35)) { (strip.label) }
        }
    }
}

/// The hatched end of a bar whose target is at risk.
fn cap(placed: &Placed<'_>, top: f64, height: f64) -> Markup {
    let last = placed.strips.iter().max_by(|a, b| a.to.total_cmp(&b.to));
    html! {
        @if let Some(strip) = last {
            @let width = place::CAP.min(strip.to - strip.from);
            svg x=(Across(strip.to)) y=(Pixels(top)) {
                rect.hatch x=(Pixels(-width)) width=(Pixels(width)) height=(Pixels(height))
                    fill="url(#hz-hatch)" {}
            }
        }
    }
}

/// P10 to P90, with the median on it.
fn spread((low, high): (f64, f64), p50: Option<f64>, y: f64) -> Markup {
    let (above, below) = (Pixels(y - 2.5), Pixels(y + 2.5));
    let y = Pixels(y);
    html! {
        line.spread x1=(Across(low)) x2=(Across(high)) y1=(y) y2=(y) {}
        @for x in [low, high] {
            line.spread x1=(Across(x)) x2=(Across(x)) y1=(above) y2=(below) {}
        }
        @if let Some(x) = p50 {
            circle.p50 cx=(Across(x)) cy=(y) r="2.5" {}
        }
    }
}

/// A point in time: the shape of its state.
fn sign(x: f64, middle: f64, state: State) -> Markup {
    html! {
        circle.halo-ground cx=(Across(x)) cy=(Pixels(middle)) r=(Pixels(place::SIGN)) {}
        (mark(state, &Across(x).to_string(), middle))
    }
}

/// The shape of a state, at a place.
fn mark(state: State, x: &str, y: f64) -> Markup {
    let class = match state {
        State::Safe | State::AtRisk => "mark solid",
        State::Lost | State::Done | State::Open => "mark",
    };
    html! {
        use class=(class) href=(format!("#hz-{}", ui::state_words(state).0)) x=(x) y=(Pixels(y)) {}
    }
}

fn label(label: &Label, middle: f64, state: State) -> Markup {
    let class = if label.is_inside { "label" } else { "label outside" };
    let sign = place::SIGN_WIDTH;
    // The sign stands between bar and text, on whichever side that is.
    let (sign_at, text_at) = match (label.has_sign, label.ends_at_anchor()) {
        (false, _) => (0.0, label.offset),
        (true, false) => (label.offset + sign / 2.0 - 1.0, label.offset + sign),
        (true, true) => (label.offset - sign / 2.0 + 1.0, label.offset - sign),
    };
    let anchor = if label.ends_at_anchor() { "end" } else { "start" };
    html! {
        svg x=(Across(label.anchor)) y=(Pixels(middle)) {
            @if label.has_sign {
                (mark(state, &Pixels(sign_at).to_string(), 0.0))
            }
            text class=(class) x=(Pixels(text_at)) dy="0.35em" text-anchor=(anchor) {
                (label.text)
                @if !label.note.is_empty() {
                    tspan.when dx="6" { (label.note) }
                }
            }
        }
    }
}

fn decisions(layout: &Layout<'_>) -> Markup {
    html! {
        g.band-decisions {
            @for placed in &layout.marks {
                (decision(placed, layout))
            }
        }
    }
}

fn decision(placed: &PlacedMark<'_>, layout: &Layout<'_>) -> Markup {
    let middle = placed.y + place::TOP + layout.density.bar / 2.0;
    let mark = placed.mark;
    html! {
        g class=(format!("state-{}", ui::state_words(mark.state).0)) {
            a href=(format!("/decisions/{}", mark.id)) data-node=(mark.node) aria-label=(mark.told) {
                title { (mark.told) }
                svg x=(Across(placed.x)) y=(Pixels(middle)) {
                    @if placed.is_beyond && placed.x > WIDTH / 2.0 {
                        path.decision d="M-6-6 6 0-6 6z" {}
                    } @else if placed.is_beyond {
                        path.decision d="M6-6-6 0 6 6z" {}
                    } @else {
                        path.decision d="M0-7.5 7.5 0 0 7.5-7.5 0z" {}
                        @if let Some(path) = decision_sign(mark.state) {
                            path.decision-sign d=(path) {}
                        }
                    }
                }
                @if let Some(label) = &placed.label {
                    (self::label(label, middle, mark.state))
                }
            }
        }
    }
}

/// What a diamond holds, so that its state shows without colour.
fn decision_sign(state: State) -> Option<&'static str> {
    match state {
        State::Lost => Some("M-2.5-2.5 2.5 2.5M2.5-2.5-2.5 2.5"),
        State::AtRisk => Some("M0-3.5V.8M0 3.2V3.4"),
        State::Done => Some("M-3 .3-1 2.3 3-2"),
        State::Safe | State::Open => None,
    }
}
