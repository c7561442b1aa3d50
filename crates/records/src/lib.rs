//! The system of record: the journal of every change to a product, and who may do what, in SQLite
//! or PostgreSQL.
//!
//! The journal keeps each record as its canonical text, before and after each change; the product
//! is the fold of it, today or as of any past instant. A change set is committed whole or not at
//! all, after its author's view of the records has been compared with what they are and the
//! product that would result has been checked.
//!
//! ```
//! use jiff::Timestamp;
//! use longlead_model::Edit;
//! use longlead_records::{Actor, CommitRequest, Expected, Journal, VersionedEdit};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let journal = Journal::open("sqlite::memory:").await?;
//! let key = "capability/ram".parse()?;
//! let after = Some("id = \"ram\"\ntitle = \"Free RAM\"\nunit = \"KiB\"\n".to_owned());
//! let request = CommitRequest {
//!     who: Actor::System,
//!     at: "2027-03-01T09:00:00Z".parse::<Timestamp>()?,
//!     why: Some("The firmware team asks for it".to_owned()),
//!     edits: vec![VersionedEdit { edit: Edit { key, after }, expected: Expected::Absent }],
//!     idempotency: None,
//! };
//! let committed = journal.commit(request).await?;
//! assert_eq!(committed.sequence.get(), 1);
//! assert_eq!(journal.current().bundle.records.capabilities.len(), 1);
//! journal.close().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The [registry of devices](devices) keeps what each device in the field is and was, outside of the
//! journal.
//!
//! What this crate does not do: read the clock (instants are arguments), decide who may do what
//! (it keeps roles, tokens and shares; the web application judges by them), keep telemetry, or
//! compute plans.

mod backup;
pub mod devices;
mod draft;
mod forecast;
mod idempotency;
mod journal;
pub mod people;
mod store;
mod time;

pub use backup::{BackupError, RestoreError, Restored, restore};
pub use draft::{Draft, DraftError, DraftText};
pub use forecast::{LoggedDate, LoggedForecast, LoggedKind};
pub use idempotency::{Begun, IN_PROGRESS_SECONDS, KEPT_SECONDS, StoredAnswer};
pub use journal::{
    Actor, ActorError, Change, ChangeFilter, ChangeSummary, CommitError, CommitRequest, Committed,
    Conflict, Expected, IdempotencyKey, Journal, Preview, PreviewItem, Sequence, Snapshot, Version,
    VersionError, VersionedEdit,
};
pub use store::{DatabaseError, OpenError, StoreError};
