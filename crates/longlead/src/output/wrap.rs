//! Texts in lines of a width.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Longer lines are hard to read, however wide the terminal.
const LINE_MAX: usize = 100;

/// Columns that a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// A character that can't steer the terminal: a title may hold what moves the cursor.
fn visible(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}

/// The text without characters that steer the terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// The text in lines of at most `width` columns, broken at spaces. A word that is longer is cut,
/// behind a hyphen or colon if it has one: ids are read and typed in these pieces.
pub(crate) fn lines(text: &str, width: usize) -> Vec<String> {
    let limit = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if !line.is_empty() && line.width() + gap + word.width() > limit {
            lines.push(std::mem::take(&mut line));
        } else if gap == 1 {
            line.push(' ');
        }
        for character in word.chars().map(visible) {
            if line.width() + character.width().unwrap_or(0) > limit && !line.is_empty() {
                let rest = after_joint(&mut line);
                lines.push(std::mem::replace(&mut line, rest));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

/// Takes what stands behind the last joint of a line off it.
fn after_joint(line: &mut String) -> String {
    let word = line.rfind(' ').map_or(0, |space| space + 1);
    let within = line.get(word..).unwrap_or_default();
    // A joint at the very end leaves nothing to take along.
    match within.rfind([':', '-', '/', '.']) {
        Some(joint) => line.split_off(word + joint + 1),
        None => String::new(),
    }
}

/// A paragraph with a first and a later indent, in lines that read well.
pub(crate) fn paragraph(text: &str, first: &str, later: &str, width: usize) -> String {
    let limit = width.min(LINE_MAX).saturating_sub(first.width().max(later.width()));
    let mut paragraph = String::new();
    for (number, line) in lines(text, limit.max(20)).iter().enumerate() {
        let indent = if number == 0 { first } else { later };
        paragraph.push_str(format!("{indent}{line}").trim_end());
        paragraph.push('\n');
    }
    paragraph
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_unless_they_are_longer_than_a_line() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(lines("", 4), [""]);
    }

    #[test]
    fn ids_are_cut_at_their_joints() {
        assert_eq!(lines("launch:door-open-alerts", 17), ["launch:door-open-", "alerts"]);
        assert_eq!(lines("launch:door-open-alerts", 12), ["launch:door-", "open-alerts"]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(lines("日本語 市場", 6), ["日本語", "市場"]);
    }
}
