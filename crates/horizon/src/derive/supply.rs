//! Procurement of each part for each build, from the best offer's lead time.

use longlead_model::{
    ActivityId, Band, BomLine, Build, Code, Decimal, Diagnostic, Distribution, Estimate, Kind,
    Offer, Order, PartId, Revision, TimeUnit,
};
use longlead_network::{At, Progress};

use crate::derive::Role;
use crate::derive::builder::{Builder, ELAPSED, Facets, NewNode, derived, scaled};
use crate::derive::hardware::ids;
use crate::reason::Reason;
use crate::timeline::days_between;

/// The offer that brings a part soonest.
pub(crate) struct BestOffer<'a> {
    pub(crate) offer: &'a Offer,
    pub(crate) lead_time: &'a Estimate,
    pub(crate) from_stock: bool,
    /// How many offers were compared.
    pub(crate) offers: usize,
}

/// Procurement of everything on the revision's BOM for one build.
pub(super) fn procure(
    builder: &mut Builder<'_>,
    revision: &Revision,
    build: &Build,
    before: Option<&Build>,
) {
    let bundle = builder.bundle;
    let starts_after: Vec<ActivityId> = match (&build.order_after, before) {
        (stated, _) if !stated.is_empty() => stated.clone(),
        (_, Some(before)) => vec![ids::build(&before.id)],
        (_, None) => vec![ids::design(&revision.id)],
    };
    let lines = bundle.records.bom_lines.values();
    for line in lines.filter(|it| it.revision == revision.id && it.from <= build.stage) {
        let needed = line.quantity * Decimal::from(build.quantity);
        let order = bundle.records.orders.values().find(|order| {
            order.build.as_ref() == Some(&build.id)
                && (order.part == line.part || line.alternates.contains(&order.part))
        });
        let id = match order {
            Some(order) => Some(ordered(builder, revision, build, line, order)),
            None => bought(builder, (revision, build, line), needed, &starts_after),
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

/// A part that is on order: what is left of its way.
fn ordered(
    builder: &mut Builder<'_>,
    revision: &Revision,
    build: &Build,
    line: &BomLine,
    order: &Order,
) -> ActivityId {
    let id = ids::procure(&build.id, &line.part);
    let mut node =
        derived(id.clone(), title(builder, &line.part, build), Role::Procure, Band::Hardware);
    node.because.push(Reason::NeedsPart {
        build: build.id.to_string(),
        revision: revision.id.to_string(),
        part: line.part.to_string(),
        quantity: order.quantity.to_string(),
    });
    node.because.push(Reason::Ordered {
        order: order.id.to_string(),
        placed: order.placed,
        promised: order.promised,
        received: order.received,
    });
    let start = At::start_of(builder.timeline.slot(order.placed));
    let promised = order.promised.map(|promised| Estimate {
        distribution: Distribution::Fixed(f64::from(days_between(builder.as_of, promised).max(0))),
        unit: TimeUnit::Day,
    });
    let offer = builder.bundle.records.offers.values();
    let quoted = offer
        .filter(|offer| offer.supplier == order.supplier && offer.part == order.part)
        .map(|offer| offer.lead_time.clone())
        .next();
    let remaining = order.remaining.clone().or(promised);
    let whole = quoted
        .or_else(|| remaining.clone())
        .unwrap_or(Estimate { distribution: Distribution::Fixed(0.0), unit: TimeUnit::Day });
    let estimate = builder.estimate(&whole, ELAPSED);
    let remaining = remaining.map(|rest| builder.estimate(&rest, ELAPSED));
    let facets = Facets { supplier: Some(order.supplier.clone()), ..Facets::default() };
    let index = builder.add(NewNode { derived: node, calendar: ELAPSED, estimate, facets });
    let progress = match order.received {
        Some(received) => {
            Progress::Finished { start, finish: At::end_of(builder.timeline.slot(received)) }
        }
        None => Progress::Started { start, remaining },
    };
    builder.set_progress(index, progress);
    id
}

/// A part that is still to be ordered.
fn bought(
    builder: &mut Builder<'_>,
    (revision, build, line): (&Revision, &Build, &BomLine),
    needed: Decimal,
    starts_after: &[ActivityId],
) -> Option<ActivityId> {
    let Some(best) = best_offer(builder, line, needed) else {
        no_offer(builder, line);
        builder.settled.insert(ids::procure(&build.id, &line.part));
        return None;
    };
    let id = ids::procure(&build.id, &line.part);
    let mut node =
        derived(id.clone(), title(builder, &line.part, build), Role::Procure, Band::Hardware);
    node.because.push(Reason::NeedsPart {
        build: build.id.to_string(),
        revision: revision.id.to_string(),
        part: line.part.to_string(),
        quantity: needed.normalize().to_string(),
    });
    node.because.push(Reason::BestOffer {
        offer: best.offer.id.to_string(),
        supplier: best.offer.supplier.to_string(),
        part: best.offer.part.to_string(),
        lead_time: best.lead_time.to_string(),
        from_stock: best.from_stock,
        offers: best.offers,
    });
    let estimate = builder.estimate(best.lead_time, ELAPSED);
    let facets = Facets { supplier: Some(best.offer.supplier.clone()), ..Facets::default() };
    builder.add(NewNode { derived: node, calendar: ELAPSED, estimate, facets });
    for before in starts_after {
        builder.stated_after(&id, before, (Kind::Build, build.id.as_str(), Vec::new()));
    }
    Some(id)
}

/// The offer of the part, or of an alternate, with the shortest expected lead time among those
/// that hold on the as-of day; of equals, the one with the smaller id.
pub(crate) fn best_offer<'a>(
    builder: &Builder<'a>,
    line: &BomLine,
    needed: Decimal,
) -> Option<BestOffer<'a>> {
    let held: Vec<&'a Offer> = builder
        .bundle
        .records
        .offers
        .values()
        .filter(|it| it.part == line.part || line.alternates.contains(&it.part))
        .filter(|it| it.valid_until.is_none_or(|until| until >= builder.as_of))
        .collect();
    let ways = held.iter().map(|offer| {
        let in_stock = Decimal::from(offer.stock) >= needed && offer.stock > 0;
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
fn no_offer(builder: &mut Builder<'_>, line: &BomLine) {
    let message = format!(
        "nobody offers `{}`, which `{}` carries, so the plan counts no time for buying it",
        line.part, line.revision,
    );
    if builder.diagnostics.iter().any(|diagnostic| diagnostic.message == message) {
        return;
    }
    let place = builder.bundle.place(Kind::BomLine, line.id.as_str(), &[]);
    let diagnostic = Diagnostic::warning(Code::IncompletePlan, message).at(place);
    let help = format!("add an `[[offer]]` of `{}` with its lead time", line.part);
    builder.diagnostics.push(diagnostic.help(help));
}
