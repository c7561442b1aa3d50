//! Requests that may come again: the answer is kept, and told again.
//!
//! A client that got no answer repeats its request with the same key. Two things keep its change
//! from being done twice. [`CommitRequest::idempotency`](crate::CommitRequest) keeps the key with
//! the change set, in the same transaction: that alone is what the promise rests on. The answers
//! kept here only spare the work, and make the repeated answer the same to the byte.
//!
//! So it does no harm when a process dies between the two. The request stays "in progress" until
//! [`IN_PROGRESS_SECONDS`] have passed (with SQLite, until the file is opened again), is then
//! handed to whoever repeats it, and its commit finds the key and tells of the first one. It also
//! does no harm when a slow request is handed to a second process while the first still works:
//! both commit with the key, one after another, and the second is told of the first.

use jiff::Timestamp;

use crate::journal::{IdempotencyKey, Journal};
use crate::store::{Row, Store, StoreError, Transaction, values};
use crate::time::{later_us, to_us};

/// How long keys and answers are kept.
pub const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// How long a request may be in progress before another may take it up.
pub const IN_PROGRESS_SECONDS: i64 = 60;

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, as JSON.
    pub headers: String,
    /// The body.
    pub body: String,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: answer it, then call [`Journal::idempotent_finish`].
    New,
    /// It's being answered right now.
    InProgress,
    /// It has been answered.
    Replay(StoredAnswer),
    /// The key was used for another request.
    Different,
}

impl Journal {
    /// Begins to answer a request that may come again. `request_hash` says what was asked: the
    /// same key with another request is a client's mistake.
    pub async fn idempotent_begin(
        &self,
        key: &IdempotencyKey,
        request_hash: &str,
        at: Timestamp,
    ) -> Result<Begun, StoreError> {
        let mut transaction = self.store().write().await?;
        forget(&mut transaction, at).await?;
        let sql = "INSERT INTO answer (principal, key, request_hash, at_us, taken_us) \
                   VALUES ($1, $2, $3, $4, $4) ON CONFLICT (principal, key) DO NOTHING";
        let values = values![key.principal.as_str(), key.key.as_str(), request_hash, to_us(at)];
        if transaction.execute(sql, &values).await? == 1 {
            // What an expired request of the same key committed has nothing to do with this one.
            let sql = "DELETE FROM commit_key WHERE principal = $1 AND key = $2";
            let values = values![key.principal.as_str(), key.key.as_str()];
            transaction.execute(sql, &values).await?;
            transaction.commit().await?;
            return Ok(Begun::New);
        }
        let begun = again(self.store(), &mut transaction, key, request_hash, at).await?;
        transaction.commit().await?;
        Ok(begun)
    }

    /// Keeps the answer to a request.
    pub async fn idempotent_finish(
        &self,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store().write().await?;
        let sql = "UPDATE answer SET status = $1, headers = $2, body = $3 \
                   WHERE principal = $4 AND key = $5 AND status IS NULL";
        let values = values![
            i64::from(answer.status),
            answer.headers.as_str(),
            answer.body.as_str(),
            key.principal.as_str(),
            key.key.as_str(),
        ];
        transaction.execute(sql, &values).await?;
        transaction.commit().await
    }

    /// Lets a request that could not be answered be taken up again at once.
    pub async fn idempotent_abandon(&self, key: &IdempotencyKey) -> Result<(), StoreError> {
        let mut transaction = self.store().write().await?;
        // The row stays, and so does what may have been committed under its key.
        let sql = "UPDATE answer SET taken_us = NULL \
                   WHERE principal = $1 AND key = $2 AND status IS NULL";
        transaction.execute(sql, &values![key.principal.as_str(), key.key.as_str()]).await?;
        transaction.commit().await
    }
}

/// With SQLite nobody else can be answering: what is in progress is left from a process that died.
pub(crate) async fn release(store: &Store) -> Result<(), StoreError> {
    if store.is_shared() {
        return Ok(());
    }
    let mut transaction = store.write().await?;
    transaction.execute("UPDATE answer SET taken_us = NULL WHERE status IS NULL", &[]).await?;
    transaction.commit().await
}

async fn forget(transaction: &mut Transaction<'_>, at: Timestamp) -> Result<(), StoreError> {
    let before = later_us(at, -KEPT_SECONDS);
    for sql in ["DELETE FROM answer WHERE at_us <= $1", "DELETE FROM commit_key WHERE at_us <= $1"]
    {
        transaction.execute(sql, &values![before]).await?;
    }
    Ok(())
}

async fn again(
    store: &Store,
    transaction: &mut Transaction<'_>,
    key: &IdempotencyKey,
    request_hash: &str,
    at: Timestamp,
) -> Result<Begun, StoreError> {
    let sql = format!(
        "SELECT request_hash, taken_us, status, headers, body FROM answer \
         WHERE principal = $1 AND key = $2{}",
        store.for_update()
    );
    let values = values![key.principal.as_str(), key.key.as_str()];
    let Some(row) = transaction.row(sql, &values).await? else {
        // Another node forgot it between the two statements; the client will ask again.
        return Ok(Begun::InProgress);
    };
    if row.text(0)? != request_hash {
        return Ok(Begun::Different);
    }
    if row.integer_or_null(2)?.is_some() {
        return answer_of(&row).map(Begun::Replay);
    }
    let lease_ends = later_us(at, -IN_PROGRESS_SECONDS);
    if row.integer_or_null(1)?.is_some_and(|taken_us| taken_us > lease_ends) {
        return Ok(Begun::InProgress);
    }
    let sql = "UPDATE answer SET taken_us = $1 WHERE principal = $2 AND key = $3";
    let values = values![to_us(at), key.principal.as_str(), key.key.as_str()];
    transaction.execute(sql, &values).await?;
    Ok(Begun::New)
}

fn answer_of(row: &Row) -> Result<StoredAnswer, StoreError> {
    let status = row.integer(2)?;
    Ok(StoredAnswer {
        status: u16::try_from(status)
            .map_err(|_| StoreError::Unexpected(format!("the status {status}")))?,
        headers: row.text(3)?,
        body: row.text(4)?,
    })
}
