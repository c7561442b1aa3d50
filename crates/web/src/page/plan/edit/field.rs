//! The fields of the form, as texts, and the edits that follow from those that were changed.

use std::collections::BTreeMap;

use longlead_model::{Bundle, Diagnostic, Edit, Kind, RecordKey, field_at, text_of_json};
use longlead_records::{Expected, VersionedEdit};
use serde_json::{Map, Value as Json, json};

use crate::page::plan::activity_key;
use crate::page::plan::edit::{actual_key, may_edit_work};
use crate::reader::Seen;

/// Fields of the record of an authored activity.
pub(crate) const WORK: &[&str] = &["estimate", "team", "after"];

/// Fields of what has happened to it.
pub(crate) const ACTUAL: &[&str] = &["started", "finished", "remaining", "note"];

/// The record that a form is about, of which the form names the version by this name.
pub(crate) const VERSIONS: [(&str, Kind); 2] =
    [("version", Kind::Activity), ("actual_version", Kind::Actual)];

/// What was sent: each field, and what its author saw in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typed {
    fields: BTreeMap<String, String>,
}

impl Typed {
    /// Browsers send line breaks in their own way.
    pub(crate) fn new(mut fields: BTreeMap<String, String>) -> Typed {
        for text in fields.values_mut() {
            *text = text.replace("\r\n", "\n");
        }
        Typed { fields }
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |text| text.trim())
    }

    /// What stood in a field when the form was made.
    pub(crate) fn was(&self, name: &str) -> &str {
        self.value(&format!("was_{name}"))
    }

    pub(crate) fn is_touched(&self, name: &str) -> bool {
        self.fields.contains_key(name) && self.value(name) != self.was(name)
    }

    pub(crate) fn why(&self) -> Option<String> {
        let why = self.value("why");
        (!why.is_empty()).then(|| why.to_owned())
    }

    fn expected(&self, version: &str) -> Expected {
        self.value(version).parse().map_or(Expected::Absent, Expected::Version)
    }
}

/// What stands in each field now.
pub(crate) fn current(bundle: &Bundle, id: &str) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::new();
    if let Some(activity) = bundle.records.activities.get(id) {
        let after: Vec<&str> = activity.after.iter().map(|it| it.as_str()).collect();
        let team = activity.work.team.as_ref().map(|it| it.to_string());
        values.insert("estimate", activity.work.estimate.text());
        values.insert("team", team.unwrap_or_default());
        values.insert("after", after.join(", "));
    }
    let actual = bundle.records.actuals.get(id);
    let day = |date: Option<jiff::civil::Date>| date.map(|it| it.to_string()).unwrap_or_default();
    values.insert("started", day(actual.and_then(|it| it.started)));
    values.insert("finished", day(actual.and_then(|it| it.finished)));
    let remaining = actual.and_then(|it| it.remaining.as_ref());
    values.insert("remaining", remaining.map(|it| it.text()).unwrap_or_default());
    values.insert("note", actual.and_then(|it| it.note.clone()).unwrap_or_default());
    values
}

/// The edits that make of the records what was typed; none if nothing was changed.
pub(crate) fn edits(
    seen: &Seen,
    bundle: &Bundle,
    id: &str,
    typed: &Typed,
) -> Result<Vec<VersionedEdit>, Diagnostic> {
    let mut edits = Vec::new();
    let touches = |fields: &[&str]| fields.iter().any(|name| typed.is_touched(name));
    if may_edit_work(seen, id) && touches(WORK) {
        edits.push(work_edit(bundle, id, typed)?);
    }
    if seen.may_write(&actual_key(id)) && touches(ACTUAL) {
        edits.push(actual_edit(bundle, id, typed)?);
    }
    Ok(edits)
}

fn object(bundle: &Bundle, key: &RecordKey) -> Option<Map<String, Json>> {
    match bundle.json(key)? {
        Json::Object(object) => Some(object),
        _ => None,
    }
}

/// Sets a field, or takes it out if nothing was typed.
fn set(object: &mut Map<String, Json>, name: &str, text: &str) {
    match text {
        "" => drop(object.remove(name)),
        text => drop(object.insert(name.to_owned(), json!(text))),
    }
}

fn work_edit(bundle: &Bundle, id: &str, typed: &Typed) -> Result<VersionedEdit, Diagnostic> {
    let key = activity_key(id);
    let mut record = object(bundle, &key).unwrap_or_default();
    if let Some(Json::Object(work)) = record.get_mut("work") {
        for name in ["estimate", "team"].into_iter().filter(|name| typed.is_touched(name)) {
            set(work, name, typed.value(name));
        }
    }
    if typed.is_touched("after") {
        let ids = typed.value("after").split([',', ' ', '\n', '\r']).filter(|it| !it.is_empty());
        let ids: Vec<&str> = ids.collect();
        record.insert("after".to_owned(), json!(ids));
    }
    let after = Some(text_of_json(&Json::Object(record))?);
    Ok(VersionedEdit { edit: Edit { key, after }, expected: typed.expected("version") })
}

fn actual_edit(bundle: &Bundle, id: &str, typed: &Typed) -> Result<VersionedEdit, Diagnostic> {
    let key = actual_key(id);
    let mut record = object(bundle, &key).unwrap_or_default();
    record.insert("id".to_owned(), json!(id));
    for name in ACTUAL.iter().filter(|name| typed.is_touched(name)) {
        set(&mut record, name, typed.value(name));
    }
    // An actual that says nothing is none.
    let after = match record.len() {
        0 | 1 => None,
        _ => Some(text_of_json(&Json::Object(record))?),
    };
    Ok(VersionedEdit { edit: Edit { key, after }, expected: typed.expected("actual_version") })
}

/// The field of the form that a diagnostic is about, if it stands in one.
pub(crate) fn of_diagnostic(
    edits: &[VersionedEdit],
    diagnostic: &Diagnostic,
) -> Option<&'static str> {
    let place = diagnostic.place.as_ref()?;
    let edit = edits.iter().find(|it| it.edit.key.to_string() == place.file)?;
    let text = edit.edit.after.as_deref()?;
    let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
    let before: String = line.chars().take(usize::try_from(place.column).ok()?).collect();
    let names = WORK.iter().chain(ACTUAL);
    let last = names.clone().filter_map(|name| Some((before.rfind(&format!("{name} ="))?, *name)));
    let field = field_at(text, place.line);
    last.max().map(|(_, name)| name).or_else(|| names.copied().find(|name| Some(*name) == field))
}
