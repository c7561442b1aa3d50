//! The README shows what the binary prints, or this fails.

use std::path::Path;

use crate::{longlead, sample, stdout};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_plan_in_the_readme_is_what_the_sample_gives() {
    let readme = readme();
    let (_, rest) = readme.split_once("<!-- plan -->\n```text\n").unwrap();
    let (shown, _) = rest.split_once("\n```\n<!-- /plan -->").unwrap();
    let output = longlead(&["plan", &sample()]).env("NO_COLOR", "1").output().unwrap();
    let printed = stdout(&output);
    let mut printed = printed.lines().map(str::trim_end);
    // The first line is the command; `…` stands for lines that are left out.
    for line in shown.lines().skip(1).filter(|line| *line != "…") {
        assert!(
            printed.any(|printed| printed == line),
            "README.md shows a line that `longlead plan examples/coldtrack` doesn't print there \
             any more (at 100 columns): {line:?}"
        );
    }
}

#[test]
fn every_command_is_in_the_readme() {
    let help = stdout(&longlead(&["help"]).output().unwrap());
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let readme = readme();
    let names = commands.lines().take_while(|line| line.starts_with("  "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    let missing: Vec<&str> =
        names.filter(|name| *name != "help" && !readme.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "README.md doesn't mention {missing:?}");
}
