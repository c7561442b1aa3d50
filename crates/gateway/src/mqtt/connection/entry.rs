//! Who is let in, and what a client is told at once.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{Notify, mpsc};

use crate::front::Peer;
use crate::identity::Shown;
use crate::mqtt::codec::{self, Connect, Decoder, Fault, Packet, Version, reason};
use crate::mqtt::session::Link;
use crate::mqtt::{Broker, Settings, topic};

/// A client that may come in.
pub(super) struct Guest {
    pub(super) peer: Peer,
    pub(super) connect: Connect,
    /// How long its session outlives the connection.
    pub(super) expiry_seconds: u32,
    /// For how long it asked.
    asked_seconds: u32,
    /// Whether it got its name from us.
    is_named_here: bool,
}

impl Guest {
    /// Who a CONNECT is from, or what to tell whom it is from.
    pub(super) fn of(
        broker: &Broker,
        mut connect: Connect,
        shown: &Shown,
    ) -> Result<Guest, Vec<u8>> {
        let version = connect.version;
        let refused = |code, old_code| refusal(version, code, old_code);
        let peer =
            who(broker, &connect, shown).ok_or_else(|| refused(reason::NOT_AUTHORISED, 5))?;
        if let Some(code) = unfit(broker, &connect, &peer) {
            return Err(refused(code, 3));
        }
        let is_named_here = connect.client.is_empty();
        if is_named_here {
            if version == Version::V311 && !connect.is_clean {
                return Err(refused(reason::CLIENT_ID, 2));
            }
            connect.client = random_client().ok_or_else(|| refused(reason::UNSPECIFIED, 3))?;
        }
        let longest = broker.settings.session_expiry_seconds_max;
        let asked_seconds = match version {
            Version::V5 => connect.properties.session_expiry.unwrap_or(0),
            Version::V311 if connect.is_clean => 0,
            Version::V311 => longest,
        };
        let expiry_seconds = asked_seconds.min(longest);
        Ok(Guest { peer, connect, expiry_seconds, asked_seconds, is_named_here })
    }

    /// The connection, as its session sees it.
    pub(super) fn link(
        &self,
        number: u64,
        wake: Arc<Notify>,
        end: mpsc::UnboundedSender<u8>,
    ) -> Link {
        let serial = match &self.peer {
            Peer::Device(serial) => Some(Arc::clone(serial)),
            Peer::System | Peer::Anyone => None,
        };
        let receive_maximum = self.connect.properties.receive_maximum.unwrap_or(u16::MAX);
        Link { number, serial, wake, end, receive_maximum, will: None }
    }

    /// CONNACK, which lets it in.
    pub(super) fn welcome(&self, settings: &Settings, is_present: bool) -> Vec<u8> {
        let expiry = self.expiry_seconds;
        let told_expiry = (self.asked_seconds != expiry).then_some(expiry);
        let told_client = self.is_named_here.then_some(self.connect.client.as_str());
        let told = (settings, told_expiry, told_client);
        let mut out = Vec::new();
        codec::connack(&mut out, self.connect.version, 0, is_present, Some(told));
        out
    }
}

/// CONNACK, which refuses a client, with the code of 5 or that of 3.1.1.
pub(super) fn refusal(version: Version, code: u8, old_code: u8) -> Vec<u8> {
    let code = if version == Version::V5 { code } else { old_code };
    let mut out = Vec::new();
    codec::connack(&mut out, version, code, false, None);
    out
}

/// Reads CONNECT. `None`: the client went away.
pub(super) async fn greet(
    reader: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
    buffer: &mut Vec<u8>,
) -> Option<Result<Box<Connect>, Fault>> {
    loop {
        match decoder.decode(buffer) {
            Ok(Some((Packet::Connect(connect), length))) => {
                buffer.drain(..length);
                return Some(Ok(connect));
            }
            Ok(Some(_)) => return None,
            Ok(None) => (),
            Err(fault) => return Some(Err(fault)),
        }
        if reader.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// The answer to a CONNECT that can't be read: nothing, if it is none.
pub(super) fn greeting_refusal(buffer: &[u8], code: u8) -> Vec<u8> {
    let mut out = Vec::new();
    if buffer.first() != Some(&0x10) {
        return out;
    }
    if code == reason::UNSUPPORTED_VERSION {
        codec::connack(&mut out, Version::V311, 1, false, None);
    } else if memchr::memmem::find(buffer, b"\0\x04MQTT\x05").is_some_and(|at| at <= 5) {
        codec::connack(&mut out, Version::V5, code, false, None);
    }
    out
}

/// Who connects. `None`: nobody who may.
fn who(broker: &Broker, connect: &Connect, shown: &Shown) -> Option<Peer> {
    let front = &broker.front;
    if let Some(peer) = &shown.peer {
        // The certificate was looked at when keys were agreed on, which may be a while ago.
        let holds = shown.holds(front.registry());
        let may = match peer {
            Peer::Device(serial) => front.registry().device(serial).is_some(),
            Peer::System | Peer::Anyone => true,
        };
        return (may && holds).then(|| peer.clone());
    }
    let token = connect.password.as_deref().and_then(|it| std::str::from_utf8(it).ok());
    if token.is_some_and(|token| front.registry().is_system(token)) {
        return Some(Peer::System);
    }
    front.is_open().then_some(Peer::Anyone)
}

/// The reason why a CONNECT that can be read isn't taken.
fn unfit(broker: &Broker, connect: &Connect, peer: &Peer) -> Option<u8> {
    if connect.properties.auth_method.is_some() {
        return Some(reason::AUTH_METHOD);
    }
    let (will, _) = connect.will.as_ref()?;
    if will.is_retained && !broker.settings.retains {
        return Some(reason::RETAIN);
    }
    if will.qos.bits() > broker.settings.qos_maximum {
        return Some(reason::QOS);
    }
    let may = topic::may_publish(peer, broker.front.registry(), &will.topic);
    (!may).then_some(reason::NOT_AUTHORISED)
}

/// A name for a client that has none.
fn random_client() -> Option<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("auto-{:016x}", u64::from_be_bytes(bytes)))
}
