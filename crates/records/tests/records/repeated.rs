//! Requests that come again.

use longlead_records::{Begun, CommitRequest, Expected, IdempotencyKey, StoredAnswer};

use crate::world::{Database, later, stories, titled};

stories! {
    a_repeated_commit_is_answered_and_not_done_again;
    repeated_commits_at_once_are_done_once;
    keys_of_different_principals_have_nothing_to_do_with_each_other;
    an_answer_is_told_again;
    a_request_whose_process_died_is_not_done_twice;
    a_key_is_forgotten_after_a_day;
}

fn named(principal: &str, key: &str) -> IdempotencyKey {
    IdempotencyKey { principal: principal.to_owned(), key: key.to_owned() }
}

fn request(title: &str, key: &IdempotencyKey) -> CommitRequest {
    CommitRequest { idempotency: Some(key.clone()), ..titled(title, Expected::Any) }
}

async fn a_repeated_commit_is_answered_and_not_done_again(database: &Database) {
    let journal = database.open().await;
    let key = named("user/1", "a");
    let first = journal.commit(request("BLE", &key)).await.unwrap();
    journal.commit(titled("BLE 5", Expected::Any)).await.unwrap();
    let mut again = request("BLE", &key);
    again.at = later(500);
    let again = journal.commit(again).await.unwrap();
    assert_eq!((again.sequence, again.at, again.changes), (first.sequence, first.at, 1));
    assert_eq!(again.snapshot.head.get(), 2, "the product now");
    journal.close().await;
    let journal = database.open().await;
    assert_eq!(journal.commit(request("BLE", &key)).await.unwrap().sequence, first.sequence);
    assert_eq!(journal.verify().await.unwrap().get(), 2);
    journal.close().await;
}

async fn repeated_commits_at_once_are_done_once(database: &Database) {
    let journal = database.open().await;
    let key = named("token/1", "b");
    let commits: Vec<_> = (0..20)
        .map(|number| {
            let (journal, request) = (journal.clone(), request(&format!("BLE {number}"), &key));
            tokio::spawn(async move { journal.commit(request).await.unwrap().sequence })
        })
        .collect();
    for commit in commits {
        assert_eq!(commit.await.unwrap().get(), 1);
    }
    assert_eq!(journal.verify().await.unwrap().get(), 1);
    journal.close().await;
}

async fn keys_of_different_principals_have_nothing_to_do_with_each_other(database: &Database) {
    let journal = database.open().await;
    journal.commit(request("BLE", &named("user/1", "c"))).await.unwrap();
    let other = journal.commit(request("BLE 5", &named("user/2", "c"))).await.unwrap();
    assert_eq!(other.sequence.get(), 2);
    journal.close().await;
}

async fn an_answer_is_told_again(database: &Database) {
    let journal = database.open().await;
    let key = named("user/1", "d");
    let begin =
        async |hash, seconds| journal.idempotent_begin(&key, hash, later(seconds)).await.unwrap();
    assert_eq!(begin("x", 0).await, Begun::New);
    assert_eq!(begin("x", 1).await, Begun::InProgress);
    assert_eq!(begin("y", 1).await, Begun::Different);
    journal.idempotent_abandon(&key).await.unwrap();
    assert_eq!(begin("x", 2).await, Begun::New);
    let answer = StoredAnswer { status: 201, headers: "{}".to_owned(), body: "made\n".to_owned() };
    journal.idempotent_finish(&key, &answer).await.unwrap();
    assert_eq!(begin("x", 3).await, Begun::Replay(answer.clone()));
    assert_eq!(begin("y", 3).await, Begun::Different);
    let other = StoredAnswer { status: 500, ..answer.clone() };
    journal.idempotent_finish(&key, &other).await.unwrap();
    assert_eq!(begin("x", 4).await, Begun::Replay(answer), "the first answer holds");
    journal.close().await;
}

async fn a_request_whose_process_died_is_not_done_twice(database: &Database) {
    let journal = database.open().await;
    let key = named("user/1", "e");
    assert_eq!(journal.idempotent_begin(&key, "x", later(0)).await.unwrap(), Begun::New);
    let first = journal.commit(request("BLE", &key)).await.unwrap();
    // Here the process ends, before it has answered.
    journal.close().await;
    let journal = database.open().await;
    let begun = journal.idempotent_begin(&key, "x", later(61)).await.unwrap();
    assert_eq!(begun, Begun::New, "someone must answer it");
    let again = journal.commit(request("BLE", &key)).await.unwrap();
    assert_eq!((again.sequence, again.at), (first.sequence, first.at));
    assert_eq!(journal.verify().await.unwrap().get(), 1);
    journal.close().await;
}

async fn a_key_is_forgotten_after_a_day(database: &Database) {
    let journal = database.open().await;
    let key = named("user/1", "f");
    let day = 24 * 60 * 60;
    journal.idempotent_begin(&key, "x", later(0)).await.unwrap();
    journal.commit(request("BLE", &key)).await.unwrap();
    let answer = StoredAnswer { status: 200, headers: String::new(), body: String::new() };
    journal.idempotent_finish(&key, &answer).await.unwrap();
    let begun = journal.idempotent_begin(&key, "x", later(day - 1)).await.unwrap();
    assert_eq!(begun, Begun::Replay(answer));
    let begun = journal.idempotent_begin(&key, "z", later(day)).await.unwrap();
    assert_eq!(begun, Begun::New);
    let made = journal.commit(request("BLE 5", &key)).await.unwrap();
    assert_eq!(made.sequence.get(), 2, "another request of the same key, a day later");
    journal.close().await;
}
