//! The audit log: what was done about people and rights, by whom, when and from where.

use jiff::Timestamp;

use super::{By, People, UserId, unknown, words};
use crate::journal::{Actor, name_of};
use crate::store::{Conditions, Row, StoreError, Transaction, values};
use crate::time::{from_us, to_us};

words! {
    /// What happened.
    AuditEvent, AuditEventError, "event";
    /// The first owner was made.
    FirstOwner = "first_owner",
    /// Someone signed in.
    SignedIn = "signed_in",
    /// Someone tried to sign in and could not.
    SignInFailed = "sign_in_failed",
    /// Someone signed out.
    SignedOut = "signed_out",
    /// A session was ended by someone.
    SessionRevoked = "session_revoked",
    /// All sessions of a user were ended.
    SessionsRevoked = "sessions_revoked",
    /// An organisation was added.
    OrganisationCreated = "organisation_created",
    /// An organisation got another name or kind.
    OrganisationChanged = "organisation_changed",
    /// A user was invited.
    UserInvited = "user_invited",
    /// A user got a new one-time link.
    LinkIssued = "link_issued",
    /// A user's name, address, organisation or discipline changed.
    UserChanged = "user_changed",
    /// A user's role changed.
    RoleChanged = "role_changed",
    /// A user may not sign in any more.
    UserDisabled = "user_disabled",
    /// A user may sign in again.
    UserEnabled = "user_enabled",
    /// A password was set, through a one-time link or with the old one.
    PasswordSet = "password_set",
    /// A change of password failed: the old one was wrong.
    PasswordRefused = "password_refused",
    /// A token was made.
    TokenCreated = "token_created",
    /// A token was revoked.
    TokenRevoked = "token_revoked",
    /// A record was shared with an organisation.
    ShareAdded = "share_added",
    /// A share was taken back.
    ShareRemoved = "share_removed",
    /// A backup was taken.
    BackupTaken = "backup_taken",
    /// Records were exported in bulk. What is imported stands in the history.
    Exchanged = "exchanged",
    /// Readings in quarantine were judged again.
    JudgedAgain = "judged_again",
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number; later entries have higher ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: Actor,
    /// Their name today.
    pub who_name: String,
    /// What.
    pub event: AuditEvent,
    /// To whom or what.
    pub detail: String,
    /// From which network address; empty for the command line.
    pub client: String,
}

/// Which entries are asked for; what is none doesn't narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this user, themselves or with a token.
    pub who: Option<UserId>,
    /// Of this event.
    pub event: Option<AuditEvent>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// At this time or earlier.
    pub until: Option<Timestamp>,
    /// Before this entry: the next page.
    pub before_id: Option<i64>,
    /// At most so many; none for 100.
    pub limit: Option<u32>,
}

impl People {
    /// Adds an entry for something that isn't done through this module.
    pub async fn append_audit(
        &self,
        by: &By,
        event: AuditEvent,
        detail: &str,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.write().await?;
        append(&mut transaction, by, event, detail).await?;
        transaction.commit().await
    }

    /// The entries that a filter lets through, newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let mut conditions = Conditions::default();
        if let Some(user) = filter.who {
            conditions.add("a.app_user =", user.get().into());
        }
        if let Some(event) = filter.event {
            conditions.add("a.event =", event.as_str().into());
        }
        if let Some(since) = filter.since {
            conditions.add("a.at_us >=", to_us(since).into());
        }
        if let Some(until) = filter.until {
            conditions.add("a.at_us <=", to_us(until).into());
        }
        if let Some(before) = filter.before_id {
            conditions.add("a.id <", before.into());
        }
        let sql = format!(
            "SELECT a.id, a.at_us, a.actor, a.event, a.detail, a.client, u.name, t.name \
             FROM audit a LEFT JOIN app_user u ON u.id = a.app_user \
             LEFT JOIN token t ON t.id = a.token{} ORDER BY a.id DESC LIMIT {}",
            conditions.text(),
            filter.limit.unwrap_or(100),
        );
        self.store.rows(sql, &conditions.values).await?.iter().map(entry_of).collect()
    }
}

fn entry_of(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.integer(0)?,
        at: from_us(row.integer(1)?),
        who: row.text(2)?.parse().map_err(unknown)?,
        event: row.text(3)?.parse().map_err(unknown)?,
        detail: row.text(4)?,
        client: row.text(5)?,
        who_name: name_of(row.text_or_null(6)?, row.text_or_null(7)?),
    })
}

/// Adds an entry in the transaction of what it tells of.
pub(super) async fn append(
    transaction: &mut Transaction<'_>,
    by: &By,
    event: AuditEvent,
    detail: &str,
) -> Result<(), StoreError> {
    let id = transaction.next_id("audit").await?;
    let (user, token) = by.who.columns();
    let sql = "INSERT INTO audit (id, at_us, actor, app_user, token, event, detail, client) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = values![
        id,
        to_us(by.at),
        by.who.to_string(),
        user,
        token,
        event.as_str(),
        detail,
        by.client.as_str(),
    ];
    transaction.execute(sql, &values).await?;
    Ok(())
}
