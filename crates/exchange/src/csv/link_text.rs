//! Links as they are written in a cell: `a FS+3d@office`.

use longlead_model::{Bound, Lag, LinkKind, TimeUnit};

/// What is written of a link, with names that are still to be looked up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LinkText<'a> {
    pub(super) from: &'a str,
    pub(super) kind: LinkKind,
    pub(super) lag: Option<Lag>,
    pub(super) calendar: Option<&'a str>,
    pub(super) bound: Bound,
}

impl LinkText<'_> {
    /// Whether it says no more than "after".
    pub(super) fn is_plain(&self) -> bool {
        self.kind == LinkKind::FinishToStart
            && self.lag.is_none()
            && self.calendar.is_none()
            && self.bound == Bound::Minimum
    }

    /// How it is written so that [`parse`] reads it back.
    pub(super) fn write(&self) -> String {
        let LinkText { from, kind, lag, calendar, bound } = self;
        if self.is_plain() {
            return (*from).to_owned();
        }
        let mut text = format!("{from} {}", kind_text(*kind));
        let amount = lag.as_ref().map_or(0.0, |lag| lag.amount);
        let unit = lag.as_ref().map_or(TimeUnit::Day, |lag| lag.unit).as_str();
        match bound {
            Bound::Maximum => text.push_str(&format!("<={amount}{unit}")),
            Bound::Minimum if lag.is_some() => text.push_str(&format!("{amount:+}{unit}")),
            Bound::Minimum => {}
        }
        if let Some(calendar) = calendar {
            text.push_str(&format!("@{calendar}"));
        }
        text
    }
}

fn kind_text(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::FinishToStart => "FS",
        LinkKind::StartToStart => "SS",
        LinkKind::FinishToFinish => "FF",
        LinkKind::StartToFinish => "SF",
    }
}

fn kind(text: &str) -> Option<LinkKind> {
    match text {
        "FS" | "fs" => Some(LinkKind::FinishToStart),
        "SS" | "ss" => Some(LinkKind::StartToStart),
        "FF" | "ff" => Some(LinkKind::FinishToFinish),
        "SF" | "sf" => Some(LinkKind::StartToFinish),
        _ => None,
    }
}

/// Reads one link; otherwise what is wrong with it.
pub(super) fn parse(text: &str) -> Result<LinkText<'_>, String> {
    let text = text.trim();
    let (text, calendar) = match text.rsplit_once('@') {
        Some((text, calendar)) => (text.trim(), Some(calendar.trim())),
        None => (text, None),
    };
    let (from, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let plain = LinkText {
        from,
        kind: LinkKind::FinishToStart,
        lag: None,
        calendar,
        bound: Bound::Minimum,
    };
    if rest.is_empty() {
        return Ok(plain);
    }
    let help = || format!("`{text}` is not a link; write it like: a FS+3d");
    let (kind, rest) = match rest.get(..2).and_then(kind) {
        Some(kind) => (kind, rest.get(2..).unwrap_or_default().trim()),
        None => (LinkKind::FinishToStart, rest),
    };
    let (bound, lag_text) = match rest.strip_prefix("<=") {
        Some(rest) => (Bound::Maximum, rest),
        None => (Bound::Minimum, rest),
    };
    let is_signed = lag_text.starts_with(['+', '-']);
    let lag = match lag_text {
        "" => None,
        lag_text if is_signed || bound == Bound::Maximum => Some(lag(lag_text).ok_or_else(help)?),
        _ => return Err(help()),
    };
    Ok(LinkText { kind, lag, bound, ..plain })
}

fn lag(text: &str) -> Option<Lag> {
    let text = text.trim();
    let split = text.find(|it: char| it.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: String = number.chars().filter(|it| !it.is_whitespace()).collect();
    let amount = number.parse::<f64>().ok().filter(|it| it.is_finite())?;
    let unit = match unit.trim() {
        "" | "d" | "day" | "days" => TimeUnit::Day,
        "w" | "wk" | "week" | "weeks" => TimeUnit::Week,
        _ => return None,
    };
    Some(Lag { amount, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_in_the_forms_that_people_write() {
        let check = |text: &str, expect: &str| {
            let link = parse(text).map_or_else(|error| error, |link| link.write());
            assert_eq!(link, expect, "{text:?}");
        };
        check("a", "a");
        check(" a  FS ", "a");
        check("a FS+3d", "a FS+3d");
        check("b SS - 1 wk", "b SS-1wk");
        check("b +2.5", "b FS+2.5d");
        check("c ff+5 days @ office", "c FF+5d@office");
        check("d FS<=10d", "d FS<=10d");
        check("build:evt FF", "build:evt FF");
        check("a XX", "`a XX` is not a link; write it like: a FS+3d");
        check("a FS+3 months", "`a FS+3 months` is not a link; write it like: a FS+3d");
        check("a FS+1e999d", "`a FS+1e999d` is not a link; write it like: a FS+3d");
    }
}
