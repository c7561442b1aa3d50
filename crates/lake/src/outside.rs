//! Tables from elsewhere that a query may join: devices of the registry, facts of the plan.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use longlead_stream::Contract;

use crate::columns::{schema_of, with_commit};

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
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
}

/// A table that isn't of the lake, as columns of the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct OutsideTable {
    name: String,
    batch: RecordBatch,
    standing: Standing,
}

/// Where a table stands among the others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// A stream of the same name is hidden by it.
    First,
    /// It is hidden by a stream of the same name.
    Last,
    /// In a schema of its own, and without it named where nothing else has its name.
    Within(String),
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
                Values::Date(values) => Arc::new(Date32Array::from(values)),
            };
            fields.push(Field::new(column, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(arrays.first().map(|it| it.len()));
        let schema = Arc::new(Schema::new(fields));
        match RecordBatch::try_new_with_options(schema, arrays, &options) {
            Ok(batch) => Ok(OutsideTable { name, batch, standing: Standing::First }),
            Err(problem) => Err(OutsideError { name, problem }),
        }
    }

    /// The empty table of a stream that was agreed on: it is there before its first row is.
    pub fn of_contract(contract: &Contract) -> OutsideTable {
        let batch = RecordBatch::new_empty(schema_of(contract));
        let batch = with_commit(&batch, 0).unwrap_or(batch);
        OutsideTable { name: contract.stream().to_owned(), batch, standing: Standing::Last }
    }

    /// The same table in a schema of its own, such as `product.features`. Without the schema it is
    /// meant where no stream has its name.
    pub fn within(self, schema: impl Into<String>) -> OutsideTable {
        OutsideTable { standing: Standing::Within(schema.into()), ..self }
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Its name in SQL.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.batch
    }
}
