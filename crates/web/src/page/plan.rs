//! `/plan`: every activity as a table and as a Gantt chart, edited in place.

mod edit;
mod gantt;
mod row;

use axum::extract::Query;
use axum::response::Html;
use longlead_model::{Bundle, Kind, RecordKey};
use longlead_records::Sequence;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use crate::layout::{self, Page};
use crate::page::hardware::products;
use crate::page::plan::gantt::Scale;
use crate::page::plan::row::{Listing, Progress, Row, listing};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

pub(crate) use edit::{save, show as show_edit};

/// What is asked for, as the address has it. What can't be read narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// `table`, or the Gantt chart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) view: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) q: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) band: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) team: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) product: String,
    /// `open`, `under-way` or `finished`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) state: String,
    /// Anything: only what is critical.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) critical: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) from: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) to: String,
    /// `team`, `product` or `revision`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) group: String,
    /// `title`, `finish`, `p80`, `float` or `criticality`; a leading `-` turns it round.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) sort: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) page: String,
    /// The change set that was just saved.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) saved: String,
}

impl Asked {
    /// The address of the page with something changed; the first page of it.
    fn href(&self, change: impl FnOnce(&mut Asked)) -> String {
        let mut asked = Asked { page: String::new(), saved: String::new(), ..self.clone() };
        change(&mut asked);
        match serde_urlencoded::to_string(&asked) {
            Ok(query) if !query.is_empty() => format!("/plan?{query}"),
            _ => "/plan".to_owned(),
        }
    }

    fn is_gantt(&self) -> bool {
        self.view != "table"
    }

    fn narrows(&self) -> bool {
        let fields = [&self.q, &self.band, &self.team, &self.product, &self.state, &self.critical];
        fields.iter().chain(&[&self.from, &self.to]).any(|it| !it.is_empty())
    }
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let listing = listing(&seen, &asked)?;
    let main = html! {
        (saved(&seen, &asked))
        (filters(seen.bundle(), &asked))
        @if listing.rows.is_empty() {
            (empty(&seen, &asked))
        } @else {
            (tabs(&asked, &listing))
            (table(&seen, &asked, &listing)?)
            (pager(&asked, &listing))
        }
    };
    let tools = html! {
        @if seen.may_add(Kind::Activity) {
            a.button href="/records/activity/new" { "Add an activity" }
        }
    };
    let lede = html! {
        (listing.open) " activities and milestones to come, " (listing.critical)
        " of them critical: they have no float."
    };
    let title = "Plan";
    let page = Page { title, section: "/plan", lede: Some(lede), tools, main, live: true };
    Ok(layout::page(&seen, &page))
}

fn saved(seen: &Seen, asked: &Asked) -> Markup {
    let Ok(sequence) = asked.saved.parse::<u64>() else {
        return html! {};
    };
    let is_planned = seen.outlook.sequence() >= Sequence::from(sequence);
    html! {
        p.notice.good role="status" {
            "Saved. "
            @if is_planned { "The dates below follow from it." }
            @else { "The dates follow in a moment." }
        }
    }
}

fn empty(seen: &Seen, asked: &Asked) -> Markup {
    if asked.narrows() {
        let text = "No activity is like that. Take a filter away.";
        return ui::empty("Nothing found", text, Some(("/plan", "Show all")));
    }
    if !seen.sight.is_whole() {
        let text = "Activities appear here once your customer shares what they follow from.";
        return ui::empty("Nothing here is shared with you", text, None);
    }
    ui::empty(
        "No activities yet",
        "Nobody needs to draw a plan: it follows from features, revisions, builds and offers. \
         Record those, and their work appears here.",
        Some(("/records", "To the records")),
    )
}

/// A choice of a filter: value and label.
fn choice(name: &str, label: &str, chosen: &str, choices: &[(&str, &str)]) -> Markup {
    html! {
        label {
            (label)
            select name=(name) {
                @for (value, title) in choices {
                    option value=(value) selected[*value == chosen] { (title) }
                }
            }
        }
    }
}

fn filters(bundle: &Bundle, asked: &Asked) -> Markup {
    let teams = bundle.records.teams.values().map(|it| (it.id.as_str(), it.title.as_str()));
    let teams: Vec<_> = [("", "all teams")].into_iter().chain(teams).collect();
    let products: Vec<_> = [("", "all products")].into_iter().chain(products(bundle)).collect();
    html! {
        form.filters.plan-filters method="get" action="/plan" data-swap="#main" data-auto role="search" {
            @if !asked.view.is_empty() { input type="hidden" name="view" value=(asked.view); }
            @if !asked.sort.is_empty() { input type="hidden" name="sort" value=(asked.sort); }
            label { "Search" input type="search" name="q" value=(asked.q) placeholder="title, id or part"; }
            (choice("team", "Team", &asked.team, &teams))
            (choice("product", "Product", &asked.product, &products))
            (choice("band", "Horizon", &asked.band, &[("", "both"), ("hardware", "hardware"), ("software", "software")]))
            (choice("state", "State", &asked.state, &[("", "not finished"), ("under-way", "under way"), ("finished", "finished"), ("all", "all")]))
            (choice("group", "Group by", &asked.group, &[("", "nothing"), ("team", "team"), ("product", "product"), ("revision", "revision")]))
            label { "From" input type="date" name="from" value=(asked.from) data-wait; }
            label { "To" input type="date" name="to" value=(asked.to) data-wait; }
            label.check { input type="checkbox" name="critical" value="1" checked[!asked.critical.is_empty()]; "Critical only" }
            button.button { "Show" }
            @if asked.narrows() { a.button.quiet href=(Asked { view: asked.view.clone(), ..Asked::default() }.href(|_| {})) { "Clear" } }
        }
    }
}

fn tabs(asked: &Asked, listing: &Listing<'_>) -> Markup {
    let tab = |view: &str, label: &str, current: bool| {
        let href = asked.href(|it| it.view = view.to_owned());
        html! { a href=(href) aria-current=[current.then_some("page")] { (label) } }
    };
    html! {
        div.plan-head {
            nav.tabs aria-label="View" {
                (tab("", "Gantt", asked.is_gantt()))
                (tab("table", "Table", !asked.is_gantt()))
            }
            p.muted { (listing.found) @if listing.found == 1 { " activity" } @else { " activities" } }
            @if asked.is_gantt() { (gantt::legend()) }
        }
    }
}

fn table(seen: &Seen, asked: &Asked, listing: &Listing<'_>) -> Result<Markup, Problem> {
    let as_of = seen.forecast()?.as_of;
    let scale = Scale::of(&listing.rows, as_of, asked);
    let groups = row::grouped(&listing.rows);
    let columns = if asked.is_gantt() { 5 } else { 9 };
    Ok(html! {
        div.scroll.plan {
            table.data.plan-table.gantt[asked.is_gantt()] {
                caption.visually-hidden { "Activities of the plan" }
                thead {
                    tr {
                        (head(asked, "title", "Activity", false))
                        @if asked.is_gantt() {
                            (head(asked, "", "Start", true))
                            (head(asked, "p80", "Finish P80", true))
                            (head(asked, "float", "Float", true))
                            th.time scope="col" { (gantt::axis(&scale)) }
                        } @else {
                            th scope="col" { "Team and horizon" }
                            (head(asked, "", "Start", true))
                            (head(asked, "finish", "Finish P50", true))
                            (head(asked, "p80", "P80", true))
                            (head(asked, "float", "Float", true))
                            (head(asked, "criticality", "Critical", true))
                            th scope="col" { "State" }
                            th scope="col" { "Estimate and progress" }
                        }
                    }
                }
                @for (label, rows) in groups {
                    tbody {
                        @if let Some(label) = label {
                            tr.group-head { th scope="rowgroup" colspan=(columns) { (label) " " span.muted { (rows.len()) } } }
                        }
                        @for row in rows {
                            @if asked.is_gantt() { (gantt_row(row, &scale)) } @else { (table_row(seen, row)) }
                        }
                    }
                }
            }
        }
    })
}

/// The head of a column that sorts when it is followed.
fn head(asked: &Asked, sort: &str, label: &str, is_figure: bool) -> Markup {
    let (key, reversed) = match asked.sort.strip_prefix('-') {
        Some(key) => (key, true),
        None => (asked.sort.as_str(), false),
    };
    let is_current = key == sort || (sort.is_empty() && key == "start");
    // What is most critical leads: that order falls.
    let falls = reversed != (sort == "criticality");
    let current = is_current.then_some(if falls { "descending" } else { "ascending" });
    let next = match (is_current && !reversed, sort) {
        (true, "") => "-start".to_owned(),
        (true, sort) => format!("-{sort}"),
        _ => sort.to_owned(),
    };
    html! {
        th.num[is_figure] scope="col" aria-sort=[current] {
            a.sort href=(asked.href(|it| it.sort = next)) { (label) }
        }
    }
}

/// The name of an activity. Its id has no room beside the bars; the chain of reasons has it.
fn title_cell(row: &Row<'_>, has_id: bool) -> Markup {
    let activity = row.activity;
    html! {
        th scope="row" {
            a href=(ui::explain_href(activity.id.as_str())) title=(activity.title) { (activity.title) }
            @if has_id { small.id { (activity.id) } }
        }
    }
}

fn float(row: &Row<'_>) -> Markup {
    html! {
        @if row.activity.finished { (ui::dash()) }
        @else if row.activity.critical { span.critical { "critical" } }
        @else { (format!("{:.0} d", row.activity.total_float.max(0.0))) }
    }
}

fn gantt_row(row: &Row<'_>, scale: &Scale) -> Markup {
    let activity = row.activity;
    html! {
        tr {
            (title_cell(row, false))
            td.num.nowrap { (ui::date(row.start)) }
            td.num.nowrap { (ui::date(row.finish_p80)) }
            td.num.nowrap { (float(row)) }
            td.time { a href=(ui::explain_href(activity.id.as_str())) tabindex="-1" aria-hidden="true" { (gantt::bar(row, scale)) } }
        }
    }
}

fn table_row(seen: &Seen, row: &Row<'_>) -> Markup {
    let activity = row.activity;
    let band = activity.band.as_str();
    html! {
        tr {
            (title_cell(row, true))
            td {
                (teams(seen.bundle(), row))
                small { span class={ "band " (band) } { (band) } }
            }
            td.num.nowrap { (ui::date(row.start)) }
            td.num.nowrap { (ui::date(row.finish_p50)) }
            td.num.nowrap { (ui::date(row.finish_p80)) }
            td.num.nowrap { (float(row)) }
            td.num { (longlead_horizon::percent(activity.criticality)) }
            td { (state(row)) }
            td { (edit_cell(seen, row)) }
        }
    }
}

fn teams(bundle: &Bundle, row: &Row<'_>) -> Markup {
    html! {
        @if row.activity.teams.is_empty() { (ui::dash()) }
        @for (index, id) in row.activity.teams.iter().enumerate() {
            @if index > 0 { ", " }
            (bundle.records.teams.get(id).map_or(id.as_str(), |it| it.title.as_str()))
        }
    }
}

fn state(row: &Row<'_>) -> Markup {
    match (row.progress, row.milestone) {
        (Progress::Finished, _) => ui::badge(longlead_horizon::State::Done),
        (_, Some(milestone)) if milestone.target.is_some() => ui::badge(milestone.state),
        (Progress::UnderWay, _) => html! { span.badge.info { "under way" } },
        (Progress::Waiting, _) => html! { span.muted { "not started" } },
    }
}

/// The estimate and what has happened; a click turns it into a form for those who may change it.
fn edit_cell(seen: &Seen, row: &Row<'_>) -> Markup {
    let id = row.activity.id.as_str();
    let href = edit::href(id);
    let may_edit = edit::may_edit(seen, id);
    let told = edit::told(seen, id, row.estimate.as_deref(), None);
    html! {
        @if may_edit {
            div.in-place data-edit=(href) aria-label={ "Change " (row.activity.title) } {
                (told)
                a.no-script href=(href) { "Change" }
            }
        } @else { (told) }
    }
}

fn pager(asked: &Asked, listing: &Listing<'_>) -> Markup {
    let to = |page: usize| asked.href(|it| it.page = page.to_string());
    let first = listing.first + 1;
    let last = listing.first + listing.rows.len();
    html! {
        @if listing.found > listing.rows.len() {
            nav.pager aria-label="Pages" {
                span { (first) "–" (last) " of " (listing.found) }
                span.group {
                    @if listing.page > 1 { a.button href=(to(listing.page - 1)) rel="prev" { "Before" } }
                    @if last < listing.found { a.button href=(to(listing.page + 1)) rel="next" { "Next" } }
                }
            }
        }
    }
}

/// The key of an authored activity.
fn activity_key(id: &str) -> RecordKey {
    RecordKey::Record(Kind::Activity, id.to_owned())
}

#[cfg(test)]
mod tests;
