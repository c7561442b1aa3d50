//! Batches of 5,000 readings by HTTP, from the first byte to the last acknowledgement, against
//! DuckDB and ClickHouse that load the same readings from CSV into tables on disk.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use serde::Deserialize;

use super::super::verdict;
use super::python::Python;
use super::{Bench, bytes_of, dice, peak_mb};
use crate::lake_server::{DEVICES_TOKEN, Doors, House};

pub(super) const CONTRACTS: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [
    { name = "temperature", unit = "Cel", low = -60, high = 120 },
    { name = "humidity", unit = "%" },
    { name = "battery", unit = "V" },
    { name = "rssi", kind = "integer" },
    { name = "door_open", kind = "boolean" },
]
"#;

pub(super) const BATCH: u64 = 5_000;
const DEVICES: u64 = 1_000;
/// Requests under way at once.
const CONNECTIONS: usize = 8;

/// What an engine measured of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Loaded {
    pub(super) version: String,
    pub(super) seconds: f64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) peak_kib: u64,
}

/// One reading.
struct Reading {
    device: u64,
    seconds: u64,
    temperature: f64,
    humidity: f64,
    battery: f64,
    rssi: i64,
    door_open: bool,
}

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    LineProtocol,
}

pub(super) fn measure(out: &mut impl Write, bench: &Bench) -> Result<()> {
    let batches = (bench.readings / BATCH).max(1);
    let readings = batches * BATCH;
    writeln!(out, "\nHTTP, {readings} readings in batches of {BATCH}, {CONNECTIONS} at once")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rates = Vec::new();
    for format in [Format::LineProtocol, Format::Json] {
        let bodies = (0..batches).map(|batch| Bytes::from(body(format, batch))).collect();
        let folder = tempfile::tempdir()?;
        let lake = folder.path().join("lake");
        let house = House::build(&bench.binary, folder.path(), lake, CONTRACTS)?;
        let mut server = house.start()?;
        let seconds = runtime.block_on(send(&server.doors, format, bodies))?;
        let count = "SELECT count(*) FROM climate";
        let rows = runtime.block_on(house.ask(&server.doors, count))?;
        ensure!(rows == [readings.to_string()], "{readings} acknowledged, and {rows:?} rows there");
        let log = bytes_of(&house.lake.join("log")) as f64 / readings as f64;
        let peak = peak_mb(&server);
        let begun = Instant::now();
        server.stop()?;
        let in_tables = readings as f64 / (seconds + begun.elapsed().as_secs_f64());
        let tables = bytes_of(&house.lake.join("data")) as f64 / readings as f64;
        let rate = readings as f64 / seconds;
        rates.push(rate);
        writeln!(
            out,
            "  {format:?}: {rate:.0} readings/s acknowledged, {in_tables:.0} until all are in tables; \
             {log:.1} bytes a reading in the log, {tables:.1} in tables; peak memory {peak:.0} MB"
        )?;
    }
    let ours = rates.iter().copied().fold(0.0, f64::max);
    against(out, readings, batches, ours)
}

/// What the others do with the same readings as CSV.
fn against(out: &mut impl Write, readings: u64, batches: u64, ours: f64) -> Result<()> {
    let python = match Python::find() {
        Ok(python) => python,
        Err(error) => return Ok(writeln!(out, "  no other engine is measured: {error:#}")?),
    };
    let folder = tempfile::tempdir()?;
    let csv = folder.path().join("climate.csv");
    write_csv(&csv, batches)?;
    let mut fastest: f64 = 0.0;
    for engine in ["duckdb", "chdb"] {
        let tables = folder.path().join(engine);
        let (csv, tables) = (csv.display().to_string(), tables.display().to_string());
        let loaded: Loaded = python.run("load_csv.py", &[engine, &csv, &tables])?;
        ensure!(loaded.rows == readings, "{engine} has {} rows", loaded.rows);
        let rate = readings as f64 / loaded.seconds;
        fastest = fastest.max(rate);
        writeln!(
            out,
            "  {engine} {}, one CSV: {rate:.0} readings/s; {:.1} bytes a reading; peak memory {:.0} \
             MB; ours is {:.2} of it",
            loaded.version,
            loaded.bytes as f64 / readings as f64,
            loaded.peak_kib as f64 / 1024.0,
            ours / rate,
        )?;
    }
    let ratio = ours / fastest;
    writeln!(out, "  ours to the faster: {ratio:.2} (target 1.0: {})", verdict(ratio >= 1.0))?;
    super::why(out, ratio >= 1.0)
}

fn reading(number: u64) -> Reading {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |below: u64| (dice(&mut state) % below) as f64;
    Reading {
        device: number % DEVICES,
        seconds: 1_790_000_000 + number / DEVICES * 10,
        temperature: (draw(300) - 50.0) / 10.0,
        humidity: draw(1000) / 10.0,
        battery: (3_000.0 + draw(1200)) / 1000.0,
        rssi: -50 - draw(70) as i64,
        door_open: draw(50) < 1.0,
    }
}

pub(super) fn body(format: Format, batch: u64) -> Vec<u8> {
    let mut text = String::new();
    for number in batch * BATCH..(batch + 1) * BATCH {
        let it = reading(number);
        let (device, seconds) = (it.device, it.seconds);
        let (temperature, humidity, battery) = (it.temperature, it.humidity, it.battery);
        let (rssi, door_open) = (it.rssi, it.door_open);
        let _written = match format {
            Format::Json => write!(
                text,
                "{}{{\"device\":\"D-{device:04}\",\"time\":{seconds},\"temperature\":{temperature},\
                 \"humidity\":{humidity},\"battery\":{battery},\"rssi\":{rssi},\
                 \"door_open\":{door_open}}}",
                if text.is_empty() { "[" } else { "," },
            ),
            Format::LineProtocol => writeln!(
                text,
                "climate,device=D-{device:04} temperature={temperature},humidity={humidity},\
                 battery={battery},rssi={rssi}i,door_open={door_open} {seconds}000000000",
            ),
        };
    }
    if format == Format::Json {
        text.push(']');
    }
    text.into_bytes()
}

fn write_csv(path: &Path, batches: u64) -> Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "device,captured,temperature,humidity,battery,rssi,door_open")?;
    for number in 0..batches * BATCH {
        let it = reading(number);
        let captured = jiff::Timestamp::from_second(it.seconds.cast_signed())?;
        let captured = captured.strftime("%Y-%m-%d %H:%M:%S");
        writeln!(
            file,
            "D-{:04},{captured},{},{},{},{},{}",
            it.device, it.temperature, it.humidity, it.battery, it.rssi, it.door_open
        )?;
    }
    Ok(file.flush()?)
}

/// Sends all, and measures from the first byte to the last acknowledgement.
async fn send(doors: &Doors, format: Format, bodies: Vec<Bytes>) -> Result<f64> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(120)).build()?;
    let (address, kind, status) = match format {
        Format::Json => ("/ingest/v1/climate", "application/json", 200),
        Format::LineProtocol => ("/api/v2/write", "text/plain", 204),
    };
    let url = format!("{}{address}", doors.http);
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, url) = (client.clone(), url.clone());
        let (bodies, next) = (Arc::clone(&bodies), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                loop {
                    let request = client.post(&url).header("Content-Type", kind);
                    let request = request.header("Authorization", format!("Token {DEVICES_TOKEN}"));
                    let answer = request.body(body.clone()).send().await?;
                    if answer.status().as_u16() == status {
                        break;
                    }
                    // Overload is told, and the batch sent again; the time for that counts.
                    let told = answer.status();
                    let text = answer.text().await?;
                    ensure!(told.as_u16() == 429, "{told}: {text}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(begun.elapsed().as_secs_f64())
}
