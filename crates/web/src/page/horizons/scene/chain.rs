//! What hangs together: ties to draw, and for each node all that leads to it or follows from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use longlead_horizon::{Carrier, Derivation};
use longlead_model::ActivityId;
use serde::Serialize;

use super::{Facts, Item, Mark, Scene, Tie, TieKind};

/// The nodes that a chain tells, in each direction: the nearest ones.
const CHAIN_MAX: usize = 100;

/// Ties that follow one another are for pointing at; more of them would only be heavy.
const PRECEDENCE_MAX: usize = 500;

/// The item that stands for each activity.
fn standing_for(scene: &Scene) -> BTreeMap<&str, &str> {
    let pairs = scene.items().flat_map(|(_, item)| {
        item.covers.iter().map(|activity| (activity.as_str(), item.id.as_str()))
    });
    let mut standing = BTreeMap::new();
    for (activity, item) in pairs {
        // An item of its own tells an activity better than one that it is part of.
        let place = standing.entry(activity).or_insert(item);
        if activity == item {
            *place = item;
        }
    }
    standing
}

/// Links of the network that follow from facts or were written: without those that levelling
/// added, which say nothing about the product.
fn links(derivation: &Derivation) -> impl Iterator<Item = (&ActivityId, &ActivityId)> {
    let links = derivation.network.links.iter().zip(&derivation.links);
    links.filter_map(|(link, _)| {
        Some((&derivation.node(link.from)?.id, &derivation.node(link.to)?.id))
    })
}

/// What is drawn between items.
pub(super) fn ties(facts: &Facts<'_>, scene: &Scene) -> Vec<Tie> {
    let standing = standing_for(scene);
    let mut ties = BTreeSet::new();
    for mark in &scene.decisions {
        for gate in &mark.gates {
            if let Some(item) = standing.get(gate.as_str()) {
                ties.insert(Tie {
                    kind: TieKind::Gates,
                    from: mark.node.clone(),
                    to: (*item).to_owned(),
                    told: mark.label.clone(),
                });
            }
        }
    }
    let mut precedence = 0;
    for (from, to) in links(facts.derivation) {
        let ends = standing.get(from.as_str()).zip(standing.get(to.as_str()));
        let Some((start, end)) = ends.filter(|(start, end)| start != end) else {
            continue;
        };
        let carried = to.as_str().strip_prefix("launch:").filter(|_| is_hardware(from));
        let kind = if carried.is_some() { TieKind::Carries } else { TieKind::Precedes };
        if kind == TieKind::Precedes {
            precedence += 1;
            if precedence > PRECEDENCE_MAX {
                continue;
            }
        }
        let told = carried.map_or(String::new(), |feature| carries(facts, feature));
        ties.insert(Tie { kind, from: (*start).to_owned(), to: (*end).to_owned(), told });
    }
    ties.into_iter().collect()
}

fn is_hardware(id: &ActivityId) -> bool {
    id.as_str().starts_with("available:") || id.as_str().starts_with("units:")
}

/// The capabilities for whose sake a feature waits for hardware: those that devices in the field
/// lack.
fn carries(facts: &Facts<'_>, feature: &str) -> String {
    let records = &facts.bundle.records;
    let Some(feature) = records.features.get(feature) else {
        return String::new();
    };
    let lacking: BTreeSet<&str> = facts
        .forecast
        .coverage
        .iter()
        .filter(|it| it.feature == feature.id && !it.supported)
        .filter(|it| {
            let revision = records.revisions.get(&it.revision);
            revision.is_some_and(|it| it.fleet.as_ref().is_some_and(|fleet| fleet.units > 0))
        })
        .flat_map(|it| &it.missing)
        .map(|it| {
            records.capabilities.get(&it.capability).map_or(it.capability.as_str(), |it| &it.title)
        })
        .collect();
    let supposed = match facts.derivation.carriers.get(&feature.id) {
        Some(Carrier::Supposed { .. }) => "; supposed, nobody has planned it",
        _ => "",
    };
    let names: Vec<&str> = lacking.into_iter().collect();
    let needs =
        if names.is_empty() { "hardware that is on sale".to_owned() } else { names.join(", ") };
    format!("{} needs {needs}{supposed}", feature.title)
}

/// For each node that is shown, the others of its chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Chains {
    /// Items and decisions by their ids.
    pub(crate) nodes: Vec<String>,
    /// Of each of these, the places of those that lead to it or follow from it.
    pub(crate) chains: Vec<Vec<usize>>,
}

/// What leads to each item and decision that is shown, and what follows from it.
pub(crate) fn chains(derivation: &Derivation, scene: &Scene, shown: &BTreeSet<&str>) -> Chains {
    let is_shown = |node: &str| shown.contains(node);
    let items: Vec<&Item> =
        scene.items().map(|(_, item)| item).filter(|it| is_shown(&it.id)).collect();
    let marks: Vec<&Mark> = scene.decisions.iter().filter(|it| is_shown(&it.node)).collect();
    let graph = Graph::of(derivation, &items);
    let gated = |mark: &Mark| graph.numbers(&mark.gates);
    let gated_items: Vec<BTreeSet<usize>> = marks
        .iter()
        .map(|mark| gated(mark).iter().filter_map(|at| graph.item_of(*at)).collect())
        .collect();
    let of_item = |(own, item): (usize, &&Item)| {
        let start = graph.numbers(&item.covers);
        let mut chain = graph.reached(&start, &graph.before);
        chain.extend(graph.reached(&start, &graph.after));
        chain.insert(own);
        let decided =
            gated_items.iter().enumerate().filter(|(_, gated)| !gated.is_disjoint(&chain));
        let decided: Vec<usize> = decided.map(|(at, _)| items.len() + at).collect();
        chain.extend(decided);
        chain.remove(&own);
        chain.into_iter().collect()
    };
    let of_mark = |mark: &&Mark| {
        graph.reached(&gated(mark), &graph.after).into_iter().collect::<Vec<usize>>()
    };
    let ids = items.iter().map(|it| it.id.clone()).chain(marks.iter().map(|it| it.node.clone()));
    Chains {
        nodes: ids.collect(),
        chains: items.iter().enumerate().map(of_item).chain(marks.iter().map(of_mark)).collect(),
    }
}

/// The network's links by the places of its activities, and the item that each belongs to.
struct Graph<'a> {
    derivation: &'a Derivation,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    items: Vec<Option<usize>>,
    items_count: usize,
}

impl<'a> Graph<'a> {
    fn of(derivation: &'a Derivation, items: &[&Item]) -> Graph<'a> {
        let count = derivation.nodes.len();
        let mut graph = Graph {
            derivation,
            before: vec![Vec::new(); count],
            after: vec![Vec::new(); count],
            items: vec![None; count],
            items_count: items.len(),
        };
        // Links that levelling added have no origin, and say nothing about the product.
        for (link, _) in derivation.network.links.iter().zip(&derivation.links) {
            let (from, to) = (link.from.index(), link.to.index());
            if let Some(before) = graph.before.get_mut(to) {
                before.push(from);
            }
            if let Some(after) = graph.after.get_mut(from) {
                after.push(to);
            }
        }
        for (number, item) in items.iter().enumerate() {
            for (at, id) in graph.numbers(&item.covers).into_iter().zip(&item.covers) {
                // An item of its own tells an activity better than one that it is part of.
                if let Some(place) = graph.items.get_mut(at)
                    && (place.is_none() || id.as_str() == item.id)
                {
                    *place = Some(number);
                }
            }
        }
        graph
    }

    fn numbers(&self, activities: &[ActivityId]) -> Vec<usize> {
        let found = activities.iter().filter_map(|id| self.derivation.index.get(id));
        found.map(|index| index.index()).collect()
    }

    fn item_of(&self, activity: usize) -> Option<usize> {
        self.items.get(activity).copied().flatten()
    }

    /// The items that can be reached one way, the nearest first, as many as are told.
    fn reached(&self, start: &[usize], edges: &[Vec<usize>]) -> BTreeSet<usize> {
        let mut queue: VecDeque<usize> = start.iter().copied().collect();
        let mut seen = vec![false; edges.len()];
        let mut is_told = vec![false; self.items_count];
        let mut reached = BTreeSet::new();
        while let Some(activity) = queue.pop_front() {
            if reached.len() >= CHAIN_MAX {
                break;
            }
            if let Some(item) = self.item_of(activity)
                && let Some(told) = is_told.get_mut(item)
                && !std::mem::replace(told, true)
            {
                reached.insert(item);
            }
            for next in edges.get(activity).into_iter().flatten() {
                if let Some(seen) = seen.get_mut(*next)
                    && !std::mem::replace(seen, true)
                {
                    queue.push_back(*next);
                }
            }
        }
        reached
    }
}
