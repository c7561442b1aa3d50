//! `/history`: what was changed, by whom, when and why.

pub(crate) mod as_of;
pub(crate) mod change_set;
pub(crate) mod record;

use axum::extract::Query;
use axum::response::Html;
use longlead_model::{Kind, RecordKey};
use longlead_records::people::{User, UserId};
use longlead_records::{Change, ChangeFilter, Sequence};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use crate::form::{Names, key_href};
use crate::layout::{self, Page};
use crate::page::records::show::{day_of, end_of};
use crate::page::records::{Newest, counted, diff, kind_of};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    who: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    since: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    until: String,
    /// Change sets before this one: the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
}

/// Change sets on a page.
const PAGE_SETS: usize = 50;
/// Changes that are read for a page at a time, and times that it is tried: someone who sees few
/// records may find none of theirs among many.
const READ_ROWS: u32 = 500;
const READS_MAX: usize = 20;
/// Times that a page which has something to show is read for: imports change many records at once.
const READS_ENOUGH: usize = 3;
/// Records of a change set that the list names.
const NAMED_MAX: usize = 4;

/// The changes of one change set that the reader sees.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) sequence: Sequence,
    pub(crate) changes: Vec<Change>,
}

pub(crate) async fn index(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let filter = filter(&asked)?;
    let (sets, next) = sets(&seen, filter).await?;
    let users = match seen.sight.is_whole() {
        true => seen.app.people().users().await?,
        false => Vec::new(),
    };
    let newest = Newest::of(&seen);
    let names = Names::new(&seen, newest.bundle(&seen));
    let main = html! {
        (filters(&asked, &users, &newest))
        @if sets.is_empty() {
            (ui::empty("No changes", "No change fits these filters. Every change to a record stands here as soon as it is saved.", Some(("/history", "All changes"))))
        } @else {
            div.scroll { table.data data-rows {
                caption.visually-hidden { "Changes, newest first" }
                thead { tr {
                    th.num scope="col" { "Change" } th scope="col" { "When" } th scope="col" { "Who" }
                    th scope="col" { "Why" } th scope="col" { "Records" }
                } }
                tbody { @for set in &sets { (row(set, &names)) } }
            } }
            @if let Some(next) = next {
                nav.pager aria-label="Pages" { span {} a.button rel="next" href=(href(&Asked { before: Some(next.get()), ..asked.clone() })) { "Older changes" } }
            }
        }
    };
    let page = Page {
        title: "History",
        section: "/history",
        lede: Some(
            html! { "Every change is kept: who, when, why, before and after. The product can be seen as of any day." },
        ),
        tools: html! { (as_of_form("")) },
        main,
        live: asked.before.is_none(),
    };
    Ok(layout::page(&seen, &page))
}

/// The way to the product as of a day.
pub(crate) fn as_of_form(day: &str) -> Markup {
    html! {
        form.filters method="get" action="/history/as-of" {
            label { span.visually-hidden { "As of" } input type="date" name="at" required value=(day) aria-label="The product as of this day"; }
            button.button { "See the product then" }
        }
    }
}

fn href(asked: &Asked) -> String {
    format!("/history?{}", serde_urlencoded::to_string(asked).unwrap_or_default())
}

fn filter(asked: &Asked) -> Result<ChangeFilter, Problem> {
    let kind = match asked.kind.as_str() {
        "" | "settings" => None,
        kind => Some(kind_of(kind)?),
    };
    let key = (asked.kind == "settings").then_some(RecordKey::Settings);
    let who = match asked.who.as_str() {
        "" => None,
        who => Some(
            who.parse::<UserId>().map_err(|_| Problem::bad_request("There is no such person"))?,
        ),
    };
    let start = |day: &str| {
        let start = day_of(day)?.to_zoned(jiff::tz::TimeZone::UTC);
        start.map(|it| it.timestamp()).map_err(|_| Problem::bad_request("This day is out of range"))
    };
    let since = (!asked.since.is_empty()).then(|| start(&asked.since)).transpose()?;
    let until = (!asked.until.is_empty()).then(|| end_of(day_of(&asked.until)?)).transpose()?;
    let before_sequence = asked.before.map(Sequence::from);
    Ok(ChangeFilter { key, kind, who, since, until, before_sequence, limit: Some(READ_ROWS) })
}

/// Change sets as far as the reader sees them, newest first, and where the next page begins.
async fn sets(
    seen: &Seen,
    mut filter: ChangeFilter,
) -> Result<(Vec<Set>, Option<Sequence>), Problem> {
    let mut sets: Vec<Set> = Vec::new();
    for read in 1..=READS_MAX {
        let changes = seen.app.journal().changes(&filter).await?;
        let is_last = changes.len() < READ_ROWS as usize;
        let Some(last) = changes.last().map(|change| change.sequence) else {
            return Ok((sets, None));
        };
        for change in changes.into_iter().filter(|change| seen.sees(&change.key)) {
            let last = sets.last().map(|set| set.sequence);
            if last == Some(change.sequence) {
                sets.last_mut().into_iter().for_each(|set| set.changes.push(change.clone()));
            } else if sets.len() == PAGE_SETS {
                return Ok((sets, last));
            } else {
                sets.push(Set { sequence: change.sequence, changes: vec![change] });
            }
        }
        if is_last {
            return Ok((sets, None));
        }
        if read >= READS_ENOUGH && !sets.is_empty() {
            return Ok((sets, Some(last)));
        }
        filter.before_sequence = Some(last);
    }
    Ok((sets, filter.before_sequence))
}

fn filters(asked: &Asked, users: &[User], newest: &Newest) -> Markup {
    html! {
        form.filters method="get" action="/history" {
            label { "Kind" select name="kind" {
                option value="" { "All" }
                @for kind in Kind::ALL { option value=(kind) selected[kind.as_str() == asked.kind] { (kind.plural_word()) } }
                option value="settings" selected[asked.kind == "settings"] { "settings" }
            } }
            @if !users.is_empty() {
                label { "Who" select name="who" {
                    option value="" { "Anyone" }
                    @for user in users { option value=(user.id) selected[user.id.to_string() == asked.who] { (user.name) } }
                } }
            }
            label { "Since" input type="date" name="since" value=(asked.since); }
            label { "Until" input type="date" name="until" value=(asked.until); }
            button.button { "Filter" }
            span.muted { "The newest is change " (newest.snapshot.head) "." }
        }
    }
}

fn row(set: &Set, names: &Names<'_>) -> Markup {
    let Some(first) = set.changes.first() else {
        return html! {};
    };
    html! {
        tr {
            td.num { a.row-link href={ "/history/" (set.sequence) } { (set.sequence) } }
            td.nowrap { (ui::instant(first.at)) }
            td { (first.who_name) }
            td.wide { @match &first.why { Some(why) => (why), None => (ui::dash()) } }
            td {
                @for (number, change) in set.changes.iter().take(NAMED_MAX).enumerate() {
                    @if number > 0 { ", " }
                    (names.link_of(&change.key))
                }
                @if set.changes.len() > NAMED_MAX { span.muted { " + " (set.changes.len() - NAMED_MAX) } }
                small { (counts_of(&set.changes)) }
            }
        }
    }
}

/// How many records changes add, change and remove.
pub(crate) fn counts_of(changes: &[Change]) -> String {
    let count = |before: bool, after: bool| {
        let like = |it: &&Change| it.before.is_some() == before && it.after.is_some() == after;
        changes.iter().filter(like).count()
    };
    let counts = [(false, true, "added"), (true, true, "changed"), (true, false, "removed")];
    said(&counts.map(|(before, after, word)| (count(before, after), word)))
}

/// "2 added, 1 removed".
pub(crate) fn said(counts: &[(usize, &str)]) -> String {
    let told = counts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// One change of a record in full: what it did, and how to bring a version back.
pub(crate) fn change(change: &Change, names: &Names<'_>, is_open: bool) -> Markup {
    html! {
        details.card.change open[is_open] {
            summary { span.change-head {
                (diff::verb(change.before.as_deref(), change.after.as_deref()))
                (names.link_of(&change.key))
                span.id { (change.key) }
            } }
            (diff::change(&change.key, change.before.as_deref(), change.after.as_deref(), names))
            p.toolbar {
                a.button.small.quiet href={ (key_href(&change.key)) "/history" } { "History of this record" }
                a.button.small.quiet href={ (key_href(&change.key)) "?version=" (change.sequence) } { "The record then" }
            }
        }
    }
}

pub(crate) fn records(count: usize) -> String {
    counted(count, "record", "records")
}
