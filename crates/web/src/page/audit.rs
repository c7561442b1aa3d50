//! `/audit`: what bears on security, newest first. For owners.

use axum::extract::Query;
use axum::response::Html;
use longlead_records::people::{AuditEntry, AuditEvent, AuditFilter, UserId};
use maud::{Markup, html};
use serde::Deserialize;

use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// Entries on a page.
const PAGE: u32 = 100;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    who: String,
    #[serde(default)]
    event: String,
    before: Option<i64>,
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let filter = AuditFilter {
        who: asked.who.parse::<UserId>().ok(),
        event: asked.event.parse::<AuditEvent>().ok(),
        before_id: asked.before,
        limit: Some(PAGE),
        ..AuditFilter::default()
    };
    let entries = seen.app.people().audit(&filter).await?;
    let users = seen.app.people().users().await?;
    let main = html! {
        form.filters method="get" action="/audit" {
            label for="who" { "Who" }
            select #who name="who" {
                option value="" { "Everyone" }
                @for user in &users { option value=(user.id) selected[filter.who == Some(user.id)] { (user.name) } }
            }
            label for="event" { "What" }
            select #event name="event" {
                option value="" { "Everything" }
                @for event in AuditEvent::ALL { option value=(event) selected[filter.event == Some(*event)] { (event.as_str().replace('_', " ")) } }
            }
            button.button { "Show" }
        }
        @if entries.is_empty() { (ui::empty("Nothing here", "No entry fits the filter.", Some(("/audit", "Show everything")))) }
        @else { (table(&entries)) (pager(&asked, &entries)) }
    };
    let lede = html! { "Who signed in, and who changed what others may do. Changes of records stand under " a href="/history" { "History" } "." };
    let page = Page {
        title: "Audit",
        section: "/audit",
        lede: Some(lede),
        tools: html! {},
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

fn table(entries: &[AuditEntry]) -> Markup {
    html! {
        div.scroll { table.data {
            thead { tr {
                th scope="col" { "When (UTC)" } th scope="col" { "Who" } th scope="col" { "What" }
                th scope="col" { "To whom or what" } th scope="col" { "From" }
            } }
            tbody { @for entry in entries {
                tr {
                    td.nowrap { (ui::instant(entry.at)) }
                    td { (entry.who_name) }
                    td { (entry.event.as_str().replace('_', " ")) }
                    td { (entry.detail) }
                    td.mono { (entry.client) }
                }
            } }
        } }
    }
}

fn pager(asked: &Asked, entries: &[AuditEntry]) -> Markup {
    let last = entries.last().filter(|_| entries.len() as u32 == PAGE);
    html! {
        @if let Some(last) = last {
            @let query = serde_urlencoded::to_string([("who", &asked.who), ("event", &asked.event), ("before", &last.id.to_string())]);
            nav.pager { a.button href={ "/audit?" (query.unwrap_or_default()) } { "Earlier" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use longlead_records::people::Role;

    use crate::testing::{app, person};

    #[tokio::test(flavor = "multi_thread")]
    async fn owners_see_who_signed_in_and_nobody_else_does() {
        let app = app().await;
        let (owner, product) = (person(&app, Role::Owner).await, person(&app, Role::Product).await);
        let page = owner.get("/audit").await.text;
        assert!(page.contains("signed in"), "{page}");
        assert_eq!(product.get("/audit").await.status, StatusCode::FORBIDDEN);
    }
}
