//! What the doors hand on goes into the lake, judged by the contracts of the newest product.

use std::sync::{Arc, PoisonError, RwLock};

use longlead_gateway::{BoxFuture, Intake};
use longlead_lake::Lake;
use longlead_model::{Kind, RecordKey};
use longlead_records::{Journal, Snapshot};
use longlead_stream::{Contracts, Judged, Receipt, Refusal};

/// The lake behind the doors.
#[derive(Debug)]
pub(super) struct LakeIntake {
    lake: Lake,
    contracts: RwLock<Arc<Contracts>>,
}

impl LakeIntake {
    /// Follows the contracts of a journal from now on.
    pub(super) fn new(lake: Lake, journal: &Journal) -> Arc<LakeIntake> {
        let mut snapshots = journal.watch();
        let now = contracts(&snapshots.borrow_and_update());
        let intake = Arc::new(LakeIntake { lake, contracts: RwLock::new(Arc::new(now)) });
        let followed = Arc::downgrade(&intake);
        tokio::spawn(async move {
            while snapshots.changed().await.is_ok() {
                let Some(intake) = followed.upgrade() else { return };
                let now = Arc::new(contracts(&snapshots.borrow_and_update()));
                *intake.contracts.write().unwrap_or_else(PoisonError::into_inner) = now;
            }
        });
        intake
    }
}

/// The contracts of a product, each with the version of its record.
fn contracts(snapshot: &Snapshot) -> Contracts {
    Contracts::of(&snapshot.bundle.records, |id| {
        let key = RecordKey::Record(Kind::Contract, id.as_str().to_owned());
        snapshot.version(&key).map_or(0, |version| version.get())
    })
}

impl Intake for LakeIntake {
    fn contracts(&self) -> Arc<Contracts> {
        Arc::clone(&self.contracts.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn accept(&self, judged: Judged) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(self.lake.accept(judged))
    }
}
