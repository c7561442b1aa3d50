//! What goes into and comes out of a row.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::StoreError;

/// A value that is bound to a placeholder or read from a column. NULL has a type of its own,
/// which PostgreSQL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
}

/// The values of a statement, in the order of its placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::store::Value::from($value)),*] };
}
pub(crate) use values;

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Value {
        Value::Text(text)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Value {
        Value::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Value {
        Value::Integer(Some(integer))
    }
}

impl From<Option<i64>> for Value {
    fn from(integer: Option<i64>) -> Value {
        Value::Integer(integer)
    }
}

/// Refuses texts that have a U+0000.
pub(super) fn without_nul(values: &[Value]) -> Result<(), StoreError> {
    let has_nul = |value: &Value| matches!(value, Value::Text(Some(text)) if text.contains('\0'));
    match values.iter().any(has_nul) {
        true => Err(StoreError::Nul),
        false => Ok(()),
    }
}

/// The placeholders of several rows: `($1, $2), ($3, $4)`.
pub(crate) fn places(rows: usize, columns: usize) -> String {
    let place = |row: usize| move |column: usize| format!("${}", row * columns + column + 1);
    let row = |row: usize| {
        let places: Vec<String> = (0..columns).map(place(row)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row(Vec<Value>);

impl Row {
    pub(crate) fn of_sqlite(row: &SqliteRow) -> Result<Row, StoreError> {
        let value = |index: usize| {
            let raw = row.try_get_raw(index)?;
            match raw.type_info().name() {
                _ if raw.is_null() => Ok(Value::Text(None)),
                "INTEGER" => Ok(Value::Integer(row.try_get(index)?)),
                "TEXT" => Ok(Value::Text(row.try_get(index)?)),
                other => Err(wrong_type(other)),
            }
        };
        (0..row.len()).map(value).collect::<Result<_, _>>().map(Row)
    }

    pub(crate) fn of_postgres(row: &PgRow) -> Result<Row, StoreError> {
        let value = |index: usize| match row.try_column(index)?.type_info().name() {
            "INT8" => Ok(Value::Integer(row.try_get(index)?)),
            "TEXT" => Ok(Value::Text(row.try_get(index)?)),
            other => Err(wrong_type(other)),
        };
        (0..row.len()).map(value).collect::<Result<_, _>>().map(Row)
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.0
    }

    pub(crate) fn text(&self, index: usize) -> Result<String, StoreError> {
        self.text_or_null(index)?.ok_or_else(|| missing(index))
    }

    pub(crate) fn integer(&self, index: usize) -> Result<i64, StoreError> {
        self.integer_or_null(index)?.ok_or_else(|| missing(index))
    }

    pub(crate) fn text_or_null(&self, index: usize) -> Result<Option<String>, StoreError> {
        match self.0.get(index) {
            Some(Value::Text(text)) => Ok(text.clone()),
            Some(Value::Integer(None)) => Ok(None),
            _ => Err(StoreError::Unexpected(format!("column {index} of an answer is no text"))),
        }
    }

    pub(crate) fn integer_or_null(&self, index: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(index) {
            Some(Value::Integer(integer)) => Ok(*integer),
            Some(Value::Text(None)) => Ok(None),
            _ => Err(StoreError::Unexpected(format!("column {index} of an answer is no integer"))),
        }
    }
}

fn missing(index: usize) -> StoreError {
    StoreError::Unexpected(format!("column {index} of an answer is empty"))
}

fn wrong_type(name: &str) -> StoreError {
    StoreError::Unexpected(format!("a column has the type {name}"))
}
