//! Money: a decimal with a currency, and checked arithmetic.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use crate::diagnostic::shown;

/// A currency: three capital letters, as in ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The United States dollar, used where a bundle names no currency.
    pub const USD: Currency = Currency(*b"USD");

    /// The code, for example `EUR`.
    pub fn as_str(&self) -> &str {
        // Only ASCII capitals are ever stored.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            [a, b, c] if text.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Ok(Currency([*a, *b, *c]))
            }
            _ => Err(MoneyError::Currency(shown(text))),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not money, or a sum can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not an amount followed by a currency.
    #[error("\"{0}\" is not an amount with a currency, such as \"12.40 USD\"")]
    Text(String),
    /// The currency is not three capital letters.
    #[error("\"{0}\" is not a currency; write its ISO 4217 code, such as USD or EUR")]
    Currency(String),
    /// Two amounts of different currencies meet.
    #[error("{0} and {1} can't be added without a rate")]
    Mixed(Currency, Currency),
    /// The result doesn't fit.
    #[error("the amount is too large")]
    Overflow,
}

/// An amount of money, exactly as written.
///
/// ```
/// let price: longlead_model::Money = "0.42 USD".parse()?;
/// assert_eq!(price.times(1_000.into())?.to_string(), "420.00 USD");
/// # Ok::<(), longlead_model::MoneyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// The amount.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// No money, in `currency`.
    pub fn zero(currency: Currency) -> Money {
        Money { amount: Decimal::ZERO, currency }
    }

    /// The sum; both must have one currency.
    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Money { amount, ..self })
    }

    /// The amount `factor` times.
    pub fn times(self, factor: Decimal) -> Result<Money, MoneyError> {
        let amount = self.amount.checked_mul(factor).ok_or(MoneyError::Overflow)?;
        Ok(Money { amount, ..self })
    }
}

impl FromStr for Money {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let unreadable = || MoneyError::Text(shown(text));
        let (amount, currency) = text.trim().split_once(' ').ok_or_else(unreadable)?;
        let amount = Decimal::from_str_exact(amount).map_err(|_| unreadable())?;
        Ok(Money { amount, currency: currency.trim().parse()? })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// Rates that turn amounts into one currency.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    given: BTreeMap<(Currency, Currency), Decimal>,
}

impl Rates {
    /// Notes that one `from` is worth `rate` of `to`; the way back follows from it, unless it is
    /// noted too. A later rate takes the place of an earlier one.
    pub fn add(&mut self, from: Currency, to: Currency, rate: Decimal) {
        self.given.insert((from, to), rate);
    }

    /// The amount in `currency`; fails if no rate joins the two directly.
    pub fn convert(&self, money: Money, currency: Currency) -> Result<Money, MoneyError> {
        if money.currency == currency {
            return Ok(money);
        }
        let rate = self
            .rate(money.currency, currency)
            .ok_or(MoneyError::Mixed(money.currency, currency))?;
        Ok(Money { currency, ..money.times(rate)? })
    }

    fn rate(&self, from: Currency, to: Currency) -> Option<Decimal> {
        let inverse = || Decimal::ONE.checked_div(*self.given.get(&(to, from))?);
        self.given.get(&(from, to)).copied().or_else(inverse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_what_was_written() {
        for text in ["0.420 USD", "12 EUR", "-3.5 JPY"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn money_without_currency_or_amount_is_refused() {
        for text in ["12", "USD", "12 usd", "1e9 USD", "NaN USD", "", "12 EURO"] {
            assert!(text.parse::<Money>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn currencies_meet_only_through_a_rate() {
        let euro: Money = "100 EUR".parse().unwrap();
        let dollar: Money = "1 USD".parse().unwrap();
        assert!(euro.plus(dollar).is_err());
        let mut rates = Rates::default();
        rates.add("EUR".parse().unwrap(), Currency::USD, Decimal::new(108, 2));
        assert_eq!(rates.convert(euro, Currency::USD).unwrap().to_string(), "108.00 USD");
        assert_eq!(rates.convert(dollar, "USD".parse().unwrap()), Ok(dollar));
        assert!(rates.convert(euro, "JPY".parse().unwrap()).is_err());
    }

    #[test]
    fn a_later_rate_takes_the_place_of_an_earlier_one_both_ways() {
        let (dollar, euro): (Money, Currency) = ("5 USD".parse().unwrap(), "EUR".parse().unwrap());
        let mut rates = Rates::default();
        for rate in [Decimal::new(10, 1), Decimal::new(125, 2)] {
            rates.add(euro, Currency::USD, rate);
        }
        assert_eq!(rates.convert(dollar, euro).unwrap().to_string(), "4.0 EUR");
        rates.add(euro, Currency::USD, Decimal::ZERO);
        assert!(rates.convert(dollar, euro).is_err());
    }
}
