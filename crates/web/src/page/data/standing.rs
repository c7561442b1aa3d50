//! What is known of a stream over the last day, counted now and then and not for every look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};
use longlead_stream::Contract;
use longlead_stream::quality::{DeviceRows, Figures, Score, device_figures};

use super::quarantine;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::telemetry::{DevicesOf, Telemetry, problem};

/// Rows from which the figures of one stream are counted at most.
const ROWS_MAX: usize = 200_000;

/// The window over which figures are counted.
pub(crate) const HOURS: i64 = 24;

/// How long figures are good enough to be shown again.
const KEPT: Duration = Duration::from_secs(60);

/// Figures are kept for so many times as long as counting them took, if that is longer: so that
/// counting takes one part in twenty of a core at most.
const KEPT_TIMES: u32 = 20;

/// What is known of a stream in the window.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) contract: Arc<Contract>,
    pub(crate) figures: Figures,
    /// Of each device, the worst first.
    pub(crate) devices: Vec<(String, Figures)>,
    pub(crate) from: Timestamp,
    /// Where there are too many readings to count them all: since when they are counted.
    pub(crate) part_from: Option<Timestamp>,
    /// The end of the window: when it was counted.
    pub(crate) to: Timestamp,
    took: Duration,
}

impl Standing {
    pub(crate) fn score(&self) -> Score {
        self.figures.score(objective(&self.contract))
    }

    fn is_good(&self, contract: &Contract, now: Timestamp) -> bool {
        let kept = KEPT.max(self.took * KEPT_TIMES);
        let age = now.duration_since(self.to).unsigned_abs();
        self.contract.version() == contract.version() && age < kept
    }
}

/// The share of readings that was agreed.
pub(crate) fn objective(contract: &Contract) -> Option<f64> {
    contract.record().objective.map(|share| share.value())
}

/// The last count of a stream. Whoever asks while it is counted waits for the same count.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Standing>>>>;

/// Figures of streams, kept for those who look again.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<BTreeMap<String, Slot>>);

impl Standings {
    fn slot(&self, stream: &str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(stream.to_owned()).or_default())
    }

    /// Forgets what was counted of a stream: it has changed at once and much.
    pub(crate) fn forget(&self, stream: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }
}

/// The figures of a stream over the last day, counted a moment ago or now.
pub(crate) async fn standing(
    seen: &Seen,
    keeper: &dyn Telemetry,
    contract: &Arc<Contract>,
) -> Result<Arc<Standing>, Problem> {
    let slot = seen.app.standings().slot(contract.stream());
    let mut kept = slot.lock().await;
    if let Some(kept) = kept.as_ref().filter(|it| it.is_good(contract, seen.app.now())) {
        return Ok(Arc::clone(kept));
    }
    let counted = Arc::new(count(seen, keeper, contract).await?);
    *kept = Some(Arc::clone(&counted));
    Ok(counted)
}

async fn count(
    seen: &Seen,
    keeper: &dyn Telemetry,
    contract: &Arc<Contract>,
) -> Result<Standing, Problem> {
    let began = Instant::now();
    let to = seen.app.now();
    let from = to.checked_sub(HOURS.hours()).unwrap_or(to);
    let window = from.as_microsecond()..to.as_microsecond();
    let rows = keeper.device_rows(Arc::clone(contract), window.clone(), ROWS_MAX).await;
    let DevicesOf { devices, part_from } = rows.map_err(|error| problem(&error))?;
    let window = part_from.unwrap_or(window.start)..window.end;
    let part_from = part_from.and_then(|it| Timestamp::from_microsecond(it).ok());
    let quarantined = quarantine::since(seen, keeper, contract, part_from.unwrap_or(from)).await?;
    let contract = Arc::clone(contract);
    let counting = tokio::task::spawn_blocking(move || {
        let mut devices = of_devices(&contract, &devices, &window);
        let value = |figures: &Figures| figures.score(objective(&contract)).value.unwrap_or(1.0);
        devices.sort_by(|one, other| value(&one.1).total_cmp(&value(&other.1)));
        let mut figures = Figures { quarantined, ..Figures::default() };
        devices.iter().for_each(|(_, it)| figures.merge(it));
        Standing { contract, figures, devices, from, part_from, to, took: began.elapsed() }
    });
    counting.await.map_err(|error| Problem::internal(&error))
}

fn of_devices(
    contract: &Contract,
    devices: &[(String, DeviceRows)],
    window: &std::ops::Range<i64>,
) -> Vec<(String, Figures)> {
    let of = |(serial, rows): &(String, DeviceRows)| {
        (serial.clone(), device_figures(contract, rows, window.clone(), window.end))
    };
    devices.iter().map(of).collect()
}
