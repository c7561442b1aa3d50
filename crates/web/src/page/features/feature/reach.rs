//! The share of the installed base that can run a feature, over time.

use longlead_horizon::{CoveragePoint, Forecast, percent};
use longlead_model::Feature;
use maud::{Markup, html};
use plotly::common::{Fill, Line, Mode};
use plotly::layout::Axis;
use plotly::{Layout, Scatter, Trace};

use crate::chart::chart;
use crate::page::hardware::figure::count;
use crate::ui;

pub(crate) fn section(forecast: &Forecast, feature: &Feature) -> Markup {
    let coverage = forecast.coverage_over_time.iter().find(|it| it.feature == feature.id);
    let Some(points) = coverage.map(|it| it.points.as_slice()).filter(|it| !it.is_empty()) else {
        return html! {};
    };
    html! {
        section {
            @if points.iter().all(|point| point.share == 0.0) {
                div.section-head { h2 { "Reach" } }
                p.muted { "No device in the field or in planned production can run it." }
            } @else {
                div.section-head {
                    h2 { "Reach" }
                    p.muted { (summary(points)) }
                }
                (figure(points))
            }
        }
    }
}

fn summary(points: &[CoveragePoint]) -> String {
    let told = |point: &CoveragePoint| {
        format!("{} of {} devices", percent(point.share), count(point.devices))
    };
    match points {
        [first, .., last] => format!(
            "{} can run it today, {} on {}: devices in the field and planned production, less losses, \
             times the reach of updates.",
            told(first),
            told(last),
            longlead_horizon::day(last.on)
        ),
        [only] => format!("{} can run it.", told(only)),
        [] => String::new(),
    }
}

fn figure(points: &[CoveragePoint]) -> Markup {
    let days: Vec<String> = points.iter().map(|point| point.on.to_string()).collect();
    let shares: Vec<f64> = points.iter().map(|point| point.share).collect();
    let trace = Scatter::new(days, shares)
        .mode(Mode::Lines)
        .name("Can run it")
        .fill(Fill::ToZeroY)
        .line(Line::new().color("var(--software)").width(2.0));
    let traces: Vec<Box<dyn Trace>> = vec![trace];
    let layout = Layout::new().y_axis(Axis::new().tick_format(".0%").range(vec![0.0, 1.0]));
    let table = html! {
        div.scroll {
            table.data {
                thead {
                    tr {
                        th scope="col" { "On" }
                        th.num scope="col" { "Devices in use" }
                        th.num scope="col" { "Can run it" }
                    }
                }
                tbody {
                    @for point in points {
                        tr {
                            td { (ui::date(point.on)) }
                            td.num { (count(point.devices)) }
                            td.num { (percent(point.share)) }
                        }
                    }
                }
            }
        }
    };
    chart(
        "reach",
        "The share of devices in use that can run the feature, by month",
        &traces,
        &layout,
        &table,
    )
}
