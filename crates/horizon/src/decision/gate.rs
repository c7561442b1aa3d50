//! Gates: what the simulation is asked for each decision.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use longlead_model::{
    ActivityId, Bundle, CapabilityId, Decision, DecisionId, FeatureId, RevisionId,
};
use longlead_network::{ActivityIndex, At, Bound, GateRequest, Network, Progress};

use crate::capability::missing;
use crate::derive::{Carrier, Derivation, Derived, hardware, is_open, software};
use crate::forecast::Ask;
use crate::foresight::offers;

/// What is put to the simulation, once for all decisions that ask it.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) request: GateRequest,
    /// The decisions that it answers.
    pub(crate) questions: Vec<Question>,
    /// The day on which a gated specification freezes: after it, nothing can be decided any more.
    pub(crate) freeze: Option<Date>,
}

/// Which decision a gate is of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    Authored(DecisionId),
    /// Carry a capability on a revision, for one feature.
    Carry {
        revision: RevisionId,
        capability: CapabilityId,
        feature: FeatureId,
    },
}

/// The gates of every decision that has a target with a date, and gates work that leads to it.
pub(crate) fn gates(bundle: &Bundle, ask: &Ask, derivation: &Derivation) -> Vec<Gate> {
    let mut gates = Gates { bundle, derivation, ways: BTreeMap::new(), asked: BTreeMap::new() };
    for decision in bundle.records.decisions.values() {
        if let Some((target, date)) = target_of(decision, derivation) {
            gates.ask(&decision.gates, &target, date, Question::Authored(decision.id.clone()));
        }
    }
    for ((revision, capability), features) in carried_needs(bundle, ask.as_of, derivation) {
        let design = [hardware::ids::design(&revision)];
        for feature in features {
            let launch = software::ids::launch(&feature);
            let asked_by_people = bundle.records.decisions.values().any(|decision| {
                decision.gates.contains(&design[0]) && decision.target.as_ref() == Some(&launch)
            });
            let target = derivation.find(&launch).and_then(|(_, node)| node.target);
            let Some(date) = target.filter(|_| !asked_by_people) else {
                continue;
            };
            let (revision, capability) = (revision.clone(), capability.clone());
            gates.ask(&design, &launch, date, Question::Carry { revision, capability, feature });
        }
    }
    gates.asked.into_values().collect()
}

/// What makes one gate of another's: the gated work, the target and its deadline.
type Asking = (Vec<ActivityIndex>, ActivityIndex, At);

/// Gates as they come together: what several decisions ask alike is simulated once.
struct Gates<'a> {
    bundle: &'a Bundle,
    derivation: &'a Derivation,
    /// What leads to each target.
    ways: BTreeMap<ActivityIndex, BTreeSet<ActivityIndex>>,
    asked: BTreeMap<Asking, Gate>,
}

impl Gates<'_> {
    fn ask(&mut self, gated: &[ActivityId], target: &ActivityId, date: Date, question: Question) {
        let derivation = self.derivation;
        let Some((target, _)) = still_ahead(derivation, target) else {
            return;
        };
        let way = self.ways.entry(target).or_insert_with(|| leads_to(&derivation.network, target));
        let gating: BTreeMap<&ActivityId, ActivityIndex> = gated
            .iter()
            .filter_map(|id| Some((id, unstarted(derivation, id)?)))
            .filter(|(_, index)| way.contains(index))
            .collect();
        if gating.is_empty() {
            return;
        }
        let freeze = freeze_of(self.bundle, |design| gating.contains_key(design));
        let activities: BTreeSet<ActivityIndex> = gating.into_values().collect();
        let activities: Vec<ActivityIndex> = activities.into_iter().collect();
        let deadline = At::end_of(derivation.timeline.slot(date));
        let asking = (activities.clone(), target, deadline);
        let gate = self.asked.entry(asking).or_insert_with(|| Gate {
            request: GateRequest { activities, target, deadline },
            questions: Vec::new(),
            freeze,
        });
        gate.questions.push(question);
    }
}

/// A target that can still be held or missed.
pub(super) fn still_ahead<'a>(
    derivation: &'a Derivation,
    id: &ActivityId,
) -> Option<(ActivityIndex, &'a Derived)> {
    let (index, node) = derivation.find(id)?;
    let is_past = matches!(progress(derivation, index)?, Progress::Finished { .. });
    (!is_past && !derivation.unreachable.contains(id)).then_some((index, node))
}

/// The activity, if it is in the plan and hasn't begun: nothing can hold back what has.
pub(super) fn unstarted(derivation: &Derivation, id: &ActivityId) -> Option<ActivityIndex> {
    let index = *derivation.index.get(id)?;
    matches!(progress(derivation, index)?, Progress::NotStarted).then_some(index)
}

pub(super) fn progress(derivation: &Derivation, index: ActivityIndex) -> Option<&Progress> {
    derivation.network.activities.get(index.index()).map(|activity| &activity.progress)
}

/// What a delay of which can delay the target, and the target itself.
pub(super) fn leads_to(network: &Network, target: ActivityIndex) -> BTreeSet<ActivityIndex> {
    let mut before: BTreeMap<ActivityIndex, Vec<ActivityIndex>> = BTreeMap::new();
    for link in &network.links {
        // A maximum lag holds back the activity that it leaves.
        let (from, to) = match link.bound {
            Bound::Minimum => (link.from, link.to),
            Bound::Maximum => (link.to, link.from),
        };
        before.entry(to).or_default().push(from);
    }
    let mut found = BTreeSet::from([target]);
    let mut next = vec![target];
    while let Some(activity) = next.pop() {
        let earlier = before.get(&activity).into_iter().flatten().copied();
        next.extend(earlier.filter(|earlier| found.insert(*earlier)));
    }
    found
}

/// The first day on which a specification freezes whose design is gated.
fn freeze_of(bundle: &Bundle, is_gated: impl Fn(&ActivityId) -> bool) -> Option<Date> {
    let revisions = bundle.records.revisions.values();
    let gated = revisions.filter(|it| is_gated(&hardware::ids::design(&it.id)));
    gated.filter_map(|revision| revision.specification_freeze).min()
}

/// The target of a decision and the date that it must hold.
pub(super) fn target_of(
    decision: &Decision,
    derivation: &Derivation,
) -> Option<(ActivityId, Date)> {
    let target = decision.target.clone()?;
    let date = decision.target_date.or_else(|| derivation.find(&target)?.1.target)?;
    Some((target, date))
}

/// Needs that no hardware in the field meets, each with the open revision that could carry it.
pub(crate) fn carried_needs(
    bundle: &Bundle,
    as_of: Date,
    derivation: &Derivation,
) -> BTreeMap<(RevisionId, CapabilityId), Vec<FeatureId>> {
    let mut needs: BTreeMap<(RevisionId, CapabilityId), Vec<FeatureId>> = BTreeMap::new();
    for (feature, carrier) in &derivation.carriers {
        let (revision, capabilities) = match carrier {
            Carrier::Supposed { revision, capabilities } => (revision, capabilities.clone()),
            Carrier::Revision { revision } => {
                let unsettled = unsettled(bundle, as_of, derivation, feature, revision);
                (revision, unsettled)
            }
            Carrier::Field { .. } | Carrier::NoHardware | Carrier::Nothing => continue,
        };
        for capability in capabilities {
            needs.entry((revision.clone(), capability)).or_default().push(feature.clone());
        }
    }
    needs
}

/// What a feature needs that only a revision with an open specification offers: until the
/// specification freezes, it can still be taken off the board.
fn unsettled(
    bundle: &Bundle,
    as_of: Date,
    derivation: &Derivation,
    feature: &FeatureId,
    revision: &RevisionId,
) -> Vec<CapabilityId> {
    let records = &bundle.records;
    let (Some(feature), Some(revision)) =
        (records.features.get(feature), records.revisions.get(revision))
    else {
        return Vec::new();
    };
    if !is_open(bundle, as_of, &derivation.settled, revision) {
        return Vec::new();
    }
    let earlier = records.revisions.values().filter(|it| {
        it.product == revision.product && !is_open(bundle, as_of, &derivation.settled, it)
    });
    let lacking: Vec<BTreeSet<CapabilityId>> = earlier
        .map(|it| missing(bundle, feature, offers(derivation, &it.id)))
        .map(|missing| missing.into_iter().map(|it| it.capability).collect())
        .collect();
    let needed = feature.requires.keys();
    needed
        .filter(|capability| lacking.iter().all(|lacking| lacking.contains(*capability)))
        .cloned()
        .collect()
}
