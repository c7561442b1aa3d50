//! Payloads unpacked, with a bound on what comes out.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::Encoding;

/// Why a payload can't be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpackError {
    /// It unpacks to more than so many bytes.
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// It isn't what its encoding says, or it is cut off.
    Malformed(Encoding),
}

impl Display for UnpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnpackError::TooLarge { bytes_max } => {
                write!(f, "the payload unpacks to more than {bytes_max} bytes")
            }
            UnpackError::Malformed(encoding) => {
                write!(f, "the payload is not sound {encoding:?} data, or it is cut off")
            }
        }
    }
}

impl std::error::Error for UnpackError {}

/// Unpacks a payload into at most `bytes_max` bytes. Work and memory are bounded by `bytes_max`,
/// whatever the payload claims of itself.
///
/// # Errors
/// The payload is too large, or unsound.
pub fn unpack(
    payload: &[u8],
    encoding: Encoding,
    bytes_max: usize,
) -> Result<Cow<'_, [u8]>, UnpackError> {
    match encoding {
        Encoding::Identity if payload.len() > bytes_max => Err(UnpackError::TooLarge { bytes_max }),
        Encoding::Identity => Ok(Cow::Borrowed(payload)),
        Encoding::Gzip => read_bounded(MultiGzDecoder::new(payload), encoding, bytes_max),
        Encoding::Zstd => {
            let malformed = |_| UnpackError::Malformed(encoding);
            let mut decoder =
                zstd::Decoder::with_buffer(BufReader::new(payload)).map_err(malformed)?;
            // A frame may ask for a window far larger than what it holds: 8 MiB is what RFC 8878
            // wants every decoder to support.
            decoder.window_log_max(23).map_err(malformed)?;
            read_bounded(decoder, encoding, bytes_max)
        }
    }
}

fn read_bounded(
    reader: impl Read,
    encoding: Encoding,
    bytes_max: usize,
) -> Result<Cow<'static, [u8]>, UnpackError> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = reader.take(limit).read_to_end(&mut unpacked);
    if unpacked.len() > bytes_max {
        return Err(UnpackError::TooLarge { bytes_max });
    }
    read.map_err(|_| UnpackError::Malformed(encoding))?;
    Ok(Cow::Owned(unpacked))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{UnpackError, unpack};
    use crate::Encoding;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory takes bytes");
        encoder.finish().expect("memory takes bytes")
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        let text = b"climate t=4\n".repeat(1000);
        let mut members = gzip(&text);
        members.extend(gzip(&text));
        let frame = zstd::encode_all(text.as_slice(), 3).expect("memory takes bytes");
        for (packed, encoding, times) in [
            (text.clone(), Encoding::Identity, 1),
            (members, Encoding::Gzip, 2),
            (frame, Encoding::Zstd, 1),
        ] {
            let unpacked = unpack(&packed, encoding, 1 << 20).expect("it is sound");
            assert_eq!(unpacked.as_ref(), text.repeat(times), "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let zeros = vec![0; 64 << 20];
        let frame = zstd::encode_all(zeros.as_slice(), 3).expect("memory takes bytes");
        for (bomb, encoding) in [(gzip(&zeros), Encoding::Gzip), (frame, Encoding::Zstd)] {
            assert!(bomb.len() < 100_000, "{encoding:?}: {} bytes", bomb.len());
            let bytes_max = 1 << 20;
            assert_eq!(
                unpack(&bomb, encoding, bytes_max),
                Err(UnpackError::TooLarge { bytes_max })
            );
        }
    }

    #[test]
    fn a_payload_that_is_cut_off_is_refused() {
        let text = b"climate t=4\n".repeat(1000);
        let frame = zstd::encode_all(text.as_slice(), 3).expect("memory takes bytes");
        for (packed, encoding) in [(gzip(&text), Encoding::Gzip), (frame, Encoding::Zstd)] {
            for length in [0, 3, packed.len() / 2, packed.len() - 1] {
                let result = unpack(&packed[..length], encoding, 1 << 20);
                // An empty run of frames is sound Zstandard.
                let is_empty = encoding == Encoding::Zstd && length == 0;
                assert!(result.is_err() || is_empty, "{encoding:?} {length}");
            }
            assert_eq!(unpack(b"climate", encoding, 64), Err(UnpackError::Malformed(encoding)));
        }
    }
}
