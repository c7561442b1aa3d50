//! The kinds of records, and the maps that hold them: one list that everything else follows.

use serde_json::Value as Json;

use crate::field::{Decoder, Field, Visitor};
use crate::id::*;
use crate::node::Node;
use crate::record::*;
use crate::record_map::RecordMap;

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $kind:ident, $word:literal, $plural:ident, $id:ident; )*) => {
        /// A kind of record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $( $(#[doc = $doc])+ $kind, )* }

        impl Kind {
            /// Every kind, in the order in which people read a product.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            /// The kind as it is written in a bundle: `[[bom_line]]`.
            pub fn as_str(self) -> &'static str {
                match self { $( Kind::$kind => $word, )* }
            }

            /// The kind in a sentence: "BOM line".
            pub fn word(self) -> String {
                match self {
                    Kind::BomLine => "BOM line".to_owned(),
                    kind => kind.as_str().replace('_', " "),
                }
            }

            /// Several of the kind in a sentence: "BOM lines".
            pub fn plural_word(self) -> String {
                let plural = match self { $( Kind::$kind => stringify!($plural), )* };
                plural.replace("bom", "BOM").replace('_', " ")
            }

            /// The table of them in SQL: `bom_lines`.
            pub fn table(self) -> &'static str {
                match self { $( Kind::$kind => stringify!($plural), )* }
            }

            /// What records of this kind say.
            pub fn doc(self) -> &'static str {
                match self { $( Kind::$kind => concat!($($doc),+), )* }
            }

            /// The kind of a name written in a bundle.
            pub fn named(word: &str) -> Option<Kind> {
                match word {
                    $( $word => Some(Kind::$kind), )*
                    _ => None,
                }
            }

            /// The names of the fields that its records have, in the order in which they're declared.
            pub fn fields(self) -> &'static [&'static str] {
                match self { $( Kind::$kind => <$kind as Field>::fields(), )* }
            }

            /// Why a text can't be the id of a record of this kind, if it can't.
            pub(crate) fn check_id(self, text: &str) -> Result<(), IdError> {
                match self { $( Kind::$kind => <$id>::try_from(text).map(drop), )* }
            }

            /// JSON Schema of one record of this kind.
            pub fn schema(self) -> Json {
                match self { $( Kind::$kind => <$kind as Field>::schema(), )* }
            }
        }

        /// The records of a product, by kind and id.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Records {
            $( $(#[doc = $doc])+ pub $plural: RecordMap<$id, $kind>, )*
        }

        impl Records {
            /// Decodes one record and files it under its id; tells the id, or `None` after
            /// diagnostics. A record whose id is taken replaces the one before.
            pub(crate) fn decode(
                &mut self,
                kind: Kind,
                node: &Node,
                decoder: &mut Decoder<'_>,
            ) -> Option<String> {
                match kind { $( Kind::$kind => {
                    let record = $kind::decode(node, decoder)?;
                    let id = record.id.as_str().to_owned();
                    self.$plural.insert(record.id.clone(), record);
                    Some(id)
                } )* }
            }

            /// Every record as a node, by kind and id.
            pub(crate) fn encode(&self, kind: Kind) -> Vec<(&str, Node)> {
                match kind { $( Kind::$kind => self.$plural.values()
                    .filter_map(|record| Some((record.id.as_str(), record.encode()?)))
                    .collect(), )* }
            }

            /// One record as a node.
            pub(crate) fn encode_one(&self, kind: Kind, id: &str) -> Option<Node> {
                match kind { $( Kind::$kind => self.$plural.get(id)?.encode(), )* }
            }

            /// Takes one record out.
            pub(crate) fn remove(&mut self, kind: Kind, id: &str) -> bool {
                match kind { $( Kind::$kind => self.$plural.take(id).is_some(), )* }
            }

            /// True if there is such a record.
            pub fn has(&self, kind: Kind, id: &str) -> bool {
                match kind { $( Kind::$kind => self.$plural.contains_key(id), )* }
            }

            /// The title of a record, where its kind has titles and the record is there.
            pub fn title(&self, kind: Kind, id: &str) -> Option<&str> {
                match kind { $( Kind::$kind => self.$plural.get(id)?.title(), )* }
            }

            /// True if nothing of a kind was changed since one of the two was copied from the
            /// other.
            pub(crate) fn shares(&self, kind: Kind, other: &Records) -> bool {
                match kind { $( Kind::$kind => self.$plural.is_shared_with(&other.$plural), )* }
            }

            /// The ids of a kind, in order.
            pub fn ids(&self, kind: Kind) -> Vec<&str> {
                match kind { $(
                    Kind::$kind => self.$plural.keys().map(|id| id.as_str()).collect(),
                )* }
            }

            /// How many records there are.
            pub fn count(&self) -> usize {
                0 $( + self.$plural.len() )*
            }

            /// Every record by kind and id.
            pub(crate) fn keys(&self) -> Vec<(Kind, &str)> {
                let mut keys = Vec::with_capacity(self.count());
                $( keys.extend(self.$plural.keys().map(|id| (Kind::$kind, id.as_str()))); )*
                keys
            }

            /// Makes one record what it is in `other`: changed, there or gone.
            pub(crate) fn restore(&mut self, kind: Kind, id: &str, other: &Records) {
                match kind { $( Kind::$kind => match other.$plural.get(id) {
                    Some(record) => drop(self.$plural.insert(record.id.clone(), record.clone())),
                    None => drop(self.$plural.take(id)),
                } )* }
            }

            /// Visits every mention in one record, with its path.
            pub(crate) fn visit(&self, kind: Kind, id: &str, visitor: &mut Visitor<'_>) {
                match kind { $( Kind::$kind => if let Some(record) = self.$plural.get(id) {
                    record.visit(&mut Vec::new(), visitor);
                } )* }
            }
        }
    };
}

kinds! {
    /// A product that is planned: devices, their firmware and their cloud.
    Product, "product", products, ProductId;
    /// A hardware revision of a product.
    Revision, "revision", revisions, RevisionId;
    /// Something that hardware offers and software may need.
    Capability, "capability", capabilities, CapabilityId;
    /// Software that users get.
    Feature, "feature", features, FeatureId;
    /// A firmware or cloud release that carries features.
    Release, "release", releases, ReleaseId;
    /// A question with options that gates activities.
    Decision, "decision", decisions, DecisionId;
    /// Work that doesn't follow from other facts.
    Activity, "activity", activities, ActivityId;
    /// A point in time that people steer by.
    Milestone, "milestone", milestones, MilestoneId;
    /// An order between two activities.
    Link, "link", links, LinkId;
    /// What really happened to an activity, authored or derived.
    Actual, "actual", actuals, ActualId;
    /// The days on which work is done.
    Calendar, "calendar", calendars, CalendarId;
    /// People, a lab or a machine that activities share.
    Team, "team", teams, TeamId;
    /// Something that may happen and then moves the plan.
    Risk, "risk", risks, RiskId;
    /// Activities whose durations go up and down together.
    Correlation, "correlation", correlations, CorrelationId;
    /// A part that is bought.
    Part, "part", parts, PartId;
    /// A company that sells parts or builds boards.
    Supplier, "supplier", suppliers, SupplierId;
    /// A supplier's offer of a part.
    Offer, "offer", offers, OfferId;
    /// A part on the bill of materials of a revision.
    BomLine, "bom_line", bom_lines, BomLineId;
    /// A quantity of a revision that is built: EVT, DVT, PVT or MP.
    Build, "build", builds, BuildId;
    /// An order placed with a supplier.
    Order, "order", orders, OrderId;
    /// A market in which the product is sold.
    Market, "market", markets, MarketId;
    /// A body of rules that a market demands.
    Regime, "regime", regimes, RegimeId;
    /// Proof that a revision meets a regime.
    Certificate, "certificate", certificates, CertificateId;
    /// A person or organisation with a stake in the product.
    Stakeholder, "stakeholder", stakeholders, StakeholderId;
    /// What a stakeholder requires.
    Requirement, "requirement", requirements, RequirementId;
    /// A success criterion bound to a metric.
    Criterion, "criterion", criteria, CriterionId;
    /// One concept and its names in each discipline.
    Term, "term", terms, TermId;
    /// Something that the plan takes to be true.
    Assumption, "assumption", assumptions, AssumptionId;
    /// What one currency is worth in another.
    Rate, "rate", rates, RateId;
    /// What a stream of readings from devices holds.
    Contract, "contract", contracts, ContractId;
    /// A named overlay of changes on the product.
    Scenario, "scenario", scenarios, ScenarioId;
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
