//! People: organisations, users and their roles, signing in, tokens for programs, shares with
//! other organisations, and the audit log.
//!
//! Secrets (sessions, tokens, one-time links) have 256 random bits, are told once and kept as
//! SHA-256 only. Whatever bears on security is written to the audit log in the same transaction
//! as the thing itself.

mod audit;
mod one_time;
mod password;
mod secret;
mod session;
mod share;
mod sign_in;
mod token;
mod user;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::{Actor, Journal};
use crate::store::{Store, StoreError};
pub use audit::{AuditEntry, AuditEvent, AuditFilter};
pub use one_time::{FirstOwner, OneTime, OneTimeError};
pub(crate) use password::checks as password_checks;
pub use password::{BYTES_MAX, CHARACTERS_MIN, PasswordError};
pub(crate) use secret::hash_of;
pub use secret::{Secret, SessionSecret};
pub use session::Session;
pub use share::{Share, ShareLevel};
pub use sign_in::{SignInError, network_of};
pub use token::{Scope, Token};
pub use user::{NAME_CHARACTERS_MAX, NewUser, UserChange, UserError};

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize)]
        pub struct $name(i64);

        impl $name {
            /// The number.
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> $name {
                $name(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<$name, Self::Err> {
                // Numbers count from 1: a negative one is nobody's.
                text.parse::<u64>().and_then(|_| text.parse()).map($name)
            }
        }
    )* };
}

ids! {
    /// An organisation.
    OrganisationId;
    /// A user.
    UserId;
    /// A token of a user's program.
    TokenId;
    /// A session of a signed-in user.
    SessionId;
    /// A record shared with another organisation.
    ShareId;
}

/// A set of words that the database and the API write as they stand.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+ $name:ident, $error:ident, $what:literal;
        $( $(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal, )*
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $name { $( $(#[doc = $variant_doc])+ $variant, )* }

        impl $name {
            /// Every one, in the order in which people read them.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $word, )* }
            }

            /// What it means.
            pub fn doc(self) -> &'static str {
                match self { $( $name::$variant => concat!($($variant_doc),+).trim_ascii(), )* }
            }
        }

        #[doc = concat!("The word is no ", $what, ".")]
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("`{word}` is no {what}", word = .0, what = $what)]
        pub struct $error(pub String);

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(word: &str) -> Result<$name, $error> {
                match word {
                    $( $word => Ok($name::$variant), )*
                    other => Err($error(other.to_owned())),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(word: String) -> Result<$name, $error> {
                word.parse()
            }
        }

        impl From<$name> for &'static str {
            fn from(word: $name) -> &'static str {
                word.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What a user is to the product.
    Role, RoleError, "role";
    /// Runs the installation: people, roles, tokens, backups. May change every record.
    Owner = "owner",
    /// Answers for the product: features, milestones, decisions, scenarios.
    Product = "product",
    /// Makes the hardware: revisions, capabilities, BOM, builds.
    Hardware = "hardware",
    /// Makes the software: features, releases, their estimates.
    Firmware = "firmware",
    /// Buys: suppliers, offers, orders, lead times.
    Supply = "supply",
    /// Gets the product approved: markets, regimes, certificates.
    Regulatory = "regulatory",
    /// Belongs to another organisation: sees and changes what is shared with it.
    Partner = "partner",
    /// Reads everything, changes nothing.
    Viewer = "viewer",
}

words! {
    /// What an organisation is to the product.
    OrganisationKind, OrganisationKindError, "kind of organisation";
    /// The one whose product it is.
    Own = "own",
    /// Builds the devices.
    ContractManufacturer = "contract_manufacturer",
    /// Carries their data.
    Carrier = "carrier",
    /// Tests them.
    Lab = "lab",
    /// Puts them up at the customer's.
    Installer = "installer",
    /// Delivers parts.
    Supplier = "supplier",
    /// Something else.
    Other = "other",
}

/// An organisation that users belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Organisation {
    /// Its number.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// What it is to the product.
    pub kind: OrganisationKind,
}

/// Someone who can sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Their number.
    pub id: UserId,
    /// Their address, as they write it. Two addresses are one if they differ in case only.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they are to the product.
    pub role: Role,
    /// Where they belong.
    pub organisation: OrganisationId,
    /// The discipline in whose words answers are put to them.
    pub discipline: Option<String>,
    /// True if they may not sign in any more.
    pub disabled: bool,
    /// True until they have set a password.
    pub invited: bool,
    /// When they were invited.
    pub created_at: Timestamp,
    /// When they last did something, to the minute.
    pub last_seen: Option<Timestamp>,
}

/// Who does something about people, when, and from where: what the audit log will say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub who: Actor,
    /// When.
    pub at: Timestamp,
    /// The network address that it came from; empty for the command line.
    pub client: String,
}

/// The people of an installation. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct People {
    store: Arc<Store>,
    password_checks: Arc<tokio::sync::Semaphore>,
    notes: Arc<tokio::sync::Semaphore>,
}

impl Journal {
    /// The people who work with it.
    pub fn people(&self) -> People {
        People {
            store: Arc::clone(self.store()),
            password_checks: Arc::clone(self.password_checks()),
            notes: Arc::clone(self.notes()),
        }
    }
}

impl People {
    /// Notes in the background that something was used: whether that can be written must not
    /// decide whether one may read, nor for how long one waits. While one note is being written
    /// others are left out; the next use notes them.
    fn note(&self, note: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
        let Ok(permit) = Arc::clone(&self.notes).try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            let _permit = permit;
            match note.await {
                Ok(()) | Err(StoreError::Closed) => {}
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "can't note that a session or a token was used");
                }
            }
        });
    }
}

/// A word of the database that this program doesn't know.
fn unknown(error: impl fmt::Display) -> StoreError {
    StoreError::Unexpected(error.to_string())
}
