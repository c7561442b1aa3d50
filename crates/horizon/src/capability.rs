//! What each revision offers, and which features it can run.

use std::collections::BTreeMap;

use longlead_model::{
    BomLine, Bundle, CapabilityId, Direction, Feature, FeatureId, Level, PartId, Revision,
    RevisionId,
};
use schemars::JsonSchema;
use serde::Serialize;

/// What a revision offers, and from where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offered {
    /// The level of each capability.
    pub levels: BTreeMap<CapabilityId, Level>,
    /// The parts on its bill of materials that offer each capability.
    pub parts: BTreeMap<CapabilityId, Vec<PartId>>,
}

/// Something that a revision lacks for a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Missing {
    /// The capability.
    #[schemars(with = "String")]
    pub capability: CapabilityId,
    /// What the feature needs.
    pub need: String,
    /// What the revision has, if anything.
    pub has: Option<String>,
}

/// Whether a revision can run a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Support {
    /// The feature.
    #[schemars(with = "String")]
    pub feature: FeatureId,
    /// The revision.
    #[schemars(with = "String")]
    pub revision: RevisionId,
    /// True if it can.
    pub supported: bool,
    /// What it lacks if it can't.
    pub missing: Vec<Missing>,
}

impl Offered {
    /// Nothing at all.
    pub(crate) const NOTHING: Offered = Offered { levels: BTreeMap::new(), parts: BTreeMap::new() };
}

/// What each revision offers.
pub(crate) fn all_offered(bundle: &Bundle) -> BTreeMap<RevisionId, Offered> {
    let mut lines: BTreeMap<&RevisionId, Vec<&BomLine>> = BTreeMap::new();
    for line in bundle.records.bom_lines.values() {
        lines.entry(&line.revision).or_default().push(line);
    }
    let revisions = bundle.records.revisions.values();
    revisions
        .map(|revision| {
            let lines = lines.get(&revision.id).map_or(&[][..], Vec::as_slice);
            (revision.id.clone(), offered_by(bundle, revision, lines))
        })
        .collect()
}

/// What a revision offers: its own entries, and those of the parts that its production boards
/// carry. Where several offer a capability, the best counts.
pub fn offered(bundle: &Bundle, revision: &Revision) -> Offered {
    let lines = bundle.records.bom_lines.values().filter(|line| line.revision == revision.id);
    offered_by(bundle, revision, &lines.collect::<Vec<_>>())
}

fn offered_by(bundle: &Bundle, revision: &Revision, lines: &[&BomLine]) -> Offered {
    let records = &bundle.records;
    let mut offered = Offered { levels: revision.provides.clone(), parts: BTreeMap::new() };
    for part in lines.iter().filter_map(|line| records.parts.get(&line.part)) {
        for (capability, level) in &part.provides {
            if *level == Level::Present(false) {
                continue;
            }
            offered.parts.entry(capability.clone()).or_default().push(part.id.clone());
            let best = match offered.levels.get(capability) {
                // What the revision says itself is about the whole board and overrides its parts.
                Some(_) if revision.provides.contains_key(capability) => continue,
                Some(held) if held.is_met_by(level, more_is_better(bundle, capability)) => level,
                Some(_) => continue,
                None => level,
            };
            offered.levels.insert(capability.clone(), best.clone());
        }
    }
    // A capability that the revision denies isn't there, whatever its parts could do.
    offered.levels.retain(|_, level| *level != Level::Present(false));
    offered
}

/// Whether larger amounts of a capability serve better.
pub(crate) fn more_is_better(bundle: &Bundle, capability: &CapabilityId) -> bool {
    let capability = bundle.records.capabilities.get(capability);
    capability.is_none_or(|capability| capability.better == Direction::More)
}

/// What a revision that offers `offered` lacks to run a feature; nothing if it can run it.
pub(crate) fn missing(bundle: &Bundle, feature: &Feature, offered: &Offered) -> Vec<Missing> {
    let unmet = feature.requires.iter().filter(|(capability, need)| {
        let has = offered.levels.get(*capability).unwrap_or(&Level::Present(false));
        !need.is_met_by(has, more_is_better(bundle, capability))
    });
    unmet
        .map(|(capability, need)| Missing {
            capability: capability.clone(),
            need: need.to_string(),
            has: offered.levels.get(capability).map(Level::to_string),
        })
        .collect()
}

/// Every feature against every revision of its product.
pub fn support(bundle: &Bundle) -> Vec<Support> {
    let records = &bundle.records;
    let offers = all_offered(bundle);
    let mut matrix = Vec::new();
    for feature in records.features.values() {
        for revision in records.revisions.values().filter(|it| it.product == feature.product) {
            let Some(offered) = offers.get(&revision.id) else {
                continue;
            };
            let missing = missing(bundle, feature, offered);
            matrix.push(Support {
                feature: feature.id.clone(),
                revision: revision.id.clone(),
                supported: missing.is_empty(),
                missing,
            });
        }
    }
    matrix
}
