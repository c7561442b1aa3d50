//! Who may do what: roles, and the kinds of records that each may change.

use longlead_model::Kind;
use longlead_records::people::{Role, Scope};

/// What a route needs of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needs {
    /// Nothing: the sign-in page, assets, health.
    Public,
    /// To be signed in: one's own account.
    SignedIn,
    /// To read the metrics: owners, with a token of its own scope. Whoever asks from this machine
    /// itself needs nothing, see `guard`.
    ReadMetrics,
    /// To read records; partners see what is shared with their organisation.
    ReadRecords,
    /// To read the plan; partners see what follows from records that are shared with them.
    ReadInsights,
    /// To read the devices in the field; partners see those of their organisation.
    ReadFleet,
    /// To change records; which kinds depends on the role, see [`may_write`].
    WriteRecords,
    /// To read and query what devices sent: all of it, so no partner may.
    ReadTelemetry,
    /// To change devices: what they are, and what happened to them.
    EditFleet,
    /// To see and change who may do what: owners.
    Admin,
}

impl Needs {
    /// The scope that a token must have.
    pub(crate) fn scope(self) -> Option<Scope> {
        match self {
            Needs::Public | Needs::SignedIn => None,
            Needs::ReadRecords => Some(Scope::ReadRecords),
            Needs::ReadInsights => Some(Scope::ReadInsights),
            Needs::ReadFleet | Needs::ReadTelemetry => Some(Scope::ReadFleet),
            Needs::EditFleet => Some(Scope::EditFleet),
            Needs::WriteRecords => Some(Scope::WriteRecords),
            Needs::ReadMetrics => Some(Scope::ReadMetrics),
            Needs::Admin => Some(Scope::Admin),
        }
    }

    /// Whether the role has what is needed.
    pub(crate) fn met_by(self, role: Role) -> bool {
        match self {
            Needs::Public | Needs::SignedIn | Needs::ReadRecords | Needs::ReadInsights => true,
            Needs::ReadFleet => true,
            Needs::ReadTelemetry => role != Role::Partner,
            Needs::WriteRecords => role != Role::Viewer,
            Needs::EditFleet => !matches!(role, Role::Viewer | Role::Partner),
            Needs::ReadMetrics | Needs::Admin => role == Role::Owner,
        }
    }
}

/// Whether a role may change records of a kind (`None`: the settings). Partners may change only
/// what is shared with them for editing, which is checked record by record.
pub(crate) fn may_write(role: Role, kind: Option<Kind>) -> bool {
    let Some(kind) = kind else {
        return matches!(role, Role::Owner | Role::Product);
    };
    match role {
        Role::Owner | Role::Product => true,
        Role::Viewer => false,
        Role::Partner => matches!(
            kind,
            Kind::Offer | Kind::Order | Kind::Build | Kind::Certificate | Kind::Actual
        ),
        Role::Hardware => is_plan(kind) || is_hardware(kind),
        Role::Firmware => is_plan(kind) || is_firmware(kind),
        Role::Supply => is_plan(kind) || is_supply(kind),
        Role::Regulatory => is_plan(kind) || is_regulatory(kind),
    }
}

/// What every discipline plans with.
fn is_plan(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Activity
            | Kind::Milestone
            | Kind::Link
            | Kind::Actual
            | Kind::Risk
            | Kind::Decision
            | Kind::Assumption
            | Kind::Scenario
            | Kind::Term
            | Kind::Contract
    )
}

fn is_hardware(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Revision
            | Kind::Capability
            | Kind::Part
            | Kind::BomLine
            | Kind::Build
            | Kind::Team
            | Kind::Calendar
    )
}

fn is_firmware(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Feature
            | Kind::Release
            | Kind::Contract
            | Kind::Capability
            | Kind::Team
            | Kind::Calendar
    )
}

fn is_supply(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Part
            | Kind::Supplier
            | Kind::Offer
            | Kind::Order
            | Kind::Build
            | Kind::BomLine
            | Kind::Rate
            | Kind::Correlation
    )
}

fn is_regulatory(kind: Kind) -> bool {
    matches!(kind, Kind::Market | Kind::Regime | Kind::Certificate | Kind::Requirement)
}
