//! Figures as pages about hardware tell them: counts and money, with thousands set apart.

use longlead_model::{Decimal, Money};

/// What stands between thousands.
const SEPARATOR: char = ',';

/// A count: 41,200.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// Pieces that are ordered: whole ones.
pub(crate) fn pieces(quantity: Decimal) -> String {
    grouped(&quantity.ceil().normalize().to_string())
}

/// A sum: cents for small ones, whole units for those of ten thousand and more.
pub(crate) fn sum(money: Money) -> String {
    let digits = if money.amount.abs() >= Decimal::from(10_000) { 0 } else { 2 };
    told(money, digits)
}

/// What one piece costs: parts for a fraction of a cent keep their digits.
pub(crate) fn price(money: Money) -> String {
    let digits = if money.amount.abs() < Decimal::ONE { 4 } else { 2 };
    told(money, digits)
}

fn told(money: Money, digits: u32) -> String {
    let amount = money.amount.round_dp(digits);
    let text = format!("{amount:.*}", digits as usize);
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), ""), |(a, b)| (a, b));
    let whole = grouped(whole);
    match rest {
        "" => format!("{whole} {}", money.currency),
        rest => format!("{whole}.{rest} {}", money.currency),
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", digits),
    };
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(SEPARATOR);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_rounded_by_their_size() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        assert_eq!(count(7), "7");
        assert_eq!(count(41_200), "41,200");
        assert_eq!(sum(money("12.5 EUR")), "12.50 EUR");
        assert_eq!(sum(money("-1234567.8 EUR")), "−1,234,568 EUR");
        assert_eq!(price(money("0.0021 USD")), "0.0021 USD");
        assert_eq!(price(money("3.2 EUR")), "3.20 EUR");
    }
}
