//! Tables that fit the terminal: long texts wrap, and where that isn't enough, the columns that
//! matter least are left out.

use anstyle::Style;

use crate::output::style::{DIM, PLAIN, paint};
use crate::output::wrap;

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    title: String,
    is_right: bool,
    /// The narrowest that it may become by wrapping; it never wraps without.
    width_min: Option<usize>,
    /// Columns of the highest rank go first where there is no room; rank 0 stays.
    rank: u8,
}

impl Column {
    /// A column that keeps its width.
    pub(crate) fn new(title: impl Into<String>) -> Column {
        Column { title: title.into(), is_right: false, width_min: None, rank: 0 }
    }

    /// The same, for figures.
    pub(crate) fn right(self) -> Column {
        Column { is_right: true, ..self }
    }

    /// The same, for texts that may wrap.
    pub(crate) fn wraps(self, width_min: usize) -> Column {
        Column { width_min: Some(width_min), ..self }
    }

    /// The same, to be left out where there is no room.
    pub(crate) fn rank(self, rank: u8) -> Column {
        Column { rank, ..self }
    }
}

/// A text in a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Cell {
        Cell { text: text.into(), style }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, style: PLAIN }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell { text: text.to_owned(), style: PLAIN }
    }
}

#[derive(Debug)]
struct Row {
    cells: Vec<Cell>,
    /// What is said below it, over the whole width.
    notes: Vec<String>,
}

/// Rows under columns.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

const INDENT: usize = 2;
const GAP: usize = 2;

impl Table {
    pub(crate) fn new(columns: Vec<Column>) -> Table {
        Table { columns, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row { cells, notes: Vec::new() });
    }

    /// Says something below the last row.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(text.into());
        }
    }

    /// The table in lines of at most `width` columns, if that is possible at all.
    pub(crate) fn render(&self, width: usize) -> String {
        let widths = self.fit(width);
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| Cell::styled(column.title.as_str(), DIM)).collect();
        let mut text = String::new();
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            self.line(&mut text, &titles, &widths);
        }
        for row in &self.rows {
            self.line(&mut text, &row.cells, &widths);
            for note in &row.notes {
                let indent = " ".repeat(INDENT + 4);
                text.push_str(&dimmed(&wrap::paragraph(note, &indent, &indent, width)));
            }
        }
        text
    }

    /// The width of each column; `None` for those that are left out.
    fn fit(&self, width: usize) -> Vec<Option<usize>> {
        let mut widths: Vec<Option<usize>> =
            (0..self.columns.len()).map(|index| Some(self.natural_width(index))).collect();
        loop {
            let excess = total(&widths).saturating_sub(width);
            if excess == 0 || self.narrow(&mut widths, excess, |least| least) {
                return widths;
            }
            let candidates = self.columns.iter().enumerate();
            let least = candidates
                .filter(|(index, column)| {
                    column.rank > 0 && widths.get(*index).is_some_and(Option::is_some)
                })
                .max_by_key(|(index, column)| (column.rank, *index));
            let Some((index, _)) = least else {
                let excess = total(&widths).saturating_sub(width);
                self.narrow(&mut widths, excess, |least| least / 2);
                return widths;
            };
            // With a column less, the others may have their full width again.
            for (other, slot) in widths.iter_mut().enumerate() {
                *slot = slot.filter(|_| other != index).map(|_| self.natural_width(other));
            }
        }
    }

    /// Takes columns from those that wrap, the widest first; false if they have too few.
    fn narrow(
        &self,
        widths: &mut [Option<usize>],
        excess: usize,
        least: impl Fn(usize) -> usize,
    ) -> bool {
        for _ in 0..excess {
            let wrapping = self.columns.iter().zip(widths.iter_mut());
            let widest = wrapping
                .filter_map(|(column, slot)| {
                    let spare = slot.as_ref()?.checked_sub(least(column.width_min?))?;
                    (spare > 0).then_some(slot)
                })
                .max_by_key(|slot| **slot);
            match widest {
                Some(Some(width)) => *width -= 1,
                _ => return false,
            }
        }
        true
    }

    fn natural_width(&self, index: usize) -> usize {
        let title = self.columns.get(index).map_or(0, |column| wrap::width(&column.title));
        let cells = self.rows.iter().filter_map(|row| row.cells.get(index));
        cells.map(|cell| wrap::width(&cell.text)).max().unwrap_or(0).max(title)
    }

    fn line(&self, text: &mut String, cells: &[Cell], widths: &[Option<usize>]) {
        let shown = self.columns.iter().zip(cells).zip(widths);
        let shown: Vec<(&Column, &Cell, usize, Vec<String>)> = shown
            .filter_map(|((column, cell), width)| {
                let width = (*width)?;
                Some((column, cell, width, wrap::lines(&cell.text, width)))
            })
            .collect();
        let height = shown.iter().map(|(.., lines)| lines.len()).max().unwrap_or(0);
        for number in 0..height {
            let mut line = " ".repeat(INDENT);
            let mut pending = 0;
            for (column, cell, width, lines) in &shown {
                let part = lines.get(number).map_or("", String::as_str);
                let space = width.saturating_sub(wrap::width(part));
                let (before, after) = if column.is_right { (space, 0) } else { (0, space) };
                if !part.is_empty() {
                    line.push_str(&" ".repeat(pending + before));
                    line.push_str(&paint(cell.style, part));
                    pending = after + GAP;
                } else {
                    pending += width + GAP;
                }
            }
            text.push_str(&line);
            text.push('\n');
        }
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten().count();
    INDENT + widths.iter().flatten().sum::<usize>() + GAP * shown.saturating_sub(1)
}

fn dimmed(paragraph: &str) -> String {
    paragraph.lines().map(|line| format!("{}\n", paint(DIM, line))).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(width: usize, expected: Expect) {
        let mut table = Table::new(vec![
            Column::new("state"),
            Column::new("title").wraps(10),
            Column::new("P10").right().rank(2),
            Column::new("P80").right(),
        ]);
        let row = |cells: [&str; 4]| cells.map(|cell| Cell::styled(cell, PLAIN)).to_vec();
        table.row(row(["✓ safe", "A short one", "2027-01-01", "2027-02-01"]));
        table.row(row(["! at risk", "One whose name goes on for a while", "", "2027-03-01"]));
        table.note("said below");
        let text = anstream::adapter::strip_str(&table.render(width)).to_string();
        assert!(text.lines().all(|line| wrap::width(line) <= width), "too wide:\n{text}");
        // The bar keeps the indent in the expected text.
        let lines: String = text.lines().map(|line| format!("|{line}\n")).collect();
        expected.assert_eq(&lines);
    }

    #[test]
    fn what_fits_is_not_wrapped() {
        check(
            80,
            expect![[r#"
                |  state      title                                      P10         P80
                |  ✓ safe     A short one                         2027-01-01  2027-02-01
                |  ! at risk  One whose name goes on for a while              2027-03-01
                |      said below
            "#]],
        );
    }

    #[test]
    fn a_narrow_table_wraps_its_texts() {
        check(
            55,
            expect![[r#"
                |  state      title                      P10         P80
                |  ✓ safe     A short one         2027-01-01  2027-02-01
                |  ! at risk  One whose name                  2027-03-01
                |             goes on for a
                |             while
                |      said below
            "#]],
        );
    }

    #[test]
    fn a_narrower_one_leaves_out_what_matters_least() {
        check(
            40,
            expect![[r#"
                |  state      title                   P80
                |  ✓ safe     A short one      2027-02-01
                |  ! at risk  One whose name   2027-03-01
                |             goes on for a
                |             while
                |      said below
            "#]],
        );
    }
}
