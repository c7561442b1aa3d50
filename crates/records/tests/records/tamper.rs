//! A journal that isn't what was written.

use longlead_records::{Expected, Journal, OpenError, StoreError};

use crate::world::{Database, later, stories, titled};

stories! {
    a_changed_text_is_told_with_its_change_set;
    a_changed_reason_is_told;
    a_changed_time_is_told;
    a_changed_author_is_told;
    a_missing_row_is_told;
    a_missing_change_set_is_told;
    a_journal_cut_off_at_its_end_is_told;
    a_moved_end_is_told;
    damage_under_a_running_server_is_told_by_verify;
    a_database_of_a_newer_program_is_refused;
}

async fn three_changes(database: &Database) -> Journal {
    let journal = database.open().await;
    for number in 1..=3 {
        let mut request = titled(&format!("BLE {number}"), Expected::Any);
        request.at = later(number);
        journal.commit(request).await.unwrap();
    }
    journal
}

/// The change set that is told of when the database is opened after it was tampered with.
async fn check(database: &Database, sql: &'static str, expected: u64) {
    three_changes(database).await.close().await;
    database.open().await.close().await;
    database.tamper(sql).await;
    match Journal::open(&database.url).await {
        Err(OpenError::Store(StoreError::Damaged { sequence, .. })) => {
            assert_eq!(sequence.get(), expected);
        }
        other => panic!("{other:?}"),
    }
}

async fn a_changed_text_is_told_with_its_change_set(database: &Database) {
    let sql = "UPDATE change SET text_after = 'id = \"ble\"\ntitle = \"NFC\"\n' WHERE sequence = 2";
    check(database, sql, 2).await;
}

async fn a_changed_reason_is_told(database: &Database) {
    check(database, "UPDATE change_set SET why = 'so' WHERE sequence = 1", 1).await;
}

async fn a_changed_time_is_told(database: &Database) {
    check(database, "UPDATE change_set SET at_us = at_us + 1 WHERE sequence = 2", 2).await;
}

async fn a_changed_author_is_told(database: &Database) {
    check(database, "UPDATE change_set SET actor = 'user/7' WHERE sequence = 3", 3).await;
}

async fn a_missing_row_is_told(database: &Database) {
    check(database, "DELETE FROM change WHERE sequence = 2", 2).await;
}

async fn a_missing_change_set_is_told(database: &Database) {
    let sql = "DELETE FROM change WHERE sequence = 2; DELETE FROM change_set WHERE sequence = 2";
    check(database, sql, 2).await;
}

async fn a_journal_cut_off_at_its_end_is_told(database: &Database) {
    let sql = "DELETE FROM change WHERE sequence = 3; DELETE FROM change_set WHERE sequence = 3";
    check(database, sql, 3).await;
}

async fn a_moved_end_is_told(database: &Database) {
    let sql = "UPDATE journal_head SET sequence = 2, hash = (SELECT hash FROM change_set \
               WHERE sequence = 2)";
    check(database, sql, 3).await;
}

async fn damage_under_a_running_server_is_told_by_verify(database: &Database) {
    let journal = three_changes(database).await;
    journal.verify().await.unwrap();
    database.tamper("UPDATE change SET text_before = 'nothing' WHERE sequence = 3").await;
    let found = journal.verify().await.unwrap_err();
    assert!(found.to_string().starts_with("change set 3 of the journal is damaged"), "{found}");
    journal.close().await;
}

async fn a_database_of_a_newer_program_is_refused(database: &Database) {
    three_changes(database).await.close().await;
    database.tamper("INSERT INTO migration (version, name) VALUES (99, '0099_later')").await;
    let refused = Journal::open(&database.url).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused:?}");
}
