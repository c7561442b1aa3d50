use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use longlead_model::Bundle;
use longlead_records::Actor;
use longlead_records::devices::{Attribute, ChangeRequest, DeviceChange, Facts};
use longlead_records::people::Role;

use crate::app::App;
use crate::guard::csrf_of;
use crate::testing::{Answer, Person, answer, app, now, person};

async fn registered(app: &App, serial: &str, facts: &[(Attribute, &str)]) {
    registered_since(app, serial, None, facts).await;
}

async fn registered_since(
    app: &App,
    serial: &str,
    since: Option<&str>,
    facts: &[(Attribute, &str)],
) {
    let mut told = Facts::default();
    for (attribute, value) in facts {
        told.set(*attribute, Some((*value).to_owned()));
    }
    let change = DeviceChange {
        serial: serial.parse().unwrap(),
        since: since.map(|it| it.parse().unwrap()),
        facts: told,
        given: facts.iter().map(|(attribute, _)| *attribute).collect(),
        expected: None,
    };
    let request =
        ChangeRequest { who: Actor::System, at: now(), why: None, origin: "api".to_owned() };
    let bundle = std::sync::Arc::clone(&app.journal().current().bundle);
    let _: &Bundle = &bundle;
    app.journal().devices().change(&bundle, &request, &[change]).await.unwrap();
}

/// Uploads a file as the form does.
async fn upload(person: &Person, kind: &str, file: &str) -> Answer {
    let csrf = csrf_of(&person.session);
    let mut body = String::new();
    for (name, value) in [("_csrf", csrf.as_str()), ("kind", kind), ("since", "2026-01-01")] {
        body.push_str(&format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"fleet.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n{file}\r\n--edge--\r\n"
    ));
    let request = Request::builder()
        .method(Method::POST)
        .uri("/fleet/import")
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, format!("longlead={}", person.session))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge")
        .header(header::HOST, "longlead.example")
        .body(Body::from(body))
        .unwrap();
    answer(&person.app, request).await
}

fn token_in(page: &str) -> String {
    let (_, after) = page.split_once("name=\"token\" value=\"").unwrap();
    after.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_fleet_teaches_how_devices_come_in() {
    let app = app().await;
    let (product, viewer) = (person(&app, Role::Product).await, person(&app, Role::Viewer).await);
    let page = product.get("/fleet").await.text;
    assert!(page.contains("No devices yet") && page.contains("href=\"/fleet/import\""), "{page}");
    let page = viewer.get("/fleet").await.text;
    assert!(page.contains("No devices yet") && !page.contains("href=\"/fleet/import\""), "{page}");
    assert_eq!(viewer.get("/fleet/import").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_looked_at_and_applied() {
    let app = app().await;
    let product = person(&app, Role::Product).await;
    let file = "serial,revision,market,firmware\nCT-1,tracker-b,eu,1.0\nCT-2,tracker-b,us,1.1\n";
    let sent = upload(&product, "devices", file).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let place = sent.location.unwrap();
    let page = product.get(&place).await.text;
    assert!(page.contains("<dt>New</dt><dd class=\"num\">2</dd>"), "{page}");
    assert!(product.get("/fleet").await.text.contains("No devices yet"), "not before it's applied");
    let token = token_in(&page);
    let applied = product.post(&format!("{place}/apply"), &[("token", &token), ("why", "x")]).await;
    assert_eq!(applied.location.as_deref(), Some("/fleet"), "{}", applied.text);
    let page = product.get("/fleet?market=eu").await.text;
    assert!(
        page.contains("/fleet/devices/CT-1") && !page.contains("/fleet/devices/CT-2"),
        "{page}"
    );
    let device = product.get("/fleet/devices/CT-1").await;
    assert_eq!(device.status, StatusCode::OK);
    assert!(device.text.contains("href=\"/hardware/tracker-b\""), "{}", device.text);
    let again = product.post(&format!("{place}/apply"), &[("token", &token), ("why", "x")]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let out = product.get("/fleet/export/devices.csv").await;
    assert!(out.text.starts_with("serial,product,"), "{}", out.text);
    assert_eq!(out.text.lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_wrong_are_told_with_their_place_and_left_out_on_request() {
    let app = app().await;
    let product = person(&app, Role::Product).await;
    let sent = upload(&product, "devices", "serial,market\nCT-1,moon\nCT-2,eu\n").await;
    let place = sent.location.unwrap();
    let page = product.get(&place).await.text;
    assert!(page.contains("fleet.csv:2:2") && page.contains("there is no market"), "{page}");
    let (apply, token) = (format!("{place}/apply"), token_in(&page));
    let refused = product.post(&apply, &[("token", &token)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    let applied = product.post(&apply, &[("token", &token), ("leave_out", "yes")]).await;
    assert_eq!(applied.status, StatusCode::SEE_OTHER, "{}", applied.text);
    assert_eq!(product.get("/fleet/devices/CT-1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(product.get("/fleet/devices/CT-2").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_recorded_and_struck_out_again() {
    let app = app().await;
    let product = person(&app, Role::Product).await;
    registered(&app, "CT-1", &[(Attribute::Market, "eu")]).await;
    let fields = [("kind", "failed"), ("at", "2026-10-01T10:30"), ("cause", "battery")];
    let sent = product.post("/fleet/devices/CT-1/events", &fields).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let page = product.get("/fleet/devices/CT-1").await.text;
    assert!(page.contains("battery") && page.contains("Failed since"), "{page}");
    let (_, after) = page.split_once("name=\"event\" value=\"").unwrap();
    let event = after.split('"').next().unwrap();
    product.post("/fleet/devices/CT-1/retract", &[("event", event)]).await;
    let page = product.get("/fleet/devices/CT-1").await.text;
    assert!(page.contains("(struck out)") && page.contains("Registered"), "{page}");
    let future = [("kind", "failed"), ("at", "2046-10-01T10:30")];
    let refused = product.post("/fleet/devices/CT-1/events", &future).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_sees_the_devices_of_their_organisation_and_no_others() {
    let app = app().await;
    let partner = person(&app, Role::Partner).await;
    let own = partner.organisation.id.to_string();
    registered(&app, "THEIRS-1", &[(Attribute::Lot, "secret-lot")]).await;
    registered(&app, "THEIRS-1", &[(Attribute::Owner, &own), (Attribute::Lot, "their-lot")]).await;
    registered(&app, "OURS-1", &[(Attribute::Lot, "secret-lot")]).await;
    for path in [
        "/fleet",
        "/fleet?lot=secret-lot",
        "/fleet?owner=1",
        "/fleet/export/devices.csv",
        "/api/v1/devices",
        "/api/v1/devices?q=OURS",
        "/api/v1/fleet",
        "/fleet/devices/THEIRS-1",
        "/api/v1/devices/THEIRS-1/versions?replaced=true",
    ] {
        let page = partner.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
        assert!(!page.text.contains("OURS-1"), "{path}: {}", page.text);
        let told = page.text.replace("value=\"secret-lot\"", "").replace("lot=secret-lot", "");
        assert!(!told.replace("Lot: secret-lot", "").contains("secret-lot"), "{path}: {told}");
    }
    for path in ["/fleet/devices/OURS-1", "/api/v1/devices/OURS-1", "/fleet/export/events.csv"] {
        assert_eq!(partner.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let page = partner.get("/fleet").await.text;
    assert!(page.contains("THEIRS-1") && page.contains("1 device registered"), "{page}");
    let event = [("kind", "failed"), ("at", "2026-10-01T10:30")];
    let refused = partner.post("/fleet/devices/THEIRS-1/events", &event).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_shows_what_it_sent_how_complete_it_is_and_what_became_of_it() {
    let app = crate::page::data::tests::with_few().await;
    let facts = |firmware| [(Attribute::Revision, "tracker-b"), (Attribute::Firmware, firmware)];
    let (made, updated) = (Some("2026-01-05T00:00:00Z"), Some("2026-11-23T06:00:00Z"));
    registered_since(&app, "CT-000001", made, &facts("4.0.1")).await;
    registered_since(&app, "CT-000001", updated, &facts("4.1.0")).await;
    registered(&app, "CT-000002", &facts("4.1.0")).await;
    let viewer = person(&app, Role::Viewer).await;
    let page = viewer.get("/fleet/devices/CT-000001").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for told in [
        "What it sent",
        "Climate around the goods",
        "temperature, Cel",
        // It was heard for six of the twenty-four hours.
        "24 of 96 readings that were due are there: 25 %.",
        "In 24 of 24 readings, which are 25 % of what was due.",
        "data-plotly",
        "new firmware",
        "4.1.0, before 4.0.1",
    ] {
        assert!(page.text.contains(told), "no {told} in {}", page.text);
    }
    let week = viewer.get("/fleet/devices/CT-000001?window=week").await.text;
    assert!(week.contains("24 of 672 readings"), "{week}");
    let all = viewer.get("/fleet/devices/CT-000001?window=all").await.text;
    assert!(all.contains("24 of 24 readings"), "{all}");
    let silent = viewer.get("/fleet/devices/CT-000002").await.text;
    assert!(silent.contains("No reading of it is kept from this time."), "{silent}");
    let partner = person(&app, Role::Partner).await;
    let owner = [(Attribute::Owner, partner.organisation.id.to_string())];
    let owner: Vec<(Attribute, &str)> = owner.iter().map(|(at, it)| (*at, it.as_str())).collect();
    registered(&app, "CT-000001", &owner).await;
    let theirs = partner.get("/fleet/devices/CT-000001").await;
    assert_eq!(theirs.status, StatusCode::OK, "{}", theirs.text);
    assert!(!theirs.text.contains("What it sent"), "no partner reads what devices send");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_token_is_told_once_and_a_revocation_makes_it_void() {
    let app = app().await;
    let (product, viewer) = (person(&app, Role::Product).await, person(&app, Role::Viewer).await);
    registered(&app, "CT-1", &[]).await;
    let page = product.get("/fleet/devices/CT-1").await.text;
    assert!(page.contains("It has no certificate.") && page.contains("CT-1/identity"), "{page}");
    let made = product.post("/fleet/devices/CT-1/claims", &[("days", "7")]).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let (_, after) = made.text.split_once("claim_").unwrap();
    let secret = format!("claim_{}", after.split('<').next().unwrap());
    assert_eq!(secret.len(), 6 + 64, "{secret}");
    let path = "/fleet/devices/CT-1/identity";
    let page = product.get(path).await.text;
    assert!(page.contains("A claim token waits for it") && !page.contains("claim_"), "{page}");
    let refused = viewer.post("/fleet/devices/CT-1/claims", &[("days", "7")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let refused = viewer.post("/fleet/devices/CT-1/revoke", &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = viewer.get(path).await.text;
    assert!(!page.contains("<button class=\"button danger\">"), "{page}");
    let fields = [("why", "It was stolen")];
    let revoked = product.post("/fleet/devices/CT-1/revoke", &fields).await;
    assert_eq!(revoked.location.as_deref(), Some(path), "{}", revoked.text);
    let page = product.get(path).await.text;
    assert!(page.contains("It was stolen") && page.contains("void: the device"), "{page}");
    let devices = app.journal().devices();
    assert_eq!(devices.use_claim(&secret, b"key", now()).await.unwrap(), None);
    assert_eq!(product.get("/fleet/devices/CT-9/identity").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_make_claim_tokens_and_revoke_devices_too() {
    let app = app().await;
    let (product, partner) = (person(&app, Role::Product).await, person(&app, Role::Partner).await);
    registered(&app, "CT-1", &[]).await;
    let path = "/api/v1/devices/CT-1";
    let made = product.json(Method::POST, &format!("{path}/claims"), "{}").await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let told: serde_json::Value = serde_json::from_str(&made.text).unwrap();
    let secret = told["token"].as_str().unwrap();
    let devices = app.journal().devices();
    let claimed = devices.use_claim(secret, b"key", now()).await.unwrap();
    assert_eq!(claimed.map(|it| it.to_string()).as_deref(), Some("CT-1"));
    for days in ["0", "366"] {
        let body = format!("{{\"days\":{days}}}");
        let refused = product.json(Method::POST, &format!("{path}/claims"), &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    }
    let why = "{\"why\":\"It was stolen\"}";
    let revoked = product.json(Method::POST, &format!("{path}/revoke"), why).await;
    assert_eq!(revoked.status, StatusCode::OK, "{}", revoked.text);
    let told: serde_json::Value = serde_json::from_str(&revoked.text).unwrap();
    assert_eq!(told["revocations"][0]["why"], "It was stolen");
    let unseen = partner.json(Method::GET, &format!("{path}/identity"), "").await;
    assert_eq!(unseen.status, StatusCode::NOT_FOUND, "it isn't their organisation's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_given_on_a_page_or_by_a_program_and_its_state_is_shown() {
    let app = app().await;
    let (product, viewer) = (person(&app, Role::Product).await, person(&app, Role::Viewer).await);
    registered(&app, "CT-1", &[]).await;
    let path = "/fleet/devices/CT-1/commands";
    let fields = [("name", "reboot"), ("payload", ""), ("seconds", "3600"), ("why", "It hangs")];
    let given = product.post(path, &fields).await;
    assert_eq!(given.location.as_deref(), Some(path), "{}", given.text);
    assert_eq!(viewer.post(path, &fields).await.status, StatusCode::FORBIDDEN);
    let wrong =
        product.post(path, &[("name", "reboot"), ("payload", "{after"), ("why", "x")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("{after") && wrong.text.contains("is JSON"), "{}", wrong.text);
    let page = viewer.get(path).await.text;
    assert!(page.contains("queued until") && page.contains("It hangs"), "{page}");
    assert!(!page.contains("<form class=\"edit\""), "{page}");
    let path = "/api/v1/devices/CT-1/commands";
    let body = r#"{"name":"report","payload":{"since":1},"expires_seconds":60}"#;
    let given = product.json(Method::POST, path, body).await;
    assert_eq!(given.status, StatusCode::ACCEPTED, "{}", given.text);
    let told: serde_json::Value = serde_json::from_str(&given.text).unwrap();
    assert_eq!((&told["state"], &told["payload"]["since"]), (&"queued".into(), &1.into()));
    assert_eq!(told["expires"], "2026-11-23T09:01:00Z");
    for wrong in [r#"{"name":"a/b"}"#, r#"{"name":"a","expires_seconds":0}"#, r#"{"nam":"a"}"#] {
        let refused = product.json(Method::POST, path, wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", refused.text);
    }
    let told = product.json(Method::GET, path, "").await.text;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let names: Vec<_> = told["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["report", "reboot"]);
}
