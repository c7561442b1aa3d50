//! What is typed, and the record that it means.

use std::collections::{BTreeMap, BTreeSet};

use longlead_model::{form_text, text_of_json};
use serde_json::{Map, Number, Value as Json};
use toml::de::{DeTable, DeValue};

use super::{Control, Field, Form};

/// The texts of a form's inputs, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Typed(BTreeMap<String, String>);

/// What is wrong with what was typed in a field, before it is a record at all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// The field of the record: `requires`.
    pub(crate) field: String,
    pub(crate) message: String,
}

/// Before the names of inputs, so that they can't be taken for what else a form sends.
const PREFIX: &str = "f.";

impl Typed {
    /// What a form of a record shows.
    pub(crate) fn of(form: &Form, record: &Json) -> Typed {
        let mut typed = Typed::default();
        typed.table(&form.fields, "", record);
        typed
    }

    /// What was sent.
    pub(crate) fn sent(fields: &[(String, String)]) -> Typed {
        let inputs = fields.iter().filter_map(|(name, text)| {
            // Browsers send line breaks as CR LF.
            Some((name.strip_prefix(PREFIX)?.to_owned(), text.replace("\r\n", "\n")))
        });
        Typed(inputs.collect())
    }

    /// The name by which a form sends the input of a path.
    pub(crate) fn input_name(path: &str) -> String {
        format!("{PREFIX}{path}")
    }

    /// What stands at a path; empty where nothing does.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    pub(crate) fn set(&mut self, path: &str, text: impl Into<String>) {
        self.0.insert(path.to_owned(), text.into());
    }

    /// Whether anything stands at a path or below it.
    pub(crate) fn is_filled(&self, path: &str) -> bool {
        let inside = format!("{path}.");
        let below =
            self.0.range(inside.clone()..).take_while(|(name, _)| name.starts_with(&inside));
        let own = self.0.get_key_value(path);
        own.into_iter().chain(below).any(|(_, text)| !text.trim().is_empty())
    }

    /// The numbers of the rows of a list that hold anything.
    pub(crate) fn rows(&self, path: &str) -> Vec<usize> {
        let inside = format!("{path}.");
        let below =
            self.0.range(inside.clone()..).take_while(|(name, _)| name.starts_with(&inside));
        let numbers = below
            .filter(|(_, text)| !text.trim().is_empty())
            .filter_map(|(name, _)| name.strip_prefix(&inside)?.split('.').next()?.parse().ok());
        numbers.collect::<BTreeSet<usize>>().into_iter().collect()
    }

    /// The record that was typed, and what is no value at all.
    pub(crate) fn record(&self, form: &Form) -> (Json, Vec<Told>) {
        let mut told = Vec::new();
        let record = self.members(&form.fields, "", &mut told);
        (Json::Object(record), told)
    }

    fn table(&mut self, fields: &[Field], path: &str, table: &Json) {
        for field in fields {
            if let Some(value) = table.get(&field.name) {
                self.value(&field.control, &joined(path, &field.name), value);
            }
        }
    }

    fn value(&mut self, control: &Control, path: &str, value: &Json) {
        match control {
            Control::Check => {
                if value == &Json::Bool(true) {
                    self.set(path, "on");
                }
            }
            Control::Checks(_) => {
                for word in items(value).iter().filter_map(Json::as_str) {
                    self.set(&joined(path, word), "on");
                }
            }
            Control::List(item) => {
                for (row, value) in items(value).iter().enumerate() {
                    self.value(item, &joined(path, &row.to_string()), value);
                }
            }
            Control::Map { value: inner, .. } => {
                for (row, (key, value)) in value.as_object().into_iter().flatten().enumerate() {
                    let path = joined(path, &row.to_string());
                    self.set(&joined(&path, "key"), key.as_str());
                    self.value(inner, &joined(&path, "value"), value);
                }
            }
            Control::Group(fields) => self.table(fields, path, value),
            Control::Groups(fields) => {
                for (row, value) in items(value).iter().enumerate() {
                    self.table(fields, &joined(path, &row.to_string()), value);
                }
            }
            control => self.set(path, scalar(control, value)),
        }
    }

    fn members(&self, fields: &[Field], path: &str, told: &mut Vec<Told>) -> Map<String, Json> {
        let mut members = Map::new();
        for field in fields {
            if let Some(value) = self.typed(&field.control, &joined(path, &field.name), told) {
                members.insert(field.name.clone(), value);
            }
        }
        members
    }

    /// The value typed at a path; none if nothing is.
    fn typed(&self, control: &Control, path: &str, told: &mut Vec<Told>) -> Option<Json> {
        let text = self.text(path);
        let trimmed = text.trim();
        let given = || (!trimmed.is_empty()).then(|| Json::from(trimmed));
        match control {
            Control::Long => (!trimmed.is_empty()).then(|| Json::from(text.trim_end())),
            Control::Check => (!trimmed.is_empty()).then_some(Json::Bool(true)),
            // What isn't a number goes on as a text, so that the record tells what is wrong.
            Control::Whole => given().map(|text| whole(trimmed).unwrap_or(text)),
            Control::Decimal => given().map(|text| whole(trimmed).unwrap_or(text)),
            Control::Checks(words) => {
                let ticked = words.iter().filter(|word| self.is_filled(&joined(path, word)));
                let ticked: Vec<Json> = ticked.map(|word| Json::from(word.as_str())).collect();
                (!ticked.is_empty()).then_some(Json::Array(ticked))
            }
            Control::List(item) => {
                let rows = self.rows(path).into_iter();
                let values =
                    rows.filter_map(|row| self.typed(item, &joined(path, &row.to_string()), told));
                let values: Vec<Json> = values.collect();
                (!values.is_empty()).then_some(Json::Array(values))
            }
            Control::Map { value, .. } => self.map(value, path, told),
            Control::Group(fields) => {
                let members = self.members(fields, path, told);
                (!members.is_empty()).then_some(Json::Object(members))
            }
            Control::Groups(fields) => {
                let rows = self.rows(path).into_iter();
                let tables =
                    rows.map(|row| self.members(fields, &joined(path, &row.to_string()), told));
                let tables: Vec<Json> =
                    tables.filter(|table| !table.is_empty()).map(Json::Object).collect();
                (!tables.is_empty()).then_some(Json::Array(tables))
            }
            Control::Toml { is_table } => {
                given()?;
                json_of_toml(text, *is_table).map_err(|message| tell(told, path, message)).ok()
            }
            _ => given(),
        }
    }

    fn map(&self, value: &Control, path: &str, told: &mut Vec<Told>) -> Option<Json> {
        let mut members = Map::new();
        for row in self.rows(path) {
            let path = joined(path, &row.to_string());
            let key = self.text(&joined(&path, "key")).trim();
            let value = self.typed(value, &joined(&path, "value"), told);
            match value {
                Some(_) if key.is_empty() => {
                    tell(told, &path, "say what this value is of".to_owned())
                }
                Some(_) if members.contains_key(key) => {
                    tell(told, &path, format!("`{key}` is given twice"));
                }
                Some(value) => {
                    members.insert(key.to_owned(), value);
                }
                None => {
                    tell(told, &path, format!("`{key}` has no value; clear it to leave it out"))
                }
            }
        }
        (!members.is_empty()).then_some(Json::Object(members))
    }
}

fn tell(told: &mut Vec<Told>, path: &str, message: String) {
    let field = path.split('.').next().unwrap_or(path).to_owned();
    told.push(Told { field, message });
}

pub(super) fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The items of a list, or the one value that stands for a list of one.
pub(crate) fn items(value: &Json) -> &[Json] {
    match value {
        Json::Array(items) => items,
        value => std::slice::from_ref(value),
    }
}

fn whole(text: &str) -> Option<Json> {
    text.parse::<i64>().ok().map(Json::from)
}

/// The text of a value that one input holds.
pub(crate) fn scalar(control: &Control, value: &Json) -> String {
    let short = match control {
        Control::Short { form, .. } => form_text(form, value),
        Control::Toml { is_table: true } => text_of_json(value).ok(),
        _ => None,
    };
    short.unwrap_or_else(|| match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        value => toml_of_json(value),
    })
}

/// Tables with the short texts of what is in them: `estimate = "5 / 8 / 14 d"`.
pub(crate) fn shortened_tables(control: &Control, value: &Json) -> Json {
    match (control, value) {
        (Control::Short { form, .. }, value) => {
            form_text(form, value).map_or_else(|| value.clone(), Json::from)
        }
        (Control::Group(fields), Json::Object(table)) => shortened(fields, table),
        (Control::Groups(fields), value) => {
            let tables = items(value).iter();
            tables
                .map(|it| it.as_object().map_or_else(|| it.clone(), |it| shortened(fields, it)))
                .collect()
        }
        (_, value) => value.clone(),
    }
}

fn shortened(fields: &[Field], table: &Map<String, Json>) -> Json {
    let members = table.iter().map(|(name, value)| {
        let field = fields.iter().find(|field| field.name == *name);
        let short = field.map(|field| shortened_tables(&field.control, value));
        (name.clone(), short.unwrap_or_else(|| value.clone()))
    });
    Json::Object(members.collect())
}

/// A value as it stands after `=`, in one line where that is possible.
pub(crate) fn toml_of_json(value: &Json) -> String {
    let mut record = Map::new();
    record.insert("v".to_owned(), value.clone());
    let text = text_of_json(&Json::Object(record)).unwrap_or_default();
    let text = text.strip_prefix("v = ").unwrap_or(&text).trim_end();
    let has_lines_of_its_own = text.contains("\"\"\"") || text.contains("'''");
    match has_lines_of_its_own {
        true => text.to_owned(),
        false => text.lines().map(str::trim).collect::<Vec<_>>().join(" ").replace("[ {", "[{"),
    }
}

/// Reads TOML: a table of fields, or the value that stands after `=`.
pub(crate) fn json_of_toml(text: &str, is_table: bool) -> Result<Json, String> {
    let document = match is_table {
        true => text.to_owned(),
        false => format!("v = {text}"),
    };
    let parsed = DeTable::parse(&document);
    let parsed = parsed.map_err(|error| format!("this is not TOML: {}", error.message()))?;
    let table = json_of_table(parsed.get_ref());
    match (is_table, table) {
        (true, table) => Ok(table),
        // More than the one value would be fields that nobody asked for.
        (false, Json::Object(mut table)) if table.len() == 1 => {
            table.shift_remove("v").ok_or_else(|| "this is not a TOML value".to_owned())
        }
        (false, _) => Err("this is not one TOML value".to_owned()),
    }
}

/// The members of a table in the order in which they are written.
fn json_of_table(table: &DeTable<'_>) -> Json {
    let mut members: Vec<_> = table.iter().collect();
    members.sort_by_key(|(name, _)| name.span().start);
    let members = members.into_iter();
    let members =
        members.map(|(name, value)| (name.get_ref().to_string(), json_of(value.get_ref())));
    Json::Object(members.collect())
}

fn json_of(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => Json::from(text.as_ref()),
        // A number that no field can hold goes on as a text, which no such field takes.
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| Json::from(integer.as_str()), Json::from),
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            number.map_or_else(|| Json::from(float.as_str()), Json::Number)
        }
        DeValue::Boolean(truth) => Json::Bool(*truth),
        DeValue::Datetime(date) => Json::from(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => json_of_table(table),
    }
}

#[cfg(test)]
mod tests {
    use longlead_model::{Bundle, Edit, RecordKey};

    use super::*;
    use crate::testing::sample;

    #[test]
    fn a_form_that_is_sent_back_as_it_was_shown_changes_no_record() {
        let bundle = sample();
        let mut edits = Vec::new();
        for key in bundle.keys() {
            let form = Form::of_key(&key);
            let typed = Typed::of(form, &bundle.json(&key).unwrap());
            let (record, told) = typed.record(form);
            assert_eq!(told, [], "{key}");
            edits.push(Edit { after: Some(text_of_json(&record).unwrap()), key });
        }
        let (edited, diagnostics) = bundle.edited(&edits);
        assert_eq!(diagnostics, []);
        for key in bundle.keys() {
            assert_eq!(edited.text(&key), bundle.text(&key), "{key}");
        }
    }

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        let pairs = pairs.iter().map(|(name, text)| (format!("f.{name}"), (*text).to_owned()));
        Typed::sent(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn blank_rows_are_left_out_and_what_is_no_value_is_told_at_its_field() {
        let form = Form::of(Some(longlead_model::Kind::Feature));
        let feature = typed(&[
            ("id", " x "),
            ("after.0", ""),
            ("after.3", "a"),
            ("after.12", "b"),
            ("requires.0.key", "ram"),
            ("requires.0.value", "256 KiB"),
            ("requires.1.key", "ram"),
            ("requires.1.value", "yes"),
            ("requires.2.key", "light"),
            ("work.estimate", ""),
            ("csrf", "no field"),
        ]);
        let (record, told) = feature.record(form);
        let expect = serde_json::json!({
            "id": "x", "requires": { "ram": "256 KiB" }, "after": ["a", "b"],
        });
        assert_eq!(record, expect);
        let told: Vec<&str> = told.iter().map(|told| told.message.as_str()).collect();
        assert_eq!(
            told,
            ["`ram` is given twice", "`light` has no value; clear it to leave it out"]
        );
    }

    #[test]
    fn a_value_typed_as_toml_can_not_bring_fields_of_its_own() {
        assert!(json_of_toml("1\nid = 2", false).is_err());
        assert!(json_of_toml("[1, { a = 2 }]", false).is_ok());
        assert!(json_of_toml("a = ", true).unwrap_err().starts_with("this is not TOML"));
    }

    #[test]
    fn values_are_written_in_one_line_where_that_keeps_their_texts() {
        let prices = serde_json::json!([{ "quantity": 1, "price": "2 USD" }, { "quantity": 9, "price": "1 USD" }]);
        let text = toml_of_json(&prices);
        assert!(!text.contains('\n'), "{text}");
        assert_eq!(json_of_toml(&text, false).unwrap(), prices);
        let lines = serde_json::json!(["a\nb"]);
        assert_eq!(json_of_toml(&toml_of_json(&lines), false).unwrap(), lines);
    }

    #[test]
    fn the_settings_and_records_share_one_form() {
        let (bundle, _) = Bundle::default().edited(&[Edit {
            key: RecordKey::Settings,
            after: Some("seed = 7\nconfidence = 0.9\n".to_owned()),
        }]);
        let form = Form::of_key(&RecordKey::Settings);
        let typed = Typed::of(form, &bundle.json(&RecordKey::Settings).unwrap());
        assert_eq!((typed.text("seed"), typed.text("confidence")), ("7", "90 %"));
    }
}
