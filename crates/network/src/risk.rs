//! Risk events and common causes.

use crate::{estimate::Estimate, index::ActivityIndex};

/// An event that occurs or doesn't, and acts on activities when it does.
///
/// It occurs once per sample, and an impact is drawn once per sample and risk: activities
/// hit by one risk move together. A *risk driver* is a risk that multiplies many durations.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    /// Stable and unique; the key of the risk's random draws.
    pub name: String,
    /// In 0..=1.
    pub probability: f64,
    /// What it does.
    pub effects: Vec<Effect>,
}

/// What a risk does to one activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The activity that is hit.
    pub activity: ActivityIndex,
    /// How.
    pub impact: Impact,
}

/// How a duration changes when a risk occurs.
#[derive(Clone, Debug, PartialEq)]
pub enum Impact {
    /// Slots of the activity's calendar are added.
    Add(Estimate),
    /// The duration is multiplied.
    Multiply(Estimate),
}

/// Activities whose durations share a cause that nobody has modelled as a risk.
///
/// A one-factor Gaussian copula: z_i = √ρ·g + √(1−ρ)·e_i, with g common to the group.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrelationGroup {
    /// Stable and unique; the key of the group's common draw.
    pub name: String,
    /// The correlation ρ of any two members, in 0..=1.
    pub rho: f64,
}
