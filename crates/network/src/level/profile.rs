//! How much of each team is in use over time.

use crate::{
    activity::Demand,
    calendar::Calendar,
    index::TeamIndex,
    network::Team,
    time::{At, Span, Work},
};

/// The use of every team.
pub(super) struct Profiles {
    teams: Vec<Profile>,
}

/// Use of one team as a step function: from each instant on, so many units.
struct Profile {
    capacity: u32,
    /// Sorted by instant; the first is before every other, the last has no units in use.
    steps: Vec<(At, u32)>,
}

impl Profiles {
    pub(super) fn new(teams: &[Team]) -> Profiles {
        let profile = |team: &Team| Profile {
            capacity: team.capacity,
            steps: vec![(At::from_ticks(i64::MIN), 0)],
        };
        Profiles { teams: teams.iter().map(profile).collect() }
    }

    /// The first start at or after `start` from which all demands can be met until the
    /// work is done.
    pub(super) fn first_fit(
        &self,
        calendar: &Calendar,
        start: Work,
        work: Span,
        demands: &[Demand],
    ) -> Work {
        let mut start = start;
        // Each round passes a step of some profile for good, so this ends.
        while let Some(later) = self.conflict(calendar, start, work, demands) {
            start = later;
        }
        start
    }

    /// The start after the last thing that is in the way, if anything is.
    pub(super) fn conflict(
        &self,
        calendar: &Calendar,
        start: Work,
        work: Span,
        demands: &[Demand],
    ) -> Option<Work> {
        let conflicts = demands.iter().filter_map(|demand| {
            let profile = &self.teams[demand.team.index()];
            profile.conflict(calendar, start, work, units_of(demand.team, demands))
        });
        conflicts.max()
    }

    /// Takes the demanded units in every working slot of the activity.
    pub(super) fn reserve(
        &mut self,
        calendar: &Calendar,
        start: Work,
        work: Span,
        demands: &[Demand],
    ) {
        for (from, until) in calendar.working_runs(start, start + work) {
            for demand in demands.iter().filter(|demand| demand.units > 0) {
                self.teams[demand.team.index()].add(from, until, demand.units);
            }
        }
    }

    /// The first instant after `at` at which the use of a demanded team changes.
    pub(super) fn next_change(&self, at: At, demands: &[Demand]) -> Option<At> {
        let changes = demands.iter().filter_map(|demand| {
            let steps = &self.teams[demand.team.index()].steps;
            steps.get(steps.partition_point(|step| step.0 <= at)).map(|step| step.0)
        });
        changes.min()
    }
}

/// All units of a team that an activity asks for, in one demand or in several. They fit an
/// `u32`, since no activity that is levelled asks for more than the capacity.
pub(super) fn units_of(team: TeamIndex, demands: &[Demand]) -> u32 {
    let units = demands.iter().filter(|demand| demand.team == team).map(|demand| demand.units);
    units.fold(0, u32::saturating_add)
}

impl Profile {
    fn conflict(&self, calendar: &Calendar, start: Work, work: Span, units: u32) -> Option<Work> {
        let finish = start + work;
        let (from, until) = (calendar.start_at(start), calendar.finish_at(finish));
        let first = self.steps.partition_point(|step| step.0 <= from).saturating_sub(1);
        let spans = self.steps[first..].windows(2).take_while(|span| span[0].0 < until);
        let free = u64::from(self.capacity).saturating_sub(u64::from(units));
        let mut latest = None;
        for span in spans.filter(|span| u64::from(span[0].1) > free) {
            let busy_from = calendar.work(span[0].0.max(from));
            let busy_until = calendar.work(span[1].0);
            // Use in a gap of the activity's calendar is not in its way.
            if busy_until.min(finish) > busy_from.max(start) {
                latest = Some(busy_until);
            }
        }
        latest
    }

    fn add(&mut self, from: At, until: At, units: u32) {
        let first = self.cut(from);
        let end = self.cut(until);
        for step in &mut self.steps[first..end] {
            step.1 = step.1.saturating_add(units);
        }
    }

    /// The place of the step that begins at `at`, made if there is none.
    fn cut(&mut self, at: At) -> usize {
        let place = self.steps.partition_point(|step| step.0 < at);
        if self.steps.get(place).is_none_or(|step| step.0 != at) {
            // Never before the first step, which is before every instant.
            let units = self.steps[place - 1].1;
            self.steps.insert(place, (at, units));
        }
        place
    }
}
