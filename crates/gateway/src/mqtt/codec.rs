//! Packets of MQTT 3.1.1 and 5, as a server reads and writes them.

mod properties;
mod read;
mod write;

pub(super) use properties::Properties;
pub(super) use read::Decoder;
pub(super) use write::{ack, connack, disconnect, pingresp, publish, suback, unsuback};

/// Which of the two protocols a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V311,
    V5,
}

/// How surely a message is delivered.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[expect(clippy::enum_variant_names, reason = "the standard names them so")]
pub(super) enum Qos {
    #[default]
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

impl Qos {
    pub(super) fn of(bits: u8) -> Option<Qos> {
        match bits {
            0 => Some(Qos::AtMostOnce),
            1 => Some(Qos::AtLeastOnce),
            2 => Some(Qos::ExactlyOnce),
            _ => None,
        }
    }

    pub(super) fn bits(self) -> u8 {
        match self {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => 1,
            Qos::ExactlyOnce => 2,
        }
    }
}

/// Reason codes of MQTT 5 that are used here (table 2-6).
pub(super) mod reason {
    pub(in crate::mqtt) const SUCCESS: u8 = 0x00;
    pub(in crate::mqtt) const WITH_WILL: u8 = 0x04;
    pub(in crate::mqtt) const NO_SUBSCRIBERS: u8 = 0x10;
    pub(in crate::mqtt) const NO_SUBSCRIPTION: u8 = 0x11;
    pub(in crate::mqtt) const UNSPECIFIED: u8 = 0x80;
    pub(in crate::mqtt) const MALFORMED: u8 = 0x81;
    pub(in crate::mqtt) const PROTOCOL: u8 = 0x82;
    pub(in crate::mqtt) const UNSUPPORTED_VERSION: u8 = 0x84;
    pub(in crate::mqtt) const CLIENT_ID: u8 = 0x85;
    pub(in crate::mqtt) const NOT_AUTHORISED: u8 = 0x87;
    pub(in crate::mqtt) const CLOSING: u8 = 0x8b;
    pub(in crate::mqtt) const AUTH_METHOD: u8 = 0x8c;
    pub(in crate::mqtt) const KEEP_ALIVE: u8 = 0x8d;
    pub(in crate::mqtt) const TAKEN_OVER: u8 = 0x8e;
    pub(in crate::mqtt) const FILTER: u8 = 0x8f;
    pub(in crate::mqtt) const TOPIC: u8 = 0x90;
    pub(in crate::mqtt) const UNKNOWN_PACKET_ID: u8 = 0x92;
    pub(in crate::mqtt) const RECEIVE_MAXIMUM: u8 = 0x93;
    pub(in crate::mqtt) const TOPIC_ALIAS: u8 = 0x94;
    pub(in crate::mqtt) const PACKET_TOO_LARGE: u8 = 0x95;
    pub(in crate::mqtt) const QUOTA: u8 = 0x97;
    pub(in crate::mqtt) const ADMINISTRATIVE: u8 = 0x98;
    pub(in crate::mqtt) const PAYLOAD_FORMAT: u8 = 0x99;
    pub(in crate::mqtt) const RETAIN: u8 = 0x9a;
    pub(in crate::mqtt) const QOS: u8 = 0x9b;
}

/// Why a connection can't go on: the reason code with which it ends, and what is wrong in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub(super) u8, pub(super) &'static str);

/// A packet that a client sends.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most packets are publishes; a box each would be slower"
)]
pub(super) enum Packet {
    Connect(Box<Connect>),
    Publish(Publish),
    Puback { id: u16, reason: u8 },
    Pubrec { id: u16, reason: u8 },
    Pubrel { id: u16 },
    Pubcomp { id: u16 },
    Subscribe { id: u16, subscription: Option<u32>, filters: Vec<(String, Wish)> },
    Unsubscribe { id: u16, filters: Vec<String> },
    Pingreq,
    Disconnect { reason: u8, expiry: Option<u32> },
}

/// The first packet of a connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Connect {
    pub(super) version: Version,
    pub(super) client: String,
    pub(super) is_clean: bool,
    pub(super) keep_alive_seconds: u16,
    pub(super) will: Option<(Publish, u32)>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) properties: Properties,
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Publish {
    pub(super) is_dup: bool,
    pub(super) qos: Qos,
    pub(super) is_retained: bool,
    pub(super) topic: String,
    /// 0 where the quality of service needs none.
    pub(super) id: u16,
    pub(super) properties: Properties,
    pub(super) payload: Vec<u8>,
}

/// How a client wants what a filter matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Wish {
    pub(super) qos: Qos,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) retain_handling: u8,
}
