//! `/api/v1/fleet/imports`: files of devices or events, compared before they are applied.

use std::sync::Arc;

use axum::body::Body as RequestBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use longlead_records::devices::{ImportKind, ImportPreview};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{AppliedBody, applied_body, decoded};
use crate::api::answer;
use crate::api::document::DiagnosticSchema;
use crate::api::json::JsonBody;
use crate::api::operation::{
    Answer, Body, Header, JSON, Operation, Parameter, Schemas, Tag, body_of, of, text,
};
use crate::api::query::{Named, Query};
use crate::app::App;
use crate::page::fleet::import::{applied, preview_of};
use crate::page::fleet::{diagnostic, request};
use crate::problem::{Problem, diagnostic_json};
use crate::reader::Reader;

/// What a file would do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ImportPreview")]
struct PreviewBody {
    /// Its number.
    id: i64,
    /// What the file tells of: `devices` or `events`.
    kind: String,
    /// The name of the file.
    name: String,
    /// Names this comparison; send it to apply the file.
    token: String,
    /// Devices or events that are new.
    added: u64,
    /// Devices that would change.
    changed: u64,
    /// What is so already.
    unchanged: u64,
    /// Lines that can't be applied.
    refused: u64,
    /// The first of what is wrong, with line and column.
    #[schemars(with = "Vec<DiagnosticSchema>")]
    diagnostics: Vec<Json>,
    /// The change that it was applied as; null if it wasn't.
    applied: Option<i64>,
}

fn preview_body(preview: &ImportPreview) -> PreviewBody {
    let told = preview.refusals.iter().map(|refusal| diagnostic(refusal, &preview.name));
    PreviewBody {
        id: preview.id,
        kind: preview.kind.as_str().to_owned(),
        name: preview.name.clone(),
        token: preview.token.clone(),
        added: preview.added,
        changed: preview.changed,
        unchanged: preview.unchanged,
        refused: preview.refused,
        diagnostics: told.map(|told| diagnostic_json(&told)).collect(),
        applied: preview.applied,
    }
}

const KIND: Parameter = Parameter::new(
    "kind",
    || json!({ "type": "string", "enum": ["devices", "events"] }),
    "What the file tells of; devices where it isn't said.",
);
const NAME: Parameter = Parameter::new(
    "name",
    || json!({ "type": "string", "maxLength": NAME_CHARACTERS_MAX }),
    "The name of the file, for the history.",
);
const SINCE: Parameter = Parameter::new(
    "since",
    || json!({ "type": "string", "format": "date-time" }),
    "Since when lines are true that don't say it themselves; none for now.",
);

/// How long the name of a file may be.
const NAME_CHARACTERS_MAX: usize = 100;

pub(crate) const SEND: Operation = Operation {
    id: "importFleetFile",
    tag: Tag::Fleet,
    summary: "Send a CSV file of devices or events and see what it would do",
    description: "Nothing is changed before the file is applied. Its first line names the columns; \
                  the export has them all.",
    query: &[KIND, NAME, SINCE],
    body: Some(Body {
        media: "text/csv",
        schema: |_: &mut Schemas| text(),
        example: || json!("serial,revision,firmware\nCT-000001,tracker-b,1.4.2\n"),
    }),
    answers: &[Answer::new(201, "What it would do.", of::<PreviewBody>).with(&[Header::Location])],
    ..Operation::NEW
};

/// The largest file, in bytes. It is never held as a whole.
const IMPORT_BYTES_MAX: usize = 256 << 20;

pub(crate) async fn send(
    State(app): State<App>,
    reader: Reader,
    query: Query,
    body: RequestBody,
) -> Result<Response, Problem> {
    let kind = query.parsed("kind", "devices or events")?.unwrap_or(ImportKind::Devices);
    let since = query.parsed("since", "an instant: 2027-03-01T09:30:00Z")?;
    let name = query.one("name")?.unwrap_or("api");
    if name.chars().count() > NAME_CHARACTERS_MAX {
        let title = format!("`name` is longer than {NAME_CHARACTERS_MAX} characters");
        return Err(Problem::bad_request(title));
    }
    let request = request(&reader, &app, None, name)?;
    let bundle = Arc::clone(&app.journal().current().bundle);
    let mut import = app.journal().devices().begin_import(kind, bundle, &request, since).await?;
    let (mut pieces, mut bytes) = (body.into_data_stream(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Problem::bad_request("The body can't be read"))?;
        bytes += piece.len();
        if bytes > IMPORT_BYTES_MAX {
            let title = format!("The file is larger than {} MiB", IMPORT_BYTES_MAX >> 20);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", title)
                .detail("Send it in several files."));
        }
        import.feed(&piece).await?;
    }
    let preview = import.finish().await?;
    let mut response = answer::json(StatusCode::CREATED, &preview_body(&preview));
    let place = format!("/api/v1/fleet/imports/{}", preview.id);
    answer::set(&mut response, header::LOCATION, &place);
    Ok(response)
}

pub(crate) const SHOW: Operation = Operation {
    id: "getFleetImport",
    tag: Tag::Fleet,
    summary: "Read what a file would do",
    description: "As it was compared last. Files that nobody applies are kept for a day.",
    query: &[],
    answers: &[Answer::new(200, "What it would do.", of::<PreviewBody>)],
    ..Operation::NEW
};

pub(crate) async fn show(
    State(app): State<App>,
    Named(import): Named<String>,
) -> Result<Response, Problem> {
    let preview = preview_of(&app, &import).await?;
    Ok(answer::json(StatusCode::OK, &preview_body(&preview)))
}

/// Nothing is asked of a comparison.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CompareBody {}

pub(crate) const COMPARE: Operation = Operation {
    id: "compareFleetImport",
    tag: Tag::Fleet,
    summary: "Compare a file with the registry again",
    description: "What others changed meanwhile is taken into account; the token is a new one.",
    body: Some(Body { media: JSON, schema: body_of::<CompareBody>, example: || json!({}) }),
    answers: &[Answer::new(200, "What it would do.", of::<PreviewBody>)],
    ..Operation::NEW
};

pub(crate) async fn compare(
    State(app): State<App>,
    Named(import): Named<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let CompareBody {} = decoded(body)?;
    let preview = preview_of(&app, &import).await?;
    app.journal().devices().compare_again(preview.id).await?;
    let preview = preview_of(&app, &import).await?;
    Ok(answer::json(StatusCode::OK, &preview_body(&preview)))
}

/// Which comparison of a file is applied.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApplyBody {
    /// The token of the comparison.
    token: String,
    /// Whether lines that were refused are left out; else the file is refused because of them.
    #[serde(default)]
    leave_out_refused: bool,
    /// Why, for those who read the history.
    #[serde(default)]
    why: Option<String>,
}

pub(crate) const APPLY: Operation = Operation {
    id: "applyFleetImport",
    tag: Tag::Fleet,
    summary: "Apply a file as it was compared",
    description: "All of it holds, or nothing. Where devices changed since the comparison, nothing \
                  is applied: compare the file again.",
    body: Some(Body {
        media: JSON,
        schema: body_of::<ApplyBody>,
        example: || json!({ "token": "…", "why": "The list of the contract manufacturer" }),
    }),
    answers: &[Answer::new(200, "What was applied.", of::<AppliedBody>)],
    refusals: &[(409, "The file was compared or applied since: look at the newest preview.")],
    ..Operation::NEW
};

pub(crate) async fn apply(
    State(app): State<App>,
    reader: Reader,
    Named(import): Named<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let preview = preview_of(&app, &import).await?;
    let told: ApplyBody = decoded(body)?;
    let why = told.why.as_deref();
    let leave_out = told.leave_out_refused;
    let applied = applied(&app, &reader, &preview, &told.token, leave_out, why).await?;
    Ok(answer::json(StatusCode::OK, &applied_body(applied)))
}
