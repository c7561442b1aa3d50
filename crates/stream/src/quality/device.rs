//! The figures of one device in one stream, counted from its rows.

use std::ops::Range;

use longlead_model::FieldKind;

use super::completeness::{Basis, Completeness, completeness_by_cadence};
use super::drift::drift;
use super::lateness::Lateness;
use super::score::Figures;
use super::sequence::{completeness_by_sequence, split_boots};
use super::stuck::{Stuck, stuck_runs};
use super::timeline::{clock_steps_back, counter_resets, freshness, gaps};
use crate::contract::Contract;
use crate::rows::Clock;

/// A device whose newest reading is older than this many cadences isn't fresh: two may be lost on
/// the way of one that is well.
pub const FRESH_CADENCES_MAX: f64 = 3.0;

/// Two readings further apart than this many cadences have a gap between them.
pub const GAP_CADENCES: f64 = 1.5;

/// Numbers that come so much too late aren't a new boot.
const REORDER_MAX: u64 = 16;

/// Drift is looked for between days, so that the daily swing cancels.
const DRIFT_BLOCK: i64 = 86_400_000_000;

/// The rows of one device in one stream in a window, as columns of the same length, in the order
/// in which they were received.
#[derive(Clone, Debug, Default)]
pub struct DeviceRows {
    /// Microseconds since 1970.
    pub captured: Vec<i64>,
    /// Microseconds since 1970, by our clock.
    pub received: Vec<i64>,
    /// How far `captured` can be trusted.
    pub clock: Vec<Clock>,
    /// Which boot they were taken in.
    pub boot: Vec<Option<u64>>,
    /// Their numbers.
    pub sequence: Vec<Option<u64>>,
    /// Fields that hold numbers, by the names of the contract.
    pub fields: Vec<(String, Vec<Option<f64>>)>,
}

/// Counts the figures of a device from its rows.
///
/// Where every row has a number, completeness is by numbers, and what is missing before the first
/// and after the last row of the window, where numbers can't tell, is reckoned by the cadence;
/// else all of it is by the cadence. Where boots aren't told, they are taken from numbers that
/// fall. A stream with neither numbers nor a cadence has no completeness.
///
/// Rows whose clock isn't to be trusted count for completeness by numbers, and for nothing else
/// that needs a time. `now` is the end of the window, or earlier if the window is still open.
/// Duplicates and what is in quarantine aren't among the rows: the caller adds these two figures.
pub fn device_figures(
    contract: &Contract,
    rows: &DeviceRows,
    window: Range<i64>,
    now: i64,
) -> Figures {
    let window = window.start..window.end.min(now);
    let trusted = |place: usize| {
        let clock = rows.clock.get(place);
        matches!(clock, Some(Clock::Good | Clock::Reckoned | Clock::Received | Clock::Heard))
    };
    let times = || rows.captured.iter().zip(&rows.received).enumerate();
    let captured: Vec<i64> =
        times().filter(|(place, _)| trusted(*place)).map(|(_, (at, _))| *at).collect();
    let mut lateness = Lateness::default();
    for (_, (captured, received)) in times().filter(|(place, _)| trusted(*place)) {
        lateness.add(*captured, *received);
    }
    let cadence = contract.cadence();
    let fresh = cadence.map(|_| {
        let newest = freshness(&captured, now, cadence);
        let is_fresh = newest.is_some_and(|it| it.is_fresh(FRESH_CADENCES_MAX));
        (u64::from(is_fresh), u64::from(!is_fresh))
    });
    let mut figures = Figures {
        completeness: completeness(rows, &captured, window, cadence),
        rows: rows.captured.len() as u64,
        timely: contract.allowed_lateness().map(|allowed| timely(rows, trusted, allowed)),
        fresh,
        lateness,
        steps_back: steps_back(rows, trusted),
        gaps: cadence.map_or(0, |it| gaps(&captured, it, GAP_CADENCES).len() as u64),
        ..Figures::default()
    };
    for clock in &rows.clock {
        if let Some(count) = figures.clocks.get_mut(usize::from(clock.code())) {
            *count += 1;
        }
    }
    for field in &contract.record().fields {
        let values = rows.fields.iter().find(|(name, _)| *name == field.name);
        if let Some((_, values)) = values {
            look_at(field.kind, rows, values, trusted, &mut figures);
        }
    }
    figures
}

fn completeness(
    rows: &DeviceRows,
    captured: &[i64],
    window: Range<i64>,
    cadence: Option<i64>,
) -> Option<Completeness> {
    let Some(numbered) = numbered(rows) else {
        return completeness_by_cadence(captured, window, cadence?);
    };
    let found = completeness_by_sequence(&numbered);
    let (Some(first), Some(last), Some(cadence)) =
        (captured.iter().min(), captured.iter().max(), cadence.filter(|it| *it > 0))
    else {
        return Some(found);
    };
    let steps = |span: i64| span.max(0).unsigned_abs() / cadence.unsigned_abs();
    let before = steps(first.saturating_sub(window.start));
    let after = steps(window.end.saturating_sub(*last).saturating_sub(1));
    let basis = if before + after > 0 { Basis::Mixed } else { Basis::Sequence };
    Some(Completeness { expected: found.expected.saturating_add(before + after), basis, ..found })
}

/// Boot and number of every row; nothing unless all have a number.
fn numbered(rows: &DeviceRows) -> Option<Vec<(u64, u64)>> {
    if rows.sequence.is_empty() {
        return None;
    }
    let numbers: Vec<u64> = rows.sequence.iter().copied().collect::<Option<_>>()?;
    let told: Option<Vec<u64>> = rows.boot.iter().copied().collect();
    let boots = told.unwrap_or_else(|| split_boots(&numbers, REORDER_MAX));
    Some(boots.into_iter().zip(numbers).collect())
}

fn timely(rows: &DeviceRows, trusted: impl Fn(usize) -> bool, allowed: i64) -> (u64, u64) {
    let times = rows.captured.iter().zip(&rows.received).enumerate();
    let mut counts = (0, 0);
    for (_, (captured, received)) in times.filter(|(place, _)| trusted(*place)) {
        if received.saturating_sub(*captured) <= allowed {
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
    }
    counts
}

/// How often the clock stepped back within a boot, in the order of numbers; without numbers there
/// is no telling it from late arrival.
fn steps_back(rows: &DeviceRows, trusted: impl Fn(usize) -> bool) -> u64 {
    let Some(numbered) = numbered(rows) else { return 0 };
    let ordered = numbered.into_iter().zip(&rows.captured).enumerate();
    let mut ordered: Vec<((u64, u64), i64)> =
        ordered.filter(|(place, _)| trusted(*place)).map(|(_, (key, at))| (key, *at)).collect();
    ordered.sort_unstable();
    let boots = ordered.chunk_by(|((one, _), _), ((other, _), _)| one == other);
    let steps = boots.map(|boot| {
        let times: Vec<i64> = boot.iter().map(|(_, at)| *at).collect();
        clock_steps_back(&times).len() as u64
    });
    steps.sum()
}

/// Looks at one field for resets, or for a sensor that sticks or drifts.
fn look_at(
    kind: FieldKind,
    rows: &DeviceRows,
    values: &[Option<f64>],
    trusted: impl Fn(usize) -> bool,
    figures: &mut Figures,
) {
    let there = rows.captured.iter().zip(values).enumerate();
    let there = there.filter(|(place, _)| trusted(*place));
    let mut there: Vec<(i64, f64)> =
        there.filter_map(|(_, (at, value))| Some((*at, (*value)?))).collect();
    there.sort_by_key(|(at, _)| *at);
    match kind {
        FieldKind::Counter => {
            let counts: Vec<(i64, i64)> =
                there.iter().map(|(at, value)| (*at, *value as i64)).collect();
            figures.resets += counter_resets(&counts).len() as u64;
        }
        FieldKind::Float => {
            let values: Vec<f64> = there.iter().map(|(_, value)| *value).collect();
            let stuck = match stuck_runs(&values) {
                Stuck::TooFew => return,
                Stuck::Constant(_) => false,
                Stuck::Runs(runs) => !runs.is_empty(),
            };
            figures.sensors += 1;
            figures.stuck += u64::from(stuck);
            let drifts = || drift(&there, DRIFT_BLOCK).is_some_and(|it| it.is_drift);
            figures.drifting += u64::from(!stuck && drifts());
        }
        FieldKind::Integer | FieldKind::Boolean | FieldKind::Text => {}
    }
}

#[cfg(test)]
mod tests {
    use longlead_model::{Bundle, Source};

    use super::*;

    const MINUTE: i64 = 60_000_000;
    const START: i64 = 1_767_225_600_000_000;

    fn contract(extra: &str) -> Contract {
        let text = format!(
            r#"
            [[contract]]
            id = "climate"
            title = "Climate"
            {extra}
            fields = [
                {{ name = "temperature", unit = "Cel" }},
                {{ name = "uptime", kind = "counter", unit = "s" }},
            ]
            "#
        );
        let (bundle, told) = Bundle::load(&[Source { name: "it.toml".into(), text }]);
        assert!(told.is_empty(), "{told:?}");
        Contract::of(bundle.records.contracts.values().next().unwrap(), 1)
    }

    /// A hundred readings a minute apart, less those that are lost; a boot at the sixtieth.
    fn rows(lost: Range<usize>) -> DeviceRows {
        let mut rows = DeviceRows::default();
        let (mut temperature, mut uptime) = (Vec::new(), Vec::new());
        for number in (0..100).filter(|number| !lost.contains(number)) {
            let at = START + number as i64 * MINUTE;
            rows.captured.push(at);
            rows.received.push(at + if number % 10 == 0 { 2 * MINUTE } else { 1_000_000 });
            rows.clock.push(Clock::Good);
            rows.boot.push(None);
            rows.sequence.push(Some(if number < 60 { number } else { number - 60 } as u64));
            temperature.push(Some((number * 37 % 101) as f64));
            uptime.push(Some(if number < 60 { number } else { number - 60 } as f64 * 60.0));
        }
        rows.fields = vec![("temperature".to_owned(), temperature), ("uptime".to_owned(), uptime)];
        rows
    }

    const EVERY_MINUTE: &str = "cadence = \"1 min\"\nallowed_lateness = \"1 min\"";

    #[test]
    fn a_device_is_counted_by_its_numbers_and_at_the_ends_by_the_cadence() {
        let window = START - 10 * MINUTE..START + 120 * MINUTE;
        let found =
            device_figures(&contract(EVERY_MINUTE), &rows(20..30), window.clone(), window.end);
        let complete = found.completeness.unwrap();
        // 100 by numbers, ten before and twenty after by the cadence.
        assert_eq!((complete.expected, complete.received), (130, 90));
        assert_eq!(complete.basis, Basis::Mixed);
        assert_eq!((found.rows, found.gaps, found.resets), (90, 1, 1));
        assert_eq!(found.timely, Some((81, 9)));
        assert_eq!(found.fresh, Some((0, 1)));
        assert_eq!(found.clocks, [90, 0, 0, 0, 0, 0]);
        assert_eq!((found.sensors, found.stuck, found.drifting), (1, 0, 0));
    }

    #[test]
    fn without_numbers_it_is_counted_by_the_cadence_and_without_both_not_at_all() {
        let mut rows = rows(20..30);
        rows.sequence[5] = None;
        let window = START..START + 100 * MINUTE;
        let found = device_figures(&contract(EVERY_MINUTE), &rows, window.clone(), window.end);
        let complete = found.completeness.unwrap();
        assert_eq!((complete.expected, complete.received), (100, 90));
        assert_eq!((complete.basis, found.fresh), (Basis::Cadence, Some((1, 0))));
        let found = device_figures(&contract(""), &rows, window.clone(), window.end);
        assert_eq!((found.completeness, found.timely, found.fresh), (None, None, None));
    }

    #[test]
    fn clocks_that_step_back_and_clocks_that_were_never_set_are_told() {
        let mut rows = rows(0..0);
        for at in rows.captured.iter_mut().skip(70) {
            *at -= 55 * MINUTE;
        }
        rows.clock[3] = Clock::Unset;
        rows.captured[3] = 0;
        let window = START..START + 100 * MINUTE;
        let found = device_figures(&contract(EVERY_MINUTE), &rows, window.clone(), window.end);
        assert_eq!((found.steps_back, found.clocks), (1, [99, 0, 0, 0, 1, 0]));
    }

    #[test]
    fn a_device_of_which_nothing_arrived_owes_all() {
        let window = START..START + 100 * MINUTE;
        let none = DeviceRows::default();
        let found = device_figures(&contract(EVERY_MINUTE), &none, window.clone(), window.end);
        let complete = found.completeness.unwrap();
        assert_eq!((complete.expected, complete.received), (100, 0));
        assert_eq!(found.fresh, Some((0, 1)));
        assert!(found.score(None).value.is_some_and(|score| score < 0.02));
    }
}
