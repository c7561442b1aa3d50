//! What all doors share: who is known, where readings go, and the way from bytes to a receipt.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod together;

use jiff::Timestamp;
use longlead_stream::{
    Arrival, Batch, Captured, Contracts, Head, Judged, Plausible, Receipt, Refusal, Sender, judge,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::decode::decode_onto;
use crate::identity::{Issued, Request};
use crate::{Context, Format, Limits, decode};
use together::Waiting;

/// A future that a trait gives back.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where readings go.
pub trait Intake: Send + Sync + 'static {
    /// The contracts that hold now.
    fn contracts(&self) -> Arc<Contracts>;

    /// Keeps what was judged. It resolves once everything is on stable storage, or nothing is kept.
    fn accept(&self, judged: Judged) -> BoxFuture<'_, Result<Receipt, Refusal>>;
}

/// Who is known.
pub trait Registry: Send + Sync + 'static {
    /// A device that may speak. `None`: it isn't known, or it may speak no longer.
    fn device(&self, serial: &str) -> Option<Known>;

    /// Whether a device is a child of a gateway.
    fn is_child(&self, gateway: &str, device: &str) -> bool;

    /// Whether a token is that of a system which speaks for any device, such as a network server.
    fn is_system(&self, token: &str) -> bool;

    /// When a device was revoked the last time. No certificate from before that is good, and none
    /// of the factory: only a person lets it in again, by a claim token.
    fn revoked(&self, _serial: &str) -> Option<Timestamp> {
        None
    }

    /// Binds a claim token to the key of a request, and gives the serial number of the device that
    /// it is for. A token is good for one key: a device that never got the answer may ask again.
    fn claim<'a>(
        &'a self,
        _token: &'a str,
        _request: &'a Request,
    ) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }

    /// Notes a certificate before its device gets it. It gets none if this says `false`: it can't be
    /// noted, or the device was revoked meanwhile.
    fn issued<'a>(&'a self, _certificate: &'a Issued) -> BoxFuture<'a, bool> {
        Box::pin(async { true })
    }
}

/// What a registry knows of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether it speaks for other devices too.
    pub is_gateway: bool,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A device, by its certificate.
    Device(Arc<str>),
    /// A system that speaks for any device, by its token.
    System,
    /// Whoever reaches a door that asks for nothing: the demo's.
    Anyone,
}

/// How readings come in at any door.
pub struct Front {
    intake: Arc<dyn Intake>,
    registry: Arc<dyn Registry>,
    limits: Limits,
    is_open: bool,
    /// KiB of payloads that may be at hand at once.
    room: Arc<Semaphore>,
    /// Small payloads that are taken together.
    waiting: Mutex<Waiting>,
    /// When the newest payload came, in microseconds since 1970.
    last: AtomicI64,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// KiB of payloads that may be at hand at once, over all doors.
const ROOM_KIB: usize = 256 << 10;

/// By so much instants may run ahead of the clock while more payloads come than it has microseconds.
const CLOCK_MICROS: i64 = 1_000_000;

/// Whether a reading tells by itself which one it is.
fn is_told_apart(head: &Head) -> bool {
    head.sequence.is_some() || matches!(head.captured, Captured::At(_) | Captured::Heard(_))
}

/// From so many bytes on, a payload is read on a thread of its own, so that others don't wait.
const BLOCKING_BYTES: usize = 64 << 10;

/// What became of a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What the keeper says.
    pub receipt: Receipt,
    /// How many parts couldn't be read.
    pub unreadable: usize,
    /// Why the first of them couldn't.
    pub first_fault: Option<String>,
}

/// A payload on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) format: Format,
    pub(crate) payload: Vec<u8>,
    pub(crate) stream: Option<String>,
    /// The device that the address or topic names.
    pub(crate) device: Option<String>,
    pub(crate) precision: crate::Precision,
    pub(crate) peer: Peer,
}

/// How long a listener that fails is left alone: mostly there are too many open files, and trying
/// again at once would only keep the machine busy.
const LISTENER_REST: Duration = Duration::from_millis(100);

/// The next connection. Whatever one connection fails of, the door stays open.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Acknowledgements are small and waited for. A connection that is gone already is
                // found out when it is read.
                let _set = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection of a device can't be taken");
                tokio::time::sleep(LISTENER_REST).await;
            }
        }
    }
}

/// Refuses a listener without TLS on an address that others reach, unless that is wanted.
pub(crate) fn only_loopback(listener: &TcpListener, may_be_reached: bool) -> io::Result<()> {
    if may_be_reached || listener.local_addr()?.ip().is_loopback() {
        return Ok(());
    }
    let detail = "a listener without TLS takes loopback addresses only";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, detail))
}

impl Front {
    /// Doors that hand readings to `intake`, for devices that `registry` knows. An open front asks
    /// nobody who they are: it is for a demo on one machine.
    pub fn new(
        intake: Arc<dyn Intake>,
        registry: Arc<dyn Registry>,
        limits: Limits,
        is_open: bool,
    ) -> Arc<Front> {
        let room = Arc::new(Semaphore::new(ROOM_KIB));
        let waiting = Mutex::default();
        let last = AtomicI64::new(0);
        Arc::new(Front { intake, registry, limits, is_open, room, waiting, last })
    }

    /// What a payload may hold.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether nobody is asked who they are.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Who is known.
    pub fn registry(&self) -> &dyn Registry {
        self.registry.as_ref()
    }

    /// Room for a payload of so many bytes, or that there is none now.
    pub(crate) fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let kib = u32::try_from(bytes.div_ceil(1024).min(ROOM_KIB)).unwrap_or(1);
        let busy = Refusal::Busy { retry_after_seconds: 1 };
        Arc::clone(&self.room).try_acquire_many_owned(kib).map_err(|_| busy)
    }

    /// Reads a payload, judges it, and has it kept.
    pub(crate) async fn take(self: &Arc<Front>, parcel: Parcel) -> Result<Taken, Refusal> {
        let (judged, taken) = if parcel.payload.len() < BLOCKING_BYTES {
            self.judged(&parcel)
        } else {
            let front = Arc::clone(self);
            let judging = tokio::task::spawn_blocking(move || front.judged(&parcel));
            judging.await.map_err(|_| Refusal::Closing)?
        };
        if judged.rows.is_empty() && judged.quarantined.is_empty() {
            return Ok(taken);
        }
        let receipt = self.intake.accept(judged).await?;
        Ok(Taken { receipt, ..taken })
    }

    fn judged(&self, parcel: &Parcel) -> (Judged, Taken) {
        let batch = decode(parcel.format, &parcel.payload, &self.context(parcel));
        let taken = Taken {
            receipt: Receipt::default(),
            unreadable: batch.refused().len(),
            first_fault: batch.refused().first().map(|it| it.detail.clone()),
        };
        (self.judge(&batch, &parcel.peer, parcel.format), taken)
    }

    /// Judges payloads of one sender and one format as if they were one, or as few as can be: with
    /// each judgement, of how many payloads it is. Readings that nothing but their arrival tells
    /// apart must not arrive at one instant, or the second would be taken for the first again.
    fn judged_together(
        &self,
        peer: &Peer,
        format: Format,
        parcels: &[Parcel],
    ) -> Vec<(Judged, usize)> {
        let mut judged = Vec::new();
        let (mut batch, mut count, mut is_by_arrival) = (Batch::default(), 0, false);
        for parcel in parcels {
            let context = self.context(parcel);
            let (mark, before) = (batch.mark(), batch.readings().len());
            batch = decode_onto(batch, format, &parcel.payload, &context);
            let arrives = batch.readings().skip(before).any(|it| !is_told_apart(&it.head));
            if arrives && is_by_arrival {
                batch.back_to(mark);
                judged.push((self.judge(&batch, peer, format), count));
                batch = decode_onto(Batch::default(), format, &parcel.payload, &context);
                count = 0;
            }
            is_by_arrival |= arrives;
            count += 1;
        }
        judged.push((self.judge(&batch, peer, format), count));
        judged
    }

    /// Now, in microseconds since 1970, and later than whatever came just before.
    fn instant(&self) -> i64 {
        let now = Timestamp::now().as_microsecond();
        let after = |last: i64| match last >= now && last - now < CLOCK_MICROS {
            true => last + 1,
            // The first, or the clock was set back.
            false => now,
        };
        let told =
            self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| Some(after(it)));
        told.map_or(now, after)
    }

    fn context<'a>(&self, parcel: &'a Parcel) -> Context<'a> {
        Context {
            stream: parcel.stream.as_deref(),
            device: parcel.device.as_deref().or(parcel.peer.serial()),
            precision: parcel.precision,
            limits: self.limits,
        }
    }

    fn judge(&self, batch: &Batch, peer: &Peer, format: Format) -> Judged {
        let own = peer.serial();
        let children =
            |device: &str| own.is_some_and(|gateway| self.registry.is_child(gateway, device));
        let sender = match own {
            None => Sender::Trusted,
            Some(id) if self.registry.device(id).is_some_and(|it| it.is_gateway) => {
                Sender::Gateway { id, children: &children }
            }
            Some(id) => Sender::Device(id),
        };
        let arrival = Arrival {
            received: self.instant(),
            sender,
            format: format.as_str(),
            plausible: Plausible::default(),
        };
        judge(&self.intake.contracts(), batch, &arrival)
    }
}

impl Peer {
    /// The device that it is, if it is one.
    fn serial(&self) -> Option<&str> {
        match self {
            Peer::Device(serial) => Some(serial.as_ref()),
            Peer::System | Peer::Anyone => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
