//! Bodies as JSON, read strictly: a member that stands twice is refused, not chosen from.

use std::cell::RefCell;
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use longlead_model::{Code, Diagnostic, Place};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value as Json};

use crate::app::App;
use crate::problem::Problem;

/// The body of a request. Its media type has been seen to be right.
#[derive(Clone, Debug)]
pub(crate) struct JsonBody(pub(crate) Json);

impl FromRequest<App> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, app).await.map_err(|error| {
            let status = error.status();
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                return Problem::too_large(app.settings().body_bytes_max);
            }
            Problem::bad_request("The body can't be read")
        })?;
        parse(&bytes).map(JsonBody)
    }
}

/// Reads JSON.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, Problem> {
    let reading = Reading::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = Strict(&reading)
        .deserialize(&mut deserializer)
        .and_then(|json| deserializer.end().map(|()| json));
    let twice = reading.twice.into_inner();
    // Reading stops at the last that is noted.
    if twice.len() < TWICE_MAX {
        let json = read.map_err(|error| {
            Problem::bad_request("The body is not JSON").detail(format!("{error}."))
        })?;
        if twice.is_empty() {
            return Ok(json);
        }
    }
    let diagnostics = twice.into_iter().map(|path| {
        Diagnostic::error(Code::Contradiction, format!("`{path}` stands twice"))
            .help("keep one of the two")
    });
    Err(unprocessable("A member of the body stands twice").diagnostics(diagnostics.collect()))
}

/// A value of a struct from a JSON object; `place` says where it stands in the body.
pub(crate) fn decode<T: DeserializeOwned>(json: Json, place: &str) -> Result<T, Diagnostic> {
    let wrong = |told: String| {
        let place = Place { file: place.to_owned(), line: 0, column: 0 };
        Diagnostic::error(Code::WrongValue, told).at(Some(place))
    };
    // Serde would take the fields of a struct from an array, too, in their order.
    if !json.is_object() {
        return Err(wrong("this must be an object".to_owned()));
    }
    serde_json::from_value(json).map_err(|error| wrong(error.to_string()))
}

pub(crate) fn unprocessable(title: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title)
}

/// So many members that stand twice are told; a body with more isn't read on.
const TWICE_MAX: usize = 20;

/// So much of a member's name is told, in characters.
const NAME_CHARACTERS_MAX: usize = 60;

/// What is noted while reading.
#[derive(Debug, Default)]
struct Reading {
    path: RefCell<Vec<String>>,
    twice: RefCell<Vec<String>>,
}

impl Reading {
    /// Goes into a member. Its name is kept short: each member that stands twice repeats it.
    fn enter(&self, name: &str) {
        self.path.borrow_mut().push(name.chars().take(NAME_CHARACTERS_MAX).collect());
    }

    fn leave(&self) {
        self.path.borrow_mut().pop();
    }

    /// Notes that the member stands twice; false if that is enough.
    fn note(&self) -> bool {
        let path = self.path.borrow().join(".").replace(".[…]", "[…]");
        let mut twice = self.twice.borrow_mut();
        twice.push(path);
        twice.len() < TWICE_MAX
    }
}

/// Reads any value and notes what stands twice.
#[derive(Clone, Copy, Debug)]
struct Strict<'a>(&'a Reading);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("a number is too large"))?;
        Ok(Json::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        self.0.enter("[…]");
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        self.0.leave();
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.0.enter(&name);
            let value = members.next_value_seed(self)?;
            if object.insert(name, value).is_some() && !self.0.note() {
                return Err(Error::custom("too many members stand twice"));
            }
            self.0.leave();
        }
        Ok(Json::Object(object))
    }
}

/// Changes JSON by a merge patch (RFC 7396).
pub(crate) fn merge_patch(target: &mut Json, patch: &Json) {
    let Json::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Json::Object(Map::new());
    }
    let Json::Object(object) = target else {
        return;
    };
    for (name, value) in members {
        match value {
            Json::Null => drop(object.shift_remove(name)),
            value => merge_patch(object.entry(name.clone()).or_insert(Json::Null), value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_does_what_rfc_7396_says() {
        // The cases of RFC 7396, appendix A.
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, expect) in cases {
            let before = target.clone();
            merge_patch(&mut target, &patch);
            assert_eq!(target, expect, "{before} patched by {patch}");
        }
    }

    #[test]
    fn every_member_that_stands_twice_is_told_with_its_path() {
        let problem = parse(br#"{"a": 1, "a": 2, "b": [{"c": {"d": 1, "d": 1}}]}"#).unwrap_err();
        let told: Vec<_> = problem.diagnostics.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(told, ["`a` stands twice", "`b[…].c.d` stands twice"]);
    }

    #[test]
    fn a_body_full_of_members_that_stand_twice_is_told_in_few_words() {
        let name = "n".repeat(1 << 20);
        let members = vec!["\"a\":0"; 50_000].join(",");
        let problem = parse(format!("{{\"{name}\":{{{members}}}}}").as_bytes()).unwrap_err();
        assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem.diagnostics.len(), TWICE_MAX);
        assert!(problem.json().to_string().len() < 10_000);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "{} {}", "NaN", "\u{feff}{}", "1e999", "{'a': 1}", deep.as_str()] {
            let problem = parse(text.as_bytes()).unwrap_err();
            assert_eq!(problem.status, StatusCode::BAD_REQUEST, "{}", &text[..text.len().min(9)]);
        }
    }
}
