//! How much the lake may use, and when it does what.

use std::time::Duration;

/// Bounds and spans. The defaults suit a machine with some gigabytes of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Rows that may wait to be written; beyond, senders are told to come back.
    pub queue_rows: usize,
    /// Bytes that may wait to be written.
    pub queue_bytes: usize,
    /// Rows of one payload; beyond, it is to be sent in parts.
    pub payload_rows: usize,
    /// Bytes after which a segment of the log ends.
    pub segment_bytes: u64,
    /// Rows in memory after which they are written to files.
    pub flush_rows: usize,
    /// Bytes in memory after which rows are written to files.
    pub flush_bytes: usize,
    /// How long a row stays in memory only.
    pub flush_age: Duration,
    /// Bytes in memory beyond which nothing is taken until some are in files.
    pub memory_bytes: usize,
    /// Bytes that identities of recent rows may take. What is known of each device stays beside.
    pub identities_bytes: usize,
    /// Bytes that stay free on the disk; with less, nothing is taken.
    pub disk_free: u64,
    /// How often small files are merged and old ones deleted.
    pub tidy_every: Duration,
    /// How long files that were merged stay at least, for queries that read them still: they are
    /// given up after that, and deleted after it once more.
    pub keep_replaced: Duration,
    /// Threads for queries and files; nothing for as many as there are cores.
    pub threads: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            queue_rows: 1_000_000,
            queue_bytes: 256 << 20,
            payload_rows: 500_000,
            segment_bytes: 64 << 20,
            flush_rows: 1_000_000,
            flush_bytes: 128 << 20,
            flush_age: Duration::from_secs(300),
            memory_bytes: 1 << 30,
            identities_bytes: 256 << 20,
            disk_free: 512 << 20,
            tidy_every: Duration::from_secs(300),
            keep_replaced: Duration::from_secs(3600),
            threads: None,
        }
    }
}
