//! Changes, conflicts, refusals and the past.

use std::sync::Arc;

use longlead_model::{Bundle, Code, RecordKey};
use longlead_records::{
    ChangeFilter, CommitError, CommitRequest, Expected, Journal, OpenError, StoreError,
};

use crate::world::{
    Database, at, capability, change, coldtrack, import, key, later, stories, titled,
};

stories! {
    a_product_is_imported_at_once_and_exported_byte_by_byte;
    a_lost_update_is_refused_and_shown;
    a_refused_change_leaves_nothing;
    what_changes_nothing_is_said;
    the_past_is_folded_to_any_instant;
    time_never_steps_back;
    history_is_told_in_pages_of_whole_change_sets;
    fifty_editors_lose_no_update;
    a_caller_who_stops_waiting_takes_nothing_back;
    a_request_that_cannot_be_kept_fails_no_other;
    a_closed_journal_says_so;
    a_removed_record_can_be_made_again;
    settings_come_and_go_like_records;
}

async fn a_product_is_imported_at_once_and_exported_byte_by_byte(database: &Database) {
    let journal = database.open().await;
    let product = coldtrack();
    let request = import(&Bundle::default(), &product);
    let edits: Vec<_> = request.edits.iter().map(|edit| edit.edit.clone()).collect();
    let preview = journal.preview(&edits);
    assert_eq!(preview.added.len(), edits.len());
    assert!(preview.changed.is_empty() && preview.removed.is_empty());
    assert_eq!(journal.current().head.get(), 0, "a preview changes nothing");

    let made = journal.commit(request).await.unwrap();
    assert_eq!((made.sequence.get(), made.changes), (1, edits.len()));
    journal.close().await;
    let journal = database.open().await;
    assert_eq!(journal.current().bundle.export(), product.export());
    assert_eq!(journal.current().versions.len(), edits.len());
    let preview = journal.preview(&product.edits_to(&Bundle::default()));
    assert_eq!(preview.removed.len(), edits.len());
    assert!(preview.removed.iter().any(|item| item.title.is_some()));
    journal.close().await;
}

async fn a_lost_update_is_refused_and_shown(database: &Database) {
    let journal = database.open().await;
    let made = journal.commit(titled("BLE", Expected::Absent)).await.unwrap();
    let seen = made.snapshot.version(&key("capability/ble")).unwrap();
    let mut first = titled("Bluetooth LE", Expected::Version(seen));
    first.why = Some("The name on the box".to_owned());
    first.at = later(60);
    let first = journal.commit(first).await.unwrap();

    let second = journal.commit(titled("Bluetooth", Expected::Version(seen))).await;
    let Err(CommitError::Conflict(conflicts)) = second else {
        panic!("{second:?}");
    };
    let conflict = &conflicts[0];
    assert_eq!(conflict.key, key("capability/ble"));
    assert_eq!(conflict.expected, Expected::Version(seen));
    assert_eq!(conflict.actual, first.snapshot.version(&conflict.key));
    assert_eq!(conflict.theirs, Some(capability("ble", "Bluetooth LE")));
    let by = conflict.by.as_ref().unwrap();
    assert_eq!((by.sequence, by.at), (first.sequence, later(60)));
    assert_eq!(by.why.as_deref(), Some("The name on the box"));

    // Someone else removes it: told of too, though it has no version any more.
    journal.commit(change("capability/ble", None, Expected::Any)).await.unwrap();
    let third = journal.commit(titled("Bluetooth", Expected::Version(seen))).await;
    let Err(CommitError::Conflict(conflicts)) = third else {
        panic!("{third:?}");
    };
    assert_eq!((conflicts[0].actual, &conflicts[0].theirs), (None, &None));
    assert_eq!(conflicts[0].by.as_ref().unwrap().sequence.get(), 3);
    journal.close().await;
}

async fn a_refused_change_leaves_nothing(database: &Database) {
    let journal = database.open().await;
    let good = titled("BLE", Expected::Absent);
    let feature = "id = \"logging\"\ntitle = \"Logging\"\nneeds = [{ capability = \"none\" }]\n";
    let bad = change("feature/logging", Some(feature.to_owned()), Expected::Absent);
    let both = CommitRequest { edits: [good.edits.clone(), bad.edits].concat(), ..good.clone() };
    let refused = journal.commit(both).await;
    let Err(CommitError::Refused(diagnostics)) = refused else {
        panic!("{refused:?}");
    };
    assert!(diagnostics.iter().all(|told| told.place.is_some()), "{diagnostics:?}");
    assert!(journal.changes(&ChangeFilter::default()).await.unwrap().is_empty());
    assert_eq!(journal.current().bundle.records.count(), 0);
    // The number of the refused one is not lost.
    assert_eq!(journal.commit(good).await.unwrap().sequence.get(), 1);
    let broken = change("capability/ble", Some("title = ".to_owned()), Expected::Any);
    let refused = journal.commit(broken).await;
    let Err(CommitError::Refused(diagnostics)) = refused else {
        panic!("{refused:?}");
    };
    assert!(diagnostics.iter().any(|told| told.code == Code::Syntax), "{diagnostics:?}");
    journal.close().await;
}

async fn what_changes_nothing_is_said(database: &Database) {
    let journal = database.open().await;
    journal.commit(titled("BLE", Expected::Absent)).await.unwrap();
    // Another way to write the same.
    let same = "title = 'BLE'   # as before\nid = \"ble\"".to_owned();
    let same = journal.commit(change("capability/ble", Some(same), Expected::Any)).await;
    assert!(matches!(same, Err(CommitError::Nothing)), "{same:?}");
    let empty = CommitRequest { edits: Vec::new(), ..titled("BLE", Expected::Any) };
    assert!(matches!(journal.commit(empty).await, Err(CommitError::Nothing)));
    assert_eq!(journal.verify().await.unwrap().get(), 1);
    journal.close().await;
}

async fn the_past_is_folded_to_any_instant(database: &Database) {
    let journal = database.open().await;
    let mut products = vec![journal.current().bundle.export()];
    for (seconds, title) in [(10, Some("BLE")), (20, Some("BLE 5")), (30, None), (40, Some("BT"))] {
        let text = title.map(|title| capability("ble", title));
        let mut request = change("capability/ble", text, Expected::Any);
        request.at = later(seconds);
        if seconds == 20 {
            let more = change("capability/ram", Some(capability("ram", "RAM")), Expected::Absent);
            request.edits.extend(more.edits);
        }
        journal.commit(request).await.unwrap();
        products.push(journal.current().bundle.export());
    }
    for (seconds, sequence) in [(9, 0), (10, 1), (19, 1), (20, 2), (35, 3), (40, 4), (999, 4)] {
        let past = journal.as_of(later(seconds)).await.unwrap();
        assert_eq!(past.head.get(), sequence, "{seconds} s");
        assert_eq!(past.bundle.export(), products[usize::try_from(sequence).unwrap()]);
        let same = journal.at_sequence(sequence.into()).await.unwrap();
        assert_eq!((same.at, &same.versions), (past.at, &past.versions));
    }
    let second = journal.at_sequence(2.into()).await.unwrap();
    assert_eq!(second.version(&key("capability/ble")).unwrap().get(), 2);
    assert_eq!(second.at, Some(later(20)));
    let fourth = journal.at_sequence(99.into()).await.unwrap();
    assert_eq!(fourth.version(&key("capability/ram")).unwrap().get(), 2);
    journal.close().await;
}

async fn time_never_steps_back(database: &Database) {
    let journal = database.open().await;
    let mut first = titled("BLE", Expected::Any);
    first.at = at("2027-03-01T09:00:00.123456789Z");
    let first = journal.commit(first).await.unwrap();
    assert_eq!(first.at, at("2027-03-01T09:00:00.123456Z"), "microseconds are kept");
    let mut second = titled("BLE 5", Expected::Any);
    second.at = at("2020-01-01T00:00:00Z");
    assert_eq!(journal.commit(second).await.unwrap().at, first.at);
    assert_eq!(journal.as_of(first.at).await.unwrap().head.get(), 2);
    journal.close().await;
}

async fn history_is_told_in_pages_of_whole_change_sets(database: &Database) {
    let journal = database.open().await;
    for number in 1..=6 {
        let mut request = titled(&format!("BLE {number}"), Expected::Any);
        request.at = later(number);
        let id = format!("c{number}");
        let record = format!("capability/{id}");
        let more = change(&record, Some(capability(&id, "More")), Expected::Absent);
        request.edits.extend(more.edits);
        journal.commit(request).await.unwrap();
    }
    let page = ChangeFilter { limit: Some(3), ..ChangeFilter::default() };
    let first = journal.changes(&page).await.unwrap();
    let numbers: Vec<u64> = first.iter().map(|change| change.sequence.get()).collect();
    assert_eq!(numbers, [6, 6, 5, 5]);
    let next = ChangeFilter { before_sequence: Some(first[3].sequence), ..page };
    assert_eq!(journal.changes(&next).await.unwrap()[0].sequence.get(), 4);

    let of_one = ChangeFilter { key: Some(key("capability/ble")), ..ChangeFilter::default() };
    let of_one = journal.changes(&of_one).await.unwrap();
    assert_eq!(of_one.len(), 6);
    for pair in of_one.windows(2) {
        assert_eq!(pair[0].before, pair[1].after);
    }
    assert_eq!((of_one[5].before.as_ref(), of_one[0].who_name.as_str()), (None, "Longlead"));
    let between = ChangeFilter {
        since: Some(later(2)),
        until: Some(later(3)),
        kind: Some(longlead_model::Kind::Capability),
        ..ChangeFilter::default()
    };
    assert_eq!(journal.changes(&between).await.unwrap().len(), 4);
    let other = ChangeFilter { kind: Some(longlead_model::Kind::Part), ..between };
    assert!(journal.changes(&other).await.unwrap().is_empty());
    journal.close().await;
}

/// Each reads a count, adds one, and writes it on the condition that nobody else has. The final
/// counts must be what was acknowledged.
async fn fifty_editors_lose_no_update(database: &Database) {
    let journal = database.open().await;
    let mut editors = Vec::new();
    for editor in 0..50 {
        let journal = journal.clone();
        editors.push(tokio::spawn(async move {
            let record = format!("capability/c{}", editor % 5);
            let mut acknowledged = Vec::new();
            while acknowledged.len() < 4 {
                if let Some(made) = count_up(&journal, &record).await {
                    acknowledged.push(made);
                }
            }
            acknowledged
        }));
    }
    let mut acknowledged = Vec::new();
    for editor in editors {
        acknowledged.extend(editor.await.unwrap());
    }
    acknowledged.sort_unstable();
    let mut written: Vec<u64> = journal
        .changes(&ChangeFilter::default())
        .await
        .unwrap()
        .iter()
        .map(|change| change.sequence.get())
        .collect();
    written.sort_unstable();
    assert_eq!(acknowledged, written);
    let current = journal.current();
    for record in 0..5 {
        let record = key(&format!("capability/c{record}"));
        assert!(current.bundle.text(&record).unwrap().contains("title = \"40\""));
    }
    assert_eq!(journal.verify().await.unwrap().get(), 200);
    journal.close().await;
}

pub(crate) async fn count_up(journal: &Journal, record: &str) -> Option<u64> {
    let current = journal.current();
    let key: RecordKey = key(record);
    let count = current.bundle.text(&key).map_or(0, |text| count_in(&text));
    let expected = current.version(&key).map_or(Expected::Absent, Expected::Version);
    let text = capability(key.id(), &(count + 1).to_string());
    match journal.commit(change(record, Some(text), expected)).await {
        Ok(made) => Some(made.sequence.get()),
        Err(CommitError::Conflict(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

pub(crate) fn count_in(text: &str) -> u64 {
    text.split('"').nth(3).unwrap().parse().unwrap()
}

async fn a_caller_who_stops_waiting_takes_nothing_back(database: &Database) {
    let journal = database.open().await;
    let mut watched = journal.watch();
    let waiting = Arc::new(journal.clone());
    let commit = tokio::spawn(async move { waiting.commit(titled("BLE", Expected::Any)).await });
    tokio::task::yield_now().await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    commit.abort();
    // It may have been stopped before it was asked; what must not be is half of it.
    let second = journal.commit(titled("BLE 5", Expected::Any)).await.unwrap();
    assert_eq!(journal.verify().await.unwrap(), second.sequence);
    assert!(watched.has_changed().unwrap());
    assert_eq!(watched.borrow_and_update().head, second.sequence);
    journal.close().await;
}

async fn a_request_that_cannot_be_kept_fails_no_other(database: &Database) {
    let journal = database.open().await;
    // All at once, so that they are written together.
    let requests = (0..40).map(|number| {
        let id = format!("c{number}");
        let record = format!("capability/{id}");
        let mut request = change(&record, Some(capability(&id, "One")), Expected::Absent);
        request.why = Some(if number % 10 == 5 { "a\0b" } else { "Why not" }.to_owned());
        let journal = journal.clone();
        tokio::spawn(async move { (number, journal.commit(request).await) })
    });
    for committed in requests.collect::<Vec<_>>() {
        let (number, committed) = committed.await.unwrap();
        match number % 10 == 5 {
            true => assert!(
                matches!(committed, Err(CommitError::Store(StoreError::Nul))),
                "{number}: {committed:?}"
            ),
            false => assert!(committed.is_ok(), "{number}: {committed:?}"),
        }
    }
    assert_eq!(journal.current().versions.len(), 36);
    journal.verify().await.unwrap();
    journal.close().await;
}

async fn a_closed_journal_says_so(database: &Database) {
    let journal = database.open().await;
    journal.close().await;
    journal.close().await;
    let closed = journal.commit(titled("BLE", Expected::Any)).await;
    assert!(matches!(closed, Err(CommitError::Store(StoreError::Closed))), "{closed:?}");
    let closed = journal.as_of(later(0)).await;
    assert!(
        matches!(closed, Err(StoreError::Closed)) || closed.is_ok_and(|past| past.at.is_none())
    );
}

async fn a_removed_record_can_be_made_again(database: &Database) {
    let journal = database.open().await;
    journal.commit(titled("BLE", Expected::Absent)).await.unwrap();
    let first = journal.current().version(&key("capability/ble")).unwrap();
    let removed = change("capability/ble", None, Expected::Version(first));
    journal.commit(removed.clone()).await.unwrap();
    assert!(matches!(journal.commit(removed).await, Err(CommitError::Conflict(_))));
    journal.commit(titled("BLE", Expected::Absent)).await.unwrap();
    // A version is never given twice: who still holds the first one is told.
    let late = journal.commit(titled("BLE 5", Expected::Version(first))).await;
    assert!(matches!(late, Err(CommitError::Conflict(_))), "{late:?}");
    journal.close().await;
}

async fn settings_come_and_go_like_records(database: &Database) {
    let journal = database.open().await;
    let settings = key("settings");
    let request =
        |text: Option<&str>, expected| change("settings", text.map(str::to_owned), expected);
    let set =
        journal.commit(request(Some("currency = \"EUR\"\n"), Expected::Absent)).await.unwrap();
    assert_eq!(set.snapshot.version(&settings).unwrap().get(), 1);
    let same = journal.commit(request(Some("currency = \"EUR\"\n"), Expected::Any)).await;
    assert!(matches!(same, Err(CommitError::Nothing)), "{same:?}");
    let late = journal.commit(request(Some("seed = 2\n"), Expected::Absent)).await;
    assert!(matches!(late, Err(CommitError::Conflict(_))), "{late:?}");
    let reset = journal.commit(request(None, Expected::Any)).await.unwrap();
    assert_eq!(reset.snapshot.version(&settings), None);
    assert_eq!(reset.snapshot.bundle.settings, Bundle::default().settings);
    let last = journal.changes(&ChangeFilter::default()).await.unwrap();
    assert_eq!((last[0].before.as_deref(), &last[0].after), (Some("currency = \"EUR\"\n"), &None));
    journal.close().await;
    let journal = database.open().await;
    assert!(journal.current().versions.is_empty());
    journal.close().await;
}

#[tokio::test]
async fn one_file_has_one_server() {
    let database = Database::sqlite();
    let journal = database.open().await;
    let second = Journal::open(&database.url).await;
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
    journal.close().await;
    database.open().await.close().await;
}

#[tokio::test]
async fn an_address_that_is_none_is_told_without_its_password() {
    for address in ["mysql://ada:secret@db/longlead", "longlead.db", ""] {
        let error = Journal::open(address).await.unwrap_err().to_string();
        assert!(error.contains("sqlite:PATH") && !error.contains("secret"), "{error}");
    }
    let missing = Journal::open("sqlite:/nowhere/at/all/longlead.db").await.unwrap_err();
    assert!(matches!(missing, OpenError::File { .. }), "{missing:?}");
}
