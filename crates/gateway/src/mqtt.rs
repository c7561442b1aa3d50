//! The MQTT door: 3.1.1 and 5.
//!
//! The protocol is our own, on tokio. Of the libraries that were looked at, `rmqtt` awaits its hook
//! before it acknowledges, but takes one message of a session at a time: behind a group commit of
//! 2 ms that is at most 500 messages per second on a connection. `ntex-mqtt` keeps many in flight,
//! but its last release for this toolchain doesn't build with the newest `ntex-bytes` that its own
//! manifest allows, and sessions, retained messages and subscriptions would be ours all the same.
//! Here each message is a future; acknowledgements leave in the order in which messages came, as the
//! standard wants it, once everything is on stable storage.

mod codec;
mod command;
mod connection;
mod hub;
mod message;
mod session;
mod store;
mod topic;
mod tree;
mod will;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::front::{Front, Peer, accept, only_loopback};
use crate::identity::Shown;
pub use command::{Command, CommandEnd};
use hub::Hub;
use store::Store;
pub use store::StoreError;

/// What the server is ready for, and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The longest time, in seconds, that a session outlives its connection.
    pub session_expiry_seconds_max: u32,
    /// Messages that a client may send before the first of them is acknowledged.
    pub receive_maximum: u16,
    /// Messages that wait to be taken before nothing more is read from a connection.
    pub pending_max: usize,
    /// Messages that are sent to a client before it acknowledges the first.
    pub in_flight_max: u16,
    /// Messages that wait for one session.
    pub queue_max: usize,
    /// Retained messages.
    pub retained_max: usize,
    /// Bytes of a packet.
    pub packet_bytes_max: usize,
    /// The highest quality of service: 0, 1 or 2.
    pub qos_maximum: u8,
    /// Whether messages are retained.
    pub retains: bool,
    /// Topics that a client may give a number.
    pub topic_alias_maximum: u16,
    /// How long a connection may take to say who it is.
    pub greeting_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            session_expiry_seconds_max: 30 * 24 * 3600,
            receive_maximum: 1024,
            pending_max: 4096,
            in_flight_max: 64,
            queue_max: 1000,
            retained_max: 100_000,
            packet_bytes_max: 4 << 20,
            qos_maximum: 2,
            retains: true,
            topic_alias_maximum: 32,
            greeting_timeout: Duration::from_secs(10),
        }
    }
}

/// The MQTT door with its sessions.
#[derive(Debug)]
pub struct Broker {
    front: Arc<Front>,
    settings: Settings,
    hub: Hub,
    links: AtomicU64,
}

impl Broker {
    /// Opens the door. Sessions, retained messages and waiting commands are kept in `file`, so that
    /// they outlive the server; without one they don't. It is called within a tokio runtime.
    ///
    /// # Errors
    /// The file can't be opened or read.
    pub fn open(
        front: Arc<Front>,
        settings: Settings,
        file: Option<&Path>,
    ) -> Result<Arc<Broker>, StoreError> {
        let (store, kept) = match file {
            Some(file) => Store::open(file)?,
            None => (Store::forgetful(), Vec::new()),
        };
        let (hub, wills) = Hub::new(Arc::clone(&front), settings.clone(), store, kept)?;
        let broker = Arc::new(Broker { front, settings, hub, links: AtomicU64::new(1) });
        for waiting in wills {
            tokio::spawn(will::mourn(Arc::clone(&broker), waiting));
        }
        let sweeper = Arc::downgrade(&broker);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let Some(broker) = sweeper.upgrade() else { return };
                broker.hub.sweep();
            }
        });
        Ok(broker)
    }

    /// Serves one connection until it ends. `peer` is who the transport says is at its other end.
    pub async fn serve(
        self: &Arc<Broker>,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        peer: Option<Peer>,
    ) {
        self.serve_shown(stream, Shown { peer, ..Shown::default() }).await;
    }

    /// Serves one connection until it ends, at the latest with the certificate that was shown.
    pub(crate) async fn serve_shown(
        self: &Arc<Broker>,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        shown: Shown,
    ) {
        connection::serve(Arc::clone(self), stream, shown).await;
    }

    /// Serves plain connections to a listener. It refuses to on an address that others reach,
    /// unless `may_be_reached`: nothing on it is encrypted.
    ///
    /// # Errors
    /// The address is one that others reach.
    pub async fn serve_plain(
        self: Arc<Broker>,
        listener: TcpListener,
        may_be_reached: bool,
    ) -> io::Result<()> {
        only_loopback(&listener, may_be_reached)?;
        loop {
            let stream = accept(&listener).await;
            let broker = Arc::clone(&self);
            tokio::spawn(async move { broker.serve(stream, None).await });
        }
    }

    /// Ends every connection of a device that may speak no longer.
    pub fn revoke(&self, serial: &str) {
        self.hub.end_links(Some(serial), codec::reason::ADMINISTRATIVE);
    }

    /// Tells that gateways speak for more devices now: commands for these that wait are sent to
    /// those that have subscribed to them. What a gateway may have no longer needs no word, since
    /// each message is held against the registry when it is sent.
    pub fn entrust(&self, gateways: &BTreeSet<Box<str>>) {
        self.hub.entrust(gateways);
    }

    /// Tells every client that the server closes. Their wills are sent once it is there again, if
    /// they are kept.
    pub fn close(&self) {
        self.hub.end_links(None, codec::reason::CLOSING);
    }

    /// A number for a connection.
    fn link(&self) -> u64 {
        self.links.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
