//! One process for each SQLite file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::OpenError;

/// A lock file beside the database, held while it's open. The system lets go of it when the
/// process ends, in whichever way.
///
/// SQLite alone would let a second server write, and the two would not see each other's changes.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: Mutex<Option<File>>,
}

impl FileLock {
    pub(crate) fn take(database: &Path) -> Result<FileLock, OpenError> {
        let path = lock_path(database)
            .map_err(|source| OpenError::File { path: database.to_owned(), source })?;
        let failed = |source| OpenError::File { path: path.clone(), source };
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(FileLock { file: Mutex::new(Some(file)) }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(database.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(crate) fn release(&self) {
        if let Ok(mut file) = self.file.lock() {
            *file = None;
        }
    }
}

/// Beside the file itself, whichever way (link, relative path) it's named.
fn lock_path(database: &Path) -> io::Result<PathBuf> {
    let whole = match database.canonicalize() {
        Ok(whole) => whole,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = match database.parent() {
                Some(folder) if folder != Path::new("") => folder.canonicalize()?,
                _ => Path::new(".").canonicalize()?,
            };
            folder.join(database.file_name().unwrap_or_default())
        }
        Err(error) => return Err(error),
    };
    let mut name = whole.into_os_string();
    name.push(".lock");
    Ok(PathBuf::from(name))
}
