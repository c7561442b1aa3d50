//! Quantities: a decimal with a unit, exactly as written.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use crate::unit::{MeasureError, Unit, UnitError};

/// The longest number that is read, in bytes: a decimal holds 28 digits.
const NUMBER_BYTES_MAX: usize = 64;

/// A quantity: a number and its unit, kept as they were written.
///
/// Two quantities are equal if they are written alike, so that a change of spelling is seen as
/// a change; what they amount to is compared by [`Quantity::compare`].
///
/// ```
/// use std::cmp::Ordering;
/// use longlead_model::Quantity;
///
/// let offered: Quantity = "256 KiB".parse()?;
/// let needed: Quantity = "128000 By".parse()?;
/// assert_eq!(offered.compare(&needed)?, Ordering::Greater);
/// assert_eq!(offered.to(needed.unit())?.to_string(), "262144 By");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A comparison is exact between spellings of one unit. Between units on ratio scales it is
/// made in 28-digit decimal arithmetic, and quantities that differ by less than one part in
/// 10²⁰ are equal; where a temperature scale, a level or another scale of its own is involved,
/// by less than one part in 10¹².
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// The number as written, which a decimal alone would not give back (`1e3`, `+5`).
    number: Box<str>,
    value: Decimal,
    unit: Unit,
}

impl Quantity {
    /// A quantity of `value` in `unit`.
    pub fn new(value: Decimal, unit: Unit) -> Quantity {
        Quantity { number: value.to_string().into(), value, unit }
    }

    /// The number.
    pub fn value(&self) -> Decimal {
        self.value
    }

    /// The unit.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The same quantity in `unit`, rounded to 24 significant digits; to 14 where one of the
    /// units is on a scale of its own. A decimal holds 28 places, so numbers far below one keep
    /// fewer digits, and those that would keep fewer than 14 are out of range.
    pub fn to(&self, unit: &Unit) -> Result<Quantity, ConversionError> {
        match self.unit.convert(self.value, unit) {
            Ok(value) => Ok(Quantity::new(value, unit.clone())),
            Err(error) => Err(self.conversion_error(error, unit)),
        }
    }

    /// The number that this quantity has in `unit`; for a `unit` so large or small that a
    /// decimal can't hold it.
    pub fn value_in(&self, unit: &Unit) -> Result<f64, ConversionError> {
        self.unit.convert_f64(self.value, unit).map_err(|error| self.conversion_error(error, unit))
    }

    /// Which of the two is more.
    pub fn compare(&self, other: &Quantity) -> Result<Ordering, ConversionError> {
        self.unit
            .compare(self.value, &other.unit, other.value)
            .map_err(|error| self.conversion_error(error, &other.unit))
    }

    fn conversion_error(&self, error: MeasureError, to: &Unit) -> ConversionError {
        match error {
            MeasureError::Dimension => ConversionError::Dimension {
                from: spoken(&self.unit),
                from_dimension: self.unit.dimension().into_owned(),
                to: spoken(to),
                to_dimension: to.dimension().into_owned(),
            },
            MeasureError::Domain => {
                ConversionError::Domain { quantity: self.to_string(), to: spoken(to) }
            }
            MeasureError::Range => {
                ConversionError::OutOfRange { quantity: self.to_string(), to: spoken(to) }
            }
        }
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(QuantityError::Empty);
        }
        let (number, unit) = text.split_at(number_end(text));
        if number.is_empty() {
            return Err(QuantityError::NoNumber { text: excerpt(text) });
        }
        let value =
            read_number(number).ok_or_else(|| QuantityError::Number { number: excerpt(number) })?;
        let unit = match unit.trim_start() {
            "" => Unit::one(),
            rest if is_separated(rest) => {
                return Err(QuantityError::Separated { text: excerpt(text) });
            }
            unit => unit.parse()?,
        };
        Ok(Quantity { number: number.into(), value, unit })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)?;
        match self.unit.as_written() {
            "" => Ok(()),
            unit => write!(f, " {unit}"),
        }
    }
}

/// Why a text is not a quantity. [`QuantityError::help`] says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// There is no text.
    #[error("the quantity is empty")]
    Empty,
    /// The text doesn't start with a number.
    #[error("`{text}` does not start with a number")]
    NoNumber {
        /// The text, shortened if it is long.
        text: String,
    },
    /// The number has more digits than a decimal holds, or isn't complete.
    #[error("`{number}` is not a number of at most 28 digits")]
    Number {
        /// The number, shortened if it is long.
        number: String,
    },
    /// The number is written with separators.
    #[error("the number in `{text}` is written with separators")]
    Separated {
        /// The text, shortened if it is long.
        text: String,
    },
    /// The unit can't be read.
    #[error(transparent)]
    Unit(#[from] UnitError),
}

impl QuantityError {
    /// How to mend it.
    pub fn help(&self) -> String {
        match self {
            QuantityError::Empty | QuantityError::NoNumber { .. } => {
                "write a number and a unit, such as \"256 KiB\" or \"3.7 V\"".into()
            }
            QuantityError::Number { .. } => "write fewer digits or choose another unit".into(),
            QuantityError::Separated { .. } => {
                "write the digits without separators and a point before decimals, as in \
                 \"12500.5 V\""
                    .into()
            }
            QuantityError::Unit(error) => error.help(),
        }
    }
}

/// Why a quantity can't be expressed in, or compared with, another unit.
/// [`ConversionError::help`] says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// The units measure different things.
    #[error("`{from}` ({from_dimension}) does not convert to `{to}` ({to_dimension})")]
    Dimension {
        /// The unit of the quantity, as written.
        from: String,
        /// What it measures.
        from_dimension: String,
        /// The other unit, as written.
        to: String,
        /// What that measures.
        to_dimension: String,
    },
    /// The quantity has no counterpart in the other unit, such as the level of zero watts.
    #[error("`{quantity}` has no value in `{to}`")]
    Domain {
        /// The quantity, as written.
        quantity: String,
        /// The other unit, as written.
        to: String,
    },
    /// The result is too large or too small to be computed with.
    #[error("`{quantity}` in `{to}` is out of range")]
    OutOfRange {
        /// The quantity, as written.
        quantity: String,
        /// The other unit, as written.
        to: String,
    },
}

impl ConversionError {
    /// How to mend it.
    pub fn help(&self) -> String {
        match self {
            ConversionError::Dimension { from, from_dimension, to, to_dimension } => {
                let mistaken =
                    mistaken(from, to_dimension).or_else(|| mistaken(to, from_dimension));
                match mistaken {
                    Some(help) => help.to_owned(),
                    None if is_money(from_dimension) && is_money(to_dimension) => {
                        "currencies meet only through a rate; write both in one currency".to_owned()
                    }
                    None => format!("write both in units of {to_dimension} or of {from_dimension}"),
                }
            }
            ConversionError::Domain { .. } => {
                "a level or a root exists of positive quantities only".to_owned()
            }
            ConversionError::OutOfRange { .. } => "choose a unit nearer to the quantity".to_owned(),
        }
    }
}

fn is_money(dimension: &str) -> bool {
    dimension.starts_with("money in ")
}

/// UCUM codes that are easily taken for something else: the code, what was meant to be
/// measured, and what to write instead.
fn mistaken(unit: &str, meant: &str) -> Option<&'static str> {
    let help = match (unit, meant) {
        ("B", "information") => "`B` is the bel in UCUM; write `By` for bytes",
        ("b" | "Gb", "information") => "`b` is not the bit in UCUM; write `bit`, as in `Gbit`",
        ("C", "temperature") => "`C` is the coulomb; write `Cel` or `°C` for degrees Celsius",
        ("F", "temperature") => "`F` is the farad; write `[degF]` or `°F` for degrees Fahrenheit",
        ("S", "time") => "`S` is the siemens; write `s` for seconds",
        ("m", "time") => "`m` is the metre; write `min` for minutes or `mo` for months",
        ("ft", "length") => "`ft` is the femtotonne in UCUM; write `[ft_i]` for feet",
        ("pc", "number") => "`pc` is the parsec in UCUM; write `pcs` for pieces",
        ("A" | "mA" | "uA", "electric charge") => "a charge is a current times a time, as in `mAh`",
        ("W" | "mW" | "kW", "energy") => "an energy is a power times a time, as in `Wh`",
        _ => return None,
    };
    Some(help)
}

/// The unit in a message, where nothing must still be seen.
fn spoken(unit: &Unit) -> String {
    match unit.as_written() {
        "" => "1".to_owned(),
        written => written.to_owned(),
    }
}

/// True if what follows a number goes on with the number: `,000 V`, `000 V`.
fn is_separated(rest: &str) -> bool {
    let group = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = rest.get(group..).unwrap_or_default();
    rest.starts_with([',', '_', '\''])
        || group == 3 && (after.is_empty() || after.starts_with([' ', '.', ',']))
}

/// Where the number at the start of a text ends: sign, digits, point, digits, exponent; 0 if
/// there is no digit. An `e` without digits belongs to the unit, as in `2eV`.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let digits_end =
        |start: usize| (start..).find(|at| !byte(*at).is_ascii_digit()).unwrap_or(start);
    let sign_end = usize::from(matches!(byte(0), b'+' | b'-'));
    let mut end = digits_end(sign_end);
    if byte(end) == b'.' {
        end = digits_end(end + 1);
    }
    if !bytes.get(sign_end..end).is_some_and(|number| number.iter().any(u8::is_ascii_digit)) {
        return 0;
    }
    if matches!(byte(end), b'e' | b'E') {
        let exponent = end + 1 + usize::from(matches!(byte(end + 1), b'+' | b'-'));
        if byte(exponent).is_ascii_digit() {
            end = digits_end(exponent);
        }
    }
    end
}

/// The exact value of a number, or none if a decimal can't hold it.
fn read_number(number: &str) -> Option<Decimal> {
    if number.len() > NUMBER_BYTES_MAX {
        return None;
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let mantissa = Decimal::from_str_exact(mantissa).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let scale = i32::try_from(mantissa.scale()).ok()?.checked_sub(exponent)?;
    match u32::try_from(scale) {
        Ok(scale) => Decimal::try_from_i128_with_scale(mantissa.mantissa(), scale).ok(),
        Err(_) => {
            let power = 10_i128.checked_pow(scale.unsigned_abs())?;
            let integer = mantissa.mantissa().checked_mul(power)?;
            Decimal::try_from_i128_with_scale(integer, 0).ok()
        }
    }
}

/// The text, shortened to what fits a message.
fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
