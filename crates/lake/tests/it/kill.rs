//! A process that keeps rows is killed again and again, in the middle of whatever it does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use longlead_lake::{Lake, Settings};

use crate::sample::{CONTRACTS, RECEIVED, Reading, SECOND, ask, contracts, judged, quiet};

const FOLDER: &str = "LONGLEAD_LAKE_CHILD";
/// How often; the default suits every run of the tests.
const KILLS: &str = "LONGLEAD_LAKE_KILLS";
const ROWS: u64 = 20;

/// Rows of a payload: half with sequence, half without.
fn payload(number: u64) -> Vec<Reading<'static>> {
    let reading = |it: u64| {
        let at = RECEIVED + ((number * ROWS + it) as i64) * SECOND;
        let plain = Reading::at("plain", at, it as f64);
        if it.is_multiple_of(2) {
            return plain;
        }
        Reading { device: "numbered", ..plain.numbered(Some(number % 3), number * ROWS + it) }
    };
    (0..ROWS).map(reading).collect()
}

/// Not a test of its own: what the killed process runs. It takes numbers of payloads from its
/// input, many at a time, and tells each that is acknowledged.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = Settings {
            flush_rows: 400,
            segment_bytes: 20_000,
            tidy_every: Duration::from_millis(300),
            keep_replaced: Duration::from_secs(2),
            identities_bytes: 20_000,
            ..quiet()
        };
        let (lake, _) = Lake::open(Path::new(&folder), settings).await.expect("it opens");
        let contracts = contracts(CONTRACTS);
        for line in std::io::stdin().lines() {
            let number: u64 = line.expect("a line").parse().expect("a number");
            let (lake, judged) = (lake.clone(), judged(&contracts, &payload(number)));
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
        .args(["--exact", "kill::child", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// Sends payloads to a child until it is killed; those it acknowledged.
fn run(folder: &Path, unanswered: &BTreeSet<u64>, next: &mut u64, life: Duration) -> BTreeSet<u64> {
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
        let unanswered = (1..=next).filter(|it| !acknowledged.contains(it)).collect();
        // From before it has opened to well after its first flushes.
        let life = Duration::from_millis(200 + (kill * 7_919) % 1_500);
        acknowledged.extend(run(folder.path(), &unanswered, &mut next, life));
    }
    assert!(acknowledged.len() > 50, "only {} were acknowledged", acknowledged.len());
    let (lake, recovery) = Lake::open(folder.path(), quiet()).await.expect("it opens");
    let sql = "SELECT (arrow_cast(captured, 'Int64') - arrow_cast(1795420800000000, 'Int64')) \
               / 1000000 AS row FROM climate ORDER BY row";
    let text = ask(&lake, sql).await;
    let rows: Vec<u64> = text.lines().map(|it| it.parse().expect("a number")).collect();
    let once: BTreeSet<u64> = rows.iter().copied().collect();
    assert_eq!(once.len(), rows.len(), "rows are doubled");
    for number in &acknowledged {
        for it in 0..ROWS {
            assert!(once.contains(&(number * ROWS + it)), "row {it} of {number} is lost");
        }
    }
    assert!(rows.iter().all(|it| (ROWS..(next + 1) * ROWS).contains(it)), "nobody sent that");
    println!(
        "{kills} kills, {} payloads acknowledged of {next}, {} rows; {recovery:?}",
        acknowledged.len(),
        rows.len()
    );
}
