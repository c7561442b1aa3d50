//! A server that keeps what a fleet sends, and is asked about it: the real binary, over its own
//! doors. Where real data is needed, `LONGLEAD_SHARED_DATA` names its folder.

mod door;
mod duckdb;
mod lorawan;
mod page;
mod postgres;
mod tsbs;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flate2::read::GzDecoder;
use longlead_records::people::Scope;
use serde_json::Value as Json;

use crate::serving::{runtime, with_token};
use crate::{longlead, printed};

const DEVICES_TOKEN: &str = "a-network-server";

/// A folder of real telemetry, or a note that there is none.
#[expect(clippy::print_stdout, reason = "a case that was left out says so")]
fn shared(folder: &str) -> Option<PathBuf> {
    match std::env::var_os("LONGLEAD_SHARED_DATA") {
        Some(root) => Some(PathBuf::from(root).join("telemetry").join(folder)),
        None => {
            println!("skipped: LONGLEAD_SHARED_DATA names no folder of real data");
            None
        }
    }
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    GzDecoder::new(file).read_to_string(&mut text).expect("gzip of UTF-8");
    text
}

/// A server with a lake, which is stopped when the test ends.
struct Asked {
    child: Child,
    /// Where people ask: `http://127.0.0.1:…`.
    base: String,
    /// Where devices send by HTTP.
    door: String,
    token: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    told: Vec<String>,
    folder: tempfile::TempDir,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Asked {
    /// Starts it on a bundle of these records, with further arguments.
    fn start(records: &str, arguments: &[&str]) -> Asked {
        let all = [Scope::ReadFleet, Scope::ReadRecords, Scope::ReadInsights];
        Asked::start_with(records, arguments, &all)
    }

    /// The same, with a token that may do only this.
    fn start_with(records: &str, arguments: &[&str], scopes: &[Scope]) -> Asked {
        Asked::start_prepared(records, arguments, scopes, |_| {})
    }

    /// The same, once something was done to the database at this address.
    fn start_prepared(
        records: &str,
        arguments: &[&str],
        scopes: &[Scope],
        prepare: impl FnOnce(&str),
    ) -> Asked {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("streams.toml");
        std::fs::write(&bundle, records).unwrap();
        let url = format!("sqlite:{}", folder.path().join("longlead.db").display());
        printed(&["import", &bundle.to_string_lossy(), "--database", &url]);
        let token = with_token(&url, scopes);
        prepare(&url);
        let lake = folder.path().join("lake").to_string_lossy().into_owned();
        let any = "127.0.0.1:0";
        let mut serve = vec!["serve", "--database", &url, "--listen", any, "--lake", &lake];
        serve.extend(["--devices-http", any, "--devices-mqtt", any]);
        serve.extend(["--devices-token", DEVICES_TOKEN, "--requests-per-second", "1000"]);
        serve.extend(arguments);
        let mut command = longlead(&serve);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the server says where it is").unwrap();
        let mut told: Vec<String> = Vec::new();
        // The last line that it tells by itself.
        while !told.last().is_some_and(|line| line.contains("by MQTT")) {
            told.push(lines.next().expect("the server tells its doors").unwrap());
        }
        let base = first.rsplit(' ').next().unwrap().to_owned();
        let door = told.iter().find_map(|line| line.split_once("by HTTP to ")).expect("a door").1;
        let door = door.split_once("/ingest").unwrap().0.to_owned();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        Asked { child, base, door, token, client, runtime: runtime(), told, folder }
    }

    /// What the door answers to a body: the status, and what it says.
    fn send(&self, path: &str, content: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self
            .client
            .post(format!("{}{path}", self.door))
            .header("authorization", format!("Token {DEVICES_TOKEN}"))
            .header("content-type", content)
            .body(body);
        self.runtime.block_on(async {
            let answer = request.send().await.expect("the door answers");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    }

    /// What a page answers.
    fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, String) {
        let address = format!("{}{path}", self.base);
        let address = reqwest::Url::parse_with_params(&address, query).unwrap();
        let request = self.client.get(address).bearer_auth(&self.token);
        self.runtime.block_on(async {
            let answer = request.send().await.expect("the server answers");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    }

    /// Asks in SQL for CSV: the lines of the answer without its head.
    fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        let (status, text) = self.get("/sql/csv", &[("q", sql)]);
        assert_eq!(status, 200, "{sql}: {text}");
        text.lines().skip(1).map(|it| it.split(',').map(str::to_owned).collect()).collect()
    }

    /// Asks for one number.
    fn count(&self, sql: &str) -> u64 {
        let rows = self.ask(sql);
        rows.first()
            .and_then(|row| row.first())
            .and_then(|it| it.parse().ok())
            .unwrap_or_else(|| panic!("{sql}: {rows:?}"))
    }
}

/// Lets a server stop by itself. Its folder stays.
fn stop(mut asked: Asked) -> Asked {
    let id = asked.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(asked.child.wait().unwrap().success());
    asked
}

/// Sums of the numbers in receipts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Receipts {
    rows: u64,
    duplicates: u64,
    quarantined: u64,
}

impl Receipts {
    fn add(&mut self, receipt: &str) {
        let receipt: Json = serde_json::from_str(receipt).expect("a receipt is JSON");
        let number = |key: &str| receipt[key].as_u64().unwrap_or_default();
        self.rows += number("rows");
        self.duplicates += number("duplicates");
        self.quarantined += number("quarantined");
    }
}

/// How many rows there are of each first cell.
fn by_first(rows: &[Vec<String>]) -> BTreeMap<String, Vec<String>> {
    rows.iter().map(|row| (row[0].clone(), row[1..].to_vec())).collect()
}
