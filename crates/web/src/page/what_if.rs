//! `/what-if`: changes beside the real plan, and what would differ.

pub(crate) mod apply;
pub(crate) mod change;
mod changes;
mod difference;
pub(crate) mod draft;
pub(crate) mod save;
pub(crate) mod scenario;

use axum::Form;
use axum::extract::Query;
use axum::response::{Html, Redirect};
use longlead_model::{Bundle, RecordKey};
use longlead_records::people::Role;
use longlead_records::{Draft, DraftText};
use maud::{Markup, html};
use serde::Deserialize;

use crate::form;
use crate::layout::{self, Page, csrf};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;
use changes::Changes;

/// A record, and perhaps a field of it, that a link proposes to change.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Proposed {
    kind: Option<String>,
    id: Option<String>,
    field: Option<String>,
    /// A record as one text: `offer/digikey.nrf9161`.
    record: Option<String>,
}

impl Proposed {
    /// Whether anything is proposed.
    fn is_made(&self) -> bool {
        self.record.as_deref().is_some_and(|text| !text.trim().is_empty()) || self.kind.is_some()
    }

    fn key(&self) -> Option<RecordKey> {
        let joined = || Some(format!("{}/{}", self.kind.as_deref()?, self.id.as_deref()?));
        let text = self.record.clone().filter(|text| !text.trim().is_empty()).or_else(joined)?;
        // What the list offers has the title behind the id.
        text.split_whitespace().next()?.parse().ok()
    }
}

fn not_for_partners(seen: &Seen) -> Result<(), Problem> {
    if seen.reader.user.role != Role::Partner {
        return Ok(());
    }
    let detail = "A what-if is made of the whole plan, of which you see a part.";
    Err(Problem::forbidden("What-ifs are not shared with partners").detail(detail))
}

pub(crate) async fn list(seen: Seen) -> Result<Html<String>, Problem> {
    not_for_partners(&seen)?;
    let drafts = seen.app.journal().drafts(seen.reader.user.id).await?;
    let scenarios = &seen.bundle().records.scenarios;
    let main = html! {
        (create_form(&seen, &Proposed::default()))
        section {
            h2 { "Drafts" }
            @if drafts.is_empty() {
                (ui::empty("No drafts", "A draft changes facts beside the real plan: a lead time, a date, a part. You see at once what would differ, and nothing is decided until you apply it.", None))
            } @else { (draft_table(&seen, &drafts)) }
        }
        section {
            h2 { "Scenarios on record" }
            @if scenarios.is_empty() {
                p.muted { "None yet. A draft that is kept becomes one." }
            } @else {
                ul.list {
                    @for scenario in scenarios.values() {
                        li { a href={ "/scenarios/" (scenario.id) } { (scenario.title) } " " span.id { (scenario.id) } }
                    }
                }
            }
        }
    };
    let lede = html! { "Change facts beside the real plan, and see what would differ." };
    Ok(framed(&seen, "What if", Some(lede), html! {}, main, false))
}

fn framed(
    seen: &Seen,
    title: &str,
    lede: Option<Markup>,
    tools: Markup,
    main: Markup,
    live: bool,
) -> Html<String> {
    layout::page(seen, &Page { title, section: "/what-if", lede, tools, main, live })
}

fn draft_table(seen: &Seen, drafts: &[Draft]) -> Markup {
    html! {
        div.scroll {
            table.data {
                thead { tr {
                    th scope="col" { "What if" } th.num scope="col" { "Changes" }
                    th scope="col" { "Whose" } th scope="col" { "Saved" }
                } }
                tbody { @for draft in drafts {
                    tr {
                        th scope="row" { a href={ "/what-if/" (draft.id) } { (draft.title) } }
                        td.num { (Changes::of_text(&draft.changes).iter().count()) }
                        td { @if draft.owner == seen.reader.user.id { "yours" @if draft.shared { ", shared" } } @else { "shared with you" } }
                        td.nowrap { (ui::instant(draft.updated_at)) }
                    }
                } }
            }
        }
    }
}

/// A form that makes a draft, perhaps with a first record to change.
fn create_form(seen: &Seen, proposed: &Proposed) -> Markup {
    if !crate::rights::Needs::WriteRecords.met_by(seen.reader.user.role) {
        return html! {};
    }
    html! {
        form.filters method="post" action="/what-if" {
            (csrf(&seen.reader))
            @if let Some(key) = proposed.key() { input type="hidden" name="record" value=(key); }
            @if let Some(field) = &proposed.field { input type="hidden" name="field" value=(field); }
            label for="title" { "What if …" }
            input #title name="title" required maxlength="120" size="40" placeholder="the radio comes four weeks later" autofocus;
            button.button.primary { "Start" }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewDraft {
    title: String,
    record: Option<String>,
    field: Option<String>,
}

pub(crate) async fn new(
    seen: Seen,
    Query(proposed): Query<Proposed>,
) -> Result<Html<String>, Problem> {
    not_for_partners(&seen)?;
    let main = html! {
        @if let Some(key) = proposed.key() {
            p { "You can then change " a href=(ui::key_href(&key)) { (title_of(seen.bundle(), &key)) } " beside the real plan." }
        }
        (create_form(&seen, &proposed))
    };
    Ok(framed(&seen, "New what-if", None, html! {}, main, false))
}

pub(crate) async fn create(seen: Seen, Form(told): Form<NewDraft>) -> Result<Redirect, Problem> {
    not_for_partners(&seen)?;
    let title = told.title.trim();
    if title.is_empty() {
        return Err(Problem::bad_request("A what-if needs a title"));
    }
    let text = DraftText { title: title.to_owned(), changes: String::new(), shared: false };
    let (owner, now) = (seen.reader.user.id, seen.app.now());
    let draft = seen.app.journal().create_draft(owner, &text, now).await?;
    let mut query: Vec<(&str, &str)> = Vec::new();
    query.extend(told.record.as_deref().map(|record| ("record", record)));
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    let is_name =
        |field: &&str| field.chars().all(|it| it.is_ascii_alphanumeric() || "_.".contains(it));
    let field = told.field.as_deref().filter(is_name);
    let field = field.map_or_else(String::new, |field| format!("#{}", form::element_id(field)));
    Ok(Redirect::to(&format!("/what-if/{}?{query}{field}", draft.id)))
}

fn title_of(bundle: &Bundle, key: &RecordKey) -> String {
    let title = match key {
        RecordKey::Record(kind, id) => bundle.records.title(*kind, id),
        RecordKey::Settings => None,
    };
    title.map_or_else(|| key.id().to_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::testing::{app, person};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_what_if_is_made_looked_at_kept_and_applied() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let made = product.post("/what-if", &[("title", "Alerts a month later")]).await;
        let path = made.location.unwrap();
        let path = path.split('?').next().unwrap();
        assert!(product.get(path).await.text.contains("Nothing is changed yet"));
        let change = [
            ("record", "feature/door-open-alerts"),
            ("was", "{}"),
            ("action", "set"),
            ("f.target", "2027-09-30"),
        ];
        let added = product.post(&format!("{path}/add"), &change).await;
        assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
        let page = product.get(path).await.text;
        assert!(page.contains("2027-09-30") && page.contains("Door-open alerts"), "{page}");
        for action in ["keep", "delete", "share"] {
            let stale = product.post(&format!("{path}/{action}"), &[("version", "1")]).await;
            assert_eq!(stale.status, StatusCode::CONFLICT, "{action}");
            assert!(stale.text.contains("changed in another window"), "{}", stale.text);
            assert!(stale.text.contains("Door-open alerts"), "it is shown as it stands");
        }
        let kept = product.post(&format!("{path}/keep"), &[("version", "2")]).await;
        assert_eq!(kept.location.as_deref(), Some("/scenarios/alerts-a-month-later"));
        let sequence = app.journal().current().head.to_string();
        let stale = [("version", "1"), ("sequence", sequence.as_str()), ("why", "Told <twice>")];
        let stale = product.post(&format!("{path}/apply"), &stale).await;
        assert_eq!(stale.status, StatusCode::CONFLICT, "{}", stale.text);
        assert!(stale.text.contains("Nothing was applied"), "{}", stale.text);
        assert!(stale.text.contains("value=\"Told &lt;twice&gt;\""), "what was typed is kept");
        let apply = [("version", "2"), ("sequence", sequence.as_str()), ("why", "Agreed")];
        let applied = product.post(&format!("{path}/apply"), &apply).await;
        assert_eq!(applied.status, StatusCode::SEE_OTHER, "{}", applied.text);
        let now = app.journal().current();
        let text = now.bundle.text(&"feature/door-open-alerts".parse().unwrap()).unwrap();
        assert!(text.contains("2027-09-30"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_draft_is_its_owners_until_it_is_shared() {
        let app = app().await;
        let (one, other) = (person(&app, Role::Product).await, person(&app, Role::Supply).await);
        let made = one.post("/what-if", &[("title", "Mine")]).await.location.unwrap();
        let path = made.split('?').next().unwrap();
        assert_eq!(other.get(path).await.status, StatusCode::NOT_FOUND);
        one.post(&format!("{path}/share"), &[("version", "1")]).await;
        assert_eq!(other.get(path).await.status, StatusCode::OK);
        let refused = other.post(&format!("{path}/delete"), &[("version", "2")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_that_breaks_the_plan_is_told_where_it_stands() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let made = product.post("/what-if", &[("title", "Broken")]).await.location.unwrap();
        let path = made.split('?').next().unwrap();
        let change = [
            ("record", "feature/door-open-alerts"),
            ("was", "{}"),
            ("action", "set"),
            ("f.release", "no-such-release"),
        ];
        product.post(&format!("{path}/add"), &change).await;
        let page = product.get(path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(
            page.text.contains("no-such-release") && page.text.contains("class=\"diagnostics\"")
        );
    }
}
