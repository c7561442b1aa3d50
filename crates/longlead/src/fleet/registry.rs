//! Who may speak: the devices of the registry, kept at hand so that no message waits for the
//! database.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use longlead_gateway::identity::{Issued, Proof, Request};
use longlead_gateway::{BoxFuture, Known, Registry};
use longlead_records::devices::{
    CertificateProof, DeviceCertificate, Serial, SnapshotColumn, SnapshotTable,
};
use longlead_records::{Journal, StoreError};
use tokio::sync::mpsc;

/// How often it is seen whether devices have changed: a device that is retired or revoked speaks no
/// longer than this.
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
    journal: Journal,
    entries: RwLock<Arc<Entries>>,
    /// When devices were revoked the last time.
    revoked: RwLock<HashMap<Box<str>, Timestamp>>,
    token: Option<String>,
    /// What the doors are to be told.
    told: mpsc::UnboundedSender<News>,
}

/// What has changed for connections that are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A device may speak no longer, so that its connections are ended.
    Gone(Box<str>),
    /// Gateways speak for other devices, too.
    Entrusted(BTreeSet<Box<str>>),
}

/// Where the doors hear it.
pub(super) type Hearing = mpsc::UnboundedReceiver<News>;

/// What was read of the registry last.
#[derive(Clone, Copy, Debug, Default)]
struct Heads {
    devices: i64,
    revocations: i64,
}

impl KnownDevices {
    /// Reads the registry, and follows it from now on.
    pub(super) async fn start(
        journal: &Journal,
        token: Option<String>,
    ) -> anyhow::Result<(Arc<KnownDevices>, Hearing)> {
        let (told, hearing) = mpsc::unbounded_channel();
        let known = Arc::new(KnownDevices {
            journal: journal.clone(),
            entries: RwLock::default(),
            revoked: RwLock::default(),
            token,
            told,
        });
        let first = known.follow(Heads::default()).await;
        let mut heads = first.context("the registry can't be read")?;
        let followed = Arc::downgrade(&known);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(known) = followed.upgrade() else { return };
                match known.follow(heads).await {
                    Ok(now) => heads = now,
                    Err(error) => tracing::warn!(%error, "the registry can't be read"),
                }
            }
        });
        Ok((known, hearing))
    }

    fn entries(&self) -> Arc<Entries> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what has changed.
    async fn follow(&self, mut heads: Heads) -> Result<Heads, StoreError> {
        let devices = self.journal.devices();
        for (number, serial, at) in devices.revoked_after(heads.revocations).await? {
            heads.revocations = number;
            let serial: Box<str> = serial.as_str().into();
            let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
            revoked.insert(serial.clone(), at);
            drop(revoked);
            self.tell(News::Gone(serial));
        }
        let head = devices.head().await?;
        if head != heads.devices {
            let now = Arc::new(read(&self.journal).await?);
            let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
            let before = std::mem::replace(&mut *entries, Arc::clone(&now));
            drop(entries);
            // At the start nobody is connected.
            if !before.is_empty() {
                news(&before, &now).into_iter().for_each(|it| self.tell(it));
            }
            heads.devices = head;
        }
        Ok(heads)
    }

    fn tell(&self, news: News) {
        // Where nobody listens the doors are closed.
        let _sent = self.told.send(news);
    }
}

/// What connections that are open need to know of a change.
fn news(before: &Entries, now: &Entries) -> Vec<News> {
    let may_speak = |serial: &str| now.get(serial).is_some_and(|entry| entry.may_speak);
    let spoke = before.iter().filter(|(_, entry)| entry.may_speak);
    let gone = spoke.filter(|it| !may_speak(it.0)).map(|it| News::Gone(it.0.clone()));
    let parents = now.iter().filter_map(|(serial, entry)| {
        let parent = entry.parent.as_deref()?;
        let was = before.get(serial).and_then(|it| it.parent.as_deref());
        (was != Some(parent)).then(|| parent.into())
    });
    let parents: BTreeSet<Box<str>> = parents.collect();
    let entrusted = (!parents.is_empty()).then_some(News::Entrusted(parents));
    gone.chain(entrusted).collect()
}

async fn read(journal: &Journal) -> Result<Entries, StoreError> {
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

/// The device that a claim token is for, as the doors are told of it.
fn told(found: Result<Option<Serial>, StoreError>) -> Option<String> {
    let found = found.inspect_err(|error| {
        tracing::warn!(%error, "a claim token can't be looked up");
    });
    found.ok().flatten().map(|it| it.to_string())
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

    fn revoked(&self, serial: &str) -> Option<Timestamp> {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).get(serial).copied()
    }

    fn claim<'a>(&'a self, token: &'a str, request: &'a Request) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let devices = self.journal.devices();
            let (key, now) = (request.key(), Timestamp::now());
            // A token isn't used up for a request that gets no certificate.
            let serial = told(devices.device_of_claim(token, key, now).await)?;
            self.device(&serial)?;
            if request.named().is_some_and(|named| named != serial) {
                // Whoever asked is told that the request is for another device.
                return Some(serial);
            }
            told(devices.use_claim(token, key, now).await)
        })
    }

    fn issued<'a>(&'a self, issued: &'a Issued) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let (proof, shown) = match issued.by {
                Proof::Claim => (CertificateProof::Claim, None),
                Proof::Factory => (CertificateProof::Factory, None),
                Proof::Rotation { since } => (CertificateProof::Rotation, Some(since)),
            };
            let Ok(serial) = issued.serial.parse() else { return false };
            let (number, since, until) = (issued.number.clone(), issued.since, issued.until);
            let certificate = DeviceCertificate { number, proof, since, until };
            let noted = self.journal.devices().note_certificate(&serial, &certificate, shown).await;
            noted.unwrap_or_else(|error| {
                tracing::warn!(%error, "a certificate can't be noted");
                false
            })
        })
    }

    fn is_system(&self, token: &str) -> bool {
        // Hashes are compared, so that how long it takes tells nothing.
        use sha2::{Digest as _, Sha256};
        self.token.as_ref().is_some_and(|own| Sha256::digest(own) == Sha256::digest(token))
    }
}

#[cfg(test)]
mod tests {
    use super::{Entries, Entry, News, news};

    fn entries(devices: &[(&str, Option<&str>, bool)]) -> Entries {
        let entry = |(serial, parent, may_speak): &(&str, Option<&str>, bool)| {
            let parent = parent.map(Into::into);
            ((*serial).into(), Entry { parent, may_speak: *may_speak, is_gateway: false })
        };
        devices.iter().map(entry).collect()
    }

    #[test]
    fn the_doors_hear_who_is_gone_and_which_gateways_speak_for_more() {
        let gateways = [("GW-1", None, true), ("GW-2", None, true)];
        let with = |devices: &[(&str, Option<&str>, bool)]| entries(&[&gateways, devices].concat());
        let before = with(&[("CT-1", Some("GW-1"), true), ("CT-2", None, true)]);
        let gone = |serial: &str| News::Gone(serial.into());
        let entrusted = |serial: &str| News::Entrusted([serial.into()].into());
        let cases = [
            (with(&[("CT-1", Some("GW-1"), true), ("CT-2", None, true)]), vec![]),
            (with(&[("CT-1", Some("GW-2"), true), ("CT-2", None, true)]), vec![entrusted("GW-2")]),
            // A gateway that loses a device hears nothing: each message is held against the registry.
            (with(&[("CT-1", None, true), ("CT-2", None, true)]), vec![]),
            (
                with(&[("CT-1", Some("GW-2"), false), ("CT-2", Some("GW-2"), true)]),
                vec![gone("CT-1"), entrusted("GW-2")],
            ),
            (with(&[("CT-1", Some("GW-1"), true)]), vec![gone("CT-2")]),
        ];
        for (now, expected) in cases {
            assert_eq!(news(&before, &now), expected);
        }
    }
}
