//! Decisions: by when, how sure, what limits them, and what waiting costs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use longlead_model::{
    ActivityId, Bundle, CapabilityId, Code, Decision, DecisionId, Diagnostic, FeatureId, Kind,
    Money, RevisionId, Step,
};
use longlead_network::{
    ActivityIndex, At, GateOutcome, GateRequest, Schedule, Simulation, Span, TICKS_PER_SLOT,
};
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;

use crate::capability::{missing, offered};
use crate::derive::{Carrier, Derivation, hardware, is_open, software};
use crate::explain::path_to;
use crate::forecast::{Ask, Asked, State, rounded};
use crate::options::{OptionValue, include_or_respin};
use crate::reason::Reason;
use crate::timeline::days_between;

/// A decision with the date by which it must be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionForecast {
    /// Its id; of a derived decision, what it would carry: `carry:tracker-c:light-sensor`.
    pub id: String,
    /// The question.
    pub title: String,
    /// True if it follows from facts and nobody wrote it.
    pub derived: bool,
    /// The activities that wait for it.
    pub gates: Vec<ActivityId>,
    /// The activity whose date must hold.
    pub target: Option<ActivityId>,
    /// The date that must hold.
    pub target_date: Option<Date>,
    /// How sure it should be.
    pub confidence: f64,
    /// The latest day on which the gated work can start with that confidence; none if even today
    /// is too late.
    pub decide_by: Option<Date>,
    /// Days from the as-of day to then.
    pub days_left: Option<i32>,
    /// The probability that the target holds if it is decided at once.
    pub best_confidence: Option<f64>,
    /// What keeps the target from holding, most often first.
    pub limited_by: Vec<Limit>,
    /// The probability that the target holds, by the day of the decision.
    pub curve: Vec<(Date, f64)>,
    /// The day by which to decide if a week of delay and a week of waiting have a price.
    pub economic: Option<EconomicDecideBy>,
    /// How it stands.
    pub state: State,
    /// What can be decided.
    pub options: Vec<String>,
    /// The case for including now against a respin later.
    pub option_value: Option<OptionValue>,
    /// What was decided.
    pub decided: Option<String>,
    /// Who decides.
    pub owner: Option<String>,
    /// Who must be heard.
    pub consult: Vec<String>,
    /// Why, from the gated work to the target.
    pub because: Vec<Reason>,
}

/// An activity that keeps a target from holding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// The activity.
    pub activity: ActivityId,
    /// Its name.
    pub title: String,
    /// The share of late samples in which it drives the date.
    pub share: f64,
}

/// The decide-by that prices ask for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EconomicDecideBy {
    /// c_d / (c_d + c_w): the confidence at which delay and waiting cost the same.
    pub confidence: f64,
    /// The latest day with that confidence; none if even today is too late.
    pub decide_by: Option<Date>,
}

/// A question that is put to the simulation for a decision.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) request: GateRequest,
    pub(crate) question: Question,
    /// The day on which a gated specification freezes: after it, nothing can be decided any more.
    pub(crate) freeze: Option<Date>,
}

/// Which decision a gate is of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    Authored(DecisionId),
    /// Carry a capability on a revision, for one feature.
    Carry {
        revision: RevisionId,
        capability: CapabilityId,
        feature: FeatureId,
    },
}

/// The gates of every decision that has a target with a date.
pub(crate) fn gates(bundle: &Bundle, ask: &Ask, derivation: &Derivation) -> Vec<Gate> {
    let mut gates = Vec::new();
    for decision in bundle.records.decisions.values() {
        let gated = decision.gates.iter().filter_map(|id| derivation.index.get(id).copied());
        let Some((target, date)) = target_of(decision, derivation) else {
            continue;
        };
        let Some(index) = derivation.index.get(&target) else {
            continue;
        };
        gates.push(Gate {
            request: GateRequest {
                activities: gated.collect(),
                target: *index,
                deadline: At::end_of(derivation.timeline.slot(date)),
            },
            question: Question::Authored(decision.id.clone()),
            freeze: freeze_of(bundle, &decision.gates),
        });
    }
    gates.extend(carry_gates(bundle, ask, derivation));
    // A gate without activities asks nothing: what it gated is past.
    gates.retain(|gate| !gate.request.activities.is_empty());
    gates
}

/// The first day on which a specification freezes whose design is gated.
fn freeze_of(bundle: &Bundle, gates: &[ActivityId]) -> Option<Date> {
    let revisions = bundle.records.revisions.values();
    let gated = revisions.filter(|it| gates.contains(&hardware::ids::design(&it.id)));
    gated.filter_map(|revision| revision.specification_freeze).min()
}

/// The target of a decision and the date that it must hold.
fn target_of(decision: &Decision, derivation: &Derivation) -> Option<(ActivityId, Date)> {
    let target = decision.target.clone()?;
    let date = decision.target_date.or_else(|| derivation.find(&target)?.1.target)?;
    Some((target, date))
}

/// Needs that no hardware in the field meets, each with the open revision that could carry it.
pub(crate) fn carried_needs(
    bundle: &Bundle,
    as_of: Date,
    derivation: &Derivation,
) -> BTreeMap<(RevisionId, CapabilityId), Vec<FeatureId>> {
    let mut needs: BTreeMap<(RevisionId, CapabilityId), Vec<FeatureId>> = BTreeMap::new();
    for (feature, carrier) in &derivation.carriers {
        let (revision, capabilities) = match carrier {
            Carrier::Supposed { revision, capabilities } => (revision, capabilities.clone()),
            Carrier::Revision { revision } => {
                let unsettled = unsettled(bundle, as_of, derivation, feature, revision);
                (revision, unsettled)
            }
            Carrier::Field { .. } | Carrier::Nothing => continue,
        };
        for capability in capabilities {
            needs.entry((revision.clone(), capability)).or_default().push(feature.clone());
        }
    }
    needs
}

/// What a feature needs that only a revision with an open specification offers: until the
/// specification freezes, it can still be taken off the board.
fn unsettled(
    bundle: &Bundle,
    as_of: Date,
    derivation: &Derivation,
    feature: &FeatureId,
    revision: &RevisionId,
) -> Vec<CapabilityId> {
    let records = &bundle.records;
    let (Some(feature), Some(revision)) =
        (records.features.get(feature), records.revisions.get(revision))
    else {
        return Vec::new();
    };
    if !is_open(bundle, as_of, &derivation.settled, revision) {
        return Vec::new();
    }
    let earlier = records.revisions.values().filter(|it| {
        it.product == revision.product && !is_open(bundle, as_of, &derivation.settled, it)
    });
    let lacking: Vec<BTreeSet<CapabilityId>> = earlier
        .map(|it| missing(bundle, feature, &offered(bundle, it)))
        .map(|missing| missing.into_iter().map(|it| it.capability).collect())
        .collect();
    let needed = feature.requires.keys();
    needed
        .filter(|capability| lacking.iter().all(|lacking| lacking.contains(*capability)))
        .cloned()
        .collect()
}

fn carry_gates(bundle: &Bundle, ask: &Ask, derivation: &Derivation) -> Vec<Gate> {
    let mut gates = Vec::new();
    for ((revision, capability), features) in carried_needs(bundle, ask.as_of, derivation) {
        let design = hardware::ids::design(&revision);
        let Some(gated) = derivation.index.get(&design) else {
            continue;
        };
        for feature in features {
            let launch = software::ids::launch(&feature);
            let Some((index, node)) = derivation.find(&launch) else {
                continue;
            };
            let asked_by_people = bundle.records.decisions.values().any(|decision| {
                decision.gates.contains(&design) && decision.target.as_ref() == Some(&launch)
            });
            let Some(date) = node.target.filter(|_| !asked_by_people) else {
                continue;
            };
            gates.push(Gate {
                request: GateRequest {
                    activities: vec![*gated],
                    target: index,
                    deadline: At::end_of(derivation.timeline.slot(date)),
                },
                freeze: freeze_of(bundle, std::slice::from_ref(&design)),
                question: Question::Carry {
                    revision: revision.clone(),
                    capability: capability.clone(),
                    feature,
                },
            });
        }
    }
    gates
}

/// What the simulation answers for a decision.
struct Answer<'a> {
    outcome: &'a GateOutcome,
    freeze: Option<Date>,
    /// How far the spread of each activity moves the target: its schedule sensitivity index.
    weights: BTreeMap<ActivityIndex, f64>,
}

fn weights(simulation: &Simulation, gate: &Gate) -> BTreeMap<ActivityIndex, f64> {
    let target = simulation
        .targets
        .iter()
        .find(|it| it.activity == gate.request.target && !it.drivers.is_empty());
    let drivers = target.map_or(&[][..], |target| &target.drivers);
    drivers.iter().map(|driver| (driver.activity, driver.sensitivity)).collect()
}

/// Everything that is needed to tell of decisions.
struct Teller<'a> {
    bundle: &'a Bundle,
    ask: &'a Ask,
    derivation: &'a Derivation,
    schedule: &'a Schedule,
}

pub(crate) fn decisions(
    bundle: &Bundle,
    ask: &Ask,
    derivation: &Derivation,
    schedule: &Schedule,
    simulation: &Simulation,
    asked: &Asked,
    warnings: &mut Vec<Diagnostic>,
) -> Vec<DecisionForecast> {
    let teller = Teller { bundle, ask, derivation, schedule };
    let mut outcomes: BTreeMap<&str, Answer<'_>> = BTreeMap::new();
    let mut carried: BTreeMap<String, DecisionForecast> = BTreeMap::new();
    for (gate, outcome) in asked.gates.iter().zip(&simulation.gates) {
        let answer = Answer { outcome, freeze: gate.freeze, weights: weights(simulation, gate) };
        match &gate.question {
            Question::Authored(id) => drop(outcomes.insert(id.as_str(), answer)),
            Question::Carry { revision, capability, feature } => {
                let told = teller.carry(revision, capability, feature, &answer);
                // Of several features that need it, the one that presses most is told.
                let urgency = |it: &DecisionForecast| it.decide_by.unwrap_or(Date::MIN);
                match carried.get(&told.id) {
                    Some(held) if urgency(held) <= urgency(&told) => {}
                    _ => drop(carried.insert(told.id.clone(), told)),
                }
            }
        }
    }
    let authored = bundle.records.decisions.values();
    let mut decisions: Vec<DecisionForecast> = authored
        .map(|decision| teller.authored(decision, outcomes.get(decision.id.as_str()), warnings))
        .chain(carried.into_values())
        .collect();
    // What is decided or has no date comes last; what is lost or presses comes first.
    decisions.sort_by_key(|it| {
        let settled = it.decided.is_some() || it.state == State::Open || it.state == State::Done;
        (settled, it.decide_by.unwrap_or(Date::MIN), it.id.clone())
    });
    decisions
}

impl Teller<'_> {
    fn authored(
        &self,
        decision: &Decision,
        answer: Option<&Answer<'_>>,
        warnings: &mut Vec<Diagnostic>,
    ) -> DecisionForecast {
        let confidence =
            decision.confidence.map_or(self.ask.confidence, longlead_model::Share::value);
        let target = target_of(decision, self.derivation);
        if answer.is_none() && decision.decided.is_none() {
            warnings.push(self.undated(decision));
        }
        let told = target.clone().zip(answer);
        let mut forecast = DecisionForecast {
            id: decision.id.to_string(),
            title: decision.title.clone(),
            derived: false,
            gates: decision.gates.clone(),
            target: decision.target.clone(),
            target_date: target.map(|(_, date)| date),
            options: decision.options.iter().map(|option| option.title.clone()).collect(),
            option_value: self.option_value(decision, warnings),
            decided: decision.decided.as_ref().map(|decided| decided.option.clone()),
            owner: decision.owner.as_ref().map(ToString::to_string),
            consult: decision.consult.iter().map(ToString::to_string).collect(),
            economic: answer.and_then(|answer| self.economic(decision, answer)),
            ..blank(confidence)
        };
        if let Some(((target, date), answer)) = told {
            self.date(&mut forecast, answer);
            forecast.because = self.because(&forecast, &target, date, answer);
        }
        if forecast.decided.is_some() {
            forecast.state = State::Done;
        }
        forecast
    }

    /// Says why a decision has no decide-by, so that someone can give it one.
    fn undated(&self, decision: &Decision) -> Diagnostic {
        let id = decision.id.as_str();
        let (what, help) = if decision.gates.is_empty() {
            ("it gates nothing", "name the activities that wait for it under `gates`".to_owned())
        } else if decision.target.is_none() {
            (
                "it has no target",
                "name the milestone or launch that must hold as `target`".to_owned(),
            )
        } else if target_of(decision, self.derivation).is_none() {
            ("its target has no date", "give it a `target_date`, or the target a date".to_owned())
        } else {
            ("all that it gates is past", "record what was decided under `decided`".to_owned())
        };
        let message = format!("decision `{id}` has no decide-by: {what}");
        let place = self.bundle.place(Kind::Decision, id, &[]);
        Diagnostic::warning(Code::IncompletePlan, message).at(place).help(help)
    }

    fn option_value(
        &self,
        decision: &Decision,
        warnings: &mut Vec<Diagnostic>,
    ) -> Option<OptionValue> {
        let case = decision.include_or_respin.as_ref()?;
        let currency = self.bundle.settings.currency;
        match include_or_respin(case, &self.bundle.rates(), currency) {
            Ok(value) => Some(value),
            Err(error) => {
                let path = [Step::Key("include_or_respin".to_owned())];
                let place = self.bundle.place(Kind::Decision, decision.id.as_str(), &path);
                let message =
                    format!("the case of decision `{}` has no value: {error}", decision.id);
                warnings.push(Diagnostic::warning(Code::UnitMismatch, message).at(place));
                None
            }
        }
    }

    /// c = c_d / (c_d + c_w), as waiting is worth c_w a week and delay costs c_d a week.
    fn economic(&self, decision: &Decision, answer: &Answer<'_>) -> Option<EconomicDecideBy> {
        let rates = self.bundle.rates();
        let amount = |money: Option<Money>| {
            rates.convert(money?, self.bundle.settings.currency).ok()?.amount.to_f64()
        };
        let delay = amount(decision.delay_cost_per_week)?;
        let waiting = amount(decision.waiting_value_per_week)?;
        let confidence = delay / (delay + waiting);
        confidence.is_finite().then(|| EconomicDecideBy {
            confidence: rounded(confidence),
            decide_by: self.decide_by(answer, confidence),
        })
    }

    /// The latest day with a confidence; where a specification freezes before it, that day.
    fn decide_by(&self, answer: &Answer<'_>, confidence: f64) -> Option<Date> {
        let decide_by = answer.outcome.decide_by(confidence)?;
        let latest = self.derivation.timeline.start_date(decide_by.at);
        Some(answer.freeze.map_or(latest, |freeze| freeze.min(latest)))
    }

    /// Fills in when, how sure, and what limits.
    fn date(&self, forecast: &mut DecisionForecast, answer: &Answer<'_>) {
        forecast.decide_by = self.decide_by(answer, forecast.confidence);
        forecast.days_left = forecast.decide_by.map(|date| days_between(self.ask.as_of, date));
        forecast.best_confidence = Some(answer.outcome.best_confidence);
        forecast.curve = self.curve(answer);
        forecast.limited_by = self.limited_by(answer);
        forecast.state = match forecast.days_left {
            None => State::Lost,
            Some(days) if days <= PRESSING_DAYS => State::AtRisk,
            Some(_) => State::Safe,
        };
    }

    /// What drives the date in the samples that miss it. Everything on the only path drives it in
    /// all of them, so what spreads most comes first.
    fn limited_by(&self, answer: &Answer<'_>) -> Vec<Limit> {
        let mut limits: Vec<(f64, Limit)> = Vec::new();
        for (activity, share) in &answer.outcome.limited_by {
            let Some(node) = self.derivation.node(*activity) else {
                continue;
            };
            if !node.role.has_work() {
                continue;
            }
            let weight = answer.weights.get(activity).copied().unwrap_or_default();
            let limit = Limit {
                activity: node.id.clone(),
                title: node.title.clone(),
                share: rounded(*share),
            };
            limits.push((weight * share, limit));
        }
        limits.sort_by(|a, b| {
            let by_share = || b.1.share.total_cmp(&a.1.share);
            b.0.total_cmp(&a.0).then_with(by_share).then_with(|| a.1.activity.cmp(&b.1.activity))
        });
        limits.into_iter().map(|(_, limit)| limit).take(LIMITS_MAX).collect()
    }

    /// The falling curve by weeks, less the points that add nothing.
    fn curve(&self, answer: &Answer<'_>) -> Vec<(Date, f64)> {
        let week = Span::from_ticks(7 * TICKS_PER_SLOT);
        let timeline = &self.derivation.timeline;
        let points = answer.outcome.curve(week).into_iter();
        let mut curve: Vec<(Date, f64)> =
            points.map(|(at, share)| (timeline.start_date(at), rounded(share))).collect();
        if let Some(freeze) = answer.freeze {
            // The freeze cuts the curve off: the day itself still counts, the next doesn't.
            let on_freeze = At::start_of(timeline.slot(freeze));
            curve.retain(|(date, _)| *date < freeze);
            curve.push((freeze, rounded(answer.outcome.confidence_at(on_freeze))));
            curve.push((freeze.tomorrow().unwrap_or(freeze), 0.0));
        }
        // A curve that stays flat for months before it falls needs only its ends there.
        let flat = |window: &[(Date, f64)]| matches!(window, [a, b, c] if a.1 == b.1 && b.1 == c.1);
        let keep: Vec<bool> = (0..curve.len())
            .map(|at| {
                let window = at.checked_sub(1).and_then(|from| curve.get(from..at + 2));
                !window.is_some_and(flat)
            })
            .collect();
        let mut keep = keep.into_iter();
        curve.retain(|_| keep.next().unwrap_or(true));
        curve
    }

    fn because(
        &self,
        forecast: &DecisionForecast,
        target: &ActivityId,
        date: Date,
        answer: &Answer<'_>,
    ) -> Vec<Reason> {
        let outcome = answer.outcome;
        let mut because = Vec::new();
        for activity in &forecast.gates {
            because.push(Reason::Gates {
                decision: forecast.id.clone(),
                activity: activity.to_string(),
            });
        }
        if let Some((_, node)) = self.derivation.find(target) {
            let authored = |reason: &&Reason| matches!(reason, Reason::Authored { .. });
            because.extend(node.because.iter().filter(|it| !authored(it)).cloned());
        }
        because.push(Reason::Target {
            target: target.to_string(),
            on: date,
            confidence: forecast.confidence,
        });
        for (revision, on) in self.freezes(&forecast.gates) {
            because.push(Reason::Freezes { revision: revision.to_string(), on });
        }
        because.extend(path_to(self.derivation, self.schedule, target, &forecast.gates));
        because.push(Reason::OnTimeIfNow {
            target: target.to_string(),
            probability: rounded(outcome.best_confidence),
        });
        let wait = Span::from_ticks(WAIT_DAYS * TICKS_PER_SLOT);
        let then = outcome.confidence_at(self.derivation.network.status + wait);
        if then < outcome.best_confidence {
            because.push(Reason::WaitingCosts {
                target: target.to_string(),
                days: WAIT_DAYS as i32,
                now: rounded(outcome.best_confidence),
                then: rounded(then),
            });
        }
        because.extend(forecast.limited_by.iter().take(3).map(|limit| Reason::LimitedBy {
            activity: limit.activity.to_string(),
            title: limit.title.clone(),
            share: limit.share,
        }));
        because
    }

    /// The specification freezes of the revisions whose design is gated.
    fn freezes(&self, gates: &[ActivityId]) -> Vec<(&RevisionId, Date)> {
        let revisions = self.bundle.records.revisions.values();
        let gated = revisions.filter(|it| gates.contains(&hardware::ids::design(&it.id)));
        gated.filter_map(|it| Some((&it.id, it.specification_freeze?))).collect()
    }

    fn carry(
        &self,
        revision: &RevisionId,
        capability: &CapabilityId,
        feature: &FeatureId,
        answer: &Answer<'_>,
    ) -> DecisionForecast {
        let records = &self.bundle.records;
        let name = records.capabilities.get(capability).map_or(capability.as_str(), |it| &it.title);
        let on = records.revisions.get(revision).map_or(revision.as_str(), |it| &it.title);
        let target = software::ids::launch(feature);
        let node = self.derivation.find(&target).map(|(_, node)| node);
        let confidence = node.and_then(|node| node.confidence).unwrap_or(self.ask.confidence);
        let date = node.and_then(|node| node.target);
        let mut forecast = DecisionForecast {
            id: format!("carry:{revision}:{capability}"),
            title: format!("{name} on {on}?"),
            derived: true,
            gates: vec![hardware::ids::design(revision)],
            target: Some(target.clone()),
            target_date: date,
            options: vec![format!("Carry it on {on}"), "Leave it out".to_owned()],
            ..blank(confidence)
        };
        self.date(&mut forecast, answer);
        forecast.because = self.because(&forecast, &target, date.unwrap_or(Date::MAX), answer);
        forecast
    }
}

/// A decision that falls due within so many days presses.
const PRESSING_DAYS: i32 = 60;

/// How many limits are told.
const LIMITS_MAX: usize = 8;

/// The wait whose cost is told.
const WAIT_DAYS: i64 = 30;

fn blank(confidence: f64) -> DecisionForecast {
    DecisionForecast {
        id: String::new(),
        title: String::new(),
        derived: false,
        gates: Vec::new(),
        target: None,
        target_date: None,
        confidence,
        decide_by: None,
        days_left: None,
        best_confidence: None,
        limited_by: Vec::new(),
        curve: Vec::new(),
        economic: None,
        state: State::Open,
        options: Vec::new(),
        option_value: None,
        decided: None,
        owner: None,
        consult: Vec::new(),
        because: Vec::new(),
    }
}
