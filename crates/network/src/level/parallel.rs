//! Parallel schedule generation.

use std::collections::BTreeMap;

use crate::{
    activity::Demand,
    calendar::Calendar,
    level::{Task, profile::Profiles},
    time::{At, Work},
};

/// Starts by position: time moves on from one decision instant to the next, and at each all
/// activities that can start then do, the preferred ones first.
pub(super) fn generate(task: &Task) -> Vec<Work> {
    let mut generation = Generation::new(task);
    let mut now = At::from_ticks(i64::MIN);
    while let Some(next) = generation.start_all_possible(now) {
        now = next;
    }
    generation.starts
}

struct Generation<'a> {
    task: &'a Task<'a>,
    profiles: Profiles,
    starts: Vec<Work>,
    waiting_for: Vec<usize>,
    /// Activities whose predecessors are placed, by rank: position and earliest start.
    eligible: BTreeMap<u32, (usize, Work)>,
}

impl<'a> Generation<'a> {
    fn new(task: &'a Task<'a>) -> Generation<'a> {
        let compiled = task.compiled;
        let count = compiled.nodes().len();
        let mut generation = Generation {
            task,
            profiles: task.profiles(),
            starts: vec![Work::ZERO; count],
            waiting_for: (0..count).map(|position| compiled.incoming(position).len()).collect(),
            eligible: BTreeMap::new(),
        };
        for position in 0..count {
            if generation.waiting_for[position] == 0 {
                generation.make_eligible(position);
            }
        }
        generation
    }

    /// Starts what can start at `now`; the next instant at which something may.
    fn start_all_possible(&mut self, now: At) -> Option<At> {
        loop {
            let mut next: Option<At> = None;
            let mut placed = None;
            for (&rank, &(position, earliest)) in &self.eligible {
                match self.chance(position, earliest, now) {
                    Chance::Now(start) => {
                        placed = Some((rank, position, start));
                        break;
                    }
                    Chance::NotBefore(at) => next = Some(next.map_or(at, |next| next.min(at))),
                }
            }
            let Some((rank, position, start)) = placed else {
                return next;
            };
            self.eligible.remove(&rank);
            self.place(position, start);
        }
    }

    fn chance(&self, position: usize, earliest: Work, now: At) -> Chance {
        // What needs no team has nothing to decide: it starts as early as it can.
        if self.task.needs_no_team(position) {
            return Chance::Now(earliest);
        }
        let (calendar, demands) = self.terms(position);
        let start = if calendar.start_at(earliest) >= now { earliest } else { calendar.work(now) };
        let at = calendar.start_at(start);
        if at > now {
            return Chance::NotBefore(at);
        }
        match self.profiles.conflict(calendar, start, self.task.work[position], demands) {
            None => Chance::Now(start),
            // A conflict ends at a change of use, so there always is one to wait for.
            Some(later) => Chance::NotBefore(
                self.profiles.next_change(now, demands).unwrap_or(calendar.start_at(later)),
            ),
        }
    }

    fn place(&mut self, position: usize, start: Work) {
        if !self.task.needs_no_team(position) {
            let (calendar, demands) = self.terms(position);
            self.profiles.reserve(calendar, start, self.task.work[position], demands);
        }
        self.starts[position] = start;
        let compiled = self.task.compiled;
        for &edge in compiled.outgoing(position) {
            let to = compiled.edges()[edge as usize].to as usize;
            self.waiting_for[to] -= 1;
            if self.waiting_for[to] == 0 {
                self.make_eligible(to);
            }
        }
    }

    fn make_eligible(&mut self, position: usize) {
        let earliest = self.task.earliest(position, &self.starts);
        self.eligible.insert(self.task.priorities.rank(position), (position, earliest));
    }

    fn terms(&self, position: usize) -> (&'a Calendar, &'a [Demand]) {
        let network = self.task.compiled.network();
        let node = &self.task.compiled.nodes()[position];
        let calendar = &network.calendars[node.calendar.index()];
        (calendar, &network.activities[node.activity.index()].demands)
    }
}

/// Whether an activity can start at the present instant.
enum Chance {
    Now(Work),
    NotBefore(At),
}
