//! `/data/STREAM`: one stream: its score and what costs it, when readings came, its devices.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Html;
use longlead_model::{Kind, Quantity};
use longlead_stream::quality::Figures;
use longlead_stream::{ColumnKind, Contract};
use maud::{Markup, html};
use plotly::{Bar, Layout, Trace};
use serde_json::Value as Json;

use super::standing::{HOURS, Standing, objective, standing};
use super::{contract_of, maybe_span, quarantine};
use crate::chart;
use crate::layout::{self, Page};
use crate::page::hardware::figure::count;
use crate::page::sql::keeper;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::telemetry::{Judged, Limits, Removed, Telemetry, problem};
use crate::ui;

/// Devices that the page lists: the worst.
const DEVICES_SHOWN: usize = 100;

pub(crate) async fn show(seen: Seen, Path(name): Path<String>) -> Result<Html<String>, Problem> {
    let contract = contract_of(&seen, &name)?;
    page(&seen, keeper(&seen)?, &contract, None).await
}

/// The page of a stream, perhaps after readings of it were judged again.
pub(crate) async fn page(
    seen: &Seen,
    keeper: &dyn Telemetry,
    contract: &Arc<Contract>,
    done: Option<&Judged>,
) -> Result<Html<String>, Problem> {
    let standing = standing(seen, keeper, contract).await?;
    let held = quarantine::of_stream(seen, keeper, contract, done).await?;
    let main = html! {
        div.sections {
            @if done.is_some() { (held) }
            (score(&standing))
            (arrivals(keeper, &standing).await?)
            @if done.is_none() { (held) }
            (fields(contract))
            (devices(&standing))
        }
    };
    let page = Page {
        title: &contract.record().title,
        section: "/data",
        lede: Some(lede(&standing, keeper.removed(contract.stream()))),
        tools: html! { a.button href=(ui::record_href(Kind::Contract, contract.stream())) { "Contract" } },
        main,
        live: false,
    };
    Ok(layout::page(seen, &page))
}

fn lede(standing: &Standing, removed: Option<Removed>) -> Markup {
    let agreed =
        |what: &str, span: &Option<Quantity>| span.as_ref().map(|it| format!("{what} {it}"));
    let record = standing.contract.record();
    let told = [
        agreed("a reading every", &record.cadence),
        agreed("at most late by", &record.allowed_lateness),
        agreed("kept for", &record.retention),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    html! {
        code { (standing.contract.stream()) } " "
        @if told.is_empty() { "has no cadence, lateness or retention agreed." }
        @else { "is agreed as " (told.join(", ")) "." }
        @if let Some(Removed { at, rows, quarantined, .. }) = removed {
            " What is kept no longer was last looked for on " (ui::instant(at)) ": "
            (count(rows)) " rows and " (count(quarantined)) " parts of the quarantine went."
        }
    }
}

fn score(standing: &Standing) -> Markup {
    let score = standing.score();
    html! {
        section.card {
            h2 { "Quality over the last " (HOURS) " hours: " (ui::maybe_percent(score.value)) }
            p.muted { "Counted on " (ui::instant(standing.to)) "." }
            @if let Some(from) = standing.part_from {
                p.notice.info { "There are more readings than are counted here: these are the figures of those taken since " (ui::instant(from)) "." }
            }
            @if score.parts.is_empty() { p.muted { "Nothing came, and nothing was due." } }
            @else {
                div.scroll { table.data {
                    caption.visually-hidden { "What the score is made of" }
                    thead { tr { th scope="col" { "Because" } th.num scope="col" { "How good" } th.num scope="col" { "Weight" } } }
                    tbody { @for part in &score.parts { tr {
                        td { (part.statement) "." }
                        td.num { (ui::maybe_percent(Some(part.value))) }
                        td.num { (ui::maybe_percent(Some(part.weight))) }
                    } } }
                } }
            }
        }
    }
}

/// When readings were captured, by hour, beside what the cadence asks for.
async fn arrivals(keeper: &dyn Telemetry, standing: &Standing) -> Result<Markup, Problem> {
    let (from, to) = (standing.from, standing.to);
    let table = standing.contract.stream();
    let tables = keeper.tables().await.map_err(|error| problem(&error))?;
    if !tables.iter().any(|it| it.name == table) {
        return Ok(ui::empty(
            "Nothing has come yet",
            "Devices send this stream to the doors that the server told when it started.",
            None,
        ));
    }
    let sql = format!(
        "SELECT date_trunc('hour', captured) AS hour, count(*) AS readings FROM \"{table}\" \
         WHERE captured >= TIMESTAMP '{from}' AND captured < TIMESTAMP '{to}' GROUP BY hour ORDER BY hour"
    );
    let time = std::time::Duration::from_secs(10);
    let limits = Limits { time, memory: 256 << 20, rows: 100 };
    let answer = keeper.ask(sql, limits).await.map_err(|error| problem(&error))?;
    let hours: Vec<(String, f64)> = answer
        .rows
        .iter()
        .filter_map(|row| {
            Some((row.first()?.as_str()?.to_owned(), row.get(1).and_then(Json::as_f64)?))
        })
        .collect();
    let (x, y): (Vec<String>, Vec<f64>) = hours.iter().cloned().unzip();
    let traces: Vec<Box<dyn Trace>> = vec![Bar::new(x, y).name("readings")];
    let table = html! {
        table.data {
            thead { tr { th scope="col" { "Hour (UTC)" } th.num scope="col" { "Readings" } } }
            tbody { @for (hour, count) in &hours { tr { td { (hour) } td.num { (count) } } } }
        }
    };
    let share = standing.figures.completeness.and_then(|it| it.share());
    Ok(html! {
        section.card {
            h2 { "When readings were taken" }
            p.muted {
                "By hour of capture. This is " (ui::maybe_percent(share)) " of what was due"
                @if let Some(from) = standing.part_from { " since " (ui::instant(from)) }
                "."
            }
            (chart::chart("arrivals", "Readings by hour", &traces, &Layout::new(), &table))
        }
    })
}

pub(crate) fn fields(contract: &Contract) -> Markup {
    let record = contract.record();
    html! {
        section aria-labelledby="fields" {
            h2 #fields { "Fields" }
            div.scroll { table.data {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Type" } th scope="col" { "Unit" } th.num scope="col" { "From" } th.num scope="col" { "To" } th scope="col" { "" } } }
                tbody { @for (field, column) in record.fields.iter().zip(contract.columns()) { tr {
                    th scope="row" { code { (field.name) } }
                    td { (kind(column.kind)) }
                    td { @match &field.unit { Some(unit) => (unit), None => (ui::dash()) } }
                    td.num { (maybe_number(field.low)) }
                    td.num { (maybe_number(field.high)) }
                    td { @if field.required { "required " } @if field.personal { "personal" } }
                } } }
            } }
        }
    }
}

fn kind(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Float => "number",
        ColumnKind::Integer => "whole number",
        ColumnKind::Bool => "true or false",
        ColumnKind::Text => "text",
    }
}

fn maybe_number(number: Option<f64>) -> Markup {
    let grouped = |number: f64| {
        let is_long = number.fract() == 0.0 && number.abs() >= 1_000.0 && number.abs() < 1e15;
        match is_long {
            true if number < 0.0 => format!("−{}", count(number.abs() as u64)),
            true => count(number as u64),
            false => number.to_string(),
        }
    };
    html! { @match number { Some(number) => (grouped(number)), None => (ui::dash()) } }
}

fn devices(standing: &Standing) -> Markup {
    let shown = standing.devices.iter().take(DEVICES_SHOWN);
    html! {
        section aria-labelledby="devices" {
            div.section-head {
                h2 #devices { "Devices" }
                p.muted {
                    "The worst first."
                    @if standing.devices.len() > DEVICES_SHOWN { " The first " (DEVICES_SHOWN) " of " (count(standing.devices.len() as u64)) "." }
                }
            }
            div.scroll { table.data data-sortable #device-quality {
                thead { tr {
                    th scope="col" { "Device" } th.num scope="col" { "Score" } th.num scope="col" { "Complete" } th.num scope="col" { "Readings" }
                    th.num scope="col" { "Late, P95" } th.num scope="col" { "Gaps" } th.num scope="col" { "Resets" } th.num scope="col" { "Clock steps" } th.num scope="col" { "Stuck" }
                } }
                tbody { @for (serial, figures) in shown { (device(&standing.contract, serial, figures)) } }
            } }
        }
    }
}

fn device(contract: &Contract, serial: &str, figures: &Figures) -> Markup {
    let share = figures.completeness.and_then(|it| it.share());
    html! {
        tr {
            th scope="row" { a href={ "/fleet/devices/" (serial) } { code { (serial) } } }
            td.num { (ui::maybe_percent(figures.score(objective(contract)).value)) }
            td.num { (ui::maybe_percent(share)) }
            td.num { (count(figures.rows)) }
            td.num { (maybe_span(figures.lateness.quantile(0.95))) }
            td.num { (count(figures.gaps)) }
            td.num { (count(figures.resets)) }
            td.num { (count(figures.steps_back)) }
            td.num { (count(figures.stuck)) }
        }
    }
}
