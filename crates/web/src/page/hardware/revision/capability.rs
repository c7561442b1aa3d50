//! What a revision offers: from where, needed by what, and what of it nobody needs.

use std::collections::BTreeMap;

use longlead_horizon::{IdleCapability, offered};
use longlead_model::{Bundle, CapabilityId, Feature, Kind, Requirement, Revision};
use maud::{Markup, html};

use crate::page::hardware::figure::{count, price, sum};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// Who needs each capability.
type Needed<'a> = BTreeMap<&'a CapabilityId, (Vec<&'a Feature>, Vec<&'a Requirement>)>;

fn needed<'a>(bundle: &'a Bundle, revision: &Revision) -> Needed<'a> {
    let mut needed: Needed<'_> = BTreeMap::new();
    let features = bundle.records.features.values();
    for feature in features.filter(|it| it.product == revision.product) {
        for capability in feature.requires.keys() {
            needed.entry(capability).or_default().0.push(feature);
        }
    }
    for requirement in bundle.records.requirements.values() {
        for capability in &requirement.capabilities {
            needed.entry(capability).or_default().1.push(requirement);
        }
    }
    needed
}

pub(crate) fn section(seen: &Seen, revision: &Revision) -> Result<Markup, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let offered = offered(bundle, revision);
    let needed = needed(bundle, revision);
    let idle = &forecast.foresight.idle_capabilities;
    let idle = |capability: &CapabilityId| {
        idle.iter().find(|it| it.revision == revision.id && it.capability == *capability)
    };
    let no_parts = Vec::new();
    let rows = offered.levels.iter().map(|(capability, level)| {
        let own = revision.provides.contains_key(capability);
        let parts = offered.parts.get(capability).unwrap_or(&no_parts);
        html! {
            tr {
                th scope="row" { (title(bundle, capability)) }
                td.num { (level) }
                td {
                    @if own { "the board itself" }
                    @for (index, part) in parts.iter().enumerate() {
                        @if own || index > 0 { ", " }
                        a href=(ui::record_href(Kind::Part, part.as_str())) { (part) }
                    }
                }
                td.wide { (needed_by(needed.get(capability), idle(capability))) }
            }
        }
    });
    Ok(html! {
        section {
            div.section-head {
                h2 { "Capabilities" }
                p.muted { "What the board offers to software, from where, and who needs it." }
            }
            @if offered.levels.is_empty() {
                p.muted { "Nothing is on record. Parts say what they provide, and so can the revision itself." }
            } @else {
                div.scroll {
                    table.data {
                        thead {
                            tr {
                                th scope="col" { "Capability" }
                                th.num scope="col" { "Offers" }
                                th scope="col" { "From" }
                                th scope="col" { "Needed by" }
                            }
                        }
                        tbody { @for row in rows { (row) } }
                    }
                }
            }
        }
    })
}

fn title(bundle: &Bundle, id: &CapabilityId) -> Markup {
    let capability = bundle.records.capabilities.get(id);
    html! {
        @match capability {
            Some(it) => a href=(ui::record_href(Kind::Capability, id.as_str())) { (it.title) },
            None => span.id { (id) },
        }
    }
}

fn needed_by(
    needed: Option<&(Vec<&Feature>, Vec<&Requirement>)>,
    idle: Option<&IdleCapability>,
) -> Markup {
    let Some((features, requirements)) = needed else {
        return idle.map_or_else(ui::dash, idle_note);
    };
    html! {
        @for (index, feature) in features.iter().enumerate() {
            @if index > 0 { ", " }
            a href={ "/features/" (feature.id) } { (feature.title) }
        }
        @if features.is_empty() {
            @for requirement in requirements {
                a href=(ui::record_href(Kind::Requirement, requirement.id.as_str())) { (requirement.title) }
                " "
            }
        }
    }
}

fn idle_note(idle: &IdleCapability) -> Markup {
    html! {
        span.badge.risk { "idle" }
        small {
            @if let (Some(unit), Some(total)) = (idle.unit_cost, idle.total_cost) {
                "No feature needs it: " (price(unit)) " a board, " (sum(total)) " over "
                (count(idle.units)) " units. "
            } @else {
                "No feature needs it. "
            }
            @if idle.can_be_left_out { "It can still be left out." }
            @else { "The specification is closed." }
        }
    }
}
