//! How complete and how good the readings are that arrived: pure functions of what was received.
//! Each says its method, so that a figure on a page can say how it came about.
//!
//! Times are microseconds since 1970 and spans are microseconds. Where captured times are taken,
//! those whose clock isn't to be trusted ([`Clock::Future`](crate::Clock::Future),
//! [`Clock::Unset`](crate::Clock::Unset)) are left out by the caller.

mod completeness;
mod device;
mod drift;
mod lateness;
mod score;
mod sequence;
mod stuck;
mod timeline;

pub use completeness::{Basis, Completeness, completeness_by_cadence};
pub use device::{DeviceRows, FRESH_CADENCES_MAX, GAP_CADENCES, device_figures};
pub use drift::{Drift, drift};
pub use lateness::Lateness;
pub use score::{Figures, Part, Score, Statement};
pub use sequence::{Boot, completeness_by_sequence, split_boots};
pub use stuck::{Run, Stuck, stuck_runs};
pub use timeline::{
    Freshness, Gap, Reset, StepBack, clock_steps_back, counter_increase, counter_resets, freshness,
    gaps,
};
