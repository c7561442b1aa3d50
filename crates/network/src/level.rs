//! Levelling: a plan in which no team is asked for more than it has.
//!
//! Two schedule generation schemes (Kelley 1963; compared by Kolisch 1996, "Serial and
//! parallel resource-constrained project scheduling methods revisited"), each one pass
//! with a priority rule. They are heuristics: the plan is feasible, not proven shortest.

mod flow;
mod parallel;
mod priority;
mod profile;
mod serial;

use thiserror::Error;

use crate::{
    activity::{Activity, Progress},
    compile::{Compiled, NodeState},
    index::LinkIndex,
    level::{priority::Priorities, profile::Profiles},
    link::Link,
    schedule::{Early, ScheduleError, earliest_starts, pushed_start},
    time::{At, Side, Span, Work},
};

/// How activities are taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Activity by activity, in order of priority: each is put where it first fits.
    Serial,
    /// Instant by instant: at each, all that can start do, in order of priority.
    Parallel,
}

/// Who goes first when not all can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriorityRule {
    /// LFT: the earliest late finish.
    LatestFinishTime,
    /// LST: the earliest late start.
    LatestStartTime,
    /// MSLK: the least total float.
    MinimumSlack,
    /// MTS: the most activities that wait for it, directly or not.
    MostTotalSuccessors,
    /// GRPW: the most work of its own and of its direct successors.
    GreatestRankPositionalWeight,
    /// SPT: the shortest.
    ShortestDuration,
}

impl PriorityRule {
    /// Every rule.
    pub const ALL: [PriorityRule; 6] = [
        PriorityRule::LatestFinishTime,
        PriorityRule::LatestStartTime,
        PriorityRule::MinimumSlack,
        PriorityRule::MostTotalSuccessors,
        PriorityRule::GreatestRankPositionalWeight,
        PriorityRule::ShortestDuration,
    ];

    /// Its name in the literature.
    pub const fn abbreviation(self) -> &'static str {
        match self {
            PriorityRule::LatestFinishTime => "LFT",
            PriorityRule::LatestStartTime => "LST",
            PriorityRule::MinimumSlack => "MSLK",
            PriorityRule::MostTotalSuccessors => "MTS",
            PriorityRule::GreatestRankPositionalWeight => "GRPW",
            PriorityRule::ShortestDuration => "SPT",
        }
    }
}

/// A plan within the capacity of the teams.
#[derive(Clone, Debug, PartialEq)]
pub struct Levelled {
    /// When the last activity finishes.
    pub finish: At,
    /// By activity.
    pub activities: Vec<Placed>,
    /// Finish-to-start links by which teams pass from one activity to the next. Added to
    /// the network, they make every plan of it, and every sample, keep this order.
    ///
    /// Two cases have no such link: activities of different calendars that use a team
    /// alternately, one in the gaps of the other; and a pair whose link would close a cycle,
    /// because a link that enters a finish or has a negative lag already leads back.
    pub resource_links: Vec<Link>,
    /// Maximum lags that this order of work can't keep.
    pub broken_maximum_lags: Vec<LinkIndex>,
}

/// Where levelling puts an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its start; of work that has begun, the instant at which it resumes.
    pub start: At,
    /// Its finish.
    pub finish: At,
}

/// Why a network can't be levelled.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum LevelError {
    /// It can't even be planned.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// An activity asks for more of a team than there is.
    #[error(
        "`{activity}` needs {units} of team `{team}`, which has {capacity}; \
         lower the demand or raise the capacity"
    )]
    DemandAboveCapacity {
        /// The activity.
        activity: String,
        /// The team.
        team: String,
        /// Units asked for.
        units: u64,
        /// Units there are.
        capacity: u32,
    },
}

/// How often levelling is repeated to keep maximum lags.
const ROUNDS_MAX: usize = 64;

impl Compiled {
    /// Levels given work, by position as [`Compiled::planned_work`] returns it.
    ///
    /// A team is held in every slot in which its activity is worked, so not over the
    /// weekends of the activity's calendar. Where delaying one activity breaks a maximum
    /// lag, the other end is delayed too and levelling starts again; if that doesn't settle,
    /// the first plan stands and the lags that it breaks are reported.
    ///
    /// # Errors
    /// An activity that needs more of a team than there is; and as [`Compiled::schedule`].
    pub fn level(
        &self,
        work: &[Span],
        scheme: Scheme,
        rule: PriorityRule,
    ) -> Result<Levelled, LevelError> {
        self.check_demands()?;
        let schedule = self.schedule_with(work, &crate::schedule::Deadlines::default())?;
        let work: Vec<Span> = self.planned(&schedule);
        let priorities = Priorities::of(self, &schedule, rule);
        let Early { start: mut floors, .. } = earliest_starts(self, &work, None)?;
        let mut first = None;
        for _ in 0..ROUNDS_MAX {
            let task =
                Task { compiled: self, work: &work, floors: &floors, priorities: &priorities };
            let starts = match scheme {
                Scheme::Serial => serial::generate(&task),
                Scheme::Parallel => parallel::generate(&task),
            };
            let lags_are_kept = !raise_floors(self, &work, &starts, &mut floors);
            if lags_are_kept {
                return Ok(self.levelled(&work, &starts)?);
            }
            first.get_or_insert(starts);
        }
        // Delays that led to nothing are not kept.
        Ok(self.levelled(&work, &first.unwrap_or(floors))?)
    }

    fn check_demands(&self) -> Result<(), LevelError> {
        let network = self.network();
        let is_open = |it: &&Activity| !matches!(it.progress, Progress::Finished { .. });
        for activity in network.activities.iter().filter(is_open) {
            for demand in &activity.demands {
                let team = &network.teams[demand.team.index()];
                let same_team = activity.demands.iter().filter(|it| it.team == demand.team);
                let units: u64 = same_team.map(|it| u64::from(it.units)).sum();
                if units > u64::from(team.capacity) {
                    return Err(LevelError::DemandAboveCapacity {
                        activity: activity.name.clone(),
                        team: team.name.clone(),
                        units,
                        capacity: team.capacity,
                    });
                }
            }
        }
        Ok(())
    }

    fn planned(&self, schedule: &crate::schedule::Schedule) -> Vec<Span> {
        self.nodes().iter().map(|node| schedule.activities[node.activity.index()].work).collect()
    }

    fn levelled(&self, work: &[Span], starts: &[Work]) -> Result<Levelled, ScheduleError> {
        let finish = self.check_horizon(starts, work)?;
        let place = |activity: usize| {
            let position = self.position(crate::index::ActivityIndex::from(activity));
            Placed {
                start: self.at(position, starts[position], Side::Start),
                finish: self.at(position, starts[position] + work[position], Side::Finish),
            }
        };
        let activities: Vec<Placed> = (0..starts.len()).map(place).collect();
        let broken = self
            .maximum_edges()
            .iter()
            .filter(|edge| pushed_start(self, edge, work, starts) > starts[edge.to as usize]);
        Ok(Levelled {
            finish,
            broken_maximum_lags: broken.map(|edge| edge.link).collect(),
            resource_links: flow::resource_links(self, work, &activities),
            activities,
        })
    }
}

/// What a schedule generation scheme works on. `floors` are starts before which an activity
/// can't be put, whatever the teams do.
struct Task<'a> {
    compiled: &'a Compiled,
    work: &'a [Span],
    floors: &'a [Work],
    priorities: &'a Priorities,
}

impl Task<'_> {
    /// The earliest start that the predecessors' starts allow.
    fn earliest(&self, position: usize, starts: &[Work]) -> Work {
        let incoming = self.compiled.incoming(position).iter();
        incoming
            .map(|edge| pushed_start(self.compiled, edge, self.work, starts))
            .fold(self.floors[position], Work::max)
    }

    /// Whether the place of an activity is not to be chosen: it is history, or asks for
    /// no team.
    fn needs_no_team(&self, position: usize) -> bool {
        let node = &self.compiled.nodes()[position];
        let activity = &self.compiled.network().activities[node.activity.index()];
        self.work[position] == Span::ZERO
            || matches!(node.state, NodeState::Finished { .. })
            || activity.demands.iter().all(|demand| demand.units == 0)
    }

    fn profiles(&self) -> Profiles {
        Profiles::new(&self.compiled.network().teams)
    }
}

/// Raises the floor of each activity that a maximum lag asks to be later; whether any was.
fn raise_floors(compiled: &Compiled, work: &[Span], starts: &[Work], floors: &mut [Work]) -> bool {
    let mut raised = false;
    for edge in compiled.maximum_edges() {
        let to = edge.to as usize;
        let least = pushed_start(compiled, edge, work, starts);
        if least > starts[to] && least > floors[to] {
            floors[to] = least;
            raised = true;
        }
    }
    raised
}

#[cfg(test)]
mod tests;
