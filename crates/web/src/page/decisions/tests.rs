use axum::http::StatusCode;
use longlead_model::{Kind, RecordKey};
use longlead_records::people::{Role, ShareLevel};

use super::amount;
use super::waiting::on_time;
use crate::app::App;
use crate::testing::{self, Person};

async fn share(app: &App, person: &Person, kind: Kind, id: &str) {
    let by = person_by();
    let key = RecordKey::Record(kind, id.to_owned());
    app.people().add_share(person.organisation.id, &key, ShareLevel::Edit, &by).await.unwrap();
}

fn person_by() -> longlead_records::people::By {
    longlead_records::people::By {
        who: longlead_records::Actor::System,
        at: testing::now(),
        client: String::new(),
    }
}

fn version(text: &str) -> String {
    let (_, rest) = text.split_once("name=\"version\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn amounts_are_read_in_thousands() {
    for (sum, expect) in [
        (0.0, "0 EUR"),
        (999.4, "999 EUR"),
        (12_400.0, "12,400 EUR"),
        (-1_234_567.0, "−1,234,567 EUR"),
    ] {
        assert_eq!(amount(sum, "EUR"), expect);
    }
}

#[tokio::test]
async fn the_list_tells_what_is_next_and_ranks_by_regret_when_asked() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let by_date = owner.get("/decisions").await;
    assert_eq!(by_date.status, StatusCode::OK);
    assert!(by_date.text.contains("is next: decide by"));
    assert!(by_date.text.contains("Primary cell or rechargeable on rev C?"), "decided ones stay");
    assert!(!by_date.text.contains("what waiting is expected to cost"));

    let by_regret = owner.get("/decisions?by=regret").await;
    assert!(by_regret.text.contains("what waiting is expected to cost"));
    // By date the freeze presses first; by regret a delay with a price goes before those without,
    // and these by the probability that a month of waiting loses.
    let order = |text: &str| {
        let (_, rows) = text.split_once("<tbody").unwrap();
        let place = |id: &&str| rows.find(&format!("href=\"/decisions/{id}\"")).unwrap();
        let mut ids = vec!["cells-last-buy", "mesh-protocol", "poe"];
        ids.sort_by_key(place);
        ids
    };
    assert_eq!(order(&by_date.text), ["poe", "cells-last-buy", "mesh-protocol"]);
    assert_eq!(order(&by_regret.text), ["mesh-protocol", "cells-last-buy", "poe"]);
}

#[test]
fn between_two_points_of_the_curve_the_probability_falls_evenly_and_ends_where_it_ends() {
    let date = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let curve = [(date("2026-12-01"), 0.9), (date("2026-12-11"), 0.4), (date("2026-12-12"), 0.0)];
    for (day, expect) in [
        ("2026-11-20", 0.9),
        ("2026-12-01", 0.9),
        ("2026-12-06", 0.65),
        ("2026-12-12", 0.0),
        ("2027-06-01", 0.0),
    ] {
        assert!((on_time(0.9, &curve, date(day)) - expect).abs() < 1e-9, "{day}");
    }
    assert!((on_time(0.9, &[], date("2027-06-01")) - 0.9).abs() < 1e-9);
}

#[tokio::test]
async fn a_decision_is_made_kept_with_its_reason_and_told_with_the_forecast_of_that_moment() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let before = owner.get("/decisions/light-sensor").await;
    for told in ["Light sensor on tracker rev C?", "Include now, or respin later", "Firmware lead"]
    {
        assert!(before.text.contains(told), "{told}");
    }
    let version = version(&before.text);
    let fields = [
        ("option", "include"),
        ("reason", "The night run saw 37 of 41 doors"),
        ("on", "2026-11-23"),
        ("version", &version),
    ];
    let made = owner.post("/decisions/light-sensor", &fields).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let location = made.location.unwrap();
    assert!(location.starts_with("/decisions/light-sensor?saved="), "{location}");
    assert!(app.planned(std::time::Duration::from_secs(60)).await);

    let after = owner.get(&location).await;
    assert!(after.text.contains("Saved."));
    assert!(after.text.contains("Decided on 23 Nov 2026: OPT3004 behind a window"));
    assert!(after.text.contains("The forecast when it was decided"));
    assert!(after.text.contains("Then (23 Nov 2026)"));
    let record = app.journal().current();
    let decision = record.bundle.records.decisions.get("light-sensor").unwrap();
    let decided = decision.decided.as_ref().unwrap();
    assert_eq!(decided.reason.as_deref(), Some("The night run saw 37 of 41 doors"));
    assert!(
        after.text.contains("Decided for “OPT3004 behind a window in the enclosure”: The night")
    );
}

#[tokio::test]
async fn what_was_typed_is_never_lost() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let product = testing::person(&app, Role::Product).await;
    let version = version(&owner.get("/decisions/poe").await.text);

    let refused = owner
        .post(
            "/decisions/poe",
            &[
                ("option", "leave-out"),
                ("reason", " "),
                ("on", "2027-01-01"),
                ("version", &version),
            ],
        )
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Say why"));
    assert!(refused.text.contains("on a day to come"));
    assert!(refused.text.contains("value=\"leave-out\" checked"));
    for tied in [
        "aria-describedby=\"reason-hint reason-error\"",
        "id=\"reason-error\"",
        "aria-describedby=\"on-error\"",
    ] {
        assert!(refused.text.contains(tied), "{tied}: {}", refused.text);
    }

    let fields = |option: &'static str, reason: &'static str| {
        vec![("option", option), ("reason", reason), ("on", "2026-11-23")]
    };
    let mut theirs = fields("include", "One customer asks");
    theirs.push(("version", &version));
    assert_eq!(product.post("/decisions/poe", &theirs).await.status, StatusCode::SEE_OTHER);
    let mut own = fields("leave-out", "The survey was bad");
    own.push(("version", &version));
    let clash = owner.post("/decisions/poe", &own).await;
    assert_eq!(clash.status, StatusCode::CONFLICT);
    assert!(clash.text.contains("Someone else changed this decision meanwhile"));
    assert!(clash.text.contains("The survey was bad"));
    assert!(clash.text.contains("One customer asks"));
    assert!(
        clash.text.contains("<span class=\"visually-hidden\">added: </span>"),
        "{}",
        clash.text
    );

    // Looked at and sent again, it is kept.
    let version = self::version(&clash.text);
    let mut own = fields("leave-out", "The survey was bad");
    own.push(("version", &version));
    assert_eq!(owner.post("/decisions/poe", &own).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_viewer_reads_and_does_not_decide() {
    let app = testing::app().await;
    let viewer = testing::person(&app, Role::Viewer).await;
    let page = viewer.get("/decisions/light-sensor").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("Record the decision"));
    let fields = [("option", "include"), ("reason", "x"), ("on", "2026-11-23"), ("version", "1")];
    let refused = viewer.post("/decisions/light-sensor", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_partner_sees_only_the_decision_that_is_shared() {
    let app = testing::app().await;
    let partner = testing::person(&app, Role::Partner).await;
    share(&app, &partner, Kind::Decision, "tooling").await;
    let list = partner.get("/decisions").await;
    assert!(list.text.contains("Hard tool at once"));
    assert!(!list.text.contains("Light sensor on tracker"));
    let page = partner.get("/decisions/tooling").await;
    assert_eq!(page.status, StatusCode::OK);
    for hidden in ["First units of", "Hardware lead", "A soft tool is made first"] {
        assert!(!page.text.contains(hidden), "{hidden}");
    }
    let memo = partner.get("/decisions/tooling/memo").await;
    assert_eq!(memo.status, StatusCode::OK);
    let other = partner.get("/decisions/light-sensor").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert!(!other.text.contains("Light sensor"));
    let fields = [("option", "hard"), ("reason", "x"), ("on", "2026-11-23"), ("version", "1")];
    let refused = partner.post("/decisions/tooling", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_derived_decision_is_recorded_with_what_follows_from_facts() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let outlook = app.engine().latest().unwrap();
    let forecast = &outlook.plan.as_ref().unwrap().forecast;
    let derived = forecast.decisions.iter().find(|it| it.derived).unwrap();
    let path = format!("/decisions/{}/record", derived.id);
    let form = owner.get(&path).await;
    assert_eq!(form.status, StatusCode::OK, "{}", form.text);
    assert!(form.text.contains("Record this decision"));
    let taken = [("title", "Carry it?"), ("id", "poe"), ("option_1", "Yes"), ("option_2", "No")];
    let refused = owner.post(&path, &taken).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("already; choose another id"));
    let tied = "aria-invalid=\"true\" aria-describedby=\"id-hint id-error\"";
    assert!(refused.text.contains(tied) && refused.text.contains("Option 2"), "{}", refused.text);
    assert!(refused.text.contains("Carry it?"));
    let fields =
        [("title", "Carry it?"), ("id", "carry-it"), ("option_1", "Yes"), ("option_2", "No")];
    let recorded = owner.post(&path, &fields).await;
    assert_eq!(recorded.status, StatusCode::SEE_OTHER, "{}", recorded.text);
    let current = app.journal().current();
    let record = current.bundle.records.decisions.get("carry-it").unwrap();
    assert_eq!(record.gates, derived.gates);
    assert_eq!(record.target, derived.target);
}

#[tokio::test]
async fn the_memo_holds_what_is_signed() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let memo = owner.get("/decisions/light-sensor/memo").await;
    assert_eq!(memo.status, StatusCode::OK);
    for told in
        ["Recommendation", "Decided by: Product management", "What waiting costs", "Finance"]
    {
        assert!(memo.text.contains(told), "{told}");
    }
}

#[tokio::test]
async fn an_unknown_decision_is_answered_with_the_nearest() {
    let app = testing::app().await;
    let owner = testing::person(&app, Role::Owner).await;
    let lost = owner.get("/decisions/light-senser").await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    assert!(lost.text.contains("href=\"/decisions/light-sensor\""), "{}", lost.text);
}
