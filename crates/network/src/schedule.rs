//! The deterministic plan: early and late dates, floats, and what drove each date.

mod backward;
mod cycle;
mod forward;

use thiserror::Error;

use crate::{
    activity::{ConstraintKind, Placement, Progress},
    compile::{Compiled, Driver, Node, NodeState, Planning},
    index::{ActivityIndex, LinkIndex},
    link::{Bound, LinkKind},
    time::{At, Side, Span, Work},
};

use backward::latest_finishes;
pub(crate) use forward::{Early, earliest_starts, pushed_start};

/// What late dates are counted back from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// The date that no activity should finish after.
    pub finish: FinishBy,
    /// Dates for single activities.
    pub by_activity: Vec<(ActivityIndex, At)>,
    /// An activity with this much total float or less is critical.
    pub critical_float_max: Span,
}

/// The date that no activity should finish after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FinishBy {
    /// The early finish of the last activity.
    #[default]
    EarlyFinish,
    /// A given date.
    Date(At),
    /// The end of the horizon: only the deadlines of single activities bind.
    Horizon,
}

/// Dates of every activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// When the last activity finishes.
    pub finish: At,
    /// By activity.
    pub activities: Vec<ActivityDates>,
}

/// Dates of one activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityDates {
    /// Earliest start; of work that has begun, its actual start.
    pub early_start: At,
    /// Earliest finish.
    pub early_finish: At,
    /// Latest start that holds all deadlines.
    pub late_start: At,
    /// Latest finish that holds all deadlines.
    pub late_finish: At,
    /// Work that is left to do.
    pub work: Span,
    /// How far it can slip without breaking a deadline, in working time of its calendar.
    /// Negative where a deadline can't be held.
    pub total_float: Span,
    /// How far it can slip without moving the early dates of another activity.
    pub free_float: Span,
    /// Unfinished, and without more total float than asked for.
    pub critical: bool,
    /// What fixed its early dates.
    pub driver: Driver,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScheduleError {
    /// Minimum and maximum lags contradict each other.
    #[error(
        "these lags contradict each other: {}; going round once adds {:.2} slots, so lower a \
         minimum lag or raise a maximum lag by that much",
        cycle::spell(.steps), .length.slots()
    )]
    PositiveCycle {
        /// The links in the order in which they push; the last leads to the first activity.
        steps: Vec<CycleStep>,
        /// What going round adds.
        length: Span,
    },
    /// An activity finishes after the end of the horizon.
    #[error(
        "`{activity}` finishes beyond the horizon of {horizon_slots} slots, at slot \
         {finish_slots:.2} or later; lengthen the horizon"
    )]
    BeyondHorizon {
        /// The first such activity.
        activity: String,
        /// When it would finish.
        finish_slots: f64,
        /// The horizon.
        horizon_slots: u32,
    },
    /// Durations were given for another number of activities.
    #[error("{given} durations were given for {expected} activities")]
    WorkCount {
        /// How many were given.
        given: usize,
        /// How many there are.
        expected: usize,
    },
    /// A deadline for an activity that the network doesn't have.
    #[error("activity {index} has a deadline, but the network has {count} activities")]
    UnknownActivity {
        /// Its index.
        index: usize,
        /// Activities in the network.
        count: usize,
    },
}

/// One push along a positive cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleStep {
    /// The activity that pushes.
    pub activity: ActivityIndex,
    /// Its name.
    pub name: String,
    /// The link by which it pushes the next one. A maximum lag pushes from its successor
    /// to its predecessor.
    pub link: LinkIndex,
    /// The link's events.
    pub kind: LinkKind,
    /// Whether the link is a minimum or a maximum lag.
    pub bound: Bound,
    /// The lag in slots.
    pub lag_slots: f64,
}

impl Compiled {
    /// The plan in which every estimate has its planning value, with late dates counted
    /// back from the early finish of the last activity.
    ///
    /// # Errors
    /// Lags that contradict each other, or a plan that is longer than the horizon.
    pub fn schedule(&self, planning: Planning) -> Result<Schedule, ScheduleError> {
        self.schedule_with(&self.planned_work(planning), &Deadlines::default())
    }

    /// The plan for given work, by position as [`Compiled::planned_work`] returns it, and
    /// given deadlines.
    ///
    /// # Errors
    /// As [`Compiled::schedule`]; and work for another number of activities, or a deadline
    /// for an activity that the network doesn't have.
    pub fn schedule_with(
        &self,
        work: &[Span],
        deadlines: &Deadlines,
    ) -> Result<Schedule, ScheduleError> {
        let expected = self.nodes().len();
        if work.len() != expected {
            return Err(ScheduleError::WorkCount { given: work.len(), expected });
        }
        let mut with_deadline = deadlines.by_activity.iter().map(|(activity, _)| activity.index());
        if let Some(index) = with_deadline.find(|index| *index >= expected) {
            return Err(ScheduleError::UnknownActivity { index, count: expected });
        }
        let work: Vec<Span> = self.nodes().iter().zip(work).map(node_work).collect();
        let mut early = earliest_starts(self, &work, None)?;
        let finish = self.check_horizon(&early.start, &work)?;
        let limits = self.finish_limits(deadlines, finish, &work);
        let late = latest_finishes(self, &work, limits);
        if self.network().activities.iter().any(|it| it.placement != Placement::default()) {
            early = earliest_starts(self, &work, Some(&late))?;
        }
        Ok(self.dates(&work, &early, &late, finish, deadlines.critical_float_max))
    }

    /// When the last activity finishes, if that is within the horizon. The finish of a
    /// milestone counts from the near end of a gap, as every finish does.
    pub(crate) fn check_horizon(
        &self,
        starts: &[Work],
        work: &[Span],
    ) -> Result<At, ScheduleError> {
        let mut finish = self.network().status;
        let end = At::start_of(self.network().horizon_slots as i32);
        for (position, node) in self.nodes().iter().enumerate() {
            let at = self.event_at(node, starts[position] + work[position], Side::Finish);
            if at > end {
                return Err(ScheduleError::BeyondHorizon {
                    activity: self.name(position).to_owned(),
                    finish_slots: at.slots(),
                    horizon_slots: self.network().horizon_slots,
                });
            }
            finish = finish.max(at);
        }
        Ok(finish)
    }

    /// The latest finish of each position by dates alone, before any link is followed.
    fn finish_limits(&self, deadlines: &Deadlines, finish: At, work: &[Span]) -> Vec<Work> {
        let finish_by = match deadlines.finish {
            FinishBy::EarlyFinish => finish,
            FinishBy::Date(date) => date,
            FinishBy::Horizon => At::start_of(self.network().horizon_slots as i32),
        };
        let by_calendar: Vec<Work> =
            self.network().calendars.iter().map(|calendar| calendar.work(finish_by)).collect();
        let mut limits: Vec<Work> = self
            .nodes()
            .iter()
            .zip(work)
            .map(|(node, &work)| {
                let ceilings =
                    node.finish_ceiling.into_iter().chain(node.start_ceiling.map(|it| it + work));
                ceilings.fold(by_calendar[node.calendar.index()], Work::min)
            })
            .collect();
        for &(activity, date) in &deadlines.by_activity {
            let position = self.position(activity);
            limits[position] = limits[position].min(self.work(position, date));
        }
        limits
    }

    fn dates(
        &self,
        work: &[Span],
        early: &Early,
        late: &[Work],
        finish: At,
        critical_float_max: Span,
    ) -> Schedule {
        let free = backward::free_floats(self, work, early, finish);
        let place = |activity: usize| {
            let position = self.position(ActivityIndex::from(activity));
            let (node, work) = (&self.nodes()[position], work[position]);
            let (start, driver) = (early.start[position], early.driver[position]);
            let milestone = self.milestone_side(driver, work);
            let sides = milestone.map_or((Side::Start, Side::Finish), |side| (side, side));
            let finished = matches!(node.state, NodeState::Finished { .. });
            let late_finish = if finished { start + work } else { late[position] };
            let total_float = late_finish - (start + work);
            let mut dates = ActivityDates {
                early_start: self.event_at(node, start, sides.0),
                early_finish: self.event_at(node, start + work, sides.1),
                late_start: self.event_at(node, late_finish - work, sides.0),
                late_finish: self.event_at(node, late_finish, sides.1),
                work,
                total_float,
                free_float: free[position],
                critical: !finished && total_float <= critical_float_max,
                driver,
            };
            self.restore_actuals(activity, &mut dates);
            dates
        };
        let activities = (0..self.nodes().len()).map(place).collect();
        Schedule { finish, activities }
    }

    /// What has happened is shown as it was recorded, even inside a gap of the calendar.
    fn restore_actuals(&self, activity: usize, dates: &mut ActivityDates) {
        match self.network().activities[activity].progress {
            Progress::NotStarted => {}
            Progress::Started { start, .. } => {
                (dates.early_start, dates.late_start) = (start, start);
            }
            Progress::Finished { start, finish } => {
                (dates.early_start, dates.late_start) = (start, start);
                (dates.early_finish, dates.late_finish) = (finish, finish);
            }
        }
    }

    fn event_at(&self, node: &Node, work: Work, side: Side) -> At {
        self.network().calendars[node.calendar.index()].at(work, side)
    }

    /// A milestone is one instant, so start and finish must take the same end of a gap:
    /// the one that the event which drives it has.
    fn milestone_side(&self, driver: Driver, work: Span) -> Option<Side> {
        if work != Span::ZERO {
            return None;
        }
        let follows_finish = match driver {
            Driver::Link(link) => {
                let link = &self.network().links[link.index()];
                match link.bound {
                    Bound::Minimum => !link.kind.leaves_start(),
                    Bound::Maximum => link.kind.enters_finish(),
                }
            }
            Driver::Constraint(kind) => matches!(
                kind,
                ConstraintKind::FinishNoEarlierThan
                    | ConstraintKind::FinishNoLaterThan
                    | ConstraintKind::MustFinishOn
            ),
            Driver::Placement => true,
            Driver::Status | Driver::Actual => false,
        };
        Some(if follows_finish { Side::Finish } else { Side::Start })
    }
}

/// Work that is done took what it took, whatever durations are asked for.
fn node_work((node, &work): (&Node, &Span)) -> Span {
    match node.state {
        NodeState::Finished { work } => work,
        NodeState::Open | NodeState::Started { .. } => work.max(Span::ZERO),
    }
}

impl Schedule {
    /// The chain of driving links that ends at `activity`, first activity first: the
    /// longest path to it. Its first activity is driven by a date, not by a link.
    pub fn longest_path(&self, compiled: &Compiled, activity: ActivityIndex) -> Vec<ActivityIndex> {
        let mut path = vec![activity];
        let mut current = activity;
        // A driver precedes what it drives, so the walk ends; the count guards a schedule
        // that belongs to another network.
        while path.len() <= self.activities.len() {
            let Some(dates) = self.activities.get(current.index()) else {
                break;
            };
            let Driver::Link(link) = dates.driver else {
                break;
            };
            let Some(link) = compiled.network().links.get(link.index()) else {
                break;
            };
            current = match link.bound {
                Bound::Minimum => link.from,
                Bound::Maximum => link.to,
            };
            path.push(current);
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests;
