//! The lake: a durable log of rows, their tables in DuckLake, and SQL over both.
//!
//! ```text
//! accept ─▶ queue ─▶ identities ─▶ log (one sync a group) ─▶ answer
//!                                   │
//!                                   └▶ memory ──flush──▶ Parquet in DuckLake tables
//! query  ─▶ tables at a snapshot ∪ memory
//! ```
//!
//! What is acknowledged is on stable storage, is there once, and is seen by the next query. A row
//! that comes again is acknowledged again and counted as a duplicate; with other values it goes to
//! quarantine. Types of Arrow, DataFusion and DuckLake don't leave this crate.
//!
//! It judges nothing: rows come judged from [`longlead_stream::judge`].

mod answer;
mod background;
mod columns;
mod committer;
mod disk;
mod durable_store;
mod fault;
mod footers;
mod functions;
mod identity;
mod lake;
mod late;
mod log;
mod open;
mod outside;
mod payload;
mod quarantine;
mod query;
mod replay;
mod reserve;
mod settings;
mod state;
mod tables;
mod view;

pub use answer::{Answer, AnswerColumn, Cell, Encoded, Format, Kind, Page};
pub use fault::QueryError;
pub use lake::{FlushError, Lake, TableFacts};
pub use open::{OpenError, Recovery};
pub use outside::{OutsideError, OutsideTable, Values};
pub use query::{Described, Limits};
pub use settings::Settings;
