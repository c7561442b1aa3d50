//! Drafts: what-ifs that someone is working on and that aren't part of the product.

use jiff::Timestamp;

use crate::journal::Journal;
use crate::people::UserId;
use crate::store::{Row, StoreError, Transaction, values};
use crate::time::{from_us, to_us};

/// A what-if.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its id: short and random, for a link.
    pub id: String,
    /// Whose.
    pub owner: UserId,
    /// What its owner calls it.
    pub title: String,
    /// What it changes: TOML, as the body of a scenario's `changes`.
    pub changes: String,
    /// Whether others see it.
    pub shared: bool,
    /// When it was saved last.
    pub updated_at: Timestamp,
    /// How often it has been saved.
    pub version: u64,
}

/// What to save of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftText {
    /// What its owner calls it.
    pub title: String,
    /// What it changes.
    pub changes: String,
    /// Whether others see it.
    pub shared: bool,
}

/// Why a draft was not saved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DraftError {
    /// There is none of that id.
    #[error("there is no such draft")]
    Gone,
    /// It has been saved meanwhile.
    #[error("the draft has been saved meanwhile")]
    Conflict(Box<Draft>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const DRAFT: &str = "SELECT id, owner, title, changes, shared, updated_us, version FROM draft";

impl Journal {
    /// Makes a draft.
    pub async fn create_draft(
        &self,
        owner: UserId,
        text: &DraftText,
        at: Timestamp,
    ) -> Result<Draft, StoreError> {
        let id = short_id()?;
        let mut transaction = self.store().write().await?;
        let sql = "INSERT INTO draft (id, owner, title, changes, shared, updated_us, version) \
                   VALUES ($1, $2, $3, $4, $5, $6, 1)";
        let values = values![
            id.as_str(),
            owner.get(),
            text.title.as_str(),
            text.changes.as_str(),
            i64::from(text.shared),
            to_us(at),
        ];
        transaction.execute(sql, &values).await?;
        transaction.commit().await?;
        let DraftText { title, changes, shared } = text.clone();
        Ok(Draft { id, owner, title, changes, shared, updated_at: from_us(to_us(at)), version: 1 })
    }

    /// Saves a draft, if it still is what its author saw.
    pub async fn save_draft(
        &self,
        id: &str,
        expected: u64,
        text: &DraftText,
        at: Timestamp,
    ) -> Result<Draft, DraftError> {
        let mut transaction = self.store().write().await?;
        let sql = "UPDATE draft SET title = $1, changes = $2, shared = $3, updated_us = $4, \
                   version = version + 1 WHERE id = $5 AND version = $6";
        let values = values![
            text.title.as_str(),
            text.changes.as_str(),
            i64::from(text.shared),
            to_us(at),
            id,
            i64::try_from(expected).unwrap_or(i64::MAX),
        ];
        let saved = transaction.execute(sql, &values).await?;
        let draft = draft_in(&mut transaction, id).await?.ok_or(DraftError::Gone)?;
        if saved == 0 {
            return Err(DraftError::Conflict(Box::new(draft)));
        }
        transaction.commit().await?;
        Ok(draft)
    }

    /// A draft.
    pub async fn draft(&self, id: &str) -> Result<Option<Draft>, StoreError> {
        let row = self.store().row(format!("{DRAFT} WHERE id = $1"), &values![id]).await?;
        row.as_ref().map(draft_of).transpose()
    }

    /// A user's drafts and those that others share, the last saved first.
    pub async fn drafts(&self, user: UserId) -> Result<Vec<Draft>, StoreError> {
        let sql = format!("{DRAFT} WHERE owner = $1 OR shared = 1 ORDER BY updated_us DESC, id");
        self.store().rows(sql, &values![user.get()]).await?.iter().map(draft_of).collect()
    }

    /// Throws a draft away; tells whether it was there.
    pub async fn delete_draft(&self, id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.store().write().await?;
        let deleted = transaction.execute("DELETE FROM draft WHERE id = $1", &values![id]).await?;
        transaction.commit().await?;
        Ok(deleted > 0)
    }
}

async fn draft_in(
    transaction: &mut Transaction<'_>,
    id: &str,
) -> Result<Option<Draft>, StoreError> {
    let row = transaction.row(format!("{DRAFT} WHERE id = $1"), &values![id]).await?;
    row.as_ref().map(draft_of).transpose()
}

fn draft_of(row: &Row) -> Result<Draft, StoreError> {
    let version = row.integer(6)?;
    Ok(Draft {
        id: row.text(0)?,
        owner: row.integer(1)?.into(),
        title: row.text(2)?,
        changes: row.text(3)?,
        shared: row.integer(4)? != 0,
        updated_at: from_us(row.integer(5)?),
        version: u64::try_from(version)
            .map_err(|_| StoreError::Unexpected(format!("the version {version}")))?,
    })
}

/// Ten letters and digits without those that look alike: 50 bits, for links and not for secrecy.
fn short_id() -> Result<String, StoreError> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Unexpected(format!("no random numbers: {error}")))?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map(char::from);
    Ok(bytes.iter().filter_map(letter).collect())
}
