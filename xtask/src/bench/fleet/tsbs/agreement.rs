//! Whether two engines gave the same answer, each in its own order and with its own way to write a
//! time or a number.

/// A cell, as what it means.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Number(f64),
    Text(String),
}

/// How two answers differ, if they do.
pub(super) fn differs(ours: &[Vec<String>], theirs: &[Vec<String>]) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} rows, not {}", ours.len(), theirs.len()));
    }
    let (ours, theirs) = (sorted(ours), sorted(theirs));
    let (one, other) = ours.iter().zip(&theirs).find(|(one, other)| !are_same(one, other))?;
    Some(format!("{one:?}, not {other:?}"))
}

/// Rows in an order that doesn't hang on the last bits of a number.
fn sorted(rows: &[Vec<String>]) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> =
        rows.iter().map(|row| row.iter().map(|it| cell(it)).collect()).collect();
    rows.sort_by_cached_key(|row| row.iter().map(key).collect::<Vec<_>>());
    rows
}

fn key(cell: &Cell) -> String {
    match cell {
        Cell::Number(number) => format!("{number:.6e}"),
        Cell::Text(text) => text.clone(),
    }
}

fn cell(text: &str) -> Cell {
    let text = match text.trim_matches('"') {
        // A null, as ClickHouse writes it.
        "\\N" => "",
        text => text,
    };
    match text.parse() {
        Ok(number) => Cell::Number(number),
        Err(_) => Cell::Text(second(text).unwrap_or_else(|| text.to_owned())),
    }
}

/// A time to the second, or a day at its begin: `2016-01-01 00:00:00`.
fn second(text: &str) -> Option<String> {
    let day = text.get(..10)?;
    let is_day = day.bytes().enumerate().all(|(place, byte)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let clock = if text.len() == 10 { "00:00:00" } else { text.get(11..19)? };
    is_day.then(|| format!("{day} {clock}"))
}

fn are_same(ours: &[Cell], theirs: &[Cell]) -> bool {
    let is_same = |(ours, theirs): (&Cell, &Cell)| match (ours, theirs) {
        // Sums differ in the last bits with the order of their parts.
        (Cell::Number(one), Cell::Number(other)) => {
            (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
        }
        _ => ours == theirs,
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::differs;

    fn rows(text: &str) -> Vec<Vec<String>> {
        text.lines().map(|row| row.split(',').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn order_and_notation_count_for_nothing_and_values_for_all() {
        let ours = rows("truck_1,2016-01-01T00:00:00Z,0.30000000000000004\ntruck_2,2016-01-02,7");
        let same = rows("truck_2,2016-01-02 00:00:00,7.0\ntruck_1,\"2016-01-01 00:00:00\",0.3");
        assert_eq!(differs(&ours, &same), None);
        for other in [
            "truck_1,2016-01-01T00:00:00Z,0.3",
            "truck_1,2016-01-01T00:00:00Z,0.3\ntruck_2,2016-01-02,7.001",
            "truck_1,2016-01-01T00:00:10Z,0.3\ntruck_2,2016-01-02,7",
            "truck_1,2016-01-01T00:00:00Z,0.3\ntruck_3,2016-01-02,7",
            "truck_1,2016-01-01T00:00:00Z,0.3\ntruck_2,2016-01-02,7,8",
        ] {
            assert!(differs(&ours, &rows(other)).is_some(), "{other}");
        }
    }
}
