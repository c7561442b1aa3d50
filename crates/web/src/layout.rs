//! The frame of every page, and problems as pages.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use longlead_horizon::State;
use maud::{DOCTYPE, Markup, html};

use crate::api::problems::of_status;
use crate::assets;
use crate::guard::{self, CSRF_FIELD};
use crate::problem::Problem;
use crate::reader::{Reader, Seen};
use crate::ui;

/// Pages in the rail: path, name, icon, and the key that goes there after `g`.
const PAGES: &[(&str, &str, &str, &str)] = &[
    ("/", "Horizons", "horizons", "h"),
    ("/decisions", "Decisions", "decision", "d"),
    ("/features", "Features", "feature", "f"),
    ("/hardware", "Hardware", "hardware", "w"),
    ("/fleet", "Fleet", "fleet", "e"),
    ("/data", "Data", "data", "t"),
    ("/forecast", "Forecast", "forecast", "o"),
    ("/plan", "Plan", "plan", "p"),
    ("/what-if", "What if", "what-if", "i"),
    ("/records", "Records", "records", "r"),
    ("/history", "History", "history", "y"),
];

/// Pages below the line, for those who may see them.
const SIDE_PAGES: &[(&str, &str, &str, bool)] = &[
    ("/people", "People", "people", true),
    ("/audit", "Audit", "audit", true),
    ("/api/docs", "API", "api", false),
];

/// A page: its frame's texts, and what is in it.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// The heading, and the window's title.
    pub(crate) title: &'a str,
    /// The path of the entry in the rail that is marked as current.
    pub(crate) section: &'a str,
    /// One sentence that says what matters here today.
    pub(crate) lede: Option<Markup>,
    /// Buttons and filters beside the heading.
    pub(crate) tools: Markup,
    pub(crate) main: Markup,
    /// Whether the page is fetched again when the plan changes.
    pub(crate) live: bool,
}

/// The page in its frame.
pub(crate) fn page(seen: &Seen, page: &Page<'_>) -> Html<String> {
    let reader = &seen.reader;
    let sequence = seen.outlook.sequence();
    let csrf = reader.csrf.as_deref().unwrap_or_default();
    let markup = html! {
        (DOCTYPE)
        html lang="en" data-sequence=(sequence) data-sent[reader.sent] {
            (head(page.title, csrf))
            body {
                a.skip href="#main" { "Skip to content" }
                @if let Some(banner) = &seen.app.settings().banner { div.banner role="note" { (banner) } }
                div.frame {
                    (rail(seen, page.section))
                    div.pane {
                        header.top {
                            button.rail-toggle type="button" aria-label="Menu" aria-expanded="false" { (ui::icon("menu")) }
                            h1 { (page.title) }
                            @if let Some(lede) = &page.lede { p.lede { (lede) } }
                            div.tools { (page.tools) }
                        }
                        main #main data-live[page.live] tabindex="-1" { (page.main) }
                    }
                }
                div #live role="status" aria-live="polite" {}
                dialog #palette aria-label="Search and commands" {}
            }
        }
    };
    Html(markup.into_string())
}

fn head(title: &str, csrf: &str) -> Markup {
    let version = assets::version();
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="csrf" content=(csrf);
            title { (title) " · Longlead" }
            link rel="icon" type="image/svg+xml" href={ "/assets/icon.svg?v=" (version) };
            link rel="stylesheet" href={ "/assets/app.css?v=" (version) };
            script src={ "/assets/app.js?v=" (version) } {}
        }
    }
}

fn rail(seen: &Seen, section: &str) -> Markup {
    let urgent = urgent_decisions(seen);
    let entry = |path: &str, name: &str, icon: &str, key: Option<&str>| {
        let current = (path == section).then_some("page");
        html! {
            li {
                a href=(path) aria-current=[current] data-key=[key] {
                    (ui::icon(icon))
                    span { (name) }
                    @if path == "/decisions" && urgent > 0 {
                        span.count.risk title=(URGENT) { (urgent) span.visually-hidden { " " (URGENT) } }
                    }
                }
            }
        }
    };
    html! {
        nav.rail aria-label="Main" {
            a.brand href="/" { (ui::icon("brand")) "Longlead" }
            ul { @for (path, name, icon, key) in PAGES { (entry(path, name, icon, Some(key))) } }
            ul.side {
                @for (path, name, icon, for_owners) in SIDE_PAGES {
                    @if !for_owners || seen.reader.is_owner() { (entry(path, name, icon, None)) }
                }
            }
            (account(&seen.reader))
        }
    }
}

fn account(reader: &Reader) -> Markup {
    html! {
        div.rail-foot {
            button.quiet type="button" data-palette-open { (ui::icon("search")) span { "Search" } span.kbd { "Ctrl K" } }
            button.quiet type="button" data-theme-toggle { (ui::icon("theme")) span { "Theme" } }
            details.menu.up {
                summary { (ui::icon("user")) span { (reader.user.name) } }
                div {
                    p.muted { (reader.user.email) br; (reader.user.role.as_str()) }
                    a href="/account" { "Account" }
                    form method="post" action="/sign-out" { (csrf(reader)) button.quiet { "Sign out" } }
                }
            }
        }
    }
}

/// The address under which the reader reaches us, for links that they pass on.
pub(crate) fn host_of(seen: &Seen) -> &str {
    &seen.reader.base
}

/// The field that shows that a form is ours.
pub(crate) fn csrf(reader: &Reader) -> Markup {
    html! { input type="hidden" name=(CSRF_FIELD) value=(reader.csrf.as_deref().unwrap_or_default()); }
}

/// Days within which a decision counts as urgent.
pub(crate) const URGENT_DAYS: i32 = 60;

/// What the count beside Decisions in the rail is of.
const URGENT: &str = "at risk or due within 60 days";

fn urgent_decisions(seen: &Seen) -> usize {
    let Ok(forecast) = seen.forecast() else {
        return 0;
    };
    let urgent = forecast.decisions.iter().filter(|decision| match decision.state {
        State::Done | State::Open => false,
        State::Lost | State::AtRisk => true,
        State::Safe => decision.days_left.is_some_and(|days| days <= URGENT_DAYS),
    });
    urgent.count()
}

/// A page without rail, for those who aren't signed in: a centred card.
pub(crate) fn card(title: &str, main: &Markup) -> Html<String> {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title.replace('`', ""), ""))
            body.plain {
                main.login #main {
                    a.brand href="/" { (ui::icon("brand")) "Longlead" }
                    h1 { (ui::told(title)) }
                    (main)
                }
            }
        }
    };
    Html(markup.into_string())
}

/// What machines ask: a browser that looks there sees what they do.
const MACHINES: &[&str] = &["/healthz", "/readyz", "/metrics"];

/// What helps with an address or a form that no page can make anything of.
const ELSEWHERE: &str = "Go back and load the page again, or begin anew from Horizons.";

/// Renders problems as pages for people; programs get problem+json.
pub(crate) async fn problems(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let wants_page = guard::wants_page(&parts);
    let is_api = parts.uri.path().starts_with("/api/");
    let is_for_machines = MACHINES.contains(&parts.uri.path());
    let response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    // What layers answer before a route could has no problem yet.
    let is_bare = is_error && response.extensions().get::<Problem>().is_none();
    let is_told = is_problem(&response) || has_page(&response) || is_for_machines;
    if is_bare && (is_api || wants_page || status == StatusCode::PAYLOAD_TOO_LARGE) && !is_told {
        let problem = of_status(status);
        return if wants_page {
            problem_page(&problem.detail(ELSEWHERE))
        } else {
            problem.into_response()
        };
    }
    match response.extensions().get::<Problem>() {
        Some(problem) if wants_page => problem_page(&problem.clone()),
        _ => response,
    }
}

/// Whether the answer is problem+json already: one that was kept and is told again.
fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "application/problem+json")
}

/// Whether the answer is a page already: a form that is shown again.
fn has_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

fn problem_page(problem: &Problem) -> Response {
    let main = html! {
        div.problem {
            @if let Some(detail) = &problem.detail { p { (ui::told(detail)) } }
            (ui::diagnostics(&problem.diagnostics))
            p { a.button href="/" { "To Horizons" } }
        }
    };
    let mut response = card(&problem.title, &main).into_response();
    *response.status_mut() = problem.status;
    if let Some(seconds) = problem.retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use longlead_records::people::Role;

    use super::*;
    use crate::testing::{app, person};

    #[tokio::test]
    async fn an_address_or_a_form_that_nothing_can_be_made_of_is_answered_with_a_page() {
        let app = app().await;
        let owner = person(&app, Role::Owner).await;
        let draft = owner.post("/what-if", &[("title", "So")]).await.location.unwrap();
        let draft = draft.split('?').next().unwrap();
        for answer in [
            owner.get("/records/part?page=x").await,
            owner.get("/history?before=x").await,
            owner.get("/decisions/x?saved=a").await,
            owner.get("/people/users/abc").await,
            owner.post(&format!("{draft}/share"), &[]).await,
        ] {
            assert!(answer.status.is_client_error(), "{}", answer.status);
            let is_page = answer.text.contains("<h1>") && answer.text.contains("To Horizons");
            assert!(is_page && answer.text.contains(ELSEWHERE), "{}", answer.text);
        }
        let form = owner.post("/records/part/new", &[("f.title", "No id")]).await;
        assert_eq!(form.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(form.text.contains("No id"), "a form that is shown again stays one");
    }

    #[tokio::test]
    async fn the_count_in_the_rail_says_what_it_is_of() {
        let app = app().await;
        let viewer = person(&app, Role::Viewer).await;
        let page = viewer.get("/").await.text;
        assert!(
            page.contains("<span class=\"visually-hidden\"> at risk or due within 60 days"),
            "{page}"
        );
    }
}
