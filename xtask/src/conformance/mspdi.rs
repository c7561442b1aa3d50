//! MS Project XML files, against the dates, slacks and critical flags that MS Project stored.
//!
//! Only tasks that MS Project schedules itself count. What it doesn't schedule (tasks scheduled
//! by hand, links to other files) is counted with its reason, and so are stored values that
//! contradict the file itself.

mod compare;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use longlead_exchange::mspdi::{self, ScheduleFailure};

use compare::{Comparison, Field, compare};

/// What came of the files.
#[derive(Debug, Default)]
pub(crate) struct Report {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    name: String,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    /// It was scheduled.
    Compared(Comparison),
    /// It is of another kind, or has nothing to schedule: why.
    NotRepresentable(String),
    /// It should have been scheduled: why it wasn't.
    Failed(String),
}

impl Report {
    /// Values of automatically scheduled tasks that differ, and files that fail.
    pub(crate) fn differ(&self) -> usize {
        self.files
            .iter()
            .map(|file| match &file.outcome {
                Outcome::Compared(comparison) => comparison.differences.len(),
                Outcome::NotRepresentable(_) => 0,
                Outcome::Failed(_) => 1,
            })
            .sum()
    }
}

/// Reads every file there is; `None` if the folder has none.
pub(crate) fn run(folder: &Path) -> Result<Option<Report>> {
    let files = files(folder)?;
    if files.is_empty() {
        return Ok(None);
    }
    let mut report = Report::default();
    for path in files {
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned());
        let bytes =
            std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        let outcome = outcome(&String::from_utf8_lossy(&bytes));
        report.files.push(File { name: name.unwrap_or_default(), outcome });
    }
    write!(std::io::stdout().lock(), "{report}")?;
    Ok(Some(report))
}

/// The XML files of `folder/mspdi`, or of the folder itself if it is the one with the cases.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let inner = folder.join("mspdi");
    let is_itself = folder.file_name().is_some_and(|it| it == "mspdi");
    let folder = match (inner.is_dir(), is_itself) {
        (true, _) => inner,
        (false, true) => folder.to_owned(),
        (false, false) => return Ok(Vec::new()),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it.eq_ignore_ascii_case("xml")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn outcome(text: &str) -> Outcome {
    let (project, losses) = match mspdi::read(text) {
        Ok(read) => read,
        Err(error) => return Outcome::NotRepresentable(error.to_string()),
    };
    match mspdi::schedule(&project) {
        Ok(scheduled) => Outcome::Compared(compare(&project, &scheduled, losses.len())),
        Err(error @ (ScheduleFailure::NoDates | ScheduleFailure::TooLong { .. })) => {
            Outcome::NotRepresentable(error.to_string())
        }
        Err(error) => Outcome::Failed(format!("{:#}", anyhow::Error::new(error))),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{}", file.name)?;
            match &file.outcome {
                Outcome::Compared(comparison) => comparison.fmt(f)?,
                Outcome::NotRepresentable(why) => writeln!(f, "    not representable: {why}")?,
                Outcome::Failed(why) => writeln!(f, "    failed: {why}")?,
            }
        }
        let mut agree = 0;
        let mut stale = 0;
        let mut kept = 0;
        for file in &self.files {
            if let Outcome::Compared(comparison) = &file.outcome {
                agree += comparison.agree.values().sum::<usize>();
                stale += comparison.stale.len();
                kept += comparison.kept.values().map(|kept| kept.tasks).sum::<usize>();
            }
        }
        writeln!(
            f,
            "MSPDI: {agree} values agree, {} differ, {stale} contradict their own file, \
             {kept} tasks are not scheduled by MS Project",
            self.differ()
        )
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {:<12} {:>5} {:>6} {:>6}", "", "agree", "differ", "stale")?;
        for field in Field::ALL {
            let count = |list: &[compare::Difference]| {
                list.iter().filter(|difference| difference.field == field).count()
            };
            let agree = self.agree.get(&field).copied().unwrap_or_default();
            let (differ, stale) = (count(&self.differences), count(&self.stale));
            writeln!(f, "    {:<12} {agree:>5} {differ:>6} {stale:>6}", field.name())?;
        }
        for (reason, kept) in &self.kept {
            writeln!(
                f,
                "    not representable: {} tasks keep their dates ({reason}); of {} slacks {} agree",
                kept.tasks, kept.slack_stored, kept.slack_agrees
            )?;
        }
        if self.losses > 0 {
            writeln!(f, "    not taken over: {} details that don't move dates", self.losses)?;
        }
        for difference in &self.differences {
            writeln!(f, "    differs: {difference}")?;
        }
        for difference in &self.stale {
            writeln!(f, "    stale: {difference}; {}", compare::STALE)?;
        }
        Ok(())
    }
}
