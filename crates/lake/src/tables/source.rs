//! Files that are merged: read row group by row group, and given out as rows that lie together.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray, Int64Array, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion_ducklake::DuckLakeTableFile;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;

use super::TablesError;
use super::rows::{Place, Pool, of_type, viewed};
use super::write::Layout;

/// Bytes that a row takes beside its values while its place is sorted.
const PLACE_BYTES: u64 = 64;

/// A file that is read row group by row group.
pub(super) struct Source {
    file: File,
    metadata: ArrowReaderMetadata,
    /// For each column that is wanted its place in the file.
    columns: Vec<Option<usize>>,
    /// The number of the first row, where the file doesn't hold them.
    first: Option<i64>,
    groups: Vec<Group>,
}

/// A row group.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// The times of its earliest and its latest row, or before and after.
    time: (i64, i64),
    /// Rows of the file before it.
    before: usize,
    rows: usize,
    /// Bytes of its rows in memory, about.
    bytes: u64,
}

impl Source {
    pub(super) fn open(
        of: &DuckLakeTableFile,
        path: &Path,
        layout: &Layout,
    ) -> Result<Source, TablesError> {
        let file = File::open(path).map_err(TablesError::file(path))?;
        let options = ArrowReaderOptions::new();
        let plain = ArrowReaderMetadata::load(&file, options).map_err(TablesError::Parquet)?;
        let options = ArrowReaderOptions::new().with_schema(viewed(plain.schema()));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options);
        let metadata = metadata.map_err(TablesError::Parquet)?;
        let id = |field: &Field| field.metadata().get(PARQUET_FIELD_ID_META_KEY).cloned();
        let place = |wanted: &str| {
            let mut fields = metadata.schema().fields().iter();
            fields.position(|it| id(it).as_deref() == Some(wanted))
        };
        let columns = layout.schema.fields().iter();
        let columns: Vec<Option<usize>> =
            columns.map(|it| id(it).and_then(|it| place(&it))).collect();
        if of.row_id_start.is_none() && columns.last().is_none_or(Option::is_none) {
            let path = path.display();
            return Err(TablesError::Missing(format!("nothing numbers the rows of {path}")));
        }
        let times = layout.schema.index_of(layout.order.time)?;
        let mut source =
            Source { file, columns, first: of.row_id_start, groups: Vec::new(), metadata };
        source.groups = source.found(times)?;
        Ok(source)
    }

    fn found(&self, times: usize) -> Result<Vec<Group>, TablesError> {
        let (metadata, schema) = (self.metadata.metadata(), self.metadata.schema());
        let groups = metadata.row_groups();
        let mut bounds: Option<(ArrayRef, ArrayRef)> = None;
        if let Some(place) = self.columns.get(times).copied().flatten() {
            let descriptor = metadata.file_metadata().schema_descr();
            let told = StatisticsConverter::try_new(schema.field(place).name(), schema, descriptor)
                .and_then(|it| Ok((it.row_group_mins(groups)?, it.row_group_maxes(groups)?)));
            bounds = Some(told.map_err(TablesError::Parquet)?);
        }
        let bound = |column: Option<&ArrayRef>, place: usize| {
            let column = column?.as_primitive_opt::<TimestampMicrosecondType>()?;
            column.is_valid(place).then(|| column.value(place))
        };
        let values: u64 = schema.fields().iter().map(|it| width(it.data_type())).sum();
        let width = values + PLACE_BYTES;
        let mut before = 0;
        let group = |(place, group): (usize, &RowGroupMetaData)| {
            let rows = usize::try_from(group.num_rows()).unwrap_or(0);
            let earliest = bound(bounds.as_ref().map(|it| &it.0), place).unwrap_or(i64::MIN);
            let latest = bound(bounds.as_ref().map(|it| &it.1), place).unwrap_or(i64::MAX);
            let bytes = rows as u64 * width + group.total_byte_size().max(0).cast_unsigned();
            before += rows;
            Group { time: (earliest, latest), before: before - rows, rows, bytes }
        };
        Ok(groups.iter().enumerate().map(group).collect())
    }

    fn read(&self, place: usize, schema: &SchemaRef) -> Result<Vec<RecordBatch>, TablesError> {
        let Some(group) = self.groups.get(place) else { return Ok(Vec::new()) };
        let file = self.file.try_clone().map_err(TablesError::Io)?;
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_row_groups(vec![place])
                .with_batch_size(group.rows.max(1))
                .build()
                .map_err(TablesError::Parquet)?;
        let mut before = group.before;
        let mut batches = Vec::new();
        for batch in reader {
            let batch = batch?;
            batches.push(self.conformed(&batch, before, schema)?);
            before += batch.num_rows();
        }
        Ok(batches)
    }

    /// Rows in the columns that are wanted, with their numbers as the last.
    fn conformed(
        &self,
        batch: &RecordBatch,
        before: usize,
        schema: &SchemaRef,
    ) -> Result<RecordBatch, ArrowError> {
        let count = batch.num_rows();
        let column = |(field, place): (&Arc<Field>, &Option<usize>)| {
            let found = place.and_then(|it| batch.columns().get(it));
            match found {
                Some(column) => of_type(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), count)),
            }
        };
        let columns: Result<Vec<ArrayRef>, ArrowError> =
            schema.fields().iter().zip(&self.columns).map(column).collect();
        let mut columns = columns?;
        if let (Some(first), Some(None), Some(last)) =
            (self.first, self.columns.last(), columns.last_mut())
        {
            let first = first + i64::try_from(before).unwrap_or(i64::MAX);
            let numbers = (first..).take(count);
            *last = Arc::new(Int64Array::from_iter_values(numbers));
        }
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

/// Bytes of a value in memory, without those of texts.
fn width(of: &DataType) -> u64 {
    match of {
        DataType::Boolean => 1,
        DataType::Utf8View | DataType::BinaryView => 16,
        _ => 8,
    }
}

/// Bytes of the rows that are held at once at most when sources are merged: those that lie together
/// in time.
pub(super) fn held(sources: &[Source]) -> u64 {
    let groups = || sources.iter().flat_map(|it| &it.groups);
    let starts = groups().map(|it| (it.time.0, 0, it.bytes));
    let ends = groups().map(|it| (it.time.1, 1, it.bytes));
    let mut events: Vec<(i64, u8, u64)> = starts.chain(ends).collect();
    events.sort_unstable();
    let (mut now, mut most) = (0_u64, 0);
    for (_, event, bytes) in events {
        now = if event == 0 { now.saturating_add(bytes) } else { now.saturating_sub(bytes) };
        most = most.max(now);
    }
    most
}

/// Gives out all rows in slices, one after the other in time, and tells whether it was let to the
/// end. Only as much is held as lies together in time: row groups are read in order of their earliest
/// rows.
pub(super) fn in_slices(
    sources: &[Source],
    layout: &Layout,
    is_stopped: &dyn Fn() -> bool,
    mut give: impl FnMut(&Pool, &[Place]) -> Result<(), TablesError>,
) -> Result<bool, TablesError> {
    let groups = |it: &Source| it.groups.iter().copied().enumerate().collect::<Vec<_>>();
    let mut groups: Vec<(i64, &Source, usize)> = sources
        .iter()
        .flat_map(|source| {
            groups(source).into_iter().map(move |(place, it)| (it.time.0, source, place))
        })
        .collect();
    groups.sort_by_key(|it| it.0);
    let mut pool = Pool::new(layout.order);
    let mut places = Vec::new();
    let mut next = groups.iter().skip(1).map(|it| it.0);
    for (_, source, place) in &groups {
        if is_stopped() {
            return Ok(false);
        }
        for batch in source.read(*place, &layout.schema)? {
            pool.add(batch, &mut places)?;
        }
        let Some(next) = next.next() else { break };
        // Before that no row comes any more.
        let count = pool.slice_rows();
        while places.len() >= count && places.iter().filter(|it| it.time < next).count() >= count {
            places.select_nth_unstable_by_key(count - 1, |it| it.time);
            let mut slice: Vec<Place> = places.drain(..count).collect();
            for slice in pool.slices(&mut slice) {
                give(&pool, slice)?;
            }
            pool.forget(&slice);
        }
    }
    for slice in pool.slices(&mut places) {
        give(&pool, slice)?;
    }
    Ok(true)
}
