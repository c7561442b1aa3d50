//! What is wrong with a reading, put into words only once it is.

use longlead_model::{FieldKind, Unit};

use crate::batch::{Batch, Name, Value};
use crate::contract::Rule;
use crate::rows::Reason;

/// What is wrong with one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// It is of another kind.
    Kind,
    /// Its unit isn't known, or doesn't convert.
    Unit,
    /// In its field's unit it is this, which is out of range or not finite.
    Range(f64),
    /// It has no counterpart in the field's unit.
    Domain,
}

impl Fault {
    pub(super) fn reason(self) -> Reason {
        match self {
            Fault::Kind => Reason::WrongType,
            Fault::Unit => Reason::WrongUnit,
            Fault::Range(_) | Fault::Domain => Reason::OutOfRange,
        }
    }
}

/// What is wrong with a value, in words.
pub(super) fn detail(
    fault: Fault,
    field: &str,
    rule: &Rule,
    batch: &Batch,
    (value, unit): (Value, Option<Name>),
) -> String {
    let told = told(batch, value, unit);
    match fault {
        Fault::Kind => format!("`{field}` is {told}, and {} is agreed", kind_words(rule.kind)),
        Fault::Unit => {
            let sent = unit.map_or("", |unit| batch.text(unit));
            match sent.parse::<Unit>() {
                Err(error) if super::senml::ucum_of(sent).is_none() => {
                    format!("`{field}` is {told}: {error}")
                }
                _ => format!("`{field}` is {told}, which doesn't convert to {}", unit_words(rule)),
            }
        }
        Fault::Domain => format!("`{field}` is {told}, which has no value in {}", unit_words(rule)),
        Fault::Range(value) if !value.is_finite() => {
            format!("`{field}` is {told}, which is no number to keep")
        }
        Fault::Range(value) if value < rule.low => {
            let (low, unit) = (rule.low, rule.unit.as_written());
            format!("`{field}` is {told}, below its lowest {low} {unit}").trim_end().to_owned()
        }
        Fault::Range(_) if rule.high.is_infinite() => {
            format!("`{field}` is {told}, more than 64 bits hold")
        }
        Fault::Range(_) => {
            let (high, unit) = (rule.high, rule.unit.as_written());
            format!("`{field}` is {told}, above its highest {high} {unit}").trim_end().to_owned()
        }
    }
}

/// A value as it was sent, with its unit.
fn told(batch: &Batch, value: Value, unit: Option<Name>) -> String {
    let value = match value {
        Value::Float(value) => format!("{value:?}"),
        Value::Integer(value) => value.to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Text(span) => {
            let text: String = batch.kept(span).chars().take(40).collect();
            format!("{text:?}")
        }
    };
    match unit.map(|unit| batch.text(unit)) {
        None | Some("") => value,
        Some(unit) => format!("{value} {}", unit.escape_default()),
    }
}

fn kind_words(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Float => "a number",
        FieldKind::Integer => "a whole number",
        FieldKind::Counter => "a count",
        FieldKind::Boolean => "true or false",
        FieldKind::Text => "text",
    }
}

fn unit_words(rule: &Rule) -> &str {
    match (rule.kind, rule.unit.as_written()) {
        (FieldKind::Boolean | FieldKind::Text, _) => "a field without a unit",
        (_, "") => "a plain number",
        (_, unit) => unit,
    }
}
