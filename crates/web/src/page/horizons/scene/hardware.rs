//! The hardware band: per revision its design and builds, the parts they wait for, its markets.

use std::collections::BTreeMap;

use jiff::civil::Date;
use longlead_horizon::{ActivityForecast, State};
use longlead_model::{ActivityId, Band, Build, BuildStage, Market, PartId, Revision, RevisionId};

use super::standing::worst;
use super::{Facts, Group, Item, Lane, Segment, SegmentKind, authored, rank, spread, work};

pub(super) fn groups(facts: &Facts<'_>) -> Vec<Group> {
    let mut groups: Vec<(&Revision, Group)> = facts
        .bundle
        .records
        .revisions
        .values()
        .map(|revision| (revision, group(facts, revision)))
        .filter(|(_, group)| group.lanes.iter().any(|lane| !lane.items.is_empty()))
        .collect();
    let first = |group: &Group| {
        group.lanes.iter().flat_map(|lane| &lane.items).map(Item::first).min().unwrap_or(Date::MAX)
    };
    groups.sort_by_key(|(revision, group)| (&revision.product, first(group), &revision.id));
    let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    groups.push(authored(facts, Band::Hardware, "Other hardware work"));
    groups
}

fn group(facts: &Facts<'_>, revision: &Revision) -> Group {
    let fleet = revision.fleet.as_ref().map(|fleet| fleet.units).filter(|units| *units > 0);
    Group {
        band: Band::Hardware,
        title: revision.title.clone(),
        note: fleet.map_or(String::new(), |units| format!("{} in the field", grouped(units))),
        lanes: vec![builds(facts, revision), parts(facts, revision), markets(facts, revision)],
    }
}

/// A number in groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn id(text: String) -> Option<ActivityId> {
    ActivityId::try_from(text).ok()
}

/// The builds of a revision, in the order of their stages.
fn builds_of<'a>(facts: &Facts<'a>, revision: &RevisionId) -> Vec<&'a Build> {
    let builds = facts.bundle.records.builds.values();
    let mut builds: Vec<&Build> = builds.filter(|it| &it.revision == revision).collect();
    builds.sort_by_key(|build| (build.stage, build.id.clone()));
    builds
}

fn stage_name(stage: BuildStage) -> &'static str {
    match stage {
        BuildStage::Evt => "EVT",
        BuildStage::Dvt => "DVT",
        BuildStage::Pvt => "PVT",
        BuildStage::Mp => "MP",
    }
}

fn builds(facts: &Facts<'_>, revision: &Revision) -> Lane {
    let find = |text: String| id(text).and_then(|id| facts.activity(&id));
    let mut items = Vec::new();
    if let Some(design) = find(format!("design:{}", revision.id)) {
        items.push(facts.item(design, "Specification and layout".to_owned()));
    }
    for build in builds_of(facts, &revision.id) {
        let made = find(format!("build:{}", build.id));
        let tested = find(format!("test:{}", build.id));
        let label = format!("{} {}", stage_name(build.stage), grouped(build.quantity));
        match (made, tested) {
            (Some(made), Some(tested)) => items.push(made_and_tested(facts, label, made, tested)),
            (Some(made), None) => items.push(facts.item(made, label)),
            (None, Some(tested)) => {
                items.push(facts.item(tested, format!("{} test", stage_name(build.stage))));
            }
            (None, None) => {}
        }
    }
    Lane {
        id: format!("builds-{}", revision.id),
        title: "Builds".to_owned(),
        items,
        can_open: false,
    }
}

/// A build with its validation, as one item.
fn made_and_tested(
    facts: &Facts<'_>,
    label: String,
    made: &ActivityForecast,
    tested: &ActivityForecast,
) -> Item {
    let mut item = facts.item(made, label);
    item.segments.push(Segment { kind: SegmentKind::Next, ..work(tested) });
    item.spread = spread(tested);
    item.finish = tested.finish_p50;
    item.covers.push(tested.id.clone());
    item.state = worst([made, tested].into_iter().map(|it| facts.standings.state(it)));
    facts.tell(&mut item, &format!("{}, validated", made.title));
    item.rank = rank(&item, made.criticality.max(tested.criticality), tested.finished);
    item
}

/// Buying, as one item per build that names the part which comes last; part by part where the
/// reader asks.
fn parts(facts: &Facts<'_>, revision: &Revision) -> Lane {
    let lane = format!("parts-{}", revision.id);
    let is_open = facts.view.detail.as_deref() == Some(lane.as_str());
    let mut items = Vec::new();
    for build in builds_of(facts, &revision.id) {
        let bought: Vec<(&str, &ActivityForecast)> =
            facts.derived("procure", build.id.as_str()).collect();
        if is_open {
            items.extend(bought.iter().map(|(part, activity)| {
                let label = format!("{} for {}", part_name(facts, part), stage_name(build.stage));
                facts.item(activity, label)
            }));
        } else if let Some(item) = kit(facts, build, &bought) {
            items.push(item);
        }
    }
    Lane { id: lane, title: "Long-lead parts".to_owned(), items, can_open: true }
}

fn part_name<'a>(facts: &Facts<'a>, part: &'a str) -> &'a str {
    let part_of = PartId::try_from(part).ok().and_then(|id| facts.bundle.records.parts.get(&id));
    part_of.map_or(part, |it| it.mpn.as_deref().unwrap_or(&it.title))
}

/// All parts of a build as one item; the part that holds it up longest tells it.
fn kit(facts: &Facts<'_>, build: &Build, bought: &[(&str, &ActivityForecast)]) -> Option<Item> {
    let last = bought.iter().max_by(|(_, a), (_, b)| {
        let by_date = |it: &ActivityForecast| (it.finish_p50, it.finish_p80);
        by_date(a).cmp(&by_date(b)).then_with(|| b.id.cmp(&a.id))
    });
    let (part, last) = last?;
    let others = bought.len() - 1;
    let name = part_name(facts, part);
    let stage = stage_name(build.stage);
    let label = match others {
        0 => format!("{name} for {stage}"),
        _ => format!("{name} + {others} for {stage}"),
    };
    let mut item = facts.item(last, label);
    let first = bought.iter().map(|(_, it)| it.start_p50).min();
    if let (Some(segment), Some(first)) = (item.segments.first_mut(), first) {
        segment.from = segment.from.min(first);
    }
    item.covers = bought.iter().map(|(_, it)| it.id.clone()).collect();
    item.state = worst(bought.iter().map(|(_, it)| facts.standings.state(it)));
    let criticality = bought.iter().map(|(_, it)| it.criticality).fold(0.0, f64::max);
    let title = match others {
        0 => last.title.clone(),
        1 => format!("{}, which comes after one other part", last.title),
        _ => format!("{}, the last of {} parts to come", last.title, bought.len()),
    };
    facts.tell(&mut item, &title);
    item.rank = rank(&item, criticality, item.state == State::Done);
    Some(item)
}

/// Each market: its certificates, then shipping, then the day on which devices are on sale.
fn markets(facts: &Facts<'_>, revision: &Revision) -> Lane {
    let lane = format!("markets-{}", revision.id);
    let is_open = facts.view.detail.as_deref() == Some(lane.as_str());
    let certify: BTreeMap<&str, &ActivityForecast> =
        facts.derived("certify", revision.id.as_str()).collect();
    let records = &facts.bundle.records;
    let mut items = Vec::new();
    let mut seen = Vec::new();
    for market in revision.markets.iter().filter_map(|id| records.markets.get(id)) {
        if seen.contains(&&market.id) {
            continue;
        }
        seen.push(&market.id);
        let demanded = market.regimes.iter().filter_map(|id| certify.get(id.as_str()).copied());
        items.extend(entry(facts, revision, market, &demanded.collect::<Vec<_>>()));
    }
    if is_open {
        for (regime, activity) in &certify {
            let title = records.regimes.get(*regime).map_or(*regime, |it| it.title.as_str());
            items.push(facts.item(activity, title.to_owned()));
        }
    }
    Lane { id: lane, title: "Markets".to_owned(), items, can_open: !certify.is_empty() }
}

fn entry(
    facts: &Facts<'_>,
    revision: &Revision,
    market: &Market,
    certify: &[&ActivityForecast],
) -> Option<Item> {
    let find = |verb: &str| {
        id(format!("{verb}:{}:{}", revision.id, market.id)).and_then(|id| facts.activity(&id))
    };
    let (approve, ship, available) = (find("approve"), find("ship"), find("available"));
    let end = available.or(approve)?;
    let mut item = facts.item(end, market.title.clone());
    let last = certify.iter().map(|it| it.finish_p50).max();
    if let (Some(from), Some(to)) = (certify.iter().map(|it| it.start_p50).min(), last) {
        item.segments.push(Segment {
            kind: SegmentKind::Work,
            from,
            to: approve.map_or(to, |it| it.finish_p50.max(to)),
            label: String::new(),
        });
    }
    item.segments.extend(ship.map(|it| Segment { kind: SegmentKind::Next, ..work(it) }));
    let parts = certify.iter().copied().chain(approve).chain(ship);
    item.covers.extend(parts.clone().map(|it| it.id.clone()));
    item.covers.dedup();
    if end.finished {
        item.state = State::Done;
    } else {
        let states = parts.clone().chain([end]).filter(|it| !it.finished);
        item.state = worst(states.map(|it| facts.standings.state(it)));
    }
    let criticality = parts.map(|it| it.criticality).fold(end.criticality, f64::max);
    let title = match certify.len() {
        0 => end.title.clone(),
        1 => format!("{}, after one certificate", end.title),
        many => format!("{}, after {many} certificates", end.title),
    };
    facts.tell(&mut item, &title);
    item.rank = rank(&item, criticality, end.finished).max(40);
    Some(item)
}
