//! The lake as the rest of the product sees it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use datafusion::prelude::SessionContext;
use longlead_stream::{Judged, Receipt, Refusal};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::background::{self, Release};
use crate::columns::Incoming;
use crate::committer::{Command, Queue, Request};
use crate::fault::QueryError;
use crate::functions;
use crate::open::{self, OpenError, Recovery};
use crate::outside::OutsideTable;
use crate::quarantine::Entry;
use crate::query::{Described, Engine, Limits, ask, describe};
use crate::settings::Settings;
use crate::state::State;
use crate::tables::{Tables, TablesError};

/// Rows of all streams: durable, each once, open to SQL. Clones are the same lake.
#[derive(Clone, Debug)]
pub struct Lake {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) folder: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) queue: Arc<Queue>,
    pub(crate) state: Arc<State>,
    pub(crate) tables: Tables,
    pub(crate) engine: Engine,
    pub(crate) runtime: Handle,
    /// Only one changes the catalog at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Only one merges files and deletes those that nobody names.
    pub(crate) tidying: tokio::sync::Mutex<()>,
    /// Only one merges a table's files, or takes rows out of them; others add rows meanwhile.
    pub(crate) shaping: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    pub(crate) is_closing: Arc<AtomicBool>,
    pub(crate) owned: Mutex<Owned>,
}

/// What ends with the lake.
#[derive(Debug, Default)]
pub(crate) struct Owned {
    pub(crate) runtime: Option<Runtime>,
    pub(crate) committer: Option<thread::JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        let owned = std::mem::take(&mut *self.owned.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(runtime) = owned.runtime {
            // A runtime mustn't be waited for where another may run this.
            runtime.shutdown_background();
        }
    }
}

/// Why rows couldn't be written to files. They are safe in the log, and it is tried again.
#[derive(Debug, thiserror::Error)]
#[error("rows can't be written to tables: {problem}")]
pub struct FlushError {
    problem: String,
}

impl FlushError {
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> FlushError {
        let mut problem = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            problem = format!("{problem}: {error}");
            source = error.source();
        }
        FlushError { problem }
    }
}

/// What there is of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// Its name: a stream's, or `quarantine`.
    pub name: String,
    /// Names and SQL types of its columns.
    pub columns: Vec<(String, String)>,
    /// Rows in files and in memory.
    pub rows: u64,
    /// Those of them that are in memory and the log only.
    pub rows_in_memory: u64,
    /// Parquet files, and their bytes.
    pub files: u64,
    /// Bytes of its Parquet files.
    pub bytes: u64,
    /// The newest commit that brought a row since the lake was opened, or that is in files.
    pub newest_commit: u64,
}

impl Lake {
    /// Opens the lake of a folder, or makes one, and tells what was found in its log.
    ///
    /// The folder holds `log/` (the durable log), `catalog.sqlite` and `data/` (the DuckLake
    /// tables), and `spill/` (what queries put aside).
    pub async fn open(folder: &Path, settings: Settings) -> Result<(Lake, Recovery), OpenError> {
        open::open(folder, settings).await
    }

    /// Takes judged readings. The receipt comes once all of them are on stable storage; whatever
    /// else comes, nothing of them is kept, or nobody knows, and they are to be sent again.
    pub async fn accept(&self, judged: Judged) -> Result<Receipt, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.put(judged, answer)?;
        answered.await.unwrap_or(Err(Refusal::Closing))
    }

    fn put(
        &self,
        judged: Judged,
        answer: oneshot::Sender<Result<Receipt, Refusal>>,
    ) -> Result<(), Refusal> {
        let inner = &self.inner;
        if inner.is_closing.load(Ordering::Acquire) {
            return Err(Refusal::Closing);
        }
        let count = judged.row_count() + judged.quarantined.len();
        let quarantined: usize = judged.quarantined.iter().map(|it| it.payload.len() + 256).sum();
        if count > inner.settings.payload_rows || quarantined > inner.settings.queue_bytes {
            return Err(Refusal::TooLarge);
        }
        if inner.state.bytes() > inner.settings.memory_bytes {
            return Err(Refusal::Busy { retry_after_seconds: 2 });
        }
        let mut rows = Vec::with_capacity(judged.rows.len());
        for of_stream in judged.rows {
            rows.push(Incoming::of(of_stream).map_err(|error| {
                tracing::error!(%error, "rows aren't as their contract says");
                Refusal::Busy { retry_after_seconds: 60 }
            })?);
        }
        let bytes = rows.iter().map(|it| it.batch.get_array_memory_size()).sum::<usize>();
        let bytes = bytes + quarantined;
        let quarantined = judged.quarantined.into_iter().map(Entry::from).collect();
        let request = Request { rows, quarantined, count, bytes, answer };
        inner.queue.push(request)
    }

    /// Asks in SQL: all that is acknowledged is seen, each row once. `outside` are tables that
    /// this query may join beside the streams. Only reading is allowed.
    ///
    /// Beside DataFusion's functions there are `time_bucket`, `first`, `last`, `increase` and
    /// `rate`.
    pub async fn query(
        &self,
        sql: &str,
        limits: Limits,
        outside: &[Arc<OutsideTable>],
    ) -> Result<Answer, QueryError> {
        self.query_with(sql, Vec::new(), limits, outside).await
    }

    /// Asks in SQL with `$1`, `$2` … for these values, as texts: each becomes of the type that its
    /// place in the query asks for.
    pub async fn query_with(
        &self,
        sql: &str,
        parameters: Vec<Option<String>>,
        limits: Limits,
        outside: &[Arc<OutsideTable>],
    ) -> Result<Answer, QueryError> {
        let session = self.session_of(outside, limits)?;
        let sql = sql.to_owned();
        let room = self.inner.engine.room();
        let asked = async move { ask(session, &sql, parameters, limits, room).await };
        let asked = self.inner.runtime.spawn(asked).await;
        asked.map_err(|error| QueryError::Failed(error.to_string()))?
    }

    /// What a query would give, without running it: its columns, and the kinds of `$1`, `$2` ….
    pub async fn describe(
        &self,
        sql: &str,
        limits: Limits,
        outside: &[Arc<OutsideTable>],
    ) -> Result<Described, QueryError> {
        let session = self.session_of(outside, limits)?;
        let sql = sql.to_owned();
        let described = self.inner.runtime.spawn(async move { describe(&session, &sql).await });
        described.await.map_err(|error| QueryError::Failed(error.to_string()))?
    }

    fn session_of(
        &self,
        outside: &[Arc<OutsideTable>],
        limits: Limits,
    ) -> Result<SessionContext, QueryError> {
        let session = self.inner.engine.session_of(&self.inner.state, outside, limits.memory);
        session.map_err(|error| QueryError::Failed(error.to_string()))
    }

    /// Names of the functions that queries may use.
    pub fn functions(&self) -> Vec<String> {
        functions::names(self.inner.engine.session())
    }

    /// What there is, by name of table.
    pub async fn tables(&self) -> Result<Vec<TableFacts>, QueryError> {
        let state = Arc::clone(&self.inner.state);
        let told = self.inner.runtime.spawn_blocking(move || background::facts(&state));
        let failed = |error: &dyn std::fmt::Display| QueryError::Failed(error.to_string());
        told.await.map_err(|it| failed(&it))?.map_err(|it: TablesError| failed(&it))
    }

    /// The newest commit that is durable.
    pub fn newest_commit(&self) -> u64 {
        self.inner.state.last()
    }

    /// Writes all rows that are in memory to files, and trims the log.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let inner = Arc::clone(&self.inner);
        let flushed = self.inner.runtime.spawn(async move { background::flush(&inner).await });
        flushed.await.map_err(|error| FlushError::of(&error))?
    }

    /// Merges small files and deletes files that no query can read any more.
    pub async fn tidy(&self) -> Result<(), FlushError> {
        let inner = Arc::clone(&self.inner);
        let tidied = self.inner.runtime.spawn(async move { background::tidy(&inner).await });
        tidied.await.map_err(|error| FlushError::of(&error))?
    }

    /// Removes a stream's rows that were captured before a time, in microseconds since 1970, and
    /// tells how many there were: what its contract's retention asks for. Where the clock of the
    /// device was wrong, the time of receipt counts.
    pub async fn remove_before(&self, stream: &str, time: i64) -> Result<u64, FlushError> {
        let (inner, stream) = (Arc::clone(&self.inner), stream.to_owned());
        let removed = self
            .inner
            .runtime
            .spawn(async move { background::remove_before(&inner, &stream, time).await });
        removed.await.map_err(|error| FlushError::of(&error))?
    }

    /// Removes readings from quarantine that were sent under one of these names of a stream, and
    /// were judged before `version` of its contract was there, if they became durable with commit
    /// `through` or before it; tells how many there were. For readings that have been judged anew
    /// and are kept again, as rows or in quarantine.
    pub async fn release(
        &self,
        names: &[String],
        version: u64,
        through: u64,
    ) -> Result<u64, FlushError> {
        let (inner, names) = (Arc::clone(&self.inner), names.to_vec());
        let released = self.inner.runtime.spawn(async move {
            background::release(&inner, Release::JudgedAnew { names, version, through }).await
        });
        released.await.map_err(|error| FlushError::of(&error))?
    }

    /// Removes from quarantine what was sent under one of these names of a stream and received
    /// before a time, in microseconds since 1970: what the retention of a contract asks for.
    pub async fn release_before(&self, names: &[String], received: i64) -> Result<u64, FlushError> {
        let (inner, names) = (Arc::clone(&self.inner), names.to_vec());
        let released = self.inner.runtime.spawn(async move {
            background::release(&inner, Release::Before { names, received }).await
        });
        released.await.map_err(|error| FlushError::of(&error))?
    }

    /// Removes from quarantine what was received before a time, in microseconds since 1970, and was
    /// sent under none of these names: what belongs to no contract.
    pub async fn release_others_before(
        &self,
        names: &[String],
        received: i64,
    ) -> Result<u64, FlushError> {
        let (inner, names) = (Arc::clone(&self.inner), names.to_vec());
        let released = self.inner.runtime.spawn(async move {
            background::release(&inner, Release::OthersBefore { names, received }).await
        });
        released.await.map_err(|error| FlushError::of(&error))?
    }

    /// Whether the log failed, so that nothing is taken until the lake is opened anew.
    pub async fn has_failed(&self) -> bool {
        let (done, told) = oneshot::channel();
        self.inner.queue.command(Command::Has { done });
        told.await.is_ok_and(|(_, _, has_failed)| has_failed)
    }

    /// Takes nothing more, writes what waits, and flushes. Queries go on until the last clone is
    /// dropped.
    pub async fn close(&self) -> Result<(), FlushError> {
        self.inner.is_closing.store(true, Ordering::Release);
        // What is merged stops soon, and is forgotten.
        drop(self.inner.tidying.lock().await);
        let flushed = self.flush().await;
        self.inner.queue.close();
        let committer = {
            let mut owned = self.inner.owned.lock().unwrap_or_else(PoisonError::into_inner);
            owned.committer.take()
        };
        if let Some(committer) = committer {
            let joined = self.inner.runtime.spawn_blocking(move || committer.join());
            if !matches!(joined.await, Ok(Ok(()))) {
                tracing::error!("the thread that writes the log ended badly");
            }
        }
        flushed
    }
}
