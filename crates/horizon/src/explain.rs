//! Explain: the chain from a date back to the facts that made it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use longlead_model::{ActivityId, Bundle, Calendar, Kind, TeamId, nearest};
use longlead_network::{
    ActivityDates, ActivityIndex, Bound, CalendarIndex, Constraint, ConstraintKind, Driver, Link,
    LinkIndex, Schedule,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::decision::DecisionForecast;
use crate::derive::{Derivation, Derived, hardware, software};
use crate::forecast::{MilestoneForecast, Plan};
use crate::reason::Reason;

/// Why a date is what it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// What is explained.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Its forecast, if it is a milestone, release or launch.
    pub milestone: Option<MilestoneForecast>,
    /// Its forecast, if it is a decision.
    pub decision: Option<DecisionForecast>,
    /// The steps on the way, the last first: each waits for the next.
    pub steps: Vec<ExplanationStep>,
}

/// One activity on the way, with its reasons.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExplanationStep {
    /// The activity.
    #[schemars(with = "String")]
    pub activity: ActivityId,
    /// Its name.
    pub title: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Why it lies there.
    pub because: Vec<Reason>,
}

/// The longest chain that is told.
const STEPS_MAX: usize = 60;

impl Plan {
    /// Explains the date of an activity, milestone, launch, release or decision; of a feature, its
    /// launch; of a revision, its first units. `Err` has the nearest id there is, if any is near.
    pub fn explain(&self, bundle: &Bundle, id: &str) -> Result<Explanation, Option<String>> {
        let decision = self.forecast.decisions.iter().find(|decision| decision.id.as_str() == id);
        let activity = match decision {
            Some(decision) => decision.target.clone(),
            None => self.meant(bundle, id),
        };
        let node = activity.as_ref().and_then(|activity| self.derivation.find(activity));
        if node.is_none() && decision.is_none() {
            return Err(self.nearest_id(bundle, id));
        }
        let title = match (decision, node) {
            (Some(decision), _) => decision.title.clone(),
            (None, Some((_, node))) => node.title.clone(),
            (None, None) => id.to_owned(),
        };
        let milestone = self
            .forecast
            .milestones
            .iter()
            .find(|milestone| Some(&milestone.id) == activity.as_ref());
        let steps = node.map(|(index, _)| {
            chain(&self.derivation, &self.schedule, index)
                .into_iter()
                .filter_map(|index| self.step(bundle, index))
                .collect()
        });
        Ok(Explanation {
            id: id.to_owned(),
            title,
            milestone: milestone.cloned(),
            decision: decision.cloned(),
            steps: steps.unwrap_or_default(),
        })
    }

    /// The activity that an id stands for.
    fn meant(&self, bundle: &Bundle, id: &str) -> Option<ActivityId> {
        let plain = ActivityId::try_from(id).ok();
        if let Some(plain) = plain.filter(|plain| self.derivation.index.contains_key(plain)) {
            return Some(plain);
        }
        let records = &bundle.records;
        if let Some((feature, _)) = records.features.get_key_value(id) {
            return Some(software::ids::launch(feature));
        }
        if let Some((release, _)) = records.releases.get_key_value(id) {
            return Some(software::ids::release(release));
        }
        if let Some((build, _)) = records.builds.get_key_value(id) {
            return Some(hardware::ids::build(build));
        }
        let (revision, _) = records.revisions.get_key_value(id)?;
        let units = hardware::ids::units(revision);
        self.derivation.index.contains_key(&units).then_some(units)
    }

    fn nearest_id(&self, bundle: &Bundle, id: &str) -> Option<String> {
        let activities = self.derivation.index.keys().map(ActivityId::as_str);
        let decisions = self.forecast.decisions.iter().map(|decision| decision.id.as_str());
        let kinds = [Kind::Feature, Kind::Release, Kind::Revision, Kind::Build];
        let records = kinds.into_iter().flat_map(|kind| bundle.records.ids(kind));
        nearest(id, activities.chain(decisions).chain(records)).map(str::to_owned)
    }

    fn step(&self, bundle: &Bundle, index: ActivityIndex) -> Option<ExplanationStep> {
        let (node, dates) = dated(&self.derivation, &self.schedule, index)?;
        let (from, to) = days(&self.derivation, dates);
        let mut because = node.because.clone();
        because.extend(self.days_off(bundle, index, node, (from, to)));
        because.extend(driver_reason(&self.derivation, &self.schedule, index));
        Some(ExplanationStep {
            activity: node.id.clone(),
            title: node.title.clone(),
            from,
            to,
            because,
        })
    }

    /// Shutdowns of the activity's calendar that fall between its first and last day.
    fn days_off(
        &self,
        bundle: &Bundle,
        index: ActivityIndex,
        node: &Derived,
        (from, to): (Date, Date),
    ) -> Vec<Reason> {
        let activity = self.derivation.network.activities.get(index.index());
        let calendar = activity.and_then(|it| self.derivation.calendars.get(it.calendar.index()));
        let calendars = &bundle.records.calendars;
        let mut next = calendar.and_then(|it| calendars.get(it.id()?));
        let mut reasons = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(calendar) = next.filter(|calendar| seen.insert(calendar.id.clone())) {
            reasons.extend(closures(calendar, &node.id, from, to));
            next = calendar.extends.as_ref().and_then(|id| calendars.get(id));
        }
        reasons
    }
}

fn closures<'a>(
    calendar: &'a Calendar,
    activity: &'a ActivityId,
    from: Date,
    to: Date,
) -> impl Iterator<Item = Reason> + 'a {
    let within = calendar.shutdowns.iter().filter(move |it| it.from <= to && it.to >= from);
    within.map(move |closure| Reason::DaysOff {
        activity: activity.clone(),
        calendar: calendar.id.clone(),
        title: closure.title.clone(),
        from: closure.from,
        to: closure.to,
    })
}

/// The first and last day of a node; a point in time has one day.
fn days(derivation: &Derivation, dates: &ActivityDates) -> (Date, Date) {
    let timeline = &derivation.timeline;
    let to = timeline.finish_date(dates.early_finish);
    if dates.early_start == dates.early_finish {
        return (to, to);
    }
    (timeline.start_date(dates.early_start), to)
}

/// The node and its dates, unless it is the finish of the whole plan, which has no node.
fn dated<'a>(
    derivation: &'a Derivation,
    schedule: &'a Schedule,
    index: ActivityIndex,
) -> Option<(&'a Derived, &'a ActivityDates)> {
    Some((derivation.node(index)?, schedule.activities.get(index.index())?))
}

/// The activities that drive a date, from it back to where nothing drives any more.
fn chain(derivation: &Derivation, schedule: &Schedule, from: ActivityIndex) -> Vec<ActivityIndex> {
    let mut chain = vec![from];
    let mut at = from;
    while let Some((_, link)) = driving_link(derivation, schedule, at) {
        // Maximum lags drive backwards, so a chain can come back to where it was.
        let before = if link.to == at { link.from } else { link.to };
        if chain.contains(&before) || chain.len() >= STEPS_MAX {
            break;
        }
        chain.push(before);
        at = before;
    }
    chain
}

fn driving_link<'a>(
    derivation: &'a Derivation,
    schedule: &Schedule,
    index: ActivityIndex,
) -> Option<(LinkIndex, &'a Link)> {
    match schedule.activities.get(index.index())?.driver {
        Driver::Link(link) => Some((link, derivation.network.links.get(link.index())?)),
        _ => None,
    }
}

/// What fixed the date of an activity.
fn driver_reason(
    derivation: &Derivation,
    schedule: &Schedule,
    index: ActivityIndex,
) -> Option<Reason> {
    let (node, dates) = dated(derivation, schedule, index)?;
    let (from, _) = days(derivation, dates);
    let activity = node.id.clone();
    match dates.driver {
        Driver::Status => Some(Reason::FromAsOf { activity, on: from }),
        Driver::Constraint(kind) => {
            let constraints = &derivation.network.activities.get(index.index())?.constraints;
            let imposed = constraints.iter().find(|constraint| constraint.kind == kind);
            let on = imposed.map_or(from, |constraint| imposed_day(derivation, constraint));
            Some(Reason::Imposed { activity, constraint: constraint_words(kind).to_owned(), on })
        }
        Driver::Link(link) => link_reason(derivation, schedule, index, link),
        // What has happened is told with the node.
        Driver::Actual | Driver::Placement => None,
    }
}

/// The day that a constraint names, which may be a day off.
fn imposed_day(derivation: &Derivation, constraint: &Constraint) -> Date {
    match constraint.kind {
        ConstraintKind::StartNoEarlierThan
        | ConstraintKind::StartNoLaterThan
        | ConstraintKind::MustStartOn => derivation.timeline.start_date(constraint.at),
        ConstraintKind::FinishNoEarlierThan
        | ConstraintKind::FinishNoLaterThan
        | ConstraintKind::MustFinishOn => derivation.timeline.finish_date(constraint.at),
    }
}

fn constraint_words(kind: ConstraintKind) -> &'static str {
    match kind {
        ConstraintKind::StartNoEarlierThan => "starts no earlier than",
        ConstraintKind::StartNoLaterThan => "starts no later than",
        ConstraintKind::FinishNoEarlierThan => "finishes no earlier than",
        ConstraintKind::FinishNoLaterThan => "finishes no later than",
        ConstraintKind::MustStartOn => "starts on",
        ConstraintKind::MustFinishOn => "finishes on",
    }
}

fn link_reason(
    derivation: &Derivation,
    schedule: &Schedule,
    index: ActivityIndex,
    link_index: LinkIndex,
) -> Option<Reason> {
    let link = derivation.network.links.get(link_index.index())?;
    let before = if link.to == index { link.from } else { link.to };
    let (node, _) = dated(derivation, schedule, index)?;
    let (predecessor, dates) = dated(derivation, schedule, before)?;
    let (from, to) = days(derivation, dates);
    let activity = node.id.clone();
    if link.bound == Bound::Maximum && link.from == index {
        return Some(Reason::KeepsUp {
            activity,
            successor: predecessor.id.clone(),
            link: link.kind.abbreviation().to_owned(),
            lag: lag_words(derivation, link),
            on: if link.kind.enters_finish() { to } else { from },
        });
    }
    let until = if link.kind.leaves_start() { from } else { to };
    if derivation.link_origin(link_index).is_none() {
        let team = shared_team(derivation, index, before)?;
        let predecessor = predecessor.id.clone();
        return Some(Reason::TeamBusy { activity, predecessor, team, until });
    }
    Some(Reason::WaitsFor {
        activity,
        predecessor: predecessor.id.clone(),
        link: link.kind.abbreviation().to_owned(),
        lag: lag_words(derivation, link),
        until,
    })
}

fn lag_words(derivation: &Derivation, link: &Link) -> Option<String> {
    let calendar = derivation.calendars.get(link.lag.calendar.index())?;
    let amount = link.lag.amount;
    let is_elapsed = link.lag.calendar == CalendarIndex::new(0);
    let days = if is_elapsed { "elapsed".to_owned() } else { format!("of {calendar}") };
    (amount != 0.0).then(|| format!("{amount} d {days}"))
}

fn shared_team(derivation: &Derivation, a: ActivityIndex, b: ActivityIndex) -> Option<TeamId> {
    let activities = &derivation.network.activities;
    let (a, b) = (activities.get(a.index())?, activities.get(b.index())?);
    let shared = a.demands.iter().find(|it| b.demands.iter().any(|other| other.team == it.team))?;
    TeamId::try_from(derivation.network.teams.get(shared.team.index())?.name.as_str()).ok()
}

/// What drives a target, in the order of time, from the gated work on if it lies on the way.
pub(crate) fn path_to(
    derivation: &Derivation,
    schedule: &Schedule,
    target: &ActivityId,
    gates: &[ActivityId],
) -> Vec<Reason> {
    let Some((index, _)) = derivation.find(target) else {
        return Vec::new();
    };
    let mut path = Vec::new();
    for step in chain(derivation, schedule, index) {
        let Some((node, dates)) = dated(derivation, schedule, step) else {
            continue;
        };
        let (from, to) = days(derivation, dates);
        let (activity, title) = (node.id.clone(), node.title.clone());
        path.push(Reason::Lies { activity, title, from, to });
        if gates.contains(&node.id) {
            break;
        }
    }
    path.reverse();
    path
}
