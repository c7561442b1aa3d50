//! The decoders on real data, where `LONGLEAD_SHARED_DATA` tells its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use longlead_stream::{Captured, Value};

use crate::{Context, Encoding, Format, Precision, decode, unpack};

/// The folder of shared data, or a note that it is left out.
fn folder(name: &str) -> Option<PathBuf> {
    match std::env::var_os("LONGLEAD_SHARED_DATA") {
        Some(folder) => Some(PathBuf::from(folder).join("telemetry").join(name)),
        None => {
            println!("left out: LONGLEAD_SHARED_DATA tells no folder of shared data");
            None
        }
    }
}

fn unpacked(path: &std::path::Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    unpack(&packed, Encoding::sniff(&packed), 1 << 30).expect("the file is sound").into_owned()
}

/// The figures are those of `DATA.md`.
#[test]
fn a_day_of_ten_trucks_is_read_point_by_point() {
    let Some(folder) = folder("tsbs-iot") else { return };
    let payload = unpacked(&folder.join("iot-seed123-scale10-24h-10s.lp.gz"));
    let context = Context::default();
    let mut limits = context.limits;
    limits.payload_bytes = usize::MAX;
    let batch = decode(Format::LineProtocol, &payload, &Context { limits, ..context });
    assert_eq!(batch.readings().len(), 155_766);
    assert_eq!(batch.refused(), []);
    let (mut nameless, mut late) = (0, 0);
    // The latest time of each truck in each stream.
    let mut latest = BTreeMap::new();
    for reading in batch.readings() {
        let name = reading.values.iter().find(|it| batch.text(it.0) == "name").map(|it| it.1);
        nameless += usize::from(name.is_none());
        let truck = name.map(|name| match name {
            Value::Text(span) => batch.kept(span),
            _ => panic!("a tag is a text"),
        });
        let Captured::At(time) = reading.head.captured else { panic!("a point without a time") };
        let latest = latest.entry((reading.head.stream, truck)).or_insert(i64::MIN);
        late += usize::from(time < *latest);
        *latest = time.max(*latest);
    }
    assert_eq!((nameless, late), (181, 6_865));
}

#[test]
fn each_fixture_of_influxdb_is_read_whole() {
    let Some(folder) = folder("influx-lineproto") else { return };
    let files = [
        ("air_and_water.lp", Precision::Seconds),
        ("influxql_logs.lp", Precision::Nanoseconds),
        ("metrics.lp", Precision::Nanoseconds),
        ("prometheus.lp", Precision::Nanoseconds),
        ("temperature.lp", Precision::Seconds),
    ];
    for (file, precision) in files {
        let payload = unpacked(&folder.join(file));
        let text = String::from_utf8(payload.clone()).expect("UTF-8");
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let batch =
            decode(Format::LineProtocol, &payload, &Context { precision, ..Context::default() });
        assert_eq!(batch.refused(), [], "{file}");
        assert_eq!(batch.readings().len(), lines.count(), "{file}");
    }
}

/// 14,207 events: 14,015 uplinks, 13,658 of them with values that a codec made of them, 131 statuses, 46
/// joins and 15 logs, as counted by a script that looks at the keys of each line (347 uplinks
/// have an object without a member, 10 have none). Eleven uplinks have
/// the address and counter of another: the device sent them twice.
#[test]
fn two_weeks_of_lorawan_are_read_event_by_event() {
    let Some(folder) = folder("lorawan-chirpstack") else { return };
    let mut counts = BTreeMap::<String, usize>::new();
    let mut frames = BTreeSet::new();
    let mut events = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder is read").path();
        if path.extension().is_none_or(|it| it != "gz") {
            continue;
        }
        let payload = unpacked(&path);
        events += payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        let batch = decode(Format::ChirpStack, &payload, &Context::default());
        assert_eq!(batch.refused(), [], "{}", path.display());
        for reading in batch.readings() {
            let stream = batch.text(reading.head.stream);
            let kind = if stream.starts_with("lorawan_") { stream } else { "object" };
            *counts.entry(kind.to_owned()).or_default() += 1;
            if stream == "lorawan_uplink" {
                let device = batch.text(reading.head.device.expect("a device")).to_owned();
                frames.insert((device, reading.head.boot, reading.head.sequence));
            }
        }
    }
    assert_eq!(events, 14_207);
    let expected = [
        ("lorawan_join", 46),
        ("lorawan_log", 15),
        ("lorawan_reception", 14_015),
        ("lorawan_status", 131),
        ("lorawan_uplink", 14_015),
        ("object", 13_658),
    ];
    assert_eq!(counts, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!(frames.len(), 14_015 - 11);
}

/// Prints how fast the line protocol is read; `cargo test -p longlead-gateway rate -- --ignored
/// --nocapture` shows it.
#[test]
#[ignore = "it measures, and is to run alone"]
fn the_rate_of_the_line_protocol() {
    let Some(folder) = folder("tsbs-iot") else { return };
    let payload = unpacked(&folder.join("iot-seed123-scale10-24h-10s.lp.gz"));
    let context = Context::default();
    let mut limits = context.limits;
    limits.payload_bytes = usize::MAX;
    let mut best = f64::MAX;
    for _ in 0..7 {
        let start = std::time::Instant::now();
        let batch = decode(Format::LineProtocol, &payload, &Context { limits, ..context });
        best = best.min(start.elapsed().as_secs_f64());
        assert_eq!(batch.readings().len(), 155_766);
    }
    let megabytes = payload.len() as f64 / 1e6;
    println!("{megabytes:.1} MB of line protocol, {:.0} MB/s at best of 7", megabytes / best);
}
