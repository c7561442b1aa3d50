//! `/hardware/{revision}`: what a revision is made of, offers, costs and still has to prove.

mod bom;
mod build;
mod capability;

use axum::extract::Path;
use axum::response::Html;
use longlead_model::{BuildStage, Kind, RecordKey, nearest};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::hardware::boards;
use crate::page::hardware::cost::{Cost, Offers, cost};
use crate::page::hardware::demand::{Demand, demands};
use crate::page::hardware::figure::{count, sum};
use crate::page::hardware::standing::{Phase, Standing, badge, standing};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

pub(crate) async fn show(seen: Seen, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let revisions = &bundle.records.revisions;
    let Some(revision) = revisions.get(id.as_str()) else {
        return Err(unknown(&id, revisions.keys().map(|it| it.as_str())));
    };
    let standing = standing(bundle, forecast, revision);
    let offers = Offers::on(bundle, forecast.as_of);
    let cost = cost(bundle, &offers, &revision.id, BuildStage::Mp, boards(bundle, &standing));
    let offered = seen.whole_plan()?.derivation.offered.get(&revision.id);
    let demands = demands(bundle, forecast, offered, revision);
    let main = html! {
        (stats(&standing, &cost, &demands, forecast.as_of))
        (bom::section(&seen, forecast.as_of, &cost))
        (capability::section(&seen, revision)?)
        (build::section(bundle, forecast, &offers, revision))
        (demand_section(&demands, revision.title.as_str()))
        (bom::compared(bundle, &offers, &standing, &cost))
    };
    let key = RecordKey::Record(Kind::Revision, id);
    let tools = html! {
        a.button href=(ui::record_href(Kind::Revision, key.id())) { "Record" }
        @if seen.may_write(&key) {
            a.button href={ (ui::record_href(Kind::Revision, key.id())) "/edit" } { "Edit" }
        }
    };
    let page = Page {
        title: &revision.title,
        section: "/hardware",
        lede: Some(lede(bundle, &standing)),
        tools,
        main,
        live: true,
    };
    Ok(layout::page(&seen, &page))
}

/// There is no such record; the nearest id is told.
pub(crate) fn unknown<'a>(id: &str, ids: impl Iterator<Item = &'a str>) -> Problem {
    let problem = Problem::not_found(format!("There is no \"{id}\" here"));
    match nearest(id, ids) {
        Some(near) => problem.detail(format!("Did you mean \"{near}\"?")),
        None => problem.detail("It may have been removed, or not be shared with you."),
    }
}

fn lede(bundle: &longlead_model::Bundle, standing: &Standing<'_>) -> Markup {
    let revision = standing.revision;
    let product = bundle.records.products.get(&revision.product);
    let before = revision.follows.as_ref().and_then(|id| bundle.records.revisions.get(id));
    html! {
        (badge(standing)) " A revision of "
        (product.map_or(revision.product.as_str(), |it| it.title.as_str()))
        @if let Some(before) = before {
            ", after " a href={ "/hardware/" (before.id) } { (before.title) }
        }
        "."
    }
}

fn stats(
    standing: &Standing<'_>,
    cost: &Cost<'_>,
    demands: &[Demand<'_>],
    as_of: jiff::civil::Date,
) -> Markup {
    let revision = standing.revision;
    let held = demands.iter().filter(|it| it.certificate.is_some()).count();
    html! {
        div.cards.figures {
            @if let Some(fleet) = revision.fleet.as_ref().filter(|_| standing.phase == Phase::Field) {
                (stat("In the field", &html! { (count(fleet.units)) },
                    &html! { "counted " (ui::date(fleet.on)) ", " (fleet.annual_loss) " lost a year" }))
            }
            @if let Some(units) = standing.first_units {
                (stat("First units", &html! {
                    a href=(ui::explain_href(units.id.as_str())) { (ui::date(units.finish_p80)) }
                }, &html! { "P80; P50 is " (ui::date(units.finish_p50)) }))
            }
            @if standing.units_to_build > 0 {
                (stat("To be built", &html! { (count(standing.units_to_build)) }, &html! { "units in builds to come" }))
            }
            @if let Some(freeze) = revision.specification_freeze {
                (stat("Specification", &html! { @if standing.open { "open" } @else { "closed" } },
                    &freeze_hint(freeze, as_of, standing.open)))
            }
            (stat("Parts of one board", &html! {
                @if cost.unpriced < cost.lines.len() { (sum(cost.per_board)) } @else { (ui::dash()) }
            }, &html! {
                "bought for " (count(cost.boards))
                @if cost.unpriced > 0 { "; " (cost.unpriced) " lines have no price" }
            }))
            @if !demands.is_empty() {
                (stat("Certificates", &html! { (held) " of " (demands.len()) }, &html! { "that its markets demand" }))
            }
        }
    }
}

fn freeze_hint(freeze: jiff::civil::Date, as_of: jiff::civil::Date, open: bool) -> Markup {
    let days = as_of.until(freeze).map_or(0, |span| span.get_days());
    html! {
        @if open { "freezes " (ui::date(freeze)) ", in " (days) " days" }
        @else if freeze < as_of { "froze " (ui::date(freeze)) }
        @else { "freezes " (ui::date(freeze)) }
    }
}

fn stat(label: &str, value: &Markup, hint: &Markup) -> Markup {
    html! {
        div.card.stat {
            p.label { (label) }
            p.value { (value) }
            p.hint { (hint) }
        }
    }
}

fn demand_section(demands: &[Demand<'_>], title: &str) -> Markup {
    html! {
        section {
            div.section-head {
                h2 { "Certificates" }
                p.muted { "What the markets of " (title) " demand, and what is there." }
            }
            @if demands.is_empty() {
                p.muted { "No market of this revision demands a certificate. Markets are named on its record." }
            } @else {
                div.scroll {
                    table.data {
                        thead {
                            tr {
                                th scope="col" { "Regime" }
                                th scope="col" { "Markets" }
                                th scope="col" { "State" }
                                th scope="col" { "Certificate" }
                                th.num scope="col" { "Expires" }
                                th.num scope="col" { "Expected P50" }
                                th.num scope="col" { "P80" }
                            }
                        }
                        tbody { @for demand in demands { (demand_row(demand)) } }
                    }
                }
            }
        }
    }
}

fn demand_row(demand: &Demand<'_>) -> Markup {
    let (class, word) = match (demand.certificate, demand.work) {
        (Some(_), _) => ("done", "held"),
        (None, Some(_)) => ("open", "to be certified"),
        (None, None) => ("risk", "nothing planned"),
    };
    html! {
        tr {
            th scope="row" {
                a href=(ui::record_href(Kind::Regime, demand.regime.id.as_str())) { (demand.regime.title) }
            }
            td {
                @for (index, market) in demand.markets.iter().enumerate() {
                    @if index > 0 { ", " }
                    a href=(ui::record_href(Kind::Market, market.id.as_str())) { (market.title) }
                }
            }
            td { span class={ "badge " (class) } { (word) } }
            td {
                @match demand.certificate {
                    Some(it) => a href=(ui::record_href(Kind::Certificate, it.id.as_str())) {
                        (it.number.as_deref().unwrap_or(it.id.as_str()))
                    },
                    None => (ui::dash()),
                }
            }
            td.num {
                @match demand.certificate {
                    Some(it) if it.expires.is_none() => span.muted { "never" },
                    it => (ui::maybe_date(it.and_then(|it| it.expires))),
                }
            }
            td.num {
                @match demand.work {
                    Some(work) => a href=(ui::explain_href(work.id.as_str())) { (ui::date(work.finish_p50)) },
                    None => (ui::dash()),
                }
            }
            td.num { (ui::maybe_date(demand.work.map(|it| it.finish_p80))) }
        }
    }
}
