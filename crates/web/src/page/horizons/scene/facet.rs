//! What filters leave in: items by their team, product and market.

use std::collections::BTreeSet;

use longlead_model::{ActivityId, Feature, MarketId, ProductId};

use super::Facts;

/// True if the filters leave an item in: one of its activities is of the team, and it is of the
/// product and of the market, or of none in particular.
pub(super) fn is_shown(facts: &Facts<'_>, covers: &[ActivityId]) -> bool {
    let view = facts.view;
    let of_team = view.team.as_ref().is_none_or(|team| {
        let mut activities = covers.iter().filter_map(|id| facts.activity(id));
        activities.any(|it| it.teams.contains(team))
    });
    let of_product = view.product.as_ref().is_none_or(|product| {
        let products: BTreeSet<_> = covers.iter().flat_map(|id| products(facts, id)).collect();
        products.is_empty() || products.contains(product)
    });
    let of_market = view.market.as_ref().is_none_or(|market| {
        let markets: BTreeSet<_> = covers.iter().flat_map(|id| markets(facts, id)).collect();
        markets.is_empty() || markets.contains(market)
    });
    of_team && of_product && of_market
}

/// The products of an activity; a release is of all whose features it carries.
fn products<'a>(facts: &Facts<'a>, id: &ActivityId) -> Vec<&'a ProductId> {
    let own = facts.activity(id).and_then(|it| it.product.as_ref());
    let mut products: Vec<&ProductId> = own.into_iter().collect();
    if let Some(release) = id.as_str().strip_prefix("release:") {
        let features = facts.bundle.records.features.values();
        let is_carried =
            |it: &&Feature| it.release.as_ref().is_some_and(|it| it.as_str() == release);
        products.extend(features.filter(is_carried).map(|it| &it.product));
    }
    products
}

/// The markets of an activity; a feature names its own.
fn markets<'a>(facts: &Facts<'a>, id: &ActivityId) -> Vec<&'a MarketId> {
    let own = facts.activity(id).into_iter().flat_map(|it| &it.markets);
    let launched = id.as_str().strip_prefix("launch:");
    let feature = launched.and_then(|feature| facts.bundle.records.features.get(feature));
    own.chain(feature.into_iter().flat_map(|it| &it.markets)).collect()
}
