//! What is known for good, as a file: written at each flush, so that a start reads the log's tail
//! and not every table.

use super::intervals::Intervals;
use super::{Identities, Series};

const MAGIC: &[u8; 8] = b"LLIDENT1";

/// Why a snapshot can't be used. All that it says can be had from the tables instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the snapshot of identities is damaged")]
pub(crate) struct SnapshotError;

impl Identities {
    /// Bytes of all that is known for good, which includes every group through `through`.
    pub(crate) fn to_bytes(&self, through: u64) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        number(&mut out, through);
        number(&mut out, self.streams.len() as u64);
        for (name, stream) in self.names.iter().zip(&self.streams) {
            text(&mut out, name);
            number(&mut out, stream.names.len() as u64);
            for (name, series) in stream.names.iter().zip(&stream.series) {
                text(&mut out, name);
                write_series(&mut out, series);
            }
        }
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// What a snapshot says, and the last group that it includes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<(Identities, u64), SnapshotError> {
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(SnapshotError)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(SnapshotError);
        }
        let rest = body.strip_prefix(MAGIC).ok_or(SnapshotError)?;
        let mut read = Reader { rest };
        let through = read.number()?;
        let mut identities = Identities::default();
        for _ in 0..read.number()? {
            let stream = identities.stream(read.text()?);
            for _ in 0..read.number()? {
                let device = identities.device(stream, read.text()?);
                let series = read.series()?;
                let place = identities
                    .streams
                    .get_mut(stream as usize)
                    .and_then(|it| it.series.get_mut(device as usize));
                *place.ok_or(SnapshotError)? = series;
            }
        }
        Ok((identities, through))
    }
}

fn write_series(out: &mut Vec<u8>, series: &Series) {
    out.push(u8::from(series.newest.is_some()));
    number(out, series.newest.unwrap_or(0).cast_unsigned());
    intervals(out, &series.days);
    number(out, series.boots.len() as u64);
    for (boot, sequences) in &series.boots {
        out.push(u8::from(boot.is_some()));
        number(out, boot.unwrap_or(0));
        intervals(out, sequences);
    }
}

fn intervals(out: &mut Vec<u8>, intervals: &Intervals) {
    number(out, intervals.parts().len() as u64);
    for (first, last) in intervals.parts() {
        number(out, *first);
        number(out, *last);
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first.
fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, SnapshotError> {
        let (byte, rest) = self.rest.split_first().ok_or(SnapshotError)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u64, SnapshotError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(SnapshotError)
    }

    fn text(&mut self) -> Result<&'a str, SnapshotError> {
        let length = usize::try_from(self.number()?).map_err(|_| SnapshotError)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(SnapshotError)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| SnapshotError)
    }

    fn option(&mut self) -> Result<Option<u64>, SnapshotError> {
        let is_some = self.byte()? != 0;
        let number = self.number()?;
        Ok(is_some.then_some(number))
    }

    fn intervals(&mut self) -> Result<Intervals, SnapshotError> {
        let count = self.number()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push((self.number()?, self.number()?));
        }
        Ok(Intervals::of(parts))
    }

    fn series(&mut self) -> Result<Series, SnapshotError> {
        let newest = self.option()?.map(u64::cast_signed);
        let days = self.intervals()?;
        let mut boots = Vec::new();
        for _ in 0..self.number()? {
            boots.push((self.option()?, self.intervals()?));
        }
        Ok(Series { boots, newest, days })
    }
}
