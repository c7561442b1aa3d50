//! What a change of a contract means for what is stored, sent and asked.

use std::fmt;

use longlead_model::{
    Contract, ContractField, Conversion, FieldKind, Quantity, Unit, UnknownFields,
};

/// How much a change of a contract asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Rows from before and after can be read together, and devices go on as they do.
    Compatible,
    /// Rows from before have to be brought into the new form first.
    NeedsReplay,
    /// Readings that were agreed before will be refused, queries will fail, or rows will be lost.
    Breaking,
}

/// A difference between two states of a contract. [`Display`](fmt::Display) says it with its
/// reason.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// There is a field that there wasn't.
    FieldAdded {
        /// Whether every reading must have it.
        required: bool,
    },
    /// A field is no longer there.
    FieldRemoved,
    /// A field holds something else.
    Kind {
        /// What it held.
        from: FieldKind,
        /// What it holds.
        to: FieldKind,
    },
    /// A field is kept in another unit.
    Unit {
        /// The unit before; empty for none.
        from: String,
        /// The unit after.
        to: String,
        /// Whether the one converts to the other.
        converts: bool,
    },
    /// The lowest value that can be true has moved. Both are in the new unit.
    Low {
        /// It was this, or there was none.
        from: Option<f64>,
        /// It is this, or there is none.
        to: Option<f64>,
    },
    /// The highest value that can be true has moved. Both are in the new unit.
    High {
        /// It was this, or there was none.
        from: Option<f64>,
        /// It is this, or there is none.
        to: Option<f64>,
    },
    /// Whether every reading must have a field.
    Required {
        /// Whether it must now.
        now: bool,
    },
    /// Whether a field tells something of a person.
    Personal {
        /// Whether it does now.
        now: bool,
    },
    /// Devices may send it under one more name.
    NameAdded(String),
    /// Devices may no longer send it under a name.
    NameRemoved(String),
    /// What happens to fields that aren't listed.
    UnknownFields(UnknownFields),
    /// Another field names the device, or none does.
    DeviceFrom {
        /// The field before.
        from: Option<String>,
        /// The field after.
        to: Option<String>,
        /// Whether the new one was a field of readings before.
        was_field: bool,
    },
    /// What is due, or what counts as late: figures change, and no row does.
    Expectation(&'static str),
    /// Rows are kept for another time.
    Retention {
        /// Whether they are kept for less.
        shorter: bool,
        /// For how long now; nothing for ever.
        to: Option<String>,
    },
}

/// A change of a contract, with what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The field; nothing if it is about the stream.
    pub field: Option<String>,
    /// What changed.
    pub difference: Difference,
    /// What it asks for.
    pub effect: Effect,
    /// Whether readings in quarantine may fit now, so that they should be judged again.
    pub frees: bool,
}

/// Holds two states of a contract against each other: what changed, field by field in the order of
/// the new one, those that are gone last, then what is about the stream. Titles, notes, owners and
/// the order of fields change nothing.
///
/// The whole change asks for the most that one of its parts asks for.
pub fn compare(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut changes = Vec::new();
    for field in &new.fields {
        let mut told = Vec::new();
        match old.fields.iter().find(|it| it.name == field.name) {
            Some(was) => compare_field(was, field, &mut told),
            None => told.push(Difference::FieldAdded { required: field.required }),
        }
        changes.extend(told.into_iter().map(|it| change(Some(&field.name), it, new)));
    }
    for was in &old.fields {
        if !new.fields.iter().any(|it| it.name == was.name) {
            changes.push(change(Some(&was.name), Difference::FieldRemoved, new));
        }
    }
    let mut told = Vec::new();
    compare_stream(old, new, &mut told);
    changes.extend(told.into_iter().map(|it| change(None, it, new)));
    changes
}

fn change(field: Option<&str>, difference: Difference, new: &Contract) -> Change {
    let (effect, frees) = meaning(&difference, new);
    Change { field: field.map(str::to_owned), difference, effect, frees }
}

fn compare_field(was: &ContractField, field: &ContractField, told: &mut Vec<Difference>) {
    if was.kind != field.kind {
        told.push(Difference::Kind { from: was.kind, to: field.kind });
    }
    let (from, to) = (unit(was), unit(field));
    let conversion = from.conversion_to(&to).ok();
    if !matches!(conversion, Some(Conversion::Same)) {
        told.push(Difference::Unit {
            from: from.as_written().to_owned(),
            to: to.as_written().to_owned(),
            converts: conversion.is_some(),
        });
    }
    // Bounds are in the unit of the field, so that those from before are converted first.
    let bound = |bound: Option<f64>| match &conversion {
        Some(conversion) => bound.and_then(|bound| conversion.apply(bound)),
        None => None,
    };
    let (low, high) = (bound(was.low), bound(was.high));
    if conversion.is_some() && !same(low, field.low) {
        told.push(Difference::Low { from: low, to: field.low });
    }
    if conversion.is_some() && !same(high, field.high) {
        told.push(Difference::High { from: high, to: field.high });
    }
    if was.required != field.required {
        told.push(Difference::Required { now: field.required });
    }
    if was.personal != field.personal {
        told.push(Difference::Personal { now: field.personal });
    }
    compare_names(&was.sent_as, &field.sent_as, told);
}

fn unit(field: &ContractField) -> Unit {
    field.unit.clone().unwrap_or_default()
}

/// The same bound, but for the rounding of a conversion.
fn same(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs().max(other.abs()),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn compare_names(was: &[String], now: &[String], told: &mut Vec<Difference>) {
    let added = now.iter().filter(|name| !was.contains(name));
    told.extend(added.map(|name| Difference::NameAdded(name.clone())));
    let removed = was.iter().filter(|name| !now.contains(name));
    told.extend(removed.map(|name| Difference::NameRemoved(name.clone())));
}

fn compare_stream(old: &Contract, new: &Contract, told: &mut Vec<Difference>) {
    compare_names(&old.sent_as, &new.sent_as, told);
    if old.unknown_fields != new.unknown_fields {
        told.push(Difference::UnknownFields(new.unknown_fields));
    }
    if old.device_from != new.device_from {
        let (from, to) = (old.device_from.clone(), new.device_from.clone());
        let was_field = old.fields.iter().any(|field| Some(&field.name) == to.as_ref());
        told.push(Difference::DeviceFrom { from, to, was_field });
    }
    for (name, was, now) in [
        ("cadence", &old.cadence, &new.cadence),
        ("allowed_lateness", &old.allowed_lateness, &new.allowed_lateness),
    ] {
        if !same_span(was.as_ref(), now.as_ref()) {
            told.push(Difference::Expectation(name));
        }
    }
    if old.objective != new.objective {
        told.push(Difference::Expectation("objective"));
    }
    if !same_span(old.retention.as_ref(), new.retention.as_ref()) {
        let shorter = match (&old.retention, &new.retention) {
            (Some(was), Some(now)) => now.compare(was).is_ok_and(|order| order.is_lt()),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let to = new.retention.as_ref().map(Quantity::to_string);
        told.push(Difference::Retention { shorter, to });
    }
}

fn same_span(one: Option<&Quantity>, other: Option<&Quantity>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.compare(other).is_ok_and(|order| order.is_eq()),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// What a difference asks for, and whether it frees readings from quarantine.
fn meaning(difference: &Difference, new: &Contract) -> (Effect, bool) {
    use Effect::{Breaking, Compatible, NeedsReplay};
    use FieldKind::{Counter, Float, Integer};
    let wider = |is_wider: bool| if is_wider { (Compatible, true) } else { (Breaking, false) };
    match difference {
        Difference::FieldAdded { required } if *required => (Breaking, false),
        Difference::FieldAdded { .. } => (Compatible, true),
        Difference::FieldRemoved => (Breaking, false),
        Difference::Kind { from: Integer | Counter, to: Integer | Counter } => (Compatible, false),
        Difference::Kind { from: Integer | Counter, to: Float } => (NeedsReplay, true),
        Difference::Kind { .. } => (Breaking, true),
        // What was told in no unit is taken to have been in this one all along.
        Difference::Unit { from, .. } if from.is_empty() => (Compatible, true),
        Difference::Unit { converts: true, .. } => (NeedsReplay, false),
        Difference::Unit { .. } => (Breaking, true),
        Difference::Low { from, to } => {
            let infinite = f64::NEG_INFINITY;
            wider(to.unwrap_or(infinite) < from.unwrap_or(infinite))
        }
        Difference::High { from, to } => {
            wider(to.unwrap_or(f64::INFINITY) > from.unwrap_or(f64::INFINITY))
        }
        Difference::Required { now } => wider(!now),
        Difference::Personal { .. } | Difference::Expectation(_) => (Compatible, false),
        Difference::NameAdded(_) => (Compatible, true),
        // A name that became a field's own is still understood.
        Difference::NameRemoved(name) => wider(new.fields.iter().any(|field| field.name == *name)),
        Difference::UnknownFields(now) => wider(*now == UnknownFields::Keep),
        Difference::DeviceFrom { from: None, to: Some(_), was_field: false } => (Compatible, true),
        Difference::DeviceFrom { .. } => (Breaking, true),
        Difference::Retention { shorter: true, .. } => (Breaking, false),
        Difference::Retention { .. } => (Compatible, false),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::FieldAdded { required: true } => {
                f.write_str("every reading must have it, and none had it before")
            }
            Difference::FieldAdded { .. } => {
                f.write_str("it is new, and empty in the rows from before")
            }
            Difference::FieldRemoved => f.write_str(
                "it is gone: queries that name it fail, and devices that still send it send what \
                 isn't listed",
            ),
            Difference::Kind { from, to } => kind_sentence(*from, *to, f),
            Difference::Unit { from, to, .. } if from.is_empty() => {
                write!(f, "rows from before are taken to be in {to}")
            }
            Difference::Unit { from, to, .. } if to.is_empty() => {
                write!(f, "values that name their unit, {from}, won't fit a plain number")
            }
            Difference::Unit { from, to, converts: true } => write!(
                f,
                "rows from before are converted from {from} to {to}; values that name no unit are \
                 read in {to} from now on"
            ),
            Difference::Unit { from, to, .. } => {
                write!(f, "{from} doesn't convert to {to}: it measures something else")
            }
            Difference::Low { from, to } => bound_sentence("lowest", *from, *to, f),
            Difference::High { from, to } => bound_sentence("highest", *from, *to, f),
            Difference::Required { now: true } => {
                f.write_str("every reading must have it, and not all had it")
            }
            Difference::Required { .. } => f.write_str("readings without it fit now"),
            Difference::Personal { now: true } => f.write_str("it tells of a person"),
            Difference::Personal { .. } => f.write_str("it no longer tells of a person"),
            Difference::NameAdded(name) => write!(f, "it may also be sent as `{name}`"),
            Difference::NameRemoved(name) => {
                write!(f, "it may no longer be sent as `{name}`")
            }
            Difference::UnknownFields(UnknownFields::Keep) => {
                f.write_str("readings with fields that aren't listed are stored now")
            }
            Difference::UnknownFields(_) => {
                f.write_str("readings with fields that aren't listed go to quarantine now")
            }
            Difference::DeviceFrom { to: Some(to), .. } => write!(f, "`{to}` names the device"),
            Difference::DeviceFrom { to: None, .. } => f.write_str("no field names the device"),
            Difference::Expectation(what) => {
                write!(f, "another {what} changes figures, and no row")
            }
            Difference::Retention { to: None, .. } => f.write_str("rows are kept for ever"),
            Difference::Retention { shorter: true, to: Some(to) } => {
                write!(f, "rows older than {to} are deleted")
            }
            Difference::Retention { to: Some(to), .. } => write!(f, "rows are kept for {to}"),
        }
    }
}

fn kind_sentence(from: FieldKind, to: FieldKind, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use FieldKind::{Counter, Float, Integer};
    match (from, to) {
        (Integer | Counter, Integer | Counter) => write!(f, "{from} and {to} are stored alike"),
        (Integer | Counter, Float) => {
            f.write_str("whole numbers from before are rewritten as numbers with decimals")
        }
        (Float, Integer | Counter) => f.write_str("values with decimals no longer fit"),
        _ => write!(f, "{from} doesn't become {to}: the column would have to start anew"),
    }
}

fn bound_sentence(
    which: &str,
    from: Option<f64>,
    to: Option<f64>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let told = |bound: Option<f64>| bound.map_or("nothing".to_owned(), |it| it.to_string());
    write!(f, "its {which} value moves from {} to {}", told(from), told(to))
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "`{field}`: {}", self.difference),
            None => self.difference.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use longlead_model::{Bundle, Source};

    use super::*;

    fn contract(text: &str) -> Contract {
        let text = format!("[[contract]]\nid = \"s\"\ntitle = \"S\"\n{text}");
        let (bundle, diagnostics) = Bundle::load(&[Source { name: "it.toml".into(), text }]);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        bundle.records.contracts.values().next().cloned().unwrap()
    }

    fn check(old: &str, new: &str, expect: Expect) {
        let told = compare(&contract(old), &contract(new)).into_iter().map(|change| {
            let frees = if change.frees { ", frees" } else { "" };
            format!("{:?}{frees}: {change}\n", change.effect)
        });
        expect.assert_eq(&told.collect::<String>());
    }

    fn check_field(old: &str, new: &str, expect: Expect) {
        let one = |field: &str| format!("fields = [{{ name = \"t\", {field} }}]");
        check(&one(old), &one(new), expect);
    }

    #[test]
    fn fields_come_and_go() {
        check(
            r#"fields = [{ name = "a" }, { name = "b" }]"#,
            r#"fields = [{ name = "b" }, { name = "c" }, { name = "d", required = true }]"#,
            expect![[r#"
                Compatible, frees: `c`: it is new, and empty in the rows from before
                Breaking: `d`: every reading must have it, and none had it before
                Breaking: `a`: it is gone: queries that name it fail, and devices that still send it send what isn't listed
            "#]],
        );
        check_field(r#"note = "x""#, r#"note = "y""#, expect![[r#""#]]);
    }

    #[test]
    fn what_a_field_holds_changes() {
        for (from, to, expect) in [
            (
                "integer",
                "counter",
                expect![[r#"
                Compatible: `t`: integer and counter are stored alike
            "#]],
            ),
            (
                "counter",
                "float",
                expect![[r#"
                NeedsReplay, frees: `t`: whole numbers from before are rewritten as numbers with decimals
            "#]],
            ),
            (
                "float",
                "integer",
                expect![[r#"
                Breaking, frees: `t`: values with decimals no longer fit
            "#]],
            ),
            (
                "text",
                "float",
                expect![[r#"
                Breaking, frees: `t`: text doesn't become float: the column would have to start anew
            "#]],
            ),
        ] {
            check_field(&format!("kind = \"{from}\""), &format!("kind = \"{to}\""), expect);
        }
    }

    #[test]
    fn units_and_ranges_change_together() {
        check_field(
            r#"unit = "Cel", low = -40, high = 100"#,
            r#"unit = "[degF]", low = -40, high = 212"#,
            expect![[r#"
                NeedsReplay: `t`: rows from before are converted from Cel to [degF]; values that name no unit are read in [degF] from now on
            "#]],
        );
        check_field(
            r#"unit = "mV""#,
            r#"unit = "mA""#,
            expect![[r#"
            Breaking, frees: `t`: mV doesn't convert to mA: it measures something else
        "#]],
        );
        check_field(
            "high = 5",
            r#"unit = "V", high = 5"#,
            expect![[r#"
            Compatible, frees: `t`: rows from before are taken to be in V
        "#]],
        );
        check_field(
            r#"unit = "V""#,
            "",
            expect![[r#"
            Breaking, frees: `t`: values that name their unit, V, won't fit a plain number
        "#]],
        );
        check_field(
            "low = 0, high = 5",
            "low = 1",
            expect![[r#"
            Breaking: `t`: its lowest value moves from 0 to 1
            Compatible, frees: `t`: its highest value moves from 5 to nothing
        "#]],
        );
        check_field(
            "low = 1",
            "low = 0, high = 5",
            expect![[r#"
            Compatible, frees: `t`: its lowest value moves from 1 to 0
            Breaking: `t`: its highest value moves from nothing to 5
        "#]],
        );
    }

    #[test]
    fn names_and_needs_change() {
        check_field(
            r#"required = true, sent_as = ["x", "y"]"#,
            r#"personal = false, sent_as = ["y", "z"]"#,
            expect![[r#"
                Compatible, frees: `t`: readings without it fit now
                Compatible, frees: `t`: it may also be sent as `z`
                Breaking: `t`: it may no longer be sent as `x`
            "#]],
        );
        check(
            r#"
            unknown_fields = "keep"
            cadence = "60 s"
            retention = "1 a"
            fields = [{ name = "name", kind = "text" }]
            "#,
            r#"
            device_from = "name"
            cadence = "1 min"
            objective = 0.9
            allowed_lateness = "1 h"
            retention = "30 d"
            fields = [{ name = "name", kind = "text" }]
            "#,
            expect![[r#"
                Breaking: readings with fields that aren't listed go to quarantine now
                Breaking, frees: `name` names the device
                Compatible: another allowed_lateness changes figures, and no row
                Compatible: another objective changes figures, and no row
                Breaking: rows older than 30 d are deleted
            "#]],
        );
        check(
            "",
            "device_from = \"name\"",
            expect![[r#"
            Compatible, frees: `name` names the device
        "#]],
        );
        check(
            "retention = \"30 d\"",
            "",
            expect![[r#"
            Compatible: rows are kept for ever
        "#]],
        );
    }
}
