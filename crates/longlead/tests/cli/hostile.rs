//! Input that nobody means well with ends in diagnostics, and soon.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::{code, longlead, run, stderr, stdout};

/// Far more than any of these takes, far less than a test should hang.
const PATIENCE: Duration = Duration::from_secs(20);

fn check_file(bytes: &[u8]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("product.toml"), bytes).unwrap();
    check_folder(folder.path())
}

fn check_folder(folder: &Path) -> (String, String) {
    let shown = folder.to_string_lossy();
    for command in ["check", "plan"] {
        let since = Instant::now();
        let output = run(&[command, &shown]);
        assert!(since.elapsed() < PATIENCE, "{command} took {:?}", since.elapsed());
        assert_eq!(code(&output), 2, "{}", stderr(&output));
    }
    let output = run(&["check", &shown]);
    (stdout(&output), stderr(&output))
}

#[test]
fn fifty_thousand_lines_that_break_off() {
    let mut text = String::new();
    for number in 0..8_333 {
        let before = number.max(1) - 1;
        let _ = write!(
            text,
            "[[activity]]\nid = \"a{number}\"\ntitle = \"A\"\nwork = {{ estimate = \"3 d\" }}\n\
             after = [\"a{before}\"]\n\n"
        );
    }
    text.push_str("[[activity]]\nid = \"a8333\ntitle = ");
    let (told, _) = check_file(text.as_bytes());
    assert!(told.contains("product.toml:49999"), "{told}");
}

#[test]
fn fifty_thousand_lines_that_are_all_wrong() {
    let mut text = String::new();
    for number in 0..12_500 {
        let _ = write!(text, "[[activity]]\nid = \"A {number}\"\nwrok = 1\n\n");
    }
    let (told, _) = check_file(text.as_bytes());
    assert!(told.contains("more problems; --all shows all"), "{told}");
    assert!(told.lines().count() < 1_000);
}

#[test]
fn one_circle_of_twenty_thousand_activities() {
    let mut text = String::new();
    for number in 0..20_000 {
        let next = (number + 1) % 20_000;
        let _ = write!(
            text,
            "[[activity]]\nid = \"a{number}\"\ntitle = \"A\"\nwork = {{ estimate = \"3 d\" }}\n\
             after = [\"a{next}\"]\n"
        );
    }
    let (told, _) = check_file(text.as_bytes());
    assert!(told.contains("[cycle]"), "{}", told.chars().take(2_000).collect::<String>());
}

#[test]
fn brackets_without_end() {
    check_file(format!("a = {}", "[".repeat(100_000)).as_bytes());
    check_file(format!("a = {}", "{ a = ".repeat(50_000)).as_bytes());
    check_file(format!("{}a = 1", "a.".repeat(50_000)).as_bytes());
}

#[test]
fn bytes_that_are_no_text() {
    let bytes: Vec<u8> =
        (0..200_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (told, _) = check_file(&bytes);
    assert!(told.contains("unreadable-file"), "{told}");
}

#[test]
fn an_empty_folder_says_how_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let (told, _) = check_folder(folder.path());
    assert!(told.contains("longlead new"), "{told}");
}

#[test]
fn a_bundle_that_is_a_single_file_is_read() {
    let output = run(&["check", "broken/product.toml"]);
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("broken/product.toml:7:11: error[unknown-reference]"));
}

#[test]
fn texts_that_steer_a_terminal_do_not_reach_it() {
    let text = "[[product]]\nid = \"p\"\ntitle = \"\\u001b[31mred\\u0007\\r\\n\"\n[[milestone]]\nid = \"m\"\ntitle = \"\\u001b]0;x\\u0007 m\"\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("product.toml"), text).unwrap();
    let output = longlead(&["plan", &folder.path().to_string_lossy(), "--color", "always"])
        .output()
        .unwrap();
    let told = stdout(&output);
    assert!(
        !told.contains('\u{7}') && !told.contains("\u{1b}]0") && !told.contains("\u{1b}[31mred"),
        "{told:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_called_toml_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let (told, _) = check_folder(folder.path());
    assert!(told.contains("is no file"), "{told}");
}
