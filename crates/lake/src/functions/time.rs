//! `time_bucket`, and `date_trunc` in UTC.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Field, FieldRef, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions::datetime;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

/// Nanoseconds of a day.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// `date_bin` on microseconds, which times are kept in: the original would turn each into
/// nanoseconds first.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TimeBucket {
    signature: Signature,
    plain: Arc<ScalarUDF>,
}

impl TimeBucket {
    pub(super) fn new() -> TimeBucket {
        let signature = Signature::user_defined(Volatility::Immutable);
        TimeBucket { signature, plain: datetime::date_bin() }
    }
}

impl ScalarUDFImpl for TimeBucket {
    fn name(&self) -> &'static str {
        "time_bucket"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ([interval, time] | [interval, time, _]) = types else {
            return plan_err!("time_bucket takes an interval, a time and, if wanted, an origin");
        };
        let is_interval =
            matches!(interval, DataType::Interval(_)) || interval.is_string() || interval.is_null();
        let zone = match time {
            DataType::Timestamp(_, zone) => zone.clone(),
            DataType::Date32 | DataType::Date64 | DataType::Null => None,
            it if it.is_string() => None,
            _ => return plan_err!("time_bucket takes an interval and a time, not {time}"),
        };
        if !is_interval {
            return plan_err!("time_bucket begins with an interval, such as INTERVAL '1 hour'");
        }
        // What is told in nanoseconds stays so: to cut it first would put it into another bucket.
        let unit = match time {
            DataType::Timestamp(TimeUnit::Nanosecond, _) => TimeUnit::Nanosecond,
            _ => TimeUnit::Microsecond,
        };
        let time = DataType::Timestamp(unit, zone);
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        Ok([interval, time.clone(), time].into_iter().take(types.len()).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_, time, ..] => Ok(time.clone()),
            _ => plan_err!("time_bucket takes an interval and a time"),
        }
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        let is_fixed = |it: &ExprProperties| it.sort_properties == SortProperties::Singleton;
        Ok(match input {
            [stride, time, rest @ ..] if is_fixed(stride) && rest.iter().all(is_fixed) => {
                time.sort_properties
            }
            _ => SortProperties::Unordered,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match micros(&args.args) {
            Some((stride, origin, time)) => floored(time, stride, origin),
            None => self.by_nanoseconds(args),
        }
    }
}

impl TimeBucket {
    /// Months, and whatever else isn't a fixed span of microseconds.
    fn by_nanoseconds(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = args.return_field.data_type().clone();
        let zone = match &to {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let nanos = DataType::Timestamp(TimeUnit::Nanosecond, zone);
        let mut casts = args.args.into_iter();
        let mut given: Vec<ColumnarValue> = casts.by_ref().take(1).collect();
        for it in casts {
            given.push(it.cast_to(&nanos, None)?);
        }
        let fields = args.arg_fields.iter().enumerate().map(|(place, field)| match place {
            0 => Arc::clone(field),
            _ => Arc::new(field.as_ref().clone().with_data_type(nanos.clone())),
        });
        let binned = self.plain.invoke_with_args(ScalarFunctionArgs {
            args: given,
            arg_fields: fields.collect(),
            return_field: Arc::new(Field::new(self.name(), nanos.clone(), true)),
            ..args
        })?;
        binned.cast_to(&to, None)
    }
}

/// Microseconds of a stride and of its origin, where both are the same for all rows, and the times.
fn micros(args: &[ColumnarValue]) -> Option<(i64, i64, &ColumnarValue)> {
    let (stride, time, origin) = match args {
        [stride, time] => (stride, time, 0),
        [stride, time, ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(at), _))] => {
            (stride, time, *at)
        }
        _ => return None,
    };
    let ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(Some(stride))) = stride else {
        return None;
    };
    let nanos = i64::from(stride.days).checked_mul(DAY_NANOS)?.checked_add(stride.nanoseconds)?;
    let is_micros = matches!(time.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _));
    let is_plain = is_micros && stride.months == 0 && nanos > 0 && nanos % 1_000 == 0;
    is_plain.then_some((nanos / 1_000, origin, time))
}

fn floored(time: &ColumnarValue, stride: i64, origin: i64) -> Result<ColumnarValue> {
    let floor = |time: i64| match time.checked_sub(origin) {
        Some(since) => time.saturating_sub(since.rem_euclid(stride)),
        // At the ends of what can be told there are no more stretches.
        None => time,
    };
    let of_array = |times: &ArrayRef| -> ArrayRef {
        let zone = zone(times.data_type());
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let floored: PrimitiveArray<TimestampMicrosecondType> = times.unary(floor);
        Arc::new(floored.with_timezone_opt(zone))
    };
    Ok(match time {
        ColumnarValue::Array(times) => ColumnarValue::Array(of_array(times)),
        ColumnarValue::Scalar(time) => {
            let one = of_array(&time.to_array()?);
            ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?)
        }
    })
}

fn zone(of: &DataType) -> Option<Arc<str>> {
    match of {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    }
}

/// `date_trunc` that knows that UTC is no time zone with rules of its own: without one, a day is as
/// long as any other and needs no calendar.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Truncate {
    plain: Arc<ScalarUDF>,
}

impl Truncate {
    pub(super) fn new() -> Truncate {
        Truncate { plain: datetime::date_trunc() }
    }
}

impl ScalarUDFImpl for Truncate {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn aliases(&self) -> &[String] {
        self.plain.aliases()
    }

    fn signature(&self) -> &Signature {
        self.plain.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.plain.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.plain.return_field_from_args(args)
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        self.plain.output_ordering(input)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(ColumnarValue::Array(times)) = args.args.get_mut(1) else {
            return self.plain.invoke_with_args(args);
        };
        let zone = match times.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if is_utc(zone) => {
                Arc::clone(zone)
            }
            _ => return self.plain.invoke_with_args(args),
        };
        *times = in_zone(times, None);
        let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
        args.return_field = Arc::new(args.return_field.as_ref().clone().with_data_type(plain));
        Ok(match self.plain.invoke_with_args(args)? {
            ColumnarValue::Array(times) => ColumnarValue::Array(in_zone(&times, Some(zone))),
            one => one,
        })
    }
}

/// The same instants, told in another zone.
fn in_zone(times: &ArrayRef, zone: Option<Arc<str>>) -> ArrayRef {
    match times.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) => Arc::new(times.clone().with_timezone_opt(zone)),
        None => Arc::clone(times),
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "Z" | "+00:00" | "Etc/UTC")
}
