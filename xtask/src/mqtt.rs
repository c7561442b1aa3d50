//! A client of MQTT 5 that publishes with QoS 1, many messages under way at once: the load of
//! benchmarks and of the kill test. It is its own, so that our server and Mosquitto are asked by
//! the very same bytes.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

const CONNACK: u8 = 0x20;
const PUBACK: u8 = 0x40;
const DISCONNECT: u8 = 0xE0;

/// A connection that a server has taken.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) reader: Answers,
    pub(crate) writer: OwnedWriteHalf,
    /// Messages that may be under way at once.
    pub(crate) receive_maximum: u16,
}

/// What a server says.
#[derive(Debug)]
pub(crate) struct Answers {
    reader: BufReader<OwnedReadHalf>,
}

/// The acknowledgement of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) packet: u16,
    pub(crate) reason: u8,
}

impl Client {
    /// Connects with a clean start. `token` is the password of a system.
    pub(crate) async fn connect(
        address: &str,
        client: &str,
        token: Option<&str>,
    ) -> Result<Client> {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        let mut reader = Answers { reader: BufReader::new(reader) };
        writer.write_all(&connect_packet(client, token)).await?;
        let (kind, body) = timeout(PATIENCE, reader.packet()).await??;
        ensure!(kind == CONNACK, "packet 0x{kind:02x} answers a CONNECT");
        match body.as_slice() {
            [_, 0, properties @ ..] => {
                let receive_maximum = receive_maximum(properties).unwrap_or(u16::MAX);
                Ok(Client { reader, writer, receive_maximum })
            }
            [_, reason, ..] => bail!("the server refuses the connection with 0x{reason:02x}"),
            _ => bail!("a CONNACK without a reason"),
        }
    }
}

impl Answers {
    /// The next acknowledgement.
    pub(crate) async fn next(&mut self) -> Result<Acknowledgement> {
        loop {
            let (kind, body) = self.packet().await?;
            match (kind, body.as_slice()) {
                (PUBACK, [high, low, rest @ ..]) => {
                    let packet = u16::from_be_bytes([*high, *low]);
                    let reason = rest.first().copied().unwrap_or(0);
                    return Ok(Acknowledgement { packet, reason });
                }
                (DISCONNECT, body) => {
                    bail!("the server ends with 0x{:02x}", body.first().copied().unwrap_or(0));
                }
                _ => {}
            }
        }
    }

    /// Whether another answer has been read already, at least in part.
    pub(crate) fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    async fn packet(&mut self) -> Result<(u8, Vec<u8>)> {
        let kind = self.reader.read_u8().await?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let part = self.reader.read_u8().await?;
            length |= usize::from(part & 0x7F) << shift;
            shift += 7;
            if part < 0x80 {
                break;
            }
            ensure!(shift <= 21, "a length of more than four bytes");
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).await?;
        Ok((kind, body))
    }
}

/// Adds a PUBLISH with QoS 1 and no properties.
pub(crate) fn publish(topic: &str, packet: u16, is_again: bool, payload: &[u8], out: &mut Vec<u8>) {
    out.push(if is_again { 0x3A } else { 0x32 });
    length(2 + topic.len() + 3 + payload.len(), out);
    text(topic, out);
    out.extend_from_slice(&packet.to_be_bytes());
    out.push(0);
    out.extend_from_slice(payload);
}

fn connect_packet(client: &str, token: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    text("MQTT", &mut body);
    let flags = if token.is_some() { 0b1100_0010 } else { 0b0000_0010 };
    body.extend_from_slice(&[5, flags, 0, 0, 0]);
    text(client, &mut body);
    if let Some(token) = token {
        text(client, &mut body);
        text(token, &mut body);
    }
    let mut packet = vec![0x10];
    length(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}

fn text(text: &str, out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Seven bits to a byte (section 1.5.5).
fn length(mut length: usize, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(length % 128).unwrap_or(0);
        length /= 128;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}

/// The Receive Maximum among the properties of a CONNACK (section 3.2.2.3).
fn receive_maximum(properties: &[u8]) -> Option<u16> {
    // What a CONNACK may hold is far below the 128 bytes from which on a length takes two.
    let (_, mut rest) = properties.split_first()?;
    while let Some((id, after)) = rest.split_first() {
        let bytes = match id {
            0x21 => return after.first_chunk().map(|it| u16::from_be_bytes(*it)),
            0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
            0x13 | 0x22 => 2,
            0x11 | 0x27 => 4,
            // A text: its length, and so many bytes.
            0x12 | 0x1A | 0x1C | 0x1F => {
                let length = after.first_chunk().map(|it| u16::from_be_bytes(*it))?;
                2 + usize::from(length)
            }
            _ => return None,
        };
        rest = after.get(bytes..)?;
    }
    None
}

/// How fast messages are acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) messages: u64,
    pub(crate) seconds: f64,
}

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        self.messages as f64 / self.seconds
    }
}

/// Publishes so many messages on one connection with a window of messages under way, and returns
/// once each is acknowledged. `message` writes topic and payload of a number.
pub(crate) async fn pipeline(
    mut client: Client,
    messages: u64,
    window: u64,
    mut message: impl FnMut(u64, &mut String, &mut Vec<u8>),
) -> Result<()> {
    let window = window.min(client.receive_maximum.into()).max(1);
    let (mut sent, mut acknowledged) = (0_u64, 0_u64);
    let (mut out, mut topic, mut payload) = (Vec::new(), String::new(), Vec::new());
    while acknowledged < messages {
        while sent < messages && sent - acknowledged < window {
            topic.clear();
            payload.clear();
            message(sent, &mut topic, &mut payload);
            let packet = u16::try_from(sent % 60_000).unwrap_or(0) + 1;
            publish(&topic, packet, false, &payload, &mut out);
            sent += 1;
        }
        client.writer.write_all(&out).await.context("the server closed")?;
        out.clear();
        loop {
            let told = timeout(PATIENCE, client.reader.next()).await??;
            // 0x10: nobody has subscribed, which is no failure.
            ensure!(told.reason < 0x80, "message refused with 0x{:02x}", told.reason);
            acknowledged += 1;
            if !client.reader.has_more() {
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{connect_packet, length, publish, receive_maximum};

    #[test]
    fn packets_are_those_of_the_standard() {
        assert_eq!(connect_packet("D1", None), b"\x10\x0f\0\x04MQTT\x05\x02\0\0\0\0\x02D1");
        let mut out = Vec::new();
        publish("a/b", 10, true, b"hi", &mut out);
        assert_eq!(out, b"\x3A\x0a\0\x03a/b\0\x0a\0hi");
        out.clear();
        length(16_384, &mut out);
        assert_eq!(out, [0x80, 0x80, 1]);
    }

    #[test]
    fn the_receive_maximum_is_found_behind_texts() {
        assert_eq!(receive_maximum(&[0]), None);
        assert_eq!(receive_maximum(&[8, 0x12, 0, 2, b'x', b'y', 0x21, 4, 0]), Some(1024));
    }
}
