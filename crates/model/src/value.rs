//! Small values that several records share.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Value as Json, json};

use crate::diagnostic::{Code, shown};
use crate::field::{Decoder, Field, number};
use crate::node::{Node, Value};
use crate::quantity::Quantity;
use crate::unit::Unit;

/// A share between 0 and 1: a probability, a confidence, a part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Nothing of it.
    pub const NONE: Share = Share(0.0);
    /// All of it.
    pub const ALL: Share = Share(1.0);
    /// Four fifths: the confidence that is meant where none is named.
    pub const P80: Share = Share(0.8);

    /// The share as a fraction of one.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;
    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Share(value))
        } else {
            Err(format!("{value} is not between 0 and 1"))
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six digits are more than anybody estimates; they hide 0.07 × 100 = 7.000000000000001.
        let percent = (self.0 * 1e8).round() / 1e6;
        write!(f, "{percent} %")
    }
}

impl Field for Share {
    const EXAMPLE: &'static str = "0.8";

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let value = match &node.value {
            Value::Text(text) => {
                let text = text.trim();
                let share = match text.strip_suffix('%') {
                    Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
                    None => text.parse::<f64>(),
                };
                match share {
                    Ok(share) => share,
                    Err(_) => {
                        let message = format!("\"{}\" is not a share", shown(text));
                        let help = "write, for example, 0.8 or \"80 %\"".to_owned();
                        decoder.refuse(Code::WrongValue, node.span, message, help);
                        return None;
                    }
                }
            }
            _ => number(node, decoder)?,
        };
        Share::try_from(value)
            .map_err(|error| {
                let help = "write a share such as 0.8 or \"80 %\"".to_owned();
                decoder.refuse(Code::OutOfRange, node.span, error, help);
            })
            .ok()
    }

    fn encode(&self) -> Option<Node> {
        Some(Node::new(Value::Float(self.0)))
    }

    fn schema() -> Json {
        json!({ "x-form": "share", "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": "^[0-9.]+( ?%)?$", "examples": ["80 %"] },
        ] })
    }
}

/// How much of a capability there is, or is needed: simply yes or no, or an amount. The texts `yes`
/// and `no` are read like `true` and `false`.
#[derive(Clone, Debug, PartialEq)]
pub enum Level {
    /// It is there, or it isn't.
    Present(bool),
    /// This much of it.
    Amount(Box<Quantity>),
}

impl Level {
    /// True if a need of `self` is met by `provided`, where `more_is_better` tells which way
    /// amounts compare. Amounts whose units don't convert never meet.
    pub fn is_met_by(&self, provided: &Level, more_is_better: bool) -> bool {
        match (self, provided) {
            (Level::Present(false), _) => true,
            (Level::Present(true), Level::Present(present)) => *present,
            (Level::Present(true), Level::Amount(_)) => true,
            (Level::Amount(_), Level::Present(_)) => false,
            (Level::Amount(need), Level::Amount(given)) => match given.compare(need) {
                Ok(Ordering::Equal) => true,
                Ok(Ordering::Greater) => more_is_better,
                Ok(Ordering::Less) => !more_is_better,
                Err(_) => false,
            },
        }
    }

    /// The unit of an amount.
    pub fn unit(&self) -> Option<&Unit> {
        match self {
            Level::Present(_) => None,
            Level::Amount(quantity) => Some(quantity.unit()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Present(true) => f.write_str("yes"),
            Level::Present(false) => f.write_str("no"),
            Level::Amount(quantity) => quantity.fmt(f),
        }
    }
}

impl Field for Level {
    const EXAMPLE: &'static str = "true";

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            Value::Boolean(present) => Some(Level::Present(present)),
            Value::Text(ref text) if matches!(text.trim(), "yes" | "no") => {
                Some(Level::Present(text.trim() == "yes"))
            }
            Value::Text(_) => {
                Quantity::decode(node, decoder).map(|quantity| Level::Amount(Box::new(quantity)))
            }
            _ => {
                decoder.mistyped(node, "true, false or a quantity", "true or \"256 KiB\"");
                None
            }
        }
    }

    fn encode(&self) -> Option<Node> {
        match self {
            Level::Present(present) => Some(Node::new(Value::Boolean(*present))),
            Level::Amount(quantity) => quantity.encode(),
        }
    }

    fn schema() -> Json {
        json!({ "x-form": "level", "anyOf": [{ "type": "boolean" }, Quantity::schema()] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> Level {
        match text {
            "yes" => Level::Present(true),
            "no" => Level::Present(false),
            amount => Level::Amount(Box::new(amount.parse().unwrap())),
        }
    }

    #[test]
    fn a_share_is_told_in_percent_without_noise() {
        let told = |share: f64| Share::try_from(share).unwrap().to_string();
        assert_eq!(told(0.07), "7 %");
        assert_eq!(told(0.125), "12.5 %");
        for outside in [-0.1, 1.01, f64::NAN, f64::INFINITY] {
            assert!(Share::try_from(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn a_need_is_met_by_as_much_or_by_as_little() {
        let met = |need, given, more| level(need).is_met_by(&level(given), more);
        assert!(met("128 KiB", "256 KiB", true) && !met("256 KiB", "128 KiB", true));
        assert!(met("5 uA", "3 uA", false) && !met("3 uA", "5 uA", false));
        assert!(met("1 KiB", "1024 By", true) && met("1 KiB", "1024 By", false));
        assert!(met("yes", "3 V", true) && !met("3 V", "yes", true));
        assert!(met("no", "no", true) && !met("yes", "no", true));
        assert!(!met("3 V", "3 A", true), "units that don't convert never meet");
    }
}
