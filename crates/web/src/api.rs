//! The API: uniform REST over records, the journal, and insights as resources of their own.
//!
//! Each handler stands beside the [`operation::Operation`] that describes it; the table of routes
//! joins the two. What a request may hold is checked against its operation, and the OpenAPI
//! document is made from it, so that the description can't drift from what is done.

pub(crate) mod answer;
pub(crate) mod backup;
pub(crate) mod change;
pub(crate) mod command;
pub(crate) mod contract;
pub(crate) mod device;
pub(crate) mod docs;
pub(crate) mod document;
pub(crate) mod identity;
pub(crate) mod impact;
pub(crate) mod insight;
pub(crate) mod json;
mod newest;
pub(crate) mod operation;
mod precondition;
pub(crate) mod problems;
mod query;
pub(crate) mod record;
#[cfg(test)]
mod tests;
pub(crate) mod what_if;
