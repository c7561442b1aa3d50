//! Contracts proposed from what was seen, for a person to accept or to mend.

mod observed;
mod reason;

use longlead_model::{
    Contract, ContractField, ContractId, Conversion, FieldKind, Quantity, Unit, UnknownFields,
    column_name, table_name,
};

pub use self::observed::Observed;
use self::observed::{SeenField, SeenUnit};
pub use self::reason::Choice;

/// Fewer readings than this tell too little to demand a field of all.
const REQUIRED_READINGS_MIN: u64 = 20;

/// A counter falls at most once in this many rises: it starts again, and rarely.
const RISES_PER_FALL_MIN: u64 = 50;

/// Fewer rises than this don't make a whole number a counter.
const RISES_MIN: u64 = 20;

/// Cadences that people agree on, in seconds.
const CADENCES: [u64; 24] = [
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400,
    21_600, 28_800, 43_200, 86_400, 604_800, 2_592_000,
];

/// The middle interval is this close to a cadence that people agree on, or is kept as it is.
const CADENCE_TOLERANCE: f64 = 0.1;

/// A contract that fits what was seen, and why each choice was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The contract, without an owner.
    pub contract: Contract,
    /// Why: by field, or of the stream where there is none.
    pub choices: Vec<(Option<String>, Choice)>,
}

/// Proposes a contract for what was seen of a stream. Nothing if nothing was seen.
///
/// Method: a field is of the kind of most of its values, and float where whole numbers have a unit
/// that measures; a whole number that rises and hardly ever falls is a counter. Its unit is the
/// one in which most values came. Its range is what was seen with half the span as room on either
/// side, outward to a round number, and doesn't cross zero where nothing seen did. It is required
/// if all of at least twenty readings had it. The cadence is the middle interval between readings
/// of a device, taken to the nearest that people agree on if that is within a tenth.
pub fn propose(observed: &Observed) -> Option<Proposal> {
    let id = ContractId::try_from(table_name(observed.stream())).ok()?;
    if observed.readings() == 0 {
        return None;
    }
    let mut choices = Vec::new();
    let device_from = observed.device_field().map(str::to_owned);
    if let Some(name) = &device_from {
        choices.push((None, Choice::NamesDevice { field: name.clone() }));
    }
    let mut fields: Vec<ContractField> = Vec::new();
    for (name, seen) in observed.fields() {
        if device_from.as_deref() == Some(name) {
            continue;
        }
        let column = free_name(name, &fields);
        let (field, told) = field(name, &column, seen, observed.readings());
        choices.extend(told.into_iter().map(|choice| (Some(column.clone()), choice)));
        fields.push(field);
    }
    let cadence = cadence(observed, &mut choices);
    if observed.left_out() > 0 {
        choices.push((None, Choice::LeftOut { fields: observed.left_out() }));
    }
    let stream = observed.stream();
    let sent_as = (id.as_str() != stream).then(|| stream.to_owned());
    let contract = Contract {
        id,
        title: stream.to_owned(),
        owner: None,
        sent_as: sent_as.into_iter().collect(),
        device_from,
        fields,
        unknown_fields: UnknownFields::Quarantine,
        cadence,
        objective: None,
        allowed_lateness: None,
        retention: None,
    };
    Some(Proposal { contract, choices })
}

/// The column of a field; another field may have it already, but for case.
fn free_name(name: &str, fields: &[ContractField]) -> String {
    let column = column_name(name);
    let is_taken = |column: &str| fields.iter().any(|field| field.name == column);
    if !is_taken(&column) {
        return column;
    }
    let numbered = (2..).map(|number| format!("{column}_{number}"));
    numbered.take(fields.len() + 1).find(|column| !is_taken(column)).unwrap_or(column)
}

fn field(
    name: &str,
    column: &str,
    seen: &SeenField,
    readings: u64,
) -> (ContractField, Vec<Choice>) {
    let mut choices = Vec::new();
    let (unit, range) = unit_and_range(seen, &mut choices);
    let kind = kind(seen, unit.as_ref(), &mut choices);
    let is_number = !matches!(kind, FieldKind::Boolean | FieldKind::Text);
    let unit = unit.filter(|_| is_number);
    let room = range.filter(|_| is_number).map(|(low, high)| (low, high, room(low, high)));
    if let Some((low, high, _)) = room {
        choices.push(Choice::Range { low, high });
    }
    let bounds = room.map(|(_, _, bounds)| bounds);
    let required = seen.readings == readings && readings >= REQUIRED_READINGS_MIN;
    choices.push(Choice::Present { readings: seen.readings, of: readings, required });
    let field = ContractField {
        name: column.to_owned(),
        kind,
        unit,
        // A counter starts again from zero, and will pass whatever was seen.
        low: bounds
            .map(|(low, _)| if kind == FieldKind::Counter { 0.0 } else { low })
            .filter(|low| low.is_finite()),
        high: bounds
            .map(|(_, high)| high)
            .filter(|high| high.is_finite() && kind != FieldKind::Counter),
        required,
        personal: false,
        sent_as: (column != name).then(|| name.to_owned()).into_iter().collect(),
        note: None,
    };
    (field, choices)
}

/// What a field holds, by most of its values.
fn kind(seen: &SeenField, unit: Option<&Unit>, choices: &mut Vec<Choice>) -> FieldKind {
    let numbers = seen.whole + seen.fractional;
    let most = numbers.max(seen.truths).max(seen.texts);
    let kind = if most == seen.texts && seen.texts > 0 {
        FieldKind::Text
    } else if most == seen.truths && seen.truths > 0 {
        FieldKind::Boolean
    } else if seen.fractional > 0 {
        FieldKind::Float
    } else if seen.rises >= RISES_MIN && seen.rises >= RISES_PER_FALL_MIN * seen.falls {
        choices.push(Choice::Rises { rises: seen.rises, falls: seen.falls });
        FieldKind::Counter
    } else if unit.is_some_and(|unit| unit.dimension() != "number") {
        choices.push(Choice::WholeButMeasured);
        FieldKind::Float
    } else {
        FieldKind::Integer
    };
    let others = numbers + seen.truths + seen.texts - most;
    choices.push(Choice::Kind { kind, values: most, others });
    kind
}

/// The unit of most values, and the lowest and highest of all in that unit.
fn unit_and_range(
    seen: &SeenField,
    choices: &mut Vec<Choice>,
) -> (Option<Unit>, Option<(f64, f64)>) {
    let known = |name: &str| crate::judge::unit_of(name);
    let named = seen.units.iter().filter(|(name, _)| !name.is_empty());
    let most = named.filter_map(|(name, of)| Some((name, known(name)?, of)));
    let most = most.max_by_key(|(_, _, of)| of.values);
    for (name, of) in seen.units.iter().filter(|(name, _)| !name.is_empty()) {
        if known(name).is_none() {
            choices.push(Choice::UnknownUnit { unit: name.clone(), values: of.values });
        }
    }
    let Some((name, unit, of)) = most else {
        return (None, whole_range(seen.units.values().map(|of| (of, Conversion::Same))));
    };
    choices.push(Choice::Unit {
        unit: unit.code().to_owned(),
        sent: name.clone(),
        values: of.values,
    });
    let in_unit = seen.units.iter().filter_map(|(name, of)| {
        // What named no unit is taken to be in this one, as it will be judged.
        let from = if name.is_empty() { unit.clone() } else { known(name)? };
        Some((of, from.conversion_to(&unit).ok()?))
    });
    let range = whole_range(in_unit);
    (Some(unit), range)
}

fn whole_range<'a>(units: impl Iterator<Item = (&'a SeenUnit, Conversion)>) -> Option<(f64, f64)> {
    let ranges = units.filter_map(|(of, conversion)| {
        let (one, other) = (conversion.apply(of.low)?, conversion.apply(of.high)?);
        (one.is_finite() && other.is_finite()).then(|| (one.min(other), one.max(other)))
    });
    ranges.reduce(|(low, high), (one, other)| (low.min(one), high.max(other)))
}

/// What was seen, with half the span as room on either side, outward to a round number.
fn room(low: f64, high: f64) -> (f64, f64) {
    let span = (high - low).max(high.abs().max(low.abs()) * 0.1).max(f64::MIN_POSITIVE);
    let step = round_step(span / 2.0);
    let mut wide_low = ((low - span / 2.0) / step).floor() * step;
    let mut wide_high = ((high + span / 2.0) / step).ceil() * step;
    if low >= 0.0 {
        wide_low = wide_low.max(0.0);
    }
    if high <= 0.0 {
        wide_high = wide_high.min(0.0);
    }
    let tidy = |value: f64| format!("{value:.6e}").parse().unwrap_or(value);
    (tidy(wide_low), tidy(wide_high))
}

/// The power of ten, or twice or five times one, that isn't above a number.
fn round_step(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    let times = [5.0, 2.0, 1.0].into_iter().find(|times| times * power <= number);
    (times.unwrap_or(1.0) * power).max(f64::MIN_POSITIVE)
}

fn cadence(observed: &Observed, choices: &mut Vec<(Option<String>, Choice)>) -> Option<Quantity> {
    let middle = observed.middle_interval()?;
    let seconds = middle as f64 / 1e6;
    let near = CADENCES
        .into_iter()
        .find(|cadence| (*cadence as f64 - seconds).abs() <= CADENCE_TOLERANCE * *cadence as f64);
    let chosen = near.unwrap_or_else(|| seconds.round().max(1.0) as u64);
    let text = match chosen {
        _ if chosen % 86_400 == 0 => format!("{} d", chosen / 86_400),
        _ if chosen % 3_600 == 0 => format!("{} h", chosen / 3_600),
        _ if chosen % 60 == 0 => format!("{} min", chosen / 60),
        _ => format!("{chosen} s"),
    };
    let intervals = observed.intervals();
    choices.push((None, Choice::Cadence { intervals, middle_micros: middle }));
    text.parse().ok()
}

#[cfg(test)]
mod tests;
