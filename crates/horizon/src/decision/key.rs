//! What a decision goes by.

use std::fmt;

use longlead_model::{CapabilityId, DecisionId, Kind, RevisionId};

/// Names a decision: one that people wrote, by its id, or one that follows from facts, by what it
/// would carry (`carry:tracker-c:light-sensor`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionKey(String);

impl DecisionKey {
    /// The decision to carry a capability on a revision.
    pub fn carry(revision: &RevisionId, capability: &CapabilityId) -> DecisionKey {
        DecisionKey(format!("{CARRY}{revision}:{capability}"))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the decision follows from facts and nobody wrote it.
    pub fn is_derived(&self) -> bool {
        self.0.contains(':')
    }

    /// The records that it names: itself, or the revision and the capability.
    pub(crate) fn references(&self) -> Vec<(Kind, &str)> {
        match self.0.strip_prefix(CARRY).and_then(|what| what.split_once(':')) {
            Some((revision, capability)) => {
                vec![(Kind::Revision, revision), (Kind::Capability, capability)]
            }
            None => vec![(Kind::Decision, self.as_str())],
        }
    }
}

const CARRY: &str = "carry:";

impl From<&DecisionId> for DecisionKey {
    fn from(id: &DecisionId) -> Self {
        DecisionKey(id.to_string())
    }
}

impl fmt::Display for DecisionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DecisionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for DecisionKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for DecisionKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
