//! The lake as the rest of the product sees it.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use longlead_stream::{Judged, Receipt, Refusal};
use tokio::sync::oneshot;

use crate::columns::Incoming;
use crate::committer::{Command, Queue, Request};
use crate::open::{self, OpenError, Recovery};
use crate::settings::Settings;
use crate::state::State;

/// Rows of all streams: durable, each once. Clones are the same lake.
#[derive(Clone, Debug)]
pub struct Lake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) queue: Arc<Queue>,
    pub(crate) state: Arc<State>,
    pub(crate) committer: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The thread writes what waits, and ends.
        self.queue.close();
    }
}

impl Lake {
    /// Opens the lake of a folder, or makes one, and tells what was found in its log. It must be
    /// called within a Tokio runtime, which it uses for rows that come late.
    pub async fn open(folder: &Path, settings: Settings) -> Result<(Lake, Recovery), OpenError> {
        let (inner, recovery) = open::open(folder, settings).await?;
        Ok((Lake { inner: Arc::new(inner) }, recovery))
    }

    /// Takes judged readings. The receipt comes once all of them are on stable storage; whatever
    /// else comes, nothing of them is kept, or nobody knows, and they are to be sent again.
    pub async fn accept(&self, judged: Judged) -> Result<Receipt, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.put(judged, answer)?;
        answered.await.unwrap_or(Err(Refusal::Closing))
    }

    fn put(
        &self,
        judged: Judged,
        answer: oneshot::Sender<Result<Receipt, Refusal>>,
    ) -> Result<(), Refusal> {
        let inner = &self.inner;
        let count = judged.row_count() + judged.quarantined.len();
        let quarantined: usize = judged.quarantined.iter().map(|it| it.payload.len() + 256).sum();
        if count > inner.settings.payload_rows || quarantined > inner.settings.queue_bytes {
            return Err(Refusal::TooLarge);
        }
        if inner.state.bytes() > inner.settings.memory_bytes {
            return Err(Refusal::Busy { retry_after_seconds: 2 });
        }
        let mut rows = Vec::with_capacity(judged.rows.len());
        for of_stream in judged.rows {
            rows.push(Incoming::of(of_stream).map_err(|error| {
                tracing::error!(%error, "rows aren't as their contract says");
                Refusal::Busy { retry_after_seconds: 60 }
            })?);
        }
        let bytes = rows.iter().map(|it| it.batch.get_array_memory_size()).sum::<usize>();
        let bytes = bytes + quarantined;
        let request = Request { rows, quarantined: judged.quarantined, count, bytes, answer };
        inner.queue.push(request)
    }

    /// The newest commit that is durable.
    pub fn newest_commit(&self) -> u64 {
        self.inner.state.last()
    }

    /// Whether the log failed, so that nothing is taken until the lake is opened anew.
    pub async fn has_failed(&self) -> bool {
        let (done, told) = oneshot::channel();
        self.inner.queue.command(Command::Has { done });
        told.await.is_ok_and(|(_, _, has_failed)| has_failed)
    }

    /// Takes nothing more, and ends once what waits is written.
    pub async fn close(&self) {
        let (done, kept) = oneshot::channel();
        self.inner.queue.command(Command::Keep { through: 0, done });
        if let Ok(Err(error)) = kept.await {
            tracing::warn!(%error, "identities can't be kept; they are in the log");
        }
        self.inner.queue.close();
        let committer = self.inner.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(committer) = committer {
            let joined = tokio::task::spawn_blocking(move || committer.join());
            if !matches!(joined.await, Ok(Ok(()))) {
                tracing::error!("the thread that writes the log ended badly");
            }
        }
    }
}
