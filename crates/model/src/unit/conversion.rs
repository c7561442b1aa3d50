//! Conversion of many floats from one unit to another: what it takes is computed once.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::Unit;
use crate::quantity::{ConversionError, Quantity};

/// Two slopes of a scale that differ by less than this part are the same.
const SLOPE_TOLERANCE: f64 = 1e-9;

/// How values of one unit become values of another.
///
/// ```
/// use longlead_model::Unit;
///
/// let conversion = "[degF]".parse::<Unit>()?.conversion_to(&"Cel".parse()?)?;
/// assert_eq!(conversion.apply(212.0), Some(100.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub enum Conversion {
    /// The units are the same.
    Same,
    /// The value less `less`, times `times`, by `by`, plus `plus`. One of the two factors is one,
    /// and one of the two terms zero, whichever is written with more digits: dividing by a
    /// thousand rounds once, where multiplying by 0.001 rounds twice.
    Linear {
        /// What is taken off before.
        less: f64,
        /// What it is multiplied by.
        times: f64,
        /// What it is divided by.
        by: f64,
        /// What is added after.
        plus: f64,
    },
    /// Between levels and what they are levels of: every value by itself.
    Curved {
        /// The unit of the values.
        from: Box<Unit>,
        /// The unit that they are converted to.
        to: Box<Unit>,
    },
}

impl Conversion {
    /// The value in the other unit; nothing where it has no counterpart there.
    #[inline]
    pub fn apply(&self, value: f64) -> Option<f64> {
        match self {
            Conversion::Same => Some(value),
            Conversion::Linear { less, times, by, plus } => {
                Some((value - less) * times / by + plus)
            }
            Conversion::Curved { from, to } => from.convert_f64(Decimal::from_f64(value)?, to).ok(),
        }
    }
}

impl Unit {
    /// What it takes to convert values of this unit to `to`.
    pub fn conversion_to(&self, to: &Unit) -> Result<Conversion, ConversionError> {
        if self.code() == to.code() {
            return Ok(Conversion::Same);
        }
        let forth = |value: Decimal| Quantity::new(value, self.clone()).value_in(to);
        let back = |value: Decimal| Quantity::new(value, to.clone()).value_in(self);
        let curved = || Conversion::Curved { from: self.clone().into(), to: to.clone().into() };
        if !(self.measure.has_own_scale() || to.measure.has_own_scale()) {
            return Ok(linear(0.0, forth(Decimal::ONE)?, back(Decimal::ONE)?, 0.0));
        }
        // A unit that doesn't convert is told; that a level of zero watts doesn't exist isn't.
        if !self.converts_to(to) {
            forth(Decimal::ONE)?;
        }
        let (one, two, many) = (Decimal::ONE, Decimal::TWO, Decimal::ONE_HUNDRED);
        let (Ok(at_zero), Ok(at_one), Ok(at_two), Ok(at_many), Ok(zero), Ok(back_one)) = (
            forth(Decimal::ZERO),
            forth(one),
            forth(two),
            forth(many),
            back(Decimal::ZERO),
            back(one),
        ) else {
            return Ok(curved());
        };
        let slope = at_one - at_zero;
        let is_straight = |slope_there: f64| (slope_there / slope - 1.0).abs() < SLOPE_TOLERANCE;
        if !is_straight(at_two - at_one) || !is_straight((at_many - at_zero) / 100.0) {
            return Ok(curved());
        }
        Ok(linear(rounded(zero), rounded(slope), rounded(back_one - zero), rounded(at_zero)))
    }
}

/// Multiplies or divides, and moves before or after, by whichever is written with fewer digits.
fn linear(less: f64, times: f64, by: f64, plus: f64) -> Conversion {
    let digits = |number: f64| number.to_string().len();
    let (times, by) = if digits(by) < digits(times) { (1.0, by) } else { (times, 1.0) };
    let (less, plus) = if digits(plus) < digits(less) { (0.0, plus) } else { (less, 0.0) };
    Conversion::Linear { less, times, by, plus }
}

/// Without the noise of logarithms and sums behind the twelfth digit.
fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(value: f64, from: &str, to: &str) -> Option<f64> {
        let unit = |code: &str| code.parse::<Unit>().unwrap();
        unit(from).conversion_to(&unit(to)).unwrap().apply(value)
    }

    #[test]
    fn floats_convert_as_quantities_do() {
        for (value, from, to, expected) in [
            (3700.0, "mV", "V", 3.7),
            (3.7, "V", "mV", 3700.0),
            (36.0, "km/h", "m/s", 10.0),
            (212.0, "[degF]", "Cel", 100.0),
            (-40.0, "[degF]", "Cel", -40.0),
            (25.0, "Cel", "[degF]", 77.0),
            (25.0, "Cel", "K", 298.15),
            (4.0, "Cel", "K", 277.15),
            (1.5, "bar", "hPa", 1500.0),
            (30.0, "[in_i]", "cm", 76.2),
            (0.0, "K", "Cel", -273.15),
            (50.0, "%", "1", 0.5),
            (2.0, "KiBy", "By", 2048.0),
            (-70.0, "dBm", "dBm", -70.0),
        ] {
            assert_eq!(converted(value, from, to), Some(expected), "{value} {from} in {to}");
        }
        let watts = converted(20.0, "dBm", "mW").unwrap();
        assert!((watts - 100.0).abs() < 1e-9, "20 dBm are 100 mW, not {watts}");
        assert_eq!(converted(0.0, "mW", "dBm"), None, "no level of nothing");
        let volt: Unit = "V".parse().unwrap();
        assert!(volt.conversion_to(&"A".parse().unwrap()).is_err());
    }
}
