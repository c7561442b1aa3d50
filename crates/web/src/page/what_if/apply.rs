//! Applying a draft to the real product, after a look at what would change.

use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Diagnostic, Edit};
use longlead_records::{Draft, Expected, Sequence, VersionedEdit};
use maud::{Markup, html};

use super::changes::Changes;
use super::difference::result;
use super::draft::own_draft;
use super::save::{Touched, commit};
use super::{framed, title_of};
use crate::layout::csrf;
use crate::page::records::diff;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// The edits that a draft means for the real product.
fn edits(seen: &Seen, draft: &Draft) -> Result<Vec<Edit>, Problem> {
    let changes = Changes::of_text(&draft.changes);
    let refused = |diagnostics| {
        let title = "These changes don't fit the product any more";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", title).diagnostics(diagnostics)
    };
    let scenario = changes.scenario(&draft.title).map_err(refused)?;
    let bundle = &seen.outlook.bundle;
    let (after, diagnostics) = bundle.under(&scenario);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(refused(diagnostics));
    }
    Ok(bundle.edits_to(&after))
}

/// What is typed into the form that applies a draft, and why it wasn't applied.
#[derive(Debug, Default)]
struct Applying {
    why: Option<String>,
    refused: Option<Problem>,
}

pub(crate) async fn preview(seen: Seen, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let edits = edits(&seen, &draft)?;
    preview_page(&seen, &draft, &edits, &Applying::default()).await
}

async fn preview_page(
    seen: &Seen,
    draft: &Draft,
    edits: &[Edit],
    applying: &Applying,
) -> Result<Html<String>, Problem> {
    let result = result(seen, &draft.title, &Changes::of_text(&draft.changes)).await?;
    let why = applying.why.as_deref().unwrap_or(&draft.title);
    let main = html! {
        @match &applying.refused {
            None => { p.notice.warn { "This changes the real product, for everyone, in one step." } }
            Some(problem) => { (refusal(problem)) }
        }
        div.split {
            section {
                h2 { "Records that change" }
                @for edit in edits {
                    h3 { a href=(ui::key_href(&edit.key)) { (title_of(seen.bundle(), &edit.key)) } " " span.id { (edit.key) } }
                    (diff::lines(&seen.bundle().text(&edit.key).unwrap_or_default(), edit.after.as_deref().unwrap_or_default()))
                }
                form.edit method="post" action={ "/what-if/" (draft.id) "/apply" } {
                    (csrf(&seen.reader))
                    input type="hidden" name="version" value=(draft.version);
                    input type="hidden" name="sequence" value=(seen.outlook.sequence());
                    div.field {
                        label for="why" { "Why" }
                        input #why name="why" maxlength="500" required value=(why);
                    }
                    div.form-actions {
                        button.button.primary { "Apply " (edits.len()) @if edits.len() == 1 { " change" } @else { " changes" } }
                        a.button.quiet href={ "/what-if/" (draft.id) } { "Back" }
                    }
                }
            }
            section { (result) }
        }
    };
    Ok(framed(seen, &format!("Apply “{}”", draft.title), None, html! {}, main, false))
}

fn refusal(problem: &Problem) -> Markup {
    html! {
        div.notice.bad role="alert" {
            strong { (ui::told(&problem.title)) }
            p { "Nothing was applied. Below is what would change now." }
        }
        (ui::diagnostics(&problem.diagnostics))
    }
}

pub(crate) async fn apply(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let why = told.why.clone().filter(|why| !why.trim().is_empty());
    match applied(&seen, &draft, &told, why.clone().unwrap_or(draft.title.clone())).await {
        Ok(sequence) => Ok(Redirect::to(&format!("/history/{sequence}")).into_response()),
        // What the reader can mend is told beside what they typed.
        Err(problem) if problem.status.is_client_error() => {
            let status = problem.status;
            let edits = edits(&seen, &draft).unwrap_or_default();
            let applying = Applying { why, refused: Some(problem) };
            let page = preview_page(&seen, &draft, &edits, &applying).await?;
            Ok((status, page).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn applied(
    seen: &Seen,
    draft: &Draft,
    told: &Touched,
    why: String,
) -> Result<Sequence, Problem> {
    if draft.version != told.version {
        let title = "This what-if has been changed in another window";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", title));
    }
    let was = told.sequence.unwrap_or_default();
    let versioned = edits(seen, draft)?.into_iter().map(|edit| {
        let version = seen.outlook.snapshot.version(&edit.key);
        let expected = version.map_or(Expected::Absent, Expected::Version);
        VersionedEdit { edit, expected }
    });
    let versioned: Vec<VersionedEdit> = versioned.collect();
    if versioned.iter().any(|edit| is_newer(&edit.expected, was)) {
        let title = "Someone changed one of these records meanwhile";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", title));
    }
    commit(seen, why, versioned).await
}

/// Whether a record has changed since the preview was made of a sequence.
fn is_newer(expected: &Expected, sequence: u64) -> bool {
    matches!(expected, Expected::Version(version) if version.get() > sequence)
}
