//! `cargo xtask editors`: many people edit the same records at once, over the API, and the server
//! may be killed under them. Afterwards the journal must hold every change that was acknowledged,
//! once, in a chain without gaps.
//!
//! Each record counts: an edit reads the number, adds one, and writes it on the version that it
//! read. A lost update would show as a number that comes twice, a lost change as one that is
//! missing.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, StatusCode};
use serde_json::{Value as Json, json};

use crate::server::{Cluster, Server};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Editors at once.
    #[arg(long, default_value_t = 200)]
    editors: usize,
    /// How long they edit, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Records that they share: the fewer, the more often they meet.
    #[arg(long, default_value_t = 40)]
    records: usize,
    /// How often the server is killed meanwhile.
    #[arg(long, default_value_t = 0)]
    kill: u32,
    /// Which database: `sqlite`, `postgres` or `both`.
    #[arg(long, default_value = "both")]
    database: String,
}

/// What the editors have seen.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: Mutex<Vec<(usize, u64)>>,
    /// Writes that may or may not have been made: the server was killed before it answered.
    unknown: AtomicU64,
    conflicts: AtomicU64,
    server_errors: Mutex<Vec<String>>,
    milliseconds: Mutex<Vec<f64>>,
}

/// Where the server is now, and by which token it is entered: both change when it is restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    address: String,
    token: String,
}

impl Door {
    fn of(server: &Server) -> Door {
        Door { address: server.accounts.address.clone(), token: server.accounts.token.clone() }
    }
}

#[derive(Clone, Debug)]
struct Editor {
    client: Client,
    records: usize,
    door: Arc<Mutex<Door>>,
    stop: Arc<AtomicBool>,
    seen: Arc<Seen>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut sound = true;
    for database in ["sqlite", "postgres"] {
        if arguments.database == database || arguments.database == "both" {
            sound &= runtime.block_on(round(arguments, database))?;
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn round(arguments: &Arguments, database: &str) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let cluster = if database == "postgres" { Some(Cluster::start()?) } else { None };
    let url = match &cluster {
        Some(cluster) => cluster.url.clone(),
        None => format!("sqlite:{}", folder.path().join("editors.db").display()),
    };
    let mut server = Server::start(&url, folder.path())?;
    let editor = Editor {
        client: Client::builder().timeout(Duration::from_secs(30)).build()?,
        records: arguments.records,
        door: Arc::new(Mutex::new(Door::of(&server))),
        stop: Arc::new(AtomicBool::new(false)),
        seen: Arc::new(Seen::default()),
    };
    editor.prepare().await?;
    let editors: Vec<_> = (0..arguments.editors)
        .map(|number| tokio::spawn(edit(editor.clone(), number as u64)))
        .collect();
    let started = Instant::now();
    let each = Duration::from_secs(arguments.seconds) / (arguments.kill + 1);
    for kill in 0..arguments.kill {
        // Never at the same moment of what the server does.
        tokio::time::sleep(each.mul_f64(0.7 + 0.3 * f64::from(kill % 7) / 7.0)).await;
        server.kill()?;
        server = Server::start(&url, folder.path())?;
        *lock(&editor.door) = Door::of(&server);
    }
    let rest = Duration::from_secs(arguments.seconds).saturating_sub(started.elapsed());
    tokio::time::sleep(rest).await;
    editor.stop.store(true, Ordering::Relaxed);
    for editor in editors {
        editor.await?;
    }
    let took = started.elapsed();
    let faults = editor.faults().await?;
    report(arguments, database, &editor.seen, took, &faults);
    Ok(faults.is_empty())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id(record: usize) -> String {
    format!("count-{record}")
}

impl Editor {
    fn door(&self) -> Door {
        lock(&self.door).clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", lock(&self.door).address)
    }

    /// Adds the records that count.
    async fn prepare(&self) -> Result<()> {
        for record in 0..self.records {
            let body = json!({ "id": id(record), "title": "0", "definition": "Counts edits." });
            let token = self.door().token;
            let request = self.client.post(self.url("/records/term")).bearer_auth(token);
            let answer = request.json(&body).send().await?;
            if answer.status() != StatusCode::CREATED {
                bail!("a record can't be added: {} {}", answer.status(), answer.text().await?);
            }
        }
        Ok(())
    }

    /// One edit: reads a number, adds one, writes it on the version that it read.
    async fn once(&self, record: usize) -> Result<()> {
        let door = self.door();
        let url = format!("{}/api/v1/records/term/{}", door.address, id(record));
        let answer = self.client.get(&url).bearer_auth(&door.token).send().await?;
        if !answer.status().is_success() {
            return self.refused(answer, "read", &door).await;
        }
        let version = answer.headers().get("etag").context("no ETag")?.clone();
        let body: Json = answer.json().await?;
        let number: u64 = body["title"].as_str().context("no title")?.parse()?;
        let started = Instant::now();
        let request = self.client.patch(&url).bearer_auth(&door.token).header("if-match", version);
        let request = request.header("content-type", "application/merge-patch+json");
        let body = json!({ "title": (number + 1).to_string() }).to_string();
        let answer = match request.body(body).send().await {
            Ok(answer) => answer,
            Err(_) => {
                self.seen.unknown.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        };
        if answer.status().is_success() {
            lock(&self.seen.acknowledged).push((record, number + 1));
            lock(&self.seen.milliseconds).push(started.elapsed().as_secs_f64() * 1000.0);
            return Ok(());
        }
        self.refused(answer, "write", &door).await
    }

    async fn refused(&self, answer: reqwest::Response, what: &str, door: &Door) -> Result<()> {
        let status = answer.status();
        match status {
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => {
                self.seen.conflicts.fetch_add(1, Ordering::Relaxed);
            }
            // A token ends with the server that gave it, and another server may have its address.
            StatusCode::UNAUTHORIZED if *door != self.door() => {}
            StatusCode::TOO_MANY_REQUESTS => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => {
                let text = answer.text().await.unwrap_or_default();
                lock(&self.seen.server_errors).push(format!("{what}: {status} {text}"));
            }
        }
        Ok(())
    }

    /// What is wrong with the journal, given what was acknowledged.
    async fn faults(&self) -> Result<Vec<String>> {
        let mut faults = lock(&self.seen.server_errors).clone();
        let mut acknowledged: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for (record, number) in lock(&self.seen.acknowledged).iter() {
            acknowledged.entry(*record).or_default().push(*number);
        }
        let mut written = 0;
        for record in 0..self.records {
            let numbers = self.history(record).await?;
            written += numbers.len() as u64 - 1;
            let expected: Vec<u64> = (0..numbers.len() as u64).collect();
            if numbers != expected {
                faults.push(format!("record {record} doesn't count by one: {numbers:?}"));
            }
            for number in acknowledged.get(&record).into_iter().flatten() {
                if !numbers.contains(number) {
                    faults.push(format!("record {record}: {number} was acknowledged and is lost"));
                }
            }
            let mut told = acknowledged.get(&record).cloned().unwrap_or_default();
            told.sort_unstable();
            let before = told.len();
            told.dedup();
            if told.len() != before {
                faults.push(format!("record {record}: one number was acknowledged twice"));
            }
        }
        let sure = acknowledged.values().map(Vec::len).sum::<usize>() as u64;
        let unknown = self.seen.unknown.load(Ordering::Relaxed);
        if written < sure || written > sure + unknown {
            faults.push(format!("{written} written, {sure} acknowledged, {unknown} unknown"));
        }
        Ok(faults)
    }

    /// The numbers that a record has had, oldest first, from the journal.
    async fn history(&self, record: usize) -> Result<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut url = self.url(&format!("/records/term/{}/history?limit=500", id(record)));
            if let Some(cursor) = &cursor {
                url.push_str(&format!("&cursor={cursor}"));
            }
            let answer = self.client.get(url).bearer_auth(self.door().token).send().await?;
            let body: Json = answer.error_for_status()?.json().await?;
            let sets = body["items"].as_array().context("no items in a history")?;
            let changes = sets.iter().filter_map(|set| set["changes"].as_array()).flatten();
            for change in changes {
                let title = change["after"]["title"].as_str().context("no title")?;
                numbers.push(title.parse()?);
            }
            cursor = body["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                numbers.reverse();
                return Ok(numbers);
            }
        }
    }
}

/// Edits until told to stop; while the server is down, tries again a little later.
async fn edit(editor: Editor, number: u64) {
    // A generator as simple as can be: only which record comes next depends on it.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while !editor.stop.load(Ordering::Relaxed) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let record = usize::try_from(state % editor.records as u64).unwrap_or(0);
        if editor.once(record).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn report(arguments: &Arguments, database: &str, seen: &Seen, took: Duration, faults: &[String]) {
    let mut milliseconds = lock(&seen.milliseconds).clone();
    milliseconds.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (milliseconds.len() as f64 * share) as usize;
        milliseconds.get(index).copied().unwrap_or(f64::NAN)
    };
    let sure = lock(&seen.acknowledged).len();
    println!(
        "{database}: {} editors, {:.0} s, {} kills: {sure} changes acknowledged ({:.0}/s), {} \
         refused as stale, {} unknown; p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms",
        arguments.editors,
        took.as_secs_f64(),
        arguments.kill,
        sure as f64 / took.as_secs_f64(),
        seen.conflicts.load(Ordering::Relaxed),
        seen.unknown.load(Ordering::Relaxed),
        at(0.5),
        at(0.95),
        at(0.99),
    );
    for fault in faults.iter().take(20) {
        println!("  FAULT {fault}");
    }
    if faults.is_empty() {
        println!("  every acknowledged change is in the journal, no update was lost, no 5xx");
    }
}
