//! `/api/v1/records`: the same seven verbs for every kind of record, and for the settings.

mod list;

use std::str::FromStr as _;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use longlead_model::{
    Bundle, Code, Diagnostic, Edit, Kind, RecordKey, Source, nearest, record_schema, text_of_json,
};
use longlead_records::{
    CommitError, CommitRequest, Committed, Expected, IdempotencyKey, Version, VersionedEdit,
};
use serde_json::{Value as Json, json};

use crate::api::answer::{self, Again};
use crate::api::json::{JsonBody, merge_patch, unprocessable};
use crate::api::newest::Newest;
use crate::api::operation::{
    Answer, Body, Header, JSON, MERGE_PATCH, Operation, Parameter, Schemas,
};
use crate::api::precondition::{etag, expected, is_current, stale};
use crate::api::query::{Named, Query, kind_named};
use crate::app::App;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::sight::unseen_references;

pub(crate) use list::{LIST, LIST_KINDS, list, list_kinds, page_of, page_schema};

pub(crate) const CREATE: Operation = Operation {
    id: "createRecord",
    summary: "Add a record",
    description: "Refused with 409 if there is a record of that id. BOM lines, offers and links may \
                  leave out their id: it is then made of the two that they join.",
    query: &[WHY],
    body: Some(Body { media: JSON, schema: any_record, example: example_part }),
    answers: &[Answer::new(201, "The record as it was added.", any_record).with(&[
        Header::ETag,
        Header::Location,
        Header::Sequence,
    ])],
    refusals: &[(404, "There is no such kind."), (409, "There is a record of that id.")],
    ..Operation::NEW
};

pub(crate) async fn create(
    State(app): State<App>,
    Newest(seen): Newest,
    Named(kind): Named<String>,
    query: Query,
    Again(again): Again,
    JsonBody(record): JsonBody,
) -> Result<Response, Problem> {
    let kind = kind_named(&kind)?;
    let change = Change {
        key: key_of_new(kind, &record)?,
        after: Some(text_of(&record)?),
        expected: Expected::Absent,
        why: why(&query)?,
    };
    let committed = commit(&app, &seen, again, &change).await.map_err(|problem| {
        if problem.status != StatusCode::PRECONDITION_FAILED {
            return problem;
        }
        let title = format!("There is a {} `{}` already", kind.word(), change.key.id());
        let mut taken = Problem::new(StatusCode::CONFLICT, "conflict", title);
        taken.conflicts = problem.conflicts;
        taken.detail("Choose another id, or replace it by PUT with If-Match.")
    })?;
    let mut response = saved(&committed, &change.key, StatusCode::CREATED)?;
    let place = format!("/api/v1/records/{kind}/{}", change.key.id());
    answer::set(&mut response, header::LOCATION, &place);
    Ok(response)
}

pub(crate) const SHOW: Operation = Operation {
    id: "getRecord",
    summary: "Read a record",
    headers: &[IF_NONE_MATCH],
    answers: &[
        Answer::new(200, "The record.", any_record).with(&[Header::ETag]),
        Answer::empty(304, "It is still the version that `If-None-Match` names."),
    ],
    refusals: &[(404, "There is no such record, or it isn't shared with you.")],
    ..Operation::NEW
};

pub(crate) async fn show(
    Newest(seen): Newest,
    Named((kind, id)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    represent(&seen, &key_named(&kind, &id)?, &headers)
}

pub(crate) const REPLACE: Operation = Operation {
    id: "replaceRecord",
    summary: "Replace a record, or add it",
    description: "`If-Match` with the ETag that was read replaces it; `If-None-Match: *` adds it. \
                  What the body leaves out is emptied.",
    query: &[WHY],
    headers: &[IF_SAME, IF_ABSENT],
    body: Some(Body { media: JSON, schema: any_record, example: example_part }),
    answers: &[
        Answer::new(200, "The record as it is now.", any_record)
            .with(&[Header::ETag, Header::Sequence]),
        Answer::new(201, "The record as it was added.", any_record)
            .with(&[Header::ETag, Header::Sequence]),
    ],
    refusals: CONDITIONAL,
    ..Operation::NEW
};

pub(crate) async fn replace(
    State(app): State<App>,
    Newest(seen): Newest,
    Named((kind, id)): Named<(String, String)>,
    query: Query,
    headers: HeaderMap,
    Again(again): Again,
    JsonBody(record): JsonBody,
) -> Result<Response, Problem> {
    let key = key_named(&kind, &id)?;
    put(&app, &seen, key, &query, &headers, again, record).await
}

pub(crate) const PATCH: Operation = Operation {
    id: "patchRecord",
    summary: "Change fields of a record",
    description: "A merge patch (RFC 7396): fields that are null are emptied, lists are replaced \
                  as a whole.",
    query: &[WHY],
    headers: &[IF_MATCH],
    body: Some(Body { media: MERGE_PATCH, schema: any_object, example: example_patch }),
    answers: &[Answer::new(200, "The record as it is now.", any_record)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: CONDITIONAL,
    ..Operation::NEW
};

pub(crate) async fn patch(
    State(app): State<App>,
    Newest(seen): Newest,
    Named((kind, id)): Named<(String, String)>,
    query: Query,
    headers: HeaderMap,
    Again(again): Again,
    JsonBody(patch): JsonBody,
) -> Result<Response, Problem> {
    let key = key_named(&kind, &id)?;
    merge(&app, &seen, key, &query, &headers, again, &patch).await
}

pub(crate) const REMOVE: Operation = Operation {
    id: "removeRecord",
    summary: "Remove a record",
    description: "Refused with 422 while other records refer to it.",
    query: &[WHY],
    headers: &[IF_MATCH],
    answers: &[Answer::empty(204, "It is gone.").with(&[Header::Sequence])],
    refusals: REMOVED,
    ..Operation::NEW
};

pub(crate) async fn remove(
    State(app): State<App>,
    Newest(seen): Newest,
    Named((kind, id)): Named<(String, String)>,
    query: Query,
    headers: HeaderMap,
    Again(again): Again,
) -> Result<Response, Problem> {
    let key = key_named(&kind, &id)?;
    delete(&app, &seen, key, &query, &headers, again).await
}

pub(crate) const SHOW_SETTINGS: Operation = Operation {
    id: "getSettings",
    summary: "Read the settings",
    description: "What holds for the whole product: currency, calendar, confidence, seed. The ETag \
                  is `\"0\"` while they are the defaults.",
    headers: &[IF_NONE_MATCH],
    answers: &[
        Answer::new(200, "The settings.", settings).with(&[Header::ETag]),
        Answer::empty(304, "They are still the version that `If-None-Match` names."),
    ],
    refusals: &[(404, "They aren't shared with you.")],
    ..Operation::NEW
};

pub(crate) async fn show_settings(
    Newest(seen): Newest,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    represent(&seen, &RecordKey::Settings, &headers)
}

pub(crate) const REPLACE_SETTINGS: Operation = Operation {
    id: "replaceSettings",
    summary: "Replace the settings",
    query: &[WHY],
    headers: &[IF_MATCH],
    body: Some(Body { media: JSON, schema: settings, example: example_settings }),
    answers: &[Answer::new(200, "The settings as they are now.", settings)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: CONDITIONAL,
    ..Operation::NEW
};

pub(crate) async fn replace_settings(
    State(app): State<App>,
    Newest(seen): Newest,
    query: Query,
    headers: HeaderMap,
    Again(again): Again,
    JsonBody(record): JsonBody,
) -> Result<Response, Problem> {
    put(&app, &seen, RecordKey::Settings, &query, &headers, again, record).await
}

pub(crate) const PATCH_SETTINGS: Operation = Operation {
    id: "patchSettings",
    summary: "Change some settings",
    description: "A merge patch (RFC 7396): what is null goes back to its default.",
    query: &[WHY],
    headers: &[IF_MATCH],
    body: Some(Body { media: MERGE_PATCH, schema: any_object, example: example_settings }),
    answers: &[Answer::new(200, "The settings as they are now.", settings)
        .with(&[Header::ETag, Header::Sequence])],
    refusals: CONDITIONAL,
    ..Operation::NEW
};

pub(crate) async fn patch_settings(
    State(app): State<App>,
    Newest(seen): Newest,
    query: Query,
    headers: HeaderMap,
    Again(again): Again,
    JsonBody(patch): JsonBody,
) -> Result<Response, Problem> {
    merge(&app, &seen, RecordKey::Settings, &query, &headers, again, &patch).await
}

pub(crate) const RESET_SETTINGS: Operation = Operation {
    id: "resetSettings",
    summary: "Put the settings back to their defaults",
    query: &[WHY],
    headers: &[IF_MATCH],
    answers: &[Answer::empty(204, "They are the defaults.").with(&[Header::Sequence])],
    refusals: REMOVED,
    ..Operation::NEW
};

pub(crate) async fn reset_settings(
    State(app): State<App>,
    Newest(seen): Newest,
    query: Query,
    headers: HeaderMap,
    Again(again): Again,
) -> Result<Response, Problem> {
    delete(&app, &seen, RecordKey::Settings, &query, &headers, again).await
}

pub(crate) const WHY: Parameter =
    Parameter::new("why", why_schema, "Why, in a sentence for those who read the history.");

fn why_schema() -> Json {
    json!({ "type": "string", "maxLength": WHY_CHARACTERS_MAX })
}

pub(crate) const LIMIT: Parameter =
    Parameter::new("limit", limit_schema, "At most so many items; 100 unless told.");

fn limit_schema() -> Json {
    json!({ "type": "integer", "minimum": 1, "maximum": crate::api::query::LIMIT_MAX })
}

pub(crate) const CURSOR: Parameter =
    Parameter::new("cursor", cursor_schema, "`next` of the page before, as it was answered.");

fn cursor_schema() -> Json {
    json!({ "type": "string", "pattern": "^[0-9a-f]{1,2000}$" })
}

pub(crate) const IF_NONE_MATCH: Parameter =
    Parameter::new("If-None-Match", tag_schema, "The ETag that the client has; `*` for any.");

const IF_ABSENT: Parameter = Parameter::new(
    "If-None-Match",
    || json!({ "type": "string", "enum": ["*"] }),
    "`*` adds a record that isn't there yet.",
);

const IF_SAME: Parameter =
    Parameter::new("If-Match", tag_schema, "The ETag that was read; `*` for whichever is there.");

const IF_MATCH: Parameter = Parameter { required: true, ..IF_SAME };

fn tag_schema() -> Json {
    json!({ "type": "string", "examples": ["\"1\""] })
}

const CONDITIONAL: &[(u16, &str)] = &[
    (404, "There is no such record, or it isn't shared with you."),
    (412, "It has been changed meanwhile; `conflicts` tells its version now."),
    (428, "`If-Match` is missing."),
];

const REMOVED: &[(u16, &str)] = &[
    (404, "There is no such record, or it isn't shared with you."),
    (412, "It has been changed meanwhile; `conflicts` tells its version now."),
    (422, "Others refer to it, or the body is wrong; each diagnostic says how to mend it."),
    (428, "`If-Match` is missing."),
];

/// The schema of a record of any kind.
pub(crate) fn any_record(schemas: &mut Schemas) -> Json {
    schemas.named("Record", |schemas| {
        let kinds: Vec<Json> =
            Kind::ALL.iter().map(|kind| record_of_kind(schemas, *kind)).collect();
        json!({ "description": "A record of the kind that the path names.", "anyOf": kinds })
    })
}

fn record_of_kind(schemas: &mut Schemas, kind: Kind) -> Json {
    schemas.named(&format!("record.{kind}"), |_| without_dialect(record_schema(kind)))
}

fn without_dialect(mut schema: Json) -> Json {
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}

pub(crate) fn settings(schemas: &mut Schemas) -> Json {
    schemas.named("Settings", |_| {
        let bundle = longlead_model::bundle_schema();
        bundle.pointer("/properties/settings").cloned().unwrap_or_default()
    })
}

pub(crate) fn any_object(_schemas: &mut Schemas) -> Json {
    json!({ "type": "object" })
}

fn example_part() -> Json {
    json!({ "id": "buzzer-85db", "title": "Buzzer, 85 dB" })
}

fn example_patch() -> Json {
    json!({ "title": "Buzzer, 90 dB" })
}

fn example_settings() -> Json {
    json!({ "confidence": 0.8 })
}

const WHY_CHARACTERS_MAX: usize = 500;

/// Why a change is made, if the query says.
fn why(query: &Query) -> Result<Option<String>, Problem> {
    checked_why(query.one("why")?)
}

pub(crate) fn checked_why(why: Option<&str>) -> Result<Option<String>, Problem> {
    let why = why.map(str::trim).filter(|why| !why.is_empty());
    if why.is_some_and(|why| why.chars().count() > WHY_CHARACTERS_MAX) {
        let title = format!("`why` is longer than {WHY_CHARACTERS_MAX} characters");
        return Err(Problem::bad_request(title));
    }
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if why.is_some_and(|why| why.contains(is_odd)) {
        return Err(unprocessable("`why` has a control character"));
    }
    Ok(why.map(str::to_owned))
}

/// The record that a path names.
pub(crate) fn key_named(kind: &str, id: &str) -> Result<RecordKey, Problem> {
    let kind = kind_named(kind)?;
    let shown: String = id.chars().take(130).collect();
    RecordKey::from_str(&format!("{kind}/{id}"))
        .map_err(|_| Problem::not_found(format!("There is no {} `{shown}`", kind.word())))
}

/// There is no such record, as far as the reader may know.
pub(crate) fn missing(seen: &Seen, key: &RecordKey) -> Problem {
    let RecordKey::Record(kind, id) = key else {
        return Problem::not_found("The settings aren't shared with you");
    };
    let problem = Problem::not_found(format!("There is no {} `{id}`", kind.word()));
    match nearest(id, seen.bundle().records.ids(*kind).into_iter()) {
        Some(near) => problem.detail(format!("Did you mean `{near}`?")),
        None => problem,
    }
}

fn represent(seen: &Seen, key: &RecordKey, headers: &HeaderMap) -> Result<Response, Problem> {
    let snapshot = &seen.outlook.snapshot;
    let record = snapshot.bundle.json(key).filter(|_| seen.sees(key));
    let record = record.ok_or_else(|| missing(seen, key))?;
    let tag = etag(snapshot.version(key));
    if is_current(headers, &tag)? {
        return Ok(answer::not_modified(&tag));
    }
    let mut response = answer::json(StatusCode::OK, &record);
    answer::set(&mut response, header::ETAG, &tag);
    Ok(response)
}

/// A change of one record.
#[derive(Debug)]
struct Change {
    key: RecordKey,
    after: Option<String>,
    expected: Expected,
    why: Option<String>,
}

async fn put(
    app: &App,
    seen: &Seen,
    key: RecordKey,
    query: &Query,
    headers: &HeaderMap,
    again: Option<IdempotencyKey>,
    record: Json,
) -> Result<Response, Problem> {
    let current = current(seen, &key);
    let may_be_new = key != RecordKey::Settings;
    let expected = expected(headers, current, may_be_new)?;
    let record = with_id(record, &key);
    let change = Change { after: Some(text_of(&record)?), expected, why: why(query)?, key };
    let is_new = expected == Expected::Absent && may_be_new;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let committed = commit(app, seen, again, &change).await?;
    saved(&committed, &change.key, status)
}

async fn merge(
    app: &App,
    seen: &Seen,
    key: RecordKey,
    query: &Query,
    headers: &HeaderMap,
    again: Option<IdempotencyKey>,
    patch: &Json,
) -> Result<Response, Problem> {
    let expected = expected(headers, current(seen, &key), false)?;
    if !patch.is_object() {
        return Err(unprocessable("The patch is no object")
            .detail("Send the fields to change: { \"title\": \"Buzzer, 90 dB\" }."));
    }
    // The patch is applied to what `If-Match` names: to another version the journal refuses it.
    let mut record = seen.outlook.snapshot.bundle.json(&key).unwrap_or_else(|| json!({}));
    merge_patch(&mut record, patch);
    let change = Change { after: Some(text_of(&record)?), expected, why: why(query)?, key };
    let committed = commit(app, seen, again, &change).await?;
    saved(&committed, &change.key, StatusCode::OK)
}

async fn delete(
    app: &App,
    seen: &Seen,
    key: RecordKey,
    query: &Query,
    headers: &HeaderMap,
    again: Option<IdempotencyKey>,
) -> Result<Response, Problem> {
    let expected = expected(headers, current(seen, &key), false)?;
    let change = Change { key, after: None, expected, why: why(query)? };
    let committed = commit(app, seen, again, &change).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    answer::sequence(&mut response, committed.sequence);
    Ok(response)
}

fn current(seen: &Seen, key: &RecordKey) -> Option<Version> {
    seen.outlook.snapshot.version(key).filter(|_| seen.sees(key))
}

/// The body with the id that the path has, where it leaves it out.
fn with_id(record: Json, key: &RecordKey) -> Json {
    let (Json::Object(fields), RecordKey::Record(_, id)) = (&record, key) else {
        return record;
    };
    if fields.contains_key("id") {
        return record;
    }
    let mut with_id = serde_json::Map::from_iter([("id".to_owned(), json!(id))]);
    with_id.extend(fields.clone());
    Json::Object(with_id)
}

/// A record's text, from the JSON of a body.
pub(crate) fn text_of(record: &Json) -> Result<String, Problem> {
    text_of_json(record)
        .map_err(|told| unprocessable("The body is no record").diagnostics(vec![told]))
}

/// The key of a record that is to be added: by its id, or by the two that it joins.
fn key_of_new(kind: Kind, record: &Json) -> Result<RecordKey, Problem> {
    let refuse = |code, message: String, help: &str| {
        let told = Diagnostic::error(code, message).help(help);
        unprocessable("The record can't be added").diagnostics(vec![told])
    };
    match record.get("id") {
        None | Some(Json::Null) => natural_key(kind, record).ok_or_else(|| {
            let message = format!("the {} has no `id`", kind.word());
            refuse(Code::MissingField, message, "give it one, such as \"buzzer-85db\"")
        }),
        Some(Json::String(id)) => RecordKey::from_str(&format!("{kind}/{id}")).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let message = cause.unwrap_or_else(|| error.to_string());
            refuse(Code::InvalidId, message, "use lower-case letters, digits, `-`, `_` and `.`")
        }),
        Some(_) => {
            let message = "`id` is no text".to_owned();
            Err(refuse(Code::WrongValue, message, "write, for example, \"buzzer-85db\""))
        }
    }
}

/// The key that a record without an id has when it stands in a bundle.
fn natural_key(kind: Kind, record: &Json) -> Option<RecordKey> {
    let text = format!("[[{kind}]]\n{}", text_of_json(record).ok()?);
    let (bundle, _) = Bundle::load(&[Source { name: "body".to_owned(), text }]);
    bundle.keys().into_iter().find(|key| matches!(key, RecordKey::Record(of, _) if *of == kind))
}

/// Whether the reader may make a change. Partners aren't told of what they don't see, and take
/// away nothing: what they couldn't add again isn't theirs to remove.
fn admit(seen: &Seen, edit: &VersionedEdit) -> Result<(), Problem> {
    let role = seen.reader.user.role.as_str();
    let key = &edit.edit.key;
    let allowed = match (edit.expected, key) {
        // Whether there is such an activity isn't theirs to find out.
        (Expected::Absent, RecordKey::Record(Kind::Actual, _)) if !seen.sees(key) => {
            return Err(missing(seen, key));
        }
        (Expected::Absent, RecordKey::Record(..)) => seen.may_create(key),
        _ if !seen.sees(key) => return Err(missing(seen, key)),
        (_, RecordKey::Record(..)) if edit.edit.after.is_none() => seen.may_create(key),
        _ => seen.may_write(key),
    };
    match allowed {
        true => Ok(()),
        false => {
            let title = format!("The role `{role}` may not change this: {key}");
            Err(Problem::forbidden(title).detail("Ask an owner of this Longlead."))
        }
    }
}

/// Whether the reader may make changes, and name what they name.
pub(crate) fn admit_all(seen: &Seen, edits: &[VersionedEdit]) -> Result<(), Problem> {
    for edit in edits {
        admit(seen, edit)?;
    }
    let unseen = unseen_references(seen, edits.iter().map(|edit| &edit.edit));
    match unseen.is_empty() {
        true => Ok(()),
        false => Err(answer::discreet(seen, CommitError::Refused(unseen).into())),
    }
}

/// Commits a change of one record.
async fn commit(
    app: &App,
    seen: &Seen,
    again: Option<IdempotencyKey>,
    change: &Change,
) -> Result<Committed, Problem> {
    let edit = Edit { key: change.key.clone(), after: change.after.clone() };
    let edit = VersionedEdit { edit, expected: change.expected };
    admit_all(seen, std::slice::from_ref(&edit))?;
    let request = CommitRequest {
        who: seen.reader.actor(),
        at: app.now(),
        why: change.why.clone(),
        edits: vec![edit],
        idempotency: again,
    };
    match app.journal().commit(request).await {
        Ok(committed) => Ok(committed),
        // Whoever asks for what is there already gets what they asked for.
        Err(CommitError::Nothing) => {
            let snapshot = app.journal().current();
            Ok(Committed {
                sequence: snapshot.head,
                at: snapshot.at.unwrap_or_else(|| app.now()),
                changes: 0,
                snapshot,
                warnings: Vec::new(),
            })
        }
        Err(CommitError::Conflict(conflicts)) => {
            let is_gone = conflicts.iter().all(|conflict| conflict.actual.is_none());
            if is_gone && change.key != RecordKey::Settings {
                return Err(missing(seen, &change.key));
            }
            let mut problem = stale();
            problem.conflicts = conflicts;
            Err(problem)
        }
        Err(error) => Err(answer::discreet(seen, error.into())),
    }
}

/// The record after a change.
fn saved(committed: &Committed, key: &RecordKey, status: StatusCode) -> Result<Response, Problem> {
    let snapshot = &committed.snapshot;
    // A repeated request may find that others have removed it since.
    let gone = || Problem::new(StatusCode::CONFLICT, "conflict", "It has been removed meanwhile");
    let record = snapshot.bundle.json(key).ok_or_else(gone)?;
    let mut response = answer::json(status, &record);
    answer::set(&mut response, header::ETAG, &etag(snapshot.version(key)));
    answer::sequence(&mut response, committed.sequence);
    Ok(response)
}
