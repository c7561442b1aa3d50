//! The doors by which devices come in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use longlead_gateway::mqtt::Broker;
use longlead_gateway::{Front, http, mqtt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

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
}

/// Doors that are open.
#[derive(Debug)]
pub(crate) struct Open {
    http: Option<SocketAddr>,
    mqtt: Option<SocketAddr>,
    is_open: bool,
    broker: Arc<Broker>,
    tasks: Vec<JoinHandle<()>>,
}

impl Doors {
    /// Opens them. What MQTT keeps for clients is kept in the folder.
    pub(super) async fn open(&self, front: Arc<Front>, folder: &Path) -> anyhow::Result<Open> {
        let file = folder.join("mqtt.log");
        let broker = Broker::open(Arc::clone(&front), mqtt::Settings::default(), Some(&file))
            .context("the sessions of MQTT can't be read")?;
        let mut tasks = Vec::new();
        let mut open =
            Open { http: None, mqtt: None, is_open: self.is_open, broker, tasks: Vec::new() };
        if let Some(address) = &self.http {
            let listener = self.bind(address).await?;
            open.http = Some(listener.local_addr()?);
            let router = http::router(front);
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
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("can't listen on `{address}`"))?;
        if !self.may_be_reached && !listener.local_addr()?.ip().is_loopback() {
            bail!(
                "`{address}` can be reached from other machines, and nothing on it is encrypted; \
                 take a loopback address, or say `--devices-may-be-reached`"
            );
        }
        Ok(listener)
    }
}

impl Open {
    /// Where devices come in.
    pub(super) fn told(&self) -> Vec<String> {
        let who = if self.is_open { "anyone on this machine, unencrypted" } else { "unencrypted" };
        let http = self
            .http
            .map(|it| format!("Devices send by HTTP to http://{it}/ingest/v1/STREAM ({who})."));
        let mqtt = self.mqtt.map(|it| format!("Devices send by MQTT to mqtt://{it} ({who})."));
        http.into_iter().chain(mqtt).collect()
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
