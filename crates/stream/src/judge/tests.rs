use expect_test::{Expect, expect};
use longlead_model::{Bundle, Source};

use super::*;
use crate::batch::{Head, Name, Value};
use crate::column::Column;
use crate::contract::Contracts;
use crate::reading::reading_from_json;

const CONTRACTS: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
sent_as = ["clima-1"]
fields = [
    { name = "temperature", unit = "Cel", low = -40, high = 85, required = true },
    { name = "battery", unit = "V", low = 0, high = 5, sent_as = ["vbat"] },
    { name = "uptime", kind = "counter", unit = "s" },
    { name = "door_open", kind = "boolean" },
    { name = "firmware", kind = "text" },
]

[[contract]]
id = "diagnostics"
title = "Diagnostics of trucks"
device_from = "name"
unknown_fields = "keep"
fields = [{ name = "load", low = 0 }, { name = "fleet", kind = "text" }]
"#;

/// 2026-11-23T08:00Z.
const RECEIVED: i64 = 1_795_420_800_000_000;

fn contracts() -> Contracts {
    let source = Source { name: "streams.toml".into(), text: CONTRACTS.into() };
    let (bundle, diagnostics) = Bundle::load(&[source]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    Contracts::of(&bundle.records, |_| 7)
}

fn arrival(sender: Sender<'_>) -> Arrival<'_> {
    Arrival { received: RECEIVED, sender, format: "json", plausible: Plausible::default() }
}

/// A value as a test writes it, with its unit.
#[derive(Clone, Copy)]
enum It<'a> {
    Plain(Value),
    In(f64, &'a str),
    Text(&'a str),
}

use It::{In, Plain, Text};

fn add(batch: &mut Batch, stream: &str, device: Option<&str>, values: &[(&str, It<'_>)]) {
    let head = Head { device: device.map(|it| batch.name(it)), ..Head::of(batch.name(stream)) };
    let values: Vec<(Name, Value, Option<Name>)> = values
        .iter()
        .map(|(name, it)| match it {
            Plain(value) => (batch.name(name), *value, None),
            In(value, unit) => (batch.name(name), Value::Float(*value), Some(batch.name(unit))),
            Text(text) => (batch.name(name), Value::Text(batch.keep(text)), None),
        })
        .collect();
    batch.push(head, values);
}

/// Rows as lines: device, clock and values; then what is in quarantine.
fn told(judged: &Judged) -> String {
    let mut out = String::new();
    for rows in &judged.rows {
        for row in 0..rows.len() {
            let device = rows.device.get(row).unwrap_or("?");
            out.push_str(&format!("{} {device} {}:", rows.stream(), rows.clock[row].as_str()));
            for (column, values) in rows.contract.columns().iter().zip(&rows.columns) {
                let value = match values {
                    Column::Float(it) => it.get(row).map(|it| format!("{it:?}")),
                    Column::Integer(it) => it.get(row).map(|it| it.to_string()),
                    Column::Bool(it) => it.get(row).map(|it| it.to_string()),
                    Column::Text(it) => it.get(row).map(|it| format!("{it:?}")),
                };
                if let Some(value) = value {
                    out.push_str(&format!(" {}={value}", column.name));
                }
            }
            out.push('\n');
        }
    }
    for it in &judged.quarantined {
        let device = it.device.as_deref().unwrap_or("-");
        out.push_str(&format!("{} {device}: {}\n", it.reason.as_str(), it.detail));
    }
    out
}

fn check(values: &[(&str, It<'_>)], expect: Expect) {
    let mut batch = Batch::default();
    add(&mut batch, "climate", Some("CT-1"), values);
    expect.assert_eq(&told(&judge(&contracts(), &batch, &arrival(Sender::Device("CT-1")))));
}

fn float(value: f64) -> It<'static> {
    Plain(Value::Float(value))
}

fn integer(value: i64) -> It<'static> {
    Plain(Value::Integer(value))
}

#[test]
fn values_come_into_the_unit_and_kind_of_their_field() {
    check(
        &[
            ("temperature", In(41.0, "[degF]")),
            ("vbat", In(3700.0, "mV")),
            ("uptime", In(2.5, "min")),
            ("door_open", integer(1)),
            ("firmware", Text("5.1.0")),
        ],
        expect![[r#"
            climate CT-1 received: temperature=5.0 battery=3.7 uptime=150 door_open=true firmware="5.1.0"
        "#]],
    );
    check(
        &[("temperature", integer(4)), ("uptime", float(86400.0))],
        expect![[r#"
            climate CT-1 received: temperature=4.0 uptime=86400
        "#]],
    );
    check(
        &[("temperature", In(277.15, "K")), ("door_open", Plain(Value::Bool(false)))],
        expect![[r#"
            climate CT-1 received: temperature=4.0 door_open=false
        "#]],
    );
}

#[test]
fn what_does_not_fit_is_told_with_field_and_value() {
    let warm = ("temperature", float(4.0));
    for (values, expect) in [
        (
            vec![],
            expect![[r#"
            missing-field CT-1: `temperature` is missing
        "#]],
        ),
        (
            vec![("temperature", float(140.0))],
            expect![[r#"
            out-of-range CT-1: `temperature` is 140.0, above its highest 85 Cel
        "#]],
        ),
        (
            vec![("temperature", In(-60.0, "[degF]"))],
            expect![[r#"
            out-of-range CT-1: `temperature` is -60.0 [degF], below its lowest -40 Cel
        "#]],
        ),
        (
            vec![("temperature", float(f64::NAN))],
            expect![[r#"
            out-of-range CT-1: `temperature` is NaN, which is no number to keep
        "#]],
        ),
        (
            vec![("temperature", float(f64::NEG_INFINITY))],
            expect![[r#"
            out-of-range CT-1: `temperature` is -inf, which is no number to keep
        "#]],
        ),
        (
            vec![("temperature", In(4.0, "V"))],
            expect![[r#"
            wrong-unit CT-1: `temperature` is 4.0 V, which doesn't convert to Cel
        "#]],
        ),
        (
            vec![("temperature", In(4.0, "glorb"))],
            expect![[r#"
            wrong-unit CT-1: `temperature` is 4.0 glorb: `glorb` is not a known unit
        "#]],
        ),
        (
            vec![("temperature", Text("warm"))],
            expect![[r#"
            wrong-type CT-1: `temperature` is "warm", and a number is agreed
        "#]],
        ),
        (
            vec![warm, ("uptime", float(1.5))],
            expect![[r#"
            wrong-type CT-1: `uptime` is 1.5, and a count is agreed
        "#]],
        ),
        (
            vec![warm, ("uptime", Plain(Value::Unsigned(u64::MAX)))],
            expect![[r#"
            out-of-range CT-1: `uptime` is 18446744073709551615, more than 64 bits hold
        "#]],
        ),
        (
            vec![warm, ("door_open", integer(2))],
            expect![[r#"
            wrong-type CT-1: `door_open` is 2, and true or false is agreed
        "#]],
        ),
        (
            vec![warm, ("door_open", In(1.0, "V"))],
            expect![[r#"
            wrong-unit CT-1: `door_open` is 1.0 V, which doesn't convert to a field without a unit
        "#]],
        ),
        (
            vec![warm, ("preasure", float(1013.0))],
            expect![[r#"
            unknown-field CT-1: `preasure` isn't in the contract of `climate`
        "#]],
        ),
        (
            vec![warm, ("battery", float(3.7)), ("vbat", float(3.7))],
            expect![[r#"
            malformed CT-1: `vbat` is told twice
        "#]],
        ),
    ] {
        check(&values, expect);
    }
}

#[test]
fn one_bad_value_keeps_its_whole_reading_and_no_other_from_being_stored() {
    let mut batch = Batch::default();
    add(&mut batch, "climate", None, &[("temperature", float(1.0))]);
    add(&mut batch, "climate", None, &[("temperature", float(2.0)), ("battery", float(99.0))]);
    add(&mut batch, "clima-1", None, &[("temperature", float(3.0))]);
    add(&mut batch, "weather", None, &[("temperature", float(4.0))]);
    batch.refuse("line 5: no field", b"climate ,,,");
    let judged = judge(&contracts(), &batch, &arrival(Sender::Device("CT-1")));
    expect![[r#"
        climate CT-1 received: temperature=1.0
        climate CT-1 received: temperature=3.0
        out-of-range CT-1: `battery` is 99.0, above its highest 5 V
        no-contract CT-1: `weather` has no contract
        malformed CT-1: line 5: no field
    "#]]
    .assert_eq(&told(&judged));
    let formats: Vec<&str> = judged.quarantined.iter().map(|it| it.format.as_str()).collect();
    assert_eq!(formats, [READING, READING, "json"]);
    assert!(judged.rows.iter().all(|rows| rows.contract.version() == 7));
}

#[test]
fn a_sender_speaks_only_for_those_it_may() {
    let mut batch = Batch::default();
    for device in [None, Some(""), Some("GW-1"), Some("CT-1"), Some("CT-9")] {
        add(&mut batch, "climate", device, &[("temperature", float(1.0))]);
    }
    let check = |sender: Sender<'_>, expect: Expect| {
        expect.assert_eq(&told(&judge(&contracts(), &batch, &arrival(sender))));
    };
    check(
        Sender::Gateway { id: "GW-1", children: &|device| device == "CT-1" },
        expect![[r#"
            climate GW-1 received: temperature=1.0
            climate GW-1 received: temperature=1.0
            climate GW-1 received: temperature=1.0
            climate CT-1 received: temperature=1.0
            not-its-device CT-9: its sender doesn't speak for `CT-9`
        "#]],
    );
    check(
        Sender::Device("CT-9"),
        expect![[r#"
            climate CT-9 received: temperature=1.0
            climate CT-9 received: temperature=1.0
            climate CT-9 received: temperature=1.0
            not-its-device GW-1: its sender doesn't speak for `GW-1`
            not-its-device CT-1: its sender doesn't speak for `CT-1`
        "#]],
    );
    check(
        Sender::Trusted,
        expect![[r#"
            climate GW-1 received: temperature=1.0
            climate CT-1 received: temperature=1.0
            climate CT-9 received: temperature=1.0
            no-device -: nothing tells which device took it
            no-device -: nothing tells which device took it
        "#]],
    );
}

#[test]
fn a_field_may_name_the_device_and_unknown_fields_may_be_kept() {
    let mut batch = Batch::default();
    let name = |device| ("name", Text(device));
    add(&mut batch, "diagnostics", None, &[name("truck_1"), ("load", float(0.5))]);
    add(&mut batch, "diagnostics", None, &[("fleet", Text("South")), ("load", float(0.5))]);
    let extra = [name("truck_2"), ("odo", In(12.5, "km")), ("driver", Text("Ro\"d"))];
    add(&mut batch, "diagnostics", None, &extra);
    let bad_extra = [name("truck_3"), ("load", float(-1.0)), ("nan", float(f64::NAN))];
    add(&mut batch, "diagnostics", None, &bad_extra);
    let judged = judge(&contracts(), &batch, &arrival(Sender::Trusted));
    expect![[r#"
        diagnostics truck_1 received: load=0.5
        diagnostics truck_2 received: unknown="{\"driver\":\"Ro\\\"d\",\"odo\":{\"value\":12.5,\"unit\":\"km\"}}"
        no-device -: `name`, which names the device, is missing
        out-of-range truck_3: `load` is -1.0, below its lowest 0
    "#]]
    .assert_eq(&told(&judged));
}

#[test]
fn times_are_marked_and_never_refused() {
    let minute = 60_000_000;
    for (captured, expected) in [
        (Captured::At(RECEIVED - minute), (RECEIVED - minute, Clock::Good)),
        (Captured::At(RECEIVED + 5 * minute), (RECEIVED + 5 * minute, Clock::Good)),
        (Captured::At(RECEIVED + 5 * minute + 1), (RECEIVED + 5 * minute + 1, Clock::Future)),
        (Captured::At(i64::MAX), (i64::MAX, Clock::Future)),
        (Captured::At(0), (0, Clock::Unset)),
        (Captured::At(1_451_606_400_000_000), (1_451_606_400_000_000, Clock::Good)),
        (Captured::Before(minute), (RECEIVED - minute, Clock::Reckoned)),
        (Captured::Before(i64::MIN), (i64::MAX, Clock::Reckoned)),
        (Captured::Untold, (RECEIVED, Clock::Received)),
    ] {
        let mut batch = Batch::default();
        let (stream, field) = (batch.name("climate"), batch.name("temperature"));
        let head = Head { captured, sequence: Some(9), ..Head::of(stream) };
        batch.push(head, [(field, Value::Float(4.0), None)]);
        let judged = judge(&contracts(), &batch, &arrival(Sender::Device("CT-1")));
        let rows = &judged.rows[0];
        assert_eq!((rows.captured[0], rows.clock[0]), expected, "{captured:?}");
        assert_eq!((rows.sequence.get(0), rows.boot.get(0)), (Some(9), None));
    }
}

#[test]
fn a_reading_comes_back_from_quarantine_as_it_was() {
    let mut batch = Batch::default();
    let (stream, device) = (batch.name("cli\"mate"), batch.name("CT-\u{1}"));
    let (field, unit) = (batch.name("t\n"), batch.name("[degF]"));
    let text = batch.keep("\u{7f}\u{0}\\ ✓");
    let values = [
        Value::Float(0.1 + 0.2),
        Value::Float(4.0),
        Value::Float(-0.0),
        Value::Float(f64::MAX),
        Value::Float(f64::MIN_POSITIVE),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Float(f64::NEG_INFINITY),
        Value::Integer(i64::MIN),
        Value::Integer(4),
        Value::Unsigned(u64::MAX),
        Value::Bool(true),
        Value::Text(text),
    ];
    for captured in [Captured::At(-5), Captured::Before(7), Captured::Untold] {
        for (boot, sequence) in [(None, None), (Some(u64::MAX), Some(0))] {
            let head = Head { stream, device: Some(device), captured, boot, sequence };
            batch.push(head, values.map(|value| (field, value, Some(unit))));
        }
    }
    for reading in batch.readings() {
        let json = reading_to_json(&batch, &reading, Some("GW-1"));
        let mut again = Batch::default();
        assert_eq!(reading_from_json(&json, &mut again).unwrap().as_deref(), Some("GW-1"));
        let back = again.readings().next().unwrap();
        // Debug tells -0.0 from 0.0, and 4.0 from 4.
        let values = |values: &[(Name, Value, Option<Name>)], batch: &Batch| {
            values
                .iter()
                .map(|(_, value, unit)| match value {
                    Value::Text(span) => batch.kept(*span).to_owned(),
                    value => format!("{value:?} {:?}", unit.map(|unit| batch.text(unit))),
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(values(back.values, &again), values(reading.values, &batch));
        assert_eq!(again.text(back.head.stream), "cli\"mate");
        assert_eq!(back.head.captured, reading.head.captured);
        assert_eq!(
            (back.head.boot, back.head.sequence),
            (reading.head.boot, reading.head.sequence)
        );
        assert_eq!(reading_to_json(&again, &back, Some("GW-1")), json);
    }
}

#[test]
fn a_reading_from_quarantine_is_a_row_once_its_contract_is_mended() {
    let mut batch = Batch::default();
    add(&mut batch, "climate", None, &[("temperature", In(90.0, "Cel"))]);
    let sent = arrival(Sender::Device("CT-1"));
    let judged = judge(&contracts(), &batch, &sent);
    let kept = &judged.quarantined[0];
    let mended = CONTRACTS.replace("high = 85", "high = 125");
    let (bundle, _) = Bundle::load(&[Source { name: "streams.toml".into(), text: mended }]);
    let mended = Contracts::of(&bundle.records, |_| 8);
    let mut again = Batch::default();
    let sender = reading_from_json(&kept.payload, &mut again).unwrap().unwrap();
    let replay = Arrival { sender: Sender::Device(&sender), received: kept.received, ..sent };
    expect![[r#"
        climate CT-1 received: temperature=90.0
    "#]]
    .assert_eq(&told(&judge(&mended, &again, &replay)));
}

#[test]
fn a_row_comes_back_from_quarantine_as_it_was() {
    let mut batch = Batch::default();
    let (stream, other) = (batch.name("climate"), batch.name("diagnostics"));
    for (captured, sequence) in [
        (Captured::At(RECEIVED - 1), Some(4)),
        (Captured::Before(7), None),
        (Captured::Untold, None),
    ] {
        let (temperature, firmware) = (batch.name("temperature"), batch.name("firmware"));
        let text = batch.keep("5.1 \"beta\"");
        let values = [(temperature, Value::Float(0.1), None), (firmware, Value::Text(text), None)];
        batch.push(Head { captured, sequence, ..Head::of(stream) }, values);
    }
    let (odd, unit) = (batch.name("odo"), batch.name("km"));
    let (whole, nan) = (batch.name("whole"), batch.name("nan"));
    let values = [
        (odd, Value::Float(4.0), Some(unit)),
        (whole, Value::Unsigned(u64::MAX), None),
        (nan, Value::Float(f64::NAN), None),
    ];
    batch.push(Head { captured: Captured::At(0), ..Head::of(other) }, values);
    let sent = arrival(Sender::Device("CT-1"));
    let judged = judge(&contracts(), &batch, &sent);
    assert_eq!(judged.row_count(), 4);
    let mut again = Batch::default();
    for rows in &judged.rows {
        for row in 0..rows.len() {
            let kept = rows.quarantined(row, Reason::IdentityConflict, "twice").unwrap();
            assert_eq!(reading_from_json(&kept.payload, &mut again), Ok(None));
        }
        assert_eq!(rows.quarantined(rows.len(), Reason::IdentityConflict, ""), None);
    }
    assert_eq!(judge(&contracts(), &again, &arrival(Sender::Trusted)), judged);
}

#[test]
fn hostile_json_is_no_reading_and_no_crash() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"stream":1,"values":[]}"#,
        r#"{"stream":"x"}"#,
        r#"{"stream":"x","values":[1]}"#,
        r#"{"stream":"x","values":[{"field":"a"}]}"#,
        r#"{"stream":"x","values":[{"field":"a","value":null}]}"#,
        r#"{"stream":"x","values":[{"field":"a","value":{"float":"x"}}]}"#,
        r#"{"stream":"x","captured":"now","values":[]}"#,
        r#"{"stream":"x","boot":-1,"values":[]}"#,
    ] {
        assert!(reading_from_json(json.as_bytes(), &mut Batch::default()).is_err(), "{json}");
    }
}

#[test]
fn a_device_speaks_for_no_other_even_where_there_is_no_contract_yet() {
    let mut batch = Batch::default();
    add(&mut batch, "shock", Some("CT-2"), &[("peak", float(3.0))]);
    add(&mut batch, "shock", None, &[("peak", float(3.0))]);
    let judged_by = |sender| told(&judge(&contracts(), &batch, &arrival(sender)));
    expect![[r#"
        not-its-device CT-2: its sender doesn't speak for `CT-2`
        no-contract CT-1: `shock` has no contract
    "#]]
    .assert_eq(&judged_by(Sender::Device("CT-1")));
    let gateway = Sender::Gateway { id: "GW-1", children: &|device| device == "CT-2" };
    expect![[r#"
        no-contract CT-2: `shock` has no contract
        no-contract GW-1: `shock` has no contract
    "#]]
    .assert_eq(&judged_by(gateway));
}
