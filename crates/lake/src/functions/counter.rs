//! `increase` and `rate` of counters that begin anew at zero.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Counter {
    signature: Signature,
    is_rate: bool,
}

impl Counter {
    pub(super) fn increase() -> Counter {
        Counter { signature: Signature::user_defined(Volatility::Immutable), is_rate: false }
    }

    pub(super) fn rate() -> Counter {
        Counter { signature: Signature::user_defined(Volatility::Immutable), is_rate: true }
    }
}

fn micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

impl AggregateUDFImpl for Counter {
    fn name(&self) -> &str {
        if self.is_rate { "rate" } else { "increase" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [value, DataType::Timestamp(_, zone)] if value.is_numeric() => {
                let time = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
                Ok(vec![DataType::Float64, time])
            }
            _ => plan_err!("{} takes a number and a time", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Points { points: Vec::new(), is_rate: self.is_rate }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |name: &str, of: DataType| {
            let item = Field::new_list_field(of, true);
            let list = DataType::List(Arc::new(item));
            Arc::new(Field::new(format_state_name(args.name, name), list, true))
        };
        Ok(vec![list("times", DataType::Int64), list("values", DataType::Float64)])
    }
}

/// Points of a counter, in the order in which they came.
#[derive(Debug)]
struct Points {
    points: Vec<(i64, f64)>,
    is_rate: bool,
}

impl Points {
    fn extend(&mut self, times: &Int64Array, values: &Float64Array) {
        let points = times.iter().zip(values);
        self.points.extend(points.filter_map(|(time, value)| Some((time?, value?))));
    }

    /// A step down is a new beginning: what is counted since is what it shows.
    fn increase(&mut self) -> Option<f64> {
        self.points.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        if self.points.len() < 2 {
            return None;
        }
        let steps = self.points.iter().zip(self.points.iter().skip(1));
        Some(steps.map(|((_, a), (_, b))| if b >= a { b - a } else { *b }).sum())
    }

    fn result(&mut self) -> Option<f64> {
        let increase = self.increase()?;
        if !self.is_rate {
            return Some(increase);
        }
        let (first, last) = (self.points.first()?.0, self.points.last()?.0);
        let seconds = (last - first) as f64 / 1e6;
        (seconds > 0.0).then(|| increase / seconds)
    }
}

impl Accumulator for Points {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        if let [values, times] = columns {
            let times = cast(&cast(times, &micros())?, &DataType::Int64)?;
            self.extend(times.as_primitive::<Int64Type>(), values.as_primitive::<Float64Type>());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.result()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.points.capacity() * size_of::<(i64, f64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let times: Int64Array = self.points.iter().map(|it| it.0).collect();
        let values: Float64Array = self.points.iter().map(|it| it.1).collect();
        Ok(vec![one_list(Arc::new(times))?, one_list(Arc::new(values))?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if let [times, values] = states {
            let (times, values) = (times.as_list::<i32>(), values.as_list::<i32>());
            for row in 0..times.len() {
                let (times, values) = (times.value(row), values.value(row));
                self.extend(
                    times.as_primitive::<Int64Type>(),
                    values.as_primitive::<Float64Type>(),
                );
            }
        }
        Ok(())
    }
}

fn one_list(items: ArrayRef) -> Result<ScalarValue> {
    let item = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let end = i32::try_from(items.len()).unwrap_or(i32::MAX);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, end]));
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(item, offsets, items, None)?)))
}
