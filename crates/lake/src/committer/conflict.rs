//! A row whose identity is there already with other values, as it goes to quarantine.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type};
use longlead_stream::{
    Batch, Captured, Head, Quarantined, READING, Reason, UNKNOWN, Value, reading_to_json,
};

use crate::columns::Incoming;

/// The columns of every stream, before those of its contract.
const OWN_COLUMNS: usize = 7;

pub(super) fn conflict(incoming: &Incoming, row: usize) -> Quarantined {
    let device = incoming
        .device
        .get(row)
        .and_then(|it| incoming.devices.get(*it as usize))
        .map_or("", |it| it);
    let number = |name: &str| -> Option<u64> {
        let column = incoming.batch.column_by_name(name)?;
        let column = column.as_primitive_opt::<UInt64Type>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let time = |name: &str| -> i64 {
        let column = incoming.batch.column_by_name(name);
        let column = column.and_then(|it| it.as_primitive_opt::<TimestampMicrosecondType>());
        column.map_or(0, |it| it.value(row))
    };
    let (boot, sequence) = (number("boot"), number("sequence"));
    let mut batch = Batch::default();
    let head = Head {
        stream: batch.name(&incoming.stream),
        device: Some(batch.name(device)),
        captured: Captured::At(time("captured")),
        boot,
        sequence,
    };
    let values = values(incoming, row, &mut batch);
    batch.push(head, values);
    let payload = batch.readings().next().map(|it| reading_to_json(&batch, &it, None));
    Quarantined {
        reason: Reason::IdentityConflict,
        detail: detail(boot, sequence),
        stream: Some(incoming.stream.clone()),
        device: Some(device.to_owned()),
        received: time("received"),
        contract: Some(incoming.contract.version()),
        format: READING.to_owned(),
        payload: payload.unwrap_or_default(),
    }
}

fn detail(boot: Option<u64>, sequence: Option<u64>) -> String {
    match (boot, sequence) {
        (Some(boot), Some(sequence)) => {
            format!("sequence {sequence} of boot {boot} is there already with other values")
        }
        (None, Some(sequence)) => format!(
            "sequence {sequence} is there already with other values; does the device count anew \
             after a restart and not tell its boot?"
        ),
        _ => "the same captured time is there already with other values".to_owned(),
    }
}

/// The row's values, in the contract's units.
fn values(
    incoming: &Incoming,
    row: usize,
    batch: &mut Batch,
) -> Vec<(longlead_stream::Name, Value, Option<longlead_stream::Name>)> {
    let mut values = Vec::new();
    let columns = incoming.batch.columns().iter().skip(OWN_COLUMNS);
    for (of, column) in incoming.contract.columns().iter().zip(columns) {
        if column.is_null(row) || of.name == UNKNOWN {
            continue;
        }
        let value = match column.data_type() {
            DataType::Float64 => Value::Float(column.as_primitive::<Float64Type>().value(row)),
            DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
            DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
            _ => Value::Text(batch.keep(column.as_string::<i32>().value(row))),
        };
        let unit = of.unit.as_ref().map(|it| batch.name(it.code()));
        values.push((batch.name(&of.name), value, unit));
    }
    values
}
