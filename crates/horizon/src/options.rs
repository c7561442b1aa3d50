//! Include a capability now, or respin later: expected costs, the threshold, and what knowing
//! would be worth.

use longlead_model::{Currency, Decimal, IncludeOrRespin, Money, MoneyError, Rates, Unit};
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use schemars::JsonSchema;
use serde::Serialize;

/// The case for including a capability now against a respin later.
///
/// Including costs A = cN + K0 whether or not the need is real. Waiting costs
/// B = K1·e^(−rT) + V·(1−S) if it is. So including pays if A < qB, that is if q > q* = A/B; and
/// knowing q for certain is worth EVPI = min(A, qB) − q·min(A, B).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OptionValue {
    /// True if including now has the lower expected cost.
    pub include: bool,
    /// q: the probability that the need is real.
    pub probability: f64,
    /// q*: above it, including now pays. Above one, it never does; none where even a real need
    /// makes waiting cost nothing, so that there is nothing to weigh.
    pub threshold: Option<f64>,
    /// A: the cost of including now.
    pub cost_of_including: f64,
    /// B: the cost of having waited if the need is real.
    pub cost_of_respin: f64,
    /// qB: the expected cost of waiting.
    pub expected_cost_of_waiting: f64,
    /// What it is worth to know whether the need is real before deciding.
    pub evpi: f64,
    /// The currency of all sums.
    pub currency: String,
}

/// Why the case can't be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// Amounts don't come together.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The time until the respin is no time.
    #[error("`respin_in` is {0}, which is no length of time; write, for example, \"1 a\"")]
    Time(String),
}

/// Values the case in `currency`.
pub fn include_or_respin(
    case: &IncludeOrRespin,
    rates: &Rates,
    currency: Currency,
) -> Result<OptionValue, OptionError> {
    let amount = |money: Money| -> Result<f64, MoneyError> {
        let converted = rates.convert(money, currency)?;
        converted.amount.to_f64().ok_or(MoneyError::Overflow)
    };
    let time = || OptionError::Time(case.respin_in.to_string());
    let year = "a".parse::<Unit>().map_err(|_| time())?;
    let years = case.respin_in.value_in(&year).map_err(|_| time())?;
    let units_cost = case.unit_cost.times(Decimal::from_u64(case.units).unwrap_or_default())?;
    let including = amount(units_cost)? + amount(case.cost_now)?;
    let discount = (-case.discount_rate.value() * years).exp();
    let respin = amount(case.respin_cost)? * discount
        + amount(case.value)? * (1.0 - case.value_left.value());
    let probability = case.probability.value();
    let waiting = probability * respin;
    Ok(OptionValue {
        include: including < waiting,
        probability,
        threshold: Some(including / respin).filter(|share| share.is_finite()),
        cost_of_including: including,
        cost_of_respin: respin,
        expected_cost_of_waiting: waiting,
        evpi: including.min(waiting) - probability * including.min(respin),
        currency: currency.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use longlead_model::Share;

    /// The worked example of the design: cN + K0 = 100k, K1 = 180k, V = 600k, S = .55, r = 0.
    fn value_at(probability: f64) -> OptionValue {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let case = IncludeOrRespin {
            unit_cost: money("4 USD"),
            units: 20_000,
            cost_now: money("20000 USD"),
            probability: Share::try_from(probability).unwrap(),
            respin_cost: money("180000 USD"),
            respin_in: "14 mo".parse().unwrap(),
            discount_rate: Share::NONE,
            value: money("600000 USD"),
            value_left: Share::try_from(0.55).unwrap(),
        };
        include_or_respin(&case, &Rates::default(), Currency::USD).unwrap()
    }

    #[test]
    fn the_worked_example_gives_its_threshold_and_value_of_information() {
        let unlikely = value_at(0.1);
        assert!((unlikely.threshold.unwrap() - 0.2222).abs() < 5e-5);
        assert!(!unlikely.include);
        assert!((unlikely.evpi - 35_000.0).abs() < 1e-6);
        let likely = value_at(0.3);
        assert!(likely.include);
        assert!((likely.evpi - 70_000.0).abs() < 1e-6);
    }

    #[test]
    fn knowing_is_worth_nothing_when_nothing_is_in_doubt() {
        assert!(value_at(0.0).evpi.abs() < 1e-9);
        assert!(value_at(1.0).evpi.abs() < 1e-9);
    }
}
