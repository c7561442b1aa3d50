//! The server: settles its configuration, opens the journal, and serves until it is told to stop.

pub(crate) mod config;
mod connection;
pub(crate) mod log;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use longlead_records::{Journal, without_password};
use longlead_web::{App, router};
use tokio::signal::unix::{SignalKind, signal};

use crate::fleet::Fleet;
use crate::postgres;
use config::{Config, Tls};
use connection::{Limited, impatient};

/// How long open requests may take to finish once the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long the first plan may take before the address is told all the same.
const FIRST_PLAN: Duration = Duration::from_secs(20);

/// A runtime for a server, or for a command that asks the database.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("no threads for the server")
}

/// Opens the journal of a configuration.
pub(crate) async fn open(database: &str) -> anyhow::Result<Journal> {
    let shown = without_password(database);
    Journal::open(database).await.with_context(|| format!("the database `{shown}` can't be opened"))
}

/// Serves a journal until SIGINT or SIGTERM. `ready` is called with the address once it answers.
pub(crate) async fn serve(
    journal: Journal,
    config: &Config,
    web: longlead_web::Settings,
    fleet: Option<Fleet>,
    ready: impl AsyncFnOnce(&Journal, &str, &[String]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Whatever can be wrong is found before anyone is greeted.
    let tls = match &config.tls {
        Some(tls) => Some(tls_config(tls).await?),
        None => None,
    };
    let listener = bind(config).await?;
    let address = listener.local_addr().context("the address is not known")?;
    let base = base(config, address);
    let app = App::start(journal.clone(), web);
    let handle = Handle::new();
    tokio::spawn(stop_on_signal(handle.clone(), app.clone()));
    app.planned(FIRST_PLAN).await;
    let mut doors = fleet.as_ref().map_or_else(Vec::new, |fleet| fleet.told().to_vec());
    let sql = match (&config.sql, &fleet) {
        (Some(address), Some(fleet)) => {
            let tls = tls.as_ref().map(|tls| postgres::tls_for(&tls.get_inner()));
            let (at, task) = postgres::open(address, app.clone(), fleet.keeper(), tls).await?;
            doors.insert(0, format!("Clients of PostgreSQL ask in SQL at {at}."));
            Some(task)
        }
        _ => None,
    };
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let limited = Limited::new(config.connections_max);
    let served = async {
        match tls {
            // The connections are limited below TLS, so that handshakes count too.
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls).acceptor(limited);
                let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
                impatient(server).handle(handle).serve(service).await
            }
            None => {
                let server = axum_server::from_tcp(listener)?.acceptor(limited);
                impatient(server).handle(handle).serve(service).await
            }
        }
        .context("the server stopped")
    };
    ready(&journal, &base, &doors).await?;
    served.await?;
    if let Some(sql) = sql {
        sql.abort();
    }
    if let Some(fleet) = fleet {
        tracing::info!("closing the doors and the lake");
        fleet.close().await;
    }
    tracing::info!("every request is answered; closing the journal");
    journal.close().await;
    Ok(())
}

/// The address under which people reach the server: the one that is told, or where it listens.
fn base(config: &Config, address: SocketAddr) -> String {
    if let Some(url) = &config.public_url {
        return url.clone();
    }
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    match address.ip().is_unspecified() {
        // Nobody can go to "every address"; from this machine the name leads here.
        true => format!("{scheme}://localhost:{}", address.port()),
        false => format!("{scheme}://{address}"),
    }
}

async fn bind(config: &Config) -> anyhow::Result<std::net::TcpListener> {
    let listener = tokio::net::TcpListener::bind(&config.listen).await;
    let listener = listener.with_context(|| format!("can't listen on `{}`", config.listen))?;
    listener.into_std().context("the listener can't be handed over")
}

/// Names the cryptography that TLS uses.
pub(crate) fn install_crypto() {
    // Only the first call in a process installs it; a second finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn tls_config(tls: &Tls) -> anyhow::Result<RustlsConfig> {
    install_crypto();
    let shown = |path: &Path| path.display().to_string();
    RustlsConfig::from_pem_file(&tls.certificate, &tls.key).await.with_context(|| {
        format!(
            "`{}` and `{}` are no certificate and key",
            shown(&tls.certificate),
            shown(&tls.key)
        )
    })
}

/// Stops taking requests when asked to, and finishes those that are open.
async fn stop_on_signal(handle: Handle<SocketAddr>, app: App) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals can't be listened to; stop the server by force");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to stop; finishing open requests");
    app.stop();
    handle.graceful_shutdown(Some(GRACE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_where_people_reach_the_server() {
        let of = |public_url: Option<&str>, listen: &str| {
            let public_url = public_url.map(str::to_owned);
            base(&Config { public_url, ..Config::default() }, listen.parse().unwrap())
        };
        assert_eq!(of(None, "127.0.0.1:7420"), "http://127.0.0.1:7420");
        assert_eq!(of(None, "0.0.0.0:7420"), "http://localhost:7420");
        assert_eq!(of(None, "[::]:7420"), "http://localhost:7420");
        assert_eq!(of(Some("https://plan.example"), "0.0.0.0:80"), "https://plan.example");
    }
}
