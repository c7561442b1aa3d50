//! Many changes at once, from a spreadsheet or from files: shown first, then saved as one.

use axum::Form as Body;
use axum::extract::Multipart;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Diagnostic, Edit, RecordKey};
use longlead_records::{CommitError, Version, VersionedEdit};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::{Newest, counted, diff, edit, effect};
use crate::form::{Names, key_href};
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::sight::unseen_references;
use crate::ui;

/// Changes that are proposed, with the versions that they were compared with.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Batch {
    changes: Vec<Proposed>,
    /// Records that aren't in what was sent: they go only if someone says so.
    missing: Vec<Proposed>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Proposed {
    key: String,
    version: Option<u64>,
    text: Option<String>,
}

impl Batch {
    /// What would change of the product, given the texts that records should have and the records
    /// that were left out. What is the same isn't a change.
    pub(crate) fn of(
        newest: &Newest,
        texts: &[(RecordKey, String)],
        missing: &[RecordKey],
    ) -> Batch {
        let proposed = |key: &RecordKey, text: Option<String>| Proposed {
            key: key.to_string(),
            version: newest.version(key).map(Version::get),
            text,
        };
        let canonical = |key: &RecordKey, text: &str| diff::canonical(key, text);
        let differs = |(key, text): &&(RecordKey, String)| newest.text(key) != canonical(key, text);
        let changes = texts.iter().filter(differs);
        Batch {
            changes: changes.map(|(key, text)| proposed(key, Some(text.clone()))).collect(),
            missing: missing.iter().map(|key| proposed(key, None)).collect(),
        }
    }

    fn edits(&self, with_removals: bool) -> Result<Vec<VersionedEdit>, Problem> {
        let missing = self.missing.iter().filter(|_| with_removals);
        let edits = self.changes.iter().chain(missing).map(|proposed| {
            let key = proposed.key.parse().map_err(|_| stale())?;
            let version =
                proposed.version.map(Version::try_from).transpose().map_err(|_| stale())?;
            let edit = Edit { key, after: proposed.text.clone() };
            Ok(VersionedEdit { edit, expected: edit::expected(version) })
        });
        edits.collect()
    }
}

fn stale() -> Problem {
    Problem::bad_request("These changes can't be read").detail("Upload the file again.")
}

/// Where changes come from: the page that they were uploaded on.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) title: String,
    /// The path of that page.
    pub(crate) back: String,
    /// What is said of it in the history.
    pub(crate) why: String,
}

/// Refuses changes that the reader may not make; the answer names them.
fn forbidden(seen: &Seen, newest: &Newest, edits: &[VersionedEdit]) -> Vec<RecordKey> {
    let keys = edits.iter().map(|it| (&it.edit.key, it.edit.after.is_none()));
    let may = |key: &RecordKey, is_removal: bool| match key {
        RecordKey::Record(..) if is_removal || !newest.has(seen, key) => seen.may_create(key),
        key => seen.may_write(key),
    };
    keys.filter(|(key, is_removal)| !may(key, *is_removal)).map(|(key, _)| key.clone()).collect()
}

/// Shows what would change, with all that is wrong with it. `told` is what is wrong with the file.
pub(crate) async fn preview(
    seen: &Seen,
    newest: &Newest,
    batch: &Batch,
    origin: &Origin,
    told: Vec<Diagnostic>,
) -> Result<Response, Problem> {
    let edits = batch.edits(false)?;
    let forbidden = forbidden(seen, newest, &edits);
    let edits: Vec<Edit> = edits.into_iter().map(|it| it.edit).collect();
    let (bundle, diagnostics) = newest.snapshot.bundle.edited(&edits);
    let news = edit::told_of(seen, &edits, edit::news(&newest.snapshot, diagnostics));
    let is_bad = told.iter().chain(&news).any(Diagnostic::is_error) || !forbidden.is_empty();
    let effect = match is_bad || edits.is_empty() {
        true => None,
        false => Some(effect::of_edits(seen, &newest.snapshot, bundle, &edits).await?),
    };
    let main = html! {
        @if !told.is_empty() { div role="alert" { (ui::diagnostics(&told)) } }
        @if !forbidden.is_empty() { (may_not(seen, &forbidden)) }
        (ui::diagnostics(&news))
        (changes(seen, newest, &edits))
        @if let Some(effect) = &effect { section.card { h2 { "What it moves" } (effect::moves(effect)) } }
        @if is_bad {
            p.notice.bad { "Nothing can be saved before the problems above are mended. Correct the file and upload it again." }
        } @else if !edits.is_empty() || !batch.missing.is_empty() {
            (confirm(seen, batch, origin))
        }
        p { a.button.quiet href=(origin.back) { "Back" } }
    };
    let status = if is_bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, page(seen, origin, main)).into_response())
}

fn page(seen: &Seen, origin: &Origin, main: Markup) -> Html<String> {
    let page = Page {
        title: &origin.title,
        section: "/records",
        lede: Some(html! { "Nothing is saved yet: this is what would change." }),
        tools: html! {},
        main: html! { div.stack { (main) } },
        live: false,
    };
    layout::page(seen, &page)
}

fn may_not(seen: &Seen, keys: &[RecordKey]) -> Markup {
    html! {
        div.notice.bad role="alert" {
            strong { "The role " (seen.reader.user.role.as_str()) " may not make " (counted(keys.len(), "of these changes", "of these changes")) }
            ul.plain-list { @for key in keys.iter().take(20) { li.id { (key) } } }
        }
    }
}

/// Changes that are shown one by one.
const SHOWN_MAX: usize = 200;

fn changes(seen: &Seen, newest: &Newest, edits: &[Edit]) -> Markup {
    let names = Names::new(seen, newest.bundle(seen));
    let before = |edit: &Edit| newest.text(&edit.key).filter(|_| seen.sees(&edit.key));
    let added = edits.iter().filter(|edit| before(edit).is_none()).count();
    html! {
        @if edits.is_empty() {
            p.notice.good { "Nothing changes: the file says what the records say." }
        } @else {
            p { (counted(added, "record is added", "records are added")) " and " (counted(edits.len() - added, "is changed", "are changed")) "." }
        }
        @for edit in edits.iter().take(SHOWN_MAX) {
            @let (before, after) = (before(edit), edit.after.as_deref().and_then(|text| diff::canonical(&edit.key, text)));
            details.card.change {
                summary { span.change-head {
                    (diff::verb(before.as_deref(), edit.after.as_deref()))
                    strong { (newest.title(&edit.key)) } span.id { (edit.key) }
                } }
                (diff::change(&edit.key, before.as_deref(), after.as_deref(), &names))
            }
        }
        @if edits.len() > SHOWN_MAX { p.muted { "And " (edits.len() - SHOWN_MAX) " more." } }
    }
}

fn confirm(seen: &Seen, batch: &Batch, origin: &Origin) -> Markup {
    let json = serde_json::to_string(batch).unwrap_or_default();
    let missing = batch.missing.len();
    html! {
        form.edit.card method="post" action="/records/changes" {
            (layout::csrf(&seen.reader))
            input type="hidden" name="batch" value=(json);
            input type="hidden" name="back" value=(origin.back);
            @if missing > 0 {
                div.field.check {
                    input #remove type="checkbox" name="remove" value="on" aria-describedby="remove-hint";
                    label for="remove" { "Also remove " (counted(missing, "record that isn't in the file", "records that aren't in the file")) }
                    div #remove-hint {
                        details { summary { "Which" }
                            ul.plain-list { @for gone in batch.missing.iter().take(SHOWN_MAX) { li.id { (gone.key) } } }
                        }
                    }
                }
            }
            div.field {
                label for="why" { "Why " span.optional { "for those who read the history" } }
                input #why type="text" name="why" value=(origin.why) maxlength="500" autocomplete="off";
            }
            div.form-actions { button.button.primary { "Save as one change" } }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Confirmed {
    batch: String,
    #[serde(default)]
    back: String,
    #[serde(default)]
    remove: String,
    #[serde(default)]
    why: String,
}

/// Commits what was shown: all of it or nothing.
pub(crate) async fn commit(
    seen: Seen,
    sent: Result<Body<Confirmed>, FormRejection>,
) -> Result<Response, Problem> {
    let Body(confirmed) = sent.map_err(|error| Problem::bad_request(error.to_string()))?;
    let batch: Batch = serde_json::from_str(&confirmed.batch).map_err(|_| stale())?;
    let newest = Newest::of(&seen);
    let edits = batch.edits(!confirmed.remove.is_empty())?;
    let forbidden = forbidden(&seen, &newest, &edits);
    if let Some(key) = forbidden.first() {
        return Err(super::may_not(&seen, key));
    }
    let unseen = unseen_references(&seen, edits.iter().map(|it| &it.edit));
    if !unseen.is_empty() {
        return Err(CommitError::Refused(edit::told_to(&seen, unseen)).into());
    }
    let sequence = match edit::send(&seen, edits, &confirmed.why).await {
        Ok(sequence) => sequence,
        Err(CommitError::Refused(told)) => {
            return Err(CommitError::Refused(edit::told_to(&seen, told)).into());
        }
        Err(CommitError::Conflict(conflicts)) => return Ok(conflicted(&seen, &conflicts)),
        Err(error) => return Err(error.into()),
    };
    let back =
        if confirmed.back.starts_with("/records/") { confirmed.back.as_str() } else { "/records" };
    let to = if back == "/records" {
        format!("/history/{sequence}")
    } else {
        format!("{back}?saved={sequence}")
    };
    Ok(Redirect::to(&to).into_response())
}

fn conflicted(seen: &Seen, conflicts: &[longlead_records::Conflict]) -> Response {
    let origin = Origin {
        title: "Changed meanwhile".to_owned(),
        back: "/records".to_owned(),
        why: String::new(),
    };
    let main = html! {
        div.notice.warn role="alert" {
            strong { "Others have changed " (counted(conflicts.len(), "of these records", "of these records")) " since they were compared" }
            ul.plain-list {
                @for conflict in conflicts { @if seen.sees(&conflict.key) {
                    li {
                        a href=(key_href(&conflict.key)) { (conflict.key) }
                        @if let Some(by) = &conflict.by { " by " (by.who_name) ", " (crate::ui::instant(by.at)) }
                    }
                } }
            }
        }
        p { "Nothing was saved. Upload the file again to compare it with the records as they are now." }
    };
    (StatusCode::CONFLICT, page(seen, &origin, main)).into_response()
}

/// The files that a form brings: names and contents.
pub(crate) async fn files(mut body: Multipart) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let mut files = Vec::new();
    let unreadable = |error: axum::extract::multipart::MultipartError| {
        Problem::new(error.status(), "unreadable-upload", error.body_text())
    };
    while let Some(field) = body.next_field().await.map_err(unreadable)? {
        let name = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(unreadable)?;
        if let Some(name) = name.filter(|_| !bytes.is_empty()) {
            files.push((name, bytes.to_vec()));
        }
    }
    match files.is_empty() {
        true => Err(Problem::bad_request("No file was sent").detail("Choose a file first.")),
        false => Ok(files),
    }
}
