use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::field::{shapes, words};
use crate::id::*;
use crate::money::Money;
use crate::record::plan::Work;
use crate::unit::Unit;
use crate::value::{Level, Share};

shapes! {
    /// A product that is planned: devices, their firmware and their cloud.
    struct Product {
        /// Id of the product.
        id: ProductId,
        /// Name as people say it.
        title: String,
        /// What it is for, in a sentence or two.
        description: Option<String>,
    }

    /// A hardware revision of a product, for example tracker rev C.
    struct Revision {
        /// Id of the revision.
        id: RevisionId,
        /// The product that it is a revision of.
        product: ProductId,
        /// Name as people say it.
        title: String,
        /// The revision that it follows.
        follows: Option<RevisionId>,
        /// What the board offers beyond what its parts offer: `true`, or an amount.
        provides: BTreeMap<CapabilityId, Level>,
        /// Specification and layout, before the first build. A revision without it, or whose
        /// design has finished, has a closed specification.
        design: Option<Work>,
        /// The day on which the specification freezes: design starts no earlier, and nothing can
        /// be added to the revision later.
        specification_freeze: Option<Date>,
        /// The markets in which it is to be sold.
        markets: Vec<MarketId>,
        /// What is in the field today.
        fleet: Option<Fleet>,
    }

    /// The devices of a revision in the field on a day.
    struct Fleet {
        /// How many devices.
        units: u64,
        /// The day on which they were counted.
        on: Date,
        /// The share that fails or is retired in a year.
        annual_loss: Share = Share::NONE,
        /// The share that takes an update within its release.
        update_reach: Share = Share::ALL,
    }

    /// Something that hardware offers and software may need: yes or no, or an amount.
    struct Capability {
        /// Id of the capability.
        id: CapabilityId,
        /// Name as people say it.
        title: String,
        /// Unit of the amount; a capability without a unit is there or isn't.
        unit: Option<Unit>,
        /// Whether a larger amount serves a need better ("more"), or a smaller one ("less").
        better: Direction = Direction::More,
    }

    /// A part that is bought.
    struct Part {
        /// Id of the part.
        id: PartId,
        /// What it is: "LTE-M / NB-IoT modem".
        title: String,
        /// Who makes it.
        manufacturer: Option<String>,
        /// The maker's part number.
        mpn: Option<String>,
        /// What it offers to the board that carries it.
        provides: BTreeMap<CapabilityId, Level>,
        /// Where it stands in its maker's programme.
        lifecycle: PartLifecycle = PartLifecycle::Active,
        /// The last day on which its maker takes orders.
        last_time_buy: Option<Date>,
    }

    /// A part on the bill of materials of a revision.
    struct BomLine {
        /// Id of the line; left out, it is the revision and the part joined by a dot.
        id: BomLineId,
        /// The revision that carries the part.
        revision: RevisionId,
        /// The part.
        part: PartId,
        /// How many of it on one board.
        quantity: Decimal = Decimal::ONE,
        /// Where it sits: U1, C4.
        references: Vec<String>,
        /// Parts that may take its place.
        alternates: Vec<PartId>,
        /// The first kind of build that carries it, if not the first of all.
        from: BuildStage = BuildStage::Evt,
    }

    /// A quantity of a revision that is built.
    struct Build {
        /// Id of the build.
        id: BuildId,
        /// The revision that is built.
        revision: RevisionId,
        /// EVT, DVT, PVT or MP.
        stage: BuildStage,
        /// How many units.
        quantity: u64,
        /// Who builds it.
        supplier: Option<SupplierId>,
        /// Assembly and bring-up: for an MP build, until its first units.
        work: Work,
        /// Validation of what was built, before the next stage.
        test: Option<Work>,
        /// Units made in a week once an MP build runs; left out, all come at once.
        weekly_rate: Option<u64>,
        /// Its parts are ordered after these; left out, after design for a first build, and after
        /// the build before it for any other.
        order_after: Vec<ActivityId>,
        /// The build starts no earlier than this.
        start_no_earlier_than: Option<Date>,
        /// Fixed cost: tooling, fixtures, setting up.
        fixed_cost: Option<Money>,
    }
}

words! {
    /// Which way a capability's amounts are better.
    enum Direction {
        /// A larger amount serves better: memory, range, battery life.
        More = "more",
        /// A smaller amount serves better: sleep current, weight.
        Less = "less",
    }

    /// The stages of hardware builds.
    enum BuildStage {
        /// Engineering validation test: does the design work?
        Evt = "evt",
        /// Design validation test: does it meet its specification and its regimes?
        Dvt = "dvt",
        /// Production validation test: can the line make it?
        Pvt = "pvt",
        /// Mass production.
        Mp = "mp",
    }

    /// Where a part stands in its maker's programme.
    enum PartLifecycle {
        /// Made and recommended.
        Active = "active",
        /// Made, but not recommended for new designs.
        NotRecommended = "not-recommended",
        /// Orders are taken until the last-time-buy date.
        LastTimeBuy = "last-time-buy",
        /// No longer made.
        Obsolete = "obsolete",
    }
}
