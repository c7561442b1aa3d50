//! A value as it stood in a file: the tree that records are decoded from and encoded to.

use crate::diagnostic::{Code, Diagnostic, Place};
use jiff::civil::Date;

/// Where a value stood: the file's number and the bytes it spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Index into the list of sources; `u32::MAX` for values that no file holds.
    pub file: u32,
    /// First byte.
    pub start: u32,
}

impl Span {
    /// The span of a value that was made, not read.
    pub const NONE: Span = Span { file: u32::MAX, start: 0 };
}

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stood.
    pub span: Span,
}

/// Nodes are equal if their values are; where they stood doesn't matter.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The values that TOML has, less what no record uses (times of day).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A civil date.
    Date(Date),
    /// A list.
    Array(Vec<Node>),
    /// Named values in the order in which they stood.
    Table(Table),
}

/// Named values in the order in which they stood.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: Vec<(String, Span, Node)>,
}

/// Tables are equal if their names and values are; where these stood doesn't matter.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let same =
            |(a, b): (&(String, Span, Node), &(String, Span, Node))| a.0 == b.0 && a.2 == b.2;
        self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(same)
    }
}

impl Table {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, ..)| name == key).map(|(.., node)| node)
    }

    /// The value of `key` if it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key).map(|node| &node.value) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Names, their places and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Span, &Node)> {
        self.entries.iter().map(|(key, span, node)| (key.as_str(), *span, node))
    }

    /// Sets `key`, replacing what it held.
    pub fn set(&mut self, key: &str, node: Node) {
        match self.entries.iter_mut().find(|(name, ..)| name == key) {
            Some(entry) => entry.2 = node,
            None => self.entries.push((key.to_owned(), node.span, node)),
        }
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|(name, ..)| name != key);
    }

    /// True if nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, key: String, span: Span, node: Node) {
        self.entries.push((key, span, node));
    }
}

impl Node {
    /// A value that no file holds.
    pub fn new(value: Value) -> Node {
        Node { value, span: Span::NONE }
    }

    /// A text that no file holds.
    pub fn text(text: impl Into<String>) -> Node {
        Node::new(Value::Text(text.into()))
    }

    /// The value below this one by a path such as `requires.ram` or `lines[2].part`.
    pub fn at_path(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| match (&node.value, step) {
            (Value::Table(table), Step::Key(key)) => table.get(key),
            (Value::Array(items), Step::Index(index)) => items.get(*index),
            // A list of one may be written without brackets.
            (_, Step::Index(0)) => Some(node),
            _ => None,
        })
    }

    /// What kind of value this is, in words.
    pub fn describe(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Date(_) => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into the field of a table.
    Key(String),
    /// Into an item of a list.
    Index(usize),
}

/// A path in words: `requires.ram`, `lines[2].part`.
pub(crate) fn path_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// A file of a bundle, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's name as users know it, with `/` between folders.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// The sources with a table of line starts, so that a span can be told as a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    files: Vec<FileLines>,
}

#[derive(Clone, Debug)]
struct FileLines {
    name: String,
    text: String,
    line_starts: Vec<u32>,
}

impl Places {
    /// Indexes the lines of `sources`.
    pub(crate) fn new(sources: &[Source]) -> Places {
        let files = sources.iter().map(|source| {
            let newlines = source.text.match_indices('\n').map(|(at, _)| at as u32 + 1);
            FileLines {
                name: source.name.clone(),
                text: source.text.clone(),
                line_starts: std::iter::once(0).chain(newlines).collect(),
            }
        });
        Places { files: files.collect() }
    }

    /// Line and column of a span; none for a value that no file holds.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let file = self.files.get(span.file as usize)?;
        let line = file.line_starts.partition_point(|start| *start <= span.start).max(1);
        let line_start = file.line_starts.get(line - 1).copied().unwrap_or(0) as usize;
        let before = file.text.get(line_start..span.start as usize).unwrap_or("");
        Some(Place {
            file: file.name.clone(),
            line: line as u32,
            column: before.chars().count() as u32 + 1,
        })
    }
}

/// Reads a TOML text as far as it can be read; every syntax error is told.
pub(crate) fn parse(text: &str, file: u32, places: &Places) -> (Table, Vec<Diagnostic>) {
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    let mut diagnostics = Vec::new();
    for error in &errors {
        let span = Span { file, start: error.span().map_or(0, |span| span.start as u32) };
        diagnostics.push(
            Diagnostic::error(Code::Syntax, format!("not valid TOML: {}", error.message()))
                .at(places.place(span))
                .help("see https://toml.io for how values, tables and lists are written"),
        );
    }
    let mut reader = Reader { file, places, diagnostics };
    let table = reader.table(document.get_ref());
    (table, reader.diagnostics)
}

struct Reader<'a> {
    file: u32,
    places: &'a Places,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span { file: self.file, start: range.start as u32 }
    }

    fn table(&mut self, table: &toml::de::DeTable<'_>) -> Table {
        let mut read = Table::default();
        for (key, value) in table {
            if let Some(node) = self.node(value) {
                read.push(key.get_ref().to_string(), self.span(key.span()), node);
            }
        }
        // A TOML table has no order; the file has, and people think in it.
        read.entries.sort_by_key(|(_, span, _)| span.start);
        read
    }

    fn node(&mut self, value: &toml::Spanned<toml::de::DeValue<'_>>) -> Option<Node> {
        use toml::de::DeValue;
        let span = self.span(value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(truth) => Value::Boolean(*truth),
            DeValue::Integer(integer) => self.integer(integer, span)?,
            DeValue::Float(float) => Value::Float(float.as_str().parse().ok()?),
            DeValue::Datetime(datetime) => self.date(datetime, span)?,
            DeValue::Array(items) => {
                Value::Array(items.iter().filter_map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Some(Node { value, span })
    }

    fn integer(&mut self, integer: &toml::de::DeInteger<'_>, span: Span) -> Option<Value> {
        match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Some(Value::Integer(number)),
            Err(_) => {
                self.refuse(span, "the number is too large", "use a number below 9·10¹⁸");
                None
            }
        }
    }

    fn date(&mut self, datetime: &toml::value::Datetime, span: Span) -> Option<Value> {
        let civil = match (&datetime.date, &datetime.time) {
            (Some(date), None) => {
                Date::new(date.year as i16, date.month as i8, date.day as i8).ok()
            }
            _ => None,
        };
        if civil.is_none() {
            let message = format!("{datetime} is not a civil date");
            self.refuse(span, &message, "write a day such as 2027-03-01, without a time");
        }
        civil.map(Value::Date)
    }

    fn refuse(&mut self, span: Span, message: &str, help: &str) {
        let diagnostic = Diagnostic::error(Code::WrongValue, message);
        self.diagnostics.push(diagnostic.at(self.places.place(span)).help(help));
    }
}
