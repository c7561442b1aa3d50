//! Payloads that nobody would write, from a seed: what the fuzz targets do for hours, for a second.

use longlead_stream::Batch;

use super::told;
use crate::decode::{Context, Limits, decode, decode_onto};
use crate::{Encoding, Format, unpack};

const FORMATS: [Format; 7] = [
    Format::Json,
    Format::JsonLines,
    Format::Cbor,
    Format::SenmlJson,
    Format::SenmlCbor,
    Format::LineProtocol,
    Format::ChirpStack,
];

/// Sound payloads, from which others are made.
const SOUND: [&[u8]; 10] = [
    br#"{"device":"CT-1","boot":3,"sequence":7,"time":1767225600,"temperature":4.5,"ok":true}"#,
    br#"[{"t":1},{"values":{"t":{"value":40.1,"unit":"[degF]"}},"age":12.5},{"a":{"b":[1,"x"]}}]"#,
    br#"{"boot":1,"readings":[{"seq":1,"t":1e300},{"seq":2,"t":-0.0}]}"#,
    b"{\"t\":1}\n{\"t\":\"\\u00e9\\ud83d\\ude00\"}\n\n{\"t\":null}",
    b"\xa3\x61t\xfb\x40\x12\0\0\0\0\0\0\x63seq\x1a\0\x01\0\0\x61x\x82\xf5\xf9\x7e\0",
    br#"[{"bn":"CT-1/climate/","bt":1767225600,"bu":"Cel","n":"t","v":4.5},{"n":"h","u":"%RH","v":61}]"#,
    b"\x82\xa3\x21\x65CT-1/\x22\x1a\x69\x55\xb9\x00\0\x61t\xa2\0\x61h\x02\x18\x3d",
    b"climate,device=CT-1,site=a\\ b t=4.5,n=3i,s=\"x \\\" y\",ok=t 1767225600000000000\n# no\nx y=1",
    br#"{"deduplicationId":"1","time":"2026-01-14T18:59:53Z","deviceInfo":{"devEui":"a1"},"fCnt":5,"object":{"t":1}}"#,
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56\x2a\x51\xb2\x32\xac\x05\0\x8e\x6c\x4d\x1d\x07\0\0\0",
];

/// Numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((it ^ (it >> 31)) % end.max(1) as u64) as usize
    }

    /// A sound payload, changed in a few places, or bytes that are nothing.
    fn payload(&mut self) -> Vec<u8> {
        if self.below(8) == 0 {
            let length = self.below(200);
            return (0..length).map(|_| self.below(256) as u8).collect();
        }
        let mut bytes = SOUND[self.below(SOUND.len())].to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.below(256) as u8),
                2 => bytes.insert(at, b"{}[]\",:=\\\n 0-e.\xff"[self.below(16)]),
                3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                4 => {
                    let part = SOUND[self.below(SOUND.len())];
                    let end = self.below(part.len());
                    bytes.splice(at..at, part[..end].iter().copied());
                }
                _ => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
        bytes
    }
}

#[test]
fn any_bytes_in_any_format_end_in_readings_or_reasons_within_the_bounds() {
    let limits = Limits { readings: 20, refused: 5, payload_bytes: 4096, ..Limits::default() };
    let mut dice = Dice(1);
    let (mut readings, mut refused) = (0, 0);
    for round in 0..30_000 {
        let bytes = dice.payload();
        let unpacked = unpack(&bytes, Encoding::sniff(&bytes), limits.payload_bytes);
        let payload = unpacked.map_or_else(|_| bytes.clone(), std::borrow::Cow::into_owned);
        let format = match dice.below(3) {
            0 => Format::sniff(&payload),
            _ => FORMATS[dice.below(FORMATS.len())],
        };
        let context = Context { stream: Some("s"), limits, ..Context::default() };
        let batch = decode(format, &payload, &context);
        assert!(batch.readings().len() <= limits.readings, "{round}");
        // One more for what is left when there are too many.
        assert!(batch.refused().len() <= limits.refused + 1, "{round}");
        for reading in batch.readings() {
            // Of an uplink of LoRaWAN, that it came is enough.
            let may_be_empty = batch.text(reading.head.stream) == "lorawan_uplink";
            assert!(may_be_empty || !reading.values.is_empty(), "{round}: {format:?}");
            assert!(reading.values.len() <= limits.fields, "{round}");
            assert!(!batch.text(reading.head.stream).is_empty(), "{round}");
        }
        readings += batch.readings().len();
        refused += batch.refused().len();
    }
    assert!(readings > 1_000 && refused > 10_000, "{readings} {refused}");
}

#[test]
fn a_payload_says_the_same_alone_and_after_others() {
    let limits = Limits { readings: 20, refused: 5, ..Limits::default() };
    let mut dice = Dice(2);
    for round in 0..3_000 {
        let (mut alone, mut together) = (String::new(), Batch::default());
        for _ in 0..4 {
            let (format, payload) = (FORMATS[dice.below(FORMATS.len())], dice.payload());
            let context = Context { stream: Some("s"), limits, ..Context::default() };
            alone.push_str(&told(&decode(format, &payload, &context)));
            together = decode_onto(together, format, &payload, &context);
        }
        // Readings come before what is refused, so the order differs and the lines don't.
        let together = told(&together);
        let sorted = |told: &str| {
            let mut lines: Vec<String> = told.split('\n').map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(sorted(&together), sorted(&alone), "{round}");
    }
}
