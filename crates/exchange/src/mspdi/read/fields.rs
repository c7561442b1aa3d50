//! Single values, read with a word on each that can't be.

use std::collections::BTreeSet;

use jiff::civil::{DateTime, Time};
use roxmltree::Node;

use crate::report::{Loss, Subject};

use super::super::duration::parse_seconds;

/// The most that is quoted of a value that can't be read.
const QUOTED_MAX: usize = 40;

/// Values that say nothing, in the spellings of the writers that there are.
const NOTHING: [&str; 8] = ["", "0", "0.0", "0.00", "PT0H0M0S", "-1", "NA", "false"];

/// Collects what can't be read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) losses: Vec<Loss>,
}

/// The elements within an element.
pub(super) fn elements<'a, 'input>(
    node: Node<'a, 'input>,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

/// The text of an element, as it stands.
pub(super) fn text_of(node: Node<'_, '_>) -> String {
    node.children().filter_map(|it| if it.is_text() { it.text() } else { None }).collect()
}

/// Whom losses are about, known before the fields are read.
pub(super) fn subject_of(node: Node<'_, '_>, subject: impl Fn(i64, String) -> Subject) -> Subject {
    let field = |name| elements(node).find(|it| it.tag_name().name() == name).map(text_of);
    let uid = field("UID").and_then(|it| it.trim().parse().ok()).unwrap_or_default();
    subject(uid, field("Name").unwrap_or_default())
}

impl Reader {
    fn parsed<T>(
        &mut self,
        subject: &Subject,
        node: Node<'_, '_>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = text_of(node);
        let text = text.trim();
        if text.is_empty() || text == "NA" {
            return None;
        }
        let value = parse(text);
        if value.is_none() {
            let quoted: String = text.chars().take(QUOTED_MAX).collect();
            let what = format!("<{}> {quoted:?} can't be read", node.tag_name().name());
            self.losses.push(Loss::new(subject.clone(), what, "taken as not given"));
        }
        value
    }

    pub(super) fn integer(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<i64> {
        self.parsed(subject, node, whole)
    }

    /// A number that refers to something; negative ones refer to nothing.
    pub(super) fn reference(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<i64> {
        self.integer(subject, node).filter(|it| *it >= 0)
    }

    pub(super) fn small(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<u8> {
        self.parsed(subject, node, |text| u8::try_from(whole(text)?).ok())
    }

    pub(super) fn count(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<u32> {
        self.parsed(subject, node, |text| u32::try_from(whole(text)?).ok())
    }

    pub(super) fn number(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<f64> {
        self.parsed(subject, node, |text| text.parse::<f64>().ok().filter(|it| it.is_finite()))
    }

    pub(super) fn flag(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<bool> {
        self.parsed(subject, node, |text| match text {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        })
    }

    pub(super) fn seconds(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<i64> {
        self.parsed(subject, node, parse_seconds)
    }

    pub(super) fn date_time(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<DateTime> {
        self.parsed(subject, node, date_time)
    }

    pub(super) fn time(&mut self, subject: &Subject, node: Node<'_, '_>) -> Option<Time> {
        self.parsed(subject, node, |text| text.parse().ok())
    }

    pub(super) fn assign_flag(&mut self, at: &Subject, node: Node<'_, '_>, flag: &mut bool) {
        *flag = self.flag(at, node).unwrap_or(*flag);
    }

    pub(super) fn assign_time(&mut self, at: &Subject, node: Node<'_, '_>, time: &mut Time) {
        *time = self.time(at, node).unwrap_or(*time);
    }

    /// A count that divides: zero would make nonsense.
    pub(super) fn assign_count(&mut self, at: &Subject, node: Node<'_, '_>, count: &mut u32) {
        *count = self.count(at, node).filter(|it| *it > 0).unwrap_or(*count);
    }

    /// Tells which of `details` an element has, if they say anything.
    pub(super) fn details(&mut self, subject: &Subject, node: Node<'_, '_>, details: &[&str]) {
        let mut found = BTreeSet::new();
        for field in elements(node) {
            let name = field.tag_name().name();
            let says_something =
                field.first_element_child().is_some() || !NOTHING.contains(&text_of(field).trim());
            if details.contains(&name) && says_something {
                found.insert(name);
            }
        }
        if !found.is_empty() {
            let what = found.into_iter().collect::<Vec<_>>().join(", ");
            self.losses.push(Loss::new(subject.clone(), what, "left out"));
        }
    }

    /// Tells numbers that are given twice, which makes references to them doubtful.
    pub(super) fn told_twice(&mut self, list: &str, uids: impl Iterator<Item = i64>) {
        let mut seen = BTreeSet::new();
        let twice: BTreeSet<i64> = uids.filter(|uid| !seen.insert(*uid)).collect();
        for uid in twice {
            let what = format!("several {list} have the UID {uid}");
            self.losses.push(Loss::new(Subject::File, what, "references mean the first"));
        }
    }
}

/// A whole number; some writers put `480.0`.
fn whole(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number = text.parse::<f64>().ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
    })
}

/// A civil instant; a zone, which some writers add, is passed over.
fn date_time(text: &str) -> Option<DateTime> {
    let civil = match text.get(..19) {
        Some(civil) if text.get(10..11) == Some("T") => civil,
        _ => text,
    };
    civil.parse().ok()
}
