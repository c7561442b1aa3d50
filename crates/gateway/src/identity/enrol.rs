//! `POST /enrol`: a request for a certificate (PKCS #10) is answered with the certificate.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, request};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use longlead_stream::Refusal;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Authority, IdentityError, Presented, Proof, Request};
use crate::front::{Front, Registry};
use crate::http::{Problem, header_token};

/// Bytes of a request for a certificate; those of RSA keys of 4096 bits have 1,700.
const REQUEST_BYTES: usize = 16 << 10;

/// How long a device may take to send them.
const PATIENCE: Duration = Duration::from_secs(30);

/// Requests that are worked on at a time: each writes to the database, where people wait too.
const AT_A_TIME: usize = 8;

/// When to ask again whose turn doesn't come.
const RETRY_AFTER_SECONDS: u32 = 30;

/// Turns of those that ask for a certificate.
#[derive(Clone, Debug)]
pub(crate) struct Enrolments(Arc<Semaphore>);

impl Default for Enrolments {
    fn default() -> Enrolments {
        Enrolments(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

/// The authority's certificate, which devices trust.
pub(crate) async fn authority(
    authority: Option<Extension<Arc<Authority>>>,
) -> Result<Response, Problem> {
    let Extension(authority) = authority.ok_or_else(Problem::needs_tls)?;
    let content = [(CONTENT_TYPE, "application/pem-certificate-chain")];
    Ok((content, authority.pem().to_owned()).into_response())
}

pub(crate) async fn enrol(
    axum::extract::State(front): axum::extract::State<Arc<Front>>,
    authority: Option<Extension<Arc<Authority>>>,
    Extension(Enrolments(turns)): Extension<Enrolments>,
    request: axum::http::Request<Body>,
) -> Result<Response, Problem> {
    // Without TLS nobody knows who asks, and anyone could read a claim token.
    let Extension(authority) = authority.ok_or_else(Problem::needs_tls)?;
    let (parts, body) = request.into_parts();
    let body = timeout(PATIENCE, to_bytes(body, REQUEST_BYTES)).await;
    let body = body.map_err(|_| Problem::malformed("the request took too long to come"))?;
    let body = body.map_err(|_| Problem::too_large(REQUEST_BYTES))?;
    // Before a claim token is used up.
    let asked = Request::read(&body).map_err(problem)?;
    let busy = Refusal::Busy { retry_after_seconds: RETRY_AFTER_SECONDS };
    let turn = timeout(PATIENCE, turns.acquire()).await.map_err(|_| Problem::from(busy))?;
    let _turn = turn.map_err(|_| Problem::from(Refusal::Closing))?;
    let (serial, by) = who(front.registry(), &parts, &asked).await?;
    // A certificate holds from the second on after its device was revoked.
    let revoked = front.registry().revoked(&serial);
    let after = revoked.map(|it| it.saturating_add(SignedDuration::from_secs(1)).unwrap_or(it));
    let since = after.unwrap_or(Timestamp::MIN).max(Timestamp::now());
    let issued = authority.issue(&asked, &serial, by, since).map_err(problem)?;
    // A certificate that nobody noted couldn't be revoked.
    if !front.registry().issued(&issued).await {
        return Err(Problem::from(Refusal::Closing));
    }
    let content = [(CONTENT_TYPE, "application/pem-certificate-chain")];
    Ok((StatusCode::CREATED, content, issued.chain).into_response())
}

/// Whose certificate it is to be: by its present one, by that of the factory, or by a claim token.
async fn who(
    registry: &dyn Registry,
    parts: &request::Parts,
    asked: &Request,
) -> Result<(String, Proof), Problem> {
    let presented = parts.extensions.get::<Presented>();
    let presented = presented.filter(|it| it.holds(registry, Timestamp::now()));
    let shown = presented.map(|presented| match presented {
        Presented::Device { serial, since, .. } => {
            (serial.clone(), Proof::Rotation { since: *since })
        }
        Presented::Factory { serial, .. } => (serial.clone(), Proof::Factory),
    });
    let found = match (shown, header_token(&parts.headers)) {
        (Some(shown), _) => Some(shown),
        (None, Some(token)) => {
            let claimed = registry.claim(&token, asked).await;
            claimed.map(|serial| (serial, Proof::Claim))
        }
        (None, None) => None,
    };
    let known = found.filter(|(serial, _)| registry.device(serial).is_some());
    known.ok_or_else(Problem::unauthorised)
}

fn problem(error: IdentityError) -> Problem {
    match error {
        IdentityError::Request(_) | IdentityError::Name { .. } | IdentityError::Serial(_) => {
            Problem::malformed(error.to_string())
        }
        IdentityError::File { .. }
        | IdentityError::Authority { .. }
        | IdentityError::Missing { .. }
        | IdentityError::Make(_)
        | IdentityError::Tls(_) => {
            tracing::error!(%error, "a certificate can't be made");
            Problem::from(Refusal::Closing)
        }
    }
}
