//! `/history/as-of`: the product as it was on a day, against what it is now.

use std::sync::Arc;

use axum::extract::Query;
use axum::response::Html;
use jiff::civil::Date;
use longlead_model::{Bundle, Edit, Kind, RecordKey};
use maud::{Markup, html};
use serde::Deserialize;

use super::{as_of_form, records, said};
use crate::engine::Outlook;
use crate::form::key_href;
use crate::layout::{self, Page};
use crate::page::records::effect::{self, Effect, moves};
use crate::page::records::show::{day_of, end_of};
use crate::page::records::{Newest, capitalised, diff};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    at: String,
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    if asked.at.trim().is_empty() {
        return Ok(without_day(&seen));
    }
    let day = day_of(&asked.at)?;
    let at = end_of(day)?;
    let (journal, engine) = (seen.app.journal(), seen.app.engine());
    let sequence = journal.sequence_at(at).await?;
    let kept = engine.as_it_was(sequence, at);
    let snapshot = match &kept {
        Some(kept) => Arc::clone(&kept.snapshot),
        None => Arc::new(journal.at_sequence(sequence).await?),
    };
    if snapshot.bundle.records.count() == 0 {
        let text = "The first records came after this day.";
        let main = ui::empty("There was nothing yet", text, Some(("/history", "History")));
        return Ok(frame(&seen, day, main));
    }
    let as_of = crate::engine::day(&snapshot.bundle, at);
    let then = match kept {
        Some(kept) => Ok(kept),
        None => engine.of_snapshot(Arc::clone(&snapshot), as_of).await,
    };
    let (effect, milestones) = match then {
        Ok(then) => {
            let now = Arc::clone(&seen.outlook);
            let effect = effect::between(&seen, Arc::clone(&then), now).await?;
            (effect, milestones(&seen, then).await?)
        }
        Err(told) => (Effect::Unplanned(told), html! { p.muted { "There was no plan." } }),
    };
    let newest = Newest::of(&seen);
    let (was, is) = (&snapshot.bundle, &newest.snapshot.bundle);
    let mut edits = was.edits_to(is);
    edits.retain(|edit| seen.sees(&edit.key));
    let main = html! {
        div.stack {
            p.notice.info { span {
                "The product at the end of " (ui::date(day)) ", after change "
                a href={ "/history/" (snapshot.head) } { (snapshot.head) } ". Its facts held on " (ui::date(as_of)) "."
            } }
            div.split {
                div.stack {
                    section.card {
                        h2 { "What has moved since" }
                        p.muted { "Before: the forecast of then. After: the forecast of today." }
                        (moves(&effect))
                    }
                    (since(&edits, was, day))
                }
                aside.stack {
                    section.card.flush { h2 { "Forecast then" } (milestones) }
                    (counts(&seen, was, is))
                }
            }
        }
    };
    Ok(frame(&seen, day, main))
}

fn frame(seen: &Seen, day: Date, main: Markup) -> Html<String> {
    let title = format!("The product on {}", longlead_horizon::day(day));
    let page = Page {
        title: &title,
        section: "/history",
        lede: Some(html! { "What was known and believed then, against what is known now." }),
        tools: as_of_form(&day.to_string()),
        main,
        live: false,
    };
    layout::page(seen, &page)
}

fn without_day(seen: &Seen) -> Html<String> {
    let page = Page {
        title: "The product as of a day",
        section: "/history",
        lede: Some(
            html! { "Choose a day to see all records as they were, and what has moved since." },
        ),
        tools: html! {},
        main: as_of_form(""),
        live: false,
    };
    layout::page(seen, &page)
}

/// The milestones as they were forecast.
async fn milestones(seen: &Seen, then: Arc<Outlook>) -> Result<Markup, Problem> {
    let then = Seen::new(seen.app.clone(), seen.reader.clone(), then).await?;
    let Ok(forecast) = then.forecast() else {
        return Ok(html! { p.muted.pad { "There was no plan." } });
    };
    Ok(html! {
        div.scroll { table.data {
            caption.visually-hidden { "Milestones as they were forecast then" }
            thead { tr { th scope="col" { "Milestone" } th.num scope="col" { "P80" } } }
            tbody { @for milestone in &forecast.milestones { tr {
                th scope="row" { (milestone.title) }
                td.num.nowrap { (ui::date(milestone.p80)) }
            } } }
        } }
    })
}

/// Records that are shown.
const SHOWN_MAX: usize = 100;

/// Records that were added, changed or removed since.
fn since(edits: &[Edit], was: &Bundle, day: Date) -> Markup {
    let added = edits.iter().filter(|edit| text_then(was, &edit.key).is_none()).count();
    let removed = edits.iter().filter(|edit| edit.after.is_none()).count();
    let changed = edits.len().saturating_sub(added + removed);
    let counts = [(added, "added"), (changed, "changed"), (removed, "removed")];
    html! {
        section.card.flush {
            div.section-head {
                h2 { "Records that differ" }
                span.muted { (records(edits.len())) @if !edits.is_empty() { ": " (said(&counts)) } "." }
            }
            @if edits.is_empty() { p.muted.pad { "No record has changed since." } }
            @else { div.scroll { table.data {
                caption.visually-hidden { "Records that have changed since" }
                thead { tr { th scope="col" { "Record" } th scope="col" { "Kind" } th scope="col" { "Since" } th scope="col" { "See it" } } }
                tbody { @for edit in edits.iter().take(SHOWN_MAX) { (row(edit, was, day)) } }
            } } }
            @if edits.len() > SHOWN_MAX {
                p.muted.pad { "And " (edits.len() - SHOWN_MAX) " more. " a href={ "/history?since=" (day) } { "All changes since" } }
            }
        }
    }
}

/// The text of a record as it was; settings that were the defaults weren't written.
fn text_then(was: &Bundle, key: &RecordKey) -> Option<String> {
    was.text(key).filter(|text| !text.is_empty())
}

fn row(edit: &Edit, was: &Bundle, day: Date) -> Markup {
    let before = text_then(was, &edit.key);
    let title = |text: &str| {
        let record = diff::json_of_text(&edit.key, text)?;
        Some(record.get("title")?.as_str()?.to_owned())
    };
    let text = edit.after.as_deref().or(before.as_deref());
    let name = text.and_then(title).unwrap_or_else(|| capitalised(edit.key.id()));
    let kind = match &edit.key {
        RecordKey::Settings => "Settings".to_owned(),
        RecordKey::Record(kind, _) => capitalised(&kind.word()),
    };
    html! {
        tr {
            th scope="row" { (name) " " span.id.muted { (edit.key.id()) } }
            td { (kind) }
            td { (diff::verb(before.as_deref(), edit.after.as_deref())) }
            td.nowrap {
                @if before.is_some() { a href={ (key_href(&edit.key)) "?at=" (day) } { "then" } }
                @if before.is_some() && edit.after.is_some() { " · " }
                @if edit.after.is_some() { a href=(key_href(&edit.key)) { "now" } }
            }
        }
    }
}

/// How many records of each kind there were, and are.
fn counts(seen: &Seen, was: &Bundle, is: &Bundle) -> Markup {
    let count = |bundle: &Bundle, kind: Kind| {
        let ids = bundle.records.ids(kind).into_iter();
        ids.filter(|id| seen.sees(&RecordKey::Record(kind, (*id).to_owned()))).count()
    };
    let rows = Kind::ALL.iter().map(|kind| (*kind, count(was, *kind), count(is, *kind)));
    let rows: Vec<(Kind, usize, usize)> = rows.filter(|(_, was, is)| was + is > 0).collect();
    html! {
        section.card.flush {
            h2 { "Records then and now" }
            div.scroll { table.data {
                caption.visually-hidden { "Records by kind" }
                thead { tr { th scope="col" { "Kind" } th.num scope="col" { "Then" } th.num scope="col" { "Now" } } }
                tbody { @for (kind, was, is) in rows { tr {
                    th scope="row" { a href={ "/records/" (kind) } { (capitalised(&kind.plural_word())) } }
                    td.num { (was) }
                    td.num { @if was == is { span.muted { (is) } } @else { (is) } }
                } } }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use longlead_records::people::Role;

    use super::*;
    use crate::testing::{app, now, person};

    #[tokio::test]
    async fn the_product_of_a_day_is_read_once() {
        let app = app().await;
        let viewer = person(&app, Role::Viewer).await;
        let day: Date = "2026-11-23".parse().unwrap();
        let (at, head) = (end_of(day).unwrap(), app.journal().current().head);
        assert_eq!(app.journal().sequence_at(at).await.unwrap(), head);
        assert_eq!(
            app.journal()
                .sequence_at(now() - jiff::SignedDuration::from_hours(1))
                .await
                .unwrap()
                .get(),
            0
        );
        assert!(app.engine().as_it_was(head, at).is_none());
        let first = viewer.get("/history/as-of?at=2026-11-23").await;
        let kept = app.engine().as_it_was(head, at).expect("it is kept");
        let again = viewer.get("/history/as-of?at=2026-11-23").await;
        let still = app.engine().as_it_was(head, at).unwrap();
        assert!(Arc::ptr_eq(&kept, &still) && kept.sequence() == head);
        assert_eq!(first.text, again.text);
    }
}
