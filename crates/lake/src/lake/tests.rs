use longlead_model::{Bundle, Source};
use longlead_stream::{Arrival, Batch, Captured, Contracts, Head, Plausible, Sender, Value, judge};

use super::*;

const CONTRACT: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [{ name = "temperature" }]
"#;
const RECEIVED: i64 = 1_795_420_800_000_000;

/// A payload of rows a second apart.
fn judged(from: i64, to: i64, temperature: f64) -> Judged {
    let source = Source { name: "streams.toml".into(), text: CONTRACT.into() };
    let contracts = Contracts::of(&Bundle::load(&[source]).0.records, |_| 1);
    let mut batch = Batch::default();
    let (stream, field) = (batch.name("climate"), batch.name("temperature"));
    for second in from..to {
        let device = Some(batch.name("CT-000017"));
        let captured = Captured::At(RECEIVED + second * 1_000_000);
        let head = Head { device, captured, ..Head::of(stream) };
        batch.push(head, [(field, Value::Float(temperature), None)]);
    }
    let plausible = Plausible::default();
    let arrival =
        Arrival { received: RECEIVED, sender: Sender::Trusted, format: "json", plausible };
    judge(&contracts, &batch, &arrival)
}

fn settings() -> Settings {
    Settings { disk_free: 0, ..Settings::default() }
}

async fn told(lake: &Lake, judged: Judged) -> (u64, u64, u64) {
    let receipt = lake.accept(judged).await.expect("there is room");
    (receipt.rows, receipt.duplicates, receipt.quarantined)
}

#[tokio::test]
async fn rows_that_come_again_are_duplicates_before_and_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lake, recovery) = Lake::open(folder.path(), settings()).await.expect("it opens");
    assert_eq!(recovery.rows, 0);
    assert_eq!(told(&lake, judged(0, 100, 4.5)).await, (100, 0, 0));
    assert_eq!(told(&lake, judged(50, 150, 4.5)).await, (50, 50, 0));
    assert_eq!(told(&lake, judged(140, 160, 5.5)).await, (10, 0, 10));
    let again = Lake::open(folder.path(), settings()).await;
    assert!(matches!(again, Err(OpenError::InUse { .. })), "{again:?}");
    lake.close().await;
    assert_eq!(lake.accept(judged(0, 1, 4.5)).await, Err(Refusal::Closing));
    drop(lake);
    let (lake, recovery) = Lake::open(folder.path(), settings()).await.expect("it opens");
    assert_eq!((recovery.rows, recovery.torn, recovery.groups), (170, None, 3));
    assert_eq!(told(&lake, judged(-10, 140, 4.5)).await, (10, 140, 0));
}

#[tokio::test]
async fn overload_and_a_full_disk_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = Settings { payload_rows: 50, disk_free: u64::MAX, ..settings() };
    let (lake, _) = Lake::open(folder.path(), full).await.expect("it opens");
    assert_eq!(lake.accept(judged(0, 51, 1.0)).await, Err(Refusal::TooLarge));
    assert_eq!(lake.accept(judged(0, 50, 1.0)).await, Err(Refusal::DiskFull));
    lake.close().await;
    drop(lake);
    let small = Settings { memory_bytes: 1, ..settings() };
    let (lake, recovery) = Lake::open(folder.path(), small).await.expect("it opens");
    assert_eq!(recovery.rows, 0, "what was refused left nothing behind");
    assert_eq!(told(&lake, judged(0, 50, 1.0)).await, (50, 0, 0));
    let busy = lake.accept(judged(50, 60, 1.0)).await;
    assert!(matches!(busy, Err(Refusal::Busy { .. })), "{busy:?}");
}
