//! Edits of single records: a journal keeps each record as its canonical text, and an edit says
//! what that text becomes.

mod apply;
mod json;
mod mention;
mod text;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use crate::bundle::Bundle;
use crate::diagnostic::{Diagnostic, shown};
use crate::field::Field as _;
use crate::id::IdError;
use crate::kind::Kind;
use crate::node::{Node, Value};
use crate::record::Settings;
use crate::write;

pub(crate) use json::node_from;
pub use json::text_of_json;
pub use mention::Mention;
pub use text::field_at;

/// What an edit is about: the settings, or one record. Written `settings` or `part/nrf9161`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKey {
    /// What holds for the whole bundle.
    Settings,
    /// A record, by its kind and id.
    Record(Kind, String),
}

impl RecordKey {
    /// The kind as it is written: `part`, or `settings`.
    pub fn kind_str(&self) -> &str {
        match self {
            RecordKey::Settings => "settings",
            RecordKey::Record(kind, _) => kind.as_str(),
        }
    }

    /// The id of the record; `settings` for the settings.
    pub fn id(&self) -> &str {
        match self {
            RecordKey::Settings => "settings",
            RecordKey::Record(_, id) => id,
        }
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordKey::Settings => f.write_str("settings"),
            RecordKey::Record(kind, id) => write!(f, "{kind}/{id}"),
        }
    }
}

/// Why a text is not a [`RecordKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordKeyError {
    /// It has no slash and isn't `settings`.
    #[error("\"{0}\" is neither \"settings\" nor a kind and an id such as \"part/nrf9161\"")]
    Shape(String),
    /// There is no such kind of record.
    #[error("there is no kind of record called `{0}`")]
    Kind(String),
    /// What follows the slash is no id.
    #[error("\"{id}\" is not an id")]
    Id {
        /// What follows the slash, shortened if it is long.
        id: String,
        /// Why it is none.
        #[source]
        source: IdError,
    },
}

impl FromStr for RecordKey {
    type Err = RecordKeyError;

    fn from_str(text: &str) -> Result<Self, RecordKeyError> {
        if text == "settings" {
            return Ok(RecordKey::Settings);
        }
        let (kind, id) = text.split_once('/').ok_or_else(|| RecordKeyError::Shape(shown(text)))?;
        let kind = Kind::named(kind).ok_or_else(|| RecordKeyError::Kind(shown(kind)))?;
        match kind.check_id(id) {
            Ok(()) => Ok(RecordKey::Record(kind, id.to_owned())),
            Err(source) => Err(RecordKeyError::Id { id: shown(id), source }),
        }
    }
}

/// One change: the record's text after it, or `None` to remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is changed.
    pub key: RecordKey,
    /// Its fields as TOML, one `field = value` after another and without a `[[kind]]` header;
    /// `None` removes a record, and puts the settings back to their defaults.
    pub after: Option<String>,
}

impl Bundle {
    /// What there is to edit: the settings if they differ from the defaults, then every record, by
    /// kind in the order of [`Kind::ALL`] and by id.
    pub fn keys(&self) -> Vec<RecordKey> {
        let settings = (self.settings != Settings::default()).then_some(RecordKey::Settings);
        let records = self.records.keys().into_iter();
        let records = records.map(|(kind, id)| RecordKey::Record(kind, id.to_owned()));
        settings.into_iter().chain(records).collect()
    }

    /// The canonical text of a record: its fields in the order in which they are declared, the id
    /// always among them, without a header. Empty for settings that are the defaults; `None` if
    /// there is no such record.
    pub fn text(&self, key: &RecordKey) -> Option<String> {
        let Value::Table(table) = self.node(key)?.value else {
            return None;
        };
        let mut text = String::new();
        write::write_fields(&mut text, &table);
        Some(text)
    }

    /// The record as JSON, with the fields of its text; dates are texts such as `"2027-03-01"`.
    pub fn json(&self, key: &RecordKey) -> Option<Json> {
        Some(json::json_of(&self.node(key)?))
    }

    fn node(&self, key: &RecordKey) -> Option<Node> {
        match key {
            RecordKey::Settings => self.settings.encode(),
            RecordKey::Record(kind, id) => self.records.encode_one(*kind, id),
        }
    }

    /// The edits that lead from this bundle to another, in the order of their keys. Records count
    /// as different if their texts are: 12.4 USD is not 12.40 USD.
    pub fn edits_to(&self, other: &Bundle) -> Vec<Edit> {
        let settings = match self.text(&RecordKey::Settings) == other.text(&RecordKey::Settings) {
            true => None,
            false if other.settings == Settings::default() => {
                Some(Edit { key: RecordKey::Settings, after: None })
            }
            false => self.edit_to(other, RecordKey::Settings),
        };
        let differing =
            Kind::ALL.iter().filter(|kind| !self.records.shares(**kind, &other.records));
        let records = differing.flat_map(|kind| {
            let ids = [self.records.ids(*kind), other.records.ids(*kind)].concat();
            let keys = BTreeSet::from_iter(ids).into_iter();
            keys.filter_map(|id| self.edit_to(other, RecordKey::Record(*kind, id.to_owned())))
        });
        settings.into_iter().chain(records).collect()
    }

    fn edit_to(&self, other: &Bundle, key: RecordKey) -> Option<Edit> {
        let after = other.text(&key);
        (self.text(&key) != after).then_some(Edit { key, after })
    }

    /// The bundle after the edits, one after the other, and all that is wrong with it then. The
    /// place of a diagnostic in an edited record names its key as the file, and the line in its
    /// text. The original stays as it is.
    pub fn edited(&self, edits: &[Edit]) -> (Bundle, Vec<Diagnostic>) {
        let mut bundle = self.clone();
        let untold = edits.iter().filter_map(|edit| apply::apply(&mut bundle, edit)).collect();
        apply::finished(bundle, untold)
    }

    /// A bundle from the texts of its records: the fold of a journal. Of several texts of one
    /// record, the last holds.
    pub fn assemble(texts: &[(RecordKey, String)]) -> (Bundle, Vec<Diagnostic>) {
        let mut bundle = Bundle::default();
        for (key, text) in texts {
            apply::write(&mut bundle, key, text);
        }
        apply::finished(bundle, Vec::new())
    }
}
