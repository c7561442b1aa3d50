//! Removes what contracts say is kept no longer, and forgets certificates of devices that expired
//! long ago, once an hour.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use longlead_gateway::Intake as _;
use longlead_lake::{FlushError, Lake};
use longlead_records::devices::Devices;
use longlead_stream::{Contract, Contracts};
use longlead_web::telemetry::Removed;
use tokio::task::JoinHandle;

use super::intake::LakeIntake;

/// How long after the start it is looked first: not while the start is still at work.
const FIRST: Duration = Duration::from_secs(60);
/// How often it is looked.
const EVERY: Duration = Duration::from_secs(3600);

/// What was last removed of each stream.
#[derive(Debug, Default)]
pub(super) struct Removals(Mutex<BTreeMap<String, Removed>>);

impl Removals {
    pub(super) fn of(&self, stream: &str) -> Option<Removed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(stream).copied()
    }

    fn note(&self, stream: &str, removed: Removed) {
        let mut removals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        removals.insert(stream.to_owned(), removed);
    }
}

/// Looks again and again, until it is aborted.
pub(super) fn keep(
    lake: Lake,
    devices: Devices,
    intake: Arc<LakeIntake>,
    removals: Arc<Removals>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::time::sleep(FIRST).await;
        loop {
            remove(&lake, &intake.contracts(), Timestamp::now(), &removals).await;
            forget_certificates(&devices, Timestamp::now()).await;
            tokio::time::sleep(EVERY).await;
        }
    })
}

async fn forget_certificates(devices: &Devices, now: Timestamp) {
    match devices.forget_certificates(now).await {
        Ok(0) => {}
        Ok(forgotten) => tracing::info!(forgotten, "certificates that expired long ago are gone"),
        Err(error) => {
            tracing::warn!(%error, "certificates that expired long ago can't be forgotten")
        }
    }
}

/// Removes what is older than the contracts say, stream by stream.
pub(super) async fn remove(
    lake: &Lake,
    contracts: &Contracts,
    now: Timestamp,
    removals: &Removals,
) {
    for contract in contracts.iter() {
        let stream = contract.stream();
        match of_stream(lake, contracts, contract, now).await {
            Ok(None) => {}
            Ok(Some(removed)) => {
                let Removed { before, rows, quarantined, .. } = removed;
                if rows + quarantined > 0 {
                    let before = before.to_string();
                    tracing::info!(stream, rows, quarantined, before, "retention removed readings");
                }
                removals.note(stream, removed);
            }
            Err(error) => tracing::warn!(stream, %error, "what is too old can't be removed"),
        }
    }
    match of_none(lake, contracts, now).await {
        Ok(None | Some(0)) => {}
        Ok(Some(quarantined)) => {
            tracing::info!(quarantined, "retention removed what belongs to no contract");
        }
        Err(error) => tracing::warn!(%error, "what belongs to no contract can't be removed"),
    }
}

/// Removes from quarantine what belongs to no contract, once the longest retention of all contracts
/// is over: it may tell of a person, and nobody has said how long it is needed. Where a contract keeps
/// its readings for ever, or where there is none, nothing says that it may go: it may have been sent
/// for that very contract, under a name that is still to be told.
async fn of_none(
    lake: &Lake,
    contracts: &Contracts,
    now: Timestamp,
) -> Result<Option<u64>, FlushError> {
    let spans: Option<Vec<i64>> =
        contracts.iter().map(|it| it.retention().filter(|span| *span > 0)).collect();
    let longest = spans.and_then(|spans| spans.into_iter().max());
    let before = longest.and_then(|span| now.as_microsecond().checked_sub(span));
    let Some(before) = before else { return Ok(None) };
    let names: Vec<String> = contracts.iter().flat_map(|it| contracts.names_of(it)).collect();
    lake.release_others_before(&names, before).await.map(Some)
}

async fn of_stream(
    lake: &Lake,
    contracts: &Contracts,
    contract: &Contract,
    now: Timestamp,
) -> Result<Option<Removed>, FlushError> {
    let before = contract.retention().filter(|span| *span > 0);
    let before = before.and_then(|span| now.as_microsecond().checked_sub(span));
    let Some((micros, before)) =
        before.and_then(|it| Some((it, Timestamp::from_microsecond(it).ok()?)))
    else {
        return Ok(None);
    };
    let rows = lake.remove_before(contract.stream(), micros).await?;
    // What is held back is kept no longer than what fits.
    let quarantined = lake.release_before(&contracts.names_of(contract), micros).await?;
    Ok(Some(Removed { at: now, before, rows, quarantined }))
}

#[cfg(test)]
mod tests {
    use longlead_stream::Sender;

    use super::super::anew::tests::{RECEIVED, SECOND, contracts, lake, sent};
    use super::*;

    const DAY: i64 = 86_400 * SECOND;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_kept_no_longer_goes_by_its_time_or_where_that_is_wrong_by_its_receipt() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        let contracts = contracts(
            "[[contract]]\nid = \"climate\"\ntitle = \"Climate\"\nretention = \"30 d\"\n\
             fields = [{ name = \"temperature\", high = 85 }]\n\
             [[contract]]\nid = \"kept\"\ntitle = \"Kept\"\nfields = [{ name = \"temperature\" }]\n",
            1,
        );
        let readings = [
            ("a", RECEIVED - 40 * DAY, 1.0),
            ("a", RECEIVED - 20 * DAY, 1.0),
            // A clock that was never set, and one that is far ahead.
            ("b", 0, 1.0),
            ("b", RECEIVED + 400 * DAY, 1.0),
            ("a", RECEIVED - 20 * DAY, 99.0),
        ];
        for stream in ["climate", "kept"] {
            let judged = sent(&contracts, Sender::Trusted, (stream, "temperature"), &readings[..4]);
            assert_eq!(lake.accept(judged).await.unwrap().rows, 4);
        }
        let hot = sent(&contracts, Sender::Trusted, ("climate", "temperature"), &readings[4..]);
        assert_eq!(lake.accept(hot).await.unwrap().quarantined, 1);
        // Of no contract, and of no stream.
        let none = Contracts::default();
        let raw = sent(&none, Sender::Trusted, ("shock/raw", "peak"), &readings[..1]);
        assert_eq!(lake.accept(raw).await.unwrap().quarantined, 1);
        let nameless = longlead_stream::Quarantined {
            reason: longlead_stream::Reason::Malformed,
            detail: "it is no JSON".to_owned(),
            stream: None,
            device: None,
            received: RECEIVED,
            contract: None,
            format: "json".to_owned(),
            payload: b"{".to_vec(),
        };
        let nameless =
            longlead_stream::Judged { quarantined: vec![nameless], ..Default::default() };
        assert_eq!(lake.accept(nameless).await.unwrap().quarantined, 1);
        let held = async || {
            let tables = lake.tables().await.unwrap();
            tables.iter().find(|it| it.name == "quarantine").map_or(0, |it| it.rows)
        };
        let removals = Removals::default();
        let now = Timestamp::from_microsecond(RECEIVED + DAY).unwrap();
        remove(&lake, &contracts, now, &removals).await;
        let removed = removals.of("climate").unwrap();
        assert_eq!((removed.rows, removed.quarantined, removed.at), (1, 0, now));
        assert_eq!(removals.of("kept"), None, "it is kept for ever");
        assert_eq!(held().await, 3);
        // A month later everything of it was received too long ago.
        let now = Timestamp::from_microsecond(RECEIVED + 31 * DAY).unwrap();
        remove(&lake, &contracts, now, &removals).await;
        let removed = removals.of("climate").unwrap();
        assert_eq!((removed.rows, removed.quarantined), (3, 1));
        assert_eq!(held().await, 2, "what belongs to no contract stays: a contract keeps for ever");
        remove(&lake, &Contracts::default(), now, &removals).await;
        assert_eq!(held().await, 2, "without a contract nothing says that it may go");
        let contract = |id: &str, days: u32| {
            format!(
                "[[contract]]\nid = \"{id}\"\ntitle = \"{id}\"\nretention = \"{days} d\"\n\
                 fields = [{{ name = \"temperature\" }}]\n"
            )
        };
        let all_end = |days| {
            super::super::anew::tests::contracts(
                &[contract("one", 30), contract("other", days)].concat(),
                1,
            )
        };
        remove(&lake, &all_end(32), now, &removals).await;
        assert_eq!(held().await, 2, "the longest retention isn't over");
        remove(&lake, &all_end(30), now, &removals).await;
        assert_eq!(held().await, 0, "what belongs to no contract goes with the longest retention");
        let left: u64 = lake.tables().await.unwrap().iter().map(|it| it.rows).sum();
        assert_eq!(left, 4, "the other stream is whole");
    }
}
