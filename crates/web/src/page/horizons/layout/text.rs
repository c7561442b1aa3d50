//! How wide text comes out: widths of characters in the widest of the usual interface fonts
//! (DejaVu Sans), so that what fits here fits in every other.

/// The width of a text in pixels at a font size.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(character).sum::<f64>() * size
}

/// The text, cut with an ellipsis to at most so many pixels; empty if nothing of it is legible.
pub(crate) fn cut(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - width("…", size);
    let mut kept = String::new();
    for letter in text.chars() {
        left -= character(letter) * size;
        if left < 0.0 {
            break;
        }
        kept.push(letter);
    }
    let kept = kept.trim_end();
    if kept.chars().count() < LETTERS_MIN { String::new() } else { format!("{kept}…") }
}

/// Fewer letters than this say nothing.
const LETTERS_MIN: usize = 4;

/// The advance of a character, in ems.
fn character(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '\'' | 'I' | 'J' => 0.3,
        ' ' | '.' | ',' | '·' | ':' | ';' | '!' | '|' | '/' | '’' | '‘' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' => 0.42,
        's' | 'c' | 'z' | 'k' | 'v' | 'x' | 'y' | '?' | '“' | '”' | 'F' | 'L' => 0.59,
        'm' | '%' | 'W' | '…' | '—' | '→' => 1.0,
        'w' | 'M' | '+' | '<' | '>' | '=' | '×' | '–' => 0.87,
        'a'..='z' | '0'..='9' => 0.64,
        'G' | 'H' | 'N' | 'O' | 'Q' | 'D' | 'U' | 'C' => 0.79,
        'A'..='Z' => 0.7,
        // Letters of other alphabets; a combining mark counts too, which only leaves more room.
        '\u{a0}'..='\u{10ff}' => 0.85,
        // Ideographs, kana, hangul, signs.
        _ => 1.1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_cut_fits_and_says_that_it_was_cut() {
        let text = "Anomaly detection on the device";
        for room in 0..300 {
            let cut = cut(text, 12.0, f64::from(room));
            assert!(width(&cut, 12.0) <= f64::from(room), "{cut:?} in {room} px");
            assert!(cut.is_empty() || cut == text || cut.ends_with('…'), "{cut:?}");
        }
        assert_eq!(cut(text, 12.0, 100.0), "Anomaly dete…");
        assert_eq!(cut(text, 12.0, 30.0), "");
    }
}
