//! Who may speak: the devices of the registry, kept at hand so that no message waits for the
//! database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use longlead_gateway::{Known, Registry};
use longlead_records::Journal;
use longlead_records::devices::{SnapshotColumn, SnapshotTable};

/// How often it is seen whether devices have changed: a device that is retired speaks no longer
/// than this.
const LOOK: Duration = Duration::from_secs(2);

/// Devices that one batch of the registry holds.
const BATCH: usize = 20_000;

/// A device as the doors need it.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// The gateway that speaks for it.
    parent: Option<Box<str>>,
    may_speak: bool,
    is_gateway: bool,
}

type Entries = HashMap<Box<str>, Entry>;

/// The registry at hand.
#[derive(Debug)]
pub(super) struct KnownDevices {
    entries: RwLock<Arc<Entries>>,
    token: Option<String>,
}

impl KnownDevices {
    /// Reads the registry, and follows it from now on.
    pub(super) async fn start(
        journal: &Journal,
        token: Option<String>,
    ) -> anyhow::Result<Arc<KnownDevices>> {
        let mut head = journal.devices().head().await.context("the registry can't be read")?;
        let entries = read(journal).await.context("the registry can't be read")?;
        let known = Arc::new(KnownDevices { entries: RwLock::new(Arc::new(entries)), token });
        let (followed, journal) = (Arc::downgrade(&known), journal.clone());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(known) = followed.upgrade() else { return };
                match journal.devices().head().await {
                    Ok(now) if now == head => {}
                    Ok(now) => match read(&journal).await {
                        Ok(entries) => {
                            head = now;
                            *known.entries.write().unwrap_or_else(PoisonError::into_inner) =
                                Arc::new(entries);
                        }
                        Err(error) => tracing::warn!(%error, "the registry can't be read"),
                    },
                    Err(error) => tracing::warn!(%error, "the registry can't be read"),
                }
            }
        });
        Ok(known)
    }

    fn entries(&self) -> Arc<Entries> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn read(journal: &Journal) -> Result<Entries, longlead_records::StoreError> {
    let mut entries = Entries::new();
    let take = |batch: longlead_records::devices::SnapshotBatch| {
        let column =
            |name: &str| batch.columns.iter().find(|(it, _)| *it == name).map(|(_, column)| column);
        let text = |name: &str, row: usize| match column(name) {
            Some(SnapshotColumn::Text(values)) => values.get(row).cloned().flatten(),
            _ => None,
        };
        for row in 0..batch.rows {
            let Some(serial) = text("serial", row) else { continue };
            let may_speak = text("state", row).as_deref() != Some("retired");
            let parent = text("gateway", row).map(String::into_boxed_str);
            if let Some(parent) = &parent {
                entries.entry(parent.clone()).or_default().is_gateway = true;
            }
            let entry = entries.entry(serial.into()).or_default();
            entry.parent = parent;
            entry.may_speak = may_speak;
        }
    };
    journal.devices().snapshot(SnapshotTable::Devices, BATCH, take).await?;
    Ok(entries)
}

impl Registry for KnownDevices {
    fn device(&self, serial: &str) -> Option<Known> {
        let entries = self.entries();
        let entry = entries.get(serial).filter(|it| it.may_speak)?;
        Some(Known { is_gateway: entry.is_gateway })
    }

    fn is_child(&self, gateway: &str, device: &str) -> bool {
        let entries = self.entries();
        entries.get(device).and_then(|it| it.parent.as_deref()) == Some(gateway)
    }

    fn is_system(&self, token: &str) -> bool {
        // Hashes are compared, so that how long it takes tells nothing.
        use sha2::{Digest as _, Sha256};
        self.token.as_ref().is_some_and(|own| Sha256::digest(own) == Sha256::digest(token))
    }
}
