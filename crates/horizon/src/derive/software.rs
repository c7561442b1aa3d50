//! Development, releases and launches, each launch on the first hardware that can run it.

use std::collections::BTreeMap;

use longlead_model::{
    ActivityId, Band, CapabilityId, Code, Diagnostic, Feature, Kind, MarketId, Release, ReleaseId,
    Revision, RevisionId, Step,
};
use longlead_network::{At, ConstraintKind, Planning};

use crate::capability::missing;
use crate::derive::builder::{Builder, Facets, derived};
use crate::derive::hardware::ids as hardware;
use crate::derive::{Carrier, Role, is_in_field, is_open};
use crate::reason::Reason;

/// Ids of derived software activities.
pub(crate) mod ids {
    use longlead_model::{ActivityId, FeatureId, ReleaseId};

    pub(crate) fn develop(feature: &FeatureId) -> ActivityId {
        ActivityId::derived("develop", &[feature.as_str()])
    }
    pub(crate) fn release(release: &ReleaseId) -> ActivityId {
        ActivityId::derived("release", &[release.as_str()])
    }
    pub(crate) fn launch(feature: &FeatureId) -> ActivityId {
        ActivityId::derived("launch", &[feature.as_str()])
    }
}

/// Development and releases.
pub(super) fn derive(builder: &mut Builder<'_>) {
    let records = &builder.bundle.records;
    for feature in records.features.values() {
        develop(builder, feature);
    }
    let mut carried: BTreeMap<&ReleaseId, Vec<&Feature>> = BTreeMap::new();
    for feature in records.features.values() {
        if let Some(release) = &feature.release {
            carried.entry(release).or_default().push(feature);
        }
    }
    for release in records.releases.values() {
        self::release(builder, release, carried.get(&release.id).map_or(&[], Vec::as_slice));
    }
}

/// Launches, each on the first hardware that can run it: that is known only when all that can
/// hold hardware up is in the network.
pub(super) fn launches(builder: &mut Builder<'_>) {
    let first_units = first_units(builder);
    for feature in builder.bundle.records.features.values() {
        let carrier = carrier(builder, feature, &first_units);
        launch(builder, feature, &carrier);
        builder.carriers.insert(feature.id.clone(), carrier);
    }
}

/// The instant at which each revision to come has its first units, as planned so far.
fn first_units(builder: &Builder<'_>) -> BTreeMap<RevisionId, At> {
    let preview = builder.preview().compile().ok();
    let schedule = preview.and_then(|compiled| compiled.schedule(Planning::Quantile(0.5)).ok());
    let revisions = builder.bundle.records.revisions.keys();
    revisions
        .filter_map(|revision| {
            let index = builder.index.get(&hardware::units(revision))?;
            // Without a schedule the order of ids has to do; the reason it failed is told later.
            let at = schedule.as_ref().and_then(|schedule| schedule.activities.get(index.index()));
            Some((revision.clone(), at.map_or(At::ZERO, |dates| dates.early_finish)))
        })
        .collect()
}

fn develop(builder: &mut Builder<'_>, feature: &Feature) {
    let id = ids::develop(&feature.id);
    if feature.work.is_none() && feature.after.is_empty() {
        builder.settled.insert(id);
        return;
    }
    let title = format!("{}: develop", feature.title);
    let node = derived(id.clone(), title, Role::Develop, Band::Software);
    match &feature.work {
        Some(work) => builder.add_work(node, work, Facets::default()),
        // Nothing to do of its own, but it still comes after what it builds on.
        None => builder.add_milestone(node, Facets::default()),
    };
    for before in &feature.after {
        builder.after(&id, &ids::develop(before));
    }
}

fn release(builder: &mut Builder<'_>, release: &Release, carried: &[&Feature]) {
    let id = ids::release(&release.id);
    let title = format!("{}: release", release.title);
    let mut node = derived(id.clone(), title, Role::Release, Band::Software);
    node.target = release.target;
    node.confidence = release.confidence.map(longlead_model::Share::value);
    node.because.extend(carried.iter().map(|feature| Reason::CarriedBy {
        feature: feature.id.clone(),
        release: release.id.clone(),
    }));
    let index = match &release.work {
        Some(work) => builder.add_work(node, work, Facets::default()),
        None => builder.add_milestone(node, Facets::default()),
    };
    builder.constrain(index, ConstraintKind::StartNoEarlierThan, release.start_no_earlier_than);
    for feature in carried {
        builder.after(&id, &ids::develop(&feature.id));
    }
    for before in &release.after {
        builder.after(&id, &ids::release(before));
    }
}

/// How a feature gets to users: by devices in the field, else by the first revision to come that
/// can run it, else supposedly by the next revision whose specification is open. Hardware that is
/// sold in all of the feature's markets goes before hardware that isn't.
fn carrier(
    builder: &Builder<'_>,
    feature: &Feature,
    first_units: &BTreeMap<RevisionId, At>,
) -> Carrier {
    let bundle = builder.bundle;
    let of_product = bundle.records.revisions.values().filter(|it| it.product == feature.product);
    let revisions: Vec<&Revision> = of_product.collect();
    if revisions.is_empty() && feature.requires.is_empty() {
        return Carrier::NoHardware;
    }
    let runs =
        |revision: &&&Revision| missing(bundle, feature, builder.offered(revision)).is_empty();
    let sold = |revision: &Revision, market: &MarketId| {
        builder.settled.contains(&hardware::available(&revision.id, market))
    };
    let in_field = revisions.iter().filter(|revision| is_in_field(revision));
    let mut on_sale = in_field.filter(|it| feature.markets.iter().all(|market| sold(it, market)));
    if let Some(revision) = on_sale.find(runs) {
        return Carrier::Field { revision: revision.id.clone() };
    }
    let mut to_come: Vec<&Revision> = revisions
        .iter()
        .filter(|it| is_in_field(it) || first_units.contains_key(&it.id))
        .copied()
        .collect();
    to_come.sort_by_key(|revision| {
        let elsewhere = feature.markets.iter().any(|market| !revision.markets.contains(market));
        (elsewhere, first_units.get(&revision.id), &revision.id)
    });
    if let Some(revision) = to_come.iter().find(|revision| runs(revision)) {
        return Carrier::Revision { revision: revision.id.clone() };
    }
    let open = |it: &&&Revision| is_open(builder.bundle, builder.as_of, &builder.settled, it);
    match to_come.iter().find(open) {
        Some(revision) => {
            let lacking = missing(bundle, feature, builder.offered(revision)).into_iter();
            let capabilities: Vec<CapabilityId> = lacking.map(|it| it.capability).collect();
            Carrier::Supposed { revision: revision.id.clone(), capabilities }
        }
        None => Carrier::Nothing,
    }
}

fn launch(builder: &mut Builder<'_>, feature: &Feature, carrier: &Carrier) {
    let id = ids::launch(&feature.id);
    let title = format!("{}: launch", feature.title);
    let mut node = derived(id.clone(), title, Role::Launch, Band::Software);
    node.target = feature.target;
    node.confidence = feature.confidence.map(longlead_model::Share::value);
    node.because.extend(feature.requires.iter().map(|(capability, need)| Reason::Requires {
        feature: feature.id.clone(),
        capability: capability.clone(),
        need: need.to_string(),
    }));
    let carried_by = match carrier {
        Carrier::Nothing => {
            cannot_launch(builder, feature);
            builder.impossible.insert(id);
            return;
        }
        Carrier::NoHardware => None,
        Carrier::Field { revision } => {
            let fleet =
                builder.bundle.records.revisions.get(revision).and_then(|it| it.fleet.as_ref());
            node.because.push(Reason::FieldRuns {
                feature: feature.id.clone(),
                revision: revision.clone(),
                units: fleet.map_or(0, |fleet| fleet.units),
            });
            None
        }
        Carrier::Revision { revision } => {
            node.because.push(Reason::FirstRevision {
                feature: feature.id.clone(),
                revision: revision.clone(),
            });
            Some(revision)
        }
        Carrier::Supposed { revision, capabilities } => {
            node.because.extend(capabilities.iter().map(|capability| Reason::Supposed {
                feature: feature.id.clone(),
                revision: revision.clone(),
                capability: capability.clone(),
            }));
            Some(revision)
        }
    };
    if carried_by.is_some() {
        node.because.extend(field_lacks(builder, feature));
    }
    builder.add_milestone(node, Facets::default());
    match &feature.release {
        Some(release) => builder.after(&id, &ids::release(release)),
        None => builder.after(&id, &ids::develop(&feature.id)),
    }
    if let Some(revision) = carried_by {
        waits_for_hardware(builder, feature, &id, revision);
    }
}

/// Why the devices that are in the field already can't run the feature.
fn field_lacks(builder: &Builder<'_>, feature: &Feature) -> Vec<Reason> {
    let bundle = builder.bundle;
    let revisions = bundle.records.revisions.values();
    let in_field = revisions.filter(|it| it.product == feature.product && is_in_field(it));
    let lacks = in_field.flat_map(|revision| {
        let missing = missing(bundle, feature, builder.offered(revision)).into_iter();
        missing.map(|missing| Reason::Lacks {
            revision: revision.id.clone(),
            capability: missing.capability.clone(),
            need: missing.need,
            has: missing.has,
        })
    });
    lacks.collect()
}

/// The launch waits until the revision can be sold: in each market that the feature names, or in
/// the revision's first market.
fn waits_for_hardware(
    builder: &mut Builder<'_>,
    feature: &Feature,
    launch: &ActivityId,
    revision: &RevisionId,
) {
    let sold_in = builder.bundle.records.revisions.get(revision).map(|it| it.markets.clone());
    let sold_in: Vec<MarketId> = sold_in.unwrap_or_default();
    let markets: Vec<MarketId> = if feature.markets.is_empty() {
        sold_in.first().cloned().into_iter().collect()
    } else {
        feature.markets.clone()
    };
    if markets.is_empty() {
        builder.after(launch, &hardware::units(revision));
    }
    for market in markets {
        if sold_in.contains(&market) {
            builder.after(launch, &hardware::available(revision, &market));
            continue;
        }
        let path = [Step::Key("markets".to_owned())];
        let place = builder.bundle.place(Kind::Feature, feature.id.as_str(), &path);
        let message = format!(
            "`{}` is to launch in `{market}`, where `{revision}`, which carries it, isn't sold",
            feature.id,
        );
        let help =
            format!("add `{market}` to the markets of `{revision}`, or take it from the feature");
        let diagnostic = Diagnostic::warning(Code::IncompletePlan, message);
        builder.diagnostics.push(diagnostic.at(place).help(help));
        builder.after(launch, &hardware::units(revision));
    }
}

fn cannot_launch(builder: &mut Builder<'_>, feature: &Feature) {
    let place = builder.bundle.place(Kind::Feature, feature.id.as_str(), &[]);
    let records = &builder.bundle.records;
    let unmade = records.revisions.values().find(|revision| {
        revision.product == feature.product
            && !is_in_field(revision)
            && !builder.index.contains_key(&hardware::units(&revision.id))
            && (missing(builder.bundle, feature, builder.offered(revision)).is_empty()
                || is_open(builder.bundle, builder.as_of, &builder.settled, revision))
    });
    let (why, help) = match unmade {
        Some(revision) => (
            format!("`{}` could carry it, but no MP build of it is planned", revision.id),
            format!("add a `[[build]]` of `{}` with stage = \"mp\"", revision.id),
        ),
        None => (
            "no revision in the field or to come can run it, and none has an open specification"
                .to_owned(),
            "plan a revision with what it needs, and an MP build of it".to_owned(),
        ),
    };
    let message = format!("`{}` can't launch: {why}", feature.id);
    let diagnostic = Diagnostic::warning(Code::IncompletePlan, message).at(place);
    builder.diagnostics.push(diagnostic.help(help));
}
