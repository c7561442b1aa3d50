//! One reading as JSON that stands by itself, so that it can be judged again from quarantine.
//!
//! ```json
//! {"stream":"climate","device":"CT-17","captured":1767225600000000,"boot":3,"sequence":42,
//!  "sender":"CT-17","values":[{"field":"temperature","value":39.5,"unit":"[degF]"}]}
//! ```
//!
//! `captured` is microseconds since 1970, or `{"before": …}` microseconds before it was sent, or
//! `{"heard": …}` by the clock of whoever heard it; what wasn't told is left out. Floats have a point or an exponent, integers have neither, so that
//! both come back as they were; what is no number is `{"float": "NaN"}`, `"inf"` or `"-inf"`.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use crate::batch::{Batch, Captured, Head, Name, Reading, Value};
use crate::column::Column;
use crate::contract::UNKNOWN;
use crate::rows::{Clock, Rows};

/// A row as the reading that it was, so that it too can go to quarantine: values are in the units
/// of its contract, and its time is told as it was, so that its clock is judged as before. Nothing
/// past the last row.
pub fn row_to_json(rows: &Rows, row: usize) -> Option<Vec<u8>> {
    let (captured, received) = (*rows.captured.get(row)?, *rows.received.get(row)?);
    let mut batch = Batch::default();
    let head = Head {
        stream: batch.name(rows.stream()),
        device: Some(batch.name(rows.device.get(row)?)),
        captured: match rows.clock.get(row)? {
            Clock::Good | Clock::Future | Clock::Unset => Captured::At(captured),
            Clock::Reckoned => Captured::Before(received.saturating_sub(captured)),
            Clock::Received => Captured::Untold,
            Clock::Heard => Captured::Heard(captured),
        },
        boot: rows.boot.get(row),
        sequence: rows.sequence.get(row),
    };
    let mut values = Vec::with_capacity(rows.columns.len());
    for (column, cells) in rows.contract.columns().iter().zip(&rows.columns) {
        let value = match cells {
            Column::Float(cells) => cells.get(row).map(Value::Float),
            Column::Integer(cells) => cells.get(row).map(Value::Integer),
            Column::Bool(cells) => cells.get(row).map(Value::Bool),
            Column::Text(cells) if column.name == UNKNOWN => {
                values.extend(cells.get(row).map_or(Vec::new(), |it| unknown(it, &mut batch)));
                None
            }
            Column::Text(cells) => cells.get(row).map(|text| Value::Text(batch.keep(text))),
        };
        if let Some(value) = value {
            let unit = column.unit.as_ref().map(|unit| batch.name(unit.as_written()));
            values.push((batch.name(&column.name), value, unit));
        }
    }
    Some(reading_to_json(&batch, &Reading { head, values: &values }, None))
}

/// The fields that a contract didn't list, as they were kept.
fn unknown(kept: &str, batch: &mut Batch) -> Vec<(Name, Value, Option<Name>)> {
    let Ok(Json::Object(members)) = serde_json::from_str(kept) else { return Vec::new() };
    let value_of = |(name, member): (String, Json)| {
        let mut item = match member {
            Json::Object(told) if told.contains_key("value") => told,
            value => Map::from_iter([("value".to_owned(), value)]),
        };
        item.insert("field".to_owned(), Json::String(name));
        value(&Json::Object(item), batch).ok()
    };
    members.into_iter().filter_map(value_of).collect()
}

/// A reading, with what was known of its sender.
pub fn reading_to_json(batch: &Batch, reading: &Reading<'_>, sender: Option<&str>) -> Vec<u8> {
    let mut out = String::with_capacity(128 + 48 * reading.values.len());
    out.push_str("{\"stream\":");
    push_text(&mut out, batch.text(reading.head.stream));
    if let Some(device) = reading.head.device {
        out.push_str(",\"device\":");
        push_text(&mut out, batch.text(device));
    }
    // Writing to a string can't fail.
    let _ = match reading.head.captured {
        Captured::At(at) => write!(out, ",\"captured\":{at}"),
        Captured::Before(span) => write!(out, ",\"captured\":{{\"before\":{span}}}"),
        Captured::Heard(at) => write!(out, ",\"captured\":{{\"heard\":{at}}}"),
        Captured::Untold => Ok(()),
    };
    for (key, number) in [("boot", reading.head.boot), ("sequence", reading.head.sequence)] {
        if let Some(number) = number {
            let _ = write!(out, ",\"{key}\":{number}");
        }
    }
    if let Some(sender) = sender {
        out.push_str(",\"sender\":");
        push_text(&mut out, sender);
    }
    out.push_str(",\"values\":[");
    for (index, (name, value, unit)) in reading.values.iter().enumerate() {
        out.push_str(if index == 0 { "{\"field\":" } else { ",{\"field\":" });
        push_text(&mut out, batch.text(*name));
        out.push_str(",\"value\":");
        push_value(&mut out, batch, *value);
        if let Some(unit) = unit {
            out.push_str(",\"unit\":");
            push_text(&mut out, batch.text(*unit));
        }
        out.push('}');
    }
    out.push_str("]}");
    out.into_bytes()
}

/// Why a text is no reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reading: {problem}")]
pub struct ReadingError {
    problem: String,
}

/// Adds a reading that [`reading_to_json`] wrote to a batch, and tells who sent it.
pub fn reading_from_json(json: &[u8], batch: &mut Batch) -> Result<Option<String>, ReadingError> {
    let wrong = |problem: &str| ReadingError { problem: problem.to_owned() };
    let json: Json = serde_json::from_slice(json)
        .map_err(|error| ReadingError { problem: error.to_string() })?;
    let object = json.as_object().ok_or_else(|| wrong("an object is expected"))?;
    let stream = text(object, "stream")?.ok_or_else(|| wrong("`stream` is missing"))?;
    let stream = batch.name(stream);
    let device = text(object, "device")?.map(|device| batch.name(device));
    let captured = captured(object.get("captured"))?;
    let (boot, sequence) = (number(object, "boot")?, number(object, "sequence")?);
    let items = object.get("values").and_then(Json::as_array);
    let items = items.ok_or_else(|| wrong("`values` is no list"))?;
    let values: Result<Vec<_>, _> = items.iter().map(|item| value(item, batch)).collect();
    batch.push(Head { stream, device, captured, boot, sequence }, values?);
    Ok(text(object, "sender")?.map(str::to_owned))
}

/// A field of an unknown name as a member of a JSON object: its value, or value and unit.
pub(crate) fn value_to_json(
    out: &mut String,
    batch: &Batch,
    (name, value, unit): (Name, Value, Option<Name>),
) {
    push_text(out, batch.text(name));
    out.push(':');
    let Some(unit) = unit else { return push_value(out, batch, value) };
    out.push_str("{\"value\":");
    push_value(out, batch, value);
    out.push_str(",\"unit\":");
    push_text(out, batch.text(unit));
    out.push('}');
}

fn push_value(out: &mut String, batch: &Batch, value: Value) {
    let _ = match value {
        Value::Float(value) if value.is_finite() => write!(out, "{value:?}"),
        Value::Float(value) => write!(out, "{{\"float\":\"{value}\"}}"),
        Value::Integer(value) => write!(out, "{value}"),
        Value::Unsigned(value) => write!(out, "{value}"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Text(span) => {
            push_text(out, batch.kept(span));
            Ok(())
        }
    };
}

/// A text in quotes, escaped as JSON escapes.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        let _ = match character {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\u{0}'..='\u{1f}' => write!(out, "\\u{:04x}", u32::from(character)),
            _ => out.write_char(character),
        };
    }
    out.push('"');
}

fn text<'a>(object: &'a Map<String, Json>, key: &str) -> Result<Option<&'a str>, ReadingError> {
    let wrong = || ReadingError { problem: format!("`{key}` is no text") };
    object.get(key).map(|value| value.as_str().ok_or_else(wrong)).transpose()
}

fn number(object: &Map<String, Json>, key: &str) -> Result<Option<u64>, ReadingError> {
    let wrong = || ReadingError { problem: format!("`{key}` is no whole number") };
    object.get(key).map(|value| value.as_u64().ok_or_else(wrong)).transpose()
}

fn captured(told: Option<&Json>) -> Result<Captured, ReadingError> {
    let Some(told) = told else { return Ok(Captured::Untold) };
    let of = |key: &str| told.get(key).and_then(Json::as_i64);
    told.as_i64()
        .map(Captured::At)
        .or_else(|| of("before").map(Captured::Before))
        .or_else(|| of("heard").map(Captured::Heard))
        .ok_or_else(|| ReadingError { problem: "`captured` is no time".to_owned() })
}

fn value(item: &Json, batch: &mut Batch) -> Result<(Name, Value, Option<Name>), ReadingError> {
    let wrong = |problem: &str| ReadingError { problem: problem.to_owned() };
    let object = item.as_object().ok_or_else(|| wrong("a value is no object"))?;
    let field = text(object, "field")?.ok_or_else(|| wrong("a value lacks its `field`"))?;
    let name = batch.name(field);
    let value = match object.get("value") {
        Some(Json::Bool(value)) => Value::Bool(*value),
        Some(Json::String(text)) => Value::Text(batch.keep(text)),
        Some(Json::Number(number)) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => Value::Integer(value),
            (_, Some(value), _) => Value::Unsigned(value),
            (_, _, Some(value)) => Value::Float(value),
            _ => return Err(wrong("a number is out of range")),
        },
        Some(Json::Object(object)) => match object.get("float").and_then(Json::as_str) {
            Some("NaN") => Value::Float(f64::NAN),
            Some("inf") => Value::Float(f64::INFINITY),
            Some("-inf") => Value::Float(f64::NEG_INFINITY),
            _ => return Err(wrong("a value is no value")),
        },
        _ => return Err(wrong("a value is no value")),
    };
    let unit = text(object, "unit")?.map(|unit| batch.name(unit));
    Ok((name, value, unit))
}
