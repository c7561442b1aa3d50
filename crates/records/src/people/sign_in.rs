//! Signing in, and how often it may be tried.

use std::net::{IpAddr, Ipv6Addr};

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

/// Half of the failures from a network address are forgiven in so long: slips are made all day
/// where many people work.
const CLIENT_HALF_LIFE_SECONDS: i64 = 60 * 60;

/// Failures are counted in millionths, so that they can be forgiven little by little.
const FAILURE: i64 = 1_000_000;

/// What counts as one client: an IPv4 address, or the /64 that an IPv6 host chooses its addresses
/// from.
pub fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
    }
}

/// One try to prove who one is.
pub(super) struct Attempt<'a> {
    pub(super) email: &'a str,
    pub(super) client: &'a str,
    pub(super) at: Timestamp,
}

/// Whose failures count, and how.
struct Subject {
    hash: String,
    /// How many failures go without waiting.
    free: i64,
    /// In how many seconds half of them are forgiven.
    half_life_seconds: Option<i64>,
}

/// What [`People::begin`] has counted for a subject, so that it can be taken back.
pub(super) struct Counted {
    subject: Subject,
    failures_before: i64,
    last_us_before: i64,
    failures: i64,
}

/// Whether an attempt may be made now.
pub(super) enum Begun {
    Counted(Vec<Counted>),
    Wait { seconds: u64 },
}

impl People {
    /// Signs a user in. Takes as long for an address that nobody has as for a wrong password.
    ///
    /// After five failures of an account, or twenty from one network address, each further try
    /// has to wait: 1 s, 2 s, 4 s … up to 15 min. A try that has to wait isn't looked at. Of the
    /// failures from an address, half are forgiven with each hour.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        at: Timestamp,
        client: &str,
    ) -> Result<(Session, SessionSecret), SignInError> {
        let attempt = Attempt { email, client, at };
        let counted = match self.begin(&attempt).await? {
            Begun::Counted(counted) => counted,
            Begun::Wait { seconds } => {
                return Err(SignInError::Throttled { retry_after_seconds: seconds });
            }
        };
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
        attempt.succeeded(&mut transaction, &counted).await?;
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
    pub(super) async fn begin(&self, attempt: &Attempt<'_>) -> Result<Begun, StoreError> {
        let mut transaction = self.store.write().await?;
        let sql = "DELETE FROM sign_in_failure WHERE last_us <= $1";
        transaction.execute(sql, &values![later_us(attempt.at, -FORGET_SECONDS)]).await?;
        let (mut wait, mut counted) = (0, Vec::new());
        for subject in attempt.subjects() {
            let sql = "INSERT INTO sign_in_failure (subject, failures, last_us) \
                       VALUES ($1, 0, $2) ON CONFLICT (subject) DO NOTHING";
            let at_us = to_us(attempt.at);
            transaction.execute(sql, &values![subject.hash.as_str(), at_us]).await?;
            let sql = format!(
                "SELECT failures, last_us FROM sign_in_failure WHERE subject = $1{}",
                self.store.for_update()
            );
            if let Some(row) = transaction.row(sql, &values![subject.hash.as_str()]).await? {
                let (failures_before, last_us_before) = (row.integer(0)?, row.integer(1)?);
                let left = subject.left(failures_before, at_us.saturating_sub(last_us_before));
                let beyond = (left + FAILURE / 2) / FAILURE - subject.free;
                wait = wait.max(seconds_to_wait(beyond, last_us_before, at_us));
                let failures = left + FAILURE;
                counted.push(Counted { subject, failures_before, last_us_before, failures });
            }
        }
        if wait > 0 {
            // What the two inserts added says nothing and may go with the transaction.
            return Ok(Begun::Wait { seconds: wait });
        }
        for Counted { subject, failures, .. } in &counted {
            let sql = "UPDATE sign_in_failure SET failures = $1, last_us = $2 WHERE subject = $3";
            let values = values![*failures, to_us(attempt.at), subject.hash.as_str()];
            transaction.execute(sql, &values).await?;
        }
        transaction.commit().await?;
        Ok(Begun::Counted(counted))
    }
}

impl Subject {
    /// What is left of failures after a while.
    fn left(&self, failures: i64, after_us: i64) -> i64 {
        let Some(half_life_seconds) = self.half_life_seconds else {
            return failures;
        };
        #[expect(clippy::cast_precision_loss, reason = "a share of hours, not a count")]
        let half_lives = after_us.max(0) as f64 / (half_life_seconds * 1_000_000) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "less than what is there, in millionths"
        )]
        let left = (failures as f64 * (-half_lives).exp2()).round() as i64;
        left
    }
}

impl Attempt<'_> {
    /// Whose failures count. Always in this order: two transactions that take the same rows then
    /// never wait for each other. Kept as hashes, since people type passwords into the field for
    /// the address.
    fn subjects(&self) -> Vec<Subject> {
        let hash = account(self.email);
        let free = ACCOUNT_FAILURES_FREE;
        let mut subjects = vec![Subject { hash, free, half_life_seconds: None }];
        if !self.client.is_empty() {
            let network = self.client.parse().map(|it| network_of(it).to_string());
            let network = network.unwrap_or_else(|_| self.client.to_owned());
            let hash = hash_of(&format!("client {network}"));
            let half_life_seconds = Some(CLIENT_HALF_LIFE_SECONDS);
            subjects.push(Subject { hash, free: CLIENT_FAILURES_FREE, half_life_seconds });
        }
        subjects
    }

    /// Takes back what [`People::begin`] counted. The account starts afresh; the network address
    /// doesn't, or an attacker would sign in to an account of their own in between.
    pub(super) async fn succeeded(
        &self,
        transaction: &mut Transaction<'_>,
        counted: &[Counted],
    ) -> Result<(), StoreError> {
        forget_failures(transaction, self.email).await?;
        for counted in counted.iter().skip(1) {
            let subject = counted.subject.hash.as_str();
            // As if it hadn't been made, unless others have come since.
            let sql = "UPDATE sign_in_failure SET failures = $1, last_us = $2 \
                       WHERE subject = $3 AND failures = $4 AND last_us = $5";
            let values = values![
                counted.failures_before,
                counted.last_us_before,
                subject,
                counted.failures,
                to_us(self.at),
            ];
            if transaction.execute(sql, &values).await? == 0 {
                let sql = "UPDATE sign_in_failure SET failures = failures - $1 \
                           WHERE subject = $2 AND failures >= $1";
                transaction.execute(sql, &values![FAILURE, subject]).await?;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_a_network_and_not_each_of_its_addresses() {
        for (client, network) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            assert_eq!(network_of(client.parse().unwrap()).to_string(), network, "{client}");
        }
    }
}
