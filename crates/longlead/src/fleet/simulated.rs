//! The demo's fleet: simulated devices with two days behind them, which go on sending as the clock
//! goes on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use jiff::{Timestamp, ToSpan as _};
use longlead_gateway::{Context, Format, Intake, decode};
use longlead_lake::Lake;
use longlead_records::devices::{ChangeRequest, ImportKind};
use longlead_records::{Actor, Journal};
use longlead_simfleet::{Fleet as Simulated, Sending, Shape};
use longlead_stream::{Arrival, Judged, Plausible, Sender, judge};
use tokio::task::JoinHandle;

use super::intake::LakeIntake;

/// Devices of the demo.
const DEVICES: u32 = 120;
/// The seed of all that they do.
const SEED: u64 = 2026;
/// Hours that lie behind them.
const HOURS: i64 = 48;
/// Payloads that are on their way into the lake at once while the past is made.
const AT_ONCE: usize = 1024;
/// How often devices that have something to send are looked for.
const BEAT: Duration = Duration::from_secs(2);

/// Enters the devices into the registry and their past into the lake.
pub(super) async fn begin(
    journal: &Journal,
    lake: &Lake,
    intake: &LakeIntake,
    now: Timestamp,
) -> anyhow::Result<Simulated> {
    let simulated = Simulated::new(SEED, Shape { devices: DEVICES });
    let files = simulated.device_files(now);
    for file in &files {
        import(journal, ImportKind::Devices, file, now).await?;
    }
    import(journal, ImportKind::Events, &simulated.events_csv(now), now).await?;
    let from = now.checked_sub(HOURS.hours()).context("the past is out of range")?;
    let contracts = intake.contracts();
    let judged = simulated.run(from, now).map(|sending| {
        let received = sending.at.as_microsecond();
        received_at(&contracts, &sending, received)
    });
    let kept = futures_util::stream::iter(judged.collect::<Vec<_>>())
        .map(|judged| lake.accept(judged))
        .buffer_unordered(AT_ONCE);
    let refused = kept.filter_map(async |told| told.err()).collect::<Vec<_>>().await;
    anyhow::ensure!(refused.is_empty(), "the demo's past isn't taken: {:?}", refused.first());
    Ok(simulated)
}

/// A reading as it would have been judged when it came.
fn received_at(contracts: &longlead_stream::Contracts, sending: &Sending, received: i64) -> Judged {
    let context = Context { stream: Some(sending.key.stream.as_str()), ..Context::default() };
    let batch = decode(Format::Json, &sending.payload, &context);
    let sender = Sender::Device(&sending.key.device);
    let plausible = Plausible::default();
    judge(contracts, &batch, &Arrival { received, sender, format: "json", plausible })
}

async fn import(
    journal: &Journal,
    kind: ImportKind,
    file: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let bundle = Arc::clone(&journal.current().bundle);
    let request = ChangeRequest {
        who: Actor::System,
        at: now,
        origin: "the demo's fleet".to_owned(),
        why: None,
    };
    let devices = journal.devices();
    let mut import = devices.begin_import(kind, Arc::clone(&bundle), &request, None).await?;
    import.feed(file.as_bytes()).await?;
    let preview = import.finish().await?;
    let applied = devices.apply_import(preview.id, &preview.token, true, &bundle, &request).await;
    applied.context("the demo's devices can't be entered")?;
    Ok(())
}

/// Sends what the devices send from now on, to the HTTP door of this server.
pub(super) fn go_on(simulated: Simulated, since: Timestamp, door: String) -> JoinHandle<()> {
    tokio::spawn(async move {
        crate::server::install_crypto();
        let client = reqwest::Client::new();
        let mut from = since;
        loop {
            tokio::time::sleep(BEAT).await;
            let to = Timestamp::now();
            for sending in simulated.run(from, to) {
                let url = format!("{door}/ingest/v1/{}", sending.key.stream.as_str());
                let request = client.post(url).header("content-type", "application/json");
                if let Err(error) = request.body(sending.payload).send().await {
                    tracing::debug!(%error, "a simulated device wasn't heard");
                }
            }
            from = to;
        }
    })
}
