//! What devices are told to do.

use jiff::Timestamp;

use super::identity::id_of;
use super::{ChangeError, ChangeRequest, Devices, Serial, unexpected};
use crate::journal::{Actor, name_of};
use crate::people::words;
use crate::store::{Row, StoreError, values};
use crate::time::{from_us, to_us};

words! {
    /// What became of a command.
    CommandState, CommandStateError, "state of a command";
    /// It waits for the device.
    Queued = "queued",
    /// The device has it.
    Delivered = "delivered",
    /// The device doesn't take it.
    Refused = "refused",
    /// The device didn't come for it in time.
    Expired = "expired",
}

/// How many commands may wait for one device.
pub const COMMANDS_QUEUED_MAX: u32 = 100;

/// The longest payload of a command, in bytes.
pub const COMMAND_BYTES_MAX: usize = 64 << 10;

/// A command to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommand {
    /// What the device is to do, in a word: letters, digits, `-` and `_`.
    pub name: String,
    /// What it needs to know for that, as JSON.
    pub payload: String,
    /// Until when it is of use.
    pub expires: Timestamp,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCommand {
    /// Its number.
    pub id: i64,
    /// What the device is to do.
    pub name: String,
    /// What it needs to know for that, as JSON.
    pub payload: String,
    /// When it was given.
    pub made: Timestamp,
    /// By whom.
    pub who: Actor,
    /// Their name today.
    pub who_name: String,
    /// Why, if they said.
    pub why: Option<String>,
    /// Until when it is of use.
    pub expires: Timestamp,
    /// What became of it.
    pub state: CommandState,
    /// Since when.
    pub state_at: Timestamp,
}

/// Why a command isn't given.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The name is none.
    #[error("the name of a command has 1 to 64 letters, digits, `-` and `_`")]
    Name,
    /// The payload is no JSON, or too long.
    #[error("the payload of a command is JSON of at most {COMMAND_BYTES_MAX} bytes")]
    Payload,
    /// It would have expired already.
    #[error("the command expires before it is given")]
    Expired,
    /// Too many wait.
    #[error("{COMMANDS_QUEUED_MAX} commands wait for the device already")]
    TooMany,
    /// There is no such device, or the database failed.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> CommandError {
        CommandError::Change(error.into())
    }
}

/// How many commands of a device are told.
const TOLD_MAX: u32 = 50;

impl Devices {
    /// Gives a device a command, and tells its number.
    pub async fn give_command(
        &self,
        serial: &Serial,
        command: &NewCommand,
        request: &ChangeRequest,
    ) -> Result<i64, CommandError> {
        let NewCommand { name, payload, expires } = command;
        let is_sound = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_sound) {
            return Err(CommandError::Name);
        }
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(payload).is_ok();
        if !is_json || payload.len() > COMMAND_BYTES_MAX {
            return Err(CommandError::Payload);
        }
        if *expires <= request.at {
            return Err(CommandError::Expired);
        }
        let mut transaction = self.store.write().await?;
        let device = id_of(&mut transaction, serial).await?.ok_or(ChangeError::Unknown)?;
        let id = transaction.next_id("device_command").await?;
        let sql = "SELECT COUNT(*) FROM device_command WHERE device = $1 AND state = 'queued'";
        let row = transaction.row(sql, &values![device]).await?;
        if row.map_or(Ok(0), |row| row.integer(0))? >= i64::from(COMMANDS_QUEUED_MAX) {
            return Err(CommandError::TooMany);
        }
        let (user, token) = request.who.columns();
        let sql = "INSERT INTO device_command (id, device, name, payload, made_us, actor, \
                   app_user, token, why, expires_us, state, state_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', $5)";
        let values = values![
            id,
            device,
            name.as_str(),
            payload.as_str(),
            to_us(request.at),
            request.who.to_string(),
            user,
            token,
            request.why.clone(),
            to_us(*expires),
        ];
        transaction.execute(sql, &values).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// The last commands of a device, the newest first.
    pub async fn commands(&self, serial: &Serial) -> Result<Vec<DeviceCommand>, StoreError> {
        let sql = format!(
            "SELECT x.id, x.name, x.payload, x.made_us, x.actor, u.name, t.name, x.why, \
             x.expires_us, x.state, x.state_us FROM device_command x \
             JOIN device d ON d.id = x.device \
             LEFT JOIN app_user u ON u.id = x.app_user LEFT JOIN token t ON t.id = x.token \
             WHERE d.serial = $1 ORDER BY x.id DESC LIMIT {TOLD_MAX}"
        );
        self.store.rows(sql, &values![serial.as_str()]).await?.iter().map(command_of).collect()
    }

    /// Commands that wait, from after a number on, at most so many: number, device and command.
    pub async fn queued_commands(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Serial, NewCommand)>, StoreError> {
        let sql = format!(
            "SELECT x.id, d.serial, x.name, x.payload, x.expires_us FROM device_command x \
             JOIN device d ON d.id = x.device WHERE x.state = 'queued' AND x.id > $1 \
             ORDER BY x.id LIMIT {limit}"
        );
        let of = |row: &Row| {
            let serial = row.text(1)?.parse().map_err(unexpected)?;
            let (name, payload) = (row.text(2)?, row.text(3)?);
            let expires = from_us(row.integer(4)?);
            Ok((row.integer(0)?, serial, NewCommand { name, payload, expires }))
        };
        self.store.rows(sql, &values![after]).await?.iter().map(of).collect()
    }

    /// Notes what became of a command that waits.
    pub async fn end_command(
        &self,
        id: i64,
        state: CommandState,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.write().await?;
        let sql = "UPDATE device_command SET state = $1, state_us = $2 \
                   WHERE id = $3 AND state = 'queued'";
        transaction.execute(sql, &values![state.as_str(), to_us(at), id]).await?;
        transaction.commit().await
    }
}

fn command_of(row: &Row) -> Result<DeviceCommand, StoreError> {
    Ok(DeviceCommand {
        id: row.integer(0)?,
        name: row.text(1)?,
        payload: row.text(2)?,
        made: from_us(row.integer(3)?),
        who: row.text(4)?.parse().map_err(unexpected)?,
        who_name: name_of(row.text_or_null(5)?, row.text_or_null(6)?),
        why: row.text_or_null(7)?,
        expires: from_us(row.integer(8)?),
        state: row.text(9)?.parse().map_err(unexpected)?,
        state_at: from_us(row.integer(10)?),
    })
}
