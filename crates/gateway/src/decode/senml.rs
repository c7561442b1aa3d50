//! SenML (RFC 8428).
//!
//! Records are resolved with their base fields. The last part of a resolved name, after `:` or `/`,
//! is the field; in a name of the form `urn:dev:…_part` (RFC 9039) it is the part after the first
//! `_`. What is before names the device, and where it has a `/`, the level before the field names
//! the stream: `CT-17/climate/temperature`. Otherwise the stream is that of the address or topic,
//! and where that tells none, `senml`. Records that follow one another with the same device, stream
//! and time are one reading.
//!
//! Times below 2²⁸ are relative to when the pack was sent; that is [`Captured::Before`]. A sum (`s`)
//! is a field of its own with `_sum` at its end; data (`vd`) is a text, base64url as it came.

use longlead_stream::{Captured, Head, Name, Value};

use super::instant;
use super::tree::Node;
use super::writer::{Fault, Writer};

/// Times from here on are since 1970.
const ABSOLUTE_SECONDS: f64 = 268_435_456.0;

/// The highest version of SenML that is read.
const VERSION: u64 = 10;

/// The base fields so far, and the reading that is being put together.
#[derive(Default)]
pub(super) struct Pack {
    base_name: String,
    base_time: f64,
    base_unit: Option<Name>,
    base_value: Option<f64>,
    base_sum: Option<f64>,
    open: Option<Head>,
}

/// A record with its labels told apart.
#[derive(Default)]
struct Record<'n> {
    name: &'n str,
    time: f64,
    unit: Option<Name>,
    value: Option<&'n Node<'n>>,
    /// The label of `value`.
    kind: &'static str,
    sum: Option<f64>,
}

impl Pack {
    /// Takes the next record.
    pub(super) fn record(&mut self, writer: &mut Writer<'_>, node: Node<'_>) {
        if !writer.has_room() {
            return;
        }
        if let Err(fault) = self.try_record(writer, &node) {
            // The reading before it is whole.
            self.end(writer);
            writer.refuse(fault, &node.to_json());
        }
    }

    /// Ends the reading that is open.
    pub(super) fn end(&mut self, writer: &mut Writer<'_>) {
        if let Some(head) = self.open.take() {
            writer.push(head);
        }
    }

    fn try_record(&mut self, writer: &mut Writer<'_>, node: &Node<'_>) -> Result<(), Fault> {
        let record = self.labels(writer, node)?;
        if record.value.is_none() && record.sum.is_none() {
            // Base fields alone are a record.
            return Ok(());
        }
        let time = self.base_time + record.time;
        let captured = if time >= ABSOLUTE_SECONDS {
            Captured::At(instant::microseconds(time)?)
        } else {
            Captured::Before(instant::microseconds(-time)?)
        };
        let name = [self.base_name.as_str(), record.name].concat();
        let (head, field) = split(writer, &name, captured)?;
        let value_name = writer.field_name(field)?;
        let sum_name =
            record.sum.map(|_| writer.field_name(&format!("{field}_sum"))).transpose()?;
        let is_taken = writer.has(value_name) || sum_name.is_some_and(|name| writer.has(name));
        if self.open != Some(head) || is_taken {
            self.end(writer);
        }
        let value = record.value.map(|value| self.value(writer, value, record.kind)).transpose()?;
        if let Some(value) = value {
            writer.value(value_name, value, record.unit)?;
        }
        if let (Some(name), Some(sum)) = (sum_name, record.sum) {
            writer.value(name, Value::Float(sum + self.base_sum.unwrap_or(0.0)), None)?;
        }
        self.open = Some(head);
        Ok(())
    }

    /// Takes the base fields of a record and tells its own apart.
    fn labels<'n>(
        &mut self,
        writer: &mut Writer<'_>,
        node: &'n Node<'n>,
    ) -> Result<Record<'n>, Fault> {
        let Node::Map(members) = node else { return Err("a record is an object".into()) };
        let mut record = Record::default();
        let mut unit = None;
        for (label, value) in members {
            match label.as_ref() {
                "bn" | "-2" => text(label, value)?.clone_into(&mut self.base_name),
                "bt" | "-3" => self.base_time = float(label, value)?,
                "bu" | "-4" => self.base_unit = Some(writer.batch.name(text(label, value)?)),
                "bv" | "-5" => self.base_value = Some(float(label, value)?),
                "bs" | "-6" => self.base_sum = Some(float(label, value)?),
                "bver" | "-1" if value.as_unsigned().is_some_and(|it| it <= VERSION) => (),
                "bver" | "-1" => {
                    return Err(format!("SenML is known up to version {VERSION}").into());
                }
                "n" | "0" => record.name = text(label, value)?,
                "u" | "1" => unit = Some(writer.batch.name(text(label, value)?)),
                "t" | "6" => record.time = float(label, value)?,
                "s" | "5" => record.sum = Some(float(label, value)?),
                // How soon the next record comes: nothing that a reading keeps.
                "ut" | "7" => (),
                "v" | "2" => take(&mut record, "v", value)?,
                "vs" | "3" => take(&mut record, "vs", value)?,
                "vb" | "4" => take(&mut record, "vb", value)?,
                "vd" | "8" => take(&mut record, "vd", value)?,
                label if label.ends_with('_') => {
                    return Err(format!("the label {label:?} must be understood, and isn't").into());
                }
                // Labels that need not be understood are passed over (RFC 8428, 4.4).
                _ => (),
            }
        }
        record.unit = unit.or(self.base_unit);
        if record.value.is_none() && record.sum.is_none() && self.base_value.is_some() {
            let has_own = members.iter().any(|it| matches!(it.0.as_ref(), "n" | "0" | "t" | "6"));
            if has_own {
                // A record of its own without a value has the base value (RFC 8428, 4.1).
                record.value = Some(&ZERO);
                record.kind = "v";
            }
        }
        Ok(record)
    }

    fn value(&self, writer: &mut Writer<'_>, value: &Node<'_>, kind: &str) -> Result<Value, Fault> {
        match (kind, value) {
            ("v", Node::Integer(number)) if self.base_value.is_none() => {
                Ok(Value::Integer(*number))
            }
            ("v", _) => {
                let number = value.as_float().ok_or("\"v\" is a number")?;
                Ok(Value::Float(number + self.base_value.unwrap_or(0.0)))
            }
            ("vb", Node::Bool(bool)) => Ok(Value::Bool(*bool)),
            ("vs" | "vd", Node::Text(text)) => writer.text(text),
            // CBOR has data as bytes.
            ("vd", Node::Bytes(bytes)) => writer.text(&base64url(bytes)),
            _ => Err(format!("{kind:?} has a value of another type").into()),
        }
    }
}

static ZERO: Node<'static> = Node::Integer(0);

fn take<'n>(record: &mut Record<'n>, kind: &'static str, value: &'n Node<'n>) -> Result<(), Fault> {
    if record.value.is_some() {
        return Err("a record has one value only".into());
    }
    (record.value, record.kind) = (Some(value), kind);
    Ok(())
}

fn text<'n>(label: &str, value: &'n Node<'_>) -> Result<&'n str, Fault> {
    value.as_text().ok_or_else(|| format!("{label:?} is a text").into())
}

fn float(label: &str, value: &Node<'_>) -> Result<f64, Fault> {
    value.as_float().ok_or_else(|| format!("{label:?} is a number").into())
}

/// What a resolved name tells: whose reading it is, and of which field.
fn split<'n>(
    writer: &mut Writer<'_>,
    name: &'n str,
    captured: Captured,
) -> Result<(Head, &'n str), Fault> {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-:./_".contains(&byte);
    let starts_soundly = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !starts_soundly || !name.bytes().all(is_sound) {
        return Err(format!("{name:?} is no name of SenML").into());
    }
    let (before, last) = match name.rfind([':', '/']) {
        Some(at) => (name.get(..at).unwrap_or(""), name.get(at + 1..).unwrap_or("")),
        None => ("", name),
    };
    let is_urn = before.starts_with("urn:dev:");
    let (before, field) = match last.split_once('_').filter(|_| is_urn && !before.contains('/')) {
        Some((id, part)) => (name.get(..before.len() + 1 + id.len()).unwrap_or(""), part),
        None => (before, last),
    };
    let (device, stream) = match before.rsplit_once('/') {
        Some((device, stream)) => (device, Some(stream)),
        None => (before, None),
    };
    let stream = stream.or(writer.stream()).unwrap_or("senml");
    let stream = writer.stream_name(stream)?;
    let device = match device {
        "" => writer.device(),
        device => Some(writer.device_name(device)?),
    };
    Ok((Head { device, captured, ..Head::of(stream) }, field))
}

/// Bytes as RFC 4648, section 5, writes them, without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letters = bytes.chunks(3).flat_map(|chunk| {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |place| LETTERS.get(bits >> (18 - 6 * place) & 63).copied())
    });
    letters.flatten().map(char::from).collect()
}
