//! `longlead user`: who can sign in, for whoever runs the server and has been locked out.

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use longlead_model::nearest;
use longlead_records::Actor;
use longlead_records::people::{
    By, NewUser, Organisation, OrganisationKind, People, Secret, User, UserChange,
};
use serde_json::json;

use crate::args::{
    LinkArguments, UserAddArguments, UserArguments, UserListArguments, UserResetArguments,
};
use crate::command::Answer;
use crate::database;
use crate::exit::Failure;
use crate::output::json as json_text;
use crate::output::style::{DIM, bold, command};
use crate::output::table::{Cell, Column, Table};
use crate::output::words::minute;
use crate::settings::Settings;

pub(crate) fn run(arguments: &UserArguments, settings: &Settings) -> Result<Answer, Failure> {
    match arguments {
        UserArguments::Add(arguments) => add(arguments, settings),
        UserArguments::List(arguments) => list(arguments, settings),
        UserArguments::Reset(arguments) => reset(arguments, settings),
    }
}

fn by() -> By {
    By { who: Actor::System, at: Timestamp::now(), client: String::new() }
}

fn add(arguments: &UserAddArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (user, secret) = database::with(&arguments.of.database, async |journal| {
        let people = journal.people();
        let organisation = organisation(&people, arguments.organisation.as_deref()).await?;
        let new = NewUser {
            email: arguments.email.clone(),
            name: arguments.name.clone().unwrap_or_else(|| arguments.email.clone()),
            role: arguments.role,
            organisation: organisation.id,
            discipline: None,
        };
        let invited = people.create_user(&new, &by()).await;
        Ok(invited.with_context(|| format!("`{}` can't be added", arguments.email))?)
    })?;
    let told =
        format!("{} can sign in as {} once they have set a password.", user.email, user.role);
    Ok(link(&user, &secret, &told, &arguments.link, settings))
}

/// The organisation of that name; left out, the one whose product it is. The first is made.
async fn organisation(people: &People, name: Option<&str>) -> Result<Organisation, Failure> {
    let organisations = people.organisations().await.context("organisations can't be read")?;
    let is_meant = |it: &&Organisation| match name {
        Some(name) => it.name == name,
        None => it.kind == OrganisationKind::Own,
    };
    if let Some(organisation) = organisations.iter().find(is_meant) {
        return Ok(organisation.clone());
    }
    let names: Vec<&str> = organisations.iter().map(|it| it.name.as_str()).collect();
    let told = match (name, names.is_empty()) {
        (Some(name), true) => {
            let made = people.create_organisation(name, OrganisationKind::Own, &by()).await;
            return Ok(made.with_context(|| format!("`{name}` can't be added"))?);
        }
        (None, true) => {
            "there is no organisation yet: name yours with --organisation, or open the link that \
             `longlead serve` prints"
                .to_owned()
        }
        (Some(name), false) => {
            format!("there is no organisation `{name}`; there are {}", names.join(", "))
        }
        (None, false) => {
            format!("say where they belong with --organisation: {}", names.join(", "))
        }
    };
    Err(anyhow!(told).into())
}

fn list(arguments: &UserListArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (users, organisations) = database::with(&arguments.of.database, async |journal| {
        let people = journal.people();
        let users = people.users().await.context("users can't be read")?;
        let organisations = people.organisations().await.context("organisations can't be read")?;
        Ok((users, organisations))
    })?;
    let belongs = |user: &User| {
        let organisation = organisations.iter().find(|it| it.id == user.organisation);
        organisation.map(|it| it.name.clone()).unwrap_or_default()
    };
    if settings.output.json {
        let users: Vec<_> = users.iter().map(|user| user_json(user, &belongs(user))).collect();
        return Ok(Answer::fine(json_text::text(&json!({ "users": users }))));
    }
    if users.is_empty() {
        let told = "Nobody has an account yet: `longlead serve` prints a link to make the first.\n";
        return Ok(Answer::fine(told.to_owned()));
    }
    let columns = ["e-mail", "name", "role", "organisation", "state", "last seen"];
    let mut table = Table::new(columns.map(Column::new).to_vec());
    for user in &users {
        let seen = user.last_seen.map_or("–".to_owned(), minute);
        table.row(vec![
            Cell::from(user.email.as_str()),
            Cell::from(user.name.as_str()),
            Cell::from(user.role.as_str()),
            Cell::from(belongs(user)),
            Cell::from(state(user)),
            Cell::styled(seen, DIM),
        ]);
    }
    Ok(Answer::fine(table.render(settings.output.width)))
}

fn state(user: &User) -> &'static str {
    match (user.disabled, user.invited) {
        (true, _) => "disabled",
        (false, true) => "invited",
        (false, false) => "active",
    }
}

fn user_json(user: &User, organisation: &str) -> serde_json::Value {
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "organisation": organisation,
        "state": state(user),
        "last_seen": user.last_seen,
    })
}

fn reset(arguments: &UserResetArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (user, secret) = database::with(&arguments.of.database, async |journal| {
        let people = journal.people();
        let mut user = find(&people, &arguments.email).await?;
        if user.disabled && !arguments.enable {
            let told = anyhow!("{} is disabled: --enable lets them sign in again", user.email);
            return Err(told.into());
        }
        if user.disabled {
            let change = UserChange { disabled: Some(false), ..UserChange::default() };
            let changed = people.change_user(user.id, &change, &by()).await;
            user = changed.with_context(|| format!("`{}` can't be enabled", user.email))?;
        }
        let secret = people.issue_link(user.id, &by()).await;
        let secret = secret.with_context(|| format!("no link can be made for `{}`", user.email))?;
        Ok((user, secret))
    })?;
    let told = format!("{} keeps their password and sessions until they use the link.", user.email);
    Ok(link(&user, &secret, &told, &arguments.link, settings))
}

/// The user of an address. Two addresses are one if they differ in case only.
async fn find(people: &People, email: &str) -> Result<User, Failure> {
    let users = people.users().await.context("users can't be read")?;
    let key = |email: &str| email.trim().to_lowercase();
    if let Some(user) = users.iter().find(|user| key(&user.email) == key(email)) {
        return Ok(user.clone());
    }
    let told = match nearest(email, users.iter().map(|user| user.email.as_str())) {
        Some(near) => format!("nobody has the address `{email}`; did you mean `{near}`?"),
        None => {
            format!("nobody has the address `{email}`; `longlead user list` tells who there is")
        }
    };
    Err(anyhow!(told).into())
}

/// The link with which a user sets a password, and what there is to say of it.
fn link(
    user: &User,
    secret: &Secret,
    told: &str,
    arguments: &LinkArguments,
    settings: &Settings,
) -> Answer {
    let link = format!("{}/welcome/{}", arguments.address.trim_end_matches('/'), secret.expose());
    if settings.output.json {
        let value = json!({ "id": user.id, "email": user.email, "link": link });
        return Answer::fine(json_text::text(&value));
    }
    Answer::fine(format!(
        "{}\nOpen this once to set it; it works for 72 hours:\n  {}\n",
        bold(told),
        command(&link)
    ))
}
