//! Commands to devices, as whoever gives them sees them.

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Broker;
use super::codec::{Properties, Publish, Qos};
pub use super::hub::CommandEnd;
use super::hub::now;
use super::message::Message;

/// Something that a device is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its number, which no other has.
    pub number: i64,
    /// The device.
    pub device: String,
    /// What it is to do: the last level of the topic.
    pub name: String,
    /// JSON.
    pub payload: String,
    /// Until when it is to be delivered.
    pub expires: Timestamp,
}

impl Broker {
    /// Keeps a command until its device has it, or it expires. One that was given before isn't
    /// given again. It gives `false` where it can't be kept.
    pub async fn command(&self, command: Command) -> bool {
        let Command { number, device, name, payload, expires } = command;
        let now = now();
        let left = expires.as_microsecond().saturating_sub(now).max(0) / 1_000_000;
        let properties = Properties {
            payload_is_text: Some(true),
            message_expiry: Some(u32::try_from(left).unwrap_or(u32::MAX)),
            content_type: Some("application/json".to_owned()),
            response_topic: Some(format!("a/{device}/{name}")),
            correlation: Some(number.to_string().into_bytes()),
            ..Properties::default()
        };
        let (topic, qos) = (format!("c/{device}/{name}"), Qos::AtLeastOnce);
        let payload = payload.into_bytes();
        let publish = Publish { qos, topic, properties, payload, ..Publish::default() };
        let mut message = Message::of(publish, now);
        message.command = Some(number);
        match self.hub.command(number, message) {
            Some(kept) => kept.await.is_ok(),
            None => true,
        }
    }

    /// How commands end, from now on. Each end is to be noted, and then forgotten by
    /// [`Broker::forget_command`]; those that weren't are told again after the next start.
    pub fn command_ends(&self) -> mpsc::UnboundedReceiver<(i64, CommandEnd)> {
        self.hub.command_ends()
    }

    /// Forgets how a command ended.
    pub fn forget_command(&self, number: i64) {
        self.hub.forget_command(number);
    }
}
