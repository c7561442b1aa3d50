//! Rows that are durable, as they lie in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;

/// Batches below this are joined with the one before, so that a trickle of small groups doesn't
/// make a long list.
const JOINED_ROWS: usize = 8_192;

/// A table's rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    tail: Vec<RecordBatch>,
}

impl Table {
    /// Its rows, in the order in which they became durable.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.tail.iter()
    }
}

/// All tables.
#[derive(Debug, Default)]
pub(crate) struct State {
    tables: RwLock<BTreeMap<String, Table>>,
    /// The last group that is durable.
    last: AtomicU64,
    /// Bytes of rows.
    bytes: AtomicUsize,
}

impl State {
    pub(crate) fn table(&self, name: &str) -> Option<Table> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Bytes of rows.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Adds a group's rows; `batches` have their commit column.
    pub(crate) fn append(
        &self,
        group: u64,
        batches: Vec<(String, RecordBatch)>,
    ) -> Result<(), ArrowError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        for (name, batch) in batches {
            self.bytes.fetch_add(batch.get_array_memory_size(), Ordering::AcqRel);
            push(&mut tables.entry(name).or_default().tail, batch)?;
        }
        self.last.store(group, Ordering::Release);
        Ok(())
    }
}

/// Adds a batch, joined with those before it while they are small: each row is copied only about
/// as often as the logarithm of the rows joined.
fn push(batches: &mut Vec<RecordBatch>, batch: RecordBatch) -> Result<(), ArrowError> {
    batches.push(batch);
    while let [.., before, last] = batches.as_slice() {
        let is_small = before.num_rows() + last.num_rows() <= JOINED_ROWS
            && before.num_rows() <= last.num_rows() * 2;
        if !is_small || before.schema_ref() != last.schema_ref() {
            break;
        }
        let joined = concat_batches(before.schema_ref(), [before, last])?;
        batches.truncate(batches.len() - 2);
        batches.push(joined);
    }
    Ok(())
}
