//! `/what-if`: changes beside the real plan, and what would differ.

pub(crate) mod change;
mod changes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Bundle, Diagnostic, Edit, Kind, RecordKey, slug_from};
use longlead_records::people::Role;
use longlead_records::{
    CommitRequest, Draft, DraftError, DraftText, Expected, Sequence, VersionedEdit,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::engine::Outlook;
use crate::form::{self, Names};
use crate::layout::{self, Page, csrf};
use crate::page::comparison;
use crate::page::records::diff;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;
use change::Chosen;
use changes::{Changes, OneChange};

/// How long a page waits for the plan to catch up with what was applied.
const PATIENCE: Duration = Duration::from_millis(450);

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

// ---- The list ------------------------------------------------------------------------------

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

// ---- One what-if ---------------------------------------------------------------------------

/// A draft that the reader may see.
async fn draft_of(seen: &Seen, id: &str) -> Result<Draft, Problem> {
    not_for_partners(seen)?;
    let draft = seen.app.journal().draft(id).await?;
    let may_see = |draft: &Draft| draft.shared || draft.owner == seen.reader.user.id;
    draft.filter(may_see).ok_or_else(|| Problem::not_found("There is no such what-if"))
}

/// A draft that the reader may change.
async fn own_draft(seen: &Seen, id: &str) -> Result<Draft, Problem> {
    let draft = draft_of(seen, id).await?;
    if draft.owner == seen.reader.user.id {
        return Ok(draft);
    }
    Err(Problem::forbidden("This what-if is someone else's").detail("Copy it to change it."))
}

/// What the page of a draft shows beside its changes.
#[derive(Debug, Default)]
struct View {
    /// The record that is being changed.
    chosen: Option<Chosen>,
    /// Whether a record was asked for that can't be changed here.
    is_nowhere: bool,
    notice: Option<&'static str>,
}

pub(crate) async fn show(
    seen: Seen,
    Path(id): Path<String>,
    Query(proposed): Query<Proposed>,
) -> Result<Html<String>, Problem> {
    let draft = draft_of(&seen, &id).await?;
    let key = proposed.key().filter(|key| {
        let is_changed_here =
            matches!(key, RecordKey::Record(kind, id) if KINDS.contains(kind) && !id.is_empty());
        is_changed_here || seen.bundle().json(key).is_some()
    });
    let changes = Changes::of_text(&draft.changes);
    let under = under_bundle(&seen, &draft.title, &changes).await;
    let chosen = key.and_then(|key| Chosen::of(&seen, under.as_deref(), key));
    let is_nowhere = proposed.is_made() && chosen.is_none();
    page(&seen, &draft, View { chosen, is_nowhere, notice: None }).await
}

async fn page(seen: &Seen, draft: &Draft, view: View) -> Result<Html<String>, Problem> {
    let changes = Changes::of_text(&draft.changes);
    let is_own = draft.owner == seen.reader.user.id;
    let result = result(seen, &draft.title, &changes).await?;
    let under = under_bundle(seen, &draft.title, &changes).await;
    let base = format!("/what-if/{}", draft.id);
    let main = html! {
        @if let Some(notice) = view.notice { p.notice.warn role="alert" { (notice) } }
        div #what-if .split.what-if {
            section aria-label="Changes" {
                (change_list(seen, under.as_deref(), &changes, is_own.then_some((base.as_str(), draft.version))))
                @if is_own { (add_form(seen, draft, &view)) }
            }
            section aria-label="What differs" { (result) }
        }
    };
    let tools = html! {
        @if is_own { (own_tools(seen, draft, !changes.is_empty())) } @else { (copy_form(seen, &base)) }
    };
    let lede = html! { "Nothing of this is real until it is applied." };
    // What was sent and isn't saved must not be replaced by what is.
    let live = view.notice.is_none() && view.chosen.as_ref().is_none_or(|it| !it.is_sent());
    Ok(framed(seen, &draft.title, Some(lede), tools, main, live))
}

/// The newest draft, after something was to be done with one that is out of date.
async fn elsewhere(seen: &Seen, newest: &Draft) -> Result<Response, Problem> {
    let notice = "This what-if has been changed in another window, so nothing was done. This is \
                  how it stands now: do it again if it still fits.";
    let page = page(seen, newest, View { notice: Some(notice), ..View::default() }).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// The records under a what-if, whether they can be planned or not.
async fn under_bundle(seen: &Seen, title: &str, changes: &Changes) -> Option<Arc<Bundle>> {
    if changes.is_empty() {
        return None;
    }
    if let Ok(planned) = under(seen, title, changes).await {
        return Some(Arc::clone(&planned.bundle));
    }
    let scenario = changes.scenario(title).ok()?;
    Some(Arc::new(seen.bundle().under(&scenario).0))
}

/// What would differ, or what is wrong with the changes.
async fn result(seen: &Seen, title: &str, changes: &Changes) -> Result<Markup, Problem> {
    let forecast = seen.forecast()?;
    if changes.is_empty() {
        let text = "Choose a record on the left and give one of its fields another value.";
        return Ok(ui::empty("Nothing is changed yet", text, None));
    }
    let started = Instant::now();
    let planned = match under(seen, title, changes).await {
        Ok(outlook) => outlook,
        Err(diagnostics) => return Ok(broken(&diagnostics)),
    };
    let plan = match &planned.plan {
        Ok(plan) => plan,
        Err(diagnostics) => return Ok(broken(diagnostics)),
    };
    let before = comparison::Side { bundle: seen.bundle(), forecast };
    let after = comparison::Side { bundle: &planned.bundle, forecast: &plan.forecast };
    let told = comparison::comparison(before, after, usize::MAX);
    let took = started.elapsed();
    Ok(html! {
        (told)
        p.muted { "Planned in " (planned.took.as_millis()) " ms, shown after " (took.as_millis()) " ms. Both plans draw the same samples: they differ only where their facts do." }
    })
}

async fn under(
    seen: &Seen,
    title: &str,
    changes: &Changes,
) -> Result<Arc<Outlook>, Vec<Diagnostic>> {
    let scenario = changes.scenario(title)?;
    let name = changes.text().map_err(|diagnostic| vec![diagnostic])?;
    seen.app.engine().under(&seen.outlook.snapshot, &scenario, name).await
}

fn broken(diagnostics: &[Diagnostic]) -> Markup {
    html! {
        p.notice.bad { "The plan can't be computed with these changes." }
        (ui::diagnostics(diagnostics))
    }
}

/// The changes, each with what stands there now; `own` has the address and version of the
/// reader's own draft, from which they can be taken back.
fn change_list(
    seen: &Seen,
    under: Option<&Bundle>,
    changes: &Changes,
    own: Option<(&str, u64)>,
) -> Markup {
    html! {
        h2 { "Changes" }
        @if !changes.is_empty() {
            ol.changes {
                @for (index, change) in changes.iter().enumerate() {
                    li {
                        (change_line(seen, under, &change))
                        @if let Some((base, version)) = own {
                            form method="post" action={ (base) "/remove" } {
                                (csrf(&seen.reader))
                                input type="hidden" name="version" value=(version);
                                input type="hidden" name="index" value=(index);
                                button.button.quiet.small aria-label="Take this change back" { "Take back" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn change_line(seen: &Seen, under: Option<&Bundle>, change: &OneChange<'_>) -> Markup {
    let bundle = seen.bundle();
    let key = RecordKey::Record(change.kind, change.id.to_owned());
    let names = Names::new(seen, bundle);
    let now = bundle.json(&key);
    let then = under.and_then(|under| under.json(&key)).filter(|_| !change.removes);
    html! {
        a href=(ui::key_href(&key)) { (title_of(bundle, &key)) } " " span.muted { (change.kind.word()) }
        @if change.removes { p { "is taken out" } }
        @if now.is_none() && !change.removes { p { "is added" } }
        @match &then {
            Some(then) => (differences(change.kind, &now.unwrap_or_default(), then, &names)),
            None => (as_written(change, &names)),
        }
    }
}

/// The fields that differ, each before and after.
fn differences(kind: Kind, now: &Json, then: &Json, names: &Names<'_>) -> Markup {
    let fields = diff::fields(form::Form::of(Some(kind)), now, then);
    html! {
        @for it in fields.iter().filter(|it| it.path != "id") {
            @let told = form::change(&it.field.control, it.before.as_ref(), it.after.as_ref(), names);
            div.change {
                span.muted { (it.label) ": " }
                @match (&it.before, &it.after) {
                    (None, _) => { ins { (told.after) } }
                    (Some(_), None) => { del.muted { (told.before) } " is emptied" }
                    (Some(_), Some(_)) if told.is_marked => { (told.both) }
                    (Some(_), Some(_)) => { del.muted { (told.before) } " → " ins { (told.after) } }
                }
            }
        }
    }
}

/// A change of a record that can't be read under it.
fn as_written(change: &OneChange<'_>, names: &Names<'_>) -> Markup {
    let form = form::Form::of(Some(change.kind));
    html! {
        @for (name, value) in &change.set {
            p {
                span.muted { (form::label(name)) ": " }
                @match form.field(name) {
                    Some(field) => { ins { (form::change(&field.control, None, Some(value), names).after) } }
                    None => { ins.mono { (form::toml_of_json(value)) } }
                }
            }
        }
        @for name in &change.unset { p { span.muted { (form::label(name)) } " is emptied" } }
    }
}

fn title_of(bundle: &Bundle, key: &RecordKey) -> String {
    let title = match key {
        RecordKey::Record(kind, id) => bundle.records.title(*kind, id),
        RecordKey::Settings => None,
    };
    title.map_or_else(|| key.id().to_owned(), str::to_owned)
}

/// The form that adds a change: first the record, then its fields with what they hold.
fn add_form(seen: &Seen, draft: &Draft, view: &View) -> Markup {
    let bundle = seen.bundle();
    let base = format!("/what-if/{}", draft.id);
    html! {
        h3 { "Change something" }
        form.filters method="get" action=(base) data-swap="#what-if" {
            label for="record" { "Record" }
            input #record name="record" list="records" size="34" required
                placeholder="offer, feature, activity …" value=[view.chosen.as_ref().map(|it| it.key().to_string())];
            (record_list(bundle))
            button.button { "Show fields" }
        }
        @if view.is_nowhere {
            p.notice.bad { "There is no such record. Choose one of the list, or write kind and id to add one: offer/…" }
        }
        @if let Some(chosen) = &view.chosen { (change::form(seen, draft, chosen)) }
    }
}

/// Kinds whose change moves the plan, the likeliest first.
const KINDS: &[Kind] = &[
    Kind::Offer,
    Kind::Feature,
    Kind::Activity,
    Kind::Milestone,
    Kind::Revision,
    Kind::Build,
    Kind::Decision,
    Kind::Risk,
    Kind::Order,
    Kind::Actual,
    Kind::BomLine,
    Kind::Part,
    Kind::Release,
    Kind::Market,
    Kind::Regime,
    Kind::Certificate,
    Kind::Team,
    Kind::Calendar,
    Kind::Link,
    Kind::Supplier,
    Kind::Correlation,
];

fn record_list(bundle: &Bundle) -> Markup {
    let of = |kind: Kind| bundle.records.ids(kind).into_iter().map(move |id| (kind, id));
    let records = KINDS.iter().copied().flat_map(of).take(form::OPTIONS_MAX);
    html! {
        datalist #records {
            @for (kind, id) in records {
                option value={ (kind) "/" (id) } { (bundle.records.title(kind, id).unwrap_or(id)) }
            }
        }
    }
}

fn own_tools(seen: &Seen, draft: &Draft, has_changes: bool) -> Markup {
    let base = format!("/what-if/{}", draft.id);
    let button = |path: &str, class: &str, label: &str, confirm: Option<&str>| {
        html! {
            form method="post" action={ (base) "/" (path) } data-confirm=[confirm] {
                (csrf(&seen.reader))
                input type="hidden" name="version" value=(draft.version);
                input type="hidden" name="sequence" value=(seen.outlook.sequence());
                button class={ "button " (class) } { (label) }
            }
        }
    };
    html! {
        div.toolbar {
            @if has_changes {
                a.button.primary href={ (base) "/apply" } { "Apply …" }
                (button("keep", "", "Keep as scenario", None))
            }
            (button("share", "", if draft.shared { "Stop sharing" } else { "Share" }, None))
            (button("delete", "quiet", "Delete", Some("Delete this what-if?")))
        }
    }
}

fn copy_form(seen: &Seen, base: &str) -> Markup {
    html! {
        form method="post" action={ (base) "/copy" } { (csrf(&seen.reader)) button.button { "Copy to a draft of mine" } }
    }
}

// ---- Changing a what-if --------------------------------------------------------------------

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Touched {
    version: u64,
    index: Option<usize>,
    sequence: Option<u64>,
    why: Option<String>,
}

/// Saves a draft on the version that was seen, and shows it; or shows the newer one that there is.
async fn save(
    seen: &Seen,
    draft: &Draft,
    version: u64,
    text: &DraftText,
) -> Result<Response, Problem> {
    let saved = seen.app.journal().save_draft(&draft.id, version, text, seen.app.now()).await;
    match saved {
        Ok(_) => Ok(Redirect::to(&format!("/what-if/{}", draft.id)).into_response()),
        Err(DraftError::Gone) => Err(Problem::not_found("There is no such what-if")),
        Err(DraftError::Conflict(newest)) => elsewhere(seen, &newest).await,
        Err(DraftError::Store(error)) => Err(error.into()),
    }
}

fn text_of(draft: &Draft, changes: &Changes) -> Result<DraftText, Problem> {
    let text = if changes.is_empty() { Ok(String::new()) } else { changes.text() };
    let changes = text.map_err(|diagnostic| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", "This change can't be kept")
            .diagnostics(vec![diagnostic])
    })?;
    Ok(DraftText { title: draft.title.clone(), changes, shared: draft.shared })
}

pub(crate) async fn remove(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let mut changes = Changes::of_text(&draft.changes);
    changes.remove(told.index.unwrap_or(usize::MAX));
    save(&seen, &draft, told.version, &text_of(&draft, &changes)?).await
}

pub(crate) async fn share(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let (title, changes) = (draft.title.clone(), draft.changes.clone());
    let text = DraftText { title, changes, shared: !draft.shared };
    save(&seen, &draft, told.version, &text).await
}

pub(crate) async fn delete(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    if draft.version != told.version {
        return elsewhere(&seen, &draft).await;
    }
    seen.app.journal().delete_draft(&draft.id).await?;
    Ok(Redirect::to("/what-if").into_response())
}

pub(crate) async fn copy(seen: Seen, Path(id): Path<String>) -> Result<Redirect, Problem> {
    let draft = draft_of(&seen, &id).await?;
    let title = format!("{} (copy)", draft.title);
    copied(&seen, title, draft.changes).await
}

async fn copied(seen: &Seen, title: String, changes: String) -> Result<Redirect, Problem> {
    let text = DraftText { title, changes, shared: false };
    let (owner, now) = (seen.reader.user.id, seen.app.now());
    let draft = seen.app.journal().create_draft(owner, &text, now).await?;
    Ok(Redirect::to(&format!("/what-if/{}", draft.id)))
}

/// Keeps a draft as a scenario on record, under an id that nobody has.
pub(crate) async fn keep(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    if draft.version != told.version {
        return elsewhere(&seen, &draft).await;
    }
    let changes = Changes::of_text(&draft.changes);
    let slug = slug_from(&draft.title);
    let is_taken = |id: &str| seen.bundle().records.has(Kind::Scenario, id);
    let mut scenario = slug.clone();
    for number in 2.. {
        if !is_taken(&scenario) {
            break;
        }
        scenario = format!("{slug}-{number}");
    }
    let text = changes.record(&scenario, &draft.title).map_err(|diagnostic| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", "This can't be kept")
            .diagnostics(vec![diagnostic])
    })?;
    let key = RecordKey::Record(Kind::Scenario, scenario.clone());
    let edit = Edit { key, after: Some(text) };
    let why = format!("Kept the what-if “{}”", draft.title);
    commit(&seen, why, vec![VersionedEdit { edit, expected: Expected::Absent }]).await?;
    Ok(Redirect::to(&format!("/scenarios/{scenario}")).into_response())
}

async fn commit(seen: &Seen, why: String, edits: Vec<VersionedEdit>) -> Result<Sequence, Problem> {
    for edit in &edits {
        if !seen.may_write(&edit.edit.key) {
            let title = format!("Your role may not change {}", edit.edit.key);
            return Err(Problem::forbidden(title).detail("Share the what-if with someone who may."));
        }
    }
    let request = CommitRequest {
        who: seen.reader.actor(),
        at: seen.app.now(),
        why: Some(why),
        edits,
        idempotency: None,
    };
    let committed = seen.app.journal().commit(request).await?;
    seen.app.engine().reached(committed.sequence, PATIENCE).await;
    Ok(committed.sequence)
}

// ---- Applying ------------------------------------------------------------------------------

/// The edits that a draft means for the real product.
fn edits(seen: &Seen, draft: &Draft) -> Result<Vec<Edit>, Problem> {
    let changes = Changes::of_text(&draft.changes);
    let refused = |diagnostics| {
        let title = "These changes don't fit the product any more";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", title).diagnostics(diagnostics)
    };
    let scenario = changes.scenario(&draft.title).map_err(refused)?;
    let bundle = &seen.outlook.bundle;
    let (after, diagnostics) = bundle.under(&scenario);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(refused(diagnostics));
    }
    Ok(bundle.edits_to(&after))
}

/// What is typed into the form that applies a draft, and why it wasn't applied.
#[derive(Debug, Default)]
struct Applying {
    why: Option<String>,
    refused: Option<Problem>,
}

pub(crate) async fn preview(seen: Seen, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let edits = edits(&seen, &draft)?;
    preview_page(&seen, &draft, &edits, &Applying::default()).await
}

async fn preview_page(
    seen: &Seen,
    draft: &Draft,
    edits: &[Edit],
    applying: &Applying,
) -> Result<Html<String>, Problem> {
    let result = result(seen, &draft.title, &Changes::of_text(&draft.changes)).await?;
    let why = applying.why.as_deref().unwrap_or(&draft.title);
    let main = html! {
        @match &applying.refused {
            None => { p.notice.warn { "This changes the real product, for everyone, in one step." } }
            Some(problem) => { (refusal(problem)) }
        }
        div.split {
            section {
                h2 { "Records that change" }
                @for edit in edits {
                    h3 { a href=(ui::key_href(&edit.key)) { (title_of(seen.bundle(), &edit.key)) } " " span.id { (edit.key) } }
                    (diff::lines(&seen.bundle().text(&edit.key).unwrap_or_default(), edit.after.as_deref().unwrap_or_default()))
                }
                form.edit method="post" action={ "/what-if/" (draft.id) "/apply" } {
                    (csrf(&seen.reader))
                    input type="hidden" name="version" value=(draft.version);
                    input type="hidden" name="sequence" value=(seen.outlook.sequence());
                    div.field {
                        label for="why" { "Why" }
                        input #why name="why" maxlength="500" required value=(why);
                    }
                    div.form-actions {
                        button.button.primary { "Apply " (edits.len()) @if edits.len() == 1 { " change" } @else { " changes" } }
                        a.button.quiet href={ "/what-if/" (draft.id) } { "Back" }
                    }
                }
            }
            section { (result) }
        }
    };
    Ok(framed(seen, &format!("Apply “{}”", draft.title), None, html! {}, main, false))
}

fn refusal(problem: &Problem) -> Markup {
    html! {
        div.notice.bad role="alert" {
            strong { (ui::told(&problem.title)) }
            p { "Nothing was applied. Below is what would change now." }
        }
        (ui::diagnostics(&problem.diagnostics))
    }
}

pub(crate) async fn apply(
    seen: Seen,
    Path(id): Path<String>,
    Form(told): Form<Touched>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let why = told.why.clone().filter(|why| !why.trim().is_empty());
    match applied(&seen, &draft, &told, why.clone().unwrap_or(draft.title.clone())).await {
        Ok(sequence) => Ok(Redirect::to(&format!("/history/{sequence}")).into_response()),
        // What the reader can mend is told beside what they typed.
        Err(problem) if problem.status.is_client_error() => {
            let status = problem.status;
            let edits = edits(&seen, &draft).unwrap_or_default();
            let applying = Applying { why, refused: Some(problem) };
            let page = preview_page(&seen, &draft, &edits, &applying).await?;
            Ok((status, page).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn applied(
    seen: &Seen,
    draft: &Draft,
    told: &Touched,
    why: String,
) -> Result<Sequence, Problem> {
    if draft.version != told.version {
        let title = "This what-if has been changed in another window";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", title));
    }
    let was = told.sequence.unwrap_or_default();
    let versioned = edits(seen, draft)?.into_iter().map(|edit| {
        let version = seen.outlook.snapshot.version(&edit.key);
        let expected = version.map_or(Expected::Absent, Expected::Version);
        VersionedEdit { edit, expected }
    });
    let versioned: Vec<VersionedEdit> = versioned.collect();
    if versioned.iter().any(|edit| is_newer(&edit.expected, was)) {
        let title = "Someone changed one of these records meanwhile";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", title));
    }
    commit(seen, why, versioned).await
}

/// Whether a record has changed since the preview was made of a sequence.
fn is_newer(expected: &Expected, sequence: u64) -> bool {
    matches!(expected, Expected::Version(version) if version.get() > sequence)
}

// ---- Scenarios on record -------------------------------------------------------------------

pub(crate) async fn scenario(seen: Seen, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    not_for_partners(&seen)?;
    let scenario = seen.bundle().scenario(&id).map_err(|diagnostic| {
        Problem::not_found(diagnostic.message).detail(diagnostic.help.unwrap_or_default())
    })?;
    let (title, changes) = (scenario.title.clone(), Changes::of_scenario(seen.bundle(), &id));
    let result = result(&seen, &title, &changes).await?;
    let under = under_bundle(&seen, &title, &changes).await;
    let main = html! {
        div #what-if .split.what-if {
            section aria-label="Changes" { (change_list(&seen, under.as_deref(), &changes, None)) }
            section aria-label="What differs" { (result) }
        }
    };
    let tools = html! {
        div.toolbar {
            @if crate::rights::Needs::WriteRecords.met_by(seen.reader.user.role) { (copy_form(&seen, &format!("/scenarios/{id}"))) }
            a.button.quiet href={ "/records/scenario/" (id) } { "Record" }
        }
    };
    let lede =
        html! { "A scenario on record: it changes nothing, and is held against the newest plan." };
    Ok(framed(&seen, &title, Some(lede), tools, main, true))
}

pub(crate) async fn copy_scenario(seen: Seen, Path(id): Path<String>) -> Result<Response, Problem> {
    not_for_partners(&seen)?;
    let scenario = seen.bundle().scenario(&id).map_err(|it| Problem::not_found(it.message))?;
    let changes = Changes::of_scenario(seen.bundle(), &id);
    let text = changes.text().map_err(|it| Problem::bad_request(it.message))?;
    let title = format!("{} (copy)", scenario.title);
    Ok(copied(&seen, title, text).await?.into_response())
}

#[cfg(test)]
mod tests {
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
