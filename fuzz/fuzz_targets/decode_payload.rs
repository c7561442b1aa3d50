//! Any bytes, in any format, end in readings or reasons; what is taken as text is UTF-8 and within
//! the bounds, and reading a payload twice gives the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use longlead_gateway::{Context, Encoding, Format, Limits, decode, unpack};

const FORMATS: [Format; 7] = [
    Format::Json,
    Format::JsonLines,
    Format::Cbor,
    Format::SenmlJson,
    Format::SenmlCbor,
    Format::LineProtocol,
    Format::ChirpStack,
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, payload) = input;
    let limits = Limits { readings: 1000, refused: 100, payload_bytes: 1 << 20, ..Limits::default() };
    let Ok(payload) = unpack(payload, Encoding::sniff(payload), limits.payload_bytes) else { return };
    let format = match FORMATS.get(usize::from(choice)) {
        Some(format) => *format,
        None => Format::sniff(&payload),
    };
    let context = Context { stream: Some("s"), limits, ..Context::default() };
    let batch = decode(format, &payload, &context);
    assert!(batch.readings().len() <= limits.readings);
    // One more for what is left when there are too many.
    assert!(batch.refused().len() <= limits.refused + 1);
    for reading in batch.readings() {
        // Of an uplink of LoRaWAN, that it came is enough.
        let may_be_empty = batch.text(reading.head.stream) == "lorawan_uplink";
        assert!(may_be_empty || !reading.values.is_empty());
        assert!(reading.values.len() <= limits.fields);
        assert!(!batch.text(reading.head.stream).is_empty());
    }
    let again = decode(format, &payload, &context);
    assert_eq!(batch.refused(), again.refused());
    assert_eq!(batch.readings().len(), again.readings().len());
});
