//! What the log needs of a disk. One is real; another, in tests, loses, tears and refuses.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;

#[cfg(test)]
pub(crate) mod simulated;

/// One flat folder of files.
pub(crate) trait Disk: Send + Sync + Debug {
    /// Names of the files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// All of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// A new, empty file, to be appended to. It isn't sure to be found again before `sync_folder`.
    fn create(&self, name: &str) -> io::Result<Box<dyn Appendable>>;
    /// Gives a file another name, in place of what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Writes what a file holds over itself, cuts what is beyond, and returns once it is on stable
    /// storage. It needs no room.
    fn rewrite(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes names durable: of files created, renamed and removed.
    fn sync_folder(&self) -> io::Result<()>;
    /// Bytes that are free for us.
    fn free(&self) -> io::Result<u64>;
}

/// A file that grows at its end.
pub(crate) trait Appendable: Send + Debug {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once all that was appended is on stable storage.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts what was appended beyond a length.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder if it isn't there.
    pub(crate) fn open(path: PathBuf) -> io::Result<Folder> {
        fs::create_dir_all(&path)?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Folder { path })
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Appendable>> {
        let path = self.path.join(name);
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Box::new(Growing { file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn rewrite(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.path.join(name))?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn free(&self) -> io::Result<u64> {
        let told = rustix::fs::statvfs(&self.path)?;
        Ok(told.f_bavail.saturating_mul(told.f_frsize))
    }
}

#[derive(Debug)]
struct Growing {
    file: File,
}

impl Appendable for Growing {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// Writes a file so that it is there whole or, after a crash, as it was before.
pub(crate) fn replace(disk: &dyn Disk, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let passing = format!("{name}.new");
    match disk.remove(&passing) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = disk.create(&passing)?;
    let written = parts.iter().try_for_each(|part| file.append(part)).and_then(|()| file.sync());
    if let Err(error) = written {
        // Where the disk is full, what was written is room that others need.
        let _ = disk.remove(&passing);
        return Err(error);
    }
    disk.rename(&passing, name)?;
    disk.sync_folder()
}

/// Whether an error is for want of room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
