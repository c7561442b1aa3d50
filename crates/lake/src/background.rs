//! What goes on behind: rows to files, small files to larger ones, old files away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::columns::QUARANTINE;
use crate::committer::Command;
use crate::lake::{FlushError, Inner, TableFacts};
use crate::reserve;
use crate::state::State;
use crate::tables::{Tables, TablesError, newest_commit};

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long to wait after a flush that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Runs until the lake closes or is dropped.
pub(crate) async fn run(inner: std::sync::Weak<Inner>) {
    let mut tidied = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_closing.load(Ordering::Acquire) {
            return;
        }
        if is_flush_due(&inner) {
            if let Err(error) = flush(&inner).await {
                tracing::error!(%error, "a flush failed; rows stay in the log");
                drop(inner);
                tokio::time::sleep(AFTER_FAILURE).await;
            }
            continue;
        }
        // Merging gives way to what comes in.
        if tidied.elapsed() >= inner.settings.tidy_every && inner.queue.is_idle() {
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
    let _alone = inner.changing.lock().await;
    let session = inner.engine.session();
    let names = inner.tables.names().map_err(|it| FlushError::of(&it))?;
    for name in &names {
        let merged = inner.tables.merge(session, name).await;
        if merged.map_err(|it| FlushError::of(&it))? > 0 {
            renew(inner, name).await?;
        }
    }
    let seconds = i64::try_from(inner.settings.keep_replaced.as_secs()).unwrap_or(i64::MAX);
    inner.tables.clean(seconds).await.map_err(|it| FlushError::of(&it))?;
    // Snapshots that tables were read at may be forgotten now.
    for name in &names {
        renew(inner, name).await?;
    }
    Ok(())
}

pub(crate) async fn remove_before(
    inner: &Inner,
    stream: &str,
    captured: i64,
) -> Result<u64, FlushError> {
    flush(inner).await?;
    let _alone = inner.changing.lock().await;
    if stream == QUARANTINE || inner.state.table(stream).is_none_or(|it| it.stored.is_none()) {
        return Ok(0);
    }
    let session = inner.engine.session();
    let removed = inner.tables.delete_before(session, stream, captured).await;
    let removed = removed.map_err(|it| FlushError::of(&it))?;
    renew(inner, stream).await?;
    Ok(removed)
}

/// Lets queries see a table's newest files.
async fn renew(inner: &Inner, name: &str) -> Result<(), FlushError> {
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
