//! The bill of materials with its best offers, and how it differs from the revision before.

use std::collections::BTreeMap;

use jiff::civil::Date;
use longlead_model::{BomLine, BuildStage, Bundle, Decimal, Kind, Money, PartId, PartLifecycle};
use maud::{Markup, html};

use crate::page::hardware::cost::{Cost, Line, Offers, Purchase, cost};
use crate::page::hardware::figure::{count, pieces, price, sum};
use crate::page::hardware::standing::Standing;
use crate::reader::Seen;
use crate::ui;

/// What a lifecycle says that a buyer must know; nothing for parts in full production.
fn lifecycle(lifecycle: PartLifecycle) -> Option<(&'static str, &'static str)> {
    match lifecycle {
        PartLifecycle::Active => None,
        PartLifecycle::NotRecommended => Some(("risk", "not for new designs")),
        PartLifecycle::LastTimeBuy => Some(("risk", "last-time buy")),
        PartLifecycle::Obsolete => Some(("lost", "obsolete")),
    }
}

/// The name of a part, leading to its record; of one that isn't shared, its id.
fn part(bundle: &Bundle, id: &PartId) -> Markup {
    match bundle.records.parts.get(id) {
        Some(part) => html! {
            a href=(ui::record_href(Kind::Part, id.as_str())) { (part.title) }
            small { span.id { (part.mpn.as_deref().unwrap_or(id.as_str())) } }
        },
        None => html! { span.id { (id) } },
    }
}

pub(crate) fn section(seen: &Seen, as_of: Date, cost: &Cost<'_>) -> Markup {
    html! {
        section {
            div.section-head {
                h2 { "Bill of materials" }
                p.muted {
                    (cost.lines.len()) " lines. Prices are the cheapest valid offer when parts are bought for "
                    (count(cost.boards)) " boards."
                }
            }
            @if cost.lines.is_empty() {
                p.muted { "No part is on record. Procurement and cost follow from " a href="/records/bom_line" { "BOM lines" } "." }
            } @else {
                div.scroll { (table(seen, as_of, cost)) }
            }
        }
    }
}

fn table(seen: &Seen, as_of: Date, cost: &Cost<'_>) -> Markup {
    let mut lines: Vec<&Line<'_>> = cost.lines.iter().collect();
    // What costs most comes first; what has no price must be seen, so it leads.
    lines.sort_by_key(|line| {
        let per_board = line.purchase.as_ref().map(|it| it.per_board.amount);
        (per_board.is_some(), std::cmp::Reverse(per_board), &line.line.id)
    });
    html! {
        table.data data-sortable {
            caption.visually-hidden { "Parts on one board" }
            thead {
                tr {
                    th scope="col" { "Part" }
                    th.num scope="col" { "Quantity" }
                    th scope="col" { "Best offer" }
                    th.num scope="col" { "Price of one" }
                    th.num scope="col" { "Per board" }
                    th scope="col" { "Lead time" }
                    th scope="col" { "Lifecycle" }
                }
            }
            tbody { @for line in lines { (row(seen, as_of, line)) } }
            tfoot {
                tr.total {
                    th scope="row" colspan="4" {
                        "Parts of one board"
                        @if cost.unpriced > 0 { ", without " (cost.unpriced) " lines that have no price" }
                    }
                    td.num { (sum(cost.per_board)) }
                    td colspan="2" {}
                }
            }
        }
    }
}

fn row(seen: &Seen, as_of: Date, line: &Line<'_>) -> Markup {
    let bundle = seen.bundle();
    let purchase = line.purchase.as_ref();
    html! {
        tr {
            th scope="row" {
                (part(bundle, &line.line.part))
                @if line.line.from > BuildStage::Evt {
                    small { "from " (stage_name(line.line.from)) " on" }
                }
            }
            td.num { (line.line.quantity.normalize()) }
            td { (offer(seen, line.line, purchase)) }
            td.num data-value=[purchase.map(|it| it.price.amount)] {
                @match purchase {
                    Some(it) => { (price(it.price)) small { "at " (pieces(it.quantity)) } }
                    None => (ui::dash()),
                }
            }
            td.num data-value=[purchase.map(|it| it.per_board.amount)] {
                @match purchase { Some(it) => (price(it.per_board)), None => (ui::dash()) }
            }
            td { @match purchase { Some(it) => (it.offer.lead_time), None => (ui::dash()) } }
            td { (lifecycle_cell(bundle, as_of, &line.line.part)) }
        }
    }
}

fn offer(seen: &Seen, line: &BomLine, purchase: Option<&Purchase<'_>>) -> Markup {
    let Some(purchase) = purchase else {
        return match seen.sight.is_whole() {
            true => html! { span.badge.risk { "no valid offer" } },
            false => html! { span.muted { "none is shared with you" } },
        };
    };
    let bundle = seen.bundle();
    let offer = purchase.offer;
    let supplier = bundle.records.suppliers.get(&offer.supplier);
    let is_alternate = offer.part != line.part;
    html! {
        a href=(ui::record_href(Kind::Offer, offer.id.as_str())) {
            (supplier.map_or(offer.supplier.as_str(), |it| it.title.as_str()))
        }
        @if is_alternate { small { "alternate " span.id { (offer.part) } } }
    }
}

fn lifecycle_cell(bundle: &Bundle, as_of: Date, id: &PartId) -> Markup {
    let Some(part) = bundle.records.parts.get(id) else {
        return ui::dash();
    };
    html! {
        @match lifecycle(part.lifecycle) {
            Some((class, words)) => span class={ "badge " (class) } { (words) },
            None => span.muted { "active" },
        }
        @if let Some(on) = part.last_time_buy {
            small { @if on < as_of { "last orders were " } @else { "last orders " } (ui::date(on)) }
        }
    }
}

/// The name of a stage as people write it.
pub(crate) fn stage_name(stage: BuildStage) -> &'static str {
    match stage {
        BuildStage::Evt => "EVT",
        BuildStage::Dvt => "DVT",
        BuildStage::Pvt => "PVT",
        BuildStage::Mp => "MP",
    }
}

/// How a part differs between two boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    Added,
    Removed,
    Quantity,
}

/// A part that differs, with what one board carries and pays, before and now.
struct Changed<'a> {
    part: &'a PartId,
    difference: Difference,
    before: Option<&'a Line<'a>>,
    now: Option<&'a Line<'a>>,
}

/// The parts by which two boards differ, in the order of kind and id.
fn differences<'a>(before: &'a [Line<'a>], now: &'a [Line<'a>]) -> Vec<Changed<'a>> {
    let by_part = |lines: &'a [Line<'a>]| -> BTreeMap<&'a PartId, &'a Line<'a>> {
        lines.iter().map(|line| (&line.line.part, line)).collect()
    };
    let (before, now) = (by_part(before), by_part(now));
    let parts: std::collections::BTreeSet<&PartId> =
        before.keys().chain(now.keys()).copied().collect();
    let mut changed: Vec<Changed<'_>> = parts
        .into_iter()
        .filter_map(|part| {
            let (before, now) = (before.get(part).copied(), now.get(part).copied());
            let difference = match (before, now) {
                (None, _) => Difference::Added,
                (_, None) => Difference::Removed,
                (Some(a), Some(b)) if a.line.quantity != b.line.quantity => Difference::Quantity,
                _ => return None,
            };
            Some(Changed { part, difference, before, now })
        })
        .collect();
    changed.sort_by_key(|it| (it.difference, it.part));
    changed
}

/// How the BOM differs from that of the revision before, both bought for as many boards.
pub(crate) fn compared(
    bundle: &Bundle,
    offers: &Offers<'_>,
    standing: &Standing<'_>,
    now: &Cost<'_>,
) -> Markup {
    let follows = standing.revision.follows.as_ref();
    let Some(before) = follows.and_then(|id| bundle.records.revisions.get(id)) else {
        return html! {};
    };
    let then = cost(bundle, offers, &before.id, BuildStage::Mp, now.boards);
    let changed = differences(&then.lines, &now.lines);
    let kept = now.lines.len() - changed.iter().filter(|it| it.now.is_some()).count();
    html! {
        section {
            div.section-head {
                h2 { "Changes since " (before.title) }
                p.muted {
                    (changed.len()) " parts differ, " (kept) " are the same. Both boards are priced for "
                    (count(now.boards)) "."
                }
            }
            @if changed.is_empty() {
                p.muted { "Both boards carry the same parts." }
            } @else {
                div.scroll { (difference_table(bundle, &changed, &then, now)) }
            }
        }
    }
}

fn difference_table(
    bundle: &Bundle,
    changed: &[Changed<'_>],
    then: &Cost<'_>,
    now: &Cost<'_>,
) -> Markup {
    let quantity = |line: Option<&Line<'_>>| match line {
        Some(line) => html! { (line.line.quantity.normalize()) },
        None => ui::dash(),
    };
    html! {
        table.data {
            thead {
                tr {
                    th scope="col" { "Part" }
                    th scope="col" { "Change" }
                    th.num scope="col" { "Before" }
                    th.num scope="col" { "Now" }
                    th.num scope="col" { "Per board" }
                }
            }
            tbody {
                @for change in changed {
                    tr {
                        th scope="row" { (part(bundle, change.part)) }
                        td { (difference_word(change.difference)) }
                        td.num { (quantity(change.before)) }
                        td.num { (quantity(change.now)) }
                        td.num { (delta(change.before.map(per_board), change.now.map(per_board))) }
                    }
                }
            }
            tfoot {
                tr.total {
                    th scope="row" colspan="2" { "All parts that have a price" }
                    td.num { (sum(then.per_board)) }
                    td.num { (sum(now.per_board)) }
                    td.num { (delta(Some(Some(then.per_board)), Some(Some(now.per_board)))) }
                }
            }
        }
    }
}

fn difference_word(difference: Difference) -> Markup {
    match difference {
        Difference::Added => html! { span.change.add { "added" } },
        Difference::Removed => html! { span.change.del { "removed" } },
        Difference::Quantity => html! { span.change { "quantity" } },
    }
}

fn per_board(line: &Line<'_>) -> Option<Money> {
    line.purchase.as_ref().map(|it| it.per_board)
}

/// The difference in money, signed. A line that isn't there costs nothing; one without a price
/// makes the difference unknown.
fn delta(before: Option<Option<Money>>, now: Option<Option<Money>>) -> Markup {
    let amount = |side: Option<Option<Money>>| side.map_or(Some(None), |price| price.map(Some));
    let (Some(before), Some(now)) = (amount(before), amount(now)) else {
        return html! { span.muted { "no price" } };
    };
    let Some(currency) = before.or(now).map(|it| it.currency) else {
        return ui::dash();
    };
    let value = |side: Option<Money>| side.map_or(Decimal::ZERO, |it| it.amount);
    let difference = value(now) - value(before);
    html! {
        @if difference > Decimal::ZERO { "+" }
        (price(Money { amount: difference, currency }))
    }
}
