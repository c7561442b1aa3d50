//! `cargo xtask web-latency`: how long the server takes for each page, and how soon an edit is in
//! the plan, with the sample and with ten times its records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::Client;
use serde_json::{Value as Json, json};

use crate::server::Server;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often each page is asked for.
    #[arg(long, default_value_t = 60)]
    requests: usize,
    /// How many copies of the sample are added.
    #[arg(long, default_value_t = 9)]
    copies: usize,
    /// Keep the database, `latency.db`, in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Exit with 1 if a page takes longer than 50 ms (p95), or an edit longer than 500 ms.
    #[arg(long)]
    strict: bool,
}

/// Pages that are measured; `{…}` is a record of the sample.
const PAGES: &[&str] = &[
    "/",
    "/?from=2026-11-01&to=2031-11-01",
    "/decisions",
    "/decisions/light-sensor",
    "/decisions/light-sensor/memo",
    "/features",
    "/features/door-open-alerts",
    "/hardware",
    "/hardware/tracker-c",
    "/forecast",
    "/forecast/launch:door-open-alerts",
    "/forecast/calibration",
    "/plan",
    "/explain/launch:door-open-alerts",
    "/what-if",
    "/scenarios/no-light",
    "/records",
    "/records/part",
    "/records/offer",
    "/records/part/nrf9161-laca",
    "/records/part/nrf9161-laca/edit",
    "/records/part/nrf9161-laca/history",
    "/history",
    "/search?q=light",
    "/people",
    "/audit",
    "/account",
    "/api/docs",
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let slow = runtime.block_on(measure(arguments))?;
    Ok(if slow && arguments.strict { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the first part of a derived activity's id may say.
const DEEDS: &[&str] = &[
    "build", "certify", "decide", "design", "develop", "launch", "order", "procure", "release",
    "sell", "ship", "specify", "test", "units",
];

struct Browser {
    client: Client,
    address: String,
    token: String,
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
async fn measure(arguments: &Arguments) -> Result<bool> {
    let temporary = tempfile::tempdir()?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    let url = format!("sqlite:{}", folder.join("latency.db").display());
    let server = Server::start(&url, folder, &["--no-fleet"])?;
    let browser = Browser::sign_in(&server).await?;
    let mut slow = false;
    println!("the sample as it is");
    slow |= edits(&browser, arguments.requests.min(20)).await?;
    let records = multiply(&browser, arguments.copies).await?;
    println!("with {records} records");
    for page in PAGES {
        slow |= page_time(&browser, page, arguments.requests).await?;
    }
    slow |= edits(&browser, arguments.requests.min(20)).await?;
    Ok(slow)
}

impl Browser {
    async fn sign_in(server: &Server) -> Result<Browser> {
        let policy = reqwest::redirect::Policy::none();
        let client = Client::builder().cookie_store(true).redirect(policy).build()?;
        let owner = server.accounts.accounts.iter().find(|it| it.name == "owner");
        let owner = owner.context("the demo has no owner")?;
        let address = server.accounts.address.clone();
        let form = [("email", &owner.email), ("password", &owner.password)];
        let answer = client.post(format!("{address}/sign-in")).form(&form).send().await?;
        if !answer.status().is_redirection() {
            bail!("signing in: {}", answer.status());
        }
        Ok(Browser { client, address, token: server.accounts.token.clone() })
    }
}

/// The percentile of figures.
fn percentile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let index = ((figures.len() as f64 * share).ceil() as usize).saturating_sub(1);
    figures.get(index).copied().unwrap_or(f64::NAN)
}

/// Tells how long the server takes for a page; true if that is too long.
#[expect(clippy::print_stdout, reason = "this is what the command is for")]
async fn page_time(browser: &Browser, page: &str, requests: usize) -> Result<bool> {
    let mut figures = Vec::new();
    let mut bytes = 0;
    for round in 0..requests + 3 {
        let request = browser.client.get(format!("{}{page}", browser.address));
        let answer = request.header("accept", "text/html").send().await?;
        if !answer.status().is_success() {
            println!("  {page}: {}", answer.status());
            return Ok(true);
        }
        let timing = answer.headers().get("server-timing").context("no server-timing")?;
        let took = timing.to_str()?.split("dur=").nth(1).and_then(|it| it.parse().ok());
        bytes = answer.bytes().await?.len();
        // The first fill caches.
        if round >= 3 {
            figures.push(took.unwrap_or(f64::NAN));
        }
    }
    let (p50, p95) = (percentile(&mut figures, 0.5), percentile(&mut figures, 0.95));
    let mark = if p95 > 50.0 { "  SLOW" } else { "" };
    println!("  {page:<42} p50 {p50:>6.1} ms  p95 {p95:>6.1} ms  {:>5} KiB{mark}", bytes / 1024);
    Ok(p95 > 50.0)
}

/// Tells how long it takes from sending an edit until a page shows the plan made of it.
#[expect(clippy::print_stdout, reason = "this is what the command is for")]
async fn edits(browser: &Browser, requests: usize) -> Result<bool> {
    let mut figures = Vec::new();
    let offer = format!("{}/api/v1/records/offer/radio-maker.nrf9161-laca", browser.address);
    for round in 0..requests {
        let read = browser.client.get(&offer).bearer_auth(&browser.token).send().await?;
        let read = read.error_for_status()?;
        let version = read.headers().get("etag").context("no ETag")?.clone();
        let weeks = 16 + round % 4;
        let body = json!({ "lead_time": format!("{weeks}..{} wk", weeks + 6) }).to_string();
        let started = Instant::now();
        let answer = browser
            .client
            .patch(&offer)
            .bearer_auth(&browser.token)
            .header("if-match", version)
            .header("content-type", "application/merge-patch+json")
            .body(body)
            .send()
            .await?
            .error_for_status()?;
        let etag = answer.headers().get("etag").context("no ETag")?.to_str()?;
        let sequence: u64 = etag.trim_matches(['"', 'W', '/']).parse()?;
        wait_for(browser, sequence).await?;
        figures.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let (p50, p95) = (percentile(&mut figures, 0.5), percentile(&mut figures, 0.95));
    let mark = if p95 > 500.0 { "  SLOW" } else { "" };
    println!(
        "  from a saved edit to its plan on a page     p50 {p50:>6.1} ms  p95 {p95:>6.1} ms{mark}"
    );
    Ok(p95 > 500.0)
}

/// Asks for Horizons until it shows the plan of a sequence.
async fn wait_for(browser: &Browser, sequence: u64) -> Result<()> {
    let started = Instant::now();
    loop {
        let page = browser.client.get(format!("{}/", browser.address)).send().await?;
        let text = page.text().await?;
        let shown = text.split("data-sequence=\"").nth(1).and_then(|it| it.split('"').next());
        if shown.and_then(|it| it.parse::<u64>().ok()).is_some_and(|shown| shown >= sequence) {
            return Ok(());
        }
        if started.elapsed() > Duration::from_secs(30) {
            bail!("the plan of change set {sequence} isn't shown after 30 s");
        }
    }
}

/// Adds copies of the sample under other ids; tells how many records there are then.
async fn multiply(browser: &Browser, copies: usize) -> Result<usize> {
    let mut originals: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    let get = |path: String| {
        browser.client.get(format!("{}/api/v1{path}", browser.address)).bearer_auth(&browser.token)
    };
    let kinds: Json = get("/records".to_owned()).send().await?.json().await?;
    for kind in kinds.as_array().context("no kinds")? {
        let kind = kind["kind"].as_str().context("a kind without a name")?;
        let path = format!("/records/{kind}?limit=500");
        let list: Json = get(path).send().await?.error_for_status()?.json().await?;
        let items = list["items"].as_array().context("no items")?;
        let records = items.iter().map(|item| item["record"].clone()).collect();
        originals.insert(kind.to_owned(), records);
    }
    let mut ids: Vec<String> = Vec::new();
    // One rate holds for all copies, a scenario's changes name records by kind, and streams are
    // named as tables are.
    let copied = |kind: &str| !["rate", "scenario", "contract"].contains(&kind);
    for records in originals.iter().filter(|(kind, _)| copied(kind)).map(|(_, records)| records) {
        ids.extend(records.iter().filter_map(|it| it["id"].as_str().map(str::to_owned)));
    }
    let mut count = ids.len();
    let known: std::collections::BTreeSet<String> = ids.into_iter().collect();
    for copy in 1..=copies {
        let mut changes = Vec::new();
        for (kind, records) in originals.iter().filter(|(kind, _)| copied(kind)) {
            for record in records {
                let renamed = renamed(record, &known, &format!("-x{copy}"));
                let id = renamed["id"].as_str().unwrap_or_default().to_owned();
                changes.push(json!({ "kind": kind, "id": id, "replace": renamed }));
            }
        }
        count += changes.len();
        let body = json!({ "why": "A copy of the sample", "changes": changes });
        let url = format!("{}/api/v1/changes", browser.address);
        let answer =
            browser.client.post(url).bearer_auth(&browser.token).json(&body).send().await?;
        if !answer.status().is_success() {
            let text: String = answer.text().await?.chars().take(600).collect();
            bail!("copy {copy} is refused: {text}");
        }
    }
    // The first plan of the larger product.
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(count)
}

/// The record with every id in it, whole or as a part of a derived or joined id, under another
/// name.
fn renamed(value: &Json, known: &std::collections::BTreeSet<String>, suffix: &str) -> Json {
    match value {
        Json::String(text) => json!(renamed_text(text, known, suffix)),
        Json::Array(items) => items.iter().map(|item| renamed(item, known, suffix)).collect(),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| match (name.as_str(), value) {
                ("title" | "unit" | "description" | "band" | "kind", _) => {
                    (name.clone(), value.clone())
                }
                (field, Json::Object(entries)) if KEYED.contains(&field) => {
                    let entries = entries.iter().map(|(id, value)| {
                        (renamed_text(id, known, suffix), renamed(value, known, suffix))
                    });
                    (name.clone(), Json::Object(entries.collect()))
                }
                _ => (name.clone(), renamed(value, known, suffix)),
            });
            Json::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// Fields that hold values by id.
const KEYED: &[&str] = &["provides", "requires", "teams"];

/// An id, or an id made of several: each part that is an id gets the suffix. The first part of the
/// id of a derived activity says what is done: `build.tracker-c-dvt`, `launch:door-open-alerts`.
fn renamed_text(text: &str, known: &std::collections::BTreeSet<String>, suffix: &str) -> String {
    let chunks = text.split("..").map(|chunk| {
        let deed_end = chunk.find(['.', ':']).filter(|at| DEEDS.contains(&&chunk[..*at]));
        let (deed, rest) = chunk.split_at(deed_end.map_or(0, |at| at + 1));
        let mut renamed = deed.to_owned();
        let has_known_part = rest.split(['.', ':']).any(|part| known.contains(part));
        if !has_known_part && known.contains(rest) {
            // A release such as `4.1`.
            return format!("{deed}{rest}{suffix}");
        }
        for part in rest.split_inclusive(['.', ':']) {
            let id = part.trim_end_matches(['.', ':']);
            renamed.push_str(id);
            renamed.push_str(if known.contains(id) { suffix } else { "" });
            renamed.push_str(&part[id.len()..]);
        }
        renamed
    });
    chunks.collect::<Vec<_>>().join("..")
}
