//! A process that is killed while it commits loses nothing that it acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use longlead_records::{ChangeFilter, Expected};

use crate::world::{Database, capability, change, stories};

stories! {
    a_killed_process_loses_nothing_acknowledged;
}

const URL: &str = "LONGLEAD_STORY_URL";
const ROUND: &str = "LONGLEAD_STORY_ROUND";
const ROUNDS: u64 = 10;

/// What the process that is killed runs: commits from several tasks, so that some share a
/// transaction, and prints what is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_until_it_is_killed() {
    let (Ok(url), Ok(round)) = (std::env::var(URL), std::env::var(ROUND)) else { return };
    let journal = longlead_records::Journal::open(&url).await.unwrap();
    let tasks = (0..6).map(|task| {
        let (journal, round) = (journal.clone(), round.clone());
        tokio::spawn(async move {
            for number in 0_u64.. {
                let (id, title) = (format!("c{task}"), format!("round {round} number {number}"));
                let record = format!("capability/{id}");
                let request = change(&record, Some(capability(&id, &title)), Expected::Any);
                let made = journal.commit(request).await.unwrap();
                println!("\nacknowledged {} {title}", made.sequence);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

async fn a_killed_process_loses_nothing_acknowledged(database: &Database) {
    database.open().await.close().await;
    let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let url = database.url.clone();
        let told = tokio::task::spawn_blocking(move || killed(&url, round)).await.unwrap();
        assert!(!told.is_empty(), "nothing was acknowledged in round {round}");
        acknowledged.extend(told);
        let journal = database.open().await;
        let head = journal.verify().await.unwrap();
        let changes = journal.changes(&ChangeFilter::default()).await.unwrap();
        let written: BTreeMap<u64, String> = changes
            .into_iter()
            .map(|change| (change.sequence.get(), change.after.unwrap()))
            .collect();
        // A database of its own may still end what the killed process had begun.
        let count = u64::try_from(written.len()).unwrap();
        assert!(count >= head.get(), "{count} changes of {head:?}");
        assert!(written.keys().copied().eq(1..=count), "numbers are left out");
        for (sequence, title) in &acknowledged {
            let text = written.get(sequence).unwrap_or_else(|| panic!("{sequence} is lost"));
            assert!(text.contains(&format!("\"{title}\"")), "{sequence}: {text}");
        }
        journal.close().await;
    }
}

/// Runs the process, kills it at some moment, and tells what it acknowledged until then.
fn killed(url: &str, round: u64) -> BTreeMap<u64, String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::commits_until_it_is_killed", "--nocapture"])
        .env(URL, url)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told = BTreeMap::new();
    let mut take = |line: &str| {
        let told_of = line.strip_prefix("acknowledged ").and_then(|rest| rest.split_once(' '));
        let Some((sequence, title)) = told_of else { return false };
        told.insert(sequence.parse().unwrap(), title.to_owned());
        true
    };
    // From its first acknowledgement it has a moment of its own to live.
    assert!(lines.any(|line| take(&line)), "the process ended by itself");
    std::thread::sleep(Duration::from_millis(7 + round * 37 % 97));
    child.kill().unwrap();
    for line in lines {
        take(&line);
    }
    child.wait().unwrap();
    told
}
