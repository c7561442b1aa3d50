//! DuckDB attaches the lake and counts what we count. `LONGLEAD_PYTHON` names a Python that has its
//! wheels; see `.ci/run`.

use std::fmt::Write as _;
use std::process::Command;

use super::{Asked, stop};

const CONTRACT: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [{ name = "temperature", unit = "Cel" }, { name = "door_open", kind = "boolean" }]
"#;

/// Attaches the catalog that is its argument, to read, and asks.
const SCRIPT: &str = r#"
import sys
from pathlib import Path
import duckdb, duckdb_extension_ducklake, duckdb_extension_sqlite_scanner
lake = duckdb.connect()
for wheel in (duckdb_extension_sqlite_scanner, duckdb_extension_ducklake):
    folder = Path(wheel.__file__).parent / "extensions"
    lake.load_extension(str(next(folder.rglob("*.duckdb_extension"))))
lake.execute(f"ATTACH 'ducklake:sqlite:{sys.argv[1]}' AS lake (READ_ONLY)")
lake.execute("SET TimeZone = 'UTC'")
for row in lake.execute(
    "SELECT device, count(*), count(DISTINCT captured), round(sum(temperature), 3), "
    "count(*) FILTER (door_open) FROM lake.climate GROUP BY device ORDER BY device"
).fetchall():
    print(",".join(str(it) for it in row))
"#;

/// A Python with DuckDB, or a note that there is none.
#[expect(clippy::print_stdout, reason = "a case that was left out says so")]
fn python() -> Option<String> {
    let python = std::env::var("LONGLEAD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = "import duckdb, duckdb_extension_ducklake, duckdb_extension_sqlite_scanner";
    let ran = Command::new(&python).args(["-c", import]).output();
    if ran.is_ok_and(|it| it.status.success()) {
        return Some(python);
    }
    let is_required = std::env::var("LONGLEAD_REQUIRE").is_ok_and(|it| it == "all");
    assert!(!is_required, "{python} lacks the wheels of DuckDB");
    println!("skipped: {python} lacks the wheels of DuckDB");
    None
}

#[test]
fn duckdb_attaches_the_lake_and_counts_the_same() {
    let Some(python) = python() else { return };
    let asked = Asked::start(CONTRACT, &[]);
    for day in 1..4 {
        let mut lines = String::new();
        for it in 0..300 {
            let (device, value) = (it % 3, f64::from(it) / 8.0);
            let _ = writeln!(
                lines,
                r#"{{"device":"CT-{device}","time":"2026-01-0{day}T0{}:{:02}:00Z","temperature":{value},"door_open":{}}}"#,
                it / 60,
                it % 60,
                it % 7 == 0,
            );
        }
        let (status, told) = asked.send("/ingest/v1/climate", "application/x-ndjson", lines);
        assert_eq!(status, 200, "{told}");
    }
    let ours = asked.ask(
        "SELECT device, count(*), count(DISTINCT captured), round(sum(temperature), 3), \
         count(*) FILTER (WHERE door_open) FROM climate GROUP BY device ORDER BY device",
    );
    assert_eq!(ours.len(), 3);
    let catalog = asked.folder.path().join("lake/catalog.sqlite");
    // What is in the log only isn't in tables yet; a server that stops writes it there.
    let asked = stop(asked);
    let output = Command::new(python).arg("-c").arg(SCRIPT).arg(catalog).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Vec<Vec<String>> =
        told.lines().map(|it| it.split(',').map(str::to_owned).collect()).collect();
    assert_eq!(theirs, ours);
    drop(asked);
}
