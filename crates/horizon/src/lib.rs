//! Product → network → dated, explained answers.
//!
//! The only crate that turns a product into a network. [`derive()`] makes the activities that
//! follow from facts, each with a trace to these facts; [`plan`] schedules, levels and simulates
//! them and answers: dates as distributions, decisions with the day by which they must be made,
//! what software will need that nobody has planned, which devices can run what. [`compare`] tells
//! two forecasts apart, and [`Plan::explain`] walks from a date back to the facts that made it.
//!
//! Reasons are data ([`Reason`]); [`Vocabulary::sentence`] puts them into words at the edge.
//!
//! What this crate does not do: read files, know the day (the as-of day is an argument), or keep
//! anything.

mod calendar;
mod capability;
mod compare;
mod coverage;
mod decision;
mod derive;
mod explain;
mod forecast;
mod foresight;
mod options;
mod reason;
mod sentence;
mod timeline;

pub use calendar::PlanCalendar;
pub use capability::{Missing, Offered, Support, offered, support};
pub use compare::{
    ActivityChange, Change, Comparison, DecisionChange, MilestoneChange, SupportChange, compare,
};
pub use coverage::{CoveragePoint, FeatureCoverage};
pub use decision::{DecisionForecast, DecisionKey, EconomicDecideBy, Limit};
pub use derive::{Carrier, Derivation, Derived, LinkOrigin, Role, derive};
pub use explain::{Explanation, ExplanationStep};
pub use forecast::{
    ActivityForecast, Ask, DriverForecast, Forecast, MilestoneForecast, Plan, PlanLink, Progress,
    State, plan,
};
pub use foresight::{Foresight, IdleCapability, OrphanNeed};
pub use options::{OptionError, OptionValue, include_or_respin};
pub use reason::Reason;
pub use sentence::{Segment, Vocabulary, day, month, percent};
pub use timeline::Timeline;
