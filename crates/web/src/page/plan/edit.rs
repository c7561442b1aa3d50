//! `/plan/{id}/edit`: what was estimated and what has happened, changed where it stands.
//!
//! The form carries what its author saw. Only fields that differ from that are written, so that
//! someone else's change to another field of the same record survives.

mod field;
mod form;

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Diagnostic, Kind, RecordKey};
use longlead_records::{CommitError, CommitRequest, Conflict, Sequence, Snapshot};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::hardware::unknown;
use crate::page::plan::{activity_key, row};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;
use field::Typed;
use form::{Refusal, State};

/// How long the answer waits for the plan to follow a change.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(450);

/// The address of the form of an activity.
pub(crate) fn href(id: &str) -> String {
    format!("/plan/{id}/edit")
}

fn actual_key(id: &str) -> RecordKey {
    RecordKey::Record(Kind::Actual, id.to_owned())
}

fn may_edit_work(seen: &Seen, id: &str) -> bool {
    seen.bundle().records.has(Kind::Activity, id) && seen.may_write(&activity_key(id))
}

/// Whether the reader may change anything about an activity.
pub(crate) fn may_edit(seen: &Seen, id: &str) -> bool {
    seen.may_write(&actual_key(id)) || may_edit_work(seen, id)
}

/// The estimate, what has happened, and, right after a change, what follows from it.
pub(crate) fn told(
    seen: &Seen,
    id: &str,
    estimate: Option<&str>,
    saved: Option<&Markup>,
) -> Markup {
    let actual = seen.bundle().records.actuals.get(id);
    html! {
        div.told {
            @match estimate { Some(estimate) => span { (estimate) }, None => (ui::dash()) }
            @if let Some(actual) = actual {
                small {
                    @if let Some(on) = actual.finished { "finished " (ui::date(on)) }
                    @else if let Some(on) = actual.started { "started " (ui::date(on)) }
                    @if let Some(remaining) = &actual.remaining { ", " (remaining) " left" }
                }
                @if let Some(note) = &actual.note { small { (note) } }
            }
            @if let Some(saved) = saved { small.saved role="status" { (saved) } }
        }
    }
}

fn is_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key("x-fragment")
}

/// Refuses ids that aren't in the plan and readers who may change nothing about them.
fn check(seen: &Seen, id: &str) -> Result<String, Problem> {
    let Some(row) = row::one(seen, id)? else {
        let ids = seen.forecast()?.activities.iter().map(|it| it.id.as_str());
        return Err(unknown(id, ids));
    };
    if !may_edit(seen, id) {
        return Err(Problem::forbidden("You may not change this activity")
            .detail("Your role, or what is shared with you, doesn't allow it."));
    }
    Ok(row.activity.title.clone())
}

pub(crate) async fn show(
    seen: Seen,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let title = check(&seen, &id)?;
    let state = State::fresh(&seen.app.journal().current(), &id);
    Ok(answer(&seen, &headers, &title, &state, StatusCode::OK))
}

/// The form, alone for a script, in a page for everyone else.
fn answer(
    seen: &Seen,
    headers: &HeaderMap,
    title: &str,
    state: &State,
    status: StatusCode,
) -> Response {
    let inline = is_fragment(headers);
    let form = form::markup(seen, state, inline);
    if inline {
        return (status, Html(form.into_string())).into_response();
    }
    let main = html! {
        div.split {
            div.card { (form) }
            (behind(seen, &state.id))
        }
    };
    let title = format!("Change: {title}");
    let page =
        Page { title: &title, section: "/plan", lede: None, tools: html! {}, main, live: false };
    (status, layout::page(seen, &page)).into_response()
}

/// Where else something can be changed: an activity that follows from facts has its estimate there.
fn behind(seen: &Seen, id: &str) -> Markup {
    let source = source(seen, id);
    html! {
        aside.card {
            h2 { "More about it" }
            p { a href=(ui::explain_href(id)) { "Why these dates" } }
            @if let Some((kind, source)) = source {
                p {
                    "It follows from " a href=(ui::record_href(kind, &source)) { (kind.word()) " " (source) }
                    @if id.contains(':') { ", whose record has its estimate." } @else { "." }
                }
            }
        }
    }
}

/// The record that has the estimate of an activity.
fn source(seen: &Seen, id: &str) -> Option<(Kind, String)> {
    let mut names = id.split(':');
    let (first, second, third) = (names.next()?, names.next(), names.next());
    let source = match (first, second, third) {
        ("build" | "test", Some(build), _) => (Kind::Build, build),
        ("design", Some(revision), _) => (Kind::Revision, revision),
        ("certify", Some(_), Some(regime)) => (Kind::Regime, regime),
        ("procure", Some(_), Some(part)) => (Kind::Part, part),
        ("ship", Some(_), Some(market)) => (Kind::Market, market),
        ("develop", Some(feature), _) => (Kind::Feature, feature),
        ("release", Some(release), _) => (Kind::Release, release),
        (id, None, None) if seen.bundle().records.has(Kind::Milestone, id) => (Kind::Milestone, id),
        (id, None, None) => (Kind::Activity, id),
        _ => return None,
    };
    let key = RecordKey::Record(source.0, source.1.to_owned());
    seen.sees(&key).then(|| (source.0, source.1.to_owned()))
}

pub(crate) async fn save(
    seen: Seen,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let title = check(&seen, &id)?;
    let typed = Typed::new(fields);
    let snapshot = seen.app.journal().current();
    let edits = match field::edits(&seen, &snapshot.bundle, &id, &typed) {
        Ok(edits) => edits,
        Err(diagnostic) => {
            let state = refused(&id, &typed, vec![diagnostic], &[]);
            return Ok(answer(&seen, &headers, &title, &state, StatusCode::UNPROCESSABLE_ENTITY));
        }
    };
    if edits.is_empty() {
        return done(&seen, &headers, &id, None).await;
    }
    let request = CommitRequest {
        who: seen.reader.actor(),
        at: seen.app.now(),
        why: typed.why(),
        edits: edits.clone(),
        idempotency: None,
    };
    match seen.app.journal().commit(request).await {
        Ok(committed) => done(&seen, &headers, &id, Some(committed.sequence)).await,
        Err(CommitError::Nothing) => done(&seen, &headers, &id, None).await,
        Err(CommitError::Refused(diagnostics)) => {
            let state = refused(&id, &typed, diagnostics, &edits);
            Ok(answer(&seen, &headers, &title, &state, StatusCode::UNPROCESSABLE_ENTITY))
        }
        Err(CommitError::Conflict(conflicts)) => {
            let state = conflicted(&seen.app.journal().current(), &id, &typed, &conflicts);
            Ok(answer(&seen, &headers, &title, &state, StatusCode::CONFLICT))
        }
        Err(error) => Err(error.into()),
    }
}

fn refused(
    id: &str,
    typed: &Typed,
    diagnostics: Vec<Diagnostic>,
    edits: &[longlead_records::VersionedEdit],
) -> State {
    let mut state = State::of_typed(id, typed);
    state.refusals = diagnostics
        .into_iter()
        .map(|diagnostic| Refusal { field: field::of_diagnostic(edits, &diagnostic), diagnostic })
        .collect();
    state
}

/// What they typed stays; fields that they left alone take what the others wrote.
fn conflicted(snapshot: &Snapshot, id: &str, typed: &Typed, conflicts: &[Conflict]) -> State {
    let mut state = State::fresh(snapshot, id);
    for (name, now) in state.values.clone() {
        if typed.was(name) != now {
            state.theirs.insert(name, now);
        }
        if typed.is_touched(name) {
            state.values.insert(name, typed.value(name).to_owned());
        }
    }
    state.why = typed.why().unwrap_or_default();
    state.conflict = conflicts.iter().find_map(|it| it.by.clone());
    state.is_conflict = true;
    state
}

/// The answer to a change that is done: the cell with its new dates, or the way back to the plan.
async fn done(
    seen: &Seen,
    headers: &HeaderMap,
    id: &str,
    sequence: Option<Sequence>,
) -> Result<Response, Problem> {
    let is_planned = match sequence {
        Some(sequence) => seen.app.engine().reached(sequence, PATIENCE).await,
        None => true,
    };
    if !is_fragment(headers) {
        let mut query = vec![("view", "table".to_owned()), ("q", id.to_owned())];
        query.push(("state", "all".to_owned()));
        query.extend(sequence.map(|sequence| ("saved", sequence.to_string())));
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        return Ok(Redirect::to(&format!("/plan?{query}")).into_response());
    }
    let latest = seen.app.engine().latest();
    let outlook = latest.unwrap_or_else(|| std::sync::Arc::clone(&seen.outlook));
    let seen = Seen::new(seen.app.clone(), seen.reader.clone(), outlook).await?;
    let row = row::one(&seen, id)?;
    let saved = sequence.map(|_| {
        html! {
            @match &row {
                Some(row) if is_planned => { "Saved. Finished " (ui::date(row.finish_p50)) " (P50), " (ui::date(row.finish_p80)) " (P80)." }
                _ => "Saved. The dates follow in a moment.",
            }
        }
    });
    let estimate = row.as_ref().and_then(|row| row.estimate.as_deref());
    Ok(Html(told(&seen, id, estimate, saved.as_ref()).into_string()).into_response())
}
