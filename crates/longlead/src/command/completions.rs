//! `longlead completions`: for shells.

use clap::CommandFactory as _;

use crate::args::{Arguments, CompletionsArguments};
use crate::command::Answer;

pub(crate) fn run(arguments: &CompletionsArguments) -> Answer {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "longlead", &mut script);
    Answer::fine(String::from_utf8_lossy(&script).into_owned())
}
