//! Organisations and users.

use super::audit::{AuditEvent, append};
use super::one_time::issue;
use super::session::end_all;
use super::token;
use super::{
    By, Organisation, OrganisationId, OrganisationKind, People, Role, Secret, User, UserId, unknown,
};
use crate::store::{Row, Store, StoreError, Transaction, values};
use crate::time::{from_us, to_us};

/// Why nothing was changed about an organisation or a user.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UserError {
    /// Another user has the address.
    #[error("another user has the address {0}")]
    EmailTaken(String),
    /// It's no address.
    #[error("`{0}` is no e-mail address")]
    NoEmail(String),
    /// The name is empty or very long.
    #[error("a name has 1 to {NAME_CHARACTERS_MAX} characters")]
    NoName,
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// There is no such organisation.
    #[error("there is no such organisation")]
    NoOrganisation,
    /// Nobody could run the installation any more.
    #[error("this is the last owner: make someone else an owner first")]
    LastOwner,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user to invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they will be to the product.
    pub role: Role,
    /// Where they belong.
    pub organisation: OrganisationId,
    /// The discipline in whose words answers are put to them.
    pub discipline: Option<String>,
}

/// What to change about a user; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// Their address.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// What they are to the product.
    pub role: Option<Role>,
    /// Where they belong.
    pub organisation: Option<OrganisationId>,
    /// The discipline in whose words answers are put to them; the inner none takes it away.
    pub discipline: Option<Option<String>>,
    /// Whether they may not sign in any more. Their sessions end at once.
    pub disabled: Option<bool>,
}

/// The most characters of a name.
pub const NAME_CHARACTERS_MAX: usize = 200;

/// Comparisons are booleans in one database and integers in the other; a cast makes them one.
pub(super) const USER: &str = "u.id, u.email, u.name, u.role, u.organisation, u.discipline, \
     u.disabled, CAST(CASE WHEN u.password_hash IS NULL THEN 1 ELSE 0 END AS BIGINT), \
     u.created_us, u.seen_us";

impl People {
    /// Every organisation, by name.
    pub async fn organisations(&self) -> Result<Vec<Organisation>, StoreError> {
        let sql = "SELECT id, name, kind FROM organisation ORDER BY name, id";
        self.store.rows(sql, &[]).await?.iter().map(organisation_of).collect()
    }

    /// Adds an organisation.
    pub async fn create_organisation(
        &self,
        name: &str,
        kind: OrganisationKind,
        by: &By,
    ) -> Result<Organisation, UserError> {
        let mut transaction = self.store.write().await?;
        let organisation = insert_organisation(&mut transaction, name, kind).await?;
        append(&mut transaction, by, AuditEvent::OrganisationCreated, &organisation.name).await?;
        transaction.commit().await?;
        Ok(organisation)
    }

    /// Gives an organisation another name and kind.
    pub async fn change_organisation(
        &self,
        id: OrganisationId,
        name: &str,
        kind: OrganisationKind,
        by: &By,
    ) -> Result<Organisation, UserError> {
        let name = checked_name(name)?;
        let mut transaction = self.store.write().await?;
        let sql = "UPDATE organisation SET name = $1, kind = $2 WHERE id = $3";
        let values = values![name.as_str(), kind.as_str(), id.get()];
        if transaction.execute(sql, &values).await? == 0 {
            return Err(UserError::NoOrganisation);
        }
        let detail = format!("organisation {id}: {name}, {kind}");
        append(&mut transaction, by, AuditEvent::OrganisationChanged, &detail).await?;
        transaction.commit().await?;
        Ok(Organisation { id, name, kind })
    }

    /// Every user, by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM app_user u ORDER BY u.name, u.id");
        self.store.rows(sql, &[]).await?.iter().map(|row| user_of(row, 0)).collect()
    }

    /// One user.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM app_user u WHERE u.id = $1");
        let row = self.store.row(sql, &values![id.get()]).await?;
        row.map(|row| user_of(&row, 0)).transpose()
    }

    /// Adds a user, and tells the secret of the one-time link with which they set a password.
    pub async fn create_user(&self, new: &NewUser, by: &By) -> Result<(User, Secret), UserError> {
        let mut transaction = self.store.write().await?;
        let user = insert_user(&mut transaction, new, by).await?;
        let secret = issue(&mut transaction, Some(user.id), by.at).await?;
        let detail =
            format!("{} as {} in organisation {}", user.email, user.role, new.organisation);
        append(&mut transaction, by, AuditEvent::UserInvited, &detail).await?;
        transaction.commit().await?;
        Ok((user, secret))
    }

    /// A new one-time link with which a user sets a password; links before it don't hold any more.
    pub async fn issue_link(&self, user: UserId, by: &By) -> Result<Secret, UserError> {
        let mut transaction = self.store.write().await?;
        let user = user_in(&mut transaction, user).await?;
        let secret = issue(&mut transaction, Some(user.id), by.at).await?;
        append(&mut transaction, by, AuditEvent::LinkIssued, &user.email).await?;
        transaction.commit().await?;
        Ok(secret)
    }

    /// Changes a user.
    pub async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
        by: &By,
    ) -> Result<User, UserError> {
        let mut transaction = self.store.write().await?;
        lock(&self.store, &mut transaction).await?;
        let before = user_in(&mut transaction, id).await?;
        let after = changed(&before, change)?;
        let is_owner = |user: &User| user.role == Role::Owner && !user.disabled && !user.invited;
        if is_owner(&before) && !is_owner(&after) && owners(&mut transaction).await? <= 1 {
            return Err(UserError::LastOwner);
        }
        check_free(&mut transaction, &after.email, Some(id)).await?;
        check_organisation(&mut transaction, after.organisation).await?;
        update(&mut transaction, &after).await?;
        if after.disabled {
            end_all(&mut transaction, id, None).await?;
            token::revoke_all(&mut transaction, id, by).await?;
        }
        for (event, detail) in told(&before, &after) {
            append(&mut transaction, by, event, &detail).await?;
        }
        transaction.commit().await?;
        Ok(after)
    }
}

fn changed(before: &User, change: &UserChange) -> Result<User, UserError> {
    let mut after = before.clone();
    if let Some(email) = &change.email {
        after.email = checked_email(email)?;
    }
    if let Some(name) = &change.name {
        after.name = checked_name(name)?;
    }
    after.role = change.role.unwrap_or(after.role);
    after.organisation = change.organisation.unwrap_or(after.organisation);
    if let Some(discipline) = &change.discipline {
        after.discipline.clone_from(discipline);
    }
    after.disabled = change.disabled.unwrap_or(after.disabled);
    Ok(after)
}

/// What the audit log says of a change.
fn told(before: &User, after: &User) -> Vec<(AuditEvent, String)> {
    let mut told = Vec::new();
    let email = &before.email;
    if before.role != after.role {
        let detail = format!("{email}: {} to {}", before.role, after.role);
        told.push((AuditEvent::RoleChanged, detail));
    }
    if before.disabled != after.disabled {
        let event = match after.disabled {
            true => AuditEvent::UserDisabled,
            false => AuditEvent::UserEnabled,
        };
        told.push((event, email.clone()));
    }
    let same = User { role: after.role, disabled: after.disabled, ..before.clone() };
    if same != *after {
        let detail = format!(
            "{email}: {} <{}> in organisation {}, discipline {}",
            after.name,
            after.email,
            after.organisation,
            after.discipline.as_deref().unwrap_or("none"),
        );
        told.push((AuditEvent::UserChanged, detail));
    }
    told
}

/// Who changes users waits for others who do: rules about all of them (one owner stays) hold then.
pub(super) async fn lock(
    store: &Store,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let sql = format!("SELECT last FROM counter WHERE name = 'app_user'{}", store.for_update());
    transaction.row(sql, &[]).await.map(drop)
}

pub(super) async fn insert_organisation(
    transaction: &mut Transaction<'_>,
    name: &str,
    kind: OrganisationKind,
) -> Result<Organisation, UserError> {
    let name = checked_name(name)?;
    let id = transaction.next_id("organisation").await?;
    let sql = "INSERT INTO organisation (id, name, kind) VALUES ($1, $2, $3)";
    transaction.execute(sql, &values![id, name.as_str(), kind.as_str()]).await?;
    Ok(Organisation { id: id.into(), name, kind })
}

pub(super) async fn insert_user(
    transaction: &mut Transaction<'_>,
    new: &NewUser,
    by: &By,
) -> Result<User, UserError> {
    let (email, name) = (checked_email(&new.email)?, checked_name(&new.name)?);
    let id = transaction.next_id("app_user").await?;
    check_free(transaction, &email, None).await?;
    check_organisation(transaction, new.organisation).await?;
    let sql = "INSERT INTO app_user (id, email, email_key, name, role, organisation, discipline, \
               disabled, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = values![
        id,
        email.as_str(),
        email_key(&email),
        name,
        new.role.as_str(),
        new.organisation.get(),
        new.discipline.clone(),
        0_i64,
        to_us(by.at),
    ];
    transaction.execute(sql, &values).await?;
    user_in(transaction, id.into()).await
}

async fn update(transaction: &mut Transaction<'_>, user: &User) -> Result<(), StoreError> {
    let sql = "UPDATE app_user SET email = $1, email_key = $2, name = $3, role = $4, \
               organisation = $5, discipline = $6, disabled = $7 WHERE id = $8";
    let values = values![
        user.email.as_str(),
        email_key(&user.email),
        user.name.as_str(),
        user.role.as_str(),
        user.organisation.get(),
        user.discipline.clone(),
        i64::from(user.disabled),
        user.id.get(),
    ];
    transaction.execute(sql, &values).await.map(drop)
}

/// How many owners can sign in.
async fn owners(transaction: &mut Transaction<'_>) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM app_user \
               WHERE role = 'owner' AND disabled = 0 AND password_hash IS NOT NULL";
    transaction.row(sql, &[]).await?.map_or(Ok(0), |row| row.integer(0))
}

pub(super) async fn user_in(
    transaction: &mut Transaction<'_>,
    id: UserId,
) -> Result<User, UserError> {
    let sql = format!("SELECT {USER} FROM app_user u WHERE u.id = $1");
    let row = transaction.row(sql, &values![id.get()]).await?;
    Ok(user_of(&row.ok_or(UserError::NoUser)?, 0)?)
}

async fn check_free(
    transaction: &mut Transaction<'_>,
    email: &str,
    but: Option<UserId>,
) -> Result<(), UserError> {
    let sql = "SELECT id FROM app_user WHERE email_key = $1 AND id <> $2";
    let values = values![email_key(email), but.map_or(0, UserId::get)];
    match transaction.row(sql, &values).await? {
        Some(_) => Err(UserError::EmailTaken(email.to_owned())),
        None => Ok(()),
    }
}

pub(super) async fn check_organisation(
    transaction: &mut Transaction<'_>,
    id: OrganisationId,
) -> Result<(), UserError> {
    let sql = "SELECT id FROM organisation WHERE id = $1";
    match transaction.row(sql, &values![id.get()]).await? {
        Some(_) => Ok(()),
        None => Err(UserError::NoOrganisation),
    }
}

fn organisation_of(row: &Row) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        id: row.integer(0)?.into(),
        name: row.text(1)?,
        kind: row.text(2)?.parse().map_err(unknown)?,
    })
}

/// The user whose columns start at `first`.
pub(super) fn user_of(row: &Row, first: usize) -> Result<User, StoreError> {
    Ok(User {
        id: row.integer(first)?.into(),
        email: row.text(first + 1)?,
        name: row.text(first + 2)?,
        role: row.text(first + 3)?.parse().map_err(unknown)?,
        organisation: row.integer(first + 4)?.into(),
        discipline: row.text_or_null(first + 5)?,
        disabled: row.integer(first + 6)? != 0,
        invited: row.integer(first + 7)? != 0,
        created_at: from_us(row.integer(first + 8)?),
        last_seen: row.integer_or_null(first + 9)?.map(from_us),
    })
}

/// What makes two addresses one.
pub(super) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether an address takes mail shows when mail is sent; this catches slips.
fn checked_email(email: &str) -> Result<String, UserError> {
    let email = email.trim();
    let is_one = email.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !host.contains('@') && email.len() <= 254
    });
    match is_one && !email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        true => Ok(email.to_owned()),
        false => Err(UserError::NoEmail(email.chars().take(100).collect())),
    }
}

pub(super) fn checked_name(name: &str) -> Result<String, UserError> {
    let name = name.trim();
    match name.is_empty()
        || name.chars().count() > NAME_CHARACTERS_MAX
        || name.chars().any(char::is_control)
    {
        true => Err(UserError::NoName),
        false => Ok(name.to_owned()),
    }
}
