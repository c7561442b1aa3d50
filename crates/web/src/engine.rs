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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::health::Metrics;
use crate::problem::Problem;
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
    /// Planning takes all cores: what-ifs wait for one another. The newest plan doesn't wait.
    turns: Arc<Semaphore>,
    now: fn() -> Timestamp,
}

/// The change set, the day on which the facts hold (none for the product's own), and what tells
/// what-ifs apart.
type WhatIfKey = (Sequence, Option<Date>, String);

/// A plan, or what keeps it from being computed.
pub(crate) type Planned = Result<Arc<Outlook>, Vec<Diagnostic>>;

/// The name of the product right after a change set, for those who ask by its number.
const IN_THE_PAST: &str = "in the past";

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
        Engine { latest, what_ifs, turns: Arc::new(Semaphore::new(1)), now }
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
        let key = (snapshot.head, Some(as_of), name);
        let (snapshot, scenario) = (Arc::clone(snapshot), scenario.clone());
        self.at_hand(key, move || {
            let (bundle, diagnostics) = snapshot.bundle.under(&scenario);
            if diagnostics.iter().any(Diagnostic::is_error) {
                return Err(diagnostics);
            }
            Ok(outlook(snapshot, Arc::new(bundle), as_of))
        })
        .await
    }

    /// The plan of a product as it was, on a day.
    pub(crate) async fn of_snapshot(
        &self,
        snapshot: Arc<Snapshot>,
        as_of: Date,
    ) -> Result<Arc<Outlook>, Vec<Diagnostic>> {
        let key = (snapshot.head, Some(as_of), AS_IT_WAS.to_owned());
        self.at_hand(key, move || {
            let bundle = Arc::clone(&snapshot.bundle);
            Ok(outlook(snapshot, bundle, as_of))
        })
        .await
    }

    /// The plan of the product right after a change set; `day` says on which day its facts hold,
    /// which follows from `as_of` and the product. What is at hand is answered without reading the
    /// journal, and what is read waits its turn as plans do.
    ///
    /// # Errors
    /// The problem that `day` has with the day, or that the journal can't be read.
    pub(crate) async fn of_past(
        &self,
        journal: &Journal,
        at: Sequence,
        as_of: Option<Date>,
        day: impl FnOnce(&Snapshot) -> Result<Date, Problem>,
    ) -> Result<Planned, Problem> {
        let key = (at, as_of, IN_THE_PAST.to_owned());
        if let Some(outlook) = self.kept(&key) {
            return Ok(Ok(outlook));
        }
        let Some(turn) = self.turn().await else {
            return Ok(Err(vec![stopped()]));
        };
        if let Some(outlook) = self.kept(&key) {
            return Ok(Ok(outlook));
        }
        let snapshot = Arc::new(journal.at_sequence(at).await?);
        let as_of = day(&snapshot)?;
        Ok(self
            .work(turn, key, move || {
                let bundle = Arc::clone(&snapshot.bundle);
                Ok(outlook(snapshot, bundle, as_of))
            })
            .await)
    }

    /// The plan of a product as a change set left it, at an instant after it; none if it isn't at
    /// hand. It has the product, too, which needn't be read again.
    pub(crate) fn as_it_was(&self, sequence: Sequence, at: Timestamp) -> Option<Arc<Outlook>> {
        let what_ifs = self.what_ifs.lock().unwrap_or_else(PoisonError::into_inner);
        let found = what_ifs.iter().find(|((head, as_of, name), outlook)| {
            *head == sequence
                && name == AS_IT_WAS
                && *as_of == Some(day(&outlook.snapshot.bundle, at))
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
        let key = (snapshot.head, Some(as_of), name);
        let snapshot = Arc::clone(snapshot);
        self.at_hand(key, move || Ok(outlook(snapshot, bundle, as_of))).await
    }

    /// The plan of a key: the one at hand, or the one that `work` makes when its turn comes.
    async fn at_hand(
        &self,
        key: WhatIfKey,
        work: impl FnOnce() -> Result<Outlook, Vec<Diagnostic>> + Send + 'static,
    ) -> Planned {
        if let Some(outlook) = self.kept(&key) {
            return Ok(outlook);
        }
        let turn = self.turn().await.ok_or_else(|| vec![stopped()])?;
        if let Some(outlook) = self.kept(&key) {
            return Ok(outlook);
        }
        self.work(turn, key, work).await
    }

    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    async fn work(
        &self,
        turn: OwnedSemaphorePermit,
        key: WhatIfKey,
        work: impl FnOnce() -> Result<Outlook, Vec<Diagnostic>> + Send + 'static,
    ) -> Planned {
        let engine = self.clone();
        let planned = tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, whether anyone still waits for it or not.
            let _turn = turn;
            let outlook = Arc::new(work()?);
            engine.keep(key, &outlook);
            Ok(outlook)
        });
        planned.await.unwrap_or_else(|_| Err(vec![stopped()]))
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

/// After a plan, planning rests a quarter of the time that the plan took, but not longer than this.
const REST_MAX: Duration = Duration::from_secs(2);

/// Plans whenever the product changes or a day begins, always the newest there is. Ends when
/// nobody can ask for plans any more.
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
        let mut rest = Duration::ZERO;
        if stale {
            let outlook = Arc::new(planned(snapshot, as_of, outlook).await);
            metrics.planned(outlook.took);
            rest = (outlook.took / 4).min(REST_MAX);
            // Readers don't wait for the log.
            sender.send_replace(Some(Arc::clone(&outlook)));
            log(&journal, &outlook, now()).await;
        }
        // A program that commits without pause leaves a fifth of the time; a change that comes
        // alone is planned at once.
        let next = async {
            tokio::time::sleep(rest).await;
            tokio::time::timeout(DAY_CHECK, snapshots.changed()).await
        };
        let changed = tokio::select! {
            changed = next => changed,
            () = sender.closed() => return,
        };
        if matches!(changed, Ok(Err(_))) {
            // The journal is closed, so nothing will change any more.
            return;
        }
    }
}

/// The plan of a snapshot. If planning stops midway, that is what is told of it: the plan before
/// would pass for the newest.
async fn planned(
    snapshot: Arc<Snapshot>,
    as_of: Date,
    plan: fn(Arc<Snapshot>, Arc<Bundle>, Date) -> Outlook,
) -> Outlook {
    let bundle = Arc::clone(&snapshot.bundle);
    let planned = {
        let (snapshot, bundle) = (Arc::clone(&snapshot), Arc::clone(&bundle));
        tokio::task::spawn_blocking(move || plan(snapshot, bundle, as_of)).await
    };
    planned.unwrap_or_else(|error| {
        tracing::error!(%error, "planning stopped");
        Outlook {
            snapshot,
            bundle,
            plan: Err(vec![stopped()]),
            as_of,
            took: Duration::ZERO,
            sights: Sights::default(),
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{app, empty};

    #[tokio::test(flavor = "multi_thread")]
    async fn planning_that_stops_midway_is_told_and_not_passed_over() {
        let app = empty().await;
        let snapshot = app.journal().current();
        let as_of = day(&snapshot.bundle, app.now());
        let stopped = planned(Arc::clone(&snapshot), as_of, |_, _, _| panic!("a fault")).await;
        assert_eq!(stopped.sequence(), snapshot.head);
        let told = stopped.plan.unwrap_err();
        assert_eq!(told[0].message, "planning was stopped");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_what_if_that_nobody_waits_for_any_more_still_holds_its_turn() {
        let app = empty().await;
        let engine = app.engine().clone();
        let snapshot = app.journal().current();
        let as_of = day(&snapshot.bundle, app.now());
        let key = (snapshot.head, Some(as_of), "slow".to_owned());
        let (go, goes) = std::sync::mpsc::channel::<()>();
        let waiting = engine.at_hand(key.clone(), move || {
            goes.recv().unwrap();
            let bundle = Arc::clone(&snapshot.bundle);
            Ok(outlook(snapshot, bundle, as_of))
        });
        let given_up = tokio::time::timeout(Duration::from_millis(50), waiting).await;
        assert!(given_up.is_err());
        assert_eq!(engine.turns.available_permits(), 0, "the work goes on");
        go.send(()).unwrap();
        let turn = tokio::time::timeout(Duration::from_secs(30), engine.turns.acquire()).await;
        assert!(turn.is_ok());
        assert!(engine.kept(&key).is_some(), "and isn't lost");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_plan_of_the_past_that_is_at_hand_asks_nothing_of_the_journal() {
        let app = app().await;
        let (engine, journal) = (app.engine(), app.journal());
        let day = |snapshot: &Snapshot| Ok(day(&snapshot.bundle, crate::testing::now()));
        let at = journal.current().head;
        let first = engine.of_past(journal, at, None, day).await.unwrap().unwrap();
        journal.close().await;
        let again = engine.of_past(journal, at, None, day).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let before = engine.of_past(journal, Sequence::from(0), None, day).await;
        assert!(before.is_err(), "what isn't at hand is read");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_tasks_end_when_nobody_holds_the_application() {
        let app = app().await;
        let mut snapshots = app.journal().watch();
        drop(app);
        let ended = tokio::time::timeout(Duration::from_secs(30), async {
            while snapshots.changed().await.is_ok() {}
        });
        assert!(ended.await.is_ok(), "the journal's writer still waits");
    }
}
