//! When a device booted, and why.

use crate::device::Device;
use crate::draw::{Draws, Role};
use crate::span::{DAY, MINUTE, whole};

/// A boot of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boot {
    /// From 1 on.
    pub(crate) number: u64,
    pub(crate) at: i64,
    pub(crate) cause: &'static str,
}

/// The boots of a device, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Boots {
    draws: Draws,
    days: f64,
    updates: Vec<i64>,
    /// From this instant on a firmware runs that reboots twice as often.
    restless_from: i64,
    pub(crate) now: Boot,
    pub(crate) next: Boot,
}

impl Boots {
    pub(crate) fn first(device: &Device) -> Boots {
        let draws = device.draws(Role::Boot);
        let days = match device.revision {
            crate::Revision::TrackerA => 21.0,
            crate::Revision::TrackerB => 45.0,
            crate::Revision::GatewayA | crate::Revision::GatewayB => 60.0,
        };
        let updates = device.firmware.iter().skip(1).map(|(from, _)| *from).collect();
        let restless = device.firmware.iter().find(|(_, version)| *version == "4.1.0");
        let restless_from = restless.map_or(i64::MAX, |(from, _)| *from);
        let now = Boot { number: 1, at: device.activated, cause: "power-on" };
        let mut boots = Boots { draws, days, updates, restless_from, now, next: now };
        boots.next = boots.after(now);
        boots
    }

    /// With the boot that ran at an instant; the first if it is before that.
    pub(crate) fn at(device: &Device, at: i64) -> Boots {
        let mut boots = Boots::first(device);
        while boots.next.at <= at {
            boots.step();
        }
        boots
    }

    pub(crate) fn step(&mut self) {
        self.now = self.next;
        self.next = self.after(self.now);
    }

    fn after(&self, boot: Boot) -> Boot {
        let draws = self.draws.of(boot.number);
        let days = if boot.at >= self.restless_from { self.days / 2.0 } else { self.days };
        let lasted = whole(draws.exponential(0, days) * DAY as f64) + 10 * MINUTE;
        let (at, number) = (boot.at + lasted, boot.number + 1);
        match self.updates.iter().find(|update| boot.at < **update && **update <= at) {
            Some(update) => Boot { number, at: *update, cause: "update" },
            None => {
                let causes = ["watchdog", "watchdog", "brown-out", "power-on"];
                Boot { number, at, cause: draws.pick(1, &causes, "watchdog") }
            }
        }
    }
}
