//! One value in one cell: short where it can be, TOML where it can't.

use longlead_model::Date;
use serde_json::{Map, Value as Json};

use crate::form::{Control, items, json_of_toml, scalar, shortened_tables, toml_of_json};

/// Between the items of a list in a cell.
const GLUE: &str = "; ";

/// The text of a value.
pub(super) fn write(control: &Control, value: &Json) -> String {
    let as_toml = || toml_of_json(&shortened_tables(control, value));
    match control {
        Control::Group(_) | Control::Groups(_) => as_toml(),
        Control::Toml { .. } => toml_of_json(value),
        Control::Check => if value == &Json::Bool(true) { "yes" } else { "no" }.to_owned(),
        Control::List(item) => {
            joined(items(value).iter().map(|value| scalar(item, value)), as_toml)
        }
        Control::Checks(_) => {
            joined(items(value).iter().map(|value| scalar(control, value)), as_toml)
        }
        Control::Map { value: inner, .. } => {
            let entries = value.as_object().into_iter().flatten();
            joined(entries.map(|(key, value)| format!("{key} = {}", scalar(inner, value))), as_toml)
        }
        control => match scalar(control, value) {
            // An empty text is something else than none.
            text if text.is_empty() => "\"\"".to_owned(),
            text => text,
        },
    }
}

/// Items one after another, or TOML where they couldn't be told apart again.
fn joined(items: impl Iterator<Item = String>, as_toml: impl Fn() -> String) -> String {
    let items: Vec<String> = items.collect();
    let is_plain = |item: &String| {
        !item.is_empty()
            && item.trim() == item
            && !item.contains([';', '\n', '"'])
            && !item.starts_with(['[', '{'])
            && item.matches('=').count() <= 1
    };
    if !items.is_empty() && items.iter().all(is_plain) { items.join(GLUE) } else { as_toml() }
}

/// The value of a text; none where the cell is empty.
pub(super) fn read(control: &Control, cell: &str) -> Result<Option<Json>, String> {
    let text = cell.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let is_toml = text.starts_with(['[', '{']);
    let value = match control {
        Control::Line | Control::Long if text == "\"\"" => Json::from(""),
        Control::Long => Json::from(cell.replace("\r\n", "\n")),
        Control::Line => Json::from(cell),
        Control::Check => match text.to_lowercase().as_str() {
            "yes" | "true" | "1" => Json::Bool(true),
            "no" | "false" | "0" => Json::Bool(false),
            _ => return Err(format!("“{text}” is neither yes nor no")),
        },
        Control::Whole | Control::Decimal => number(text),
        Control::Date => Json::from(date(text)),
        Control::List(_) | Control::Checks(_) | Control::Map { .. } if is_toml => {
            json_of_toml(text, false)?
        }
        Control::List(item) => each(text, |text| read(item, text))?,
        Control::Checks(_) => each(text, |text| Ok(Some(Json::from(text))))?,
        Control::Map { value, .. } => map(value, text)?,
        Control::Group(_) | Control::Groups(_) | Control::Toml { .. } => json_of_toml(text, false)?,
        Control::Short { .. } | Control::Reference(_) | Control::Choice(_) => Json::from(text),
    };
    Ok(Some(value))
}

fn each(text: &str, read: impl Fn(&str) -> Result<Option<Json>, String>) -> Result<Json, String> {
    let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
    let values: Result<Vec<Option<Json>>, String> = items.map(read).collect();
    Ok(values?.into_iter().flatten().collect())
}

fn map(value: &Control, text: &str) -> Result<Json, String> {
    let mut entries = Map::new();
    for item in text.split(';').map(str::trim).filter(|item| !item.is_empty()) {
        let (key, inner) = item
            .split_once('=')
            .ok_or_else(|| format!("“{item}” has no value; write “ram = 256 KiB; lte = yes”"))?;
        let (key, inner) = (key.trim(), read(value, inner.trim())?);
        let inner = inner.ok_or_else(|| format!("`{key}` has no value"))?;
        if entries.insert(key.to_owned(), inner).is_some() {
            return Err(format!("`{key}` is given twice"));
        }
    }
    Ok(Json::Object(entries))
}

/// A number; what is none goes on as a text, so that the record tells what is wrong.
fn number(text: &str) -> Json {
    text.parse::<i64>().map_or_else(|_| Json::from(text), Json::from)
}

/// A date as records write it, also of `31.1.2027`, which spreadsheets make of it.
fn date(text: &str) -> String {
    let parts: Vec<&str> = text.split('.').collect();
    let [day, month, year] = parts.as_slice() else {
        return text.to_owned();
    };
    let number = |text: &str| text.trim().parse::<i8>().ok();
    let year = year.trim().parse::<i16>().ok().filter(|year| *year >= 1000);
    match (year, number(month), number(day)) {
        (Some(year), Some(month), Some(day)) => {
            Date::new(year, month, day).map_or_else(|_| text.to_owned(), |date| date.to_string())
        }
        _ => text.to_owned(),
    }
}

/// What a spreadsheet takes for a formula.
fn runs(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A cell that no spreadsheet runs.
pub(super) fn guarded(text: &str) -> String {
    match runs(text.trim_start_matches('\'')) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// What [`guarded`] has made safe.
pub(super) fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if runs(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_spreadsheets_are_understood() {
        assert_eq!(date("31.1.2027"), "2027-01-31");
        assert_eq!(date("2027-01-31"), "2027-01-31");
        assert_eq!(date("31.2.2027"), "31.2.2027");
    }

    #[test]
    fn what_can_not_be_told_apart_is_written_as_toml() {
        let list = Control::List(Box::new(Control::Line));
        let value = serde_json::json!(["a; b", "c"]);
        assert_eq!(write(&list, &value), "[\"a; b\", \"c\"]");
        assert_eq!(read(&list, "[\"a; b\", \"c\"]").unwrap().unwrap(), value);
        assert_eq!(read(&list, "a;b; ").unwrap().unwrap(), serde_json::json!(["a", "b"]));
    }
}
