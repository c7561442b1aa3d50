//! How answers are put together: JSON, entity tags, the number of the change set, and what
//! partners aren't told.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use longlead_model::{Code, Diagnostic};
use longlead_records::{IdempotencyKey, Sequence};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::api::operation::JSON;
use crate::api::precondition::is_current;
use crate::app::App;
use crate::problem::Problem;
use crate::reader::Seen;

/// The last change set that an answer knows of.
pub(crate) const SEQUENCE: HeaderName = HeaderName::from_static("longlead-sequence");

/// The key of a request that may come again, if it has one.
#[derive(Clone, Debug)]
pub(crate) struct Again(pub(crate) Option<IdempotencyKey>);

impl FromRequestParts<App> for Again {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        Ok(Again(parts.extensions.get::<IdempotencyKey>().cloned()))
    }
}

/// An answer as JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static(JSON));
            (status, [kind], body).into_response()
        }
        Err(error) => Problem::internal(&error).into_response(),
    }
}

pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

pub(crate) fn sequence(response: &mut Response, sequence: Sequence) {
    set(response, SEQUENCE, &sequence.to_string());
}

pub(crate) fn not_modified(tag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    set(&mut response, header::ETAG, tag);
    response
}

/// An answer that follows from the product as of a change set: tagged by that and by what it says,
/// since what a reader sees also follows from shares and from their discipline.
pub(crate) fn insight<T: Serialize>(
    seen: &Seen,
    headers: &HeaderMap,
    value: &T,
) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(&error))?;
    let digest = Sha256::digest(&body);
    let sequence_now = seen.outlook.sequence();
    let tag = format!("\"{sequence_now}-{}\"", hex::encode(digest.get(..6).unwrap_or_default()));
    let mut response = if is_current(headers, &tag)? {
        not_modified(&tag)
    } else {
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        ([kind], body).into_response()
    };
    set(&mut response, header::ETAG, &tag);
    sequence(&mut response, sequence_now);
    Ok(response)
}

/// The problem as its reader may know it: to a partner, advice that names what isn't shared with
/// them would tell of it.
pub(crate) fn discreet(seen: &Seen, mut problem: Problem) -> Problem {
    problem.diagnostics = discreet_diagnostics(seen, problem.diagnostics);
    problem
}

pub(crate) fn discreet_diagnostics(seen: &Seen, told: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if seen.sight.is_whole() {
        return told;
    }
    let (own, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|diagnostic| {
        let place = diagnostic.place.as_ref();
        let key = place.and_then(|place| place.file.parse().ok());
        key.is_some_and(|key| seen.sees(&key))
    });
    let mut discreet: Vec<Diagnostic> = own
        .into_iter()
        .map(|diagnostic| Diagnostic { help: None, related: Vec::new(), ..diagnostic })
        .collect();
    if others.iter().any(Diagnostic::is_error) {
        let message = "it contradicts records that aren't shared with you";
        discreet.push(Diagnostic::error(Code::Contradiction, message));
    }
    discreet
}
