//! Estimates: how long something takes, as a distribution.

use std::fmt;

use serde_json::{Value as Json, json};

use crate::diagnostic::{Code, shown};
use crate::field::{Decoder, Field, number, number_node, refuse_negative};
use crate::node::{Node, Span, Table, Value};

/// A distribution of a number that is zero or more.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Fixed(f64),
    /// Beta-PERT with λ = 4: optimistic, most likely, pessimistic.
    Pert {
        /// Optimistic.
        low: f64,
        /// Most likely.
        likely: f64,
        /// Pessimistic.
        high: f64,
    },
    /// Triangular: lowest, most likely, highest.
    Triangular {
        /// Lowest.
        low: f64,
        /// Most likely.
        likely: f64,
        /// Highest.
        high: f64,
    },
    /// Lognormal, given by its median and its 90th percentile.
    Lognormal {
        /// Median.
        p50: f64,
        /// 90th percentile.
        p90: f64,
    },
    /// Anything between two ends, equally likely.
    Uniform {
        /// Lowest.
        low: f64,
        /// Highest.
        high: f64,
    },
    /// What was observed, each value equally likely.
    Observed(Vec<f64>),
}

/// The unit in which an estimate is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeUnit {
    /// Days of the calendar that applies: working days of a team, elapsed days of a lead time.
    Day,
    /// Weeks: as many days as the calendar's plain week works, seven where days are elapsed.
    Week,
}

impl TimeUnit {
    /// UCUM code, `d` or `wk`.
    pub fn as_str(self) -> &'static str {
        match self {
            TimeUnit::Day => "d",
            TimeUnit::Week => "wk",
        }
    }

    fn parse(text: &str) -> Option<TimeUnit> {
        match text {
            "d" | "day" | "days" => Some(TimeUnit::Day),
            "wk" | "w" | "week" | "weeks" => Some(TimeUnit::Week),
            _ => None,
        }
    }
}

/// How long something takes: a table that names a distribution, or a short text.
///
/// | text | means |
/// |---|---|
/// | `10 d` | fixed |
/// | `5 / 8 / 14 d` | PERT: low, likely, high |
/// | `5 / 8 / 14 (triangular) d` | triangular |
/// | `16..22 wk`, `P50 16, P90 22 wk` | lognormal: P50 and P90 |
/// | `5 to 9 d` | uniform |
/// | `11, 9, 14 d`, `11 (observed) d` | observed |
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The distribution, in `unit`.
    pub distribution: Distribution,
    /// Days or weeks.
    pub unit: TimeUnit,
}

/// A factor on a duration, as a distribution: `1.2`, `{ triangular = [1.0, 1.2, 1.6] }`, or a text
/// as an estimate has it, without a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor(pub Distribution);

impl Distribution {
    /// The least value that can come out.
    pub fn lowest(&self) -> f64 {
        match self {
            Distribution::Fixed(value) => *value,
            Distribution::Pert { low, .. }
            | Distribution::Triangular { low, .. }
            | Distribution::Uniform { low, .. } => *low,
            Distribution::Lognormal { .. } => 0.0,
            Distribution::Observed(values) => values.iter().copied().fold(f64::INFINITY, f64::min),
        }
    }

    /// The largest value that was given; a lognormal has no largest value.
    fn largest_given(&self) -> f64 {
        match self {
            Distribution::Fixed(value) => *value,
            Distribution::Pert { high, .. }
            | Distribution::Triangular { high, .. }
            | Distribution::Uniform { high, .. } => *high,
            Distribution::Lognormal { p90, .. } => *p90,
            Distribution::Observed(values) => values.iter().copied().fold(0.0, f64::max),
        }
    }

    /// A text that reads back alike; [`fmt::Display`] only counts observed values.
    fn text(&self) -> String {
        match self {
            Distribution::Observed(values) => {
                let values: Vec<String> = values.iter().map(f64::to_string).collect();
                format!("{} (observed)", values.join(", "))
            }
            distribution => distribution.to_string(),
        }
    }

    fn encode_into(&self, table: &mut Table) {
        let list = |values: &[f64]| {
            Node::new(Value::Array(values.iter().copied().map(number_node).collect()))
        };
        match self {
            Distribution::Fixed(value) => table.set("fixed", number_node(*value)),
            Distribution::Pert { low, likely, high } => {
                table.set("pert", list(&[*low, *likely, *high]));
            }
            Distribution::Triangular { low, likely, high } => {
                table.set("triangular", list(&[*low, *likely, *high]));
            }
            Distribution::Lognormal { p50, p90 } => {
                table.set("p50", number_node(*p50));
                table.set("p90", number_node(*p90));
            }
            Distribution::Uniform { low, high } => table.set("uniform", list(&[*low, *high])),
            Distribution::Observed(values) => table.set("observed", list(values)),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distribution::Fixed(value) => write!(f, "{value}"),
            Distribution::Pert { low, likely, high } => write!(f, "{low} / {likely} / {high}"),
            Distribution::Triangular { low, likely, high } => {
                write!(f, "{low} / {likely} / {high} (triangular)")
            }
            Distribution::Lognormal { p50, p90 } => write!(f, "P50 {p50}, P90 {p90}"),
            Distribution::Uniform { low, high } => write!(f, "{low} to {high}"),
            Distribution::Observed(values) => write!(f, "{} observed values", values.len()),
        }
    }
}

impl Estimate {
    /// The estimate as a short text that reads back alike, for a table or a form:
    /// `5 / 8 / 14 d`.
    pub fn text(&self) -> String {
        format!("{} {}", self.distribution.text(), self.unit.as_str())
    }
}

impl Factor {
    /// The factor as a short text that reads back alike: `1 / 1.2 / 1.6 (triangular)`.
    pub fn text(&self) -> String {
        self.0.text()
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.distribution, self.unit.as_str())
    }
}

/// A century: dates end in 2169, and nobody plans further.
const DAYS_MAX: f64 = 36_525.0;

/// Nothing takes a thousand times as long because of one event.
const FACTOR_MAX: f64 = 1000.0;

const SHAPES: [&str; 6] = ["fixed", "pert", "triangular", "p50", "uniform", "observed"];
/// The words for a unit of time, as a pattern of JSON Schema.
const TIME_UNITS: &str = "(d|day|days|wk|w|week|weeks)";
const ESTIMATE_HELP: &str = "write \"10 d\", \"5 / 8 / 14 d\" or { pert = [5, 8, 14], unit = \"d\" }, \
     { triangular = [5, 8, 14] }, \"12..20 wk\" or { p50 = 12, p90 = 20, unit = \"wk\" }, \
     { uniform = [5, 9] } or { observed = [11, 9, 14] }";

fn impossible(decoder: &mut Decoder<'_>, node: &Node, message: String) -> Option<Distribution> {
    let help = "put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90".to_owned();
    decoder.refuse(Code::ImpossibleEstimate, node.span, message, help);
    None
}

fn misshapen(decoder: &mut Decoder<'_>, node: &Node, message: String) -> Option<Distribution> {
    decoder.refuse(Code::ImpossibleEstimate, node.span, message, ESTIMATE_HELP.to_owned());
    None
}

fn numbers(node: &Node, decoder: &mut Decoder<'_>) -> Option<Vec<f64>> {
    let Value::Array(items) = &node.value else {
        decoder.mistyped(node, "a list of numbers", "[5, 8, 14]");
        return None;
    };
    let read: Vec<Option<f64>> = items.iter().map(|item| number(item, decoder)).collect();
    read.into_iter().collect()
}

/// Reads the distribution from a table that names exactly one shape.
fn distribution(table: &Table, node: &Node, decoder: &mut Decoder<'_>) -> Option<Distribution> {
    let given: Vec<&str> = SHAPES.into_iter().filter(|shape| table.get(shape).is_some()).collect();
    let [shape] = given.as_slice() else {
        if SHAPES.into_iter().any(|shape| table.is_refused(shape)) {
            return None;
        }
        let message = if given.is_empty() {
            "an estimate needs a shape".to_owned()
        } else {
            format!("an estimate has one shape, this one has {}", given.join(" and "))
        };
        return misshapen(decoder, node, message);
    };
    if *shape != "p50"
        && let Some(p90) = table.get("p90")
    {
        let message = format!("`p90` goes with `p50`, not with `{shape}`");
        return misshapen(decoder, p90, message);
    }
    let value = table.get(shape)?;
    let drawn = match *shape {
        "fixed" => Distribution::Fixed(number(value, decoder)?),
        "p50" => lognormal(table, value, node, decoder)?,
        shape => listed(shape, value, decoder)?,
    };
    if drawn.lowest() < 0.0 {
        refuse_negative(decoder, value.span, &drawn.lowest());
        return None;
    }
    Some(drawn)
}

fn lognormal(
    table: &Table,
    p50: &Node,
    node: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<Distribution> {
    let Some(p90) = table.get("p90") else {
        if table.is_refused("p90") {
            return None;
        }
        return misshapen(decoder, node, "`p50` needs `p90` beside it".to_owned());
    };
    let (p50_value, p90_value) = (number(p50, decoder), number(p90, decoder));
    let (p50_value, p90_value) = (p50_value?, p90_value?);
    if p50_value <= 0.0 {
        return impossible(
            decoder,
            p50,
            format!("a lognormal lies above zero, P50 {p50_value} doesn't"),
        );
    }
    if p50_value > p90_value {
        return impossible(decoder, p90, format!("P90 {p90_value} is below P50 {p50_value}"));
    }
    Some(Distribution::Lognormal { p50: p50_value, p90: p90_value })
}

/// Shapes that are written as a list.
fn listed(shape: &str, value: &Node, decoder: &mut Decoder<'_>) -> Option<Distribution> {
    let values = numbers(value, decoder)?;
    let rising = values.is_sorted();
    match (shape, values.as_slice()) {
        ("pert", &[low, likely, high]) if rising => Some(Distribution::Pert { low, likely, high }),
        ("triangular", &[low, likely, high]) if rising => {
            Some(Distribution::Triangular { low, likely, high })
        }
        ("uniform", &[low, high]) if rising => Some(Distribution::Uniform { low, high }),
        ("observed", values) if !values.is_empty() => Some(Distribution::Observed(values.to_vec())),
        ("pert" | "triangular", [low, likely, high]) => {
            let message = format!("low {low}, likely {likely}, high {high} are out of order");
            impossible(decoder, value, message)
        }
        ("uniform", [low, high]) => {
            impossible(decoder, value, format!("from {low} to {high} is no interval"))
        }
        (shape, values) => {
            let count = values.len();
            misshapen(decoder, value, format!("`{shape}` doesn't go with {count} values"))
        }
    }
}

fn refuse_estimate(decoder: &mut Decoder<'_>, node: &Node, message: String) -> Option<Estimate> {
    decoder.refuse(Code::WrongValue, node.span, message, ESTIMATE_HELP.to_owned());
    None
}

/// The amount and unit of `10 d` or `-2.5 wk`.
fn amount_of_time(text: &str) -> Option<(f64, TimeUnit)> {
    let mut words = text.split_whitespace();
    let amount = words.next()?.parse::<f64>().ok().filter(|amount| amount.is_finite())?;
    let unit = TimeUnit::parse(words.next()?)?;
    words.next().is_none().then_some((amount, unit))
}

/// Tells a time that is longer than any plan; true if it isn't.
fn fits_a_plan(amount: f64, unit: TimeUnit, node: &Node, decoder: &mut Decoder<'_>) -> bool {
    let days = match unit {
        TimeUnit::Day => amount.abs(),
        TimeUnit::Week => amount.abs() * 7.0,
    };
    if days > DAYS_MAX {
        let amount = shown(&amount.to_string());
        let message = format!("{amount} {} is longer than a century", unit.as_str());
        let help = "write a shorter time".to_owned();
        decoder.refuse(Code::OutOfRange, node.span, message, help);
    }
    days <= DAYS_MAX
}

/// The shape of a distribution that is written as a text, and its values: `5 / 8 / 14`.
fn shape_of_text(text: &str) -> Option<(&'static str, Vec<f64>)> {
    let (body, named) = match text.trim().strip_suffix(')').and_then(|it| it.rsplit_once('(')) {
        Some((body, named)) => (body, named.trim()),
        None => (text, ""),
    };
    let split = |glue: &str| body.split(glue).map(finite).collect::<Option<Vec<f64>>>();
    let is_p50 = || body.trim_start().starts_with(['P', 'p']);
    let (shape, values) = match named {
        "" if is_p50() => ("p50", p50_and_p90(body)?),
        "" if body.contains("..") => ("p50", split("..")?),
        "" if body.contains('/') => ("pert", split("/")?),
        "" if body.contains("to") => ("uniform", split("to")?),
        "" if body.contains(',') => ("observed", split(",")?),
        "" => ("fixed", vec![finite(body)?]),
        "triangular" => ("triangular", split("/")?),
        "observed" => ("observed", split(",")?),
        _ => return None,
    };
    let fits = match shape {
        "p50" | "uniform" => values.len() == 2,
        "pert" | "triangular" => values.len() == 3,
        _ => true,
    };
    fits.then_some((shape, values))
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The values of `P50 12, P90 20`.
fn p50_and_p90(text: &str) -> Option<Vec<f64>> {
    let (p50, p90) = text.split_once(',')?;
    let value = |text: &str, name: &str| {
        let (head, tail) = text.trim().split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name).then(|| finite(tail))?
    };
    Some(vec![value(p50, "P50")?, value(p90, "P90")?])
}

/// The table that a text stands for; what is wrong with its values is told where the text stands.
fn table_of_text(text: &str, span: Span) -> Option<Table> {
    let (shape, values) = shape_of_text(text)?;
    let node = |value: f64| Node { value: Value::Float(value), span };
    let mut table = Table::default();
    match (shape, values.as_slice()) {
        ("p50", [p50, p90]) => {
            table.set("p50", node(*p50));
            table.set("p90", node(*p90));
        }
        ("fixed", [value]) => table.set("fixed", node(*value)),
        (shape, values) => {
            let items = values.iter().copied().map(node).collect();
            table.set(shape, Node { value: Value::Array(items), span });
        }
    }
    Some(table)
}

/// The table that the text of an estimate stands for: what is before its unit, or before the name
/// of a shape behind that.
fn estimate_table(text: &str, span: Span) -> Option<Table> {
    let text = text.trim();
    let (text, named) = match text.ends_with(')').then(|| text.rfind('(')).flatten() {
        Some(at) => text.split_at_checked(at)?,
        None => (text, ""),
    };
    let (body, unit) = text.trim_end().rsplit_once(char::is_whitespace)?;
    let unit = TimeUnit::parse(unit)?;
    let mut table = table_of_text(&format!("{body}{named}"), span)?;
    table.set("unit", Node { value: Value::Text(unit.as_str().to_owned()), span });
    Some(table)
}

fn estimate_from_text(text: &str, node: &Node, decoder: &mut Decoder<'_>) -> Option<Estimate> {
    if let Some((amount, unit)) = amount_of_time(text)
        && amount < 0.0
    {
        refuse_negative(decoder, node.span, &format_args!("{amount} {}", unit.as_str()));
        return None;
    }
    let Some(table) = estimate_table(text, node.span) else {
        let message = format!("\"{}\" is not a duration in days or weeks", shown(text));
        return refuse_estimate(decoder, node, message);
    };
    Estimate::decode(&Node { value: Value::Table(table), span: node.span }, decoder)
}

/// Tells the fields of an estimate that no estimate has.
fn known_fields(table: &Table, subject: &str, others: &[&str], decoder: &mut Decoder<'_>) {
    let known: Vec<&str> = SHAPES.iter().chain(others).copied().collect();
    let outer = std::mem::replace(&mut decoder.subject, subject.to_owned());
    let within = std::mem::take(&mut decoder.within);
    decoder.known_only(table, &known);
    decoder.within = within;
    decoder.subject = outer;
}

impl Field for Estimate {
    const EXAMPLE: &'static str = "{ pert = [5, 8, 14], unit = \"d\" }";

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let table = match &node.value {
            Value::Text(text) => return estimate_from_text(text, node, decoder),
            Value::Table(table) => table,
            _ => {
                let message = format!("an estimate is expected here, not {}", node.describe());
                return refuse_estimate(decoder, node, message);
            }
        };
        known_fields(table, "an estimate", &["p90", "unit"], decoder);
        let unit = match table.get("unit") {
            None => TimeUnit::Day,
            Some(unit_node) => match &unit_node.value {
                Value::Text(text) if TimeUnit::parse(text).is_some() => TimeUnit::parse(text)?,
                _ => {
                    let message = "the unit of an estimate is \"d\" or \"wk\"".to_owned();
                    return refuse_estimate(decoder, unit_node, message);
                }
            },
        };
        let distribution = distribution(table, node, decoder)?;
        fits_a_plan(distribution.largest_given(), unit, node, decoder)
            .then_some(Estimate { distribution, unit })
    }

    fn encode(&self) -> Option<Node> {
        if let Distribution::Fixed(value) = self.distribution {
            return Some(Node::text(format!("{value} {}", self.unit.as_str())));
        }
        let mut table = Table::default();
        self.distribution.encode_into(&mut table);
        table.set("unit", Node::text(self.unit.as_str()));
        Some(Node::new(Value::Table(table)))
    }

    fn schema() -> Json {
        let pattern = format!("^{} +{TIME_UNITS}$", distribution_pattern());
        json!({ "x-form": "estimate", "anyOf": [
            { "type": "string", "pattern": pattern,
                "examples": ["10 d", "5 / 8 / 14 d", "16..22 wk", "5 to 9 d"] },
            distribution_schema(true),
        ] })
    }
}

/// A distribution as text, as a pattern of JSON Schema.
fn distribution_pattern() -> String {
    let n = "[0-9]*\\.?[0-9]+";
    let shapes = [
        n.to_owned(),
        format!("{n} *\\.\\. *{n}"),
        format!("{n} */ *{n} */ *{n}( *\\(triangular\\))?"),
        format!("[Pp]50 *{n} *, *[Pp]90 *{n}"),
        format!("{n} *to *{n}"),
        format!("{n}( *, *{n})+"),
        format!("{n}( *, *{n})* *\\(observed\\)"),
    ];
    format!("({})", shapes.join("|"))
}

fn distribution_schema(with_unit: bool) -> Json {
    let list = |length: usize| {
        json!({ "type": "array", "items": { "type": "number", "minimum": 0 },
            "minItems": length, "maxItems": length })
    };
    let mut properties = json!({
        "fixed": { "type": "number", "minimum": 0 },
        "pert": list(3), "triangular": list(3), "uniform": list(2),
        "p50": { "type": "number", "exclusiveMinimum": 0 }, "p90": { "type": "number" },
        "observed": { "type": "array", "items": { "type": "number", "minimum": 0 }, "minItems": 1 },
    });
    if let (true, Some(object)) = (with_unit, properties.as_object_mut()) {
        let unit = json!({ "type": "string", "pattern": format!("^{TIME_UNITS}$"),
            "default": "d", "examples": ["d", "wk"] });
        object.insert("unit".to_owned(), unit);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

impl Field for Factor {
    const EXAMPLE: &'static str = "{ triangular = [1.0, 1.2, 1.6] }";

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let drawn = match &node.value {
            Value::Table(table) => {
                known_fields(table, "a factor", &["p90"], decoder);
                distribution(table, node, decoder)?
            }
            Value::Text(text) => {
                let Some(table) = table_of_text(text, node.span) else {
                    let message = format!("\"{}\" is not a factor", shown(text));
                    let help = "write 1.2 or \"1 / 1.2 / 1.6\"".to_owned();
                    decoder.refuse(Code::WrongValue, node.span, message, help);
                    return None;
                };
                distribution(&table, node, decoder)?
            }
            _ => Distribution::Fixed(number(node, decoder)?),
        };
        if drawn.lowest() < 0.0 {
            refuse_negative(decoder, node.span, &drawn.lowest());
            return None;
        }
        if drawn.largest_given() > FACTOR_MAX {
            let message =
                format!("a factor of {} is more than {FACTOR_MAX}", drawn.largest_given());
            let help = "write a factor such as 1.2".to_owned();
            decoder.refuse(Code::OutOfRange, node.span, message, help);
            return None;
        }
        Some(Factor(drawn))
    }

    fn encode(&self) -> Option<Node> {
        if let Distribution::Fixed(value) = self.0 {
            return Some(number_node(value));
        }
        let mut table = Table::default();
        self.0.encode_into(&mut table);
        Some(Node::new(Value::Table(table)))
    }

    fn schema() -> Json {
        json!({ "x-form": "factor", "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": format!("^{}$", distribution_pattern()),
                "examples": ["1.2", "1 / 1.2 / 1.6"] },
            distribution_schema(false),
        ] })
    }
}

/// Time between two ends of a link: a fixed number of days or weeks, negative for an overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// How many.
    pub amount: f64,
    /// Days or weeks.
    pub unit: TimeUnit,
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.unit.as_str())
    }
}

impl Field for Lag {
    const EXAMPLE: &'static str = "\"5 d\"";

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            decoder.mistyped(node, "a number of days or weeks", "\"5 d\" or \"-1 wk\"");
            return None;
        };
        let Some((amount, unit)) = amount_of_time(text) else {
            let message = format!("\"{}\" is not a number of days or weeks", shown(text));
            let help = "write \"5 d\" or \"-1 wk\"".to_owned();
            decoder.refuse(Code::WrongValue, node.span, message, help);
            return None;
        };
        fits_a_plan(amount, unit, node, decoder).then_some(Lag { amount, unit })
    }

    fn encode(&self) -> Option<Node> {
        Some(Node::text(self.to_string()))
    }

    fn schema() -> Json {
        json!({ "type": "string", "x-form": "lag",
            "pattern": format!("^-?[0-9.]+ +{TIME_UNITS}$"), "examples": ["5 d", "-1 wk"] })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::node::{Places, Source, parse};
    use crate::write::value_text;

    /// Reads `it = …` as a field, and writes it again in its canonical form, or tells what is wrong.
    fn check<T: Field + fmt::Display>(text: &str, expect: Expect) {
        let source = Source { name: "it.toml".to_owned(), text: format!("it = {text}") };
        let places = Places::new(vec![source.clone()]);
        let parsed = parse(&source.text, 0, &places);
        let mut decoder = Decoder::new(&places);
        let value = parsed.table.get("it").and_then(|node| T::decode(node, &mut decoder));
        expect.assert_eq(&match value {
            Some(value) => {
                let written = value.encode().map(|node| value_text(&node)).unwrap_or_default();
                format!("{written} is told as {value}")
            }
            None => decoder.diagnostics.iter().map(|it| it.message.as_str()).collect(),
        });
    }

    #[test]
    fn estimates_have_one_form() {
        check::<Estimate>("\"2.50 weeks\"", expect![[r#""2.5 wk" is told as 2.5 wk"#]]);
        check::<Estimate>("{ fixed = 2 }", expect![[r#""2 d" is told as 2 d"#]]);
        check::<Estimate>(
            "{ pert = [5, 8.0, 14] }",
            expect![[r#"{ pert = [5, 8, 14], unit = "d" } is told as 5 / 8 / 14 d"#]],
        );
        check::<Estimate>(
            "{ triangular = [0, 0, 0], unit = \"day\" }",
            expect![[
                r#"{ triangular = [0, 0, 0], unit = "d" } is told as 0 / 0 / 0 (triangular) d"#
            ]],
        );
        check::<Estimate>(
            "{ p90 = 20, p50 = 12, unit = \"w\" }",
            expect![[r#"{ p50 = 12, p90 = 20, unit = "wk" } is told as P50 12, P90 20 wk"#]],
        );
        check::<Estimate>(
            "{ uniform = [0.5, 9] }",
            expect![[r#"{ uniform = [0.5, 9], unit = "d" } is told as 0.5 to 9 d"#]],
        );
        check::<Estimate>(
            "{ observed = [11, 9, 14.25] }",
            expect![[
                r#"{ observed = [11, 9, 14.25], unit = "d" } is told as 3 observed values d"#
            ]],
        );
        check::<Estimate>("\"1e3 d\"", expect![[r#""1000 d" is told as 1000 d"#]]);
        check::<Estimate>("\"36526 d\"", expect!["36526 d is longer than a century"]);
        check::<Estimate>(
            "{ observed = [1, 5300], unit = \"wk\" }",
            expect!["5300 wk is longer than a century"],
        );
    }

    #[test]
    fn estimates_are_read_from_short_texts() {
        let told = |text: &str, expect: Expect| check::<Estimate>(&format!("\"{text}\""), expect);
        told(
            "5 / 8 / 14 d",
            expect![[r#"{ pert = [5, 8, 14], unit = "d" } is told as 5 / 8 / 14 d"#]],
        );
        told(
            " 5/8/14.5   weeks ",
            expect![[r#"{ pert = [5, 8, 14.5], unit = "wk" } is told as 5 / 8 / 14.5 wk"#]],
        );
        told(
            "5 / 8 / 14 (triangular) d",
            expect![[
                r#"{ triangular = [5, 8, 14], unit = "d" } is told as 5 / 8 / 14 (triangular) d"#
            ]],
        );
        told(
            "5/8/14 d (triangular)",
            expect![[
                r#"{ triangular = [5, 8, 14], unit = "d" } is told as 5 / 8 / 14 (triangular) d"#
            ]],
        );
        told(
            "16..22 wk",
            expect![[r#"{ p50 = 16, p90 = 22, unit = "wk" } is told as P50 16, P90 22 wk"#]],
        );
        told(
            "16.5 .. 22.5 wk",
            expect![[
                r#"{ p50 = 16.5, p90 = 22.5, unit = "wk" } is told as P50 16.5, P90 22.5 wk"#
            ]],
        );
        told(
            "P50 12, P90 20 wk",
            expect![[r#"{ p50 = 12, p90 = 20, unit = "wk" } is told as P50 12, P90 20 wk"#]],
        );
        told(
            "0.5 to 9 d",
            expect![[r#"{ uniform = [0.5, 9], unit = "d" } is told as 0.5 to 9 d"#]],
        );
        told(
            "11, 9, 14.25 d",
            expect![[
                r#"{ observed = [11, 9, 14.25], unit = "d" } is told as 3 observed values d"#
            ]],
        );
        told(
            "11 (observed) d",
            expect![[r#"{ observed = [11], unit = "d" } is told as 1 observed values d"#]],
        );
        told("22..16 wk", expect!["P90 16 is below P50 22"]);
        told("8 / 5 / 14 d", expect!["low 8, likely 5, high 14 are out of order"]);
        told("-1 / 5 / 14 d", expect!["-1 is negative"]);
        told("0..5 d", expect!["a lognormal lies above zero, P50 0 doesn't"]);
        told("-3 d", expect!["-3 d is negative"]);
        told("5 / 8 / 40000 d", expect!["40000 d is longer than a century"]);
        for text in [
            "5 / 8 d",
            "5 / 8 / 14",
            "5 / 8 / 14 h",
            "1..2..3 d",
            "P50 12 wk",
            "P90 1, P50 2 d",
            "(triangular) d",
            "5 (pert) d",
            "1, (observed) d",
            "inf d",
            "1 to nan d",
            "d",
            "",
            " ",
            "(",
            ")",
            "€50 1, P90 2 d",
            "3, d",
        ] {
            assert_eq!(estimate_table(text, Span::NONE), None, "{text}");
        }
    }

    #[test]
    fn factors_are_read_from_short_texts() {
        let told = |text: &str| {
            let factor = crate::form::form_text("factor", &json!(text));
            factor.unwrap_or_else(|| "refused".to_owned())
        };
        for text in ["1.2", "1 / 1.2 / 1.6", "1 to 2", "P50 1, P90 1.5", "1, 2 (observed)"] {
            assert_eq!(told(text), text);
        }
        for text in ["", "1.2 d", "2 / 1 / 3", "-1", "1 / 2", "1001"] {
            assert_eq!(told(text), "refused", "{text}");
        }
    }

    #[test]
    fn lags_may_be_negative() {
        check::<Lag>("\"-1.5 wk\"", expect![[r#""-1.5 wk" is told as -1.5 wk"#]]);
        check::<Lag>("\"+3 days\"", expect![[r#""3 d" is told as 3 d"#]]);
        check::<Lag>("\"3\"", expect![[r#""3" is not a number of days or weeks"#]]);
        check::<Lag>(
            "3",
            expect!["a number of days or weeks is expected here, not a whole number"],
        );
    }
}
