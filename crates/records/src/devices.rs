//! The device registry: what each device is and was, and what happened to it.
//!
//! A device has *facts* (product, revision, firmware, …), each true from an instant on, so that
//! "which revision and firmware was this reading taken on" has an answer ([`Devices::as_of`]); and
//! *events* (made, shipped, failed, …). A change that reaches back in time changes what was true
//! from then until something later says otherwise. Nothing is removed: what a change replaces is
//! kept, with the change that did it.
//!
//! There may be millions of devices, so they aren't records of the journal. A change goes in as
//! rows beside the registry, is compared with it there, and is then applied in one transaction by
//! a few statements over all of its rows: memory doesn't grow with the fleet. A file is previewed
//! between the two, and what others changed meanwhile is told.

mod apply;
mod change;
mod command;
mod csv;
mod event;
mod facts;
mod history;
mod identity;
mod import;
mod read;
mod snapshot;
mod stage;

use std::sync::Arc;

use jiff::Timestamp;

use crate::journal::{Actor, Journal};
use crate::people::words;
use crate::store::{Store, StoreError};
pub use change::{Applied, ChangeError, DeviceChange, EventChange, Refusal};
pub use command::{
    COMMAND_BYTES_MAX, COMMANDS_QUEUED_MAX, CommandError, CommandState, CommandStateError,
    DeviceCommand, NewCommand,
};
pub use csv::{DEVICE_COLUMNS, EVENT_COLUMNS};
pub use facts::{Attribute, Facts, SERIAL_CHARACTERS_MAX, Serial, SerialError};
pub use identity::{
    CLAIM_DAYS_MAX, CertificateProof, CertificateProofError, DeviceCertificate, DeviceClaim,
    DeviceIdentity, DeviceRevocation,
};
pub use import::{Import, ImportError, ImportKind, ImportPreview, PreviewedDevice};
pub use read::{Counts, DeviceFilter, Facet};
pub use snapshot::{SnapshotBatch, SnapshotColumn, SnapshotTable};

words! {
    /// What happened to a device. The latest event says in which state it is.
    DeviceEventKind, DeviceEventKindError, "event of a device";
    /// It came off the line.
    Made = "made",
    /// It left for the customer.
    Shipped = "shipped",
    /// It was put into use.
    Activated = "activated",
    /// It stopped doing what it is for.
    Failed = "failed",
    /// It came back.
    Returned = "returned",
    /// It was mended.
    Repaired = "repaired",
    /// It is out of use for good.
    Retired = "retired",
}

/// A device as it is today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its serial number, which no other device has.
    pub serial: Serial,
    /// What is true of it.
    pub facts: Facts,
    /// Since when these facts are true together.
    pub since: Timestamp,
    /// Its last event; none where nothing is known to have happened.
    pub state: Option<DeviceEventKind>,
    /// When that was.
    pub state_at: Option<Timestamp>,
    /// The number of its newest version.
    pub version: u64,
}

/// What was true of a device from one instant until another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceVersion {
    /// Its number; later written versions have higher ones.
    pub number: u64,
    /// The first instant.
    pub since: Timestamp,
    /// The first instant at which it's true no more; none for the newest.
    pub until: Option<Timestamp>,
    /// What was true.
    pub facts: Facts,
    /// The facts that the change said which this version begins with.
    pub said: Vec<Attribute>,
    /// That change.
    pub by: ChangedBy,
    /// True where a later change that reaches back has replaced it.
    pub is_superseded: bool,
}

/// Something that happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEvent {
    /// Its number.
    pub id: i64,
    /// The device.
    pub serial: Serial,
    /// What.
    pub kind: DeviceEventKind,
    /// When.
    pub at: Timestamp,
    /// Why, in a word that can be counted: `battery`, `water`.
    pub cause: Option<String>,
    /// Who or what says so: a customer, a test station, an RMA number.
    pub source: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// Who recorded it.
    pub by: ChangedBy,
    /// True where it was struck out since.
    pub is_retracted: bool,
}

/// Who changed the registry, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedBy {
    /// The number of the change; later changes have higher ones.
    pub change: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: Actor,
    /// Their name today.
    pub who_name: String,
    /// Why, if they said.
    pub why: Option<String>,
    /// From where: `api`, `page`, or the name of a file.
    pub origin: String,
}

/// Who changes the registry, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Who.
    pub who: Actor,
    /// When.
    pub at: Timestamp,
    /// Why, in a sentence for those who read the history.
    pub why: Option<String>,
    /// From where: `api`, `page`, or the name of a file.
    pub origin: String,
}

/// The registry of devices. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Devices {
    store: Arc<Store>,
}

impl Journal {
    /// The devices in the field.
    pub fn devices(&self) -> Devices {
        Devices { store: Arc::clone(self.store()) }
    }
}

/// The instant at which an interval ends that has no end.
const OPEN: i64 = i64::MAX;

/// What the database holds and this program never writes.
fn unexpected(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unexpected(error.to_string())
}
