//! The unit that was probably meant by a symbol nobody knows.

use std::sync::LazyLock;

use octofhir_ucum::{get_all_prefixes, get_all_units};

use super::alias;
use crate::diagnostic::{letters, may_be_near};

/// Symbols longer than this are not misspelt units.
const SYMBOL_BYTES_MAX: usize = 40;

/// Tables of UCUM that hold what devices are specified in; the rest is mostly medicine and
/// history, and is offered only where nothing else is near.
const FAMILIAR_CLASSES: [&str; 5] = ["", "si", "iso1000", "infotech", "levels"];

/// How likely a spelling is meant, the likeliest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Alias,
    Familiar,
    Prefixed,
    Name,
    Rare,
}

struct Candidate {
    spelling: String,
    suggestion: String,
    letters: u64,
    rank: Rank,
}

static CANDIDATES: LazyLock<Vec<Candidate>> = LazyLock::new(candidates);

/// The nearest unit: first by letter case alone (`KHZ`), then as the plural of a name
/// (`kilometers`), then by edit distance (`vlot`).
pub(super) fn nearest_unit(symbol: &str) -> Option<String> {
    if symbol.len() > SYMBOL_BYTES_MAX {
        return None;
    }
    differently_cased(symbol)
        .or_else(|| differently_cased(symbol.strip_suffix('s')?))
        .or_else(|| misspelt(symbol))
        .map(|candidate| candidate.suggestion.clone())
}

fn differently_cased(symbol: &str) -> Option<&'static Candidate> {
    CANDIDATES
        .iter()
        .filter(|candidate| candidate.spelling.eq_ignore_ascii_case(symbol))
        .min_by_key(|candidate| (changed_letters(&candidate.spelling, symbol), candidate.rank))
}

fn misspelt(symbol: &str) -> Option<&'static Candidate> {
    // Almost any two letters are one edit away from some unit.
    let count = symbol.chars().count();
    if count < 3 {
        return None;
    }
    let distance_max = (count / 3).min(3);
    let letters = letters(symbol);
    CANDIDATES
        .iter()
        .filter(|candidate| candidate.rank != Rank::Prefixed)
        .filter(|candidate| candidate.spelling.len().abs_diff(symbol.len()) <= distance_max)
        .filter(|candidate| may_be_near(candidate.letters, letters, distance_max))
        .map(|candidate| (strsim::osa_distance(&candidate.spelling, symbol), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, candidate)| (*distance, candidate.rank))
        .map(|(_, candidate)| candidate)
}

fn changed_letters(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count()
}

fn candidates() -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut add = |spelling: &str, suggestion: &str, rank| {
        candidates.push(Candidate {
            spelling: spelling.to_owned(),
            suggestion: suggestion.to_owned(),
            letters: letters(spelling),
            rank,
        });
    };
    for (spelling, _) in alias::OVERRIDES.iter().chain(alias::ALIASES) {
        add(spelling, spelling, Rank::Alias);
    }
    add("dBm", "dBm", Rank::Alias);
    // Without these the byte, whose letter differs in case alone, would be offered for the bit.
    for (spelling, code) in [("kb", "kbit"), ("Mb", "Mbit"), ("Tb", "Tbit")] {
        add(spelling, code, Rank::Alias);
    }
    for currency in alias::CURRENCIES {
        add(currency, currency, Rank::Rare);
    }
    for unit in get_all_units() {
        let familiar = FAMILIAR_CLASSES.contains(&unit.class);
        let rank = |rank| if familiar { rank } else { Rank::Rare };
        add(unit.code, unit.code, rank(Rank::Familiar));
        add(unit.display_name, unit.code, rank(Rank::Name));
        // `[psi]` is often written without its brackets.
        if let Some(bare) = unit.code.strip_prefix('[').and_then(|code| code.strip_suffix(']')) {
            add(bare, unit.code, Rank::Rare);
        }
        if familiar && unit.is_metric {
            for prefix in get_all_prefixes() {
                let code = format!("{}{}", prefix.symbol, unit.code);
                add(&code, &code, Rank::Prefixed);
                let name = format!("{}{}", prefix.display_name, unit.display_name);
                add(&name, &code, Rank::Prefixed);
            }
        }
    }
    candidates
}
