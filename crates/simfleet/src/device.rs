//! Who is in the fleet: hardware, lot, market, and what is special about each device.

use std::sync::Arc;

use crate::draw::{Draws, Role};
use crate::environment::Truck;
use crate::span::{DAY, YEAR, midnight, whole};

/// Hardware revisions that are in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// Tracker rev A: recharged at the depot about once a year.
    TrackerA,
    /// Tracker rev B, with a primary cell.
    TrackerB,
    /// Gateway rev A.
    GatewayA,
    /// Gateway rev B.
    GatewayB,
}

impl Revision {
    /// Its id in the sample.
    pub fn as_str(self) -> &'static str {
        match self {
            Revision::TrackerA => "tracker-a",
            Revision::TrackerB => "tracker-b",
            Revision::GatewayA => "gateway-a",
            Revision::GatewayB => "gateway-b",
        }
    }

    /// The id of the product that it belongs to.
    pub fn product(self) -> &'static str {
        if self.is_tracker() { "tracker" } else { "gateway" }
    }

    /// Whether it rides with goods; otherwise it hangs in a warehouse, on the mains.
    pub fn is_tracker(self) -> bool {
        matches!(self, Revision::TrackerA | Revision::TrackerB)
    }

    fn serial_prefix(self) -> &'static str {
        match self {
            Revision::TrackerA => "CT-A",
            Revision::TrackerB => "CT-B",
            Revision::GatewayA => "CG-A",
            Revision::GatewayB => "CG-B",
        }
    }

    /// By its share of the sample's fleet: 18,600 to 41,200 to 2,300 to 850.
    fn at(place: f64) -> Revision {
        match place * 62_950.0 {
            ..18_600.0 => Revision::TrackerA,
            ..59_800.0 => Revision::TrackerB,
            ..62_100.0 => Revision::GatewayA,
            _ => Revision::GatewayB,
        }
    }

    /// Years that a cell lasts at a chilled temperature.
    fn battery_years(self) -> f64 {
        if self == Revision::TrackerA { 1.2 } else { 3.0 }
    }

    /// Readings that it stores while it sees no network.
    pub(crate) fn ring(self) -> usize {
        if self == Revision::TrackerA { 512 } else { 2048 }
    }
}

/// What was made in one go, of the same parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lot {
    /// Its name.
    pub id: &'static str,
    /// The hardware that it is of.
    pub revision: Revision,
    /// The build that it belongs to, where the sample has one.
    pub build: Option<&'static str>,
    /// When it was made, in microseconds since 1970.
    made: i64,
    /// Scale of its Weibull distribution of failure, in years.
    pub weibull_years: f64,
    /// Shape of that distribution: below 1, early failures; above 1, wear.
    pub weibull_shape: f64,
}

const fn lot(
    id: &'static str,
    revision: Revision,
    made: i64,
    (weibull_years, weibull_shape): (f64, f64),
) -> Lot {
    let build = match revision {
        Revision::TrackerB => Some("tracker-b-mp1"),
        _ => None,
    };
    Lot { id, revision, build, made, weibull_years, weibull_shape }
}

/// Every lot. The figures are made up, as the fleet is; `B-2620` is the one that went wrong.
pub const LOTS: &[Lot] = &[
    lot("A-2410", Revision::TrackerA, midnight(2024, 3, 4), (11.0, 1.2)),
    lot("A-2436", Revision::TrackerA, midnight(2024, 9, 2), (10.0, 1.3)),
    lot("A-2515", Revision::TrackerA, midnight(2025, 4, 7), (9.0, 1.2)),
    lot("A-2541", Revision::TrackerA, midnight(2025, 10, 6), (12.0, 1.1)),
    lot("B-2606", Revision::TrackerB, midnight(2026, 2, 2), (14.0, 1.1)),
    lot("B-2614", Revision::TrackerB, midnight(2026, 3, 30), (13.0, 1.2)),
    lot("B-2620", Revision::TrackerB, midnight(2026, 5, 11), (3.2, 0.8)),
    lot("B-2628", Revision::TrackerB, midnight(2026, 7, 6), (14.0, 1.1)),
    lot("B-2638", Revision::TrackerB, midnight(2026, 9, 14), (13.0, 1.2)),
    lot("GA-2403", Revision::GatewayA, midnight(2024, 1, 15), (24.0, 1.2)),
    lot("GA-2507", Revision::GatewayA, midnight(2025, 2, 10), (22.0, 1.3)),
    lot("GB-2638", Revision::GatewayB, midnight(2026, 9, 17), (30.0, 1.1)),
];

/// Why a device stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A fault of the hardware.
    Hardware,
    /// Its primary cell is empty.
    Battery,
}

impl Cause {
    /// Its word in the registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Hardware => "hardware",
            Cause::Battery => "battery",
        }
    }
}

/// Where a device was sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Market {
    /// The United States.
    Us,
    /// The European Union.
    Eu,
    /// The United Kingdom.
    Uk,
}

impl Market {
    /// Its id in the sample.
    pub fn as_str(self) -> &'static str {
        match self {
            Market::Us => "us",
            Market::Eu => "eu",
            Market::Uk => "uk",
        }
    }

    /// Made-up names of carriers.
    fn carriers(self) -> [&'static str; 2] {
        match self {
            Market::Us => ["Prairie Wireless", "Coastline"],
            Market::Eu => ["Rhenus Mobil", "Coastline"],
            Market::Uk => ["Albion IoT", "Coastline"],
        }
    }
}

/// A device with everything about it that never changes.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) seed: u64,
    pub(crate) index: u32,
    pub(crate) serial: Arc<str>,
    pub(crate) revision: Revision,
    pub(crate) lot: Lot,
    pub(crate) truck: Truck,
    pub(crate) carrier: &'static str,
    pub(crate) made: i64,
    pub(crate) shipped: i64,
    pub(crate) activated: i64,
    pub(crate) failed: i64,
    pub(crate) cause: Cause,
    /// How long a cell lasts, in microseconds.
    pub(crate) cell_life: i64,
    /// Firmware with the instant from which on it ran, the first from the factory.
    pub(crate) firmware: Vec<(i64, &'static str)>,
    /// Whether it is one of the few trackers that carry a light sensor on trial.
    pub(crate) has_light: bool,
}

impl Device {
    pub(crate) fn new(seed: u64, index: u32) -> Device {
        // Multiples of the golden ratio spread evenly, so a fleet of any size has the right mix.
        let place = f64::from(index) * 0.618_033_988_749_894_9 + 0.31;
        let revision = Revision::at(place - libm::floor(place));
        let draws = Draws::new(seed, Role::Origin, index);
        let lot = lot_of(revision, draws);
        let truck = Truck::of(seed, index);
        let made = lot.made + whole(draws.between(1, 0.0, 25.0) * DAY as f64);
        let shipped = made + whole(draws.between(2, 5.0, 20.0) * DAY as f64);
        let activated = shipped + whole(draws.between(3, 12.0, 50.0) * DAY as f64);
        let spread = Draws::new(seed, Role::Battery, index).between(0, 0.8, 1.2);
        let years = revision.battery_years() * truck.cargo.battery_factor() * spread;
        let cell_life = whole(years * YEAR as f64);
        let failure = Draws::new(seed, Role::Failure, index);
        let years = failure.weibull(0, lot.weibull_years, lot.weibull_shape);
        let broken = activated.saturating_add(whole(years * YEAR as f64));
        let empty = match revision {
            Revision::TrackerB => activated.saturating_add(cell_life),
            _ => i64::MAX,
        };
        let cause = if empty < broken { Cause::Battery } else { Cause::Hardware };
        Device {
            seed,
            index,
            serial: format!("{}-{:06}", revision.serial_prefix(), index + 1).into(),
            revision,
            lot,
            carrier: draws.pick(4, &truck.market.carriers(), "Coastline"),
            truck,
            made,
            shipped,
            activated,
            failed: broken.min(empty),
            cause,
            cell_life,
            firmware: firmware_of(seed, index, revision, made),
            has_light: revision == Revision::TrackerB && draws.is(5, 0.03),
        }
    }

    pub(crate) fn draws(&self, role: Role) -> Draws {
        Draws::new(self.seed, role, self.index)
    }

    /// What it ran at an instant.
    pub(crate) fn firmware_at(&self, at: i64) -> &'static str {
        let ran = self.firmware.iter().rev().find(|(from, _)| *from <= at);
        ran.or(self.firmware.first()).map_or("", |(_, version)| version)
    }
}

fn lot_of(revision: Revision, draws: Draws) -> Lot {
    let mut lots = LOTS.iter().filter(|lot| lot.revision == revision);
    let count = lots.clone().count().max(1) as u64;
    let place = usize::try_from(draws.bits(0) % count).unwrap_or(0);
    lots.nth(place).copied().unwrap_or(LOTS[0])
}

/// What the factory put on it, and the updates that reached it. `reach` is the share of devices
/// that an update reaches at all, as the sample has it.
fn firmware_of(seed: u64, index: u32, revision: Revision, made: i64) -> Vec<(i64, &'static str)> {
    let (releases, reach): (&[(i64, &'static str)], f64) = match revision {
        Revision::TrackerA => (
            &[(0, "3.9.2"), (midnight(2026, 3, 16), "4.0.1"), (midnight(2026, 11, 2), "4.1.0")],
            0.86,
        ),
        Revision::TrackerB => (
            &[(0, "4.0.0"), (midnight(2026, 3, 16), "4.0.1"), (midnight(2026, 11, 2), "4.1.0")],
            0.93,
        ),
        Revision::GatewayA | Revision::GatewayB => {
            (&[(0, "2.6.0"), (midnight(2026, 8, 10), "2.7.1")], 0.97)
        }
    };
    let draws = Draws::new(seed, Role::Update, index);
    let mut firmware: Vec<(i64, &'static str)> = Vec::new();
    for ((released, version), place) in releases.iter().zip(0_u64..) {
        if *released <= made {
            firmware = vec![(made, *version)];
        } else if draws.is(2 * place, reach) {
            let waited = whole(draws.exponential(2 * place + 1, 12.0) * DAY as f64);
            let from = (released + waited).max(made + 30 * DAY);
            // A device that was slow to take a release goes straight to the next.
            firmware.retain(|(earlier, _)| *earlier < from);
            firmware.push((from, *version));
        }
    }
    firmware
}
