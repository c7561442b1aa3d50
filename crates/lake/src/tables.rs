//! The DuckLake tables: Parquet files under `data/`, and a catalog that any DuckLake reader attaches.

mod attach;
mod file;
mod keep;
mod merge;
mod rows;
mod source;
mod write;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::error::ArrowError;
use datafusion::catalog::{CatalogProvider, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::min_max::max;
use datafusion::logical_expr::ident;
use datafusion::prelude::SessionContext;
use datafusion_ducklake::metadata_provider::MetadataProvider;
use datafusion_ducklake::sort::{NullOrder, SortDirection, SortField};
use datafusion_ducklake::{
    ColumnDef, DuckLakeCatalog, DuckLakeError, DuckLakeWriteOptions, MetadataWriter,
    PartitionTransform, SqliteMetadataProvider, SqliteMetadataWriter, WriteMode,
};
use object_store::ObjectStore;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use sqlx::{ConnectOptions, Connection};

use crate::columns::{COMMIT, QUARANTINE, conform, plain};
use crate::durable_store::DurableFiles;
use crate::state::Stored;

pub(crate) use merge::Bin;

/// The schema that all tables are in.
pub(crate) const SCHEMA: &str = "main";
/// Rows of a Parquet row group: DuckDB's own, which lets one thread read one.
const ROW_GROUP_ROWS: usize = 122_880;
/// Rows of a page: the least that is read of a column.
const PAGE_ROWS: usize = 8_192;
/// How files are packed. Most that there is to save, dictionaries and differences have saved; of
/// what questions took, a third went into unpacking Zstandard.
const PACKING: Compression = Compression::LZ4_RAW;

/// What goes wrong with tables.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TablesError {
    #[error("the catalog's database can't be used")]
    Catalog(#[from] sqlx::Error),
    #[error("a file can't be written")]
    Write(#[from] object_store::Error),
    #[error("the DuckLake catalog can't be used")]
    DuckLake(#[from] DuckLakeError),
    #[error("a table can't be read")]
    Read(#[from] DataFusionError),
    #[error("rows don't fit their table")]
    Columns(#[from] ArrowError),
    #[error("a Parquet file can't be written or read")]
    Parquet(#[source] ParquetError),
    #[error("a file can't be read")]
    Io(#[source] io::Error),
    #[error("{path} can't be written or read")]
    File {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("{0}")]
    Missing(String),
}

impl TablesError {
    /// What goes wrong with a file.
    fn file(path: &Path) -> impl FnOnce(io::Error) -> TablesError {
        let path = path.display().to_string();
        |source| TablesError::File { path, source }
    }
}

/// The catalog, for reading and writing.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    provider: Arc<dyn MetadataProvider>,
    writer: Arc<SqliteMetadataWriter>,
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Where files lie.
    data: PathBuf,
    /// Files that are too wide in time to be merged.
    too_wide: Arc<Mutex<HashSet<i64>>>,
}

impl Tables {
    /// Opens the catalog of a folder, or makes one.
    pub(crate) async fn open(folder: &Path) -> Result<Tables, TablesError> {
        let (file, data) = (folder.join("catalog.sqlite"), folder.join("data"));
        std::fs::create_dir_all(&data).map_err(DuckLakeError::Io)?;
        prepare(&file).await?;
        let url = format!("sqlite:{}?mode=rwc", file.display());
        let writer = SqliteMetadataWriter::new_with_init(&url).await?;
        attach::complete(&file).await?;
        let path = data.display().to_string();
        if writer.get_data_path().map_or(true, |it| it.trim_end_matches('/') != path) {
            writer.set_data_path(&path)?;
        }
        let provider = SqliteMetadataProvider::new(&url).await?;
        let store = Arc::new(DurableFiles::new(data.clone()));
        let (provider, writer) = (Arc::new(provider), Arc::new(writer));
        Ok(Tables { provider, writer, store, data, too_wide: Arc::default() })
    }

    fn snapshot(&self) -> Result<i64, TablesError> {
        Ok(self.provider.get_current_snapshot()?)
    }

    /// Names of the tables.
    pub(crate) fn names(&self) -> Result<Vec<String>, TablesError> {
        let snapshot = self.snapshot()?;
        let Some(schema) = self.provider.get_schema_by_name(SCHEMA, snapshot)? else {
            return Ok(Vec::new());
        };
        let tables = self.provider.list_tables(schema.schema_id, snapshot)?;
        Ok(tables.into_iter().map(|it| it.table_name).collect())
    }

    /// A table as it is now.
    pub(crate) async fn stored(&self, name: &str) -> Result<Option<Stored>, TablesError> {
        let snapshot = self.snapshot()?;
        self.stored_at(name, snapshot).await
    }

    async fn stored_at(&self, name: &str, snapshot: i64) -> Result<Option<Stored>, TablesError> {
        let catalog = DuckLakeCatalog::with_snapshot(Arc::clone(&self.provider), snapshot)?;
        let Some(schema) = catalog.schema(SCHEMA) else { return Ok(None) };
        let provider = schema.table(name).await?;
        Ok(provider.map(|provider| Stored { provider }))
    }

    /// A table that can be changed.
    async fn changeable(&self, name: &str) -> Result<Arc<dyn TableProvider>, TablesError> {
        let writer: Arc<dyn MetadataWriter> = Arc::<SqliteMetadataWriter>::clone(&self.writer);
        let catalog = DuckLakeCatalog::with_writer(Arc::clone(&self.provider), writer)?
            .with_write_options(options());
        let schema = catalog.schema(SCHEMA).ok_or_else(|| no_table(name))?;
        schema.table(name).await?.ok_or_else(|| no_table(name))
    }

    /// Adds rows to a table in one commit, sorted, one file a day or more; makes the table, and
    /// columns that are new.
    pub(crate) async fn append(
        &self,
        name: &str,
        batches: &[RecordBatch],
        schema: &SchemaRef,
    ) -> Result<Stored, TablesError> {
        let before = self.stored(name).await?;
        if before.is_none() {
            self.create(name, schema)?;
        }
        // Types as rows have them, and not as they are read again.
        let schema = &plain(schema, "");
        let rows: Result<Vec<RecordBatch>, ArrowError> =
            batches.iter().map(|it| conform(it, schema)).collect();
        let snapshot = self.write(name, schema, rows?).await?;
        self.stored_at(name, snapshot).await?.ok_or_else(|| no_table(name))
    }

    /// Makes an empty table: one partition a day, rows of a device together and in order of time.
    fn create(&self, name: &str, schema: &SchemaRef) -> Result<(), TablesError> {
        let columns = schema.fields().iter();
        let columns: Result<Vec<ColumnDef>, DuckLakeError> = columns
            .map(|it| ColumnDef::from_arrow(it.name(), it.data_type(), it.is_nullable()))
            .collect();
        let columns = columns?;
        let mode = WriteMode::Replace;
        let setup = self.writer.begin_write_transaction(SCHEMA, name, &columns, mode)?;
        self.writer.publish_snapshot(
            setup.table_id,
            SCHEMA,
            name,
            setup.snapshot_id,
            mode,
            setup.base_snapshot_id,
            &columns,
            &setup.column_ids,
        )?;
        let Order { device, time } = order_of(name);
        // By DuckLake's words a day is that of a month, whichever.
        let parts = [PartitionTransform::Year, PartitionTransform::Month, PartitionTransform::Day];
        let partition = parts.map(|it| (time.to_owned(), it));
        self.writer.set_partition_spec(setup.table_id, &partition)?;
        let order: Vec<SortField> = (0..)
            .zip(device.into_iter().chain([time]))
            .map(|(place, it)| {
                SortField::column(place, it, SortDirection::Asc, NullOrder::NullsLast)
            })
            .collect();
        self.writer.set_sort_spec(setup.table_id, &order)?;
        Ok(())
    }
}

/// The columns by which a table is sorted: its devices, if it has any, and then time. Each file
/// holds a day by that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    device: Option<&'static str>,
    time: &'static str,
}

fn order_of(table: &str) -> Order {
    match table {
        QUARANTINE => Order { device: None, time: "received" },
        _ => Order { device: Some("device"), time: "captured" },
    }
}

/// How files are written that the library writes.
fn options() -> DuckLakeWriteOptions {
    let mut options = DuckLakeWriteOptions::default().with_data_inlining_row_limit(0);
    options.compression = Some(PACKING);
    options.max_row_group_rows = Some(ROW_GROUP_ROWS);
    options
}

/// The database in WAL mode, so that those who attach it don't hold up writing.
async fn prepare(file: &Path) -> Result<(), sqlx::Error> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full);
    options.connect().await?.close().await
}

fn no_table(name: &str) -> TablesError {
    TablesError::Missing(format!("the catalog has no table {name}"))
}

/// The newest commit that is in a table's files.
pub(crate) async fn newest_commit(
    session: &SessionContext,
    stored: &Stored,
) -> Result<u64, TablesError> {
    let rows = session.read_table(Arc::clone(&stored.provider))?;
    let newest = rows.aggregate(Vec::new(), vec![max(ident(COMMIT))])?.collect().await?;
    let column = newest.first().and_then(|it| it.columns().first());
    let newest = column.and_then(|it| it.as_primitive_opt::<Int64Type>()?.iter().flatten().max());
    Ok(newest.map_or(0, |it| it.max(0).cast_unsigned()))
}
