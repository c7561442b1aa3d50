//! What pages ask, put to the lake.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use jiff::civil::Date;
use longlead_gateway::Intake as _;
use longlead_lake::{Cell, Format, Kind, Lake, OutsideTable, QueryError, Values};
use longlead_records::Journal;
use longlead_records::devices::{SnapshotBatch, SnapshotColumn, SnapshotTable};
use longlead_stream::quality::DeviceRows;
use longlead_stream::{Clock, Contract, Contracts, Proposal};
use longlead_web::telemetry::{
    Answer, BoxFuture, ColumnKind, DevicesOf, FactColumn, FactTable, FileFormat, JudgedAnew,
    Limits, Parts, Question, Removed, StoredTable, Telemetry, TelemetryError,
};
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;

use super::anew;
use super::intake::LakeIntake;
use super::registry::KnownDevices;
use super::retention::Removals;

/// Tables of the registry that questions may join, by name.
const REGISTRY: &[(&str, SnapshotTable)] = &[
    ("devices", SnapshotTable::Devices),
    ("device_versions", SnapshotTable::Versions),
    ("device_events", SnapshotTable::Events),
];

/// Rows of the registry that are read at once.
const BATCH: usize = 50_000;

/// The lake and the registry, asked together.
#[derive(Debug)]
pub(crate) struct Keeper {
    lake: Lake,
    journal: Journal,
    /// The registry as tables, as of one change of it.
    registry: Mutex<Option<(i64, Vec<Arc<OutsideTable>>)>>,
    intake: Arc<LakeIntake>,
    known: Arc<KnownDevices>,
    removals: Arc<Removals>,
    /// Held while readings are judged again: two at once would count each other's.
    judging: Mutex<()>,
}

impl Keeper {
    pub(super) fn new(
        lake: Lake,
        journal: Journal,
        intake: Arc<LakeIntake>,
        known: Arc<KnownDevices>,
        removals: Arc<Removals>,
    ) -> Keeper {
        let (registry, judging) = (Mutex::default(), Mutex::default());
        Keeper { lake, journal, registry, intake, known, removals, judging }
    }

    /// The registry's tables, read again only if a device has changed.
    async fn registry(&self) -> Result<Vec<Arc<OutsideTable>>, TelemetryError> {
        let devices = self.journal.devices();
        let head = devices.head().await.map_err(|error| failed(&error))?;
        let mut kept = self.registry.lock().await;
        if let Some((_, tables)) = kept.as_ref().filter(|(at, _)| *at == head) {
            return Ok(tables.clone());
        }
        let mut tables = Vec::new();
        for (name, table) in REGISTRY {
            let mut columns: Vec<(String, Values)> = Vec::new();
            let take = |batch: SnapshotBatch| append(&mut columns, batch);
            devices.snapshot(*table, BATCH, take).await.map_err(|error| failed(&error))?;
            let table = OutsideTable::new(*name, columns).map_err(|error| failed(&error))?;
            tables.push(Arc::new(table));
        }
        *kept = Some((head, tables.clone()));
        Ok(tables)
    }

    /// Asks the lake, with what the question may name beside it.
    async fn query(&self, question: Question) -> Result<longlead_lake::Answer, TelemetryError> {
        self.query_with(question, Vec::new()).await
    }

    /// Asks with values for `$1`, `$2` ….
    pub(crate) async fn query_with(
        &self,
        question: Question,
        values: Vec<Option<String>>,
    ) -> Result<longlead_lake::Answer, TelemetryError> {
        let limits = limits(question.limits);
        let outside = self.beside(&question.sql, question.facts).await?;
        self.lake.query_with(&question.sql, values, limits, &outside).await.map_err(refused)
    }

    /// What an answer would hold, without asking.
    pub(crate) async fn describe(
        &self,
        question: Question,
    ) -> Result<longlead_lake::Described, TelemetryError> {
        let limits = limits(question.limits);
        let outside = self.beside(&question.sql, question.facts).await?;
        self.lake.describe(&question.sql, limits, &outside).await.map_err(refused)
    }

    /// Tables beside those of the lake: the registry's, facts, and those of streams that were
    /// agreed on, which can be asked before the first reading comes.
    async fn beside(
        &self,
        sql: &str,
        facts: Vec<FactTable>,
    ) -> Result<Vec<Arc<OutsideTable>>, TelemetryError> {
        let mut outside = if names_registry(sql) { self.registry().await? } else { Vec::new() };
        for table in facts {
            let columns = table.columns.into_iter().map(|(name, it)| (name, values(it))).collect();
            let made = OutsideTable::new(table.name, columns).map_err(|error| failed(&error))?;
            outside.push(Arc::new(made.within(table.schema)));
        }
        let contracts = Contracts::of(&self.journal.current().bundle.records, |_| 0);
        outside.extend(contracts.iter().map(|it| Arc::new(OutsideTable::of_contract(it))));
        Ok(outside)
    }
}

impl Keeper {
    /// Rows of a stream, of one device or of all.
    async fn rows(
        &self,
        contract: &Contract,
        device: Option<&str>,
        window: &Range<i64>,
        rows_max: usize,
    ) -> Result<DevicesOf, TelemetryError> {
        let known = self.lake.tables().await.map_err(refused)?;
        let Some(table) = known.iter().find(|it| it.name == contract.stream()) else {
            return Ok(DevicesOf::default());
        };
        let fields: Vec<&str> = contract
            .columns()
            .iter()
            .filter(|it| is_number(it.kind))
            .map(|it| it.name.as_str())
            .filter(|name| table.columns.iter().any(|(column, _)| column == name))
            .collect();
        let sql = match device {
            None => format!("{} ORDER BY received, device", device_sql(contract, &fields, window)),
            // If there are too many, the newest are wanted.
            Some(device) => format!(
                "{} AND device = {} ORDER BY received DESC",
                device_sql(contract, &fields, window),
                anew::quoted(device)
            ),
        };
        let time = Duration::from_secs(20);
        let limits = longlead_lake::Limits { time, memory: 1 << 30, rows: rows_max };
        let mut answer = self.lake.query(&sql, limits, &[]).await.map_err(refused)?;
        let mut devices: BTreeMap<String, DeviceRows> = BTreeMap::new();
        while let Some(page) = answer.next().await {
            let page = page.map_err(refused)?;
            for row in 0..page.rows() {
                add(&mut devices, &fields, |column| page.cell(row, column));
            }
        }
        let is_part = answer.is_truncated();
        let mut devices: Vec<(String, DeviceRows)> = devices.into_iter().collect();
        if device.is_some() {
            devices.iter_mut().for_each(|(_, rows)| turn(rows));
        }
        Ok(DevicesOf { devices, is_part })
    }
}

/// The last row first.
fn turn(rows: &mut DeviceRows) {
    rows.captured.reverse();
    rows.received.reverse();
    rows.clock.reverse();
    rows.boot.reverse();
    rows.sequence.reverse();
    rows.fields.iter_mut().for_each(|(_, values)| values.reverse());
}

/// Whether a question can mean a table of the registry: a million devices aren't read for nothing.
fn names_registry(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    let about_tables = ["information_schema", "show", "describe"];
    REGISTRY.iter().map(|(name, _)| *name).chain(about_tables).any(|it| sql.contains(it))
}

fn limits(of: Limits) -> longlead_lake::Limits {
    let Limits { time, memory, rows } = of;
    longlead_lake::Limits { time, memory, rows }
}

fn append(columns: &mut Vec<(String, Values)>, batch: SnapshotBatch) {
    let new = |column: SnapshotColumn| match column {
        SnapshotColumn::Text(values) => Values::Text(values),
        SnapshotColumn::Instant(values) => Values::Time(values),
        SnapshotColumn::Integer(values) => Values::Integer(values),
    };
    for (at, (name, column)) in batch.columns.into_iter().enumerate() {
        match (columns.get_mut(at), new(column)) {
            (None, values) => columns.push((name.to_owned(), values)),
            (Some((_, Values::Text(all))), Values::Text(more)) => all.extend(more),
            (Some((_, Values::Time(all))), Values::Time(more)) => all.extend(more),
            (Some((_, Values::Integer(all))), Values::Integer(more)) => all.extend(more),
            // Every batch of a table has the same columns.
            (Some(_), _) => {}
        }
    }
}

fn values(facts: FactColumn) -> Values {
    let days = |day: Date| day.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24;
    match facts {
        FactColumn::Text(values) => Values::Text(values),
        FactColumn::Float(values) => Values::Float(values),
        FactColumn::Integer(values) => Values::Integer(values),
        FactColumn::Bool(values) => Values::Bool(values),
        FactColumn::Date(values) => {
            let days = |day: Option<Date>| day.and_then(|day| i32::try_from(days(day)).ok());
            Values::Date(values.into_iter().map(days).collect())
        }
    }
}

fn failed(error: &dyn std::error::Error) -> TelemetryError {
    TelemetryError::Failed(error.to_string())
}

fn refused(error: QueryError) -> TelemetryError {
    let told = error.to_string();
    match error {
        QueryError::NotARead(_) | QueryError::Wrong(_) => TelemetryError::Wrong(told),
        QueryError::TooLong { .. } | QueryError::TooMuchMemory(_) => TelemetryError::TooMuch(told),
        QueryError::Failed(_) => TelemetryError::Failed(told),
    }
}

impl Telemetry for Keeper {
    fn tables(&self) -> BoxFuture<'_, Result<Vec<StoredTable>, TelemetryError>> {
        Box::pin(async {
            let tables = self.lake.tables().await.map_err(refused)?;
            let told = |table: longlead_lake::TableFacts| StoredTable {
                name: table.name,
                columns: table.columns,
                rows: table.rows,
                rows_in_memory: table.rows_in_memory,
                files: table.files,
                bytes: table.bytes,
            };
            Ok(tables.into_iter().map(told).collect())
        })
    }

    fn answer(&self, question: Question) -> BoxFuture<'_, Result<Answer, TelemetryError>> {
        Box::pin(async move {
            let began = Instant::now();
            let mut answer = self.query(question).await?;
            let columns: Vec<(String, ColumnKind)> =
                answer.columns().iter().map(|it| (it.name.clone(), kind(it.kind))).collect();
            let mut rows = Vec::new();
            while let Some(page) = answer.next().await {
                let page = page.map_err(refused)?;
                for row in 0..page.rows() {
                    rows.push((0..columns.len()).map(|at| value(&page.cell(row, at))).collect());
                }
            }
            let is_truncated = answer.is_truncated();
            Ok(Answer { columns, rows, is_truncated, took: began.elapsed() })
        })
    }

    fn file(
        &self,
        question: Question,
        format: FileFormat,
    ) -> BoxFuture<'_, Result<Parts, TelemetryError>> {
        Box::pin(async move {
            let answer = self.query(question).await?;
            let format = match format {
                FileFormat::Csv => Format::Csv,
                FileFormat::Parquet => Format::Parquet,
            };
            let parts = futures_util::stream::unfold(answer.encoded(format), |mut encoded| async {
                let part = encoded.next().await?;
                Some((part.map_err(refused), encoded))
            });
            Ok(parts.boxed() as Parts)
        })
    }

    fn device_rows(
        &self,
        contract: Arc<Contract>,
        window: Range<i64>,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<DevicesOf, TelemetryError>> {
        Box::pin(async move { self.rows(&contract, None, &window, rows_max).await })
    }

    fn rows_of(
        &self,
        contract: Arc<Contract>,
        device: String,
        window: Range<i64>,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<DevicesOf, TelemetryError>> {
        Box::pin(async move { self.rows(&contract, Some(&device), &window, rows_max).await })
    }

    fn judge_anew(&self, stream: String) -> BoxFuture<'_, Result<JudgedAnew, TelemetryError>> {
        Box::pin(async move {
            let _alone = self.judging.lock().await;
            let contracts = self.intake.contracts();
            let Some(contract) = contracts.get(&stream) else {
                return Err(TelemetryError::Wrong(format!("`{stream}` has no contract")));
            };
            let (lake, known) = (&self.lake, self.known.as_ref());
            let told = anew::judge_anew(lake, &contracts, known, contract).await;
            told.map_err(|error| failed(&error))
        })
    }

    fn proposal(&self, stream: String) -> BoxFuture<'_, Result<Option<Proposal>, TelemetryError>> {
        Box::pin(async move { anew::proposal(&self.lake, &stream).await.map_err(refused) })
    }

    fn removed(&self, stream: &str) -> Option<Removed> {
        self.removals.of(stream)
    }

    fn functions(&self) -> Vec<String> {
        self.lake.functions()
    }
}

fn is_number(kind: longlead_stream::ColumnKind) -> bool {
    use longlead_stream::ColumnKind::{Float, Integer};
    matches!(kind, Float | Integer)
}

/// The rows of a window.
fn device_sql(contract: &Contract, fields: &[&str], window: &Range<i64>) -> String {
    let instant = |micros: i64| Timestamp::from_microsecond(micros).unwrap_or_default();
    let fields: String = fields.iter().map(|name| format!(", \"{name}\"")).collect();
    let (from, to) = (instant(window.start), instant(window.end));
    let stream = contract.stream();
    format!(
        "SELECT device, captured, received, clock, boot, sequence{fields} FROM \"{stream}\" \
         WHERE captured >= TIMESTAMP '{from}' AND captured < TIMESTAMP '{to}'"
    )
}

fn add<'a>(
    devices: &mut BTreeMap<String, DeviceRows>,
    fields: &[&str],
    cell: impl Fn(usize) -> Cell<'a>,
) {
    let Cell::Text(device) = cell(0) else { return };
    let rows = devices.entry(device.to_owned()).or_insert_with(|| DeviceRows {
        fields: fields.iter().map(|name| ((*name).to_owned(), Vec::new())).collect(),
        ..DeviceRows::default()
    });
    rows.captured.push(integer(&cell(1)).unwrap_or_default());
    rows.received.push(integer(&cell(2)).unwrap_or_default());
    rows.clock.push(clock(&cell(3)));
    rows.boot.push(integer(&cell(4)).map(i64::cast_unsigned));
    rows.sequence.push(integer(&cell(5)).map(i64::cast_unsigned));
    for (at, (_, values)) in rows.fields.iter_mut().enumerate() {
        values.push(match cell(6 + at) {
            Cell::Float(value) => Some(value),
            other => integer(&other).map(|value| value as f64),
        });
    }
}

fn integer(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Integer(value) | Cell::Time(value) => Some(*value),
        Cell::Unsigned(value) => Some(value.cast_signed()),
        _ => None,
    }
}

fn clock(cell: &Cell<'_>) -> Clock {
    let Cell::Text(word) = cell else { return Clock::Good };
    Clock::ALL.into_iter().find(|it| it.as_str() == *word).unwrap_or(Clock::Good)
}

fn kind(kind: Kind) -> ColumnKind {
    match kind {
        Kind::Integer | Kind::Unsigned | Kind::Float => ColumnKind::Number,
        Kind::Time => ColumnKind::Time,
        _ => ColumnKind::Text,
    }
}

fn value(cell: &Cell<'_>) -> Json {
    match cell {
        Cell::Null => Json::Null,
        Cell::Bool(value) => json!(value),
        Cell::Integer(value) => json!(value),
        Cell::Unsigned(value) => json!(value),
        Cell::Float(value) => json!(value),
        Cell::Text(value) => json!(value),
        Cell::Time(micros) => match Timestamp::from_microsecond(*micros) {
            Ok(at) => json!(at.to_string()),
            Err(_) => json!(micros),
        },
        Cell::Date(days) => {
            let epoch = jiff::civil::date(1970, 1, 1);
            let day = epoch.checked_add(jiff::Span::new().days(*days));
            day.map_or(json!(days), |day| json!(day.to_string()))
        }
        Cell::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
        Cell::Other(text) => json!(text),
    }
}
