//! The one thread that writes: it takes what waits, judges identities, commits it as one group to
//! the log, and answers everyone who waited.

mod conflict;
mod queue;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use futures_util::future::BoxFuture;
use longlead_stream::{Receipt, Refusal};

use crate::columns::with_commit;
use crate::disk::{Disk, replace};
use crate::identity::{Cold, Identities, Place};
use crate::log::{AppendError, Log};
use crate::payload::GroupEncoder;
use crate::quarantine::Held;
use crate::state::State;

pub(crate) use queue::{Command, Queue, Request, Work};
use stage::Staged;

/// Where identities are kept between runs.
pub(crate) const IDENTITIES: &str = "identities";

/// Where it is noted through which group everything is in tables. Rows may leave tables again, so
/// these can't always tell.
pub(crate) const FLUSHED: &str = "flushed";

/// The note, with its complement as a check.
fn flushed_to_bytes(through: u64) -> Vec<u8> {
    [through.to_le_bytes(), (!through).to_le_bytes()].concat()
}

/// Through which group everything is in tables, as far as it is noted.
pub(crate) fn flushed(disk: &dyn Disk) -> u64 {
    let Ok(bytes) = disk.read(FLUSHED) else { return 0 };
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes);
    match bytes.split_at_checked(8).map(|(one, other)| (number(one), number(other))) {
        Some((Ok(through), Ok(check))) if check == !through => through,
        _ => 0,
    }
}

/// What is in tables or memory of places: for each, keys and contents of its rows.
pub(crate) type Loaded = Vec<(Place, Vec<(u64, u64)>)>;

/// Reads places of a stream, whose devices are named beside them, as all queries would see them.
pub(crate) type Loader = Arc<
    dyn Fn(String, Vec<(Place, String)>) -> BoxFuture<'static, Result<Loaded, LoadError>>
        + Send
        + Sync,
>;

/// Why places couldn't be read.
#[derive(Debug, thiserror::Error)]
#[error("what is stored of late rows can't be read: {0}")]
pub(crate) struct LoadError(pub(crate) String);

/// Places of streams that must be loaded before a request can be judged.
type Colds = Vec<(u32, Cold)>;

/// A stream, its name, and places of it with the names of their devices.
type Asked = (u32, String, Vec<(Place, String)>);

/// All that the thread owns.
pub(crate) struct Committer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) log: Log,
    pub(crate) encoder: GroupEncoder,
    pub(crate) identities: Identities,
    /// What is in quarantine.
    pub(crate) held: Held,
    pub(crate) state: Arc<State>,
    pub(crate) loader: Loader,
    pub(crate) runtime: tokio::runtime::Handle,
    /// Bytes that stay free on the disk.
    pub(crate) free_min: u64,
    /// Bytes that hot identities may take.
    pub(crate) identities_max: usize,
    /// Held while the thread lives, so that no other process opens the folder.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) lock: File,
}

impl Committer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        loop {
            match self.queue.take() {
                Work::Requests(requests) => self.commit(requests),
                Work::Command(command) => self.obey(command),
                Work::End => return,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Loaded { request, loaded, evictions } => {
                let group = self.log.next();
                for (stream, places) in loaded {
                    for (place, rows) in places {
                        self.identities.load(stream, place, &rows, evictions, group);
                    }
                }
                self.commit(vec![request]);
            }
            Command::Released { keys } => self.held.remove(keys),
            Command::Keep { through, done } => {
                // Who doesn't wait any more isn't told.
                let _ = done.send(self.keep(through));
            }
            Command::Has { done } => {
                let told = (self.log.bytes(), self.identities.bytes(), self.log.has_stopped());
                let _ = done.send(told);
            }
        }
    }

    /// Keeps identities, forgets the log through a group that is in tables, and makes room.
    fn keep(&mut self, through: u64) -> std::io::Result<()> {
        let bytes = self.identities.to_bytes(self.log.next() - 1);
        replace(&*self.disk, IDENTITIES, &[&bytes])?;
        replace(&*self.disk, FLUSHED, &[&flushed_to_bytes(through)])?;
        self.identities.evict(self.identities_max, through);
        self.log.trim(through)
    }

    /// Commits requests as one group.
    fn commit(&mut self, requests: Vec<Request>) {
        let segment = match self.segment() {
            Ok(segment) => segment,
            Err(refusal) => return requests.into_iter().for_each(|it| it.refuse(refusal)),
        };
        let group = self.log.next();
        let mut staged = Staged::default();
        for request in requests {
            match staged.take(request, &mut self.identities, &self.held, group) {
                Ok(()) => {}
                Err((request, colds)) => self.load(request, colds),
            }
        }
        match self.write(segment, group, &staged) {
            Ok(()) => {
                self.identities.commit();
                self.held.add(staged.keys());
                staged.answer();
            }
            Err(refusal) => {
                self.identities.undo();
                self.encoder.forget();
                staged.refuse(refusal);
            }
        }
    }

    /// The segment to write to, if there is one and room for it.
    fn segment(&mut self) -> Result<u64, Refusal> {
        match self.disk.free() {
            Ok(free) if free < self.free_min => return Err(Refusal::DiskFull),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "can't tell how much room the disk has"),
        }
        self.log.segment().map_err(refusal)
    }

    fn write(&mut self, segment: u64, group: u64, staged: &Staged) -> Result<(), Refusal> {
        // All are duplicates of rows that are durable, or there is nothing.
        if staged.is_empty() {
            return Ok(());
        }
        let batches = staged.batches().map_err(unwritable)?;
        let of = batches.iter().map(|(table, batch)| (table.as_str(), batch));
        let payload = self.encoder.encode(segment, of).map_err(unwritable)?;
        self.log.append(&payload).map_err(refusal)?;
        // From here on it is durable, whatever happens.
        if let Err(error) = show(&self.state, group, batches) {
            tracing::error!(%error, group, "rows are durable but not to be seen before a restart");
        }
        Ok(())
    }

    /// Lets places be read, and puts the request off until they are.
    fn load(&mut self, request: Request, colds: Colds) {
        let evictions = self.identities.evictions();
        let asked = self.named(&colds);
        let (loader, queue) = (Arc::clone(&self.loader), Arc::clone(&self.queue));
        self.runtime.spawn(async move {
            let mut loaded = Vec::new();
            for (stream, name, places) in asked {
                match loader(name, places).await {
                    Ok(places) => loaded.push((stream, places)),
                    Err(error) => {
                        tracing::error!(%error, "a batch can't be judged");
                        return request.refuse(Refusal::Busy { retry_after_seconds: 10 });
                    }
                }
            }
            queue.command(Command::Loaded { request, loaded, evictions });
        });
    }

    fn named(&self, colds: &Colds) -> Vec<Asked> {
        let mut by_stream: BTreeMap<u32, Vec<Place>> = BTreeMap::new();
        for (stream, cold) in colds {
            by_stream.entry(*stream).or_default().extend(cold);
        }
        let named = |(stream, mut places): (u32, Vec<Place>)| {
            places.sort_unstable();
            places.dedup();
            let named = |place: Place| {
                (place, self.identities.device_name(stream, place.device).to_owned())
            };
            let name = self.identities.stream_name(stream).to_owned();
            (stream, name, places.into_iter().map(named).collect())
        };
        by_stream.into_iter().map(named).collect()
    }
}

fn show(state: &State, group: u64, batches: Vec<(String, RecordBatch)>) -> Result<(), ArrowError> {
    let with_commits: Result<Vec<_>, ArrowError> = batches
        .into_iter()
        .map(|(table, batch)| Ok((table, with_commit(&batch, group)?)))
        .collect();
    state.append(group, with_commits?)
}

fn refusal(error: AppendError) -> Refusal {
    match error {
        AppendError::Full(error) => {
            tracing::warn!(%error, "the disk that holds the log is full");
            Refusal::DiskFull
        }
        AppendError::Failed(error) => {
            tracing::error!(%error, "the log can't be written; nothing is taken until a restart");
            Refusal::Closing
        }
        AppendError::Stopped => Refusal::Closing,
    }
}

fn unwritable(error: ArrowError) -> Refusal {
    tracing::error!(%error, "a group can't be laid out");
    Refusal::Busy { retry_after_seconds: 60 }
}

/// The answer to a request: what was done, or that nothing was.
pub(crate) type Answered = Result<Receipt, Refusal>;
