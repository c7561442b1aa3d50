//! What is read is written and read back alike, for every kind and whatever its fields hold.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use longlead_model::{Bundle, Code, Kind, Source, record_schema};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;
use serde_json::{Map, Value as Json};

use crate::{diagnostics, sample};

/// A value as TOML writes it; the tests have a writer of their own, so that two faults in the
/// crate can't cancel each other.
#[derive(Clone, Debug)]
pub(crate) enum Toml {
    /// A number, date or truth as it stands.
    Plain(String),
    Text(String),
    List(Vec<Toml>),
    Table(Vec<(String, Toml)>),
}

impl Toml {
    fn write(&self, text: &mut String) {
        match self {
            Toml::Plain(plain) => text.push_str(plain),
            Toml::Text(it) => write_text(text, it),
            Toml::List(items) => {
                text.push('[');
                for item in items {
                    item.write(text);
                    text.push(',');
                }
                text.push(']');
            }
            Toml::Table(fields) => {
                text.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    text.push_str(if index == 0 { " " } else { ", " });
                    write_text(text, key);
                    text.push_str(" = ");
                    value.write(text);
                }
                text.push_str(" }");
            }
        }
    }
}

/// A basic string with everything but letters and digits escaped.
fn write_text(text: &mut String, it: &str) {
    text.push('"');
    for character in it.chars() {
        if character.is_alphanumeric() || " -_.%".contains(character) {
            text.push(character);
        } else {
            let _ = write!(text, "\\U{:08X}", u32::from(character));
        }
    }
    text.push('"');
}

fn any_text() -> BoxedStrategy<Toml> {
    let nasty = [
        "",
        " ",
        "\"",
        "'",
        "'''",
        "\"\"\"",
        "\\",
        "\n",
        "\r\n",
        "\t",
        "\u{0}",
        "\u{7f}",
        "a\nb",
        "a\\\nb'''\"\"\"",
        "\n\n'",
        "=#[]{}",
        "\u{feff}é✓𝄞\u{202e}",
        "1",
        "true",
        "2027-01-01",
    ];
    prop_oneof![
        any::<String>(),
        select(nasty.to_vec()).prop_map(str::to_owned),
        "[a-zA-Zµé ']{0,20}",
    ]
    .prop_map(Toml::Text)
    .boxed()
}

fn number(max: f64) -> BoxedStrategy<f64> {
    let fits = move |number: f64| number.abs() % max;
    prop_oneof![
        (0..100_u32).prop_map(f64::from),
        (0..10_000_u32).prop_map(|cents| f64::from(cents) / 100.0),
        proptest::num::f64::POSITIVE,
        Just(0.0),
    ]
    .prop_map(fits)
    .boxed()
}

fn plain_number(number: f64) -> Toml {
    // `{:?}` writes the shortest text that reads back alike, with a point or an exponent.
    Toml::Plain(format!("{number:?}"))
}

fn decimal_text() -> BoxedStrategy<String> {
    prop_oneof![
        "(0|[1-9][0-9]{0,6})(\\.[0-9]{1,6})?",
        "[1-9][0-9]{0,12}\\.[0-9]{1,15}",
        Just("79228162514264337593543950335".to_owned()),
        Just("0.0000000000000000000000000001".to_owned()),
    ]
    .boxed()
}

fn decimal() -> BoxedStrategy<Toml> {
    prop_oneof![
        decimal_text().prop_map(Toml::Text),
        (0..i64::MAX).prop_map(|number| Toml::Plain(number.to_string())),
        number(1e6)
            .prop_filter("a decimal has 28 places", |it| *it == 0.0 || *it > 1e-9)
            .prop_map(plain_number),
    ]
    .boxed()
}

fn date() -> BoxedStrategy<Toml> {
    (1970..2170_u32, 1..=12_u32, 1..=28_u32)
        .prop_map(|(year, month, day)| Toml::Plain(format!("{year}-{month:02}-{day:02}")))
        .boxed()
}

fn list(items: Vec<f64>) -> Toml {
    Toml::List(items.into_iter().map(plain_number).collect())
}

/// The shapes of a distribution, with or without a unit.
fn distribution(with_unit: bool) -> BoxedStrategy<Toml> {
    let rising = |count: usize| {
        proptest::collection::vec(number(1000.0), count).prop_map(|mut values| {
            values.sort_by(f64::total_cmp);
            values
        })
    };
    let field = |name: &str, value: Toml| vec![(name.to_owned(), value)];
    let shape = prop_oneof![
        number(1000.0).prop_map(move |it| field("fixed", plain_number(it))),
        rising(3).prop_map(move |it| field("pert", list(it))),
        rising(3).prop_map(move |it| field("triangular", list(it))),
        rising(2).prop_map(move |it| field("uniform", list(it))),
        proptest::collection::vec(number(1000.0), 1..5)
            .prop_map(move |it| field("observed", list(it))),
        rising(2).prop_filter("above zero", |it| it[0] > 0.0).prop_map(|it| vec![
            ("p50".to_owned(), plain_number(it[0])),
            ("p90".to_owned(), plain_number(it[1])),
        ]),
    ];
    let unit = proptest::option::of(select(&["d", "wk", "days", "w"][..]));
    (shape, unit)
        .prop_map(move |(mut shape, unit)| {
            if let (true, Some(unit)) = (with_unit, unit) {
                shape.push(("unit".to_owned(), Toml::Text(unit.to_owned())));
            }
            Toml::Table(shape)
        })
        .boxed()
}

/// The short texts of a distribution.
fn short_distribution() -> BoxedStrategy<String> {
    let rising = proptest::collection::vec(number(1000.0), 3).prop_map(|mut values| {
        values.sort_by(f64::total_cmp);
        values
    });
    let shape = select(
        &["A", "A / B / C", "A/B/C (triangular)", "A..B", "P50 A, P90 B", "A to C", "C, B, A"][..],
    );
    (rising, shape)
        .prop_filter("above zero", |(values, shape)| {
            values[0] > 0.0 || !(shape.contains("..") || shape.contains('P'))
        })
        .prop_map(|(values, shape)| {
            let letters = ["A", "B", "C"].into_iter().zip(&values);
            letters.fold(shape.to_owned(), |text, (letter, value)| match shape {
                "P50 A, P90 B" => text.replace(&format!(" {letter}"), &format!(" {value}")),
                _ => text.replace(letter, &value.to_string()),
            })
        })
        .boxed()
}

/// Any fields, as a scenario may set them.
fn any_table() -> BoxedStrategy<Toml> {
    let leaf = prop_oneof![
        any_text(),
        any::<i64>().prop_map(|it| Toml::Plain(it.to_string())),
        (proptest::num::f64::NORMAL | proptest::num::f64::ZERO).prop_map(plain_number),
        any::<bool>().prop_map(|it| Toml::Plain(it.to_string())),
        date(),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        let fields = proptest::collection::btree_map(any::<String>(), inner.clone(), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Toml::List),
            fields.prop_map(|fields| Toml::Table(fields.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map(any::<String>(), value, 0..4)
        .prop_map(|fields| Toml::Table(fields.into_iter().collect()))
        .boxed()
}

/// Values that fit a schema as the crate writes it.
fn values(schema: &Json) -> BoxedStrategy<Toml> {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|it| it.as_str().unwrap().to_owned()).collect();
        return select(words).prop_map(Toml::Text).boxed();
    }
    if let Some(schemas) = schema["anyOf"].as_array() {
        let one_of = schemas.iter().map(values);
        return proptest::strategy::Union::new(one_of).boxed();
    }
    match &schema["type"] {
        Json::Array(_) => decimal(),
        Json::String(name) => match name.as_str() {
            "string" => texts(schema),
            "boolean" => any::<bool>().prop_map(|it| Toml::Plain(it.to_string())).boxed(),
            "integer" => {
                let max = schema["maximum"].as_i64().unwrap_or(i64::MAX);
                (0..=max).prop_map(|it| Toml::Plain(it.to_string())).boxed()
            }
            "number" => {
                number(schema["maximum"].as_f64().unwrap_or(1000.0)).prop_map(plain_number).boxed()
            }
            "array" => proptest::collection::vec(values(&schema["items"]), 0..4)
                .prop_map(Toml::List)
                .boxed(),
            _ => objects(schema),
        },
        other => panic!("the schema {other} is new to this test"),
    }
}

fn texts(schema: &Json) -> BoxedStrategy<Toml> {
    if schema["format"] == "date" {
        return date();
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    let text = match (pattern, schema["examples"][0].as_str()) {
        (_, Some("10 d")) => (short_distribution(), select(&["d", "days", "wk"][..]))
            .prop_map(|(text, unit)| format!("{text} {unit}"))
            .boxed(),
        (_, Some("1.2")) => short_distribution(),
        (pattern, _) if pattern.contains("(d|day") => {
            let sign = if pattern.starts_with("^-?") { &["", "-"][..] } else { &[""][..] };
            (select(sign), number(1000.0), select(&["d", "days", "wk"][..]))
                .prop_map(|(sign, number, unit)| format!("{sign}{number} {unit}"))
                .boxed()
        }
        (pattern, _) if pattern.contains('%') => {
            let percent = number(100.0).prop_map(|it| format!("{it} %"));
            prop_oneof![percent, number(1.0).prop_map(|it| it.to_string())].boxed()
        }
        (_, Some("0.42 USD")) => (decimal_text(), "[A-Z]{3}")
            .prop_map(|(it, currency)| format!("{it} {currency}"))
            .boxed(),
        (_, Some("256 KiB")) => (decimal_text(), select(&["KiB", "V", "mo", "°C", "%", ""][..]))
            .prop_map(|(it, unit)| format!("{it} {unit}").trim().to_owned())
            .boxed(),
        (_, Some("KiB")) => {
            select(&["KiB", "V", "mo", "µA", "{unit}/d", "dBm"][..]).prop_map(str::to_owned).boxed()
        }
        ("", None) => return any_text(),
        (pattern, _) => {
            // Ids, whose patterns have no bound.
            let bounded = pattern.trim_matches(['^', '$']).replace('*', "{0,4}");
            string_regex(&bounded).unwrap().boxed()
        }
    };
    text.prop_map(Toml::Text).boxed()
}

fn objects(schema: &Json) -> BoxedStrategy<Toml> {
    let Some(properties) = schema["properties"].as_object() else {
        if schema["additionalProperties"].is_null() {
            return any_table();
        }
        let keys = match schema.get("propertyNames") {
            Some(names) => texts(names),
            None => any_text(),
        };
        let keys = keys.prop_map(|key| match key {
            Toml::Text(key) => key,
            other => panic!("{other:?} is no key"),
        });
        let map =
            proptest::collection::btree_map(keys, values(&schema["additionalProperties"]), 0..4);
        return map.prop_map(|map| Toml::Table(map.into_iter().collect())).boxed();
    };
    if properties.contains_key("pert") {
        return distribution(properties.contains_key("unit"));
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    fields(properties, &required)
}

fn fields(properties: &Map<String, Json>, required: &[Json]) -> BoxedStrategy<Toml> {
    properties
        .iter()
        .fold(Just(Vec::new()).boxed(), |fields, (name, schema)| {
            let is_required = required.iter().any(|it| it == name);
            let value = match is_required {
                true => values(schema).prop_map(Some).boxed(),
                false => proptest::option::weighted(0.4, values(schema)).boxed(),
            };
            let name = name.clone();
            (fields, value)
                .prop_map(move |(mut fields, value)| {
                    fields.extend(value.map(|value| (name.clone(), value)));
                    fields
                })
                .boxed()
        })
        .prop_map(Toml::Table)
        .boxed()
}

/// A record of a kind, with an id that no other has.
pub(crate) fn record() -> impl Strategy<Value = (Kind, Toml)> {
    let kinds: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| values(&record_schema(*kind)).prop_map(|record| (*kind, record)).boxed())
        .collect();
    proptest::strategy::Union::new(kinds)
}

pub(crate) fn text_of(records: Vec<(Kind, Toml)>) -> String {
    let mut text = String::new();
    for (number, (kind, record)) in records.into_iter().enumerate() {
        let _ = writeln!(text, "[[{kind}]]");
        let Toml::Table(fields) = record else { continue };
        for (name, value) in fields {
            let _ = write!(text, "{name} = ");
            match (name.as_str(), value) {
                ("id", Toml::Text(id)) => write_text(&mut text, &format!("{id}-{number}")),
                (_, value) => value.write(&mut text),
            }
            text.push('\n');
        }
    }
    text
}

/// Loads, exports, loads and exports.
fn round_trip(text: String) -> (Bundle, Vec<Source>) {
    let (bundle, told) = Bundle::load(&[Source { name: "it.toml".into(), text: text.clone() }]);
    // Values fit their fields; that they fit each other nobody saw to.
    let decoding = [Code::Syntax, Code::WrongValue, Code::MissingField, Code::UnknownField];
    let is_wrong = |code: Code| decoding.contains(&code);
    assert!(
        !told.iter().any(|it| is_wrong(it.code)
            && !it.message.contains("scenario")
            && !it.message.contains("rework")
            && !it.message.contains("neither")),
        "{text}\n{}",
        diagnostics::told(&told)
    );
    let exported = bundle.export();
    let (again, _) = Bundle::load(&exported);
    assert!(again == bundle, "{text}\n{exported:#?}");
    assert_eq!(again.export(), exported);
    (bundle, exported)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_come_back_alike(records in proptest::collection::vec(record(), 1..6)) {
        let count = records.len();
        let text = text_of(records);
        let (bundle, _) = round_trip(text.clone());
        // Two lines without an id may join the same two ends.
        prop_assert!(bundle.records.count() <= count && bundle.records.count() > 0, "{}", text);
    }
}

#[test]
fn the_sample_comes_back_alike() {
    let bundle = sample::bundle();
    let exported = bundle.export();
    let (again, told) = Bundle::load(&exported);
    assert!(told.is_empty(), "{}", diagnostics::told(&told));
    assert!(again == bundle);
    assert_eq!(again.export(), exported);
}

/// The canonical form of a bundle, one file after another.
fn check(text: &str, expect: Expect) {
    let (bundle, told) = Bundle::load(&[Source { name: "it.toml".into(), text: text.into() }]);
    assert!(told.is_empty(), "{}", diagnostics::told(&told));
    let exported: String =
        bundle.export().iter().map(|it| format!("# {}\n{}", it.name, it.text)).collect();
    expect.assert_eq(&exported);
}

#[test]
fn numbers_are_kept_exactly_as_written() {
    check(
        r#"
[settings]
currency = "EUR"
confidence = "87.5 %"

[[rate]]
id = "usd"
from = "USD"
to = "EUR"
rate = "0.92500"

[[rate]]
id = "yen"
from = "JPY"
to = "EUR"
rate = "0.0061728394506172839"

[[supplier]]
id = "s"
title = "S"

[[part]]
id = "p"
title = 'C:\path "quoted"'
mpn = """two
lines"""
provides = {}

[[offer]]
supplier = "s"
part = "p"
lead_time = { p50 = 1.0, p90 = 2.50, unit = "weeks" }
prices = [{ quantity = 1, price = "12.40 USD" }, { quantity = 1000, price = "0.0420 USD" }]

[[activity]]
id = "b"
title = "B"
work = { estimate = { fixed = 0.1 }, cost = "100 EUR" }
after = []

[[activity]]
id = "a"
title = "A"
work = { estimate = "2 weeks", teams = {}, first_pass = 1 }

[[link]]
from = "launch:x"
to = "a"
lag = "-1.50 wk"
"#,
        expect![[r##"
            # settings.toml
            [settings]
            currency = "EUR"
            confidence = 0.875
            # activity.toml
            [[activity]]
            id = "a"
            title = "A"
            work = { estimate = "2 wk", first_pass = 1.0 }

            [[activity]]
            id = "b"
            title = "B"
            work = { estimate = "0.1 d", cost = "100 EUR" }
            # link.toml
            link = [
                { from = "launch:x", to = "a", lag = "-1.5 wk" },
            ]
            # part.toml
            [[part]]
            id = "p"
            title = 'C:\path "quoted"'
            mpn = """
            two
            lines"""
            # supplier.toml
            [[supplier]]
            id = "s"
            title = "S"
            # offer.toml
            [[offer]]
            supplier = "s"
            part = "p"
            prices = [
                { quantity = 1, price = "12.40 USD" },
                { quantity = 1000, price = "0.0420 USD" },
            ]
            lead_time = { p50 = 1, p90 = 2.5, unit = "wk" }
            # rate.toml
            rate = [
                { id = "usd", from = "USD", to = "EUR", rate = "0.92500" },
                { id = "yen", from = "JPY", to = "EUR", rate = "0.0061728394506172839" },
            ]
        "##]],
    );
}
