//! `/account`: one's own name, password, sessions and tokens.

use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::{Timestamp, ToSpan as _};
use longlead_records::people::{
    PasswordError, Scope, Session, SessionId, Token, TokenId, UserChange,
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::layout::{self, Page, csrf};
use crate::page::people::discipline_field;
use crate::problem::Problem;
use crate::reader::{Credential, Seen};
use crate::rights::Needs;
use crate::ui;

fn framed(seen: &Seen, title: &str, main: Markup) -> Html<String> {
    let tools = html! {};
    layout::page(seen, &Page { title, section: "/account", lede: None, tools, main, live: false })
}

fn own_session(seen: &Seen) -> Option<SessionId> {
    match seen.reader.by {
        Credential::Session(session) => Some(session),
        Credential::Token(_) => None,
    }
}

pub(crate) async fn show(seen: Seen) -> Result<Html<String>, Problem> {
    page(&seen, None, None).await
}

/// The page, with a new token's secret or with why something was refused.
async fn page(
    seen: &Seen,
    token: Option<&str>,
    refused: Option<&str>,
) -> Result<Html<String>, Problem> {
    let (people, user) = (seen.app.people(), &seen.reader.user);
    let sessions = people.sessions_of(user.id, seen.app.now()).await?;
    let mut tokens = people.tokens_of(user.id).await?;
    tokens.retain(|token| token.revoked_at.is_none());
    let main = html! {
        @if let Some(refused) = refused { p.notice.bad role="alert" { (refused) } }
        @if let Some(secret) = token {
            div.notice.good { p { "This is the token. Copy it now: it isn't shown again." } p.copied { code #secret { (secret) } button.button.small type="button" data-copy="#secret" { "Copy" } } }
        }
        section {
            h2 { "You" }
            form.edit method="post" action="/account" {
                (csrf(&seen.reader))
                div.field { label for="name" { "Name" } input #name name="name" required maxlength="200" value=(user.name); }
                (discipline_field(seen, user.discipline.as_deref()))
                p.muted { (user.email) ", role " (user.role) ": " (user.role.doc().trim()) }
                button.button.primary { "Save" }
            }
        }
        (password_form(seen))
        (session_list(seen, &sessions))
        (token_list(seen, &tokens))
    };
    Ok(framed(seen, "Account", main))
}

fn password_form(seen: &Seen) -> Markup {
    html! {
        section {
            h2 { "Password" }
            form.edit method="post" action="/account/password" {
                (csrf(&seen.reader))
                div.field { label for="old" { "Password now" } input #old name="old" type="password" autocomplete="current-password" required; }
                div.field {
                    label for="new" { "New password" }
                    input #new name="new" type="password" autocomplete="new-password" minlength="12" required;
                    p.hint { "At least 12 characters. All your other sessions end." }
                }
                button.button { "Change password" }
            }
        }
    }
}

fn session_list(seen: &Seen, sessions: &[Session]) -> Markup {
    let own = own_session(seen);
    html! {
        section {
            h2 { "Sessions" }
            div.scroll { table.data {
                thead { tr { th scope="col" { "From" } th scope="col" { "Since" } th scope="col" { "Last seen" } th scope="col" { "Ends" } th scope="col" { span.visually-hidden { "End it" } } } }
                tbody { @for session in sessions {
                    tr {
                        th scope="row" { (session.client) @if Some(session.id) == own { " (this one)" } }
                        td.nowrap { (ui::instant(session.created_at)) }
                        td.nowrap { (ui::instant(session.last_seen)) }
                        td.nowrap { (ui::instant(session.expires_at)) }
                        td {
                            form method="post" action={ "/account/sessions/" (session.id) "/revoke" } {
                                (csrf(&seen.reader)) button.button.quiet.small { "End" }
                            }
                        }
                    }
                } }
            } }
        }
    }
}

fn token_list(seen: &Seen, tokens: &[Token]) -> Markup {
    html! {
        section {
            h2 { "API tokens" }
            @if tokens.is_empty() { p.muted { "None. A token lets a program do what you may, within its scopes." } }
            @else {
                div.scroll { table.data {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Scopes" } th scope="col" { "Since" } th scope="col" { "Ends" } th scope="col" { span.visually-hidden { "Revoke it" } } } }
                    tbody { @for token in tokens {
                        tr {
                            th scope="row" { (token.name) }
                            td.mono { @for scope in &token.scopes { (scope) " " } }
                            td.nowrap { (ui::instant(token.created_at)) }
                            td.nowrap { @match token.expires_at { Some(at) => (ui::instant(at)), None => "when revoked" } }
                            td {
                                form method="post" action={ "/account/tokens/" (token.id) "/revoke" } data-confirm="Revoke this token? Programs that use it stop at once." {
                                    (csrf(&seen.reader)) button.button.quiet.small { "Revoke" }
                                }
                            }
                        }
                    } }
                } }
            }
            (token_form(seen))
        }
    }
}

fn token_form(seen: &Seen) -> Markup {
    let role = seen.reader.user.role;
    let may = |scope: &Scope| {
        let needs = [Needs::ReadRecords, Needs::ReadInsights, Needs::WriteRecords];
        let fleet = [Needs::ReadFleet, Needs::EditFleet, Needs::ReadMetrics, Needs::Admin];
        let needs = [needs.as_slice(), &fleet].concat();
        needs.iter().any(|needs| needs.scope() == Some(*scope) && needs.met_by(role))
    };
    html! {
        details {
            summary { "Make a token" }
            form.edit method="post" action="/account/tokens" {
                (csrf(&seen.reader))
                div.field { label for="token-name" { "Name" } input #token-name name="name" required maxlength="100" placeholder="nightly report"; }
                fieldset.field {
                    legend { "Scopes" }
                    @for scope in Scope::ALL.iter().filter(|scope| may(scope)) {
                        label { input type="checkbox" name="scope" value=(scope); " " code { (scope) } " " (scope.doc().trim()) }
                    }
                }
                div.field {
                    label for="days" { "Ends after" }
                    select #days name="days" { option value="30" { "30 days" } option value="90" selected { "90 days" } option value="365" { "a year" } option value="" { "never" } }
                }
                button.button.primary { "Make token" }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Own {
    name: String,
    #[serde(default)]
    discipline: String,
}

pub(crate) async fn save(seen: Seen, Form(told): Form<Own>) -> Result<Response, Problem> {
    let discipline = Some(told.discipline.trim().to_owned()).filter(|it| !it.is_empty());
    let change = UserChange {
        name: Some(told.name.trim().to_owned()),
        discipline: Some(discipline),
        ..UserChange::default()
    };
    let by = seen.reader.by(seen.app.now());
    seen.app.people().change_user(seen.reader.user.id, &change, &by).await?;
    Ok(Redirect::to("/account").into_response())
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewPassword {
    old: String,
    new: String,
}

pub(crate) async fn password(
    seen: Seen,
    Form(told): Form<NewPassword>,
) -> Result<Response, Problem> {
    let (user, by) = (seen.reader.user.id, seen.reader.by(seen.app.now()));
    let but = own_session(&seen);
    let changed = seen.app.people().change_password(user, &told.old, &told.new, but, &by).await;
    match changed {
        Ok(()) => Ok(Redirect::to("/account").into_response()),
        Err(PasswordError::Store(error)) => Err(error.into()),
        Err(refused) => {
            let page = page(&seen, None, Some(&refused.to_string())).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub(crate) async fn revoke_session(seen: Seen, Path(id): Path<i64>) -> Result<Redirect, Problem> {
    let (people, now) = (seen.app.people(), seen.app.now());
    let own = people.sessions_of(seen.reader.user.id, now).await?;
    let session = own.iter().find(|session| session.id == SessionId::from(id));
    let session = session.ok_or_else(|| Problem::not_found("You have no such session"))?;
    people.revoke_session(session.id, &seen.reader.by(now)).await?;
    Ok(Redirect::to("/account"))
}

pub(crate) async fn make_token(
    seen: Seen,
    Form(told): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let all = |name: &str| {
        let told = told.iter().filter(move |(told, _)| told == name);
        told.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    let scopes: Result<Vec<Scope>, _> = all("scope").iter().map(|it| it.parse()).collect();
    let now = seen.app.now();
    let ends = all("days").first().and_then(|days| end_of_token(now, days));
    // What can't be read must not make a token that can more, or for longer, than was meant.
    let (Ok(scopes), Some(ends)) = (scopes, ends) else {
        let page = page(&seen, None, Some("Choose scopes, and when the token ends.")).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let name = all("name").first().copied().unwrap_or_default();
    if scopes.is_empty() {
        let page = page(&seen, None, Some("A token needs at least one scope.")).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let by = seen.reader.by(now);
    let user = seen.reader.user.id;
    let (_, secret) = seen.app.people().create_token(user, name, &scopes, ends, &by).await?;
    Ok(page(&seen, Some(secret.expose()), None).await?.into_response())
}

/// The end of a token by what the form says: nothing is never. None if it can't be read.
fn end_of_token(now: Timestamp, days: &str) -> Option<Option<Timestamp>> {
    if days.is_empty() {
        return Some(None);
    }
    let days: i64 = days.parse().ok().filter(|days| (1..=3650).contains(days))?;
    now.checked_add(days.checked_mul(24)?.hours()).ok().map(Some)
}

pub(crate) async fn revoke_token(seen: Seen, Path(id): Path<i64>) -> Result<Redirect, Problem> {
    let people = seen.app.people();
    let own = people.tokens_of(seen.reader.user.id).await?;
    let token = own.iter().find(|token| token.id == TokenId::from(id));
    let token = token.ok_or_else(|| Problem::not_found("You have no such token"))?;
    people.revoke_token(token.id, &seen.reader.by(seen.app.now())).await?;
    Ok(Redirect::to("/account"))
}

#[cfg(test)]
mod tests {
    use longlead_records::people::Role;

    use super::*;
    use crate::testing::{app, person};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_token_is_shown_once_and_stops_when_it_is_revoked() {
        let app = app().await;
        let viewer = person(&app, Role::Viewer).await;
        let fields = [("name", "report"), ("scope", "insights:read"), ("days", "30")];
        let made = viewer.post("/account/tokens", &fields).await;
        assert!(made.text.contains("isn't shown again"), "{}", made.text);
        for wrong in [
            &[][..],
            &[("days", "30")],
            &[("scope", "insights:read")],
            &[("scope", "insights:read"), ("days", "soon")],
            &[("scope", "insights:read"), ("days", "0")],
            &[("scope", "insights:read"), ("scope", "everything"), ("days", "30")],
        ] {
            let fields = [&[("name", "none")], wrong].concat();
            let none = viewer.post("/account/tokens", &fields).await;
            assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        }
        let user = app.people().users().await.unwrap();
        let token = app.people().tokens_of(user[0].id).await.unwrap()[0].id;
        viewer.post(&format!("/account/tokens/{token}/revoke"), &[]).await;
        assert!(viewer.get("/account").await.text.contains("None. A token lets"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_ends_the_session_of_another() {
        let app = app().await;
        let (one, other) = (person(&app, Role::Viewer).await, person(&app, Role::Supply).await);
        let users = app.people().users().await.unwrap();
        let theirs = users.iter().find(|user| user.role == Role::Supply).unwrap();
        let session = app.people().sessions_of(theirs.id, app.now()).await.unwrap()[0].id;
        let refused = one.post(&format!("/account/sessions/{session}/revoke"), &[]).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
        assert_eq!(other.get("/account").await.status, StatusCode::OK);
    }
}
