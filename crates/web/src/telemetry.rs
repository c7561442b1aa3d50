//! What pages ask of the data that devices send. Whoever keeps that data answers; pages know these
//! types only, so that they need no query engine to be built or tested.

mod fault;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use jiff::Timestamp;
use jiff::civil::Date;
use longlead_stream::quality::DeviceRows;
use longlead_stream::{Contract, Proposal};
use serde_json::Value as Json;

pub(crate) use fault::problem;
pub use fault::{Fault, TelemetryError};

/// A future that a keeper gives back.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Bytes of a file, in parts as they come.
pub type Parts = Pin<Box<dyn Stream<Item = Result<Vec<u8>, TelemetryError>> + Send>>;

/// Keeps what devices sent, and answers questions about it.
pub trait Telemetry: fmt::Debug + Send + Sync + 'static {
    /// What there is, by name of table.
    fn tables(&self) -> BoxFuture<'_, Result<Vec<StoredTable>, TelemetryError>>;

    /// Asks in SQL. All that is acknowledged is seen, each row once.
    fn answer(&self, question: Question) -> BoxFuture<'_, Result<Answer, TelemetryError>>;

    /// Asks in SQL of what devices sent alone.
    fn ask(&self, sql: String, limits: Limits) -> BoxFuture<'_, Result<Answer, TelemetryError>> {
        self.answer(Question { sql, limits, facts: Vec::new() })
    }

    /// Asks in SQL for a file.
    fn file(
        &self,
        question: Question,
        format: FileFormat,
    ) -> BoxFuture<'_, Result<Parts, TelemetryError>>;

    /// The rows of a stream that were captured in a window (microseconds since 1970), by device,
    /// each in the order in which they were received; of more than `rows_max` rows, the newest.
    fn device_rows(
        &self,
        contract: Arc<Contract>,
        window: Range<i64>,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<DevicesOf, TelemetryError>>;

    /// The rows of one device in a stream that were captured in a window, in the order in which
    /// they were received; of more than `rows_max` rows, the newest.
    fn rows_of(
        &self,
        contract: Arc<Contract>,
        device: String,
        window: Range<i64>,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<DevicesOf, TelemetryError>>;

    /// Judges readings of a stream in quarantine again, by its contract as it is now: those that
    /// an earlier version judged, or none. What fits becomes rows; what doesn't stays, with what
    /// is wrong with it now.
    fn judge_anew(&self, stream: String) -> BoxFuture<'_, Result<Judged, TelemetryError>>;

    /// A contract that fits what was sent of a stream that has none; nothing if nothing was.
    fn proposal(&self, stream: String) -> BoxFuture<'_, Result<Option<Proposal>, TelemetryError>>;

    /// What was last removed from a stream because of its contract's retention, if it has one.
    fn removed(&self, stream: &str) -> Option<Removed>;

    /// Names of the functions that queries may use.
    fn functions(&self) -> Vec<String>;
}

/// Texts as SQL writes them, for a list: `'climate', 'it''s'`.
pub fn texts_in_sql<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted = |text: T| format!("'{}'", text.as_ref().replace('\'', "''"));
    texts.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// What became of readings that were judged again, and why not of more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What was done, which stays done.
    pub done: JudgedAnew,
    /// What ended it early.
    pub failed: Option<TelemetryError>,
}

/// What became of readings that were judged again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JudgedAnew {
    /// Readings that were judged.
    pub readings: u64,
    /// Those that became rows.
    pub rows: u64,
    /// Those that were rows already, or say other than the row that is there.
    pub there: u64,
    /// Those that still don't fit.
    pub held: u64,
    /// Those that weren't judged yet, since there were too many for once.
    pub left: u64,
}

/// What retention removed from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// When it was looked.
    pub at: Timestamp,
    /// What was captured before this was removed.
    pub before: Timestamp,
    /// Rows that went.
    pub rows: u64,
    /// Parts of the quarantine that went.
    pub quarantined: u64,
}

/// A question in SQL.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is asked.
    pub sql: String,
    /// What answering it may use.
    pub limits: Limits,
    /// Tables that it may name beside those of devices.
    pub facts: Vec<FactTable>,
}

/// A table of records or of the plan, as whoever asks may read it.
#[derive(Clone, Debug, PartialEq)]
pub struct FactTable {
    /// Its schema: `product`.
    pub schema: String,
    /// Its name within it: `features`.
    pub name: String,
    /// Names of columns with their values, one for each row.
    pub columns: Vec<(String, FactColumn)>,
}

/// The values of a column of facts.
#[derive(Clone, Debug, PartialEq)]
pub enum FactColumn {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Numbers with decimals.
    Float(Vec<Option<f64>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Truths.
    Bool(Vec<Option<bool>>),
    /// Civil days.
    Date(Vec<Option<Date>>),
}

/// Rows of a stream in a window.
#[derive(Clone, Debug, Default)]
pub struct DevicesOf {
    /// Serial numbers with their rows.
    pub devices: Vec<(String, DeviceRows)>,
    /// Where there are more rows than were asked for: when those begin that are here, in
    /// microseconds since 1970. What is due is reckoned from then on.
    pub part_from: Option<i64>,
}

/// A table of a stream, or the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTable {
    /// The stream, or `quarantine`.
    pub name: String,
    /// Names and SQL types of its columns.
    pub columns: Vec<(String, String)>,
    /// Rows in files and in memory.
    pub rows: u64,
    /// Those of them that are in the log and in memory only.
    pub rows_in_memory: u64,
    /// Parquet files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What one question may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From its start to its last row.
    pub time: Duration,
    /// Bytes that sorting, joining and grouping may hold.
    pub memory: usize,
    /// Rows of its answer.
    pub rows: usize,
}

/// What a column of an answer holds, as far as pages care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers, which stand on the right.
    Number,
    /// Instants, as texts of RFC 3339.
    Time,
    /// Anything else.
    Text,
}

/// Rows that answer a question.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Names and kinds of its columns.
    pub columns: Vec<(String, ColumnKind)>,
    /// Values by row.
    pub rows: Vec<Vec<Json>>,
    /// Whether there are more rows than the limit.
    pub is_truncated: bool,
    /// How long it took.
    pub took: Duration,
}

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Comma-separated, with a head.
    Csv,
    /// Apache Parquet.
    Parquet,
}
