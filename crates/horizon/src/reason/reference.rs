//! What a reason refers to: who may see it depends on that.

use longlead_model::{ActivityId, Kind};

use crate::reason::Reason;

impl Reason {
    /// Every record that the reason refers to.
    ///
    /// Derived activities are no records; [`Reason::activities`] has them. An id alone doesn't say
    /// whether it names an authored activity or a milestone, as they share their ids: here both are
    /// [`Kind::Activity`], the kind of [`ActivityId`].
    pub fn references(&self) -> Vec<(Kind, &str)> {
        let authored = self.activities().into_iter().filter(|id| !id.is_derived());
        let mut references: Vec<(Kind, &str)> =
            authored.map(|id| (Kind::Activity, id.as_str())).collect();
        references.extend(self.records());
        references
    }

    /// Every activity that the reason refers to, authored or derived.
    pub fn activities(&self) -> Vec<&ActivityId> {
        match self {
            Reason::Authored { activity }
            | Reason::Estimated { activity, .. }
            | Reason::MayFail { activity, .. }
            | Reason::Happened { activity, .. }
            | Reason::Imposed { activity, .. }
            | Reason::FromAsOf { activity, .. }
            | Reason::DaysOff { activity, .. }
            | Reason::Lies { activity, .. }
            | Reason::Gates { activity, .. }
            | Reason::LimitedBy { activity, .. } => vec![activity],
            Reason::Target { target, .. }
            | Reason::OnTimeIfNow { target, .. }
            | Reason::WaitingCosts { target, .. } => vec![target],
            Reason::WaitsFor { activity, predecessor, .. }
            | Reason::TeamBusy { activity, predecessor, .. } => vec![activity, predecessor],
            Reason::KeepsUp { activity, successor, .. } => vec![activity, successor],
            Reason::NeedsPart { .. }
            | Reason::BestOffer { .. }
            | Reason::Ordered { .. }
            | Reason::BuildOrder { .. }
            | Reason::Demanded { .. }
            | Reason::Certified { .. }
            | Reason::Shipped { .. }
            | Reason::Requires { .. }
            | Reason::Lacks { .. }
            | Reason::FieldRuns { .. }
            | Reason::FirstRevision { .. }
            | Reason::Supposed { .. }
            | Reason::CarriedBy { .. }
            | Reason::Freezes { .. } => Vec::new(),
        }
    }

    /// The records that it refers to besides activities.
    fn records(&self) -> Vec<(Kind, &str)> {
        match self {
            Reason::Authored { .. }
            | Reason::MayFail { .. }
            | Reason::WaitsFor { .. }
            | Reason::KeepsUp { .. }
            | Reason::Imposed { .. }
            | Reason::FromAsOf { .. }
            | Reason::Lies { .. }
            | Reason::Target { .. }
            | Reason::OnTimeIfNow { .. }
            | Reason::LimitedBy { .. }
            | Reason::WaitingCosts { .. } => Vec::new(),
            Reason::Estimated { team, calendar, .. } => {
                let team = team.iter().map(|team| (Kind::Team, team.as_str()));
                let calendar = calendar.id().map(|id| (Kind::Calendar, id.as_str()));
                team.chain(calendar).collect()
            }
            // An actual is filed under the id of its activity, authored or derived.
            Reason::Happened { activity, .. } => vec![(Kind::Actual, activity.as_str())],
            Reason::TeamBusy { team, .. } => vec![(Kind::Team, team.as_str())],
            Reason::DaysOff { calendar, .. } => vec![(Kind::Calendar, calendar.as_str())],
            Reason::Gates { decision, .. } => decision.references(),
            Reason::Requires { .. }
            | Reason::Lacks { .. }
            | Reason::FieldRuns { .. }
            | Reason::FirstRevision { .. }
            | Reason::Supposed { .. }
            | Reason::CarriedBy { .. } => self.feature_records(),
            Reason::NeedsPart { .. }
            | Reason::BestOffer { .. }
            | Reason::Ordered { .. }
            | Reason::BuildOrder { .. }
            | Reason::Demanded { .. }
            | Reason::Certified { .. }
            | Reason::Shipped { .. }
            | Reason::Freezes { .. } => self.hardware_records(),
        }
    }

    fn feature_records(&self) -> Vec<(Kind, &str)> {
        match self {
            Reason::Requires { feature, capability, .. } => {
                vec![(Kind::Feature, feature.as_str()), (Kind::Capability, capability.as_str())]
            }
            Reason::Lacks { revision, capability, .. } => {
                vec![(Kind::Revision, revision.as_str()), (Kind::Capability, capability.as_str())]
            }
            Reason::FieldRuns { feature, revision, .. }
            | Reason::FirstRevision { feature, revision } => {
                vec![(Kind::Feature, feature.as_str()), (Kind::Revision, revision.as_str())]
            }
            Reason::Supposed { feature, revision, capability } => vec![
                (Kind::Feature, feature.as_str()),
                (Kind::Revision, revision.as_str()),
                (Kind::Capability, capability.as_str()),
            ],
            Reason::CarriedBy { feature, release } => {
                vec![(Kind::Feature, feature.as_str()), (Kind::Release, release.as_str())]
            }
            _ => Vec::new(),
        }
    }

    fn hardware_records(&self) -> Vec<(Kind, &str)> {
        match self {
            Reason::NeedsPart { build, revision, part, .. } => vec![
                (Kind::Build, build.as_str()),
                (Kind::Revision, revision.as_str()),
                (Kind::Part, part.as_str()),
            ],
            Reason::BestOffer { offer, supplier, part, .. } => vec![
                (Kind::Offer, offer.as_str()),
                (Kind::Supplier, supplier.as_str()),
                (Kind::Part, part.as_str()),
            ],
            Reason::Ordered { order, .. } => vec![(Kind::Order, order.as_str())],
            Reason::BuildOrder { build, .. } => vec![(Kind::Build, build.as_str())],
            Reason::Demanded { market, regime, revision, by } => {
                let by = by.iter().map(|it| (Kind::Capability, it.as_str()));
                let demanded = [
                    (Kind::Market, market.as_str()),
                    (Kind::Regime, regime.as_str()),
                    (Kind::Revision, revision.as_str()),
                ];
                demanded.into_iter().chain(by).collect()
            }
            Reason::Certified { certificate, .. } => {
                vec![(Kind::Certificate, certificate.as_str())]
            }
            Reason::Shipped { market, .. } => vec![(Kind::Market, market.as_str())],
            Reason::Freezes { revision, .. } => vec![(Kind::Revision, revision.as_str())],
            _ => Vec::new(),
        }
    }
}
