//! Design, builds, certificates and shipping of each revision.

use std::collections::{BTreeMap, BTreeSet};

use longlead_model::{
    ActivityId, Band, Build, BuildId, BuildStage, CapabilityId, Certificate, Code, Diagnostic,
    Kind, Market, MarketId, Regime, RegimeId, Revision,
};
use longlead_network::ConstraintKind;

use crate::capability::Offered;
use crate::derive::builder::{Builder, ELAPSED, Facets, NewNode, derived};
use crate::derive::{Role, is_in_field, supply};
use crate::reason::Reason;

/// Ids of derived hardware activities.
pub(crate) mod ids {
    use longlead_model::{ActivityId, BuildId, MarketId, PartId, RegimeId, RevisionId};

    pub(crate) fn design(revision: &RevisionId) -> ActivityId {
        ActivityId::derived("design", &[revision.as_str()])
    }
    pub(crate) fn procure(build: &BuildId, part: &PartId) -> ActivityId {
        ActivityId::derived("procure", &[build.as_str(), part.as_str()])
    }
    pub(crate) fn build(build: &BuildId) -> ActivityId {
        ActivityId::derived("build", &[build.as_str()])
    }
    pub(crate) fn test(build: &BuildId) -> ActivityId {
        ActivityId::derived("test", &[build.as_str()])
    }
    pub(crate) fn certify(revision: &RevisionId, regime: &RegimeId) -> ActivityId {
        ActivityId::derived("certify", &[revision.as_str(), regime.as_str()])
    }
    pub(crate) fn approve(revision: &RevisionId, market: &MarketId) -> ActivityId {
        ActivityId::derived("approve", &[revision.as_str(), market.as_str()])
    }
    pub(crate) fn units(revision: &RevisionId) -> ActivityId {
        ActivityId::derived("units", &[revision.as_str()])
    }
    pub(crate) fn ship(revision: &RevisionId, market: &MarketId) -> ActivityId {
        ActivityId::derived("ship", &[revision.as_str(), market.as_str()])
    }
    pub(crate) fn available(revision: &RevisionId, market: &MarketId) -> ActivityId {
        ActivityId::derived("available", &[revision.as_str(), market.as_str()])
    }
}

pub(super) fn derive(builder: &mut Builder<'_>) {
    let bundle = builder.bundle;
    for revision in bundle.records.revisions.values() {
        let mut builds: Vec<&Build> =
            bundle.records.builds.values().filter(|it| it.revision == revision.id).collect();
        builds.sort_by_key(|build| (build.stage, build.id.clone()));
        settle(builder, revision, &builds);
        design(builder, revision);
        self::builds(builder, revision, &builds);
        certify(builder, revision, &builds);
        ship(builder, revision, &builds);
    }
}

/// What is past although nobody recorded it: whatever comes before a build that has begun, or
/// before devices that are in the field.
fn settle(builder: &mut Builder<'_>, revision: &Revision, builds: &[&Build]) {
    let actuals = &builder.bundle.records.actuals;
    let begun = builds.iter().filter(|build| {
        actuals.contains_key(ids::build(&build.id).as_str())
            || actuals.contains_key(ids::test(&build.id).as_str())
    });
    let last_begun = begun.map(|build| build.stage).max();
    let in_field = is_in_field(revision);
    let reached = if in_field { Some(BuildStage::Mp) } else { last_begun };
    let Some(reached) = reached else { return };
    let mut past = vec![ids::design(&revision.id)];
    for build in builds.iter().filter(|build| build.stage < reached) {
        past.extend([ids::build(&build.id), ids::test(&build.id)]);
    }
    // What was tested was built.
    let tested = builds.iter().filter(|it| actuals.contains_key(ids::test(&it.id).as_str()));
    past.extend(tested.map(|build| ids::build(&build.id)));
    if in_field {
        past.push(ids::units(&revision.id));
        let markets: BTreeSet<&MarketId> = revision.markets.iter().collect();
        for market in markets.into_iter().filter(|it| is_sold(builder, revision, it)) {
            let (ship, available) =
                (ids::ship(&revision.id, market), ids::available(&revision.id, market));
            past.extend([ids::approve(&revision.id, market), ship, available]);
            let regimes = builder.bundle.records.markets.get(market).map(|it| &it.regimes);
            past.extend(regimes.into_iter().flatten().map(|it| ids::certify(&revision.id, it)));
        }
    }
    let unrecorded = past.into_iter().filter(|id| !actuals.contains_key(id.as_str()));
    builder.settled.extend(unrecorded);
}

/// True if a revision that is in the field is sold in the market already: it has all certificates
/// that the market demands, or nobody keeps its certificates here.
fn is_sold(builder: &Builder<'_>, revision: &Revision, market: &MarketId) -> bool {
    let records = &builder.bundle.records;
    if !records.certificates.values().any(|it| it.revision == revision.id) {
        return true;
    }
    let offered = builder.offered(revision);
    let demanded = records.markets.get(market).into_iter().flat_map(|market| &market.regimes);
    let mut applying =
        demanded.filter_map(|id| records.regimes.get(id)).filter(|it| applies(it, offered));
    applying.all(|regime| certified(builder, revision, regime).is_some())
}

fn design(builder: &mut Builder<'_>, revision: &Revision) {
    let id = ids::design(&revision.id);
    let Some(work) = revision.design.as_ref().filter(|_| !builder.settled.contains(&id)) else {
        // Links to the design of a revision that needs none lead nowhere, harmlessly.
        builder.settled.insert(id);
        return;
    };
    let title = format!("{}: specification and layout", revision.title);
    let mut node = derived(id, title, Role::Design, Band::Hardware);
    if let Some(on) = revision.specification_freeze {
        node.because.push(Reason::Freezes { revision: revision.id.clone(), on });
    }
    let facets = Facets { revision: Some(revision.id.clone()), ..Facets::default() };
    let index = builder.add_work(node, work, facets);
    builder.constrain(index, ConstraintKind::StartNoEarlierThan, revision.specification_freeze);
}

/// What a build waits for besides its parts: the builds of the last stage before it.
fn stage_before<'a>(build: &Build, builds: &[&'a Build]) -> Vec<&'a Build> {
    let before = builds.iter().filter(|other| other.stage < build.stage);
    let stage = before.map(|other| other.stage).max();
    builds.iter().filter(|other| Some(other.stage) == stage).copied().collect()
}

fn builds(builder: &mut Builder<'_>, revision: &Revision, builds: &[&Build]) {
    for build in builds {
        let before = stage_before(build, builds);
        let id = ids::build(&build.id);
        if builder.settled.contains(&id) {
            settle_procurement(builder, revision, build);
            // A test that is under way goes on although its build is past.
            if builder.bundle.records.actuals.contains_key(ids::test(&build.id).as_str()) {
                test(builder, revision, build, Facets::default());
            }
            continue;
        }
        let title =
            format!("{} {}: build {}", revision.title, stage_name(build.stage), build.quantity);
        let mut node = derived(id.clone(), title, Role::Build, Band::Hardware);
        node.because.push(Reason::BuildOrder {
            build: build.id.clone(),
            stage: stage_name(build.stage).to_owned(),
            quantity: build.quantity,
            after: before.first().map(|before| stage_name(before.stage).to_owned()),
        });
        let facets = Facets {
            revision: Some(revision.id.clone()),
            supplier: build.supplier.clone(),
            ..Facets::default()
        };
        let index = builder.add_work(node, &build.work, facets.clone());
        builder.constrain(index, ConstraintKind::StartNoEarlierThan, build.start_no_earlier_than);
        builder.after(&id, &ids::design(&revision.id));
        for before in &before {
            builder.after(&id, &last_of(before));
        }
        test(builder, revision, build, facets);
        if is_begun(builder, &build.id) {
            settle_procurement(builder, revision, build);
        } else {
            supply::procure(builder, revision, build, &before);
        }
    }
}

fn is_begun(builder: &Builder<'_>, build: &BuildId) -> bool {
    builder.bundle.records.actuals.contains_key(ids::build(build).as_str())
}

fn settle_procurement(builder: &mut Builder<'_>, revision: &Revision, build: &Build) {
    let parts = builder.supply.parts(&revision.id);
    let past: Vec<ActivityId> = parts.map(|part| ids::procure(&build.id, part)).collect();
    builder.settled.extend(past);
}

/// The last activity of a build: its test, if it has one.
fn last_of(build: &Build) -> ActivityId {
    if build.test.is_some() { ids::test(&build.id) } else { ids::build(&build.id) }
}

fn test(builder: &mut Builder<'_>, revision: &Revision, build: &Build, facets: Facets) {
    let Some(work) = &build.test else { return };
    let id = ids::test(&build.id);
    let title = format!("{} {}: validate", revision.title, stage_name(build.stage));
    let node = derived(id.clone(), title, Role::Test, Band::Hardware);
    // The contract manufacturer builds; it doesn't validate.
    builder.add_work(node, work, Facets { supplier: None, ..facets });
    builder.after(&id, &ids::build(&build.id));
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

fn certify<'a>(builder: &mut Builder<'a>, revision: &'a Revision, builds: &[&Build]) {
    let bundle = builder.bundle;
    let records = &bundle.records;
    let offered = builder.offered(revision).clone();
    let mut demanded: BTreeMap<&RegimeId, (&Regime, Vec<&Market>)> = BTreeMap::new();
    for market in markets(builder, revision) {
        for regime in market.regimes.iter().filter_map(|id| records.regimes.get(id)) {
            if applies(regime, &offered) {
                let entry = demanded.entry(&regime.id).or_insert((regime, Vec::new()));
                entry.1.push(market);
            }
        }
    }
    let mut pending = BTreeSet::new();
    for (regime, markets) in demanded.into_values() {
        let id = ids::certify(&revision.id, &regime.id);
        if certified(builder, revision, regime).is_some() {
            builder.settled.insert(id);
        } else if !builder.settled.contains(&id) {
            pending.insert(regime.id.clone());
            certification(builder, revision, (regime, &markets, &offered), builds);
        }
    }
    for market in markets(builder, revision) {
        let id = ids::approve(&revision.id, &market.id);
        if builder.settled.contains(&id) {
            continue;
        }
        let title = format!("{}: approved for {}", revision.title, market.title);
        let mut node = derived(id.clone(), title, Role::Approve, Band::Hardware);
        let regimes = market.regimes.iter().filter_map(|it| records.regimes.get(it));
        let held = regimes.filter_map(|regime| certified(builder, revision, regime));
        node.because.extend(held.map(|certificate| Reason::Certified {
            certificate: certificate.id.clone(),
            expires: certificate.expires,
        }));
        let needed: Vec<_> = market.regimes.iter().filter(|it| pending.contains(*it)).collect();
        if needed.is_empty() {
            // All its certificates hold already.
            builder.settled.insert(id);
            continue;
        }
        builder.add_milestone(node, Facets::default());
        for regime in needed {
            builder.after(&id, &ids::certify(&revision.id, regime));
        }
    }
}

/// The markets of a revision, each once, in the order in which they are written.
fn markets<'a>(builder: &Builder<'a>, revision: &'a Revision) -> Vec<&'a Market> {
    let mut seen = BTreeSet::new();
    let named = revision.markets.iter().filter(|id| seen.insert(*id));
    named.filter_map(|id| builder.bundle.records.markets.get(id)).collect()
}

/// A regime applies to everything, or to what has one of the capabilities that it names.
fn applies(regime: &Regime, offered: &Offered) -> bool {
    regime.applies_to.is_empty()
        || regime.applies_to.iter().any(|it| offered.levels.contains_key(it))
}

/// The certificate of the revision under the regime that holds on the as-of day.
fn certified<'a>(
    builder: &Builder<'a>,
    revision: &Revision,
    regime: &Regime,
) -> Option<&'a Certificate> {
    builder.bundle.records.certificates.values().find(|certificate| {
        certificate.revision == revision.id
            && certificate.regime == regime.id
            && certificate.issued <= builder.as_of
            && certificate.expires.is_none_or(|expires| expires >= builder.as_of)
    })
}

fn certification(
    builder: &mut Builder<'_>,
    revision: &Revision,
    (regime, markets, offered): (&Regime, &[&Market], &Offered),
    builds: &[&Build],
) {
    let id = ids::certify(&revision.id, &regime.id);
    let title = format!("{}: certify {}", revision.title, regime.title);
    let mut node = derived(id.clone(), title, Role::Certify, Band::Hardware);
    let by = regime.applies_to.iter().filter(|it| offered.levels.contains_key(*it));
    let by: Vec<CapabilityId> = by.cloned().collect();
    for market in markets {
        node.because.push(Reason::Demanded {
            market: market.id.clone(),
            regime: regime.id.clone(),
            revision: revision.id.clone(),
            by: by.clone(),
        });
    }
    let facets = Facets { regime: Some(regime.id.clone()), ..Facets::default() };
    builder.add_work(node, &regime.work, facets);
    let boards = builds.iter().find(|build| build.stage >= regime.boards);
    match boards {
        Some(build) => builder.after(&id, &ids::build(&build.id)),
        // Boards of a revision in the field can be had.
        None if is_in_field(revision) => {}
        None => {
            let place = builder.bundle.place(Kind::Revision, revision.id.as_str(), &[]);
            let message = format!(
                "{} must be certified under `{}`, which tests {} boards or later, but no such \
                 build is planned",
                revision.title,
                regime.id,
                stage_name(regime.boards),
            );
            let help = format!("add a `[[build]]` of `{}` at that stage", revision.id);
            let diagnostic = Diagnostic::warning(Code::IncompletePlan, message);
            builder.diagnostics.push(diagnostic.at(place).help(help));
        }
    }
}

/// First units, shipping to each market, and the day on which devices can be sold there.
fn ship<'a>(builder: &mut Builder<'a>, revision: &'a Revision, builds: &[&Build]) {
    let units = ids::units(&revision.id);
    // Which of several MP builds comes first is what their dates say; ids only break ties.
    let production = builds.iter().filter(|build| build.stage == BuildStage::Mp);
    let first = production.min_by_key(|build| {
        let actual = builder.bundle.records.actuals.get(ids::build(&build.id).as_str());
        let happened = actual.and_then(|actual| actual.finished.or(actual.started));
        // What has happened comes before what is only planned, dated or not.
        (happened.is_none(), happened.or(build.start_no_earlier_than), build.id.clone())
    });
    let Some(build) = first else { return };
    if !builder.settled.contains(&units) {
        let title = format!("{}: first units", revision.title);
        let node = derived(units.clone(), title, Role::Units, Band::Hardware);
        builder.add_milestone(node, Facets::default());
        builder.after(&units, &ids::build(&build.id));
    }
    for market in markets(builder, revision) {
        let available = ids::available(&revision.id, &market.id);
        if builder.settled.contains(&available) {
            continue;
        }
        let title = format!("{}: on sale in {}", revision.title, market.title);
        let node = derived(available.clone(), title, Role::Available, Band::Hardware);
        builder.add_milestone(node, Facets::default());
        builder.after(&available, &ids::approve(&revision.id, &market.id));
        match shipping(builder, revision, market) {
            Some(ship) => {
                builder.after(&ship, &units);
                builder.after(&available, &ship);
            }
            None => builder.after(&available, &units),
        }
    }
}

fn shipping(builder: &mut Builder<'_>, revision: &Revision, market: &Market) -> Option<ActivityId> {
    let time = market.shipping.as_ref()?;
    let id = ids::ship(&revision.id, &market.id);
    let title = format!("{}: ship to {}", revision.title, market.title);
    let mut node = derived(id.clone(), title, Role::Ship, Band::Hardware);
    node.because.push(Reason::Shipped { market: market.id.clone(), time: time.to_string() });
    let estimate = builder.estimate(time, ELAPSED);
    builder.add(NewNode { derived: node, calendar: ELAPSED, estimate, facets: Facets::default() });
    Some(id)
}
