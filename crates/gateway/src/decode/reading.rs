//! Readings as JSON and CBOR objects.
//!
//! *Flat*: every key is a value, but for those that tell of the reading itself: `device`, `stream`,
//! `captured` (or `time`, `timestamp`, `ts`), `boot`, and `sequence` (or `seq`).
//!
//! *Envelope*: the values stand in an object `values`, and every other key must be one of those
//! above, or `age`, the seconds since the reading was taken, for a device that knows no date.
//!
//! *Envelope of readings*: `readings` is a list of readings of either shape, and the keys around it
//! hold for each that doesn't tell otherwise.
//!
//! A value is a number, a text, a boolean, or `{"value": 4.5, "unit": "Cel"}`. `null` is no value.

use std::borrow::Cow;

use longlead_stream::{Captured, Head, Name, Value};

use super::instant;
use super::tree::Node;
use super::writer::{Fault, Writer};

/// What is told of a reading beside its values.
#[derive(Clone, Copy, Default)]
struct About {
    stream: Option<Name>,
    device: Option<Name>,
    captured: Option<Captured>,
    boot: Option<u64>,
    sequence: Option<u64>,
}

/// Reads one element of a payload.
pub(super) fn read(writer: &mut Writer<'_>, node: Node<'_>) {
    if writer.has_room() {
        read_about(writer, &node, About::default(), true);
    }
}

fn read_about(writer: &mut Writer<'_>, node: &Node<'_>, around: About, may_hold: bool) {
    if let Err(fault) = try_read(writer, node, around, may_hold) {
        writer.refuse(fault, &node.to_json());
    }
}

fn try_read(
    writer: &mut Writer<'_>,
    node: &Node<'_>,
    around: About,
    may_hold: bool,
) -> Result<(), Fault> {
    let Node::Map(members) = node else { return Err("a reading is an object".into()) };
    if let (Some(Node::List(readings)), true) = (node.get("readings"), may_hold) {
        let about = envelope(writer, members, around, "readings")?;
        for reading in readings {
            if !writer.has_room() {
                return Ok(());
            }
            read_about(writer, reading, about, false);
        }
        return Ok(());
    }
    let about = if let Some(Node::Map(values)) = node.get("values") {
        let about = envelope(writer, members, around, "values")?;
        for (key, value) in values {
            add(writer, key, value)?;
        }
        about
    } else {
        let mut about = around;
        for (key, value) in members {
            if !tells(writer, &mut about, key, value)? {
                add(writer, key, value)?;
            }
        }
        about
    };
    end(writer, about)
}

fn end(writer: &mut Writer<'_>, about: About) -> Result<(), Fault> {
    if !writer.has_values() {
        return Err("the reading has no value".into());
    }
    let stream = match (about.stream, writer.stream()) {
        (Some(stream), _) => stream,
        (None, Some(stream)) => writer.stream_name(stream)?,
        (None, None) => return Err("nothing tells the stream of the reading".into()),
    };
    let device = about.device.or_else(|| writer.device());
    let captured = about.captured.unwrap_or(Captured::Untold);
    let (boot, sequence) = (about.boot, about.sequence);
    writer.push(Head { stream, device, captured, boot, sequence });
    Ok(())
}

/// What the keys of an envelope tell.
fn envelope(
    writer: &mut Writer<'_>,
    members: &[(Cow<'_, str>, Node<'_>)],
    around: About,
    content: &str,
) -> Result<About, Fault> {
    let mut about = around;
    for (key, value) in members {
        if key == content {
            continue;
        }
        if key == "age" {
            let seconds = value.as_float().ok_or("an age is a number of seconds")?;
            about.captured = Some(Captured::Before(instant::microseconds(seconds)?));
        } else if !tells(writer, &mut about, key, value)? {
            return Err(format!("an object with {content:?} has no key {key:?}").into());
        }
    }
    Ok(about)
}

/// Takes a key that tells of the reading itself, and says whether it is one.
fn tells(
    writer: &mut Writer<'_>,
    about: &mut About,
    key: &str,
    value: &Node<'_>,
) -> Result<bool, Fault> {
    match key {
        "device" => about.device = Some(writer.device_name(text(key, value)?)?),
        "stream" => about.stream = Some(writer.stream_name(text(key, value)?)?),
        "captured" | "time" | "timestamp" | "ts" => {
            about.captured = Some(instant::captured(value)?);
        }
        "boot" => about.boot = number(key, value)?,
        "sequence" | "seq" => about.sequence = number(key, value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn text<'a>(key: &str, value: &'a Node<'_>) -> Result<&'a str, Fault> {
    value.as_text().ok_or_else(|| format!("{key:?} is a text").into())
}

fn number(key: &str, value: &Node<'_>) -> Result<Option<u64>, Fault> {
    if *value == Node::Null {
        return Ok(None);
    }
    let number = value.as_unsigned();
    number.map(Some).ok_or_else(|| format!("{key:?} is a whole number from 0 on").into())
}

/// Adds a value, or the values within it.
pub(super) fn add(writer: &mut Writer<'_>, key: &str, value: &Node<'_>) -> Result<(), Fault> {
    match value {
        Node::Null => Ok(()),
        Node::Map(members) => {
            if let Some((value, unit)) = with_unit(members) {
                let unit = writer.batch.name(unit);
                return add_scalar(writer, key, value, Some(unit));
            }
            for (inner, value) in members {
                add(writer, &format!("{key}_{inner}"), value)?;
            }
            Ok(())
        }
        Node::List(nodes) => {
            for (place, value) in nodes.iter().enumerate() {
                add(writer, &format!("{key}_{place}"), value)?;
            }
            Ok(())
        }
        _ => add_scalar(writer, key, value, None),
    }
}

/// The value and unit of `{"value": …, "unit": …}`.
fn with_unit<'a>(members: &'a [(Cow<'_, str>, Node<'_>)]) -> Option<(&'a Node<'a>, &'a str)> {
    let [first, second] = members else { return None };
    let (value, unit) = if first.0 == "value" { (first, second) } else { (second, first) };
    let is_scalar = !matches!(value.1, Node::Map(_) | Node::List(_) | Node::Null);
    (value.0 == "value" && unit.0 == "unit" && is_scalar).then_some(&value.1).zip(unit.1.as_text())
}

fn add_scalar(
    writer: &mut Writer<'_>,
    key: &str,
    value: &Node<'_>,
    unit: Option<Name>,
) -> Result<(), Fault> {
    let value = match value {
        Node::Bool(bool) => Value::Bool(*bool),
        Node::Integer(number) => Value::Integer(*number),
        Node::Unsigned(number) => Value::Unsigned(*number),
        Node::Float(number) => Value::Float(*number),
        Node::Text(text) => writer.text(text)?,
        Node::Bytes(_) => return Err(format!("{key:?} is bytes, which no field can hold").into()),
        Node::Null | Node::List(_) | Node::Map(_) => return Ok(()),
    };
    let name = writer.field_name(key)?;
    writer.value(name, value, unit)
}
