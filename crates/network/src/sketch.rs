//! Small networks for tests.

use proptest::prelude::*;

use crate::{
    activity::{Activity, Constraint, ConstraintKind, Demand, Progress},
    calendar::Calendar,
    compile::Compiled,
    estimate::Estimate,
    index::{ActivityIndex, CalendarIndex, TeamIndex},
    link::{Bound, Lag, Link, LinkKind},
    network::{Network, Team},
    time::At,
};

/// Slot 0 is a Monday.
pub(crate) const WEEKDAYS: CalendarIndex = CalendarIndex::new(0);
pub(crate) const ELAPSED: CalendarIndex = CalendarIndex::new(1);

pub(crate) const FS: LinkKind = LinkKind::FinishToStart;
pub(crate) const SS: LinkKind = LinkKind::StartToStart;
pub(crate) const FF: LinkKind = LinkKind::FinishToFinish;
pub(crate) const SF: LinkKind = LinkKind::StartToFinish;

/// A network in the making; activities are referred to by name.
#[derive(Clone)]
pub(crate) struct Sketch {
    pub(crate) network: Network,
}

impl Sketch {
    /// Twelve weeks from a Monday.
    pub(crate) fn new() -> Sketch {
        Sketch::with_status(At::ZERO)
    }

    pub(crate) fn with_status(status: At) -> Sketch {
        let mut network = Network::new(84, status);
        network.calendars.push(Calendar::from_pattern(84, |slot| slot % 7 < 5).unwrap());
        network.calendars.push(Calendar::elapsed(84).unwrap());
        Sketch { network }
    }

    pub(crate) fn activity(self, name: &str, slots: f64) -> Sketch {
        self.activity_on(WEEKDAYS, name, slots)
    }

    pub(crate) fn activity_on(mut self, on: CalendarIndex, name: &str, slots: f64) -> Sketch {
        self.network.activities.push(Activity::new(name, on, Estimate::Fixed(slots)));
        self
    }

    pub(crate) fn link(self, from: &str, kind: LinkKind, to: &str) -> Sketch {
        self.lagged(from, kind, to, 0.0, WEEKDAYS)
    }

    pub(crate) fn lagged(
        self,
        from: &str,
        kind: LinkKind,
        to: &str,
        amount: f64,
        calendar: CalendarIndex,
    ) -> Sketch {
        self.bounded(Bound::Minimum, from, kind, to, Lag { amount, calendar })
    }

    pub(crate) fn bounded(
        mut self,
        bound: Bound,
        from: &str,
        kind: LinkKind,
        to: &str,
        lag: Lag,
    ) -> Sketch {
        let (from, to) = (self.index(from), self.index(to));
        self.network.links.push(Link { from, to, kind, lag, bound });
        self
    }

    pub(crate) fn constraint(mut self, name: &str, kind: ConstraintKind, at: At) -> Sketch {
        self.edit(name).constraints.push(Constraint { kind, at });
        self
    }

    pub(crate) fn progress(mut self, name: &str, progress: Progress) -> Sketch {
        self.edit(name).progress = progress;
        self
    }

    pub(crate) fn edit(&mut self, name: &str) -> &mut Activity {
        let index = self.index(name);
        &mut self.network.activities[index.index()]
    }

    pub(crate) fn index(&self, name: &str) -> ActivityIndex {
        let place = self.network.activities.iter().position(|activity| activity.name == name);
        ActivityIndex::from(place.unwrap())
    }

    pub(crate) fn compile(self) -> Compiled {
        self.network.compile().unwrap()
    }
}

pub(crate) const ANY_HORIZON: u32 = 400;

/// Random networks on three calendars with two teams; links only lead onwards.
pub(crate) fn any_network() -> impl Strategy<Value = Network> {
    let activity = (0_u32..3, 0_u32..12, 0_u32..3, 0_u32..3, proptest::option::of(0_i32..30));
    let link = (any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), 0_usize..4);
    let link = (link, -3_i32..6, 0_u32..3);
    (proptest::collection::vec(activity, 2..14), proptest::collection::vec(link, 0..20)).prop_map(
        |(activities, links)| {
            let mut network = Network::new(ANY_HORIZON, At::start_of(1));
            network.calendars = vec![
                Calendar::from_pattern(ANY_HORIZON, |slot| slot % 7 < 5).unwrap(),
                Calendar::elapsed(ANY_HORIZON).unwrap(),
                Calendar::from_pattern(ANY_HORIZON, |slot| slot % 5 != 2).unwrap(),
            ];
            network.teams =
                ["lab", "line"].map(|name| Team { name: name.to_owned(), capacity: 2 }).to_vec();
            for (index, (calendar, half_slots, lab, line, not_before)) in
                activities.into_iter().enumerate()
            {
                let estimate = Estimate::Fixed(f64::from(half_slots) / 2.0);
                let calendar = CalendarIndex::new(calendar);
                let mut activity = Activity::new(format!("a{index}"), calendar, estimate);
                activity.demands = [(0, lab), (1, line)]
                    .map(|(team, units)| Demand { team: TeamIndex::new(team), units })
                    .to_vec();
                activity.constraints.extend(not_before.map(|slot| Constraint {
                    kind: ConstraintKind::StartNoEarlierThan,
                    at: At::start_of(slot),
                }));
                network.activities.push(activity);
            }
            let kinds = [FS, SS, FF, SF];
            for ((from, to, kind), lag, calendar) in links {
                let count = network.activities.len();
                let (from, to) = (from.index(count), to.index(count));
                if from != to {
                    network.links.push(Link {
                        from: from.min(to).into(),
                        to: from.max(to).into(),
                        kind: kinds[kind],
                        lag: Lag { amount: f64::from(lag), calendar: CalendarIndex::new(calendar) },
                        bound: Bound::Minimum,
                    });
                }
            }
            network
        },
    )
}
