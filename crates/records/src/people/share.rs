//! Shares: which records another organisation sees and may change.

use jiff::Timestamp;
use longlead_model::RecordKey;

use super::audit::{AuditEvent, append};
use super::user::UserError;
use super::{By, OrganisationId, People, ShareId, unknown, words};
use crate::journal::Actor;
use crate::store::{Row, StoreError, values};
use crate::time::{from_us, to_us};

words! {
    /// What an organisation may do with a record that is shared with it.
    ShareLevel, ShareLevelError, "level of a share";
    /// See it.
    View = "view",
    /// See and change it.
    Edit = "edit",
}

/// A record shared with an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its number.
    pub id: ShareId,
    /// With whom.
    pub organisation: OrganisationId,
    /// What. The record may be gone meanwhile.
    pub key: RecordKey,
    /// How far.
    pub level: ShareLevel,
    /// Who shared it.
    pub created_by: Actor,
    /// When.
    pub at: Timestamp,
}

impl People {
    /// Shares a record with an organisation, or changes how far it is shared.
    pub async fn add_share(
        &self,
        organisation: OrganisationId,
        key: &RecordKey,
        level: ShareLevel,
        by: &By,
    ) -> Result<Share, UserError> {
        let mut transaction = self.store.write().await?;
        super::user::check_organisation(&mut transaction, organisation).await?;
        let id = transaction.next_id("share").await?;
        let sql = "INSERT INTO share (id, organisation, kind, record, level, created_by, at_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) \
                   ON CONFLICT (organisation, kind, record) DO UPDATE \
                   SET level = excluded.level, created_by = excluded.created_by, \
                   at_us = excluded.at_us RETURNING id";
        let values = values![
            id,
            organisation.get(),
            key.kind_str(),
            key.id(),
            level.as_str(),
            by.who.to_string(),
            to_us(by.at),
        ];
        let row = transaction.row(sql, &values).await?;
        let id = row.map_or(Ok(id), |row| row.integer(0))?.into();
        let detail = format!("{key} with organisation {organisation}: {level}");
        append(&mut transaction, by, AuditEvent::ShareAdded, &detail).await?;
        transaction.commit().await?;
        let (created_by, at) = (by.who, from_us(to_us(by.at)));
        Ok(Share { id, organisation, key: key.clone(), level, created_by, at })
    }

    /// Takes a share back; tells whether it was there.
    pub async fn remove_share(&self, id: ShareId, by: &By) -> Result<bool, StoreError> {
        let mut transaction = self.store.write().await?;
        let sql = "DELETE FROM share WHERE id = $1 RETURNING kind, record, organisation";
        let Some(row) = transaction.row(sql, &values![id.get()]).await? else {
            return Ok(false);
        };
        let key = crate::journal::key_of(&row.text(0)?, &row.text(1)?)?;
        let detail = format!("{key} with organisation {}", row.integer(2)?);
        append(&mut transaction, by, AuditEvent::ShareRemoved, &detail).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// What is shared with an organisation, or with any where none is named, by record.
    pub async fn shares(
        &self,
        organisation: Option<OrganisationId>,
    ) -> Result<Vec<Share>, StoreError> {
        let columns = "SELECT id, organisation, kind, record, level, created_by, at_us FROM share";
        let order = "ORDER BY kind, record, id";
        let rows = match organisation {
            Some(id) => {
                let sql = format!("{columns} WHERE organisation = $1 {order}");
                self.store.rows(sql, &values![id.get()]).await?
            }
            None => self.store.rows(format!("{columns} {order}"), &[]).await?,
        };
        rows.iter().map(share_of).collect()
    }
}

fn share_of(row: &Row) -> Result<Share, StoreError> {
    Ok(Share {
        id: row.integer(0)?.into(),
        organisation: row.integer(1)?.into(),
        key: crate::journal::key_of(&row.text(2)?, &row.text(3)?)?,
        level: row.text(4)?.parse().map_err(unknown)?,
        created_by: row.text(5)?.parse().map_err(unknown)?,
        at: from_us(row.integer(6)?),
    })
}
