//! What must be refused, route by route: a new route is tried without anyone's asking.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, Method, Request, StatusCode, header};
use longlead_model::{Bundle, Edit, Kind, RecordKey};
use longlead_records::people::{By, Role, ShareLevel};
use longlead_records::{Actor, CommitRequest, Expected, VersionedEdit};

use crate::app::{App, Settings};
use crate::guard::csrf_of;
use crate::rights::Needs;
use crate::route::{Route, routes};
use crate::testing::{Answer, Person, answer, app, now, person};

/// A path of a route, with something where it has parameters.
fn path_of(route: &Route) -> String {
    let path = route.path;
    for (pattern, id) in [
        ("/records/{kind}/{id}", "/records/offer/radio-maker.nrf9161-laca"),
        ("/records/{kind}", "/records/offer"),
        ("/decisions/{id}", "/decisions/light-sensor"),
        ("/features/{id}", "/features/door-open-alerts"),
        ("/explain/{id}", "/explain/launch:door-open-alerts"),
    ] {
        if let Some(rest) = path.find(pattern) {
            let (before, after) = path.split_at(rest);
            let after = after.strip_prefix(pattern).unwrap_or(after);
            return filled(&format!("{before}{id}{after}"));
        }
    }
    filled(path)
}

/// Parameters that are left become numbers, which every route has to bear.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn request(
    method: &Method,
    path: &str,
    headers: &[(HeaderName, &str)],
    body: &str,
) -> Request<Body> {
    let mut request =
        Request::builder().method(method).uri(path).header(header::HOST, "longlead.example");
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

fn cookie(person: &Person) -> String {
    format!("longlead={}", person.session)
}

async fn form(person: &Person, path: &str, headers: &[(HeaderName, &str)], body: &str) -> Answer {
    let cookie = cookie(person);
    let mut all = vec![
        (header::COOKIE, cookie.as_str()),
        (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
    ];
    all.extend(headers.iter().map(|(name, value)| (name.clone(), *value)));
    answer(&person.app, request(&Method::POST, path, &all, body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_signing_in() {
    let app = app().await;
    for route in routes().iter().filter(|route| route.needs != Needs::Public) {
        let path = path_of(route);
        let machine = answer(&app, request(&route.method, &path, &[], "")).await;
        assert_eq!(machine.status, StatusCode::UNAUTHORIZED, "{} {path}", route.method);
        if route.method == Method::GET && !path.starts_with("/api/") {
            let browser = [(header::ACCEPT, "text/html")];
            let page = answer(&app, request(&route.method, &path, &browser, "")).await;
            let location = page.location.unwrap_or_default();
            assert!(location.starts_with("/sign-in?next="), "{path}: {location}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_changes_nothing() {
    let app = app().await;
    let viewer = person(&app, Role::Viewer).await;
    let before = app.journal().current().head;
    let changing = routes();
    let changing = changing
        .iter()
        .filter(|it| matches!(it.needs, Needs::WriteRecords | Needs::EditFleet | Needs::Admin));
    for route in changing {
        let path = path_of(route);
        let csrf = csrf_of(&viewer.session);
        let headers = [
            (header::COOKIE, &*cookie(&viewer)),
            (HeaderName::from_static("x-csrf-token"), &*csrf),
        ];
        let refused = answer(&app, request(&route.method, &path, &headers, "")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{} {path}", route.method);
    }
    assert_eq!(app.journal().current().head, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_does_nothing() {
    let app = app().await;
    let product = person(&app, Role::Product).await;
    let own = format!("_csrf={}&title=x", csrf_of(&product.session));
    let site = HeaderName::from_static("sec-fetch-site");
    for (headers, body, status) in [
        (vec![], "title=x", StatusCode::FORBIDDEN),
        (vec![], "_csrf=0000&title=x", StatusCode::FORBIDDEN),
        (vec![(header::ORIGIN, "https://evil.example")], &*own, StatusCode::FORBIDDEN),
        (vec![(header::ORIGIN, "null")], &*own, StatusCode::FORBIDDEN),
        (vec![(site.clone(), "cross-site")], &*own, StatusCode::FORBIDDEN),
        (vec![(site.clone(), "same-site")], &*own, StatusCode::FORBIDDEN),
        (vec![(header::ORIGIN, "http://longlead.example")], &*own, StatusCode::SEE_OTHER),
        (vec![(site, "same-origin")], &*own, StatusCode::SEE_OTHER),
    ] {
        let told = form(&product, "/what-if", &headers, body).await;
        assert_eq!(told.status, status, "{headers:?} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_one_session_is_none_of_anothers() {
    let app = app().await;
    let (one, other) = (person(&app, Role::Product).await, person(&app, Role::Product).await);
    let body = format!("_csrf={}&title=x", csrf_of(&other.session));
    assert_eq!(form(&one, "/what-if", &[], &body).await.status, StatusCode::FORBIDDEN);
}

/// Words that would tell a partner of what isn't shared: ids and titles of suppliers, offers,
/// orders, features and stakeholders that nobody shared.
fn secrets(bundle: &Bundle, seen: &Bundle) -> Vec<String> {
    let kinds = [Kind::Supplier, Kind::Offer, Kind::Order, Kind::Feature, Kind::Stakeholder];
    let mut secrets = Vec::new();
    for kind in kinds {
        for id in bundle.records.ids(kind) {
            if !seen.records.has(kind, id) {
                // Single words come up by chance.
                let title = bundle.records.title(kind, id).unwrap_or_default();
                let is_telling = |word: &&str| word.len() > 9 && word.contains(['-', '.', ' ']);
                let words = [id, title].into_iter().filter(is_telling);
                secrets.extend(words.map(str::to_owned));
            }
        }
    }
    assert!(secrets.len() > 50, "only {} secrets to look for", secrets.len());
    secrets
}

async fn shared_with(app: &App, partner: &Person, record: &str) {
    let key: RecordKey = record.parse().unwrap();
    let by = By { who: Actor::System, at: now(), client: String::new() };
    let organisation = partner.organisation.id;
    app.people().add_share(organisation, &key, ShareLevel::Edit, &by).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_is_told_nothing_that_is_not_shared() {
    let app = app().await;
    let partner = person(&app, Role::Partner).await;
    shared_with(&app, &partner, "supplier/cm-sz").await;
    told_nothing_hidden(&app, &partner).await;
}

/// Puts records of one's own in, whatever they were.
async fn commit(app: &App, edits: Vec<(&str, String)>) {
    let edits = edits.into_iter().map(|(key, text)| VersionedEdit {
        edit: Edit { key: key.parse().unwrap(), after: Some(text) },
        expected: Expected::Any,
    });
    let edits = edits.collect();
    let request =
        CommitRequest { who: Actor::System, at: now(), why: None, edits, idempotency: None };
    let committed = app.journal().commit(request).await.unwrap();
    assert!(app.engine().reached(committed.sequence, Duration::from_secs(60)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_is_told_nothing_by_a_plan_that_cannot_be_computed() {
    let app = app().await;
    let partner = person(&app, Role::Partner).await;
    shared_with(&app, &partner, "supplier/cm-sz").await;
    // A link against what follows from facts: nothing is wrong with the records themselves.
    let link = "id = \"backwards\"\nfrom = \"launch:door-open-alerts\"\nto = \"develop:door-open-alerts\"\n";
    commit(&app, vec![("link/backwards", link.to_owned())]).await;
    let told = app.engine().latest().unwrap().plan.as_ref().unwrap_err().clone();
    let told = format!("{told:?}");
    assert!(told.contains("develop:door-open-alerts"), "{told}");
    told_nothing_hidden(&app, &partner).await;
    let forecast = partner.get("/api/v1/forecast").await;
    assert_eq!(forecast.status, StatusCode::CONFLICT);
    assert!(!forecast.text.contains("door-open-alerts"), "{}", forecast.text);
    let product = person(&app, Role::Product).await;
    let whole = product.get("/api/v1/forecast").await;
    assert!(whole.text.contains("develop:door-open-alerts"), "{}", whole.text);
}

async fn told_nothing_hidden(app: &App, partner: &Person) {
    let shares = app.people().shares(None).await.unwrap();
    let outlook = app.engine().latest().unwrap();
    let sight = crate::sight::Sight::of_shares(&shares, &outlook);
    // What a shared record says of others is shared with it.
    let told = sight.bundle(&outlook).export();
    let is_told = |word: &String| told.iter().any(|source| source.text.contains(word.as_str()));
    let mut secrets = secrets(&outlook.bundle, sight.bundle(&outlook));
    secrets.retain(|secret| !is_told(secret));
    let reading = routes();
    let reading = reading.iter().filter(|it| {
        // The stream never ends, and what describes the API holds no data.
        it.method == Method::GET
            && !["/events", "/api/openapi.json", "/api/docs"].contains(&it.path)
    });
    for route in reading {
        let path = path_of(route);
        let page = partner.get(&path).await;
        assert!(page.status.as_u16() < 500, "{path}: {}", page.status);
        // What was asked for is told back.
        let asked: Vec<&String> = secrets.iter().filter(|it| !path.contains(it.as_str())).collect();
        let leaked: Vec<&&String> =
            asked.iter().filter(|secret| page.text.contains(secret.as_str())).take(5).collect();
        assert!(leaked.is_empty(), "{path} tells {leaked:?}");
    }
}

/// What a partner may do with records that are shared for editing: change them, and neither add nor
/// take away, whichever way they ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_takes_nothing_away() {
    let app = app().await;
    let partner = person(&app, Role::Partner).await;
    shared_with(&app, &partner, "supplier/cm-sz").await;
    let head = app.journal().current().head;
    let keys = app.engine().latest().unwrap();
    let shares = app.people().shares(None).await.unwrap();
    let sight = crate::sight::Sight::of_shares(&shares, &keys);
    let seen = sight.bundle(&keys).keys();
    let mut tried = 0;
    for kind in [Kind::Build, Kind::Offer, Kind::Order, Kind::Supplier] {
        let of_kind = |key: &&RecordKey| matches!(key, RecordKey::Record(of, _) if *of == kind);
        let Some(key) = seen.iter().find(of_kind) else {
            continue;
        };
        tried += 1;
        let version = app.journal().current().version(key).unwrap().to_string();
        let tag = format!("\"{version}\"");
        let headers = [(header::IF_MATCH, tag.as_str())];
        let path = format!("/api/v1/records/{key}");
        let alone = partner.json_with(Method::DELETE, &path, &headers, "").await;
        assert_eq!(alone.status, StatusCode::FORBIDDEN, "{path}: {}", alone.text);
        let body =
            format!(r#"{{"changes": [{{"key": "{key}", "remove": true, "version": {version}}}]}}"#);
        for path in ["/api/v1/changes", "/api/v1/changes?dry_run=true"] {
            let set = partner.json(Method::POST, path, &body).await;
            assert_eq!(set.status, StatusCode::FORBIDDEN, "{key}: {}", set.text);
        }
        let page = format!("/records/{key}/delete");
        let page = partner.post(&page, &[("version", version.as_str())]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{key}: {}", page.text);
    }
    assert!(tried > 1, "only {tried} kinds are shared");
    assert_eq!(app.journal().current().head, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_finds_no_ids_out_by_trying() {
    let app = app().await;
    let partner = person(&app, Role::Partner).await;
    shared_with(&app, &partner, "supplier/cm-sz").await;
    let bundle = Arc::clone(&app.journal().current().bundle);
    let is_ours = |build: &&longlead_model::Build| {
        build.supplier.as_ref().is_some_and(|it| it.as_str() == "cm-sz")
    };
    let build = bundle.records.builds.values().find(is_ours).unwrap();
    let key = RecordKey::Record(Kind::Build, build.id.to_string());
    let version = app.journal().current().version(&key).unwrap().to_string();
    let hidden = bundle.records.revisions.keys().find(|id| **id != build.revision).unwrap();
    let ask = async |revision: &str, query: &str| {
        let body = format!(
            r#"{{"changes": [{{"key": "{key}", "set": {{"revision": "{revision}"}}, "version": {version}}}]}}"#
        );
        let path = format!("/api/v1/changes{query}");
        let told = partner.json(Method::POST, &path, &body).await;
        (told.status, told.text.replace(revision, "REVISION"))
    };
    for query in ["?dry_run=true", ""] {
        let (there, nowhere) = (ask(hidden.as_str(), query).await, ask("tracker-zzz", query).await);
        assert_eq!(there.0, StatusCode::UNPROCESSABLE_ENTITY, "{}", there.1);
        assert_eq!(there, nowhere);
        // What it names already isn't shared either, and stays.
        let same = ask(build.revision.as_str(), "?dry_run=true").await;
        assert_eq!(same.0, StatusCode::OK, "{}", same.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_records_what_happened_to_what_is_shared_for_editing() {
    let app = app().await;
    let partner = person(&app, Role::Partner).await;
    let add = async |record: &str, level| {
        let (key, by) = (record.parse().unwrap(), crate::testing::by());
        app.people().add_share(partner.organisation.id, &key, level, &by).await.unwrap();
    };
    let bundle = Arc::clone(&app.journal().current().bundle);
    let is_open = |build: &&longlead_model::Build| {
        let id = format!("build:{}", build.id);
        build.supplier.as_ref().is_some_and(|it| it.as_str() == "cm-sz")
            && !bundle.records.actuals.contains_key(id.as_str())
    };
    let build = bundle.records.builds.values().find(is_open).unwrap();
    let actual = format!("build:{}", build.id);
    let part = bundle.records.parts.keys().next().unwrap();
    let of_two = format!("procure:{}:{part}", build.id);
    let record = async |id: &str| {
        let body =
            format!(r#"{{"id": "{id}", "started": "2026-11-20", "note": "Reels have arrived"}}"#);
        partner.json(Method::POST, "/api/v1/records/actual", &body).await.status
    };
    assert_eq!(record(&actual).await, StatusCode::NOT_FOUND, "nothing is shared");
    add("supplier/cm-sz", ShareLevel::View).await;
    assert_eq!(record(&actual).await, StatusCode::FORBIDDEN, "to be seen only");
    add("supplier/cm-sz", ShareLevel::Edit).await;
    assert_eq!(record(&of_two).await, StatusCode::NOT_FOUND, "the part isn't shared");
    add(&format!("part/{part}"), ShareLevel::View).await;
    assert_eq!(record(&of_two).await, StatusCode::FORBIDDEN, "the part is to be seen only");
    assert_eq!(record(&actual).await, StatusCode::CREATED);
    assert_eq!(record("build:no-such-build").await, StatusCode::NOT_FOUND);
    let path = format!("/api/v1/records/actual/{actual}");
    let text = partner.get(&path).await.text;
    assert!(text.contains("Reels have arrived"), "{text}");
    // The page of the plan does the same.
    let sequence = app.journal().current().head;
    assert!(app.engine().reached(sequence, Duration::from_secs(60)).await);
    let page = partner.get(&format!("/plan/{actual}/edit")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Reels have arrived"), "{}", page.text);
    // Nothing else may be added.
    let body = r#"{"id": "other", "title": "Other"}"#;
    let part = partner.json(Method::POST, "/api/v1/records/part", body).await;
    assert_eq!(part.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_shared_looks_like_what_is_not_there() {
    let app = app().await;
    let partner = person(&app, Role::Partner).await;
    shared_with(&app, &partner, "supplier/cm-sz").await;
    for (hidden, nowhere) in [
        ("/records/supplier/radio-maker", "/records/supplier/radio-nobody"),
        ("/features/door-open-alerts", "/features/door-open-nothing"),
        ("/explain/launch:door-open-alerts", "/explain/launch:door-open-nothing"),
        ("/decisions/light-sensor", "/decisions/light-nothing"),
        ("/hardware/tracker-a", "/hardware/tracker-z"),
    ] {
        let (hidden, nowhere) = (partner.get(hidden).await, partner.get(nowhere).await);
        assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{}", hidden.text);
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{}", nowhere.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_however_odd_breaks_the_server() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let csrf = csrf_of(&owner.session);
    let long = format!("title={}", "x".repeat(200_000));
    let bodies =
        ["", "\u{0}\u{1}%%%=&&&", "version=-1&index=99999999999999999999", "{\"a\":", &long];
    let kinds = ["application/x-www-form-urlencoded", "application/json", "multipart/form-data"];
    let cookie = cookie(&owner);
    let ending = ["/sign-out", "/revoke", "/disable", "/account/password"];
    for route in routes().iter().filter(|route| route.method != Method::GET) {
        let path = path_of(route);
        if ending.iter().any(|it| path.ends_with(it)) {
            continue;
        }
        for (body, kind) in bodies.iter().flat_map(|body| kinds.map(|kind| (body, kind))) {
            let headers = [
                (header::COOKIE, cookie.as_str()),
                (HeaderName::from_static("x-csrf-token"), csrf.as_str()),
                (header::CONTENT_TYPE, kind),
            ];
            let told = answer(&app, request(&route.method, &path, &headers, body)).await;
            let status = told.status.as_u16();
            assert!(
                status < 500,
                "{} {path} {kind} {:.40}: {status} {}",
                route.method,
                body,
                told.text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_made_up_leave_one_trace() {
    let app = crate::testing::empty().await;
    for number in 0..50 {
        let method = Method::from_bytes(format!("MADEUP{number}").as_bytes()).unwrap();
        answer(&app, request(&method, "/nowhere", &[], "")).await;
    }
    let text = metrics_from(&app, "127.0.0.1:9", &[]).await.text;
    assert!(text.contains("method=\"other\"") && !text.contains("MADEUP"), "{text}");
}

/// The metrics, as someone at an address asks for them.
async fn metrics_from(app: &App, address: &str, headers: &[(HeaderName, &str)]) -> Answer {
    let mut request = request(&Method::GET, "/metrics", headers, "");
    let address: std::net::SocketAddr = address.parse().unwrap();
    request.extensions_mut().insert(axum::extract::ConnectInfo(address));
    answer(app, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_this_machine_and_for_tokens() {
    use longlead_records::people::Scope;
    let app = app().await;
    person(&app, Role::Owner).await;
    let user = app.people().users().await.unwrap().into_iter().next().unwrap();
    let by = crate::testing::by();
    let scopes = [Scope::ReadMetrics];
    let (_, secret) =
        app.people().create_token(user.id, "Prometheus", &scopes, None, &by).await.unwrap();
    let bearer = format!("Bearer {}", secret.expose());
    let token = (header::AUTHORIZATION, bearer.as_str());
    let forwarded = (HeaderName::from_static("x-forwarded-for"), "203.0.113.9");
    for (address, headers, status) in [
        ("127.0.0.1:9", vec![], StatusCode::OK),
        ("[::1]:9", vec![], StatusCode::OK),
        ("192.0.2.1:9", vec![], StatusCode::UNAUTHORIZED),
        ("127.0.0.1:9", vec![forwarded], StatusCode::UNAUTHORIZED),
        ("192.0.2.1:9", vec![token.clone()], StatusCode::OK),
    ] {
        let told = metrics_from(&app, address, &headers).await;
        assert_eq!(told.status, status, "{address} {headers:?}");
    }
    let records = answer(&app, request(&Method::GET, "/api/v1/records", &[token], "")).await;
    assert_eq!(records.status, StatusCode::FORBIDDEN, "the scope is for nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_tokens_is_slowed_down() {
    let few = Settings { requests_per_second: 1, requests_burst: 5, ..crate::testing::settings() };
    let app = crate::testing::empty_with(few).await;
    let headers = [(header::AUTHORIZATION, "Bearer longlead_0123456789")];
    let mut told = Vec::new();
    for path in ["/api/v1/records", "/healthz"].into_iter().cycle().take(12) {
        told.push(answer(&app, request(&Method::GET, path, &headers, "")).await.status);
    }
    assert_eq!(told[0], StatusCode::UNAUTHORIZED);
    assert_eq!(told[11], StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let body = format!("_csrf={}&title={}", csrf_of(&owner.session), "x".repeat(9 << 20));
    assert_eq!(form(&owner, "/what-if", &[], &body).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_protect_it() {
    let app = app().await;
    let viewer = person(&app, Role::Viewer).await;
    for path in ["/", "/sign-in", "/assets/app.css", "/healthz", "/nowhere"] {
        let headers = viewer.get(path).await.headers;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
    }
    assert_eq!(viewer.get("/").await.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_new_with_each_sign_in_and_ends_at_once_when_it_is_revoked() {
    let app = app().await;
    let viewer = person(&app, Role::Viewer).await;
    let user = app.people().users().await.unwrap().into_iter().next().unwrap();
    let password = "password=correct+horse+battery+staple";
    let body = format!("email={}&{password}", user.email.replace('@', "%40"));
    let headers = [
        (header::COOKIE, "longlead=0123456789abcdef"),
        (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
    ];
    let signed = answer(&app, request(&Method::POST, "/sign-in", &headers, &body)).await;
    let cookie = signed.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(!cookie.contains("0123456789abcdef"), "{cookie}");
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    let by = By { who: Actor::System, at: now(), client: String::new() };
    assert_eq!(viewer.get("/").await.status, StatusCode::OK);
    app.people().revoke_all_of(user.id, None, &by).await.unwrap();
    assert_eq!(viewer.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_passwords_is_slowed_down() {
    let app = app().await;
    person(&app, Role::Viewer).await;
    let user = app.people().users().await.unwrap().into_iter().next().unwrap();
    let body = format!("email={}&password=wrong", user.email.replace('@', "%40"));
    let headers = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
    let mut told = Vec::new();
    for _ in 0..8 {
        told.push(answer(&app, request(&Method::POST, "/sign-in", &headers, &body)).await.status);
    }
    assert_eq!(told[0], StatusCode::UNAUTHORIZED);
    assert_eq!(told[7], StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tls_cookies_are_bound_to_the_host_and_links_begin_with_https() {
    for (public_url, base) in [
        (None, "https://longlead.example"),
        (Some("https://plan.example".to_owned()), "https://plan.example"),
    ] {
        let settings = Settings { secure: true, public_url, ..crate::testing::settings() };
        let app = crate::testing::empty_with(settings).await;
        let link = app.people().first_owner(now()).await.unwrap().unwrap();
        let path = format!("/welcome/{}", link.expose());
        let body = "organisation=Us&name=Me&email=me%40longlead.example&password=a+long+enough+one";
        let headers = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
        answer(&app, request(&Method::POST, &path, &headers, body)).await;
        let body = "email=me%40longlead.example&password=a+long+enough+one";
        let signed = answer(&app, request(&Method::POST, "/sign-in", &headers, body)).await;
        assert!(signed.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        let cookie = signed.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("__Host-longlead=") && cookie.contains("; Secure"), "{cookie}");
        assert!(cookie.contains("Path=/") && !cookie.contains("Domain"), "{cookie}");
        let (pair, _) = cookie.split_once(';').unwrap();
        let session = pair.split_once('=').unwrap().1;
        assert!(app.planned(Duration::from_secs(60)).await);
        let csrf = csrf_of(session);
        let headers = [
            (header::COOKIE, pair),
            (HeaderName::from_static("x-csrf-token"), csrf.as_str()),
            (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
        ];
        let user = app.people().users().await.unwrap()[0].id;
        let path = format!("/people/users/{user}/link");
        let page = answer(&app, request(&Method::POST, &path, &headers, "")).await;
        assert!(page.text.contains(&format!("{base}/welcome/")), "{}", page.text);
        // A name without `__Host-` is nobody's session here.
        let plain = format!("longlead={session}");
        let headers = [(header::COOKIE, plain.as_str())];
        let refused = answer(&app, request(&Method::GET, "/account", &headers, "")).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_owners_link_works_once() {
    let app = crate::testing::empty().await;
    let link = app.people().first_owner(now()).await.unwrap().unwrap();
    let path = format!("/welcome/{}", link.expose());
    let body = "organisation=Us&name=Me&email=me%40longlead.example&password=a+long+enough+one";
    let headers = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
    let first = answer(&app, request(&Method::POST, &path, &headers, body)).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text);
    let again = answer(&app, request(&Method::POST, &path, &headers, body)).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(app.people().first_owner(now()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scopes_say_and_no_more() {
    use longlead_records::people::Scope;
    let app = app().await;
    person(&app, Role::Owner).await;
    let user = app.people().users().await.unwrap().into_iter().next().unwrap();
    let by = By { who: Actor::System, at: now(), client: String::new() };
    let scopes = [Scope::ReadInsights];
    let (token, secret) =
        app.people().create_token(user.id, "report", &scopes, None, &by).await.unwrap();
    let bearer = format!("Bearer {}", secret.expose());
    let headers = [(header::AUTHORIZATION, bearer.as_str())];
    for (method, path, status) in [
        (Method::GET, "/forecast", StatusCode::OK),
        (Method::GET, "/records", StatusCode::FORBIDDEN),
        (Method::POST, "/what-if", StatusCode::FORBIDDEN),
        (Method::GET, "/people", StatusCode::FORBIDDEN),
        (Method::POST, "/account/tokens", StatusCode::FORBIDDEN),
    ] {
        let told = answer(&app, request(&method, path, &headers, "")).await;
        assert_eq!(told.status, status, "{method} {path}");
    }
    app.people().revoke_token(token.id, &by).await.unwrap();
    let told = answer(&app, request(&Method::GET, "/forecast", &headers, "")).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
}
