//! One connection, from CONNECT to its end.

mod entry;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use longlead_stream::Refusal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use super::Broker;
use super::codec::{self, Connect, Decoder, Fault, Packet, Publish, Qos, Version, Wish, reason};
use super::hub::{Waiting, now};
use super::message::Message;
use super::session::{Outgoing, session_key};
use super::store::Kept;
use super::topic::{self, Purpose};
use super::will::{self, Will};
use crate::front::{Parcel, Peer};
use crate::identity::Shown;
use crate::{Encoding, Format, Precision, unpack};
use entry::{Guest, greet, greeting_refusal, refusal};

/// How long a client may take to read what it is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// As long as a connection ever lasts.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Bytes that are read at once.
const READ_BYTES: usize = 8 << 10;

const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;

/// A client that was let in.
struct Connection {
    broker: Arc<Broker>,
    peer: Peer,
    version: Version,
    /// The session's key.
    key: Arc<str>,
    link: u64,
    out: Vec<u8>,
    /// Messages that are taken, in the order in which they came.
    steps: FuturesOrdered<BoxFuture<'static, Step>>,
    /// Acknowledgements that wait for stable storage, in that order too.
    acks: FuturesOrdered<BoxFuture<'static, Ack>>,
    /// Numbers of messages that are taken and not acknowledged.
    unacknowledged: HashSet<u16>,
    aliases: HashMap<u16, String>,
    expiry_seconds: u32,
    packet_max: usize,
    /// What is to be told when the client is lost, with its number.
    will: Option<(u64, Will)>,
}

/// A message after the readings in it were taken.
pub(super) struct Step {
    pub(super) publish: Publish,
    purpose: Use,
    pub(super) outcome: Result<(), Refusal>,
}

/// What a message is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Readings,
    Message,
    /// Refused with a reason before it was looked at.
    Refused(u8),
}

/// An acknowledgement to be sent.
struct Ack {
    packet: Vec<u8>,
    /// The message that it acknowledges at last.
    id: Option<u16>,
    /// Whether what it tells is kept. If it isn't, nothing more can be promised to the client.
    is_kept: bool,
}

/// How a connection ended.
enum End {
    /// By DISCONNECT, with its reason and a new expiry of the session.
    Client(u8, Option<u32>),
    /// By us, with a reason.
    Server(u8),
    /// Without a word.
    Lost,
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    broker: Arc<Broker>,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    shown: Shown,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut buffer = Vec::new();
    let mut decoder = Decoder { version: None, packet_max: broker.settings.packet_bytes_max };
    let greeting = greet(&mut reader, &mut decoder, &mut buffer);
    let Ok(Some(connect)) = timeout(broker.settings.greeting_timeout, greeting).await else {
        return;
    };
    let connect = match connect {
        Ok(connect) => connect,
        Err(Fault(code, _)) => {
            let out = greeting_refusal(&buffer, code);
            let _sent = timeout(WRITE_TIMEOUT, writer.write_all(&out)).await;
            return;
        }
    };
    let keep_alive_seconds = connect.keep_alive_seconds;
    let (end_sender, mut end) = mpsc::unbounded_channel();
    let wake = Arc::new(Notify::new());
    let entered = Connection::enter(broker, *connect, &shown, &wake, end_sender).await;
    let mut connection = match entered {
        Ok(connection) => connection,
        Err(out) => {
            let _sent = timeout(WRITE_TIMEOUT, writer.write_all(&out)).await;
            return;
        }
    };
    let mut wires = Wires {
        reader,
        writer,
        buffer,
        decoder,
        wake,
        keep_alive_seconds,
        deadline: Instant::now(),
        until: shown.until.unwrap_or_else(|| Instant::now() + FOREVER),
    };
    let how = connection.run(&mut wires, &mut end).await;
    connection.leave(&mut wires, how).await;
}

/// The two ends of a connection and what was read of it.
struct Wires<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    buffer: Vec<u8>,
    decoder: Decoder,
    wake: Arc<Notify>,
    keep_alive_seconds: u16,
    deadline: Instant,
    /// When the certificate of the client expires.
    until: Instant,
}

impl Connection {
    /// Lets a client in, or gives what to tell it.
    async fn enter(
        broker: Arc<Broker>,
        connect: Connect,
        shown: &Shown,
        wake: &Arc<Notify>,
        end: mpsc::UnboundedSender<u8>,
    ) -> Result<Connection, Vec<u8>> {
        let version = connect.version;
        let mut guest = Guest::of(&broker, connect, shown)?;
        let key = session_key(&guest.peer, &guest.connect.client);
        let will = guest.connect.will.take();
        let will = will.map(|(publish, delay)| Will::of(publish, delay, shown.since()));
        let link = guest.link(broker.link(), Arc::clone(wake), end);
        let number = link.number;
        let (is_clean, expiry_seconds) = (guest.connect.is_clean, guest.expiry_seconds);
        let attached = broker.hub.attach(&key, is_clean, expiry_seconds, link, will.as_ref());
        // From here on a revocation ends the connection; one that came before is seen here.
        let refused = if !shown.holds(broker.front.registry()) {
            Some(refusal(version, reason::NOT_AUTHORISED, 5))
        } else if let Some(kept) = attached.kept
            && kept.await.is_err()
        {
            Some(refusal(version, reason::UNSPECIFIED, 3))
        } else {
            None
        };
        if let Some(refused) = refused {
            broker.hub.detach(&key, number, None, None);
            attached.will.iter().for_each(|will| broker.hub.forget_will(&key, *will));
            return Err(refused);
        }
        if let Some(kept) = broker.hub.settle(&key, number) {
            // Where that can't be kept, the will comes again after a restart, and nothing is lost.
            let _kept = kept.await;
        }
        let out = guest.welcome(&broker.settings, attached.is_present);
        let packet_max = guest.connect.properties.packet_maximum;
        let mut connection = Connection {
            broker,
            peer: guest.peer,
            version,
            key,
            link: number,
            out,
            steps: FuturesOrdered::new(),
            acks: FuturesOrdered::new(),
            unacknowledged: HashSet::new(),
            aliases: HashMap::new(),
            expiry_seconds,
            packet_max: packet_max.map_or(usize::MAX, |it| it as usize),
            will: attached.will.zip(will),
        };
        connection.send(attached.again);
        wake.notify_one();
        Ok(connection)
    }

    /// Serves until the end.
    async fn run<S: AsyncRead + AsyncWrite + Send>(
        &mut self,
        wires: &mut Wires<S>,
        end: &mut mpsc::UnboundedReceiver<u8>,
    ) -> End {
        let patience = match wires.keep_alive_seconds {
            0 => FOREVER,
            seconds => Duration::from_millis(u64::from(seconds) * 1500),
        };
        wires.deadline = Instant::now() + patience;
        // It is set anew when it fires too early: a timer for each packet would cost more than it.
        let mut silence = std::pin::pin!(sleep_until(wires.deadline));
        let mut certified = std::pin::pin!(sleep_until(wires.until));
        // What came with CONNECT.
        if let Err(how) = self.packets(wires) {
            return how;
        }
        let mut has_room = true;
        loop {
            if !self.flush(&mut wires.writer).await {
                return End::Lost;
            }
            let had_room = has_room;
            has_room = self.steps.len() + self.acks.len() < self.broker.settings.pending_max;
            if !(had_room && has_room) {
                // Nobody listened, so silence begins now.
                wires.deadline = Instant::now() + patience;
            }
            let went = tokio::select! {
                biased;
                // What ends it comes first: a client that never stops sending puts nothing off.
                Some(code) = end.recv() => Err(End::Server(code)),
                () = &mut certified => Err(End::Server(reason::NOT_AUTHORISED)),
                Some(ack) = self.acks.next(), if !self.acks.is_empty() => self.acknowledge(ack),
                Some(step) = self.steps.next(), if !self.steps.is_empty() => self.step(step),
                () = wires.wake.notified() => match self.deliver().await {
                    true => Ok(()),
                    false => Err(End::Server(reason::UNSPECIFIED)),
                },
                read = wires.reader.read_buf(&mut wires.buffer), if has_room => match read {
                    Ok(1..) => {
                        wires.deadline = Instant::now() + patience;
                        self.packets(wires)
                    }
                    Ok(0) | Err(_) => Err(End::Lost),
                },
                // Last: a client that has sent something isn't silent, though it isn't read yet.
                () = &mut silence => {
                    silence.as_mut().reset(wires.deadline);
                    let is_over = has_room && wires.deadline <= Instant::now();
                    if is_over { Err(End::Server(reason::KEEP_ALIVE)) } else { Ok(()) }
                }
            };
            if let Err(how) = went.and_then(|()| self.what_is_ready()) {
                return how;
            }
        }
    }

    /// Takes what is ready beside the one thing that woke us, so that it leaves in one write.
    fn what_is_ready(&mut self) -> Result<(), End> {
        while let Some(Some(step)) = self.steps.next().now_or_never() {
            self.step(step)?;
        }
        while let Some(Some(ack)) = self.acks.next().now_or_never() {
            self.acknowledge(ack)?;
        }
        Ok(())
    }

    /// Writes what is to be sent, or says that the client is lost.
    async fn flush(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> bool {
        if self.out.is_empty() {
            return true;
        }
        let writing = async {
            writer.write_all(&self.out).await?;
            writer.flush().await
        };
        let is_written = matches!(timeout(WRITE_TIMEOUT, writing).await, Ok(Ok(())));
        self.out.clear();
        is_written
    }

    /// Takes every whole packet that was read.
    fn packets<S>(&mut self, wires: &mut Wires<S>) -> Result<(), End> {
        let mut read = 0;
        let outcome = loop {
            let rest = wires.buffer.get(read..).unwrap_or(&[]);
            match wires.decoder.decode(rest) {
                Ok(Some((packet, length))) => {
                    read += length;
                    if let Err(how) = self.packet(packet) {
                        break Err(how);
                    }
                }
                Ok(None) => break Ok(()),
                Err(Fault(code, what)) => {
                    tracing::debug!(session = %self.key, what, "a client of MQTT made a fault");
                    break Err(End::Server(code));
                }
            }
        };
        wires.buffer.drain(..read);
        if wires.buffer.capacity() - wires.buffer.len() < READ_BYTES / 2 {
            wires.buffer.reserve(READ_BYTES);
        }
        outcome
    }

    fn packet(&mut self, packet: Packet) -> Result<(), End> {
        let hub = &self.broker.hub;
        match packet {
            Packet::Connect(_) => return Err(End::Server(reason::PROTOCOL)),
            Packet::Publish(publish) => self.publish(publish)?,
            Packet::Puback { id, reason: code } => {
                self.acknowledged(id, code, true);
            }
            Packet::Pubrec { id, reason: code } => {
                let is_known = self.acknowledged(id, code, false);
                // A client that refuses a message is done with it.
                if code < 0x80 {
                    let code = if is_known { reason::SUCCESS } else { reason::UNKNOWN_PACKET_ID };
                    codec::ack(&mut self.out, self.version, PUBREL, id, code);
                }
            }
            Packet::Pubcomp { id } => {
                self.acknowledged(id, reason::SUCCESS, true);
            }
            Packet::Pubrel { id } => {
                let (was, kept) = hub.note_incoming(&self.key, id, false);
                let code = if was { reason::SUCCESS } else { reason::UNKNOWN_PACKET_ID };
                let mut packet = Vec::new();
                codec::ack(&mut packet, self.version, PUBCOMP, id, code);
                self.answer(packet, None, kept);
            }
            Packet::Subscribe { id, subscription, filters } => {
                self.subscribe(id, subscription, filters)?;
            }
            Packet::Unsubscribe { id, filters } => {
                let (codes, kept) = hub.unsubscribe(&self.key, &filters);
                let mut out = Vec::new();
                codec::unsuback(&mut out, self.version, id, &codes);
                self.answer(out, None, kept);
            }
            Packet::Pingreq => codec::pingresp(&mut self.out),
            Packet::Disconnect { reason: code, expiry } => {
                // A session that was to end with its connection can't be made to last.
                if self.expiry_seconds == 0 && expiry.is_some_and(|expiry| expiry > 0) {
                    return Err(End::Server(reason::PROTOCOL));
                }
                return Err(End::Client(code, expiry));
            }
        }
        Ok(())
    }

    /// Takes the client's word on a message that it was sent (`is_last`: that it is done with it),
    /// and says whether there is such a message.
    fn acknowledged(&self, id: u16, code: u8, is_last: bool) -> bool {
        match code {
            0x80.. => self.broker.hub.refused(&self.key, self.link, id),
            _ => self.broker.hub.acknowledged(&self.key, self.link, id, is_last),
        }
    }

    fn subscribe(
        &mut self,
        id: u16,
        subscription: Option<u32>,
        filters: Vec<(String, Wish)>,
    ) -> Result<(), End> {
        let mut judged = Vec::new();
        for (filter, mut wish) in filters {
            let is_shared = filter.starts_with("$share/");
            if is_shared && wish.no_local {
                return Err(End::Server(reason::PROTOCOL));
            }
            wish.qos = Qos::of(self.broker.settings.qos_maximum).unwrap_or_default().min(wish.qos);
            let inner = topic::group_and_filter(&filter).map_or(filter.as_str(), |it| it.1);
            let may = topic::may_subscribe(&self.peer, self.broker.front.registry(), inner);
            let is_filter = topic::group_and_filter(&filter).is_some();
            let code = match (is_filter, may) {
                (false, _) => reason::FILTER,
                (true, false) => reason::NOT_AUTHORISED,
                (true, true) => reason::SUCCESS,
            };
            judged.push((filter, wish, code));
        }
        let (codes, kept) = self.broker.hub.subscribe(&self.key, subscription, &judged);
        let mut out = Vec::new();
        codec::suback(&mut out, self.version, id, &codes);
        self.answer(out, None, kept);
        Ok(())
    }

    /// Sends an answer once what it tells is kept, after those that wait already.
    fn answer(&mut self, packet: Vec<u8>, id: Option<u16>, kept: Option<Kept>) {
        let ack = Ack { packet, id, is_kept: true };
        if kept.is_none() && self.acks.is_empty() {
            return self.tell(&ack);
        }
        self.acks.push_back(Box::pin(async move {
            let is_kept = match kept {
                Some(kept) => kept.await.is_ok(),
                None => true,
            };
            Ack { is_kept, ..ack }
        }));
    }

    fn acknowledge(&mut self, ack: Ack) -> Result<(), End> {
        if !ack.is_kept {
            return Err(End::Server(reason::UNSPECIFIED));
        }
        self.tell(&ack);
        Ok(())
    }

    fn tell(&mut self, ack: &Ack) {
        if let Some(id) = ack.id {
            self.unacknowledged.remove(&id);
        }
        self.out.extend_from_slice(&ack.packet);
    }

    /// Takes a message.
    fn publish(&mut self, mut publish: Publish) -> Result<(), End> {
        self.resolve_alias(&mut publish)?;
        let settings = &self.broker.settings;
        if publish.qos.bits() > settings.qos_maximum {
            return Err(End::Server(reason::QOS));
        }
        if publish.is_retained && !settings.retains {
            return Err(End::Server(reason::RETAIN));
        }
        if publish.qos != Qos::AtMostOnce {
            let is_again = publish.qos == Qos::ExactlyOnce
                && self.broker.hub.has_incoming(&self.key, publish.id);
            if is_again {
                // It came before; only our word for it was lost.
                let mut packet = Vec::new();
                codec::ack(&mut packet, self.version, PUBREC, publish.id, reason::SUCCESS);
                self.answer(packet, None, None);
                return Ok(());
            }
            let waiting = || self.unacknowledged.len() + self.broker.hub.incoming(&self.key);
            let receive_maximum = usize::from(settings.receive_maximum);
            if self.version == Version::V5 && waiting() >= receive_maximum {
                return Err(End::Server(reason::RECEIVE_MAXIMUM));
            }
            self.unacknowledged.insert(publish.id);
        }
        let step = self.take(publish);
        self.steps.push_back(step);
        Ok(())
    }

    /// Puts the topic in the place of its number.
    fn resolve_alias(&mut self, publish: &mut Publish) -> Result<(), End> {
        let Some(alias) = publish.properties.topic_alias.take() else { return Ok(()) };
        if alias == 0 || alias > self.broker.settings.topic_alias_maximum {
            return Err(End::Server(reason::TOPIC_ALIAS));
        }
        if publish.topic.is_empty() {
            let topic = self.aliases.get(&alias).ok_or(End::Server(reason::PROTOCOL))?;
            publish.topic.clone_from(topic);
        } else {
            self.aliases.insert(alias, publish.topic.clone());
        }
        Ok(())
    }

    /// What a message needs before it is routed: readings are to be kept first.
    fn take(&self, publish: Publish) -> BoxFuture<'static, Step> {
        let registry = self.broker.front.registry();
        let is_text = publish.properties.payload_is_text == Some(true);
        let refused = if publish.topic.is_empty() || publish.topic.contains('\0') {
            Some(reason::TOPIC)
        } else if !topic::may_publish(&self.peer, registry, &publish.topic) {
            Some(reason::NOT_AUTHORISED)
        } else if is_text && std::str::from_utf8(&publish.payload).is_err() {
            Some(reason::PAYLOAD_FORMAT)
        } else {
            None
        };
        let (broker, peer) = (Arc::clone(&self.broker), self.peer.clone());
        Box::pin(async move {
            match refused {
                Some(code) => Step { publish, purpose: Use::Refused(code), outcome: Ok(()) },
                None => take(&broker, &peer, publish).await,
            }
        })
    }

    /// Routes a message of which the readings are kept, and acknowledges it.
    fn step(&mut self, step: Step) -> Result<(), End> {
        let Step { publish, purpose, outcome } = step;
        let (qos, id) = (publish.qos, publish.id);
        let routed = match (purpose, outcome) {
            (Use::Refused(code), _) => Err(code),
            (_, Err(Refusal::Closing)) => return Err(End::Server(reason::CLOSING)),
            (_, Err(_)) => Err(reason::QUOTA),
            (purpose, Ok(())) => {
                let may_refuse = purpose == Use::Message && qos != Qos::AtMostOnce;
                let message = Message::of(publish, now());
                let routed = self.broker.hub.route(&self.key, message, may_refuse);
                match routed.reason {
                    reason::QUOTA if may_refuse => Err(reason::QUOTA),
                    // Readings always have somebody who wants them.
                    _ if purpose == Use::Readings => Ok((reason::SUCCESS, routed.kept)),
                    code => Ok((code, routed.kept)),
                }
            }
        };
        if qos == Qos::AtMostOnce {
            return Ok(());
        }
        let (code, kept) = match routed {
            Ok(routed) => routed,
            // 3.1.1 has no word for a refusal. Without an acknowledgement the client sends again
            // when it comes back.
            Err(_) if self.version == Version::V311 => return Err(End::Lost),
            Err(code) => (code, None),
        };
        self.acknowledge_publish(qos, id, code, kept);
        Ok(())
    }

    fn acknowledge_publish(&mut self, qos: Qos, id: u16, code: u8, kept: Option<Kept>) {
        let mut packet = Vec::new();
        if qos == Qos::AtLeastOnce {
            codec::ack(&mut packet, self.version, PUBACK, id, code);
            return self.answer(packet, Some(id), kept);
        }
        codec::ack(&mut packet, self.version, PUBREC, id, code);
        if code >= 0x80 {
            return self.answer(packet, Some(id), kept);
        }
        // From here on it counts as one that isn't released.
        let (_, noted) = self.broker.hub.note_incoming(&self.key, id, true);
        self.answer(packet, Some(id), noted.or(kept));
    }

    /// Sends what waits for the client. What is to be delivered exactly once is sent only when its
    /// number is on stable storage.
    async fn deliver(&mut self) -> bool {
        let (outgoing, kept) = self.broker.hub.outgoing(&self.key, self.link);
        let is_exact = |it: &Outgoing| matches!(it, Outgoing::Publish(publish) if publish.qos == Qos::ExactlyOnce);
        if let Some(kept) = kept
            && outgoing.iter().any(is_exact)
            && kept.await.is_err()
        {
            return false;
        }
        self.send(outgoing);
        true
    }

    fn send(&mut self, outgoing: Vec<Outgoing>) {
        for each in outgoing {
            match each {
                Outgoing::Release(id) => {
                    codec::ack(&mut self.out, self.version, PUBREL, id, reason::SUCCESS);
                }
                Outgoing::Publish(publish) => {
                    let start = self.out.len();
                    codec::publish(&mut self.out, self.version, &publish);
                    if self.out.len() - start > self.packet_max {
                        // The client said that it takes no such packet: for us it is done with
                        // it (MQTT-3.1.2-24), but it never got it.
                        self.out.truncate(start);
                        self.broker.hub.refused(&self.key, self.link, publish.id);
                    }
                }
            }
        }
    }

    /// Ends: what was received is finished, the session is left, and the will is sent.
    async fn leave<S: AsyncRead + AsyncWrite + Send>(mut self, wires: &mut Wires<S>, how: End) {
        let (wants_will, expiry) = match &how {
            End::Client(code, expiry) => (*code == reason::WITH_WILL, *expiry),
            End::Server(code) => {
                codec::disconnect(&mut self.out, self.version, *code);
                self.flush(&mut wires.writer).await;
                (true, None)
            }
            End::Lost => (true, None),
        };
        let _closed = timeout(WRITE_TIMEOUT, wires.writer.shutdown()).await;
        while let Some(step) = self.steps.next().await {
            // Nobody is there any more to be told of a refusal.
            let _told = self.step(step);
        }
        let longest = self.broker.settings.session_expiry_seconds_max;
        let expiry = expiry.map(|expiry| expiry.min(longest));
        let hub = &self.broker.hub;
        // A server that closes leaves wills to the one after it.
        let is_left = matches!(how, End::Server(reason::CLOSING)) && hub.keeps_wills();
        let Some((number, mut will)) = self.will.take() else {
            hub.detach(&self.key, self.link, expiry, None);
            return;
        };
        let delay_seconds = will.delay_seconds.min(expiry.unwrap_or(self.expiry_seconds));
        will.due = Some(now().saturating_add(i64::from(delay_seconds) * 1_000_000));
        let anew = (delay_seconds > 0 && !is_left).then_some(&will);
        let waits = wants_will.then_some((number, anew));
        let may_wait = hub.detach(&self.key, self.link, expiry, waits);
        // Where the client is back already, a will that was to wait isn't sent.
        if !wants_will || (delay_seconds > 0 && !may_wait) {
            return hub.forget_will(&self.key, number);
        }
        if is_left {
            return;
        }
        let Connection { broker, key, .. } = self;
        tokio::spawn(will::mourn(broker, Waiting { session: key, number, will }));
    }
}

/// Has the readings of a message kept, if it is for readings.
pub(super) async fn take(broker: &Arc<Broker>, peer: &Peer, publish: Publish) -> Step {
    let (device, stream) = match topic::purpose(&publish.topic) {
        Purpose::Message => return Step { publish, purpose: Use::Message, outcome: Ok(()) },
        Purpose::Readings { device, stream } => (Some(device.to_owned()), Some(stream.to_owned())),
        Purpose::ChirpStack => (None, None),
    };
    let bytes_max = broker.front.limits().payload_bytes;
    let payload = match unpack(&publish.payload, Encoding::sniff(&publish.payload), bytes_max) {
        Ok(payload) => payload.into_owned(),
        // What can't be unpacked ends in quarantine as it is: it would be no better sent again.
        Err(_) => publish.payload.clone(),
    };
    let content_type = publish.properties.content_type.as_deref().unwrap_or("");
    let format = Format::of_content_type(content_type)
        .or_else(|| Format::of_topic(&publish.topic))
        .unwrap_or_else(|| Format::sniff(&payload));
    let (precision, peer) = (Precision::default(), peer.clone());
    let parcel = Parcel { format, payload, stream, device, precision, peer };
    let outcome = broker.front.take_together(parcel).await;
    Step { publish, purpose: Use::Readings, outcome }
}
