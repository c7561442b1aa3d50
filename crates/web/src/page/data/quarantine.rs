//! What doesn't fit: on the page of all streams and on that of one, where it can be judged again.

use axum::extract::Path;
use axum::response::Html;
use jiff::Timestamp;
use longlead_model::{Kind, RecordKey};
use longlead_records::people::AuditEvent;
use longlead_stream::{Contract, Contracts, Reason};
use maud::{Markup, html};
use serde_json::Value as Json;

use super::{contract_of, contracts, stream};
use crate::layout::csrf;
use crate::page::hardware::figure::count;
use crate::page::sql::keeper;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::telemetry::{Judged, JudgedAnew, Limits, Telemetry, problem, texts_in_sql};
use crate::ui;

/// Lines of a table of what is held back.
const LINES: usize = 200;

/// Parts of the quarantine that have a reason and, where it is told, a stream in common.
#[derive(Debug)]
struct Line {
    reason: String,
    stream: String,
    parts: u64,
    /// Those that the contract as it is now hasn't judged.
    old: u64,
    example: String,
    newest: Option<Timestamp>,
}

impl Line {
    fn of(row: &[Json]) -> Option<Line> {
        let text = |at: usize| row.get(at).and_then(Json::as_str).unwrap_or_default().to_owned();
        let number = |at: usize| row.get(at).and_then(Json::as_u64).unwrap_or_default();
        let newest = text(5).parse().ok();
        let (parts, old) = (number(2), number(3));
        (parts > 0).then(|| Line {
            reason: text(0),
            stream: text(1),
            parts,
            old,
            example: text(4),
            newest,
        })
    }
}

/// What is held back: of one contract, or all of it.
async fn lines(
    keeper: &dyn Telemetry,
    of: Option<(&Contract, &[String])>,
) -> Result<Vec<Line>, Problem> {
    if !is_any(keeper).await? {
        return Ok(Vec::new());
    }
    let (which, version) = match of {
        None => (String::new(), 0),
        Some((contract, names)) => {
            (format!("WHERE stream IN ({})", texts_in_sql(names)), contract.version())
        }
    };
    let sql = format!(
        "SELECT reason, coalesce(stream, '') AS stream, count(*) AS parts, \
         sum(CASE WHEN format = 'reading' AND (contract IS NULL OR contract <> {version}) \
         THEN 1 ELSE 0 END) AS old, max(detail) AS example, max(received) AS newest \
         FROM quarantine {which} GROUP BY reason, coalesce(stream, '') \
         ORDER BY parts DESC, reason, stream"
    );
    let answer = keeper.ask(sql, limits()).await.map_err(|error| problem(&error))?;
    Ok(answer.rows.iter().filter_map(|row| Line::of(row)).collect())
}

/// How many parts of a stream that came since a time are held back.
pub(crate) async fn since(
    seen: &Seen,
    keeper: &dyn Telemetry,
    contract: &Contract,
    since: Timestamp,
) -> Result<u64, Problem> {
    if !is_any(keeper).await? {
        return Ok(0);
    }
    let names = texts_in_sql(contracts(seen).names_of(contract));
    let sql = format!(
        "SELECT count(*) AS parts FROM quarantine \
         WHERE stream IN ({names}) AND received >= TIMESTAMP '{since}'"
    );
    let answer = keeper.ask(sql, limits()).await.map_err(|error| problem(&error))?;
    let parts = answer.rows.first().and_then(|row| row.first()?.as_u64());
    Ok(parts.unwrap_or(0))
}

async fn is_any(keeper: &dyn Telemetry) -> Result<bool, Problem> {
    let tables = keeper.tables().await.map_err(|error| problem(&error))?;
    Ok(tables.iter().any(|it| it.name == "quarantine" && it.rows > 0))
}

fn limits() -> Limits {
    Limits { time: std::time::Duration::from_secs(10), memory: 256 << 20, rows: LINES }
}

/// Everything that is held back, with the way to mend it.
pub(crate) async fn of_all(
    keeper: &dyn Telemetry,
    contracts: &Contracts,
) -> Result<Markup, Problem> {
    let lines = lines(keeper, None).await?;
    Ok(html! {
        section aria-labelledby="quarantine" {
            (heading())
            @if lines.is_empty() { p.muted { "Nothing is in quarantine." } }
            @else { div.scroll { table.data #quarantined {
                thead { tr {
                    th scope="col" { "Reason" } th scope="col" { "Stream" } th.num scope="col" { "Parts" }
                    th scope="col" { "For example" } th.num scope="col" { "Newest" } th scope="col" { "To mend it" }
                } }
                tbody { @for line in &lines { tr {
                    th.nowrap scope="row" { (line.reason) }
                    td { @if line.stream.is_empty() { (ui::dash()) } @else { code { (line.stream) } } }
                    td.num { (count(line.parts)) }
                    td.wide { (ui::told(&line.example)) }
                    td.num { @if let Some(newest) = line.newest { (ui::instant(newest)) } }
                    td { (mend(contracts, line)) }
                } } }
            } } }
        }
    })
}

fn heading() -> Markup {
    html! {
        div.section-head {
            h2 #quarantine { "Quarantine" }
            p.muted { "What doesn't fit is kept with the reason. Nothing is dropped." }
        }
    }
}

/// Where a kind of mistake is mended.
fn mend(contracts: &Contracts, line: &Line) -> Markup {
    html! {
        @match contracts.get(&line.stream) {
            Some(contract) => { a href={ "/data/" (contract.stream()) "#quarantine" } { (contract.record().title) } }
            None if line.reason == Reason::NoContract.as_str() => {
                a href={ "/data/" (segment(&line.stream)) "/proposal" } { "See a contract that would fit" }
            }
            None => { (ui::dash()) }
        }
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut segment = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                segment.push(char::from(byte));
            }
            other => segment.push_str(&format!("%{other:02X}")),
        }
    }
    segment
}

/// What is held back of one stream, and a button that judges it again.
pub(crate) async fn of_stream(
    seen: &Seen,
    keeper: &dyn Telemetry,
    contract: &Contract,
    done: Option<&Judged>,
) -> Result<Markup, Problem> {
    let names = contracts(seen).names_of(contract);
    let lines = lines(keeper, Some((contract, &names))).await?;
    let (all, old) = lines.iter().fold((0, 0), |(all, old), it| (all + it.parts, old + it.old));
    Ok(html! {
        section aria-labelledby="quarantine" {
            (heading())
            @if let Some(done) = done { (told(done, all)) }
            @if lines.is_empty() { p.muted { "Nothing of this stream is in quarantine." } }
            @else {
                (again(seen, contract, old))
                div.scroll { table.data #quarantined {
                    thead { tr {
                        th scope="col" { "Reason" } th.num scope="col" { "Parts" } th.num scope="col" { "To judge again" }
                        th scope="col" { "For example" } th.num scope="col" { "Newest" }
                    } }
                    tbody { @for line in &lines { tr {
                        th.nowrap scope="row" { (line.reason) }
                        td.num { (count(line.parts)) }
                        td.num { (count(line.old)) }
                        td.wide { (ui::told(&line.example)) }
                        td.num { @if let Some(newest) = line.newest { (ui::instant(newest)) } }
                    } } }
                } }
            }
        }
    })
}

fn again(seen: &Seen, contract: &Contract, old: u64) -> Markup {
    html! {
        @if old == 0 {
            p.muted { "All of it was judged by the contract as it is now: mend that, then judge again." }
        } @else if may_judge(seen, contract) {
            form.toolbar method="post" action={ "/data/" (contract.stream()) "/judge-again" } {
                (csrf(&seen.reader))
                button.button.primary { "Judge " (count(old)) " again" }
                span.muted { "The contract has changed since they came. What fits now becomes rows." }
            }
        } @else {
            p.muted { (count(old)) " came before the contract was as it is now. Whoever may change the contract may judge them again." }
        }
    }
}

/// A later part failed; why is in the log.
fn broken_off() -> Markup {
    html! {
        div.notice.bad role="alert" {
            strong { "Not all could be judged" }
            p { "It broke off, and has been logged. What was judged is kept: judge again for the rest." }
        }
    }
}

fn told(Judged { done, failed }: &Judged, now: u64) -> Markup {
    html! {
        @if failed.is_some() { (broken_off()) }
        div.notice.good[done.held == 0 && done.there == 0].info[done.held > 0 || done.there > 0] role="status" {
            strong { (count(done.readings)) " judged again: " (count(done.rows)) " became rows" }
            p {
                @if done.there > 0 { (count(done.there)) " were rows already, or contradict one. " }
                @if done.held > 0 { (count(done.held)) " still don't fit: the reasons stand below. " }
                @if done.left > 0 { (count(done.left)) " are left for the next time. " }
                "Before, " (count(now + (done.readings - done.held.min(done.readings)))) " were held back; now, " (count(now)) " are."
            }
        }
    }
}

/// Who may change a contract may judge by it.
fn may_judge(seen: &Seen, contract: &Contract) -> bool {
    seen.may_write(&RecordKey::Record(Kind::Contract, contract.stream().to_owned()))
}

pub(crate) async fn judge_again(
    seen: Seen,
    Path(name): Path<String>,
) -> Result<Html<String>, Problem> {
    let contract = contract_of(&seen, &name)?;
    if !may_judge(&seen, &contract) {
        let title = "Your role may not judge readings again";
        let detail = "Whoever may change the contract of a stream may.";
        return Err(Problem::forbidden(title).detail(detail));
    }
    let keeper = keeper(&seen)?;
    let stream = contract.stream();
    let judged = keeper.judge_anew(stream.to_owned()).await;
    let judged = judged.map_err(|error| problem(&error))?;
    let by = seen.reader.by(seen.app.now());
    let detail = audited(stream, &judged);
    seen.app.people().append_audit(&by, AuditEvent::JudgedAgain, &detail).await?;
    seen.app.standings().forget(stream);
    if let Some(error) = &judged.failed {
        tracing::warn!(stream, %error, "not all readings could be judged again");
    }
    match &judged.failed {
        // Nothing was done that a page could tell.
        Some(error) if judged.done.readings == 0 => Err(problem(error)),
        _ => stream::page(&seen, keeper, &contract, Some(&judged)).await,
    }
}

/// What was done and, where it failed, how it ended.
fn audited(stream: &str, judged: &Judged) -> String {
    let JudgedAnew { readings, rows, .. } = judged.done;
    let failed = judged.failed.as_ref().map(|error| format!("; then it failed: {error}"));
    let failed = failed.unwrap_or_default();
    format!("{readings} readings of {stream}, of which {rows} became rows{failed}")
}
