//! The inputs of a form.

use std::collections::{BTreeMap, BTreeSet};

use longlead_model::{Diagnostic, Kind};
use maud::{Markup, html};

use super::read::joined;
use super::{Control, Field, Form, Names, Typed};
use crate::ui;

/// A form as it is to be shown.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) form: &'static Form,
    pub(crate) typed: &'a Typed,
    pub(crate) names: &'a Names<'a>,
    /// What is wrong, by the field of the record.
    pub(crate) wrong: &'a BTreeMap<String, Vec<Diagnostic>>,
    /// The id of a record that is there already: it stays as it is.
    pub(crate) id: Option<&'a str>,
    /// The list that is to get more blank rows.
    pub(crate) more: Option<&'a str>,
}

/// Blank rows under a list, and how many more a click gives.
const BLANK_ROWS: usize = 2;
const MORE_ROWS: usize = 5;

/// Every field of a form, and the lists of what they can refer to.
pub(crate) fn inputs(inputs: &Inputs<'_>) -> Markup {
    html! {
        @for field in &inputs.form.fields {
            @match inputs.id {
                Some(id) if field.name == "id" => { (own_id(&field.name, id)) }
                _ => { (top(inputs, field)) }
            }
        }
        @for kind in inputs.form.kinds() {
            datalist id=(list_id(kind)) {
                @for (id, title) in inputs.names.options(kind) { option value=(id) { (title) } }
            }
        }
    }
}

/// The id of a record that is there: whoever refers to it knows it by that.
fn own_id(name: &str, id: &str) -> Markup {
    html! {
        div.field {
            label for=(element_id(name)) { "Id" }
            input.mono type="text" id=(element_id(name)) name=(Typed::input_name(name)) value=(id) readonly aria-describedby="about-id";
            p.hint #about-id { "An id stays. To rename a record, duplicate it and remove this one." }
        }
    }
}

/// A field of the record, with what is wrong with it.
fn top(inputs: &Inputs<'_>, field: &Field) -> Markup {
    let wrong = inputs.wrong.get(&field.name).map_or(&[][..], Vec::as_slice);
    let path = field.name.as_str();
    match &field.control {
        Control::Group(fields) => group(inputs, field, path, fields, wrong),
        Control::Groups(fields) => groups(inputs, field, path, fields, wrong),
        Control::List(item) => list(inputs, field, path, item, wrong),
        Control::Map { keys, value } => map(inputs, field, path, *keys, value, wrong),
        Control::Checks(words) => checks(inputs, field, path, words, wrong),
        _ => one(inputs, field, path, wrong),
    }
}

/// A field within a table.
fn inner(inputs: &Inputs<'_>, field: &Field, path: &str) -> Markup {
    match &field.control {
        Control::Group(fields) => group(inputs, field, path, fields, &[]),
        Control::List(item) => list(inputs, field, path, item, &[]),
        Control::Map { keys, value } => map(inputs, field, path, *keys, value, &[]),
        Control::Checks(words) => checks(inputs, field, path, words, &[]),
        _ => one(inputs, field, path, &[]),
    }
}

fn errors(path: &str, wrong: &[Diagnostic]) -> Markup {
    html! {
        @for (number, diagnostic) in wrong.iter().enumerate() {
            p.error id=(format!("{}-error-{number}", element_id(path))) {
                span {
                    (diagnostic.message)
                    @if let Some(help) = &diagnostic.help { ": " (help) }
                }
            }
        }
    }
}

/// What a field's input is described by.
fn described(path: &str, hint: &str, wrong: &[Diagnostic]) -> Option<String> {
    let id = element_id(path);
    let hint = (!hint.is_empty()).then(|| format!("{id}-hint"));
    let errors = (0..wrong.len()).map(|number| format!("{id}-error-{number}"));
    let ids: Vec<String> = hint.into_iter().chain(errors).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// The id of the input of a path, or of the fieldset of its inputs.
pub(crate) fn element_id(path: &str) -> String {
    format!("f-{}", path.replace('.', "-"))
}

fn list_id(kind: Kind) -> String {
    format!("list-{kind}")
}

fn optional(field: &Field) -> Markup {
    html! { @if !field.required { " " span.optional { "optional" } } }
}

/// A field with one input.
fn one(inputs: &Inputs<'_>, field: &Field, path: &str, wrong: &[Diagnostic]) -> Markup {
    let describe = described(path, &field.hint, wrong);
    let label = html! { label for=(element_id(path)) { (field.label) (optional(field)) } };
    let input = input(inputs, &field.control, path, describe.as_deref(), !wrong.is_empty(), None);
    let referred = match &field.control {
        Control::Reference(kind) => inputs.names.title(*kind, inputs.typed.text(path).trim()),
        _ => None,
    };
    let class = match field.control {
        Control::Check => "field check",
        Control::Date | Control::Whole | Control::Decimal | Control::Choice(_) => "field short",
        _ => "field",
    };
    html! {
        div class=(class) {
            @if matches!(field.control, Control::Check) { (input) (label) } @else { (label) (input) }
            @if let Some(title) = referred { p.muted { (title) } }
            @if !field.hint.is_empty() {
                p.hint id=(format!("{}-hint", element_id(path))) { (ui::told(&field.hint)) }
            }
            (errors(path, wrong))
        }
    }
}

/// The input of one value. `name` is told to those who don't see the label.
fn input(
    inputs: &Inputs<'_>,
    control: &Control,
    path: &str,
    describe: Option<&str>,
    is_wrong: bool,
    label: Option<&str>,
) -> Markup {
    let text = inputs.typed.text(path);
    let (id, name) = (element_id(path), Typed::input_name(path));
    let invalid = is_wrong.then_some("true");
    let line = |kind: &str, class: &str, list: Option<String>, hint: &str, mode: Option<&str>| {
        html! {
            input type=(kind) id=(id) name=(name) value=(text) class=[(!class.is_empty()).then_some(class)]
                list=[list] placeholder=[(!hint.is_empty()).then_some(hint)] inputmode=[mode] autocomplete="off"
                aria-label=[label] aria-describedby=[describe] aria-invalid=[invalid];
        }
    };
    match control {
        Control::Date => line("date", "", None, "", None),
        Control::Whole => line("text", "", None, "", Some("numeric")),
        Control::Decimal => line("text", "", None, "", Some("decimal")),
        Control::Short { example, .. } => {
            let hint =
                if example.is_empty() { String::new() } else { format!("for example {example}") };
            line("text", "", None, &hint, None)
        }
        Control::Reference(kind) => line("text", "mono", Some(list_id(*kind)), "", None),
        Control::Check => html! {
            input type="checkbox" id=(id) name=(name) value="on" checked[!text.is_empty()]
                aria-label=[label] aria-describedby=[describe] aria-invalid=[invalid];
        },
        Control::Choice(words) => html! {
            select id=(id) name=(name) aria-label=[label] aria-describedby=[describe] aria-invalid=[invalid] {
                option value="" selected[text.is_empty()] { "–" }
                @for word in words { option value=(word) selected[word == text] { (word) } }
                // What is there and no choice is kept, so that it isn't lost unseen.
                @if !text.is_empty() && !words.iter().any(|word| word == text) {
                    option value=(text) selected { (text) }
                }
            }
        },
        Control::Long | Control::Toml { .. } => html! {
            textarea id=(id) name=(name) rows=(rows(text)) class=[matches!(control, Control::Toml { .. }).then_some("mono")]
                aria-label=[label] aria-describedby=[describe] aria-invalid=[invalid] { "\n" (text) }
        },
        _ => line("text", "", None, "", None),
    }
}

fn rows(text: &str) -> usize {
    text.lines().map(|line| 1 + line.chars().count() / 80).sum::<usize>().clamp(3, 16)
}

/// The rows that a list shows: those that hold something, then blank ones.
fn shown_rows(inputs: &Inputs<'_>, path: &str, blank: usize) -> Vec<usize> {
    let mut rows = inputs.typed.rows(path);
    let next = rows.last().map_or(0, |last| last + 1);
    let blank = if inputs.more == Some(path) { blank + MORE_ROWS } else { blank };
    rows.extend(next..next + blank);
    rows
}

fn more(path: &str, what: &str) -> Markup {
    html! {
        p { button.button.small.quiet name="action" value=(format!("more:{path}")) formnovalidate { "+ " (what) } }
    }
}

fn legend(field: &Field, path: &str, wrong: &[Diagnostic]) -> Markup {
    html! {
        legend { (field.label) (optional(field)) }
        @if !field.hint.is_empty() {
            p.hint.muted id=(format!("{}-hint", element_id(path))) { (ui::told(&field.hint)) }
        }
        (errors(path, wrong))
    }
}

/// Whether a text is one of those that a problem quotes: of many rows it tells which is wrong.
fn is_told(wrong: &[Diagnostic], text: &str) -> bool {
    let quoted = [format!("`{}`", text.trim()), format!("\"{}\"", text.trim())];
    let is_quoted = |it: &Diagnostic| quoted.iter().any(|quoted| it.message.contains(quoted));
    !text.trim().is_empty() && wrong.iter().any(is_quoted)
}

/// Values one below the other.
fn list(
    inputs: &Inputs<'_>,
    field: &Field,
    path: &str,
    item: &Control,
    wrong: &[Diagnostic],
) -> Markup {
    let describe = described(path, &field.hint, wrong);
    html! {
        fieldset.rows id=(element_id(path)) aria-describedby=[describe.as_deref()] {
            (legend(field, path, wrong))
            @for row in shown_rows(inputs, path, BLANK_ROWS) {
                @let row_path = joined(path, &row.to_string());
                @let label = format!("{} {}", field.label, row + 1);
                @let referred = match item {
                    Control::Reference(kind) => inputs.names.title(*kind, inputs.typed.text(&row_path).trim()),
                    _ => None,
                };
                div.row {
                    @let is_wrong = is_told(wrong, inputs.typed.text(&row_path));
                    (input(inputs, item, &row_path, describe.as_deref(), is_wrong, Some(&label)))
                    @if let Some(title) = referred { span.muted { (title) } }
                }
            }
            (more(path, "More rows"))
        }
    }
}

/// Values by name.
fn map(
    inputs: &Inputs<'_>,
    field: &Field,
    path: &str,
    keys: Option<Kind>,
    value: &Control,
    wrong: &[Diagnostic],
) -> Markup {
    let key = keys.map_or(Control::Line, Control::Reference);
    let word = keys.map_or_else(|| "name".to_owned(), Kind::word);
    let describe = described(path, &field.hint, wrong);
    html! {
        fieldset.rows id=(element_id(path)) aria-describedby=[describe.as_deref()] {
            (legend(field, path, wrong))
            @for row in shown_rows(inputs, path, BLANK_ROWS) {
                @let row_path = joined(path, &row.to_string());
                @let key_path = joined(&row_path, "key");
                @let title = keys.and_then(|kind| inputs.names.title(kind, inputs.typed.text(&key_path).trim()));
                div.row.pair {
                    @let value_path = joined(&row_path, "value");
                    @let (is_wrong_key, is_wrong) = (is_told(wrong, inputs.typed.text(&key_path)), is_told(wrong, inputs.typed.text(&value_path)));
                    (input(inputs, &key, &key_path, describe.as_deref(), is_wrong_key, Some(&format!("{}: {word} {}", field.label, row + 1))))
                    (input(inputs, value, &value_path, describe.as_deref(), is_wrong, Some(&format!("{}: value {}", field.label, row + 1))))
                    @if let Some(title) = title { span.muted { (title) } }
                }
            }
            (more(path, "More rows"))
        }
    }
}

fn checks(
    inputs: &Inputs<'_>,
    field: &Field,
    path: &str,
    words: &[String],
    wrong: &[Diagnostic],
) -> Markup {
    let ticked: BTreeSet<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| inputs.typed.is_filled(&joined(path, word)))
        .collect();
    html! {
        fieldset id=(element_id(path)) {
            (legend(field, path, wrong))
            div.toolbar {
                @for word in words {
                    @let path = joined(path, word);
                    label {
                        input type="checkbox" name=(Typed::input_name(&path)) value="on" checked[ticked.contains(word.as_str())];
                        " " (word)
                    }
                }
            }
            p.hint.muted { "Tick none to leave it at what holds without it." }
        }
    }
}

/// A table of fields. One that may be left out is folded while nothing is in it.
fn group(
    inputs: &Inputs<'_>,
    field: &Field,
    path: &str,
    fields: &[Field],
    wrong: &[Diagnostic],
) -> Markup {
    let is_open = field.required
        || !wrong.is_empty()
        || inputs.typed.is_filled(path)
        || inputs.more.is_some_and(|more| more.starts_with(path));
    let body = html! {
        @for field in fields { (inner(inputs, field, &joined(path, &field.name))) }
    };
    html! {
        fieldset.nested id=(element_id(path)) {
            (legend(field, path, wrong))
            @if is_open { div.stack { (body) } }
            @else { details { summary { "Add " (field.label.to_lowercase()) } div.stack { (body) } } }
        }
    }
}

/// A list of tables.
fn groups(
    inputs: &Inputs<'_>,
    field: &Field,
    path: &str,
    fields: &[Field],
    wrong: &[Diagnostic],
) -> Markup {
    let filled = inputs.typed.rows(path);
    let blank = if filled.is_empty() { 1 } else { 0 };
    let rows = match inputs.more == Some(path) {
        true => {
            let next = filled.last().map_or(0, |last| last + 1);
            filled.iter().copied().chain([next]).collect()
        }
        false => shown_rows(inputs, path, blank),
    };
    // Few short fields stand beside one another.
    let is_flat = fields.len() <= 4
        && fields.iter().all(|field| {
            !matches!(
                field.control,
                Control::List(_) | Control::Map { .. } | Control::Toml { .. } | Control::Long
            )
        });
    html! {
        fieldset.nested id=(element_id(path)) {
            (legend(field, path, wrong))
            @for (number, row) in rows.into_iter().enumerate() {
                @let row_path = joined(path, &row.to_string());
                fieldset.nested-item {
                    legend { (number + 1) "." }
                    div class=(if is_flat { "fields" } else { "stack" }) {
                        @for field in fields { (inner(inputs, field, &joined(&row_path, &field.name))) }
                    }
                }
            }
            (more(path, "Add another"))
            @if !filled.is_empty() { p.hint.muted { "Clear every field of one to remove it." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use longlead_model::{Bundle, Code};
    use serde_json::json;

    use super::*;

    #[test]
    fn of_many_rows_the_one_that_is_wrong_is_marked() {
        let form = Form::of(Some(Kind::Feature));
        let record = json!({ "id": "f", "after": ["right", "wrong", "well"] });
        let (typed, bundle) = (Typed::of(form, &record), Bundle::default());
        let told = Diagnostic::error(Code::UnknownReference, "there is no activity `wrong`");
        let wrong = BTreeMap::from([("after".to_owned(), vec![told])]);
        let names = &Names::of_bundle(&bundle);
        let shown = Inputs { form, typed: &typed, names, wrong: &wrong, id: None, more: None };
        let page = inputs(&shown).into_string();
        let inputs: Vec<&str> =
            page.split("<input").filter(|it| it.contains("name=\"f.after.")).collect();
        assert_eq!(inputs.len(), 5, "three that hold something, and two blank ones");
        for input in inputs {
            let tag = input.split('>').next().unwrap();
            assert_eq!(tag.contains("aria-invalid"), tag.contains("value=\"wrong\""), "{tag}");
            assert!(tag.contains("f-after-error-0"), "{tag}");
        }
    }
}
