//! A value before and after a change, so that what has changed can be seen, wherever it stands.

use longlead_model::Kind;
use maud::{Markup, html};
use serde_json::Value as Json;
use similar::{Algorithm, ChangeTag, DiffTag, TextDiff, capture_diff_slices};

use super::read::items;
use super::show::{entry, value};
use super::{Control, Field, Names};
use crate::ui;

/// A value that has changed, told from both sides.
#[derive(Debug)]
pub(crate) struct Change {
    /// What it was; what went is marked.
    pub(crate) before: Markup,
    /// What it is; what came is marked.
    pub(crate) after: Markup,
    /// What it is, with what went beside it.
    pub(crate) both: Markup,
    /// Whether what went and what came is marked within the value.
    pub(crate) is_marked: bool,
}

/// Letters of an unchanged stretch that are shown on either side of a change.
const AROUND: usize = 80;
/// Unchanged items in a row that are shown; more are counted.
const SAME_MAX: usize = 3;

/// How a value changed. Long texts are told by their words, lists and tables by their items.
pub(crate) fn change(
    control: &Control,
    before: Option<&Json>,
    after: Option<&Json>,
    names: &Names<'_>,
) -> Change {
    let (Some(was), Some(is)) = (before, after) else {
        return whole(control, before, after, names);
    };
    match control {
        _ if was == is => whole(control, before, after, names),
        Control::Long => words(was, is),
        Control::List(item) => listed(was, is, &|json| value(item, json, names)),
        Control::Groups(fields) => listed(was, is, &|json| in_a_line(fields, json, names)),
        Control::Map { keys, value: inner } => mapped((*keys, inner), was, is, names),
        _ => whole(control, before, after, names),
    }
}

fn whole(
    control: &Control,
    before: Option<&Json>,
    after: Option<&Json>,
    names: &Names<'_>,
) -> Change {
    let side = |json: Option<&Json>| json.map_or_else(ui::dash, |json| value(control, json, names));
    Change { before: side(before), after: side(after), both: side(after), is_marked: false }
}

/// One table of a list, in a line: "Quantity 100 · Price 3.20 EUR".
fn in_a_line(fields: &[Field], json: &Json, names: &Names<'_>) -> Markup {
    let told = fields.iter().filter_map(|field| Some((field, json.get(&field.name)?)));
    html! {
        @for (number, (field, json)) in told.enumerate() {
            @if number > 0 { " · " }
            span.muted { (field.label) } " " (value(&field.control, json, names))
        }
    }
}

/// A piece of what has changed.
type Piece = (ChangeTag, Markup);

fn sides(pieces: &[Piece], shown: &dyn Fn(&[&Piece]) -> Markup) -> Change {
    let without = |tag: Option<ChangeTag>| {
        let pieces: Vec<&Piece> = pieces.iter().filter(|(told, _)| Some(*told) != tag).collect();
        shown(&pieces)
    };
    Change {
        before: without(Some(ChangeTag::Insert)),
        after: without(Some(ChangeTag::Delete)),
        both: without(None),
        is_marked: true,
    }
}

fn marked((tag, markup): &Piece) -> Markup {
    html! {
        @match tag {
            ChangeTag::Equal => (markup),
            ChangeTag::Delete => { span.visually-hidden { "removed: " } del { (markup) } },
            ChangeTag::Insert => { span.visually-hidden { "added: " } ins { (markup) } },
        }
    }
}

fn words(before: &Json, after: &Json) -> Change {
    let (before, after) = (before.as_str().unwrap_or_default(), after.as_str().unwrap_or_default());
    let diff = TextDiff::from_words(before, after);
    let mut runs: Vec<(ChangeTag, String)> = Vec::new();
    for change in diff.iter_all_changes() {
        match runs.last_mut() {
            Some((tag, text)) if *tag == change.tag() => text.push_str(change.value()),
            _ => runs.push((change.tag(), change.value().to_owned())),
        }
    }
    let last = runs.len().saturating_sub(1);
    let piece = |(number, (tag, text)): (usize, (ChangeTag, String))| match tag {
        ChangeTag::Equal => (tag, lines(&abridged(&text, number == 0, number == last))),
        _ => (tag, lines(&text)),
    };
    let pieces: Vec<Piece> = runs.into_iter().enumerate().map(piece).collect();
    sides(&pieces, &|pieces| html! { @for piece in pieces { (marked(piece)) } })
}

fn lines(text: &str) -> Markup {
    html! {
        @for (number, line) in text.split('\n').enumerate() {
            @if number > 0 { br; }
            (line)
        }
    }
}

/// An unchanged stretch, less what is far from a change.
fn abridged(text: &str, is_first: bool, is_last: bool) -> String {
    let letters = text.chars().count();
    let head = if is_first { 0 } else { AROUND };
    let tail = if is_last { 0 } else { AROUND };
    if letters <= head + tail + AROUND {
        return text.to_owned();
    }
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(letters - tail).collect();
    format!("{start} … {end}")
}

fn listed(before: &Json, after: &Json, shown: &dyn Fn(&Json) -> Markup) -> Change {
    let (before, after) = (items(before), items(after));
    let texts = |items: &[Json]| items.iter().map(Json::to_string).collect::<Vec<_>>();
    let (was, is) = (texts(before), texts(after));
    let mut pieces = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &was, &is) {
        let old = before.get(op.old_range()).unwrap_or_default();
        let new = after.get(op.new_range()).unwrap_or_default();
        if op.tag() == DiffTag::Equal {
            same(&mut pieces, old.iter().map(shown).collect());
            continue;
        }
        pieces.extend(old.iter().map(|item| (ChangeTag::Delete, shown(item))));
        pieces.extend(new.iter().map(|item| (ChangeTag::Insert, shown(item))));
    }
    sides(&pieces, &item_list)
}

fn mapped(
    (keys, control): (Option<Kind>, &Control),
    before: &Json,
    after: &Json,
    names: &Names<'_>,
) -> Change {
    let shown = |key: &str, json: &Json| entry(keys, control, (key, json), names);
    let (mut pieces, mut unchanged) = (Vec::new(), Vec::new());
    for (key, was) in before.as_object().into_iter().flatten() {
        let is = after.get(key);
        if is == Some(was) {
            unchanged.push(shown(key, was));
            continue;
        }
        pieces.push((ChangeTag::Delete, shown(key, was)));
        pieces.extend(is.map(|is| (ChangeTag::Insert, shown(key, is))));
    }
    for (key, is) in after.as_object().into_iter().flatten() {
        if before.get(key).is_none() {
            pieces.push((ChangeTag::Insert, shown(key, is)));
        }
    }
    same(&mut pieces, unchanged);
    sides(&pieces, &item_list)
}

/// Items that stay: as they are if they are few, else how many.
fn same(pieces: &mut Vec<Piece>, items: Vec<Markup>) {
    let count = items.len();
    if count > SAME_MAX {
        pieces.push((ChangeTag::Equal, html! { span.muted { (count) " unchanged" } }));
    } else {
        pieces.extend(items.into_iter().map(|item| (ChangeTag::Equal, item)));
    }
}

fn item_list(pieces: &[&Piece]) -> Markup {
    html! {
        @if pieces.is_empty() { (ui::dash()) }
        @else { ul.plain-list { @for piece in pieces { li { (marked(piece)) } } } }
    }
}

#[cfg(test)]
mod tests {
    use longlead_model::{Bundle, Kind};
    use serde_json::json;

    use super::*;
    use crate::form::Form;

    fn told(kind: Kind, field: &str, before: Json, after: Json) -> [String; 3] {
        let bundle = Bundle::default();
        let control = &Form::of(Some(kind)).field(field).unwrap().control;
        let change = change(control, Some(&before), Some(&after), &Names::of_bundle(&bundle));
        [change.before, change.after, change.both].map(Markup::into_string)
    }

    #[test]
    fn a_word_at_the_end_of_a_long_text_is_seen_to_change() {
        let text =
            |word: &str| json!(format!("{}\n\nWe take {word}.", "Said at length. ".repeat(40)));
        let [before, after, both] = told(Kind::Decision, "context", text("A"), text("B"));
        assert!(before.contains("<del>A.</del>") && !before.contains("<ins>"), "{before}");
        assert!(after.contains("<ins>B.</ins>") && !after.contains("<del>"), "{after}");
        assert!(both.contains("<del>A.</del>") && both.contains("<ins>B.</ins>"), "{both}");
        assert!(before.len() < 400, "far from the change it is abridged: {before}");
    }

    #[test]
    fn the_item_that_changed_is_told_wherever_it_stands() {
        let (was, is) = (json!(["a", "b", "c", "d", "e"]), json!(["a", "b", "c", "d", "x"]));
        let [before, after, _] = told(Kind::Feature, "after", was, is);
        assert!(before.contains("4 unchanged") && before.contains("<del>"), "{before}");
        assert!(before.contains(">e<") && after.contains(">x<"), "{before} {after}");
        let prices = |last: &str| {
            json!([
                { "quantity": 1, "price": "5.00 EUR" },
                { "quantity": 100, "price": "4.00 EUR" },
                { "quantity": 1000, "price": last },
            ])
        };
        let (was, is) = (prices("3.00 EUR"), prices("2.50 EUR"));
        let [before, after, _] = told(Kind::Offer, "prices", was, is);
        assert!(before.contains("3.00 EUR") && after.contains("2.50 EUR"), "{before} {after}");
        assert!(!after.contains("3.00 EUR"), "{after}");
    }

    #[test]
    fn the_entry_of_a_map_that_changed_is_told() {
        let was = json!({ "a": "1", "b": "2", "ram": "256 KiB" });
        let is = json!({ "a": "1", "b": "2", "ram": "512 KiB", "light": "yes" });
        let [before, after, both] = told(Kind::Feature, "requires", was, is);
        assert!(before.contains("256 KiB") && !before.contains("512 KiB"), "{before}");
        assert!(after.contains("512 KiB") && after.contains("yes"), "{after}");
        assert!(both.contains("256 KiB") && both.contains("512 KiB"), "{both}");
    }
}
