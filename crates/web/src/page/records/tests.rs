//! What someone who works with records would notice.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use longlead_records::people::{By, Role, ShareLevel};

use longlead_model::Kind;

use super::DISCIPLINES;
use crate::app::App;
use crate::guard::csrf_of;
use crate::testing::{Answer, Person, answer, app, hidden, inputs, now, person};

/// Sends files, as a browser does.
async fn upload(person: &Person, path: &str, files: &[(&str, &str)]) -> Answer {
    let csrf = csrf_of(&person.session);
    let part = |head: String, text: &str| {
        format!("--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n")
    };
    let mut body = part("name=\"_csrf\"".to_owned(), &csrf);
    for (name, text) in files {
        body += &part(format!("name=\"file\"; filename=\"{name}\""), text);
    }
    body += "--edge--\r\n";
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, format!("longlead={}", person.session))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge")
        .header(header::HOST, "longlead.example")
        .body(Body::from(body))
        .unwrap();
    answer(&person.app, request).await
}

/// What a form that is sent as it was shown would send, of the fields of the record.
fn fields(page: &str) -> Vec<(String, String)> {
    let version = ("version".to_owned(), hidden(page, "version"));
    let mut fields = vec![version, ("mode".to_owned(), "form".to_owned())];
    fields.extend(inputs(page));
    fields
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn with<'a>(
    fields: &'a [(String, String)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields = borrowed(fields);
    for (name, value) in changes {
        fields.retain(|(told, _)| told != name);
        fields.push((name, value));
    }
    fields
}

fn text(app: &App, key: &str) -> Option<String> {
    app.journal().current().bundle.text(&key.parse().unwrap())
}

#[tokio::test]
async fn records_are_listed_searched_and_read_with_what_follows_from_them() {
    let app = app().await;
    let viewer = person(&app, Role::Viewer).await;
    let index = viewer.get("/records").await.text;
    assert!(
        index.contains("href=\"/records/bom_line\"") && index.contains("A part that is bought.")
    );
    let found = viewer.get("/records?q=W25Q64").await.text;
    assert!(found.contains("href=\"/records/part/w25q64\""), "{found}");
    let list = viewer.get("/records/part?q=flash&sort=-mpn").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.text.contains("aria-sort=\"descending\"") && !list.text.contains("Add part"));
    let page = viewer.get("/records/build/tracker-c-evt").await.text;
    assert!(page.contains("What follows from it") && page.contains("href=\"/explain/"), "{page}");
    assert!(page.contains("href=\"/records/revision/tracker-c\"") && !page.contains("/edit"));
    let missing = viewer.get("/records/part/w25q46").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text.contains("Did you mean <code>w25q"), "{}", missing.text);
    assert_eq!(viewer.get("/records/parts").await.status, StatusCode::NOT_FOUND);
    for kind in Kind::ALL {
        assert_eq!(viewer.get(&format!("/records/{kind}")).await.status, StatusCode::OK, "{kind}");
    }
    assert_eq!(viewer.get("/records/settings/settings").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_form_that_is_saved_changes_what_was_typed_and_nothing_else() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let form = owner.get("/records/part/w25q64/edit").await.text;
    let shown = fields(&form);
    let unchanged =
        owner.post("/records/part/w25q64/edit", &with(&shown, &[("action", "save")])).await;
    assert!(unchanged.text.contains("Nothing has changed yet"), "{}", unchanged.text);
    let before = text(&app, "part/w25q64").unwrap();
    let title = [("f.title", "Flash & more"), ("action", "save"), ("why", "clearer")];
    let saved = owner.post("/records/part/w25q64/edit", &with(&shown, &title)).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let after = text(&app, "part/w25q64").unwrap();
    let differ =
        before.lines().zip(after.lines()).filter(|(before, after)| before != after).count();
    assert_eq!((before.lines().count(), differ), (after.lines().count(), 1), "{after}");
    let page = owner.get(&saved.location.unwrap()).await.text;
    assert!(
        page.contains("Saved as") && page.contains("Flash &amp; more") && page.contains("clearer")
    );
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let wrong = [
        ("f.id", "x1"),
        ("f.supplier", "nobody"),
        ("f.part", "w25q64"),
        ("f.lead_time", "soon"),
        ("why", "a reason"),
        ("action", "save"),
    ];
    let refused = owner.post("/records/offer/new", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = &refused.text;
    assert!(page.contains("value=\"soon\"") && page.contains("value=\"a reason\""), "{page}");
    assert!(page.contains("id=\"f-lead_time-error-0\""), "{page}");
    let missing = owner.post("/records/part/new", &[("f.id", "x1"), ("action", "save")]).await;
    assert!(missing.text.contains("id=\"f-title-error-0\""), "{}", missing.text);
    let taken = owner
        .post("/records/part/new", &[("f.id", "w25q64"), ("f.title", "X"), ("action", "save")])
        .await;
    assert!(
        taken.text.contains("there is a record with the id `w25q64` already"),
        "{}",
        taken.text
    );
    let toml = [("mode", "toml"), ("text", "id = \"x1\"\ntitel = \"X\"\n"), ("action", "save")];
    let refused = owner.post("/records/part/new", &toml).await;
    assert!(
        refused.text.contains("part/x1:2") && refused.text.contains("titel"),
        "{}",
        refused.text
    );
    let more = owner
        .post(
            "/records/feature/new",
            &[("f.after.0", "door-open-alerts"), ("action", "more:after")],
        )
        .await;
    assert!(
        more.text.contains("name=\"f.after.6\"")
            && more.text.contains("value=\"door-open-alerts\"")
    );
}

#[tokio::test]
async fn a_preview_tells_what_moves_and_saves_nothing() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let head = app.journal().current().head;
    let page = owner.get("/records/build/tracker-c-evt/edit").await.text;
    let later =
        with(&fields(&page), &[("f.start_no_earlier_than", "2028-03-01"), ("action", "preview")])
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect::<Vec<_>>();
    let preview = owner.post("/records/build/tracker-c-evt/edit", &borrowed(&later)).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    assert!(
        preview.text.contains("Milestones that move") && preview.text.contains(" d later"),
        "{}",
        preview.text
    );
    assert_eq!(app.journal().current().head, head);
}

#[tokio::test]
async fn a_preview_tells_which_features_no_longer_run() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let page = owner.get("/records/part/opt3004/edit").await.text;
    let dark = [("f.provides.0.key", ""), ("f.provides.0.value", ""), ("action", "preview")];
    let preview = owner.post("/records/part/opt3004/edit", &with(&fields(&page), &dark)).await.text;
    assert!(preview.contains("Preview") && preview.contains(" no longer runs on "), "{preview}");
}

#[tokio::test]
async fn a_lost_update_is_shown_field_by_field_and_merges_when_asked() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let other = person(&app, Role::Product).await;
    let shown = fields(&owner.get("/records/part/w25q64/edit").await.text);
    let path = "/records/part/w25q64/edit";
    assert_eq!(
        other.post(path, &with(&shown, &[("f.mpn", "THEIRS"), ("action", "save")])).await.status,
        StatusCode::SEE_OTHER
    );
    let conflict =
        owner.post(path, &with(&shown, &[("f.title", "Mine"), ("action", "save")])).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    let page = &conflict.text;
    assert!(
        page.contains("Someone else has changed this meanwhile")
            && page.contains("THEIRS")
            && page.contains("value=\"Mine\""),
        "{page}"
    );
    let merge = [
        ("mode", "toml"),
        ("text", &hidden(page, "text")),
        ("version", &hidden(page, "version")),
        ("action", "merge"),
    ];
    let merged = owner.post(path, &merge).await;
    assert_eq!(merged.status, StatusCode::OK, "{}", merged.text);
    let saved = owner.post(path, &with(&fields(&merged.text), &[("action", "save")])).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let text = text(&app, "part/w25q64").unwrap();
    assert!(text.contains("THEIRS") && text.contains("\"Mine\""), "{text}");
}

#[tokio::test]
async fn who_may_not_write_is_refused_and_a_partner_sees_only_what_is_shared() {
    let app = app().await;
    let viewer = person(&app, Role::Viewer).await;
    let firmware = person(&app, Role::Firmware).await;
    let save = [("mode", "toml"), ("text", "title = \"X\"\n"), ("action", "save")];
    assert_eq!(viewer.post("/records/part/w25q64/edit", &save).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        firmware.post("/records/part/w25q64/edit", &save).await.status,
        StatusCode::FORBIDDEN
    );
    let partner = person(&app, Role::Partner).await;
    let by = By { who: longlead_records::Actor::System, at: now(), client: String::new() };
    let supplier =
        app.journal().current().bundle.records.suppliers.keys().next().unwrap().to_string();
    let key = format!("supplier/{supplier}").parse().unwrap();
    app.people().add_share(partner.organisation.id, &key, ShareLevel::View, &by).await.unwrap();
    let index = partner.get("/records").await.text;
    assert!(!index.contains("/records/feature\""), "{index}");
    assert_eq!(partner.get(&format!("/records/supplier/{supplier}")).await.status, StatusCode::OK);
    for path in [
        "/records/feature/door-open-alerts",
        "/records/feature/door-open-alerts/history",
        "/records/part/w25q64?version=1",
        "/history/1",
    ] {
        let answer = partner.get(path).await;
        assert!(
            !answer.text.contains("Door") && !answer.text.contains("W25Q"),
            "{path}: {}",
            answer.text
        );
    }
    assert!(!partner.get("/records/feature.csv").await.text.contains("door"));
    assert!(!partner.get("/export/bundle.toml").await.text.contains("[[feature]]"));
    assert_eq!(partner.get("/import").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_spreadsheet_goes_out_and_comes_back() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let csv = owner.get("/records/part.csv").await;
    assert!(csv.text.starts_with("\u{feff}id,title,manufacturer,mpn,"), "{}", &csv.text[..80]);
    let same = upload(&owner, "/records/part/csv", &[("part.csv", &csv.text)]).await;
    assert!(same.text.contains("Nothing changes"), "{}", same.text);
    let changed = upload(
        &owner,
        "/records/part/csv",
        &[("part.csv", "id;title\nw25q64;Flash\nbrand-new;New\n")],
    )
    .await;
    assert!(
        changed.text.contains("1 record is added and 1 is changed")
            || changed.text.contains("1 is changed"),
        "{}",
        changed.text
    );
    let confirm = [
        ("batch", &*hidden(&changed.text, "batch")),
        ("back", "/records/part"),
        ("why", "from the buyer"),
    ];
    let saved = owner.post("/records/changes", &confirm).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    assert!(text(&app, "part/brand-new").is_some() && text(&app, "part/sht45").is_some());
    let again = owner.post("/records/changes", &confirm).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    let wrong = upload(&owner, "/records/part/csv", &[("part.csv", "id,titel\na,b\n")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text.contains("part.csv:1:2") && !wrong.text.contains("name=\"batch\""),
        "{}",
        wrong.text
    );
}

#[tokio::test]
async fn files_are_imported_as_one_change_and_come_out_the_same() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let whole = owner.get("/export/bundle.toml").await.text;
    let same = upload(&owner, "/import", &[("bundle.toml", &whole)]).await;
    assert!(same.text.contains("Nothing changes"), "{}", same.text);
    let file = "[[capability]]\nid = \"radar\"\ntitle = \"Radar\"\n\n[[supplier]]\nid = \"new-one\"\ntitle = \"New one\"\n";
    let preview = upload(&owner, "/import", &[("a.toml", file)]).await;
    assert!(preview.text.contains("2 records are added"), "{}", preview.text);
    let saved = owner
        .post(
            "/records/changes",
            &[("batch", &hidden(&preview.text, "batch")), ("back", "/import")],
        )
        .await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    assert!(text(&app, "capability/radar").is_some());
    assert!(text(&app, "part/w25q64").is_some(), "what isn't in the file stays");
}

#[tokio::test]
async fn a_record_in_use_stays_and_another_goes_and_comes_back() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let used = owner.get("/records/revision/tracker-c/delete").await.text;
    assert!(used.contains("It can't be removed yet") && used.contains("records refer"), "{used}");
    owner
        .post(
            "/records/capability/new",
            &[("f.id", "radar"), ("f.title", "Radar"), ("action", "save")],
        )
        .await;
    let page = owner.get("/records/capability/radar/delete").await.text;
    let gone = owner
        .post(
            "/records/capability/radar/delete",
            &[("version", &hidden(&page, "version")), ("why", "no need")],
        )
        .await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER, "{}", gone.text);
    assert_eq!(text(&app, "capability/radar"), None);
    assert_eq!(owner.get("/records/capability/radar").await.status, StatusCode::NOT_FOUND);
    let history = owner.get("/records/capability/radar/history").await.text;
    assert!(
        history.contains("no need") && history.contains("Bring this version back"),
        "{history}"
    );
    let back = owner.post("/records/capability/radar/restore", &[("sequence", "2")]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.text);
    assert!(text(&app, "capability/radar").unwrap().contains("Radar"));
}

#[tokio::test]
async fn history_tells_who_changed_what_and_shows_the_product_as_it_was() {
    let app = app().await;
    let owner = person(&app, Role::Owner).await;
    let shown = fields(&owner.get("/records/part/w25q64/edit").await.text);
    let changes = [("f.title", "Flash"), ("action", "save"), ("why", "shorter <b>")];
    owner.post("/records/part/w25q64/edit", &with(&shown, &changes)).await;
    let index = owner.get("/history").await.text;
    assert!(index.contains("shorter &lt;b&gt;") && index.contains("1 changed"), "{index}");
    assert!(!owner.get("/history?kind=feature").await.text.contains("shorter"));
    let set = owner.get("/history/2").await.text;
    assert!(set.contains("What it moved") && set.contains("title = &quot;Flash&quot;"), "{set}");
    assert_eq!(owner.get("/history/99").await.status, StatusCode::NOT_FOUND);
    let was = owner.get("/records/part/w25q64?version=1").await.text;
    assert!(
        was.contains("the record as it was after change 1")
            && was.contains("What has changed since"),
        "{was}"
    );
    let day = owner.get("/history/as-of?at=2026-11-23").await;
    assert!(day.text.contains("No record has changed since"), "{}", day.text);
    let before = owner.get("/history/as-of?at=2026-11-01").await.text;
    assert!(before.contains("There was nothing yet"), "{before}");
    assert_eq!(owner.get("/history/as-of?at=soon").await.status, StatusCode::BAD_REQUEST);
}

#[test]
fn every_kind_stands_in_one_discipline() {
    let mut told: Vec<Kind> =
        DISCIPLINES.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
    told.sort();
    let mut all = Kind::ALL.to_vec();
    all.sort();
    assert_eq!(told, all);
}
