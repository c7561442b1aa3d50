//! Which format a payload has, and how it is packed.

/// A format of payloads that [`crate::decode`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// An object, or a list of objects.
    Json,
    /// One object to a line.
    JsonLines,
    /// The shapes of [`Format::Json`] in CBOR (RFC 8949).
    Cbor,
    /// SenML in JSON (RFC 8428).
    SenmlJson,
    /// SenML in CBOR (RFC 8428).
    SenmlCbor,
    /// The line protocol of InfluxDB.
    LineProtocol,
    /// Events of ChirpStack v4, in the JSON of its HTTP and MQTT integrations: one, a list, or one
    /// to a line.
    ChirpStack,
}

/// Every format with its stable word and the content types that name it, the first being its own.
const FORMATS: [(Format, &str, &[&str]); 7] = [
    (Format::Json, "json", &["application/json", "text/json"]),
    (Format::JsonLines, "json-lines", &["application/x-ndjson", "application/jsonl"]),
    (Format::Cbor, "cbor", &["application/cbor"]),
    (Format::SenmlJson, "senml-json", &["application/senml+json", "application/sensml+json"]),
    (Format::SenmlCbor, "senml-cbor", &["application/senml+cbor", "application/sensml+cbor"]),
    (
        Format::LineProtocol,
        "line-protocol",
        &["application/vnd.influx.line-protocol", "text/plain"],
    ),
    (Format::ChirpStack, "chirpstack", &["application/vnd.chirpstack+json"]),
];

impl Format {
    /// Its stable word, as quarantine keeps it.
    pub fn as_str(self) -> &'static str {
        FORMATS.iter().find(|it| it.0 == self).map_or("", |it| it.1)
    }

    /// The format of a stable word.
    pub fn of_word(word: &str) -> Option<Format> {
        FORMATS.iter().find(|it| it.1 == word).map(|it| it.0)
    }

    /// The content type that names it.
    pub fn content_type(self) -> &'static str {
        FORMATS.iter().find(|it| it.0 == self).and_then(|it| it.2.first()).copied().unwrap_or("")
    }

    /// The format that a content type names; parameters such as `charset` are left aside.
    pub fn of_content_type(content_type: &str) -> Option<Format> {
        let essence = content_type.split(';').next().unwrap_or("").trim();
        let names = |it: &&(Format, &str, &[&str])| {
            it.2.iter().any(|name| name.eq_ignore_ascii_case(essence))
        };
        FORMATS.iter().find(names).map(|it| it.0)
    }

    /// The format that a topic tells by itself.
    pub fn of_topic(topic: &str) -> Option<Format> {
        let mut levels = topic.rsplit('/').skip(1);
        let is_chirpstack = levels.next() == Some("event")
            && levels.nth(1) == Some("device")
            && levels.nth(1) == Some("application");
        is_chirpstack.then_some(Format::ChirpStack)
    }

    /// The format that the first bytes tell, where nothing else does.
    pub fn sniff(payload: &[u8]) -> Format {
        let start = payload.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        let payload = payload.get(start..).unwrap_or(&[]);
        match payload.first() {
            Some(b'[') if is_senml_json(payload) => Format::SenmlJson,
            Some(b'{' | b'[') => Format::Json,
            // Majors 4 and 5, and tags: no line of the line protocol starts like that, unless its
            // measurement is no ASCII, and then its second byte continues a character.
            Some(0x80..=0xbf) => Format::Cbor,
            _ => Format::LineProtocol,
        }
    }
}

/// Whether the first record has a name or base name as SenML writes it.
fn is_senml_json(payload: &[u8]) -> bool {
    let start = payload.get(..payload.len().min(256)).unwrap_or(payload);
    let record = start.split(|byte| *byte == b'}').next().unwrap_or(&[]);
    let has = |label: &[u8]| memchr::memmem::find(record, label).is_some();
    has(b"\"bn\"") || has(b"\"n\"")
}

/// How a payload is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
}

impl Encoding {
    /// The encoding that an HTTP header names. `None`: one that isn't understood.
    pub fn of_header(value: &str) -> Option<Encoding> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Encoding::Identity),
            "gzip" | "x-gzip" => Some(Encoding::Gzip),
            "zstd" => Some(Encoding::Zstd),
            _ => None,
        }
    }

    /// The encoding that the first bytes tell. None of the formats starts like a packed payload.
    pub fn sniff(payload: &[u8]) -> Encoding {
        match payload {
            [0x1f, 0x8b, 0x08, ..] => Encoding::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Encoding::Zstd,
            _ => Encoding::Identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Format};

    #[test]
    fn a_content_type_names_a_format_whatever_its_case_and_parameters() {
        let cases = [
            ("application/json; charset=utf-8", Some(Format::Json)),
            ("Application/SenML+CBOR", Some(Format::SenmlCbor)),
            ("text/plain; charset=utf-8", Some(Format::LineProtocol)),
            ("application/xml", None),
        ];
        for (content_type, format) in cases {
            assert_eq!(Format::of_content_type(content_type), format, "{content_type}");
        }
    }

    #[test]
    fn a_format_is_found_again_by_its_word_and_its_content_type() {
        for (format, word, _) in super::FORMATS {
            assert_eq!(Format::of_word(word), Some(format));
            assert_eq!(Format::of_word(format.as_str()), Some(format));
            assert_eq!(Format::of_content_type(format.content_type()), Some(format));
        }
    }

    #[test]
    fn a_topic_of_chirpstack_tells_its_format() {
        let topic = "application/5fe1c19e/device/a8404109a18870eb/event/up";
        assert_eq!(Format::of_topic(topic), Some(Format::ChirpStack));
        assert_eq!(Format::of_topic(&format!("us915/{topic}")), Some(Format::ChirpStack));
        assert_eq!(Format::of_topic("t/CT-17/climate"), None);
        assert_eq!(Format::of_topic("device/event/up"), None);
    }

    #[test]
    fn the_first_bytes_tell_a_format_where_nothing_else_does() {
        let cases: [(&[u8], Format); 6] = [
            (br#"  {"temperature":4}"#, Format::Json),
            (br#"[{"temperature":4}]"#, Format::Json),
            (br#"[{"bn":"urn:dev:ow:1:","n":"t","v":4}]"#, Format::SenmlJson),
            (&[0xa1, 0x61, b't', 0x04], Format::Cbor),
            (b"climate t=4", Format::LineProtocol),
            (b"", Format::LineProtocol),
        ];
        for (payload, format) in cases {
            assert_eq!(Format::sniff(payload), format, "{payload:?}");
        }
        assert_eq!(Encoding::sniff(&[0x1f, 0x8b, 0x08, 0]), Encoding::Gzip);
        assert_eq!(Encoding::sniff(b"climate"), Encoding::Identity);
        assert_eq!(Encoding::of_header("GZIP"), Some(Encoding::Gzip));
        assert_eq!(Encoding::of_header("br"), None);
    }
}
