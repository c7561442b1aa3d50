//! Bundles in, records, diagnostics and bundles out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and how long loading took is worth a line"
)]

mod diagnostics;
mod edit;
mod hostile;
mod round_trip;
mod sample;
mod scenario;
mod schema;
