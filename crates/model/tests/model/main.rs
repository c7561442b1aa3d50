//! Bundles in, records, diagnostics and bundles out.

mod diagnostics;
mod hostile;
mod round_trip;
mod sample;
mod scenario;
mod schema;
