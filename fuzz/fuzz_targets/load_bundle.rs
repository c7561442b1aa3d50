//! Any texts load and end in records or diagnostics, and what is read is written without a loss.

#![no_main]

use libfuzzer_sys::fuzz_target;
use longlead_model::{Bundle, Diagnostic, Source};

/// Starts another file of the bundle.
const MARKER: &str = "#!file\n";

fuzz_target!(|text: &str| {
    let named = text.split(MARKER).enumerate();
    let sources: Vec<Source> = named
        .map(|(number, text)| Source { name: format!("{number}.toml"), text: text.to_owned() })
        .collect();
    let (bundle, diagnostics) = Bundle::load(&sources);
    for diagnostic in &diagnostics {
        std::hint::black_box(diagnostic.to_string());
    }
    for scenario in bundle.records.scenarios.values() {
        std::hint::black_box(bundle.under(scenario));
    }
    let exported = bundle.export();
    let (again, told) = Bundle::load(&exported);
    let is_error = |diagnostics: &[Diagnostic]| diagnostics.iter().any(Diagnostic::is_error);
    assert!(is_error(&diagnostics) || !is_error(&told), "{told:#?}\n{exported:#?}");
    assert!(again == bundle, "other records come back from {exported:#?}");
    assert_eq!(again.export(), exported);
});
