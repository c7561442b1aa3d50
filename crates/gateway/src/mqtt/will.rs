//! What is to be told when a client is lost. It outlives the server: a connection that the server's
//! end cut is mourned once there is a server again (section 3.1.2.5 allows that).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec::Publish;
use super::message::Message;

/// A will.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Will {
    message: Message,
    /// How long anyone wants it, from when it is sent on.
    expiry_seconds: Option<u32>,
    /// How long after its client was lost it is sent.
    pub(super) delay_seconds: u32,
    /// When it is to be sent, in microseconds since 1970; none while its client is connected.
    pub(super) due: Option<i64>,
    /// Since when the certificate holds by which its device was let in, in microseconds since 1970.
    #[serde(default)]
    since: Option<i64>,
}

impl Will {
    pub(super) fn of(mut publish: Publish, delay_seconds: u32, since: Option<i64>) -> Will {
        let expiry_seconds = publish.properties.message_expiry.take();
        let message = Message::of(publish, 0);
        Will { message, expiry_seconds, delay_seconds, due: None, since }
    }

    /// Whether its device may speak still that was revoked at an instant.
    pub(super) fn outlives(&self, revoked: Timestamp) -> bool {
        self.since.is_some_and(|since| revoked.as_microsecond() < since)
    }

    /// The message as its client would have sent it.
    pub(super) fn publish(&self) -> Publish {
        let message = &self.message;
        let mut publish = message.publish(message.qos, message.is_retained, &[], 0);
        publish.properties.message_expiry = self.expiry_seconds;
        publish
    }
}
