//! MQTT over WebSocket (RFC 6455): binary messages, of which the stream of packets is made
//! (section 6 of MQTT). Where a message begins and ends says nothing there, so that frames are
//! passed on as they come and no message is ever held.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{Problem, header};
use crate::front::Front;
use crate::identity::Shown;
use crate::mqtt::Broker;

/// Bytes that wait between the two protocols.
const BRIDGE_BYTES: usize = 64 << 10;

/// Bytes of a frame that leaves.
const FRAME_BYTES: usize = 8 << 10;

/// How long a client may take to read a frame.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a server appends to a client's key (section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const CONTINUATION: u8 = 0x0;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const IS_LAST: u8 = 0x80;
const IS_MASKED: u8 = 0x80;

/// Why a connection is closed (section 7.4.1).
const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const NOT_TAKEN: u16 = 1003;
const GOING_AWAY: u16 = 1001;

pub(super) async fn upgrade(
    State(front): State<Arc<Front>>,
    Extension(broker): Extension<Arc<Broker>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let key = agreed_key(request.headers()).ok_or_else(Problem::needs_websocket)?;
    // A page of another site, opened on this machine, could speak where nobody is asked who it is.
    if front.is_open() && !is_own_origin(request.headers()) {
        return Err(Problem::forbidden("pages of other sites may not speak here"));
    }
    let shown = request.extensions().get::<Shown>().cloned().unwrap_or_default();
    // The connection may be older than a revocation.
    if !shown.holds(front.registry()) {
        return Err(Problem::unauthorised());
    }
    let accept = STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(stream) => bridge(broker, shown, TokioIo::new(stream)).await,
            Err(error) => tracing::debug!(%error, "a connection didn't become a WebSocket"),
        }
    });
    let headers: [(HeaderName, &str); 4] = [
        (UPGRADE, "websocket"),
        (CONNECTION, "Upgrade"),
        (SEC_WEBSOCKET_PROTOCOL, "mqtt"),
        (SEC_WEBSOCKET_ACCEPT, &accept),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// The client's key, if what it asks for is a WebSocket for MQTT.
fn agreed_key(headers: &HeaderMap) -> Option<String> {
    let has = |name: HeaderName, word: &str| {
        let words = headers.get_all(name).into_iter().filter_map(|it| it.to_str().ok());
        words.flat_map(|it| it.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
    };
    let is_asked = has(UPGRADE, "websocket")
        && has(CONNECTION, "upgrade")
        && has(SEC_WEBSOCKET_VERSION, "13")
        && has(SEC_WEBSOCKET_PROTOCOL, "mqtt");
    let key = header(headers, SEC_WEBSOCKET_KEY);
    let is_key = STANDARD.decode(key).is_ok_and(|key| key.len() == 16);
    (is_asked && is_key).then(|| key.to_owned())
}

/// Whether a request comes from no page, or from one of this server.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let origin = header(headers, ORIGIN);
    let host = origin.split_once("://").map_or(origin, |it| it.1);
    origin.is_empty() || host.eq_ignore_ascii_case(header(headers, HOST))
}

/// Passes bytes on in both directions, until either end closes.
async fn bridge(
    broker: Arc<Broker>,
    shown: Shown,
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) {
    let (ours, theirs) = tokio::io::duplex(BRIDGE_BYTES);
    tokio::spawn(async move { broker.serve_shown(theirs, shown).await });
    let (mut from_broker, mut to_broker) = tokio::io::split(ours);
    let (mut reader, mut writer) = tokio::io::split(socket);
    let (answers, mut answered) = tokio::sync::mpsc::channel(8);
    let mut code = NORMAL;
    let inwards = async {
        code = inwards(&mut reader, &mut to_broker, &answers).await;
        // What the broker still sends can be written, but nothing more comes.
        let _closed = to_broker.shutdown().await;
        std::future::pending::<()>().await;
    };
    let outwards = async {
        let mut buffer = vec![0; FRAME_BYTES];
        loop {
            // In no order: a client that pings without end doesn't keep the broker's last word back.
            tokio::select! {
                Some(answer) = answered.recv() => {
                    let (opcode, payload): (u8, Vec<u8>) = answer;
                    if write_frame(&mut writer, opcode, &payload).await.is_err() {
                        return false;
                    }
                }
                read = from_broker.read(&mut buffer) => {
                    let Ok(length @ 1..) = read else { return true };
                    let bytes = buffer.get(..length).unwrap_or(&[]);
                    if write_frame(&mut writer, BINARY, bytes).await.is_err() {
                        return false;
                    }
                }
            }
        }
    };
    // The broker has the last word: it is told of the end of what comes in, and ends then.
    let is_whole = tokio::select! {
        is_whole = outwards => is_whole,
        () = inwards => true,
    };
    // Who doesn't take a frame to its end takes no other after it.
    if is_whole {
        let _closed = write_frame(&mut writer, CLOSE, &code.to_be_bytes()).await;
        let _closed = timeout(WRITE_TIMEOUT, writer.shutdown()).await;
    }
}

/// Takes frames until the client closes, and gives the code to close with.
async fn inwards(
    reader: &mut (impl AsyncRead + Unpin),
    to_broker: &mut (impl AsyncWrite + Unpin),
    answers: &tokio::sync::mpsc::Sender<(u8, Vec<u8>)>,
) -> u16 {
    let mut is_within = false;
    loop {
        let Ok(head) = read_head(reader).await else { return GOING_AWAY };
        let is_control = head.opcode & 0x8 != 0;
        let is_unsound = head.has_reserved
            || (is_control && (!head.is_last || head.length > 125))
            || (head.opcode == CONTINUATION && !is_within)
            || (head.opcode == BINARY && is_within);
        let Some(mask) = head.mask.filter(|_| !is_unsound) else { return PROTOCOL_ERROR };
        let passed = match head.opcode {
            CONTINUATION | BINARY => {
                is_within = !head.is_last;
                pass(reader, to_broker, head.length, mask).await
            }
            PING | PONG | CLOSE => {
                let mut payload = Vec::new();
                let passed = pass(reader, &mut payload, head.length, mask).await;
                if head.opcode == CLOSE {
                    return NORMAL;
                }
                // A client that pings faster than it reads waits for its answers.
                if head.opcode == PING && answers.send((PONG, payload)).await.is_err() {
                    return GOING_AWAY;
                }
                passed
            }
            // Text has no place in MQTT (MQTT-6.0.0-1).
            _ => return NOT_TAKEN,
        };
        if passed.is_err() {
            return GOING_AWAY;
        }
    }
}

/// What stands before a frame's payload.
struct Head {
    is_last: bool,
    has_reserved: bool,
    opcode: u8,
    length: u64,
    mask: Option<[u8; 4]>,
}

async fn read_head(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Head> {
    let first = reader.read_u8().await?;
    let second = reader.read_u8().await?;
    let length = match second & 0x7f {
        126 => u64::from(reader.read_u16().await?),
        127 => reader.read_u64().await?,
        length => u64::from(length),
    };
    let mask = match second & IS_MASKED {
        0 => None,
        _ => Some(reader.read_u32().await?.to_be_bytes()),
    };
    let (is_last, has_reserved) = (first & IS_LAST != 0, first & 0x70 != 0);
    Ok(Head { is_last, has_reserved, opcode: first & 0xf, length, mask })
}

/// Passes a frame's payload on, without its mask.
async fn pass(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    length: u64,
    mask: [u8; 4],
) -> std::io::Result<()> {
    let mut payload = reader.take(length);
    let mut mask = mask.into_iter().cycle();
    let mut buffer = vec![0; FRAME_BYTES.min(usize::try_from(length).unwrap_or(FRAME_BYTES))];
    let mut left = length;
    while left > 0 {
        let read = payload.read(&mut buffer).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = buffer.get_mut(..read).unwrap_or_default();
        bytes.iter_mut().zip(&mut mask).for_each(|(byte, mask)| *byte ^= mask);
        writer.write_all(bytes).await?;
        left -= read as u64;
    }
    writer.flush().await
}

async fn write_frame(
    writer: &mut (impl AsyncWrite + Unpin),
    opcode: u8,
    payload: &[u8],
) -> std::io::Result<()> {
    let mut frame = Vec::with_capacity(payload.len() + 4);
    frame.push(IS_LAST | opcode);
    match u8::try_from(payload.len()) {
        Ok(length @ ..=125) => frame.push(length),
        // Frames are far shorter than 64 KiB here.
        _ => {
            frame.push(126);
            frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend(payload);
    let writing = async {
        writer.write_all(&frame).await?;
        writer.flush().await
    };
    timeout(WRITE_TIMEOUT, writing).await?
}

#[cfg(test)]
mod tests;
