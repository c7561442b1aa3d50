//! Changing a draft: taking a change back, sharing, copying, keeping and deleting.

use std::time::Duration;

use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use longlead_model::{Edit, Kind, RecordKey, slug_from};
use longlead_records::{
    CommitRequest, Draft, DraftError, DraftText, Expected, Sequence, VersionedEdit,
};
use serde::Deserialize;

use super::changes::Changes;
use super::draft::{draft_of, elsewhere, own_draft};
use crate::problem::Problem;
use crate::reader::Seen;

/// How long a page waits for the plan to catch up with what was applied.
const PATIENCE: Duration = Duration::from_millis(450);

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Touched {
    pub(super) version: u64,
    index: Option<usize>,
    pub(super) sequence: Option<u64>,
    pub(super) why: Option<String>,
}

/// Saves a draft on the version that was seen, and shows it; or shows the newer one that there is.
async fn save(
    seen: &Seen,
    draft: &Draft,
    version: u64,
    text: &DraftText,
) -> Result<Response, Problem> {
    let saved = seen.app.journal().save_draft(&draft.id, version, text, seen.app.now()).await;
    match saved {
        Ok(_) => Ok(Redirect::to(&format!("/what-if/{}", draft.id)).into_response()),
        Err(DraftError::Gone) => Err(Problem::not_found("There is no such what-if")),
        Err(DraftError::Conflict(newest)) => elsewhere(seen, &newest).await,
        Err(DraftError::Store(error)) => Err(error.into()),
    }
}

pub(super) fn text_of(draft: &Draft, changes: &Changes) -> Result<DraftText, Problem> {
    let text = if changes.is_empty() { Ok(String::new()) } else { changes.text() };
    let changes = text.map_err(|diagnostic| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", "This change can't be kept")
            .diagnostics(vec![diagnostic])
    })?;
    Ok(DraftText { title: draft.title.clone(), changes, shared: draft.shared })
}

pub(crate) async fn remove(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let mut changes = Changes::of_text(&draft.changes);
    changes.remove(told.index.unwrap_or(usize::MAX));
    save(&seen, &draft, told.version, &text_of(&draft, &changes)?).await
}

pub(crate) async fn share(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let (title, changes) = (draft.title.clone(), draft.changes.clone());
    let text = DraftText { title, changes, shared: !draft.shared };
    save(&seen, &draft, told.version, &text).await
}

pub(crate) async fn delete(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    if draft.version != told.version {
        return elsewhere(&seen, &draft).await;
    }
    seen.app.journal().delete_draft(&draft.id).await?;
    Ok(Redirect::to("/what-if").into_response())
}

pub(crate) async fn copy(seen: Seen, Path(id): Path<String>) -> Result<Redirect, Problem> {
    let draft = draft_of(&seen, &id).await?;
    let title = format!("{} (copy)", draft.title);
    copied(&seen, title, draft.changes).await
}

pub(super) async fn copied(
    seen: &Seen,
    title: String,
    changes: String,
) -> Result<Redirect, Problem> {
    let text = DraftText { title, changes, shared: false };
    let (owner, now) = (seen.reader.user.id, seen.app.now());
    let draft = seen.app.journal().create_draft(owner, &text, now).await?;
    Ok(Redirect::to(&format!("/what-if/{}", draft.id)))
}

/// Keeps a draft as a scenario on record, under an id that nobody has.
pub(crate) async fn keep(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    if draft.version != told.version {
        return elsewhere(&seen, &draft).await;
    }
    let changes = Changes::of_text(&draft.changes);
    let slug = slug_from(&draft.title);
    let is_taken = |id: &str| seen.bundle().records.has(Kind::Scenario, id);
    let mut scenario = slug.clone();
    for number in 2.. {
        if !is_taken(&scenario) {
            break;
        }
        scenario = format!("{slug}-{number}");
    }
    let text = changes.record(&scenario, &draft.title).map_err(|diagnostic| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", "This can't be kept")
            .diagnostics(vec![diagnostic])
    })?;
    let key = RecordKey::Record(Kind::Scenario, scenario.clone());
    let edit = Edit { key, after: Some(text) };
    let why = format!("Kept the what-if “{}”", draft.title);
    commit(&seen, why, vec![VersionedEdit { edit, expected: Expected::Absent }]).await?;
    Ok(Redirect::to(&format!("/scenarios/{scenario}")).into_response())
}

pub(super) async fn commit(
    seen: &Seen,
    why: String,
    edits: Vec<VersionedEdit>,
) -> Result<Sequence, Problem> {
    for edit in &edits {
        if !seen.may_write(&edit.edit.key) {
            let title = format!("Your role may not change {}", edit.edit.key);
            return Err(Problem::forbidden(title).detail("Share the what-if with someone who may."));
        }
    }
    let request = CommitRequest {
        who: seen.reader.actor(),
        at: seen.app.now(),
        why: Some(why),
        edits,
        idempotency: None,
    };
    let committed = seen.app.journal().commit(request).await?;
    seen.app.engine().reached(committed.sequence, PATIENCE).await;
    Ok(committed.sequence)
}
