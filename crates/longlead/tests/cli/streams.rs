//! Colours, pipes, and the order in which facts are written.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::{bundles, longlead, printed, sample, stdout};

#[test]
fn a_file_or_pipe_gets_no_colour() {
    assert!(!printed(&["plan", "doorbell"]).contains('\u{1b}'));
}

#[test]
fn colour_can_be_asked_for_and_refused() {
    assert!(printed(&["plan", "doorbell", "--color", "always"]).contains('\u{1b}'));
    let quiet = longlead(&["plan", "doorbell"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!stdout(&quiet).contains('\u{1b}'));
    let never = longlead(&["plan", "doorbell", "--color", "never"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(!stdout(&never).contains('\u{1b}'));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let coloured = printed(&["plan", "doorbell", "--color", "always"]);
    let plain = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(plain, printed(&["plan", "doorbell"]));
}

#[test]
fn lines_fit_the_terminal() {
    for columns in ["60", "80", "100", "200"] {
        for arguments in [
            &["plan", "doorbell"][..],
            &["decide", "camera", "doorbell"],
            &["explain", "snapshot", "doorbell"],
        ] {
            let output = longlead(arguments).env("COLUMNS", columns).output().unwrap();
            let most: usize = columns.parse().unwrap();
            for line in stdout(&output).lines() {
                let is_command = line.starts_with("  longlead ");
                assert!(is_command || line.chars().count() <= most, "{columns}: {line}");
            }
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = longlead(&["plan", &sample(), "--json", "--samples", "100"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(first, "{\n");
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The blocks of a file, each from its `[[kind]]` on; what stands above the first comes first.
fn blocks(text: &str) -> (String, Vec<String>) {
    let mut head = String::new();
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            blocks.push(String::new());
        }
        let block = blocks.last_mut().unwrap_or(&mut head);
        block.push_str(line);
        block.push('\n');
    }
    (head, blocks)
}

#[test]
fn the_order_of_files_and_records_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in ["hardware.toml", "plan.toml"].into_iter().enumerate() {
        let text = fs::read_to_string(bundles().join("doorbell").join(name)).unwrap();
        let (head, mut blocks) = blocks(&text);
        assert!(blocks.len() > 5);
        blocks.reverse();
        let half = blocks.split_off(blocks.len() / 2);
        let nested = folder.path().join(format!("{}", 9 - number));
        fs::create_dir(&nested).unwrap();
        fs::write(nested.join("a.toml"), blocks.concat()).unwrap();
        fs::write(folder.path().join(format!("z{number}.toml")), head + &half.concat()).unwrap();
    }
    let shown = folder.path().to_string_lossy();
    for command in ["plan", "coverage", "decide"] {
        let permuted = printed(&[command, &shown, "--json"]);
        assert!(permuted == printed(&[command, "doorbell", "--json"]), "{command} differs");
    }
}
