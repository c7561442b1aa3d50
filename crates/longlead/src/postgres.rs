//! The SQL door: clients of PostgreSQL, such as psql and Grafana, ask what the SQL page asks, with the
//! same people, rights and limits.
//!
//! It speaks version 3 of the protocol itself. The user is the address of an account, the password
//! a token of it or its own. Secrets come as they are, so without TLS only loopback addresses are
//! listened to. Only reading is possible; `BEGIN`, `SET` and the like are taken without effect.

mod catalog;
mod connection;
mod message;
mod statement;
mod value;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use longlead_web::App;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::fleet::Keeper;

/// What clients are told that they speak to: they choose by it what they ask of the catalog.
const SERVER_VERSION: &str = "14.0 (Longlead)";
/// Connections at once.
const CONNECTIONS_MAX: usize = 100;
/// How long a client may take to say who it is.
const GREETING: Duration = Duration::from_secs(30);

/// What all connections share.
struct Door {
    app: App,
    keeper: Arc<Keeper>,
    tls: Option<TlsAcceptor>,
    cancels: Cancels,
}

/// Questions that may be ended from another connection, by the number and secret of theirs.
#[derive(Default)]
struct Cancels(Mutex<HashMap<(i32, i32), Arc<Notify>>>);

impl Cancels {
    /// Whoever knows the key may end what runs.
    fn add(&self) -> anyhow::Result<((i32, i32), Arc<Notify>)> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).context("no random numbers")?;
        let [a, b, c, d, e, f, g, h] = bytes;
        let key = (i32::from_be_bytes([a & 0x7f, b, c, d]), i32::from_be_bytes([e, f, g, h]));
        let notify = Arc::new(Notify::new());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, Arc::clone(&notify));
        Ok((key, notify))
    }

    fn remove(&self, key: (i32, i32)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn cancel(&self, key: (i32, i32)) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = all.get(&key) {
            notify.notify_waiters();
        }
    }
}

/// Opens the door; where it is, and the task that keeps it open.
pub(crate) async fn open(
    address: &str,
    app: App,
    keeper: Arc<Keeper>,
    tls: Option<Arc<ServerConfig>>,
) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("can't listen on `{address}` for SQL"))?;
    let at = listener.local_addr()?;
    if tls.is_none() && !at.ip().is_loopback() {
        bail!(
            "`{address}` can be reached from other machines, and passwords would come to it \
             unencrypted; take a loopback address, or give the server a certificate"
        );
    }
    let tls = tls.map(TlsAcceptor::from);
    let door = Arc::new(Door { app, keeper, tls, cancels: Cancels::default() });
    Ok((at, tokio::spawn(serve(listener, door))))
}

/// The configuration of TLS for this protocol, of a server's for HTTP.
pub(crate) fn tls_for(http: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = http.clone();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Arc::new(config)
}

async fn serve(listener: TcpListener, door: Arc<Door>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too few files, mostly: it gets better once others leave.
                tracing::warn!(%error, "a connection for SQL can't be taken");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        // Who finds no place is closed on.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            if let Err(error) = converse(stream, peer, &door).await {
                tracing::debug!(%error, %peer, "a connection for SQL ended");
            }
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, door: &Door) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let greeted = connection::greet(stream, peer, door);
    let greeted = tokio::time::timeout(GREETING, greeted).await.context("it said nothing")??;
    let Some((mut connection, asker)) = greeted else { return Ok(()) };
    let ended = connection.run(&asker).await;
    door.cancels.remove(connection.key());
    asker.leave().await;
    ended
}
