//! The page on which a record is written.

use axum::response::Html;
use longlead_model::RecordKey;
use maud::{Markup, html};

use super::{Draft, Mode, Target, Wrong};
use crate::form::{Inputs, Names, inputs, key_href, meanings};
use crate::layout::{self, Page};
use crate::page::records::effect::{Effect, moves};
use crate::page::records::{Newest, diff, show};
use crate::reader::Seen;
use crate::ui;

/// What a draft is shown with.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) wrong: Wrong,
    /// What it would move, and its text then.
    pub(crate) effect: Option<(Effect, Option<String>)>,
    pub(crate) notice: Option<String>,
    /// What stands above the form: a conflict.
    pub(crate) above: Option<Markup>,
    /// The list that is to get more rows.
    pub(crate) more: Option<String>,
}

/// A draft with its form.
pub(crate) fn page(seen: &Seen, newest: &Newest, draft: &Draft, shown: &Shown) -> Html<String> {
    let names = Names::new(seen, newest.bundle(seen));
    let (title, back) = match &draft.target {
        Target::New(kind) => (format!("Add {}", kind.word()), format!("/records/{kind}")),
        Target::Change(key) => (format!("Edit {}", names.called(key)), key_href(key)),
    };
    let main = html! {
        @if let Some(notice) = &shown.notice { p.notice.info role="status" { (notice) } }
        (problems(shown))
        @if let Some(above) = &shown.above { (above) }
        div.split {
            (form(seen, draft, shown, &names, &back))
            aside.stack {
                @if let Some((effect, after)) = &shown.effect { (preview(newest, draft, effect, after.as_deref())) }
                (about(draft))
            }
        }
    };
    let page = Page {
        title: &title,
        section: "/records",
        lede: Some(match &draft.target {
            Target::New(kind) => html! { (kind.doc().trim()) },
            Target::Change(key) => show::lede(key),
        }),
        tools: html! { a.button.quiet href=(back) { "Cancel" } },
        main,
        live: false,
    };
    layout::page(seen, &page)
}

/// What is wrong at large, and a word on what is wrong at fields.
fn problems(shown: &Shown) -> Markup {
    let wrong = &shown.wrong;
    let count = wrong.fields.values().flatten().filter(|it| it.is_error()).count();
    html! {
        @if count > 0 {
            p.notice.bad role="alert" { span {
                "Nothing was saved: "
                (if count == 1 { "one field needs".to_owned() } else { format!("{count} things need") })
                " another look."
                @for field in wrong.fields.keys() { " " a href=(format!("#f-{field}")) { (crate::form::label(field)) } }
            } }
        }
        @if !wrong.others.is_empty() { div role="alert" { (ui::diagnostics(&wrong.others)) } }
    }
}

fn form(seen: &Seen, draft: &Draft, shown: &Shown, names: &Names<'_>, back: &str) -> Markup {
    let action = match &draft.target {
        Target::New(kind) => format!("/records/{kind}/new"),
        Target::Change(key) => format!("{}/edit", key_href(key)),
    };
    let id = match &draft.target {
        Target::Change(RecordKey::Record(_, id)) => Some(id.as_str()),
        _ => None,
    };
    let form = draft.target.form();
    let more = shown.more.as_deref();
    let fields = Inputs { form, typed: &draft.typed, names, wrong: &shown.wrong.fields, id, more };
    html! {
        form.edit method="post" action=(action) data-dirty-guard novalidate {
            (layout::csrf(&seen.reader))
            // Enter in a field saves: browsers press the first button.
            button.visually-hidden name="action" value="save" tabindex="-1" aria-hidden="true" { "Save" }
            input type="hidden" name="mode" value=(draft.mode.as_str());
            @if let Some(version) = draft.version { input type="hidden" name="version" value=(version); }
            @match draft.mode {
                Mode::Form => { (inputs(&fields)) }
                Mode::Toml => { (whole_text(draft)) }
            }
            div.field {
                label for="why" { "Why " span.optional { "for those who read the history" } }
                input #why type="text" name="why" value=(draft.why) maxlength="500" autocomplete="off";
            }
            div.form-actions {
                button.button.primary name="action" value="save" { "Save" }
                button.button name="action" value="preview" { "Preview" }
                a.button.quiet href=(back) { "Cancel" }
                span.spacer {}
                @match draft.mode {
                    Mode::Form => { button.button.quiet name="action" value="toml" { "Edit as TOML" } }
                    Mode::Toml => { button.button.quiet name="action" value="form" { "Edit as a form" } }
                }
            }
        }
    }
}

fn whole_text(draft: &Draft) -> Markup {
    let rows = (draft.text.lines().count() + 3).clamp(10, 40);
    html! {
        div.field {
            label for="text" { "The record as TOML" }
            textarea.mono #text name="text" rows=(rows) spellcheck="false" autocapitalize="off" aria-describedby="text-hint" { "\n" (draft.text) }
            p.hint #text-hint { "One field = value after another, without a header. Problems are told with their line." }
        }
    }
}

fn preview(newest: &Newest, draft: &Draft, effect: &Effect, after: Option<&str>) -> Markup {
    let before = match &draft.target {
        Target::New(_) => None,
        Target::Change(key) => newest.text(key),
    };
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    html! {
        section.card.preview role="status" {
            h2 { "Preview" }
            p.muted { "Nothing is saved yet." }
            (moves(effect))
            @if before == after { p.muted { "The record itself stays as it is." } }
            @else { h3 { "The record" } (diff::lines(&before, after)) }
        }
    }
}

/// Help beside the form.
fn about(draft: &Draft) -> Markup {
    html! {
        section.card {
            h2 { "How values are written" }
            dl.facts.terms {
                dt { "Durations" } dd { code { "10 d" } ", " code { "5 / 8 / 14 d" } " (low, likely, high), " code { "16..22 wk" } " (P50 and P90)" }
                dt { "Money" } dd { code { "12.50 EUR" } }
                dt { "Shares" } dd { code { "80 %" } }
                dt { "Amounts" } dd { code { "256 KiB" } ", " code { "3.7 V" } ", or " code { "yes" } }
            }
            p.muted { "Fields that are left empty are left out: what they mean then is in their description." }
        }
        @if draft.mode == Mode::Toml {
            details.card open { summary { "Fields" } (meanings(draft.target.form())) }
        }
    }
}
