//! `/`: both horizons on one timeline.
//!
//! Hardware above in quarters, software below in weeks, decisions between them at the day by
//! which they must be made. The address says which window of time is shown and what of it, so a
//! view can be sent to others; moving it needs no script.

mod cards;
mod draw;
mod layout;
mod lede;
mod scene;
mod tools;
mod view;

use axum::extract::RawQuery;
use axum::response::Html;
use longlead_horizon::{Derivation, Forecast};
use longlead_model::{Bundle, Kind};
use maud::{Markup, html};
use serde_json::json;

use crate::layout::{self as frame, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;
use layout::Layout;
use scene::{Facts, chains, scene};
use view::{Query, View};

pub(crate) async fn show(seen: Seen, RawQuery(query): RawQuery) -> Result<Html<String>, Problem> {
    let query = Query::of(query.as_deref().unwrap_or_default());
    let forecast = seen.forecast()?;
    let derivation = &seen.whole_plan()?.derivation;
    let is_empty = forecast.activities.is_empty();
    let page = Page {
        title: "Horizons",
        section: "/",
        lede: (!is_empty).then(|| lede::lede(forecast)),
        tools: html! {},
        main: match is_empty {
            true => empty(seen.may_add(Kind::Feature)),
            false => main(forecast, derivation, seen.bundle(), &query),
        },
        live: true,
    };
    Ok(frame::page(&seen, &page))
}

/// All of the page below its heading.
fn main(forecast: &Forecast, derivation: &Derivation, bundle: &Bundle, query: &Query) -> Markup {
    let view = View::of(query, bundle, forecast);
    let facts = Facts::new(forecast, derivation, bundle, &view);
    let scene = scene(&facts);
    let layout = layout::layout(&scene, forecast.as_of, &view);
    // Texts and numbers are always JSON.
    let chains = json!(chains(derivation, &scene, &layout.nodes()));
    html! {
        (cards::cards(forecast))
        section #hz {
            (tools::tools(&facts))
            @for note in &view.notes {
                p.notice.info { (note) }
            }
            @if layout.items.is_empty() {
                (nothing(&layout, &view))
            } @else {
                (draw::timeline(&layout, forecast.as_of, &view))
                (outside(&layout))
                (draw::legend())
                (draw::table(&layout))
            }
            (ui::json_script("hz-chains", &chains))
        }
    }
}

/// What to do where a window or a filter leaves nothing.
fn nothing(layout: &Layout<'_>, view: &View) -> Markup {
    let (before, after) = layout.outside;
    html! {
        div.empty {
            h2 { "Nothing lies in this window" }
            p {
                @if before + after > 0 {
                    (before) " items lie before it and " (after) " after it."
                } @else {
                    "No item matches the filters."
                }
            }
            p.toolbar {
                @if view.is_filtered() {
                    @let all = View { team: None, product: None, market: None, ..view.clone() };
                    a.button href=(all.address()) data-swap="#hz" { "Clear the filters" }
                }
                a.button.primary href="/" data-swap="#hz" { "Show what is to come" }
            }
        }
    }
}

/// What the window leaves out.
fn outside(layout: &Layout<'_>) -> Markup {
    let (before, after) = layout.outside;
    html! {
        @if before + after > 0 {
            p.muted.hz-outside {
                "Not in this window: "
                @if before > 0 { (before) (if before == 1 { " item" } else { " items" }) " before it" }
                @if before > 0 && after > 0 { ", " }
                @if after > 0 { (after) (if after == 1 { " item" } else { " items" }) " after it" }
                "."
            }
        }
    }
}

/// What is told where there is nothing to show: how to begin, to those who may.
fn empty(may_add: bool) -> Markup {
    if !may_add {
        let text = "As soon as something that you may see is planned, it appears here.";
        return ui::empty("Nothing is planned yet", text, None);
    }
    let text = "Record what you build: features and what they need, hardware revisions and what \
        they offer, parts, markets, builds. The timeline follows from that; nobody draws it.";
    html! {
        (ui::empty("Nothing is planned yet", text, Some(("/records", "Add a record"))))
        div.empty {
            p {
                "Or bring the TOML files of a bundle. To look around first, let "
                code { "longlead demo --write sample" } " write the sample's."
            }
            p.toolbar { a.button href="/import" { "Import files" } }
        }
    }
}

#[cfg(test)]
mod tests;
