//! The query types of the IoT use case, asked of flat tables, each engine in its own words.

use super::world::{BEGIN_SECONDS, STEP_SECONDS};

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Longlead,
    DuckDb,
    ClickHouse,
}

/// Names and texts. `LAST(x)` is the value that was captured last, `TEN` the ten minutes and
/// `DAY(x)` the day of a row, `EPOCH(x)` seconds.
const QUESTIONS: [(&str, &str); 13] = [
    (
        "last-loc",
        "SELECT device, LAST(driver) AS driver, LAST(longitude) AS longitude, LAST(latitude) AS \
         latitude FROM readings WHERE fleet = 'South' GROUP BY device",
    ),
    (
        "single-last-loc",
        "SELECT device, LAST(driver) AS driver, LAST(longitude) AS longitude, LAST(latitude) AS \
         latitude FROM readings WHERE device = 'truck_5' GROUP BY device",
    ),
    (
        "low-fuel",
        "SELECT device, LAST(driver) AS driver, LAST(fuel_state) AS fuel FROM diagnostics WHERE \
         fleet = 'South' GROUP BY device HAVING LAST(fuel_state) < 0.1",
    ),
    (
        "high-load",
        "SELECT device, LAST(driver) AS driver, LAST(current_load) AS load FROM diagnostics WHERE \
         fleet = 'South' GROUP BY device HAVING LAST(current_load) / max(load_capacity) > 0.9",
    ),
    (
        "stationary-trucks",
        "SELECT device, driver FROM readings WHERE captured >= 'FROM10' AND captured < 'TO' AND \
         fleet = 'West' GROUP BY device, driver HAVING avg(velocity) < 1",
    ),
    (
        "long-driving-sessions",
        "SELECT device, driver FROM (SELECT device, driver, TEN AS ten FROM readings WHERE captured \
         >= 'FROM240' AND captured < 'TO' AND fleet = 'West' GROUP BY device, driver, ten HAVING \
         avg(velocity) > 1) s GROUP BY device, driver HAVING count(*) > 22",
    ),
    (
        "long-daily-sessions",
        "SELECT device, driver FROM (SELECT device, driver, TEN AS ten FROM readings WHERE captured \
         >= 'FROM1440' AND captured < 'TO' AND fleet = 'West' GROUP BY device, driver, ten HAVING \
         avg(velocity) > 1) s GROUP BY device, driver HAVING count(*) > 60",
    ),
    (
        "avg-vs-projected-fuel-consumption",
        "SELECT fleet, avg(fuel_consumption) AS consumed, avg(nominal_fuel_consumption) AS projected \
         FROM readings WHERE velocity > 1 GROUP BY fleet",
    ),
    (
        "avg-daily-driving-duration",
        "SELECT fleet, device, driver, avg(hours) AS hours_a_day FROM (SELECT fleet, device, driver, \
         DAY(ten) AS day, count(*) / 6.0 AS hours FROM (SELECT fleet, device, driver, TEN AS ten \
         FROM readings GROUP BY fleet, device, driver, ten HAVING avg(velocity) > 1) s GROUP BY \
         fleet, device, driver, day) d GROUP BY fleet, device, driver",
    ),
    (
        "avg-daily-driving-session",
        "SELECT device, DAY(start) AS day, avg(EPOCH(stop) - EPOCH(start)) AS seconds FROM (SELECT \
         device, ten AS start, driving, lead(ten) OVER (PARTITION BY device ORDER BY ten) AS stop \
         FROM (SELECT device, ten, driving, lag(driving) OVER (PARTITION BY device ORDER BY ten) AS \
         before FROM (SELECT device, TEN AS ten, CASE WHEN avg(velocity) > 5 THEN 1 ELSE 0 END AS \
         driving FROM readings GROUP BY device, ten) a) b WHERE driving <> before) c WHERE driving = 1 \
         GROUP BY device, day",
    ),
    (
        "avg-load",
        "SELECT fleet, model, load_capacity, avg(load / load_capacity) AS share FROM (SELECT device, \
         fleet, model, load_capacity, avg(current_load) AS load FROM diagnostics GROUP BY device, \
         fleet, model, load_capacity) l GROUP BY fleet, model, load_capacity",
    ),
    (
        "daily-activity",
        "SELECT fleet, model, day, sum(points) / 144.0 AS activity FROM (SELECT device, fleet, model, \
         DAY(captured) AS day, TEN AS ten, count(*) AS points FROM diagnostics GROUP BY device, fleet, \
         model, day, ten HAVING avg(status) < 1) a GROUP BY fleet, model, day",
    ),
    (
        "breakdown-frequency",
        "SELECT model, count(*) AS breakdowns FROM (SELECT model, broken, lead(broken) OVER \
         (PARTITION BY device ORDER BY ten) AS after FROM (SELECT device, model, TEN AS ten, CASE WHEN \
         2 * sum(CASE WHEN status = 0 THEN 1 ELSE 0 END) >= count(*) THEN 1 ELSE 0 END AS broken FROM \
         diagnostics GROUP BY device, model, ten) a) b WHERE broken = 0 AND after = 1 GROUP BY model",
    ),
];

/// All query types for an engine, by name, over data of so many steps.
pub(super) fn questions(engine: Engine, steps: u64) -> Vec<(&'static str, String)> {
    let end = BEGIN_SECONDS + steps / 2 * STEP_SECONDS;
    let at = |minutes: u64| {
        let seconds = end.saturating_sub(minutes * 60).max(BEGIN_SECONDS);
        let at = jiff::Timestamp::from_second(seconds.cast_signed()).unwrap_or_default();
        at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    let ten = match engine {
        Engine::ClickHouse => "toStartOfInterval(captured, INTERVAL 10 MINUTE)",
        Engine::Longlead | Engine::DuckDb => "time_bucket(INTERVAL '10 minutes', captured)",
    };
    let told = |text: &str| {
        let text = calls(text, "LAST", |it| match engine {
            Engine::Longlead => format!("last({it}, captured)"),
            Engine::DuckDb => format!("arg_max({it}, captured)"),
            Engine::ClickHouse => format!("argMax({it}, captured)"),
        });
        let text = calls(&text, "DAY", |it| format!("date_trunc('day', {it})"));
        let text = calls(&text, "EPOCH", |it| match engine {
            Engine::Longlead => format!("date_part('epoch', {it})"),
            Engine::DuckDb => format!("epoch({it})"),
            Engine::ClickHouse => format!("toUnixTimestamp({it})"),
        });
        // ClickHouse gives 0 where there is no row before or after, unless a null can be given.
        let text = ["lag", "lead"].into_iter().fold(text, |text, name| match engine {
            Engine::ClickHouse => calls(&text, name, |it| format!("{name}(toNullable({it}))")),
            Engine::Longlead | Engine::DuckDb => text,
        });
        let text = text.replace("TEN AS", &format!("{ten} AS"));
        let text = text.replace("FROM1440'", &format!("{}'", at(1440)));
        let text = text.replace("FROM240'", &format!("{}'", at(240)));
        text.replace("FROM10'", &format!("{}'", at(10))).replace("'TO'", &format!("'{}'", at(0)))
    };
    QUESTIONS.iter().map(|(name, text)| (*name, told(text))).collect()
}

/// Puts something in the place of each `NAME(argument)`, where the argument has no brackets.
fn calls(text: &str, name: &str, write: impl Fn(&str) -> String) -> String {
    let mark = format!("{name}(");
    let mut told = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&mark) {
        let (argument, after) = after.split_once(')').unwrap_or((after, ""));
        told.push_str(before);
        told.push_str(&write(argument));
        rest = after;
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests {
    use super::{Engine, questions};

    #[test]
    fn nothing_of_the_template_is_left() {
        for engine in [Engine::Longlead, Engine::DuckDb, Engine::ClickHouse] {
            for (name, text) in questions(engine, 15_000) {
                for mark in ["LAST(", "DAY(", "EPOCH(", "TEN AS", "FROM10", "FROM2", "'TO'"] {
                    assert!(!text.contains(mark), "{name}: {text}");
                }
            }
        }
    }
}
