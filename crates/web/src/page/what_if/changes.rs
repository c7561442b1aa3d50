//! The changes of a what-if: text in the database, JSON while they are edited, a scenario when
//! they are planned with.

use longlead_model::{
    Bundle, Code, Diagnostic, Kind, RecordKey, Scenario, form_text, record_schema, text_of_json,
};
use serde_json::{Map, Value as Json, json};

/// The id under which a what-if is a scenario while it is looked at.
const ID: &str = "what-if";

fn key() -> RecordKey {
    RecordKey::Record(Kind::Scenario, ID.to_owned())
}

/// The changes of a what-if, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    list: Vec<Json>,
}

impl Changes {
    /// Reads what a draft keeps. What can't be read is told, and the rest is kept.
    pub(crate) fn of_text(text: &str) -> Changes {
        let (bundle, _) = Bundle::assemble(&[(key(), with_head(text))]);
        Changes::of_json(bundle.json(&key()))
    }

    /// The changes of a scenario that is on record.
    pub(crate) fn of_scenario(bundle: &Bundle, id: &str) -> Changes {
        Changes::of_json(bundle.json(&RecordKey::Record(Kind::Scenario, id.to_owned())))
    }

    fn of_json(scenario: Option<Json>) -> Changes {
        let changes = scenario.and_then(|mut it| it.get_mut("changes").map(Json::take));
        match changes {
            Some(Json::Array(list)) => Changes { list },
            _ => Changes::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each change: the record, the fields that it sets, and whether it removes the record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = OneChange<'_>> {
        self.list.iter().filter_map(one)
    }

    pub(crate) fn remove(&mut self, index: usize) {
        if index < self.list.len() {
            self.list.remove(index);
        }
    }

    /// Sets a field of a record. A field that was set before is set anew.
    pub(crate) fn set(&mut self, kind: Kind, id: &str, field: &str, value: Json) {
        let same = |change: &&mut Json| {
            change["kind"] == kind.as_str() && change["id"] == id && change["set"].is_object()
        };
        if let Some(change) = self.list.iter_mut().find(same) {
            change["set"][field] = value;
            return;
        }
        let mut set = Map::new();
        set.insert(field.to_owned(), value);
        self.list.push(json!({ "kind": kind.as_str(), "id": id, "set": set }));
    }

    /// Removes a record.
    pub(crate) fn take_out(&mut self, kind: Kind, id: &str) {
        self.list.retain(|change| change["kind"] != kind.as_str() || change["id"] != id);
        self.list.push(json!({ "kind": kind.as_str(), "id": id, "remove": true }));
    }

    /// The changes as the body of a scenario, in TOML.
    ///
    /// # Errors
    /// What in them can't be written.
    pub(crate) fn text(&self) -> Result<String, Diagnostic> {
        text_of_json(&json!({ "changes": self.list }))
    }

    /// The changes as a scenario.
    ///
    /// # Errors
    /// What is wrong with their form. Whether they fit the product is told when it is planned.
    pub(crate) fn scenario(&self, title: &str) -> Result<Scenario, Vec<Diagnostic>> {
        let text = self.text().map_err(|diagnostic| vec![diagnostic])?;
        let title = toml_text(title);
        let text = format!("id = \"{ID}\"\ntitle = {title}\n{text}");
        let (bundle, diagnostics) = Bundle::assemble(&[(key(), text)]);
        let found = bundle.scenario(ID).ok().cloned();
        found.ok_or_else(|| match diagnostics.is_empty() {
            true => vec![Diagnostic::error(Code::MissingField, "the what-if has no changes")],
            false => diagnostics,
        })
    }

    /// The changes as the text of a scenario record of an id.
    pub(crate) fn record(&self, id: &str, title: &str) -> Result<String, Diagnostic> {
        text_of_json(&json!({ "id": id, "title": title, "changes": self.list }))
    }
}

fn with_head(text: &str) -> String {
    format!("id = \"{ID}\"\ntitle = \"What if\"\n{text}")
}

fn toml_text(text: &str) -> String {
    // JSON's escapes are TOML's, for a basic string on one line.
    Json::String(text.to_owned()).to_string()
}

/// One change as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OneChange<'a> {
    pub(crate) kind: Kind,
    pub(crate) id: &'a str,
    pub(crate) set: Vec<(&'a str, &'a Json)>,
    pub(crate) unset: Vec<&'a str>,
    pub(crate) removes: bool,
}

fn one(change: &Json) -> Option<OneChange<'_>> {
    let kind = Kind::named(change["kind"].as_str()?)?;
    let set = change["set"].as_object();
    let set = set.map(|set| set.iter().map(|(field, value)| (field.as_str(), value)).collect());
    let unset = change["unset"].as_array();
    let unset = unset.map(|fields| fields.iter().filter_map(Json::as_str).collect());
    Some(OneChange {
        kind,
        id: change["id"].as_str()?,
        set: set.unwrap_or_default(),
        unset: unset.unwrap_or_default(),
        removes: change["remove"] == true,
    })
}

/// A field of a record as it is shown, and as someone may type it anew.
pub(crate) fn shown(kind: Kind, field: &str, value: &Json) -> String {
    let form = schema_of(kind, field);
    let form = form.as_ref().and_then(|it| it["x-form"].as_str());
    if let Some(text) = form.and_then(|form| form_text(form, value)) {
        return text;
    }
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        value => {
            let text = text_of_json(&json!({ "it": value })).unwrap_or_default();
            text.trim_start_matches("it = ").trim_end().to_owned()
        }
    }
}

fn schema_of(kind: Kind, field: &str) -> Option<Json> {
    record_schema(kind).get_mut("properties")?.get_mut(field).map(Json::take)
}

/// What someone typed into a field: a number, a list or a table where it reads as one and the
/// field holds one, else text.
pub(crate) fn typed(kind: Kind, field: &str, text: &str) -> Json {
    let text = text.trim();
    let is_text = schema_of(kind, field)
        .is_some_and(|schema| schema["type"] == "string" && schema["x-form"].is_null());
    if is_text {
        return json!(text);
    }
    let edit = (
        key(),
        with_head(&format!(
            "changes = [{{ kind = \"part\", id = \"x\", set = {{ it = {text} }} }}]\n"
        )),
    );
    let (bundle, _) = Bundle::assemble(&[edit]);
    let value = bundle.json(&key()).map(|mut it| it["changes"][0]["set"]["it"].take());
    match value {
        Some(value) if !value.is_null() => value,
        _ => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_survive_being_kept() {
        let mut changes = Changes::default();
        changes.set(Kind::Offer, "a.b", "lead_time", json!("16..22 wk"));
        changes.set(Kind::Offer, "a.b", "moq", json!(100));
        changes.take_out(Kind::Market, "jp");
        let kept = Changes::of_text(&changes.text().unwrap());
        assert_eq!(kept, changes);
        assert_eq!(kept.scenario("It's \"so\"").unwrap().changes.len(), 2);
        assert_eq!(kept.iter().map(|it| it.set.len()).collect::<Vec<_>>(), [2, 0]);
    }

    #[test]
    fn what_is_typed_is_read_as_the_field_holds_it() {
        for (kind, field, text, value) in [
            (Kind::Offer, "lead_time", "16..22 wk", json!("16..22 wk")),
            (Kind::Offer, "moq", "250", json!(250)),
            (Kind::Part, "title", "250", json!("250")),
            (Kind::Feature, "target", "2027-06-01", json!("2027-06-01")),
            (Kind::Revision, "markets", "[\"eu\", \"us\"]", json!(["eu", "us"])),
        ] {
            assert_eq!(typed(kind, field, text), value, "{kind} {field} {text}");
        }
    }
}
