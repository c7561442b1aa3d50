//! `/fleet/import`: a file of devices or events, previewed, then applied.

use std::sync::Arc;

use axum::Form;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, Path};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use longlead_records::devices::{
    Applied, Attribute, DEVICE_COLUMNS, EVENT_COLUMNS, ImportError, ImportKind, ImportPreview,
    PreviewedDevice,
};
use longlead_records::people::AuditEvent;
use maud::{Markup, html};
use serde::Deserialize;

use super::{capitalised, diagnostic, request};
use crate::app::App;
use crate::layout::{self, Page, csrf};
use crate::page::hardware::figure::count;
use crate::problem::Problem;
use crate::reader::{Reader, Seen};
use crate::ui;

pub(crate) async fn form(seen: Seen) -> Html<String> {
    let main = html! {
        form.edit method="post" action="/fleet/import" enctype="multipart/form-data" {
            (csrf(&seen.reader))
            div.field {
                label for="kind" { "The file tells of" }
                select #kind name="kind" {
                    @for kind in ImportKind::ALL { option value=(kind) { (kind) " – " (kind.doc()) } }
                }
            }
            div.field {
                label for="since" { "True since" }
                input #since type="date" name="since";
                p.hint { "For lines of devices that don't say it themselves in a column " code { "since" } ". Empty: from now on." }
            }
            div.field {
                label for="file" { "CSV file" }
                input #file type="file" name="file" accept=".csv,text/csv" required;
            }
            div.form-actions { button.button.primary { "Upload and compare" } }
        }
        section.card {
            h2 { "What a file looks like" }
            p { "Its first line names the columns, in any order. Columns that aren't there leave what is known as it is; an empty cell says that it isn't known." }
            p { "Devices: " code { (DEVICE_COLUMNS.join(",")) } }
            pre { "serial,revision,lot,market,firmware,since\nCT-000001,tracker-b,2026-14,eu,1.4.2,2026-05-04\n" }
            p { "Events: " code { (EVENT_COLUMNS.join(",")) } }
            pre { "serial,event,at,cause\nCT-000001,failed,2026-09-30T14:05:00Z,battery\n" }
            p.muted { "Revisions, builds and markets must stand in the records, owners under People. Nothing is changed before you have seen what would change." }
        }
    };
    let lede =
        html! { "Bring devices, or what happened to them, from a spreadsheet or the factory." };
    framed(&seen, "Import devices", lede, main)
}

fn framed(seen: &Seen, title: &str, lede: Markup, main: Markup) -> Html<String> {
    let tools = html! { a.button.quiet href="/fleet" { "Fleet" } };
    layout::page(
        seen,
        &Page { title, section: "/fleet", lede: Some(lede), tools, main, live: false },
    )
}

fn unreadable(error: MultipartError) -> Problem {
    Problem::new(error.status(), "unreadable-upload", error.body_text())
}

pub(crate) async fn upload(seen: Seen, mut body: Multipart) -> Result<Redirect, Problem> {
    let (mut kind, mut since) = (ImportKind::Devices, None);
    while let Some(field) = body.next_field().await.map_err(unreadable)? {
        match field.name() {
            Some("kind") => {
                let word = field.text().await.map_err(unreadable)?;
                kind = word.parse().map_err(|_| Problem::bad_request("There is no such file"))?;
            }
            Some("since") => since = day(&field.text().await.map_err(unreadable)?)?,
            Some("file") => {
                let preview = taken_in(&seen, kind, since, field).await?;
                return Ok(Redirect::to(&format!("/fleet/import/{}", preview.id)));
            }
            _ => {}
        }
    }
    Err(Problem::bad_request("No file was sent").detail("Choose a file first."))
}

/// The beginning of a day in UTC.
fn day(text: &str) -> Result<Option<Timestamp>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let day = text.trim().parse::<Date>().and_then(|day| day.to_zoned(TimeZone::UTC));
    let day = day.map_err(|_| Problem::bad_request("`since` must be a day: 2027-03-01"))?;
    Ok(Some(day.timestamp()))
}

async fn taken_in(
    seen: &Seen,
    kind: ImportKind,
    since: Option<Timestamp>,
    mut field: Field<'_>,
) -> Result<ImportPreview, Problem> {
    let name: String = field.file_name().unwrap_or("file.csv").chars().take(100).collect();
    let request = request(&seen.reader, &seen.app, None, &name)?;
    let bundle = Arc::clone(&seen.app.journal().current().bundle);
    let devices = seen.app.journal().devices();
    let mut import = devices.begin_import(kind, bundle, &request, since).await?;
    while let Some(piece) = field.chunk().await.map_err(unreadable)? {
        import.feed(&piece).await?;
    }
    Ok(import.finish().await?)
}

/// The preview of a file that is still there.
pub(crate) async fn preview_of(app: &App, import: &str) -> Result<ImportPreview, Problem> {
    let missing = || {
        let problem = Problem::not_found("There is no such preview, or no more");
        problem.detail("Previews are kept for a day: send the file again.")
    };
    let id = import.parse().map_err(|_| missing())?;
    app.journal().devices().preview(id).await?.ok_or_else(missing)
}

pub(crate) async fn preview(
    seen: Seen,
    Path(import): Path<String>,
) -> Result<Html<String>, Problem> {
    let preview = preview_of(&seen.app, &import).await?;
    Ok(previewed(&seen, &preview, None))
}

fn previewed(seen: &Seen, preview: &ImportPreview, told: Option<&Problem>) -> Html<String> {
    let main = html! {
        @if let Some(told) = told {
            div.notice.bad role="alert" {
                p { (told.title) }
                @if let Some(detail) = &told.detail { p { (detail) } }
                (ui::diagnostics(&told.diagnostics))
            }
        }
        (figures(preview))
        @if !preview.refusals.is_empty() { (refusals(preview)) }
        @if !preview.examples.is_empty() { (examples(preview)) }
        @if let Some(change) = preview.applied {
            p.notice.good { "This file was applied, as change " (change) " of the registry. " a href="/fleet" { "Look at the fleet" } }
        } @else { (actions(seen, preview)) }
    };
    let lede =
        html! { "What " strong { (preview.name) } " would change. Nothing has been changed yet." };
    let applied = html! { strong { (preview.name) } " was applied." };
    let lede = if preview.applied.is_some() { applied } else { lede };
    framed(seen, "Import devices", lede, main)
}

fn figures(preview: &ImportPreview) -> Markup {
    let figures = [
        ("New", preview.added),
        ("Changed", preview.changed),
        ("Unchanged", preview.unchanged),
        ("Refused", preview.refused),
    ];
    html! {
        @if preview.applied.is_none() {
            section.card { dl.facts {
                dt { "File" } dd { (preview.name) ", " (preview.kind) }
                @for (label, figure) in figures { dt { (label) } dd.num { (count(figure)) } }
            } }
        }
    }
}

fn refusals(preview: &ImportPreview) -> Markup {
    let told: Vec<_> =
        preview.refusals.iter().map(|refusal| diagnostic(refusal, &preview.name)).collect();
    html! {
        section {
            h2 { "Refused lines" }
            @if preview.refused as usize > told.len() { p.muted { "The first of them." } }
            (ui::diagnostics(&told))
        }
    }
}

fn examples(preview: &ImportPreview) -> Markup {
    let row = |device: &PreviewedDevice| {
        html! {
            @for (attribute, before, after) in &device.changes {
                tr {
                    td.num { (device.line) }
                    th scope="row" { a.mono href={ "/fleet/devices/" (device.serial) } { (device.serial) } }
                    td { (capitalised(attribute.as_str())) }
                    td { (value(*attribute, before.as_deref())) }
                    td { (value(*attribute, after.as_deref())) }
                    td.nowrap {
                        (ui::instant(device.since))
                        @if device.reaches_back { " " span.badge.risk title="Before the newest that is known of it: what was said later stays" { "reaches back" } }
                    }
                }
            }
        }
    };
    html! {
        section {
            h2 { "Changed devices" }
            @if preview.changed as usize > preview.examples.len() { p.muted { "The first of them." } }
            div.scroll { table.data {
                thead { tr {
                    th.num scope="col" { "Line" } th scope="col" { "Serial number" } th scope="col" { "What" }
                    th scope="col" { "Is" } th scope="col" { "Becomes" } th scope="col" { "Since (UTC)" }
                } }
                tbody { @for device in &preview.examples { (row(device)) } }
            } }
        }
    }
}

fn value(attribute: Attribute, value: Option<&str>) -> Markup {
    match (attribute, value) {
        (_, None) => ui::dash(),
        (Attribute::Owner, Some(number)) => html! { "organisation " (number) },
        (_, Some(value)) => html! { (value) },
    }
}

fn actions(seen: &Seen, preview: &ImportPreview) -> Markup {
    let does_something = preview.added + preview.changed > 0;
    html! {
        @if does_something {
            form.edit method="post" action={ "/fleet/import/" (preview.id) "/apply" } {
                (csrf(&seen.reader))
                input type="hidden" name="token" value=(preview.token);
                div.field { label for="why" { "Why" } input #why name="why" maxlength="500" placeholder="The list of the contract manufacturer"; }
                @if preview.refused > 0 {
                    div.field { label { input type="checkbox" name="leave_out" value="yes" required; " Leave out the " (count(preview.refused)) " refused lines" } }
                }
                div.form-actions { button.button.primary { "Apply" } }
            }
        } @else if preview.refused == 0 {
            p.notice.info { "Nothing would change: all of it is so already." }
        }
        div.toolbar {
            form method="post" action={ "/fleet/import/" (preview.id) "/compare" } { (csrf(&seen.reader)) button.button { "Compare again" } }
            form method="post" action={ "/fleet/import/" (preview.id) "/discard" } { (csrf(&seen.reader)) button.button.quiet { "Discard" } }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Apply {
    token: String,
    #[serde(default)]
    why: String,
    leave_out: Option<String>,
}

pub(crate) async fn apply(
    seen: Seen,
    Path(import): Path<String>,
    Form(told): Form<Apply>,
) -> Result<Response, Problem> {
    let preview = preview_of(&seen.app, &import).await?;
    let leave_out = told.leave_out.is_some();
    let why = Some(told.why.as_str());
    let applied = applied(&seen.app, &seen.reader, &preview, &told.token, leave_out, why).await;
    match applied {
        Ok(_) => Ok(Redirect::to("/fleet").into_response()),
        Err(problem) if problem.status == StatusCode::INTERNAL_SERVER_ERROR => Err(problem),
        Err(problem) => {
            let page = previewed(&seen, &preview, Some(&problem));
            Ok((problem.status, page).into_response())
        }
    }
}

/// Applies a file as it was previewed.
pub(crate) async fn applied(
    app: &App,
    reader: &Reader,
    preview: &ImportPreview,
    token: &str,
    leave_out: bool,
    why: Option<&str>,
) -> Result<Applied, Problem> {
    let request = request(reader, app, why, &preview.name)?;
    let bundle = Arc::clone(&app.journal().current().bundle);
    let devices = app.journal().devices();
    let (id, token) = (preview.id, token.to_owned());
    // A large file may outlast the patience of a request: it's then applied all the same, and the
    // page of the file says so.
    let applied = tokio::spawn(async move {
        devices.apply_import(id, &token, leave_out, &bundle, &request).await
    });
    let applied = applied.await.map_err(|error| Problem::internal(&error))?;
    let applied = applied.map_err(|error| problem(error, &preview.name))?;
    let detail = format!("{} of the fleet from {}", preview.kind, preview.name);
    let by = reader.by(app.now());
    app.people().append_audit(&by, AuditEvent::Exchanged, &detail).await?;
    Ok(applied)
}

/// Why a file wasn't applied.
pub(crate) fn problem(error: ImportError, file: &str) -> Problem {
    let title = capitalised(&error.to_string());
    let conflict = |code| Problem::new(StatusCode::CONFLICT, code, title.clone());
    match error {
        ImportError::Gone => Problem::not_found(title),
        ImportError::Renewed => conflict("conflict").detail("Apply what it shows."),
        ImportError::Applied(change) => {
            conflict("conflict").detail(format!("It is change {change} of the registry."))
        }
        ImportError::Refused => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = Problem::new(status, "invalid", title);
            problem.detail("Mend them and send the file again, or say that they are left out.")
        }
        ImportError::Conflict(serials) => {
            let named: Vec<&str> = serials.iter().take(5).map(|it| it.as_str()).collect();
            let detail = format!("Among them {}. Compare the file again.", named.join(", "));
            conflict("conflict").detail(detail)
        }
        ImportError::Product(refusals) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let told = refusals.iter().map(|refusal| diagnostic(refusal, file));
            Problem::new(status, "invalid", title).diagnostics(told.collect())
        }
        ImportError::Store(error) => error.into(),
    }
}

pub(crate) async fn compare(seen: Seen, Path(import): Path<String>) -> Result<Redirect, Problem> {
    let preview = preview_of(&seen.app, &import).await?;
    seen.app.journal().devices().compare_again(preview.id).await?;
    Ok(Redirect::to(&format!("/fleet/import/{}", preview.id)))
}

pub(crate) async fn discard(seen: Seen, Path(import): Path<String>) -> Result<Redirect, Problem> {
    let preview = preview_of(&seen.app, &import).await?;
    seen.app.journal().devices().discard_import(preview.id).await?;
    Ok(Redirect::to("/fleet/import"))
}
