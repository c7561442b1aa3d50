//! The API as its clients use it, through the whole router.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use longlead_model::{Kind, RecordKey};
use longlead_records::Actor;
use longlead_records::people::{By, NewUser, OrganisationKind, Role, Scope, ShareLevel, User};
use serde_json::{Value as Json, json};

use crate::app::App;
use crate::route::routes;
use crate::testing::{self, Answer, answer, now};

/// A program with a token.
#[derive(Clone, Debug)]
struct Client {
    app: App,
    secret: String,
    user: User,
}

const EVERYTHING: &[Scope] = &[
    Scope::ReadRecords,
    Scope::WriteRecords,
    Scope::ReadInsights,
    Scope::ReadFleet,
    Scope::EditFleet,
];

fn by() -> By {
    By { who: Actor::System, at: now(), client: String::new() }
}

async fn client(app: &App, role: Role, scopes: &[Scope]) -> Client {
    let people = app.people();
    let kind = match role {
        Role::Partner => OrganisationKind::ContractManufacturer,
        _ => OrganisationKind::Own,
    };
    let number = people.users().await.unwrap().len();
    let name = format!("{role} organisation {number}");
    let organisation = people.create_organisation(&name, kind, &by()).await.unwrap();
    let new = NewUser {
        email: format!("{role}{number}@longlead.example"),
        name: format!("{role}"),
        role,
        organisation: organisation.id,
        discipline: None,
    };
    let (user, _) = people.create_user(&new, &by()).await.unwrap();
    let token = people.create_token(user.id, "test", scopes, None, &by()).await.unwrap();
    Client { app: app.clone(), secret: token.1.expose().to_owned(), user }
}

async fn owner(app: &App) -> Client {
    client(app, Role::Owner, EVERYTHING).await
}

impl Client {
    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    /// Sends JSON; PATCH as a merge patch.
    async fn send(&self, method: Method, path: &str, more: &[(&str, &str)], body: &Json) -> Answer {
        let kind = match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let headers = [&[("content-type", kind)], more].concat();
        self.ask(method, path, &headers, &body.to_string()).await
    }

    async fn ask(&self, method: Method, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "longlead.example")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.secret));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        answer(&self.app, request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

fn told(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).unwrap_or_else(|| panic!("no header {name}"));
    value.to_str().unwrap().to_owned()
}

fn json_of(answer: &Answer) -> Json {
    serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("not JSON: {}", answer.text))
}

/// Asserts that an answer is a problem of a status and code, and gives it.
#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) -> Json {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(told(&answer.headers, "content-type"), "application/problem+json");
    let problem = json_of(answer);
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status);
    problem
}

#[track_caller]
fn is(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status, "{}", answer.text);
}

const PARTS: &str = "/api/v1/records/part";
const BUZZER: &str = "/api/v1/records/part/buzzer-85db";

fn buzzer() -> Json {
    json!({ "id": "buzzer-85db", "title": "Buzzer, 85 dB" })
}

#[tokio::test]
async fn a_record_is_added_read_replaced_patched_and_removed_and_its_history_tells_so() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let added = owner.send(Method::POST, PARTS, &[], &buzzer()).await;
    is(&added, StatusCode::CREATED);
    assert_eq!(added.location.as_deref(), Some(BUZZER));
    let first = told(&added.headers, "etag");

    // It is there at once, whether or not it is planned yet.
    let read = owner.get(BUZZER).await;
    is(&read, StatusCode::OK);
    assert_eq!(told(&read.headers, "etag"), first);
    assert_eq!(json_of(&read), buzzer());
    let unchanged = owner.ask(Method::GET, BUZZER, &[("if-none-match", &first)], "").await;
    is(&unchanged, StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.text, "");

    let replaced = json!({ "title": "Buzzer, 90 dB", "manufacturer": "Loud" });
    let replaced = owner.send(Method::PUT, BUZZER, &[("if-match", &first)], &replaced).await;
    is(&replaced, StatusCode::OK);
    let second = told(&replaced.headers, "etag");
    assert_ne!(first, second);

    let patch = json!({ "manufacturer": null, "lifecycle": "obsolete" });
    let path = format!("{BUZZER}?why=It+is+made+again");
    let patched = owner.send(Method::PATCH, &path, &[("if-match", &second)], &patch).await;
    is(&patched, StatusCode::OK);
    let expect = json!({ "id": "buzzer-85db", "title": "Buzzer, 90 dB", "lifecycle": "obsolete" });
    assert_eq!(json_of(&patched), expect);

    let third = told(&patched.headers, "etag");
    let removed = owner.ask(Method::DELETE, BUZZER, &[("if-match", &third)], "").await;
    is(&removed, StatusCode::NO_CONTENT);
    problem(&owner.get(BUZZER).await, 404, "not-found");

    let history = json_of(&owner.get(&format!("{BUZZER}/history")).await);
    let items = history["items"].as_array().unwrap();
    let what: Vec<_> = items.iter().map(|item| &item["changes"][0]["what"]).collect();
    assert_eq!(what, ["removed", "changed", "changed", "added"]);
    assert_eq!(items[1]["why"], "It is made again");
    assert_eq!(items[1]["changes"][0]["before"]["manufacturer"], "Loud");
    assert_eq!(items[1]["changes"][0]["after"], expect);
}

#[tokio::test]
async fn who_has_not_seen_the_newest_version_overwrites_nothing() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let added = owner.send(Method::POST, PARTS, &[], &buzzer()).await;
    let seen = told(&added.headers, "etag");
    let theirs = json!({ "title": "Theirs" });
    is(&owner.send(Method::PATCH, BUZZER, &[("if-match", &seen)], &theirs).await, StatusCode::OK);
    let newest = told(&owner.get(BUZZER).await.headers, "etag");

    let mine = json!({ "title": "Mine" });
    let stale = owner.send(Method::PATCH, BUZZER, &[("if-match", &seen)], &mine).await;
    let told_problem = problem(&stale, 412, "precondition-failed");
    let version = told_problem["conflicts"][0]["version"].as_str().unwrap();
    assert_eq!(format!("\"{version}\""), newest);
    assert_eq!(json_of(&owner.get(BUZZER).await)["title"], "Theirs");

    let check = async |method: Method, headers: &[(&str, &str)], status: u16, code: &str| {
        let answer = match method {
            Method::DELETE => owner.ask(method, BUZZER, headers, "").await,
            method => owner.send(method, BUZZER, headers, &mine).await,
        };
        problem(&answer, status, code);
    };
    check(Method::PUT, &[], 428, "precondition-required").await;
    check(Method::PATCH, &[], 428, "precondition-required").await;
    check(Method::DELETE, &[], 428, "precondition-required").await;
    check(Method::DELETE, &[("if-match", &seen)], 412, "precondition-failed").await;
    check(Method::PUT, &[("if-none-match", "*")], 412, "precondition-failed").await;
    check(Method::PUT, &[("if-match", "W/\"1\"")], 412, "precondition-failed").await;
    check(Method::PUT, &[("if-match", "1")], 412, "precondition-failed").await;
    let same = [("if-match", "*"), ("if-none-match", "*")];
    check(Method::PUT, &same, 422, "invalid").await;
    problem(&owner.send(Method::POST, PARTS, &[], &buzzer()).await, 409, "conflict");
    let any = owner.send(Method::PUT, BUZZER, &[("if-match", "*")], &mine).await;
    is(&any, StatusCode::OK);
    // The same once more changes nothing, and that is fine.
    let again = owner.send(Method::PUT, BUZZER, &[("if-match", "*")], &mine).await;
    is(&again, StatusCode::OK);
    assert_eq!(told(&again.headers, "etag"), told(&any.headers, "etag"));
    let new = "/api/v1/records/part/buzzer-95db";
    let put = owner.send(Method::PUT, new, &[("if-none-match", "*")], &mine).await;
    is(&put, StatusCode::CREATED);
    problem(
        &owner.ask(Method::DELETE, "/api/v1/records/part/none", &[("if-match", "*")], "").await,
        412,
        "precondition-failed",
    );
    problem(
        &owner.ask(Method::DELETE, "/api/v1/records/part/none", &[("if-match", "\"1\"")], "").await,
        404,
        "not-found",
    );
}

#[tokio::test]
async fn a_body_is_refused_with_all_that_is_wrong_with_it() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let wrong = json!({ "id": "x", "titel": "X", "lifecycle": "gone" });
    let told_problem = problem(&owner.send(Method::POST, PARTS, &[], &wrong).await, 422, "refused");
    let codes: Vec<_> =
        told_problem["diagnostics"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert!(codes.contains(&&json!("unknown-field")), "{told_problem}");
    assert!(codes.contains(&&json!("wrong-value")), "{told_problem}");
    assert!(codes.contains(&&json!("missing-field")), "{told_problem}");

    let json_kind = [("content-type", "application/json")];
    let ask = async |headers: &[(&str, &str)], body: &str| {
        owner.ask(Method::POST, PARTS, headers, body).await
    };
    let twice = ask(&json_kind, r#"{"id": "x", "title": "X", "title": "Y"}"#).await;
    assert_eq!(
        problem(&twice, 422, "invalid")["diagnostics"][0]["message"],
        "`title` stands twice"
    );
    problem(&ask(&json_kind, "{").await, 400, "bad-request");
    problem(&ask(&json_kind, "[1]").await, 422, "invalid");
    problem(&ask(&json_kind, "{}").await, 422, "invalid");
    problem(&ask(&json_kind, r#"{"id": "Not An Id", "title": "X"}"#).await, 422, "invalid");
    // Serde would read a list as the members in their order.
    let listed = owner.ask(Method::POST, "/api/v1/devices", &json_kind, "[null, []]").await;
    problem(&listed, 422, "invalid");
    problem(&ask(&[], "{}").await, 415, "unsupported-media-type");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    problem(&ask(&form, "id=x").await, 415, "unsupported-media-type");
    let deep = format!(
        r#"{{"id": "x", "title": "X", "provides": {}}}"#,
        "{\"a\":".repeat(90) + "1" + &"}".repeat(90)
    );
    problem(&ask(&json_kind, &deep).await, 422, "invalid");
    let large = format!(r#"{{"id": "x", "title": "{}"}}"#, "x".repeat(9 << 20));
    problem(&ask(&json_kind, &large).await, 413, "too-large");
    let again = [json_kind[0], ("idempotency-key", "large")];
    problem(&ask(&again, &large).await, 413, "too-large");
}

#[tokio::test]
async fn what_the_api_does_not_know_is_a_problem_and_says_what_was_meant() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let check = async |method: Method, path: &str, status: u16, code: &str, detail: &str| {
        let told_problem = problem(&owner.ask(method, path, &[], "").await, status, code);
        let text = told_problem.to_string();
        assert!(text.contains(detail), "{text} lacks {detail}");
    };
    check(Method::GET, "/api/v1/records/parts", 404, "not-found", "part").await;
    check(
        Method::GET,
        "/api/v1/records/feature/door-open-alert",
        404,
        "not-found",
        "door-open-alerts",
    )
    .await;
    check(Method::GET, "/api/v1/records/part/%FF", 404, "not-found", "address").await;
    check(Method::GET, "/api/v1/records/part?titel=x", 422, "invalid", "title").await;
    check(Method::GET, "/api/v1/records/part?limit=0", 400, "bad-request", "500").await;
    check(Method::GET, "/api/v1/records/part?limit=5&limit=6", 400, "bad-request", "twice").await;
    check(Method::GET, "/api/v1/records/part?cursor=zz", 422, "invalid", "cursor").await;
    check(Method::GET, "/api/v1/forecast?asof=2026-11-23", 400, "bad-request", "as_of").await;
    check(Method::GET, "/api/v1/forecast?as_of=9999-12-31", 422, "invalid", "20 years").await;
    check(Method::GET, "/api/v1/forecast?at=99", 404, "not-found", "99").await;
    check(Method::GET, "/api/v1/decisions?state=lost,safe", 400, "bad-request", "at-risk").await;
    check(Method::GET, "/api/v1/explain/door-open-alert", 404, "not-found", "door-open-alerts")
        .await;
    check(Method::GET, "/api/v1/nothing", 404, "not-found", "").await;
    check(Method::POST, "/api/v1/forecast", 405, "method-not-allowed", "").await;
    let wrong = owner.ask(Method::PUT, PARTS, &[], "").await;
    let allowed = told(&wrong.headers, "allow");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn pages_of_a_list_neither_repeat_nor_hide_what_others_add_and_remove() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let all = json_of(&owner.get(&format!("{PARTS}?limit=500")).await);
    let total = all["total"].as_u64().unwrap();
    let ids = |page: &Json| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&all);
    assert_eq!(all.len() as u64, total);
    assert!(total > 20);
    for sort in ["", "sort=-title&", "sort=lifecycle,-manufacturer&"] {
        let mut found = Vec::new();
        let mut path = format!("{PARTS}?{sort}limit=7");
        let mut others = 0;
        loop {
            let page = json_of(&owner.get(&path).await);
            found.extend(ids(&page));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            // Others add before and after, and remove what the cursor stands on.
            others += 1;
            let added = json!({ "id": format!("0-{others}-{}", sort.len()), "title": "Aaa" });
            is(&owner.send(Method::POST, PARTS, &[], &added).await, StatusCode::CREATED);
            path = format!("{PARTS}?{sort}limit=7&cursor={next}");
        }
        let mut own: Vec<_> = found.iter().filter(|id| !id.starts_with("0-")).cloned().collect();
        own.sort();
        assert_eq!(own, all, "sorted by {sort}");
    }
    let offers = json_of(&owner.get("/api/v1/records/offer?supplier=dist-eu&limit=500").await);
    let items = offers["items"].as_array().unwrap();
    assert!(!items.is_empty());
    assert!(items.iter().all(|item| item["record"]["supplier"] == "dist-eu"));
    let radios = json_of(&owner.get("/api/v1/records/part?provides.ble=true").await);
    assert!(ids(&radios).contains(&"nrf52840-qiaa".to_owned()), "{radios}");
    let none = json_of(&owner.get("/api/v1/records/part?provides.ble=false").await);
    assert_eq!(none["total"], 0, "{none}");
    let found = json_of(&owner.get("/api/v1/records/feature?q=DOOR").await);
    assert!(ids(&found).contains(&"door-open-alerts".to_owned()));
    let page = owner.get(PARTS).await;
    let tag = told(&page.headers, "etag");
    is(
        &owner.ask(Method::GET, PARTS, &[("if-none-match", &tag)], "").await,
        StatusCode::NOT_MODIFIED,
    );
}

#[tokio::test]
async fn a_change_set_holds_as_a_whole_or_not_at_all() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let head = app.journal().current().head;
    let supplier = owner.get("/api/v1/records/supplier/dist-eu").await;
    let version: u64 = told(&supplier.headers, "etag").trim_matches('"').parse().unwrap();
    let set = |version: u64| {
        json!({
            "why": "Settled",
            "changes": [
                { "key": "part/buzzer-85db", "replace": buzzer() },
                { "kind": "supplier", "id": "dist-eu", "set": { "title": "Other" }, "version": version },
            ],
        })
    };
    let path = "/api/v1/changes";
    let preview =
        owner.send(Method::POST, "/api/v1/changes?dry_run=true", &[], &set(version)).await;
    is(&preview, StatusCode::OK);
    let preview = json_of(&preview);
    assert_eq!(preview["added"][0]["key"], "part/buzzer-85db");
    assert_eq!(preview["changed"][0]["after"]["title"], "Other");
    assert_eq!(preview["would_commit"], true);
    assert_eq!(app.journal().current().head, head, "a dry run changes nothing");

    let conflict = owner.send(Method::POST, path, &[], &set(version + 1)).await;
    let told_problem = problem(&conflict, 409, "conflict");
    assert_eq!(told_problem["conflicts"][0]["key"], "supplier/dist-eu");
    assert_eq!(app.journal().current().head, head, "nothing of it was done");

    let broken = json!({ "changes": [
        { "key": "part/buzzer-85db", "replace": buzzer() },
        { "key": "offer/a.b", "replace": { "supplier": "nobody", "part": "buzzer-85db" } },
    ]});
    problem(&owner.send(Method::POST, path, &[], &broken).await, 422, "refused");
    let unread = json!({ "changes": [
        { "key": "part/buzzer-85db", "set": {} },
        { "key": "part", "replace": {} },
        { "key": "part/x", "replace": {}, "remove": true },
        { "key": "part/x", "repalce": {} },
        7,
    ]});
    let told_problem = problem(&owner.send(Method::POST, path, &[], &unread).await, 422, "invalid");
    assert_eq!(told_problem["diagnostics"].as_array().unwrap().len(), 5, "{told_problem}");

    let committed = owner.send(Method::POST, path, &[], &set(version)).await;
    is(&committed, StatusCode::CREATED);
    let place = committed.location.clone().unwrap();
    let shown = json_of(&owner.get(&place).await);
    assert_eq!(shown["why"], "Settled");
    assert_eq!(shown["who"], "owner (test)");
    assert_eq!(shown["changes"].as_array().unwrap().len(), 2);
    let journal = json_of(&owner.get("/api/v1/changes?limit=1").await);
    assert_eq!(journal["items"][0]["sequence"], shown["sequence"]);
    let next = journal["next"].as_str().unwrap();
    let page = json_of(&owner.get(&format!("/api/v1/changes?limit=1&cursor={next}")).await);
    assert_eq!(page["items"][0]["sequence"], head.get());
    assert_eq!(page["next"], Json::Null);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_is_not_done_twice() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let key = [("idempotency-key", "order-66")];
    let first = owner.send(Method::POST, PARTS, &key, &buzzer()).await;
    is(&first, StatusCode::CREATED);
    assert!(first.headers.get("idempotency-replayed").is_none());
    let head = app.journal().current().head;
    let again = owner.send(Method::POST, PARTS, &key, &buzzer()).await;
    is(&again, StatusCode::CREATED);
    assert_eq!(told(&again.headers, "idempotency-replayed"), "true");
    assert_eq!((&again.text, &again.location), (&first.text, &first.location));
    assert_eq!(told(&again.headers, "etag"), told(&first.headers, "etag"));
    assert_eq!(app.journal().current().head, head);

    let other = json!({ "id": "buzzer-90db", "title": "Another" });
    let different = owner.send(Method::POST, PARTS, &key, &other).await;
    problem(&different, 422, "idempotency-mismatch");
    // A refusal is an answer too, and is replayed as the problem that it was.
    let key = [("idempotency-key", "refused"), ("if-match", "\"99\"")];
    let refused = owner.send(Method::PUT, BUZZER, &key, &buzzer()).await;
    let first = problem(&refused, 412, "precondition-failed");
    let refused = owner.send(Method::PUT, BUZZER, &key, &buzzer()).await;
    assert_eq!(problem(&refused, 412, "precondition-failed"), first);
    assert_eq!(told(&refused.headers, "idempotency-replayed"), "true");
    // Keys of others have nothing to do with mine.
    let colleague = client(&app, Role::Hardware, EVERYTHING).await;
    let key = [("idempotency-key", "order-66")];
    is(&colleague.send(Method::POST, PARTS, &key, &other).await, StatusCode::CREATED);
}

#[tokio::test]
async fn answers_to_questions_are_not_kept() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let key = [("idempotency-key", "question")];
    let changes = json!({ "changes": [{ "key": "part/buzzer-85db", "replace": buzzer() }] });
    let dry = owner.send(Method::POST, "/api/v1/changes?dry_run=true", &key, &changes).await;
    is(&dry, StatusCode::OK);
    // The key is free for the change itself.
    let made = owner.send(Method::POST, "/api/v1/changes", &key, &changes).await;
    is(&made, StatusCode::CREATED);
    let what_if = json!({ "changes": [] });
    for _ in 0..2 {
        let told = owner.send(Method::POST, "/api/v1/what-if", &key, &what_if).await;
        problem(&told, 422, "invalid");
        assert!(told.headers.get("idempotency-replayed").is_none());
    }
}

#[tokio::test]
async fn a_question_with_a_body_is_never_not_modified() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let change =
        json!({ "kind": "feature", "id": "door-open-alerts", "set": { "title": "Doors" } });
    let what_if = json!({ "changes": [change] });
    for path in ["/api/v1/what-if", "/api/v1/impact"] {
        let first = owner.send(Method::POST, path, &[], &what_if).await;
        is(&first, StatusCode::OK);
        let tag = told(&first.headers, "etag");
        let again = owner.send(Method::POST, path, &[("if-none-match", &tag)], &what_if).await;
        is(&again, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_change_set_has_an_end_and_its_reason_is_text() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let many = vec![json!({ "key": "part/x", "remove": true, "version": 1 }); 10_001];
    let many = json!({ "changes": many });
    let refused = owner.send(Method::POST, "/api/v1/changes", &[], &many).await;
    let told = problem(&refused, 422, "invalid").to_string();
    assert!(told.contains("at most 10000 changes"), "{told}");
    let odd = json!({
        "why": "a\u{0}b",
        "changes": [{ "key": "part/buzzer-85db", "replace": buzzer() }],
    });
    let refused = owner.send(Method::POST, "/api/v1/changes", &[], &odd).await;
    problem(&refused, 422, "invalid");
    let refused = owner.get("/api/v1/forecasts?id=%00").await;
    problem(&refused, 400, "bad-request");
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_with_the_process_is_not_done_twice() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let added = owner.send(Method::POST, PARTS, &[], &buzzer()).await;
    let seen = told(&added.headers, "etag");
    let key = [("idempotency-key", "lost"), ("if-match", seen.as_str())];
    // What the first attempt has committed before it died, under the key of the request.
    let dying = longlead_records::CommitRequest {
        who: Actor::User(owner.user.id),
        at: now(),
        why: None,
        edits: vec![longlead_records::VersionedEdit {
            edit: longlead_model::Edit {
                key: RecordKey::Record(Kind::Part, "buzzer-85db".to_owned()),
                after: None,
            },
            expected: longlead_records::Expected::Any,
        }],
        idempotency: Some(longlead_records::IdempotencyKey {
            principal: principal(&app, &owner).await,
            key: "lost".to_owned(),
        }),
    };
    app.journal()
        .idempotent_begin(dying.idempotency.as_ref().unwrap(), &lost_hash(&seen), now())
        .await
        .unwrap();
    app.journal().commit(dying.clone()).await.unwrap();
    app.journal().idempotent_abandon(dying.idempotency.as_ref().unwrap()).await.unwrap();
    let head = app.journal().current().head;
    let again = owner.ask(Method::DELETE, BUZZER, &key, "").await;
    is(&again, StatusCode::NO_CONTENT);
    assert_eq!(app.journal().current().head, head);
}

async fn principal(app: &App, client: &Client) -> String {
    let tokens = app.people().tokens_of(client.user.id).await.unwrap();
    format!("token {}", tokens[0].id)
}

fn lost_hash(seen: &str) -> String {
    let request = Request::builder()
        .method(Method::DELETE)
        .uri(BUZZER)
        .header(header::IF_MATCH, seen)
        .body(())
        .unwrap();
    super::contract::digest(&request.into_parts().0, &axum::body::Bytes::new())
}

#[tokio::test]
async fn a_token_does_no_more_than_its_scopes_and_its_users_role() {
    let app = testing::app().await;
    let reader = client(&app, Role::Owner, &[Scope::ReadRecords]).await;
    is(&reader.get(PARTS).await, StatusCode::OK);
    let refused =
        problem(&reader.send(Method::POST, PARTS, &[], &buzzer()).await, 403, "forbidden");
    assert!(refused["title"].as_str().unwrap().contains("records:write"), "{refused}");
    problem(&reader.get("/api/v1/forecast").await, 403, "forbidden");
    let viewer = client(&app, Role::Viewer, EVERYTHING).await;
    problem(&viewer.send(Method::POST, PARTS, &[], &buzzer()).await, 403, "forbidden");
    is(
        &viewer.send(Method::POST, "/api/v1/what-if", &[], &super::what_if::example()).await,
        StatusCode::OK,
    );
    let firmware = client(&app, Role::Firmware, EVERYTHING).await;
    problem(&firmware.send(Method::POST, PARTS, &[], &buzzer()).await, 403, "forbidden");
    let nobody = Client { secret: "no such token".to_owned(), ..reader };
    let refused = nobody.get(PARTS).await;
    problem(&refused, 401, "unauthenticated");
    assert!(told(&refused.headers, "www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn a_browser_session_needs_its_own_secret_to_change_something() {
    let app = testing::app().await;
    let person = testing::person(&app, Role::Owner).await;
    let ask = async |csrf: Option<String>| {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(PARTS)
            .header(header::HOST, "longlead.example")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, format!("longlead={}", person.session));
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        answer(&app, request.body(Body::from(buzzer().to_string())).unwrap()).await
    };
    problem(&ask(None).await, 403, "csrf");
    is(&ask(Some(crate::guard::csrf_of(&person.session))).await, StatusCode::CREATED);
}

#[tokio::test]
async fn insights_follow_from_the_records_and_say_from_which() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let forecast = owner.get("/api/v1/forecast").await;
    is(&forecast, StatusCode::OK);
    let tag = told(&forecast.headers, "etag");
    let same = owner.ask(Method::GET, "/api/v1/forecast", &[("if-none-match", &tag)], "").await;
    is(&same, StatusCode::NOT_MODIFIED);
    let first = json_of(&forecast);
    let launch = |forecast: &Json| {
        let mut milestones = forecast["milestones"].as_array().unwrap().iter();
        milestones.find(|it| it["id"] == "launch:door-open-alerts").cloned().unwrap()
    };

    let feature = owner.get("/api/v1/records/feature/door-open-alerts").await;
    let seen = told(&feature.headers, "etag");
    let patch = json!({ "target": "2029-12-31" });
    let path = "/api/v1/records/feature/door-open-alerts";
    let patched = owner.send(Method::PATCH, path, &[("if-match", &seen)], &patch).await;
    is(&patched, StatusCode::OK);
    let sequence = told(&patched.headers, "longlead-sequence");
    let after = owner.get(&format!("/api/v1/forecast?after={sequence}")).await;
    assert_eq!(told(&after.headers, "longlead-sequence"), sequence);
    assert_eq!(launch(&json_of(&after))["target"], "2029-12-31");
    // As it was.
    let then = json_of(&owner.get("/api/v1/forecast?at=1").await);
    assert_eq!(launch(&then), launch(&first));

    let decisions = json_of(&owner.get("/api/v1/decisions").await);
    let decision = &decisions["items"][0]["id"];
    let one =
        json_of(&owner.get(&format!("/api/v1/decisions/{}", decision.as_str().unwrap())).await);
    assert_eq!(&one["decision"]["id"], decision);
    assert!(one["because"][0]["sentence"].is_string());
    let explained = json_of(&owner.get("/api/v1/explain/door-open-alerts").await);
    assert_eq!(explained["milestone"]["id"], "launch:door-open-alerts");
    let reason = &explained["steps"][0]["because"][0];
    assert!(reason["reason"]["kind"].is_string() && reason["sentence"].is_string(), "{reason}");
    let coverage = json_of(&owner.get("/api/v1/coverage?feature=door-open-alerts").await);
    let support = coverage["support"].as_array().unwrap();
    assert!(support.len() >= 3 && support.iter().all(|it| it["feature"] == "door-open-alerts"));
    is(&owner.get("/api/v1/foresight").await, StatusCode::OK);
    let logged = json_of(&owner.get("/api/v1/forecasts?id=launch:door-open-alerts").await);
    assert!(!logged["items"].as_array().unwrap().is_empty(), "{logged}");
}

#[tokio::test]
async fn a_what_if_tells_what_would_follow_and_stores_nothing() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let head = app.journal().current().head;
    let later = json!({ "changes": [
        { "kind": "build", "id": "tracker-c-pvt", "remove": true },
        { "kind": "nothing", "id": "x", "remove": true },
    ]});
    let told_problem =
        problem(&owner.send(Method::POST, "/api/v1/what-if", &[], &later).await, 422, "invalid");
    assert!(told_problem["diagnostics"][0]["code"].is_string(), "{told_problem}");
    let scenario = json_of(&owner.get("/api/v1/records/scenario/no-light").await);
    let supposed = json!({ "changes": scenario["changes"] });
    let answered = owner.send(Method::POST, "/api/v1/impact", &[], &supposed).await;
    is(&answered, StatusCode::OK);
    let impact = json_of(&answered);
    assert!(!impact["records"].as_array().unwrap().is_empty());
    let compared = json_of(&owner.get("/api/v1/scenarios/no-light/comparison").await);
    assert_eq!(compared["comparison"], impact["comparison"]);
    let milestones = compared["comparison"]["milestones"].as_array().unwrap();
    assert!(!milestones.is_empty(), "{compared}");
    is(&owner.get("/api/v1/scenarios/no-light/forecast").await, StatusCode::OK);
    let listed = json_of(&owner.get("/api/v1/scenarios").await);
    assert!(listed["total"].as_u64().unwrap() > 5);
    assert_eq!(app.journal().current().head, head);

    let dependents = json_of(&owner.get("/api/v1/impact/part/nrf9161-laca").await);
    let has =
        |list: &str, id: &str| dependents[list].as_array().unwrap().iter().any(|it| it["id"] == id);
    assert!(has("mentioned_by", "tracker-c.nrf9161-laca"), "{dependents}");
    assert!(has("revisions", "tracker-c"));
    assert!(has("features", "door-open-alerts"));
    let direct =
        dependents["activities"].as_array().unwrap().iter().filter(|it| it["direct"] == true);
    assert!(direct.count() > 0);
}

#[tokio::test]
async fn a_partner_is_told_of_nothing_that_is_not_shared() {
    let app = testing::app().await;
    let partner = client(&app, Role::Partner, EVERYTHING).await;
    let shared = RecordKey::Record(Kind::Supplier, "pcb-sz".to_owned());
    let people = app.people();
    people.add_share(partner.user.organisation, &shared, ShareLevel::Edit, &by()).await.unwrap();
    // Ids that nothing of the shared supplier refers to.
    let hidden =
        ["dist-us", "radio-maker", "door-open-alerts", "esim-swap", "no-light", "japan-later"];
    let owner = owner(&app).await;
    let offer = owner.get("/api/v1/records/offer?supplier=dist-us").await;
    assert!(offer.text.contains("dist-us"));
    let mut paths: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| format!("/api/v1/records/{kind}?limit=500"))
        .chain(
            routes()
                .iter()
                .filter(|it| it.path.starts_with("/api/v1/") && it.method == Method::GET)
                .filter(|it| !it.path.contains('{'))
                .map(|it| it.path.to_owned()),
        )
        .collect();
    paths.extend([
        "/api/v1/changes/1".to_owned(),
        "/api/v1/records/supplier/pcb-sz/history".to_owned(),
        "/api/v1/impact/supplier/pcb-sz".to_owned(),
        "/api/v1/records/supplier/dist".to_owned(),
        "/api/v1/explain/door-open-alert".to_owned(),
    ]);
    for path in paths {
        let answered = partner.get(&path).await;
        for id in hidden {
            assert!(!answered.text.contains(id), "{path} tells of {id}");
        }
        assert!(!answered.status.is_server_error(), "{path}: {}", answered.text);
    }
    is(&partner.get("/api/v1/records/supplier/pcb-sz").await, StatusCode::OK);
    problem(&partner.get("/api/v1/records/supplier/dist-us").await, 404, "not-found");
    problem(&partner.get("/api/v1/settings").await, 404, "not-found");
    problem(&partner.get("/api/v1/explain/launch:door-open-alerts").await, 404, "not-found");
    problem(&partner.get("/api/v1/scenarios/no-light/comparison").await, 404, "not-found");
    problem(&partner.get("/api/v1/impact/supplier/dist-us").await, 404, "not-found");
    let supposed = json!({ "changes": [{ "kind": "supplier", "id": "dist-us", "remove": true }] });
    problem(&partner.send(Method::POST, "/api/v1/what-if", &[], &supposed).await, 404, "not-found");
    problem(&partner.send(Method::POST, PARTS, &[], &buzzer()).await, 403, "forbidden");
    let path = "/api/v1/records/supplier/dist-us";
    let put = partner.send(Method::PUT, path, &[("if-match", "\"1\"")], &json!({})).await;
    problem(&put, 404, "not-found");
}

#[tokio::test]
async fn rates_are_told_and_kept() {
    let app = testing::app().await;
    let owner = owner(&app).await;
    let remaining = |answer: &Answer| -> u32 {
        let told = told(&answer.headers, "ratelimit");
        told.split("r=").nth(1).unwrap().parse().unwrap()
    };
    let (first, second) = (owner.get(PARTS).await, owner.get(PARTS).await);
    assert!(remaining(&second) <= remaining(&first));
    assert!(told(&first.headers, "ratelimit-policy").starts_with("\"reader\";q="));
}

#[tokio::test]
async fn the_description_is_public_and_its_pages_tell_every_operation() {
    let app = testing::app().await;
    let request = Request::builder().uri("/api/openapi.json").body(Body::empty()).unwrap();
    let answered = answer(&app, request).await;
    is(&answered, StatusCode::OK);
    assert_eq!(json_of(&answered), super::document::openapi());
    let person = testing::person(&app, Role::Viewer).await;
    let page = person.get("/api/docs").await;
    is(&page, StatusCode::OK);
    let operations: Vec<_> = routes().into_iter().filter_map(|it| it.operation).collect();
    for operation in &operations {
        assert!(page.text.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
    }
    let found = person.get("/api/docs?q=what-if").await;
    assert!(found.text.contains("id=\"whatIf\"") && !found.text.contains("id=\"getForecast\""));
    is(&person.get("/api/docs/Forecast").await, StatusCode::OK);
    is(&person.get("/api/docs/record.part").await, StatusCode::OK);
    is(&person.get("/api/docs/Nothing").await, StatusCode::NOT_FOUND);
    assert!(person.get("/api/problems").await.text.contains("precondition-failed"));
    let stranger = Request::builder().uri("/api/docs").header(header::ACCEPT, "text/html");
    let sent = answer(&app, stranger.body(Body::empty()).unwrap()).await;
    assert_eq!(sent.location.as_deref(), Some("/sign-in?next=%2Fapi%2Fdocs"));
}

#[test]
fn the_openapi_file_is_current_and_every_reference_leads_somewhere() {
    let document = super::document::openapi();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/openapi.json");
    let file = std::fs::read_to_string(path).unwrap_or_default();
    let file: Json = serde_json::from_str(&file).unwrap_or_default();
    assert!(file == document, "schema/openapi.json is stale: run `cargo xtask schema`");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}
