//! Points of the TSBS IoT use case, taken in by the line protocol and asked all its query types,
//! against DuckDB and ClickHouse on tables of their own.

mod agreement;
mod questions;
mod world;

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::super::verdict;
use super::python::Python;
use super::{Bench, bytes_of, peak_mb};
use crate::lake_server::{DEVICES_TOKEN, Doors, House};
use questions::{Engine, questions};
use world::World;

const CONTRACTS: &str = r#"
[[contract]]
id = "readings"
title = "Where trucks are and how they drive"
device_from = "name"
fields = [
    { name = "fleet", kind = "text" },
    { name = "driver", kind = "text" },
    { name = "model", kind = "text" },
    { name = "device_version", kind = "text" },
    { name = "load_capacity" },
    { name = "fuel_capacity" },
    { name = "nominal_fuel_consumption" },
    { name = "latitude" },
    { name = "longitude" },
    { name = "elevation" },
    { name = "velocity" },
    { name = "heading" },
    { name = "grade" },
    { name = "fuel_consumption" },
]

[[contract]]
id = "diagnostics"
title = "Fuel, load and state of trucks"
device_from = "name"
fields = [
    { name = "fleet", kind = "text" },
    { name = "driver", kind = "text" },
    { name = "model", kind = "text" },
    { name = "device_version", kind = "text" },
    { name = "load_capacity" },
    { name = "fuel_capacity" },
    { name = "nominal_fuel_consumption" },
    { name = "fuel_state" },
    { name = "current_load" },
    { name = "status" },
]
"#;

/// Steps of ten seconds that the data spans: almost 42 hours.
const STEPS: u64 = 15_000;
/// Points of a batch.
const BATCH: u64 = 10_000;
/// Requests under way at once.
const CONNECTIONS: usize = 2;
/// Tables are settled when nothing has come or gone for as long.
const SETTLED: Duration = Duration::from_secs(15);

/// What an engine measured of itself.
#[derive(Debug, Deserialize)]
struct Measured {
    version: String,
    load_seconds: f64,
    bytes: u64,
    peak_kib: u64,
    questions: Vec<Answered>,
}

/// Seconds of the fastest of several times, and the rows of the answer.
#[derive(Debug, Deserialize)]
struct Answered {
    seconds: f64,
    rows: Vec<Vec<String>>,
}

/// How many trucks there are, and for how many steps.
#[derive(Clone, Copy, Debug)]
struct Size {
    trucks: u64,
    steps: u64,
}

impl Size {
    fn of(points: u64) -> Size {
        let trucks = (points / (2 * STEPS)).max(10);
        Size { trucks, steps: (points / (2 * trucks)).max(1) }
    }

    fn points(self) -> u64 {
        2 * self.trucks * self.steps
    }
}

pub(super) fn measure(out: &mut impl Write, bench: &Bench) -> Result<()> {
    let size = Size::of(bench.points);
    let (points, trucks) = (size.points(), size.trucks);
    writeln!(out, "\nTSBS IoT, {points} points of {trucks} trucks")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let lake = folder.path().join("lake");
    let mut house = House::build(&bench.binary, folder.path(), lake, CONTRACTS)?;
    let ours = runtime.block_on(ours(out, &mut house, size, bench.rounds))?;
    let python = match Python::find() {
        Ok(python) => python,
        Err(error) => return Ok(writeln!(out, "  no other engine is measured: {error:#}")?),
    };
    write_csv(folder.path(), size)?;
    let duckdb = theirs(out, &python, folder.path(), Engine::DuckDb, size, bench.rounds)?;
    let clickhouse = theirs(out, &python, folder.path(), Engine::ClickHouse, size, bench.rounds)?;
    compare(out, size, &ours, &duckdb, &clickhouse)
}

fn compare(
    out: &mut impl Write,
    size: Size,
    ours: &[Answered],
    duckdb: &Measured,
    clickhouse: &Measured,
) -> Result<()> {
    writeln!(out, "  milliseconds, the fastest of each; the ratio is to the faster of the others")?;
    let names = questions(Engine::Longlead, size.steps);
    let mut logarithms = Vec::new();
    let all = names.iter().zip(ours).zip(duckdb.questions.iter().zip(&clickhouse.questions));
    for (((name, _), ours), (duckdb, clickhouse)) in all {
        let ratio = ours.seconds / duckdb.seconds.min(clickhouse.seconds);
        logarithms.push(ratio.ln());
        let told = match agreement::differs(&ours.rows, &duckdb.rows) {
            Some(how) => format!("ANSWERS DIFFER from DuckDB's: {how}"),
            None => match agreement::differs(&ours.rows, &clickhouse.rows) {
                Some(how) => format!("ANSWERS DIFFER from chDB's: {how}"),
                None => format!("{} rows, the same of all", ours.rows.len()),
            },
        };
        writeln!(
            out,
            "  {name:34} {:8.1}  DuckDB {:8.1}  chDB {:8.1}  ratio {ratio:5.2}  {told}",
            ours.seconds * 1e3,
            duckdb.seconds * 1e3,
            clickhouse.seconds * 1e3,
        )?;
    }
    let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
    writeln!(out, "  geometric mean {mean:.2} (target 1.0: {})", verdict(mean <= 1.0))?;
    super::why(out, mean <= 1.0)
}

/// Takes all in, restarts so that memory holds nothing of it, and asks.
async fn ours(
    out: &mut impl Write,
    house: &mut House,
    size: Size,
    rounds: usize,
) -> Result<Vec<Answered>> {
    let mut server = house.start()?;
    let begun = Instant::now();
    send(&server.doors, size).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let count = "SELECT (SELECT count(*) FROM readings) + (SELECT count(*) FROM diagnostics)";
    let rows = house.ask(&server.doors, count).await?;
    let points = size.points();
    ensure!(rows == [points.to_string()], "{points} acknowledged, and {rows:?} rows there");
    let taking = peak_mb(&server);
    server.stop()?;
    let bytes = bytes_of(&house.lake.join("data")) as f64 / points as f64;
    writeln!(
        out,
        "  Longlead: {:.0} points/s in, {bytes:.1} bytes a point, peak memory {taking:.0} MB",
        points as f64 / seconds,
    )?;
    settle(out, house)?;
    let server = house.start()?;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(120)).build()?;
    let mut answered = Vec::new();
    for (name, question) in questions(Engine::Longlead, size.steps) {
        let mut best = Answered { seconds: f64::INFINITY, rows: Vec::new() };
        for _ in 0..rounds {
            let begun = Instant::now();
            let rows = house.ask_by(&client, &server.doors, &question).await;
            let seconds = begun.elapsed().as_secs_f64().min(best.seconds);
            let rows = rows.with_context(|| format!("{name} can't be asked"))?;
            let cells = |row: &String| row.split(',').map(str::to_owned).collect();
            best = Answered { seconds, rows: rows.iter().map(cells).collect() };
        }
        answered.push(best);
    }
    writeln!(out, "  Longlead, asking: peak memory {:.0} MB", peak_mb(&server))?;
    Ok(answered)
}

/// Lets small files be merged, as ClickHouse's parts are: until no file has come for a while.
fn settle(out: &mut impl Write, house: &mut House) -> Result<()> {
    let data = house.lake.join("data");
    let flags = ["--lake-tidy-seconds", "1"];
    let usual = std::mem::replace(&mut house.flags, flags.map(str::to_owned).to_vec());
    let begun = Instant::now();
    let mut server = house.start()?;
    let mut quiet = Instant::now();
    let mut before = files_of(&data);
    while quiet.elapsed() < SETTLED {
        std::thread::sleep(Duration::from_millis(500));
        let now = files_of(&data);
        if now != before {
            (before, quiet) = (now, Instant::now());
        }
    }
    server.stop()?;
    house.flags = usual;
    let seconds = begun.elapsed().saturating_sub(SETTLED).as_secs_f64();
    Ok(writeln!(out, "  Longlead: small files merged in {seconds:.0} s")?)
}

/// All files below a folder.
fn files_of(path: &Path) -> BTreeSet<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return BTreeSet::from([path.to_owned()]) };
    entries.flatten().flat_map(|it| files_of(&it.path())).collect()
}

/// Sends all points in the order in which they were taken.
async fn send(doors: &Doors, size: Size) -> Result<()> {
    let (sender, receiver) = mpsc::channel::<String>(2 * CONNECTIONS);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(receiver));
    let making = tokio::task::spawn_blocking(move || {
        let mut world = World::begin(size.trucks);
        let steps = (BATCH / (2 * size.trucks)).max(1);
        let mut batch = String::new();
        for step in 1..=size.steps {
            world.lines(&mut batch);
            world.step();
            if step % steps == 0 || step == size.steps {
                // The other side ends early only with an error, which it tells.
                let _ = sender.blocking_send(std::mem::take(&mut batch));
            }
        }
    });
    let client = reqwest::Client::builder().timeout(Duration::from_secs(120)).build()?;
    let url = format!("{}/api/v2/write", doors.http);
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, url) = (client.clone(), url.clone());
        let receiver = std::sync::Arc::clone(&receiver);
        tasks.push(tokio::spawn(async move {
            loop {
                let batch = receiver.lock().await.recv().await;
                let Some(batch) = batch else { return anyhow::Ok(()) };
                post(&client, &url, batch).await?;
            }
        }));
    }
    // The tasks hold the other end.
    drop(receiver);
    for task in tasks {
        task.await??;
    }
    Ok(making.await?)
}

async fn post(client: &reqwest::Client, url: &str, batch: String) -> Result<()> {
    loop {
        let request = client.post(url).header("Authorization", format!("Token {DEVICES_TOKEN}"));
        let request = request.header("Content-Type", "text/plain");
        let answer = request.body(batch.clone()).send().await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = answer.text().await?;
        ensure!(status.as_u16() == 429, "{status}: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn write_csv(folder: &Path, size: Size) -> Result<()> {
    let file = |name: &str| -> Result<_> {
        Ok(BufWriter::with_capacity(1 << 20, std::fs::File::create(folder.join(name))?))
    };
    let (mut readings, mut diagnostics) = (file("readings.csv")?, file("diagnostics.csv")?);
    let mut world = World::begin(size.trucks);
    let (mut of_readings, mut of_diagnostics) = (String::new(), String::new());
    for _ in 0..size.steps {
        world.csv(&mut of_readings, &mut of_diagnostics);
        world.step();
        readings.write_all(of_readings.as_bytes())?;
        diagnostics.write_all(of_diagnostics.as_bytes())?;
        of_readings.clear();
        of_diagnostics.clear();
    }
    readings.flush()?;
    Ok(diagnostics.flush()?)
}

fn theirs(
    out: &mut impl Write,
    python: &Python,
    folder: &Path,
    engine: Engine,
    size: Size,
    rounds: usize,
) -> Result<Measured> {
    let name = if engine == Engine::DuckDb { "duckdb" } else { "chdb" };
    let asked: Vec<String> = questions(engine, size.steps).into_iter().map(|it| it.1).collect();
    let asked_file = folder.join(format!("{name}.json"));
    std::fs::write(&asked_file, serde_json::to_string(&asked)?)?;
    let arguments = [
        name,
        &folder.display().to_string(),
        &asked_file.display().to_string(),
        &rounds.to_string(),
    ];
    let measured: Measured = python.run("tsbs.py", &arguments)?;
    ensure!(measured.questions.len() == asked.len(), "{name} left something unanswered");
    let points = size.points() as f64;
    writeln!(
        out,
        "  {name} {}: {:.0} points/s from CSV, {:.1} bytes a point, peak memory {:.0} MB",
        measured.version,
        points / measured.load_seconds,
        measured.bytes as f64 / points,
        measured.peak_kib as f64 / 1024.0,
    )?;
    Ok(measured)
}
