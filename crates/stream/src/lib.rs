//! Readings of devices, the contracts of their streams, and the quality of what arrived.
//!
//! A front door decodes a payload into a [`Batch`]. Nothing is converted and nothing is dropped
//! there: what can't be read is kept beside the readings with its reason.
//!
//! ```
//! use longlead_stream::{Batch, Captured, Head, Value};
//!
//! let mut batch = Batch::default();
//! let stream = batch.name("climate");
//! let device = batch.name("CT-000017");
//! let temperature = batch.name("temperature");
//! let head = Head { stream, device: Some(device), ..Head::of(stream) };
//! batch.push(head, [(temperature, Value::Float(4.5), None)]);
//! let reading = batch.readings().next().expect("one was pushed");
//! assert_eq!(batch.text(reading.head.stream), "climate");
//! assert_eq!(reading.head.captured, Captured::Untold);
//! ```
//!
//! This crate does no I/O and reads no clock: when a batch was received is an argument.

mod batch;
mod column;
mod contract;
mod intake;
mod judge;
mod reading;
mod rows;

pub use batch::{Batch, Captured, Head, Name, Reading, Refused, Span, Value};
pub use column::{Bits, Column, Numbers, Texts, Truths, Validity};
pub use contract::{ColumnKind, Contract, ContractColumn, Contracts, UNKNOWN};
pub use intake::{Receipt, Refusal};
pub use judge::{Arrival, Judged, Plausible, Sender, judge};
pub use reading::{ReadingError, reading_from_json, reading_to_json};
pub use rows::{Clock, Devices, Quarantined, READING, Reason, Rows};
