//! Decisions: by when, how sure, what limits them, and what waiting costs.

pub(crate) mod gate;
mod key;

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_model::{
    ActivityId, Bundle, CapabilityId, Code, Decision, DecisionId, Diagnostic, FeatureId, Kind,
    Money, RevisionId, StakeholderId, Step,
};
use longlead_network::{
    ActivityIndex, At, GateOutcome, Progress, Schedule, Simulation, Span, TICKS_PER_SLOT,
};
use rust_decimal::prelude::ToPrimitive as _;
use schemars::JsonSchema;
use serde::Serialize;

use crate::derive::{Derivation, hardware, software};
use crate::explain::path_to;
use crate::forecast::{Ask, Asked, State, rounded, rounded_share};
use crate::options::{OptionValue, include_or_respin};
use crate::reason::Reason;
use crate::timeline::{Timeline, days_between};
use gate::{Gate, Question, progress, still_ahead, target_of, unstarted};
pub use key::DecisionKey;

/// A decision with the date by which it must be made.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DecisionForecast {
    /// Its id; of a derived decision, what it would carry: `carry:tracker-c:light-sensor`.
    #[schemars(with = "String")]
    pub id: DecisionKey,
    /// The question.
    pub title: String,
    /// True if it follows from facts and nobody wrote it.
    pub derived: bool,
    /// The activities that wait for it.
    #[schemars(with = "Vec<String>")]
    pub gates: Vec<ActivityId>,
    /// Of a derived decision, the features that need what it would carry, each with the day by
    /// which that must be decided for its own target. The decision tells of the one that presses
    /// most.
    #[schemars(with = "BTreeMap<String, Option<Date>>")]
    pub needed_by: BTreeMap<FeatureId, Option<Date>>,
    /// The activity whose date must hold.
    #[schemars(with = "Option<String>")]
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
    #[schemars(with = "Option<String>")]
    pub owner: Option<StakeholderId>,
    /// Who must be heard.
    #[schemars(with = "Vec<String>")]
    pub consult: Vec<StakeholderId>,
    /// Why, from the gated work to the target.
    pub because: Vec<Reason>,
}

/// An activity that keeps a target from holding.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Limit {
    /// The activity.
    #[schemars(with = "String")]
    pub activity: ActivityId,
    /// Its name.
    pub title: String,
    /// The share of late samples in which it drives the date.
    pub share: f64,
}

/// The decide-by that prices ask for.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EconomicDecideBy {
    /// c_d / (c_d + c_w): the confidence at which delay and waiting cost the same.
    pub confidence: f64,
    /// The latest day with that confidence; none if even today is too late.
    pub decide_by: Option<Date>,
}

/// What the simulation answers for a decision.
struct Answer<'a> {
    outcome: &'a GateOutcome,
    as_of: Date,
    timeline: &'a Timeline,
    freeze: Option<Date>,
    /// How far the spread of each activity moves the target: its schedule sensitivity index.
    weights: BTreeMap<ActivityIndex, f64>,
}

impl Answer<'_> {
    /// True if a gated specification has frozen already, so that nothing is left to decide.
    fn has_frozen(&self) -> bool {
        self.freeze.is_some_and(|freeze| freeze < self.as_of)
    }

    /// The probability that the target holds if it is decided on a day: none once a gated
    /// specification has frozen.
    fn confidence_on(&self, day: Date) -> f64 {
        if self.freeze.is_some_and(|freeze| freeze < day) {
            0.0
        } else if day <= self.as_of {
            self.outcome.best_confidence
        } else {
            self.outcome.confidence_at(At::start_of(self.timeline.slot(day)))
        }
    }

    /// The probability that the target holds if it is decided at once.
    fn best_confidence(&self) -> f64 {
        self.confidence_on(self.as_of)
    }

    /// The latest day with a confidence; where a specification freezes before it, that day.
    fn decide_by(&self, confidence: f64) -> Option<Date> {
        if self.has_frozen() {
            return None;
        }
        let decide_by = self.outcome.decide_by(confidence)?;
        let latest = self.timeline.start_date(decide_by.at).max(self.as_of);
        Some(self.freeze.map_or(latest, |freeze| freeze.min(latest)))
    }

    /// The probability week by week, until nothing holds any more.
    fn curve(&self) -> Vec<(Date, f64)> {
        let week = Span::from_ticks(7 * TICKS_PER_SLOT);
        let points = self.outcome.curve(week).into_iter();
        let mut days: Vec<Date> = points
            .map(|(at, _)| self.timeline.start_date(at))
            .filter(|it| *it >= self.as_of)
            .collect();
        if let Some(freeze) = self.freeze {
            // The freeze cuts the curve off: the day itself still counts, the next doesn't.
            days.retain(|day| *day < freeze);
            let last = [freeze, freeze.tomorrow().unwrap_or(freeze), self.as_of];
            days.extend(last.into_iter().filter(|day| *day >= self.as_of));
            days.sort_unstable();
            days.dedup();
        }
        days.into_iter().map(|day| (day, rounded_share(self.confidence_on(day)))).collect()
    }
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
    let answers: Vec<(&Gate, Answer<'_>)> = asked
        .gates
        .iter()
        .zip(&simulation.gates)
        .map(|(gate, outcome)| {
            let (as_of, timeline) = (ask.as_of, &derivation.timeline);
            let weights = weights(simulation, gate);
            (gate, Answer { outcome, as_of, timeline, freeze: gate.freeze, weights })
        })
        .collect();
    let mut authored: BTreeMap<&DecisionId, &Answer<'_>> = BTreeMap::new();
    let mut carried: BTreeMap<(&RevisionId, &CapabilityId), BTreeMap<&FeatureId, &Answer<'_>>> =
        BTreeMap::new();
    for (gate, answer) in &answers {
        for question in &gate.questions {
            match question {
                Question::Authored(id) => drop(authored.insert(id, answer)),
                Question::Carry { revision, capability, feature } => {
                    let needs = carried.entry((revision, capability)).or_default();
                    needs.insert(feature, answer);
                }
            }
        }
    }
    let mut decisions: Vec<DecisionForecast> = Vec::new();
    for decision in bundle.records.decisions.values() {
        let answer = authored.get(&decision.id).copied();
        decisions.push(teller.authored(decision, answer, warnings));
    }
    let carries = carried.iter();
    decisions.extend(carries.filter_map(|(what, needs)| teller.carry(*what, needs)));
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
            title: decision.title.clone(),
            derived: false,
            gates: decision.gates.clone(),
            target: decision.target.clone(),
            target_date: target.map(|(_, date)| date),
            options: decision.options.iter().map(|option| option.title.clone()).collect(),
            option_value: self.option_value(decision, warnings),
            decided: decision.decided.as_ref().map(|decided| decided.option.clone()),
            owner: decision.owner.clone(),
            consult: decision.consult.clone(),
            economic: answer.and_then(|answer| self.economic(decision, answer)),
            ..blank(DecisionKey::from(&decision.id), confidence)
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
            let help = "name the activities that wait for it under `gates`";
            ("it gates nothing".to_owned(), help)
        } else if let Some(target) = &decision.target {
            self.no_date(decision, target)
        } else {
            let help = "name the milestone or launch that must hold as `target`";
            ("it has no target".to_owned(), help)
        };
        let message = format!("decision `{id}` has no decide-by: {what}");
        let place = self.bundle.place(Kind::Decision, id, &[]);
        Diagnostic::warning(Code::IncompletePlan, message).at(place).help(help)
    }

    /// What keeps a decision that gates something for a target from having a decide-by.
    fn no_date(&self, decision: &Decision, target: &ActivityId) -> (String, &'static str) {
        let derivation = self.derivation;
        if derivation.unreachable.contains(target) {
            let what =
                format!("its target can't be reached: `{target}` waits for what no plan holds");
            return (what, "plan what it waits for; another warning says what that is");
        }
        if still_ahead(derivation, target).is_none() {
            let help = "record what was decided under `decided`";
            return ("its target has been reached".to_owned(), help);
        }
        if target_of(decision, derivation).is_none() {
            let help = "give it a `target_date`, or the target a date";
            return ("its target has no date".to_owned(), help);
        }
        let is_unstarted = |id: &&ActivityId| unstarted(derivation, id).is_some();
        if decision.gates.iter().any(|id| is_unstarted(&id)) {
            let help = "gate work that its target waits for, or name the target that waits for it";
            return ("what it gates doesn't lead to its target".to_owned(), help);
        }
        let is_planned = decision.gates.iter().any(|id| {
            let index = derivation.index.get(id);
            let progress = index.and_then(|index| progress(derivation, *index));
            matches!(progress, Some(Progress::Started { .. }))
        });
        let what = if is_planned { "what it gates has begun" } else { "all that it gates is past" };
        (what.to_owned(), "record what was decided under `decided`")
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
            decide_by: answer.decide_by(confidence),
        })
    }

    /// Fills in when, how sure, and what limits.
    fn date(&self, forecast: &mut DecisionForecast, answer: &Answer<'_>) {
        forecast.decide_by = answer.decide_by(forecast.confidence);
        forecast.days_left = forecast.decide_by.map(|date| days_between(self.ask.as_of, date));
        forecast.best_confidence = Some(rounded_share(answer.best_confidence()));
        forecast.curve = thinned(answer.curve());
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
        if answer.has_frozen() {
            // Nothing but the freeze keeps it from holding.
            return Vec::new();
        }
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

    fn because(
        &self,
        forecast: &DecisionForecast,
        target: &ActivityId,
        date: Date,
        answer: &Answer<'_>,
    ) -> Vec<Reason> {
        let mut because = Vec::new();
        for activity in &forecast.gates {
            because
                .push(Reason::Gates { decision: forecast.id.clone(), activity: activity.clone() });
        }
        if let Some((_, node)) = self.derivation.find(target) {
            let authored = |reason: &&Reason| matches!(reason, Reason::Authored { .. });
            because.extend(node.because.iter().filter(|it| !authored(it)).cloned());
        }
        because.push(Reason::Target {
            target: target.clone(),
            on: date,
            confidence: forecast.confidence,
        });
        for (revision, on) in self.freezes(&forecast.gates) {
            because.push(Reason::Freezes { revision, on });
        }
        because.extend(path_to(self.derivation, self.schedule, target, &forecast.gates));
        because.push(Reason::OnTimeIfNow {
            target: target.clone(),
            probability: rounded_share(answer.best_confidence()),
        });
        let (now, then) = (answer.best_confidence(), answer.confidence_on(self.in_a_while()));
        if then < now {
            because.push(Reason::WaitingCosts {
                target: target.clone(),
                days: WAIT_DAYS,
                now: rounded_share(now),
                then: rounded_share(then),
            });
        }
        because.extend(forecast.limited_by.iter().take(3).map(|limit| Reason::LimitedBy {
            activity: limit.activity.clone(),
            title: limit.title.clone(),
            share: limit.share,
        }));
        because
    }

    fn in_a_while(&self) -> Date {
        self.ask.as_of.saturating_add(WAIT_DAYS.days())
    }

    /// The specification freezes of the revisions whose design is gated and hasn't begun.
    fn freezes(&self, gates: &[ActivityId]) -> Vec<(RevisionId, Date)> {
        let revisions = self.bundle.records.revisions.values();
        let gated = revisions.filter(|it| {
            let design = hardware::ids::design(&it.id);
            gates.contains(&design) && unstarted(self.derivation, &design).is_some()
        });
        gated.filter_map(|it| Some((it.id.clone(), it.specification_freeze?))).collect()
    }

    /// Whether to carry a capability on a revision, told for the feature that presses most.
    fn carry(
        &self,
        (revision, capability): (&RevisionId, &CapabilityId),
        needs: &BTreeMap<&FeatureId, &Answer<'_>>,
    ) -> Option<DecisionForecast> {
        let decide_by = |feature: &FeatureId, answer: &Answer<'_>| {
            answer.decide_by(self.wanted(&software::ids::launch(feature)))
        };
        let needed_by: BTreeMap<FeatureId, Option<Date>> = needs
            .iter()
            .map(|(feature, answer)| ((*feature).clone(), decide_by(feature, answer)))
            .collect();
        let urgency = |feature: &FeatureId| needed_by.get(feature).copied().flatten();
        let (feature, answer) = needs.iter().min_by_key(|(feature, _)| urgency(feature))?;
        let records = &self.bundle.records;
        let name = records.capabilities.get(capability).map_or(capability.as_str(), |it| &it.title);
        let on = records.revisions.get(revision).map_or(revision.as_str(), |it| &it.title);
        let target = software::ids::launch(feature);
        let date = self.derivation.find(&target).and_then(|(_, node)| node.target)?;
        let mut forecast = DecisionForecast {
            title: format!("{name} on {on}?"),
            derived: true,
            gates: vec![hardware::ids::design(revision)],
            needed_by,
            target: Some(target.clone()),
            target_date: Some(date),
            options: vec![format!("Carry it on {on}"), "Leave it out".to_owned()],
            ..blank(DecisionKey::carry(revision, capability), self.wanted(&target))
        };
        self.date(&mut forecast, answer);
        forecast.because = self.because(&forecast, &target, date, answer);
        Some(forecast)
    }

    /// The confidence that a target should have.
    fn wanted(&self, target: &ActivityId) -> f64 {
        let node = self.derivation.find(target).map(|(_, node)| node);
        node.and_then(|node| node.confidence).unwrap_or(self.ask.confidence)
    }
}

/// A curve that stays flat for months before it falls needs only its ends there.
fn thinned(mut curve: Vec<(Date, f64)>) -> Vec<(Date, f64)> {
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

/// A decision that falls due within so many days presses.
const PRESSING_DAYS: i32 = 60;

/// How many limits are told.
const LIMITS_MAX: usize = 8;

/// The wait whose cost is told.
const WAIT_DAYS: i32 = 30;

fn blank(id: DecisionKey, confidence: f64) -> DecisionForecast {
    DecisionForecast {
        id,
        title: String::new(),
        derived: false,
        gates: Vec::new(),
        needed_by: BTreeMap::new(),
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

#[cfg(test)]
mod tests {
    use longlead_model::Source;

    use super::*;
    use crate::derive::derive;

    #[test]
    fn needs_that_ask_alike_are_simulated_once() {
        let text = include_str!("../tests/horizon/tracker.toml");
        let text = text.replace(
            "requires = { ram = \"512 KiB\" }",
            "requires = { ram = \"512 KiB\", nfc = true }",
        );
        let source = Source {
            name: "product.toml".to_owned(),
            text: format!("{text}\n[[capability]]\nid = \"nfc\"\ntitle = \"NFC\"\n"),
        };
        let (bundle, _) = Bundle::load(&[source]);
        let ask = Ask::of(&bundle, bundle.settings.as_of.unwrap());
        let gates = gate::gates(&bundle, &ask, &derive(&bundle, ask.as_of));
        let carries = |gate: &&Gate| matches!(gate.questions[0], Question::Carry { .. });
        let shock: Vec<usize> = gates
            .iter()
            .filter(carries)
            .filter(|gate| {
                let is_shock = |it: &Question| {
                    matches!(it, Question::Carry { feature, .. } if feature.as_str() == "shock")
                };
                gate.questions.iter().any(is_shock)
            })
            .map(|gate| gate.questions.len())
            .collect();
        assert_eq!(shock, [2]);
    }
}
