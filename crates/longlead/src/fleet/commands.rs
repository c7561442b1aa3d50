//! Commands that people give, handed to the MQTT door; and what became of them, noted.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use longlead_gateway::mqtt::{Broker, Command, CommandEnd};
use longlead_records::devices::{CommandState, Devices};
use longlead_records::{Journal, StoreError};

/// How often it is seen whether there are new commands.
const LOOK: Duration = Duration::from_secs(1);

/// Commands that are read at once.
const BATCH: u32 = 1000;

/// Hands commands on for as long as it isn't dropped. After a start all that wait are handed on
/// once more: the door knows those that it has.
pub(super) async fn hand_on(journal: Journal, broker: Arc<Broker>) {
    let devices = journal.devices();
    let mut ends = broker.command_ends();
    let mut handed = 0;
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            Some((number, end)) = ends.recv() => note(&devices, &broker, number, end).await,
            _ = look.tick() => match hand_on_new(&devices, &broker, handed).await {
                Ok(last) => handed = last,
                Err(error) => tracing::warn!(%error, "the commands for devices can't be read"),
            },
        }
    }
}

async fn hand_on_new(
    devices: &Devices,
    broker: &Arc<Broker>,
    mut handed: i64,
) -> Result<i64, StoreError> {
    for (number, serial, new) in devices.queued_commands(handed, BATCH).await? {
        let (device, expires) = (serial.to_string(), new.expires);
        let (name, payload) = (new.name, new.payload);
        if !broker.command(Command { number, device, name, payload, expires }).await {
            tracing::warn!(number, "a command can't be kept for its device");
            break;
        }
        handed = number;
    }
    Ok(handed)
}

async fn note(devices: &Devices, broker: &Arc<Broker>, number: i64, end: CommandEnd) {
    let state = match end {
        CommandEnd::Delivered => CommandState::Delivered,
        CommandEnd::Refused => CommandState::Refused,
        CommandEnd::Expired => CommandState::Expired,
    };
    match devices.end_command(number, state, Timestamp::now()).await {
        Ok(()) => broker.forget_command(number),
        // The door tells it again after the next start.
        Err(error) => tracing::warn!(%error, number, "what became of a command can't be noted"),
    }
}
