//! The names of bands, groups and lanes, left of the timeline.

use maud::{Markup, html};

use super::Pixels;
use crate::page::horizons::layout::{LanePlace, Layout, Part};
use crate::page::horizons::view::View;

/// Names at the heights of what they name.
pub(crate) fn gutter(layout: &Layout<'_>, view: &View) -> Markup {
    let class = if layout.density.is_compact { "hz-gutter compact" } else { "hz-gutter" };
    html! {
        div class=(class) style=(format!("height:{}px", Pixels(layout.height))) {
            @for panel in &layout.panels {
                @let name = match panel.part {
                    Part::Hardware => "Hardware",
                    Part::Decisions => "Decide by",
                    Part::Software => "Software",
                };
                @let class = match panel.part {
                    Part::Hardware => "hz-band hardware",
                    Part::Decisions => "hz-band",
                    Part::Software => "hz-band software",
                };
                div class=(class) style=(top(panel.y)) { (name) }
                @if panel.part == Part::Decisions && layout.marks_left_out > 0 {
                    span.hz-lane style=(top(panel.y + layout.density.row)) {
                        "and " (layout.marks_left_out) " beyond"
                    }
                }
            }
            @for heading in &layout.headings {
                div.hz-group style=(top(heading.y)) title=(heading.group.title) {
                    (heading.group.title)
                }
            }
            @for lane in &layout.lanes {
                (self::lane(lane, layout, view))
            }
        }
    }
}

fn top(y: f64) -> String {
    format!("top:{}px", Pixels(y))
}

fn lane(place: &LanePlace<'_>, layout: &Layout<'_>, view: &View) -> Markup {
    let lane = place.lane;
    let more = view.with_detail(Some(&lane.id)).address();
    let less = view.with_detail(None).address();
    let last = place.y + place.height - layout.density.row;
    html! {
        @if !lane.title.is_empty() {
            div.hz-lane style=(top(place.y)) {
                @if place.is_opened {
                    a href=(less) data-swap="#hz" title="Show less" aria-expanded="true" {
                        "− " (lane.title)
                    }
                } @else if lane.can_open {
                    a href=(more) data-swap="#hz" title="Show one by one" aria-expanded="false" {
                        "+ " (lane.title)
                    }
                } @else {
                    (lane.title)
                }
            }
        }
        @if place.left_out > 0 {
            div.hz-lane style=(top(last)) {
                a href=(more) data-swap="#hz" { "+" (place.left_out) " more" }
            }
        } @else if place.is_opened && lane.title.is_empty() {
            div.hz-lane style=(top(last)) {
                a href=(less) data-swap="#hz" { "Show less" }
            }
        }
    }
}
