//! A batch while it is filled, with the bounds that hold for it.

use std::borrow::Cow;
use std::collections::HashMap;

use longlead_stream::{Batch, Head, Name, Value};

use super::{Context, Limits};

/// Why a part of a payload can't be read.
pub(super) type Fault = Cow<'static, str>;

/// What every table has beside the contract's fields.
const COLUMNS: [&str; 8] =
    ["device", "captured", "received", "clock", "boot", "sequence", "contract", "commit"];

/// A batch while it is filled.
pub(super) struct Writer<'a> {
    pub(super) batch: Batch,
    context: &'a Context<'a>,
    /// Fields as they were written, to their names.
    fields: HashMap<Box<str>, Name>,
    /// The values of the reading that is being read.
    values: Vec<(Name, Value, Option<Name>)>,
    /// For each name, the last reading that had a field of that name.
    seen: Vec<u32>,
    reading: u32,
    readings: usize,
    /// Parts that were refused in the batch before.
    refused_before: usize,
    /// Whether something was left out since the batch is full.
    has_overflown: bool,
}

impl<'a> Writer<'a> {
    /// Adds to a batch.
    pub(super) fn onto(batch: Batch, context: &'a Context<'a>) -> Writer<'a> {
        Writer {
            refused_before: batch.refused().len(),
            batch,
            context,
            fields: HashMap::new(),
            values: Vec::new(),
            seen: Vec::new(),
            reading: 1,
            readings: 0,
            has_overflown: false,
        }
    }

    pub(super) fn limits(&self) -> &'a Limits {
        &self.context.limits
    }

    /// The stream of readings that name none.
    pub(super) fn stream(&self) -> Option<&'a str> {
        self.context.stream
    }

    /// The device of readings that name none.
    pub(super) fn device(&mut self) -> Option<Name> {
        self.context.device.map(|device| self.batch.name(device))
    }

    /// The name of a stream as it was written.
    pub(super) fn stream_name(&mut self, raw: &str) -> Result<Name, Fault> {
        let plain = self.plain(raw)?;
        Ok(self.batch.name(&plain))
    }

    /// The name of a device: as it was written, since serial numbers are what they are.
    pub(super) fn device_name(&mut self, raw: &str) -> Result<Name, Fault> {
        if raw.is_empty() || raw.len() > self.limits().name_bytes {
            let detail = format!("a device has 1 to {} bytes of name", self.limits().name_bytes);
            return Err(detail.into());
        }
        Ok(self.batch.name(raw))
    }

    /// The name of a field as it was written.
    pub(super) fn field_name(&mut self, raw: &str) -> Result<Name, Fault> {
        if let Some(name) = self.fields.get(raw) {
            return Ok(*name);
        }
        let mut plain = self.plain(raw)?;
        if COLUMNS.contains(&plain.as_str()) {
            plain.push_str("_value");
        }
        let name = self.batch.name(&plain);
        self.fields.insert(raw.into(), name);
        Ok(name)
    }

    fn plain(&self, raw: &str) -> Result<String, Fault> {
        if raw.len() > self.limits().name_bytes {
            return Err(format!("a name has more than {} bytes", self.limits().name_bytes).into());
        }
        let plain = lower_snake_case(raw);
        if plain.is_empty() {
            return Err(format!("the name {raw:?} has no letter or digit").into());
        }
        Ok(plain)
    }

    /// Adds a value to the reading that is being read.
    pub(super) fn value(
        &mut self,
        name: Name,
        value: Value,
        unit: Option<Name>,
    ) -> Result<(), Fault> {
        let seen = self.seen_mut(name);
        if *seen == self.reading {
            return Err(format!("two values are named {:?}", self.batch.text(name)).into());
        }
        *self.seen_mut(name) = self.reading;
        if self.values.len() >= self.limits().fields {
            return Err(format!("it has more than {} values", self.limits().fields).into());
        }
        self.values.push((name, value, unit));
        Ok(())
    }

    fn seen_mut(&mut self, name: Name) -> &mut u32 {
        let index = name.index();
        if index >= self.seen.len() {
            self.seen.resize(index + 16, 0);
        }
        // The list was made long enough, so the first place is never asked for in its stead.
        self.seen.get_mut(index).unwrap_or(&mut self.reading)
    }

    /// Keeps a text value.
    pub(super) fn text(&mut self, text: &str) -> Result<Value, Fault> {
        if text.len() > self.limits().text_bytes {
            return Err(format!("a text has more than {} bytes", self.limits().text_bytes).into());
        }
        Ok(Value::Text(self.batch.keep(text)))
    }

    /// Whether the reading has a field of that name already.
    pub(super) fn has(&self, name: Name) -> bool {
        self.seen.get(name.index()) == Some(&self.reading)
    }

    /// Whether the reading has a value.
    pub(super) fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// Ends the reading.
    pub(super) fn push(&mut self, head: Head) {
        self.batch.push(head, self.values.drain(..));
        self.reading = self.reading.wrapping_add(1).max(1);
        self.readings += 1;
    }

    /// Leaves the reading out.
    pub(super) fn drop_values(&mut self) {
        self.values.clear();
        self.reading = self.reading.wrapping_add(1).max(1);
    }

    /// Adds a part that can't be read.
    pub(super) fn refuse(&mut self, detail: impl Into<String>, part: &[u8]) {
        self.drop_values();
        self.batch.refuse(detail, part);
    }

    /// Whether no further part may be added.
    pub(super) fn is_full(&self) -> bool {
        let refused = self.batch.refused().len() - self.refused_before;
        self.readings >= self.limits().readings || refused >= self.limits().refused
    }

    /// Whether a further part of a document may be added; if it may not, the document ends in
    /// [`Writer::overflow`].
    pub(super) fn has_room(&mut self) -> bool {
        self.has_overflown |= self.is_full();
        !self.has_overflown
    }

    /// Why a document that didn't fit can't be read.
    pub(super) fn overflow(&self) -> Result<(), Fault> {
        if self.has_overflown { Err(self.why_full().into()) } else { Ok(()) }
    }

    fn why_full(&self) -> String {
        if self.readings >= self.limits().readings {
            format!("the payload has more than {} readings", self.limits().readings)
        } else {
            format!("more than {} parts of the payload can't be read", self.limits().refused)
        }
    }

    /// Adds what is left of a payload that is full.
    pub(super) fn refuse_rest(&mut self, rest: &[u8]) {
        if rest.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        self.refuse(self.why_full(), rest);
    }
}

/// A name in lower snake case: `batteryLevel` is `battery_level`.
pub(super) fn lower_snake_case(raw: &str) -> String {
    let mut plain = String::with_capacity(raw.len() + 4);
    let mut before = None;
    let mut chars = raw.chars().peekable();
    while let Some(char) = chars.next() {
        let starts_word = char.is_ascii_uppercase()
            && before.is_some_and(|before: char| {
                let follows_word = before.is_ascii_lowercase() || before.is_ascii_digit();
                let next_is_lower = chars.peek().is_some_and(char::is_ascii_lowercase);
                follows_word || (before.is_ascii_uppercase() && next_is_lower)
            });
        if char.is_ascii_alphanumeric() {
            if plain.is_empty() && char.is_ascii_digit() {
                plain.push_str("n_");
            }
            if starts_word && !plain.ends_with('_') {
                plain.push('_');
            }
            plain.push(char.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
        before = Some(char);
    }
    plain.truncate(plain.trim_end_matches('_').len());
    plain
}
