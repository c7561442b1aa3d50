//! Brings the tables of a database up to date.

use super::{OpenError, Store, StoreError, Transaction, values};

/// One step of the tables, each done in one transaction.
struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// In order; the first is version 1.
const MIGRATIONS: &[Migration] = migrations![
    "0001_journal_and_people",
    "0002_devices",
    "0003_device_identity",
    "0004_device_commands"
];

/// The version of the tables that this program writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

pub(super) async fn migrate(store: &Store) -> Result<(), OpenError> {
    loop {
        let mut transaction = store.write().await?;
        if store.is_shared() {
            // Two nodes that start at once: one waits for the other.
            transaction.rows("SELECT pg_advisory_xact_lock(7203146)::TEXT", &[]).await?;
        }
        let found = version(store, &mut transaction).await?;
        if found > VERSION {
            return Err(OpenError::Newer { found, known: VERSION });
        }
        let next = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found));
        let Some(migration) = next else {
            return Ok(transaction.commit().await?);
        };
        apply(store, &mut transaction, migration, found + 1).await?;
        transaction.commit().await?;
        tracing::info!(migration = migration.name, "brought the tables of the database up to date");
    }
}

async fn version(store: &Store, transaction: &mut Transaction<'_>) -> Result<i64, StoreError> {
    let table = match store.is_shared() {
        false => {
            "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"
        }
        true => {
            "CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL)"
        }
    };
    transaction.execute(table, &[]).await?;
    let row = transaction.row("SELECT MAX(version) FROM migration", &[]).await?;
    Ok(row.map(|row| row.integer_or_null(0)).transpose()?.flatten().unwrap_or(0))
}

async fn apply(
    store: &Store,
    transaction: &mut Transaction<'_>,
    migration: &Migration,
    version: i64,
) -> Result<(), StoreError> {
    transaction
        .script(match store.is_shared() {
            false => migration.sqlite,
            true => migration.postgres,
        })
        .await?;
    let sql = "INSERT INTO migration (version, name) VALUES ($1, $2)";
    transaction.execute(sql, &values![version, migration.name]).await?;
    Ok(())
}
