//! The one task that writes the journal: takes what waits, decides it, writes it in one
//! transaction, publishes the new product and answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use longlead_model::RecordKey;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use super::chain::ChangeSet;
use super::decide::{Decided, Outcome, decide};
use super::read::{self, in_background};
use super::{CommitError, CommitRequest, Committed, Conflict, IdempotencyKey, Snapshot, write};
use crate::store::{Store, StoreError, values};

/// How many requests may wait before callers wait to be let in.
const WAITING_MAX: usize = 256;

/// How many requests go into one transaction.
const GROUP_MAX: usize = 64;

/// How often a shared database is asked for what other nodes wrote.
const POLL: Duration = Duration::from_millis(500);

/// A request and who waits for its answer.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: CommitRequest,
    pub(super) answer: oneshot::Sender<Result<Committed, CommitError>>,
}

#[derive(Debug)]
pub(super) enum Job {
    Commit(Waiting),
    Close(oneshot::Sender<()>),
}

struct Writer {
    store: Arc<Store>,
    published: watch::Sender<Arc<Snapshot>>,
}

/// Starts the task; it ends when asked to, or when nobody can ask any more.
pub(super) fn start(
    store: Arc<Store>,
    snapshot: Arc<Snapshot>,
) -> (mpsc::Sender<Job>, watch::Receiver<Arc<Snapshot>>) {
    let (queue, jobs) = mpsc::channel(WAITING_MAX);
    let (published, current) = watch::channel(snapshot);
    tokio::spawn(Writer { store, published }.run(jobs));
    (queue, current)
}

impl Writer {
    async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing = None;
        let mut is_blind = false;
        loop {
            let job = tokio::select! {
                job = jobs.recv() => job,
                _ = poll.tick(), if self.store.is_shared() && closing.is_none() => {
                    is_blind = self.refresh(is_blind).await;
                    continue;
                }
            };
            let Some(job) = job else { break };
            let mut group = VecDeque::new();
            take(job, &mut group, &mut closing, &mut jobs);
            while group.len() < GROUP_MAX
                && let Ok(job) = jobs.try_recv()
            {
                take(job, &mut group, &mut closing, &mut jobs);
            }
            if !group.is_empty() {
                self.serve(group).await;
            }
        }
        if let Some(closed) = closing {
            // Whoever asked may have gone; it's closed all the same.
            let _ = closed.send(());
        }
    }

    /// Publishes what other nodes wrote. Tells whether it could not; that is logged when it starts
    /// and when it ends, not twice a second.
    async fn refresh(&self, was_blind: bool) -> bool {
        let current = Arc::clone(&self.published.borrow());
        let refreshed = async {
            let head = read::head_now(&self.store).await?;
            if head.sequence == current.head && head.hash == current.hash {
                return Ok(());
            }
            let mut transaction = self.store.read().await?;
            let head = read::head_in(&mut transaction).await?;
            self.publish(read::caught_up(&mut transaction, &current, head).await?);
            Ok::<(), StoreError>(())
        };
        let refreshed = refreshed.await;
        let is_blind = refreshed.is_err();
        match refreshed {
            Ok(_) if was_blind => tracing::info!("can see again what other nodes wrote"),
            Err(error) if !was_blind => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "can't see what other nodes wrote");
            }
            _ => {}
        }
        is_blind
    }

    async fn serve(&self, group: VecDeque<Waiting>) {
        let (requests, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.request, waiting.answer)).unzip();
        let requests = Arc::new(requests);
        match self.commit(&requests).await {
            // What one asked for must not fail the others.
            Err(error) if error.is_of_the_request() && requests.len() > 1 => {
                for (request, answer) in requests.iter().zip(answers) {
                    let outcomes = self.commit(&Arc::new(vec![request.clone()])).await;
                    self.answer(outcomes, vec![answer]).await;
                }
            }
            outcomes => self.answer(outcomes, answers).await,
        }
    }

    async fn answer(
        &self,
        outcomes: Result<Vec<Outcome>, StoreError>,
        answers: Vec<oneshot::Sender<Result<Committed, CommitError>>>,
    ) {
        match outcomes {
            Ok(outcomes) => {
                for (outcome, answer) in outcomes.into_iter().zip(answers) {
                    let answered = self.answered(outcome).await;
                    // A caller who stopped waiting misses the answer, not the change.
                    let _ = answer.send(answered);
                }
            }
            Err(error) => {
                let shown: &dyn std::error::Error = &error;
                tracing::error!(error = shown, "can't write the journal");
                for answer in answers {
                    let _ = answer.send(Err(error.clone().into()));
                }
            }
        }
    }

    /// Decides and writes a group of requests. After an error nothing of it holds, in memory as
    /// in the database.
    async fn commit(&self, requests: &Arc<Vec<CommitRequest>>) -> Result<Vec<Outcome>, StoreError> {
        let current = Arc::clone(&self.published.borrow());
        let mut transaction = self.store.write().await?;
        let head = read::head(&self.store, &mut transaction).await?;
        let current = read::caught_up(&mut transaction, &current, head).await?;
        let keys = requests.iter().filter_map(|request| request.idempotency.as_ref());
        let earlier = read::earlier(&mut transaction, keys).await?;
        let before = Arc::clone(&current);
        let asked = Arc::clone(requests);
        let decided = in_background(move || decide(&before, &asked, earlier)).await?;
        let Decided { snapshot, sets, outcomes } = decided;
        if let Some(last) = sets.last() {
            let sets = with_keys(&sets, requests, &outcomes);
            write::change_sets(&mut transaction, &sets).await?;
            if let Err(error) = transaction.commit().await {
                self.settle(last, error).await?;
            }
        }
        self.publish(snapshot);
        Ok(outcomes)
    }

    /// After a failed commit, asks the database whether it was kept nevertheless: the connection
    /// may have gone between the commit and its answer.
    async fn settle(&self, last: &ChangeSet, error: StoreError) -> Result<(), StoreError> {
        for _ in 0..SETTLE_TRIES_MAX {
            match self.is_kept(last).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(error),
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
        Err(StoreError::InDoubt)
    }

    /// Whether a change set is there. Asks under the lock that commits take: the commit may still
    /// be under way where the connection isn't any more, and its rows can't be seen until it ends.
    async fn is_kept(&self, set: &ChangeSet) -> Result<bool, StoreError> {
        let mut transaction = self.store.write().await?;
        read::head(&self.store, &mut transaction).await?;
        let sql = "SELECT hash FROM change_set WHERE sequence = $1";
        match transaction.row(sql, &values![set.sequence.to_row()]).await? {
            Some(row) => Ok(row.text(0)? == set.hash.to_string()),
            None => Ok(false),
        }
    }

    fn publish(&self, snapshot: Arc<Snapshot>) {
        self.published.send_if_modified(|current| {
            let is_new = !Arc::ptr_eq(current, &snapshot);
            *current = snapshot;
            is_new
        });
    }

    async fn answered(&self, outcome: Outcome) -> Result<Committed, CommitError> {
        match outcome {
            Outcome::Done { made, snapshot, warnings } => Ok(Committed {
                sequence: made.sequence,
                at: made.at,
                changes: made.changes,
                snapshot,
                warnings,
            }),
            Outcome::Again(made) => Ok(Committed {
                sequence: made.sequence,
                at: made.at,
                changes: made.changes,
                snapshot: Arc::clone(&self.published.borrow()),
                warnings: Vec::new(),
            }),
            Outcome::Conflict(conflicts) => {
                let mut told = Vec::with_capacity(conflicts.len());
                for conflict in conflicts {
                    let by = self.last_change(&conflict.key).await?;
                    told.push(Conflict { by, ..conflict });
                }
                Err(CommitError::Conflict(told))
            }
            Outcome::Refused(diagnostics) => Err(CommitError::Refused(diagnostics)),
            Outcome::Nothing => Err(CommitError::Nothing),
        }
    }

    async fn last_change(
        &self,
        key: &RecordKey,
    ) -> Result<Option<super::ChangeSummary>, StoreError> {
        read::last_change(&self.store, key).await
    }
}

/// So often a database is asked whether it kept a commit, before that stays open.
const SETTLE_TRIES_MAX: usize = 20;

/// Each change set with the key of its request.
fn with_keys<'a>(
    sets: &'a [ChangeSet],
    requests: &'a [CommitRequest],
    outcomes: &[Outcome],
) -> Vec<(&'a ChangeSet, Option<&'a IdempotencyKey>)> {
    let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done { .. });
    let done = requests.iter().zip(outcomes).filter(|(_, outcome)| is_done(outcome));
    sets.iter().zip(done.map(|(request, _)| request.idempotency.as_ref())).collect()
}

fn take(
    job: Job,
    group: &mut VecDeque<Waiting>,
    closing: &mut Option<oneshot::Sender<()>>,
    jobs: &mut mpsc::Receiver<Job>,
) {
    match job {
        Job::Commit(waiting) => group.push_back(waiting),
        Job::Close(closed) => {
            // No more is let in; what waits is still served.
            jobs.close();
            *closing = Some(closed);
        }
    }
}
