//! The registry as columns, for queries that join it with readings.

use super::facts::{Attribute, columns};
use super::{Devices, OPEN};
use crate::people::words;
use crate::store::{Row, StoreError, Value};

words! {
    /// A table of the registry.
    SnapshotTable, SnapshotTableError, "table of the registry";
    /// Each device as it is today: `serial`, its facts, `owner_name`, `state`, `state_at`,
    /// `since`.
    Devices = "devices",
    /// What was true of each device from `valid_from` until before `valid_to`: `serial`, its
    /// facts, `owner_name`, `valid_from`, `valid_to`. The newest has no `valid_to`.
    Versions = "device_versions",
    /// What happened to each device: `serial`, `event`, `at`, `cause`, `source`, `note`.
    Events = "device_events",
}

/// A column of a part of a table, a value for each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotColumn {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Instants, in microseconds since 1970-01-01T00:00Z.
    Instant(Vec<Option<i64>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
}

/// Some rows of a table, column by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotBatch {
    /// How many rows.
    pub rows: usize,
    /// The columns by name, the same in each batch of a table.
    pub columns: Vec<(&'static str, SnapshotColumn)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Text,
    Instant,
    Integer,
}

impl SnapshotTable {
    /// The columns and what they hold.
    fn layout(self) -> Vec<(&'static str, Holds)> {
        let mut layout = vec![("serial", Holds::Text)];
        if self != SnapshotTable::Events {
            layout.extend(Attribute::ALL.iter().map(|attribute| match attribute {
                Attribute::Owner => ("owner", Holds::Integer),
                attribute => (attribute.as_str(), Holds::Text),
            }));
            layout.push(("owner_name", Holds::Text));
        }
        layout.extend_from_slice(match self {
            SnapshotTable::Devices => {
                &[("state", Holds::Text), ("state_at", Holds::Instant), ("since", Holds::Instant)]
            }
            SnapshotTable::Versions => {
                &[("valid_from", Holds::Instant), ("valid_to", Holds::Instant)]
            }
            SnapshotTable::Events => &[
                ("event", Holds::Text),
                ("at", Holds::Instant),
                ("cause", Holds::Text),
                ("source", Holds::Text),
                ("note", Holds::Text),
            ],
        });
        layout
    }

    fn sql(self) -> String {
        let owner = "LEFT JOIN organisation o ON o.id";
        match self {
            SnapshotTable::Devices => {
                let facts = columns(|name, _| format!("d.{name}"));
                format!(
                    "SELECT d.serial, {facts}, o.name, d.state, d.state_us, d.since_us \
                     FROM device d {owner} = d.owner ORDER BY d.serial"
                )
            }
            SnapshotTable::Versions => {
                let facts = columns(|name, _| format!("v.{name}"));
                format!(
                    "SELECT d.serial, {facts}, o.name, v.since_us, \
                     CASE WHEN v.until_us = {OPEN} THEN NULL ELSE v.until_us END \
                     FROM device d JOIN device_version v ON v.device = d.id \
                     {owner} = v.owner WHERE v.superseded IS NULL ORDER BY d.serial, v.since_us"
                )
            }
            SnapshotTable::Events => "SELECT d.serial, e.kind, e.at_us, e.cause, e.source, \
                e.note FROM device d JOIN device_event e ON e.device = d.id \
                WHERE e.retracted IS NULL ORDER BY d.serial, e.at_us, e.id"
                .to_owned(),
        }
    }
}

impl Devices {
    /// Hands over a table of the registry as of one moment, so many rows at a time; at least one
    /// batch, so that the columns are known. [`Devices::head`] tells when it's out of date.
    pub async fn snapshot(
        &self,
        table: SnapshotTable,
        rows_max: usize,
        mut take: impl FnMut(SnapshotBatch) + Send,
    ) -> Result<(), StoreError> {
        let layout = table.layout();
        let mut batch = empty(&layout);
        let mut batches = 0;
        let mut transaction = self.store.read().await?;
        let each = |row: Row| {
            add(&mut batch, &row);
            if batch.rows >= rows_max {
                batches += 1;
                take(std::mem::replace(&mut batch, empty(&layout)));
            }
            Ok(())
        };
        transaction.for_each(table.sql(), &[], each).await?;
        if batch.rows > 0 || batches == 0 {
            take(batch);
        }
        Ok(())
    }
}

fn empty(layout: &[(&'static str, Holds)]) -> SnapshotBatch {
    let column = |(name, holds): &(&'static str, Holds)| {
        let column = match holds {
            Holds::Text => SnapshotColumn::Text(Vec::new()),
            Holds::Instant => SnapshotColumn::Instant(Vec::new()),
            Holds::Integer => SnapshotColumn::Integer(Vec::new()),
        };
        (*name, column)
    };
    SnapshotBatch { rows: 0, columns: layout.iter().map(column).collect() }
}

fn add(batch: &mut SnapshotBatch, row: &Row) {
    batch.rows += 1;
    for ((_, column), value) in batch.columns.iter_mut().zip(row.values()) {
        match (column, value) {
            (SnapshotColumn::Text(texts), Value::Text(text)) => texts.push(text.clone()),
            (SnapshotColumn::Text(texts), Value::Integer(_)) => texts.push(None),
            (
                SnapshotColumn::Instant(numbers) | SnapshotColumn::Integer(numbers),
                Value::Integer(number),
            ) => numbers.push(*number),
            (
                SnapshotColumn::Instant(numbers) | SnapshotColumn::Integer(numbers),
                Value::Text(_),
            ) => numbers.push(None),
        }
    }
}
