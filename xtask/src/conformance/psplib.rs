//! The project scheduling problem library (Kolisch & Sprecher 1997, "PSPLIB – a project
//! scheduling problem library"; Kolisch, Schwindt & Sprecher 1999 for ProGen/max).
//!
//! A *set* is a folder of `.sm` files (one mode, minimum lags of zero) or `.sch` files
//! (minimum and maximum lags). Beside a folder `j30` the best-known makespans are read
//! from `j30hrs.sm` or `j30opt.sm`; those of a ProGen/max set from `optimum/optimum.csv`
//! inside it.

mod instance;
mod lags;
mod sch;
mod single_mode;
mod sm;

use std::{
    fmt,
    fs::read_to_string,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// What came of all sets.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sets: Vec<SetReport>,
}

/// What came of one set: figures to read, and each disagreement in words.
#[derive(Debug, Default)]
struct SetReport {
    name: String,
    figures: Vec<String>,
    differ: Vec<String>,
}

impl Report {
    /// How many claims of the library we contradict.
    pub(crate) fn differ(&self) -> usize {
        self.sets.iter().map(|set| set.differ.len()).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for set in &self.sets {
            writeln!(f, "PSPLIB {}", set.name)?;
            for figure in &set.figures {
                writeln!(f, "  {figure}")?;
            }
            for case in &set.differ {
                writeln!(f, "  differs: {case}")?;
            }
        }
        Ok(())
    }
}

/// Runs and prints every set in `folder`, in its folder `psplib`, or that `folder` itself
/// is. None if there is none.
pub(crate) fn run(folder: &Path) -> Result<Option<Report>> {
    let within = folder.join("psplib");
    let folder = if within.is_dir() { &within } else { folder };
    let mut folders = vec![folder.to_owned()];
    folders.extend(sorted_entries(folder)?.into_iter().filter(|path| path.is_dir()));
    let mut report = Report::default();
    for folder in folders {
        let files = sorted_entries(&folder)?;
        let of_kind = |extension: &str| -> Vec<&PathBuf> {
            files.iter().filter(|path| path.is_file() && has_extension(path, extension)).collect()
        };
        // The folder above the sets holds the solutions, which are `.sm` files as well.
        let single_mode: Vec<&PathBuf> =
            of_kind("sm").into_iter().filter(|path| !is_solutions(path)).collect();
        if !single_mode.is_empty() {
            report.sets.push(single_mode::run(&folder, &single_mode)?);
        }
        let lags = of_kind("sch");
        if !lags.is_empty() {
            report.sets.push(lags::run(&folder, &lags)?);
        }
    }
    if report.sets.is_empty() {
        return Ok(None);
    }
    write!(std::io::stdout().lock(), "{report}")?;
    Ok(Some(report))
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot_list = || format!("can't list {}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot_list)? {
        paths.push(entry.with_context(cannot_list)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension))
}

fn is_solutions(path: &Path) -> bool {
    let stem = name(path).to_lowercase();
    ["hrs.sm", "opt.sm", "lb.sm"].iter().any(|end| stem.ends_with(end))
}

fn read(path: &Path) -> Result<String> {
    read_to_string(path).with_context(|| format!("can't read {}", path.display()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A mean in percent.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
