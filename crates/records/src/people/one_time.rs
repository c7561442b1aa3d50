//! One-time links: the first owner's, and those with which users set a password.

use jiff::Timestamp;

use super::audit::{AuditEvent, append};
use super::secret::hash_of;
use super::session::end_all;
use super::sign_in::{Attempt, Begun, forget_failures};
use super::user::{USER, UserError, insert_organisation, insert_user, lock, user_in, user_of};
use super::{
    By, NewUser, OrganisationKind, PasswordError, People, Role, Secret, User, UserId, token,
};
use crate::journal::Actor;
use crate::store::{StoreError, Transaction, values};
use crate::time::{later_us, to_us};

/// How long a link holds.
const HOLDS_SECONDS: i64 = 72 * 60 * 60;

/// What a one-time link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneTime {
    /// To make the first owner of a new installation.
    FirstOwner,
    /// To set this user's password.
    User(Box<User>),
}

/// Who the first owner is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstOwner {
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The organisation whose product it is.
    pub organisation: String,
}

/// Why a one-time link did nothing. It stays as it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OneTimeError {
    /// There is no such link, or it has been used or expired.
    #[error("this link doesn't hold any more: ask for a new one")]
    Gone,
    /// The password won't do.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// What was said of the user won't do.
    #[error(transparent)]
    User(#[from] UserError),
}

impl From<StoreError> for OneTimeError {
    fn from(error: StoreError) -> OneTimeError {
        OneTimeError::User(UserError::Store(error))
    }
}

impl People {
    /// A link to make the first owner, while no user has a password; links before it don't hold
    /// any more.
    pub async fn first_owner(&self, at: Timestamp) -> Result<Option<Secret>, StoreError> {
        let mut transaction = self.store.write().await?;
        lock(&self.store, &mut transaction).await?;
        if has_password(&mut transaction).await? {
            return Ok(None);
        }
        let secret = issue(&mut transaction, None, at).await?;
        transaction.commit().await?;
        Ok(Some(secret))
    }

    /// What a link is for, if it still holds. Looking doesn't use it.
    pub async fn one_time(
        &self,
        secret: &str,
        at: Timestamp,
    ) -> Result<Option<OneTime>, StoreError> {
        let sql = format!(
            "SELECT o.app_user, {USER} FROM one_time o LEFT JOIN app_user u ON u.id = o.app_user \
             WHERE o.secret_hash = $1 AND o.expires_us > $2"
        );
        let Some(row) = self.store.row(sql, &values![hash_of(secret), to_us(at)]).await? else {
            return Ok(None);
        };
        if row.integer_or_null(0)?.is_none() {
            return Ok(Some(OneTime::FirstOwner));
        }
        let user = user_of(&row, 1)?;
        Ok((!user.disabled).then(|| OneTime::User(Box::new(user))))
    }

    /// Uses the first owner's link.
    pub async fn accept_first_owner(
        &self,
        secret: &str,
        owner: &FirstOwner,
        password: &str,
        at: Timestamp,
        client: &str,
    ) -> Result<User, OneTimeError> {
        let hash = self.hash_password(password).await?;
        let mut transaction = self.store.write().await?;
        lock(&self.store, &mut transaction).await?;
        let is_first = !has_password(&mut transaction).await?;
        if take(&mut transaction, secret, at).await? != Some(None) || !is_first {
            return Err(OneTimeError::Gone);
        }
        let mut by = By { who: Actor::System, at, client: client.to_owned() };
        let kind = OrganisationKind::Own;
        let organisation = insert_organisation(&mut transaction, &owner.organisation, kind).await?;
        let new = NewUser {
            email: owner.email.clone(),
            name: owner.name.clone(),
            role: Role::Owner,
            organisation: organisation.id,
            discipline: None,
        };
        let user = insert_user(&mut transaction, &new, &by).await?;
        set_hash(&mut transaction, user.id, hash).await?;
        by.who = Actor::User(user.id);
        append(&mut transaction, &by, AuditEvent::FirstOwner, &user.email).await?;
        transaction.commit().await?;
        Ok(User { invited: false, ..user })
    }

    /// Uses a user's link: sets their password, ends their sessions and revokes their tokens, since
    /// whoever knew the old password may have made one.
    pub async fn set_password_once(
        &self,
        secret: &str,
        password: &str,
        at: Timestamp,
        client: &str,
    ) -> Result<User, OneTimeError> {
        // Who has no link shouldn't make the machine hash passwords.
        if !matches!(self.one_time(secret, at).await?, Some(OneTime::User(_))) {
            return Err(OneTimeError::Gone);
        }
        let hash = self.hash_password(password).await?;
        let mut transaction = self.store.write().await?;
        let Some(Some(id)) = take(&mut transaction, secret, at).await? else {
            return Err(OneTimeError::Gone);
        };
        let user = user_in(&mut transaction, id).await?;
        if user.disabled {
            return Err(OneTimeError::Gone);
        }
        set_hash(&mut transaction, id, hash).await?;
        end_all(&mut transaction, id, None).await?;
        forget_failures(&mut transaction, &user.email).await?;
        let by = By { who: Actor::User(id), at, client: client.to_owned() };
        let detail = format!("{} with a one-time link", user.email);
        append(&mut transaction, &by, AuditEvent::PasswordSet, &detail).await?;
        token::revoke_all(&mut transaction, id, &by).await?;
        transaction.commit().await?;
        Ok(User { invited: false, ..user })
    }

    /// Sets a user's password with the old one. Their other sessions end, except for `but`.
    pub async fn change_password(
        &self,
        id: UserId,
        old: &str,
        new: &str,
        but: Option<super::SessionId>,
        by: &By,
    ) -> Result<(), PasswordError> {
        let hash = self.hash_password(new).await?;
        let sql = "SELECT email, password_hash FROM app_user WHERE id = $1 AND disabled = 0";
        let row = self.store.row(sql, &values![id.get()]).await?;
        let row = row.ok_or(PasswordError::Wrong)?;
        let (email, known) = (row.text(0)?, row.text_or_null(1)?);
        let attempt = Attempt { email: &email, client: &by.client, at: by.at };
        let counted = match self.begin(&attempt).await? {
            Begun::Counted(counted) => counted,
            Begun::Wait { seconds } => {
                return Err(PasswordError::Throttled { retry_after_seconds: seconds });
            }
        };
        let is_right = known.is_some() && self.is_password(old, known).await?;
        let mut transaction = self.store.write().await?;
        if !is_right {
            append(&mut transaction, by, AuditEvent::PasswordRefused, &email).await?;
            transaction.commit().await?;
            return Err(PasswordError::Wrong);
        }
        set_hash(&mut transaction, id, hash).await?;
        end_all(&mut transaction, id, but).await?;
        attempt.succeeded(&mut transaction, &counted).await?;
        let detail = format!("{email} with the old one");
        append(&mut transaction, by, AuditEvent::PasswordSet, &detail).await?;
        Ok(transaction.commit().await?)
    }
}

/// A new link for a user, or for the first owner; it replaces the ones before it.
pub(super) async fn issue(
    transaction: &mut Transaction<'_>,
    user: Option<UserId>,
    at: Timestamp,
) -> Result<Secret, StoreError> {
    forget_links(transaction, user).await?;
    let secret = Secret::new()?;
    let sql = "INSERT INTO one_time (secret_hash, app_user, expires_us) VALUES ($1, $2, $3)";
    let user = user.map(UserId::get);
    transaction.execute(sql, &values![secret.hash(), user, later_us(at, HOLDS_SECONDS)]).await?;
    Ok(secret)
}

async fn forget_links(
    transaction: &mut Transaction<'_>,
    user: Option<UserId>,
) -> Result<(), StoreError> {
    let forgotten = match user {
        Some(id) => {
            let sql = "DELETE FROM one_time WHERE app_user = $1";
            transaction.execute(sql, &values![id.get()]).await
        }
        None => transaction.execute("DELETE FROM one_time WHERE app_user IS NULL", &[]).await,
    };
    forgotten.map(drop)
}

/// Uses a link up, if it holds; tells whose it was. Two who come at once: one gets it.
async fn take(
    transaction: &mut Transaction<'_>,
    secret: &str,
    at: Timestamp,
) -> Result<Option<Option<UserId>>, StoreError> {
    let sql = "DELETE FROM one_time WHERE secret_hash = $1 AND expires_us > $2 RETURNING app_user";
    let row = transaction.row(sql, &values![hash_of(secret), to_us(at)]).await?;
    row.map(|row| Ok(row.integer_or_null(0)?.map(UserId::from))).transpose()
}

/// Sets the hash of a password; links to set one don't hold any more.
async fn set_hash(
    transaction: &mut Transaction<'_>,
    id: UserId,
    hash: String,
) -> Result<(), StoreError> {
    forget_links(transaction, Some(id)).await?;
    let sql = "UPDATE app_user SET password_hash = $1 WHERE id = $2";
    transaction.execute(sql, &values![hash, id.get()]).await.map(drop)
}

async fn has_password(transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM app_user WHERE password_hash IS NOT NULL LIMIT 1";
    Ok(transaction.row(sql, &[]).await?.is_some())
}
