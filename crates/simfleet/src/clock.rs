//! What a device believes the time is.

use crate::boot::Boot;
use crate::device::Device;
use crate::draw::{Draws, Role};
use crate::span::{DAY, HOUR, SECOND, float, whole};

/// So long after it sees a network, a device has set its clock.
const SETTING: i64 = 60 * SECOND;

/// A clock that drifts, that loses the date in some boots, and that steps back in some.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    draws: Draws,
    /// Parts of a million that it runs fast.
    fast: f64,
}

impl Clock {
    pub(crate) fn of(device: &Device) -> Clock {
        let draws = device.draws(Role::Clock);
        Clock { draws, fast: 18.0 * draws.normal(0) }
    }

    /// What it shows at an instant of a boot. `good_from` is when good coverage began last, and
    /// `is_good` whether it lasts.
    pub(crate) fn shows(&self, at: i64, boot: &Boot, good_from: i64, is_good: bool) -> i64 {
        let draws = self.draws.of(boot.number);
        // It was set when it saw the network, after the boot where that came later.
        let set = if is_good { good_from.max(boot.at) } else { good_from } + SETTING;
        let is_set = set > boot.at && set <= at;
        let lost_the_date = boot.cause != "update" && draws.is(0, 0.06);
        if lost_the_date && !is_set {
            return at - boot.at;
        }
        let shown = at + whole(float(at - set.min(at)) * self.fast * 1e-6);
        let stepped = boot.at + whole(draws.between(2, 0.0, 20.0 * DAY as f64));
        let is_behind = draws.is(1, 0.03) && stepped <= at && at < stepped + 6 * HOUR;
        if is_behind { shown - HOUR } else { shown }
    }
}
