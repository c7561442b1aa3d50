use std::time::Duration;

use longlead_lake::{Lake, OpenError, Settings};
use longlead_stream::{Refusal, Value};

use crate::sample::{
    CONTRACTS, RECEIVED, Reading, SECOND, ask, contracts, judged, open, quiet, send,
};

const COUNT: &str = "SELECT count(*), count(DISTINCT device || captured) FROM climate";

fn some(from: i64, to: i64) -> Vec<Reading<'static>> {
    (from..to)
        .map(|it| {
            Reading::at(["a", "b", "c"][it as usize % 3], RECEIVED + it * SECOND, (it % 50) as f64)
        })
        .collect()
}

#[tokio::test]
async fn a_row_is_seen_at_once_and_once_through_flush_merge_and_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    assert_eq!(send(&lake, &some(0, 100)).await, (100, 0, 0));
    assert_eq!(ask(&lake, COUNT).await, "100 100");
    lake.flush().await.expect("it flushes");
    assert_eq!(ask(&lake, COUNT).await, "100 100");
    assert_eq!(send(&lake, &some(50, 150)).await, (50, 50, 0));
    assert_eq!(ask(&lake, COUNT).await, "150 150");
    lake.flush().await.expect("it flushes");
    assert_eq!(send(&lake, &some(150, 160)).await, (10, 0, 0));
    lake.tidy().await.expect("it tidies");
    assert_eq!(ask(&lake, COUNT).await, "160 160");
    let facts = lake.tables().await.expect("they are told");
    assert_eq!((facts[0].rows, facts[0].rows_in_memory, facts[0].files), (160, 10, 1));
    drop(lake);
    // Dropped, not closed: the log is what tells.
    let lake = reopen(folder.path()).await;
    assert_eq!(ask(&lake, COUNT).await, "160 160");
    assert_eq!(send(&lake, &some(0, 170)).await, (10, 160, 0));
    lake.close().await.expect("it closes");
    drop(lake);
    let (lake, recovery) = Lake::open(folder.path(), quiet()).await.expect("it opens");
    assert_eq!((recovery.rows, recovery.identities_rebuilt), (0, false));
    assert_eq!(ask(&lake, COUNT).await, "170 170");
    assert_eq!(send(&lake, &some(0, 170)).await, (0, 170, 0));
}

#[tokio::test]
async fn files_of_a_day_are_merged_however_many_days_have_but_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let of_day = |day: i64, second: i64| {
        [Reading::at("a", RECEIVED - (40 - day) * 86_400 * SECOND + second * SECOND, 1.0)]
    };
    for day in 0..20 {
        send(&lake, &of_day(day, 0)).await;
    }
    lake.flush().await.expect("it flushes");
    for second in 0..5 {
        send(&lake, &of_day(20, second)).await;
        lake.flush().await.expect("it flushes");
    }
    let files = async || lake.tables().await.expect("they are told")[0].files;
    assert_eq!(files().await, 25);
    lake.tidy().await.expect("it tidies");
    assert_eq!(files().await, 21);
    assert_eq!(ask(&lake, COUNT).await, "25 25");
    lake.close().await.expect("it closes");
}

#[tokio::test]
async fn a_time_that_is_in_no_calendar_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let times = [i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN / 2, -1, 0, RECEIVED];
    let readings: Vec<Reading<'_>> = times.map(|it| Reading::at("a", it, 1.0)).into();
    assert_eq!(send(&lake, &readings).await, (7, 0, 0));
    lake.flush().await.expect("it flushes");
    let count = "SELECT count(*), count(DISTINCT captured) FROM climate";
    assert_eq!(ask(&lake, count).await, "7 7");
    let far = "SELECT count(*) FROM climate WHERE captured > TIMESTAMP '2200-01-01T00:00:00Z'";
    assert_eq!(ask(&lake, far).await, "2");
    assert_eq!(send(&lake, &readings).await, (0, 7, 0), "each is known again");
    let more = times.map(|it| Reading::at("b", it, 2.0));
    assert_eq!(send(&lake, &more).await, (7, 0, 0));
    lake.flush().await.expect("it flushes");
    lake.tidy().await.expect("it tidies");
    let facts = lake.tables().await.expect("they are told");
    assert_eq!(facts[0].files, 5, "four days, and what is beyond them");
    assert_eq!(ask(&lake, count).await, "14 7");
    lake.close().await.expect("it closes");
    drop(lake);
    let lake = reopen(folder.path()).await;
    assert_eq!(send(&lake, &readings).await, (0, 7, 0));
}

/// The folder is free once the threads of the lake before have ended.
pub(crate) async fn reopen(folder: &std::path::Path) -> Lake {
    for _ in 0..100 {
        match Lake::open(folder, quiet()).await {
            Ok((lake, _)) => return lake,
            Err(OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the folder stays in use")
}

#[tokio::test]
async fn identity_is_sequence_where_there_is_one_and_captured_time_where_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let at = |seconds: i64, temperature| Reading::at("a", RECEIVED + seconds * SECOND, temperature);
    for (reading, expect) in [
        (at(0, 4.5).numbered(Some(1), 7), (1, 0, 0)),
        (at(0, 4.5).numbered(Some(1), 7), (0, 1, 0)),
        // Another boot, another sequence, none at all: other rows.
        (at(0, 4.5).numbered(Some(2), 7), (1, 0, 0)),
        (at(0, 4.5).numbered(None, 7), (1, 0, 0)),
        (at(0, 4.5).numbered(Some(1), 8), (1, 0, 0)),
        (at(0, 4.5), (1, 0, 0)),
        (at(0, 4.5), (0, 1, 0)),
        (at(1, 4.5), (1, 0, 0)),
        // The same identity with other values, or another time that the device told.
        (at(0, 5.5).numbered(Some(1), 7), (0, 0, 1)),
        (at(9, 4.5).numbered(Some(1), 7), (0, 0, 1)),
        (at(1, 5.5), (0, 0, 1)),
    ] {
        assert_eq!(send(&lake, std::slice::from_ref(&reading)).await, expect, "{reading:?}");
    }
    let sql = "SELECT reason, device, format, detail FROM quarantine ORDER BY detail";
    assert_eq!(
        ask(&lake, sql).await,
        "identity-conflict a reading sequence 7 of boot 1 is there already with other values\n\
         identity-conflict a reading sequence 7 of boot 1 is there already with other values\n\
         identity-conflict a reading the same captured time is there already with other values"
    );
}

#[tokio::test]
async fn late_rows_are_held_against_the_tables_when_memory_has_forgotten_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { identities_bytes: 0, ..quiet() };
    let (lake, _) = Lake::open(folder.path(), settings).await.expect("it opens");
    let days = |change: f64| -> Vec<Reading<'static>> {
        let reading = |it: i64| {
            let plain =
                Reading::at(["a", "b"][it as usize % 2], RECEIVED - it * 7_000 * SECOND, change);
            if it % 2 == 0 { plain.numbered(None, 5_000 - it as u64) } else { plain }
        };
        (0..200).map(reading).collect()
    };
    assert_eq!(send(&lake, &days(1.0)).await, (200, 0, 0));
    lake.flush().await.expect("it flushes");
    assert_eq!(send(&lake, &days(1.0)).await, (0, 200, 0));
    lake.flush().await.expect("it flushes");
    assert_eq!(send(&lake, &days(2.0)).await, (0, 0, 200));
    let mut mixed = days(1.0);
    mixed.truncate(10);
    mixed.push(Reading::at("b", RECEIVED - 3 * 7_000 * SECOND - 1, 1.0));
    assert_eq!(send(&lake, &mixed).await, (1, 10, 0));
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "201");
}

#[tokio::test]
async fn identities_are_read_from_the_tables_when_their_file_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    send(&lake, &some(0, 50)).await;
    lake.close().await.expect("it closes");
    drop(lake);
    std::fs::write(folder.path().join("log/identities"), b"not what was written").expect("written");
    let (lake, recovery) = Lake::open(folder.path(), quiet()).await.expect("it opens");
    assert!(recovery.identities_rebuilt);
    assert_eq!(send(&lake, &some(0, 60)).await, (10, 50, 0));
}

#[tokio::test]
async fn a_clock_that_steps_back_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let from = |start: i64| -> Vec<Reading<'static>> {
        (0..60).map(|it| Reading::at("a", RECEIVED + (start + it) * SECOND, 1.0)).collect()
    };
    assert_eq!(send(&lake, &from(0)).await, (60, 0, 0));
    lake.flush().await.expect("it flushes");
    assert_eq!(send(&lake, &from(-3_300)).await, (60, 0, 0));
    // The clock counts again over times that it showed before: the values decide.
    assert_eq!(send(&lake, &from(-30)).await, (30, 30, 0));
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "150");
}

#[tokio::test]
async fn a_field_that_a_contract_gains_is_a_column_and_old_rows_stay_duplicates() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    send(&lake, &some(0, 10)).await;
    lake.flush().await.expect("it flushes");
    let wider = CONTRACTS.replace("fields = [", "fields = [{ name = \"humidity\", unit = \"%\" },");
    let wider = contracts(&wider);
    let mut readings = some(0, 12);
    for reading in readings.iter_mut().skip(10) {
        reading.values.push(("humidity", Value::Float(40.0)));
    }
    let receipt = lake.accept(judged(&wider, &readings)).await.expect("there is room");
    assert_eq!((receipt.rows, receipt.duplicates), (2, 10));
    let sql = "SELECT count(*), count(humidity), count(temperature) FROM climate";
    assert_eq!(ask(&lake, sql).await, "12 2 12");
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate WHERE humidity > 1").await, "2");
    lake.flush().await.expect("it flushes");
    assert_eq!(ask(&lake, sql).await, "12 2 12");
    // And a sender that still has the old contract.
    send(&lake, &some(20, 30)).await;
    lake.flush().await.expect("it flushes");
    lake.tidy().await.expect("it tidies");
    assert_eq!(ask(&lake, sql).await, "22 2 22");
}

#[tokio::test]
async fn duplicates_within_one_payload_and_between_payloads_in_flight_are_one_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let mut twice = some(0, 30);
    twice.extend(some(0, 30));
    assert_eq!(send(&lake, &twice).await, (30, 30, 0));
    let sent = (0..20).map(|_| {
        let lake = lake.clone();
        tokio::spawn(async move { send(&lake, &some(100, 200)).await })
    });
    let (mut rows, mut duplicates) = (0, 0);
    for sent in sent.collect::<Vec<_>>() {
        let receipt = sent.await.expect("it ends");
        rows += receipt.0;
        duplicates += receipt.1;
    }
    assert_eq!((rows, duplicates), (100, 1_900));
    assert_eq!(ask(&lake, COUNT).await, "130 130");
}

#[tokio::test]
async fn overload_and_a_full_disk_are_told_and_queries_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { payload_rows: 50, disk_free: u64::MAX, ..quiet() };
    let (lake, _) = Lake::open(folder.path(), settings).await.expect("it opens");
    let judged = |to| judged(&contracts(CONTRACTS), &some(0, to));
    assert_eq!(lake.accept(judged(51)).await, Err(Refusal::TooLarge));
    assert_eq!(lake.accept(judged(50)).await, Err(Refusal::DiskFull));
    assert_eq!(ask(&lake, "SELECT 1").await, "1");
    lake.close().await.expect("it closes");
    assert_eq!(lake.accept(judged(50)).await, Err(Refusal::Closing));
    drop(lake);
    let settings = Settings { memory_bytes: 1, ..quiet() };
    let (lake, _) = Lake::open(folder.path(), settings).await.expect("it opens");
    assert!(lake.accept(judged(50)).await.is_ok(), "what was refused left nothing behind");
    let busy = lake.accept(judged(50)).await;
    assert!(matches!(busy, Err(Refusal::Busy { .. })), "{busy:?}");
    lake.flush().await.expect("it flushes");
    assert_eq!(lake.accept(judged(50)).await.map(|it| it.duplicates), Ok(50));
}

#[tokio::test]
async fn retention_removes_what_is_old_and_only_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let days: Vec<Reading<'_>> =
        (0..40).map(|it| Reading::at("a", RECEIVED - it * 21_600 * SECOND, 1.0)).collect();
    send(&lake, &days).await;
    let removed = lake.remove_before("climate", RECEIVED - 5 * 86_400 * SECOND).await;
    assert_eq!(removed.expect("it removes"), 19);
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "21");
    assert_eq!(lake.tables().await.expect("told")[0].rows, 21);
}

#[tokio::test]
async fn two_processes_never_have_one_folder_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let _lake = open(folder.path()).await;
    let again = Lake::open(folder.path(), quiet()).await;
    assert!(matches!(again, Err(OpenError::InUse { .. })), "{again:?}");
}

#[tokio::test]
async fn a_damaged_log_is_refused_with_its_place_and_nothing_is_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    for it in 0..5 {
        send(&lake, &some(it * 10, it * 10 + 10)).await;
    }
    lake.close().await.ok();
    drop(lake);
    // A log whose groups aren't in tables yet.
    let lake = open(folder.path()).await;
    for it in 5..10 {
        send(&lake, &some(it * 10, it * 10 + 10)).await;
    }
    drop(lake);
    let lake = reopen(folder.path()).await;
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "100");
    drop(lake);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let log = folder.path().join("log");
    let segment = std::fs::read_dir(&log)
        .expect("it is there")
        .filter_map(|it| Some(it.ok()?.path()))
        .find(|it| it.extension().is_some_and(|it| it == "log"))
        .expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("read");
    bytes[100] ^= 1;
    std::fs::write(&segment, &bytes).expect("written");
    let error = Lake::open(folder.path(), quiet()).await.expect_err("it is damaged");
    let OpenError::Damaged { offset, group, .. } = &error else { panic!("{error}") };
    assert_eq!((*offset, *group), (16, 6), "{error}");
    assert_eq!(std::fs::read(&segment).expect("read"), bytes);
    // The other case: the last group, torn.
    bytes[100] ^= 1;
    let cut = bytes.len() - 9;
    std::fs::write(&segment, &bytes[..cut]).expect("written");
    let (lake, recovery) = Lake::open(folder.path(), quiet()).await.expect("it opens");
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "90");
    assert!(recovery.bytes_truncated > 0 && recovery.torn.is_some(), "{recovery:?}");
    assert_eq!(send(&lake, &some(0, 100)).await, (10, 90, 0));
}
