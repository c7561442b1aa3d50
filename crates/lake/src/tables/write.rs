//! Rows to Parquet files: sorted as their table is, one file a day.
//!
//! The library's own writer takes any rows and any partitions, and looks at each row for that by
//! itself. Rows of a lake are many and always laid out alike, so they are laid out here; the
//! catalog stays the library's.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use bytes::Bytes;
use chrono::{Datelike as _, NaiveDate};
use datafusion_ducklake::metadata_writer::{ColumnStat, DataFileInfo};
use datafusion_ducklake::stats_collect::{accumulate_nan_flags, compute_column_stats};
use datafusion_ducklake::{
    ColumnDef, DuckLakeError, DuckLakeTableWriter, MetadataWriter, PartitionSpec,
    PartitionSpecColumn, PartitionTransform, SqliteMetadataWriter, WriteMode,
};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use parquet::basic::Encoding;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::{Order, PACKING, ROW_GROUP_ROWS, SCHEMA, Tables, TablesError, options, order_of};
use crate::columns::{primitive, text};
use crate::identity::Map;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Rows of which it is guessed whether a column repeats itself.
const SAMPLED_ROWS: usize = 4_096;

/// Where a row belongs: its day, its device by order of names, its time, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    day: i64,
    device: u32,
    time: i64,
    batch: u32,
    row: u32,
}

/// A day's rows as a file.
struct Laid {
    bytes: Bytes,
    rows: usize,
    stats: Vec<ColumnStat>,
}

impl Tables {
    /// Writes rows in one commit and tells its snapshot.
    pub(super) async fn write(
        &self,
        name: &str,
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<i64, TablesError> {
        let columns = schema.fields().iter();
        let columns: Result<Vec<ColumnDef>, DuckLakeError> = columns
            .map(|it| ColumnDef::from_arrow(it.name(), it.data_type(), it.is_nullable()))
            .collect();
        let columns = columns?;
        let setup =
            self.writer.begin_write_transaction(SCHEMA, name, &columns, WriteMode::Append)?;
        let partition = self.writer.live_partition_spec(setup.table_id)?;
        let time = schema.index_of(order_of(name).time)?;
        let time = setup.column_ids.get(time).copied();
        if !partition.as_ref().is_none_or(|it| is_by_calendar(it, time)) {
            return self.write_as_told(name, schema, &batches).await;
        }
        let batches = Arc::new(batches);
        let places = {
            let (batches, order) = (Arc::clone(&batches), order_of(name));
            Arc::new(aside(move || Ok(places(order, &batches)?)).await?)
        };
        let named = Arc::new(with_ids(schema, &setup.field_ids)?);
        let mut files = Vec::new();
        for (day, range) in days(&places) {
            let work = {
                let (places, batches) = (Arc::clone(&places), Arc::clone(&batches));
                let (named, ids) = (Arc::clone(&named), setup.column_ids.clone());
                move || lay_out(places.get(range).unwrap_or(&[]), &batches, &named, &ids)
            };
            files.push(self.put(name, aside(work).await?, day, partition.as_ref()).await?);
        }
        let committed = self.writer.register_data_files(
            setup.table_id,
            SCHEMA,
            name,
            setup.snapshot_id,
            &files,
            WriteMode::Append,
            setup.base_snapshot_id,
            &columns,
            &setup.field_ids,
        )?;
        Ok(committed.snapshot_id)
    }

    /// Writes rows of a table that somebody else has partitioned in a way of their own.
    async fn write_as_told(
        &self,
        name: &str,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<i64, TablesError> {
        let writer: Arc<dyn MetadataWriter> = Arc::<SqliteMetadataWriter>::clone(&self.writer);
        let writer =
            DuckLakeTableWriter::new(writer, Arc::clone(&self.store))?.with_options(&options());
        let written = writer.write_rows(SCHEMA, name, schema, WriteMode::Append, batches).await?;
        Ok(written.snapshot_id)
    }

    /// Puts a file where its table's files lie.
    async fn put(
        &self,
        name: &str,
        laid: Laid,
        day: i64,
        partition: Option<&PartitionSpec>,
    ) -> Result<DataFileInfo, TablesError> {
        let day = date(day);
        let folder = day.map_or("beyond".to_owned(), |day| day.to_string());
        let file = format!("{folder}/{}.parquet", uuid::Uuid::new_v4());
        let (bytes, rows) = (signed(laid.bytes.len()), signed(laid.rows));
        let mut info = DataFileInfo::new(&file, bytes, rows).with_column_stats(laid.stats);
        if let Some(footer) = footer_bytes(&laid.bytes) {
            info = info.with_footer_size(footer);
        }
        let path = self.data.join(SCHEMA).join(name).join(&file);
        let path = Path::from_absolute_path(path).map_err(object_store::Error::from)?;
        self.store.put(&path, PutPayload::from(laid.bytes)).await?;
        let Some(partition) = partition else { return Ok(info) };
        let value = |it: &PartitionSpecColumn| {
            let part = day.and_then(|day| part(&it.transform, day));
            (it.partition_key_index, part.map(|it| it.to_string()))
        };
        let values = partition.columns.iter().map(value).collect();
        Ok(info.with_partition(partition.partition_id, values))
    }
}

/// Where each row belongs, in order.
fn places(order: Order, batches: &[RecordBatch]) -> Result<Vec<Place>, ArrowError> {
    let mut ranks: Map<&str, u32> = Map::default();
    let mut places = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (batch, rows) in (0_u32..).zip(batches) {
        let times = primitive::<TimestampMicrosecondType>(rows, order.time)?;
        let devices = order.device.map(|it| text(rows, it)).transpose()?;
        let mut last: Option<(&str, u32)> = None;
        for (row, time) in (0_u32..).zip(times.values()) {
            let device = match devices {
                None => 0,
                Some(devices) => {
                    let name = devices.value(row as usize);
                    match last {
                        Some((before, rank)) if before == name => rank,
                        _ => {
                            let next = u32::try_from(ranks.len()).unwrap_or(u32::MAX);
                            let rank = *ranks.entry(name).or_insert(next);
                            last = Some((name, rank));
                            rank
                        }
                    }
                }
            };
            places.push(Place { day: time.div_euclid(DAY), device, time: *time, batch, row });
        }
    }
    by_name(&ranks, &mut places);
    places.sort_unstable();
    Ok(places)
}

/// Puts numbers in the order of names in the place of those in the order in which names came.
fn by_name(ranks: &Map<&str, u32>, places: &mut [Place]) {
    let mut names: Vec<(&str, u32)> = ranks.iter().map(|(name, rank)| (*name, *rank)).collect();
    names.sort_unstable();
    let mut sorted = vec![0; names.len()];
    for (place, (_, rank)) in (0..).zip(&names) {
        if let Some(it) = sorted.get_mut(*rank as usize) {
            *it = place;
        }
    }
    for place in places {
        place.device = sorted.get(place.device as usize).copied().unwrap_or(0);
    }
}

/// Each day, and where its rows stand.
fn days(places: &[Place]) -> Vec<(i64, Range<usize>)> {
    let mut start = 0;
    let day = |rows: &[Place]| {
        let range = start..start + rows.len();
        start = range.end;
        (rows.first().map_or(0, |it| it.day), range)
    };
    places.chunk_by(|one, other| one.day == other.day).map(day).collect()
}

/// Rows of one day as a Parquet file.
fn lay_out(
    places: &[Place],
    batches: &[RecordBatch],
    schema: &SchemaRef,
    ids: &[i64],
) -> Result<Laid, TablesError> {
    let mut nans = Vec::new();
    let mut writer: Option<ArrowWriter<Vec<u8>>> = None;
    for places in places.chunks(ROW_GROUP_ROWS) {
        let rows = gathered(places, batches, schema)?;
        accumulate_nan_flags(&mut nans, &rows, ids.len());
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let properties = properties(&rows);
                let new = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties));
                writer.insert(new.map_err(parquet_error)?)
            }
        };
        writer.write(&rows).map_err(parquet_error)?;
        writer.flush().map_err(parquet_error)?;
    }
    let Some(writer) = writer else {
        return Err(TablesError::Missing("a day without rows".to_owned()));
    };
    let bytes = Bytes::from(writer.into_inner().map_err(parquet_error)?);
    let read = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).map_err(parquet_error)?;
    let count = signed(places.len());
    let stats = compute_column_stats(read.schema(), read.metadata(), ids, count, &nans);
    Ok(Laid { bytes, rows: places.len(), stats })
}

/// Rows from wherever they lie, in one batch.
fn gathered(
    places: &[Place],
    batches: &[RecordBatch],
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let at: Vec<(usize, usize)> =
        places.iter().map(|it| (it.batch as usize, it.row as usize)).collect();
    let column = |place: usize| -> Result<ArrayRef, ArrowError> {
        let of: Vec<&dyn Array> = batches.iter().map(|it| it.column(place).as_ref()).collect();
        interleave(&of, &at)
    };
    let columns: Result<Vec<ArrayRef>, ArrowError> =
        (0..schema.fields().len()).map(column).collect();
    RecordBatch::try_new(Arc::clone(schema), columns?)
}

/// How a file is written whose first rows are these: times as differences, and numbers that hardly
/// repeat as they are.
fn properties(rows: &RecordBatch) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(PACKING)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        if let DataType::Timestamp(..) = field.data_type()
            && field.name() != "received"
        {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        } else if hardly_repeats(column) {
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}

/// Whether numbers of a column mostly occur once, by the first that there are.
fn hardly_repeats(column: &ArrayRef) -> bool {
    let Some(numbers) = column.as_primitive_opt::<Float64Type>() else { return false };
    let numbers = numbers.slice(0, numbers.len().min(SAMPLED_ROWS));
    let mut bits: Vec<u64> = numbers.iter().flatten().map(f64::to_bits).collect();
    let count = bits.len();
    bits.sort_unstable();
    bits.dedup();
    bits.len() * 2 > count
}

/// A schema that names columns by the catalog's numbers, as DuckLake finds them.
fn with_ids(schema: &Schema, ids: &[i64]) -> Result<Schema, TablesError> {
    if schema.fields().len() != ids.len() {
        let counts = (schema.fields().len(), ids.len());
        return Err(TablesError::Missing(format!(
            "{} columns have {} numbers",
            counts.0, counts.1
        )));
    }
    let named = |(field, id): (&Arc<Field>, &i64)| {
        let id = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]);
        field.as_ref().clone().with_metadata(id)
    };
    Ok(Schema::new(schema.fields().iter().zip(ids).map(named).collect::<Vec<_>>()))
}

/// A day of the calendar. A device may tell a time that is beyond it: such rows have no partition,
/// as the library sees it, too.
fn date(day: i64) -> Option<NaiveDate> {
    let micros = day.checked_mul(DAY).and_then(chrono::DateTime::from_timestamp_micros);
    micros.map(|it| it.date_naive())
}

/// What a partition is told by, if it is by the calendar.
fn part(of: &PartitionTransform, day: NaiveDate) -> Option<i64> {
    match of {
        PartitionTransform::Year => Some(day.year().into()),
        PartitionTransform::Month => Some(day.month().into()),
        PartitionTransform::Day => Some(day.day().into()),
        _ => None,
    }
}

/// Whether a table is partitioned by parts of the date of its time, as tables are that we make.
fn is_by_calendar(partition: &PartitionSpec, time: Option<i64>) -> bool {
    partition
        .columns
        .iter()
        .all(|it| Some(it.column_id) == time && part(&it.transform, NaiveDate::default()).is_some())
}

/// Does work on a thread where it keeps nobody waiting.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TablesError> + Send + 'static,
) -> Result<T, TablesError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| DuckLakeError::Internal(error.to_string()))?
}

/// Bytes of the footer, as the file's last eight bytes tell.
fn footer_bytes(file: &[u8]) -> Option<i64> {
    let tail = file.last_chunk::<8>()?;
    tail.first_chunk::<4>().map(|it| i64::from(u32::from_le_bytes(*it)))
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn parquet_error(error: parquet::errors::ParquetError) -> TablesError {
    TablesError::Read(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, StringArray, TimestampMicrosecondArray};

    fn rows(rows: &[(&str, i64)]) -> RecordBatch {
        let devices = StringArray::from_iter_values(rows.iter().map(|it| it.0));
        let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|it| it.1));
        let columns: [(&str, ArrayRef); 2] =
            [("device", Arc::new(devices)), ("captured", Arc::new(times.with_timezone("UTC")))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn rows_lie_by_day_then_by_the_name_of_their_device_then_by_time() {
        let batches =
            [rows(&[("b", DAY), ("b", 5), ("c", -1)]), rows(&[("a", 7), ("b", 2), ("a", DAY + 1)])];
        let order = order_of("climate");
        let places = places(order, &batches).unwrap();
        let told: Vec<_> = days(&places)
            .into_iter()
            .map(|(day, range)| {
                let rows = gathered(&places[range], &batches, &batches[0].schema()).unwrap();
                let devices = text(&rows, "device").unwrap();
                let times = primitive::<TimestampMicrosecondType>(&rows, "captured").unwrap();
                let devices = devices.iter().flatten().map(str::to_owned);
                (day, devices.zip(times.values().to_vec()).collect::<Vec<_>>())
            })
            .collect();
        let row = |device: &str, time| (device.to_owned(), time);
        assert_eq!(
            told,
            [
                (-1, vec![row("c", -1)]),
                (0, vec![row("a", 7), row("b", 2), row("b", 5)]),
                (1, vec![row("a", DAY + 1), row("b", DAY)]),
            ]
        );
    }

    #[test]
    fn a_file_tells_of_its_columns_what_the_catalog_wants_to_know() {
        let batches = [rows(&[("b", 3), ("a", 1), ("b", 2)])];
        let places = places(order_of("climate"), &batches).unwrap();
        let schema = Arc::new(with_ids(&batches[0].schema(), &[7, 8]).unwrap());
        let laid = lay_out(&places, &batches, &schema, &[7, 8]).unwrap();
        assert_eq!(laid.rows, 3);
        let told: Vec<_> = laid
            .stats
            .iter()
            .map(|it| (it.column_id, it.min_value.clone(), it.max_value.clone(), it.value_count))
            .collect();
        let text = |it: &str| Some(it.to_owned());
        assert_eq!(told[0], (7, text("a"), text("b"), Some(3)));
        assert_eq!((told[1].0, told[1].3), (8, Some(3)));
        let bytes = i64::try_from(laid.bytes.len()).unwrap();
        assert!(footer_bytes(&laid.bytes).is_some_and(|it| it > 0 && it < bytes));
    }

    #[test]
    fn partitions_are_told_by_the_calendar() {
        let leap = date(11_016).unwrap();
        let told = [PartitionTransform::Year, PartitionTransform::Month, PartitionTransform::Day]
            .map(|it| part(&it, leap).unwrap());
        assert_eq!(told, [2000, 2, 29]);
        assert!(part(&PartitionTransform::Hour, leap).is_none());
        assert!(date(i64::MAX / DAY).is_none(), "no calendar reaches so far");
    }

    #[test]
    fn numbers_that_hardly_repeat_are_told_from_those_that_do() {
        let column = |of: fn(u32) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values((0..5_000).map(of)))
        };
        assert!(hardly_repeats(&column(f64::from)));
        assert!(!hardly_repeats(&column(|it| f64::from(it % 100))));
    }
}
