//! Scenarios: a named overlay of changes, applied to a copy of the bundle.

use crate::bundle::{Bundle, decode_record};
use crate::check;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::field::Decoder;
use crate::id::ScenarioId;
use crate::kind::Kind;
use crate::node::{Node, Span, Step, Table, Value};
use crate::record::{Scenario, ScenarioChange};

impl Bundle {
    /// The bundle as it would be under a scenario, and what is wrong with it then. The original
    /// stays as it is.
    pub fn under(&self, scenario: &Scenario) -> (Bundle, Vec<Diagnostic>) {
        let mut changed = self.clone();
        let mut diagnostics = Vec::new();
        for (index, change) in scenario.changes.iter().enumerate() {
            let place = self.place(Kind::Scenario, scenario.id.as_str(), &change_path(index));
            let told = apply(&mut changed, change);
            diagnostics.extend(told.into_iter().map(|diagnostic| match diagnostic.place {
                Some(_) => diagnostic,
                None => diagnostic.at(place.clone()),
            }));
        }
        if diagnostics.is_empty() {
            diagnostics = check::check_facts(&changed);
        }
        (changed, diagnostics)
    }

    /// The scenario of that name, or a diagnostic that says which there are.
    pub fn scenario(&self, name: &str) -> Result<&Scenario, Diagnostic> {
        let scenarios = &self.records.scenarios;
        let found = ScenarioId::try_from(name).ok().and_then(|id| scenarios.get(&id));
        found.ok_or_else(|| {
            let names: Vec<&str> = scenarios.keys().map(ScenarioId::as_str).collect();
            let help = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "the bundle has no scenarios".to_owned(),
                None => format!("the scenarios are {}", names.join(", ")),
            };
            let message = format!("there is no scenario `{name}`");
            Diagnostic::error(Code::UnknownReference, message).help(help)
        })
    }
}

fn change_path(index: usize) -> [Step; 2] {
    [Step::Key("changes".to_owned()), Step::Index(index)]
}

/// Applies one change; a change that can't be applied leaves the bundle as it was.
fn apply(bundle: &mut Bundle, change: &ScenarioChange) -> Vec<Diagnostic> {
    let Some(kind) = Kind::named(&change.kind) else {
        let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
        let help = nearest(&change.kind, kinds).unwrap_or("offer");
        let message = format!("there is no kind of record called `{}`", change.kind);
        let diagnostic = Diagnostic::error(Code::UnknownKind, message);
        return vec![diagnostic.help(format!("write, for example, kind = \"{help}\""))];
    };
    let current = bundle.records.encode_one(kind, &change.id);
    if change.remove {
        if bundle.records.remove(kind, &change.id) {
            return Vec::new();
        }
        return vec![missing(bundle, kind, &change.id)];
    }
    if current.is_none() && change.set.is_none() {
        return vec![missing(bundle, kind, &change.id)];
    }
    let merged = merge(current, change);
    let mut decoder =
        Decoder { places: &bundle.places, diagnostics: Vec::new(), subject: String::new() };
    decode_record(kind, &merged, &mut bundle.records, &mut decoder);
    decoder.diagnostics
}

fn missing(bundle: &Bundle, kind: Kind, id: &str) -> Diagnostic {
    let message = format!("there is no {} `{id}` to change", kind.word());
    let help = match nearest(id, bundle.records.ids(kind).into_iter()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "give all its fields under `set` to add it".to_owned(),
    };
    Diagnostic::error(Code::UnknownReference, message).help(help)
}

/// The record with the change's fields in place of its own. Tables such as `requires` are merged
/// key by key, so that a change names only what changes.
fn merge(current: Option<Node>, change: &ScenarioChange) -> Node {
    let mut table = match current.map(|node| node.value) {
        Some(Value::Table(table)) => table,
        _ => Table::default(),
    };
    table.set("id", Node::text(change.id.clone()));
    for field in &change.unset {
        table.remove(field);
    }
    if let Some(Node { value: Value::Table(set), .. }) = &change.set {
        for (key, _, node) in set.iter() {
            let merged = match (table.get(key).map(|node| &node.value), &node.value) {
                (Some(Value::Table(old)), Value::Table(new)) if joins(key) => merged(old, new),
                _ => node.clone(),
            };
            table.set(key, merged);
        }
    }
    let span = change.set.as_ref().map_or(Span::NONE, |node| node.span);
    Node { value: Value::Table(table), span }
}

/// Maps are joined; an estimate is one value although it is written as a table.
fn joins(key: &str) -> bool {
    matches!(
        key,
        "provides" | "requires" | "teams" | "names" | "work" | "test" | "design" | "fleet"
    )
}

fn merged(old: &Table, new: &Table) -> Node {
    let mut table = old.clone();
    for (key, _, node) in new.iter() {
        table.set(key, node.clone());
    }
    Node::new(Value::Table(table))
}
