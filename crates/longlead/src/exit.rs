//! How the program ends.

use std::io;
use std::process::ExitCode;

use longlead_model::Diagnostic;

/// What the exit code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// The plan has findings that `--fail-on` names.
    Findings,
    /// The input can't be used; diagnostics tell why.
    BadInput,
    /// Something could not be read or written.
    InputOutput,
    /// The command line makes no sense.
    Usage,
}

/// The codes as `--help` shows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
   0  fine
   1  the plan has findings that --fail-on names
   2  bad input: diagnostics tell what is wrong, where, and how to mend it
   3  a file, folder or database can't be read or written
  64  the command line makes no sense";

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Findings => 1,
            Exit::BadInput => 2,
            Exit::InputOutput => 3,
            // EX_USAGE of sysexits.h: clap's own 2 would read as bad input.
            Exit::Usage => 64,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The input is wrong.
    #[error("the input can't be used")]
    BadInput(Vec<Diagnostic>),
    /// Reading or writing failed.
    #[error("{0:#}")]
    InputOutput(anyhow::Error),
    /// Arguments that don't go together.
    #[error("{0}")]
    Usage(String),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Failure {
        Failure::BadInput(vec![diagnostic])
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::InputOutput(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::InputOutput(error.into())
    }
}
