//! Forecasts that are kept, and drafts.

use jiff::civil::date;
use longlead_records::{DraftError, DraftText, LoggedDate, LoggedKind};

use crate::world::{Database, later, owner, stories};

stories! {
    a_forecast_is_kept_if_it_says_something_new;
    the_forecasts_around_a_change_are_found_without_the_others;
    a_draft_is_saved_by_whoever_saw_its_last_version;
}

fn logged(id: &str, day: i8) -> LoggedDate {
    LoggedDate {
        id: id.to_owned(),
        kind: LoggedKind::Milestone,
        target: Some(date(2027, 9, 1)),
        p10: None,
        p50: Some(date(2027, 8, 1)),
        p80: Some(date(2027, 8, day)),
        p90: None,
        on_time: Some(0.1 + 0.2),
        decide_by: None,
    }
}

async fn a_forecast_is_kept_if_it_says_something_new(database: &Database) {
    let journal = database.open().await;
    let log = async |seconds: i64, items: &[LoggedDate]| {
        journal.log_forecast(1.into(), later(seconds), date(2027, 3, 1), items).await.unwrap()
    };
    let (first, second) = ([logged("sop", 20), logged("evt", 3)], [logged("sop", 21)]);
    assert!(log(1, &first).await);
    assert!(!log(2, &first).await, "it said so already");
    assert!(log(3, &second).await);
    assert!(log(4, &first).await, "it says so again");
    assert!(log(5, &[]).await);
    let kept = journal.forecasts(later(3)).await.unwrap();
    let times: Vec<_> = kept.iter().map(|forecast| forecast.at).collect();
    assert_eq!(times, [later(3), later(4), later(5)]);
    assert_eq!((&kept[1].items[..], kept[2].items.len()), (&first[..], 0));
    assert_eq!((kept[0].as_of, kept[0].sequence.get()), (date(2027, 3, 1), 1));
    let of_one = journal.forecast_of("sop").await.unwrap();
    let days: Vec<_> = of_one.iter().map(|told| told.items[0].p80.unwrap().day()).collect();
    assert_eq!(days, [20, 21, 20]);
    assert!(journal.forecast_of("nothing").await.unwrap().is_empty());
    journal.close().await;
}

async fn the_forecasts_around_a_change_are_found_without_the_others(database: &Database) {
    let journal = database.open().await;
    let both = |sop: i8, evt: i8| vec![logged("sop", sop), logged("evt", evt)];
    for (seconds, sequence, items) in [
        (1, 1, both(20, 3)),
        (2, 3, both(20, 4)),
        (3, 3, both(21, 4)),
        (4, 5, vec![logged("sop", 20)]),
    ] {
        let day = date(2027, 3, 1);
        journal.log_forecast(sequence.into(), later(seconds), day, &items).await.unwrap();
    }
    let before = async |sequence: u64| journal.forecast_before(sequence.into()).await.unwrap();
    assert_eq!(before(1).await, None);
    assert_eq!(before(3).await.unwrap().at, later(1));
    assert_eq!(before(4).await.unwrap().items, both(21, 4), "the last of the change before");
    let at = async |sequence: u64| journal.forecast_at(sequence.into()).await.unwrap();
    assert_eq!(at(3).await.unwrap().at, later(2), "the first of this change");
    assert_eq!(at(4).await, None);
    let of = async |id: &str, sequence: u64| {
        let found = journal.forecast_of_before(id, sequence.into()).await.unwrap();
        found.map(|it| it.items[0].p80.unwrap().day())
    };
    assert_eq!(
        (of("evt", 9).await, of("evt", 3).await, of("evt", 1).await),
        (Some(4), Some(3), None)
    );
    let changes = journal.forecast_changes(&["sop", "evt", "nothing"]).await.unwrap();
    let told = changes.iter().map(|it| (it.items[0].id.as_str(), it.items[0].p80.unwrap().day()));
    let told: Vec<_> = told.collect();
    let expect = [("evt", 3), ("evt", 4), ("sop", 20), ("sop", 21), ("sop", 20)];
    assert_eq!(told, expect, "what was said again is left out, what was said anew is not");
    journal.close().await;
}

async fn a_draft_is_saved_by_whoever_saw_its_last_version(database: &Database) {
    let journal = database.open().await;
    let ada = owner(&journal.people()).await;
    let text = DraftText {
        title: "What if rev C slips".to_owned(),
        changes: "set = {}".to_owned(),
        shared: false,
    };
    let draft = journal.create_draft(ada.id, &text, later(1)).await.unwrap();
    assert_eq!((draft.id.len(), draft.version), (10, 1));
    assert_eq!(journal.draft(&draft.id).await.unwrap().as_ref(), Some(&draft));
    assert!(journal.drafts(99.into()).await.unwrap().is_empty(), "others don't see it");
    let shared = DraftText { shared: true, ..text.clone() };
    let saved = journal.save_draft(&draft.id, 1, &shared, later(2)).await.unwrap();
    assert_eq!((saved.version, saved.updated_at, saved.owner), (2, later(2), ada.id));
    let late = journal.save_draft(&draft.id, 1, &text, later(3)).await;
    assert!(matches!(late, Err(DraftError::Conflict(now)) if *now == saved));
    assert_eq!(journal.drafts(99.into()).await.unwrap(), std::slice::from_ref(&saved));
    let gone = journal.save_draft("nothing", 1, &text, later(3)).await;
    assert!(matches!(gone, Err(DraftError::Gone)), "{gone:?}");
    assert!(journal.delete_draft(&draft.id).await.unwrap());
    assert!(!journal.delete_draft(&draft.id).await.unwrap());
    journal.close().await;
}
