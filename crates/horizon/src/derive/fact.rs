//! The facts behind a node: the records that it follows from, and to whom it belongs.

use std::collections::BTreeSet;

use longlead_model::{Kind, MarketId, ProductId, Records, RevisionId};

use crate::derive::builder::Facets;
use crate::derive::{Derived, Role};
use crate::reason::Reason;

impl Derived {
    /// The records that the node follows from: those that its reasons refer to, those that its id
    /// names, and those that its name, team, supplier and product come from.
    ///
    /// They decide who may see the node, so none is left out.
    pub fn facts(&self) -> BTreeSet<(Kind, String)> {
        let reasons = self.because.iter().flat_map(Reason::references);
        let named = reasons.map(|(kind, id)| match kind {
            // A milestone's reasons speak of itself, by an id that could be an activity's.
            Kind::Activity if self.role == Role::Milestone && id == self.id.as_str() => {
                (Kind::Milestone, id.to_owned())
            }
            kind => (kind, id.to_owned()),
        });
        named.chain(self.sources.iter().cloned()).collect()
    }
}

/// Fills in to whom a node belongs, and the records that it follows from.
pub(super) fn trace(records: &Records, node: &mut Derived, facets: &Facets) {
    let subject = subject(node);
    let id_of =
        |wanted: Kind| subject.iter().find(|(kind, _)| *kind == wanted).map(|(_, id)| id.as_str());
    let of_build = id_of(Kind::Build).and_then(|id| records.builds.get(id));
    let revision: Option<RevisionId> = id_of(Kind::Revision)
        .and_then(|id| records.revisions.get(id))
        .map(|revision| revision.id.clone())
        .or_else(|| of_build.map(|build| build.revision.clone()));
    node.teams = facets.teams.clone();
    node.markets = markets(node, id_of(Kind::Market));
    node.product = revision
        .as_ref()
        .and_then(|id| records.revisions.get(id))
        .map(|revision| revision.product.clone())
        .or_else(|| software_product(records, node, &subject));
    let mut sources = std::mem::take(&mut node.sources);
    let mut add = |kind: Kind, id: Option<&str>| {
        sources.extend(id.map(|id| (kind, id.to_owned())));
    };
    add(Kind::Revision, revision.as_ref().map(RevisionId::as_str));
    add(Kind::Product, node.product.as_ref().map(ProductId::as_str));
    add(Kind::Supplier, facets.supplier.as_ref().map(|it| it.as_str()));
    add(Kind::Regime, facets.regime.as_ref().map(|it| it.as_str()));
    node.teams.iter().for_each(|team| add(Kind::Team, Some(team.as_str())));
    node.markets.iter().for_each(|market| add(Kind::Market, Some(market.as_str())));
    sources.extend(subject);
    node.sources = sources;
}

/// The records that the id of a node names.
fn subject(node: &Derived) -> Vec<(Kind, String)> {
    let kinds: &[Kind] = match node.role {
        Role::Authored => return vec![(Kind::Activity, node.id.to_string())],
        Role::Milestone => return vec![(Kind::Milestone, node.id.to_string())],
        Role::Design | Role::Units => &[Kind::Revision],
        Role::Procure => &[Kind::Build, Kind::Part],
        Role::Build | Role::Test => &[Kind::Build],
        Role::Certify => &[Kind::Revision, Kind::Regime],
        Role::Approve | Role::Ship | Role::Available => &[Kind::Revision, Kind::Market],
        Role::Develop | Role::Launch => &[Kind::Feature],
        Role::Release => &[Kind::Release],
    };
    // The verb comes first, then what it acts on.
    let ids = node.id.as_str().split(':').skip(1);
    kinds.iter().copied().zip(ids.map(str::to_owned)).collect()
}

/// The market that a node is for; of certification, every market that demands it.
fn markets(node: &Derived, own: Option<&str>) -> Vec<MarketId> {
    let own = own.and_then(|id| MarketId::try_from(id).ok());
    let demanding = node.because.iter().filter_map(|reason| match reason {
        Reason::Demanded { market, .. } => Some(market.clone()),
        _ => None,
    });
    own.into_iter().chain(demanding).collect()
}

/// The product of a feature or of authored work; of a release, the one of all that it carries.
fn software_product(
    records: &Records,
    node: &Derived,
    subject: &[(Kind, String)],
) -> Option<ProductId> {
    let (kind, id) = subject.first()?;
    match kind {
        Kind::Feature => records.features.get(id.as_str()).map(|it| it.product.clone()),
        Kind::Activity => records.activities.get(id.as_str())?.product.clone(),
        Kind::Release => {
            let carried = node.because.iter().filter_map(|reason| match reason {
                Reason::CarriedBy { feature, .. } => records.features.get(feature),
                _ => None,
            });
            let products: BTreeSet<&ProductId> = carried.map(|it| &it.product).collect();
            products.first().filter(|_| products.len() == 1).map(|it| (*it).clone())
        }
        _ => None,
    }
}
