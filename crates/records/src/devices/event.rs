//! What happened to a device.

use super::apply::{count, forget_empty_counts, restate_events};
use super::change::{Applied, begin_change, finish};
use super::read::changed_by;
use super::{ChangeError, ChangeRequest, DeviceEvent, Devices, Serial, unexpected};
use crate::store::{Row, StoreError, values};
use crate::time::from_us;

impl Devices {
    /// What happened to a device, the latest first, with what has been struck out.
    pub async fn events(&self, serial: &Serial) -> Result<Vec<DeviceEvent>, StoreError> {
        let sql = "SELECT d.serial, e.id, e.kind, e.at_us, e.cause, e.source, e.note, \
                   e.retracted, c.id, c.at_us, c.actor, c.why, c.origin, u.name, t.name \
                   FROM device d JOIN device_event e ON e.device = d.id \
                   JOIN device_change c ON c.id = e.change \
                   LEFT JOIN app_user u ON u.id = c.app_user LEFT JOIN token t ON t.id = c.token \
                   WHERE d.serial = $1 ORDER BY e.at_us DESC, e.id DESC";
        self.store.rows(sql, &values![serial.as_str()]).await?.iter().map(event_of).collect()
    }

    /// Strikes an event out, which stays visible as such.
    pub async fn retract_event(
        &self,
        serial: &Serial,
        event: i64,
        request: &ChangeRequest,
    ) -> Result<Applied, ChangeError> {
        let mut transaction = self.store.write().await?;
        let change = begin_change(&mut transaction, request).await?;
        let sql = "SELECT d.id, e.retracted FROM device d JOIN device_event e ON e.device = d.id \
                   WHERE d.serial = $1 AND e.id = $2";
        let row = transaction.row(sql, &values![serial.as_str(), event]).await?;
        let row = row.ok_or(ChangeError::Unknown)?;
        if row.integer_or_null(1)?.is_some() {
            return Ok(Applied { unchanged: 1, ..Applied::default() });
        }
        let device = values![row.integer(0)?];
        let touched = "device d WHERE d.id = $1";
        count(&mut transaction, touched, &device, -1).await?;
        let sql = "UPDATE device_event SET retracted = $2 WHERE id = $1";
        transaction.execute(sql, &values![event, change]).await?;
        restate_events(&mut transaction, "d.id = $1", &device).await?;
        count(&mut transaction, touched, &device, 1).await?;
        forget_empty_counts(&mut transaction).await?;
        finish(transaction, Applied { change: Some(change), changed: 1, ..Applied::default() })
            .await
    }
}

fn event_of(row: &Row) -> Result<DeviceEvent, StoreError> {
    Ok(DeviceEvent {
        serial: row.text(0)?.parse().map_err(unexpected)?,
        id: row.integer(1)?,
        kind: row.text(2)?.parse().map_err(unexpected)?,
        at: from_us(row.integer(3)?),
        cause: row.text_or_null(4)?,
        source: row.text_or_null(5)?,
        note: row.text_or_null(6)?,
        is_retracted: row.integer_or_null(7)?.is_some(),
        by: changed_by(row, 8)?,
    })
}
