//! What is in the payloads.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use longlead_simfleet::{Sending, Stream};
use serde_json::Value;

use super::{day, fleet};

const CONTRACTS: &str = include_str!("../../../../examples/coldtrack/software/streams.toml");

/// The part of the sample's contracts that is about a stream.
fn contract(stream: Stream) -> &'static str {
    let id = format!("id = \"{}\"", stream.as_str());
    let mut parts = CONTRACTS.split("[[contract]]");
    parts.find(|part| part.contains(&id)).expect("the sample has a contract for it")
}

fn json(sending: &Sending) -> serde_json::Map<String, Value> {
    serde_json::from_slice(&sending.payload).expect("payloads are JSON objects")
}

/// `low` and `high` of a field, where its line tells them.
fn bounds(line: &str) -> Option<(f64, f64)> {
    let number = |name: &str| {
        let (_, rest) = line.split_once(&format!(" {name} = "))?;
        rest.split([',', ' ']).next()?.parse::<f64>().ok()
    };
    Some((number("low")?, number("high")?))
}

#[test]
fn payloads_keep_to_the_contracts_of_the_sample() {
    let mut seen = BTreeSet::new();
    for sending in fleet(11, 300).run(day(70), day(71)) {
        let contract = contract(sending.key.stream);
        for (name, value) in json(&sending) {
            if ["device", "boot", "sequence", "captured"].contains(&name.as_str()) {
                continue;
            }
            let quoted = format!("\"{name}\"");
            let line = contract.lines().find(|line| line.contains(&quoted));
            let line = line.unwrap_or_else(|| panic!("{name} is no field: {sending:?}"));
            if let (Some((low, high)), Some(number)) = (bounds(line), value.as_f64()) {
                assert!((low..=high).contains(&number), "{name} = {number}: {line}");
            }
            seen.insert((sending.key.stream, name));
        }
    }
    let streams: BTreeSet<Stream> = seen.iter().map(|(stream, _)| *stream).collect();
    assert_eq!(streams, Stream::ALL.into_iter().collect(), "{seen:?}");
}

#[test]
fn a_payload_tells_who_it_is_of() {
    for sending in fleet(12, 20).run(day(70), day(71)) {
        let json = json(&sending);
        assert_eq!(json["device"], *sending.key.device);
        assert_eq!(json["boot"], sending.key.boot);
        assert_eq!(json["sequence"], sending.key.sequence);
    }
}

#[test]
fn clocks_are_good_but_for_a_few_that_lost_the_date_or_stepped_back() {
    let (mut good, mut unset, mut behind) = (0, 0, 0);
    for sending in fleet(13, 300).run(day(60), day(65)) {
        let captured = json(&sending)["captured"].as_str().unwrap().to_owned();
        let captured: Timestamp = captured.parse().unwrap();
        match sending.taken.duration_since(captured).as_secs() {
            -120..=120 => good += 1,
            3000..=4200 => behind += 1,
            off => {
                assert!(captured.as_second() < 400 * 86_400, "{off} {sending:?}");
                unset += 1;
            }
        }
    }
    assert!(good > 100 * (unset + behind) && unset > 0 && behind > 0, "{good} {unset} {behind}");
}

/// The temperatures of each device over a day.
fn temperatures() -> BTreeMap<String, Vec<f64>> {
    let mut temperatures: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for sending in fleet(14, 300).run(day(70), day(72)).filter(|it| it.attempt == 1) {
        if let Some(temperature) = json(&sending).get("temperature").and_then(Value::as_f64) {
            temperatures.entry(sending.key.device.to_string()).or_default().push(temperature);
        }
    }
    temperatures.retain(|_, list| list.len() > 60);
    temperatures
}

#[test]
fn goods_are_frozen_chilled_or_temperate_and_some_sensors_stick() {
    let (mut stuck, mut kinds) = (0, [0; 3]);
    let temperatures = temperatures();
    for list in temperatures.values() {
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        let kind = [(-26.0, -8.0), (-2.0, 11.0), (12.0, 25.0)];
        if let Some(place) = kind.iter().position(|(low, high)| (*low..*high).contains(&mean)) {
            kinds[place] += 1;
        }
        stuck += usize::from(list.iter().all(|it| *it == list[0]));
    }
    assert!(kinds.iter().all(|count| *count > 10), "{kinds:?}");
    assert!(kinds.iter().sum::<usize>() * 10 > temperatures.len() * 9, "{kinds:?}");
    assert!(0 < stuck && stuck * 20 < temperatures.len(), "{stuck}");
}

#[test]
fn doors_open_and_close_in_turn() {
    let mut doors: BTreeMap<(String, u64, u64), bool> = BTreeMap::new();
    for sending in fleet(15, 300).run(day(60), day(66)) {
        if sending.key.stream == Stream::Door {
            let is_open = json(&sending)["open"].as_bool().unwrap();
            let key = (sending.key.device.to_string(), sending.key.boot, sending.key.sequence);
            doors.insert(key, is_open);
        }
    }
    let mut pairs = 0;
    for ((device, boot, sequence), is_open) in &doors {
        if let Some(next) = doors.get(&(device.clone(), *boot, sequence + 1)) {
            assert_ne!(is_open, next, "{device} {boot} {sequence}");
            pairs += 1;
        }
    }
    assert!(pairs > 50, "{pairs}");
}
