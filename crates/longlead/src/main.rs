//! Longlead on the command line: arguments become settings, a command reads what it needs, asks
//! the library, and renders the answer. Nothing is computed here that a page or a script would
//! want to know too.

mod args;
mod bundle_folder;
mod command;
mod database;
mod exit;
mod file;
mod fleet;
mod gather;
mod output;
mod postgres;
mod progress;
mod sample;
mod server;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use args::Arguments;
use exit::Exit;
use settings::Settings;

/// What merging files took is given back; the system's allocator kept it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let settings = Settings::new(&arguments.global, jiff::Zoned::now().date());
    let exit = match command::run(&arguments.command, &settings) {
        Ok(answer) => output::answer(&answer, &settings.output),
        Err(failure) => output::failure(&failure, &settings.output),
    };
    exit.into()
}

/// Tells what is wrong with the arguments; help and version are asked for and fine.
fn usage(error: &clap::Error) -> Exit {
    // Nothing is left to be done if even this can't be written.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Fine,
        _ => Exit::Usage,
    }
}
