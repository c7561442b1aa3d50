//! `/records/KIND`: the records of one kind as a table, and as CSV.

use std::cmp::Ordering;

use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Bundle, Kind, RecordKey};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Newest, capitalised, counted, csv, kind_of};
use crate::form::{Field, Form, Names, brief, is_numeric, key_href, order};
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    q: String,
    /// A column, with `-` before it for the other direction.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sort: String,
    #[serde(default, skip_serializing_if = "is_first")]
    page: usize,
    /// The change set that has just been committed here.
    #[serde(default, skip_serializing)]
    saved: Option<u64>,
}

fn is_first(page: &usize) -> bool {
    *page <= 1
}

const PAGE_ROWS: usize = 100;

/// What tells most about a record of a kind, beside its title.
fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Product => &["description"],
        Kind::Revision => &["product", "follows", "specification_freeze", "markets"],
        Kind::Capability => &["unit", "better"],
        Kind::Feature => &["product", "release", "requires", "target", "value"],
        Kind::Release => &["kind", "work.estimate", "after", "target"],
        Kind::Decision => &["target", "gates", "options", "owner", "decided.on"],
        Kind::Activity => &["work.estimate", "work.team", "after", "band"],
        Kind::Milestone => &["target", "confidence", "after", "stakeholders"],
        Kind::Link => &["from", "to", "kind", "lag"],
        Kind::Actual => &["started", "finished", "remaining", "note"],
        Kind::Calendar => &["week", "shutdowns", "extends"],
        Kind::Team => &["capacity", "calendar", "discipline"],
        Kind::Risk => &["probability", "effects", "owner", "mitigation"],
        Kind::Correlation => &["rho", "activities", "suppliers", "teams"],
        Kind::Part => &["manufacturer", "mpn", "lifecycle", "provides"],
        Kind::Supplier => &["country", "calendar"],
        Kind::Offer => &["supplier", "part", "prices", "minimum_order", "lead_time", "valid_until"],
        Kind::BomLine => &["revision", "part", "quantity", "references", "alternates", "from"],
        Kind::Build => {
            &["revision", "stage", "quantity", "supplier", "work.estimate", "order_after"]
        }
        Kind::Order => &["supplier", "part", "quantity", "placed", "promised", "received"],
        Kind::Market => &["regimes", "shipping"],
        Kind::Regime => &["applies_to", "boards", "work.estimate", "validity"],
        Kind::Certificate => &["revision", "regime", "number", "issued", "expires"],
        Kind::Stakeholder => &["organisation", "discipline"],
        Kind::Requirement => &["stakeholder", "priority", "features", "capabilities"],
        Kind::Criterion => &["stakeholder", "metric", "at_least", "at_most", "by"],
        Kind::Term => &["definition", "names"],
        Kind::Assumption => &["status", "owner", "check_by", "features", "decisions"],
        Kind::Rate => &["from", "to", "rate", "on"],
        Kind::Contract => &["owner", "fields", "cadence", "objective", "retention"],
        Kind::Scenario => &["changes"],
    }
}

pub(crate) async fn show(
    seen: Seen,
    Path(kind): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    if kind == "settings" {
        return Ok(Redirect::to(&key_href(&RecordKey::Settings)).into_response());
    }
    if let Some(kind) = kind.strip_suffix(".csv") {
        let newest = Newest::of(&seen);
        return Ok(csv::download(kind_of(kind)?, newest.bundle(&seen)));
    }
    let kind = kind_of(&kind)?;
    Ok(page(&seen, kind, &asked).into_response())
}

fn page(seen: &Seen, kind: Kind, asked: &Asked) -> Html<String> {
    let newest = Newest::of(seen);
    let bundle = newest.bundle(seen);
    let names = Names::new(seen, bundle);
    let rows = rows(bundle, kind, asked);
    let all = bundle.records.ids(kind).len();
    let may_add = seen.may_add(kind);
    let main = html! {
        (super::show::saved_notice(seen, asked.saved))
        @if all == 0 {
            (empty(kind, may_add))
        } @else {
            form.filters method="get" action={ "/records/" (kind) } role="search" {
                label { "Filter"
                    input type="search" name="q" value=(asked.q) placeholder={ "Any text in the " (kind.plural_word()) } autocomplete="off";
                }
                @if !asked.sort.is_empty() { input type="hidden" name="sort" value=(asked.sort); }
                button.button { "Filter" }
                @if !asked.q.is_empty() { a.button.quiet href={ "/records/" (kind) } { "Clear" } }
            }
            @if rows.is_empty() {
                (ui::empty("Nothing found", &format!("None of {} has “{}” in it.", counted(all, &kind.word(), &kind.plural_word()), asked.q), None))
            } @else {
                (table(kind, &rows, asked, &names))
                (pager(kind, rows.len(), asked))
            }
        }
        (round_trip(seen, kind, all, may_add))
    };
    let title = capitalised(&kind.plural_word());
    let page = Page {
        title: &title,
        section: "/records",
        lede: Some(
            html! { (counted(all, &kind.word(), &kind.plural_word())) ". " (kind.doc().trim()) },
        ),
        tools: html! {
            a.button.quiet href="/records" { "All kinds" }
            @if may_add { a.button.primary href={ "/records/" (kind) "/new" } { "Add " (kind.word()) } }
        },
        main,
        live: false,
    };
    layout::page(seen, &page)
}

fn empty(kind: Kind, may_add: bool) -> Markup {
    let text =
        format!("{} Add the first, or bring many at once as CSV or TOML.", kind.doc().trim());
    let href = format!("/records/{kind}/new");
    let label = format!("Add {}", kind.word());
    ui::empty(&format!("No {} yet", kind.plural_word()), &text, may_add.then_some((&href, &label)))
}

/// One record of the list.
struct Row<'a> {
    id: &'a str,
    title: Option<&'a str>,
    /// Read where the order or the page needs it.
    record: Option<Json>,
}

/// The records that pass the filter, in the order that is asked for.
fn rows<'a>(bundle: &'a Bundle, kind: Kind, asked: &Asked) -> Vec<Row<'a>> {
    let wanted = asked.q.trim().to_lowercase();
    let json = |id: &str| bundle.json(&RecordKey::Record(kind, id.to_owned()));
    let passes = |row: &Row<'_>| {
        let text = || bundle.text(&RecordKey::Record(kind, row.id.to_owned())).unwrap_or_default();
        wanted.is_empty()
            || row.title.is_some_and(|title| title.to_lowercase().contains(&wanted))
            || text().to_lowercase().contains(&wanted)
    };
    let rows = bundle.records.ids(kind).into_iter();
    let rows = rows.map(|id| Row { id, title: bundle.records.title(kind, id), record: None });
    let mut rows: Vec<Row<'_>> = rows.filter(passes).collect();
    let (column, is_down) = sorted_by(&asked.sort);
    let turned = |order: Ordering| if is_down { order.reverse() } else { order };
    match column {
        "" => {}
        "id" => rows.sort_by(|a, b| turned(a.id.cmp(b.id))),
        "title" => rows.sort_by_cached_key(|row| row.title.unwrap_or(row.id).to_lowercase()),
        column => {
            rows.iter_mut().for_each(|row| row.record = json(row.id));
            rows.sort_by(|a, b| {
                let (a, b) = (cell(a.record.as_ref(), column), cell(b.record.as_ref(), column));
                // What is missing comes last, whichever way.
                if a.is_some() && b.is_some() { turned(order(a, b)) } else { order(a, b) }
            });
        }
    }
    if column == "title" && is_down {
        rows.reverse();
    }
    let (from, to) = bounds(rows.len(), asked.page);
    for row in rows.iter_mut().take(to).skip(from) {
        if row.record.is_none() {
            row.record = json(row.id);
        }
    }
    rows
}

fn sorted_by(sort: &str) -> (&str, bool) {
    sort.strip_prefix('-').map_or((sort, false), |column| (column, true))
}

fn cell<'a>(record: Option<&'a Json>, column: &str) -> Option<&'a Json> {
    record?.pointer(&format!("/{}", column.replace('.', "/")))
}

/// The first row of a page, and the row after its last.
fn bounds(rows: usize, page: usize) -> (usize, usize) {
    let last_page = rows.div_ceil(PAGE_ROWS).max(1);
    let from = (page.clamp(1, last_page) - 1) * PAGE_ROWS;
    (from, (from + PAGE_ROWS).min(rows))
}

fn href(kind: Kind, asked: &Asked) -> String {
    let query = serde_urlencoded::to_string(asked).unwrap_or_default();
    if query.is_empty() { format!("/records/{kind}") } else { format!("/records/{kind}?{query}") }
}

fn table(kind: Kind, rows: &[Row<'_>], asked: &Asked, names: &Names<'_>) -> Markup {
    let form = Form::of(Some(kind));
    let columns = columns(kind).iter();
    let columns: Vec<(&str, &Field)> =
        columns.filter_map(|column| Some((*column, form.field(column)?))).collect();
    let has_titles = form.field("title").is_some();
    let (from, to) = bounds(rows.len(), asked.page);
    html! {
        div.scroll {
            table.data data-rows {
                caption.visually-hidden { (capitalised(&kind.plural_word())) }
                thead { tr {
                    @if has_titles { (head("title", "Title", false, kind, asked)) }
                    (head("id", "Id", false, kind, asked))
                    @for (column, field) in &columns { (head(column, &field.label, is_numeric(field), kind, asked)) }
                } }
                tbody {
                    @for row in rows.iter().take(to).skip(from) {
                        tr {
                            @match row.title {
                                Some(title) => {
                                    th scope="row" { a.row-link href=(ui::record_href(kind, row.id)) { (title) } }
                                    td.id { (row.id) }
                                }
                                None => { th scope="row" { a.row-link.id href=(ui::record_href(kind, row.id)) { (row.id) } } }
                            }
                            @for (column, field) in &columns {
                                td class=[is_numeric(field).then_some("num")] {
                                    (brief(field, cell(row.record.as_ref(), column), names))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The head of a column, which sorts by it.
fn head(column: &str, label: &str, numeric: bool, kind: Kind, asked: &Asked) -> Markup {
    let (current, is_down) = sorted_by(&asked.sort);
    let is_current = current == column;
    let next = if is_current && !is_down { format!("-{column}") } else { column.to_owned() };
    let aria = is_current.then_some(if is_down { "descending" } else { "ascending" });
    let link = href(kind, &Asked { q: asked.q.clone(), sort: next, page: 1, saved: None });
    html! {
        th scope="col" class=[numeric.then_some("num")] aria-sort=[aria] {
            a.sort href=(link) { (label) @if is_current { (if is_down { " ↓" } else { " ↑" }) } }
        }
    }
}

fn pager(kind: Kind, rows: usize, asked: &Asked) -> Markup {
    let (from, to) = bounds(rows, asked.page);
    let page = from / PAGE_ROWS + 1;
    let to_page = |page: usize| href(kind, &Asked { page, saved: None, ..asked.clone() });
    html! {
        @if rows > PAGE_ROWS {
            nav.pager aria-label="Pages" {
                span { (from + 1) "–" (to) " of " (rows) }
                span.toolbar {
                    @if from > 0 { a.button rel="prev" href=(to_page(page - 1)) { "Earlier" } }
                    @if to < rows { a.button rel="next" href=(to_page(page + 1)) { "More" } }
                }
            }
        }
    }
}

/// The way out to a spreadsheet and back.
fn round_trip(seen: &Seen, kind: Kind, count: usize, may_add: bool) -> Markup {
    // Partners may send back what they may change; what they may not is refused row by row.
    let may_send = may_add
        || (!seen.sight.is_whole()
            && count > 0
            && crate::rights::may_write(seen.reader.user.role, Some(kind)));
    html! {
        section.card.round-trip {
            h2 { "In a spreadsheet" }
            p.muted { "One line per record, one column per field. What you upload is shown as changes before anything is saved." }
            div.toolbar {
                a.button href={ "/records/" (kind) ".csv" } download { "Download CSV" }
                @if may_send {
                    form.toolbar method="post" action={ "/records/" (kind) "/csv" } enctype="multipart/form-data" {
                        (layout::csrf(&seen.reader))
                        input type="file" name="file" accept=".csv,text/csv" required aria-label="CSV file";
                        button.button { "Upload and compare" }
                    }
                }
            }
        }
    }
}
