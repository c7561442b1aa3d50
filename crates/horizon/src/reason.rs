//! Why an answer is what it is: statements as data, put into sentences only at the edge.

mod reference;

use jiff::civil::Date;
use longlead_model::{
    ActivityId, BuildId, CalendarId, CapabilityId, CertificateId, FeatureId, MarketId, OfferId,
    OrderId, PartId, RegimeId, ReleaseId, RevisionId, SupplierId, TeamId,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::calendar::PlanCalendar;
use crate::decision::DecisionKey;

/// One statement of a chain of reasons: a kind with references to records, and figures.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// The activity was authored.
    Authored {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
    },
    /// Work takes as long as was estimated.
    Estimated {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// The estimate in words: "5 / 8 / 14 d".
        estimate: String,
        /// The team that does it, if any.
        #[schemars(with = "Option<String>")]
        team: Option<TeamId>,
        /// The calendar that counts its days.
        #[schemars(with = "String")]
        calendar: PlanCalendar,
    },
    /// Work may have to be done again.
    MayFail {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// How likely it passes the first time.
        first_pass: f64,
        /// How long a round of rework takes.
        rework: String,
    },
    /// A part on the bill of materials must be bought.
    NeedsPart {
        /// The build that needs it.
        #[schemars(with = "String")]
        build: BuildId,
        /// The revision that carries it.
        #[schemars(with = "String")]
        revision: RevisionId,
        /// The part.
        #[schemars(with = "String")]
        part: PartId,
        /// How many are needed.
        quantity: String,
    },
    /// The best offer has this lead time.
    BestOffer {
        /// The offer.
        #[schemars(with = "String")]
        offer: OfferId,
        /// Who offers.
        #[schemars(with = "String")]
        supplier: SupplierId,
        /// The part that is offered: the one on the BOM, or an alternate.
        #[schemars(with = "String")]
        part: PartId,
        /// The lead time in words.
        lead_time: String,
        /// True if it comes from stock.
        from_stock: bool,
        /// How many offers were compared.
        offers: usize,
    },
    /// An order was placed.
    Ordered {
        /// The order.
        #[schemars(with = "String")]
        order: OrderId,
        /// When it was placed.
        placed: Date,
        /// When it is promised.
        promised: Option<Date>,
        /// When it arrived.
        received: Option<Date>,
    },
    /// Builds of a revision follow one another.
    BuildOrder {
        /// The build.
        #[schemars(with = "String")]
        build: BuildId,
        /// Its stage.
        stage: String,
        /// Its quantity.
        quantity: u64,
        /// The stage before it, if any.
        after: Option<String>,
    },
    /// A market demands a regime of what the revision contains.
    Demanded {
        /// The market.
        #[schemars(with = "String")]
        market: MarketId,
        /// The regime.
        #[schemars(with = "String")]
        regime: RegimeId,
        /// The revision.
        #[schemars(with = "String")]
        revision: RevisionId,
        /// The capabilities that make the regime apply; empty if it applies to everything.
        #[schemars(with = "Vec<String>")]
        by: Vec<CapabilityId>,
    },
    /// A certificate still holds, or no longer.
    Certified {
        /// The certificate.
        #[schemars(with = "String")]
        certificate: CertificateId,
        /// Its last day.
        expires: Option<Date>,
    },
    /// Devices are shipped to the market.
    Shipped {
        /// The market.
        #[schemars(with = "String")]
        market: MarketId,
        /// The shipping time in words.
        time: String,
    },
    /// A feature needs a capability.
    Requires {
        /// The feature.
        #[schemars(with = "String")]
        feature: FeatureId,
        /// The capability.
        #[schemars(with = "String")]
        capability: CapabilityId,
        /// How much.
        need: String,
    },
    /// A revision can't run a feature for want of a capability.
    Lacks {
        /// The revision.
        #[schemars(with = "String")]
        revision: RevisionId,
        /// The capability.
        #[schemars(with = "String")]
        capability: CapabilityId,
        /// What it needs.
        need: String,
        /// What it has, if anything.
        has: Option<String>,
    },
    /// Devices in the field can run the feature.
    FieldRuns {
        /// The feature.
        #[schemars(with = "String")]
        feature: FeatureId,
        /// The revision.
        #[schemars(with = "String")]
        revision: RevisionId,
        /// How many devices there are.
        units: u64,
    },
    /// The first revision that can run the feature.
    FirstRevision {
        /// The feature.
        #[schemars(with = "String")]
        feature: FeatureId,
        /// The revision.
        #[schemars(with = "String")]
        revision: RevisionId,
    },
    /// Nothing planned can run the feature; a revision whose specification is open is supposed
    /// to carry what it needs.
    Supposed {
        /// The feature.
        #[schemars(with = "String")]
        feature: FeatureId,
        /// The revision.
        #[schemars(with = "String")]
        revision: RevisionId,
        /// The capability.
        #[schemars(with = "String")]
        capability: CapabilityId,
    },
    /// A release carries a feature.
    CarriedBy {
        /// The feature.
        #[schemars(with = "String")]
        feature: FeatureId,
        /// The release.
        #[schemars(with = "String")]
        release: ReleaseId,
    },
    /// A revision's specification freezes on a day.
    Freezes {
        /// The revision.
        #[schemars(with = "String")]
        revision: RevisionId,
        /// The day.
        on: Date,
    },
    /// It really started, or finished.
    Happened {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// When it started.
        started: Option<Date>,
        /// When it finished.
        finished: Option<Date>,
    },
    /// The activity starts when another has finished: this one fixes its date.
    WaitsFor {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// What it waits for.
        #[schemars(with = "String")]
        predecessor: ActivityId,
        /// FS, SS, FF or SF.
        link: String,
        /// The lag in words, if there is one.
        lag: Option<String>,
        /// The day that follows from it.
        until: Date,
    },
    /// A maximum lag holds the activity back, so that what follows comes soon enough after it.
    KeepsUp {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// What follows it.
        #[schemars(with = "String")]
        successor: ActivityId,
        /// FS, SS, FF or SF, from the activity to what follows.
        link: String,
        /// The maximum lag in words, if there is one.
        lag: Option<String>,
        /// The day on which what follows starts or is done.
        on: Date,
    },
    /// The activity waits until a team has finished something else.
    TeamBusy {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// What the team does before.
        #[schemars(with = "String")]
        predecessor: ActivityId,
        /// The team.
        #[schemars(with = "String")]
        team: TeamId,
        /// The day until which.
        until: Date,
    },
    /// An imposed date holds the activity.
    Imposed {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// The constraint in words.
        constraint: String,
        /// The day.
        on: Date,
    },
    /// Nothing holds the activity but the as-of day.
    FromAsOf {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// The as-of day.
        on: Date,
    },
    /// Days off fall into the activity.
    DaysOff {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// The calendar.
        #[schemars(with = "String")]
        calendar: CalendarId,
        /// Why the days are off.
        title: String,
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
    },
    /// The activity lies between two days.
    Lies {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// Its name.
        title: String,
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
    },
    /// A decision gates an activity.
    Gates {
        /// The decision.
        #[schemars(with = "String")]
        decision: DecisionKey,
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
    },
    /// A target must hold with a confidence.
    Target {
        /// The activity whose finish is the target.
        #[schemars(with = "String")]
        target: ActivityId,
        /// The day.
        on: Date,
        /// The confidence.
        confidence: f64,
    },
    /// The target holds with this probability if it is decided today.
    OnTimeIfNow {
        /// The activity whose finish is the target.
        #[schemars(with = "String")]
        target: ActivityId,
        /// The probability.
        probability: f64,
    },
    /// What keeps the target from holding.
    LimitedBy {
        /// The activity.
        #[schemars(with = "String")]
        activity: ActivityId,
        /// Its name.
        title: String,
        /// The share of late samples in which it is critical.
        share: f64,
    },
    /// Waiting costs.
    WaitingCosts {
        /// The target.
        #[schemars(with = "String")]
        target: ActivityId,
        /// Days waited.
        days: i32,
        /// Probability of being on time now.
        now: f64,
        /// Probability after waiting.
        then: f64,
    },
}
