//! What stands above the timeline: the next decisions, and the targets.

use longlead_horizon::{DecisionForecast, Forecast, MilestoneForecast, State, day, percent};
use maud::{Markup, html};

use super::lede::name;
use crate::naming;
use crate::ui;

/// Decisions that are told; the page of decisions tells all.
const DECISIONS_MAX: usize = 3;

/// Targets that are told; the forecast tells all.
const TARGETS_MAX: usize = 10;

pub(super) fn cards(forecast: &Forecast) -> Markup {
    let next = forecast
        .decisions
        .iter()
        .filter(|it| !matches!(it.state, State::Done | State::Open))
        .take(DECISIONS_MAX);
    html! {
        div.cards.hz-cards {
            @for decision in next {
                (self::decision(decision))
            }
        }
        (targets(forecast))
    }
}

fn decision(decision: &DecisionForecast) -> Markup {
    let best = decision.best_confidence.map(percent).unwrap_or_default();
    html! {
        a class=(format!("card stat {}", ui::state_words(decision.state).0))
            href=(format!("/decisions/{}", decision.id)) {
            span.label { (decision.title) }
            @match (decision.decide_by, decision.days_left) {
                (Some(on), Some(days)) => {
                    span.value { (day(on)) " " small { (naming::days_away(days)) } }
                    span.hint { "Decided today, its target holds with " (best) "." }
                }
                _ => {
                    span.value { "Too late" }
                    span.hint { "Even decided today, its target holds with " (best) "." }
                }
            }
        }
    }
}

/// Targets that aren't reached yet, the shakiest first.
fn targets(forecast: &Forecast) -> Markup {
    let open = |it: &&MilestoneForecast| it.target.is_some() && it.state != State::Done;
    let mut targets: Vec<&MilestoneForecast> = forecast.milestones.iter().filter(open).collect();
    targets.sort_by(|a, b| {
        let share = |it: &MilestoneForecast| it.on_time.unwrap_or_default();
        share(a).total_cmp(&share(b)).then_with(|| (a.target, &a.id).cmp(&(b.target, &b.id)))
    });
    let more = targets.len().saturating_sub(TARGETS_MAX);
    html! {
        @if !targets.is_empty() {
            ul.chips.hz-targets aria-label="Targets and how likely they hold" {
                @for milestone in targets.into_iter().take(TARGETS_MAX) {
                    li { (target(milestone)) }
                }
                @if more > 0 {
                    li { a.chip href="/forecast" { "and " (more) " more" } }
                }
            }
        }
    }
}

fn target(milestone: &MilestoneForecast) -> Markup {
    let (class, word) = ui::state_words(milestone.state);
    let share = milestone.on_time.map(percent).unwrap_or_default();
    let on = milestone.target.map(day).unwrap_or_default();
    let told = format!("{}: on time by {on} with {share}", milestone.title);
    html! {
        a.chip href=(ui::explain_href(milestone.id.as_str())) title=(told) {
            span class=(format!("mark {class}")) { span.visually-hidden { (word) } }
            (name(milestone)) span.visually-hidden { ", on time by " (on) " with" } " " strong { (share) }
        }
    }
}
