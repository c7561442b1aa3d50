//! An intake that remembers, and a registry of three.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use longlead_model::{Bundle, Source};
use longlead_stream::{Contracts, Judged, Receipt, Refusal};
use tokio::sync::Semaphore;

use super::{BoxFuture, Front, Intake, Known, Registry};
use crate::Limits;
use crate::identity::{Issued, Request};

/// The one contract there is. Readings of other streams are in quarantine, with who sent them.
const CONTRACT: &str = r#"
[[contract]]
id = "spoken"
title = "What a device says"
fields = [{ name = "t" }]
"#;

/// An intake that remembers what it was given.
#[derive(Default)]
pub(crate) struct Keeper {
    judged: Mutex<Vec<Judged>>,
    refusal: Mutex<Option<Refusal>>,
    /// How long it takes to keep something.
    milliseconds: u64,
    /// It keeps nothing until this is closed.
    gate: Option<Semaphore>,
}

/// A part of a payload as the keeper saw it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) stream: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) format: String,
}

impl Sight {
    pub(crate) fn new(stream: &str, device: &str) -> Sight {
        let (stream, device) = (Some(stream.to_owned()), Some(device.to_owned()));
        Sight { stream, device, format: "reading".to_owned() }
    }

    pub(crate) fn unreadable(format: &str) -> Sight {
        Sight { stream: None, device: None, format: format.to_owned() }
    }
}

impl Keeper {
    /// A keeper that takes its time.
    pub(crate) fn slow(milliseconds: u64) -> Keeper {
        Keeper { milliseconds, ..Keeper::default() }
    }

    /// A keeper that keeps nothing until it is opened.
    pub(crate) fn gated() -> Keeper {
        Keeper { gate: Some(Semaphore::new(0)), ..Keeper::default() }
    }

    pub(crate) fn open(&self) {
        self.gate.iter().for_each(Semaphore::close);
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }

    pub(crate) fn take_again(&self) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often it was given something, and how many rows in all.
    pub(crate) fn calls_and_rows(&self) -> (usize, usize) {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        (judged.len(), judged.iter().map(Judged::row_count).sum())
    }

    /// The most rows and parts in quarantine that it was given at once.
    pub(crate) fn largest(&self) -> usize {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let sizes = judged.iter().map(|it| it.row_count() + it.quarantined.len());
        sizes.max().unwrap_or(0)
    }

    /// When what it was given was taken, as it would be kept.
    pub(crate) fn captured(&self) -> Vec<i64> {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = judged.iter().flat_map(|it| it.rows.iter());
        rows.flat_map(|rows| rows.captured.iter().copied()).collect()
    }

    fn parts<T>(&self, of: impl Fn(&longlead_stream::Quarantined) -> T) -> Vec<T> {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        judged.iter().flat_map(|it| it.quarantined.iter().map(&of)).collect()
    }

    pub(crate) fn seen(&self) -> Vec<Sight> {
        let mut seen = self.parts(|it| Sight {
            stream: it.stream.clone(),
            device: it.device.clone(),
            format: it.format.clone(),
        });
        seen.sort_by_key(|it| it.stream.is_none());
        seen
    }

    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        self.parts(|it| it.reason.as_str())
    }

    pub(crate) fn payloads(&self) -> Vec<String> {
        self.parts(|it| String::from_utf8_lossy(&it.payload).into_owned())
    }
}

impl Intake for Keeper {
    fn contracts(&self) -> Arc<Contracts> {
        let source = Source { name: "contracts.toml".to_owned(), text: CONTRACT.to_owned() };
        let (bundle, diagnostics) = Bundle::load(&[source]);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        Arc::new(Contracts::of(&bundle.records, |_| 1))
    }

    fn accept(&self, judged: Judged) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(async move {
            if self.milliseconds > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(self.milliseconds)).await;
            }
            if let Some(gate) = &self.gate {
                assert!(gate.acquire().await.is_err(), "it has no permits, and is closed");
            }
            if let Some(refusal) = *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(refusal);
            }
            let quarantined = judged.quarantined.len() as u64;
            self.judged.lock().unwrap_or_else(PoisonError::into_inner).push(judged);
            Ok(Receipt { quarantined, ..Receipt::default() })
        })
    }
}

/// Knows the devices CT-1 and CT-2, and the gateway GW-1 with its child GW-1.child. Each has a claim
/// token.
#[derive(Default)]
pub(crate) struct Three {
    revoked: Mutex<Vec<(String, Timestamp)>>,
    /// Children that were taken from their gateways.
    taken: Mutex<Vec<String>>,
    claimed: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Three {
    pub(crate) fn revoke(&self, serial: &str) {
        self.revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((serial.to_owned(), Timestamp::now()));
    }

    /// Takes a child from its gateway.
    pub(crate) fn take(&self, child: &str) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(child.to_owned());
    }

    /// Gives a child back to its gateway.
    pub(crate) fn give_back(&self, child: &str) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| it != child);
    }
}

impl Registry for Three {
    fn device(&self, serial: &str) -> Option<Known> {
        let is_known = ["CT-1", "CT-2", "GW-1", "GW-1.child"].contains(&serial);
        is_known.then(|| Known { is_gateway: serial == "GW-1" })
    }

    fn is_child(&self, gateway: &str, device: &str) -> bool {
        let is_named_so =
            device.strip_prefix(gateway).is_some_and(|rest| rest.starts_with(['/', '.']));
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        is_named_so && !taken.iter().any(|it| it == device)
    }

    fn is_system(&self, token: &str) -> bool {
        token == "system-token"
    }

    fn revoked(&self, serial: &str) -> Option<Timestamp> {
        let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.iter().rev().find(|it| it.0 == serial).map(|it| it.1)
    }

    fn claim<'a>(&'a self, token: &'a str, request: &'a Request) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let serial = token.strip_prefix("claim-").or(token.strip_prefix("anew-"))?;
            let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
            let key = match claimed.iter().find(|it| it.0 == token) {
                Some((_, key)) => key.clone(),
                None => {
                    claimed.push((token.to_owned(), request.key().to_vec()));
                    request.key().to_vec()
                }
            };
            (key == request.key()).then(|| serial.to_owned())
        })
    }

    fn issued<'a>(&'a self, certificate: &'a Issued) -> BoxFuture<'a, bool> {
        let may = self.revoked(&certificate.serial).is_none_or(|it| it < certificate.since);
        Box::pin(async move { may })
    }
}

pub(crate) fn front() -> (Arc<Keeper>, Arc<Front>) {
    of(Keeper::default(), false)
}

pub(crate) fn open_front() -> (Arc<Keeper>, Arc<Front>) {
    of(Keeper::default(), true)
}

pub(crate) fn of(keeper: Keeper, is_open: bool) -> (Arc<Keeper>, Arc<Front>) {
    let (keeper, _, front) = with(keeper, is_open);
    (keeper, front)
}

/// A front of which the registry can be changed.
pub(crate) fn with(keeper: Keeper, is_open: bool) -> (Arc<Keeper>, Arc<Three>, Arc<Front>) {
    let (keeper, registry) = (Arc::new(keeper), Arc::new(Three::default()));
    let intake: Arc<dyn Intake> = Arc::<Keeper>::clone(&keeper);
    let known: Arc<dyn Registry> = Arc::<Three>::clone(&registry);
    (keeper, registry, Front::new(intake, known, Limits::default(), is_open))
}
