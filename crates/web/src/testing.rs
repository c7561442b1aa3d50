//! What tests of pages share: an application over the sample in memory, and people who ask it.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use longlead_model::{Bundle, Source};
use longlead_records::people::{By, NewUser, Organisation, OrganisationKind, Role};
use longlead_records::{Actor, CommitRequest, Expected, Journal, VersionedEdit};
use tower::ServiceExt as _;

use crate::app::{App, Settings};
use crate::guard::csrf_of;
use crate::route::router;

/// The instant at which tests run.
pub(crate) fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

/// The sample company.
pub(crate) fn sample() -> Bundle {
    let mut sources = Vec::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/coldtrack");
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.push(Source { name: path.display().to_string(), text });
            }
        }
    }
    let (bundle, diagnostics) = Bundle::load(&sources);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    bundle
}

/// How applications of tests behave.
pub(crate) fn settings() -> Settings {
    Settings { now, requests_burst: 100_000, ..Settings::default() }
}

/// An application over an empty journal.
pub(crate) async fn empty() -> App {
    empty_with(settings()).await
}

/// An application of one's own settings over an empty journal.
pub(crate) async fn empty_with(settings: Settings) -> App {
    App::start(Journal::open("sqlite::memory:").await.unwrap(), settings)
}

/// An application over the sample, planned.
pub(crate) async fn app() -> App {
    app_with(settings()).await
}

/// An application of one's own settings over the sample, planned.
pub(crate) async fn app_with(settings: Settings) -> App {
    let app = empty_with(settings).await;
    let edits = Bundle::default().edits_to(&sample());
    let edits = edits.into_iter().map(|edit| VersionedEdit { edit, expected: Expected::Absent });
    let request = CommitRequest {
        who: Actor::System,
        at: now(),
        why: Some("The sample".to_owned()),
        edits: edits.collect(),
        idempotency: None,
    };
    app.journal().commit(request).await.unwrap();
    assert!(app.planned(std::time::Duration::from_secs(60)).await);
    app
}

/// Someone with a session.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) app: App,
    pub(crate) session: String,
    pub(crate) organisation: Organisation,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) text: String,
}

pub(crate) fn by() -> By {
    By { who: Actor::System, at: now(), client: String::new() }
}

/// Someone of a role, signed in. Partners belong to an organisation of their own.
pub(crate) async fn person(app: &App, role: Role) -> Person {
    let people = app.people();
    let kind = match role {
        Role::Partner => OrganisationKind::ContractManufacturer,
        _ => OrganisationKind::Own,
    };
    let name = format!("{role} organisation");
    let organisation = people.create_organisation(&name, kind, &by()).await.unwrap();
    let number = people.users().await.unwrap().len();
    let email = format!("{role}{number}@longlead.example");
    let user = NewUser {
        email: email.clone(),
        name: format!("{role}"),
        role,
        organisation: organisation.id,
        discipline: None,
    };
    let (_, link) = people.create_user(&user, &by()).await.unwrap();
    let password = "correct horse battery staple";
    people.set_password_once(link.expose(), password, now(), "test").await.unwrap();
    let (_, secret) = people.sign_in(&email, password, now(), "test").await.unwrap();
    Person { app: app.clone(), session: secret.expose().to_owned(), organisation }
}

impl Person {
    /// Asks for a page, as a browser does.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "text/html", "").await
    }

    /// Sends a form that carries its secret.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut fields = fields.to_vec();
        let csrf = csrf_of(&self.session);
        fields.push((crate::guard::CSRF_FIELD, &csrf));
        let body = serde_urlencoded::to_string(&fields).unwrap();
        self.send(Method::POST, path, "text/html", &body).await
    }

    /// Sends JSON, as a program with a session does.
    pub(crate) async fn json(&self, method: Method, path: &str, body: &str) -> Answer {
        self.json_with(method, path, &[], body).await
    }

    /// Sends JSON with headers of one's own.
    pub(crate) async fn json_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, format!("longlead={}", self.session))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-csrf-token", csrf_of(&self.session));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        answer(&self.app, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn send(&self, method: Method, path: &str, accept: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .header(header::COOKIE, format!("longlead={}", self.session))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::HOST, "longlead.example")
            .body(Body::from(body.to_owned()))
            .unwrap();
        answer(&self.app, request).await
    }
}

/// Sends a request as it is.
pub(crate) async fn answer(app: &App, request: Request<Body>) -> Answer {
    let response = router(app).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        location: parts
            .headers
            .get(header::LOCATION)
            .map(|value| value.to_str().unwrap().to_owned()),
        headers: parts.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The value of a hidden field.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let (_, after) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    let (value, _) = after.split_once('"').unwrap();
    plain(value)
}

fn plain(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// What a form of a record would send of its fields, if it were sent as it was shown.
pub(crate) fn inputs(page: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let attribute = |tag: &str, name: &str| {
        let (_, after) = tag.split_once(&format!(" {name}=\""))?;
        Some(plain(after.split_once('"')?.0))
    };
    let mut push = |name: Option<String>, value: Option<String>| {
        if let (Some(name), Some(value)) = (name.filter(|it| it.starts_with("f.")), value) {
            fields.push((name, value));
        }
    };
    for input in page.split("<input").skip(1) {
        let tag = input.split('>').next().unwrap();
        if !tag.contains("type=\"checkbox\"") || tag.contains(" checked") {
            push(attribute(tag, "name"), attribute(tag, "value"));
        }
    }
    for select in page.split("<select").skip(1) {
        let select = select.split("</select>").next().unwrap();
        let chosen =
            select.split("<option").find(|it| it.split('>').next().unwrap().contains(" selected"));
        push(attribute(select, "name"), chosen.and_then(|option| attribute(option, "value")));
    }
    for area in page.split("<textarea").skip(1) {
        let (tag, text) = area.split_once('>').unwrap();
        let text = text.split("</textarea>").next().unwrap();
        push(attribute(tag, "name"), Some(plain(text.trim_start_matches('\n'))));
    }
    fields
}
