//! Opening a lake: what the log holds, and which rows are known.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::error::ArrowError;

use crate::columns::{QUARANTINE, with_commit};
use crate::committer::{Committer, IDENTITIES, Queue};
use crate::disk::{Disk, Folder};
use crate::identity::Identities;
use crate::lake::Inner;
use crate::late;
use crate::log::{Found, LogError};
use crate::payload::GroupEncoder;
use crate::replay::{Replayed, learn, replay};
use crate::settings::Settings;
use crate::state::State;

/// What was found when the lake was opened, and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments of the log that were read, and their bytes.
    pub segments: u64,
    /// Bytes of those segments.
    pub bytes: u64,
    /// Groups in them.
    pub groups: u64,
    /// Rows in them, with what is in quarantine.
    pub rows: u64,
    /// Bytes cut from the end of the log: of a group for which nobody was answered.
    pub bytes_truncated: u64,
    /// Why they were cut, and where.
    pub torn: Option<String>,
    /// First and last number of groups that should be in the log and aren't: a segment is gone.
    pub missing: Vec<(u64, u64)>,
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
         end are lost then, unless devices send them again"
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
}

pub(crate) async fn open(
    folder: &Path,
    settings: Settings,
) -> Result<(Inner, Recovery), OpenError> {
    let began = Instant::now();
    let lock = lock(folder)?;
    let log_folder = folder.join("log");
    let disk = Folder::open(log_folder.clone()).map_err(|it| unusable(&log_folder, it))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let mut replayed = Replayed::new();
    let (log, found) =
        replay(&disk, settings.segment_bytes, 0, &mut replayed).map_err(unreadable)?;
    let mut recovery = recovery_of(&found);
    let unfit = |error: ArrowError| OpenError::Log { problem: error.to_string() };
    let mut identities = kept(&*disk, &found).unwrap_or_default();
    let state = Arc::new(State::default());
    for (group, table, batch) in replayed {
        if table != QUARANTINE {
            learn(&mut identities, &table, &batch, group).map_err(unfit)?;
        }
        recovery.rows += batch.num_rows() as u64;
        let batch = with_commit(&batch, group).map_err(unfit)?;
        state.append(group, vec![(table, batch)]).map_err(unfit)?;
    }
    let queue = Arc::new(Queue::new(settings.queue_rows, settings.queue_bytes));
    let committer = start(Committer {
        queue: Arc::clone(&queue),
        disk,
        log,
        encoder: GroupEncoder::default(),
        identities,
        loader: late::loader(Arc::clone(&state)),
        state: Arc::clone(&state),
        runtime: tokio::runtime::Handle::current(),
        free_min: settings.disk_free,
        lock,
    })?;
    recovery.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((Inner { settings, queue, state, committer: Mutex::new(Some(committer)) }, recovery))
}

/// Identities as they were kept, unless the log has lost groups that they include: rows that are
/// gone must be taken when they are sent again.
fn kept(disk: &dyn Disk, found: &Found) -> Option<Identities> {
    let (identities, through) = Identities::from_bytes(&disk.read(IDENTITIES).ok()?).ok()?;
    let is_whole = found.missing.is_empty() && found.last.unwrap_or(0) >= through;
    is_whole.then_some(identities)
}

fn start(committer: Committer) -> Result<std::thread::JoinHandle<()>, OpenError> {
    let thread = std::thread::Builder::new().name("lake-log".to_owned());
    let started = thread.spawn(move || committer.run());
    started.map_err(|it| OpenError::Log { problem: it.to_string() })
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
