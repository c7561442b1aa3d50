//! One Parquet file: how its columns are encoded, its row groups, and what the catalog is told.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowNativeTypeOp as _, AsArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt64Type,
};
use datafusion_ducklake::metadata_writer::ColumnStat;
use datafusion_ducklake::stats_collect::{accumulate_nan_flags, compute_column_stats};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY, parquet_to_arrow_schema};
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::rows::{Place, Pool};
use super::{Order, PACKING, PAGE_ROWS, ROW_GROUP_ROWS, TablesError};

/// Rows of which it is guessed whether a column repeats itself.
const SAMPLED_ROWS: usize = 4_096;

/// What the catalog is told of a file.
#[derive(Debug)]
pub(super) struct FileFacts {
    pub(super) rows: usize,
    pub(super) stats: Vec<ColumnStat>,
}

/// A Parquet file that is being written.
pub(super) struct FileWriter<'a, W: Write + Send> {
    sink: Option<&'a mut W>,
    writer: Option<ArrowWriter<&'a mut W>>,
    order: Order,
    schema: SchemaRef,
    /// The catalog's numbers of the columns that it is told of: the first ones.
    ids: Vec<i64>,
    nans: Vec<Option<bool>>,
    rows: usize,
}

impl<'a, W: Write + Send> FileWriter<'a, W> {
    /// A file whose columns are named by the catalog's numbers, as [`with_ids`] does.
    pub(super) fn new(
        sink: &'a mut W,
        order: Order,
        schema: SchemaRef,
        ids: &[i64],
    ) -> FileWriter<'a, W> {
        let ids = ids.to_vec();
        FileWriter { sink: Some(sink), writer: None, order, schema, ids, nans: Vec::new(), rows: 0 }
    }

    /// Writes a slice in row groups of about the same size.
    pub(super) fn slice(&mut self, pool: &Pool, slice: &[Place]) -> Result<(), TablesError> {
        let groups = slice.len().div_ceil(ROW_GROUP_ROWS).max(1);
        for places in slice.chunks(slice.len().div_ceil(groups).max(1)) {
            self.row_group(&pool.gather(places, &self.schema)?)?;
        }
        Ok(())
    }

    fn row_group(&mut self, rows: &RecordBatch) -> Result<(), TablesError> {
        accumulate_nan_flags(&mut self.nans, rows, self.ids.len());
        if let Some(sink) = self.sink.take() {
            // The first rows show how columns are best written.
            let options = ArrowWriterOptions::new()
                .with_properties(properties(rows, self.order))
                .with_skip_arrow_metadata(true);
            let schema = Arc::clone(&self.schema);
            let writer = ArrowWriter::try_new_with_options(sink, schema, options);
            self.writer = Some(writer.map_err(TablesError::Parquet)?);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write(rows).map_err(TablesError::Parquet)?;
        writer.flush().map_err(TablesError::Parquet)?;
        self.rows += rows.num_rows();
        Ok(())
    }

    /// Ends the file.
    pub(super) fn end(self) -> Result<FileFacts, TablesError> {
        let Some(writer) = self.writer else {
            return Err(TablesError::Missing("a file without rows".to_owned()));
        };
        let metadata = writer.close().map_err(TablesError::Parquet)?;
        let file = metadata.file_metadata();
        let read = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata());
        let read = Arc::new(read.map_err(TablesError::Parquet)?);
        let count = signed(self.rows);
        let stats = compute_column_stats(&read, &metadata, &self.ids, count, &self.nans);
        Ok(FileFacts { rows: self.rows, stats })
    }
}

/// How a file is written whose first rows are these: times as differences, and numbers that hardly
/// repeat as they are.
fn properties(rows: &RecordBatch, order: Order) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(PACKING)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        // Of a page only that is told by which rows are in order: nothing else is narrow in it.
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        if field.name() == order.time || order.device == Some(field.name()) {
            let pages = EnabledStatistics::Page;
            properties = properties.set_column_statistics_enabled(path.clone(), pages);
        }
        if let Some(encoding) = encoding(field, column) {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, encoding);
        }
    }
    properties.build()
}

/// How a column is written that isn't by a dictionary.
fn encoding(field: &Field, column: &ArrayRef) -> Option<Encoding> {
    match field.data_type() {
        // Many rows are received at once.
        DataType::Timestamp(..) if field.name() != "received" => {
            Some(Encoding::DELTA_BINARY_PACKED)
        }
        DataType::Int64 if hardly_repeats::<Int64Type>(column) => {
            Some(Encoding::DELTA_BINARY_PACKED)
        }
        DataType::UInt64 if hardly_repeats::<UInt64Type>(column) => {
            Some(Encoding::DELTA_BINARY_PACKED)
        }
        DataType::Float64 if hardly_repeats::<Float64Type>(column) => Some(Encoding::PLAIN),
        _ => None,
    }
}

/// Whether numbers of a column mostly occur once, by some of them from everywhere in it.
fn hardly_repeats<T: ArrowPrimitiveType>(column: &ArrayRef) -> bool {
    let Some(numbers) = column.as_primitive_opt::<T>() else { return false };
    let step = (numbers.len() / SAMPLED_ROWS).max(1);
    let mut seen: Vec<T::Native> = numbers.iter().step_by(step).flatten().collect();
    let count = seen.len();
    seen.sort_unstable_by(|one, other| one.compare(*other));
    seen.dedup_by(|one, other| one.is_eq(*other));
    seen.len() * 2 > count
}

/// A schema that names columns by the catalog's numbers, as DuckLake finds them.
pub(super) fn with_ids(schema: &Schema, ids: &[i64]) -> Result<Schema, TablesError> {
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

pub(super) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::order_of;
    use arrow::array::{Float64Array, StringViewArray, TimestampMicrosecondArray, UInt64Array};
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::file::metadata::PageIndexPolicy;

    fn rows(count: usize) -> RecordBatch {
        let devices = (0..count).map(|it| format!("d{}", it % 3));
        let times = (0..count).map(|it| it as i64);
        let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
        let columns: [(&str, ArrayRef); 2] = [
            ("device", Arc::new(StringViewArray::from_iter_values(devices))),
            ("captured", Arc::new(times)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn written(rows: &RecordBatch) -> (Vec<u8>, FileFacts) {
        let order = order_of("climate");
        let (mut pool, mut places) = (Pool::new(order), Vec::new());
        pool.add(rows.clone(), &mut places).unwrap();
        let schema = Arc::new(with_ids(&rows.schema(), &[7, 8]).unwrap());
        let mut bytes = Vec::new();
        let mut sheet = FileWriter::new(&mut bytes, order, schema, &[7, 8]);
        for slice in pool.slices(&mut places) {
            sheet.slice(&pool, slice).unwrap();
        }
        let told = sheet.end().unwrap();
        (bytes, told)
    }

    #[test]
    fn the_catalog_is_told_what_columns_hold() {
        let (_, told) = written(&rows(30));
        assert_eq!(told.rows, 30);
        let [device, captured] = &told.stats[..] else { panic!("{:?}", told.stats) };
        let text = |it: &str| Some(it.to_owned());
        assert_eq!((device.column_id, device.value_count), (7, Some(30)));
        assert_eq!((device.min_value.clone(), device.max_value.clone()), (text("d0"), text("d2")));
        assert_eq!((captured.column_id, captured.null_count), (8, Some(0)));
    }

    #[test]
    fn pages_are_small_and_tell_the_devices_and_times_in_them() {
        let (bytes, _) = written(&rows(PAGE_ROWS * 5));
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let read = ArrowReaderMetadata::load(&bytes::Bytes::from(bytes), options).unwrap();
        let pages = read.metadata().offset_index().unwrap();
        assert!(pages[0].iter().all(|it| it.page_locations().len() == 5));
        let told = read.metadata().column_index().unwrap();
        assert!(told[0].iter().all(|it| it.num_pages() == 5));
    }

    #[test]
    fn numbers_that_hardly_repeat_are_told_from_those_that_do() {
        let column = |of: fn(u32) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values((0..50_000).map(of)))
        };
        assert!(hardly_repeats::<Float64Type>(&column(f64::from)));
        assert!(!hardly_repeats::<Float64Type>(&column(|it| f64::from(it % 100))));
        assert!(hardly_repeats::<Float64Type>(&column(|it| f64::from(it.max(10_000)))));
        assert!(!hardly_repeats::<UInt64Type>(&column(f64::from)), "they are of another type");
        let none: ArrayRef = Arc::new(UInt64Array::new_null(10));
        assert!(!hardly_repeats::<UInt64Type>(&none));
    }
}
