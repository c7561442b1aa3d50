//! Deciding: the answer goes into the record, with its reason, and the journal keeps both.

use axum::Form;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::civil::Date;
use longlead_model::{Decision, Diagnostic, Edit, RecordKey, text_of_json};
use longlead_records::{
    CommitError, CommitRequest, Conflict, Expected, Sequence, Version, VersionedEdit,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

use super::consequence::GLANCE;
use super::one::{self, Case};
use super::option_title;
use crate::app::App;
use crate::layout;
use crate::page::records::{conflict, diff};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// How long an answer waits for the plan to catch up with a change.
pub(crate) const CATCH_UP: Duration = Duration::from_millis(450);

/// What was typed.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    option: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    on: String,
    /// The version of the record that the form was made from.
    #[serde(default)]
    version: u64,
}

/// The form: what was typed, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    typed: Typed,
    errors: Vec<(&'static str, &'static str)>,
    diagnostics: Vec<Diagnostic>,
    clash: Option<Clash>,
}

/// Someone else changed the record meanwhile.
#[derive(Clone, Debug)]
struct Clash {
    who: String,
    when: String,
    why: Option<String>,
    /// What the author of the form saw, and what is there now.
    saw: String,
    now: String,
}

impl Answer {
    /// The form before anything is typed: the answer that there is, or none.
    pub(crate) fn blank(case: &Case<'_>) -> Answer {
        let made = case.record.and_then(|it| it.decided.as_ref());
        let typed = Typed {
            option: made.map_or_else(String::new, |it| it.option.clone()),
            reason: made.and_then(|it| it.reason.clone()).unwrap_or_default(),
            on: made.map_or(case.as_of, |it| it.on).to_string(),
            version: version(case.seen, &case.key()),
        };
        Answer { typed, ..Answer::default() }
    }

    fn error(&self, field: &str) -> Option<&'static str> {
        self.errors.iter().find(|(name, _)| *name == field).map(|(_, told)| *told)
    }

    pub(crate) fn is_refused(&self) -> bool {
        !self.errors.is_empty() || !self.diagnostics.is_empty() || self.clash.is_some()
    }
}

fn version(seen: &Seen, key: &RecordKey) -> u64 {
    seen.outlook.snapshot.version(key).map_or(0, Version::get)
}

/// The form in which a decision is made.
pub(crate) fn form(case: &Case<'_>, answer: &Answer) -> Markup {
    let Some(record) = case.record else {
        return html! {};
    };
    let is_decided = record.decided.is_some();
    let heading = if is_decided { "Change the answer" } else { "Decide" };
    html! {
        section.card #decide {
            @if is_decided && !answer.is_refused() {
                details { summary { (heading) } (fields(case, record, answer)) }
            } @else {
                h2 { (heading) }
                @if record.options.is_empty() {
                    p.muted {
                        "Write down its options first, in its "
                        a href={ (ui::record_href(longlead_model::Kind::Decision, record.id.as_str())) "/edit" } { "record" } "."
                    }
                } @else {
                    (fields(case, record, answer))
                }
            }
        }
    }
}

fn fields(case: &Case<'_>, record: &Decision, answer: &Answer) -> Markup {
    let typed = &answer.typed;
    html! {
        form.edit method="post" action={ "/decisions/" (record.id) } data-dirty-guard {
            (layout::csrf(&case.seen.reader))
            input type="hidden" name="version" value=(typed.version);
            @if let Some(clash) = &answer.clash { (clash_notice(clash)) }
            (ui::diagnostics(&answer.diagnostics))
            @let of = |field: &str| answer.error(field);
            fieldset aria-describedby=[ui::described("option", false, of("option"))] {
                legend { "Answer" }
                @for option in &record.options {
                    div.field.check {
                        input type="radio" name="option" id={ "option-" (option.id) } value=(option.id)
                            checked[typed.option == option.id] required;
                        label for={ "option-" (option.id) } { (option.title) }
                    }
                }
                (ui::wrong("option", of("option")))
            }
            div.field {
                label for="reason" { "Reason" }
                textarea #reason name="reason" required maxlength="2000" rows="4"
                    aria-invalid=[ui::invalid(of("reason"))]
                    aria-describedby=[ui::described("reason", true, of("reason"))] { (typed.reason) }
                p.hint #reason-hint { "One day somebody will ask why." }
                (ui::wrong("reason", of("reason")))
            }
            div.field.short {
                label for="on" { "Decided on" }
                input #on type="date" name="on" required value=(typed.on) max=(case.as_of)
                    aria-invalid=[ui::invalid(of("on"))] aria-describedby=[ui::described("on", false, of("on"))];
                (ui::wrong("on", of("on")))
            }
            div.form-actions { button.button.primary { "Record the decision" } }
        }
    }
}

fn clash_notice(clash: &Clash) -> Markup {
    html! {
        div.notice.warn role="alert" {
            strong { "Someone else changed this decision meanwhile" }
            p {
                (clash.who) ", " (clash.when) @if let Some(why) = &clash.why { ": " (why) }
                ". Your answer is still here, and nothing has been saved. Look at what changed, then record it again or leave it."
            }
        }
        (diff::lines(&clash.saw, &clash.now))
    }
}

pub(crate) async fn decide(
    State(app): State<App>,
    seen: Seen,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let typed = typed(request, &app).await?;
    let decision = one::found(&seen, &id)?;
    let decision = decision.ok_or_else(|| Problem::not_found("There is no such decision"))?;
    let record = seen.bundle().records.decisions.get(id.as_str());
    let record = record.ok_or_else(|| {
        Problem::bad_request("This decision follows from facts")
            .detail("Record it first; then it can be decided.")
    })?;
    let key = RecordKey::Record(longlead_model::Kind::Decision, id.clone());
    if !seen.may_write(&key) {
        return Err(Problem::forbidden("You may not decide this"));
    }
    let refused = match checked(record, &typed, seen.outlook.as_of) {
        Err(errors) => Answer { typed, errors, ..Answer::default() },
        Ok(on) => match commit(&seen, record, &key, &typed, on).await? {
            Ok(sequence) => {
                app.engine().reached(sequence, CATCH_UP).await;
                let to = format!("/decisions/{id}?saved={sequence}");
                return Ok(Redirect::to(&to).into_response());
            }
            Err(answer) => answer,
        },
    };
    let status = match refused.clash {
        Some(_) => StatusCode::CONFLICT,
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let case = Case::gather(&seen, decision, GLANCE).await?;
    Ok((status, one::page(&case, None, None, &refused)?).into_response())
}

async fn typed(request: Request, app: &App) -> Result<Typed, Problem> {
    let form = Form::<Typed>::from_request(request, app).await;
    form.map(|Form(typed)| typed).map_err(|error| Problem::bad_request(error.to_string()))
}

/// The day of the decision, or what is wrong with each field.
fn checked(
    record: &Decision,
    typed: &Typed,
    as_of: Date,
) -> Result<Date, Vec<(&'static str, &'static str)>> {
    let mut errors = Vec::new();
    if option_title(record, &typed.option).is_none() {
        errors.push(("option", "Choose one of the options."));
    }
    if typed.reason.trim().is_empty() {
        errors.push(("reason", "Say why: it can't be asked later."));
    }
    let on = typed.on.parse::<Date>();
    match on {
        Err(_) => errors.push(("on", "Write a day as 2026-11-23.")),
        Ok(on) if on > as_of => errors.push(("on", "It can't be decided on a day to come.")),
        Ok(_) => {}
    }
    match on {
        Ok(on) if errors.is_empty() => Ok(on),
        _ => Err(errors),
    }
}

/// Writes the answer into the record. The inner error is the form, to be shown again.
async fn commit(
    seen: &Seen,
    record: &Decision,
    key: &RecordKey,
    typed: &Typed,
    on: Date,
) -> Result<Result<Sequence, Answer>, Problem> {
    let refused = |diagnostics| Answer { typed: typed.clone(), diagnostics, ..Answer::default() };
    let journal = seen.app.journal();
    // The record as it is now: if it isn't what the form was made from, the version says so.
    let mut json = journal.current().bundle.json(key).unwrap_or_default();
    let reason = typed.reason.trim();
    if let Some(fields) = json.as_object_mut() {
        let decided = json!({ "option": typed.option, "on": on.to_string(), "reason": reason });
        fields.insert("decided".to_owned(), decided);
    }
    let text = match text_of_json(&json) {
        Ok(text) => text,
        Err(diagnostic) => return Ok(Err(refused(vec![diagnostic]))),
    };
    let Ok(version) = Version::try_from(typed.version) else {
        return Err(Problem::bad_request("The form has no version").detail("Load it again."));
    };
    let title = option_title(record, &typed.option).unwrap_or(&typed.option);
    let edit = Edit { key: key.clone(), after: Some(text) };
    let request = CommitRequest {
        who: seen.reader.actor(),
        at: seen.app.now(),
        why: Some(format!("Decided for “{title}”: {reason}")),
        edits: vec![VersionedEdit { edit, expected: Expected::Version(version) }],
        idempotency: None,
    };
    match journal.commit(request).await {
        Ok(committed) => Ok(Ok(committed.sequence)),
        Err(CommitError::Refused(diagnostics)) => Ok(Err(refused(diagnostics))),
        Err(CommitError::Conflict(conflicts)) => {
            Ok(Err(clashed(seen, key, typed, &conflicts).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// The form again, with what others changed, made from what is there now.
async fn clashed(
    seen: &Seen,
    key: &RecordKey,
    typed: &Typed,
    conflicts: &[Conflict],
) -> Result<Answer, Problem> {
    let saw = conflict::text_at(seen, key, Version::try_from(typed.version).ok()).await?;
    let saw = saw.unwrap_or_default();
    let conflict = conflicts.first();
    let by = conflict.and_then(|it| it.by.as_ref());
    let clash = Clash {
        who: by.map_or_else(|| "Someone".to_owned(), |it| it.who_name.clone()),
        when: by.map_or_else(String::new, |it| it.at.strftime("%-d %b %Y, %H:%M UTC").to_string()),
        why: by.and_then(|it| it.why.clone()),
        saw,
        now: conflict.and_then(|it| it.theirs.clone()).unwrap_or_default(),
    };
    let actual = conflict.and_then(|it| it.actual).map_or(0, Version::get);
    let typed = Typed { version: actual, ..typed.clone() };
    Ok(Answer { typed, clash: Some(clash), ..Answer::default() })
}
