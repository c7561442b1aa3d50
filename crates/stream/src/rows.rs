//! Readings as they are stored: columns that fit a contract, and what doesn't fit with its reason.

use std::collections::HashMap;
use std::sync::Arc;

use crate::column::{Column, Numbers, Texts};
use crate::contract::Contract;
use crate::reading::row_to_json;

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
    /// Told by whoever heard the device, such as a network server, which has a clock that is set.
    Heard = 5,
}

impl Clock {
    /// Every quality, in the order of its code.
    pub const ALL: [Clock; 6] =
        [Clock::Good, Clock::Reckoned, Clock::Received, Clock::Future, Clock::Unset, Clock::Heard];

    /// Its stable number, as it is stored.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The quality of a stored number.
    pub fn from_code(code: u8) -> Option<Clock> {
        Clock::ALL.get(usize::from(code)).copied()
    }

    /// Its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Clock::Good => "good",
            Clock::Reckoned => "reckoned",
            Clock::Received => "received",
            Clock::Future => "future",
            Clock::Unset => "unset",
            Clock::Heard => "heard",
        }
    }
}

/// Which device took each row: a dictionary, since the rows of one payload come from few devices.
/// What is known of a device need be looked up only once for each entry of the dictionary.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    names: Texts,
    keys: Vec<u32>,
    known: HashMap<Box<str>, u32, ahash::RandomState>,
}

impl Devices {
    /// The key of a device, which is entered once.
    pub fn key(&mut self, device: &str) -> u32 {
        if let Some(key) = self.known.get(device) {
            return *key;
        }
        let key = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(Some(device));
        self.known.insert(device.into(), key);
        key
    }

    /// Adds a row of a device.
    pub fn push(&mut self, key: u32) {
        self.keys.push(key);
    }

    /// The devices, each once, in the order of their keys.
    pub fn names(&self) -> &Texts {
        &self.names
    }

    /// The key of each row.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// The device of a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.names.get(usize::try_from(*self.keys.get(row)?).ok()?)
    }

    /// The device of each row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.keys.iter().map(|key| self.names.get(*key as usize).unwrap_or(""))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl PartialEq for Devices {
    fn eq(&self, other: &Devices) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Rows of one stream that fit its contract, as columns of the same length.
///
/// Numbers, offsets and validity lie as Arrow lays them out, so that an Arrow array takes each
/// over without copying: see [`Numbers::into_parts`].
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The contract that they fit: it names the stream, its version and its fields.
    pub contract: Arc<Contract>,
    /// Who took them.
    pub device: Devices,
    /// Microseconds since 1970-01-01T00:00Z.
    pub captured: Vec<i64>,
    /// Microseconds since 1970-01-01T00:00Z, by our clock.
    pub received: Vec<i64>,
    /// How far `captured` can be trusted.
    pub clock: Vec<Clock>,
    /// Which boot of the device they were taken in, where it is told.
    pub boot: Numbers<u64>,
    /// With a sequence, a row's identity is device, stream, boot and sequence; without, it is
    /// device, stream and captured time.
    pub sequence: Numbers<u64>,
    /// One for each of [`Contract::columns`], in the contract's units.
    pub columns: Vec<Column>,
}

impl Rows {
    /// No rows yet, of a contract.
    pub fn of(contract: Arc<Contract>) -> Rows {
        let columns = contract.columns().iter().map(|it| Column::of(it.kind)).collect();
        Rows {
            contract,
            device: Devices::default(),
            captured: Vec::new(),
            received: Vec::new(),
            clock: Vec::new(),
            boot: Numbers::default(),
            sequence: Numbers::default(),
            columns,
        }
    }

    /// The stream: the table that they go to.
    pub fn stream(&self) -> &str {
        self.contract.stream()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.captured.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.captured.is_empty()
    }

    /// A row as something in quarantine; for what is found only once rows meet those that are
    /// there, such as a conflict of identities. Nothing past the last row.
    pub fn quarantined(&self, row: usize, reason: Reason, detail: &str) -> Option<Quarantined> {
        Some(Quarantined {
            reason,
            detail: detail.to_owned(),
            stream: Some(self.stream().to_owned()),
            device: self.device.get(row).map(str::to_owned),
            received: *self.received.get(row)?,
            contract: Some(self.contract.version()),
            format: READING.to_owned(),
            payload: row_to_json(self, row)?,
        })
    }
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
    /// Every reason.
    pub const ALL: [Reason; 10] = [
        Reason::Malformed,
        Reason::NoContract,
        Reason::NoDevice,
        Reason::NotItsDevice,
        Reason::MissingField,
        Reason::UnknownField,
        Reason::WrongType,
        Reason::WrongUnit,
        Reason::OutOfRange,
        Reason::IdentityConflict,
    ];

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

    /// The reason of a stable word.
    pub fn named(word: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// Something that doesn't fit, kept until its contract is mended or someone discards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Why it is here.
    pub reason: Reason,
    /// What is wrong and where, in words.
    pub detail: String,
    /// The stream, as it was told.
    pub stream: Option<String>,
    /// The device, where it is known.
    pub device: Option<String>,
    /// Microseconds since 1970-01-01T00:00Z, by our clock.
    pub received: i64,
    /// The version of the contract that it didn't fit.
    pub contract: Option<u64>,
    /// The format of `payload`: [`READING`] for one reading as JSON, else the door's name for the
    /// format in which it came.
    pub format: String,
    /// What came, so that it can be replayed.
    pub payload: Vec<u8>,
}

/// The format of a quarantined reading: [`reading_from_json`](crate::reading_from_json) reads it.
pub const READING: &str = "reading";
