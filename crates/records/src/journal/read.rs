//! Reads the journal: whole and verified, from a point on, as of a point, and as a history.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use longlead_model::{Bundle, Edit, RecordKey};

use super::chain::{ChainHash, ChangeSet, RecordChange};
use super::decide::{self, Earlier};
use super::{
    Actor, Change, ChangeFilter, ChangeSummary, IdempotencyKey, Sequence, Snapshot, Version,
    name_of,
};
use crate::store::{Conditions, Row, Store, StoreError, Transaction, values};
use crate::time::{from_us, to_us};

/// Where the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: Sequence,
    pub(super) hash: ChainHash,
}

const SETS: &str = "SELECT s.sequence, s.at_us, s.actor, s.why, s.hash, \
     c.kind, c.id, c.text_before, c.text_after \
     FROM change_set s LEFT JOIN change c ON c.sequence = s.sequence \
     WHERE s.sequence > $1 ORDER BY s.sequence, c.ordinal";

/// The end of the journal; nobody else moves it until the transaction ends, if it writes.
pub(super) async fn head(
    store: &Store,
    transaction: &mut Transaction<'_>,
) -> Result<Head, StoreError> {
    let sql = format!("SELECT sequence, hash FROM journal_head{}", store.for_update());
    head_of(transaction.row(sql, &[]).await?)
}

/// The end of the journal as a transaction that only reads sees it.
pub(super) async fn head_in(transaction: &mut Transaction<'_>) -> Result<Head, StoreError> {
    head_of(transaction.row("SELECT sequence, hash FROM journal_head", &[]).await?)
}

/// The end of the journal at this moment.
pub(super) async fn head_now(store: &Store) -> Result<Head, StoreError> {
    head_of(store.row("SELECT sequence, hash FROM journal_head", &[]).await?)
}

fn head_of(row: Option<Row>) -> Result<Head, StoreError> {
    let row = row.ok_or_else(|| StoreError::Unexpected("the journal has no head".to_owned()))?;
    Ok(Head { sequence: Sequence::of_row(row.integer(0)?)?, hash: hash(&row.text(1)?)? })
}

/// The product at the end of the journal; every change set is verified on the way.
pub(super) async fn whole(store: &Store) -> Result<Snapshot, StoreError> {
    let mut transaction = store.read().await?;
    let head = head_in(&mut transaction).await?;
    whole_in(&mut transaction, head).await
}

/// Verifies every change set, in a transaction; tells the end of the journal.
pub(crate) async fn verify_in(transaction: &mut Transaction<'_>) -> Result<Sequence, StoreError> {
    let head = head_in(transaction).await?;
    whole_in(transaction, head).await.map(|snapshot| snapshot.head)
}

/// As [`whole`], in a transaction that knows the head.
pub(super) async fn whole_in(
    transaction: &mut Transaction<'_>,
    head: Head,
) -> Result<Snapshot, StoreError> {
    let mut fold = Fold::default();
    let mut chain = Chain::after(&Snapshot::empty());
    for_each_set(transaction, Sequence(0), |set| {
        chain.verify(&set)?;
        fold.take(set);
        Ok(())
    })
    .await?;
    chain.verify_end(head)?;
    fold.snapshot(head).await
}

/// The product after the change sets that came since `snapshot`; all of them are verified.
pub(super) async fn caught_up(
    transaction: &mut Transaction<'_>,
    snapshot: &Arc<Snapshot>,
    head: Head,
) -> Result<Arc<Snapshot>, StoreError> {
    if head.sequence == snapshot.head && head.hash == snapshot.hash {
        return Ok(Arc::clone(snapshot));
    }
    let mut sets = Vec::new();
    let mut chain = Chain::after(snapshot);
    let read = for_each_set(transaction, snapshot.head, |set| {
        chain.verify(&set)?;
        sets.push(set);
        Ok(())
    });
    match read.await.and_then(|()| chain.verify_end(head)) {
        Ok(()) => {}
        // The journal went another way than this process saw: a database that was put back, or
        // damage, which reading all of it tells apart.
        Err(StoreError::Damaged { .. }) => {
            return Ok(Arc::new(whole_in(transaction, head).await?));
        }
        Err(error) => return Err(error),
    }
    let snapshot = Arc::clone(snapshot);
    in_background(move || Arc::new(with_sets(&snapshot, &sets))).await
}

fn with_sets(snapshot: &Snapshot, sets: &[ChangeSet]) -> Snapshot {
    let mut last: BTreeMap<&RecordKey, &Option<String>> = BTreeMap::new();
    for change in sets.iter().flat_map(|set| &set.changes) {
        last.insert(&change.key, &change.after);
    }
    let is_there = |key: &RecordKey| decide::text_of(&snapshot.bundle, key).is_some();
    let edits = last.into_iter().filter(|(key, after)| after.is_some() || is_there(key));
    let edits: Vec<Edit> =
        edits.map(|(key, after)| Edit { key: key.clone(), after: after.clone() }).collect();
    let (bundle, diagnostics) = snapshot.bundle.edited(&edits);
    decide::after(snapshot, sets, bundle, diagnostics)
}

/// The last change set at an instant or before.
pub(super) async fn sequence_at(store: &Store, at: Timestamp) -> Result<Sequence, StoreError> {
    // Times never step back, so the last by time is the last by number.
    let sql = "SELECT MAX(sequence) FROM change_set WHERE at_us <= $1";
    let row = store.row(sql, &values![to_us(at)]).await?;
    let last = row.map(|row| row.integer_or_null(0)).transpose()?.flatten();
    last.map_or(Ok(Sequence(0)), Sequence::of_row)
}

/// The product right after a change set.
pub(super) async fn at_sequence(store: &Store, sequence: Sequence) -> Result<Snapshot, StoreError> {
    let mut transaction = store.read().await?;
    let sql = "SELECT sequence, at_us, hash FROM change_set WHERE sequence <= $1 \
               ORDER BY sequence DESC LIMIT 1";
    let Some(row) = transaction.row(sql, &values![sequence.to_row()]).await? else {
        return Ok(Snapshot::empty());
    };
    let head = Head { sequence: Sequence::of_row(row.integer(0)?)?, hash: hash(&row.text(2)?)? };
    let mut fold = Fold { at_us: Some(row.integer(1)?), ..Fold::default() };
    let sql = "SELECT c.kind, c.id, c.text_after, c.sequence FROM change c JOIN \
               (SELECT kind, id, MAX(sequence) AS last FROM change WHERE sequence <= $1 \
               GROUP BY kind, id) l ON l.kind = c.kind AND l.id = c.id AND l.last = c.sequence \
               WHERE c.text_after IS NOT NULL";
    let take = |row: Row| {
        let version = Version(Sequence::of_row(row.integer(3)?)?.get());
        fold.texts.insert(key(&row.text(0)?, &row.text(1)?)?, (version, row.text(2)?));
        Ok(())
    };
    transaction.for_each(sql, &values![head.sequence.to_row()], take).await?;
    drop(transaction);
    fold.snapshot(head).await
}

/// The texts of all records, as the journal goes on.
#[derive(Debug, Default)]
struct Fold {
    texts: BTreeMap<RecordKey, (Version, String)>,
    at_us: Option<i64>,
}

impl Fold {
    fn take(&mut self, set: ChangeSet) {
        self.at_us = Some(set.at_us);
        for change in set.changes {
            match change.after {
                Some(text) => {
                    self.texts.insert(change.key, (Version(set.sequence.get()), text));
                }
                None => {
                    self.texts.remove(&change.key);
                }
            }
        }
    }

    async fn snapshot(self, head: Head) -> Result<Snapshot, StoreError> {
        in_background(move || self.assembled(head)).await
    }

    fn assembled(self, head: Head) -> Snapshot {
        let mut versions = BTreeMap::new();
        let mut texts = Vec::with_capacity(self.texts.len());
        for (key, (version, text)) in self.texts {
            versions.insert(key.clone(), version);
            texts.push((key, text));
        }
        let (bundle, diagnostics) = Bundle::assemble(&texts);
        texts.retain(|(key, _)| decide::text_of(&bundle, key).is_none());
        Snapshot {
            head: head.sequence,
            at: self.at_us.map(from_us),
            bundle: Arc::new(bundle),
            versions: Arc::new(versions),
            diagnostics: Arc::new(diagnostics),
            unread: Arc::new(texts.into_iter().collect()),
            hash: head.hash,
        }
    }
}

/// Follows the chain of hashes.
struct Chain {
    sequence: Sequence,
    hash: ChainHash,
    at_us: i64,
}

impl Chain {
    fn after(snapshot: &Snapshot) -> Chain {
        let at_us = snapshot.at.map_or(i64::MIN, to_us);
        Chain { sequence: snapshot.head, hash: snapshot.hash, at_us }
    }

    fn verify(&mut self, set: &ChangeSet) -> Result<(), StoreError> {
        let sequence = self.sequence.next();
        let damaged = |what| Err(StoreError::Damaged { sequence, what });
        if set.sequence != sequence {
            return damaged("it is missing");
        }
        if set.hash != set.hash_after(self.hash) {
            return damaged("it isn't what its checksum was made of");
        }
        if set.at_us < self.at_us {
            return damaged("its time is before that of the one before");
        }
        *self = Chain { sequence, hash: set.hash, at_us: set.at_us };
        Ok(())
    }

    fn verify_end(&self, head: Head) -> Result<(), StoreError> {
        if head.sequence > self.sequence {
            let sequence = self.sequence.next();
            return Err(StoreError::Damaged { sequence, what: "it is missing" });
        }
        let what = "the end of the journal isn't where it was";
        match head == (Head { sequence: self.sequence, hash: self.hash }) {
            true => Ok(()),
            false => Err(StoreError::Damaged { sequence: self.sequence, what }),
        }
    }
}

async fn for_each_set(
    transaction: &mut Transaction<'_>,
    since: Sequence,
    mut take: impl FnMut(ChangeSet) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut open: Option<ChangeSet> = None;
    let add = |row: Row| {
        let sequence = Sequence::of_row(row.integer(0)?)?;
        if open.as_ref().is_none_or(|set| set.sequence != sequence) {
            let next = set_of(&row, sequence)?;
            if let Some(whole) = open.replace(next) {
                take(whole)?;
            }
        }
        if let (Some(set), Some(kind)) = (&mut open, row.text_or_null(5)?) {
            let key = key(&kind, &row.text(6)?)?;
            let (before, after) = (row.text_or_null(7)?, row.text_or_null(8)?);
            set.changes.push(RecordChange { key, before, after });
        }
        Ok(())
    };
    transaction.for_each(SETS, &values![since.to_row()], add).await?;
    open.map_or(Ok(()), take)
}

fn set_of(row: &Row, sequence: Sequence) -> Result<ChangeSet, StoreError> {
    Ok(ChangeSet {
        sequence,
        at_us: row.integer(1)?,
        actor: actor(&row.text(2)?)?,
        why: row.text_or_null(3)?,
        // A hash that is none can't be the right one.
        hash: row.text(4)?.parse().unwrap_or(ChainHash::START),
        changes: Vec::new(),
    })
}

/// The changes that a filter lets through, newest first.
pub(super) async fn changes(
    store: &Store,
    filter: &ChangeFilter,
) -> Result<Vec<Change>, StoreError> {
    let mut conditions = Conditions::default();
    if let Some(key) = &filter.key {
        conditions.add("c.kind =", key.kind_str().into());
        conditions.add("c.id =", key.id().into());
    }
    if let Some(kind) = filter.kind {
        conditions.add("c.kind =", kind.as_str().into());
    }
    if let Some(user) = filter.who {
        conditions.add("s.app_user =", user.get().into());
    }
    if let Some(since) = filter.since {
        conditions.add("s.at_us >=", to_us(since).into());
    }
    if let Some(until) = filter.until {
        conditions.add("s.at_us <=", to_us(until).into());
    }
    if let Some(before) = filter.before_sequence {
        conditions.add("c.sequence <", before.to_row().into());
    }
    let from = "FROM change c JOIN change_set s ON s.sequence = c.sequence";
    let mut whole = conditions.text();
    if let Some(limit) = filter.limit {
        // The change set in which the last row of the page lies is told whole.
        let last = format!(
            "SELECT MIN(p.sequence) FROM (SELECT c.sequence {from}{whole} \
             ORDER BY c.sequence DESC, c.ordinal LIMIT {limit}) p"
        );
        let glue = if whole.is_empty() { " WHERE" } else { " AND" };
        whole = format!("{whole}{glue} c.sequence >= ({last})");
    }
    let sql = format!(
        "SELECT s.sequence, s.at_us, s.actor, s.why, s.hash, c.kind, c.id, c.text_before, \
         c.text_after, {NAME} {from} {JOIN_NAME}{whole} ORDER BY c.sequence DESC, c.ordinal"
    );
    store.rows(sql, &conditions.values).await?.iter().map(change_of).collect()
}

/// The last change of a record.
pub(super) async fn last_change(
    store: &Store,
    key: &RecordKey,
) -> Result<Option<ChangeSummary>, StoreError> {
    let filter = ChangeFilter { key: Some(key.clone()), limit: Some(1), ..ChangeFilter::default() };
    let last = changes(store, &filter).await?.into_iter().next();
    Ok(last.map(|Change { sequence, at, who, who_name, why, .. }| ChangeSummary {
        sequence,
        at,
        who,
        who_name,
        why,
    }))
}

/// What earlier commits of these keys were.
pub(super) async fn earlier(
    transaction: &mut Transaction<'_>,
    keys: impl Iterator<Item = &IdempotencyKey>,
) -> Result<BTreeMap<IdempotencyKey, Earlier>, StoreError> {
    let sql = "SELECT s.sequence, s.at_us, COUNT(*) FROM commit_key k \
               JOIN change_set s ON s.sequence = k.sequence \
               JOIN change c ON c.sequence = k.sequence \
               WHERE k.principal = $1 AND k.key = $2 GROUP BY s.sequence, s.at_us";
    let mut earlier = BTreeMap::new();
    for key in keys {
        let values = values![key.principal.as_str(), key.key.as_str()];
        let Some(row) = transaction.row(sql, &values).await? else {
            continue;
        };
        let sequence = Sequence::of_row(row.integer(0)?)?;
        let (at, changes) = (from_us(row.integer(1)?), row.integer(2)?);
        let changes = usize::try_from(changes).unwrap_or(usize::MAX);
        earlier.insert(key.clone(), Earlier { sequence, at, changes });
    }
    Ok(earlier)
}

/// The name of who did it, as it is today.
const NAME: &str = "u.name, t.name";
const JOIN_NAME: &str = "LEFT JOIN app_user u ON u.id = s.app_user \
                         LEFT JOIN token t ON t.id = s.token";

fn change_of(row: &Row) -> Result<Change, StoreError> {
    Ok(Change {
        sequence: Sequence::of_row(row.integer(0)?)?,
        at: from_us(row.integer(1)?),
        who: actor(&row.text(2)?)?,
        who_name: name_of(row.text_or_null(9)?, row.text_or_null(10)?),
        why: row.text_or_null(3)?,
        key: key(&row.text(5)?, &row.text(6)?)?,
        before: row.text_or_null(7)?,
        after: row.text_or_null(8)?,
    })
}

pub(crate) fn key(kind: &str, id: &str) -> Result<RecordKey, StoreError> {
    let text = match kind {
        "settings" => kind.to_owned(),
        kind => format!("{kind}/{id}"),
    };
    text.parse().map_err(|_| StoreError::Unexpected(format!("the record key {text}")))
}

fn actor(text: &str) -> Result<Actor, StoreError> {
    text.parse().map_err(|_| StoreError::Unexpected(format!("the actor {text}")))
}

fn hash(text: &str) -> Result<ChainHash, StoreError> {
    text.parse().map_err(|_| StoreError::Unexpected(format!("the checksum {text}")))
}

/// Runs what takes long away from the threads that serve requests.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let failed = |_| StoreError::Unexpected("a product that can't be worked on".to_owned());
    tokio::task::spawn_blocking(work).await.map_err(failed)
}
