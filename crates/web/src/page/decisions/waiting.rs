//! What waiting with a decision costs.

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_horizon::DecisionForecast;

use crate::naming::days_between;

/// What is lost by deciding later than today.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Waiting {
    /// The probability of being on time that a week of waiting loses.
    pub(crate) week: f64,
    /// The same of four weeks.
    pub(crate) month: f64,
    /// What that week is expected to cost, if a week of delay has a price.
    pub(crate) week_cost: Option<f64>,
    /// The same of four weeks.
    pub(crate) month_cost: Option<f64>,
}

/// Days of a week, and of a month as this page counts it.
const WEEK: i32 = 7;
const MONTH: i32 = 28;

/// None for a decision that is made, or has no date.
pub(crate) fn waiting(
    decision: &DecisionForecast,
    as_of: Date,
    delay_cost_per_week: Option<f64>,
) -> Option<Waiting> {
    if decision.decided.is_some() {
        return None;
    }
    let now = decision.best_confidence?;
    let lost = |days: i32| {
        let then = on_time(now, &decision.curve, as_of.saturating_add(days.days()));
        (now - then).max(0.0)
    };
    let (week, month) = (lost(WEEK), lost(MONTH));
    Some(Waiting {
        week,
        month,
        week_cost: delay_cost_per_week.map(|cost| cost * week),
        month_cost: delay_cost_per_week.map(|cost| cost * month),
    })
}

/// The probability of being on time if it is decided on a day: `now` before the curve begins,
/// straight between its points, and after the last what that says.
pub(crate) fn on_time(now: f64, curve: &[(Date, f64)], day: Date) -> f64 {
    let mut before: Option<(Date, f64)> = None;
    for &(on, share) in curve {
        if on >= day {
            let Some((from, above)) = before else {
                return if on == day { share } else { now };
            };
            let whole = f64::from(days_between(from, on)).max(1.0);
            return above + (share - above) * f64::from(days_between(from, day)) / whole;
        }
        before = Some((on, share));
    }
    before.map_or(now, |(_, share)| share)
}
