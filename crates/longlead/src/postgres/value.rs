//! Values as PostgreSQL writes them, in text and in binary.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use longlead_lake::{Cell, Kind};

/// Microseconds from 1970 to 2000, from which PostgreSQL counts.
const MICROS_TO_2000: i64 = 946_684_800_000_000;
/// Days from 1970 to 2000.
const DAYS_TO_2000: i32 = 10_957;

/// The number of the type of texts.
pub(super) const TEXT: i32 = 25;

/// The number of a type, and its size in bytes; -1 where sizes differ.
pub(super) fn type_of(kind: Kind) -> (i32, i16) {
    match kind {
        Kind::Bool => (16, 1),
        Kind::Integer => (20, 8),
        // Half of them are too large for any integer that PostgreSQL has.
        Kind::Unsigned => (1700, -1),
        Kind::Float => (701, 8),
        Kind::Text | Kind::Other => (TEXT, -1),
        Kind::Time => (1184, 8),
        Kind::Date => (1082, 4),
        Kind::Bytes => (17, -1),
    }
}

/// The name of a type of the query engine in PostgreSQL.
pub(super) fn type_name(engine: &str) -> &'static str {
    match engine {
        "Boolean" => "boolean",
        "Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" => "bigint",
        "UInt64" => "numeric",
        "Float32" | "Float64" => "double precision",
        "Date32" => "date",
        "Binary" | "LargeBinary" | "BinaryView" => "bytea",
        time if time.starts_with("Timestamp") => "timestamp with time zone",
        _ => "text",
    }
}

/// Writes a value with its length before it.
pub(super) fn put(out: &mut Vec<u8>, cell: &Cell<'_>, is_binary: bool) {
    if *cell == Cell::Null {
        out.extend((-1_i32).to_be_bytes());
        return;
    }
    let start = out.len();
    out.extend([0; 4]);
    if is_binary {
        put_binary(out, cell);
    } else {
        put_text(out, cell);
    }
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn put_text(out: &mut Vec<u8>, cell: &Cell<'_>) {
    let text = match cell {
        Cell::Null => return,
        Cell::Bool(value) => if *value { "t" } else { "f" }.to_owned(),
        Cell::Integer(value) => value.to_string(),
        Cell::Unsigned(value) => value.to_string(),
        Cell::Float(value) if value.is_infinite() => {
            if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
        }
        Cell::Float(value) => value.to_string(),
        Cell::Time(micros) => time(*micros),
        Cell::Date(days) => day(*days),
        Cell::Bytes(bytes) => format!("\\x{}", hex(bytes)),
        Cell::Text(text) => return out.extend(text.bytes()),
        Cell::Other(text) => return out.extend(text.bytes()),
    };
    out.extend(text.bytes());
}

fn put_binary(out: &mut Vec<u8>, cell: &Cell<'_>) {
    match cell {
        Cell::Null => {}
        Cell::Bool(value) => out.push(u8::from(*value)),
        Cell::Integer(value) => out.extend(value.to_be_bytes()),
        Cell::Unsigned(value) => put_numeric(out, *value),
        Cell::Float(value) => out.extend(value.to_be_bytes()),
        Cell::Time(micros) => out.extend(micros.saturating_sub(MICROS_TO_2000).to_be_bytes()),
        Cell::Date(days) => out.extend(days.saturating_sub(DAYS_TO_2000).to_be_bytes()),
        Cell::Bytes(bytes) => out.extend_from_slice(bytes),
        Cell::Text(text) => out.extend(text.bytes()),
        Cell::Other(text) => out.extend(text.bytes()),
    }
}

/// A whole number as digits of base 10,000: how many, the weight of the first, the sign, and how
/// many decimals, each in two bytes.
fn put_numeric(out: &mut Vec<u8>, value: u64) {
    let mut digits = Vec::new();
    let mut rest = value;
    while rest > 0 {
        digits.push((rest % 10_000) as i16);
        rest /= 10_000;
    }
    let count = i16::try_from(digits.len()).unwrap_or(0);
    for number in [count, count.saturating_sub(1).max(0), 0, 0] {
        out.extend(number.to_be_bytes());
    }
    digits.iter().rev().for_each(|digit| out.extend(digit.to_be_bytes()));
}

/// The value of a parameter as a text, from how it was written; `oid` says what it is.
pub(super) fn parameter(oid: i32, is_binary: bool, bytes: &[u8]) -> Result<String, String> {
    if !is_binary || matches!(oid, 0 | 19 | 25 | 705 | 1042 | 1043) {
        return String::from_utf8(bytes.to_vec()).map_err(|_| "a text isn't UTF-8".to_owned());
    }
    let wrong = || format!("a parameter of type {oid} has {} bytes", bytes.len());
    let two = || bytes.try_into().map(i16::from_be_bytes).map_err(|_| wrong());
    let four = || bytes.try_into().map(i32::from_be_bytes).map_err(|_| wrong());
    let eight = || bytes.try_into().map(i64::from_be_bytes).map_err(|_| wrong());
    Ok(match oid {
        16 => matches!(bytes, [1]).to_string(),
        20 => eight()?.to_string(),
        21 => two()?.to_string(),
        23 | 26 => four()?.to_string(),
        700 => f32::from_bits(four()?.cast_unsigned()).to_string(),
        701 => f64::from_bits(eight()?.cast_unsigned()).to_string(),
        1082 => day(four()?.saturating_add(DAYS_TO_2000)),
        1114 => time(eight()?.saturating_add(MICROS_TO_2000)).replace("+00", ""),
        1184 => time(eight()?.saturating_add(MICROS_TO_2000)),
        other => {
            return Err(format!("parameters of type {other} aren't taken; cast a text instead"));
        }
    })
}

fn time(micros: i64) -> String {
    match Timestamp::from_microsecond(micros) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S%.f+00").to_string(),
        Err(_) => if micros > 0 { "infinity" } else { "-infinity" }.to_owned(),
    }
}

fn day(days: i32) -> String {
    let epoch: Date = date(1970, 1, 1);
    match epoch.checked_add(jiff::Span::new().days(days)) {
        Ok(day) => day.to_string(),
        Err(_) => if days > 0 { "infinity" } else { "-infinity" }.to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cell: &Cell<'_>, is_binary: bool) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, cell, is_binary);
        out
    }

    #[test]
    fn values_are_written_as_postgres_writes_them() {
        let at = 1_451_606_400_500_000;
        for (cell, text) in [
            (Cell::Bool(true), "t"),
            (Cell::Integer(-3), "-3"),
            (Cell::Float(0.5), "0.5"),
            (Cell::Float(f64::NAN), "NaN"),
            (Cell::Float(f64::NEG_INFINITY), "-Infinity"),
            (Cell::Time(at), "2016-01-01 00:00:00.5+00"),
            (Cell::Date(16_801), "2016-01-01"),
            (Cell::Bytes(&[1, 255]), "\\x01ff"),
        ] {
            let mut expected = (text.len() as i32).to_be_bytes().to_vec();
            expected.extend(text.bytes());
            assert_eq!(written(&cell, false), expected, "{text}");
        }
        assert_eq!(written(&Cell::Null, true), [255; 4]);
        assert_eq!(written(&Cell::Date(10_958), true), [0, 0, 0, 4, 0, 0, 0, 1]);
        // 12,345,678 is 1234 × 10,000 + 5678.
        let numeric = [0, 0, 0, 12, 0, 2, 0, 1, 0, 0, 0, 0, 4, 210, 22, 46];
        assert_eq!(written(&Cell::Unsigned(12_345_678), true), numeric);
    }

    #[test]
    fn parameters_come_back_as_they_were_meant() {
        for (oid, bytes, text) in [
            (16, &[1_u8][..], "true"),
            (21, &[255, 255], "-1"),
            (701, &0.25_f64.to_be_bytes(), "0.25"),
            (1082, &1_i32.to_be_bytes(), "2000-01-02"),
            (1184, &500_000_i64.to_be_bytes(), "2000-01-01 00:00:00.5+00"),
            (1043, b"x", "x"),
        ] {
            assert_eq!(parameter(oid, true, bytes).as_deref(), Ok(text));
        }
        assert!(parameter(20, true, &[1]).is_err());
        assert!(parameter(3802, true, b"{}").is_err());
    }
}
