//! The database: one SQL text for SQLite and PostgreSQL, transactions, and what can go wrong.
//!
//! sqlx's own `Any` driver would do much of this, but it can't be given the options of a
//! connection (durability above all), and it types a NULL too loosely for PostgreSQL. Values are
//! texts and 64-bit integers only; both databases take `$1` placeholders.

mod lock;
mod migrate;
mod value;

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool};

use crate::journal::Sequence;
pub(crate) use migrate::VERSION;
pub(crate) use value::{Row, Value, places, values};

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none that is known.
    #[error(
        "`{0}` is no address of a database: write `sqlite:PATH`, `sqlite::memory:` or \
         `postgres://USER@HOST/DATABASE`"
    )]
    Address(String),
    /// Another process has the file.
    #[error(
        "{} is open in another process: stop that server first, or ask it (`longlead backup \
         --from`)",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file or its folder can't be used.
    #[error("can't use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A newer program wrote it.
    #[error(
        "the database has tables of version {found}, and this program knows versions up to \
         {known}: use the newer program"
    )]
    Newer {
        /// The version of its tables.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The database failed.
    #[error("the database could not be opened")]
    Store(#[from] StoreError),
}

/// What went wrong with the database. Nothing of what was asked has been done, unless said.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or can't be reached.
    #[error("the database failed")]
    Database(#[source] DatabaseError),
    /// A change set isn't what was written.
    #[error("change set {sequence} of the journal is damaged: {what}")]
    Damaged {
        /// The first that is wrong.
        sequence: Sequence,
        /// In which way.
        what: &'static str,
    },
    /// The connection went while a commit was under way, and stayed away.
    #[error("the database went away while it was writing: whether the change was kept will show")]
    InDoubt,
    /// A row isn't what this program writes.
    #[error("the database holds what this program never writes: {0}")]
    Unexpected(String),
    /// A text has the character U+0000, which PostgreSQL can't keep; SQLite isn't given it either,
    /// so that its backups go into both.
    #[error("a text has the character U+0000, which can't be kept")]
    Nul,
    /// Every connection was in use for too long.
    #[error("the database has no connection to spare")]
    Busy,
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
}

impl StoreError {
    /// True if it's what was asked that failed, and not the database as a whole.
    pub(crate) fn is_of_the_request(&self) -> bool {
        match self {
            StoreError::Nul => true,
            StoreError::Database(DatabaseError(error)) => {
                matches!(**error, sqlx::Error::Database(_) | sqlx::Error::Encode(_))
            }
            _ => false,
        }
    }

    /// True if the same may go well later: the database is busy, full or away.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            StoreError::Busy | StoreError::InDoubt => true,
            StoreError::Database(DatabaseError(error)) => match &**error {
                sqlx::Error::Database(error) => {
                    error.code().is_some_and(|code| code_may_pass(&code))
                }
                sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => true,
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether what a code tells is over sometime. PostgreSQL's have five characters, of which two name
/// the class; SQLite's are numbers, of which the last byte names it.
fn code_may_pass(code: &str) -> bool {
    if code.len() == 5 {
        // Connections, read-only servers, conflicts, resources, locks, shutdowns, the system.
        let classes = ["08", "25", "40", "53", "55", "57", "58"];
        return classes.iter().any(|class| code.starts_with(class));
    }
    // Busy, locked, no memory, interrupted, input and output, full, can't be opened.
    code.parse().is_ok_and(|code: u32| matches!(code & 0xff, 5 | 6 | 7 | 9 | 10 | 13 | 14))
}

/// The error of the database's driver.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseError(Arc<sqlx::Error>);

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::PoolClosed => StoreError::Closed,
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            error => StoreError::Database(DatabaseError(Arc::new(error))),
        }
    }
}

/// The pool of connections, and what keeps others away from a file.
#[derive(Debug)]
pub(crate) struct Store {
    pool: Pool,
    /// SQLite has one writer at a time; who waits here is served in order, which its own busy
    /// handler doesn't promise.
    writing: tokio::sync::Mutex<()>,
    lock: Option<lock::FileLock>,
}

#[derive(Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A transaction; dropped without [`Transaction::commit`], it never was.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    connection: Connection,
    _writing: Option<tokio::sync::MutexGuard<'a, ()>>,
}

#[derive(Debug)]
enum Connection {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

macro_rules! query {
    ($sql:expr, $values:expr) => {{
        value::without_nul($values)?;
        $values.iter().cloned().fold(sqlx::query(AssertSqlSafe($sql)), |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Integer(integer) => query.bind(integer),
        })
    }};
}

impl Store {
    /// Opens the database, creates it where it's a file that isn't there, and brings its tables
    /// up to date.
    pub(crate) async fn open(url: &str) -> Result<Store, OpenError> {
        let store = match url.split_once(':') {
            Some(("sqlite", _)) => open_sqlite(url).await?,
            Some(("postgres" | "postgresql", _)) => open_postgres(url).await?,
            _ => return Err(OpenError::Address(without_password(url))),
        };
        migrate::migrate(&store).await?;
        Ok(store)
    }

    /// True where other processes may write to the same database.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.pool, Pool::Postgres(_))
    }

    /// What a query ends with that must keep its rows as they are until the transaction ends.
    pub(crate) fn for_update(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite(_) => "",
            Pool::Postgres(_) => " FOR UPDATE",
        }
    }

    /// A transaction that sees one state of the database and changes nothing.
    pub(crate) async fn read(&self) -> Result<Transaction<'_>, StoreError> {
        let connection = match &self.pool {
            Pool::Sqlite(pool) => Connection::Sqlite(pool.begin().await?),
            Pool::Postgres(pool) => Connection::Postgres(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            ),
        };
        Ok(Transaction { connection, _writing: None })
    }

    /// A transaction that writes.
    pub(crate) async fn write(&self) -> Result<Transaction<'_>, StoreError> {
        Ok(match &self.pool {
            Pool::Sqlite(pool) => {
                let writing = self.writing.lock().await;
                let transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                let connection = Connection::Sqlite(transaction);
                Transaction { connection, _writing: Some(writing) }
            }
            Pool::Postgres(pool) => Transaction {
                connection: Connection::Postgres(pool.begin().await?),
                _writing: None,
            },
        })
    }

    /// The rows of one query, outside of any transaction.
    pub(crate) async fn rows(
        &self,
        sql: impl Into<String>,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let rows = query!(sql.into(), values).fetch_all(pool).await?;
                rows.iter().map(Row::of_sqlite).collect()
            }
            Pool::Postgres(pool) => {
                let rows = query!(sql.into(), values).fetch_all(pool).await?;
                rows.iter().map(Row::of_postgres).collect()
            }
        }
    }

    /// The first row of a query, outside of any transaction.
    pub(crate) async fn row(
        &self,
        sql: impl Into<String>,
        values: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Ends every connection and lets others have the file.
    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
        if let Some(lock) = &self.lock {
            lock.release();
        }
    }
}

impl Transaction<'_> {
    /// The rows of a query.
    pub(crate) async fn rows(
        &mut self,
        sql: impl Into<String>,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let rows = query!(sql.into(), values).fetch_all(&mut **connection).await?;
                rows.iter().map(Row::of_sqlite).collect()
            }
            Connection::Postgres(connection) => {
                let rows = query!(sql.into(), values).fetch_all(&mut **connection).await?;
                rows.iter().map(Row::of_postgres).collect()
            }
        }
    }

    /// The first row of a query.
    pub(crate) async fn row(
        &mut self,
        sql: impl Into<String>,
        values: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Hands over the rows of a query one by one, so that they needn't all be held.
    pub(crate) async fn for_each(
        &mut self,
        sql: impl Into<String>,
        values: &[Value],
        mut take: impl FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let mut rows = query!(sql.into(), values).fetch(&mut **connection);
                while let Some(row) = rows.try_next().await? {
                    take(Row::of_sqlite(&row)?)?;
                }
            }
            Connection::Postgres(connection) => {
                let mut rows = query!(sql.into(), values).fetch(&mut **connection);
                while let Some(row) = rows.try_next().await? {
                    take(Row::of_postgres(&row)?)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a statement; tells how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<String>,
        values: &[Value],
    ) -> Result<u64, StoreError> {
        Ok(match &mut self.connection {
            Connection::Sqlite(connection) => {
                query!(sql.into(), values).execute(&mut **connection).await?.rows_affected()
            }
            Connection::Postgres(connection) => {
                query!(sql.into(), values).execute(&mut **connection).await?.rows_affected()
            }
        })
    }

    /// Runs several statements that take no values.
    async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                sqlx::raw_sql(sql).execute(&mut **connection).await?;
            }
            Connection::Postgres(connection) => {
                sqlx::raw_sql(sql).execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// The next number of a kind of thing; numbers are never used twice.
    pub(crate) async fn next_id(&mut self, name: &str) -> Result<i64, StoreError> {
        let sql = "UPDATE counter SET last = last + 1 WHERE name = $1 RETURNING last";
        match self.row(sql, &values![name]).await? {
            Some(row) => row.integer(0),
            None => Err(StoreError::Unexpected(format!("there is no counter `{name}`"))),
        }
    }

    /// Makes it last: on stable storage when this returns.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.connection {
            Connection::Sqlite(connection) => connection.commit().await?,
            Connection::Postgres(connection) => connection.commit().await?,
        }
        Ok(())
    }
}

/// Conditions that a query is put together from, each with one value.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    texts: Vec<String>,
    pub(crate) values: Vec<Value>,
}

impl Conditions {
    pub(crate) fn add(&mut self, left: &'static str, value: Value) {
        self.values.push(value);
        self.texts.push(format!("{left} ${}", self.values.len()));
    }

    pub(crate) fn text(&self) -> String {
        match self.texts.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.texts.join(" AND ")),
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Store, OpenError> {
    let is_in_memory = url == "sqlite::memory:";
    let mut options = SqliteConnectOptions::from_str(url)
        .map_err(|_| OpenError::Address(url.to_owned()))?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10));
    if is_in_memory {
        // Each connection would have a database of its own, gone when it ends.
        let pool =
            SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = Pool::Sqlite(pool.connect_with(options).await.map_err(StoreError::from)?);
        return Ok(Store { pool, writing: tokio::sync::Mutex::default(), lock: None });
    }
    let path = options.get_filename().to_path_buf();
    let lock = lock::FileLock::take(&path)?;
    make_private(&path)?;
    options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(8);
    let pool = Pool::Sqlite(pool.connect_with(options).await.map_err(StoreError::from)?);
    sync_folder(&path)?;
    Ok(Store { pool, writing: tokio::sync::Mutex::default(), lock: Some(lock) })
}

/// Makes the file before SQLite does, for its owner only: it holds the hashes of passwords. What
/// SQLite puts beside it gets the same permissions.
fn make_private(path: &Path) -> Result<(), OpenError> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(OpenError::File { path: path.to_owned(), source }),
    }
}

/// A new file lasts only when its folder does.
fn sync_folder(path: &Path) -> Result<(), OpenError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if cfg!(not(unix)) {
        return Ok(());
    }
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| OpenError::File { path: folder.to_owned(), source })
}

async fn open_postgres(url: &str) -> Result<Store, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| OpenError::Address(without_password(url)))?
        .application_name("longlead");
    let pool = PgPoolOptions::new().max_connections(10).after_connect(|connection, _| {
        Box::pin(async move {
            sqlx::raw_sql(SETTINGS_OF_POSTGRES).execute(connection).await?;
            Ok(())
        })
    });
    let pool = pool.connect_with(options).await.map_err(StoreError::from)?;
    let pool = Pool::Postgres(pool);
    Ok(Store { pool, writing: tokio::sync::Mutex::default(), lock: None })
}

/// What is acknowledged must be on disk, whatever the server's default; a stricter default stays.
/// A node that hangs in a transaction must not keep the others from writing for ever.
const SETTINGS_OF_POSTGRES: &str = "
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false);
    SET idle_in_transaction_session_timeout = '60s';
    SET lock_timeout = '30s';
    SET timezone = 'UTC';
";

/// The address of a database as it may be shown and logged: without passwords, wherever they stand.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (place, query) = match rest.split_once('?') {
        // A password may have a question mark; then what seems to be the query has the host.
        Some((place, query)) if !query.contains('@') => (place, Some(query)),
        _ => (rest, None),
    };
    let place = match place.rsplit_once('@') {
        Some((login, host)) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            format!("{user}{}@{host}", if password.is_empty() { "" } else { ":…" })
        }
        None => place.to_owned(),
    };
    let shown = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.to_lowercase().contains("password") => format!("{name}=…"),
        _ => pair.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(shown).collect::<Vec<_>>().join("&"));
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    format!("{scheme}://{place}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_databases_are_not_shown() {
        for (url, shown) in [
            ("sqlite:longlead.db", "sqlite:longlead.db"),
            ("sqlite://longlead.db?mode=rwc", "sqlite://longlead.db?mode=rwc"),
            ("postgres://me:secret@db:5432/it", "postgres://me:…@db:5432/it"),
            ("postgres://me:s@cret@db/it", "postgres://me:…@db/it"),
            ("postgres://me:s?cret@db/it", "postgres://me:…@db/it"),
            ("postgres://me@db/it", "postgres://me@db/it"),
            ("postgres://db/it", "postgres://db/it"),
            (
                "postgres://db/it?user=me&password=s&sslpassword=t&sslmode=require",
                "postgres://db/it?user=me&password=…&sslpassword=…&sslmode=require",
            ),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_file_of_a_database_is_its_owners_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("longlead.db");
        let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
        for name in ["longlead.db", "longlead.db-wal"] {
            let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        store.close().await;
    }

    #[tokio::test]
    async fn a_text_that_one_database_could_not_keep_is_refused_by_both() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let refused = store.row("SELECT id FROM app_user WHERE email = $1", &values!["a\0b"]).await;
        assert!(matches!(refused, Err(StoreError::Nul)), "{refused:?}");
    }
}
