//! Several servers on one PostgreSQL database.

use std::time::Duration;

use longlead_records::{ChangeFilter, CommitError, Expected, Journal};

use crate::journal::{count_in, count_up};
use crate::world::{Database, key, titled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_see_each_others_changes() {
    let Some(database) = Database::postgres().await else { return };
    let (first, second) = (database.open().await, database.open().await);
    let mut watched = second.watch();
    let made = first.commit(titled("BLE", Expected::Absent)).await.unwrap();
    // Nobody asks the second node for anything: it looks by itself.
    let seen = watched.wait_for(|snapshot| snapshot.head == made.sequence);
    tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap().unwrap();
    assert_eq!(second.current().bundle.export(), first.current().bundle.export());
    let version = second.current().version(&key("capability/ble")).unwrap();
    second.commit(titled("BLE 5", Expected::Version(version))).await.unwrap();
    // The first hasn't looked yet, and is told all the same.
    let late = first.commit(titled("Bluetooth", Expected::Version(version))).await;
    let Err(CommitError::Conflict(conflicts)) = late else {
        panic!("{late:?}");
    };
    assert_eq!(conflicts[0].actual.unwrap().get(), 2);
    assert_eq!(first.current().head.get(), 2, "it has caught up");
    first.close().await;
    second.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_lose_no_update() {
    let Some(database) = Database::postgres().await else { return };
    let nodes: Vec<Journal> = vec![database.open().await, database.open().await];
    let mut editors = Vec::new();
    for editor in 0..10 {
        let journal = nodes[editor % 2].clone();
        editors.push(tokio::spawn(async move {
            let mut acknowledged = 0;
            while acknowledged < 10 {
                match count_up(&journal, "capability/shared").await {
                    Some(_) => acknowledged += 1,
                    None => tokio::task::yield_now().await,
                }
            }
        }));
    }
    for editor in editors {
        editor.await.unwrap();
    }
    assert_eq!(nodes[0].verify().await.unwrap().get(), 100);
    let changes = nodes[1].changes(&ChangeFilter::default()).await.unwrap();
    let counts: Vec<u64> =
        changes.iter().map(|change| count_in(change.after.as_ref().unwrap())).collect();
    assert_eq!(counts, (1..=100).rev().collect::<Vec<_>>());
    for node in nodes {
        node.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let Some(database) = Database::postgres().await else { return };
    let url = database.url.clone();
    let starts = (0..4).map(|_| {
        tokio::spawn({
            let url = url.clone();
            async move { Journal::open(&url).await }
        })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap().close().await;
    }
}
