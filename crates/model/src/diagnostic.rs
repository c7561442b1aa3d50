//! What is wrong with an input, where, and how to mend it.

use std::fmt;

/// A stable code of a diagnostic: scripts may match on it, and it never changes meaning.
macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal, )*) => {
        /// The stable code of a [`Diagnostic`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $( $(#[doc = $doc])+ $name, )* }

        impl Code {
            /// The code as scripts see it, for example `unknown-field`.
            pub fn as_str(self) -> &'static str {
                match self { $( Code::$name => $text, )* }
            }
            /// Every code with what it means, for the manual.
            pub fn all() -> &'static [(Code, &'static str)] {
                &[$( (Code::$name, concat!($($doc),+)), )*]
            }
        }
    };
}

codes! {
    /// The file can't be read as UTF-8 text.
    UnreadableFile = "unreadable-file",
    /// The file is not valid TOML.
    Syntax = "syntax",
    /// No record kind has this name.
    UnknownKind = "unknown-kind",
    /// The record kind has no such field.
    UnknownField = "unknown-field",
    /// A field that must be given is missing.
    MissingField = "missing-field",
    /// The value has the wrong type or can't be read as what the field holds.
    WrongValue = "wrong-value",
    /// The id breaks the rules of ids.
    InvalidId = "invalid-id",
    /// Two records of one kind have the same id.
    DuplicateId = "duplicate-id",
    /// The id that is referred to doesn't exist.
    UnknownReference = "unknown-reference",
    /// The unit is not a UCUM unit.
    UnknownUnit = "unknown-unit",
    /// The quantity's unit measures something else than what is expected.
    UnitMismatch = "unit-mismatch",
    /// The estimate contradicts itself, for example its low is above its likely value.
    ImpossibleEstimate = "impossible-estimate",
    /// A period ends before it starts.
    EmptyInterval = "empty-interval",
    /// Records that must come after one another form a circle.
    Cycle = "cycle",
    /// Lags demand more time than maximum lags allow.
    ContradictoryLags = "contradictory-lags",
    /// The value is negative where only zero or more makes sense.
    NegativeValue = "negative-value",
    /// The value lies outside its range.
    OutOfRange = "out-of-range",
    /// Amounts in different currencies meet and no rate joins them.
    MissingRate = "missing-rate",
    /// Two facts contradict each other.
    Contradiction = "contradiction",
    /// A fact is missing without which the plan can't be computed.
    IncompletePlan = "incomplete-plan",
    /// The text nests deeper than any record does.
    TooDeep = "too-deep",
    /// More problems may follow; they are told once those before are mended.
    More = "more",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The bundle can't be planned from.
    Error,
    /// The bundle can be planned from, but someone should look.
    Warning,
}

/// A position in a file of the bundle. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as it was named to the loader.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 when the whole line is meant.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// One problem in the input: where, what, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// Where; none when no single place is at fault.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Other places that matter, each with what is there.
    pub related: Vec<(Place, String)>,
}

impl Diagnostic {
    /// An error without place or help.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            place: None,
            message: message.into(),
            help: None,
            related: Vec::new(),
        }
    }

    /// A warning without place or help.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// The same, at `place`.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// The same, saying how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, pointing to another place as well.
    #[must_use]
    pub fn related(mut self, place: Option<Place>, what: impl Into<String>) -> Self {
        if let Some(place) = place {
            self.related.push((place, what.into()));
        }
        self
    }

    /// True if planning must not go on.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: {}", self.code, self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        for (place, what) in &self.related {
            write!(f, "\n  {place}: {what}")?;
        }
        Ok(())
    }
}

/// A text from a file as it is told in a message: short, and without what a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        match character {
            _ if count == CHARACTERS_MAX => {
                shown.push('…');
                break;
            }
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

/// Which letters a text has, as a set of bits. An edit changes at most two of them, so texts whose
/// sets differ in more than twice the distance needn't be compared: that is most of them.
pub(crate) fn letters(text: &str) -> u64 {
    text.chars().fold(0, |letters, letter| letters | 1 << (u32::from(letter) % 64))
}

/// True if the distance between two texts of these letters may be that small.
pub(crate) fn may_be_near(a: u64, b: u64, distance_max: usize) -> bool {
    (a ^ b).count_ones() as usize <= 2 * distance_max
}

/// The candidate nearest to `written` by edit distance, if one is near enough to be meant.
pub fn nearest<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Long hostile texts would make edit distance the slowest part of loading.
    if written.len() > 80 {
        return None;
    }
    let candidates: Vec<&str> = candidates.collect();
    // Who writes `EVT` for `evt` means it, however many letters differ.
    let alike = candidates.iter().find(|candidate| candidate.eq_ignore_ascii_case(written));
    if alike.is_some() {
        return alike.copied();
    }
    let written_letters = letters(written);
    let limit = (written.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(written.len()) <= limit)
        .filter(|candidate| may_be_near(letters(candidate), written_letters, limit))
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not_offered() {
        let names = ["lead_time", "price", "supplier"];
        assert_eq!(nearest("leadtime", names.into_iter()), Some("lead_time"));
        assert_eq!(nearest("suplier", names.into_iter()), Some("supplier"));
        assert_eq!(nearest("preis", names.into_iter()), None);
        assert_eq!(nearest("pirce", names.into_iter()), Some("price"));
        assert_eq!(nearest("PRICE", names.into_iter()), Some("price"));
        assert_eq!(nearest("colour", names.into_iter()), None);
    }

    #[test]
    fn a_text_is_shown_short_and_harmless() {
        assert_eq!(shown("µC ✓"), "µC ✓");
        assert_eq!(shown("\u{1b}[2J\n"), "\\u{1b}[2J\\n");
        assert_eq!(shown(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = Code::all().iter().map(|(code, _)| code.as_str()).collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
