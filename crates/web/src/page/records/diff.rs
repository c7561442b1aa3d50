//! What differs between two versions of a record: its text line by line, and its fields.

use longlead_model::{Bundle, RecordKey};
use maud::{Markup, html};
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use crate::form::{self, Control, Field, Form, Names};

/// Unchanged lines that are shown around a change.
const AROUND: usize = 3;

/// The lines that differ, with some around them.
pub(crate) fn lines(before: &str, after: &str) -> Markup {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(AROUND);
    html! {
        div.diff role="group" aria-label="Changed lines" tabindex="0" {
            @for (number, ops) in groups.iter().enumerate() {
                @if number > 0 { span.same { "…" } }
                @for change in ops.iter().flat_map(|op| diff.iter_changes(op)) {
                    @let (class, word) = match change.tag() {
                        ChangeTag::Insert => ("add", Some("added: ")),
                        ChangeTag::Delete => ("del", Some("removed: ")),
                        ChangeTag::Equal => ("same", None),
                    };
                    span class=(class) {
                        @if let Some(word) = word { span.visually-hidden { (word) } }
                        (change.value().trim_end_matches('\n'))
                    }
                }
            }
        }
    }
}

/// A field that differs.
#[derive(Debug)]
pub(crate) struct FieldChange<'a> {
    /// The fields on the way to it: "Work, estimate".
    pub(crate) label: String,
    pub(crate) path: String,
    pub(crate) field: &'a Field,
    pub(crate) before: Option<Json>,
    pub(crate) after: Option<Json>,
}

/// The fields that differ between two versions of a record.
pub(crate) fn fields<'a>(form: &'a Form, before: &Json, after: &Json) -> Vec<FieldChange<'a>> {
    let mut changes = Vec::new();
    compare(&form.fields, ("", ""), Some(before), Some(after), &mut changes);
    changes
}

fn compare<'a>(
    fields: &'a [Field],
    (path, label): (&str, &str),
    before: Option<&Json>,
    after: Option<&Json>,
    changes: &mut Vec<FieldChange<'a>>,
) {
    for field in fields {
        let (was, is) = (member(before, &field.name), member(after, &field.name));
        if was == is {
            continue;
        }
        let (path, label) = match path {
            "" => (field.name.clone(), field.label.clone()),
            _ => (
                format!("{path}.{}", field.name),
                format!("{label}, {}", field.label.to_lowercase()),
            ),
        };
        match &field.control {
            Control::Group(fields) => compare(fields, (&path, &label), was, is, changes),
            _ => changes.push(FieldChange {
                label,
                path,
                field,
                before: was.cloned(),
                after: is.cloned(),
            }),
        }
    }
}

fn member<'a>(table: Option<&'a Json>, name: &str) -> Option<&'a Json> {
    table?.get(name)
}

/// The fields that differ, before and after.
pub(crate) fn table(changes: &[FieldChange<'_>], names: &Names<'_>) -> Markup {
    html! {
        @if !changes.is_empty() {
            div.scroll {
                table.data {
                    caption.visually-hidden { "Fields that differ" }
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Before" } th scope="col" { "After" } } }
                    tbody {
                        @for it in changes {
                            @let told = form::change(&it.field.control, it.before.as_ref(), it.after.as_ref(), names);
                            tr {
                                th scope="row" title=(it.path) { (it.label) }
                                td { (told.before) }
                                td { (told.after) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A record as JSON, from a text that the journal has kept.
pub(crate) fn json_of_text(key: &RecordKey, text: &str) -> Option<Json> {
    let (bundle, _) = Bundle::assemble(&[(key.clone(), text.to_owned())]);
    bundle.json(key)
}

/// A text as the journal would keep it; none if it can't be read.
pub(crate) fn canonical(key: &RecordKey, text: &str) -> Option<String> {
    let (bundle, _) = Bundle::assemble(&[(key.clone(), text.to_owned())]);
    bundle.text(key)
}

/// One change of a record: its fields, and its text.
pub(crate) fn change(
    key: &RecordKey,
    before: Option<&str>,
    after: Option<&str>,
    names: &Names<'_>,
) -> Markup {
    let json =
        |text: Option<&str>| text.and_then(|text| json_of_text(key, text)).unwrap_or_default();
    let form = Form::of_key(key);
    let changes = match (before, after) {
        (Some(_), Some(_)) => fields(form, &json(before), &json(after)),
        _ => Vec::new(),
    };
    html! {
        div.stack {
            (table(&changes, names))
            @if changes.is_empty() {
                (lines(before.unwrap_or_default(), after.unwrap_or_default()))
            } @else {
                details {
                    summary { "As text" }
                    (lines(before.unwrap_or_default(), after.unwrap_or_default()))
                }
            }
        }
    }
}

/// Whether a change added, changed or removed a record.
pub(crate) fn verb(before: Option<&str>, after: Option<&str>) -> Markup {
    let (class, word) = match (before, after) {
        (None, _) => ("badge safe", "added"),
        (Some(_), Some(_)) => ("badge done", "changed"),
        (Some(_), None) => ("badge lost", "removed"),
    };
    html! { span class=(class) { (word) } }
}

#[cfg(test)]
mod tests {
    use longlead_model::Kind;
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_within_tables_are_told_by_their_path() {
        let form = Form::of(Some(Kind::Activity));
        let before = json!({ "id": "a", "title": "A", "work": { "estimate": "5 d", "team": "x" } });
        let after = json!({ "id": "a", "title": "B", "work": { "estimate": "8 d", "team": "x" } });
        let changes = fields(form, &before, &after);
        let told: Vec<_> = changes.iter().map(|it| (it.path.as_str(), it.label.as_str())).collect();
        assert_eq!(told, [("title", "Title"), ("work.estimate", "Work, estimate")]);
    }

    #[test]
    fn a_diff_shows_what_went_and_what_came() {
        let page = lines("a = 1\nb = 2\n", "a = 1\nb = 3\n").into_string();
        assert!(
            page.contains("removed: </span>b = 2") && page.contains("added: </span>b = 3"),
            "{page}"
        );
        assert!(page.contains("<span class=\"same\">a = 1</span>"), "{page}");
    }
}
