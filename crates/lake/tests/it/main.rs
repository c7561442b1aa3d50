//! The lake from outside: what is acknowledged, what is seen, and what survives.

#![expect(clippy::expect_used, clippy::panic, reason = "a story that can't go on has failed")]

mod accept;
mod functions;
mod kill;
mod merge;
mod quarantine;
mod query;
mod sample;
