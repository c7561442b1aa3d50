//! Bytes to text, and which character separates cells.

use super::COLUMNS;

/// The text of a file, and a word on it if its encoding had to be guessed.
pub(super) fn decode(bytes: &[u8]) -> (String, Option<&'static str>) {
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return (utf16(rest, u16::from_le_bytes), None);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return (utf16(rest, u16::from_be_bytes), None);
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        // Spreadsheets that don't write UTF-8 write the code page of Western Europe, whose
        // letters are those of Latin 1.
        Err(_) => {
            let text = bytes.iter().map(|&byte| char::from(byte)).collect();
            (text, Some("read as Latin 1; save it as UTF-8"))
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks(2).map(|pair| match *pair {
        [first, second] => unit([first, second]),
        _ => 0xfffd,
    });
    char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The separator under which the first line names the most columns.
pub(super) fn separator(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let known = |separator: u8| {
        let names = header.split(char::from(separator));
        names.filter(|name| COLUMNS.contains(&column_name(name).as_str())).count()
    };
    let mut best = b',';
    for candidate in *b";\t" {
        if known(candidate) > known(best) {
            best = candidate;
        }
    }
    best
}

/// A column's name without quotes, case and kinds of space.
pub(super) fn column_name(written: &str) -> String {
    let name = written.trim().trim_matches('"').trim().to_lowercase();
    name.replace([' ', '-'], "_")
}
