//! Checksums that chain each change set to the one before.

use std::fmt;
use std::str::FromStr;

use longlead_model::RecordKey;
use sha2::{Digest as _, Sha256};

use super::{Actor, Sequence};

/// SHA-256 of a change set and of the hash before it, in hexadecimal where it's stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChainHash([u8; 32]);

/// A change set as the journal keeps it.
#[derive(Clone, Debug)]
pub(crate) struct ChangeSet {
    pub(crate) sequence: Sequence,
    pub(crate) at_us: i64,
    pub(crate) actor: Actor,
    pub(crate) why: Option<String>,
    pub(crate) hash: ChainHash,
    pub(crate) changes: Vec<RecordChange>,
}

/// A record before and after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordChange {
    pub(crate) key: RecordKey,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl ChangeSet {
    /// The hash that it must have after the one before it.
    pub(crate) fn hash_after(&self, before: ChainHash) -> ChainHash {
        let mut hasher = Hasher(Sha256::new());
        hasher.bytes(b"longlead change set 1");
        hasher.bytes(&before.0);
        hasher.bytes(&self.sequence.get().to_be_bytes());
        hasher.bytes(&self.at_us.to_be_bytes());
        hasher.bytes(self.actor.to_string().as_bytes());
        hasher.text(self.why.as_deref());
        for change in &self.changes {
            hasher.bytes(change.key.kind_str().as_bytes());
            hasher.bytes(change.key.id().as_bytes());
            hasher.text(change.before.as_deref());
            hasher.text(change.after.as_deref());
        }
        ChainHash(hasher.0.finalize().into())
    }
}

/// Each part goes in with its length, so that no two sets of parts look the same.
struct Hasher(Sha256);

impl Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                self.0.update([1]);
                self.bytes(text.as_bytes());
            }
            None => self.0.update([0]),
        }
    }
}

impl ChainHash {
    /// Before the first change set.
    pub(crate) const START: ChainHash = ChainHash([0; 32]);
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ChainHash {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<ChainHash, hex::FromHexError> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash)?;
        Ok(ChainHash(hash))
    }
}
