//! The software band: releases, and the features of each product with their launches.

use longlead_horizon::{ActivityForecast, Carrier, MilestoneForecast, State};
use longlead_model::{ActivityId, Band, Feature, Product, RevisionId};

use super::{Facts, Group, Item, Lane, Segment, SegmentKind, aim, authored, rank};
use crate::page::horizons::view::days_between;

pub(super) fn groups(facts: &Facts<'_>) -> Vec<Group> {
    let records = &facts.bundle.records;
    let mut groups = vec![releases(facts)];
    groups.extend(records.products.values().map(|product| features(facts, product)));
    groups.push(authored(facts, Band::Software, "Other software work"));
    groups
}

fn releases(facts: &Facts<'_>) -> Group {
    let releases = facts.bundle.records.releases.values();
    let items = releases.filter_map(|release| {
        let id = ActivityId::derived("release", &[release.id.as_str()]);
        Some(facts.item(facts.activity(&id)?, release.title.clone()))
    });
    let lane = Lane {
        id: "releases".to_owned(),
        title: String::new(),
        items: items.collect(),
        can_open: false,
    };
    Group {
        band: Band::Software,
        title: "Releases".to_owned(),
        note: String::new(),
        lanes: vec![lane],
    }
}

fn features(facts: &Facts<'_>, product: &Product) -> Group {
    let features = facts.bundle.records.features.values();
    let of_product = features.filter(|it| it.product == product.id);
    let lane = Lane {
        id: format!("features-{}", product.id),
        title: String::new(),
        items: of_product.filter_map(|feature| item(facts, feature)).collect(),
        can_open: false,
    };
    Group {
        band: Band::Software,
        title: product.title.clone(),
        note: String::new(),
        lanes: vec![lane],
    }
}

/// A feature: its development, the wait for the hardware that carries it, its launch.
fn item(facts: &Facts<'_>, feature: &Feature) -> Option<Item> {
    let id = |verb: &str| ActivityId::derived(verb, &[feature.id.as_str()]);
    let develop = facts.activity(&id("develop"));
    let Some(launch) = facts.activity(&id("launch")) else {
        return develop.map(|it| without_launch(facts, feature, it));
    };
    let mut item = facts.item(launch, feature.title.clone());
    if let Some(develop) = develop {
        let work = super::work(develop);
        let ready = software_ready(facts, feature, develop);
        let wait = Segment {
            kind: SegmentKind::Wait,
            from: ready.tomorrow().unwrap_or(ready),
            to: item.finish,
            label: waits_for(facts, feature).unwrap_or_default(),
        };
        item.segments.push(work);
        if wait.label.is_empty() || days_between(wait.from, wait.to) < WAIT_DAYS_MIN {
            // It only waits for its release: that isn't worth a word.
        } else {
            item.segments.push(wait);
        }
        item.covers.push(develop.id.clone());
    }
    let milestone = facts.milestones.get(launch.id.as_str()).copied();
    if let Some(milestone) = milestone {
        aim(&mut item, milestone);
    }
    facts.tell(&mut item, &feature.title);
    if let Some(told) = milestone.and_then(|it| supposes(facts, it)) {
        item.told = format!("{} {told}", item.told);
    }
    let criticality = develop.map_or(0.0, |it| it.criticality).max(launch.criticality);
    item.rank = rank(&item, criticality, launch.finished);
    Some(item)
}

/// A wait shorter than this is no wait.
const WAIT_DAYS_MIN: i32 = 7;

/// The day on which the software is ready: that of its release, if it has one.
fn software_ready(
    facts: &Facts<'_>,
    feature: &Feature,
    develop: &ActivityForecast,
) -> jiff::civil::Date {
    let release = feature
        .release
        .as_ref()
        .and_then(|release| facts.activity(&ActivityId::derived("release", &[release.as_str()])));
    release.map_or(develop.finish_p50, |it| it.finish_p50.max(develop.finish_p50))
}

fn revision_name<'a>(facts: &Facts<'a>, id: &'a RevisionId) -> &'a str {
    facts.bundle.records.revisions.get(id).map_or(id.as_str(), |it| it.title.as_str())
}

/// The hardware that a launch waits for, if the reader sees it.
fn waits_for(facts: &Facts<'_>, feature: &Feature) -> Option<String> {
    match facts.derivation.carriers.get(&feature.id)? {
        Carrier::Revision { revision } | Carrier::Supposed { revision, .. } => {
            let revision = facts.bundle.records.revisions.get(revision)?;
            Some(format!("waits for {}", revision.title))
        }
        Carrier::Field { .. } | Carrier::NoHardware | Carrier::Nothing => None,
    }
}

/// What a launch supposes that nobody has planned.
fn supposes(facts: &Facts<'_>, launch: &MilestoneForecast) -> Option<String> {
    let (revision, _) = launch.supposed.first()?;
    let records = &facts.bundle.records.capabilities;
    let capabilities = launch.supposed.iter().map(|(_, capability)| capability);
    let names = capabilities.map(|it| records.get(it).map_or(it.as_str(), |it| &it.title));
    let names: Vec<&str> = names.collect();
    Some(format!(
        "Only if {} carries {}, which nobody has planned.",
        revision_name(facts, revision),
        names.join(" and "),
    ))
}

/// A feature that no hardware will ever run: only its development can be shown.
fn without_launch(facts: &Facts<'_>, feature: &Feature, develop: &ActivityForecast) -> Item {
    let mut item = facts.item(develop, feature.title.clone());
    item.state = State::Lost;
    item.note = "no hardware".to_owned();
    facts.tell(&mut item, &feature.title);
    item.told = format!("{} No hardware in the field or planned can run it.", item.told);
    item.rank = 100;
    item
}
