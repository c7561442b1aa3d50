//! Reading back what the log holds: rows, and what is known of them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use crate::columns::{IdentityColumns, contents, text};
use crate::disk::Disk;
use crate::identity::Identities;
use crate::log::{Found, Log, LogError};
use crate::payload::GroupDecoder;

/// Batches of the log: group, table, rows.
pub(crate) type Replayed = Vec<(u64, String, RecordBatch)>;

/// Opens the log and reads all of it. `newest` is the last group that is in tables.
pub(crate) fn replay(
    disk: &Arc<dyn Disk>,
    segment_bytes: u64,
    newest: u64,
    replayed: &mut Replayed,
) -> Result<(Log, Found), LogError<ArrowError>> {
    let mut decoder = GroupDecoder::default();
    Log::open(Arc::clone(disk), segment_bytes, newest, |segment, group, payload| {
        let batches = decoder.decode(segment, payload)?;
        replayed.extend(batches.into_iter().map(|(table, batch)| (group, table, batch)));
        Ok(())
    })
}

/// Takes rows up into identities.
pub(crate) fn learn(
    identities: &mut Identities,
    table: &str,
    batch: &RecordBatch,
    group: u64,
) -> Result<(), ArrowError> {
    let stream = identities.stream(table);
    let content = contents(batch)?;
    let mut device = Vec::with_capacity(batch.num_rows());
    for name in text(batch, "device")? {
        device.push(identities.device(stream, name.unwrap_or("")));
    }
    let columns = IdentityColumns::of(batch)?;
    identities.learn(stream, columns.keys(&device, &content), group);
    Ok(())
}
