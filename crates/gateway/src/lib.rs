//! The devices' front door.
//!
//! A payload is unpacked ([`unpack`]), its [`Format`] told from its content type, its topic or its
//! first bytes, and [`decode`]d into a [`longlead_stream::Batch`]. Nothing is dropped: what can't be
//! read stands beside the readings with its reason.
//!
//! ```
//! use longlead_gateway::{Context, Format, decode};
//!
//! let payload = b"climate,device=CT-17 temperature=4.5,humidity=81i 1767225600000000000";
//! let batch = decode(Format::LineProtocol, payload, &Context::default());
//! let reading = batch.readings().next().expect("one line is one reading");
//! assert_eq!(batch.text(reading.head.stream), "climate");
//! assert_eq!(reading.values.len(), 2);
//! ```
//!
//! This crate judges no reading and keeps none.

mod decode;
mod format;
mod front;
pub mod http;
pub mod identity;
pub mod mqtt;
mod unpack;

pub use decode::{Context, Limits, Precision, decode};
pub use format::{Encoding, Format};
pub use front::{BoxFuture, Front, Intake, Known, Peer, Registry, Taken};
pub use unpack::{UnpackError, unpack};
