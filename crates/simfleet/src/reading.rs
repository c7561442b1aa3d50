//! What a device measures, and how it writes it.

use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;

use crate::boot::{Boot, Boots};
use crate::device::Device;
use crate::draw::Role;
use crate::environment::{LIGHT_LAG, Opening, shock};
use crate::sensor::Sensors;
use crate::span::{DAY, HOUR, MINUTE, SECOND};

/// Streams of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Health of the device, daily and after each boot.
    Health,
    /// Climate around the goods, every quarter of an hour.
    Climate,
    /// Where the goods are, every hour.
    Position,
    /// Doors, when they move.
    Door,
}

impl Stream {
    /// Every stream.
    pub const ALL: [Stream; 4] = [Stream::Health, Stream::Climate, Stream::Position, Stream::Door];

    /// Its id in the sample.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Health => "health",
            Stream::Climate => "climate",
            Stream::Position => "position",
            Stream::Door => "door",
        }
    }

    /// How long after a boot its first reading is taken, and how long after that each other.
    fn rhythm(self) -> Option<(i64, i64)> {
        match self {
            Stream::Health => Some((5 * SECOND, DAY)),
            Stream::Climate => Some((10 * SECOND, 15 * MINUTE)),
            Stream::Position => Some((75 * SECOND, HOUR)),
            Stream::Door => None,
        }
    }
}

/// What makes a reading the one that it is, however often it arrives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The serial number.
    pub device: Arc<str>,
    /// What it is a reading of.
    pub stream: Stream,
    /// From 1 on.
    pub boot: u64,
    /// From 0 on, for each boot and stream.
    pub sequence: u64,
}

/// A reading that a device took, by true time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) at: i64,
    pub(crate) stream: Stream,
    pub(crate) boot: Boot,
    pub(crate) sequence: u64,
    /// Of a door: which opening, and whether it opened.
    pub(crate) door: Option<(Opening, bool)>,
}

/// The readings of one device in the order in which it takes them.
#[derive(Clone, Debug)]
pub(crate) struct Readings {
    boots: Boots,
    /// Of each stream of [`Stream::ALL`], the next one.
    next: [Option<Measured>; 4],
}

impl Readings {
    /// The readings from an instant on.
    pub(crate) fn from(device: &Device, from: i64) -> Readings {
        let boots = Boots::at(device, from);
        let mut readings = Readings { boots, next: [const { None }; 4] };
        readings.begin(device, from);
        readings
    }

    /// The next reading, if it is before `until`.
    pub(crate) fn next(&mut self, device: &Device, until: i64) -> Option<Measured> {
        loop {
            let first = self.next.iter_mut().filter(|it| it.is_some()).min_by_key(|it| {
                it.as_ref().map_or((i64::MAX, Stream::Health), |it| (it.at, it.stream))
            });
            let boundary = self.boots.next.at.min(device.failed);
            let at = first.as_ref().and_then(|it| it.as_ref()).map_or(i64::MAX, |it| it.at);
            if at < boundary {
                if at >= until {
                    return None;
                }
                let slot = first?;
                let measured = slot.take()?;
                *slot = after(device, &measured);
                return Some(measured);
            }
            if boundary >= until || boundary >= device.failed {
                return None;
            }
            self.boots.step();
            self.begin(device, self.boots.now.at);
        }
    }

    /// Sets each stream to its first reading of this boot that is not before `from`.
    fn begin(&mut self, device: &Device, from: i64) {
        let boot = self.boots.now;
        for (slot, stream) in self.next.iter_mut().zip(Stream::ALL) {
            *slot = match stream {
                Stream::Health => regular(stream, boot, from),
                Stream::Climate | Stream::Position if device.revision.is_tracker() => {
                    regular(stream, boot, from)
                }
                Stream::Door if device.has_light => door(device, boot, from),
                _ => None,
            };
        }
    }
}

fn regular(stream: Stream, boot: Boot, from: i64) -> Option<Measured> {
    let (first, cadence) = stream.rhythm()?;
    let sequence = (from - boot.at - first + cadence - 1).div_euclid(cadence).max(0);
    let at = boot.at + first + sequence * cadence;
    Some(Measured { at, stream, boot, sequence: sequence.unsigned_abs(), door: None })
}

/// The first move of a door that is not before `from`, counted since the boot.
fn door(device: &Device, boot: Boot, from: i64) -> Option<Measured> {
    let from = from.max(boot.at);
    let (first, last) = (device.truck.day(boot.at), device.truck.day(from) + 366);
    let mut sequence = 0;
    // A year without an opening doesn't happen: six days of seven have eight slots.
    for opening in (first..last).flat_map(|day| device.truck.openings(day)) {
        for is_open in [true, false] {
            let at = if is_open { opening.from } else { opening.to } + LIGHT_LAG;
            if at >= from {
                let door = Some((opening, is_open));
                return Some(Measured { at, stream: Stream::Door, boot, sequence, door });
            }
            sequence += u64::from(at >= boot.at);
        }
    }
    None
}

fn after(device: &Device, measured: &Measured) -> Option<Measured> {
    let sequence = measured.sequence + 1;
    if let Some((_, cadence)) = measured.stream.rhythm() {
        return Some(Measured { at: measured.at + cadence, sequence, ..measured.clone() });
    }
    let (opening, is_open) = measured.door?;
    if is_open {
        let at = opening.to + LIGHT_LAG;
        return Some(Measured { at, sequence, door: Some((opening, false)), ..measured.clone() });
    }
    let day = device.truck.day(opening.from);
    let following = (day..day + 366).flat_map(|day| device.truck.openings(day));
    let opening = following.into_iter().find(|it| it.from > opening.from)?;
    let at = opening.from + LIGHT_LAG;
    Some(Measured { at, sequence, door: Some((opening, true)), ..measured.clone() })
}

impl Measured {
    pub(crate) fn key(&self, device: &Device) -> Key {
        Key {
            device: Arc::clone(&device.serial),
            stream: self.stream,
            boot: self.boot.number,
            sequence: self.sequence,
        }
    }

    /// It as JSON, with what the device's clock showed and the strength of its last link.
    pub(crate) fn payload(
        &self,
        device: &Device,
        sensors: &Sensors,
        captured: i64,
        strength: i64,
    ) -> Vec<u8> {
        let captured = Timestamp::from_millisecond(captured.div_euclid(1000)).unwrap_or_default();
        let mut text = String::with_capacity(192);
        // Writing to a text can't fail.
        let _ = write!(
            text,
            r#"{{"device":"{}","boot":{},"sequence":{},"captured":"{captured:.3}""#,
            device.serial, self.boot.number, self.sequence
        );
        let _ = match self.stream {
            Stream::Climate => self.climate(&mut text, device, sensors),
            Stream::Position => {
                let (latitude, longitude, accuracy) = sensors.position(device, self.at);
                write!(
                    text,
                    r#","lat":{latitude:.5},"lon":{longitude:.5},"accuracy":{accuracy:.0}"#
                )
            }
            Stream::Door => match self.door {
                Some((opening, is_open)) => {
                    let shock = shock(device.draws(Role::Noise), opening);
                    write!(text, r#","open":{is_open},"shock":{shock:.1}"#)
                }
                None => Ok(()),
            },
            Stream::Health => self.health(&mut text, device, sensors, strength),
        };
        text.push('}');
        text.into_bytes()
    }

    fn climate(&self, text: &mut String, device: &Device, sensors: &Sensors) -> std::fmt::Result {
        let temperature = sensors.temperature(device, self.at);
        let humidity = sensors.humidity(device, self.at);
        let battery = sensors.battery(device, self.at);
        write!(
            text,
            r#","temperature":{temperature:.2},"humidity":{humidity:.1},"battery":{battery:.3}"#
        )?;
        if device.has_light {
            write!(text, r#","light":{:.0}"#, device.truck.light(self.at))?;
        }
        Ok(())
    }

    fn health(
        &self,
        text: &mut String,
        device: &Device,
        sensors: &Sensors,
        strength: i64,
    ) -> std::fmt::Result {
        let uptime = (self.at - self.boot.at) / SECOND;
        let firmware = device.firmware_at(self.at);
        write!(text, r#","uptime":{uptime},"reboots":{}"#, self.boot.number - 1)?;
        write!(text, r#","rssi":{strength},"firmware":"{firmware}""#)?;
        if device.revision.is_tracker() {
            let (battery, cells) = (sensors.battery(device, self.at), sensors.cells(self.at));
            write!(text, r#","battery":{battery:.3},"battery_cycles":{cells}"#)?;
        }
        write!(text, r#","reset_cause":"{}""#, self.boot.cause)
    }
}
