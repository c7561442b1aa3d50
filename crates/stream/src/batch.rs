//! Readings as a front door decoded them: no contract was asked yet.

use std::collections::HashMap;
use std::ops::Range;

/// A name in a batch: of a stream, a device, a field or a unit. Each text is held once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

/// A stretch of a batch's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

/// When a device took a reading, as it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Captured {
    /// Microseconds since 1970-01-01T00:00Z by the device's clock.
    At(i64),
    /// Microseconds before the payload was sent: a device that knows spans but no date.
    Before(i64),
    /// Microseconds since 1970-01-01T00:00Z by the clock of whoever heard the device, such as a
    /// network server: the device told nothing, and what it sends again is heard at another time.
    Heard(i64),
    /// It told nothing.
    Untold,
}

/// A value as it was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// With a decimal point or an exponent.
    Float(f64),
    /// A whole number.
    Integer(i64),
    /// A whole number that was sent as one without a sign.
    Unsigned(u64),
    /// True or false.
    Bool(bool),
    /// Text, held by the batch.
    Text(Span),
}

/// What a reading tells of itself beside its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The stream that it belongs to.
    pub stream: Name,
    /// Who took it, where the payload or the connection says so.
    pub device: Option<Name>,
    /// When it was taken.
    pub captured: Captured,
    /// Which boot of the device it was taken in.
    pub boot: Option<u64>,
    /// Its number since that boot.
    pub sequence: Option<u64>,
}

impl Head {
    /// Of a stream, with nothing else told.
    pub fn of(stream: Name) -> Head {
        Head { stream, device: None, captured: Captured::Untold, boot: None, sequence: None }
    }
}

/// One reading of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// What it tells of itself.
    pub head: Head,
    /// Field, value, and the unit where the payload names one.
    pub values: &'a [(Name, Value, Option<Name>)],
}

/// A part of a payload that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, and where in the payload.
    pub detail: String,
    /// The bytes of that part, as they came.
    pub part: Vec<u8>,
}

/// Readings that came in one payload, in the order in which they stand there. Texts, values and
/// readings lie in one allocation each.
#[derive(Debug, Default)]
pub struct Batch {
    names: Vec<Box<str>>,
    known: HashMap<Box<str>, Name, ahash::RandomState>,
    text: String,
    heads: Vec<(Head, Range<u32>)>,
    values: Vec<(Name, Value, Option<Name>)>,
    refused: Vec<Refused>,
}

/// How far a batch was filled, so that what came after can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    text: usize,
    heads: usize,
    values: usize,
    refused: usize,
}

impl Batch {
    /// How far it is filled.
    pub fn mark(&self) -> Mark {
        Mark {
            text: self.text.len(),
            heads: self.heads.len(),
            values: self.values.len(),
            refused: self.refused.len(),
        }
    }

    /// Takes back what came after a mark. Names stay, which nothing uses then.
    pub fn back_to(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.heads.truncate(mark.heads);
        self.values.truncate(mark.values);
        self.refused.truncate(mark.refused);
    }

    /// The name of a text, which is held once.
    pub fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return *name;
        }
        let name = Name(index(self.names.len()));
        self.names.push(text.into());
        self.known.insert(text.into(), name);
        name
    }

    /// What a name stands for.
    pub fn text(&self, name: Name) -> &str {
        self.names.get(name.0 as usize).map_or("", |text| text)
    }

    /// How many names there are: they are dense from 0, so that what is known of each can lie in a
    /// list.
    pub fn names(&self) -> usize {
        self.names.len()
    }

    /// Keeps a text value.
    pub fn keep(&mut self, text: &str) -> Span {
        let start = index(self.text.len());
        self.text.push_str(text);
        Span { start, end: index(self.text.len()) }
    }

    /// The text of a value.
    pub fn kept(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Adds a reading.
    pub fn push(
        &mut self,
        head: Head,
        values: impl IntoIterator<Item = (Name, Value, Option<Name>)>,
    ) {
        let start = index(self.values.len());
        self.values.extend(values);
        self.heads.push((head, start..index(self.values.len())));
    }

    /// Adds a part that can't be read.
    pub fn refuse(&mut self, detail: impl Into<String>, part: &[u8]) {
        self.refused.push(Refused { detail: detail.into(), part: part.to_vec() });
    }

    /// Its readings, in order.
    pub fn readings(&self) -> impl ExactSizeIterator<Item = Reading<'_>> {
        self.heads.iter().map(|(head, range)| Reading {
            head: *head,
            values: self.values.get(range.start as usize..range.end as usize).unwrap_or(&[]),
        })
    }

    /// What can't be read.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.refused.is_empty()
    }
}

impl Name {
    /// Its place among the names of its batch.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place in a batch. Front doors bound payloads far below 4 GiB.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
