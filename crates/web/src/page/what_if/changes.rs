//! The changes of a what-if: text in the database, JSON while they are edited, a scenario when
//! they are planned with.

use longlead_model::{Bundle, Code, Diagnostic, Kind, RecordKey, Scenario, text_of_json};
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

    /// Sets a field of a record. A field that was set or emptied before is set anew.
    pub(crate) fn set(&mut self, kind: Kind, id: &str, field: &str, value: Json) {
        self.leave(kind, id, field);
        let change = self.change_of(kind, id);
        if !change["set"].is_object() {
            change["set"] = Json::Object(Map::new());
        }
        change["set"][field] = value;
    }

    /// Empties a field of a record.
    pub(crate) fn unset(&mut self, kind: Kind, id: &str, field: &str) {
        self.leave(kind, id, field);
        self.replace(kind, id, field);
    }

    /// Empties a field before it is set, so that nothing is left of a table that was there.
    pub(crate) fn replace(&mut self, kind: Kind, id: &str, field: &str) {
        let change = self.change_of(kind, id);
        match change["unset"].as_array_mut() {
            Some(fields) => fields.push(json!(field)),
            None => change["unset"] = json!([field]),
        }
    }

    /// Leaves a field of a record as it really is. A change that says no more is taken back.
    pub(crate) fn leave(&mut self, kind: Kind, id: &str, field: &str) {
        for change in self.list.iter_mut().filter(|change| is_of(change, kind, id)) {
            let Some(change) = change.as_object_mut() else {
                continue;
            };
            if let Some(Json::Object(set)) = change.get_mut("set") {
                set.shift_remove(field);
            }
            if let Some(Json::Array(unset)) = change.get_mut("unset") {
                unset.retain(|name| name != field);
            }
            change.retain(|_, it| *it != json!({}) && *it != json!([]));
        }
        self.list.retain(|change| change["remove"] == true || !says_nothing(change));
    }

    /// The change of a record, or a new one. A record that was taken out is there again.
    fn change_of(&mut self, kind: Kind, id: &str) -> &mut Json {
        self.list.retain(|change| !is_of(change, kind, id) || change["remove"] != true);
        let found = self.list.iter().position(|change| is_of(change, kind, id));
        let index = found.unwrap_or_else(|| {
            self.list.push(json!({ "kind": kind.as_str(), "id": id }));
            self.list.len() - 1
        });
        &mut self.list[index]
    }

    /// Removes a record.
    pub(crate) fn take_out(&mut self, kind: Kind, id: &str) {
        self.list.retain(|change| !is_of(change, kind, id));
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

fn is_of(change: &Json, kind: Kind, id: &str) -> bool {
    change["kind"] == kind.as_str() && change["id"] == id
}

fn says_nothing(change: &Json) -> bool {
    let sets = change["set"].as_object().is_some_and(|set| !set.is_empty());
    let empties = change["unset"].as_array().is_some_and(|unset| !unset.is_empty());
    !sets && !empties
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
    fn a_field_is_set_or_emptied_or_left_and_what_says_nothing_goes() {
        let mut changes = Changes::default();
        let told = |changes: &Changes| changes.text().unwrap();
        changes.unset(Kind::Feature, "f", "target");
        assert!(told(&changes).contains("unset = [\"target\"]"), "{}", told(&changes));
        changes.set(Kind::Feature, "f", "target", json!("2027-09-30"));
        assert!(!told(&changes).contains("unset = [\"target\"]"), "{}", told(&changes));
        changes.replace(Kind::Feature, "f", "target");
        assert_eq!(
            changes.iter().map(|it| (it.set.len(), it.unset.len())).collect::<Vec<_>>(),
            [(1, 1)]
        );
        changes.leave(Kind::Feature, "f", "target");
        assert!(changes.is_empty());
        changes.take_out(Kind::Feature, "f");
        changes.set(Kind::Feature, "f", "title", json!("F"));
        assert_eq!(changes.iter().map(|it| it.removes).collect::<Vec<_>>(), [false]);
    }
}
