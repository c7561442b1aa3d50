//! Charts of dates and probabilities.

use jiff::ToSpan as _;
use jiff::civil::Date;
use plotly::Layout;
use plotly::Scatter;

use crate::naming::days_between;
use plotly::common::{Anchor, DashType, Font, Line, Mode};
use plotly::layout::{Annotation, Axis, Margin, Shape, ShapeLayer, ShapeLine, ShapeType};

/// A day that a chart marks: a vertical line with words at its head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) on: Date,
    pub(crate) what: String,
    pub(crate) colour: &'static str,
}

impl Mark {
    pub(crate) fn new(on: Date, what: impl Into<String>, colour: &'static str) -> Mark {
        Mark { on, what: what.into(), colour }
    }
}

/// Pixels that one row of words takes above a chart.
const ROW: usize = 15;

/// A layout over all days that are drawn or marked, with a margin above for the words of marks,
/// which stand in rows so that they never run into each other.
pub(crate) fn marked(
    layout: Layout,
    marks: &[Mark],
    drawn: impl IntoIterator<Item = Date>,
) -> Layout {
    let mut marks = marks.to_vec();
    marks.sort_by_key(|mark| mark.on);
    let all: Vec<Date> = drawn.into_iter().chain(marks.iter().map(|mark| mark.on)).collect();
    let (Some(first), Some(last)) = (all.iter().min().copied(), all.iter().max().copied()) else {
        return layout;
    };
    let (span, rows) = (days_between(first, last).max(1), marks.len());
    let margin_days = (span / 40).max(1).days();
    let from = first.saturating_sub(margin_days).to_string();
    let to = last.saturating_add(margin_days).to_string();
    let shapes = marks.iter().map(line).collect();
    // Words stand on the side where there is more room.
    let words =
        |(row, mark): (usize, &Mark)| words(mark, row, days_between(first, mark.on) * 2 <= span);
    let annotations = marks.iter().enumerate().map(words).collect();
    let margin = Margin::new().left(48).right(16).bottom(36).top(8 + rows * ROW);
    layout
        .x_axis(days().range(vec![from, to]))
        .margin(margin)
        .shapes(shapes)
        .annotations(annotations)
}

fn line(mark: &Mark) -> Shape {
    Shape::new()
        .shape_type(ShapeType::Line)
        .layer(ShapeLayer::Above)
        .x_ref("x")
        .y_ref("paper")
        .x0(mark.on.to_string())
        .x1(mark.on.to_string())
        .y0(0.0)
        .y1(1.0)
        .line(ShapeLine::new().color(mark.colour).width(1.5).dash(DashType::Dot))
}

fn words(mark: &Mark, row: usize, is_left: bool) -> Annotation {
    Annotation::new()
        .x_ref("x")
        .y_ref("paper")
        .x(mark.on.to_string())
        .y(1.0)
        .x_anchor(if is_left { Anchor::Left } else { Anchor::Right })
        .y_anchor(Anchor::Bottom)
        .x_shift(if is_left { -2.0 } else { 2.0 })
        .y_shift((row * ROW) as f64)
        .show_arrow(false)
        .font(Font::new().size(11).color(mark.colour))
        .text(mark.what.clone())
}

/// A horizontal axis of days.
pub(crate) fn days() -> Axis {
    Axis::new().type_(plotly::layout::AxisType::Date).hover_format("%-d %b %Y")
}

/// A vertical axis of probabilities.
pub(crate) fn shares() -> Axis {
    Axis::new().tick_format(".0%").range(vec![0.0, 1.02]).hover_format(".0%")
}

/// A line through points of days and probabilities, or of days and days.
pub(crate) fn curve<Y: serde::Serialize + Clone + 'static>(
    name: &str,
    points: impl IntoIterator<Item = (String, Y)>,
    line: Line,
) -> Box<Scatter<String, Y>> {
    let (x, y): (Vec<String>, Vec<Y>) = points.into_iter().unzip();
    Scatter::new(x, y).name(name).mode(Mode::Lines).line(line)
}
