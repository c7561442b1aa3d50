//! Secrets that are told once.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::store::StoreError;

/// A secret of 256 random bits, in hexadecimal. It's told once; the database keeps its SHA-256,
/// which is enough for a value that nobody can guess.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The secret of a session: the value of the cookie.
pub type SessionSecret = Secret;

impl Secret {
    /// The secret itself, to hand to whom it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn new() -> Result<Secret, StoreError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| StoreError::Unexpected(format!("no random numbers: {error}")))?;
        Ok(Secret(hex::encode(bytes)))
    }

    /// A secret that says what it is to whoever finds it where it doesn't belong.
    pub(crate) fn of_token() -> Result<Secret, StoreError> {
        Secret::new().map(|secret| Secret(format!("longlead_{}", secret.0)))
    }

    /// A secret with which a device enrols; it says so, too.
    pub(crate) fn of_claim() -> Result<Secret, StoreError> {
        Secret::new().map(|secret| Secret(format!("claim_{}", secret.0)))
    }

    /// Whether words have the shape of such a secret.
    pub(crate) fn is_claim(words: &str) -> bool {
        let digits = words.strip_prefix("claim_");
        digits.is_some_and(|it| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit()))
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> String {
        hash_of(&self.0)
    }
}

/// What is kept of a secret.
pub(crate) fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Logs must not tell it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
