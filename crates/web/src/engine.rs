//! Keeps the plan of the newest product at hand: pages read it, and never wait for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use longlead_horizon::{Ask, Plan, plan};
use longlead_model::{Bundle, Diagnostic, Scenario};
use longlead_records::{Journal, LoggedDate, LoggedKind, Sequence, Snapshot};
use tokio::sync::{Semaphore, watch};

use crate::health::Metrics;
use crate::sight::Sights;

/// A product with its plan, as of one sequence of the journal.
#[derive(Debug)]
pub(crate) struct Outlook {
    pub(crate) snapshot: Arc<Snapshot>,
    /// The bundle that was planned: the snapshot's, or that under a what-if.
    pub(crate) bundle: Arc<Bundle>,
    /// The plan, or what keeps it from being computed.
    pub(crate) plan: Result<Plan, Vec<Diagnostic>>,
    /// The day on which the facts hold.
    pub(crate) as_of: Date,
    /// How long planning took.
    pub(crate) took: Duration,
    /// What partners see of it.
    pub(crate) sights: Sights,
}

impl Outlook {
    pub(crate) fn sequence(&self) -> Sequence {
        self.snapshot.head
    }
}

/// Plans in the background; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    latest: watch::Receiver<Option<Arc<Outlook>>>,
    what_ifs: Arc<Mutex<WhatIfs>>,
    /// Planning takes all cores: what-ifs wait for one another.
    turns: Arc<Semaphore>,
    now: fn() -> Timestamp,
}

type WhatIfKey = (Sequence, Date, String);

/// The newest first.
type WhatIfs = VecDeque<(WhatIfKey, Arc<Outlook>)>;

/// Plans under what-ifs that are kept at hand.
const WHAT_IFS_MAX: usize = 32;

/// The name of a product as it was, without a what-if.
const AS_IT_WAS: &str = "as it was";

/// How often it is seen whether a new day has begun.
const DAY_CHECK: Duration = Duration::from_secs(30);

impl Engine {
    pub(crate) fn start(journal: Journal, now: fn() -> Timestamp, metrics: Metrics) -> Engine {
        let (sender, latest) = watch::channel(None);
        tokio::spawn(follow(journal, now, metrics, sender));
        let what_ifs = Arc::new(Mutex::new(VecDeque::new()));
        Engine { latest, what_ifs, turns: Arc::new(Semaphore::new(2)), now }
    }

    /// The newest plan there is; none until the first has been computed.
    pub(crate) fn latest(&self) -> Option<Arc<Outlook>> {
        self.latest.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<Outlook>>> {
        self.latest.clone()
    }

    /// Waits until the plan has caught up with a change; false if patience runs out.
    pub(crate) async fn reached(&self, sequence: Sequence, patience: Duration) -> bool {
        let mut latest = self.latest.clone();
        let arrived = latest.wait_for(|outlook| {
            outlook.as_ref().is_some_and(|outlook| outlook.sequence() >= sequence)
        });
        matches!(tokio::time::timeout(patience, arrived).await, Ok(Ok(_)))
    }

    /// The plan under a what-if on top of a snapshot. `name` tells what-ifs apart: the same name
    /// on the same snapshot has the same changes.
    ///
    /// # Errors
    /// What is wrong with the product under the what-if.
    pub(crate) async fn under(
        &self,
        snapshot: &Arc<Snapshot>,
        scenario: &Scenario,
        name: String,
    ) -> Result<Arc<Outlook>, Vec<Diagnostic>> {
        let as_of = day(&snapshot.bundle, (self.now)());
        let key = (snapshot.head, as_of, name);
        if let Some(outlook) = self.kept(&key) {
            return Ok(outlook);
        }
        let _turn = self.turns.acquire().await;
        if let Some(outlook) = self.kept(&key) {
            return Ok(outlook);
        }
        let (snapshot, scenario) = (Arc::clone(snapshot), scenario.clone());
        let planned = tokio::task::spawn_blocking(move || {
            let (bundle, diagnostics) = snapshot.bundle.under(&scenario);
            if diagnostics.iter().any(Diagnostic::is_error) {
                return Err(diagnostics);
            }
            Ok(outlook(snapshot, Arc::new(bundle), as_of))
        });
        let outlook = Arc::new(planned.await.unwrap_or_else(|_| Err(vec![stopped()]))?);
        self.keep(key, &outlook);
        Ok(outlook)
    }

    /// The plan of a product as it was, on a day.
    pub(crate) async fn of_snapshot(
        &self,
        snapshot: Arc<Snapshot>,
        as_of: Date,
    ) -> Result<Arc<Outlook>, Vec<Diagnostic>> {
        let key = (snapshot.head, as_of, AS_IT_WAS.to_owned());
        if let Some(outlook) = self.kept(&key) {
            return Ok(outlook);
        }
        let _turn = self.turns.acquire().await;
        let planned = tokio::task::spawn_blocking(move || {
            let bundle = Arc::clone(&snapshot.bundle);
            outlook(snapshot, bundle, as_of)
        });
        let outlook = Arc::new(planned.await.map_err(|_| vec![stopped()])?);
        self.keep(key, &outlook);
        Ok(outlook)
    }

    /// The plan of a product as a change set left it, at an instant after it; none if it isn't at
    /// hand. It has the product, too, which needn't be read again.
    pub(crate) fn as_it_was(&self, sequence: Sequence, at: Timestamp) -> Option<Arc<Outlook>> {
        let what_ifs = self.what_ifs.lock().unwrap_or_else(PoisonError::into_inner);
        let found = what_ifs.iter().find(|((head, as_of, name), outlook)| {
            *head == sequence && name == AS_IT_WAS && *as_of == day(&outlook.snapshot.bundle, at)
        });
        found.map(|(_, outlook)| Arc::clone(outlook))
    }

    /// The plan of a product as it would be after edits of a snapshot. `name` tells edits apart:
    /// the same name on the same snapshot has the same edits.
    ///
    /// # Errors
    /// What keeps it from being planned.
    pub(crate) async fn of_bundle(
        &self,
        snapshot: &Arc<Snapshot>,
        bundle: Arc<Bundle>,
        name: String,
    ) -> Result<Arc<Outlook>, Vec<Diagnostic>> {
        let as_of = day(&bundle, (self.now)());
        let key = (snapshot.head, as_of, name);
        if let Some(outlook) = self.kept(&key) {
            return Ok(outlook);
        }
        let _turn = self.turns.acquire().await;
        let snapshot = Arc::clone(snapshot);
        let planned = tokio::task::spawn_blocking(move || outlook(snapshot, bundle, as_of));
        let outlook = Arc::new(planned.await.map_err(|_| vec![stopped()])?);
        self.keep(key, &outlook);
        Ok(outlook)
    }

    fn kept(&self, key: &WhatIfKey) -> Option<Arc<Outlook>> {
        let what_ifs = self.what_ifs.lock().unwrap_or_else(PoisonError::into_inner);
        what_ifs.iter().find(|(kept, _)| kept == key).map(|(_, outlook)| Arc::clone(outlook))
    }

    fn keep(&self, key: WhatIfKey, outlook: &Arc<Outlook>) {
        let mut what_ifs = self.what_ifs.lock().unwrap_or_else(PoisonError::into_inner);
        what_ifs.push_front((key, Arc::clone(outlook)));
        what_ifs.truncate(WHAT_IFS_MAX);
    }
}

/// The day on which the facts of a bundle hold.
pub(crate) fn day(bundle: &Bundle, now: Timestamp) -> Date {
    bundle.settings.as_of.unwrap_or_else(|| now.to_zoned(TimeZone::system()).date())
}

fn stopped() -> Diagnostic {
    Diagnostic::error(longlead_model::Code::IncompletePlan, "planning was stopped")
        .help("try again; if it happens again, the server's log says why")
}

fn outlook(snapshot: Arc<Snapshot>, bundle: Arc<Bundle>, as_of: Date) -> Outlook {
    let started = Instant::now();
    let ask = Ask::of(&bundle, as_of);
    let plan = plan(&bundle, &ask, &|_, _| {});
    let sights = Sights::default();
    Outlook { snapshot, bundle, plan, as_of, took: started.elapsed(), sights }
}

/// Plans whenever the product changes or a day begins, always the newest there is.
async fn follow(
    journal: Journal,
    now: fn() -> Timestamp,
    metrics: Metrics,
    sender: watch::Sender<Option<Arc<Outlook>>>,
) {
    let mut snapshots = journal.watch();
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let as_of = day(&snapshot.bundle, now());
        let stale = sender
            .borrow()
            .as_ref()
            .is_none_or(|latest| latest.sequence() != snapshot.head || latest.as_of != as_of);
        if stale {
            let bundle = Arc::clone(&snapshot.bundle);
            let planned = tokio::task::spawn_blocking(move || outlook(snapshot, bundle, as_of));
            match planned.await {
                Ok(outlook) => {
                    metrics.planned(outlook.took);
                    let outlook = Arc::new(outlook);
                    log(&journal, &outlook, now()).await;
                    sender.send_replace(Some(outlook));
                }
                Err(error) => tracing::error!(%error, "planning stopped"),
            }
        }
        let changed = tokio::time::timeout(DAY_CHECK, snapshots.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            // The journal is closed, so nothing will change any more.
            return;
        }
    }
}

/// Keeps the forecast if it differs from the last, so that its drift can be drawn.
async fn log(journal: &Journal, outlook: &Outlook, now: Timestamp) {
    let Ok(plan) = &outlook.plan else {
        return;
    };
    let dates = logged_dates(plan);
    let logged = journal.log_forecast(outlook.sequence(), now, outlook.as_of, &dates).await;
    if let Err(error) = logged {
        tracing::error!(%error, "the forecast can't be logged");
    }
}

/// The dates of a plan as the log of forecasts keeps them.
pub fn logged_dates(plan: &Plan) -> Vec<LoggedDate> {
    let milestones = plan.forecast.milestones.iter().map(|milestone| LoggedDate {
        id: milestone.id.to_string(),
        kind: LoggedKind::Milestone,
        target: milestone.target,
        p10: Some(milestone.p10),
        p50: Some(milestone.p50),
        p80: Some(milestone.p80),
        p90: Some(milestone.p90),
        on_time: milestone.on_time,
        decide_by: None,
    });
    let decisions = plan.forecast.decisions.iter().map(|decision| LoggedDate {
        id: decision.id.to_string(),
        kind: LoggedKind::Decision,
        target: decision.target_date,
        p10: None,
        p50: None,
        p80: None,
        p90: None,
        on_time: decision.best_confidence,
        decide_by: decision.decide_by,
    });
    milestones.chain(decisions).collect()
}
