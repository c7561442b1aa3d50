//! The end of a log as a power cut may leave it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::load::Dice;

/// What happened to bytes for which nobody was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// They are gone from some place on.
    Cut,
    /// The file is as long as it was, with zeros from some place on: its length was on the disk
    /// before its content.
    Zeros,
    /// Something else stands there.
    Noise,
    /// Some more were being written: a frame without its end.
    Unfinished,
}

impl Damage {
    /// The damage of a round. Where something was answered, nothing that is there may go.
    pub(super) fn of(round: u32, is_answered: bool) -> Damage {
        match round % 4 {
            _ if is_answered => Damage::Unfinished,
            0 => Damage::Cut,
            1 => Damage::Zeros,
            2 => Damage::Noise,
            _ => Damage::Unfinished,
        }
    }
}

/// The newest segment, and its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    segment: Option<PathBuf>,
    pub(super) length: u64,
}

pub(super) fn newest(log: &Path) -> Result<End> {
    let mut segments: Vec<PathBuf> = fs::read_dir(log)?
        .flatten()
        .map(|it| it.path())
        .filter(|it| it.extension().is_some_and(|it| it == "log"))
        .collect();
    segments.sort();
    let segment = segments.pop();
    let length = match &segment {
        Some(segment) => fs::metadata(segment)?.len(),
        None => 0,
    };
    Ok(End { segment, length })
}

/// Waits until more is in the log.
pub(super) fn await_growth(log: &Path, before: &End) -> Result<()> {
    let begun = Instant::now();
    // A segment may be removed between its name and its length.
    while newest(log).is_ok_and(|it| it.segment == before.segment && it.length <= before.length) {
        if begun.elapsed() > Duration::from_secs(20) {
            bail!("nothing is written within 20 s");
        }
        std::thread::sleep(Duration::from_micros(50));
    }
    Ok(())
}

/// Damages what was written since, and tells how many bytes.
pub(super) fn inflict(damage: Damage, log: &Path, before: &End, dice: &mut Dice) -> Result<u64> {
    let end = newest(log)?;
    let segment = end.segment.clone().context("the log has no segment")?;
    // A segment that was begun since is all new.
    let from = if end.segment == before.segment { before.length } else { 0 };
    ensure!(end.length >= from, "the log has become shorter");
    let mut file = OpenOptions::new().read(true).write(true).open(&segment)?;
    if damage == Damage::Unfinished || end.length == from {
        return unfinished(&mut file, end.length, dice);
    }
    let place = from + dice.below(end.length - from);
    let bytes = end.length - place;
    if damage == Damage::Cut {
        file.set_len(place)?;
    } else {
        let noise = |dice: &mut Dice| u8::try_from(dice.below(256)).unwrap_or(0);
        let is_noise = damage == Damage::Noise;
        let wrong = (0..bytes).map(|_| if is_noise { noise(dice) } else { 0 });
        let wrong: Vec<u8> = wrong.collect();
        file.seek(SeekFrom::Start(place))?;
        file.write_all(&wrong)?;
    }
    file.sync_all()?;
    Ok(bytes)
}

/// Appends the beginning of a frame, as a write that was cut short leaves it: the header of the
/// next group (see `crates/lake/src/log/frame.rs`), and less than it promises.
fn unfinished(file: &mut File, length: u64, dice: &mut Dice) -> Result<u64> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let last = last_frame(&bytes).unwrap_or(0);
    let mut frame = b"LLG1".to_vec();
    frame.extend_from_slice(&0x1234_5678_u32.to_le_bytes());
    frame.extend_from_slice(&(last + 1).to_le_bytes());
    frame.extend_from_slice(&4_000_u64.to_le_bytes());
    frame.extend((0..3_000).map(|_| u8::try_from(dice.below(256)).unwrap_or(0)));
    let kept = 1 + usize::try_from(dice.below(frame.len() as u64 - 1)).unwrap_or(0);
    frame.truncate(kept);
    file.seek(SeekFrom::Start(length))?;
    file.write_all(&frame)?;
    file.sync_all()?;
    Ok(frame.len() as u64)
}

/// The group of the last whole frame.
fn last_frame(bytes: &[u8]) -> Option<u64> {
    let number = |place: usize| {
        let bytes = bytes.get(place..place + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let (mut place, mut last) = (16, None);
    while bytes.get(place..place + 4) == Some(b"LLG1") {
        let length = usize::try_from(number(place + 16)?).ok()?;
        last = number(place + 8);
        place = (place + 24 + length).next_multiple_of(8);
    }
    last
}
