//! The network that is measured: about two links to each activity, from what
//! stands shortly before it; three calendars; PERT, lognormal and triangular
//! estimates; a lag on every tenth link.

use anyhow::Result;
use longlead_network::{
    Activity, ActivityIndex, At, Calendar, CalendarIndex, Estimate, Lag, Link, Network, SlotRange,
    WeekPattern,
};

const HORIZON_SLOTS: u32 = 6_000;
const ELAPSED: CalendarIndex = CalendarIndex::new(2);

pub(super) fn network(activities: u32) -> Result<Network> {
    let mut network = Network::new(HORIZON_SLOTS, At::start_of(10));
    network.calendars = calendars()?;
    let mut random = Random(42);
    for index in 0..activities {
        let calendar = CalendarIndex::new(random.below(3));
        let estimate = estimate(&mut random, index);
        network.activities.push(Activity::new(format!("activity-{index}"), calendar, estimate));
        // Wide enough for some thirty activities in a row, whatever the size.
        let reach = index.min(activities / 15);
        let mut before = None;
        for _ in 0..2.min(index) {
            let from = index - 1 - random.below(reach);
            if before.replace(from) != Some(from) {
                network.links.push(link(&mut random, from, index));
            }
        }
    }
    Ok(network)
}

fn estimate(random: &mut Random, index: u32) -> Estimate {
    let m = 2.0 + f64::from(random.below(800)) / 100.0;
    match index % 3 {
        0 => Estimate::Pert { a: 0.6 * m, m, b: 2.2 * m },
        1 => Estimate::Lognormal { p50: m, p90: 1.8 * m },
        _ => Estimate::Triangular { a: 0.7 * m, m, b: 1.9 * m },
    }
}

fn link(random: &mut Random, from: u32, to: u32) -> Link {
    let link = Link::finish_to_start(ActivityIndex::new(from), ActivityIndex::new(to));
    if random.below(10) > 0 {
        return link;
    }
    let amount = f64::from(1 + random.below(5));
    Link { lag: Lag { amount, calendar: ELAPSED }, ..link }
}

/// Monday to Friday with a break in December, Monday to Saturday with one in
/// February, and every day.
fn calendars() -> Result<Vec<Calendar>> {
    let yearly = |first: i64, days: i64| -> Vec<SlotRange> {
        let years = 0..=i64::from(HORIZON_SLOTS) / 365;
        years
            .map(|year| SlotRange { first: year * 365 + first, end: year * 365 + first + days })
            .collect()
    };
    let week = |working_weekdays, non_working| WeekPattern {
        working_weekdays,
        weekday_of_slot_zero: 4,
        non_working,
        working: Vec::new(),
    };
    let five = week([true, true, true, true, true, false, false], yearly(357, 5));
    let six = week([true, true, true, true, true, true, false], yearly(36, 10));
    Ok(vec![
        Calendar::from_week(HORIZON_SLOTS, &five)?,
        Calendar::from_week(HORIZON_SLOTS, &six)?,
        Calendar::elapsed(HORIZON_SLOTS)?,
    ])
}

/// Enough to shape a network: a linear congruential generator (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = self.0 >> 32;
        u32::try_from((high * u64::from(limit)) >> 32).unwrap_or(0)
    }
}
