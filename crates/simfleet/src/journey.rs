//! A device on its way: it measures, stores what it can't send, and sends it when it can.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::device::Device;
use crate::draw::{Draws, Role};
use crate::link::{BURST_STEP, Coverage, HELD_MAX, Windows};
use crate::reading::{Key, Measured, Readings};
use crate::sensor::Sensors;
use crate::span::{SECOND, whole};

/// One delivery of one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// When it reaches the server.
    pub at: Timestamp,
    /// Which reading it is.
    pub key: Key,
    /// When the reading was really taken, whatever the device's clock says in the payload.
    pub taken: Timestamp,
    /// 1, or 2 where the acknowledgement of the first was lost and the device sends it again.
    pub attempt: u8,
    /// The reading as JSON; the same bytes at every attempt.
    pub payload: Vec<u8>,
}

/// Why a reading will never arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// The device had stored as many newer ones as it can.
    Overflow,
    /// The device broke while it was stored.
    Death,
}

/// A reading that will never arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub key: Key,
    /// When it was really taken.
    pub taken: Timestamp,
    /// When it was lost.
    pub at: Timestamp,
    /// Why.
    pub loss: Loss,
}

/// What became of readings in a stretch of a journey.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sendings: Vec<Sending>,
    pub(crate) lost: Vec<Lost>,
}

#[derive(Clone, Debug)]
struct Stored {
    measured: Measured,
    payload: Vec<u8>,
}

/// Where a device stands on its way.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    readings: Readings,
    next: Option<Measured>,
    windows: Windows,
    good_from: i64,
    ring: VecDeque<Stored>,
    sensors: Sensors,
    clock: Clock,
    delivery: Draws,
    coverage: Draws,
    is_over: bool,
}

impl Journey {
    /// From a moment before `from` at which nothing was stored.
    pub(crate) fn before(device: &Device, from: i64) -> Journey {
        let windows = Windows::settled(device, from);
        let begin = windows.now.from;
        Journey {
            readings: Readings::from(device, begin),
            next: None,
            good_from: begin,
            windows,
            ring: VecDeque::new(),
            sensors: Sensors::of(device),
            clock: Clock::of(device),
            delivery: device.draws(Role::Delivery),
            coverage: device.draws(Role::Coverage),
            is_over: device.activated >= device.failed,
        }
    }

    /// Goes on until an instant, which is not part of it.
    pub(crate) fn go(&mut self, device: &Device, until: i64, outcome: &mut Outcome) {
        while !self.is_over {
            if self.next.is_none() {
                self.next = self.readings.next(device, until);
            }
            let end = self.windows.now.to;
            match &self.next {
                Some(measured) if measured.at < end => {
                    if measured.at >= until {
                        return;
                    }
                    if let Some(measured) = self.next.take() {
                        self.take(device, measured, outcome);
                    }
                }
                _ if end.min(device.failed) >= until => return,
                _ if device.failed <= end => self.die(device, outcome),
                _ => self.enter_next_window(device, outcome),
            }
        }
    }

    /// The readings that wait for a network.
    pub(crate) fn stored<'a>(&'a self, device: &'a Device) -> impl Iterator<Item = Key> + 'a {
        self.ring.iter().map(|stored| stored.measured.key(device))
    }

    fn enter_next_window(&mut self, device: &Device, outcome: &mut Outcome) {
        self.windows.step();
        if self.windows.now.coverage == Coverage::Good {
            self.good_from = self.windows.now.from;
            self.send_stored(device, self.good_from, outcome);
        }
    }

    fn take(&mut self, device: &Device, measured: Measured, outcome: &mut Outcome) {
        let coverage = self.windows.now.coverage;
        let is_good = coverage == Coverage::Good;
        let captured = self.clock.shows(measured.at, &measured.boot, self.good_from, is_good);
        let strength = self.windows.now.strength(self.coverage);
        let payload = measured.payload(device, &self.sensors, captured, strength);
        let (at, draws) = (measured.at, self.delivery_of(&measured));
        self.ring.push_back(Stored { measured, payload });
        if self.ring.len() > device.revision.ring()
            && let Some(stored) = self.ring.pop_front()
        {
            outcome.lost.push(lost(device, &stored.measured, at, Loss::Overflow));
        }
        if is_good || (coverage == Coverage::Weak && draws.is(0, 0.5)) {
            self.send_stored(device, at, outcome);
        }
    }

    /// Sends what is stored, the oldest first.
    fn send_stored(&mut self, device: &Device, from: i64, outcome: &mut Outcome) {
        let is_burst = self.ring.len() > 1;
        let mut ready = from;
        while let Some(stored) = self.ring.pop_front() {
            if ready >= device.failed {
                outcome.lost.push(lost(device, &stored.measured, device.failed, Loss::Death));
                continue;
            }
            self.deliver(device, stored, ready, is_burst, &mut outcome.sendings);
            ready += BURST_STEP;
        }
    }

    fn deliver(
        &self,
        device: &Device,
        stored: Stored,
        ready: i64,
        is_burst: bool,
        sendings: &mut Vec<Sending>,
    ) {
        let draws = self.delivery_of(&stored.measured);
        let at = match () {
            () if is_burst => ready + 400 * (SECOND / 1000),
            // A few are held back in the network, and others overtake them.
            () if draws.is(1, 0.01) => ready + whole(draws.unit(2) * HELD_MAX as f64),
            () => ready + whole(draws.between(2, 0.2, 2.0) * SECOND as f64),
        };
        let again = if self.windows.now.coverage == Coverage::Good { 0.006 } else { 0.05 };
        let first = Sending {
            at: instant(at),
            key: stored.measured.key(device),
            taken: instant(stored.measured.at),
            attempt: 1,
            payload: stored.payload,
        };
        if draws.is(3, again) {
            let at = at + whole(draws.between(4, 5.0, 60.0) * SECOND as f64);
            sendings.push(Sending { at: instant(at), attempt: 2, ..first.clone() });
        }
        sendings.push(first);
    }

    fn die(&mut self, device: &Device, outcome: &mut Outcome) {
        let died = self.ring.drain(..);
        let died = died.map(|it| lost(device, &it.measured, device.failed, Loss::Death));
        outcome.lost.extend(died);
        self.is_over = true;
    }

    /// Draws that depend on nothing but the reading.
    fn delivery_of(&self, measured: &Measured) -> Draws {
        self.delivery.of(4 * measured.boot.number + measured.stream as u64).of(measured.sequence)
    }
}

fn lost(device: &Device, measured: &Measured, at: i64, loss: Loss) -> Lost {
    Lost { key: measured.key(device), taken: instant(measured.at), at: instant(at), loss }
}

/// An instant; 1970 for what no calendar has, which no lot of the fleet comes near.
pub(crate) fn instant(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
