use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use super::{Broker, Settings};
use crate::front::{Front, Peer};

mod clients;
mod commands;
mod hostile;
mod messages;
mod protocol;
mod rate;
mod readings;
mod rights;
mod sessions;
mod wills;

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
    keep_alive_seconds: u8,
}

fn v5(client: &'static str) -> Hello {
    let (properties, will, password) = (Vec::new(), None, None);
    Hello { level: 5, client, is_clean: true, properties, will, password, keep_alive_seconds: 60 }
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
        let flags = will | password | u8::from(self.is_clean) << 1;
        body.extend([self.level, flags, 0, self.keep_alive_seconds]);
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
