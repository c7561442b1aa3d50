//! `/data`: the streams that devices send: what was agreed, what came, and how good it is.

pub(crate) mod proposal;
pub(crate) mod quarantine;
pub(crate) mod standing;
pub(crate) mod stream;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Html;
use longlead_model::Kind;
use longlead_stream::{Contract, Contracts};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::hardware::figure::count;
use crate::page::sql::keeper;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::telemetry::{StoredTable, problem};
use crate::ui;
use standing::{HOURS, Standing, objective, standing};

/// The contracts as the product has them now.
pub(crate) fn contracts(seen: &Seen) -> Contracts {
    let snapshot = &seen.outlook.snapshot;
    Contracts::of(&seen.bundle().records, |id| {
        let key = longlead_model::RecordKey::Record(Kind::Contract, id.as_str().to_owned());
        snapshot.version(&key).map_or(0, |it| it.get())
    })
}

/// The contract of a stream, by its own name.
pub(crate) fn contract_of(seen: &Seen, name: &str) -> Result<Arc<Contract>, Problem> {
    let contracts = contracts(seen);
    let contract = contracts.get(name).filter(|it| it.stream() == name);
    contract.cloned().ok_or_else(|| {
        Problem::not_found(format!("No contract for a stream called `{name}`"))
            .detail("Streams that were agreed on stand under Data.")
    })
}

pub(crate) async fn show(seen: Seen) -> Result<Html<String>, Problem> {
    let keeper = keeper(&seen)?;
    let tables = keeper.tables().await.map_err(|error| problem(&error))?;
    let contracts = contracts(&seen);
    let mut standings = Vec::new();
    for contract in contracts.iter() {
        standings.push(standing(&seen, keeper, contract).await?);
    }
    let main = html! {
        div.sections {
            @if standings.is_empty() {
                (ui::empty("No stream is agreed on", "A contract says what a stream holds, in which units, and how often. What comes without one waits in quarantine.", Some(("/records/contract/new", "Write a contract"))))
            } @else { (streams(&standings, &tables)) }
            (quarantine::of_all(keeper, &contracts).await?)
        }
    };
    let page = Page {
        title: "Data",
        section: "/data",
        lede: Some(lede(&standings)),
        tools: html! { a.button href="/sql" { "SQL" } a.button href="/records/contract/new" { "Add a contract" } },
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

fn lede(standings: &[Arc<Standing>]) -> Markup {
    // A device that sends several streams is one device.
    let serials = standings.iter().flat_map(|it| it.devices.iter().map(|(serial, _)| serial));
    let devices = serials.collect::<BTreeSet<_>>().len() as u64;
    let rows: u64 = standings.iter().map(|it| it.figures.rows).sum();
    let counted = |number: u64, one: &str, many: &str| {
        format!("{} {}", count(number), if number == 1 { one } else { many })
    };
    let is_part = standings.iter().any(|it| it.part_from.is_some());
    html! {
        @if is_part { "More than " }
        (counted(rows, "reading", "readings")) " in the last " (HOURS) " hours, in "
        (counted(standings.len() as u64, "stream", "streams")) ", from "
        (counted(devices, "device", "devices")) "."
        @if let Some(oldest) = standings.iter().map(|it| it.to).min() { " As of " (ui::instant(oldest)) "." }
    }
}

fn streams(standings: &[Arc<Standing>], tables: &[StoredTable]) -> Markup {
    html! {
        section { div.scroll { table.data data-sortable #streams {
            caption.visually-hidden { "Streams with their quality over the last " (HOURS) " hours" }
            thead { tr {
                th scope="col" { "Stream" }
                th.num scope="col" { "Score" }
                th.num scope="col" { "Complete" }
                th.num scope="col" { "Agreed" }
                th.num scope="col" { "Devices" }
                th.num scope="col" { "Readings, " (HOURS) " h" }
                th.num scope="col" { "Late, P95" }
                th.num scope="col" { "Rows kept" }
                th.num scope="col" { "Bytes a row" }
            } }
            tbody { @for standing in standings { (row(standing, tables)) } }
        } } }
    }
}

fn row(standing: &Standing, tables: &[StoredTable]) -> Markup {
    let (contract, figures) = (&standing.contract, &standing.figures);
    let table = tables.iter().find(|it| it.name == contract.stream());
    let complete = figures.completeness.and_then(|it| it.share());
    let in_files = table.map_or(0, |it| it.rows - it.rows_in_memory.min(it.rows));
    let bytes_a_row = table.filter(|_| in_files > 0).map(|it| it.bytes as f64 / in_files as f64);
    html! {
        tr {
            th.wide scope="row" {
                a href={ "/data/" (contract.stream()) } { (contract.record().title) }
                small {
                    code { (contract.stream()) }
                    @if let Some(from) = standing.part_from { " counted since " (ui::instant(from)) }
                }
            }
            td.num { (ui::maybe_percent(standing.score().value)) }
            td.num { (ui::maybe_percent(complete)) }
            td.num { (ui::maybe_percent(objective(contract))) }
            td.num { (count(standing.devices.len() as u64)) @if standing.part_from.is_some() { "+" } }
            td.num { (count(figures.rows)) @if standing.part_from.is_some() { "+" } }
            td.num { (maybe_span(figures.lateness.quantile(0.95))) }
            td.num { (count(table.map_or(0, |it| it.rows))) }
            td.num { @match bytes_a_row { Some(bytes) => (format!("{bytes:.1}")), None => (ui::dash()) } }
        }
    }
}

/// A span of microseconds in the unit that reads best.
pub(crate) fn maybe_span(micros: Option<u64>) -> Markup {
    let Some(micros) = micros else { return ui::dash() };
    let seconds = micros as f64 / 1e6;
    html! {
        @if seconds < 1.0 { (format!("{:.0} ms", seconds * 1e3)) }
        @else if seconds < 120.0 { (format!("{seconds:.0} s")) }
        @else if seconds < 7200.0 { (format!("{:.0} min", seconds / 60.0)) }
        @else if seconds < 172_800.0 { (format!("{:.0} h", seconds / 3600.0)) }
        @else { (format!("{:.0} d", seconds / 86_400.0)) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
