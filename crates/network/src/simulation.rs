//! Monte Carlo simulation of a compiled network.
//!
//! Samples are simulated in blocks, activity by activity, so that the inner
//! loops run over the samples of a block. Blocks are handed out to threads one
//! by one; every figure is summed in integers or put together in the order of
//! the blocks, and every draw depends on nothing but (seed, name, sample). So
//! the outcome is the same, bit for bit, on any number of threads.
//!
//! ```
//! use longlead_network::{
//!     Activity, ActivityIndex, At, Calendar, CalendarIndex, Estimate, Network, SimulationRequest,
//!     TargetRequest,
//! };
//!
//! let mut network = Network::new(365, At::ZERO);
//! network.calendars.push(Calendar::elapsed(365)?);
//! let tooling = Estimate::Lognormal { p50: 40.0, p90: 60.0 };
//! network.activities.push(Activity::new("tooling", CalendarIndex::new(0), tooling));
//! let target = TargetRequest {
//!     activity: ActivityIndex::new(0),
//!     deadline: Some(At::start_of(50)),
//!     sensitivity: false,
//! };
//! let request = SimulationRequest {
//!     seed: 1,
//!     samples: 10_000,
//!     threads: 0,
//!     targets: vec![target],
//!     gates: vec![],
//! };
//! let simulation = network.compile()?.simulate(&request, &|_, _| {})?;
//! let outcome = &simulation.targets[0];
//! assert!((outcome.percentile(0.9).slots() - 60.0).abs() < 2.0);
//! assert!(outcome.p_on_time.is_some_and(|share| (0.74..0.78).contains(&share)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not modelled: ceilings (start or finish no later than) hold nothing back,
//! they are for the deterministic passes to report; every activity is placed
//! as early as it can be; and a milestone on a working calendar takes the same end
//! of a gap in all samples, the beginning if it follows a finish, where the
//! deterministic pass asks what drives it. (A milestone that may fall on any day
//! belongs on an elapsed calendar.)

mod critical;
mod crossing;
mod forward;
mod latest;
mod outcome;
mod plan;
mod recipe;
mod sensitivity;
mod spread;
mod work;

use thiserror::Error;

use crate::{
    calendar::CalendarError, compile::Compiled, draw::BLOCK, index::ActivityIndex, time::At,
};

pub use outcome::{ActivityOutcome, DriverShare, EventSpread, Simulation, TargetOutcome};
use plan::Plan;
use recipe::Recipe;

/// The longest horizon that can be simulated, in slots: 43 years of days.
/// Coordinates are 32-bit there.
pub const SIMULATED_SLOTS_MAX: u32 = 16_000;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationRequest {
    /// Of the draws.
    pub seed: u64,
    /// How many samples; 10,000 unless there is a reason.
    pub samples: u32,
    /// How many threads; 0 for as many as the machine has. The outcome is the
    /// same.
    pub threads: usize,
    /// Activities whose finishes are wanted sample by sample.
    pub targets: Vec<TargetRequest>,
    /// Decisions.
    pub gates: Vec<GateRequest>,
}

/// A milestone or activity that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetRequest {
    /// Which one.
    pub activity: ActivityIndex,
    /// The date that its finish should not exceed.
    pub deadline: Option<At>,
    /// Whether to find out what drives its date.
    pub sensitivity: bool,
}

/// A decision: the activities that can't start before it is made, and the
/// target that must still finish in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRequest {
    /// What waits for the decision. An activity that has begun, or that doesn't
    /// lead to the target, never limits the decision; if none does, it can wait
    /// until the end of the horizon.
    pub activities: Vec<ActivityIndex>,
    /// What must finish in time.
    pub target: ActivityIndex,
    /// When.
    pub deadline: At,
}

/// Why a network can't be simulated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SimulationError {
    /// No samples.
    #[error("0 samples were asked for; ask for at least 1")]
    NoSamples,
    /// The horizon is too long for 32-bit coordinates.
    #[error(
        "a horizon of {horizon_slots} slots can't be simulated, the most is {max}; \
         use longer slots or a shorter horizon",
        max = SIMULATED_SLOTS_MAX
    )]
    Horizon {
        /// Its length.
        horizon_slots: u32,
    },
    /// A target or a gated activity that the network doesn't have.
    #[error("activity {index} was asked for, but the network has {count}")]
    UnknownActivity {
        /// Its index.
        index: usize,
        /// Activities in the network.
        count: usize,
    },
    /// The calendar of elapsed time can't be made.
    #[error("the horizon is impossible")]
    Calendar(#[from] CalendarError),
}

/// Told how many units of work are done, of how many.
pub type ProgressCallback<'a> = &'a (dyn Fn(u64, u64) + Sync);

impl Compiled {
    /// Simulates the network. `progress` is called now and then, from any
    /// thread.
    ///
    /// # Errors
    /// A request that makes no sense for this network.
    pub fn simulate(
        &self,
        request: &SimulationRequest,
        progress: ProgressCallback<'_>,
    ) -> Result<Simulation, SimulationError> {
        check(self, request)?;
        let recipe = Recipe::new(self, request.seed)?;
        let plan = Plan::new(&recipe, request);
        let progress = plan::Progress::new(&plan, progress);
        let tally = plan.run(&recipe, &progress);
        Ok(outcome::assemble(&recipe, &plan, request, tally, &progress))
    }
}

fn check(compiled: &Compiled, request: &SimulationRequest) -> Result<(), SimulationError> {
    if request.samples == 0 {
        return Err(SimulationError::NoSamples);
    }
    let horizon_slots = compiled.network().horizon_slots;
    if horizon_slots > SIMULATED_SLOTS_MAX {
        return Err(SimulationError::Horizon { horizon_slots });
    }
    let count = compiled.nodes().len();
    let targets = request.targets.iter().map(|target| target.activity);
    let gates = request.gates.iter();
    let gated = gates.flat_map(|gate| gate.activities.iter().copied().chain([gate.target]));
    for activity in targets.chain(gated) {
        if activity.index() >= count {
            return Err(SimulationError::UnknownActivity { index: activity.index(), count });
        }
    }
    Ok(())
}

/// Threads to use when `asked` are asked for and there are `jobs` to share out.
///
/// Each thread has rows of its own, 8 kB for each activity. So that many cores
/// don't take much memory, a thousand activities are simulated on at most 40
/// threads and ten thousand on four, unless more are asked for.
fn thread_count(asked: usize, jobs: usize, activities: usize) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let affordable = (ROWS_MAX / activities.max(1)).max(1);
    let threads = if asked == 0 { available().min(affordable) } else { asked.min(THREADS_MAX) };
    threads.clamp(1, jobs.max(1))
}

/// Activities times threads, if nobody asks for more.
const ROWS_MAX: usize = 40_000;

/// More can't be of use, and the system might refuse them.
const THREADS_MAX: usize = 1_024;

/// Blocks that `samples` fill, the last perhaps only in part.
fn block_count(samples: u32) -> u32 {
    samples.div_ceil(BLOCK as u32)
}
