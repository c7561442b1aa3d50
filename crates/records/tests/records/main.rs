//! Stories of the system of record, each told on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a story that can't go on has failed, and what was left out must be said"
)]

mod backup;
mod crash;
mod devices;
mod identity;
mod journal;
mod nodes;
mod people;
mod repeated;
mod sign_in;
mod tamper;
mod whatif;
mod world;
