//! Functions that time series ask for, beside DataFusion's own.
//!
//! | function | what it gives |
//! |---|---|
//! | `time_bucket(interval, time[, origin])` | the start of the stretch that a time falls into, as `date_bin`, and like the time in microseconds |
//! | `first(value, time)`, `last(value, time)` | the earliest and the latest value that isn't null; the time is one, or a whole number |
//! | `increase(counter, time)` | how much a counter grew, counting on after it began anew at zero |
//! | `rate(counter, time)` | that per second, between the first and the last time |
//!
//! Gaps are filled by a join with `generate_series`, and carried over with
//! `last_value(x) IGNORE NULLS OVER (ORDER BY at)`:
//!
//! ```sql
//! WITH bucket AS (SELECT value AS at FROM generate_series(
//!          TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02', INTERVAL '1 hour')),
//!      mean AS (SELECT time_bucket(INTERVAL '1 hour', captured) AS at, avg(temperature) AS t
//!               FROM climate GROUP BY 1)
//! SELECT bucket.at, mean.t,
//!        last_value(mean.t) IGNORE NULLS OVER (ORDER BY bucket.at) AS carried
//! FROM bucket LEFT JOIN mean ON mean.at = bucket.at ORDER BY bucket.at
//! ```

mod counter;
mod latest;
mod time;

use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

pub(crate) fn register(session: &SessionContext) {
    for name in MAKE_LONG_TEXTS {
        session.deregister_udf(name);
    }
    session.register_udf(ScalarUDF::from(time::TimeBucket::new()));
    session.register_udf(ScalarUDF::from(time::Truncate::new()));
    session.register_udaf(AggregateUDF::from(latest::Latest::last()));
    session.register_udaf(AggregateUDF::from(latest::Latest::first()));
    session.register_udaf(AggregateUDF::from(counter::Counter::increase()));
    session.register_udaf(AggregateUDF::from(counter::Counter::rate()));
}

/// Functions that make gigabytes out of a few bytes, outside of what a question's memory counts.
const MAKE_LONG_TEXTS: [&str; 3] = ["repeat", "lpad", "rpad"];

/// Names of all functions that a query may use, for completion.
pub(crate) fn names(session: &SessionContext) -> Vec<String> {
    let state = session.state();
    let mut names: Vec<String> =
        state.udfs().into_iter().chain(state.udafs()).chain(state.udwfs()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
