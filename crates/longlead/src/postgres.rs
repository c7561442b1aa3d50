//! The SQL door: clients of PostgreSQL, such as psql and Grafana, ask what the SQL page asks, with the
//! same people, rights and limits.
//!
//! It speaks version 3 of the protocol itself. The user is the address of an account, the password
//! a token of it or its own. Secrets come as they are, so without TLS only loopback addresses are
//! listened to. Only reading is possible; `BEGIN`, `SET` and the like are taken without effect.
//!
//! Nobody keeps others out by being there: who hasn't told who they are gives way to whoever comes
//! after them, and who is gone or silent is noticed.

mod cancel;
mod catalog;
mod complaint;
mod connection;
mod greeting;
mod message;
mod statement;
mod value;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use longlead_web::App;
use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::fleet::Keeper;
use cancel::Cancels;
use greeting::{Greetings, Turn, admit, greet};

/// What clients are told that they speak to: they choose by it what they ask of the catalog.
const SERVER_VERSION: &str = "14.0 (Longlead)";
/// Clients at once that have told who they are.
const CLIENTS_MAX: usize = 100;
/// Connections at once on which nobody has told yet who they are.
const GREETINGS_MAX: usize = 100;
/// Clients at once of whom it is looked up whether they are who they say.
const CHECKS_MAX: usize = 100;
/// How long a client may take to say who it is.
const GREETING: Duration = Duration::from_secs(30);
/// How long a client that says nothing may still be there before it is asked, and how often it is
/// asked before it counts as gone.
const SILENCE: Duration = Duration::from_secs(60);
const ASKED_EVERY: Duration = Duration::from_secs(20);
const ASKED_TIMES: u32 = 3;

/// What all connections share.
struct Door {
    app: App,
    keeper: Arc<Keeper>,
    tls: Option<TlsAcceptor>,
    cancels: Cancels,
    greetings: Greetings,
    /// Room for clients that have said who they are, until it is known whether that is so.
    checks: Semaphore,
    /// Room for clients that have told who they are.
    places: Arc<Semaphore>,
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
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    let (cancels, greetings) = (Cancels::default(), Greetings::new(GREETINGS_MAX));
    let checks = Semaphore::new(CHECKS_MAX);
    let door = Arc::new(Door { app, keeper, tls, cancels, greetings, checks, places });
    Ok((at, tokio::spawn(serve(listener, door))))
}

/// The configuration of TLS for this protocol, of a server's for HTTP.
pub(crate) fn tls_for(http: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = http.clone();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Arc::new(config)
}

async fn serve(listener: TcpListener, door: Arc<Door>) {
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
        let (turn, door) = (door.greetings.begin(), Arc::clone(&door));
        tokio::spawn(async move {
            if let Err(error) = converse(stream, peer, turn, &door).await {
                tracing::debug!(%error, %peer, "a connection for SQL ended");
            }
        });
    }
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    turn: Turn,
    door: &Door,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(SILENCE).with_interval(ASKED_EVERY);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive.with_retries(ASKED_TIMES))?;
    let greeted = tokio::select! {
        biased;
        greeted = tokio::time::timeout(GREETING, greet(stream, door)) => greeted,
        () = turn.is_over() => bail!("others came, and it had not told who it is"),
    };
    drop(turn);
    let Some(greeted) = greeted.context("it didn't tell who it is")?? else { return Ok(()) };
    let Some((mut connection, asker)) = admit(greeted, peer, door).await? else { return Ok(()) };
    let ended = connection.run(&asker).await;
    asker.leave().await;
    ended
}
