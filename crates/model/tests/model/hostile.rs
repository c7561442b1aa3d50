//! Whatever is in the files, loading ends soon and without a panic.

use std::fmt::Write as _;
use std::time::Instant;

use longlead_model::{Bundle, Code, Diagnostic, Kind, Source};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::sample;

const LINES: usize = 50_000;

fn load(text: String) -> (Bundle, Vec<Diagnostic>) {
    Bundle::load(&[Source { name: "hostile.toml".into(), text }])
}

/// Loads a text, prints how long that took (seen with `--nocapture`), and gives how often each code
/// was told. Nothing depends on the time: it is there to be looked at.
#[expect(clippy::disallowed_methods, reason = "the time is printed, and nothing depends on it")]
fn codes(what: &str, text: String) -> Vec<(Code, usize)> {
    let lines = text.lines().count();
    let start = Instant::now();
    let (_, diagnostics) = load(text);
    let told: usize = diagnostics.iter().map(|it| it.to_string().len()).sum();
    println!(
        "{what}: {lines} lines, {} problems in {told} bytes, {:.2?}",
        diagnostics.len(),
        start.elapsed()
    );
    let mut codes: Vec<Code> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.chunk_by(|a, b| a == b).map(|chunk| (chunk[0], chunk.len())).collect()
}

/// One text for each number, joined.
fn repeated(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

fn in_list(kind: Kind, count: usize, line: impl Fn(usize) -> String) -> String {
    format!("{kind} = [\n{}]\n", repeated(count, |number| format!("    {},\n", line(number))))
}

#[test]
fn unknown_references_are_told_one_by_one() {
    let text = in_list(Kind::Part, LINES / 2, |number| {
        format!("{{ id = \"part-{number}\", title = \"Part\" }}")
    }) + &in_list(Kind::BomLine, LINES / 2, |number| {
        format!("{{ revision = \"c\", part = \"prat-{number}\" }}")
    });
    let told = codes("unknown references", text);
    assert_eq!(told, [(Code::UnknownReference, LINES)]);
}

#[test]
fn unknown_references_on_one_line_are_told_one_by_one() {
    let text = in_list(Kind::BomLine, LINES, |number| {
        format!("{{ revision = \"c\", part = \"p{number}\" }}")
    });
    let told = codes("unknown references on one line", text.replace('\n', ""));
    assert_eq!(told, [(Code::UnknownReference, 2 * LINES)]);
}

#[test]
fn a_record_with_as_many_fields_as_lines_is_told() {
    let fields = repeated(LINES, |number| format!("field_{number} = {number}\n"));
    let told = codes("unknown fields", format!("[[part]]\nid = \"a\"\ntitle = \"\"\n{fields}"));
    assert_eq!(told, [(Code::UnknownField, LINES)]);
    let fields = repeated(LINES, |number| format!("c{number} = \"1 vlot{number}\"\n"));
    let text = format!("[[part]]\nid = \"a\"\ntitle = \"\"\n[part.provides]\n{fields}");
    assert_eq!(codes("unknown units in one table", text), [(Code::UnknownUnit, LINES)]);
    let fields = repeated(LINES, |number| format!("c{number} = true\n"));
    let text = format!("[[part]]\nid = \"a\"\ntitle = \"\"\n[part.provides]\n{fields}");
    assert_eq!(codes("unknown keys of one table", text), [(Code::UnknownReference, LINES)]);
}

#[test]
fn duplicates_are_told_one_by_one() {
    let text = in_list(Kind::Team, LINES, |_| "{ id = \"lab\", title = \"Lab\" }".to_owned());
    assert_eq!(codes("duplicates", text), [(Code::DuplicateId, LINES - 1)]);
    let text = repeated(LINES / 3, |_| "[team]\nid = \"lab\"\ntitle = \"Lab\"\n".to_owned());
    assert_eq!(codes("tables written twice", text)[0].0, Code::Syntax);
}

#[test]
fn unknown_kinds_and_units_are_told_one_by_one() {
    let text = repeated(LINES, |number| format!("[[kind-{number}]]\n"));
    assert_eq!(codes("unknown kinds", text), [(Code::UnknownKind, LINES)]);
    let text = in_list(Kind::Capability, LINES, |number| {
        format!("{{ id = \"c{number}\", title = \"\", unit = \"vlot{number}\" }}")
    });
    assert_eq!(codes("unknown units", text), [(Code::UnknownUnit, LINES)]);
}

#[test]
fn one_deep_nest_is_told() {
    for (open, close) in [("[", "]"), ("{ a = ", "}")] {
        let text = format!("part = {}{}", format!("{open}\n").repeat(LINES), close.repeat(LINES));
        assert_eq!(codes("one deep nest", text).last().map(|told| told.0), Some(Code::TooDeep));
    }
    let text = repeated(LINES, |_| "[[part.a.b.c.d.e.f]]\n".to_owned());
    assert_eq!(codes("lists in lists", text).len(), 2);
}

#[test]
fn a_long_chain_with_a_cycle_at_its_end_is_told() {
    let text = in_list(Kind::Milestone, LINES, |number| {
        let before = if number + 1 == LINES { LINES - 3 } else { number + 1 };
        format!("{{ id = \"m{number:05}\", title = \"\", after = [\"m{before:05}\"] }}")
    });
    assert_eq!(codes("a chain with a cycle at its end", text), [(Code::Cycle, 1)]);
    let text = in_list(Kind::Milestone, LINES, |number| {
        format!("{{ id = \"m{number}\", title = \"\", after = [\"m{number}\"] }}")
    });
    assert_eq!(codes("as many cycles as lines", text), [(Code::Cycle, 20), (Code::More, 1)]);
}

#[test]
fn a_text_that_is_cut_off_is_told() {
    let mut text = in_list(Kind::Offer, LINES, |number| {
        format!("{{ supplier = \"s\", part = \"p{number}\", lead_time = \"4 wk\", stock = 5 }}")
    });
    let end = text.len() * 9 / 10 + 7;
    text.truncate(end);
    assert_eq!(codes("cut off in a list", text)[0].0, Code::Syntax);
    let mut text = repeated(LINES / 5, |number| {
        format!("[[offer]]\nsupplier = \"s\"\npart = \"p{number}\"\nlead_time = \"4 wk\"\n\n")
    });
    text.truncate(text.len() - 5);
    assert_eq!(codes("cut off in a text", text)[0].0, Code::Syntax);
    let quotes = repeated(LINES, |number| format!("title = \"{number}\n"));
    assert_eq!(codes("quotes left open", quotes)[0].0, Code::Syntax);
    assert_eq!(codes("brackets left open", "[\n".repeat(LINES))[0].0, Code::Syntax);
}

#[test]
fn scenarios_by_the_thousand_are_checked_or_counted() {
    let scenarios = |change: &dyn Fn(usize) -> String| {
        in_list(Kind::Scenario, LINES / 2, |number| {
            format!("{{ id = \"s{number}\", title = \"\", changes = [{}] }}", change(number))
        })
    };
    let features = "product = { id = \"p\", title = \"\" }\n".to_owned()
        + &in_list(Kind::Feature, LINES / 2, |number| {
            let value = format!("value = \"{number} USD\"");
            format!("{{ id = \"f{number}\", title = \"\", product = \"p\", {value} }}")
        });
    let small = scenarios(&|number| {
        format!("{{ kind = \"feature\", id = \"f{number}\", set = {{ title = \"x\" }} }}")
    });
    assert_eq!(codes("scenarios that touch little", features.clone() + &small), []);
    for (what, change) in [
        ("touch all", "{ kind = \"product\", id = \"p\", set = { title = \"x\" } }"),
        ("break all", "{ kind = \"product\", id = \"p\", remove = true }"),
        ("order anew", "{ kind = \"feature\", id = \"f1\", set = { after = [\"f2\"] } }"),
        ("misspell", "{ kind = \"feature\", id = \"ff\", set = { title = \"\" } }"),
        (
            "change a rate",
            "{ kind = \"rate\", id = \"r\", set = { from = \"EUR\", to = \"USD\", rate = 2 } }",
        ),
        ("break the settings", "{ kind = \"calendar\", id = \"c\", remove = true }"),
    ] {
        let settings = "settings.calendar = \"c\"\ncalendar = { id = \"c\", title = \"\" }\n";
        let text = settings.to_owned() + &features + &scenarios(&|_| change.to_owned());
        let told = codes(&format!("scenarios that {what}"), text);
        assert_eq!(told.last(), Some(&(Code::More, 1)), "{what}");
    }
}

/// Files of the sample with some bytes or lines gone, twice there, or new.
fn mutated() -> impl Strategy<Value = Vec<Source>> {
    let edit = (any::<Index>(), 0..6_usize, any::<Index>(), any::<Index>(), ".{0,12}");
    proptest::collection::vec(edit, 1..8).prop_map(|edits| {
        let mut sources = sample::sources();
        for (file, how, from, to, text) in edits {
            mutate(&mut file.get_mut(&mut sources).text, how, from, to, &text);
        }
        sources
    })
}

fn mutate(text: &mut String, how: usize, from: Index, to: Index, new: &str) {
    // Every second edit is of whole lines, which are more often still TOML.
    let is_cut = |at: &usize| match how % 2 {
        0 => text.is_char_boundary(*at),
        _ => *at == 0 || text.as_bytes().get(*at - 1) == Some(&b'\n'),
    };
    let cuts: Vec<usize> = (0..=text.len()).filter(is_cut).collect();
    let start = *from.get(&cuts);
    let rest: Vec<usize> = cuts.into_iter().filter(|at| *at >= start).take(40).collect();
    let end = *to.get(&rest);
    match how / 2 {
        0 => text.replace_range(start..end, ""),
        1 => {
            let again = text[start..end].to_owned();
            text.insert_str(end, &again);
        }
        _ if new.len().is_multiple_of(5) => text.truncate(start),
        _ => text.insert_str(start, new),
    }
}

/// Nothing panics, and what is read is written and read back alike.
fn survives(sources: &[Source]) {
    let (bundle, diagnostics) = Bundle::load(sources);
    let mut text = String::new();
    for diagnostic in &diagnostics {
        let _ = writeln!(text, "{diagnostic}");
    }
    let exported = bundle.export();
    for scenario in bundle.records.scenarios.values() {
        drop(bundle.under(scenario));
    }
    let (again, told) = Bundle::load(&exported);
    let is_error = |diagnostics: &[Diagnostic]| diagnostics.iter().any(Diagnostic::is_error);
    assert!(is_error(&diagnostics) || !is_error(&told), "{told:?}");
    assert!(again == bundle);
    assert_eq!(again.export(), exported);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_loading_panic(texts in proptest::collection::vec(any::<String>(), 0..3)) {
        let named = (0..).zip(texts).map(|(number, text)| Source { name: format!("{number}.toml"), text });
        survives(&named.collect::<Vec<_>>());
    }

    #[test]
    fn no_text_of_toml_letters_makes_loading_panic(
        text in r#"(\[\[(part|offer|rate)\]\]\n|id|title|rate|set|[a-z]|=|"|'|\{|\}|\[|\]|,|\n| |\.|[0-9]|-|nan|inf|d|true|#){0,60}"#,
    ) {
        survives(&[Source { name: "it.toml".into(), text }]);
    }

    #[test]
    fn no_damage_to_the_sample_makes_loading_panic(sources in mutated()) {
        survives(&sources);
    }
}
