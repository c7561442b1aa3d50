//! What clients of InfluxDB expect, in both versions of its interface.
//!
//! A body with lines that can't be read is answered with 400 and the first reason, as InfluxDB does
//! for a partial write: the other lines are kept, and so are the bad ones, in quarantine. Clients
//! then don't send the body again. What only doesn't fit its contract is kept in quarantine without
//! a word, since sending it again wouldn't help.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Form, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::answer::Problem;
use super::{body, peer};
use crate::front::{Front, Parcel};
use crate::{Format, Precision};

const VERSION: (HeaderName, &str) = (HeaderName::from_static("x-influxdb-version"), "1.8-longlead");

/// What both versions pass in the address. The database or bucket names nothing here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameters {
    #[serde(default)]
    precision: String,
    /// The password of the first version.
    p: Option<String>,
}

#[derive(Clone, Copy)]
enum Version {
    First,
    Second,
}

pub(super) async fn write_v1(
    State(front): State<Arc<Front>>,
    Query(parameters): Query<Parameters>,
    request: Request<Body>,
) -> Response {
    let written = write(&front, &parameters, request).await;
    written.unwrap_or_else(|problem| told(Version::First, &problem))
}

pub(super) async fn write_v2(
    State(front): State<Arc<Front>>,
    Query(parameters): Query<Parameters>,
    request: Request<Body>,
) -> Response {
    let written = write(&front, &parameters, request).await;
    written.unwrap_or_else(|problem| told(Version::Second, &problem))
}

async fn write(
    front: &Arc<Front>,
    parameters: &Parameters,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let precision = Precision::of_parameter(&parameters.precision).ok_or_else(|| {
        Problem::malformed(format!("invalid precision {:?}", parameters.precision))
    })?;
    let peer = peer(front, &request, parameters.p.as_deref())?;
    let payload = body(front, request).await?;
    let parcel = Parcel { precision, ..Parcel::of(Format::LineProtocol, payload, peer) };
    let taken = front.take(parcel).await?;
    match taken.first_fault {
        None => Ok((StatusCode::NO_CONTENT, [VERSION]).into_response()),
        Some(fault) => Err(Problem::malformed(format!(
            "partial write: unable to parse: {fault} dropped={}",
            taken.unreadable
        ))),
    }
}

/// A problem in InfluxDB's words.
fn told(version: Version, problem: &Problem) -> Response {
    let body = match version {
        Version::First => json!({ "error": problem.detail }),
        Version::Second => {
            let code = match problem.status {
                StatusCode::BAD_REQUEST => "invalid",
                StatusCode::UNAUTHORIZED => "unauthorized",
                StatusCode::PAYLOAD_TOO_LARGE => "request too large",
                StatusCode::TOO_MANY_REQUESTS => "too many requests",
                StatusCode::UNSUPPORTED_MEDIA_TYPE => "unprocessable entity",
                _ => "unavailable",
            };
            json!({ "code": code, "message": problem.detail })
        }
    };
    let content = (CONTENT_TYPE, "application/json");
    let headers = [content, VERSION];
    let mut response = (problem.status, headers, body.to_string()).into_response();
    response.headers_mut().extend(problem.headers());
    response
}

pub(super) async fn ping() -> Response {
    (StatusCode::NO_CONTENT, [VERSION]).into_response()
}

pub(super) async fn health() -> Response {
    let body = json!({ "name": "longlead", "status": "pass", "message": "ready for writes" });
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Telegraf creates its database before it writes. There is none to create.
pub(super) async fn query(Form(form): Form<Question>) -> Response {
    let content = [(CONTENT_TYPE, "application/json"), VERSION];
    if form.q.trim_start().to_ascii_uppercase().starts_with("CREATE DATABASE") {
        let body = json!({ "results": [{ "statement_id": 0 }] });
        return (content, body.to_string()).into_response();
    }
    let body = json!({ "error": "queries in InfluxQL aren't taken; ask in SQL" });
    (StatusCode::BAD_REQUEST, content, body.to_string()).into_response()
}

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    #[serde(default)]
    q: String,
}
