//! What software will need of hardware that nobody has planned, and what hardware offers that no
//! software needs.

use std::collections::BTreeSet;

use jiff::civil::Date;
use longlead_model::{
    Bundle, CapabilityId, Currency, Decimal, Feature, FeatureId, Level, Money, Offer, PartId,
    Revision, RevisionId,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::capability::{Offered, missing, more_is_better};
use crate::decision::{DecisionForecast, DecisionKey};
use crate::derive::{Carrier, Derivation, hardware, is_open, software};

/// What is foreseen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Foresight {
    /// Needs that no planned hardware meets.
    pub orphan_needs: Vec<OrphanNeed>,
    /// What planned hardware offers and no feature needs.
    pub idle_capabilities: Vec<IdleCapability>,
}

/// A need that no planned hardware meets.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OrphanNeed {
    /// The feature.
    #[schemars(with = "String")]
    pub feature: FeatureId,
    /// Its name.
    pub title: String,
    /// The capability.
    #[schemars(with = "String")]
    pub capability: CapabilityId,
    /// How much it needs.
    pub need: String,
    /// The most that any revision offers, and which.
    #[schemars(with = "Option<(String, String)>")]
    pub best: Option<(RevisionId, String)>,
    /// The revision whose specification is still open and could carry it.
    #[schemars(with = "Option<String>")]
    pub could_carry: Option<RevisionId>,
    /// The day by which that must be decided for the feature to hold its target.
    pub decide_by: Option<Date>,
}

/// A capability that planned hardware offers and no feature needs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct IdleCapability {
    /// The revision.
    #[schemars(with = "String")]
    pub revision: RevisionId,
    /// The capability.
    #[schemars(with = "String")]
    pub capability: CapabilityId,
    /// What is offered.
    pub level: String,
    /// The parts that offer it and nothing that is needed.
    #[schemars(with = "Vec<String>")]
    pub parts: Vec<PartId>,
    /// What these parts cost on one unit, if they have a price. A part that offers several idle
    /// capabilities counts with the first of them alone, so that costs can be added up.
    #[serde(serialize_with = "money")]
    #[schemars(with = "Option<String>")]
    pub unit_cost: Option<Money>,
    /// Units that are planned to be built.
    pub units: u64,
    /// What they cost over all of these.
    #[serde(serialize_with = "money")]
    #[schemars(with = "Option<String>")]
    pub total_cost: Option<Money>,
    /// True if the specification is still open, so that it can be left out.
    pub can_be_left_out: bool,
}

fn money<S: serde::Serializer>(money: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    money.map(|money| money.to_string()).serialize(serializer)
}

pub(crate) fn foresight(
    bundle: &Bundle,
    as_of: Date,
    derivation: &Derivation,
    decisions: &[DecisionForecast],
) -> Foresight {
    Foresight {
        orphan_needs: orphan_needs(bundle, derivation, decisions),
        idle_capabilities: idle_capabilities(bundle, as_of, derivation),
    }
}

fn orphan_needs(
    bundle: &Bundle,
    derivation: &Derivation,
    decisions: &[DecisionForecast],
) -> Vec<OrphanNeed> {
    let mut orphans = Vec::new();
    for feature in bundle.records.features.values() {
        let (could_carry, capabilities) = match derivation.carriers.get(&feature.id) {
            Some(Carrier::Supposed { revision, capabilities }) => {
                (Some(revision.clone()), capabilities.clone())
            }
            Some(Carrier::Nothing) => (None, unmet_anywhere(bundle, derivation, feature)),
            _ => continue,
        };
        for capability in capabilities {
            let decide_by = could_carry
                .as_ref()
                .and_then(|revision| decide_by(decisions, revision, &capability, &feature.id));
            orphans.push(OrphanNeed {
                feature: feature.id.clone(),
                title: feature.title.clone(),
                need: feature.requires.get(&capability).map(Level::to_string).unwrap_or_default(),
                best: best_offered(bundle, derivation, feature, &capability),
                capability,
                could_carry: could_carry.clone(),
                decide_by,
            });
        }
    }
    orphans
}

/// What a revision offers.
pub(crate) fn offers<'a>(derivation: &'a Derivation, revision: &RevisionId) -> &'a Offered {
    static NOTHING: Offered = Offered::NOTHING;
    derivation.offered.get(revision).unwrap_or(&NOTHING)
}

/// The day by which carrying a capability must be decided for one feature: what people asked for
/// it, else what was derived.
fn decide_by(
    decisions: &[DecisionForecast],
    revision: &RevisionId,
    capability: &CapabilityId,
    feature: &FeatureId,
) -> Option<Date> {
    let carry = DecisionKey::carry(revision, capability);
    let derived = decisions.iter().find(|it| it.id == carry);
    if let Some(decide_by) = derived.and_then(|it| it.needed_by.get(feature)) {
        return *decide_by;
    }
    let (design, launch) = (hardware::ids::design(revision), software::ids::launch(feature));
    let authored = decisions.iter().find(|it| {
        !it.derived && it.target.as_ref() == Some(&launch) && it.gates.contains(&design)
    });
    authored.and_then(|it| it.decide_by)
}

/// What a feature needs that no revision of its product offers enough of; where each need is met
/// somewhere but never together, all of its needs.
fn unmet_anywhere(
    bundle: &Bundle,
    derivation: &Derivation,
    feature: &Feature,
) -> Vec<CapabilityId> {
    let revisions = bundle.records.revisions.values().filter(|it| it.product == feature.product);
    let lacking: Vec<BTreeSet<CapabilityId>> = revisions
        .map(|it| missing(bundle, feature, offers(derivation, &it.id)))
        .map(|missing| missing.into_iter().map(|it| it.capability).collect())
        .collect();
    let everywhere: Vec<CapabilityId> = feature
        .requires
        .keys()
        .filter(|capability| lacking.iter().all(|it| it.contains(*capability)))
        .cloned()
        .collect();
    if everywhere.is_empty() { feature.requires.keys().cloned().collect() } else { everywhere }
}

fn best_offered(
    bundle: &Bundle,
    derivation: &Derivation,
    feature: &Feature,
    capability: &CapabilityId,
) -> Option<(RevisionId, String)> {
    let more = more_is_better(bundle, capability);
    let mut best: Option<(RevisionId, &Level)> = None;
    for revision in bundle.records.revisions.values().filter(|it| it.product == feature.product) {
        let Some(level) = offers(derivation, &revision.id).levels.get(capability) else {
            continue;
        };
        let better = best.as_ref().is_none_or(|(_, held)| !level.is_met_by(held, more));
        if better {
            best = Some((revision.id.clone(), level));
        }
    }
    best.map(|(revision, level)| (revision, level.to_string()))
}

fn idle_capabilities(bundle: &Bundle, as_of: Date, derivation: &Derivation) -> Vec<IdleCapability> {
    let records = &bundle.records;
    let mut idle = Vec::new();
    for revision in records.revisions.values() {
        let units = units_to_build(bundle, derivation, revision);
        if units == 0 {
            // Hardware that is only in the field has cost what it cost.
            continue;
        }
        let needed: BTreeSet<&CapabilityId> = records
            .features
            .values()
            .filter(|feature| feature.product == revision.product)
            .flat_map(|feature| feature.requires.keys())
            .chain(records.requirements.values().flat_map(|it| &it.capabilities))
            .collect();
        let offered = offers(derivation, &revision.id);
        let mut counted: BTreeSet<PartId> = BTreeSet::new();
        for (capability, level) in &offered.levels {
            if needed.contains(capability) || *level == Level::Present(false) {
                continue;
            }
            let parts = offered.parts.get(capability).cloned().unwrap_or_default();
            let wasted: BTreeSet<PartId> =
                parts.into_iter().filter(|part| only_idle(bundle, part, &needed)).collect();
            let new: Vec<PartId> = wasted.difference(&counted).cloned().collect();
            let unit_cost = unit_cost(bundle, as_of, revision, &new, units);
            counted.extend(new);
            idle.push(IdleCapability {
                revision: revision.id.clone(),
                capability: capability.clone(),
                level: level.to_string(),
                parts: wasted.into_iter().collect(),
                total_cost: unit_cost.and_then(|cost| cost.times(Decimal::from(units)).ok()),
                unit_cost,
                units,
                can_be_left_out: is_open(bundle, as_of, &derivation.settled, revision),
            });
        }
    }
    idle
}

/// True if a part offers nothing that is needed.
fn only_idle(bundle: &Bundle, part: &PartId, needed: &BTreeSet<&CapabilityId>) -> bool {
    let part = bundle.records.parts.get(part);
    part.is_some_and(|part| part.provides.keys().all(|it| !needed.contains(it)))
}

/// Units of a revision in builds that haven't finished.
fn units_to_build(bundle: &Bundle, derivation: &Derivation, revision: &Revision) -> u64 {
    let builds = bundle.records.builds.values().filter(|it| it.revision == revision.id);
    let open = builds.filter(|build| {
        let id = hardware::ids::build(&build.id);
        let finished =
            bundle.records.actuals.get(id.as_str()).is_some_and(|it| it.finished.is_some());
        !finished && !derivation.settled.contains(&id)
    });
    open.map(|build| build.quantity).sum()
}

/// What the parts cost on one unit when bought for all of them.
fn unit_cost(
    bundle: &Bundle,
    as_of: Date,
    revision: &Revision,
    parts: &[PartId],
    units: u64,
) -> Option<Money> {
    if parts.is_empty() {
        return None;
    }
    let currency = bundle.settings.currency;
    let mut sum = Money::zero(currency);
    let lines = bundle.records.bom_lines.values();
    for line in lines.filter(|it| it.revision == revision.id && parts.contains(&it.part)) {
        let needed = line.quantity * Decimal::from(units);
        let offers = bundle.records.offers.values().filter(|it| it.part == line.part);
        let valid = offers.filter(|it| it.valid_until.is_none_or(|until| until >= as_of));
        let prices = valid.filter_map(|offer| price(bundle, offer, needed, currency));
        let least = prices.min_by(|a, b| a.amount.cmp(&b.amount))?;
        sum = sum.plus(least.times(line.quantity).ok()?).ok()?;
    }
    Some(sum)
}

/// The price of one at a quantity: that of the highest break which it reaches.
fn price(bundle: &Bundle, offer: &Offer, needed: Decimal, currency: Currency) -> Option<Money> {
    let reached = offer.prices.iter().rev().find(|it| Decimal::from(it.quantity) <= needed);
    let price = reached.or_else(|| offer.prices.first())?.price;
    bundle.rates().convert(price, currency).ok()
}
