//! Holds every API request to its operation: query parameters, media types, and requests that may
//! come again.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use longlead_records::{Begun, IdempotencyKey, StoredAnswer};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::api::answer::SEQUENCE;
use crate::api::operation::{MERGE_PATCH, Operation};
use crate::api::query::Query;
use crate::app::App;
use crate::guard::media_type;
use crate::problem::Problem;
use crate::reader::{Credential, Reader};
use crate::rights::Needs;

/// Names a request that may come again.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Lets a request through if it is what its operation says.
pub(crate) async fn hold(
    State((app, operation, needs)): State<(App, &'static Operation, Needs)>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(refusal) = check(operation, &request) {
        return refusal.into_response();
    }
    // An answer to a question can be made again: only what changes something is kept.
    let key = match needs {
        Needs::WriteRecords if !is_dry_run(&request) => key_of(&request),
        _ => Ok(None),
    };
    match key {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => {
            once(&app, key, request, next).await.unwrap_or_else(Problem::into_response)
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn is_dry_run(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "dry_run=true")
}

fn check(operation: &Operation, request: &Request) -> Result<(), Problem> {
    if !operation.fields_in_query {
        let known: Vec<&str> = operation.query.iter().map(|parameter| parameter.name).collect();
        Query::of(request.uri().query())?.only(&known)?;
    }
    let Some(body) = operation.body else {
        return Ok(());
    };
    if media_type(request.headers()).eq_ignore_ascii_case(body.media) {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let title = format!("The body must be `{}`", body.media);
    let problem = Problem::new(status, "unsupported-media-type", title);
    Err(match body.media == MERGE_PATCH {
        true => problem.detail("A patch lists what changes (RFC 7396); say so in `Content-Type`."),
        false => problem.detail("Say so in `Content-Type`."),
    })
}

const KEY_BYTES_MAX: usize = 255;

/// The key of a request that may come again; only changes have one.
fn key_of(request: &Request) -> Result<Option<IdempotencyKey>, Problem> {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let header = request.headers().get(IDEMPOTENCY_KEY).filter(|_| is_change);
    let reader = request.extensions().get::<Reader>();
    let (Some(header), Some(reader)) = (header, reader) else {
        return Ok(None);
    };
    let key = header.to_str().ok().map(str::trim);
    let is_fine = |key: &&str| (1..=KEY_BYTES_MAX).contains(&key.len());
    let key = key.filter(is_fine).ok_or_else(|| {
        let title = format!("`Idempotency-Key` must be 1 to {KEY_BYTES_MAX} visible characters");
        Problem::bad_request(title)
    })?;
    let principal = match reader.by {
        Credential::Session(_) => format!("user {}", reader.user.id),
        Credential::Token(token) => format!("token {token}"),
    };
    Ok(Some(IdempotencyKey { principal, key: key.to_owned() }))
}

/// Answers a request once: when it comes again, it gets the same answer.
async fn once(
    app: &App,
    key: IdempotencyKey,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let bytes_max = app.settings().body_bytes_max;
    let body = to_bytes(body, bytes_max).await.map_err(|_| Problem::too_large(bytes_max))?;
    match app.journal().idempotent_begin(&key, &digest(&parts, &body), app.now()).await? {
        Begun::New => {
            parts.extensions.insert(key.clone());
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            keep(app, &key, response).await
        }
        Begun::Replay(answer) => Ok(replayed(&answer)),
        Begun::InProgress => {
            let title = "A request with this key is being answered";
            let mut problem = Problem::new(StatusCode::CONFLICT, "in-progress", title);
            problem.retry_after_seconds = Some(1);
            Err(problem.detail("Ask again in a moment; the change is not made twice."))
        }
        Begun::Different => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let title = "This key was used for another request";
            let problem = Problem::new(status, "idempotency-mismatch", title);
            Err(problem.detail("Use a new `Idempotency-Key` for every change."))
        }
    }
}

/// What was asked: the same key with anything else is a client's mistake.
pub(crate) fn digest(parts: &Parts, body: &Bytes) -> String {
    let mut digest = Sha256::new();
    digest.update(parts.method.as_str());
    digest.update([0]);
    digest.update(parts.uri.to_string());
    for name in [header::IF_MATCH, header::IF_NONE_MATCH, header::CONTENT_TYPE] {
        digest.update([0]);
        for value in parts.headers.get_all(name) {
            digest.update(value.as_bytes());
            digest.update([1]);
        }
    }
    digest.update([0]);
    digest.update(body);
    hex::encode(digest.finalize())
}

/// Headers that belong to an answer, and not to the connection or the moment.
const KEPT: [HeaderName; 4] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION, SEQUENCE];

/// Larger answers aren't kept: the journal itself knows the keys of changes, so that none is made
/// twice.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Keeps an answer; one that tells of a fault of ours is not final, and so is not kept.
async fn keep(app: &App, key: &IdempotencyKey, response: Response) -> Result<Response, Problem> {
    if response.status().is_server_error() {
        app.journal().idempotent_abandon(key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    if body.len() > KEPT_BYTES_MAX {
        app.journal().idempotent_abandon(key).await?;
        return Ok(Response::from_parts(parts, Body::from(body)));
    }
    let headers = KEPT.into_iter().filter_map(|name| {
        let value = parts.headers.get(&name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), json!(value)))
    });
    let answer = StoredAnswer {
        status: parts.status.as_u16(),
        headers: Json::Object(headers.collect()).to_string(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    app.journal().idempotent_finish(key, &answer).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(answer: &StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers: Json = serde_json::from_str(&answer.headers).unwrap_or_default();
    let mut response = (status, answer.body.clone()).into_response();
    let answered = response.headers_mut();
    answered.remove(header::CONTENT_TYPE);
    insert(answered, &headers);
    answered.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn insert(headers: &mut HeaderMap, kept: &Json) {
    for name in KEPT {
        let value = kept.get(name.as_str()).and_then(Json::as_str);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
}
