//! Puts a backup back.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::table::{Holds, TABLES, Table};
use super::{FORMAT, FORMAT_VERSION, Header, TableLine, Trailer};
use crate::journal::{Sequence, verify_in};
use crate::store::{OpenError, Store, StoreError, Transaction, VERSION, Value};

/// Why a backup was not put back. The database stays empty.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The database can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something is in the database.
    #[error("the database isn't empty: name a new one")]
    NotEmpty,
    /// The file is no backup.
    #[error("this is no backup of Longlead")]
    NoBackup,
    /// A newer program wrote it.
    #[error("the backup was written by a newer program: use that one")]
    Newer,
    /// The file isn't what was written.
    #[error("line {line} of the backup: {what}")]
    Damaged {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// It can't be read.
    #[error("the backup can't be read")]
    Read(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was taken.
    pub at: jiff::Timestamp,
    /// The end of its journal.
    pub head: Sequence,
    /// How many rows it has.
    pub rows: u64,
}

/// Fills an empty database from a backup; creates it where it isn't there. What is truncated or
/// altered is refused: nothing is kept until all of it has been read and verified, the journal's
/// own checksums too. Lines of a backup can be long; the reader is called on the thread that runs
/// this.
pub async fn restore<R: BufRead + Send>(url: &str, reader: R) -> Result<Restored, RestoreError> {
    let store = Store::open(url).await?;
    let restored = restore_into(&store, reader).await;
    store.close().await;
    restored
}

async fn restore_into<R: BufRead + Send>(
    store: &Store,
    reader: R,
) -> Result<Restored, RestoreError> {
    let mut lines = Lines { reader, hasher: Sha256::new(), number: 0 };
    let header = header(&mut lines)?;
    let mut transaction = store.write().await?;
    let counters = empty(store, &mut transaction).await?;
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    let mut table: Option<Rows> = None;
    let trailer = loop {
        let before = hex::encode(lines.hasher.clone().finalize());
        let line = match lines.next()? {
            Some(line) => line,
            None => return Err(lines.damaged("the backup ends too early")),
        };
        match line {
            Json::Array(row) => {
                let Some(rows) = &mut table else {
                    return Err(lines.damaged("a row of no table"));
                };
                rows.add(row).map_err(|what| lines.damaged(what))?;
                rows.write(&mut transaction, ROWS_MAX).await?;
            }
            line if line.get("table").is_some() => {
                finish(&mut transaction, table.take(), &mut rows).await?;
                let next = serde_json::from_value(line);
                let next = next.map_err(|error| lines.damaged(&error.to_string()))?;
                table = Some(Rows::of(next).map_err(|what| lines.damaged(what))?);
            }
            line => break verified(line, &before, &lines)?,
        }
    };
    finish(&mut transaction, table, &mut rows).await?;
    if rows != trailer.rows || lines.next()?.is_some() {
        return Err(lines.damaged("the count of rows isn't what was written"));
    }
    count_from_zero(&mut transaction, &counters).await?;
    let head = verify_in(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Restored { at: header.at, head, rows: rows.values().sum() })
}

fn header<R: BufRead>(lines: &mut Lines<R>) -> Result<Header, RestoreError> {
    let line = lines.next().map_err(|error| match error {
        RestoreError::Damaged { .. } => RestoreError::NoBackup,
        error => error,
    })?;
    let header = line.and_then(|line| serde_json::from_value::<Header>(line).ok());
    let header = header.filter(|header| header.format == FORMAT).ok_or(RestoreError::NoBackup)?;
    match header.version > FORMAT_VERSION || header.tables > VERSION {
        true => Err(RestoreError::Newer),
        false => Ok(header),
    }
}

fn verified<R>(line: Json, sha256: &str, lines: &Lines<R>) -> Result<Trailer, RestoreError> {
    let trailer = serde_json::from_value::<Trailer>(line);
    let trailer = trailer.map_err(|error| lines.damaged(&error.to_string()))?;
    match trailer.sha256 == sha256 {
        true => Ok(trailer),
        false => Err(lines.damaged("the checksum isn't that of what comes before")),
    }
}

/// Makes sure that nobody has written anything yet, and takes out the rows that a new database
/// starts with. Tells what a new database counts.
async fn empty(
    store: &Store,
    transaction: &mut Transaction<'_>,
) -> Result<Vec<String>, RestoreError> {
    let sql = format!("SELECT sequence FROM journal_head{}", store.for_update());
    let mut is_empty = match transaction.row(sql, &[]).await? {
        Some(row) => row.integer(0)? == 0,
        None => false,
    };
    for table in ["app_user", "organisation", "audit", "forecast", "device_change"] {
        let row = transaction.row(format!("SELECT COUNT(*) FROM {table}"), &[]).await?;
        is_empty &= row.map_or(Ok(0), |row| row.integer(0))? == 0;
    }
    if !is_empty {
        return Err(RestoreError::NotEmpty);
    }
    let counters = transaction.rows("SELECT name FROM counter", &[]).await?;
    let counters = counters.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?;
    for table in ["counter", "journal_head", "one_time", "sign_in_failure"] {
        transaction.execute(format!("DELETE FROM {table}"), &[]).await?;
    }
    Ok(counters)
}

/// What an older backup doesn't count yet begins at zero.
async fn count_from_zero(
    transaction: &mut Transaction<'_>,
    counters: &[String],
) -> Result<(), StoreError> {
    for name in counters {
        let sql = "INSERT INTO counter (name, last) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        transaction.execute(sql, &[name.as_str().into()]).await?;
    }
    Ok(())
}

async fn finish(
    transaction: &mut Transaction<'_>,
    table: Option<Rows>,
    rows: &mut BTreeMap<String, u64>,
) -> Result<(), RestoreError> {
    if let Some(mut table) = table {
        table.write(transaction, 1).await?;
        rows.insert(table.table.name.to_owned(), table.count);
    }
    Ok(())
}

/// So many rows go into one statement.
const ROWS_MAX: usize = 100;

/// The rows of one table on their way into the database.
struct Rows {
    table: &'static Table,
    columns: Vec<(&'static str, Holds)>,
    waiting: Vec<Vec<Value>>,
    count: u64,
}

impl Rows {
    fn of(line: TableLine) -> Result<Rows, &'static str> {
        let table = TABLES.iter().find(|table| table.name == line.table);
        let table = table.ok_or("there is no such table")?;
        let column = |name: &String| table.columns.iter().find(|column| column.0 == name).copied();
        let columns: Option<Vec<_>> = line.columns.iter().map(column).collect();
        let columns = columns.ok_or("the table has no such column")?;
        Ok(Rows { table, columns, waiting: Vec::new(), count: 0 })
    }

    fn add(&mut self, row: Vec<Json>) -> Result<(), &'static str> {
        if row.len() != self.columns.len() {
            return Err("the row hasn't as many values as the table has columns");
        }
        let value = |(json, (_, holds)): (Json, &(&str, Holds))| match (json, holds) {
            (Json::Null, Holds::Text) => Ok(Value::Text(None)),
            (Json::Null, Holds::Integer) => Ok(Value::Integer(None)),
            (Json::String(text), Holds::Text) => Ok(Value::Text(Some(text))),
            (Json::Number(number), Holds::Integer) if number.is_i64() => {
                Ok(Value::Integer(number.as_i64()))
            }
            _ => Err("a value isn't what its column holds"),
        };
        let row = row.into_iter().zip(&self.columns).map(value).collect::<Result<_, _>>()?;
        self.waiting.push(row);
        self.count += 1;
        Ok(())
    }

    /// Writes what waits, if it's so many rows.
    async fn write(
        &mut self,
        transaction: &mut Transaction<'_>,
        rows_min: usize,
    ) -> Result<(), StoreError> {
        if self.waiting.len() < rows_min {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        let names: Vec<&str> = self.columns.iter().map(|column| column.0).collect();
        let (into, names) = (self.table.name, names.join(", "));
        let places = crate::store::places(rows.len(), self.columns.len());
        let sql = format!("INSERT INTO {into} ({names}) VALUES {places}");
        let values: Vec<Value> = rows.into_iter().flatten().collect();
        transaction.execute(sql, &values).await.map(drop)
    }
}

/// Reads lines and hashes them.
struct Lines<R> {
    reader: R,
    hasher: Sha256,
    number: u64,
}

impl<R> Lines<R> {
    fn damaged(&self, what: &str) -> RestoreError {
        RestoreError::Damaged { line: self.number, what: what.to_owned() }
    }
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Json>, RestoreError> {
        let mut line = Vec::new();
        self.number += 1;
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.hasher.update(&line);
        serde_json::from_slice(&line).map(Some).map_err(|error| self.damaged(&error.to_string()))
    }
}
