//! Sessions, subscriptions and retained messages, and the routing of messages among them.

mod command;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Settings;
use super::codec::{Qos, Wish, reason};
use super::message::Message;
use super::session::{Lasting, Link, Outgoing, Queued, Session, Subscription};
use super::store::{Change, Kept, Store, StoreError};
use super::topic;
use super::tree::{Subscriber, Tree};
use super::will::Will;
use crate::front::Front;
pub use command::CommandEnd;
use command::Commands;

#[derive(Debug)]
pub(super) struct Hub {
    state: Mutex<State>,
    store: Store,
    settings: Settings,
}

#[derive(Debug)]
struct State {
    /// Who may have what, now.
    front: Arc<Front>,
    sessions: HashMap<Arc<str>, Session>,
    tree: Tree,
    retained: BTreeMap<String, Arc<Message>>,
    commands: Commands,
    /// Numbers messages in the order in which they came.
    number: u64,
}

/// What became of a message.
#[derive(Debug)]
pub(super) struct Routed {
    /// The reason code for who sent it.
    pub(super) reason: u8,
    /// When it is on stable storage, where it must be.
    pub(super) kept: Option<Kept>,
}

/// What a connection finds.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) is_present: bool,
    /// What wasn't acknowledged on an earlier connection.
    pub(super) again: Vec<Outgoing>,
    pub(super) kept: Option<Kept>,
    /// The number of its will, if it has one.
    pub(super) will: Option<u64>,
}

/// A will whose client is lost.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) session: Arc<str>,
    pub(super) number: u64,
    pub(super) will: Will,
}

pub(super) fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

impl Hub {
    pub(super) fn new(
        front: Arc<Front>,
        settings: Settings,
        store: Store,
        kept: Vec<(String, String)>,
    ) -> Result<(Hub, Vec<Waiting>), StoreError> {
        let mut state = State::new(front);
        let mut wills = Vec::new();
        for (key, value) in kept {
            let entry = |source| StoreError::Entry { key: key.clone(), source };
            if let Some(session) = key.strip_prefix("s/") {
                let lasting: Lasting = serde_json::from_str(&value).map_err(entry)?;
                state.restore(session, lasting);
            } else if let Some((session, _)) =
                key.strip_prefix("q/").and_then(|it| it.rsplit_once('\n'))
            {
                let queued: Queued = serde_json::from_str(&value).map_err(entry)?;
                state.number = state.number.max(queued.number);
                // Sessions come later in the order of keys.
                let key: Arc<str> = session.into();
                let session = state.session(&key);
                if queued.id.is_some() {
                    session.in_flight.push_back(queued);
                } else {
                    session.queue.push_back(queued);
                }
            } else if let Some((session, number)) =
                key.strip_prefix("w/").and_then(|it| it.rsplit_once('\n'))
            {
                let will: Will = serde_json::from_str(&value).map_err(entry)?;
                let number = number.parse().unwrap_or(0);
                state.number = state.number.max(number);
                wills.push(Waiting { session: session.into(), number, will });
            } else if let Some(number) = key.strip_prefix("k/") {
                state.commands.restore(number, &value).map_err(entry)?;
            } else if let Some(topic) = key.strip_prefix("r/") {
                let message: Message = serde_json::from_str(&value).map_err(entry)?;
                state.retained.insert(topic.to_owned(), Arc::new(message));
            }
        }
        // A message whose session is gone waits for nobody.
        state.sessions.retain(|_, session| session.lasts());
        for waiting in &mut wills {
            // The server's end cut the connections of those that weren't due yet.
            let session = state.sessions.get_mut(&waiting.session);
            let lasts = session.as_ref().map_or(0, |it| it.lasting.expiry_seconds);
            let delay = i64::from(waiting.will.delay_seconds.min(lasts)) * 1_000_000;
            waiting.will.due.get_or_insert_with(|| now().saturating_add(delay));
            if let Some(session) = session {
                session.will = Some(waiting.number);
            }
        }
        Ok((Hub { state: Mutex::new(state), store, settings }, wills))
    }

    /// Whether wills outlive the server.
    pub(super) fn keeps_wills(&self) -> bool {
        self.store.keeps()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a session to a connection, and takes it from the one that it had.
    pub(super) fn attach(
        &self,
        key: &Arc<str>,
        is_clean: bool,
        expiry_seconds: u32,
        mut link: Link,
        will: Option<&Will>,
    ) -> Attached {
        let mut changes = Vec::new();
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        changes.extend(will.and_then(|will| will_entry(key, number, will)));
        let waits = |will: &&Will| will.delay_seconds.min(expiry_seconds) > 0;
        link.will = will.filter(waits).map(|_| number);
        let mut waiting = None;
        if let Some(session) = state.sessions.get_mut(key) {
            let old = session.link.take();
            if let Some(old) = &old {
                // An end that is gone already needs no reason.
                let _sent = old.end.send(reason::TAKEN_OVER);
            }
            // A will that is to wait for its client waits until that is let in.
            waiting = session.will;
            if let Some(newer) = old.and_then(|it| it.will) {
                changes.extend(waiting.replace(newer).map(|older| will_gone(key, older)));
            }
            let has_ended = session.lasting.ends.is_some_and(|ends| ends <= now());
            if is_clean || has_ended || !session.lasts() {
                changes.extend(state.remove(key));
            }
        }
        let is_present = state.sessions.contains_key(key);
        let session = state.session(key);
        session.link = Some(link);
        session.will = waiting;
        session.lasting.ends = None;
        session.lasting.expiry_seconds = expiry_seconds;
        changes.extend(session.entry());
        if !session.lasts() && is_present {
            // What was kept for longer is kept no more.
            changes.extend(session.gone());
            let messages = session.in_flight.iter().chain(&session.queue);
            changes.extend(
                messages
                    .map(|it| Change { key: format!("q/{key}\n{:020}", it.number), value: None }),
            );
        }
        let front = Arc::clone(&state.front);
        let session = state.session(key);
        let may = |topic: &str| topic::may_have(key, front.registry(), topic);
        changes.extend(session.forget_lost(may));
        let again = session.again(now());
        changes.extend(state.send_waiting_commands(key, self.settings.queue_max));
        let kept = self.store.keep(changes);
        Attached { is_present, again, kept, will: will.map(|_| number) }
    }

    /// Keeps that a client is let in: a will that was to wait for it isn't sent, and after a restart
    /// neither.
    pub(super) fn settle(&self, key: &str, link: u64) -> Option<Kept> {
        let stale = self.state().own(key, link)?.will.take()?;
        self.store.keep(vec![will_gone(key, stale)])
    }

    /// Takes a session from a connection. It is kept for as long as the client asked for, and
    /// remembers the number of a will that is to be sent; the will itself is kept anew if it is
    /// given. Gives whether that will may wait: the session was the connection's own still, or
    /// nobody else was let in yet.
    pub(super) fn detach(
        &self,
        key: &str,
        link: u64,
        expiry_seconds: Option<u32>,
        will: Option<(u64, Option<&Will>)>,
    ) -> bool {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(key) else { return false };
        let own_will = will.map(|it| it.0);
        if session.link.as_ref().is_none_or(|it| it.number != link) {
            return own_will.is_some() && session.will == own_will;
        }
        session.link = None;
        // Who wasn't let in leaves the will of who was there before.
        session.will = own_will.or(session.will);
        let mut changes: Vec<Change> =
            will.and_then(|(number, will)| will_entry(key, number, will?)).into_iter().collect();
        if let Some(expiry) = expiry_seconds {
            session.lasting.expiry_seconds = expiry;
        }
        if session.lasts() {
            let lasts = i64::from(session.lasting.expiry_seconds) * 1_000_000;
            let is_endless = session.lasting.expiry_seconds == u32::MAX;
            session.lasting.ends = (!is_endless).then(|| now().saturating_add(lasts));
            changes.extend(session.entry());
        } else {
            changes.extend(state.remove(key));
        }
        self.store.keep(changes);
        true
    }

    /// Keeps that a will waits no longer.
    pub(super) fn forget_will(&self, key: &str, number: u64) {
        self.store.keep(vec![will_gone(key, number)]);
    }

    /// Whether a will that waited is still to be sent.
    pub(super) fn take_will(&self, key: &str, will: u64) -> bool {
        let mut state = self.state();
        match state.sessions.get_mut(key) {
            Some(session) if session.will == Some(will) => {
                session.will = None;
                true
            }
            Some(_) => false,
            // The session has ended, which a will doesn't outlive in silence.
            None => true,
        }
    }

    /// Adds subscriptions and gives the reason code of each.
    pub(super) fn subscribe(
        &self,
        key: &Arc<str>,
        id: Option<u32>,
        filters: &[(String, Wish, u8)],
    ) -> (Vec<u8>, Option<Kept>) {
        let mut state = self.state();
        let mut codes = Vec::new();
        let mut changes = Vec::new();
        for (filter, wish, refused) in filters {
            let parsed = topic::group_and_filter(filter).filter(|_| *refused == reason::SUCCESS);
            let Some((group, inner)) = parsed else {
                codes.push(if *refused == reason::SUCCESS { reason::FILTER } else { *refused });
                continue;
            };
            let subscriber =
                Subscriber { session: Arc::clone(key), filter: filter.as_str().into() };
            state.tree.add(group, inner, subscriber);
            let session = state.session(key);
            let subscription = Subscription { wish: *wish, id };
            let is_new =
                session.lasting.subscriptions.insert(filter.clone(), subscription).is_none();
            codes.push(wish.qos.bits());
            if group.is_none() {
                let queue_max = self.settings.queue_max;
                changes.extend(state.send_commands(key, inner, subscription, queue_max));
            }
            let wants_retained = wish.retain_handling == 0 || (wish.retain_handling == 1 && is_new);
            if group.is_none() && wants_retained {
                changes.extend(state.send_retained(key, inner, *wish, id));
            }
        }
        let session = state.session(key);
        changes.extend(session.entry());
        session.link.iter().for_each(|link| link.wake.notify_one());
        (codes, self.store.keep(changes))
    }

    /// Takes subscriptions away and gives the reason code of each.
    pub(super) fn unsubscribe(&self, key: &str, filters: &[String]) -> (Vec<u8>, Option<Kept>) {
        let mut state = self.state();
        let mut codes = Vec::new();
        for filter in filters {
            let session = state.sessions.get_mut(key);
            let had = session.and_then(|session| session.lasting.subscriptions.remove(filter));
            if let (Some(_), Some((group, inner))) = (had, topic::group_and_filter(filter)) {
                state.tree.remove(group, inner, key);
            }
            codes.push(if had.is_some() { reason::SUCCESS } else { reason::NO_SUBSCRIPTION });
        }
        let entry = state.sessions.get(key).and_then(Session::entry);
        (codes, self.store.keep(entry.into_iter().collect()))
    }

    /// Gives a message to all who want it. Where `may_refuse`, it is refused as a whole if it must
    /// wait for a client for which too much waits; otherwise that client misses it.
    pub(super) fn route(&self, from: &str, message: Message, may_refuse: bool) -> Routed {
        let mut guard = self.state();
        let state = &mut *guard;
        let message = Arc::new(message);
        let deliveries = state.deliveries(from, &message);
        let queue_max = self.settings.queue_max;
        let is_full = |delivery: &Delivery| {
            delivery.qos != Qos::AtMostOnce
                && state
                    .sessions
                    .get(&delivery.session)
                    .is_some_and(|it| it.queue.len() >= queue_max)
        };
        let mut changes = Vec::new();
        if may_refuse && deliveries.iter().any(is_full) {
            return Routed { reason: reason::QUOTA, kept: None };
        }
        if message.is_retained && self.settings.retains {
            match state.retain(&message, self.settings.retained_max) {
                Some(change) => changes.push(change),
                None => return Routed { reason: reason::QUOTA, kept: None },
            }
        }
        let is_wanted = !deliveries.is_empty();
        for delivery in deliveries {
            changes.extend(state.deliver(delivery, &message, queue_max));
        }
        let reason = if is_wanted { reason::SUCCESS } else { reason::NO_SUBSCRIBERS };
        Routed { reason, kept: self.store.keep(changes) }
    }

    /// What can be sent to a client now. It may be sent once `Kept`.
    pub(super) fn outgoing(&self, key: &str, link: u64) -> (Vec<Outgoing>, Option<Kept>) {
        let mut state = self.state();
        let front = Arc::clone(&state.front);
        let Some(session) = state.own(key, link) else { return (Vec::new(), None) };
        let may = |topic: &str| topic::may_have(key, front.registry(), topic);
        let (outgoing, changes) = session.outgoing(self.settings.in_flight_max, now(), may);
        (outgoing, self.store.keep(changes))
    }

    /// Takes a client's acknowledgement, and says whether there is such a message.
    pub(super) fn acknowledged(&self, key: &str, link: u64, id: u16, is_last: bool) -> bool {
        self.answered(key, link, id, is_last, CommandEnd::Delivered)
    }

    /// Takes a client's word that it doesn't take a message.
    pub(super) fn refused(&self, key: &str, link: u64, id: u16) -> bool {
        self.answered(key, link, id, true, CommandEnd::Refused)
    }

    fn answered(&self, key: &str, link: u64, id: u16, is_last: bool, end: CommandEnd) -> bool {
        let mut state = self.state();
        let Some(session) = state.own(key, link) else { return false };
        let queued = session.in_flight.iter().find(|it| it.id == Some(id));
        let message = queued.map(|it| Arc::clone(&it.message));
        let changes = session.acknowledged(id, is_last);
        let is_known = changes.is_some();
        session.link.iter().for_each(|link| link.wake.notify_one());
        let ended = message.and_then(|message| state.end_command(key, &message, end));
        self.store.keep(changes.unwrap_or_default().into_iter().chain(ended).collect());
        is_known
    }

    /// Whether a message that is delivered exactly once came before and isn't released.
    pub(super) fn has_incoming(&self, key: &str, id: u16) -> bool {
        self.state().sessions.get(key).is_some_and(|it| it.lasting.incoming.contains(&id))
    }

    /// How many messages that are delivered exactly once aren't released.
    pub(super) fn incoming(&self, key: &str) -> usize {
        self.state().sessions.get(key).map_or(0, |it| it.lasting.incoming.len())
    }

    /// Notes that such a message came, or that it is released. Gives whether it was noted before.
    pub(super) fn note_incoming(&self, key: &str, id: u16, came: bool) -> (bool, Option<Kept>) {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(key) else { return (false, None) };
        let incoming = &mut session.lasting.incoming;
        let was = if came { !incoming.insert(id) } else { incoming.remove(&id) };
        let entry = session.entry();
        (was, self.store.keep(entry.into_iter().collect()))
    }

    /// Ends connections: those of a device, or all.
    pub(super) fn end_links(&self, serial: Option<&str>, code: u8) {
        let state = self.state();
        let links = state.sessions.values().filter_map(|session| session.link.as_ref());
        for link in links.filter(|link| serial.is_none() || link.serial.as_deref() == serial) {
            // A connection that has ended needs no reason.
            let _sent = link.end.send(code);
        }
    }

    /// Forgets sessions that have ended and messages that have expired.
    pub(super) fn sweep(&self) {
        let now = now();
        let mut state = self.state();
        let ended = |session: &&Session| {
            session.link.is_none() && session.lasting.ends.is_some_and(|ends| ends <= now)
        };
        let ended: Vec<Arc<str>> =
            state.sessions.values().filter(ended).map(|session| Arc::clone(&session.key)).collect();
        let mut changes = Vec::new();
        for key in ended {
            changes.extend(state.remove(&key));
        }
        changes.extend(state.expire_commands(now));
        state.retained.retain(|topic, message| {
            let lives = !message.has_expired(now);
            if !lives {
                changes.push(Change { key: format!("r/{topic}"), value: None });
            }
            lives
        });
        self.store.keep(changes);
    }
}

fn will_key(session: &str, number: u64) -> String {
    format!("w/{session}\n{number:020}")
}

fn will_gone(session: &str, number: u64) -> Change {
    Change { key: will_key(session, number), value: None }
}

fn will_entry(session: &str, number: u64, will: &Will) -> Option<Change> {
    let value = serde_json::to_string(will).ok()?;
    Some(Change { key: will_key(session, number), value: Some(value) })
}

/// A message on its way to one client.
#[derive(Debug)]
struct Delivery {
    session: Arc<str>,
    qos: Qos,
    retain_as_published: bool,
    subscriptions: Vec<u32>,
}

impl State {
    fn new(front: Arc<Front>) -> State {
        State {
            front,
            sessions: HashMap::new(),
            tree: Tree::default(),
            retained: BTreeMap::new(),
            commands: Commands::default(),
            number: 0,
        }
    }

    /// Whether a session may have what comes on a topic now.
    fn may_have(&self, session: &str, topic: &str) -> bool {
        topic::may_have(session, self.front.registry(), topic)
    }

    fn session(&mut self, key: &Arc<str>) -> &mut Session {
        let session = || Session::new(Arc::clone(key));
        self.sessions.entry(Arc::clone(key)).or_insert_with(session)
    }

    /// The session, if the connection is its own.
    fn own(&mut self, key: &str, link: u64) -> Option<&mut Session> {
        let session = self.sessions.get_mut(key)?;
        session.link.as_ref().is_some_and(|it| it.number == link).then_some(session)
    }

    fn restore(&mut self, key: &str, mut lasting: Lasting) {
        let key: Arc<str> = key.into();
        for filter in lasting.subscriptions.keys() {
            if let Some((group, inner)) = topic::group_and_filter(filter) {
                let subscriber =
                    Subscriber { session: Arc::clone(&key), filter: filter.as_str().into() };
                self.tree.add(group, inner, subscriber);
            }
        }
        if lasting.ends.is_none() && lasting.expiry_seconds < u32::MAX {
            // It was connected when the server ended: its time runs from now on.
            lasting.ends =
                Some(now().saturating_add(i64::from(lasting.expiry_seconds) * 1_000_000));
        }
        self.session(&key).lasting = lasting;
    }

    /// Forgets a session.
    fn remove(&mut self, key: &str) -> Vec<Change> {
        let Some(session) = self.sessions.remove(key) else { return Vec::new() };
        for filter in session.lasting.subscriptions.keys() {
            if let Some((group, inner)) = topic::group_and_filter(filter) {
                self.tree.remove(group, inner, key);
            }
        }
        session.gone()
    }

    fn subscription(&self, subscriber: &Subscriber) -> Option<(&Session, Subscription)> {
        let session = self.sessions.get(&subscriber.session)?;
        let subscription = session.lasting.subscriptions.get(subscriber.filter.as_ref())?;
        Some((session, *subscription))
    }

    /// Who gets a message, of those who may: each client once, however many of its filters match,
    /// and one of each group, a connected one if there is one.
    fn deliveries(&mut self, from: &str, message: &Message) -> Vec<Delivery> {
        let hits = self.tree.hits(&message.topic);
        let mut deliveries: Vec<Delivery> = Vec::new();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        for subscriber in hits.each {
            let Some((_, subscription)) = self.subscription(&subscriber) else { continue };
            let is_own = subscription.wish.no_local && *subscriber.session == *from;
            if is_own || !self.may_have(&subscriber.session, &message.topic) {
                continue;
            }
            let place = *places.entry(Arc::clone(&subscriber.session)).or_insert_with(|| {
                deliveries.push(Delivery {
                    session: subscriber.session,
                    qos: Qos::AtMostOnce,
                    retain_as_published: false,
                    subscriptions: Vec::new(),
                });
                deliveries.len() - 1
            });
            if let Some(delivery) = deliveries.get_mut(place) {
                delivery.qos = delivery.qos.max(subscription.wish.qos.min(message.qos));
                delivery.retain_as_published |= subscription.wish.retain_as_published;
                delivery.subscriptions.extend(subscription.id);
            }
        }
        for mut members in hits.groups {
            members.retain(|it| self.may_have(&it.session, &message.topic));
            let is_connected = |member: &&Subscriber| {
                self.sessions.get(&member.session).is_some_and(|it| it.link.is_some())
            };
            let chosen = members.iter().find(is_connected).or(members.first());
            let Some((member, (_, subscription))) =
                chosen.and_then(|member| Some((member, self.subscription(member)?)))
            else {
                continue;
            };
            deliveries.push(Delivery {
                session: Arc::clone(&member.session),
                qos: subscription.wish.qos.min(message.qos),
                retain_as_published: subscription.wish.retain_as_published,
                subscriptions: subscription.id.into_iter().collect(),
            });
        }
        deliveries
    }

    /// Puts a message into a client's queue. What is sent at most once waits for nobody who isn't
    /// there.
    fn deliver(
        &mut self,
        delivery: Delivery,
        message: &Arc<Message>,
        queue_max: usize,
    ) -> Option<Change> {
        self.number += 1;
        let number = self.number;
        let session = self.sessions.get_mut(&delivery.session)?;
        let is_lost = delivery.qos == Qos::AtMostOnce && session.link.is_none();
        if is_lost || session.queue.len() >= queue_max {
            return None;
        }
        let queued = Queued {
            number,
            message: Arc::clone(message),
            qos: delivery.qos,
            is_retained: message.is_retained && delivery.retain_as_published,
            subscriptions: delivery.subscriptions,
            id: None,
            is_released: false,
        };
        let entry = session.message_entry(&queued);
        session.queue.push_back(queued);
        session.link.iter().for_each(|link| link.wake.notify_one());
        // What is sent at most once has no entry.
        entry.or_else(|| self.end_unanswered(&delivery.session, message, delivery.qos))
    }

    /// Keeps a message for its topic, or forgets the one there is if it is empty. `None`: there are
    /// too many.
    fn retain(&mut self, message: &Arc<Message>, retained_max: usize) -> Option<Change> {
        let key = format!("r/{}", message.topic);
        if message.payload.is_empty() {
            self.retained.remove(&message.topic);
            return Some(Change { key, value: None });
        }
        let is_new = !self.retained.contains_key(&message.topic);
        if is_new && self.retained.len() >= retained_max {
            return None;
        }
        let value = serde_json::to_string(message.as_ref()).ok()?;
        self.retained.insert(message.topic.clone(), Arc::clone(message));
        Some(Change { key, value: Some(value) })
    }

    /// Puts the retained messages that a filter matches into a client's queue.
    fn send_retained(
        &mut self,
        key: &Arc<str>,
        filter: &str,
        wish: Wish,
        id: Option<u32>,
    ) -> Vec<Change> {
        let literal = filter.split(['+', '#']).next().unwrap_or("");
        // `sport/#` matches `sport` too.
        let start = literal.strip_suffix('/').unwrap_or(literal);
        let from = self.retained.range(start.to_owned()..);
        let near = from.take_while(|(topic, _)| topic.starts_with(start));
        let now = now();
        let found: Vec<Arc<Message>> = near
            .filter(|(topic, message)| topic::matches(filter, topic) && !message.has_expired(now))
            .map(|(_, message)| Arc::clone(message))
            .collect();
        let deliver = |message: Arc<Message>| {
            let delivery = Delivery {
                session: Arc::clone(key),
                qos: wish.qos.min(message.qos),
                retain_as_published: true,
                subscriptions: id.into_iter().collect(),
            };
            self.deliver(delivery, &message, usize::MAX)
        };
        found.into_iter().filter_map(deliver).collect()
    }
}
