//! Weeks at once.

use std::collections::BTreeMap;

use longlead_simfleet::{Fleet, History, ParcelSize, Stream};

use super::{day, fleet};

fn packed(fleet: &Fleet, size: ParcelSize) -> BTreeMap<Stream, Vec<serde_json::Value>> {
    let mut packed: BTreeMap<Stream, Vec<serde_json::Value>> = BTreeMap::new();
    for parcel in History::of(fleet.run(day(70), day(73)), size) {
        let readings: Vec<serde_json::Value> = serde_json::from_slice(&parcel.payload).unwrap();
        assert_eq!(readings.len(), parcel.readings);
        assert!(readings.len() <= size.readings);
        packed.entry(parcel.stream).or_default().extend(readings);
    }
    packed
}

#[test]
fn parcels_hold_what_the_run_sends_in_its_order() {
    let fleet = fleet(41, 60);
    let mut expected: BTreeMap<Stream, Vec<serde_json::Value>> = BTreeMap::new();
    for sending in fleet.run(day(70), day(73)) {
        let reading = serde_json::from_slice(&sending.payload).unwrap();
        expected.entry(sending.key.stream).or_default().push(reading);
    }
    for readings in [1, 100, 1_000_000] {
        let size = ParcelSize { readings, ..ParcelSize::default() };
        assert!(packed(&fleet, size) == expected, "{readings}");
    }
}
