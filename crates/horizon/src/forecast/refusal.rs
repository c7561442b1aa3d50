//! Why a plan can't be computed, as diagnostics.

use longlead_model::{Code, Diagnostic};
use longlead_network::{LevelError, LinkIndex, NetworkError, ScheduleError};

use crate::derive::Derivation;

pub(super) fn network_error(error: &NetworkError) -> Diagnostic {
    let code = match error {
        NetworkError::Cycle { .. } => Code::Cycle,
        NetworkError::Estimate { .. } => Code::ImpossibleEstimate,
        _ => Code::OutOfRange,
    };
    let mut message = format!("the plan can't be computed: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let help = match error {
        NetworkError::Cycle { .. } => {
            "derived activities follow from facts: look for an `after`, `order_after` or link that \
             runs against them"
        }
        _ => "correct the record that the message names",
    };
    Diagnostic::error(code, message).help(help)
}

pub(super) fn level_error(error: &LevelError) -> Diagnostic {
    match error {
        LevelError::Schedule(error) => schedule_error(error),
        LevelError::DemandAboveCapacity { .. } => {
            Diagnostic::error(Code::OutOfRange, format!("teams can't be levelled: {error}"))
                .help("ask for less, or raise the team's capacity")
        }
    }
}

/// Says that teams work in an order that a maximum lag doesn't allow.
pub(super) fn broken_lag(derivation: &Derivation, link: LinkIndex) -> Diagnostic {
    let ends = derivation
        .network
        .links
        .get(link.index())
        .and_then(|link| Some((derivation.node(link.from)?, derivation.node(link.to)?)));
    let message = match ends {
        Some((from, to)) => {
            format!("shared teams can't keep the maximum lag between `{}` and `{}`", from.id, to.id,)
        }
        None => "shared teams can't keep a maximum lag".to_owned(),
    };
    Diagnostic::warning(Code::ContradictoryLags, message)
        .help("raise the lag or the team's capacity, or plan without levelling")
}

pub(super) fn schedule_error(error: &ScheduleError) -> Diagnostic {
    let code = match error {
        ScheduleError::PositiveCycle { .. } => Code::ContradictoryLags,
        _ => Code::OutOfRange,
    };
    let help = match error {
        ScheduleError::PositiveCycle { .. } => "change one of the lags along the way",
        _ => "shorten the estimates or lags on the way to it, or move its dates",
    };
    Diagnostic::error(code, format!("the plan can't be computed: {error}")).help(help)
}
