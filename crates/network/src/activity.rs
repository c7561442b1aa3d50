//! Activities and what is said of one: work, constraints, progress, demands.

use crate::{
    estimate::Estimate,
    index::{CalendarIndex, GroupIndex, TeamIndex},
    time::At,
};

/// A piece of work, a wait, or (with no duration) a milestone.
///
/// A milestone that may fall on any day, such as an arrival or a launch, belongs on an
/// [elapsed](crate::Calendar::elapsed) calendar: on a working calendar its coordinate can't
/// tell the end of Friday from the start of Monday.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Stable and unique; the key of the activity's random draws.
    pub name: String,
    /// The calendar in which it is worked, and in which its floats are counted.
    pub calendar: CalendarIndex,
    /// Its work, in slots of its calendar.
    pub estimate: Estimate,
    /// What happens when the first pass fails.
    pub rework: Option<Rework>,
    /// Imposed dates.
    pub constraints: Vec<Constraint>,
    /// Early unless said otherwise.
    pub placement: Placement,
    /// What has happened so far.
    pub progress: Progress,
    /// The teams it needs while it is worked.
    pub demands: Vec<Demand>,
    /// The group whose common cause its duration shares.
    pub group: Option<GroupIndex>,
}

impl Activity {
    /// An activity with nothing but its work.
    pub fn new(name: impl Into<String>, calendar: CalendarIndex, estimate: Estimate) -> Activity {
        Activity {
            name: name.into(),
            calendar,
            estimate,
            rework: None,
            constraints: Vec::new(),
            placement: Placement::AsSoonAsPossible,
            progress: Progress::NotStarted,
            demands: Vec::new(),
            group: None,
        }
    }
}

/// Rework after a failed pass: a retest, a respin.
#[derive(Clone, Debug, PartialEq)]
pub struct Rework {
    /// Probability that a pass succeeds, in (0, 1]; every round has the same.
    pub first_pass: f64,
    /// The work of one further round.
    pub estimate: Estimate,
    /// After this many rounds the activity passes whatever happens.
    pub rounds_max: u32,
}

/// An imposed date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Which event it binds, and how.
    pub kind: ConstraintKind,
    /// The date. A finish on a day means [`At::end_of`] that day.
    pub at: At,
}

/// How an imposed date binds.
///
/// Links are honoured first: a date that they make impossible shows as negative float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConstraintKind {
    /// The start is on the date or later.
    StartNoEarlierThan,
    /// The start is on the date or earlier.
    StartNoLaterThan,
    /// The finish is on the date or later.
    FinishNoEarlierThan,
    /// The finish is on the date or earlier.
    FinishNoLaterThan,
    /// Both of the start's.
    MustStartOn,
    /// Both of the finish's.
    MustFinishOn,
}

/// Where in its float an activity is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Placement {
    /// At its early dates.
    #[default]
    AsSoonAsPossible,
    /// At its late dates, using its total float up, as MS Project does. Honoured by the
    /// deterministic passes; the simulation places every activity early.
    AsLateAsPossible,
}

/// What has happened so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Progress {
    /// Nothing; it can't start before the status date.
    #[default]
    NotStarted,
    /// Begun.
    Started {
        /// When.
        start: At,
        /// Work left at the status date. Without it, the estimate less the working time
        /// between the start and the status date.
        remaining: Option<Estimate>,
    },
    /// Done; links and constraints no longer move it.
    Finished {
        /// When it started.
        start: At,
        /// When it finished.
        finish: At,
    },
}

/// Units of a team that are held in every slot in which the activity is worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Whose.
    pub team: TeamIndex,
    /// How many.
    pub units: u32,
}
