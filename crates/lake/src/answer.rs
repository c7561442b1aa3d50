//! What a query gives: rows as they come, or their text in a format.

mod encode;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Schema, TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use tokio::sync::mpsc::Receiver;

use crate::fault::QueryError;

pub use encode::{Encoded, Format};

/// What a column of an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Truths.
    Bool,
    /// Signed integers of up to 64 bits.
    Integer,
    /// Unsigned integers of up to 64 bits.
    Unsigned,
    /// Floats of up to 64 bits.
    Float,
    /// UTF-8.
    Text,
    /// An instant, in microseconds since 1970-01-01T00:00Z.
    Time,
    /// A day, in days since 1970-01-01.
    Date,
    /// Bytes.
    Bytes,
    /// Anything else, such as spans and lists: told as text.
    Other,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerColumn {
    /// Its name, as the query says.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// One value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Of kind [`Kind::Bool`].
    Bool(bool),
    /// Of kind [`Kind::Integer`].
    Integer(i64),
    /// Of kind [`Kind::Unsigned`].
    Unsigned(u64),
    /// Of kind [`Kind::Float`].
    Float(f64),
    /// Of kind [`Kind::Text`].
    Text(&'a str),
    /// Of kind [`Kind::Time`]: microseconds since 1970-01-01T00:00Z.
    Time(i64),
    /// Of kind [`Kind::Date`]: days since 1970-01-01.
    Date(i32),
    /// Of kind [`Kind::Bytes`].
    Bytes(&'a [u8]),
    /// Of kind [`Kind::Other`].
    Other(String),
}

/// Some rows of an answer.
#[derive(Clone, Debug)]
pub struct Page {
    batch: RecordBatch,
}

impl Page {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// A value, by row and column; null past the end.
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        match self.batch.columns().get(column) {
            Some(array) if row < array.len() => cell(array, row),
            _ => Cell::Null,
        }
    }
}

/// Rows of an answer as they come. Dropping it ends the query.
#[derive(Debug)]
pub struct Answer {
    schema: arrow::datatypes::SchemaRef,
    columns: Vec<AnswerColumn>,
    pages: Receiver<Result<RecordBatch, QueryError>>,
    rows_left: usize,
    is_truncated: bool,
}

impl Answer {
    pub(crate) fn new(
        schema: arrow::datatypes::SchemaRef,
        pages: Receiver<Result<RecordBatch, QueryError>>,
        rows_max: usize,
    ) -> Answer {
        let columns = columns(&schema);
        Answer { schema, columns, pages, rows_left: rows_max, is_truncated: false }
    }

    /// Its columns.
    pub fn columns(&self) -> &[AnswerColumn] {
        &self.columns
    }

    /// Whether rows were left out because the limit was reached. Known after the last page.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// The next rows; nothing after the last.
    pub async fn next(&mut self) -> Option<Result<Page, QueryError>> {
        Some(self.next_batch().await?.map(|batch| Page { batch }))
    }

    /// All rows at once, for answers that are small.
    pub async fn all(mut self) -> Result<Vec<Page>, QueryError> {
        let mut pages = Vec::new();
        while let Some(page) = self.next().await {
            pages.push(page?);
        }
        Ok(pages)
    }

    /// The rest of it in a format, in parts as they come.
    pub fn encoded(self, format: Format) -> Encoded {
        Encoded::of(self, format)
    }

    async fn next_batch(&mut self) -> Option<Result<RecordBatch, QueryError>> {
        loop {
            let batch = match self.pages.recv().await? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            if batch.num_rows() == 0 {
                continue;
            }
            if self.rows_left == 0 {
                self.is_truncated = true;
                self.pages.close();
                return None;
            }
            let taken = batch.num_rows().min(self.rows_left);
            self.is_truncated |= taken < batch.num_rows();
            self.rows_left -= taken;
            return Some(Ok(batch.slice(0, taken)));
        }
    }
}

pub(crate) fn columns(schema: &Schema) -> Vec<AnswerColumn> {
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| AnswerColumn {
        name: field.name().clone(),
        kind: kind(field.data_type()),
    };
    schema.fields().iter().map(column).collect()
}

pub(crate) fn kind(of: &DataType) -> Kind {
    match of {
        DataType::Boolean => Kind::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Integer,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Kind::Unsigned,
        DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Timestamp(..) => Kind::Time,
        DataType::Date32 => Kind::Date,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Bytes,
        _ => Kind::Other,
    }
}

fn cell(array: &ArrayRef, row: usize) -> Cell<'_> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Cell::Integer(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Cell::Integer(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Cell::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Cell::Unsigned(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Cell::Unsigned(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Cell::Unsigned(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Cell::Unsigned(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row)),
        DataType::Timestamp(unit, _) => Cell::Time(micros(array, row, *unit)),
        DataType::Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Cell::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Cell::Bytes(array.as_binary_view().value(row)),
        _ => Cell::Other(array_value_to_string(array, row).unwrap_or_default()),
    }
}

fn micros(array: &ArrayRef, row: usize, unit: TimeUnit) -> i64 {
    use arrow::datatypes::{
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    };
    match unit {
        TimeUnit::Second => {
            array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000)
        }
        TimeUnit::Millisecond => {
            array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000)
        }
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => {
            array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000)
        }
    }
}
