//! Opening a lake: what tables hold, what the log holds beyond, and which rows are known.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::error::ArrowError;
use datafusion::logical_expr::ident;
use futures_util::StreamExt;
use tokio::runtime::{Builder, Handle};

use crate::background;
use crate::columns::{COMMIT, QUARANTINE, conform, plain, quarantine_schema, with_commit};
use crate::committer::{Committer, IDENTITIES, Queue, flushed};
use crate::disk::{Disk, Folder};
use crate::identity::Identities;
use crate::lake::{Inner, Lake, Owned};
use crate::late;
use crate::log::{Found, LogError};
use crate::payload::GroupEncoder;
use crate::quarantine::{self, Held, KNOWN_MAX};
use crate::query::Engine;
use crate::replay::{Replayed, learn, replay};
use crate::reserve;
use crate::settings::Settings;
use crate::state::State;
use crate::tables::{Tables, newest_commit};

/// Memory of queries that opening needs.
const MEMORY: usize = 512 << 20;

/// What was found when the lake was opened, and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments of the log that were read, and their bytes.
    pub segments: u64,
    /// Bytes of those segments.
    pub bytes: u64,
    /// Groups in them.
    pub groups: u64,
    /// Rows that were in the log only, and are to be asked again.
    pub rows: u64,
    /// Rows of the log that were in files already.
    pub rows_in_files: u64,
    /// Bytes cut from the end of the log: of a group for which nobody was answered.
    pub bytes_truncated: u64,
    /// Why they were cut, and where.
    pub torn: Option<String>,
    /// First and last number of groups that should be in the log and aren't: a segment is gone.
    pub missing: Vec<(u64, u64)>,
    /// Whether identities had to be read from all tables, since what was kept of them was gone,
    /// damaged or too old.
    pub identities_rebuilt: bool,
    /// How long it took.
    pub milliseconds: u64,
}

/// Why a lake can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be made or read.
    #[error("{path} can't be used")]
    Folder {
        /// The folder or file.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("{path} is open in another process")]
    InUse {
        /// The lock file.
        path: String,
    },
    /// Something that was acknowledged can't be read any more. Nothing was changed.
    #[error(
        "the log is damaged: {segment}, byte {offset}, at group {group}: {problem}. Restore the \
         file from a copy. Without one, move it out of the folder: rows from group {group} to its \
         end are lost then, unless they are in tables or devices send them again"
    )]
    Damaged {
        /// The segment's file.
        segment: String,
        /// Where in it.
        offset: u64,
        /// The group that should stand there.
        group: u64,
        /// What is wrong.
        problem: String,
    },
    /// The log can't be read for another reason.
    #[error("the log can't be read: {problem}")]
    Log {
        /// What is wrong.
        problem: String,
    },
    /// The tables can't be read.
    #[error("the tables can't be read: {problem}")]
    Tables {
        /// What is wrong.
        problem: String,
    },
}

fn tables(error: impl std::error::Error + 'static) -> OpenError {
    OpenError::Tables { problem: crate::lake::FlushError::of(&error).to_string() }
}

pub(crate) async fn open(folder: &Path, settings: Settings) -> Result<(Lake, Recovery), OpenError> {
    let began = Instant::now();
    let lock = lock(folder)?;
    let folder = folder.canonicalize().map_err(|source| unusable(folder, source))?;
    match reserve::release(&folder) {
        Ok(true) => tracing::warn!(folder = %folder.display(), "the disk of the lake is full"),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "no room can be made for the lake to open"),
    }
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = settings.threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().thread_name("lake").thread_stack_size(STACK_BYTES).build();
    let runtime = runtime.map_err(|source| unusable(&folder, source))?;
    let handle = runtime.handle().clone();
    let within = handle.clone();
    let opened =
        handle.spawn(async move { open_within(&folder, settings, within, lock).await }).await;
    match opened {
        Ok(Ok((inner, mut recovery))) => {
            let mut owned = inner.owned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            owned.runtime = Some(runtime);
            drop(owned);
            handle.spawn(background::flushing(Arc::downgrade(&inner)));
            handle.spawn(background::tidying(Arc::downgrade(&inner)));
            let spent = began.elapsed().as_millis();
            recovery.milliseconds = u64::try_from(spent).unwrap_or(u64::MAX);
            Ok((Lake { inner }, recovery))
        }
        Ok(Err(error)) => {
            runtime.shutdown_background();
            Err(error)
        }
        Err(error) => {
            runtime.shutdown_background();
            Err(tables(error))
        }
    }
}

/// Takes the folder for this process.
fn lock(folder: &Path) -> Result<File, OpenError> {
    std::fs::create_dir_all(folder).map_err(|source| unusable(folder, source))?;
    let path = folder.join("lock");
    let lock = File::create(&path).map_err(|source| unusable(&path, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(OpenError::InUse { path: path.display().to_string() })
        }
        Err(std::fs::TryLockError::Error(source)) => Err(unusable(&path, source)),
    }
}

fn unusable(path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Folder { path: path.display().to_string(), source }
}

async fn open_within(
    folder: &Path,
    settings: Settings,
    runtime: Handle,
    lock: File,
) -> Result<(Arc<Inner>, Recovery), OpenError> {
    let log_folder = folder.join("log");
    let disk = Folder::open(log_folder.clone()).map_err(|it| unusable(&log_folder, it))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let stored = Tables::open(folder).await.map_err(tables)?;
    let engine = Engine::new(folder, Arc::clone(&stored.store)).map_err(tables)?;
    let state = Arc::new(State::default());
    let in_files = load_tables(&stored, &engine, &state).await?;
    let flushed = flushed(&*disk);
    let newest = in_files.values().copied().max().unwrap_or(0).max(flushed);
    let mut replayed = Replayed::new();
    let opened = replay(&disk, settings.segment_bytes, newest, &mut replayed);
    let (log, found) = opened.map_err(unreadable)?;
    let mut recovery = recovery_of(&found);
    let kept = disk.read(IDENTITIES).ok().and_then(|it| Identities::from_bytes(&it).ok());
    let first = found.last.map(|last| last + 1 - found.groups);
    // Rows that are gone from the log must be taken when they are sent again.
    let is_whole = found.missing.is_empty() && first.is_none_or(|it| it <= newest + 1);
    let reaches = |through: u64| {
        let includes_tables = through >= newest || first.is_some_and(|it| it <= through + 1);
        includes_tables && is_whole && found.last.unwrap_or(0).max(newest) >= through
    };
    let (mut identities, through) = match kept.filter(|(_, through)| reaches(*through)) {
        Some(kept) => kept,
        None => {
            recovery.identities_rebuilt = !in_files.is_empty();
            (rebuild(&engine, &state, &in_files).await.map_err(tables)?, 0)
        }
    };
    for (group, table, batch) in replayed {
        let is_in_files = group <= in_files.get(&table).copied().unwrap_or(0).max(flushed);
        if table != QUARANTINE && (!is_in_files || group > through) {
            learn(&mut identities, &table, &batch, group).map_err(tables)?;
        }
        let rows = batch.num_rows() as u64;
        if is_in_files {
            recovery.rows_in_files += rows;
            continue;
        }
        recovery.rows += rows;
        let batch = with_commit(&batch, group).map_err(tables)?;
        state.append(group, vec![(table, batch)]).map_err(tables)?;
    }
    state.begin_after(log.next() - 1);
    // What isn't known may be kept a second time, which costs room and nothing else.
    let held = held(&engine, &state).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "it can't be read what is in quarantine: what comes again may be kept again");
        Held::default()
    });
    let queue = Arc::new(Queue::new(settings.queue_rows, settings.queue_bytes));
    let committer = Committer {
        queue: Arc::clone(&queue),
        disk,
        log,
        encoder: GroupEncoder::default(),
        identities,
        held,
        state: Arc::clone(&state),
        loader: late::loader(engine.clone(), Arc::clone(&state)),
        runtime: runtime.clone(),
        free_min: settings.disk_free,
        identities_max: settings.identities_bytes,
        lock,
    };
    let committer = start(committer)?;
    if let Err(error) = reserve::renew(folder) {
        tracing::warn!(%error, "no room can be set aside for the next start");
    }
    let inner = Inner {
        folder: folder.to_owned(),
        settings,
        queue,
        state,
        tables: stored,
        engine,
        runtime,
        changing: tokio::sync::Mutex::new(()),
        tidying: tokio::sync::Mutex::new(()),
        shaping: Mutex::default(),
        is_closing: Arc::default(),
        owned: Mutex::new(Owned { runtime: None, committer: Some(committer) }),
    };
    Ok((Arc::new(inner), recovery))
}

fn unreadable(error: LogError<ArrowError>) -> OpenError {
    match error {
        LogError::Damaged { segment, offset, group, what } => {
            OpenError::Damaged { segment, offset, group, problem: what }
        }
        LogError::Unreadable { what, source } => {
            OpenError::Log { problem: format!("{what}: {source}") }
        }
        LogError::Refused(error) => OpenError::Log { problem: error.to_string() },
    }
}

fn recovery_of(found: &Found) -> Recovery {
    Recovery {
        segments: found.segments,
        bytes: found.bytes,
        groups: found.groups,
        bytes_truncated: found.truncated,
        torn: found.torn.clone(),
        missing: found.missing.clone(),
        ..Recovery::default()
    }
}

/// Takes up the tables of the catalog, and tells for each the newest commit in its files.
async fn load_tables(
    stored: &Tables,
    engine: &Engine,
    state: &State,
) -> Result<BTreeMap<String, u64>, OpenError> {
    let names = stored.names().map_err(tables)?;
    let mut newest = BTreeMap::new();
    for name in names {
        if let Some(table) = stored.stored(&name).await.map_err(tables)? {
            let commit = newest_commit(engine.session(), &table).await.map_err(tables)?;
            state.store(&name, table, Some(commit)).map_err(tables)?;
            newest.insert(name, commit);
        }
    }
    Ok(newest)
}

/// What is known for good, from the tables themselves.
async fn rebuild(
    engine: &Engine,
    state: &State,
    in_files: &BTreeMap<String, u64>,
) -> Result<Identities, datafusion::error::DataFusionError> {
    let mut identities = Identities::default();
    let session = engine.session_of(state, &[], MEMORY)?;
    for name in in_files.keys().filter(|it| *it != QUARANTINE) {
        let Some(schema) = state.table(name).and_then(|it| it.schema) else { continue };
        let own = plain(&schema, COMMIT);
        let frame = session.table(datafusion::common::TableReference::bare(name.as_str())).await?;
        let mut rows = frame.execute_stream().await?;
        while let Some(batch) = rows.next().await {
            learn(&mut identities, name, &conform(&batch?, &own)?, 0)?;
            // What each row says can be read again when it is asked for.
            identities.evict(0, 0);
        }
    }
    Ok(identities)
}

/// Stack of a thread. Plans of questions are trees that are walked, and theirs may be deep.
const STACK_BYTES: usize = 16 << 20;

/// What is in quarantine, the newest of it.
async fn held(engine: &Engine, state: &State) -> Result<Held, datafusion::error::DataFusionError> {
    let mut held = Held::default();
    if state.table(QUARANTINE).is_none() {
        return Ok(held);
    }
    let session = engine.session_of(state, &[], MEMORY)?;
    let frame = session.table(QUARANTINE).await?;
    let newest = ident(COMMIT).sort(false, false);
    let mut rows = frame.sort(vec![newest])?.limit(0, Some(KNOWN_MAX))?.execute_stream().await?;
    let mut keys = Vec::new();
    while let Some(batch) = rows.next().await {
        keys.extend(quarantine::keys(&conform(&batch?, &quarantine_schema())?)?);
    }
    held.add(keys.into_iter().rev());
    Ok(held)
}

fn start(committer: Committer) -> Result<std::thread::JoinHandle<()>, OpenError> {
    let thread = std::thread::Builder::new().name("lake-log".to_owned());
    let started = thread.spawn(move || committer.run());
    started.map_err(|it| OpenError::Log { problem: it.to_string() })
}
