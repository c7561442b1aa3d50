//! Judging again what is in quarantine, once a contract is mended; and contracts proposed from what
//! is there.

use std::time::{Duration, Instant};

use longlead_gateway::Registry;
use longlead_lake::{Answer, Cell, Lake, Limits, QueryError};
use longlead_stream::{
    Arrival, Batch, Captured, Contract, Contracts, Judged, Observed, Plausible, Proposal,
    Quarantined, READING, Reason, Refusal, Sender, judge, propose, reading_from_json,
};
use longlead_web::telemetry::JudgedAnew;

/// Readings that one round judges.
const ROUND: usize = 20_000;
/// After so long, no further round begins: someone waits for the answer.
const BUDGET: Duration = Duration::from_secs(12);
/// Readings that are put into the lake at once.
const AT_ONCE: usize = 2_000;
/// How often a lake that is busy is asked again, a second apart.
const PATIENCE: usize = 10;
/// Readings from which a contract is proposed: the newest.
const SEEN_MAX: usize = 5_000;

/// Why readings couldn't be judged again, or not all of them.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnewError {
    #[error("the quarantine can't be read")]
    Query(#[from] QueryError),
    #[error("readings can't be kept")]
    Refused(#[from] Refusal),
    #[error("readings that were judged can't leave the quarantine")]
    Release(#[from] longlead_lake::FlushError),
}

/// A reading in quarantine.
struct Held {
    stream: String,
    received: i64,
    device: Option<String>,
    payload: Vec<u8>,
}

/// Judges readings of a stream again: those that weren't judged by its contract as it is now.
pub(super) async fn judge_anew(
    lake: &Lake,
    contracts: &Contracts,
    registry: &dyn Registry,
    contract: &Contract,
) -> Result<JudgedAnew, AnewError> {
    let began = Instant::now();
    let names = names(contracts, contract);
    let mut told = JudgedAnew::default();
    loop {
        let waiting = waiting(lake, &names, contract.version()).await?;
        told.left = waiting.all.saturating_sub(waiting.readings);
        if waiting.readings == 0 {
            return Ok(told);
        }
        let held = held(lake, &names, contract.version(), waiting.through).await?;
        for some in held.chunks(AT_ONCE) {
            let judged = judged(contracts, registry, some);
            let (fitting, still) = (judged.row_count() as u64, judged.quarantined.len() as u64);
            let receipt = accept(lake, judged).await?;
            told.readings += some.len() as u64;
            told.rows += receipt.rows;
            told.there += fitting - receipt.rows.min(fitting);
            told.held += still;
        }
        // What was judged is durable in its new place before it leaves the old one.
        lake.release(&names, contract.version(), waiting.through).await?;
        if told.left == 0 || began.elapsed() > BUDGET {
            return Ok(told);
        }
    }
}

/// The names under which a stream is sent.
pub(super) fn names(contracts: &Contracts, contract: &Contract) -> Vec<String> {
    let record = contract.record();
    let names = record.sent_as.iter().map(String::as_str).chain([contract.stream()]);
    let is_its =
        |name: &&str| contracts.get(name).is_some_and(|other| other.stream() == contract.stream());
    names.filter(is_its).map(str::to_owned).collect()
}

/// What waits to be judged again.
struct Waiting {
    all: u64,
    /// Those of the next round, and their last commit.
    readings: u64,
    through: u64,
}

async fn waiting(lake: &Lake, names: &[String], version: u64) -> Result<Waiting, QueryError> {
    let which = which(names, version);
    let all = number(lake, &format!("SELECT count(*) FROM quarantine WHERE {which}")).await?;
    let through = format!(
        "SELECT max(commit) FROM (SELECT commit FROM quarantine WHERE {which} \
         ORDER BY commit LIMIT {ROUND})"
    );
    let through = if all == 0 { 0 } else { number(lake, &through).await? };
    let sql = format!("SELECT count(*) FROM quarantine WHERE {which} AND commit <= {through}");
    let readings = if all == 0 { 0 } else { number(lake, &sql).await? };
    Ok(Waiting { all, readings, through })
}

/// Readings of a stream that another version of its contract judged.
fn which(names: &[String], version: u64) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let names = names.join(", ");
    format!(
        "stream IN ({names}) AND format = '{READING}' \
         AND (contract IS NULL OR contract <> {version})"
    )
}

/// A text as SQL writes it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn limits(rows: usize) -> Limits {
    Limits { time: Duration::from_secs(20), memory: 512 << 20, rows }
}

async fn ask(lake: &Lake, sql: &str, rows: usize) -> Result<Option<Answer>, QueryError> {
    // Without anything in quarantine there is no table of it.
    if !lake.tables().await?.iter().any(|it| it.name == "quarantine") {
        return Ok(None);
    }
    lake.query(sql, limits(rows), &[]).await.map(Some)
}

async fn number(lake: &Lake, sql: &str) -> Result<u64, QueryError> {
    let Some(answer) = ask(lake, sql, 1).await? else { return Ok(0) };
    let pages = answer.all().await?;
    Ok(match pages.first().map(|page| page.cell(0, 0)) {
        Some(Cell::Integer(number)) => number.max(0).cast_unsigned(),
        _ => 0,
    })
}

async fn held(
    lake: &Lake,
    names: &[String],
    version: u64,
    through: u64,
) -> Result<Vec<Held>, QueryError> {
    let sql = format!(
        "SELECT received, device, payload, stream FROM quarantine WHERE {} AND commit <= {through} \
         ORDER BY commit, received",
        which(names, version)
    );
    let Some(mut answer) = ask(lake, &sql, usize::MAX).await? else { return Ok(Vec::new()) };
    let mut held = Vec::new();
    while let Some(page) = answer.next().await {
        let page = page?;
        for row in 0..page.rows() {
            let text = |cell: Cell<'_>| match cell {
                Cell::Text(text) => Some(text.to_owned()),
                _ => None,
            };
            // The filter has named the stream, and the other two are never null.
            let (Cell::Time(received), Cell::Bytes(payload), Some(stream)) =
                (page.cell(row, 0), page.cell(row, 2), text(page.cell(row, 3)))
            else {
                continue;
            };
            let (device, payload) = (text(page.cell(row, 1)), payload.to_vec());
            held.push(Held { stream, received, device, payload });
        }
    }
    Ok(held)
}

/// Holds readings against the contracts, as if they came again from who sent them then. A device
/// may speak for whom the registry lets it speak now.
fn judged(contracts: &Contracts, registry: &dyn Registry, held: &[Held]) -> Judged {
    let mut all = Judged::default();
    for it in held {
        let mut batch = Batch::default();
        let sender = match reading_from_json(&it.payload, &mut batch) {
            Ok(sender) => sender,
            Err(error) => {
                all.quarantined.push(unreadable(it, &error.to_string(), contracts));
                continue;
            }
        };
        let children = |device: &str| {
            sender.as_deref().is_some_and(|gateway| registry.is_child(gateway, device))
        };
        let sender = match sender.as_deref() {
            Some(id) => Sender::Gateway { id, children: &children },
            // A system that speaks for any device, or a row that had been judged before.
            None => Sender::Trusted,
        };
        let plausible = Plausible::default();
        let arrival = Arrival { received: it.received, sender, format: READING, plausible };
        let judged = judge(contracts, &batch, &arrival);
        all.rows.extend(judged.rows);
        all.quarantined.extend(judged.quarantined);
    }
    all
}

/// A reading that isn't as we write readings: it stays as it is.
fn unreadable(held: &Held, detail: &str, contracts: &Contracts) -> Quarantined {
    Quarantined {
        reason: Reason::Malformed,
        detail: detail.to_owned(),
        stream: Some(held.stream.clone()),
        device: held.device.clone(),
        received: held.received,
        contract: contracts.get(&held.stream).map(|it| it.version()),
        format: READING.to_owned(),
        payload: held.payload.clone(),
    }
}

async fn accept(lake: &Lake, judged: Judged) -> Result<longlead_stream::Receipt, Refusal> {
    for _ in 0..PATIENCE {
        match lake.accept(judged.clone()).await {
            Err(Refusal::Busy { .. }) => tokio::time::sleep(Duration::from_secs(1)).await,
            other => return other,
        }
    }
    lake.accept(judged).await
}

/// A contract for a stream that has none, from the newest of what was sent.
pub(super) async fn proposal(lake: &Lake, stream: &str) -> Result<Option<Proposal>, QueryError> {
    let sql = format!(
        "SELECT payload FROM quarantine WHERE stream = {} AND reason = '{}' AND format = '{READING}' \
         ORDER BY commit DESC",
        quoted(stream),
        Reason::NoContract.as_str()
    );
    let Some(mut answer) = ask(lake, &sql, SEEN_MAX).await? else { return Ok(None) };
    let mut payloads = Vec::new();
    while let Some(page) = answer.next().await {
        let page = page?;
        for row in 0..page.rows() {
            if let Cell::Bytes(payload) = page.cell(row, 0) {
                payloads.push(payload.to_vec());
            }
        }
    }
    // Intervals and counters are told by readings in the order in which they were taken.
    let mut readings: Vec<(i64, Batch, Option<String>)> = Vec::new();
    for payload in payloads.iter().rev() {
        let mut batch = Batch::default();
        let Ok(sender) = reading_from_json(payload, &mut batch) else { continue };
        let captured = match batch.readings().next().map(|it| it.head.captured) {
            Some(Captured::At(at)) => at,
            _ => i64::MAX,
        };
        readings.push((captured, batch, sender));
    }
    readings.sort_by_key(|(captured, ..)| *captured);
    let mut observed = Observed::of(stream);
    for (_, batch, sender) in &readings {
        batch.readings().for_each(|it| observed.add(batch, &it, sender.as_deref()));
    }
    Ok(propose(&observed))
}

#[cfg(test)]
pub(super) mod tests {
    use longlead_model::{Bundle, Source};
    use longlead_stream::{Head, Value};

    use super::*;

    /// 2026-11-23T08:00Z.
    pub(crate) const RECEIVED: i64 = 1_795_420_800_000_000;
    pub(crate) const SECOND: i64 = 1_000_000;

    /// The contracts of a text, in a version.
    pub(crate) fn contracts(text: &str, version: u64) -> Contracts {
        let source = Source { name: "streams.toml".into(), text: text.into() };
        let (bundle, diagnostics) = Bundle::load(&[source]);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        Contracts::of(&bundle.records, |_| version)
    }

    /// Readings of one value each: device, when it was captured, value.
    pub(crate) fn sent(
        contracts: &Contracts,
        sender: Sender<'_>,
        (stream, field): (&str, &str),
        readings: &[(&str, i64, f64)],
    ) -> Judged {
        let mut batch = Batch::default();
        for (device, captured, value) in readings {
            let head = Head {
                device: Some(batch.name(device)),
                captured: Captured::At(*captured),
                ..Head::of(batch.name(stream))
            };
            let value = (batch.name(field), Value::Float(*value), None);
            batch.push(head, [value]);
        }
        let plausible = Plausible::default();
        judge(contracts, &batch, &Arrival { received: RECEIVED, sender, format: "json", plausible })
    }

    pub(crate) async fn lake(folder: &std::path::Path) -> Lake {
        let settings = longlead_lake::Settings { disk_free: 0, ..Default::default() };
        Lake::open(folder, settings).await.unwrap().0
    }

    /// One gateway with one child.
    #[derive(Debug)]
    struct OneGateway;

    impl Registry for OneGateway {
        fn device(&self, _: &str) -> Option<longlead_gateway::Known> {
            None
        }

        fn is_child(&self, gateway: &str, device: &str) -> bool {
            gateway == "GW-1" && device == "a"
        }

        fn is_system(&self, _: &str) -> bool {
            false
        }
    }

    fn climate(high: u32) -> String {
        format!(
            "[[contract]]\nid = \"climate\"\ntitle = \"Climate\"\n\
             fields = [{{ name = \"temperature\", high = {high} }}]\n"
        )
    }

    const SHOCK: &str = "[[contract]]\nid = \"shock_told\"\ntitle = \"Shock\"\n\
                         sent_as = [\"shock/raw\"]\nfields = [{ name = \"peak\" }]\n";

    async fn again(lake: &Lake, contracts: &Contracts, stream: &str) -> JudgedAnew {
        let contract = contracts.get(stream).unwrap();
        judge_anew(lake, contracts, &OneGateway, contract).await.unwrap()
    }

    async fn count_of(lake: &Lake, table: &str) -> u64 {
        number(lake, &format!("SELECT count(*) FROM {table}")).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn readings_become_rows_once_their_contract_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        let narrow = contracts(&climate(85), 1);
        let readings: Vec<(&str, i64, f64)> = (0..30)
            .map(|it| {
                let value = if it < 10 {
                    4.5
                } else if it < 25 {
                    99.0
                } else {
                    500.0
                };
                ("a", RECEIVED - it * SECOND, value)
            })
            .collect();
        let judged = |contracts: &Contracts| {
            let sender = Sender::Device("a");
            sent(contracts, sender, ("climate", "temperature"), &readings)
        };
        assert_eq!(lake.accept(judged(&narrow)).await.unwrap().quarantined, 20);
        assert_eq!(again(&lake, &narrow, "climate").await, JudgedAnew::default());
        let mended = contracts(&climate(120), 2);
        let done = again(&lake, &mended, "climate").await;
        assert_eq!(done, JudgedAnew { readings: 20, rows: 15, there: 0, held: 5, left: 0 });
        assert_eq!(
            (count_of(&lake, "climate").await, count_of(&lake, "quarantine").await),
            (25, 5)
        );
        assert_eq!(again(&lake, &mended, "climate").await.readings, 0, "nothing has changed since");
        // They come once more, to a door that has the old contract still.
        assert_eq!(lake.accept(judged(&narrow)).await.unwrap().quarantined, 20);
        let done = again(&lake, &mended, "climate").await;
        assert_eq!(done, JudgedAnew { readings: 20, rows: 0, there: 15, held: 5, left: 0 });
        assert_eq!(
            (count_of(&lake, "climate").await, count_of(&lake, "quarantine").await),
            (25, 5)
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_speaks_for_another_when_readings_are_judged_again() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        let none = Contracts::default();
        let names = ("shock/raw", "peak");
        let own = [("a", RECEIVED, 1.0), ("b", RECEIVED, 1.0)];
        lake.accept(sent(&none, Sender::Device("a"), names, &own)).await.unwrap();
        // What an earlier version let in without asking who sent it.
        let gateway = Sender::Gateway { id: "GW-1", children: &|_| true };
        let children = [("a", RECEIVED + SECOND, 2.0), ("c", RECEIVED + SECOND, 2.0)];
        lake.accept(sent(&none, gateway, names, &children)).await.unwrap();
        assert_eq!(count_of(&lake, "quarantine").await, 4);
        let agreed = contracts(SHOCK, 3);
        let done = again(&lake, &agreed, "shock_told").await;
        assert_eq!(done, JudgedAnew { readings: 4, rows: 2, there: 0, held: 2, left: 0 });
        let of_a = "(SELECT * FROM shock_told WHERE device = 'a')";
        assert_eq!(count_of(&lake, of_a).await, 2);
        let refused = "(SELECT * FROM quarantine WHERE reason = 'not-its-device' AND contract = 3)";
        assert_eq!(count_of(&lake, refused).await, 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_contract_is_proposed_from_what_waits_in_whatever_order_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        assert_eq!(proposal(&lake, "shock/raw").await.unwrap(), None, "nothing was sent yet");
        let readings: Vec<(&str, i64, f64)> =
            (0..40).map(|it| ("a", RECEIVED - (it * 7 % 40) * 60 * SECOND, it as f64)).collect();
        let judged =
            sent(&Contracts::default(), Sender::Device("a"), ("shock/raw", "peak"), &readings);
        lake.accept(judged).await.unwrap();
        let told = proposal(&lake, "shock/raw").await.unwrap().unwrap();
        assert_eq!(told.contract.sent_as, ["shock/raw"]);
        assert_eq!(told.contract.cadence.map(|it| it.to_string()).as_deref(), Some("1 min"));
        assert_eq!(proposal(&lake, "it's another").await.unwrap(), None);
    }
}
