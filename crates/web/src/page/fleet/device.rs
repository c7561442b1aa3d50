//! `/fleet/devices/SERIAL`: one device: what it is, what it was, and what happened to it.

use axum::Form;
use axum::extract::{Path, Query};
use axum::response::{Html, Redirect};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use longlead_records::devices::{
    Attribute, Device, DeviceEvent, DeviceEventKind, DeviceVersion, EventChange, Serial,
};
use longlead_records::people::OrganisationId;
use maud::{Markup, html};
use serde::Deserialize;

use super::telemetry::{self, Change, Span};
use super::{FleetNames, capitalised, problem, request, state};
use crate::app::App;
use crate::layout::{self, Page, csrf};
use crate::problem::Problem;
use crate::reader::{Reader, Seen};
use crate::rights::Needs;
use crate::ui;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// Whether what later changes have replaced is shown.
    #[serde(default)]
    replaced: Option<String>,
    /// How far back charts reach: `day`, `week` or `all`.
    #[serde(default)]
    window: Option<String>,
}

/// A device that the reader may see.
pub(crate) async fn device_of(app: &App, reader: &Reader, serial: &str) -> Result<Device, Problem> {
    let missing = || Problem::not_found("There is no such device, or it isn't your organisation's");
    let serial: Serial = serial.parse().map_err(|_| missing())?;
    let device = app.journal().devices().device(&serial).await?;
    let may_see =
        |device: &Device| reader.only_owner().is_none_or(|own| device.facts.owner() == Some(own));
    device.filter(may_see).ok_or_else(missing)
}

/// The versions of a device that the reader may see: partners, those while it was theirs.
pub(crate) async fn versions_of(
    app: &App,
    reader: &Reader,
    device: &Device,
    with_replaced: bool,
) -> Result<Vec<DeviceVersion>, Problem> {
    let mut versions = app.journal().devices().versions(&device.serial, with_replaced).await?;
    if let Some(own) = reader.only_owner() {
        versions.retain(|version| version.facts.owner() == Some(own));
    }
    Ok(versions)
}

/// The events of a device that the reader may see: partners, those since it is theirs.
pub(crate) async fn events_of(
    app: &App,
    reader: &Reader,
    device: &Device,
) -> Result<Vec<DeviceEvent>, Problem> {
    let mut events = app.journal().devices().events(&device.serial).await?;
    if let Some(own) = reader.only_owner() {
        let since = owned_since(app, device, own).await?;
        events.retain(|event| since.is_some_and(|since| event.at >= since));
    }
    Ok(events)
}

async fn owned_since(
    app: &App,
    device: &Device,
    own: OrganisationId,
) -> Result<Option<Timestamp>, Problem> {
    let versions = app.journal().devices().versions(&device.serial, false).await?;
    // The newest first: back to where it was another's.
    let owned = versions.iter().take_while(|version| version.facts.owner() == Some(own));
    Ok(owned.last().map(|version| version.since))
}

pub(crate) async fn show(
    seen: Seen,
    Path(serial): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    let with_replaced = asked.replaced.is_some();
    let versions = versions_of(&seen.app, &seen.reader, &device, with_replaced).await?;
    let events = events_of(&seen.app, &seen.reader, &device).await?;
    let identity = seen.app.journal().devices().identity(&device.serial).await?;
    let names = FleetNames::of(&seen).await?;
    let may_edit = Needs::EditFleet.met_by(seen.reader.user.role);
    let span = Span::named(asked.window.as_deref());
    let sent = telemetry::of_device(&seen, device.serial.as_str(), span, &versions).await?;
    let main = html! {
        section.card { (facts(&device, &names)) }
        p.toolbar {
            span.muted { (super::identity::standing(&identity, seen.app.now())) }
            a.button.small href={ "/fleet/devices/" (device.serial) "/identity" } { "Identity" }
            " "
            a.button.small href={ "/fleet/devices/" (device.serial) "/commands" } { "Commands" }
        }
        section {
            h2 { "What happened" }
            (timeline(&seen, &device, &moments(&events, &versions), &names, may_edit))
            @if may_edit { (event_form(&seen, &device)) }
        }
        (sent)
        section {
            h2 { "What it was" }
            (history(&versions, &names))
            p.toolbar {
                @let path = format!("/fleet/devices/{}", device.serial);
                @if with_replaced { a.button.small.quiet href=(path) { "Hide what was replaced" } }
                @else { a.button.small.quiet href={ (path) "?replaced=yes" } { "Show what later changes have replaced" } }
            }
        }
    };
    let lede = html! {
        (capitalised(device.state.map_or("registered", DeviceEventKind::as_str)))
        @if let Some(at) = device.state_at { " since " (ui::instant(at)) }
        "."
    };
    let title = format!("Device {}", device.serial);
    let page = Page {
        title: &title,
        section: "/fleet",
        lede: Some(lede),
        tools: html! { a.button.quiet href="/fleet" { "All devices" } },
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

fn facts(device: &Device, names: &FleetNames<'_>) -> Markup {
    html! {
        dl.facts {
            dt { "Serial number" } dd.mono { (device.serial) }
            dt { "State" } dd { (state(device)) }
            @for attribute in Attribute::ALL {
                dt { (capitalised(attribute.as_str())) }
                dd { (fact(device, *attribute, names)) }
            }
            dt { "Unchanged since" } dd { (ui::instant(device.since)) }
        }
    }
}

/// A fact, which leads to what it names.
fn fact(device: &Device, attribute: Attribute, names: &FleetNames<'_>) -> Markup {
    let shown = names.fact(&device.facts, attribute);
    let Some(value) = device.facts.get(attribute) else {
        return shown;
    };
    let path = match attribute {
        Attribute::Revision => format!("/hardware/{value}"),
        Attribute::Gateway => format!("/fleet/devices/{value}"),
        Attribute::Product | Attribute::Build | Attribute::Market => {
            format!("/records/{attribute}/{value}")
        }
        Attribute::Lot | Attribute::Carrier | Attribute::Firmware | Attribute::Owner => {
            let query = serde_urlencoded::to_string([(attribute.as_str(), value)]);
            format!("/fleet?{}", query.unwrap_or_default())
        }
    };
    html! { a href=(path) { (shown) } }
}

/// Something on the timeline of a device.
enum Moment<'a> {
    Event(&'a DeviceEvent),
    Change(Change<'a>),
}

impl Moment<'_> {
    fn at(&self) -> Timestamp {
        match self {
            Moment::Event(event) => event.at,
            Moment::Change(change) => change.at,
        }
    }
}

/// What happened to a device, and what became of its firmware and revision, the latest first.
fn moments<'a>(events: &'a [DeviceEvent], versions: &'a [DeviceVersion]) -> Vec<Moment<'a>> {
    let changes = telemetry::changes(versions).into_iter().map(Moment::Change);
    let mut moments: Vec<Moment<'a>> = events.iter().map(Moment::Event).chain(changes).collect();
    moments.sort_by_key(|it| std::cmp::Reverse(it.at()));
    moments
}

fn timeline(
    seen: &Seen,
    device: &Device,
    moments: &[Moment<'_>],
    names: &FleetNames<'_>,
    may_edit: bool,
) -> Markup {
    html! {
        @if moments.is_empty() {
            p.muted { "Nothing is recorded of it yet: when it was made, shipped, put into use, or failed." }
        } @else {
            div.scroll { table.data {
                caption.visually-hidden { "What happened to the device, the latest first" }
                thead { tr {
                    th scope="col" { "When (UTC)" } th scope="col" { "What" } th scope="col" { "Cause" }
                    th scope="col" { "Source" } th scope="col" { "Note" } th scope="col" { "Recorded by" }
                    @if may_edit { th scope="col" { span.visually-hidden { "Strike out" } } }
                } }
                tbody { @for moment in moments {
                    @match moment {
                        Moment::Event(event) => { (event_row(seen, device, event, may_edit)) }
                        Moment::Change(change) => { (change_row(change, names, may_edit)) }
                    }
                } }
            } }
        }
    }
}

fn event_row(seen: &Seen, device: &Device, event: &DeviceEvent, may_edit: bool) -> Markup {
    html! {
        tr.muted[event.is_retracted] {
            td.nowrap { (ui::instant(event.at)) }
            th scope="row" { @if event.is_retracted { s { (event.kind) } " (struck out)" } @else { (event.kind) } }
            td { (event.cause.as_deref().unwrap_or_default()) }
            td { (event.source.as_deref().unwrap_or_default()) }
            td.wide { (event.note.as_deref().unwrap_or_default()) }
            td { (event.by.who_name) ", " (ui::instant(event.by.at)) }
            @if may_edit { td {
                @if !event.is_retracted {
                    form method="post" action={ "/fleet/devices/" (device.serial) "/retract" } {
                        (csrf(&seen.reader))
                        input type="hidden" name="event" value=(event.id);
                        button.button.small.quiet { "Strike out" }
                    }
                }
            } }
        }
    }
}

fn change_row(change: &Change<'_>, names: &FleetNames<'_>, may_edit: bool) -> Markup {
    let by = &change.version.by;
    html! {
        tr {
            td.nowrap { (ui::instant(change.at)) }
            th scope="row" { "new " (change.attribute) }
            td {}
            td {}
            td.wide {
                (names.fact(&change.version.facts, change.attribute))
                @if let Some(from) = change.from { ", before " (names.value_of(change.attribute, from)) }
            }
            td { (by.who_name) ", " (ui::instant(by.at)) }
            @if may_edit { td {} }
        }
    }
}

fn event_form(seen: &Seen, device: &Device) -> Markup {
    let now = seen.app.now().to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M").to_string();
    html! {
        details {
            summary { "Record what happened" }
            form.edit method="post" action={ "/fleet/devices/" (device.serial) "/events" } {
                (csrf(&seen.reader))
                div.field {
                    label for="kind" { "What" }
                    select #kind name="kind" required {
                        @for kind in DeviceEventKind::ALL { option value=(kind) { (kind) " – " (kind.doc()) } }
                    }
                }
                div.field {
                    label for="at" { "When (UTC)" }
                    input #at type="datetime-local" name="at" required value=(now) max=(now);
                }
                div.field {
                    label for="cause" { "Cause" }
                    input #cause name="cause" maxlength="120";
                    p.hint { "In a word that can be counted: battery, water, firmware." }
                }
                div.field {
                    label for="source" { "Source" }
                    input #source name="source" maxlength="120";
                    p.hint { "Who or what says so: a customer, a test station, the number of a return." }
                }
                div.field { label for="note" { "Note" } textarea #note name="note" rows="3" maxlength="2000" {} }
                div.form-actions { button.button.primary { "Record" } }
            }
        }
    }
}

fn history(versions: &[DeviceVersion], names: &FleetNames<'_>) -> Markup {
    html! {
        div.scroll { table.data {
            caption.visually-hidden { "What was true of the device, the newest first" }
            thead { tr {
                th scope="col" { "From (UTC)" } th scope="col" { "Until (UTC)" }
                @for attribute in Attribute::ALL { th scope="col" { (capitalised(attribute.as_str())) } }
                th scope="col" { "Said by" }
            } }
            tbody { @for version in versions {
                tr.muted[version.is_superseded] {
                    td.nowrap { (ui::instant(version.since)) }
                    td.nowrap {
                        @if version.is_superseded { "replaced" }
                        @else if let Some(until) = version.until { (ui::instant(until)) }
                        @else { "now" }
                    }
                    @for attribute in Attribute::ALL {
                        @let shown = names.fact(&version.facts, *attribute);
                        td { @if version.said.contains(attribute) { strong { (shown) } } @else { (shown) } }
                    }
                    td {
                        (version.by.who_name)
                        small { (ui::instant(version.by.at)) }
                        @if let Some(why) = &version.by.why { small { (why) } }
                    }
                }
            } }
        } }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewEvent {
    kind: String,
    at: String,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
}

pub(crate) async fn add_event(
    seen: Seen,
    Path(serial): Path<String>,
    Form(told): Form<NewEvent>,
) -> Result<Redirect, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    let kind = told.kind.parse().map_err(|_| Problem::bad_request("There is no such event"))?;
    let at = told.at.parse::<DateTime>().and_then(|at| at.to_zoned(TimeZone::UTC));
    let at = at.map_err(|_| Problem::bad_request("It isn't said when"))?.timestamp();
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let event = EventChange {
        serial: device.serial.clone(),
        kind,
        at,
        cause: text(&told.cause),
        source: text(&told.source),
        note: text(&told.note),
    };
    let request = request(&seen.reader, &seen.app, None, "page")?;
    let devices = seen.app.journal().devices();
    devices.record_events(&request, &[event]).await.map_err(problem)?;
    Ok(Redirect::to(&format!("/fleet/devices/{}", device.serial)))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Retracted {
    event: i64,
}

pub(crate) async fn retract(
    seen: Seen,
    Path(serial): Path<String>,
    Form(told): Form<Retracted>,
) -> Result<Redirect, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    let request = request(&seen.reader, &seen.app, None, "page")?;
    let devices = seen.app.journal().devices();
    devices.retract_event(&device.serial, told.event, &request).await.map_err(problem)?;
    Ok(Redirect::to(&format!("/fleet/devices/{}", device.serial)))
}
