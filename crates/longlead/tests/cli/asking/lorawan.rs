//! Two weeks of 26 LoRaWAN devices as ChirpStack told of them. What is to be found is counted here
//! from the files themselves, by sets and not by the code that is tested.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use longlead_stream::quality::completeness_by_sequence;
use serde_json::Value as Json;

use super::{Asked, Receipts, by_first, shared, unpacked};

/// Streams with the fields that are asked for; whatever else comes is kept beside.
const STREAMS: &[(&str, &str)] = &[
    (
        "lorawan_uplink",
        r#"{ name = "f_port", kind = "integer" }, { name = "data", kind = "text" }"#,
    ),
    ("lorawan_reception", r#"{ name = "frame", kind = "integer" }, { name = "rssi" }"#),
    ("lorawan_status", r#"{ name = "battery_level", unit = "%" }"#),
    ("lorawan_join", r#"{ name = "dev_addr", kind = "text" }"#),
    ("lorawan_log", r#"{ name = "code", kind = "text" }"#),
    ("multitech_rbs301_temp_sensor", r#"{ name = "temperature", unit = "Cel" }"#),
    ("rbs305_ath", r#"{ name = "temperature", unit = "Cel" }"#),
    ("rbs301_dws", r#"{ name = "open", kind = "integer" }"#),
    ("em500_udl", r#"{ name = "distance", unit = "mm" }"#),
    ("dragino_dds75_lb_ultrasonic_distance_sensor", r#"{ name = "distance", unit = "mm" }"#),
    ("makerfabs_soil_moisture_sensor", r#"{ name = "temp", unit = "Cel" }"#),
    ("sw3_l", r#"{ name = "bat", unit = "V" }"#),
];

fn contracts() -> String {
    STREAMS.iter().fold(String::new(), |mut text, (stream, fields)| {
        let _ = write!(
            text,
            "[[contract]]\nid = \"{stream}\"\ntitle = \"{stream}\"\nunknown_fields = \"keep\"\n\
             fields = [{fields}]\n\n"
        );
        text
    })
}

/// What the files hold, counted by itself.
#[derive(Default)]
struct Counted {
    events: Vec<String>,
    /// Numbers of frames by device and address.
    frames: BTreeMap<String, BTreeMap<String, BTreeSet<u64>>>,
    uplinks: u64,
    repeated: u64,
    /// Readings of codecs, each frame once.
    objects: u64,
    others: u64,
    two_gateways: u64,
}

fn counted(folder: &Path) -> Counted {
    let mut counted = Counted::default();
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "gz"));
    files.sort();
    for path in files {
        for line in unpacked(&path).lines() {
            let event: Json = serde_json::from_str(line).unwrap();
            counted.events.push(line.to_owned());
            let Some(frame) = event["fCnt"].as_u64() else {
                counted.others += 1;
                continue;
            };
            counted.uplinks += 1;
            let heard: BTreeSet<&str> =
                event["rxInfo"].as_array().map_or_else(BTreeSet::new, |it| {
                    it.iter().filter_map(|it| it["gatewayId"].as_str()).collect()
                });
            counted.two_gateways += u64::from(heard.len() > 1);
            let text = |it: &Json| it.as_str().unwrap().to_owned();
            let device = text(&event["deviceInfo"]["devEui"]);
            let sessions = counted.frames.entry(device).or_default();
            let is_new = sessions.entry(text(&event["devAddr"])).or_default().insert(frame);
            counted.repeated += u64::from(!is_new);
            let has_object = event["object"].as_object().is_some_and(|it| !it.is_empty());
            counted.objects += u64::from(is_new && has_object);
        }
    }
    counted
}

#[test]
fn two_weeks_of_lorawan_tell_their_duplicates_resets_and_completeness() {
    let Some(folder) = shared("lorawan-chirpstack") else { return };
    let counted = counted(&folder);
    assert_eq!((counted.events.len(), counted.uplinks, counted.repeated), (14_207, 14_015, 11));
    let asked = Asked::start(&contracts(), &[]);
    let mut receipts = Receipts::default();
    for part in counted.events.chunks(500) {
        let body = format!("[{}]", part.join(","));
        let (status, told) = asked.send("/ingest/v1/chirpstack", "application/json", body);
        assert_eq!(status, 200, "{told}");
        receipts.add(&told);
    }
    // A frame that a device sent twice is once a frame, once a reading of its codec, and twice a
    // reception.
    let frames = counted.uplinks - counted.repeated;
    let rows = frames + counted.objects + counted.uplinks + counted.others;
    let duplicates = 2 * counted.repeated;
    let why = "SELECT stream, reason, count(*), max(detail) FROM quarantine GROUP BY 1, 2";
    assert_eq!(asked.ask(why), Vec::<Vec<String>>::new());
    assert_eq!(receipts, Receipts { rows, duplicates, quarantined: 0 });
    assert_eq!(asked.count("SELECT count(*) FROM lorawan_reception"), counted.uplinks);
    sent_again_nothing_is_new(&asked, &counted);
    completeness_agrees(&asked, &counted);
    resets_agree(&asked, &counted);
    println!("{} uplinks were heard by two gateways or more", counted.two_gateways);
}

/// The network server sends an event again, and a device a frame, with another time.
fn sent_again_nothing_is_new(asked: &Asked, counted: &Counted) {
    let (status, told) = asked.send(
        "/ingest/v1/chirpstack",
        "application/json",
        format!("[{}]", counted.events[..300].join(",")),
    );
    let mut receipts = Receipts::default();
    receipts.add(&told);
    assert_eq!((status, receipts.rows, receipts.quarantined), (200, 0, 0), "{told}");
    let is_uplink = |it: &&String| it.contains("\"fCnt\":") && it.contains("\"rssi\":-");
    let frame = counted.events.iter().find(is_uplink).unwrap();
    let mut event: Json = serde_json::from_str(frame).unwrap();
    event["time"] = "2026-01-29T00:00:00.5Z".into();
    event["rxInfo"][0]["rssi"] = (-120).into();
    let (status, told) = asked.send("/ingest/v1/chirpstack", "application/json", event.to_string());
    let mut receipts = Receipts::default();
    receipts.add(&told);
    let has_object = event["object"].as_object().is_some_and(|it| !it.is_empty());
    let duplicates = 1 + u64::from(has_object);
    assert_eq!((status, receipts), (200, Receipts { rows: 1, duplicates, quarantined: 0 }));
}

fn completeness_agrees(asked: &Asked, counted: &Counted) {
    let told = by_first(&asked.ask(
        "WITH boots AS (SELECT device, boot, max(sequence) - min(sequence) + 1 AS due, \
           count(*) AS there FROM lorawan_uplink GROUP BY device, boot) \
         SELECT device, sum(due), sum(there) FROM boots GROUP BY device",
    ));
    let mut numbered: HashMap<String, Vec<(u64, u64)>> = HashMap::new();
    for row in asked.ask("SELECT device, boot, sequence FROM lorawan_uplink") {
        let number = |it: &str| it.parse::<u64>().unwrap();
        numbered.entry(row[0].clone()).or_default().push((number(&row[1]), number(&row[2])));
    }
    assert_eq!(told.len(), counted.frames.len());
    for (device, sessions) in &counted.frames {
        let due: u64 =
            sessions.values().map(|it| it.last().unwrap() - it.first().unwrap() + 1).sum();
        let there: u64 = sessions.values().map(|it| it.len() as u64).sum();
        assert_eq!(told[device], [due.to_string(), there.to_string()], "{device}");
        let found = completeness_by_sequence(&numbered[device]);
        assert_eq!((found.expected, found.received, found.extra), (due, there, 0), "{device}");
    }
}

/// A counter starts again with each join, and the address says so.
fn resets_agree(asked: &Asked, counted: &Counted) {
    let told = asked.count(
        "SELECT sum(boots) - count(*) FROM \
         (SELECT device, count(DISTINCT boot) AS boots FROM lorawan_uplink GROUP BY device)",
    );
    let resets: usize = counted.frames.values().map(|sessions| sessions.len() - 1).sum();
    assert_eq!((told, resets), (resets as u64, 5));
}
