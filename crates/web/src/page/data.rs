//! `/data`: the streams that devices send: what was agreed, what came, and how good it is.

pub(crate) mod stream;

use std::sync::Arc;

use axum::response::Html;
use jiff::{Timestamp, ToSpan as _};
use longlead_model::Kind;
use longlead_stream::quality::{DeviceRows, Figures, Score, device_figures};
use longlead_stream::{Contract, Contracts};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::sql::{keeper, problem};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::telemetry::{DevicesOf, Limits, StoredTable, Telemetry};
use crate::ui;

/// Rows from which the figures of one stream are counted at most.
const ROWS_MAX: usize = 200_000;

/// The window over which figures are counted.
const HOURS: i64 = 24;

/// What is known of a stream in the window.
pub(crate) struct Standing {
    pub(crate) contract: Arc<Contract>,
    pub(crate) figures: Figures,
    /// Of each device, the worst first.
    pub(crate) devices: Vec<(String, Figures)>,
    pub(crate) is_part: bool,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Standing {
    pub(crate) fn score(&self) -> Score {
        self.figures.score(objective(&self.contract))
    }
}

/// The share of readings that was agreed.
pub(crate) fn objective(contract: &Contract) -> Option<f64> {
    contract.record().objective.map(|share| share.value())
}

/// The contracts as the product has them now.
pub(crate) fn contracts(seen: &Seen) -> Contracts {
    let snapshot = &seen.outlook.snapshot;
    Contracts::of(&seen.bundle().records, |id| {
        let key = longlead_model::RecordKey::Record(Kind::Contract, id.as_str().to_owned());
        snapshot.version(&key).map_or(0, |it| it.get())
    })
}

/// Counts the figures of a stream over the last day.
pub(crate) async fn standing(
    seen: &Seen,
    keeper: &dyn Telemetry,
    contract: &Arc<Contract>,
) -> Result<Standing, Problem> {
    let to = seen.app.now();
    let from = to.checked_sub(HOURS.hours()).unwrap_or(to);
    let window = from.as_microsecond()..to.as_microsecond();
    let rows = keeper.device_rows(Arc::clone(contract), window.clone(), ROWS_MAX).await;
    let DevicesOf { devices, is_part } = rows.map_err(|error| problem(&error))?;
    let (contract, now) = (Arc::clone(contract), to.as_microsecond());
    let counting = tokio::task::spawn_blocking(move || {
        let mut counted = count(&contract, &devices, &window, now);
        let value = |figures: &Figures| figures.score(objective(&contract)).value.unwrap_or(1.0);
        counted.sort_by(|one, other| value(&one.1).total_cmp(&value(&other.1)));
        let mut figures = Figures::default();
        counted.iter().for_each(|(_, it)| figures.merge(it));
        Standing { contract, figures, devices: counted, is_part, from, to }
    });
    counting.await.map_err(|error| Problem::internal(&error))
}

fn count(
    contract: &Contract,
    devices: &[(String, DeviceRows)],
    window: &std::ops::Range<i64>,
    now: i64,
) -> Vec<(String, Figures)> {
    let of = |(serial, rows): &(String, DeviceRows)| {
        (serial.clone(), device_figures(contract, rows, window.clone(), now))
    };
    devices.iter().map(of).collect()
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
            (quarantine(keeper).await?)
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

fn lede(standings: &[Standing]) -> Markup {
    let devices: u64 = standings.iter().map(|it| it.devices.len() as u64).sum();
    let rows: u64 = standings.iter().map(|it| it.figures.rows).sum();
    html! { (rows) " readings in the last " (HOURS) " hours, in " (standings.len()) " streams, from " (devices) " devices and streams." }
}

fn streams(standings: &[Standing], tables: &[StoredTable]) -> Markup {
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
                small { code { (contract.stream()) } }
            }
            td.num { (ui::maybe_percent(standing.score().value)) }
            td.num { (ui::maybe_percent(complete)) }
            td.num { (ui::maybe_percent(objective(contract))) }
            td.num { (standing.devices.len()) @if standing.is_part { "+" } }
            td.num { (figures.rows) @if standing.is_part { "+" } }
            td.num { (maybe_span(figures.lateness.quantile(0.95))) }
            td.num { (table.map_or(0, |it| it.rows)) }
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

const QUARANTINED: &str = "SELECT reason, coalesce(stream, '') AS stream, count(*) AS parts, \
     max(detail) AS example, max(received) AS newest FROM quarantine \
     GROUP BY reason, coalesce(stream, '') ORDER BY parts DESC, reason, stream";

async fn quarantine(keeper: &dyn Telemetry) -> Result<Markup, Problem> {
    let time = std::time::Duration::from_secs(10);
    let limits = Limits { time, memory: 256 << 20, rows: 200 };
    let tables = keeper.tables().await.map_err(|error| problem(&error))?;
    let answer = match tables.iter().any(|it| it.name == "quarantine" && it.rows > 0) {
        true => Some(keeper.ask(QUARANTINED.to_owned(), limits).await),
        false => None,
    };
    let answer = answer.transpose().map_err(|error| problem(&error))?;
    Ok(html! {
        section aria-labelledby="quarantine" {
            div.section-head {
                h2 #quarantine { "Quarantine" }
                p.muted { "What doesn't fit is kept with the reason. Nothing is dropped." }
            }
            @match &answer {
                None => { p.muted { "Nothing is in quarantine." } }
                Some(answer) => {
                    div.scroll { table.data #quarantined {
                        thead { tr { th scope="col" { "Reason" } th scope="col" { "Stream" } th.num scope="col" { "Parts" } th scope="col" { "For example" } th scope="col" { "Newest (UTC)" } } }
                        tbody { @for row in &answer.rows { tr {
                            @for (at, value) in row.iter().enumerate() {
                                td.num[at == 2].nowrap[at == 4] { (value.as_str().map_or_else(|| value.to_string(), str::to_owned)) }
                            }
                        } } }
                    } }
                }
            }
        }
    })
}
