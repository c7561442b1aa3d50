//! Decisions on the timeline: each at its decide-by.

use jiff::civil::Date;
use longlead_horizon::{DecisionForecast, State, day, percent};
use longlead_model::ActivityId;

use super::Facts;

/// A decision.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// Its own id.
    pub(crate) id: String,
    /// Its id among nodes, which differs from those of activities.
    pub(crate) node: String,
    pub(crate) label: String,
    /// Days left and the best confidence.
    pub(crate) note: String,
    pub(crate) told: String,
    pub(crate) state: State,
    /// Its decide-by; today where it comes too late.
    pub(crate) on: Date,
    pub(crate) gates: Vec<ActivityId>,
}

/// The id of a decision among nodes.
pub(super) fn node(id: &str) -> String {
    format!("decision:{id}")
}

/// Decisions that have a day, by day. What has been decided stands where that was.
pub(super) fn marks(facts: &Facts<'_>) -> Vec<Mark> {
    let decisions = facts.forecast.decisions.iter();
    let shown = decisions.filter(|it| it.gates.is_empty() || is_of_view(facts, it));
    let mut marks: Vec<Mark> = shown.filter_map(|it| mark(facts, it)).collect();
    marks.sort_by(|a, b| (a.on, &a.id).cmp(&(b.on, &b.id)));
    marks
}

fn is_of_view(facts: &Facts<'_>, decision: &DecisionForecast) -> bool {
    decision.gates.iter().any(|gate| facts.is_shown(std::slice::from_ref(gate)))
}

fn mark(facts: &Facts<'_>, decision: &DecisionForecast) -> Option<Mark> {
    let as_of = facts.as_of();
    let best = decision.best_confidence.map(percent);
    let id = decision.id.to_string();
    let (on, note) = match decision.state {
        State::Done => {
            let record = facts.bundle.records.decisions.get(id.as_str());
            let on = record.and_then(|it| it.decided.as_ref()).map(|it| it.on)?;
            (on, decision.decided.clone().unwrap_or_default())
        }
        State::Lost => (as_of, format!("too late · {}", best.clone().unwrap_or_default())),
        _ => {
            let on = decision.decide_by?;
            let days = decision.days_left.unwrap_or_default();
            (on, format!("{days} days · {}", best.clone().unwrap_or_default()))
        }
    };
    Some(Mark {
        node: node(&id),
        label: decision.title.clone(),
        note,
        told: told(decision, on),
        state: decision.state,
        on,
        gates: decision.gates.clone(),
        id,
    })
}

fn told(decision: &DecisionForecast, on: Date) -> String {
    let title = &decision.title;
    let best = decision.best_confidence.map(percent).unwrap_or_default();
    match decision.state {
        State::Done => {
            let what = decision.decided.as_deref().unwrap_or("decided");
            format!("{title} Decided on {}: {what}.", day(on))
        }
        State::Lost => {
            format!("{title} Too late: decided today, its target holds with {best}.")
        }
        _ => format!(
            "{title} Decide by {} for {} confidence; decided today, its target holds with {best}.",
            day(on),
            percent(decision.confidence),
        ),
    }
}
