//! The durable log: groups of rows, one frame each, appended to segments and synced before anyone
//! is answered.
//!
//! A group is durable or it isn't: its frame carries one checksum. Groups are numbered without
//! gaps, and one begins only after the one before is on stable storage. So a frame that can't be
//! read is torn if nothing follows it, and corrupt if a later group does.

mod frame;
mod recovery;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::disk::{Appendable, Disk, is_full};

pub(crate) use recovery::{Found, LogError};

/// A segment: the file that begins with a group.
#[derive(Debug)]
struct Segment {
    name: String,
    /// The last group in it.
    last: u64,
    bytes: u64,
}

/// The segment that is being written.
#[derive(Debug)]
struct Current {
    segment: Segment,
    file: Box<dyn Appendable>,
}

/// Why a group isn't in the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// The disk is full. The log is as it was before, and takes groups again once there is room.
    #[error("the disk that holds the log is full")]
    Full(#[source] io::Error),
    /// Nobody knows what is on the disk. Nothing more is taken until the log is opened anew.
    #[error("the log can't be written")]
    Failed(#[source] io::Error),
    /// It failed before.
    #[error("the log failed before and takes nothing until it is opened anew")]
    Stopped,
}

/// The log, open for appending. One thread owns it.
#[derive(Debug)]
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    /// Bytes after which a segment ends.
    segment_bytes: u64,
    /// Older segments, oldest first.
    sealed: VecDeque<Segment>,
    current: Option<Current>,
    /// The last group that is durable.
    last: u64,
    stopped: bool,
}

impl Log {
    /// Reads what is there, in order, each group into `found`, and opens the log for more.
    ///
    /// Groups continue after the last one found, or after `at_least` if that is later: groups that
    /// are in tables already may be gone from the log.
    pub(crate) fn open<E>(
        disk: Arc<dyn Disk>,
        segment_bytes: u64,
        at_least: u64,
        found: impl FnMut(u64, u64, &[u8]) -> Result<(), E>,
    ) -> Result<(Log, Found), LogError<E>> {
        let (sealed, found) = recovery::recover(&*disk, found)?;
        let last = found.last.unwrap_or(0).max(at_least);
        let log = Log { disk, segment_bytes, sealed, current: None, last, stopped: false };
        Ok((log, found))
    }

    /// The number that the next group will have.
    pub(crate) fn next(&self) -> u64 {
        self.last + 1
    }

    /// Bytes in all segments.
    pub(crate) fn bytes(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, |it| it.segment.bytes);
        self.sealed.iter().map(|it| it.bytes).sum::<u64>() + current
    }

    /// Whether it failed and takes nothing more.
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// The segment that the next group goes to, by the group it begins with. A payload may lean on
    /// what earlier payloads of the same segment told, and on nothing else.
    pub(crate) fn segment(&mut self) -> Result<u64, AppendError> {
        if self.stopped {
            return Err(AppendError::Stopped);
        }
        if self.current.as_ref().is_some_and(|it| it.segment.bytes >= self.segment_bytes) {
            self.seal();
        }
        if self.current.is_none() {
            self.begin()?;
        }
        let current = self.current.as_ref().ok_or(AppendError::Stopped)?;
        Ok(frame::first_group(&current.segment.name).unwrap_or(0))
    }

    /// Appends the next group and returns its number once it is on stable storage.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<u64, AppendError> {
        self.segment()?;
        let group = self.next();
        let current = self.current.as_mut().ok_or(AppendError::Stopped)?;
        let frame = frame::encode(group, payload);
        if let Err(error) = current.file.append(&frame) {
            return Err(undo(current, &mut self.stopped, error));
        }
        if let Err(error) = current.file.sync() {
            // The system may have dropped the pages and call them clean: trust nothing any more.
            self.stopped = true;
            return Err(AppendError::Failed(error));
        }
        current.segment.bytes += frame.len() as u64;
        current.segment.last = group;
        self.last = group;
        Ok(group)
    }

    /// Removes segments that hold nothing later than a group.
    pub(crate) fn trim(&mut self, through: u64) -> io::Result<()> {
        if self.current.as_ref().is_some_and(|it| {
            it.segment.bytes > frame::HEADING.len() as u64 && it.segment.last <= through
        }) {
            self.seal();
        }
        let mut removed = false;
        while let Some(segment) = self.sealed.front().filter(|it| it.last <= through) {
            self.disk.remove(&segment.name)?;
            self.sealed.pop_front();
            removed = true;
        }
        if removed { self.disk.sync_folder() } else { Ok(()) }
    }

    fn seal(&mut self) {
        if let Some(current) = self.current.take() {
            self.sealed.push_back(current.segment);
        }
    }

    fn begin(&mut self) -> Result<(), AppendError> {
        let name = frame::segment_name(self.next());
        match create(&*self.disk, &name) {
            Ok(file) => {
                let bytes = frame::HEADING.len() as u64;
                let segment = Segment { name, last: self.last, bytes };
                self.current = Some(Current { segment, file });
                Ok(())
            }
            Err(error) => {
                // What is left of it is empty; if it can't go, its name is taken and we stop.
                let gone = match self.disk.remove(&name) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => self.disk.sync_folder(),
                };
                self.stopped = gone.is_err() || !is_full(&error);
                Err(if self.stopped {
                    AppendError::Failed(error)
                } else {
                    AppendError::Full(error)
                })
            }
        }
    }
}

/// Creates a segment that is sure to be found again.
fn create(disk: &dyn Disk, name: &str) -> io::Result<Box<dyn Appendable>> {
    let mut file = disk.create(name)?;
    file.append(frame::HEADING)?;
    file.sync()?;
    disk.sync_folder()?;
    Ok(file)
}

/// Takes back an append that failed, if it was for want of room.
fn undo(current: &mut Current, stopped: &mut bool, error: io::Error) -> AppendError {
    if !is_full(&error) {
        *stopped = true;
        return AppendError::Failed(error);
    }
    match current.file.truncate(current.segment.bytes).and_then(|()| current.file.sync()) {
        Ok(()) => AppendError::Full(error),
        Err(error) => {
            *stopped = true;
            AppendError::Failed(error)
        }
    }
}
