use axum::http::StatusCode;
use jiff::civil::date;
use longlead_horizon::ExplanationStep;
use longlead_model::{ActivityId, Kind, RecordKey};
use longlead_records::Actor;
use longlead_records::people::{By, Role, ShareLevel};

use super::{Told, told};
use crate::testing;

#[test]
fn steps_that_are_not_shared_come_together_as_their_number() {
    let step = |id: &str| ExplanationStep {
        activity: ActivityId::try_from(id).unwrap(),
        title: id.to_owned(),
        from: date(2027, 1, 1),
        to: date(2027, 1, 2),
        because: Vec::new(),
    };
    let steps = ["a", "secret-1", "secret-2", "b", "secret-3"].map(step);
    let masked = told(&steps, |step| !step.title.starts_with("secret"));
    let expect =
        vec![Told::Step(&steps[0]), Told::Hidden(2), Told::Step(&steps[3]), Told::Hidden(1)];
    assert_eq!(masked, expect);
}

#[tokio::test]
async fn activities_features_revisions_and_decisions_are_explained() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    for (id, tells) in [
        ("launch:door-open-alerts", "What moves the date"),
        ("door-open-alerts", "The chain"),
        ("tracker-c", "Try another time in a what-if"),
        ("light-sensor", "What keeps the target from holding"),
        ("design:tracker-c", "What it moves"),
    ] {
        let page = owner.get(&format!("/explain/{id}")).await;
        assert_eq!(page.status, StatusCode::OK, "{id}");
        assert!(page.text.contains(tells), "{id}: {tells}");
    }
}

#[tokio::test]
async fn an_unknown_id_is_answered_with_the_nearest() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let page = owner.get("/explain/launch:door-open-alert").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("href=\"/explain/launch:door-open-alerts\""));
}

#[tokio::test]
async fn a_partner_reads_a_chain_without_the_names_of_others() {
    let app = testing::app().await;
    let partner = testing::person(&app, Role::Partner).await;
    let by = By { who: Actor::System, at: testing::now(), client: String::new() };
    let key = RecordKey::Record(Kind::Supplier, "cm-sz".to_owned());
    let organisation = partner.organisation.id;
    app.people().add_share(organisation, &key, ShareLevel::Edit, &by).await.unwrap();
    let outlook = app.engine().latest().unwrap();
    let plan = outlook.plan.as_ref().unwrap();
    let mut builds = plan.forecast.activities.iter();
    let build = builds.rfind(|it| it.id.as_str().starts_with("build:tracker-c")).unwrap();
    let page = partner.get(&format!("/explain/{}", build.id)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("not shared with you"));
    let steps = plan.explain(&outlook.bundle, build.id.as_str()).unwrap().steps;
    let is_theirs = |id: &str| id.starts_with("build:") || id.starts_with("test:");
    let mut others = steps.iter().filter(|step| !is_theirs(step.activity.as_str())).peekable();
    assert!(others.peek().is_some(), "the chain leads beyond what is shared");
    for step in others {
        assert!(!page.text.contains(&step.title), "{}", step.title);
    }
    let other = partner.get("/explain/launch:door-open-alerts").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert!(!other.text.contains("Door"), "{}", other.text);
}
