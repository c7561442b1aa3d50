//! What a front door is told once readings were handed on to be kept.

/// What became of a payload, told once all of it is on stable storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Readings that became rows.
    pub rows: u64,
    /// Readings that were there already.
    pub duplicates: u64,
    /// Readings, or parts of the payload, that went to quarantine.
    pub quarantined: u64,
}

/// Why a payload wasn't taken. Nothing of it is kept, and the sender is to send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More waits to be written than may wait.
    #[error("too much is waiting to be written; try again in {retry_after_seconds} s")]
    Busy {
        /// When to try again.
        retry_after_seconds: u32,
    },
    /// The disk is full, or nearly so.
    #[error("the disk is full")]
    DiskFull,
    /// One payload holds more than can be taken at once.
    #[error("the payload holds more than is taken at once; send it in parts")]
    TooLarge,
    /// The server is shutting down.
    #[error("the server is closing")]
    Closing,
}
