//! A value as it stood in a file: the tree that records are decoded from and encoded to.

use std::sync::Arc;

use jiff::civil::Date;

use crate::diagnostic::{Code, Diagnostic, Place, shown};

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
    entries: Vec<Entry>,
    /// Positions in `entries`, in the order of the names: a hostile table has thousands.
    by_name: Vec<u32>,
    /// Names whose values were refused when the file was read: they are neither there nor missing.
    refused: Vec<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    span: Span,
    node: Node,
}

/// Tables are equal if their names and values are; where these stood doesn't matter.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Entry, &Entry)| a.name == b.name && a.node == b.node;
        self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(same)
    }
}

impl Table {
    fn new(entries: Vec<Entry>, refused: Vec<String>) -> Table {
        let mut table = Table { entries, by_name: Vec::new(), refused };
        table.index();
        table
    }

    fn index(&mut self) {
        let mut by_name: Vec<(u32, &str)> =
            (0..).zip(self.entries.iter().map(|entry| entry.name.as_str())).collect();
        by_name.sort_unstable_by_key(|(_, name)| *name);
        self.by_name = by_name.into_iter().map(|(at, _)| at).collect();
    }

    /// The position of `key` in `by_name`, or where it would be inserted.
    fn find(&self, key: &str) -> Result<usize, usize> {
        let name = |at: &u32| self.entries.get(*at as usize).map(|entry| entry.name.as_str());
        self.by_name.binary_search_by(|at| name(at).cmp(&Some(key)))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let at = self.by_name.get(self.find(key).ok()?)?;
        self.entries.get(*at as usize).map(|entry| &entry.node)
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
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.span, &entry.node))
    }

    /// Sets `key`, replacing what it held.
    pub fn set(&mut self, key: &str, node: Node) {
        match self.find(key) {
            Ok(found) => {
                let at = self.by_name.get(found).map_or(usize::MAX, |at| *at as usize);
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.node = node;
                }
            }
            Err(insert_at) => {
                self.by_name.insert(insert_at, self.entries.len() as u32);
                self.entries.push(Entry { name: key.to_owned(), span: node.span, node });
            }
        }
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|entry| entry.name != key);
        self.index();
    }

    /// True if nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Notes that what is wrong with `key` has been told, so that nobody tells that it is missing.
    pub(crate) fn refuse(&mut self, key: &str) {
        self.refused.push(key.to_owned());
    }

    /// True if what is wrong with `key` has been told.
    pub(crate) fn is_refused(&self, key: &str) -> bool {
        self.refused.iter().any(|refused| refused == key)
    }

    pub(crate) fn into_nodes(self) -> impl Iterator<Item = (String, Span, Node)> {
        self.entries.into_iter().map(|entry| (entry.name, entry.span, entry.node))
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
            Value::Float(_) => "a number with a decimal point",
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

/// One step into a value that is at hand: a path that is walked for every record is never copied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PathStep<'a> {
    /// Into the field of a table.
    Key(&'a str),
    /// Into an item of a list.
    Index(usize),
}

/// The path for keeps.
pub(crate) fn steps(path: &[PathStep<'_>]) -> Vec<Step> {
    let step = |step: &PathStep<'_>| match step {
        PathStep::Key(key) => Step::Key((*key).to_owned()),
        PathStep::Index(index) => Step::Index(*index),
    };
    path.iter().map(step).collect()
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

/// The sources with tables of line starts, so that a span can be told as a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Shared, since every scenario has a bundle of its own.
    files: Arc<Vec<Arc<File>>>,
    /// Numbers of files whose record was removed: they are given out again, so that years of edits
    /// don't pile up.
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct File {
    name: String,
    text: String,
    line_starts: Vec<u32>,
    /// How many characters stand before every [`MARK_BYTES`]th byte.
    characters_before: Vec<u32>,
    /// True if it holds one record and nothing else, which an edit replaces.
    is_record: bool,
}

/// Counting a column must not walk a line of megabytes for each of its problems.
const MARK_BYTES: usize = 1024;

fn characters(bytes: &[u8]) -> u32 {
    // All bytes of a character but its first are 0b10……
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count() as u32
}

impl File {
    fn new(source: Source) -> File {
        let newlines = source.text.match_indices('\n').map(|(at, _)| at as u32 + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        let marks = source.text.as_bytes().chunks(MARK_BYTES).scan(0, |count, chunk| {
            let before = *count;
            *count += characters(chunk);
            Some(before)
        });
        let characters_before = marks.collect();
        File {
            name: source.name,
            text: source.text,
            line_starts,
            characters_before,
            is_record: false,
        }
    }

    fn characters_before(&self, byte: u32) -> u32 {
        let byte = (byte as usize).min(self.text.len());
        let mark = byte / MARK_BYTES;
        let rest = self.text.as_bytes().get(mark * MARK_BYTES..byte).unwrap_or_default();
        self.characters_before.get(mark).map_or_else(
            // The text ends exactly where the mark would stand.
            || characters(self.text.as_bytes()),
            |before| before + characters(rest),
        )
    }
}

impl Places {
    /// Indexes the lines of `sources`.
    pub(crate) fn new(sources: Vec<Source>) -> Places {
        let files = sources.into_iter().map(|source| Arc::new(File::new(source))).collect();
        Places { files: Arc::new(files), free: Vec::new() }
    }

    /// True if the file holds the text of one record and nothing else.
    fn is_record(&self, file: u32) -> bool {
        self.files.get(file as usize).is_some_and(|file| file.is_record)
    }

    /// Takes up the text of one record in place of the file that held it before, if that held
    /// nothing else; gives the file's number.
    pub(crate) fn put_record(&mut self, source: Source, before: Option<u32>) -> u32 {
        let file = Arc::new(File { is_record: true, ..File::new(source) });
        let number = before.filter(|number| self.is_record(*number)).or_else(|| self.free.pop());
        let files = Arc::make_mut(&mut self.files);
        match number.and_then(|number| Some((number, files.get_mut(number as usize)?))) {
            Some((number, place)) => {
                *place = file;
                number
            }
            None => {
                files.push(file);
                (files.len() - 1) as u32
            }
        }
    }

    /// Lets go of a file if it held one record and nothing else.
    pub(crate) fn free_record(&mut self, number: u32) {
        if !self.is_record(number) {
            return;
        }
        if let Some(file) = Arc::make_mut(&mut self.files).get_mut(number as usize) {
            *file = Arc::default();
            self.free.push(number);
        }
    }

    /// Line and column of a span; none for a value that no file holds.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let file = self.files.get(span.file as usize)?;
        let line = file.line_starts.partition_point(|start| *start <= span.start).max(1);
        let line_start = file.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = file.characters_before(span.start) - file.characters_before(line_start);
        Some(Place { file: file.name.clone(), line: line as u32, column: column + 1 })
    }

    /// A file as a whole.
    pub(crate) fn whole_file(&self, file: u32) -> Option<Place> {
        let file = self.files.get(file as usize)?;
        Some(Place { file: file.name.clone(), line: 0, column: 0 })
    }

    /// The numbers and texts of the files.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..).zip(self.files.iter().map(|file| file.text.as_str()))
    }
}

/// No record nests this deep; what does is hostile, and would overflow the stack.
pub(crate) const DEPTH_MAX: u32 = 32;

/// What could be read of a file.
pub(crate) struct Parsed {
    pub(crate) table: Table,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// False if a syntax error may have hidden records.
    pub(crate) is_whole: bool,
}

/// Reads a TOML text as far as it can be read; every syntax error is told.
pub(crate) fn parse(text: &str, file: u32, places: &Places) -> Parsed {
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    let diagnostics = errors.iter().map(|error| syntax_error(error, file, places)).collect();
    let mut reader = Reader { file, places, diagnostics };
    let table = reader.table(document.get_ref(), 0);
    Parsed { table, diagnostics: reader.diagnostics, is_whole: errors.is_empty() }
}

fn syntax_error(error: &toml::de::Error, file: u32, places: &Places) -> Diagnostic {
    let place = match error.span() {
        Some(span) => places.place(Span { file, start: span.start as u32 }),
        None => places.whole_file(file),
    };
    // The parser has a limit of its own, and says so in two ways.
    if error.message().contains("recurs") {
        return too_deep(place);
    }
    Diagnostic::error(Code::Syntax, format!("not valid TOML: {}", error.message()))
        .at(place)
        .help("see https://toml.io for how values, tables and lists are written")
}

pub(crate) fn too_deep(place: Option<Place>) -> Diagnostic {
    Diagnostic::error(Code::TooDeep, format!("values nest deeper than {DEPTH_MAX} levels here"))
        .at(place)
        .help("no record needs that; look for a bracket that isn't closed")
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

    fn table(&mut self, table: &toml::de::DeTable<'_>, depth: u32) -> Table {
        let mut entries = Vec::with_capacity(table.len());
        let mut refused = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            match self.node(value, depth) {
                Some(node) => entries.push(Entry { name, span: self.span(key.span()), node }),
                None => refused.push(name),
            }
        }
        // A TOML table has no order; the file has, and people think in it.
        entries.sort_by_key(|entry| entry.span.start);
        Table::new(entries, refused)
    }

    /// The value, or `None` after telling what is wrong with it.
    fn node(&mut self, value: &toml::Spanned<toml::de::DeValue<'_>>, depth: u32) -> Option<Node> {
        use toml::de::DeValue;
        let span = self.span(value.span());
        if depth > DEPTH_MAX {
            self.diagnostics.push(too_deep(self.places.place(span)));
            return None;
        }
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(truth) => Value::Boolean(*truth),
            DeValue::Integer(integer) => self.integer(integer, span)?,
            DeValue::Float(float) => self.float(float, span)?,
            DeValue::Datetime(datetime) => self.date(datetime, span)?,
            DeValue::Array(items) => Value::Array(self.items(items, depth)?),
            DeValue::Table(table) => Value::Table(self.table(table, depth + 1)),
        };
        Some(Node { value, span })
    }

    /// All items of a list, or `None` if one was refused: a shorter list means something else.
    fn items(&mut self, items: &toml::de::DeArray<'_>, depth: u32) -> Option<Vec<Node>> {
        let nodes: Vec<Option<Node>> =
            items.iter().map(|item| self.node(item, depth + 1)).collect();
        nodes.into_iter().collect()
    }

    fn integer(&mut self, integer: &toml::de::DeInteger<'_>, span: Span) -> Option<Value> {
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if number.is_none() {
            let message =
                format!("{} doesn't fit a whole number of 64 bits", shown(integer.as_str()));
            let help = "write a number between -9·10¹⁸ and 9·10¹⁸";
            self.refuse(Code::OutOfRange, span, &message, help);
        }
        number.map(Value::Integer)
    }

    fn float(&mut self, float: &toml::de::DeFloat<'_>, span: Span) -> Option<Value> {
        let number = float.as_str().parse::<f64>().ok();
        if number.is_none() {
            let message = format!("{} is not a number", shown(float.as_str()));
            self.refuse(Code::WrongValue, span, &message, "write a number such as 2.5");
        }
        number.map(Value::Float)
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
            let help = "write a day such as 2027-03-01, without a time";
            self.refuse(Code::WrongValue, span, &message, help);
        }
        civil.map(Value::Date)
    }

    fn refuse(&mut self, code: Code, span: Span, message: &str, help: &str) {
        let diagnostic = Diagnostic::error(code, message);
        self.diagnostics.push(diagnostic.at(self.places.place(span)).help(help));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(text: &str) -> Vec<Source> {
        vec![Source { name: "it.toml".to_owned(), text: text.to_owned() }]
    }

    proptest! {
        #[test]
        fn a_table_is_a_list_of_names_in_order(
            edits in proptest::collection::vec(("[a-e]{1,2}", 0..4_u8), 0..40),
        ) {
            let (mut table, mut naive) = (Table::default(), Vec::<(String, Value)>::new());
            for (number, (name, how)) in (0..).zip(edits) {
                if how == 0 {
                    table.remove(&name);
                    naive.retain(|(other, _)| *other != name);
                } else {
                    table.set(&name, Node::new(Value::Integer(number)));
                    match naive.iter_mut().find(|(other, _)| *other == name) {
                        Some(entry) => entry.1 = Value::Integer(number),
                        None => naive.push((name, Value::Integer(number))),
                    }
                }
            }
            let listed = table.iter().map(|(name, _, node)| (name.to_owned(), node.value.clone()));
            prop_assert_eq!(listed.collect::<Vec<_>>(), naive.clone());
            for (name, value) in &naive {
                prop_assert_eq!(table.get(name).map(|node| &node.value), Some(value));
            }
            prop_assert!(table.get("f").is_none());
        }

        #[test]
        fn a_place_counts_lines_and_characters(
            text in "([a-zäé✓]{0,600}\n?){0,9}",
            at in any::<proptest::sample::Index>(),
        ) {
            let cuts: Vec<usize> =
                (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            let start = *at.get(&cuts);
            let before = &text[..start];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            let place = Places::new(source(&text)).place(Span { file: 0, start: start as u32 });
            let place = place.map(|place| (place.line as usize, place.column as usize));
            prop_assert_eq!(place, Some((line, column)));
        }
    }

    #[test]
    fn a_place_beyond_the_text_is_its_end_and_no_file_has_none() {
        let places = Places::new(source("a\nb"));
        let place = |file, start| places.place(Span { file, start });
        assert_eq!(place(0, 99).map(|it| (it.line, it.column)), Some((2, 2)));
        assert_eq!(place(1, 0), None);
        assert_eq!(places.place(Span::NONE), None);
    }

    #[test]
    fn a_path_leads_into_lists_written_with_and_without_brackets() {
        let item = Node::new(Value::Table(Table::default()));
        let mut table = Table::default();
        table.set("one", item.clone());
        table.set("many", Node::new(Value::Array(vec![item])));
        let node = Node::new(Value::Table(table));
        let path = |name: &str, index| [Step::Key(name.to_owned()), Step::Index(index)];
        assert!(
            node.at_path(&path("one", 0)).is_some() && node.at_path(&path("many", 0)).is_some()
        );
        assert!(
            node.at_path(&path("one", 1)).is_none() && node.at_path(&path("many", 1)).is_none()
        );
        assert_eq!(path_text(&path("many", 0)), "many[0]");
    }
}
