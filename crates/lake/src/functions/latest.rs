//! `first` and `last` by time, as DataFusion's `first_value` and `last_value` in that order.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Latest {
    signature: Signature,
    is_last: bool,
}

impl Latest {
    pub(super) fn last() -> Latest {
        Latest { signature: Signature::any(2, Volatility::Immutable), is_last: true }
    }

    pub(super) fn first() -> Latest {
        Latest { signature: Signature::any(2, Volatility::Immutable), is_last: false }
    }
}

impl AggregateUDFImpl for Latest {
    fn name(&self) -> &str {
        if self.is_last { "last" } else { "first" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(value) => Ok(value.clone()),
            None => internal_err!("{} takes a value and a time", self.name()),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        internal_err!("{} should have been rewritten", self.name())
    }

    fn state_fields(
        &self,
        args: datafusion::logical_expr::function::StateFieldsArgs,
    ) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(args.return_field.as_ref().clone())])
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let function: Arc<AggregateUDF> =
            if self.is_last { last_value_udaf() } else { first_value_udaf() };
        // A row without a time loses against any other.
        let nulls_first = self.is_last;
        Some(Box::new(move |called: AggregateFunction, _| {
            let mut params = called.params;
            if params.args.len() != 2 {
                return internal_err!("a value and a time are expected");
            }
            let time = params.args.pop().unwrap_or_default();
            Ok(Expr::AggregateFunction(AggregateFunction::new_udf(
                Arc::clone(&function),
                params.args,
                params.distinct,
                params.filter,
                vec![time.sort(true, nulls_first)],
                Some(NullTreatment::IgnoreNulls),
            )))
        }))
    }
}
