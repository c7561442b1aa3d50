//! A fleet that speaks to a running server, over HTTP and MQTT, and reports how it was answered.
//!
//! There is no async runtime here: a device waits for its acknowledgement, so a thread that stands
//! for it may wait too. Each thread serves its own share of the devices, one after the other.

mod http;
mod mqtt;
mod report;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::fleet::Run;
use crate::journey::Sending;
use http::HttpDoor;
use mqtt::MqttDoor;
pub use report::Report;

/// Where a server listens. With both doors, trackers rev B come by MQTT and all others by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doors {
    /// Host and port of the HTTP door.
    pub http: Option<String>,
    /// Host and port of the MQTT door.
    pub mqtt: Option<String>,
    /// A token of a system, where the doors ask for one.
    pub token: Option<String>,
    /// Connections at once, over all doors.
    pub connections: usize,
    /// How often a payload is sent before the device gives up.
    pub attempts: u32,
}

impl Default for Doors {
    fn default() -> Doors {
        Doors { http: None, mqtt: None, token: None, connections: 64, attempts: 12 }
    }
}

/// How fast a run is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many times as fast as it happens.
    Times(f64),
    /// As fast as the server takes it.
    Unbounded,
}

/// What is waited for before one more attempt, at most.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Sendings that are at hand at once where the pace is unbounded.
const CHUNK: usize = 2_000;

/// Sendings of one device that go into one parcel.
const PARCEL: usize = 500;

/// The threads that devices share. More connections are kept open than are served at a moment.
const THREADS_MAX: usize = 64;

type Parcel = Vec<Sending>;

/// Plays a run against a server. `heard` is told of each sending that was acknowledged, from the
/// thread that heard it.
///
/// It returns once everything was acknowledged, refused for good or given up.
pub fn speak(
    run: Run,
    from: Timestamp,
    pace: Pace,
    doors: &Doors,
    heard: &(dyn Fn(&Sending) + Sync),
) -> Report {
    let begun = now();
    let threads = doors.connections.clamp(1, THREADS_MAX);
    let mut report = thread::scope(|scope| {
        let (senders, workers): (Vec<_>, Vec<_>) = (0..threads)
            .map(|_| {
                let (sender, receiver) = sync_channel(16);
                let kept = (doors.connections / threads).max(1);
                (sender, scope.spawn(move || work(&receiver, doors, kept, heard)))
            })
            .unzip();
        dispatch(run, from, pace, &senders);
        drop(senders);
        let reports = workers.into_iter().filter_map(|worker| worker.join().ok());
        reports.fold(Report::default(), Report::with)
    });
    report.took = begun.elapsed();
    report
}

#[expect(clippy::disallowed_methods, reason = "here the fleet meets a real server")]
fn now() -> Instant {
    Instant::now()
}

/// Gives sendings to the threads when they are due, a parcel for each device.
fn dispatch(run: Run, from: Timestamp, pace: Pace, senders: &[SyncSender<Parcel>]) {
    let begun = now();
    let mut run = run.peekable();
    while let Some(first) = run.peek() {
        if let Pace::Times(times) = pace {
            let due = first.at.duration_since(from).as_secs_f64() / times.max(1e-6);
            let due = Duration::try_from_secs_f64(due.max(0.0)).unwrap_or(Duration::MAX);
            thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        let is_due = |sending: &Sending| match pace {
            Pace::Unbounded => true,
            Pace::Times(times) => {
                sending.at.duration_since(from).as_secs_f64() / times
                    <= begun.elapsed().as_secs_f64()
            }
        };
        let mut parcels: Vec<Parcel> = Vec::new();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        let mut taken = 0;
        while taken < CHUNK
            && let Some(sending) = run.next_if(|sending| taken == 0 || is_due(sending))
        {
            taken += 1;
            let place = places.get(&sending.key.device).copied();
            match place.and_then(|place| parcels.get_mut(place)) {
                Some(parcel) if parcel.len() < PARCEL => parcel.push(sending),
                _ => {
                    places.insert(Arc::clone(&sending.key.device), parcels.len());
                    parcels.push(vec![sending]);
                }
            }
        }
        for parcel in parcels {
            // A device stays with one thread, so its readings keep their order.
            let Some(first) = parcel.first() else { continue };
            let number =
                first.key.device.bytes().fold(0_usize, |sum, byte| {
                    sum.wrapping_mul(31).wrapping_add(usize::from(byte))
                });
            if let Some(sender) = senders.get(number % senders.len().max(1))
                && sender.send(parcel).is_err()
            {
                return;
            }
        }
    }
}

/// What became of one attempt with a parcel.
#[derive(Debug, Default)]
struct Attempt {
    /// Sendings that are not settled, and may be sent again.
    left: Parcel,
    /// How long to wait before that.
    wait: Option<Duration>,
}

fn work(
    parcels: &Receiver<Parcel>,
    doors: &Doors,
    kept: usize,
    heard: &(dyn Fn(&Sending) + Sync),
) -> Report {
    let mut report = Report::default();
    let token = doors.token.as_deref();
    let mut http = doors.http.as_deref().map(|address| HttpDoor::new(address, token));
    let mut mqtt = doors.mqtt.as_deref().map(|address| MqttDoor::new(address, token, kept));
    while let Ok(parcel) = parcels.recv() {
        report.sent += parcel.len() as u64;
        let by_mqtt = parcel.first().is_some_and(|it| it.key.device.starts_with("CT-B"));
        let mut left = parcel;
        for attempt in 0..doors.attempts {
            if attempt > 0 {
                report.redelivered += left.len() as u64;
            }
            let outcome = match (&mut mqtt, &mut http) {
                (Some(mqtt), http) if by_mqtt || http.is_none() => {
                    mqtt.deliver(left, &mut report, heard)
                }
                (_, Some(http)) => http.deliver(left, &mut report, heard),
                (_, None) => Attempt { left, wait: None },
            };
            left = outcome.left;
            if left.is_empty() {
                break;
            }
            let patient = Duration::from_millis(50 << attempt.min(6));
            thread::sleep(outcome.wait.unwrap_or(patient).min(WAIT_MAX));
        }
        report.given_up += left.len() as u64;
    }
    report
}
