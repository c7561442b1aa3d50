//! Forecasts as they were told, so that calibration can ask later how well they held.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::journal::{Journal, Sequence};
use crate::people::words;
use crate::store::{Row, StoreError, Transaction, Value, places, values};
use crate::time::{from_us, to_us};

words! {
    /// What a logged date is of.
    LoggedKind, LoggedKindError, "kind of a logged date";
    /// A milestone.
    Milestone = "milestone",
    /// A decision.
    Decision = "decision",
}

/// What a forecast said of one milestone or decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedDate {
    /// The record's id.
    pub id: String,
    /// What it is.
    pub kind: LoggedKind,
    /// The date that is aimed at.
    pub target: Option<Date>,
    /// The date that it makes in 10 % of all cases.
    pub p10: Option<Date>,
    /// The date that it makes in half of all cases.
    pub p50: Option<Date>,
    /// The date that it makes in 80 % of all cases.
    pub p80: Option<Date>,
    /// The date that it makes in 90 % of all cases.
    pub p90: Option<Date>,
    /// The share of cases that make the target.
    pub on_time: Option<f64>,
    /// The latest date to decide on.
    pub decide_by: Option<Date>,
}

/// A forecast as it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedForecast {
    /// The product that it was computed from.
    pub sequence: Sequence,
    /// When it was computed.
    pub at: Timestamp,
    /// The day that it took for today.
    pub as_of: Date,
    /// What it said.
    pub items: Vec<LoggedDate>,
}

impl Journal {
    /// Keeps a forecast, unless the last one that was kept said the same. Tells whether it did.
    pub async fn log_forecast(
        &self,
        sequence: Sequence,
        at: Timestamp,
        as_of: Date,
        items: &[LoggedDate],
    ) -> Result<bool, StoreError> {
        let bodies: Result<Vec<String>, _> = items.iter().map(serde_json::to_string).collect();
        let bodies = bodies.map_err(|error| unreadable(&error))?;
        let mut transaction = self.store().write().await?;
        // The counter comes first: who else logs waits, and then sees this one.
        let id = transaction.next_id("forecast").await?;
        if last_bodies(&mut transaction).await?.is_some_and(|last| last == bodies) {
            return Ok(false);
        }
        let sql = "INSERT INTO forecast (id, sequence, at_us, as_of) VALUES ($1, $2, $3, $4)";
        let values = values![id, sequence.to_row(), to_us(at), as_of.to_string()];
        transaction.execute(sql, &values).await?;
        for ((ordinal, item), body) in (0_i64..).zip(items).zip(bodies) {
            let sql = "INSERT INTO forecast_item (forecast, ordinal, item, body) \
                       VALUES ($1, $2, $3, $4)";
            let values = values![id, ordinal, item.id.as_str(), body];
            transaction.execute(sql, &values).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The forecasts kept at an instant or later, oldest first.
    pub async fn forecasts(&self, since: Timestamp) -> Result<Vec<LoggedForecast>, StoreError> {
        let sql = "SELECT f.sequence, f.at_us, f.as_of, i.body, f.id FROM forecast f \
                   LEFT JOIN forecast_item i ON i.forecast = f.id \
                   WHERE f.at_us >= $1 ORDER BY f.at_us, f.id, i.ordinal";
        let mut forecasts: Vec<(i64, LoggedForecast)> = Vec::new();
        for row in self.store().rows(sql, &values![to_us(since)]).await? {
            let id = row.integer(4)?;
            if forecasts.last().is_none_or(|(last, _)| *last != id) {
                forecasts.push((id, forecast_of(&row)?));
            }
            if let (Some(body), Some((_, forecast))) = (row.text_or_null(3)?, forecasts.last_mut())
            {
                forecast.items.push(item_of(&body)?);
            }
        }
        Ok(forecasts.into_iter().map(|(_, forecast)| forecast).collect())
    }

    /// What was said over time of one milestone or decision, oldest first; each forecast has one
    /// item.
    pub async fn forecast_of(&self, id: &str) -> Result<Vec<LoggedForecast>, StoreError> {
        let sql = "SELECT f.sequence, f.at_us, f.as_of, i.body FROM forecast_item i \
                   JOIN forecast f ON f.id = i.forecast \
                   WHERE i.item = $1 ORDER BY f.at_us, f.id, i.ordinal";
        self.store().rows(sql, &values![id]).await?.iter().map(of_one).collect()
    }
}

/// Ids that one statement asks for.
const IDS_MAX: usize = 500;

impl Journal {
    /// The last forecast of the product as it was before a change set.
    pub async fn forecast_before(
        &self,
        sequence: Sequence,
    ) -> Result<Option<LoggedForecast>, StoreError> {
        let sql = "SELECT sequence, at_us, as_of, id FROM forecast WHERE sequence < $1 \
                   ORDER BY sequence DESC, at_us DESC, id DESC LIMIT 1";
        self.whole_forecast(sql, sequence).await
    }

    /// The first forecast of the product as a change set left it.
    pub async fn forecast_at(
        &self,
        sequence: Sequence,
    ) -> Result<Option<LoggedForecast>, StoreError> {
        let sql = "SELECT sequence, at_us, as_of, id FROM forecast WHERE sequence = $1 \
                   ORDER BY at_us, id LIMIT 1";
        self.whole_forecast(sql, sequence).await
    }

    async fn whole_forecast(
        &self,
        sql: &'static str,
        sequence: Sequence,
    ) -> Result<Option<LoggedForecast>, StoreError> {
        let Some(row) = self.store().row(sql, &values![sequence.to_row()]).await? else {
            return Ok(None);
        };
        let sql = "SELECT body FROM forecast_item WHERE forecast = $1 ORDER BY ordinal";
        let bodies = self.store().rows(sql, &values![row.integer(3)?]).await?;
        let items = bodies.iter().map(|body| item_of(&body.text(0)?));
        let items = items.collect::<Result<_, _>>()?;
        Ok(Some(LoggedForecast { items, ..forecast_of(&row)? }))
    }

    /// What was last said of one milestone or decision before a change set; the forecast has this
    /// one item.
    pub async fn forecast_of_before(
        &self,
        id: &str,
        sequence: Sequence,
    ) -> Result<Option<LoggedForecast>, StoreError> {
        let sql = "SELECT f.sequence, f.at_us, f.as_of, i.body FROM forecast_item i \
                   JOIN forecast f ON f.id = i.forecast \
                   WHERE i.item = $1 AND f.sequence < $2 \
                   ORDER BY f.at_us DESC, f.id DESC, i.ordinal DESC LIMIT 1";
        let row = self.store().row(sql, &values![id, sequence.to_row()]).await?;
        row.map(|row| of_one(&row)).transpose()
    }

    /// What was said over time of some milestones or decisions, each forecast with one item, the
    /// oldest of each first. Where a forecast said of one what the last had said, it is left out:
    /// most forecasts move few dates, and all of them are kept.
    pub async fn forecast_changes(&self, ids: &[&str]) -> Result<Vec<LoggedForecast>, StoreError> {
        let mut told = Vec::new();
        for ids in ids.chunks(IDS_MAX) {
            let sql = format!(
                "SELECT sequence, at_us, as_of, body FROM ( \
                 SELECT i.item, i.body, f.sequence, f.at_us, f.as_of, f.id, \
                 LAG(i.body) OVER (PARTITION BY i.item ORDER BY f.at_us, f.id, i.ordinal) AS last \
                 FROM forecast_item i JOIN forecast f ON f.id = i.forecast \
                 WHERE i.item IN {}) AS told \
                 WHERE last IS NULL OR last <> body ORDER BY item, at_us, id",
                places(1, ids.len())
            );
            let values: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
            for row in self.store().rows(sql, &values).await? {
                told.push(of_one(&row)?);
            }
        }
        Ok(told)
    }
}

/// A forecast with the one item that stands in its row.
fn of_one(row: &Row) -> Result<LoggedForecast, StoreError> {
    let items = vec![item_of(&row.text(3)?)?];
    Ok(LoggedForecast { items, ..forecast_of(row)? })
}

async fn last_bodies(transaction: &mut Transaction<'_>) -> Result<Option<Vec<String>>, StoreError> {
    let Some(row) = transaction.row("SELECT MAX(id) FROM forecast", &[]).await? else {
        return Ok(None);
    };
    let Some(last) = row.integer_or_null(0)? else {
        return Ok(None);
    };
    let sql = "SELECT body FROM forecast_item WHERE forecast = $1 ORDER BY ordinal";
    let rows = transaction.rows(sql, &values![last]).await?;
    rows.iter().map(|row| row.text(0)).collect::<Result<_, _>>().map(Some)
}

/// A forecast without its items.
fn forecast_of(row: &Row) -> Result<LoggedForecast, StoreError> {
    Ok(LoggedForecast {
        sequence: Sequence::of_row(row.integer(0)?)?,
        at: from_us(row.integer(1)?),
        as_of: row.text(2)?.parse().map_err(|error: jiff::Error| unreadable(&error))?,
        items: Vec::new(),
    })
}

fn item_of(body: &str) -> Result<LoggedDate, StoreError> {
    serde_json::from_str(body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> StoreError {
    StoreError::Unexpected(format!("a forecast that can't be read: {error}"))
}
