//! `/records/KIND/ID`: a record, what refers to it, and what follows from it.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use axum::response::Html;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use longlead_horizon::ActivityForecast;
use longlead_model::{Diagnostic, Kind, RecordKey};
use longlead_records::{Change, ChangeFilter, Sequence};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Newest, capitalised, diff, existing, key_of};
use crate::form::{Form, Names, facts, key_href, meanings};
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The change set that has just been committed here.
    saved: Option<u64>,
    /// The day as of which the record is to be shown.
    #[serde(default)]
    at: String,
    /// The change set after which it is to be shown.
    version: Option<u64>,
}

pub(crate) async fn show(
    seen: Seen,
    Path((kind, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let newest = Newest::of(&seen);
    if asked.version.is_some() || !asked.at.is_empty() {
        let key = key_of(&kind, &id)?;
        // What isn't there any more is shown to those who see everything.
        if !seen.sees(&key) {
            return Err(existing(&seen, &newest, &kind, &id)
                .err()
                .unwrap_or_else(|| Problem::not_found("There is no such record")));
        }
        return past(&seen, &newest, &key, &asked).await;
    }
    let key = existing(&seen, &newest, &kind, &id)?;
    let record = newest.json(&key).unwrap_or_default();
    let last = last_changes(&seen, &key).await?;
    Ok(page(&seen, &newest, &key, &record, &last, asked.saved))
}

/// Changes that the page of a record tells of.
const LAST_CHANGES: u32 = 3;

async fn last_changes(seen: &Seen, key: &RecordKey) -> Result<Vec<Change>, Problem> {
    let filter = ChangeFilter {
        key: Some(key.clone()),
        limit: Some(LAST_CHANGES),
        ..ChangeFilter::default()
    };
    let mut changes = seen.app.journal().changes(&filter).await?;
    changes.retain(|change| change.key == *key);
    Ok(changes)
}

fn page(
    seen: &Seen,
    newest: &Newest,
    key: &RecordKey,
    record: &Json,
    last: &[Change],
    saved: Option<u64>,
) -> Html<String> {
    let names = Names::new(seen, newest.bundle(seen));
    let form = Form::of_key(key);
    let href = key_href(key);
    let may_write = seen.may_write(key);
    let is_record = matches!(key, RecordKey::Record(..));
    let main = html! {
        (saved_notice(seen, saved))
        (warnings(seen, newest, key))
        div.split {
            div.stack {
                section.card {
                    (facts(&form.fields, record, &names))
                    @if record.as_object().is_none_or(|it| it.is_empty()) {
                        p.muted { "Nothing is set: the defaults hold." }
                    }
                }
                (follows(seen, key))
                details.card { summary { "What the fields mean" } (meanings(form)) }
            }
            aside.stack {
                (used_by(newest.bundle(seen), key, &names))
                (recent(key, last))
            }
        }
    };
    let title = names.called(key);
    let page = Page {
        title: &title,
        section: "/records",
        lede: Some(lede(key)),
        tools: html! {
            @if let RecordKey::Record(Kind::Decision, id) = key { a.button href={ "/decisions/" (id) } { "Memo" } }
            @if may_write {
                @if let (RecordKey::Record(kind, id), true) = (key, is_record) {
                    @if seen.may_add(*kind) { a.button.quiet href={ "/records/" (kind) "/new?from=" (id) } { "Duplicate" } }
                    a.button.quiet href={ (href) "/delete" } { "Remove" }
                }
                a.button.primary href={ (href) "/edit" } { "Edit" }
            }
        },
        main,
        live: true,
    };
    layout::page(seen, &page)
}

/// What a record is, and where it stands among the others.
pub(crate) fn lede(key: &RecordKey) -> Markup {
    match key {
        RecordKey::Settings => html! { "What holds for the whole product." },
        RecordKey::Record(kind, id) => html! {
            a href={ "/records/" (kind) } { (capitalised(&kind.word())) } " " span.id { (id) }
        },
    }
}

/// Tells that something was saved, and where its effect is told.
pub(crate) fn saved_notice(seen: &Seen, saved: Option<u64>) -> Markup {
    let Some(saved) = saved else {
        return html! {};
    };
    let is_planned = seen.outlook.sequence() >= Sequence::from(saved);
    html! {
        p.notice.good role="status" {
            span {
                "Saved as " a href={ "/history/" (saved) } { "change " (saved) } ". "
                @if is_planned { "The plan has it: see there what moved." }
                @else { "The plan is being computed; dates on this page follow in a moment." }
            }
        }
    }
}

/// What someone should look at in this record.
fn warnings(seen: &Seen, newest: &Newest, key: &RecordKey) -> Markup {
    let file = key.to_string();
    let is_here = |it: &&Diagnostic| it.place.as_ref().is_some_and(|place| place.file == file);
    let told: Vec<Diagnostic> =
        newest.snapshot.diagnostics.iter().filter(is_here).cloned().collect();
    ui::diagnostics(&super::edit::told_to(seen, told))
}

/// Who mentions the record, by kind.
fn used_by(bundle: &longlead_model::Bundle, key: &RecordKey, names: &Names<'_>) -> Markup {
    let RecordKey::Record(kind, id) = key else {
        return html! {};
    };
    let keys = bundle.mentioned_by(*kind, id);
    let mut by_kind: BTreeMap<&str, Vec<&RecordKey>> = BTreeMap::new();
    for key in &keys {
        by_kind.entry(key.kind_str()).or_default().push(key);
    }
    const LINKS_MAX: usize = 12;
    html! {
        section.card {
            h2 { "Used by" }
            @if keys.is_empty() { p.muted { "No other record refers to this " (kind.word()) "." } }
            dl.facts.used-by {
                @for (kind, keys) in &by_kind {
                    dt { (Kind::named(kind).map_or_else(|| "Settings".to_owned(), |kind| capitalised(&kind.plural_word()))) }
                    dd {
                        ul.plain-list { @for key in keys.iter().take(LINKS_MAX) { li { (names.link_of(key)) } } }
                        @if keys.len() > LINKS_MAX {
                            a.muted href={ "/records/" (kind) "?q=" (id) } { "and " (keys.len() - LINKS_MAX) " more" }
                        }
                    }
                }
            }
        }
    }
}

/// Rows of what follows that are shown.
const FOLLOWS_MAX: usize = 25;

/// Activities and milestones of the plan that rest on the record.
fn follows(seen: &Seen, key: &RecordKey) -> Markup {
    let (RecordKey::Record(kind, id), Ok(plan), Ok(forecast)) =
        (key, seen.whole_plan(), seen.forecast())
    else {
        return html! {};
    };
    let fact = (*kind, id.clone());
    let nodes = plan.derivation.nodes.iter().filter(|node| node.facts().contains(&fact));
    let ids: std::collections::BTreeSet<&str> = nodes.map(|node| node.id.as_str()).collect();
    // The forecast holds only what the reader sees.
    let mut activities: Vec<&ActivityForecast> =
        forecast.activities.iter().filter(|it| ids.contains(it.id.as_str())).collect();
    activities.sort_by(|a, b| (a.finish_p50, &a.id).cmp(&(b.finish_p50, &b.id)));
    let critical = activities.iter().filter(|it| it.critical).count();
    html! {
        @if !activities.is_empty() {
            section.card.flush {
                div.section-head {
                    h2 { "What follows from it" }
                    span.muted {
                        (super::counted(activities.len(), "step of the plan rests", "steps of the plan rest")) " on it"
                        @if critical > 0 { ", " (critical) " of them critical" }
                        "."
                    }
                }
                div.scroll { table.data {
                    caption.visually-hidden { "Steps of the plan that rest on this record" }
                    thead { tr {
                        th scope="col" { "Step" } th.num scope="col" { "Starts (P50)" }
                        th.num scope="col" { "Ends (P50)" } th.num scope="col" { "Ends (P80)" }
                    } }
                    tbody { @for activity in activities.iter().take(FOLLOWS_MAX) { tr {
                        th scope="row" { a.row-link href=(ui::explain_href(activity.id.as_str())) { (activity.title) } }
                        td.num { (ui::date(activity.start_p50)) }
                        td.num { (ui::date(activity.finish_p50)) }
                        td.num { (ui::date(activity.finish_p80)) }
                    } } }
                } }
                @if activities.len() > FOLLOWS_MAX { p.muted.pad { "And " (activities.len() - FOLLOWS_MAX) " later ones." } }
            }
        }
    }
}

fn recent(key: &RecordKey, last: &[Change]) -> Markup {
    html! {
        section.card {
            h2 { "History" a.button.small.quiet href={ (key_href(key)) "/history" } { "All changes" } }
            @if last.is_empty() { p.muted { "Nobody has changed this yet." } }
            ol.steps { @for change in last { li {
                span.when { (ui::instant(change.at)) " · " (change.who_name) }
                (diff::verb(change.before.as_deref(), change.after.as_deref()))
                @if let Some(why) = &change.why { " " (why) }
            } } }
        }
    }
}

/// The last instant of a day.
pub(crate) fn end_of(day: Date) -> Result<Timestamp, Problem> {
    let end = day.at(23, 59, 59, 999_999_999).to_zoned(TimeZone::UTC);
    end.map(|end| end.timestamp()).map_err(|_| Problem::bad_request("This day is out of range"))
}

/// A day that a page is asked for.
pub(crate) fn day_of(text: &str) -> Result<Date, Problem> {
    text.trim().parse().map_err(|_| {
        Problem::bad_request(format!("“{text}” is not a day")).detail("Write it like 2026-08-01.")
    })
}

/// A record as it was.
async fn past(
    seen: &Seen,
    newest: &Newest,
    key: &RecordKey,
    asked: &Asked,
) -> Result<Html<String>, Problem> {
    let until = if asked.at.is_empty() { None } else { Some(end_of(day_of(&asked.at)?)?) };
    let filter = ChangeFilter {
        key: Some(key.clone()),
        until,
        before_sequence: asked.version.map(|version| Sequence::from(version.saturating_add(1))),
        limit: Some(1),
        ..ChangeFilter::default()
    };
    let changes = seen.app.journal().changes(&filter).await?;
    let change = changes.into_iter().find(|change| change.key == *key);
    let then = match (until, asked.version) {
        (Some(_), _) => format!("at the end of {}", day_of(&asked.at).map(longlead_horizon::day)?),
        (None, version) => format!("after change {}", version.unwrap_or_default()),
    };
    Ok(past_page(seen, newest, key, change.as_ref(), &then))
}

fn past_page(
    seen: &Seen,
    newest: &Newest,
    key: &RecordKey,
    change: Option<&Change>,
    then: &str,
) -> Html<String> {
    let names = Names::new(seen, newest.bundle(seen));
    let form = Form::of_key(key);
    let text = change.and_then(|change| change.after.as_deref());
    let record = text.and_then(|text| diff::json_of_text(key, text));
    let now = newest.text(key);
    let is_newest = text.is_some() && text == now.as_deref();
    let title = record
        .as_ref()
        .and_then(|it| it.get("title")?.as_str())
        .unwrap_or(newest.title(key))
        .to_owned();
    let is_there = newest.has(seen, key);
    let main = html! {
        p.notice.info { span {
            "This is the record as it was " (then) "."
            @if is_newest { " It has not changed since." }
            @if is_there { " " a href=(key_href(key)) { "See it as it is now" } "." }
            @else { " It is not there any more." }
        } }
        @match (&record, text) {
            (Some(record), Some(text)) => {
                section.card { (facts(&form.fields, record, &names)) }
                @if let (Some(now), false) = (&now, is_newest) {
                    section.stack { h2 { "What has changed since" } (diff::change(key, Some(text), Some(now), &names)) }
                }
            }
            _ => { (ui::empty("It was not there", &format!("This record did not exist {then}."), Some((&format!("{}/history", key_href(key)), "Its history")))) }
        }
    };
    let page = Page {
        title: &title,
        section: "/records",
        lede: Some(lede(key)),
        tools: html! { a.button href={ (key_href(key)) "/history" } { "History" } },
        main,
        live: false,
    };
    layout::page(seen, &page)
}
