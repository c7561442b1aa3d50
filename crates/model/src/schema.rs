//! JSON Schema of records and bundles, so that editors complete and check.

use serde_json::{Map, Value as Json, json};

use crate::bundle::has_natural_id;
use crate::field::Field as _;
use crate::kind::Kind;
use crate::record::Settings;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// JSON Schema of one record of a kind.
///
/// Beside the standard keywords it has some for forms. `x-kind` names the kind of record that an id
/// refers to, and `x-key-kind` the kind that the names of members refer to; the ids of activities
/// name milestones and derived activities as well. `x-form` is `estimate`, `factor`, `lag`,
/// `quantity`, `money`, `level` or `share` where one text input takes the whole value (see
/// [`form_text`](crate::form_text)).
pub fn record_schema(kind: Kind) -> Json {
    let mut schema = kind.schema();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!(DIALECT));
        object.insert("title".to_owned(), json!(kind.word()));
        if let Some(id) = object.get_mut("properties").and_then(|fields| fields.get_mut("id")) {
            own_id(kind, id);
        }
        if has_natural_id(kind)
            && let Some(Json::Array(required)) = object.get_mut("required")
        {
            required.retain(|field| field != "id");
        }
    }
    schema
}

/// A record's own id refers to nothing, but an actual is filed under the activity that it is about.
fn own_id(kind: Kind, schema: &mut Json) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    match kind {
        Kind::Actual => drop(object.insert("x-kind".to_owned(), json!(Kind::Activity.as_str()))),
        _ => drop(object.remove("x-kind")),
    }
}

/// JSON Schema of the settings.
pub fn settings_schema() -> Json {
    let mut schema = Settings::schema();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!(DIALECT));
        object.insert("title".to_owned(), json!("settings"));
    }
    schema
}

/// JSON Schema of a file of a bundle: any kinds, each a list of records.
pub fn bundle_schema() -> Json {
    let mut properties = Map::new();
    properties.insert("settings".to_owned(), Settings::schema());
    let mut definitions = Map::new();
    for kind in Kind::ALL {
        let mut record = record_schema(*kind);
        if let Some(object) = record.as_object_mut() {
            object.remove("$schema");
        }
        let reference = json!({ "$ref": format!("#/$defs/{kind}") });
        properties.insert(
            kind.as_str().to_owned(),
            json!({ "description": kind.doc().trim(),
                "anyOf": [{ "type": "array", "items": reference }, reference] }),
        );
        definitions.insert(kind.as_str().to_owned(), record);
    }
    json!({
        "$schema": DIALECT,
        "title": "A file of a Longlead bundle",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_every_field_is_described() {
        for kind in Kind::ALL {
            let schema = record_schema(*kind);
            assert!(schema["description"].is_string(), "{kind} lacks a description");
            let properties = schema["properties"].as_object().unwrap();
            assert!(properties.contains_key("id"), "{kind} lacks an id");
            for (field, schema) in properties {
                assert!(schema["description"].is_string(), "{kind}.{field} lacks a description");
            }
        }
    }
}
