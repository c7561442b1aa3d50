//! The doors by which devices come in.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use longlead_gateway::identity::{Authority, DeviceTls};
use longlead_gateway::mqtt::Broker;
use longlead_gateway::{Front, http, mqtt};
use longlead_records::Journal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::commands;
use super::registry::{Hearing, News};
use crate::server::config::Tls;

/// Where doors are to be, and who may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doors {
    /// Where HTTP is taken, without TLS.
    pub(crate) http: Option<String>,
    /// Where MQTT is taken, without TLS.
    pub(crate) mqtt: Option<String>,
    /// The token of a system that speaks for any device, such as Telegraf or a network server.
    pub(crate) token: Option<String>,
    /// Whether nobody is asked who they are: for a demo on one machine.
    pub(crate) is_open: bool,
    /// Whether doors without TLS may be reached from other machines.
    pub(crate) may_be_reached: bool,
    /// The doors with TLS.
    pub(crate) tls: DoorsTls,
}

/// Doors with TLS, where devices show certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DoorsTls {
    /// Where HTTPS is taken.
    pub(crate) http: Option<String>,
    /// Where MQTT is taken by TLS.
    pub(crate) mqtt: Option<String>,
    /// Certificate and key of the server; without them the devices' authority makes some.
    pub(crate) server: Option<Tls>,
    /// The names of the server in a certificate that the authority makes.
    pub(crate) names: Vec<String>,
    /// A file with the certificates of the factories' authorities.
    pub(crate) factories: Option<PathBuf>,
    /// The folder of the devices' authority; none for `identity` in the folder of the lake.
    pub(crate) authority: Option<PathBuf>,
}

/// Doors that are open.
#[derive(Debug)]
pub(crate) struct Open {
    http: Option<SocketAddr>,
    mqtt: Option<SocketAddr>,
    https: Option<SocketAddr>,
    mqtts: Option<SocketAddr>,
    /// Where the certificate is that devices trust.
    authority: Option<PathBuf>,
    is_open: bool,
    broker: Arc<Broker>,
    tasks: Vec<JoinHandle<()>>,
}

impl Doors {
    /// Opens them. What MQTT keeps for clients is kept in the folder.
    pub(super) async fn open(
        &self,
        front: Arc<Front>,
        folder: &Path,
        mut hearing: Hearing,
        journal: &Journal,
    ) -> anyhow::Result<Open> {
        let file = folder.join("mqtt.log");
        let broker = Broker::open(Arc::clone(&front), mqtt::Settings::default(), Some(&file))
            .context("the sessions of MQTT can't be read")?;
        let mut tasks = Vec::new();
        let told = Arc::clone(&broker);
        tasks.push(tokio::spawn(async move {
            while let Some(news) = hearing.recv().await {
                match news {
                    News::Gone(serial) => told.revoke(&serial),
                    News::Entrusted(gateways) => told.entrust(&gateways),
                }
            }
        }));
        tasks.push(tokio::spawn(commands::hand_on(journal.clone(), Arc::clone(&broker))));
        let mut open = Open {
            http: None,
            mqtt: None,
            https: None,
            mqtts: None,
            authority: None,
            is_open: self.is_open,
            broker,
            tasks: Vec::new(),
        };
        if self.tls.http.is_some() || self.tls.mqtt.is_some() {
            self.tls.open(&front, folder, &mut open, &mut tasks).await?;
        }
        if let Some(address) = &self.http {
            let listener = self.bind(address).await?;
            open.http = Some(listener.local_addr()?);
            let router = http::router(front, Some(Arc::clone(&open.broker)));
            tasks.push(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::error!(%error, "the HTTP door of devices closed");
                }
            }));
        }
        if let Some(address) = &self.mqtt {
            let listener = self.bind(address).await?;
            open.mqtt = Some(listener.local_addr()?);
            let (broker, may_be_reached) = (Arc::clone(&open.broker), self.may_be_reached);
            tasks.push(tokio::spawn(async move {
                if let Err(error) = broker.serve_plain(listener, may_be_reached).await {
                    tracing::error!(%error, "the MQTT door of devices closed");
                }
            }));
        }
        open.tasks = tasks;
        Ok(open)
    }

    /// Listens, unless others could reach a door without TLS and nobody said that they may.
    async fn bind(&self, address: &str) -> anyhow::Result<TcpListener> {
        let listener = listen(address).await?;
        if !self.may_be_reached && !listener.local_addr()?.ip().is_loopback() {
            bail!(
                "`{address}` can be reached from other machines, and nothing on it is encrypted; \
                 take a loopback address, or say `--devices-may-be-reached`"
            );
        }
        Ok(listener)
    }
}

impl DoorsTls {
    /// Opens them, with the devices' authority.
    async fn open(
        &self,
        front: &Arc<Front>,
        folder: &Path,
        open: &mut Open,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> anyhow::Result<()> {
        let folder = self.authority.clone().unwrap_or_else(|| folder.join("identity"));
        let now = Timestamp::now();
        let authority = Authority::open(&folder, now).context("devices can't get certificates")?;
        let (chain, key) = match &self.server {
            Some(server) => (certificates(&server.certificate)?, private_key(&server.key)?),
            None => authority.server(&self.names, now).context("the server has no certificate")?,
        };
        let factories = match &self.factories {
            Some(file) => certificates(file)?,
            None => Vec::new(),
        };
        let tls = DeviceTls::new(Arc::clone(front), Arc::new(authority), &factories, chain, key)
            .context("devices can't come in by TLS")?;
        if let Some(address) = &self.http {
            let listener = listen(address).await?;
            open.https = Some(listener.local_addr()?);
            let router = http::router(Arc::clone(front), Some(Arc::clone(&open.broker)));
            tasks.push(tokio::spawn(tls.clone().serve_http(router, listener)));
        }
        if let Some(address) = &self.mqtt {
            let listener = listen(address).await?;
            open.mqtts = Some(listener.local_addr()?);
            tasks.push(tokio::spawn(tls.serve_mqtt(Arc::clone(&open.broker), listener)));
        }
        open.authority = Some(folder);
        Ok(())
    }
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("can't listen on `{address}`"))
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let shown = file.display();
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.with_context(|| format!("`{shown}` can't be read as certificates in PEM"))?;
    anyhow::ensure!(!read.is_empty(), "there is no certificate in `{shown}`");
    Ok(read)
}

fn private_key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let shown = file.display();
    PrivateKeyDer::from_pem_file(file).with_context(|| format!("`{shown}` is no key in PEM"))
}

impl Open {
    /// Where devices come in.
    pub(super) fn told(&self) -> Vec<String> {
        let who = if self.is_open { "anyone on this machine, unencrypted" } else { "unencrypted" };
        let secure = "by their certificates";
        let https = self.https.map(|it| {
            format!("Devices send by HTTPS to https://{it}/ingest/v1/STREAM ({secure}).")
        });
        let mqtts = self
            .mqtts
            .map(|it| format!("Devices send by MQTT with TLS to mqtts://{it} ({secure})."));
        let authority = self.authority.as_ref().map(|it| {
            format!("They trust the certificate in `{}`.", it.join("device-ca.pem").display())
        });
        let http = self
            .http
            .map(|it| format!("Devices send by HTTP to http://{it}/ingest/v1/STREAM ({who})."));
        let mqtt = self.mqtt.map(|it| format!("Devices send by MQTT to mqtt://{it} ({who})."));
        http.into_iter().chain(mqtt).chain(https).chain(mqtts).chain(authority).collect()
    }

    /// The address of the HTTP door.
    pub(crate) fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Tells connected clients, and takes nobody in any more.
    pub(super) fn close(self) {
        self.broker.close();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
