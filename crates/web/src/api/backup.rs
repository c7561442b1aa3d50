//! `/api/v1/backup`: everything in one file, while the server goes on.

use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, stream};
use jiff::Timestamp;
use longlead_records::Journal;
use longlead_records::people::AuditEvent;
use tokio::runtime::Handle;

use crate::api::operation::{Answer, Operation, Tag};
use crate::app::App;
use crate::problem::Problem;
use crate::reader::Reader;

/// What a backup is: one JSON value a line.
const LINES: &str = "application/jsonl";

pub(crate) const BACKUP: Operation = Operation {
    id: "takeBackup",
    tag: Tag::About,
    summary: "Take a backup",
    description: "All that the database holds as one file of lines, with a checksum at its end: a \
                  file without it was cut off. `longlead restore` puts it back. It holds the \
                  hashes of passwords and tokens; keep it as you keep the database.",
    answers: &[Answer::text(200, "The backup.", LINES)],
    ..Operation::NEW
};

pub(crate) async fn backup(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    let now = app.now();
    let by = reader.by(now);
    app.people().append_audit(&by, AuditEvent::BackupTaken, "from the running server").await?;
    let body = Body::from_stream(chunks(app.journal().clone(), now));
    let name = format!("attachment; filename=\"longlead-{}.jsonl\"", now.strftime("%Y%m%d-%H%M%S"));
    let headers = [(header::CONTENT_TYPE, LINES.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, body).into_response())
}

/// So much is handed over at once.
const CHUNK_BYTES: usize = 64 << 10;

/// So many chunks wait for a client that is slower than the database.
const CHUNKS_WAITING_MAX: usize = 16;

/// The bytes of a backup as it is being written. The writer is slow when the client is, so it has a
/// thread of its own, and so has whoever waits for it.
fn chunks(journal: Journal, at: Timestamp) -> impl Stream<Item = io::Result<Bytes>> {
    let (sender, receiver) = sync_channel(CHUNKS_WAITING_MAX);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let writer = BufWriter::with_capacity(CHUNK_BYTES, Chunks(sender.clone()));
        if let Err(error) = runtime.block_on(journal.backup(at, writer)) {
            let shown: &dyn std::error::Error = &error;
            tracing::error!(error = shown, "a backup was broken off");
            // The client must not take what it has for the whole; without it there is nobody to tell.
            let _ = sender.send(Err(io::Error::other("the backup was broken off")));
        }
    });
    stream::unfold(receiver, |receiver| async {
        tokio::task::spawn_blocking(move || next(receiver)).await.ok().flatten()
    })
}

type Chunk = io::Result<Bytes>;

fn next(receiver: Receiver<Chunk>) -> Option<(Chunk, Receiver<Chunk>)> {
    receiver.recv().ok().map(|chunk| (chunk, receiver))
}

/// Hands over what is written.
struct Chunks(SyncSender<Chunk>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use longlead_records::people::{AuditFilter, Role};
    use longlead_records::{read_backup, restore};

    use super::*;
    use crate::testing::{app, person};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_owner_takes_a_backup_from_the_running_server() {
        let app = app().await;
        let owner = person(&app, Role::Owner).await;
        let taken = owner.get("/api/v1/backup").await;
        assert_eq!(taken.status, StatusCode::OK);
        let contents = read_backup(taken.text.as_bytes()).unwrap();
        assert_eq!(contents.change_sets, app.journal().current().head.get());
        let half = taken.text.get(..taken.text.len() / 2).unwrap();
        assert!(read_backup(half.as_bytes()).is_err(), "one that is cut off is told");
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("restored.db").display());
        let restored = restore(&url, taken.text.as_bytes()).await.unwrap();
        assert_eq!(restored.head, app.journal().current().head);
        let event = Some(AuditEvent::BackupTaken);
        let filter = AuditFilter { event, ..AuditFilter::default() };
        assert_eq!(app.people().audit(&filter).await.unwrap().len(), 1);
        let product = person(&app, Role::Product).await;
        assert_eq!(product.get("/api/v1/backup").await.status, StatusCode::FORBIDDEN);
    }
}
