//! The session of a client that has told who it is, up to its last message.

mod held;
mod rows;

use longlead_lake::{Answer, AnswerColumn, Cell, Kind};
use longlead_web::asking::Asker;
use longlead_web::telemetry::Question;
use tokio::sync::OwnedSemaphorePermit;

use super::Door;
use super::cancel::Cancel;
use super::catalog::{self, Found};
use super::complaint::Failure;
use super::message::{Bind, Told, Wire};
use super::statement::{Statement, split, statement};
use super::value;
use held::{Held, Portal, Prepared, Rows};
use rows::{cancelled, format_of, put_columns, put_row, send_rows};

/// Rows of an answer; beyond, the client is told.
const ROWS_MAX: usize = 10_000_000;

/// A client that has shown who it is.
pub(super) struct Connection<'a> {
    door: &'a Door,
    wire: Wire,
    cancel: Cancel,
    transaction: Transaction,
    held: Held,
    /// Room at the door, until the session ends.
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// A statement failed: nothing is asked until it ends.
    Failed,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        door: &'a Door,
        wire: Wire,
        place: OwnedSemaphorePermit,
        cancel: Cancel,
    ) -> Connection<'a> {
        let (transaction, held) = (Transaction::None, Held::default());
        Connection { door, wire, cancel, transaction, held, _place: place }
    }

    /// Answers until the client leaves, or is told why its session ends.
    pub(super) async fn run(&mut self, asker: &Asker) -> anyhow::Result<()> {
        match self.answer_all(asker).await {
            Ok(()) => Ok(()),
            Err(Failure::Gone(error)) => Err(error.into()),
            Err(Failure::Told(complaint) | Failure::Ended(complaint)) => {
                self.wire.put_error(&complaint, "FATAL");
                Ok(self.wire.flush().await?)
            }
        }
    }

    async fn answer_all(&mut self, asker: &Asker) -> Result<(), Failure> {
        self.ready().await?;
        // After an error, what was sent before the client could know is passed over.
        let mut is_passing = false;
        while let Some(told) = self.wire.read().await? {
            match &told {
                Told::Terminate => return Ok(()),
                Told::Sync => {
                    is_passing = false;
                    self.ready().await?;
                    continue;
                }
                _ if is_passing => continue,
                _ => {}
            }
            let is_simple = matches!(told, Told::Query(_));
            match self.answer(asker, told).await {
                Ok(()) => {}
                Err(Failure::Told(complaint)) => {
                    self.wire.put_error(&complaint, "ERROR");
                    if self.transaction == Transaction::Open {
                        self.transaction = Transaction::Failed;
                        self.held.stop_all();
                    }
                    is_passing = !is_simple;
                }
                Err(failure) => return Err(failure),
            }
            if is_simple {
                self.ready().await?;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, asker: &Asker, told: Told) -> Result<(), Failure> {
        match told {
            Told::Query(sql) => self.simple(asker, &sql).await,
            Told::Parse { name, sql, types } => self.parse(asker, name, &sql, types).await,
            Told::Bind(bind) => self.bind(bind),
            Told::Describe { is_portal: true, name } => self.describe_portal(&name),
            Told::Describe { name, .. } => self.describe_statement(&name),
            Told::Execute { portal, rows_max } => self.execute(asker, &portal, rows_max).await,
            Told::Close { is_portal, name } => {
                if is_portal {
                    self.held.close(&name);
                } else {
                    self.held.forget(&name);
                }
                self.wire.put(b'3', |_| {});
                Ok(())
            }
            Told::Flush => Ok(self.wire.flush().await?),
            Told::Sync | Told::Terminate | Told::Password(_) | Told::Other(_) => {
                Err(Failure::told("08P01", "this message isn't expected here"))
            }
        }
    }

    async fn ready(&mut self) -> std::io::Result<()> {
        let status = match self.transaction {
            Transaction::None => b'I',
            Transaction::Open => b'T',
            Transaction::Failed => b'E',
        };
        if self.transaction == Transaction::None {
            // Portals end with the transaction that they were made in.
            self.held.close_all();
        }
        self.wire.put(b'Z', |out| out.push(status));
        self.wire.flush().await
    }

    async fn simple(&mut self, asker: &Asker, sql: &str) -> Result<(), Failure> {
        // It takes the place of what has no name.
        self.held.forget("");
        self.held.close("");
        let statements = split(sql);
        if statements.is_empty() {
            self.wire.put(b'I', |_| {});
        }
        for sql in statements {
            let mut portal = Portal::of(Prepared::of(statement(sql)));
            self.open(asker, &mut portal).await?;
            if let Some(columns) = portal.columns() {
                put_columns(&mut self.wire, columns, &portal.formats);
            }
            self.send(asker, &mut portal, usize::MAX).await?;
        }
        Ok(())
    }

    async fn parse(
        &mut self,
        asker: &Asker,
        name: String,
        sql: &str,
        types: Vec<i32>,
    ) -> Result<(), Failure> {
        let mut statements = split(sql).into_iter();
        let first = statements.next().map_or(Statement::Empty, statement);
        if statements.next().is_some() {
            return Err(Failure::told("42601", "a prepared statement is one statement"));
        }
        self.may_go_on(&first)?;
        let mut prepared = Prepared { parameters: types, ..Prepared::of(first) };
        prepared.columns = match &prepared.statement {
            Statement::Query(sql) if catalog::is_asked(sql) => {
                Some(texts(&self.found(asker, sql).await?))
            }
            Statement::Query(sql) => {
                let question = asker.question(sql, ROWS_MAX).await?;
                let described = self.door.keeper.describe(question).await?;
                tell_types(&mut prepared.parameters, &described.parameters);
                Some(described.columns)
            }
            Statement::Shown(name, _) => Some(vec![text_column(name)]),
            _ => None,
        };
        self.held.keep(name, prepared)?;
        self.wire.put(b'1', |_| {});
        Ok(())
    }

    fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let prepared = self.held.prepared(&bind.statement)?;
        let (asked, given) = (prepared.parameters.len(), bind.values.len());
        if asked > given {
            let told = format!("{asked} parameters are asked for, not {given}");
            return Err(Failure::told("08P01", told));
        }
        let mut values = Vec::with_capacity(given);
        for (place, bytes) in bind.values.iter().enumerate() {
            let oid = prepared.parameters.get(place).copied().unwrap_or(value::TEXT);
            let is_binary = format_of(&bind.formats, place) == 1;
            let text = bytes.as_ref().map(|it| value::parameter(oid, is_binary, it)).transpose();
            values.push(text.map_err(|it| Failure::told("22P02", it))?);
        }
        let portal = Portal::of_shared(prepared, values, bind.results);
        self.held.bind(bind.portal, portal)?;
        self.wire.put(b'2', |_| {});
        Ok(())
    }

    fn describe_statement(&mut self, name: &str) -> Result<(), Failure> {
        let prepared = self.held.prepared(name)?;
        self.wire.put(b't', |out| {
            out.extend((prepared.parameters.len() as i16).to_be_bytes());
            prepared.parameters.iter().for_each(|oid| out.extend(oid.to_be_bytes()));
        });
        match &prepared.columns {
            Some(columns) => put_columns(&mut self.wire, columns, &[]),
            None => self.wire.put(b'n', |_| {}),
        }
        Ok(())
    }

    fn describe_portal(&mut self, name: &str) -> Result<(), Failure> {
        let portal = self.held.portal(name)?;
        match portal.columns() {
            Some(columns) => put_columns(&mut self.wire, columns, &portal.formats),
            None => self.wire.put(b'n', |_| {}),
        }
        Ok(())
    }

    async fn execute(&mut self, asker: &Asker, name: &str, rows_max: usize) -> Result<(), Failure> {
        self.may_go_on(self.held.portal(name)?.statement())?;
        // What fails is closed with it.
        let mut portal = self.held.take(name)?;
        match portal.rows {
            None => self.open(asker, &mut portal).await?,
            // It was asked before: what is left is told to who may still ask.
            Some(_) => asker.holds().await?,
        }
        self.send(asker, &mut portal, rows_max).await?;
        self.held.put_back(name, portal);
        Ok(())
    }

    /// Whether a statement may be asked in a transaction in which another failed.
    fn may_go_on(&self, statement: &Statement) -> Result<(), Failure> {
        if self.transaction == Transaction::Failed && !matches!(statement, Statement::End(_)) {
            let told = "the transaction failed: end it with ROLLBACK first";
            return Err(Failure::told("25P02", told));
        }
        Ok(())
    }

    /// Begins what a portal asks.
    async fn open(&mut self, asker: &Asker, portal: &mut Portal) -> Result<(), Failure> {
        self.may_go_on(portal.statement())?;
        match portal.statement() {
            Statement::Query(sql) if catalog::is_asked(sql) => {
                let found = self.found(asker, sql).await?;
                portal.begin(texts(&found), Rows::Found(found))?;
            }
            Statement::Query(sql) => {
                let question = asker.question(sql, ROWS_MAX).await?;
                let answer = self.asked(question, portal.values.clone()).await?;
                let columns = answer.columns().to_vec();
                portal.begin(columns, Rows::Asked { answer, page: None, sent: 0 })?;
            }
            Statement::Shown(name, value) => {
                let rows = vec![vec![Some((*value).to_owned())]];
                let (column, found) = (text_column(name), Found { columns: vec![name], rows });
                portal.begin(vec![column], Rows::Found(found))?;
            }
            Statement::Begin => self.transaction = Transaction::Open,
            Statement::End(_) => {
                self.transaction = Transaction::None;
                self.held.close_all();
            }
            Statement::Deallocate(Some(name)) => {
                if !self.held.forget(name) {
                    return Err(held::no_statement(name));
                }
            }
            Statement::Deallocate(None) => self.held.forget_all(),
            Statement::Discard => {
                self.held.forget_all();
                self.held.close_all();
            }
            Statement::Empty | Statement::Taken(_) => {}
        }
        Ok(())
    }

    async fn asked(
        &self,
        question: Question,
        values: Vec<Option<String>>,
    ) -> Result<Answer, Failure> {
        self.held.may_begin()?;
        tokio::select! {
            answer = self.door.keeper.query_with(question, values) => Ok(answer?),
            () = self.cancel.cancelled() => Err(cancelled()),
        }
    }

    async fn found(&self, asker: &Asker, sql: &str) -> Result<Found, Failure> {
        let question = asker.question(catalog::COLUMNS, ROWS_MAX).await?;
        let mut answer = self.asked(question, Vec::new()).await?;
        let mut rows = Vec::new();
        while let Some(page) = answer.next().await {
            let page = page?;
            rows.extend((0..page.rows()).map(|row| {
                [0, 1, 2, 3].map(|column| match page.cell(row, column) {
                    Cell::Text(text) => text.to_owned(),
                    _ => String::new(),
                })
            }));
        }
        Ok(catalog::answer(sql, &catalog::relations(rows.into_iter())))
    }

    /// Sends rows, up to a number of them, and how it ended.
    async fn send(
        &mut self,
        asker: &Asker,
        portal: &mut Portal,
        rows_max: usize,
    ) -> Result<(), Failure> {
        let tag = match (&portal.prepared.statement, &mut portal.rows) {
            (Statement::Empty, _) => {
                self.wire.put(b'I', |_| {});
                return Ok(());
            }
            (Statement::Begin, _) => "BEGIN".to_owned(),
            (Statement::End(tag) | Statement::Taken(tag), _) => (*tag).to_owned(),
            (Statement::Deallocate(Some(_)), _) => "DEALLOCATE".to_owned(),
            (Statement::Deallocate(None), _) => "DEALLOCATE ALL".to_owned(),
            (Statement::Discard, _) => "DISCARD ALL".to_owned(),
            (_, Some(Rows::Found(found))) => self.send_found(found, &portal.formats),
            (_, Some(Rows::Asked { answer, page, sent })) => {
                let (asked, formats) = ((answer, page, sent), &portal.formats);
                let until = (&self.cancel, asker);
                match send_rows(&mut self.wire, until, asked, formats, rows_max).await? {
                    Some(tag) => tag,
                    // There are more, and the client asks for them again.
                    None => {
                        self.wire.put(b's', |_| {});
                        return Ok(());
                    }
                }
            }
            (_, Some(Rows::Sent) | None) => "SELECT 0".to_owned(),
        };
        if portal.rows.is_some() {
            portal.rows = Some(Rows::Sent);
        }
        self.wire.put_complete(&tag);
        Ok(())
    }
}

impl Connection<'_> {
    fn send_found(&mut self, found: &Found, formats: &[i16]) -> String {
        for row in &found.rows {
            put_row(&mut self.wire, formats, row.len(), |column| {
                let text = row.get(column).and_then(Option::as_deref);
                text.map_or(Cell::Null, Cell::Text)
            });
        }
        format!("SELECT {}", found.rows.len())
    }
}

/// Types of parameters, as the client told them or else as the question asks for them.
fn tell_types(told: &mut Vec<i32>, asked: &[Option<Kind>]) {
    for (place, kind) in asked.iter().enumerate() {
        let oid = kind.map_or(value::TEXT, |kind| value::type_of(kind).0);
        match told.get_mut(place) {
            Some(told) if *told == 0 => *told = oid,
            Some(_) => {}
            None => told.push(oid),
        }
    }
}

fn text_column(name: &str) -> AnswerColumn {
    AnswerColumn { name: name.to_owned(), kind: Kind::Text }
}

fn texts(found: &Found) -> Vec<AnswerColumn> {
    found.columns.iter().map(|name| text_column(name)).collect()
}
