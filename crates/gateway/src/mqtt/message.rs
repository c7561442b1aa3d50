//! Messages on their way between clients.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{Properties, Publish, Qos};

/// A message as it is routed and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) topic: String,
    #[serde(with = "as_base64")]
    pub(super) payload: Vec<u8>,
    pub(super) qos: Qos,
    pub(super) is_retained: bool,
    /// Microseconds since 1970 after which nobody wants it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) expires: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    payload_is_text: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    response_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    correlation: Option<Vec<u8>>,
    /// The number of the command that it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) command: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    user: Vec<(String, String)>,
}

const SECOND: i64 = 1_000_000;

impl Message {
    /// A message that came in at `now`.
    pub(super) fn of(publish: Publish, now: i64) -> Message {
        let properties = publish.properties;
        let lives = properties.message_expiry.map(|seconds| i64::from(seconds) * SECOND);
        Message {
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos,
            is_retained: publish.is_retained,
            expires: lives.map(|lives| now.saturating_add(lives)),
            payload_is_text: properties.payload_is_text,
            content_type: properties.content_type,
            response_topic: properties.response_topic,
            correlation: properties.correlation,
            user: properties.user,
            command: None,
        }
    }

    /// Whether nobody wants it any more.
    pub(super) fn has_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// The message as it is sent. The time that it has left is what is left now, in whole seconds
    /// upwards, so that it isn't told 0 while it lives.
    pub(super) fn publish(
        &self,
        qos: Qos,
        is_retained: bool,
        subscriptions: &[u32],
        now: i64,
    ) -> Publish {
        let left = self.expires.map(|expires| (expires - now).max(0));
        let left_seconds = left.map(|left| (left + SECOND - 1) / SECOND);
        let properties = Properties {
            payload_is_text: self.payload_is_text,
            message_expiry: left_seconds.map(|it| u32::try_from(it).unwrap_or(u32::MAX)),
            content_type: self.content_type.clone(),
            response_topic: self.response_topic.clone(),
            correlation: self.correlation.clone(),
            subscriptions: subscriptions.to_vec(),
            user: self.user.clone(),
            ..Properties::default()
        };
        let (topic, payload) = (self.topic.clone(), self.payload.clone());
        Publish { is_dup: false, qos, is_retained, topic, id: 0, properties, payload }
    }
}

mod as_base64 {
    use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
