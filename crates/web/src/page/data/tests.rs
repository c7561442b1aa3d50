use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use longlead_records::people::Role;
use longlead_stream::quality::DeviceRows;
use longlead_stream::{Batch, Captured, Clock, Contract, Head, Observed, Proposal, Value, propose};
use serde_json::{Value as Json, json};

use crate::app::{App, Settings};
use crate::telemetry::{
    Answer, BoxFuture, DevicesOf, Fault, FileFormat, Judged, JudgedAnew, Parts, Question, Removed,
    StoredTable, Telemetry, TelemetryError,
};
use crate::testing::{app_with, now, person, settings};

/// A keeper of a few readings: a device that was heard every quarter of an hour, and 1,234
/// readings of two streams in quarantine.
#[derive(Debug, Default)]
struct Few {
    counted: AtomicU64,
    judged: AtomicU64,
    /// Whether there are more readings than are counted: those of the last six hours are.
    has_many: bool,
    /// Whether judging breaks off after some of it is done.
    fails: bool,
}

const HELD: u64 = 1_234;

impl Few {
    fn rows(contract: &Contract, window: &Range<i64>) -> DeviceRows {
        let step = 900 * 1_000_000;
        let captured: Vec<i64> = (window.start..window.end).step_by(step).collect();
        let columns = contract.columns().iter().filter(|it| it.name == "temperature");
        let some = captured.len();
        DeviceRows {
            received: captured.clone(),
            clock: vec![Clock::Good; some],
            boot: vec![None; some],
            sequence: vec![None; some],
            fields: columns.map(|it| (it.name.clone(), vec![Some(4.5); some])).collect(),
            captured,
        }
    }

    /// Readings in quarantine that weren't judged by the contract as it is now.
    fn old(&self) -> u64 {
        if self.judged.load(Ordering::Relaxed) == 0 { HELD } else { 0 }
    }
}

fn no_file<T>() -> Result<T, TelemetryError> {
    Err(TelemetryError::new(Fault::Unsupported, "no files here"))
}

impl Telemetry for Few {
    fn tables(&self) -> BoxFuture<'_, Result<Vec<StoredTable>, TelemetryError>> {
        let table = |name: &str, rows: u64| StoredTable {
            name: name.to_owned(),
            columns: Vec::new(),
            rows,
            rows_in_memory: 0,
            files: 1,
            bytes: rows * 12,
        };
        Box::pin(async move { Ok(vec![table("climate", 1_200_000), table("quarantine", HELD)]) })
    }

    fn answer(&self, question: Question) -> BoxFuture<'_, Result<Answer, TelemetryError>> {
        let held = |reason: &str, stream: &str, old: u64| {
            let detail = "`temperature` is above 90 Cel";
            vec![
                json!(reason),
                json!(stream),
                json!(HELD),
                json!(old),
                json!(detail),
                json!("2026-11-23T08:30:00Z"),
            ]
        };
        let rows: Vec<Vec<Json>> = match question.sql.as_str() {
            sql if sql.contains("FROM quarantine WHERE") => {
                vec![held("out-of-range", "climate", self.old())]
            }
            sql if sql.contains("FROM quarantine") => {
                vec![held("out-of-range", "climate", HELD), held("no-contract", "shock/raw", HELD)]
            }
            _ => Vec::new(),
        };
        Box::pin(async move { Ok(Answer { rows, ..Answer::default() }) })
    }

    fn file(&self, _: Question, _: FileFormat) -> BoxFuture<'_, Result<Parts, TelemetryError>> {
        Box::pin(async { no_file() })
    }

    fn device_rows(
        &self,
        contract: Arc<Contract>,
        window: Range<i64>,
        _: usize,
    ) -> BoxFuture<'_, Result<DevicesOf, TelemetryError>> {
        self.counted.fetch_add(1, Ordering::Relaxed);
        let part_from = self.has_many.then(|| window.end - 6 * 3_600_000_000);
        let window = part_from.unwrap_or(window.start)..window.end;
        let devices = vec![("CT-000001".to_owned(), Few::rows(&contract, &window))];
        Box::pin(async move { Ok(DevicesOf { devices, part_from }) })
    }

    fn rows_of(
        &self,
        contract: Arc<Contract>,
        device: String,
        window: Range<i64>,
        _: usize,
    ) -> BoxFuture<'_, Result<DevicesOf, TelemetryError>> {
        let is_heard = device == "CT-000001" && contract.stream() == "climate";
        let from = now().as_microsecond() - 6 * 3_600_000_000;
        let window = window.start.max(from)..window.end;
        let rows = is_heard.then(|| (device, Few::rows(&contract, &window)));
        let devices = rows.into_iter().collect();
        Box::pin(async move { Ok(DevicesOf { devices, part_from: None }) })
    }

    fn judge_anew(&self, stream: String) -> BoxFuture<'_, Result<Judged, TelemetryError>> {
        assert_eq!(stream, "climate");
        self.judged.fetch_add(1, Ordering::Relaxed);
        let done = JudgedAnew { readings: 1_300, rows: 50, there: 16, held: HELD, left: 0 };
        let failed = self.fails.then(|| TelemetryError::new(Fault::Failed, "the disk is full"));
        Box::pin(async move { Ok(Judged { done, failed }) })
    }

    fn proposal(&self, stream: String) -> BoxFuture<'_, Result<Option<Proposal>, TelemetryError>> {
        let mut observed = Observed::of(&stream);
        let mut batch = Batch::default();
        let (name, device) = (batch.name(&stream), batch.name("CT-000001"));
        let (peak, unit) = (batch.name("peak"), batch.name("[g]"));
        for number in 0..40 {
            let captured = Captured::At(now().as_microsecond() + number * 60_000_000);
            let head = Head { device: Some(device), captured, ..Head::of(name) };
            batch.push(head, [(peak, Value::Float(number as f64 / 8.0), Some(unit))]);
        }
        for reading in batch.readings() {
            observed.add(&batch, &reading, None);
        }
        let proposal = if stream == "nothing" { None } else { propose(&observed) };
        Box::pin(async move { Ok(proposal) })
    }

    fn removed(&self, stream: &str) -> Option<Removed> {
        let (at, before) = (now(), "2021-11-23T09:00:00Z".parse().unwrap());
        (stream == "climate").then_some(Removed { at, before, rows: 7_000, quarantined: 3 })
    }

    fn functions(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The sample with a few readings.
pub(crate) async fn with_few() -> App {
    app_with(Settings { telemetry: Some(Arc::new(Few::default())), ..settings() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_told_with_the_moment_at_which_they_were_counted_and_not_counted_twice() {
    let few = Arc::new(Few::default());
    let app = app_with(Settings { telemetry: Some(Arc::clone(&few) as _), ..settings() }).await;
    let viewer = person(&app, Role::Viewer).await;
    let page = viewer.get("/data").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for told in [
        "in 4 streams, from 1 device.",
        "As of ",
        "23 Nov 2026, 09:00 UTC",
        "1,200,000",
        "1,234",
        "<code>temperature</code> is above 90 Cel",
        "/data/shock%2Fraw/proposal",
    ] {
        assert!(page.text.contains(told), "no {told} in {}", page.text);
    }
    let counted = few.counted.load(Ordering::Relaxed);
    assert_eq!(counted, 4, "once for each stream");
    viewer.get("/data").await;
    viewer.get("/data/climate").await;
    assert_eq!(few.counted.load(Ordering::Relaxed), counted);
    app.standings().forget("climate");
    viewer.get("/data/climate").await;
    assert_eq!(few.counted.load(Ordering::Relaxed), counted + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_the_newest_readings_tell_since_when_they_are_and_are_complete() {
    let few = Few { has_many: true, ..Few::default() };
    let app = app_with(Settings { telemetry: Some(Arc::new(few)), ..settings() }).await;
    let viewer = person(&app, Role::Viewer).await;
    let all = viewer.get("/data").await.text;
    let page = viewer.get("/data/climate").await.text;
    let since = crate::ui::instant(now() - jiff::SignedDuration::from_hours(6)).into_string();
    assert!(all.contains("More than 96 readings in the last 24 hours"), "{all}");
    assert!(all.contains(&format!(" counted since {since}")), "{all}");
    assert!(page.contains(&format!("figures of those taken since {since}.")), "{page}");
    let complete = longlead_horizon::percent(1.0);
    let complete = format!("This is {complete} of what was due since {since}.");
    assert!(page.contains(&complete), "no {complete} in {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_change_a_contract_may_judge_again_what_it_held_back() {
    let app = with_few().await;
    let (viewer, firmware) = (person(&app, Role::Viewer).await, person(&app, Role::Firmware).await);
    let page = viewer.get("/data/climate").await.text;
    assert!(page.contains("1,234 came before the contract was as it is now"), "{page}");
    assert!(page.contains("7,000 rows and 3 parts of the quarantine went"), "{page}");
    assert!(!page.contains("judge-again"), "a viewer has no button");
    let refused = viewer.post("/data/climate/judge-again", &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = firmware.get("/data/climate").await.text;
    assert!(page.contains("Judge 1,234 again"), "{page}");
    let judged = firmware.post("/data/climate/judge-again", &[]).await;
    assert_eq!(judged.status, StatusCode::OK, "{}", judged.text);
    for told in [
        "1,300 judged again: 50 became rows",
        "16 were rows already, or contradict one.",
        "1,234 still don't fit",
        "Before, 1,300 were held back; now, 1,234 are.",
        "All of it was judged by the contract as it is now",
    ] {
        assert!(judged.text.contains(told), "no {told} in {}", judged.text);
    }
    let owner = person(&app, Role::Owner).await;
    let audit = owner.get("/audit").await.text;
    assert!(audit.contains("1300 readings of climate, of which 50 became rows"), "{audit}");
    let unknown = firmware.post("/data/nothing/judge-again", &[]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_is_told_and_audited_when_a_later_round_fails() {
    let few = Few { fails: true, ..Few::default() };
    let app = app_with(Settings { telemetry: Some(Arc::new(few)), ..settings() }).await;
    let firmware = person(&app, Role::Firmware).await;
    let page = firmware.post("/data/climate/judge-again", &[]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for told in ["1,300 judged again: 50 became rows", "Not all could be judged"] {
        assert!(page.text.contains(told), "no {told} in {}", page.text);
    }
    assert!(!page.text.contains("the disk is full"), "causes are for the log and the audit");
    let audit = person(&app, Role::Owner).await.get("/audit").await.text;
    let told =
        "1300 readings of climate, of which 50 became rows; then it failed: the disk is full";
    assert!(audit.contains(told), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposed_contract_is_looked_over_and_becomes_a_record_like_any_other() {
    let app = with_few().await;
    let (viewer, firmware) = (person(&app, Role::Viewer).await, person(&app, Role::Firmware).await);
    let path = "/data/shock%2Fraw/proposal";
    let page = viewer.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Your role may not add contracts"), "{}", page.text);
    let page = firmware.get(path).await.text;
    for told in ["Accept as it is", "peak", "[g]", "40 values came in [g]", "intervals"] {
        assert!(page.contains(told), "no {told} in {page}");
    }
    let form = firmware.get("/records/contract/new?proposed=shock%2Fraw").await;
    assert_eq!(form.status, StatusCode::OK, "{}", form.text);
    assert!(form.text.contains("value=\"shock_raw\""), "{}", form.text);
    assert_eq!(viewer.get("/records/contract/new?proposed=x").await.status, StatusCode::FORBIDDEN);
    let text = crate::testing::hidden(&page, "text");
    let fields = [("mode", "toml"), ("text", text.as_str()), ("why", "Looked over")];
    let saved = firmware.post("/records/contract/new", &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    assert!(saved.location.unwrap().starts_with("/records/contract/shock_raw?saved="));
    let contract = app.journal().current().bundle.text(&"contract/shock_raw".parse().unwrap());
    assert!(contract.unwrap().contains("sent_as = [\"shock/raw\"]"));
    app.planned(Duration::from_secs(60)).await;
    let again = firmware.get(path).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "it has a contract now");
    assert!(again.text.contains("<code>shock/raw</code> has a contract"), "{}", again.text);
    assert_eq!(firmware.get("/data/nothing/proposal").await.status, StatusCode::NOT_FOUND);
}
