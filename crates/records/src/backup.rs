//! Backups: one portable file that holds everything, taken while the server runs, and put back
//! into an empty database of either kind.
//!
//! The file is JSON Lines: a header, then for each table its columns and its rows, then a trailer
//! with the count of rows and the SHA-256 of all bytes before it. It holds the hashes of passwords
//! and tokens and deserves the same care as the database.
//!
//! Sessions, one-time links, failures to sign in, answers to repeated requests and files that were
//! previewed only are left out: they are of an hour, and someone who finds an old backup, or puts one back, must not revive a
//! session that has been ended or a link that has been used.

mod restore;
mod table;

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::journal::Journal;
use crate::store::{Row, StoreError, Transaction, VERSION, Value};
pub use restore::{RestoreError, Restored, restore};
use table::{TABLES, Table};

const FORMAT: &str = "longlead-backup";
const FORMAT_VERSION: u64 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u64,
    /// The version of the tables that the rows come from.
    tables: i64,
    at: Timestamp,
}

/// The line before the rows of a table.
#[derive(Debug, Serialize, Deserialize)]
struct TableLine {
    table: String,
    columns: Vec<String>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct Trailer {
    rows: BTreeMap<String, u64>,
    sha256: String,
}

/// Why a backup could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It can't be written.
    #[error("the backup can't be written")]
    Write(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Journal {
    /// Writes a backup of one state of the database, while others go on working; tells how many
    /// rows it has. The writer is called on the thread that runs this: give it something quick,
    /// such as a file.
    pub async fn backup<W: Write + Send>(
        &self,
        at: Timestamp,
        writer: W,
    ) -> Result<u64, BackupError> {
        let mut lines = Lines { writer, hasher: Sha256::new(), failure: None };
        let header =
            Header { format: FORMAT.to_owned(), version: FORMAT_VERSION, tables: VERSION, at };
        lines.line(&header)?;
        let mut rows = BTreeMap::new();
        let mut transaction = self.store().read().await?;
        for table in TABLES {
            let count = back_up_table(&mut transaction, table, &mut lines).await?;
            rows.insert(table.name.to_owned(), count);
        }
        drop(transaction);
        let count = rows.values().sum();
        let sha256 = hex::encode(lines.hasher.clone().finalize());
        lines.line(&Trailer { rows, sha256 })?;
        lines.writer.flush()?;
        Ok(count)
    }
}

async fn back_up_table<W: Write + Send>(
    transaction: &mut Transaction<'_>,
    table: &Table,
    lines: &mut Lines<W>,
) -> Result<u64, BackupError> {
    let columns = table.column_names();
    let line = TableLine { table: table.name.to_owned(), columns: columns.clone() };
    lines.line(&line)?;
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {}",
        columns.join(", "),
        table.name,
        table.order.join(", ")
    );
    let mut count = 0;
    let written = transaction.for_each(sql, &[], |row| {
        count += 1;
        lines.line(&json_of(&row)).map_err(|error| {
            lines.failure = Some(error);
            StoreError::Closed
        })
    });
    let written = written.await;
    match lines.failure.take() {
        Some(error) => Err(error.into()),
        None => Ok(written.map(|()| count)?),
    }
}

fn json_of(row: &Row) -> Vec<Json> {
    let json = |value: &Value| match value {
        Value::Text(Some(text)) => Json::from(text.as_str()),
        Value::Integer(Some(integer)) => Json::from(*integer),
        Value::Text(None) | Value::Integer(None) => Json::Null,
    };
    row.values().iter().map(json).collect()
}

/// Writes lines and hashes them.
struct Lines<W> {
    writer: W,
    hasher: Sha256,
    /// What a closure that may only fail with the database's errors ran into.
    failure: Option<io::Error>,
}

impl<W: Write> Lines<W> {
    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.hasher.update(&text);
        self.writer.write_all(&text)
    }
}
