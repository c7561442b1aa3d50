//! `/welcome/…`: a one-time link turns into an account with a password.

use axum::Form;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_records::people::{FirstOwner, OneTime, OneTimeError, SignInError, User, UserError};
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::App;
use crate::guard::session_cookie;
use crate::layout;
use crate::problem::Problem;
use crate::reader::client;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Welcome {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    password: String,
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(secret): Path<String>,
) -> Result<Html<String>, Problem> {
    let link = app.people().one_time(&secret, app.now()).await?.ok_or_else(gone)?;
    Ok(form(&secret, &link, &Welcome::default(), None))
}

fn form(secret: &str, link: &OneTime, told: &Welcome, refused: Option<&str>) -> Html<String> {
    let main: Markup = html! {
        @if let Some(refused) = refused { p.notice.bad role="alert" { (refused) } }
        form.edit method="post" action={ "/welcome/" (secret) } {
            @match link {
                OneTime::FirstOwner => { (owner_fields(told)) }
                OneTime::User(user) => {
                    p { "Choose a password for " strong { (user.email) } ". The link works once." }
                    input type="hidden" name="email" autocomplete="username" value=(user.email);
                }
            }
            div.field {
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="new-password" minlength="12" required;
                p.hint { "At least 12 characters. Several words are easy to remember." }
            }
            button.button.primary { "Start" }
        }
    };
    layout::card("Welcome", &main)
}

fn owner_fields(told: &Welcome) -> Markup {
    html! {
        p { "This Longlead is new. Make its first account: the owner's, who invites everyone else." }
        div.field {
            label for="organisation" { "Organisation" }
            input #organisation name="organisation" autocomplete="organization" required autofocus maxlength="200" value=(told.organisation);
            p.hint { "Whose product it is." }
        }
        div.field {
            label for="name" { "Name" }
            input #name name="name" autocomplete="name" required maxlength="200" value=(told.name);
        }
        div.field {
            label for="email" { "Email" }
            input #email name="email" type="email" autocomplete="username" required value=(told.email);
        }
    }
}

pub(crate) async fn accept(
    State(app): State<App>,
    Path(secret): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let address = client(&parts, app.settings().behind_proxy).to_string();
    let request = Request::from_parts(parts, body);
    let Form(told) =
        <Form<Welcome> as axum::extract::FromRequest<App>>::from_request(request, &app)
            .await
            .map_err(|error| Problem::bad_request(error.to_string()))?;
    let link = app.people().one_time(&secret, app.now()).await?.ok_or_else(gone)?;
    match accepted(&app, &secret, &link, &told, &address).await {
        Ok(user) => enter(&app, &user, &told.password, &address).await,
        Err(OneTimeError::Gone) => Err(gone()),
        Err(OneTimeError::User(UserError::Store(error))) => Err(error.into()),
        Err(refused) => {
            let page = form(&secret, &link, &told, Some(&refused.to_string()));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn accepted(
    app: &App,
    secret: &str,
    link: &OneTime,
    told: &Welcome,
    address: &str,
) -> Result<User, OneTimeError> {
    let (people, now) = (app.people(), app.now());
    match link {
        OneTime::FirstOwner => {
            let owner = FirstOwner {
                email: told.email.trim().to_owned(),
                name: told.name.trim().to_owned(),
                organisation: told.organisation.trim().to_owned(),
            };
            people.accept_first_owner(secret, &owner, &told.password, now, address).await
        }
        OneTime::User(_) => people.set_password_once(secret, &told.password, now, address).await,
    }
}

/// Signs in with the password that was just set.
async fn enter(app: &App, user: &User, password: &str, address: &str) -> Result<Response, Problem> {
    let signed = app.people().sign_in(&user.email, password, app.now(), address).await;
    match signed {
        Ok((_, session)) => {
            let cookie = session_cookie(Some(session.expose()), app.settings().secure);
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
        }
        Err(SignInError::Store(error)) => Err(error.into()),
        Err(_) => Ok(Redirect::to("/sign-in").into_response()),
    }
}

fn gone() -> Problem {
    Problem::new(StatusCode::GONE, "link-used", "This link has been used, or is too old")
        .detail("Ask an owner of this Longlead for another.")
}
