//! What a change does to the versions of a device: pure.

use super::OPEN;
use super::facts::Facts;

/// One version of a device on the line of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Its number; none while it isn't written.
    pub(super) number: Option<i64>,
    pub(super) since_us: i64,
    pub(super) until_us: i64,
    /// The facts that its own change said.
    pub(super) said: i64,
    /// That change; none for the one that is being made.
    pub(super) change: Option<i64>,
    pub(super) facts: Facts,
}

/// What someone says of a device from an instant on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) since_us: i64,
    /// The facts that are said.
    pub(super) said: i64,
    pub(super) facts: Facts,
}

/// What becomes of the versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Restated {
    /// A version that ends earlier now, and when.
    pub(super) shortened: Option<(i64, i64)>,
    /// The numbers of versions that are replaced.
    pub(super) superseded: Vec<i64>,
    /// Versions to be written.
    pub(super) written: Vec<Span>,
}

/// Says something of a device whose versions are given in order and without gaps. What is said
/// already isn't said again; what is new holds until something later says otherwise.
pub(super) fn restated(spans: &[Span], statement: &Statement) -> Restated {
    let mut restated = Restated::default();
    let after = spans.partition_point(|span| span.since_us <= statement.since_us);
    let (before, later) = spans.split_at(after);
    let held = before.last();
    let mut facts = held.map(|span| span.facts.clone()).unwrap_or_default();
    let mut open = facts.differing(&statement.facts, statement.said);
    if open == 0 {
        return restated;
    }
    facts.take(&statement.facts, open);
    let first_us = later.first().map_or(OPEN, |span| span.since_us);
    let until_us = held.map_or(first_us, |span| span.until_us);
    let mut said = open;
    if let Some(held) = held {
        match held.since_us == statement.since_us {
            true => {
                restated.superseded.extend(held.number);
                said |= held.said;
            }
            false => {
                restated.shortened = held.number.map(|number| (number, statement.since_us));
            }
        }
    }
    let since_us = statement.since_us;
    restated.written.push(Span { number: None, since_us, until_us, said, change: None, facts });
    for span in later {
        open &= !span.said;
        if open == 0 {
            break;
        }
        let mut facts = span.facts.clone();
        facts.take(&statement.facts, open);
        restated.superseded.extend(span.number);
        restated.written.push(Span { number: None, facts, ..span.clone() });
    }
    restated
}

#[cfg(test)]
mod tests {
    use super::super::facts::Attribute;
    use super::*;

    fn apply(spans: &mut Vec<Span>, statement: &Statement) {
        let restated = restated(spans, statement);
        if let Some((number, until_us)) = restated.shortened {
            let span = spans.iter_mut().find(|span| span.number == Some(number)).unwrap();
            span.until_us = until_us;
        }
        spans.retain(|span| !restated.superseded.contains(&span.number.unwrap()));
        let next = spans.iter().filter_map(|span| span.number).max().unwrap_or(0) + 100;
        let written = restated.written.into_iter().zip(next..);
        spans.extend(written.map(|(span, number)| Span { number: Some(number), ..span }));
        spans.sort_by_key(|span| span.since_us);
    }

    fn says(since_us: i64, firmware: &str, market: Option<&str>) -> Statement {
        let mut facts = Facts::default().with(Attribute::Firmware, firmware);
        let mut said = Attribute::Firmware.bit();
        if let Some(market) = market {
            facts = facts.with(Attribute::Market, market);
            said |= Attribute::Market.bit();
        }
        Statement { since_us, said, facts }
    }

    fn told(spans: &[Span]) -> Vec<String> {
        let told = |span: &Span| {
            let until =
                if span.until_us == OPEN { "…".to_owned() } else { span.until_us.to_string() };
            let fact = |it| span.facts.get(it).unwrap_or("?").to_owned();
            let (firmware, market) = (fact(Attribute::Firmware), fact(Attribute::Market));
            format!("{}–{until} {firmware} {market}", span.since_us)
        };
        spans.iter().map(told).collect()
    }

    #[test]
    fn what_reaches_back_holds_until_something_later_says_otherwise() {
        let mut spans = Vec::new();
        apply(&mut spans, &says(10, "1.0", Some("us")));
        apply(&mut spans, &says(30, "1.2", None));
        assert_eq!(told(&spans), ["10–30 1.0 us", "30–… 1.2 us"]);
        apply(&mut spans, &says(20, "1.1", Some("eu")));
        assert_eq!(told(&spans), ["10–20 1.0 us", "20–30 1.1 eu", "30–… 1.2 eu"]);
        apply(&mut spans, &says(20, "1.1", Some("jp")));
        assert_eq!(told(&spans), ["10–20 1.0 us", "20–30 1.1 jp", "30–… 1.2 jp"]);
        apply(&mut spans, &says(5, "0.9", None));
        assert_eq!(told(&spans)[..2], ["5–10 0.9 ?", "10–20 1.0 us"]);
    }

    #[test]
    fn what_is_true_already_changes_nothing() {
        let mut spans = Vec::new();
        apply(&mut spans, &says(10, "1.0", None));
        assert_eq!(restated(&spans, &says(15, "1.0", None)), Restated::default());
    }
}
