//! How the program ends, and what it says then.

use crate::{code, run, stderr, stdout};

fn check(arguments: &[&str], expected: i32) {
    let output = run(arguments);
    assert_eq!(code(&output), expected, "{arguments:?}: {}{}", stdout(&output), stderr(&output));
}

#[test]
fn help_and_version_are_fine() {
    for arguments in [&["--help"][..], &["--version"], &["plan", "--help"], &["help", "decide"]] {
        check(arguments, 0);
    }
    let help = stdout(&run(&["--help"]));
    for line in ["Exit codes:", "   1  the plan has findings", "  64  the command line"] {
        assert!(help.contains(line), "{line} in {help}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_64() {
    check(&[], 64);
    check(&["plam"], 64);
    check(&["plan", "--samples", "0"], 64);
    check(&["plan", "--confidence", "110"], 64);
    check(&["plan", "--as-of", "soon"], 64);
    check(&["explain"], 64);
    check(&["compare", "doorbell"], 64);
    check(&["compare", "doorbell", "doorbell", "--scenario", "no-camera"], 64);
    check(&["import", "doorbell/plan.toml", "-o", "nowhere"], 64);
}

#[test]
fn bad_input_ends_with_2() {
    for command in ["check", "plan", "decide", "coverage"] {
        check(&[command, "broken"], 2);
        check(&[command, "broken", "--json"], 2);
    }
    check(&["explain", "launch:snapshoot", "doorbell"], 2);
    check(&["decide", "camra", "doorbell"], 2);
    check(&["plan", "doorbell", "--scenario", "no-camra"], 2);
    check(&["plan", "doorbell", "--focus", "launch:nothing"], 2);
    check(&["plan", "doorbell", "--discipline", "alchemy"], 2);
}

#[test]
fn what_is_misspelt_is_answered_with_what_is_near() {
    for (arguments, near) in [
        (&["explain", "launch:snapshoot", "doorbell"][..], "did you mean `launch:snapshot`?"),
        (&["decide", "camra", "doorbell"], "did you mean `camera`?"),
        (&["plan", "doorbell", "--scenario", "no-camra"], "did you mean `no-camera`?"),
        (&["explain", "snapshot", "doorbell", "--discipline", "suply"], "did you mean `supply`?"),
    ] {
        let told = stderr(&run(arguments));
        assert!(told.contains(near), "{told}");
    }
}

#[test]
fn what_can_not_be_read_or_written_ends_with_3() {
    check(&["plan", "no-such-folder"], 3);
    check(&["import", "no-such-file.csv", "-o", "nowhere"], 3);
    check(&["export", "doorbell", "--format", "json", "-o", "no-such-folder/plan.json"], 3);
    check(&["new", "doorbell"], 3);
    let told = stderr(&run(&["plan", "no-such-folder"]));
    assert!(told.contains("longlead new no-such-folder"), "{told}");
}

#[test]
fn findings_end_with_1_only_if_they_were_asked_for() {
    check(&["plan", "doorbell"], 0);
    for finding in ["lost", "at-risk", "orphan", "warning,lost"] {
        check(&["plan", "doorbell", "--fail-on", finding], 1);
    }
    check(&["plan", "doorbell", "--fail-on", "warning"], 0);
    check(&["check", "doorbell", "--fail-on", "warning"], 0);
    check(&["plan", "doorbell", "--fail-on", "sunshine"], 64);
}

#[test]
fn the_bundle_may_stand_before_the_id_as_in_other_commands() {
    for command in ["decide", "explain"] {
        let usual = run(&[command, "camera", "doorbell"]);
        assert_eq!(code(&usual), 0);
        assert_eq!(stdout(&usual), stdout(&run(&[command, "doorbell", "camera"])));
    }
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        check(&["completions", shell], 0);
    }
}
