//! What a group of the log holds: for each table an Arrow IPC stream, of which the segment's first
//! group brings the schema and each group a batch.
//!
//! ```text
//! payload: part…
//! part:    number of the IPC stream in its segment (u64)  length (u64)  bytes  0 to 7 zeros
//! ```
//!
//! The schema names the table. So a group of few rows costs the batch's own header, some hundred
//! bytes, and not the schema's as well.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::MetadataVersion;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamEncoder};

const TABLE: &str = "longlead.table";

/// Writes groups of one log.
#[derive(Default)]
pub(crate) struct GroupEncoder {
    segment: u64,
    next: u64,
    streams: HashMap<String, Vec<Open>>,
}

struct Open {
    schema: SchemaRef,
    number: u64,
    encoder: StreamEncoder,
}

impl std::fmt::Debug for GroupEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupEncoder").field("segment", &self.segment).finish_non_exhaustive()
    }
}

impl GroupEncoder {
    /// Forgets which schemas the segment has: after a group that didn't get into it.
    pub(crate) fn forget(&mut self) {
        self.streams.clear();
    }

    /// The payload of a group for a segment.
    pub(crate) fn encode<'a>(
        &mut self,
        segment: u64,
        batches: impl IntoIterator<Item = (&'a str, &'a RecordBatch)>,
    ) -> Result<Vec<u8>, ArrowError> {
        if segment != self.segment {
            self.segment = segment;
            self.forget();
        }
        let mut payload = Vec::new();
        for (table, batch) in batches {
            let open = self.open(table, batch.schema_ref())?;
            let number = open.number;
            let buffers = open.encoder.encode(batch)?;
            let length: usize = buffers.iter().map(Buffer::len).sum();
            payload.reserve(16 + length + 7);
            payload.extend_from_slice(&number.to_le_bytes());
            payload.extend_from_slice(&(length as u64).to_le_bytes());
            for buffer in &buffers {
                payload.extend_from_slice(buffer.as_slice());
            }
            payload.resize(payload.len().next_multiple_of(8), 0);
        }
        Ok(payload)
    }

    fn open(&mut self, table: &str, schema: &SchemaRef) -> Result<&mut Open, ArrowError> {
        let open = self.streams.entry(table.to_owned()).or_default();
        let place = match open.iter().position(|it| &it.schema == schema) {
            Some(place) => place,
            None => {
                let named = HashMap::from([(TABLE.to_owned(), table.to_owned())]);
                let named = Schema::new_with_metadata(schema.fields().clone(), named);
                let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5)?;
                let encoder = StreamEncoder::try_new_with_options(&named, options)?;
                open.push(Open { schema: Arc::clone(schema), number: self.next, encoder });
                self.next += 1;
                open.len() - 1
            }
        };
        open.get_mut(place).ok_or_else(|| broken("a stream that was just opened"))
    }
}

/// Reads groups in the order in which they lie.
#[derive(Debug, Default)]
pub(crate) struct GroupDecoder {
    segment: u64,
    streams: HashMap<u64, StreamDecoder>,
}

impl GroupDecoder {
    /// The batches of a group, each with its table.
    pub(crate) fn decode(
        &mut self,
        segment: u64,
        payload: &[u8],
    ) -> Result<Vec<(String, RecordBatch)>, ArrowError> {
        if segment != self.segment {
            self.segment = segment;
            self.streams.clear();
        }
        let mut batches = Vec::new();
        let mut rest = payload;
        while !rest.is_empty() {
            let (number, after) = number(rest)?;
            let (length, after) = self::number(after)?;
            let length = usize::try_from(length).map_err(|_| broken("a part's length"))?;
            let (bytes, after) =
                after.split_at_checked(length).ok_or_else(|| broken("a part's end"))?;
            rest = after.get(length.next_multiple_of(8) - length..).unwrap_or_default();
            let decoder = self.streams.entry(number).or_default();
            let mut buffer = Buffer::from(bytes);
            while !buffer.is_empty() {
                if let Some(batch) = decoder.decode(&mut buffer)? {
                    batches.push(named(&batch)?);
                }
            }
        }
        Ok(batches)
    }
}

/// The table of a batch, and the batch without that note.
fn named(batch: &RecordBatch) -> Result<(String, RecordBatch), ArrowError> {
    let schema = batch.schema_ref();
    let table = schema.metadata().get(TABLE).ok_or_else(|| broken("the name of a table"))?;
    let plain = Arc::new(Schema::new(schema.fields().clone()));
    Ok((table.clone(), RecordBatch::try_new(plain, batch.columns().to_vec())?))
}

fn number(bytes: &[u8]) -> Result<(u64, &[u8]), ArrowError> {
    let (number, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| broken("a part's header"))?;
    Ok((u64::from_le_bytes(*number), rest))
}

fn broken(what: &str) -> ArrowError {
    ArrowError::IpcError(format!("{what} is missing in a group of the log"))
}
