//! The NumPy program, run on the network that is measured.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use longlead_network::{Estimate, Network};
use serde::Deserialize;

/// z of the 90th percentile, by which a lognormal is stated here.
const Z90: f64 = 1.281_551_565_544_600_4;

/// Half of them with either way of cutting the samples.
const REPEATS: &str = "8";

/// What the NumPy program measured of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Measured {
    pub(super) forward_seconds: f64,
    pub(super) all_seconds: f64,
    pub(super) mean_finish: f64,
    pub(super) numpy: String,
}

pub(super) fn measure(network: &Network, samples: u32) -> Result<Measured> {
    let folder = folder()?;
    let path = folder.join("network.txt");
    fs::write(&path, text(network)?)?;
    let output = Command::new(python(&folder)?)
        .arg(super::workspace().join("bench/peer.py"))
        .arg(&path)
        .args([&samples.to_string(), REPEATS])
        .env("OMP_NUM_THREADS", "1")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("the peer printed no figures")
}

/// A folder beside the build's own output.
fn folder() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let target =
        program.ancestors().nth(2).context("this program stands outside a target folder")?;
    let folder = target.join("bench-peer");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A Python with NumPy: one that is there, or a virtual environment with NumPy
/// from PyPI.
fn python(folder: &Path) -> Result<PathBuf> {
    let own = folder.join("venv/bin/python3");
    for candidate in [own.clone(), PathBuf::from("python3")] {
        let check = Command::new(&candidate).args(["-c", "import numpy"]).output();
        if check.is_ok_and(|check| check.status.success()) {
            return Ok(candidate);
        }
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
    run(Command::new(&own).args(["-m", "pip", "install", "--quiet", "numpy"]))?;
    Ok(own)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} can't be run"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// One line for each activity, followed by one for each link that enters it.
fn text(network: &Network) -> Result<String> {
    let mut text = String::new();
    for (index, activity) in network.activities.iter().enumerate() {
        match activity.estimate {
            Estimate::Pert { a, m, b } => writeln!(text, "pert {a} {m} {b}")?,
            Estimate::Triangular { a, m, b } => writeln!(text, "triangular {a} {m} {b}")?,
            Estimate::Lognormal { p50, p90 } => {
                writeln!(text, "lognormal {p50} {}", (p90 / p50).ln() / Z90)?;
            }
            _ => anyhow::bail!("the peer knows no {:?}", activity.estimate),
        }
        for link in network.links.iter().filter(|link| link.to.index() == index) {
            writeln!(text, "link {} {}", link.from.index(), link.lag.amount)?;
        }
    }
    Ok(text)
}
