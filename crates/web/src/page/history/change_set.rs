//! `/history/SEQUENCE`: one change set, and what it moved.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::Html;
use jiff::civil::Date;
use longlead_model::Kind;
use longlead_records::{Change, ChangeFilter, LoggedDate, LoggedForecast, LoggedKind, Sequence};
use maud::{Markup, html};

use super::{change, counts_of, records};
use crate::form::Names;
use crate::layout::{self, Page};
use crate::page::comparison::moved;
use crate::page::records::Newest;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// Changes of one change set that are shown.
const SHOWN_MAX: usize = 200;
/// Change sets with more changes are shown folded.
const OPEN_MAX: usize = 5;

pub(crate) async fn show(
    seen: Seen,
    Path(sequence): Path<String>,
) -> Result<Html<String>, Problem> {
    let missing = || {
        Problem::not_found(format!("There is no change `{sequence}`"))
            .detail("History lists those that there are.")
    };
    let number: u64 = sequence.parse().map_err(|_| missing())?;
    let filter = ChangeFilter {
        before_sequence: Some(Sequence::from(number.saturating_add(1))),
        limit: Some(1),
        ..ChangeFilter::default()
    };
    let mut changes = seen.app.journal().changes(&filter).await?;
    changes.retain(|change| change.sequence.get() == number && seen.sees(&change.key));
    let Some(first) = changes.first() else {
        return Err(missing());
    };
    let forecasts = forecasts(&seen, first).await?;
    let newest = Newest::of(&seen);
    let names = Names::new(&seen, newest.bundle(&seen));
    let main = html! {
        div.stack {
            section.card { dl.facts {
                dt { "Who" } dd { (first.who_name) }
                dt { "When" } dd { (ui::instant(first.at)) }
                dt { "What" } dd { (records(changes.len())) ": " (counts_of(&changes)) }
            } }
            (effect(&seen, forecasts.as_ref()))
            h2 { "Records" }
            @for it in changes.iter().take(SHOWN_MAX) { (change(it, &names, changes.len() <= OPEN_MAX)) }
            @if changes.len() > SHOWN_MAX { p.muted { "And " (changes.len() - SHOWN_MAX) " more records." } }
        }
    };
    let title = format!("Change {number}");
    let head = newest.snapshot.head.get();
    let page = Page {
        title: &title,
        section: "/history",
        lede: Some(html! { @match &first.why { Some(why) => (why), None => "Nobody said why." } }),
        tools: html! {
            @if number > 1 { a.button.quiet rel="prev" href={ "/history/" (number - 1) } { "Earlier" } }
            @if number < head { a.button.quiet rel="next" href={ "/history/" (number + 1) } { "Later" } }
            a.button href="/history" { "All changes" }
        },
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

/// The forecasts that were logged before a change and with it.
struct Forecasts {
    before: LoggedForecast,
    after: LoggedForecast,
}

async fn forecasts(seen: &Seen, change: &Change) -> Result<Option<Forecasts>, Problem> {
    let journal = seen.app.journal();
    let Some(after) = journal.forecast_at(change.sequence).await? else {
        return Ok(None);
    };
    let before = journal.forecast_before(change.sequence).await?;
    Ok(before.map(|before| Forecasts { before, after }))
}

/// Dates that a change moved: those that the forecasts before and after tell differently.
fn effect(seen: &Seen, forecasts: Option<&Forecasts>) -> Markup {
    let Some(Forecasts { before, after }) = forecasts else {
        return html! {
            section.card {
                h2 { "What it moved" }
                p.muted { "No forecast was logged with this change: it moved no date, or the next change came before the plan was computed." }
            }
        };
    };
    let rows = rows(seen, &before.items, &after.items);
    html! {
        section.card.flush {
            div.section-head {
                h2 { "What it moved" }
                span.muted { "The forecast with it against the one before, of change " (before.sequence) "." }
            }
            @if before.as_of != after.as_of {
                p.muted.pad { "The day has changed, too: from " (ui::date(before.as_of)) " to " (ui::date(after.as_of)) "." }
            }
            @if rows.is_empty() { p.muted.pad { "No milestone and no decide-by date." } }
            @else { (moved_dates(&rows)) }
        }
    }
}

fn moved_dates(rows: &[Row]) -> Markup {
    html! {
        div.scroll { table.data {
            caption.visually-hidden { "Dates that moved" }
            thead { tr {
                th scope="col" { "Of" } th scope="col" { "Date" }
                th.num scope="col" { "Before" } th.num scope="col" { "After" } th.num scope="col" { "Moved" }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (row.name) }
                td { (row.what) }
                td.num { (ui::maybe_date(row.before)) }
                td.num { (ui::maybe_date(row.after)) }
                td.num { (moved(row.days())) }
            } } }
        } }
    }
}

struct Row {
    name: Markup,
    what: &'static str,
    before: Option<Date>,
    after: Option<Date>,
}

impl Row {
    fn days(&self) -> Option<i32> {
        self.before.zip(self.after).map(|(before, after)| (after - before).get_days())
    }
}

fn rows(seen: &Seen, before: &[LoggedDate], after: &[LoggedDate]) -> Vec<Row> {
    type Pair<'a> = (Option<&'a LoggedDate>, Option<&'a LoggedDate>);
    let names = Names::new(seen, seen.bundle());
    let mut pairs: BTreeMap<(bool, &str), Pair<'_>> = BTreeMap::new();
    for item in before {
        pairs.entry((item.kind == LoggedKind::Decision, &item.id)).or_default().0 = Some(item);
    }
    for item in after {
        pairs.entry((item.kind == LoggedKind::Decision, &item.id)).or_default().1 = Some(item);
    }
    let told = pairs.into_iter().filter_map(|((is_decision, id), (before, after))| {
        if !seen.sight.is_whole() && !is_shared(seen, is_decision, id) {
            return None;
        }
        let date = |it: Option<&LoggedDate>| it.and_then(|it| if is_decision { it.decide_by } else { it.p80 });
        let (before, after) = (date(before), date(after));
        let name = match is_decision {
            true => html! { a href={ "/decisions/" (id) } { (names.title(Kind::Decision, id).unwrap_or(id)) } },
            false => names.link(Kind::Activity, id),
        };
        let what = if is_decision { "decide by" } else { "80 % sure" };
        (before != after).then_some(Row { name, what, before, after })
    });
    told.collect()
}

/// Whether a partner sees the milestone or decision that a logged date is of.
fn is_shared(seen: &Seen, is_decision: bool, id: &str) -> bool {
    let Ok(forecast) = seen.forecast() else {
        return false;
    };
    match is_decision {
        true => forecast.decisions.iter().any(|it| it.id.as_str() == id),
        false => forecast.milestones.iter().any(|it| it.id.as_str() == id),
    }
}
