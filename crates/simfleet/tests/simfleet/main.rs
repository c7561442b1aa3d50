//! The fleet from outside.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it can't go on")]

mod devices;
mod history;
mod payloads;
mod sending;
mod speaking;

use jiff::{Timestamp, ToSpan};
use longlead_simfleet::{Fleet, Shape};

fn fleet(seed: u64, devices: u32) -> Fleet {
    Fleet::new(seed, Shape { devices })
}

/// The midnight so many days after 1 September 2026.
fn day(number: i64) -> Timestamp {
    let first: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
    first + (24 * number).hours()
}
