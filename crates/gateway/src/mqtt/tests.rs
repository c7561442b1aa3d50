use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longlead_stream::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use super::{Broker, Settings};
use crate::front::tests::{Keeper, Sight, front, of, open_front};
use crate::front::{Front, Peer};

mod clients;
mod hostile;
mod rate;
mod rights;

/// A client that speaks bytes, so that it can be wrong where it is to be.
struct Client {
    stream: DuplexStream,
    buffer: Vec<u8>,
    is_v5: bool,
    /// Messages that came before a SUBACK, which the standard allows.
    early: VecDeque<(u8, Vec<u8>)>,
}

/// What a client says in CONNECT.
#[derive(Clone)]
struct Hello {
    level: u8,
    client: &'static str,
    is_clean: bool,
    properties: Vec<u8>,
    /// Flags, properties, topic and payload.
    will: Option<(u8, Vec<u8>, &'static str, &'static str)>,
    password: Option<&'static str>,
}

fn v5(client: &'static str) -> Hello {
    let (properties, will, password) = (Vec::new(), None, None);
    Hello { level: 5, client, is_clean: true, properties, will, password }
}

fn v311(client: &'static str) -> Hello {
    Hello { level: 4, ..v5(client) }
}

/// A client of MQTT 5 whose session lasts so many seconds.
fn lasting(client: &'static str, seconds: u32) -> Hello {
    let mut properties = vec![0x11];
    properties.extend(seconds.to_be_bytes());
    Hello { is_clean: false, properties, ..v5(client) }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).expect("short").to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(body);
    bytes
}

fn properties(of: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(of.len()).expect("short")];
    bytes.extend(of);
    bytes
}

impl Hello {
    fn bytes(&self) -> Vec<u8> {
        let mut body = text("MQTT");
        let will = self.will.as_ref().map_or(0, |will| 4 | will.0);
        let password = if self.password.is_some() { 0xc0 } else { 0 };
        body.extend([self.level, will | password | u8::from(self.is_clean) << 1, 0, 60]);
        if self.level == 5 {
            body.extend(properties(&self.properties));
        }
        body.extend(text(self.client));
        if let Some((_, of, topic, payload)) = &self.will {
            if self.level == 5 {
                body.extend(properties(of));
            }
            body.extend(text(topic));
            body.extend(text(payload));
        }
        if let Some(password) = self.password {
            body.extend(text("user"));
            body.extend(text(password));
        }
        packet(0x10, &body)
    }
}

impl Client {
    /// Connects and gives CONNACK: its flags, code and properties.
    async fn connect(broker: &Arc<Broker>, hello: &Hello, peer: Option<Peer>) -> (Client, Vec<u8>) {
        let (stream, theirs) = tokio::io::duplex(1 << 20);
        let broker = Arc::clone(broker);
        tokio::spawn(async move { broker.serve(theirs, peer).await });
        let mut client =
            Client { stream, buffer: Vec::new(), is_v5: hello.level == 5, early: VecDeque::new() };
        client.send(&hello.bytes()).await;
        let (first, body) = client.read().await;
        assert_eq!(first, 0x20, "CONNACK comes first: {body:?}");
        (client, body)
    }

    async fn enter(broker: &Arc<Broker>, hello: Hello) -> Client {
        let (client, body) = Client::connect(broker, &hello, None).await;
        assert_eq!(body[1], 0, "{} is let in", hello.client);
        client
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server reads");
    }

    /// The next packet: its first byte and what follows its length.
    async fn read(&mut self) -> (u8, Vec<u8>) {
        let reading = timeout(Duration::from_secs(10), self.next());
        reading.await.expect("a packet comes").expect("the connection is open")
    }

    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((start, length)) = frame(&self.buffer) {
                let frame: Vec<u8> = self.buffer.drain(..start + length).collect();
                return Some((frame[0], frame[start..].to_vec()));
            }
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// The packets until the server closes.
    async fn rest(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut rest = Vec::new();
        let reading = async {
            while let Some(packet) = self.next().await {
                rest.push(packet);
            }
        };
        timeout(Duration::from_secs(10), reading).await.expect("the server closes");
        rest
    }

    /// Whether nothing comes for a while.
    async fn is_silent(&mut self) -> bool {
        timeout(Duration::from_millis(150), self.next()).await.is_err()
    }

    async fn publish(&mut self, flags: u8, topic: &str, id: u16, of: &[u8], payload: &[u8]) {
        let mut body = text(topic);
        if flags & 6 != 0 {
            body.extend(id.to_be_bytes());
        }
        if self.is_v5 {
            body.extend(properties(of));
        }
        body.extend(payload);
        self.send(&packet(0x30 | flags, &body)).await;
    }

    /// Subscribes and gives the codes of SUBACK.
    async fn subscribe(&mut self, filters: &[(&str, u8)]) -> Vec<u8> {
        let mut body = vec![0, 1];
        if self.is_v5 {
            body.push(0);
        }
        for (filter, options) in filters {
            body.extend(text(filter));
            body.push(*options);
        }
        self.send(&packet(0x82, &body)).await;
        let (first, body) = loop {
            let (first, body) = self.read().await;
            if first >> 4 != 3 {
                break (first, body);
            }
            self.early.push_back((first, body));
        };
        assert_eq!((first, &body[..2]), (0x90, &[0, 1][..]));
        body[if self.is_v5 { 3 } else { 2 }..].to_vec()
    }

    /// The next message: flags, topic, number, properties and payload.
    async fn message(&mut self) -> (u8, String, u16, Vec<u8>, String) {
        let (first, body) = match self.early.pop_front() {
            Some(early) => early,
            None => self.read().await,
        };
        assert_eq!(first >> 4, 3, "a message comes, not {first:#x} {body:?}");
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + length].to_vec()).expect("UTF-8");
        let mut rest = &body[2 + length..];
        let mut id = 0;
        if first & 6 != 0 {
            id = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
        }
        let mut of = Vec::new();
        if self.is_v5 {
            let length = usize::from(rest[0]);
            of = rest[1..1 + length].to_vec();
            rest = &rest[1 + length..];
        }
        (first & 0x0f, topic, id, of, String::from_utf8(rest.to_vec()).expect("UTF-8"))
    }
}

fn frame(buffer: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for place in 0..4 {
        let byte = buffer.get(1 + place)?;
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return (buffer.len() >= 2 + place + length).then_some((2 + place, length));
        }
    }
    None
}

async fn broker_of(front: &Arc<Front>) -> Arc<Broker> {
    with(front, Settings::default()).await
}

async fn with(front: &Arc<Front>, settings: Settings) -> Arc<Broker> {
    Broker::open(Arc::clone(front), settings, None).expect("nothing to open")
}

#[tokio::test]
async fn readings_are_acknowledged_once_they_are_kept() {
    let (keeper, front) = of(Keeper::slow(200), true);
    let broker = broker_of(&front).await;
    for hello in [v5("a"), v311("b")] {
        let mut client = Client::enter(&broker, hello).await;
        let start = Instant::now();
        client.publish(2, "t/CT-1/climate", 7, &[], br#"{"seq":1,"t":4.5}"#).await;
        let (first, body) = client.read().await;
        assert_eq!((first, body), (0x40, vec![0, 7]));
        assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    }
    assert_eq!(keeper.seen(), [Sight::new("climate", "CT-1"), Sight::new("climate", "CT-1")]);
}

#[tokio::test]
async fn many_messages_are_in_flight_and_acknowledged_in_order() {
    let (_, front) = of(Keeper::slow(100), true);
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v5("a")).await;
    let start = Instant::now();
    for id in 1..=500 {
        client.publish(2, "t/CT-1/climate", id, &[], b"{\"t\":1}").await;
    }
    for id in 1..=500_u16 {
        let (first, body) = client.read().await;
        assert_eq!((first, body), (0x40, id.to_be_bytes().to_vec()));
    }
    // One at a time would take 50 s.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_format_is_told_by_content_type_or_by_the_first_bytes() {
    let (keeper, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v5("a")).await;
    let mut cbor = vec![0x03];
    cbor.extend(text("application/cbor"));
    client.publish(2, "t/CT-1/a", 1, &cbor, &[0xa1, 0x61, b't', 0x01]).await;
    client.publish(2, "t/CT-1/b", 2, &[], br#"[{"bn":"CT-2:","n":"t","v":1}]"#).await;
    client.publish(2, "t/CT-1/c", 3, &[], b"d,device=CT-2 t=1").await;
    let uplink =
        br#"{"deviceInfo":{"devEui":"e"},"time":"2026-01-01T00:00:00Z","fCnt":1,"fPort":1}"#;
    client.publish(2, "application/x/device/e/event/up", 4, &[], uplink).await;
    let bomb = zstd::encode_all(&vec![b' '; 40 << 20][..], 3).expect("memory takes bytes");
    client.publish(2, "t/CT-1/f", 5, &[], &bomb).await;
    for id in 1..=5 {
        assert_eq!(client.read().await, (0x40, vec![0, id]));
    }
    let seen = [
        Sight::new("a", "CT-1"),
        Sight::new("b", "CT-2"),
        Sight::new("d", "CT-2"),
        Sight::new("lorawan_uplink", "e"),
        Sight::unreadable("line-protocol"),
    ];
    assert_eq!(keeper.seen(), seen);
}

#[tokio::test]
async fn overload_is_told_with_a_reason_code_and_never_by_silent_loss() {
    for refusal in [Refusal::Busy { retry_after_seconds: 1 }, Refusal::DiskFull, Refusal::TooLarge]
    {
        let (keeper, front) = open_front();
        keeper.refuse(refusal);
        let broker = broker_of(&front).await;
        let mut client = Client::enter(&broker, v5("a")).await;
        client.publish(2, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
        assert_eq!(client.read().await, (0x40, vec![0, 1, 0x97]), "{refusal:?}");
        client.publish(4, "t/CT-1/a", 2, &[], b"{\"t\":1}").await;
        assert_eq!(client.read().await, (0x50, vec![0, 2, 0x97]), "{refusal:?}");
        // 3.1.1 has no word for it, so that the connection ends without an acknowledgement.
        let mut client = Client::enter(&broker, v311("b")).await;
        client.publish(2, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
        assert_eq!(client.rest().await, []);
    }
    let (keeper, front) = open_front();
    keeper.refuse(Refusal::Closing);
    let mut client = Client::enter(&broker_of(&front).await, v5("a")).await;
    client.publish(2, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
    assert_eq!(client.rest().await, [(0xe0, vec![0x8b, 0])]);
}

#[tokio::test]
async fn a_message_marked_as_sent_again_is_taken_all_the_same() {
    let (keeper, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v311("a")).await;
    // DUP is set on the first that this server ever sees.
    client.publish(0x0a, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
    client.publish(0x0a, "t/CT-1/a", 1, &[], b"{\"t\":2}").await;
    assert_eq!(client.read().await, (0x40, vec![0, 1]));
    assert_eq!(client.read().await, (0x40, vec![0, 1]));
    assert_eq!(keeper.payloads().len(), 2);
}

#[tokio::test]
async fn what_is_delivered_exactly_once_is_taken_once() {
    let (keeper, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, lasting("a", 100)).await;
    client.publish(4, "t/CT-1/a", 9, &[], b"{\"t\":1}").await;
    assert_eq!(client.read().await, (0x50, vec![0, 9]));
    drop(client);
    let mut client = Client::enter(&broker, lasting("a", 100)).await;
    client.publish(0x0c, "t/CT-1/a", 9, &[], b"{\"t\":1}").await;
    assert_eq!(client.read().await, (0x50, vec![0, 9]));
    client.send(&packet(0x62, &[0, 9])).await;
    assert_eq!(client.read().await, (0x70, vec![0, 9]));
    // Released, so that its release is unknown now, and the number stands for a new message.
    client.send(&packet(0x62, &[0, 9])).await;
    assert_eq!(client.read().await, (0x70, vec![0, 9, 0x92]));
    client.publish(4, "t/CT-1/a", 9, &[], b"{\"t\":2}").await;
    assert_eq!(client.read().await, (0x50, vec![0, 9]));
    assert_eq!(keeper.payloads().len(), 2);
}

#[tokio::test]
async fn a_message_is_sent_again_only_on_reconnect_with_its_number_and_the_mark() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    assert_eq!(device.subscribe(&[("c/CT-1/#", 1)]).await, [1]);
    let mut system = Client::enter(&broker, v5("system")).await;
    system.publish(2, "c/CT-1/reboot", 1, &[], b"now").await;
    assert_eq!(system.read().await, (0x40, vec![0, 1]));
    let (flags, topic, id, _, payload) = device.message().await;
    assert_eq!((flags, topic.as_str(), payload.as_str()), (2, "c/CT-1/reboot", "now"));
    assert!(device.is_silent().await, "nothing is sent again on the same connection");
    drop(device);
    let (mut device, connack) = Client::connect(&broker, &lasting("device", 100), None).await;
    assert_eq!(connack[0], 1, "the session is there");
    let (flags, _, again, _, payload) = device.message().await;
    assert_eq!((flags, again, payload.as_str()), (0x0a, id, "now"));
    // 0x10 says that nobody had subscribed there: the client is done with it.
    device.send(&packet(0x40, &[again.to_be_bytes().as_slice(), &[0x10]].concat())).await;
    assert!(device.is_silent().await);
    drop(device);
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    assert!(device.is_silent().await, "what was acknowledged isn't sent again");
}

#[tokio::test]
async fn a_message_that_nobody_wants_is_acknowledged_with_success() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v5("a")).await;
    client.publish(2, "news/today", 1, &[], b"x").await;
    assert_eq!(client.read().await, (0x40, vec![0, 1, 0x10]));
    let mut old = Client::enter(&broker, v311("b")).await;
    old.publish(2, "news/today", 1, &[], b"x").await;
    assert_eq!(old.read().await, (0x40, vec![0, 1]));
}

#[tokio::test]
async fn a_session_that_is_shortened_is_told_so() {
    let (_, front) = open_front();
    let settings = Settings { session_expiry_seconds_max: 60, ..Settings::default() };
    let broker = with(&front, settings).await;
    let has = |connack: &[u8]| connack.windows(5).any(|it| it == [0x11, 0, 0, 0, 60]);
    let (_, connack) = Client::connect(&broker, &lasting("a", 3600), None).await;
    assert!(has(&connack), "{connack:?}");
    let (_, connack) = Client::connect(&broker, &lasting("b", 60), None).await;
    assert!(!connack.contains(&0x11), "what was asked for isn't told again: {connack:?}");
}

#[tokio::test]
async fn waiting_commands_and_retained_messages_outlive_the_server_and_age_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (_, front) = open_front();
    let open = || Broker::open(Arc::clone(&front), Settings::default(), Some(&file));
    let expiry = |seconds: u8| vec![0x02, 0, 0, 0, seconds];
    let broker = open().expect("the file is made");
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    device.subscribe(&[("c/CT-1/#", 2)]).await;
    device.send(&[0xe0, 0]).await;
    assert_eq!(device.rest().await, []);
    let mut system = Client::enter(&broker, v5("system")).await;
    for (id, seconds, payload) in [(1, 100, "lives"), (2, 1, "dies")] {
        system.publish(2, "c/CT-1/do", id, &expiry(seconds), payload.as_bytes()).await;
        assert_eq!(system.read().await, (0x40, vec![0, id as u8]));
    }
    system.publish(3, "news", 3, &expiry(100), b"kept").await;
    assert_eq!(system.read().await, (0x40, vec![0, 3, 0x10]));
    system.publish(3, "old", 4, &expiry(1), b"gone").await;
    assert_eq!(system.read().await.1[..2], [0, 4]);
    broker.close();
    drop((system, broker));
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let broker = open().expect("the file is read");
    let (mut device, connack) = Client::connect(&broker, &lasting("device", 100), None).await;
    assert_eq!(connack[0], 1, "the session is there");
    let (flags, _, _, of, payload) = device.message().await;
    assert_eq!((flags, payload.as_str(), of[0]), (2, "lives", 0x02));
    assert!((50..=98).contains(&of[4]), "some of its 100 s are over: {of:?}");
    assert!(device.is_silent().await, "what has expired isn't sent");
    assert_eq!(device.subscribe(&[("news", 1), ("old", 1)]).await, [1, 1]);
    let (flags, topic, _, of, payload) = device.message().await;
    assert_eq!((flags & 1, topic.as_str(), payload.as_str()), (1, "news", "kept"));
    assert!((50..=98).contains(&of[4]), "some of its 100 s are over: {of:?}");
    assert!(device.is_silent().await);
}

#[tokio::test]
async fn a_will_that_needs_what_the_server_lacks_is_refused() {
    let (_, front) = open_front();
    let settings = Settings { qos_maximum: 1, retains: false, ..Settings::default() };
    let broker = with(&front, settings).await;
    for (flags, code) in [(0x20, 0x9a), (0x10, 0x9b), (0x08, 0)] {
        let will = Some((flags, Vec::new(), "news", "lost"));
        let (_, connack) = Client::connect(&broker, &Hello { will, ..v5("a") }, None).await;
        assert_eq!(connack[1], code, "{flags:#x}");
    }
}

#[tokio::test]
async fn a_will_is_sent_when_its_client_is_lost_and_not_when_it_leaves() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut watch = Client::enter(&broker, v5("watch")).await;
    watch.subscribe(&[("news", 0)]).await;
    let will = |delay: u8, payload| Some((0, vec![0x18, 0, 0, 0, delay], "news", payload));
    let lost = Client::enter(&broker, Hello { will: will(0, "lost"), ..v5("a") }).await;
    drop(lost);
    assert_eq!(watch.message().await.4, "lost");
    let mut left = Client::enter(&broker, Hello { will: will(0, "left"), ..v5("a") }).await;
    left.send(&[0xe0, 0]).await;
    assert_eq!(left.rest().await, []);
    let mut with_will = Client::enter(&broker, Hello { will: will(0, "told"), ..v5("a") }).await;
    with_will.send(&[0xe0, 1, 4]).await;
    assert_eq!(watch.message().await.4, "told");
    // A client that is back within the delay isn't mourned.
    let hello = |payload| Hello { will: will(1, payload), ..lasting("b", 100) };
    drop(Client::enter(&broker, hello("back")).await);
    let back = Client::enter(&broker, hello("gone")).await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    drop(back);
    assert_eq!(watch.message().await.4, "gone");
}

#[tokio::test]
async fn a_will_outlives_the_server_whose_end_cut_the_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (keeper, front) = open_front();
    let open = |file: &std::path::Path| {
        Broker::open(Arc::clone(&front), Settings::default(), Some(file)).expect("a file")
    };
    let broker = open(&file);
    // The watch's session lasts, so that it hears what comes while it is away.
    let mut watch = Client::enter(&broker, lasting("watch", 100)).await;
    watch.subscribe(&[("news/#", 1)]).await;
    watch.send(&[0xe0, 0]).await;
    assert_eq!(watch.rest().await, []);
    let will = |delay: u8, topic, payload| {
        Some((8, vec![0x18, 0, 0, 0, delay, 0x02, 0, 0, 0, 60], topic, payload))
    };
    let lost = Hello { will: will(0, "news/lost", "lost"), ..v5("lost") };
    let lost = Client::enter(&broker, lost).await;
    let left = Hello { will: will(0, "news/left", "left"), ..v5("left") };
    let mut left = Client::enter(&broker, left).await;
    left.send(&[0xe0, 0]).await;
    assert_eq!(left.rest().await, []);
    let back = Hello { will: will(1, "news/back", "back"), ..lasting("back", 100) };
    let mut back_once = Client::enter(&broker, back.clone()).await;
    let delayed = Hello { will: will(2, "news/late", "late"), ..lasting("late", 100) };
    drop(Client::enter(&broker, delayed).await);
    let reading = Hello { will: will(0, "t/CT-1/spoken", r#"{"t":"?"}"#), ..v5("reading") };
    let reading = Client::enter(&broker, reading).await;
    // What a killed server leaves: its file as it was at that moment.
    back_once.send(&[0xc0, 0]).await;
    assert_eq!(back_once.read().await.0, 0xd0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let killed = folder.path().join("killed.log");
    std::fs::copy(&file, &killed).expect("it is copied");
    let after = open(&killed);
    let _back = Client::enter(&after, Hello { will: None, ..back }).await;
    let mut watch = Client::enter(&after, lasting("watch", 100)).await;
    let (_, topic, _, of, payload) = watch.message().await;
    assert_eq!((topic.as_str(), payload.as_str()), ("news/lost", "lost"));
    assert!(of.starts_with(&[0x02, 0, 0, 0]) && of[4] >= 55, "it ages from now on: {of:?}");
    assert_eq!(watch.message().await.4, "late");
    assert!(watch.is_silent().await, "who left, and who is back, aren't mourned");
    assert_eq!(keeper.reasons(), ["wrong-type"], "readings are judged like any others");
    // Once they are sent they are gone.
    watch.send(&[0xe0, 0]).await;
    assert_eq!(watch.rest().await, []);
    drop(after);
    let again = folder.path().join("again.log");
    std::fs::copy(&killed, &again).expect("it is copied");
    let last = open(&again);
    let mut watch = Client::enter(&last, lasting("watch", 100)).await;
    // They weren't acknowledged, so they come again, but no others.
    for expected in ["lost", "late"] {
        let (flags, _, _, _, payload) = watch.message().await;
        assert_eq!((flags & 8, payload.as_str()), (8, expected));
    }
    assert!(watch.is_silent().await);
    drop((lost, reading, broker));
}

#[tokio::test]
async fn a_will_whose_client_came_back_without_it_is_gone_after_a_restart_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (_, front) = open_front();
    let open = |file: &std::path::Path| {
        Broker::open(Arc::clone(&front), Settings::default(), Some(file)).expect("a file")
    };
    let broker = open(&file);
    let will = |payload| Some((0, vec![0x18, 0, 0, 0, 2], "news", payload));
    let hello = Hello { will: will("stale"), ..lasting("a", 100) };
    drop(Client::enter(&broker, hello.clone()).await);
    // One that is lost for good shows that wills are sent after the restart.
    let other = Hello { will: will("lost"), ..lasting("b", 100) };
    drop(Client::enter(&broker, other).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let _back = Client::enter(&broker, Hello { will: None, ..hello }).await;
    // What a killed server leaves: its file as it was at that moment.
    let killed = folder.path().join("killed.log");
    std::fs::copy(&file, &killed).expect("it is copied");
    let after = open(&killed);
    let mut watch = Client::enter(&after, v5("watch")).await;
    watch.subscribe(&[("news", 0)]).await;
    assert_eq!(watch.message().await.4, "lost");
    let more = timeout(Duration::from_secs(1), watch.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn a_will_is_no_way_to_speak_for_others() {
    let (_, front) = front();
    let broker = broker_of(&front).await;
    let (mut system, _) =
        Client::connect(&broker, &Hello { password: Some("system-token"), ..v5("s") }, None).await;
    system.subscribe(&[("a/#", 0)]).await;
    let will = |topic| Some((0, Vec::new(), topic, "gone"));
    let known = Some(Peer::Device("CT-1".into()));
    let hello = Hello { will: will("a/CT-1/state"), ..v5("a") };
    let (device, connack) = Client::connect(&broker, &hello, known.clone()).await;
    assert_eq!(connack[1], 0);
    drop(device);
    assert_eq!(system.message().await.4, "gone");
    // A will elsewhere is refused at once.
    let hello = Hello { will: will("a/CT-2/state"), ..v5("a") };
    assert_eq!(Client::connect(&broker, &hello, known).await.1[1], 0x87);
}

#[tokio::test]
async fn a_shared_message_is_one_members_own_and_never_retained() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut system = Client::enter(&broker, v5("system")).await;
    system.publish(3, "work", 1, &[], b"before").await;
    assert_eq!(system.read().await.0, 0x40);
    let mut members = Vec::new();
    for name in ["one", "two"] {
        let mut member = Client::enter(&broker, lasting(name, 100)).await;
        assert_eq!(member.subscribe(&[("$share/g/work", 1)]).await, [1]);
        members.push(member);
    }
    for member in &mut members {
        assert!(member.is_silent().await, "what was retained is for nobody of a group");
    }
    for (id, payload) in [(2_u16, "a"), (3, "b"), (4, "c"), (5, "d")] {
        system.publish(2, "work", id, &[], payload.as_bytes()).await;
        assert_eq!(system.read().await, (0x40, vec![0, id as u8]));
    }
    let mut got = Vec::new();
    for member in &mut members {
        for _ in 0..2 {
            got.push(member.message().await.4);
        }
    }
    got.sort();
    assert_eq!(got, ["a", "b", "c", "d"], "each to one, in turn");
    // One goes: what was sent to it waits for it (MQTT-4.8.2-5), and new work is the other's.
    let away = members.remove(0);
    drop(away);
    tokio::time::sleep(Duration::from_millis(100)).await;
    system.publish(2, "work", 6, &[], b"e").await;
    assert_eq!(system.read().await, (0x40, vec![0, 6]));
    assert_eq!(members[0].message().await.4, "e");
    assert!(members[0].is_silent().await);
    let mut back = Client::enter(&broker, lasting("one", 100)).await;
    for _ in 0..2 {
        assert_eq!(back.message().await.0 & 8, 8, "its own, again");
    }
    assert!(back.is_silent().await);
}

fn command(number: i64, device: &str, seconds: i64) -> super::Command {
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let (device, name) = (device.to_owned(), "reboot".to_owned());
    super::Command { number, device, name, payload: format!("{number}"), expires }
}

#[tokio::test]
async fn a_command_waits_for_its_device_and_how_it_ended_is_told_until_it_is_noted() {
    use super::CommandEnd::{Delivered, Expired, Refused};
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (_, front) = front();
    let open = || Broker::open(Arc::clone(&front), Settings::default(), Some(&file));
    let broker = open().expect("the file is made");
    let mut ends = broker.command_ends();
    let token = Hello { password: Some("system-token"), ..v5("watch") };
    let mut watch = Client::enter(&broker, token).await;
    watch.subscribe(&[("c/#", 1)]).await;
    // The device was never here; a system that looks on isn't it.
    assert!(broker.command(command(1, "CT-1", 100)).await);
    assert!(broker.command(command(1, "CT-1", 100)).await, "it is there already");
    let (_, topic, id, of, payload) = watch.message().await;
    assert_eq!((topic.as_str(), payload.as_str()), ("c/CT-1/reboot", "1"));
    let answers = text("a/CT-1/reboot");
    assert!(of.windows(answers.len()).any(|it| it == answers), "where to answer: {of:?}");
    watch.send(&packet(0x40, &id.to_be_bytes())).await;
    assert!(watch.is_silent().await);
    assert!(ends.try_recv().is_err());
    broker.close();
    drop((watch, broker));
    let broker = open().expect("the file is read");
    let mut ends = broker.command_ends();
    let ct1 = Some(Peer::Device("CT-1".into()));
    let (mut device, _) = Client::connect(&broker, &lasting("a", 100), ct1.clone()).await;
    device.subscribe(&[("c/CT-1/#", 1)]).await;
    let (_, _, id, _, payload) = device.message().await;
    assert_eq!(payload, "1", "it waited over the restart");
    device.subscribe(&[("c/CT-1/#", 1)]).await;
    assert!(device.is_silent().await, "it is under way, and isn't queued twice");
    device.send(&packet(0x40, &id.to_be_bytes())).await;
    assert_eq!(ends.recv().await, Some((1, Delivered)));
    device.send(&[0xe0, 0]).await;
    assert_eq!(device.rest().await, []);
    // While it sleeps.
    for (number, seconds) in [(2, 100), (3, 1)] {
        assert!(broker.command(command(number, "CT-1", seconds)).await);
    }
    assert_eq!(ends.recv().await, Some((3, Expired)));
    let (mut device, _) = Client::connect(&broker, &lasting("a", 100), ct1).await;
    let (_, _, id, _, payload) = device.message().await;
    assert_eq!(payload, "2");
    device.send(&packet(0x40, &[id.to_be_bytes().as_slice(), &[0x83, 0]].concat())).await;
    assert_eq!(ends.recv().await, Some((2, Refused)));
    assert!(device.is_silent().await);
    // A command that is sent at most once is over when it is sent.
    let ct2 = Some(Peer::Device("CT-2".into()));
    let (mut other, _) = Client::connect(&broker, &v5("b"), ct2).await;
    other.subscribe(&[("c/CT-2/#", 0)]).await;
    assert!(broker.command(command(4, "CT-2", 100)).await);
    assert_eq!(other.message().await.4, "4");
    assert_eq!(ends.recv().await, Some((4, Delivered)));
    // One that is larger than what its device takes isn't delivered.
    let gateway = Some(Peer::Device("GW-1".into()));
    let hello = Hello { properties: vec![0x27, 0, 0, 0, 40], ..v5("small") };
    let (mut small, _) = Client::connect(&broker, &hello, gateway).await;
    small.subscribe(&[("c/GW-1/#", 1)]).await;
    assert!(broker.command(command(5, "GW-1", 100)).await);
    assert_eq!(ends.recv().await, Some((5, Refused)));
    broker.forget_command(5);
    // Only 1, 2 and 5 are noted; the others are told again after the next start, and not given again.
    broker.forget_command(1);
    broker.forget_command(2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    broker.close();
    drop((device, other, small, broker));
    let broker = open().expect("the file is read");
    let mut ends = broker.command_ends();
    assert_eq!(ends.recv().await, Some((3, Expired)));
    assert_eq!(ends.recv().await, Some((4, Delivered)));
    assert!(ends.try_recv().is_err());
    assert!(broker.command(command(4, "CT-2", 100)).await);
    let ct2 = Some(Peer::Device("CT-2".into()));
    let (mut other, _) = Client::connect(&broker, &v5("b"), ct2).await;
    other.subscribe(&[("c/CT-2/#", 1)]).await;
    assert!(other.is_silent().await);
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection_with_its_reason() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let twice = [0x21, 0, 1, 0x21, 0, 1].to_vec();
    let (_, connack) =
        Client::connect(&broker, &Hello { properties: twice, ..v5("a") }, None).await;
    assert_eq!(connack[1], 0x82, "a property twice");
    let (_, connack) = Client::connect(&broker, &Hello { level: 6, ..v5("a") }, None).await;
    assert_eq!(connack, [0, 1], "an unknown version");
    let body = |parts: &[&[u8]]| parts.concat();
    let cases: [(&str, Vec<u8>, u8); 12] = [
        ("a property twice", packet(0x30, &body(&[&text("t"), &[4, 1, 0, 1, 0]])), 0x82),
        (
            "a property of another packet",
            packet(0x30, &body(&[&text("t"), &[3, 0x21, 0, 1]])),
            0x82,
        ),
        ("a topic with a wildcard", packet(0x30, &body(&[&text("t/#"), &[0]])), 0x90),
        ("a number of 0", packet(0x32, &body(&[&text("t"), &[0, 0, 0]])), 0x82),
        ("a quality of service of 3", packet(0x36, &body(&[&text("t"), &[0, 1, 0]])), 0x81),
        ("a topic that is no UTF-8", packet(0x30, &[0, 1, 0xff, 0]), 0x81),
        ("a subscription to nothing", packet(0x82, &[0, 1, 0]), 0x82),
        ("reserved flags", packet(0x80, &body(&[&[0, 1, 0], &text("t"), &[0]])), 0x81),
        ("a retain handling of 3", packet(0x82, &body(&[&[0, 1, 0], &text("t"), &[0x30]])), 0x82),
        ("no local, shared", packet(0x82, &body(&[&[0, 1, 0], &text("$share/g/t"), &[4]])), 0x82),
        ("an alias that was never told", packet(0x30, &[0, 0, 3, 0x23, 0, 1]), 0x82),
        ("an alias beyond the highest", packet(0x30, &body(&[&text("t"), &[3, 0x23, 1, 0]])), 0x94),
    ];
    for (what, bytes, code) in cases {
        let mut client = Client::enter(&broker, v5("a")).await;
        client.send(&bytes).await;
        assert_eq!(client.rest().await, [(0xe0, vec![code, 0])], "{what}");
    }
    let mut client = Client::enter(&broker, v5("a")).await;
    client.send(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 9]).await;
    assert_eq!(client.rest().await, [(0xe0, vec![0x82, 0])], "a session made to last at its end");
    let mut client = Client::enter(&broker, v5("a")).await;
    client.send(&[0x30, 0xff, 0xff, 0xff, 0x7f]).await;
    assert_eq!(client.rest().await, [(0xe0, vec![0x95, 0])], "a packet of 256 MiB");
}

#[tokio::test]
async fn more_than_the_receive_maximum_ends_the_connection() {
    let (_, front) = of(Keeper::slow(5000), true);
    let broker = with(&front, Settings { receive_maximum: 3, ..Settings::default() }).await;
    let (mut client, connack) = Client::connect(&broker, &v5("a"), None).await;
    assert!(connack.windows(3).any(|it| it == [0x21, 0, 3]), "{connack:?}");
    for id in 1..=4 {
        client.publish(2, "t/CT-1/a", id, &[], b"{\"t\":1}").await;
    }
    assert_eq!(client.read().await, (0xe0, vec![0x93, 0]));
}

#[tokio::test]
async fn a_client_gets_no_more_than_it_takes() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let hello = Hello { properties: vec![0x21, 0, 2], ..v5("slow") };
    let mut slow = Client::enter(&broker, hello).await;
    slow.subscribe(&[("news", 1)]).await;
    let mut system = Client::enter(&broker, v5("system")).await;
    for id in 1..=4 {
        system.publish(2, "news", id, &[], id.to_string().as_bytes()).await;
    }
    let mut ids = Vec::new();
    for expected in ["1", "2"] {
        let (_, _, id, _, payload) = slow.message().await;
        assert_eq!(payload, expected);
        ids.push(id);
    }
    assert!(slow.is_silent().await);
    slow.send(&packet(0x40, &ids[0].to_be_bytes())).await;
    assert_eq!(slow.message().await.4, "3");
    assert!(slow.is_silent().await);
}

#[tokio::test]
async fn each_filter_has_its_own_answer() {
    let (_, front) = front();
    let broker = broker_of(&front).await;
    let peer = Some(Peer::Device("CT-1".into()));
    let filters = [("c/CT-1/#", 1), ("c/CT-2/#", 1), ("c/CT-1/#/x", 0), ("$share/g/c/CT-1/+", 2)];
    let (mut device, _) = Client::connect(&broker, &v5("a"), peer.clone()).await;
    assert_eq!(device.subscribe(&filters).await, [1, 0x87, 0x8f, 2]);
    let (mut device, _) = Client::connect(&broker, &v311("b"), peer).await;
    assert_eq!(device.subscribe(&filters).await, [1, 0x80, 0x80, 2]);
    let unsubscribe = [&[0, 2][..], &text("c/CT-1/#")].concat();
    device.send(&packet(0xa2, &unsubscribe)).await;
    assert_eq!(device.read().await, (0xb0, vec![0, 2]));
}

#[tokio::test]
async fn a_device_is_who_its_certificate_says_and_nobody_else() {
    let (keeper, front) = front();
    let broker = broker_of(&front).await;
    let device = |serial: &str| Some(Peer::Device(serial.into()));
    for (peer, password, code) in [
        (None, None, 0x87),
        (None, Some("guess"), 0x87),
        (None, Some("system-token"), 0),
        (device("unknown"), None, 0x87),
        (device("CT-1"), None, 0),
    ] {
        let hello = Hello { password, ..v5("a") };
        let (_, connack) = Client::connect(&broker, &hello, peer.clone()).await;
        assert_eq!(connack[1], code, "{peer:?} {password:?}");
    }
    let (mut client, _) = Client::connect(&broker, &v5("a"), device("CT-1")).await;
    client.publish(2, "t/CT-2/a", 1, &[], b"{\"t\":1}").await;
    assert_eq!(client.read().await, (0x40, vec![0, 1, 0x87]));
    client.publish(2, "c/CT-1/reboot", 2, &[], b"now").await;
    assert_eq!(client.read().await, (0x40, vec![0, 2, 0x87]));
    // The payload names another device than the topic.
    client.publish(2, "t/CT-1/spoken", 3, &[], br#"{"device":"CT-2","t":1}"#).await;
    assert_eq!(client.read().await, (0x40, vec![0, 3]));
    assert_eq!(keeper.reasons(), ["not-its-device"]);
    // Another device with the same client identifier has a session of its own.
    let (mut other, connack) = Client::connect(&broker, &v5("a"), device("CT-2")).await;
    assert_eq!(connack[1], 0);
    assert!(client.is_silent().await, "it isn't taken over");
    broker.revoke("CT-1");
    assert_eq!(client.rest().await, [(0xe0, vec![0x98, 0])]);
    assert!(other.is_silent().await);
}

#[tokio::test]
async fn a_second_connection_takes_the_session_over() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut first = Client::enter(&broker, lasting("a", 100)).await;
    let (_second, connack) = Client::connect(&broker, &lasting("a", 100), None).await;
    assert_eq!(connack[0], 1);
    assert_eq!(first.rest().await, [(0xe0, vec![0x8e, 0])]);
    let (_, connack) =
        Client::connect(&broker, &Hello { is_clean: true, ..lasting("a", 100) }, None).await;
    assert_eq!(connack[0], 0, "a clean start has no session before it");
}

#[tokio::test]
async fn messages_reach_those_who_subscribed() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut all = Client::enter(&broker, v5("all")).await;
    // Two filters that match: one message with the higher quality of service.
    all.subscribe(&[("a/#", 0), ("a/+/c", 1), ("no/local", 4)]).await;
    let mut members = Vec::new();
    for name in ["one", "two"] {
        let mut member = Client::enter(&broker, v311(name)).await;
        member.subscribe(&[("$share/g/a/b/c", 0)]).await;
        members.push(member);
    }
    let mut system = Client::enter(&broker, v5("system")).await;
    let mut alias = vec![0x23, 0, 5, 0x26];
    alias.extend([text("key"), text("value")].concat());
    system.publish(2, "a/b/c", 1, &alias, b"1").await;
    system.publish(2, "", 2, &alias, b"2").await;
    for expected in ["1", "2"] {
        let (flags, topic, _, of, payload) = all.message().await;
        assert_eq!((flags, topic.as_str(), payload.as_str()), (2, "a/b/c", expected));
        assert_eq!(of, [vec![0x26], text("key"), text("value")].concat());
    }
    for member in &mut members {
        let (flags, .., payload) = member.message().await;
        assert_eq!(flags, 0);
        assert!(["1", "2"].contains(&payload.as_str()));
        assert!(member.is_silent().await, "each message goes to one of the group");
    }
    all.publish(0, "no/local", 0, &[], b"3").await;
    assert!(all.is_silent().await, "it doesn't want its own");
}

#[tokio::test]
async fn a_retained_message_meets_those_who_come_later() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut system = Client::enter(&broker, v5("system")).await;
    system.publish(1, "a/b", 0, &[], b"1").await;
    system.publish(1, "a/c", 0, &[], b"2").await;
    system.publish(1, "a/c", 0, &[], b"").await;
    system.publish(3, "a", 1, &[], b"3").await;
    assert_eq!(system.read().await.0, 0x40);
    let mut late = Client::enter(&broker, v5("late")).await;
    late.subscribe(&[("a/#", 1)]).await;
    let mut met = [late.message().await, late.message().await].map(|it| (it.0 & 1, it.1, it.4));
    met.sort();
    assert_eq!(met, [(1, "a".to_owned(), "3".to_owned()), (1, "a/b".to_owned(), "1".to_owned())]);
    assert!(late.is_silent().await);
    late.subscribe(&[("a/#", 0x11)]).await;
    assert!(late.is_silent().await, "it had that subscription");
    late.subscribe(&[("a/#", 0x01)]).await;
    assert_eq!(late.message().await.0 & 1, 1);
}

#[tokio::test]
async fn a_full_queue_is_told_to_who_sends() {
    let (_, front) = open_front();
    let broker = with(&front, Settings { queue_max: 2, ..Settings::default() }).await;
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    device.subscribe(&[("c/CT-1/#", 1)]).await;
    device.send(&[0xe0, 0]).await;
    assert_eq!(device.rest().await, []);
    let mut system = Client::enter(&broker, v5("system")).await;
    for (id, code) in [(1, None), (2, None), (3, Some(0x97))] {
        system.publish(2, "c/CT-1/do", u16::from(id), &[], b"x").await;
        let expected: Vec<u8> = [0, id].into_iter().chain(code).collect();
        assert_eq!(system.read().await, (0x40, expected));
    }
}

#[tokio::test]
async fn a_silent_client_is_let_go() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut bytes = v5("a").bytes();
    // The keep-alive stands after the name of the protocol, its level and the flags.
    bytes[11] = 1;
    let (stream, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move { broker.serve(theirs, None).await });
    let mut client = Client { stream, buffer: Vec::new(), is_v5: true, early: VecDeque::new() };
    client.send(&bytes).await;
    assert_eq!(client.read().await.0, 0x20);
    client.send(&[0xc0, 0]).await;
    assert_eq!(client.read().await, (0xd0, vec![]));
    assert_eq!(client.rest().await, [(0xe0, vec![0x8d, 0])]);
}

#[tokio::test]
async fn a_plain_listener_refuses_an_address_that_others_reach() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let refused = broker.serve_plain(listener, false).await;
    assert_eq!(refused.expect_err("refused").kind(), std::io::ErrorKind::PermissionDenied);
}
