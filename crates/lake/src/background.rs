//! What goes on behind: rows to files, small files to larger ones, old files away.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::scalar::ScalarValue;
use futures_util::StreamExt as _;
use longlead_stream::{Clock, READING};
use tokio::sync::oneshot;

use crate::columns::{COMMIT, QUARANTINE, conform, quarantine_schema};
use crate::committer::Command;
use crate::lake::{FlushError, Inner, TableFacts};
use crate::quarantine;
use crate::reserve;
use crate::state::State;
use crate::tables::{Bin, Tables, TablesError, newest_commit};

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long to wait after a flush that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Steps of merging that a table gets at a time.
const STEPS_MAX: usize = 32;
/// Memory of the query that reads what leaves the quarantine.
const KEYS_MEMORY: usize = 256 << 20;

/// Writes rows to files when it is due, until the lake closes or is dropped.
pub(crate) async fn flushing(inner: std::sync::Weak<Inner>) {
    let mut wait = LOOK_EVERY;
    loop {
        // Nothing of the lake is held meanwhile, so that it can be dropped.
        tokio::time::sleep(std::mem::replace(&mut wait, LOOK_EVERY)).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_closing.load(Ordering::Acquire) {
            return;
        }
        if is_flush_due(&inner)
            && let Err(error) = flush(&inner).await
        {
            tracing::error!(%error, "a flush failed; rows stay in the log");
            wait = AFTER_FAILURE;
        }
    }
}

/// Keeps tables in shape beside that, until the lake closes or is dropped.
pub(crate) async fn tidying(inner: std::sync::Weak<Inner>) {
    let mut tidied = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_closing.load(Ordering::Acquire) {
            return;
        }
        if tidied.elapsed() < inner.settings.tidy_every {
            continue;
        }
        tidied = Instant::now();
        // A disk that was full at the start may have room again.
        if let Err(error) = reserve::renew(&inner.folder) {
            tracing::warn!(%error, "no room can be set aside for the next start");
        }
        if let Err(error) = tidy(&inner).await {
            tracing::warn!(%error, "tables can't be tidied");
        }
    }
}

fn is_flush_due(inner: &Inner) -> bool {
    let (unflushed, settings) = (inner.state.unflushed(), &inner.settings);
    unflushed.rows >= settings.flush_rows
        || unflushed.bytes >= settings.flush_bytes
        || unflushed.since.is_some_and(|it| it.elapsed() >= settings.flush_age)
}

pub(crate) async fn flush(inner: &Inner) -> Result<(), FlushError> {
    let _alone = inner.changing.lock().await;
    settle(inner).await.map_err(|it| FlushError::of(&it))?;
    let (sealed, through) = inner.state.seal();
    for (name, batches) in sealed {
        let schema = inner.state.table(&name).and_then(|it| it.schema);
        let Some(schema) = schema else { continue };
        let stored = inner.tables.append(&name, &batches, &schema).await;
        inner.state.flushed(&name, stored.map_err(|it| FlushError::of(&it))?);
    }
    let (done, kept) = oneshot::channel();
    inner.queue.command(Command::Keep { through, done });
    match kept.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(FlushError::of(&error)),
        Err(error) => Err(FlushError::of(&error)),
    }
}

/// Holds what a failed flush left against the catalog: it may have failed after it was committed.
async fn settle(inner: &Inner) -> Result<(), TablesError> {
    for (name, first) in inner.state.left_over() {
        let Some(stored) = inner.tables.stored(&name).await? else { continue };
        // A commit brings all that was sealed or nothing.
        if newest_commit(inner.engine.session(), &stored).await? >= first {
            inner.state.flushed(&name, stored);
        }
    }
    Ok(())
}

pub(crate) async fn tidy(inner: &Inner) -> Result<(), FlushError> {
    let _one = inner.tidying.lock().await;
    let names = inner.tables.names().map_err(|it| FlushError::of(&it))?;
    // One table that can't be merged keeps neither the others from it nor old files from going.
    let mut told = Ok(());
    for name in &names {
        told = told.and(merge_all(inner, name).await);
        if inner.is_closing.load(Ordering::Acquire) {
            return told;
        }
    }
    let _alone = inner.changing.lock().await;
    // Whoever opens the folder next must find it alone.
    if inner.is_closing.load(Ordering::Acquire) {
        return told;
    }
    let seconds = i64::try_from(inner.settings.keep_replaced.as_secs()).unwrap_or(i64::MAX);
    inner.tables.clean(seconds).await.map_err(|it| FlushError::of(&it))?;
    // Snapshots that tables were read at may be forgotten now.
    for name in &names {
        renew(inner, name).await?;
    }
    told
}

/// Merges files of a table until there are none left, or it has had its turn.
async fn merge_all(inner: &Inner, name: &str) -> Result<(), FlushError> {
    let (mut told, mut steps) = (Ok(()), 0);
    loop {
        let bins = inner.tables.bins(name, SystemTime::now()).await;
        let mut merged = 0;
        for bin in bins.map_err(|it| FlushError::of(&it))? {
            if steps == STEPS_MAX || inner.is_closing.load(Ordering::Acquire) {
                return told;
            }
            steps += 1;
            // Files that can't be merged keep no others from it.
            match merge(inner, name, bin).await {
                Ok(is_merged) => merged += usize::from(is_merged),
                Err(error) => told = told.and(Err(error)),
            }
        }
        if merged == 0 {
            return told;
        }
    }
}

/// Merges files of a table, and tells whether it did. Rows come in and go to files of their own
/// meanwhile.
async fn merge(inner: &Inner, name: &str, bin: Bin) -> Result<bool, FlushError> {
    let needed = inner.settings.disk_free.saturating_add(bin.bytes());
    if reserve::free(&inner.folder).is_ok_and(|free| free < needed) {
        return Ok(false);
    }
    let shaping = shaping(inner, name);
    let _alone = shaping.lock().await;
    let merged = inner.tables.merge(bin, Arc::clone(&inner.is_closing)).await;
    let Some(merged) = merged.map_err(|it| FlushError::of(&it))? else { return Ok(false) };
    let _alone = inner.changing.lock().await;
    if inner.is_closing.load(Ordering::Acquire) {
        inner.tables.discard(&merged);
        return Ok(false);
    }
    let is_replaced = inner.tables.replace(merged).map_err(|it| FlushError::of(&it))?;
    renew(inner, name).await?;
    Ok(is_replaced)
}

/// Held while a table's files are merged, or rows are taken out of them.
fn shaping(inner: &Inner, name: &str) -> Arc<tokio::sync::Mutex<()>> {
    let mut shaping = inner.shaping.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(shaping.entry(name.to_owned()).or_default())
}

/// Rows from before a time: by when they were captured or, where the clock of the device tells
/// nothing of that, by when they were received.
fn is_before(at: i64) -> Expr {
    let at = lit(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())));
    let wrong = [Clock::Unset, Clock::Future].map(|it| lit(it.as_str())).to_vec();
    let wrong = ident("clock").in_list(wrong, false);
    let received = wrong.clone().and(ident("received").lt(at.clone()));
    received.or((!wrong).and(ident("captured").lt(at)))
}

async fn has_any(inner: &Inner, table: &str, filter: Expr) -> Result<bool, DataFusionError> {
    let session = inner.engine.session_of(&inner.state, &[], KEYS_MEMORY)?;
    let table = session.table(TableReference::bare(table)).await?;
    Ok(table.filter(filter)?.limit(0, Some(1))?.count().await? > 0)
}

pub(crate) async fn remove_before(
    inner: &Inner,
    stream: &str,
    time: i64,
) -> Result<u64, FlushError> {
    let is_there = stream != QUARANTINE && inner.state.table(stream).is_some();
    let filter = is_before(time);
    let any = is_there
        && has_any(inner, stream, filter.clone()).await.map_err(|it| FlushError::of(&it))?;
    if !any {
        return Ok(0);
    }
    flush(inner).await?;
    let shaping = shaping(inner, stream);
    let _alone = (shaping.lock().await, inner.changing.lock().await);
    let session = inner.engine.session();
    let removed = inner.tables.delete(session, stream, filter).await;
    let removed = removed.map_err(|it| FlushError::of(&it))?;
    renew(inner, stream).await?;
    Ok(removed)
}

/// What leaves the quarantine.
#[derive(Debug)]
pub(crate) enum Release {
    /// Readings that were judged by a version of a contract before this one.
    JudgedAnew { names: Vec<String>, version: u64, through: u64 },
    /// What was received before a time.
    Before { names: Vec<String>, received: i64 },
    /// What was received before a time under none of these names, or under no name at all.
    OthersBefore { names: Vec<String>, received: i64 },
}

impl Release {
    fn filter(self) -> Expr {
        let of = |names: Vec<String>| {
            ident("stream").in_list(names.into_iter().map(lit).collect(), false)
        };
        let before = |received: i64| {
            let at = ScalarValue::TimestampMicrosecond(Some(received), Some("UTC".into()));
            ident("received").lt(lit(at))
        };
        match self {
            Release::JudgedAnew { names, version, through } => {
                let number = |it: u64| lit(i64::try_from(it).unwrap_or(i64::MAX));
                let other = ident("contract").not_eq(number(version));
                let is_old = ident("contract").is_null().or(other);
                let is_reading = ident("format").eq(lit(READING));
                let was_there = ident(COMMIT).lt_eq(number(through));
                of(names).and(is_reading).and(is_old).and(was_there)
            }
            Release::Before { names, received } => of(names).and(before(received)),
            // A name that is null isn't in the list, and isn't outside of it either.
            Release::OthersBefore { names, received } => {
                of(names).is_not_true().and(before(received))
            }
        }
    }
}

pub(crate) async fn release(inner: &Inner, what: Release) -> Result<u64, FlushError> {
    let filter = what.filter();
    let is_there = inner.state.table(QUARANTINE).is_some();
    let any = is_there
        && has_any(inner, QUARANTINE, filter.clone()).await.map_err(|it| FlushError::of(&it))?;
    if !any {
        return Ok(0);
    }
    flush(inner).await?;
    let shaping = shaping(inner, QUARANTINE);
    let _alone = (shaping.lock().await, inner.changing.lock().await);
    let session = inner.engine.session();
    let keys = keys_of(inner, filter.clone()).await.map_err(|it| FlushError::of(&it))?;
    // First, so that whatever becomes of the rest nothing that comes again is taken for what left:
    // at worst it is kept twice.
    inner.queue.command(Command::Released { keys });
    let released = inner.tables.delete(session, QUARANTINE, filter).await;
    let released = released.map_err(|it| FlushError::of(&it))?;
    renew(inner, QUARANTINE).await?;
    Ok(released)
}

/// The keys of what leaves, so that it is taken again if it comes again.
async fn keys_of(inner: &Inner, filter: Expr) -> Result<Vec<u128>, DataFusionError> {
    let session = inner.engine.session_of(&inner.state, &[], KEYS_MEMORY)?;
    let rows = session.table(QUARANTINE).await?.filter(filter)?;
    let mut rows = rows.execute_stream().await?;
    let mut keys = Vec::new();
    while let Some(batch) = rows.next().await {
        keys.extend(quarantine::keys(&conform(&batch?, &quarantine_schema())?)?);
    }
    Ok(keys)
}

/// Lets queries see a table's newest files.
async fn renew(inner: &Inner, name: &str) -> Result<(), FlushError> {
    // Else they would see rows twice that a flush wrote which failed once it was committed.
    settle(inner).await.map_err(|it| FlushError::of(&it))?;
    let stored = inner.tables.stored(name).await.map_err(|it| FlushError::of(&it))?;
    if let Some(stored) = stored {
        inner.state.store(name, stored, None).map_err(|it| FlushError::of(&it))?;
    }
    Ok(())
}

pub(crate) fn facts(state: &Arc<State>) -> Result<Vec<TableFacts>, TablesError> {
    let mut facts = Vec::new();
    for (name, table) in state.now() {
        let (files, bytes, stored_rows) = match &table.stored {
            Some(stored) => Tables::files(&stored.provider)?,
            None => (0, 0, 0),
        };
        let in_memory: usize = table.batches().map(|it| it.num_rows()).sum();
        let columns = table.schema.iter().flat_map(|it| it.fields().iter());
        facts.push(TableFacts {
            columns: columns
                .map(|it| (it.name().clone(), crate::columns::sql_type(it.data_type())))
                .collect(),
            rows: stored_rows + in_memory as u64,
            rows_in_memory: in_memory as u64,
            files,
            bytes,
            newest_commit: table.newest,
            name,
        });
    }
    Ok(facts)
}
