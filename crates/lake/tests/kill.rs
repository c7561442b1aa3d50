//! A process that keeps rows is killed again and again, in the middle of whatever it does.
#![expect(clippy::expect_used, reason = "a test that cannot start its process has failed")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use longlead_lake::{Lake, Settings};
use longlead_model::{Bundle, Source};
use longlead_stream::{
    Arrival, Batch, Captured, Contracts, Head, Judged, Plausible, Sender, Value, judge,
};

/// The folder that the killed process keeps rows in; without it, `child` does nothing.
const FOLDER: &str = "LONGLEAD_LAKE_CHILD";
/// How often it is killed; the default suits every run of the tests.
const KILLS: &str = "LONGLEAD_LAKE_KILLS";
const CONTRACT: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [{ name = "temperature" }]
"#;
const RECEIVED: i64 = 1_795_420_800_000_000;
/// Rows of a payload.
const ROWS: u64 = 20;

fn settings() -> Settings {
    // Small segments, so that many begin.
    Settings { segment_bytes: 20_000, disk_free: 0, ..Settings::default() }
}

fn contracts() -> Contracts {
    let source = Source { name: "streams.toml".into(), text: CONTRACT.into() };
    Contracts::of(&Bundle::load(&[source]).0.records, |_| 1)
}

/// Rows of a payload: half with sequence, half without.
fn payload(contracts: &Contracts, number: u64) -> Judged {
    let mut batch = Batch::default();
    let (stream, field) = (batch.name("climate"), batch.name("temperature"));
    for row in number * ROWS..(number + 1) * ROWS {
        let is_numbered = row % 2 == 1;
        let device = if is_numbered { "numbered" } else { "plain" };
        let head = Head {
            stream,
            device: Some(batch.name(device)),
            captured: Captured::At(RECEIVED + row.cast_signed() * 1_000_000),
            boot: is_numbered.then_some(number % 3),
            sequence: is_numbered.then_some(row),
        };
        batch.push(head, [(field, Value::Float(row as f64), None)]);
    }
    let plausible = Plausible::default();
    let arrival =
        Arrival { received: RECEIVED, sender: Sender::Trusted, format: "json", plausible };
    judge(contracts, &batch, &arrival)
}

/// No test of its own: what the killed process runs. It takes numbers of payloads from its input,
/// many at a time, and tells each that is acknowledged.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (lake, _) = Lake::open(Path::new(&folder), settings()).await.expect("it opens");
        let contracts = contracts();
        for line in std::io::stdin().lines() {
            let number: u64 = line.expect("a line").parse().expect("a number");
            let (lake, judged) = (lake.clone(), payload(&contracts, number));
            tokio::spawn(async move {
                if lake.accept(judged).await.is_ok() {
                    // One write, so that no line is told in half.
                    let line = format!("\nacknowledged {number}\n");
                    std::io::stdout().write_all(line.as_bytes()).expect("told");
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// Sends payloads to a child until it is killed; those it acknowledged.
fn run(folder: &Path, unanswered: &[u64], next: &mut u64, life: Duration) -> BTreeSet<u64> {
    let mut child = start(folder);
    let (mut input, output) = (child.stdin.take().expect("piped"), child.stdout.take());
    let told = std::thread::spawn(move || {
        let lines = BufReader::new(output.expect("piped")).lines().map_while(Result::ok);
        let number = |it: String| it.strip_prefix("acknowledged ")?.parse().ok();
        lines.filter_map(number).collect::<BTreeSet<u64>>()
    });
    let until = std::time::Instant::now() + life;
    // What wasn't answered is sent again, as devices do.
    for number in unanswered {
        if writeln!(input, "{number}").is_err() {
            break;
        }
    }
    while std::time::Instant::now() < until {
        for _ in 0..5 {
            *next += 1;
            if writeln!(input, "{next}").is_err() {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("it is gone");
    drop(input);
    told.join().expect("read to the end")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_doubled_by_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let kills: u64 = std::env::var(KILLS).ok().and_then(|it| it.parse().ok()).unwrap_or(12);
    let (mut acknowledged, mut next) = (BTreeSet::new(), 0);
    for kill in 0..kills {
        let unanswered: Vec<u64> = (1..=next).filter(|it| !acknowledged.contains(it)).collect();
        // From before it has opened to well after its first groups.
        let life = Duration::from_millis(50 + (kill * 7_919) % 700);
        acknowledged.extend(run(folder.path(), &unanswered, &mut next, life));
    }
    assert!(acknowledged.len() > 50, "only {} were acknowledged", acknowledged.len());
    let (lake, recovery) = Lake::open(folder.path(), settings()).await.expect("it opens");
    let contracts = contracts();
    let mut missing = 0;
    for number in 1..=next {
        let receipt = lake.accept(payload(&contracts, number)).await.expect("there is room");
        assert_eq!(receipt.quarantined, 0, "payload {number}");
        if acknowledged.contains(&number) {
            assert_eq!(receipt.duplicates, ROWS, "payload {number} was acknowledged and is lost");
        }
        missing += receipt.rows;
    }
    // All that was ever sent, less what wasn't there: each row once.
    assert_eq!(recovery.rows, next * ROWS - missing, "rows are doubled");
    println!("{kills} kills, {} payloads acknowledged of {next}; {recovery:?}", acknowledged.len());
}
