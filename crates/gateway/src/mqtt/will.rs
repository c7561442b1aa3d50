//! What is to be told when a client is lost. It outlives the server: a connection that the server's
//! end cut is mourned once there is a server again (section 3.1.2.5 allows that).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec::Publish;
use super::connection::take;
use super::hub::{Waiting, now};
use super::message::Message;
use super::session::peer_of;
use super::{Broker, topic};
use crate::front::Peer;

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

/// Sends a will when it is due, unless its client is back by then.
pub(super) async fn mourn(broker: Arc<Broker>, waiting: Waiting) {
    let Waiting { session, number, will } = waiting;
    let left = will.due.map_or(0, |due| (due - now()).max(0));
    if left > 0 {
        tokio::time::sleep(Duration::from_micros(left.unsigned_abs())).await;
        if !broker.hub.take_will(&session, number) {
            return broker.hub.forget_will(&session, number);
        }
    }
    send_will(&broker, &session, &will).await;
    broker.hub.forget_will(&session, number);
}

/// Sends a will, if whoever left it may speak still.
async fn send_will(broker: &Arc<Broker>, key: &str, will: &Will) {
    let registry = broker.front.registry();
    let peer = peer_of(key);
    let may = match &peer {
        Peer::Device(serial) => {
            let revoked = registry.revoked(serial);
            registry.device(serial).is_some() && revoked.is_none_or(|it| will.outlives(it))
        }
        Peer::System => true,
        Peer::Anyone => broker.front.is_open(),
    };
    let will = will.publish();
    if !may || !topic::may_publish(&peer, registry, &will.topic) {
        return;
    }
    let step = take(broker, &peer, will).await;
    if step.outcome.is_ok() {
        broker.hub.route(key, Message::of(step.publish, now()), false);
    }
}
