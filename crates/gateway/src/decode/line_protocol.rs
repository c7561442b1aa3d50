//! The line protocol of InfluxDB, as its second version defines it.
//!
//! The measurement is the stream. The tag `device` names the device; every other tag is a text
//! value, so that a contract can say which of them names the device. A line that can't be read is
//! refused by itself, with its number.
//!
//! Keys mostly stand in the same order in each line of a measurement, so that a key is first held
//! against the one that stood there in the last line; only if it differs it is looked up.

use std::borrow::Cow;
use std::collections::HashMap;

use longlead_stream::{Captured, Head, Name, Value};

use super::writer::{Fault, Writer};
use super::{Context, Precision};

mod number;

/// Reads a payload line by line.
pub(super) fn read(writer: &mut Writer<'_>, payload: &[u8], context: &Context<'_>) {
    let mut scanner = Scanner {
        writer,
        precision: context.precision,
        shapes: Vec::new(),
        by_measurement: HashMap::new(),
        last: 0,
        strings: String::new(),
    };
    match std::str::from_utf8(payload) {
        Ok(text) => scanner.lines(text, payload, 1),
        Err(_) => scanner.lines_with_faults(payload),
    }
}

/// The keys of a measurement's last line, in order: as written, whether of a tag, and what it is.
struct Shape<'p> {
    measurement: &'p str,
    stream: Name,
    keys: Vec<(&'p str, bool, Key)>,
}

#[derive(Clone, Copy)]
enum Key {
    Device,
    Field(Name),
}

struct Scanner<'w, 'c, 'p> {
    writer: &'w mut Writer<'c>,
    precision: Precision,
    shapes: Vec<Shape<'p>>,
    by_measurement: HashMap<&'p str, usize>,
    /// The shape of the last line.
    last: usize,
    /// A text value while its escapes are taken out.
    strings: String,
}

/// A line while it is read.
struct Cursor<'p> {
    text: &'p str,
    at: usize,
}

impl<'p> Scanner<'_, '_, 'p> {
    /// Reads lines of which some aren't UTF-8.
    fn lines_with_faults(&mut self, payload: &'p [u8]) {
        let mut start = 0;
        for (number, line) in payload.split(|byte| *byte == b'\n').enumerate() {
            if self.writer.is_full() {
                return self.writer.refuse_rest(payload.get(start..).unwrap_or(&[]));
            }
            start += line.len() + 1;
            match std::str::from_utf8(line) {
                Ok(text) => self.lines(text, line, number + 1),
                Err(error) => {
                    let at = error.valid_up_to();
                    let detail = format!("line {}: byte {at} is not UTF-8", number + 1);
                    self.writer.refuse(detail, line);
                }
            }
        }
    }

    fn lines(&mut self, text: &'p str, payload: &[u8], first: usize) {
        let mut cursor = Cursor { text, at: 0 };
        let mut number = first;
        while cursor.at < text.len() {
            let start = cursor.at;
            if self.writer.is_full() {
                return self.writer.refuse_rest(payload.get(start..).unwrap_or(&[]));
            }
            if let Err(fault) = self.line(&mut cursor) {
                cursor.skip_line();
                let line = payload.get(start..cursor.at).unwrap_or(&[]);
                self.writer.refuse(format!("line {number}: {fault}"), line.trim_ascii_end());
            }
            cursor.at += 1;
            // A text may hold line breaks, so that a line of ours may be several.
            let read = payload.get(start..cursor.at.min(payload.len())).unwrap_or(&[]);
            number += memchr::memchr_iter(b'\n', read).count();
        }
    }

    /// Reads one line and stops at its line break.
    fn line(&mut self, cursor: &mut Cursor<'p>) -> Result<(), Fault> {
        cursor.skip(b" \t\r");
        match cursor.peek() {
            None | Some(b'\n') => return Ok(()),
            Some(b'#') => {
                cursor.skip_line();
                return Ok(());
            }
            Some(b',') => return Err("the line has no measurement".into()),
            Some(_) => (),
        }
        let measurement = cursor.token(b',', b' ', b' ')?;
        let shape = self.shape(measurement)?;
        let mut device = None;
        let mut place = 0;
        while cursor.take(b',') {
            self.tag(cursor, shape, place, &mut device)?;
            place += 1;
        }
        if !cursor.take(b' ') {
            return Err("the line has no field".into());
        }
        cursor.skip(b" ");
        loop {
            self.field(cursor, shape, place)?;
            place += 1;
            if !cursor.take(b',') {
                break;
            }
        }
        let captured = self.timestamp(cursor)?;
        let stream =
            self.shapes.get(shape).map(|it| it.stream).ok_or("the line has no measurement")?;
        let device = device.or_else(|| self.writer.device());
        self.writer.push(Head { device, captured, ..Head::of(stream) });
        Ok(())
    }

    /// The shape of a measurement's lines.
    fn shape(&mut self, measurement: &'p str) -> Result<usize, Fault> {
        let is_it = |shapes: &[Shape<'p>], index: usize| {
            shapes.get(index).is_some_and(|shape| shape.measurement == measurement)
        };
        if !is_it(&self.shapes, self.last) {
            self.last = match self.by_measurement.get(measurement) {
                Some(index) => *index,
                None => {
                    let stream = self.writer.stream_name(&unescape(measurement, b", "))?;
                    self.shapes.push(Shape { measurement, stream, keys: Vec::new() });
                    self.by_measurement.insert(measurement, self.shapes.len() - 1);
                    self.shapes.len() - 1
                }
            };
        }
        Ok(self.last)
    }

    /// What a key stands for.
    fn key(
        &mut self,
        shape: usize,
        place: usize,
        raw: &'p str,
        is_tag: bool,
    ) -> Result<Key, Fault> {
        let known = self.shapes.get(shape).and_then(|shape| shape.keys.get(place));
        if let Some((.., key)) = known.filter(|it| it.0 == raw && it.1 == is_tag) {
            return Ok(*key);
        }
        let plain = unescape(raw, b",= ");
        if plain.is_empty() {
            return Err("a key is empty".into());
        }
        let key = match plain.as_ref() {
            "device" if is_tag => Key::Device,
            plain => Key::Field(self.writer.field_name(plain)?),
        };
        if let Some(shape) = self.shapes.get_mut(shape) {
            match shape.keys.get_mut(place) {
                Some(known) => *known = (raw, is_tag, key),
                None => shape.keys.push((raw, is_tag, key)),
            }
        }
        Ok(key)
    }

    fn tag(
        &mut self,
        cursor: &mut Cursor<'p>,
        shape: usize,
        place: usize,
        device: &mut Option<Name>,
    ) -> Result<(), Fault> {
        let raw = cursor.token(b'=', b',', b' ')?;
        let key = self.key(shape, place, raw, true)?;
        if !cursor.take(b'=') {
            return Err(format!("the tag {raw:?} has no value").into());
        }
        let raw = cursor.token(b',', b' ', b'=')?;
        if raw.is_empty() || cursor.peek() == Some(b'=') {
            return Err("a tag's value is empty or has an \"=\" without a \"\\\"".into());
        }
        let value = unescape(raw, b",= ");
        match key {
            Key::Device if device.is_some() => return Err("the line has two devices".into()),
            Key::Device => *device = Some(self.writer.device_name(&value)?),
            Key::Field(name) => {
                let value = self.writer.text(&value)?;
                self.writer.value(name, value, None)?;
            }
        }
        Ok(())
    }

    fn field(&mut self, cursor: &mut Cursor<'p>, shape: usize, place: usize) -> Result<(), Fault> {
        let raw = cursor.token(b'=', b',', b' ')?;
        let key = self.key(shape, place, raw, false)?;
        if !cursor.take(b'=') {
            return Err(format!("the field {raw:?} has no value").into());
        }
        let value = if cursor.take(b'"') {
            self.string(cursor)?
        } else {
            number::value(cursor.until_end_of_value())?
        };
        match key {
            Key::Field(name) => self.writer.value(name, value, None),
            Key::Device => Err("a field is named \"device\"".into()),
        }
    }

    /// Reads a text up to its closing quote.
    fn string(&mut self, cursor: &mut Cursor<'p>) -> Result<Value, Fault> {
        let rest = cursor.rest();
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes()).ok_or("a text has no end")?;
        if rest.as_bytes().get(end) == Some(&b'"') {
            cursor.at += end + 1;
            return self.writer.text(rest.get(..end).unwrap_or(""));
        }
        self.strings.clear();
        let mut start = 0;
        loop {
            let tail = rest.get(start..).unwrap_or("");
            let end = memchr::memchr2(b'"', b'\\', tail.as_bytes()).ok_or("a text has no end")?;
            self.strings.push_str(tail.get(..end).unwrap_or(""));
            start += end + 1;
            if tail.as_bytes().get(end) == Some(&b'"') {
                break;
            }
            match tail.as_bytes().get(end + 1) {
                Some(byte @ (b'"' | b'\\')) => {
                    self.strings.push(char::from(*byte));
                    start += 1;
                }
                _ => self.strings.push('\\'),
            }
        }
        cursor.at += start;
        let text = std::mem::take(&mut self.strings);
        let value = self.writer.text(&text);
        self.strings = text;
        value
    }

    fn timestamp(&self, cursor: &mut Cursor<'p>) -> Result<Captured, Fault> {
        match cursor.peek() {
            None | Some(b'\n' | b' ' | b'\r') => (),
            Some(_) => {
                return Err("after a value comes \",\", a time or the end of the line".into());
            }
        }
        cursor.skip(b" ");
        let raw = cursor.until_end_of_value();
        cursor.skip(b" \r");
        if !matches!(cursor.peek(), None | Some(b'\n')) {
            return Err("more follows the time".into());
        }
        if raw.is_empty() {
            return Ok(Captured::Untold);
        }
        let timestamp = number::integer(raw).ok_or_else(|| format!("{raw:?} is no time"))?;
        let captured = self.precision.microseconds(timestamp);
        captured.map(Captured::At).ok_or_else(|| "the time is out of range".into())
    }
}

impl<'p> Cursor<'p> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'p str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    fn skip(&mut self, bytes: &[u8]) {
        while self.peek().is_some_and(|byte| bytes.contains(&byte)) {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest().as_bytes();
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    /// What stands up to one of three bytes that no `\` precedes, or up to the line's end.
    fn token(&mut self, first: u8, second: u8, third: u8) -> Result<&'p str, Fault> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            if byte == first || byte == second || byte == third || byte == b'\n' {
                break;
            }
            self.at += 1;
            if byte == b'\\' && self.peek().is_some_and(|next| next != b'\n') {
                // What is escaped may be more than a byte; those that follow end no token.
                self.at += 1;
            }
        }
        self.text.get(start..self.at).ok_or_else(|| "the line breaks off".into())
    }

    /// What stands up to a comma, a space or the line's end.
    fn until_end_of_value(&mut self) -> &'p str {
        let start = self.at;
        while self.peek().is_some_and(|byte| !matches!(byte, b',' | b' ' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or("")
    }
}

/// A token without the `\` before each of the bytes that need one there. Every other `\` stands for
/// itself.
fn unescape<'p>(raw: &'p str, escaped: &[u8]) -> Cow<'p, str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut plain = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(char) = chars.next() {
        let next_is_escaped =
            |next: &char| u8::try_from(*next).is_ok_and(|it| escaped.contains(&it));
        match chars.peek().filter(|next| char == '\\' && next_is_escaped(next)) {
            Some(next) => {
                plain.push(*next);
                chars.next();
            }
            None => plain.push(char),
        }
    }
    Cow::Owned(plain)
}
