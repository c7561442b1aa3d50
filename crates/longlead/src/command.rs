//! The commands: each gathers what it needs, asks the library, and renders the answer.

mod backup;
mod check;
mod compare;
mod completions;
mod coverage;
mod decide;
mod demo;
mod explain;
mod export;
mod import;
mod new;
mod plan;
mod restore;
mod schema;
mod serve;
mod user;
mod verify;

use longlead_horizon::{Forecast, State};
use longlead_model::Diagnostic;

use crate::args::{CommandArguments, Finding};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// What a command has to say.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What is printed.
    pub(crate) text: String,
    /// What is told on the error stream, so that it doesn't mix with what is printed.
    pub(crate) aside: String,
    pub(crate) exit: Exit,
}

impl Answer {
    pub(crate) fn fine(text: String) -> Answer {
        Answer { text, aside: String::new(), exit: Exit::Fine }
    }
}

pub(crate) fn run(command: &CommandArguments, settings: &Settings) -> Result<Answer, Failure> {
    match command {
        CommandArguments::Check(arguments) => check::run(arguments, settings),
        CommandArguments::Plan(arguments) => plan::run(arguments, settings),
        CommandArguments::Explain(arguments) => explain::run(arguments, settings),
        CommandArguments::Decide(arguments) => decide::run(arguments, settings),
        CommandArguments::Coverage(arguments) => coverage::run(arguments, settings),
        CommandArguments::Compare(arguments) => compare::run(arguments, settings),
        CommandArguments::Export(arguments) => export::run(arguments, settings),
        CommandArguments::Import(arguments) => import::run(arguments, settings),
        CommandArguments::New(arguments) => new::run(arguments, settings),
        CommandArguments::Demo(arguments) => demo::run(arguments, settings),
        CommandArguments::Serve(arguments) => serve::run(arguments, settings),
        CommandArguments::Backup(arguments) => backup::run(arguments, settings),
        CommandArguments::Restore(arguments) => restore::run(arguments, settings),
        CommandArguments::Verify(arguments) => verify::run(arguments, settings),
        CommandArguments::User(arguments) => user::run(arguments, settings),
        CommandArguments::Completions(arguments) => Ok(completions::run(arguments)),
        CommandArguments::Schema(arguments) => Ok(schema::run(arguments)),
    }
}

/// The exit code for a plan, given the findings that were asked to fail on.
fn judge(forecast: &Forecast, warnings: &[Diagnostic], fail_on: &[Finding]) -> Exit {
    let milestones = forecast.milestones.iter().map(|milestone| milestone.state);
    let decisions = forecast.decisions.iter().map(|decision| decision.state);
    let states: Vec<State> = milestones.chain(decisions).collect();
    let is_found = |finding: &Finding| match finding {
        Finding::Lost => states.contains(&State::Lost),
        Finding::AtRisk => states.contains(&State::AtRisk) || states.contains(&State::Lost),
        Finding::Orphan => !forecast.foresight.orphan_needs.is_empty(),
        Finding::Warning => !warnings.is_empty(),
    };
    if fail_on.iter().any(is_found) { Exit::Findings } else { Exit::Fine }
}
