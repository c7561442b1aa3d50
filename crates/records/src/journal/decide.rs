//! What requests do to a product: pure, so that it can be told before anything is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use longlead_model::{Bundle, Diagnostic, Edit, RecordKey, Severity};

use super::chain::{ChainHash, ChangeSet, RecordChange};
use super::{
    CommitRequest, Conflict, Expected, IdempotencyKey, Sequence, Snapshot, Version, VersionedEdit,
};
use crate::time::{from_us, to_us};

/// What edits would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// Records that weren't there.
    pub added: Vec<PreviewItem>,
    /// Records that would be different.
    pub changed: Vec<PreviewItem>,
    /// Records that would be gone.
    pub removed: Vec<PreviewItem>,
    /// Everything wrong with the product then.
    pub diagnostics: Vec<Diagnostic>,
}

/// One record before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewItem {
    /// The record.
    pub key: RecordKey,
    /// Its title, where its kind has one.
    pub title: Option<String>,
    /// Its text before.
    pub before: Option<String>,
    /// Its text after.
    pub after: Option<String>,
}

/// An earlier commit of a request that has come again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier {
    pub(super) sequence: Sequence,
    pub(super) at: Timestamp,
    pub(super) changes: usize,
}

/// What becomes of a group of requests, in the order in which they came.
#[derive(Debug)]
pub(super) struct Decided {
    /// The product after all of them.
    pub(super) snapshot: Arc<Snapshot>,
    /// What is to be written.
    pub(super) sets: Vec<ChangeSet>,
    /// One for each request.
    pub(super) outcomes: Vec<Outcome>,
}

/// What becomes of one request.
#[derive(Debug)]
pub(super) enum Outcome {
    Done { made: Earlier, snapshot: Arc<Snapshot>, warnings: Vec<Diagnostic> },
    Again(Earlier),
    Conflict(Vec<Conflict>),
    Refused(Vec<Diagnostic>),
    Nothing,
}

/// Applies requests one after another, each to the product that the ones before it left.
pub(super) fn decide(
    current: &Arc<Snapshot>,
    requests: &[CommitRequest],
    mut earlier: BTreeMap<IdempotencyKey, Earlier>,
) -> Decided {
    let mut snapshot = Arc::clone(current);
    let mut sets = Vec::new();
    let mut outcomes = Vec::with_capacity(requests.len());
    for request in requests {
        let again = request.idempotency.as_ref().and_then(|key| earlier.get(key));
        let outcome = match again {
            Some(again) => Outcome::Again(*again),
            None => match decide_one(&snapshot, request) {
                Ok(made) => {
                    snapshot = Arc::clone(&made.snapshot);
                    if let Some(key) = &request.idempotency {
                        earlier.insert(key.clone(), made.made);
                    }
                    sets.push(made.set);
                    Outcome::Done {
                        made: made.made,
                        snapshot: made.snapshot,
                        warnings: made.warnings,
                    }
                }
                Err(outcome) => outcome,
            },
        };
        outcomes.push(outcome);
    }
    Decided { snapshot, sets, outcomes }
}

struct Made {
    made: Earlier,
    set: ChangeSet,
    snapshot: Arc<Snapshot>,
    warnings: Vec<Diagnostic>,
}

fn decide_one(snapshot: &Snapshot, request: &CommitRequest) -> Result<Made, Outcome> {
    let conflicts = conflicts(snapshot, request);
    if !conflicts.is_empty() {
        return Err(Outcome::Conflict(conflicts));
    }
    let edits: Vec<Edit> = request.edits.iter().map(|edit| edit.edit.clone()).collect();
    let edited = Edited::of(snapshot, &edits);
    let (refused, warnings) = edited.news(snapshot);
    if !refused.is_empty() {
        return Err(Outcome::Refused(refused));
    }
    if edited.changes.is_empty() {
        return Err(Outcome::Nothing);
    }
    let at_us = snapshot.at.map_or(i64::MIN, to_us).max(to_us(request.at));
    let mut set = ChangeSet {
        sequence: snapshot.head.next(),
        at_us,
        actor: request.who,
        why: request.why.clone(),
        hash: ChainHash::START,
        changes: edited.changes,
    };
    set.hash = set.hash_after(snapshot.hash);
    let made = Earlier { sequence: set.sequence, at: from_us(at_us), changes: set.changes.len() };
    let snapshot = after(snapshot, std::slice::from_ref(&set), edited.bundle, edited.diagnostics);
    Ok(Made { made, set, snapshot: Arc::new(snapshot), warnings })
}

fn conflicts(snapshot: &Snapshot, request: &CommitRequest) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for VersionedEdit { edit, expected } in &request.edits {
        let actual = snapshot.version(&edit.key);
        let holds = match expected {
            Expected::Any => true,
            Expected::Absent => actual.is_none(),
            Expected::Version(version) => actual == Some(*version),
        };
        if !holds {
            let theirs = snapshot.text(&edit.key);
            let (key, expected) = (edit.key.clone(), *expected);
            conflicts.push(Conflict { key, expected, actual, theirs, by: None });
        }
    }
    conflicts
}

/// A product after edits, and what they changed in it.
struct Edited {
    bundle: Bundle,
    diagnostics: Vec<Diagnostic>,
    changes: Vec<RecordChange>,
}

impl Edited {
    fn of(snapshot: &Snapshot, edits: &[Edit]) -> Edited {
        let edits = last_of_each(edits);
        // The bundle doesn't have what can't be read, so it can't take it out either.
        let is_for_bundle =
            |edit: &&Edit| edit.after.is_some() || !snapshot.unread.contains_key(&edit.key);
        let for_bundle: Vec<Edit> = edits.iter().filter(is_for_bundle).cloned().collect();
        let (bundle, diagnostics) = snapshot.bundle.edited(&for_bundle);
        let mut changes = Vec::new();
        for edit in edits {
            let before = snapshot.text(&edit.key);
            let after = text_of(&bundle, &edit.key);
            if before != after {
                changes.push(RecordChange { key: edit.key, before, after });
            }
        }
        Edited { bundle, diagnostics, changes }
    }

    /// The errors and the warnings that weren't there before. A newer program may find errors in
    /// a product that was accepted; they must not keep anyone from mending it step by step.
    fn news(&self, before: &Snapshot) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let news = before.news(self.diagnostics.clone());
        news.into_iter().partition(|told| told.severity == Severity::Error)
    }
}

/// One edit for each record, in the order of the records.
fn last_of_each(edits: &[Edit]) -> Vec<Edit> {
    let last: BTreeMap<&RecordKey, &Edit> = edits.iter().map(|edit| (&edit.key, edit)).collect();
    last.into_values().cloned().collect()
}

/// The snapshot after change sets, given the bundle and what is wrong with it then.
pub(super) fn after(
    before: &Snapshot,
    sets: &[ChangeSet],
    bundle: Bundle,
    diagnostics: Vec<Diagnostic>,
) -> Snapshot {
    let mut versions = before.versions.as_ref().clone();
    let mut unread = Arc::clone(&before.unread);
    for set in sets {
        for change in &set.changes {
            match &change.after {
                Some(_) => versions.insert(change.key.clone(), Version(set.sequence.get())),
                None => versions.remove(&change.key),
            };
        }
    }
    let touched = || sets.iter().flat_map(|set| &set.changes);
    if touched().any(|change| unread.contains_key(&change.key) || is_unread(&bundle, change)) {
        let unread = Arc::make_mut(&mut unread);
        for change in touched() {
            match &change.after {
                Some(text) if is_unread(&bundle, change) => {
                    unread.insert(change.key.clone(), text.clone())
                }
                _ => unread.remove(&change.key),
            };
        }
    }
    let last = sets.last();
    Snapshot {
        head: last.map_or(before.head, |set| set.sequence),
        at: last.map(|set| from_us(set.at_us)).or(before.at),
        hash: last.map_or(before.hash, |set| set.hash),
        bundle: Arc::new(bundle),
        versions: Arc::new(versions),
        diagnostics: Arc::new(diagnostics),
        unread,
    }
}

fn is_unread(bundle: &Bundle, change: &RecordChange) -> bool {
    change.after.is_some() && text_of(bundle, &change.key).is_none()
}

/// The text of a record. Settings that are the defaults aren't there, as in an export.
pub(super) fn text_of(bundle: &Bundle, key: &RecordKey) -> Option<String> {
    bundle.text(key).filter(|text| !text.is_empty())
}

pub(super) fn preview(snapshot: &Snapshot, edits: &[Edit]) -> Preview {
    let edited = Edited::of(snapshot, edits);
    let mut preview = Preview { diagnostics: edited.diagnostics, ..Preview::default() };
    for RecordChange { key, before, after } in edited.changes {
        let title = title(&edited.bundle, &key).or_else(|| title(&snapshot.bundle, &key));
        let list = match (&before, &after) {
            (None, _) => &mut preview.added,
            (Some(_), Some(_)) => &mut preview.changed,
            (Some(_), None) => &mut preview.removed,
        };
        list.push(PreviewItem { key, title, before, after });
    }
    preview
}

fn title(bundle: &Bundle, key: &RecordKey) -> Option<String> {
    match key {
        RecordKey::Settings => None,
        RecordKey::Record(kind, id) => bundle.records.title(*kind, id).map(str::to_owned),
    }
}
