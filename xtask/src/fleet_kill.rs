//! `cargo xtask fleet-kill`: devices send over HTTP and MQTT while the server is killed again and
//! again, its log is torn, its disk is full, and its clock is stepped back. Afterwards every
//! acknowledged reading must be there, once, and nothing that nobody sent.
//!
//! Each device counts its readings, so what is there, as SQL tells it, can be held against what was
//! sent and what was acknowledged.

mod clock;
mod damage;
mod disk;
mod ledger;
mod load;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinHandle;

use crate::lake_server::{House, LakeServer};
use damage::Damage;
use ledger::Found;
use load::{Dice, Load, Shape};

/// Rows that a download has at most; the rest is left out.
const ROWS_OF_ANSWER: usize = 10_000_000;

const CONTRACTS: &str = r#"
[[contract]]
id = "numbered"
title = "Readings with a boot and a sequence"
fields = [{ name = "number", kind = "integer", required = true }]

[[contract]]
id = "timed"
title = "Readings that are known by their time"
fields = [{ name = "number", kind = "integer", required = true }]
"#;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often the server is killed under load.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// How often the end of the log is torn between a kill and a start.
    #[arg(long, default_value_t = 20)]
    torn: u32,
    /// The longest time, in milliseconds, that a server lives before it is killed.
    #[arg(long, default_value_t = 2_000)]
    life: u64,
    /// Devices that send by HTTP.
    #[arg(long, default_value_t = 4)]
    http: usize,
    /// Devices that send by MQTT.
    #[arg(long, default_value_t = 4)]
    mqtt: usize,
    /// Readings of a payload by HTTP, at most.
    #[arg(long, default_value_t = 40)]
    batch: u64,
    /// After how many kills all rows are held against what was sent; after the last they always are.
    #[arg(long, default_value_t = 10)]
    check_every: u32,
    /// Leaves out the full disk, which needs the right to mount.
    #[arg(long)]
    no_full_disk: bool,
    /// Leaves out the clock that is stepped back, which needs `faketime`.
    #[arg(long)]
    no_clock: bool,
    /// What moments and damage are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary to test; without it, the one that was built last beside this.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// A server under load.
struct Trial {
    house: House,
    server: LakeServer,
    load: Arc<Load>,
    tasks: Vec<JoinHandle<()>>,
    dice: Dice,
    faults: Vec<String>,
    /// The last check.
    found: Found,
    _folder: tempfile::TempDir,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut sound = kills(arguments, &runtime)?;
    if arguments.torn > 0 {
        sound &= torn(arguments, &runtime)?;
    }
    if !arguments.no_full_disk {
        sound &= disk::full(arguments, &runtime)?;
    }
    if !arguments.no_clock {
        sound &= clock::stepped_back(arguments, &runtime)?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn say(text: &str) {
    println!("{text}");
}

impl Trial {
    /// A server in a folder of its own. `lake` is the lake's folder within it; `prepare` says how
    /// the server is started.
    fn begin(
        arguments: &Arguments,
        runtime: &tokio::runtime::Runtime,
        prepare: impl FnOnce(&mut House) -> Result<()>,
    ) -> Result<Trial> {
        let folder = tempfile::tempdir()?;
        let binary = match &arguments.binary {
            Some(binary) => binary.clone(),
            None => crate::server::binary()?,
        };
        let lake = folder.path().join("lake");
        let mut house = House::build(&binary, folder.path(), lake, CONTRACTS)?;
        // So soon that files are written and merged under the kills.
        house.flags =
            ["--lake-flush-seconds", "1", "--lake-tidy-seconds", "2"].map(str::to_owned).to_vec();
        prepare(&mut house)?;
        let server = house.start()?;
        let shape = Shape { http: arguments.http, mqtt: arguments.mqtt, batch: arguments.batch };
        let _within = runtime.enter();
        let (load, tasks) = Load::begin(shape, arguments.seed);
        let dice = Dice::new(arguments.seed);
        let (faults, found) = (Vec::new(), Found::default());
        let mut trial = Trial { house, server, load, tasks, dice, faults, found, _folder: folder };
        trial.let_send();
        Ok(trial)
    }

    /// Lets devices send to the server that runs.
    fn let_send(&mut self) {
        let doors = self.server.doors.clone();
        self.load.set(|stage| {
            stage.doors = Some(doors);
            stage.sends = true;
        });
    }

    /// Lets devices send nothing new, and waits until everything is acknowledged.
    async fn quieten(&mut self) -> Result<()> {
        self.load.set(|stage| stage.sends = false);
        let begun = Instant::now();
        loop {
            let (sent, acknowledged) = self.load.ledger.counts();
            if sent == acknowledged {
                // What is repeated may be under way still; it writes nothing.
                return Ok(());
            }
            ensure!(
                begun.elapsed() < Duration::from_secs(60),
                "{} of {sent} readings aren't acknowledged within a minute",
                sent - acknowledged
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn kill(&mut self) -> Result<()> {
        if !self.server.runs() {
            self.faults.push("the server ended by itself".to_owned());
        }
        self.server.kill()?;
        self.load.set(|stage| stage.doors = None);
        Ok(())
    }

    /// Holds all rows against what was sent and acknowledged. Devices must not send meanwhile.
    async fn check(&mut self, when: &str) -> Result<()> {
        let doors = self.server.doors.clone();
        // By device: an answer is cut off after so many rows.
        let all =
            "(SELECT device, number FROM numbered UNION ALL SELECT device, number FROM timed)";
        let sql = format!("SELECT DISTINCT device FROM {all} a");
        let mut rows = Vec::new();
        for device in self.house.ask(&doors, &sql).await? {
            let sql = format!("SELECT device, number FROM {all} a WHERE device = '{device}'");
            let of_device = self.house.ask(&doors, &sql).await?;
            ensure!(of_device.len() < ROWS_OF_ANSWER, "{device} has more rows than an answer");
            rows.extend(of_device);
        }
        self.found = self.load.ledger.check(&rows);
        let found = std::mem::take(&mut self.found.faults);
        self.faults.extend(found.into_iter().map(|fault| format!("{when}: {fault}")));
        // The table is there only once something is in quarantine.
        let tables = "SELECT table_name FROM information_schema.tables";
        let tables = self.house.ask(&doors, tables).await?;
        if tables.iter().any(|it| it == "quarantine") {
            let sql = "SELECT reason, count(*) FROM quarantine GROUP BY reason";
            let quarantined = self.house.ask(&doors, sql).await?;
            self.faults.extend(quarantined.iter().map(|it| format!("{when}: quarantine has {it}")));
        }
        Ok(())
    }

    /// Ends, checks a last time with whatever was under way, and tells.
    async fn end(mut self, what: &str) -> Result<bool> {
        self.kill()?;
        self.load.set(|stage| stage.ends = true);
        for task in self.tasks.drain(..) {
            task.await?;
        }
        self.server = self.house.start()?;
        self.check("at the end").await?;
        self.faults.extend(self.load.faults());
        let count = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
        let Found { rows, acknowledged, unanswered, absent, .. } = self.found;
        say(&format!(
            "{what}: {acknowledged} readings acknowledged, {rows} rows, {unanswered} of them from \
             under way at the end, {absent} sent and neither; {} payloads sent again for want of an \
             answer, {} although acknowledged, {} refused",
            count(&self.load.redelivered),
            count(&self.load.repeated),
            count(&self.load.refused),
        ));
        let files = files_below(&self.house.lake.join("data"));
        let log = damage::newest(&self.house.lake.join("log"))?;
        say(&format!(
            "  {files} Parquet files, {} bytes in the newest segment of the log",
            log.length
        ));
        for fault in self.faults.iter().take(20) {
            say(&format!("  FAULT {fault}"));
        }
        if !self.faults.is_empty() {
            say(&format!("  {} faults; the server's log ends:", self.faults.len()));
            let log = std::fs::read_to_string(&self.house.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(15).collect();
            lines.iter().rev().for_each(|line| say(&format!("    {line}")));
            return Ok(false);
        }
        say("  every acknowledged reading is there, once, and nothing that nobody sent");
        Ok(true)
    }
}

fn files_below(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |path: PathBuf| if path.is_dir() { files_below(&path) } else { 1 };
    entries.flatten().map(|it| count(it.path())).sum()
}

/// Kills the server under load.
fn kills(arguments: &Arguments, runtime: &tokio::runtime::Runtime) -> Result<bool> {
    let begun = Instant::now();
    let mut trial = Trial::begin(arguments, runtime, |_| Ok(()))?;
    let mut early = 0;
    let mut opened = Vec::new();
    runtime.block_on(async {
        for kill in 1..=arguments.kills {
            let life = Duration::from_millis(trial.dice.below(arguments.life));
            tokio::time::sleep(life).await;
            trial.kill()?;
            // Some are killed again while they open.
            if trial.dice.below(6) == 0 {
                let mut server = trial.house.begin()?;
                let life = Duration::from_millis(trial.dice.below(600));
                tokio::time::sleep(life).await;
                server.kill()?;
                early += 1;
            }
            trial.server = trial.house.start()?;
            opened.push(trial.server.opened_in.as_secs_f64());
            if kill % arguments.check_every == 0 {
                trial.check(&format!("after kill {kill}")).await?;
            }
            trial.let_send();
        }
        let life = Duration::from_millis(trial.dice.below(arguments.life));
        tokio::time::sleep(life).await;
        let what = format!(
            "{} kills under load and {early} while opening, {:.0} s, opened in at most {:.1} s",
            arguments.kills + 1,
            begun.elapsed().as_secs_f64(),
            opened.iter().copied().fold(0.0, f64::max),
        );
        trial.end(&what).await
    })
}

/// Tears the end of the log between a kill and the next start: from the first byte that was written
/// after the last acknowledgement on, anything may be missing or wrong after a power cut.
fn torn(arguments: &Arguments, runtime: &tokio::runtime::Runtime) -> Result<bool> {
    let mut trial = Trial::begin(arguments, runtime, |_| Ok(()))?;
    let mut done: Vec<(Damage, u64)> = Vec::new();
    let mut answered = 0;
    runtime.block_on(async {
        for round in 0..arguments.torn {
            let life = Duration::from_millis(300 + trial.dice.below(500));
            tokio::time::sleep(life).await;
            trial.quieten().await?;
            let log = trial.house.lake.join("log");
            let before = damage::newest(&log)?;
            let (_, acknowledged) = trial.load.ledger.counts();
            trial.let_send();
            damage::await_growth(&log, &before)?;
            trial.kill()?;
            // What was answered at the last moment is still to be read.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let is_answered = trial.load.ledger.counts().1 > acknowledged;
            answered += u32::from(is_answered);
            let damage = Damage::of(round, is_answered);
            let bytes = damage::inflict(damage, &log, &before, &mut trial.dice)?;
            done.push((damage, bytes));
            trial.server = trial.house.start()?;
            trial.check(&format!("after {damage:?} of {bytes} bytes")).await?;
            trial.let_send();
        }
        let bytes: u64 = done.iter().map(|it| it.1).sum();
        let of = |damage| done.iter().filter(|it| it.0 == damage).count();
        let what = format!(
            "{} torn ends, {bytes} bytes: {} cut, {} zeroed, {} garbled, {} unfinished frames \
             ({answered} times something was answered before the kill)",
            done.len(),
            of(Damage::Cut),
            of(Damage::Zeros),
            of(Damage::Noise),
            of(Damage::Unfinished),
        );
        trial.end(&what).await
    })
}
