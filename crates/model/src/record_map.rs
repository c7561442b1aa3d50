//! Records of one kind, in a map that costs nothing to copy.

use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A map whose copies share its entries until one of them is changed: a bundle with one record
/// edited, or under a scenario, copies only the kinds of record that differ.
#[derive(Clone, Debug)]
pub struct RecordMap<I, R>(Arc<BTreeMap<I, R>>);

impl<I, R> RecordMap<I, R> {
    /// True if the two are one map of which nothing was changed since it was copied. Maps that are
    /// not one may still be equal.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<I: Ord + Clone, R: Clone> RecordMap<I, R> {
    /// Takes an entry out; nothing is copied if it isn't there.
    pub(crate) fn take<Q: Ord + ?Sized>(&mut self, id: &Q) -> Option<R>
    where
        I: Borrow<Q>,
    {
        if self.contains_key(id) { self.remove(id) } else { None }
    }
}

impl<I, R> Default for RecordMap<I, R> {
    fn default() -> Self {
        RecordMap(Arc::default())
    }
}

impl<I, R> Deref for RecordMap<I, R> {
    type Target = BTreeMap<I, R>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<I: Clone, R: Clone> DerefMut for RecordMap<I, R> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl<I: PartialEq, R: PartialEq> PartialEq for RecordMap<I, R> {
    fn eq(&self, other: &Self) -> bool {
        self.is_shared_with(other) || self.0 == other.0
    }
}

impl<'a, I, R> IntoIterator for &'a RecordMap<I, R> {
    type Item = (&'a I, &'a R);
    type IntoIter = btree_map::Iter<'a, I, R>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<I, R> From<BTreeMap<I, R>> for RecordMap<I, R> {
    fn from(map: BTreeMap<I, R>) -> Self {
        RecordMap(Arc::new(map))
    }
}

impl<I: Ord, R> FromIterator<(I, R)> for RecordMap<I, R> {
    fn from_iter<T: IntoIterator<Item = (I, R)>>(entries: T) -> Self {
        RecordMap::from(BTreeMap::from_iter(entries))
    }
}
