//! Why an answer is what it is: statements as data, put into sentences only at the edge.

use jiff::civil::Date;
use serde::Serialize;

/// One statement of a chain of reasons: a kind with references to records, and figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// The activity was authored.
    Authored {
        /// The activity.
        activity: String,
    },
    /// Work takes as long as was estimated.
    Estimated {
        /// The activity.
        activity: String,
        /// The estimate in words: "5 / 8 / 14 d".
        estimate: String,
        /// The team that does it, if any.
        team: Option<String>,
        /// The calendar that counts its days.
        calendar: String,
    },
    /// Work may have to be done again.
    MayFail {
        /// The activity.
        activity: String,
        /// How likely it passes the first time.
        first_pass: f64,
        /// How long a round of rework takes.
        rework: String,
    },
    /// A part on the bill of materials must be bought.
    NeedsPart {
        /// The build that needs it.
        build: String,
        /// The revision that carries it.
        revision: String,
        /// The part.
        part: String,
        /// How many are needed.
        quantity: String,
    },
    /// The best offer has this lead time.
    BestOffer {
        /// The offer.
        offer: String,
        /// Who offers.
        supplier: String,
        /// The part that is offered: the one on the BOM, or an alternate.
        part: String,
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
        order: String,
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
        build: String,
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
        market: String,
        /// The regime.
        regime: String,
        /// The revision.
        revision: String,
        /// The capabilities that make the regime apply; empty if it applies to everything.
        by: Vec<String>,
    },
    /// A certificate still holds, or no longer.
    Certified {
        /// The certificate.
        certificate: String,
        /// Its last day.
        expires: Option<Date>,
    },
    /// Devices are shipped to the market.
    Shipped {
        /// The market.
        market: String,
        /// The shipping time in words.
        time: String,
    },
    /// A feature needs a capability.
    Requires {
        /// The feature.
        feature: String,
        /// The capability.
        capability: String,
        /// How much.
        need: String,
    },
    /// A revision can't run a feature for want of a capability.
    Lacks {
        /// The revision.
        revision: String,
        /// The capability.
        capability: String,
        /// What it needs.
        need: String,
        /// What it has, if anything.
        has: Option<String>,
    },
    /// Devices in the field can run the feature.
    FieldRuns {
        /// The feature.
        feature: String,
        /// The revision.
        revision: String,
        /// How many devices there are.
        units: u64,
    },
    /// The first revision that can run the feature.
    FirstRevision {
        /// The feature.
        feature: String,
        /// The revision.
        revision: String,
    },
    /// Nothing planned can run the feature; a revision whose specification is open is supposed
    /// to carry what it needs.
    Supposed {
        /// The feature.
        feature: String,
        /// The revision.
        revision: String,
        /// The capability.
        capability: String,
    },
    /// A release carries a feature.
    CarriedBy {
        /// The feature.
        feature: String,
        /// The release.
        release: String,
    },
    /// A revision's specification freezes on a day.
    Freezes {
        /// The revision.
        revision: String,
        /// The day.
        on: Date,
    },
    /// It really started, or finished.
    Happened {
        /// The activity.
        activity: String,
        /// When it started.
        started: Option<Date>,
        /// When it finished.
        finished: Option<Date>,
    },
    /// The activity starts when another has finished: this one fixes its date.
    WaitsFor {
        /// The activity.
        activity: String,
        /// What it waits for.
        predecessor: String,
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
        activity: String,
        /// What follows it.
        successor: String,
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
        activity: String,
        /// What the team does before.
        predecessor: String,
        /// The team.
        team: String,
        /// The day until which.
        until: Date,
    },
    /// An imposed date holds the activity.
    Imposed {
        /// The activity.
        activity: String,
        /// The constraint in words.
        constraint: String,
        /// The day.
        on: Date,
    },
    /// Nothing holds the activity but the as-of day.
    FromAsOf {
        /// The activity.
        activity: String,
        /// The as-of day.
        on: Date,
    },
    /// Days off fall into the activity.
    DaysOff {
        /// The activity.
        activity: String,
        /// The calendar.
        calendar: String,
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
        activity: String,
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
        decision: String,
        /// The activity.
        activity: String,
    },
    /// A target must hold with a confidence.
    Target {
        /// The activity whose finish is the target.
        target: String,
        /// The day.
        on: Date,
        /// The confidence.
        confidence: f64,
    },
    /// The target holds with this probability if it is decided today.
    OnTimeIfNow {
        /// The activity whose finish is the target.
        target: String,
        /// The probability.
        probability: f64,
    },
    /// What keeps the target from holding.
    LimitedBy {
        /// The activity.
        activity: String,
        /// Its name.
        title: String,
        /// The share of late samples in which it is critical.
        share: f64,
    },
    /// Waiting costs.
    WaitingCosts {
        /// The target.
        target: String,
        /// Days waited.
        days: i32,
        /// Probability of being on time now.
        now: f64,
        /// Probability after waiting.
        then: f64,
    },
}
