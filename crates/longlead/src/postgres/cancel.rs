//! Questions that may be ended from another connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::sync::Notify;

/// Number and secret of a connection: whoever knows both may end what runs on it.
type Key = (i32, i32);

/// Who listens for the end of their question.
#[derive(Debug, Default)]
pub(super) struct Cancels(Arc<Mutex<HashMap<Key, Arc<Notify>>>>);

/// One connection's place among them, until it is dropped.
#[derive(Debug)]
pub(super) struct Cancel {
    all: Arc<Mutex<HashMap<Key, Arc<Notify>>>>,
    key: Key,
    notify: Arc<Notify>,
}

impl Cancels {
    pub(super) fn add(&self) -> anyhow::Result<Cancel> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).context("no random numbers")?;
        let [a, b, c, d, e, f, g, h] = bytes;
        let key = (i32::from_be_bytes([a & 0x7f, b, c, d]), i32::from_be_bytes([e, f, g, h]));
        let notify = Arc::new(Notify::new());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, Arc::clone(&notify));
        Ok(Cancel { all: Arc::clone(&self.0), key, notify })
    }

    pub(super) fn cancel(&self, key: Key) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = all.get(&key) {
            notify.notify_waiters();
        }
    }
}

impl Cancel {
    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// Waits until somebody ends what runs.
    pub(super) async fn cancelled(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
