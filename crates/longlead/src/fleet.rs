//! The fleet in the server: the lake that keeps what devices send, the doors by which it comes,
//! and what pages may ask of it.

mod anew;
mod commands;
mod doors;
mod intake;
mod keeper;
mod registry;
mod retention;
mod rows;
mod simulated;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use longlead_gateway::{Front, Limits};
use longlead_lake::Lake;
use longlead_records::Journal;
use longlead_web::telemetry::Telemetry;
use tokio::task::JoinHandle;

pub(crate) use doors::{Doors, DoorsTls};
use intake::LakeIntake;
pub(crate) use keeper::{Keeper, refused};
use registry::KnownDevices;
use retention::Removals;

/// Everything of the fleet that lives as long as the server.
#[derive(Debug)]
pub(crate) struct Fleet {
    lake: Lake,
    keeper: Arc<Keeper>,
    intake: Arc<LakeIntake>,
    doors: Option<doors::Open>,
    told: Vec<String>,
    simulation: Option<JoinHandle<()>>,
    retention: JoinHandle<()>,
}

impl Fleet {
    /// Opens the lake and the doors.
    pub(crate) async fn open(
        journal: &Journal,
        folder: &Path,
        settings: longlead_lake::Settings,
        doors: &Doors,
    ) -> anyhow::Result<Fleet> {
        let shown = folder.display();
        let (lake, recovery) = Lake::open(folder, settings)
            .await
            .with_context(|| format!("the lake in `{shown}` can't be opened"))?;
        tracing::info!(
            rows = recovery.rows,
            groups = recovery.groups,
            bytes_truncated = recovery.bytes_truncated,
            milliseconds = recovery.milliseconds,
            "the lake is open"
        );
        let intake = LakeIntake::new(lake.clone(), journal);
        let (registry, hearing) = KnownDevices::start(journal, doors.token.clone()).await?;
        let known = Arc::clone(&registry) as _;
        let front = Front::new(Arc::clone(&intake) as _, known, Limits::default(), doors.is_open);
        let open = doors.open(front, folder, hearing, journal).await?;
        let told = open.told();
        let removals = Arc::new(Removals::default());
        let (kept, devices) = (Arc::clone(&removals), journal.devices());
        let retention = retention::keep(lake.clone(), devices, Arc::clone(&intake), kept);
        let keeper =
            Keeper::new(lake.clone(), journal.clone(), Arc::clone(&intake), registry, removals);
        let (keeper, doors) = (Arc::new(keeper), Some(open));
        Ok(Fleet { lake, keeper, intake, doors, told, simulation: None, retention })
    }

    /// Enters the demo's devices with their past, and lets them go on sending.
    pub(crate) async fn simulate(&mut self, journal: &Journal) -> anyhow::Result<()> {
        let now = jiff::Timestamp::now();
        let simulated = simulated::begin(journal, &self.lake, &self.intake, now).await?;
        if let Some(door) = self.doors.as_ref().and_then(doors::Open::http) {
            self.simulation = Some(simulated::go_on(simulated, now, format!("http://{door}")));
        }
        Ok(())
    }

    /// What pages may ask of it.
    pub(crate) fn telemetry(&self) -> Arc<dyn Telemetry> {
        Arc::clone(&self.keeper) as _
    }

    /// What is asked of it by others than pages.
    pub(crate) fn keeper(&self) -> Arc<Keeper> {
        Arc::clone(&self.keeper)
    }

    /// Where devices reach it, in sentences.
    pub(crate) fn told(&self) -> &[String] {
        &self.told
    }

    /// Closes the doors, then the lake: what was acknowledged is in tables or in the log.
    pub(crate) async fn close(mut self) {
        if let Some(simulation) = self.simulation.take() {
            simulation.abort();
        }
        self.retention.abort();
        if let Some(doors) = self.doors.take() {
            doors.close();
        }
        if let Err(error) = self.lake.close().await {
            // It is in the log, and will be in tables after the next start.
            tracing::warn!(%error, "the newest rows aren't in tables yet");
        }
    }
}
