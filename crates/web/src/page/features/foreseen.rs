//! What is foreseen: needs that no planned hardware meets, and hardware that no feature uses.

use longlead_horizon::{Foresight, IdleCapability, OrphanNeed};
use longlead_model::{Bundle, CapabilityId, Kind, Money, RevisionId};
use maud::{Markup, html};

use crate::page::hardware::figure::{count, price, sum};
use crate::ui;

/// Entries that a card shows before it folds the rest.
const SHOWN_MAX: usize = 5;

/// The cards above the matrix; nothing where nothing is foreseen.
pub(crate) fn cards(bundle: &Bundle, foresight: &Foresight) -> Markup {
    let Foresight { orphan_needs, idle_capabilities } = foresight;
    html! {
        @if !orphan_needs.is_empty() || !idle_capabilities.is_empty() {
            div.split.even.foreseen {
                @if !orphan_needs.is_empty() { (orphans(bundle, orphan_needs)) }
                @if !idle_capabilities.is_empty() { (idle(bundle, idle_capabilities)) }
            }
        }
    }
}

fn orphans(bundle: &Bundle, needs: &[OrphanNeed]) -> Markup {
    html! {
        section.card.risk {
            h2 { "Needs that no planned hardware meets" span.badge.risk { (needs.len()) } }
            (folded(needs, |need| orphan(bundle, need)))
        }
    }
}

fn idle(bundle: &Bundle, capabilities: &[IdleCapability]) -> Markup {
    let mut total: Option<Money> = None;
    for cost in capabilities.iter().filter_map(|it| it.total_cost) {
        total = Some(total.map_or(cost, |sum| sum.plus(cost).unwrap_or(sum)));
    }
    html! {
        section.card {
            h2 {
                "Hardware that no feature uses"
                @if let Some(total) = total { span.figure title="Over all units to be built" { (sum(total)) } }
            }
            (folded(capabilities, |capability| idle_item(bundle, capability)))
        }
    }
}

/// A list that shows its first entries and folds the others.
fn folded<T>(items: &[T], item: impl Fn(&T) -> Markup) -> Markup {
    let (first, rest) = items.split_at(items.len().min(SHOWN_MAX));
    html! {
        ul.entries { @for it in first { li { (item(it)) } } }
        @if !rest.is_empty() {
            details {
                summary { (rest.len()) " more" }
                ul.entries { @for it in rest { li { (item(it)) } } }
            }
        }
    }
}

fn orphan(bundle: &Bundle, need: &OrphanNeed) -> Markup {
    html! {
        p {
            a href={ "/features/" (need.feature) } { (need.title) }
            " needs " (capability(bundle, &need.capability))
            @if need.need != "yes" { " of " (need.need) }
            @match &need.best {
                Some((revision, level)) => { "; the most there is has " (revision_link(bundle, revision)) ": " (level) "." }
                None => "; no revision has it.",
            }
        }
        p.muted {
            @match &need.could_carry {
                Some(revision) => {
                    (revision_link(bundle, revision)) " could still carry it"
                    @match need.decide_by {
                        Some(on) => { ", if that is decided by " (ui::date(on)) "." }
                        None => ", but no day is early enough for its target.",
                    }
                }
                None => "No specification is open that could carry it.",
            }
        }
    }
}

fn idle_item(bundle: &Bundle, idle: &IdleCapability) -> Markup {
    html! {
        p {
            (capability(bundle, &idle.capability)) " on " (revision_link(bundle, &idle.revision))
            @if let (Some(unit), Some(total)) = (idle.unit_cost, idle.total_cost) {
                ": " (price(unit)) " a board, " (sum(total)) " over " (count(idle.units)) " units."
            } @else if idle.parts.is_empty() {
                ": comes with parts that are needed anyway."
            } @else {
                ": its parts have no price of their own."
            }
        }
        p.muted {
            @if idle.can_be_left_out { "The specification is open: it can be left out." }
            @else { "The specification is closed." }
        }
    }
}

fn capability(bundle: &Bundle, id: &CapabilityId) -> Markup {
    let title = bundle.records.capabilities.get(id).map_or(id.as_str(), |it| it.title.as_str());
    html! { a href=(ui::record_href(Kind::Capability, id.as_str())) { (title) } }
}

fn revision_link(bundle: &Bundle, id: &RevisionId) -> Markup {
    let title = bundle.records.revisions.get(id).map_or(id.as_str(), |it| it.title.as_str());
    html! { a href={ "/hardware/" (id) } { (title) } }
}
