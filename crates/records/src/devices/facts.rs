//! Serial numbers, and what can be true of a device.

use std::fmt;
use std::str::FromStr;

use longlead_model::Bundle;
use serde::Serialize;

use super::unexpected;
use crate::people::{OrganisationId, words};
use crate::store::{Row, StoreError, Value};

/// The longest serial number, in characters.
pub const SERIAL_CHARACTERS_MAX: usize = 64;

/// The longest text of a fact, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 120;

/// The serial number of a device: letters, digits and `-`, `_`, `.`, `:`. Upper and lower case
/// differ. It fits into a topic of MQTT and into an address as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Serial(String);

/// The text is no serial number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SerialError {
    /// It's empty.
    #[error("the serial number is missing")]
    Empty,
    /// It's too long.
    #[error("a serial number has at most {SERIAL_CHARACTERS_MAX} characters")]
    TooLong,
    /// It has a character that serial numbers don't have.
    #[error(
        "a serial number has only letters, digits, `-`, `_`, `.` and `:`, and starts with a \
         letter or digit; {0:?} is not allowed there"
    )]
    Character(char),
}

impl Serial {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Serial {
    type Err = SerialError;

    fn from_str(text: &str) -> Result<Serial, SerialError> {
        if text.is_empty() {
            return Err(SerialError::Empty);
        }
        for (place, character) in text.chars().enumerate() {
            let is_sign = place > 0 && matches!(character, '-' | '_' | '.' | ':');
            if !character.is_ascii_alphanumeric() && !is_sign {
                return Err(SerialError::Character(character));
            }
        }
        match text.len() > SERIAL_CHARACTERS_MAX {
            true => Err(SerialError::TooLong),
            false => Ok(Serial(text.to_owned())),
        }
    }
}

words! {
    /// What can be true of a device, each from an instant on.
    Attribute, AttributeError, "attribute of a device";
    /// The product that it is one of.
    Product = "product",
    /// Its hardware revision.
    Revision = "revision",
    /// The build that it was made in.
    Build = "build",
    /// The lot of that build.
    Lot = "lot",
    /// The market that it was made for or sold in.
    Market = "market",
    /// The carrier that its data goes through.
    Carrier = "carrier",
    /// The firmware that it runs.
    Firmware = "firmware",
    /// The organisation that it belongs to.
    Owner = "owner",
    /// The device through which it speaks.
    Gateway = "gateway",
}

/// How many attributes there are.
pub(super) const COUNT: usize = Attribute::ALL.len();

impl Attribute {
    pub(super) fn bit(self) -> i64 {
        1 << (self as u32)
    }

    /// The attributes of a set.
    pub(super) fn of_bits(bits: i64) -> Vec<Attribute> {
        Attribute::ALL.iter().copied().filter(|it| bits & it.bit() != 0).collect()
    }

    pub(super) fn value(self, text: Option<&str>) -> Result<Value, StoreError> {
        match self {
            Attribute::Owner => {
                let number = text.map(str::parse::<i64>).transpose().map_err(unexpected)?;
                Ok(Value::Integer(number))
            }
            _ => Ok(Value::Text(text.map(str::to_owned))),
        }
    }
}

/// The columns of the attributes, each written as `write` has it: `s.product, s.revision, …`.
pub(super) fn columns(write: impl Fn(&str, i64) -> String) -> String {
    joined(", ", write)
}

pub(super) fn joined(glue: &str, write: impl Fn(&str, i64) -> String) -> String {
    let columns = Attribute::ALL.iter().map(|it| write(it.as_str(), it.bit()));
    columns.collect::<Vec<_>>().join(glue)
}

/// What is true of a device: for each attribute its value, or nothing where it isn't known. The
/// owner is the number of an organisation, the gateway a serial number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts([Option<String>; COUNT]);

impl Facts {
    /// The value of an attribute.
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        self.0.get(attribute as usize)?.as_deref()
    }

    /// Sets an attribute, or says that it isn't known.
    pub fn set(&mut self, attribute: Attribute, value: Option<String>) {
        if let Some(place) = self.0.get_mut(attribute as usize) {
            *place = value;
        }
    }

    /// The same with one attribute set.
    pub fn with(mut self, attribute: Attribute, value: impl Into<String>) -> Facts {
        self.set(attribute, Some(value.into()));
        self
    }

    /// The organisation that it belongs to.
    pub fn owner(&self) -> Option<OrganisationId> {
        self.get(Attribute::Owner)?.parse().ok()
    }

    /// Takes over what another says of the attributes of a set.
    pub(super) fn take(&mut self, other: &Facts, bits: i64) {
        for attribute in Attribute::of_bits(bits) {
            self.set(attribute, other.get(attribute).map(str::to_owned));
        }
    }

    /// The attributes of a set in which two differ.
    pub(super) fn differing(&self, other: &Facts, bits: i64) -> i64 {
        let differs = |it: &Attribute| self.get(*it) != other.get(*it);
        Attribute::of_bits(bits).iter().filter(|it| differs(it)).map(|it| it.bit()).sum()
    }

    pub(super) fn values(&self) -> Result<Vec<Value>, StoreError> {
        Attribute::ALL.iter().map(|it| it.value(self.get(*it))).collect()
    }

    /// Reads the columns of the attributes from `first` on.
    pub(super) fn of_row(row: &Row, first: usize) -> Result<Facts, StoreError> {
        let mut facts = Facts::default();
        for (place, attribute) in (first..).zip(Attribute::ALL) {
            let value = match attribute {
                Attribute::Owner => row.integer_or_null(place)?.map(|id| id.to_string()),
                _ => row.text_or_null(place)?,
            };
            facts.set(*attribute, value);
        }
        Ok(facts)
    }
}

/// What is wrong with a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) attribute: Attribute,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) is_reference: bool,
}

/// Holds what is given of a device against the product, and adds what follows from it: the
/// revision of a build, the product of a revision. `given` has a bit for each fact that is given.
pub(super) fn complete(
    bundle: &Bundle,
    facts: &mut Facts,
    given: &mut i64,
    wrong: &mut Vec<Wrong>,
) {
    for attribute in Attribute::of_bits(*given) {
        if let Some(text) = facts.get(attribute)
            && let Some(message) = unfit(text)
        {
            wrong.push(Wrong { attribute, message, help: None, is_reference: false });
        }
    }
    let told = |facts: &Facts, attribute| facts.get(attribute).map(str::to_owned);
    if let Some(id) = told(facts, Attribute::Market)
        && !bundle.records.markets.contains_key(id.as_str())
    {
        wrong.push(unknown(Attribute::Market, &id, bundle.records.markets.keys()));
    }
    if let Some(id) = told(facts, Attribute::Build) {
        match bundle.records.builds.get(id.as_str()) {
            None => wrong.push(unknown(Attribute::Build, &id, bundle.records.builds.keys())),
            Some(build) => agree(facts, given, wrong, Attribute::Revision, build.revision.as_str()),
        }
    }
    if let Some(id) = told(facts, Attribute::Revision) {
        match bundle.records.revisions.get(id.as_str()) {
            None => wrong.push(unknown(Attribute::Revision, &id, bundle.records.revisions.keys())),
            Some(revision) => {
                agree(facts, given, wrong, Attribute::Product, revision.product.as_str());
            }
        }
    }
    if let Some(id) = told(facts, Attribute::Product)
        && !bundle.records.products.contains_key(id.as_str())
    {
        wrong.push(unknown(Attribute::Product, &id, bundle.records.products.keys()));
    }
}

/// The fact is what follows from another, or becomes it where it isn't given.
fn agree(
    facts: &mut Facts,
    given: &mut i64,
    wrong: &mut Vec<Wrong>,
    attribute: Attribute,
    follows: &str,
) {
    let told = facts.get(attribute).map(str::to_owned);
    match told {
        None if *given & attribute.bit() == 0 => {
            facts.set(attribute, Some(follows.to_owned()));
            *given |= attribute.bit();
        }
        Some(told) if told != follows => {
            let message = format!("`{told}` contradicts what it follows from, `{follows}`");
            let help = "correct one of the two, or leave this one out".to_owned();
            wrong.push(Wrong { attribute, message, help: Some(help), is_reference: false });
        }
        None => {
            let message = format!("it is empty, but follows to be `{follows}`");
            let help = format!("write `{follows}`, or leave the column out");
            wrong.push(Wrong { attribute, message, help: Some(help), is_reference: false });
        }
        Some(_) => {}
    }
}

fn unknown<'a, I: AsRef<str> + 'a>(
    attribute: Attribute,
    id: &str,
    known: impl Iterator<Item = &'a I>,
) -> Wrong {
    let help = match longlead_model::nearest(id, known.map(AsRef::as_ref)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add the {attribute} to the records first"),
    };
    let message = format!("there is no {attribute} `{id}`");
    Wrong { attribute, message, help: Some(help), is_reference: true }
}

/// Why a text is none that a fact can have.
pub(super) fn unfit(text: &str) -> Option<String> {
    if text.len() > TEXT_BYTES_MAX {
        return Some(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    if text.trim() != text || text.is_empty() {
        return Some("it begins or ends with a space, or is empty".to_owned());
    }
    let is_control = text.chars().any(char::is_control);
    is_control.then(|| "it has a control character".to_owned())
}
