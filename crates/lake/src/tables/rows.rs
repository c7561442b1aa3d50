//! Rows from wherever they lie, brought into the order in which files have them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::{Order, ROW_GROUP_ROWS};
use crate::columns::primitive;
use crate::identity::Map;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
/// Rows that a device has in a slice, if there is room: then a question for one device reads few
/// pages that hold it, and one for a span of time few slices.
const DEVICE_ROWS: usize = 1_024;
/// Rows of a slice at most: what a merge has to hold.
const SLICE_ROWS_MAX: usize = 1 << 19;

/// A row: its device by number, its time, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    device: u32,
    pub(super) time: i64,
    batch: u32,
    row: u32,
}

impl Place {
    /// Its day, counted from 1970.
    pub(super) fn day(self) -> i64 {
        self.time.div_euclid(DAY)
    }
}

/// A batch, and how many of its rows are still to be laid out.
#[derive(Debug)]
struct Pooled {
    batch: RecordBatch,
    left: usize,
}

/// Batches whose rows are laid out in another order.
#[derive(Debug)]
pub(super) struct Pool {
    order: Order,
    pooled: Vec<Option<Pooled>>,
    /// Devices, numbered as they came.
    devices: Map<Box<str>, u32>,
    /// For the number of each device its place by name, as far as it was asked for.
    ranks: Vec<u32>,
}

impl Pool {
    pub(super) fn new(order: Order) -> Pool {
        Pool { order, pooled: Vec::new(), devices: Map::default(), ranks: Vec::new() }
    }

    /// Takes a batch, and adds the places of its rows to others.
    pub(super) fn add(
        &mut self,
        batch: RecordBatch,
        places: &mut Vec<Place>,
    ) -> Result<(), ArrowError> {
        let times = primitive::<TimestampMicrosecondType>(&batch, self.order.time)?;
        let numbers = match self.order.device {
            Some(name) => self.number(column(&batch, name)?),
            None => vec![0; batch.num_rows()],
        };
        let number = u32::try_from(self.pooled.len())
            .map_err(|_| ArrowError::ComputeError("there are too many batches".to_owned()))?;
        let of_row = |((row, device), time): ((u32, u32), &i64)| Place {
            device,
            time: *time,
            batch: number,
            row,
        };
        places.extend((0..).zip(numbers).zip(times.values()).map(of_row));
        self.pooled.push(Some(Pooled { left: batch.num_rows(), batch }));
        Ok(())
    }

    /// The number of each row's device.
    fn number(&mut self, names: &StringViewArray) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(names.len());
        let mut last: Option<(&str, u32)> = None;
        for name in names {
            let name = name.unwrap_or("");
            let number = match last {
                // Rows of one device mostly stand together.
                Some((before, number)) if before == name => number,
                _ => self.number_of(name),
            };
            last = Some((name, number));
            numbers.push(number);
        }
        numbers
    }

    fn number_of(&mut self, device: &str) -> u32 {
        if let Some(number) = self.devices.get(device) {
            return *number;
        }
        let next = u32::try_from(self.devices.len()).unwrap_or(u32::MAX);
        self.devices.insert(device.into(), next);
        next
    }

    /// Rows that a slice should have.
    pub(super) fn slice_rows(&self) -> usize {
        (self.devices.len() * DEVICE_ROWS).clamp(ROW_GROUP_ROWS, SLICE_ROWS_MAX)
    }

    /// Cuts rows into slices, one after the other in time; in each, rows stand by device and time.
    pub(super) fn slices<'a>(&mut self, places: &'a mut [Place]) -> Vec<&'a [Place]> {
        self.rank();
        let ranks = &self.ranks;
        let count = (places.len() / self.slice_rows()).max(1);
        if count > 1 {
            places.sort_unstable_by_key(|it| (it.time, it.batch, it.row));
        }
        let each = places.len().div_ceil(count).max(1);
        let slice = |slice: &'a mut [Place]| -> &'a [Place] {
            let rank = |it: &Place| ranks.get(it.device as usize).copied().unwrap_or(0);
            slice.sort_unstable_by_key(|it| (rank(it), it.time, it.batch, it.row));
            slice
        };
        places.chunks_mut(each).map(slice).collect()
    }

    /// Orders devices by their names.
    fn rank(&mut self) {
        if self.ranks.len() == self.devices.len() {
            return;
        }
        let mut names: Vec<(&str, u32)> =
            self.devices.iter().map(|(name, number)| (&**name, *number)).collect();
        names.sort_unstable();
        self.ranks = vec![0; names.len()];
        for (rank, (_, number)) in (0..).zip(&names) {
            if let Some(it) = self.ranks.get_mut(*number as usize) {
                *it = rank;
            }
        }
    }

    /// Rows in one batch, in this order.
    pub(super) fn gather(
        &self,
        places: &[Place],
        schema: &SchemaRef,
    ) -> Result<RecordBatch, ArrowError> {
        let mut batches = Vec::new();
        let mut numbers = vec![usize::MAX; self.pooled.len()];
        let mut at = Vec::with_capacity(places.len());
        let gone = || ArrowError::ComputeError("a row is laid out twice".to_owned());
        for place in places {
            let number = numbers.get_mut(place.batch as usize).ok_or_else(gone)?;
            if *number == usize::MAX {
                let pooled = self.pooled.get(place.batch as usize).and_then(Option::as_ref);
                *number = batches.len();
                batches.push(&pooled.ok_or_else(gone)?.batch);
            }
            at.push((*number, place.row as usize));
        }
        let column = |place: usize| -> Result<ArrayRef, ArrowError> {
            let of: Vec<&dyn Array> = batches.iter().map(|it| it.column(place).as_ref()).collect();
            interleave(&of, &at)
        };
        let columns: Result<Vec<ArrayRef>, ArrowError> =
            (0..schema.fields().len()).map(column).collect();
        RecordBatch::try_new(Arc::clone(schema), columns?)
    }

    /// Forgets rows that are laid out, and the batches of which none is left.
    pub(super) fn forget(&mut self, places: &[Place]) {
        for place in places {
            let Some(slot) = self.pooled.get_mut(place.batch as usize) else { continue };
            if let Some(pooled) = slot {
                pooled.left = pooled.left.saturating_sub(1);
                if pooled.left == 0 {
                    *slot = None;
                }
            }
        }
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringViewArray, ArrowError> {
    let column = batch.column_by_name(name).and_then(|it| it.as_string_view_opt());
    column.ok_or_else(|| ArrowError::SchemaError(format!("a column `{name}` of rows is expected")))
}

/// A schema whose texts and bytes are views: rows are brought into another order without copying
/// them.
pub(super) fn viewed(schema: &Schema) -> SchemaRef {
    let viewed = |field: &Arc<Field>| {
        let kind = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            _ => return Arc::clone(field),
        };
        Arc::new(field.as_ref().clone().with_data_type(kind))
    };
    Arc::new(Schema::new(schema.fields().iter().map(viewed).collect::<Vec<_>>()))
}

/// A column of a type: itself, if it is of it.
pub(super) fn of_type(column: &ArrayRef, kind: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == kind { Ok(Arc::clone(column)) } else { cast(column, kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::order_of;
    use arrow::array::TimestampMicrosecondArray;

    fn rows(rows: impl IntoIterator<Item = (String, i64)>) -> RecordBatch {
        let (devices, times): (Vec<String>, Vec<i64>) = rows.into_iter().unzip();
        let times = TimestampMicrosecondArray::from(times).with_timezone("UTC");
        let columns: [(&str, ArrayRef); 2] = [
            ("device", Arc::new(StringViewArray::from_iter_values(devices))),
            ("captured", Arc::new(times)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn told(pool: &Pool, slice: &[Place], schema: &SchemaRef) -> Vec<(String, i64)> {
        let rows = pool.gather(slice, schema).unwrap();
        let devices = column(&rows, "device").unwrap();
        let times = primitive::<TimestampMicrosecondType>(&rows, "captured").unwrap();
        devices.iter().flatten().map(str::to_owned).zip(times.values().to_vec()).collect()
    }

    #[test]
    fn rows_lie_by_the_name_of_their_device_then_by_time() {
        let row = |device: &str, time| (device.to_owned(), time);
        let batches = [
            rows([row("b", 9), row("b", 5), row("c", -1)]),
            rows([row("a", 7), row("b", 2), row("a", 11)]),
        ];
        let (mut pool, mut places) = (Pool::new(order_of("climate")), Vec::new());
        for batch in &batches {
            pool.add(batch.clone(), &mut places).unwrap();
        }
        let slices = pool.slices(&mut places);
        let lying: Vec<_> = slices.iter().map(|it| told(&pool, it, &batches[0].schema())).collect();
        let sorted = [row("a", 7), row("a", 11), row("b", 2), row("b", 5), row("b", 9)];
        assert_eq!(lying, [[&sorted[..], &[row("c", -1)]].concat()]);
    }

    #[test]
    fn slices_follow_each_other_in_time_and_give_each_device_its_share() {
        let devices = 200;
        let count = 3 * devices * DEVICE_ROWS + 5;
        let row = |it: usize| (format!("d{:03}", it * 7 % devices), (it * 31 % count) as i64);
        let batch = rows((0..count).map(row));
        let (mut pool, mut places) = (Pool::new(order_of("climate")), Vec::new());
        pool.add(batch.clone(), &mut places).unwrap();
        assert_eq!(pool.slice_rows(), devices * DEVICE_ROWS);
        let slices = pool.slices(&mut places);
        assert_eq!(slices.len(), 3);
        let mut before = i64::MIN;
        for slice in &slices {
            let lying = told(&pool, slice, &batch.schema());
            assert!(lying.is_sorted());
            let times = || lying.iter().map(|it| it.1);
            assert!(times().min().unwrap() > before);
            before = times().max().unwrap();
        }
        assert_eq!(slices.iter().map(|it| it.len()).sum::<usize>(), count);
    }

    #[test]
    fn a_batch_is_forgotten_with_its_last_row_and_not_before() {
        let row = |time| ("a".to_owned(), time);
        let (mut pool, mut places) = (Pool::new(order_of("climate")), Vec::new());
        let batch = rows([row(1), row(2)]);
        pool.add(batch.clone(), &mut places).unwrap();
        pool.forget(&places[..1]);
        assert_eq!(told(&pool, &places[1..], &batch.schema()), [row(2)]);
        pool.forget(&places[1..]);
        assert!(pool.gather(&places[1..], &batch.schema()).is_err());
    }
}
