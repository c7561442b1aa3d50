//! Who has subscribed to what, by the levels of filters.

use std::collections::HashMap;
use std::sync::Arc;

/// A subscription: whose, and under which filter as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub(super) session: Arc<str>,
    pub(super) filter: Arc<str>,
}

/// Subscriptions at a level and below.
#[derive(Debug, Default)]
pub(super) struct Tree {
    below: HashMap<Box<str>, Tree>,
    each: Vec<Subscriber>,
    groups: Vec<Group>,
}

/// Sessions of which each message goes to one.
#[derive(Debug)]
struct Group {
    name: Box<str>,
    members: Vec<Subscriber>,
    next: usize,
}

/// Who gets a message.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) each: Vec<Subscriber>,
    /// Of each group, its members in the order in which they are asked.
    pub(super) groups: Vec<Vec<Subscriber>>,
}

impl Tree {
    /// Adds a subscription. `filter` is without its group.
    pub(super) fn add(&mut self, group: Option<&str>, filter: &str, subscriber: Subscriber) {
        let node =
            filter.split('/').fold(self, |node, level| node.below.entry(level.into()).or_default());
        let members = match group {
            None => &mut node.each,
            Some(name) => {
                let place = node.groups.iter().position(|group| *group.name == *name);
                let place = place.unwrap_or_else(|| {
                    node.groups.push(Group { name: name.into(), members: Vec::new(), next: 0 });
                    node.groups.len() - 1
                });
                match node.groups.get_mut(place) {
                    Some(group) => &mut group.members,
                    None => &mut node.each,
                }
            }
        };
        if !members.contains(&subscriber) {
            members.push(subscriber);
        }
    }

    /// Takes a subscription away.
    pub(super) fn remove(&mut self, group: Option<&str>, filter: &str, session: &str) {
        let (level, rest) = match filter.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (filter, None),
        };
        let Some(node) = self.below.get_mut(level) else { return };
        match (rest, group) {
            (Some(rest), _) => node.remove(group, rest, session),
            (None, None) => node.each.retain(|it| *it.session != *session),
            (None, Some(name)) => {
                for group in node.groups.iter_mut().filter(|group| *group.name == *name) {
                    group.members.retain(|it| *it.session != *session);
                }
                node.groups.retain(|group| !group.members.is_empty());
            }
        }
        if node.below.is_empty() && node.each.is_empty() && node.groups.is_empty() {
            self.below.remove(level);
        }
    }

    /// Who gets a message on a topic. Each group's turn passes on.
    pub(super) fn hits(&mut self, topic: &str) -> Hits {
        let mut hits = Hits::default();
        let is_special = topic.starts_with('$');
        self.gather(Some(topic), is_special, &mut hits);
        hits
    }

    fn gather(&mut self, topic: Option<&str>, is_special: bool, hits: &mut Hits) {
        let Some(topic) = topic else {
            self.gather_here(hits);
            // `sport/#` matches `sport` too.
            if let Some(node) = self.below.get_mut("#") {
                node.gather_here(hits);
            }
            return;
        };
        let (level, rest) = match topic.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (topic, None),
        };
        if let Some(node) = self.below.get_mut(level) {
            node.gather(rest, false, hits);
        }
        if is_special {
            return;
        }
        if let Some(node) = self.below.get_mut("+") {
            node.gather(rest, false, hits);
        }
        if let Some(node) = self.below.get_mut("#") {
            node.gather_here(hits);
        }
    }

    fn gather_here(&mut self, hits: &mut Hits) {
        hits.each.extend(self.each.iter().cloned());
        for group in &mut self.groups {
            group.next = (group.next + 1) % group.members.len().max(1);
            let turned = group.members.iter().cycle().skip(group.next);
            hits.groups.push(turned.take(group.members.len()).cloned().collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Subscriber, Tree};
    use crate::mqtt::topic::matches;

    fn subscriber(session: &str, filter: &str) -> Subscriber {
        Subscriber { session: session.into(), filter: filter.into() }
    }

    #[test]
    fn the_tree_finds_what_matching_one_by_one_finds() {
        let levels = ["a", "b", "+", "", "$x"];
        let mut filters = vec!["#".to_owned()];
        for first in levels {
            filters.extend([first.to_owned(), format!("{first}/#")]);
            for second in levels {
                filters.extend([format!("{first}/{second}"), format!("{first}/{second}/#")]);
            }
        }
        filters.retain(|filter| !filter.is_empty());
        let mut tree = Tree::default();
        for filter in &filters {
            tree.add(None, filter, subscriber(filter, filter));
        }
        for topic in ["a", "b", "a/b", "a/", "/a", "a/b/c", "$x", "$x/a", "c", "a/a/a/a"] {
            let hits = tree.hits(topic).each;
            let mut found: Vec<&str> = hits.iter().map(|it| it.filter.as_ref()).collect();
            let mut expected: Vec<&str> = filters
                .iter()
                .map(String::as_str)
                .filter(|filter| matches(filter, topic))
                .collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{topic}");
        }
        for filter in &filters {
            tree.remove(None, filter, filter);
        }
        assert!(tree.below.is_empty());
    }

    #[test]
    fn a_group_takes_turns() {
        let mut tree = Tree::default();
        for session in ["one", "two", "three"] {
            tree.add(Some("g"), "a/+", subscriber(session, "$share/g/a/+"));
        }
        let mut firsts: Vec<String> =
            (0..3).map(|_| tree.hits("a/b").groups[0][0].session.to_string()).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, ["one", "three", "two"]);
        tree.remove(Some("g"), "a/+", "two");
        assert_eq!(tree.hits("a/b").groups[0].len(), 2);
    }
}
