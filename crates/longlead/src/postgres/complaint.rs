//! What a client is told when something can't be done, and what becomes of its session.

use longlead_lake::QueryError;
use longlead_web::asking::AskerError;
use longlead_web::telemetry::TelemetryError;

use super::message::ReadError;
use crate::fleet::refused;

/// An error or a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Five characters, as PostgreSQL's manual lists them.
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Complaint {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Complaint {
        Complaint { code, message: message.into() }
    }
}

/// What ends a message.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client is told, and goes on.
    Told(Complaint),
    /// The client is told, and its session ends.
    Ended(Complaint),
    /// The client is gone.
    Gone(std::io::Error),
}

impl Failure {
    pub(super) fn told(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::Told(Complaint::new(code, message))
    }

    pub(super) fn ended(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::Ended(Complaint::new(code, message))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            // What it says can't be understood; where its next message begins isn't known.
            std::io::ErrorKind::InvalidData => Failure::ended("08P01", error.to_string()),
            _ => Failure::Gone(error),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Failure {
        match error {
            ReadError::Idle => Failure::ended("57P05", "nothing was asked for too long"),
            ReadError::Io(error) => error.into(),
        }
    }
}

impl From<AskerError> for Failure {
    fn from(error: AskerError) -> Failure {
        let told = error.to_string();
        match error {
            AskerError::Unknown => Failure::ended("28P01", told),
            AskerError::Gone => Failure::ended("28000", told),
            AskerError::Forbidden(_) => Failure::told("42501", told),
            AskerError::TooMany { .. } => Failure::told("53400", told),
            AskerError::Failed(_) => Failure::told("XX000", told),
        }
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Failure {
        Failure::told(error.fault.sqlstate(), error.told)
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Failure {
        refused(error).into()
    }
}
