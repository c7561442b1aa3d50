//! Networks of activities: calendars, links, passes, levelling and simulation.
//!
//! This crate knows nothing of products. A caller states a [`Network`] of plain data,
//! [`Network::compile`] checks it and lays it out flat, and everything else runs on the
//! resulting [`Compiled`].
//!
//! ```
//! use longlead_network::{
//!     Activity, At, Calendar, CalendarIndex, Estimate, Link, Network, Planning,
//! };
//!
//! // Days from a Monday; the board is laid out on working days, then made in ten days.
//! let mut network = Network::new(60, At::ZERO);
//! network.calendars.push(Calendar::from_pattern(60, |day| day % 7 < 5)?);
//! network.calendars.push(Calendar::elapsed(60)?);
//! let (working, elapsed) = (CalendarIndex::new(0), CalendarIndex::new(1));
//! let layout = Estimate::Pert { a: 4.0, m: 6.0, b: 8.0 };
//! network.activities.push(Activity::new("layout", working, layout));
//! network.activities.push(Activity::new("boards", elapsed, Estimate::Fixed(10.0)));
//! network.links.push(Link::finish_to_start(0.into(), 1.into()));
//!
//! let schedule = network.compile()?.schedule(Planning::MostLikely)?;
//! assert_eq!(schedule.finish, At::start_of(8 + 10));
//! assert!(schedule.activities.iter().all(|dates| dates.critical));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What there is to run on a [`Compiled`]: [`Compiled::schedule`] for early and late dates,
//! floats and what drives each date; [`Compiled::level`] for a plan within the capacity of the
//! teams; [`Compiled::simulate`] for how dates spread, what drives a target ([`simulation`]) and
//! how late a decision may fall ([`decide`]).
//!
//! It does no I/O, reads no clock and keeps no state: dates and seeds are arguments.
//! Slots of time are numbers; what civil day a slot is, the caller knows. Work is not split:
//! an activity that has started runs through its calendar until it is done. Levelling is by
//! heuristics, and no cost is known.

mod activity;
mod calendar;
mod compile;
pub mod decide;
mod draw;
mod estimate;
mod index;
mod level;
mod link;
mod network;
mod normal;
mod quantile;
mod risk;
mod schedule;
pub mod simulation;
#[cfg(test)]
mod sketch;
mod statistics;
mod time;

pub use activity::{Activity, Constraint, ConstraintKind, Demand, Placement, Progress, Rework};
pub use calendar::{Calendar, CalendarError, SlotRange, WeekPattern};
pub use compile::{Compiled, Driver, Node, Planning};
pub use decide::{DecideBy, GateOutcome};
pub use estimate::{Estimate, EstimateError};
pub use index::{ActivityIndex, CalendarIndex, GroupIndex, LinkIndex, RiskIndex, TeamIndex};
pub use level::{LevelError, Levelled, Placed, PriorityRule, Scheme};
pub use link::{Bound, Lag, Link, LinkKind};
pub use network::{Network, NetworkError, Team};
pub use risk::{CorrelationGroup, Effect, Impact, Risk};
pub use schedule::{ActivityDates, CycleStep, Deadlines, FinishBy, Schedule, ScheduleError};
pub use simulation::{
    ActivityOutcome, DriverShare, EventSpread, GateRequest, ProgressCallback, SIMULATED_SLOTS_MAX,
    Simulation, SimulationError, SimulationRequest, TargetOutcome, TargetRequest,
};
pub use time::{At, Side, Span, TICKS_PER_SLOT, Work};
