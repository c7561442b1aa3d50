//! Forms made from the schemas of records: what a field is called, what holds its value, and how
//! what is typed becomes a record.
//!
//! A value goes round: JSON of a record → [`Typed`], the texts of inputs by their names → JSON.
//! Names are paths: `work.estimate`, `after.0`, `requires.1.key`. What a form is sent is shown
//! again as it was typed, whatever is wrong with it.

mod change;
mod input;
mod name;
mod read;
mod show;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use longlead_model::{Kind, RecordKey, bundle_schema, record_schema};
use serde_json::Value as Json;

pub(crate) use change::change;
pub(crate) use input::{Inputs, element_id, inputs};
pub(crate) use name::{Names, OPTIONS_MAX, key_href};
pub(crate) use read::{Told, Typed, items, json_of_toml, scalar, shortened_tables, toml_of_json};
pub(crate) use show::{brief, facts, is_numeric, meanings, order};

/// The fields of a kind of record, or of the settings.
#[derive(Debug)]
pub(crate) struct Form {
    /// The kind; none for the settings.
    pub(crate) kind: Option<Kind>,
    pub(crate) fields: Vec<Field>,
}

/// A field of a record, or of a table within one.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// As it is written: `lead_time`.
    pub(crate) name: String,
    /// As people read it: "Lead time".
    pub(crate) label: String,
    /// What it says.
    pub(crate) hint: String,
    pub(crate) required: bool,
    pub(crate) control: Control,
}

/// What holds the value of a field.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    /// A text of one line.
    Line,
    /// A text of several lines.
    Long,
    /// One of some words.
    Choice(Vec<String>),
    /// Some of some words.
    Checks(Vec<String>),
    /// Yes or no.
    Check,
    Date,
    Whole,
    Decimal,
    /// A short text of its own kind: an estimate, money, a share.
    Short {
        form: String,
        example: String,
    },
    /// The id of a record.
    Reference(Kind),
    /// Values one below the other.
    List(Box<Control>),
    /// Values by name, which may be the ids of a kind.
    Map {
        keys: Option<Kind>,
        value: Box<Control>,
    },
    /// A table of fields.
    Group(Vec<Field>),
    /// A list of such tables.
    Groups(Vec<Field>),
    /// Anything else, as TOML: a table of fields, or one value.
    Toml {
        is_table: bool,
    },
}

/// Fields whose texts are long.
const LONG: &[&str] = &["context", "definition", "description", "mitigation", "note", "reason"];

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let kinds = Kind::ALL.iter().map(|kind| (Some(*kind), record_schema(*kind)));
    let bundle = bundle_schema();
    let settings = bundle.pointer("/properties/settings").cloned().unwrap_or_default();
    let forms = kinds.chain([(None, settings)]);
    forms.map(|(kind, schema)| Form { kind, fields: fields(&schema) }).collect()
});

impl Form {
    /// The form of a kind; of the settings if there is none.
    pub(crate) fn of(kind: Option<Kind>) -> &'static Form {
        static NONE: Form = Form { kind: None, fields: Vec::new() };
        FORMS.iter().find(|form| form.kind == kind).unwrap_or(&NONE)
    }

    pub(crate) fn of_key(key: &RecordKey) -> &'static Form {
        match key {
            RecordKey::Settings => Form::of(None),
            RecordKey::Record(kind, _) => Form::of(Some(*kind)),
        }
    }

    /// A field by its path: `lead_time`, or `work.team`.
    pub(crate) fn field(&self, path: &str) -> Option<&Field> {
        field_in(&self.fields, path)
    }

    /// Kinds whose records its fields refer to.
    pub(crate) fn kinds(&self) -> BTreeSet<Kind> {
        let mut kinds = BTreeSet::new();
        self.fields.iter().for_each(|field| kinds_in(&field.control, &mut kinds));
        kinds
    }
}

fn field_in<'a>(fields: &'a [Field], path: &str) -> Option<&'a Field> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = fields.iter().find(|field| field.name == name)?;
    match (rest, &field.control) {
        (None, _) => Some(field),
        (Some(rest), Control::Group(fields)) => field_in(fields, rest),
        (Some(_), _) => None,
    }
}

fn kinds_in(control: &Control, kinds: &mut BTreeSet<Kind>) {
    match control {
        Control::Reference(kind) => {
            kinds.insert(*kind);
        }
        Control::List(inner) => kinds_in(inner, kinds),
        Control::Map { keys, value } => {
            kinds.extend(keys);
            kinds_in(value, kinds);
        }
        Control::Group(fields) | Control::Groups(fields) => {
            fields.iter().for_each(|field| kinds_in(&field.control, kinds));
        }
        _ => {}
    }
}

fn fields(schema: &Json) -> Vec<Field> {
    let required: Vec<&str> = array(schema, "required").iter().filter_map(Json::as_str).collect();
    let properties = schema.get("properties").and_then(Json::as_object);
    let fields = properties.into_iter().flatten().map(|(name, schema)| Field {
        name: name.clone(),
        label: label(name),
        hint: text(schema, "description").to_owned(),
        required: required.contains(&name.as_str()),
        control: control(name, schema),
    });
    fields.collect()
}

fn text<'a>(schema: &'a Json, member: &str) -> &'a str {
    schema.get(member).and_then(Json::as_str).unwrap_or_default()
}

fn array<'a>(schema: &'a Json, member: &str) -> &'a [Json] {
    schema.get(member).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// A field's name as people read it.
pub(crate) fn label(name: &str) -> String {
    match name {
        "mpn" => return "MPN".to_owned(),
        "rho" => return "Correlation (rho)".to_owned(),
        _ => {}
    }
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

fn control(name: &str, schema: &Json) -> Control {
    if let Some(form) = schema.get("x-form").and_then(Json::as_str) {
        return Control::Short { form: form.to_owned(), example: example(schema) };
    }
    if let Some(kind) = Kind::named(text(schema, "x-kind")) {
        return Control::Reference(kind);
    }
    let words: Vec<String> =
        array(schema, "enum").iter().filter_map(Json::as_str).map(str::to_owned).collect();
    if !words.is_empty() {
        return Control::Choice(words);
    }
    // What may be a list may be one value, too: the list is the general form.
    let list = array(schema, "anyOf").iter().find(|it| text(it, "type") == "array");
    if let Some(list) = list.or_else(|| (text(schema, "type") == "array").then_some(schema)) {
        return list_of(name, list);
    }
    match (schema.get("type"), text(schema, "type")) {
        (_, "object") => table(name, schema),
        (_, "boolean") => Control::Check,
        (_, "integer") => Control::Whole,
        (_, "number") | (Some(Json::Array(_)), _) => Control::Decimal,
        (_, "string") if text(schema, "format") == "date" => Control::Date,
        (_, "string") if LONG.contains(&name) => Control::Long,
        (_, "string") => Control::Line,
        _ => Control::Toml { is_table: false },
    }
}

fn list_of(name: &str, schema: &Json) -> Control {
    let Some(items) = schema.get("items") else {
        return Control::Toml { is_table: false };
    };
    match control(name, items) {
        Control::Choice(words) => Control::Checks(words),
        Control::Group(fields) => Control::Groups(fields),
        Control::Long => Control::List(Box::new(Control::Line)),
        Control::List(_) | Control::Groups(_) | Control::Map { .. } | Control::Toml { .. } => {
            Control::Toml { is_table: false }
        }
        item => Control::List(Box::new(item)),
    }
}

fn table(name: &str, schema: &Json) -> Control {
    if schema.get("properties").is_some() {
        return Control::Group(fields(schema));
    }
    let values = schema.get("additionalProperties").filter(|values| values.is_object());
    let Some(values) = values else {
        return Control::Toml { is_table: true };
    };
    match control(name, values) {
        Control::Group(_) | Control::Groups(_) | Control::Map { .. } | Control::Toml { .. } => {
            Control::Toml { is_table: true }
        }
        value => {
            let keys = Kind::named(text(schema, "x-key-kind"));
            Control::Map { keys, value: Box::new(value) }
        }
    }
}

/// The first example that a schema, or one of its alternatives, gives.
fn example(schema: &Json) -> String {
    let of =
        |schema: &Json| array(schema, "examples").first().and_then(Json::as_str).map(str::to_owned);
    let told = of(schema).or_else(|| array(schema, "anyOf").iter().find_map(of));
    told.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_every_kind_has_a_control_and_only_free_tables_are_toml() {
        fn toml(path: &str, fields: &[Field], found: &mut Vec<String>) {
            for field in fields {
                let path = format!("{path}.{}", field.name);
                match &field.control {
                    Control::Toml { .. } => found.push(path),
                    Control::Group(fields) | Control::Groups(fields) => toml(&path, fields, found),
                    _ => {}
                }
            }
        }
        let mut found = Vec::new();
        for form in FORMS.iter() {
            assert!(!form.fields.is_empty(), "{:?} has no fields", form.kind);
            let kind = form.kind.map_or("settings", Kind::as_str);
            toml(kind, &form.fields, &mut found);
        }
        assert_eq!(found, ["scenario.changes.set"]);
    }

    #[test]
    fn what_a_field_refers_to_and_how_it_is_written_come_from_the_schema() {
        let offer = Form::of(Some(Kind::Offer));
        let of = |path: &str| offer.field(path).map(|field| &field.control);
        assert!(matches!(of("part"), Some(Control::Reference(Kind::Part))));
        assert!(matches!(of("lead_time"), Some(Control::Short { form, .. }) if form == "estimate"));
        assert!(matches!(of("prices"), Some(Control::Groups(_))));
        assert!(matches!(of("valid_until"), Some(Control::Date)));
        let feature = Form::of(Some(Kind::Feature));
        assert_eq!(feature.field("work.first_pass").unwrap().label, "First pass");
        assert!(feature.kinds().contains(&Kind::Capability));
    }
}
