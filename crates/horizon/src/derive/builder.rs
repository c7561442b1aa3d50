//! Collects nodes and links while the network is derived.

mod calendar;
mod ending;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use longlead_model::{
    ActivityId, Band, Bundle, CalendarId, Code, Diagnostic, Distribution, Estimate, FeatureId,
    Kind, Lag, Records, RegimeId, Revision, RevisionId, Step, SupplierId, TeamId, TimeUnit, Work,
    nearest,
};
use longlead_network as network;
use longlead_network::{
    ActivityIndex, At, CalendarIndex, Constraint, ConstraintKind, Demand, Network, Progress,
    Rework, TeamIndex,
};

use crate::calendar::PlanCalendar;
use crate::capability::{Offered, all_offered};
use crate::derive::supply::Supply;
use crate::derive::{Carrier, Derivation, Derived, LinkOrigin, Role, fact};
use crate::reason::Reason;
use crate::timeline::Timeline;

/// What risks and correlations may hit an activity by.
#[derive(Clone, Debug, Default)]
pub(super) struct Facets {
    pub(super) supplier: Option<SupplierId>,
    pub(super) teams: Vec<TeamId>,
    pub(super) regime: Option<RegimeId>,
    pub(super) revision: Option<RevisionId>,
}

/// A link between ids, until all nodes are there.
#[derive(Clone, Debug)]
struct PendingLink {
    from: ActivityId,
    to: ActivityId,
    kind: network::LinkKind,
    lag: network::Lag,
    bound: network::Bound,
    origin: LinkOrigin,
    /// The record and path that states the link, for messages.
    stated: Option<(Kind, String, Vec<Step>)>,
}

/// A node before it enters the network.
pub(super) struct NewNode {
    pub(super) derived: Derived,
    pub(super) calendar: CalendarIndex,
    pub(super) estimate: network::Estimate,
    pub(super) facets: Facets,
}

pub(super) struct Builder<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) as_of: Date,
    pub(super) timeline: Timeline,
    pub(super) network: Network,
    pub(super) nodes: Vec<Derived>,
    pub(super) facets: Vec<Facets>,
    pub(super) index: BTreeMap<ActivityId, ActivityIndex>,
    pub(super) carriers: BTreeMap<FeatureId, Carrier>,
    pub(super) settled: BTreeSet<ActivityId>,
    /// What can never happen as planned: launches that no hardware will carry.
    pub(super) impossible: BTreeSet<ActivityId>,
    pub(super) supply: Supply<'a>,
    offered: BTreeMap<RevisionId, Offered>,
    suggestions: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
    calendars: BTreeMap<CalendarId, CalendarIndex>,
    plan_calendars: Vec<PlanCalendar>,
    week_days: Vec<f64>,
    default_calendar: CalendarIndex,
    links: Vec<PendingLink>,
}

/// Suggesting a name compares it with every activity: past so many, a hostile bundle would take
/// minutes.
const SUGGESTIONS_MAX: usize = 100;

/// How many calendars may extend one another in a row; nobody has more than a handful.
const EXTENDS_MAX: usize = 16;

/// The calendar on which every day counts.
pub(super) const ELAPSED: CalendarIndex = CalendarIndex::new(0);

impl<'a> Builder<'a> {
    pub(super) fn new(bundle: &'a Bundle, as_of: Date) -> Builder<'a> {
        let timeline = Timeline::new(as_of, earliest_date(&bundle.records, as_of));
        let status = At::start_of(timeline.slot(as_of));
        let mut builder = Builder {
            bundle,
            as_of,
            timeline,
            network: Network::new(timeline.slots(), status),
            nodes: Vec::new(),
            facets: Vec::new(),
            index: BTreeMap::new(),
            carriers: BTreeMap::new(),
            settled: BTreeSet::new(),
            impossible: BTreeSet::new(),
            supply: Supply::of(bundle),
            offered: all_offered(bundle),
            suggestions: 0,
            diagnostics: Vec::new(),
            calendars: BTreeMap::new(),
            plan_calendars: Vec::new(),
            week_days: Vec::new(),
            default_calendar: ELAPSED,
            links: Vec::new(),
        };
        builder.compile_calendars();
        let teams = bundle.records.teams.values();
        builder.network.teams = teams
            .map(|team| network::Team { name: team.id.to_string(), capacity: team.capacity })
            .collect();
        builder
    }

    /// What a revision offers.
    pub(super) fn offered(&self, revision: &Revision) -> &Offered {
        static NOTHING: Offered = Offered::NOTHING;
        self.offered.get(&revision.id).unwrap_or(&NOTHING)
    }

    /// The calendar of an id; `elapsed` is always there.
    pub(super) fn calendar(&self, id: Option<&CalendarId>) -> Option<CalendarIndex> {
        let id = id?;
        if id.as_str() == "elapsed" {
            return Some(ELAPSED);
        }
        self.calendars.get(id).copied()
    }

    /// The calendar that counts the days of some work.
    pub(super) fn work_calendar(&self, work: &Work) -> CalendarIndex {
        let teams = work.team.iter().chain(work.teams.keys());
        let of_team = teams
            .filter_map(|team| self.bundle.records.teams.get(team))
            .find_map(|team| self.calendar(team.calendar.as_ref()));
        self.calendar(work.calendar.as_ref()).or(of_team).unwrap_or(self.default_calendar)
    }

    /// A calendar, for reasons.
    fn plan_calendar(&self, index: CalendarIndex) -> PlanCalendar {
        self.plan_calendars.get(index.index()).cloned().unwrap_or(PlanCalendar::Elapsed)
    }

    fn unit_days(&self, unit: TimeUnit, calendar: CalendarIndex) -> f64 {
        match unit {
            TimeUnit::Day => 1.0,
            TimeUnit::Week => self.week_days.get(calendar.index()).copied().unwrap_or(7.0),
        }
    }

    /// An estimate in slots of a calendar.
    pub(super) fn estimate(
        &self,
        estimate: &Estimate,
        calendar: CalendarIndex,
    ) -> network::Estimate {
        let days = self.unit_days(estimate.unit, calendar);
        scaled(&estimate.distribution, days)
    }

    /// A lag in slots of a calendar.
    pub(super) fn lag(&self, lag: Option<Lag>, calendar: CalendarIndex) -> network::Lag {
        let amount = lag.map_or(0.0, |lag| lag.amount * self.unit_days(lag.unit, calendar));
        network::Lag { amount, calendar }
    }

    /// Adds a node of some work: its estimate, teams, and chances of rework, with the reasons.
    pub(super) fn add_work(
        &mut self,
        mut derived: Derived,
        work: &Work,
        mut facets: Facets,
    ) -> ActivityIndex {
        let calendar = self.work_calendar(work);
        let estimate = self.estimate(&work.estimate, calendar);
        let teams: Vec<&TeamId> = work.team.iter().chain(work.teams.keys()).collect();
        derived.because.push(Reason::Estimated {
            activity: derived.id.clone(),
            estimate: work.estimate.to_string(),
            team: teams.first().map(|team| (*team).clone()),
            calendar: self.plan_calendar(calendar),
        });
        if let (Some(first_pass), Some(rework)) = (work.first_pass, &work.rework) {
            derived.because.push(Reason::MayFail {
                activity: derived.id.clone(),
                first_pass: first_pass.value(),
                rework: rework.to_string(),
            });
        }
        let mut seen = BTreeSet::new();
        facets.teams = teams.into_iter().filter(|team| seen.insert(*team)).cloned().collect();
        let index = self.add(NewNode { derived, calendar, estimate, facets });
        let demands = self.demands(work);
        let rework = work.first_pass.zip(work.rework.as_ref()).map(|(first_pass, rework)| Rework {
            first_pass: first_pass.value(),
            estimate: self.estimate(rework, calendar),
            rounds_max: work.rework_rounds_max,
        });
        if let Some(activity) = self.network.activities.get_mut(index.index()) {
            activity.demands = demands;
            activity.rework = rework.filter(|rework| rework.first_pass > 0.0);
        }
        index
    }

    fn demands(&self, work: &Work) -> Vec<Demand> {
        let teams = &self.bundle.records.teams;
        let position = |wanted: &TeamId| {
            let at = teams.keys().position(|team| team == wanted)?;
            Some(TeamIndex::new(at as u32))
        };
        let mut demands = Vec::new();
        if let Some(team) = work.team.as_ref().and_then(position) {
            demands.push(Demand { team, units: 1 });
        }
        for (team, units) in &work.teams {
            if let Some(team) =
                position(team).filter(|_| *units > 0 && work.team.as_ref() != Some(team))
            {
                demands.push(Demand { team, units: *units });
            }
        }
        demands
    }

    /// Adds a point in time.
    pub(super) fn add_milestone(&mut self, derived: Derived, facets: Facets) -> ActivityIndex {
        let estimate = network::Estimate::Fixed(0.0);
        self.add(NewNode { derived, calendar: ELAPSED, estimate, facets })
    }

    pub(super) fn add(&mut self, node: NewNode) -> ActivityIndex {
        let NewNode { mut derived, calendar, estimate, facets } = node;
        fact::trace(&self.bundle.records, &mut derived, &facets);
        let index = ActivityIndex::new(self.network.activities.len() as u32);
        let mut activity = network::Activity::new(derived.id.to_string(), calendar, estimate);
        activity.progress = self.progress(&derived.id, calendar);
        self.network.activities.push(activity);
        self.index.insert(derived.id.clone(), index);
        self.nodes.push(derived);
        self.facets.push(facets);
        self.happened(index);
        index
    }

    /// Adds the reason that the activity really started or finished.
    fn happened(&mut self, index: ActivityIndex) {
        let Some(node) = self.nodes.get_mut(index.index()) else {
            return;
        };
        let Some(actual) = self.bundle.records.actuals.get(node.id.as_str()) else {
            return;
        };
        node.because.push(Reason::Happened {
            activity: node.id.clone(),
            started: actual.started,
            finished: actual.finished,
        });
    }

    /// What has happened to an activity, by its actual.
    fn progress(&self, id: &ActivityId, calendar: CalendarIndex) -> Progress {
        let Some(actual) = self.bundle.records.actuals.get(id.as_str()) else {
            return Progress::NotStarted;
        };
        let start = |date: Date| At::start_of(self.timeline.slot(date));
        match (actual.started, actual.finished) {
            (started, Some(finished)) => Progress::Finished {
                start: start(started.unwrap_or(finished)),
                finish: At::end_of(self.timeline.slot(finished)),
            },
            (Some(started), None) => Progress::Started {
                start: start(started),
                remaining: actual.remaining.as_ref().map(|rest| self.estimate(rest, calendar)),
            },
            (None, None) => Progress::NotStarted,
        }
    }

    /// Sets what has happened to an activity where something else than its actual tells it.
    pub(super) fn set_progress(&mut self, index: ActivityIndex, progress: Progress) {
        if let Some(activity) = self.network.activities.get_mut(index.index())
            && activity.progress == Progress::NotStarted
        {
            activity.progress = progress;
        }
    }

    /// Holds an activity to a date.
    pub(super) fn constrain(
        &mut self,
        index: ActivityIndex,
        kind: ConstraintKind,
        date: Option<Date>,
    ) {
        let Some(date) = date else { return };
        let slot = self.timeline.slot(date);
        let at = match kind {
            ConstraintKind::StartNoEarlierThan
            | ConstraintKind::StartNoLaterThan
            | ConstraintKind::MustStartOn => At::start_of(slot),
            ConstraintKind::FinishNoEarlierThan
            | ConstraintKind::FinishNoLaterThan
            | ConstraintKind::MustFinishOn => At::end_of(slot),
        };
        if let Some(activity) = self.network.activities.get_mut(index.index()) {
            activity.constraints.push(Constraint { kind, at });
        }
    }

    /// A derived link: `to` starts after `from` has finished.
    pub(super) fn after(&mut self, to: &ActivityId, from: &ActivityId) {
        self.links.push(PendingLink {
            from: from.clone(),
            to: to.clone(),
            kind: network::LinkKind::FinishToStart,
            lag: network::Lag { amount: 0.0, calendar: ELAPSED },
            bound: network::Bound::Minimum,
            origin: LinkOrigin::Derived,
            stated: None,
        });
    }

    /// An authored `after`, told where it stands if it leads nowhere.
    pub(super) fn stated_after(
        &mut self,
        to: &ActivityId,
        from: &ActivityId,
        stated: (Kind, &str, Vec<Step>),
    ) {
        self.after(to, from);
        if let Some(link) = self.links.last_mut() {
            link.origin = LinkOrigin::Authored;
            link.stated = Some((stated.0, stated.1.to_owned(), stated.2));
        }
    }

    /// An authored link.
    pub(super) fn stated_link(&mut self, link: &longlead_model::Link) {
        let calendar = self.calendar(link.lag_calendar.as_ref()).unwrap_or(ELAPSED);
        self.links.push(PendingLink {
            from: link.from.clone(),
            to: link.to.clone(),
            kind: match link.kind {
                longlead_model::LinkKind::FinishToStart => network::LinkKind::FinishToStart,
                longlead_model::LinkKind::StartToStart => network::LinkKind::StartToStart,
                longlead_model::LinkKind::FinishToFinish => network::LinkKind::FinishToFinish,
                longlead_model::LinkKind::StartToFinish => network::LinkKind::StartToFinish,
            },
            lag: self.lag(link.lag, calendar),
            bound: match link.bound {
                longlead_model::Bound::Minimum => network::Bound::Minimum,
                longlead_model::Bound::Maximum => network::Bound::Maximum,
            },
            origin: LinkOrigin::Authored,
            stated: Some((Kind::Link, link.id.to_string(), Vec::new())),
        });
    }

    /// The node that an authored reference means. A settled one is `None` without a word: it is
    /// past, and holds nothing up.
    pub(super) fn resolve(
        &mut self,
        id: &ActivityId,
        stated: Option<(Kind, &str, &[Step])>,
    ) -> Option<ActivityIndex> {
        if let Some(index) = self.index.get(id) {
            return Some(*index);
        }
        // An authored id that doesn't exist was told when the bundle was checked.
        if self.settled.contains(id) || self.impossible.contains(id) || !id.is_derived() {
            return None;
        }
        self.suggestions += 1;
        let near = (self.suggestions <= SUGGESTIONS_MAX)
            .then(|| nearest(id.as_str(), self.index.keys().map(ActivityId::as_str)))
            .flatten();
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`longlead plan` lists the derived activities with their ids".to_owned(),
        };
        let place = stated.and_then(|(kind, id, path)| self.bundle.place(kind, id, path));
        let message = match stated {
            Some((kind, by, _)) => {
                format!("{} `{by}` names `{id}`, which nothing derives", kind.word())
            }
            None => format!("nothing derives `{id}`"),
        };
        let diagnostic = Diagnostic::error(Code::UnknownReference, message).at(place).help(help);
        self.diagnostics.push(diagnostic);
        None
    }

    /// A network of what is there so far, to see what comes first.
    pub(super) fn preview(&self) -> Network {
        let mut preview = self.network.clone();
        preview.links = self
            .links
            .iter()
            .filter_map(|link| {
                let (from, to) = (*self.index.get(&link.from)?, *self.index.get(&link.to)?);
                Some(network::Link { from, to, kind: link.kind, lag: link.lag, bound: link.bound })
            })
            .collect();
        preview
    }

    pub(super) fn finish(mut self) -> Derivation {
        let ends: Vec<(ActivityId, ActivityId)> =
            self.links.iter().map(|link| (link.from.clone(), link.to.clone())).collect();
        let unreachable = self.unreachable(&ends);
        let links = self.connect();
        self.resolve_mentions();
        self.reach_milestones();
        self.correlate();
        Derivation {
            network: self.network,
            nodes: self.nodes,
            index: self.index,
            links,
            calendars: self.plan_calendars,
            timeline: self.timeline,
            carriers: self.carriers,
            settled: self.settled,
            unreachable,
            offered: self.offered,
            diagnostics: self.diagnostics,
        }
    }
}

/// A distribution in slots, where one of its units is so many of them.
pub(super) fn scaled(distribution: &Distribution, days: f64) -> network::Estimate {
    match distribution {
        Distribution::Fixed(value) => network::Estimate::Fixed(value * days),
        Distribution::Pert { low, likely, high } => {
            network::Estimate::Pert { a: low * days, m: likely * days, b: high * days }
        }
        Distribution::Triangular { low, likely, high } => {
            network::Estimate::Triangular { a: low * days, m: likely * days, b: high * days }
        }
        Distribution::Lognormal { p50, p90 } => {
            network::Estimate::Lognormal { p50: p50 * days, p90: p90 * days }
        }
        Distribution::Uniform { low, high } => {
            network::Estimate::Uniform { a: low * days, b: high * days }
        }
        Distribution::Observed(values) => {
            network::Estimate::Empirical(values.iter().map(|value| value * days).collect())
        }
    }
}

/// The earliest day that anything is said to have happened on.
fn earliest_date(records: &Records, as_of: Date) -> Date {
    let actuals = records.actuals.values().flat_map(|it| [it.started, it.finished]).flatten();
    let orders = records.orders.values().map(|it| it.placed);
    actuals.chain(orders).fold(as_of, Date::min)
}

/// A node without reasons yet; to whom it belongs is filled in when it is added.
pub(super) fn derived(id: ActivityId, title: String, role: Role, band: Band) -> Derived {
    Derived {
        id,
        title,
        role,
        band,
        because: Vec::new(),
        target: None,
        confidence: None,
        teams: Vec::new(),
        product: None,
        markets: Vec::new(),
        sources: BTreeSet::new(),
    }
}
