//! Bytes to packets. Whatever the standard calls malformed is refused here.

use super::properties::{ACK, CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, WILL};
use super::reason::{MALFORMED, PACKET_TOO_LARGE, PROTOCOL, TOPIC, UNSUPPORTED_VERSION};
use super::{Connect, Fault, Packet, Properties, Publish, Qos, Version, Wish};

/// Reads packets of one connection.
#[derive(Debug)]
pub(in crate::mqtt) struct Decoder {
    /// What the client speaks, once it has said so.
    pub(in crate::mqtt) version: Option<Version>,
    /// Bytes of the largest packet that is taken.
    pub(in crate::mqtt) packet_max: usize,
}

/// A packet, and how many bytes it had.
type Framed = Option<(Packet, usize)>;

impl Decoder {
    /// Reads the first packet of `bytes`, or nothing where it isn't there as a whole.
    pub(in crate::mqtt) fn decode(&mut self, bytes: &[u8]) -> Result<Framed, Fault> {
        let Some((length, start)) = remaining_length(bytes)? else { return Ok(None) };
        if start + length > self.packet_max {
            return Err(Fault(PACKET_TOO_LARGE, "the packet is larger than is taken"));
        }
        let Some(body) = bytes.get(start..start + length) else { return Ok(None) };
        let first = bytes.first().copied().unwrap_or(0);
        let packet = self.packet(first, Cursor(body))?;
        Ok(Some((packet, start + length)))
    }

    fn packet(&mut self, first: u8, mut cursor: Cursor<'_>) -> Result<Packet, Fault> {
        let (kind, flags) = (first >> 4, first & 0x0f);
        let expected = match kind {
            3 => flags,
            6 | 8 | 10 => 2,
            _ => 0,
        };
        if flags != expected {
            return Err(Fault(MALFORMED, "reserved flags of a packet are set"));
        }
        let Some(version) = self.version else {
            if kind != 1 {
                return Err(Fault(PROTOCOL, "the first packet isn't CONNECT"));
            }
            let connect = connect(&mut cursor)?;
            self.version = Some(connect.version);
            cursor.end()?;
            return Ok(Packet::Connect(Box::new(connect)));
        };
        let packet = match kind {
            1 => return Err(Fault(PROTOCOL, "a second CONNECT")),
            3 => return publish(cursor, flags, version).map(Packet::Publish),
            4..=7 => ack(&mut cursor, kind, version)?,
            8 => subscribe(&mut cursor, version)?,
            10 => unsubscribe(&mut cursor, version)?,
            12 => Packet::Pingreq,
            14 => disconnect(&mut cursor, version)?,
            _ => return Err(Fault(PROTOCOL, "a packet that no client sends here")),
        };
        cursor.end()?;
        Ok(packet)
    }
}

/// How long the packet is after its header, and where that header ends.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    let mut length = 0;
    for place in 0..4 {
        let Some(byte) = bytes.get(1 + place) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((length, 2 + place)));
        }
    }
    Err(Fault(MALFORMED, "the length of a packet is longer than four bytes"))
}

fn connect(cursor: &mut Cursor<'_>) -> Result<Connect, Fault> {
    if cursor.string()? != "MQTT" {
        return Err(Fault(UNSUPPORTED_VERSION, "only MQTT 3.1.1 and 5 are spoken here"));
    }
    let version = match cursor.u8()? {
        4 => Version::V311,
        5 => Version::V5,
        _ => return Err(Fault(UNSUPPORTED_VERSION, "only MQTT 3.1.1 and 5 are spoken here")),
    };
    let flags = cursor.u8()?;
    let has = |bit: u8| flags & bit != 0;
    let will_qos = Qos::of(flags >> 3 & 3).ok_or(Fault(MALFORMED, "a quality of service of 3"))?;
    let has_will = has(0x04);
    if has(0x01) || (!has_will && flags & 0x38 != 0) {
        return Err(Fault(MALFORMED, "flags of CONNECT contradict one another"));
    }
    if version == Version::V311 && has(0x40) && !has(0x80) {
        return Err(Fault(MALFORMED, "a password without a username"));
    }
    let keep_alive_seconds = cursor.u16()?;
    let properties = cursor.properties(version, CONNECT)?;
    let client = cursor.string()?;
    let will = if has_will { Some(will(cursor, version, will_qos, has(0x20))?) } else { None };
    let username = if has(0x80) { Some(cursor.string()?) } else { None };
    let password = if has(0x40) { Some(cursor.bytes()?) } else { None };
    let is_clean = has(0x02);
    Ok(Connect {
        version,
        client,
        is_clean,
        keep_alive_seconds,
        will,
        username,
        password,
        properties,
    })
}

/// The message that is sent when the client is lost, and the seconds that it waits.
fn will(
    cursor: &mut Cursor<'_>,
    version: Version,
    qos: Qos,
    is_retained: bool,
) -> Result<(Publish, u32), Fault> {
    let properties = cursor.properties(version, WILL)?;
    let delay_seconds = properties.will_delay.unwrap_or(0);
    let topic = topic_name(cursor.string()?)?;
    let payload = cursor.bytes()?;
    let will = Publish { is_dup: false, qos, is_retained, topic, id: 0, properties, payload };
    if will.topic.is_empty() {
        return Err(Fault(TOPIC, "the will has no topic"));
    }
    Ok((will, delay_seconds))
}

fn publish(mut cursor: Cursor<'_>, flags: u8, version: Version) -> Result<Publish, Fault> {
    let qos = Qos::of(flags >> 1 & 3).ok_or(Fault(MALFORMED, "a quality of service of 3"))?;
    let (is_dup, is_retained) = (flags & 8 != 0, flags & 1 != 0);
    if is_dup && qos == Qos::AtMostOnce {
        return Err(Fault(
            MALFORMED,
            "a message that is sent at most once is marked as sent again",
        ));
    }
    let topic = topic_name(cursor.string()?)?;
    let id = if qos == Qos::AtMostOnce { 0 } else { cursor.packet_id()? };
    let properties = cursor.properties(version, PUBLISH)?;
    if topic.is_empty() && properties.topic_alias.is_none() {
        return Err(Fault(PROTOCOL, "a message has neither topic nor alias"));
    }
    let payload = cursor.0.to_vec();
    Ok(Publish { is_dup, qos, is_retained, topic, id, properties, payload })
}

fn topic_name(topic: String) -> Result<String, Fault> {
    if topic.contains(['+', '#']) {
        return Err(Fault(TOPIC, "a topic name has a wildcard"));
    }
    Ok(topic)
}

fn ack(cursor: &mut Cursor<'_>, kind: u8, version: Version) -> Result<Packet, Fault> {
    let id = cursor.packet_id()?;
    let mut reason = 0;
    if version == Version::V5 && !cursor.0.is_empty() {
        reason = cursor.u8()?;
        if !cursor.0.is_empty() {
            Properties::read(cursor, ACK)?;
        }
    }
    Ok(match kind {
        4 => Packet::Puback { id, reason },
        5 => Packet::Pubrec { id, reason },
        6 => Packet::Pubrel { id },
        _ => Packet::Pubcomp { id },
    })
}

fn subscribe(cursor: &mut Cursor<'_>, version: Version) -> Result<Packet, Fault> {
    let id = cursor.packet_id()?;
    let properties = cursor.properties(version, SUBSCRIBE)?;
    let mut filters = Vec::new();
    while !cursor.0.is_empty() {
        let filter = cursor.string()?;
        filters.push((filter, wish(cursor.u8()?, version)?));
    }
    if filters.is_empty() {
        return Err(Fault(PROTOCOL, "a subscription has no filter"));
    }
    Ok(Packet::Subscribe { id, subscription: properties.subscriptions.first().copied(), filters })
}

fn wish(options: u8, version: Version) -> Result<Wish, Fault> {
    let qos = Qos::of(options & 3).ok_or(Fault(MALFORMED, "a quality of service of 3"))?;
    let reserved = if version == Version::V5 { 0xc0 } else { 0xfc };
    if options & reserved != 0 {
        return Err(Fault(MALFORMED, "reserved bits of a subscription are set"));
    }
    let retain_handling = options >> 4 & 3;
    if retain_handling == 3 {
        return Err(Fault(PROTOCOL, "a retain handling of 3"));
    }
    let (no_local, retain_as_published) = (options & 4 != 0, options & 8 != 0);
    Ok(Wish { qos, no_local, retain_as_published, retain_handling })
}

fn unsubscribe(cursor: &mut Cursor<'_>, version: Version) -> Result<Packet, Fault> {
    let id = cursor.packet_id()?;
    cursor.properties(version, UNSUBSCRIBE)?;
    let mut filters = Vec::new();
    while !cursor.0.is_empty() {
        filters.push(cursor.string()?);
    }
    if filters.is_empty() {
        return Err(Fault(PROTOCOL, "nothing is unsubscribed"));
    }
    Ok(Packet::Unsubscribe { id, filters })
}

fn disconnect(cursor: &mut Cursor<'_>, version: Version) -> Result<Packet, Fault> {
    let (mut reason, mut expiry) = (0, None);
    if version == Version::V5 && !cursor.0.is_empty() {
        reason = cursor.u8()?;
        if !cursor.0.is_empty() {
            expiry = Properties::read(cursor, DISCONNECT)?.session_expiry;
        }
    }
    Ok(Packet::Disconnect { reason, expiry })
}

/// What is left of a packet.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or(Fault(MALFORMED, "a packet is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn end(&self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault(MALFORMED, "a packet is too long")) }
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?.first().copied().unwrap_or(0))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        Ok(self.take(2)?.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        Ok(self.take(4)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    pub(super) fn varint(&mut self) -> Result<u32, Fault> {
        let mut number = 0;
        for place in 0..4 {
            let byte = self.u8()?;
            number |= u32::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault(MALFORMED, "a number is longer than four bytes"))
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        let length = self.u16()?;
        Ok(self.take(usize::from(length))?.to_vec())
    }

    pub(super) fn string(&mut self) -> Result<String, Fault> {
        let text = String::from_utf8(self.bytes()?).ok().filter(|text| !text.contains('\0'));
        text.ok_or(Fault(MALFORMED, "a text is not UTF-8, or has a zero in it"))
    }

    fn packet_id(&mut self) -> Result<u16, Fault> {
        match self.u16()? {
            0 => Err(Fault(PROTOCOL, "a packet has the number 0")),
            id => Ok(id),
        }
    }

    fn properties(&mut self, version: Version, allowed: &[u8]) -> Result<Properties, Fault> {
        match version {
            Version::V5 => Properties::read(self, allowed),
            Version::V311 => Ok(Properties::default()),
        }
    }
}
