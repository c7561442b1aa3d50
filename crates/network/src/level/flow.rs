//! Resource links: who hands a team on to whom.
//!
//! The units of a team flow from activity to activity (the flow network of Artigues,
//! Michelon and Reusser 2003, "Insertion techniques for static and dynamic
//! resource-constrained project scheduling"). Any schedule that keeps the links of a flow
//! keeps the capacities, however long the activities turn out to take.

use std::collections::HashSet;

use crate::{
    compile::{Compiled, NodeState},
    index::{ActivityIndex, TeamIndex},
    level::{Placed, profile::units_of},
    link::{Bound, Link, LinkKind},
    time::{At, Span},
};

/// Units that an activity holds, free for others from its finish on.
struct Holding {
    holder: ActivityIndex,
    free_from: At,
    units: u32,
}

pub(super) fn resource_links(compiled: &Compiled, work: &[Span], placed: &[Placed]) -> Vec<Link> {
    let mut handovers = Handovers::new(compiled);
    for team in 0..compiled.network().teams.len() {
        hand_on(compiled, TeamIndex::from(team), work, placed, &mut handovers);
    }
    handovers.links
}

/// Lets the units of one team flow through its activities in the order of their starts.
fn hand_on(
    compiled: &Compiled,
    team: TeamIndex,
    work: &[Span],
    placed: &[Placed],
    handovers: &mut Handovers,
) {
    let mut unused = compiled.network().teams[team.index()].capacity;
    let mut holdings: Vec<Holding> = Vec::new();
    for (taker, units) in takers(compiled, team, work, placed) {
        let start = placed[taker.index()].start;
        let mut missing = units;
        // First from those whom it follows anyway, then units never used, then from those
        // who were done first. Takers come in the order of their starts, so what is free for
        // this one is free for every later one too; and of all ways to pair those who are
        // done with those who start, first with first leaves the most time between the two
        // that are closest. So the least waits if work takes longer than planned.
        holdings
            .sort_by_key(|holding| (!handovers.follows(holding.holder, taker), holding.free_from));
        let free = |holding: &&mut Holding| holding.free_from <= start;
        for holding in holdings.iter_mut().filter(free) {
            let follows = handovers.follows(holding.holder, taker);
            if !follows {
                let from_unused = missing.min(unused);
                unused -= from_unused;
                missing -= from_unused;
            }
            let taken = missing.min(holding.units);
            if taken > 0 && (follows || handovers.link(compiled, holding.holder, taker)) {
                holding.units -= taken;
                missing -= taken;
            }
        }
        let from_unused = missing.min(unused);
        unused -= from_unused;
        missing -= from_unused;
        holdings.retain(|holding| holding.units > 0);
        let free_from = placed[taker.index()].finish;
        holdings.push(Holding { holder: taker, free_from, units: units - missing });
    }
}

/// Unfinished activities that use the team, in the order of their starts, with their units.
fn takers(
    compiled: &Compiled,
    team: TeamIndex,
    work: &[Span],
    placed: &[Placed],
) -> Vec<(ActivityIndex, u32)> {
    let mut takers = Vec::new();
    for (position, node) in compiled.nodes().iter().enumerate() {
        let demands = &compiled.network().activities[node.activity.index()].demands;
        let units = units_of(team, demands);
        let finished = matches!(node.state, NodeState::Finished { .. });
        if units > 0 && work[position] > Span::ZERO && !finished {
            takers.push((node.activity, units));
        }
    }
    takers.sort_by(|(a, _), (b, _)| {
        let key = |index: &ActivityIndex| {
            let activity = &compiled.network().activities[index.index()];
            (placed[index.index()].start, activity.name.as_str())
        };
        key(a).cmp(&key(b))
    });
    takers
}

/// The resource links so far.
struct Handovers {
    links: Vec<Link>,
    /// Pairs in which the second starts only after the first has finished, by a link.
    ordered: HashSet<(ActivityIndex, ActivityIndex)>,
    /// For each activity those that it holds back, by links of any kind.
    successors: Vec<Vec<ActivityIndex>>,
    /// Whether a handover could close a cycle. Along links from which a later start follows
    /// it can't, since it leads to a later start itself.
    may_close_cycle: bool,
    /// For each activity the last search that met it.
    met_by: Vec<usize>,
    searches: usize,
}

impl Handovers {
    fn new(compiled: &Compiled) -> Handovers {
        let network = compiled.network();
        let mut handovers = Handovers {
            links: Vec::new(),
            ordered: HashSet::new(),
            successors: vec![Vec::new(); network.activities.len()],
            may_close_cycle: false,
            met_by: vec![0; network.activities.len()],
            searches: 0,
        };
        for link in network.links.iter().filter(|link| link.bound == Bound::Minimum) {
            handovers.successors[link.from.index()].push(link.to);
            let lengthens = link.lag.amount >= 0.0;
            if lengthens && link.kind == LinkKind::FinishToStart {
                handovers.ordered.insert((link.from, link.to));
            }
            handovers.may_close_cycle |= !lengthens || link.kind.enters_finish();
        }
        handovers
    }

    fn follows(&self, first: ActivityIndex, second: ActivityIndex) -> bool {
        self.ordered.contains(&(first, second))
    }

    /// Adds a link, unless it would close a cycle.
    fn link(&mut self, compiled: &Compiled, from: ActivityIndex, to: ActivityIndex) -> bool {
        if self.may_close_cycle && self.reaches(to, from) {
            return false;
        }
        let mut link = Link::finish_to_start(from, to);
        link.lag.calendar = compiled.network().activities[to.index()].calendar;
        self.links.push(link);
        self.ordered.insert((from, to));
        self.successors[from.index()].push(to);
        true
    }

    fn reaches(&mut self, from: ActivityIndex, to: ActivityIndex) -> bool {
        self.searches += 1;
        let mut open = vec![from];
        while let Some(activity) = open.pop() {
            if activity == to {
                return true;
            }
            for &next in &self.successors[activity.index()] {
                let met_by = &mut self.met_by[next.index()];
                if *met_by != self.searches {
                    *met_by = self.searches;
                    open.push(next);
                }
            }
        }
        false
    }
}
