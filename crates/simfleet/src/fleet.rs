//! The fleet, and what it sends between two instants.

use std::sync::Arc;
use std::vec;

use jiff::Timestamp;

use crate::device::Device;
use crate::journey::{Journey, Lost, Outcome, Sending, instant};
use crate::reading::{Key, Readings};
use crate::span::{HOUR, SECOND};

/// How large a fleet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many devices: three in ten are trackers rev A, two in three rev B, one in twenty is a
    /// gateway. It is the sample's mix.
    pub devices: u32,
}

/// A fleet of simulated devices: what it does follows from its seed alone.
#[derive(Clone, Debug)]
pub struct Fleet {
    pub(crate) devices: Arc<[Device]>,
}

impl Fleet {
    /// The fleet of a seed. A larger one has the same first devices.
    pub fn new(seed: u64, shape: Shape) -> Fleet {
        Fleet { devices: (0..shape.devices).map(|index| Device::new(seed, index)).collect() }
    }

    /// What reaches the server from an instant until before another, in that order. Readings that
    /// were taken earlier and arrive now are part of it, so that two runs one after the other send
    /// what one run over both would.
    pub fn run(&self, from: Timestamp, to: Timestamp) -> Run {
        let (from, to) = (from.as_microsecond(), to.as_microsecond());
        let journeys = self.devices.iter().map(|device| Journey::before(device, from));
        Run {
            journeys: journeys.collect(),
            devices: Arc::clone(&self.devices),
            ready: Vec::new().into_iter(),
            outcome: Outcome::default(),
            lost: Vec::new(),
            from,
            now: from,
            to,
            stretch: stretch(self.devices.len()),
        }
    }

    /// Every reading that the fleet took from an instant until before another, device by device,
    /// whether it ever arrives or not.
    pub fn measured(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Key> + '_ {
        let (from, to) = (from.as_microsecond(), to.as_microsecond());
        self.devices.iter().flat_map(move |device| {
            let mut readings = Readings::from(device, from);
            std::iter::from_fn(move || readings.next(device, to).map(|it| it.key(device)))
        })
    }

    /// The serial numbers, in the order in which the devices were made up.
    pub fn serials(&self) -> impl ExactSizeIterator<Item = &str> {
        self.devices.iter().map(|device| &*device.serial)
    }
}

/// How long a stretch is simulated at a time: long enough to be quick, and short enough for some
/// ten thousand sendings to be at hand. It changes nothing in what is sent.
fn stretch(devices: usize) -> i64 {
    let devices = i64::try_from(devices).unwrap_or(i64::MAX).max(1);
    (10_000 * 12 * 60 * SECOND / devices).clamp(SECOND, 12 * HOUR)
}

/// What a fleet sends between two instants.
#[derive(Debug)]
pub struct Run {
    devices: Arc<[Device]>,
    journeys: Vec<Journey>,
    ready: vec::IntoIter<Sending>,
    /// What arrives later than the present stretch.
    outcome: Outcome,
    lost: Vec<Lost>,
    from: i64,
    now: i64,
    to: i64,
    stretch: i64,
}

impl Run {
    /// The readings that were lost in the run so far.
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// The readings that devices hold or that are on their way, once the run is over.
    pub fn stored(&self) -> impl Iterator<Item = Key> + '_ {
        let held = self.devices.iter().zip(&self.journeys);
        let held = held.flat_map(|(device, journey)| journey.stored(device));
        held.chain(self.outcome.sendings.iter().map(|sending| sending.key.clone()))
    }

    fn simulate(&mut self) {
        let until = self.now.saturating_add(self.stretch).min(self.to);
        for (device, journey) in self.devices.iter().zip(&mut self.journeys) {
            journey.go(device, until, &mut self.outcome);
        }
        let (from, until_instant) = (instant(self.from), instant(until));
        self.lost.extend(self.outcome.lost.drain(..).filter(|lost| lost.at >= from));
        let sendings = &mut self.outcome.sendings;
        sendings.retain(|sending| sending.at >= from);
        sendings.sort_unstable_by(|a, b| (a.at, &a.key, a.attempt).cmp(&(b.at, &b.key, b.attempt)));
        let later = sendings.partition_point(|sending| sending.at < until_instant);
        let later = sendings.split_off(later);
        self.ready = std::mem::replace(sendings, later).into_iter();
        self.now = until;
    }
}

impl Iterator for Run {
    type Item = Sending;

    fn next(&mut self) -> Option<Sending> {
        loop {
            if let Some(sending) = self.ready.next() {
                return Some(sending);
            }
            if self.now >= self.to {
                return None;
            }
            self.simulate();
        }
    }
}
