//! Simulated devices that speak as real ones do: the demo's fleet, and load.
//!
//! A [`Fleet`] is drawn from a seed. Its devices are trackers and gateways of the sample: made in
//! lots that fail at different rates, in trucks with doors, weather and a road, with sensors that
//! are noisy and some that stick or drift, cells that age, clocks that drift or lose the date, and
//! a radio that is often out of coverage. A device stores what it can't send and sends it later,
//! the oldest first; some readings arrive twice, and some overtake others.
//!
//! ```
//! use longlead_simfleet::{Fleet, Shape};
//!
//! let fleet = Fleet::new(7, Shape { devices: 20 });
//! let (from, to) = ("2026-11-20T00:00:00Z".parse()?, "2026-11-21T00:00:00Z".parse()?);
//! let mut run = fleet.run(from, to);
//! let sent: Vec<_> = run.by_ref().collect();
//! assert!(sent.is_sorted_by_key(|sending| sending.at));
//! // What was taken and hasn't come is lost or still stored, and the run can tell which.
//! println!("{} sent, {} lost, {} stored", sent.len(), run.lost().len(), run.stored().count());
//! # Ok::<(), jiff::Error>(())
//! ```
//!
//! What a device does depends on the seed and on nothing else: it can be followed from any instant
//! on, in any stretches, with the same bytes. The fleet reads no clock and does no I/O; only
//! [`speak`] does, which plays a run against the doors of a server. [`History`] packs weeks of it.

mod boot;
mod clock;
mod device;
mod draw;
mod environment;
mod fleet;
mod history;
mod journey;
mod link;
mod reading;
mod registry;
mod sensor;
mod span;
mod speak;

pub use device::{Cause, LOTS, Lot, Market, Revision};
pub use fleet::{Fleet, Run, Shape};
pub use history::{History, Parcel, ParcelSize};
pub use journey::{Loss, Lost, Sending};
pub use reading::{Key, Stream};
pub use speak::{Doors, Pace, Report, speak};
