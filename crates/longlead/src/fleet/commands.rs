//! Commands that people give, handed to the MQTT door; and what became of them, noted.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use longlead_gateway::BoxFuture;
use longlead_gateway::mqtt::{Broker, Command, CommandEnd};
use longlead_records::devices::{CommandState, Devices};
use longlead_records::{Journal, StoreError};
use tokio::sync::mpsc;

/// How often it is seen whether there are new commands.
const LOOK: Duration = Duration::from_secs(1);

/// Commands that are read at once.
const BATCH: u32 = 1000;

/// How long it takes until it is tried again to note what became of a command; twice as long each
/// time.
const AGAIN: Duration = Duration::from_secs(1);

/// How many times as long as at first it takes at most.
const AGAIN_TIMES_MAX: u32 = 60;

/// Hands commands on, and notes what became of them, for as long as it isn't dropped. After a start
/// all that wait are handed on once more: the door knows those that it has.
pub(super) async fn hand_on(journal: Journal, broker: Arc<Broker>) {
    let devices = journal.devices();
    let ends = broker.command_ends();
    let noting = Arc::clone(&broker);
    let note = move |number, end| {
        let (devices, broker) = (journal.devices(), Arc::clone(&noting));
        let note: BoxFuture<'static, _> =
            Box::pin(async move { note(&devices, &broker, number, end).await });
        note
    };
    tokio::join!(note_all(ends, note, AGAIN), hand_on_all(&devices, &broker));
}

async fn hand_on_all(devices: &Devices, broker: &Arc<Broker>) {
    let (mut handed, mut is_told) = (0, false);
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        match hand_on_new(devices, broker, handed).await {
            Ok(last) => (handed, is_told) = (last, false),
            Err(_) if is_told => {}
            Err(error) => {
                is_told = true;
                tracing::warn!(%error, "the commands for devices can't be read");
            }
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

/// Notes ends in the order in which they come, each until it is noted: a command of which the
/// database was told nothing would be shown as waiting for ever. One that can never be noted holds up
/// none behind it; the door tells it again after the next start.
async fn note_all(
    mut ends: mpsc::UnboundedReceiver<(i64, CommandEnd)>,
    note: impl Fn(i64, CommandEnd) -> BoxFuture<'static, Result<(), StoreError>>,
    again: Duration,
) {
    'ends: while let Some((number, end)) = ends.recv().await {
        let mut tries = 1;
        while let Err(error) = note(number, end).await {
            if !error.may_pass() {
                tracing::error!(%error, number, "what became of a command can't be noted");
                continue 'ends;
            }
            if tries == 1 {
                tracing::warn!(
                    %error, number, "what became of a command can't be noted; it is tried again"
                );
            }
            tokio::time::sleep(again * tries.min(AGAIN_TIMES_MAX)).await;
            tries = tries.saturating_mul(2);
        }
        if tries > 1 {
            tracing::info!(number, "what became of a command is noted after all");
        }
    }
}

/// Notes what became of a command. Where that fails the door still knows it.
async fn note(
    devices: &Devices,
    broker: &Arc<Broker>,
    number: i64,
    end: CommandEnd,
) -> Result<(), StoreError> {
    let state = match end {
        CommandEnd::Delivered => CommandState::Delivered,
        CommandEnd::Refused => CommandState::Refused,
        CommandEnd::Expired => CommandState::Expired,
    };
    devices.end_command(number, state, Timestamp::now()).await?;
    broker.forget_command(number);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use longlead_gateway::mqtt::CommandEnd::{self, Delivered, Expired, Refused};
    use longlead_records::StoreError;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn what_became_of_commands_is_noted_in_order_however_often_the_database_is_busy() {
        let told = [(3, Delivered), (1, Expired), (2, Refused)];
        let (sender, ends) = mpsc::unbounded_channel();
        told.into_iter().for_each(|end| sender.send(end).unwrap());
        drop(sender);
        let tried: Arc<Mutex<Vec<(i64, CommandEnd)>>> = Arc::default();
        let trying = Arc::clone(&tried);
        // Nothing is noted the first three times, and 1 not once more.
        let note = move |number, end| -> super::BoxFuture<'static, _> {
            let mut tried = trying.lock().unwrap();
            tried.push((number, end));
            let is_busy = tried.len() <= 3 || tried.len() == 5;
            Box::pin(async move { if is_busy { Err(StoreError::Busy) } else { Ok(()) } })
        };
        let noting = super::note_all(ends, note, Duration::from_millis(1));
        tokio::time::timeout(Duration::from_secs(10), noting).await.expect("all are noted");
        let [first, second, third] = told;
        let expected = [first, first, first, first, second, second, third];
        assert_eq!(*tried.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn what_can_never_be_noted_holds_up_nothing_behind_it() {
        let (sender, ends) = mpsc::unbounded_channel();
        [1, 2, 3].into_iter().for_each(|number| sender.send((number, Delivered)).unwrap());
        drop(sender);
        let tried: Arc<Mutex<Vec<i64>>> = Arc::default();
        let trying = Arc::clone(&tried);
        let note = move |number, _| -> super::BoxFuture<'static, _> {
            trying.lock().unwrap().push(number);
            let damaged = || StoreError::Unexpected("a state".to_owned());
            Box::pin(async move { if number == 2 { Err(damaged()) } else { Ok(()) } })
        };
        let noting = super::note_all(ends, note, Duration::from_millis(1));
        tokio::time::timeout(Duration::from_secs(10), noting).await.expect("it ends");
        assert_eq!(*tried.lock().unwrap(), [1, 2, 3]);
    }
}
