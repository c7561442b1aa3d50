//! The lake: a durable log of rows, each once.
//!
//! ```text
//! accept ─▶ queue ─▶ identities ─▶ log (one sync a group) ─▶ answer
//! ```
//!
//! What is acknowledged is on stable storage and is there once. A row that comes again is
//! acknowledged again and counted as a duplicate; with other values it goes to quarantine. Types
//! of Arrow don't leave this crate.
//!
//! It judges nothing: rows come judged from [`longlead_stream::judge`]. Rows stay in memory beside
//! the log, up to a bound; it doesn't write tables yet, and answers no queries.

mod columns;
mod committer;
mod disk;
mod identity;
mod lake;
mod late;
mod log;
mod open;
mod payload;
mod replay;
mod settings;
mod state;

pub use lake::Lake;
pub use open::{OpenError, Recovery};
pub use settings::Settings;
