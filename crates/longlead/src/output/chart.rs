//! A falling curve in characters.

use jiff::civil::Date;

use crate::output::style::{BAD, DIM, GOOD, dim, paint};
use crate::output::words::{day, month, percent};

/// Lines of the chart between 0 and 100 %.
const HEIGHT: usize = 8;

/// Columns before the first bar: "  100 % ┤".
const MARGIN: usize = 9;

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Curve<'a> {
    /// Probability by day, in the order of days.
    pub(crate) points: &'a [(Date, f64)],
    /// The level that should be held.
    pub(crate) confidence: f64,
    /// The last day on which it is.
    pub(crate) decide_by: Option<Date>,
}

/// Draws the curve in at most `width` columns; nothing for fewer than two points.
pub(crate) fn chart(curve: &Curve<'_>, width: usize) -> String {
    let (Some((first, _)), Some((last, _))) = (curve.points.first(), curve.points.last()) else {
        return String::new();
    };
    let told = days_between(*first, *last);
    if told <= 0 {
        return String::new();
    }
    // A little of what comes after shows that the curve has really fallen.
    let span = told + (told / 10).max(3);
    let columns = width.min(90).saturating_sub(MARGIN + 1).max(20);
    let at = |column: usize| f64::from(span) * column as f64 / (columns - 1) as f64;
    let column_of = |date: Date| {
        let share = f64::from(days_between(*first, date)) / f64::from(span);
        (share * (columns - 1) as f64).round().clamp(0.0, (columns - 1) as f64) as usize
    };
    let decide_by = curve.decide_by.map(column_of);
    let mut text = String::new();
    for line in (0..HEIGHT).rev() {
        text.push_str(&dim(&label(line, curve.confidence)));
        for column in 0..columns {
            let share = share_at(curve.points, *first, at(column));
            let in_time = decide_by.is_some_and(|last| column <= last);
            let style = if in_time { GOOD } else { BAD };
            let eighths = (share * (HEIGHT * 8) as f64 - (line * 8) as f64).round().clamp(0.0, 8.0);
            match BARS.get(eighths as usize) {
                Some(bar) if eighths > 0.0 => text.push_str(&paint(style, bar)),
                _ if line == level(curve.confidence) => text.push_str(&paint(DIM, "┄")),
                _ => text.push(' '),
            }
        }
        trim_end(&mut text);
        text.push('\n');
    }
    let last = first.saturating_add(jiff::Span::new().days(span));
    axis(&mut text, *first, last, columns, &column_of);
    if let (Some(column), Some(date)) = (decide_by, curve.decide_by) {
        text.push_str(&mark(column, date));
    }
    text
}

const BARS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The line in which a level lies.
fn level(share: f64) -> usize {
    ((share * HEIGHT as f64) as usize).min(HEIGHT - 1)
}

fn label(line: usize, confidence: f64) -> String {
    let share = match line {
        line if line == level(confidence) => Some(confidence),
        line if line == HEIGHT - 1 => Some(1.0),
        line if line == HEIGHT / 2 && level(confidence) != line => Some(0.5),
        _ => None,
    };
    match share {
        Some(share) => format!("  {:>5} ┤", percent(share)),
        None => "        │".to_owned(),
    }
}

/// The probability so many days after the first point, between its neighbours.
fn share_at(points: &[(Date, f64)], first: Date, days: f64) -> f64 {
    let mut before = (0.0, points.first().map_or(0.0, |(_, share)| *share));
    for (date, share) in points {
        let at = f64::from(days_between(first, *date));
        if at >= days {
            let width = at - before.0;
            let part = if width > 0.0 { (days - before.0) / width } else { 0.0 };
            return before.1 + (share - before.1) * part;
        }
        before = (at, *share);
    }
    before.1
}

/// The axis with a tick at the first of each month that has room for its name.
fn axis(
    text: &mut String,
    first: Date,
    last: Date,
    columns: usize,
    column_of: &dyn Fn(Date) -> usize,
) {
    let mut ticks: Vec<char> = vec!['─'; columns];
    let mut names: Vec<char> = vec![' '; columns + 8];
    let mut free_from = 0;
    for month_start in month_starts(first, last) {
        let column = column_of(month_start);
        let name = match month_start.month() {
            1 => month_start.year().to_string(),
            _ => month(month_start).to_owned(),
        };
        if column < free_from || column + name.len() > columns {
            continue;
        }
        if let Some(tick) = ticks.get_mut(column) {
            *tick = '┬';
        }
        for (slot, character) in names.iter_mut().skip(column).zip(name.chars()) {
            *slot = character;
        }
        free_from = column + name.len() + 2;
    }
    text.push_str(&dim(&format!("    0 % └{}", ticks.iter().collect::<String>())));
    text.push('\n');
    let names: String = names.iter().collect();
    text.push_str(&dim(format!("{}{names}", " ".repeat(MARGIN)).trim_end()));
    text.push('\n');
}

/// The first of each month between two days.
fn month_starts(first: Date, last: Date) -> impl Iterator<Item = Date> {
    let next = |date: &Date| date.checked_add(jiff::Span::new().months(1)).ok();
    let starts = std::iter::successors(Some(first.first_of_month()), next);
    starts.skip_while(move |date| *date < first).take_while(move |date| *date <= last)
}

/// An arrow below the axis at the last day in time.
fn mark(column: usize, date: Date) -> String {
    let told = format!("decide by {}", day(date));
    let at = MARGIN + column;
    let line = if column >= told.chars().count() + 2 {
        format!("{}{told} ▲", " ".repeat(at - told.chars().count() - 1))
    } else {
        format!("{}▲ {told}", " ".repeat(at))
    };
    format!("{line}\n")
}

fn trim_end(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
}

fn days_between(from: Date, to: Date) -> i32 {
    // Spans between dates in days never fail.
    from.until(to).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_curve_falls_and_the_last_day_in_time_is_marked() {
        let points = [
            (date(2026, 11, 23), 0.95),
            (date(2027, 1, 4), 0.9),
            (date(2027, 2, 1), 0.4),
            (date(2027, 3, 1), 0.0),
        ];
        let curve = Curve { points: &points, confidence: 0.8, decide_by: Some(date(2027, 1, 9)) };
        let text = anstream::adapter::strip_str(&chart(&curve, 60)).to_string();
        // The bar keeps the indent in the expected text.
        let text: String = text.lines().map(|line| format!("|{line}\n")).collect();
        expect![[r#"
            |  100 % ┤▅▅▄▄▄▄▄▄▃▃▃▃▃▃▂▂▂▂▂▂
            |   80 % ┤█████████████████████▅▃┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
            |        │████████████████████████▆▃▁
            |   50 % ┤███████████████████████████▆▄▁
            |        │██████████████████████████████▇▄▂
            |        │██████████████████████████████████▆▄▂
            |        │██████████████████████████████████████▆▄▂
            |        │██████████████████████████████████████████▆▄▂
            |    0 % └────┬─────────────┬─────────────┬────────────┬────
            |             Dec           2027          Feb          Mar
            |          decide by 9 Jan 2027 ▲
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_single_point_draws_nothing() {
        let points = [(date(2026, 11, 23), 0.95)];
        assert_eq!(chart(&Curve { points: &points, confidence: 0.8, decide_by: None }, 60), "");
    }
}
