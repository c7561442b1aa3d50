//! Product → network: activities that follow from facts, each with a trace to these facts.

mod authored;
mod builder;
pub(crate) mod hardware;
mod risk;
pub(crate) mod software;
mod supply;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use longlead_model::{
    ActivityId, Band, Bundle, CapabilityId, Diagnostic, FeatureId, Revision, RevisionId,
};
use longlead_network::{ActivityIndex, LinkIndex, LinkKind, Network};
use serde::Serialize;

use crate::reason::Reason;
use crate::timeline::Timeline;
use builder::Builder;

/// What a node of the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
    /// Nothing planned can run it, and no specification is open.
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
    /// Which calendar a lag or activity counts on, in words, by index.
    pub calendars: Vec<String>,
    /// Civil days as slots.
    pub timeline: Timeline,
    /// How each feature gets to users.
    pub carriers: BTreeMap<FeatureId, Carrier>,
    /// Activities that are past: they happened before anything that is still to be planned.
    pub settled: BTreeSet<ActivityId>,
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
    let mut builder = Builder::new(bundle, as_of);
    hardware::derive(&mut builder);
    software::derive(&mut builder);
    authored::derive(&mut builder);
    risk::derive(&mut builder);
    builder.finish()
}
