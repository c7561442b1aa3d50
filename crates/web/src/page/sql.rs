//! `/sql`: questions in SQL about what devices sent, with limits by role. A question is a part of
//! the address, so that it can be kept and passed on as a link.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::http::header;
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::StreamExt as _;
use longlead_records::people::Role;
use maud::{Markup, html};
use plotly::common::Mode;
use plotly::{Layout, Scatter, Trace};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::chart;
use crate::facts::{Listed, facts, listed};
use crate::layout::{self, Page};
use crate::page::hardware::figure::count;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::telemetry::{
    Answer, ColumnKind, FileFormat, Limits, Question, StoredTable, Telemetry, problem,
};
use crate::ui;

/// Rows that the page shows; files have more.
const ROWS_SHOWN: usize = 500;
/// Rows of a file.
const ROWS_OF_FILE: usize = 10_000_000;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

/// Questions to start from. What a clock tells that was never set, or is ahead, is left out wherever
/// the time of capture counts: such readings stand in 1970 or in the future.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "The last reading of each device",
        "SELECT device, last(temperature, captured) AS temperature, max(captured) AS captured\nFROM climate WHERE clock NOT IN ('unset', 'future')\nGROUP BY device ORDER BY captured",
    ),
    (
        "Readings an hour over the last week",
        "SELECT time_bucket(INTERVAL '1 hour', captured) AS hour, count(*) AS readings\nFROM climate WHERE captured >= now() - INTERVAL '7 days' AND clock NOT IN ('unset', 'future')\nGROUP BY hour ORDER BY hour",
    ),
    (
        "Why readings are in quarantine",
        "SELECT reason, stream, count(*) AS parts, max(detail) AS example\nFROM quarantine GROUP BY reason, stream ORDER BY parts DESC",
    ),
    (
        "Readings by hardware revision and firmware",
        "SELECT v.revision, v.firmware, count(*) AS readings, avg(c.temperature) AS temperature\nFROM climate c JOIN device_versions v ON v.serial = c.device\n  AND c.captured >= v.valid_from AND (v.valid_to IS NULL OR c.captured < v.valid_to)\nWHERE c.clock NOT IN ('unset', 'future')\nGROUP BY v.revision, v.firmware ORDER BY readings DESC",
    ),
    (
        "Readings an hour, with gaps filled",
        "WITH bucket AS (SELECT value AS hour FROM generate_series(\n    date_trunc('hour', now()) - INTERVAL '1 day', now(), INTERVAL '1 hour')),\n  counted AS (SELECT time_bucket(INTERVAL '1 hour', captured) AS hour, count(*) AS readings\n    FROM climate WHERE captured >= now() - INTERVAL '25 hours'\n      AND clock NOT IN ('unset', 'future') GROUP BY 1)\nSELECT bucket.hour, coalesce(readings, 0) AS readings\nFROM bucket LEFT JOIN counted ON counted.hour = bucket.hour ORDER BY bucket.hour",
    ),
    (
        "When what is promised comes",
        "SELECT id, title, target, p50, p80, on_time FROM plan.forecast ORDER BY p80",
    ),
    (
        "How late readings come",
        "SELECT device, approx_percentile_cont(date_part('epoch', received - captured), 0.95) AS late_s\nFROM climate WHERE clock NOT IN ('unset', 'future')\nGROUP BY device ORDER BY late_s DESC",
    ),
    (
        "Devices whose clock can't be trusted",
        "SELECT device, clock, count(*) AS readings, max(received) AS last_received\nFROM climate WHERE clock IN ('unset', 'future')\nGROUP BY device, clock ORDER BY readings DESC",
    ),
];

/// What a role's question may use.
pub(crate) fn limits(role: Role, rows: usize) -> Limits {
    let (seconds, memory) = match role {
        Role::Viewer | Role::Partner => (10, 256 << 20),
        _ => (60, 1 << 30),
    };
    Limits { time: Duration::from_secs(seconds), memory, rows }
}

/// A question with the tables of records and of the plan that it names.
fn question(seen: &Seen, sql: &str, rows: usize) -> Question {
    let limits = limits(seen.reader.user.role, rows);
    Question { sql: sql.to_owned(), limits, facts: facts(seen, sql) }
}

pub(crate) fn keeper(seen: &Seen) -> Result<&dyn Telemetry, Problem> {
    seen.app.settings().telemetry.as_deref().ok_or_else(|| {
        Problem::not_found("This server keeps no data of devices")
            .detail("Start it with a folder for the lake: `longlead serve --lake FOLDER`.")
    })
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let keeper = keeper(&seen)?;
    let tables = keeper.tables().await.map_err(|error| problem(&error))?;
    let (facts, functions) = (listed(&seen), keeper.functions());
    let sql = asked.q.trim();
    let answer = match sql {
        "" => None,
        sql => Some(keeper.answer(question(&seen, sql, ROWS_SHOWN)).await),
    };
    let main = html! {
        div.sections {
            (console(sql, &words(&tables, &facts, &functions)))
            @match &answer {
                None => { (examples()) }
                Some(Ok(answer)) => { (answered(sql, answer)) }
                Some(Err(error)) => {
                    section.notice.bad role="alert" { p { (error) } }
                }
            }
            section.card data-saved-sql hidden {}
            (catalog(&tables, &facts, &functions))
        }
    };
    let page = Page {
        title: "SQL",
        section: "/sql",
        lede: Some(
            html! { "All that devices sent and was acknowledged, each row once, up to this moment." },
        ),
        tools: html! {},
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

/// What may stand in a question, for the script that completes words.
fn words(tables: &[StoredTable], facts: &[Listed], functions: &[String]) -> Markup {
    let mut words: BTreeSet<&str> = functions.iter().map(String::as_str).collect();
    let stored = tables.iter().map(|it| (&it.name, it.columns.iter().map(|it| &it.0)));
    for (name, columns) in stored {
        words.insert(name);
        words.extend(columns.map(String::as_str));
    }
    for table in facts {
        words.insert(&table.name);
        words.extend(table.columns.iter().map(|it| it.0.as_str()));
    }
    html! { datalist #sql-words { @for word in words { option value=(word); } } }
}

fn console(sql: &str, words: &Markup) -> Markup {
    let rows = sql.lines().count().clamp(5, 24);
    html! {
        form.edit.sql method="get" action="/sql" {
            div.field {
                label for="q" { "Question" }
                textarea.mono #q name="q" rows=(rows) spellcheck="false" autocapitalize="off" required
                    data-complete="sql-words" placeholder="SELECT …" { (sql) }
                p.hint { "Only reading is allowed. Times are UTC." }
                (words)
            }
            div.form-actions {
                button.button.primary { "Ask" }
                @if !sql.is_empty() {
                    button.button formaction="/sql/csv" { "CSV" }
                    button.button formaction="/sql/parquet" { "Parquet" }
                }
            }
        }
    }
}

fn examples() -> Markup {
    html! {
        section.card {
            h2 { "Questions to start from" }
            ul.prose { @for (title, sql) in EXAMPLES {
                @let query = serde_urlencoded::to_string([("q", sql)]).unwrap_or_default();
                li { a href={ "/sql?" (query) } { (title) } }
            } }
        }
    }
}

fn answered(sql: &str, answer: &Answer) -> Markup {
    let millis = answer.took.as_millis();
    html! {
        section aria-labelledby="answer" {
            div.section-head {
                h2 #answer { "Answer" }
                p.muted {
                    @if answer.is_truncated { "The first " (answer.rows.len()) " rows" }
                    @else if answer.rows.len() == 1 { "1 row" }
                    @else { (answer.rows.len()) " rows" }
                    " in " (millis) " ms."
                    @if answer.is_truncated { " A file has them all." }
                }
            }
            @if answer.rows.is_empty() {
                (ui::empty("No rows", "The question is sound, and nothing answers it.", None))
            } @else {
                @if let Some(chart) = line_chart(answer) { div.card { (chart) } }
                (table(sql, answer))
            }
        }
    }
}

fn table(sql: &str, answer: &Answer) -> Markup {
    html! {
        div.scroll { table.data data-sortable #answer-table {
            caption.visually-hidden { "What answers " (sql) }
            thead { tr { @for (name, kind) in &answer.columns {
                th.num[*kind == ColumnKind::Number] scope="col" { (name) }
            } } }
            tbody { @for row in &answer.rows { tr {
                @for (value, (_, kind)) in row.iter().zip(&answer.columns) {
                    td.num[*kind == ColumnKind::Number].nowrap[*kind == ColumnKind::Time] { (cell(value)) }
                }
            } } }
        } }
    }
}

fn cell(value: &Json) -> Markup {
    match value {
        Json::Null => ui::dash(),
        Json::String(text) => html! { (text) },
        other => html! { (other.to_string()) },
    }
}

/// Numbers over time, if the first column that tells times is followed by numbers.
fn line_chart(answer: &Answer) -> Option<Markup> {
    let time = answer.columns.iter().position(|(_, kind)| *kind == ColumnKind::Time)?;
    let texts = answer.columns.iter().filter(|(_, kind)| *kind == ColumnKind::Text).count();
    // With a text in each row there are many series; a table says that better.
    if texts > 0 || answer.rows.len() < 3 {
        return None;
    }
    let at = |row: &Vec<Json>| row.get(time).and_then(Json::as_str).map(str::to_owned);
    let numbers = answer.columns.iter().enumerate().filter(|(_, it)| it.1 == ColumnKind::Number);
    let traces: Vec<Box<dyn Trace>> = numbers
        .map(|(place, (name, _))| {
            let points = answer
                .rows
                .iter()
                .filter_map(|row| Some((at(row)?, row.get(place).and_then(Json::as_f64)?)));
            let (x, y): (Vec<String>, Vec<f64>) = points.unzip();
            Scatter::new(x, y).name(name).mode(Mode::Lines) as Box<dyn Trace>
        })
        .collect();
    let label = "The numbers of the answer over time";
    let layout = Layout::new().show_legend(traces.len() > 1);
    let table = html! { p.muted { "The table follows." } };
    (!traces.is_empty()).then(|| chart::chart("answer-chart", label, &traces, &layout, &table))
}

fn catalog(tables: &[StoredTable], facts: &[Listed], functions: &[String]) -> Markup {
    html! {
        section aria-labelledby="catalog" {
            h2 #catalog { "What can be asked" }
            @if tables.is_empty() {
                (ui::empty("No data yet", "Tables are here as soon as a device has sent something.", None))
            }
            @for table in tables {
                details {
                    summary { code { (table.name) } " " span.muted { (count(table.rows)) " rows" } }
                    ul.columns { @for (name, kind) in &table.columns { li { code { (name) } " " span.muted { (kind) } } } }
                }
            }
            @for table in facts {
                details {
                    summary { code { (table.name) } " " span.muted { "of the product, now" } }
                    ul.columns { @for (name, kind) in &table.columns { li { code { (name) } " " span.muted { (kind) } } } }
                }
            }
            @if !functions.is_empty() {
                details {
                    summary { "Functions" }
                    p { @for name in functions { code { (name) } " " } }
                }
            }
        }
    }
}

pub(crate) async fn csv(seen: Seen, query: Query<Asked>) -> Result<Response, Problem> {
    file(&seen, query, FileFormat::Csv, "text/csv; charset=utf-8", "answer.csv").await
}

pub(crate) async fn parquet(seen: Seen, query: Query<Asked>) -> Result<Response, Problem> {
    let kind = "application/vnd.apache.parquet";
    file(&seen, query, FileFormat::Parquet, kind, "answer.parquet").await
}

async fn file(
    seen: &Seen,
    Query(asked): Query<Asked>,
    format: FileFormat,
    kind: &'static str,
    name: &str,
) -> Result<Response, Problem> {
    let parts = keeper(seen)?.file(question(seen, &asked.q, ROWS_OF_FILE), format).await;
    let mut parts = parts.map_err(|error| problem(&error))?;
    // What fails before the first row is told; after it, the file breaks off.
    let first = parts.next().await.transpose().map_err(|error| problem(&error))?;
    let parts = futures_util::stream::iter(first.map(Ok)).chain(parts);
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(parts)).into_response())
}
