//! SQL over all that is acknowledged, with limits.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::catalog::{
    CatalogProvider, MemTable, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
    TableProvider,
};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures_util::StreamExt;
use object_store::ObjectStore;
use tokio::sync::{Semaphore, mpsc};

use crate::answer::{Answer, AnswerColumn, Kind, columns, kind};
use crate::columns::{QUARANTINE, quarantine_schema, with_commit};
use crate::fault::{QueryError, first_line, unplanned};
use crate::outside::{OutsideTable, Standing};
use crate::state::State;
use crate::tables::SCHEMA;
use crate::view::View;
use crate::{footers, functions};

/// The catalog that queries see.
const CATALOG: &str = "longlead";
/// Questions that run at once: each may use memory, up to its limit.
const QUESTIONS_MAX: usize = 16;
/// Batches that wait for a slow reader.
const PAGES_WAITING: usize = 4;
/// Parameters of a query.
const PARAMETERS_MAX: usize = 1000;

/// What one query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From its start to its last row.
    pub time: Duration,
    /// Bytes that sorting, joining and grouping may hold at once; beyond, they use the disk where
    /// they can, and else the query ends.
    pub memory: usize,
    /// Rows of its answer; the rest is left out, and told.
    pub rows: usize,
}

impl Default for Limits {
    /// A minute, half a gigabyte, a million rows.
    fn default() -> Limits {
        Limits { time: Duration::from_secs(60), memory: 512 << 20, rows: 1_000_000 }
    }
}

/// What all queries share.
#[derive(Clone)]
pub(crate) struct Engine {
    base: SessionContext,
    runtime: Arc<RuntimeEnv>,
    /// Room for questions that run at once.
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    pub(crate) fn new(
        folder: &Path,
        files: Arc<dyn ObjectStore>,
    ) -> Result<Engine, DataFusionError> {
        let spill = folder.join("spill");
        // What queries had put aside when the process was killed: nobody else has the folder open.
        match std::fs::remove_dir_all(&spill) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => std::fs::create_dir_all(&spill)?,
        }
        let spill = DiskManagerMode::Directories(vec![spill]);
        let runtime = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
            .with_cache_manager(
                CacheManagerConfig::default()
                    .with_file_metadata_cache(Some(footers::cache()))
                    .with_metadata_cache_limit(footers::BYTES_MAX),
            )
            .build_arc()?;
        // What deleting rows writes, it writes through sessions: it must be synced as well.
        runtime.register_object_store(ObjectStoreUrl::local_filesystem().as_ref(), files);
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_information_schema(true);
        config.options_mut().execution.time_zone = Some("UTC".to_owned());
        config.options_mut().execution.parquet.pushdown_filters = true;
        config.options_mut().execution.parquet.reorder_filters = true;
        // No file of ours has any.
        config.options_mut().execution.parquet.bloom_filter_on_read = false;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&runtime))
            .with_default_features()
            .build();
        let base = SessionContext::new_with_state(state);
        functions::register(&base);
        let room = Arc::new(Semaphore::new(QUESTIONS_MAX));
        Ok(Engine { base, runtime, room })
    }

    /// Room for questions that run at once.
    pub(crate) fn room(&self) -> Arc<Semaphore> {
        Arc::clone(&self.room)
    }

    /// A session for the lake's own work, without tables.
    pub(crate) fn session(&self) -> &SessionContext {
        &self.base
    }

    /// A session that sees all tables as they are at this moment, and what is brought from outside.
    pub(crate) fn session_of(
        &self,
        state: &State,
        outside: &[Arc<OutsideTable>],
        memory: usize,
    ) -> Result<SessionContext, DataFusionError> {
        let schema = MemorySchemaProvider::new();
        for (name, table) in state.now() {
            schema.register_table(name, Arc::new(View::of(table)?))?;
        }
        let catalog = MemoryCatalogProvider::new();
        add_outside(&catalog, &schema, outside)?;
        if !schema.table_exist(QUARANTINE) {
            let empty = with_commit(&RecordBatch::new_empty(quarantine_schema()), 0)?;
            let empty = MemTable::try_new(empty.schema(), vec![Vec::new()])?;
            schema.register_table(QUARANTINE.to_owned(), Arc::new(empty))?;
        }
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
        let runtime = RuntimeEnvBuilder::from_runtime_env(&self.runtime)
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory)))
            .build_arc()?;
        let of_query = SessionStateBuilder::new_from_existing(self.base.state())
            .with_catalog_list(Arc::new(datafusion::catalog::MemoryCatalogProviderList::new()))
            .with_runtime_env(runtime)
            .build();
        let session = SessionContext::new_with_state(of_query);
        session.register_catalog(CATALOG, Arc::new(catalog));
        Ok(session)
    }
}

/// Adds tables from outside, each where it stands.
fn add_outside(
    catalog: &MemoryCatalogProvider,
    main: &MemorySchemaProvider,
    outside: &[Arc<OutsideTable>],
) -> Result<(), DataFusionError> {
    for table in outside {
        let batch = table.batch();
        let rows: Arc<dyn TableProvider> =
            Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch.clone()]])?);
        match table.standing() {
            Standing::First => drop(main.deregister_table(table.name())?),
            Standing::Last => {}
            Standing::Within(name) => {
                let schema = match catalog.schema(name) {
                    Some(schema) => schema,
                    None => {
                        let schema: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
                        catalog.register_schema(name, Arc::clone(&schema))?;
                        schema
                    }
                };
                schema.register_table(table.name().to_owned(), Arc::clone(&rows))?;
            }
        }
        if !main.table_exist(table.name()) {
            main.register_table(table.name().to_owned(), rows)?;
        }
    }
    Ok(())
}

/// What a query would give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Columns of the answer.
    pub columns: Vec<AnswerColumn>,
    /// Kinds of `$1`, `$2` …, where the query tells them.
    pub parameters: Vec<Option<Kind>>,
}

/// Bytes of a question.
const SQL_BYTES_MAX: usize = 256 << 10;
/// Names and key words of a question: each may be one more table that is joined.
const WORDS_MAX: usize = 2000;
/// Operators of a question. What stands in a row becomes a tree as deep as the row is long, and who
/// walks that takes as much of the stack.
const OPERATORS_MAX: usize = 400;

/// Refuses what would be too deep to plan.
fn fits(sql: &str) -> Result<(), QueryError> {
    let refused =
        |what: &str| Err(QueryError::TooComplex(format!("the question has more than {what}")));
    if sql.len() > SQL_BYTES_MAX {
        return refused(&format!("{} KiB", SQL_BYTES_MAX >> 10));
    }
    // What can't be read is told by the parser.
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    let (mut words, mut operators) = (0, 0);
    for token in &tokens {
        match token {
            Token::Word(word) => {
                words += 1;
                operators += usize::from(is_operator(word.keyword));
            }
            Token::Whitespace(_)
            | Token::Comma
            | Token::LParen
            | Token::RParen
            | Token::Period
            | Token::SemiColon
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::EOF => {}
            _ => operators += 1,
        }
    }
    match (words > WORDS_MAX, operators > OPERATORS_MAX) {
        (true, _) => refused(&format!("{WORDS_MAX} names and key words")),
        (_, true) => refused(&format!("{OPERATORS_MAX} operators")),
        _ => Ok(()),
    }
}

fn is_operator(word: Keyword) -> bool {
    use Keyword as K;
    matches!(
        word,
        K::AND
            | K::OR
            | K::NOT
            | K::IS
            | K::LIKE
            | K::ILIKE
            | K::BETWEEN
            | K::UNION
            | K::EXCEPT
            | K::INTERSECT
            | K::JOIN
            | K::COLLATE
            | K::AT
    )
}

/// The plan of a query that only reads.
async fn planned(session: &SessionContext, sql: &str) -> Result<LogicalPlan, QueryError> {
    fits(sql)?;
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let state = session.state();
    let statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    let plan = match state.statement_to_plan(statement.clone()).await {
        Ok(plan) => plan,
        Err(error) => return Err(unplanned(session, &statement, error).await),
    };
    let refused = |error: DataFusionError| QueryError::NotARead(first_line(&error));
    read_only.verify_plan(&plan).map_err(refused)?;
    Ok(plan)
}

/// Plans a query, and runs nothing.
pub(crate) async fn describe(session: &SessionContext, sql: &str) -> Result<Described, QueryError> {
    let plan = planned(session, sql).await?;
    let parameters = parameters_of(&plan)?.into_iter().map(|it| it.as_ref().map(kind)).collect();
    Ok(Described { columns: columns(plan.schema().as_arrow()), parameters })
}

/// Types of `$1`, `$2` …, where the query tells them.
fn parameters_of(plan: &LogicalPlan) -> Result<Vec<Option<DataType>>, QueryError> {
    let mut parameters = Vec::new();
    for (name, of) in plan.get_parameter_types()? {
        let place = name.trim_start_matches('$').parse::<usize>().ok();
        let Some(place) = place.filter(|it| (1..=PARAMETERS_MAX).contains(it)) else {
            return Err(QueryError::Parameters(format!(
                "`{name}` is no parameter: they are $1, $2 …"
            )));
        };
        if parameters.len() < place {
            parameters.resize(place, None);
        }
        if let Some(known) = parameters.get_mut(place - 1) {
            *known = of;
        }
    }
    Ok(parameters)
}

/// A plan with values for its parameters.
fn bound(plan: LogicalPlan, values: Vec<Option<String>>) -> Result<LogicalPlan, QueryError> {
    let types = parameters_of(&plan)?;
    if types.len() > values.len() {
        let (asked, given) = (types.len(), values.len());
        let told = format!("{asked} parameters are asked for, not {given}");
        return Err(QueryError::Parameters(told));
    }
    if types.is_empty() {
        return Ok(plan);
    }
    let value = |(value, of): (Option<String>, Option<DataType>)| {
        let of = of.unwrap_or(DataType::Utf8);
        match value {
            Some(text) => ScalarValue::try_from_string(text, &of),
            None => ScalarValue::try_from(&of),
        }
    };
    let values: Result<Vec<ScalarValue>, _> = values.into_iter().zip(types).map(value).collect();
    Ok(plan.with_param_values(values?)?)
}

/// Begins a query; its rows come while the answer is read.
pub(crate) async fn ask(
    session: SessionContext,
    sql: &str,
    parameters: Vec<Option<String>>,
    limits: Limits,
    room: Arc<Semaphore>,
) -> Result<Answer, QueryError> {
    let began = tokio::time::Instant::now();
    let until = began + limits.time;
    // It is never closed; who waits longer than their question may take has waited long enough.
    let Ok(Ok(running)) = tokio::time::timeout_at(until, room.acquire_owned()).await else {
        return Err(QueryError::TooMany);
    };
    let planned = async {
        let plan = bound(planned(&session, sql).await?, parameters)?;
        let frame = session.execute_logical_plan(plan).await?;
        Ok::<_, QueryError>(frame.execute_stream().await?)
    };
    let rows = match tokio::time::timeout_at(until, planned).await {
        Ok(planned) => planned?,
        Err(_) => return Err(too_long(limits)),
    };
    let schema = rows.schema();
    let (send, pages) = mpsc::channel(PAGES_WAITING);
    tokio::spawn(async move {
        let late = send.clone();
        tokio::select! {
            () = pump(rows, send) => {}
            () = late.closed() => {}
            () = tokio::time::sleep_until(until) => {
                // Whoever doesn't read takes the place of no other question any longer.
                drop(running);
                // Who has gone isn't told.
                let _ = late.send(Err(too_long(limits))).await;
            }
        }
    });
    Ok(Answer::new(schema, pages, limits.rows))
}

async fn pump(
    mut rows: SendableRecordBatchStream,
    to: mpsc::Sender<Result<RecordBatch, QueryError>>,
) {
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(QueryError::from);
        let is_end = batch.is_err();
        if to.send(batch).await.is_err() || is_end {
            return;
        }
    }
}

fn too_long(limits: Limits) -> QueryError {
    QueryError::TooLong { seconds: limits.time.as_secs() }
}
