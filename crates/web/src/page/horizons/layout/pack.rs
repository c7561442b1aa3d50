//! Puts items into rows, so that neither bars nor labels overlap.

/// From one pixel to another along a row.
pub(crate) type Stretch = (f64, f64);

/// The least distance between neighbours in a row.
pub(crate) const GAP: f64 = 8.0;

/// What an item asks of a row.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// What it takes up without its label.
    pub(crate) core: Stretch,
    /// What it takes up with its label in one place or another, the best place first.
    pub(crate) labelled: Vec<Stretch>,
    /// True if it rather begins a row than goes without its label.
    pub(crate) insists: bool,
}

/// Where an item went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) row: usize,
    /// Which of its labelled places it got, if it got any.
    pub(crate) place: Option<usize>,
}

/// Rows that fill up.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: Vec<Vec<Stretch>>,
}

impl Rows {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Puts an item into the first row that has room for it, or into a new one as long as there
    /// may be more.
    pub(crate) fn put(&mut self, wish: &Wish, rows_max: usize) -> Option<Spot> {
        let labelled = (0..self.rows.len()).find_map(|row| {
            let place = wish.labelled.iter().position(|it| self.has_room(row, *it))?;
            Some(Spot { row, place: Some(place) })
        });
        let bare = || {
            let row = (0..self.rows.len()).find(|row| self.has_room(*row, wish.core))?;
            Some(Spot { row, place: None })
        };
        let new = || {
            let place = if wish.labelled.is_empty() { None } else { Some(0) };
            (self.rows.len() < rows_max).then_some(Spot { row: self.rows.len(), place })
        };
        let spot = match labelled {
            Some(spot) => Some(spot),
            None if wish.insists && !wish.labelled.is_empty() => new().or_else(bare),
            None => bare().or_else(new),
        }?;
        let taken = spot.place.and_then(|at| wish.labelled.get(at)).copied().unwrap_or(wish.core);
        if spot.row == self.rows.len() {
            self.rows.push(Vec::new());
        }
        self.rows.get_mut(spot.row)?.push(taken);
        Some(spot)
    }

    fn has_room(&self, row: usize, wanted: Stretch) -> bool {
        let taken = self.rows.get(row);
        taken.is_some_and(|row| {
            row.iter().all(|it| wanted.1 + GAP <= it.0 || it.1 + GAP <= wanted.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_goes_where_there_is_room_and_else_begins_a_row() {
        let mut rows = Rows::default();
        let bar = |from: f64, to: f64| Wish {
            core: (from, to),
            labelled: vec![(from, to + 60.0), (from - 60.0, to)],
            insists: true,
        };
        let spot = |row, place| Some(Spot { row, place });
        assert_eq!(rows.put(&bar(0.0, 50.0), 9), spot(0, Some(0)));
        // Right of it lies nothing, so it shares the row.
        assert_eq!(rows.put(&bar(200.0, 250.0), 9), spot(0, Some(0)));
        // Its label would run into the next on the right, but not on the left.
        assert_eq!(rows.put(&bar(178.0, 190.0), 9), spot(0, Some(1)));
        assert_eq!(rows.put(&bar(100.0, 160.0), 9), spot(1, Some(0)));
        let modest = Wish { insists: false, ..bar(320.0, 330.0) };
        assert_eq!(rows.put(&modest, 2), spot(0, Some(0)));
        assert_eq!(rows.put(&bar(10.0, 330.0), 2), None);
    }
}
