//! Records that come after one another must not come after themselves.

use std::collections::BTreeMap;

use crate::bundle::Bundle;
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::Kind;
use crate::record::{Bound, LinkKind};

/// One record comes after another of the same sort.
pub(super) type Order<'a> = (&'a str, &'a str);

/// For each record, those that it comes after.
type Graph<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Circles of more names are told in part.
const NAMES_MAX: usize = 12;

/// Past so many circles of one sort, the rest is told when these are mended.
const CIRCLES_MAX: usize = 20;

/// What is ordered, in which kinds of record the order is written, and in what words.
const SORTS: [(&[Kind], &str); 5] = [
    (&[Kind::Revision], "follows"),
    (&[Kind::Feature], "comes after"),
    (&[Kind::Release], "comes after"),
    (&[Kind::Calendar], "extends"),
    (&[Kind::Activity, Kind::Milestone, Kind::Link], "comes after"),
];

pub(super) fn check(bundle: &Bundle) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (kinds, verb) in SORTS {
        let mut graph = Graph::new();
        for kind in kinds {
            for id in bundle.records.ids(*kind) {
                for (after, before) in order_of(bundle, *kind, id) {
                    graph.entry(after).or_default().push(before);
                }
            }
        }
        let circles = circles(&graph);
        diagnostics.extend(circles.iter().map(|circle| describe(bundle, kinds, verb, circle)));
        if circles.len() == CIRCLES_MAX {
            let message = format!("there may be more circles of {}", sort_of(kinds));
            let help = format!("they are told once these {CIRCLES_MAX} are mended");
            diagnostics.push(Diagnostic::warning(Code::More, message).help(help));
        }
    }
    diagnostics
}

/// The order that one record sets: what comes after what.
pub(super) fn order_of<'a>(bundle: &'a Bundle, kind: Kind, id: &str) -> Vec<Order<'a>> {
    fn after<'a, T: AsRef<str> + 'a>(
        id: &'a str,
        before: impl IntoIterator<Item = &'a T>,
    ) -> Vec<Order<'a>> {
        before.into_iter().map(|before| (id, before.as_ref())).collect()
    }
    let records = &bundle.records;
    let order = match kind {
        Kind::Revision => records.revisions.get(id).map(|it| after(it.id.as_str(), &it.follows)),
        Kind::Feature => records.features.get(id).map(|it| after(it.id.as_str(), &it.after)),
        Kind::Release => records.releases.get(id).map(|it| after(it.id.as_str(), &it.after)),
        Kind::Calendar => records.calendars.get(id).map(|it| after(it.id.as_str(), &it.extends)),
        Kind::Activity => records.activities.get(id).map(|it| after(it.id.as_str(), &it.after)),
        Kind::Milestone => records.milestones.get(id).map(|it| after(it.id.as_str(), &it.after)),
        // Other links allow an overlap, and the network tells those that contradict each other.
        Kind::Link => records
            .links
            .get(id)
            .filter(|it| it.kind == LinkKind::FinishToStart && it.bound == Bound::Minimum)
            .map(|it| vec![(it.to.as_str(), it.from.as_str())]),
        _ => None,
    };
    order.unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// On the path that is being walked.
    Open,
    /// Walked, with all that it comes after.
    Done,
}

/// Circles, each in the order in which it is walked and with its first name again at the end. Of
/// circles that share a name, one is found.
fn circles<'a>(graph: &Graph<'a>) -> Vec<Vec<&'a str>> {
    let mut circles = Vec::new();
    let mut marks: BTreeMap<&str, Mark> = BTreeMap::new();
    for start in graph.keys() {
        if marks.contains_key(start) {
            continue;
        }
        // An explicit stack: a hostile bundle can chain more records than the call stack holds.
        let mut path: Vec<(&'a str, usize)> = vec![(start, 0)];
        marks.insert(start, Mark::Open);
        while let Some((node, next)) = path.last_mut() {
            let before = graph.get(*node).and_then(|list| list.get(*next)).copied();
            *next += 1;
            let Some(before) = before else {
                marks.insert(node, Mark::Done);
                path.pop();
                continue;
            };
            match marks.get(before) {
                Some(Mark::Done) => {}
                None => {
                    marks.insert(before, Mark::Open);
                    path.push((before, 0));
                }
                Some(Mark::Open) => {
                    let from = path.iter().position(|(node, _)| *node == before);
                    let circle: Vec<&str> =
                        path.drain(from.unwrap_or_default()..).map(|(node, _)| node).collect();
                    marks.extend(circle.iter().map(|node| (*node, Mark::Done)));
                    circles.push(circle.into_iter().chain([before]).collect());
                    if circles.len() == CIRCLES_MAX {
                        return circles;
                    }
                }
            }
        }
    }
    circles
}

/// What is ordered, in words.
fn sort_of(kinds: &[Kind]) -> String {
    kinds.first().map(|kind| kind.plural_word()).unwrap_or_default()
}

fn describe(bundle: &Bundle, kinds: &[Kind], verb: &str, circle: &[&str]) -> Diagnostic {
    let verb = format!(" {verb} ");
    let walk: Vec<String> = circle.iter().map(|name| format!("`{name}`")).collect();
    let walk = match walk.as_slice() {
        [first @ .., last] if walk.len() > NAMES_MAX => {
            let shown = first.get(..NAMES_MAX - 2).unwrap_or_default();
            let count = first.len() - shown.len();
            format!("{}{verb}… ({count} more) …{verb}{last}", shown.join(&verb))
        }
        names => names.join(&verb),
    };
    let sort = sort_of(kinds);
    let place_of = |name: &str| kinds.iter().find_map(|kind| bundle.place(*kind, name, &[]));
    let names = circle.get(1..circle.len() - 1).unwrap_or_default();
    let diagnostic = Diagnostic::error(Code::Cycle, format!("{sort} form a circle: {walk}"))
        .at(circle.first().and_then(|name| place_of(name)))
        .help("take one of these steps away");
    names.iter().take(NAMES_MAX - 2).fold(diagnostic, |diagnostic, name| {
        diagnostic.related(place_of(name), format!("`{name}` stands here"))
    })
}
