//! What stands between the world and a reading: noise, resolution, and sensors that go wrong.

use crate::device::{Device, Revision};
use crate::draw::{Draws, Role};
use crate::span::{DAY, times, whole};

/// The sensors and the cell of a tracker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sensors {
    noise: Draws,
    resolution: f64,
    /// Degrees that every reading is off by.
    bias: f64,
    /// Degrees per day that are added from its activation on.
    drift: f64,
    /// From then on the temperature stays what it was.
    stuck_from: i64,
    activated: i64,
    cell_life: i64,
    seed_of_cell: Draws,
}

impl Sensors {
    pub(crate) fn of(device: &Device) -> Sensors {
        let draws = device.draws(Role::Sensor);
        let drifts = draws.is(1, 0.03);
        let sign = if draws.is(2, 0.5) { 1.0 } else { -1.0 };
        let sticks = draws.is(4, 0.02);
        let stuck_after = whole(draws.between(5, 5.0, 400.0) * DAY as f64);
        Sensors {
            noise: device.draws(Role::Noise),
            resolution: if device.revision == Revision::TrackerA { 0.25 } else { 0.1 },
            bias: 0.15 * draws.normal(0),
            drift: if drifts { sign * draws.between(3, 0.006, 0.03) } else { 0.0 },
            stuck_from: if sticks { device.activated + stuck_after } else { i64::MAX },
            activated: device.activated,
            cell_life: device.cell_life.max(1),
            seed_of_cell: device.draws(Role::Battery),
        }
    }

    /// Degrees Celsius as the probe tells them.
    pub(crate) fn temperature(&self, device: &Device, at: i64) -> f64 {
        let at = at.min(self.stuck_from);
        let drift = self.drift * times(at - self.activated, DAY);
        let true_one = device.truck.temperature(at);
        let told = true_one + self.bias + drift + 0.06 * self.noise_at(at, 0);
        libm::round(told / self.resolution) * self.resolution
    }

    /// Percent of relative humidity as it is told.
    pub(crate) fn humidity(&self, device: &Device, at: i64) -> f64 {
        let told = device.truck.humidity(at) + 1.2 * self.noise_at(at, 1);
        libm::round(2.0 * told).clamp(0.0, 200.0) / 2.0
    }

    /// Volts of the cell under load.
    pub(crate) fn battery(&self, device: &Device, at: i64) -> f64 {
        let age = at - self.activated;
        let used = times(age.rem_euclid(self.cell_life), self.cell_life);
        let left = 1.0 - used;
        // Flat for most of its life, with a knee at the end; the cold lowers it under load.
        let knee = if left < 0.12 { 7.0 * (0.12 - left) } else { 0.0 };
        let cold = 0.0025 * (20.0 - device.truck.temperature(at)).max(0.0);
        let own = 0.02 * self.seed_of_cell.normal(self.cells(at));
        (3.62 - 0.08 * used - knee - cold + own + 0.006 * self.noise_at(at, 2)).clamp(0.0, 5.0)
    }

    /// How many times the cell was filled again or replaced.
    pub(crate) fn cells(&self, at: i64) -> u64 {
        (at - self.activated).max(0).unsigned_abs() / self.cell_life.unsigned_abs()
    }

    /// Degrees of latitude and longitude and the radius in metres, as a position is told.
    pub(crate) fn position(&self, device: &Device, at: i64) -> (f64, f64, f64) {
        let (latitude, longitude) = device.truck.position(at);
        let accuracy = 6.0 + 20.0 * self.noise.of(at.unsigned_abs()).exponential(9, 1.0);
        // A degree of latitude is 111 km.
        let degrees = accuracy / 2.0 / 111_000.0;
        let north = degrees * self.noise_at(at, 3);
        let east = degrees * self.noise_at(at, 4);
        (latitude + north, longitude + east, accuracy)
    }

    fn noise_at(&self, at: i64, field: u64) -> f64 {
        self.noise.of(at.unsigned_abs()).normal(field)
    }
}
