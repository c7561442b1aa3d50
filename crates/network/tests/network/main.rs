//! The network as a caller sees it: published numbers, decide-by against slow
//! computations of its own, and properties of the simulation.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod build;
mod criticality;
mod decide;
mod naive;
mod properties;
mod published;
mod rework_and_risks;
