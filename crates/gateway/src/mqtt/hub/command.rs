//! Commands: messages that wait for a device until it has them, whether it has a session or not.
//!
//! A command is queued with each session that subscribes to it, and is over once a device has
//! acknowledged it, or refused it, or once it has expired. How it ended is kept until whoever keeps
//! commands has noted it, so that none is sent again because the server stopped between the two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Delivery, Hub, State, now};
use crate::mqtt::codec::Qos;
use crate::mqtt::message::Message;
use crate::mqtt::session::{Session, Subscription, serial_of};
use crate::mqtt::store::{Change, Kept};
use crate::mqtt::topic;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandEnd {
    /// The device has it; without an acknowledgement where it asked for none.
    Delivered,
    /// The device doesn't take it.
    Refused,
    /// Nobody had it in time.
    Expired,
}

/// The commands of all devices.
#[derive(Debug, Default)]
pub(super) struct Commands {
    /// Those that wait, by topic and number.
    waiting: BTreeMap<(String, i64), Arc<Message>>,
    /// Those that have ended, which nobody has noted.
    ended: BTreeMap<i64, CommandEnd>,
    /// Where their ends are told.
    told: Option<mpsc::UnboundedSender<(i64, CommandEnd)>>,
}

/// An entry of the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    Waits(Box<Message>),
    Ended(CommandEnd),
}

fn entry_key(number: i64) -> String {
    format!("k/{number}")
}

fn entry(number: i64, entry: &Entry) -> Option<Change> {
    let value = serde_json::to_string(entry).ok()?;
    Some(Change { key: entry_key(number), value: Some(value) })
}

/// Whether a session is that of a system, which looks on: what it acknowledges says nothing of the
/// device.
fn looks_on(session: &str) -> bool {
    session.starts_with("s\u{1f}")
}

impl Commands {
    /// Takes up what was kept.
    pub(super) fn restore(&mut self, number: &str, value: &str) -> Result<(), serde_json::Error> {
        let entry: Entry = serde_json::from_str(value)?;
        let Ok(number) = number.parse() else { return Ok(()) };
        match entry {
            Entry::Waits(message) => {
                self.waiting.insert((message.topic.clone(), number), Arc::new(*message));
            }
            Entry::Ended(end) => self.tell(number, end),
        }
        Ok(())
    }

    /// Tells ends there from now on.
    fn tell_to(&mut self, told: mpsc::UnboundedSender<(i64, CommandEnd)>) {
        for (number, end) in &self.ended {
            let _sent = told.send((*number, *end));
        }
        self.told = Some(told);
    }

    fn tell(&mut self, number: i64, end: CommandEnd) {
        self.ended.insert(number, end);
        if let Some(told) = &self.told {
            // Where nobody listens, it is told again after the next start.
            let _sent = told.send((number, end));
        }
    }
}

impl Hub {
    /// Queues a command. One that is there already, or has ended, stays as it is.
    pub(in crate::mqtt) fn command(&self, number: i64, message: Message) -> Option<Kept> {
        let mut guard = self.state();
        let state = &mut *guard;
        let place = (message.topic.clone(), number);
        if state.commands.waiting.contains_key(&place) || state.commands.ended.contains_key(&number)
        {
            return None;
        }
        let mut changes: Vec<Change> =
            entry(number, &Entry::Waits(Box::new(message.clone()))).into_iter().collect();
        let message = Arc::new(message);
        state.commands.waiting.insert(place, Arc::clone(&message));
        for delivery in state.deliveries("", &message) {
            changes.extend(state.deliver(delivery, &message, self.settings.queue_max));
        }
        self.store.keep(changes)
    }

    /// How commands end, from now on.
    pub(in crate::mqtt) fn command_ends(&self) -> mpsc::UnboundedReceiver<(i64, CommandEnd)> {
        let (told, heard) = mpsc::unbounded_channel();
        self.state().commands.tell_to(told);
        heard
    }

    /// Queues the commands that wait for devices that may have more of them than before.
    pub(in crate::mqtt) fn entrust(&self, serials: &BTreeSet<Box<str>>) {
        let mut state = self.state();
        let is_own = |it: &&Session| serial_of(&it.key).is_some_and(|it| serials.contains(it));
        let sessions = state.sessions.values().filter(|it| it.link.is_some()).filter(is_own);
        let keys: Vec<Arc<str>> = sessions.map(|it| Arc::clone(&it.key)).collect();
        let mut changes = Vec::new();
        for key in keys {
            changes.extend(state.send_waiting_commands(&key, self.settings.queue_max));
        }
        self.store.keep(changes);
    }

    /// Forgets how a command ended: it is noted elsewhere.
    pub(in crate::mqtt) fn forget_command(&self, number: i64) {
        self.state().commands.ended.remove(&number);
        self.store.keep(vec![Change { key: entry_key(number), value: None }]);
    }
}

impl State {
    /// Queues the commands that wait and that a filter of a session matches, unless they are
    /// queued.
    pub(super) fn send_commands(
        &mut self,
        key: &Arc<str>,
        filter: &str,
        subscription: Subscription,
        queue_max: usize,
    ) -> Vec<Change> {
        if self.commands.waiting.is_empty() {
            return Vec::new();
        }
        let session = self.session(key);
        let queued = session.queue.iter().chain(&session.in_flight);
        let queued: BTreeSet<i64> = queued.filter_map(|it| it.message.command).collect();
        let literal = filter.split(['+', '#']).next().unwrap_or("");
        let near = self.commands.waiting.range((literal.to_owned(), i64::MIN)..);
        let near = near.take_while(|((topic, _), _)| topic.starts_with(literal));
        let wanted = near.filter(|((topic, number), message)| {
            topic::matches(filter, topic)
                && !queued.contains(number)
                && !message.has_expired(now())
                && self.may_have(key, topic)
        });
        let mut found: Vec<(i64, Arc<Message>)> =
            wanted.map(|((_, number), message)| (*number, Arc::clone(message))).collect();
        // In the order in which they were given.
        found.sort_by_key(|it| it.0);
        let deliver = |(_, message): (i64, Arc<Message>)| {
            let delivery = Delivery {
                session: Arc::clone(key),
                qos: subscription.wish.qos.min(message.qos),
                retain_as_published: false,
                subscriptions: subscription.id.into_iter().collect(),
            };
            self.deliver(delivery, &message, queue_max)
        };
        found.into_iter().flat_map(deliver).collect()
    }

    /// Queues the commands that wait for a session that is back.
    pub(super) fn send_waiting_commands(
        &mut self,
        key: &Arc<str>,
        queue_max: usize,
    ) -> Vec<Change> {
        if self.commands.waiting.is_empty() {
            return Vec::new();
        }
        let subscriptions = self.session(key).lasting.subscriptions.clone();
        let mut changes = Vec::new();
        for (filter, subscription) in subscriptions {
            if let Some((None, filter)) = topic::group_and_filter(&filter) {
                changes.extend(self.send_commands(key, filter, subscription, queue_max));
            }
        }
        changes
    }

    /// Ends the command of a message that a session is done with. The word of a gateway from which
    /// the device was taken meanwhile doesn't count.
    pub(super) fn end_command(
        &mut self,
        session: &str,
        message: &Message,
        end: CommandEnd,
    ) -> Option<Change> {
        let counts = |_: &i64| !looks_on(session) && self.may_have(session, &message.topic);
        let number = message.command.filter(counts)?;
        self.commands.waiting.remove(&(message.topic.clone(), number))?;
        self.commands.tell(number, end);
        entry(number, &Entry::Ended(end))
    }

    /// Ends a command that is sent at most once: no more will be heard of it.
    pub(super) fn end_unanswered(
        &mut self,
        session: &str,
        message: &Message,
        qos: Qos,
    ) -> Option<Change> {
        match qos {
            Qos::AtMostOnce => self.end_command(session, message, CommandEnd::Delivered),
            Qos::AtLeastOnce | Qos::ExactlyOnce => None,
        }
    }

    /// Ends the commands that nobody had in time.
    pub(super) fn expire_commands(&mut self, now: i64) -> Vec<Change> {
        let is_over = |message: &Message| message.has_expired(now);
        let expired = self.commands.waiting.extract_if(.., |_, message| is_over(message));
        let expired: Vec<i64> = expired.map(|((_, number), _)| number).collect();
        let mut changes = Vec::new();
        for number in expired {
            self.commands.tell(number, CommandEnd::Expired);
            changes.extend(entry(number, &Entry::Ended(CommandEnd::Expired)));
        }
        changes
    }
}
