//! Procurement of each part for each build, from the best offer's lead time.

use std::collections::{BTreeMap, BTreeSet};

use longlead_model::{
    ActivityId, Band, BomLine, Build, BuildId, Bundle, Code, Decimal, Diagnostic, Distribution,
    Estimate, Kind, Offer, Order, PartId, Revision, RevisionId, TimeUnit,
};
use longlead_network::{At, Progress};

use crate::derive::Role;
use crate::derive::builder::{Builder, ELAPSED, Facets, NewNode, derived, scaled};
use crate::derive::hardware::ids;
use crate::reason::Reason;
use crate::timeline::days_between;

/// The supply records by what they are asked for, so that no line searches them all.
#[derive(Debug, Default)]
pub(super) struct Supply<'a> {
    lines: BTreeMap<&'a RevisionId, Vec<&'a BomLine>>,
    offers: BTreeMap<&'a PartId, Vec<&'a Offer>>,
    orders: BTreeMap<&'a BuildId, Vec<&'a Order>>,
    /// Parts that nobody offers and that were told.
    unoffered: BTreeSet<&'a PartId>,
}

impl<'a> Supply<'a> {
    pub(super) fn of(bundle: &'a Bundle) -> Supply<'a> {
        let mut supply = Supply::default();
        for line in bundle.records.bom_lines.values() {
            supply.lines.entry(&line.revision).or_default().push(line);
        }
        for offer in bundle.records.offers.values() {
            supply.offers.entry(&offer.part).or_default().push(offer);
        }
        for order in bundle.records.orders.values() {
            if let Some(build) = &order.build {
                supply.orders.entry(build).or_default().push(order);
            }
        }
        supply
    }

    /// The parts on the BOM of a revision.
    pub(super) fn parts(&self, revision: &RevisionId) -> impl Iterator<Item = &'a PartId> + '_ {
        self.lines.get(revision).into_iter().flatten().map(|line| &line.part)
    }
}

/// A part that a build needs: all lines that carry it, taken together.
struct Need<'a> {
    /// The first of its lines, for messages.
    line: &'a BomLine,
    part: &'a PartId,
    quantity: Decimal,
    alternates: BTreeSet<&'a PartId>,
}

impl Need<'_> {
    fn is_met_by(&self, part: &PartId) -> bool {
        self.part == part || self.alternates.contains(part)
    }
}

/// What a build needs of each part, in the order of their ids.
fn needs<'a>(supply: &Supply<'a>, build: &Build) -> Vec<Need<'a>> {
    let mut needs: BTreeMap<&PartId, Need<'a>> = BTreeMap::new();
    let units = Decimal::from(build.quantity);
    let lines = supply.lines.get(&build.revision).into_iter().flatten();
    for line in lines.filter(|line| line.from <= build.stage) {
        // More than a decimal holds is more than anybody has in stock.
        let needed = line.quantity.checked_mul(units).unwrap_or(Decimal::MAX);
        let need = needs.entry(&line.part).or_insert_with(|| Need {
            line,
            part: &line.part,
            quantity: Decimal::ZERO,
            alternates: BTreeSet::new(),
        });
        need.quantity = need.quantity.checked_add(needed).unwrap_or(Decimal::MAX);
        need.alternates.extend(&line.alternates);
    }
    needs.into_values().collect()
}

/// Procurement of everything on the revision's BOM for one build.
pub(super) fn procure(
    builder: &mut Builder<'_>,
    revision: &Revision,
    build: &Build,
    before: &[&Build],
) {
    for need in needs(&builder.supply, build) {
        let orders = builder.supply.orders.get(&build.id).into_iter().flatten();
        let orders: Vec<&Order> =
            orders.filter(|order| need.is_met_by(&order.part)).copied().collect();
        let id = if orders.is_empty() {
            bought(builder, (revision, build), &need, before)
        } else {
            Some(ordered(builder, (revision, build), &need, &orders))
        };
        if let Some(id) = id {
            builder.after(&ids::build(&build.id), &id);
        }
    }
}

fn title(builder: &Builder<'_>, part: &PartId, build: &Build) -> String {
    let part = builder.bundle.records.parts.get(part);
    let name = part.map_or("part", |part| part.mpn.as_deref().unwrap_or(&part.title));
    format!("{name} for {}", build.id)
}

fn needs_part(revision: &Revision, build: &Build, need: &Need<'_>) -> Reason {
    Reason::NeedsPart {
        build: build.id.clone(),
        revision: revision.id.clone(),
        part: need.part.clone(),
        quantity: need.quantity.normalize().to_string(),
    }
}

fn fixed_days(days: i32) -> Estimate {
    Estimate { distribution: Distribution::Fixed(f64::from(days)), unit: TimeUnit::Day }
}

/// A part that is on order: what is left of the way of the order that comes last.
fn ordered(
    builder: &mut Builder<'_>,
    (revision, build): (&Revision, &Build),
    need: &Need<'_>,
    orders: &[&Order],
) -> ActivityId {
    let id = ids::procure(&build.id, need.part);
    let mut node =
        derived(id.clone(), title(builder, need.part, build), Role::Procure, Band::Hardware);
    node.because.push(needs_part(revision, build, need));
    node.because.extend(orders.iter().map(|order| Reason::Ordered {
        order: order.id.clone(),
        placed: order.placed,
        promised: order.promised,
        received: order.received,
    }));
    // What was ordered may be an alternate, and it may come from several suppliers.
    node.sources.extend(orders.iter().flat_map(|order| {
        let (part, supplier) = (order.part.to_string(), order.supplier.to_string());
        [(Kind::Part, part), (Kind::Supplier, supplier)]
    }));
    warn_of_orders(builder, build, need, orders);
    let start = |order: &&Order| At::start_of(builder.timeline.slot(order.placed));
    let start = orders.iter().map(start).min().unwrap_or_default();
    let outstanding = orders.iter().filter(|order| order.received.is_none());
    let ways = outstanding.map(|order| (way_left(builder, order), *order));
    let last = ways.max_by(|a, b| {
        let days = |way: &Estimate| builder.estimate(way, ELAPSED).mean();
        days(&a.0).total_cmp(&days(&b.0)).then_with(|| a.1.id.cmp(&b.1.id))
    });
    let supplier = last.as_ref().map(|(_, order)| *order).or_else(|| orders.first().copied());
    let facets =
        Facets { supplier: supplier.map(|order| order.supplier.clone()), ..Facets::default() };
    let (progress, left) = match &last {
        Some((left, _)) => {
            let remaining = Some(builder.estimate(left, ELAPSED));
            (Progress::Started { start, remaining }, left.clone())
        }
        None => {
            let received = orders.iter().filter_map(|order| order.received).max();
            let finish = At::end_of(builder.timeline.slot(received.unwrap_or(builder.as_of)));
            (Progress::Finished { start, finish }, fixed_days(0))
        }
    };
    let estimate = builder.estimate(&left, ELAPSED);
    let index = builder.add(NewNode { derived: node, calendar: ELAPSED, estimate, facets });
    builder.set_progress(index, progress);
    id
}

/// What is left of an order's way from the as-of day on: as stated, else until the end of the
/// promised day, else the lead time that the supplier quotes.
fn way_left(builder: &Builder<'_>, order: &Order) -> Estimate {
    if let Some(remaining) = &order.remaining {
        return remaining.clone();
    }
    if let Some(promised) = order.promised {
        return fixed_days((days_between(builder.as_of, promised) + 1).max(0));
    }
    let mut offers = builder.supply.offers.get(&order.part).into_iter().flatten();
    let quoted = offers.find(|offer| offer.supplier == order.supplier);
    quoted.map_or(fixed_days(0), |offer| offer.lead_time.clone())
}

/// Tells orders that are overdue or too small.
fn warn_of_orders(builder: &mut Builder<'_>, build: &Build, need: &Need<'_>, orders: &[&Order]) {
    for order in orders.iter().filter(|order| order.received.is_none()) {
        let overdue = order.promised.filter(|promised| *promised < builder.as_of);
        if let (Some(promised), None) = (overdue, &order.remaining) {
            let message = format!(
                "order `{}` was promised for {promised} and hasn't arrived; the plan takes it to \
                 arrive now",
                order.id,
            );
            let place = builder.bundle.place(Kind::Order, order.id.as_str(), &[]);
            let diagnostic = Diagnostic::warning(Code::IncompletePlan, message).at(place);
            let help = "record `received`, or what is left of its way as `remaining`";
            builder.diagnostics.push(diagnostic.help(help));
        }
    }
    let quantities = orders.iter().map(|order| Decimal::from(order.quantity));
    let on_order = quantities.fold(Decimal::ZERO, |sum, quantity| sum + quantity);
    if on_order >= need.quantity {
        return;
    }
    let message = format!(
        "{} of `{}` are on order for `{}`, which needs {}",
        on_order,
        need.part,
        build.id,
        need.quantity.normalize(),
    );
    let place =
        orders.first().and_then(|it| builder.bundle.place(Kind::Order, it.id.as_str(), &[]));
    let diagnostic = Diagnostic::warning(Code::IncompletePlan, message).at(place);
    let help = "add an `[[order]]` for the rest; the plan waits only for what is on order";
    builder.diagnostics.push(diagnostic.help(help));
}

/// The offer that brings a part soonest.
struct BestOffer<'a> {
    offer: &'a Offer,
    lead_time: &'a Estimate,
    from_stock: bool,
    /// How many offers were compared.
    offers: usize,
}

/// A part that is still to be ordered.
fn bought<'a>(
    builder: &mut Builder<'a>,
    (revision, build): (&Revision, &Build),
    need: &Need<'a>,
    before: &[&Build],
) -> Option<ActivityId> {
    let id = ids::procure(&build.id, need.part);
    let Some(best) = best_offer(builder, need) else {
        no_offer(builder, need);
        builder.settled.insert(id);
        return None;
    };
    let mut node =
        derived(id.clone(), title(builder, need.part, build), Role::Procure, Band::Hardware);
    node.because.push(needs_part(revision, build, need));
    node.because.push(Reason::BestOffer {
        offer: best.offer.id.clone(),
        supplier: best.offer.supplier.clone(),
        part: best.offer.part.clone(),
        lead_time: best.lead_time.to_string(),
        from_stock: best.from_stock,
        offers: best.offers,
    });
    let estimate = builder.estimate(best.lead_time, ELAPSED);
    let facets = Facets { supplier: Some(best.offer.supplier.clone()), ..Facets::default() };
    builder.add(NewNode { derived: node, calendar: ELAPSED, estimate, facets });
    for stated in &build.order_after {
        builder.stated_after(&id, stated, (Kind::Build, build.id.as_str(), Vec::new()));
    }
    if build.order_after.is_empty() {
        match before {
            [] => builder.after(&id, &ids::design(&revision.id)),
            before => before.iter().for_each(|it| builder.after(&id, &ids::build(&it.id))),
        }
    }
    Some(id)
}

/// The offer of the part, or of an alternate, with the shortest expected lead time among those
/// that hold on the as-of day; of equals, the one with the smaller id.
fn best_offer<'a>(builder: &Builder<'a>, need: &Need<'_>) -> Option<BestOffer<'a>> {
    let parts = std::iter::once(need.part).chain(need.alternates.iter().copied());
    let parts: BTreeSet<&PartId> = parts.collect();
    let offers = parts.into_iter().filter_map(|part| builder.supply.offers.get(part)).flatten();
    let held: Vec<&'a Offer> = offers
        .copied()
        .filter(|it| it.valid_until.is_none_or(|until| until >= builder.as_of))
        .collect();
    let ways = held.iter().map(|offer| {
        let in_stock = Decimal::from(offer.stock) >= need.quantity && offer.stock > 0;
        match offer.stock_lead_time.as_ref().filter(|_| in_stock) {
            Some(lead_time) => (*offer, lead_time, true),
            None => (*offer, &offer.lead_time, false),
        }
    });
    let days = |lead_time: &Estimate| {
        let unit = match lead_time.unit {
            TimeUnit::Day => 1.0,
            TimeUnit::Week => 7.0,
        };
        scaled(&lead_time.distribution, unit).mean()
    };
    let (offer, lead_time, from_stock) =
        ways.min_by(|a, b| days(a.1).total_cmp(&days(b.1)).then_with(|| a.0.id.cmp(&b.0.id)))?;
    Some(BestOffer { offer, lead_time, from_stock, offers: held.len() })
}

/// Tells once that nobody offers a part.
fn no_offer<'a>(builder: &mut Builder<'a>, need: &Need<'a>) {
    if !builder.supply.unoffered.insert(need.part) {
        return;
    }
    let message = format!(
        "nobody offers `{}`, which `{}` carries, so the plan counts no time for buying it",
        need.part, need.line.revision,
    );
    let place = builder.bundle.place(Kind::BomLine, need.line.id.as_str(), &[]);
    let diagnostic = Diagnostic::warning(Code::IncompletePlan, message).at(place);
    let help = format!("add an `[[offer]]` of `{}` with its lead time", need.part);
    builder.diagnostics.push(diagnostic.help(help));
}
