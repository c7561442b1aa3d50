//! `/api/v1/devices/SERIAL/commands`: what a device is told to do.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use longlead_records::devices::{DeviceCommand, NewCommand};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::api::answer;
use crate::api::device::decoded;
use crate::api::json::{JsonBody, unprocessable};
use crate::api::operation::{Answer, Body, JSON, Operation, Tag, body_of, of};
use crate::api::query::Named;
use crate::app::App;
use crate::page::fleet::command::{LASTS_SECONDS, LASTS_SECONDS_MAX, expiry, refused};
use crate::page::fleet::device::device_of;
use crate::page::fleet::request;
use crate::problem::Problem;
use crate::reader::Reader;

/// The last commands of a device.
#[derive(Debug, Serialize, JsonSchema)]
struct Commands {
    /// The newest first.
    items: Vec<CommandBody>,
}

/// A command.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeviceCommand")]
struct CommandBody {
    /// Its number.
    id: i64,
    /// What the device is to do.
    name: String,
    /// What it needs to know for that.
    payload: Json,
    /// When it was given, in UTC.
    made: String,
    /// By whom.
    who: String,
    /// Why, if they said.
    why: Option<String>,
    /// Until when it is of use, in UTC.
    expires: String,
    /// What became of it: `queued`, `delivered`, `refused` or `expired`.
    state: String,
    /// Since when, in UTC.
    state_at: String,
}

fn command_body(command: &DeviceCommand) -> CommandBody {
    CommandBody {
        id: command.id,
        name: command.name.clone(),
        payload: serde_json::from_str(&command.payload).unwrap_or(Json::Null),
        made: command.made.to_string(),
        who: command.who_name.clone(),
        why: command.why.clone(),
        expires: command.expires.to_string(),
        state: command.state.as_str().to_owned(),
        state_at: command.state_at.to_string(),
    }
}

pub(crate) const LIST: Operation = Operation {
    id: "listDeviceCommands",
    tag: Tag::Fleet,
    summary: "Read what a device was told to do",
    description: "The last 50 commands with what became of them, the newest first.",
    answers: &[Answer::new(200, "The commands.", of::<Commands>)],
    ..Operation::NEW
};

pub(crate) async fn list(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
) -> Result<Response, Problem> {
    let device = device_of(&app, &reader, &serial).await?;
    let commands = app.journal().devices().commands(&device.serial).await?;
    let items = commands.iter().map(command_body).collect();
    Ok(answer::json(StatusCode::OK, &Commands { items }))
}

/// A command to be given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewBody {
    /// What the device is to do, in a word: letters, digits, `-` and `_`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    name: String,
    /// What it needs to know for that; an empty object where it isn't said.
    #[serde(default)]
    payload: Option<Json>,
    /// For how many seconds it is of use; a week where it isn't said, at most 30 days.
    #[serde(default)]
    #[schemars(range(min = 1, max = 2_592_000))]
    expires_seconds: Option<i64>,
    /// Why, for those who ask later.
    #[serde(default)]
    why: Option<String>,
}

pub(crate) const GIVE: Operation = Operation {
    id: "giveDeviceCommand",
    tag: Tag::Fleet,
    summary: "Tell a device to do something",
    description: "It goes to the topic `c/SERIAL/NAME` by MQTT, and waits for a device that \
                  sleeps until it expires. It may arrive twice where an acknowledgement was lost; \
                  its number is the correlation data.",
    body: Some(Body {
        media: JSON,
        schema: body_of::<NewBody>,
        example: || json!({ "name": "reboot", "payload": { "after": 5 }, "expires_seconds": 86_400 }),
    }),
    answers: &[Answer::new(202, "The command, which waits for the device.", of::<CommandBody>)],
    refusals: &[(409, "Too many commands wait for the device.")],
    ..Operation::NEW
};

pub(crate) async fn give(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let device = device_of(&app, &reader, &serial).await?;
    let told: NewBody = decoded(body)?;
    let seconds = told.expires_seconds.unwrap_or(LASTS_SECONDS);
    if !(1..=LASTS_SECONDS_MAX).contains(&seconds) {
        let told = format!("`expires_seconds` is from 1 to {LASTS_SECONDS_MAX}");
        return Err(unprocessable(&told));
    }
    let request = request(&reader, &app, told.why.as_deref(), "api")?;
    let payload = told.payload.unwrap_or_else(|| json!({})).to_string();
    let command = NewCommand { name: told.name, payload, expires: expiry(request.at, seconds)? };
    let devices = app.journal().devices();
    let id = devices.give_command(&device.serial, &command, &request).await.map_err(refused)?;
    let given = devices.commands(&device.serial).await?;
    let given = given.iter().find(|it| it.id == id);
    let given = given.ok_or_else(|| Problem::not_found("There is no such command"))?;
    Ok(answer::json(StatusCode::ACCEPTED, &command_body(given)))
}
