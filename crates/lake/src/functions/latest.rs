//! `first` and `last` by time: the value of the earliest and of the latest row that has one.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::{cast, not, nullif, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Latest {
    signature: Signature,
    is_last: bool,
}

impl Latest {
    pub(super) fn last() -> Latest {
        Latest { signature: Signature::user_defined(Volatility::Immutable), is_last: true }
    }

    pub(super) fn first() -> Latest {
        Latest { signature: Signature::user_defined(Volatility::Immutable), is_last: false }
    }

    fn groups(&self, of: &DataType) -> Result<Groups> {
        let none = ScalarValue::try_from(of)?;
        Ok(Groups {
            is_last: self.is_last,
            none,
            values: Vec::new(),
            times: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
        })
    }
}

impl AggregateUDFImpl for Latest {
    fn name(&self) -> &str {
        if self.is_last { "last" } else { "first" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            // Whatever can be put in order by a number of 64 bits.
            [value, time @ DataType::Timestamp(..)] => Ok(vec![value.clone(), time.clone()]),
            [value, DataType::Date32 | DataType::Date64 | DataType::Null] => {
                Ok(vec![value.clone(), DataType::Timestamp(TimeUnit::Microsecond, None)])
            }
            [value, time] if time.is_integer() => Ok(vec![value.clone(), DataType::Int64]),
            _ => plan_err!("{} takes a value and a time", self.name()),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(value) => Ok(value.clone()),
            None => internal_err!("{} takes a value and a time", self.name()),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One { groups: self.groups(args.return_field.data_type())? }))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups(args.return_field.data_type())?))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let named =
            |name, kind| Arc::new(Field::new(format_state_name(args.name, name), kind, true));
        let value = args.return_field.data_type().clone();
        Ok(vec![named("value", value), named("time", DataType::Int64)])
    }
}

/// For each group the value that counts, and its time. Null where there is none yet.
#[derive(Debug)]
struct Groups {
    is_last: bool,
    /// A null of the kind of values.
    none: ScalarValue,
    values: Vec<ScalarValue>,
    times: Vec<Option<i64>>,
    /// The row of each group that counts in the batch at hand, from 1 on; 0 for none.
    rows: Vec<usize>,
    /// What values hold beside themselves.
    bytes: usize,
}

impl Groups {
    /// The row of each group that counts most in a batch goes before what was known. Only its value
    /// is copied.
    fn take(
        &mut self,
        values: &ArrayRef,
        times: &Int64Array,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.values.resize(count, self.none.clone());
        self.times.resize(count, None);
        self.rows.resize(count, 0);
        let mut touched: Vec<usize> = Vec::new();
        let empty = values.logical_nulls().filter(|it| it.null_count() > 0);
        let untimed = times.nulls().filter(|it| it.null_count() > 0);
        for (row, group) in groups.iter().enumerate() {
            let counts = filter.is_none_or(|it| it.is_valid(row) && it.value(row));
            if !counts || empty.as_ref().is_some_and(|it| it.is_null(row)) {
                continue;
            }
            let time = match untimed {
                Some(untimed) if untimed.is_null(row) => self.least(),
                _ => times.value(row),
            };
            let Some(known) = self.times.get_mut(*group) else { continue };
            let goes_before = match known {
                None => true,
                Some(known) if self.is_last => time >= *known,
                Some(known) => time < *known,
            };
            if goes_before {
                *known = Some(time);
                if let Some(best) = self.rows.get_mut(*group)
                    && std::mem::replace(best, row + 1) == 0
                {
                    touched.push(*group);
                }
            }
        }
        for group in touched {
            let row = self.rows.get_mut(group).map_or(0, std::mem::take);
            let (Some(value), Some(row)) = (self.values.get_mut(group), row.checked_sub(1)) else {
                continue;
            };
            self.bytes = self.bytes.saturating_sub(beside(value));
            *value = ScalarValue::try_from_array(values, row)?;
            value.compact();
            self.bytes += beside(value);
        }
        Ok(())
    }

    /// What a row without a time counts: less than any other.
    fn least(&self) -> i64 {
        if self.is_last { i64::MIN } else { i64::MAX }
    }

    fn emitted(&mut self, emit_to: EmitTo) -> Result<(ArrayRef, ArrayRef)> {
        let values = emit_to.take_needed(&mut self.values);
        let times = emit_to.take_needed(&mut self.times);
        self.rows.truncate(self.values.len());
        let gone: usize = values.iter().map(beside).sum();
        self.bytes = self.bytes.saturating_sub(gone);
        let array = match values.is_empty() {
            true => self.none.to_array_of_size(0)?,
            false => ScalarValue::iter_to_array(values)?,
        };
        Ok((array, Arc::new(Int64Array::from(times))))
    }
}

/// What a value holds beside itself.
fn beside(value: &ScalarValue) -> usize {
    value.size().saturating_sub(size_of::<ScalarValue>())
}

fn two(arrays: &[ArrayRef]) -> Result<(&ArrayRef, Int64Array)> {
    let [values, times] = arrays else {
        return internal_err!("a value and a time are expected");
    };
    let times = match times.as_primitive_opt::<Int64Type>() {
        Some(times) => times.clone(),
        None => cast(times, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
    };
    Ok((values, times))
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        let (values, times) = two(values)?;
        self.take(values, &times, groups, filter, count)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.emitted(emit_to)?.0)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (values, times) = self.emitted(emit_to)?;
        Ok(vec![values, times])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        let (values, times) = two(states)?;
        self.take(values, &times, groups, None, count)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let (values, times) = two(values)?;
        let values = match filter {
            Some(filter) => nullif(values, &not(&prep_null_mask_filter(filter))?)?,
            None => Arc::clone(values),
        };
        Ok(vec![values, Arc::new(times)])
    }

    fn size(&self) -> usize {
        size_of::<Groups>()
            + self.bytes
            + self.values.capacity() * size_of::<ScalarValue>()
            + self.times.capacity() * size_of::<Option<i64>>()
            + self.rows.capacity() * size_of::<usize>()
    }
}

/// The same where nothing is grouped.
#[derive(Debug)]
struct One {
    groups: Groups,
}

impl One {
    fn take(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let (values, times) = two(arrays)?;
        self.groups.take(values, &times, &vec![0; values.len()], None, 1)
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.take(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.take(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.groups.values.first().unwrap_or(&self.groups.none).clone())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let time = self.groups.times.first().copied().flatten();
        Ok(vec![self.evaluate()?, ScalarValue::Int64(time)])
    }

    fn size(&self) -> usize {
        self.groups.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{StringArray, UInt32Array};
    use std::collections::BTreeMap;

    type Row = (usize, Option<i64>, Option<String>);

    fn arrays(rows: &[Row]) -> (ArrayRef, ArrayRef, Vec<usize>) {
        let values: StringArray = rows.iter().map(|it| it.2.as_deref()).collect();
        let times: Int64Array = rows.iter().map(|it| it.1).collect();
        (Arc::new(values), Arc::new(times), rows.iter().map(|it| it.0).collect())
    }

    /// By a sort of all rows, as `last_value` and `first_value` are explained.
    fn plain(rows: &[Row], is_last: bool) -> BTreeMap<usize, String> {
        let mut sorted: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
        sorted.retain(|(_, row)| row.2.is_some());
        let least = if is_last { i64::MIN } else { i64::MAX };
        sorted.sort_by_key(|(place, row)| (row.1.unwrap_or(least), *place));
        if !is_last {
            sorted.reverse();
        }
        sorted.into_iter().map(|(_, row)| (row.0, row.2.clone().unwrap_or_default())).collect()
    }

    fn told(values: &ArrayRef, from: usize) -> BTreeMap<usize, String> {
        let values = values.as_string::<i32>();
        let texts = values.iter().enumerate();
        texts.filter_map(|(group, it)| Some((group + from, it?.to_owned()))).collect()
    }

    /// Few times and many ties, nulls among values and times, groups in no order.
    fn rows(seed: u64) -> Vec<Row> {
        let mut state = seed;
        let mut dice = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11);
            (state >> 33) % below
        };
        (0..300)
            .map(|number| {
                let time = (dice(9) > 0).then(|| i64::try_from(dice(40)).unwrap() - 20);
                (dice(7) as usize, time, (dice(5) > 0).then(|| format!("value {number}")))
            })
            .collect()
    }

    #[test]
    fn any_split_into_batches_partial_states_and_parts_gives_what_a_sort_gives() {
        for (seed, latest) in (0..40).flat_map(|it| [(it, Latest::last()), (it, Latest::first())]) {
            let rows = rows(seed);
            let mut whole = latest.groups(&DataType::Utf8).unwrap();
            for part in rows.chunks(70) {
                let mut partial = latest.groups(&DataType::Utf8).unwrap();
                for batch in part.chunks(23) {
                    let (values, times, groups) = arrays(batch);
                    partial.update_batch(&[values, times], &groups, None, 7).unwrap();
                }
                let state = partial.state(EmitTo::All).unwrap();
                whole.merge_batch(&state, &[0, 1, 2, 3, 4, 5, 6], 7).unwrap();
            }
            let expected = plain(&rows, latest.is_last);
            let first = told(&whole.evaluate(EmitTo::First(3)).unwrap(), 0);
            let rest = told(&whole.evaluate(EmitTo::All).unwrap(), 3);
            let all: BTreeMap<usize, String> = first.into_iter().chain(rest).collect();
            assert_eq!(all, expected, "seed {seed}, last: {}", latest.is_last);
            assert_eq!(whole.bytes, 0, "everything is given away");
        }
    }

    #[test]
    fn a_filter_leaves_rows_out_of_batches_and_of_states_alike() {
        let latest = Latest::last();
        let rows: Vec<Row> = (0..4).map(|it| (0, Some(it), Some(it.to_string()))).collect();
        let (values, times, groups) = arrays(&rows);
        let filter = BooleanArray::from(vec![Some(true), Some(true), Some(false), None]);
        let mut direct = latest.groups(&DataType::Utf8).unwrap();
        let given = [Arc::clone(&values), Arc::clone(&times)];
        direct.update_batch(&given, &groups, Some(&filter), 1).unwrap();
        let state = direct.convert_to_state(&[values, times], Some(&filter)).unwrap();
        let mut merged = latest.groups(&DataType::Utf8).unwrap();
        merged.merge_batch(&state, &groups, 1).unwrap();
        for mut groups in [direct, merged] {
            let told = told(&groups.evaluate(EmitTo::All).unwrap(), 0);
            assert_eq!(told, BTreeMap::from([(0, "1".to_owned())]));
        }
    }

    #[test]
    fn an_answer_without_rows_is_null() {
        let none = Latest::last().groups(&DataType::UInt32).unwrap().evaluate(EmitTo::All).unwrap();
        assert_eq!(none.as_ref(), &UInt32Array::from(Vec::<u32>::new()) as &dyn Array);
    }
}
