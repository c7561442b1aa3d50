use std::time::Duration;

use longlead_lake::{Lake, Settings};
use longlead_stream::Value;

use crate::accept::reopen;
use crate::sample::{
    CONTRACTS, RECEIVED, Reading, SECOND, ask, contracts, judged, open, quiet, send,
};

const ALL: &str = "SELECT * FROM climate ORDER BY device, captured, uptime";

/// Too long to be held in place of a reference to it.
const LONG: &str = "a-device-with-a-long-name";

async fn files(lake: &Lake) -> u64 {
    lake.tables().await.expect("they are told")[0].files
}

/// Readings with values of every kind, and some that have none.
fn mixed(device: &'static str, from: i64, to: i64, step: i64) -> Vec<Reading<'static>> {
    let reading = |it: i64| {
        let mut values = vec![("uptime", Value::Integer(it))];
        if it % 3 != 0 {
            values.push(("temperature", Value::Float(it as f64 / 7.0 % 40.0)));
        }
        if it % 5 != 0 {
            values.push(("door_open", Value::Bool(it % 2 == 0)));
        }
        Reading { device, captured: RECEIVED + it * step, sequence: None, values }
    };
    (from..to).map(reading).collect()
}

#[tokio::test]
async fn rows_are_the_same_after_they_were_merged_again_and_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    for (round, device) in ["b", "a", LONG, "a", "b"].into_iter().enumerate() {
        let from = round as i64 * 40;
        send(&lake, &mixed(device, from, from + 60, SECOND)).await;
        lake.flush().await.expect("it flushes");
    }
    let before = ask(&lake, ALL).await;
    assert_eq!(before.lines().count(), 300);
    lake.tidy().await.expect("it tidies");
    assert_eq!(files(&lake).await, 1);
    assert_eq!(ask(&lake, ALL).await, before);

    // A column that no file has yet, and rows that go once they are merged.
    let wider = CONTRACTS.replace("fields = [", "fields = [{ name = \"humidity\", unit = \"%\" },");
    let mut readings = mixed("d", 0, 20, SECOND);
    for reading in &mut readings {
        reading.values.push(("humidity", Value::Float(40.0)));
    }
    lake.accept(judged(&contracts(&wider), &readings)).await.expect("there is room");
    lake.flush().await.expect("it flushes");
    lake.tidy().await.expect("it tidies");
    assert_eq!(files(&lake).await, 1);
    let humid = "SELECT device, count(*), count(humidity), sum(humidity) FROM climate \
                 GROUP BY device ORDER BY device";
    let told = format!("a 120 0 -\n{LONG} 60 0 -\nb 120 0 -\nd 20 20 800.0");
    assert_eq!(ask(&lake, humid).await, told);
    let removed = lake.remove_before("climate", RECEIVED + 100 * SECOND).await;
    assert_eq!(removed.expect("they are removed"), 160);
    send(&lake, &mixed("e", 100, 120, SECOND)).await;
    lake.flush().await.expect("it flushes");
    let before = ask(&lake, ALL).await;
    lake.tidy().await.expect("it tidies");
    assert_eq!(files(&lake).await, 1);
    assert_eq!(ask(&lake, ALL).await, before);
    drop(lake);
    let lake = reopen(folder.path()).await;
    assert_eq!(ask(&lake, ALL).await, before);
}

#[tokio::test]
async fn a_merge_of_more_rows_than_it_holds_loses_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    // Some files lie side by side in time, others one after the other.
    for (device, from) in [("a", 0), ("b", 0), ("c", 30_000), ("d", 100_000), ("e", 150_000)] {
        send(&lake, &mixed(device, from, from + 80_000, SECOND / 4)).await;
        lake.flush().await.expect("it flushes");
    }
    let sql = "SELECT device, count(*), count(DISTINCT captured), count(temperature), \
               sum(uptime), count(firmware), min(captured), max(captured) \
               FROM climate GROUP BY device ORDER BY device";
    let before = ask(&lake, sql).await;
    lake.tidy().await.expect("it tidies");
    assert_eq!(files(&lake).await, 1);
    assert_eq!(ask(&lake, sql).await, before);
    assert_eq!(before.lines().count(), 5);
    let minute = "SELECT count(*), count(DISTINCT device) FROM climate \
                  WHERE captured >= TIMESTAMP '2026-11-23T13:00:00Z' \
                  AND captured < TIMESTAMP '2026-11-23T13:01:00Z'";
    assert_eq!(ask(&lake, minute).await, "720 3");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_keeps_no_others_from_being_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    for day in [1, 2] {
        for from in [0, 20, 40] {
            let mut readings = mixed("a", from, from + 20, SECOND);
            readings.iter_mut().for_each(|it| it.captured -= day * 86_400 * SECOND);
            send(&lake, &readings).await;
            lake.flush().await.expect("it flushes");
        }
    }
    assert_eq!(files(&lake).await, 6);
    let day = folder.path().join("data/main/climate/2026-11-22");
    let damaged = std::fs::read_dir(&day).expect("a folder").next().expect("a file");
    std::fs::write(damaged.expect("a file").path(), b"PAR1").expect("it is damaged");
    let told = lake.tidy().await.expect_err("one can't be read").to_string();
    assert!(told.contains("Parquet"), "{told}");
    assert_eq!(files(&lake).await, 4, "those of the other day are one");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_in_and_go_to_files_while_others_are_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { flush_rows: 300, tidy_every: Duration::from_millis(1), ..quiet() };
    let (lake, _) = Lake::open(folder.path(), settings).await.expect("it opens");
    let first = RECEIVED - 10_000 * SECOND;
    let of_round = |round: i64| {
        let mut readings = mixed("a", round * 100, (round + 1) * 100, SECOND);
        readings.iter_mut().for_each(|it| it.captured += first - RECEIVED);
        readings
    };
    let removing = {
        let lake = lake.clone();
        tokio::spawn(async move {
            let mut removed = 0;
            while removed < 1_000 {
                let until = first + 1_000 * SECOND;
                removed += lake.remove_before("climate", until).await.expect("they are removed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            removed
        })
    };
    for round in 0..60 {
        send(&lake, &of_round(round)).await;
        let seen = ask(&lake, "SELECT count(*) - count(DISTINCT captured) FROM climate").await;
        assert_eq!(seen, "0");
        if round % 10 == 9 {
            lake.tidy().await.expect("it tidies beside what tidies by itself");
        }
    }
    assert_eq!(removing.await.expect("it ends"), 1_000);
    let all = "SELECT count(*), count(DISTINCT captured) FROM climate";
    assert_eq!(ask(&lake, all).await, "5000 5000");
    lake.close().await.expect("it closes");
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "5000");
}
