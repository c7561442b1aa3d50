//! What is to be told when a client is lost. It outlives the server: a connection that the server's
//! end cut is mourned once there is a server again (section 3.1.2.5 allows that).

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
}

impl Will {
    pub(super) fn of(mut publish: Publish, delay_seconds: u32) -> Will {
        let expiry_seconds = publish.properties.message_expiry.take();
        Will { message: Message::of(publish, 0), expiry_seconds, delay_seconds, due: None }
    }

    /// The message as its client would have sent it.
    pub(super) fn publish(&self) -> Publish {
        let message = &self.message;
        let mut publish = message.publish(message.qos, message.is_retained, &[], 0);
        publish.properties.message_expiry = self.expiry_seconds;
        publish
    }
}
