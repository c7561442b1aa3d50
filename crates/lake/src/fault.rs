//! Why a query gives no answer: what DataFusion reports, told apart by its structure.

use std::ops::ControlFlow;

use arrow::error::ArrowError;
use datafusion::common::{SchemaError, TableReference};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, visit_expressions};
use datafusion::sql::sqlparser::parser::ParserError;

/// Why a query gives no answer, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It asks for something else than to read.
    #[error("only SELECT, EXPLAIN, SHOW and DESCRIBE are allowed here: {0}")]
    NotARead(String),
    /// It isn't SQL.
    #[error("{0}")]
    Syntax(String),
    /// It is longer or deeper than a query may be.
    #[error("{0}")]
    TooComplex(String),
    /// It names a table that isn't there.
    #[error("{0}")]
    UnknownTable(String),
    /// It names a column that isn't there.
    #[error("{0}")]
    UnknownColumn(String),
    /// It names a column that two tables have.
    #[error("{0}")]
    AmbiguousColumn(String),
    /// It gives two columns the same name.
    #[error("{0}")]
    DuplicateColumn(String),
    /// It calls a function that isn't there.
    #[error("{0}")]
    UnknownFunction(String),
    /// It is SQL that isn't spoken here.
    #[error("{0}")]
    Unsupported(String),
    /// It asks for other parameters than it was given.
    #[error("{0}")]
    Parameters(String),
    /// It divides by zero.
    #[error("{0}")]
    DivisionByZero(String),
    /// A number of it is larger than its type holds.
    #[error("{0}")]
    OutOfRange(String),
    /// A text can't become what is asked for: a number, a time.
    #[error("{0}")]
    InvalidText(String),
    /// A function was given what it doesn't take.
    #[error("{0}")]
    InvalidValue(String),
    /// Anything else is wrong with it, such as types that don't go together.
    #[error("{0}")]
    Wrong(String),
    /// It took longer than it may.
    #[error("the query took longer than {seconds} s")]
    TooLong {
        /// What it may take.
        seconds: u64,
    },
    /// So many run at once that it couldn't begin in the time that it may take.
    #[error("too many queries run at once: try again in a moment")]
    TooMany,
    /// It needs more memory than it may use.
    #[error("the query needs more memory than it may use: {0}")]
    TooMuchMemory(String),
    /// Something went wrong while it ran, which isn't its fault.
    #[error("{0}")]
    Failed(String),
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> QueryError {
        let told = first_line(&error);
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => QueryError::TooMuchMemory(told),
            DataFusionError::SQL(problem, _) => match **problem {
                ParserError::RecursionLimitExceeded => QueryError::TooComplex(told),
                _ => QueryError::Syntax(told),
            },
            DataFusionError::SchemaError(problem, _) => match **problem {
                SchemaError::FieldNotFound { .. } => QueryError::UnknownColumn(told),
                SchemaError::AmbiguousReference { .. } => QueryError::AmbiguousColumn(told),
                _ => QueryError::DuplicateColumn(told),
            },
            DataFusionError::ArrowError(problem, _) => of_arrow(problem, told),
            DataFusionError::NotImplemented(_) => QueryError::Unsupported(told),
            DataFusionError::Execution(_) => QueryError::InvalidValue(told),
            DataFusionError::Plan(_) | DataFusionError::Configuration(_) => QueryError::Wrong(told),
            _ => QueryError::Failed(told),
        }
    }
}

fn of_arrow(problem: &ArrowError, told: String) -> QueryError {
    match problem {
        ArrowError::DivideByZero => QueryError::DivisionByZero(told),
        ArrowError::ArithmeticOverflow(_) => QueryError::OutOfRange(told),
        ArrowError::CastError(_) | ArrowError::ParseError(_) => QueryError::InvalidText(told),
        ArrowError::ComputeError(_) | ArrowError::InvalidArgumentError(_) => {
            QueryError::InvalidValue(told)
        }
        ArrowError::NotYetImplemented(_) => QueryError::Unsupported(told),
        ArrowError::MemoryError(_) => QueryError::TooMuchMemory(told),
        _ => QueryError::Failed(told),
    }
}

/// Why a statement can't be planned. That a table or a function isn't there is told by words only,
/// so it is looked up what there is.
pub(crate) async fn unplanned(
    session: &SessionContext,
    statement: &Statement,
    error: DataFusionError,
) -> QueryError {
    let found = QueryError::from(error);
    let (QueryError::Wrong(told) | QueryError::Failed(told)) = &found else { return found };
    let tables = session.state().resolve_table_references(statement).unwrap_or_default();
    for table in tables {
        if !is_there(session, &table).await {
            return QueryError::UnknownTable(format!("there is no table `{table}`"));
        }
    }
    match unknown_function(session, statement) {
        Some(_) => QueryError::UnknownFunction(told.clone()),
        None => found,
    }
}

async fn is_there(session: &SessionContext, table: &TableReference) -> bool {
    session.table_provider(table.clone()).await.is_ok()
}

/// The first function of a statement that isn't one.
fn unknown_function(session: &SessionContext, statement: &Statement) -> Option<String> {
    let Statement::Statement(statement) = statement else { return None };
    let state = session.state();
    let is_known = |name: &str| {
        state.scalar_functions().contains_key(name)
            || state.aggregate_functions().contains_key(name)
            || state.window_functions().contains_key(name)
    };
    let looked = visit_expressions(&**statement, |it| match it {
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            if is_known(&name) { ControlFlow::Continue(()) } else { ControlFlow::Break(name) }
        }
        _ => ControlFlow::Continue(()),
    });
    match looked {
        ControlFlow::Break(name) => Some(name),
        ControlFlow::Continue(()) => None,
    }
}

pub(crate) fn first_line(error: &DataFusionError) -> String {
    let told = error.strip_backtrace();
    told.lines().next().unwrap_or_default().to_owned()
}
