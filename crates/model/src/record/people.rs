use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::field::{shapes, words};
use crate::id::*;
use crate::quantity::Quantity;

shapes! {
    /// A person or organisation with a stake in the product.
    struct Stakeholder {
        /// Id of the stakeholder.
        id: StakeholderId,
        /// Role or name.
        title: String,
        /// The organisation.
        organisation: Option<String>,
        /// The discipline whose words it uses.
        discipline: Option<String>,
    }

    /// What a stakeholder requires.
    struct Requirement {
        /// Id of the requirement.
        id: RequirementId,
        /// The requirement in a sentence.
        title: String,
        /// Who requires it.
        stakeholder: StakeholderId,
        /// How much it matters.
        priority: RequirementPriority = RequirementPriority::Should,
        /// Features that meet it.
        features: Vec<FeatureId>,
        /// Capabilities that it bears on.
        capabilities: Vec<CapabilityId>,
    }

    /// A success criterion bound to a metric.
    struct Criterion {
        /// Id of the criterion.
        id: CriterionId,
        /// The criterion in a sentence.
        title: String,
        /// Whose success it is.
        stakeholder: StakeholderId,
        /// What is measured.
        metric: String,
        /// The value that must at least be reached.
        at_least: Option<Quantity>,
        /// The value that must not be passed.
        at_most: Option<Quantity>,
        /// The requirement that it proves.
        requirement: Option<RequirementId>,
        /// By when.
        by: Option<ActivityId>,
    }

    /// One concept and its names in each discipline.
    struct Term {
        /// Id of the concept.
        id: TermId,
        /// The name used where no discipline has its own.
        title: String,
        /// What it means.
        definition: String,
        /// Its name by discipline.
        names: BTreeMap<String, String>,
    }

    /// Something that the plan takes to be true.
    struct Assumption {
        /// Id of the assumption.
        id: AssumptionId,
        /// The statement.
        title: String,
        /// Whether it holds, as far as is known.
        status: AssumptionStatus = AssumptionStatus::Unknown,
        /// Decisions that rest on it.
        decisions: Vec<DecisionId>,
        /// Features that rest on it.
        features: Vec<FeatureId>,
        /// Who looks after it.
        owner: Option<StakeholderId>,
        /// The day by which it is to be checked.
        check_by: Option<Date>,
        /// What is known about it.
        evidence: Vec<Evidence>,
    }

    /// Something that was seen on a day.
    struct Evidence {
        /// The day.
        on: Date,
        /// What was seen.
        note: String,
    }
}

words! {
    /// How much a requirement matters.
    enum RequirementPriority {
        /// Without it there is no launch.
        Must = "must",
        /// It is expected.
        Should = "should",
        /// It would be welcome.
        Could = "could",
    }

    /// Whether an assumption holds.
    enum AssumptionStatus {
        /// Evidence speaks for it.
        Supported = "supported",
        /// Evidence speaks against it.
        Contradicted = "contradicted",
        /// Nobody knows yet.
        Unknown = "unknown",
    }
}
