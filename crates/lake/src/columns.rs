//! Rows as Arrow columns: the one place that knows how [`longlead_stream`] lays them out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int64Array, PrimitiveArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit,
    TimestampMicrosecondType, UInt64Type,
};
use arrow::error::ArrowError;
use longlead_stream::{
    Bits, Column, ColumnKind, Contract, Devices, Numbers, Quarantined, Rows, Texts, Validity,
};

use crate::identity::Keys;

/// The table of what doesn't fit.
pub(crate) const QUARANTINE: &str = "quarantine";
/// The number of the group of the log with which a row became durable.
pub(crate) const COMMIT: &str = "commit";

/// Columns that every stream has, before those of its contract.
const OWN: [&str; 7] = ["device", "captured", "received", "clock", "boot", "sequence", "contract"];

pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The columns of a contract's rows. All may be null in a table, since files differ in age.
pub(crate) fn schema_of(contract: &Contract) -> SchemaRef {
    let mut fields = own_fields();
    for column in contract.columns() {
        let kind = match column.kind {
            ColumnKind::Float => DataType::Float64,
            ColumnKind::Integer => DataType::Int64,
            ColumnKind::Bool => DataType::Boolean,
            ColumnKind::Text => DataType::Utf8,
        };
        fields.push(Field::new(&column.name, kind, true));
    }
    Arc::new(Schema::new(fields))
}

fn own_fields() -> Vec<Field> {
    let kind = |name: &str| match name {
        "captured" | "received" => timestamp(),
        "boot" | "sequence" => DataType::UInt64,
        "contract" => DataType::Int64,
        _ => DataType::Utf8,
    };
    OWN.iter().map(|name| Field::new(*name, kind(name), true)).collect()
}

/// The columns of the quarantine.
pub(crate) fn quarantine_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        Field::new("received", timestamp(), true),
        text("reason"),
        text("detail"),
        text("stream"),
        text("device"),
        Field::new("contract", DataType::Int64, true),
        text("format"),
        Field::new("payload", DataType::Binary, true),
    ]))
}

/// Rows of one stream on their way in, made ready where they were taken.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) stream: String,
    pub(crate) contract: Arc<Contract>,
    pub(crate) batch: RecordBatch,
    /// Each device once, and the place of each row's among them.
    pub(crate) devices: Vec<Box<str>>,
    pub(crate) device: Vec<u32>,
    /// Hashes of what rows say.
    pub(crate) content: Vec<u64>,
}

impl Incoming {
    pub(crate) fn of(rows: Rows) -> Result<Incoming, ArrowError> {
        let stream = rows.stream().to_owned();
        let schema = schema_of(&rows.contract);
        let version = i64::try_from(rows.contract.version()).unwrap_or(i64::MAX);
        let count = rows.len();
        let devices = rows.device.names().iter().map(|it| it.unwrap_or("").into()).collect();
        let device = rows.device.keys().to_vec();
        let clock: Vec<&str> = rows.clock.iter().map(|it| it.as_str()).collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(device_names(&rows.device)),
            Arc::new(TimestampMicrosecondArray::from(rows.captured).with_timezone("UTC")),
            Arc::new(TimestampMicrosecondArray::from(rows.received).with_timezone("UTC")),
            Arc::new(StringArray::from(clock)),
            Arc::new(numbers::<UInt64Type>(rows.boot)),
            Arc::new(numbers::<UInt64Type>(rows.sequence)),
            Arc::new(Int64Array::from_value(version, count)),
        ];
        for column in rows.columns {
            columns.push(values(column)?);
        }
        let batch = RecordBatch::try_new(schema, columns)?;
        let content = contents(&batch)?;
        Ok(Incoming { stream, contract: rows.contract, batch, devices, device, content })
    }
}

fn device_names(devices: &Devices) -> StringArray {
    devices.iter().map(Some).collect()
}

fn values(column: Column) -> Result<ArrayRef, ArrowError> {
    Ok(match column {
        Column::Float(column) => Arc::new(numbers::<Float64Type>(column)),
        Column::Integer(column) => Arc::new(numbers::<Int64Type>(column)),
        Column::Bool(column) => {
            let (values, validity) = column.into_parts();
            Arc::new(BooleanArray::new(bits(values), nulls(validity)))
        }
        Column::Text(column) => Arc::new(texts(column)?),
    })
}

fn numbers<T: ArrowPrimitiveType>(column: Numbers<T::Native>) -> PrimitiveArray<T>
where
    T::Native: Copy + Default,
{
    let (values, validity) = column.into_parts();
    PrimitiveArray::new(ScalarBuffer::from(values), nulls(validity))
}

fn texts(column: Texts) -> Result<StringArray, ArrowError> {
    let (text, offsets, validity) = column.into_parts();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from(text.into_bytes()), nulls(validity))
}

fn nulls(validity: Validity) -> Option<NullBuffer> {
    validity.into_bits().map(|it| NullBuffer::new(bits(it)))
}

fn bits(bits: Bits) -> BooleanBuffer {
    let length = bits.len();
    BooleanBuffer::new(Buffer::from(bits.into_bytes()), 0, length)
}

/// The quarantine's rows.
pub(crate) fn quarantine_batch(entries: &[Quarantined]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&Quarantined) -> Option<&str>| -> ArrayRef {
        Arc::new(entries.iter().map(of).collect::<StringArray>())
    };
    let received = entries.iter().map(|it| it.received).collect::<Vec<_>>();
    let contract = entries.iter().map(|it| it.contract.and_then(|it| i64::try_from(it).ok()));
    let payload: BinaryArray = entries.iter().map(|it| Some(it.payload.as_slice())).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from(received).with_timezone("UTC")),
        text(|it| Some(it.reason.as_str())),
        text(|it| Some(&it.detail)),
        text(|it| it.stream.as_deref()),
        text(|it| it.device.as_deref()),
        Arc::new(contract.collect::<Int64Array>()),
        text(|it| Some(&it.format)),
        Arc::new(payload),
    ];
    RecordBatch::try_new(quarantine_schema(), columns)
}

/// A batch with the number of its group as last column.
pub(crate) fn with_commit(batch: &RecordBatch, group: u64) -> Result<RecordBatch, ArrowError> {
    let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(COMMIT, DataType::Int64, true)));
    let mut columns = batch.columns().to_vec();
    let group = i64::try_from(group).unwrap_or(i64::MAX);
    columns.push(Arc::new(Int64Array::from_value(group, batch.num_rows())));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// A batch in the columns of a schema, by name: nulls where it has none, cast where types differ.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns: Result<Vec<ArrayRef>, ArrowError> = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => arrow::compute::cast(column, field.data_type()),
            None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
        })
        .collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns?, &options)
}

/// The columns of a table's rows without one of them, as rows have them before they are stored.
pub(crate) fn plain(schema: &SchemaRef, without: &str) -> SchemaRef {
    let plain = |field: &Arc<Field>| {
        let kind = match field.data_type() {
            DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
            DataType::Timestamp(..) => timestamp(),
            other => other.clone(),
        };
        Field::new(field.name(), kind, true)
    };
    let fields = schema.fields().iter().filter(|it| it.name() != without);
    Arc::new(Schema::new(fields.map(plain).collect::<Vec<_>>()))
}

/// The name of a column's type in SQL.
pub(crate) fn sql_type(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt64 => "BIGINT UNSIGNED".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BYTEA".to_owned(),
        other => other.to_string(),
    }
}

/// The columns that a row's identity is made of.
#[derive(Debug)]
pub(crate) struct IdentityColumns {
    pub(crate) captured: TimestampMicrosecondArray,
    pub(crate) boot: UInt64Array,
    pub(crate) sequence: UInt64Array,
}

impl IdentityColumns {
    pub(crate) fn of(batch: &RecordBatch) -> Result<IdentityColumns, ArrowError> {
        Ok(IdentityColumns {
            captured: primitive::<TimestampMicrosecondType>(batch, "captured")?,
            boot: primitive::<UInt64Type>(batch, "boot")?,
            sequence: primitive::<UInt64Type>(batch, "sequence")?,
        })
    }

    pub(crate) fn keys<'a>(&'a self, device: &'a [u32], content: &'a [u64]) -> Keys<'a> {
        let captured = self.captured.values();
        Keys { device, captured, boot: &self.boot, sequence: &self.sequence, content }
    }
}

/// A column of numbers or times of a batch.
pub(crate) fn primitive<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
) -> Result<PrimitiveArray<T>, ArrowError> {
    let column = batch.column_by_name(name).ok_or_else(|| missing(name))?;
    column.as_primitive_opt::<T>().cloned().ok_or_else(|| missing(name))
}

/// A text column of a batch.
pub(crate) fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, ArrowError> {
    let column = batch.column_by_name(name).ok_or_else(|| missing(name))?;
    column.as_string_opt::<i32>().ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("a column `{name}` of rows is expected"))
}

/// What each row says, as a hash: its values by field, whatever the order of fields, with those
/// that are null left out, so that a field that a contract gains changes nothing. With a sequence,
/// the captured time counts as said, if the device told it.
pub(crate) fn contents(batch: &RecordBatch) -> Result<Vec<u64>, ArrowError> {
    let mut hashes = vec![0_u64; batch.num_rows()];
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let name = field.name();
        if !OWN.contains(&name.as_str()) && name != COMMIT {
            add_column(&mut hashes, hash_text(name.as_bytes()), column)?;
        }
    }
    let sequence = primitive::<UInt64Type>(batch, "sequence")?;
    if sequence.null_count() < sequence.len() {
        let captured = primitive::<TimestampMicrosecondType>(batch, "captured")?;
        let clock = text(batch, "clock")?;
        for (row, hash) in hashes.iter_mut().enumerate() {
            // Else it was reckoned here or heard by somebody, so it differs at each delivery.
            let is_told = clock.is_valid(row)
                && !matches!(clock.value(row), "reckoned" | "received" | "heard");
            if sequence.is_valid(row) && is_told {
                let told = captured.value(row).cast_unsigned();
                *hash = hash.wrapping_add(mix(told ^ 0x7469_6d65_2074_6f6c));
            }
        }
    }
    Ok(hashes)
}

fn add_column(hashes: &mut [u64], salt: u64, column: &ArrayRef) -> Result<(), ArrowError> {
    match column.data_type() {
        DataType::Float64 => {
            let column = column.as_primitive::<Float64Type>();
            add(hashes, column, |row| mix(column.value(row).to_bits() ^ salt));
        }
        DataType::Int64 => {
            let column = column.as_primitive::<Int64Type>();
            add(hashes, column, |row| mix(column.value(row).cast_unsigned() ^ salt));
        }
        DataType::Boolean => {
            let column = column.as_boolean();
            add(hashes, column, |row| mix(u64::from(column.value(row)) ^ salt));
        }
        DataType::Utf8 => {
            let column = column.as_string::<i32>();
            add(hashes, column, |row| mix(hash_text(column.value(row).as_bytes()) ^ salt));
        }
        other => return Err(ArrowError::SchemaError(format!("no field of a row is {other}"))),
    }
    Ok(())
}

fn add(hashes: &mut [u64], column: &dyn Array, hash: impl Fn(usize) -> u64) {
    if column.null_count() == 0 {
        for (row, it) in hashes.iter_mut().enumerate() {
            *it = it.wrapping_add(hash(row));
        }
        return;
    }
    for (row, it) in hashes.iter_mut().enumerate() {
        if column.is_valid(row) {
            *it = it.wrapping_add(hash(row));
        }
    }
}

/// Folds a product of 128 bits, as wyhash does.
pub(crate) fn mix(number: u64) -> u64 {
    let product = u128::from(number ^ 0xa076_1d64_78bd_642f) * 0xe703_7ed1_a0b4_28db;
    product as u64 ^ (product >> 64) as u64
}

pub(crate) fn hash_text(bytes: &[u8]) -> u64 {
    let mut hash = mix(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        hash = mix(hash ^ u64::from_le_bytes(word));
    }
    hash
}
