//! How answers are put together: JSON, entity tags, the number of the change set, and what
//! partners aren't told.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use longlead_model::Diagnostic;
use longlead_records::{IdempotencyKey, Sequence};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::api::operation::JSON;
use crate::api::precondition::is_current;
use crate::app::App;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::sight;

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

/// As [`insight`], to a question that has a body: only what is read by GET can be current.
pub(crate) fn insight_of_question<T: Serialize>(
    seen: &Seen,
    value: &T,
) -> Result<Response, Problem> {
    insight(seen, &HeaderMap::new(), value)
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
    sight::discreet(&seen.sight, told)
}
