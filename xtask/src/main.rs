//! Checks and chores that need files or a clock: `cargo xtask COMMAND`.

mod bench;
mod conformance;
mod house;
mod schema;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures speed and memory of the simulation, against NumPy in the same run.
    Bench(bench::Arguments),
    /// Compares results with published cases; exits with 1 where one differs.
    Conformance {
        /// The folder of all cases, or of one kind of them.
        folder: PathBuf,
    },
    /// Writes the JSON Schema of bundles into `schema/`.
    Schema {
        /// Only tells whether what is there is current; exits with 1 if it isn't.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Conformance { folder } => conformance::run(&folder),
        Command::Schema { check } => schema::run(check),
    }
}
