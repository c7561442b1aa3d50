//! The timeline as a table, for those who can't see it or don't want to.

use longlead_horizon::{State, day, percent};
use longlead_model::Band;
use maud::{Markup, html};

use crate::page::horizons::layout::Layout;
use crate::page::horizons::scene::{Group, Item};
use crate::ui;

/// All that the window shows, in the order of the timeline.
pub(crate) fn table(layout: &Layout<'_>) -> Markup {
    let nodes = layout.nodes();
    html! {
        details.hz-table {
            summary { "As a table" }
            div.scroll {
                table.data data-sortable {
                    caption.visually-hidden { "What the timeline shows, in its order" }
                    thead {
                        tr {
                            th scope="col" { "Item" }
                            th scope="col" { "Horizon" }
                            th scope="col" { "Part of" }
                            th.num scope="col" { "P10" }
                            th.num scope="col" { "P50" }
                            th.num scope="col" { "P90" }
                            th.num scope="col" { "Decide by" }
                            th.num scope="col" { "Target" }
                            th.num scope="col" { "On time" }
                            th scope="col" { "State" }
                        }
                    }
                    tbody {
                        @for heading in &layout.headings {
                            @for item in heading.group.lanes.iter().flat_map(|it| &it.items) {
                                @if nodes.contains(item.id.as_str()) { (row(heading.group, item)) }
                            }
                        }
                        @for placed in &layout.marks {
                            @let mark = placed.mark;
                            tr {
                                th scope="row" { a href=(format!("/decisions/{}", mark.id)) { (mark.label) } }
                                td { "Decision" }
                                td {}
                                td {}
                                td {}
                                td {}
                                td.num data-value=(mark.on) { (day(mark.on)) }
                                td {}
                                td {}
                                td { (state(mark.state, &mark.note)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A state by the shape that it has on the timeline.
fn state(state: State, text: &str) -> Markup {
    html! { span class=(format!("badge {}", ui::state_words(state).0)) { (text) } }
}

fn row(group: &Group, item: &Item) -> Markup {
    let date = |date: Option<jiff::civil::Date>| {
        html! {
            @match date {
                Some(date) => td.num data-value=(date) { (day(date)) },
                None => td {},
            }
        }
    };
    html! {
        tr {
            th scope="row" { a href=(ui::explain_href(&item.id)) title=(item.told) { (item.label) } }
            td { (if group.band == Band::Hardware { "Hardware" } else { "Software" }) }
            td { (group.title) }
            (date(item.spread.map(|it| it.0)))
            (date(Some(item.finish)))
            (date(item.spread.map(|it| it.1)))
            td {}
            (date(item.target))
            td.num { (item.on_time.map_or(String::new(), percent)) }
            td { (state(item.state, ui::state_words(item.state).1)) }
        }
    }
}
