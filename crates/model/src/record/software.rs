use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::field::{shapes, words};
use crate::id::*;
use crate::money::Money;
use crate::record::plan::Work;
use crate::value::{Level, Share};

shapes! {
    /// Software that users get.
    struct Feature {
        /// Id of the feature.
        id: FeatureId,
        /// The product whose devices run it.
        product: ProductId,
        /// Name as people say it.
        title: String,
        /// What hardware it needs: `true`, or the amount it can't do without.
        requires: BTreeMap<CapabilityId, Level>,
        /// Development.
        work: Option<Work>,
        /// The release that carries it.
        release: Option<ReleaseId>,
        /// Features that must be developed first.
        after: Vec<FeatureId>,
        /// Markets in which it launches; left out, the first market of the revision that has it.
        markets: Vec<MarketId>,
        /// The last day on which its launch is on time.
        target: Option<Date>,
        /// How sure the target should be; left out, the bundle's confidence.
        confidence: Option<Share>,
        /// What it is worth in a year.
        value: Option<Money>,
        /// What a week of delay costs.
        delay_cost_per_week: Option<Money>,
        /// The probability that users need it.
        probability: Option<Share>,
        /// Who wants it.
        stakeholders: Vec<StakeholderId>,
    }

    /// A firmware or cloud release that carries features.
    struct Release {
        /// Id of the release.
        id: ReleaseId,
        /// Name as people say it.
        title: String,
        /// Firmware, cloud or app.
        kind: ReleaseKind = ReleaseKind::Firmware,
        /// Qualification and rollout, after its features are developed.
        work: Option<Work>,
        /// Releases that must be out before it.
        after: Vec<ReleaseId>,
        /// It comes out no earlier than this.
        start_no_earlier_than: Option<Date>,
        /// The last day on which it is on time.
        target: Option<Date>,
        /// How sure the target should be; left out, the bundle's confidence.
        confidence: Option<Share>,
    }
}

words! {
    /// What a release updates.
    enum ReleaseKind {
        /// Firmware of the devices.
        Firmware = "firmware",
        /// The service behind them.
        Cloud = "cloud",
        /// The app that people hold.
        App = "app",
    }
}
