//! Records as people read them, made from the same fields as their forms.

use std::cmp::Ordering;

use longlead_model::{Date, Kind};
use maud::{Markup, html};
use serde_json::Value as Json;

use super::read::{items, scalar};
use super::{Control, Field, Form, Names};
use crate::ui;

/// Every field that a record has, with its value.
pub(crate) fn facts(fields: &[Field], record: &Json, names: &Names<'_>) -> Markup {
    html! {
        dl.facts {
            @for field in fields {
                @if let Some(json) = record.get(&field.name) {
                    dt title=(field.hint) { (field.label) }
                    dd { (value(&field.control, json, names)) }
                }
            }
        }
    }
}

/// What each field means, for those that a record has and those that it could have.
pub(crate) fn meanings(form: &Form) -> Markup {
    html! {
        dl.facts {
            @for field in &form.fields {
                dt { (field.label) br; span.id { (field.name) } }
                dd { (ui::told(&field.hint)) @if field.required { " " span.muted { "Required." } } }
            }
        }
    }
}

/// A value in full.
pub(super) fn value(control: &Control, json: &Json, names: &Names<'_>) -> Markup {
    match control {
        Control::Check => html! { (if json == &Json::Bool(true) { "yes" } else { "no" }) },
        Control::Date => date(json),
        Control::Reference(kind) => {
            html! { @let id = json.as_str().unwrap_or_default(); (names.link(*kind, id)) }
        }
        Control::Long => html! {
            div.stack { @for paragraph in json.as_str().unwrap_or_default().split("\n\n") { p { (paragraph) } } }
        },
        Control::Checks(_) => html! { (words(json)) },
        Control::List(item) => list(item, json, names),
        Control::Map { keys, value: inner } => html! {
            ul.plain-list {
                @for (key, json) in json.as_object().into_iter().flatten() {
                    li { (entry(*keys, inner, (key, json), names)) }
                }
            }
        },
        Control::Group(fields) => facts(fields, json, names),
        Control::Groups(fields) => groups(fields, json, names),
        Control::Toml { .. } => html! { pre.mono { (scalar(control, json)) } },
        Control::Line
        | Control::Choice(_)
        | Control::Whole
        | Control::Decimal
        | Control::Short { .. } => {
            html! { (scalar(control, json)) }
        }
    }
}

/// One value of a map, with what it is of.
pub(super) fn entry(
    keys: Option<Kind>,
    control: &Control,
    (key, json): (&str, &Json),
    names: &Names<'_>,
) -> Markup {
    html! {
        @match keys { Some(kind) => (names.link(kind, key)), None => (key) }
        ": " (value(control, json, names))
    }
}

fn date(json: &Json) -> Markup {
    let date = json.as_str().and_then(|text| text.parse::<Date>().ok());
    date.map_or_else(|| html! { (json.as_str().unwrap_or_default()) }, ui::date)
}

fn words(json: &Json) -> String {
    items(json).iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
}

fn list(item: &Control, json: &Json, names: &Names<'_>) -> Markup {
    let items = items(json);
    let is_short = matches!(item, Control::Line | Control::Date) && items.len() > 3;
    html! {
        @if is_short {
            @for (number, json) in items.iter().enumerate() {
                @if number > 0 { ", " }
                (value(item, json, names))
            }
        } @else {
            ul.plain-list { @for json in items { li { (value(item, json, names)) } } }
        }
    }
}

fn is_number(control: &Control) -> bool {
    match control {
        Control::Whole | Control::Decimal => true,
        Control::Short { form, .. } => matches!(form.as_str(), "money" | "share" | "quantity"),
        _ => false,
    }
}

fn num(control: &Control) -> Option<&'static str> {
    is_number(control).then_some("num")
}

/// A list of tables, with the columns that any of them has.
fn groups(fields: &[Field], json: &Json, names: &Names<'_>) -> Markup {
    let rows = items(json);
    let used: Vec<&Field> = fields
        .iter()
        .filter(|field| rows.iter().any(|row| row.get(&field.name).is_some()))
        .collect();
    html! {
        div.scroll {
            table.data {
                thead { tr { @for field in &used { th scope="col" class=[num(&field.control)] title=(field.hint) { (field.label) } } } }
                tbody {
                    @for row in rows {
                        tr { @for field in &used {
                            td class=[num(&field.control)] {
                                @match row.get(&field.name) { Some(json) => (value(&field.control, json, names)), None => (ui::dash()) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// Items of a list that a cell tells; the rest is counted.
const BRIEF_ITEMS: usize = 3;

/// A value in the cell of a table: short, in one line.
pub(crate) fn brief(field: &Field, json: Option<&Json>, names: &Names<'_>) -> Markup {
    let Some(json) = json else {
        return ui::dash();
    };
    match &field.control {
        Control::List(item) => {
            let items = items(json);
            let rest = items.len().saturating_sub(BRIEF_ITEMS);
            html! {
                @for (number, json) in items.iter().take(BRIEF_ITEMS).enumerate() {
                    @if number > 0 { ", " }
                    (value(item, json, names))
                }
                @if rest > 0 { span.muted { " + " (rest) } }
            }
        }
        Control::Map { keys, value: inner } => {
            let entries = json.as_object();
            let rest = entries.map_or(0, |it| it.len().saturating_sub(BRIEF_ITEMS));
            html! {
                @for (number, (key, json)) in entries.into_iter().flatten().take(BRIEF_ITEMS).enumerate() {
                    @if number > 0 { ", " }
                    @match keys { Some(kind) => (names.link(*kind, key)), None => (key) }
                    " " (value(inner, json, names))
                }
                @if rest > 0 { span.muted { " + " (rest) } }
            }
        }
        Control::Group(_) => html! { "yes" },
        Control::Groups(fields) => groups_in_brief(fields, json, names),
        Control::Long => html! { @let text = json.as_str().unwrap_or_default(); (shortened(text)) },
        control => value(control, json, names),
    }
}

/// The first of some tables, and how many there are.
fn groups_in_brief(fields: &[Field], json: &Json, names: &Names<'_>) -> Markup {
    let items = items(json);
    let plain = |field: &&Field| {
        !matches!(
            field.control,
            Control::List(_)
                | Control::Map { .. }
                | Control::Group(_)
                | Control::Groups(_)
                | Control::Toml { .. }
        )
    };
    let first = items.first();
    let told =
        fields.iter().filter(plain).filter_map(|field| Some((field, first?.get(&field.name)?)));
    html! {
        @for (number, (field, json)) in told.take(2).enumerate() {
            @if number > 0 { " · " }
            (value(&field.control, json, names))
        }
        @if items.len() > 1 { span.muted { " + " (items.len() - 1) } }
    }
}

fn shortened(text: &str) -> String {
    const LETTERS: usize = 90;
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// Whether a column of these values is read as numbers.
pub(crate) fn is_numeric(field: &Field) -> bool {
    is_number(&field.control)
}

/// How two values of a column come after one another; what is missing comes last.
pub(crate) fn order(a: Option<&Json>, b: Option<&Json>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        (Some(a), Some(b)) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => text(a).cmp(&text(b)),
        },
    }
}

/// The number that a value is, or that its text begins with: "12.50 EUR".
fn number(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => {
            let (amount, unit) = text.split_once(' ')?;
            // A date or a title that begins with a figure is a text.
            (unit.len() <= 5).then(|| amount.parse().ok()).flatten()
        }
        _ => None,
    }
}

fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.to_lowercase(),
        json => json.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use longlead_model::RecordKey;

    use super::*;
    use crate::testing::sample;

    #[test]
    fn a_record_is_told_with_labels_titles_and_links() {
        let bundle = sample();
        let names = Names::of_bundle(&bundle);
        let form = Form::of(Some(Kind::BomLine));
        let key = RecordKey::Record(Kind::BomLine, "tracker-c.w25q64".to_owned());
        let page = facts(&form.fields, &bundle.json(&key).unwrap(), &names).into_string();
        assert!(
            page.contains("<dt title=\"The revision on whose board it is.\">Revision</dt>")
                || page.contains(">Revision</dt>")
        );
        assert!(page.contains("href=\"/records/part/gd25q64\""), "{page}");
        assert!(!page.contains(">From<"), "what is left out isn't told: {page}");
    }

    #[test]
    fn columns_are_sorted_as_people_count() {
        let json = |text: &str| Json::from(text);
        assert_eq!(order(Some(&json("9.50 EUR")), Some(&json("12.00 EUR"))), Ordering::Less);
        assert_eq!(order(Some(&json("beta")), Some(&json("Alpha"))), Ordering::Greater);
        assert_eq!(order(None, Some(&json("x"))), Ordering::Greater);
        assert_eq!(order(Some(&Json::from(10)), Some(&Json::from(9))), Ordering::Greater);
    }
}
