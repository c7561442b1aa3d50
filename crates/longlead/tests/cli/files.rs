//! What is written, and what is never overwritten.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{code, printed, printed_json, run, sample, stderr};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_bundle_can_be_planned_and_has_a_decision_to_make() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().join("mine").to_string_lossy().into_owned();
    printed(&["new", &shown]);
    let checked = printed_json(&["check", &shown, "--json"]);
    assert_eq!((&checked["errors"], &checked["warnings"]), (&0.into(), &0.into()));
    let forecast = printed_json(&["plan", &shown, "--json"]);
    assert!(forecast["decisions"][0]["decide_by"].is_string());
    let schema = fs::read_to_string(folder.path().join("mine/schema/bundle.json")).unwrap();
    assert_eq!(schema, printed(&["schema"]));
    let text = fs::read_to_string(folder.path().join("mine/product.toml")).unwrap();
    assert!(text.starts_with("#:schema schema/bundle.json\n"));
}

#[test]
fn new_leaves_a_folder_that_holds_something_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    let output = run(&["new", &folder.path().to_string_lossy()]);
    assert_eq!(code(&output), 3);
    assert_eq!(names(folder.path()), ["mine.txt"]);
}

#[test]
fn the_sample_is_written_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().to_string_lossy();
    printed(&["demo", "--write", &shown]);
    let written = printed(&["plan", &shown, "--json", "--samples", "100"]);
    assert!(written == printed(&["plan", &sample(), "--json", "--samples", "100"]));
}

#[test]
fn toml_that_is_exported_and_exported_again_is_the_same() {
    for bundle in ["doorbell".to_owned(), sample()] {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        printed(&["export", &bundle, "--format", "toml", "-o", &shown(&first)]);
        printed(&["export", &shown(&first), "--format", "toml", "-o", &shown(&second)]);
        assert_eq!(names(&first), names(&second));
        for name in names(&first) {
            let read = |folder: &Path| fs::read_to_string(folder.join(&name)).unwrap();
            assert!(read(&first) == read(&second), "{name} differs");
        }
        let plan = |bundle: &str| printed(&["plan", bundle, "--json", "--samples", "100"]);
        assert!(plan(&bundle) == plan(&shown(&first)));
    }
}

#[test]
fn toml_in_one_file_is_a_bundle_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.toml").to_string_lossy().into_owned();
    printed(&["export", "doorbell", "--format", "toml", "-o", &file]);
    assert_eq!(printed(&["plan", &file, "--json"]), printed(&["plan", "doorbell", "--json"]));
    assert_eq!(fs::read_to_string(&file).unwrap(), printed(&["export", "doorbell", "-f", "toml"]));
}

#[test]
fn a_file_that_is_there_is_overwritten_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    fs::write(&file, "mine").unwrap();
    let shown = file.to_string_lossy();
    let arguments = ["export", "doorbell", "--format", "json", "-o", &shown];
    let output = run(&arguments);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("--force"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    printed(&[&arguments[..], &["--force"]].concat());
    assert_eq!(fs::read_to_string(&file).unwrap(), printed(&["plan", "doorbell", "--json"]));
    assert_eq!(names(folder.path()), ["plan.json"], "nothing temporary is left");
}

#[test]
fn decisions_and_milestones_reach_a_calendar() {
    let text = printed(&["export", "doorbell", "--format", "ics"]);
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
    assert!(text.contains("UID:decide:camera@bell\r\n"));
    assert!(text.contains("UID:launch:snapshot@bell\r\n"));
    assert!(text.contains("UID:target:launch:snapshot@bell\r\n"));
    assert!(!text.contains("UID:decide:fair@"), "what is too late has no day");
    assert_eq!(text, printed(&["export", "doorbell", "--format", "ics"]));
}

const TABLE: &str = "id,title,estimate,after\nspec,Write the specification,5 d,\n\
                     board,Lay out the board,10/15/30 d,spec\n";

#[test]
fn a_table_of_activities_becomes_a_bundle_and_a_table_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.csv");
    fs::write(&file, TABLE).unwrap();
    let bundle = folder.path().join("bundle").to_string_lossy().into_owned();
    printed(&["import", &file.to_string_lossy(), "-o", &bundle]);
    let forecast = printed_json(&["plan", &bundle, "--json", "--as-of", "2027-01-04"]);
    assert_eq!(forecast["activities"][0]["id"], "board");
    let table = printed(&["export", &bundle, "--format", "csv"]);
    assert!(table.starts_with("id,title,") && table.contains("10/15/30 d"), "{table}");
}

#[test]
fn an_import_never_mixes_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.csv");
    fs::write(&file, TABLE).unwrap();
    let here = folder.path().to_string_lossy();
    let output = run(&["import", &file.to_string_lossy(), "-o", &here]);
    assert_eq!(code(&output), 3);
    assert_eq!(names(folder.path()), ["plan.csv"]);
}

#[test]
fn what_an_import_could_not_take_over_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.csv");
    fs::write(&file, "id,title,estimate,mood\na,A,a long while,good\n").unwrap();
    let bundle = folder.path().join("bundle").to_string_lossy().into_owned();
    let output = run(&["import", &file.to_string_lossy(), "-o", &bundle, "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["losses"].as_array().unwrap().len() >= 2, "{told}");
}

#[test]
fn a_plan_goes_to_ms_project_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    printed(&["export", "doorbell", "--format", "mspdi", "-o", &path("plan.xml")]);
    let text = fs::read_to_string(path("plan.xml")).unwrap();
    assert!(text.contains("http://schemas.microsoft.com/project"), "{text}");
    let told = printed_json(&["import", &path("plan.xml"), "-o", &path("bundle"), "--json"]);
    assert_eq!(told["errors"], 0, "{told}");
    let titles = |bundle: &str| -> BTreeSet<String> {
        let forecast = printed_json(&["plan", bundle, "--json"]);
        let activities = forecast["activities"].as_array().unwrap().iter();
        activities.map(|activity| activity["title"].as_str().unwrap().to_owned()).collect()
    };
    let (exported, imported) = (titles("doorbell"), titles(&path("bundle")));
    assert!(imported.is_superset(&exported), "{exported:?} {imported:?}");
}

#[test]
fn a_file_that_is_no_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle").to_string_lossy().into_owned();
    for (name, bytes) in [
        ("a.xml", &b"<html></html>"[..]),
        ("b.xml", b"<Project xmlns=\"http://schemas.microsoft.com/project\"><Tasks><Task>"),
        ("c.xml", b"\xff\xfe\x00\xd8"),
        ("d.xml", b"\x80\x81"),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        let output = run(&["import", &file.to_string_lossy(), "-o", &bundle]);
        assert_eq!(code(&output), 2, "{name}: {}", stderr(&output));
    }
    assert!(!Path::new(&bundle).exists(), "nothing is written for what can't be read");
}
