//! Backups, put back into the same kind of database and into the other.

use jiff::civil::date;
use longlead_model::Bundle;
use longlead_records::people::{OrganisationKind, Scope, ShareLevel};
use longlead_records::{
    Actor, DraftText, Expected, IdempotencyKey, Journal, RestoreError, Restored, restore,
};

use crate::world::{
    Database, PASSWORD, by, change, coldtrack, import, key, later, owner, stories, titled,
};

stories! {
    a_backup_is_put_back_whole;
    a_backup_is_one_state_while_others_write;
    a_backup_goes_into_an_empty_database_only;
}

async fn backup(journal: &Journal) -> Vec<u8> {
    let mut file = Vec::new();
    let rows = journal.backup(later(1000), &mut file).await.unwrap();
    let lines = file.iter().filter(|byte| **byte == b'\n').count();
    assert!(u64::try_from(lines).unwrap() > rows);
    file
}

/// A database with something in every table.
async fn filled(database: &Database) -> Journal {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let mut request = import(&Bundle::default(), &coldtrack());
    request.who = Actor::User(ada.id);
    request.idempotency =
        Some(IdempotencyKey { principal: "user/1".to_owned(), key: "import".to_owned() });
    journal.commit(request).await.unwrap();
    journal.commit(titled("Ünïcode “BLE”", Expected::Any)).await.unwrap();
    journal.commit(change("capability/ble", None, Expected::Any)).await.unwrap_err();
    let (_, _secret) = people
        .create_token(ada.id, "ERP", &[Scope::Admin], Some(later(99)), &by(&ada, 20))
        .await
        .unwrap();
    let lab =
        people.create_organisation("Lab", OrganisationKind::Lab, &by(&ada, 21)).await.unwrap();
    let record = key("part/nrf9161");
    people.add_share(lab.id, &record, ShareLevel::View, &by(&ada, 22)).await.unwrap();
    people.sign_in("ada@example.com", PASSWORD, later(23), "192.0.2.1").await.unwrap();
    people
        .sign_in("ada@example.com", "a wrong password", later(24), "192.0.2.1")
        .await
        .unwrap_err();
    people.issue_link(ada.id, &by(&ada, 25)).await.unwrap();
    journal.log_forecast(1.into(), later(26), date(2027, 3, 1), &[]).await.unwrap();
    let text = DraftText { title: "What if".to_owned(), changes: String::new(), shared: true };
    journal.create_draft(ada.id, &text, later(27)).await.unwrap();
    journal
}

/// Puts a backup back and makes sure that what comes out is what went in.
async fn check(file: &[u8], from: &Journal, into: &Database) {
    let restored = restore(&into.url, file).await.unwrap();
    let Restored { at, head, .. } = restored;
    assert_eq!((at, head), (later(1000), from.current().head));
    let journal = into.open().await;
    assert_eq!(journal.current().bundle.export(), from.current().bundle.export());
    assert_eq!(journal.current().versions, from.current().versions);
    assert_eq!(backup(&journal).await, file, "byte by byte");
    let people = journal.people();
    assert_eq!(people.users().await.unwrap(), from.people().users().await.unwrap());
    let (session, _) =
        people.sign_in("ada@example.com", PASSWORD, later(2000), "192.0.2.9").await.unwrap();
    let sessions = people.sessions_of(session.user, later(2001)).await.unwrap();
    assert_eq!(sessions.len(), 1, "old sessions are not revived");
    // Numbers go on where they ended.
    let made = journal.commit(titled("BLE 6", Expected::Any)).await.unwrap();
    assert_eq!(made.sequence.get(), head.get() + 1);
    let by = by(&people.users().await.unwrap()[0], 2002);
    let new = people.create_organisation("New", OrganisationKind::Other, &by).await.unwrap();
    assert_eq!(new.id.get(), 3);
    journal.close().await;
}

async fn a_backup_is_put_back_whole(database: &Database) {
    let journal = filled(database).await;
    let file = backup(&journal).await;
    check(&file, &journal, &Database::sqlite()).await;
    if let Some(other) = Database::postgres().await {
        check(&file, &journal, &other).await;
    }
    journal.close().await;
}

async fn a_backup_is_one_state_while_others_write(database: &Database) {
    let journal = database.open().await;
    journal.commit(titled("BLE 0", Expected::Any)).await.unwrap();
    let writer = tokio::spawn({
        let journal = journal.clone();
        async move {
            for number in 1..150 {
                journal.commit(titled(&format!("BLE {number}"), Expected::Any)).await.unwrap();
            }
        }
    });
    for _ in 0..8 {
        let file = backup(&journal).await;
        // The checksums of the journal only fit if head and changes are of one moment.
        let restored = restore("sqlite::memory:", &file[..]).await.unwrap();
        assert!(restored.head.get() > 0);
    }
    writer.await.unwrap();
    journal.close().await;
}

async fn a_backup_goes_into_an_empty_database_only(database: &Database) {
    let journal = database.open().await;
    journal.commit(titled("BLE", Expected::Any)).await.unwrap();
    let file = backup(&journal).await;
    journal.close().await;
    let refused = restore(&database.url, &file[..]).await;
    assert!(matches!(refused, Err(RestoreError::NotEmpty)), "{refused:?}");
    let people = Database::sqlite();
    let journal = people.open().await;
    owner(&journal.people()).await;
    journal.close().await;
    let refused = restore(&people.url, &file[..]).await;
    assert!(matches!(refused, Err(RestoreError::NotEmpty)), "{refused:?}");
}

#[tokio::test]
async fn a_truncated_or_altered_backup_is_refused_and_leaves_nothing() {
    let journal = Journal::open("sqlite::memory:").await.unwrap();
    owner(&journal.people()).await;
    for number in 0..3 {
        journal.commit(titled(&format!("BLE {number}"), Expected::Any)).await.unwrap();
    }
    let file = backup(&journal).await;
    journal.close().await;
    let database = Database::sqlite();
    let refused = async |file: &[u8], what: String| {
        let refused = restore(&database.url, file).await;
        assert!(refused.is_err(), "{what}: {refused:?}");
    };
    for end in (0..file.len()).step_by(file.len() / 40) {
        refused(&file[..end], format!("cut off at {end}")).await;
    }
    for place in (0..file.len()).step_by(file.len() / 60) {
        let mut altered = file.clone();
        altered[place] = if altered[place] == b'7' { b'8' } else { b'7' };
        refused(&altered, format!("altered at {place}")).await;
    }
    let mut lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let again = [&file[..], lines[3]].concat();
    refused(&again, "with one line more".to_owned()).await;
    lines.remove(4);
    refused(&lines.concat(), "with one line less".to_owned()).await;
    refused(b"id,name\n1,ada\n", "a table".to_owned()).await;
    // None of these left anything behind.
    restore(&database.url, &file[..]).await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_newer_program_is_refused() {
    let header =
        r#"{"format":"longlead-backup","version":2,"tables":1,"at":"2027-03-01T09:00:00Z"}"#;
    let refused = restore("sqlite::memory:", header.as_bytes()).await;
    assert!(matches!(refused, Err(RestoreError::Newer)), "{refused:?}");
    let refused = restore("sqlite::memory:", &b"hello"[..]).await;
    assert!(matches!(refused, Err(RestoreError::NoBackup)), "{refused:?}");
}
