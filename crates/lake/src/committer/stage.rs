//! A group before it is written: rows by table, and who waits for it.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::error::ArrowError;
use longlead_stream::{Quarantined, Receipt, Refusal};
use tokio::sync::oneshot;

use super::conflict::conflict;
use super::queue::Request;
use super::{Answered, Colds};
use crate::columns::{IdentityColumns, Incoming, QUARANTINE, quarantine_batch};
use crate::identity::{Identities, Verdict};
use crate::quarantine::{Entry, Held};

/// A group in the making.
#[derive(Debug, Default)]
pub(super) struct Staged {
    rows: BTreeMap<String, Vec<RecordBatch>>,
    quarantined: Vec<Quarantined>,
    /// The keys of these, which tell what comes twice.
    keys: HashSet<u128>,
    waiting: Vec<(oneshot::Sender<Answered>, Receipt)>,
}

/// What became of the rows of one stream in a request.
struct Sorted {
    fresh: Option<RecordBatch>,
    fresh_count: u64,
    duplicates: u64,
    conflicts: Vec<Quarantined>,
}

impl Staged {
    /// Adds a request, or gives it back with what has to be read before it can be judged.
    pub(super) fn take(
        &mut self,
        request: Request,
        identities: &mut Identities,
        held: &Held,
        group: u64,
    ) -> Result<(), (Request, Colds)> {
        let mark = identities.mark();
        let mut colds = Colds::new();
        let mut sorted = Vec::new();
        for incoming in &request.rows {
            let stream = identities.stream(&incoming.stream);
            match sort(incoming, stream, identities, group) {
                Ok(Ok(it)) => sorted.push((incoming.stream.clone(), it)),
                Ok(Err(cold)) => colds.push((stream, cold)),
                Err(error) => {
                    tracing::error!(%error, "rows can't be judged");
                    identities.undo_to(mark);
                    request.refuse(Refusal::Busy { retry_after_seconds: 60 });
                    return Ok(());
                }
            }
        }
        if !colds.is_empty() {
            identities.undo_to(mark);
            return Err((request, colds));
        }
        let mut receipt = Receipt::default();
        self.hold(request.quarantined, held, &mut receipt);
        for (table, sorted) in sorted {
            receipt.rows += sorted.fresh_count;
            receipt.duplicates += sorted.duplicates;
            self.hold(sorted.conflicts.into_iter().map(Entry::from), held, &mut receipt);
            self.rows.entry(table).or_default().extend(sorted.fresh);
        }
        self.waiting.push((request.answer, receipt));
        Ok(())
    }

    /// Takes what doesn't fit, but for what is in quarantine already.
    fn hold(
        &mut self,
        entries: impl IntoIterator<Item = Entry>,
        held: &Held,
        receipt: &mut Receipt,
    ) {
        for Entry { key, it } in entries {
            if held.has(key) || !self.keys.insert(key) {
                receipt.duplicates += 1;
            } else {
                receipt.quarantined += 1;
                self.quarantined.push(it);
            }
        }
    }

    /// The keys of what this group brings into quarantine.
    pub(super) fn keys(&self) -> impl Iterator<Item = u128> + '_ {
        self.keys.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.quarantined.is_empty() && self.rows.values().all(Vec::is_empty)
    }

    /// The group's batches by table: one for each set of columns.
    pub(super) fn batches(&self) -> Result<Vec<(String, RecordBatch)>, ArrowError> {
        let mut batches = Vec::new();
        for (table, parts) in &self.rows {
            let mut rest: Vec<&RecordBatch> = parts.iter().collect();
            while let Some(first) = rest.first() {
                let schema = first.schema();
                let (alike, other): (Vec<_>, Vec<_>) =
                    rest.into_iter().partition(|it| it.schema_ref() == &schema);
                rest = other;
                let joined = match alike.as_slice() {
                    [one] => (*one).clone(),
                    many => concat_batches(&schema, many.iter().copied())?,
                };
                batches.push((table.clone(), joined));
            }
        }
        if !self.quarantined.is_empty() {
            batches.push((QUARANTINE.to_owned(), quarantine_batch(&self.quarantined)?));
        }
        Ok(batches)
    }

    pub(super) fn answer(self) {
        for (answer, receipt) in self.waiting {
            // Who doesn't wait any more isn't told.
            let _ = answer.send(Ok(receipt));
        }
    }

    pub(super) fn refuse(self, refusal: Refusal) {
        for (answer, _) in self.waiting {
            let _ = answer.send(Err(refusal));
        }
    }
}

fn sort(
    incoming: &Incoming,
    stream: u32,
    identities: &mut Identities,
    group: u64,
) -> Result<Result<Sorted, crate::identity::Cold>, ArrowError> {
    let columns = IdentityColumns::of(&incoming.batch)?;
    let known: Vec<u32> = incoming.devices.iter().map(|it| identities.device(stream, it)).collect();
    let device = |place: &u32| known.get(*place as usize).copied().unwrap_or(0);
    let device: Vec<u32> = incoming.device.iter().map(device).collect();
    let verdicts = match identities.admit(stream, columns.keys(&device, &incoming.content), group) {
        Ok(verdicts) => verdicts,
        Err(cold) => return Ok(Err(cold)),
    };
    let count = |verdict: Verdict| verdicts.iter().filter(|it| **it == verdict).count();
    let fresh_count = count(Verdict::Fresh);
    let fresh = match fresh_count {
        0 => None,
        all if all == verdicts.len() => Some(incoming.batch.clone()),
        _ => {
            let is_fresh = verdicts.iter().map(|it| Some(*it == Verdict::Fresh));
            Some(filter_record_batch(&incoming.batch, &is_fresh.collect::<BooleanArray>())?)
        }
    };
    let conflicting = verdicts.iter().enumerate().filter(|(_, it)| **it == Verdict::Conflict);
    Ok(Ok(Sorted {
        fresh,
        fresh_count: fresh_count as u64,
        duplicates: count(Verdict::Duplicate) as u64,
        conflicts: conflicting.map(|(row, _)| conflict(incoming, row)).collect(),
    }))
}
