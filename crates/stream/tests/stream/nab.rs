//! Series with known causes of the Numenta anomaly benchmark. The figures were counted by a Python
//! script: differences of neighbouring times, in the order of the file for clocks, sorted for gaps.

use std::path::Path;

use longlead_stream::quality::{
    Stuck, clock_steps_back, completeness_by_cadence, gaps, stuck_runs,
};

use crate::{micros, shared};

const MINUTE: i64 = 60_000_000;

#[expect(clippy::disallowed_methods, reason = "a test reads its data")]
fn series(folder: &Path, name: &str) -> (Vec<i64>, Vec<f64>) {
    let text = std::fs::read_to_string(folder.join("realKnownCause").join(name)).expect("the file");
    let rows = text.lines().skip(1).map(|line| line.split_once(',').expect("two columns"));
    rows.map(|(time, value)| (micros(time), value.parse::<f64>().expect("a number"))).unzip()
}

#[test]
fn a_clock_that_steps_back_is_told_with_place_and_span() {
    let Some(folder) = shared("nab") else { return };
    let (times, _) = series(&folder, "machine_temperature_system_failure.csv");
    let steps = clock_steps_back(&times);
    assert_eq!(steps.len(), 1);
    assert_eq!((steps[0].at, steps[0].by()), (10_149, 55 * MINUTE));
    assert_eq!(steps[0].from, micros("2014-01-07 02:55:00"));
    // After the step, twelve times were told twice.
    let window = times[0]..times[times.len() - 1] + 1;
    let found = completeness_by_cadence(&times, window, 5 * MINUTE).unwrap();
    assert_eq!((found.missing(), found.extra), (0, 12));
    let (times, _) = series(&folder, "nyc_taxi.csv");
    assert_eq!(clock_steps_back(&times), []);
}

#[test]
fn gaps_and_what_is_missing_in_them_are_told() {
    let Some(folder) = shared("nab") else { return };
    for (name, cadence, count, longest, missing) in [
        ("ambient_temperature_system_failure.csv", 60, 10, 10_440, 621),
        ("rogue_agent_key_hold.csv", 5, 91, 2_735, 3_456),
        ("rogue_agent_key_updown.csv", 5, 10, 50, 23),
        ("ec2_request_latency_system_failure.csv", 5, 2, 64, 13),
        ("cpu_utilization_asg_misconfiguration.csv", 5, 0, 0, 0),
        ("nyc_taxi.csv", 30, 0, 0, 0),
    ] {
        let (times, _) = series(&folder, name);
        let found = gaps(&times, cadence * MINUTE, 1.5);
        let told = found.iter().map(|gap| (gap.to - gap.from) / MINUTE).max().unwrap_or(0);
        assert_eq!((found.len(), told), (count, longest), "{name}");
        assert_eq!(found.iter().map(|gap| gap.missing).sum::<u64>(), missing, "{name}");
        let window = times[0]..times[times.len() - 1] + 1;
        let complete = completeness_by_cadence(&times, window, cadence * MINUTE).unwrap();
        assert_eq!(complete.missing(), missing, "{name}");
    }
}

#[test]
fn a_healthy_sensor_is_not_told_to_stick() {
    let Some(folder) = shared("nab") else { return };
    for name in ["machine_temperature_system_failure.csv", "nyc_taxi.csv"] {
        let (_, values) = series(&folder, name);
        assert_eq!(stuck_runs(&values), Stuck::Runs(Vec::new()), "{name}");
    }
}
