//! Files of devices and events: taken in piece by piece, previewed, then applied at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use longlead_model::{Bundle, Code};

use super::apply::{apply_devices, apply_events};
use super::change::{
    Applied, EventChange, REFUSALS_MAX, Refusal, begin_change, forget, organisations, own_gateway,
    refused_devices, refused_events, staged_event, too_late,
};
use super::csv::{Cells, Columns, DEVICE_COLUMNS, EVENT_COLUMNS, Reader, write_row};
use super::facts::{Attribute, Facts, columns, complete};
use super::read::Narrowed;
use super::stage::{
    ROWS_MAX, StagedDevice, StagedEvent, analyse, classify_devices, classify_events, of_verdict,
    stage_devices, stage_events,
};
use super::{ChangeError, ChangeRequest, DeviceFilter, Devices, Serial, unexpected};
use crate::journal::Actor;
use crate::people::{OrganisationId, Secret, words};
use crate::store::{Row, Store, StoreError, Transaction, values};
use crate::time::{from_us, to_us};

words! {
    /// What a file tells of.
    ImportKind, ImportKindError, "kind of file";
    /// What devices are: a line for each device.
    Devices = "devices",
    /// What happened to them: a line for each event.
    Events = "events",
}

/// How long a preview is kept that nobody applies, in seconds.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// How many examples a preview shows.
const EXAMPLES: usize = 20;

/// Why a file wasn't applied. Nothing of it was done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such preview, or no more.
    #[error("this preview is gone: send the file again")]
    Gone,
    /// It was compared anew since.
    #[error("the file was compared with the registry again: look at the newer preview")]
    Renewed,
    /// It was applied already, as this change.
    #[error("this file was applied already")]
    Applied(i64),
    /// Some lines were refused, and leaving them out wasn't asked for.
    #[error("lines of this file are wrong")]
    Refused,
    /// These devices, and perhaps more, changed since the preview.
    #[error("devices of this file have changed since")]
    Conflict(Vec<Serial>),
    /// The product changed since the preview, so that lines are wrong now.
    #[error("the product has changed since, and lines of this file don't fit it any more")]
    Product(Vec<Refusal>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a file would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportPreview {
    /// Its number.
    pub id: i64,
    /// What the file tells of.
    pub kind: ImportKind,
    /// The name of the file.
    pub name: String,
    /// Who sent it.
    pub who: Actor,
    /// When.
    pub at: Timestamp,
    /// Names this comparison: a later one has another.
    pub token: String,
    /// Devices or events that are new.
    pub added: u64,
    /// Devices that would change.
    pub changed: u64,
    /// What is so already.
    pub unchanged: u64,
    /// Lines that can't be applied.
    pub refused: u64,
    /// The first of them.
    pub refusals: Vec<Refusal>,
    /// The first devices that would change.
    pub examples: Vec<PreviewedDevice>,
    /// The change that it was applied as.
    pub applied: Option<i64>,
}

/// A device of a file that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedDevice {
    /// The line of the file.
    pub line: u64,
    /// Which.
    pub serial: Serial,
    /// Since when the file says it.
    pub since: Timestamp,
    /// True where that is before its newest version.
    pub reaches_back: bool,
    /// What would change: the attribute, what it is, what it would be.
    pub changes: Vec<(Attribute, Option<String>, Option<String>)>,
}

/// A file on its way in.
#[derive(Debug)]
pub struct Import {
    store: Arc<Store>,
    bundle: Arc<Bundle>,
    organisations: BTreeMap<OrganisationId, String>,
    id: i64,
    kind: ImportKind,
    at: Timestamp,
    since: Timestamp,
    reader: Reader,
    columns: Option<Columns>,
    rows: Vec<Cells>,
    refused: u64,
    refusals: Vec<Refusal>,
    /// True once the file can't be read any further.
    is_broken: bool,
}

impl Devices {
    /// Begins to take in a file. Facts that its lines give no instant for are true since `since`,
    /// or since the request. What is refused is refused line by line, by the product.
    pub async fn begin_import(
        &self,
        kind: ImportKind,
        bundle: Arc<Bundle>,
        request: &ChangeRequest,
        since: Option<Timestamp>,
    ) -> Result<Import, StoreError> {
        let organisations = organisations(&self.store).await?;
        let mut transaction = self.store.write().await?;
        forget_old(&mut transaction, request.at).await?;
        let id = transaction.next_id("device_import").await?;
        let sql = "INSERT INTO device_import \
                   (id, kind, name, actor, at_us, token, refused, refusals) \
                   VALUES ($1, $2, $3, $4, $5, '', 0, '[]')";
        let (name, at_us) = (request.origin.as_str(), to_us(request.at));
        let values = values![id, kind.as_str(), name, request.who.to_string(), at_us];
        transaction.execute(sql, &values).await?;
        transaction.commit().await?;
        Ok(Import {
            store: Arc::clone(&self.store),
            bundle,
            organisations,
            id,
            kind,
            at: request.at,
            since: since.unwrap_or(request.at).min(request.at),
            reader: Reader::new(),
            columns: None,
            rows: Vec::new(),
            refused: 0,
            refusals: Vec::new(),
            is_broken: false,
        })
    }

    /// What a file would do, as it was compared last; none where there is no such file.
    pub async fn preview(&self, id: i64) -> Result<Option<ImportPreview>, StoreError> {
        let mut transaction = self.store.read().await?;
        preview_in(&mut transaction, id).await
    }

    /// Compares a file with the registry anew.
    pub async fn compare_again(&self, id: i64) -> Result<Option<ImportPreview>, StoreError> {
        let mut transaction = self.store.write().await?;
        let Some(preview) = preview_in(&mut transaction, id).await? else {
            return Ok(None);
        };
        if preview.applied.is_none() {
            classify(&mut transaction, &self.store, id, preview.kind).await?;
            renew_token(&mut transaction, id).await?;
            transaction.commit().await?;
        }
        self.preview(id).await
    }

    /// Applies a file as it was previewed: all of it, or all but the lines that were refused, or
    /// nothing.
    pub async fn apply_import(
        &self,
        id: i64,
        token: &str,
        leave_out_refused: bool,
        bundle: &Bundle,
        request: &ChangeRequest,
    ) -> Result<Applied, ImportError> {
        let mut transaction = self.store.write().await?;
        let change = begin_change(&mut transaction, request).await?;
        let preview = preview_in(&mut transaction, id).await?.ok_or(ImportError::Gone)?;
        match preview {
            ImportPreview { applied: Some(change), .. } => {
                return Err(ImportError::Applied(change));
            }
            ImportPreview { token: newest, .. } if newest != token => {
                return Err(ImportError::Renewed);
            }
            ImportPreview { refused, .. } if refused > 0 && !leave_out_refused => {
                return Err(ImportError::Refused);
            }
            _ => {}
        }
        let (added, changed) = match preview.kind {
            ImportKind::Devices => {
                changed_since(&mut transaction, id).await?;
                still_fits(&mut transaction, id, bundle).await?;
                apply_devices(&mut transaction, id, change).await?
            }
            ImportKind::Events => {
                events_changed_since(&mut transaction, id).await?;
                (apply_events(&mut transaction, id, change).await?, 0)
            }
        };
        forget(&mut transaction, id).await?;
        let sql = "UPDATE device_import SET applied = $2 WHERE id = $1";
        transaction.execute(sql, &values![id, change]).await?;
        transaction.commit().await?;
        Ok(Applied { change: Some(change), added, changed, unchanged: preview.unchanged })
    }

    /// Throws a file away that wasn't applied.
    pub async fn discard_import(&self, id: i64) -> Result<(), StoreError> {
        let mut transaction = self.store.write().await?;
        forget(&mut transaction, id).await?;
        let sql = "DELETE FROM device_import WHERE id = $1 AND applied IS NULL";
        transaction.execute(sql, &values![id]).await?;
        transaction.commit().await
    }

    /// A part of the registry as a file: the head with the first part, then so many devices after
    /// the filter's last one. Tells where the next part begins; none after the last.
    pub async fn export_part(
        &self,
        kind: ImportKind,
        filter: &DeviceFilter,
        devices: u32,
    ) -> Result<(String, Option<Serial>), StoreError> {
        let mut text = String::new();
        let heads = match kind {
            ImportKind::Devices => DEVICE_COLUMNS,
            ImportKind::Events => EVENT_COLUMNS,
        };
        if filter.after.is_none() {
            write_row(&mut text, heads.iter().copied());
        }
        let listed = self.list(filter, devices).await?;
        let last = listed.last().map(|device| device.serial.clone());
        match kind {
            ImportKind::Devices => {
                let organisations = organisations(&self.store).await?;
                for device in &listed {
                    write_device(&mut text, device, &organisations);
                }
            }
            ImportKind::Events => {
                if let Some(last) = &last {
                    write_events(&self.store, &mut text, filter, last).await?;
                }
            }
        }
        let is_last = listed.len() < usize::try_from(devices).unwrap_or(usize::MAX);
        Ok((text, if is_last { None } else { last }))
    }
}

fn write_device(
    text: &mut String,
    device: &super::Device,
    organisations: &BTreeMap<OrganisationId, String>,
) {
    let since = device.since.to_string();
    let owner = device.facts.owner().map(|owner| owner_text(owner, organisations));
    let facts = Attribute::ALL.iter().map(|attribute| match attribute {
        Attribute::Owner => owner.as_deref().unwrap_or_default(),
        attribute => device.facts.get(*attribute).unwrap_or_default(),
    });
    let serial = std::iter::once(device.serial.as_str());
    write_row(text, serial.chain(facts).chain(std::iter::once(since.as_str())));
}

/// The name of an organisation, if it's one's alone; else its number.
fn owner_text(owner: OrganisationId, organisations: &BTreeMap<OrganisationId, String>) -> String {
    let name = organisations.get(&owner).map(String::as_str).unwrap_or_default();
    let alike = organisations.values().filter(|other| other.eq_ignore_ascii_case(name)).count();
    let is_number = name.parse::<OrganisationId>().is_ok();
    match alike == 1 && !is_number && !name.trim().is_empty() && name.trim() == name {
        true => name.to_owned(),
        false => owner.to_string(),
    }
}

async fn write_events(
    store: &Store,
    text: &mut String,
    filter: &DeviceFilter,
    last: &Serial,
) -> Result<(), StoreError> {
    let mut narrowed = Narrowed::by(filter, |_| true)?;
    narrowed.add("d.serial <=", last.as_str().into());
    let sql = format!(
        "SELECT d.serial, e.kind, e.at_us, e.cause, e.source, e.note FROM device d \
         JOIN device_event e ON e.device = d.id{} AND e.retracted IS NULL \
         ORDER BY d.serial, e.at_us, e.id",
        narrowed.text()
    );
    for row in store.rows(sql, &narrowed.values).await? {
        let (serial, kind) = (row.text(0)?, row.text(1)?);
        let at = from_us(row.integer(2)?).to_string();
        let texts = [row.text_or_null(3)?, row.text_or_null(4)?, row.text_or_null(5)?];
        let texts = texts.iter().map(|text| text.as_deref().unwrap_or_default());
        write_row(text, [serial.as_str(), &kind, &at].into_iter().chain(texts));
    }
    Ok(())
}

impl Import {
    /// Takes in a piece of the file.
    pub async fn feed(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        if self.is_broken {
            return Ok(());
        }
        for piece in piece.chunks(64 << 10) {
            if let Err(refusal) = self.reader.feed(piece, &mut self.rows) {
                self.is_broken = true;
                self.refuse(refusal);
            }
            if self.rows.len() >= ROWS_MAX || self.is_broken {
                self.stage().await?;
            }
        }
        Ok(())
    }

    /// The file has ended: compares it with the registry.
    pub async fn finish(mut self) -> Result<ImportPreview, StoreError> {
        if !self.is_broken
            && let Err(refusal) = self.reader.end(&mut self.rows)
        {
            self.refuse(refusal);
        }
        self.stage().await?;
        if self.columns.is_none() && self.refused == 0 {
            let columns = match self.kind {
                ImportKind::Devices => DEVICE_COLUMNS,
                ImportKind::Events => EVENT_COLUMNS,
            };
            let help = format!("its first line names the columns: {}", columns.join(", "));
            self.refuse(Refusal::new(1, Code::Syntax, "the file is empty").help(help));
        }
        let mut transaction = self.store.write().await?;
        classify(&mut transaction, &self.store, self.id, self.kind).await?;
        renew_token(&mut transaction, self.id).await?;
        let refusals = serde_json::to_string(&self.refusals).map_err(unexpected)?;
        let sql = "UPDATE device_import SET refused = $2, refusals = $3 WHERE id = $1";
        let refused = i64::try_from(self.refused).map_err(unexpected)?;
        transaction.execute(sql, &values![self.id, refused, refusals]).await?;
        transaction.commit().await?;
        let mut transaction = self.store.read().await?;
        let preview = preview_in(&mut transaction, self.id).await?;
        preview.ok_or_else(|| unexpected("a file that was just taken in is gone"))
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push(refusal);
        }
    }

    /// Writes the rows that were read beside the registry.
    async fn stage(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.rows);
        let (mut devices, mut events) = (Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| !row.is_blank()) {
            let Some(columns) = self.columns.clone() else {
                self.begin(row);
                if self.columns.is_none() {
                    // Without columns nothing else can be read.
                    self.is_broken = true;
                    return Ok(());
                }
                continue;
            };
            let told = match self.kind {
                ImportKind::Devices => self.device_of(&columns, row).map(|it| devices.push(it)),
                ImportKind::Events => self.event_of(&columns, row).map(|it| events.push(it)),
            };
            if let Err(refusals) = told {
                // A line counts once, whatever is wrong with it.
                self.refused += 1;
                let free = REFUSALS_MAX.saturating_sub(self.refusals.len());
                self.refusals.extend(refusals.into_iter().take(free));
            }
        }
        if devices.is_empty() && events.is_empty() {
            return Ok(());
        }
        let store = Arc::clone(&self.store);
        let mut transaction = store.write().await?;
        stage_devices(&mut transaction, self.id, &devices).await?;
        stage_events(&mut transaction, self.id, &events).await?;
        transaction.commit().await
    }

    fn begin(&mut self, head: &Cells) {
        let (known, required): (_, &[&str]) = match self.kind {
            ImportKind::Devices => (DEVICE_COLUMNS, &["serial"]),
            ImportKind::Events => (EVENT_COLUMNS, &["serial", "event", "at"]),
        };
        match Columns::of(head, known, required) {
            Ok(columns) => self.columns = Some(columns),
            Err(refusals) => refusals.into_iter().for_each(|refusal| self.refuse(refusal)),
        }
    }

    fn device_of(&self, columns: &Columns, row: &Cells) -> Result<StagedDevice, Vec<Refusal>> {
        let mut refusals: Vec<Refusal> = columns.fit(row).into_iter().collect();
        let serial = serial_of(columns, row).map_err(|told| refusals.push(told)).ok();
        let since = match instant_of(columns, row, "since") {
            Ok(since) => since.unwrap_or(self.since),
            Err(told) => {
                refusals.push(told);
                self.since
            }
        };
        let place = columns.place("since").map_or(0, |place| place + 1);
        refusals.extend(too_late(row.line, "since", since, self.at).map(|it| it.column(place)));
        let (mut facts, mut given) = (Facts::default(), 0);
        for (place, attribute) in columns.attributes() {
            given |= attribute.bit();
            let value = row.text(place).map(|text| Some(text).filter(|text| !text.is_empty()));
            let value = value.and_then(|text| match (attribute, text) {
                (Attribute::Owner, Some(name)) => self.owner_of(row.line, name).map(Some),
                (_, text) => Ok(text.map(str::to_owned)),
            });
            match value {
                Ok(value) => facts.set(attribute, value),
                Err(told) => refusals.push(told.column(place + 1)),
            }
        }
        let mut wrong = Vec::new();
        complete(&self.bundle, &mut facts, &mut given, &mut wrong);
        refusals.extend(wrong.into_iter().map(|wrong| {
            let place = columns.place(wrong.attribute.as_str()).map_or(0, |place| place + 1);
            Refusal::of(row.line, wrong).column(place)
        }));
        let Some(serial) = serial else {
            return Err(refusals);
        };
        let place = columns.place("gateway").map_or(0, |place| place + 1);
        refusals.extend(own_gateway(row.line, &serial, &facts).map(|it| it.column(place)));
        match refusals.is_empty() {
            true => {
                Ok(StagedDevice { line: row.line, serial, since_us: to_us(since), given, facts })
            }
            false => Err(refusals),
        }
    }

    /// The number of an organisation that is named, or told by its number.
    fn owner_of(&self, line: i64, name: &str) -> Result<String, Refusal> {
        let number = name.parse::<OrganisationId>().ok();
        if let Some(number) = number.filter(|number| self.organisations.contains_key(number)) {
            return Ok(number.to_string());
        }
        let alike = self.organisations.iter().filter(|(_, other)| other.eq_ignore_ascii_case(name));
        let alike: Vec<OrganisationId> = alike.map(|(id, _)| *id).collect();
        match alike.as_slice() {
            [one] => Ok(one.to_string()),
            [] => {
                let names = self.organisations.values().map(String::as_str);
                let help = match longlead_model::nearest(name, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "add the organisation under People first".to_owned(),
                };
                let message = format!("owner: there is no organisation `{name}`");
                Err(Refusal::new(line, Code::UnknownReference, message).help(help))
            }
            several => {
                let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
                let message = format!("owner: several organisations are called `{name}`");
                let help = format!("write its number: {}", numbers.join(" or "));
                Err(Refusal::new(line, Code::Contradiction, message).help(help))
            }
        }
    }

    fn event_of(&self, columns: &Columns, row: &Cells) -> Result<StagedEvent, Vec<Refusal>> {
        let mut refusals: Vec<Refusal> = columns.fit(row).into_iter().collect();
        let mut tell = |told: Refusal| refusals.push(told);
        let serial = serial_of(columns, row).map_err(&mut tell).ok();
        let kind = cell(columns, row, "event").and_then(|text| {
            text.unwrap_or_default().parse().map_err(|_| {
                let kinds: Vec<&str> =
                    super::DeviceEventKind::ALL.iter().map(|kind| kind.as_str()).collect();
                refusal_at(columns, row, "event", "this is no event of a device")
                    .help(format!("the events are {}", kinds.join(", ")))
            })
        });
        let kind = kind.map_err(&mut tell).ok();
        let at = instant_of(columns, row, "at")
            .and_then(|at| at.ok_or_else(|| refusal_at(columns, row, "at", "it isn't said when")));
        let at = at.map_err(&mut tell).ok();
        let mut text = |name| cell(columns, row, name).map_err(&mut tell).ok().flatten();
        let (cause, source, note) = (text("cause"), text("source"), text("note"));
        let (Some(serial), Some(kind), Some(at), true) = (serial, kind, at, refusals.is_empty())
        else {
            return Err(refusals);
        };
        let event = EventChange { serial, kind, at, cause, source, note };
        staged_event(self.at, row.line, &event).map_err(|told| vec![told])
    }
}

fn refusal_at(columns: &Columns, row: &Cells, name: &str, message: &str) -> Refusal {
    let refusal = Refusal::new(row.line, Code::WrongValue, format!("{name}: {message}"));
    refusal.column(columns.place(name).map_or(0, |place| place + 1))
}

/// The text of a cell; none where it's empty.
fn cell(columns: &Columns, row: &Cells, name: &str) -> Result<Option<String>, Refusal> {
    let Some(place) = columns.place(name) else {
        return Ok(None);
    };
    let text = row.text(place)?;
    Ok(Some(text).filter(|text| !text.is_empty()).map(str::to_owned))
}

fn serial_of(columns: &Columns, row: &Cells) -> Result<Serial, Refusal> {
    let text = cell(columns, row, "serial")?.unwrap_or_default();
    text.parse()
        .map_err(|error: super::SerialError| refusal_at(columns, row, "serial", &error.to_string()))
}

/// An instant: with its offset, or in UTC; a day stands for its beginning.
fn instant_of(columns: &Columns, row: &Cells, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = cell(columns, row, name)? else {
        return Ok(None);
    };
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let instant = text.parse::<Timestamp>();
    let instant = instant.or_else(|_| text.parse::<DateTime>().and_then(utc));
    let instant = instant.or_else(|_| text.parse::<Date>().and_then(|day| utc(day.into())));
    instant.map(Some).map_err(|_| {
        let message = format!("`{text}` is no instant");
        refusal_at(columns, row, name, &message)
            .help("write it as 2027-03-01 or 2027-03-01T09:30:00Z")
    })
}

async fn forget_old(transaction: &mut Transaction<'_>, at: Timestamp) -> Result<(), StoreError> {
    let before = at.saturating_sub(SignedDuration::from_secs(KEPT_SECONDS));
    let before_us = to_us(before.unwrap_or(Timestamp::MIN));
    let old = "(SELECT id FROM device_import WHERE at_us < $1)";
    for table in ["device_import_row", "device_import_event"] {
        let sql = format!("DELETE FROM {table} WHERE import IN {old}");
        transaction.execute(sql, &values![before_us]).await?;
    }
    let sql = "DELETE FROM device_import WHERE at_us < $1";
    transaction.execute(sql, &values![before_us]).await.map(drop)
}

async fn classify(
    transaction: &mut Transaction<'_>,
    store: &Store,
    id: i64,
    kind: ImportKind,
) -> Result<(), StoreError> {
    match kind {
        ImportKind::Devices => {
            analyse(store.is_shared(), transaction, "device_import_row").await?;
            classify_devices(transaction, id).await
        }
        ImportKind::Events => {
            analyse(store.is_shared(), transaction, "device_import_event").await?;
            classify_events(transaction, id).await
        }
    }
}

async fn renew_token(transaction: &mut Transaction<'_>, id: i64) -> Result<(), StoreError> {
    let token = Secret::new()?;
    let sql = "UPDATE device_import SET token = $2 WHERE id = $1";
    transaction.execute(sql, &values![id, token.expose()]).await.map(drop)
}

async fn preview_in(
    transaction: &mut Transaction<'_>,
    id: i64,
) -> Result<Option<ImportPreview>, StoreError> {
    let sql = "SELECT kind, name, actor, at_us, token, refused, refusals, applied \
               FROM device_import WHERE id = $1";
    let Some(row) = transaction.row(sql, &values![id]).await? else {
        return Ok(None);
    };
    let kind: ImportKind = row.text(0)?.parse().map_err(unexpected)?;
    let mut preview = ImportPreview {
        id,
        kind,
        name: row.text(1)?,
        who: row.text(2)?.parse().map_err(unexpected)?,
        at: from_us(row.integer(3)?),
        token: row.text(4)?,
        added: 0,
        changed: 0,
        unchanged: 0,
        refused: u64::try_from(row.integer(5)?).map_err(unexpected)?,
        refusals: serde_json::from_str(&row.text(6)?).map_err(unexpected)?,
        examples: Vec::new(),
        applied: row.integer_or_null(7)?,
    };
    let table = match kind {
        ImportKind::Devices => "device_import_row",
        ImportKind::Events => "device_import_event",
    };
    let sql = format!("SELECT verdict, COUNT(*) FROM {table} WHERE import = $1 GROUP BY verdict");
    for row in transaction.rows(sql, &values![id]).await? {
        let count = u64::try_from(row.integer(1)?).map_err(unexpected)?;
        match row.text(0)?.as_str() {
            "added" => preview.added = count,
            "changed" => preview.changed = count,
            "unchanged" => preview.unchanged = count,
            _ => preview.refused += count,
        }
    }
    let more = match kind {
        ImportKind::Devices => refused_devices(transaction, id).await?,
        ImportKind::Events => refused_events(transaction, id).await?,
    };
    preview.refusals.extend(more);
    preview.refusals.sort_by_key(|refusal| (refusal.line, refusal.column));
    preview.refusals.truncate(REFUSALS_MAX);
    if kind == ImportKind::Devices {
        preview.examples = examples(transaction, id).await?;
    }
    Ok(Some(preview))
}

/// The first devices that would change, with what is true of them at the instant that the file
/// names.
async fn examples(
    transaction: &mut Transaction<'_>,
    id: i64,
) -> Result<Vec<PreviewedDevice>, StoreError> {
    let (told, held) =
        (columns(|name, _| format!("s.{name}")), columns(|name, _| format!("v.{name}")));
    let sql = format!(
        "SELECT s.line, s.serial, s.since_us, s.is_late, s.said, {told}, {held} \
         FROM device_import_row s LEFT JOIN device_version v ON v.device = s.device \
         AND v.superseded IS NULL AND v.since_us <= s.since_us AND s.since_us < v.until_us \
         WHERE {} ORDER BY s.line LIMIT {EXAMPLES}",
        of_verdict("'changed'")
    );
    transaction.rows(sql, &values![id]).await?.iter().map(example_of).collect()
}

fn example_of(row: &Row) -> Result<PreviewedDevice, StoreError> {
    let (told, held) = (Facts::of_row(row, 5)?, Facts::of_row(row, 5 + Attribute::ALL.len())?);
    let text = |facts: &Facts, it| facts.get(it).map(str::to_owned);
    let changes = Attribute::of_bits(row.integer(4)?)
        .into_iter()
        .map(|it| (it, text(&held, it), text(&told, it)))
        .collect();
    Ok(PreviewedDevice {
        line: u64::try_from(row.integer(0)?).map_err(unexpected)?,
        serial: row.text(1)?.parse().map_err(unexpected)?,
        since: from_us(row.integer(2)?),
        reaches_back: row.integer(3)? != 0,
        changes,
    })
}

/// Tells devices that others changed since the preview.
async fn changed_since(transaction: &mut Transaction<'_>, id: i64) -> Result<(), ImportError> {
    let sql = format!(
        "SELECT s.serial FROM device_import_row s LEFT JOIN device d ON d.serial = s.serial \
         WHERE {} AND d.version IS DISTINCT FROM s.seen ORDER BY s.line LIMIT {EXAMPLES}",
        of_verdict("'added', 'changed', 'unchanged'")
    );
    others(&transaction.rows(sql, &values![id]).await?)
}

/// Tells devices of which others recorded the same since the preview.
async fn events_changed_since(
    transaction: &mut Transaction<'_>,
    id: i64,
) -> Result<(), ImportError> {
    let sql = format!(
        "SELECT s.serial FROM device_import_event s JOIN device_event e ON e.device = s.device \
         AND e.at_us = s.at_us AND e.kind = s.kind AND e.retracted IS NULL \
         WHERE {} ORDER BY s.line LIMIT {EXAMPLES}",
        of_verdict("'added'")
    );
    others(&transaction.rows(sql, &values![id]).await?)
}

fn others(rows: &[Row]) -> Result<(), ImportError> {
    if rows.is_empty() {
        return Ok(());
    }
    let serials = rows.iter().map(|row| row.text(0)?.parse().map_err(unexpected));
    Err(ImportError::Conflict(serials.collect::<Result<_, StoreError>>()?))
}

/// Holds what the file refers to against the product as it is now.
async fn still_fits(
    transaction: &mut Transaction<'_>,
    id: i64,
    bundle: &Bundle,
) -> Result<(), ImportError> {
    let names = ["product", "revision", "build", "market"];
    let sql = format!(
        "SELECT {}, MIN(s.line) FROM device_import_row s WHERE {} GROUP BY 1, 2, 3, 4",
        names.map(|name| format!("s.{name}")).join(", "),
        of_verdict("'added', 'changed'")
    );
    let mut refusals = Vec::new();
    for row in transaction.rows(sql, &values![id]).await? {
        let (mut facts, mut given, mut wrong) = (Facts::default(), 0, Vec::new());
        for (place, name) in names.iter().enumerate() {
            let attribute: Attribute = name.parse().map_err(unexpected)?;
            let value = row.text_or_null(place)?;
            given |= if value.is_some() { attribute.bit() } else { 0 };
            facts.set(attribute, value);
        }
        complete(bundle, &mut facts, &mut given, &mut wrong);
        let line = row.integer(4)?;
        refusals.extend(wrong.into_iter().map(|wrong| Refusal::of(line, wrong)));
    }
    refusals.truncate(REFUSALS_MAX);
    if refusals.is_empty() { Ok(()) } else { Err(ImportError::Product(refusals)) }
}

impl From<ImportError> for ChangeError {
    fn from(error: ImportError) -> ChangeError {
        match error {
            ImportError::Product(refusals) => ChangeError::Refused(refusals),
            ImportError::Conflict(serials) => ChangeError::Conflict(serials),
            ImportError::Store(error) => ChangeError::Store(error),
            _ => ChangeError::Unknown,
        }
    }
}
