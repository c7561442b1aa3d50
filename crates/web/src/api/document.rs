//! `/api/openapi.json`: the API described by OpenAPI 3.1, made from the table of routes.

use std::sync::OnceLock;

use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Response};
use longlead_model::Kind;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::api::answer;
use crate::api::operation::{Answer, JSON, Operation, Parameter, Schemas, Tag};
use crate::api::precondition::is_current;
use crate::problem::Problem;
use crate::rights::Needs;
use crate::route::{Route, routes};

/// A problem with a request (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
struct ProblemSchema {
    /// Where the problem is explained.
    #[serde(rename = "type")]
    kind: String,
    /// What is wrong, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A stable word for programs, such as `not-found`.
    code: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    detail: Option<String>,
    /// Everything that is wrong with what was sent, or with the product after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<DiagnosticSchema>,
    /// Records that others have changed meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<ConflictSchema>,
}

/// One thing that is wrong, and how to mend it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Diagnostic")]
pub(crate) struct DiagnosticSchema {
    /// A stable word for programs, such as `unknown-reference`.
    code: String,
    /// An error, or a warning.
    severity: SeveritySchema,
    /// Where: the record, then line and column of its text; or the part of the body.
    place: Option<String>,
    /// What is wrong.
    message: String,
    /// How to mend it.
    help: Option<String>,
}

/// Whether it keeps a change from being made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Severity")]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its schema is used")]
enum SeveritySchema {
    Error,
    Warning,
}

/// A record that isn't at the version that was named.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Conflict")]
struct ConflictSchema {
    /// The record: `part/nrf9161`.
    key: String,
    /// Its version now; null if it isn't there.
    version: Option<String>,
}

pub(crate) const OPENAPI: Operation = Operation {
    id: "getOpenApi",
    tag: Tag::About,
    summary: "This description",
    headers: &[crate::api::record::IF_NONE_MATCH],
    answers: &[Answer::new(200, "The OpenAPI document.", crate::api::record::any_object)],
    ..Operation::NEW
};

pub(crate) async fn openapi_json(headers: HeaderMap) -> Result<Response, Problem> {
    static TEXT: OnceLock<(String, String)> = OnceLock::new();
    let (text, tag) = TEXT.get_or_init(|| {
        let text = document().to_string();
        let digest = hex::encode(Sha256::digest(text.as_bytes()));
        (text, format!("\"{}\"", digest.get(..16).unwrap_or_default()))
    });
    if is_current(&headers, tag)? {
        return Ok(answer::not_modified(tag));
    }
    let mut response = ([(header::CONTENT_TYPE, JSON)], text.as_str()).into_response();
    answer::set(&mut response, header::ETAG, tag);
    Ok(response)
}

/// The document, made once.
pub(crate) fn document() -> &'static Json {
    static DOCUMENT: OnceLock<Json> = OnceLock::new();
    DOCUMENT.get_or_init(openapi)
}

const ABOUT: &str = "\
Longlead plans connected products on two horizons. Records are the facts; insights follow from \
them.

**Signing in.** Send a token as `Authorization: Bearer …`; make one under Account. A browser \
session works too; changes then need its `X-CSRF-Token`.

**Versions.** Every record has an ETag. A change names the version that it was made from \
(`If-Match`), so nobody's work is lost: 412 means that others were faster.

**Requests that may come again.** Send `Idempotency-Key` with a change: repeated within a day it \
gets the same answer, marked `Idempotency-Replayed: true`, and is not done twice.

**Reading your own changes.** Records are there at once. The plan follows within moments: pass \
the `Longlead-Sequence` of a change as `?after=` to wait for it.

**Problems** are `application/problem+json` (RFC 9457); their codes are explained at \
`/api/problems`. `RateLimit` and `RateLimit-Policy` tell how much you may still ask.";

/// The API as OpenAPI 3.1 describes it.
pub fn openapi() -> Json {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Json> = Map::new();
    schemas.of::<ProblemSchema>();
    for route in routes() {
        let Some(operation) = route.operation else {
            continue;
        };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            let described = described(&route, operation, &mut schemas);
            methods.insert(route.method.as_str().to_lowercase(), described);
        }
    }
    let tags: Vec<Json> = Tag::ALL
        .iter()
        .map(|tag| json!({ "name": tag.name(), "description": tag.doc() }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Longlead",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "An API token." },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "longlead",
                    "description": "A browser's session; its name is `__Host-longlead` behind TLS.",
                },
            },
            "schemas": schemas.into_definitions(),
        },
    })
}

fn described(route: &Route, operation: &Operation, schemas: &mut Schemas) -> Json {
    let mut told = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
    });
    let Some(object) = told.as_object_mut() else {
        return told;
    };
    let scope = route.needs.scope().map(|scope| format!("Needs the scope `{}`.", scope.as_str()));
    let description = [Some(operation.description.to_owned()), scope].into_iter().flatten();
    let description: Vec<String> = description.filter(|text| !text.is_empty()).collect();
    if !description.is_empty() {
        object.insert("description".to_owned(), json!(description.join("\n\n")));
    }
    object.insert("parameters".to_owned(), json!(parameters(route, operation)));
    if let Some(body) = operation.body {
        let schema = (body.schema)(schemas);
        let content = json!({ "schema": schema, "example": (body.example)() });
        let body = json!({ "required": true, "content": { body.media: content } });
        object.insert("requestBody".to_owned(), body);
    }
    object.insert("responses".to_owned(), responses(route, operation, schemas));
    let security = match route.needs {
        Needs::Public => json!([]),
        _ => json!([{ "token": [] }, { "session": [] }]),
    };
    object.insert("security".to_owned(), security);
    told
}

fn is_change(route: &Route) -> bool {
    route.method != Method::GET
}

/// Whether the answer to a request is kept under its `Idempotency-Key`.
fn may_come_again(route: &Route) -> bool {
    is_change(route) && route.needs == Needs::WriteRecords
}

fn parameters(route: &Route, operation: &Operation) -> Vec<Json> {
    let parameter = |place: &str, it: &Parameter| {
        json!({
            "name": it.name,
            "in": place,
            "required": it.required || place == "path",
            "description": it.what,
            "schema": (it.schema)(),
        })
    };
    let segments = route.path.split('/').filter_map(|segment| {
        segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'))
    });
    let in_path = segments.map(|name| parameter("path", &of_path(name)));
    let in_query = operation.query.iter().map(|it| parameter("query", it));
    let in_header = operation.headers.iter().map(|it| parameter("header", it));
    let again = may_come_again(route).then(|| parameter("header", &AGAIN));
    in_path.chain(in_query).chain(in_header).chain(again).collect()
}

const AGAIN: Parameter = Parameter::new(
    "Idempotency-Key",
    || json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
    "Names the request, so that it may come again and is not done twice.",
);

fn of_path(name: &str) -> Parameter {
    match name {
        "kind" => Parameter::new(
            "kind",
            || {
                let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
                json!({ "type": "string", "enum": kinds })
            },
            "The kind of record.",
        ),
        "sequence" => Parameter::new(
            "sequence",
            || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
            "The number of a change set.",
        ),
        "serial" => Parameter::new(
            "serial",
            || json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]*$", "maxLength": 64 }),
            "The serial number.",
        ),
        "import" => Parameter::new(
            "import",
            || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
            "The number of a file that was sent.",
        ),
        _ => Parameter::new(
            "id",
            || {
                let pattern = "^[a-z0-9][a-z0-9._:-]*$";
                json!({ "type": "string", "pattern": pattern, "maxLength": 200 })
            },
            "The id.",
        ),
    }
}

fn responses(route: &Route, operation: &Operation, schemas: &mut Schemas) -> Json {
    let mut responses: Map<String, Json> = Map::new();
    for answer in operation.answers {
        let mut response = json!({ "description": answer.what });
        if let (Some(schema), Some(object)) = (answer.schema, response.as_object_mut()) {
            object.insert(
                "content".to_owned(),
                json!({ answer.media: { "schema": schema(schemas) } }),
            );
        }
        let headers = answer.headers.iter().map(|header| {
            let schema = json!({ "type": "string" });
            let told = json!({ "description": header.doc(), "schema": schema });
            (header.name().to_owned(), told)
        });
        let headers: Map<String, Json> = headers.collect();
        if let (false, Some(object)) = (headers.is_empty(), response.as_object_mut()) {
            object.insert("headers".to_owned(), Json::Object(headers));
        }
        responses.insert(answer.status.to_string(), response);
    }
    if operation.headers.iter().any(|header| header.name == "If-None-Match") && !is_change(route) {
        let told = json!({ "description": "It is what `If-None-Match` names." });
        responses.entry("304").or_insert(told);
    }
    let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    let own = operation.refusals.iter().copied();
    for (status, what) in own.chain(common(route, operation)) {
        let content = json!({ "application/problem+json": problem });
        let told = json!({ "description": what, "content": content });
        responses.entry(status.to_string()).or_insert(told);
    }
    responses.sort_keys();
    Json::Object(responses)
}

/// Problems that a route may answer with because of what it is.
fn common(route: &Route, operation: &Operation) -> Vec<(u16, &'static str)> {
    let mut common = vec![
        (400, "The request can't be read, or has a parameter that isn't known."),
        (429, "Too many requests; `Retry-After` says how long to wait."),
        (500, "Something went wrong here."),
        (503, "Not ready yet, or too busy; `Retry-After` says how long to wait."),
    ];
    if route.needs != Needs::Public {
        common.push((401, "No token or session, or none that is known."));
        common.push((403, "The role or the token's scopes don't allow it."));
    }
    if route.path.contains('{') {
        common.push((404, "There is no such thing, or it isn't shared with you."));
    }
    if !operation.query.is_empty() {
        common.push((422, "A parameter can be read, but contradicts another or leads nowhere."));
    }
    if may_come_again(route) {
        common.push((409, "A request with the same `Idempotency-Key` is being answered."));
    }
    if is_change(route) {
        common.push((422, "What was sent is wrong; each diagnostic says how to mend it."));
    }
    if operation.body.is_some() {
        common.push((413, "The body is too large."));
        common.push((415, "The body has another media type."));
    }
    common
}
