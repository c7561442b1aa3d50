//! Reading the log at start: every group in order, a torn end cut, damage told.

use std::collections::VecDeque;
use std::io;

use super::frame::{self, HEADING};
use super::{Disk, Segment};
use crate::disk::{is_full, replace};

/// What was found in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) segments: u64,
    pub(crate) groups: u64,
    pub(crate) bytes: u64,
    pub(crate) last: Option<u64>,
    /// Bytes of a group that was being written when the end came. Nobody was answered for it.
    pub(crate) truncated: u64,
    /// Why they were cut.
    pub(crate) torn: Option<String>,
    /// Groups that should be there and aren't: first and last of each run.
    pub(crate) missing: Vec<(u64, u64)>,
}

/// Why the log can't be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError<E> {
    #[error("the log can't be read: {what}")]
    Unreadable {
        what: String,
        #[source]
        source: io::Error,
    },
    /// Something that was on stable storage can't be read any more.
    #[error("{segment} is damaged at byte {offset}: {what}")]
    Damaged { segment: String, offset: u64, group: u64, what: String },
    /// The caller can't take a group.
    #[error("a group of the log can't be taken")]
    Refused(#[source] E),
}

pub(super) fn recover<E>(
    disk: &dyn Disk,
    mut found: impl FnMut(u64, u64, &[u8]) -> Result<(), E>,
) -> Result<(VecDeque<Segment>, Found), LogError<E>> {
    let names = segment_names(disk)?;
    let mut told = Found::default();
    let mut segments = VecDeque::new();
    for (place, (first, name)) in names.iter().enumerate() {
        let is_last = place + 1 == names.len();
        let bytes = disk.read(name).map_err(|source| unreadable(name, source))?;
        if let Some(expected) = told.last.map(|it| it + 1).filter(|it| it < first) {
            told.missing.push((expected, first - 1));
        }
        let read = Read { name, first: *first, bytes: &bytes, is_last };
        let good = read_segment(&read, &mut told, &mut found)?;
        if is_last {
            make_durable(disk, name, &bytes, good, &mut told)
                .map_err(|source| unreadable(name, source))?;
        }
        if good > HEADING.len() {
            let last = told.last.unwrap_or(*first);
            segments.push_back(Segment { name: name.clone(), last, bytes: good as u64 });
            told.segments += 1;
            told.bytes += good as u64;
        }
    }
    Ok((segments, told))
}

/// Segments in order; what was never finished is removed.
fn segment_names<E>(disk: &dyn Disk) -> Result<Vec<(u64, String)>, LogError<E>> {
    let list = disk.list().map_err(|source| unreadable("its folder", source))?;
    let mut names = Vec::new();
    for name in list {
        if let Some(first) = frame::first_group(&name) {
            names.push((first, name));
        } else if name.ends_with(".log.new") {
            disk.remove(&name).map_err(|source| unreadable(&name, source))?;
        }
    }
    names.sort_unstable();
    Ok(names)
}

struct Read<'a> {
    name: &'a str,
    first: u64,
    bytes: &'a [u8],
    is_last: bool,
}

/// Reads a segment's groups and returns how many of its bytes are good.
fn read_segment<E>(
    read: &Read<'_>,
    told: &mut Found,
    found: &mut impl FnMut(u64, u64, &[u8]) -> Result<(), E>,
) -> Result<usize, LogError<E>> {
    let mut expected = read.first;
    if !read.bytes.starts_with(HEADING) {
        return end(read, 0, expected, "it doesn't begin as a segment of this log does", told);
    }
    let mut place = HEADING.len();
    while place < read.bytes.len() {
        let frame = match frame::decode(read.bytes, place) {
            Ok(frame) => frame,
            Err(what) => return end(read, place, expected, what, told),
        };
        if frame.group != expected {
            let what = format!("group {} stands where {expected} should", frame.group);
            return Err(damaged(read, place, expected, what));
        }
        found(read.first, frame.group, frame.payload).map_err(LogError::Refused)?;
        told.groups += 1;
        told.last = Some(frame.group);
        expected += 1;
        place = frame.end;
    }
    Ok(place)
}

/// A place from which nothing can be read: the torn end of the log, or damage.
fn end<E>(
    read: &Read<'_>,
    place: usize,
    expected: u64,
    what: &str,
    told: &mut Found,
) -> Result<usize, LogError<E>> {
    if !read.is_last {
        let what = format!("{what}, and there are later segments");
        return Err(damaged(read, place, expected, what));
    }
    // The group that belongs here may lie torn; a later one was begun only after it was durable.
    if let Some((at, later)) = frame::later_frame(read.bytes, place, expected) {
        let what = format!("{what}, and the later group {later} is whole at byte {at}");
        return Err(damaged(read, place, expected, what));
    }
    let truncated = (read.bytes.len() - place) as u64;
    told.truncated = truncated;
    told.torn = (truncated > 0).then(|| format!("{} at byte {place}: {what}", read.name));
    Ok(place)
}

/// What was read may be in the system's memory only, if a sync failed before the end came. So the
/// last segment is written anew, without its torn end.
fn make_durable(
    disk: &dyn Disk,
    name: &str,
    bytes: &[u8],
    good: usize,
    told: &mut Found,
) -> io::Result<()> {
    if good <= HEADING.len() {
        // No group in it. A file that is only begun is no loss to tell of.
        if bytes.len() <= HEADING.len() {
            told.truncated = 0;
            told.torn = None;
        }
        disk.remove(name)?;
        return disk.sync_folder();
    }
    // The zeros after the last frame may be what was torn off.
    let kept = bytes.get(..good).unwrap_or(bytes);
    let zeros = [0; 8];
    let padding = zeros.get(..good.saturating_sub(kept.len())).unwrap_or(&zeros);
    match replace(disk, name, &[kept, padding]) {
        // Without room for a second one, the same bytes are written over themselves.
        Err(error) if is_full(&error) => disk.rewrite(name, &[kept, padding].concat()),
        written => written,
    }
}

fn damaged<E>(read: &Read<'_>, place: usize, group: u64, what: String) -> LogError<E> {
    LogError::Damaged { segment: read.name.to_owned(), offset: place as u64, group, what }
}

fn unreadable<E>(what: &str, source: io::Error) -> LogError<E> {
    LogError::Unreadable { what: what.to_owned(), source }
}
