//! `longlead plan examples/coldtrack`, from the start of the process to its end.

use std::{env, io::Write, process::Command};

use anyhow::{Context, Result, ensure};

use super::{fastest, verdict, workspace};

const TARGET_SECONDS: f64 = 0.3;

pub(super) fn measure(out: &mut impl Write) -> Result<()> {
    let bundle = workspace().join("examples/coldtrack");
    let program = workspace().join("crates/longlead/src/main.rs");
    if !bundle.exists() || !program.exists() {
        writeln!(out, "  longlead plan examples/coldtrack: not there yet")?;
        return Ok(());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "longlead"])
        .current_dir(workspace())
        .status()?;
    ensure!(status.success(), "`longlead` doesn't build");
    let folder = env::current_exe()?;
    let binary = folder.parent().context("this program has no folder")?.join("longlead");
    let seconds = fastest(7, || {
        let output = Command::new(&binary).arg("plan").arg(&bundle).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    })?;
    writeln!(
        out,
        "  longlead plan examples/coldtrack: {:.0} ms (target 300: {})",
        seconds * 1e3,
        verdict(seconds < TARGET_SECONDS),
    )?;
    Ok(())
}
