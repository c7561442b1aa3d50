//! `/records/KIND/ID/history`: every version of a record, and the way back to one.

use axum::Form as Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Diagnostic, Edit, RecordKey};
use longlead_records::{Change, ChangeFilter, CommitError, Sequence, Version, VersionedEdit};
use maud::{Markup, html};
use serde::Deserialize;

use crate::form::{Names, key_href};
use crate::layout::{self, Page};
use crate::page::records::show::lede;
use crate::page::records::{Newest, diff, edit, existing, key_of, may_not};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    before: Option<u64>,
}

/// Versions on a page.
const PAGE_CHANGES: u32 = 50;

pub(crate) async fn show(
    seen: Seen,
    Path((kind, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let newest = Newest::of(&seen);
    let key = key_of(&kind, &id)?;
    page(&seen, &newest, &key, asked.before, &[]).await
}

async fn page(
    seen: &Seen,
    newest: &Newest,
    key: &RecordKey,
    before: Option<u64>,
    refused: &[Diagnostic],
) -> Result<Html<String>, Problem> {
    let changes = changes(seen, key, before).await?;
    // The history of what was removed stays, for those who see everything.
    if changes.is_empty() || !seen.sees(key) {
        existing(seen, newest, key.kind_str(), key.id())?;
    }
    let names = Names::new(seen, newest.bundle(seen));
    let is_full = changes.len() >= PAGE_CHANGES as usize;
    let older = changes.last().filter(|_| is_full).map(|change| change.sequence);
    let main = html! {
        @if !refused.is_empty() {
            div role="alert" {
                p.notice.bad { "This version can't be brought back as the product is now." }
                (ui::diagnostics(refused))
            }
        }
        @if changes.is_empty() {
            (ui::empty("No changes yet", "It has been as it is from the beginning.", None))
        }
        div.stack { @for change in &changes { (version(seen, newest, change, &names)) } }
        @if let Some(older) = older {
            nav.pager aria-label="Pages" {
                span {}
                a.button rel="next" href={ (key_href(key)) "/history?before=" (older) } { "Older versions" }
            }
        }
    };
    let title = format!("History of {}", newest.title(key));
    let page = Page {
        title: &title,
        section: "/history",
        lede: Some(lede(key)),
        tools: html! { @if newest.has(seen, key) { a.button href=(key_href(key)) { "The record now" } } },
        main,
        live: before.is_none() && refused.is_empty(),
    };
    Ok(layout::page(seen, &page))
}

async fn changes(
    seen: &Seen,
    key: &RecordKey,
    before: Option<u64>,
) -> Result<Vec<Change>, Problem> {
    let filter = ChangeFilter {
        key: Some(key.clone()),
        before_sequence: before.map(Sequence::from),
        limit: Some(PAGE_CHANGES),
        ..ChangeFilter::default()
    };
    let mut changes = seen.app.journal().changes(&filter).await?;
    changes.retain(|change| change.key == *key);
    Ok(changes)
}

/// Whether the reader may make a record what it once was.
fn may_restore(seen: &Seen, newest: &Newest, key: &RecordKey) -> bool {
    match key {
        RecordKey::Record(kind, _) if !newest.has(seen, key) => seen.may_add(*kind),
        key => seen.may_write(key),
    }
}

/// One version: what changed, and a button that brings it back.
fn version(seen: &Seen, newest: &Newest, change: &Change, names: &Names<'_>) -> Markup {
    let key = &change.key;
    let current = newest.version(key).map(Version::sequence);
    let is_current = current == Some(change.sequence);
    let href = key_href(key);
    html! {
        article.card.change {
            div.change-head {
                (diff::verb(change.before.as_deref(), change.after.as_deref()))
                strong { (change.who_name) }
                span.when { (ui::instant(change.at)) }
                a href={ "/history/" (change.sequence) } { "change " (change.sequence) }
                @if is_current { span.muted { "the record as it is now" } }
            }
            @if let Some(why) = &change.why { p { (why) } }
            (diff::change(key, change.before.as_deref(), change.after.as_deref(), names))
            @if change.after.is_some() && !is_current {
                div.toolbar {
                    a.button.small.quiet href={ (href) "?version=" (change.sequence) } { "See it as it was" }
                    @if may_restore(seen, newest, key) {
                        form method="post" action={ (href) "/restore" } data-confirm="Bring this version back?" {
                            (layout::csrf(&seen.reader))
                            input type="hidden" name="sequence" value=(change.sequence);
                            @if let Some(version) = newest.version(key) { input type="hidden" name="version" value=(version); }
                            button.button.small { "Bring this version back" }
                        }
                    }
                }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Restore {
    sequence: u64,
    /// The version that was there when the history was looked at.
    version: Option<Version>,
}

pub(crate) async fn restore(
    seen: Seen,
    Path((kind, id)): Path<(String, String)>,
    sent: Result<Body<Restore>, FormRejection>,
) -> Result<Response, Problem> {
    let Body(asked) = sent.map_err(|error| Problem::bad_request(error.to_string()))?;
    let newest = Newest::of(&seen);
    let key = key_of(&kind, &id)?;
    if !seen.sees(&key) {
        existing(&seen, &newest, &kind, &id)?;
    }
    if !may_restore(&seen, &newest, &key) {
        return Err(may_not(&seen, &key));
    }
    let changes = changes(&seen, &key, Some(asked.sequence.saturating_add(1))).await?;
    let wanted = changes.into_iter().find(|it| it.sequence == Sequence::from(asked.sequence));
    let text = wanted.and_then(|change| change.after);
    let text = text.ok_or_else(|| Problem::not_found("There is no such version of this record"))?;
    let edit = Edit { key: key.clone(), after: Some(text) };
    let edits = vec![VersionedEdit { edit, expected: edit::expected(asked.version) }];
    let why = format!("Brought back the version of change {}", asked.sequence);
    match edit::send(&seen, edits, &why).await {
        Ok(sequence) => {
            Ok(Redirect::to(&format!("{}?saved={sequence}", key_href(&key))).into_response())
        }
        Err(CommitError::Refused(told)) => {
            let page = page(&seen, &newest, &key, None, &edit::told_to(&seen, told)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
