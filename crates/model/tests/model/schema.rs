//! The JSON Schema accepts what the loader accepts, and refuses misspelt fields and words.

use longlead_model::{Bundle, Kind, Source, bundle_schema, record_schema};
use regex_lite::Regex;
use serde_json::{Map, Value as Json, json};

use crate::sample;

/// What is wrong with a value by a schema, one line for each problem. It knows the keywords that
/// the crate writes, and refuses others, so that none is overlooked.
fn problems(schema: &Json, value: &Json, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut tell = |problem: String| found.push(format!("{at}: {problem}"));
    let inner =
        |schema: &Json, value: &Json, step: &str| problems(schema, value, &format!("{at}/{step}"));
    let mut below = Vec::new();
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "examples" | "default" | "format" => true,
            "type" => match wanted {
                Json::Array(types) => types.iter().any(|wanted| has_type(value, wanted)),
                wanted => has_type(value, wanted),
            },
            "enum" => wanted.as_array().is_some_and(|words| words.contains(value)),
            "pattern" => value.as_str().is_none_or(|text| {
                Regex::new(wanted.as_str().unwrap_or_default()).unwrap().is_match(text)
            }),
            "minimum" => number(value).is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "exclusiveMinimum" => {
                number(value).is_none_or(|number| number > wanted.as_f64().unwrap())
            }
            "maximum" => number(value).is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap()),
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap())
            }
            "maxItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap())
            }
            "anyOf" => {
                let schemas = wanted.as_array().expect("a list of schemas");
                schemas.iter().any(|schema| inner(schema, value, "").is_empty())
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    below.extend(inner(wanted, item, &index.to_string()));
                }
                true
            }
            "required" => value.as_object().is_none_or(|object| {
                let names = wanted.as_array().expect("a list of names");
                names.iter().filter_map(Json::as_str).all(|name| object.contains_key(name))
            }),
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(name) {
                        below.extend(inner(schema, value, name));
                    }
                }
                true
            }
            "propertyNames" => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    below.extend(inner(wanted, &json!(name), name));
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Json::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    match wanted {
                        _ if known.is_some_and(|known| known.contains_key(name)) => {}
                        Json::Bool(false) => below.push(format!("{at}: {name} is no property")),
                        schema => below.extend(inner(schema, value, name)),
                    }
                }
                true
            }
            unknown => panic!("the keyword {unknown} is new to this test"),
        };
        if !holds {
            tell(format!("{value} breaks {keyword} {wanted}"));
        }
    }
    found.extend(below);
    found
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

fn number(value: &Json) -> Option<f64> {
    value.as_f64()
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
