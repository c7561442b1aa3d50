//! Stands before every route: who asks, whether they may, and whether the request is their own.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use longlead_records::people::network_of;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::app::{App, Settings};
use crate::problem::Problem;
use crate::reader::{Credential, FORWARDED_FOR, Reader, base, client, peer};
use crate::rights::Needs;

/// The name of the session's cookie. `__Host-` binds it to this host, but only TLS allows it.
pub(crate) fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-longlead" } else { "longlead" }
}

/// The field in which forms carry the secret that shows that they are ours.
pub(crate) const CSRF_FIELD: &str = "_csrf";

const CSRF_HEADER: &str = "x-csrf-token";

/// Lets a request through to a route if its needs are met.
pub(crate) async fn admit(
    State((app, needs)): State<(App, Needs)>,
    request: Request,
    next: Next,
) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match admitted(&app, needs, request).await {
        Ok((request, remaining)) => {
            let mut response = next.run(request).await;
            if is_api {
                told_remaining(&mut response, remaining);
            }
            response
        }
        Err(refusal) => *refusal,
    };
    if is_api {
        told_policy(&mut response, &app);
    }
    response
}

/// How much the reader may still ask at once.
fn told_remaining(response: &mut Response, remaining: u32) {
    if let Ok(value) = HeaderValue::from_str(&format!("\"reader\";r={remaining}")) {
        response.headers_mut().insert("ratelimit", value);
    }
}

/// How much one reader may ask: a burst, and the seconds after which all of it is there again.
fn told_policy(response: &mut Response, app: &App) {
    let settings = app.settings();
    let burst = settings.requests_burst.max(1);
    let seconds = burst.div_ceil(settings.requests_per_second.max(1));
    if let Ok(value) = HeaderValue::from_str(&format!("\"reader\";q={burst};w={seconds}")) {
        response.headers_mut().insert("ratelimit-policy", value);
    }
}

/// The request with its reader, and how many more the reader may send at once.
async fn admitted(
    app: &App,
    needs: Needs,
    request: Request,
) -> Result<(Request, u32), Box<Response>> {
    let (mut parts, body) = request.into_parts();
    let refuse = |problem: Problem| Box::new(problem.into_response());
    app.note_proxy(&parts);
    let reader = match identify(app, &parts).await {
        Ok(reader) => reader,
        Err(problem) => {
            // Who guesses tokens is counted like anyone else who hasn't said who they are.
            limit(app, None, &parts).map_err(refuse)?;
            return Err(refuse(problem));
        }
    };
    let remaining = limit(app, reader.as_ref(), &parts).map_err(refuse)?;
    let is_change = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if is_change {
        same_origin(&parts).map_err(refuse)?;
    }
    let Some(reader) = reader else {
        return match needs {
            Needs::Public => Ok((Request::from_parts(parts, body), remaining)),
            Needs::ReadMetrics if is_local(&parts, app.settings()) => {
                Ok((Request::from_parts(parts, body), remaining))
            }
            _ if wants_page(&parts) && parts.method == Method::GET => {
                Err(Box::new(to_sign_in(&parts)))
            }
            _ => Err(refuse(Problem::unauthenticated())),
        };
    };
    may(&reader, needs).map_err(refuse)?;
    let csrf = reader.csrf.clone();
    parts.extensions.insert(reader);
    let body = match csrf {
        Some(csrf) if is_change && needs != Needs::Public => {
            own(app, &parts, body, &csrf).await.map_err(refuse)?
        }
        _ => body,
    };
    Ok((Request::from_parts(parts, body), remaining))
}

/// Whether a program on this machine asks, and nobody through it: a proxy passes on what it is
/// asked from anywhere.
fn is_local(parts: &Parts, settings: &Settings) -> bool {
    let is_passed_on = [FORWARDED_FOR, "forwarded", "via", "x-forwarded-host", "x-real-ip"]
        .iter()
        .any(|name| parts.headers.contains_key(*name));
    let is_alone = !settings.behind_proxy && settings.public_url.is_none() && !is_passed_on;
    is_alone && peer(parts).is_some_and(|address| address.to_canonical().is_loopback())
}

/// Who asks, by token or by session. A token that isn't known is refused, not ignored.
async fn identify(app: &App, parts: &Parts) -> Result<Option<Reader>, Problem> {
    let client = client(parts, app.settings().behind_proxy);
    let base: Arc<str> = base(parts, app.settings()).into();
    let sent = parts.method == Method::POST;
    if let Some(secret) = bearer(&parts.headers) {
        let found = app.people().token(secret, app.now()).await?;
        let (token, user) = found.ok_or_else(Problem::unauthenticated)?;
        let by = Credential::Token(token.id);
        let scopes = Some(token.scopes.into());
        return Ok(Some(Reader {
            user: Arc::new(user),
            by,
            scopes,
            csrf: None,
            client,
            base,
            sent,
        }));
    }
    let Some(secret) = cookie(&parts.headers, cookie_name(app.settings().secure)) else {
        return Ok(None);
    };
    let found = app.people().session(secret, app.now()).await?;
    Ok(found.map(|(session, user)| Reader {
        user: Arc::new(user),
        by: Credential::Session(session.id),
        scopes: None,
        csrf: Some(csrf_of(secret).into()),
        client,
        base,
        sent,
    }))
}

/// Whether the reader has the role, and their token the scope.
fn may(reader: &Reader, needs: Needs) -> Result<(), Problem> {
    if !needs.met_by(reader.user.role) {
        let role = reader.user.role.as_str();
        let title = format!("The role `{role}` may not do this");
        return Err(Problem::forbidden(title).detail("Ask an owner of this Longlead."));
    }
    let Some(scopes) = &reader.scopes else {
        return Ok(());
    };
    match needs.scope() {
        Some(scope) if !scopes.contains(&scope) => {
            let title = format!("The token lacks the scope `{}`", scope.as_str());
            Err(Problem::forbidden(title).detail("Make a token that has it, under Account."))
        }
        // One's own account is for people: a token that leaks must not make others.
        None if needs == Needs::SignedIn => {
            Err(Problem::forbidden("A token can't do this; sign in instead"))
        }
        _ => Ok(()),
    }
}

fn limit(app: &App, reader: Option<&Reader>, parts: &Parts) -> Result<u32, Problem> {
    let who = match reader {
        Some(Reader { by: Credential::Token(token), .. }) => format!("token {token}"),
        Some(reader) => format!("user {}", reader.user.id),
        None => {
            let client = client(parts, app.settings().behind_proxy);
            format!("client {}", network_of(client))
        }
    };
    app.limit(&who).map_err(|wait| {
        app.metrics().limited();
        Problem::too_many(wait.as_secs() + 1)
    })
}

/// Refuses changes that another site's page has sent. Browsers always tell where a request that
/// changes something comes from; programs tell nothing and have no cookies to abuse.
fn same_origin(parts: &Parts) -> Result<(), Problem> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let foreign = || Err(Problem::forbidden("This request came from another site"));
    match (header("sec-fetch-site"), header("origin")) {
        (Some("same-origin" | "none"), _) => Ok(()),
        (Some(_), _) => foreign(),
        (None, None) => Ok(()),
        (None, Some(origin)) => {
            let host = header("host").or(parts.uri.authority().map(|it| it.as_str()));
            let origin_host = origin.split_once("://").map(|(_, host)| host);
            if host.is_some() && origin_host == host { Ok(()) } else { foreign() }
        }
    }
}

/// Refuses changes by session that don't carry the session's own secret; gives the body back.
async fn own(app: &App, parts: &Parts, body: Body, csrf: &str) -> Result<Body, Problem> {
    let is_csrf = |told: &[u8]| bool::from(told.ct_eq(csrf.as_bytes()));
    if let Some(told) = parts.headers.get(CSRF_HEADER) {
        return if is_csrf(told.as_bytes()) { Ok(body) } else { Err(not_own()) };
    }
    let bytes = axum::body::to_bytes(body, app.settings().body_bytes_max)
        .await
        .map_err(|_| Problem::too_large(app.settings().body_bytes_max))?;
    let told = match media_type(&parts.headers) {
        "application/x-www-form-urlencoded" => field_of_form(&bytes),
        "multipart/form-data" => field_of_multipart(&bytes),
        _ => None,
    };
    match told {
        Some(told) if is_csrf(told.as_bytes()) => Ok(Body::from(bytes)),
        _ => Err(not_own()),
    }
}

fn not_own() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "csrf", "This form has expired")
        .detail("Go back, load the page again, and send the form once more.")
}

pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

fn field_of_form(bytes: &Bytes) -> Option<String> {
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(bytes).ok()?;
    fields.into_iter().find(|(name, _)| name == CSRF_FIELD).map(|(_, value)| value)
}

/// The secret in a multipart body: our forms send it as their first field.
fn field_of_multipart(bytes: &Bytes) -> Option<String> {
    let start = bytes.get(..bytes.len().min(1024))?;
    let text = String::from_utf8_lossy(start);
    let (_, after) = text.split_once(&format!("name=\"{CSRF_FIELD}\"\r\n\r\n"))?;
    after.split("\r\n").next().map(str::to_owned)
}

/// The secret of a session's forms: it follows from the session's own, which no page shows.
pub(crate) fn csrf_of(session: &str) -> String {
    // Any key is accepted: its length is free.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(session.as_bytes()) else {
        return String::new();
    };
    mac.update(b"longlead forms");
    hex::encode(mac.finalize().into_bytes())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';'));
    cookies.find_map(|cookie| {
        let (told, value) = cookie.trim().split_once('=')?;
        (told == name).then_some(value)
    })
}

/// A cookie that keeps a session until it ends, or that ends it.
pub(crate) fn session_cookie(secret: Option<&str>, secure: bool) -> HeaderValue {
    let name = cookie_name(secure);
    let flags = if secure { "; Secure" } else { "" };
    let (value, age) = secret.map_or(("", 0), |secret| (secret, 30 * 24 * 3600));
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{flags}");
    // Secrets are hexadecimal, so that the value is always one that a header may have.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Whether a person looks at the answer.
pub(crate) fn wants_page(parts: &Parts) -> bool {
    let accepts = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
        && !is_for_programs(parts.uri.path())
}

/// Whether a path belongs to the API itself: only its description has pages.
fn is_for_programs(path: &str) -> bool {
    let is_page = ["/api/docs", "/api/problems"].iter().any(|page| path.starts_with(page));
    path.starts_with("/api/") && !is_page
}

fn to_sign_in(parts: &Parts) -> Response {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let query = serde_urlencoded::to_string([("next", path)]).unwrap_or_default();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}
