//! `longlead check`: everything that is wrong with a bundle.

use longlead_horizon::plan;
use longlead_model::{Bundle, Diagnostic, Kind};

use crate::args::{CheckArguments, Finding};
use crate::command::Answer;
use crate::exit::{Exit, Failure};
use crate::gather;
use crate::output::style::{GOOD, paint};
use crate::output::words::count;
use crate::output::{diagnostics, json};
use crate::settings::Settings;

/// What keeps a plan from being computed shows in a single sample.
const SAMPLES: u32 = 1;

pub(crate) fn run(arguments: &CheckArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (bundle, mut problems) = gather::diagnosed(&arguments.bundle)?;
    if !problems.iter().any(Diagnostic::is_error) {
        let ask = longlead_horizon::Ask { samples: SAMPLES, ..settings.ask(&bundle, None) };
        match plan(&bundle, &ask, &|_, _| ()) {
            Ok(plan) => problems.extend(plan.warnings),
            Err(told) => problems.extend(told),
        }
        problems.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
    }
    let text = if settings.output.json {
        json::text(&diagnostics::json(&problems, &settings.output))
    } else {
        told(&bundle, &problems, settings)
    };
    Ok(Answer { exit: exit(&problems, settings), ..Answer::fine(text) })
}

fn exit(problems: &[Diagnostic], settings: &Settings) -> Exit {
    if problems.iter().any(Diagnostic::is_error) {
        Exit::BadInput
    } else if settings.fail_on.contains(&Finding::Warning) && !problems.is_empty() {
        Exit::Findings
    } else {
        Exit::Fine
    }
}

/// The kinds have regular plurals, but for one.
fn plural(word: &str) -> String {
    match word.strip_suffix('y') {
        _ if word == "criterion" => "criteria".to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{word}s"),
    }
}

fn told(bundle: &Bundle, problems: &[Diagnostic], settings: &Settings) -> String {
    let mut text = diagnostics::list(problems, &settings.output);
    if !problems.is_empty() {
        text.push('\n');
    }
    let summary = diagnostics::summary(problems);
    let records = count(bundle.records.count(), "record", "records");
    if problems.iter().any(Diagnostic::is_error) {
        text.push_str(&format!("{summary}; {records} could be read\n"));
        return text;
    }
    text.push_str(&format!("{} {records}, {summary}\n", paint(GOOD, "✓")));
    let kinds: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| (bundle.records.ids(*kind).len(), kind.word()))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| count(number, &word, &plural(&word)))
        .collect();
    if kinds.is_empty() {
        text.push_str(
            "  There are no facts yet: `longlead new DIR` writes a bundle to learn from.\n",
        );
        return text;
    }
    text.push_str(&crate::output::wrap::paragraph(
        &kinds.join(" · "),
        "  ",
        "  ",
        settings.output.width,
    ));
    text
}
