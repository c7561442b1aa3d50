//! What could not be represented, where, and what was done instead.

use std::fmt;

/// What a [`Loss`] belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The whole file.
    File,
    /// A calendar, by its name.
    Calendar(String),
    /// A task of a project file.
    Task {
        /// Its unique number in the file.
        uid: i64,
        /// Its name.
        name: String,
    },
    /// A resource of a project file.
    Resource {
        /// Its unique number in the file.
        uid: i64,
        /// Its name.
        name: String,
    },
    /// A record of a bundle, by its id.
    Record(String),
    /// A place in a table. Both count from 1; column 0 means the whole line.
    Cell {
        /// The line.
        line: u64,
        /// The column, counted in cells.
        column: usize,
    },
}

/// Something that could not be taken over as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// What it belongs to.
    pub subject: Subject,
    /// What could not be taken over.
    pub what: String,
    /// What was done instead.
    pub instead: String,
}

impl Loss {
    pub(crate) fn new(
        subject: Subject,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) -> Loss {
        Loss { subject, what: what.into(), instead: instead.into() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::File => f.write_str("file"),
            Subject::Calendar(name) => write!(f, "calendar `{name}`"),
            Subject::Task { uid, name } => write!(f, "task `{name}` (uid {uid})"),
            Subject::Resource { uid, name } => write!(f, "resource `{name}` (uid {uid})"),
            Subject::Record(id) => write!(f, "`{id}`"),
            Subject::Cell { line, column: 0 } => write!(f, "line {line}"),
            Subject::Cell { line, column } => write!(f, "line {line}, column {column}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.subject, self.what, self.instead)
    }
}
