//! Payloads to readings.
//!
//! **Names.** Fields and streams are named as contracts name them, in lower snake case: `batteryLevel`
//! is `battery_level`, `Link_Quality` is `link_quality`, `cpu.load` is `cpu_load`. Nested objects and
//! lists are flattened with `_` (`gps.lat` is `gps_lat`, `accel[0]` is `accel_0`). A name that would
//! start with a digit starts with `n_`; a field named like a column that every table has (`clock`,
//! `received`, …) ends with `_value`. Two fields of one reading that come to the same name make it
//! unreadable; none is picked.
//!
//! **Bounds.** [`Limits`] bounds depth, fields, names, texts and readings. What is beyond them is
//! refused with the reason, and the rest goes through.

mod cbor;
mod chirpstack;
mod instant;
mod json;
mod line_protocol;
mod reading;
mod senml;
mod tree;
mod writer;

use longlead_stream::Batch;

use crate::{Encoding, Format};
use writer::Writer;

/// What is known of a payload before it is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The stream of readings that name none, from the address or topic.
    pub stream: Option<&'a str>,
    /// The device of readings that name none, from the connection or topic.
    pub device: Option<&'a str>,
    /// The unit of the line protocol's timestamps.
    pub precision: Precision,
    /// What a payload may hold.
    pub limits: Limits,
}

/// The unit of timestamps in the line protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Nanoseconds, which the line protocol means unless told otherwise. Rows keep microseconds;
    /// what is finer is cut off.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes, in the first version of InfluxDB's interface only.
    Minutes,
    /// Hours, in the first version of InfluxDB's interface only.
    Hours,
}

impl Precision {
    /// The precision of a `precision` parameter, in the words of both versions of InfluxDB.
    pub fn of_parameter(word: &str) -> Option<Precision> {
        match word {
            "" | "ns" | "n" | "nanosecond" => Some(Precision::Nanoseconds),
            "us" | "u" | "µ" | "microsecond" => Some(Precision::Microseconds),
            "ms" | "millisecond" => Some(Precision::Milliseconds),
            "s" | "second" => Some(Precision::Seconds),
            "m" => Some(Precision::Minutes),
            "h" => Some(Precision::Hours),
            _ => None,
        }
    }

    /// A timestamp in microseconds, or `None` beyond what 64 bits hold.
    fn microseconds(self, timestamp: i64) -> Option<i64> {
        match self {
            Precision::Nanoseconds => Some(timestamp.div_euclid(1000)),
            Precision::Microseconds => Some(timestamp),
            Precision::Milliseconds => timestamp.checked_mul(1000),
            Precision::Seconds => timestamp.checked_mul(1_000_000),
            Precision::Minutes => timestamp.checked_mul(60_000_000),
            Precision::Hours => timestamp.checked_mul(3_600_000_000),
        }
    }
}

/// What one payload may hold. What is beyond is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a payload, unpacked.
    pub payload_bytes: usize,
    /// Objects and lists within one another.
    pub depth: usize,
    /// Readings of a payload.
    pub readings: usize,
    /// Values of a reading.
    pub fields: usize,
    /// Bytes of a name.
    pub name_bytes: usize,
    /// Bytes of a text value.
    pub text_bytes: usize,
    /// Parts that are refused one by one; then the rest is refused as a whole.
    pub refused: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            payload_bytes: 32 << 20,
            depth: 16,
            readings: 500_000,
            fields: 1024,
            name_bytes: 128,
            text_bytes: 64 << 10,
            refused: 10_000,
        }
    }
}

/// Reads a payload. What can't be read is in the batch too, with its reason.
///
/// A line of the line protocol and an element of a list stand or fall by themselves. A JSON or CBOR
/// document that breaks off or is unsound is refused as a whole, so that it can be sent again as a
/// whole.
pub fn decode(format: Format, payload: &[u8], context: &Context<'_>) -> Batch {
    decode_onto(Batch::default(), format, payload, context)
}

/// Reads a payload and adds what is in it to a batch.
pub(crate) fn decode_onto(
    batch: Batch,
    format: Format,
    payload: &[u8],
    context: &Context<'_>,
) -> Batch {
    let before = batch.mark();
    let mut writer = Writer::onto(batch, context);
    if payload.len() > context.limits.payload_bytes {
        let detail = format!("the payload has more than {} bytes", context.limits.payload_bytes);
        writer.refuse(detail, payload);
        return writer.batch;
    }
    if Encoding::sniff(payload) != Encoding::Identity {
        writer.refuse("the payload is packed, and can't be unpacked", payload);
        return writer.batch;
    }
    let read = match format {
        Format::Json => {
            json::each(payload, &context.limits, &mut |node| reading::read(&mut writer, node))
        }
        Format::JsonLines => {
            each_line(payload, &mut writer, &context.limits, reading::read);
            Ok(())
        }
        Format::Cbor => {
            cbor::each(payload, &context.limits, &mut |node| reading::read(&mut writer, node))
        }
        Format::SenmlJson => {
            let mut pack = senml::Pack::default();
            let read =
                json::each(payload, &context.limits, &mut |node| pack.record(&mut writer, node));
            pack.end(&mut writer);
            read
        }
        Format::SenmlCbor => {
            let mut pack = senml::Pack::default();
            let read =
                cbor::each(payload, &context.limits, &mut |node| pack.record(&mut writer, node));
            pack.end(&mut writer);
            read
        }
        Format::LineProtocol => {
            line_protocol::read(&mut writer, payload, context);
            Ok(())
        }
        Format::ChirpStack => {
            each_line(payload, &mut writer, &context.limits, chirpstack::read);
            Ok(())
        }
    };
    match read.and_then(|()| writer.overflow()) {
        Ok(()) => writer.batch,
        Err(detail) => {
            writer.batch.back_to(before);
            writer.batch.refuse(detail, payload);
            writer.batch
        }
    }
}

/// Reads JSON documents that follow one another, usually one to a line.
fn each_line(
    payload: &[u8],
    writer: &mut Writer<'_>,
    limits: &Limits,
    read: fn(&mut Writer<'_>, tree::Node<'_>),
) {
    // One document over several lines is one document.
    if json::each(payload, limits, &mut |_| ()).is_ok() {
        let _read = json::each(payload, limits, &mut |node| read(writer, node));
        return;
    }
    let lines = payload.split(|byte| *byte == b'\n').enumerate();
    let mut read_bytes = 0;
    for (number, line) in lines {
        if writer.is_full() {
            writer.refuse_rest(payload.get(read_bytes..).unwrap_or(&[]));
            return;
        }
        read_bytes += line.len() + 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut nodes = Vec::new();
        match json::each(line, limits, &mut |node| nodes.push(node)) {
            Ok(()) => nodes.into_iter().for_each(|node| read(writer, node)),
            Err(detail) => writer.refuse(format!("line {}: {detail}", number + 1), line),
        }
    }
}

#[cfg(test)]
mod tests;
