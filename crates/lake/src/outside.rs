//! Tables from elsewhere that a query may join: devices of the registry, facts of the plan.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;

/// The values of a column, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// UTF-8.
    Text(Vec<Option<String>>),
    /// 64-bit floats.
    Float(Vec<Option<f64>>),
    /// 64-bit integers.
    Integer(Vec<Option<i64>>),
    /// Truths.
    Bool(Vec<Option<bool>>),
    /// Microseconds since 1970-01-01T00:00Z.
    Time(Vec<Option<i64>>),
}

/// A table that isn't of the lake, as columns of the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct OutsideTable {
    name: String,
    batch: RecordBatch,
}

/// Why columns are no table.
#[derive(Debug, thiserror::Error)]
#[error("the columns of table {name} don't make one: {problem}")]
pub struct OutsideError {
    name: String,
    problem: ArrowError,
}

impl OutsideTable {
    /// A table of named columns. A stream of the same name is hidden by it.
    pub fn new(
        name: impl Into<String>,
        columns: Vec<(String, Values)>,
    ) -> Result<OutsideTable, OutsideError> {
        let name = name.into();
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (column, values) in columns {
            let array: ArrayRef = match values {
                Values::Text(values) => Arc::new(StringArray::from(values)),
                Values::Float(values) => Arc::new(Float64Array::from(values)),
                Values::Integer(values) => Arc::new(Int64Array::from(values)),
                Values::Bool(values) => Arc::new(BooleanArray::from(values)),
                Values::Time(values) => {
                    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
                }
            };
            fields.push(Field::new(column, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(arrays.first().map(|it| it.len()));
        let schema = Arc::new(Schema::new(fields));
        match RecordBatch::try_new_with_options(schema, arrays, &options) {
            Ok(batch) => Ok(OutsideTable { name, batch }),
            Err(problem) => Err(OutsideError { name, problem }),
        }
    }

    /// Its name in SQL.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.batch
    }
}
