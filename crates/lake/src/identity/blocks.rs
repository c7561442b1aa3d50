//! Rows of one place that are in memory: key and content.

/// Keys in order, each with its content.
#[derive(Debug)]
pub(super) struct Block {
    /// From this key on, all rows that are there are known; `u64::MAX` where that isn't sure of any.
    known_from: u64,
    rows: Vec<(u64, u64)>,
    /// The group that last asked or added.
    pub(super) touched: u64,
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Content(u64),
    Nothing,
}

impl Block {
    /// Nothing is known of what isn't in it.
    pub(super) fn unknown() -> Block {
        Block::known_from(u64::MAX)
    }

    pub(super) fn known_from(key: u64) -> Block {
        Block { known_from: key, rows: Vec::new(), touched: 0 }
    }

    /// Whether a key that isn't in it isn't anywhere.
    pub(super) fn covers(&self, key: u64) -> bool {
        key >= self.known_from && self.known_from != u64::MAX
    }

    pub(super) fn find(&self, key: u64) -> Found {
        match self.rows.last() {
            Some((last, _)) if *last >= key => {}
            _ => return Found::Nothing,
        }
        let place = self.rows.binary_search_by_key(&key, |it| it.0);
        match place.ok().and_then(|place| self.rows.get(place)) {
            Some((_, content)) => Found::Content(*content),
            None => Found::Nothing,
        }
    }

    /// Adds a row, and tells whether it wasn't there.
    pub(super) fn insert(&mut self, key: u64, content: u64) -> bool {
        if self.rows.last().is_none_or(|it| it.0 < key) {
            self.rows.push((key, content));
            return true;
        }
        match self.rows.binary_search_by_key(&key, |it| it.0) {
            Ok(_) => false,
            Err(place) => {
                self.rows.insert(place, (key, content));
                true
            }
        }
    }

    /// Takes a row out, and tells whether it was there.
    pub(super) fn remove(&mut self, key: u64) -> bool {
        match self.rows.binary_search_by_key(&key, |it| it.0) {
            Ok(place) => {
                self.rows.remove(place);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes up all rows that the tables hold; how many were new.
    pub(super) fn load(&mut self, rows: &[(u64, u64)]) -> usize {
        let before = self.rows.len();
        self.rows.extend_from_slice(rows);
        // Stable, so what was known before stays.
        self.rows.sort_by_key(|it| it.0);
        self.rows.dedup_by_key(|it| it.0);
        self.known_from = 0;
        self.rows.len() - before
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}
