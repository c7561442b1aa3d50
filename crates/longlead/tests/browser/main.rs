//! What people do in a browser, from the first start on: whole stories, told in headless Chromium
//! against the binary. In each of them the console stays without errors, and no request leaves for
//! another host.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on must say so"
)]

mod change;
mod chromedriver;
mod first_start;
mod person;
mod reading;
mod stage;
