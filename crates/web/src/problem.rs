//! The one error of a request: rendered as a page, or as problem+json (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longlead_model::Diagnostic;
use longlead_records::{CommitError, Conflict, StoreError};
use serde_json::{Value as Json, json};

/// What is told of a fault of ours where there is room for a sentence.
pub(crate) const SOMETHING_FAILED: &str = "something failed here; it has been logged";

/// Why a request has no answer: status, a title for people, and how to mend it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// A stable word for programs: `not-found`, `conflict`.
    pub(crate) code: &'static str,
    pub(crate) title: String,
    pub(crate) detail: Option<String>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) retry_after_seconds: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            title: title.into(),
            detail: None,
            diagnostics: Vec::new(),
            conflicts: Vec::new(),
            retry_after_seconds: None,
        }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn diagnostics(mut self, diagnostics: Vec<Diagnostic>) -> Problem {
        self.diagnostics = diagnostics;
        self
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", what)
    }

    pub(crate) fn bad_request(what: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", what)
    }

    pub(crate) fn forbidden(what: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", what)
    }

    pub(crate) fn unauthenticated() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first")
            .detail("Send a session cookie, or an API token as `Authorization: Bearer …`.")
    }

    pub(crate) fn too_many(seconds: u64) -> Problem {
        let mut problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests");
        problem.retry_after_seconds = Some(seconds.max(1));
        problem.detail(format!("Try again in {} s.", seconds.max(1)))
    }

    /// The plan can't be computed; the diagnostics tell why.
    pub(crate) fn unplanned(diagnostics: Vec<Diagnostic>) -> Problem {
        Problem::new(StatusCode::CONFLICT, "no-plan", "The plan can't be computed")
            .diagnostics(diagnostics)
    }

    /// The body is larger than what is taken.
    pub(crate) fn too_large(bytes_max: usize) -> Problem {
        let title = format!("The request is larger than {} MiB", bytes_max >> 20);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", title)
    }

    /// What is asked for isn't there yet, and soon will be.
    pub(crate) fn not_ready(what: &str) -> Problem {
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", what);
        problem.retry_after_seconds = Some(1);
        problem.detail("Try again in a moment.")
    }

    /// There is no plan yet: the server has just started.
    pub(crate) fn no_plan_yet() -> Problem {
        Problem::not_ready("The first plan is being computed")
    }

    /// Something is wrong inside. The log has the cause; the answer doesn't.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Problem {
        tracing::error!(error = %chain(error), "a request failed");
        Problem::logged()
    }

    /// The same, once the log has the cause.
    pub(crate) fn logged() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here")
            .detail("It has been logged. Nothing was changed unless you were told so.")
    }

    /// The problem as RFC 9457 has it.
    pub(crate) fn json(&self) -> Json {
        let mut json = json!({
            "type": format!("/api/problems#{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "code": self.code,
        });
        let Some(object) = json.as_object_mut() else {
            return json;
        };
        if let Some(detail) = &self.detail {
            object.insert("detail".to_owned(), json!(detail));
        }
        if !self.diagnostics.is_empty() {
            let diagnostics: Vec<Json> = self.diagnostics.iter().map(diagnostic_json).collect();
            object.insert("diagnostics".to_owned(), json!(diagnostics));
        }
        if !self.conflicts.is_empty() {
            let conflicts: Vec<Json> = self.conflicts.iter().map(conflict_json).collect();
            object.insert("conflicts".to_owned(), json!(conflicts));
        }
        json
    }
}

/// A diagnostic as programs read it.
pub(crate) fn diagnostic_json(diagnostic: &Diagnostic) -> Json {
    json!({
        "code": diagnostic.code.as_str(),
        "severity": if diagnostic.is_error() { "error" } else { "warning" },
        "place": diagnostic.place.as_ref().map(ToString::to_string),
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

fn conflict_json(conflict: &Conflict) -> Json {
    json!({
        "key": conflict.key.to_string(),
        "version": conflict.actual.map(|version| version.to_string()),
    })
}

/// An error with its causes, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let unavailable = |code, title: &str, seconds| {
            let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title);
            problem.retry_after_seconds = Some(seconds);
            problem
        };
        match error {
            StoreError::Nul => Problem::bad_request("A text has the character U+0000")
                .detail("It can't be kept: leave it out."),
            StoreError::InDoubt => {
                tracing::error!("a change may or may not have been kept");
                unavailable("in-doubt", "Whether the change was kept isn't known yet", 5).detail(
                    "The database went away while it was writing. Look at the history before you \
                     make the change again; with the same `Idempotency-Key` it is not made twice.",
                )
            }
            StoreError::Busy => unavailable("busy", "The database is too busy", 2)
                .detail("Nothing was changed. Try again in a moment."),
            error => Problem::internal(&error),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Problem {
        match error {
            CommitError::Conflict(conflicts) => {
                let title = "Someone else has changed this meanwhile";
                let mut problem = Problem::new(StatusCode::CONFLICT, "conflict", title)
                    .detail("Nothing was saved. Look at what changed, and change it again.");
                problem.conflicts = conflicts;
                problem
            }
            CommitError::Refused(diagnostics) => {
                let title = "The product would contradict itself";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", title)
                    .detail("Nothing was saved. Each problem says how to mend it.")
                    .diagnostics(diagnostics)
            }
            CommitError::Nothing => {
                let title = "Nothing would change";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "nothing", title)
            }
            CommitError::Store(error) => error.into(),
        }
    }
}

/// As problem+json; for pages, `layout::problems` renders it again as one.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.json().to_string();
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (self.status, [kind], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_in_doubt_is_not_told_as_one_that_was_not_made() {
        let problem = Problem::from(CommitError::Store(StoreError::InDoubt));
        assert_eq!((problem.status, problem.code), (StatusCode::SERVICE_UNAVAILABLE, "in-doubt"));
        assert!(problem.retry_after_seconds.is_some());
        assert!(!problem.json().to_string().contains("Nothing was changed"));
        assert_eq!(Problem::from(StoreError::Busy).status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(Problem::from(StoreError::Nul).status, StatusCode::BAD_REQUEST);
    }
}
