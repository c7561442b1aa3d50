//! How groups lie in a segment.
//!
//! ```text
//! segment: LONGLEAD LOG 1\n\0   frame…
//! frame:   "LLG1"  crc32 (u32)  group (u64)  length of payload (u64)  payload  0 to 7 zeros
//! ```
//!
//! Numbers are little-endian. The checksum covers all that follows it, but the zeros, which let
//! every frame begin at a multiple of eight.

/// The first bytes of a segment.
pub(super) const HEADING: &[u8; 16] = b"LONGLEAD LOG 1\n\0";

const MAGIC: &[u8; 4] = b"LLG1";
const HEADER: usize = 24;

/// The name of the segment that begins with a group.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The group that a segment begins with, if the name is a segment's.
pub(super) fn first_group(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    if digits.len() == 20 { digits.parse().ok() } else { None }
}

/// A group as it is appended.
pub(super) fn encode(group: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len() + 7);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&group.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(payload);
    let sum = crc32fast::hash(bytes.get(8..).unwrap_or_default());
    if let Some(place) = bytes.get_mut(4..8) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// One group that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) group: u64,
    pub(super) payload: &'a [u8],
    /// Where the next frame begins.
    pub(super) end: usize,
}

/// The frame at a place, or what is wrong with it.
pub(super) fn decode(bytes: &[u8], start: usize) -> Result<Frame<'_>, &'static str> {
    let rest = bytes.get(start..).ok_or("it ends in the middle of a frame")?;
    let (Some(magic), Some(sum), Some(group), Some(length)) =
        (rest.get(..4), number::<4>(rest, 4), number::<8>(rest, 8), number::<8>(rest, 16))
    else {
        return Err("it ends in the middle of a frame's header");
    };
    if magic != MAGIC {
        return Err("no frame begins there");
    }
    let end = usize::try_from(u64::from_le_bytes(length))
        .ok()
        .and_then(|length| HEADER.checked_add(length))
        .ok_or("a frame's length can't be")?;
    let covered = rest.get(8..end).ok_or("it ends in the middle of a frame")?;
    if crc32fast::hash(covered) != u32::from_le_bytes(sum) {
        return Err("a frame's checksum doesn't fit what it holds");
    }
    Ok(Frame {
        group: u64::from_le_bytes(group),
        payload: rest.get(HEADER..end).unwrap_or_default(),
        end: (start + end).next_multiple_of(8),
    })
}

/// The first whole frame of a later group at or after a place: what shows that the damage before
/// it isn't a torn end.
pub(super) fn later_frame(bytes: &[u8], start: usize, group: u64) -> Option<(usize, u64)> {
    (start.next_multiple_of(8)..bytes.len()).step_by(8).find_map(|place| {
        let frame = decode(bytes, place).ok()?;
        (frame.group > group).then_some((place, frame.group))
    })
}

fn number<const N: usize>(bytes: &[u8], start: usize) -> Option<[u8; N]> {
    bytes.get(start..start + N)?.try_into().ok()
}
