//! Events of ChirpStack v4, as its HTTP and MQTT integrations send them in JSON.
//!
//! An uplink gives three readings:
//!
//! - of `lorawan_uplink`, the frame: port, address, and the payload as it came;
//! - of a stream named like the device profile, what the codec made of it (`object`), where it did;
//! - of `lorawan_reception`, how it was heard: data rate, best RSSI and SNR, how many gateways.
//!
//! A frame that the device sends again, since nobody confirmed it, is heard at another time and
//! otherwise. It is the same frame, so the first two have boot and sequence for their identity; and
//! it is another reception, so the third has its time only. The time of all is the network server's.
//!
//! The device is `devEui`. The sequence is `fCnt`. ChirpStack tells no number of a session, but a
//! device that joins gets an address (`devAddr`) of its own each time, and its counter starts again:
//! so the address is the boot. It is the same for each redelivery, and doesn't depend on the order in
//! which events arrive. (A device that is activated by personalisation and resets its counter keeps
//! its address; its frames then meet the identity of older ones and end in quarantine.)
//!
//! Other events are readings of `lorawan_join`, `lorawan_status`, `lorawan_ack`, `lorawan_txack`,
//! `lorawan_log`, `lorawan_location` and `lorawan_integration`.

use longlead_stream::{Captured, Head, Name, Value};

use super::tree::Node;
use super::writer::{Fault, Writer};
use super::{instant, reading};

/// What every event has, and no reading keeps as a value.
const ENVELOPE: [&str; 4] = ["deviceInfo", "deduplicationId", "time", "regionConfigId"];

/// Reads one event.
pub(super) fn read(writer: &mut Writer<'_>, node: Node<'_>) {
    if !writer.has_room() {
        return;
    }
    if let Err(fault) = try_read(writer, &node) {
        writer.refuse(fault, &node.to_json());
    }
}

fn try_read(writer: &mut Writer<'_>, event: &Node<'_>) -> Result<(), Fault> {
    let info = event.get("deviceInfo").ok_or("an event has \"deviceInfo\"")?;
    let device = info.get("devEui").and_then(Node::as_text).ok_or("the event has no \"devEui\"")?;
    let device = writer.device_name(device)?;
    let time = event.get("time").ok_or("the event has no \"time\"")?;
    let captured = match instant::captured(time)? {
        Captured::At(at) => Captured::Heard(at),
        other => other,
    };
    let boot = event.get("devAddr").map(address).transpose()?;
    let kind = kind(event).ok_or("it is no event of ChirpStack that is known")?;
    let stream = writer.stream_name(&format!("lorawan_{kind}"))?;
    let head = Head { device: Some(device), captured, boot, ..Head::of(stream) };
    if kind == "uplink" {
        return uplink(writer, event, info, head);
    }
    let Node::Map(members) = event else { return Ok(()) };
    for (key, value) in members.iter().filter(|it| !ENVELOPE.contains(&it.0.as_ref())) {
        reading::add(writer, key, value)?;
    }
    if writer.has_values() {
        writer.push(head);
        return Ok(());
    }
    Err("the event tells nothing".into())
}

/// Which event it is. The payload doesn't say, so that its fields must.
fn kind(event: &Node<'_>) -> Option<&'static str> {
    let has = |key| event.get(key).is_some();
    if has("rxInfo") || has("fCnt") {
        Some("uplink")
    } else if has("margin") {
        Some("status")
    } else if has("acknowledged") {
        Some("ack")
    } else if has("gatewayId") {
        Some("txack")
    } else if has("level") && has("code") {
        Some("log")
    } else if has("location") {
        Some("location")
    } else if has("integrationName") {
        Some("integration")
    } else {
        has("devAddr").then_some("join")
    }
}

/// An address of 32 bits, in hexadecimal.
fn address(node: &Node<'_>) -> Result<u64, Fault> {
    let text = node.as_text().unwrap_or("");
    let address = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 8);
    address.map(u64::from).ok_or_else(|| "\"devAddr\" is eight hexadecimal digits".into())
}

fn uplink(
    writer: &mut Writer<'_>,
    event: &Node<'_>,
    info: &Node<'_>,
    head: Head,
) -> Result<(), Fault> {
    // What is zero may be left out in this JSON (protobuf's).
    let sequence = match event.get("fCnt") {
        Some(count) => count.as_unsigned().ok_or("\"fCnt\" is a whole number")?,
        None => 0,
    };
    for key in ["fPort", "adr", "confirmed", "devAddr", "data"] {
        if let Some(value) = event.get(key) {
            reading::add(writer, key, value)?;
        }
    }
    let frame = Head { sequence: Some(sequence), ..head };
    writer.push(frame);
    object(writer, event, info, frame)?;
    if event.get("rxInfo").or_else(|| event.get("txInfo")).is_none() {
        return Ok(());
    }
    let stream = writer.stream_name("lorawan_reception")?;
    with_unit(writer, "frame", Some(Value::Unsigned(sequence)), "")?;
    reception(writer, event)?;
    writer.push(Head { stream, boot: None, ..head });
    Ok(())
}

/// What the codec made of a frame.
fn object(
    writer: &mut Writer<'_>,
    event: &Node<'_>,
    info: &Node<'_>,
    head: Head,
) -> Result<(), Fault> {
    let Some(Node::Map(members)) = event.get("object") else { return Ok(()) };
    let profile = info.get("deviceProfileName").and_then(Node::as_text).unwrap_or("");
    let stream = match writer.stream_name(profile) {
        Ok(stream) => stream,
        Err(_) => writer.stream_name("lorawan_object")?,
    };
    for (key, value) in members {
        reading::add(writer, key, value)?;
    }
    if writer.has_values() {
        writer.push(Head { stream, ..head });
    }
    Ok(())
}

/// How a frame was heard.
fn reception(writer: &mut Writer<'_>, event: &Node<'_>) -> Result<(), Fault> {
    if let Some(rate) = event.get("dr") {
        reading::add(writer, "dr", rate)?;
    }
    if let Some(transmission) = event.get("txInfo") {
        let lora = transmission.get("modulation").and_then(|it| it.get("lora"));
        let frequency = transmission.get("frequency").and_then(Node::as_unsigned);
        let lora = |key| lora.and_then(|it| it.get(key)).and_then(Node::as_unsigned);
        with_unit(writer, "frequency", frequency.map(Value::Unsigned), "Hz")?;
        with_unit(writer, "bandwidth", lora("bandwidth").map(Value::Unsigned), "Hz")?;
        with_unit(writer, "spreading_factor", lora("spreadingFactor").map(Value::Unsigned), "")?;
    }
    let Some(Node::List(receptions)) = event.get("rxInfo") else { return Ok(()) };
    let gateways = u64::try_from(receptions.len()).unwrap_or(u64::MAX);
    with_unit(writer, "gateways", Some(Value::Unsigned(gateways)), "")?;
    let rssi =
        |it: &&Node<'_>| it.get("rssi").and_then(Node::as_float).unwrap_or(f64::NEG_INFINITY);
    let best = receptions.iter().max_by(|a, b| rssi(a).total_cmp(&rssi(b)));
    let Some(best) = best else { return Ok(()) };
    // RSSI is in dBm, which UCUM has no unit for; the contract says what the number means.
    with_unit(writer, "rssi", best.get("rssi").and_then(Node::as_float).map(Value::Float), "")?;
    with_unit(writer, "snr", best.get("snr").and_then(Node::as_float).map(Value::Float), "dB")?;
    best.get("gatewayId").map_or(Ok(()), |id| reading::add(writer, "gateway", id))
}

fn with_unit(
    writer: &mut Writer<'_>,
    key: &str,
    value: Option<Value>,
    unit: &str,
) -> Result<(), Fault> {
    let Some(value) = value else { return Ok(()) };
    let name: Name = writer.field_name(key)?;
    let unit = (!unit.is_empty()).then(|| writer.batch.name(unit));
    writer.value(name, value, unit)
}
