//! The HTTP door.
//!
//! | address | takes | answers |
//! |---|---|---|
//! | `POST /ingest/v1/{stream}` | any [`crate::Format`], by content type | a receipt |
//! | `POST /ingest/v1/chirpstack` | events of ChirpStack v4 | a receipt |
//! | `POST /write`, `POST /api/v2/write` | line protocol | 204, or 400 in InfluxDB's words |
//! | `GET /ping`, `GET /health` | | that the door is open |
//! | `POST /enrol` | a request for a certificate | the certificate, behind TLS only |
//! | `GET /ca.pem` | | the certificate of the devices' authority |
//! | `GET /mqtt` | MQTT over WebSocket | |
//!
//! Bodies may be packed with gzip or Zstandard (`Content-Encoding`). A body is acknowledged once
//! everything in it is on stable storage, in a table or in quarantine. What can't be taken now is
//! answered with 429 and when to try again; nothing of it is kept.

use std::io;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use longlead_stream::Refusal;
use tokio::net::TcpListener;

use crate::front::{Front, Parcel, Peer, Taken, only_loopback};
use crate::identity::{Enrolments, Presented};
use crate::mqtt::Broker;
use crate::unpack::{UnpackError, unpack};
use crate::{Encoding, Format, Precision, identity};

mod answer;
mod influx;
mod websocket;

pub(crate) use answer::Problem;
use answer::receipt;

/// The routes of the door. Where the connection tells who is at its other end, a [`Peer`] is an
/// extension of each request.
pub fn router(front: Arc<Front>, broker: Option<Arc<Broker>>) -> Router {
    let router = match broker {
        Some(broker) => {
            Router::new().route("/mqtt", get(websocket::upgrade).layer(Extension(broker)))
        }
        None => Router::new(),
    };
    router
        .route("/enrol", post(identity::enrol).layer(Extension(Enrolments::default())))
        .route("/ca.pem", get(identity::authority))
        .route("/ingest/v1/chirpstack", post(chirpstack))
        .route("/ingest/v1/{stream}", post(ingest))
        .route("/write", post(influx::write_v1))
        .route("/api/v2/write", post(influx::write_v2))
        .route("/query", post(influx::query))
        .route("/ping", get(influx::ping))
        .route("/health", get(influx::health))
        .with_state(front)
}

/// Serves the routes to a listener without TLS. It refuses to on an address that others reach,
/// unless `may_be_reached`.
///
/// # Errors
/// The address is one that others reach, or the listener fails.
pub async fn serve_plain(
    router: Router,
    listener: TcpListener,
    may_be_reached: bool,
) -> io::Result<()> {
    only_loopback(&listener, may_be_reached)?;
    axum::serve(listener, router).await
}

async fn ingest(
    State(front): State<Arc<Front>>,
    Path(stream): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let content_type = header(request.headers(), CONTENT_TYPE);
    let format = match content_type {
        "" | "application/octet-stream" => None,
        named => Some(Format::of_content_type(named).ok_or_else(|| Problem::media(named))?),
    };
    let peer = peer(&front, &request, None)?;
    let payload = body(&front, request).await?;
    let format = format.unwrap_or_else(|| Format::sniff(&payload));
    let parcel = Parcel { stream: Some(stream), ..Parcel::of(format, payload, peer) };
    Ok(receipt(&front.take(parcel).await?))
}

async fn chirpstack(
    State(front): State<Arc<Front>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let peer = peer(&front, &request, None)?;
    let payload = body(&front, request).await?;
    Ok(receipt(&front.take(Parcel::of(Format::ChirpStack, payload, peer)).await?))
}

impl Parcel {
    fn of(format: Format, payload: Vec<u8>, peer: Peer) -> Parcel {
        let precision = Precision::default();
        Parcel { format, payload, stream: None, device: None, precision, peer }
    }
}

/// Who sends: by certificate, by token, or anyone where the door is open.
fn peer(front: &Front, request: &Request<Body>, token: Option<&str>) -> Result<Peer, Problem> {
    if let Some(peer) = request.extensions().get::<Peer>() {
        // The certificate was looked at when the connection began, which may be long ago.
        let presented = request.extensions().get::<Presented>();
        let holds = presented.is_none_or(|it| it.holds(front.registry(), Timestamp::now()));
        let is_known = match peer {
            Peer::Device(serial) => front.registry().device(serial).is_some(),
            Peer::System | Peer::Anyone => true,
        };
        return if is_known && holds { Ok(peer.clone()) } else { Err(Problem::unauthorised()) };
    }
    let token = token.map(str::to_owned).or_else(|| header_token(request.headers()));
    if token.is_some_and(|token| front.registry().is_system(&token)) {
        return Ok(Peer::System);
    }
    if front.is_open() { Ok(Peer::Anyone) } else { Err(Problem::unauthorised()) }
}

/// The token of `Token …`, `Bearer …`, or the password of `Basic …`.
pub(crate) fn header_token(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = header(headers, AUTHORIZATION).split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "token" | "bearer" => Some(credentials.trim().to_owned()),
        "basic" => {
            let pair = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
            pair.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

fn header(headers: &HeaderMap, name: axum::http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").trim()
}

/// The body, unpacked. Its bytes are at hand only once there is room for them.
async fn body(front: &Front, request: Request<Body>) -> Result<Vec<u8>, Problem> {
    let bytes_max = front.limits().payload_bytes;
    let encoding = header(request.headers(), CONTENT_ENCODING);
    let encoding = Encoding::of_header(encoding).ok_or_else(|| Problem::media(encoding))?;
    let length: Option<usize> = header(request.headers(), CONTENT_LENGTH).parse().ok();
    if length.is_some_and(|length| length > bytes_max) {
        return Err(Problem::too_large(bytes_max));
    }
    let _room = front.room(length.unwrap_or(bytes_max / 8).max(1))?;
    let packed = to_bytes(request.into_body(), bytes_max).await;
    let packed = packed.map_err(|_| Problem::too_large(bytes_max))?;
    if encoding == Encoding::Identity {
        return Ok(packed.into());
    }
    let unpacking = tokio::task::spawn_blocking(move || {
        unpack(&packed, encoding, bytes_max).map(|bytes| bytes.into_owned())
    });
    match unpacking.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(UnpackError::TooLarge { bytes_max })) => Err(Problem::too_large(bytes_max)),
        Ok(Err(error @ UnpackError::Malformed(_))) => Err(Problem::malformed(error.to_string())),
        Err(_) => Err(Refusal::Closing.into()),
    }
}

#[cfg(test)]
mod tests;
