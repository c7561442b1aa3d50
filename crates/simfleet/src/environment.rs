//! The world around a device: the truck, its cargo, its doors, the weather and the road. Trackers
//! of one truck share it.

use crate::device::Market;
use crate::draw::{Draws, Role};
use crate::span::{DAY, HOUR, MINUTE, SECOND, YEAR, times, whole};

/// Trackers that ride together.
const TRACKERS_PER_TRUCK: u32 = 4;

/// What a truck carries, and so how cold it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cargo {
    Frozen,
    Chilled,
    Medicine,
}

impl Cargo {
    fn set_point(self) -> f64 {
        match self {
            Cargo::Frozen => -18.0,
            Cargo::Chilled => 4.0,
            Cargo::Medicine => 18.0,
        }
    }

    /// A cell gives less in the cold.
    pub(crate) fn battery_factor(self) -> f64 {
        match self {
            Cargo::Frozen => 0.7,
            Cargo::Chilled => 1.0,
            Cargo::Medicine => 1.08,
        }
    }
}

/// A truck, or the warehouse that a gateway hangs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truck {
    seed: u64,
    index: u32,
    pub(crate) cargo: Cargo,
    pub(crate) market: Market,
}

/// A door that stood open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Tells it from every other of the truck.
    pub(crate) number: u64,
}

/// A day on the road has so many slots, with at most one opening in each.
const SLOTS: u64 = 8;
const SLOT: i64 = 90 * MINUTE;
/// Local time at which trucks set off.
const MORNING: i64 = 6 * HOUR;
/// How long an opening can still be felt.
const FELT: i64 = 3 * HOUR;

impl Truck {
    pub(crate) fn of(seed: u64, device: u32) -> Truck {
        let index = device / TRACKERS_PER_TRUCK;
        let draws = Draws::new(seed, Role::Truck, index);
        let cargo = match draws.unit(0) {
            ..0.25 => Cargo::Frozen,
            ..0.8 => Cargo::Chilled,
            _ => Cargo::Medicine,
        };
        let market = match draws.unit(1) {
            ..0.35 => Market::Us,
            ..0.8 => Market::Eu,
            _ => Market::Uk,
        };
        Truck { seed, index, cargo, market }
    }

    fn draws(&self, role: Role) -> Draws {
        Draws::new(self.seed, role, self.index)
    }

    /// How far local time is ahead of UTC. Summer time is left out.
    fn ahead(&self) -> i64 {
        match self.market {
            Market::Us => -6 * HOUR,
            Market::Eu => HOUR,
            Market::Uk => 0,
        }
    }

    /// The local day that an instant is in, since 1970.
    pub(crate) fn day(&self, at: i64) -> i64 {
        (at + self.ahead()).div_euclid(DAY)
    }

    /// Whether it is on the road: trucks rest on Sundays. Day 0 was a Thursday.
    fn drives(day: i64) -> bool {
        (day + 3).rem_euclid(7) != 6
    }

    /// The openings of a local day, in order.
    pub(crate) fn openings(&self, day: i64) -> impl Iterator<Item = Opening> {
        let draws = self.draws(Role::Door).of(day.unsigned_abs());
        let begin = day * DAY - self.ahead() + MORNING;
        let slots = if Truck::drives(day) { SLOTS } else { 0 };
        (0..slots).zip(0_i64..).filter_map(move |(slot, place)| {
            let first = 3 * slot;
            draws.is(first, 0.45).then(|| {
                let wait = whole(draws.between(first + 1, 0.0, 60.0 * MINUTE as f64));
                let from = begin + place * SLOT + wait;
                let open = whole(draws.between(first + 2, 2.0, 25.0) * MINUTE as f64);
                Opening { from, to: from + open, number: day.unsigned_abs() * SLOTS + slot }
            })
        })
    }

    /// Degrees Celsius outside.
    fn outside(&self, at: i64) -> f64 {
        let local = at + self.ahead();
        // Coldest in mid-January, and before dawn.
        let season = -libm::cos(std::f64::consts::TAU * (times(local, YEAR) - 0.04));
        let hour = -libm::cos(std::f64::consts::TAU * (times(local, DAY) - 0.17));
        let draws = self.draws(Role::Route).of(self.day(at).unsigned_abs());
        11.0 + 10.0 * season + 4.0 * hour + 3.0 * draws.normal(0)
    }

    /// Degrees Celsius around the goods.
    pub(crate) fn temperature(&self, at: i64) -> f64 {
        let set_point = self.cargo.set_point();
        let outside = self.outside(at);
        let draws = self.draws(Role::Truck);
        // The refrigerator runs in cycles, and is never quite in balance with the walls.
        let cycle = draws.between(2, 35.0, 50.0) * MINUTE as f64;
        let running = 0.8 * libm::sin(std::f64::consts::TAU * crate::span::float(at) / cycle);
        let steady = set_point + 0.03 * (outside - set_point) + running;
        steady + self.warmed_by_doors(at, outside - steady) + self.excursion(at)
    }

    /// Air comes in while a door is open, and is cooled down again after.
    fn warmed_by_doors(&self, at: i64, difference: f64) -> f64 {
        let share: f64 = self
            .openings(self.day(at))
            .filter(|opening| opening.from <= at && at - opening.to < FELT)
            .map(|opening| {
                let open = times(opening.to.min(at) - opening.from, 20 * MINUTE);
                let since = times((at - opening.to).max(0), 25 * MINUTE);
                (1.0 - libm::exp(-open)) * libm::exp(-since)
            })
            .sum();
        share.min(0.9) * difference
    }

    /// Now and then a refrigerator fails for some hours.
    fn excursion(&self, at: i64) -> f64 {
        let draws = self.draws(Role::Excursion).of(self.day(at).unsigned_abs());
        if !draws.is(0, 0.004) {
            return 0.0;
        }
        let local = (at + self.ahead()).rem_euclid(DAY);
        let begin = whole(draws.between(1, 6.0, 18.0) * HOUR as f64);
        let within = times(local - begin, 4 * HOUR);
        if !(0.0..1.0).contains(&within) {
            return 0.0;
        }
        draws.between(2, 5.0, 12.0) * libm::sin(std::f64::consts::PI * within)
    }

    /// Percent of relative humidity.
    pub(crate) fn humidity(&self, at: i64) -> f64 {
        let day = libm::sin(std::f64::consts::TAU * times(at + self.ahead(), DAY));
        let outside = 6.0 * self.draws(Role::Route).of(self.day(at).unsigned_abs()).normal(1);
        let doors = 0.8 * self.warmed_by_doors(at, 15.0);
        (58.0 + 4.0 * day + outside + doors).clamp(5.0, 98.0)
    }

    /// Lux at the goods.
    pub(crate) fn light(&self, at: i64) -> f64 {
        let is_open = self.openings(self.day(at)).any(|it| it.from <= at && at < it.to);
        if is_open { 180.0 + 8.0 * (self.outside(at) + 20.0).max(0.0) } else { 0.0 }
    }

    /// Latitude and longitude in degrees.
    pub(crate) fn position(&self, at: i64) -> (f64, f64) {
        let day = self.day(at);
        let (from, to) = (self.city(day), self.city(day + 1));
        let local = (at + self.ahead()).rem_euclid(DAY);
        let share = if Truck::drives(day) {
            times(local - MORNING, i64::try_from(SLOTS).unwrap_or(8) * SLOT).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
    }

    /// Where it is in the morning of a day: the last day on the road decides.
    fn city(&self, day: i64) -> (f64, f64) {
        const US: [(f64, f64); 5] =
            [(41.88, -87.63), (39.77, -86.16), (38.63, -90.20), (39.10, -94.58), (44.98, -93.27)];
        const EU: [(f64, f64); 5] =
            [(52.52, 13.40), (48.14, 11.58), (50.11, 8.68), (53.55, 9.99), (51.22, 4.40)];
        const UK: [(f64, f64); 4] =
            [(51.51, -0.13), (53.48, -2.24), (52.49, -1.89), (53.80, -1.55)];
        let cities: &[(f64, f64)] = match self.market {
            Market::Us => &US,
            Market::Eu => &EU,
            Market::Uk => &UK,
        };
        let day = if Truck::drives(day - 1) { day } else { day - 1 };
        self.draws(Role::Route).of(day.unsigned_abs()).pick(2, cities, (0.0, 0.0))
    }
}

/// The hardest knock of an opening, in g: doors bang.
pub(crate) fn shock(draws: Draws, opening: Opening) -> f64 {
    0.4 + draws.exponential(opening.number, 1.1).min(40.0)
}

/// A moment after the door moved, the light sensor tells.
pub(crate) const LIGHT_LAG: i64 = 2 * SECOND;
