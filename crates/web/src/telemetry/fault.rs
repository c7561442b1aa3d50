//! What can be wrong with a question, and how it is told: by its SQLSTATE where PostgreSQL's
//! protocol is spoken, by the code of a problem where HTTP is.

use axum::http::StatusCode;

use crate::problem::{Problem, SOMETHING_FAILED, chain};

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub struct TelemetryError {
    /// What kind of fault it is.
    pub fault: Fault,
    /// What is wrong, for people.
    pub told: String,
}

impl TelemetryError {
    /// A fault, and what is wrong.
    pub fn new(fault: Fault, told: impl Into<String>) -> TelemetryError {
        TelemetryError { fault, told: told.into() }
    }

    /// Something failed that isn't the asker's fault. The log has the causes, which may name files
    /// and addresses; nobody is told them.
    pub fn failed(error: &dyn std::error::Error) -> TelemetryError {
        tracing::error!(error = %chain(error), "a question failed");
        TelemetryError::new(Fault::Failed, SOMETHING_FAILED)
    }
}

/// What can be wrong with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It asks for something else than to read.
    NotARead,
    /// It isn't SQL.
    Syntax,
    /// It is longer or deeper than a question may be.
    TooComplex,
    /// It names a table that isn't there.
    UnknownTable,
    /// It names a column that isn't there.
    UnknownColumn,
    /// It names a column that two tables have.
    AmbiguousColumn,
    /// It gives two columns the same name.
    DuplicateColumn,
    /// It calls a function that isn't there.
    UnknownFunction,
    /// It is SQL that isn't spoken here.
    Unsupported,
    /// It asks for other parameters than it was given.
    Parameters,
    /// It divides by zero.
    DivisionByZero,
    /// A number of it is larger than its type holds.
    OutOfRange,
    /// A text can't become what is asked for.
    InvalidText,
    /// A function was given what it doesn't take.
    InvalidValue,
    /// Anything else is wrong with it.
    Wrong,
    /// It took longer than it may.
    TooLong,
    /// Too many questions run at once.
    TooMany,
    /// It needs more memory than it may use.
    TooMuchMemory,
    /// Something failed, which isn't the asker's fault.
    Failed,
}

/// A fault as it is told: SQLSTATE, status of HTTP, code of the problem.
type Told = (Fault, &'static str, StatusCode, &'static str);

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const INTERNAL: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// How each fault is told.
const TOLD: [Told; 19] = [
    (Fault::NotARead, "25006", BAD, "question-not-a-read"),
    (Fault::Syntax, "42601", BAD, "question-wrong"),
    (Fault::TooComplex, "54001", BAD, "question-too-large"),
    (Fault::UnknownTable, "42P01", BAD, "question-unknown-name"),
    (Fault::UnknownColumn, "42703", BAD, "question-unknown-name"),
    (Fault::AmbiguousColumn, "42702", BAD, "question-wrong"),
    (Fault::DuplicateColumn, "42701", BAD, "question-wrong"),
    (Fault::UnknownFunction, "42883", BAD, "question-unknown-name"),
    (Fault::Unsupported, "0A000", BAD, "question-wrong"),
    (Fault::Parameters, "08P01", BAD, "question-wrong"),
    (Fault::DivisionByZero, "22012", BAD, "question-value"),
    (Fault::OutOfRange, "22003", BAD, "question-value"),
    (Fault::InvalidText, "22P02", BAD, "question-value"),
    (Fault::InvalidValue, "22023", BAD, "question-value"),
    (Fault::Wrong, "42000", BAD, "question-wrong"),
    (Fault::TooLong, "57014", BAD, "question-too-large"),
    (Fault::TooMany, "53000", UNAVAILABLE, "too-many-questions"),
    (Fault::TooMuchMemory, "53200", BAD, "question-too-large"),
    (Fault::Failed, "XX000", INTERNAL, "internal"),
];

impl Fault {
    fn told(self) -> Told {
        let found = TOLD.iter().find(|(fault, ..)| *fault == self);
        found.copied().unwrap_or((Fault::Failed, "XX000", INTERNAL, "internal"))
    }

    /// Its code as PostgreSQL's manual lists them.
    pub fn sqlstate(self) -> &'static str {
        self.told().1
    }
}

/// The problem that a request has whose question has a fault.
pub(crate) fn problem(error: &TelemetryError) -> Problem {
    let (fault, _, status, code) = error.fault.told();
    match fault {
        Fault::Failed => Problem::logged(),
        Fault::TooMany => {
            let title = "Too many questions run at once";
            let problem = Problem::new(status, code, title).detail(error.told.clone());
            Problem { retry_after_seconds: Some(5), ..problem }
        }
        _ => {
            Problem::new(status, code, "The question can't be answered").detail(error.told.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::problems::CODES;

    #[test]
    fn what_failed_inside_is_told_without_its_causes() {
        let error = std::io::Error::other("/srv/lake/climate.parquet: the disk is broken");
        let told = TelemetryError::failed(&error);
        assert_eq!(told.fault.sqlstate(), "XX000");
        assert_eq!(told.to_string(), "something failed here; it has been logged");
    }

    #[test]
    fn every_fault_is_told_once_and_its_code_is_explained() {
        let faults: BTreeSet<Fault> = TOLD.iter().map(|it| it.0).collect();
        // The last in the order of their declaration.
        assert_eq!(faults.len(), Fault::Failed as usize + 1);
        for (fault, state, status, code) in TOLD {
            assert_eq!(state.len(), 5, "{fault:?}");
            let doc = CODES.iter().find(|doc| doc.code == code);
            let doc = doc.unwrap_or_else(|| panic!("`{code}` of {fault:?} isn't explained"));
            assert_eq!(doc.status, status.as_str(), "{fault:?}");
        }
    }
}
