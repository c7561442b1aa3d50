//! What a field of a record can hold: decoded from a node with diagnostics, encoded back,
//! described as JSON Schema, searched for references. One trait, so that none of the four can
//! forget what another knows.

mod declare;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::diagnostic::{Code, Diagnostic, nearest, shown};
use crate::id::*;
use crate::kind::Kind;
use crate::money::{Currency, Money, MoneyError};
use crate::node::{Node, PathStep, Places, Span, Table, Value};
use crate::quantity::{Quantity, QuantityError};
use crate::unit::{Unit, UnitError};

pub(crate) use declare::{absent_value, describe, encoded, own_title, refuse_word, shapes, words};

/// Decodes nodes, collecting what is wrong.
pub(crate) struct Decoder<'a> {
    pub(crate) places: &'a Places,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The record being decoded, in words, for messages.
    pub(crate) subject: String,
    /// The fields of the record around the one that is being decoded.
    pub(crate) within: Vec<String>,
}

impl Decoder<'_> {
    pub(crate) fn new(places: &Places) -> Decoder<'_> {
        Decoder { places, diagnostics: Vec::new(), subject: String::new(), within: Vec::new() }
    }

    /// A field by its path within the record.
    fn path_to(&self, field: &str) -> String {
        let path = self.within.iter().map(String::as_str).chain([field]);
        path.collect::<Vec<_>>().join(".")
    }

    pub(crate) fn refuse(&mut self, code: Code, span: Span, message: String, help: String) {
        let diagnostic = Diagnostic::error(code, message).at(self.places.place(span)).help(help);
        self.diagnostics.push(diagnostic);
    }

    /// Says that the value has the wrong type.
    pub(crate) fn mistyped(&mut self, node: &Node, wanted: &str, example: &str) {
        let message = format!("{wanted} is expected here, not {}", node.describe());
        self.refuse(Code::WrongValue, node.span, message, format!("write, for example, {example}"));
    }

    fn refuse_money(&mut self, span: Span, error: &MoneyError) {
        let help = match error {
            MoneyError::Currency(_) => "write three capital letters, such as USD",
            _ => "write an amount and a currency, such as \"0.42 USD\"",
        };
        self.refuse(Code::WrongValue, span, error.to_string(), help.to_owned());
    }

    /// Tells fields that the record doesn't have.
    pub(crate) fn known_only(&mut self, table: &Table, known: &[&str]) {
        for (key, span, _) in table.iter() {
            if known.contains(&key) {
                continue;
            }
            let message = format!("{} has no field `{}`", self.subject, self.path_to(&shown(key)));
            let help = match nearest(key, known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("its fields are {}", known.join(", ")),
            };
            self.refuse(Code::UnknownField, span, message, help);
        }
    }

    /// Decodes one field of a table; `absent` says what its absence means.
    pub(crate) fn field<T: Field>(
        &mut self,
        table: &Table,
        at: Span,
        name: &str,
        absent: Option<T>,
    ) -> Option<T> {
        match table.get(name) {
            Some(node) => {
                self.within.push(name.to_owned());
                let decoded = T::decode(node, self);
                self.within.pop();
                decoded
            }
            None if table.is_refused(name) => None,
            None if absent.is_some() => absent,
            None => {
                let message = format!("{} lacks `{}`", self.subject, self.path_to(name));
                let help = format!("add `{name} = {}`", T::EXAMPLE);
                self.refuse(Code::MissingField, at, message, help);
                None
            }
        }
    }
}

/// Something in a record that must be held against the rest of the bundle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mention<'a> {
    /// A reference to another record.
    Record(Kind, &'a str),
    /// An amount of money, whose currency needs a rate.
    Money(Money),
}

/// Visits mentions, each with its path within the record.
pub(crate) type Visitor<'a> = dyn FnMut(&[PathStep<'_>], Mention<'_>) + 'a;

/// A type that a field of a record can have.
pub(crate) trait Field: Sized {
    /// How a value looks in TOML, for help texts.
    const EXAMPLE: &'static str;

    /// Reads the value; `None` after telling what is wrong.
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self>;
    /// The value as a node; `None` if it is to be left out.
    fn encode(&self) -> Option<Node>;
    /// What editors need to know.
    fn schema() -> Json;
    /// The names of its own fields.
    fn fields() -> &'static [&'static str] {
        &[]
    }
    /// What it is called, if it has a title.
    fn title(&self) -> Option<&str> {
        None
    }
    /// What a missing field means, if it may be missing.
    fn absent() -> Option<Self> {
        None
    }
    /// Tells every mention in the value.
    fn visit<'a>(&'a self, _path: &mut Vec<PathStep<'a>>, _visitor: &mut Visitor<'_>) {}
}

impl Field for String {
    const EXAMPLE: &'static str = "\"…\"";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Text(text) = &node.value {
            return Some(text.clone());
        }
        decoder.mistyped(node, "a text", "\"Light sensor\"");
        None
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::text(self.clone()))
    }
    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl Field for bool {
    const EXAMPLE: &'static str = "true";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Boolean(truth) = node.value {
            return Some(truth);
        }
        decoder.mistyped(node, "true or false", "true");
        None
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::new(Value::Boolean(*self)))
    }
    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
}

impl Field for u64 {
    const EXAMPLE: &'static str = "100";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            Value::Integer(number) if number >= 0 => u64::try_from(number).ok(),
            Value::Integer(number) => {
                refuse_negative(decoder, node.span, &number);
                None
            }
            _ => {
                decoder.mistyped(node, "a whole number", "100");
                None
            }
        }
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::new(Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))))
    }
    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl Field for u32 {
    const EXAMPLE: &'static str = "1";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let number = u64::decode(node, decoder)?;
        u32::try_from(number).ok().or_else(|| {
            let message = format!("{number} is larger than {}", u32::MAX);
            decoder.refuse(Code::OutOfRange, node.span, message, "write a smaller number".into());
            None
        })
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::new(Value::Integer(i64::from(*self))))
    }
    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

/// Says that a value is negative where only zero or more makes sense.
pub(crate) fn refuse_negative(decoder: &mut Decoder<'_>, span: Span, value: &dyn fmt::Display) {
    let message = format!("{value} is negative");
    decoder.refuse(Code::NegativeValue, span, message, "write zero or more".to_owned());
}

/// A finite number, whether written with a decimal point or not.
pub(crate) fn number(node: &Node, decoder: &mut Decoder<'_>) -> Option<f64> {
    match node.value {
        Value::Integer(number) => Some(number as f64),
        Value::Float(number) if number.is_finite() => Some(number),
        Value::Float(number) => {
            let message = format!("{number} is not a number to plan with");
            decoder.refuse(Code::OutOfRange, node.span, message, "write a finite number".into());
            None
        }
        _ => {
            decoder.mistyped(node, "a number", "2.5");
            None
        }
    }
}

/// A number as a node: whole numbers without a decimal point, as people write them.
pub(crate) fn number_node(number: f64) -> Node {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        Node::new(Value::Integer(number as i64))
    } else {
        Node::new(Value::Float(number))
    }
}

/// A finite number, which may be negative.
impl Field for f64 {
    const EXAMPLE: &'static str = "2.5";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        number(node, decoder)
    }
    fn encode(&self) -> Option<Node> {
        Some(number_node(*self))
    }
    fn schema() -> Json {
        json!({ "type": "number" })
    }
}

/// A positive decimal, for rates and counts of parts.
impl Field for Decimal {
    const EXAMPLE: &'static str = "1";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Integer(number) => number.to_string(),
            Value::Float(_) => number(node, decoder)?.to_string(),
            Value::Text(text) => text.clone(),
            _ => {
                decoder.mistyped(node, "a decimal number", "1.08");
                return None;
            }
        };
        match Decimal::from_str_exact(&text) {
            Ok(decimal) if decimal.is_sign_negative() && !decimal.is_zero() => {
                refuse_negative(decoder, node.span, &decimal);
                None
            }
            Ok(decimal) => Some(decimal),
            Err(_) => {
                let message = format!("\"{}\" is not a number of at most 28 digits", shown(&text));
                let help = "write, for example, 1.08".to_owned();
                decoder.refuse(Code::WrongValue, node.span, message, help);
                None
            }
        }
    }
    fn encode(&self) -> Option<Node> {
        let text = self.to_string();
        let as_float = text.parse::<f64>().ok();
        // A decimal that a float can't hold exactly as written is kept as text.
        match (i64::try_from(*self), as_float) {
            (Ok(whole), _) if self.scale() == 0 => Some(Node::new(Value::Integer(whole))),
            (_, Some(float)) if float.to_string() == text => Some(Node::new(Value::Float(float))),
            _ => Some(Node::text(text)),
        }
    }
    fn schema() -> Json {
        json!({ "type": ["number", "string"], "minimum": 0 })
    }
}

impl Field for Date {
    const EXAMPLE: &'static str = "2027-03-01";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let date = match &node.value {
            Value::Date(date) => Some(*date),
            // Longer texts are instants, whose time of day would be dropped in silence.
            Value::Text(text) if text.len() == "2027-03-01".len() => text.parse().ok(),
            _ => None,
        };
        match date {
            Some(date) if (1970..2170).contains(&date.year()) => Some(date),
            Some(date) => {
                let message = format!("{date} is outside the years 1970 to 2169");
                decoder.refuse(Code::OutOfRange, node.span, message, "check the year".into());
                None
            }
            None => {
                if let Value::Text(text) = &node.value {
                    let message = format!("\"{}\" is not a civil date", shown(text));
                    let help = "write, for example, 2027-03-01 (without quotes)".to_owned();
                    decoder.refuse(Code::WrongValue, node.span, message, help);
                } else {
                    decoder.mistyped(node, "a civil date", "2027-03-01 (without quotes)");
                }
                None
            }
        }
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::new(Value::Date(*self)))
    }
    fn schema() -> Json {
        json!({ "type": "string", "format": "date" })
    }
}

impl Field for Currency {
    const EXAMPLE: &'static str = "\"EUR\"";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            decoder.mistyped(node, "a currency", Self::EXAMPLE);
            return None;
        };
        let currency = text.parse::<Currency>();
        currency.map_err(|error| decoder.refuse_money(node.span, &error)).ok()
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::text(self.as_str()))
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"] })
    }
}

impl Field for Unit {
    const EXAMPLE: &'static str = "\"KiB\"";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            decoder.mistyped(node, "a unit", Self::EXAMPLE);
            return None;
        };
        let refused = |error: UnitError| {
            let (message, help) = (shown_message(&error), error.help());
            decoder.refuse(Code::UnknownUnit, node.span, message, help);
        };
        text.parse::<Unit>().map_err(refused).ok()
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::text(self.to_string()))
    }
    fn schema() -> Json {
        json!({ "type": "string", "examples": ["KiB", "V", "mo"] })
    }
}

/// The message of an error that holds text from a file, fit for a terminal.
fn shown_message(error: &dyn fmt::Display) -> String {
    let message = error.to_string();
    message
        .chars()
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let plain = escaped.is_none().then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

impl Field for Money {
    const EXAMPLE: &'static str = "\"0.42 USD\"";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            decoder.mistyped(node, "an amount with its currency, as text", Self::EXAMPLE);
            return None;
        };
        match text.parse::<Money>() {
            Ok(money) if money.amount.is_sign_negative() && !money.amount.is_zero() => {
                refuse_negative(decoder, node.span, &money);
                None
            }
            Ok(money) => Some(money),
            Err(error) => {
                decoder.refuse_money(node.span, &error);
                None
            }
        }
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::text(self.to_string()))
    }
    fn schema() -> Json {
        json!({ "type": "string", "x-form": "money",
            "pattern": "^[0-9]+(\\.[0-9]+)? [A-Z]{3}$", "examples": ["0.42 USD"] })
    }
    fn visit<'a>(&'a self, path: &mut Vec<PathStep<'a>>, visitor: &mut Visitor<'_>) {
        visitor(path, Mention::Money(*self));
    }
}

impl Field for Quantity {
    const EXAMPLE: &'static str = "\"256 KiB\"";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            decoder.mistyped(node, "a quantity with its unit, as text", Self::EXAMPLE);
            return None;
        };
        match text.parse() {
            Ok(quantity) => Some(quantity),
            Err(error) => {
                let code = match error {
                    QuantityError::Unit(_) => Code::UnknownUnit,
                    _ => Code::WrongValue,
                };
                decoder.refuse(code, node.span, shown_message(&error), error.help());
                None
            }
        }
    }
    fn encode(&self) -> Option<Node> {
        Some(Node::text(self.to_string()))
    }
    fn schema() -> Json {
        json!({ "type": "string", "x-form": "quantity", "examples": ["256 KiB", "3.7 V", "2 a"] })
    }
}

/// True if all numbers in a value are numbers to plan with; those that aren't are told.
fn is_finite(node: &Node, decoder: &mut Decoder<'_>) -> bool {
    match &node.value {
        Value::Float(_) => number(node, decoder).is_some(),
        Value::Array(items) => items.iter().all(|item| is_finite(item, decoder)),
        Value::Table(table) => table.iter().all(|(_, _, node)| is_finite(node, decoder)),
        _ => true,
    }
}

/// Any fields: those that a scenario sets are checked when the scenario is applied.
impl Field for Node {
    const EXAMPLE: &'static str = "{ … }";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if matches!(node.value, Value::Table(_)) {
            return is_finite(node, decoder).then(|| node.clone());
        }
        decoder.mistyped(node, "a table of fields", "{ lead_time = \"12 wk\" }");
        None
    }
    fn encode(&self) -> Option<Node> {
        Some(self.clone())
    }
    fn schema() -> Json {
        json!({ "type": "object" })
    }
}

impl<T: Field> Field for Option<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, decoder).map(Some)
    }
    fn encode(&self) -> Option<Node> {
        self.as_ref().and_then(T::encode)
    }
    fn schema() -> Json {
        T::schema()
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn visit<'a>(&'a self, path: &mut Vec<PathStep<'a>>, visitor: &mut Visitor<'_>) {
        if let Some(value) = self {
            value.visit(path, visitor);
        }
    }
}

impl<T: Field> Field for Vec<T> {
    const EXAMPLE: &'static str = "[…]";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        // A list of one may be written without brackets.
        let Value::Array(items) = &node.value else {
            return T::decode(node, decoder).map(|item| vec![item]);
        };
        let decoded: Vec<Option<T>> = items.iter().map(|item| T::decode(item, decoder)).collect();
        decoded.into_iter().collect()
    }
    fn encode(&self) -> Option<Node> {
        if self.is_empty() {
            return None;
        }
        Some(Node::new(Value::Array(self.iter().filter_map(T::encode).collect())))
    }
    fn schema() -> Json {
        let item = T::schema();
        json!({ "anyOf": [{ "type": "array", "items": item }, T::schema()] })
    }
    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
    fn visit<'a>(&'a self, path: &mut Vec<PathStep<'a>>, visitor: &mut Visitor<'_>) {
        for (index, item) in self.iter().enumerate() {
            path.push(PathStep::Index(index));
            item.visit(path, visitor);
            path.pop();
        }
    }
}

/// A key of a map field: an id, or a plain word.
pub(crate) trait Key: Sized + Ord + Clone {
    fn parse_key(text: &str) -> Result<Self, IdError>;
    fn key_text(&self) -> &str;
    /// The kind of record that the key refers to, if any.
    fn refers_to() -> Option<Kind>;
    /// What editors need to know of the key, if not every text is one.
    fn schema() -> Option<Json>;
}

impl Key for String {
    fn parse_key(text: &str) -> Result<Self, IdError> {
        Ok(text.to_owned())
    }
    fn key_text(&self) -> &str {
        self
    }
    fn refers_to() -> Option<Kind> {
        None
    }
    fn schema() -> Option<Json> {
        None
    }
}

impl<K: Key, T: Field> Field for BTreeMap<K, T> {
    const EXAMPLE: &'static str = "{ … }";
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            decoder.mistyped(node, "a table", "{ ble = true, ram = \"256 KiB\" }");
            return None;
        };
        let mut map = BTreeMap::new();
        let mut whole = true;
        for (key, span, value) in table.iter() {
            let decoded = T::decode(value, decoder);
            match (K::parse_key(key), decoded) {
                (Ok(key), Some(value)) => drop(map.insert(key, value)),
                (Err(error), _) => {
                    refuse_id(decoder, key, span, &error);
                    whole = false;
                }
                (Ok(_), None) => whole = false,
            }
        }
        whole.then_some(map)
    }
    fn encode(&self) -> Option<Node> {
        if self.is_empty() {
            return None;
        }
        let mut table = Table::default();
        for (key, value) in self {
            if let Some(node) = value.encode() {
                table.set(key.key_text(), node);
            }
        }
        Some(Node::new(Value::Table(table)))
    }
    fn schema() -> Json {
        let mut schema = json!({ "type": "object", "additionalProperties": T::schema() });
        if let (Some(keys), Some(object)) = (K::schema(), schema.as_object_mut()) {
            object.insert("propertyNames".to_owned(), keys);
        }
        if let (Some(kind), Some(object)) = (K::refers_to(), schema.as_object_mut()) {
            object.insert("x-key-kind".to_owned(), json!(kind.as_str()));
        }
        schema
    }
    fn absent() -> Option<Self> {
        Some(BTreeMap::new())
    }
    fn visit<'a>(&'a self, path: &mut Vec<PathStep<'a>>, visitor: &mut Visitor<'_>) {
        for (key, value) in self {
            path.push(PathStep::Key(key.key_text()));
            if let Some(kind) = K::refers_to() {
                visitor(path, Mention::Record(kind, key.key_text()));
            }
            value.visit(path, visitor);
            path.pop();
        }
    }
}

pub(crate) fn refuse_id(decoder: &mut Decoder<'_>, text: &str, span: Span, error: &IdError) {
    let message = format!("\"{}\" is not an id: {error}", shown(text));
    let help = format!("write, for example, {:?}", slug_from(text));
    decoder.refuse(Code::InvalidId, span, message, help);
}

macro_rules! id_fields {
    ($($id:ident)*) => { $(
        impl Field for $id {
            const EXAMPLE: &'static str = "\"some-id\"";
            fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
                let Value::Text(text) = &node.value else {
                    decoder.mistyped(node, "an id", "\"tracker-c\"");
                    return None;
                };
                match $id::try_from(text.as_str()) {
                    Ok(id) => Some(id),
                    Err(error) => {
                        refuse_id(decoder, text, node.span, &error);
                        None
                    }
                }
            }
            fn encode(&self) -> Option<Node> {
                Some(Node::text(self.as_str()))
            }
            fn schema() -> Json {
                // Only where an id may name a derived activity it may have colons.
                let pattern = match $id::try_from("a:a") {
                    Ok(_) => "^[a-z0-9][a-z0-9._-]*(:[a-z0-9][a-z0-9._-]*)*$",
                    Err(_) => "^[a-z0-9][a-z0-9._-]*$",
                };
                json!({ "type": "string", "x-kind": $id::KIND.as_str(), "pattern": pattern,
                    "maxLength": ID_LENGTH_MAX,
                    "description": format!("The id of a {}.", $id::KIND.word()) })
            }
            fn visit<'a>(&'a self, path: &mut Vec<PathStep<'a>>, visitor: &mut Visitor<'_>) {
                visitor(path, Mention::Record($id::KIND, self.as_str()));
            }
        }
        impl Key for $id {
            fn parse_key(text: &str) -> Result<Self, IdError> {
                $id::try_from(text)
            }
            fn key_text(&self) -> &str {
                self.as_str()
            }
            fn refers_to() -> Option<Kind> {
                Some($id::KIND)
            }
            fn schema() -> Option<Json> {
                Some(<$id as Field>::schema())
            }
        }
    )* };
}

id_fields! {
    ProductId RevisionId CapabilityId FeatureId ReleaseId DecisionId ActivityId MilestoneId LinkId
    ActualId CalendarId TeamId RiskId CorrelationId PartId SupplierId OfferId BomLineId BuildId
    OrderId MarketId RegimeId CertificateId StakeholderId RequirementId CriterionId TermId
    AssumptionId RateId ContractId ScenarioId
}
