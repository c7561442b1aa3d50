//! Signing in, and how often it may be tried.

use jiff::Timestamp;

use super::audit::{AuditEvent, append};
use super::secret::hash_of;
use super::session;
use super::user::email_key;
use super::{By, People, Session, SessionSecret, UserId};
use crate::journal::Actor;
use crate::store::{StoreError, Transaction, values};
use crate::time::{later_us, to_us};

/// Why someone is not signed in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such user, or the password isn't theirs: which of the two isn't told.
    #[error("the address or the password is wrong")]
    Wrong,
    /// Too many failures.
    #[error("too many failures: try again in {retry_after_seconds} s")]
    Throttled {
        /// How long to wait.
        retry_after_seconds: u64,
    },
    /// The password is right, and the user may not sign in any more.
    #[error("this account is disabled")]
    Disabled,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// So many failures of an account go without waiting.
const ACCOUNT_FAILURES_FREE: i64 = 5;

/// So many failures from one network address go without waiting. Whole offices share an address.
const CLIENT_FAILURES_FREE: i64 = 20;

/// The longest wait.
const WAIT_SECONDS_MAX: i64 = 15 * 60;

/// Failures are forgotten when none has been added for so long.
const FORGET_SECONDS: i64 = 24 * 60 * 60;

/// One try to prove who one is.
pub(super) struct Attempt<'a> {
    pub(super) email: &'a str,
    pub(super) client: &'a str,
    pub(super) at: Timestamp,
}

impl People {
    /// Signs a user in. Takes as long for an address that nobody has as for a wrong password.
    ///
    /// After five failures of an account, or twenty from one network address, each further try
    /// has to wait: 1 s, 2 s, 4 s … up to 15 min. A try that has to wait isn't looked at.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        at: Timestamp,
        client: &str,
    ) -> Result<(Session, SessionSecret), SignInError> {
        let attempt = Attempt { email, client, at };
        if let Some(retry_after_seconds) = self.begin(&attempt).await? {
            return Err(SignInError::Throttled { retry_after_seconds });
        }
        let sql = "SELECT id, password_hash, disabled FROM app_user WHERE email_key = $1";
        let known = self.store.row(sql, &values![email_key(email)]).await?;
        let hash = known.as_ref().map(|row| row.text_or_null(1)).transpose()?.flatten();
        let has_password = hash.is_some();
        let is_right = self.is_password(password, hash.clone()).await? && has_password;
        let id = known.as_ref().map(|row| row.integer(0)).transpose()?.map(UserId::from);
        let mut transaction = self.store.write().await?;
        // The password may have been changed, or the account disabled, while this one was checked.
        let sql = "SELECT disabled FROM app_user WHERE id = $1 AND password_hash = $2";
        let values = values![id.map(UserId::get), hash];
        let still = match is_right {
            true => transaction.row(sql, &values).await?,
            false => None,
        };
        let (Some(id), Some(row)) = (id, still) else {
            fail(&mut transaction, &attempt, id, "wrong password").await?;
            transaction.commit().await?;
            return Err(SignInError::Wrong);
        };
        attempt.succeeded(&mut transaction).await?;
        if row.integer(0)? != 0 {
            fail(&mut transaction, &attempt, Some(id), "disabled").await?;
            transaction.commit().await?;
            return Err(SignInError::Disabled);
        }
        let begun = session::begin(&mut transaction, id, at, client).await?;
        let by = By { who: Actor::User(id), at, client: client.to_owned() };
        let detail = format!("session {}", begun.0.id);
        append(&mut transaction, &by, AuditEvent::SignedIn, &detail).await?;
        transaction.commit().await?;
        Ok(begun)
    }

    /// Counts an attempt as a failure before it's made, so that many at once don't all pass;
    /// [`Attempt::succeeded`] takes that back. Tells how long to wait if it may not be made now.
    pub(super) async fn begin(&self, attempt: &Attempt<'_>) -> Result<Option<u64>, StoreError> {
        let mut transaction = self.store.write().await?;
        let sql = "DELETE FROM sign_in_failure WHERE last_us <= $1";
        transaction.execute(sql, &values![later_us(attempt.at, -FORGET_SECONDS)]).await?;
        let mut wait = 0;
        for (subject, free) in attempt.subjects() {
            let sql = "INSERT INTO sign_in_failure (subject, failures, last_us) \
                       VALUES ($1, 0, $2) ON CONFLICT (subject) DO NOTHING";
            let at_us = to_us(attempt.at);
            transaction.execute(sql, &values![subject.as_str(), at_us]).await?;
            let sql = format!(
                "SELECT failures, last_us FROM sign_in_failure WHERE subject = $1{}",
                self.store.for_update()
            );
            if let Some(row) = transaction.row(sql, &values![subject]).await? {
                wait = wait.max(seconds_to_wait(row.integer(0)? - free, row.integer(1)?, at_us));
            }
        }
        if wait > 0 {
            // What the two inserts added says nothing and may go with the transaction.
            return Ok(Some(wait));
        }
        for (subject, _) in attempt.subjects() {
            let sql = "UPDATE sign_in_failure SET failures = failures + 1, last_us = $1 \
                       WHERE subject = $2";
            transaction.execute(sql, &values![to_us(attempt.at), subject]).await?;
        }
        transaction.commit().await?;
        Ok(None)
    }
}

impl Attempt<'_> {
    /// Whose failures count, each with how many are free. Always in this order: two transactions
    /// that take the same rows then never wait for each other. Kept as hashes, since people type
    /// passwords into the field for the address.
    fn subjects(&self) -> Vec<(String, i64)> {
        let mut subjects = vec![(account(self.email), ACCOUNT_FAILURES_FREE)];
        if !self.client.is_empty() {
            subjects.push((hash_of(&format!("client {}", self.client)), CLIENT_FAILURES_FREE));
        }
        subjects
    }

    /// Takes back what [`People::begin`] counted. The account starts afresh; the network address
    /// doesn't, or an attacker would sign in to an account of their own in between.
    pub(super) async fn succeeded(
        &self,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        forget_failures(transaction, self.email).await?;
        for (subject, _) in self.subjects().into_iter().skip(1) {
            let sql = "UPDATE sign_in_failure SET failures = failures - 1 \
                       WHERE subject = $1 AND failures > 0";
            transaction.execute(sql, &values![subject]).await?;
        }
        Ok(())
    }
}

/// An account starts afresh.
pub(super) async fn forget_failures(
    transaction: &mut Transaction<'_>,
    email: &str,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM sign_in_failure WHERE subject = $1";
    transaction.execute(sql, &values![account(email)]).await.map(drop)
}

fn account(email: &str) -> String {
    hash_of(&format!("account {}", email_key(email)))
}

/// How long until the next try, after so many failures beyond the free ones.
fn seconds_to_wait(failures: i64, last_us: i64, at_us: i64) -> u64 {
    if failures < 0 {
        return 0;
    }
    let wait_us = WAIT_SECONDS_MAX.min(1 << failures.min(20)) * 1_000_000;
    let left_us = last_us.saturating_add(wait_us).saturating_sub(at_us);
    u64::try_from(left_us).unwrap_or(0).div_ceil(1_000_000)
}

async fn fail(
    transaction: &mut Transaction<'_>,
    attempt: &Attempt<'_>,
    user: Option<UserId>,
    why: &str,
) -> Result<(), StoreError> {
    let client = attempt.client.to_owned();
    let by = By { who: Actor::System, at: attempt.at, client };
    let detail = match user {
        Some(user) => format!("user {user}: {why}"),
        None => "an address that nobody has".to_owned(),
    };
    append(transaction, &by, AuditEvent::SignInFailed, &detail).await
}
