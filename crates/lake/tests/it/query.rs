use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use longlead_lake::{Format, Lake, Limits, OutsideTable, QueryError, Values};
use longlead_stream::Value;

use crate::sample::{RECEIVED, Reading, SECOND, ask, ask_with, open, send};

/// Two devices, half in files and half in memory: a reading every ten minutes for four hours, and
/// a counter that begins anew in the middle.
async fn filled(folder: &std::path::Path) -> Lake {
    let lake = open(folder).await;
    for half in 0..2 {
        let mut readings = Vec::new();
        for device in ["a", "b"] {
            for it in half * 12..half * 12 + 12 {
                // The second hour is missing for `b`.
                if device == "b" && (6..12).contains(&it) {
                    continue;
                }
                let at = RECEIVED + it * 600 * SECOND;
                let mut reading = Reading::at(device, at, it as f64);
                reading.values.push(("uptime", Value::Integer((it % 12) * 600)));
                readings.push(reading);
            }
        }
        // Delivered backwards: "last" means last captured.
        readings.reverse();
        send(&lake, &readings).await;
        if half == 0 {
            lake.flush().await.expect("it flushes");
        }
    }
    lake
}

#[tokio::test]
async fn time_series_questions_have_their_functions() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    let sql = "SELECT device, first(temperature, captured), last(temperature, captured), \
               last(captured, captured), last(firmware, captured) \
               FROM climate GROUP BY device ORDER BY device";
    expect![[r#"
        a 0.0 23.0 13800 -
        b 0.0 23.0 13800 -"#]]
    .assert_eq(&ask(&lake, sql).await);
    let sql = "SELECT device, increase(uptime, captured), rate(uptime, captured) \
               FROM climate GROUP BY device ORDER BY device";
    expect![[r#"
        a 13200.0 0.9565217391304348
        b 9600.0 0.6956521739130435"#]]
    .assert_eq(&ask(&lake, sql).await);
    let sql = "SELECT time_bucket(INTERVAL '1 hour', captured) AS hour, count(*), avg(temperature) \
               FROM climate WHERE device = 'b' GROUP BY hour ORDER BY hour";
    expect![[r#"
        0 6 2.5
        7200 6 14.5
        10800 6 20.5"#]]
    .assert_eq(&ask(&lake, sql).await);
}

#[tokio::test]
async fn gaps_are_filled_and_carried_over_as_the_documentation_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    let sql = "WITH bucket AS (SELECT value AS at FROM generate_series(\
                 TIMESTAMP '2026-11-23 08:00:00', TIMESTAMP '2026-11-23 11:00:00', INTERVAL '1 hour')), \
               mean AS (SELECT time_bucket(INTERVAL '1 hour', captured) AS at, avg(temperature) AS t \
                 FROM climate WHERE device = 'b' GROUP BY 1) \
               SELECT bucket.at, mean.t, \
                 last_value(mean.t) IGNORE NULLS OVER (ORDER BY bucket.at) \
               FROM bucket LEFT JOIN mean ON mean.at = bucket.at ORDER BY bucket.at";
    expect![[r#"
        0 2.5 2.5
        3600 - 2.5
        7200 14.5 14.5
        10800 20.5 20.5"#]]
    .assert_eq(&ask(&lake, sql).await);
}

#[tokio::test]
async fn filters_and_projections_see_files_and_memory_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    for (condition, expect) in [
        ("device = 'a'", "24"),
        ("device = 'b' AND temperature >= 10", "12"),
        ("captured < TIMESTAMP '2026-11-23T09:00:00Z'", "12"),
        (
            "captured BETWEEN TIMESTAMP '2026-11-23T09:50:00Z' AND TIMESTAMP '2026-11-23T10:00:00Z'",
            "3",
        ),
        ("uptime = 0 AND clock = 'future'", "2"),
        ("firmware IS NULL", "42"),
        ("false", "0"),
    ] {
        let sql = format!("SELECT count(*) FROM climate WHERE {condition}");
        assert_eq!(ask(&lake, &sql).await, expect, "{condition}");
    }
    let sql = "SELECT temperature FROM climate ORDER BY captured DESC, device LIMIT 1";
    assert_eq!(ask(&lake, sql).await, "23.0");
    assert_eq!(ask(&lake, "SELECT max(commit) - min(commit) FROM climate").await, "1");
}

#[tokio::test]
async fn a_table_from_outside_joins() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    let text = |it: &[&str]| Values::Text(it.iter().map(|it| Some((*it).to_owned())).collect());
    let columns = vec![
        ("serial".to_owned(), text(&["a", "b", "c"])),
        ("revision".to_owned(), text(&["evt", "dvt", "dvt"])),
    ];
    let devices = Arc::new(OutsideTable::new("devices", columns).expect("of one length"));
    let sql = "SELECT revision, count(captured) FROM devices LEFT JOIN climate \
               ON climate.device = devices.serial GROUP BY revision ORDER BY revision";
    assert_eq!(ask_with(&lake, sql, &[devices]).await, "dvt 18\nevt 24");
}

#[tokio::test]
async fn answers_that_nobody_reads_keep_no_question_out_once_their_time_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    let limits = Limits { time: Duration::from_millis(500), ..Limits::default() };
    let mut unread = Vec::new();
    // As many as run at once, each with more rows than wait for a reader.
    for _ in 0..16 {
        let many = "SELECT value FROM generate_series(1, 10000000)";
        unread.push(lake.query(many, limits, &[]).await.expect("it begins"));
    }
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "42");
    drop(unread);
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    for sql in [
        "DELETE FROM climate",
        "DROP TABLE climate",
        "CREATE TABLE x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY climate TO '/tmp/climate.csv'",
        "INSERT INTO climate (device) VALUES ('x')",
        "UPDATE climate SET temperature = 0",
        "SET datafusion.execution.batch_size = 1",
    ] {
        let refused = lake.query(sql, Limits::default(), &[]).await.map(|_| ());
        assert!(matches!(refused, Err(QueryError::NotARead(_))), "{sql}: {refused:?}");
    }
    for sql in ["SHOW TABLES", "DESCRIBE climate", "EXPLAIN SELECT * FROM climate"] {
        assert!(!ask(&lake, sql).await.is_empty(), "{sql}");
    }
}

/// The name of the variant of an error.
fn variant(error: &QueryError) -> String {
    let told = format!("{error:?}");
    told.split(['(', ' ']).next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_told_by_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let lake = filled(folder.path()).await;
    for (sql, expected) in [
        ("SELEC 1", "Syntax"),
        ("SELECT 'open", "Syntax"),
        ("SELECT 1; SELECT 2", "Unsupported"),
        ("SELECT * FROM '/etc/passwd'", "UnknownTable"),
        ("SELECT * FROM nothing JOIN climate ON true", "UnknownTable"),
        ("SELECT (SELECT count(*) FROM other.climate)", "UnknownTable"),
        ("SELECT nothing", "UnknownColumn"),
        ("SELECT climate.nothing FROM climate", "UnknownColumn"),
        ("SELECT device FROM climate a, climate b", "AmbiguousColumn"),
        ("SELECT no_such_function(1)", "UnknownFunction"),
        ("SELECT 1 WHERE device_of(1) = 2", "UnknownFunction"),
        ("SELECT TRUE + 'x'", "Wrong"),
        ("SELECT 1 / 0", "DivisionByZero"),
        ("SELECT 1 / (length(device) - length(device)) FROM climate", "DivisionByZero"),
        ("SELECT CAST('ten' AS INT)", "InvalidText"),
        ("SELECT CAST(device AS INT) FROM climate", "InvalidText"),
        ("SELECT TIMESTAMP 'yesterday'", "InvalidText"),
        ("SELECT date_trunc('fortnight', now())", "InvalidValue"),
    ] {
        let ended = match lake.query(sql, Limits::default(), &[]).await {
            Ok(answer) => answer.all().await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = ended.expect_err(sql);
        assert_eq!(variant(&error), expected, "{sql}: {error}");
    }
    let values = vec![Some("ten".to_owned())];
    let bound = lake.query_with("SELECT $1 + 1", values, Limits::default(), &[]).await;
    assert_eq!(variant(&bound.map(|_| ()).unwrap_err()), "InvalidText");
    let none = lake.query("SELECT $1", Limits::default(), &[]).await;
    assert_eq!(variant(&none.map(|_| ()).unwrap_err()), "Parameters");
}

#[tokio::test]
async fn questions_that_would_take_the_stack_or_all_memory_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = filled(folder.path()).await;
    let joins: String = (0..1500).map(|it| format!(", climate AS c{it}")).collect();
    for (sql, told) in [
        // Each is refused before it is planned; the last function isn't there for its sake.
        (format!("SELECT 1{}", "+1".repeat(5000)), "more than 400 operators"),
        (format!("SELECT true{}", " AND true".repeat(5000)), "more than"),
        (format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(1500)), "more than"),
        (format!("SELECT 1 FROM climate{joins}"), "more than 2000 names"),
        (format!("SELECT '{}'", "x".repeat(300 << 10)), "more than 256 KiB"),
        ("SELECT length(repeat(repeat('x', 1000000), 2000))".to_owned(), "repeat"),
    ] {
        let refused = lake.query(&sql, Limits::default(), &[]).await.map(|_| ());
        let error = refused.expect_err(told);
        assert!(error.to_string().contains(told), "{told}: {error:?}");
        let expected = if told == "repeat" { "UnknownFunction" } else { "TooComplex" };
        assert_eq!(variant(&error), expected, "{told}");
    }
    // As deep as may be, and a long list.
    let list = vec!["1"; 20_000].join(", ");
    for sql in
        [format!("SELECT 1{} AS x", "+1".repeat(399)), format!("SELECT 1 WHERE 1 IN ({list})")]
    {
        assert!(!ask(&lake, &sql).await.is_empty());
    }
}

#[tokio::test]
async fn limits_end_a_query_and_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    let limits = Limits { rows: 5, ..Limits::default() };
    let mut answer = lake.query("SELECT * FROM climate", limits, &[]).await.expect("it runs");
    let mut rows = 0;
    while let Some(page) = answer.next().await {
        rows += page.expect("it runs").rows();
    }
    assert_eq!((rows, answer.is_truncated()), (5, true));

    let endless = "SELECT count(*) FROM generate_series(1, 100000000) a, \
                   generate_series(1, 100000) b WHERE a.value * b.value % 7 = 3";
    let limits = Limits { time: Duration::from_millis(300), ..Limits::default() };
    let ended = match lake.query(endless, limits, &[]).await {
        Ok(answer) => answer.all().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert_eq!(ended, Err(QueryError::TooLong { seconds: 0 }));

    let wide = "SELECT value, count(*) FROM generate_series(1, 3000000) GROUP BY value";
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let ended = lake.query(wide, limits, &[]).await.expect("it begins").all().await.map(|_| ());
    assert!(matches!(ended, Err(QueryError::TooMuchMemory(_))), "{ended:?}");
}

#[tokio::test]
async fn answers_come_as_csv_json_and_parquet() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = filled(folder.path()).await;
    let sql = "SELECT device, captured, temperature, firmware FROM climate \
               ORDER BY captured, device LIMIT 2";
    for (format, expect) in [
        (
            Format::Csv,
            expect![[r#"
                device,captured,temperature,firmware
                a,2026-11-23T08:00:00Z,0.0,
                b,2026-11-23T08:00:00Z,0.0,
            "#]],
        ),
        (
            Format::JsonLines,
            expect![[r#"
                {"device":"a","captured":"2026-11-23T08:00:00Z","temperature":0.0,"firmware":null}
                {"device":"b","captured":"2026-11-23T08:00:00Z","temperature":0.0,"firmware":null}
            "#]],
        ),
    ] {
        let text = encoded(&lake, sql, format).await;
        expect.assert_eq(&String::from_utf8(text).expect("text"));
    }
    let empty = "SELECT device FROM climate WHERE false";
    assert_eq!(encoded(&lake, empty, Format::Csv).await, b"device\n");
    assert_eq!(encoded(&lake, empty, Format::Json).await, b"[]");
    let parquet = encoded(&lake, sql, Format::Parquet).await;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
}

async fn encoded(lake: &Lake, sql: &str, format: Format) -> Vec<u8> {
    let answer = lake.query(sql, Limits::default(), &[]).await.expect("it runs");
    let mut encoded = answer.encoded(format);
    let mut all = Vec::new();
    while let Some(part) = encoded.next().await {
        all.extend(part.expect("it is encoded"));
    }
    all
}

#[tokio::test]
async fn readers_see_each_row_once_while_writers_write_and_files_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let writer = {
        let lake = lake.clone();
        tokio::spawn(async move {
            for round in 0..60 {
                let at = |it: i64| RECEIVED + (round * 20 + it) * SECOND;
                let readings: Vec<_> = (0..20).map(|it| Reading::at("a", at(it), 1.0)).collect();
                send(&lake, &readings).await;
                match round % 10 {
                    4 => lake.flush().await.expect("it flushes"),
                    9 => lake.tidy().await.expect("it tidies"),
                    _ => {}
                }
            }
        })
    };
    let sql = "SELECT count(*) - count(DISTINCT captured), count(*) % 20 FROM climate";
    while !writer.is_finished() {
        match lake.query(sql, Limits::default(), &[]).await {
            Ok(_) => assert_eq!(ask(&lake, sql).await, "0 0"),
            // Before the first row there is no table.
            Err(error) => assert_eq!(variant(&error), "UnknownTable", "{error}"),
        }
    }
    writer.await.expect("it wrote");
    assert_eq!(ask(&lake, "SELECT count(*) FROM climate").await, "1200");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_queries_put_aside_before_a_kill_is_gone_after_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = folder.path().join("spill/datafusion-old");
    std::fs::create_dir_all(&old).expect("a folder");
    std::fs::write(old.join("part"), [1; 1000]).expect("it is written");
    let _lake = open(folder.path()).await;
    assert!(!old.exists());
    assert!(folder.path().join("spill").exists());
}
