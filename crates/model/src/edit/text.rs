//! Which field of a record's text a line belongs to.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The field in whose lines a line of a record's text lies (lines count from 1); lists and texts
/// of several lines count to their field. `None` for a comment between fields or an empty line.
///
/// ```
/// # use longlead_model::field_at;
/// let text = "id = \"p\"\nprices = [\n    { quantity = 1, price = \"2 USD\" },\n]\n";
/// assert_eq!(field_at(text, 3), Some("prices"));
/// ```
pub fn field_at(text: &str, line: u32) -> Option<&str> {
    let bytes = line_bytes(text, line)?;
    // What isn't TOML yet is read as far as it can be: a form asks while someone writes.
    let (document, _) = DeTable::parse_recoverable(text);
    let table = document.get_ref();
    let key = table.iter().find(|(key, value)| {
        let mut spans = vec![key.span(), value.span()];
        inner_spans(value.get_ref(), &mut spans);
        spans.iter().any(|span| span.start < bytes.end && bytes.start < span.end)
    });
    let (key, _) = key?;
    text.get(key.span()).map(|key| key.trim_matches(['"', '\'']))
}

/// The bytes of a line, its line break included.
fn line_bytes(text: &str, line: u32) -> Option<Range<usize>> {
    let mut lines = text.split_inclusive('\n').scan(0, |end, line| {
        let start = *end;
        *end += line.len();
        Some(start..*end)
    });
    lines.nth(line.checked_sub(1)? as usize)
}

/// The places of a table's entries: with dotted keys they stand on lines of their own.
fn inner_spans(value: &DeValue<'_>, spans: &mut Vec<Range<usize>>) {
    let DeValue::Table(table) = value else {
        return;
    };
    for (key, value) in table {
        spans.extend([key.span(), value.span()]);
        inner_spans(value.get_ref(), spans);
    }
}
