//! Readings by HTTP and MQTT at a steady rate for minutes, with questions beside them: memory is to
//! stay flat, and everything acknowledged to be there at the end.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::verdict;
use super::{Bench, bytes_of, http, mqtt, peak_mb};
use crate::lake_server::{DEVICES_TOKEN, Doors, House, LakeServer};
use crate::mqtt::{Client, pipeline};

/// Batches of HTTP, and readings of MQTT, that are begun every second.
const BATCHES_A_SECOND: u32 = 20;
const MESSAGES_A_SECOND: u64 = 2_000;
const MQTT_CONNECTIONS: u64 = 100;
/// Minutes in which caches fill up and files are merged for the first time; the others are compared.
const FILLING_MINUTES: usize = 6;
/// Memory counts as flat if it is at most so much more at the end.
const FLAT: f64 = 1.10;

/// What is asked every second.
const QUESTION: &str = "SELECT device, count(*), avg(temperature) FROM climate \
                        GROUP BY device ORDER BY device LIMIT 100";

/// What was acknowledged and asked so far.
#[derive(Debug, Default)]
struct Done {
    readings: AtomicU64,
    questions: AtomicU64,
}

pub(super) fn measure(out: &mut impl Write, bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lake = folder.path().join("lake");
    let house = Arc::new(House::build(&bench.binary, folder.path(), lake, http::CONTRACTS)?);
    let mut server = house.start()?;
    let wanted = u64::from(BATCHES_A_SECOND) * http::BATCH + MESSAGES_A_SECOND;
    writeln!(out, "\nSoak, {} minutes at {wanted} readings/s", bench.minutes)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = Arc::new(Done::default());
    let (end, ends) = watch::channel(false);
    let begun = Instant::now();
    let mut tasks = vec![
        runtime.spawn(by_http(server.doors.clone(), Arc::clone(&done), ends.clone())),
        runtime.spawn(asking(
            Arc::clone(&house),
            server.doors.clone(),
            Arc::clone(&done),
            ends.clone(),
        )),
    ];
    for connection in 0..MQTT_CONNECTIONS {
        let (doors, done) = (server.doors.clone(), Arc::clone(&done));
        tasks.push(runtime.spawn(by_mqtt(doors, connection, done, ends.clone())));
    }
    let minutes = watched(out, &server, &done, bench.minutes)?;
    end.send_replace(true);
    ended(&runtime, tasks)?;
    let seconds = begun.elapsed().as_secs_f64();
    let acknowledged = done.readings.load(Ordering::Relaxed);
    let rows = runtime.block_on(house.ask(&server.doors, "SELECT count(*) FROM climate"))?;
    ensure!(
        rows == [acknowledged.to_string()],
        "{acknowledged} readings are acknowledged, and {rows:?} rows there"
    );
    writeln!(
        out,
        "  {acknowledged} readings acknowledged, {:.0} a second, and each is a row; {} questions \
         answered; peak memory {:.0} MB",
        acknowledged as f64 / seconds,
        done.questions.load(Ordering::Relaxed),
        peak_mb(&server),
    )?;
    server.stop()?;
    writeln!(
        out,
        "  {:.1} bytes a reading in tables, with files that were merged and not yet deleted",
        bytes_of(&house.lake.join("data")) as f64 / acknowledged as f64
    )?;
    told(out, &minutes)
}

/// Memory in MB, by minute: the mean of what was seen each second.
fn watched(
    out: &mut impl Write,
    server: &LakeServer,
    done: &Done,
    minutes: usize,
) -> Result<Vec<f64>> {
    let mut means = Vec::new();
    for minute in 1..=minutes {
        let (mut sum, before) = (0.0, done.readings.load(Ordering::Relaxed));
        for _ in 0..60 {
            std::thread::sleep(Duration::from_secs(1));
            sum += server.resident_kib() as f64 / 1024.0;
        }
        let mean = sum / 60.0;
        let rate = (done.readings.load(Ordering::Relaxed) - before) / 60;
        writeln!(out, "  minute {minute:2}: {mean:5.0} MB on average, {rate} readings/s")?;
        out.flush()?;
        means.push(mean);
    }
    Ok(means)
}

/// Whether the later half of what is compared needed more than the earlier.
fn told(out: &mut impl Write, minutes: &[f64]) -> Result<()> {
    let compared = minutes.get(FILLING_MINUTES..).unwrap_or(&[]);
    let (earlier, later) = compared.split_at(compared.len() / 2);
    if earlier.is_empty() {
        return Ok(writeln!(out, "  too short to tell whether memory stays flat")?);
    }
    let mean = |it: &[f64]| it.iter().sum::<f64>() / it.len() as f64;
    let growth = mean(later) / mean(earlier);
    Ok(writeln!(
        out,
        "  the last {} minutes needed {growth:.2} of what the {} before them did (flat up to {FLAT}: {})",
        later.len(),
        earlier.len(),
        verdict(growth <= FLAT)
    )?)
}

fn ended(runtime: &tokio::runtime::Runtime, tasks: Vec<JoinHandle<Result<()>>>) -> Result<()> {
    runtime.block_on(async {
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

/// Batches at a steady rate, each by a task of its own, so that a slow answer delays no other.
async fn by_http(doors: Doors, done: Arc<Done>, ends: watch::Receiver<bool>) -> Result<()> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
    let mut clock = tokio::time::interval(Duration::from_secs(1) / BATCHES_A_SECOND);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut under_way = tokio::task::JoinSet::new();
    for batch in 0.. {
        clock.tick().await;
        if *ends.borrow() {
            break;
        }
        while let Some(sent) = under_way.try_join_next() {
            sent??;
        }
        let (client, url) = (client.clone(), format!("{}/api/v2/write", doors.http));
        let done = Arc::clone(&done);
        under_way.spawn(async move {
            let body = http::body(http::Format::LineProtocol, batch);
            loop {
                let request = client.post(&url).header("Content-Type", "text/plain");
                let request = request.header("Authorization", format!("Token {DEVICES_TOKEN}"));
                let answer = request.body(body.clone()).send().await?;
                match answer.status().as_u16() {
                    204 => break,
                    429 => tokio::time::sleep(Duration::from_millis(200)).await,
                    other => anyhow::bail!("{other}: {}", answer.text().await?),
                }
            }
            done.readings.fetch_add(http::BATCH, Ordering::Relaxed);
            anyhow::Ok(())
        });
    }
    while let Some(sent) = under_way.join_next().await {
        sent??;
    }
    Ok(())
}

/// Messages of one connection: those of half a second at once, as a device does that wakes up.
async fn by_mqtt(
    doors: Doors,
    connection: u64,
    done: Arc<Done>,
    ends: watch::Receiver<bool>,
) -> Result<()> {
    let each = MESSAGES_A_SECOND / MQTT_CONNECTIONS / 2;
    let mut clock = tokio::time::interval(Duration::from_millis(500));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let device = format!("M-{connection:04}");
    let topic = format!("t/{device}/climate");
    let mut first = 0;
    while !*ends.borrow() {
        clock.tick().await;
        let client = Client::connect(&doors.mqtt, &device, Some(DEVICES_TOKEN)).await?;
        pipeline(client, each, each, |number, into, payload| {
            into.push_str(&topic);
            mqtt::write_reading(payload, first + number);
        })
        .await?;
        first += each;
        done.readings.fetch_add(each, Ordering::Relaxed);
    }
    Ok(())
}

async fn asking(
    house: Arc<House>,
    doors: Doors,
    done: Arc<Done>,
    ends: watch::Receiver<bool>,
) -> Result<()> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
    while !*ends.borrow() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        house.ask_by(&client, &doors, QUESTION).await?;
        done.questions.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
