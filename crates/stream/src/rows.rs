//! Readings as they are stored: columns that fit a contract, and what doesn't fit with its reason.

/// How far the captured time of a row can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Clock {
    /// Told by the device, and plausible.
    Good = 0,
    /// Reckoned from the time of receipt and a span that the device told.
    Reckoned = 1,
    /// Nothing was told: it is the time of receipt.
    Received = 2,
    /// Told, and later than the time of receipt by more than clocks differ.
    Future = 3,
    /// Told, and from before the device can have existed: a clock that was never set.
    Unset = 4,
}

/// One column of values. `None` where a reading has no value for the field.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    Float(Vec<Option<f64>>),
    Integer(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Text(TextColumn),
}

/// Texts, one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextColumn {
    text: String,
    /// Where each text ends, and whether there is one.
    ends: Vec<(usize, bool)>,
}

impl TextColumn {
    /// Adds a text, or that there is none.
    pub fn push(&mut self, text: Option<&str>) {
        self.text.push_str(text.unwrap_or(""));
        self.ends.push((self.text.len(), text.is_some()));
    }

    /// The text of a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        let (end, is_some) = *self.ends.get(row)?;
        let start = row.checked_sub(1).and_then(|it| self.ends.get(it)).map_or(0, |it| it.0);
        is_some.then(|| self.text.get(start..end)).flatten()
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each row's text.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        let mut start = 0;
        self.ends.iter().map(move |(end, is_some)| {
            let text = self.text.get(start..*end);
            start = *end;
            text.filter(|_| *is_some)
        })
    }
}

/// Rows of one stream that fit its contract, as columns of the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The stream: the table that they go to.
    pub stream: String,
    /// The version of the contract that they fit.
    pub contract: u64,
    pub device: TextColumn,
    /// Microseconds since 1970-01-01T00:00Z.
    pub captured: Vec<i64>,
    /// Microseconds since 1970-01-01T00:00Z, by our clock.
    pub received: Vec<i64>,
    pub clock: Vec<Clock>,
    pub boot: Vec<Option<u64>>,
    /// With a sequence, a row's identity is device, stream, boot and sequence; without, it is
    /// device, stream and captured time.
    pub sequence: Vec<Option<u64>>,
    /// The contract's fields, in its order, in its units.
    pub fields: Vec<(String, Column)>,
}

/// Why something is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The payload, or a part of it, can't be decoded.
    Malformed,
    /// Nobody has agreed on a contract for the stream.
    NoContract,
    /// Nothing tells which device took it.
    NoDevice,
    /// The device isn't the one that sent it, nor one of its children.
    NotItsDevice,
    /// A field that the contract demands is missing.
    MissingField,
    /// A field that the contract doesn't know.
    UnknownField,
    /// A value of another type than the contract's.
    WrongType,
    /// A unit that can't be converted to the contract's.
    WrongUnit,
    /// A value outside the contract's range, or one that is no number.
    OutOfRange,
    /// A row with the same identity and other values is there already.
    IdentityConflict,
}

impl Reason {
    /// Its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::NoContract => "no-contract",
            Reason::NoDevice => "no-device",
            Reason::NotItsDevice => "not-its-device",
            Reason::MissingField => "missing-field",
            Reason::UnknownField => "unknown-field",
            Reason::WrongType => "wrong-type",
            Reason::WrongUnit => "wrong-unit",
            Reason::OutOfRange => "out-of-range",
            Reason::IdentityConflict => "identity-conflict",
        }
    }
}

/// Something that doesn't fit, kept until its contract is mended or someone discards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub reason: Reason,
    /// What is wrong and where, in words.
    pub detail: String,
    pub stream: Option<String>,
    pub device: Option<String>,
    /// Microseconds since 1970-01-01T00:00Z, by our clock.
    pub received: i64,
    /// The version of the contract that it didn't fit.
    pub contract: Option<u64>,
    /// The format of `payload`: `reading` for one reading as JSON, else the door's name for the
    /// format in which it came.
    pub format: String,
    /// What came, so that it can be replayed.
    pub payload: Vec<u8>,
}
