//! The links of a plan, told by ids.

use longlead_model::{ActivityId, LinkKind};
use longlead_network as network;
use longlead_network::LinkIndex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::derive::LinkOrigin;
use crate::forecast::Plan;

/// A link between two activities of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanLink {
    /// The activity that comes first.
    #[schemars(with = "String")]
    pub from: ActivityId,
    /// The activity that it holds.
    #[schemars(with = "String")]
    pub to: ActivityId,
    /// Which ends it joins.
    #[schemars(with = "String", extend("enum" = ["FS", "SS", "FF", "SF"]))]
    pub kind: LinkKind,
    /// True if it follows from facts; false if people wrote it, or levelling added it.
    pub derived: bool,
    /// True if levelling added it, since a team can't do both at once.
    pub resource: bool,
}

impl Plan {
    /// Every link of the plan, in the order of the network: derived and authored ones, then those
    /// that levelling added.
    pub fn links(&self) -> Vec<PlanLink> {
        let derivation = &self.derivation;
        let links = (0..).map(LinkIndex::new).zip(&derivation.network.links);
        links
            .filter_map(|(index, link)| {
                // The finish of the whole plan has no node, and so its links tell nothing.
                let (from, to) = (derivation.node(link.from)?, derivation.node(link.to)?);
                let origin = derivation.link_origin(index);
                Some(PlanLink {
                    from: from.id.clone(),
                    to: to.id.clone(),
                    kind: kind(link.kind),
                    derived: origin == Some(LinkOrigin::Derived),
                    resource: origin.is_none(),
                })
            })
            .collect()
    }
}

fn kind(kind: network::LinkKind) -> LinkKind {
    match kind {
        network::LinkKind::FinishToStart => LinkKind::FinishToStart,
        network::LinkKind::StartToStart => LinkKind::StartToStart,
        network::LinkKind::FinishToFinish => LinkKind::FinishToFinish,
        network::LinkKind::StartToFinish => LinkKind::StartToFinish,
    }
}
