//! `/sign-in`: coming and going.

use axum::Form;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_records::people::SignInError;
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::{App, DemoAccount};
use crate::guard::{cookie, cookie_name, session_cookie};
use crate::layout;
use crate::problem::Problem;
use crate::reader::{Reader, client};

#[derive(Debug, Deserialize)]
pub(crate) struct Next {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SignIn {
    email: String,
    password: String,
    next: Option<String>,
}

pub(crate) async fn show(State(app): State<App>, Query(asked): Query<Next>) -> Html<String> {
    form(&app, "", asked.next.as_deref(), None)
}

fn form(app: &App, email: &str, next: Option<&str>, refused: Option<&str>) -> Html<String> {
    let accounts = &app.settings().demo_accounts;
    let main: Markup = html! {
        @if let Some(banner) = &app.settings().banner { p.notice.info { (banner) } }
        @if let Some(refused) = refused { p.notice.bad role="alert" { (refused) } }
        form.edit method="post" action="/sign-in" {
            @if let Some(next) = next { input type="hidden" name="next" value=(next); }
            div.field {
                label for="email" { "Email" }
                input #email name="email" type="email" autocomplete="username" required autofocus value=(email);
            }
            div.field {
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required;
            }
            button.button.primary { "Sign in" }
        }
        @if accounts.is_empty() {
            p.muted { "No account? An owner of this Longlead can invite you." }
        } @else {
            (demo_accounts(accounts, next))
        }
    };
    layout::card("Sign in", &main)
}

/// A button for each account of a demo, which needs no password to be typed.
fn demo_accounts(accounts: &[DemoAccount], next: Option<&str>) -> Markup {
    html! {
        h2 { "Or look around as" }
        div.toolbar {
            @for account in accounts {
                form method="post" action="/sign-in" {
                    @if let Some(next) = next { input type="hidden" name="next" value=(next); }
                    input type="hidden" name="email" value=(account.email);
                    input type="hidden" name="password" value=(account.password);
                    button.button data-account=(account.name) title=(account.what) { (account.name) }
                }
            }
        }
    }
}

pub(crate) async fn sign_in(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let address = client(&parts, app.settings().behind_proxy).to_string();
    let request = Request::from_parts(parts, body);
    let Form(asked) =
        <Form<SignIn> as axum::extract::FromRequest<App>>::from_request(request, &app)
            .await
            .map_err(|error| Problem::bad_request(error.to_string()))?;
    let signed = app.people().sign_in(&asked.email, &asked.password, app.now(), &address).await;
    let refused = match signed {
        Ok((_, secret)) => {
            let mut headers = HeaderMap::new();
            let cookie = session_cookie(Some(secret.expose()), app.settings().secure);
            headers.insert(header::SET_COOKIE, cookie);
            let to = asked.next.as_deref().filter(|path| is_ours(path)).unwrap_or("/");
            return Ok((headers, Redirect::to(to)).into_response());
        }
        Err(SignInError::Throttled { retry_after_seconds }) => {
            let told = format!("Too many attempts. Try again in {retry_after_seconds} s.");
            let page = form(&app, &asked.email, asked.next.as_deref(), Some(&told));
            let retry = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
            return Ok((StatusCode::TOO_MANY_REQUESTS, retry, page).into_response());
        }
        Err(SignInError::Wrong) => "Email and password don't match.",
        Err(SignInError::Disabled) => "This account is disabled. Ask an owner.",
        Err(SignInError::Store(error)) => return Err(error.into()),
    };
    let page = form(&app, &asked.email, asked.next.as_deref(), Some(refused));
    Ok((StatusCode::UNAUTHORIZED, page).into_response())
}

/// Whether a path leads to a page of ours and not to another site.
fn is_ours(path: &str) -> bool {
    // Browsers drop tabs and line breaks from addresses, so that `/<tab>/` would be `//`.
    let is_plain = path.is_ascii() && !path.chars().any(char::is_control) && !path.contains('\\');
    is_plain && path.starts_with('/') && !path.starts_with("//")
}

pub(crate) async fn sign_out(
    State(app): State<App>,
    reader: Reader,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(secret) = cookie(&headers, cookie_name(app.settings().secure)) {
        app.people().sign_out(secret, app.now(), &reader.client.to_string()).await?;
    }
    let cookie = [(header::SET_COOKIE, session_cookie(None, app.settings().secure))];
    Ok((cookie, Redirect::to("/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_come_next() {
        for (path, ours) in [
            ("/", true),
            ("/decisions?x=1", true),
            ("//evil.example", false),
            ("https://evil.example", false),
            ("/\\evil.example", false),
            ("", false),
            ("/\t/evil.example", false),
            ("/\r\n/evil.example", false),
            ("/kühlkette", false),
        ] {
            assert_eq!(is_ours(path), ours, "{path}");
        }
    }
}
