//! What tells one thing in quarantine from another, so that what is sent again isn't kept again.

use std::collections::{HashSet, VecDeque};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use longlead_stream::{Batch, Captured, Quarantined, READING, reading_from_json};

use crate::columns::{hash_text, mix, text};

/// How many are known at once: the newest. What is sent again after more than these is kept again,
/// which costs room and nothing else.
pub(crate) const KNOWN_MAX: usize = 200_000;

/// Something on its way into quarantine.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: u128,
    pub(crate) it: Quarantined,
}

impl From<Quarantined> for Entry {
    fn from(it: Quarantined) -> Entry {
        let told = Told {
            stream: it.stream.as_deref(),
            device: it.device.as_deref(),
            contract: it.contract.and_then(|it| i64::try_from(it).ok()),
            format: &it.format,
            payload: &it.payload,
            received: it.received,
        };
        Entry { key: told.key(), it }
    }
}

/// What the key of an entry is made of.
struct Told<'a> {
    stream: Option<&'a str>,
    device: Option<&'a str>,
    contract: Option<i64>,
    format: &'a str,
    payload: &'a [u8],
    received: i64,
}

impl Told<'_> {
    /// Two with the same key are the same thing, delivered twice. The version of the contract
    /// counts, so that what is judged again stands beside what it was judged from.
    fn key(&self) -> u128 {
        // A reading without a time and a number may come twice and mean two.
        let received = match self.format == READING && !names_itself(self.payload) {
            true => self.received,
            false => 0,
        };
        let part = |seed: u64| {
            let mut hash = mix(seed ^ received.cast_unsigned());
            hash = mix(hash ^ self.contract.map_or(u64::MAX, i64::cast_unsigned));
            for text in [self.stream, self.device, Some(self.format)] {
                hash = mix(hash ^ text.map_or(seed, |it| hash_text(it.as_bytes())));
            }
            mix(hash ^ hash_text(self.payload))
        };
        let (high, low) = (part(0x6c6f_6e67), part(0x6c65_6164));
        (u128::from(high) << 64) | u128::from(low)
    }
}

/// Whether a reading tells when it was taken, or its number.
fn names_itself(payload: &[u8]) -> bool {
    let mut batch = Batch::default();
    let is_read = reading_from_json(payload, &mut batch).is_ok();
    let head = batch.readings().next().map(|it| it.head);
    is_read
        && head.is_some_and(|it| matches!(it.captured, Captured::At(_)) || it.sequence.is_some())
}

/// The keys of rows of the quarantine's table.
pub(crate) fn keys(rows: &RecordBatch) -> Result<Vec<u128>, ArrowError> {
    let (stream, device) = (text(rows, "stream")?, text(rows, "device")?);
    let format = text(rows, "format")?;
    let missing = |name: &str| ArrowError::SchemaError(format!("the quarantine has no `{name}`"));
    let column = |name: &str| rows.column_by_name(name).ok_or_else(|| missing(name));
    let payload = column("payload")?.as_binary_opt::<i32>().ok_or_else(|| missing("payload"))?;
    let contract = column("contract")?.as_primitive_opt::<Int64Type>();
    let contract = contract.ok_or_else(|| missing("contract"))?;
    let received = column("received")?.as_primitive_opt::<TimestampMicrosecondType>();
    let received = received.ok_or_else(|| missing("received"))?;
    let key = |row: usize| {
        let told = Told {
            stream: stream.is_valid(row).then(|| stream.value(row)),
            device: device.is_valid(row).then(|| device.value(row)),
            contract: contract.is_valid(row).then(|| contract.value(row)),
            format: format.value(row),
            payload: payload.value(row),
            received: received.value(row),
        };
        told.key()
    };
    Ok((0..rows.num_rows()).map(key).collect())
}

/// What is in quarantine, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Held {
    known: HashSet<u128>,
    /// The oldest first.
    order: VecDeque<u128>,
}

impl Held {
    pub(crate) fn has(&self, key: u128) -> bool {
        self.known.contains(&key)
    }

    pub(crate) fn add(&mut self, keys: impl IntoIterator<Item = u128>) {
        for key in keys {
            if self.known.insert(key) {
                self.order.push_back(key);
            }
            if self.order.len() > KNOWN_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    /// Forgets some that are in quarantine no longer.
    pub(crate) fn remove(&mut self, keys: impl IntoIterator<Item = u128>) {
        let before = self.known.len();
        for key in keys {
            self.known.remove(&key);
        }
        if self.known.len() < before {
            self.order.retain(|it| self.known.contains(it));
        }
    }
}
