//! What matters today, in a sentence or two.

use longlead_horizon::{DecisionForecast, Forecast, MilestoneForecast, State, day, percent};
use maud::{Markup, html};

use crate::ui;

/// A decision that falls due within so many days is told first.
const DUE_DAYS: i32 = 60;

/// What falls due, and which target won't hold or hangs on a decision.
pub(super) fn lede(forecast: &Forecast) -> Markup {
    let due = due(forecast);
    let missed = missed(forecast);
    let hangs = if missed.is_empty() { hanging(forecast) } else { None };
    html! {
        @match due.as_slice() {
            [] => "No decision falls due within 60 days.",
            [one] => { "One decision falls due within 60 days: " (by(one)) "." },
            [first, ..] => { (due.len()) " decisions fall due within 60 days, first " (by(first)) "." },
        }
        @if let Some((worst, others)) = missed.split_first() {
            " " (misses(worst))
            @match others.len() {
                0 => ".",
                1 => "; one other target is at risk or lost.",
                more => { "; " (more) " other targets are at risk or lost." },
            }
        }
        @if let Some((milestone, decision)) = hangs {
            " " (holds_only_if(milestone, decision))
        }
    }
}

/// Decisions that fall due soon, the first of them first.
fn due(forecast: &Forecast) -> Vec<&DecisionForecast> {
    let is_due = |it: &&DecisionForecast| {
        it.state != State::Done && it.days_left.is_some_and(|days| days <= DUE_DAYS)
    };
    let mut due: Vec<&DecisionForecast> = forecast.decisions.iter().filter(is_due).collect();
    due.sort_by_key(|it| (it.decide_by, &it.id));
    due
}

/// Targets that are lost or at risk, the least likely first.
fn missed(forecast: &Forecast) -> Vec<&MilestoneForecast> {
    let is_missed = |it: &&MilestoneForecast| {
        it.target.is_some() && matches!(it.state, State::Lost | State::AtRisk)
    };
    let mut missed: Vec<&MilestoneForecast> =
        forecast.milestones.iter().filter(is_missed).collect();
    missed.sort_by(|a, b| {
        let share = |it: &MilestoneForecast| it.on_time.unwrap_or_default();
        share(a).total_cmp(&share(b)).then_with(|| (a.target, &a.id).cmp(&(b.target, &b.id)))
    });
    missed
}

/// The target that the most pressing decision is for.
fn hanging(forecast: &Forecast) -> Option<(&MilestoneForecast, &DecisionForecast)> {
    due(forecast).into_iter().find_map(|decision| {
        let target = decision.target.as_ref()?;
        let milestone = forecast.milestones.iter().find(|it| it.id == *target)?;
        (milestone.state == State::Safe).then_some((milestone, decision))
    })
}

fn by(decision: &DecisionForecast) -> Markup {
    html! {
        a href=(format!("/decisions/{}", decision.id)) { (decision.title) }
        @if let Some(on) = decision.decide_by { " by " (day(on)) }
    }
}

fn misses(milestone: &MilestoneForecast) -> Markup {
    let share = milestone.on_time.unwrap_or_default();
    html! {
        a href=(ui::explain_href(milestone.id.as_str())) { (name(milestone)) }
        (if share < 0.5 { " will probably miss " } else { " may miss " })
        (milestone.target.map(day).unwrap_or_default())
        " (" (percent(share)) " on time)"
    }
}

fn holds_only_if(milestone: &MilestoneForecast, decision: &DecisionForecast) -> Markup {
    html! {
        a href=(ui::explain_href(milestone.id.as_str())) { (name(milestone)) }
        " holds " (milestone.target.map(day).unwrap_or_default())
        " with " (percent(decision.confidence)) " only if that is decided by then."
    }
}

/// The name of a milestone; a launch goes by its feature.
pub(super) fn name(milestone: &MilestoneForecast) -> &str {
    let title = milestone.title.as_str();
    title.strip_suffix(": launch").or_else(|| title.strip_suffix(": release")).unwrap_or(title)
}
