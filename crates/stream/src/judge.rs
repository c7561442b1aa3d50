//! Holds readings against the contracts of their streams. What fits becomes rows in the
//! contract's units; a reading of which anything doesn't fit goes to quarantine whole.

mod desk;
mod fault;
mod fit;
mod senml;

use std::fmt;

use longlead_model::Unit;

use crate::batch::{Batch, Captured};
use crate::contract::Contracts;
use crate::judge::desk::{Desk, Verdict};
use crate::reading::reading_to_json;
use crate::rows::{Clock, Quarantined, READING, Reason, Rows};

/// Who sent a payload, and so for whom it may speak.
#[derive(Clone, Copy)]
pub enum Sender<'a> {
    /// A device, which speaks only for itself.
    Device(&'a str),
    /// A gateway, which speaks for itself and its children.
    Gateway {
        /// Its own name.
        id: &'a str,
        /// Whether a device is one of its children.
        children: &'a (dyn Fn(&str) -> bool + Sync),
    },
    /// A system that speaks for any device, such as a network server.
    Trusted,
}

impl Sender<'_> {
    /// The device that it is, if it is one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Sender::Device(id) | Sender::Gateway { id, .. } => Some(id),
            Sender::Trusted => None,
        }
    }

    /// Whether it may speak for a device.
    pub fn speaks_for(&self, device: &str) -> bool {
        match self {
            Sender::Device(id) => *id == device,
            Sender::Gateway { id, children } => *id == device || children(device),
            Sender::Trusted => true,
        }
    }
}

impl fmt::Debug for Sender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sender::Device(id) => f.debug_tuple("Device").field(id).finish(),
            Sender::Gateway { id, .. } => f.debug_tuple("Gateway").field(id).finish(),
            Sender::Trusted => f.write_str("Trusted"),
        }
    }
}

/// Which captured times are plausible. A reading is never refused for its time; it is only marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plausible {
    /// How far, in microseconds, the clock of a device may be ahead of ours. Beyond that, the row
    /// is marked [`Clock::Future`].
    pub future_max: i64,
    /// Microseconds since 1970 before which no device can have taken a reading. Before that, the
    /// row is marked [`Clock::Unset`].
    pub epoch_min: i64,
}

impl Default for Plausible {
    /// Five minutes ahead, about what a crystal of 100 ppm gains in a month without being set; and
    /// nothing before 2010, which is after the epochs at which clocks start that were never set
    /// (1970, 1980, 2000) and before any fleet that is still planned for.
    fn default() -> Plausible {
        Plausible { future_max: 5 * 60 * 1_000_000, epoch_min: 1_262_304_000_000_000 }
    }
}

/// How a payload arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Microseconds since 1970-01-01T00:00Z, by our clock.
    pub received: i64,
    /// Who sent it.
    pub sender: Sender<'a>,
    /// The door's name for the payload's format; it is kept with parts that can't be read.
    pub format: &'a str,
    /// Which captured times are plausible.
    pub plausible: Plausible,
}

impl Arrival<'_> {
    /// When a reading was taken, and how far that can be trusted.
    fn captured(&self, told: Captured) -> (i64, Clock) {
        let Plausible { future_max, epoch_min } = self.plausible;
        match told {
            Captured::At(at) | Captured::Heard(at)
                if at > self.received.saturating_add(future_max) =>
            {
                (at, Clock::Future)
            }
            Captured::At(at) | Captured::Heard(at) if at < epoch_min => (at, Clock::Unset),
            Captured::At(at) => (at, Clock::Good),
            Captured::Heard(at) => (at, Clock::Heard),
            Captured::Before(span) => (self.received.saturating_sub(span), Clock::Reckoned),
            Captured::Untold => (self.received, Clock::Received),
        }
    }
}

/// A payload after it was held against the contracts: all of it is in one of the two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// What fits, one for each stream.
    pub rows: Vec<Rows>,
    /// What doesn't, with reasons.
    pub quarantined: Vec<Quarantined>,
}

impl Judged {
    /// How many readings became rows.
    pub fn row_count(&self) -> usize {
        self.rows.iter().map(Rows::len).sum()
    }
}

/// Holds each reading of a batch against the contract of its stream.
///
/// A reading is judged as a whole: if one value doesn't fit, all of it goes to quarantine, so that
/// it can be judged again once the contract is mended, and no half of it is stored before. The
/// device is the one that the contract's `device_from` names, else the one that the reading names,
/// else the sender.
///
/// Values fit if they are of the field's kind (whole floats are integers, integers are floats, 0
/// and 1 are truths), if their unit converts to the field's, and if they are finite and in range
/// after conversion. A value without a unit is taken to be in the field's.
pub fn judge(contracts: &Contracts, batch: &Batch, arrival: &Arrival<'_>) -> Judged {
    let mut judged = Judged::default();
    // Where a stream is judged, by the place of its name.
    let mut desks: Vec<Option<usize>> = Vec::new();
    let mut open: Vec<Desk<'_>> = Vec::new();
    for reading in batch.readings() {
        let stream = reading.head.stream;
        if desks.len() <= stream.index() {
            desks.resize(stream.index() + 1, None);
        }
        let Some(place) = desks.get_mut(stream.index()) else { continue };
        let place = *place.get_or_insert_with(|| {
            open.push(Desk::open(contracts.get(batch.text(stream)), batch, arrival));
            open.len() - 1
        });
        let Some(desk) = open.get_mut(place) else { continue };
        if let Err(verdict) = desk.take(&reading) {
            let Verdict { reason, detail, device } = *verdict;
            judged.quarantined.push(Quarantined {
                reason,
                detail,
                stream: Some(batch.text(stream).to_owned()),
                device,
                received: arrival.received,
                contract: desk.version(),
                format: READING.to_owned(),
                payload: reading_to_json(batch, &reading, arrival.sender.id()),
            });
        }
    }
    judged.rows.extend(open.into_iter().filter_map(Desk::close));
    judged.quarantined.extend(batch.refused().iter().map(|refused| Quarantined {
        reason: Reason::Malformed,
        detail: refused.detail.clone(),
        stream: None,
        device: arrival.sender.id().map(str::to_owned),
        received: arrival.received,
        contract: None,
        format: arrival.format.to_owned(),
        payload: refused.part.clone(),
    }));
    judged
}

/// The unit that a payload names: a UCUM code or its everyday spelling, else SenML's name for it.
pub(crate) fn unit_of(name: &str) -> Option<Unit> {
    name.parse().ok().or_else(|| Unit::from_ucum(senml::ucum_of(name)?).ok())
}

#[cfg(test)]
mod tests;
