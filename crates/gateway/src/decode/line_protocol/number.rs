//! Values of the line protocol that are no texts.

use longlead_stream::Value;

use crate::decode::writer::Fault;

/// Reads a number or a boolean.
pub(super) fn value(raw: &str) -> Result<Value, Fault> {
    let value = match raw.as_bytes() {
        [digits @ .., b'i'] => signed(digits).map(Value::Integer),
        [digits @ .., b'u'] => unsigned(digits).map(Value::Unsigned),
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some(Value::Bool(true)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some(Value::Bool(false)),
        _ => float(raw).map(Value::Float),
    };
    value.ok_or_else(|| format!("{:?} is no value", raw.get(..64).unwrap_or(raw)).into())
}

/// Reads a whole number of 64 bits.
pub(super) fn integer(raw: &str) -> Option<i64> {
    signed(raw.as_bytes())
}

fn signed(digits: &[u8]) -> Option<i64> {
    match digits {
        [b'-', digits @ ..] => 0_i64.checked_sub_unsigned(unsigned(digits)?),
        digits => unsigned(digits).and_then(|number| i64::try_from(number).ok()),
    }
}

fn unsigned(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    // Nineteen digits always fit.
    let mut number = 0_u64;
    let (first, rest) = digits.split_at_checked(19).unwrap_or((digits, &[]));
    for byte in first {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        number = number.checked_mul(10).filter(|_| digit <= 9)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

fn float(raw: &str) -> Option<f64> {
    short(raw.as_bytes()).or_else(|| long(raw))
}

/// A number of at most 15 digits without exponent. Its digits, and the power of ten by which they
/// are divided, are exact as floats, so that the one division rounds correctly (Clinger, 1990).
fn short(raw: &[u8]) -> Option<f64> {
    let (is_negative, digits) = match raw {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let (mut number, mut count, mut fraction, mut has_point) = (0_u64, 0, 0, false);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            count += 1;
            fraction += usize::from(has_point);
            number = number * 10 + u64::from(digit);
        } else if *byte == b'.' && !has_point {
            has_point = true;
        } else {
            return None;
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "15 digits are below 2⁵³")]
    let magnitude = number as f64 / POWERS.get(fraction)?;
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Any other number. Infinity and what is no number have no place in the line protocol.
fn long(raw: &str) -> Option<f64> {
    let first = raw.strip_prefix('-').unwrap_or(raw).bytes().next()?;
    let is_number = first.is_ascii_digit() || first == b'.';
    raw.parse::<f64>().ok().filter(|number| is_number && number.is_finite())
}
