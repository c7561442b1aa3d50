//! Charts: data for plotly.js, in the colours of the stylesheet.

use maud::{Markup, html};
use plotly::{Layout, Trace};
use serde_json::{Value as Json, json};

use crate::ui;

/// A chart with a table of the same data under it, for those who can't see it. `id` is the
/// element's; `label` says in a sentence what the chart shows.
pub(crate) fn chart(
    id: &str,
    label: &str,
    traces: &[Box<dyn Trace>],
    layout: &Layout,
    table: &Markup,
) -> Markup {
    let data: Vec<Json> =
        traces.iter().filter_map(|it| serde_json::from_str(&it.to_json()).ok()).collect();
    let json = json!({ "data": data, "layout": layout });
    let source = format!("{id}-data");
    html! {
        figure.chart-figure {
            div.chart #(id) data-plotly={ "#" (source) } role="img" aria-label=(label) {}
            (ui::json_script(&source, &json))
            details { summary { "As a table" } (table) }
        }
    }
}
