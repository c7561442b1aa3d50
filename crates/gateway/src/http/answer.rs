//! Receipts, and problems (RFC 9457).

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use longlead_stream::Refusal;
use serde_json::json;

use super::Taken;

/// Why a request failed.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) detail: String,
    pub(super) retry_after_seconds: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, title, detail: detail.into(), retry_after_seconds: None }
    }

    pub(super) fn media(named: &str) -> Problem {
        let detail = format!("{named:?} is none of the content types or encodings taken here");
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unknown format", detail)
    }

    pub(crate) fn unauthorised() -> Problem {
        let detail = "show the certificate of a device that is known, or the token of a system";
        Problem::new(StatusCode::UNAUTHORIZED, "Who are you?", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "Not here", detail)
    }

    pub(crate) fn needs_tls() -> Problem {
        Problem::forbidden("certificates are given at the address with TLS only")
    }

    pub(super) fn needs_websocket() -> Problem {
        let detail = "ask for a WebSocket of version 13 with the subprotocol \"mqtt\"";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "MQTT is spoken here", detail)
    }

    pub(crate) fn too_large(bytes_max: usize) -> Problem {
        let detail = format!("a body has at most {bytes_max} bytes, packed and unpacked");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", detail)
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "Can't be read", detail)
    }

    /// The headers that InfluxDB and HTTP want beside the body.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let retry = self.retry_after_seconds.map(|it| (RETRY_AFTER, HeaderValue::from(it)));
        let is_unauthorised = self.status == StatusCode::UNAUTHORIZED;
        let ask = is_unauthorised
            .then_some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"devices\"")));
        let needs_upgrade = self.status == StatusCode::UPGRADE_REQUIRED;
        let upgrade = needs_upgrade.then_some((UPGRADE, HeaderValue::from_static("websocket")));
        retry.into_iter().chain(ask).chain(upgrade)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let detail = refusal.to_string();
        let (status, title, retry) = match refusal {
            Refusal::Busy { retry_after_seconds } => {
                (StatusCode::TOO_MANY_REQUESTS, "Busy", Some(retry_after_seconds))
            }
            Refusal::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "Disk full", Some(60)),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large", None),
            Refusal::Closing => (StatusCode::SERVICE_UNAVAILABLE, "Closing", Some(5)),
        };
        Problem { status, title, detail, retry_after_seconds: retry }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let content = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, content, body.to_string()).into_response();
        response.headers_mut().extend(self.headers());
        response
    }
}

/// What became of a payload.
pub(super) fn receipt(taken: &Taken) -> Response {
    let receipt = taken.receipt;
    let mut body = json!({
        "rows": receipt.rows,
        "duplicates": receipt.duplicates,
        "quarantined": receipt.quarantined,
    });
    if let (Some(fault), Some(body)) = (&taken.first_fault, body.as_object_mut()) {
        body.insert("unreadable".to_owned(), taken.unreadable.into());
        body.insert("first_fault".to_owned(), fault.as_str().into());
    }
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
