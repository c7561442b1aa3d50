//! DuckDB and chDB, in a virtual environment beside the build's own output.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;

/// A Python that has both.
pub(super) struct Python {
    program: PathBuf,
}

impl Python {
    /// One that is there, or made with packages from PyPI.
    pub(super) fn find() -> Result<Python> {
        let own = std::env::current_exe()?;
        let target =
            own.ancestors().nth(2).context("this program stands outside a target folder")?;
        let folder = target.join("bench-peer/engines");
        let program = folder.join("bin/python3");
        let has = |program: &Path| {
            let check = Command::new(program).args(["-c", "import duckdb, chdb"]).output();
            check.is_ok_and(|check| check.status.success())
        };
        if !has(&program) {
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            let pip = ["-m", "pip", "install", "--quiet", "duckdb", "chdb"];
            run(Command::new(&program).args(pip))?;
        }
        Ok(Python { program })
    }

    /// Runs a script of `bench/` and reads the JSON that it prints last.
    pub(super) fn run<T: DeserializeOwned>(&self, script: &str, arguments: &[&str]) -> Result<T> {
        let script = super::super::workspace().join("bench").join(script);
        let output = Command::new(&self.program).arg(&script).args(arguments).output()?;
        let told = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "{}: {}",
            script.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let last = told.lines().last().context("the script printed nothing")?;
        Ok(serde_json::from_str(last)?)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} can't be run"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", told.trim());
    Ok(())
}
