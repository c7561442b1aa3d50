//! How much the lake may use, and when it does what.

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
    /// Bytes of rows in memory beyond which nothing is taken.
    pub memory_bytes: usize,
    /// Bytes that stay free on the disk; with less, nothing is taken.
    pub disk_free: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            queue_rows: 1_000_000,
            queue_bytes: 256 << 20,
            payload_rows: 500_000,
            segment_bytes: 64 << 20,
            memory_bytes: 1 << 30,
            disk_free: 512 << 20,
        }
    }
}
