use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::estimate::{Estimate, Factor, Lag};
use crate::field::{shapes, words};
use crate::id::*;
use crate::money::{Currency, Money};
use crate::node::Node;
use crate::quantity::Quantity;
use crate::value::Share;

shapes! {
    /// What holds for the whole bundle: written once, as `[settings]`.
    struct Settings {
        /// The day on which the bundle is true; nothing unstarted can start before it.
        as_of: Option<Date>,
        /// The currency in which sums are told.
        currency: Currency = Currency::USD,
        /// The calendar of work that names none.
        calendar: Option<CalendarId>,
        /// The confidence of decide-by dates.
        confidence: Share = Share::P80,
        /// Seed of the simulation.
        seed: u64 = 1,
        /// Samples of the simulation.
        samples: u32 = 10_000,
    }

    /// How long work takes, who does it, and how often it must be done again.
    struct Work {
        /// How long, in working days of the calendar: "10 d", "5 / 8 / 14 d" (low, likely, high),
        /// "16..22 wk" (P50 and P90), "5 to 9 d", or a table that names a distribution.
        estimate: Estimate,
        /// The calendar; left out, the team's, or the bundle's.
        calendar: Option<CalendarId>,
        /// The team that does it, with one unit of its capacity.
        team: Option<TeamId>,
        /// Teams that do it, with the units of capacity that it takes of each.
        teams: BTreeMap<TeamId, u32>,
        /// The probability that it passes the first time.
        first_pass: Option<Share>,
        /// How long one round of rework takes after a failure.
        rework: Option<Estimate>,
        /// The most rounds of rework that are thinkable.
        rework_rounds_max: u32 = 5,
        /// What it costs.
        cost: Option<Money>,
    }

    /// Work that doesn't follow from other facts.
    struct Activity {
        /// Id of the activity.
        id: ActivityId,
        /// Name as people say it.
        title: String,
        /// The product that it belongs to.
        product: Option<ProductId>,
        /// How long it takes and who does it.
        work: Work,
        /// Activities that finish before it starts.
        after: Vec<ActivityId>,
        /// Hardware or software.
        band: Option<Band>,
        /// It starts on this day or later.
        start_no_earlier_than: Option<Date>,
        /// It starts on this day or earlier.
        start_no_later_than: Option<Date>,
        /// It finishes on this day or later.
        finish_no_earlier_than: Option<Date>,
        /// It finishes on this day or earlier.
        finish_no_later_than: Option<Date>,
        /// It starts on this day.
        must_start_on: Option<Date>,
        /// It finishes on this day.
        must_finish_on: Option<Date>,
    }

    /// A point in time that people steer by.
    struct Milestone {
        /// Id of the milestone.
        id: MilestoneId,
        /// Name as people say it.
        title: String,
        /// Activities that finish before it is reached.
        after: Vec<ActivityId>,
        /// The last day on which it is on time.
        target: Option<Date>,
        /// How sure the target should be; left out, the bundle's confidence.
        confidence: Option<Share>,
        /// Who steers by it.
        stakeholders: Vec<StakeholderId>,
    }

    /// An order between two activities, authored or derived.
    struct Link {
        /// Id of the link; left out, its two ends joined by two dots.
        id: LinkId,
        /// The activity that comes first.
        from: ActivityId,
        /// The activity that it holds.
        to: ActivityId,
        /// Which end holds which: FS, SS, FF or SF.
        kind: LinkKind = LinkKind::FinishToStart,
        /// Time between the two ends; negative where they may overlap. In days or weeks.
        lag: Option<Lag>,
        /// The calendar of the lag; left out, elapsed days.
        lag_calendar: Option<CalendarId>,
        /// Whether the lag is the least or the most time between the two ends.
        bound: Bound = Bound::Minimum,
    }

    /// What really happened to an activity: recorded under the activity's own id.
    struct Actual {
        /// The activity, authored or derived.
        id: ActualId,
        /// The day on which it started.
        started: Option<Date>,
        /// The last day on which it was worked on.
        finished: Option<Date>,
        /// What is left of it, from the as-of day on.
        remaining: Option<Estimate>,
        /// What there is to say.
        note: Option<String>,
    }

    /// The days on which work is done.
    struct Calendar {
        /// Id of the calendar. `elapsed` is always there: every day counts.
        id: CalendarId,
        /// Name as people say it.
        title: String,
        /// The days of the week on which work is done.
        week: Vec<Weekday> = Weekday::MONDAY_TO_FRIDAY.to_vec(),
        /// Single days off.
        holidays: Vec<Date>,
        /// Periods off, first and last day included.
        shutdowns: Vec<Closure>,
        /// Days worked although they'd be off: make-up days.
        worked: Vec<Date>,
        /// A calendar whose holidays, shutdowns and worked days hold here too.
        extends: Option<CalendarId>,
    }

    /// A period off.
    struct Closure {
        /// Why: "Lunar New Year".
        title: String,
        /// First day off.
        from: Date,
        /// Last day off.
        to: Date,
    }

    /// People, a lab or a machine that activities share.
    struct Team {
        /// Id of the team.
        id: TeamId,
        /// Name as people say it.
        title: String,
        /// How much it can do at once.
        capacity: u32 = 1,
        /// When it works.
        calendar: Option<CalendarId>,
        /// The discipline whose words it uses.
        discipline: Option<String>,
    }

    /// Something that may happen and then moves the plan. One that hits everything of a supplier,
    /// a team or a regime is a risk driver: it happens once and hits them all.
    struct Risk {
        /// Id of the risk.
        id: RiskId,
        /// What may happen.
        title: String,
        /// How likely.
        probability: Share,
        /// What it does when it happens.
        effects: Vec<RiskEffect>,
        /// Who watches it.
        owner: Option<StakeholderId>,
        /// What is done about it.
        mitigation: Option<String>,
    }

    /// What a risk does when it happens: to one activity, or to all of a supplier, team, regime
    /// or revision.
    struct RiskEffect {
        /// The activity that it hits.
        activity: Option<ActivityId>,
        /// It hits all that is bought from or built by this supplier.
        supplier: Option<SupplierId>,
        /// It hits all work of this team.
        team: Option<TeamId>,
        /// It hits all certification under this regime.
        regime: Option<RegimeId>,
        /// It hits the builds of this revision.
        revision: Option<RevisionId>,
        /// Time that is added.
        add: Option<Estimate>,
        /// Factor on the duration.
        multiply: Option<Factor>,
    }

    /// Activities whose durations go up and down together.
    struct Correlation {
        /// Id of the group.
        id: CorrelationId,
        /// The shared cause.
        title: String,
        /// Correlation of any two of them, 0 to 1.
        rho: Share,
        /// Members by name.
        activities: Vec<ActivityId>,
        /// Members: all that is bought from or built by these suppliers.
        suppliers: Vec<SupplierId>,
        /// Members: all work of these teams.
        teams: Vec<TeamId>,
    }

    /// A question with options that gates activities.
    struct Decision {
        /// Id of the decision.
        id: DecisionId,
        /// The question.
        title: String,
        /// What one must know to answer it.
        context: Option<String>,
        /// What can be decided.
        options: Vec<DecisionOption>,
        /// The activities that can't start before it is decided, authored or derived.
        gates: Vec<ActivityId>,
        /// The milestone, launch or other activity that must hold its date.
        target: Option<ActivityId>,
        /// The date that must hold; left out, the target's own.
        target_date: Option<Date>,
        /// How sure it should be; left out, the bundle's confidence.
        confidence: Option<Share>,
        /// Who decides.
        owner: Option<StakeholderId>,
        /// Who must be heard.
        consult: Vec<StakeholderId>,
        /// What waiting another week is worth: what is learnt meanwhile.
        waiting_value_per_week: Option<Money>,
        /// What a week of delay of the target costs.
        delay_cost_per_week: Option<Money>,
        /// The case for building something in now against a respin later.
        include_or_respin: Option<IncludeOrRespin>,
        /// What was decided.
        decided: Option<Decided>,
    }

    /// One answer to a decision.
    struct DecisionOption {
        /// Short name of the option.
        id: String,
        /// What it means.
        title: String,
        /// The scenario that shows its consequences.
        scenario: Option<ScenarioId>,
        /// What it costs.
        cost: Option<Money>,
    }

    /// The answer that was given.
    struct Decided {
        /// The option chosen.
        option: String,
        /// The day.
        on: Date,
        /// Why.
        reason: Option<String>,
    }

    /// Include a capability now, or respin later: include if cN + K0 < q·[K1·e^(−rT) + V·(1−S)].
    struct IncludeOrRespin {
        /// c: what it adds to the cost of one unit.
        unit_cost: Money,
        /// N: units that carry it.
        units: u64,
        /// K0: one-off cost of including it now.
        cost_now: Money,
        /// q: the probability that the need is real.
        probability: Share,
        /// K1: one-off cost of the respin.
        respin_cost: Money,
        /// T: time until the respin would be paid.
        respin_in: Quantity,
        /// r: the yearly discount rate.
        discount_rate: Share = Share::NONE,
        /// V: what the feature is worth.
        value: Money,
        /// S: the share of that value which is left after the delay of a respin.
        value_left: Share,
    }

    /// A named overlay of changes on the product.
    struct Scenario {
        /// Id of the scenario.
        id: ScenarioId,
        /// What it supposes.
        title: String,
        /// The changes, in order.
        changes: Vec<ScenarioChange>,
    }

    /// One change: fields set on a record, a record added, or a record removed.
    struct ScenarioChange {
        /// Kind of the record, for example "offer".
        kind: String,
        /// Id of the record.
        id: String,
        /// Fields to set; on a record that isn't there yet, the whole record.
        set: Option<Node>,
        /// Fields to empty.
        unset: Vec<String>,
        /// Removes the record.
        remove: bool = false,
    }
}

words! {
    /// Which ends of two activities a link joins.
    enum LinkKind {
        /// The second starts after the first has finished.
        FinishToStart = "FS",
        /// The second starts after the first has started.
        StartToStart = "SS",
        /// The second finishes after the first has finished.
        FinishToFinish = "FF",
        /// The second finishes after the first has started.
        StartToFinish = "SF",
    }

    /// Whether a lag is a least or a most.
    enum Bound {
        /// At least the lag lies between the two ends.
        Minimum = "minimum",
        /// At most the lag lies between the two ends.
        Maximum = "maximum",
    }

    /// The two horizons.
    enum Band {
        /// Quarters: boards, tooling, certificates.
        Hardware = "hardware",
        /// Weeks: firmware, cloud, apps.
        Software = "software",
    }

    /// A day of the week.
    enum Weekday {
        /// Monday.
        Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
}

impl Weekday {
    /// The usual working week.
    pub const MONDAY_TO_FRIDAY: [Weekday; 5] =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
}
