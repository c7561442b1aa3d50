//! `/api/problems`: what each problem means, and how to mend it.

use axum::response::Html;
use longlead_model::Code;
use maud::{Markup, html};

use crate::api::docs::prose;
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;

/// A code of a problem: its status, what it means, and how to mend it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeDoc {
    pub(crate) code: &'static str,
    pub(crate) status: &'static str,
    pub(crate) what: &'static str,
    pub(crate) mend: &'static str,
}

const fn code(
    code: &'static str,
    status: &'static str,
    what: &'static str,
    mend: &'static str,
) -> CodeDoc {
    CodeDoc { code, status, what, mend }
}

/// Every code that problems have.
pub(crate) const CODES: &[CodeDoc] = &[
    code(
        "bad-request",
        "400",
        "The request can't be read: a parameter that isn't known or is no number, a body that is \
         not JSON, a header that is malformed.",
        "The title says what; correct it.",
    ),
    code(
        "unauthenticated",
        "401",
        "Nobody is signed in, or the token isn't known: it may have been revoked or have expired.",
        "Send a token as `Authorization: Bearer …`, or sign in.",
    ),
    code(
        "forbidden",
        "403",
        "Your role, or the scopes of the token, don't allow this.",
        "Ask an owner for the role, or make a token with the scope that is named.",
    ),
    code(
        "csrf",
        "403",
        "A browser's session sent a change without the secret of its forms.",
        "Load the page again; programs use a token instead of a session.",
    ),
    code(
        "not-found",
        "404",
        "There is nothing of that name, or it isn't shared with your organisation.",
        "See whether the detail suggests a name; read the list.",
    ),
    code(
        "method-not-allowed",
        "405",
        "The address is right, but it can't be asked in this way.",
        "The header `Allow` lists the methods.",
    ),
    code(
        "conflict",
        "409",
        "Others have changed the same records meanwhile, or a record of that id is there already. \
         Nothing was saved.",
        "Read the records that `conflicts` names, and make your change again.",
    ),
    code(
        "in-progress",
        "409",
        "A request with the same `Idempotency-Key` is being answered right now.",
        "Ask again in a moment.",
    ),
    code(
        "no-plan",
        "409",
        "The product has errors that keep the plan from being computed.",
        "Mend what the diagnostics name.",
    ),
    code(
        "link-used",
        "410",
        "A one-time link has been used, or is too old.",
        "Ask an owner for another.",
    ),
    code(
        "precondition-failed",
        "412",
        "The record isn't at the version that `If-Match` names, or is there although \
         `If-None-Match: *` says that it isn't. Nothing was saved.",
        "Read it again, look at what changed, and make your change to what is there now.",
    ),
    code(
        "unreadable-upload",
        "400",
        "A file that a page has sent can't be read.",
        "Choose the file and send it again.",
    ),
    code(
        "question-wrong",
        "400",
        "A question in SQL can't be read, or contradicts itself.",
        "The detail says what; correct it.",
    ),
    code(
        "question-unknown-name",
        "400",
        "A question in SQL names a table, a column or a function that isn't there, or that you may \
         not read.",
        "The page `/sql` lists what can be asked.",
    ),
    code(
        "question-value",
        "400",
        "A value of a question in SQL doesn't fit: it divides by zero, a number is too large, a \
         text is no number or time.",
        "Leave such rows out, or use `TRY_CAST` and `nullif`.",
    ),
    code(
        "question-not-a-read",
        "400",
        "A question in SQL would change something.",
        "Only SELECT, EXPLAIN, SHOW and DESCRIBE are allowed.",
    ),
    code(
        "question-too-large",
        "400",
        "A question in SQL is too deep, took too long or needs too much memory.",
        "Ask for less at once: a shorter time, fewer groups.",
    ),
    code("too-large", "413", "The body is too large.", "Send it in several change sets."),
    code(
        "unsupported-media-type",
        "415",
        "The body has another media type than this takes.",
        "Send `application/json`, and `application/merge-patch+json` for PATCH.",
    ),
    code(
        "invalid",
        "422",
        "What was sent is JSON, but not what this takes: a member stands twice or isn't known, a \
         value is out of range.",
        "Each diagnostic names its place and how to mend it.",
    ),
    code(
        "refused",
        "422",
        "The product would contradict itself after the change. Nothing was saved.",
        "Each diagnostic says how to mend it.",
    ),
    code("nothing", "422", "The change set changes nothing.", "There is nothing to do."),
    code(
        "idempotency-mismatch",
        "422",
        "The `Idempotency-Key` was used for another request within the last day.",
        "Use a new key for every change.",
    ),
    code(
        "precondition-required",
        "428",
        "The change doesn't say which version it is made from.",
        "Send `If-Match` with the ETag that you read, or `If-None-Match: *` to add a record.",
    ),
    code(
        "too-many-requests",
        "429",
        "You ask more often than the server allows one reader.",
        "Wait as long as `Retry-After` says.",
    ),
    code(
        "internal",
        "500",
        "Something went wrong in the server; its log has the cause.",
        "Try again; with an `Idempotency-Key` a change is not made twice.",
    ),
    code(
        "busy",
        "503",
        "The database has no connection to spare. Nothing was changed.",
        "Try again after the seconds of `Retry-After`.",
    ),
    code(
        "in-doubt",
        "503",
        "The database went away while it was writing: the change may have been kept, or not.",
        "Send it again with the same `Idempotency-Key`, or look at the history first.",
    ),
    code(
        "too-many-questions",
        "503",
        "So many questions in SQL run at once that this one couldn't begin.",
        "Ask again after the seconds of `Retry-After`.",
    ),
    code(
        "not-ready",
        "503",
        "The plan is still being computed, or the request took too long.",
        "Wait as long as `Retry-After` says, and ask again.",
    ),
];

pub(crate) async fn show(seen: Seen) -> Html<String> {
    let main: Markup = html! {
        p { "Problems are " code { "application/problem+json" } " (RFC 9457). " code { "code" } " is a stable word for programs; the other texts are for people and may change." }
        div.scroll {
            table.data {
                caption { "Codes of problems" }
                thead { tr { th scope="col" { "Code" } th scope="col" { "Status" } th scope="col" { "What it means" } th scope="col" { "How to mend it" } } }
                tbody {
                    @for doc in CODES {
                        tr id=(doc.code) {
                            th scope="row" { code { (doc.code) } }
                            td.num { (doc.status) }
                            td.wide { (prose(doc.what)) }
                            td.wide { (prose(doc.mend)) }
                        }
                    }
                }
            }
        }
        h2 { "Diagnostics" }
        p { "A problem with records lists everything that is wrong, each with one of these codes." }
        div.scroll {
            table.data {
                caption { "Codes of diagnostics" }
                thead { tr { th scope="col" { "Code" } th scope="col" { "What is wrong" } } }
                tbody {
                    @for (code, what) in Code::all() {
                        tr id=(code) { th scope="row" { code { (code) } } td.wide { (what.trim()) } }
                    }
                }
            }
        }
    };
    let page = Page {
        title: "Problems",
        section: "/api/docs",
        lede: Some(html! { "What the API's problems mean, and how to mend them." }),
        tools: html! { a.button href="/api/docs" { "API" } },
        main,
        live: false,
    };
    layout::page(&seen, &page)
}

/// A problem that was answered before a route could: told by its status alone.
pub(crate) fn of_status(status: axum::http::StatusCode) -> Problem {
    use axum::http::StatusCode;
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(status, "too-large", "The request is too large")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            let mut problem = Problem::new(status, "not-ready", "This took too long");
            problem.retry_after_seconds = Some(5);
            problem
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(status, "method-not-allowed", "This can't be done here")
        }
        StatusCode::NOT_FOUND => Problem::not_found("There is nothing at this address"),
        status if status.is_server_error() => {
            Problem::new(status, "internal", "Something went wrong here")
        }
        status => Problem::new(status, "bad-request", "The request can't be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts after `Problem::new(`, up to the code.
    fn codes_in(text: &str) -> Vec<String> {
        let mut codes = Vec::new();
        for call in text.split("Problem::new(").skip(1) {
            let call: String = call.chars().take(200).collect();
            let code = call.split('"').nth(1).unwrap_or_default();
            let is_code =
                !code.is_empty() && code.chars().all(|it| it.is_ascii_lowercase() || it == '-');
            if is_code {
                codes.push(code.to_owned());
            }
        }
        codes
    }

    #[test]
    fn every_code_that_a_problem_has_is_explained() {
        let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                for code in codes_in(&std::fs::read_to_string(&path).unwrap_or_default()) {
                    found += 1;
                    let is_told = CODES.iter().any(|doc| doc.code == code);
                    assert!(is_told, "{}: `{code}` is not explained", path.display());
                }
            }
        }
        assert!(found > 15, "only {found} codes were found: does the test still read them?");
    }
}
