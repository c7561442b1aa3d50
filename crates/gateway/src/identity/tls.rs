//! TLS for devices: the server shows its certificate, and devices theirs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Authority, IdentityError, Presented};
use crate::front::{Front, Peer, Registry, accept};
use crate::mqtt::Broker;

/// How long a client may take to agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to send the head of a request, and be silent between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// As long as a connection lasts at most, whatever its certificate says.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Connections of one listener at a time; more wait until one ends.
const CONNECTIONS_MAX: usize = 50_000;

/// TLS for devices.
#[derive(Clone)]
pub struct DeviceTls {
    acceptor: TlsAcceptor,
    authority: Arc<Authority>,
    front: Arc<Front>,
}

impl fmt::Debug for DeviceTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceTls").finish_non_exhaustive()
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) presented: Option<Presented>,
    pub(crate) peer: Option<Peer>,
    /// When the certificate expires, and the connection with it.
    pub(crate) until: Option<Instant>,
    /// The connection's place among those of its listener, which an upgraded one keeps.
    #[expect(dead_code, reason = "it is held, and given back when the connection ends")]
    pub(crate) place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Shown {
    /// Whether who was let in by a certificate would be still.
    pub(crate) fn holds(&self, registry: &dyn Registry) -> bool {
        let holds = |it: &Presented| it.holds(registry, Timestamp::now());
        self.peer.is_none() || self.presented.as_ref().is_none_or(holds)
    }

    /// Since when the certificate holds that let a device in, in microseconds since 1970.
    pub(crate) fn since(&self) -> Option<i64> {
        match &self.presented {
            Some(Presented::Device { since, .. }) => Some(since.as_microsecond()),
            Some(Presented::Factory { .. }) | None => None,
        }
    }
}

impl DeviceTls {
    /// TLS with a certificate of the server. Clients may show a certificate of the authority, or
    /// one from a factory (`factories` are the roots of these); whoever shows another is turned
    /// away.
    ///
    /// # Errors
    /// A certificate or the key can't be used.
    pub fn new(
        front: Arc<Front>,
        authority: Arc<Authority>,
        factories: &[CertificateDer<'static>],
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<DeviceTls, IdentityError> {
        let unusable = |error: &dyn fmt::Display| IdentityError::Tls(error.to_string());
        let mut roots = RootCertStore::empty();
        for root in std::iter::once(authority.der()).chain(factories) {
            roots.add(root.clone()).map_err(|error| unusable(&error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(|error| unusable(&error))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| unusable(&error))?;
        Ok(DeviceTls { acceptor: TlsAcceptor::from(Arc::new(config)), authority, front })
    }

    /// Serves MQTT to a listener for as long as it isn't dropped.
    pub async fn serve_mqtt(self, broker: Arc<Broker>, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let place = place(&places).await;
            let stream = accept(&listener).await;
            let (tls, broker) = (self.clone(), Arc::clone(&broker));
            tokio::spawn(async move {
                let Some((stream, shown)) = tls.shake_hands(stream, place).await else { return };
                broker.serve_shown(stream, shown).await;
            });
        }
    }

    /// Serves HTTP to a listener for as long as it isn't dropped. Who shows a certificate is told
    /// to the routes by extensions.
    pub async fn serve_http(self, router: Router, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let place = place(&places).await;
            let stream = accept(&listener).await;
            let (tls, router) = (self.clone(), router.clone());
            tokio::spawn(async move {
                let Some((stream, shown)) = tls.shake_hands(stream, place).await else { return };
                let until = shown.until;
                let router = tls.told(router, shown);
                let service = TowerToHyperService::new(router);
                // Whoever may speak HTTP/2 too is waited for without end until its first bytes.
                let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
                let http1 = &mut builder.http1();
                http1.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
                let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                let ended = async {
                    match until {
                        Some(until) => sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    served = served => if let Err(error) = served {
                        tracing::debug!(%error, "a connection of a device ended");
                    },
                    () = ended => tracing::debug!("a connection ended with its certificate"),
                }
            });
        }
    }

    fn told(&self, router: Router, shown: Shown) -> Router {
        let mut router = router.layer(Extension(Arc::clone(&self.authority)));
        if let Some(presented) = &shown.presented {
            router = router.layer(Extension(presented.clone()));
        }
        if let Some(peer) = &shown.peer {
            router = router.layer(Extension(peer.clone()));
        }
        router.layer(Extension(shown))
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        place: Option<Arc<OwnedSemaphorePermit>>,
    ) -> Option<(TlsStream<TcpStream>, Shown)> {
        let shaken = timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream)).await;
        let stream = match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no keys were agreed on with a device");
                return None;
            }
            Err(_) => return None,
        };
        let chain = stream.get_ref().1.peer_certificates();
        let presented = chain.and_then(|chain| self.authority.presented(chain));
        let shown = self.shown(presented, Timestamp::now());
        Some((stream, Shown { place, ..shown }))
    }

    /// What a certificate says of who shows it. It says nothing if it was revoked, or has expired
    /// since TLS looked at it: a session that is resumed isn't looked at again. One of the factory
    /// names no device that may speak, but its connection ends with it all the same.
    fn shown(&self, presented: Option<Presented>, now: Timestamp) -> Shown {
        let Some(holds) = presented.filter(|it| it.holds(self.front.registry(), now)) else {
            return Shown::default();
        };
        let peer = match &holds {
            Presented::Device { serial, .. } => Some(Peer::Device(serial.as_str().into())),
            Presented::Factory { .. } => None,
        };
        let left = holds.until().duration_since(now).unsigned_abs().min(LONGEST);
        let until = Some(Instant::now() + left);
        Shown { presented: Some(holds), peer, until, place: None }
    }
}

/// A place among the connections of a listener, once there is one.
async fn place(places: &Arc<Semaphore>) -> Option<Arc<OwnedSemaphorePermit>> {
    // The places of a listener are never closed.
    Arc::clone(places).acquire_owned().await.ok().map(Arc::new)
}
