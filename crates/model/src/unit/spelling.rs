//! From what was written to the UCUM code, keeping track of where each part came from.

use super::alias;

/// A written unit turned into a UCUM code, part by part.
pub(super) struct Spelling {
    code: String,
    /// Where each part starts, in the code and in what was written.
    parts: Vec<Part>,
}

struct Part {
    code_at: usize,
    written_at: usize,
}

impl Spelling {
    /// The written text is the code.
    pub(super) fn literal(written: &str) -> Spelling {
        Spelling { code: written.to_owned(), parts: vec![Part { code_at: 0, written_at: 0 }] }
    }

    /// Everyday spellings are replaced: aliases, currencies, `µ`, `Ω`, `·` and superscripts.
    /// What is inside braces and square brackets stays.
    pub(super) fn everyday(written: &str) -> Spelling {
        let mut spelling =
            Spelling { code: String::with_capacity(written.len()), parts: Vec::new() };
        let mut part_at = 0;
        let mut closing = None;
        for (at, character) in written.char_indices() {
            match (closing, character) {
                (None, '{') => closing = Some('}'),
                (None, '[') => closing = Some(']'),
                (None, '.' | '/' | '(' | ')' | '·' | '⋅' | '×') => {
                    spelling.push_part(written, part_at, at);
                    spelling.push_operator(character, at);
                    part_at = at + character.len_utf8();
                }
                (Some(end), _) if end == character => closing = None,
                _ => {}
            }
        }
        spelling.push_part(written, part_at, written.len());
        spelling
    }

    /// The UCUM code.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// Where the byte `code_at` of the code was written.
    pub(super) fn written_at(&self, code_at: usize, written: &str) -> usize {
        let Some(part) = self.parts.iter().rev().find(|part| part.code_at <= code_at) else {
            return 0;
        };
        // Within a part that was replaced the offset is a guess, so keep it inside the text.
        let at = (part.written_at + code_at - part.code_at).min(written.len());
        (0..=at).rev().find(|at| written.is_char_boundary(*at)).unwrap_or(0)
    }

    /// Where the first part with `symbol` was written.
    pub(super) fn symbol_at(&self, symbol: &str, written: &str) -> usize {
        let starts = |at: usize| self.code.get(at..).is_some_and(|rest| rest.starts_with(symbol));
        match self.parts.iter().find(|part| starts(part.code_at)) {
            Some(part) => part.written_at,
            None => self.code.find(symbol).map_or(0, |at| self.written_at(at, written)),
        }
    }

    fn push_operator(&mut self, operator: char, written_at: usize) {
        self.parts.push(Part { code_at: self.code.len(), written_at });
        self.code.push(match operator {
            '·' | '⋅' | '×' => '.',
            other => other,
        });
    }

    fn push_part(&mut self, written: &str, start: usize, end: usize) {
        let Some(part) = written.get(start..end).filter(|part| !part.is_empty()) else {
            return;
        };
        self.parts.push(Part { code_at: self.code.len(), written_at: start });
        let divided = self.code.ends_with('/');
        self.code.push_str(&part_code(part, divided));
    }
}

/// The code of one symbol with its exponent and annotation.
fn part_code(part: &str, divided: bool) -> String {
    let (bare, annotation) = part.split_at(part.find('{').unwrap_or(part.len()));
    let bare: String = bare.chars().map(plain_letter).collect::<Vec<_>>().concat();
    let symbol_end = bare.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (symbol, _) = bare.split_at(symbol_end);
    let symbol = symbol.trim_end_matches(['+', '-']);
    let exponent = bare.get(symbol.len()..).unwrap_or_default();
    let code = match alias::code_of(symbol) {
        Some(code) => code.to_owned(),
        None => match alias::currency(symbol) {
            Some(currency) => format!("{{{currency}}}"),
            None => return format!("{bare}{annotation}"),
        },
    };
    let compound = code.contains(['.', '/']);
    // Neither a product nor a braced word takes an exponent or a second pair of braces in
    // UCUM; as written, such a part is at least named in the error.
    if (compound || code.starts_with('{')) && !(exponent.is_empty() && annotation.is_empty()) {
        return format!("{bare}{annotation}");
    }
    match compound && divided {
        true => format!("({code})"),
        false => format!("{code}{exponent}{annotation}"),
    }
}

/// The ASCII that UCUM writes for a letter or a raised digit.
fn plain_letter(letter: char) -> String {
    let plain = match letter {
        'µ' | 'μ' => "u",
        'Ω' | '\u{2126}' => "Ohm",
        '⁻' => "-",
        '¹' => "1",
        '²' => "2",
        '³' => "3",
        other => return other.to_string(),
    };
    plain.to_owned()
}
