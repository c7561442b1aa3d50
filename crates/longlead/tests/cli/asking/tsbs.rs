//! The IoT use case of the Time Series Benchmark Suite: a day of ten trucks in line protocol, out of
//! order and in part without a name, and its twelve types of queries in our SQL. The answers were
//! computed with another engine from the same file; `answers-half.json` has them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Asked, Receipts, shared, unpacked};

/// Tags that are texts, and what the two measurements hold.
const CONTRACTS: &str = r#"
[[contract]]
id = "readings"
title = "Where trucks are"
device_from = "name"
cadence = "10 s"
fields = [
    { name = "fleet", kind = "text" },
    { name = "driver", kind = "text" },
    { name = "model", kind = "text" },
    { name = "device_version", kind = "text" },
    { name = "load_capacity", unit = "kg" },
    { name = "fuel_capacity", unit = "L" },
    { name = "nominal_fuel_consumption" },
    { name = "latitude", unit = "deg", low = -90, high = 90 },
    { name = "longitude", unit = "deg", low = -180, high = 180 },
    { name = "elevation", unit = "m" },
    { name = "velocity", unit = "km/h" },
    { name = "heading", unit = "deg" },
    { name = "grade" },
    { name = "fuel_consumption" },
]

[[contract]]
id = "diagnostics"
title = "How trucks are"
device_from = "name"
cadence = "10 s"
fields = [
    { name = "fleet", kind = "text" },
    { name = "driver", kind = "text" },
    { name = "model", kind = "text" },
    { name = "device_version", kind = "text" },
    { name = "load_capacity", unit = "kg" },
    { name = "fuel_capacity", unit = "L" },
    { name = "nominal_fuel_consumption" },
    { name = "fuel_state" },
    { name = "current_load", unit = "kg" },
    { name = "status", kind = "integer" },
]
"#;

/// What stands in a tag is the same in every row that has it.
const TAGS: &str = "tags AS (SELECT device AS name, last(fleet, captured) AS fleet, \
    last(driver, captured) AS driver, last(model, captured) AS model, \
    last(load_capacity, captured) AS load_capacity, \
    last(nominal_fuel_consumption, captured) AS nominal FROM readings GROUP BY device)";

/// A query's own words: what stands between two texts of it.
fn between<'a>(sql: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = sql.split_once(before).unwrap_or_else(|| panic!("{before} in {sql}"));
    rest.split_once(after).unwrap_or_else(|| panic!("{after} in {sql}")).0
}

/// A query of the suite in our SQL, with what varies in it taken from the suite's own words.
fn translated(kind: &str, theirs: &str) -> String {
    let fleet = || format!("fleet = '{}'", between(theirs, "t.fleet = '", "'"));
    let window = || {
        let (from, to) = (between(theirs, "time >= '", "'"), between(theirs, "time < '", "'"));
        format!("captured >= TIMESTAMP '{}' AND captured < TIMESTAMP '{}'", utc(from), utc(to))
    };
    let newest = |table: &str, fields: &[&str]| {
        let newest = |it: &&str| format!(", last_value({it} ORDER BY captured) AS {it}");
        let fields: String = fields.iter().map(newest).collect();
        format!("newest AS (SELECT device AS name{fields} FROM {table} GROUP BY device)")
    };
    let driven = |window: &str| {
        format!(
            "driven AS (SELECT device AS name, time_bucket(INTERVAL '10 minutes', captured) AS at \
             FROM readings {window} GROUP BY 1, 2 HAVING avg(velocity) > 1)"
        )
    };
    match kind {
        "last-loc" | "single-last-loc" => {
            let which = match kind {
                "last-loc" => fleet(),
                _ => format!("tags.name IN ({})", between(theirs, "t.name IN (", ")")),
            };
            let newest = newest("readings", &["longitude", "latitude"]);
            format!(
                "WITH {TAGS}, {newest} SELECT name, driver, longitude, latitude \
                 FROM tags JOIN newest USING (name) WHERE {which}"
            )
        }
        "low-fuel" => format!(
            "WITH {TAGS}, {} SELECT name, driver, fuel_state FROM tags JOIN newest USING (name) \
             WHERE fuel_state < 0.1 AND {}",
            newest("diagnostics", &["fuel_state"]),
            fleet()
        ),
        "high-load" => format!(
            "WITH {TAGS}, {} SELECT name, driver, current_load FROM tags JOIN newest USING (name) \
             WHERE current_load / load_capacity > 0.9 AND {}",
            newest("diagnostics", &["current_load"]),
            fleet()
        ),
        "stationary-trucks" => format!(
            "WITH {TAGS} SELECT name, tags.driver FROM tags JOIN readings ON device = name \
             WHERE {} AND tags.{} GROUP BY name, tags.driver HAVING avg(velocity) < 1",
            window(),
            fleet()
        ),
        "long-driving-sessions" | "long-daily-sessions" => format!(
            "WITH {TAGS}, {} SELECT name, driver FROM tags JOIN driven USING (name) \
             WHERE {} GROUP BY name, driver HAVING count(at) > {}",
            driven(&format!("WHERE {}", window())),
            fleet(),
            theirs.trim().rsplit(' ').next().unwrap()
        ),
        "avg-vs-projected-fuel-consumption" => format!(
            "WITH {TAGS} SELECT tags.fleet, avg(fuel_consumption), avg(nominal) \
             FROM tags JOIN readings ON device = name \
             WHERE velocity > 1 AND tags.fleet IS NOT NULL AND nominal IS NOT NULL \
             GROUP BY tags.fleet"
        ),
        "avg-daily-driving-duration" => format!(
            "WITH {TAGS}, {}, daily AS (SELECT name, time_bucket(INTERVAL '24 hours', at) AS day, \
             count(*) / 6 AS hours FROM driven GROUP BY 1, 2) \
             SELECT fleet, name, driver, avg(hours) FROM tags JOIN daily USING (name) \
             GROUP BY fleet, name, driver",
            driven("")
        ),
        "avg-daily-driving-session" => "WITH status AS (\
               SELECT device AS name, time_bucket(INTERVAL '10 minutes', captured) AS at, \
                 avg(velocity) > 5 AS driving FROM readings GROUP BY 1, 2), \
             before AS (SELECT *, lag(driving) OVER (PARTITION BY name ORDER BY at) AS was \
               FROM status), \
             change AS (SELECT name, at, driving, \
                 lead(at) OVER (PARTITION BY name ORDER BY at) AS stop \
               FROM before WHERE driving <> was) \
             SELECT name, time_bucket(INTERVAL '24 hours', at) AS day, \
               avg(date_part('epoch', stop) - date_part('epoch', at)) \
             FROM change WHERE driving GROUP BY name, day"
            .to_owned(),
        "avg-load" => format!(
            "WITH {TAGS}, mean AS (SELECT device AS name, avg(current_load) AS mean \
               FROM diagnostics GROUP BY device) \
             SELECT fleet, model, load_capacity, avg(mean / load_capacity) \
             FROM tags JOIN mean USING (name) GROUP BY fleet, model, load_capacity"
        ),
        "daily-activity" => format!(
            "WITH {TAGS}, active AS (SELECT device AS name, \
                 time_bucket(INTERVAL '24 hours', captured) AS day, \
                 time_bucket(INTERVAL '10 minutes', captured) AS at, count(*) AS points \
               FROM diagnostics GROUP BY 1, 2, 3 HAVING avg(status) < 1) \
             SELECT fleet, model, day, sum(points) / 144.0 FROM tags JOIN active USING (name) \
             GROUP BY fleet, model, day"
        ),
        "breakdown-frequency" => format!(
            "WITH {TAGS}, status AS (SELECT device AS name, \
                 time_bucket(INTERVAL '10 minutes', captured) AS at, \
                 count(status = 0) / count(*) >= 0.5 AS broken \
               FROM diagnostics GROUP BY 1, 2), \
             next AS (SELECT *, lead(broken) OVER (PARTITION BY name ORDER BY at) AS after \
               FROM status) \
             SELECT model, count(*) FROM tags JOIN next USING (name) \
             WHERE NOT broken AND after GROUP BY model"
        ),
        other => panic!("the suite has no query {other}"),
    }
}

/// `2016-01-01 23:44:53.646325 +0000` as RFC 3339 has it.
fn utc(time: &str) -> String {
    time.replace(" +0000", "Z").replacen(' ', "T", 1)
}

/// A cell of a given answer as our CSV has it.
fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) if text.ends_with("+00:00") => utc(&text.replace("+00:00", " +0000")),
        // A span of time: hours, minutes, seconds.
        Json::String(text) if text.matches(':').count() == 2 => {
            let seconds = text.split(':').fold(0, |sum, it| sum * 60 + it.parse::<i64>().unwrap());
            seconds.to_string()
        }
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_same(ours: &str, given: &str) -> bool {
    match (ours.parse::<f64>(), given.parse::<f64>()) {
        // Sums of floats differ in the last bits with the order of their parts.
        (Ok(ours), Ok(given)) => (ours - given).abs() <= 1e-9 * given.abs().max(1.0),
        _ => ours == given,
    }
}

/// Rows in an order that doesn't hang on the last bits of a number.
fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort_by_key(|row| {
        let short = |it: &String| it.chars().take(9).collect::<String>();
        row.iter().map(short).collect::<Vec<_>>()
    });
    rows
}

fn answer_agrees(asked: &Asked, result: &Json) {
    let kind = result["type"].as_str().unwrap();
    let sql = translated(kind, result["sql"].as_str().unwrap());
    let ours = sorted(asked.ask(&sql));
    let rows = result["rows"].as_array().unwrap();
    let given = rows.iter().map(|row| row.as_array().unwrap().iter().map(cell).collect());
    // What has no name is no device here, and so in no table of readings.
    let is_of_nobody =
        |row: &Vec<String>| kind == "avg-daily-driving-duration" && row[1].is_empty();
    let given = sorted(given.filter(|row| !is_of_nobody(row)).collect());
    let agree = ours.len() == given.len()
        && ours.iter().zip(&given).all(|(ours, given)| {
            ours.len() == given.len() && ours.iter().zip(given).all(|(a, b)| is_same(a, b))
        });
    assert!(agree, "{kind}\n{sql}\nours:  {ours:?}\ngiven: {given:?}");
}

/// The trucks without a name drove for nine hours, by the answers; their points are in quarantine,
/// each whole, and can be asked there.
fn what_has_no_name_is_told_and_can_be_asked(asked: &Asked) {
    let told = asked.ask(
        "SELECT stream, reason, count(*), min(detail) FROM quarantine \
         GROUP BY stream, reason ORDER BY stream",
    );
    let detail = "`name`, which names the device, is missing";
    let expected = [("diagnostics", "104"), ("readings", "77")];
    let row =
        |(stream, count): (&str, &str)| [stream, "no-device", count].map(str::to_owned).to_vec();
    assert_eq!(told.iter().map(|row| row[..3].to_vec()).collect::<Vec<_>>(), expected.map(row));
    assert!(told.iter().all(|row| row[3..].join(",").trim_matches('"') == detail), "{told:?}");
    let hours = asked.count(
        "WITH nameless AS (SELECT CAST(payload AS VARCHAR) AS payload FROM quarantine \
           WHERE stream = 'readings'), \
         point AS (SELECT \
             to_timestamp_micros(TRY_CAST(regexp_replace(payload, \
               '.*\"captured\":([0-9]+).*', '\\1') AS BIGINT)) AS at, \
             TRY_CAST(regexp_replace(payload, \
               '.*\"velocity\",\"value\":([-0-9.]+).*', '\\1') AS DOUBLE) AS velocity \
           FROM nameless), \
         driven AS (SELECT time_bucket(INTERVAL '10 minutes', at) AS at FROM point \
           GROUP BY 1 HAVING avg(velocity) > 1) \
         SELECT count(*) / 6 FROM driven",
    );
    assert_eq!(hours, 9);
}

#[test]
fn a_day_of_trucks_goes_in_out_of_order_and_answers_as_another_engine_does() {
    let Some(folder) = shared("tsbs-iot") else { return };
    let points = unpacked(&folder.join("iot-seed123-scale10-24h-10s.lp.gz"));
    let lines: Vec<&str> = points.lines().collect();
    assert_eq!(lines.len(), 155_766);
    let asked = Asked::start(CONTRACTS, &[]);
    for batch in lines.chunks(5_000) {
        let (status, told) =
            asked.send("/api/v2/write?precision=ns", "text/plain", batch.join("\n"));
        assert_eq!(status, 204, "{told}");
    }
    // Sent again by a client that saw no answer, none is there twice.
    let again = lines[70_000..75_000].iter().filter(|it| it.contains(",name="));
    let again: Vec<&str> = again.copied().collect();
    let (status, told) = asked.send("/ingest/v1/trucks", "text/plain", again.join("\n"));
    assert_eq!(status, 200, "{told}");
    let mut receipts = Receipts::default();
    receipts.add(&told);
    let duplicates = again.len() as u64;
    assert_eq!(receipts, Receipts { duplicates, ..Receipts::default() });
    let rows = asked.ask(
        "SELECT (SELECT count(*) FROM readings) AS r, (SELECT count(*) FROM diagnostics) AS d, \
         (SELECT count(DISTINCT device) FROM readings) AS trucks",
    );
    assert_eq!(rows, [["77806", "77779", "10"].map(str::to_owned).to_vec()]);
    what_has_no_name_is_told_and_can_be_asked(&asked);

    let answers = std::fs::read_to_string(folder.join("answers-half.json")).unwrap();
    let answers: Json = serde_json::from_str(&answers).unwrap();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for result in answers["results"].as_array().unwrap() {
        *kinds.entry(result["type"].as_str().unwrap()).or_default() += 1;
        answer_agrees(&asked, result);
    }
    // Twelve types, one of them for one truck as well.
    assert_eq!(kinds.len(), 13, "{kinds:?}");
    every_query_of_the_suite_runs(&asked, &folder);
}

/// Three queries of each type, and not only those to which answers are given.
fn every_query_of_the_suite_runs(asked: &Asked, folder: &std::path::Path) {
    let queries = std::fs::read_to_string(folder.join("queries-seed123-scale10.txt")).unwrap();
    let mut count = 0;
    for part in queries.split("-- timescaledb | ").skip(1) {
        let (head, body) = part.split_once('\n').unwrap();
        // The same questions stand there in the words of other databases.
        let sql = body.split("\n-- ").next().unwrap();
        asked.ask(&translated(head.split(' ').next().unwrap(), sql));
        count += 1;
    }
    assert_eq!(count, 39);
}
