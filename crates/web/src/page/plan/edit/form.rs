//! The form's markup, with what is wrong with each field and what others have written.

use std::collections::BTreeMap;

use longlead_horizon::Role;
use longlead_model::{Bundle, Diagnostic, Kind, RecordKey};
use longlead_records::{ChangeSummary, Snapshot};
use maud::{Markup, html};

use crate::layout;
use crate::page::hardware::standing::activity;
use crate::page::plan::edit::field::{ACTUAL, Typed, VERSIONS, WORK, current};
use crate::page::plan::edit::{actual_key, href, may_edit_work};
use crate::reader::Seen;
use crate::ui;

/// What is wrong, and with which field.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) field: Option<&'static str>,
    pub(crate) diagnostic: Diagnostic,
}

/// What the form shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) id: String,
    pub(crate) values: BTreeMap<&'static str, String>,
    pub(crate) was: BTreeMap<&'static str, String>,
    pub(crate) versions: BTreeMap<&'static str, String>,
    pub(crate) why: String,
    pub(crate) refusals: Vec<Refusal>,
    /// What others have written meanwhile, by field.
    pub(crate) theirs: BTreeMap<&'static str, String>,
    pub(crate) conflict: Option<ChangeSummary>,
    pub(crate) is_conflict: bool,
}

impl State {
    /// What stands there now.
    pub(crate) fn fresh(snapshot: &Snapshot, id: &str) -> State {
        let values = current(&snapshot.bundle, id);
        let version = |kind| snapshot.version(&RecordKey::Record(kind, id.to_owned()));
        let versions = VERSIONS
            .into_iter()
            .filter_map(|(name, kind)| Some((name, version(kind)?.to_string())))
            .collect();
        State { id: id.to_owned(), was: values.clone(), values, versions, ..State::default() }
    }

    /// What was typed.
    pub(crate) fn of_typed(id: &str, typed: &Typed) -> State {
        let names = || WORK.iter().chain(ACTUAL);
        State {
            id: id.to_owned(),
            values: names().map(|name| (*name, typed.value(name).to_owned())).collect(),
            was: names().map(|name| (*name, typed.was(name).to_owned())).collect(),
            versions: VERSIONS
                .iter()
                .map(|(name, _)| (*name, typed.value(name).to_owned()))
                .collect(),
            why: typed.why().unwrap_or_default(),
            ..State::default()
        }
    }

    fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }
}

pub(crate) fn markup(seen: &Seen, state: &State, inline: bool) -> Markup {
    let id = state.id.as_str();
    let bundle = seen.bundle();
    let forecast = seen.forecast().ok();
    let role = forecast.and_then(|forecast| activity(forecast, id)).map(|it| it.role);
    let works = role.is_none_or(Role::has_work);
    html! {
        form.edit.plan-edit.inline[inline] method="post" action=(href(id)) data-dirty-guard[!inline] {
            (layout::csrf(&seen.reader))
            @for (name, version) in &state.versions { input type="hidden" name=(name) value=(version); }
            @for (name, text) in &state.was { input type="hidden" name={ "was_" (name) } value=(text); }
            (conflict(state))
            (general(state))
            @if may_edit_work(seen, id) {
                div.fields {
                    (input(state, "estimate", "Estimate", "text", "low / likely / high in working days, such as 5 / 8 / 14 d"))
                    (team(bundle, state))
                }
                (input(state, "after", "After", "text", "ids of the activities that finish before it, with commas"))
            }
            @if seen.may_write(&actual_key(id)) {
                div.fields {
                    @if works { (input(state, "started", "Started", "date", "")) }
                    (input(state, "finished", "Finished", "date", ""))
                    @if works { (input(state, "remaining", "Left", "text", "such as 3 d; from today on")) }
                }
                label.field {
                    span { "Note" }
                    textarea name="note" rows="2" aria-invalid=[invalid(state, "note")] aria-describedby=[remarks_id(state, "note")] { (state.value("note")) }
                    (remarks(state, "note"))
                }
            }
            (input_plain("why", "Why", &state.why, "for those who read the history"))
            div.form-actions {
                button.button.primary.small[inline] { @if state.is_conflict { "Save over it" } @else { "Save" } }
                @if inline { button.button.quiet.small type="button" data-edit-cancel { "Cancel" } }
                @else { a.button.quiet href="/plan?view=table" { "Cancel" } }
            }
        }
    }
}

fn conflict(state: &State) -> Markup {
    html! {
        @if state.is_conflict {
            div.notice.warn role="alert" {
                p {
                    "Nothing was saved: "
                    @match &state.conflict {
                        Some(by) => {
                            (by.who_name) " changed this on "
                            (ui::date(by.at.to_zoned(jiff::tz::TimeZone::UTC).date()))
                            @if let Some(why) = &by.why { " (\u{201c}" (why) "\u{201d})" }
                            "."
                        }
                        None => "someone else changed this meanwhile.",
                    }
                    " What you typed is still here; each field that they changed says what is there now."
                }
            }
        }
    }
}

/// What is wrong beyond single fields.
fn general(state: &State) -> Markup {
    let general = state.refusals.iter().filter(|it| it.field.is_none());
    let general: Vec<Diagnostic> = general.map(|it| it.diagnostic.clone()).collect();
    ui::diagnostics(&general)
}

fn errors(state: &State, name: &str) -> Vec<String> {
    let of_field = state.refusals.iter().filter(|it| it.field == Some(name));
    of_field
        .map(|it| match &it.diagnostic.help {
            Some(help) => format!("{}: {help}", it.diagnostic.message),
            None => it.diagnostic.message.clone(),
        })
        .collect()
}

/// The id of what is wrong with a field. A page has one such form for each activity that is edited.
fn remarks_id(state: &State, name: &str) -> Option<String> {
    let has_remarks = !errors(state, name).is_empty() || state.theirs.contains_key(name);
    has_remarks.then(|| format!("{}-{name}-error", state.id.replace(':', "-")))
}

/// Errors of a field, and what others wrote into it.
fn remarks(state: &State, name: &str) -> Markup {
    html! {
        @if let Some(id) = remarks_id(state, name) {
            span.error id=(id) {
                span {
                    @for error in errors(state, name) { (error) " " }
                    @if let Some(theirs) = state.theirs.get(name) {
                        @if theirs.is_empty() { "It is empty now." } @else { "It is now: " (theirs) }
                    }
                }
            }
        }
    }
}

fn invalid(state: &State, name: &str) -> Option<&'static str> {
    (!errors(state, name).is_empty()).then_some("true")
}

fn input(state: &State, name: &str, label: &str, kind: &str, hint: &str) -> Markup {
    html! {
        label.field {
            span { (label) }
            input name=(name) type=(kind) value=(state.value(name)) aria-invalid=[invalid(state, name)]
                aria-describedby=[remarks_id(state, name)];
            @if !hint.is_empty() { span.hint { (hint) } }
            (remarks(state, name))
        }
    }
}

fn input_plain(name: &str, label: &str, value: &str, hint: &str) -> Markup {
    html! {
        label.field {
            span { (label) " " span.optional { "optional" } }
            input name=(name) type="text" value=(value) maxlength="500" placeholder=(hint);
        }
    }
}

fn team(bundle: &Bundle, state: &State) -> Markup {
    let chosen = state.value("team");
    let has_units = bundle.records.activities.get(state.id.as_str());
    let has_units = has_units.is_some_and(|it| !it.work.teams.is_empty());
    html! {
        label.field {
            span { "Team" }
            select name="team" aria-invalid=[invalid(state, "team")] aria-describedby=[remarks_id(state, "team")] {
                option value="" { "no team" }
                @for team in bundle.records.teams.values() {
                    option value=(team.id) selected[team.id.as_str() == chosen] { (team.title) }
                }
            }
            @if has_units {
                span.hint { "More teams stand on its " a href=(ui::record_href(Kind::Activity, &state.id)) { "record" } "." }
            }
            (remarks(state, "team"))
        }
    }
}
