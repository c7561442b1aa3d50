//! Changes that come as a list: from the API, a page, or the devices' front door.

use std::collections::BTreeMap;

use jiff::Timestamp;
use longlead_model::{Bundle, Code};
use serde::{Deserialize, Serialize};

use super::apply::{apply_devices, apply_events};
use super::facts::{Attribute, Facts, Wrong, complete, unfit};
use super::stage::{
    StagedDevice, StagedEvent, analyse, classify_devices, classify_events, stage_devices,
    stage_events,
};
use super::{ChangeRequest, DeviceEventKind, Devices, Serial};
use crate::people::OrganisationId;
use crate::store::{Store, StoreError, Transaction, values};
use crate::time::to_us;

/// What is said of a device, which is added if it isn't there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceChange {
    /// Which.
    pub serial: Serial,
    /// Since when it's true; none for the time of the request. Not later than that.
    pub since: Option<Timestamp>,
    /// What is true, for the attributes in `given`.
    pub facts: Facts,
    /// The attributes that something is said of, be it that they aren't known.
    pub given: Vec<Attribute>,
    /// The version that the author saw: none for any, 0 where the device must not be there.
    pub expected: Option<u64>,
}

/// Something that happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventChange {
    /// To which.
    pub serial: Serial,
    /// What.
    pub kind: DeviceEventKind,
    /// When. Not later than the request.
    pub at: Timestamp,
    /// Why, in a word that can be counted.
    pub cause: Option<String>,
    /// Who or what says so.
    pub source: Option<String>,
    /// Anything else.
    pub note: Option<String>,
}

/// What was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The number of the change; none where nothing was to be changed.
    pub change: Option<i64>,
    /// Devices or events that are new.
    pub added: u64,
    /// Devices that were there.
    pub changed: u64,
    /// What was so already.
    pub unchanged: u64,
}

/// A row that can't be applied, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The line of the file from 1, or the place in the list from 1.
    pub line: u64,
    /// The column of the file from 1; 0 where the whole line is meant.
    pub column: u64,
    /// A stable code, one of [`Code`].
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// Why a change wasn't made. Nothing of it was done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeError {
    /// Rows are wrong.
    #[error("some of what was said of the devices is wrong")]
    Refused(Vec<Refusal>),
    /// Devices aren't as the author saw them.
    #[error("devices have changed meanwhile")]
    Conflict(Vec<Serial>),
    /// There is no such thing.
    #[error("there is no such device or event")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many refusals are told at most.
pub(super) const REFUSALS_MAX: usize = 100;

impl Refusal {
    pub(super) fn new(line: i64, code: Code, message: impl Into<String>) -> Refusal {
        Refusal {
            line: u64::try_from(line).unwrap_or(0),
            column: 0,
            code: code.as_str().to_owned(),
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn column(self, column: usize) -> Refusal {
        Refusal { column: column as u64, ..self }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Refusal {
        Refusal { help: Some(help.into()), ..self }
    }

    pub(super) fn of(line: i64, wrong: Wrong) -> Refusal {
        let code = if wrong.is_reference { Code::UnknownReference } else { Code::WrongValue };
        let message = format!("{}: {}", wrong.attribute, wrong.message);
        Refusal { help: wrong.help, ..Refusal::new(line, code, message) }
    }
}

impl Devices {
    /// Says something of devices: all of it or nothing. Devices that aren't there are added.
    /// References are held against the product.
    pub async fn change(
        &self,
        bundle: &Bundle,
        request: &ChangeRequest,
        changes: &[DeviceChange],
    ) -> Result<Applied, ChangeError> {
        let organisations = organisations(&self.store).await?;
        let (mut staged, mut refusals) = (Vec::with_capacity(changes.len()), Vec::new());
        for (line, change) in (1..).zip(changes) {
            match staged_of(bundle, &organisations, request.at, line, change) {
                Ok(row) => staged.push(row),
                Err(wrong) => refusals.extend(wrong),
            }
        }
        if !refusals.is_empty() {
            refusals.truncate(REFUSALS_MAX);
            return Err(ChangeError::Refused(refusals));
        }
        let mut transaction = self.store.write().await?;
        let change = begin_change(&mut transaction, request).await?;
        let import = transaction.next_id("device_import").await?;
        stage_devices(&mut transaction, import, &staged).await?;
        if staged.len() > 1000 {
            analyse(self.store.is_shared(), &mut transaction, "device_import_row").await?;
        }
        classify_devices(&mut transaction, import).await?;
        let refusals = refused_devices(&mut transaction, import).await?;
        if !refusals.is_empty() {
            return Err(ChangeError::Refused(refusals));
        }
        compare(&mut transaction, import, changes).await?;
        let (added, changed) = apply_devices(&mut transaction, import, change).await?;
        let unchanged = (changes.len() as u64).saturating_sub(added + changed);
        forget(&mut transaction, import).await?;
        let applied = Applied { change: Some(change), added, changed, unchanged };
        finish(transaction, applied).await
    }

    /// Records what happened to devices: all of it or nothing. What is recorded already isn't
    /// recorded again.
    pub async fn record_events(
        &self,
        request: &ChangeRequest,
        events: &[EventChange],
    ) -> Result<Applied, ChangeError> {
        let (mut staged, mut refusals) = (Vec::with_capacity(events.len()), Vec::new());
        for (line, event) in (1..).zip(events) {
            match staged_event(request.at, line, event) {
                Ok(row) => staged.push(row),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if !refusals.is_empty() {
            refusals.truncate(REFUSALS_MAX);
            return Err(ChangeError::Refused(refusals));
        }
        let mut transaction = self.store.write().await?;
        let change = begin_change(&mut transaction, request).await?;
        let import = transaction.next_id("device_import").await?;
        stage_events(&mut transaction, import, &staged).await?;
        classify_events(&mut transaction, import).await?;
        let refusals = refused_events(&mut transaction, import).await?;
        if !refusals.is_empty() {
            return Err(ChangeError::Refused(refusals));
        }
        let added = apply_events(&mut transaction, import, change).await?;
        let unchanged = (events.len() as u64).saturating_sub(added);
        forget(&mut transaction, import).await?;
        let applied = Applied { change: Some(change), added, changed: 0, unchanged };
        finish(transaction, applied).await
    }
}

/// Keeps a change that changes something; else nothing is written at all.
pub(super) async fn finish(
    transaction: Transaction<'_>,
    applied: Applied,
) -> Result<Applied, ChangeError> {
    if applied.added + applied.changed == 0 {
        return Ok(Applied { change: None, ..applied });
    }
    transaction.commit().await?;
    Ok(applied)
}

/// Lets no one else change the registry until this transaction ends, and says who changes it.
pub(super) async fn begin_change(
    transaction: &mut Transaction<'_>,
    request: &ChangeRequest,
) -> Result<i64, StoreError> {
    let id = transaction.next_id("device_change").await?;
    let (user, token) = request.who.columns();
    let sql = "INSERT INTO device_change (id, at_us, actor, app_user, token, why, origin) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = values![
        id,
        to_us(request.at),
        request.who.to_string(),
        user,
        token,
        request.why.clone(),
        request.origin.as_str(),
    ];
    transaction.execute(sql, &values).await?;
    Ok(id)
}

/// Removes the rows of a change that has been applied.
pub(super) async fn forget(
    transaction: &mut Transaction<'_>,
    import: i64,
) -> Result<(), StoreError> {
    for table in ["device_import_row", "device_import_event"] {
        let sql = format!("DELETE FROM {table} WHERE import = $1");
        transaction.execute(sql, &values![import]).await?;
    }
    Ok(())
}

fn staged_of(
    bundle: &Bundle,
    organisations: &BTreeMap<OrganisationId, String>,
    at: Timestamp,
    line: i64,
    change: &DeviceChange,
) -> Result<StagedDevice, Vec<Refusal>> {
    let mut given: i64 = change.given.iter().map(|it| it.bit()).fold(0, |all, bit| all | bit);
    let mut facts = Facts::default();
    facts.take(&change.facts, given);
    let mut wrong = Vec::new();
    complete(bundle, &mut facts, &mut given, &mut wrong);
    let mut refusals: Vec<Refusal> =
        wrong.into_iter().map(|wrong| Refusal::of(line, wrong)).collect();
    if let Some(owner) = facts.get(Attribute::Owner)
        && !facts.owner().is_some_and(|owner| organisations.contains_key(&owner))
    {
        let message = format!("owner: there is no organisation `{owner}`");
        refusals.push(Refusal::new(line, Code::UnknownReference, message));
    }
    refusals.extend(own_gateway(line, &change.serial, &facts));
    let since = change.since.unwrap_or(at);
    refusals.extend(too_late(line, "since", since, at));
    match refusals.is_empty() {
        true => {
            let (serial, since_us) = (change.serial.clone(), to_us(since));
            Ok(StagedDevice { line, serial, since_us, given, facts })
        }
        false => Err(refusals),
    }
}

/// A device doesn't speak through itself.
pub(super) fn own_gateway(line: i64, serial: &Serial, facts: &Facts) -> Option<Refusal> {
    let is_own = facts.get(Attribute::Gateway) == Some(serial.as_str());
    let refusal = Refusal::new(line, Code::Contradiction, "gateway: it is the device itself");
    is_own.then(|| refusal.help("leave it empty where a device speaks for itself"))
}

/// Nothing is known of the future.
pub(super) fn too_late(line: i64, what: &str, when: Timestamp, now: Timestamp) -> Option<Refusal> {
    let message = format!("{what}: {when} is in the future");
    (when > now).then(|| Refusal::new(line, Code::OutOfRange, message))
}

pub(super) fn staged_event(
    now: Timestamp,
    line: i64,
    event: &EventChange,
) -> Result<StagedEvent, Refusal> {
    if let Some(refusal) = too_late(line, "at", event.at, now) {
        return Err(refusal);
    }
    for (name, text, bytes_max) in [
        ("cause", &event.cause, super::facts::TEXT_BYTES_MAX),
        ("source", &event.source, super::facts::TEXT_BYTES_MAX),
        ("note", &event.note, 2000),
    ] {
        let Some(text) = text else { continue };
        let is_long = text.len() > bytes_max;
        let long = || format!("it is longer than {bytes_max} bytes");
        // A note may have several lines.
        let message = if is_long { Some(long()) } else { unfit_text(name, text) };
        if let Some(message) = message {
            return Err(Refusal::new(line, Code::WrongValue, format!("{name}: {message}")));
        }
    }
    Ok(StagedEvent {
        line,
        serial: event.serial.clone(),
        kind: event.kind,
        at_us: to_us(event.at),
        cause: event.cause.clone(),
        source: event.source.clone(),
        note: event.note.clone(),
    })
}

fn unfit_text(name: &str, text: &str) -> Option<String> {
    if name != "note" {
        return unfit(text);
    }
    let is_control = |it: char| it.is_control() && !matches!(it, '\n' | '\t' | '\r');
    text.chars().any(is_control).then(|| "it has a control character".to_owned())
}

pub(super) async fn organisations(
    store: &Store,
) -> Result<BTreeMap<OrganisationId, String>, StoreError> {
    let rows = store.rows("SELECT id, name FROM organisation", &[]).await?;
    rows.iter().map(|row| Ok((row.integer(0)?.into(), row.text(1)?))).collect()
}

/// The rows of devices that the comparison has refused.
pub(super) async fn refused_devices(
    transaction: &mut Transaction<'_>,
    import: i64,
) -> Result<Vec<Refusal>, StoreError> {
    let sql = format!(
        "SELECT s.line, s.serial, s.verdict, s.gateway FROM device_import_row s \
         WHERE s.import = $1 AND s.verdict IN ('twice', 'gateway') \
         ORDER BY s.line LIMIT {REFUSALS_MAX}"
    );
    let mut refusals = Vec::new();
    for row in transaction.rows(sql, &values![import]).await? {
        let (line, serial) = (row.integer(0)?, row.text(1)?);
        refusals.push(match row.text(2)?.as_str() {
            "twice" => {
                let message = format!("serial: `{serial}` stands in an earlier line, too");
                Refusal::new(line, Code::DuplicateId, message).help("keep one of them")
            }
            _ => {
                let gateway = row.text_or_null(3)?.unwrap_or_default();
                let message = format!("gateway: there is no device `{gateway}`");
                let help = "add the gateway first, or in the same file";
                Refusal::new(line, Code::UnknownReference, message).help(help)
            }
        });
    }
    Ok(refusals)
}

/// The events that the comparison has refused.
pub(super) async fn refused_events(
    transaction: &mut Transaction<'_>,
    import: i64,
) -> Result<Vec<Refusal>, StoreError> {
    let sql = format!(
        "SELECT s.line, s.serial, s.verdict FROM device_import_event s \
         WHERE s.import = $1 AND s.verdict IN ('unknown', 'twice') \
         ORDER BY s.line LIMIT {REFUSALS_MAX}"
    );
    let mut refusals = Vec::new();
    for row in transaction.rows(sql, &values![import]).await? {
        let (line, serial) = (row.integer(0)?, row.text(1)?);
        refusals.push(match row.text(2)?.as_str() {
            "unknown" => {
                let message = format!("serial: there is no device `{serial}`");
                let help = "import the devices first, then what happened to them";
                Refusal::new(line, Code::UnknownReference, message).help(help)
            }
            _ => {
                let message = format!("an earlier line says the same of `{serial}`");
                Refusal::new(line, Code::DuplicateId, message).help("keep one of them")
            }
        });
    }
    Ok(refusals)
}

/// Holds the versions that the authors saw against those of today.
async fn compare(
    transaction: &mut Transaction<'_>,
    import: i64,
    changes: &[DeviceChange],
) -> Result<(), ChangeError> {
    if changes.iter().all(|change| change.expected.is_none()) {
        return Ok(());
    }
    let sql = "SELECT serial, seen FROM device_import_row WHERE import = $1";
    let mut seen: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for row in transaction.rows(sql, &values![import]).await? {
        seen.insert(row.text(0)?, row.integer_or_null(1)?);
    }
    let differs = |change: &&DeviceChange| {
        let held = seen.get(change.serial.as_str()).copied().flatten().unwrap_or(0);
        change.expected.is_some_and(|expected| u64::try_from(held) != Ok(expected))
    };
    let others: Vec<Serial> =
        changes.iter().filter(differs).map(|change| change.serial.clone()).collect();
    match others.is_empty() {
        true => Ok(()),
        false => Err(ChangeError::Conflict(others)),
    }
}
