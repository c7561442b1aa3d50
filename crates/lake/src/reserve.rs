//! Room that is set aside, so that a lake opens on a disk that has become full: its catalog needs
//! some pages to begin with, even for reading.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The file that takes up the room.
const NAME: &str = "reserve";
const BYTES: usize = 4 << 20;

/// Gives the room back where the disk has less than that left, and tells whether it did.
pub(crate) fn release(folder: &Path) -> io::Result<bool> {
    let reserve = folder.join(NAME);
    if free(folder)? >= BYTES as u64 || !reserve.exists() {
        return Ok(false);
    }
    fs::remove_file(reserve)?;
    Ok(true)
}

/// Sets it aside, if it isn't and there is plenty.
pub(crate) fn renew(folder: &Path) -> io::Result<()> {
    let reserve = folder.join(NAME);
    if reserve.exists() || free(folder)? < 4 * BYTES as u64 {
        return Ok(());
    }
    let written = File::create(&reserve).and_then(|mut file| {
        // Zeros that are written: a file that is only made long takes no room.
        file.write_all(&vec![0; BYTES])?;
        file.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&reserve);
    }
    written
}

/// Bytes that are free on the disk of a folder.
pub(crate) fn free(folder: &Path) -> io::Result<u64> {
    let told = rustix::fs::statvfs(folder)?;
    Ok(told.f_bavail.saturating_mul(told.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_set_aside_once_and_kept_while_there_is_other_room() {
        let folder = tempfile::tempdir().expect("a folder");
        renew(folder.path()).expect("there is room");
        let length = || fs::metadata(folder.path().join(NAME)).map(|it| it.len()).ok();
        assert_eq!(length(), Some(BYTES as u64));
        renew(folder.path()).expect("it is there");
        assert!(!release(folder.path()).expect("it is told"));
        assert_eq!(length(), Some(BYTES as u64));
    }
}
