//! All that is worked out before the first sample.

use super::{
    crossing::CrossingTable,
    forward::NEVER,
    work::{Causes, Work},
};
use crate::{
    calendar::{Calendar, CalendarError, Conversion},
    compile::{Compiled, Crossing, Edge, Node},
    draw::Row,
    quantile::{Layout, TICKS_MAX},
    time::{self, Side},
};

/// The network in 32 bits, with a sampler for each activity.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    pub(super) compiled: &'a Compiled,
    pub(super) causes: Causes,
    /// By position.
    pub(super) works: Vec<Work>,
    pub(super) floors: Vec<Floors>,
    /// Activities whose finish can be fixed otherwise than by their start.
    pub(super) bounded_finish: Vec<bool>,
    /// Which ends of a gap start and finish mean when they are told.
    pub(super) sides: Vec<Sides>,
    /// In the order of [`Compiled::edges`].
    pub(super) edges: Vec<Way>,
    /// In the order of [`Compiled::maximum_edges`].
    pub(super) maximum_edges: Vec<Way>,
    pub(super) tables: Vec<CrossingTable>,
    /// By calendar: from its coordinate to elapsed time.
    pub(super) elapsed: Vec<CrossingTable>,
}

/// The fixed bounds of an activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floors {
    pub(super) start: i32,
    /// [`NEVER`] without one.
    pub(super) finish: i32,
}

/// The ends of a gap at which an activity is said to start and to finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) start: Side,
    pub(super) finish: Side,
}

/// An edge with its route in 32 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) leaves_start: bool,
    pub(super) enters_finish: bool,
    first: Option<Crossing>,
    lag: i32,
    second: Option<Crossing>,
}

impl<'a> Recipe<'a> {
    pub(super) fn new(compiled: &'a Compiled, seed: u64) -> Result<Recipe<'a>, CalendarError> {
        let layout = Layout::new();
        let nodes = compiled.nodes();
        let elapsed = Calendar::elapsed(compiled.network().horizon_slots)?;
        let calendars = &compiled.network().calendars;
        let works = works(compiled, &layout, seed);
        let floors: Vec<Floors> = nodes.iter().map(Floors::new).collect();
        let edges: Vec<Way> = compiled.edges().iter().map(Way::new).collect();
        let maximum_edges: Vec<Way> = compiled.maximum_edges().iter().map(Way::new).collect();
        let to_elapsed = |calendar| CrossingTable::new(&Conversion::between(calendar, &elapsed));
        Ok(Recipe {
            compiled,
            causes: Causes::new(compiled, &layout, seed),
            bounded_finish: bounded_finish(&floors, edges.iter().chain(&maximum_edges)),
            sides: sides(&works, &floors, edges.iter().chain(&maximum_edges)),
            works,
            floors,
            edges,
            maximum_edges,
            tables: compiled.conversions().iter().map(CrossingTable::new).collect(),
            elapsed: calendars.iter().map(to_elapsed).collect(),
        })
    }

    /// The edges that enter a position.
    pub(super) fn incoming(&self, position: usize) -> &[Way] {
        &self.edges[self.compiled.incoming_range(position)]
    }

    /// From the calendar of the activity at `position` to elapsed time.
    pub(super) fn to_elapsed(&self, position: usize) -> &CrossingTable {
        &self.elapsed[self.compiled.nodes()[position].calendar.index()]
    }

    /// Activities in the network.
    pub(super) fn len(&self) -> usize {
        self.works.len()
    }
}

fn works(compiled: &Compiled, layout: &Layout, seed: u64) -> Vec<Work> {
    compiled.nodes().iter().map(|node| Work::new(compiled, node, layout, seed)).collect()
}

fn bounded_finish<'a>(floors: &[Floors], ways: impl Iterator<Item = &'a Way>) -> Vec<bool> {
    let mut bounded: Vec<bool> = floors.iter().map(|floors| floors.finish != NEVER).collect();
    for way in ways.filter(|way| way.enters_finish) {
        bounded[way.to] = true;
    }
    bounded
}

/// A milestone is one instant, so its start and its finish take the same end of a gap. Which
/// one the deterministic pass decides by what drives the date; that can change from sample to
/// sample, so here it is the beginning of the gap if a finish, or a bound on its own finish,
/// can drive the date at all, and the end of the gap otherwise.
fn sides<'a>(works: &[Work], floors: &[Floors], ways: impl Iterator<Item = &'a Way>) -> Vec<Sides> {
    let mut follows_finish: Vec<bool> = floors.iter().map(|it| it.finish != NEVER).collect();
    for way in ways.filter(|way| !way.leaves_start) {
        follows_finish[way.to] = true;
    }
    let sides = works.iter().zip(follows_finish).map(|(work, follows_finish)| {
        match (work.is_nothing(), follows_finish) {
            (false, _) => Sides { start: Side::Start, finish: Side::Finish },
            (true, true) => Sides { start: Side::Finish, finish: Side::Finish },
            (true, false) => Sides { start: Side::Start, finish: Side::Start },
        }
    });
    sides.collect()
}

impl Floors {
    fn new(node: &Node) -> Floors {
        Floors {
            start: coordinate(node.start_floor),
            finish: node.finish_floor.map_or(NEVER, |(finish, _)| coordinate(finish)),
        }
    }
}

/// A coordinate in 32 bits.
pub(super) fn coordinate(work: time::Work) -> i32 {
    work.ticks().clamp(-i64::from(TICKS_MAX), i64::from(TICKS_MAX)) as i32
}

impl Way {
    fn new(edge: &Edge) -> Way {
        Way {
            from: edge.from as usize,
            to: edge.to as usize,
            leaves_start: edge.kind.leaves_start(),
            enters_finish: edge.kind.enters_finish(),
            first: edge.route.first,
            lag: edge.route.lag.ticks() as i32,
            second: edge.route.second,
        }
    }

    /// Raises `bound` to where the events of the predecessor arrive.
    #[inline]
    pub(super) fn raise(&self, tables: &[CrossingTable], events: &Row<i32>, bound: &mut Row<i32>) {
        match (self.first, self.second) {
            (None, None) => {
                for (bound, event) in bound.iter_mut().zip(events) {
                    *bound = (*event + self.lag).max(*bound);
                }
            }
            (Some(crossing), None) => {
                let table = &tables[crossing.there as usize];
                table.raise_row(events, crossing.side, self.lag, bound);
            }
            (_, Some(_)) => {
                let mut arrivals = *events;
                self.carry(tables, &mut arrivals);
                for (bound, arrival) in bound.iter_mut().zip(&arrivals) {
                    *bound = (*arrival).max(*bound);
                }
            }
        }
    }

    /// Where the events of the predecessor arrive.
    pub(super) fn carry(&self, tables: &[CrossingTable], events: &mut Row<i32>) {
        if let Some(crossing) = self.first {
            tables[crossing.there as usize].carry_row(events, crossing.side);
        }
        self.add_lag(events, self.lag);
        if let Some(crossing) = self.second {
            tables[crossing.there as usize].carry_row(events, crossing.side);
        }
    }

    /// The latest events of the predecessor that arrive no later than the bounds.
    pub(super) fn latest_before(&self, tables: &[CrossingTable], bounds: &mut Row<i32>) {
        if let Some(crossing) = self.second {
            tables[crossing.back as usize].latest_before_row(bounds, crossing.side);
        }
        self.add_lag(bounds, -self.lag);
        if let Some(crossing) = self.first {
            tables[crossing.back as usize].latest_before_row(bounds, crossing.side);
        }
    }

    fn add_lag(&self, events: &mut Row<i32>, lag: i32) {
        if lag != 0 {
            for event in events {
                *event = (*event + lag).clamp(-TICKS_MAX, TICKS_MAX);
            }
        }
    }
}
