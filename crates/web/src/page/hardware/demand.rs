//! The proofs that the markets of a revision demand, and which of them are there.

use longlead_horizon::{ActivityForecast, Forecast, Offered};
use longlead_model::{Bundle, Certificate, Market, Regime, Revision};

use crate::page::hardware::standing::activity;

/// A regime that applies to a revision.
#[derive(Clone, Debug)]
pub(crate) struct Demand<'a> {
    pub(crate) regime: &'a Regime,
    /// The markets of the revision that demand it.
    pub(crate) markets: Vec<&'a Market>,
    /// The certificate that holds.
    pub(crate) certificate: Option<&'a Certificate>,
    /// The certification that is planned.
    pub(crate) work: Option<&'a ActivityForecast>,
}

/// What the markets of a revision demand, in the order of its markets. `offered` is what the
/// revision offers: some regimes apply only to hardware with a radio.
pub(crate) fn demands<'a>(
    bundle: &'a Bundle,
    forecast: &'a Forecast,
    offered: Option<&Offered>,
    revision: &Revision,
) -> Vec<Demand<'a>> {
    let records = &bundle.records;
    let mut demands: Vec<Demand<'_>> = Vec::new();
    for market in revision.markets.iter().filter_map(|id| records.markets.get(id)) {
        let regimes = market.regimes.iter().filter_map(|id| records.regimes.get(id));
        for regime in regimes.filter(|regime| applies(regime, offered)) {
            if let Some(known) = demands.iter_mut().find(|it| it.regime.id == regime.id) {
                known.markets.push(market);
                continue;
            }
            let work = activity(forecast, &format!("certify:{}:{}", revision.id, regime.id));
            demands.push(Demand {
                regime,
                markets: vec![market],
                certificate: held(bundle, forecast, revision, regime),
                work: work.filter(|it| !it.finished),
            });
        }
    }
    demands
}

fn applies(regime: &Regime, offered: Option<&Offered>) -> bool {
    let offers = |capability| offered.is_some_and(|it| it.levels.contains_key(capability));
    regime.applies_to.is_empty() || regime.applies_to.iter().any(offers)
}

/// The certificate that holds on the as-of day; of several, the one that holds longest.
fn held<'a>(
    bundle: &'a Bundle,
    forecast: &Forecast,
    revision: &Revision,
    regime: &Regime,
) -> Option<&'a Certificate> {
    let of_both = bundle.records.certificates.values().filter(|certificate| {
        certificate.revision == revision.id
            && certificate.regime == regime.id
            && certificate.issued <= forecast.as_of
            && certificate.expires.is_none_or(|expires| expires >= forecast.as_of)
    });
    of_both.max_by_key(|it| (it.expires.is_none(), it.expires))
}
