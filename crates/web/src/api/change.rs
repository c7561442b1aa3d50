//! `/api/v1/changes`: the journal, and change sets that hold as a whole or not at all.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use longlead_model::{Bundle, Code, Diagnostic, Edit, Place, RecordKey};
use longlead_records::{
    Change, ChangeFilter, CommitRequest, Committed, Expected, IdempotencyKey, Preview, PreviewItem,
    Sequence, Version, VersionedEdit,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::api::answer::{self, Again};
use crate::api::json::{JsonBody, decode, merge_patch, unprocessable};
use crate::api::newest::Newest;
use crate::api::operation::{
    Answer, Body, Header, JSON, Operation, Parameter, Schemas, Tag, number, of, text, truth,
};
use crate::api::query::{Named, Query, kind_named};
use crate::api::record::{IF_NONE_MATCH, LIMIT, admit_all, checked_why, key_named};
use crate::app::App;
use crate::problem::{Problem, diagnostic_json};
use crate::reader::Seen;

/// A change set: what one commit has changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangeSet {
    /// Its number in the journal.
    sequence: u64,
    /// When, in UTC.
    at: String,
    /// Who.
    who: String,
    /// Why, if they said.
    why: Option<String>,
    /// What it changed, as far as it is shared with you.
    changes: Vec<RecordChange>,
}

/// The change of one record.
#[derive(Debug, Serialize, JsonSchema)]
struct RecordChange {
    /// The record: `part/nrf9161`, or `settings`.
    key: String,
    /// What happened to it.
    what: What,
    /// The record before; only where one change set or one record is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Json>,
    /// The record after; only where one change set or one record is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Json>,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum What {
    Added,
    Changed,
    Removed,
}

/// A page of the journal, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangePage {
    /// Change sets. A page may be shorter than its limit, even empty, and not be the last: what
    /// isn't shared with you is left out.
    items: Vec<ChangeSet>,
    /// `cursor` of the next page; null on the last.
    next: Option<String>,
}

pub(crate) const LIST: Operation = Operation {
    id: "listChanges",
    tag: Tag::Changes,
    summary: "Read the journal",
    description: "Newest first. A change set is never split between pages.",
    query: &[
        Parameter::new("kind", text, "Only of this kind of record."),
        Parameter::new("id", text, "Only of the record of this id; needs `kind`."),
        Parameter::new("who", number, "Only by the user of this number, or their tokens."),
        Parameter::new("since", instant_schema, "Only at this instant or later."),
        Parameter::new("until", instant_schema, "Only at this instant or earlier."),
        LIMIT,
        OLDER,
    ],
    headers: &[IF_NONE_MATCH],
    answers: &[
        Answer::new(200, "A page of change sets.", of::<ChangePage>).with(&[Header::ETag]),
        Answer::empty(304, "Nothing has changed since `If-None-Match`."),
    ],
    refusals: &[(404, "There is no such kind.")],
    ..Operation::NEW
};

const OLDER: Parameter =
    Parameter::new("cursor", older_schema, "`next` of the page before, as it was answered.");

fn older_schema() -> Json {
    json!({ "type": "string", "pattern": "^[0-9]{1,9}$" })
}

fn instant_schema() -> Json {
    json!({ "type": "string", "format": "date-time", "examples": ["2026-11-23T09:00:00Z"] })
}

pub(crate) async fn list(
    State(app): State<App>,
    Newest(seen): Newest,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = query.one("kind")?.map(kind_named).transpose()?;
    let key = match (kind, query.one("id")?) {
        (Some(kind), Some(id)) => Some(key_named(kind.as_str(), id)?),
        (None, Some(_)) => return Err(unprocessable("`id` needs `kind`")),
        (_, None) => None,
    };
    let filter = ChangeFilter {
        kind: kind.filter(|_| key.is_none()),
        who: query.parsed("who", "the number of a user")?,
        since: query.parsed("since", "an instant such as 2026-11-23T09:00:00Z")?,
        until: query.parsed("until", "an instant such as 2026-11-23T09:00:00Z")?,
        ..paged(key, &query)?
    };
    let page = page(&app, &seen, &filter, false).await?;
    answer::insight(&seen, &headers, &page)
}

fn paged(key: Option<RecordKey>, query: &Query) -> Result<ChangeFilter, Problem> {
    let cursor: Option<u64> = query.parsed("cursor", "`next` of the page before")?;
    // The database counts with a sign.
    let cursor = cursor.filter(|cursor| i64::try_from(*cursor).is_ok());
    let limit = u32::try_from(query.limit()?).ok();
    let before_sequence = cursor.map(Sequence::from);
    Ok(ChangeFilter { key, before_sequence, limit, ..ChangeFilter::default() })
}

pub(crate) const RECORD_HISTORY: Operation = Operation {
    id: "getRecordHistory",
    summary: "Read the history of a record",
    description: "Newest first, with the record before and after each change.",
    query: &[LIMIT, OLDER],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "Its changes.", of::<ChangePage>).with(&[Header::ETag])],
    refusals: &[(404, "There never was such a record, or it isn't shared with you.")],
    ..Operation::NEW
};

pub(crate) async fn record_history(
    State(app): State<App>,
    Newest(seen): Newest,
    Named((kind, id)): Named<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = key_named(&kind, &id)?;
    let page = page(&app, &seen, &paged(Some(key.clone()), &query)?, true).await?;
    if page.items.is_empty() && query.one("cursor")?.is_none() {
        return Err(crate::api::record::missing(&seen, &key));
    }
    answer::insight(&seen, &headers, &page)
}

pub(crate) const SETTINGS_HISTORY: Operation = Operation {
    id: "getSettingsHistory",
    summary: "Read the history of the settings",
    query: &[LIMIT, OLDER],
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "Their changes.", of::<ChangePage>).with(&[Header::ETag])],
    ..Operation::NEW
};

pub(crate) async fn settings_history(
    State(app): State<App>,
    Newest(seen): Newest,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = paged(Some(RecordKey::Settings), &query)?;
    let page = page(&app, &seen, &filter, true).await?;
    answer::insight(&seen, &headers, &page)
}

async fn page(
    app: &App,
    seen: &Seen,
    filter: &ChangeFilter,
    with_texts: bool,
) -> Result<ChangePage, Problem> {
    let changes = app.journal().changes(filter).await?;
    let oldest = changes.last().map(|change| change.sequence);
    let sets = changes.chunk_by(|one, other| one.sequence == other.sequence);
    let count = sets.clone().count();
    let items = sets.filter_map(|set| told(seen, set, with_texts)).collect();
    let is_full = filter.limit.is_some_and(|limit| changes.len() >= limit as usize);
    let next = oldest.filter(|oldest| is_full && count > 0 && oldest.get() > 1);
    Ok(ChangePage { items, next: next.map(|sequence| sequence.to_string()) })
}

/// A change set as its reader may know it; none if nothing of it is shared with them.
fn told(seen: &Seen, set: &[Change], with_texts: bool) -> Option<ChangeSet> {
    let first = set.first()?;
    let shared: Vec<&Change> = set.iter().filter(|change| seen.sees(&change.key)).collect();
    if shared.is_empty() {
        return None;
    }
    // What was said of a change set may tell of records that aren't shared.
    let is_own = first.who.user() == Some(seen.reader.user.id);
    let why = first.why.clone().filter(|_| seen.sight.is_whole() || is_own);
    let changes = shared.into_iter().map(|change| RecordChange {
        key: change.key.to_string(),
        what: match (&change.before, &change.after) {
            (None, _) => What::Added,
            (Some(_), Some(_)) => What::Changed,
            (Some(_), None) => What::Removed,
        },
        before: change.before.as_deref().filter(|_| with_texts).map(|it| json_of(&change.key, it)),
        after: change.after.as_deref().filter(|_| with_texts).map(|it| json_of(&change.key, it)),
    });
    Some(ChangeSet {
        sequence: first.sequence.get(),
        at: first.at.to_string(),
        who: first.who_name.clone(),
        why,
        changes: changes.collect(),
    })
}

/// A record's text as JSON; the text itself where this program can't read it any more.
fn json_of(key: &RecordKey, text: &str) -> Json {
    let (bundle, _) = Bundle::assemble(&[(key.clone(), text.to_owned())]);
    bundle.json(key).unwrap_or_else(|| json!({ "text": text }))
}

pub(crate) const SHOW: Operation = Operation {
    id: "getChange",
    tag: Tag::Changes,
    summary: "Read a change set",
    description: "With each record before and after.",
    headers: &[IF_NONE_MATCH],
    answers: &[Answer::new(200, "The change set.", of::<ChangeSet>).with(&[Header::ETag])],
    refusals: &[(404, "There is no such change set, or nothing of it is shared with you.")],
    ..Operation::NEW
};

pub(crate) async fn show(
    State(app): State<App>,
    Newest(seen): Newest,
    Named(sequence): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("There is no such change set");
    let number: u32 = sequence.parse().map_err(|_| missing())?;
    let filter = ChangeFilter {
        before_sequence: Some(Sequence::from(u64::from(number) + 1)),
        limit: Some(1),
        ..ChangeFilter::default()
    };
    let changes = app.journal().changes(&filter).await?;
    let is_it = changes.first().is_some_and(|it| it.sequence == Sequence::from(u64::from(number)));
    let set = is_it.then(|| told(&seen, &changes, true)).flatten();
    answer::insight(&seen, &headers, &set.ok_or_else(missing)?)
}

/// Changes of several records that hold as a whole or not at all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChangeSet {
    /// Why, in a sentence for those who read the history.
    #[serde(default)]
    #[schemars(length(max = 500))]
    why: Option<String>,
    /// The changes; of several changes of one record the last holds.
    #[schemars(with = "Vec<NewChange>", length(min = 1, max = CHANGES_MAX))]
    changes: Vec<Json>,
}

/// A change of one record: one of `set`, `replace` and `remove`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewChange {
    /// The record: `part/nrf9161`, or `settings`.
    #[serde(default)]
    key: Option<String>,
    /// Its kind, instead of `key`.
    #[serde(default)]
    kind: Option<String>,
    /// Its id, instead of `key`.
    #[serde(default)]
    id: Option<String>,
    /// A merge patch (RFC 7396) of its fields. Needs `version`.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Json>>")]
    set: Option<Json>,
    /// The whole record. Without `version` it is added, and must not be there.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Json>>")]
    replace: Option<Json>,
    /// True removes the record. Needs `version`.
    #[serde(default)]
    remove: bool,
    /// The version that was read: the ETag without its quotation marks.
    #[serde(default)]
    version: Option<u64>,
}

/// What a change set would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangePreview {
    /// Records that would be added.
    added: Vec<PreviewedRecord>,
    /// Records that would be different.
    changed: Vec<PreviewedRecord>,
    /// Records that would be gone.
    removed: Vec<PreviewedRecord>,
    /// Records that others have changed since the version that is named.
    conflicts: Vec<String>,
    /// Everything that would be wrong with the product.
    #[schemars(with = "Vec<crate::api::document::DiagnosticSchema>")]
    diagnostics: Vec<Json>,
    /// Whether it would be committed.
    would_commit: bool,
}

/// A record before and after.
#[derive(Debug, Serialize, JsonSchema)]
struct PreviewedRecord {
    /// The record: `part/nrf9161`.
    key: String,
    /// Its title, where its kind has one.
    title: Option<String>,
    /// The record before.
    before: Option<Json>,
    /// The record after.
    after: Option<Json>,
}

/// A change set that has been committed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CommittedChange {
    /// Its number in the journal, and the version of the records that it changed.
    sequence: u64,
    /// When, in UTC.
    at: String,
    /// How many records it changed.
    changes: usize,
    /// What someone should look at and that wasn't there before.
    #[schemars(with = "Vec<crate::api::document::DiagnosticSchema>")]
    warnings: Vec<Json>,
}

pub(crate) const COMMIT: Operation = Operation {
    id: "commitChanges",
    tag: Tag::Changes,
    summary: "Commit a change set",
    description: "All of it or nothing. With `dry_run=true` nothing is stored and the answer tells \
                  what would change and what would be wrong then.",
    query: &[Parameter::new("dry_run", truth, "Only tell what would change.")],
    body: Some(Body { media: JSON, schema: new_change_set, example }),
    answers: &[
        Answer::new(200, "What would change (`dry_run=true`).", of::<ChangePreview>),
        Answer::new(201, "It has been committed.", of::<CommittedChange>)
            .with(&[Header::Location, Header::Sequence]),
    ],
    refusals: &[
        (404, "A record that is to be changed isn't there, or isn't shared with you."),
        (409, "Others have changed some of the records; `conflicts` tells which."),
    ],
    ..Operation::NEW
};

fn new_change_set(schemas: &mut Schemas) -> Json {
    schemas.of::<NewChangeSet>()
}

fn example() -> Json {
    json!({
        "why": "The distributor has another lead time, and the buzzer is settled",
        "changes": [
            { "key": "part/buzzer-85db", "replace": { "id": "buzzer-85db", "title": "Buzzer, 85 dB" } },
            { "key": "supplier/dist-eu", "set": { "title": "Euro distributor" }, "version": 1 },
        ],
    })
}

pub(crate) async fn commit(
    State(app): State<App>,
    Newest(seen): Newest,
    query: Query,
    Again(again): Again,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let is_dry_run = query.parsed("dry_run", "true or false")?.unwrap_or(false);
    let set = asked(body)?;
    let why = checked_why(set.why.as_deref())?;
    let edits = edits(&seen, set.changes)?;
    admit_all(&seen, &edits)?;
    match is_dry_run {
        true => Ok(answer::json(StatusCode::OK, &preview(&app, &seen, &edits))),
        false => committed(&app, &seen, why, edits, again).await,
    }
}

/// As many changes as one set has at most.
const CHANGES_MAX: usize = 10_000;

fn asked(body: Json) -> Result<NewChangeSet, Problem> {
    let set: NewChangeSet = decode(body, "body")
        .map_err(|told| unprocessable("The body is no change set").diagnostics(vec![told]))?;
    if set.changes.len() > CHANGES_MAX {
        let message = format!("a change set has at most {CHANGES_MAX} changes");
        let told = Diagnostic::error(Code::OutOfRange, message).help("make several of it");
        return Err(unprocessable("The body is no change set").diagnostics(vec![told]));
    }
    if set.changes.is_empty() {
        let told = Diagnostic::error(Code::MissingField, "`changes` is empty")
            .help("name at least one change");
        return Err(unprocessable("The body is no change set").diagnostics(vec![told]));
    }
    Ok(set)
}

/// The edits that a change set asks for; every change that can't be read is told.
fn edits(seen: &Seen, changes: Vec<Json>) -> Result<Vec<VersionedEdit>, Problem> {
    let mut edits = Vec::new();
    let mut told = Vec::new();
    for (index, change) in changes.into_iter().enumerate() {
        let place = format!("changes[{index}]");
        match decode(change, &place).and_then(|change| edit(seen, &change)) {
            Ok(edit) => edits.push(edit),
            Err(diagnostic) => {
                let place = Place { file: place, line: 0, column: 0 };
                told.push(diagnostic.at(Some(place)));
            }
        }
    }
    match told.is_empty() {
        true => Ok(edits),
        false => Err(unprocessable("Some changes can't be read").diagnostics(told)),
    }
}

fn edit(seen: &Seen, change: &NewChange) -> Result<VersionedEdit, Diagnostic> {
    let key = key_of(change)?;
    let version = change.version.map(Version::try_from).transpose();
    let version = version.map_err(|_| {
        Diagnostic::error(Code::OutOfRange, "versions begin at 1")
            .help("leave `version` out to add a record")
    })?;
    let needed = |version: Option<Version>| {
        version.map(Expected::Version).ok_or_else(|| {
            Diagnostic::error(Code::MissingField, format!("the change of {key} has no `version`"))
                .help("name the version that you read, so that nobody's change is lost")
        })
    };
    let (after, expected) = match (&change.set, &change.replace, change.remove) {
        (Some(patch), None, false) => {
            let bundle = &seen.outlook.snapshot.bundle;
            let mut record = bundle.json(&key).unwrap_or_else(|| json!({}));
            merge_patch(&mut record, patch);
            (Some(record), needed(version)?)
        }
        (None, Some(record), false) => {
            (Some(record.clone()), version.map_or(Expected::Absent, Expected::Version))
        }
        (None, None, true) => (None, needed(version)?),
        _ => {
            let message =
                format!("the change of {key} must have one of `set`, `replace`, `remove`");
            return Err(Diagnostic::error(Code::Contradiction, message)
                .help("`set` changes fields, `replace` gives the whole record, `remove` is true"));
        }
    };
    let after = after.map(|record| longlead_model::text_of_json(&record)).transpose()?;
    Ok(VersionedEdit { edit: Edit { key, after }, expected })
}

fn key_of(change: &NewChange) -> Result<RecordKey, Diagnostic> {
    let written = match (&change.key, &change.kind, &change.id) {
        (Some(key), None, None) => key.clone(),
        (None, Some(kind), Some(id)) => format!("{kind}/{id}"),
        _ => {
            return Err(Diagnostic::error(Code::MissingField, "a change names no record")
                .help("give it `key`: \"part/nrf9161\", or `kind` and `id`"));
        }
    };
    written.parse().map_err(|error: longlead_model::RecordKeyError| {
        Diagnostic::error(Code::InvalidId, error.to_string())
    })
}

fn preview(app: &App, seen: &Seen, edits: &[VersionedEdit]) -> ChangePreview {
    let snapshot = app.journal().current();
    let is_other = |edit: &&VersionedEdit| match edit.expected {
        Expected::Any => false,
        Expected::Absent => snapshot.version(&edit.edit.key).is_some(),
        Expected::Version(version) => snapshot.version(&edit.edit.key) != Some(version),
    };
    let conflicts = edits.iter().filter(is_other).map(|edit| edit.edit.key.to_string());
    let conflicts: Vec<String> = conflicts.collect();
    let plain: Vec<Edit> = edits.iter().map(|edit| edit.edit.clone()).collect();
    let Preview { added, changed, removed, diagnostics } = app.journal().preview(&plain);
    let is_sound = !diagnostics.iter().any(Diagnostic::is_error);
    let diagnostics = answer::discreet_diagnostics(seen, diagnostics);
    let anything = !(added.is_empty() && changed.is_empty() && removed.is_empty());
    let items = |items: Vec<PreviewItem>| items.into_iter().map(previewed).collect();
    ChangePreview {
        added: items(added),
        changed: items(changed),
        removed: items(removed),
        would_commit: is_sound && conflicts.is_empty() && anything,
        conflicts,
        diagnostics: diagnostics.iter().map(diagnostic_json).collect(),
    }
}

fn previewed(item: PreviewItem) -> PreviewedRecord {
    PreviewedRecord {
        before: item.before.as_deref().map(|text| json_of(&item.key, text)),
        after: item.after.as_deref().map(|text| json_of(&item.key, text)),
        key: item.key.to_string(),
        title: item.title,
    }
}

async fn committed(
    app: &App,
    seen: &Seen,
    why: Option<String>,
    edits: Vec<VersionedEdit>,
    again: Option<IdempotencyKey>,
) -> Result<Response, Problem> {
    let (who, at): (_, Timestamp) = (seen.reader.actor(), app.now());
    let request = CommitRequest { who, at, why, edits, idempotency: again };
    let committed: Committed = app
        .journal()
        .commit(request)
        .await
        .map_err(|error| answer::discreet(seen, error.into()))?;
    let told = CommittedChange {
        sequence: committed.sequence.get(),
        at: committed.at.to_string(),
        changes: committed.changes,
        warnings: answer::discreet_diagnostics(seen, committed.warnings.clone())
            .iter()
            .map(diagnostic_json)
            .collect(),
    };
    let mut response = answer::json(StatusCode::CREATED, &told);
    let place = format!("/api/v1/changes/{}", committed.sequence);
    answer::set(&mut response, header::LOCATION, &place);
    answer::sequence(&mut response, committed.sequence);
    Ok(response)
}
