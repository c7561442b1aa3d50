//! What a client has here that may outlive its connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::codec::{Publish, Qos, Wish};
use super::message::Message;
use super::store::Change;
use crate::front::Peer;

/// The connection that a session has now.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) number: u64,
    /// The device at its other end.
    pub(super) serial: Option<Arc<str>>,
    /// Wakes it when something waits to be sent.
    pub(super) wake: Arc<Notify>,
    /// Ends it with a reason.
    pub(super) end: mpsc::UnboundedSender<u8>,
    /// How much the client takes before it acknowledges.
    pub(super) receive_maximum: u16,
    /// The number of its will, if that isn't sent where the client comes back in time.
    pub(super) will: Option<u64>,
}

/// A session belongs to who connects, so that no device can take over another's by its name.
pub(super) fn session_key(peer: &Peer, client: &str) -> Arc<str> {
    let own = match peer {
        Peer::Device(serial) => format!("d/{serial}"),
        Peer::System => "s".to_owned(),
        Peer::Anyone => "a".to_owned(),
    };
    format!("{own}\u{1f}{client}").into()
}

/// Whose a session is.
pub(super) fn peer_of(key: &str) -> Peer {
    match (serial_of(key), key.split('\u{1f}').next()) {
        (Some(serial), _) => Peer::Device(serial.into()),
        (None, Some("s")) => Peer::System,
        (None, _) => Peer::Anyone,
    }
}

/// The device whose a session is, if it is a device's.
pub(super) fn serial_of(key: &str) -> Option<&str> {
    key.split('\u{1f}').next()?.strip_prefix("d/")
}

/// What of a session is kept as one entry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lasting {
    pub(super) expiry_seconds: u32,
    /// Microseconds since 1970 at which the session ends, once it has no connection.
    pub(super) ends: Option<i64>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    /// Messages that came to be delivered exactly once, and aren't released yet.
    pub(super) incoming: BTreeSet<u16>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) wish: Wish,
    pub(super) id: Option<u32>,
}

/// A message that waits for a client, or for its acknowledgement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Queued {
    pub(super) number: u64,
    #[serde(with = "shared")]
    pub(super) message: Arc<Message>,
    pub(super) qos: Qos,
    pub(super) is_retained: bool,
    pub(super) subscriptions: Vec<u32>,
    /// The packet's number, once it was sent.
    pub(super) id: Option<u16>,
    /// Whether the client has it, and only its release is left.
    pub(super) is_released: bool,
}

/// A session.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) key: Arc<str>,
    pub(super) lasting: Lasting,
    pub(super) queue: VecDeque<Queued>,
    pub(super) in_flight: VecDeque<Queued>,
    next_id: u16,
    pub(super) link: Option<Link>,
    /// The will that waits for its delay, by its number.
    pub(super) will: Option<u64>,
}

/// Something to be sent to a client.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most of what goes out are publishes")]
pub(super) enum Outgoing {
    Publish(Publish),
    Release(u16),
}

impl Session {
    pub(super) fn new(key: Arc<str>) -> Session {
        Session { key, ..Session::default() }
    }

    /// Whether it outlives its connection.
    pub(super) fn lasts(&self) -> bool {
        self.lasting.expiry_seconds > 0
    }

    /// The entry of the session itself.
    pub(super) fn entry(&self) -> Option<Change> {
        let value = self.lasts().then(|| serde_json::to_string(&self.lasting).ok()).flatten()?;
        Some(Change { key: format!("s/{}", self.key), value: Some(value) })
    }

    /// The entry of a message that waits for it. What is sent at most once isn't kept.
    pub(super) fn message_entry(&self, queued: &Queued) -> Option<Change> {
        if !self.lasts() || queued.qos == Qos::AtMostOnce {
            return None;
        }
        let value = Some(serde_json::to_string(queued).ok()?);
        Some(Change { key: message_key(&self.key, queued.number), value })
    }

    /// That a message waits no longer.
    pub(super) fn message_gone(&self, queued: &Queued) -> Option<Change> {
        let is_kept = self.lasts() && queued.qos != Qos::AtMostOnce;
        is_kept.then(|| Change { key: message_key(&self.key, queued.number), value: None })
    }

    /// Everything that is kept of it, to be forgotten.
    pub(super) fn gone(&self) -> Vec<Change> {
        let messages =
            self.in_flight.iter().chain(&self.queue).filter_map(|it| self.message_gone(it));
        let own = Change { key: format!("s/{}", self.key), value: None };
        messages.chain([own]).collect()
    }

    /// What was sent on an earlier connection and not acknowledged, to be sent again with the same
    /// numbers.
    pub(super) fn again(&self, now: i64) -> Vec<Outgoing> {
        let again = |queued: &Queued| {
            let id = queued.id?;
            if queued.is_released {
                return Some(Outgoing::Release(id));
            }
            let mut publish =
                queued.message.publish(queued.qos, queued.is_retained, &queued.subscriptions, now);
            (publish.id, publish.is_dup) = (id, true);
            Some(Outgoing::Publish(publish))
        };
        self.in_flight.iter().filter_map(again).collect()
    }

    /// Forgets what was sent and not acknowledged on topics that it `may` have no longer.
    pub(super) fn forget_lost(&mut self, may: impl Fn(&str) -> bool) -> Vec<Change> {
        let is_lost = |it: &Queued| !it.is_released && !may(&it.message.topic);
        let (lost, left): (VecDeque<_>, VecDeque<_>) = self.in_flight.drain(..).partition(is_lost);
        self.in_flight = left;
        lost.iter().filter_map(|it| self.message_gone(it)).collect()
    }

    /// What can be sent now, and what changes by it. What is on a topic that it `may` have no longer
    /// is forgotten.
    pub(super) fn outgoing(
        &mut self,
        in_flight_max: u16,
        now: i64,
        may: impl Fn(&str) -> bool,
    ) -> (Vec<Outgoing>, Vec<Change>) {
        let (mut outgoing, mut changes) = (Vec::new(), Vec::new());
        let Some(link) = &self.link else { return (outgoing, changes) };
        let room = usize::from(link.receive_maximum.min(in_flight_max));
        while let Some(queued) = self.queue.front() {
            if queued.qos != Qos::AtMostOnce && self.in_flight.len() >= room {
                break;
            }
            let Some(mut queued) = self.queue.pop_front() else { break };
            if queued.message.has_expired(now) || !may(&queued.message.topic) {
                changes.extend(self.message_gone(&queued));
                continue;
            }
            let mut publish =
                queued.message.publish(queued.qos, queued.is_retained, &queued.subscriptions, now);
            if queued.qos != Qos::AtMostOnce {
                publish.id = self.free_id();
                queued.id = Some(publish.id);
                changes.extend(self.message_entry(&queued));
                self.in_flight.push_back(queued);
            }
            outgoing.push(Outgoing::Publish(publish));
        }
        (outgoing, changes)
    }

    /// A number that no message in flight has. There are far fewer in flight than numbers.
    fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if !self.in_flight.iter().any(|it| it.id == Some(self.next_id)) {
                return self.next_id;
            }
        }
    }

    /// Takes the client's word that it has a message (`is_last`: that it is done with).
    /// Any reason below 0x80 is success, 0x10 among them.
    pub(super) fn acknowledged(&mut self, id: u16, is_last: bool) -> Option<Vec<Change>> {
        let place = self.in_flight.iter().position(|it| it.id == Some(id))?;
        if is_last {
            let queued = self.in_flight.remove(place)?;
            return Some(self.message_gone(&queued).into_iter().collect());
        }
        let queued = self.in_flight.get_mut(place)?;
        queued.is_released = true;
        let queued = queued.clone();
        Some(self.message_entry(&queued).into_iter().collect())
    }
}

/// The entries of a session's messages, in order.
fn message_key(session: &str, number: u64) -> String {
    format!("q/{session}\n{number:020}")
}

/// A message that several sessions share is kept with each.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Message;

    pub(super) fn serialize<S: Serializer>(
        message: &Arc<Message>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        message.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Message>, D::Error> {
        Message::deserialize(deserializer).map(Arc::new)
    }
}
