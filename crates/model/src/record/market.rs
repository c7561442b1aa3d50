use jiff::civil::Date;

use crate::estimate::Estimate;
use crate::field::shapes;
use crate::id::*;
use crate::quantity::Quantity;
use crate::record::hardware::BuildStage;
use crate::record::plan::Work;

shapes! {
    /// A market in which the product is sold.
    struct Market {
        /// Id of the market.
        id: MarketId,
        /// Name as people say it.
        title: String,
        /// The bodies of rules that it demands.
        regimes: Vec<RegimeId>,
        /// From the factory to the market, in elapsed days.
        shipping: Option<Estimate>,
    }

    /// A body of rules, such as FCC part 15 or CE RED.
    struct Regime {
        /// Id of the regime.
        id: RegimeId,
        /// Name as people say it.
        title: String,
        /// It applies only to hardware that has one of these capabilities; left out, to all.
        applies_to: Vec<CapabilityId>,
        /// The first kind of build whose boards can be tested.
        boards: BuildStage = BuildStage::Dvt,
        /// Testing and certification of one revision.
        work: Work,
        /// How long a certificate holds, for example "3 a".
        validity: Option<Quantity>,
    }

    /// Proof that a revision meets a regime.
    struct Certificate {
        /// Id of the certificate.
        id: CertificateId,
        /// The revision.
        revision: RevisionId,
        /// The regime.
        regime: RegimeId,
        /// Number on the paper.
        number: Option<String>,
        /// The day on which it was issued.
        issued: Date,
        /// The last day on which it holds.
        expires: Option<Date>,
    }
}
