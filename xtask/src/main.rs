//! Checks and chores that need files or a clock: `cargo xtask COMMAND`.

mod bench;
mod conformance;
mod editors;
mod fleet_kill;
mod house;
mod lake_server;
mod mqtt;
mod schema;
mod screenshots;
mod server;
mod web_latency;

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
    /// Measures speed and memory: of the simulation against NumPy, of the fleet against Mosquitto,
    /// DuckDB and ClickHouse, in the same run.
    Bench(bench::Arguments),
    /// Lets many people edit at once, perhaps kills the server under them, and holds the journal
    /// against what was acknowledged; exits with 1 if anything is missing.
    Editors(editors::Arguments),
    /// Lets devices send while the server is killed, its log torn, its disk full and its clock
    /// stepped back, and holds all rows against what was acknowledged; exits with 1 if anything is
    /// missing or doubled.
    FleetKill(fleet_kill::Arguments),
    /// Compares results with published cases; exits with 1 where one differs.
    Conformance {
        /// The folder of all cases, or of one kind of them.
        folder: PathBuf,
    },
    /// Takes the pictures of the guide over the sample, into `docs/screenshots/`.
    Screenshots(screenshots::Arguments),
    /// Measures how fast each page is served, and how soon an edit is seen in the plan.
    WebLatency(web_latency::Arguments),
    /// Writes the JSON Schema of bundles and the OpenAPI document into `schema/`.
    Schema {
        /// Only tells whether what is there is current; exits with 1 if it isn't.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> Result<ExitCode> {
    // Only the first call in a process installs it; a second finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Editors(arguments) => editors::run(&arguments),
        Command::FleetKill(arguments) => fleet_kill::run(&arguments),
        Command::Screenshots(arguments) => screenshots::run(&arguments),
        Command::WebLatency(arguments) => web_latency::run(&arguments),
        Command::Conformance { folder } => conformance::run(&folder),
        Command::Schema { check } => schema::run(check),
    }
}
