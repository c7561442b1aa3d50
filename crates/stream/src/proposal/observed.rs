//! What was seen of a stream without a contract, added up in bounded memory.

use std::collections::BTreeMap;

use crate::batch::{Batch, Captured, Reading, Value};
use crate::quality::Lateness;

/// More fields than this aren't looked at: a payload that makes up names must not fill the memory.
const FIELDS_MAX: usize = 500;

/// More units of one field than this aren't looked at.
const UNITS_MAX: usize = 16;

/// More devices than this aren't looked at for intervals and counters; some are enough.
const DEVICES_MAX: usize = 1_000;

/// Fields that name the device where the connection doesn't, the likeliest first.
const DEVICE_FIELDS: [&str; 12] = [
    "device",
    "device_id",
    "deviceId",
    "dev_eui",
    "devEui",
    "devEUI",
    "serial",
    "imei",
    "host",
    "name",
    "id",
    "tag_id",
];

/// What was seen of a stream, added up reading by reading. Two of the same stream add up to what
/// both saw, but for intervals and rises across the seam.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    stream: String,
    readings: u64,
    /// Readings of which nothing but a field can tell the device.
    nameless: u64,
    fields: BTreeMap<String, SeenField>,
    left_out: u64,
    devices: BTreeMap<String, SeenDevice>,
    /// Between readings of one device, in microseconds.
    intervals: Lateness,
}

/// What was seen of a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SeenField {
    /// Readings that had it.
    pub(super) readings: u64,
    pub(super) whole: u64,
    pub(super) fractional: u64,
    pub(super) truths: u64,
    pub(super) texts: u64,
    /// By unit as it was sent; empty where none was.
    pub(super) units: BTreeMap<String, SeenUnit>,
    /// How often it was more, and less, than in the reading before of the same device.
    pub(super) rises: u64,
    pub(super) falls: u64,
}

/// What was seen of a field in one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SeenUnit {
    pub(super) values: u64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Clone, Debug, Default)]
struct SeenDevice {
    captured: Option<i64>,
    /// The last number of each field.
    last: BTreeMap<String, f64>,
}

impl Observed {
    /// Nothing seen yet of a stream.
    pub fn of(stream: &str) -> Observed {
        Observed { stream: stream.to_owned(), ..Observed::default() }
    }

    /// The stream, as it was sent.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// How many readings were seen.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// Adds a reading. `sender` is the device that sent it, if one did.
    pub fn add(&mut self, batch: &Batch, reading: &Reading<'_>, sender: Option<&str>) {
        self.readings += 1;
        let told = reading.head.device.map(|name| batch.text(name)).or(sender);
        self.nameless += u64::from(told.is_none());
        let mut seen: Vec<&str> = Vec::with_capacity(reading.values.len());
        for (name, value, unit) in reading.values {
            let name = batch.text(*name);
            if !self.fields.contains_key(name) && self.fields.len() >= FIELDS_MAX {
                self.left_out += 1;
                continue;
            }
            let field = self.fields.entry(name.to_owned()).or_default();
            field.add(*value, unit.map_or("", |unit| batch.text(unit)));
            if !seen.contains(&name) {
                field.readings += 1;
                seen.push(name);
            }
        }
        if let Some(device) = told.or_else(|| named_by_field(batch, reading)) {
            self.follow(device, batch, reading);
        }
    }

    /// Holds a reading against the one before it of the same device.
    fn follow(&mut self, device: &str, batch: &Batch, reading: &Reading<'_>) {
        if !self.devices.contains_key(device) && self.devices.len() >= DEVICES_MAX {
            return;
        }
        let device = self.devices.entry(device.to_owned()).or_default();
        if let Captured::At(at) | Captured::Heard(at) = reading.head.captured {
            match device.captured {
                // What comes late tells neither of intervals nor of counters.
                Some(before) if at <= before => return,
                Some(before) => self.intervals.add(before, at),
                None => {}
            }
            device.captured = Some(at);
        }
        device.compare(batch, reading, &mut self.fields);
    }

    /// Adds all that another saw of the same stream.
    pub fn merge(&mut self, other: &Observed) {
        self.readings += other.readings;
        self.nameless += other.nameless;
        self.left_out += other.left_out;
        self.intervals.merge(&other.intervals);
        for (name, seen) in &other.fields {
            if self.fields.contains_key(name) || self.fields.len() < FIELDS_MAX {
                self.fields.entry(name.clone()).or_default().merge(seen);
            } else {
                self.left_out += seen.readings;
            }
        }
        for (name, device) in &other.devices {
            let is_newer = match self.devices.get(name) {
                Some(known) => known.captured <= device.captured,
                None => self.devices.len() < DEVICES_MAX,
            };
            if is_newer {
                self.devices.insert(name.clone(), device.clone());
            }
        }
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &SeenField)> {
        self.fields.iter().map(|(name, seen)| (name.as_str(), seen))
    }

    /// How many values had names beyond those looked at.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The field that names the device: a text in nearly every reading, where nothing else does.
    pub(super) fn device_field(&self) -> Option<&'static str> {
        if self.nameless == 0 {
            return None;
        }
        DEVICE_FIELDS.into_iter().find(|name| {
            // A few readings without one are what quarantine is for.
            let is_usual = |seen: &SeenField| seen.texts * 10 >= self.readings * 9;
            self.fields.get(*name).is_some_and(is_usual)
        })
    }

    /// How many intervals between readings of a device were seen.
    pub(super) fn intervals(&self) -> u64 {
        self.intervals.count()
    }

    /// The middle one, in microseconds, at most a sixteenth too long; nothing of fewer than ten.
    pub(super) fn middle_interval(&self) -> Option<u64> {
        if self.intervals.count() < 10 {
            return None;
        }
        // The middle of the bucket, since the upper end would be too long more often than not.
        self.intervals.quantile(0.5).map(|upper| upper - upper / 32)
    }
}

impl SeenField {
    fn add(&mut self, value: Value, unit: &str) {
        let number = match value {
            Value::Bool(_) => return self.truths += 1,
            Value::Text(_) => return self.texts += 1,
            Value::Float(number) if !number.is_finite() => return,
            Value::Float(number) => number,
            Value::Integer(number) => number as f64,
            Value::Unsigned(number) => number as f64,
        };
        if number.fract() == 0.0 {
            self.whole += 1;
        } else {
            self.fractional += 1;
        }
        if self.units.contains_key(unit) || self.units.len() < UNITS_MAX {
            let none = SeenUnit { values: 0, low: f64::INFINITY, high: f64::NEG_INFINITY };
            let seen = self.units.entry(unit.to_owned()).or_insert(none);
            seen.merge(&SeenUnit { values: 1, low: number, high: number });
        }
    }

    fn merge(&mut self, other: &SeenField) {
        self.readings += other.readings;
        self.whole += other.whole;
        self.fractional += other.fractional;
        self.truths += other.truths;
        self.texts += other.texts;
        self.rises += other.rises;
        self.falls += other.falls;
        for (unit, seen) in &other.units {
            if let Some(known) = self.units.get_mut(unit) {
                known.merge(seen);
            } else if self.units.len() < UNITS_MAX {
                self.units.insert(unit.clone(), *seen);
            }
        }
    }
}

impl SeenUnit {
    fn merge(&mut self, other: &SeenUnit) {
        self.values += other.values;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

impl SeenDevice {
    /// Counts which numbers rose and which fell.
    fn compare(
        &mut self,
        batch: &Batch,
        reading: &Reading<'_>,
        fields: &mut BTreeMap<String, SeenField>,
    ) {
        for (name, value, _) in reading.values {
            let number = match value {
                Value::Integer(number) => *number as f64,
                Value::Unsigned(number) => *number as f64,
                Value::Float(number) => *number,
                Value::Bool(_) | Value::Text(_) => continue,
            };
            let name = batch.text(*name);
            let Some(field) = fields.get_mut(name) else { continue };
            match self.last.get_mut(name) {
                Some(last) => {
                    field.rises += u64::from(number > *last);
                    field.falls += u64::from(number < *last);
                    *last = number;
                }
                None => drop(self.last.insert(name.to_owned(), number)),
            }
        }
    }
}

/// The device that a field names, where nothing else does.
fn named_by_field<'a>(batch: &'a Batch, reading: &Reading<'_>) -> Option<&'a str> {
    DEVICE_FIELDS.into_iter().find_map(|wanted| {
        reading.values.iter().find_map(|(name, value, _)| match value {
            Value::Text(span) if batch.text(*name) == wanted => Some(batch.kept(*span)),
            _ => None,
        })
    })
}
