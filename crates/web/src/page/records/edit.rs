//! Forms that add or change one record, what they would move, and what becomes of them.

mod draft;
mod markup;

use std::collections::BTreeMap;

use axum::Form as Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Code, Diagnostic, Edit, Kind, RecordKey, field_at, text_of_json};
use longlead_records::{CommitError, CommitRequest, Conflict, Expected, Version, VersionedEdit};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Newest, changeable, conflict, effect, existing, kind_of, may_not};
use crate::form::{Form, Typed, key_href, toml_of_json};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::rights::Needs;
use crate::sight::unseen_references;
pub(crate) use draft::{Draft, Mode, Target, key_of_new};
pub(crate) use markup::{Shown, page};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The record that a new one is made from.
    #[serde(default)]
    from: String,
    /// The stream whose proposed contract a new contract begins with.
    #[serde(default)]
    proposed: String,
    /// `toml` for the whole record as text.
    #[serde(default, rename = "as")]
    mode: String,
}

type Sent = Result<Body<Vec<(String, String)>>, FormRejection>;

pub(crate) async fn new(
    seen: Seen,
    Path(kind): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let kind = kind_of(&kind)?;
    let key = RecordKey::Record(kind, String::new());
    if !seen.may_add(kind) {
        return Err(may_not(&seen, &key));
    }
    let newest = Newest::of(&seen);
    let mut record = Json::Object(serde_json::Map::new());
    if !asked.from.is_empty() {
        let key = existing(&seen, &newest, kind.as_str(), &asked.from)?;
        record = newest.json(&key).unwrap_or(record);
        if let Some(record) = record.as_object_mut() {
            record.shift_remove("id");
        }
    }
    if kind == Kind::Contract && !asked.proposed.is_empty() {
        if !Needs::ReadTelemetry.met_by(seen.reader.user.role) {
            return Err(may_not(&seen, &key));
        }
        record = crate::page::data::proposal::record(&seen, &asked.proposed).await?;
    }
    let draft = Draft::of(Target::New(kind), &record, None, Mode::named(&asked.mode));
    Ok(page(&seen, &newest, &draft, &Shown::default()))
}

pub(crate) async fn edit(
    seen: Seen,
    Path((kind, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let newest = Newest::of(&seen);
    let key = changeable(&seen, &newest, &kind, &id)?;
    let record = newest.json(&key).unwrap_or_default();
    let version = newest.version(&key);
    let draft = Draft::of(Target::Change(key), &record, version, Mode::named(&asked.mode));
    Ok(page(&seen, &newest, &draft, &Shown::default()))
}

pub(crate) async fn create(
    seen: Seen,
    Path(kind): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    let kind = kind_of(&kind)?;
    if !seen.may_add(kind) {
        return Err(may_not(&seen, &RecordKey::Record(kind, String::new())));
    }
    act(seen, Target::New(kind), sent).await
}

pub(crate) async fn save(
    seen: Seen,
    Path((kind, id)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let newest = Newest::of(&seen);
    let key = super::key_of(&kind, &id)?;
    // A record that someone has removed meanwhile is a conflict, not a page that isn't there.
    if newest.has(&seen, &key) || !seen.sees(&key) {
        changeable(&seen, &newest, &kind, &id)?;
    } else if !seen.may_write(&key) {
        return Err(may_not(&seen, &key));
    }
    act(seen, Target::Change(key), sent).await
}

/// Does what a form was sent for.
async fn act(seen: Seen, target: Target, sent: Sent) -> Result<Response, Problem> {
    let Body(fields) = sent.map_err(|error| Problem::bad_request(error.to_string()))?;
    let newest = Newest::of(&seen);
    let (draft, action) = Draft::sent(target, &fields);
    match action.split_once(':').unwrap_or((action.as_str(), "")) {
        ("more", list) => {
            let shown = Shown { more: Some(list.to_owned()), ..Shown::default() };
            Ok(page(&seen, &newest, &draft, &shown).into_response())
        }
        ("toml", _) => Ok(turned(&seen, &newest, draft, Mode::Toml)),
        ("form", _) => Ok(turned(&seen, &newest, draft, Mode::Form)),
        ("merge", _) => conflict::merged(&seen, &newest, draft).await,
        ("preview", _) => preview(&seen, &newest, &draft).await,
        _ => commit(&seen, &newest, draft).await,
    }
}

/// The same draft in the other mode; as it is, if it can't be read.
fn turned(seen: &Seen, newest: &Newest, draft: Draft, mode: Mode) -> Response {
    match draft.clone().turned(mode) {
        Ok(draft) => page(seen, newest, &draft, &Shown::default()).into_response(),
        Err(wrong) => refused(seen, newest, &draft, wrong),
    }
}

/// What is wrong with a draft: at its fields, and at large.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) fields: BTreeMap<String, Vec<Diagnostic>>,
    pub(crate) others: Vec<Diagnostic>,
}

impl Wrong {
    pub(crate) fn at(field: &str, message: impl Into<String>, help: &str) -> Wrong {
        let diagnostic = Diagnostic::error(Code::WrongValue, message).help(help);
        Wrong { fields: BTreeMap::from([(field.to_owned(), vec![diagnostic])]), others: Vec::new() }
    }

    fn has_errors(&self) -> bool {
        self.fields.values().flatten().chain(&self.others).any(Diagnostic::is_error)
    }

    /// Sorts diagnostics by the field of the record that they are about.
    fn sorted(key: &RecordKey, text: &str, diagnostics: Vec<Diagnostic>, mode: Mode) -> Wrong {
        let (form, file) = (Form::of_key(key), key.to_string());
        let mut wrong = Wrong::default();
        for diagnostic in diagnostics {
            let line = diagnostic.place.as_ref().filter(|it| it.file == file).map(|it| it.line);
            let missing =
                (diagnostic.code == Code::MissingField).then(|| lacking(&diagnostic)).flatten();
            let field = match (mode, line, missing) {
                (Mode::Form, Some(_), Some(field)) => Some(field),
                (Mode::Form, Some(line), None) => field_at(text, line),
                _ => None,
            };
            match field.filter(|field| form.field(field).is_some()) {
                Some(field) => wrong.fields.entry(field.to_owned()).or_default().push(diagnostic),
                None => wrong.others.push(diagnostic),
            }
        }
        wrong
    }
}

/// The field that a record lacks: "this lacks `work.estimate`" is about `work`.
fn lacking(diagnostic: &Diagnostic) -> Option<&str> {
    let (_, path) = diagnostic.message.rsplit_once("lacks `")?;
    path.split(['.', '`']).next()
}

/// Diagnostics as the reader may be told them: for a partner, ids that aren't shared stay unsaid.
pub(crate) fn told_to(seen: &Seen, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if seen.sight.is_whole() {
        return diagnostics;
    }
    let is_seen = |diagnostic: &Diagnostic| match &diagnostic.place {
        Some(place) => place.file.parse().is_ok_and(|key| seen.sees(&key)),
        None => false,
    };
    let told = diagnostics.into_iter().map(|mut diagnostic| {
        if !is_seen(&diagnostic) {
            let mut hidden = Diagnostic::error(
                diagnostic.code,
                "this contradicts a record that isn't shared with you",
            );
            hidden.severity = diagnostic.severity;
            return hidden.help("ask whoever shares these records with you");
        }
        if diagnostic.code == Code::UnknownReference {
            diagnostic.help = Some("write the id of a record that is there".to_owned());
        }
        diagnostic.related.clear();
        diagnostic
    });
    told.collect()
}

/// What is wrong with edits, as the reader may be told it: what they don't see is told as what isn't
/// there is, once.
pub(crate) fn told_of(
    seen: &Seen,
    edits: &[Edit],
    diagnostics: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let mut told = told_to(seen, diagnostics);
    for unseen in told_to(seen, unseen_references(seen, edits.iter())) {
        if !told.iter().any(|it| it.message == unseen.message) {
            told.push(unseen);
        }
    }
    told
}

/// A draft that can be saved: its edit, and the product after it.
struct Checked {
    edit: Edit,
    bundle: longlead_model::Bundle,
    wrong: Wrong,
}

/// Reads a draft and checks the product after it.
fn checked(seen: &Seen, newest: &Newest, draft: &Draft) -> Result<Checked, Wrong> {
    let (key, text) = draft.read()?;
    let is_new = matches!(draft.target, Target::New(_));
    if is_new && newest.version(&key).is_some() {
        return Err(taken(&key));
    }
    let edit = Edit { key, after: Some(text) };
    let snapshot = &newest.snapshot;
    let (bundle, diagnostics) = snapshot.bundle.edited(std::slice::from_ref(&edit));
    let edits = std::slice::from_ref(&edit);
    let diagnostics = told_of(seen, edits, news(snapshot, diagnostics));
    let text = edit.after.as_deref().unwrap_or_default();
    let wrong = Wrong::sorted(&edit.key, text, diagnostics, draft.mode);
    if wrong.has_errors() { Err(wrong) } else { Ok(Checked { edit, bundle, wrong }) }
}

fn taken(key: &RecordKey) -> Wrong {
    let message = format!("there is a record with the id `{}` already", key.id());
    Wrong::at("id", message, "choose another id, or change that record")
}

/// What wasn't wrong before.
pub(crate) fn news(
    snapshot: &longlead_records::Snapshot,
    diagnostics: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    snapshot.news(diagnostics)
}

fn refused(seen: &Seen, newest: &Newest, draft: &Draft, wrong: Wrong) -> Response {
    let shown = Shown { wrong, ..Shown::default() };
    (StatusCode::UNPROCESSABLE_ENTITY, page(seen, newest, draft, &shown)).into_response()
}

async fn preview(seen: &Seen, newest: &Newest, draft: &Draft) -> Result<Response, Problem> {
    let checked = match checked(seen, newest, draft) {
        Ok(checked) => checked,
        Err(wrong) => return Ok(refused(seen, newest, draft, wrong)),
    };
    let after = checked.bundle.text(&checked.edit.key);
    let edits = std::slice::from_ref(&checked.edit);
    let effect = effect::of_edits(seen, &newest.snapshot, checked.bundle.clone(), edits).await?;
    let shown = Shown { wrong: checked.wrong, effect: Some((effect, after)), ..Shown::default() };
    Ok(page(seen, newest, draft, &shown).into_response())
}

async fn commit(seen: &Seen, newest: &Newest, draft: Draft) -> Result<Response, Problem> {
    let checked = match checked(seen, newest, &draft) {
        Ok(checked) => checked,
        Err(wrong) => return Ok(refused(seen, newest, &draft, wrong)),
    };
    let key = checked.edit.key.clone();
    let edits = vec![VersionedEdit { expected: expected(draft.version), edit: checked.edit }];
    match send(seen, edits, &draft.why).await {
        Ok(sequence) => {
            Ok(Redirect::to(&format!("{}?saved={sequence}", key_href(&key))).into_response())
        }
        Err(CommitError::Conflict(conflicts)) => conflicted(seen, draft, conflicts).await,
        Err(CommitError::Refused(diagnostics)) => {
            let (key, text) = draft.read().unwrap_or((key, String::new()));
            let wrong = Wrong::sorted(&key, &text, told_to(seen, diagnostics), draft.mode);
            Ok(refused(seen, newest, &draft, wrong))
        }
        Err(CommitError::Nothing) => {
            let shown = Shown {
                notice: Some("Nothing has changed yet, so nothing was saved.".to_owned()),
                ..Shown::default()
            };
            Ok(page(seen, newest, &draft, &shown).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

async fn conflicted(
    seen: &Seen,
    draft: Draft,
    conflicts: Vec<Conflict>,
) -> Result<Response, Problem> {
    let newest = Newest::of(seen);
    match (&draft.target, conflicts.into_iter().next()) {
        (Target::Change(_), Some(conflict)) => {
            conflict::page(seen, &newest, draft, &conflict).await
        }
        (Target::New(_), Some(conflict)) => {
            Ok(refused(seen, &newest, &draft, taken(&conflict.key)))
        }
        (_, None) => Err(Problem::bad_request("The form is out of date; load it again")),
    }
}

/// What a record must be for a change of a draft to hold.
pub(crate) fn expected(version: Option<Version>) -> Expected {
    version.map_or(Expected::Absent, Expected::Version)
}

/// Commits, and waits a moment for the plan to catch up.
pub(crate) async fn send(
    seen: &Seen,
    edits: Vec<VersionedEdit>,
    why: &str,
) -> Result<u64, CommitError> {
    let why = Some(why.trim().to_owned()).filter(|why| !why.is_empty());
    let request = CommitRequest {
        who: seen.reader.actor(),
        at: seen.app.now(),
        why,
        edits,
        idempotency: None,
    };
    let committed = seen.app.journal().commit(request).await?;
    let patience = std::time::Duration::from_millis(450);
    seen.app.engine().reached(committed.sequence, patience).await;
    Ok(committed.sequence.get())
}

/// A record as the text that TOML mode starts from.
pub(crate) fn text_of(record: &Json) -> String {
    text_of_json(record).unwrap_or_else(|_| toml_of_json(record))
}

/// Fields that a form shows, of a record.
pub(crate) fn typed_of(target: &Target, record: &Json) -> Typed {
    Typed::of(target.form(), record)
}
