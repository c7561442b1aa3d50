//! How fast the server takes in what devices send and answers questions about it, as ratios to
//! Mosquitto, DuckDB and ClickHouse (chDB) in the same run. Everything that Longlead acknowledges
//! here is on stable storage.

mod http;
mod mqtt;
mod python;
mod soak;
mod tsbs;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{Arguments, Part};
use crate::lake_server::LakeServer;

/// What all parts need.
struct Bench {
    binary: PathBuf,
    /// Readings that go in by HTTP.
    readings: u64,
    /// Messages of each measurement by MQTT.
    messages: u64,
    connections: u64,
    /// Points of the TSBS IoT use case.
    points: u64,
    rounds: usize,
    /// A broker to compare with in Mosquitto's place.
    broker: Option<String>,
    /// Minutes of the soak.
    minutes: usize,
}

/// Measures the parts of the fleet that are wanted.
pub(super) fn measure(out: &mut impl Write, arguments: &Arguments) -> Result<()> {
    let wanted = |part: Part| arguments.only.is_empty() || arguments.only.contains(&part);
    if ![Part::Mqtt, Part::Http, Part::Tsbs, Part::Soak].into_iter().any(wanted) {
        return Ok(());
    }
    let bench = Bench {
        binary: binary(arguments)?,
        readings: arguments.readings,
        messages: arguments.messages,
        connections: arguments.connections,
        points: arguments.points,
        rounds: arguments.rounds.max(1),
        broker: arguments.broker.clone(),
        minutes: arguments.minutes,
    };
    writeln!(out, "\nThe fleet, by {}", bench.binary.display())?;
    if wanted(Part::Mqtt) {
        mqtt::measure(out, &bench)?;
    }
    if wanted(Part::Http) {
        http::measure(out, &bench)?;
    }
    if wanted(Part::Tsbs) {
        tsbs::measure(out, &bench)?;
    }
    if wanted(Part::Soak) {
        soak::measure(out, &bench)?;
    }
    Ok(())
}

/// The binary that is named, or one built for release.
fn binary(arguments: &Arguments) -> Result<PathBuf> {
    if let Some(binary) = &arguments.binary {
        return Ok(binary.clone());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--locked", "--workspace", "--bin", "longlead"])
        .current_dir(super::workspace())
        .status()?;
    ensure!(status.success(), "`longlead` doesn't build");
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("this program stands outside a target folder")?;
    Ok(target.join("release/longlead"))
}

/// Where it stands why a target is missed.
fn why(out: &mut impl Write, is_met: bool) -> Result<()> {
    if !is_met {
        writeln!(out, "  docs/speed.md says why, and what would reach it")?;
    }
    Ok(())
}

/// Bytes of all files below a folder, or of one file.
fn bytes_of(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return std::fs::metadata(path).map_or(0, |it| it.len());
    };
    entries.flatten().map(|it| bytes_of(&it.path())).sum()
}

/// The middle one.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Peak memory in MB.
fn peak_mb(server: &LakeServer) -> f64 {
    server.peak_kib() as f64 / 1024.0
}

/// The same on every run.
fn dice(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}
