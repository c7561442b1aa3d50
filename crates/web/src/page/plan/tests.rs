use axum::body::Body;
use axum::http::{Request, StatusCode};
use longlead_records::people::Role;

use crate::testing;

#[tokio::test]
async fn the_plan_is_filtered_sorted_and_grouped_as_the_address_says() {
    let app = testing::app().await;
    let viewer = testing::person(&app, Role::Viewer).await;
    let gantt = viewer.get("/plan").await;
    assert_eq!(gantt.status, StatusCode::OK);
    assert!(gantt.text.contains("gantt-critical"));
    assert!(gantt.text.contains("1–200 of "), "it is cut into pages");

    let found = viewer.get("/plan?view=table&q=tracker-c+dvt+build&group=revision").await;
    assert!(found.text.contains("build:tracker-c-dvt"));
    assert!(!found.text.contains("build:gateway-c"));
    assert!(found.text.contains("group-head"));
    assert!(!found.text.contains("data-edit="), "a viewer changes nothing");

    for (sort, order) in [("criticality", "descending"), ("-criticality", "ascending")] {
        let page = viewer.get(&format!("/plan?view=table&sort={sort}")).await.text;
        let head = page.split("<th ").find(|it| it.contains("aria-sort")).unwrap();
        let head = head.split("</th>").next().unwrap();
        let is_told = head.contains(&format!("aria-sort=\"{order}\""));
        assert!(is_told && head.contains("criticality"), "the most critical leads: {head}");
    }

    let none = viewer.get("/plan?q=no-such-thing").await;
    assert!(none.text.contains("Nothing found"));
    let odd = viewer.get("/plan?page=x&from=yesterday&sort=-&group=?").await;
    assert_eq!(odd.status, StatusCode::OK, "what can't be read narrows nothing");
}

#[tokio::test]
async fn an_actual_is_recorded_in_place_and_a_conflict_keeps_what_was_typed() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let path = "/plan/develop:tap-to-start/edit";
    let form = owner.get(path).await;
    assert_eq!(form.status, StatusCode::OK, "{}", form.text);
    let asked = Request::get(path)
        .header("accept", "text/html")
        .header("cookie", format!("longlead={}", owner.session))
        .header("x-fragment", "edit");
    let fragment = testing::answer(&app, asked.body(Body::empty()).unwrap()).await;
    assert!(fragment.text.starts_with("<form"), "a script gets the form alone");
    let sent = [
        ("started", "2026-11-16"),
        ("was_started", ""),
        ("remaining", "4 d"),
        ("was_remaining", ""),
    ];
    let saved = owner.post(path, &sent).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let back = saved.location.unwrap();
    assert!(back.contains("saved="), "{back}");
    // The answer doesn't wait for long; the test does.
    assert!(app.planned(std::time::Duration::from_secs(60)).await);
    let plan = owner.get(&back).await;
    assert!(plan.text.contains("started") && plan.text.contains("4 d left"), "{}", plan.text);

    // A second form, made before the first was saved.
    let late = [("started", "2026-11-09"), ("was_started", ""), ("why", "the log says so")];
    let conflict = owner.post(path, &late).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    for told in ["value=\"2026-11-09\"", "It is now: 2026-11-16", "the log says so", "Save over it"]
    {
        assert!(conflict.text.contains(told), "no {told}: {}", conflict.text);
    }
}

#[tokio::test]
async fn an_estimate_that_cannot_be_read_is_told_at_its_field() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let snapshot = app.journal().current();
    let activity = snapshot.bundle.records.activities.values().next().unwrap();
    let key = super::activity_key(activity.id.as_str());
    let version = snapshot.version(&key).unwrap().to_string();
    let was = activity.work.estimate.text();
    let sent =
        [("version", version.as_str()), ("estimate", "soon"), ("was_estimate", was.as_str())];
    let path = format!("/plan/{}/edit", activity.id);
    let refused = owner.post(&path, &sent).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("value=\"soon\" aria-invalid=\"true\""), "{}", refused.text);
    let told = format!("{}-estimate-error", activity.id);
    for tied in [format!("aria-describedby=\"{told}\""), format!("id=\"{told}\"")] {
        assert!(refused.text.contains(&tied), "{tied}: {}", refused.text);
    }

    let sent = [
        ("version", version.as_str()),
        ("estimate", "3 / 5 / 9 d"),
        ("was_estimate", was.as_str()),
    ];
    let saved = owner.post(&path, &sent).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let now = app.journal().current();
    let now = &now.bundle.records.activities[&activity.id];
    assert_eq!(now.work.estimate.text(), "3 / 5 / 9 d");
    assert_eq!(now.title, activity.title, "nothing else was touched");
}

#[tokio::test]
async fn who_may_not_change_the_plan_is_refused() {
    let app = testing::app().await;
    let viewer = testing::person(&app, Role::Viewer).await;
    let path = "/plan/develop:tap-to-start/edit";
    assert_eq!(viewer.post(path, &[("started", "2026-11-16")]).await.status, StatusCode::FORBIDDEN);
    let partner = testing::person(&app, Role::Partner).await;
    assert_eq!(
        partner.post(path, &[("started", "2026-11-16")]).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(partner.get("/plan").await.text.contains("Nothing here is shared with you"));
    let owner = testing::person(&app, Role::Owner).await;
    let unknown = owner.get("/plan/develop:tap-to-strat/edit").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.text.contains("develop:tap-to-start"), "{}", unknown.text);
}
