//! How answers look: words, colours, tables and JSON, and the one place that prints.

pub(crate) mod chain;
pub(crate) mod chart;
pub(crate) mod diagnostics;
pub(crate) mod headline;
pub(crate) mod json;
pub(crate) mod losses;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod words;
pub(crate) mod wrap;

use std::io::{self, ErrorKind, Write};

use anstream::AutoStream;
use longlead_model::Diagnostic;

use crate::command::Answer;
use crate::exit::{Exit, Failure};
use crate::settings::OutputSettings;

/// Prints an answer; tells how the program ends.
pub(crate) fn answer(answer: &Answer, settings: &OutputSettings) -> Exit {
    let printed = to_stdout(&answer.text, settings);
    match printed.and_then(|()| to_stderr(&answer.aside, settings)) {
        Ok(()) => answer.exit,
        Err(error) => failure(&error.into(), settings),
    }
}

/// Prints a text while a command still runs.
pub(crate) fn now(text: &str, settings: &OutputSettings) -> io::Result<()> {
    to_stdout(text, settings)
}

/// Prints a text at once. A reader that has seen enough, such as `head`, is no failure.
fn to_stdout(text: &str, settings: &OutputSettings) -> io::Result<()> {
    let stream = AutoStream::new(io::stdout().lock(), settings.color);
    quietly_closed(whole(stream, text))
}

fn to_stderr(text: &str, settings: &OutputSettings) -> io::Result<()> {
    let stream = AutoStream::new(io::stderr().lock(), settings.color);
    quietly_closed(whole(stream, text))
}

fn whole(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn quietly_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Tells why there is no answer: people on the error stream, scripts on the output.
pub(crate) fn failure(failure: &Failure, settings: &OutputSettings) -> Exit {
    let (exit, told) = match failure {
        Failure::BadInput(problems) if settings.json => {
            (Exit::BadInput, to_stdout(&bad_input_json(problems, settings), settings))
        }
        Failure::BadInput(problems) => {
            (Exit::BadInput, to_stderr(&bad_input(problems, settings), settings))
        }
        Failure::InputOutput(_) => (Exit::InputOutput, error_line(failure, settings)),
        Failure::Usage(_) => (Exit::Usage, error_line(failure, settings)),
    };
    // If even the reason can't be written, the exit code still tells.
    told.map_or(Exit::InputOutput, |()| exit)
}

fn error_line(failure: &Failure, settings: &OutputSettings) -> io::Result<()> {
    to_stderr(&format!("{}: {failure}\n", style::error("error")), settings)
}

fn bad_input(problems: &[Diagnostic], settings: &OutputSettings) -> String {
    let mut text = diagnostics::list(problems, settings);
    text.push_str(&diagnostics::summary(problems));
    text.push('\n');
    text
}

fn bad_input_json(problems: &[Diagnostic], settings: &OutputSettings) -> String {
    json::text(&diagnostics::json(problems, settings))
}
