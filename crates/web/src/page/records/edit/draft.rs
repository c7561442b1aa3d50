//! What someone is writing: a record that isn't saved yet.

use longlead_model::{Kind, RecordKey, text_of_json};
use longlead_records::Version;
use serde_json::Value as Json;

use super::{Wrong, text_of, typed_of};
use crate::form::{Form, Told, Typed, json_of_toml};

/// What is written about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// A record of a kind, which isn't there yet.
    New(Kind),
    Change(RecordKey),
}

impl Target {
    pub(crate) fn form(&self) -> &'static Form {
        match self {
            Target::New(kind) => Form::of(Some(*kind)),
            Target::Change(key) => Form::of_key(key),
        }
    }
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Field by field.
    Form,
    /// As one text.
    Toml,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Mode {
        if name == "toml" { Mode::Toml } else { Mode::Form }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Form => "form",
            Mode::Toml => "toml",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    pub(crate) typed: Typed,
    pub(crate) text: String,
    /// The version that the author saw.
    pub(crate) version: Option<Version>,
    pub(crate) why: String,
}

impl Draft {
    /// A draft that starts from a record.
    pub(crate) fn of(target: Target, record: &Json, version: Option<Version>, mode: Mode) -> Draft {
        let typed = typed_of(&target, record);
        let text = text_of(record);
        Draft { target, mode, typed, text, version, why: String::new() }
    }

    /// The draft that a form was sent with, and what it was sent for.
    pub(crate) fn sent(target: Target, fields: &[(String, String)]) -> (Draft, String) {
        let field = |name: &str| {
            let found = fields.iter().find(|(told, _)| told == name);
            found.map_or("", |(_, text)| text.as_str())
        };
        let version = field("version").parse().ok();
        let draft = Draft {
            target,
            mode: Mode::named(field("mode")),
            typed: Typed::sent(fields),
            text: field("text").replace("\r\n", "\n"),
            version,
            why: field("why").to_owned(),
        };
        (draft, field("action").to_owned())
    }

    /// The record as JSON.
    pub(crate) fn record(&self) -> Result<Json, Wrong> {
        match self.mode {
            Mode::Form => {
                let (record, told) = self.typed.record(self.target.form());
                if told.is_empty() { Ok(record) } else { Err(wrong_of(told)) }
            }
            Mode::Toml => json_of_toml(&self.text, true).map_err(|message| Wrong {
                others: Wrong::at("", message, "write one `field = value` after another")
                    .fields
                    .into_values()
                    .flatten()
                    .collect(),
                ..Wrong::default()
            }),
        }
    }

    /// The key of the record and its text.
    pub(crate) fn read(&self) -> Result<(RecordKey, String), Wrong> {
        // A text with mistakes is told by its lines, so it goes on as it is.
        if let (Target::Change(key), Mode::Toml) = (&self.target, self.mode) {
            return Ok((key.clone(), self.text.clone()));
        }
        let record = self.record()?;
        let key = match &self.target {
            Target::Change(key) => key.clone(),
            Target::New(kind) => key_of_new(*kind, &record)?,
        };
        let text = match self.mode {
            Mode::Form => text_of_json(&record)
                .map_err(|diagnostic| Wrong { others: vec![diagnostic], ..Wrong::default() })?,
            Mode::Toml => self.text.clone(),
        };
        Ok((key, text))
    }

    /// The same in the other mode.
    pub(crate) fn turned(mut self, mode: Mode) -> Result<Draft, Wrong> {
        let record = self.record()?;
        match mode {
            Mode::Form => self.typed = typed_of(&self.target, &record),
            Mode::Toml => self.text = text_of(&record),
        }
        self.mode = mode;
        Ok(self)
    }
}

fn wrong_of(told: Vec<Told>) -> Wrong {
    let mut wrong = Wrong::default();
    for Told { field, message } in told {
        let one = Wrong::at(&field, message, "correct this value").fields;
        for (field, mut diagnostics) in one {
            wrong.fields.entry(field).or_default().append(&mut diagnostics);
        }
    }
    wrong
}

/// The key of a record that isn't there yet: by its id, or by what it joins.
pub(crate) fn key_of_new(kind: Kind, record: &Json) -> Result<RecordKey, Wrong> {
    let text = |name: &str| record.get(name).and_then(Json::as_str).map(str::to_owned);
    let Some(id) = text("id").or_else(|| natural_id(kind, &text)) else {
        let help = match kind {
            Kind::BomLine => "fill in revision and part, or write an id",
            Kind::Offer => "fill in supplier and part, or write an id",
            Kind::Link => "fill in from and to, or write an id",
            _ => "small letters, digits, and - . _ between them: light-sensor",
        };
        return Err(Wrong::at("id", "the id is missing", help));
    };
    let key = format!("{kind}/{id}").parse::<RecordKey>();
    key.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let message =
            cause.map_or_else(|| error.to_string(), |cause| format!("“{id}” is no id: {cause}"));
        Wrong::at("id", message, "small letters, digits, and - . _ between them: light-sensor")
    })
}

/// The id of a record that joins two others, if it has none of its own.
fn natural_id(kind: Kind, text: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let joined = |first: &str, glue: &str, second: &str| {
        Some(format!("{}{glue}{}", text(first)?, text(second)?))
    };
    match kind {
        Kind::BomLine => joined("revision", ".", "part"),
        Kind::Offer => joined("supplier", ".", "part"),
        // Derived activities have colons in their ids, which the id of a link can't have.
        Kind::Link => joined("from", "..", "to").map(|id| id.replace(':', ".")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;

    #[test]
    fn a_record_that_joins_two_goes_by_them() {
        let bundle = sample();
        let mut joined = 0;
        for key in bundle.keys() {
            let RecordKey::Record(kind @ (Kind::BomLine | Kind::Offer | Kind::Link), id) = &key
            else {
                continue;
            };
            let mut record = bundle.json(&key).unwrap();
            record.as_object_mut().unwrap().shift_remove("id");
            let natural = key_of_new(*kind, &record).unwrap();
            joined += usize::from(natural.id() == id);
        }
        assert!(joined > 100, "{joined}");
        let missing = key_of_new(Kind::Part, &serde_json::json!({ "title": "x" })).unwrap_err();
        assert!(missing.fields.contains_key("id"));
        let bad = key_of_new(Kind::Part, &serde_json::json!({ "id": "No Good" })).unwrap_err();
        assert!(bad.fields["id"][0].message.contains("No Good"));
    }
}
