//! Units of measure: the Unified Code for Units of Measure (UCUM, version 2.2), and the
//! spellings that people write instead of it.
//!
//! Codes are UCUM's case-sensitive ones: `mA`, `KiBy`, `Cel`, `mo`, `{unit}`. Around them:
//!
//! - A short table of *aliases* turns everyday spellings into codes: `KiB` is `KiBy`, `mAh`
//!   is `mA.h`, `°C` is `Cel`, `pcs` is `{unit}`. An alias hides no UCUM unit, but for
//!   nine that nobody writes: `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB` and `TiB` are bytes,
//!   not bels, and `dBi` is a decibel, not a tenth of a Biot. A lone `B` and `dB` stay bels.
//! - *Information* and *money* are dimensions of their own. UCUM counts a bit, and anything in
//!   braces, as the plain number one, so that `1 KiBy` would equal `819200 %`. Here `bit` and
//!   `By` convert to each other only, and an ISO 4217 code (`USD`, in UCUM `{USD}`) to itself
//!   only. All other conversions are UCUM's.
//! - `dBm` is the level over one milliwatt. UCUM has `B[W]` and `B[kW]` but no milliwatt, so
//!   its code `dB[mW]`, formed in UCUM's manner, is the one code that UCUM doesn't have.
//!
//! Parsing and the table of units come from the crate `octofhir-ucum`; none of its types leave
//! this module.

mod alias;
mod conversion;
mod measure;
mod spelling;
mod suggestion;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use rust_decimal::Decimal;

pub use self::conversion::Conversion;
use self::measure::Measure;
pub(crate) use self::measure::MeasureError;
use self::spelling::Spelling;

/// The longest unit that is read, in bytes. Real ones stay below 40; the bound keeps hostile
/// text cheap.
const UNIT_BYTES_MAX: usize = 200;

/// A unit of measure: the spelling that was written, and what it measures.
///
/// Two units are equal if they are written alike; whether they measure the same is asked with
/// [`Unit::converts_to`].
///
/// ```
/// use longlead_model::Unit;
///
/// let written: Unit = "KiB".parse()?;
/// assert_eq!((written.as_written(), written.code()), ("KiB", "KiBy"));
/// assert_eq!(written.dimension(), "information");
/// assert!(written.converts_to(&"kbit".parse()?));
/// assert!(!written.converts_to(&"V".parse()?));
/// # Ok::<(), longlead_model::UnitError>(())
/// ```
#[derive(Clone)]
pub struct Unit {
    written: Box<str>,
    code: Box<str>,
    measure: Measure,
}

impl Unit {
    /// The unit of a plain number, written as nothing.
    pub fn one() -> Unit {
        Unit { written: "".into(), code: "1".into(), measure: Measure::one() }
    }

    /// Reads a UCUM code as UCUM defines it, without aliases.
    pub fn from_ucum(code: &str) -> Result<Unit, UnitError> {
        check_length(code)?;
        read(code, &Spelling::literal(code))
    }

    /// The unit as it was written; empty for [`Unit::one`].
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The case-sensitive UCUM code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The full name in UCUM's own words, for example `(milliampere) * (hour)`.
    pub fn name(&self) -> String {
        Measure::name(&self.code)
    }

    /// What the unit measures, in words for a message: `information`, `time`, `number`.
    pub fn dimension(&self) -> Cow<'static, str> {
        self.measure.dimension()
    }

    /// True if a quantity in this unit can be expressed in `other`.
    pub fn converts_to(&self, other: &Unit) -> bool {
        self.measure.converts_to(&other.measure)
    }

    /// True if an amount below zero makes sense: on a scale whose zero is a convention (`Cel`,
    /// `dBm`), or of what has a direction (voltage, current, angle, height).
    pub(crate) fn has_negatives(&self) -> bool {
        const NEVER_NEGATIVE: [&str; 17] = [
            "information",
            "data rate",
            "number",
            "time",
            "frequency",
            "mass",
            "area",
            "volume",
            "volume flow",
            "density",
            "energy",
            "electric charge",
            "electric resistance",
            "electric capacitance",
            "inductance",
            "luminous flux",
            "illuminance",
        ];
        let dimension = self.dimension();
        self.measure.has_own_scale()
            || !(NEVER_NEGATIVE.contains(&dimension.as_ref()) || dimension.starts_with("money in "))
    }

    /// The product of two units, written as its code.
    pub fn times(&self, other: &Unit) -> Result<Unit, UnitError> {
        Unit::from_ucum(&format!("{}.{}", self.component(), other.component()))
    }

    /// The quotient of two units, written as its code.
    pub fn per(&self, other: &Unit) -> Result<Unit, UnitError> {
        Unit::from_ucum(&format!("{}/{}", self.component(), other.component()))
    }

    /// `value` of this unit in `other`, exact to 24 significant digits, or to 14 where one of
    /// the two is on a scale of its own (temperatures, levels, pH).
    pub(crate) fn convert(&self, value: Decimal, other: &Unit) -> Result<Decimal, MeasureError> {
        if self.code == other.code {
            return Ok(value);
        }
        self.measure.convert(value, &other.measure)
    }

    /// As [`Unit::convert`], for results that a decimal is too narrow for.
    pub(crate) fn convert_f64(&self, value: Decimal, other: &Unit) -> Result<f64, MeasureError> {
        self.measure.convert_f64(value, &other.measure)
    }

    /// The order of `value` of this unit and `other_value` of `other`.
    pub(crate) fn compare(
        &self,
        value: Decimal,
        other: &Unit,
        other_value: Decimal,
    ) -> Result<Ordering, MeasureError> {
        if self.code == other.code {
            return Ok(value.cmp(&other_value));
        }
        self.measure.compare(value, &other.measure, other_value)
    }

    /// The code as one component of a larger term.
    fn component(&self) -> Cow<'_, str> {
        if self.code.contains(['.', '/']) {
            Cow::Owned(format!("({})", self.code))
        } else {
            Cow::Borrowed(&self.code)
        }
    }
}

impl FromStr for Unit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        check_length(text)?;
        if alias::is_milliwatt_level(text) {
            return Ok(Unit {
                written: text.into(),
                code: alias::MILLIWATT_LEVEL.into(),
                measure: Measure::milliwatt_level(),
            });
        }
        read(text, &Spelling::everyday(text))
    }
}

impl Default for Unit {
    fn default() -> Self {
        Unit::one()
    }
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Unit {}

impl Hash for Unit {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.written.hash(state);
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unit({:?} = {})", self.written, self.code)
    }
}

/// Why a text is not a unit. [`UnitError::help`] says how to mend it.
///
/// Offsets (`at`) are bytes into the text that was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// There is no text.
    #[error("the unit is empty")]
    Empty,
    /// The text is longer than any unit.
    #[error("a text of {bytes} bytes is too long for a unit")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A character, often a space, has no place in a unit.
    #[error("{character:?} has no place in a unit (`{unit}`, character {})", column(unit, *at))]
    Character {
        /// The unit as written.
        unit: String,
        /// The character.
        character: char,
        /// Where it stands.
        at: usize,
    },
    /// The expression isn't complete or isn't well formed.
    #[error("`{unit}` is not a unit: {problem} (character {})", column(unit, *at))]
    Syntax {
        /// The unit as written.
        unit: String,
        /// What is wrong.
        problem: String,
        /// Where reading stopped.
        at: usize,
    },
    /// A symbol is neither a UCUM unit nor an alias.
    #[error("`{symbol}` is not a known unit{}", whole(unit, symbol))]
    Unknown {
        /// The unit as written.
        unit: String,
        /// The part of it that isn't known.
        symbol: String,
        /// Where that part starts.
        at: usize,
        /// The code that is probably meant.
        suggestion: Option<String>,
    },
    /// A unit on a scale of its own (`Cel`, `dB`, `[pH]`) is multiplied, divided or raised.
    #[error("`{symbol}` takes part in no product, quotient or power (`{unit}`)")]
    Special {
        /// The unit as written.
        unit: String,
        /// The part of it that stands alone.
        symbol: String,
    },
    /// The unit is larger or smaller than any that can be computed with.
    #[error("`{unit}` is out of range")]
    OutOfRange {
        /// The unit as written.
        unit: String,
    },
}

impl UnitError {
    /// How to mend it.
    pub fn help(&self) -> String {
        match self {
            UnitError::Empty => "write a UCUM code, such as V, KiBy, mo or {unit}".into(),
            UnitError::TooLong { .. } => {
                format!("write a unit of at most {UNIT_BYTES_MAX} bytes")
            }
            UnitError::Character { character, .. } if character.is_whitespace() => {
                "leave the space out; join units with `.` and `/`, as in mA.h or KiBy/s".into()
            }
            UnitError::Character { .. } => "use UCUM's ASCII codes, such as uA, Ohm or Cel".into(),
            UnitError::Syntax { .. } => {
                "join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket".into()
            }
            UnitError::Unknown { suggestion: Some(code), .. } => format!("did you mean `{code}`?"),
            UnitError::Unknown { symbol, .. }
                if symbol.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                "join a number and a unit with a dot, as in 12.h".into()
            }
            UnitError::Unknown { .. } => {
                "write a UCUM code, such as V, KiBy or mo; what has none goes in braces, as in \
                 {message}"
                    .into()
            }
            UnitError::Special { symbol, .. } => match symbol.as_str() {
                "Cel" | "[degF]" | "[degRe]" => {
                    "use the kelvin for temperature differences, as in K/min".into()
                }
                _ => "write it alone".into(),
            },
            UnitError::OutOfRange { .. } => "use smaller exponents".into(),
        }
    }
}

fn check_length(text: &str) -> Result<(), UnitError> {
    match text.len() {
        0 => Err(UnitError::Empty),
        1..=UNIT_BYTES_MAX => Ok(()),
        bytes => Err(UnitError::TooLong { bytes }),
    }
}

/// Reads the code that `written` stands for; errors speak of `written`.
fn read(written: &str, spelling: &Spelling) -> Result<Unit, UnitError> {
    let code = spelling.code();
    let foreign = code.char_indices().find(|(_, character)| !character.is_ascii_graphic());
    if let Some((at, character)) = foreign {
        let at = spelling.written_at(at, written);
        return Err(UnitError::Character { unit: written.to_owned(), character, at });
    }
    let unit = || written.to_owned();
    let measure = Measure::read(code).map_err(|problem| match problem {
        measure::ReadError::Syntax { problem, at } => {
            UnitError::Syntax { unit: unit(), problem, at: spelling.written_at(at, written) }
        }
        measure::ReadError::Unknown { symbol } => UnitError::Unknown {
            unit: unit(),
            at: spelling.symbol_at(&symbol, written),
            suggestion: suggestion::nearest_unit(&symbol),
            symbol,
        },
        measure::ReadError::Special { symbol } => UnitError::Special { unit: unit(), symbol },
        measure::ReadError::OutOfRange => UnitError::OutOfRange { unit: unit() },
    })?;
    Ok(Unit { written: written.into(), code: code.into(), measure })
}

/// The position of a byte as a reader counts: characters, from 1.
fn column(unit: &str, at: usize) -> usize {
    unit.char_indices().take_while(|(index, _)| *index < at).count() + 1
}

/// The unit around an unknown symbol, unless the symbol is all of it.
fn whole(unit: &str, symbol: &str) -> String {
    if unit == symbol { String::new() } else { format!(" (in `{unit}`)") }
}

#[cfg(test)]
mod tests;
