//! How fast readings are judged: batches of 5,000 readings of five fields, as a front door decodes
//! them. `cargo bench -p longlead-stream`. It prints figures and fails on none.

use std::hint::black_box;
use std::time::Instant;

use longlead_model::{Bundle, Source};
use longlead_stream::{Arrival, Batch, Captured, Contracts, Head, Plausible, Sender, Value, judge};

const READINGS: usize = 5_000;
const DEVICES: usize = 100;
const ROUNDS: usize = 200;

const CONTRACTS: &str = r#"
[[contract]]
id = "readings"
title = "Readings of trucks"
fields = [
    { name = "latitude", unit = "deg", low = -90, high = 90, required = true },
    { name = "longitude", unit = "deg", low = -180, high = 180, required = true },
    { name = "velocity", unit = "m/s", low = 0 },
    { name = "fuel", low = 0, high = 1 },
    { name = "uptime", kind = "counter", unit = "s" },
]

[[contract]]
id = "tagged"
title = "The same, told by tags"
device_from = "name"
fields = [
    { name = "fleet", kind = "text" },
    { name = "latitude", unit = "deg" },
    { name = "longitude", unit = "deg" },
    { name = "velocity", unit = "m/s" },
]
"#;

/// What a batch is made of.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Five numbers, devices by name, a sequence.
    Plain,
    /// As plain, with a unit told for each value, two of which are converted.
    Units,
    /// Two texts, one of which names the device, and three numbers.
    Tags,
}

fn batch(shape: Shape) -> Batch {
    let mut batch = Batch::default();
    let names = ["latitude", "longitude", "velocity", "fuel", "uptime", "name", "fleet"];
    let [latitude, longitude, velocity, fuel, uptime, name, fleet] =
        names.map(|name| batch.name(name));
    let units = ["deg", "deg", "km/h", "%", "min"].map(|unit| batch.name(unit));
    let stream = batch.name(if matches!(shape, Shape::Tags) { "tagged" } else { "readings" });
    let devices: Vec<String> = (0..DEVICES).map(|it| format!("truck_{it}")).collect();
    for number in 0..READINGS {
        let device = &devices[number % DEVICES];
        let at = 1_767_225_600_000_000 + number as i64 * 1_000_000;
        let value = number as f64;
        let numbers = [
            (latitude, Value::Float(value % 90.0)),
            (longitude, Value::Float(-(value % 180.0))),
            (velocity, Value::Float(value % 33.0)),
            (fuel, Value::Float(value % 0.99)),
            (uptime, Value::Integer(number as i64)),
        ];
        let mut head = Head { captured: Captured::At(at), ..Head::of(stream) };
        if matches!(shape, Shape::Tags) {
            let texts = [(name, batch.keep(device)), (fleet, batch.keep("South"))];
            let texts = texts.map(|(name, text)| (name, Value::Text(text), None));
            let numbers = numbers.into_iter().take(3).map(|(name, value)| (name, value, None));
            batch.push(head, texts.into_iter().chain(numbers));
            continue;
        }
        head.device = Some(batch.name(device));
        head.sequence = Some(number as u64);
        let told = matches!(shape, Shape::Units);
        let unit = |place: usize| units.get(place).copied().filter(|_| told);
        let values = numbers.into_iter().enumerate();
        batch.push(head, values.map(|(place, (name, value))| (name, value, unit(place))));
    }
    batch
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn seconds(run: impl Fn()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn main() {
    let source = Source { name: "streams.toml".into(), text: CONTRACTS.into() };
    let (bundle, diagnostics) = Bundle::load(&[source]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let contracts = Contracts::of(&bundle.records, |_| 1);
    let arrival = Arrival {
        received: 1_767_312_000_000_000,
        sender: Sender::Trusted,
        format: "bench",
        plausible: Plausible::default(),
    };
    for shape in [Shape::Plain, Shape::Units, Shape::Tags] {
        let batch = batch(shape);
        let judged = judge(&contracts, &batch, &arrival);
        assert_eq!((judged.row_count(), judged.quarantined.len()), (READINGS, 0));
        let run = || drop(black_box(judge(&contracts, black_box(&batch), &arrival)));
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| seconds(run)).collect();
        times.sort_by(f64::total_cmp);
        let rate = |time: f64| READINGS as f64 / time / 1e6;
        let (best, median) = (rate(times[0]), rate(times[ROUNDS / 2]));
        println!("{shape:?}: {median:.1} M readings/s, at best {best:.1}");
    }
}
