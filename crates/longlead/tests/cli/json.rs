//! The keys that scripts read.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{printed, printed_json, sample};

fn assert_keys(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is an object"));
    let missing: Vec<&&str> = keys.iter().filter(|key| !object.contains_key(**key)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {value}");
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let items = value[key].as_array().unwrap_or_else(|| panic!("`{key}` is a list"));
    assert!(!items.is_empty(), "`{key}` has items");
    items
}

fn check_forecast(forecast: &Value) {
    assert_keys(forecast, &["as_of", "seed", "samples", "milestones", "decisions", "activities"]);
    for milestone in items(forecast, "milestones") {
        assert_keys(milestone, &["id", "title", "target", "p10", "p50", "p80", "p90", "on_time"]);
        assert_keys(milestone, &["distribution"]);
    }
    for decision in items(forecast, "decisions") {
        assert_keys(
            decision,
            &["id", "title", "gates", "target", "confidence", "decide_by", "best_confidence"],
        );
        assert_keys(decision, &["limited_by", "curve", "because"]);
        for point in decision["curve"].as_array().unwrap() {
            assert!(point[0].is_string() && point[1].is_number(), "{point}");
        }
        for reason in decision["because"].as_array().unwrap() {
            assert_keys(reason, &["kind", "sentence"]);
            assert_ne!(reason["sentence"], "", "{reason}");
        }
    }
    for activity in items(forecast, "activities") {
        assert_keys(activity, &["id", "title", "early_start", "early_finish", "late_start"]);
        assert_keys(activity, &["late_finish", "total_float", "critical", "criticality"]);
        assert_keys(activity, &["contribution_days", "teams", "product", "markets"]);
    }
    items(&forecast["foresight"], "orphan_needs");
    items(&forecast["foresight"], "idle_capabilities");
    for support in items(forecast, "coverage") {
        assert_keys(support, &["feature", "revision", "supported", "missing"]);
    }
}

#[test]
fn a_plan_has_the_keys_that_scripts_read() {
    check_forecast(&printed_json(&["plan", "doorbell", "--json"]));
}

#[test]
fn the_sample_has_them_too() {
    check_forecast(&printed_json(&["plan", &sample(), "--json", "--samples", "200"]));
}

#[test]
fn a_decision_that_is_too_late_has_no_date_but_its_best_confidence() {
    let forecast = printed_json(&["plan", "doorbell", "--json"]);
    let decisions = items(&forecast, "decisions");
    let fair = decisions.iter().find(|it| it["id"] == "fair").unwrap();
    assert_eq!(fair["decide_by"], Value::Null);
    assert_eq!(fair["best_confidence"], 0.0);
}

#[test]
fn options_stand_above_the_settings_of_the_bundle() {
    let arguments = ["plan", "doorbell", "--json", "--as-of", "2027-01-11", "--seed", "9"];
    let forecast =
        printed_json(&[&arguments[..], &["--samples", "50", "--confidence", "90"]].concat());
    assert_eq!(forecast["as_of"], "2027-01-11");
    assert_eq!((&forecast["seed"], &forecast["samples"]), (&9.into(), &50.into()));
    assert_eq!(forecast["confidence"], 0.9);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let one = printed(&["plan", "doorbell", "--json", "--threads", "1"]);
    let many = printed(&["plan", "doorbell", "--json", "--threads", "5"]);
    assert!(one == many);
}

#[test]
fn every_command_speaks_json() {
    for arguments in [
        &["check", "doorbell", "--json"][..],
        &["decide", "doorbell", "--json"],
        &["decide", "camera", "doorbell", "--json"],
        &["explain", "snapshot", "doorbell", "--json"],
        &["coverage", "doorbell", "--json"],
        &["compare", "doorbell", "--scenario", "no-camera", "--json"],
        &["export", "doorbell", "--format", "json"],
        &["demo", "--tour", "--json", "--samples", "100"],
        &["schema"],
        &["schema", "bom_line"],
    ] {
        assert!(printed_json(arguments).is_object(), "{arguments:?}");
    }
}

#[test]
fn each_kind_has_a_schema() {
    let schema = printed_json(&["schema"]);
    let kinds: BTreeSet<&str> =
        schema["$defs"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(kinds.contains("revision") && kinds.contains("decision"));
    for kind in kinds {
        assert!(printed_json(&["schema", kind])["properties"].is_object(), "{kind}");
    }
}
