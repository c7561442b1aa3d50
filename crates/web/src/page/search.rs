//! `/search`: finds anything by a few letters, for the palette and as a page.

use axum::Json as JsonBody;
use axum::extract::Query;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use longlead_model::{Kind, RecordKey};
use maud::html;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::layout::{self, Page};
use crate::reader::Seen;
use crate::ui;

/// How many are told.
const FOUND_MAX: usize = 30;

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

/// Something that was found, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Found {
    title: String,
    /// What tells it from others of that title: its id, mostly.
    hint: String,
    kind: String,
    href: String,
}

pub(crate) async fn search(seen: Seen, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let items = find(&seen, &asked.q);
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if !accept.is_some_and(|accept| accept.contains("text/html")) {
        return JsonBody(json!({ "items": items })).into_response();
    }
    let main = html! {
        form.filters method="get" action="/search" role="search" {
            label for="q" { "Search" }
            input #q name="q" type="search" value=(asked.q) size="40" autofocus;
            button.button { "Search" }
        }
        @if asked.q.trim().is_empty() {
            (ui::empty("Find anything", "Type a few letters of a name, an id or a part number. Ctrl K searches from every page.", None))
        } @else if items.is_empty() {
            (ui::empty("Nothing found", "Try fewer letters, or a part of the id.", Some(("/records", "Browse all records"))))
        } @else {
            div.scroll { table.data {
                thead { tr { th scope="col" { "Name" } th scope="col" { "What" } th scope="col" { "Id" } } }
                tbody { @for item in &items {
                    tr {
                        th scope="row" { a href=(item.href) { (item.title) } }
                        td { (item.kind) }
                        td.id { (item.hint) }
                    }
                } }
            } }
        }
    };
    let page = Page {
        title: "Search",
        section: "/search",
        lede: None,
        tools: html! {},
        main,
        live: false,
    };
    layout::page(&seen, &page).into_response()
}

/// What matches, the best first.
fn find(seen: &Seen, query: &str) -> Vec<Found> {
    let query = query.trim().to_lowercase();
    if query.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(u32, Found)> = Vec::new();
    records(seen, &query, &mut found);
    activities(seen, &query, &mut found);
    kinds(seen, &query, &mut found);
    found.sort_by(|(a, one), (b, other)| {
        (a, one.title.len(), &one.title, &one.hint).cmp(&(
            b,
            other.title.len(),
            &other.title,
            &other.hint,
        ))
    });
    found.dedup_by(|(_, a), (_, b)| a.href == b.href);
    found.into_iter().take(FOUND_MAX).map(|(_, found)| found).collect()
}

fn records(seen: &Seen, query: &str, found: &mut Vec<(u32, Found)>) {
    let records = &seen.bundle().records;
    for kind in Kind::ALL {
        for id in records.ids(*kind) {
            let title = records.title(*kind, id).unwrap_or(id);
            let number = match kind {
                Kind::Part => records.parts.get(id).and_then(|part| part.mpn.as_deref()),
                _ => None,
            };
            let ranks = [Some(title), Some(id), number].into_iter().flatten();
            let Some(rank) = ranks.filter_map(|text| rank(text, query)).min() else {
                continue;
            };
            let item = Found {
                title: title.to_owned(),
                hint: number.unwrap_or(id).to_owned(),
                kind: kind.word(),
                href: page_of(*kind, id),
            };
            found.push((rank, item));
        }
    }
}

/// Where a record is best looked at.
fn page_of(kind: Kind, id: &str) -> String {
    match kind {
        Kind::Feature => format!("/features/{id}"),
        Kind::Revision => format!("/hardware/{id}"),
        Kind::Decision => format!("/decisions/{id}"),
        Kind::Scenario => format!("/scenarios/{id}"),
        Kind::Milestone => format!("/forecast/{id}"),
        kind => ui::key_href(&RecordKey::Record(kind, id.to_owned())),
    }
}

/// What follows from records and has no page of its own.
fn activities(seen: &Seen, query: &str, found: &mut Vec<(u32, Found)>) {
    let Ok(forecast) = seen.forecast() else {
        return;
    };
    let derived = forecast.activities.iter().filter(|it| it.id.as_str().contains(':'));
    for activity in derived {
        let ranks = [activity.title.as_str(), activity.id.as_str()];
        if let Some(rank) = ranks.iter().filter_map(|text| rank(text, query)).min() {
            let item = Found {
                title: activity.title.clone(),
                hint: activity.id.to_string(),
                kind: "in the plan".to_owned(),
                href: ui::explain_href(activity.id.as_str()),
            };
            // Records come first: the plan follows from them.
            found.push((rank + 1, item));
        }
    }
    for decision in forecast.decisions.iter().filter(|decision| decision.derived) {
        if let Some(rank) = rank(&decision.title, query) {
            let item = Found {
                title: decision.title.clone(),
                hint: decision.id.to_string(),
                kind: "decision".to_owned(),
                href: format!("/decisions/{}", decision.id),
            };
            found.push((rank, item));
        }
    }
}

/// Lists of records, and new ones.
fn kinds(seen: &Seen, query: &str, found: &mut Vec<(u32, Found)>) {
    for kind in Kind::ALL {
        let word = kind.word();
        let Some(rank) = rank(&word, query).or_else(|| rank(&format!("new {word}"), query)) else {
            continue;
        };
        let list = Found {
            title: format!("All records: {word}"),
            hint: kind.as_str().to_owned(),
            kind: "page".to_owned(),
            href: format!("/records/{kind}"),
        };
        found.push((rank + 2, list));
        if seen.may_add(*kind) {
            let new = Found {
                title: format!("New {word}"),
                hint: kind.as_str().to_owned(),
                kind: "command".to_owned(),
                href: format!("/records/{kind}/new"),
            };
            found.push((rank + 2, new));
        }
    }
}

/// How well a text matches: the same, its beginning, the beginning of a word, somewhere in it, or
/// its letters in order. Lower is better; none if it doesn't.
fn rank(text: &str, query: &str) -> Option<u32> {
    let text = text.to_lowercase();
    if text == query {
        return Some(0);
    }
    match text.find(query) {
        Some(0) => Some(10),
        Some(_) if at_word(&text, query) => Some(20),
        Some(_) => Some(30),
        None if words_in(&text, query) => Some(25),
        None if query.chars().count() >= 3 && in_order(&text, query) => Some(40),
        None => None,
    }
}

fn at_word(text: &str, query: &str) -> bool {
    text.match_indices(query).any(|(at, _)| {
        text.get(..at)
            .and_then(|before| before.chars().next_back())
            .is_none_or(|it| !it.is_alphanumeric())
    })
}

/// Whether each word that was typed begins a word of the text.
fn words_in(text: &str, query: &str) -> bool {
    query.contains(' ') && query.split_whitespace().all(|word| at_word(text, word))
}

/// Whether the letters stand in the text in this order, not far apart.
fn in_order(text: &str, query: &str) -> bool {
    let mut rest = text.char_indices();
    let mut first = None;
    let mut last = 0;
    for letter in query.chars() {
        let Some((at, _)) = rest.find(|(_, it)| *it == letter) else {
            return false;
        };
        first.get_or_insert(at);
        last = at;
    }
    last - first.unwrap_or(0) < query.len() * 3
}

#[cfg(test)]
mod tests {
    use longlead_records::people::Role;

    use super::*;
    use crate::testing::{app, person};

    #[test]
    fn what_is_nearest_to_what_was_typed_comes_first() {
        let ranks = |query: &str| {
            ["light sensor", "light-sensor", "floodlight", "sensor light", "lightning"]
                .map(|it| rank(it, query))
        };
        assert_eq!(ranks("light"), [Some(10), Some(10), Some(30), Some(20), Some(10)]);
        assert_eq!(ranks("light sensor"), [Some(0), Some(25), None, Some(25), None]);
        assert_eq!(rank("light sensor at the far end", "ltd"), None);
        assert_eq!(rank("nrf9161", "n91"), Some(40));
        assert_eq!(rank("light", "z"), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn records_are_found_by_name_id_and_part_number() {
        let app = app().await;
        let viewer = person(&app, Role::Viewer).await;
        for (query, href) in [
            ("door-open", "/features/door-open-alerts"),
            ("light sensor on tracker", "/decisions/light-sensor"),
            ("NRF9161", "/records/part/nrf9161-laca"),
            ("supplier", "/records/supplier"),
        ] {
            let page = viewer.get(&format!("/search?q={}", query.replace(' ', "+"))).await.text;
            assert!(page.contains(&format!("href=\"{href}\"")), "{query}: {page}");
        }
        assert!(viewer.get("/search?q=zzzzqqq").await.text.contains("Nothing found"));
    }
}
