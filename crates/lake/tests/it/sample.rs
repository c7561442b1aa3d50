//! Contracts, readings and answers that the tests share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use longlead_lake::{Cell, Lake, Limits, OutsideTable, Settings};
use longlead_model::{Bundle, Source};
use longlead_stream::{
    Arrival, Batch, Captured, Contracts, Head, Judged, Plausible, Sender, Value, judge,
};

pub(crate) const CONTRACTS: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [
    { name = "temperature", unit = "Cel", low = -40, high = 85 },
    { name = "uptime", kind = "counter", unit = "s" },
    { name = "door_open", kind = "boolean" },
    { name = "firmware", kind = "text" },
]
"#;

/// 2026-11-23T08:00Z.
pub(crate) const RECEIVED: i64 = 1_795_420_800_000_000;
pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) fn contracts(text: &str) -> Contracts {
    let source = Source { name: "streams.toml".into(), text: text.into() };
    let (bundle, diagnostics) = Bundle::load(&[source]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    Contracts::of(&bundle.records, |_| 7)
}

/// Settings under which nothing happens by itself.
pub(crate) fn quiet() -> Settings {
    Settings {
        flush_age: Duration::from_secs(3600),
        tidy_every: Duration::from_secs(3600),
        disk_free: 0,
        threads: Some(2),
        ..Settings::default()
    }
}

pub(crate) async fn open(folder: &Path) -> Lake {
    Lake::open(folder, quiet()).await.expect("it opens").0
}

/// One reading of the stream `climate`.
#[derive(Clone, Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) device: &'a str,
    pub(crate) captured: i64,
    pub(crate) sequence: Option<(Option<u64>, u64)>,
    pub(crate) values: Vec<(&'a str, Value)>,
}

impl<'a> Reading<'a> {
    pub(crate) fn at(device: &'a str, captured: i64, temperature: f64) -> Reading<'a> {
        let values = vec![("temperature", Value::Float(temperature))];
        Reading { device, captured, sequence: None, values }
    }

    pub(crate) fn numbered(self, boot: Option<u64>, sequence: u64) -> Reading<'a> {
        Reading { sequence: Some((boot, sequence)), ..self }
    }
}

pub(crate) fn judged(contracts: &Contracts, readings: &[Reading<'_>]) -> Judged {
    let mut batch = Batch::default();
    let stream = batch.name("climate");
    for reading in readings {
        let head = Head {
            stream,
            device: Some(batch.name(reading.device)),
            captured: Captured::At(reading.captured),
            boot: reading.sequence.and_then(|it| it.0),
            sequence: reading.sequence.map(|it| it.1),
        };
        let values: Vec<_> =
            reading.values.iter().map(|(name, it)| (batch.name(name), *it, None)).collect();
        batch.push(head, values);
    }
    let plausible = Plausible::default();
    let arrival =
        Arrival { received: RECEIVED, sender: Sender::Trusted, format: "json", plausible };
    judge(contracts, &batch, &arrival)
}

/// The receipt of readings: rows, duplicates, quarantined.
pub(crate) async fn send(lake: &Lake, readings: &[Reading<'_>]) -> (u64, u64, u64) {
    let judged = judged(&contracts(CONTRACTS), readings);
    let receipt = lake.accept(judged).await.expect("there is room");
    (receipt.rows, receipt.duplicates, receipt.quarantined)
}

/// An answer as lines.
pub(crate) async fn ask(lake: &Lake, sql: &str) -> String {
    ask_with(lake, sql, &[]).await
}

pub(crate) async fn ask_with(lake: &Lake, sql: &str, outside: &[Arc<OutsideTable>]) -> String {
    let answer = lake.query(sql, Limits::default(), outside).await;
    let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let columns = answer.columns().len();
    let mut lines = Vec::new();
    for page in answer.all().await.expect("it runs") {
        for row in 0..page.rows() {
            let cells: Vec<String> = (0..columns).map(|it| show(page.cell(row, it))).collect();
            lines.push(cells.join(" "));
        }
    }
    lines.join("\n")
}

fn show(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => "-".to_owned(),
        Cell::Bool(it) => it.to_string(),
        Cell::Integer(it) => it.to_string(),
        Cell::Unsigned(it) => it.to_string(),
        Cell::Float(it) => format!("{it:?}"),
        Cell::Text(it) => it.to_owned(),
        Cell::Time(it) => ((it - RECEIVED) / SECOND).to_string(),
        Cell::Date(it) => it.to_string(),
        Cell::Bytes(it) => String::from_utf8_lossy(it).into_owned(),
        Cell::Other(it) => it,
    }
}
