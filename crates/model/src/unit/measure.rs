//! What a unit measures, and conversion between units that measure the same.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use octofhir_ucum::{
    Case, Dimension, ErrorKind, EvalResult, Number, UcumError, UnitExpr, evaluate, lookup_unit,
    parse_expression,
};
use rust_decimal::Decimal;

use super::alias;

/// Two quantities on ratio scales are equal if they differ by less than this part of them:
/// above the error of 28-digit arithmetic and of values rounded to [`EXACT_DIGITS`], below
/// anything that is written.
const EXACT_TOLERANCE: i32 = -20;

/// As [`EXACT_TOLERANCE`], where logarithms or temperature scales go through `f64`.
const FLOAT_TOLERANCE: f64 = 1e-12;

/// Significant digits of a converted value, on ratio scales and through `f64`.
const EXACT_DIGITS: u32 = 24;
const FLOAT_DIGITS: u32 = 14;

/// 0 dBm is -30 dB over one watt.
const MILLIWATT_LEVEL_OF_WATT: Decimal = Decimal::from_parts(30, 0, 0, false, 0);

/// What a unit measures.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    /// The code that `term` was evaluated from.
    code: Box<str>,
    term: EvalResult,
    /// Exponents of the dimensions that UCUM doesn't have: `bit`, and one for each currency.
    atoms: BTreeMap<&'static str, i32>,
    /// Subtracted from a value before it is a value of `code`: zero, but for dBm.
    shift: Decimal,
}

/// Why a code can't be read.
pub(super) enum ReadError {
    Syntax { problem: String, at: usize },
    Unknown { symbol: String },
    Special { symbol: String },
    OutOfRange,
}

/// Why a value can't be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeasureError {
    /// The units measure different things.
    Dimension,
    /// The value has no counterpart, such as the level of zero watts.
    Domain,
    /// The result is too large or too small for its type.
    Range,
}

impl Measure {
    /// The plain number.
    pub(super) fn one() -> Measure {
        let term = EvalResult {
            factor: Number::ONE,
            dim: Dimension::zero(),
            arbitrary: Vec::new(),
            special: None,
        };
        Measure { code: "1".into(), term, atoms: BTreeMap::new(), shift: Decimal::ZERO }
    }

    /// The level over one milliwatt.
    pub(super) fn milliwatt_level() -> Measure {
        // `dB[W]` is in UCUM's tables, so the alternative is never taken.
        let level = Measure::read("dB[W]").unwrap_or_else(|_| Measure::one());
        Measure { shift: MILLIWATT_LEVEL_OF_WATT, ..level }
    }

    /// Reads a UCUM code of bounded length.
    pub(super) fn read(code: &str) -> Result<Measure, ReadError> {
        let expression = parse_expression(code).map_err(|error| read_error(&error))?;
        let term = evaluate(&expression).map_err(|error| read_error(&error))?;
        let mut atoms = BTreeMap::new();
        count_atoms(&expression, 1, &mut atoms);
        atoms.retain(|_, exponent| *exponent != 0);
        Ok(Measure { code: code.into(), term, atoms, shift: Decimal::ZERO })
    }

    /// The full name of a code, in UCUM's words.
    pub(super) fn name(code: &str) -> String {
        match code {
            "1" => "(unity)".to_owned(),
            alias::MILLIWATT_LEVEL => "(decibel milliwatt)".to_owned(),
            _ => octofhir_ucum::display_name(code).unwrap_or_else(|_| code.to_owned()),
        }
    }

    /// True for temperatures, levels, pH: a scale whose zero is a convention.
    pub(super) fn has_own_scale(&self) -> bool {
        self.term.special.is_some()
    }

    pub(super) fn converts_to(&self, other: &Measure) -> bool {
        self.term.is_commensurable(&other.term) && self.atoms == other.atoms
    }

    pub(super) fn convert(&self, value: Decimal, to: &Measure) -> Result<Decimal, MeasureError> {
        if let Some(number) = self.convert_exactly(value, to)? {
            return decimal(number, EXACT_DIGITS);
        }
        let converted = self.convert_through_float(value, to)?;
        let number = Number::from_f64(converted).ok_or(MeasureError::Range)?;
        let decimal = decimal(number, FLOAT_DIGITS)?;
        decimal.checked_add(to.shift).ok_or(MeasureError::Range)
    }

    pub(super) fn convert_f64(&self, value: Decimal, to: &Measure) -> Result<f64, MeasureError> {
        let converted = match self.convert_exactly(value, to)? {
            Some(number) => number.to_f64(),
            None => self.convert_through_float(value, to)? + float(to.shift)?,
        };
        if converted.is_finite() { Ok(converted) } else { Err(MeasureError::Range) }
    }

    pub(super) fn compare(
        &self,
        value: Decimal,
        other: &Measure,
        other_value: Decimal,
    ) -> Result<Ordering, MeasureError> {
        if !self.converts_to(other) {
            return Err(MeasureError::Dimension);
        }
        let (Some(ours), Some(theirs)) = (self.in_base(value), other.in_base(other_value)) else {
            return self.compare_on_scale(value, other, other_value);
        };
        let difference = ours.checked_sub(theirs).ok_or(MeasureError::Range)?;
        let tolerance = Number::power_of_ten(EXACT_TOLERANCE)
            .checked_mul(ours.abs().max(theirs.abs()))
            .ok_or(MeasureError::Range)?;
        if difference.abs() <= tolerance { Ok(Ordering::Equal) } else { Ok(ours.cmp(&theirs)) }
    }

    /// Compares where at least one unit has a scale of its own. Two values of one scale are
    /// ordered as numbers of that scale (pH 7 is above pH 5, though its concentration is
    /// below), all others by what they amount to in base units.
    fn compare_on_scale(
        &self,
        value: Decimal,
        other: &Measure,
        other_value: Decimal,
    ) -> Result<Ordering, MeasureError> {
        let scale = |measure: &Measure| measure.term.special.map(|special| special.unit.code);
        let (ours, theirs) = if scale(self) == scale(other) {
            let theirs = other_value.checked_sub(other.shift).ok_or(MeasureError::Range)?;
            (self.convert_through_float(value, other)?, float(theirs)?)
        } else {
            (self.through_float_to_base(value)?, other.through_float_to_base(other_value)?)
        };
        if (ours - theirs).abs() <= FLOAT_TOLERANCE * ours.abs().max(theirs.abs()) {
            return Ok(Ordering::Equal);
        }
        ours.partial_cmp(&theirs).ok_or(MeasureError::Range)
    }

    /// The converted value in 28-digit arithmetic, if both units are on ratio scales.
    fn convert_exactly(
        &self,
        value: Decimal,
        to: &Measure,
    ) -> Result<Option<Number>, MeasureError> {
        if !self.converts_to(to) {
            return Err(MeasureError::Dimension);
        }
        if self.term.special.is_some() || to.term.special.is_some() {
            return Ok(None);
        }
        let base = self.in_base(value).ok_or(MeasureError::Range)?;
        base.checked_div(to.term.factor).map(Some).ok_or(MeasureError::Range)
    }

    /// The value in base units, for a unit on a ratio scale.
    fn in_base(&self, value: Decimal) -> Option<Number> {
        if self.term.special.is_some() {
            return None;
        }
        Number::parse(&value.to_string())?.checked_mul(self.term.factor)
    }

    /// The converted value, short of the shift of `to`.
    fn convert_through_float(&self, value: Decimal, to: &Measure) -> Result<f64, MeasureError> {
        let value = value.checked_sub(self.shift).ok_or(MeasureError::Range)?;
        convert_codes(value, &self.code, &to.code)
    }

    fn through_float_to_base(&self, value: Decimal) -> Result<f64, MeasureError> {
        let value = value.checked_sub(self.shift).ok_or(MeasureError::Range)?;
        convert_codes(value, &self.code, &base_code(self.term.dim))
    }

    /// What is measured, in words.
    pub(super) fn dimension(&self) -> Cow<'static, str> {
        let dim = self.term.dim.0;
        let atoms: Vec<(&str, i32)> = self.atoms.iter().map(|(atom, e)| (*atom, *e)).collect();
        let time = Dimension([0, 1, 0, 0, 0, 0, 0]).0;
        let per_time = time.map(|exponent| -exponent);
        match (self.term.arbitrary.as_slice(), atoms.as_slice()) {
            ([], []) => named(dim).map_or_else(|| self.spelled_out(), Cow::Borrowed),
            ([], [("bit", 1)]) if self.term.dim.is_dimensionless() => "information".into(),
            ([], [("bit", 1)]) if dim == per_time => "data rate".into(),
            ([], [(currency, 1)]) if self.term.dim.is_dimensionless() => {
                format!("money in {currency}").into()
            }
            _ => self.spelled_out(),
        }
    }

    /// The dimension as a product, for what has no name.
    fn spelled_out(&self) -> Cow<'static, str> {
        const BASES: [&str; 7] = [
            "length",
            "time",
            "mass",
            "angle",
            "temperature",
            "electric charge",
            "luminous intensity",
        ];
        let atoms = self.atoms.iter().map(|(atom, exponent)| match *atom {
            "bit" => ("information", *exponent),
            currency => (currency, *exponent),
        });
        let bases = BASES.into_iter().zip(self.term.dim.0.map(i32::from));
        let arbitrary = self.term.arbitrary.iter().copied();
        let factors: Vec<String> = atoms
            .chain(arbitrary)
            .chain(bases)
            .filter(|(_, exponent)| *exponent != 0)
            .map(|(base, exponent)| match exponent {
                1 => base.to_owned(),
                _ => format!("{base}^{exponent}"),
            })
            .collect();
        factors.join(" × ").into()
    }
}

/// Adds the information and the money in an expression. The parser bounds its depth.
fn count_atoms(expression: &UnitExpr, exponent: i32, atoms: &mut BTreeMap<&'static str, i32>) {
    let mut add = |atom| {
        let sum: &mut i32 = atoms.entry(atom).or_default();
        *sum = sum.saturating_add(exponent);
    };
    match expression {
        UnitExpr::Symbol(code) => {
            if let Some((_, unit)) = lookup_unit(code, Case::Sensitive)
                && matches!(unit.code, "bit" | "By")
            {
                add("bit");
            }
        }
        UnitExpr::Numeric(_) => {}
        UnitExpr::Power(base, power) => count_atoms(base, exponent.saturating_mul(*power), atoms),
        UnitExpr::Annotation(text) => {
            if let Some(currency) = alias::currency(text) {
                add(currency);
            }
        }
        UnitExpr::Annotated(annotated, _) => count_atoms(annotated, exponent, atoms),
        UnitExpr::Product(factors) => {
            for factor in factors {
                count_atoms(factor, exponent, atoms);
            }
        }
        UnitExpr::Quotient(numerator, denominator) => {
            count_atoms(numerator, exponent, atoms);
            count_atoms(denominator, exponent.saturating_neg(), atoms);
        }
        UnitExpr::Reciprocal(inverted) => count_atoms(inverted, exponent.saturating_neg(), atoms),
    }
}

fn read_error(error: &UcumError) -> ReadError {
    match &error.kind {
        ErrorKind::UnitNotFound { unit, .. } => ReadError::Unknown { symbol: unit.clone() },
        ErrorKind::InvalidExpression { reason, position, .. } => {
            ReadError::Syntax { problem: uncapitalized(reason), at: position.unwrap_or(0) }
        }
        ErrorKind::NestingTooDeep { limit, .. } => {
            ReadError::Syntax { problem: format!("it nests deeper than {limit} levels"), at: 0 }
        }
        ErrorKind::SpecialUnitError { unit, .. } => ReadError::Special { symbol: unit.clone() },
        _ => ReadError::OutOfRange,
    }
}

/// The text as the rest of a sentence.
fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    let initial = letters.next().map(|initial| initial.to_ascii_lowercase());
    initial.into_iter().chain(letters).collect()
}

fn convert_codes(value: Decimal, from: &str, to: &str) -> Result<f64, MeasureError> {
    octofhir_ucum::convert(float(value)?, from, to).map_err(|error| match error.kind {
        ErrorKind::OutOfDomain { .. } => MeasureError::Domain,
        ErrorKind::DimensionMismatch { .. } | ErrorKind::ConversionError { .. } => {
            MeasureError::Dimension
        }
        _ => MeasureError::Range,
    })
}

/// The nearest `f64`: through text, whose reading is correctly rounded.
fn float(value: Decimal) -> Result<f64, MeasureError> {
    value.to_string().parse().map_err(|_| MeasureError::Range)
}

/// The number as a decimal of at most `digits_max` significant digits. A decimal has no more than
/// 28 places, so a small number gets fewer digits; one that would get fewer than
/// [`FLOAT_DIGITS`] is out of range.
fn decimal(number: Number, digits_max: u32) -> Result<Decimal, MeasureError> {
    let (digits, exponent) = number.to_integer_and_exponent();
    let (mut digits, mut exponent) = rounded(digits, exponent, digits_max);
    let places = if exponent < 0 { exponent.unsigned_abs() } else { 0 };
    if let Some(excess @ 1..) = places.checked_sub(Decimal::MAX_SCALE) {
        let fitting = digit_count(digits).saturating_sub(excess);
        if fitting < FLOAT_DIGITS {
            return Err(MeasureError::Range);
        }
        (digits, exponent) = rounded(digits, exponent, fitting);
    }
    if exponent >= 0 {
        let power = u32::try_from(exponent).ok().and_then(|exponent| 10_i128.checked_pow(exponent));
        return power
            .and_then(|power| digits.checked_mul(power))
            .and_then(|integer| Decimal::try_from_i128_with_scale(integer, 0).ok())
            .ok_or(MeasureError::Range);
    }
    Decimal::try_from_i128_with_scale(digits, exponent.unsigned_abs())
        .map_err(|_| MeasureError::Range)
}

/// The same number with at most `digits_max` digits, rounded half away from zero, without
/// trailing zeros.
fn rounded(mut digits: i128, mut exponent: i32, digits_max: u32) -> (i128, i32) {
    if let Some(excess) = digit_count(digits).checked_sub(digits_max)
        && let Some(divisor) = 10_i128.checked_pow(excess)
    {
        let half = divisor / 2 * digits.signum();
        digits = (digits + half) / divisor;
        exponent = exponent.saturating_add_unsigned(excess);
    }
    while digits != 0 && digits % 10 == 0 {
        digits /= 10;
        exponent = exponent.saturating_add(1);
    }
    (digits, exponent)
}

fn digit_count(integer: i128) -> u32 {
    integer.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1)
}

/// The product of base units with these exponents.
fn base_code(dimension: Dimension) -> String {
    let factors: Vec<String> = Dimension::BASE_UNITS
        .iter()
        .zip(dimension.0)
        .filter(|(_, exponent)| *exponent != 0)
        .map(|(base, exponent)| format!("{base}{exponent}"))
        .collect();
    if factors.is_empty() { "1".to_owned() } else { factors.join(".") }
}

/// Dimensions that have a name of their own, by exponents of metre, second, gram, radian,
/// kelvin, coulomb and candela.
fn named(dim: [i8; 7]) -> Option<&'static str> {
    let name = match dim {
        [0, 0, 0, 0, 0, 0, 0] => "number",
        [1, 0, 0, 0, 0, 0, 0] => "length",
        [2, 0, 0, 0, 0, 0, 0] => "area",
        [3, 0, 0, 0, 0, 0, 0] => "volume",
        [0, 1, 0, 0, 0, 0, 0] => "time",
        [0, -1, 0, 0, 0, 0, 0] => "frequency",
        [1, -1, 0, 0, 0, 0, 0] => "speed",
        [1, -2, 0, 0, 0, 0, 0] => "acceleration",
        [3, -1, 0, 0, 0, 0, 0] => "volume flow",
        [0, 0, 1, 0, 0, 0, 0] => "mass",
        [-3, 0, 1, 0, 0, 0, 0] => "density",
        [0, 0, 0, 1, 0, 0, 0] => "angle",
        [0, 0, 0, 2, 0, 0, 0] => "solid angle",
        [0, -1, 0, 1, 0, 0, 0] => "angular speed",
        [0, 0, 0, 0, 1, 0, 0] => "temperature",
        [1, -2, 1, 0, 0, 0, 0] => "force",
        [-1, -2, 1, 0, 0, 0, 0] => "pressure",
        [2, -2, 1, 0, 0, 0, 0] => "energy",
        [2, -3, 1, 0, 0, 0, 0] => "power",
        [0, -3, 1, 0, 0, 0, 0] => "irradiance",
        [0, 0, 0, 0, 0, 1, 0] => "electric charge",
        [0, -1, 0, 0, 0, 1, 0] => "electric current",
        [2, -2, 1, 0, 0, -1, 0] => "electric potential",
        [2, -1, 1, 0, 0, -2, 0] => "electric resistance",
        [-2, 1, -1, 0, 0, 2, 0] => "electric conductance",
        [-2, 2, -1, 0, 0, 2, 0] => "electric capacitance",
        [2, 0, 1, 0, 0, -2, 0] => "inductance",
        [2, -1, 1, 0, 0, -1, 0] => "magnetic flux",
        [0, -1, 1, 0, 0, -1, 0] => "magnetic flux density",
        [0, 0, 0, 0, 0, 0, 1] => "luminous intensity",
        [0, 0, 0, 2, 0, 0, 1] => "luminous flux",
        [-2, 0, 0, 2, 0, 0, 1] => "illuminance",
        _ => return None,
    };
    Some(name)
}
