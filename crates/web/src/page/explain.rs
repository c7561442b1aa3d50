//! `/explain/…`: why a date is what it is, from the date back to the facts.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use longlead_horizon::{
    DriverForecast, Explanation, ExplanationStep, Limit, MilestoneForecast, Plan, Reason, Role,
    State, Vocabulary, day, percent,
};
use longlead_model::{ActivityId, Kind, RecordKey, nearest};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::naming;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

pub(crate) async fn show(seen: Seen, Path(id): Path<String>) -> Result<Response, Problem> {
    let plan = seen.whole_plan()?;
    let explained = plan.explain(&seen.outlook.bundle, &id);
    let Some(explanation) = explained.ok().filter(|it| is_shared(&seen, it)) else {
        return Ok(nowhere(&seen, "/explain", &id, nearest_seen(&seen, &id)));
    };
    let page = Page {
        title: &explanation.title,
        section: "/",
        lede: Some(lede(&seen, &explanation)),
        tools: tools(&seen, &explanation),
        main: main(&seen, plan, &explanation)?,
        live: true,
    };
    Ok(layout::page(&seen, &page).into_response())
}

/// A page that says that there is no such thing among the pages under `base`, and what may have
/// been meant.
pub(crate) fn nowhere(seen: &Seen, base: &str, id: &str, near: Option<&str>) -> Response {
    let main = html! {
        div.empty {
            h2 { "Nothing here is called “" (id) "”" }
            @if let Some(near) = near {
                p { "Did you mean " a href={ (base) "/" (near) } { (near) } "?" }
            } @else {
                p { "It may have been renamed or removed, or it isn't shared with you." }
            }
            p { a.button href="/" { "To Horizons" } }
        }
    };
    let page =
        Page { title: "Not found", section: base, lede: None, tools: html! {}, main, live: false };
    (StatusCode::NOT_FOUND, layout::page(seen, &page)).into_response()
}

/// The nearest id among what the reader sees.
fn nearest_seen<'a>(seen: &'a Seen, id: &str) -> Option<&'a str> {
    let forecast = seen.forecast().ok()?;
    let activities = forecast.activities.iter().map(|it| it.id.as_str());
    let decisions = forecast.decisions.iter().map(|it| it.id.as_str());
    let kinds = [Kind::Feature, Kind::Release, Kind::Revision, Kind::Build];
    let records = kinds.into_iter().flat_map(|kind| seen.bundle().records.ids(kind));
    nearest(id, activities.chain(decisions).chain(records))
}

fn is_shared(seen: &Seen, explanation: &Explanation) -> bool {
    if seen.sight.is_whole() {
        return true;
    }
    if let Some(decision) = &explanation.decision {
        return seen.sees(&RecordKey::Record(Kind::Decision, decision.id.to_string()));
    }
    let first = explanation.steps.first();
    first.is_some_and(|step| seen.sees_activity(step.activity.as_str()))
}

/// The milestone that is explained, as the reader sees it.
fn milestone<'a>(seen: &'a Seen, explanation: &Explanation) -> Option<&'a MilestoneForecast> {
    let id = &explanation.milestone.as_ref()?.id;
    seen.forecast().ok()?.milestones.iter().find(|it| it.id == *id)
}

fn lede(seen: &Seen, explanation: &Explanation) -> Markup {
    if let Some(decision) = &explanation.decision {
        return html! {
            "What the target of this decision waits for. "
            a href={ "/decisions/" (decision.id) } { "Look at the decision" } "."
        };
    }
    if let Some(milestone) = milestone(seen, explanation) {
        return html! { (milestone_words(milestone)) };
    }
    let activity = explanation.steps.first().and_then(|step| {
        let activities = &seen.forecast().ok()?.activities;
        activities.iter().find(|it| it.id == step.activity)
    });
    match activity {
        Some(activity) if activity.finished => {
            html! { "Finished on " (ui::date(activity.finish_p50)) "." }
        }
        Some(activity) => html! {
            "As likely as not it finishes by " (ui::date(activity.finish_p50)) ", and with 80 % by "
            (ui::date(activity.finish_p80)) "."
        },
        None => html! { "The chain of reasons behind its date." },
    }
}

fn milestone_words(milestone: &MilestoneForecast) -> Markup {
    if milestone.state == State::Done {
        return html! { "Reached on " (ui::date(milestone.p50)) "." };
    }
    html! {
        "As likely as not by " (ui::date(milestone.p50)) ", and with 80 % by "
        (ui::date(milestone.p80)) "."
        @if let (Some(target), Some(on_time)) = (milestone.target, milestone.on_time) {
            " The target, " (ui::date(target)) ", holds with " (percent(on_time)) "."
        }
    }
}

fn tools(seen: &Seen, explanation: &Explanation) -> Markup {
    html! {
        @if let Some(milestone) = milestone(seen, explanation) {
            (ui::badge(milestone.state))
            a.button href={ "/forecast/" (milestone.id) } { "Forecast and drift" }
        }
        @if let Some(decision) = &explanation.decision {
            (ui::badge(decision.state))
            a.button href={ "/decisions/" (decision.id) } { "Decision" }
        }
    }
}

fn main(seen: &Seen, plan: &Plan, explanation: &Explanation) -> Result<Markup, Problem> {
    let vocabulary = seen.vocabulary()?;
    let steps = masked(seen, &explanation.steps);
    let limits = explanation.decision.as_ref().map(|it| it.limited_by.as_slice());
    Ok(html! {
        div.split {
            section aria-labelledby="chain" {
                div.section-head {
                    h2 #chain { "The chain" }
                    p.muted { "The last step first: each waits for the one below it." }
                }
                @if steps.is_empty() {
                    (ui::empty("Nothing holds it", "No activity leads to it, so there is no chain.", None))
                } @else {
                    ol.steps {
                        @for step in &steps { (step_item(seen, plan, &vocabulary, step)) }
                    }
                }
            }
            aside.stack {
                (undisturbed(seen, explanation))
                @if let Some(limits) = limits { (limited_by(seen, limits)) }
                @if let Some(milestone) = milestone(seen, explanation) {
                    (moved_by(seen, &milestone.drivers))
                } @else if let (None, Some(step)) = (limits, explanation.steps.first()) {
                    (moves(seen, &step.activity))
                }
            }
        }
    })
}

/// Steps as a reader sees them: those that aren't shared come together as their number.
#[derive(Debug, PartialEq)]
enum Told<'a> {
    Step(&'a ExplanationStep),
    Hidden(usize),
}

fn masked<'a>(seen: &Seen, steps: &'a [ExplanationStep]) -> Vec<Told<'a>> {
    told(steps, |step| seen.sees_activity(step.activity.as_str()))
}

fn told(steps: &[ExplanationStep], is_seen: impl Fn(&ExplanationStep) -> bool) -> Vec<Told<'_>> {
    let mut told: Vec<Told<'_>> = Vec::new();
    for step in steps {
        match told.last_mut() {
            _ if is_seen(step) => told.push(Told::Step(step)),
            Some(Told::Hidden(count)) => *count += 1,
            _ => told.push(Told::Hidden(1)),
        }
    }
    told
}

fn step_item(seen: &Seen, plan: &Plan, vocabulary: &Vocabulary<'_>, told: &Told<'_>) -> Markup {
    let step = match told {
        Told::Hidden(1) => {
            return html! { li { span.muted { "Another activity, not shared with you" } } };
        }
        Told::Hidden(count) => {
            return html! { li { span.muted { (count) " other activities, not shared with you" } } };
        }
        Told::Step(step) => step,
    };
    let activity = plan.derivation.find(&step.activity).map(|(_, node)| node);
    let is_finished = step.to < seen.outlook.as_of;
    let sentences = step.because.iter().map(|it| naming::sentence(seen, vocabulary, it));
    let sentences: Vec<Option<Markup>> = sentences.collect();
    let has_hidden = sentences.iter().any(Option::is_none);
    let lever = activity.and_then(|node| lever(&node.id, node.role, &node.because));
    html! {
        li.done[is_finished] {
            span.when {
                @if step.from == step.to { (ui::date(step.to)) }
                @else { (ui::date(step.from)) " – " (ui::date(step.to)) }
            }
            strong { a href=(ui::explain_href(step.activity.as_str())) { (step.title) } }
            ul.reasons {
                @for sentence in sentences.iter().flatten() { li { (sentence) } }
                @if has_hidden { li.muted { "Something that isn't shared with you plays a part as well." } }
            }
            @if let Some((kind, id, field)) = lever.filter(|_| !is_finished && seen.sight.is_whole()) {
                a.small-link href=(what_if_href(kind, id, field)) { "Try another time in a what-if" }
            }
        }
    }
}

/// The what-if that begins with a record.
fn what_if_href(kind: Kind, id: &str, field: Option<&str>) -> String {
    let mut pairs = vec![("kind", kind.as_str()), ("id", id)];
    pairs.extend(field.map(|field| ("field", field)));
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    format!("/what-if/new?{query}")
}

/// The record that one would change to make an activity shorter, and its field where there is one.
fn lever<'a>(
    id: &'a ActivityId,
    role: Role,
    because: &'a [Reason],
) -> Option<(Kind, &'a str, Option<&'static str>)> {
    let id = id.as_str();
    let subject = id.split(':').nth(1);
    match role {
        Role::Authored => Some((Kind::Activity, id, Some("work"))),
        Role::Design => Some((Kind::Revision, subject?, None)),
        Role::Build | Role::Test => Some((Kind::Build, subject?, None)),
        Role::Develop => Some((Kind::Feature, subject?, Some("work"))),
        Role::Release => Some((Kind::Release, subject?, None)),
        Role::Ship => Some((Kind::Market, id.rsplit(':').next()?, Some("shipping"))),
        Role::Certify => Some((Kind::Regime, id.rsplit(':').next()?, None)),
        Role::Procure => because.iter().find_map(|reason| match reason {
            Reason::BestOffer { offer, .. } => {
                Some((Kind::Offer, offer.as_str(), Some("lead_time")))
            }
            Reason::Ordered { order, .. } => Some((Kind::Order, order.as_str(), Some("promised"))),
            _ => None,
        }),
        Role::Milestone | Role::Approve | Role::Units | Role::Available | Role::Launch => None,
    }
}

/// Why the chain ends earlier than the forecast's median.
fn undisturbed(seen: &Seen, explanation: &Explanation) -> Markup {
    let milestone = milestone(seen, explanation).filter(|it| it.state != State::Done);
    let (Some(milestone), Some(last)) = (milestone, explanation.steps.first()) else {
        return html! {};
    };
    let days = naming::days_between(last.to, milestone.p50);
    html! {
        @if days > 0 {
            p.notice.info {
                span {
                    "If every step took its median and no risk struck, it would be "
                    (day(last.to)) ". Paths that meet, rework and risks add "
                    (days) " days to the median."
                }
            }
        }
    }
}

fn moved_by(seen: &Seen, drivers: &[DriverForecast]) -> Markup {
    html! {
        @if !drivers.is_empty() {
            div.card {
                h2 { "What moves the date" }
                table.plain {
                    caption.visually-hidden { "Activities that drive the date, most days first" }
                    thead { tr { th scope="col" { "Activity" } th.num scope="col" { "Days" } th.num scope="col" { "Drives in" } } }
                    tbody {
                        @for driver in drivers.iter().take(6) {
                            tr {
                                th scope="row" { (naming::activity(seen, &driver.activity)) }
                                td.num { (format!("{:.0} d", driver.contribution_days)) }
                                td.num { (percent(driver.criticality)) }
                            }
                        }
                    }
                }
                p.muted { "Days: what it adds to the driving path on average. Drives in: the share of samples in which it is on that path." }
            }
        }
    }
}

fn limited_by(seen: &Seen, limits: &[Limit]) -> Markup {
    let limits: Vec<&Limit> =
        limits.iter().filter(|it| seen.sees_activity(it.activity.as_str())).collect();
    html! {
        @if !limits.is_empty() {
            div.card {
                h2 { "What keeps the target from holding" }
                table.plain {
                    caption.visually-hidden { "Activities that drive the date in late samples" }
                    thead { tr { th scope="col" { "Activity" } th.num scope="col" { "Of late cases" } } }
                    tbody {
                        @for limit in limits {
                            tr {
                                th scope="row" { (naming::activity(seen, &limit.activity)) }
                                td.num { (percent(limit.share)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The milestones whose dates an activity moves.
fn moves(seen: &Seen, id: &ActivityId) -> Markup {
    let milestones = seen.forecast().map(|it| it.milestones.as_slice()).unwrap_or_default();
    let mut moved: Vec<(&MilestoneForecast, &DriverForecast)> = milestones
        .iter()
        .filter_map(|it| Some((it, it.drivers.iter().find(|driver| driver.activity == *id)?)))
        .collect();
    moved.sort_by(|a, b| b.1.contribution_days.total_cmp(&a.1.contribution_days));
    html! {
        div.card {
            h2 { "What it moves" }
            @if moved.is_empty() {
                p.muted {
                    "It is among the twelve strongest drivers of no milestone or launch"
                    @if !seen.sight.is_whole() { " that is shared with you" }
                    "."
                }
            } @else {
                table.plain {
                    caption.visually-hidden { "Milestones and launches that it drives, most days first" }
                    thead { tr { th scope="col" { "Date" } th.num scope="col" { "Days" } th.num scope="col" { "Drives in" } } }
                    tbody {
                        @for (milestone, driver) in moved.iter().take(8) {
                            tr {
                                th scope="row" { a href={ "/forecast/" (milestone.id) } { (milestone.title) } }
                                td.num { (format!("{:.0} d", driver.contribution_days)) }
                                td.num { (percent(driver.criticality)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
