//! The binary as people and scripts meet it: texts, JSON, exit codes, files and hostile input.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on must say so"
)]

mod asking;
mod database;
mod exits;
mod files;
mod golden;
mod hostile;
mod identity;
mod json;
mod readme;
mod serving;
mod streams;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary with arguments, as it runs in the folder of the test bundles at 100 columns.
fn longlead(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longlead"));
    command.args(arguments).current_dir(bundles()).env("COLUMNS", "100");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn bundles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundles")
}

fn sample() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/coldtrack");
    folder.to_string_lossy().into_owned()
}

fn run(arguments: &[&str]) -> Output {
    longlead(arguments).output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("output is UTF-8")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the binary ends by itself")
}

/// What is printed by a command that ends well.
fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn printed_json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&printed(arguments)).expect("the output is JSON")
}
