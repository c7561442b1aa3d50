//! The records: what people author. Every field is documented where it is declared; the same
//! text reaches editors through JSON Schema.

mod hardware;
mod market;
mod people;
mod plan;
mod software;
mod stream;
mod supply;

pub use hardware::{
    BomLine, Build, BuildStage, Capability, Direction, Fleet, Part, PartLifecycle, Product,
    Revision,
};
pub use market::{Certificate, Market, Regime};
pub use people::{
    Assumption, AssumptionStatus, Criterion, Evidence, Requirement, RequirementPriority,
    Stakeholder, Term,
};
pub use plan::{
    Activity, Actual, Band, Bound, Calendar, Closure, Correlation, Decided, Decision,
    DecisionOption, IncludeOrRespin, Link, LinkKind, Milestone, Risk, RiskEffect, Scenario,
    ScenarioChange, Settings, Team, Weekday, Work,
};
pub use software::{Feature, Release, ReleaseKind};
pub use stream::{Contract, ContractField, FieldKind, UnknownFields};
pub use supply::{Offer, Order, PriceBreak, Rate, Supplier};
