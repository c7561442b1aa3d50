//! Plans to and from other programs: MS Project XML, CSV tables and iCalendar.
//!
//! Texts in, texts out. What the other side can't say, or what can't be taken over from it, is
//! never dropped in silence: every reader and converter returns a list of [`Loss`]es beside its
//! result, each with the task, cell or calendar that it belongs to and what was done instead.
//!
//! ```
//! use longlead_exchange::icalendar::{Event, write};
//! use longlead_model::Date;
//!
//! let event = Event {
//!     uid: "launch:geofence@tracker".into(),
//!     date: Date::constant(2027, 6, 1),
//!     summary: "Launch of Geofence".into(),
//!     description: String::new(),
//!     categories: vec!["milestone".into()],
//! };
//! let text = write("Tracker", Date::constant(2026, 11, 23), &[event]);
//! assert!(text.contains("DTSTART;VALUE=DATE:20270601\r\n"));
//! ```
//!
//! What this crate does not do: read or write files, know the day, or decide which activities of
//! a plan are worth telling. The caller passes texts, dates and lists.

pub mod csv;
pub mod icalendar;
mod ids;
pub mod mspdi;
mod report;

pub use report::{Loss, Subject};
