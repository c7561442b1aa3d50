//! Rows through crashes and faults of the disk: what is acknowledged is there, once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use longlead_model::{Bundle, Source};
use longlead_stream::{
    Arrival, Batch, Captured, Contracts, Head, Judged, Plausible, Receipt, Sender, Value, judge,
};
use tokio::sync::oneshot;

use super::*;
use crate::columns::{IdentityColumns, Incoming, contents, text, with_commit};
use crate::disk::simulated::{Dice, Simulated};
use crate::replay::{Replayed, learn, replay};

const CONTRACT: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [{ name = "temperature" }]
"#;
const RECEIVED: i64 = 1_795_420_800_000_000;

fn contracts() -> Contracts {
    let source = Source { name: "streams.toml".into(), text: CONTRACT.into() };
    Contracts::of(&Bundle::load(&[source]).0.records, |_| 1)
}

/// Rows by their numbers: every third has a sequence. What a row says follows from its number.
fn judged(contracts: &Contracts, numbers: &[i64]) -> Judged {
    let mut batch = Batch::default();
    let (stream, temperature) = (batch.name("climate"), batch.name("temperature"));
    for number in numbers {
        let device = Some(batch.name(&format!("device {}", number % 5)));
        let captured = Captured::At(RECEIVED - number * 3_600_000_000);
        let sequence = (number % 5 == 0).then_some(number.cast_unsigned());
        let head = Head { stream, device, captured, boot: None, sequence };
        batch.push(head, [(temperature, Value::Float(*number as f64), None)]);
    }
    let plausible = Plausible::default();
    let arrival =
        Arrival { received: RECEIVED, sender: Sender::Trusted, format: "json", plausible };
    judge(contracts, &batch, &arrival)
}

/// How often each row is there.
fn rows(state: &State) -> BTreeMap<i64, usize> {
    let mut rows = BTreeMap::new();
    let Some(table) = state.table("climate") else { return rows };
    for batch in table.batches() {
        let captured = batch.column_by_name("captured").expect("it has one");
        for at in captured.as_primitive::<TimestampMicrosecondType>().values() {
            *rows.entry((RECEIVED - at) / 3_600_000_000).or_default() += 1;
        }
    }
    rows
}

/// Reads places from what is in memory, as the tables would be read.
fn loader(state: &Arc<State>) -> Loader {
    let state = Arc::clone(state);
    Arc::new(move |stream, places| {
        let mut found: HashMap<Place, Vec<(u64, u64)>> =
            places.iter().map(|it| (it.0, Vec::new())).collect();
        let numbers: HashMap<&str, u32> =
            places.iter().map(|(place, name)| (name.as_str(), place.device)).collect();
        for batch in state.table(&stream).iter().flat_map(|it| it.batches()) {
            let device = text(batch, "device").expect("it has one");
            let device: Vec<u32> = (0..device.len())
                .map(|row| numbers.get(device.value(row)).copied().unwrap_or(u32::MAX))
                .collect();
            let content = contents(batch).expect("they are rows");
            let columns = IdentityColumns::of(batch).expect("they are rows");
            let keys = columns.keys(&device, &content);
            for (place, key, content) in (0..batch.num_rows()).filter_map(|row| keys.at(row)) {
                if let Some(rows) = found.get_mut(&place) {
                    rows.push((key, content));
                }
            }
        }
        Box::pin(async move { Ok(found.into_iter().collect()) })
    })
}

fn open(disk: &Simulated, runtime: &tokio::runtime::Runtime) -> Committer {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut replayed = Replayed::new();
    let (log, _) = replay(&disk, 4_000, 0, &mut replayed).expect("only torn ends");
    let kept = disk.read(IDENTITIES).ok().and_then(|it| Identities::from_bytes(&it).ok());
    let mut identities = kept.map_or_else(Identities::default, |it| it.0);
    let state = Arc::new(State::default());
    for (group, table, batch) in replayed {
        learn(&mut identities, &table, &batch, group).expect("they are rows");
        let batch = with_commit(&batch, group).expect("they are rows");
        state.append(group, vec![(table, batch)]).expect("they are rows");
    }
    Committer {
        queue: Arc::new(Queue::new(usize::MAX, usize::MAX)),
        disk,
        log,
        encoder: GroupEncoder::default(),
        identities,
        held: Held::default(),
        loader: loader(&state),
        state,
        runtime: runtime.handle().clone(),
        free_min: 0,
        identities_max: usize::MAX,
        lock: tempfile::tempfile().expect("a file"),
    }
}

/// Commits requests as one group, and what each is told.
fn commit(committer: &mut Committer, payloads: Vec<Judged>) -> Vec<Answered> {
    let mut requests = Vec::new();
    let mut answers = Vec::new();
    for judged in payloads {
        let (answer, answered) = oneshot::channel();
        let rows = judged.rows.into_iter().map(|it| Incoming::of(it).expect("as its contract"));
        let quarantined = judged.quarantined.into_iter().map(Into::into).collect();
        let rows = rows.collect();
        requests.push(Request { rows, quarantined, count: 1, bytes: 1, answer });
        answers.push(answered);
    }
    committer.commit(requests);
    let mut told = Vec::new();
    for mut answered in answers {
        told.push(loop {
            match answered.try_recv() {
                Ok(answer) => break answer,
                // It was put off until places are loaded.
                Err(oneshot::error::TryRecvError::Empty) => match committer.queue.take() {
                    Work::Command(command) => committer.obey(command),
                    _ => panic!("nothing else is in the queue"),
                },
                Err(error) => panic!("{error}"),
            }
        });
    }
    told
}

#[test]
fn acknowledged_rows_survive_faults_and_crashes_once_each() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = runtime.expect("a runtime");
    let contracts = contracts();
    let (mut kept, mut refused, mut duplicates) = (0, 0, 0);
    for seed in 0..120 {
        let mut dice = Dice(seed);
        let disk = Simulated::new(seed ^ 0xfade);
        let (mut sent, mut acknowledged) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let mut committer = open(&disk, &runtime);
            let there = rows(&committer.state);
            assert!(there.values().all(|it| *it == 1), "seed {seed}: {there:?}");
            assert!(acknowledged.iter().all(|it| there.contains_key(it)), "seed {seed}: lost");
            assert!(there.keys().all(|it| sent.contains(it)), "seed {seed}: never sent");
            kept += there.len();
            if dice.one_in(2) {
                disk.die_after(dice.below(40));
            }
            if dice.one_in(4) {
                disk.fail_one_sync_in(8);
            }
            for _ in 0..dice.below(15) {
                if dice.one_in(6) {
                    disk.set_capacity(dice.below(6_000));
                }
                if dice.one_in(5) && committer.keep(0).is_err() {
                    break;
                }
                let some = |dice: &mut Dice| -> Vec<i64> {
                    (0..dice.below(12)).map(|_| dice.below(200) as i64).collect()
                };
                let payloads: Vec<Vec<i64>> =
                    (0..=dice.below(3)).map(|_| some(&mut dice)).collect();
                sent.extend(payloads.iter().flatten());
                let judged = payloads.iter().map(|it| judged(&contracts, it)).collect();
                let answers = commit(&mut committer, judged);
                for (payload, answer) in payloads.iter().zip(answers) {
                    match answer {
                        Ok(Receipt { rows, duplicates: more, quarantined }) => {
                            assert_eq!(rows + more, payload.len() as u64, "seed {seed}");
                            assert_eq!(
                                quarantined, 0,
                                "seed {seed}: the same number says the same"
                            );
                            duplicates += more;
                            acknowledged.extend(payload);
                        }
                        Err(_) => refused += 1,
                    }
                }
                disk.set_capacity(u64::MAX);
            }
            drop(committer);
            disk.crash();
        }
    }
    assert!(kept > 5_000 && refused > 200 && duplicates > 1_000, "{kept} {refused} {duplicates}");
}
