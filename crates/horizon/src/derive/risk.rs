//! Risks act on activities: on one by name, or on all of a supplier, team, regime or revision.

use std::collections::BTreeSet;

use longlead_model::{Kind, RiskEffect, Step};
use longlead_network::{ActivityIndex, Effect, Impact, Risk};

use crate::derive::Role;
use crate::derive::builder::{Builder, Facets, scaled};

pub(super) fn derive(builder: &mut Builder<'_>) {
    for risk in builder.bundle.records.risks.values() {
        let mut effects = Vec::new();
        for (position, effect) in risk.effects.iter().enumerate() {
            let path = [Step::Key("effects".to_owned()), Step::Index(position)];
            let named = match &effect.activity {
                Some(id) => builder.resolve(id, Some((Kind::Risk, risk.id.as_str(), &path))),
                None => None,
            };
            for activity in hit(builder, effect, named) {
                effects.extend(impact(builder, effect, activity));
            }
        }
        builder.network.risks.push(Risk {
            name: risk.id.to_string(),
            probability: risk.probability.value(),
            effects,
        });
    }
}

fn hit(
    builder: &Builder<'_>,
    effect: &RiskEffect,
    named: Option<ActivityIndex>,
) -> BTreeSet<ActivityIndex> {
    let matches = |facets: &Facets, role: Role| {
        effect.supplier.is_some() && facets.supplier == effect.supplier
            || effect.team.as_ref().is_some_and(|team| facets.teams.contains(team))
            || effect.regime.is_some() && facets.regime == effect.regime
            || effect.revision.is_some()
                && facets.revision == effect.revision
                && role == Role::Build
    };
    let facets = builder.facets.iter().zip(&builder.nodes).enumerate();
    facets
        .filter(|(_, (facets, node))| matches(facets, node.role))
        .map(|(position, _)| ActivityIndex::new(position as u32))
        .chain(named)
        .collect()
}

fn impact(builder: &Builder<'_>, effect: &RiskEffect, activity: ActivityIndex) -> Option<Effect> {
    let calendar = builder.network.activities.get(activity.index())?.calendar;
    let impact = match (&effect.add, &effect.multiply) {
        (Some(add), _) => Impact::Add(builder.estimate(add, calendar)),
        (None, Some(factor)) => Impact::Multiply(scaled(&factor.0, 1.0)),
        (None, None) => return None,
    };
    Some(Effect { activity, impact })
}
