//! `/fleet/devices/SERIAL/commands`: what a device is told to do.

use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use longlead_records::devices::{
    COMMAND_BYTES_MAX, CommandError, CommandState, Device, DeviceCommand, NewCommand,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::device::device_of;
use super::{problem, request};
use crate::layout::{self, Page, csrf};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::rights::Needs;
use crate::ui;

/// For how many seconds a command is of use, unless something else is said: a week.
pub(crate) const LASTS_SECONDS: i64 = 7 * 24 * 3600;

/// For how many seconds at most: 30 days, as long as sessions of devices last.
pub(crate) const LASTS_SECONDS_MAX: i64 = 30 * 24 * 3600;

/// When a command expires that is of use for so many seconds.
pub(crate) fn expiry(now: Timestamp, seconds: i64) -> Result<Timestamp, Problem> {
    let lasts = SignedDuration::from_secs(seconds.clamp(1, LASTS_SECONDS_MAX));
    now.checked_add(lasts).map_err(|_| Problem::bad_request("A command can't last that long"))
}

/// What is wrong with a command, as a problem.
pub(crate) fn refused(error: CommandError) -> Problem {
    match error {
        CommandError::Change(error) => problem(error),
        CommandError::TooMany => {
            let title = "Too many commands wait for this device";
            Problem::new(StatusCode::CONFLICT, "conflict", title).detail(error.to_string())
        }
        CommandError::Name | CommandError::Payload | CommandError::Expired => {
            crate::api::json::unprocessable(&error.to_string())
        }
    }
}

pub(crate) async fn show(seen: Seen, Path(serial): Path<String>) -> Result<Html<String>, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    page(&seen, &device, &NewForm::default(), None).await
}

async fn page(
    seen: &Seen,
    device: &Device,
    told: &NewForm,
    wrong: Option<&str>,
) -> Result<Html<String>, Problem> {
    let commands = seen.app.journal().devices().commands(&device.serial).await?;
    let may_edit = Needs::EditFleet.met_by(seen.reader.user.role);
    let main = html! {
        @if may_edit { (form(seen, device, told, wrong)) }
        section {
            h2 { "Given" }
            @if commands.is_empty() { p.muted { "None yet." } } @else { (list(&commands)) }
        }
    };
    let path = format!("/fleet/devices/{}", device.serial);
    let title = format!("Commands for {}", device.serial);
    let page = Page {
        title: &title,
        section: "/fleet",
        lede: Some(html! { "A command waits for a device that sleeps, until it expires." }),
        tools: html! { a.button.quiet href=(path) { "The device" } },
        main,
        live: false,
    };
    Ok(layout::page(seen, &page))
}

fn list(commands: &[DeviceCommand]) -> Markup {
    html! {
        div.scroll { table.data {
            caption.visually-hidden { "Commands, the newest first" }
            thead { tr {
                th scope="col" { "Command" } th scope="col" { "State" } th scope="col" { "Given (UTC)" }
                th scope="col" { "By" } th scope="col" { "Payload" } th scope="col" { "Why" }
            } }
            tbody { @for command in commands {
                tr {
                    th scope="row" { (command.name) " " span.muted { (command.id) } }
                    td {
                        (command.state) " "
                        @if command.state == CommandState::Queued { "until " (ui::instant(command.expires)) }
                        @else { (ui::instant(command.state_at)) }
                    }
                    td.nowrap { (ui::instant(command.made)) }
                    td { (command.who_name) }
                    td.wide.mono { (command.payload) }
                    td.wide { (command.why.as_deref().unwrap_or_default()) }
                }
            } }
        } }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct NewForm {
    name: String,
    #[serde(default)]
    payload: String,
    #[serde(default)]
    seconds: Option<i64>,
    #[serde(default)]
    why: String,
}

fn form(seen: &Seen, device: &Device, told: &NewForm, wrong: Option<&str>) -> Markup {
    let lasts = told.seconds.unwrap_or(LASTS_SECONDS);
    html! {
        form.edit method="post" action={ "/fleet/devices/" (device.serial) "/commands" } {
            (csrf(&seen.reader))
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            div.field {
                label for="name" { "Command" }
                input #name name="name" required maxlength="64" pattern="[A-Za-z0-9_\\-]+" placeholder="reboot" value=(told.name);
                p.hint { "The device hears it on " code { "c/" (device.serial) "/" } " and this word." }
            }
            div.field {
                label for="payload" { "Payload" }
                textarea #payload name="payload" rows="3" maxlength=(COMMAND_BYTES_MAX) { (told.payload) }
                p.hint { "JSON; nothing for " code { "{}" } "." }
            }
            div.field {
                label for="seconds" { "Of use for" }
                select #seconds name="seconds" {
                    @for (seconds, words) in [(60, "a minute"), (3600, "an hour"), (24 * 3600, "a day"), (LASTS_SECONDS, "a week"), (LASTS_SECONDS_MAX, "30 days")] {
                        option value=(seconds) selected[seconds == lasts] { (words) }
                    }
                }
            }
            div.field { label for="why" { "Why" } input #why name="why" maxlength="500" value=(told.why); }
            div.form-actions { button.button.primary { "Give command" } }
        }
    }
}

pub(crate) async fn give(
    seen: Seen,
    Path(serial): Path<String>,
    Form(told): Form<NewForm>,
) -> Result<Response, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    let why = Some(told.why.trim()).filter(|why| !why.is_empty());
    let request = request(&seen.reader, &seen.app, why, "page")?;
    let payload = match told.payload.trim() {
        "" => "{}".to_owned(),
        payload => payload.to_owned(),
    };
    let expires = expiry(request.at, told.seconds.unwrap_or(LASTS_SECONDS))?;
    let command = NewCommand { name: told.name.trim().to_owned(), payload, expires };
    let given = seen.app.journal().devices().give_command(&device.serial, &command, &request).await;
    match given {
        Ok(_) => {
            let path = format!("/fleet/devices/{}/commands", device.serial);
            Ok(Redirect::to(&path).into_response())
        }
        // What was typed isn't lost.
        Err(error @ (CommandError::Name | CommandError::Payload | CommandError::Expired)) => {
            let page = page(&seen, &device, &told, Some(&error.to_string())).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(refused(error)),
    }
}
