//! Coverage: where a device has a network, where it has half of one, and where it has none.

use crate::device::Device;
use crate::draw::{Draws, Role};
use crate::span::{DAY, HOUR, MINUTE, SECOND, whole};

/// How well a device is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    Good,
    /// Every other attempt fails.
    Weak,
    Lost,
}

/// A stretch of time with the same coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) coverage: Coverage,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) number: u64,
}

/// Whatever was stored has arrived, and arrived again, so long after good coverage began.
const SETTLED: i64 = 40 * MINUTE;

/// The shortest window: long enough for what was stored to go out within it.
const WINDOW_MIN: i64 = 10 * MINUTE;

/// A network holds a message back for no longer.
pub(crate) const HELD_MAX: i64 = 25 * MINUTE;

/// The windows of a device, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    draws: Draws,
    is_tracker: bool,
    pub(crate) now: Window,
}

impl Windows {
    /// From the first, which is good: a device is activated where it has a network.
    pub(crate) fn first(device: &Device) -> Windows {
        let draws = device.draws(Role::Coverage);
        let is_tracker = device.revision.is_tracker();
        let from = device.activated;
        let now = Window { coverage: Coverage::Good, from, to: from + 2 * HOUR, number: 0 };
        Windows { draws, is_tracker, now }
    }

    /// From the last good window that had settled at an instant: nothing is stored there, so
    /// nothing before it needs to be known.
    pub(crate) fn settled(device: &Device, at: i64) -> Windows {
        let mut windows = Windows::first(device);
        let mut settled = windows.clone();
        while windows.now.from.saturating_add(SETTLED) <= at {
            if windows.now.coverage == Coverage::Good {
                settled = windows.clone();
            }
            windows.step();
        }
        settled
    }

    pub(crate) fn step(&mut self) {
        let number = self.now.number + 1;
        let draws = self.draws.of(number);
        let (lost, weak) = if self.is_tracker { (0.12, 0.34) } else { (0.02, 0.08) };
        let (coverage, mean) = match draws.unit(0) {
            place if place < lost && draws.is(2, 0.015) => (Coverage::Lost, 6 * DAY),
            place if place < lost => (Coverage::Lost, 3 * HOUR),
            place if place < weak => (Coverage::Weak, 90 * MINUTE),
            _ => (Coverage::Good, 9 * HOUR),
        };
        let long = draws.exponential(1, crate::span::float(mean));
        let from = self.now.to;
        let to = from + WINDOW_MIN + whole(long).min(30 * DAY);
        self.now = Window { coverage, from, to, number };
    }
}

impl Window {
    /// Signal strength in dBm.
    pub(crate) fn strength(&self, draws: Draws) -> i64 {
        let middle = match self.coverage {
            Coverage::Good => -84.0,
            Coverage::Weak => -112.0,
            Coverage::Lost => -128.0,
        };
        whole((middle + 7.0 * draws.normal(self.number)).max(-140.0))
    }
}

/// Between two readings of a burst.
pub(crate) const BURST_STEP: i64 = 20 * (SECOND / 1000);
