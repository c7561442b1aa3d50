//! A fleet's past in large parcels, so that a server starts with weeks of readings at once.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::fleet::Run;
use crate::reading::Stream;

/// Readings of one stream, as a JSON list that any door takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// When the last of them arrived: what the server's clock should be taken to have shown.
    pub at: Timestamp,
    /// What they are readings of.
    pub stream: Stream,
    /// How many there are. Some are there twice, as devices sent them.
    pub readings: usize,
    /// The list.
    pub payload: Vec<u8>,
}

/// How large a parcel may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParcelSize {
    /// Readings in it.
    pub readings: usize,
    /// How long after the first of its readings the last may have arrived. It bounds how far off
    /// the times of receipt are that the server gives them.
    pub span: SignedDuration,
}

impl Default for ParcelSize {
    fn default() -> ParcelSize {
        ParcelSize { readings: 20_000, span: SignedDuration::from_hours(1) }
    }
}

/// The parcels of a run, ordered by when they arrived but for at most [`ParcelSize::span`].
#[derive(Debug)]
pub struct History {
    run: Run,
    size: ParcelSize,
    /// Of each stream of [`Stream::ALL`], what is being packed, with when its first arrived.
    open: [Option<(Timestamp, Parcel)>; 4],
    ready: VecDeque<Parcel>,
}

impl History {
    /// Packs what a run sends.
    pub fn of(run: Run, size: ParcelSize) -> History {
        History { run, size, open: [const { None }; 4], ready: VecDeque::new() }
    }
}

impl Iterator for History {
    type Item = Parcel;

    fn next(&mut self) -> Option<Parcel> {
        while self.ready.is_empty() {
            let Some(sending) = self.run.next() else {
                self.ready.extend(self.open.iter_mut().filter_map(|it| close(it.take())));
                break;
            };
            let stream = sending.key.stream;
            let Some(slot) = self.open.get_mut(stream as usize) else { continue };
            let is_full = slot.as_ref().is_some_and(|(first, parcel)| {
                parcel.readings >= self.size.readings
                    || sending.at.duration_since(*first) > self.size.span
            });
            if is_full {
                self.ready.extend(close(slot.take()));
            }
            let empty = || {
                let payload = Vec::new();
                (sending.at, Parcel { at: sending.at, stream, readings: 0, payload })
            };
            let (_, parcel) = slot.get_or_insert_with(empty);
            parcel.at = sending.at;
            parcel.readings += 1;
            parcel.payload.push(if parcel.payload.is_empty() { b'[' } else { b',' });
            parcel.payload.extend_from_slice(&sending.payload);
        }
        self.ready.pop_front()
    }
}

fn close(open: Option<(Timestamp, Parcel)>) -> Option<Parcel> {
    let (_, mut parcel) = open?;
    parcel.payload.push(b']');
    Some(parcel)
}
