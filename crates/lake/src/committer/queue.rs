//! What waits to be written, bounded in rows and bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use longlead_stream::Refusal;
use tokio::sync::oneshot;

use super::{Answered, Loaded};
use crate::columns::Incoming;
use crate::quarantine::Entry;

/// Rows and bytes that one group takes, so that nobody waits long for the disk.
const GROUP_ROWS: usize = 200_000;
const GROUP_BYTES: usize = 32 << 20;

/// A payload that someone waits to see durable.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) rows: Vec<Incoming>,
    pub(crate) quarantined: Vec<Entry>,
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    pub(crate) answer: oneshot::Sender<Answered>,
}

impl Request {
    pub(crate) fn refuse(self, refusal: Refusal) {
        // Who doesn't wait any more isn't told.
        let _ = self.answer.send(Err(refusal));
    }
}

/// What the rest of the lake asks of the thread that writes.
#[derive(Debug)]
pub(crate) enum Command {
    /// Places were read: judge a request again.
    Loaded { request: Request, loaded: Vec<(u32, Loaded)>, evictions: u64 },
    /// These are in quarantine no longer.
    Released { keys: Vec<u128> },
    /// Groups through this one are in tables.
    Keep { through: u64, done: oneshot::Sender<std::io::Result<()>> },
    /// Bytes of the log, bytes of hot identities, and whether the log failed.
    Has { done: oneshot::Sender<(u64, usize, bool)> },
}

/// What to do next.
pub(crate) enum Work {
    Requests(Vec<Request>),
    Command(Command),
    End,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Request>,
    commands: VecDeque<Command>,
    rows: usize,
    bytes: usize,
    is_closed: bool,
}

/// Requests and commands, in order.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    rows_max: usize,
    bytes_max: usize,
}

impl Queue {
    pub(crate) fn new(rows_max: usize, bytes_max: usize) -> Queue {
        Queue { waiting: Mutex::default(), wake: Condvar::new(), rows_max, bytes_max }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request into the queue, unless too much waits already.
    pub(crate) fn push(&self, request: Request) -> Result<(), Refusal> {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return Err(Refusal::Closing);
        }
        let is_full = waiting.rows + request.count > self.rows_max
            || waiting.bytes + request.bytes > self.bytes_max;
        // One that is larger than the bounds is taken alone, if it was let in at all.
        if is_full && !waiting.requests.is_empty() {
            return Err(Refusal::Busy { retry_after_seconds: 1 });
        }
        waiting.rows += request.count;
        waiting.bytes += request.bytes;
        waiting.requests.push_back(request);
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    pub(crate) fn command(&self, command: Command) {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            if let Command::Loaded { request, .. } = command {
                request.refuse(Refusal::Closing);
            }
            return;
        }
        waiting.commands.push_back(command);
        drop(waiting);
        self.wake.notify_one();
    }

    /// Takes nothing more; what waits is still written.
    pub(crate) fn close(&self) {
        self.waiting().is_closed = true;
        self.wake.notify_all();
    }

    /// Waits for work: as many requests as fit into a group.
    pub(crate) fn take(&self) -> Work {
        let mut waiting = self.waiting();
        loop {
            if let Some(command) = waiting.commands.pop_front() {
                return Work::Command(command);
            }
            if !waiting.requests.is_empty() {
                return Work::Requests(group(&mut waiting));
            }
            if waiting.is_closed {
                return Work::End;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn group(waiting: &mut Waiting) -> Vec<Request> {
    let (mut rows, mut bytes) = (0, 0);
    let mut requests = Vec::new();
    while let Some(next) = waiting.requests.front() {
        rows += next.count;
        bytes += next.bytes;
        if !requests.is_empty() && (rows > GROUP_ROWS || bytes > GROUP_BYTES) {
            break;
        }
        requests.extend(waiting.requests.pop_front().inspect(|it| {
            waiting.rows -= it.count;
            waiting.bytes -= it.bytes;
        }));
    }
    requests
}
