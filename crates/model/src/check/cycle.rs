//! Records that come after one another must not come after themselves.

use std::collections::BTreeMap;

use crate::bundle::Bundle;
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::Kind;
use crate::record::{Bound, LinkKind};

type Graph<'a> = BTreeMap<&'a str, Vec<&'a str>>;

pub(super) fn check(bundle: &Bundle) -> Vec<Diagnostic> {
    let records = &bundle.records;
    let mut diagnostics = Vec::new();
    let mut tell = |kind: Kind, verb: &str, graph: &Graph<'_>| {
        if let Some(cycle) = find(graph) {
            diagnostics.push(describe(bundle, kind, verb, &cycle));
        }
    };
    let follows = records.revisions.values().map(|revision| {
        (revision.id.as_str(), revision.follows.iter().map(|id| id.as_str()).collect())
    });
    tell(Kind::Revision, "follows", &follows.collect());
    let features = records
        .features
        .values()
        .map(|feature| (feature.id.as_str(), feature.after.iter().map(|id| id.as_str()).collect()));
    tell(Kind::Feature, "comes after", &features.collect());
    let releases = records
        .releases
        .values()
        .map(|release| (release.id.as_str(), release.after.iter().map(|id| id.as_str()).collect()));
    tell(Kind::Release, "comes after", &releases.collect());
    let calendars = records.calendars.values().map(|calendar| {
        (calendar.id.as_str(), calendar.extends.iter().map(|id| id.as_str()).collect())
    });
    tell(Kind::Calendar, "extends", &calendars.collect());
    tell(Kind::Activity, "comes after", &authored_order(bundle));
    diagnostics
}

/// The order of authored activities and milestones: `after`, and links that start after a finish.
fn authored_order(bundle: &Bundle) -> Graph<'_> {
    let records = &bundle.records;
    let mut graph = Graph::new();
    for activity in records.activities.values() {
        let before = activity.after.iter().map(|id| id.as_str());
        graph.entry(activity.id.as_str()).or_default().extend(before);
    }
    for milestone in records.milestones.values() {
        let before = milestone.after.iter().map(|id| id.as_str());
        graph.entry(milestone.id.as_str()).or_default().extend(before);
    }
    for link in records.links.values() {
        if link.kind == LinkKind::FinishToStart && link.bound == Bound::Minimum {
            graph.entry(link.to.as_str()).or_default().push(link.from.as_str());
        }
    }
    graph
}

/// A cycle in the order in which it is walked, its first name again at the end.
fn find<'a>(graph: &Graph<'a>) -> Option<Vec<&'a str>> {
    let mut done: BTreeMap<&str, bool> = BTreeMap::new();
    for start in graph.keys() {
        if done.contains_key(start) {
            continue;
        }
        // An explicit stack: a hostile bundle can chain more records than the call stack holds.
        let mut path: Vec<(&'a str, usize)> = vec![(start, 0)];
        done.insert(start, false);
        while let Some((node, next)) = path.last_mut() {
            let neighbour = graph.get(*node).and_then(|list| list.get(*next)).copied();
            *next += 1;
            let Some(neighbour) = neighbour else {
                done.insert(node, true);
                path.pop();
                continue;
            };
            match done.get(neighbour) {
                Some(true) => {}
                Some(false) => {
                    let from = path.iter().position(|(node, _)| *node == neighbour)?;
                    let names = path.get(from..)?.iter().map(|(node, _)| *node);
                    return Some(names.chain([neighbour]).collect());
                }
                None => {
                    done.insert(neighbour, false);
                    path.push((neighbour, 0));
                }
            }
        }
    }
    None
}

fn describe(bundle: &Bundle, kind: Kind, verb: &str, cycle: &[&str]) -> Diagnostic {
    let walk: Vec<String> = cycle.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("{}s form a circle: {}", kind.word(), walk.join(&format!(" {verb} ")),);
    let place_of = |name: &str| {
        let kinds = [kind, Kind::Milestone];
        kinds.into_iter().find_map(|kind| bundle.place(kind, name, &[]))
    };
    let mut diagnostic = Diagnostic::error(Code::Cycle, message)
        .at(cycle.first().and_then(|name| place_of(name)))
        .help("take one of these steps away");
    for name in cycle.iter().skip(1).take(8) {
        diagnostic = diagnostic.related(place_of(name), format!("`{name}` stands here"));
    }
    diagnostic
}
