//! Packets to bytes.

use super::{Publish, Qos, Version};
use crate::mqtt::Settings;

/// Answers CONNECT. What the server is ready for is told to clients of MQTT 5.
pub(in crate::mqtt) fn connack(
    out: &mut Vec<u8>,
    version: Version,
    code: u8,
    is_present: bool,
    told: Option<(&Settings, Option<u32>, Option<&str>)>,
) {
    let mut body = vec![u8::from(is_present), code];
    if version == Version::V5 {
        let mut properties = Vec::new();
        if let Some((settings, session_expiry, assigned)) = told {
            if let Some(expiry) = session_expiry {
                properties.push(0x11);
                properties.extend(expiry.to_be_bytes());
            }
            properties.push(0x21);
            properties.extend(settings.receive_maximum.to_be_bytes());
            if settings.qos_maximum < 2 {
                properties.extend([0x24, settings.qos_maximum]);
            }
            if !settings.retains {
                properties.extend([0x25, 0]);
            }
            properties.push(0x27);
            properties
                .extend(u32::try_from(settings.packet_bytes_max).unwrap_or(u32::MAX).to_be_bytes());
            if let Some(client) = assigned {
                properties.push(0x12);
                text(&mut properties, client.as_bytes());
            }
            properties.push(0x22);
            properties.extend(settings.topic_alias_maximum.to_be_bytes());
        }
        with_length(&mut body, &properties);
    }
    packet(out, 0x20, &body);
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP, by the first byte of each.
pub(in crate::mqtt) fn ack(out: &mut Vec<u8>, version: Version, first: u8, id: u16, code: u8) {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 && code != 0 {
        body.push(code);
    }
    packet(out, first, &body);
}

pub(in crate::mqtt) fn suback(out: &mut Vec<u8>, version: Version, id: u16, codes: &[u8]) {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
        body.extend(codes);
    } else {
        // 3.1.1 knows one failure.
        body.extend(codes.iter().map(|code| (*code).min(0x80)));
    }
    packet(out, 0x90, &body);
}

pub(in crate::mqtt) fn unsuback(out: &mut Vec<u8>, version: Version, id: u16, codes: &[u8]) {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
        body.extend(codes);
    }
    packet(out, 0xb0, &body);
}

pub(in crate::mqtt) fn pingresp(out: &mut Vec<u8>) {
    packet(out, 0xd0, &[]);
}

/// Ends a connection of MQTT 5; in 3.1.1 a server has no word for it.
pub(in crate::mqtt) fn disconnect(out: &mut Vec<u8>, version: Version, code: u8) {
    if version == Version::V5 {
        packet(out, 0xe0, &[code, 0]);
    }
}

pub(in crate::mqtt) fn publish(out: &mut Vec<u8>, version: Version, publish: &Publish) {
    let mut body = Vec::with_capacity(publish.topic.len() + publish.payload.len() + 16);
    text(&mut body, publish.topic.as_bytes());
    if publish.qos != Qos::AtMostOnce {
        body.extend(publish.id.to_be_bytes());
    }
    if version == Version::V5 {
        let mut properties = Vec::new();
        publish_properties(&mut properties, publish);
        with_length(&mut body, &properties);
    }
    body.extend(&publish.payload);
    let flags =
        u8::from(publish.is_dup) << 3 | publish.qos.bits() << 1 | u8::from(publish.is_retained);
    packet(out, 0x30 | flags, &body);
}

fn publish_properties(out: &mut Vec<u8>, publish: &Publish) {
    let properties = &publish.properties;
    if let Some(is_text) = properties.payload_is_text {
        out.extend([0x01, u8::from(is_text)]);
    }
    if let Some(expiry) = properties.message_expiry {
        out.push(0x02);
        out.extend(expiry.to_be_bytes());
    }
    if let Some(content_type) = &properties.content_type {
        out.push(0x03);
        text(out, content_type.as_bytes());
    }
    if let Some(topic) = &properties.response_topic {
        out.push(0x08);
        text(out, topic.as_bytes());
    }
    if let Some(correlation) = &properties.correlation {
        out.push(0x09);
        text(out, correlation);
    }
    for subscription in &properties.subscriptions {
        out.push(0x0b);
        varint(out, *subscription as usize);
    }
    for (key, value) in &properties.user {
        out.push(0x26);
        text(out, key.as_bytes());
        text(out, value.as_bytes());
    }
}

fn packet(out: &mut Vec<u8>, first: u8, body: &[u8]) {
    out.push(first);
    with_length(out, body);
}

fn with_length(out: &mut Vec<u8>, body: &[u8]) {
    varint(out, body.len());
    out.extend(body);
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

/// A text or bytes with a length of 16 bits. What comes from packets is never longer.
fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes.iter().take(usize::from(length)));
}
