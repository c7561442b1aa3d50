//! Conditional requests (RFC 9110, section 13): nobody overwrites what they haven't seen.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use longlead_records::{Expected, Version};

use crate::api::json::unprocessable;
use crate::problem::Problem;

/// What a header says about the version of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// There is one, whichever.
    Any,
    /// One of these.
    OneOf(Vec<String>),
}

/// The entity tag of a record: its version, or `"0"` for settings that nobody has set.
pub(crate) fn etag(version: Option<Version>) -> String {
    version.map_or_else(|| "\"0\"".to_owned(), |version| format!("\"{version}\""))
}

/// What `If-Match` or `If-None-Match` say; none if the header isn't there. What is no entity tag
/// matches nothing.
pub(crate) fn told(headers: &HeaderMap, name: HeaderName) -> Result<Option<Told>, Problem> {
    let mut tags = Vec::new();
    for value in headers.get_all(&name) {
        let value = value
            .to_str()
            .map_err(|_| Problem::bad_request(format!("The header `{name}` can't be read")))?;
        if value.trim() == "*" {
            return Ok(Some(Told::Any));
        }
        tags.extend(value.split(',').map(|tag| tag.trim().to_owned()));
    }
    Ok((!tags.is_empty()).then_some(Told::OneOf(tags)))
}

/// Whether what the client has is still current, so that it needs no answer.
pub(crate) fn is_current(headers: &HeaderMap, current: &str) -> Result<bool, Problem> {
    let weak = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    Ok(match told(headers, header::IF_NONE_MATCH)? {
        None => false,
        Some(Told::Any) => true,
        Some(Told::OneOf(tags)) => tags.iter().any(|tag| weak(tag) == weak(current)),
    })
}

/// What a record must be for a change to hold, by `If-Match`, or by `If-None-Match: *` for one that
/// isn't there. Whether it is, the journal decides.
pub(crate) fn expected(
    headers: &HeaderMap,
    current: Option<Version>,
    may_be_new: bool,
) -> Result<Expected, Problem> {
    let if_match = told(headers, header::IF_MATCH)?;
    let if_none_match = told(headers, header::IF_NONE_MATCH)?;
    match (if_match, if_none_match) {
        (Some(_), Some(_)) => {
            Err(unprocessable("`If-Match` and `If-None-Match` contradict each other"))
        }
        (None, Some(Told::Any)) if may_be_new => Ok(Expected::Absent),
        (None, Some(_)) => {
            let problem = Problem::bad_request("`If-None-Match` doesn't fit this change");
            Err(problem.detail(how(may_be_new)))
        }
        (None, None) => {
            let status = StatusCode::PRECONDITION_REQUIRED;
            let title = "Say which version you change";
            Err(Problem::new(status, "precondition-required", title).detail(how(may_be_new)))
        }
        (Some(Told::Any), None) => current.map(Expected::Version).ok_or_else(stale),
        (Some(Told::OneOf(tags)), None) => one_of(&tags, current),
    }
}

fn how(may_be_new: bool) -> &'static str {
    match may_be_new {
        true => {
            "Send `If-Match` with the ETag that you read, or `If-None-Match: *` to add what isn't \
             there."
        }
        false => "Send `If-Match` with the ETag that you read.",
    }
}

/// Of several tags the current one counts; of none that is current, the last that is a version.
fn one_of(tags: &[String], current: Option<Version>) -> Result<Expected, Problem> {
    if tags.contains(&etag(current)) {
        return Ok(current.map_or(Expected::Absent, Expected::Version));
    }
    let mut versions = tags.iter().filter_map(|tag| {
        let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inner.and_then(|inner| inner.parse::<Version>().ok())
    });
    versions.next_back().map(Expected::Version).ok_or_else(stale)
}

/// The version that was told is not the current one.
pub(crate) fn stale() -> Problem {
    let title = "It isn't the version that you named any more";
    Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", title).detail(
        "Nothing was saved. Read it again, look at what changed, and change it again; send the \
             ETag as it was answered, with its quotation marks.",
    )
}
