//! Published cases, and whether we agree with them.
//!
//! Each module reads one kind of cases, prints what it found and returns how often we
//! differ. A kind whose files are not in the folder is passed over.

mod mspdi;
mod psplib;
mod ucum;

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::{Result, ensure};

pub(crate) fn run(folder: &Path) -> Result<ExitCode> {
    ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    let mut outcomes: Vec<(&str, usize)> = Vec::new();
    if let Some(report) = psplib::run(folder)? {
        outcomes.push(("PSPLIB", report.differ()));
    }
    if let Some(report) = mspdi::run(folder)? {
        outcomes.push(("MSPDI", report.differ()));
    }
    if ucum::is_in(folder) {
        outcomes.push(("UCUM", ucum::run(folder)?.differ()));
    }
    ensure!(!outcomes.is_empty(), "{} holds no cases that we know", folder.display());
    let mut out = std::io::stdout().lock();
    let mut differ = 0;
    writeln!(out)?;
    for (kind, count) in outcomes {
        differ += count;
        let verdict = if count == 0 { "agrees".to_owned() } else { format!("{count} differ") };
        writeln!(out, "{kind}: {verdict}")?;
    }
    Ok(if differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
