//! Rows and columns as they are sent.

use longlead_lake::{Answer, AnswerColumn, Cell, Page};
use longlead_web::asking::Asker;

use super::super::cancel::Cancel;
use super::super::complaint::{Complaint, Failure};
use super::super::message::{Wire, put_text};
use super::super::value;
use super::ROWS_MAX;

/// Pages after which it is looked again whether the asker still may ask: an answer may take minutes
/// to send.
const PAGES: usize = 16;

/// Sends at most so many rows of an answer; the tag of its end, or nothing if there may be more.
pub(super) async fn send_rows(
    wire: &mut Wire,
    (cancel, asker): (&Cancel, &Asker),
    (answer, page, sent): (&mut Answer, &mut Option<(Page, usize)>, &mut u64),
    formats: &[i16],
    rows_max: usize,
) -> Result<Option<String>, Failure> {
    let columns = answer.columns().len();
    let (mut left, mut pages) = (rows_max, 0_usize);
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
            () = cancel.cancelled() => return Err(cancelled()),
        };
        match next {
            Some(rows) => {
                *page = Some((rows?, 0));
                pages += 1;
                if pages.is_multiple_of(PAGES) {
                    asker.holds().await?;
                }
            }
            None => break,
        }
    }
    if answer.is_truncated() {
        let told = format!("only the first {ROWS_MAX} rows are told");
        wire.put_error(&Complaint::new("01000", told), "WARNING");
    }
    Ok(Some(format!("SELECT {sent}")))
}

pub(super) fn cancelled() -> Failure {
    Failure::told("57014", "the question was cancelled")
}

/// How a value is to be written: for each its own, one for all, or text.
pub(super) fn format_of(formats: &[i16], place: usize) -> i16 {
    match formats {
        [] => 0,
        [all] => *all,
        each => each.get(place).copied().unwrap_or(0),
    }
}

pub(super) fn put_columns(wire: &mut Wire, columns: &[AnswerColumn], formats: &[i16]) {
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

pub(super) fn put_row<'c>(
    wire: &mut Wire,
    formats: &[i16],
    columns: usize,
    cell: impl Fn(usize) -> Cell<'c>,
) {
    wire.put(b'D', |out| {
        out.extend((columns as i16).to_be_bytes());
        for column in 0..columns {
            value::put(out, &cell(column), format_of(formats, column) == 1);
        }
    });
}
