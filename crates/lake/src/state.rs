//! What queries see: for each table what DuckLake holds at a snapshot, and the rows since.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;

use crate::columns::COMMIT;

/// Batches below this are joined with the one before, so that a trickle of small groups doesn't
/// make a long list.
const JOINED_ROWS: usize = 8_192;

/// A table as queries see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Columns that rows had so far, whether in files or not.
    pub(crate) schema: Option<SchemaRef>,
    /// What is in files, at a snapshot.
    pub(crate) stored: Option<Stored>,
    /// Rows that are being written to files.
    pub(crate) flushing: Vec<RecordBatch>,
    /// Rows since.
    pub(crate) tail: Vec<RecordBatch>,
    pub(crate) tail_bytes: usize,
    flushing_bytes: usize,
    /// When the oldest row of `tail` came.
    since: Option<Instant>,
    /// The last group that brought a row.
    pub(crate) newest: u64,
}

/// The files of a table at a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) provider: Arc<dyn TableProvider>,
}

impl Table {
    /// Rows that are in memory only.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.flushing.iter().chain(&self.tail)
    }
}

/// All tables. A reader takes them at one moment, so that a row is seen exactly once.
#[derive(Debug, Default)]
pub(crate) struct State {
    tables: RwLock<BTreeMap<String, Table>>,
    /// The last group that is durable.
    last: AtomicU64,
    /// Bytes of rows that are in memory only.
    bytes: AtomicUsize,
}

impl State {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Table>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Table>> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// All tables at this moment.
    pub(crate) fn now(&self) -> BTreeMap<String, Table> {
        self.read().clone()
    }

    pub(crate) fn table(&self, name: &str) -> Option<Table> {
        self.read().get(name).cloned()
    }

    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Adds a group's rows; `batches` have their commit column.
    pub(crate) fn append(
        &self,
        group: u64,
        batches: Vec<(String, RecordBatch)>,
    ) -> Result<(), ArrowError> {
        let mut tables = self.write();
        for (name, batch) in batches {
            let table = tables.entry(name).or_default();
            table.schema = Some(widened(table.schema.as_ref(), batch.schema_ref())?);
            let bytes = batch.get_array_memory_size();
            table.tail_bytes += bytes;
            self.bytes.fetch_add(bytes, Ordering::AcqRel);
            table.since.get_or_insert_with(Instant::now);
            table.newest = group;
            push(&mut table.tail, batch)?;
        }
        self.last.store(group, Ordering::Release);
        Ok(())
    }

    /// Bytes of rows that are in memory only.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Notes groups that are in tables only.
    pub(crate) fn begin_after(&self, group: u64) {
        self.last.fetch_max(group, Ordering::AcqRel);
    }

    /// What a table has in files, and the newest commit in them, if that is known.
    pub(crate) fn store(
        &self,
        name: &str,
        stored: Stored,
        newest: Option<u64>,
    ) -> Result<(), ArrowError> {
        let mut tables = self.write();
        let table = tables.entry(name.to_owned()).or_default();
        table.schema = Some(widened(Some(&stored.provider.schema()), table_schema(table))?);
        table.stored = Some(stored);
        table.newest = table.newest.max(newest.unwrap_or(0));
        Ok(())
    }

    /// Takes what is to be written to files next: for each table its rows, and the last group that
    /// they include. What a failed flush left is taken again.
    pub(crate) fn seal(&self) -> (Vec<(String, Vec<RecordBatch>)>, u64) {
        let mut tables = self.write();
        let mut sealed = Vec::new();
        for (name, table) in tables.iter_mut() {
            table.flushing.append(&mut table.tail);
            table.flushing_bytes += std::mem::take(&mut table.tail_bytes);
            table.since = None;
            if !table.flushing.is_empty() {
                sealed.push((name.clone(), table.flushing.clone()));
            }
        }
        (sealed, self.last())
    }

    /// What a flush that failed left, by table, with the first commit that it holds.
    pub(crate) fn left_over(&self) -> Vec<(String, u64)> {
        let first = |table: &Table| {
            let commits = table.flushing.first()?.column_by_name(COMMIT)?;
            let commits = commits.as_primitive_opt::<Int64Type>()?;
            Some(commits.iter().flatten().min()?.max(0).cast_unsigned())
        };
        let tables = self.read();
        tables.iter().filter_map(|(name, table)| Some((name.clone(), first(table)?))).collect()
    }

    /// What was sealed of a table is in files now: one step for every reader.
    pub(crate) fn flushed(&self, name: &str, stored: Stored) {
        if let Some(table) = self.write().get_mut(name) {
            table.stored = Some(stored);
            table.flushing.clear();
            self.bytes.fetch_sub(std::mem::take(&mut table.flushing_bytes), Ordering::AcqRel);
        }
    }

    /// Rows and bytes that are in memory only, and since when.
    pub(crate) fn unflushed(&self) -> Unflushed {
        let tables = self.read();
        let batches = || tables.values().flat_map(Table::batches);
        Unflushed {
            rows: batches().map(RecordBatch::num_rows).sum(),
            bytes: tables.values().map(|it| it.tail_bytes + it.flushing_bytes).sum(),
            since: tables.values().filter_map(|it| it.since).min(),
        }
    }
}

/// What is in memory only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unflushed {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) since: Option<Instant>,
}

fn table_schema(table: &Table) -> &Schema {
    static NONE: std::sync::LazyLock<Schema> = std::sync::LazyLock::new(Schema::empty);
    table.schema.as_deref().unwrap_or(&NONE)
}

/// A schema with the columns that another has in addition, at its end.
pub(crate) fn widened(schema: Option<&SchemaRef>, other: &Schema) -> Result<SchemaRef, ArrowError> {
    let Some(schema) = schema else { return Ok(Arc::new(other.clone())) };
    let is_new = |field: &&Arc<Field>| schema.column_with_name(field.name()).is_none();
    let new: Vec<Arc<Field>> = other.fields().iter().filter(is_new).cloned().collect();
    if new.is_empty() {
        return Ok(Arc::clone(schema));
    }
    let fields: Vec<Arc<Field>> = schema.fields().iter().cloned().chain(new).collect();
    Ok(Arc::new(Schema::new(fields)))
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
