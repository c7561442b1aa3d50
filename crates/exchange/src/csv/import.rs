//! Reads a table of activities.

mod row;

use std::collections::{BTreeMap, HashMap};

use longlead_model::{ActivityId, Bundle, MilestoneId, slug_from};

use crate::ids::Ids;
use crate::report::{Loss, Subject};

use super::{COLUMNS, text};

/// What a table became.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Activities, milestones, links and actuals.
    pub bundle: Bundle,
    /// Cells that could not be read, and lines that could not be taken.
    pub losses: Vec<Loss>,
}

/// Reads a table of activities, in UTF-8 (with or without a byte order mark), UTF-16 or Latin 1.
///
/// Calendars, teams and products are taken by name and not made; references to what the bundle
/// doesn't have are found when it is checked.
pub fn import(bytes: &[u8]) -> Imported {
    let (text, guess) = text::decode(bytes);
    let mut importer = Importer::default();
    if let Some(guess) = guess {
        importer.lose(Subject::File, "not UTF-8", guess);
    }
    let rows = importer.rows(&text);
    importer.name(&rows);
    for (row, id) in rows.iter().zip(importer.ids.clone()) {
        if let Some(id) = id {
            importer.row(row, id);
        }
    }
    importer.losses.sort();
    Imported { bundle: importer.bundle, losses: importer.losses }
}

/// A line with the cells of known columns that are not empty.
#[derive(Debug, Default)]
struct Row {
    line: u64,
    cells: BTreeMap<&'static str, Cell>,
}

#[derive(Debug)]
struct Cell {
    column: usize,
    text: String,
}

#[derive(Debug, Default)]
struct Importer {
    bundle: Bundle,
    losses: Vec<Loss>,
    /// What a line was called, in its own spelling or as a slug, and its id.
    names: HashMap<String, ActivityId>,
    ids: Vec<Option<ActivityId>>,
}

impl Importer {
    fn lose(&mut self, subject: Subject, what: impl Into<String>, instead: impl Into<String>) {
        self.losses.push(Loss::new(subject, what, instead));
    }

    fn rows(&mut self, text: &str) -> Vec<Row> {
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(text::separator(text))
            .from_reader(text.as_bytes());
        let mut header: Option<Vec<Option<&'static str>>> = None;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(0, ::csv::Position::line);
                    self.lose(Subject::Cell { line, column: 0 }, error.to_string(), "left out");
                    continue;
                }
            };
            let line = record.position().map_or(0, ::csv::Position::line);
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            match &header {
                None => header = Some(self.header(line, &record)),
                Some(header) => rows.push(self.cells(line, header, &record)),
            }
        }
        rows
    }

    fn header(&mut self, line: u64, record: &::csv::StringRecord) -> Vec<Option<&'static str>> {
        let mut seen: Vec<&str> = Vec::new();
        let mut columns = Vec::new();
        for (column, written) in (1..).zip(record.iter()) {
            let name = text::column_name(written);
            let known = COLUMNS.into_iter().find(|it| *it == name);
            let known = known.filter(|it| !seen.contains(it));
            match known {
                Some(known) => seen.push(known),
                None if written.trim().is_empty() => {}
                None => {
                    let shown: String = written.chars().take(40).collect();
                    let what = format!("there is no column `{shown}`, or it is there twice");
                    self.lose(Subject::Cell { line, column }, what, "the column is left out");
                }
            }
            columns.push(known);
        }
        if !seen.contains(&"title") && !seen.contains(&"id") {
            let what = "the first line names neither a title nor an id";
            let instead = format!("begin the table with: {}", COLUMNS.join(","));
            self.lose(Subject::Cell { line, column: 0 }, what, instead);
        }
        columns
    }

    fn cells(
        &mut self,
        line: u64,
        header: &[Option<&'static str>],
        record: &::csv::StringRecord,
    ) -> Row {
        let mut row = Row { line, ..Row::default() };
        for (place, written) in record.iter().enumerate() {
            let (column, text) = (place + 1, written.trim().to_owned());
            if text.is_empty() {
                continue;
            }
            match header.get(place) {
                Some(Some(name)) => {
                    row.cells.insert(name, Cell { column, text });
                }
                Some(None) => {}
                None => {
                    let what = "a cell beyond the last column";
                    self.lose(Subject::Cell { line, column }, what, "left out");
                }
            }
        }
        row
    }

    /// Gives every line its id, so that lines can refer to later ones.
    fn name(&mut self, rows: &[Row]) {
        let mut ids = Ids::default();
        for row in rows {
            let title = row.cells.get("title").map(|it| it.text.as_str());
            let written = row.cells.get("id").map(|it| it.text.as_str());
            let Some(name) = written.or(title) else {
                let subject = Subject::Cell { line: row.line, column: 0 };
                self.lose(subject, "neither a title nor an id", "the line is left out");
                self.ids.push(None);
                continue;
            };
            let is_valid = MilestoneId::try_from(name).is_ok();
            let id = ids.make(name);
            if let (Some(written), Some(cell)) = (written, row.cells.get("id"))
                && written != id
            {
                let subject = Subject::Cell { line: row.line, column: cell.column };
                let shown: String = written.chars().take(60).collect();
                let why = if is_valid { "is taken" } else { "is no id" };
                self.lose(subject, format!("`{shown}` {why}"), format!("called `{id}`"));
            }
            let id = ActivityId::try_from(id).ok();
            if let Some(id) = &id {
                for spelling in [written, title].into_iter().flatten() {
                    let slug = slug_from(spelling);
                    self.names.entry(spelling.to_owned()).or_insert_with(|| id.clone());
                    self.names.entry(slug).or_insert_with(|| id.clone());
                }
            }
            self.ids.push(id);
        }
    }
}
