//! CSV, read piece by piece as it comes in, with the place of each cell (RFC 4180, with `,`, `;`
//! or tab between cells); and written.

use longlead_model::{Code, nearest};

use super::change::Refusal;
use super::facts::Attribute;

/// Columns of a file of devices, in the order in which they are written.
pub const DEVICE_COLUMNS: &[&str] = &[
    "serial", "product", "revision", "build", "lot", "market", "carrier", "firmware", "owner",
    "gateway", "since",
];

/// Columns of a file of events, in the order in which they are written.
pub const EVENT_COLUMNS: &[&str] = &["serial", "event", "at", "cause", "source", "note"];

/// The longest row, in bytes: a quote that is never closed must not take in the rest of a file.
const ROW_BYTES_MAX: usize = 64 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A row, with the line that it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) line: i64,
    pub(super) cells: Vec<Vec<u8>>,
}

impl Cells {
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.iter().all(u8::is_ascii_whitespace))
    }

    /// The text of a cell; an empty one where the row is shorter.
    pub(super) fn text(&self, column: usize) -> Result<&str, Refusal> {
        let bytes = self.cells.get(column).map(Vec::as_slice).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Refusal::new(self.line, Code::UnreadableFile, "the cell is not UTF-8 text")
                .column(column + 1)
                .help("save the file as “CSV UTF-8”")
        })?;
        Ok(unguarded(text.trim()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end, or the first of two.
    Quote,
}

/// Reads rows.
#[derive(Debug)]
pub(super) struct Reader {
    /// The first line, until it's known what stands between cells.
    head: Option<Vec<u8>>,
    separator: u8,
    state: State,
    row: Cells,
    cell: Vec<u8>,
    bytes: usize,
    line: i64,
    /// The last byte was a carriage return, which ends a line with or without what follows it.
    after_return: bool,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader {
            head: Some(Vec::new()),
            separator: b',',
            state: State::Start,
            row: Cells { line: 1, cells: Vec::new() },
            cell: Vec::new(),
            bytes: 0,
            line: 1,
            after_return: false,
        }
    }

    /// Takes in a piece of the file; rows that end in it are added to `rows`.
    pub(super) fn feed(&mut self, piece: &[u8], rows: &mut Vec<Cells>) -> Result<(), Refusal> {
        let Some(mut head) = self.head.take() else {
            return self.read(piece, rows);
        };
        head.extend_from_slice(piece);
        if !head.contains(&b'\n') && !head.contains(&b'\r') {
            let is_long = head.len() > ROW_BYTES_MAX;
            self.head = Some(head);
            return if is_long { Err(self.too_long()) } else { Ok(()) };
        }
        self.begin(&head, rows)
    }

    /// The file ends.
    pub(super) fn end(&mut self, rows: &mut Vec<Cells>) -> Result<(), Refusal> {
        if let Some(head) = self.head.take() {
            self.begin(&head, rows)?;
        }
        if self.state == State::Quoted {
            let what = "a quote that begins here is never closed";
            return Err(Refusal::new(self.row.line, Code::Syntax, what));
        }
        if self.state != State::Start || !self.row.cells.is_empty() || !self.cell.is_empty() {
            self.end_row(rows);
        }
        Ok(())
    }

    fn begin(&mut self, head: &[u8], rows: &mut Vec<Cells>) -> Result<(), Refusal> {
        let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
        let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        let count = |separator: u8| line.iter().filter(|byte| **byte == separator).count();
        for candidate in *b";\t" {
            if count(candidate) > count(self.separator) {
                self.separator = candidate;
            }
        }
        self.read(head, rows)
    }

    fn read(&mut self, piece: &[u8], rows: &mut Vec<Cells>) -> Result<(), Refusal> {
        for byte in piece {
            self.bytes += 1;
            if self.bytes > ROW_BYTES_MAX {
                return Err(self.too_long());
            }
            self.step(*byte, rows);
        }
        Ok(())
    }

    fn step(&mut self, byte: u8, rows: &mut Vec<Cells>) {
        let ends_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        let is_rest_of_return = byte == b'\n' && ends_return;
        if matches!(byte, b'\n' | b'\r') && !is_rest_of_return {
            self.line += 1;
        }
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::Quote,
            (State::Quoted, byte) => self.cell.push(byte),
            (State::Quote, b'"') => {
                self.cell.push(b'"');
                self.state = State::Quoted;
            }
            (_, b'\n') if is_rest_of_return => self.row.line = self.line,
            (_, b'\n' | b'\r') => self.end_row(rows),
            (State::Start, b'"') => self.state = State::Quoted,
            (_, byte) if byte == self.separator => self.end_cell(),
            (_, byte) => {
                self.cell.push(byte);
                self.state = State::Plain;
            }
        }
    }

    fn end_cell(&mut self) {
        self.row.cells.push(std::mem::take(&mut self.cell));
        self.state = State::Start;
    }

    fn end_row(&mut self, rows: &mut Vec<Cells>) {
        self.end_cell();
        let row = Cells { line: self.line, cells: Vec::new() };
        rows.push(std::mem::replace(&mut self.row, row));
        self.bytes = 0;
    }

    fn too_long(&self) -> Refusal {
        let what = format!("the row that begins here is longer than {ROW_BYTES_MAX} bytes");
        Refusal::new(self.row.line, Code::Syntax, what).help("is a quote missing?")
    }
}

/// Which column is which.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(Vec<Option<&'static str>>);

impl Columns {
    /// Reads the head of a file.
    pub(super) fn of(
        head: &Cells,
        known: &'static [&'static str],
        required: &[&str],
    ) -> Result<Columns, Vec<Refusal>> {
        let (mut columns, mut refusals) = (Vec::new(), Vec::new());
        for place in 0..head.cells.len() {
            let name = match head.text(place) {
                Ok(text) => text.to_lowercase().replace([' ', '-'], "_"),
                Err(refusal) => {
                    refusals.push(refusal);
                    continue;
                }
            };
            let column = known.iter().copied().find(|column| *column == name);
            if let Some(message) = match column {
                None if name.is_empty() => Some("this column has no name".to_owned()),
                None => Some(format!("there is no column `{name}`")),
                Some(_) if columns.contains(&column) => {
                    Some(format!("`{name}` stands in two columns"))
                }
                Some(_) => None,
            } {
                let help = match nearest(&name, known.iter().copied()) {
                    Some(near) if column.is_none() => format!("did you mean `{near}`?"),
                    _ => format!("the columns are {}", known.join(", ")),
                };
                let refusal = Refusal::new(head.line, Code::UnknownField, message);
                refusals.push(refusal.column(place + 1).help(help));
            }
            columns.push(column);
        }
        for name in required {
            if !columns.contains(&Some(*name)) && refusals.is_empty() {
                let message = format!("the column `{name}` is missing");
                let help = format!("the columns are {}", known.join(", "));
                refusals.push(Refusal::new(head.line, Code::MissingField, message).help(help));
            }
        }
        if refusals.is_empty() { Ok(Columns(columns)) } else { Err(refusals) }
    }

    /// The place of a column, from 0.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| *column == Some(name))
    }

    /// The attributes that there are columns for, with their places.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (usize, Attribute)> {
        let attribute = |(place, column): (usize, &Option<&str>)| {
            Some((place, (*column)?.parse::<Attribute>().ok()?))
        };
        self.0.iter().enumerate().filter_map(attribute)
    }

    /// Tells a row that has more cells than there are columns.
    pub(super) fn fit(&self, row: &Cells) -> Option<Refusal> {
        let (cells, columns) = (row.cells.len(), self.0.len());
        let message = format!("this row has {cells} cells, but there are {columns} columns");
        let refusal = || {
            let refusal = Refusal::new(row.line, Code::Syntax, message).column(columns + 1);
            refusal.help("put cells that hold the separator in quotes")
        };
        (cells > columns).then(refusal)
    }
}

/// Adds a row to a text.
pub(super) fn write_row<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            text.push(',');
        }
        let guard = if runs(cell.trim_start_matches('\'')) { "'" } else { "" };
        match cell.contains(['"', ',', ';', '\n', '\r', '\t']) {
            true => {
                text.push('"');
                text.push_str(guard);
                text.push_str(&cell.replace('"', "\"\""));
                text.push('"');
            }
            false => {
                text.push_str(guard);
                text.push_str(cell);
            }
        }
    }
    text.push_str("\r\n");
}

/// Whether a spreadsheet would take a cell for a formula.
fn runs(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// The text of a cell that was guarded against being run.
fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if runs(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, piece: usize) -> Vec<(i64, Vec<String>)> {
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        for piece in file.as_bytes().chunks(piece) {
            reader.feed(piece, &mut rows).unwrap();
        }
        reader.end(&mut rows).unwrap();
        let texts = |row: Cells| {
            let cells = row.cells.into_iter().map(|cell| String::from_utf8(cell).unwrap());
            (row.line, cells.collect())
        };
        rows.into_iter().filter(|row| !row.is_blank()).map(texts).collect()
    }

    #[test]
    fn rows_are_read_with_their_lines_however_the_file_is_cut() {
        let file = "\u{feff}serial;lot\r\nA;\"x;\r\ny\"\"z\"\r\n\r\nB;\nC\rD;d";
        for piece in 1..file.len() {
            let rows = read(file, piece);
            let told: Vec<(i64, &str)> =
                rows.iter().map(|(line, cells)| (*line, cells[0].as_str())).collect();
            assert_eq!(told, [(1, "serial"), (2, "A"), (5, "B"), (6, "C"), (7, "D")], "{piece}");
            assert_eq!(rows[1].1[1], "x;\r\ny\"z");
            assert_eq!(rows[2].1.len(), 2);
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let cells = ["plain", "a,b", "say \"x\"", "two\nlines", "", "=1+1", "'-1", "é"];
        let mut text = String::new();
        write_row(&mut text, ["a,b"; 8].iter().copied());
        write_row(&mut text, cells.iter().copied());
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        reader.feed(text.as_bytes(), &mut rows).unwrap();
        let back: Vec<&str> = (0..cells.len()).map(|place| rows[1].text(place).unwrap()).collect();
        assert_eq!(back, cells);
        assert!(text.contains(",'=1+1,"), "{text}");
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_where_it_begins() {
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        reader.feed(b"serial\nA\n\"B\nC\nD", &mut rows).unwrap();
        let refusal = reader.end(&mut rows).unwrap_err();
        assert_eq!(refusal.line, 3);
        let mut reader = Reader::new();
        let long = format!("serial\n\"{}", "x\n".repeat(ROW_BYTES_MAX));
        assert_eq!(reader.feed(long.as_bytes(), &mut rows).unwrap_err().line, 2);
    }
}
