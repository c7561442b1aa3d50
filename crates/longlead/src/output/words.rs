//! Figures, dates and states as people read them.

use jiff::civil::Date;
use longlead_horizon::State;
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

/// A share in per cent: certainty is told only where it is certain.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 {
        "<1 %".to_owned()
    } else if percent > 99.0 && percent < 100.0 {
        ">99 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

/// A day in a sentence: 18 Jan 2027.
pub(crate) fn day(date: Date) -> String {
    format!("{} {} {}", date.day(), month(date), date.year())
}

pub(crate) fn month(date: Date) -> &'static str {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    MONTHS.get(month).copied().unwrap_or_default()
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
