//! Judging again what is in quarantine, once a contract is mended; and contracts proposed from what
//! is there.

use std::time::{Duration, Instant};

use longlead_gateway::Registry;
use longlead_lake::{Answer, Cell, Lake, Limits, QueryError};
use longlead_stream::{
    Arrival, Batch, Captured, Contract, Contracts, Judged, Observed, Plausible, Proposal,
    Quarantined, READING, Reason, Receipt, Refusal, Sender, judge, propose, reading_from_json,
};
use longlead_web::telemetry::{JudgedAnew, texts_in_sql};

/// Readings that one round judges, and their bytes: whole commits, and at least one.
const ROUND: Round = Round { readings: 20_000, bytes: 64 << 20 };
/// After so long nothing more is begun: someone waits for the answer.
const BUDGET: Duration = Duration::from_secs(12);
/// Readings that are put into the lake at once.
const AT_ONCE: usize = 2_000;
/// How often a lake that is busy is asked again.
const PATIENCE: Duration = Duration::from_secs(1);
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
    commit: u64,
    stream: String,
    received: i64,
    device: Option<String>,
    payload: Vec<u8>,
}

/// What one round may take.
#[derive(Clone, Copy, Debug)]
struct Round {
    readings: u64,
    bytes: u64,
}

/// Judges readings of a stream again: those that weren't judged by its contract as it is now.
/// Tells what was done, and what ended it early.
pub(super) async fn judge_anew(
    lake: &Lake,
    contracts: &Contracts,
    registry: &dyn Registry,
    contract: &Contract,
) -> (JudgedAnew, Option<AnewError>) {
    let until = Instant::now() + BUDGET;
    let judging = Judging { lake, contracts, registry, contract, round: ROUND, until };
    let mut told = JudgedAnew::default();
    let ended = judging.all(&mut told).await;
    (told, ended.err())
}

/// What readings are judged by.
struct Judging<'a> {
    lake: &'a Lake,
    contracts: &'a Contracts,
    registry: &'a dyn Registry,
    contract: &'a Contract,
    round: Round,
    until: Instant,
}

impl Judging<'_> {
    /// Round by round, until nothing is left or the time is over.
    async fn all(&self, told: &mut JudgedAnew) -> Result<(), AnewError> {
        let names = self.contracts.names_of(self.contract);
        let version = self.contract.version();
        loop {
            let waiting = waiting(self.lake, &names, version, self.round).await?;
            told.left = waiting.all;
            let Some(through) = waiting.through else { return Ok(()) };
            let held = held(self.lake, &names, version, through).await?;
            let (through, ended) = self.some(&held, told).await;
            // What was judged is durable in its new place before it leaves the old one. The part in
            // which it broke off waits as a whole: what of it is in its new place already is known
            // there when it comes again.
            if let Some(through) = through {
                self.lake.release(&names, version, through).await?;
                let gone = held.partition_point(|it| it.commit <= through) as u64;
                told.left = waiting.all.saturating_sub(gone);
            }
            ended?;
            // Where nothing could be judged, the next round would find the same.
            if told.left == 0 || through.is_none() || Instant::now() >= self.until {
                return Ok(());
            }
        }
    }

    /// Judges and keeps what one round holds, up to the end of the time. The commit through which
    /// all of it was judged: of what is left, nothing may be released.
    async fn some(
        &self,
        held: &[Held],
        told: &mut JudgedAnew,
    ) -> (Option<u64>, Result<(), AnewError>) {
        let mut through = None;
        for part in parts(held) {
            if through.is_some() && Instant::now() >= self.until {
                break;
            }
            for some in part.chunks(AT_ONCE) {
                let judged = judged(self.contracts, self.registry, some);
                let (fitting, still) = (judged.row_count() as u64, judged.quarantined.len() as u64);
                let receipt = match self.accept(judged).await {
                    Ok(receipt) => receipt,
                    Err(refusal) => return (through, Err(refusal.into())),
                };
                told.readings += some.len() as u64;
                told.rows += receipt.rows;
                told.there += fitting - receipt.rows.min(fitting);
                told.held += still;
            }
            through = part.last().map(|it| it.commit);
        }
        (through, Ok(()))
    }

    async fn accept(&self, judged: Judged) -> Result<Receipt, Refusal> {
        loop {
            match self.lake.accept(judged.clone()).await {
                Err(Refusal::Busy { .. }) if Instant::now() < self.until => {
                    tokio::time::sleep(PATIENCE).await;
                }
                other => return other,
            }
        }
    }
}

/// Readings cut between commits: as many commits together as come at once.
fn parts(mut held: &[Held]) -> impl Iterator<Item = &[Held]> {
    std::iter::from_fn(move || {
        let commit = held.get(AT_ONCE.min(held.len()).checked_sub(1)?)?.commit;
        let (part, rest) = held.split_at(held.partition_point(|it| it.commit <= commit));
        held = rest;
        Some(part)
    })
}

/// What waits to be judged again.
struct Waiting {
    all: u64,
    /// The last commit of the next round; none if nothing waits.
    through: Option<u64>,
}

async fn waiting(
    lake: &Lake,
    names: &[String],
    version: u64,
    round: Round,
) -> Result<Waiting, QueryError> {
    let which = which(names, version);
    let sql = format!("SELECT count(*) FROM quarantine WHERE {which}");
    let all = numbers(lake, &sql, 1).await?.first().map_or(0, |[all, ..]| *all);
    // Readings are JSON; what isn't has no length here, and is held by its number.
    let sql = format!(
        "SELECT commit, count(*), sum(coalesce(octet_length(TRY_CAST(payload AS VARCHAR)), 0)) \
         FROM (SELECT commit, payload FROM quarantine WHERE {which} ORDER BY commit LIMIT {}) \
         GROUP BY commit ORDER BY commit",
        round.readings
    );
    let commits = if all == 0 { Vec::new() } else { numbers(lake, &sql, usize::MAX).await? };
    let (mut through, mut bytes) = (None, 0);
    for [commit, _, more] in commits {
        bytes += more;
        if through.is_some() && bytes > round.bytes {
            break;
        }
        through = Some(commit);
    }
    Ok(Waiting { all, through })
}

/// Readings of a stream that another version of its contract judged.
fn which(names: &[String], version: u64) -> String {
    format!(
        "stream IN ({}) AND format = '{READING}' \
         AND (contract IS NULL OR contract <> {version})",
        texts_in_sql(names)
    )
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

/// The first three numbers of each row.
async fn numbers(lake: &Lake, sql: &str, rows: usize) -> Result<Vec<[u64; 3]>, QueryError> {
    let Some(mut answer) = ask(lake, sql, rows).await? else { return Ok(Vec::new()) };
    let columns = answer.columns().len();
    let mut numbers = Vec::new();
    while let Some(page) = answer.next().await {
        let page = page?;
        let number = |row: usize, column: usize| match page.cell(row, column) {
            Cell::Integer(number) => number.max(0).cast_unsigned(),
            Cell::Unsigned(number) => number,
            _ => 0,
        };
        numbers.extend((0..page.rows()).map(|row| {
            [0, 1, 2].map(|column| if column < columns { number(row, column) } else { 0 })
        }));
    }
    Ok(numbers)
}

/// The readings of a round. Where one can't be read, it ends before its commit, all of which stays.
async fn held(
    lake: &Lake,
    names: &[String],
    version: u64,
    through: u64,
) -> Result<Vec<Held>, QueryError> {
    let sql = format!(
        "SELECT received, device, payload, stream, commit FROM quarantine \
         WHERE {} AND commit <= {through} ORDER BY commit, received",
        which(names, version)
    );
    let Some(mut answer) = ask(lake, &sql, usize::MAX).await? else { return Ok(Vec::new()) };
    let mut held = Vec::new();
    while let Some(page) = answer.next().await {
        let page = page?;
        for row in 0..page.rows() {
            if let Err(commit) = add_held(&mut held, |column| page.cell(row, column)) {
                tracing::warn!(commit, "a reading in quarantine can't be read to be judged again");
                return Ok(held);
            }
        }
    }
    Ok(held)
}

/// Adds a row, or takes away what came with it and gives the commit, if it can't be read.
fn add_held<'a>(held: &mut Vec<Held>, cell: impl Fn(usize) -> Cell<'a>) -> Result<(), u64> {
    let text = |column: usize| match cell(column) {
        Cell::Text(text) => Some(text.to_owned()),
        _ => None,
    };
    let commit = match cell(4) {
        Cell::Integer(commit) => commit.max(0).cast_unsigned(),
        Cell::Unsigned(commit) => commit,
        _ => 0,
    };
    // The filter has named the stream, and the other two are never null.
    let (Cell::Time(received), Cell::Bytes(payload), Some(stream)) = (cell(0), cell(2), text(3))
    else {
        held.retain(|it| it.commit < commit);
        return Err(commit);
    };
    held.push(Held { commit, stream, received, device: text(1), payload: payload.to_vec() });
    Ok(())
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

/// A contract for a stream that has none, from the newest of what was sent.
pub(super) async fn proposal(lake: &Lake, stream: &str) -> Result<Option<Proposal>, QueryError> {
    let sql = format!(
        "SELECT payload FROM quarantine WHERE stream = {} AND reason = '{}' AND format = '{READING}' \
         ORDER BY commit DESC",
        texts_in_sql([stream]),
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
        let (told, failed) = judge_anew(lake, contracts, &OneGateway, contract).await;
        assert!(failed.is_none(), "{failed:?}");
        told
    }

    async fn count_of(lake: &Lake, table: &str) -> u64 {
        numbers(lake, &format!("SELECT count(*) FROM {table}"), 1).await.unwrap()[0][0]
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

    /// As many commits of one reading each, all too hot.
    async fn held_back(lake: &Lake, commits: i64) {
        let narrow = contracts(&climate(85), 1);
        for number in 0..commits {
            let reading = [("a", RECEIVED - number * SECOND, 99.0)];
            let names = ("climate", "temperature");
            lake.accept(sent(&narrow, Sender::Device("a"), names, &reading)).await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_round_ends_at_its_readings_its_bytes_and_when_its_time_is_over() {
        let second = Duration::from_secs(1);
        for (round, time, expected) in [
            (Round { readings: 3, bytes: 1 << 20 }, 60 * second, (10, 0)),
            // One commit at least, or nothing would ever be done.
            (Round { readings: 3, bytes: 1 }, 60 * second, (10, 0)),
            (Round { readings: 3, bytes: 1 << 20 }, Duration::ZERO, (3, 7)),
            (Round { readings: 20, bytes: 1 }, Duration::ZERO, (1, 9)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let lake = lake(folder.path()).await;
            held_back(&lake, 10).await;
            let mended = contracts(&climate(120), 2);
            let contract = mended.get("climate").unwrap();
            let until = Instant::now() + time;
            let (lake, contracts, registry) = (&lake, &mended, &OneGateway);
            let judging = Judging { lake, contracts, registry, contract, round, until };
            let mut told = JudgedAnew::default();
            judging.all(&mut told).await.unwrap();
            assert_eq!((told.rows, told.left), expected, "{round:?} {time:?}");
            assert_eq!(count_of(lake, "quarantine").await, expected.1);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_judged_is_told_even_if_the_lake_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        held_back(&lake, 3).await;
        let mended = contracts(&climate(120), 2);
        let contract = mended.get("climate").unwrap();
        lake.close().await.unwrap();
        let (told, failed) = judge_anew(&lake, &mended, &OneGateway, contract).await;
        assert!(matches!(failed, Some(AnewError::Refused(_))), "{failed:?}");
        assert_eq!((told.readings, told.left), (0, 3));
        assert_eq!(count_of(&lake, "quarantine").await, 3, "it waits still");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_judged_before_it_broke_off_is_in_its_new_place_once() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        // Some that fit once it is mended, and some that still don't, in one commit.
        let readings: Vec<(&str, i64, f64)> = (0..6)
            .map(|it| ("a", RECEIVED - it * SECOND, if it < 2 { 99.0 } else { 500.0 }))
            .collect();
        let narrow = contracts(&climate(85), 1);
        let sent = sent(&narrow, Sender::Device("a"), ("climate", "temperature"), &readings);
        assert_eq!(lake.accept(sent).await.unwrap().quarantined, 6);
        let mended = contracts(&climate(120), 2);
        let names = mended.names_of(mended.get("climate").unwrap());
        let waits = held(&lake, &names, 2, u64::MAX >> 1).await.unwrap();
        // As far as it comes that breaks off after the first four.
        let begun = judged(&mended, &OneGateway, &waits[..4]);
        let receipt = lake.accept(begun).await.unwrap();
        let (rows, still) = (receipt.rows, receipt.quarantined);
        assert_eq!(rows + still, 4);
        assert_eq!(count_of(&lake, "quarantine").await, 6 + still);
        let done = again(&lake, &mended, "climate").await;
        let expected = JudgedAnew { readings: 6, rows: 2 - rows, there: rows, held: 4, left: 0 };
        assert_eq!(done, expected);
        assert_eq!((count_of(&lake, "climate").await, count_of(&lake, "quarantine").await), (2, 4));
    }

    #[test]
    fn of_a_commit_with_a_reading_that_cannot_be_read_nothing_is_judged() {
        let row = |commit: i64, payload: Option<&'static [u8]>| {
            move |column: usize| match column {
                0 => Cell::Time(RECEIVED),
                2 => payload.map_or(Cell::Null, Cell::Bytes),
                3 => Cell::Text("climate"),
                4 => Cell::Integer(commit),
                _ => Cell::Null,
            }
        };
        let mut held = Vec::new();
        for commit in [1, 2, 2] {
            assert_eq!(add_held(&mut held, row(commit, Some(b"{}"))), Ok(()));
        }
        assert_eq!(add_held(&mut held, row(2, None)), Err(2));
        assert_eq!(held.iter().map(|it| it.commit).collect::<Vec<_>>(), [1]);
        assert_eq!(add_held(&mut held, row(1, None)), Err(1));
        assert!(held.is_empty(), "a round of nothing");
    }

    #[test]
    fn readings_are_cut_between_commits() {
        let commits = [vec![1; 10], vec![2; AT_ONCE], vec![3; 1], vec![4; 5]].concat();
        let of = |commit: u64| Held {
            commit,
            stream: String::new(),
            received: 0,
            device: None,
            payload: Vec::new(),
        };
        let held: Vec<Held> = commits.into_iter().map(of).collect();
        let cut: Vec<(u64, usize)> =
            parts(&held).map(|part| (part.last().unwrap().commit, part.len())).collect();
        assert_eq!(cut, [(2, AT_ONCE + 10), (4, 6)]);
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
