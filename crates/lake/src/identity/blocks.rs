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

    /// What is known of a key, or where it would stand. Rows mostly come in the order of time, so
    /// that it is looked for from the end, in steps that double.
    pub(super) fn find(&self, key: u64) -> Result<u64, usize> {
        let count = self.rows.len();
        let mut step = 1;
        while step < count && self.rows.get(count - step).is_some_and(|it| it.0 > key) {
            step *= 2;
        }
        let (low, high) = (count.saturating_sub(step), count - step / 2);
        let near = self.rows.get(low..high).unwrap_or(&[]);
        match near.binary_search_by_key(&key, |it| it.0) {
            Ok(place) => near.get(place).map(|it| it.1).ok_or(low + place),
            Err(place) => Err(low + place),
        }
    }

    /// Adds a row where `find` says that it belongs.
    pub(super) fn insert_at(&mut self, at: usize, key: u64, content: u64) {
        self.rows.insert(at.min(self.rows.len()), (key, content));
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
