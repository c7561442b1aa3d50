//! Product in, dated and explained answers out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on must say so")]

mod decisions;
mod facts;
mod pages;
mod properties;
mod references;
mod sample;
mod schema;
mod story;
mod support;
