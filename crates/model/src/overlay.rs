//! Scenarios: a named overlay of changes, applied to a copy of the bundle.

use crate::bundle::{Bundle, decode_record};
use crate::check::{self, Suggester};
use crate::diagnostic::{Code, Diagnostic, nearest, shown};
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
        let mut suggester = Suggester::new();
        let mut diagnostics = apply(&mut changed, scenario, &mut suggester);
        if diagnostics.is_empty() {
            diagnostics = check::check_facts(&changed, &mut suggester);
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
            let message = format!("there is no scenario `{}`", shown(name));
            Diagnostic::error(Code::UnknownReference, message).help(help)
        })
    }
}

/// Applies the changes of a scenario; a change that can't be applied is told and left out.
pub(crate) fn apply(
    bundle: &mut Bundle,
    scenario: &Scenario,
    suggester: &mut Suggester,
) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (index, change) in scenario.changes.iter().enumerate() {
        let path = [Step::Key("changes".to_owned()), Step::Index(index)];
        let place = bundle.place(Kind::Scenario, scenario.id.as_str(), &path);
        let told = apply_change(bundle, change, suggester);
        diagnostics.extend(told.into_iter().map(|diagnostic| match diagnostic.place {
            Some(_) => diagnostic,
            None => diagnostic.at(place.clone()),
        }));
    }
    diagnostics
}

fn apply_change(
    bundle: &mut Bundle,
    change: &ScenarioChange,
    suggester: &mut Suggester,
) -> Vec<Diagnostic> {
    let Some(kind) = Kind::named(&change.kind) else {
        return vec![unknown_kind(change)];
    };
    let key = (kind, change.id.clone());
    if bundle.unread.contains(&key) {
        // What is wrong with the record is told where it stands.
        return Vec::new();
    }
    let contradictions = contradictions(kind, change);
    if !contradictions.is_empty() {
        return contradictions;
    }
    let current = bundle.records.encode_one(kind, &change.id);
    if change.remove {
        if bundle.records.remove(kind, &change.id) {
            return Vec::new();
        }
        return vec![missing(bundle, kind, &change.id, suggester)];
    }
    let is_new = current.is_none();
    if is_new && change.set.is_none() {
        return vec![missing(bundle, kind, &change.id, suggester)];
    }
    let merged = merge(current, change);
    let mut decoder = Decoder::new(&bundle.places);
    decode_record(kind, &merged, &mut bundle.records, &mut decoder);
    let diagnostics = decoder.diagnostics;
    // Some fields of a record that isn't there: more likely its id is misspelt than that it is new.
    if is_new
        && diagnostics.iter().any(|diagnostic| diagnostic.code == Code::MissingField)
        && suggester.near(&bundle.records, kind, &change.id).is_some()
    {
        return vec![missing(bundle, kind, &change.id, suggester)];
    }
    bundle.overlaid.insert(key, merged);
    diagnostics
}

fn unknown_kind(change: &ScenarioChange) -> Diagnostic {
    let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
    let help = match nearest(&change.kind, kinds) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "write, for example, kind = \"offer\"".to_owned(),
    };
    let message = format!("there is no kind of record called `{}`", shown(&change.kind));
    Diagnostic::error(Code::UnknownKind, message).help(help)
}

/// What a change can't mean, whatever the bundle holds.
fn contradictions(kind: Kind, change: &ScenarioChange) -> Vec<Diagnostic> {
    let subject = format!("the change of {} `{}`", kind.word(), shown(&change.id));
    let refuse = |code: Code, message: &str, help: &str| {
        vec![Diagnostic::error(code, format!("{subject} {message}")).help(help)]
    };
    let set = match &change.set {
        Some(Node { value: Value::Table(set), .. }) => Some(set),
        _ => None,
    };
    if change.remove && (set.is_some() || !change.unset.is_empty()) {
        let help = "keep `remove`, or `set` and `unset`";
        return refuse(Code::Contradiction, "removes it and sets fields of it", help);
    }
    if !change.remove && set.is_none() && change.unset.is_empty() {
        let help = "add `set = { … }`, `unset = […]` or `remove = true`";
        return refuse(Code::MissingField, "changes nothing", help);
    }
    if set.and_then(|set| set.get("id")).is_some_and(|id| *id != Node::text(change.id.as_str())) {
        let help = "remove the record and add another";
        return refuse(Code::Contradiction, "gives it another id", help);
    }
    let fields = kind.fields();
    let unknown = change.unset.iter().filter(|field| !fields.contains(&field.as_str()));
    unknown
        .map(|field| {
            let message = format!("{subject} empties `{}`, which it doesn't have", shown(field));
            let help = match nearest(field, fields.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its fields are {}", fields.join(", ")),
            };
            Diagnostic::error(Code::UnknownField, message).help(help)
        })
        .collect()
}

fn missing(bundle: &Bundle, kind: Kind, id: &str, suggester: &mut Suggester) -> Diagnostic {
    let message = format!("there is no {} `{}` to change", kind.word(), shown(id));
    let help = match suggester.near(&bundle.records, kind, id) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "give all its fields under `set` to add it".to_owned(),
    };
    Diagnostic::error(Code::UnknownReference, message).help(help)
}

/// The record with the change's fields in place of its own.
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
        join(&mut table, set);
    }
    let span = change.set.as_ref().map_or(Span::NONE, |node| node.span);
    Node { value: Value::Table(table), span }
}

/// Fields whose tables are joined key by key, so that a change names only what changes. An estimate
/// is one value although it is written as a table.
const JOINED: [&str; 9] = [
    "provides",
    "requires",
    "teams",
    "names",
    "work",
    "test",
    "design",
    "fleet",
    "include_or_respin",
];

fn join(table: &mut Table, set: &Table) {
    for (key, _, node) in set.iter() {
        let joined = match (table.get(key).map(|node| &node.value), &node.value) {
            (Some(Value::Table(old)), Value::Table(new)) if JOINED.contains(&key) => {
                let mut old = old.clone();
                join(&mut old, new);
                Node { value: Value::Table(old), span: node.span }
            }
            _ => node.clone(),
        };
        table.set(key, joined);
    }
}
