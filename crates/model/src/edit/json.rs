//! Records as JSON, and back to text.

use serde_json::{Map, Number, Value as Json};

use crate::diagnostic::{Code, Diagnostic, shown};
use crate::node::{DEPTH_MAX, Node, Table, Value, too_deep};
use crate::write::write_fields;

/// A value as JSON; dates are texts.
pub(super) fn json_of(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) => Json::String(text.clone()),
        Value::Integer(number) => Json::from(*number),
        // No record holds a number that isn't finite.
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Boolean(truth) => Json::Bool(*truth),
        Value::Date(date) => Json::String(date.to_string()),
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::Table(table) => {
            let entries = table.iter().map(|(name, _, node)| (name.to_owned(), json_of(node)));
            Json::Object(entries.collect())
        }
    }
}

/// The text of a record given as a JSON object, one `field = value` after another in the order of
/// its members; members that are null are left out. Whether the fields make a record is told by
/// [`Bundle::edited`](crate::Bundle::edited).
///
/// ```
/// # use longlead_model::text_of_json;
/// let record = serde_json::json!({ "id": "bolt", "title": "Bolt", "country": null });
/// assert_eq!(text_of_json(&record)?, "id = \"bolt\"\ntitle = \"Bolt\"\n");
/// # Ok::<(), longlead_model::Diagnostic>(())
/// ```
///
/// Refuses what isn't an object, whole numbers that don't fit 64 bits with a sign, null in a list,
/// and values that nest deeper than any record does.
pub fn text_of_json(json: &Json) -> Result<String, Diagnostic> {
    let Json::Object(members) = json else {
        let message = format!("a record is a JSON object, not {}", describe(json));
        let help = "send its fields: { \"id\": \"bolt\", \"title\": \"Bolt\" }";
        return Err(Diagnostic::error(Code::WrongValue, message).help(help));
    };
    let mut text = String::new();
    write_fields(&mut text, &table_of(members, "", 0)?);
    Ok(text)
}

/// A value as it would stand in the text of a record.
pub(crate) fn node_from(json: &Json) -> Result<Node, Diagnostic> {
    node_of(json, "", 0)
}

fn table_of(members: &Map<String, Json>, path: &str, depth: u32) -> Result<Table, Diagnostic> {
    let mut table = Table::default();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let path = match path {
            "" => shown(name),
            path => format!("{path}.{}", shown(name)),
        };
        table.set(name, node_of(value, &path, depth)?);
    }
    Ok(table)
}

fn node_of(json: &Json, path: &str, depth: u32) -> Result<Node, Diagnostic> {
    if depth > DEPTH_MAX {
        return Err(too_deep(None));
    }
    let value = match json {
        Json::Null => {
            let message = format!("`{path}` is null");
            let help = "leave the item out, or give it a value";
            return Err(Diagnostic::error(Code::WrongValue, message).help(help));
        }
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => number_of(number, path)?,
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => {
            let items = items.iter().enumerate();
            let nodes =
                items.map(|(index, item)| node_of(item, &format!("{path}[{index}]"), depth + 1));
            Value::Array(nodes.collect::<Result<_, _>>()?)
        }
        Json::Object(members) => Value::Table(table_of(members, path, depth + 1)?),
    };
    Ok(Node::new(value))
}

fn number_of(number: &Number, path: &str) -> Result<Value, Diagnostic> {
    if let Some(whole) = number.as_i64() {
        return Ok(Value::Integer(whole));
    }
    match number.as_f64() {
        Some(float) if number.is_f64() && float.is_finite() => Ok(Value::Float(float)),
        _ => {
            let message = format!("`{path}` is {number}, which no field can hold");
            let help = "write a number between -9·10¹⁸ and 9·10¹⁸";
            Err(Diagnostic::error(Code::OutOfRange, message).help(help))
        }
    }
}

fn describe(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
