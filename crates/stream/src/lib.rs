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
//! [`judge`] holds a batch against the [`Contracts`] of a product. What fits becomes [`Rows`], in
//! the contract's units and laid out as Arrow lays out columns; what doesn't fit is [`Quarantined`]
//! with its reason, and can be judged again once the contract is mended:
//!
//! ```
//! # use longlead_stream::{Batch, Head, Value};
//! use longlead_model::{Bundle, Source};
//! use longlead_stream::{Arrival, Contracts, Plausible, Reason, Sender, judge};
//!
//! let text = r#"
//!     [[contract]]
//!     id = "climate"
//!     title = "Climate around the goods"
//!     fields = [{ name = "temperature", unit = "Cel", low = -60, high = 90, required = true }]
//! "#;
//! let (bundle, _) = Bundle::load(&[Source { name: "streams.toml".into(), text: text.into() }]);
//! let contracts = Contracts::of(&bundle.records, |_| 1);
//!
//! let mut batch = Batch::default();
//! let head = Head::of(batch.name("climate"));
//! let (field, unit) = (batch.name("temperature"), batch.name("[degF]"));
//! batch.push(head, [(field, Value::Float(41.0), Some(unit))]);
//! batch.push(head, [(field, Value::Float(284.0), Some(unit))]);
//!
//! let arrival = Arrival {
//!     received: 1_795_420_800_000_000,
//!     sender: Sender::Device("CT-000017"),
//!     format: "json",
//!     plausible: Plausible::default(),
//! };
//! let judged = judge(&contracts, &batch, &arrival);
//! assert_eq!((judged.row_count(), judged.rows[0].device.get(0)), (1, Some("CT-000017")));
//! assert_eq!(judged.quarantined[0].reason, Reason::OutOfRange);
//! ```
//!
//! [`quality`] says how complete and how good what arrived is. [`propose`] makes a contract from
//! what was seen of a stream that has none, and [`compare`] tells what a change of one asks for.
//!
//! This crate does no I/O and reads no clock: when a batch was received is an argument. It doesn't
//! know how rows are kept, nor whether one is there already.

mod batch;
mod column;
mod compatibility;
mod contract;
mod intake;
mod judge;
mod proposal;
pub mod quality;
mod reading;
mod rows;

pub use batch::{Batch, Captured, Head, Mark, Name, Reading, Refused, Span, Value};
pub use column::{Bits, Column, Numbers, Texts, Truths, Validity};
pub use compatibility::{Change, Difference, Effect, compare};
pub use contract::{ColumnKind, Contract, ContractColumn, Contracts, UNKNOWN};
pub use intake::{Receipt, Refusal};
pub use judge::{Arrival, Judged, Plausible, Sender, judge};
pub use proposal::{Choice, Observed, Proposal, propose};
pub use reading::{ReadingError, reading_from_json, reading_to_json, row_to_json};
pub use rows::{Clock, Devices, Quarantined, READING, Reason, Rows};
