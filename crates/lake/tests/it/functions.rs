//! The functions of ours that stand in for DataFusion's, held against DataFusion's own.

use crate::sample::{RECEIVED, Reading, SECOND, ask, open, send};

const DAY: i64 = 86_400 * SECOND;

/// Readings at every odd place of a clock and a calendar: midnights, Mondays, ends of months, a leap
/// day, years before 1970.
async fn odd_times(folder: &std::path::Path) -> longlead_lake::Lake {
    let lake = open(folder).await;
    let mut readings = Vec::new();
    for (number, days) in
        [-20_000, -1, 0, 3, 59, 789, 10_957, 11_016, 20_000].into_iter().enumerate()
    {
        for seconds in [0, 1, 3_599, 43_200, 86_399] {
            let at = days * DAY + seconds * SECOND + 1;
            readings.push(Reading::at("a", at, number as f64));
        }
    }
    send(&lake, &readings).await;
    lake.flush().await.expect("it flushes");
    readings.truncate(3);
    readings.iter_mut().for_each(|it| it.captured = RECEIVED + it.captured.rem_euclid(DAY));
    send(&lake, &readings).await;
    lake
}

#[tokio::test]
async fn time_bucket_says_what_date_bin_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = odd_times(folder.path()).await;
    for interval in ["1 second", "10 minutes", "7 hours", "1 day", "7 days", "1 month", "1 year"] {
        for origin in ["", ", TIMESTAMP '2001-01-01T00:00:17Z'"] {
            let interval = format!("INTERVAL '{interval}', captured{origin}");
            let sql = format!(
                "SELECT count(*), count(DISTINCT captured) FROM climate \
                 WHERE time_bucket({interval}) = date_bin({interval})"
            );
            assert_eq!(ask(&lake, &sql).await, "48 48", "{sql}");
        }
    }
    let one = "SELECT time_bucket(INTERVAL '1 hour', TIMESTAMP '2026-11-23T08:59:59Z')";
    assert_eq!(ask(&lake, one).await, "0");
    let of_null = "SELECT time_bucket(INTERVAL '1 hour', NULL)";
    assert_eq!(ask(&lake, of_null).await, "-");
}

#[tokio::test]
async fn a_day_in_utc_is_truncated_as_anywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = odd_times(folder.path()).await;
    for unit in ["second", "minute", "hour", "day", "week", "month", "quarter", "year"] {
        let sql = format!(
            "SELECT count(*) FROM climate WHERE date_trunc('{unit}', captured) = \
             date_trunc('{unit}', arrow_cast(captured, 'Timestamp(Millisecond, Some(\"UTC\"))'))"
        );
        assert_eq!(ask(&lake, &sql).await, "48", "{unit}");
    }
}

#[tokio::test]
async fn the_first_and_the_last_value_are_those_of_the_earliest_and_the_latest_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = open(folder.path()).await;
    let (mut readings, mut state) = (Vec::new(), 7_u64);
    let devices: Vec<String> = (0..20).map(|it| format!("device-{it}")).collect();
    for number in 0..4_000_i64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let device = &devices[(state >> 33) as usize % devices.len()];
        // In no order of time.
        let at = RECEIVED + (number * 1_237 % 4_000) * SECOND;
        readings.push(Reading::at(device, at, (number % 90) as f64));
        if number == 2_000 {
            send(&lake, &readings).await;
            lake.flush().await.expect("it flushes");
            readings.clear();
        }
    }
    send(&lake, &readings).await;
    for (ours, order) in [("first", "ASC"), ("last", "DESC")] {
        let sql = format!(
            "WITH ours AS (SELECT device, {ours}(temperature, captured) AS value, \
               {ours}(device, captured) AS name, {ours}(firmware, captured) AS nothing, \
               {ours}(captured, captured) FILTER (WHERE temperature > 40) AS warm \
               FROM climate GROUP BY device), \
             plain AS (SELECT device, first_value(temperature ORDER BY captured {order}) AS value, \
               first_value(captured ORDER BY captured {order}) FILTER (WHERE temperature > 40) AS warm \
               FROM climate GROUP BY device) \
             SELECT count(*), count(nothing) FROM ours JOIN plain USING (device) \
             WHERE ours.value = plain.value AND ours.warm = plain.warm AND ours.name = ours.device"
        );
        assert_eq!(ask(&lake, &sql).await, "20 0", "{ours}");
    }
    let all = "SELECT last(temperature, captured) = first_value(temperature ORDER BY captured DESC), \
               first(captured, captured) = min(captured) FROM climate";
    assert_eq!(ask(&lake, all).await, "true true");
    let none = "SELECT last(temperature, captured) FROM climate WHERE false";
    assert_eq!(ask(&lake, none).await, "-");
}
