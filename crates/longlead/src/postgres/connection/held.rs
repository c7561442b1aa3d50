//! What a client has prepared and begun: within bounds, so that nobody fills the memory.

use std::collections::HashMap;
use std::sync::Arc;

use longlead_lake::{Answer, AnswerColumn, Page};

use super::super::catalog::Found;
use super::super::complaint::Failure;
use super::super::statement::Statement;

/// Prepared statements that a client may hold.
const STATEMENTS_MAX: usize = 1_000;
/// Portals that a client may hold.
const PORTALS_MAX: usize = 100;
/// Bytes of all of them: names, texts of statements, columns, values, rows.
const BYTES_MAX: usize = 16 << 20;
/// Bytes of a name, as in PostgreSQL.
const NAME_BYTES_MAX: usize = 63;
/// Answers that a client may have begun to read at once: each keeps a place that others wait for.
const BEGUN_MAX: usize = 4;

/// A statement that was prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) statement: Statement,
    pub(super) parameters: Vec<i32>,
    /// Nothing where it gives no rows, or where that isn't known before it is asked.
    pub(super) columns: Option<Vec<AnswerColumn>>,
}

/// A statement with its values, on its way to its last row.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) prepared: Arc<Prepared>,
    pub(super) values: Vec<Option<String>>,
    pub(super) formats: Vec<i16>,
    /// Columns of what was begun, where they weren't known before.
    begun: Option<Vec<AnswerColumn>>,
    pub(super) rows: Option<Rows>,
}

/// Rows that are left.
#[derive(Debug)]
pub(super) enum Rows {
    Asked {
        answer: Answer,
        page: Option<(Page, usize)>,
        sent: u64,
    },
    Found(Found),
    /// None: all were sent.
    Sent,
}

impl Prepared {
    pub(super) fn of(statement: Statement) -> Prepared {
        Prepared { statement, parameters: Vec::new(), columns: None }
    }

    fn bytes(&self) -> usize {
        let text = match &self.statement {
            Statement::Query(text) | Statement::Deallocate(Some(text)) => text.len(),
            _ => 0,
        };
        text + bytes_of_columns(self.columns.as_deref())
            + self.parameters.len() * size_of::<i32>()
            + size_of::<Prepared>()
    }
}

impl Portal {
    pub(super) fn of(prepared: Prepared) -> Portal {
        Portal::of_shared(Arc::new(prepared), Vec::new(), Vec::new())
    }

    pub(super) fn of_shared(
        prepared: Arc<Prepared>,
        values: Vec<Option<String>>,
        formats: Vec<i16>,
    ) -> Portal {
        Portal { prepared, values, formats, begun: None, rows: None }
    }

    pub(super) fn statement(&self) -> &Statement {
        &self.prepared.statement
    }

    pub(super) fn columns(&self) -> Option<&[AnswerColumn]> {
        self.begun.as_deref().or(self.prepared.columns.as_deref())
    }

    /// Begins to give rows, if they are as they were told to be when it was prepared.
    pub(super) fn begin(&mut self, columns: Vec<AnswerColumn>, rows: Rows) -> Result<(), Failure> {
        if self.prepared.columns.as_ref().is_some_and(|told| *told != columns) {
            let told =
                "what the statement gives has changed since it was prepared: prepare it again";
            return Err(Failure::told("0A000", told));
        }
        // What was told already isn't kept twice.
        self.begun = self.prepared.columns.is_none().then_some(columns);
        self.rows = Some(rows);
        Ok(())
    }

    fn bytes(&self) -> usize {
        let values: usize = self.values.iter().flatten().map(String::len).sum();
        let found = match &self.rows {
            Some(Rows::Found(found)) => bytes_of_found(found),
            _ => 0,
        };
        values
            + self.values.len() * size_of::<Option<String>>()
            + self.formats.len() * size_of::<i16>()
            + bytes_of_columns(self.begun.as_deref())
            + found
            + size_of::<Portal>()
    }
}

fn bytes_of_columns(columns: Option<&[AnswerColumn]>) -> usize {
    let columns = columns.unwrap_or_default().iter();
    columns.map(|it| it.name.len() + size_of::<AnswerColumn>()).sum()
}

fn bytes_of_found(found: &Found) -> usize {
    let bytes = |cell: &Option<String>| cell.as_ref().map_or(0, String::len);
    let cells = found.rows.iter().flatten();
    cells.map(|cell| bytes(cell) + size_of::<Option<String>>()).sum()
}

/// A name that is kept has bounds of its own.
fn may_be_called(name: &str) -> Result<(), Failure> {
    if name.len() > NAME_BYTES_MAX {
        let told = format!("a name has at most {NAME_BYTES_MAX} bytes");
        return Err(Failure::told("42622", told));
    }
    Ok(())
}

/// What a client holds, by name.
#[derive(Debug, Default)]
pub(super) struct Held {
    statements: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
}

impl Held {
    fn bytes(&self) -> usize {
        let statements = self.statements.iter().map(|(name, it)| name.len() + it.bytes());
        // A portal may be what is left of a statement that was closed.
        let portals = self.portals.iter();
        let portals = portals.map(|(name, it)| name.len() + it.bytes() + it.prepared.bytes());
        statements.chain(portals).sum()
    }

    /// Keeps a statement. One without a name takes the place of the one before it.
    pub(super) fn keep(&mut self, name: String, prepared: Prepared) -> Result<(), Failure> {
        may_be_called(&name)?;
        if name.is_empty() {
            self.statements.remove(&name);
        } else if self.statements.contains_key(&name) {
            let told = format!("a prepared statement is called `{name}` already: close it first");
            return Err(Failure::told("42P05", told));
        }
        let bytes = name.len() + prepared.bytes();
        if self.statements.len() >= STATEMENTS_MAX || self.bytes() + bytes > BYTES_MAX {
            return Err(Failure::told("53400", "too many prepared statements: close some"));
        }
        self.statements.insert(name, Arc::new(prepared));
        Ok(())
    }

    pub(super) fn prepared(&self, name: &str) -> Result<Arc<Prepared>, Failure> {
        self.statements.get(name).cloned().ok_or_else(|| no_statement(name))
    }

    /// Lets go of a statement, and tells whether it was there.
    pub(super) fn forget(&mut self, name: &str) -> bool {
        self.statements.remove(name).is_some()
    }

    pub(super) fn forget_all(&mut self) {
        self.statements.clear();
    }

    /// Keeps a portal. One without a name takes the place of the one before it.
    pub(super) fn bind(&mut self, name: String, portal: Portal) -> Result<(), Failure> {
        may_be_called(&name)?;
        if name.is_empty() {
            self.portals.remove(&name);
        } else if self.portals.contains_key(&name) {
            let told = format!("a portal is called `{name}` already: close it first");
            return Err(Failure::told("42P03", told));
        }
        let bytes = name.len() + portal.bytes() + portal.prepared.bytes();
        if self.portals.len() >= PORTALS_MAX || self.bytes() + bytes > BYTES_MAX {
            return Err(Failure::told("53400", "too many portals: close some"));
        }
        self.portals.insert(name, portal);
        Ok(())
    }

    pub(super) fn portal(&self, name: &str) -> Result<&Portal, Failure> {
        self.portals.get(name).ok_or_else(|| no_portal(name))
    }

    /// A portal that is being executed; [`Held::put_back`] gives it back.
    pub(super) fn take(&mut self, name: &str) -> Result<Portal, Failure> {
        self.portals.remove(name).ok_or_else(|| no_portal(name))
    }

    pub(super) fn put_back(&mut self, name: &str, portal: Portal) {
        self.portals.insert(name.to_owned(), portal);
    }

    /// Whether another answer may be begun.
    pub(super) fn may_begin(&self) -> Result<(), Failure> {
        let begun = self.portals.values().filter(|it| matches!(it.rows, Some(Rows::Asked { .. })));
        if begun.count() >= BEGUN_MAX {
            let told = format!("{BEGUN_MAX} answers are being read: end one of them first");
            return Err(Failure::told("53400", told));
        }
        Ok(())
    }

    pub(super) fn close(&mut self, name: &str) {
        self.portals.remove(name);
    }

    /// Gives up what portals were still to tell, as in a transaction that failed.
    pub(super) fn stop_all(&mut self) {
        let begun = self.portals.values_mut().filter(|it| it.rows.is_some());
        begun.for_each(|it| it.rows = Some(Rows::Sent));
    }

    pub(super) fn close_all(&mut self) {
        self.portals.clear();
    }
}

pub(super) fn no_statement(name: &str) -> Failure {
    Failure::told("26000", format!("no prepared statement is called `{name}`"))
}

fn no_portal(name: &str) -> Failure {
    Failure::told("34000", format!("no portal is called `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<(), Failure>) -> &'static str {
        match result {
            Ok(()) => "",
            Err(Failure::Told(complaint) | Failure::Ended(complaint)) => complaint.code,
            Err(Failure::Gone(_)) => "gone",
        }
    }

    fn asking(bytes: usize) -> Prepared {
        Prepared::of(Statement::Query("x".repeat(bytes)))
    }

    #[test]
    fn what_is_held_has_bounds_and_room_again_once_some_of_it_is_closed() {
        let mut held = Held::default();
        for number in 0..STATEMENTS_MAX {
            assert_eq!(code(held.keep(format!("s{number}"), asking(10))), "");
        }
        assert_eq!(code(held.keep("more".to_owned(), asking(10))), "53400");
        assert!(held.forget("s7") && !held.forget("s7"));
        assert_eq!(code(held.keep("more".to_owned(), asking(10))), "");
        held.forget_all();
        assert_eq!(code(held.keep(String::new(), asking(BYTES_MAX))), "53400");
        assert_eq!(code(held.keep("a".to_owned(), asking(BYTES_MAX / 2))), "");
        assert_eq!(code(held.keep("b".to_owned(), asking(BYTES_MAX / 2))), "53400");
    }

    #[test]
    fn values_of_portals_count_as_well() {
        let mut held = Held::default();
        let bound = |bytes: usize| Portal {
            values: vec![Some("x".repeat(bytes)), None],
            ..Portal::of(asking(10))
        };
        for number in 0..3 {
            assert_eq!(code(held.bind(format!("p{number}"), bound(BYTES_MAX / 4))), "");
        }
        assert_eq!(code(held.bind("more".to_owned(), bound(BYTES_MAX / 4))), "53400");
        held.close("p1");
        assert_eq!(code(held.bind("more".to_owned(), bound(BYTES_MAX / 4))), "");
    }

    #[test]
    fn all_that_a_client_can_make_large_counts() {
        let mut large = Portal::of(asking(1));
        let before = large.bytes();
        large.formats = vec![1; 500];
        let formats = large.bytes();
        assert_eq!(formats - before, 1_000);
        let name = "n".repeat(1_000);
        let column = AnswerColumn { name, kind: longlead_lake::Kind::Text };
        let rows = vec![vec![Some("x".repeat(1_000))]];
        let found = Rows::Found(Found { columns: Vec::new(), rows });
        assert_eq!(code(large.begin(vec![column], found)), "");
        assert!(large.bytes() >= formats + 2_000, "{}", large.bytes());
        let let_go = Prepared::of(Statement::Deallocate(Some("x".repeat(1_000))));
        assert!(let_go.bytes() >= 1_000);
        let mut held = Held::default();
        let before = asking(10).bytes();
        assert_eq!(code(held.keep("n".repeat(NAME_BYTES_MAX), asking(10))), "");
        assert_eq!(held.bytes(), before + NAME_BYTES_MAX);
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(code(held.keep(long.clone(), asking(10))), "42622");
        assert_eq!(code(held.bind(long, Portal::of(asking(10)))), "42622");
    }

    #[test]
    fn names_are_given_once_and_what_has_none_is_replaced() {
        let mut held = Held::default();
        for name in ["", "s"] {
            assert_eq!(code(held.keep(name.to_owned(), asking(1))), "");
            assert_eq!(code(held.bind(name.to_owned(), Portal::of(asking(1)))), "");
        }
        assert_eq!(code(held.keep(String::new(), asking(2))), "");
        assert_eq!(code(held.keep("s".to_owned(), asking(2))), "42P05");
        assert_eq!(code(held.bind(String::new(), Portal::of(asking(2)))), "");
        assert_eq!(code(held.bind("s".to_owned(), Portal::of(asking(2)))), "42P03");
        assert_eq!(code(held.prepared("t").map(|_| ())), "26000");
        assert_eq!(code(held.portal("t").map(|_| ())), "34000");
    }

    #[test]
    fn a_statement_gives_the_columns_that_were_told() {
        let column =
            |name: &str| AnswerColumn { name: name.to_owned(), kind: longlead_lake::Kind::Integer };
        let prepared = Prepared { columns: Some(vec![column("a")]), ..asking(1) };
        let mut portal = Portal::of(prepared);
        assert_eq!(code(portal.begin(vec![column("b")], Rows::Sent)), "0A000");
        assert_eq!(code(portal.begin(vec![column("a")], Rows::Sent)), "");
    }
}
