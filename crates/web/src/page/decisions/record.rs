//! Recording a decision that follows from facts, so that people can own and make it.

use axum::Form;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use longlead_horizon::DecisionForecast;
use longlead_model::{Diagnostic, Edit, Kind, RecordKey, field_at, slug_from, text_of_json};
use longlead_records::{CommitError, CommitRequest, Expected, VersionedEdit};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::decide::CATCH_UP;
use super::one;
use crate::app::App;
use crate::layout::{self, Page};
use crate::naming;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// What was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    title: String,
    id: String,
    context: String,
    option_1: String,
    option_2: String,
    option_3: String,
    owner: String,
    why: String,
}

pub(crate) async fn show(seen: Seen, Path(id): Path<String>) -> Result<Response, Problem> {
    let Some(decision) = one::found(&seen, &id)?.filter(|it| it.derived) else {
        return Ok(one::nowhere(&seen, &id));
    };
    if !seen.may_add(Kind::Decision) {
        return Err(Problem::forbidden("You may not record decisions"));
    }
    Ok(page(&seen, decision, &suggested(&seen, decision), &[], None).into_response())
}

/// What the facts suggest.
fn suggested(seen: &Seen, decision: &DecisionForecast) -> Typed {
    let option = |number: usize| decision.options.get(number).cloned().unwrap_or_default();
    let records = &seen.bundle().records;
    let mut id = slug_from(&decision.title);
    if let [_, revision, capability] = decision.id.as_str().split(':').collect::<Vec<_>>()[..] {
        id = slug_from(&format!("{capability}-on-{revision}"));
    }
    while records.has(Kind::Decision, &id) {
        id.push_str("-again");
    }
    Typed {
        title: decision.title.clone(),
        id,
        option_1: or(option(0), "Carry it"),
        option_2: or(option(1), "Leave it out"),
        option_3: option(2),
        owner: decision.owner.as_ref().map_or_else(String::new, ToString::to_string),
        ..Typed::default()
    }
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text }
}

fn page(
    seen: &Seen,
    decision: &DecisionForecast,
    typed: &Typed,
    diagnostics: &[Diagnostic],
    text: Option<&str>,
) -> axum::response::Html<String> {
    let main = html! {
        div.split {
            (form(seen, decision, typed, diagnostics, text))
            aside.card {
                h2 { "What follows from facts" }
                dl.facts {
                    dt { "Gates" } dd { @for gate in &decision.gates { div { (naming::activity(seen, gate)) } } }
                    dt { "Target" } dd {
                        @if let Some(target) = &decision.target { (naming::activity(seen, target)) }
                        @if let Some(date) = decision.target_date { ", by " (ui::date(date)) }
                    }
                    dt { "Decide by" } dd { (ui::maybe_date(decision.decide_by)) }
                }
                p.muted { "These are written into the record as they are. Everything can be changed there later." }
            }
        }
    };
    let page = Page {
        title: "Record this decision",
        section: "/decisions",
        lede: Some(html! { a href={ "/decisions/" (decision.id) } { (decision.title) } }),
        tools: html! {},
        main,
        live: false,
    };
    layout::page(seen, &page)
}

fn form(
    seen: &Seen,
    decision: &DecisionForecast,
    typed: &Typed,
    diagnostics: &[Diagnostic],
    text: Option<&str>,
) -> Markup {
    let (at, rest) = by_field(diagnostics, text);
    let told = |field: &str| {
        let told = at.iter().filter(|(name, _)| name == field);
        let told: Vec<&str> = told.map(|(_, diagnostic)| diagnostic.message.as_str()).collect();
        (!told.is_empty()).then(|| told.join("; "))
    };
    let input = |name: &str, label: &str, value: &str, hint: Option<&str>, is_required: bool| {
        let told = told(name);
        let told = told.as_deref();
        html! {
            div.field {
                label for=(name) { (label) @if !is_required { span.optional { " (optional)" } } }
                input id=(name) name=(name) value=(value) required[is_required] maxlength="200"
                    aria-invalid=[ui::invalid(told)] aria-describedby=[ui::described(name, hint.is_some(), told)];
                @if let Some(hint) = hint { p.hint id={ (name) "-hint" } { (hint) } }
                (ui::wrong(name, told))
            }
        }
    };
    let (context, options, owner) = (told("context"), told("options"), told("owner"));
    let (context, options, owner) = (context.as_deref(), options.as_deref(), owner.as_deref());
    html! {
        form.edit method="post" action={ "/decisions/" (decision.id) "/record" } data-dirty-guard {
            (layout::csrf(&seen.reader))
            @if !rest.is_empty() { (ui::diagnostics(&rest)) }
            (input("title", "Question", &typed.title, None, true))
            (input("id", "Id", &typed.id, Some("Small letters, digits and hyphens. Others refer to it by this."), true))
            div.field {
                label for="context" { "What one must know to answer it" span.optional { " (optional)" } }
                textarea #context name="context" rows="3" maxlength="2000"
                    aria-invalid=[ui::invalid(context)] aria-describedby=[ui::described("context", false, context)] { (typed.context) }
                (ui::wrong("context", context))
            }
            fieldset aria-describedby=[ui::described("options", false, options)] {
                legend { "Options" }
                (input("option_1", "Option 1", &typed.option_1, None, true))
                (input("option_2", "Option 2", &typed.option_2, None, true))
                (input("option_3", "Option 3", &typed.option_3, None, false))
                (ui::wrong("options", options))
            }
            div.field {
                label for="owner" { "Who decides" }
                select #owner name="owner" aria-invalid=[ui::invalid(owner)] aria-describedby=[ui::described("owner", false, owner)] {
                    option value="" { "Nobody yet" }
                    @for stakeholder in seen.bundle().records.stakeholders.values() {
                        option value=(stakeholder.id) selected[typed.owner == stakeholder.id.as_str()] { (stakeholder.title) }
                    }
                }
                (ui::wrong("owner", owner))
            }
            (input("why", "Why this change", &typed.why, Some("For those who read the history."), false))
            div.form-actions {
                button.button.primary { "Record the decision" }
                a.button.quiet href={ "/decisions/" (decision.id) } { "Cancel" }
            }
        }
    }
}

/// Problems beside the field that they are about, and those that are about none of the form.
fn by_field<'a>(
    diagnostics: &'a [Diagnostic],
    text: Option<&str>,
) -> (Vec<(String, &'a Diagnostic)>, Vec<Diagnostic>) {
    const SHOWN: &[&str] = &["title", "id", "context", "options", "owner"];
    let (mut at, mut rest) = (Vec::new(), Vec::new());
    for diagnostic in diagnostics {
        let line = diagnostic.place.as_ref().map(|place| place.line);
        let field = text.zip(line).and_then(|(text, line)| field_at(text, line));
        match field.filter(|field| SHOWN.contains(field)) {
            Some(field) => at.push((field.to_owned(), diagnostic)),
            None => rest.push(diagnostic.clone()),
        }
    }
    (at, rest)
}

pub(crate) async fn record(
    State(app): State<App>,
    seen: Seen,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let form = Form::<Typed>::from_request(request, &app).await;
    let Form(typed) = form.map_err(|error| Problem::bad_request(error.to_string()))?;
    let decision = one::found(&seen, &id)?.filter(|it| it.derived);
    let decision = decision.ok_or_else(|| Problem::not_found("There is no such decision"))?;
    if !seen.may_add(Kind::Decision) {
        return Err(Problem::forbidden("You may not record decisions"));
    }
    let refused = |diagnostics: &[Diagnostic], text: Option<&str>| {
        let page = page(&seen, decision, &typed, diagnostics, text);
        (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
    };
    let own_id = typed.id.trim();
    let key = match format!("{}/{own_id}", Kind::Decision).parse::<RecordKey>() {
        Ok(key) => key,
        Err(error) => return Ok(refused(&[wrong_id(error.to_string())], Some("id = 0"))),
    };
    let text = match text_of_json(&record_json(decision, &typed)) {
        Ok(text) => text,
        Err(diagnostic) => return Ok(refused(&[diagnostic], None)),
    };
    let edit = Edit { key, after: Some(text.clone()) };
    let why = Some(typed.why.trim()).filter(|it| !it.is_empty());
    let why = why.map_or_else(|| format!("Recorded what follows from facts: {id}"), str::to_owned);
    let request = CommitRequest {
        who: seen.reader.actor(),
        at: app.now(),
        why: Some(why),
        edits: vec![VersionedEdit { edit, expected: Expected::Absent }],
        idempotency: None,
    };
    match app.journal().commit(request).await {
        Ok(committed) => {
            app.engine().reached(committed.sequence, CATCH_UP).await;
            let to = format!("/decisions/{own_id}?saved={}", committed.sequence);
            Ok(Redirect::to(&to).into_response())
        }
        Err(CommitError::Refused(diagnostics)) => Ok(refused(&diagnostics, Some(&text))),
        Err(CommitError::Conflict(_)) => {
            let told = format!("There is a decision `{own_id}` already; choose another id");
            Ok(refused(&[wrong_id(told)], Some("id = 0")))
        }
        Err(error) => Err(error.into()),
    }
}

/// A problem of the id, which stands in the first line of a record.
fn wrong_id(told: String) -> Diagnostic {
    let place = longlead_model::Place { file: "id".to_owned(), line: 1, column: 0 };
    Diagnostic::error(longlead_model::Code::WrongValue, told).at(Some(place))
}

fn record_json(decision: &DecisionForecast, typed: &Typed) -> Json {
    let text = |text: &str| Some(text.trim().to_owned()).filter(|it| !it.is_empty());
    let titles = [&typed.option_1, &typed.option_2, &typed.option_3];
    let mut options: Vec<Json> = Vec::new();
    for title in titles.into_iter().filter_map(|it| text(it)) {
        let mut id = slug_from(&title);
        if options.iter().any(|option| option["id"] == id.as_str()) {
            id = format!("{id}-{}", options.len() + 1);
        }
        options.push(json!({ "id": id, "title": title }));
    }
    json!({
        "id": typed.id.trim(),
        "title": typed.title.trim(),
        "context": text(&typed.context),
        "options": options,
        "gates": decision.gates.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "target": decision.target.as_ref().map(ToString::to_string),
        "target_date": decision.target_date.map(|date| date.to_string()),
        "owner": text(&typed.owner),
    })
}
