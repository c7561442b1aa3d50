//! How to move the window and filter what is in it: links and a form, which need no script.

use longlead_model::Records;
use maud::{Markup, html};

use super::scene::Facts;
use super::view::{Filter, View, ZOOMS, filters};

pub(super) fn tools(facts: &Facts<'_>) -> Markup {
    let view = facts.view;
    let as_of = facts.forecast.as_of;
    let fit = View { detail: view.detail.clone(), ..View::fitting(facts.forecast) };
    let fit = View {
        team: view.team.clone(),
        product: view.product.clone(),
        market: view.market.clone(),
        ..fit
    };
    let is_fit = (fit.from, fit.to) == (view.from, view.to);
    html! {
        div.hz-tools {
            nav.chips aria-label="Zoom" {
                @for (at, zoom) in ZOOMS.iter().enumerate() {
                    @let is_current = !is_fit && view.days() == zoom.days;
                    a.chip href=(view.zoomed(zoom.days, as_of).address()) data-swap="#hz"
                        data-hotkey=(at + 1)
                        aria-current=[is_current.then_some("true")] { (zoom.title) }
                }
                a.chip href=(fit.address()) data-swap="#hz" data-hotkey="0"
                    aria-current=[is_fit.then_some("true")] { "Fit" }
            }
            nav.chips aria-label="Move" {
                a.chip href=(view.panned(-1).address()) data-swap="#hz" title="Earlier" data-hotkey="["
                    aria-label="Earlier" { "←" }
                a.chip href=(view.panned(1).address()) data-swap="#hz" title="Later" data-hotkey="]"
                    aria-label="Later" { "→" }
            }
            (form(view, &facts.bundle.records))
        }
    }
}

fn form(view: &View, records: &Records) -> Markup {
    html! {
        form.filters method="get" action="/" data-swap="#hz" {
            input type="hidden" name="from" value=(view.from);
            input type="hidden" name="to" value=(view.to);
            @for filter in filters(view, records) {
                (select(&filter))
            }
            @if let Some(detail) = &view.detail {
                input type="hidden" name="detail" value=(detail);
            }
            button.button type="submit" { "Show" }
            @if view.is_filtered() {
                @let all = View { team: None, product: None, market: None, ..view.clone() };
                a.button.quiet href=(all.address()) data-swap="#hz" { "Clear" }
            }
        }
    }
}

fn select(filter: &Filter) -> Markup {
    html! {
        label {
            span.visually-hidden { (filter.title) }
            select name=(filter.name) {
                option value="" { (filter.all) }
                @for (id, title) in &filter.values {
                    option value=(id) selected[filter.chosen.as_ref() == Some(id)] { (title) }
                }
            }
        }
    }
}
