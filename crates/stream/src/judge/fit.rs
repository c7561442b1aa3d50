//! Makes one value fit its field, or tells why it doesn't. The hot path: nothing is allocated.

use longlead_model::{Conversion, FieldKind, Unit};

use super::fault::Fault;
use crate::batch::{Name, Span, Value};
use crate::contract::Rule;

/// A value that fits, until the reading around it is known to fit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Cell {
    #[default]
    None,
    Float(f64),
    Integer(i64),
    Bool(bool),
    Text(Span),
}

/// How values of one unit, as it was sent, come into the unit of a field.
#[derive(Debug)]
pub(super) struct Converter {
    pub(super) unit: Name,
    /// Nothing where the unit isn't known or doesn't convert.
    pub(super) conversion: Option<Conversion>,
}

/// 2⁶³: floats below it, and not below its negative, fit an `i64`.
const INTEGER_END: f64 = 9_223_372_036_854_775_808.0;

/// A converted value this close to a whole number, as a part of it, is that number.
const WHOLE_TOLERANCE: f64 = 1e-9;

/// Finds out how values in a unit, as it was sent, come into the unit of a field: by UCUM, else by
/// the names of SenML.
pub(super) fn conversion(sent: &str, rule: &Rule) -> Option<Conversion> {
    let is_number = !matches!(rule.kind, FieldKind::Boolean | FieldKind::Text);
    let one = Unit::one();
    let to = if is_number { &rule.unit } else { &one };
    let by_ucum = sent.parse::<Unit>().ok();
    let by_senml = super::senml::ucum_of(sent).and_then(|code| Unit::from_ucum(code).ok());
    let plain = sent.is_empty().then(Unit::one);
    let units = [plain, by_ucum, by_senml].into_iter().flatten();
    units.filter_map(|unit| unit.conversion_to(to).ok()).next()
}

/// Makes a value fit.
#[inline]
pub(super) fn fit(value: Value, conversion: &Conversion, rule: &Rule) -> Result<Cell, Fault> {
    match (rule.kind, value) {
        (FieldKind::Float, Value::Float(value)) => float(value, conversion, rule),
        (FieldKind::Float, Value::Integer(value)) => float(value as f64, conversion, rule),
        (FieldKind::Float, Value::Unsigned(value)) => float(value as f64, conversion, rule),
        (FieldKind::Integer | FieldKind::Counter, value) => integer(value, conversion, rule),
        (FieldKind::Boolean, Value::Bool(value)) => Ok(Cell::Bool(value)),
        (FieldKind::Boolean, Value::Integer(0) | Value::Unsigned(0)) => Ok(Cell::Bool(false)),
        (FieldKind::Boolean, Value::Integer(1) | Value::Unsigned(1)) => Ok(Cell::Bool(true)),
        (FieldKind::Text, Value::Text(span)) => Ok(Cell::Text(span)),
        _ => Err(Fault::Kind),
    }
}

#[inline]
fn float(value: f64, conversion: &Conversion, rule: &Rule) -> Result<Cell, Fault> {
    if !value.is_finite() {
        return Err(Fault::Range(value));
    }
    let value = conversion.apply(value).ok_or(Fault::Domain)?;
    in_range(value, rule)?;
    Ok(Cell::Float(value))
}

fn integer(value: Value, conversion: &Conversion, rule: &Rule) -> Result<Cell, Fault> {
    let whole = match (value, conversion) {
        (Value::Integer(value), Conversion::Same) => value,
        (Value::Unsigned(value), Conversion::Same) => {
            i64::try_from(value).map_err(|_| Fault::Range(value as f64))?
        }
        (Value::Float(value), Conversion::Same) => whole(value, 0.0)?,
        (Value::Integer(value), _) => converted(value as f64, conversion)?,
        (Value::Unsigned(value), _) => converted(value as f64, conversion)?,
        (Value::Float(value), _) => converted(value, conversion)?,
        (Value::Bool(_) | Value::Text(_), _) => return Err(Fault::Kind),
    };
    in_range(whole as f64, rule)?;
    Ok(Cell::Integer(whole))
}

fn converted(value: f64, conversion: &Conversion) -> Result<i64, Fault> {
    if !value.is_finite() {
        return Err(Fault::Range(value));
    }
    whole(conversion.apply(value).ok_or(Fault::Domain)?, WHOLE_TOLERANCE)
}

/// The whole number that a float is, or is as close to as the tolerance says.
fn whole(value: f64, tolerance: f64) -> Result<i64, Fault> {
    let rounded = value.round();
    if !(-INTEGER_END..INTEGER_END).contains(&rounded) {
        return Err(Fault::Range(value));
    }
    if (value - rounded).abs() > tolerance * value.abs() {
        return Err(Fault::Kind);
    }
    Ok(rounded as i64)
}

/// Written so that what is no number is out of range.
#[inline]
fn in_range(value: f64, rule: &Rule) -> Result<(), Fault> {
    let fits = value >= rule.low && value <= rule.high && value.is_finite();
    if fits { Ok(()) } else { Err(Fault::Range(value)) }
}
