//! The schemas of what is told say what serde writes.

use std::collections::BTreeSet;

use longlead_horizon::{Comparison, Explanation, Forecast, PlanLink, compare};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::sample;
use crate::support::under;

/// Checks a value against the schema of its type, as far as the schemas of this crate go.
fn check<T: JsonSchema + Serialize>(value: &T) {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let told = serde_json::to_value(value).unwrap();
    let mut mismatches = Vec::new();
    walk(&schema, &schema, &told, "", &mut mismatches);
    mismatches.truncate(5);
    assert_eq!(mismatches, [""; 0]);
}

/// Follows a schema and a value together, and tells where they part.
fn walk(root: &Json, schema: &Json, value: &Json, path: &str, mismatches: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        walk(root, target, value, path, mismatches);
    }
    for union in ["anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()) {
        let fitting = union.iter().filter(|one| {
            let mut parted = Vec::new();
            walk(root, one, value, path, &mut parted);
            parted.is_empty()
        });
        if fitting.count() != 1 {
            mismatches.push(format!("{path}: {value} is not one of a union"));
        }
    }
    if !is_of_type(&schema["type"], value) {
        mismatches.push(format!("{path}: {value} is not of type {}", schema["type"]));
    }
    let words = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    if !words || schema.get("const").is_some_and(|word| word != value) {
        mismatches.push(format!("{path}: {value} is none of the words of the schema"));
    }
    match value {
        Json::Object(_) => walk_object(root, schema, value, path, mismatches),
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let of = schema["prefixItems"].get(at).unwrap_or(&schema["items"]);
                walk(root, of, item, &format!("{path}/{at}"), mismatches);
            }
        }
        _ => {}
    }
}

fn walk_object(root: &Json, schema: &Json, value: &Json, path: &str, mismatches: &mut Vec<String>) {
    let Some(object) = value.as_object() else { return };
    if let Some(properties) = schema["properties"].as_object() {
        let written: BTreeSet<&str> = object.keys().map(String::as_str).collect();
        let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let required: BTreeSet<&str> = required.iter().filter_map(Json::as_str).collect();
        if written != described || written != required {
            mismatches.push(format!("{path}: {written:?}, {described:?}, {required:?}"));
        }
        for (key, value) in object {
            let of = properties.get(key).unwrap_or(&Json::Null);
            walk(root, of, value, &format!("{path}/{key}"), mismatches);
        }
    }
    for (key, value) in object.iter().filter(|_| schema["additionalProperties"].is_object()) {
        let of = &schema["additionalProperties"];
        walk(root, of, value, &format!("{path}/{key}"), mismatches);
    }
}

fn is_of_type(expected: &Json, value: &Json) -> bool {
    let is = |word: &str| match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    match expected {
        Json::String(word) => is(word),
        Json::Array(words) => words.iter().filter_map(Json::as_str).any(is),
        _ => true,
    }
}

#[test]
fn schemas_say_what_is_written_for_the_sample() {
    let bundle = sample::bundle();
    let plan = sample::planned(&bundle);
    check::<Forecast>(&plan.forecast);
    check::<Vec<PlanLink>>(&plan.links());
    for milestone in &plan.forecast.milestones {
        check::<Explanation>(&plan.explain(&bundle, milestone.id.as_str()).unwrap());
    }
    for decision in &plan.forecast.decisions {
        check::<Explanation>(&plan.explain(&bundle, decision.id.as_str()).unwrap());
    }
    for scenario in bundle.records.scenarios.keys() {
        let after = sample::planned(&under(&bundle, scenario.as_str())).forecast;
        check::<Comparison>(&compare(&plan.forecast, &after));
    }
}

#[test]
fn a_value_that_parts_from_its_schema_is_told() {
    let schema = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "state": { "enum": ["safe", "lost"] },
            "share": { "anyOf": [{ "type": "number" }, { "type": "null" }] },
        },
        "required": ["id", "state", "share"],
    });
    let parted = |value: Json| {
        let mut mismatches = Vec::new();
        walk(&schema, &schema, &value, "", &mut mismatches);
        mismatches.len()
    };
    assert_eq!(parted(json!({ "id": "a", "state": "safe", "share": null })), 0);
    assert_eq!(parted(json!({ "id": "a", "state": "safe" })), 1);
    assert_eq!(parted(json!({ "id": 1, "state": "well", "share": "half" })), 3);
    assert_eq!(parted(json!({ "id": "a", "state": "lost", "share": 1, "more": true })), 1);
}
