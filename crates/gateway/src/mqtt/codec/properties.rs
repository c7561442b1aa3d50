//! Properties of MQTT 5 (section 2.2.2).

use super::reason::{MALFORMED, PROTOCOL};
use super::{Fault, read::Cursor};

/// All properties that a packet may have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::mqtt) struct Properties {
    pub(in crate::mqtt) payload_is_text: Option<bool>,
    pub(in crate::mqtt) message_expiry: Option<u32>,
    pub(in crate::mqtt) content_type: Option<String>,
    pub(in crate::mqtt) response_topic: Option<String>,
    pub(in crate::mqtt) correlation: Option<Vec<u8>>,
    /// In a subscription one; in a message that is delivered as many as match.
    pub(in crate::mqtt) subscriptions: Vec<u32>,
    pub(in crate::mqtt) session_expiry: Option<u32>,
    pub(in crate::mqtt) auth_method: Option<String>,
    pub(in crate::mqtt) auth_data: Option<Vec<u8>>,
    pub(in crate::mqtt) request_problem: Option<bool>,
    pub(in crate::mqtt) will_delay: Option<u32>,
    pub(in crate::mqtt) request_response: Option<bool>,
    pub(in crate::mqtt) receive_maximum: Option<u16>,
    pub(in crate::mqtt) topic_alias_maximum: Option<u16>,
    pub(in crate::mqtt) topic_alias: Option<u16>,
    pub(in crate::mqtt) packet_maximum: Option<u32>,
    pub(in crate::mqtt) reason: Option<String>,
    pub(in crate::mqtt) user: Vec<(String, String)>,
}

/// Which properties each packet may have.
pub(super) const CONNECT: &[u8] = &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27];
pub(super) const WILL: &[u8] = &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26];
pub(super) const PUBLISH: &[u8] = &[0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26];
pub(super) const ACK: &[u8] = &[0x1f, 0x26];
pub(super) const SUBSCRIBE: &[u8] = &[0x0b, 0x26];
pub(super) const UNSUBSCRIBE: &[u8] = &[0x26];
pub(super) const DISCONNECT: &[u8] = &[0x11, 0x1f, 0x26];

impl Properties {
    /// Reads properties, of which each may stand there once, but for those of the user.
    pub(super) fn read(cursor: &mut Cursor<'_>, allowed: &[u8]) -> Result<Properties, Fault> {
        let length = cursor.varint()?;
        let mut cursor = Cursor(cursor.take(length as usize)?);
        let mut properties = Properties::default();
        let mut seen = 0_u64;
        while !cursor.0.is_empty() {
            let id = cursor.varint()?;
            let id = u8::try_from(id).ok().filter(|id| allowed.contains(id));
            let id = id.ok_or(Fault(PROTOCOL, "the packet has a property that it can't have"))?;
            let bit = 1_u64 << (id & 63);
            if id != 0x26 && seen & bit != 0 {
                return Err(Fault(PROTOCOL, "a property stands there twice"));
            }
            seen |= bit;
            properties.read_one(&mut cursor, id)?;
        }
        if properties.auth_data.is_some() && properties.auth_method.is_none() {
            return Err(Fault(PROTOCOL, "authentication data has no method"));
        }
        Ok(properties)
    }

    fn read_one(&mut self, cursor: &mut Cursor<'_>, id: u8) -> Result<(), Fault> {
        match id {
            0x01 => self.payload_is_text = Some(boolean(cursor)?),
            0x02 => self.message_expiry = Some(cursor.u32()?),
            0x03 => self.content_type = Some(cursor.string()?),
            0x08 => {
                let topic = cursor.string()?;
                if topic.is_empty() || topic.contains(['+', '#']) {
                    return Err(Fault(PROTOCOL, "the response topic is no topic name"));
                }
                self.response_topic = Some(topic);
            }
            0x09 => self.correlation = Some(cursor.bytes()?),
            0x0b => self.subscriptions.push(not_zero(cursor.varint()?)?),
            0x11 => self.session_expiry = Some(cursor.u32()?),
            0x15 => self.auth_method = Some(cursor.string()?),
            0x16 => self.auth_data = Some(cursor.bytes()?),
            0x17 => self.request_problem = Some(boolean(cursor)?),
            0x18 => self.will_delay = Some(cursor.u32()?),
            0x19 => self.request_response = Some(boolean(cursor)?),
            0x1f => self.reason = Some(cursor.string()?),
            0x21 => self.receive_maximum = Some(not_zero(cursor.u16()?)?),
            0x22 => self.topic_alias_maximum = Some(cursor.u16()?),
            // Whether zero or too high is for the connection to say.
            0x23 => self.topic_alias = Some(cursor.u16()?),
            0x26 => self.user.push((cursor.string()?, cursor.string()?)),
            0x27 => self.packet_maximum = Some(not_zero(cursor.u32()?)?),
            _ => return Err(Fault(MALFORMED, "a property is unknown")),
        }
        Ok(())
    }
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    match cursor.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fault(PROTOCOL, "a property that is 0 or 1 is neither")),
    }
}

fn not_zero<T: Default + PartialEq>(number: T) -> Result<T, Fault> {
    if number == T::default() {
        return Err(Fault(PROTOCOL, "a property is 0 and mustn't be"));
    }
    Ok(number)
}
