//! Applies edits to a bundle: each text is a file of its own, named as the record's key.

use std::sync::Arc;

use crate::bundle::{Bundle, Origins, decode_record, decode_settings, fill_id, written_id};
use crate::diagnostic::{Code, Diagnostic, Place, shown};
use crate::edit::{Edit, RecordKey};
use crate::field::{Decoder, Field};
use crate::kind::Kind;
use crate::node::{Node, Source, Span, Table, Value, parse};
use crate::record::Settings;

/// Applies one edit; tells an edit that has nothing to remove.
pub(super) fn apply(bundle: &mut Bundle, edit: &Edit) -> Option<Diagnostic> {
    match &edit.after {
        Some(text) => write(bundle, &edit.key, text),
        None if exists(bundle, &edit.key) => remove(bundle, &edit.key),
        None => return Some(missing(&edit.key)),
    }
    None
}

/// The bundle, and all that is wrong with it beside what is known already.
pub(super) fn finished(bundle: Bundle, untold: Vec<Diagnostic>) -> (Bundle, Vec<Diagnostic>) {
    let mut diagnostics = untold;
    diagnostics.extend(bundle.diagnostics());
    (bundle, diagnostics)
}

fn exists(bundle: &Bundle, key: &RecordKey) -> bool {
    match key {
        RecordKey::Settings => {
            bundle.origins.settings.is_some() || bundle.settings != Settings::default()
        }
        RecordKey::Record(kind, id) => {
            bundle.records.has(*kind, id) || bundle.origin(*kind, id).is_some()
        }
    }
}

fn missing(key: &RecordKey) -> Diagnostic {
    let what = match key {
        RecordKey::Settings => "the settings are the defaults already".to_owned(),
        RecordKey::Record(kind, id) => {
            format!("there is no {} `{}` to remove", kind.word(), shown(id))
        }
    };
    Diagnostic::error(Code::UnknownReference, what)
        .at(Some(Place { file: key.to_string(), line: 0, column: 0 }))
        .help("it may have been removed meanwhile; look at the record again")
}

/// The file in which a record stands.
fn file_of(bundle: &Bundle, key: &RecordKey) -> Option<u32> {
    let node = match key {
        RecordKey::Settings => bundle.origins.settings.as_ref(),
        RecordKey::Record(kind, id) => bundle.origin(*kind, id),
    };
    node.map(|node| node.span.file)
}

fn remove(bundle: &mut Bundle, key: &RecordKey) {
    if let Some(file) = file_of(bundle, key) {
        bundle.places.free_record(file);
    }
    let origins = Arc::make_mut(&mut bundle.origins);
    origins.told.remove(key);
    match key {
        RecordKey::Settings => {
            origins.settings = None;
            bundle.settings = Settings::default();
        }
        RecordKey::Record(kind, id) => {
            if let Some(of_kind) = origins.records.get_mut(kind) {
                of_kind.take(id.as_str());
            }
            bundle.records.remove(*kind, id);
            forget(bundle, *kind, id);
        }
    }
}

/// Forgets what was noted of a record's earlier text.
fn forget(bundle: &mut Bundle, kind: Kind, id: &str) {
    let key = (kind, id.to_owned());
    bundle.unread.remove(&key);
    bundle.overlaid.remove(&key);
}

/// Reads a record's text in place of the one that it had.
pub(super) fn write(bundle: &mut Bundle, key: &RecordKey, text: &str) {
    let source = Source { name: key.to_string(), text: text.to_owned() };
    let before = file_of(bundle, key);
    let file = bundle.places.put_record(source, before);
    let places = bundle.places.clone();
    let parsed = parse(text, file, &places);
    let mut decoder = Decoder::new(&places);
    decoder.diagnostics = parsed.diagnostics;
    let node = Node { value: Value::Table(parsed.table), span: Span { file, start: 0 } };
    // What is left of a text that isn't TOML may decode, but it isn't what was meant.
    match key {
        RecordKey::Settings => write_settings(bundle, node, parsed.is_whole, &mut decoder),
        RecordKey::Record(kind, id) => {
            write_record(bundle, (*kind, id), node, parsed.is_whole, &mut decoder);
        }
    }
    let told = &mut Arc::make_mut(&mut bundle.origins).told;
    match decoder.diagnostics.is_empty() {
        true => drop(told.remove(key)),
        false => drop(told.insert(key.clone(), decoder.diagnostics)),
    }
}

fn write_settings(bundle: &mut Bundle, node: Node, is_whole: bool, decoder: &mut Decoder<'_>) {
    let fields = <Settings as Field>::fields();
    let is_read = is_whole && !refuse_header(&node, &RecordKey::Settings, fields, decoder);
    if let Some(settings) = is_read.then(|| decode_settings(&node, decoder)).flatten() {
        bundle.settings = settings;
    }
    Arc::make_mut(&mut bundle.origins).settings = Some(node);
}

fn write_record(
    bundle: &mut Bundle,
    (kind, id): (Kind, &str),
    mut node: Node,
    is_whole: bool,
    decoder: &mut Decoder<'_>,
) {
    forget(bundle, kind, id);
    fill_id(kind, &mut node);
    let key = RecordKey::Record(kind, id.to_owned());
    let is_read = is_whole
        && !refuse_header(&node, &key, kind.fields(), decoder)
        && !refuse_other_id(&node, kind, id, decoder)
        && decode_record(kind, &node, &mut bundle.records, decoder).is_some();
    if !is_read {
        bundle.records.remove(kind, id);
        bundle.unread.insert((kind, id.to_owned()));
    }
    let origins: &mut Origins = Arc::make_mut(&mut bundle.origins);
    origins.records.entry(kind).or_default().insert(id.to_owned(), Arc::new(node));
}

fn table_of(node: &Node) -> Option<&Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// Tells a text that is written as a file of a bundle, with headers or lists of records.
fn refuse_header(node: &Node, key: &RecordKey, fields: &[&str], decoder: &mut Decoder<'_>) -> bool {
    let is_header = |name: &str, value: &Value| {
        let holds_records = match value {
            Value::Table(_) => true,
            Value::Array(items) => items.iter().all(|item| table_of(item).is_some()),
            _ => false,
        };
        holds_records
            && !fields.contains(&name)
            && (name == "settings" || Kind::named(name).is_some())
    };
    let entries = table_of(node).into_iter().flat_map(Table::iter);
    let headers: Vec<(&str, Span)> = entries
        .filter(|(name, _, node)| is_header(name, &node.value))
        .map(|(name, span, _)| (name, span))
        .collect();
    for (name, span) in &headers {
        let message = format!("the text of {key} has records of its own under `{name}`");
        let help = format!("write only the fields of {key}, without `[{name}]` or `[[{name}]]`");
        decoder.refuse(Code::UnknownField, *span, message, help);
    }
    !headers.is_empty()
}

/// Tells an id in the text, or one that follows from what the record joins, that isn't the key's.
fn refuse_other_id(node: &Node, kind: Kind, id: &str, decoder: &mut Decoder<'_>) -> bool {
    let Some(written) = written_id(node).filter(|written| *written != id) else {
        return false;
    };
    let written_node = table_of(node).and_then(|table| table.get("id"));
    let span = written_node.map_or(node.span, |written| written.span);
    let message = format!(
        "this is {} `{}`, but its text gives it the id `{}`",
        kind.word(),
        shown(id),
        shown(written)
    );
    let help = format!(
        "write `id = \"{}\"`; to rename a record, add it under its new id and remove this one",
        shown(id)
    );
    decoder.refuse(Code::Contradiction, span, message, help);
    true
}
