//! What outlives the server: sessions, waiting messages and retained ones, in a log of changes.
//!
//! It is a map from keys to JSON. `s/{session}` is a session, `q/{session}\n{number}` a message that
//! waits for it, `w/{session}\n{number}` a will of its client, `k/{number}` a
//! command, `r/{topic}` a retained message. A line of the file is one set of changes that holds
//! as a whole, after its checksum. Sets that come while others are written are written together, and
//! whoever waits is told once they are on stable storage. Once the file is mostly of the past, it is
//! written anew.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// Why what was kept can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be opened, read or written.
    #[error("the sessions of the MQTT door in {file:?} can't be opened")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line in the middle isn't what was written.
    #[error(
        "line {line} of {file:?} is damaged; restore the file from a backup, or move it away to \
             start without sessions"
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Its line.
        line: usize,
    },
    /// An entry isn't what was written.
    #[error("the entry {key:?} of the MQTT door's sessions can't be read")]
    Entry {
        /// The entry.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A key, with its new value or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) key: String,
    pub(super) value: Option<String>,
}

/// Tells when changes are on stable storage. An error means that they aren't, and never will be.
pub(super) type Kept = oneshot::Receiver<()>;

#[derive(Debug)]
struct Write {
    changes: Vec<Change>,
    done: oneshot::Sender<()>,
}

/// The way to the file.
#[derive(Clone, Debug)]
pub(super) struct Store {
    writes: Option<mpsc::Sender<Write>>,
}

/// How many waiting sets are written together.
const GROUP_MAX: usize = 1000;

/// From so many bytes on, a file of which less than a quarter holds still is written anew.
const REWRITE_BYTES: u64 = 16 << 20;

impl Store {
    /// Keeps nothing.
    pub(super) fn forgetful() -> Store {
        Store { writes: None }
    }

    /// Opens a file, or makes it, and gives what is in it, in the order of keys.
    pub(super) fn open(file: &Path) -> Result<(Store, Vec<(String, String)>), StoreError> {
        let failed = |source| StoreError::File { file: file.to_owned(), source };
        let entries = match fs::read(file) {
            Ok(bytes) => read(file, &bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(failed(error)),
        };
        let kept = entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let log = Log::start_or_go_on(file.to_owned(), entries).map_err(failed)?;
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name("mqtt-sessions".to_owned());
        thread.spawn(move || serve(log, &receiver)).map_err(failed)?;
        Ok((Store { writes: Some(sender) }, kept))
    }

    /// Whether anything outlives the server.
    pub(super) fn keeps(&self) -> bool {
        self.writes.is_some()
    }

    /// Keeps changes. `None`: there is nothing to wait for.
    pub(super) fn keep(&self, changes: Vec<Change>) -> Option<Kept> {
        let writes = self.writes.as_ref().filter(|_| !changes.is_empty())?;
        let (done, kept) = oneshot::channel();
        // Where the writer has ended, `done` is dropped with the write, and who waits is told so.
        let _sent = writes.send(Write { changes, done });
        Some(kept)
    }
}

/// Folds the lines of a file. A last line that breaks off was never acknowledged.
fn read(file: &Path, bytes: &[u8]) -> Result<BTreeMap<String, String>, StoreError> {
    let mut entries = BTreeMap::new();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        match changes(line) {
            Some(changes) => changes.into_iter().for_each(|change| fold(&mut entries, change)),
            None if lines.peek().is_none() => {
                tracing::warn!(?file, bytes = line.len(), "a torn last line is left out");
            }
            None => return Err(StoreError::Damaged { file: file.to_owned(), line: number + 1 }),
        }
    }
    Ok(entries)
}

fn fold(entries: &mut BTreeMap<String, String>, change: Change) {
    match change.value {
        Some(value) => entries.insert(change.key, value),
        None => entries.remove(&change.key),
    };
}

/// The changes of a line, if it is whole.
fn changes(line: &[u8]) -> Option<Vec<Change>> {
    let (sum, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let told = u32::from_str_radix(std::str::from_utf8(sum.strip_suffix(b" ")?).ok()?, 16).ok()?;
    (told == checksum(json)).then(|| serde_json::from_slice(json).ok()).flatten()
}

fn line(changes: &[Change]) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(changes)?;
    let mut line = format!("{:08x} ", checksum(&json)).into_bytes();
    line.extend(json);
    line.push(b'\n');
    Ok(line)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// The file while it is written.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    entries: BTreeMap<String, String>,
    bytes: u64,
}

impl Log {
    /// Writes a file with what holds, or goes on with the one that is there if the disk is full.
    fn start_or_go_on(path: PathBuf, entries: BTreeMap<String, String>) -> io::Result<Log> {
        let started = match Log::start(&path, &entries) {
            Err(error) if is_full(&error) && path.exists() => Log::go_on(&path),
            started => started,
        };
        let (file, bytes) = started?;
        Ok(Log { path, file, entries, bytes })
    }

    /// Goes on with a file that is there, without its torn last line.
    fn go_on(path: &Path) -> io::Result<(File, u64)> {
        let there = fs::read(path)?;
        let lines = there.split_inclusive(|byte| *byte == b'\n');
        let whole = lines.take_while(|line| changes(line).is_some());
        let bytes = whole.map(<[u8]>::len).sum::<usize>() as u64;
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()?;
        Ok((file, bytes))
    }

    /// Writes a file with what holds.
    fn start(path: &Path, entries: &BTreeMap<String, String>) -> io::Result<(File, u64)> {
        let fresh = path.with_extension("new");
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&fresh)?;
        let mut written = || -> io::Result<u64> {
            let mut bytes = 0;
            for (key, value) in entries {
                let change = Change { key: key.clone(), value: Some(value.clone()) };
                let line = line(&[change])?;
                file.write_all(&line)?;
                bytes += line.len() as u64;
            }
            file.sync_all()?;
            Ok(bytes)
        };
        let bytes = written().inspect_err(|_| {
            // Where the disk is full, it is room that others need.
            let _ = fs::remove_file(&fresh);
        })?;
        fs::rename(&fresh, path)?;
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok((file, bytes))
    }

    fn write(&mut self, group: &[Write]) -> io::Result<()> {
        let mut lines = Vec::new();
        for write in group {
            lines.extend(line(&write.changes)?);
        }
        let written = self.file.write_all(&lines).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // As if it hadn't been tried; what comes next finds whole lines before it. Some disks
            // say only when they are asked to keep what was written that they are full.
            self.file.set_len(self.bytes)?;
            self.file.seek(io::SeekFrom::Start(self.bytes))?;
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        for change in group.iter().flat_map(|write| &write.changes) {
            fold(&mut self.entries, change.clone());
        }
        Ok(())
    }

    /// Writes the file anew, if it is mostly of the past.
    fn tidied(self) -> io::Result<Log> {
        let live: usize =
            self.entries.iter().map(|(key, value)| key.len() + value.len() + 64).sum();
        if self.bytes < REWRITE_BYTES || self.bytes < 4 * live as u64 {
            return Ok(self);
        }
        Log::start_or_go_on(self.path, self.entries)
    }
}

/// Writes what waits, until the door closes or a write fails: then nothing can be trusted any more,
/// and nothing is acknowledged. A full disk is no such failure: who waits is told, and later changes
/// are kept once there is room.
fn serve(mut log: Log, receiver: &mpsc::Receiver<Write>) {
    while let Ok(first) = receiver.recv() {
        let mut group = vec![first];
        group.extend(receiver.try_iter().take(GROUP_MAX));
        match log.write(&group) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, "the disk that holds the sessions of MQTT is full");
                continue;
            }
            Err(error) => return failed(&error),
        }
        for write in group.drain(..) {
            // Who doesn't wait for it has dropped its end.
            let _told = write.done.send(());
        }
        log = match log.tidied() {
            Ok(log) => log,
            Err(error) => return failed(&error),
        };
    }
}

fn failed(error: &io::Error) {
    tracing::error!(%error, "the sessions of the MQTT door can't be written");
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{Change, Log, Store, StoreError, line};

    fn put(key: &str, value: &str) -> Change {
        Change { key: key.to_owned(), value: Some(value.to_owned()) }
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_there_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sessions");
        let (store, kept) = Store::open(&file).expect("the file is made");
        assert_eq!(kept, []);
        for number in 0..100 {
            let gone = Change { key: format!("{}", number - 1), value: None };
            let kept = store.keep(vec![put(&number.to_string(), "x\ny"), gone]);
            kept.expect("there is something to keep").await.expect("it is kept");
        }
        drop(store);
        let (_store, kept) = Store::open(&file).expect("the file is read");
        assert_eq!(kept, [("99".to_owned(), "x\ny".to_owned())]);
    }

    #[test]
    fn without_room_for_a_new_file_the_old_one_is_gone_on_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sessions");
        let whole = line(&[put("a", "1")]).expect("JSON");
        let torn = line(&[put("b", "2")]).expect("JSON");
        for end in 0..torn.len() {
            std::fs::write(&file, [&whole[..], &torn[..end]].concat()).expect("it is written");
            let (mut log, bytes) = Log::go_on(&file).expect("it is there");
            assert_eq!(bytes, whole.len() as u64, "{end}");
            log.write_all(&torn).expect("there is room");
            let entries = super::read(&file, &std::fs::read(&file).expect("it is there"));
            assert_eq!(entries.expect("every line is whole").len(), 2, "{end}");
        }
    }

    #[test]
    fn a_torn_end_is_left_out_and_damage_in_the_middle_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sessions");
        let whole = [line(&[put("a", "1")]).expect("JSON"), line(&[put("b", "2")]).expect("JSON")];
        let first = whole[0].len();
        let whole = whole.concat();
        for end in first..whole.len() {
            std::fs::write(&file, &whole[..end]).expect("the file is written");
            let (_store, kept) = Store::open(&file).expect("the file is read");
            assert_eq!(kept, [("a".to_owned(), "1".to_owned())], "{end}");
        }
        let mut damaged = whole;
        damaged[first / 2] ^= 1;
        std::fs::write(&file, &damaged).expect("the file is written");
        let error = Store::open(&file).expect_err("it is damaged");
        assert!(matches!(error, StoreError::Damaged { line: 1, .. }), "{error}");
    }
}
