//! Product → network: activities that follow from facts, each with a trace to these facts.

mod authored;
mod builder;
mod fact;
pub(crate) mod hardware;
mod risk;
pub(crate) mod software;
mod supply;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use longlead_model::{
    ActivityId, Band, Bundle, CapabilityId, Diagnostic, FeatureId, Kind, MarketId, ProductId,
    Revision, RevisionId, TeamId,
};
use longlead_network::{ActivityIndex, LinkIndex, LinkKind, Network};
use schemars::JsonSchema;
use serde::Serialize;

use crate::calendar::PlanCalendar;
use crate::capability::Offered;
use crate::reason::Reason;
use crate::timeline::Timeline;
use builder::Builder;

/// What a node of the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Authored work.
    Authored,
    /// An authored milestone.
    Milestone,
    /// Specification and layout of a revision.
    Design,
    /// Buying a part for a build.
    Procure,
    /// A build.
    Build,
    /// Validation of a build.
    Test,
    /// Certification of a revision under a regime.
    Certify,
    /// All certificates of a revision for a market.
    Approve,
    /// The first production units of a revision.
    Units,
    /// Shipping to a market.
    Ship,
    /// A revision can be sold in a market.
    Available,
    /// Development of a feature.
    Develop,
    /// A release.
    Release,
    /// Users get a feature.
    Launch,
}

impl Role {
    /// True if it takes time; false if it is a point in time.
    pub fn has_work(self) -> bool {
        !matches!(
            self,
            Role::Milestone | Role::Approve | Role::Units | Role::Available | Role::Launch
        )
    }
}

/// A node of the network with its trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// Its id, authored or derived.
    pub id: ActivityId,
    /// Its name.
    pub title: String,
    /// What it is.
    pub role: Role,
    /// The horizon on which it lies.
    pub band: Band,
    /// The facts that it follows from.
    pub because: Vec<Reason>,
    /// The last day on which it is on time, if it has a target.
    pub target: Option<Date>,
    /// The confidence that its target should have, if it has its own.
    pub confidence: Option<f64>,
    /// The teams that do it.
    pub teams: Vec<TeamId>,
    /// The product that it belongs to, if it is one.
    pub product: Option<ProductId>,
    /// The markets that it is for.
    pub markets: Vec<MarketId>,
    /// Records that it follows from besides those that its reasons name.
    pub(crate) sources: BTreeSet<(Kind, String)>,
}

/// Why a link of the network is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkOrigin {
    /// It was authored as a link, or as `after`.
    Authored,
    /// It follows from facts.
    Derived,
}

/// How a feature gets to users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Carrier {
    /// Devices in the field can run it.
    Field {
        /// One such revision.
        revision: RevisionId,
    },
    /// The first revision to come that can run it.
    Revision {
        /// The revision.
        revision: RevisionId,
    },
    /// Nothing planned can run it; it is supposed that this revision carries what is lacking.
    Supposed {
        /// The revision whose specification is open.
        revision: RevisionId,
        /// What it would have to carry.
        capabilities: Vec<CapabilityId>,
    },
    /// The product has no hardware on record, and the feature needs nothing of any.
    NoHardware,
    /// Nothing planned can run it, and no revision that is to be made has an open specification.
    Nothing,
}

/// The network of a product, and how it came about.
#[derive(Clone, Debug)]
pub struct Derivation {
    /// The network.
    pub network: Network,
    /// Its nodes, in the order of the network's activities.
    pub nodes: Vec<Derived>,
    /// The node of an id.
    pub index: BTreeMap<ActivityId, ActivityIndex>,
    /// Why each link is there.
    pub links: Vec<LinkOrigin>,
    /// Which calendar a lag or activity counts on, by index.
    pub calendars: Vec<PlanCalendar>,
    /// Civil days as slots.
    pub timeline: Timeline,
    /// How each feature gets to users.
    pub carriers: BTreeMap<FeatureId, Carrier>,
    /// Activities that are past: they happened before anything that is still to be planned.
    pub settled: BTreeSet<ActivityId>,
    /// What can't happen as planned, and all that waits for it.
    pub unreachable: BTreeSet<ActivityId>,
    /// What each revision offers.
    pub offered: BTreeMap<RevisionId, Offered>,
    /// What keeps the plan from being complete, and what contradicts it.
    pub diagnostics: Vec<Diagnostic>,
}

impl Derivation {
    /// The node of an index.
    pub fn node(&self, index: ActivityIndex) -> Option<&Derived> {
        self.nodes.get(index.index())
    }

    /// The node of an id.
    pub fn find(&self, id: &ActivityId) -> Option<(ActivityIndex, &Derived)> {
        let index = *self.index.get(id)?;
        Some((index, self.node(index)?))
    }

    /// What each activity follows by facts, finish to start: neither links that people wrote nor
    /// the order that levelling adds.
    pub fn derived_predecessors(&self) -> BTreeMap<ActivityId, Vec<ActivityId>> {
        let mut predecessors: BTreeMap<ActivityId, Vec<ActivityId>> = BTreeMap::new();
        for (link, origin) in self.network.links.iter().zip(&self.links) {
            if *origin != LinkOrigin::Derived || link.kind != LinkKind::FinishToStart {
                continue;
            }
            if let Some((from, to)) = self.node(link.from).zip(self.node(link.to)) {
                predecessors.entry(to.id.clone()).or_default().push(from.id.clone());
            }
        }
        predecessors
    }

    /// The origin of a link; links that levelling added have none.
    pub fn link_origin(&self, link: LinkIndex) -> Option<LinkOrigin> {
        self.links.get(link.index()).copied()
    }
}

/// The bundle as it was known on a day: without what has happened since.
pub(crate) fn known_on(bundle: &Bundle, as_of: Date) -> Cow<'_, Bundle> {
    let later = |date: Option<Date>| date.is_some_and(|date| date > as_of);
    let records = &bundle.records;
    let foresees = records.actuals.values().any(|it| later(it.started) || later(it.finished))
        || records.orders.values().any(|it| later(Some(it.placed)) || later(it.received))
        || records.decisions.values().any(|it| later(it.decided.as_ref().map(|it| it.on)))
        || records.revisions.values().any(|it| later(it.fleet.as_ref().map(|it| it.on)));
    if !foresees {
        return Cow::Borrowed(bundle);
    }
    let mut known = bundle.clone();
    let records = &mut known.records;
    records.actuals.retain(|_, actual| {
        if later(actual.finished) {
            actual.finished = None;
        }
        actual.started.or(actual.finished).is_some_and(|date| date <= as_of)
    });
    records.orders.retain(|_, order| order.placed <= as_of);
    for order in records.orders.values_mut().filter(|order| later(order.received)) {
        order.received = None;
    }
    for decision in records.decisions.values_mut() {
        decision.decided = decision.decided.take().filter(|decided| decided.on <= as_of);
    }
    for revision in records.revisions.values_mut() {
        revision.fleet = revision.fleet.take().filter(|fleet| fleet.on <= as_of);
    }
    Cow::Owned(known)
}

/// True if devices of the revision are in the field.
pub(crate) fn is_in_field(revision: &Revision) -> bool {
    revision.fleet.as_ref().is_some_and(|fleet| fleet.units > 0)
}

/// True if something can still be added to the revision: its design hasn't begun, and its
/// specification hasn't frozen.
pub(crate) fn is_open(
    bundle: &Bundle,
    as_of: Date,
    settled: &BTreeSet<ActivityId>,
    revision: &Revision,
) -> bool {
    let design = hardware::ids::design(&revision.id);
    let begun = bundle.records.actuals.contains_key(design.as_str()) || settled.contains(&design);
    let frozen = revision.specification_freeze.is_some_and(|on| on < as_of);
    revision.design.is_some() && !begun && !frozen
}

/// Derives the network of a bundle as it is known on the as-of day.
///
/// Problems are told in [`Derivation::diagnostics`]; where one is an error, the network leaves
/// out what it is about.
pub fn derive(bundle: &Bundle, as_of: Date) -> Derivation {
    let known = known_on(bundle, as_of);
    let mut builder = Builder::new(&known, as_of);
    hardware::derive(&mut builder);
    software::derive(&mut builder);
    authored::derive(&mut builder);
    // Which hardware comes first depends on everything else, so launches come last.
    software::launches(&mut builder);
    risk::derive(&mut builder);
    builder.finish()
}
