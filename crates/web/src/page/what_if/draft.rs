//! `/what-if/DRAFT`: the page of one draft.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use longlead_model::{Bundle, Kind, RecordKey};
use longlead_records::Draft;
use maud::{Markup, html};

use super::change::{self, Chosen};
use super::changes::Changes;
use super::difference::{change_list, result, under_bundle};
use super::{Proposed, framed, not_for_partners};
use crate::form;
use crate::layout::csrf;
use crate::problem::Problem;
use crate::reader::Seen;

/// A draft that the reader may see.
pub(super) async fn draft_of(seen: &Seen, id: &str) -> Result<Draft, Problem> {
    not_for_partners(seen)?;
    let draft = seen.app.journal().draft(id).await?;
    let may_see = |draft: &Draft| draft.shared || draft.owner == seen.reader.user.id;
    draft.filter(may_see).ok_or_else(|| Problem::not_found("There is no such what-if"))
}

/// A draft that the reader may change.
pub(super) async fn own_draft(seen: &Seen, id: &str) -> Result<Draft, Problem> {
    let draft = draft_of(seen, id).await?;
    if draft.owner == seen.reader.user.id {
        return Ok(draft);
    }
    Err(Problem::forbidden("This what-if is someone else's").detail("Copy it to change it."))
}

/// What the page of a draft shows beside its changes.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The record that is being changed.
    pub(super) chosen: Option<Chosen>,
    /// Whether a record was asked for that can't be changed here.
    pub(super) is_nowhere: bool,
    pub(super) notice: Option<&'static str>,
}

pub(crate) async fn show(
    seen: Seen,
    Path(id): Path<String>,
    Query(proposed): Query<Proposed>,
) -> Result<Html<String>, Problem> {
    let draft = draft_of(&seen, &id).await?;
    let key = proposed.key().filter(|key| {
        let is_changed_here =
            matches!(key, RecordKey::Record(kind, id) if KINDS.contains(kind) && !id.is_empty());
        is_changed_here || seen.bundle().json(key).is_some()
    });
    let changes = Changes::of_text(&draft.changes);
    let under = under_bundle(&seen, &draft.title, &changes).await;
    let chosen = key.and_then(|key| Chosen::of(&seen, under.as_deref(), key));
    let is_nowhere = proposed.is_made() && chosen.is_none();
    page(&seen, &draft, View { chosen, is_nowhere, notice: None }).await
}

pub(super) async fn page(seen: &Seen, draft: &Draft, view: View) -> Result<Html<String>, Problem> {
    let changes = Changes::of_text(&draft.changes);
    let is_own = draft.owner == seen.reader.user.id;
    let result = result(seen, &draft.title, &changes).await?;
    let under = under_bundle(seen, &draft.title, &changes).await;
    let base = format!("/what-if/{}", draft.id);
    let main = html! {
        @if let Some(notice) = view.notice { p.notice.warn role="alert" { (notice) } }
        div #what-if .split.what-if {
            section aria-label="Changes" {
                (change_list(seen, under.as_deref(), &changes, is_own.then_some((base.as_str(), draft.version))))
                @if is_own { (add_form(seen, draft, &view)) }
            }
            section aria-label="What differs" { (result) }
        }
    };
    let tools = html! {
        @if is_own { (own_tools(seen, draft, !changes.is_empty())) } @else { (copy_form(seen, &base)) }
    };
    let lede = html! { "Nothing of this is real until it is applied." };
    // What was sent and isn't saved must not be replaced by what is.
    let live = view.notice.is_none() && view.chosen.as_ref().is_none_or(|it| !it.is_sent());
    Ok(framed(seen, &draft.title, Some(lede), tools, main, live))
}

/// The newest draft, after something was to be done with one that is out of date.
pub(super) async fn elsewhere(seen: &Seen, newest: &Draft) -> Result<Response, Problem> {
    let notice = "This what-if has been changed in another window, so nothing was done. This is \
                  how it stands now: do it again if it still fits.";
    let page = page(seen, newest, View { notice: Some(notice), ..View::default() }).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// The form that adds a change: first the record, then its fields with what they hold.
fn add_form(seen: &Seen, draft: &Draft, view: &View) -> Markup {
    let bundle = seen.bundle();
    let base = format!("/what-if/{}", draft.id);
    html! {
        h3 { "Change something" }
        form.filters method="get" action=(base) data-swap="#what-if" {
            label for="record" { "Record" }
            input #record name="record" list="records" size="34" required
                placeholder="offer, feature, activity …" value=[view.chosen.as_ref().map(|it| it.key().to_string())];
            (record_list(bundle))
            button.button { "Show fields" }
        }
        @if view.is_nowhere {
            p.notice.bad { "There is no such record. Choose one of the list, or write kind and id to add one: offer/…" }
        }
        @if let Some(chosen) = &view.chosen { (change::form(seen, draft, chosen)) }
    }
}

/// Kinds whose change moves the plan, the likeliest first.
const KINDS: &[Kind] = &[
    Kind::Offer,
    Kind::Feature,
    Kind::Activity,
    Kind::Milestone,
    Kind::Revision,
    Kind::Build,
    Kind::Decision,
    Kind::Risk,
    Kind::Order,
    Kind::Actual,
    Kind::BomLine,
    Kind::Part,
    Kind::Release,
    Kind::Market,
    Kind::Regime,
    Kind::Certificate,
    Kind::Team,
    Kind::Calendar,
    Kind::Link,
    Kind::Supplier,
    Kind::Correlation,
];

fn record_list(bundle: &Bundle) -> Markup {
    let of = |kind: Kind| bundle.records.ids(kind).into_iter().map(move |id| (kind, id));
    let records = KINDS.iter().copied().flat_map(of).take(form::OPTIONS_MAX);
    html! {
        datalist #records {
            @for (kind, id) in records {
                option value={ (kind) "/" (id) } { (bundle.records.title(kind, id).unwrap_or(id)) }
            }
        }
    }
}

fn own_tools(seen: &Seen, draft: &Draft, has_changes: bool) -> Markup {
    let base = format!("/what-if/{}", draft.id);
    let button = |path: &str, class: &str, label: &str, confirm: Option<&str>| {
        html! {
            form method="post" action={ (base) "/" (path) } data-confirm=[confirm] {
                (csrf(&seen.reader))
                input type="hidden" name="version" value=(draft.version);
                input type="hidden" name="sequence" value=(seen.outlook.sequence());
                button class={ "button " (class) } { (label) }
            }
        }
    };
    html! {
        div.toolbar {
            @if has_changes {
                a.button.primary href={ (base) "/apply" } { "Apply …" }
                (button("keep", "", "Keep as scenario", None))
            }
            (button("share", "", if draft.shared { "Stop sharing" } else { "Share" }, None))
            (button("delete", "quiet", "Delete", Some("Delete this what-if?")))
        }
    }
}

pub(super) fn copy_form(seen: &Seen, base: &str) -> Markup {
    html! {
        form method="post" action={ (base) "/copy" } { (csrf(&seen.reader)) button.button { "Copy to a draft of mine" } }
    }
}
