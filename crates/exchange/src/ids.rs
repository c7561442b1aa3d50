//! Ids made from names, each once.

use std::collections::{BTreeSet, HashMap};

use longlead_model::{ActivityId, Bundle, ID_LENGTH_MAX, LinkId, slug_from};

/// The ids that are taken.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    taken: BTreeSet<String>,
    /// Where the search for a free number goes on, so that ten thousand tasks of one name cost
    /// ten thousand steps and not their square.
    next: HashMap<String, u64>,
}

impl Ids {
    /// An id near to `name` that nothing else has: `design`, `design-2`, `design-3`.
    pub(crate) fn make(&mut self, name: &str) -> String {
        let slug = slug_from(name);
        if self.taken.insert(slug.clone()) {
            return slug;
        }
        let number = self.next.entry(slug.clone()).or_insert(2);
        loop {
            let suffix = format!("-{number}");
            *number += 1;
            // Slugs are ASCII, so any byte is a place to cut.
            let stem: String =
                slug.chars().take(ID_LENGTH_MAX.saturating_sub(suffix.len())).collect();
            let id = format!("{}{suffix}", stem.trim_end_matches(['-', '_', '.']));
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// The natural id of a link, with a number if two activities are linked more than once.
pub(crate) fn link_id(bundle: &Bundle, from: &ActivityId, to: &ActivityId) -> Option<LinkId> {
    let natural = format!("{from}..{to}").replace(':', ".");
    let ids = (1..1_000).map(|number| match number {
        1 => natural.clone(),
        _ => format!("{natural}-{number}"),
    });
    ids.filter_map(|id| LinkId::try_from(id).ok()).find(|id| !bundle.records.links.contains_key(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_get_ids_of_their_own() {
        let mut ids = Ids::default();
        let made: Vec<String> =
            ["Design", "design!", "Design 2", "design", ""].map(|name| ids.make(name)).into();
        assert_eq!(made, ["design", "design-2", "design-2-2", "design-3", "x"]);
    }

    #[test]
    fn a_very_long_name_still_makes_a_valid_second_id() {
        let mut ids = Ids::default();
        let name = "long ".repeat(100);
        for _ in 0..12 {
            assert!(ids.make(&name).len() <= ID_LENGTH_MAX);
        }
    }
}
