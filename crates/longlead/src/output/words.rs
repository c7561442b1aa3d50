//! Figures, dates and states as people read them.

use jiff::Timestamp;
use longlead_horizon::State;
pub(crate) use longlead_horizon::{day, month, percent};
use longlead_model::{Bundle, Decimal, Kind, Money};

/// The sign and the word of a state.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Done => "✓ done",
        State::Safe => "✓ safe",
        State::AtRisk => "! at risk",
        State::Lost => "✗ lost",
        State::Open => "· open",
    }
}

/// The sign and the word of a decision's state; one that falls due soon is not lost yet.
pub(crate) fn decision_state(state: State) -> &'static str {
    match state {
        State::Done => "✓ decided",
        State::Safe => "✓ in time",
        State::AtRisk => "! due",
        State::Lost => "✗ too late",
        State::Open => "· no date",
    }
}

/// The name of a record as people say it, or its id.
pub(crate) fn name<'a>(bundle: &'a Bundle, kind: Kind, id: &'a str) -> &'a str {
    let records = &bundle.records;
    let title = match kind {
        Kind::Capability => records.capabilities.get(id).map(|it| &it.title),
        Kind::Feature => records.features.get(id).map(|it| &it.title),
        Kind::Revision => records.revisions.get(id).map(|it| &it.title),
        Kind::Stakeholder => records.stakeholders.get(id).map(|it| &it.title),
        _ => None,
    };
    title.map_or(id, String::as_str)
}

/// "1 decision", "3 decisions".
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(&number.to_string()), if number == 1 { one } else { many })
}

/// "2026-11-23 09:05 UTC".
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%F %H:%M UTC").to_string()
}

/// "in 42 days", "today", "12 days ago".
pub(crate) fn days_away(days: i32) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        days if days > 0 => format!("in {days} days"),
        days => format!("{} days ago", -days),
    }
}

/// Whole digits in groups of three: 12,400.
pub(crate) fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Money as people say it: cents matter only in small amounts.
pub(crate) fn money(money: &Money) -> String {
    let is_large = money.amount.abs() >= Decimal::from(100);
    let amount = money.amount.round_dp(if is_large { 0 } else { 2 });
    let text = if is_large { amount.to_string() } else { format!("{amount:.2}") };
    let (whole, cents) = text.split_once('.').unwrap_or((&text, ""));
    let point = if cents.is_empty() { "" } else { "." };
    format!("{}{point}{cents} {}", grouped(whole), money.currency)
}

/// A sum that was computed, to the unit.
pub(crate) fn sum(amount: f64, currency: &str) -> String {
    format!("{} {currency}", grouped(&format!("{amount:.0}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_amounts_are_grouped_and_lose_their_cents() {
        let said = |text: &str| money(&text.parse::<Money>().unwrap());
        assert_eq!(said("1260.5 EUR"), "1,260 EUR");
        assert_eq!(said("1234567 USD"), "1,234,567 USD");
        assert_eq!(said("0.4 EUR"), "0.40 EUR");
        assert_eq!(said("12.345 EUR"), "12.34 EUR");
        assert_eq!(sum(-98_765.4, "EUR"), "-98,765 EUR");
    }

    #[test]
    fn nearly_certain_is_not_certain() {
        let said = [0.0, 0.004, 0.5, 0.996, 1.0].map(percent);
        assert_eq!(said, ["0 %", "<1 %", "50 %", ">99 %", "100 %"]);
    }
}
