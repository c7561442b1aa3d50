//! The JSON Schema accepts what the loader accepts, and refuses misspelt fields and words.

use std::collections::BTreeSet;

use longlead_model::{
    Bundle, Edit, Kind, RecordKey, Source, bundle_schema, form_text, record_schema,
    settings_schema, text_of_json,
};
use proptest::prelude::*;
use regex_lite::Regex;
use serde_json::{Value as Json, json};

use crate::round_trip::{record, text_of};
use crate::sample;

/// What is wrong with a value by a schema, one line for each problem. It knows the keywords that
/// the crate writes, and refuses others, so that none is overlooked.
fn problems(schema: &Json, value: &Json, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "items" | "properties" | "propertyNames" | "additionalProperties" => {
                found.extend(problems_below(schema, keyword, value, at));
            }
            keyword if !holds(keyword, wanted, value) => {
                found.push(format!("{at}: {value} breaks {keyword} {wanted}"));
            }
            _ => {}
        }
    }
    found
}

/// True if a value fits a keyword that speaks of the value itself.
fn holds(keyword: &str, wanted: &Json, value: &Json) -> bool {
    let bound = wanted.as_f64().unwrap_or_default();
    let number = value.as_f64();
    let length = |length: Option<usize>| length.map_or(bound, |length| length as f64);
    let items = length(value.as_array().map(Vec::len));
    match keyword {
        "$schema" | "title" | "description" | "examples" | "default" | "format" => true,
        "x-form" => {
            let forms = ["estimate", "factor", "lag", "quantity", "money", "level", "share"];
            forms.iter().any(|form| wanted == form)
        }
        "x-kind" | "x-key-kind" => Kind::named(wanted.as_str().unwrap_or_default()).is_some(),
        "type" => match wanted {
            Json::Array(types) => types.iter().any(|wanted| has_type(value, wanted)),
            wanted => has_type(value, wanted),
        },
        "enum" => wanted.as_array().is_some_and(|words| words.contains(value)),
        "anyOf" => {
            let schemas = wanted.as_array().expect("a list of schemas");
            schemas.iter().any(|schema| problems(schema, value, "").is_empty())
        }
        "required" => value.as_object().is_none_or(|object| {
            let names = wanted.as_array().expect("a list of names");
            names.iter().filter_map(Json::as_str).all(|name| object.contains_key(name))
        }),
        "pattern" => value.as_str().is_none_or(|text| {
            Regex::new(wanted.as_str().unwrap_or_default()).unwrap().is_match(text)
        }),
        "minimum" => number.is_none_or(|number| number >= bound),
        "exclusiveMinimum" => number.is_none_or(|number| number > bound),
        "maximum" => number.is_none_or(|number| number <= bound),
        "maxLength" => length(value.as_str().map(|text| text.chars().count())) <= bound,
        "minItems" => items >= bound,
        "maxItems" => items <= bound,
        unknown => panic!("the keyword {unknown} is new to this test"),
    }
}

/// Problems of what is within a value, by a keyword that speaks of that.
fn problems_below(schema: &Json, keyword: &str, value: &Json, at: &str) -> Vec<String> {
    let wanted = &schema[keyword];
    let inner =
        |schema: &Json, value: &Json, step: &str| problems(schema, value, &format!("{at}/{step}"));
    let items = value.as_array().into_iter().flatten().enumerate();
    let fields = || value.as_object().into_iter().flatten();
    let is_known = |name: &str| !schema["properties"][name].is_null();
    match keyword {
        "items" => items.flat_map(|(at, item)| inner(wanted, item, &at.to_string())).collect(),
        "properties" => fields()
            .filter(|(name, _)| is_known(name))
            .flat_map(|(name, value)| inner(&wanted[name], value, name))
            .collect(),
        "propertyNames" => {
            fields().flat_map(|(name, _)| inner(wanted, &json!(name), name)).collect()
        }
        _ => fields()
            .filter(|(name, _)| !is_known(name))
            .flat_map(|(name, value)| match wanted {
                Json::Bool(false) => vec![format!("{at}: {name} is no property")],
                schema => inner(schema, value, name),
            })
            .collect(),
    }
}

fn has_type(value: &Json, wanted: &Json) -> bool {
    match wanted.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        wanted => panic!("the type {wanted:?} is new to this test"),
    }
}

/// TOML as JSON; a date becomes a string.
fn json_of(value: &toml::Value) -> Json {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(truth) => json!(truth),
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(items) => items.iter().map(json_of).collect(),
        toml::Value::Table(table) => {
            Json::Object(table.iter().map(|(key, value)| (key.clone(), json_of(value))).collect())
        }
    }
}

/// Every record of a file with its kind.
fn records(text: &str) -> Vec<(Kind, Json)> {
    let file: toml::Table = text.parse().expect("the sample is TOML");
    let of_kind = |(kind, value): (&String, &toml::Value)| {
        let kind = Kind::named(kind)?;
        let records = match json_of(value) {
            Json::Array(records) => records,
            record => vec![record],
        };
        Some(records.into_iter().map(move |record| (kind, record)).collect::<Vec<_>>())
    };
    file.iter().filter_map(of_kind).flatten().collect()
}

#[test]
fn every_record_of_the_sample_fits_its_schema() {
    let exported = sample::bundle().export();
    for source in sample::sources().iter().chain(&exported) {
        for (kind, record) in records(&source.text) {
            let found = problems(&record_schema(kind), &record, "");
            assert!(found.is_empty(), "{}: {kind} {record}\n{}", source.name, found.join("\n"));
        }
    }
}

#[test]
fn the_sample_has_a_record_of_every_kind_that_a_product_needs() {
    let seen: Vec<Kind> =
        sample::sources().iter().flat_map(|source| records(&source.text)).map(|it| it.0).collect();
    let unseen: Vec<&Kind> = Kind::ALL.iter().filter(|kind| !seen.contains(kind)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

/// One record, by the loader and by the schema: both accept it, or both refuse it.
fn check(record: &str, is_fine: bool) {
    let text = format!("{record}\n");
    let (_, diagnostics) = Bundle::load(&[Source { name: "it.toml".into(), text: text.clone() }]);
    let by_loader = diagnostics
        .iter()
        .all(|it| matches!(it.code.as_str(), "unknown-reference" | "missing-rate"));
    let found: Vec<String> = records(&text)
        .iter()
        .flat_map(|(kind, record)| problems(&record_schema(*kind), record, ""))
        .collect();
    assert_eq!(
        (by_loader, found.is_empty()),
        (is_fine, is_fine),
        "{record}\n{found:?}\n{diagnostics:?}"
    );
}

#[test]
fn the_schema_refuses_what_the_loader_refuses() {
    let part = |field: &str| format!("part = {{ id = \"a\", title = \"A\", {field} }}");
    check("part = { id = \"a\", title = \"A\" }", true);
    check("part = { id = \"a\" }", false);
    check("part = { id = \"A B\", title = \"A\" }", false);
    check("part = { id = \"launch:a\", title = \"A\" }", false);
    check("activity = { id = \"launch:a\", title = \"A\", work.estimate = \"3 days\" }", true);
    check(&part("lifecycle = \"active\""), true);
    check(&part("lifecycle = \"old\""), false);
    check(&part("lifecycel = \"active\""), false);
    check(&part("provides = { ble = true, ram = \"256 KiB\" }"), true);
    check(&part("provides = { ble = 1 }"), false);
    check(&part("provides = { BLE = true }"), false);
    check(&part("provides = [\"ble\"]"), false);
    let work = |work: &str| format!("regime = {{ id = \"a\", title = \"A\", work = {work} }}");
    check(&work("{ estimate = \"10 d\" }"), true);
    check(&work("{ estimate = \"10 h\" }"), false);
    check(&work("{ estimate = \"5 / 8 / 14 d\" }"), true);
    check(&work("{ estimate = \"5 / 8 d\" }"), false);
    check(&work("{ estimate = \"16..22 wk\" }"), true);
    check(&work("{ estimate = \"16..22..24 wk\" }"), false);
    check(&work("{ estimate = \"P50 16, P90 22 wk\" }"), true);
    check(&work("{ estimate = \"5 to 9 d\" }"), true);
    check(&work("{ estimate = \"5/8/14 (triangular) d\" }"), true);
    check(&work("{ estimate = \"11, 9 d\" }"), true);
    check(&work("{ estimate = \"10 d\", first_pass = \"0.8\", rework = \"2 d\" }"), true);
    check(&work("{ estimate = { pert = [1, 2, 3] }, cost = \"12.40 USD\" }"), true);
    check(&work("{ estimate = { pert = [1, 2] } }"), false);
    check(&work("{ estimate = { pert = [1, 2, 3], untis = \"d\" } }"), false);
    check(&work("{ estimate = \"10 d\", cost = \"12.40\" }"), false);
    check(&work("{ estimate = \"10 d\", first_pass = \"80 %\", rework = \"2 d\" }"), true);
    check(&work("{ estimate = \"10 d\", first_pass = 1.2, rework = \"2 d\" }"), false);
    check(&work("{ estimate = \"10 d\", rework_rounds_max = -1 }"), false);
    check(&work("{ estimate = \"10 d\", tem = \"lab\" }"), false);
    check("bom_line = { revision = \"c\", part = \"r\", alternates = \"s\" }", true);
    check("bom_line = { revision = \"c\" }", false);
    check("calendar = { id = \"a\", title = \"A\", week = [\"mon\", \"sun\"] }", true);
    check("calendar = { id = \"a\", title = \"A\", week = [\"monday\"] }", false);
    check("link = { from = \"launch:a\", to = \"b\", lag = \"-2 wk\", kind = \"SS\" }", true);
    check("link = { from = \"launch:a\", to = \"b\", kind = \"ss\" }", false);
    check(
        "scenario = { id = \"s\", title = \"\", changes = { kind = \"part\", id = \"p\", set = 1 } }",
        false,
    );
}

/// The schema at a path of a kind's record.
fn of_field(kind: Kind, path: &str) -> Json {
    record_schema(kind).pointer(path).expect("the schema has the field").clone()
}

#[test]
fn the_schema_says_what_an_id_refers_to() {
    let kind = |kind, path| of_field(kind, path)["x-kind"].clone();
    assert_eq!(kind(Kind::Offer, "/properties/supplier"), "supplier");
    assert_eq!(kind(Kind::Feature, "/properties/after/anyOf/0/items"), "feature");
    assert_eq!(kind(Kind::Activity, "/properties/work/properties/team"), "team");
    assert_eq!(kind(Kind::Link, "/properties/from"), "activity");
    assert_eq!(kind(Kind::Actual, "/properties/id"), "activity");
    assert_eq!(settings_schema()["properties"]["calendar"]["x-kind"], "calendar");
    let key_kind = |kind, path| of_field(kind, path)["x-key-kind"].clone();
    assert_eq!(key_kind(Kind::Part, "/properties/provides"), "capability");
    assert_eq!(key_kind(Kind::Activity, "/properties/work/properties/teams"), "team");
    assert_eq!(key_kind(Kind::Term, "/properties/names"), Json::Null);
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Actual) {
        assert_eq!(of_field(*kind, "/properties/id")["x-kind"], Json::Null, "{kind}");
    }
}

/// Whatever the bundle holds, in every field that is one input of a form: shown as its text and
/// sent back, it is the same.
fn check_forms(schema: &Json, value: &mut Json, seen: &mut BTreeSet<String>) {
    if let Some(form) = schema["x-form"].as_str() {
        let text = form_text(form, value).unwrap_or_else(|| panic!("{form} {value} has no text"));
        seen.insert(form.to_owned());
        *value = json!(text);
        return;
    }
    if schema.is_null() {
        // What a scenario sets.
        return;
    }
    let schemas = schema["anyOf"].as_array().into_iter().flatten();
    let list = schemas.chain([schema]).find(|schema| schema["type"] == "array");
    match value {
        Json::Array(items) => {
            let item = &list.expect("a list has a schema")["items"];
            items.iter_mut().for_each(|value| check_forms(item, value, seen));
        }
        Json::Object(members) => {
            for (name, value) in members {
                let own = &schema["properties"][name];
                let schema = if own.is_null() { &schema["additionalProperties"] } else { own };
                check_forms(schema, value, seen);
            }
        }
        _ => {}
    }
}

/// Sends every form of a bundle back as it is; tells which forms there were.
fn send_back(bundle: &Bundle) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut edits = Vec::new();
    for key in bundle.keys() {
        let schema = match &key {
            RecordKey::Settings => settings_schema(),
            RecordKey::Record(kind, _) => record_schema(*kind),
        };
        let mut json = bundle.json(&key).unwrap();
        check_forms(&schema, &mut json, &mut seen);
        edits.push(Edit { key, after: Some(text_of_json(&json).unwrap()) });
    }
    let (again, _) = bundle.edited(&edits);
    assert!(again == *bundle && again.export() == bundle.export(), "{edits:#?}");
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_form_that_is_sent_back_unchanged_changes_nothing(
        // What a scenario sets is no form.
        records in proptest::collection::vec(
            record().prop_filter("a form", |(kind, _)| *kind != Kind::Scenario),
            0..6,
        ),
    ) {
        let source = Source { name: "it.toml".into(), text: text_of(records) };
        send_back(&Bundle::load(&[source]).0);
    }
}

#[test]
fn a_form_that_is_sent_back_unchanged_changes_nothing() {
    let bundle = sample::bundle();
    let seen = send_back(&bundle);
    let forms: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(forms, ["estimate", "factor", "lag", "level", "money", "quantity", "share"]);
}

#[test]
fn the_schema_of_a_file_names_every_kind_and_refuses_others() {
    let schema = bundle_schema();
    assert_eq!(schema["additionalProperties"], json!(false));
    let names: Vec<&str> =
        schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let kinds: Vec<&str> =
        ["settings"].into_iter().chain(Kind::ALL.iter().map(|kind| kind.as_str())).collect();
    assert_eq!(names, kinds);
    for kind in &kinds[1..] {
        assert_eq!(schema["properties"][kind]["anyOf"][1]["$ref"], format!("#/$defs/{kind}"));
        assert!(schema["$defs"][kind]["properties"].is_object());
    }
}
