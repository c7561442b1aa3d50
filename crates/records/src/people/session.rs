//! Sessions of signed-in users.

use jiff::Timestamp;

use super::audit::{AuditEvent, append};
use super::secret::hash_of;
use super::user::{USER, user_of};
use super::{By, People, SessionId, SessionSecret, User, UserId, token};
use crate::store::{Row, StoreError, Transaction, values};
use crate::time::{from_us, later_us, to_us};

/// How long a session holds, however often it's used.
const HOLDS_SECONDS: i64 = 30 * 24 * 60 * 60;

/// How long a session holds that isn't used.
const IDLE_SECONDS: i64 = 7 * 24 * 60 * 60;

/// How often the last use is noted: not with every request.
const TOUCH_SECONDS: i64 = 60;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Where it was begun.
    pub client: String,
}

const SESSION: &str = "s.id, s.app_user, s.created_us, s.seen_us, s.client";

impl People {
    /// The session of a secret and its user, if it holds. Notes, soon after, that it's used.
    pub async fn session(
        &self,
        secret: &str,
        at: Timestamp,
    ) -> Result<Option<(Session, User)>, StoreError> {
        let sql = format!(
            "SELECT {SESSION}, {USER} FROM session s JOIN app_user u ON u.id = s.app_user \
             WHERE s.secret_hash = $1 AND s.created_us > $2 AND s.seen_us > $3 AND u.disabled = 0"
        );
        let (created, seen) = (later_us(at, -HOLDS_SECONDS), later_us(at, -IDLE_SECONDS));
        let values = values![hash_of(secret), created, seen];
        let Some(row) = self.store.row(sql, &values).await? else {
            return Ok(None);
        };
        let (mut session, mut user) = (session_of(&row)?, user_of(&row, 5)?);
        if to_us(session.last_seen) <= later_us(at, -TOUCH_SECONDS) {
            let (people, used) = (self.clone(), session.clone());
            self.note(async move { people.touch(&used, at).await });
            session.last_seen = from_us(to_us(at));
            user.last_seen = Some(session.last_seen);
        }
        Ok(Some((session, user)))
    }

    async fn touch(&self, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.store.write().await?;
        let sql = "UPDATE session SET seen_us = $1 WHERE id = $2";
        transaction.execute(sql, &values![to_us(at), session.id.get()]).await?;
        saw(&mut transaction, session.user, at).await?;
        transaction.commit().await
    }

    /// The sessions of a user that hold, the last used first.
    pub async fn sessions_of(
        &self,
        user: UserId,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let sql = format!(
            "SELECT {SESSION} FROM session s WHERE s.app_user = $1 AND s.created_us > $2 \
             AND s.seen_us > $3 ORDER BY s.seen_us DESC, s.id DESC"
        );
        let (created, seen) = (later_us(at, -HOLDS_SECONDS), later_us(at, -IDLE_SECONDS));
        let rows = self.store.rows(sql, &values![user.get(), created, seen]).await?;
        rows.iter().map(session_of).collect()
    }

    /// Ends the session of a secret, at its user's wish; tells whether there was one.
    pub async fn sign_out(
        &self,
        secret: &str,
        at: Timestamp,
        client: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.store.write().await?;
        let sql = "DELETE FROM session WHERE secret_hash = $1 RETURNING id, app_user";
        let Some(row) = transaction.row(sql, &values![hash_of(secret)]).await? else {
            return Ok(false);
        };
        let who = crate::journal::Actor::User(row.integer(1)?.into());
        let by = By { who, at, client: client.to_owned() };
        let detail = format!("session {}", row.integer(0)?);
        append(&mut transaction, &by, AuditEvent::SignedOut, &detail).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends a session; tells whether there was one.
    pub async fn revoke_session(&self, id: SessionId, by: &By) -> Result<bool, StoreError> {
        let mut transaction = self.store.write().await?;
        let sql = "DELETE FROM session WHERE id = $1 RETURNING app_user";
        let Some(row) = transaction.row(sql, &values![id.get()]).await? else {
            return Ok(false);
        };
        let detail = format!("session {id} of user {}", row.integer(0)?);
        append(&mut transaction, by, AuditEvent::SessionRevoked, &detail).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Signs a user out everywhere: ends their sessions and revokes their tokens. Tells how many
    /// sessions there were.
    pub async fn sign_out_everywhere(&self, user: UserId, by: &By) -> Result<u64, StoreError> {
        let mut transaction = self.store.write().await?;
        let ended = end_all(&mut transaction, user, None).await?;
        let detail = format!("{ended} of user {user}");
        append(&mut transaction, by, AuditEvent::SessionsRevoked, &detail).await?;
        token::revoke_all(&mut transaction, user, by).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Ends all sessions of a user, except for `but`; tells how many there were.
    pub async fn revoke_all_of(
        &self,
        user: UserId,
        but: Option<SessionId>,
        by: &By,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.store.write().await?;
        let ended = end_all(&mut transaction, user, but).await?;
        let detail = format!("{ended} of user {user}");
        append(&mut transaction, by, AuditEvent::SessionsRevoked, &detail).await?;
        transaction.commit().await?;
        Ok(ended)
    }
}

/// Begins a session, and forgets those that don't hold any more.
pub(super) async fn begin(
    transaction: &mut Transaction<'_>,
    user: UserId,
    at: Timestamp,
    client: &str,
) -> Result<(Session, SessionSecret), StoreError> {
    let sql = "DELETE FROM session WHERE created_us <= $1 OR seen_us <= $2";
    let values = values![later_us(at, -HOLDS_SECONDS), later_us(at, -IDLE_SECONDS)];
    transaction.execute(sql, &values).await?;
    let id = transaction.next_id("session").await?;
    let secret = SessionSecret::new()?;
    let sql = "INSERT INTO session (id, secret_hash, app_user, created_us, seen_us, client) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let at_us = to_us(at);
    let values = values![id, secret.hash(), user.get(), at_us, at_us, client];
    transaction.execute(sql, &values).await?;
    saw(transaction, user, at).await?;
    let session = Session {
        id: id.into(),
        user,
        created_at: from_us(at_us),
        last_seen: from_us(at_us),
        expires_at: from_us(later_us(at, HOLDS_SECONDS)),
        client: client.to_owned(),
    };
    Ok((session, secret))
}

pub(super) async fn end_all(
    transaction: &mut Transaction<'_>,
    user: UserId,
    but: Option<SessionId>,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM session WHERE app_user = $1 AND id <> $2";
    transaction.execute(sql, &values![user.get(), but.map_or(0, SessionId::get)]).await
}

async fn saw(
    transaction: &mut Transaction<'_>,
    user: UserId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE app_user SET seen_us = $1 WHERE id = $2";
    transaction.execute(sql, &values![to_us(at), user.get()]).await.map(drop)
}

fn session_of(row: &Row) -> Result<Session, StoreError> {
    let created_at = from_us(row.integer(2)?);
    Ok(Session {
        id: row.integer(0)?.into(),
        user: row.integer(1)?.into(),
        created_at,
        last_seen: from_us(row.integer(3)?),
        expires_at: from_us(later_us(created_at, HOLDS_SECONDS)),
        client: row.text(4)?,
    })
}
