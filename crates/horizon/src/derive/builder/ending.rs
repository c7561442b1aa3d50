//! What can only be done when all nodes are there: links, reached milestones, correlations.

use std::collections::{BTreeMap, BTreeSet};

use longlead_model::{ActivityId, Code, CorrelationId, Diagnostic, Kind, Step};
use longlead_network as network;
use longlead_network::{ActivityIndex, At, GroupIndex, Progress};

use super::{Builder, PendingLink};
use crate::derive::{LinkOrigin, Role};

impl Builder<'_> {
    pub(super) fn connect(&mut self) -> Vec<LinkOrigin> {
        let mut origins = Vec::new();
        for link in std::mem::take(&mut self.links) {
            let stated =
                link.stated.as_ref().map(|(kind, id, path)| (*kind, id.as_str(), path.as_slice()));
            let from = self.resolve(&link.from, stated);
            let to = self.resolve(&link.to, stated);
            let (Some(from), Some(to)) = (from, to) else {
                continue;
            };
            let PendingLink { kind, lag, bound, origin, .. } = link;
            self.network.links.push(network::Link { from, to, kind, lag, bound });
            origins.push(origin);
        }
        origins
    }

    /// Tells mentions of derived activities outside links that nothing derives.
    pub(super) fn resolve_mentions(&mut self) {
        let records = &self.bundle.records;
        for decision in records.decisions.values() {
            let id = decision.id.as_str();
            for (position, gate) in decision.gates.iter().enumerate() {
                let path = [Step::Key("gates".to_owned()), Step::Index(position)];
                self.resolve(gate, Some((Kind::Decision, id, &path)));
            }
            if let Some(target) = &decision.target {
                let path = [Step::Key("target".to_owned())];
                self.resolve(target, Some((Kind::Decision, id, &path)));
            }
        }
        for criterion in records.criteria.values() {
            let path = [Step::Key("by".to_owned())];
            if let Some(by) = &criterion.by {
                self.resolve(by, Some((Kind::Criterion, criterion.id.as_str(), &path)));
            }
        }
        for actual in records.actuals.values() {
            let path = [Step::Key("id".to_owned())];
            let activity = ActivityId::from(&actual.id);
            self.resolve(&activity, Some((Kind::Actual, actual.id.as_str(), &path)));
        }
    }

    /// A point in time whose predecessors have all happened has happened with the last of them,
    /// unless something else holds it.
    pub(super) fn reach_milestones(&mut self) {
        let count = self.network.activities.len();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut held = vec![false; count];
        for link in &self.network.links {
            let (from, to) = (link.from.index(), link.to.index());
            let plain = link.kind == network::LinkKind::FinishToStart
                && link.bound == network::Bound::Minimum
                && link.lag.amount == 0.0;
            if let (Some(before), Some(after)) = (before.get_mut(to), after.get_mut(from)) {
                before.push(from);
                after.push(to);
            }
            if let Some(held) = held.get_mut(to) {
                *held |= !plain;
            }
        }
        let mut open: Vec<usize> = (0..count).collect();
        while let Some(position) = open.pop() {
            if held.get(position).is_some_and(|held| *held) {
                continue;
            }
            let reached = before.get(position).and_then(|before| self.reached(position, before));
            let Some(finish) = reached else { continue };
            if let Some(activity) = self.network.activities.get_mut(position) {
                activity.progress = Progress::Finished { start: finish, finish };
            }
            open.extend(after.get(position).into_iter().flatten());
        }
    }

    /// When the last of the predecessors of a point in time finished, if all have.
    fn reached(&self, position: usize, before: &[usize]) -> Option<At> {
        let (node, activity) = (self.nodes.get(position)?, self.network.activities.get(position)?);
        let is_point = activity.estimate == network::Estimate::Fixed(0.0)
            && (!node.role.has_work() || matches!(node.role, Role::Release | Role::Develop));
        if !is_point
            || activity.progress != Progress::NotStarted
            || !activity.constraints.is_empty()
        {
            return None;
        }
        let finishes: Option<Vec<At>> = before
            .iter()
            .map(|from| match self.network.activities.get(*from)?.progress {
                Progress::Finished { finish, .. } => Some(finish),
                _ => None,
            })
            .collect();
        finishes?.into_iter().max()
    }

    /// Everything that waits, directly or not, for what can't happen.
    pub(super) fn unreachable(&self, links: &[(ActivityId, ActivityId)]) -> BTreeSet<ActivityId> {
        let mut after: BTreeMap<&ActivityId, Vec<&ActivityId>> = BTreeMap::new();
        for (from, to) in links {
            after.entry(from).or_default().push(to);
        }
        let mut unreachable = self.impossible.clone();
        let mut open: Vec<ActivityId> = self.impossible.iter().cloned().collect();
        while let Some(id) = open.pop() {
            for to in after.get(&id).into_iter().flatten() {
                if unreachable.insert((*to).clone()) {
                    open.push((*to).clone());
                }
            }
        }
        unreachable
    }

    /// Puts activities into correlation groups; each can be in one.
    pub(super) fn correlate(&mut self) {
        let mut taken: BTreeMap<usize, CorrelationId> = BTreeMap::new();
        let mut twice: BTreeMap<(CorrelationId, CorrelationId), usize> = BTreeMap::new();
        let groups: Vec<_> = self.bundle.records.correlations.values().collect();
        for (number, group) in (0_u32..).zip(groups) {
            self.network.groups.push(network::CorrelationGroup {
                name: group.id.to_string(),
                rho: group.rho.value(),
            });
            let named: BTreeSet<ActivityIndex> = group
                .activities
                .iter()
                .filter_map(|id| {
                    self.resolve(id, Some((Kind::Correlation, group.id.as_str(), &[])))
                })
                .collect();
            for (position, facets) in self.facets.iter().enumerate() {
                let hit = named.contains(&ActivityIndex::new(position as u32))
                    || facets.supplier.as_ref().is_some_and(|it| group.suppliers.contains(it))
                    || facets.teams.iter().any(|team| group.teams.contains(team));
                if !hit {
                    continue;
                }
                if let Some(first) = taken.get(&position) {
                    twice.entry((first.clone(), group.id.clone())).or_insert(position);
                    continue;
                }
                taken.insert(position, group.id.clone());
                if let Some(activity) = self.network.activities.get_mut(position) {
                    activity.group = Some(GroupIndex::new(number));
                }
            }
        }
        for ((first, second), position) in twice {
            self.in_two_groups(&first, &second, position);
        }
    }

    /// Tells once for each pair of groups that they share activities.
    fn in_two_groups(&mut self, first: &CorrelationId, second: &CorrelationId, position: usize) {
        let Some(node) = self.nodes.get(position) else { return };
        let message = format!(
            "`{}` is in the correlation groups `{first}` and `{second}`; only `{first}` counts",
            node.id,
        );
        let place = self.bundle.place(Kind::Correlation, second.as_str(), &[]);
        let diagnostic = Diagnostic::warning(Code::Contradiction, message).at(place);
        let help = "keep what they share in one of them, or make the shared cause a risk";
        self.diagnostics.push(diagnostic.help(help));
    }
}
