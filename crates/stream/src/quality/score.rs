//! One figure for the quality of a stream, a device or a cohort, made of parts that explain it.

mod sentence;

use super::completeness::{Basis, Completeness};
use super::lateness::Lateness;
use crate::rows::Clock;

/// The least that a part can be, so that one that fails outright doesn't hide all others.
const PART_MIN: f64 = 0.01;

/// What is counted of a device's readings of a stream in a window. Those of several devices,
/// streams or windows add up, so that a cohort is scored from the same figures as a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// How much of what was due is there; nothing where nothing tells what was due.
    pub completeness: Option<Completeness>,
    /// How many readings became rows.
    pub rows: u64,
    /// How many arrived again and were there already.
    pub duplicates: u64,
    /// How many are in quarantine.
    pub quarantined: u64,
    /// How long readings took to arrive.
    pub lateness: Lateness,
    /// How many rows arrived within the lateness allowed, and how many later; nothing where the
    /// contract doesn't say what is allowed.
    pub timely: Option<(u64, u64)>,
    /// How many devices have a reading as new as the cadence lets one expect, and how many
    /// haven't; nothing where there is no cadence.
    pub fresh: Option<(u64, u64)>,
    /// Rows by the quality of their clock, in the order of [`Clock::ALL`].
    pub clocks: [u64; 6],
    /// How often a clock stepped back.
    pub steps_back: u64,
    /// How often a counter started again.
    pub resets: u64,
    /// How many gaps there are.
    pub gaps: u64,
    /// How many fields of devices were looked at for sensors that stick or drift.
    pub sensors: u64,
    /// How many of these stick.
    pub stuck: u64,
    /// How many of these drift, and don't stick.
    pub drifting: u64,
}

impl Figures {
    /// Adds the figures of another device, stream or window.
    pub fn merge(&mut self, other: &Figures) {
        self.completeness = match (self.completeness, other.completeness) {
            (Some(one), Some(other)) => Some(one.with(other)),
            (one, other) => one.or(other),
        };
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.quarantined += other.quarantined;
        self.lateness.merge(&other.lateness);
        self.timely = sum(self.timely, other.timely);
        self.fresh = sum(self.fresh, other.fresh);
        for (count, more) in self.clocks.iter_mut().zip(other.clocks) {
            *count += more;
        }
        self.steps_back += other.steps_back;
        self.resets += other.resets;
        self.gaps += other.gaps;
        self.sensors += other.sensors;
        self.stuck += other.stuck;
        self.drifting += other.drifting;
    }

    /// The score of these figures; `objective` is the share of the readings due that was agreed.
    ///
    /// Method: each part is a share between 0 and 1 and has a weight: completeness 40, freshness
    /// 15, timeliness 15, what fits the contract 15, clocks 10, sensors 5. A part that can't be
    /// known (no cadence, no rows) is left out and the others keep their proportions. The score is
    /// the weighted geometric mean, each part taken as at least 0.01: a stream of which little
    /// arrives is bad however well the rest fits, which a sum would hide. Completeness at its
    /// objective counts as full. Duplicates cost nothing here, since none is stored.
    pub fn score(&self, objective: Option<f64>) -> Score {
        let told = [
            self.completeness_part(objective),
            self.freshness_part(),
            self.timeliness_part(),
            self.fit_part(),
            self.clock_part(),
            self.sensor_part(),
        ];
        let parts: Vec<(Statement, f64, f64)> = told.into_iter().flatten().collect();
        let total: f64 = parts.iter().map(|(_, weight, _)| weight).sum();
        let part = |(statement, weight, value): (Statement, f64, f64)| Part {
            statement,
            weight: weight / total,
            value: value.clamp(0.0, 1.0),
        };
        Score::of(parts.into_iter().map(part).collect())
    }

    fn completeness_part(&self, objective: Option<f64>) -> Option<(Statement, f64, f64)> {
        let Completeness { expected, received, basis, .. } = self.completeness?;
        let share = self.completeness?.share()?;
        let full = objective.filter(|objective| *objective > 0.0).unwrap_or(1.0);
        let gaps = self.gaps;
        let statement = Statement::Completeness { received, expected, basis, objective, gaps };
        Some((statement, 40.0, share / full))
    }

    fn freshness_part(&self) -> Option<(Statement, f64, f64)> {
        let (fresh, stale) = self.fresh?;
        Some((Statement::Freshness { fresh, stale }, 15.0, share(fresh, stale)?))
    }

    fn timeliness_part(&self) -> Option<(Statement, f64, f64)> {
        let (timely, late) = self.timely?;
        let p95 = self.lateness.quantile(0.95);
        Some((Statement::Timeliness { timely, late, p95 }, 15.0, share(timely, late)?))
    }

    fn fit_part(&self) -> Option<(Statement, f64, f64)> {
        let (rows, quarantined) = (self.rows, self.quarantined);
        Some((Statement::Fit { rows, quarantined }, 15.0, share(rows, quarantined)?))
    }

    fn clock_part(&self) -> Option<(Statement, f64, f64)> {
        let count =
            |clock: Clock| self.clocks.get(usize::from(clock.code())).copied().unwrap_or_default();
        // A time that was reckoned from a span, or told by who heard the device, is as good as a
        // clock of its own.
        let good = count(Clock::Good) + count(Clock::Reckoned) + count(Clock::Heard);
        let (untold, future, unset) =
            (count(Clock::Received), count(Clock::Future), count(Clock::Unset));
        let bad = untold + future + unset;
        let steps_back = self.steps_back;
        let statement = Statement::Clock { good, untold, future, unset, steps_back };
        Some((statement, 10.0, share(good, bad)?))
    }

    fn sensor_part(&self) -> Option<(Statement, f64, f64)> {
        let (sensors, stuck, drifting) = (self.sensors, self.stuck, self.drifting);
        let sound = sensors.saturating_sub(stuck + drifting);
        let share = share(sound, sensors - sound)?;
        Some((Statement::Sensors { sensors, stuck, drifting }, 5.0, share))
    }
}

/// The share of the first in both; nothing of nothing.
fn share(part: u64, rest: u64) -> Option<f64> {
    let whole = part + rest;
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn sum(one: Option<(u64, u64)>, other: Option<(u64, u64)>) -> Option<(u64, u64)> {
    match (one, other) {
        (Some((a, b)), Some((c, d))) => Some((a + c, b + d)),
        (one, other) => one.or(other),
    }
}

/// What a part of a score is made of. [`Display`](std::fmt::Display) puts it into a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statement {
    /// How much of what was due is there.
    Completeness {
        /// Readings that are there, of those due.
        received: u64,
        /// Readings due.
        expected: u64,
        /// What tells what was due.
        basis: Basis,
        /// The share agreed.
        objective: Option<f64>,
        /// In how many gaps the missing ones lie, as far as gaps were looked for.
        gaps: u64,
    },
    /// Whether devices still send.
    Freshness {
        /// Devices with a new reading.
        fresh: u64,
        /// Devices without.
        stale: u64,
    },
    /// Whether readings arrive in time.
    Timeliness {
        /// Rows within the lateness allowed.
        timely: u64,
        /// Rows beyond it.
        late: u64,
        /// Microseconds within which 95 of 100 arrived.
        p95: Option<u64>,
    },
    /// Whether readings fit the contract.
    Fit {
        /// Those that do.
        rows: u64,
        /// Those in quarantine.
        quarantined: u64,
    },
    /// Whether captured times can be trusted.
    Clock {
        /// Rows whose time can be.
        good: u64,
        /// Rows that told no time.
        untold: u64,
        /// Rows from the future.
        future: u64,
        /// Rows of clocks that were never set.
        unset: u64,
        /// How often a clock stepped back.
        steps_back: u64,
    },
    /// Whether sensors measure.
    Sensors {
        /// Fields of devices that were looked at.
        sensors: u64,
        /// Those that repeat one value.
        stuck: u64,
        /// Those that drift.
        drifting: u64,
    },
}

/// A part of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// What it is made of.
    pub statement: Statement,
    /// Its share of the score; the weights of all parts add up to 1.
    pub weight: f64,
    /// How good it is, between 0 and 1.
    pub value: f64,
}

impl Part {
    fn factor(&self) -> f64 {
        self.value.max(PART_MIN).powf(self.weight)
    }
}

/// The quality of a stream, a device or a cohort.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Between 0 and 1; nothing where nothing is known.
    pub value: Option<f64>,
    /// What it is made of.
    pub parts: Vec<Part>,
}

impl Score {
    fn of(parts: Vec<Part>) -> Score {
        let value = (!parts.is_empty()).then(|| parts.iter().map(Part::factor).product());
        Score { value, parts }
    }

    /// The parts that cost the score anything, the dearest first, each with what the score would
    /// be if that part were perfect.
    pub fn costs(&self) -> Vec<(&Part, f64)> {
        let Some(value) = self.value else { return Vec::new() };
        let mut costs: Vec<(&Part, f64)> = self
            .parts
            .iter()
            .filter(|part| part.value < 1.0)
            .map(|part| (part, value / part.factor()))
            .collect();
        costs.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        costs
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn device() -> Figures {
        let mut lateness = Lateness::default();
        for minutes in 0..100 {
            lateness.add(0, minutes * 60_000_000);
        }
        let basis = Basis::Sequence;
        Figures {
            completeness: Some(Completeness { expected: 2000, received: 1700, extra: 3, basis }),
            rows: 1700,
            duplicates: 3,
            quarantined: 17,
            lateness,
            timely: Some((1690, 10)),
            fresh: Some((1, 0)),
            clocks: [1690, 0, 4, 0, 6, 0],
            steps_back: 1,
            resets: 0,
            gaps: 12,
            sensors: 3,
            stuck: 1,
            drifting: 0,
        }
    }

    fn told(score: &Score) -> String {
        let mut out = format!("{:.3}\n", score.value.unwrap_or(f64::NAN));
        for part in &score.parts {
            let Part { statement, weight, value } = part;
            out.push_str(&format!("{weight:.3} × {value:.3}: {statement}\n"));
        }
        for (part, without) in score.costs() {
            let word = format!("{:?}", part.statement);
            let word = word.split(' ').next().unwrap_or_default();
            out.push_str(&format!("{without:.3} but for {word}\n"));
        }
        out
    }

    #[test]
    fn a_score_says_what_it_is_made_of_and_what_costs_most() {
        expect![[r#"
            0.923
            0.400 × 0.867: 1,700 of 2,000 readings due are there, counted by their numbers; the rest is missing in 12 gaps; agreed are 98 %
            0.150 × 1.000: 1 of 1 devices have sent lately
            0.150 × 0.994: 1,690 of 1,700 rows arrived in time; 95 of 100 took no longer than 98.4 min
            0.150 × 0.990: 1,700 readings fit the contract, 17 are in quarantine
            0.100 × 0.994: 1,690 rows have a time to be trusted, 4 told none, 6 came from clocks that were never set; a clock stepped back once
            0.050 × 0.667: 1 of 3 sensors stick, 0 drift
            0.977 but for Completeness
            0.942 but for Sensors
            0.924 but for Fit
            0.924 but for Timeliness
            0.924 but for Clock
        "#]].assert_eq(&told(&device().score(Some(0.98))));
    }

    #[test]
    fn what_is_not_known_is_left_out_and_nothing_known_is_no_score() {
        let figures = Figures { rows: 10, clocks: [10, 0, 0, 0, 0, 0], ..Figures::default() };
        expect![[r#"
            1.000
            0.600 × 1.000: 10 readings fit the contract, 0 are in quarantine
            0.400 × 1.000: 10 rows have a time to be trusted
        "#]]
        .assert_eq(&told(&figures.score(None)));
        assert_eq!(Figures::default().score(Some(0.9)), Score { value: None, parts: vec![] });
    }

    #[test]
    fn a_cohort_is_scored_from_the_sum_of_its_devices() {
        let silent = Figures {
            completeness: Some(Completeness {
                expected: 2000,
                received: 0,
                extra: 0,
                basis: Basis::Cadence,
            }),
            fresh: Some((0, 1)),
            ..Figures::default()
        };
        let mut cohort = Figures::default();
        cohort.merge(&device());
        cohort.merge(&silent);
        expect![[r#"
            0.625
            0.400 × 0.425: 1,700 of 4,000 readings due are there, counted by numbers where there are any, else by the cadence; the rest is missing in 12 gaps
            0.150 × 0.500: 1 of 2 devices have sent lately
            0.150 × 0.994: 1,690 of 1,700 rows arrived in time; 95 of 100 took no longer than 98.4 min
            0.150 × 0.990: 1,700 readings fit the contract, 17 are in quarantine
            0.100 × 0.994: 1,690 rows have a time to be trusted, 4 told none, 6 came from clocks that were never set; a clock stepped back once
            0.050 × 0.667: 1 of 3 sensors stick, 0 drift
            0.881 but for Completeness
            0.694 but for Freshness
            0.638 but for Sensors
            0.626 but for Fit
            0.626 but for Timeliness
            0.626 but for Clock
        "#]].assert_eq(&told(&cohort.score(None)));
        let alone = silent.score(None).value.unwrap();
        assert!(alone < 0.02, "a device of which nothing arrives: {alone}");
    }
}
