//! The server: settles its configuration, opens the journal, and serves until it is told to stop.

pub(crate) mod config;
pub(crate) mod log;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use longlead_records::Journal;
use longlead_web::{App, router};
use tokio::signal::unix::{SignalKind, signal};

use config::{Config, Tls};

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

/// A database's address as it may be shown.
pub(crate) fn without_password(database: &str) -> String {
    let Some((scheme, rest)) = database.split_once("://") else {
        return database.to_owned();
    };
    let Some((login, place)) = rest.rsplit_once('@') else {
        return database.to_owned();
    };
    let user = login.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:…@{place}")
}

/// Serves a journal until SIGINT or SIGTERM. `ready` is called with the address once it answers.
pub(crate) async fn serve(
    journal: Journal,
    config: &Config,
    web: longlead_web::Settings,
    ready: impl AsyncFnOnce(&Journal, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let app = App::start(journal.clone(), web);
    let listener = bind(config).await?;
    let address = listener.local_addr().context("the address is not known")?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let handle = Handle::new();
    tokio::spawn(stop_on_signal(handle.clone()));
    app.planned(FIRST_PLAN).await;
    let base = format!("{scheme}://{address}");
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let served = async {
        match &config.tls {
            Some(tls) => {
                let tls = tls_config(tls).await?;
                let server = axum_server::from_tcp_rustls(listener, tls)?;
                server.handle(handle).serve(service).await
            }
            None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
        }
        .context("the server stopped")
    };
    ready(&journal, &base).await?;
    served.await?;
    tracing::info!("every request is answered; closing the journal");
    journal.close().await;
    Ok(())
}

async fn bind(config: &Config) -> anyhow::Result<std::net::TcpListener> {
    let listener = tokio::net::TcpListener::bind(&config.listen).await;
    let listener = listener.with_context(|| format!("can't listen on `{}`", config.listen))?;
    listener.into_std().context("the listener can't be handed over")
}

async fn tls_config(tls: &Tls) -> anyhow::Result<RustlsConfig> {
    // Only the first call in a process installs it; a second finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
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
async fn stop_on_signal(handle: Handle<SocketAddr>) {
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
    handle.graceful_shutdown(Some(GRACE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_databases_are_not_shown() {
        for (url, shown) in [
            ("sqlite:longlead.db", "sqlite:longlead.db"),
            ("postgres://me:secret@db:5432/it", "postgres://me:…@db:5432/it"),
            ("postgres://me:s@cret@db/it", "postgres://me:…@db/it"),
            ("postgres://db/it", "postgres://db/it"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
