//! The journal: every change to a record, in order, and the product that follows from it.

mod chain;
mod decide;
mod read;
mod write;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use longlead_model::{Bundle, Diagnostic, Edit, Kind, RecordKey};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::people::{TokenId, UserId};
use crate::store::{OpenError, Store, StoreError};
use chain::ChainHash;
pub use decide::{Preview, PreviewItem};
pub(crate) use read::{key as key_of, verify_in};

/// The number of a change set in the journal; the first is 1, and 0 is the empty journal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Sequence(u64);

/// The version of a record: the number of the change set that changed it last. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Version(u64);

/// The product at one point of its history.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The last change set in it.
    pub head: Sequence,
    /// When that was; none in an empty journal.
    pub at: Option<Timestamp>,
    /// The product.
    pub bundle: Arc<Bundle>,
    /// The version of each of its records.
    pub versions: Arc<BTreeMap<RecordKey, Version>>,
    /// What is wrong with it. Errors only where this program is stricter than the one that let the
    /// change pass.
    pub diagnostics: Arc<Vec<Diagnostic>>,
    /// The texts of records that this program can't read; they stay in the journal as they are.
    unread: Arc<BTreeMap<RecordKey, String>>,
    hash: ChainHash,
}

/// The system of record. Clones are handles to the same journal.
///
/// A change is acknowledged when it is on stable storage. The journal's tasks end when the last
/// handle is gone; [`Journal::close`] waits for that.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    queue: mpsc::Sender<writer::Job>,
    current: watch::Receiver<Arc<Snapshot>>,
    password_checks: Arc<tokio::sync::Semaphore>,
    /// One note at a time that a session or token was used.
    notes: Arc<tokio::sync::Semaphore>,
}

/// What is to be changed, by whom and why: all of it or nothing.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// Who asks for it.
    pub who: Actor,
    /// When. The journal's time never steps back: an earlier time becomes that of the last change.
    pub at: Timestamp,
    /// Why, in a sentence for those who read the history.
    pub why: Option<String>,
    /// The changes. Of several changes to one record the last holds.
    pub edits: Vec<VersionedEdit>,
    /// The request that this answers, if it may come again: it is then not done twice.
    pub idempotency: Option<IdempotencyKey>,
}

/// An edit, and what its author saw when making it.
#[derive(Clone, Debug)]
pub struct VersionedEdit {
    /// The change.
    pub edit: Edit,
    /// What the record must be for the change to hold.
    pub expected: Expected,
}

/// What a record must be for a change to it to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything: only for imports and for bringing history back.
    Any,
    /// Not there.
    Absent,
    /// There, and not changed since this version.
    Version(Version),
}

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A user, signed in.
    User(UserId),
    /// A program, with a token of a user.
    Token(TokenId, UserId),
    /// Longlead itself: the command line, or a chore.
    System,
}

/// Names a request that may come again, so that its change is committed once only.
///
/// The key is kept with the change set, in the same transaction. If the process dies between the
/// commit and the answer, the repeated request finds the key and is told of the first commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey {
    /// Whose request: keys of different principals have nothing to do with each other.
    pub principal: String,
    /// The key that the client chose.
    pub key: String,
}

/// A change set that is in the journal, on stable storage.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Its number.
    pub sequence: Sequence,
    /// Its time.
    pub at: Timestamp,
    /// How many records it changed.
    pub changes: usize,
    /// The product right after it; for a repeated request, the product now.
    pub snapshot: Arc<Snapshot>,
    /// What someone should look at and that wasn't there before.
    pub warnings: Vec<Diagnostic>,
}

/// Why a change set was not committed. Nothing of it has been done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// Others changed the same records meanwhile.
    #[error("{} changed meanwhile", counted(.0.len(), "record has", "records have"))]
    Conflict(Vec<Conflict>),
    /// The product would have errors.
    #[error("the product would have {}", counted(.0.len(), "error", "errors"))]
    Refused(Vec<Diagnostic>),
    /// No edit changes anything.
    #[error("nothing would change")]
    Nothing,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A record that isn't what the author of a change saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The record.
    pub key: RecordKey,
    /// What the author saw.
    pub expected: Expected,
    /// The record's version now; none if it isn't there.
    pub actual: Option<Version>,
    /// Its text now.
    pub theirs: Option<String>,
    /// Its last change.
    pub by: Option<ChangeSummary>,
}

/// Who changed a record last, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSummary {
    /// The change set.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: Actor,
    /// Their name.
    pub who_name: String,
    /// Why, if they said.
    pub why: Option<String>,
}

/// One change to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The change set that it's part of.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: Actor,
    /// Their name today.
    pub who_name: String,
    /// Why, if they said.
    pub why: Option<String>,
    /// The record.
    pub key: RecordKey,
    /// Its text before; none if it wasn't there.
    pub before: Option<String>,
    /// Its text after; none if it was removed.
    pub after: Option<String>,
}

/// Which changes are asked for; what is none or empty doesn't narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Of one record.
    pub key: Option<RecordKey>,
    /// Of one kind.
    pub kind: Option<Kind>,
    /// By one user, themselves or with a token of theirs.
    pub who: Option<UserId>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// At this time or earlier.
    pub until: Option<Timestamp>,
    /// Of change sets before this one: the next page. A change set is never split between pages,
    /// so a page can be longer than `limit`.
    pub before_sequence: Option<Sequence>,
    /// At most so many, rounded up to whole change sets; none for all.
    pub limit: Option<u32>,
}

impl Journal {
    /// Opens a journal, and creates its database or tables where they aren't there:
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://USER@HOST/DATABASE`.
    ///
    /// Reads the whole journal and verifies its checksums.
    pub async fn open(url: &str) -> Result<Journal, OpenError> {
        let store = Arc::new(Store::open(url).await?);
        let snapshot = Arc::new(read::whole(&store).await?);
        crate::idempotency::release(&store).await?;
        let (queue, current) = writer::start(Arc::clone(&store), snapshot);
        let password_checks = crate::people::password_checks();
        let notes = Arc::new(tokio::sync::Semaphore::new(1));
        Ok(Journal { inner: Arc::new(Inner { store, queue, current, password_checks, notes }) })
    }

    /// The product now.
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.inner.current.borrow())
    }

    /// The product now, and each later one as soon as it holds.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.inner.current.clone()
    }

    /// Commits a change set: all of it or nothing. When this returns, it's on stable storage.
    ///
    /// A caller who stops waiting doesn't take the request back.
    pub async fn commit(&self, request: CommitRequest) -> Result<Committed, CommitError> {
        let (answer, answered) = oneshot::channel();
        let job = writer::Job::Commit(writer::Waiting { request, answer });
        self.inner.queue.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// What edits would do to the product now. Nothing is changed.
    pub fn preview(&self, edits: &[Edit]) -> Preview {
        decide::preview(&self.current(), edits)
    }

    /// The product as it was at an instant: everything committed then or before.
    pub async fn as_of(&self, at: Timestamp) -> Result<Snapshot, StoreError> {
        self.at_sequence(self.sequence_at(at).await?).await
    }

    /// The number of the last change set that was committed at an instant or before; 0 for none.
    pub async fn sequence_at(&self, at: Timestamp) -> Result<Sequence, StoreError> {
        read::sequence_at(&self.inner.store, at).await
    }

    /// The product right after a change set; after the last one, if there is none of that number.
    pub async fn at_sequence(&self, sequence: Sequence) -> Result<Snapshot, StoreError> {
        let current = self.current();
        match sequence == current.head {
            true => Ok(current.as_ref().clone()),
            false => read::at_sequence(&self.inner.store, sequence).await,
        }
    }

    /// The changes that a filter lets through, newest first.
    pub async fn changes(&self, filter: &ChangeFilter) -> Result<Vec<Change>, StoreError> {
        read::changes(&self.inner.store, filter).await
    }

    /// Asks whether the database answers, and for no more than that.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read::head_now(&self.inner.store).await.map(drop)
    }

    /// Reads the whole journal and recomputes its checksums: tells a changed or missing row, and
    /// the change set where it is. Someone who can write to the database and recomputes every
    /// checksum after it stays unseen; a backup elsewhere tells them.
    pub async fn verify(&self) -> Result<Sequence, StoreError> {
        Ok(read::whole(&self.inner.store).await?.head)
    }

    /// Answers what waits, then ends the journal's tasks and connections.
    pub async fn close(&self) {
        let (closed, is_closed) = oneshot::channel();
        if self.inner.queue.send(writer::Job::Close(closed)).await.is_ok() {
            // An error says that the task has ended already, which is what is asked for.
            let _ = is_closed.await;
        }
        self.inner.store.close().await;
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    pub(crate) fn notes(&self) -> &Arc<tokio::sync::Semaphore> {
        &self.inner.notes
    }

    pub(crate) fn password_checks(&self) -> &Arc<tokio::sync::Semaphore> {
        &self.inner.password_checks
    }
}

impl Snapshot {
    /// The version of a record; none if it isn't there.
    pub fn version(&self, key: &RecordKey) -> Option<Version> {
        self.versions.get(key).copied()
    }

    /// Of what is wrong with a product that came of this one, what wasn't wrong before.
    pub fn news(&self, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let known: BTreeSet<_> =
            self.diagnostics.iter().map(|told| (told.code, told.message.as_str())).collect();
        diagnostics.retain(|told| !known.contains(&(told.code, told.message.as_str())));
        diagnostics
    }

    /// The text of a record: canonical, or as written where this program can't read it.
    fn text(&self, key: &RecordKey) -> Option<String> {
        decide::text_of(&self.bundle, key).or_else(|| self.unread.get(key).cloned())
    }

    fn empty() -> Snapshot {
        Snapshot {
            head: Sequence(0),
            at: None,
            bundle: Arc::default(),
            versions: Arc::default(),
            diagnostics: Arc::default(),
            unread: Arc::default(),
            hash: ChainHash::START,
        }
    }
}

impl Sequence {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn of_row(number: i64) -> Result<Sequence, StoreError> {
        let unexpected = |_| StoreError::Unexpected(format!("the sequence {number}"));
        u64::try_from(number).map(Sequence).map_err(unexpected)
    }

    pub(crate) fn to_row(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    fn next(self) -> Sequence {
        Sequence(self.0.saturating_add(1))
    }
}

impl From<u64> for Sequence {
    fn from(number: u64) -> Sequence {
        Sequence(number)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Sequence {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Sequence, Self::Err> {
        text.parse().map(Sequence)
    }
}

impl Version {
    /// The number of the change set.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The change set.
    pub fn sequence(self) -> Sequence {
        Sequence(self.0)
    }
}

/// The text is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is a whole number from 1")]
pub struct VersionError;

impl TryFrom<u64> for Version {
    type Error = VersionError;

    fn try_from(number: u64) -> Result<Version, VersionError> {
        match number {
            0 => Err(VersionError),
            number => Ok(Version(number)),
        }
    }
}

impl From<Version> for u64 {
    fn from(version: Version) -> u64 {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Version, VersionError> {
        text.parse::<u64>().map_err(|_| VersionError)?.try_into()
    }
}

impl Actor {
    /// The user who answers for it; none for Longlead itself.
    pub fn user(self) -> Option<UserId> {
        match self {
            Actor::User(user) | Actor::Token(_, user) => Some(user),
            Actor::System => None,
        }
    }

    /// The numbers of the user and of the token, for their columns.
    pub(crate) fn columns(self) -> (Option<i64>, Option<i64>) {
        match self {
            Actor::User(user) => (Some(user.get()), None),
            Actor::Token(token, user) => (Some(user.get()), Some(token.get())),
            Actor::System => (None, None),
        }
    }
}

/// The name of an actor, of the names of a user and of a token.
pub(crate) fn name_of(user: Option<String>, token: Option<String>) -> String {
    match (user, token) {
        (Some(user), Some(token)) => format!("{user} ({token})"),
        (Some(user), None) => user,
        (None, _) => "Longlead".to_owned(),
    }
}

/// `system`, `user/3` or `token/7/user/3`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(user) => write!(f, "user/{user}"),
            Actor::Token(token, user) => write!(f, "token/{token}/user/{user}"),
            Actor::System => f.write_str("system"),
        }
    }
}

/// The text names no actor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an actor is `system`, `user/ID` or `token/ID/user/ID`")]
pub struct ActorError;

impl FromStr for Actor {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Actor, ActorError> {
        let user = |id: &str| id.parse::<UserId>().map_err(|_| ActorError);
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["system"] => Ok(Actor::System),
            ["user", id] => Ok(Actor::User(user(id)?)),
            ["token", token, "user", id] => {
                Ok(Actor::Token(token.parse().map_err(|_| ActorError)?, user(id)?))
            }
            _ => Err(ActorError),
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}
