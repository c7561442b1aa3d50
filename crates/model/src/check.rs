//! Holds the records against each other: references, units, intervals, cycles, currencies.

mod cycle;
mod fact;
mod reference;
mod scenario;

pub use self::fact::{column_name, is_own_table, table_name};
pub(crate) use self::reference::Suggester;
use crate::bundle::Bundle;
use crate::diagnostic::Diagnostic;

/// Everything that is wrong between the records of a bundle.
pub(crate) fn check(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut suggester = Suggester::new();
    let mut diagnostics = check_facts(bundle, &mut suggester);
    diagnostics.extend(scenario::check(bundle, &diagnostics, &mut suggester));
    diagnostics
}

/// What is wrong with the facts, scenarios aside.
pub(crate) fn check_facts(bundle: &Bundle, suggester: &mut Suggester) -> Vec<Diagnostic> {
    let keys = bundle.records.keys();
    let mut diagnostics = reference::check(bundle, &keys, &bundle.rates(), suggester);
    diagnostics.extend(fact::check(bundle, &keys));
    diagnostics.extend(fact::check_settings(bundle));
    diagnostics.extend(cycle::check(bundle));
    diagnostics
}

/// What is wrong with the facts of a bundle of which a syntax error may hide a part: a reference
/// that leads nowhere may well lead there.
pub(crate) fn check_fragments(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut diagnostics = fact::check(bundle, &bundle.records.keys());
    diagnostics.extend(fact::check_settings(bundle));
    diagnostics.extend(cycle::check(bundle));
    diagnostics
}
