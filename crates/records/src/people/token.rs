//! Tokens: how a user's programs prove whose they are.

use jiff::Timestamp;

use super::audit::{AuditEvent, append};
use super::secret::hash_of;
use super::user::{USER, UserError, checked_name, user_in, user_of};
use super::{By, People, Secret, TokenId, User, UserId, unknown, words};
use crate::store::{Row, StoreError, values};
use crate::time::{from_us, later_us, to_us};

words! {
    /// What a token may be used for, within what its user may do.
    Scope, ScopeError, "scope";
    /// Read records and their history.
    ReadRecords = "records:read",
    /// Change records.
    WriteRecords = "records:write",
    /// Read forecasts, decisions, impact and all else that is computed.
    ReadInsights = "insights:read",
    /// Read the devices in the field.
    ReadFleet = "fleet:read",
    /// Change devices: what they are, and what happened to them.
    EditFleet = "fleet:write",
    /// Run the installation: people, tokens, backups.
    Admin = "admin",
}

/// A token of a user's program.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// Whose.
    pub user: UserId,
    /// What its user calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; none for as long as it isn't revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_seen: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

const TOKEN: &str = "t.id, t.app_user, t.name, t.scopes, t.created_us, t.expires_us, t.seen_us, \
                     t.revoked_us";

/// How often the last use is noted: not with every request.
const TOUCH_SECONDS: i64 = 60;

impl People {
    /// Makes a token, and tells its secret: the only time.
    pub async fn create_token(
        &self,
        user: UserId,
        name: &str,
        scopes: &[Scope],
        expires_at: Option<Timestamp>,
        by: &By,
    ) -> Result<(Token, Secret), UserError> {
        let name = checked_name(name)?;
        let mut transaction = self.store.write().await?;
        let user = user_in(&mut transaction, user).await?;
        let id = transaction.next_id("token").await?;
        let secret = Secret::of_token()?;
        let scopes = in_order(scopes);
        let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let sql = "INSERT INTO token (id, secret_hash, app_user, name, scopes, created_us, \
                   expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = values![
            id,
            secret.hash(),
            user.id.get(),
            name.as_str(),
            words.join(" "),
            to_us(by.at),
            expires_at.map(to_us),
        ];
        transaction.execute(sql, &values).await?;
        let detail = format!("token {id} `{name}` of {}: {}", user.email, words.join(" "));
        append(&mut transaction, by, AuditEvent::TokenCreated, &detail).await?;
        transaction.commit().await?;
        let token = Token {
            id: id.into(),
            user: user.id,
            name,
            scopes,
            created_at: from_us(to_us(by.at)),
            expires_at: expires_at.map(|at| from_us(to_us(at))),
            last_seen: None,
            revoked_at: None,
        };
        Ok((token, secret))
    }

    /// The token of a secret and its user, if it holds. Notes that it's used.
    pub async fn token(
        &self,
        secret: &str,
        at: Timestamp,
    ) -> Result<Option<(Token, User)>, StoreError> {
        let sql = format!(
            "SELECT {TOKEN}, {USER} FROM token t JOIN app_user u ON u.id = t.app_user \
             WHERE t.secret_hash = $1 AND t.revoked_us IS NULL \
             AND (t.expires_us IS NULL OR t.expires_us > $2) AND u.disabled = 0"
        );
        let Some(row) = self.store.row(sql, &values![hash_of(secret), to_us(at)]).await? else {
            return Ok(None);
        };
        let (mut token, user) = (token_of(&row)?, user_of(&row, 8)?);
        if token.last_seen.is_none_or(|seen| to_us(seen) <= later_us(at, -TOUCH_SECONDS)) {
            let mut transaction = self.store.write().await?;
            let sql = "UPDATE token SET seen_us = $1 WHERE id = $2";
            transaction.execute(sql, &values![to_us(at), token.id.get()]).await?;
            transaction.commit().await?;
            token.last_seen = Some(from_us(to_us(at)));
        }
        Ok(Some((token, user)))
    }

    /// The tokens of a user, revoked and expired ones too, newest first.
    pub async fn tokens_of(&self, user: UserId) -> Result<Vec<Token>, StoreError> {
        let sql = format!("SELECT {TOKEN} FROM token t WHERE t.app_user = $1 ORDER BY t.id DESC");
        self.store.rows(sql, &values![user.get()]).await?.iter().map(token_of).collect()
    }

    /// Revokes a token; tells whether it was there and not revoked.
    pub async fn revoke_token(&self, id: TokenId, by: &By) -> Result<bool, StoreError> {
        let mut transaction = self.store.write().await?;
        // The row stays: the journal tells of what was done with the token.
        let sql = "UPDATE token SET revoked_us = $1 WHERE id = $2 AND revoked_us IS NULL";
        if transaction.execute(sql, &values![to_us(by.at), id.get()]).await? == 0 {
            return Ok(false);
        }
        append(&mut transaction, by, AuditEvent::TokenRevoked, &format!("token {id}")).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn in_order(scopes: &[Scope]) -> Vec<Scope> {
    Scope::ALL.iter().copied().filter(|scope| scopes.contains(scope)).collect()
}

fn token_of(row: &Row) -> Result<Token, StoreError> {
    let scopes = row.text(3)?;
    let scopes = scopes.split_whitespace().map(|word| word.parse().map_err(unknown));
    Ok(Token {
        id: row.integer(0)?.into(),
        user: row.integer(1)?.into(),
        name: row.text(2)?,
        scopes: scopes.collect::<Result<_, _>>()?,
        created_at: from_us(row.integer(4)?),
        expires_at: row.integer_or_null(5)?.map(from_us),
        last_seen: row.integer_or_null(6)?.map(from_us),
        revoked_at: row.integer_or_null(7)?.map(from_us),
    })
}
