//! What pages ask, put to the lake.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use jiff::civil::Date;
use longlead_gateway::Intake as _;
use longlead_lake::{Cell, Format, Kind, Lake, OutsideTable, QueryError, Values};
use longlead_records::Journal;
use longlead_records::devices::{SnapshotBatch, SnapshotColumn, SnapshotTable};
use longlead_stream::{Contract, Contracts, Proposal};
use longlead_web::telemetry::{
    Answer, BoxFuture, ColumnKind, DevicesOf, FactColumn, FactTable, Fault, FileFormat, Judged,
    Limits, Parts, Question, Removed, StoredTable, Telemetry, TelemetryError,
};
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;

use super::anew;
use super::intake::LakeIntake;
use super::registry::KnownDevices;
use super::retention::Removals;
use super::rows;

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
        let head = devices.head().await.map_err(|error| TelemetryError::failed(&error))?;
        let mut kept = self.registry.lock().await;
        if let Some((_, tables)) = kept.as_ref().filter(|(at, _)| *at == head) {
            return Ok(tables.clone());
        }
        let mut tables = Vec::new();
        for (name, table) in REGISTRY {
            let mut columns: Vec<(String, Values)> = Vec::new();
            let take = |batch: SnapshotBatch| append(&mut columns, batch);
            devices
                .snapshot(*table, BATCH, take)
                .await
                .map_err(|error| TelemetryError::failed(&error))?;
            let table = OutsideTable::new(*name, columns)
                .map_err(|error| TelemetryError::failed(&error))?;
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
            let made = OutsideTable::new(table.name, columns)
                .map_err(|error| TelemetryError::failed(&error))?;
            outside.push(Arc::new(made.within(table.schema)));
        }
        let contracts = Contracts::of(&self.journal.current().bundle.records, |_| 0);
        outside.extend(contracts.iter().map(|it| Arc::new(OutsideTable::of_contract(it))));
        Ok(outside)
    }
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

/// A fault of the lake's as pages and doors tell it.
pub(crate) fn refused(error: QueryError) -> TelemetryError {
    use QueryError as E;
    let fault = match &error {
        E::NotARead(_) => Fault::NotARead,
        E::Syntax(_) => Fault::Syntax,
        E::TooComplex(_) => Fault::TooComplex,
        E::UnknownTable(_) => Fault::UnknownTable,
        E::UnknownColumn(_) => Fault::UnknownColumn,
        E::AmbiguousColumn(_) => Fault::AmbiguousColumn,
        E::DuplicateColumn(_) => Fault::DuplicateColumn,
        E::UnknownFunction(_) => Fault::UnknownFunction,
        E::Unsupported(_) => Fault::Unsupported,
        E::Parameters(_) => Fault::Parameters,
        E::DivisionByZero(_) => Fault::DivisionByZero,
        E::OutOfRange(_) => Fault::OutOfRange,
        E::InvalidText(_) => Fault::InvalidText,
        E::InvalidValue(_) => Fault::InvalidValue,
        E::Wrong(_) => Fault::Wrong,
        E::TooLong { .. } => Fault::TooLong,
        E::TooMany => Fault::TooMany,
        E::TooMuchMemory(_) => Fault::TooMuchMemory,
        E::Failed(_) => return TelemetryError::failed(&error),
    };
    TelemetryError::new(fault, error.to_string())
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
        Box::pin(async move {
            let found = rows::newest(&self.lake, &contract, None, window, rows_max).await;
            found.map_err(refused)
        })
    }

    fn rows_of(
        &self,
        contract: Arc<Contract>,
        device: String,
        window: Range<i64>,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<DevicesOf, TelemetryError>> {
        Box::pin(async move {
            let device = Some(device.as_str());
            let found = rows::newest(&self.lake, &contract, device, window, rows_max).await;
            found.map_err(refused)
        })
    }

    fn judge_anew(&self, stream: String) -> BoxFuture<'_, Result<Judged, TelemetryError>> {
        Box::pin(async move {
            let _alone = self.judging.lock().await;
            let contracts = self.intake.contracts();
            let Some(contract) = contracts.get(&stream) else {
                let told = format!("`{stream}` has no contract");
                return Err(TelemetryError::new(Fault::UnknownTable, told));
            };
            let (lake, known) = (&self.lake, self.known.as_ref());
            let (done, failed) = anew::judge_anew(lake, &contracts, known, contract).await;
            let failed = failed.map(|error| TelemetryError::failed(&error));
            Ok(Judged { done, failed })
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
