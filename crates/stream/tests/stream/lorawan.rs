//! 26 LoRaWAN devices as ChirpStack saw them, in January 2026. The figures were counted by a Python
//! script that groups uplinks by devEUI and device address (a join gives a new address and starts
//! the frame counter again), sums highest − lowest + 1 of each group, and counts distinct numbers
//! with sets.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use longlead_stream::quality::{Basis, completeness_by_sequence, counter_resets, split_boots};
use serde_json::Value as Json;

use crate::{micros, shared};

/// An uplink: when the network server had it, the session and the frame counter.
struct Uplink {
    time: i64,
    session: String,
    frame: u64,
}

/// devEUI, uplinks, frames due, frames there, repeated frames, sessions.
const COUNTED: [(&str, u64, u64, u64, u64, u64); 25] = [
    ("24e124713d392240", 511, 995, 511, 0, 1),
    ("48e663fffe3000dd", 84, 148, 81, 3, 1),
    ("48e663fffe3000df", 53, 144, 52, 1, 1),
    ("48e663fffe3000e0", 69, 146, 67, 2, 1),
    ("48e663fffe3000e3", 89, 150, 84, 5, 2),
    ("7894e80000027a0a", 194, 359, 194, 0, 1),
    ("7894e80000027af8", 128, 248, 128, 0, 2),
    ("7894e80000027b84", 167, 355, 167, 0, 4),
    ("7894e80000054e0a", 758, 1406, 758, 0, 1),
    ("7894e80000054e0b", 695, 1376, 695, 0, 1),
    ("7894e80000054e0c", 8640, 17481, 8640, 0, 1),
    ("7894e80000054e0e", 131, 264, 131, 0, 1),
    ("7894e80000054e0f", 772, 1557, 772, 0, 1),
    ("7894e800000551ff", 26, 54, 26, 0, 1),
    ("7894e80000055201", 26, 43, 26, 0, 1),
    ("7894e80000055203", 25, 52, 25, 0, 1),
    ("7894e80000055209", 13, 39, 13, 0, 1),
    ("7894e8000005520b", 22, 41, 22, 0, 1),
    ("7894e8000005520d", 22, 52, 22, 0, 1),
    ("7894e8000005874b", 357, 675, 357, 0, 1),
    ("7894e8000005874f", 309, 632, 309, 0, 1),
    ("7894e80000058754", 96, 189, 96, 0, 1),
    ("7894e80100002501", 329, 653, 329, 0, 1),
    ("a8404109a18870eb", 14, 26, 14, 0, 1),
    ("a84041bbbf5946fc", 485, 992, 485, 0, 1),
];

fn uplinks(folder: &Path) -> (usize, BTreeMap<String, Vec<Uplink>>) {
    let mut events = 0;
    let mut devices: BTreeMap<String, Vec<Uplink>> = BTreeMap::new();
    for entry in folder.read_dir().expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "gz") {
            continue;
        }
        let mut text = String::new();
        let file = open(&path);
        GzDecoder::new(file).read_to_string(&mut text).expect("gzip of UTF-8");
        for line in text.lines() {
            events += 1;
            let event: Json = serde_json::from_str(line).expect("JSON");
            let Some(frame) = event["fCnt"].as_u64() else { continue };
            let of = |json: &Json| json.as_str().unwrap_or_default().to_owned();
            let uplink =
                Uplink { time: micros(&of(&event["time"])), session: of(&event["devAddr"]), frame };
            devices.entry(of(&event["deviceInfo"]["devEui"])).or_default().push(uplink);
        }
    }
    for uplinks in devices.values_mut() {
        uplinks.sort_by_key(|uplink| uplink.time);
    }
    (events, devices)
}

#[expect(clippy::disallowed_methods, reason = "a test reads its data")]
fn open(path: &Path) -> std::fs::File {
    std::fs::File::open(path).expect("the file can be read")
}

#[test]
fn half_of_the_frames_are_missing_and_repeated_ones_are_told() {
    let Some(folder) = shared("lorawan-chirpstack") else { return };
    let (events, devices) = uplinks(&folder);
    assert_eq!((events, devices.len()), (14_207, 25), "the 26th device sent no frame");
    let (mut due, mut there) = (0, 0);
    for ((device, uplinks), counted) in devices.iter().zip(COUNTED) {
        let mut sessions: Vec<&str> = uplinks.iter().map(|it| it.session.as_str()).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let boot = |session: &str| sessions.iter().position(|it| *it == session).unwrap() as u64;
        let numbered: Vec<(u64, u64)> =
            uplinks.iter().map(|it| (boot(&it.session), it.frame)).collect();
        let found = completeness_by_sequence(&numbered);
        assert_eq!(found.basis, Basis::Sequence);
        let told = (
            device.as_str(),
            uplinks.len() as u64,
            found.expected,
            found.received,
            found.extra,
            sessions.len() as u64,
        );
        assert_eq!(told, counted);
        due += found.expected;
        there += found.received;
    }
    assert_eq!((due, there), (28_077, 14_004));
}

#[test]
fn frame_counters_that_start_again_tell_the_joins_without_their_addresses() {
    let Some(folder) = shared("lorawan-chirpstack") else { return };
    let (_, devices) = uplinks(&folder);
    let mut resets = 0;
    for (uplinks, counted) in devices.values().zip(COUNTED) {
        let frames: Vec<u64> = uplinks.iter().map(|it| it.frame).collect();
        let boots = split_boots(&frames, 16);
        assert_eq!(boots.last().map(|last| last + 1), Some(counted.5), "{}", counted.0);
        let numbered: Vec<(u64, u64)> = boots.into_iter().zip(frames).collect();
        assert_eq!(completeness_by_sequence(&numbered).expected, counted.2);
        let counts: Vec<(i64, i64)> = uplinks.iter().map(|it| (it.time, it.frame as i64)).collect();
        resets += counter_resets(&counts).len();
    }
    assert_eq!(resets, 5);
}
