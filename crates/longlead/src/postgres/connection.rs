//! One client, from its first message to its last.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use longlead_lake::{Answer, AnswerColumn, Cell, Kind, Page, QueryError};
use longlead_web::asking::{Asker, AskerError};
use longlead_web::telemetry::{Question, TelemetryError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::catalog::{self, Found};
use super::message::{Bind, Complaint, Rest, Stream, Told, Wire, put_text};
use super::statement::{Statement, split, statement};
use super::{Door, value};
use crate::fleet::refused;

/// Codes of first messages.
const VERSION_3: i32 = 196_608;
const CANCEL: i32 = 80_877_102;
const TLS: i32 = 80_877_103;
const GSS: i32 = 80_877_104;
/// Bytes of a first message.
const FIRST_BYTES_MAX: usize = 10_000;
/// Rows of an answer; beyond, the client is told.
const ROWS_MAX: usize = 10_000_000;
/// Prepared statements, and portals, that a client may hold.
const HELD_MAX: usize = 1_000;

/// A client that has shown who it is.
pub(super) struct Connection<'a> {
    door: &'a Door,
    wire: Wire,
    key: (i32, i32),
    cancel: Arc<Notify>,
    transaction: Transaction,
    statements: HashMap<String, Prepared>,
    portals: HashMap<String, Portal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// A statement failed: nothing is asked until it ends.
    Failed,
}

/// A statement that was prepared.
#[derive(Clone, Debug)]
struct Prepared {
    statement: Statement,
    parameters: Vec<i32>,
    /// Nothing where it gives no rows.
    columns: Option<Vec<AnswerColumn>>,
}

/// A statement with its values, on its way to its last row.
#[derive(Debug)]
struct Portal {
    statement: Statement,
    values: Vec<Option<String>>,
    formats: Vec<i16>,
    columns: Option<Vec<AnswerColumn>>,
    rows: Option<Rows>,
}

/// Rows that are left.
#[derive(Debug)]
enum Rows {
    Asked { answer: Answer, page: Option<(Page, usize)>, sent: u64 },
    Found(Found),
}

/// What ends a message: the client is told, or gone.
enum Failure {
    Told(Complaint),
    Gone(anyhow::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Gone(error.into())
    }
}

impl From<AskerError> for Failure {
    fn from(error: AskerError) -> Failure {
        let code = match error {
            AskerError::Unknown | AskerError::Gone => "28P01",
            AskerError::Forbidden(_) => "42501",
            AskerError::TooMany { .. } => "53400",
            AskerError::Failed(_) => "XX000",
        };
        Failure::Told(Complaint::new(code, error.to_string()))
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Failure {
        Failure::Told(Complaint::new(error.fault.sqlstate(), error.told))
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Failure {
        refused(error).into()
    }
}

/// Goes through the first messages. Nothing, if there is nothing more to say.
pub(super) async fn greet<'a>(
    stream: TcpStream,
    peer: SocketAddr,
    door: &'a Door,
) -> anyhow::Result<Option<(Connection<'a>, Asker)>> {
    let mut stream: Box<dyn Stream> = Box::new(stream);
    let mut is_encrypted = false;
    let parameters = loop {
        let first = first_message(&mut stream).await?;
        let mut rest = Rest(&first);
        match rest.long()? {
            TLS => match door.tls.as_ref().filter(|_| !is_encrypted) {
                Some(tls) => {
                    stream.write_all(b"S").await?;
                    stream = Box::new(tls.accept(stream).await?);
                    is_encrypted = true;
                }
                None => stream.write_all(b"N").await?,
            },
            GSS => stream.write_all(b"N").await?,
            CANCEL => {
                door.cancels.cancel((rest.long()?, rest.long()?));
                return Ok(None);
            }
            // Later minor versions only add what may be left out.
            version if version >> 16 == VERSION_3 >> 16 => break parameters(&mut rest)?,
            version => bail!("version {}.{} isn't spoken", version >> 16, version & 0xffff),
        }
    };
    let mut wire = Wire::new(stream);
    if door.tls.is_some() && !is_encrypted {
        let told = "this server takes encrypted connections only: add sslmode=require";
        wire.put_error(&Complaint::new("28000", told), "FATAL");
        wire.flush().await?;
        return Ok(None);
    }
    match admitted(&mut wire, peer, door, &parameters).await {
        Ok(asker) => {
            let (key, cancel) = door.cancels.add()?;
            welcome(&mut wire, key);
            let (statements, portals) = (HashMap::new(), HashMap::new());
            let transaction = Transaction::None;
            let connection =
                Connection { door, wire, key, cancel, transaction, statements, portals };
            Ok(Some((connection, asker)))
        }
        Err(Failure::Told(complaint)) => {
            wire.put_error(&complaint, "FATAL");
            wire.flush().await?;
            Ok(None)
        }
        Err(Failure::Gone(error)) => Err(error),
    }
}

async fn first_message(stream: &mut Box<dyn Stream>) -> anyhow::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_i32().await?).ok();
    let length = length.and_then(|it| it.checked_sub(4)).filter(|it| *it <= FIRST_BYTES_MAX);
    let mut body = vec![0; length.context("the first message is too long")?];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Names and values up to an empty name.
fn parameters(rest: &mut Rest<'_>) -> std::io::Result<HashMap<String, String>> {
    let mut parameters = HashMap::new();
    loop {
        let name = rest.text()?;
        if name.is_empty() {
            return Ok(parameters);
        }
        parameters.insert(name, rest.text()?);
    }
}

/// Who it is, by a secret that they are asked for.
async fn admitted(
    wire: &mut Wire,
    peer: SocketAddr,
    door: &Door,
    parameters: &HashMap<String, String>,
) -> Result<Asker, Failure> {
    wire.put(b'R', |out| out.extend(3_i32.to_be_bytes()));
    wire.flush().await?;
    let secret = match wire.read().await? {
        Some(Told::Password(secret)) => secret,
        Some(_) => return Err(Failure::Told(Complaint::new("08P01", "a password was expected"))),
        None => return Err(Failure::Gone(anyhow::anyhow!("it left before it told who it is"))),
    };
    let user = parameters.get("user").map_or("", String::as_str);
    Ok(door.app.asker(user, &secret, peer.ip()).await?)
}

/// Tells that it may go on, and what clients want to know beforehand.
fn welcome(wire: &mut Wire, (number, secret): (i32, i32)) {
    wire.put(b'R', |out| out.extend(0_i32.to_be_bytes()));
    for (name, value) in [
        ("server_version", super::SERVER_VERSION),
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO, MDY"),
        ("TimeZone", "UTC"),
        ("integer_datetimes", "on"),
        ("standard_conforming_strings", "on"),
        ("default_transaction_read_only", "on"),
    ] {
        wire.put(b'S', |out| {
            put_text(out, name);
            put_text(out, value);
        });
    }
    wire.put(b'K', |out| {
        out.extend(number.to_be_bytes());
        out.extend(secret.to_be_bytes());
    });
}

impl Connection<'_> {
    pub(super) fn key(&self) -> (i32, i32) {
        self.key
    }

    /// Answers until the client leaves.
    pub(super) async fn run(&mut self, asker: &Asker) -> anyhow::Result<()> {
        self.ready().await?;
        // After an error, what was sent before the client could know is passed over.
        let mut is_passing = false;
        while let Some(told) = self.wire.read().await? {
            if is_passing && !matches!(told, Told::Sync | Told::Terminate) {
                continue;
            }
            let is_simple = matches!(told, Told::Query(_));
            let answered = match told {
                Told::Terminate => return Ok(()),
                Told::Sync => {
                    is_passing = false;
                    self.ready().await?;
                    Ok(())
                }
                Told::Query(sql) => self.simple(asker, &sql).await,
                Told::Parse { name, sql, types } => self.parse(asker, name, &sql, &types).await,
                Told::Bind(bind) => self.bind(bind),
                Told::Describe { is_portal: true, name } => self.describe_portal(&name),
                Told::Describe { name, .. } => self.describe_statement(&name),
                Told::Execute { portal, rows_max } => self.execute(asker, &portal, rows_max).await,
                Told::Close { is_portal, name } => {
                    if is_portal {
                        self.portals.remove(&name);
                    } else {
                        self.statements.remove(&name);
                    }
                    self.wire.put(b'3', |_| {});
                    Ok(())
                }
                Told::Flush => self.wire.flush().await.map_err(Failure::from),
                Told::Password(_) | Told::Other(_) => {
                    Err(Failure::Told(Complaint::new("08P01", "this message isn't expected here")))
                }
            };
            match answered {
                Ok(()) => {}
                Err(Failure::Gone(error)) => return Err(error),
                Err(Failure::Told(complaint)) => {
                    self.wire.put_error(&complaint, "ERROR");
                    if self.transaction == Transaction::Open {
                        self.transaction = Transaction::Failed;
                    }
                    is_passing = !is_simple;
                }
            }
            if is_simple {
                self.ready().await?;
            }
        }
        Ok(())
    }

    async fn ready(&mut self) -> std::io::Result<()> {
        let status = match self.transaction {
            Transaction::None => b'I',
            Transaction::Open => b'T',
            Transaction::Failed => b'E',
        };
        if self.transaction == Transaction::None {
            // Portals end with the transaction that they were made in.
            self.portals.clear();
        }
        self.wire.put(b'Z', |out| out.push(status));
        self.wire.flush().await
    }

    async fn simple(&mut self, asker: &Asker, sql: &str) -> Result<(), Failure> {
        let statements = split(sql);
        if statements.is_empty() {
            self.wire.put(b'I', |_| {});
        }
        for sql in statements {
            let (statement, values, formats) = (statement(sql), Vec::new(), Vec::new());
            let mut portal = Portal { statement, values, formats, columns: None, rows: None };
            self.open(asker, &mut portal).await?;
            if let Some(columns) = &portal.columns {
                put_columns(&mut self.wire, columns, &portal.formats);
            }
            self.send(&mut portal, usize::MAX).await?;
        }
        Ok(())
    }

    async fn parse(
        &mut self,
        asker: &Asker,
        name: String,
        sql: &str,
        types: &[i32],
    ) -> Result<(), Failure> {
        let mut statements = split(sql).into_iter();
        let first = statements.next().map_or(Statement::Empty, statement);
        if statements.next().is_some() {
            let told = "a prepared statement is one statement";
            return Err(Failure::Told(Complaint::new("42601", told)));
        }
        if self.statements.len() >= HELD_MAX {
            let told = "too many prepared statements: close some";
            return Err(Failure::Told(Complaint::new("53400", told)));
        }
        self.may_go_on(&first)?;
        let mut parameters = types.to_vec();
        let columns = match &first {
            Statement::Query(sql) if catalog::is_asked(sql) => {
                Some(texts(&self.found(asker, sql).await?))
            }
            Statement::Query(sql) => {
                let question = asker.question(sql, ROWS_MAX).await?;
                let described = self.door.keeper.describe(question).await?;
                for (place, kind) in described.parameters.into_iter().enumerate() {
                    let oid = kind.map_or(25, |kind| value::type_of(kind).0);
                    match parameters.get_mut(place) {
                        Some(told) if *told == 0 => *told = oid,
                        Some(_) => {}
                        None => parameters.push(oid),
                    }
                }
                Some(described.columns)
            }
            Statement::Shown(name, _) => Some(vec![text_column(name)]),
            _ => None,
        };
        self.statements.insert(name, Prepared { statement: first, parameters, columns });
        self.wire.put(b'1', |_| {});
        Ok(())
    }

    fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let prepared = self.statements.get(&bind.statement).ok_or_else(|| {
            let told = format!("no prepared statement is called `{}`", bind.statement);
            Failure::Told(Complaint::new("26000", told))
        })?;
        if self.portals.len() >= HELD_MAX {
            let told = "too many portals: close some";
            return Err(Failure::Told(Complaint::new("53400", told)));
        }
        let mut values = Vec::with_capacity(bind.values.len());
        for (place, bytes) in bind.values.iter().enumerate() {
            let oid = prepared.parameters.get(place).copied().unwrap_or(25);
            let is_binary = format_of(&bind.formats, place) == 1;
            let text = bytes.as_ref().map(|it| value::parameter(oid, is_binary, it)).transpose();
            values.push(text.map_err(|it| Failure::Told(Complaint::new("22P02", it)))?);
        }
        let (statement, columns) = (prepared.statement.clone(), prepared.columns.clone());
        let portal = Portal { statement, values, formats: bind.results, columns, rows: None };
        self.portals.insert(bind.portal, portal);
        self.wire.put(b'2', |_| {});
        Ok(())
    }

    fn describe_statement(&mut self, name: &str) -> Result<(), Failure> {
        let prepared = self.statements.get(name).ok_or_else(|| {
            let told = format!("no prepared statement is called `{name}`");
            Failure::Told(Complaint::new("26000", told))
        })?;
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
        let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
        match &portal.columns {
            Some(columns) => put_columns(&mut self.wire, columns, &portal.formats),
            None => self.wire.put(b'n', |_| {}),
        }
        Ok(())
    }

    async fn execute(&mut self, asker: &Asker, name: &str, rows_max: usize) -> Result<(), Failure> {
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        if portal.rows.is_none() {
            self.open(asker, &mut portal).await?;
        }
        self.send(&mut portal, rows_max).await?;
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    /// Whether a statement may be asked in a transaction in which another failed.
    fn may_go_on(&self, statement: &Statement) -> Result<(), Failure> {
        if self.transaction == Transaction::Failed && !matches!(statement, Statement::End(_)) {
            let told = "the transaction failed: end it with ROLLBACK first";
            return Err(Failure::Told(Complaint::new("25P02", told)));
        }
        Ok(())
    }

    /// Begins what a portal asks.
    async fn open(&mut self, asker: &Asker, portal: &mut Portal) -> Result<(), Failure> {
        self.may_go_on(&portal.statement)?;
        match &portal.statement {
            Statement::Query(sql) if catalog::is_asked(sql) => {
                let found = self.found(asker, sql).await?;
                portal.columns = Some(texts(&found));
                portal.rows = Some(Rows::Found(found));
            }
            Statement::Query(sql) => {
                let question = asker.question(sql, ROWS_MAX).await?;
                let answer = self.asked(question, portal.values.clone()).await?;
                portal.columns = Some(answer.columns().to_vec());
                portal.rows = Some(Rows::Asked { answer, page: None, sent: 0 });
            }
            Statement::Shown(name, value) => {
                let rows = vec![vec![Some((*value).to_owned())]];
                portal.columns = Some(vec![text_column(name)]);
                portal.rows = Some(Rows::Found(Found { columns: vec![name], rows }));
            }
            Statement::Begin => self.transaction = Transaction::Open,
            Statement::End(_) => self.transaction = Transaction::None,
            Statement::Empty | Statement::Taken(_) => {}
        }
        Ok(())
    }

    async fn asked(
        &self,
        question: Question,
        values: Vec<Option<String>>,
    ) -> Result<Answer, Failure> {
        tokio::select! {
            answer = self.door.keeper.query_with(question, values) => Ok(answer?),
            () = self.cancel.notified() => Err(cancelled()),
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
    async fn send(&mut self, portal: &mut Portal, rows_max: usize) -> Result<(), Failure> {
        let formats = &portal.formats;
        let tag = match (&portal.statement, &mut portal.rows) {
            (Statement::Empty, _) => {
                self.wire.put(b'I', |_| {});
                return Ok(());
            }
            (Statement::Begin, _) => "BEGIN".to_owned(),
            (Statement::End(tag) | Statement::Taken(tag), _) => (*tag).to_owned(),
            (_, Some(Rows::Found(found))) => {
                for row in &found.rows {
                    put_row(&mut self.wire, formats, row.len(), |column| {
                        let text = row.get(column).and_then(Option::as_deref);
                        text.map_or(Cell::Null, Cell::Text)
                    });
                }
                format!("SELECT {}", found.rows.len())
            }
            (_, Some(Rows::Asked { answer, page, sent })) => {
                let asked = (answer, page, sent);
                match send_rows(&mut self.wire, &self.cancel, asked, formats, rows_max).await? {
                    Some(tag) => tag,
                    // There are more, and the client asks for them again.
                    None => {
                        self.wire.put(b's', |_| {});
                        return Ok(());
                    }
                }
            }
            (_, None) => "SELECT 0".to_owned(),
        };
        self.wire.put_complete(&tag);
        Ok(())
    }
}

/// Sends at most so many rows of an answer; the tag of its end, or nothing if there may be more.
async fn send_rows(
    wire: &mut Wire,
    cancel: &Notify,
    (answer, page, sent): (&mut Answer, &mut Option<(Page, usize)>, &mut u64),
    formats: &[i16],
    rows_max: usize,
) -> Result<Option<String>, Failure> {
    let columns = answer.columns().len();
    let mut left = rows_max;
    loop {
        if let Some((rows, next)) = page {
            while *next < rows.rows() {
                if left == 0 {
                    return Ok(None);
                }
                put_row(wire, formats, columns, |column| rows.cell(*next, column));
                (*next, left, *sent) = (*next + 1, left - 1, *sent + 1);
                wire.flush_if_much().await?;
            }
        }
        let next = tokio::select! {
            next = answer.next() => next,
            () = cancel.notified() => return Err(cancelled()),
        };
        match next {
            Some(Ok(rows)) => *page = Some((rows, 0)),
            Some(Err(error)) => return Err(error.into()),
            None => break,
        }
    }
    if answer.is_truncated() {
        let told = format!("only the first {ROWS_MAX} rows are told");
        wire.put_error(&Complaint::new("01000", told), "WARNING");
    }
    Ok(Some(format!("SELECT {sent}")))
}

fn cancelled() -> Failure {
    Failure::Told(Complaint::new("57014", "the question was cancelled"))
}

fn no_portal(name: &str) -> Failure {
    Failure::Told(Complaint::new("34000", format!("no portal is called `{name}`")))
}

fn text_column(name: &str) -> AnswerColumn {
    AnswerColumn { name: name.to_owned(), kind: Kind::Text }
}

fn texts(found: &Found) -> Vec<AnswerColumn> {
    found.columns.iter().map(|name| text_column(name)).collect()
}

/// How a value is to be written: for each its own, one for all, or text.
fn format_of(formats: &[i16], place: usize) -> i16 {
    match formats {
        [] => 0,
        [all] => *all,
        each => each.get(place).copied().unwrap_or(0),
    }
}

fn put_columns(wire: &mut Wire, columns: &[AnswerColumn], formats: &[i16]) {
    wire.put(b'T', |out| {
        out.extend((columns.len() as i16).to_be_bytes());
        for (place, column) in columns.iter().enumerate() {
            let (oid, size) = value::type_of(column.kind);
            put_text(out, &column.name);
            // Of no table and no column of one.
            out.extend([0; 6]);
            out.extend(oid.to_be_bytes());
            out.extend(size.to_be_bytes());
            out.extend((-1_i32).to_be_bytes());
            out.extend(format_of(formats, place).to_be_bytes());
        }
    });
}

fn put_row<'c>(wire: &mut Wire, formats: &[i16], columns: usize, cell: impl Fn(usize) -> Cell<'c>) {
    wire.put(b'D', |out| {
        out.extend((columns as i16).to_be_bytes());
        for column in 0..columns {
            value::put(out, &cell(column), format_of(formats, column) == 1);
        }
    });
}
