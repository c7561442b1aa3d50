//! How fast judged readings become durable rows, and what they cost on disk.
//!
//! ```text
//! cargo run --release -p longlead-lake --example ingest -- [ROWS] [ROWS PER PAYLOAD] [IN FLIGHT]
//! ```
//!
//! Payloads are judged, deduplicated, committed and acknowledged in one process; each is answered
//! only after its group was synced. Files are written behind meanwhile.
#![expect(clippy::print_stdout, reason = "it is for a person to read")]

use std::sync::Arc;
use std::time::Instant;

use longlead_lake::{Lake, Limits, Settings};
use longlead_model::{Bundle, Source};
use longlead_stream::{
    Arrival, Batch, Captured, Contracts, Head, Judged, Plausible, Sender, Value, judge,
};
use tokio::sync::Semaphore;

const CONTRACT: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [
    { name = "temperature", unit = "Cel" },
    { name = "humidity", unit = "%" },
    { name = "battery", unit = "V" },
    { name = "uptime", kind = "counter", unit = "s" },
    { name = "rssi", kind = "integer", unit = "dB" },
]
"#;
const RECEIVED: i64 = 1_795_420_800_000_000;
const DEVICES: i64 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|it| it.parse::<i64>());
    let mut number = |or: i64| arguments.next().unwrap_or(Ok(or));
    let (rows, payload, in_flight) = (number(2_000_000)?, number(5_000)?, number(8)?);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (lake, _) = Lake::open(folder.path(), Settings::default()).await?;
        let contracts = Arc::new(contracts());
        let gate = Arc::new(Semaphore::new(usize::try_from(in_flight)?));
        let began = Instant::now();
        let mut tasks = Vec::new();
        for start in (0..rows).step_by(usize::try_from(payload)?) {
            let turn = Arc::clone(&gate).acquire_owned().await?;
            let (lake, contracts) = (lake.clone(), Arc::clone(&contracts));
            tasks.push(tokio::spawn(async move {
                let judged = judged(&contracts, start, payload.min(rows - start));
                let receipt = lake.accept(judged).await;
                drop(turn);
                receipt.map(|it| it.rows)
            }));
        }
        let mut kept = 0;
        for task in tasks {
            kept += task.await??;
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("{kept} rows of 5 fields acknowledged in {seconds:.2} s");
        println!("{:.0} rows/s; {} groups", kept as f64 / seconds, lake.newest_commit());
        lake.flush().await?;
        println!("{:.2} s until all are in files", began.elapsed().as_secs_f64());
        for table in lake.tables().await? {
            let bytes = table.bytes as f64 / table.rows as f64;
            println!("{}: {} files, {bytes:.1} bytes a row", table.name, table.files);
        }
        let asked = Instant::now();
        let sql = "SELECT device, avg(temperature), last(battery, captured) FROM climate \
                   GROUP BY device";
        let pages = lake.query(sql, Limits::default(), &[]).await?.all().await?;
        let rows: usize = pages.iter().map(|it| it.rows()).sum();
        println!("{rows} devices' mean and last in {:.3} s", asked.elapsed().as_secs_f64());
        lake.close().await?;
        Ok(())
    })
}

fn contracts() -> Contracts {
    let source = Source { name: "streams.toml".into(), text: CONTRACT.into() };
    Contracts::of(&Bundle::load(&[source]).0.records, |_| 1)
}

fn judged(contracts: &Contracts, start: i64, count: i64) -> Judged {
    let mut batch = Batch::default();
    let stream = batch.name("climate");
    let names = ["temperature", "humidity", "battery", "uptime", "rssi"].map(|it| batch.name(it));
    for row in start..start + count {
        let device = Some(batch.name(&format!("CT-{:06}", row % DEVICES)));
        let tick = row / DEVICES;
        let captured = Captured::At(RECEIVED - 86_400_000_000 + tick * 1_000_000);
        let head = Head { stream, device, captured, boot: None, sequence: None };
        let wave = (tick as f64 / 600.0).sin();
        let values = [
            Value::Float((wave * 80.0).round() / 10.0),
            Value::Float((50.0 + wave * 20.0).round()),
            Value::Float(3.6 - (tick % 4_096) as f64 / 10_000.0),
            Value::Integer(tick),
            Value::Integer(-60 - row % 40),
        ];
        batch.push(head, names.into_iter().zip(values).map(|(name, it)| (name, it, None)));
    }
    let plausible = Plausible::default();
    let arrival =
        Arrival { received: RECEIVED, sender: Sender::Trusted, format: "json", plausible };
    judge(contracts, &batch, &arrival)
}
