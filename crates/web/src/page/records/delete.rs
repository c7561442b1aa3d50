//! Taking a record away, after a look at what refers to it.

use axum::Form as Body;
use axum::extract::Path;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Diagnostic, Edit, RecordKey};
use longlead_records::{CommitError, Version, VersionedEdit};
use maud::html;
use serde::Deserialize;

use super::{Newest, changeable, edit, effect, may_not};
use crate::form::{Names, key_href};
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Debug, Deserialize)]
pub(crate) struct Removal {
    version: Version,
    #[serde(default)]
    why: String,
}

pub(crate) async fn show(
    seen: Seen,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Html<String>, Problem> {
    let newest = Newest::of(&seen);
    let key = removable(&seen, &newest, &kind, &id)?;
    page(&seen, &newest, &key, &[]).await
}

/// The key of a record that the reader may take away: a partner takes nothing away.
fn removable(seen: &Seen, newest: &Newest, kind: &str, id: &str) -> Result<RecordKey, Problem> {
    let key = changeable(seen, newest, kind, id)?;
    match &key {
        RecordKey::Record(kind, _) if seen.may_add(*kind) => Ok(key),
        _ => Err(may_not(seen, &key)),
    }
}

async fn page(
    seen: &Seen,
    newest: &Newest,
    key: &RecordKey,
    refused: &[Diagnostic],
) -> Result<Html<String>, Problem> {
    let edits = [Edit { key: key.clone(), after: None }];
    let (bundle, diagnostics) = newest.snapshot.bundle.edited(&edits);
    let broken: Vec<Diagnostic> = edit::news(&newest.snapshot, diagnostics)
        .into_iter()
        .filter(Diagnostic::is_error)
        .collect();
    let RecordKey::Record(kind, id) = key else {
        return Err(may_not(seen, key));
    };
    let names = Names::new(seen, newest.bundle(seen));
    let users = newest.bundle(seen).mentioned_by(*kind, id);
    let effect = match broken.is_empty() {
        true => Some(effect::of_edits(seen, &newest.snapshot, bundle, &edits).await?),
        false => None,
    };
    let main = html! {
        @if !refused.is_empty() { div role="alert" { (ui::diagnostics(refused)) } }
        div.stack {
            @if !users.is_empty() {
                section.card {
                    h2 { (super::counted(users.len(), "record refers", "records refer")) " to it" }
                    ul.plain-list { @for user in users.iter().take(50) { li { (names.link_of(user)) " " span.muted { (user.kind_str().replace('_', " ")) } } } }
                }
            }
            @if broken.is_empty() {
                @if let Some(effect) = &effect { section.card { h2 { "What it moves" } (effect::moves(effect)) } }
                form.edit.card method="post" action={ (key_href(key)) "/delete" } {
                    (layout::csrf(&seen.reader))
                    @if let Some(version) = newest.version(key) { input type="hidden" name="version" value=(version); }
                    div.field {
                        label for="why" { "Why " span.optional { "for those who read the history" } }
                        input #why type="text" name="why" maxlength="500" autocomplete="off";
                    }
                    p.muted { "Its history stays, and it can be brought back from there." }
                    div.form-actions {
                        button.button.danger { "Remove " (kind.word()) }
                        a.button.quiet href=(key_href(key)) { "Keep it" }
                    }
                }
            } @else {
                section.card {
                    h2 { "It can't be removed yet" }
                    p { "The product would contradict itself. Change these first:" }
                    (ui::diagnostics(&broken))
                    p { a.button href=(key_href(key)) { "Back" } }
                }
            }
        }
    };
    let title = format!("Remove {}", newest.title(key));
    let page = Page {
        title: &title,
        section: "/records",
        lede: Some(super::show::lede(key)),
        tools: html! {},
        main,
        live: false,
    };
    Ok(layout::page(seen, &page))
}

pub(crate) async fn remove(
    seen: Seen,
    Path((kind, id)): Path<(String, String)>,
    sent: Result<Body<Removal>, FormRejection>,
) -> Result<Response, Problem> {
    let Body(removal) = sent.map_err(|error| Problem::bad_request(error.to_string()))?;
    let newest = Newest::of(&seen);
    let key = removable(&seen, &newest, &kind, &id)?;
    let edit = Edit { key: key.clone(), after: None };
    let edits = vec![VersionedEdit { edit, expected: edit::expected(Some(removal.version)) }];
    match edit::send(&seen, edits, &removal.why).await {
        Ok(sequence) => {
            let href = format!("/records/{}?saved={sequence}", key.kind_str());
            Ok(Redirect::to(&href).into_response())
        }
        Err(CommitError::Refused(diagnostics)) => {
            let page = page(&seen, &newest, &key, &diagnostics).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
