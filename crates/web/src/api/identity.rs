//! `/api/v1/devices/SERIAL/identity`, `/claims` and `/revoke`: how a device proves who it is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use longlead_records::devices::{CLAIM_DAYS_MAX, Serial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::answer;
use crate::api::device::decoded;
use crate::api::json::{JsonBody, unprocessable};
use crate::api::operation::{Answer, Body, JSON, Operation, Tag, body_of, of};
use crate::api::query::Named;
use crate::app::App;
use crate::page::fleet::device::device_of;
use crate::page::fleet::identity::CLAIM_DAYS;
use crate::page::fleet::{problem, request};
use crate::problem::Problem;
use crate::reader::Reader;

/// How a device proves who it is. Of each list the last few are told, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeviceIdentity")]
struct IdentityBody {
    /// Its certificates.
    certificates: Vec<CertificateBody>,
    /// Claim tokens, without the tokens themselves.
    claims: Vec<ClaimBody>,
    /// When it was revoked.
    revocations: Vec<RevocationBody>,
}

/// A certificate of a device.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeviceCertificate")]
struct CertificateBody {
    /// Its own number, in hexadecimal.
    number: String,
    /// What the device was let in by: `claim`, `factory` or `rotation`.
    proof: String,
    /// Since when it holds, in UTC.
    since: String,
    /// Until when it holds, in UTC.
    until: String,
    /// Whether it is good now.
    good: bool,
}

/// A claim token.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeviceClaim")]
struct ClaimBody {
    /// When it was made, in UTC.
    made: String,
    /// By whom.
    who: String,
    /// Until when it is good, in UTC.
    expires: String,
    /// When a device used it first; null if none did.
    used: Option<String>,
    /// When it became void, because the device was revoked; null if it isn't.
    void: Option<String>,
}

/// A revocation.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeviceRevocation")]
struct RevocationBody {
    /// When, in UTC.
    at: String,
    /// By whom.
    who: String,
    /// Why, if they said.
    why: Option<String>,
}

pub(crate) const SHOW: Operation = Operation {
    id: "getDeviceIdentity",
    tag: Tag::Fleet,
    summary: "Read how a device proves who it is",
    description: "Its certificates, claim tokens and revocations.",
    answers: &[Answer::new(200, "How it proves who it is.", of::<IdentityBody>)],
    ..Operation::NEW
};

pub(crate) async fn show(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
) -> Result<Response, Problem> {
    let device = device_of(&app, &reader, &serial).await?;
    identity(&app, &device.serial).await
}

async fn identity(app: &App, serial: &Serial) -> Result<Response, Problem> {
    let identity = app.journal().devices().identity(serial).await?;
    let now = app.now();
    let certificates = identity.certificates.iter().map(|it| CertificateBody {
        number: it.number.clone(),
        proof: it.proof.as_str().to_owned(),
        since: it.since.to_string(),
        until: it.until.to_string(),
        good: identity.holds(it, now),
    });
    let claims = identity.claims.iter().map(|it| ClaimBody {
        made: it.made.to_string(),
        who: it.who_name.clone(),
        expires: it.expires.to_string(),
        used: it.used.map(|at| at.to_string()),
        void: it.void.map(|at| at.to_string()),
    });
    let revocations = identity.revocations.iter().map(|it| RevocationBody {
        at: it.at.to_string(),
        who: it.who_name.clone(),
        why: it.why.clone(),
    });
    let body = IdentityBody {
        certificates: certificates.collect(),
        claims: claims.collect(),
        revocations: revocations.collect(),
    };
    Ok(answer::json(StatusCode::OK, &body))
}

/// For how long a claim token is good.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewClaim {
    /// Days, from 1 to 365; 7 where it isn't said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 365))]
    days: Option<u16>,
}

/// A claim token that was made.
#[derive(Debug, Serialize, JsonSchema)]
struct MadeClaim {
    /// The token, which is told this once.
    token: String,
    /// Until when it is good, in UTC.
    expires: String,
}

pub(crate) const CLAIM: Operation = Operation {
    id: "makeDeviceClaim",
    tag: Tag::Fleet,
    summary: "Make a claim token for a device",
    description: "The device sends it with its request for a certificate. It is good for one key, \
                  and told this once.",
    body: Some(Body { media: JSON, schema: body_of::<NewClaim>, example: || json!({ "days": 7 }) }),
    answers: &[Answer::new(201, "The token.", of::<MadeClaim>)],
    ..Operation::NEW
};

pub(crate) async fn claim(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let device = device_of(&app, &reader, &serial).await?;
    let told: NewClaim = decoded(body)?;
    let days = told.days.unwrap_or(CLAIM_DAYS);
    if !(1..=CLAIM_DAYS_MAX).contains(&days) {
        return Err(unprocessable(&format!("`days` is from 1 to {CLAIM_DAYS_MAX}")));
    }
    let request = request(&reader, &app, None, "api")?;
    let made = app.journal().devices().make_claim(&device.serial, days, &request).await;
    let (expires, secret) = made.map_err(problem)?;
    let body = MadeClaim { token: secret.expose().to_owned(), expires: expires.to_string() };
    Ok(answer::json(StatusCode::CREATED, &body))
}

/// Why a device is revoked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRevocation {
    /// Why, for those who ask later.
    #[serde(default)]
    why: Option<String>,
}

pub(crate) const REVOKE: Operation = Operation {
    id: "revokeDevice",
    tag: Tag::Fleet,
    summary: "Let a device in no more",
    description: "Its connections end within seconds. Its certificates, the one from the factory \
                  and open claim tokens are good no more; only a new claim token lets it in again.",
    body: Some(Body {
        media: JSON,
        schema: body_of::<NewRevocation>,
        example: || json!({ "why": "It was stolen" }),
    }),
    answers: &[Answer::new(200, "How it proves who it is now.", of::<IdentityBody>)],
    ..Operation::NEW
};

pub(crate) async fn revoke(
    State(app): State<App>,
    reader: Reader,
    Named(serial): Named<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let device = device_of(&app, &reader, &serial).await?;
    let told: NewRevocation = decoded(body)?;
    let request = request(&reader, &app, told.why.as_deref(), "api")?;
    app.journal().devices().revoke(&device.serial, &request).await.map_err(problem)?;
    identity(&app, &device.serial).await
}
