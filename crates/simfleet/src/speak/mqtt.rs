//! MQTT 5 as small devices speak it: they publish with QoS 1 and wait for acknowledgements.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::http::connect;
use super::report::Report;
use super::{Attempt, Parcel, now};
use crate::journey::Sending;

/// Messages that a device has under way, where the server allows as many.
const IN_FLIGHT: u16 = 64;

/// The longest packet that is read.
const PACKET_BYTES_MAX: usize = 1 << 16;

const CONNACK: u8 = 2;
const PUBACK: u8 = 4;
const DISCONNECT: u8 = 14;

/// The door, with the connections that are kept open: one for each device.
#[derive(Debug)]
pub(super) struct MqttDoor {
    address: String,
    token: Option<String>,
    kept: usize,
    open: VecDeque<(Arc<str>, Connection)>,
}

#[derive(Debug)]
struct Connection {
    stream: BufReader<TcpStream>,
    in_flight_max: u16,
    next_packet: u16,
}

/// What ends a connection.
#[derive(Debug)]
enum End {
    Io(io::Error),
    /// The server's reason code.
    Told(u8),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Io(error)
    }
}

impl End {
    fn text(&self) -> String {
        match self {
            End::Io(error) => format!("MQTT connection: {}", error.kind()),
            End::Told(reason) => format!("MQTT connection ended with 0x{reason:02x}"),
        }
    }
}

impl End {
    /// Whether asking again is no use: the version isn't spoken, or the client isn't let in.
    fn is_final(&self) -> bool {
        matches!(self, End::Told(0x84..=0x87 | 0x8A | 0x8C))
    }
}

impl MqttDoor {
    pub(super) fn new(address: &str, token: Option<&str>, kept: usize) -> MqttDoor {
        let token = token.map(str::to_owned);
        MqttDoor { address: address.to_owned(), token, kept, open: VecDeque::new() }
    }

    /// Publishes a parcel of one device.
    pub(super) fn deliver(
        &mut self,
        parcel: Parcel,
        report: &mut Report,
        heard: &(dyn Fn(&Sending) + Sync),
    ) -> Attempt {
        let Some(device) = parcel.first().map(|sending| Arc::clone(&sending.key.device)) else {
            return Attempt::default();
        };
        let place = self.open.iter().position(|(open, _)| *open == device);
        let connection = place.and_then(|place| self.open.remove(place)).map(|it| it.1);
        let connection = match connection {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.address, &device, self.token.as_deref()),
        };
        let mut connection = match connection {
            Ok(connection) => connection,
            Err(end) => {
                report.refuse(end.text());
                let left = if end.is_final() { Parcel::new() } else { parcel };
                return Attempt { left, wait: None };
            }
        };
        let mut settled = vec![Settled::No; parcel.len()];
        match connection.publish_all(&parcel, &mut settled, report, heard) {
            Ok(()) => {
                if self.open.len() >= self.kept
                    && let Some((_, mut oldest)) = self.open.pop_front()
                {
                    // It is told goodbye; whether that arrives doesn't matter.
                    let _ = oldest.stream.get_mut().write_all(&[DISCONNECT << 4, 0]);
                }
                self.open.push_back((device, connection));
            }
            Err(end) => report.refuse(end.text()),
        }
        let left = parcel.into_iter().zip(settled).filter(|(_, settled)| *settled == Settled::No);
        Attempt { left: left.map(|(sending, _)| sending).collect(), wait: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    No,
    Yes,
}

impl Connection {
    fn open(address: &str, device: &str, token: Option<&str>) -> Result<Connection, End> {
        let mut stream = BufReader::new(connect(address)?);
        stream.get_mut().write_all(&connect_packet(device, token))?;
        let (kind, body) = read_packet(&mut stream)?;
        match (kind >> 4, body.as_slice()) {
            (CONNACK, [_, 0, properties @ ..]) => {
                let told = receive_maximum(properties).unwrap_or(u16::MAX);
                let in_flight_max = told.clamp(1, IN_FLIGHT);
                Ok(Connection { stream, in_flight_max, next_packet: 1 })
            }
            (CONNACK, [_, reason, ..]) => Err(End::Told(*reason)),
            _ => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
    }

    /// Publishes, with a window of messages under way, until each has its answer.
    fn publish_all(
        &mut self,
        parcel: &[Sending],
        settled: &mut [Settled],
        report: &mut Report,
        heard: &(dyn Fn(&Sending) + Sync),
    ) -> Result<(), End> {
        let mut waiting: HashMap<u16, (usize, Instant)> = HashMap::new();
        let mut next = parcel.iter().enumerate();
        loop {
            let room = usize::from(self.in_flight_max) - waiting.len();
            let mut packets = Vec::new();
            for (place, sending) in next.by_ref().take(room) {
                let packet = self.next_packet;
                self.next_packet = packet.checked_add(1).unwrap_or(1);
                publish_packet(sending, packet, &mut packets);
                waiting.insert(packet, (place, now()));
            }
            if waiting.is_empty() {
                return Ok(());
            }
            self.stream.get_mut().write_all(&packets)?;
            let (packet, reason) = self.acknowledgement()?;
            let Some((place, since)) = waiting.remove(&packet) else { continue };
            if reason < 0x80
                && let (Some(settled), Some(sending)) = (settled.get_mut(place), parcel.get(place))
            {
                *settled = Settled::Yes;
                report.answered_in(since.elapsed());
                report.acknowledged += 1;
                heard(sending);
            } else {
                report.refuse(format!("MQTT PUBACK 0x{reason:02x}"));
                // Who may not speak and what is malformed stay so; all else may pass.
                if matches!(reason, 0x87 | 0x90 | 0x99)
                    && let Some(settled) = settled.get_mut(place)
                {
                    *settled = Settled::Yes;
                }
            }
        }
    }

    /// The next acknowledgement: which packet, and the reason code.
    fn acknowledgement(&mut self) -> Result<(u16, u8), End> {
        loop {
            let (kind, body) = read_packet(&mut self.stream)?;
            match (kind >> 4, body.as_slice()) {
                (PUBACK, [high, low]) => return Ok((u16::from_be_bytes([*high, *low]), 0)),
                (PUBACK, [high, low, reason, ..]) => {
                    return Ok((u16::from_be_bytes([*high, *low]), *reason));
                }
                (DISCONNECT, body) => return Err(End::Told(body.first().copied().unwrap_or(0))),
                _ => (),
            }
        }
    }
}

fn text(text: &str, packet: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(text.as_bytes());
}

/// The remaining length, seven bits to a byte (section 1.5.5).
fn length(mut length: usize, packet: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(length % 128).unwrap_or(0);
        length /= 128;
        packet.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}

fn packet(kind: u8, body: &[u8], packets: &mut Vec<u8>) {
    packets.push(kind);
    length(body.len(), packets);
    packets.extend_from_slice(body);
}

/// CONNECT (section 3.1): version 5, a clean start, no keep-alive.
fn connect_packet(device: &str, token: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    text("MQTT", &mut body);
    let flags = if token.is_some() { 0b1100_0010 } else { 0b0000_0010 };
    body.extend_from_slice(&[5, flags, 0, 0, 0]);
    text(device, &mut body);
    if let Some(token) = token {
        text(device, &mut body);
        text(token, &mut body);
    }
    let mut packets = Vec::new();
    packet(0x10, &body, &mut packets);
    packets
}

/// PUBLISH (section 3.3) with QoS 1 and no properties.
fn publish_packet(sending: &Sending, number: u16, packets: &mut Vec<u8>) {
    let mut body = Vec::with_capacity(sending.payload.len() + 48);
    text(&format!("t/{}/{}", sending.key.device, sending.key.stream.as_str()), &mut body);
    body.extend_from_slice(&number.to_be_bytes());
    body.push(0);
    body.extend_from_slice(&sending.payload);
    packet(0x32, &body, packets);
}

/// The first byte of a packet, and what stands after its length.
fn read_packet(reader: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    let [kind] = byte;
    let (mut length, mut shift) = (0, 0);
    loop {
        reader.read_exact(&mut byte)?;
        let [part] = byte;
        length |= usize::from(part & 0x7F) << shift;
        shift += 7;
        if part < 0x80 || shift > 21 {
            break;
        }
    }
    if byte >= [0x80] || length > PACKET_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((kind, body))
}

/// The receive maximum among the properties of a CONNACK (section 3.2.2.3).
fn receive_maximum(properties: &[u8]) -> Option<u16> {
    // What a CONNACK may hold is far below the 128 bytes from which on a length takes two.
    let (_, mut rest) = properties.split_first()?;
    while let Some((id, after)) = rest.split_first() {
        let bytes = match id {
            0x21 => return after.first_chunk().map(|it| u16::from_be_bytes(*it)),
            0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
            0x13 | 0x22 => 2,
            0x11 | 0x27 => 4,
            // Texts, after which the rest isn't looked for.
            _ => return None,
        };
        rest = after.get(bytes..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{connect_packet, length, read_packet, receive_maximum};

    #[test]
    fn lengths_are_written_and_read_as_the_standard_has_them() {
        // The bounds of table 1-1.
        for (number, bytes) in [
            (0, vec![0]),
            (127, vec![0x7F]),
            (128, vec![0x80, 1]),
            (16_383, vec![0xFF, 0x7F]),
            (16_384, vec![0x80, 0x80, 1]),
        ] {
            let mut packet = vec![0x40];
            length(number, &mut packet);
            assert_eq!(packet[1..], bytes);
            packet.resize(packet.len() + number, 7);
            let (kind, body) = read_packet(&mut packet.as_slice()).unwrap();
            assert_eq!((kind, body.len()), (0x40, number));
        }
    }

    #[test]
    fn a_connect_packet_is_that_of_the_standard() {
        let expected = b"\x10\x0f\0\x04MQTT\x05\x02\0\0\0\0\x02D1";
        assert_eq!(connect_packet("D1", None), expected);
    }

    #[test]
    fn the_receive_maximum_is_found_among_properties() {
        assert_eq!(receive_maximum(&[0]), None);
        assert_eq!(receive_maximum(&[3, 0x21, 1, 4]), Some(260));
        assert_eq!(receive_maximum(&[8, 0x27, 0, 0, 1, 0, 0x21, 0, 9]), Some(9));
    }
}
