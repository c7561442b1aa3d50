//! The few sentences that someone reads who reads nothing else.

use longlead_horizon::{DecisionForecast, Forecast, MilestoneForecast, State};

use crate::output::words::{count, day, days_away, percent};

/// A decision that falls due within so many days is told first.
const SOON_DAYS: i32 = 60;

/// Targets that are named; the others are counted.
const NAMED_MAX: usize = 2;

/// The headline, a sentence each.
pub(crate) fn headline(forecast: &Forecast) -> Vec<String> {
    let sentences =
        [due(forecast), too_late(forecast), misses(forecast), targets(forecast), orphans(forecast)];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    if sentences.is_empty() {
        return vec!["There is no target and no decision yet, so nothing can be late.".to_owned()];
    }
    sentences
}

fn is_open(decision: &DecisionForecast) -> bool {
    decision.decided.is_none()
}

fn due(forecast: &Forecast) -> Option<String> {
    let open = forecast.decisions.iter().filter(|decision| is_open(decision));
    let dated = open.filter_map(|it| Some((it.decide_by?, it.days_left?, it)));
    let mut dated: Vec<_> = dated.collect();
    dated.sort_by_key(|(date, _, decision)| (*date, decision.id.clone()));
    let (date, left, first) = dated.first()?;
    let soon = dated.iter().filter(|(_, days, _)| *days <= SOON_DAYS).count();
    let title = &first.title;
    let when = format!("{} ({})", day(*date), days_away(*left));
    Some(match soon {
        0 => format!(
            "No decision falls due within {SOON_DAYS} days; the next, “{title}”, by {when}."
        ),
        1 => format!("1 decision falls due within {SOON_DAYS} days: “{title}”, by {when}."),
        soon => format!(
            "{soon} decisions fall due within {SOON_DAYS} days, the first by {when}: “{title}”."
        ),
    })
}

fn too_late(forecast: &Forecast) -> Option<String> {
    let lost: Vec<&DecisionForecast> = forecast
        .decisions
        .iter()
        .filter(|decision| is_open(decision) && decision.state == State::Lost)
        .collect();
    let first = lost.first()?;
    let best = first.best_confidence.map_or(String::new(), |best| {
        format!(": decided today, its target holds with {}", percent(best))
    });
    let title = &first.title;
    Some(match lost.len() {
        1 => format!("1 decision comes too late, “{title}”{best}."),
        many => format!("{many} decisions come too late, among them “{title}”{best}."),
    })
}

fn misses(forecast: &Forecast) -> Option<String> {
    let likely_late = |it: &&MilestoneForecast| {
        it.state != State::Done && it.on_time.is_some_and(|share| share < 0.5)
    };
    let mut late: Vec<&MilestoneForecast> =
        forecast.milestones.iter().filter(likely_late).collect();
    late.sort_by(|a, b| (a.target, &a.id).cmp(&(b.target, &b.id)));
    let named: Vec<String> = late
        .iter()
        .take(NAMED_MAX)
        .filter_map(|it| {
            let on_time = percent(it.on_time?);
            Some(format!(
                "“{}” will probably miss {} ({on_time} on time)",
                it.title,
                day(it.target?)
            ))
        })
        .collect();
    let rest = late.len().saturating_sub(NAMED_MAX);
    let more = if rest > 0 { format!("; so will {rest} more") } else { String::new() };
    (!named.is_empty()).then(|| format!("{}{more}.", named.join(", and ")))
}

fn targets(forecast: &Forecast) -> Option<String> {
    let with_target = || forecast.milestones.iter().filter(|it| it.target.is_some());
    let all = with_target().count();
    if all == 0 {
        return None;
    }
    let of = |state: State| with_target().filter(|it| it.state == state).count();
    let parts = [
        (State::Done, "reached"),
        (State::Safe, "safe"),
        (State::AtRisk, "at risk"),
        (State::Lost, "lost"),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .map(|(state, word)| (of(state), word))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    Some(format!("Of {}: {}.", count(all, "target", "targets"), told.join(", ")))
}

fn orphans(forecast: &Forecast) -> Option<String> {
    let orphans = &forecast.foresight.orphan_needs;
    let first = orphans.first()?;
    let mut features: Vec<&str> = orphans.iter().map(|it| it.feature.as_str()).collect();
    features.dedup();
    Some(match features.len() {
        1 => format!("1 feature needs hardware that nobody has planned: “{}”.", first.title),
        many => format!(
            "{many} features need hardware that nobody has planned, among them “{}”.",
            first.title
        ),
    })
}
