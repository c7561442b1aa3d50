//! A clock that is stepped back under a server, while it runs and between two of its runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Arguments, Trial};

/// Where Debian's `faketime` keeps the library that answers for the clock.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// By how much the clock is off, one after the other.
const STEPS: [&str; 6] = ["+0", "-3600", "-86400", "+7200", "-864000", "-60"];

/// Lets the server live under a clock that is stepped, and kills it each time.
pub(super) fn stepped_back(
    arguments: &Arguments,
    runtime: &tokio::runtime::Runtime,
) -> Result<bool> {
    let library = library().context(
        "the clock can't be stepped without faketime: apt-get install faketime, or --no-clock",
    )?;
    let folder = tempfile::tempdir()?;
    let offset = folder.path().join("offset");
    std::fs::write(&offset, "+0")?;
    let mut trial = Trial::begin(arguments, runtime, |house| {
        let set = |name: &str, value: &Path| (name.to_owned(), value.display().to_string());
        house.environment = vec![
            set("LD_PRELOAD", &library),
            set("FAKETIME_TIMESTAMP_FILE", &offset),
            set("FAKETIME_NO_CACHE", Path::new("1")),
            // Spans are measured by a clock that nobody steps.
            set("FAKETIME_DONT_FAKE_MONOTONIC", Path::new("1")),
        ];
        Ok(())
    })?;
    runtime.block_on(async {
        for step in STEPS {
            tokio::time::sleep(Duration::from_millis(700)).await;
            // While it runs.
            std::fs::write(&offset, step)?;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            trial.kill()?;
            trial.server = trial.house.start()?;
            trial.check(&format!("under a clock {step} s off")).await?;
            trial.let_send();
        }
        // Did the server see it? What it received says so.
        let doors = trial.server.doors.clone();
        let sql = "SELECT date_part('day', max(received) - min(received)) FROM timed";
        let days = trial.house.ask(&doors, sql).await?;
        let days = days.first().cloned().unwrap_or_default();
        if !days.parse::<f64>().is_ok_and(|it| it >= 9.0) {
            trial.faults.push(format!("the clock wasn't stepped: received spans {days} days"));
        }
        trial.end(&format!("a clock stepped by {} s under load", STEPS.join(", "))).await
    })
}

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|it| it.path().join(LIBRARY)).find(|it| it.exists())
}
