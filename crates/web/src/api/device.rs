//! `/api/v1/devices` and `/api/v1/fleet`: the devices in the field.

pub(crate) mod import;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use longlead_records::devices::{
    Applied, Attribute, ChangedBy, Device, DeviceChange, DeviceEvent, DeviceVersion, EventChange,
    Facet, Facts, Serial,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::api::answer;
use crate::api::json::{JsonBody, decode, unprocessable};
use crate::api::operation::{
    Answer, Body, Header, JSON, Operation, Parameter, Tag, body_of, line, of,
};
use crate::api::precondition::is_current;
use crate::api::query::{Named, Query};
use crate::api::record::{IF_NONE_MATCH, LIMIT};
use crate::app::App;
use crate::page::fleet::device::{device_of, events_of, versions_of};
use crate::page::fleet::{filter_of, problem, request};
use crate::problem::Problem;
use crate::reader::Reader;

/// What is true of a device: what isn't known is left out.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceFacts {
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    product: Option<Option<String>>,
    /// The hardware revision.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    revision: Option<Option<String>>,
    /// The build.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    build: Option<Option<String>>,
    /// The lot of the build.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    lot: Option<Option<String>>,
    /// The market.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    market: Option<Option<String>>,
    /// The carrier.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    carrier: Option<Option<String>>,
    /// The firmware.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    firmware: Option<Option<String>>,
    /// The number of the organisation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    owner: Option<Option<String>>,
    /// The serial number of the device through which it speaks.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "told")]
    gateway: Option<Option<String>>,
}

/// Null is something that was told: that it isn't known.
fn told<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(from).map(Some)
}

impl DeviceFacts {
    fn of(facts: &Facts) -> DeviceFacts {
        let told = |attribute| facts.get(attribute).map(|text| Some(text.to_owned()));
        DeviceFacts {
            product: told(Attribute::Product),
            revision: told(Attribute::Revision),
            build: told(Attribute::Build),
            lot: told(Attribute::Lot),
            market: told(Attribute::Market),
            carrier: told(Attribute::Carrier),
            firmware: told(Attribute::Firmware),
            owner: told(Attribute::Owner),
            gateway: told(Attribute::Gateway),
        }
    }

    fn given(self) -> (Facts, Vec<Attribute>) {
        let told = [
            (Attribute::Product, self.product),
            (Attribute::Revision, self.revision),
            (Attribute::Build, self.build),
            (Attribute::Lot, self.lot),
            (Attribute::Market, self.market),
            (Attribute::Carrier, self.carrier),
            (Attribute::Firmware, self.firmware),
            (Attribute::Owner, self.owner),
            (Attribute::Gateway, self.gateway),
        ];
        let (mut facts, mut given) = (Facts::default(), Vec::new());
        for (attribute, value) in told {
            if let Some(value) = value {
                given.push(attribute);
                facts.set(attribute, value);
            }
        }
        (facts, given)
    }
}

/// A device as it is today.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Device")]
struct DeviceBody {
    /// Its serial number.
    serial: String,
    /// What is true of it.
    facts: DeviceFacts,
    /// Since when these facts are true together, in UTC.
    since: String,
    /// What happened to it last; null where nothing is recorded.
    state: Option<String>,
    /// When that was, in UTC.
    state_at: Option<String>,
    /// The number of its newest version.
    version: u64,
}

fn device_body(device: &Device) -> DeviceBody {
    DeviceBody {
        serial: device.serial.to_string(),
        facts: DeviceFacts::of(&device.facts),
        since: device.since.to_string(),
        state: device.state.map(|state| state.as_str().to_owned()),
        state_at: device.state_at.map(|at| at.to_string()),
        version: device.version,
    }
}

/// A page of devices, by serial number.
#[derive(Debug, Serialize, JsonSchema)]
struct DevicePage {
    items: Vec<DeviceBody>,
    /// `after` of the next page; null on the last.
    next: Option<String>,
}

const Q: Parameter = Parameter::new("q", line, "The beginning of the serial number.");
const AFTER: Parameter =
    Parameter::new("after", serial_schema, "`next` of the page before, as it was answered.");
const OF_PRODUCT: Parameter = Parameter::new("product", line, "Of this product.");
const OF_REVISION: Parameter = Parameter::new("revision", line, "Of this hardware revision.");
const OF_FIRMWARE: Parameter = Parameter::new("firmware", line, "With this firmware.");
const OF_MARKET: Parameter = Parameter::new("market", line, "Of this market.");
const OF_CARRIER: Parameter = Parameter::new("carrier", line, "Of this carrier.");
const OF_STATE: Parameter = Parameter::new("state", line, "In this state, or `registered`.");
const OF_OWNER: Parameter = Parameter::new("owner", line, "Of the organisation of this number.");
const OF_BUILD: Parameter = Parameter::new("build", line, "Of this build.");
const OF_LOT: Parameter = Parameter::new("lot", line, "Of this lot.");
const OF_GATEWAY: Parameter = Parameter::new("gateway", line, "That speak through this device.");

fn serial_schema() -> Json {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]*$", "maxLength": 64 })
}

pub(crate) const LIST: Operation = Operation {
    id: "listDevices",
    tag: Tag::Fleet,
    summary: "List devices",
    description: "By serial number. An empty value of a filter asks for devices of which it isn't \
                  known. Partners see the devices of their organisation.",
    query: &[
        Q,
        OF_PRODUCT,
        OF_REVISION,
        OF_FIRMWARE,
        OF_MARKET,
        OF_CARRIER,
        OF_STATE,
        OF_OWNER,
        OF_BUILD,
        OF_LOT,
        OF_GATEWAY,
        AFTER,
        LIMIT,
    ],
    answers: &[Answer::new(200, "A page of devices.", of::<DevicePage>)],
    ..Operation::NEW
};

pub(crate) async fn list(
    State(app): State<App>,
    reader: Reader,
    query: Query,
) -> Result<Response, Problem> {
    let limit = query.limit()?;
    if query.one("after")? == Some("") {
        return Err(Problem::bad_request("`after` must be a serial number"));
    }
    let filter = filter_of(&reader, &query.0)?;
    let more = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let mut devices = app.journal().devices().list(&filter, more).await?;
    let has_more = devices.len() > limit;
    devices.truncate(limit);
    let next = devices.last().filter(|_| has_more).map(|last| last.serial.to_string());
    let items = devices.iter().map(device_body).collect();
    Ok(answer::json(StatusCode::OK, &DevicePage { items, next }))
}

/// How many devices there are.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetCounts {
    /// All that the filter lets through.
    total: u64,
    /// For each facet its values with their counts, most first. A facet that is filtered by counts
    /// what the other facets let through.
    by: BTreeMap<String, Vec<FleetCount>>,
}

/// How many devices have a value.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetCount {
    /// The value; empty where it isn't known.
    value: String,
    /// How many.
    devices: u64,
}

pub(crate) const COUNTS: Operation = Operation {
    id: "countDevices",
    tag: Tag::Fleet,
    summary: "Count devices",
    description: "By product, revision, firmware, market, carrier, state and owner.",
    query: &[
        Q,
        OF_PRODUCT,
        OF_REVISION,
        OF_FIRMWARE,
        OF_MARKET,
        OF_CARRIER,
        OF_STATE,
        OF_OWNER,
        OF_BUILD,
        OF_LOT,
        OF_GATEWAY,
    ],
    answers: &[Answer::new(200, "The counts.", of::<FleetCounts>)],
    ..Operation::NEW
};

pub(crate) async fn counts(
    State(app): State<App>,
    reader: Reader,
    query: Query,
) -> Result<Response, Problem> {
    let filter = filter_of(&reader, &query.0)?;
    let counts = app.journal().devices().counts(&filter).await?;
    let of_facet = |(facet, values): (Facet, Vec<(String, u64)>)| {
        let values = values.into_iter().map(|(value, devices)| FleetCount { value, devices });
        (facet.as_str().to_owned(), values.collect())
    };
    let by = counts.by.into_iter().map(of_facet).collect();
    Ok(answer::json(StatusCode::OK, &FleetCounts { total: counts.total, by }))
}

const AT: Parameter = Parameter::new(
    "at",
    || json!({ "type": "string", "format": "date-time" }),
    "What was true at this instant, instead of what is today.",
);

pub(crate) const SHOW: Operation = Operation {
    id: "getDevice",
    tag: Tag::Fleet,
    summary: "Read a device",
    description: "As it is today, or with `at` what was true of it then. There is no state for \
                  the past: that follows from the events.",
    query: &[AT],
    headers: &[IF_NONE_MATCH],
    answers: &[
        Answer::new(200, "The device.", of::<DeviceBody>).with(&[Header::ETag]),
        Answer::empty(304, "Nothing has changed since `If-None-Match`."),
    ],
    refusals: &[(404, "There is no such device, or it wasn't known then.")],
    ..Operation::NEW
};

pub(crate) async fn show(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut device = device_of(&app, &reader, &serial).await?;
    if let Some(at) = query.parsed::<Timestamp>("at", "an instant: 2027-03-01T09:30:00Z")? {
        let versions = versions_of(&app, &reader, &device, false).await?;
        let held = versions.into_iter().find(|version| version.since <= at);
        let held = held.filter(|version| version.until.is_none_or(|until| at < until));
        let missing = || Problem::not_found("Nothing is known of this device at that instant");
        let held = held.ok_or_else(missing)?;
        (device.facts, device.since, device.version) = (held.facts, held.since, held.number);
        (device.state, device.state_at) = (None, None);
    }
    let state_us = device.state_at.map_or(0, Timestamp::as_microsecond);
    let tag = format!("\"{}-{state_us}\"", device.version);
    let mut response = match is_current(&headers, &tag)? {
        true => answer::not_modified(&tag),
        false => answer::json(StatusCode::OK, &device_body(&device)),
    };
    answer::set(&mut response, header::ETAG, &tag);
    Ok(response)
}

/// Who changed something of a device, when and why.
#[derive(Debug, Serialize, JsonSchema)]
struct Said {
    /// The number of the change.
    change: i64,
    /// When, in UTC.
    at: String,
    /// Who.
    who: String,
    /// Why, if they said.
    why: Option<String>,
    /// From where: `api`, `page`, or the name of a file.
    origin: String,
}

fn said(by: &ChangedBy) -> Said {
    Said {
        change: by.change,
        at: by.at.to_string(),
        who: by.who_name.clone(),
        why: by.why.clone(),
        origin: by.origin.clone(),
    }
}

/// What was true of a device from one instant until another.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeviceVersion")]
struct VersionBody {
    /// Its number; later written versions have higher ones.
    number: u64,
    /// The first instant, in UTC.
    since: String,
    /// The first instant at which it's true no more; null for the newest.
    until: Option<String>,
    /// What was true.
    facts: DeviceFacts,
    /// The facts that were said with it.
    said: Vec<String>,
    /// Whether a later change that reaches back has replaced it.
    replaced: bool,
    /// Who said it.
    by: Said,
}

/// The versions of a device.
#[derive(Debug, Serialize, JsonSchema)]
struct Versions {
    /// The newest first.
    items: Vec<VersionBody>,
}

pub(crate) const VERSIONS: Operation = Operation {
    id: "listDeviceVersions",
    tag: Tag::Fleet,
    summary: "Read what a device was",
    description: "The newest first. `replaced=true` tells of what later changes have replaced, too.",
    query: &[REPLACED],
    answers: &[Answer::new(200, "The versions.", of::<Versions>)],
    ..Operation::NEW
};

const REPLACED: Parameter = Parameter::new(
    "replaced",
    crate::api::operation::truth,
    "Whether replaced versions are told, too.",
);

pub(crate) async fn versions(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
    query: Query,
) -> Result<Response, Problem> {
    let replaced = query.parsed("replaced", "true or false")?.unwrap_or(false);
    let device = device_of(&app, &reader, &serial).await?;
    let versions = versions_of(&app, &reader, &device, replaced).await?;
    let body = |version: &DeviceVersion| VersionBody {
        number: version.number,
        since: version.since.to_string(),
        until: version.until.map(|until| until.to_string()),
        facts: DeviceFacts::of(&version.facts),
        said: version.said.iter().map(|it| it.as_str().to_owned()).collect(),
        replaced: version.is_superseded,
        by: said(&version.by),
    };
    let items = versions.iter().map(body).collect();
    Ok(answer::json(StatusCode::OK, &Versions { items }))
}

/// Something that happened to a device.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeviceEvent")]
struct EventBody {
    /// Its number.
    id: i64,
    /// What: `made`, `shipped`, `activated`, `failed`, `returned`, `repaired` or `retired`.
    event: String,
    /// When, in UTC.
    at: String,
    /// Why, in a word that can be counted.
    cause: Option<String>,
    /// Who or what says so.
    source: Option<String>,
    /// Anything else.
    note: Option<String>,
    /// Whether it was struck out since.
    retracted: bool,
    /// Who recorded it.
    by: Said,
}

/// What happened to a device.
#[derive(Debug, Serialize, JsonSchema)]
struct Events {
    /// The latest first.
    items: Vec<EventBody>,
}

pub(crate) const EVENTS: Operation = Operation {
    id: "listDeviceEvents",
    tag: Tag::Fleet,
    summary: "Read what happened to a device",
    description: "The latest first, with what has been struck out.",
    answers: &[Answer::new(200, "The events.", of::<Events>)],
    ..Operation::NEW
};

pub(crate) async fn events(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
) -> Result<Response, Problem> {
    let device = device_of(&app, &reader, &serial).await?;
    let events = events_of(&app, &reader, &device).await?;
    let body = |event: &DeviceEvent| EventBody {
        id: event.id,
        event: event.kind.as_str().to_owned(),
        at: event.at.to_string(),
        cause: event.cause.clone(),
        source: event.source.clone(),
        note: event.note.clone(),
        retracted: event.is_retracted,
        by: said(&event.by),
    };
    Ok(answer::json(StatusCode::OK, &Events { items: events.iter().map(body).collect() }))
}

/// What was applied.
#[derive(Debug, Serialize, JsonSchema)]
struct AppliedBody {
    /// The number of the change; null where nothing was to be changed.
    change: Option<i64>,
    /// Devices or events that are new.
    added: u64,
    /// Devices that were there.
    changed: u64,
    /// What was so already.
    unchanged: u64,
}

fn applied_body(applied: Applied) -> AppliedBody {
    let Applied { change, added, changed, unchanged } = applied;
    AppliedBody { change, added, changed, unchanged }
}

/// An event to be recorded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    /// What: `made`, `shipped`, `activated`, `failed`, `returned`, `repaired` or `retired`.
    event: String,
    /// When: an instant with its offset.
    at: Timestamp,
    /// Why, in a word that can be counted.
    #[serde(default)]
    cause: Option<String>,
    /// Who or what says so.
    #[serde(default)]
    source: Option<String>,
    /// Anything else.
    #[serde(default)]
    note: Option<String>,
    /// Why it's recorded, for those who read the history.
    #[serde(default)]
    why: Option<String>,
}

pub(crate) const ADD_EVENT: Operation = Operation {
    id: "addDeviceEvent",
    tag: Tag::Fleet,
    summary: "Record what happened to a device",
    description: "An event that is recorded already isn't recorded again.",
    body: Some(Body {
        media: JSON,
        schema: body_of::<NewEvent>,
        example: || json!({ "event": "failed", "at": "2027-03-01T09:30:00Z", "cause": "battery" }),
    }),
    answers: &[Answer::new(200, "What was recorded.", of::<AppliedBody>)],
    ..Operation::NEW
};

pub(crate) async fn add_event(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let device = device_of(&app, &reader, &serial).await?;
    let told: NewEvent = decoded(body)?;
    let kind =
        told.event.parse().map_err(|error: longlead_records::devices::DeviceEventKindError| {
            unprocessable(&error.to_string())
        })?;
    let NewEvent { at, cause, source, note, why, .. } = told;
    let event = EventChange { serial: device.serial, kind, at, cause, source, note };
    let request = request(&reader, &app, why.as_deref(), "api")?;
    let recorded = app.journal().devices().record_events(&request, &[event]).await;
    Ok(answer::json(StatusCode::OK, &applied_body(recorded.map_err(problem)?)))
}

pub(crate) fn decoded<T: serde::de::DeserializeOwned>(body: Json) -> Result<T, Problem> {
    decode(body, "body")
        .map_err(|told| unprocessable("The body isn't what is expected").diagnostics(vec![told]))
}

/// What is said of devices: all of it holds, or nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceChanges {
    /// Why, for those who read the history.
    #[serde(default)]
    why: Option<String>,
    /// One for each device.
    changes: Vec<ChangeBody>,
}

/// What is said of a device, which is added if it isn't there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// Which.
    serial: String,
    /// Since when it's true; none for now.
    #[serde(default)]
    since: Option<Timestamp>,
    /// What is true; null says that it isn't known, what is left out stays.
    #[serde(default)]
    facts: DeviceFacts,
    /// The version that you saw: another refuses the change. 0 where the device must be new.
    #[serde(default)]
    version: Option<u64>,
}

pub(crate) const CHANGE: Operation = Operation {
    id: "changeDevices",
    tag: Tag::Fleet,
    summary: "Say what devices are",
    description: "Devices that aren't there are added. References are held against the product. A \
                  change that reaches back holds until what was said of a later time.",
    body: Some(Body {
        media: JSON,
        schema: body_of::<DeviceChanges>,
        example: || {
            json!({ "why": "Rolled out", "changes": [
                { "serial": "CT-000001", "since": "2027-03-01T09:30:00Z", "facts": { "firmware": "1.5.0" } },
            ] })
        },
    }),
    answers: &[Answer::new(200, "What was applied.", of::<AppliedBody>)],
    refusals: &[(412, "A device isn't at the version that was named.")],
    ..Operation::NEW
};

pub(crate) async fn change(
    State(app): State<App>,
    reader: Reader,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let told: DeviceChanges = decoded(body)?;
    let request = request(&reader, &app, told.why.as_deref(), "api")?;
    let mut changes = Vec::with_capacity(told.changes.len());
    for change in told.changes {
        let serial = change.serial.parse::<Serial>();
        let serial = serial.map_err(|error| {
            let shown: String = change.serial.chars().take(80).collect();
            unprocessable(&format!("`{shown}`: {error}"))
        })?;
        let (facts, given) = change.facts.given();
        let (since, expected) = (change.since, change.version);
        changes.push(DeviceChange { serial, since, facts, given, expected });
    }
    let bundle = Arc::clone(&app.journal().current().bundle);
    let changed = app.journal().devices().change(&bundle, &request, &changes).await;
    Ok(answer::json(StatusCode::OK, &applied_body(changed.map_err(problem)?)))
}
